"""What the gate asks before a held pair is sold, and what it lets through (B-440)."""

from collections.abc import Callable

import pytest
from desk import HOUR, KALSHI_MARKET, Desk, K, P, change, contracts, filled
from exits import held, sale, sell_books
from gate_situations import code_of, wall

from controller.model import Balances, Command, PairChanged
from controller.risk.decision import Approved
from controller.risk.limits import RiskSettings
from controller.strategy.base import Intent
from trading.clock import MS
from trading.market import KALSHI, POLYMARKET, Action, Venue
from trading.order import Want
from trading.units import DOLLAR, Money, MonoNs, Price
from trading.venue import Balance, VenueMode


def ready(**shape: object) -> tuple[Desk, Intent]:
    desk = held(**shape)
    sell_books(desk, poly_bid=50, kalshi_ask=45)
    intent = sale(desk)
    assert intent is not None
    return desk, intent


def test_sale_is_planned_as_the_purchase_of_its_reverse() -> None:
    """execution.md 2: the doubtful venue goes first, both legs sell what is held, the event is claimed."""
    desk, intent = ready()

    answer = desk.gate.approve(intent, desk.now)

    assert isinstance(answer, Approved)
    assert (answer.purpose, answer.plan.mode, answer.plan.order, answer.plan.concession) == ("exit", "sequential", (1, 0), None)
    assert [(leg.want.action, leg.want.limit, leg.purpose) for leg in answer.legs] == [
        (Action.SELL, 5_500, "exit"),
        (Action.SELL, 5_000, "exit"),
    ]
    assert answer.plan.limits == (5_500, 5_000)
    assert desk.gate.genuine(answer)
    assert desk.state.claimed(intent.event)


def test_sale_needs_no_cash_approval_or_room() -> None:
    """design.md 6: limits, breaker and an empty shard never refuse a reduction of exposure."""
    desk, intent = ready(settings=RiskSettings(event_max_cost=Money(1), max_trade_size=Money(1)))
    desk.process(Balances(KALSHI, (Balance(shard=3, cash=Money(0)),)))
    desk.process(Balances(POLYMARKET, (Balance(shard=0, cash=Money(0)),)))
    desk.process(PairChanged(change(desk.pair, state="paused", terms="conflict"), desk.markets))
    desk.gate.breaker.record_pnl(Money(-500 * DOLLAR))

    answer = desk.gate.approve(intent, desk.now)

    assert isinstance(answer, Approved)
    assert answer.reserved == (0, 0)


def test_sale_beyond_the_naked_cap_is_cut_to_it() -> None:
    """B-438: the side that stays may stand alone for a while: NAKED_MAX_CONTRACTS_EVENT bounds it."""
    desk, intent = ready(kalshi=-40, poly=40)

    answer = desk.gate.approve(intent, desk.now)

    assert isinstance(answer, Approved)
    assert {leg.want.size for leg in answer.legs} == {desk.settings.naked_max_contracts_event}


def test_sale_under_way_counts_as_naked() -> None:
    """B-438: until both sides are sold, the rest of the dollar on the side that stays is at stake."""
    desk, intent = ready()

    answer = desk.gate.approve(intent, desk.now)

    assert isinstance(answer, Approved)
    first = answer.legs[answer.plan.order[0]]
    assert desk.state.in_flight_naked() == first.want.size // 2 + answer.reserved[1]
    assert desk.state.in_flight(intent.event)[0] == 0


def halted(desk: Desk) -> None:
    desk.process(Command("halt"))


def frozen(desk: Desk) -> None:
    desk.process(Command("freeze"))


def budget(desk: Desk) -> None:
    desk.gate.breaker.record_pnl(Money(0), unwind_loss=Money(25 * DOLLAR))


def in_mode(desk: Desk) -> None:
    desk.process(VenueMode(venue=KALSHI, mode="paused"))


def sold_by_hand(desk: Desk) -> None:
    desk.state.positions.set_position(P, contracts(9), Money(4 * DOLLAR))


def unproven(desk: Desk) -> None:
    desk.proofs[KALSHI].at = MonoNs(desk.now - 2_001 * MS)


