"""KalshiClient's orders over an in-memory Http: what it sends, what it concludes, what it never does."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from fakes import Call, reply
from kalshi_desk import CREATE, DUPLICATE, NOT_FOUND, TICKER, Desk, created, filled_row, listed
from kalshi_rows import BASE

from trading.clock import SECOND
from trading.errors import (
    Throttled,
    UnknownOutcome,
    Unreachable,
)
from trading.http import Response
from trading.order import Tif
from trading.units import MonoNs


async def test_send_posts_the_signed_v2_body_once() -> None:
    """One POST to the V2 path with our exact fields, JSON headers and a signature over method and full path."""
    desk = Desk()
    order = desk.order()

    result = await desk.send(created(order))

    (call,) = desk.http.calls
    assert (call.method, call.path, call.query) == ("POST", CREATE, ())
    assert json.loads(call.body or b"") == dict(order.fields)
    assert call.headers["Content-Type"] == "application/json"
    stamp = call.headers["KALSHI-ACCESS-TIMESTAMP"]
    expected = desk.signer.headers("POST", urlsplit(BASE).path + CREATE, desk.clock.wall_ns())
    assert (stamp, call.headers["KALSHI-ACCESS-SIGNATURE"]) == (
        expected["KALSHI-ACCESS-TIMESTAMP"],
        expected["KALSHI-ACCESS-SIGNATURE"],
    )
    assert (result.state, result.venue_order_id, result.cost, result.fee) == ("filled", "o-1", 5_500_000, 174_000)


async def test_old_signature_is_renewed_at_the_send() -> None:
    """An order that waited for its promise is stamped again; the body stays."""
    desk = Desk()
    signed = await desk.signed()
    desk.http.on("POST", CREATE, created(signed.prepared))
    desk.clock.advance(2 * SECOND)

    await desk.client.send(signed, deadline=signed.prepared.leg.deadline)

    (call,) = desk.http.calls
    assert call.headers["KALSHI-ACCESS-TIMESTAMP"] == str(desk.clock.wall_ns() // 1_000_000)
    assert call.body == signed.body


async def test_deadline_bounds_the_wait_and_refuses_when_past() -> None:
    """The HTTP wait ends with the leg's deadline; past it nothing is sent."""
    desk = Desk()
    signed = await desk.signed()
    desk.http.on("POST", CREATE, created(signed.prepared))

    await desk.client.send(signed, deadline=MonoNs(desk.clock.mono_ns() + SECOND))
    with pytest.raises(Unreachable):
        await desk.client.send(signed, deadline=desk.clock.mono_ns())

    assert [call.timeout_s for call in desk.http.calls] == [1.0]


@pytest.mark.parametrize("error", [Unreachable("kalshi", "refused"), UnknownOutcome("kalshi", "timeout")])
async def test_transport_errors_pass_through_send(error: Exception) -> None:
    """Not sent and not answered are different things, and both reach the caller as they are."""
    with pytest.raises(type(error)):
        await Desk().send(error)


async def test_throttled_order_is_a_definite_no_without_waiting() -> None:
    """429 on a leg: rejected(throttled), no sleep, no second POST (design.md 6)."""
    desk = Desk()

    result = await desk.send(reply(429, {"error": "too many requests"}))

    assert (result.state, result.code, desk.slept, len(desk.http.calls)) == ("rejected", "throttled", [], 1)


async def test_duplicate_id_is_looked_up() -> None:
    """409 order_already_exists: the answer is the existing order with its exact fills, and nothing is sent again."""
    desk = Desk()
    order = desk.order()
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [listed(order)], "cursor": ""}))
    desk.http.on("GET", "/portfolio/fills", reply(200, {"fills": [filled_row(1)], "cursor": ""}))

    result = await desk.send(DUPLICATE)

    assert (result.state, result.settled, result.cost, result.fee) == ("filled", True, 5_500_000, 173_300)
    assert [call.method for call in desk.http.calls] == ["POST", "GET", "GET"]


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, {"orders": [], "cursor": ""}),
        reply(429, {"error": "too many requests"}),
        reply(401, {"error": {"code": "x", "message": "m"}}),
        reply(503, b""),
        Unreachable("kalshi", "refused"),
    ],
)
async def test_duplicate_that_cannot_be_looked_up_is_unknown(answer: Any) -> None:
    """An order does exist, so no failure of the look-up may read as "rejected" or "nothing sent"."""
    desk = Desk()
    desk.http.on("GET", "/portfolio/orders", answer)

    with pytest.raises(UnknownOutcome):
        await desk.send(DUPLICATE)


async def test_find_pages_orders_by_our_id_then_sums_fills() -> None:
    """No filter by client id exists: every page is read; fills are asked by order id and counted once each."""
    desk = Desk()
    order = desk.order()
    other = desk.order(attempt=1)

    def orders(call: Call) -> Response:
        rows = [listed(order)] if call.asked("cursor") == "c2" else [listed(other, order_id="o-9")]
        return reply(200, {"orders": rows, "cursor": "" if call.asked("cursor") else "c2"})

    def fills(call: Call) -> Response:
        rows = [filled_row(2, "4.00"), filled_row(1, "6.00")] if call.asked("cursor") else [filled_row(1, "6.00")]
        return reply(200, {"fills": rows, "cursor": "" if call.asked("cursor") else "c2"})

    desk.http.on("GET", "/portfolio/orders", orders)
    desk.http.on("GET", "/portfolio/fills", fills)

    result = await desk.client.find(order)

    assert result is not None
    assert (result.settled, result.filled, result.cost, result.fee) == (True, 10_000_000, 5_500_000, 346_600)
    first = desk.http.calls[0]
    assert first.asked("ticker") == TICKER
    assert int(first.asked("min_ts") or 0) == 1_790_000_000 - 86_400  # the id's time is our clock's: it may be wrong by hours
    assert {call.asked("order_id") for call in desk.http.calls if call.path == "/portfolio/fills"} == {"o-1"}


