"""The user stream over memory wires: hints about our orders."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from fakes import FakeDialer, FakeWire
from polymarket_desk import Desk, page, traded
from polymarket_rows import taken

from trading.order import LegResult
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
