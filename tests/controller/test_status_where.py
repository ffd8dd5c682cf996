"""What `controller status` says about where a leg of a venue would go."""

import pytest

from controller.execution.trader_link import Health
from controller.status import executed_by
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
