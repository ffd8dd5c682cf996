"""`bootstrap`: this machine's key, its place on the tailnet, and the pins of the other side.

Only init, pair, peers add/remove and up change anything, each only what its help says. The installer of Tailscale is named,
never run, and no secret is ever printed or put on a command line.
"""

import json
import os
import re
import socket
import stat
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bootstrap import pins
from bootstrap.check import Finding, check, tcp
from bootstrap.door import is_private, split_address
from bootstrap.files import Problem
from bootstrap.identity import Peer, Role, read_peers
from bootstrap.options import AsJson, Directory, Executable, Socket, Start, failing
from bootstrap.plan import TAGS, next_step, this_place, utc_now
from bootstrap.policy import WARNING, checked_tag, policy
from bootstrap.setup import NAME_OF, Made, initialise, read_fragment, role_of
from bootstrap.socks import checked_proxy
from bootstrap.start import start, start_command
from bootstrap.tailscale import Status, Tailscale

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Set up two machines: keys, pairing, tailnet. On one machine nothing of it is needed: both venues then run on"
    " CONTROLLER_PLATFORMS.",
)
pins.register(app)
RoleFlag = Annotated[Role | None, typer.Option("--role", help="controller or trader", show_default=False)]
_WAIT_S = 30


@app.command()
def init(
    role: Annotated[Role, typer.Option(help="controller or trader")],
    platform: Annotated[str, typer.Option(help="a trader's TRADER_PLATFORM: kalshi or polymarket")] = "",
    directory: Directory = Path("link"),
    name: Annotated[str, typer.Option(help="this machine's name on the other's screen; default: the host name")] = "",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="a controller's LINK_PORT for traders; default 9001")] = 0,
    link_host: Annotated[str, typer.Option(help="a controller's LINK_HOST for traders; default: its tailnet IPv4")] = "",
    controller: Annotated[str, typer.Option(help="a trader's CONTROLLER_ADDRESS, host:port; pairing fills it in")] = "",
    socks5: Annotated[
        str, typer.Option(help="a trader's LINK_SOCKS5: proxy of a tailscaled in userspace mode, host:port")
    ] = "",
    rotate: Annotated[bool, typer.Option("--rotate", help="replace the key: every peer must pair again")] = False,
    run: Start = False,
    as_json: AsJson = False,
    executable: Executable = "tailscale",
    socket_path: Socket = None,
) -> None:
    """Make this machine's key and settings fragment, or show them: running it again changes nothing that is there."""
    with failing():
        directory = directory.expanduser().resolve()
        flags, defaults = {}, {}
        if role == "controller":
            if platform or controller or socks5:
                raise Problem("--platform, --controller and --socks5 are a trader's")
            if link_host:
                if link_host != "localhost" and not is_private(link_host):
                    raise Problem(f"--link-host {link_host}: a tailnet or loopback address of this machine is wanted")
                flags["LINK_HOST"] = link_host
            if port:
                flags["LINK_PORT"] = str(port)
            status = Tailscale(executable, socket_path).status()
            usable = status.state == "Running" and status.tun and bool(status.ipv4)
            defaults = {"LINK_HOST": status.ipv4 if usable else "127.0.0.1", "LINK_PORT": "9001"}
        else:
            if port or link_host:
                raise Problem("--port and --link-host are the controller's; a trader takes --controller HOST:PORT")
            if platform:
                flags["TRADER_PLATFORM"] = platform
            if controller:
                split_address(controller)
                flags["CONTROLLER_ADDRESS"] = controller
            if socks5:
                checked_proxy(socks5)
                flags["LINK_SOCKS5"] = socks5
        if name:
            flags[NAME_OF[role]] = pins.own_name(name)
        made = initialise(directory, role, name=pins.own_name(name), defaults=defaults, flags=flags, rotate=rotate)
        paste = pins.paste_line(made)
        peers = read_peers(directory)
        if run and role == "trader" and not peers:
            raise Problem("a trader without a controller has nothing to do: pair first, with bootstrap pair --start")
    if as_json:
        fields = {
            "schema": 1,
            "role": role,
            "new": made.new,
            "fingerprint": made.fingerprint,
            "public_key": pins.encoded(made.public),
            "settings_file": str(made.fragment),
            "settings": made.settings,
            "peers": [asdict(peer) for peer in peers],
        }
        typer.echo(json.dumps(fields))
    else:
        _show_made(made, peers, directory, paste)
    if run:
        start(role, made.settings, os.environ)


