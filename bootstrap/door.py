"""The pairing door: one listener on loopback or a tailnet address, one attempt, five minutes (pairing.py has the protocol).

A stranger who says nothing, or something that is no pairing, is let go and costs nothing; the first wrong proof closes the door.
"""

import contextlib
import errno
import ipaddress
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

from bootstrap import pairing
from bootstrap.files import Problem
from bootstrap.identity import Peer, add_peer, conflict, read_peers
from bootstrap.pairing import Card
from bootstrap.socks import connect

__all__ = ["Agree", "PortTaken", "Whois", "dial", "is_loopback", "is_private", "open_door", "split_address", "wait_for_trader"]

_TAILNET = (ipaddress.ip_network("100.64.0.0/10"), ipaddress.ip_network("fd7a:115c:a1e0::/48"))
_LINE_S = 15.0
_PEOPLE_S = 180.0
"""How long the other side's operator may take to compare fingerprints."""
_STRANGERS = 50

Agree = Callable[[Peer, Peer], bool]
"""(ourselves, the other) -> whether the operator agrees to pin the other."""
Whois = Callable[[str], str]
"""IP:port -> the stable id of the machine there, "" when it is none of a tailnet."""


def is_loopback(host: str) -> bool:
    """Whether an IP address, or the name localhost, is this machine itself."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def is_private(host: str) -> bool:
    """Whether an IP address is loopback or one of a tailnet: the only places a code may cross."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or any(address in net for net in _TAILNET if net.version == address.version)


def split_address(text: str, port: int = 9001) -> tuple[str, int]:
    """host and port of "host:port", "[v6]:port", a bare host or a bare IPv6 address. Raises Problem."""
    host, given = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        given = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, given = text.partition(":")
    try:
        number = int(given) if given else port
    except ValueError:
        number = 0
    if not host or not 0 < number < 65_536 or any(char.isspace() or char in "/@" for char in host):
        raise Problem(f"address {text!r}: write host:port, [ipv6]:port or a name")
    return host, number


def open_door(host: str, port: int) -> socket.socket:
    """Listen. Raises Problem for an address of another kind, PortTaken for a port that somebody has, most likely the controller."""
    if not is_private("127.0.0.1" if host == "localhost" else host):
        raise Problem(f"pairing opens on a tailnet or loopback address only, not on {host}; see `tailscale ip -4`")
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=4)
    except OSError as exc:
        kind = PortTaken if exc.errno == errno.EADDRINUSE else Problem
        raise kind(
            f"the door cannot open on {host}:{port}: {exc.strerror or exc}; choose --port (and open that port in the policy)"
        ) from exc


class PortTaken(Problem):
    """Another program listens there."""


class _Line:
    """Lines of JSON on a socket, bounded in length and time."""

    def __init__(self, connection: socket.socket, clock: Callable[[], float]) -> None:
        self._socket = connection
        self._clock = clock
        self._rest = b""

    def send(self, line: bytes) -> None:
        self._socket.settimeout(_LINE_S)
        try:
            self._socket.sendall(line + b"\n")
        except OSError as exc:
            raise Problem(f"the other side went away: {exc.strerror or 'no answer in time'}") from exc

    def refuse(self, why: str) -> None:
        with contextlib.suppress(Problem):
            self.send(pairing.word("refused", why))

    def read(self, within_s: float) -> bytes:
        ends = self._clock() + within_s
        while b"\n" not in self._rest:
            left = ends - self._clock()
            if left <= 0:
                raise Problem("the other side said nothing in time")
            self._socket.settimeout(left)
            try:
                more = self._socket.recv(pairing.MAX_LINE)
            except TimeoutError:
                continue
            except OSError as exc:
                raise Problem(f"the other side went away: {exc.strerror}") from exc
            if not more:
                raise Problem("the other side closed the connection")
            self._rest += more
            if len(self._rest) > pairing.MAX_LINE:
                raise Problem("the other side does not speak pairing")
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def wait_for_trader(
    door: socket.socket,
    code: str,
    own: Peer,
    directory: Path,
    *,
    agree: Agree,
    whois: Whois,
    clock: Callable[[], float] = time.monotonic,
    lifetime_s: float = pairing.LIFETIME_S,
) -> Peer:
    """The controller's side. Returns the pinned trader; raises Problem when time is over or the attempt failed."""
    ends = clock() + lifetime_s
    for _ in range(_STRANGERS):
        left = ends - clock()
        if left <= 0:
            break
        door.settimeout(left)
        try:
            connection, address = door.accept()
        except TimeoutError:
            break
        with connection:
            line = _Line(connection, clock)
            try:
                hello = pairing.read_card(line.read(min(_LINE_S, left)), "trader")
            except Problem as exc:  # no proof was tried: the code is as good as before
                line.refuse(str(exc))
                continue
            return _with_trader(line, code, hello, own, directory, address, agree, whois)
    raise Problem("nobody paired in time, or too many strangers came; the code is void: start `bootstrap pair` again")


