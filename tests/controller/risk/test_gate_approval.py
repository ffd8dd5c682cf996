"""What the gate approves is claimed, reserved, named and sized; an approval never sent leaves no trace (design.md 3)."""

from desk import EVENT, KALSHI_MARKET, POLY_MARKET, Desk, K, change, contracts
from gate_situations import code_of, no_route, opened, rate_tokens

from controller.model import EventId
from controller.risk.decision import Approved
from controller.risk.limits import RiskSettings
from controller.strategy.base import Intent
from trading.clock import MS, SECOND
from trading.ids import leg_id
from trading.market import KALSHI, POLYMARKET, FeeTerms, Outcome
from trading.order import Tif
from trading.units import DOLLAR, ONE, Money, Size


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


def test_a_capped_size_is_cut_to_the_coarsest_step() -> None:
    """B-163: whatever limit binds, both legs are orders their venues take: hundredths on Kalshi, however fine the other one is."""
    fine = change(POLY_MARKET, size_step=Size(1))
    desk = Desk(RiskSettings(max_trade_size=Money(5_555_555)), poly=fine)

    approved = desk.approve()

    assert isinstance(approved, Approved)
    assert 0 < approved.plan.size < contracts(6)
    assert {leg.want.size % KALSHI_MARKET.size_step for leg in approved.legs} == {0}


def test_every_leg_is_asked_for_a_route_before_anything_is_claimed() -> None:
    """B-088: a missing route leaves claim and cash untouched."""
    desk = Desk()

    code_of(no_route(desk))

    assert len(desk.asked) == 2
    assert not desk.state.claimed(EVENT)
    assert desk.state.cash.reserved((KALSHI, 3)) == desk.state.cash.reserved((POLYMARKET, 0)) == 0


def test_rate_tokens_are_kept_until_the_arb_is_over_or_never_sent() -> None:
    """B-431: without tokens nothing is claimed or held; with them they are kept, once, until the gate lets go."""
    desk = Desk()
    code_of(rate_tokens(desk))
    assert not desk.state.claimed(EVENT)
    assert desk.state.cash.reserved((KALSHI, 3)) == desk.state.cash.reserved((POLYMARKET, 0)) == 0

    desk.tokens.short = ""
    _, approved = opened(desk)
    assert desk.tokens.held == [approved.arb_id]
    desk.gate.release(approved.arb_id)
    assert desk.tokens.held == []


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

    assert desk.state.cash.short[(POLYMARKET, 0)] > 4 * DOLLAR
    assert desk.state.cash.short[(KALSHI, 3)] > 4 * DOLLAR


def test_cash_of_another_shard_does_not_help() -> None:
    """B-421: money on shard 0 pays nothing on shard 3."""
    desk = Desk(kalshi=change(KALSHI_MARKET, shard=3))
    desk.state.markets[K] = change(KALSHI_MARKET, shard=0)

    assert code_of(desk.approve()) == "cash"


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
