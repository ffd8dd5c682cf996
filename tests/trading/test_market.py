"""Grids, and the fingerprint of rules."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.market import KALSHI, Market, MarketId, hash_rules, snap, step_at
from trading.units import Price, Size

TAPERED = ((0, 1000, 10), (1000, 9000, 100), (9000, 10_000, 10))


def market(grid: tuple[tuple[int, int, int], ...]) -> Market:
    return Market(
        id=MarketId("M"),
        venue=KALSHI,
        event_id="E",
        question="?",
        grid=tuple((Price(a), Price(b), Price(c)) for a, b, c in grid),
        min_size=Size(10_000),
        fees=None,
    )


@pytest.mark.parametrize(
    ("price", "step"), [(550, 10), (555, None), (1000, 10), (5500, 100), (5550, None), (9990, 10), (0, None), (10_000, None)]
)
def test_step_comes_from_the_band_of_the_price(price: int, step: int | None) -> None:
    """Tapered grid: fine at the edges, whole cents between; 0 and 1 are never order prices (kalshi.md 6)."""
    assert step_at(market(TAPERED), Price(price)) == step


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([TAPERED, ((0, 10_000, 100),), ((0, 10_000, 1),), ((0, 10_000, 25),)]))
def test_snap_gives_the_nearest_valid_price(price: int, grid: tuple[tuple[int, int, int], ...]) -> None:
    """Snapping never crosses the price, lands on the grid, and skips no valid price."""
    made = market(grid)
    valid = [p for p in range(1, 10_000) if step_at(made, Price(p))]
    up, down = snap(made, Price(price), up=True), snap(made, Price(price), up=False)

    assert up == min((p for p in valid if p >= price), default=None)
    assert down == max((p for p in valid if p <= price), default=None)


def test_rules_hash_ignores_white_space_only() -> None:
    assert hash_rules("a  b\n", "c") == hash_rules("a b", "c") != hash_rules("a b c", "")
