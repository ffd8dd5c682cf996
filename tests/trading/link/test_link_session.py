"""Nobody but the pinned peer gets a session, and inside it every frame counts exactly once, in order (B-221)."""

import random

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from link_fakes import CONTROLLER, PEERS, PIN, STRANGER, TRADER, controller, exchange, opened, trader

from trading.clock import SECOND
from trading.link.frames import MAX_FRAME, FrameError, Opener, Sealer
from trading.link.identity import Peer, fingerprint
from trading.link.messages import AccountPageMessage, ErrorMessage, Halt, MessageError, Ping, decode, encode
from trading.link.session import Closed, LinkSession, Misunderstood, Opened, Received
from trading.market import KALSHI, POLYMARKET
from trading.units import MonoNs


def now(seconds: float = 0) -> MonoNs:
    return MonoNs(int(seconds * SECOND))


def reasons(events: list[tuple[str, object]]) -> list[tuple[str, str]]:
    return [(who, event.reason) for who, event in events if isinstance(event, Closed)]


def test_two_pinned_peers_agree_on_peer_session_and_epoch() -> None:
    """Both ends know who is there; the trader learns the controller's epoch, the controller the trader's boot."""
    one, two = trader(), controller(epoch=9)
    events = exchange(one, two)

    opens = [(who, event) for who, event in events if isinstance(event, Opened)]
    assert [who for who, _ in opens] == ["trader", "controller"]
    at_trader, at_controller = opens[0][1], opens[1][1]
    assert (at_trader.peer, at_controller.peer) == (PIN, PEERS[TRADER.kid])
    assert at_trader.session == at_controller.session
    assert (at_trader.epoch, at_controller.boot_id) == (9, b"boot")


def test_messages_cross_in_order_both_ways() -> None:
    """Sealed on one side, the same message on the other."""
    one, two = opened()
    for number in range(3):
        assert one.send(Ping(t0=number))
        assert two.send(Halt(reason=f"reason {number}"))
    heard = [two.receive(frame, now()) for frame in one.outgoing()]
    told = [one.receive(frame, now()) for frame in two.outgoing()]

    assert heard == [Received(Ping(t0=number)) for number in range(3)]
    assert told == [Received(Halt(reason=f"reason {number}")) for number in range(3)]


STRANGE_PIN = Peer(name="home", role="controller", public=STRANGER.public)


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        pytest.param(lambda: trader(STRANGER), controller, ("controller", "unknown_peer"), id="unknown trader"),
        pytest.param(lambda: trader(platform=KALSHI), controller, ("controller", "wrong_platform"), id="wrong platform"),
        pytest.param(lambda: trader(pin=STRANGE_PIN), controller, ("trader", "unknown_peer"), id="other controller"),
        pytest.param(
            trader,
            lambda: controller({TRADER.kid: Peer(name="x", role="trader", public=STRANGER.public, platform=POLYMARKET)}),
            ("controller", "bad_signature"),
            id="key id without its key",
        ),
        pytest.param(
            trader,
            lambda: controller({TRADER.kid: Peer(name="x", role="controller", public=TRADER.public)}),
            ("controller", "unknown_peer"),
            id="a controller as a trader",
        ),
    ],
)
def test_anybody_else_is_refused_with_a_reason(one: object, two: object, said: tuple[str, str]) -> None:
    """The first failed check ends it; the other side hears the code in clear and closes too."""
    left, right = one(), two()  # type: ignore[operator]
    ends = reasons(exchange(left, right))
    names = {"trader": left, "controller": right}

    assert said in ends or (said[0], said[1]) == ends[0]
    assert {session.state for session in names.values()} == {"closed"}
    assert not left.send(Ping(t0=1)) and not right.send(Ping(t0=1))


def test_each_handshake_has_keys_of_its_own() -> None:
    """A frame of an old session is worth nothing in a new one of the same peers."""
    one, _two = opened()
    one.send(Ping(t0=1))
    (old,) = one.outgoing()
    _, newer = opened()

    assert newer.receive(old, now()) == Closed("bad_tag")


def test_a_recorded_handshake_cannot_be_played_again() -> None:
    """The controller's nonce and key share are new, so an old auth proves nothing."""
    one, two = trader(), controller()
    (hello,) = one.outgoing()
    two.receive(hello, now())
    (challenge,) = two.outgoing()
    one.receive(challenge, now())
    (auth,) = one.outgoing()
    again = controller()
    again.receive(hello, now())

    assert again.receive(auth, now()) == Closed("bad_signature")


