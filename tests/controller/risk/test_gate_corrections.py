"""An arb's end may be told again with corrected figures: only the difference is booked, and it is no new try."""

from desk import EVENT, change, contracts, filled, missed
from gate_situations import opened

from controller.model import ArbClosed
from controller.risk.decision import Approved
from trading.order import LegResult
from trading.units import DOLLAR, Money, Size


def end(approved: Approved, outcome: str, profit: float, *results: LegResult, unhedged: float = 0) -> ArbClosed:
    return ArbClosed(
        arb_id=approved.arb_id,
        event=approved.claim,
        basket=approved.intent.basket.id,
        outcome=outcome,
        matched=Size(0),
        unhedged=contracts(unhedged),
        profit=Money(round(profit * DOLLAR)),
        results=results,
    )


def test_correction_books_the_difference_only() -> None:
    """Matched at +1, then a ghost unwound at -2: the day stands at -2, 2 of the exits' budget, and one error is counted."""
    desk, approved = opened()
    matched = end(approved, "matched", 1, *(filled(leg) for leg in approved.legs))
    desk.process(matched)
    assert (desk.gate.breaker.pnl, desk.gate.breaker.errors) == (1 * DOLLAR, 0)

    unwound = change(end(approved, "unwound", -2, *matched.results), corrects=matched)
    desk.process(unwound)
    desk.process(change(end(approved, "unwound", -1.5, *matched.results), corrects=unwound))

    breaker = desk.gate.breaker
    assert (breaker.pnl, breaker.unwind_loss, breaker.errors) == (-1_500_000, 1_500_000, 1)


def test_unknown_that_proved_matched_gives_nothing_back_twice() -> None:
    """Unknown books what is known (nothing); the match afterwards books its profit once."""
    desk, approved = opened()
    unknown = end(approved, "unknown", 0, filled(approved.legs[1]), unhedged=10)
    desk.process(unknown)
    errors = desk.gate.breaker.errors

    desk.process(change(end(approved, "matched", 0.4, *(filled(leg) for leg in approved.legs)), corrects=unknown))

    assert (desk.gate.breaker.pnl, desk.gate.breaker.unwind_loss) == (400_000, 0)
    assert desk.gate.breaker.errors == errors


def test_correction_of_a_daily_loss_trips_the_breaker() -> None:
    """B-197: a loss that shows only later counts like any other."""
    desk, approved = opened()
    matched = end(approved, "matched", 1, *(filled(leg) for leg in approved.legs))
    desk.process(matched)

    desk.process(change(end(approved, "unwound", -50, *matched.results), corrects=matched))

    assert desk.gate.breaker.reason(desk.now) == "daily_loss"


def test_correction_leaves_another_arbs_claim_alone() -> None:
    """The event was taken by the next arb meanwhile: the old one's correction does not free it."""
    desk, first = opened()
    missed_end = end(first, "miss", 0, missed(first.legs[1]))
    desk.process(missed_end)
    desk.advance(70_000)
    _, second = opened(desk)

    desk.process(change(missed_end, corrects=missed_end))

    assert desk.state.claims.holder(EVENT) == second.arb_id