def _show_made(made: Made, peers: Sequence[Peer], directory: Path, paste: str) -> None:
    role = made.role
    typer.echo(f"{role} {'made' if made.new else 'as it was'} in {directory}")
    typer.echo(f"fingerprint  {made.fingerprint}")
    typer.echo(f"settings     {made.fragment}: " + ", ".join(f"{key}={value}" for key, value in made.settings.items()))
    typer.echo("peers        " + (", ".join(f"{peer.name} ({peer.fingerprint})" for peer in peers) or "none yet"))
    if made.new and peers:
        typer.echo("the key is new: on every peer take the old pin out (bootstrap peers remove) and pair again")
    if not peers:
        here = f"bootstrap pair --dir {directory}"
        typer.echo(f"next: {here}" + (" --code CODE --controller HOST:PORT" if role == "trader" else ""))
        typer.echo(f"or, by hand on the other machine: {paste}")
    typer.echo(f"start, with DRY_RUN=1 unless you say otherwise: {start_command(made.fragment, role, Path.cwd())}")


@app.command()
def status(
    role: RoleFlag = None,
    tag: Annotated[
        str | None, typer.Option(help="tag this machine must carry; default: the role's", show_default=False)
    ] = None,
    directory: Directory = Path("link"),
    as_json: AsJson = False,
    executable: Executable = "tailscale",
    socket_path: Socket = None,
) -> None:
    """Show the tailnet state and the exact next command; exit 1 while the tailnet cannot be used. Changes nothing."""
    with failing():
        socks5 = read_fragment(directory.expanduser().resolve(), "trader").get("LINK_SOCKS5", "")
    seen = Tailscale(executable, socket_path).status()
    place = this_place(sys.platform)
    step = next_step(seen, sys.platform, utc_now(), role=role, tag=tag, place=place, socks5=socks5)
    if as_json:
        fields = {"schema": 1, "state": seen.state, "addresses": seen.addresses, "tags": seen.node.tags, "tun": seen.tun}
        typer.echo(json.dumps({**fields, **asdict(step)}))
    else:
        typer.echo(step.what)
        for warning in step.warnings:
            typer.echo(f"warning: {warning}")
        if step.command:
            typer.echo(f"next: {step.command}")
    raise typer.Exit(0 if step.ready else 1)


@app.command()
def up(
    auth_key_file: Annotated[Path, typer.Option(help="file with the auth key, readable by you alone")],
    tag: Annotated[list[str], typer.Option(help="tag to carry, once or more")],
    hostname: Annotated[str, typer.Option(help="name on the tailnet; default: the host name")] = "",
    login_server: Annotated[str, typer.Option(help="another coordination server, for example a headscale")] = "",
    executable: Executable = "tailscale",
    socket_path: Socket = None,
) -> None:
    """Join the tailnet with an auth key: runs `tailscale up`, and only while this node is logged out or stopped."""
    with failing():
        tags = [checked_tag(one) for one in tag]
        tailscale = Tailscale(executable, socket_path)
        seen = tailscale.status()
        if seen.state == "Running":
            typer.echo(f"already on the tailnet as {', '.join(seen.addresses)}; change it with `tailscale set`")
            return
        if seen.state not in ("NeedsLogin", "Stopped"):
            step = next_step(seen, sys.platform, utc_now(), place=this_place(sys.platform))
            raise Problem(f"{step.what}" + (f"; next: {step.command}" if step.command else ""))
        arguments = ["--timeout=60s"]
        if seen.state == "NeedsLogin":  # a stopped node has its settings; repeating some of them is refused (2.3)
            host = hostname or re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")
            key = _checked_key(auth_key_file)
            arguments += [f"--auth-key=file:{key}", f"--advertise-tags={','.join(tags)}", f"--hostname={host}"]
            arguments += [f"--login-server={login_server}"] if login_server else []
        failure = tailscale.up(arguments)
        if failure is not None:
            raise Problem(f"tailscale up failed: {failure}")
        seen = settled(tailscale.status)
        step = next_step(seen, sys.platform, utc_now(), tag=tags[0], place=this_place(sys.platform))
        typer.echo(step.what)
        if step.command:
            typer.echo(f"next: {step.command}")
    raise typer.Exit(0 if step.ready else 1)


