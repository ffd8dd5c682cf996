"""Every row of the plan table, its formulas, and how far leg 2 may concede (execution.md 2)."""

import pytest
from desk import CENTS, KALSHI_FEES, KALSHI_MARKET, POLY_FEES, change

from controller.risk.decision import Plan
from controller.risk.limits import RiskSettings
from controller.risk.plan import (
    LegFacts,
    PlanFacts,
    PlanRefusal,
    concession_limit,
    ev_concurrent,
    ev_sequential,
    held_in_play,
    plan,
)
from controller.risk.size import UNIT, unit_cost
from trading.clock import MS
from trading.market import KALSHI, POLYMARKET, step_at
from trading.units import CONTRACT, Money, Price, Size

SETTINGS = RiskSettings()
KALSHI_LEG = LegFacts(venue=KALSHI, shard=3, limit=Price(4_800), fill=0.95, exit_loss=Money(40_000), concession=Price(5_100))
POLY_LEG = LegFacts(venue=POLYMARKET, shard=0, limit=Price(4_500), fill=0.95, exit_loss=Money(40_000), concession=Price(4_800))
QUIET = PlanFacts(
    legs=(KALSHI_LEG, POLY_LEG),
    size=Size(20 * CONTRACT),
    edge=Money(40_000),
    hold_ns=0,
    in_play=False,
    samples=100,
    naked_cap=Money(100_000_000),
)
SURE = 0.99


def facts(**fields: object) -> PlanFacts:
    return change(QUIET, **fields)


def with_fills(kalshi: float, poly: float, **fields: object) -> PlanFacts:
    legs = (change(KALSHI_LEG, fill=kalshi), change(POLY_LEG, fill=poly))
    return facts(legs=legs, **fields)


def planned(given: PlanFacts, settings: RiskSettings = SETTINGS) -> Plan:
    found = plan(given, settings)
    assert isinstance(found, Plan), found
    return found


def test_r0_a_refusal_found_before_ends_planning() -> None:
    """R0: what section 4 refused is never planned."""
    assert plan(facts(refusal="unproven"), SETTINGS) == PlanRefusal("R0", "unproven", "refused before planning")


def test_r1_one_venue_goes_as_one_batch() -> None:
    """R1: legs of one venue and shard leave together."""
    found = planned(facts(legs=(KALSHI_LEG, KALSHI_LEG, KALSHI_LEG)))

    assert (found.row, found.mode, found.order, found.concession) == ("R1", "batch", (0, 1, 2), None)


@pytest.mark.parametrize(
    "legs", [(KALSHI_LEG, change(KALSHI_LEG, shard=0)), (POLY_LEG,) * 16], ids=["two shards", "sixteen legs"]
)
def test_r1_what_is_no_batch_is_refused(legs: tuple[LegFacts, ...]) -> None:
    """R1: another shard or more than 15 legs cannot be one request."""
    found = plan(facts(legs=legs), SETTINGS)

    assert isinstance(found, PlanRefusal)
    assert (found.row, found.code) == ("R1", "no_batch")


@pytest.mark.parametrize("in_play", [True, None])
def test_r2_long_hold_in_play_is_refused(in_play: bool | None) -> None:
    """R2: a hold of a second while the event is in play, or unknown, is not traded."""
    found = plan(facts(hold_ns=1_000 * MS, in_play=in_play), SETTINGS)

    assert isinstance(found, PlanRefusal)
    assert (found.row, found.code) == ("R2", "held_in_play")


def test_r2_setting_trades_a_quarter_with_the_held_leg_first() -> None:
    """R2 with TRADE_HELD_IN_PLAY=1 is R3 at a quarter of the size."""
    found = planned(facts(hold_ns=3_000 * MS, in_play=True), RiskSettings(trade_held_in_play=True))

    assert (found.row, found.size, found.order) == ("R2", Size(5 * CONTRACT), (1, 0))


@pytest.mark.parametrize(("hold_ms", "in_play", "held"), [(999, True, False), (1_000, False, False), (1_000, True, True)])
def test_r2_needs_both_a_long_hold_and_play(hold_ms: int, in_play: bool, held: bool) -> None:
    """R2 does not touch short holds nor events that have not begun."""
    assert held_in_play(hold_ms * MS, in_play, SETTINGS) is held


def test_r3_held_leg_goes_first() -> None:
    """R3: from 50 ms on the held venue's leg leads, and the other may concede."""
    found = planned(facts(hold_ns=50 * MS))

    assert (found.row, found.mode, found.order) == ("R3", "sequential", (1, 0))
    assert found.concession == KALSHI_LEG.concession
    assert found.limits == (KALSHI_LEG.limit, POLY_LEG.limit)


def test_r3_ignores_a_hold_below_fifty_milliseconds() -> None:
    """R3 begins at 50 ms: below, later rows decide."""
    assert planned(with_fills(0.5, 0.6, hold_ns=49 * MS)).row == "R7"


def test_r4_a_small_partial_fill_could_not_be_hedged() -> None:
    """R4: a quarter of 9 contracts at 45c is less than $1.05, so the cash-sized leg leads."""
    found = planned(facts(size=Size(9 * CONTRACT)))

    assert (found.row, found.order) == ("R4", (1, 0))


def test_r4_a_large_order_passes() -> None:
    """R4: a quarter of 20 contracts at 45c is $2.25."""
    assert planned(facts(size=Size(20 * CONTRACT))).row != "R4"


