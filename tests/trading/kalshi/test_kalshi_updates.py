"""KalshiClient's private stream over in-memory sockets."""

import asyncio
from typing import Any

from fakes import FakeDialer, FakeWire, settle
from kalshi_desk import TICKER, Desk, filled_row, listed

from trading.errors import (
    AuthFailed,
)
from trading.venue import Prepared


def fill_frame(order: Prepared, number: int, count: str) -> dict[str, Any]:
    msg = {**filled_row(number, count), "client_order_id": order.client_order_id, "market_ticker": TICKER, "ts_ms": 1}
    return {"type": "fill", "sid": 2, "msg": msg}


async def test_private_stream_reports_our_legs_and_reconnects() -> None:
    """Fills that complete a leg make it final and settled; a lost socket is dialled again with a fresh signature."""
    one, two = FakeWire(), FakeWire()
    dialer = FakeDialer(one, two)
    desk = Desk(dialer=dialer)
    order, later = desk.order(), desk.order(attempt=1)
    updates = desk.client.updates()

    one.put({"type": "subscribed", "id": 1, "msg": {"channel": "fill", "sid": 2}})
    one.put(fill_frame(order, 1, "4.00"))
    one.put(fill_frame(order, 2, "6.00"))
    first = await anext(updates)
    one.end()
    two.put({"type": "user_order", "sid": 3, "msg": {**listed(later, "canceled", "0.00"), "last_update_reason": "x"}})
    second = await anext(updates)
    await desk.client.close()

    assert (first.state, first.settled, first.client_order_id) == ("filled", True, order.client_order_id)
    assert (second.state, second.client_order_id) == ("none", later.client_order_id)
    assert [message["params"] for message in one.messages()] == [{"channels": ["fill"]}, {"channels": ["user_orders"]}]
    assert len(dialer.dialled) == 2
    assert [leg async for leg in updates] == []


async def test_refused_key_is_retried_slowly() -> None:
    """A 401 on the upgrade waits seconds and ever longer, not milliseconds."""
    wire = FakeWire()
    desk = Desk(dialer=FakeDialer(AuthFailed("kalshi", "unauthorized"), AuthFailed("kalshi", "unauthorized"), wire))
    task = asyncio.ensure_future(anext(desk.client.updates()))
    await settle()
    wire.put(fill_frame(desk.order(), 1, "10.00"))

    assert (await task).state == "filled"
    assert desk.slept == [5, 10]


async def test_without_stream_there_are_no_updates() -> None:
    """updates() simply ends."""
    assert [leg async for leg in Desk().client.updates()] == []
