"""What the runtime promises whatever breaks: no feed dies of the engine, no fault skips the end, late truths reach their arb."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from controller.app import _check_live
from controller.execution.life import ArbAlarm
from controller.link import Link
from controller.model import ArbClosed, Command, EventId, Tick
from controller.risk.breaker import Breaker
from controller.risk.limits import RiskSettings
from controller.runtime import Runtime
from controller.settings import ControllerSettings
from controller.state import State
from trading.clock import ManualClock
from trading.errors import SettingsError, TandemError, Unreachable
from trading.ids import ArbId, leg_id
from trading.journal import MemoryJournal
from trading.market import KALSHI
from trading.order import LegResult
from trading.settings import load
from trading.units import Money, Size, WallNs
from trading.venue import FeedStatistics

ARB = ArbId(b"a" * 14)
LATE = LegResult(leg_id=leg_id(ARB, 0, 0), state="none")


class Feed:
    """Runs until told to end, or raises."""

    def __init__(self) -> None:
        self.books_ready = 1
        self.fault: Exception | None = None
        self.end = asyncio.Event()

    async def run(self) -> None:
        await self.end.wait()
        if self.fault is not None:
            raise self.fault

    def statistics(self) -> FeedStatistics:
        return FeedStatistics(
            markets=1, ready=self.books_ready, frames=0, reconnects=0, resyncs=0, bad_frames=0, connected=True, latency_ms=None
        )


class Runner:
    """Arbs that end when allowed; offer() names what is to be opened again."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.ended: list[str] = []
        self.offered: list[LegResult] = []
        self.again: ArbId | None = None
        self.stopped = False

    async def run(self, approved: Any) -> None:
        await self.release.wait()
        self.ended.append("run")

    async def reopen(self, arb_id: ArbId) -> None:
        self.ended.append("reopened")

    def offer(self, result: LegResult) -> ArbId | None:
        self.offered.append(result)
        return self.again

    def running(self, arb_id: ArbId) -> bool:
        return False

    def stop(self) -> None:
        self.stopped = True


class Executor:
    """Local legs; its private stream gives rows, and may break once."""

    venue = KALSHI

    def __init__(self) -> None:
        self.rows: list[LegResult | Exception] = []
        self.cancelled = 0

    def executors(self) -> tuple["Executor", ...]:
        return (self,)

    async def updates(self):
        while self.rows:
            row = self.rows.pop(0)
            if isinstance(row, Exception):
                raise row
            yield row

    async def cancel_all(self, reason: str) -> int:
        self.cancelled += 1
        return 0

    async def resolve(self, leg: bytes) -> LegResult:
        return LATE

    def statistics(self) -> Any:
        return SimpleNamespace(legs_local=0, legs_remote=0)


class Desk:
    """A runtime whose every neighbour is a fake; engine is the function that decides."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock()
        self.breaker = Breaker(RiskSettings())
        self.state = State(RiskSettings())
        self.feed, self.runner, self.executor = Feed(), Runner(), Executor()
        self.decide = lambda event, now: ()
        self.events: list[object] = []
        self.frozen: list[int] = []
        self.reads: list[str] = []
        self.read_fault: Exception | None = None

        async def forever() -> None:
            await asyncio.Event().wait()

        async def rest(_: float) -> None:
            for _ in range(3):
                await asyncio.sleep(0)

        async def read(*_: object) -> Any:
            self.reads.append("read")
            if self.read_fault is not None:
                raise self.read_fault
            return SimpleNamespace(balances=())

        async def mode() -> Any:
            raise Unreachable("kalshi", "unreachable")

        self.runtime = Runtime(
            settings=load(ControllerSettings, flags={"discovery_interval_mins": 0}, environ={}, directory=directory),
            engine=SimpleNamespace(process=self.process, gate=SimpleNamespace(breaker=self.breaker)),
            state=self.state,
            executor=self.executor,
            ledger=SimpleNamespace(unconfirmed=lambda: (), apply=lambda *_: None),
            records=SimpleNamespace(run=forever, closed=lambda *_: None, decided=lambda *_: None),
            journal=MemoryJournal(),
            connections=SimpleNamespace(clients={}),
            clients={KALSHI: SimpleNamespace(account=read, mode=mode)},
            link=Link(remote={}, traders=None),
            clock=self.clock,
            sleep=rest,
            freeze=lambda: self.frozen.append(self.feed.books_ready),
        )

        async def reread() -> None:
            self.reread += 1

        self.doubted: list[tuple[str, object]] = []
        self.reread = 0
        adoption = SimpleNamespace(doubt=lambda code, stored: self.doubted.append((code, stored)), reread=reread)
        self.runtime.attach(self.runner, {KALSHI: self.feed}, adoption)

    def process(self, event: object, now: int) -> Any:
        self.events.append(event)
        if isinstance(event, Command):
            self.breaker.halt()
        return self.decide(event, now)


@pytest.fixture
def desk(tmp_path: Path):
    with structlog.testing.capture_logs() as logs:
        made = Desk(tmp_path)
        made.logs = logs  # type: ignore[attr-defined]  # the lines of this test
        yield made


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_engine_fault_never_reaches_the_feed_and_halts_new_arbs(desk: Desk) -> None:
    """on_event is called inside a feed's read loop: whatever the engine raises is logged once, counted and halts opens."""

    def broken(event: object, now: int) -> Any:
        raise ValueError("book")

    desk.decide = broken
    for hear in (desk.runtime.on_event, desk.runtime.on_logged_event, desk.runtime.on_event):
        hear(Tick(WallNs(1)))

    assert desk.breaker.reason(desk.clock.mono_ns()) == "manual"
    assert desk.runtime.counts.faults == 3
    assert [row["event"] for row in desk.logs].count("unforeseen") == 1


