"""What an arb's results amount to: pure sums over its orders.

Each order belongs to a side, one per leg of the basket. An order like the side's own adds to it; one that sells it or buys its
complement takes away. matched is the least of all sides (B-176), unhedged what any side has beyond it, so that by side
matched + unhedged = filled. A side below zero holds that many contracts of its complement: as unhedged as any. profit is cash in
minus cash out plus what the matched sets and the held ones (both outcomes of one market) will pay at settlement, less what is
owed, nothing else: a held set is a dollar to come, not cash, because nothing merges sets yet.

A leg that sells what is held (a closing arb, B-440) gains the other outcome: a contract sold at b is one of the other outcome
bought at 1 - b on a dollar that is owed. So a pair that is sold is a set like any, and what was sold of one side only is an
excess like any: completed by selling the other side, or bought back.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from controller.execution.unwind import Excess
from trading.market import Action, Market, MarketId, Outcome
from trading.order import LegRequest, LegResult, Want
from trading.units import CONTRACT, ONE, Money, Price, Size, cost_of

__all__ = ["ArbOutcome", "Side", "SideTally", "Tally", "TradedOrder", "classify", "excess_of", "tally"]

ArbOutcome = Literal["matched", "miss", "one_sided", "unwound", "exposed", "unknown"]


class Side(msgspec.Struct, frozen=True):
    """One leg as it was approved: what the arb wants to have (BUY) or to be rid of (SELL). gains is what stands for either."""

    market: MarketId
    outcome: Outcome
    action: Action

    @staticmethod
    def of(want: Want) -> "Side":
        return Side(want.market, want.outcome, want.action)

    @property
    def gains(self) -> Outcome:
        """The outcome of which a fill of this leg adds contracts."""
        return self.outcome if self.action is Action.BUY else self.outcome.other


class TradedOrder(msgspec.Struct, frozen=True):
    """An order that was sent for a side; result None = no answer of any kind yet."""

    side: int
    leg: LegRequest
    result: LegResult | None


class SideTally(msgspec.Struct, frozen=True, kw_only=True):
    """One side: net contracts, what was added, and held sets of both outcomes; costs are mean cash per contract, fee included.

    mean_cost is that of the side's own contracts, other_cost of the complement's. A contract sold that this arb did not buy is
    one of the other outcome, bought for a dollar less what it fetched; owed counts these dollars.
    """

    net: Size
    added: Size
    mean_cost: Money
    other_cost: Money
    held_sets: Size
    owed: Money


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The whole arb. cost and fee are cash out over all orders; open says that some order may still change."""

    sides: tuple[SideTally, ...]
    matched: Size
    unhedged: Size
    naked: Money
    cost: Money
    fee: Money
    profit: Money
    open: bool
    reduced: bool
    """Some excess was sold or made into held sets."""


def tally(sides: Sequence[Side], orders: Sequence[TradedOrder], payout: Price) -> Tally:
    """Add up. payout is what a matched set pays at least, in the price of one set."""
    rows = [_side(side, [order for order in orders if order.side == number]) for number, side in enumerate(sides)]
    results = [order.result for order in orders if order.result is not None]
    nets = [row.net for row in rows]
    matched = Size(max(0, min(nets, default=0)))
    cost = Money(sum(result.cost for result in results))
    fee = Money(sum(result.fee for result in results))
    sets = cost_of(payout, matched, up=False)
    held = sum(cost_of(ONE, row.held_sets) - row.owed for row in rows)
    return Tally(
        sides=tuple(rows),
        matched=matched,
        unhedged=Size(sum(abs(net - matched) for net in nets)),
        naked=Money(sum(_at(row.mean_cost, row.net - matched) + _at(row.other_cost, -row.net) for row in rows)),
        cost=cost,
        fee=fee,
        profit=Money(sets + held - cost - fee),
        open=any(order.result is None or not order.result.final for order in orders),
        reduced=any(row.net < row.added for row in rows),
    )


