"""Everything that happens, into the ledger, behind the back of trading (B-240).

    ledger.apply / records.decided / arb closed ──► a queue ──► a batch each half second, in a thread, one transaction
    start ──► catch_up(): what the journal knows and the tables do not, so neither a crash nor an old copy loses a row

A full disk or a database that is away stops no exit: facts wait in memory and in the journal, one line says so, and they are
written when it is back. Nothing here is asked on the way to an order.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from controller.ledger.database import LedgerFailed
from controller.ledger.facts import Compared, Decided, Ended, Fact, Ordered, Paired, Past, Priced, promised_at
from controller.ledger.store import LedgerStore
from controller.model import ArbClosed, Pair
from controller.risk.decision import Approved, Decision
from trading.book import Book
from trading.clock import SECOND, Clock
from trading.ids import LegId
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
_BATCH = 2_000
_MOST_REFUSALS = 20_000
"""Refusals that wait at most: they are told again, orders never are."""
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
        self._tops: dict[MarketId, tuple[int, int, int, int]] = {}
        self._to_sample: list[MarketId] = []
        self._sampled = clock.wall_ns() - _SAMPLE_NS + _FIRST_SAMPLE_NS
        self._busy = False
        self.failed = ""
        """Why the tables are behind, "" while they are not."""

    # --- what is heard ------------------------------------------------------------------------------------------------

    def ordered(self, leg: LegRequest, market: Market | None, result: LegResult) -> None:
        """The newest truth about a leg."""
        self._waiting.append(Ordered(leg, market, result, self._clock.wall_ns()))

    def decided(self, decision: Decision) -> None:
        """A decision of the gate. The same refusal is one row a minute that counts."""
        now = self._clock.wall_ns()
        if isinstance(decision, Approved):
            self._waiting.append(Decided(decision, now))
            return
        key = (decision.intent.basket.id, decision.code)
        known = self._refusals.get(key)
        if known is not None:
            self._refusals[key] = Decided(known.decision, known.at, known.seen + 1)
        elif len(self._refusals) < _MOST_REFUSALS:
            self._refusals[key] = Decided(decision, now)

    def closed(self, closed: ArbClosed) -> None:
        """An arb ended, or ended after all."""
        self._waiting.append(Ended(closed, self._clock.wall_ns()))

    def compared(self, lines: Iterable[str]) -> None:
        """A reconciliation found these differences, one line each."""
        self._waiting.append(Compared(tuple(lines), self._clock.wall_ns()))

    def tell(self, fact: Fact) -> None:
        """Any other fact."""
        self._waiting.append(fact)

    # --- writing --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write what waits, and sample prices, until cancelled."""
        while True:
            await self._sleep(_RETRY_S if self.failed else _FLUSH_S)
            self._sample()
            await self.flush()

    async def flush(self) -> bool:
        """Write what waits by now; False, with one line in the log, when it has to wait on."""
        while self._busy:  # the loop's own batch is under way
            await self._sleep(0.01)
        self._busy = True
        try:
            return await self._write()
        finally:
            self._busy = False

    async def _write(self) -> bool:
        refusals, self._refusals = self._refusals, {}
        self._waiting.extend(refusals.values())
        count = len(self._waiting)
        while count > 0:
            batch = self._waiting[: min(_BATCH, count)]
            facts = self._completed(batch)
            try:
                await self._offload.run(lambda facts=facts: self._store.apply(facts))  # type: ignore[misc]  # bound at once
            except LedgerFailed as exc:
                if not self.failed:
                    step = "mend the disk or database; rows wait and are not lost"
                    log.error("ledger_behind", error=str(exc), next_step=step)
                self.failed = str(exc)
                return False
            except Exception as exc:  # a fact that cannot be written must not keep the others out
                log.error("ledger_batch_refused", error=repr(exc), next_step="its rows are written one by one", exc_info=exc)
                await self._singly(facts)
            del self._waiting[: len(batch)]
            count -= len(batch)
        if self.failed:
            self.failed = ""
            log.warning("ledger_caught_up")
        return True

    async def _singly(self, facts: list[Fact]) -> None:
        for fact in facts:
            try:
                await self._offload.run(lambda fact=fact: self._store.apply([fact]))  # type: ignore[misc]  # bound at once
            except Exception as exc:
                step = "the next start writes orders again from the journal; keep this log"
                log.error("ledger_row_dropped", what=type(fact).__name__.lower(), error=repr(exc), next_step=step)

    def _completed(self, batch: list[Fact]) -> list[Fact]:
        """With the pair and the pending orders of each approval, as they stand now: read on the loop, written in the thread."""
        found: list[Fact] = []
        for fact in batch:
            found.append(fact)
            if isinstance(fact, Decided) and isinstance(fact.decision, Approved):
                found += self._approved(fact.decision, fact.at)
        return found

    def _approved(self, approved: Approved, at: WallNs) -> list[Fact]:
        found: list[Fact] = [Ordered(leg, self._markets.get(leg.want.market), None, at) for leg in approved.legs]
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
                self._waiting.append(Priced(market.venue, market_id, top, now))

    # --- at the start -----------------------------------------------------------------------------------------------------

    async def catch_up(self, legs: Legs, arbs: Iterable[Past]) -> int:
        """Write what the journal knows and the tables do not; returns how many legs that were. Raises LedgerFailed."""
        known = await self._offload.run(self._store.known)
        markets: dict[MarketId, Market] = {}
        facts: list[Fact] = []
        for past in arbs:
            markets |= {market.id: market for market in past.markets}
            at = promised_at(past.approved.legs[0].leg_id)
            facts.append(Decided(past.approved, at))
            if past.pair is not None:
                facts.append(Paired(past.pair, past.markets, at))
            if past.closed is not None:
                facts.append(Ended(past.closed, past.told_at))
        missing = 0
        for leg_id, (leg, result) in legs.items():
            number = -1 if result is None else result.result_no
            if known.get(leg_id.hex(), -2) < number or leg_id.hex() not in known:
                missing += 1
                market = self._markets.get(leg.want.market) or markets.get(leg.want.market)
                facts.append(Ordered(leg, market, result, promised_at(leg_id)))
        for start in range(0, len(facts), _BATCH):
            part = facts[start : start + _BATCH]
            await self._offload.run(lambda part=part: self._store.apply(part))  # type: ignore[misc]  # bound at once
        pending = [leg for leg, number in known.items() if number < 0 and LegId(bytes.fromhex(leg)) not in legs]
        if pending:
            now = self._clock.wall_ns()
            await self._offload.run(lambda: self._store.never_sent(pending, now))
        return missing

    async def ahead_of(self, legs: Collection[LegId], since: int) -> list[str]:
        """Legs in the tables, younger than since, that the journal does not know: it is an old copy, or another one."""
        sent = await self._offload.run(lambda: self._store.sent_since(since))
        return [leg for leg in sent if LegId(bytes.fromhex(leg)) not in legs]
