"""Pairing pins the right keys with the right code, once, and nothing otherwise. Both sides run here, over loopback."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bootstrap import door, pairing, pins
from bootstrap.check import tcp
from bootstrap.cli import app
from bootstrap.door import PortTaken, dial, is_private, open_door, split_address, wait_for_trader
from bootstrap.files import Problem
from bootstrap.identity import Peer, add_peer, checked_peer, make_key, peers_path, read_peers
from bootstrap.pairing import Card, canonical_code, make_code, pairing_key, proof, read_card
from bootstrap.pins import encoded
from bootstrap.socks import checked_proxy
from trading.link.identity import load_peers

CODE = "7K2MX-Q9R4T"
OTHER_CODE = "7K2MX-Q9R4V"


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real cost is a tenth of a second and has a test of its own."""
    monkeypatch.setattr(pairing, "_SCRYPT", (2**4, 8, 1))


class Room:
    """A controller and a trader on one machine; the controller's side runs in a thread."""

    def __init__(self, tmp_path: Path) -> None:
        self.home, self.away = tmp_path / "home", tmp_path / "away"
        public = encoded(make_key(self.home, rotate=False)[0])
        self.controller = checked_peer(name="control", role="controller", platform="", public_key=public)
        public = encoded(make_key(self.away, rotate=False)[0])
        self.trader = checked_peer(name="nyc", role="trader", platform="kalshi", public_key=public)
        self.screens: list[tuple[str, str]] = []
        self.socket = open_door("127.0.0.1", 0)
        self.port: int = self.socket.getsockname()[1]
        self.outcome: list[Peer | str] = []
        self._thread: threading.Thread | None = None

    def open(self, *, agree: bool = True, whois: Callable[[str], str] = lambda _: "", lifetime_s: float = 60.0) -> None:
        def serve() -> None:
            try:
                peer = wait_for_trader(
                    self.socket,
                    CODE,
                    self.controller,
                    self.home,
                    agree=lambda own, other: self.look(own, other, agree),
                    whois=whois,
                    lifetime_s=lifetime_s,
                )
                self.outcome.append(peer)
            except (Problem, OSError) as exc:
                self.outcome.append(str(exc))

        self._thread = threading.Thread(target=serve)
        self._thread.start()

    def look(self, own: Peer, other: Peer, agree: bool) -> bool:
        self.screens.append((own.fingerprint, other.fingerprint))
        return agree

    def dial(self, code: str = CODE, *, agree: bool = True, own: Peer | None = None) -> Peer:
        return dial(
            "127.0.0.1",
            self.port,
            code,
            own or self.trader,
            self.away,
            agree=lambda mine, other: self.look(mine, other, agree),
            whois=lambda _: "",
        )

    def ended(self) -> Peer | str:
        """What came of the controller's side."""
        assert self._thread is not None
        self._thread.join()
        return self.outcome[0]

    def close(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)  # wakes a door that still waits
            self._thread.join()
        self.socket.close()

    @property
    def pins(self) -> tuple[int, int]:
        return len(read_peers(self.home)), len(read_peers(self.away))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.close()


def raw(room: Room, *lines: bytes) -> list[bytes]:
    """Say these lines to the door and return what it said."""
    with socket.create_connection(("127.0.0.1", room.port)) as connection:
        connection.sendall(b"".join(line + b"\n" for line in lines))
        with contextlib.suppress(OSError):  # it may have hung up by now
            connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read().splitlines()


def test_both_sides_pin_each_other_and_see_the_same_fingerprints(room: Room) -> None:
    room.open()
    peer = room.dial()

    assert (room.ended(), peer) == (room.trader, room.controller)
    assert {frozenset(pair) for pair in room.screens} == {frozenset((room.controller.fingerprint, room.trader.fingerprint))}
    assert [one.name for one in load_peers(peers_path(room.home))] == ["nyc"]
    assert [one.name for one in load_peers(peers_path(room.away))] == ["control"]


