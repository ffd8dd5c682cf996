"""The ledger's own day: write what is heard, ask which markets were paid out, close each UTC day (B-242, B-243).

running ─┬─► first the journal's past into the tables; rows there that it does not know mean an old copy: halt
         ├─► rows each half second
         └─► each minute: payouts of what is held; at midnight UTC the day's profit, with the last comparison
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

from controller.ledger.database import LedgerFailed
from controller.ledger.facts import DayEnded, Past, Settled
from controller.ledger.reader import LedgerReader, day_of, days_back
from controller.ledger.store import LedgerStore
from controller.ledger.strangers import StrangerBooks
from controller.ledger.writer import LedgerWriter
from controller.reconcile.ports import ADOPTED_AT
from trading.clock import SECOND, Clock
from trading.errors import VenueError
from trading.journal_file import RETENTION_NS, FileJournal
from trading.log import get_logger
from trading.market import MarketId, Venue
from trading.offload import Offload
from trading.units import Money, WallNs, to_dollars
from trading.venue import Payout, VenueClient

__all__ = ["LedgerKeeper"]

log = get_logger(__name__)

_LOOK_S = 60.0
_AT_ONCE = 20
"""Markets asked about a minute, in turn: a settlement can wait, the venue's read budget cannot."""
_HALF_SETTLED_NS = 6 * 3_600 * SECOND
_AGAIN_S = 5.0
_LAST_S = 20.0
"""How long the end waits for a database."""
_OWNER = "ledger_journal"
_COMPARED_NS = 3_600 * SECOND
_SLACK_NS = 24 * 3_600 * SECOND
"""The journal prunes at a start, so its youngest missing leg may be a day older than its retention says."""


