"""What a new start still knows of arbs of an earlier one: those that are over, and those that wait to be hedged (B-424)."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from execution_fakes import ARB, KX, POLY, Bench, fill

from controller.execution.hybrid import HybridExecutor
from controller.execution.local import LocalExecutor
from controller.ledger.memory import MemoryLedger
from controller.model import ArbClosed, EventId
from controller.recovery import Recovery
from controller.risk.limits import RiskSettings
from controller.state import State
from trading.clock import SECOND, ManualClock
from trading.ids import ArbId, SeededIds
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.market import KALSHI, POLYMARKET
from trading.order import LegRequest, LegResult, World
from trading.units import Money, MonoNs, Size
from trading.venue import Prepared

HOUR = 3_600 * SECOND


class Start:
    """One start on a journal, with a runner whose venues are scripted."""

    def __init__(self, path: Path, clock: ManualClock) -> None:
        self.bench = Bench()
        self.journal = FileJournal(SqliteStore(path), clock)
        self.state = State(RiskSettings())
        for market in (KX, POLY):
            self.state.apply_market(market, MonoNs(0))
            self.state.positions.set_event(market.id, EventId("game"))
        breaker = SimpleNamespace(on_tick=lambda at: None, reason=lambda at: None, resume=lambda: None)
        gate: Any = SimpleNamespace(
            breaker=breaker,
            closed=lambda event, at: None,
            restore=lambda approved: msgspec.structs.replace(approved, seal=self.bench.gate),
        )
        local = {
            venue: LocalExecutor(
                SimpleNamespace(venue=venue),  # type: ignore[arg-type]  # nothing is asked of it
                self.journal,
                clock,
                SeededIds(clock, 1),
                name="local",
                market_of=self.state.markets.get,
            )
            for venue in (KALSHI, POLYMARKET)
        }
        self.recovery = Recovery(
            self.journal,
            state=self.state,
            gate=gate,
            executor=HybridExecutor(local, {}, frozenset(local)),
            remote={},
            runner=self.bench.runner,
            ledger=MemoryLedger(),
            clients={},
            feeds={},
            clock=clock,
            world="sim",
            deliver=lambda event: None,
        )


async def sent(start: Start, world: World = "sim") -> tuple[LegRequest, ...]:
    """An arb whose first leg was promised for this start's journal; both legs."""
    approved = start.bench.approved()
    legs = tuple(msgspec.structs.replace(leg, world=world) for leg in approved.legs)
    start.recovery.plan(msgspec.structs.replace(approved, legs=legs, seal=None))
    await start.journal.promise([Prepared(leg=legs[0], client_order_id="arb1", venue_order_id=None, fields={})])
    return legs


@pytest.mark.parametrize(("hours", "hedged"), [(1, True), (60 * 24, False)])
async def test_a_late_fill_of_an_arb_that_was_over_before_the_start_is_hedged(tmp_path, hours: int, hedged: bool) -> None:
    """B-424: a free miss, told and without a doubt; then a restart, then its venue says that the order filled after all. Long
    over, it is left to the comparison with the venues."""
    clock = ManualClock()
    before = Start(tmp_path / "journal.sqlite", clock)
    legs = await sent(before)
    await before.journal.settle(LegResult(leg_id=legs[0].leg_id, state="none", code="no_match"))
    told = ArbClosed(
        arb_id=ARB,
        event=EventId("game"),
        basket="pair:poly_yes_kalshi_no",
        outcome="miss",
        matched=Size(0),
        unhedged=Size(0),
        profit=Money(0),
        results=(LegResult(leg_id=legs[0].leg_id, state="none"),),
    )
    before.recovery.close(told)
    await before.recovery.flush()
    await before.journal.close()

    clock.advance(hours * HOUR)
    after = Start(tmp_path / "journal.sqlite", clock)
    assert (await after.recovery.run()).again == ()
    again = after.bench.runner.offer(fill()(legs[0]))
    await after.journal.close()

    assert again == (ARB if hedged else None)


async def test_an_arb_that_waits_for_its_books_after_a_start_is_under_way(tmp_path) -> None:
    """B-424: its first leg filled and the process died. Until it is opened again a drain must not say that nothing is open."""
    clock = ManualClock()
    before = Start(tmp_path / "journal.sqlite", clock)
    legs = await sent(before)
    await before.journal.settle(fill()(legs[0]))
    await before.journal.close()

    after = Start(tmp_path / "journal.sqlite", clock)
    seen: list[int] = []
    opened = asyncio.Event()

    class Runtime:
        async def run(self) -> None:
            await opened.wait()

        async def wait_ready(self, timeout_s: float) -> bool:
            seen.append(after.recovery.waiting)
            return True

        def reopen(self, arb_id: ArbId) -> None:
            assert arb_id == ARB
            opened.set()

    assert (await after.recovery.run_with(Runtime())).again == (ARB,)
    await after.journal.close()

    assert (seen, after.recovery.waiting) == ([1], 0)


async def test_a_paper_order_ends_with_its_process(tmp_path) -> None:
    """A paper run was killed while an order was under way, and the same state directory goes live: the order's venue is gone, so a
    drain, which waits for every open leg, does not wait for it, and nobody is told to look for it on a venue's site."""
    clock = ManualClock()
    before = Start(tmp_path / "journal.sqlite", clock)
    legs = await sent(before, "paper")
    await before.journal.close()

    after = Start(tmp_path / "journal.sqlite", clock)
    assert (await after.recovery.run()).legs == 0
    left, known = after.journal.open_legs(), after.journal.stored(legs[0].leg_id)
    await after.journal.close()

    assert left == []
    assert known[1].code == "paper_ended"
