"""Channels beside the book: sids, sequences, every error code, silence; and the socket that carries them."""

import asyncio
import json
from typing import Any

import pytest
from fakes import FakeDialer, FakeWire, settle
from kalshi_desk import KEY, Desk
from kalshi_rows import WS

from trading.clock import ManualClock
from trading.errors import AuthFailed, Disconnected
from trading.ids import SeededIds
from trading.kalshi.channels import Channels, Gap, Wanted
from trading.kalshi.listen import QUIET_S, Listener
from trading.kalshi.sign import KalshiSigner
from trading.kalshi.stream_codes import CODES, remedy
from trading.kalshi.wire_stream import GroupFrame, PositionFrame, TickerFrame, TradeFrame
from trading.market import MarketId

T = MarketId("T")


def trade(seq: int, sid: int = 1) -> dict[str, Any]:
    msg = {
        "trade_id": "t",
        "market_ticker": T,
        "yes_price_dollars": "0.3600",
        "count_fp": "136.00",
        "taker_outcome_side": "no",
        "ts_ms": 7,
    }
    return {"type": "trade", "sid": sid, "seq": seq, "msg": msg}


def subscribed(channel: str, sid: int, number: int = 1) -> dict[str, Any]:
    return {"type": "subscribed", "id": number, "msg": {"channel": channel, "sid": sid}}


def error(code: int, **more: Any) -> dict[str, Any]:
    return {"type": "error", "msg": {"code": code, "msg": "words"}, **more}


class Line:
    """Channels that were opened, and what they say."""

    def __init__(self, *wanted: str, markets: tuple[MarketId, ...] = ()) -> None:
        self.channels = Channels([Wanted(channel, markets) for channel in wanted])
        self.channels.connect()
        self.opened = self.commands()
        for sid, channel in enumerate(wanted, 1):
            self.feed(subscribed(channel, sid, sid))

    def feed(self, *frames: Any) -> list[Any]:
        return [self.channels.apply(frame if isinstance(frame, bytes) else json.dumps(frame).encode()) for frame in frames]

    def commands(self) -> list[dict[str, Any]]:
        found = [json.loads(text) for text in self.channels.outbox]
        self.channels.outbox.clear()
        return found


def test_each_channel_has_a_command_of_its_own() -> None:
    """One that is refused does not take the others with it."""
    line = Line("fill", "trade", markets=(T,))

    assert [command["params"] for command in line.opened] == [
        {"channels": ["fill"], "market_tickers": ["T"]},
        {"channels": ["trade"], "market_tickers": ["T"]},
    ]
    assert line.channels.subscribed == {"fill", "trade"}


def test_frames_are_typed() -> None:
    """Tape, top of book, positions and group updates as values; what nobody asked for is passed over."""
    line = Line("trade", "ticker", "market_positions", "order_group_updates")
    ticker = {"type": "ticker", "sid": 2, "msg": {"market_ticker": T, "yes_bid_dollars": "0.4500"}}
    position = {"type": "market_position", "sid": 3, "msg": {"market_ticker": T, "position_fp": "-4.50"}}
    group = {"type": "order_group_updates", "sid": 4, "seq": 1, "msg": {"event_type": "triggered", "order_group_id": "g"}}

    first, second, third, fourth, fifth, sixth = line.feed(trade(1), ticker, position, group, {"type": "news"}, b"\xff{")

    assert isinstance(first, TradeFrame)
    assert (first.msg.price, first.msg.size, first.msg.at) == (3_600, 136_000_000, 7_000_000)
    assert isinstance(second, TickerFrame)
    assert isinstance(third, PositionFrame)
    assert (third.msg.market, third.msg.size) == (T, -4_500_000)
    assert isinstance(fourth, GroupFrame)
    assert (fifth, sixth, line.channels.ignored) == (None, None, 2)


def test_acks_count_and_a_jump_is_a_gap() -> None:
    """ok frames take a number too; a missing one is told, a repeated one is dropped."""
    line = Line("trade")
    ok = {"type": "ok", "id": 9, "sid": 1, "seq": 2, "msg": {"market_tickers": [T]}}
    found = line.feed(trade(1), ok, trade(3), trade(3), trade(6), trade(7))

    assert [type(heard).__name__ for heard in found] == [
        "TradeFrame",
        "NoneType",
        "TradeFrame",
        "NoneType",
        "Gap",
        "TradeFrame",
    ]
    assert line.channels.gaps == 1


@pytest.mark.parametrize("code", range(32))
def test_every_error_code_has_its_end(code: int) -> None:
    """Terminal ones subscribe again, a refused key halts, the rest is said or dials again: none leaves a silent channel."""
    line = Line("trade")
    todo = remedy(code)
    if todo == "halt":
        with pytest.raises(AuthFailed):
            line.feed(error(code))
    elif todo == "resubscribe":
        line.feed(error(code, sid=1))
        assert [command["params"] for command in line.commands()] == [{"channels": ["trade"]}]
    else:
        with pytest.raises(Disconnected):
            line.feed(error(code))


