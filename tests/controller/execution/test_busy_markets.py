"""Which markets the comparison with the venues waits for (B-183)."""

import msgspec
from execution_fakes import KX, POLY, Bench, fill

from controller.execution.hybrid import HybridExecutor
from controller.ledger.memory import MemoryLedger
from controller.model import ArbClosed
from controller.reconcile.ours import RunningOurs
from controller.risk.limits import RiskSettings
from controller.state import State
from trading.ids import leg_id
from trading.journal import MemoryJournal
from trading.units import Money, MonoNs, Size


def test_a_hedge_of_an_arb_that_was_opened_again_is_waited_for() -> None:
    """B-424: the arb was over, so the engine does not count it as under way; its order has no answer of any kind yet. What it does
    at the venue meanwhile is no difference, and it is not cancelled as a left-over."""
    state, bench = State(RiskSettings()), Bench()
    for market in (KX, POLY):
        state.apply_market(market, MonoNs(0))
    journal = MemoryJournal()
    ours = RunningOurs(
        state,
        MemoryLedger(),
        journal,  # type: ignore[arg-type]  # what busy() asks is the same
        HybridExecutor({}, {}, frozenset()),
        lambda result: None,
        "sim",
    )
    approved = bench.approved()
    results = tuple(fill()(leg) for leg in approved.legs)
    state.apply_approved(approved)
    state.apply_closed(
        ArbClosed(
            arb_id=approved.arb_id,
            event=approved.claim,
            basket=approved.intent.basket.id,
            outcome="matched",
            matched=results[0].filled,
            unhedged=Size(0),
            profit=Money(0),
            results=results,
        ),
        MonoNs(0),
    )
    assert set(ours.busy()) == set()

    hedge = msgspec.structs.replace(approved.legs[1], leg_id=leg_id(approved.arb_id, 1, 1), purpose="unwind")
    state.apply_exit(msgspec.structs.replace(approved, legs=(hedge,), reserved=(Money(0),)))

    assert set(ours.busy()) == {KX.id}
    state.apply_leg(fill()(hedge), MonoNs(0))
    assert set(ours.busy()) == set()
