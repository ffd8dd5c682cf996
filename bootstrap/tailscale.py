"""What the local Tailscale says, through one door: its LocalAPI socket first, its command line where that cannot be used.

Reading changes nothing. up() is the only call that changes the machine, and it never puts a key on a command line. stdout and
stderr are kept apart (a version warning must not spoil the JSON); states are told by BackendState, never by an exit code
(distributed.md 2.2-2.6).
"""

import http.client
import json
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

__all__ = ["SOCKETS", "Machine", "Route", "State", "Status", "Tailscale"]

State = Literal[
    "missing",
    "daemon_down",
    "denied",
    "unreadable",
    "NoState",
    "NeedsLogin",
    "NeedsMachineAuth",
    "Stopped",
    "Starting",
    "Running",
]
SOCKETS = ("/run/tailscale/tailscaled.sock", "/var/run/tailscale/tailscaled.sock", "/var/run/tailscaled.socket")
_KNOWN: tuple[State, ...] = ("NoState", "NeedsLogin", "NeedsMachineAuth", "Stopped", "Starting", "Running")
_TIMEOUT_S = 10
_PING_S = 30
_UP_S = 60
_PONG = re.compile(r"^pong from \S+ \([^)]*\) via (\S+) in (\S+)$")


@dataclass(frozen=True, slots=True)
class Machine:
    """A node of the tailnet. expires is KeyExpiry as told, "" = never."""

    stable_id: str = ""
    name: str = ""
    host: str = ""
    addresses: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    online: bool = False
    expired: bool = False
    expires: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """state is Tailscale's BackendState, or why it could not be read. tun False = userspace mode, no interface to bind."""

    state: State
    detail: str = ""
    node: Machine = Machine()
    health: tuple[str, ...] = ()
    auth_url: str = ""
    tun: bool = True
    peers: tuple[Machine, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        return self.node.addresses

    @property
    def ipv4(self) -> str:
        """This node's IPv4 address, its IPv6 one where there is no other, "" while it has none."""
        return next((one for one in self.addresses if ":" not in one), next(iter(self.addresses), ""))

    def find(self, host: str) -> Machine | None:
        """The peer of this address, MagicDNS name or host name."""
        wanted = host.rstrip(".").lower()
        for peer in self.peers:
            names = (peer.name.lower(), peer.name.lower().partition(".")[0], peer.host.lower())
            if wanted in peer.addresses or wanted in names:
                return peer
        return None


@dataclass(frozen=True, slots=True)
class Route:
    """How a ping got through: kind, the last hop as Tailscale writes it, and its time."""

    kind: Literal["direct", "relayed", "silent", "unknown"]
    via: str = ""
    took: str = ""
    detail: str = ""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("local-tailscaled.sock", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(self._path)


class Tailscale:
    """socket_path names another tailscaled than the usual one, for both doors."""

    def __init__(self, executable: str = "tailscale", socket_path: str | None = None) -> None:
        self._command = [executable] if socket_path is None else [executable, "--socket", socket_path]
        self._sockets: Sequence[str] = SOCKETS if socket_path is None else (socket_path,)

    def status(self) -> Status:
        """This node and its peers. Never raises for anything Tailscale says or fails to say."""
        answer = self._get("status")
        if answer is not None and answer[0] == 200:
            seen = _status(answer[1])
            if seen.state != "unreadable":
                return seen
        try:
            done = self._run(["status", "--json"], _TIMEOUT_S)
        except FileNotFoundError:
            return Status("missing")
        except PermissionError as exc:
            return Status("denied", str(exc))
        except (subprocess.TimeoutExpired, OSError) as exc:
            return Status("unreadable", f"{type(exc).__name__}: no answer in {_TIMEOUT_S} s")
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            denied = any("denied" in line for line in lines)
            return Status("denied" if denied else "daemon_down", lines[-1] if lines else f"exit {done.returncode}")
        return _status(done.stdout)

    def whois(self, address: str) -> Machine | None:
        """Who is at IP:port; None when it is nobody of this tailnet, or when Tailscale cannot be asked."""
        answer = self._get(f"whois?addr={quote(address, safe=':[].')}&proto=tcp")
        text = answer[1] if answer is not None and answer[0] == 200 else None
        if text is None and answer is not None and answer[0] == 404:
            return None
        if text is None:
            try:
                done = self._run(["whois", "--json", "--proto", "tcp", address], _TIMEOUT_S)
            except (subprocess.TimeoutExpired, OSError):
                return None
            if done.returncode != 0:
                return None
            text = done.stdout
        try:
            node = json.loads(text)["Node"]
            return Machine(
                stable_id=str(node["StableID"]), name=str(node.get("Name", "")).rstrip("."), tags=_texts(node.get("Tags"))
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def ping(self, host: str) -> Route:
        """Three pings that need not find a direct path (distributed.md 2.5: the default flags call a relayed peer a failure)."""
        try:
            done = self._run(["ping", "--until-direct=false", "-c", "3", host], _PING_S)
        except (subprocess.TimeoutExpired, OSError) as exc:
            return Route("unknown", detail=f"tailscale ping cannot be run: {type(exc).__name__}")
        found = [match for line in done.stdout.splitlines() if (match := _PONG.match(line.strip()))]
        if not found:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return Route("silent", detail=said[-1] if said else f"exit {done.returncode}")
        via, took = found[-1].groups()
        return Route("relayed" if via.startswith(("DERP(", "peer-relay(")) else "direct", via, took)

    def up(self, arguments: Sequence[str]) -> str | None:
        """Run `tailscale up` with these flags; None when it succeeded, else what it said. The only call that changes anything."""
        try:
            done = self._run(["up", *arguments], _UP_S + 30)
        except FileNotFoundError:
            return "tailscale is not installed"
        except subprocess.TimeoutExpired:
            return f"tailscale up did not end in {_UP_S + 30} s"
        except OSError as exc:
            return str(exc)
        if done.returncode == 0:
            return None
        said = done.stderr.strip() or done.stdout.strip()
        return re.sub(r"tskey-[A-Za-z0-9-]+", "tskey-***", said) or f"exit {done.returncode}"

    def _run(self, arguments: Sequence[str], timeout_s: float) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._command, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def _get(self, what: str) -> tuple[int, str] | None:
        """(HTTP status, body) of the LocalAPI, None where there is no socket that we may use."""
        path = next((one for one in self._sockets if Path(one).exists()), None)
        if path is None:
            return None
        connection = _UnixConnection(path)
        try:
            connection.request("GET", f"/localapi/v0/{what}")
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def _status(text: str) -> Status:
    try:
        return _parsed(json.loads(text))
    except (ValueError, AttributeError, TypeError) as exc:
        return Status("unreadable", f"its status is not what it should be: {exc}")


def _parsed(raw: Mapping[str, object]) -> Status:
    backend = raw.get("BackendState")
    state = next((known for known in _KNOWN if known == backend), None)
    if state is None:
        return Status("unreadable", f"BackendState {backend!r} is unknown")
    peers = raw.get("Peer") or {}
    if not isinstance(peers, dict):
        raise TypeError("Peer is no object")
    node = _machine(raw.get("Self") or {})
    return Status(
        state,
        node=Machine(
            stable_id=node.stable_id,
            name=node.name,
            host=node.host,
            addresses=_texts(raw.get("TailscaleIPs")),
            tags=node.tags,
            online=node.online,
            expired=node.expired,
            expires=node.expires,
        ),
        health=_texts(raw.get("Health")),
        auth_url=str(raw.get("AuthURL") or ""),
        tun=raw.get("TUN") is not False,
        peers=tuple(_machine(peer) for peer in peers.values()),
    )


def _machine(node: object) -> Machine:
    if not isinstance(node, dict):
        raise TypeError("a node is no object")
    return Machine(
        stable_id=str(node.get("ID") or ""),
        name=str(node.get("DNSName") or "").rstrip("."),
        host=str(node.get("HostName") or ""),
        addresses=_texts(node.get("TailscaleIPs")),
        tags=_texts(node.get("Tags")),
        online=node.get("Online") is True,
        expired=node.get("Expired") is True,
        expires=str(node.get("KeyExpiry") or ""),
    )


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise TypeError("a list was expected")
    return tuple(str(one) for one in value)
