"""How much of a basket is worth buying: the walk over all legs' depth at once (execution.md 3).

Each step takes the smallest remaining level of any leg. Its marginal net edge is payout minus prices minus the fee of one
contract at those prices; the walk ends where that falls below the floor. What rounding of fees may cost on top, per fill, is
charged to the whole and must leave the floor standing. Limits are the prices of the last step that paid.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, sqrt

import msgspec

from controller.risk.limits import PPM, RiskSettings
from trading.fees import fee_of_fill, unit_fees
from trading.market import FeeTerms
from trading.units import CONTRACT, Money, Price, Size, cost_of

__all__ = [
    "UNIT",
    "Depth",
    "Sized",
    "base_floor",
    "extra_floor",
    "fraction_of",
    "take",
    "unit_cost",
    "unit_costs",
    "walk",
    "worst_fee",
]

UNIT = 100
"""Money of one contract per unit of Price."""


class Depth(msgspec.Struct, frozen=True):
    """One leg: what it may take, best first, in the price of its outcome, and what that costs in fees."""

    levels: Sequence[tuple[Price, Size]]
    fees: FeeTerms


class Sized(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a walk. acceptable is all depth that pays, size the part we want; edges are Money per contract, net.

    cost is Money for size sets, fees in. limits are the worst prices of acceptable depth, per leg.
    """

    size: Size
    acceptable: Size
    limits: tuple[Price, ...]
    edge: Money
    worst_edge: Money
    cost: Money


def unit_cost(terms: FeeTerms, price: Price) -> Money:
    """One contract at price with its fee, the fraction rounded against us. A fee waiver is not counted on."""
    return Money(unit_costs(terms)[price])


@lru_cache(maxsize=256)
def unit_costs(terms: FeeTerms) -> tuple[int, ...]:
    """unit_cost at each of the 10,001 prices; it grows with the price, because no fee rate comes near 100 %."""
    return tuple(price * UNIT + fee for price, fee in enumerate(unit_fees(terms)))


def worst_fee(terms: FeeTerms, price: Price, size: Size) -> Money:
    """The most a fill in one piece may be charged: the formula, and where balances are aligned one step of that on top."""
    fee = fee_of_fill(terms, price, size)
    return Money(fee + terms.precision) if terms.schedule == "kalshi" else fee


def base_floor(cost: Money, settings: RiskSettings) -> Money:
    """The least net edge of one set that costs this much (B-162)."""
    return Money(
        max(settings.min_edge, -(-cost * settings.min_arbitrage_threshold_ppm // PPM), settings.min_arb_spread),
    )


def extra_floor(
    *, sigma: float, hold_ns: int, ghost_ppm: int, exit_loss: Money, charge: Money, settings: RiskSettings
) -> Money:
    """What is asked on top: price moves until we are out, ghost fills, differing settlement. sigma in cents per sqrt(s)."""
    seconds = hold_ns / 1e9 + 0.6 * settings.unwind_time_ms / 1e3
    moves = settings.edge_vol_k_ppm / PPM * sigma * sqrt(seconds) * 10_000
    return Money(ceil(moves) + ghost_ppm * max(0, exit_loss) // PPM + charge)


def fraction_of(hold_ns: int, settings: RiskSettings) -> int:
    """Share of acceptable depth to take, in ppm."""
    held = hold_ns >= settings.hold_long_ms * 1_000_000
    return settings.depth_fraction_held_ppm if held else settings.depth_fraction_ppm


def take(depth: Depth, size: Size) -> tuple[Money, Money]:
    """Cost and worst fees of buying size from the top of one leg. The depth must hold it."""
    cost = fees = 0
    left: int = size
    for price, displayed in depth.levels:
        part = Size(min(left, displayed))
        if part <= 0:
            break
        cost += cost_of(price, part)
        fees += worst_fee(depth.fees, price, part)
        left -= part
    return Money(cost), Money(fees)


def walk(
    legs: Sequence[Depth], payout: Price, *, extra: Money, fraction_ppm: int, step: Size, settings: RiskSettings
) -> Sized | None:
    """Size a basket that pays payout per set. None when no step pays or rounding eats the edge of the size."""
    if not all(leg.levels for leg in legs):
        return None
    worth = payout * UNIT
    tables = [unit_costs(leg.fees) for leg in legs]
    at = [0] * len(legs)
    left: list[int] = [leg.levels[0][1] for leg in legs]
    prices = [leg.levels[0][0] for leg in legs]
    acceptable = 0
    limits: tuple[Price, ...] = ()
    worst = floor = 0
    more = True
    while more:
        cost = 0
        for price, table in zip(prices, tables, strict=True):
            cost += table[price]
        asked = base_floor(Money(cost), settings) + extra
        if worth - cost < asked:
            break
        part = min(left)
        acceptable += part
        limits, worst, floor = tuple(prices), worth - cost, asked
        for index, leg in enumerate(legs):
            left[index] -= part
            if left[index] == 0:
                at[index] += 1
                if at[index] == len(leg.levels):
                    more = False
                else:
                    prices[index], left[index] = leg.levels[at[index]]
    size = Size(acceptable * fraction_ppm // PPM // step * step)
    if size <= 0:
        return None
    taken = [take(leg, size) for leg in legs]
    paid = sum(cost + fees for cost, fees in taken)
    edge = (worth * size // CONTRACT - paid) * CONTRACT // size
    if edge < floor:
        return None
    return Sized(
        size=size,
        acceptable=Size(acceptable),
        limits=limits,
        edge=Money(edge),
        worst_edge=Money(worst),
        cost=Money(paid),
    )
