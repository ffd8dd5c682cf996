"""The gate to trading that both venues hold: their record against ours, at the start and then for good (B-183, P4).

    begin() ─► every venue is shut ─► read, compare ─► what agrees opens, what does not stays shut with a line that says why
                                          └─► unreadable: that venue stays shut and is asked again

A market is compared only while no order of ours in it is open or unconfirmed, before and after the reading. After the first look
a difference counts when it was seen twice, the same. What stands alone may be hedged, unless a person closed it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import msgspec

from controller.durable import EPOCH
from controller.reconcile.cash import CashWatch, look_of
from controller.reconcile.compare import Difference, Legs, is_lost, net_of, own_order, stranger_key
from controller.reconcile.ends import Endings
from controller.reconcile.hedges import hedge_of_nothing
from controller.reconcile.ports import ADOPTED_AT, Numbers, Ours
from controller.reconcile.record import VenueRecord
from trading.clock import SECOND, Clock
from trading.errors import Misuse, VenueError
from trading.log import get_logger
from trading.market import Market, MarketId, Venue
from trading.order import LegRequest
from trading.units import Money, WallNs, to_dollars
from trading.venue import AccountPage, AccountQuery, OpenOrder, Position, Settlement

__all__ = ["ABOUT_JOURNAL", "Reconciler", "Report"]

ABOUT_JOURNAL = "reconciliation"
"""How the reason of a halt begins that an adoption may end."""
_MS_NS = 1_000_000
_EVERY_S = 60.0
_AGAIN_S = 2.0
"""After a reading that left anything open; doubled up to _EVERY_S while it stays so."""
_WAIT_S = 0.05
_FULL = 10
"""Each so many looks is full: only orders tell of a second controller, or of a person, on the same account."""
_CASH_STEP = "look for a deposit, withdrawal, interest or trade on the venue's site; without one compare its fills with the log"
_HEDGES = ("complete", "unwind")

log = get_logger(__name__)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest look found. unread names the venues that did not answer and why; waiting are markets not compared because
    orders there are under way."""

    differences: tuple[Difference, ...]
    unread: Mapping[Venue, str]
    waiting: tuple[MarketId, ...]
    notes: tuple[str, ...]
    lost: str
    cash: Mapping[Venue, Money]
    cash_differences: tuple[str, ...] = ()
    """Cash that moved without our record's doing; it stops nothing."""

    @property
    def equal(self) -> bool:
        return not (self.differences or self.unread or self.lost)


