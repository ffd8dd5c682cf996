"""What the state does with results that come after an arb closed: caps, positions and the event's door follow them (B-424)."""

import pytest
from desk import EVENT, Desk, K, P, change, contracts, filled, missed

from controller import legs as legs_module
from controller.model import EventId
from controller.risk.decision import Approved
from controller.risk.limits import RiskSettings
from trading.ids import leg_id
from trading.market import KALSHI, POLYMARKET, Action
from trading.order import LegRequest, LegResult
from trading.units import DOLLAR, Money, Price
from trading.venue import VenueMode


def opened(desk: Desk) -> tuple[LegRequest, LegRequest, Approved]:
    """An approved arb and its legs: Kalshi's, Polymarket's."""
    approved = next(answer for answer in desk.gap() if isinstance(answer, Approved))
    return approved.legs[0], approved.legs[1], approved


def provisional(leg: LegRequest) -> LegResult:
    """Filled with the venue's own amounts; only the chain may still refuse it."""
    done = filled(leg)
    return change(done, fills=tuple(change(fill, status="provisional") for fill in done.fills))


def ghost(leg: LegRequest, no: int = 2) -> LegResult:
    taken = tuple(change(fill, status="reversed") for fill in filled(leg).fills)
    return LegResult(leg_id=leg.leg_id, state="none", fills=taken, result_no=no)


def next_answer(desk: Desk, *, wait_ms: int = 30_000) -> str:
    """What the gate says to the same opportunity, past every cooldown."""
    desk.advance(wait_ms)
    answer = desk.approve()
    return "approved" if isinstance(answer, Approved) else answer.code


def test_provisional_fill_counts_until_it_is_confirmed_whatever_the_arb_does() -> None:
    """B-439: fees are known and the arb is closed; the cost may still be taken back and binds MAX_UNCONFIRMED_USD."""
    desk = Desk(RiskSettings(max_unconfirmed=Money(3 * DOLLAR)))
    kalshi, poly, approved = opened(desk)
    done = provisional(poly)
    assert done.settled and not done.confirmed
    desk.process(done)
    desk.process(filled(kalshi))
    desk.close(approved, "matched", filled(kalshi), done)

    assert desk.state.unconfirmed(EVENT) == done.cost
    assert next_answer(desk) == "unconfirmed_limit"

    desk.process(change(filled(poly), result_no=2))

    assert desk.state.unconfirmed(EVENT) == 0
    assert next_answer(desk) == "approved"


def test_ghost_after_the_end_moves_positions_counts_and_shuts_the_event() -> None:
    """A fill that failed after ArbClosed: position and cash go back, the ghost rate learns it, the naked event is shut."""
    desk = Desk()
    kalshi, poly, approved = opened(desk)
    desk.process(filled(kalshi))
    desk.process(provisional(poly))
    desk.close(approved, "matched", filled(kalshi), provisional(poly))
    cash = desk.state.cash.total((POLYMARKET, 0))

    desk.process(ghost(poly))

    assert desk.state.positions.contracts(P) == 0
    assert desk.state.positions.contracts(K) == -contracts(10)
    assert desk.state.cash.total((POLYMARKET, 0)) == cash + provisional(poly).cost
    assert desk.state.lessons.ghost_ppm(POLYMARKET) == 20_000
    assert next_answer(desk) == "exposed"


def test_event_opens_when_the_ghost_is_hedged() -> None:
    """What shuts an event is what it holds: sold back, it trades again."""
    desk = Desk(RiskSettings(ghost_rate_max_ppm=1_000_000))
    kalshi, poly, approved = opened(desk)
    desk.close(approved, "matched", filled(kalshi), provisional(poly))
    desk.process(ghost(poly))

    back = desk.gate.exit(approved, change(kalshi.want, action=Action.SELL, limit=Price(4_700)), "unwind", desk.now, 0, 1)
    assert isinstance(back, Approved)
    sold = filled(back.legs[0])
    desk.process(change(sold, cost=Money(-sold.cost)))

    assert not desk.state.exposed(EVENT)


def test_late_fill_of_a_leg_that_was_none_is_booked() -> None:
    """A confirmed "none" is remembered: when it fills after all, the position is seen and the event shut."""
    desk = Desk()
    _, poly, approved = opened(desk)
    desk.process(missed(poly))
    desk.close(approved, "miss", missed(poly))
    assert not desk.state.results()

    desk.process(change(filled(poly), result_no=2))

    assert desk.state.positions.contracts(P) == contracts(10)
    assert desk.state.exposed(EVENT)


@pytest.mark.parametrize("late", ["first filled", "second none"])
def test_unknown_arb_keeps_its_event_shut_until_hedged(late: str) -> None:
    """The doubt is over and one side stands alone: the event stays shut, whichever leg it was."""
    desk = Desk()
    kalshi, poly, approved = opened(desk)
    if late == "first filled":
        doubt, end = LegResult(leg_id=poly.leg_id, state="unknown"), change(filled(poly), result_no=2)
        desk.close(approved, "unknown", doubt)
    else:
        doubt, end = LegResult(leg_id=kalshi.leg_id, state="unknown"), change(missed(kalshi), result_no=2)
        desk.close(approved, "unknown", filled(poly), doubt, unhedged=10)
    assert next_answer(desk) == "unresolved"

    desk.process(end)

    assert desk.state.positions.naked(EVENT) == contracts(10)
    assert next_answer(desk) == "exposed"


