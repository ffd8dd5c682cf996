"""What an earlier start left behind, rebuilt from its journal before anything new is traded (B-223, B-424, B-431).

    journal ─► legs: to the executor they went to, into positions, claims and the late truths that ask about them (never sent)
            ─► arbs: to the runner, which hedges what stands alone and closes what was never told
            ─► ends, in their order: the day's loss, errors in a row, blocked markets come out as if the process had gone on

Nothing else is kept for it: one record, one truth. A paper venue dies with its process, and its orders with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from controller.execution.arb import ArbRunner
from controller.execution.hybrid import HybridExecutor
from controller.execution.outcomes import TradedOrder
from controller.execution.remote import RemoteExecutor
from controller.ledger.facts import Past
from controller.ledger.memory import MemoryLedger
from controller.model import ArbClosed, Pair
from controller.risk.decision import Approved
from controller.risk.gate import Gate
from controller.state import State
from trading.book import MarketChanged
from trading.clock import SECOND, Clock
from trading.errors import Misuse, TandemError, VenueError
from trading.ids import ArbId, LegId, arb_of, leg_number
from trading.journal_file import ArbRow, FileJournal, JournalFailed
from trading.log import get_logger
from trading.market import Market, MarketId, Venue
from trading.order import LegRequest, LegResult, World
from trading.units import Money, MonoNs
from trading.venue import Feed, VenueClient

__all__ = ["RESUMED", "ArbRecord", "Recovered", "Recovery", "approved_legs"]

RESUMED = "resumed_at"
"""The journal's number for the operator's last resume: trips before it stay cleared."""
_READS_AT_ONCE = 8
_READY_S = 20.0
_LOOK_S = 0.05
_REPLAYED_NS = 2 * 86_400 * SECOND
"""The day's sums need a day; rows of errors and blocks are shorter."""
_HEARD_NS = 86_400 * SECOND
"""For so long an arb that is over is taken up all the same: an order that did nothing may turn out to have filled (B-424)."""

log = get_logger(__name__)


class ArbRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One arb as it was approved: basket, plan, both legs; with the terms and the pair it was approved on."""

    approved: Approved
    markets: tuple[Market, ...]
    pair: Pair | None
    schema: int = 1


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. again are arbs to be opened again once the books are ready; problems are lines for a person."""

    legs: int = 0
    open_legs: int = 0
    arbs: int = 0
    again: tuple[ArbId, ...] = ()
    problems: tuple[str, ...] = ()


class _Runtime(Protocol):
    async def run(self) -> None: ...
    async def wait_ready(self, timeout_s: float) -> bool: ...
    def reopen(self, arb_id: ArbId) -> None: ...


