"""Rate tokens of an arb, kept before its first leg goes: without them leg 2, or the way out, could be refused (B-431).

Each account that executes here keeps one order per leg of the arb and one more for an unwind, in the bucket of the leg's shard.
A leg of a trader is left out: its rate limits are counted there, and its heartbeat does not tell them.
"""

from collections.abc import Callable, Mapping, Sequence

from trading.ids import ArbId
from trading.market import Market, MarketId, Venue
from trading.order import LegRequest
from trading.venue import OrderTokens

__all__ = ["LegTokens"]


class LegTokens:
    """The gate's Tokens over the budgets of this process. goes_away says which legs a trader takes."""

    def __init__(
        self,
        budgets: Mapping[Venue, OrderTokens],
        goes_away: Callable[[LegRequest], bool],
        market_of: Callable[[MarketId], Market | None],
    ) -> None:
        self._budgets = budgets
        self._goes_away = goes_away
        self._market_of = market_of

    def reserve(self, arb_id: ArbId, legs: Sequence[LegRequest]) -> str:
        """Keep one order per leg and one for an unwind in every bucket, and return ""; else what is short, keeping nothing."""
        orders: dict[tuple[Venue, int], int] = {}
        for leg in legs:
            if leg.venue in self._budgets and not self._goes_away(leg):
                market = self._market_of(leg.want.market)
                bucket = (leg.venue, market.shard if market is not None else 0)
                orders[bucket] = orders.get(bucket, 0) + 1
        for (venue, shard), count in orders.items():
            wait = self._budgets[venue].reserve(arb_id, count + 1, shard)
            if wait:
                self.release(arb_id)
                return f"{venue} shard {shard}: {count + 1} orders, in {wait:.2f} s at the earliest"
        return ""

    def release(self, arb_id: ArbId) -> None:
        for budget in self._budgets.values():
            budget.release(arb_id)