async def test_dying_feed_ends_the_run_through_its_end_with_arbs_awaited(desk: Desk) -> None:
    """A feed that ends halts opens; the running arb is waited for, orders are cancelled, and run() says why it ended."""
    running = asyncio.create_task(desk.runtime.run())
    await turns()
    desk.runtime._start(desk.runner.run(None), ARB)
    desk.feed.fault = RuntimeError("decoder")
    desk.feed.end.set()
    await turns()
    assert not running.done() and desk.breaker.reason(desk.clock.mono_ns()) == "manual"

    desk.runner.release.set()

    with pytest.raises(TandemError, match="kalshi feed ended"):
        await running
    assert desk.runner.ended == ["run"]
    assert desk.executor.cancelled == 1 and desk.runner.stopped


async def test_fault_in_a_loop_is_logged_and_the_loop_goes_on(desk: Desk) -> None:
    """Balances break with what nobody foresaw: they are read again, and run() ends as told."""
    desk.read_fault = KeyError("shard")
    running = asyncio.create_task(desk.runtime.run())
    await turns(60)
    desk.runtime.stop()
    await running

    assert len(desk.reads) >= 2
    assert desk.runtime.counts.faults >= 2
    assert desk.executor.cancelled == 1


async def test_memory_is_frozen_once_when_the_start_is_over(desk: Desk) -> None:
    """What the start built leaves the garbage collector's sight when every book is ready, and only then."""
    desk.feed.books_ready = 0
    running = asyncio.create_task(desk.runtime.run())
    await turns(40)
    assert desk.frozen == []

    desk.feed.books_ready = 1
    await turns(80)
    desk.runtime.stop()
    await running

    assert desk.frozen == [1]


async def test_cancelled_run_still_goes_through_its_end(desk: Desk) -> None:
    """Cancellation is an end like any other: arbs are awaited and orders cancelled."""
    running = asyncio.create_task(desk.runtime.run())
    await turns()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert desk.executor.cancelled == 1


async def test_broken_private_stream_is_followed_again(desk: Desk) -> None:
    """One bad row must not leave a venue's later truths unheard."""
    desk.executor.rows = [KeyError("row"), LATE]
    running = asyncio.create_task(desk.runtime.run())
    await turns(40)
    desk.runtime.stop()
    await running

    assert desk.runner.offered == [LATE]
    assert LATE in desk.events


async def test_late_truth_that_unhedges_an_arb_starts_it_again(desk: Desk) -> None:
    """What a stream or a question tells goes to the engine and to its arb, which runs again as a task of the runtime."""
    desk.runner.again = ARB

    desk.runtime.hear(LATE)
    assert desk.runtime.running == 1
    await turns()

    assert desk.runner.ended == ["reopened"]
    assert desk.runtime.running == 0


