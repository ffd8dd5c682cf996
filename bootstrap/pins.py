"""`bootstrap pair` and `bootstrap peers`: whom this machine's program accepts, written to peers.toml and nowhere else.

A running controller reads its pins every second, a trader when it starts: taking one out is the revocation (docs/security.md).
"""

import base64
import json
import os
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bootstrap.door import Agree, PortTaken, Whois, dial, open_door, split_address, wait_for_trader
from bootstrap.files import Problem
from bootstrap.identity import Peer, Role, add_peer, checked_name, checked_peer, public_key, read_peers, remove_peer
from bootstrap.options import AsJson, Directory, Executable, Socket, Start, failing
from bootstrap.pairing import LIFETIME_S, make_code
from bootstrap.setup import NAME_OF, Made, fragment_path, read_fragment, role_of, set_values
from bootstrap.start import start, start_command
from bootstrap.tailscale import Tailscale

__all__ = ["encoded", "own_name", "paste_line", "register"]

_peers = typer.Typer(no_args_is_help=True, help="The pinned keys of the other side.")
Say = Callable[[dict[str, object], list[str]], None]


def register(app: typer.Typer) -> None:
    """Add these commands to bootstrap's."""
    app.command()(pair)
    app.add_typer(_peers, name="peers")


def encoded(public: bytes) -> str:
    return base64.b64encode(public).decode()


def own_name(name: str) -> str:
    """The name this machine goes by: as given, or the host name made to fit. Raises Problem."""
    return checked_name(name) if name else re.sub(r"[^A-Za-z0-9._-]+", "-", socket.gethostname()).strip("-._")[:63] or "tandem"


def paste_line(made: Made) -> str:
    """What to type on the other machine to pin this one without pairing."""
    platform = f" --platform {made.settings['TRADER_PLATFORM']}" if made.role == "trader" else ""
    name = made.settings[NAME_OF[made.role]]
    return f"bootstrap peers add --name {name} --role {made.role}{platform} --public-key {encoded(made.public)}"


def pair(
    code: Annotated[str, typer.Option(help="on the trader: the code the controller shows")] = "",
    controller: Annotated[str, typer.Option(help="on the trader: where the controller pairs, host:port")] = "",
    directory: Directory = Path("link"),
    name: Annotated[str, typer.Option(help="this machine's name on the other's screen")] = "",
    host: Annotated[str, typer.Option(help="on the controller: address of the door; default LINK_HOST")] = "",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="port of the door; default LINK_PORT, the next one while the controller runs")
    ] = 0,
    socks5: Annotated[str, typer.Option(help="on the trader: proxy to dial through; default LINK_SOCKS5")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="agree to the fingerprints without being asked")] = False,
    run: Start = False,
    as_json: AsJson = False,
    executable: Executable = "tailscale",
    socket_path: Socket = None,
) -> None:
    """Exchange public keys with the other machine by a one-time code: here without --code, there with it.

    The code is good for one attempt within five minutes. Both screens show both fingerprints; they must be the same.
    """

    def say(fields: dict[str, object], lines: list[str]) -> None:
        typer.echo(json.dumps({"schema": 1, **fields}) if as_json else "\n".join(lines))

    def agree(own: Peer, other: Peer) -> bool:
        fields: dict[str, object] = {"event": "fingerprints", "ours": own.fingerprint, "theirs": other.fingerprint}
        machine = f", machine {other.stable_id}" if other.stable_id else ""
        venue = f" for {other.platform}" if other.platform else ""
        say(
            {**fields, "peer": asdict(other)},
            [
                f"{one.role:<10}  {one.fingerprint}  {who}"
                for one, who in ((own, "here"), (other, other.name + venue + machine))
            ],
        )
        return yes or typer.confirm("Does the other screen show the same two fingerprints?")

    with failing():
        if as_json and not yes:
            raise Problem("--json asks nothing; say --yes too")
        directory = directory.expanduser().resolve()
        role = role_of(directory)
        settings = read_fragment(directory, role)
        tailscale = Tailscale(executable, socket_path)
        seen = tailscale.status()
        own = checked_peer(
            name=own_name(name or settings.get(NAME_OF[role], "")),
            role=role,
            platform=settings.get("TRADER_PLATFORM", "") if role == "trader" else "",
            public_key=encoded(public_key(directory)),
            stable_id=seen.node.stable_id if seen.state == "Running" else "",
        )

        def whois(address: str) -> str:
            machine = tailscale.whois(address) if seen.state == "Running" else None
            return machine.stable_id if machine is not None else ""

        if role == "controller":
            if code or controller or socks5:
                raise Problem("this is the controller: run `bootstrap pair` here without --code, and with it on the trader")
            peer = _open(own, directory, host or settings.get("LINK_HOST", "127.0.0.1"), port, settings, say, agree, whois)
        else:
            if host:
                raise Problem("--host is the controller's; a trader takes --controller HOST:PORT")
            where = controller or settings.get("CONTROLLER_ADDRESS", "")
            proxy = socks5 or settings.get("LINK_SOCKS5", "")
            peer = _dial(own, directory, where, port, code, settings, agree, whois, proxy)
    command = start_command(fragment_path(directory, role), role, Path.cwd())
    running = (
        "a controller that runs lets it in within a second; else start it:"
        if role == "controller"
        else "start it now, or again when it runs already:"
    )
    lines = [f"paired with {peer.name}", f"{running} {command}"]
    if settings.get("LINK_TAILNET") == "off" and not peer.stable_id:
        lines.append("its machine is not pinned: LINK_TAILNET=off")
    elif seen.state != "Running":
        lines.append(
            "Tailscale is not up here: over another network set LINK_TAILNET=off on both machines (loopback needs nothing)"
        )
    elif not peer.stable_id:
        lines.append("its machine is not pinned: tailscaled does not know it")
    say({"event": "paired", "peer": asdict(peer)}, lines)
    if run:
        start(role, read_fragment(directory, role), os.environ)