@pytest.mark.parametrize(("samples", "row"), [(29, "R5"), (30, "R6")])
def test_r5_too_few_outcomes_lead_with_the_doubtful_venue(samples: int, row: str) -> None:
    """R5: below PLAN_MIN_SAMPLES nothing is concluded from fills."""
    found = planned(with_fills(SURE, SURE, samples=samples, edge=Money(60_000)))

    assert found.row == row


def test_r6_both_at_once_when_both_fill_well() -> None:
    """R6: no hold, both chances high, a clear gain and naked risk within the cap."""
    found = planned(with_fills(SURE, SURE))

    assert (found.row, found.mode, found.order, found.concession) == ("R6", "concurrent", (0, 1), None)


@pytest.mark.parametrize(
    "given",
    [
        with_fills(0.89, SURE),
        with_fills(SURE, SURE, hold_ns=1),
        with_fills(SURE, SURE, naked_cap=Money(9_000_000)),
        facts(legs=(change(KALSHI_LEG, fill=0.9), change(POLY_LEG, fill=0.9, exit_loss=Money(300_000)))),
    ],
    ids=["one fills too rarely", "a hold", "naked above the cap", "no gain"],
)
def test_r6_falls_through_without_each_condition(given: PlanFacts) -> None:
    """R6 needs all of its conditions; without one R7 decides."""
    assert planned(given).row == "R7"


def test_r7_lower_chance_goes_first() -> None:
    """R7: a miss of the first leg is free, so the doubtful one leads."""
    assert planned(with_fills(0.5, 0.8)).order == (0, 1)
    assert planned(with_fills(0.8, 0.5)).order == (1, 0)


def test_r7_tie_leads_with_the_doubtful_venue() -> None:
    """R7: equal chances are decided for poly_first."""
    assert planned(with_fills(0.5, 0.5)).order == (1, 0)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("poly_first", ("sequential", (1, 0))), ("kalshi_first", ("sequential", (0, 1))), ("concurrent", ("concurrent", (0, 1)))],
)
def test_execution_mode_overrides_the_rows_after_the_refusals(mode: str, expected: tuple[str, tuple[int, ...]]) -> None:
    """B-052: a mode other than auto decides whatever hold and samples say."""
    found = planned(facts(samples=0, hold_ns=100 * MS), RiskSettings(execution_mode=mode))

    assert (found.mode, found.order) == expected


def test_execution_mode_does_not_override_a_refusal() -> None:
    """R2 stands in every mode, and concurrent never exceeds the naked cap."""
    settings = RiskSettings(execution_mode="concurrent")

    assert isinstance(plan(facts(hold_ns=3_000 * MS, in_play=True), settings), PlanRefusal)
    assert isinstance(plan(facts(naked_cap=Money(0)), settings), PlanRefusal)


def test_expected_values_follow_the_formulas() -> None:
    """The two formulas of execution.md 2 on round numbers: 4c edge, 1c concession, 4c exit."""
    one, two = change(KALSHI_LEG, fill=0.5), change(POLY_LEG, fill=0.8)

    assert ev_sequential(one, two, Money(40_000), Money(10_000)) == pytest.approx(0.5 * (0.8 * 30_000 - 0.2 * 40_000))
    assert ev_concurrent(one, two, Money(40_000)) == pytest.approx(0.4 * 40_000 - 0.1 * 40_000 - 0.4 * 40_000)


def test_concession_stops_where_the_set_loses_three_cents() -> None:
    """B-455: with a dear way back, leg 2 goes to a loss of COMPLETE_MAX_LOSS_CENTS and not one tick further."""
    paid = unit_cost(POLY_FEES, Price(4_500))

    limit = concession_limit(
        KALSHI_MARKET, Price(4_800), other_cost=paid, payout=Price(10_000), sell_back_loss=Money(200_000), settings=SETTINGS
    )

    assert paid + unit_cost(KALSHI_FEES, limit) <= 10_000 * UNIT + 30_000
    assert paid + unit_cost(KALSHI_FEES, Price(limit + 100)) > 10_000 * UNIT + 30_000
    assert step_at(KALSHI_MARKET, limit) is not None


def test_concession_must_beat_selling_back_by_half_a_cent() -> None:
    """B-455: when leg 1 sells back at a loss of 2c, the set may lose 1.5c at most."""
    paid = unit_cost(POLY_FEES, Price(4_500))
    fine = change(KALSHI_MARKET, grid=((Price(0), Price(10_000), Price(1)),))

    limit = concession_limit(
        fine, Price(4_800), other_cost=paid, payout=Price(10_000), sell_back_loss=Money(20_000), settings=SETTINGS
    )

    loss = paid + unit_cost(KALSHI_FEES, limit) - 10_000 * UNIT
    assert 15_000 - UNIT < loss <= 15_000


def test_concession_is_never_better_than_the_planned_limit() -> None:
    """A leg 1 that sells back at a gain concedes nothing, but leg 2 keeps its own limit; so does a market without fee terms."""
    args = {"other_cost": Money(460_000), "payout": Price(10_000), "settings": SETTINGS}
    blind = change(KALSHI_MARKET, fees=None, grid=CENTS)

    assert concession_limit(KALSHI_MARKET, Price(4_800), sell_back_loss=Money(-50_000), **args) == Price(4_800)
    assert concession_limit(blind, Price(4_800), sell_back_loss=Money(200_000), **args) == Price(4_800)
