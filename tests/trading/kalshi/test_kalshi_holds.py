"""How long the venue held a market's takers, from the engine's own stamps (B-445)."""

import json
from typing import Any

import pytest
from kalshi_desk import Desk, filled_row, listed
from kalshi_meeting import Meeting, T
from kalshi_rows import make_leg

from trading.clock import MS, SECOND
from trading.kalshi.holds import HoldMeter
from trading.order import LegResult
from trading.units import MonoNs

TAKEN_MS = 1_790_000_000_123


async def settled(*fills: dict[str, Any]) -> tuple[Desk, LegResult]:
    """A leg whose create was stamped at TAKEN_MS, looked up with these fills."""
    desk = Desk()
    order = desk.order()
    body = {"order_id": "o-1", "client_order_id": order.client_order_id, "fill_count": "10.00", "remaining_count": "0.00"}
    await desk.send((201, {**body, "ts_ms": TAKEN_MS}))
    desk.http.on("GET", "/portfolio/orders/o-1", {"order": listed(order)})
    desk.http.on("GET", "/portfolio/fills", {"fills": list(fills), "cursor": ""})
    found = await desk.client.find(order)
    assert found is not None
    return desk, found


def fill(after_ms: int, **change: Any) -> dict[str, Any]:
    return {**filled_row(1), "ts_ms": TAKEN_MS + after_ms, **change}


async def test_a_hold_is_told_with_the_result() -> None:
    """Taken at once, matched three seconds later: measured for its market, and told as the stages "held" and "released"."""
    desk, result = await settled(fill(3_000))
    stages = dict(result.stages)

    assert desk.client.holds.measured() == {T: (3 * SECOND,)}
    assert desk.client.holds.longest(T) == 3 * SECOND
    assert stages["released"] - stages["held"] == 3 * SECOND


@pytest.mark.parametrize("after", [-5, 0, 19])
async def test_a_market_that_holds_nobody_measures_nothing_worth_telling(after: int) -> None:
    """The engine's own milliseconds are no hold, and a clock that ran backwards is none either."""
    desk, result = await settled(fill(after))

    assert desk.client.holds.measured() == {T: (max(0, after) * MS,)}
    assert result.stages == ()


@pytest.mark.parametrize("change", [{"is_taker": False}, {"ts_ms": TAKEN_MS + 90_000}, {"ts_ms": TAKEN_MS // 1_000 * 1_000}])
async def test_what_is_no_hold_is_not_measured(change: dict[str, Any]) -> None:
    """Maker fills waited of their own will, a minute is no hold, and whole seconds are too coarse to tell one."""
    desk, _ = await settled(fill(0, **change))

    assert desk.client.holds.measured() == {}


async def test_a_leg_is_measured_once() -> None:
    """The same fills read again are no second hold."""
    desk, result = await settled(fill(3_000))
    desk.client.holds.observe(result)

    assert desk.client.holds.measured() == {T: (3 * SECOND,)}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"ts_ms":0}', b'{"ts_ms":"x"}'])
def test_an_answer_without_a_stamp_is_not_measured(body: bytes) -> None:
    """Nothing is guessed from our own clock."""
    meter = HoldMeter()
    leg = make_leg().leg_id
    meter.acknowledge(leg, T, body, MonoNs(1))
    result = LegResult(leg_id=leg, state="filled")

    assert meter.observe(result) is result


def test_memory_is_bounded() -> None:
    """The oldest of more than 1,000 acknowledged legs is forgotten."""
    meter = HoldMeter()
    for number in range(1_200):
        leg = make_leg(attempt=number % 256).leg_id[:-1] + number.to_bytes(2)
        meter.acknowledge(leg, T, json.dumps({"ts_ms": TAKEN_MS}).encode(), MonoNs(1))  # type: ignore[arg-type]  # any bytes

    assert len(meter._acknowledged) == 1_000


async def test_the_simulated_venue_holds_nobody() -> None:
    """Acknowledgement and fill carry the same moment of the engine."""
    room = Meeting()
    market = await room.market()
    room.flow("ask", "0.5500", "50")
    room.clock.advance(123 * MS)
    order, _ = await room.place(market)
    await room.client.find(order)

    assert room.client.holds.longest(T) == 0
