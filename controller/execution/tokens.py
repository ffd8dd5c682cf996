"""Rate tokens of an arb, kept before its first leg goes: without them leg 2, or the way out, could be refused (B-431).

Until its deadline an arb keeps one order per leg and one for an unwind, in the bucket of each shard where a leg executes here.
After it no leg of its own leaves any more: what is left to send is a way out, and all arbs that late share one, because each
lives for hours while venues answer, and three of them would stop every new arb of a Basic account.

One is enough. A way out is a reducing order (complete, unwind, exit): it spends the last token of a bucket, whoever keeps it,
and goes at Kalshi even when our count says there is none. The share is what arbs that open may not count on: none begins before it
is there, so a bucket holds, whatever was opened, the order of whoever leaves next, the oldest too. Then it refills, at 10 orders a
second at the slowest, and the next may go. A leg of a trader is left out: its rate limits are counted there.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from trading.clock import Clock
from trading.ids import ArbId
from trading.market import Market, MarketId, Venue
from trading.order import LegRequest
from trading.units import MonoNs
from trading.venue import OrderTokens

__all__ = ["LegTokens"]

_Bucket = tuple[Venue, int]
_SHARED = b"way out"
"""Owner of the share: no arb has this name, arbs have 14 bytes."""


class _Kept(msgspec.Struct):
    """One arb's reservation: until is when its last leg of its own can leave."""

    buckets: frozenset[_Bucket]
    until: MonoNs


class LegTokens:
    """The gate's Tokens over the budgets of this process. goes_away says which legs a trader takes."""

    def __init__(
        self,
        budgets: Mapping[Venue, OrderTokens],
        goes_away: Callable[[LegRequest], bool],
        market_of: Callable[[MarketId], Market | None],
        clock: Clock,
    ) -> None:
        self._budgets = budgets
        self._goes_away = goes_away
        self._market_of = market_of
        self._clock = clock
        self._kept: dict[ArbId, _Kept] = {}
        self._late: dict[ArbId, frozenset[_Bucket]] = {}
        """Arbs past their deadline that have not ended: they share one order of each of their buckets."""

    def reserve(self, arb_id: ArbId, legs: Sequence[LegRequest]) -> str:
        """Keep one order per leg and one for an unwind in every bucket, and return ""; else what is short, keeping nothing."""
        orders: dict[_Bucket, int] = {}
        for leg in legs:
            if leg.venue in self._budgets and not self._goes_away(leg):
                market = self._market_of(leg.want.market)
                bucket = (leg.venue, market.shard if market is not None else 0)
                orders[bucket] = orders.get(bucket, 0) + 1
        if not orders:
            return ""
        self._join_late()
        late = {bucket for buckets in self._late.values() for bucket in buckets}
        for bucket, count in orders.items():
            venue, shard = bucket
            if bucket in late and (wait := self._budgets[venue].reserve(_SHARED, 1, shard)):
                self.release(arb_id)
                return f"{venue} shard {shard}: a way out of arbs under way, in {wait:.2f} s at the earliest"
            if wait := self._budgets[venue].reserve(arb_id, count + 1, shard):
                self.release(arb_id)
                return f"{venue} shard {shard}: {count + 1} orders, in {wait:.2f} s at the earliest"
        self._kept[arb_id] = _Kept(frozenset(orders), max(leg.deadline for leg in legs))
        return ""

    def _join_late(self) -> None:
        """Give back what arbs past their deadline kept alone."""
        now = self._clock.mono_ns()
        for arb_id in [arb_id for arb_id, kept in self._kept.items() if kept.until < now]:
            self._late[arb_id] = self._kept.pop(arb_id).buckets
            for budget in self._budgets.values():
                budget.release(arb_id)

    def release(self, arb_id: ArbId) -> None:
        """Give back what the arb did not spend; the last late one gives back the share."""
        self._kept.pop(arb_id, None)
        ended = self._late.pop(arb_id, None)
        for budget in self._budgets.values():
            budget.release(arb_id)
        if ended and not self._late:
            for budget in self._budgets.values():
                budget.release(_SHARED)