def settled(read: Callable[[], Status], sleep: Callable[[float], None] = time.sleep) -> Status:
    """The status once it is no longer starting, asked every second for half a minute."""
    seen = read()
    for _ in range(_WAIT_S):
        if seen.state not in ("Starting", "NoState") and (seen.state != "Running" or seen.addresses):
            break
        sleep(1.0)
        seen = read()
    return seen


def _checked_key(path: Path) -> Path:
    """The key's file, looked at but never shown. Raises Problem for one that others read or whose node would vanish."""
    path = path.expanduser().resolve()
    try:
        loose = stat.S_IMODE(path.stat().st_mode) & 0o077
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise Problem(f"auth key file {path}: {getattr(exc, 'strerror', None) or 'is not text'}") from exc
    if loose:
        raise Problem(f"auth key file {path} can be read by others: chmod 600 {path}")
    if not re.fullmatch(r"[A-Za-z0-9_?&=.:/-]{16,500}", text):  # headscale's keys have no prefix to look for
        raise Problem(f"auth key file {path} holds no auth key: one line, as tskey-auth-...")
    if text.startswith("tskey-client-") and "ephemeral=false" not in text:
        raise Problem("an OAuth client secret makes a node that vanishes when offline: add ?ephemeral=false to it")
    return path


@app.command(name="policy")
def policy_command(
    controller_tag: Annotated[str, typer.Option(help="the controller's tag")] = TAGS["controller"],
    trader_tag: Annotated[str, typer.Option(help="the traders' tag")] = TAGS["trader"],
    port: Annotated[int, typer.Option(min=1, max=65_535, help="the controller's port for traders")] = 9001,
) -> None:
    """Print the grant and its tests for the tailnet's policy file. Nothing is applied."""
    with failing():
        text = policy(controller_tag, trader_tag, port)
    typer.echo(WARNING, err=True)
    typer.echo(text)


@app.command(name="check")
def check_command(
    peer: Annotated[str, typer.Option(help="the other side, host or host:port; default: the trader's CONTROLLER_ADDRESS")] = "",
    role: RoleFlag = None,
    directory: Directory = Path("link"),
    tag: Annotated[
        str | None, typer.Option(help="tag this machine must carry; default: the role's", show_default=False)
    ] = None,
    as_json: AsJson = False,
    executable: Executable = "tailscale",
    socket_path: Socket = None,
) -> None:
    """Reach the other side through the tailnet and say whether directly or relayed; exit 1 when it cannot be reached."""
    with failing():
        directory = directory.expanduser().resolve()
        mine = role or role_of(directory)
        fragment = read_fragment(directory, mine)
        where, socks5 = peer or fragment.get("CONTROLLER_ADDRESS", ""), fragment.get("LINK_SOCKS5", "")
        host, port = split_address(where.split(",")[0]) if where else ("", 9001)
        if mine == "trader" and not host:
            raise Problem(
                "which controller? --peer HOST:PORT, or pair first: bootstrap pair --code CODE --controller HOST:PORT"
            )
        tailscale = Tailscale(executable, socket_path)
        place = this_place(sys.platform)
        findings = check(
            tailscale,
            sys.platform,
            utc_now(),
            role=mine,
            host=host,
            port=port,
            tag=tag,
            place=place,
            connect=partial(tcp, socks5=socks5),
            socks5=socks5,
        )
    good = all(one.ok for one in findings)
    if as_json:
        typer.echo(json.dumps({"schema": 1, "ok": good, "findings": [asdict(one) for one in findings]}))
    else:
        for one in findings:
            _show(one)
    raise typer.Exit(0 if good else 1)


def _show(one: Finding) -> None:
    word = "slow" if one.slow else ("ok" if one.ok else "fail")
    typer.echo(f"{word:<4}  {one.what}: {one.detail}")
    if one.next:
        typer.echo(f"      next: {one.next}")


def main() -> None:
    app()