def test_a_wrong_code_pins_nothing_and_closes_the_door(room: Room) -> None:
    """One attempt: the right code comes too late."""
    room.open()
    with pytest.raises(Problem, match="refused"):
        room.dial(OTHER_CODE)

    assert "did not know the code; the code is void" in str(room.ended())
    assert (room.pins, room.screens) == ((0, 0), [])
    room.socket.close()
    with pytest.raises(Problem, match="nobody pairs"):
        room.dial()


def test_strangers_cost_nothing(room: Room) -> None:
    """Who tries no proof is no attempt: port scans and other protocols leave the code as good as it was."""
    room.open()
    assert raw(room) == [b'{"refused":"the other side closed the connection"}']
    assert b"does not speak pairing" in raw(room, b"GET / HTTP/1.1")[0]
    with contextlib.suppress(ConnectionError):  # hung up on before it was all read
        raw(room, b"x" * 10_000)
    assert b"does not speak pairing" in raw(room, b"[" * 3_000)[0]
    assert b"version" in raw(room, b'{"v":2}')[0]
    room.dial()

    assert room.pins == (1, 1)


def test_time_ends_the_door(room: Room) -> None:
    room.open(lifetime_s=0.0)

    assert "start `bootstrap pair` again" in str(room.ended())


@pytest.mark.parametrize("side", ["controller", "trader"])
def test_an_operator_who_sees_other_fingerprints_stops_it(room: Room, side: str) -> None:
    """The side that says no pins nothing; the other side is told."""
    room.open(agree=side != "controller")
    with pytest.raises(Problem, match="did not agree"):
        room.dial(agree=side != "trader")
    room.ended()

    assert room.pins[0 if side == "controller" else 1] == 0


def test_a_key_put_in_between_is_noticed(room: Room) -> None:
    """Somebody in the middle swaps the trader's key: the transcripts differ, so the trader's proof is not the controller's."""
    room.open()
    swapped = Card.of(replace(room.trader, public_key=encoded(b"m" * 32)), b"n" * 32)
    with socket.create_connection(("127.0.0.1", room.port)) as connection:
        file = connection.makefile("rwb")
        file.write(swapped.line + b"\n")
        file.flush()
        offer = read_card(file.readline().strip(), "controller")
        honest = Card.of(room.trader, b"n" * 32)  # what the real trader said, and proved with the real code
        told = proof(pairing_key(CODE, honest, offer), "trader", honest, offer)
        file.write(pairing.word("proof", told) + b"\n")
        file.flush()
        assert b"did not know the code" in file.readline()
        file.close()

    assert "void" in str(room.ended())
    assert room.pins == (0, 0)


def test_a_proof_cannot_be_sent_back(room: Room) -> None:
    """A false controller that returns the trader's own proof is not believed: the role is in it."""
    listener = open_door("127.0.0.1", 0)
    said: list[bytes] = []

    def mirror() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as file:
            file.readline()
            file.write(Card.of(room.controller, b"c" * 32).line + b"\n")
            file.flush()
            file.write(file.readline())
            file.flush()
            said.append(file.readline())

    thread = threading.Thread(target=mirror)
    thread.start()
    with pytest.raises(Problem, match="does not know the code"):
        dial("127.0.0.1", listener.getsockname()[1], CODE, room.trader, room.away, agree=lambda *_: True, whois=lambda _: "")
    thread.join()
    listener.close()

    assert room.pins == (0, 0)
    assert b"refused" in said[0]


def test_the_machine_is_pinned_by_tailscaleds_word_only(room: Room) -> None:
    """A stable id that nobody confirms is dropped; the one our own tailscaled names is kept."""
    claim = replace(room.trader, stable_id="nClaim")
    room.open(whois=lambda _: "")
    room.dial(own=claim)

    assert room.ended() == room.trader


def test_a_false_machine_claim_is_refused(room: Room) -> None:
    room.open(whois=lambda _: "nReal")
    with pytest.raises(Problem, match="tailscaled says nReal"):
        room.dial(own=replace(room.trader, stable_id="nClaim"))

    assert "void" in str(room.ended())
    assert room.pins == (0, 0)