class LedgerKeeper:
    """Owns the writer of one world. start() before trading, running() around it."""

    def __init__(
        self,
        writer: LedgerWriter,
        store: LedgerStore,
        clients: Mapping[Venue, VenueClient],
        clock: Clock,
        offload: Offload,
        sleep: Callable[[float], Awaitable[None]],
        halt: Callable[[str], None],
        settled: Callable[[MarketId], None] = lambda market: None,
        last_compared: Callable[[], tuple[WallNs, tuple[str, ...]] | None] = lambda: None,
        strangers: StrangerBooks | None = None,
    ) -> None:
        self.writer = writer
        self._store = store
        self._reader = LedgerReader(store.engine, store.world)
        self._clients = clients
        self._clock = clock
        self._offload = offload
        self._sleep = sleep
        self._halt = halt
        self._settled = settled
        self._last_compared = last_compared
        self._strangers = strangers
        self._compared: tuple[WallNs, tuple[str, ...]] = (WallNs(0), ())
        self._turn = 0
        self._closed_day = ""
        self._told: set[str] = set()

    @contextlib.asynccontextmanager
    async def running(self, journal: FileJournal, past: Callable[[], Iterable[Past]]) -> AsyncIterator[None]:
        """Write behind the body's back, first what the journal has and the tables do not; at its end write what still waits and
        let the database go. Nothing in the body ever waits for it: an unhedged leg is not kept waiting by a report.
        """

        async def begin() -> None:
            await self._until_caught_up(journal, past)
            await self.writer.run()

        tasks = [
            asyncio.create_task(self._keep("writing", begin)),
            asyncio.create_task(self._keep("settlements and days", self._look)),
        ]
        try:
            yield
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not await self._flushed():
                step = "the next start writes the rest from the journal"
                log.error("ledger_not_complete", error=self.writer.failed or "it did not answer in time", next_step=step)
            self._store.close()

    async def _flushed(self) -> bool:
        try:
            return await asyncio.wait_for(self.writer.flush(), _LAST_S)
        except TimeoutError:
            return False

    async def _keep(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """A job of the ledger that must not end by an error: it is logged and begins again."""
        while True:
            try:
                await work()
            except Exception as exc:
                log.error(
                    "ledger_job_failed", what=what, error=repr(exc), next_step="it begins again; keep this log", exc_info=exc
                )
                await self._sleep(_LOOK_S)

    async def _until_caught_up(self, journal: FileJournal, past: Callable[[], Iterable[Past]]) -> None:
        said = False
        while True:
            try:
                await self.start(journal, past())
                return
            except LedgerFailed as exc:
                if not said:
                    said = True
                    log.error(
                        "ledger_behind", error=str(exc), next_step="mend the disk or database; the journal has every order"
                    )
                await self._sleep(_AGAIN_S)

    async def start(self, journal: FileJournal, arbs: Iterable[Past]) -> None:
        """Catch up. Raises LedgerFailed when the tables cannot be written. Halts, with the reason, where another journal owns them,
        and where they know orders younger than its last adoption that it does not: somebody had more of it and sent them.
        """
        adopted_at = journal.number_kept(ADOPTED_AT)
        mine = await self._number_of(journal)
        owner = await self._offload.run(self._store.owner)
        if owner not in (0, mine) and not adopted_at > mine:
            self.writer.stop_hearing()
            self._halt(
                "the ledger belongs to another journal: this state directory is new, or two controllers share one DATABASE_URL."
                " Nothing is written there. Give each its own; if the other journal is lost, compare and take the venues' side"
                " with `controller reconcile --adopt`, then start again"
            )
            return
        legs = {leg_id: row for leg_id, row in journal.legs().items() if row[0].world == self._store.world}
        since = max(self._clock.wall_ns() - RETENTION_NS + _SLACK_NS, adopted_at)
        ahead = await self.writer.ahead_of(legs.keys(), since)
        if ahead and self._store.world != "paper":  # paper has no venue that could tell the truth, and nothing to lose
            self._halt(
                f"the ledger has {len(ahead)} orders that this journal does not know (leg {ahead[0]}): the journal is an old copy"
                " or was lost; put the newer one back, or compare and take the venues' side with `controller reconcile --adopt`"
            )
        await self._offload.run(lambda: self._store.own(mine))
        missing = await self.writer.catch_up(legs, arbs)
        if missing:
            log.info("ledger_filled_from_journal", legs=missing)

    async def _number_of(self, journal: FileJournal) -> int:
        """What tells this journal from every other: the moment it first kept a ledger."""
        number = journal.number_kept(_OWNER)
        if not number:
            number = self._clock.wall_ns()
            await journal.keep(_OWNER, number)
        return number

    async def _look(self) -> None:
        while True:
            await self._sleep(_LOOK_S)
            self.compare()
            try:
                await self.adjust()
                await self.settle()
                await self.close_day()
            except LedgerFailed as exc:
                log.warning("ledger_not_read", error=str(exc), next_step="it is tried again in a minute")

    async def adjust(self) -> None:
        """Bring positions to what a person adopted at the venues (B-448). Raises LedgerFailed."""
        if self._strangers is not None:
            await self._strangers.book()

    def compare(self) -> None:
        """The newest comparison with the venues, where it says something new or the last one kept is an hour old (B-243)."""
        found = self._last_compared()
        if found is None:
            return
        at, lines = found
        if lines != self._compared[1] or at - self._compared[0] > _COMPARED_NS:
            self._compared = found
            self.writer.compared(lines)

    async def settle(self) -> int:
        """Ask about held markets, some at a time, and book those that were paid; returns how many that were."""
        held = await self._offload.run(self._store.open_markets)
        chosen = [held[(self._turn + n) % len(held)] for n in range(min(_AT_ONCE, len(held)))]
        self._turn = (self._turn + len(chosen)) % max(1, len(held))
        found = 0
        for venue, market in chosen:
            payout = await self._payout(Venue(venue), MarketId(market))
            if payout is not None:
                found += 1
                log.info("market_settled", venue=venue, market=market, yes_paid=to_dollars(payout.yes))
                self._settled(MarketId(market))
                now = self._clock.wall_ns()
                at = min(payout.at or now, now)
                self.writer.tell(Settled(venue=Venue(venue), market=MarketId(market), payout=payout.yes, at=at, seen=now))
        await self._half_settled()
        return found

    async def _payout(self, venue: Venue, market: MarketId) -> Payout | None:
        try:
            return await self._clients[venue].payout(market)
        except VenueError as exc:
            if market not in self._told:
                self._told.add(market)
                log.warning("payout_not_read", venue=venue, market=market, error=str(exc), next_step="it is asked again")
            return None

    async def _half_settled(self) -> None:
        """An arb of which one market was paid hours ago and another not: capital that is stuck, or terms that differ."""
        before = self._clock.wall_ns() - _HALF_SETTLED_NS
        for venue, market, pair in await self._offload.run(lambda: self._store.half_settled(before)):
            if f"half:{market}" not in self._told:
                self._told.add(f"half:{market}")
                log.error(
                    "settled_on_one_venue",
                    venue=venue,
                    market=market,
                    pair=pair,
                    next_step=(f"read `controller pairs show {pair}` and" if pair else "read")
                    + " the venue's page: it waits, or it settles otherwise",
                )

    async def close_day(self) -> None:
        """Once after midnight: yesterday's figures, kept and logged; differences with the venues are an alert."""
        yesterday = days_back(day_of(self._clock.wall_ns()), 2)[0]
        if yesterday == self._closed_day:
            return
        if not await self._offload.run(lambda: self._store.has_day(yesterday)):
            (day,) = await self._offload.run(lambda: self._reader.days(yesterday, yesterday))
            if day.executions or day.settled or day.differences:
                self.writer.tell(DayEnded(day, self._clock.wall_ns()))
                parts = {name: to_dollars(Money(value)) for name, value in day.profit._asdict().items()}
                say = log.error if day.differences else log.info
                step = {"next_step": "run `controller reconcile`"} if day.differences else {}
                say(
                    "day_closed",
                    day=yesterday,
                    executions=day.executions,
                    fees=to_dollars(Money(day.fees)),
                    differences=day.differences,
                    **parts,
                    **step,
                )
        self._closed_day = yesterday