@pytest.mark.parametrize("bit", [0, 3, 8 * 9, 8 * 10, 8 * 25, -1])
def test_a_flipped_bit_ends_the_session(bit: int) -> None:
    """Header, text and tag are all authenticated."""
    one, two = opened()
    one.send(Ping(t0=1))
    frame = bytearray(one.outgoing()[0])
    frame[(bit // 8) if bit >= 0 else -1] ^= 1 << (bit % 8)

    event = two.receive(bytes(frame), now())

    assert isinstance(event, Closed)
    assert event.reason in ("bad_frame", "bad_sequence", "bad_tag")
    assert two.receive(bytes(frame), now()) is None


@pytest.mark.parametrize("order", [(0, 0), (1,), (0, 2), (0, 2, 1)])
def test_a_repeated_lost_or_reordered_frame_ends_the_session(order: tuple[int, ...]) -> None:
    """Sequence numbers rise by exactly one."""
    one, two = opened()
    for number in range(3):
        one.send(Ping(t0=number))
    frames = one.outgoing()
    events = [two.receive(frames[index], now()) for index in order]

    assert Closed("bad_sequence") in events
    assert two.state == "closed"


def test_the_two_directions_cannot_be_mirrored() -> None:
    """A frame sent back to its sender does not open: each direction has its key."""
    one, _ = opened()
    one.send(Ping(t0=1))
    (frame,) = one.outgoing()

    assert one.receive(frame, now()) == Closed("bad_tag")


def test_speaking_out_of_turn_ends_the_handshake() -> None:
    """An auth before the challenge, a second hello, a message before the handshake: refused."""
    one, two = trader(), controller()
    (hello,) = one.outgoing()
    assert two.receive(b"\x01\x03" + b"\0" * 64, now()) == Closed("bad_handshake")
    fresh = controller()
    fresh.receive(hello, now())
    assert fresh.receive(hello, now()) == Closed("bad_handshake")


def test_without_a_common_version_there_is_no_session() -> None:
    """Both sides sign the version list, so it cannot be lowered on the way."""
    one, two = trader(), controller()
    (hello,) = one.outgoing()
    fields = msgpack.unpackb(hello[2:])
    newer = hello[:2] + msgpack.packb(fields | {"v": [2, 3]})
    assert two.receive(newer, now()) == Closed("no_common_version")
    both = controller()
    both.receive(hello[:2] + msgpack.packb(fields | {"v": [1, 2]}), now())
    for frame in both.outgoing():
        assert one.receive(frame, now()) == Closed("bad_signature")


@pytest.mark.parametrize("share", [b"\0" * 32, b"\x01" + b"\0" * 31])
def test_a_key_share_of_small_order_is_refused(share: bytes) -> None:
    """An all-zero shared secret would let a third party know the keys."""
    one, two = trader(), controller()
    (hello,) = one.outgoing()
    fields = msgpack.unpackb(hello[2:])

    assert two.receive(hello[:2] + msgpack.packb(fields | {"eph": share}), now()) == Closed("bad_key_share")


def test_a_handshake_has_three_seconds() -> None:
    """A peer that connects and says nothing does not keep a session open."""
    two = controller()
    assert two.tick(now(2.9)) is None
    assert two.tick(now(3.1)) == Closed("handshake_timeout")
    assert two.outgoing()[0][2:] == b"handshake_timeout"


def test_silence_stops_new_legs_after_three_seconds_and_ends_the_session_after_ten() -> None:
    """B-225: judged by the last good frame of the peer."""
    one, two = opened()
    one.send(Ping(t0=1))
    two.receive(one.outgoing()[0], now(1))

    assert not two.quiet(now(4))
    assert two.quiet(now(4.1))
    assert two.tick(now(11)) is None
    assert two.tick(now(11.1)) == Closed("silent")
    assert two.quiet(now(1))


def test_a_session_ends_before_its_keys_are_a_day_old() -> None:
    """Rekey = reconnect."""
    one, two = opened()
    one.send(Ping(t0=1))
    two.receive(one.outgoing()[0], now(24 * 3600 + 1))

    assert two.tick(now(24 * 3600 + 1)) == Closed("session_too_old")


def test_the_end_of_an_open_session_is_said_sealed() -> None:
    """The peer's log says why, and nobody else can say it."""
    one, two = opened()
    two.close("replaced")
    (frame,) = two.outgoing()

    assert one.receive(frame, now()) == Received(ErrorMessage(code="replaced"))


def test_a_refusal_in_clear_is_not_believed_inside_a_session() -> None:
    """Only sealed frames count once the session is open."""
    one, _ = opened()

    assert one.receive(b"\x01\x05goodbye", now()) == Closed("bad_size")


def test_what_is_no_message_is_answered_and_the_session_goes_on() -> None:
    """A newer peer's unknown message type costs an error, not the link (distributed.md 4.3)."""
    one, two = opened()
    assert one._agreed is not None
    strange = one._agreed.sealer.seal(msgpack.packb({"type": "telepathy", "x": 1}))
    event = two.receive(strange, now())
    (told,) = two.outgoing()

    assert isinstance(event, Misunderstood)
    answer = one.receive(told, now())
    assert isinstance(answer, Received) and isinstance(answer.message, ErrorMessage)
    assert answer.message.code == "bad_message"
    one.send(Ping(t0=4))
    assert two.receive(one.outgoing()[0], now()) == Received(Ping(t0=4))


def test_a_message_that_fits_no_frame_is_not_sent_and_breaks_nothing() -> None:
    """The sender is told; numbers are not used up by it."""
    one, two = opened()
    assert not one.send(AccountPageMessage(request=1, what="fills", rows=(("x" * MAX_FRAME,),)))
    one.send(Ping(t0=2))
    assert two.receive(one.outgoing()[0], now()) == Received(Ping(t0=2))


def test_sequence_numbers_never_repeat() -> None:
    """The last number ends the session before a nonce could be used twice."""
    sealer, opener = Sealer(b"k" * 32), Opener(b"k" * 32)
    sealer._sequence = opener._sequence = 2**32 - 1
    assert opener.open(sealer.seal(b"last")) == b"last"
    with pytest.raises(FrameError, match="sequence_used_up"):
        sealer.seal(b"one more")


def test_fingerprints_are_short_and_differ() -> None:
    """What two people read to each other."""
    assert len(fingerprint(TRADER.public)) == 24
    assert fingerprint(TRADER.public) != fingerprint(CONTROLLER.public)
    assert "01" * 32 not in repr(CONTROLLER)


@given(st.binary(max_size=300))
def test_any_bytes_end_a_handshake_quietly(data: bytes) -> None:
    """Garbage before the handshake: one Closed, never an exception."""
    two = controller()
    assert isinstance(two.receive(data, now()), Closed)


def _mutated(frame: bytes, chance: random.Random) -> bytes:
    data = bytearray(frame)
    kind = chance.randrange(5)
    if kind == 0 and data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del data[chance.randrange(len(data) + 1) :]
    elif kind == 2:
        data += chance.randbytes(chance.randrange(1, 50))
    elif kind == 3 and len(data) > 4:
        at = chance.randrange(2, len(data))
        data[at:at] = chance.randbytes(chance.randrange(1, 4))
    else:
        data[2:] = chance.randbytes(chance.randrange(0, 200))
    return bytes(data)


def test_fifty_thousand_fuzzed_frames_break_nothing() -> None:
    """Mutated hellos, challenges, auths and messages: an end or a refusal each time, no exception, nobody gets in."""
    chance = random.Random(4)
    one, two = trader(), controller()
    (hello,) = one.outgoing()
    two.receive(hello, now())
    (challenge,) = two.outgoing()
    openings = 0
    for number in range(50_000):
        if number % 10 == 0:
            fresh = controller()
            openings += isinstance(fresh.receive(_mutated(hello, chance), now()), Opened)
        elif number % 10 == 1:
            left = trader()
            openings += isinstance(left.receive(_mutated(challenge, chance), now()), Opened)
        else:
            _decode_mutant(chance)
    assert openings == 0


_SAMPLES = [encode(Ping(t0=5)), encode(Halt(reason="stop"))]


def _decode_mutant(chance: random.Random) -> None:
    """The decoder alone: what an authenticated but broken peer sends."""
    data = b"\0\0" + chance.choice(_SAMPLES)
    try:
        decode(_mutated(data, chance)[2:])
    except MessageError as exc:
        assert len(str(exc)) <= 200


def test_only_open_sessions_speak() -> None:
    """send() before the handshake is done says False."""
    assert not trader().send(Ping(t0=1))
    assert isinstance(controller(), LinkSession)
