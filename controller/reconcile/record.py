"""A venue's record, read to its end, and what of it is not ours: first by the lists, then market by market (B-183).

Lists lag, and what was paid out is in them no more: a market in which orders of ours went is asked about by itself before it counts
as different.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal

import msgspec

from controller.reconcile.compare import Difference, Legs, compare_nets, explain_fills, late_results, net_of, paid_net
from controller.reconcile.ports import Ours
from trading.errors import AuthFailed, ModeClosed, Rejected, Throttled, VenueError
from trading.log import get_logger
from trading.market import Market, MarketId, Venue
from trading.units import to_dollars
from trading.venue import AccountPage, AccountQuery

__all__ = ["Rows", "VenueRecord"]

Rows = Literal["positions", "orders", "history", "fills", "settlements"]
_PAGES = 100
_EXACT = 25
"""Markets read one by one in a round: they share the venue's budget with orders."""

log = get_logger(__name__)


class VenueRecord:
    """Reads through whoever holds a venue's keys. What it reads raises VenueError or Misuse."""

    def __init__(
        self,
        *,
        read: Callable[[Venue, AccountQuery], Awaitable[AccountPage]],
        market: Callable[[Venue, MarketId], Awaitable[Market]],
        ours: Ours,
    ) -> None:
        self.read = read
        self.market = market
        self._ours = ours
        self.paid: set[MarketId] = set()
        """Settled, and the venue holds nothing of it any more."""

    async def rows(self, venue: Venue, what: Rows, market: MarketId | None = None) -> tuple[Any, ...]:
        """Every row; of the history only the newest page: what is older than that has had its look."""
        rows: list[Any] = []
        cursor = ""
        for _ in range(1 if what == "history" else _PAGES):
            page = await self.read(venue, AccountQuery(what=what, market=market, cursor=cursor))
            rows += page.orders if what == "history" else getattr(page, what)
            cursor = page.cursor
            if not cursor:
                break
        else:
            if what != "history":
                raise VenueError(venue, "too_many_rows", f"{what} do not end after {_PAGES} pages")
        return tuple(rows)

    async def differences(
        self,
        venue: Venue,
        ours: Mapping[MarketId, int],
        theirs: Mapping[MarketId, int],
        strangers: Mapping[MarketId, int],
        busy: Collection[MarketId],
        known: Collection[MarketId],
    ) -> tuple[list[Difference], set[MarketId]]:
        """Differences, and the markets left for the next look: many of them must not use up the venue's budget. known are found
        to differ already: they come last. A late fill met on the way is booked: raises JournalFailed.
        """
        rough = compare_nets(venue, ours, theirs, strangers, ())
        if not rough:
            return [], set()
        legs = self._ours.legs()
        touched = {leg.want.market for leg, _ in legs.values()}
        found: list[Difference] = []
        later: set[MarketId] = set()
        asked = 0
        rows = compare_nets(venue, ours, theirs, strangers, touched)
        for one in sorted(rows, key=lambda row: row.market in known):  # nobody waits behind what is known
            if one.market in busy:
                continue  # waits
            if one.kind == "foreign":
                found.append(one)
            elif asked == _EXACT:
                later.add(one.market)
            else:
                asked += 1
                found += await self._exactly(one, legs, _only(ours, one.market), strangers)
        return found, later

    async def _exactly(
        self, rough: Difference, legs: Legs, ours: Mapping[MarketId, int], strangers: Mapping[MarketId, int]
    ) -> tuple[Difference, ...]:
        """One market by itself: nothing, or the difference with the orders that make it."""
        venue, market = rough.venue, rough.market
        try:
            again = compare_nets(venue, ours, net_of(await self.rows(venue, "positions", market)), strangers, (market,))
            if not again:
                return ()
            fills = await self.rows(venue, "fills", market)
            if not again[0].theirs and (await self.market(venue, market)).status == "settled":
                rows = await self.rows(venue, "settlements", market)
                paid = paid_net(legs, market, rows, fills, strangers.get(market, 0))
                again = compare_nets(venue, ours, {market: paid}, strangers, (market,))
                if not again:
                    self.paid.add(market)
                    return ()
            numbers = {result.venue_order_id for _, result in legs.values() if result is not None}
            unnamed = any(row.market == market and row.venue_order_id not in numbers for row in fills)
            named = await self.rows(venue, "history", market) if unnamed else ()
            for late in late_results(legs, market, fills, named):
                if await self._ours.book(late):  # ours moved, so this market is compared again
                    log.warning("late_fill_booked", venue=venue, market=market, leg=late.leg_id, filled=to_dollars(late.filled))
            why = explain_fills(legs, market, fills)
        except (Throttled, AuthFailed, ModeClosed):
            raise  # says nothing about this market
        except Rejected as exc:  # one market the venue does not know any more keeps no other shut
            return (msgspec.structs.replace(rough, why=(f"it cannot be read by itself: {exc}",)),)
        return (msgspec.structs.replace(again[0], why=why),)


def _only(nets: Mapping[MarketId, int], market: MarketId) -> dict[MarketId, int]:
    return {market: nets[market]} if market in nets else {}