async def test_book_keeping_that_breaks_keeps_no_truth_from_engine_and_arb(desk: Desk) -> None:
    """A ledger, counters or a journal that fail must not leave a leg alone nor a claim and its cash held; new arbs are halted."""

    def broken(*_: object) -> Any:
        raise OSError("disk")

    desk.runtime._booking = SimpleNamespace(book=broken, close=broken)  # type: ignore[assignment]  # all that is called
    desk.runner.again = ARB
    ended = ArbClosed(
        arb_id=ARB,
        event=EventId("game"),
        basket="b",
        outcome="miss",
        matched=Size(0),
        unhedged=Size(0),
        profit=Money(0),
        results=(),
    )

    desk.runtime.hear(LATE)
    desk.runtime.on_report(LATE)
    desk.runtime.on_report(ended)
    await turns()

    assert desk.events == [LATE, LATE, ended]
    assert desk.runner.ended == ["reopened"]
    assert desk.breaker.reason(desk.clock.mono_ns()) == "manual"


async def test_alarm_is_logged_counted_and_shown_until_its_arb_is_over(desk: Desk) -> None:
    """Market, amount and next step in one error line; the summary shows it open, and history afterwards."""
    desk.runtime.on_alarm(
        ArbAlarm(
            arb_id=ARB,
            event=EventId("game"),
            word="exposed",
            detail="10 unhedged",
            markets=("K", "P"),
            unhedged=Size(10_000_000),
            naked=Money(4_500_000),
        )
    )
    row = desk.logs[-1]
    assert (row["log_level"], row["markets"], row["unhedged_contracts"], row["at_stake_dollars"]) == (
        "error",
        "K, P",
        "10",
        "4.5",
    )
    assert row["next_step"]
    assert desk.runtime.summary()["alarms_open"] == 1

    desk.runtime.on_report(
        ArbClosed(
            arb_id=ARB,
            event=EventId("game"),
            basket="b",
            outcome="unwound",
            matched=Size(0),
            unhedged=Size(0),
            profit=Money(0),
            results=(),
        )
    )

    assert (desk.runtime.summary()["alarms_open"], desk.runtime.summary()["alarms"]) == (0, {"exposed": 1})


def test_live_needs_a_durable_journal_and_the_word_where_it_is_asked_for(tmp_path: Path) -> None:
    """A journal in memory never trades live; with REQUIRE_LIVE_CONFIRM the word is needed, too (B-057)."""
    settings = load(ControllerSettings, flags={}, environ={}, directory=tmp_path)
    strict = load(ControllerSettings, flags={"require_live_confirm": True}, environ={}, directory=tmp_path)
    memory, disk = SimpleNamespace(durable=False), SimpleNamespace(durable=True)

    with pytest.raises(SettingsError, match="kept in memory"):
        _check_live(settings, "live", memory)  # type: ignore[arg-type]  # only durable is read
    with pytest.raises(SettingsError, match="I_UNDERSTAND"):
        _check_live(strict, "live", disk)  # type: ignore[arg-type]  # as above
    _check_live(settings, "live", disk)  # type: ignore[arg-type]  # as above
    _check_live(settings, "sim", memory)  # type: ignore[arg-type]  # as above


async def test_a_refused_leg_has_modes_and_doubted_terms_read_at_once(desk: Desk) -> None:
    """What a refusal contradicts is asked about in the same breath, not at the next round (B-426)."""
    running = asyncio.create_task(desk.runtime.run())
    await turns()
    before = desk.reread
    refused = LegResult(leg_id=leg_id(ARB, 1, 0), state="rejected", code="invalid_price")
    desk.runtime.on_report(refused)
    await turns()

    assert desk.doubted == [("invalid_price", None)]
    assert desk.reread > before
    desk.runtime.stop()
    await running


async def test_the_status_line_tells_a_person_why_nothing_is_traded(desk: Desk) -> None:
    """B-316: pairs watched, the best gap, books that are not ready, and the refusals."""
    desk.feed.books_ready = 0
    with structlog.testing.capture_logs() as logs:
        await desk.runtime._status()
    (line,) = logs

    assert (line["event"], line["pairs"], line["best_gap"]) == ("status", 0, "no pair has both books")
    assert (line["not_ready"], line["refusals"]) == ("kalshi: 0/1 books ready", {})
