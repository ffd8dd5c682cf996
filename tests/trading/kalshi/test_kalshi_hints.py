"""OrderHints: frames without sequence become hints, never guesses."""

import json
from typing import Any

import pytest
from kalshi_rows import make_leg, make_market

from trading.kalshi.hints import OrderHints
from trading.kalshi.orders import prepare_order
from trading.kalshi.wire import FillFrame, OrderFrame
from trading.kalshi.wire_stream import decode_any
from trading.order import LegResult, Tif
from trading.venue import Prepared


def order(tif: Tif = Tif.IOC, attempt: int = 0) -> Prepared:
    return prepare_order(make_leg(tif=tif, attempt=attempt), make_market())


def fill(known: Prepared, number: int, count: str) -> dict[str, Any]:
    return {
        "type": "fill",
        "sid": 13,
        "msg": {
            "trade_id": f"t-{number}",
            "order_id": "o-1",
            "client_order_id": known.client_order_id,
            "market_ticker": known.leg.want.market,
            "is_taker": True,
            "yes_price_dollars": "0.5500",
            "count_fp": count,
            "fee_cost": "0.010000",
            "ts_ms": 1_790_000_000_000,
        },
    }


def user_order(known: Prepared, status: str, filled: str) -> dict[str, Any]:
    return {
        "type": "user_order",
        "sid": 22,
        "msg": {
            "order_id": "o-1",
            "client_order_id": known.client_order_id,
            "ticker": known.leg.want.market,
            "status": status,
            "initial_count_fp": "10.00",
            "fill_count_fp": filled,
            "remaining_count_fp": "0.00",
        },
    }


def apply(hints: OrderHints, *frames: dict[str, Any]) -> list[LegResult | None]:
    decoded = [decode_any(json.dumps(frame).encode()) for frame in frames]
    return [hints.apply(frame) for frame in decoded if isinstance(frame, FillFrame | OrderFrame)]


def known(hints: OrderHints, tif: Tif = Tif.IOC) -> Prepared:
    one = order(tif)
    hints.remember(one)
    return one


def test_half_filled_ioc_says_nothing_until_its_end() -> None:
    """Between two fills of an IOC the outcome is open; the last fill makes it final."""
    hints = OrderHints()
    leg = known(hints)

    first, repeated, last = apply(hints, fill(leg, 1, "4.00"), fill(leg, 1, "4.00"), fill(leg, 2, "6.00"))

    assert (first, repeated) == (None, None)
    assert last is not None
    assert (last.state, last.filled, last.cost, last.fee, last.settled) == ("filled", 10_000_000, 5_500_000, 20_000, True)


@pytest.mark.parametrize("fills_first", [True, False])
def test_order_and_fill_frames_may_come_in_either_order(fills_first: bool) -> None:
    """A canceled order with 4 filled is partial at once, settled when its fill is there."""
    hints = OrderHints()
    leg = known(hints)
    frames = [fill(leg, 1, "4.00"), user_order(leg, "canceled", "4.00")]

    *_, last = apply(hints, *(frames if fills_first else reversed(frames)))

    assert last is not None
    assert (last.state, last.filled, last.settled) == ("partial", 4_000_000, True)


def test_killed_order_is_none_once() -> None:
    """A canceled order without fills is none; the same frame again is no news."""
    hints = OrderHints()
    leg = known(hints)

    first, again = apply(hints, user_order(leg, "canceled", "0.00"), user_order(leg, "canceled", "0.00"))

    assert first is not None
    assert (first.state, again) == ("none", None)


def test_resting_order_reports_each_fill() -> None:
    """A GTC order rests with what it has so far; its venue id is learned."""
    hints = OrderHints()
    leg = known(hints, Tif.GTC)

    rests, part = apply(hints, user_order(leg, "resting", "0.00"), fill(leg, 1, "4.00"))

    assert rests is not None
    assert part is not None
    assert (rests.state, part.state, part.filled) == ("resting", "resting", 4_000_000)
    assert hints.venue_id(leg.client_order_id) == "o-1"


def test_foreign_frames_are_counted_and_ignored() -> None:
    """Orders of others and frames without our id are no hints."""
    hints = OrderHints()
    known(hints)
    stranger = order(attempt=9)
    nameless = fill(stranger, 1, "1.00")
    del nameless["msg"]["client_order_id"]

    assert apply(hints, fill(stranger, 1, "1.00"), nameless) == [None, None]
    assert hints.ignored == 2


def test_unreadable_numbers_are_ignored() -> None:
    """A count or price that is none does not raise into the stream."""
    hints = OrderHints()
    leg = known(hints)
    bad = fill(leg, 1, "x")

    assert apply(hints, bad) == [None]
    assert hints.ignored == 1


def test_memory_is_bounded() -> None:
    """The oldest of more than 4,096 legs is forgotten."""
    hints = OrderHints()
    first = known(hints)
    hints.note_venue_id(first.client_order_id, "o-1")
    for number in range(4_096):
        other = Prepared(leg=first.leg, client_order_id=f"x{number}", venue_order_id=None, fields={})
        hints.remember(other)

    assert hints.venue_id(first.client_order_id) is None
