"""The user stream over memory wires: hints about our orders."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import pytest
from fakes import FakeDialer, FakeWire
from hypothesis import given, settings
from hypothesis import strategies as st
from polymarket_desk import Desk, page, traded
from polymarket_rows import order, taken

from trading.clock import SECOND
from trading.order import LegResult, Tif
from trading.polymarket.user import OwnOrders
from trading.venue import Prepared


def hints_of(desk: Desk) -> aclosing[Any]:
    return aclosing(cast("AsyncGenerator[LegResult, None]", desk.client.updates()))


async def stream_desk() -> tuple[Desk, FakeWire, Prepared]:
    wire = FakeWire()
    desk = Desk(ws=(FakeDialer(wire), "wss://user.test"))
    order = await desk.signed()
    desk.http.on("POST", "/order", taken(order.prepared) | {"status": "delayed", "makingAmount": "", "takingAmount": ""})
    desk.http.on("GET", "/data/trades", page())
    assert (await desk.send(order)).state == "held"
    return desk, wire, order.prepared


async def test_stream_tells_fills_of_our_orders_once_per_truth() -> None:
    """A whole fill is told as it stands, again when CONFIRMED, not again when repeated or late; others' trades are no news."""
    desk, wire, order = await stream_desk()
    async with hints_of(desk) as hints:
        wire.put([traded(order) | {"taker_order_id": "0xelse"}, traded(order)])
        first = await anext(hints)
        for status in ("MATCHED", "MINED", "MATCHED", "CONFIRMED", "MINED"):
            wire.put(traded(order, status=status))
        second = await anext(hints)
        wire.put(traded(order, status="FAILED"))
        third = await anext(hints)

    login = json.loads(wire.sent[0])
    assert login == {"type": "user", "auth": {"apiKey": "uuid-1", "secret": "AAECAwQFBgcICQoLDA0ODw==", "passphrase": "phrase"}}
    assert [(r.state, r.filled) for r in (first, second, third)] == [
        ("filled", 50_000_000),
        ("filled", 50_000_000),
        ("none", 0),
    ]
    assert [r.fills[0].status for r in (first, second, third)] == ["provisional", "final", "reversed"]


async def test_stream_tells_a_part_only_when_nothing_more_can_come() -> None:
    """Half a FAK is told with its cancellation, not before: leg 2 must not start on a part."""
    desk, wire, order = await stream_desk()
    killed = {"event_type": "order", "type": "CANCELLATION", "id": order.venue_order_id, "size_matched": "20"}
    async with hints_of(desk) as hints:
        wire.put(traded(order, "20"))
        wire.put(killed | {"status": "CANCELED"})
        told = await anext(hints)

    assert (told.state, told.filled) == ("partial", 20_000_000)


async def test_stream_tells_kills() -> None:
    """The recorded FOK kill is a free miss; a venue-side removal is a rejection."""
    for status, expected in (("CANCELED_order couldn't be fully filled. FOK orders are ...", "none"), ("INVALID", "rejected")):
        desk, wire, order = await stream_desk()
        event = {
            "event_type": "order",
            "type": "CANCELLATION",
            "id": order.venue_order_id,
            "size_matched": "",
            "status": status,
        }
        async with hints_of(desk) as hints:
            wire.put(event)

            assert (await anext(hints)).state == expected


async def test_stream_asks_for_open_orders_after_connecting() -> None:
    """Nothing is replayed, so find() is asked for every unsettled order of ours (B-429)."""
    desk, _, order = await stream_desk()
    desk.http.on("GET", "/data/trades", page(traded(order, status="CONFIRMED")))
    async with hints_of(desk) as hints:
        told = await anext(hints)

    assert (told.state, told.settled) == ("filled", True)


async def test_updates_end_without_a_channel() -> None:
    """No user channel or no credentials: no hints, and no waiting."""
    assert [hint async for hint in Desk().client.updates()] == []


# ---- what the channel's frames look like --------------------------------------------------------------------------------------


def placement(order: Prepared, **changes: Any) -> dict[str, Any]:
    row = {"event_type": "order", "type": "PLACEMENT", "id": order.venue_order_id, "status": "LIVE", "size_matched": ""}
    row |= {"market": "0xcc", "original_size": "50", "price": "0.56", "associate_trades": None, "expiration": None}
    return row | {"created_at": "", "outcome": "", "timestamp": "1790000001"} | changes