def test_old_news_about_a_confirmed_leg_change_nothing() -> None:
    """A result with an older or equal number leaves the archive as it is."""
    desk = Desk()
    kalshi, poly, approved = opened(desk)
    desk.close(approved, "matched", change(filled(kalshi), result_no=3), change(filled(poly), result_no=3))
    before = desk.state.positions.all()

    desk.process(change(missed(poly), result_no=2))

    assert desk.state.positions.all() == before
    assert not desk.state.results()


def test_confirmed_legs_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest confirmed leg goes first; its id stays unknown to later results."""
    monkeypatch.setattr(legs_module, "_REMEMBERED", 1)
    desk = Desk()
    kalshi, poly, approved = opened(desk)
    desk.close(approved, "matched", filled(kalshi), filled(poly))

    assert not desk.state.known_leg(kalshi.leg_id)
    assert desk.state.known_leg(poly.leg_id)


def test_order_in_doubt_counts_as_naked_after_its_arb() -> None:
    """B-438: an unknown order may have filled; the cap on what stands alone keeps room for it until the venue has spoken."""
    desk = Desk()
    _, poly, approved = opened(desk)
    desk.close(approved, "unknown", LegResult(leg_id=poly.leg_id, state="unknown"))

    assert desk.state.in_flight_naked() == desk.state.cash.reserved((POLYMARKET, 0)) > 0

    desk.process(change(missed(poly), result_no=2))

    assert desk.state.in_flight_naked() == 0


def test_position_limits_count_orders_that_are_on_their_way() -> None:
    """Many arbs approved in one moment must not pass a limit together that each alone stays below: contracts of all events, cash
    of the league's day."""
    desk = Desk()
    kalshi, poly, approved = opened(desk)
    size = approved.plan.size

    assert desk.state.in_flight(EVENT) == (2 * size, kalshi.max_cost + poly.max_cost)
    assert desk.state.in_flight(EventId("another day")) == (2 * size, 0)

    desk.process(filled(poly))
    assert desk.state.in_flight(EVENT) == (size, kalshi.max_cost)

    desk.close(approved, "unknown", filled(poly), LegResult(leg_id=kalshi.leg_id, state="unknown"))
    assert desk.state.in_flight(EVENT) == (size, kalshi.max_cost)


def test_exit_on_its_way_keeps_its_cash_when_another_leg_ends() -> None:
    """A closed arb is being hedged: a late end of another leg frees that leg's reservation only."""
    desk = Desk()
    kalshi, poly, approved = opened(desk)
    unknown = LegResult(leg_id=poly.leg_id, state="unknown")
    desk.close(approved, "unknown", filled(kalshi), unknown, unhedged=10)
    exit_ = desk.gate.exit(approved, change(kalshi.want, limit=Price(5_000)), "complete", desk.now, 0, 1)
    assert isinstance(exit_, Approved)
    held = desk.state.cash.reserved((KALSHI, 3))
    assert held > 0

    desk.process(change(missed(poly), result_no=2))

    assert desk.state.cash.reserved((KALSHI, 3)) == held
    assert desk.state.cash.reserved((POLYMARKET, 0)) == 0
    assert exit_.legs[0].leg_id == leg_id(approved.arb_id, 0, 1)


@pytest.mark.parametrize(
    ("mode", "down"),
    [
        ("paused", True),
        ("restarting", True),
        ("post_only", True),
        ("cancel_only", True),
        ("disabled", True),
        ("unreachable", False),
        ("normal", False),
    ],
)
def test_venue_is_down_for_exits_by_its_own_word_only(mode: str, down: bool) -> None:
    """B-426: one failed status read blocks new arbs, never the way out."""
    desk = Desk()

    desk.process(VenueMode(venue=KALSHI, mode=mode))

    assert desk.state.down(desk.markets[0]) is down
    assert next_answer(desk, wait_ms=0) == ("approved" if mode == "normal" else "venue_mode")


def test_a_closed_shard_closes_its_own_markets_only() -> None:
    """Kalshi pauses shard by shard (kalshi.md 4): ours stops arbs and exits, another one neither."""
    desk = Desk()
    market = desk.markets[0]

    desk.process(VenueMode(venue=KALSHI, mode="normal", closed_shards={market.shard + 1: "paused"}))
    assert (desk.state.down(market), next_answer(desk, wait_ms=0)) == (False, "approved")
    desk = Desk()
    desk.process(VenueMode(venue=KALSHI, mode="normal", closed_shards={market.shard: "paused"}))
    assert (desk.state.down(market), next_answer(desk, wait_ms=0)) == (True, "venue_mode")