class Reconciler:
    """Compares, and refuses what may not be opened. read asks whoever holds a venue's keys; on_lost hears once that the journal is
    older than the account."""

    def __init__(
        self,
        venues: Sequence[Venue],
        *,
        read: Callable[[Venue, AccountQuery], Awaitable[AccountPage]],
        market: Callable[[Venue, MarketId], Awaitable[Market]],
        ours: Ours,
        numbers: Numbers,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_lost: Callable[[str], None] = lambda why: None,
        epoch: int = 0,
    ) -> None:
        self._venues = tuple(venues)
        self._record = VenueRecord(read=read, market=market, ours=ours)
        self._ours = ours
        self._numbers = numbers
        self._clock = clock
        self._sleep = sleep
        self._on_lost = on_lost
        self._epoch = epoch
        """Of this start; 0 = it sends nothing."""
        self._unread: dict[Venue, str] = {}
        self._first: set[Venue] = set(venues)
        """Venues never compared: there a difference counts at once."""
        self._pending: dict[MarketId, Venue] = {}
        """Markets busy at the first look."""
        self._found: dict[MarketId, Difference] = {}
        self._said: dict[MarketId, tuple[int, int]] = {}
        self._seen: dict[MarketId, tuple[Venue, int, int]] = {}
        """Differences seen once."""
        self._ends = Endings(ours, self._record, number=numbers.number_kept, clock=clock)
        self._notes: dict[Venue, tuple[str, ...]] = {}
        self._cash: dict[Venue, Money] = {}
        self._money = CashWatch()
        self._lost = ""
        self._looks = 0
        self._looking = asyncio.Lock()
        self.last: tuple[WallNs, Report] | None = None
        """The newest look and when it ended."""

    # --- the gate -----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Shut every venue until it was compared."""
        for venue in self._venues:
            self._unread.setdefault(venue, "not compared with our record yet")

    def blocks(self, legs: Sequence[LegRequest]) -> str | None:
        """Why these legs may not go, None when they may; what completes or unwinds an arb may, but where a person closed it."""
        for leg in legs:
            # what a person closed by hand still stands in our positions: selling it would open the other side
            if leg.purpose == "exit" and self._stranger(leg.venue, leg.want.market):
                return f"{leg.venue} {leg.want.market} was taken over from the venue: close what is left on the venue's site"
            if leg.purpose in _HEDGES and (nothing := self._hedges_nothing(leg)) is not None:
                return nothing
        if not (self._unread or self._found or self._pending or self._lost):
            return None
        for leg in legs:
            if leg.purpose in _HEDGES:
                continue
            if self._lost:
                return self._lost
            if leg.venue in self._unread:
                return f"{leg.venue}: {self._unread[leg.venue]}"
            _, markets = self._ours.siblings(leg.want.market)
            for market in (leg.want.market, *markets):
                if market in self._found:
                    return self._found[market].line
                if market in self._pending:
                    return f"{market} was not compared yet: an order of an earlier start is under way there"
        return None

    def _hedges_nothing(self, leg: LegRequest) -> str | None:
        """What differs now, and what was adopted after the leg's arb was made, is not there to be hedged."""
        gaps = {(one.venue, one.market): one.theirs - one.ours for one in self._found.values() if one.kind != "order"}
        adopted = int.from_bytes(leg.leg_id[:6]) * _MS_NS <= self._numbers.number_kept(ADOPTED_AT)
        if not gaps and not adopted:
            return None
        _, markets = self._ours.siblings(leg.want.market)
        held = {
            market: (market, net, net + gaps.get((venue, market), 0) + (self._stranger(venue, market) if adopted else 0))
            for venue in self._venues
            for market, net in self._ours.nets(venue).items()
            if market == leg.want.market or market in markets
        }
        return hedge_of_nothing(leg, held.pop(leg.want.market, (leg.want.market, 0, 0)), held.values())

    def _stranger(self, venue: Venue, market: MarketId) -> int:
        return self._numbers.number_kept(stranger_key(venue, market))

    # --- looking ------------------------------------------------------------------------------------------------------

    async def run(self, *, after: Callable[[], bool] = lambda: True) -> None:
        """Look until cancelled, from the moment that after() says ours is known. A fault of our own shuts everything, as an
        unreadable venue does."""
        while not after():
            await self._sleep(_WAIT_S)
        pause = _AGAIN_S
        while True:
            try:
                report = await self.look()
                calm = report.equal and not self._pending and not self._seen
            except Exception as exc:  # the task's boundary: nothing is opened on a comparison that failed
                log.exception("reconciliation_failed", next_step="it is tried again; new arbs wait")
                self._unread.update(dict.fromkeys(self._venues, f"the comparison failed: {exc!r}"))
                calm = False
            if calm:
                pause = _AGAIN_S
            await self._sleep(_EVERY_S if calm else pause)
            pause = _AGAIN_S if calm else min(2 * pause, _EVERY_S)

    async def look(self, *, full: bool = False) -> Report:
        """Compare every venue once. full also reads orders, their history and cash, as the first look does and
        each tenth."""
        waiting: list[MarketId] = []
        async with self._looking:
            self._looks += 1
            full = full or self._looks % _FULL == 0
            for found in await asyncio.gather(*(self._look_at(venue, full=full) for venue in self._venues)):
                waiting += found
            if full:
                for venue in (one for one in self._venues if one not in self._unread):
                    await self._ends.end(venue, by_word=False)
        report = Report(
            differences=tuple(self._found[market] for market in sorted(self._found)),
            unread=dict(self._unread),
            waiting=tuple(sorted(waiting)),
            notes=tuple(note for venue in self._venues for note in self._notes.get(venue, ())),
            lost=self._lost,
            cash=dict(self._cash),
            cash_differences=self._money.told,
        )
        self.last = self._clock.wall_ns(), report
        return report

    async def ask(self) -> Report:
        """A full look, and a second one where the first met something new: whoever asks hears no "equal" that is only pending."""
        report = await self.look(full=True)
        if self._seen or self._ends.pending or any(self._money.unsure(venue) for venue in self._venues):
            await self._sleep(_AGAIN_S)
            report = await self.look(full=True)
        return report

    async def _look_at(self, venue: Venue, *, full: bool) -> set[MarketId]:
        first = venue in self._first
        full = (
            full
            or first
            or self._money.unsure(venue)
            or any(one.kind == "order" and one.venue == venue for one in self._found.values())
        )
        before, busy = self._nets(venue), set(self._ours.busy())
        try:
            rows = await self._record.rows(venue, "positions")
            theirs = net_of(rows)
            resting = await self._orders(venue, busy, first=first) if full else ()
            strangers = await self._strangers(venue, before, theirs, busy)
            seen, later = await self._record.differences(venue, before, theirs, strangers, busy, self._found)
            found = {one.market: one for one in seen}
            settled = (await self._record.read(venue, AccountQuery(what="settlements"))).settlements if full else ()
        except (VenueError, Misuse) as exc:
            if not self._unread.get(venue, "").endswith(str(exc)):
                log.error(
                    "venue_not_compared", venue=venue, error=str(exc), next_step="its markets stay shut; it is asked again"
                )
            self._unread[venue] = f"cannot be compared with our record: {exc}"
            return set()
        after, busy_after = self._nets(venue), self._ours.busy()
        moved = {one for one in {*before, *after} - self._record.paid if before.get(one, 0) != after.get(one, 0)}
        here = {*before, *after, *theirs, *(leg for leg, at in self._pending.items() if at == venue)}
        waiting = moved | later | ({*busy, *busy_after} & here)
        if full and not waiting and not resting:
            self._count(venue, rows, settled, {*busy, *busy_after})
        found = {one.market: one for one in resting} | found
        self._judge(venue, found, waiting)
        if self._unread.pop(venue, None) is not None:
            log.info("venue_compared", venue=venue, differences=len(found), markets=len(here))
        self._first.discard(venue)
        return waiting

    def _count(
        self, venue: Venue, positions: Sequence[Position], settled: Sequence[Settlement], busy: Collection[MarketId]
    ) -> None:
        """Compare cash with the last quiet look; nothing is stopped by it."""
        known = self._ours.legs()
        if any(leg.venue == venue and leg.want.market in busy for leg, _ in known.values()):
            return  # an order holds cash, or a fill of it may still change
        over = self._money.observe(venue, look_of(self._cash[venue], venue, known, positions, settled))
        if over is not None:
            log.error("cash_differs", venue=venue, dollars=to_dollars(over[0]), detail=over[1], next_step=_CASH_STEP)

    async def _strangers(
        self, venue: Venue, ours: Mapping[MarketId, int], theirs: Mapping[MarketId, int], busy: Collection[MarketId]
    ) -> dict[MarketId, int]:
        """Contracts adopted as not ours. Where neither side holds anything any more they are gone: a number that stayed would
        explain away a false fill of ours of the same size."""
        prefix = stranger_key(venue, MarketId(""))
        found = {MarketId(key.removeprefix(prefix)): number for key, number in self._numbers.numbers_kept(prefix).items()}
        for market, number in found.items():
            if market in self._record.paid:
                continue  # ours is left out, and a start would count it again
            if number and not ours.get(market) and not theirs.get(market) and market not in busy:
                await self._numbers.keep(stranger_key(venue, market), 0)
                found[market] = 0
        return {one: found.get(one, 0) for one in {*ours, *theirs}}

    def _judge(self, venue: Venue, found: Mapping[MarketId, Difference], waiting: Collection[MarketId]) -> None:
        """Take over what was seen; what waits keeps its verdict, and at a first look stays shut until it can be compared."""
        first = venue in self._first
        fresh = {one for one, at in self._pending.items() if at == venue and one not in waiting}
        for market in fresh:
            del self._pending[market]
        if first:
            self._pending.update(dict.fromkeys(waiting, venue))
        for market in [one for one, kept in self._found.items() if kept.venue == venue and one not in {*found, *waiting}]:
            del self._found[market]
            self._said.pop(market, None)
            log.warning("agrees_again", venue=venue, market=market)
        for market in [one for one, seen in self._seen.items() if seen[0] == venue and one not in {*found, *waiting}]:
            del self._seen[market]
        for market, one in found.items():
            if market in waiting:
                continue
            at_once = first or market in fresh or market in self._found
            seen = venue, one.ours, one.theirs
            if not at_once and self._seen.get(market) != seen:
                self._seen[market] = seen
                continue
            self._seen.pop(market, None)
            self._found[market] = one
            if self._said.get(market) != seen[1:]:
                self._said[market] = seen[1:]
                log.error("disagreement", venue=venue, market=market, detail=one.line, next_step=one.next_step)

    def _nets(self, venue: Venue) -> dict[MarketId, int]:
        """Ours without what was paid out."""
        return {market: net for market, net in self._ours.nets(venue).items() if market not in self._record.paid}

    async def _orders(self, venue: Venue, busy: Collection[MarketId], *, first: bool) -> tuple[Difference, ...]:
        """End our own resting orders, note the others, and look whether the journal knows every order under our name. What is under
        way stays, also what began during the reading; at a first look only what this start sent, which may be a hedge."""
        resting = await self._record.rows(venue, "orders")
        history = await self._record.rows(venue, "history")
        legs = self._ours.legs()  # after the reading: an order is promised before it is sent
        ids = {result.venue_order_id: leg_id for leg_id, (_, result) in legs.items() if result and result.venue_order_id}
        self._note_lost(venue, [*resting, *history], legs)
        notes: list[str] = []
        left: list[Difference] = []
        for order in resting:
            leg_id = own_order(order, legs, ids)
            if leg_id is None:
                notes.append(f"{venue} {order.market}: order {order.venue_order_id} is not ours and is left alone")
                continue
            under_way = order.market in busy or order.market in self._ours.busy()
            if not under_way or (first and legs[leg_id][0].epoch != self._epoch):
                result = await self._ours.cancel(leg_id)
                if result is None or not result.final:
                    left.append(Difference(venue=venue, market=order.market, kind="order", ours=0, theirs=0))
                else:
                    log.warning("own_order_cancelled", venue=venue, market=order.market, leg=leg_id, state=result.state)
                    notes.append(f"{venue} {order.market}: our order {order.venue_order_id} rested and was cancelled")
        self._notes[venue] = tuple(notes)
        self._cash[venue] = Money(
            sum(row.cash for row in (await self._record.read(venue, AccountQuery(what="balances"))).balances)
        )
        return tuple(left)

    def _note_lost(self, venue: Venue, orders: Sequence[OpenOrder], legs: Legs) -> None:
        now, adopted = self._clock.wall_ns(), WallNs(self._numbers.number_kept(ADOPTED_AT))
        unknown = [order for order in orders if is_lost(order, legs, now=now, adopted_at=adopted)]
        if not unknown:
            return
        before, one = self._lost, unknown[0]
        self._lost = (
            f"{venue} has {len(unknown)} orders under our name that the journal does not know: it is an old copy, was deleted, or"
            " another one traded here; restore the newest journal, or take the positions as they are with"
            " `controller reconcile --adopt`"
        )
        if not before:
            log.error("journal_lost_orders", venue=venue, orders=len(unknown), one=one.client_order_id, detail=self._lost)
            self._on_lost(self._lost)

    # --- a person's word ----------------------------------------------------------------------------------------------

    async def adopt(self) -> Report:
        """Take every position as its venue states it now, and orders under our name of before as known to be unknown. Legs that
        nobody answers for end by what is there. Strangers are in no limit, and no order of ours ever closes them. Raises
        JournalFailed."""
        report = await self.ask()
        if not report.unread:
            await self._numbers.keep(ADOPTED_AT, self._clock.wall_ns())
            self._lost = ""
        await self._keep_strangers(report)  # before legs end: their arbs must know what a person closed
        async with self._looking:
            ended = sum([await self._ends.end(venue, by_word=True) for venue in self._venues if venue not in self._unread])
        if ended:
            await self._keep_strangers(await self.ask())
        # A trader refuses a start below one it has served, and its venue stays unread; seconds are above any count of starts.
        await self._numbers.keep(EPOCH, max(self._numbers.number_kept(EPOCH), self._clock.wall_ns() // SECOND))
        log.warning("adopted", markets=len(report.differences), legs_ended=ended)
        return await self.look(full=True)

    async def _keep_strangers(self, report: Report) -> None:
        for one in report.differences:
            key = stranger_key(one.venue, one.market)
            await self._numbers.keep(key, self._stranger(one.venue, one.market) + one.theirs - one.ours)
