"""The end of an arb frees what it held and tells the breaker what it was (B-189, B-198)."""

import pytest
from desk import EVENT, Desk, P, change, filled, missed
from gate_situations import code_of, exposed, opened

from controller.risk.decision import Approved
from controller.risk.limits import RiskSettings
from trading.market import KALSHI, POLYMARKET
from trading.units import DOLLAR, Money


@pytest.mark.parametrize("outcome", ["matched", "miss", "one_sided", "unwound"])
def test_closing_frees_claim_and_cash(outcome: str) -> None:
    """B-189: whatever the outcome, nothing stays claimed or reserved."""
    desk, approved = opened()

    desk.close(approved, outcome, missed(approved.legs[1]))

    assert not desk.state.claimed(EVENT)
    assert desk.state.cash.reserved((KALSHI, 3)) == desk.state.cash.reserved((POLYMARKET, 0)) == 0
    assert desk.state.arbs == {}
    assert desk.tokens.held == []


def test_unknown_leg_keeps_its_cash_until_it_is_known() -> None:
    """B-093: only the open leg's reservation stays; its final answer frees it and opens the event."""
    desk, approved = opened()
    desk.close(approved, "unknown", missed(approved.legs[1], state="unknown"))
    assert desk.state.cash.reserved((POLYMARKET, 0)) == approved.reserved[1]
    assert desk.state.cash.reserved((KALSHI, 3)) == 0

    desk.process(change(missed(approved.legs[1]), result_no=2))

    assert desk.state.cash.reserved((POLYMARKET, 0)) == 0
    assert not desk.state.unresolved(EVENT)


def test_the_operators_pause_follows_legs_that_were_sent_only() -> None:
    """B-189: after a refusal before any send the event is free at once; once a leg was sent it is left alone as told."""
    desk = Desk(RiskSettings(trade_cooldown_ms=60_000))
    _, approved = opened(desk)
    desk.close(approved, "miss", *(missed(leg, state="refused", code="no_route") for leg in approved.legs))
    _, approved = opened(desk)
    desk.close(approved, "miss", missed(approved.legs[1]))
    desk.advance(59_000)

    assert code_of(desk.approve()) == "cooldown"


def test_free_miss_is_no_error() -> None:
    """B-432: ten misses leave the breaker as it was."""
    desk = Desk()
    for _ in range(10):
        _, approved = opened(desk)
        desk.close(approved, "miss", missed(approved.legs[1]))
        desk.advance(70_000)
    assert desk.gate.breaker.errors == 0


@pytest.mark.parametrize(("code", "errors"), [("throttled", 0), ("unreachable", 1), ("service_unavailable", 1)])
def test_throttling_is_no_error_and_failures_are(code: str, errors: int) -> None:
    """B-201: 429 never counts toward the breaker, transport failures and 5xx do."""
    desk, approved = opened()

    desk.close(approved, "miss", missed(approved.legs[1], state="rejected", code=code))

    assert desk.gate.breaker.errors == errors


def test_unwound_arb_counts_as_error_and_against_the_budget() -> None:
    """B-198, B-200: a one-sided fill is an error, its loss is a loss of the day and of the exits' budget."""
    desk, approved = opened()

    desk.close(approved, "unwound", missed(approved.legs[0]), profit=-2 * DOLLAR)

    after = desk.gate.breaker
    assert (after.errors, after.pnl, after.unwind_loss) == (1, -2 * DOLLAR, 2 * DOLLAR)


def test_match_with_dust_left_over_ends_a_row_of_errors() -> None:
    """Six-decimal fills leave dust below HEDGE_DUST: still a full match for the breaker (B-198)."""
    desk, approved = opened()
    desk.gate.breaker.record_error(desk.now)

    desk.close(approved, "matched", *(filled(leg) for leg in approved.legs), unhedged=0.05)

    assert desk.gate.breaker.errors == 0


def test_exposed_event_opens_again_when_nothing_is_naked() -> None:
    """An unhedged rest shuts its event until the position is gone, whoever closed it."""
    desk = Desk()
    assert code_of(exposed(desk)) == "exposed"

    desk.state.positions.set_position(P, 0, Money(0))

    assert isinstance(desk.approve(), Approved)