def _open(
    own: Peer, directory: Path, host: str, port: int, settings: dict[str, str], say: Say, agree: Agree, whois: Whois
) -> Peer:
    link = int(settings.get("LINK_PORT", "9001"))
    with _door(host, port, link) as door:
        number = door.getsockname()[1]
        code = make_code(secrets.token_bytes(8))
        where = f"[{host}]:{link or number}" if ":" in host else f"{host}:{link or number}"
        there = f"bootstrap pair --code {code} --controller {where}" + (f" --port {number}" if number != link else "")
        say(
            {"event": "waiting", "code": code, "address": where, "port": number, "seconds": LIFETIME_S},
            [f"on the trader, within {LIFETIME_S // 60} minutes: {there}", f"one attempt; waiting on port {number} ..."],
        )
        return wait_for_trader(door, code, own, directory, agree=agree, whois=whois)


def _door(host: str, port: int, link: int) -> socket.socket:
    """On the port that was asked for, else on the link's, else, while the controller runs on that one, on the next."""
    if port or not link:
        return open_door(host, port)
    try:
        return open_door(host, link)
    except PortTaken:
        return open_door(host, link + 1)


def _dial(
    own: Peer,
    directory: Path,
    controller: str,
    door: int,
    code: str,
    settings: dict[str, str],
    agree: Agree,
    whois: Whois,
    socks5: str,
) -> Peer:
    if not code or not controller:
        raise Problem("this is a trader: --code CODE --controller HOST:PORT, as `bootstrap pair` on the controller shows them")
    host, port = split_address(controller)
    peer = dial(host, door or port, code, own, directory, agree=agree, whois=whois, socks5=socks5)
    if not settings.get("CONTROLLER_ADDRESS"):
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        set_values(directory, "trader", {"CONTROLLER_ADDRESS": where})
    return peer


@_peers.command(name="list")
def list_command(directory: Directory = Path("link"), as_json: AsJson = False) -> None:
    """Show who is accepted here."""
    with failing():
        peers = read_peers(directory.expanduser().resolve())
    if as_json:
        typer.echo(json.dumps({"schema": 1, "peers": [{**asdict(peer), "fingerprint": peer.fingerprint} for peer in peers]}))
        return
    for peer in peers:
        machine = f"machine {peer.stable_id}" if peer.stable_id else "any machine"
        typer.echo(f"{peer.name:<20} {peer.role:<10} {peer.platform:<10} {peer.fingerprint}  {machine}")
    if not peers:
        typer.echo("nobody is pinned here; pair with: bootstrap pair")


@_peers.command(name="add")
def add_command(
    name: Annotated[str, typer.Option(help="its name here")],
    role: Annotated[Role, typer.Option(help="what it is: controller or trader")],
    public_key_text: Annotated[str, typer.Option("--public-key", help="its public key, as its `bootstrap init` shows it")],
    platform: Annotated[str, typer.Option(help="a trader's venue: kalshi or polymarket")] = "",
    stable_id: Annotated[str, typer.Option(help="its tailnet machine; empty = any")] = "",
    directory: Directory = Path("link"),
) -> None:
    """Pin a public key that was copied by hand. Compare the fingerprint with the other screen."""
    with failing():
        directory = directory.expanduser().resolve()
        mine = role_of(directory)
        if mine == role:
            raise Problem(
                f"this directory is a {mine}'s; the other side is a {'trader' if mine == 'controller' else 'controller'}"
            )
        peer = checked_peer(name=name, role=role, platform=platform, public_key=public_key_text, stable_id=stable_id)
        new = add_peer(directory, peer)
    typer.echo(f"{name} {'pinned' if new else 'was pinned already'}: {peer.fingerprint}")


@_peers.command(name="remove")
def remove_command(
    name: Annotated[str, typer.Argument(help="as `bootstrap peers list` shows it")], directory: Directory = Path("link")
) -> None:
    """Take a pin out: a running controller shuts that key out within a second, a trader from its next start."""
    with failing():
        directory = directory.expanduser().resolve()
        gone = remove_peer(directory, name)
    also = "; start the trader here again now: it reads pins at its start" if gone.role == "controller" else ""
    typer.echo(f"{gone.name} ({gone.fingerprint}) is no longer accepted{also}")
