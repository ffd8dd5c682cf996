"""What the trades of one market add up to, in average cost: pure.

A set of both outcomes is worth its dollar: Kalshi nets it at once, Polymarket merges it on request, so it counts as sold for that
dollar. Selling what is not held is buying the other outcome. A settlement pays what is left (B-241, B-242).
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from trading.market import KALSHI
from trading.units import DOLLAR

__all__ = ["Change", "Held", "Paid", "Trade", "hold", "paid_of", "trade_of"]

_YES, _NO = 0, 1
_CENT = 10_000


class Trade(NamedTuple):
    """One order's fills: outcome 0 is YES; cost is cash out before the fee, negative when received; stamps are wall ns."""

    outcome: int
    buy: bool
    size: int
    cost: int
    fee: int
    at: int


class Paid(NamedTuple):
    """A settlement: what one YES contract paid, when, and the step to which the venue cuts the sum (kalshi.md 11: a cent)."""

    payout: int
    at: int
    step: int = 1


class Change(NamedTuple):
    """Contracts of YES less NO that came, or left when negative, without an order of ours; cash out for them, None = not known."""

    net: int
    cash: int | None
    at: int


class Held(NamedTuple):
    """net in contracts, YES positive; cost is the cash for what is still held, fees in; realised the profit of the rest."""

    net: int
    cost: int
    realised: int
    fees: int
    opened: int
    updated: int
    closed: int | None


def trade_of(row: Any) -> Trade:
    """A row of the orders' table."""
    return Trade(int(row.outcome == "no"), row.action == "buy", row.filled, row.cost, row.fee, row.at)


def paid_of(row: Any) -> Paid:
    """A row of the settlements' table. Kalshi cuts a payout to the cent."""
    return Paid(row.payout, row.at, _CENT if row.venue == KALSHI else 1)


class _Lots:
    """Contracts and cost of both outcomes; selling gives average cost away."""

    def __init__(self) -> None:
        self.size = [0, 0]
        self.cost = [0, 0]
        self.realised = 0

    def buy(self, outcome: int, size: int, cash: int) -> None:
        self.size[outcome] += size
        self.cost[outcome] += cash
        if sets := min(self.size):
            self.realised += sets - self._give(_YES, sets) - self._give(_NO, sets)  # a contract and a dollar share one unit

    def sell(self, outcome: int, size: int, proceeds: int) -> None:
        own = min(size, self.size[outcome])
        part = proceeds * own // size
        if own:
            self.realised += part - self._give(outcome, own)
        if size > own:
            self.buy(1 - outcome, size - own, (size - own) - (proceeds - part))

    def change(self, net: int, cash: int | None) -> None:
        """At unknown cash what leaves takes its cost along, and what comes costs nothing: no profit is made up."""
        gained, size = (_YES, net) if net > 0 else (_NO, -net)
        if cash is None:
            own = min(size, self.size[1 - gained])
            if own:
                self._give(1 - gained, own)
            self.size[gained] += size - own
        elif cash < 0:
            self.sell(1 - gained, size, -cash)
        else:
            self.buy(gained, size, cash)

    def _give(self, outcome: int, size: int) -> int:
        cost = self.cost[outcome] * size // self.size[outcome]
        self.cost[outcome] -= cost
        self.size[outcome] -= size
        return cost


def hold(trades: Iterable[Trade], settled: Paid | None = None, changes: Iterable[Change] = ()) -> Held | None:
    """Add trades and changes up by their stamps, then the settlement; None when there are none.

    A trade that became known after the settlement counts like the others: it was made before.
    """
    lots, fees, opened, updated = _Lots(), 0, 0, 0
    closed: int | None = None
    rows: list[Trade | Change] = [*trades, *changes]
    for one in sorted(rows, key=lambda row: row.at):
        if isinstance(one, Change):
            lots.change(one.net, one.cash)
        elif not one.size:
            continue
        else:
            fees += one.fee
            if one.buy:
                lots.buy(one.outcome, one.size, one.cost + one.fee)
            else:
                lots.sell(one.outcome, one.size, -one.cost - one.fee)
        opened, updated = opened or one.at, one.at
        closed = None if any(lots.size) else one.at
    if not opened:
        return None
    if settled is not None:
        updated = settled.at
        for outcome, each in ((_YES, settled.payout), (_NO, DOLLAR - settled.payout)):
            lots.realised += lots.size[outcome] * each // DOLLAR // settled.step * settled.step - lots.cost[outcome]
        return Held(0, 0, lots.realised, fees, opened, updated, updated)
    return Held(lots.size[_YES] - lots.size[_NO], sum(lots.cost), lots.realised, fees, opened, updated, closed)
