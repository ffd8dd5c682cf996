"""The profit of an arb that sells a held pair, before and after its markets settle (B-440, B-453)."""

import pytest

from controller.ledger.pnl import ArbOrder, Split, split
from trading.units import DOLLAR

SIDES = (("poly", 0), ("kalshi", 1))
"""YES there and NO here, as they were held."""


def sold(size: float, *, kalshi: float | None = None) -> list[ArbOrder]:
    """YES fetched 0.50 and NO 0.54, no fees."""
    other = size if kalshi is None else kalshi
    units, rest = round(size * DOLLAR), round(other * DOLLAR)
    return [
        ArbOrder("poly", 0, False, units, -units // 2, True),
        ArbOrder("kalshi", 1, False, rest, -rest * 54 // 100, True),
    ]


@pytest.mark.parametrize("yes", [DOLLAR, 0, DOLLAR // 2], ids=["yes", "no", "half"])
def test_settlement_adds_nothing_to_a_pair_that_was_sold(yes: int) -> None:
    """Whatever the question resolves to, the sale of ten sets at 1.04 made forty cents, and the other sets what they made."""
    told = {
        "sides": SIDES,
        "matched": 10 * DOLLAR,
        "profit": 400_000,
        "naked": 0,
        "unhedged": 0,
        "in_doubt": False,
        "orders": sold(10),
    }

    assert split(**told, payouts={}) == Split(locked=400_000)
    assert split(**told, payouts={"poly": yes, "kalshi": yes}) == Split(locked=400_000)


@pytest.mark.parametrize(("yes", "made"), [(DOLLAR, -4 * DOLLAR // 2), (0, 4 * DOLLAR // 2)], ids=["yes", "no"])
def test_side_sold_alone_makes_what_it_fetched_less_what_it_would_have_paid(yes: int, made: int) -> None:
    """Ten YES sold against six NO: four NO stand alone; sold at 0.50, the missing YES would have paid a dollar or nothing."""
    orders = sold(10, kalshi=6)
    naked = 4 * DOLLAR // 2
    told = {
        "sides": SIDES,
        "matched": 6 * DOLLAR,
        "profit": 240_000,
        "naked": naked,
        "unhedged": 4 * DOLLAR,
        "in_doubt": True,
        "orders": orders,
    }

    assert split(**told, payouts={}).naked == -naked
    settled = split(**told, payouts={"poly": yes, "kalshi": yes})
    assert (settled.naked, settled.basis) == (made, 0)


def test_void_on_one_venue_is_basis() -> None:
    """The pair that was sold would have paid 1.50 where one venue voids and the other pays: the half dollar was missed."""
    told = {
        "sides": SIDES,
        "matched": 10 * DOLLAR,
        "profit": 400_000,
        "naked": 0,
        "unhedged": 0,
        "in_doubt": False,
        "orders": sold(10),
    }

    assert split(**told, payouts={"poly": DOLLAR, "kalshi": DOLLAR // 2}).basis == -5 * DOLLAR