def closing(desk: Desk) -> None:
    desk.state.markets[K] = change(KALSHI_MARKET, closes_at=wall(desk, HOUR // 60))


def paused(desk: Desk) -> None:
    desk.state.markets[K] = change(KALSHI_MARKET, status="paused")


def busy(desk: Desk) -> None:
    assert isinstance(desk.gate.approve(desk.intent(), desk.now), Approved)


@pytest.mark.parametrize(
    ("bring_about", "code"),
    [
        (halted, "halted"),
        (frozen, "frozen"),
        (budget, "unwind_budget"),
        (in_mode, "venue_mode"),
        (sold_by_hand, "not_held"),
        (unproven, "unproven"),
        (closing, "closing"),
        (paused, "not_open"),
        (busy, "claimed"),
    ],
)
def test_sale_is_refused(bring_about: Callable[[Desk], None], code: str) -> None:
    """B-440: a sale is a choice: it waits where an arb would, but for what limits new money."""
    desk, intent = ready()
    bring_about(desk)

    assert code_of(desk.gate.approve(intent, desk.now)) == code


@pytest.mark.parametrize("starts_in", [HOUR // 60, -HOUR // 120])
def test_sale_near_a_start_is_refused(starts_in: int) -> None:
    """START_BLACKOUT_SECS: the books are wiped there."""
    desk = held(starts_in=starts_in)
    sell_books(desk, poly_bid=60, kalshi_ask=40)
    intent = sale(desk)

    assert intent is not None
    assert code_of(desk.gate.approve(intent, desk.now)) == "start_blackout"


@pytest.mark.parametrize("state", ["unknown", "resting", "held"])
def test_leg_in_doubt_keeps_the_event_from_being_sold(state: str) -> None:
    """B-093: nothing is sold while a leg of the event is open."""
    desk, intent = ready()
    approved = desk.gate.approve(intent, desk.now)
    assert isinstance(approved, Approved)
    first = approved.legs[1]
    desk.close(approved, "unknown", change(filled(first), state=state, filled=contracts(0), fills=(), cost=Money(0)))
    desk.advance(10_000)

    assert sale(desk) is None
    assert code_of(desk.gate.approve(change(intent, expires=desk.now), desk.now)) == "unresolved"


def test_exit_too_good_to_be_true_quarantines_the_pair() -> None:
    """B-433: bids that sum to far more than a dollar are bad data, and nothing of the pair is traded on them."""
    desk = held()
    sell_books(desk, poly_bid=60, kalshi_ask=35)
    intent = sale(desk)

    assert intent is not None
    assert code_of(desk.gate.approve(intent, desk.now)) == "quarantined"
    assert desk.pair.id in desk.state.quarantined


def test_follow_up_of_a_sale_sells_no_more_than_is_held() -> None:
    """B-440: an order that completes a sale opens no position the other way."""
    desk, intent = ready()
    approved = desk.gate.approve(intent, desk.now)
    assert isinstance(approved, Approved)
    desk.state.positions.set_position(K, -contracts(4), Money(2 * DOLLAR))
    rest = change(approved.legs[0].want, limit=Price(5_400))

    assert code_of(desk.gate.exit(approved, rest, "complete", desk.now, 0, 1)) == "not_held"
    assert isinstance(desk.gate.exit(approved, change(rest, size=contracts(4)), "complete", desk.now, 0, 1), Approved)
    desk.process(Command("halt"))
    back = change(rest, action=Action.BUY)
    assert isinstance(desk.gate.exit(approved, back, "unwind", desk.now, 0, 2), Approved)


def test_closed_sale_frees_event_and_position() -> None:
    """B-440: sold on both sides nothing is held, the event is free and no contract stands alone."""
    desk, intent = ready()
    approved = desk.gate.approve(intent, desk.now)
    assert isinstance(approved, Approved)
    sold = [change(filled(leg), cost=Money(-filled(leg).cost)) for leg in approved.legs]

    desk.close(approved, "matched", *sold)

    assert desk.state.positions.all() == {}
    assert not desk.state.claimed(intent.event)
    assert desk.state.positions.naked(intent.event) == 0
    assert desk.state.closings() == []


def test_sale_is_cut_to_what_one_process_can_sell_at_each_venue() -> None:
    """B-440: ten are held, of which no trader of Polymarket bought more than six: a pair of sales of six goes now, whole on both
    sides, and the rest is found again when they are done."""
    desk, intent = ready()

    def part(venue: Venue, want: Want) -> Want:
        return change(want, size=min(want.size, contracts(6.004))) if venue == POLYMARKET else want

    desk.gate._at_once = part
    answer = desk.gate.approve(intent, desk.now)

    assert isinstance(answer, Approved)
    assert {leg.want.size for leg in answer.legs} == {contracts(6)}