def _with_trader(
    line: _Line, code: str, hello: Card, own: Peer, directory: Path, address: tuple[str, int], agree: Agree, whois: Whois
) -> Peer:
    void = "; the code is void: start `bootstrap pair` again"
    try:
        peer = _on_machine(hello.peer, address, whois)
        refusal = conflict(directory, read_peers(directory), peer)
        if refusal is not None:
            raise Problem(refusal)
        offer = Card.of(own, secrets.token_bytes(32))
        line.send(offer.line)
        key = pairing.pairing_key(code, hello, offer)
        told = pairing.read_word(line.read(_LINE_S), "proof")
        if not pairing.same(told, pairing.proof(key, "trader", hello, offer)):
            raise Problem("the other side did not know the code")
        line.send(pairing.word("proof", pairing.proof(key, "controller", hello, offer)))
        if not agree(own, peer):
            raise Problem("the operator did not agree")
        add_peer(directory, peer)
    except Problem as exc:
        line.refuse(str(exc))
        raise Problem(f"{exc}{void}") from exc
    line.send(pairing.word("done", "pinned"))
    return peer


def dial(
    host: str,
    port: int,
    code: str,
    own: Peer,
    directory: Path,
    *,
    agree: Agree,
    whois: Whois,
    clock: Callable[[], float] = time.monotonic,
    socks5: str = "",
) -> Peer:
    """The trader's side, through a proxy when one is named. Returns the pinned controller; raises Problem when anything is not as
    it must be.

    The name is resolved here and every address that is neither tailnet nor loopback is refused before a byte is sent.
    """
    pairing.canonical_code(code)
    connection, address = _connect(host, port, socks5)
    with connection:
        line = _Line(connection, clock)
        hello = Card.of(own, secrets.token_bytes(32))
        line.send(hello.line)
        offer = pairing.read_card(line.read(_LINE_S), "controller")
        try:
            peer = _on_machine(offer.peer, (address, port), whois)
            refusal = conflict(directory, read_peers(directory), peer)
            if refusal is not None:
                raise Problem(refusal)
            key = pairing.pairing_key(code, hello, offer)
            line.send(pairing.word("proof", pairing.proof(key, "trader", hello, offer)))
            told = pairing.read_word(line.read(_LINE_S), "proof")
            if not pairing.same(told, pairing.proof(key, "controller", hello, offer)):
                raise Problem("whoever answers there does not know the code; nothing was pinned")
            if not agree(own, peer):
                raise Problem("the operator did not agree")
        except Problem as exc:
            line.refuse(str(exc))
            raise
        pairing.read_word(line.read(_PEOPLE_S), "done")
        add_peer(directory, peer)
        return peer


def _connect(host: str, port: int, socks5: str) -> tuple[socket.socket, str]:
    """The connection, and the address of the machine at its other end."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as exc:
        raise Problem(f"{host} has no address: {exc.strerror}; use the address `bootstrap pair` shows") from exc
    usable = sorted((str(address) for address in found if is_private(str(address))), key=lambda one: ":" in one)  # IPv4 first
    if not usable:
        raise Problem(
            f"{host} is {', '.join(map(str, sorted(found, key=str)))}: no tailnet or loopback address, nothing was sent"
        )
    failure = ""
    for address in usable:
        try:
            return connect(address, port, _LINE_S, socks5), address
        except OSError as exc:
            failure = f"{address}:{port}: {exc.strerror or 'no answer'}"
    raise Problem(f"nobody pairs at {failure}; run `bootstrap pair` on the controller, then `bootstrap check` here")


def _on_machine(peer: Peer, address: tuple[str, int], whois: Whois) -> Peer:
    """The peer with the stable id that our own tailscaled names; a claim that differs is refused, an unproved one dropped."""
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    known = whois(f"{host}:{address[1]}")
    if known and peer.stable_id and known != peer.stable_id:
        raise Problem(f"{peer.name} says it is machine {peer.stable_id}, tailscaled says {known}")
    return Peer(peer.name, peer.role, peer.platform, peer.public_key, known)
