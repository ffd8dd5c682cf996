"""Everything that happens, into the ledger, behind the back of trading (B-240).

    ledger.apply / records.decided / arb closed ──► a queue ──► a batch each half second, in a thread, one transaction
    start ──► catch_up(): what the journal knows and the tables do not, so neither a crash nor an old copy loses a row

A full disk or a database that is away stops no exit: facts wait in memory and in the journal, one line says so, and they are
written when it is back. Nothing here is asked on the way to an order.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial

from controller.ledger.database import LedgerFailed
from controller.ledger.facts import Compared, Decided, Ended, Fact, Ordered, Paired, Past, Priced, promised_at
from controller.ledger.store import LedgerStore
from controller.model import ArbClosed, Pair
from controller.risk.decision import Approved, Decision
from trading.book import Book
from trading.clock import SECOND, Clock
from trading.ids import ArbId, LegId, arb_of
from trading.log import get_logger
from trading.market import Market, MarketId
from trading.offload import Offload
from trading.order import LegRequest, LegResult
from trading.units import WallNs

__all__ = ["LedgerWriter", "Legs"]

log = get_logger(__name__)

_FLUSH_S = 0.5
_RETRY_S = 5.0
_SAMPLE_NS = 60 * SECOND
_FIRST_SAMPLE_NS = 10 * SECOND
_SAMPLED_AT_ONCE = 200
_BATCH = 200
"""Facts of one transaction: short enough that the loop beside it does not feel the thread."""
_MOST_REFUSALS = 20_000
"""Refusals that wait at most: they come again, orders never do."""
Legs = Mapping[LegId, tuple[LegRequest, LegResult | None]]


class LedgerWriter:
    """Hears facts on the loop and writes them elsewhere. run() until cancelled; flush() before the process ends."""

    def __init__(
        self,
        store: LedgerStore,
        clock: Clock,
        offload: Offload,
        sleep: Callable[[float], Awaitable[None]],
        *,
        markets: Mapping[MarketId, Market],
        pairs: Mapping[str, Pair],
        books: Mapping[MarketId, Book],
    ) -> None:
        self._store = store
        self._clock = clock
        self._offload = offload
        self._sleep = sleep
        self._markets = markets
        self._pairs = pairs
        self._books = books
        self._waiting: list[Fact] = []
        self._refusals: dict[tuple[str, str], Decided] = {}
        self._refused_in = 0
        """The minute of the refusals that wait."""
        self._prices: dict[MarketId, Priced] = {}
        self._deaf = False
        self._tops: dict[MarketId, tuple[int, int, int, int]] = {}
        self._to_sample: list[MarketId] = []
        self._sampled = clock.wall_ns() - _SAMPLE_NS + _FIRST_SAMPLE_NS
        self._busy = False
        self.failed = ""
        """Why the tables are behind, "" while they are not."""

    # --- what is heard ------------------------------------------------------------------------------------------------

    def ordered(self, leg: LegRequest, market: Market | None, result: LegResult) -> None:
        """The newest truth about a leg."""
        self.tell(Ordered(leg, market, result, self._clock.wall_ns()))

    def decided(self, decision: Decision) -> None:
        """A decision of the gate. The same refusal is one row a minute that counts."""
        now = self._clock.wall_ns()
        if isinstance(decision, Approved):
            self.tell(Decided(decision, now))
        else:
            self._refuse((decision.intent.basket.id, decision.code), Decided(decision, now))

    def _refuse(self, key: tuple[str, str], fact: Decided) -> None:
        known = self._refusals.get(key)
        if known is not None:
            self._refusals[key] = Decided(known.decision, known.at, known.seen + fact.seen)
        elif len(self._refusals) < _MOST_REFUSALS and not self._deaf:
            self._refusals[key] = fact

    def closed(self, closed: ArbClosed) -> None:
        """An arb ended, or ended after all."""
        self.tell(Ended(closed, self._clock.wall_ns()))

    def compared(self, lines: Iterable[str]) -> None:
        """A reconciliation found these differences, one line each."""
        self.tell(Compared(tuple(lines), self._clock.wall_ns()))

    def tell(self, fact: Fact) -> None:
        """Any other fact."""
        if not self._deaf:
            self._waiting.append(fact)

    def stop_hearing(self) -> None:
        """These tables are another journal's: nothing more is written to them."""
        self._deaf = True
        self._waiting.clear()
        self._refusals.clear()
        self._prices.clear()

    # --- writing --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write what waits, and sample prices, until cancelled."""
        while True:
            await self._sleep(_RETRY_S if self.failed else _FLUSH_S)
            self._sample()
            await self.flush(all_of_it=False)

    async def flush(self, *, all_of_it: bool = True) -> bool:
        """Write what waits by now, with all_of_it the refusals of this minute too; False, with one line in the log, when it has to
        wait on."""
        while self._busy:  # the loop's own batch is under way
            await self._sleep(0.01)
        self._busy = True
        try:
            return await self._write(all_of_it=all_of_it)
        finally:
            self._busy = False

    async def _write(self, *, all_of_it: bool) -> bool:
        if not await self._drain(self._waiting):
            return False
        minute = self._clock.wall_ns() // _SAMPLE_NS
        if all_of_it or minute != self._refused_in:
            # what waits only to be counted or replaced is kept apart, bounded, while a database is away
            refusals, self._refusals, self._refused_in = self._refusals, {}, minute
            left: list[Fact] = list(refusals.values())
            written = await self._drain(left)
            for fact in left:
                if isinstance(fact, Decided) and not isinstance(fact.decision, Approved):
                    self._refuse((fact.decision.intent.basket.id, fact.decision.code), fact)
            if not written:
                return False
        prices, self._prices = self._prices, {}
        rest: list[Fact] = list(prices.values())
        written = await self._drain(rest)
        for fact in rest:
            if isinstance(fact, Priced):
                self._prices.setdefault(fact.market, fact)
        if written and self.failed:
            self.failed = ""
            log.warning("ledger_caught_up")
        return written

    async def _drain(self, waiting: list[Fact]) -> bool:
        """Write a list from its head, as far as it goes now; what stays in it could not be written."""
        count = len(waiting)
        while count > 0:
            batch = waiting[: min(_BATCH, count)]
            facts = self._completed(batch)
            try:
                await self._offload.run(partial(self._store.apply, facts))
            except LedgerFailed as exc:
                return self._behind(exc)
            except Exception as exc:  # a fact that cannot be written must not keep the others out
                log.error("ledger_batch_refused", error=repr(exc), next_step="its rows are written one by one", exc_info=exc)
                left = await self._singly(facts)
                if left:
                    waiting[: len(batch)] = left
                    return False
            del waiting[: len(batch)]
            count -= len(batch)
        return True

    def _behind(self, exc: LedgerFailed) -> bool:
        if not self.failed:
            step = "mend the disk or database; rows wait and are not lost"
            log.error("ledger_behind", error=str(exc), next_step=step)
        self.failed = str(exc)
        return False

    async def _singly(self, facts: list[Fact]) -> list[Fact]:
        """One by one; returns those that were not tried because the database went away."""
        for number, fact in enumerate(facts):
            try:
                await self._offload.run(partial(self._store.apply, [fact]))
            except LedgerFailed as exc:
                self._behind(exc)
                return facts[number:]
            except Exception as exc:
                step = "the next start writes orders again from the journal; keep this log"
                log.error("ledger_row_dropped", what=type(fact).__name__.lower(), error=repr(exc), next_step=step)
        return []

    def _completed(self, batch: list[Fact]) -> list[Fact]:
        """With the pair and the pending orders of each approval, as they stand now: read on the loop, written in the thread."""
        found: list[Fact] = []
        for fact in batch:
            found.append(fact)
            if isinstance(fact, Decided) and isinstance(fact.decision, Approved):
                found += self._approved(fact.decision, fact.at)
        return found

    def _approved(self, approved: Approved, at: WallNs) -> list[Fact]:
        found: list[Fact] = [
            Ordered(leg, self._markets.get(leg.want.market), None, at, approved.claim) for leg in approved.legs
        ]
        pair = self._pairs.get(approved.intent.basket.group)
        if pair is not None:
            markets = (self._markets.get(market) for market in (pair.first, pair.second))
            found.append(Paired(pair, tuple(market for market in markets if market is not None), at))
        return found

    def _sample(self) -> None:
        """Once a minute the best prices of every ready book whose best changed, a few at a time: no loop waits for thousands."""
        now = self._clock.wall_ns()
        if not self._to_sample and now - self._sampled >= _SAMPLE_NS:
            self._sampled = now
            self._to_sample = list(self._books)
        part, self._to_sample = self._to_sample[:_SAMPLED_AT_ONCE], self._to_sample[_SAMPLED_AT_ONCE:]
        for market_id in part:
            market, book = self._markets.get(market_id), self._books.get(market_id)
            if market is None or book is None or not book.ready:
                continue
            top = (book.bid, book.bids.get(book.bid, 0), book.ask, book.asks.get(book.ask, 0))
            if self._tops.get(market_id) != top:
                self._tops[market_id] = top
                self._prices[market_id] = Priced(market.venue, market_id, top, now)

    # --- at the start -----------------------------------------------------------------------------------------------------

    async def catch_up(self, legs: Legs, arbs: Iterable[Past]) -> int:
        """Write what the journal knows and the tables do not; returns how many legs that were. Raises LedgerFailed."""
        known, ends = await self._offload.run(self._store.known), await self._offload.run(self._store.ends)
        markets: dict[MarketId, Market] = {}
        events: dict[ArbId, str] = {}
        begun: list[Fact] = []
        ended: list[Fact] = []
        for past in arbs:
            approved, closed = past.approved, past.closed
            markets |= {market.id: market for market in past.markets}
            events[approved.arb_id] = approved.claim
            at = promised_at(approved.legs[0].leg_id)
            end = ends.get(approved.arb_id.hex())
            if end is None:
                begun.append(Decided(approved, at))
                if past.pair is not None:
                    begun.append(Paired(past.pair, past.markets, at))
            if closed is not None:
                told = (closed.outcome, closed.matched, closed.unhedged, closed.profit, closed.naked)
                if end != told:
                    ended.append(Ended(closed, past.told_at))
        orders: list[Fact] = []
        for leg_id, (leg, result) in legs.items():
            number = -1 if result is None else result.result_no
            if known.get(leg_id.hex(), -2) < number:
                market = self._markets.get(leg.want.market) or markets.get(leg.want.market)
                orders.append(Ordered(leg, market, result, promised_at(leg_id), events.get(arb_of(leg_id), "")))
        facts = [*begun, *orders, *ended]  # an end marks the orders that were never sent: they stand there by then
        if not await self._drain(facts):
            raise LedgerFailed(self.failed)
        pending = [leg for leg, number in known.items() if number < 0 and LegId(bytes.fromhex(leg)) not in legs]
        if pending:
            await self._offload.run(partial(self._store.never_sent, pending, self._clock.wall_ns()))
        return len(orders)

    async def ahead_of(self, legs: Collection[LegId], since: int) -> list[str]:
        """Legs in the tables, younger than since, that the journal does not know: it is an old copy, or another one."""
        sent = await self._offload.run(partial(self._store.sent_since, since))
        return [leg for leg in sent if LegId(bytes.fromhex(leg)) not in legs]