def test_pairing_again_changes_nothing_and_another_key_of_that_name_is_refused(room: Room) -> None:
    add_peer(room.home, replace(room.trader, public_key=encoded(b"o" * 32)))
    room.open()

    with pytest.raises(Problem, match="named nyc"):
        room.dial()
    assert "peers remove nyc" in str(room.ended())
    assert len(read_peers(room.away)) == 0


@pytest.mark.parametrize(
    ("host", "fine"),
    [("127.0.0.1", True), ("100.64.0.1", True), ("fd7a:115c:a1e0::1", True)]
    + [(host, False) for host in ("192.168.1.2", "8.8.8.8", "0.0.0.0", "::", "100.128.0.1", "example.com")],
)
def test_only_loopback_and_tailnet_addresses_are_private(host: str, fine: bool) -> None:
    assert is_private(host) is fine
    if not fine:
        with pytest.raises(Problem, match="only, not on"):
            open_door(host, 0)


def test_a_name_that_leads_elsewhere_gets_no_byte(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A MagicDNS name that resolves to the internet is refused before the dial."""
    monkeypatch.setattr(door.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("8.8.8.8", 9001))])

    with pytest.raises(Problem, match="nothing was sent"):
        dial("control", 9001, CODE, room.trader, room.away, agree=lambda *_: True, whois=lambda _: "")


def test_a_port_in_use_is_named(room: Room) -> None:
    with pytest.raises(PortTaken, match="Address already in use"):
        open_door("127.0.0.1", room.port)


def test_while_the_controller_runs_the_door_is_the_next_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """The link's port is its program's; a port that was asked for is the one or none."""
    asked: list[int] = []

    def taken(host: str, port: int) -> socket.socket:
        asked.append(port)
        if port == 9001:
            raise PortTaken("in use")
        return socket.socket()

    monkeypatch.setattr(pins, "open_door", taken)
    pins._door("127.0.0.1", 0, 9001).close()
    with pytest.raises(PortTaken):
        pins._door("127.0.0.1", 9001, 9001)

    assert asked == [9001, 9002, 9001]


def test_a_trader_in_userspace_mode_pairs_through_its_proxy(room: Room) -> None:
    """The proxy is asked for the controller's address; whose machine that is, is asked of tailscaled, not of the proxy."""
    room.open()
    asked: list[bytes] = []
    machines: list[str] = []
    proxy = socket.create_server(("127.0.0.1", 0))

    def carry() -> None:
        near, _ = proxy.accept()
        near.recv(3)
        near.sendall(b"\x05\x00")
        asked.append(near.recv(10))
        far = socket.create_connection(("127.0.0.1", room.port))
        near.sendall(b"\x05\x00\x00\x01" + bytes(6))
        back = threading.Thread(target=pump, args=(far, near))
        back.start()
        pump(near, far)
        back.join()
        near.close()
        far.close()

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4_096):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    carrying = threading.Thread(target=carry)
    carrying.start()
    peer = dial(
        "127.0.0.9",
        9002,
        CODE,
        room.trader,
        room.away,
        agree=lambda *_: True,
        whois=lambda address: machines.append(address) or "",
        socks5=f"localhost:{proxy.getsockname()[1]}",
    )
    carrying.join()
    proxy.close()

    assert (peer, room.ended()) == (room.controller, room.trader)
    assert asked == [b"\x05\x01\x00\x01\x7f\x00\x00\x09\x23\x2a"]
    assert machines == ["127.0.0.9:9002"]


@pytest.mark.parametrize(
    ("said", "words"), [(b"\x05\xff", "wants a login"), (b"\x05\x00\x05\x04\x00\x01", "host unreachable"), (b"", "closed")]
)
def test_a_proxy_that_says_no_is_named(said: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def answer() -> None:
            near, _ = proxy.accept()
            near.recv(3)
            near.sendall(said)
            near.shutdown(socket.SHUT_WR)
            while near.recv(100):
                pass
            near.close()

        answering = threading.Thread(target=answer)
        answering.start()
        said_here = tcp("100.64.0.1", 9001, f"127.0.0.1:{proxy.getsockname()[1]}")
        answering.join()
    assert words in said_here
    with pytest.raises(Problem, match="host:port"):
        checked_proxy("localhost")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("control", ("control", 9001)),
        ("control:9100", ("control", 9100)),
        ("[fd7a::1]:9100", ("fd7a::1", 9100)),
        ("fd7a:115c:a1e0::1", ("fd7a:115c:a1e0::1", 9001)),
    ],
)
def test_addresses_as_people_write_them(text: str, address: tuple[str, int]) -> None:
    assert split_address(text) == address


