"""What `controller status` says about where a leg of a venue would go."""

import pytest

from controller.execution.trader_link import Health
from controller.status import executed_by, lines_of
from trading.market import KALSHI, POLYMARKET, Venue


@pytest.mark.parametrize(
    ("listed", "paper", "traders", "says"),
    [
        ({KALSHI}, True, {}, "here"),
        ({KALSHI}, False, {}, "here"),
        (set(), True, {}, "here, on paper, until its trader comes"),
        (set(), True, {"nyc": (KALSHI, "down")}, "here, on paper, until its trader comes"),
        (set(), True, {"nyc": (POLYMARKET, "ready")}, "here, on paper, until its trader comes"),
        (set(), True, {"nyc": (KALSHI, "ready")}, "by its trader"),
        (set(), False, {}, "by its trader"),
        ({POLYMARKET}, True, {}, "by its trader"),
    ],
)
def test_status_names_who_would_execute_a_kalshi_leg(
    listed: set[Venue], paper: bool, traders: dict[str, tuple[Venue, Health]], says: str
) -> None:
    """B-083: a paper controller with nothing listed executes itself while no trader is there; the status must not deny it."""
    assert executed_by(KALSHI, listed=frozenset(listed), paper=paper, traders=traders) == says


def test_status_lines_tell_cash_stake_delay_and_speed() -> None:
    """B-244, B-316, B-339: cash per shard, what is held and unhedged, how far a stream is behind, how quick orders go, best gap."""
    venue = {"mode": "normal", "books": 2, "books_ready": 2, "executed": "here"}
    status = {
        "trading": "on",
        "world": "sim",
        "pid": 1,
        "epoch": 1,
        "breaker": {"day_pnl_dollars": "0", "day_unwind_loss_dollars": "0"},
        "venues": {"kalshi": venue | {"feed_latency_ms": 31.5}, "polymarket": venue | {"feed_latency_ms": None}},
        "reconciliation": None,
        "traders": {},
        "summary": {
            "executions": 1,
            "matched_contracts": "20",
            "net_pnl_dollars": "0.8",
            "alarms_open": 0,
            "latency_ms": {"order_kalshi": {"count": 3, "mean": 99.0, "p50": 91.0, "p95": 250.0}},
        },
        "cash": {"kalshi 3": {"dollars": "120.5", "reserved_dollars": "9.5"}},
        "held_dollars": "57.2",
        "naked_dollars": "4.5",
        "open_legs": [],
        "open_legs_count": 0,
        "best_gap": "-1.20c of 1.00c asked (mil-lal:poly_yes_kalshi_no)",
    }

    lines = lines_of(status)

    for said in (
        "kalshi     normal, 2 of 2 books ready, 31.5 ms behind, legs executed here",
        "polymarket normal, 2 of 2 books ready, legs executed here",
        "order kalshi          p50 91.0 ms, p95 250.0 ms, 3 times",
        "best gap   -1.20c of 1.00c asked (mil-lal:poly_yes_kalshi_no), seen within half a minute",
        "cash       kalshi 3: $120.5, $9.5 of it reserved",
        "at stake   $57.2 held, $4.5 of it unhedged, 0 legs open",
    ):
        assert said in lines