async def test_find_knows_nothing_is_none() -> None:
    """No row under our id: None, which is not a proof of absence."""
    desk = Desk()
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [], "cursor": ""}))

    assert await desk.client.find(desk.order()) is None


@pytest.mark.parametrize("code", ["order_not_found", "ORDER_NOT_FOUND", "no_such_order"])
async def test_find_uses_the_order_id_once_known(code: str) -> None:
    """After an answer named the order it is read directly; a 404 there, however it is worded, falls back to the list."""
    desk = Desk()
    gone = reply(404, {"error": {"code": code, "message": "m"}})
    order = desk.order()
    await desk.send(created(order))
    desk.http.on("GET", "/portfolio/orders/o-1", reply(200, {"order": listed(order)}), gone)
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [listed(order)], "cursor": ""}))
    desk.http.on("GET", "/portfolio/fills", reply(200, {"fills": [filled_row(1)], "cursor": ""}))

    direct, listed_again = await desk.client.find(order), await desk.client.find(order)

    assert direct == listed_again
    assert [call.path for call in desk.http.calls].count("/portfolio/orders") == 1


async def test_find_with_lagging_fills_is_not_settled() -> None:
    """The order says 10, the fills say 6: final, not settled; complete fills settle it."""
    desk = Desk()
    order = desk.order()
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [listed(order)], "cursor": ""}))
    desk.http.on("GET", "/portfolio/orders/o-1", reply(200, {"order": listed(order)}))
    desk.http.on(
        "GET",
        "/portfolio/fills",
        reply(200, {"fills": [filled_row(1, "6.00")], "cursor": ""}),
        reply(200, {"fills": [filled_row(1, "6.00"), filled_row(2, "4.00")], "cursor": ""}),
    )

    first, second = await desk.client.find(order), await desk.client.find(order)

    assert first is not None
    assert second is not None
    assert (first.state, first.settled, second.settled, second.cost) == ("filled", False, True, 5_500_000)


async def test_find_does_not_wait_on_429() -> None:
    """The caller's schedule decides when to ask again."""
    desk = Desk()
    desk.http.on("GET", "/portfolio/orders", reply(429, {"error": "too many requests"}))

    with pytest.raises(Throttled):
        await desk.client.find(desk.order())
    assert desk.slept == []


async def test_cancel_is_routed_to_the_shard_and_reports_what_stood() -> None:
    """DELETE names shard and ticker; while the list lags, reduced_by says what was filled before."""
    desk = Desk()
    order = desk.order(tif=Tif.GTC)
    await desk.send(created(order, "0.00", "10.00"), tif=Tif.GTC)
    desk.http.on("DELETE", f"{CREATE}/o-1", reply(200, {"order_id": "o-1", "reduced_by": "6.00", "ts_ms": 1}))
    desk.http.on("GET", "/portfolio/orders/o-1", reply(200, {"order": listed(order, "resting", "0.00")}))
    desk.http.on("GET", "/portfolio/fills", reply(200, {"fills": [filled_row(1, "4.00")], "cursor": ""}))

    result = await desk.client.cancel(order)

    call = next(call for call in desk.http.calls if call.method == "DELETE")
    assert dict(call.query) == {"exchange_index": "3", "market_ticker": TICKER}
    assert (result.state, result.filled, result.settled) == ("partial", 4_000_000, True)


async def test_cancel_too_late_tells_the_truth() -> None:
    """404: the order is gone, so its own record answers."""
    desk = Desk()
    order = desk.order(tif=Tif.GTC)
    await desk.send(created(order, "0.00", "10.00"), tif=Tif.GTC)
    desk.http.on("DELETE", f"{CREATE}/o-1", NOT_FOUND)
    desk.http.on("GET", "/portfolio/orders/o-1", reply(200, {"order": listed(order)}))
    desk.http.on("GET", "/portfolio/fills", reply(200, {"fills": [filled_row(1)], "cursor": ""}))

    assert (await desk.client.cancel(order)).state == "filled"


async def test_cancel_of_an_unlisted_order_stays_unknown() -> None:
    """No id and no row yet: nothing is concluded and nothing is deleted."""
    desk = Desk()
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [], "cursor": ""}))

    result = await desk.client.cancel(desk.order(tif=Tif.GTC))

    assert result.state == "unknown"
    assert [call.method for call in desk.http.calls] == ["GET"]


async def test_unanswered_cancel_is_unknown() -> None:
    """5xx on a write is in doubt."""
    desk = Desk()
    order = desk.order(tif=Tif.GTC)
    await desk.send(created(order, "0.00", "10.00"), tif=Tif.GTC)
    desk.http.on("DELETE", f"{CREATE}/o-1", reply(500, b""))

    with pytest.raises(UnknownOutcome):
        await desk.client.cancel(order)