@pytest.mark.parametrize("text", ["", ":9001", "a:b", "a:0", "a:70000", "a b", "http://a"])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(Problem):
        split_address(text)


def test_codes_are_easy_to_type_and_hold_fifty_bits() -> None:
    """Case, dashes and look-alikes do not matter; anything else is refused before a byte is sent."""
    code = make_code(os.urandom(8))

    assert len(canonical_code(code)) == 10
    assert canonical_code("7k2mx q9r4o") == canonical_code("7K2MX-Q9R40")
    assert make_code((2**50 - 1).to_bytes(8, "big")) != make_code(b"\0" * 8)
    for wrong in ("", "123", "7K2MX-Q9R4U", "7K2MX-Q9R4T1"):
        with pytest.raises(Problem):
            canonical_code(wrong)


def test_each_guess_costs_what_scrypt_costs(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 MiB and a tenth of a second a guess: 2**50 of them within five minutes need millions of machines."""
    monkeypatch.undo()

    assert pairing._SCRYPT[0] * pairing._SCRYPT[1] * 128 >= 64 * 2**20


def test_pair_commands_without_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--yes --json on both sides: the controller says code and address first; the trader learns where to dial."""
    home, away = str(tmp_path / "home"), str(tmp_path / "away")
    runner, none = CliRunner(), ["--tailscale", "no-such-program-here", "--socket", str(tmp_path / "none.sock")]
    runner.invoke(app, ["init", "--role", "controller", "--dir", home, *none])
    runner.invoke(app, ["init", "--role", "trader", "--platform", "polymarket", "--name", "lon", "--dir", away, *none])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr("bootstrap.pins.make_code", lambda _: CODE)
    opened = threading.Event()
    real = door.open_door

    def noticed(host: str, at: int) -> socket.socket:
        made = real(host, at)
        opened.set()
        return made

    monkeypatch.setattr("bootstrap.pins.open_door", noticed)
    results: list[int] = []
    runner.invoke(app, ["init", "--role", "controller", "--port", str(port), "--dir", home, *none])
    thread = threading.Thread(
        target=lambda: results.append(_called(["pair", "--dir", home, "--yes", "--json", *none], tmp_path))
    )
    thread.start()
    assert opened.wait(30)
    there = _called(
        ["pair", "--dir", away, "--code", CODE, "--controller", f"127.0.0.1:{port}", "--yes", "--json", *none], tmp_path
    )
    thread.join()

    assert (there, results) == (0, [0])
    assert f"CONTROLLER_ADDRESS=127.0.0.1:{port}" in (tmp_path / "away" / "trader.env").read_text()
    assert load_peers(tmp_path / "home" / "peers.toml")[0].platform == "polymarket"


def _called(words: list[str], tmp_path: Path) -> int:
    """A command in a thread: CliRunner swaps the process's own streams, so it is called without it."""
    try:
        app(words, standalone_mode=False)
    except Exception as exc:
        return int(getattr(exc, "exit_code", 99))
    return 0


def test_pair_on_the_wrong_side_says_so(tmp_path: Path) -> None:
    runner, none = CliRunner(), ["--tailscale", "no-such-program-here", "--socket", str(tmp_path / "none.sock")]
    home = str(tmp_path / "home")
    assert "is not set up yet" in runner.invoke(app, ["pair", "--dir", home, *none]).stderr
    runner.invoke(app, ["init", "--role", "controller", "--dir", home, *none])

    assert "with it on the trader" in runner.invoke(app, ["pair", "--dir", home, "--code", CODE, *none]).stderr
    assert "--yes" in runner.invoke(app, ["pair", "--dir", home, "--json", *none]).stderr
    assert json.loads(runner.invoke(app, ["peers", "list", "--json", "--dir", home]).stdout)["peers"] == []
