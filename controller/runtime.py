"""The system in motion: feeds, discovery, balances, modes, ticks and the tasks of running arbs.

Feeds call on_event synchronously: engine.process() runs in that call, and every approval becomes a task of its own (B-006). The
loops beside it only refresh what the engine knows. Stopping means: no new arbs, let running ones end, then close (B-010).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TypeVar

from controller.adoption import Adoption
from controller.alarms import DustWatch, log_alarm
from controller.booking import Booking
from controller.counts import Counts, summary
from controller.discovery.reading import silent
from controller.engine import Decided, Engine
from controller.execution.arb import ArbRunner
from controller.execution.base import LegExecutor
from controller.execution.hybrid import HybridExecutor
from controller.execution.life import ArbAlarm
from controller.late import LateTruth
from controller.ledger.memory import MemoryLedger
from controller.link import Link
from controller.model import ArbClosed, Command, Event, Tick
from controller.numbers import exit_settings, risk_settings
from controller.records import Records
from controller.refresh import Refresh
from controller.risk.decision import Approved, Refused
from controller.settings import ControllerSettings
from controller.state import State
from controller.strategy.gap import Gap, gap_of, widest
from controller.timings import Timings
from controller.troubles import Troubles
from trading.book import BookChanged
from trading.clock import SECOND, Clock
from trading.connect import Connections
from trading.errors import TandemError, VenueError
from trading.ids import ArbId
from trading.journal import Journal
from trading.log import get_logger
from trading.market import MarketId, Venue
from trading.order import LegRequest, LegResult
from trading.units import Money, Price, format_price
from trading.venue import Feed, VenueClient

__all__ = ["Runtime"]

log = get_logger(__name__)

_TICK_S = 0.25
_FREEZE_TICKS = 120
"""A start is over when every book is ready, and after half a minute in any case."""
_MODE_S = 2.0
_BALANCE_S = 5.0
_WARM_S = 5.0
_STATUS_S = 30.0
_PART = 50
"""Baskets looked at before the loop gets its turn: a tenth of a millisecond."""
_FEW = 10
"""As much with fees and floors."""
_STOP_S = 45.0
_AGAIN_S = 1.0
_E = TypeVar("_E", bound=Event)


class Runtime:
    """Runs a wired controller. attach() completes it; run() lives until stop() is called."""

    def __init__(
        self,
        *,
        settings: ControllerSettings,
        engine: Engine,
        state: State,
        executor: HybridExecutor,
        ledger: MemoryLedger,
        records: Records,
        journal: Journal,
        connections: Connections,
        clients: Mapping[Venue, VenueClient],
        link: Link,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        freeze: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._state = state
        self._executor = executor
        self._ledger = ledger
        self._records = records
        self._journal = journal
        self._link = link
        self._clock = clock
        self._sleep = sleep
        self._freeze = freeze
        self._ticks_to_freeze = _FREEZE_TICKS
        self._arbs: set[asyncio.Task[ArbClosed]] = set()
        self._stop = asyncio.Event()
        self._refused = asyncio.Event()
        self._died = ""
        """Which feed ended by itself."""
        self._numbers = risk_settings(settings)
        self.gap: Gap | None = None
        """The best one when the status was last told (B-316)."""
        self._tops: dict[MarketId, tuple[Price, Price]] = {}
        self.counts = Counts()
        self.timings = Timings()
        self._troubles = Troubles(self.counts)
        self._refresh = Refresh(
            settings,
            connections=connections,
            clients=clients,
            link=link,
            state=state,
            deliver=self.on_event,
            troubles=self._troubles,
            sleep=sleep,
        )
        self._booking = Booking(
            ledger=ledger,
            journal=journal,
            state=state,
            counts=self.counts,
            records=records,
            timings=self.timings,
            dust=exit_settings(settings).hedge_dust,
        )
        self._dusty = DustWatch(state, self.on_alarm, self.counts.silence)

    def attach(self, runner: ArbRunner, feeds: Mapping[Venue, Feed], adoption: Adoption) -> None:
        """Complete the circle: runner, feeds and adoption deliver here."""
        self._runner = runner
        self._feeds = feeds
        self._adoption = adoption
        self._late = LateTruth(self._ledger, self._executor, self._clock, self._sleep, running=runner.running, hear=self.hear)

    # --- the one synchronous path -------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Feed one event through the engine and act on its decisions. Called by feeds inside their read loop: never raises."""
        try:
            decisions = self._engine.process(event, self._clock.mono_ns())
            if decisions:
                self._act(decisions, event)
        except Exception as exc:
            self._shut(event, exc)

    def _guarded(self, process: Callable[[_E], None], event: _E) -> None:
        try:
            process(event)
        except Exception as exc:
            self._shut(event, exc)

    def _shut(self, event: Event, exc: Exception) -> None:
        """The engine's boundary: no feed dies of its fault, and nothing new is opened on a state in doubt."""
        self._troubles.unforeseen(f"engine on {type(event).__name__}", exc, "new arbs are halted: read the log, then restart")
        self._engine.gate.breaker.halt()

    def _act(self, decisions: Sequence[Decided], event: Event) -> None:
        for decision in decisions:
            if isinstance(decision, Approved):
                self.counts.opportunities += 1
                self._records.decided(decision, self.timings.decided(decision, event, self._clock.mono_ns()))
                self._start(self._runner.run(decision), decision.arb_id)
            elif isinstance(decision, Refused):
                self.counts.opportunities += 1
                self.counts.refusals[decision.code] += 1
                self._records.decided(decision)
            else:
                asyncio.get_running_loop().create_task(self._executor.cancel(decision.leg_id))

    def _start(self, life: Coroutine[None, None, ArbClosed], arb_id: ArbId) -> None:
        task = asyncio.get_running_loop().create_task(life, name=f"arb {arb_id.hex()}")
        self._arbs.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[ArbClosed]) -> None:
        self._arbs.discard(task)
        exc = None if task.cancelled() else task.exception()
        if exc is not None:
            self._troubles.unforeseen(task.get_name(), exc, "look its orders up on both venues")

    def on_logged_event(self, event: Event) -> None:
        """on_event with a log line for each change of a best price (PRICE_LOGGING, B-036)."""
        self._guarded(self._log_price, event)
        self.on_event(event)

    def _log_price(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            book = event.book
            top = (book.bid, book.ask)
            if self._tops.get(book.market) != top:
                self._tops[book.market] = top
                log.info("price", market=book.market, bid=format_price(book.bid), ask=format_price(book.ask))

    def on_report(self, event: Event) -> None:
        """What a running arb tells: results go to the ledger, the end to the counters, both to the engine, whose claims and cash
        wait for it: a fault of the book-keeping must not keep it away."""
        if isinstance(event, LegResult):
            self._guarded(self._time, event)
            self._guarded(self._booking.book, event)
            if event.state == "rejected":
                self._adoption.doubt(event.code, self._journal.stored(event.leg_id))
                self._refused.set()
            self.on_event(event)
        elif isinstance(event, ArbClosed):
            self._guarded(self._booking.close, event)
            self._guarded(self.timings.ended, event)
            self.on_event(event)
            self._guarded(self._dusty.on_closed, event)

    def _time(self, result: LegResult) -> None:
        self.timings.heard(result, self._clock.mono_ns())

    def on_alarm(self, alarm: ArbAlarm) -> None:
        """An arb needs a person, or soon may: counted until the arb is over, said once. Nothing but its event is shut by it."""
        self.counts.ring(alarm)
        log_alarm(alarm)

    def hear(self, result: LegResult) -> None:
        """A truth about a leg that no running arb asked for: booked, told to the engine, and offered to the leg's arb, which is
        opened again when it no longer stands hedged (B-424), whatever the book-keeping does."""
        self._guarded(self._time, result)
        self._guarded(self._booking.book, result)
        self.on_event(result)
        again = self._runner.offer(result)
        if again is not None:
            self.reopen(again)

    def reopen(self, arb_id: ArbId) -> None:
        """Run an arb again that its runner asked to open again."""
        self._start(self._runner.reopen(arb_id), arb_id)

    # --- loops --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run feeds and refreshers until stop() or the end of a feed; then halt, let arbs end, close what is left.

        Raises TandemError when a feed ended by itself. Nothing else that goes wrong in a loop ends it.
        """
        await self._tick()
        if self._link.traders is not None:
            await self._link.traders.start(self._settings.link_host, self._settings.link_port)
        try:
            await self._loops()
        finally:
            if self._link.traders is not None:
                await self._link.traders.close()
        if self._died:
            raise TandemError(f"{self._died}; see the log")

    async def _loops(self) -> None:
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(self._feed(venue, feed), name=f"feed {venue}") for venue, feed in self._feeds.items()]

            def keep(name: str, work: Callable[[], Awaitable[None]]) -> None:
                loops.append(group.create_task(self._keep(name, work), name=name))

            keep("ticks", lambda: self._every(_TICK_S, self._tick))
            keep("balances", lambda: self._every(_BALANCE_S, self._refresh.balances))
            if self._link.traders is not None:
                keep("traders", partial(self._refresh.follow_traders, self._link.traders))
            keep("warming", lambda: self._every(_WARM_S, self._refresh.warm))
            keep("status", lambda: self._every(_STATUS_S, self._status))
            keep("modes", self._watch_modes)
            keep("records", self._records.run)
            keep("late truth", self._late.run)
            for executor in self._executor.executors():
                keep(f"private stream {executor.venue}", partial(self._follow, executor))
            if self._settings.discovery_interval_mins:
                pause = 60.0 * self._settings.discovery_interval_mins
                keep("discovery", lambda: self._every(pause, self._rediscover, wait_first=True))
            try:
                await self._stop.wait()
            finally:
                try:
                    await self._finish()
                finally:
                    for loop in loops:
                        loop.cancel()

    def stop(self) -> None:
        """End run(): no new arbs from now on."""
        self._stop.set()

    async def _finish(self) -> None:
        log.info("stopping", arbs_under_way=len(self._arbs))
        self.on_event(Command("halt", "stopping"))
        ends = self._clock.mono_ns() + int(_STOP_S * SECOND)
        if self._arbs:
            log.info("waiting_for_arbs", count=len(self._arbs))
        while self._arbs and (left := ends - self._clock.mono_ns()) > 0:  # a late truth may open one again meanwhile
            await asyncio.wait(set(self._arbs), timeout=left / SECOND)
        self._runner.stop()
        for task in tuple(self._arbs):
            log.error("arb_abandoned", arb=task.get_name(), next_step="look its orders up on both venues")
            task.cancel()
        await asyncio.gather(*self._arbs, return_exceptions=True)
        await self._executor.cancel_all("stopping")

    async def _feed(self, venue: Venue, feed: Feed) -> None:
        """A feed reconnects by itself for ever: if it ends all the same, nothing can be decided any more."""
        try:
            await feed.run()
        except Exception as exc:  # the task's boundary: running arbs are still to be ended
            self._troubles.unforeseen(
                f"feed {venue}", exc, "new arbs are halted and the controller stops: read the log, then restart"
            )
        self._died = f"the {venue} feed ended by itself"
        self._engine.gate.breaker.halt()
        self.stop()

    async def _keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run a loop that must not end by an error: it is logged, and the loop begins again."""
        while True:
            try:
                await work()
                return
            except VenueError as exc:
                self._troubles.begin(name, exc)
            except Exception as exc:  # the task's boundary: the other loops and the arbs go on
                self._troubles.unforeseen(name, exc, "it begins again; read the log")
            await self._sleep(_AGAIN_S)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]], *, wait_first: bool = False) -> None:
        if wait_first:
            await self._sleep(seconds)
        while True:
            await work()
            await self._sleep(seconds)

    async def _tick(self) -> None:
        self.on_event(Tick(self._clock.wall_ns()))
        if self._ticks_to_freeze:
            self._ticks_to_freeze -= 1
            if self._ready() or not self._ticks_to_freeze:
                self._ticks_to_freeze = 0
                self._freeze()  # a full collection over all markets and books would stop the loop for a tenth of a second

    async def _watch_modes(self) -> None:
        """Read both modes every two seconds, and at once when a venue refused a leg: it may have told a mode (B-426)."""
        while True:
            self._refused.clear()
            await self._refresh.modes()
            await self._adoption.reread()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_MODE_S):
                    await self._refused.wait()

    async def _follow(self, executor: LegExecutor) -> None:
        """Later truths about our legs: hints that make waiting shorter (B-429)."""
        async for result in executor.updates():
            self.hear(result)

    async def _rediscover(self) -> None:
        try:
            found = await self._adoption.discover(progress=silent, force=True)
            await self._adoption.adopt(found, progress=silent)
        except VenueError as exc:
            self._troubles.begin("discovery", exc)

    async def _status(self) -> None:
        """One line a while: what is watched and what stands in the way (B-316)."""
        stale = [
            f"{venue}: {stats.ready}/{stats.markets} books ready"
            for venue, feed in self._feeds.items()
            if (stats := feed.statistics()).ready < stats.markets
        ]
        self.gap = await self._best_gap()
        log.info(
            "status",
            pairs=self._state.live_pairs,
            best_gap="no pair has both books" if self.gap is None else self.gap.text(),
            opportunities=self.counts.opportunities,
            executions=self.counts.executions,
            refusals=dict(self.counts.refusals.most_common(5)),
            not_ready="; ".join(stale),
        )

    async def _best_gap(self) -> Gap | None:
        baskets, best = tuple(self._state.baskets.values()), None
        for at in range(0, len(baskets), _PART):
            best = widest(baskets[at : at + _PART], self._state, best)
            await asyncio.sleep(0)  # frames come first
        return gap_of(best[1], self._state, self._numbers, self._clock.mono_ns()) if best is not None else None

    async def gaps(self) -> dict[str, Money]:
        """What a set of each watched pair's better direction earns after fees, below zero what it would lose (B-295)."""
        found: dict[str, Money] = {}
        baskets = tuple(self._state.baskets.values())
        for number, basket in enumerate(baskets):
            gap = gap_of(basket, self._state, self._numbers, self._clock.mono_ns())
            if gap is not None:
                found[basket.group] = max(gap.edge, found.get(basket.group, gap.edge))
            if number % _FEW == 0:
                await asyncio.sleep(0)
        return found

    @property
    def running(self) -> int:
        """Arbs under way."""
        return len(self._arbs)

    async def wait_ready(self, timeout_s: float) -> bool:
        """Wait until every watched book is ready; False when the time is up."""
        ends = self._clock.mono_ns() + int(timeout_s * SECOND)
        while self._clock.mono_ns() < ends:
            if self._ready():
                return True
            await self._sleep(0.05)
        return False

    def _ready(self) -> bool:
        stats = [feed.statistics() for feed in self._feeds.values()]
        return all(one.ready == one.markets and one.markets for one in stats)

    async def settle(self, timeout_s: float) -> tuple[LegRequest, ...]:
        """Ask until every fill is confirmed in the venue's own amounts and no arb runs; returns the legs that still are not."""
        ends = self._clock.mono_ns() + int(timeout_s * SECOND)
        while (self._arbs or self._ledger.unconfirmed()) and self._clock.mono_ns() < ends:
            await self._late.ask_all()
            await self._sleep(0.1)
        return self._ledger.unconfirmed()

    def summary(self) -> dict[str, object]:
        """Counters as the command line prints them."""
        return summary(
            self.counts,
            pairs=self._state.live_pairs,
            unconfirmed=len(self._ledger.unconfirmed()),
            routed=self._executor.statistics(),
            short=self._state.cash.short,
            timings=self.timings.statistics(),
        )
