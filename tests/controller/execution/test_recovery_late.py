"""What a new start still knows of arbs that are over: their venues may say more (B-424)."""

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
from trading.ids import SeededIds
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.market import KALSHI, POLYMARKET
from trading.order import LegResult
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


@pytest.mark.parametrize(("hours", "hedged"), [(1, True), (60 * 24, False)])
async def test_a_late_fill_of_an_arb_that_was_over_before_the_start_is_hedged(tmp_path, hours: int, hedged: bool) -> None:
    """B-424: a free miss, told and without a doubt; then a restart, then its venue says that the order filled after all. Long
    over, it is left to the comparison with the venues."""
    clock = ManualClock()
    before = Start(tmp_path / "journal.sqlite", clock)
    approved = before.bench.approved()
    legs = tuple(msgspec.structs.replace(leg, world="sim") for leg in approved.legs)
    approved = msgspec.structs.replace(approved, legs=legs, seal=None)
    before.recovery.plan(approved)
    await before.journal.promise([Prepared(leg=legs[0], client_order_id="arb1", venue_order_id=None, fields={})])
    await before.journal.settle(LegResult(leg_id=legs[0].leg_id, state="none", code="no_match"))
    told = ArbClosed(
        arb_id=ARB,
        event=approved.claim,
        basket=approved.intent.basket.id,
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
