"""Every refusal is reachable and named, and what is approved is claimed, reserved and sealed (design.md 3, execution.md 4)."""

from collections.abc import Callable

import pytest
from desk import (
    EVENT,
    HOUR,
    KALSHI_MARKET,
    PAIR,
    POLY_MARKET,
    Desk,
    K,
    P,
    change,
    contracts,
    filled,
    missed,
)

from controller.model import Balances, Command, EventId, PairChanged
from controller.risk.decision import Approved, Refused
from controller.risk.limits import RiskSettings
from controller.risk.refusals import REFUSALS
from controller.strategy.base import Intent
from trading.book import MarketChanged
from trading.clock import MS, SECOND
from trading.ids import leg_id
from trading.market import KALSHI, POLYMARKET, Action, FeeTerms, Outcome
from trading.order import Tif, Want
from trading.units import DOLLAR, ONE, Money, MonoNs, Price, WallNs
from trading.venue import Balance, VenueMode

DAY = 24 * HOUR
CALM = RiskSettings(sigma_in_play=0.15)
"""No start known, or play begun, asks no larger edge here."""


def code_of(answer: Approved | Refused) -> str:
    assert isinstance(answer, Refused), answer
    assert answer.code in REFUSALS
    return answer.code


def opened(desk: Desk | None = None) -> tuple[Desk, Approved]:
    desk = desk or Desk()
    answer = desk.approve()
    assert isinstance(answer, Approved), answer
    return desk, answer


def wall(desk: Desk, offset: int) -> WallNs:
    return WallNs(desk.clock.wall_ns() + offset)


# --- the table of refusals: how to bring each about -----------------------------------------------------------------------


def _settled(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "matched", *(filled(leg) for leg in approved.legs))
    return desk.gate.approve(approved.intent, desk.now)


def _after_miss(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "miss", missed(approved.legs[1]))
    return desk.approve()


def _with_unknown_leg(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "unknown", missed(approved.legs[1], state="unknown"))
    desk.advance(10_000)
    return desk.approve()


def _exposed(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "exposed", filled(approved.legs[1]), unhedged=10)
    desk.advance(10_000)
    return desk.approve()


def _mode(mode: str, venue: str = "kalshi") -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.process(VenueMode(venue=venue, mode=mode))
        return desk.approve()

    return bring_about


def _restarted(desk: Desk) -> Refused | Approved:
    desk.process(VenueMode(venue=POLYMARKET, mode="restarting"))
    desk.process(VenueMode(venue=POLYMARKET, mode="normal"))
    desk.advance(149_999)
    return desk.approve()


