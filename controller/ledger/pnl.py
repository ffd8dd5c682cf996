"""The profit of one arb in four parts that are never mixed (execution.md 7, B-453): pure.

    locked        both legs confirmed: what the hedge earns whatever happens; the headline
    provisional   the same while a venue may still take a fill back
    naked         what stands alone, at its worst (all of its cost is lost) until it is settled, then what it really made
    basis         what the settlement paid other than the hedge promised: a void here and a winner there

Their sum is never better than the truth while something is open, and is the truth when all is paid out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from trading.units import DOLLAR

__all__ = ["ZERO", "ArbOrder", "Day", "Split", "split"]

Side = tuple[str, int]
"""(market, outcome), outcome 0 = YES."""


class ArbOrder(NamedTuple):
    """What one order of an arb came to; cash is what it took, fee in, negative when it gave."""

    market: str
    outcome: int
    buy: bool
    filled: int
    cash: int
    confirmed: bool
    open: bool = False
    """Its end is not known."""


class Split(NamedTuple):
    """Dollars in Money."""

    locked: int = 0
    provisional: int = 0
    naked: int = 0
    basis: int = 0

    @property
    def total(self) -> int:
        return self.locked + self.provisional + self.naked + self.basis

    def plus(self, other: "Split") -> "Split":
        return Split(*(one + two for one, two in zip(self, other, strict=True)))

    def minus(self, other: "Split") -> "Split":
        return Split(*(one - two for one, two in zip(self, other, strict=True)))


ZERO = Split()


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One UTC day: counts, contracts and Money. refused counts refusals, alike ones too; one_sided arbs filled on one side beyond
    what their hedge did (B-333); filled are orders with fills, off_limit those that paid beyond their limit (B-332)."""

    day: str
    executions: int = 0
    misses: int = 0
    one_sided: int = 0
    filled: int = 0
    off_limit: int = 0
    refused: int = 0
    matched: int = 0
    fees: int = 0
    settled: int = 0
    differences: int = 0
    profit: Split = ZERO


def split(
    *,
    sides: Sequence[Side],
    matched: int,
    profit: int,
    naked: int,
    unhedged: int,
    in_doubt: bool,
    orders: Sequence[ArbOrder],
    payouts: Mapping[str, int],
) -> Split:
    """Divide an ended arb. sides are its legs as approved; profit and naked as its end was told (naked is cash that stands alone,
    outside profit); unhedged are contracts beyond the matched ones; payouts are YES payouts of settled markets; in_doubt: its end
    is not the last word yet.
    """
    sure = all(order.confirmed for order in orders if order.filled)
    nets: dict[str, int] = {}
    for order in orders:
        yes = (order.outcome == 0) is order.buy
        nets[order.market] = nets.get(order.market, 0) + (order.filled if yes else -order.filled)
    waiting = any(order.open for order in orders) or (in_doubt and not payouts)
    if waiting or not all(market in payouts for market, net in nets.items() if net):
        return Split(profit, 0, -naked) if sure and not in_doubt else Split(0, profit, -naked)
    # everything it held is paid out: the truth is known, and what the hedge did not promise is named
    paid = sum(map(_dollars, [(order, payouts.get(order.market, 0)) for order in orders])) // DOLLAR
    real = paid - sum(order.cash for order in orders)
    alone = sum(_worth(_excess(nets, side, matched), payouts[side[0]]) for side in sides if side[0] in payouts)
    loose = alone - naked if unhedged or naked else 0
    basis = real - profit - loose
    return Split(profit, 0, loose, basis) if sure else Split(0, profit, loose, basis)


def _dollars(paid: tuple[ArbOrder, int]) -> int:
    """What an order's contracts paid, in Money x dollars. What it sold did not pay us, whoever bought it: an arb that sells a held
    pair gives its payout away (B-440)."""
    order, yes = paid
    payout = yes if order.outcome == 0 else DOLLAR - yes
    return order.filled * (payout if order.buy else -payout)


def _worth(net: int, payout: int) -> int:
    """A signed count of YES in dollars: a short one is a NO contract, whose dollar of collateral came in with its price."""
    return net * payout // DOLLAR if net >= 0 else -net * (DOLLAR - payout) // DOLLAR


def _excess(nets: Mapping[str, int], side: Side, matched: int) -> int:
    """Contracts of a side beyond the hedged ones, as signed YES. A side that was sold is below zero: its excess is what it gained
    of the other outcome."""
    net = nets.get(side[0], 0)
    own = net if side[1] == 0 else -net
    beyond = own - matched if own >= 0 else own + matched
    return beyond if side[1] == 0 else -beyond
