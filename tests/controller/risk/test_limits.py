"""Limits as pure functions: which one binds, and what an event costs in its worst outcome."""

import pytest
from desk import change, contracts

from controller.risk.limits import ExposureFacts, Lot, RiskSettings, cap_size, naked_contracts, worst_loss
from trading.units import DOLLAR, Money, Size

SETTINGS = RiskSettings()
ROOMY = ExposureFacts(
    unit_costs=(Money(500_000), Money(450_000)),
    set_cost=Money(950_000),
    naked_unit=Money(500_000),
    market_contracts=(Size(0), Size(0)),
    market_costs=(Money(0), Money(0)),
    total_contracts=Size(0),
    event_cost=Money(0),
    event_worst_loss=Money(0),
    pair_cost=Money(0),
    pair_cost_max=Money(1_000 * DOLLAR),
    league_day_cost=Money(0),
    source_cost=Money(0),
    worst_unit=Money(0),
    bankroll=Money(20_000 * DOLLAR),
    naked_event=Size(0),
    naked_total=Money(0),
    unconfirmed=Money(0),
    budgets=(Money(10_000 * DOLLAR), Money(10_000 * DOLLAR)),
    cash_groups=(0, 1),
)


def dollars(amount: float) -> Money:
    return Money(round(amount * DOLLAR))


def test_nothing_binds_within_all_limits() -> None:
    """A size inside every limit is left as it is."""
    assert cap_size(contracts(20), ROOMY, SETTINGS) == (contracts(20), "")


@pytest.mark.parametrize(
    ("fields", "size", "code"),
    [
        ({"max_size": contracts(3)}, 3, "basket_limit"),
        ({"market_contracts": (contracts(90), Size(0))}, 10, "position_limit"),
        ({"total_contracts": contracts(490)}, 5, "total_limit"),
        ({"market_costs": (dollars(4_999), Money(0))}, 2, "market_cost_limit"),
        ({"event_cost": dollars(490.5)}, 10, "event_cost_limit"),
        ({"event_worst_loss": dollars(51)}, 0, "event_loss_limit"),
        ({"event_worst_loss": dollars(45.5), "worst_unit": Money(450_000)}, 10, "event_loss_limit"),
        ({"pair_cost": dollars(990.5)}, 10, "pair_cost_limit"),
        ({"bankroll": dollars(38)}, 10, "league_day_limit"),
        ({"source_cost": dollars(4_990.5)}, 10, "source_limit"),
        ({"naked_event": contracts(20)}, 5, "naked_limit"),
        ({"naked_total": dollars(95)}, 10, "naked_limit"),
        ({"unconfirmed": dollars(240.5)}, 10, "unconfirmed_limit"),
        ({"budgets": (dollars(10), dollars(2.25))}, 5, "cash"),
        ({"budgets": (dollars(9.5), dollars(9.5)), "cash_groups": (0, 0)}, 10, "cash"),
    ],
)
def test_each_limit_caps_the_size_to_what_is_left(fields: dict[str, object], size: float, code: str) -> None:
    """B-163, B-197, B-203: every limit cuts to its room and is named; legs of one shard share its cash."""
    assert cap_size(contracts(25), change(ROOMY, **fields), SETTINGS) == (contracts(size), code)


def test_trade_size_is_in_dollars_of_all_legs() -> None:
    """B-046: MAX_TRADE_SIZE=9.5 buys ten sets of 95c."""
    assert cap_size(contracts(20), ROOMY, RiskSettings(max_trade_size=dollars(9.5))) == (contracts(10), "trade_limit")


def test_breaker_off_lifts_its_position_limits_only() -> None:
    """B-202: CB_ENABLED=0 drops the contract limits; dollars, naked caps and cash stay."""
    full = change(ROOMY, market_contracts=(contracts(100), Size(0)), total_contracts=contracts(500))
    off = RiskSettings(cb_enabled=False)

    assert cap_size(contracts(20), full, SETTINGS)[0] == 0
    assert cap_size(contracts(20), full, off) == (contracts(20), "")
    assert cap_size(contracts(20), change(full, naked_event=contracts(24)), off) == (contracts(1), "naked_limit")


def test_matched_pair_has_no_worst_outcome() -> None:
    """Ten sets bought at 95c pay $10 on either side and when void: nothing to lose."""
    assert worst_loss([Lot(contracts(10), contracts(10), dollars(9.5))]) == 0


def test_one_sided_holding_loses_its_cost() -> None:
    """B-443: contracts of one side only are worth nothing in the worst outcome."""
    assert worst_loss([Lot(contracts(10), Size(0), dollars(4.5))]) == dollars(4.5)


def test_excess_beyond_the_matched_part_is_what_is_lost() -> None:
    """Fifteen YES against ten NO: the five without a hedge are at stake."""
    assert worst_loss([Lot(contracts(15), contracts(10), dollars(12))]) == dollars(2)


def test_no_legs_of_exclusive_questions_hedge_each_other() -> None:
    """Three NOs of one event pay two dollars whoever wins; independent questions would not."""
    lots = [Lot(Size(0), contracts(10), dollars(6.5), exclusive="cup") for _ in range(3)]

    assert worst_loss(lots) == 0
    assert worst_loss([change(lot, exclusive="") for lot in lots]) == dollars(19.5)


def test_naked_contracts_count_what_lacks_its_other_side() -> None:
    """B-438: the difference of the sides; exclusive NOs of equal size are a set."""
    assert naked_contracts([Lot(contracts(15), contracts(10), dollars(12))]) == contracts(5)
    sets = [Lot(Size(0), contracts(10), dollars(6), exclusive="cup"), Lot(Size(0), contracts(7), dollars(4), exclusive="cup")]
    assert naked_contracts(sets) == contracts(3)
    assert naked_contracts(sets[:1]) == contracts(10)