def _ghosts(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    for number in range(2):
        leg = change(approved.legs[1], leg_id=leg_id(approved.arb_id, 1, number))
        result = filled(leg)
        reversed_ = change(result, fills=(change(result.fills[0], status="reversed"),))
        desk.state.lessons.note_fill(leg, reversed_)
    desk.gate.release(approved.arb_id)
    return desk.approve()


def _quarantined(desk: Desk) -> Refused | Approved:
    return desk.approve(edge=Money(150_001))


def _mids_apart(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.books[K].apply_level("bid", Price(7_000), contracts(5), desk.now)
    desk.books[K].apply_level("ask", Price(5_300), contracts(0), desk.now)
    desk.books[K].apply_level("ask", Price(7_100), contracts(5), desk.now)
    return desk.gate.approve(intent, desk.now)


def _stale(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.quote(K, {52: 40}, {53: 40}, tell=False)
    return desk.gate.approve(intent, desk.now)


def _crossed(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.books[K].apply_level("bid", Price(5_300), contracts(1), desk.now)
    return desk.gate.approve(intent, desk.now)


def _not_ready(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.books[P].lose()
    return desk.gate.approve(intent, desk.now)


def _unproven(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.proofs[KALSHI].at = MonoNs(desk.now - 2_001 * MS)
    return desk.gate.approve(intent, desk.now)


def _unknown_market(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    del desk.state.markets[K]
    return desk.gate.approve(intent, desk.now)


def _market(**fields: object) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        intent = desk.intent()
        desk.state.markets[K] = change(KALSHI_MARKET, **fields)
        return desk.gate.approve(intent, desk.now)

    return bring_about


def _disturbed(desk: Desk) -> Refused | Approved:
    desk.process(MarketChanged(change(KALSHI_MARKET, status="paused")))
    desk.process(MarketChanged(KALSHI_MARKET))
    desk.advance(19_999)
    return desk.approve()


def _pair(**fields: object) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.process(PairChanged(change(desk.pair, **fields), desk.markets))
        return desk.approve()

    return bring_about


def _retired(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.process(PairChanged(change(desk.pair, state="retired"), desk.markets))
    return desk.gate.approve(intent, desk.now)


def _claimed(desk: Desk) -> Refused | Approved:
    _, approved = opened(desk)
    return desk.gate.approve(approved.intent, desk.now)


def _expired(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.advance(251)
    return desk.gate.approve(intent, desk.now)


def _halted(desk: Desk) -> Refused | Approved:
    desk.process(Command("halt"))
    return desk.approve()


def _frozen(desk: Desk) -> Refused | Approved:
    desk.process(Command("freeze"))
    return desk.approve()


def _errors(desk: Desk) -> Refused | Approved:
    for _ in range(5):
        desk.gate.breaker.record_error(desk.now)
    return desk.approve()


def _loss(amount: int, *, unwound: bool = False) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.gate.breaker.record_pnl(Money(-amount * DOLLAR), unwound=unwound)
        return desk.approve()

    return bring_about


def _disconnected(desk: Desk) -> Refused | Approved:
    desk.gate.breaker.set_connected(False)
    return desk.approve()


def _no_route(desk: Desk) -> Refused | Approved:
    desk.blocked = "polymarket: no trader"
    return desk.approve()


def _holding(market: str, size: float, cost: float) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.state.positions.set_position(market, contracts(size), Money(int(cost * DOLLAR)))
        return desk.approve()

    return bring_about


def _matched_holding(size: float, cost: float) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.state.positions.set_position(K, -contracts(size), Money(int(cost * DOLLAR)))
        desk.state.positions.set_position(P, contracts(size), Money(int(cost * DOLLAR)))
        return desk.approve()

    return bring_about


def _unconfirmed(desk: Desk) -> Refused | Approved:
    _, approved = opened(desk)
    desk.process(filled(approved.legs[1], final=False))
    desk.close(approved, "matched", filled(approved.legs[1], final=False), filled(approved.legs[0]))
    desk.advance(10_000)
    return desk.approve()


def _simply(desk: Desk) -> Refused | Approved:
    return desk.approve()


def _one_venue(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.state.markets[P] = change(POLY_MARKET, venue=KALSHI, shard=0)
    desk.process(Balances(KALSHI, (Balance(shard=0, cash=Money(100 * DOLLAR)), Balance(shard=3, cash=Money(100 * DOLLAR)))))
    return desk.gate.approve(intent, desk.now)


CASES: list[tuple[str, Callable[[], Desk], Callable[[Desk], Refused | Approved]]] = [
    ("frozen", Desk, _frozen),
    ("halted", Desk, _halted),
    ("daily_loss", Desk, _loss(50)),
    ("errors", Desk, _errors),
    ("connection", Desk, _disconnected),
    ("unwind_budget", Desk, _loss(25, unwound=True)),
    ("expired", Desk, _expired),
    ("no_clock", lambda: Desk(CALM, clocked=False), _simply),
    ("not_approved", Desk, _pair(state="proposed")),
    ("not_approved", Desk, _pair(state="paused")),
    ("not_approved", Desk, _retired),
    ("not_approved", lambda: Desk(RiskSettings(require_pair_approval="none")), _pair(state="paused")),
    ("conflict", Desk, _pair(terms="conflict")),
    ("unverified", lambda: Desk(world="live"), _pair(terms="unverified")),
    ("test_live", lambda: Desk(world="live"), lambda desk: desk.approve(is_test=True)),
    ("claimed", Desk, _claimed),
    ("unresolved", Desk, _with_unknown_leg),
    ("exposed", Desk, _exposed),
    ("cooldown", Desk, _after_miss),
    ("settling", Desk, _settled),
    ("unknown_market", Desk, _unknown_market),
    ("not_open", Desk, _market(status="paused")),
    ("untradable", Desk, _market(fees=None)),
    ("untradable", Desk, _market(tradable=False)),
    ("off_grid", Desk, _market(grid=((Price(0), ONE, Price(500)),))),
    ("not_ready", Desk, _not_ready),
    ("unproven", Desk, _unproven),
    ("stale", Desk, _stale),
    ("crossed", Desk, _crossed),
    ("venue_mode", Desk, _mode("paused")),
    ("venue_mode", Desk, _mode("post_only", "polymarket")),
    ("quarantine_restart", Desk, _restarted),
    ("ghosts", Desk, _ghosts),
    ("start_blackout", lambda: Desk(starts_in=60 * SECOND), _simply),
    ("start_blackout", lambda: Desk(CALM, starts_in=-60 * SECOND), _simply),
    ("closing", Desk, lambda desk: _market(closes_at=wall(desk, 119 * SECOND))(desk)),
    ("disturbed", Desk, _disturbed),
    ("held_in_play", lambda: Desk(CALM, starts_in=None), lambda desk: _market(hold_ns=SECOND)(desk)),
    ("held_in_play", lambda: Desk(CALM, starts_in=None), lambda desk: _market(hold_ns=None)(desk)),
    ("quarantined", Desk, _quarantined),
    ("quarantined", Desk, _mids_apart),
    ("lock_time", Desk, lambda desk: _market(settles_at=wall(desk, 46 * DAY))(desk)),
    ("low_return", Desk, lambda desk: desk.approve(edge=Money(400)) if _date(desk, 1) else None),
    ("no_batch", Desk, _one_venue),
    ("basket_limit", Desk, lambda desk: _capped(desk)),
    ("position_limit", Desk, _matched_holding(100, 45)),
    ("total_limit", Desk, lambda desk: _crowd(desk)),
    ("trade_limit", lambda: Desk(RiskSettings(max_trade_size=Money(0))), _simply),
    ("market_cost_limit", lambda: Desk(RiskSettings(max_position_per_market=Money(0))), _simply),
    ("event_cost_limit", lambda: Desk(RiskSettings(event_max_cost=Money(0))), _simply),
    ("event_loss_limit", Desk, _holding(P, 10, 51)),
    ("pair_cost_limit", lambda: Desk(RiskSettings(same_terms_max_cost=Money(0))), _simply),
    ("league_day_limit", lambda: Desk(RiskSettings(league_day_max_ppm=0)), _simply),
    ("naked_limit", Desk, _holding(P, 25, 10)),
    ("unconfirmed_limit", lambda: Desk(RiskSettings(max_unconfirmed=Money(4_000_000))), _unconfirmed),
    ("cash", lambda: Desk(cash=0), _simply),
    ("trade_limit", lambda: Desk(RiskSettings(max_trade_size=Money(1_500_000))), _simply),
    ("below_minimum", lambda: Desk(RiskSettings(depth_fraction_ppm=50_000)), _simply),
    ("no_route", Desk, _no_route),
]


def _date(desk: Desk, days: int) -> bool:
    desk.state.markets[K] = change(KALSHI_MARKET, settles_at=wall(desk, days * DAY))
    return True


def _capped(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    return desk.gate.approve(change(intent, basket=change(intent.basket, max_size=contracts(0))), desk.now)


def _crowd(desk: Desk) -> Refused | Approved:
    for number in range(5):
        desk.state.positions.set_position(f"other-{number}", contracts(100), Money(0))
    return desk.approve()


@pytest.mark.parametrize(("code", "build", "bring_about"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)])
def test_each_refusal_is_reached_and_named(
    code: str, build: Callable[[], Desk], bring_about: Callable[[Desk], Refused | Approved]
) -> None:
    """One situation per refusal; the answer is a value with exactly that code and nothing stays claimed or reserved by it."""
    desk = build()

    answer = bring_about(desk)

    assert code_of(answer) == code


def test_every_code_of_the_table_has_a_case() -> None:
    """B-316: no refusal is left without a meaning, no meaning without a way to it."""
    exits = {"not_genuine", "foreign", "oversize", "reused_id"}

    assert {case[0] for case in CASES} | exits == set(REFUSALS)


def test_a_quarantined_pair_stays_so_until_the_operator_lifts_it() -> None:
    """B-433: after one unbelievable edge both directions stay shut at any edge; resume with the pair's id opens them."""
    desk = Desk()
    code_of(desk.approve(edge=Money(150_001)))
    assert code_of(desk.approve()) == "quarantined"

    desk.process(Command("resume", PAIR.id))

    assert isinstance(desk.approve(), Approved)


def test_unverified_terms_trade_outside_live() -> None:
    """B-406: unverified pairs are papered and simulated, and live only by setting."""
    for desk in (Desk(world="paper"), Desk(RiskSettings(allow_unverified_live=True), world="live")):
        assert isinstance(_pair(terms="unverified")(desk), Approved)


def test_without_approval_rule_a_proposed_pair_trades() -> None:
    """B-056: REQUIRE_PAIR_APPROVAL=none admits proposed pairs."""
    assert isinstance(_pair(state="proposed")(Desk(RiskSettings(require_pair_approval="none"))), Approved)


# --- approval ----------------------------------------------------------------------------------------------------------------


def test_approval_holds_claim_and_cash_of_both_legs() -> None:
    """B-431: leg 2 is paid for at its concession, fee and over-delivery in, before leg 1 goes."""
    desk, approved = opened()
    second = approved.legs[0]

    assert desk.state.claims.holder(EVENT) == approved.arb_id
    assert desk.state.cash.reserved((KALSHI, 3)) == approved.reserved[0] == second.max_cost
    assert desk.state.cash.reserved((POLYMARKET, 0)) == approved.reserved[1]
    assert approved.plan.order == (1, 0)
    assert approved.plan.concession > second.want.limit
    assert second.max_cost >= approved.plan.concession * second.want.size // ONE * 114 // 100


def test_legs_are_named_dated_and_sized_alike() -> None:
    """Leg ids follow the arb, both legs want the plan's size, deadlines count from the end of the hold (B-171, B-174)."""
    hold = 600 * MS
    desk = Desk(poly=change(POLY_MARKET, hold_ns=hold))
    _, approved = opened(desk)

    assert [leg.leg_id for leg in approved.legs] == [leg_id(approved.arb_id, leg, 0) for leg in (0, 1)]
    assert {leg.want.size for leg in approved.legs} == {approved.plan.size}
    assert {leg.deadline for leg in approved.legs} == {desk.now + hold + 5 * SECOND}
    assert {leg.epoch for leg in approved.legs} == {1}
    assert {leg.want.tif for leg in approved.legs} == {Tif.IOC}


def test_every_leg_is_asked_for_a_route_before_anything_is_claimed() -> None:
    """B-088: a missing route leaves claim and cash untouched."""
    desk = Desk()

    code_of(_no_route(desk))

    assert len(desk.asked) == 2
    assert not desk.state.claimed(EVENT)
    assert desk.state.cash.reserved((KALSHI, 3)) == desk.state.cash.reserved((POLYMARKET, 0)) == 0


def test_slow_link_to_the_second_leg_halves_the_size() -> None:
    """LEG2_MAX_TRIGGER_MS: above 150 ms only half is bought."""
    _, quick = opened()
    desk = Desk()
    desk.state.apply_trigger(KALSHI, 151)
    _, slow = opened(desk)

    assert slow.plan.size == quick.plan.size // 2


def test_first_leg_slips_by_setting_but_never_into_a_loss() -> None:
    """B-180: LEG1_SLIPPAGE_CENTS raises leg 1's limit alone, within SLIPPAGE_TOLERANCE of its price and the worst edge."""
    settings = RiskSettings(leg1_slippage=Money(20_000), slippage_tolerance_ppm=30_000)
    desk, approved = opened(Desk(settings))
    assert approved.plan.limits == (4_800, 4_600)
    desk.gate.release(approved.arb_id)

    answer = desk.approve(worst_edge=Money(0))

    assert isinstance(answer, Approved)
    assert answer.plan.limits == (4_800, 4_500)


def test_shortage_of_cash_is_counted_in_dollars_per_shard() -> None:
    """Arbs refused or cut for cash say how much money was missing, and where."""
    desk = Desk(cash=0)
    desk.approve()

    assert desk.state.counters.cash_short[(POLYMARKET, 0)] > 4 * DOLLAR
    assert desk.state.counters.cash_short[(KALSHI, 3)] > 4 * DOLLAR


def test_cash_of_another_shard_does_not_help() -> None:
    """B-421: money on shard 0 pays nothing on shard 3."""
    desk = Desk(kalshi=change(KALSHI_MARKET, shard=3))
    desk.state.markets[K] = change(KALSHI_MARKET, shard=0)

    assert code_of(desk.approve()) == "cash"


# --- the end of an arb ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["matched", "miss", "one_sided", "unwound"])
def test_closing_frees_claim_and_cash(outcome: str) -> None:
    """B-189: whatever the outcome, nothing stays claimed or reserved."""
    desk, approved = opened()

    desk.close(approved, outcome, missed(approved.legs[1]))

    assert not desk.state.claimed(EVENT)
    assert desk.state.cash.reserved((KALSHI, 3)) == desk.state.cash.reserved((POLYMARKET, 0)) == 0
    assert desk.state.arbs == {}


def test_unknown_leg_keeps_its_cash_until_it_is_known() -> None:
    """B-093: only the open leg's reservation stays; its final answer frees it and opens the event."""
    desk, approved = opened()
    desk.close(approved, "unknown", missed(approved.legs[1], state="unknown"))
    assert desk.state.cash.reserved((POLYMARKET, 0)) == approved.reserved[1]
    assert desk.state.cash.reserved((KALSHI, 3)) == 0

    desk.process(change(missed(approved.legs[1]), result_no=2))

    assert desk.state.cash.reserved((POLYMARKET, 0)) == 0
    assert not desk.state.unresolved(EVENT)


def test_free_miss_is_no_error() -> None:
    """B-432: ten misses leave the breaker as it was."""
    desk = Desk()
    for _ in range(10):
        _, approved = opened(desk)
        desk.close(approved, "miss", missed(approved.legs[1]))
        desk.advance(70_000)
    assert desk.gate.breaker.snapshot(desk.now).errors == 0


@pytest.mark.parametrize(("code", "errors"), [("throttled", 0), ("unreachable", 1), ("service_unavailable", 1)])
def test_throttling_is_no_error_and_failures_are(code: str, errors: int) -> None:
    """B-201: 429 never counts toward the breaker, transport failures and 5xx do."""
    desk, approved = opened()

    desk.close(approved, "miss", missed(approved.legs[1], state="rejected", code=code))

    assert desk.gate.breaker.snapshot(desk.now).errors == errors


def test_unwound_arb_counts_as_error_and_against_the_budget() -> None:
    """B-198, B-200: a one-sided fill is an error, its loss is a loss of the day and of the exits' budget."""
    desk, approved = opened()

    desk.close(approved, "unwound", missed(approved.legs[0]), profit=-2 * DOLLAR)

    after = desk.gate.breaker.snapshot(desk.now)
    assert (after.errors, after.pnl, after.unwind_loss) == (1, -2 * DOLLAR, 2 * DOLLAR)


def test_match_with_dust_left_over_ends_a_row_of_errors() -> None:
    """Six-decimal fills leave dust below HEDGE_DUST: still a full match for the breaker (B-198)."""
    desk, approved = opened()
    desk.gate.breaker.record_error(desk.now)

    desk.close(approved, "matched", *(filled(leg) for leg in approved.legs), unhedged=0.05)

    assert desk.gate.breaker.snapshot(desk.now).errors == 0


def test_exposed_event_opens_again_when_nothing_is_naked() -> None:
    """An unhedged rest shuts its event until the position is gone, whoever closed it."""
    desk = Desk()
    assert code_of(_exposed(desk)) == "exposed"

    desk.state.positions.set_position(P, 0, Money(0))

    assert isinstance(desk.approve(), Approved)


# --- exits -------------------------------------------------------------------------------------------------------------------


def sell(approved: Approved, **fields: object) -> Want:
    want = change(approved.legs[1].want, action=Action.SELL, limit=Price(4_400))
    return change(want, **fields)


def test_exit_passes_halt_breaker_limits_and_empty_cash() -> None:
    """B-437: nothing but freeze stops an order that reduces exposure."""
    desk, approved = opened(Desk(cash=20))
    desk.process(Command("halt"))
    desk.gate.breaker.record_pnl(Money(-500 * DOLLAR), unwound=True)
    desk.state.positions.set_position(P, contracts(400), Money(300 * DOLLAR))
    complete = change(approved.legs[0].want, limit=Price(9_000))

    assert isinstance(desk.gate.exit(approved, sell(approved), "unwind", desk.now, 1, 1), Approved)
    assert isinstance(desk.gate.exit(approved, complete, "complete", desk.now, 0, 1), Approved)


def test_exit_carries_its_own_leg_id_and_seal() -> None:
    """An exit holds one new order of the same arb, genuine in its own right."""
    desk, approved = opened()

    answer = desk.gate.exit(approved, sell(approved), "unwind", desk.now, 1, 1)

    assert isinstance(answer, Approved)
    assert desk.gate.genuine(answer)
    assert answer.legs[0].leg_id == leg_id(approved.arb_id, 1, 1)
    assert (answer.arb_id, answer.claim, answer.plan.row) == (approved.arb_id, approved.claim, "exit")


def test_freeze_stops_exits_and_halt_stops_early_exits_only() -> None:
    """design.md 6: halt stops open and exit; complete and unwind go on; freeze stops all."""
    desk, approved = opened()
    desk.process(Command("halt"))
    assert code_of(desk.gate.exit(approved, sell(approved), "exit", desk.now, 1, 1)) == "halted"

    desk.process(Command("freeze"))

    assert code_of(desk.gate.exit(approved, sell(approved), "unwind", desk.now, 1, 1)) == "frozen"


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"market": "other"}, "foreign"), ({"size": contracts(31)}, "oversize"), ({"limit": Price(4_410)}, "off_grid")],
)
def test_exit_that_is_none_is_refused(fields: dict[str, object], code: str) -> None:
    """Another market, three times the size or a price off the grid is no exit of this arb."""
    desk, approved = opened()

    assert code_of(desk.gate.exit(approved, sell(approved, **fields), "unwind", desk.now, 1, 1)) == code


def test_leg_ids_are_used_once() -> None:
    """B-171: the attempt of an earlier order is refused."""
    desk, approved = opened()

    assert code_of(desk.gate.exit(approved, sell(approved), "unwind", desk.now, 1, 0)) == "reused_id"


def test_only_this_gates_own_legs_are_genuine() -> None:
    """The seal breaks with other legs, another gate, or none."""
    desk, approved = opened()
    bigger = tuple(change(leg, max_cost=Money(leg.max_cost * 2)) for leg in approved.legs)

    assert desk.gate.genuine(approved)
    assert not desk.gate.genuine(change(approved, legs=bigger))
    assert not desk.gate.genuine(change(approved, seal=None))
    assert not Desk().gate.genuine(approved)
    assert code_of(desk.gate.exit(change(approved, seal=None), sell(approved), "unwind", desk.now, 1, 1)) == "not_genuine"


def test_release_undoes_an_approval_that_was_never_sent() -> None:
    """B-189: at once, without a trace in misses or breaker."""
    desk, approved = opened()

    desk.gate.release(approved.arb_id)

    assert isinstance(desk.approve(), Approved)
    assert desk.state.cash.held(approved.arb_id, 0) == 0


def test_intent_fields_are_left_as_the_strategy_made_them() -> None:
    """The record keeps the intent as it was; plan and legs say what became of it."""
    desk = Desk()
    intent: Intent = desk.intent()
    answer = desk.gate.approve(intent, desk.now)

    assert isinstance(answer, Approved)
    assert answer.intent is intent
    assert EventId(answer.claim) == intent.event
    assert [leg.want.outcome for leg in answer.legs] == [Outcome.NO, Outcome.YES]
    assert isinstance(POLY_MARKET.fees, FeeTerms)
