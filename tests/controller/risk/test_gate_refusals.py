"""Every refusal of the gate is reachable and named (design.md 3, execution.md 4)."""

from collections.abc import Callable

import pytest
from desk import PAIR, Desk, P
from gate_situations import (
    CALM,
    DAY,
    after_errors,
    after_loss,
    after_miss,
    capped,
    claimed,
    code_of,
    crossed,
    crowd,
    dated,
    disturbed,
    expired,
    exposed,
    frozen,
    ghosts,
    halted,
    holding,
    in_mode,
    matched_holding,
    mids_apart,
    no_route,
    not_ready,
    one_venue,
    quarantined,
    rate_tokens,
    restarted,
    retired,
    settled,
    simply,
    stale,
    unconfirmed,
    unknown_market,
    unproven,
    wall,
    with_market,
    with_pair,
    with_unknown_leg,
)

from controller.model import Command
from controller.risk.decision import Approved, Refused
from controller.risk.limits import RiskSettings
from controller.risk.refusals import REFUSALS
from trading.clock import SECOND
from trading.units import ONE, Money, Price

CASES: list[tuple[str, Callable[[], Desk], Callable[[Desk], Refused | Approved]]] = [
    ("frozen", Desk, frozen),
    ("halted", Desk, halted),
    ("daily_loss", Desk, after_loss(50)),
    ("errors", Desk, after_errors),
    ("unwind_budget", Desk, after_loss(25, unwound=True)),
    ("expired", Desk, expired),
    ("no_clock", lambda: Desk(CALM, clocked=False), simply),
    ("not_approved", Desk, with_pair(state="proposed")),
    ("not_approved", Desk, with_pair(state="paused")),
    ("not_approved", Desk, retired),
    ("not_approved", lambda: Desk(RiskSettings(require_pair_approval="none")), with_pair(state="paused")),
    ("not_approved", lambda: Desk(RiskSettings(require_pair_approval="none")), with_pair(state="proposed", sent_back=True)),
    ("conflict", Desk, with_pair(terms="conflict")),
    ("unverified", lambda: Desk(world="live"), with_pair(terms="unverified")),
    ("test_live", lambda: Desk(world="live"), lambda desk: desk.approve(is_test=True)),
    ("claimed", Desk, claimed),
    ("unresolved", Desk, with_unknown_leg),
    ("exposed", Desk, exposed),
    ("cooldown", Desk, after_miss),
    ("settling", Desk, settled),
    ("unknown_market", Desk, unknown_market),
    ("not_open", Desk, with_market(status="paused")),
    ("untradable", Desk, with_market(fees=None)),
    ("untradable", Desk, with_market(tradable=False)),
    ("off_grid", Desk, with_market(grid=((Price(0), ONE, Price(500)),))),
    ("not_ready", Desk, not_ready),
    ("unproven", Desk, unproven),
    ("stale", Desk, stale),
    ("crossed", Desk, crossed),
    ("venue_mode", Desk, in_mode("paused")),
    ("venue_mode", Desk, in_mode("post_only", "polymarket")),
    ("quarantine_restart", Desk, restarted),
    ("ghosts", Desk, ghosts),
    ("start_blackout", lambda: Desk(starts_in=60 * SECOND), simply),
    ("start_blackout", lambda: Desk(CALM, starts_in=-60 * SECOND), simply),
    ("closing", Desk, lambda desk: with_market(closes_at=wall(desk, 119 * SECOND))(desk)),
    ("disturbed", Desk, disturbed),
    ("held_in_play", lambda: Desk(CALM, starts_in=None), lambda desk: with_market(hold_ns=SECOND)(desk)),
    ("held_in_play", lambda: Desk(CALM, starts_in=None), lambda desk: with_market(hold_ns=None)(desk)),
    ("quarantined", Desk, quarantined),
    ("quarantined", Desk, mids_apart),
    ("lock_time", Desk, lambda desk: with_market(settles_at=wall(desk, 46 * DAY))(desk)),
    ("low_return", Desk, lambda desk: desk.approve(edge=Money(400)) if dated(desk, 1) else None),
    ("no_batch", Desk, one_venue),
    ("basket_limit", Desk, lambda desk: capped(desk)),
    ("position_limit", Desk, matched_holding(100, 45)),
    ("total_limit", Desk, lambda desk: crowd(desk)),
    ("trade_limit", lambda: Desk(RiskSettings(max_trade_size=Money(0))), simply),
    ("market_cost_limit", lambda: Desk(RiskSettings(max_position_per_market=Money(0))), simply),
    ("event_cost_limit", lambda: Desk(RiskSettings(event_max_cost=Money(0))), simply),
    ("event_loss_limit", Desk, holding(P, 10, 51)),
    ("pair_cost_limit", lambda: Desk(RiskSettings(same_terms_max_cost=Money(0))), simply),
    ("league_day_limit", lambda: Desk(RiskSettings(league_day_max_ppm=0)), simply),
    ("source_limit", lambda: Desk(RiskSettings(source_max_ppm=0)), simply),
    ("naked_limit", Desk, holding(P, 25, 10)),
    ("unconfirmed_limit", lambda: Desk(RiskSettings(max_unconfirmed=Money(4_000_000))), unconfirmed),
    ("cash", lambda: Desk(cash=0), simply),
    ("trade_limit", lambda: Desk(RiskSettings(max_trade_size=Money(1_500_000))), simply),
    ("below_minimum", lambda: Desk(RiskSettings(depth_fraction_ppm=50_000)), simply),
    ("no_route", Desk, no_route),
    ("rate_tokens", Desk, rate_tokens),
]


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
    exits = {"not_genuine", "foreign", "oversize", "reused_id", "not_held"}

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
        assert isinstance(with_pair(terms="unverified")(desk), Approved)


def test_without_approval_rule_a_proposed_pair_trades() -> None:
    """B-056: REQUIRE_PAIR_APPROVAL=none admits proposed pairs."""
    assert isinstance(with_pair(state="proposed")(Desk(RiskSettings(require_pair_approval="none"))), Approved)