def _at(mean: Money, size: int) -> int:
    """Cash of size contracts at a mean, rounded up; nothing below zero."""
    return -(-max(0, size) * mean // CONTRACT)


def _side(side: Side, orders: Sequence[TradedOrder]) -> SideTally:
    added = spent = sold = fetched = others = others_spent = others_sold = others_fetched = lent = 0
    gains, sells = side.gains, side.action is Action.SELL
    for order in orders:
        want, result = order.leg.want, order.result
        if result is None:
            continue
        outcome, adds, filled = want.outcome, want.action is Action.BUY, result.filled
        cash = result.cost + result.fee
        if sells and outcome is side.outcome:  # a contract is Money one to one: a dollar owed more, or given back
            outcome, adds = gains, not adds
            dollars = filled if adds else -filled
            cash, lent = cash + dollars, lent + dollars
        if outcome is gains and adds:
            added += filled
            spent += cash
        elif outcome is gains:
            sold += filled
            fetched -= cash
        elif adds:
            others += filled
            others_spent += cash
        else:
            others_sold += filled
            others_fetched -= cash
    own, other = added - sold, others - others_sold
    oversold = max(0, -own)
    other_short = max(0, -other - oversold)
    if oversold:  # contracts of a dollar are Money one to one
        others_spent += oversold - fetched * oversold // sold
    if other_short:
        spent += other_short - others_fetched * other_short // others_sold
    return SideTally(
        net=Size(own - other),
        added=Size(added),
        mean_cost=_mean(spent, added + other_short),
        other_cost=_mean(others_spent, others + oversold),
        held_sets=Size(max(0, min(own, other))),
        owed=Money(max(0, -own, -other) + lent),
    )


def _mean(cash: int, size: int) -> Money:
    return Money(-(-cash * CONTRACT // size) if size else 0)


def classify(counted: Tally, *, dust: Size) -> ArbOutcome:
    """Name how the arb ended.

    unknown: an order may still change. exposed: more than dust stands alone. miss: nothing was ever filled. matched: all that
    was bought is matched, dust apart. unwound: nothing matched, all given back. one_sided: matched in part, the rest given
    back, or only dust was ever filled.
    """
    if counted.open:
        return "unknown"
    if counted.unhedged > dust and len(counted.sides) > 1:
        return "exposed"
    if not any(side.added for side in counted.sides):
        return "miss"
    if counted.matched > 0:
        return "one_sided" if counted.reduced else "matched"
    return "unwound" if counted.reduced else "one_sided"


def excess_of(
    counted: Tally, sides: Sequence[Side], markets: Mapping[MarketId, Market], payout: Price, *, dust: Size
) -> Excess | None:
    """The largest one-sided holding as the exit rule sees it; None when nothing beyond dust stands alone.

    A side below zero is an excess of its complement, at the complement's own cost: no order on another side completes it, and
    while it stands no order on it completes another. A market that is no longer known offers no way out.
    """
    nets = [side.net for side in counted.sides]
    if len(nets) < 2 or counted.unhedged <= dust:
        return None
    under = min(range(len(nets)), key=lambda side: nets[side])
    beyond = [net - counted.matched if net > 0 else -net for net in nets]
    over = max(range(len(nets)), key=lambda side: beyond[side])
    market, other = markets.get(sides[over].market), markets.get(sides[under].market)
    if market is None:
        return None
    sold = tuple((side.market, side.gains) for side in sides if side.action is Action.SELL)
    if nets[over] < 0:
        return Excess(
            market=market,
            outcome=sides[over].gains.other,
            size=Size(-nets[over]),
            cost=counted.sides[over].other_cost,
            short=None,
            completes=Size(0),
            others=Money(0),
            payout=payout,
            naked=counted.naked,
            sold=sold,
        )
    return Excess(
        market=market,
        outcome=sides[over].gains,
        size=Size(beyond[over]),
        cost=counted.sides[over].mean_cost,
        short=(other, sides[under].gains) if other is not None and nets[under] >= -dust else None,
        completes=Size(min(net for side, net in enumerate(nets) if side != under) - counted.matched),
        others=Money(sum(row.mean_cost for side, row in enumerate(counted.sides) if side != under)),
        payout=payout,
        naked=counted.naked,
        sold=sold,
    )