@pytest.mark.parametrize("match_time", ["1790000001", "1790000001000", 1790000001, 1790000001000])
@pytest.mark.parametrize("as_array", [False, True])
async def test_stamps_in_seconds_or_milliseconds_alone_or_in_arrays(match_time: object, as_array: bool) -> None:
    """From 1e11 on a stamp is milliseconds; a frame is an object or an array of them."""
    desk = Desk()
    order = (await desk.signed()).prepared
    orders = OwnOrders()
    orders.apply_signed(order)
    event = traded(order) | {"match_time": match_time}
    (told,) = orders.apply(json.dumps([event] if as_array else event).encode())

    assert (told.state, told.fills[0].at) == ("filled", 1_790_000_001 * SECOND)


async def test_empty_strings_and_nulls_are_nothing() -> None:
    """size_matched "" is zero; created_at, outcome and associate_trades may be empty; a GTC placed so rests."""
    desk = Desk()
    order = (await desk.signed(tif=Tif.GTC)).prepared
    orders = OwnOrders()
    orders.apply_signed(order)
    told = orders.apply(json.dumps(placement(order)).encode())

    assert [(result.state, result.filled) for result in told] == [("resting", 0)]


async def test_maker_fill_before_its_placement_is_kept() -> None:
    """The venue may tell a fill before the order it belongs to; both together give the truth."""
    desk = Desk()
    order = (await desk.signed(tif=Tif.GTC)).prepared
    orders = OwnOrders()
    orders.apply_signed(order)
    mine = {"order_id": order.venue_order_id, "matched_amount": "20", "price": "0.56", "asset_id": order.fields["token"]}
    fill = traded(order, "20") | {"taker_order_id": "0xelse", "trader_side": "MAKER", "maker_orders": [mine]}
    orders.apply(json.dumps(fill).encode())
    (told,) = orders.apply(json.dumps(placement(order, size_matched="20")).encode())

    assert (told.state, told.filled, told.fills[0].maker) == ("resting", 20_000_000, True)


@pytest.mark.parametrize(
    "frame",
    [b"garbage", b"", b"[]", b"[1, null]", b'{"event_type":"order"}', b'{"event_type":"trade","id":"t","maker_orders":7}'],
)
async def test_frames_that_cannot_be_read_are_no_news(frame: bytes) -> None:
    desk = Desk()
    order = (await desk.signed()).prepared
    orders = OwnOrders()
    orders.apply_signed(order)

    assert orders.apply(frame) == []


async def test_hints_end_a_hold_too() -> None:
    """A streamed fill of a held order carries the stages of its hold (B-445)."""
    desk, wire, order = await stream_desk()
    desk.clock.advance(3 * SECOND)
    async with hints_of(desk) as hints:
        wire.put(traded(order))
        told = await anext(hints)

    assert [name for name, _ in told.stages] == ["held", "released"]
    assert desk.client.holds.measured() == {"0xcc": (3 * SECOND,)}


WORDS = st.sampled_from(
    ["order", "trade", "LIVE", "CANCELLATION", "MATCHED", "0xother", "", "20", "1790000001000", "0.56", "x"]
)
KEYS = st.sampled_from(
    ["event_type", "type", "id", "status", "size_matched", "taker_order_id", "maker_orders", "size", "price"]
)
EVENTS = st.dictionaries(
    KEYS, WORDS | st.none() | st.integers(-9, 9) | st.lists(st.dictionaries(KEYS, WORDS, max_size=3), max_size=2)
)


@settings(max_examples=150, deadline=None)
@given(events=st.lists(EVENTS, max_size=4), own=st.booleans())
def test_no_event_ends_the_stream(events: list[dict[str, Any]], own: bool) -> None:
    """Whatever the channel says is news, no news, or nothing; it never raises."""
    put = order()
    orders = OwnOrders()
    orders.apply_signed(put)
    for event in events:
        if own:
            event |= (
                {"id": put.venue_order_id} if event.get("event_type") == "order" else {"taker_order_id": put.venue_order_id}
            )
    for result in orders.apply(json.dumps(events).encode()):
        assert result.leg_id == put.leg.leg_id
