"""What an arb's results amount to: pure sums over its orders.

Each order belongs to a side, one per leg of the basket. An order like the side's own adds to it; one that sells it or buys its
complement takes away. matched is the least of all sides (B-176), unhedged what any side has beyond it, so that by side
matched + unhedged = filled; and profit is cash in minus cash out plus what the matched sets will pay, nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from controller.execution.unwind import Excess
from trading.market import Action, Market, MarketId, Outcome
from trading.order import LegRequest, LegResult, Want
from trading.units import ONE, Money, Price, Size, cost_of

__all__ = ["ArbOutcome", "Side", "SideTally", "Tally", "TradedOrder", "classify", "excess_of", "keeps_claim", "tally"]

ArbOutcome = Literal["matched", "miss", "one_sided", "unwound", "exposed", "unknown"]


class Side(msgspec.Struct, frozen=True):
    """One leg of the basket: what the arb wants to have (BUY) or to be rid of (SELL)."""

    market: MarketId
    outcome: Outcome
    action: Action

    @staticmethod
    def of(want: Want) -> "Side":
        return Side(want.market, want.outcome, want.action)


class TradedOrder(msgspec.Struct, frozen=True):
    """An order that was sent for a side; result None = no answer of any kind yet."""

    side: int
    leg: LegRequest
    result: LegResult | None


class SideTally(msgspec.Struct, frozen=True, kw_only=True):
    """One side: net contracts, mean cash per contract that was added (fee included), and sets made with the complement."""

    net: Size
    added: Size
    mean_cost: Money
    merged: Size


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
    """Some excess was sold or merged away."""


def tally(sides: Sequence[Side], orders: Sequence[TradedOrder], payout: Price) -> Tally:
    """Add up. payout is what a matched set pays at least, in the price of one set."""
    rows = [_side(side, [order for order in orders if order.side == number]) for number, side in enumerate(sides)]
    results = [order.result for order in orders if order.result is not None]
    nets = [row.net for row in rows]
    matched = Size(max(0, min(nets, default=0)))
    cost = Money(sum(result.cost for result in results))
    fee = Money(sum(result.fee for result in results))
    # A closing basket (SELL) gives up the payout it would have had; an opening one (BUY) will receive it.
    sign = -1 if sides and sides[0].action is Action.SELL else 1
    sets = cost_of(payout, matched, up=sign < 0)
    merged = sum(cost_of(ONE, row.merged) for row in rows)
    return Tally(
        sides=tuple(rows),
        matched=matched,
        unhedged=Size(sum(abs(net - matched) for net in nets)),
        naked=Money(sum(-(-max(0, row.net - matched) * row.mean_cost // 1_000_000) for row in rows)),
        cost=cost,
        fee=fee,
        profit=Money(sign * sets + merged - cost - fee),
        open=any(order.result is None or not order.result.final for order in orders),
        reduced=any(row.net < row.added for row in rows),
    )


def _side(side: Side, orders: Sequence[TradedOrder]) -> SideTally:
    added = spent = sold = complements = 0
    for order in orders:
        want, result = order.leg.want, order.result
        if result is None:
            continue
        if want.outcome is side.outcome and want.action is side.action:
            added += result.filled
            spent += result.cost + result.fee
        elif want.outcome is side.outcome:
            sold += result.filled
        else:
            complements += result.filled
    mean = -(-spent * 1_000_000 // added) if added else 0
    return SideTally(
        net=Size(added - sold - complements),
        added=Size(added),
        mean_cost=Money(mean),
        merged=Size(max(0, min(added - sold, complements))),
    )


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
    counted: Tally, wants: Sequence[Want], markets: Mapping[MarketId, Market], payout: Price, *, dust: Size
) -> Excess | None:
    """The largest one-sided holding as the exit rule sees it; None when nothing beyond dust stands alone.

    wants are the approved orders of the sides. A market that is no longer known offers no way out.
    """
    nets = [side.net for side in counted.sides]
    if len(nets) < 2 or counted.unhedged <= dust:
        return None
    over = max(range(len(nets)), key=lambda side: nets[side])
    under = min(range(len(nets)), key=lambda side: nets[side])
    market, other = markets.get(wants[over].market), markets.get(wants[under].market)
    if market is None:
        return None
    return Excess(
        market=market,
        outcome=wants[over].outcome,
        size=Size(max(0, nets[over] - max(0, nets[under]))),
        cost=counted.sides[over].mean_cost,
        short=(other, wants[under].outcome) if other is not None else None,
        completes=Size(min(net for side, net in enumerate(nets) if side != under) - nets[under]),
        others=Money(sum(row.mean_cost for side, row in enumerate(counted.sides) if side != under)),
        payout=payout,
        naked=counted.naked,
    )


def keeps_claim(outcome: ArbOutcome) -> bool:
    """Whether the event stays claimed after the arb ended: something there still has to be found out or closed."""
    return outcome in ("unknown", "exposed")