def test_every_code_of_the_page_is_listed() -> None:
    """1..28 but the retired ones; an unlisted code is answered by a new socket."""
    assert set(CODES) == set(range(1, 29)) - {6, 16, 17}
    assert remedy(99) == "redial"


def test_a_refused_channel_is_said_and_the_others_go_on() -> None:
    """Unknown channel: told once, not asked for again, and no reason to drop the socket."""
    line = Line("trade")
    line.channels = Channels([Wanted("trade"), Wanted("gone")])
    line.channels.connect()
    line.feed(subscribed("trade", 1, 1), error(8, id=2))
    line.commands()
    line.channels.quiet()
    (probe,) = line.commands()
    line.feed({"type": "ok", "id": probe["id"], "msg": [{"channel": "trade", "sid": 1}]})

    assert line.channels.complaints[0] == "8 words for gone"
    assert line.commands() == []


def test_a_subscription_that_ends_again_and_again_dials_again() -> None:
    """Error 25 four times without a frame between: this socket cannot be read fast enough."""
    line = Line("trade")
    with pytest.raises(Disconnected, match="ended 4 times"):
        for number in range(9):
            line.feed(error(25, sid=number + 1), subscribed("trade", number + 2, number + 2))

    calm = Line("trade")
    for number in range(9):
        calm.feed(error(25, sid=number + 1), subscribed("trade", number + 2, number + 2), trade(1, sid=number + 2))


def test_a_channel_the_venue_forgot_is_subscribed_again() -> None:
    """The venue's own list of our subscriptions lacks one: it would have been silent for ever (B-428)."""
    line = Line("fill", "user_orders")
    line.channels.quiet()
    (probe,) = line.commands()

    (heard,) = line.feed({"type": "ok", "id": probe["id"], "msg": [{"channel": "fill", "sid": 1}]})

    assert probe["cmd"] == "list_subscriptions"
    assert heard == Gap("user_orders", "the venue no longer lists it")
    assert [command["params"] for command in line.commands()] == [{"channels": ["user_orders"]}]


def test_a_question_without_an_answer_ends_the_socket() -> None:
    """Pongs go on, data does not: two quiet spells are enough."""
    line = Line("fill")
    line.channels.quiet()

    with pytest.raises(Disconnected, match="although the socket is open"):
        line.channels.quiet()
    assert 2 * QUIET_S < 10


def listener(*wires: FakeWire | Exception, quiet_s: float = 60.0) -> Listener:
    clock = ManualClock()

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    signer = KalshiSigner("key-id", "ed25519", KEY.sign)
    ids = SeededIds(clock, 1)
    return Listener(FakeDialer(*wires), WS, signer, clock, ids, "tape", [Wanted("trade")], sleep=sleep, quiet_s=quiet_s)


async def test_a_lost_socket_is_a_gap_and_comes_back() -> None:
    """Whoever builds on the frames learns that some are missing, before the next one comes."""
    one, two = FakeWire(), FakeWire()
    line = listener(one, two)
    one.put(subscribed("trade", 1))
    one.put(trade(1))
    one.end()
    two.put(subscribed("trade", 1))
    two.put(trade(5))
    frames = line.frames()

    found = [await anext(frames) for _ in range(3)]
    await line.close()

    assert [type(heard).__name__ for heard in found] == ["TradeFrame", "Gap", "TradeFrame"]
    assert (line.reconnects, two.messages()[0]["cmd"]) == (1, "subscribe")
    await frames.aclose()


async def test_a_socket_that_only_pongs_is_dropped() -> None:
    """Quiet, asked, no answer: dialled again (B-428). The spells are shortened here; 4 s each in production."""
    one, two = FakeWire(), FakeWire()
    line = listener(one, two, quiet_s=0.001)
    two.put(trade(1))
    frames = line.frames()

    found = [await anext(frames) for _ in range(2)]
    await line.close()

    assert isinstance(found[0], Gap)
    assert [message["cmd"] for message in one.messages()] == ["subscribe", "list_subscriptions"]
    assert one.closed
    await frames.aclose()


async def test_a_client_listens_to_any_channel() -> None:
    """Tape and top of book over the client's own dialer and key; nothing without them."""
    wire = FakeWire()
    desk = Desk(dialer=FakeDialer(wire))
    frames = desk.client.listen("tape", [Wanted("trade", (T,))])
    wire.put(subscribed("trade", 1))
    wire.put(trade(1))

    heard = await anext(frames)
    await desk.client.close()
    await settle()

    assert isinstance(heard, TradeFrame)
    assert [frame async for frame in frames] == []
    assert [frame async for frame in Desk().client.listen("tape", [Wanted("trade")])] == []