class Recovery:
    """Plans and ends of arbs into the journal while running, and everything out of it at the start."""

    def __init__(
        self,
        journal: FileJournal,
        *,
        state: State,
        gate: Gate,
        executor: HybridExecutor,
        remote: Mapping[Venue, RemoteExecutor],
        runner: ArbRunner,
        ledger: MemoryLedger,
        clients: Mapping[Venue, VenueClient],
        feeds: Mapping[Venue, Feed],
        clock: Clock,
        world: World,
        deliver: Callable[[MarketChanged], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._journal = journal
        self._state = state
        self._gate = gate
        self._executor = executor
        self._remote = remote
        self._runner = runner
        self._ledger = ledger
        self._clients = clients
        self._feeds = feeds
        self._clock = clock
        self._world = world
        self._deliver = deliver
        self._sleep = sleep
        self._writing: set[asyncio.Task[None]] = set()
        self.done = False
        """run() came to its end: new legs may be approved on what is known."""
        self.waiting = 0
        """Arbs of an earlier start with something alone that are not opened again yet."""

    async def run_with(self, runtime: "_Runtime", compared: Callable[[], bool] = lambda: True) -> Recovered:
        """Recover, run the system, open again what stands alone once the books are there, and keep the last ends. Until compared()
        says that the venues were looked at, at most for a while, nobody knows what a person closed meanwhile (B-448)."""
        found = await self.run()
        self.waiting = len(found.again)

        async def reopen() -> None:
            if found.again and not await runtime.wait_ready(_READY_S):
                log.warning("books_not_ready", arbs=len(found.again), next_step="they are opened again all the same")
            ends = self._clock.mono_ns() + int(_READY_S * SECOND)
            while found.again and not compared() and self._clock.mono_ns() < ends:
                await self._sleep(_LOOK_S)
            for arb_id in found.again:
                runtime.reopen(arb_id)
            self.waiting = 0

        reopening = asyncio.get_running_loop().create_task(reopen())
        try:
            await runtime.run()
        finally:
            reopening.cancel()
            await self.flush()
        return found

    def past(self) -> tuple[Past, ...]:
        """Every arb of this world that the journal has, for the ledger's tables. Raises TandemError as run() does."""
        legs = {leg_id: row for leg_id, row in self._journal.legs().items() if row[0].world == self._world}
        return tuple(
            Past(
                approved=record.approved,
                closed=_DECODE_CLOSED(row.told) if row.told else None,
                told_at=row.told_at,
                pair=record.pair,
                markets=record.markets,
            )
            for row, record in self._records(legs).values()
        )

    # --- while running ------------------------------------------------------------------------------------------------

    def close(self, event: ArbClosed) -> None:
        """Keep how an arb ended, behind its back: a crash before it is on the disk has the arb closed again by the next start."""
        body = _ENCODE(msgspec.structs.replace(event, corrects=None))
        task = asyncio.get_running_loop().create_task(self._tell(event.arb_id, body))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _tell(self, arb_id: ArbId, body: bytes) -> None:
        try:
            await self._journal.tell(arb_id, body)
        except JournalFailed as exc:
            log.error("end_not_kept", arb=arb_id, error=str(exc))

    async def flush(self) -> None:
        """Wait until every end is kept."""
        await asyncio.gather(*self._writing)

    # --- at the start -------------------------------------------------------------------------------------------------

    async def run(self) -> Recovered:
        """Rebuild; nothing is sent and only market terms are asked for. Raises TandemError when a record cannot be read."""
        await self._end_paper()
        if self._world == "paper":
            self.done = True
            return Recovered()
        problems: list[str] = []
        legs = {leg_id: row for leg_id, row in self._journal.legs().items() if row[0].world == self._world}
        records = self._records(legs)
        await self._terms(legs, records, problems)
        self._legs(legs, problems)
        self._forget_settled()
        self._ends(legs, records)
        again = self._arbs(legs, records)
        self._watch(legs, records, again)
        self.done = True
        open_legs = sum(result is None or not result.final for _, result in legs.values())
        found = Recovered(legs=len(legs), open_legs=open_legs, arbs=len(records), again=tuple(again), problems=tuple(problems))
        if legs:
            log.warning("recovered", legs=found.legs, open_legs=open_legs, arbs=found.arbs, opened_again=len(again))
        for problem in problems:
            log.error("not_recovered", problem=problem, next_step="its event stays shut; run `controller reconcile`")
        return found

    async def _end_paper(self) -> None:
        """Nobody can tell what became of a paper order that was under way; left open, no drain would ever end."""
        for leg in self._journal.open_legs():
            if leg.world == "paper":
                gone = LegResult(leg_id=leg.leg_id, state="none", code="paper_ended", detail="its venue ended with its process")
                await self._journal.settle(gone)

    def _records(self, legs: Mapping[LegId, object]) -> dict[ArbId, tuple[ArbRow, ArbRecord]]:
        ours = {arb_of(leg_id) for leg_id in legs}
        try:
            return {arb: (row, _DECODE(row.body)) for arb, row in self._journal.arbs().items() if arb in ours}
        except msgspec.DecodeError as exc:
            raise TandemError(
                f"the journal holds an arb this program cannot read ({exc}); start the program that wrote it, or move the state"
                " directory away and reconcile before trading"
            ) from exc

    async def _terms(
        self,
        legs: Mapping[LegId, tuple[LegRequest, LegResult | None]],
        records: Mapping[ArbId, tuple[ArbRow, ArbRecord]],
        problems: list[str],
    ) -> None:
        """Every market of a leg is known again: as discovery found it, as its venue tells it now, or as it was then."""
        then = {market.id: market for _, record in records.values() for market in record.markets}
        for _, record in records.values():
            if record.pair is not None and record.pair.id not in self._state.pairs:
                self._state.link_pair(msgspec.structs.replace(record.pair, state="approved"))  # it was when it was traded
            for market in record.markets:
                self._state.positions.set_event(market.id, record.approved.claim)
        gate = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(venue: Venue, market_id: MarketId) -> None:
            known = self._state.markets.get(market_id) or then.get(market_id)
            async with gate:
                try:
                    market = await self._clients[venue].market(market_id)
                except VenueError as exc:
                    if known is None:
                        problems.append(f"{venue} market {market_id} cannot be read: {exc}")
                        return
                    market = msgspec.structs.replace(known, tradable=False)
            if known is not None:
                market = msgspec.structs.replace(
                    market, event_id=known.event_id, outcomes=known.outcomes, tokens=known.tokens, question=known.question
                )
            self._deliver(MarketChanged(market))

        wanted = {leg.want.market: leg.venue for leg, result in legs.values() if result is None or _moved(result)}
        missing = {market: venue for market, venue in wanted.items() if market not in self._state.markets}
        await asyncio.gather(*(read(venue, market) for market, venue in missing.items()))

    def _legs(self, legs: Mapping[LegId, tuple[LegRequest, LegResult | None]], problems: list[str]) -> None:
        """Legs in the order of their promises. Stamps lie in the past: no balance read from now on waits for these fills."""
        past = MonoNs(self._clock.mono_ns() - 3_600 * SECOND)
        for leg_id, (leg, result) in legs.items():
            final = result is not None and result.final
            remote = self._journal.prepared(leg_id) is None
            try:
                self._executor.restore(leg, remote=remote)
            except Misuse as exc:
                if not final:
                    problems.append(str(exc))
            else:
                if remote and not (result is not None and result.confirmed):
                    self._remote[leg.venue].restore(leg)
            self._state.apply_orders((leg,), (Money(0) if final else leg.max_cost,))
            newest = result or LegResult(leg_id=leg_id, state="unknown", code="in_flight", result_no=0)
            self._state.apply_leg(newest, past)
            market = self._state.markets.get(leg.want.market)
            if market is not None and (result is None or not final or _moved(result)):
                self._ledger.apply(leg, market, newest)

    def _forget_settled(self) -> None:
        """What both venues have paid out is cash there by now, and no position here; a late venue's side keeps its other one."""
        for market_id in self._state.positions.all():
            market = self._state.markets.get(market_id)
            if market is not None and market.status == "settled":
                self._state.positions.settle(market_id)

    def _arbs(
        self,
        legs: Mapping[LegId, tuple[LegRequest, LegResult | None]],
        records: Mapping[ArbId, tuple[ArbRow, ArbRecord]],
    ) -> list[ArbId]:
        orders: dict[ArbId, list[TradedOrder]] = {}
        for leg_id, (leg, result) in legs.items():
            if arb_of(leg_id) in records:
                approved = records[arb_of(leg_id)][1].approved
                side = next(n for n, one in enumerate(approved.legs) if leg_number(one.leg_id) == leg_number(leg_id))
                orders.setdefault(arb_of(leg_id), []).append(TradedOrder(side, leg, result))
        again = []
        heard = self._clock.wall_ns() - _HEARD_NS
        for arb_id, (row, record) in records.items():
            confirmed = all(order.result is not None and order.result.confirmed for order in orders[arb_id])
            if row.told and row.told_at < heard and confirmed:
                told = _DECODE_CLOSED(row.told)
                if told.outcome not in ("exposed", "unknown"):
                    continue  # over, and no venue will change anything about it
            told_before = _DECODE_CLOSED(row.told) if row.told else None
            markets = [self._state.markets.get(leg.want.market) for leg in record.approved.legs]
            settled = any(market is not None and market.status == "settled" for market in markets)
            approved = self._gate.restore(record.approved)
            hedge = told_before is None or not settled
            if self._runner.restore(approved, orders[arb_id], told_before, hedge=hedge):
                self._state.claims.try_claim(approved.claim, arb_id)
                again.append(arb_id)
        return again

    def _ends(
        self,
        legs: Mapping[LegId, tuple[LegRequest, LegResult | None]],
        records: Mapping[ArbId, tuple[ArbRow, ArbRecord]],
    ) -> None:
        """Play the ends again to breaker, claims and blocks, each at its own time."""
        wall, mono = self._clock.wall_ns(), self._clock.mono_ns()
        resumed = self._journal.number_kept(RESUMED)
        breaker = self._gate.breaker
        rows = [row for row, _ in records.values() if row.told and row.told_at > wall - _REPLAYED_NS]
        for row in sorted(rows, key=lambda row: row.told_at):
            if resumed and row.told_at > resumed:
                breaker.resume()
                resumed = 0
            at = MonoNs(mono - max(0, wall - row.told_at))
            breaker.on_tick(row.told_at)
            breaker.reason(at)  # a cooldown that was over by then ends its row of errors
            told = _DECODE_CLOSED(row.told)
            results = tuple(_newest(legs, result) for result in told.results)
            self._gate.closed(msgspec.structs.replace(told, results=results), at)
        if resumed:
            breaker.resume()

    def _watch(
        self,
        legs: Mapping[LegId, tuple[LegRequest, LegResult | None]],
        records: Mapping[ArbId, tuple[ArbRow, ArbRecord]],
        again: Sequence[ArbId],
    ) -> None:
        """Books of everything that may have to be hedged are kept, whether discovery still lists the market or not."""
        arbs = {arb_of(leg_id) for leg_id, (_, result) in legs.items() if result is None or not result.confirmed} | set(again)
        ids = {leg.want.market for arb in arbs if arb in records for leg in records[arb][1].approved.legs}
        markets = [market for one in ids if (market := self._state.markets.get(one)) is not None and market.status != "settled"]
        for venue, feed in self._feeds.items():
            feed.watch([market for market in markets if market.venue == venue])

    # --- plans --------------------------------------------------------------------------------------------------------

    def plan(self, approved: Approved) -> None:
        """Keep an approval; it becomes durable with the promise of its first order."""
        markets = tuple(
            msgspec.structs.replace(market, rules="")
            for leg in approved.legs
            if (market := self._state.markets.get(leg.want.market)) is not None
        )
        pair = self._state.pairs.get(approved.intent.basket.group)
        bare = msgspec.structs.replace(approved, seal=None)
        self._journal.plan(approved.arb_id, _ENCODE(ArbRecord(approved=bare, markets=markets, pair=pair)))


def approved_legs(row: ArbRow) -> tuple[LegRequest, ...]:
    """The legs of an arb as it was approved. Raises msgspec.DecodeError on a record of another program."""
    return _DECODE(row.body).approved.legs


def _moved(result: LegResult) -> bool:
    return not result.final or bool(result.filled or result.fills)


def _newest(legs: Mapping[LegId, tuple[LegRequest, LegResult | None]], told: LegResult) -> LegResult:
    """What is known of a leg by now: the end was told with less."""
    known = legs.get(told.leg_id)
    return known[1] if known is not None and known[1] is not None else msgspec.structs.replace(told, result_no=0)


_ENCODE = msgspec.msgpack.encode
_DECODE = msgspec.msgpack.Decoder(ArbRecord).decode
_DECODE_CLOSED = msgspec.msgpack.Decoder(ArbClosed).decode
