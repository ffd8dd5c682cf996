"""Where the seeds contradict each other one rule holds, by default and without a setting (section 20)."""

import pytest
from pydantic import ValidationError

from controller.numbers import arb_settings, risk_settings
from controller.settings import ControllerSettings
from trading.clock import SECOND
from trading.units import CONTRACT, DOLLAR

DEFAULTS = ControllerSettings()
RISK = risk_settings(DEFAULTS)


def test_limits_of_contracts_and_of_dollars_both_stand() -> None:
    """C-04: 100 and 500 contracts, and $1,000 a trade and $5,000 a market; the tightest wins (test_limits.py)."""
    assert (RISK.cb_max_position_per_market, RISK.cb_max_total_position) == (100 * CONTRACT, 500 * CONTRACT)
    assert (RISK.max_trade_size, RISK.max_position_per_market) == (1_000 * DOLLAR, 5_000 * DOLLAR)


def test_daily_loss_is_fifty_dollars_in_cents() -> None:
    """C-05: 5000 is $50 whichever seed is read."""
    assert RISK.cb_max_daily_loss == 50 * DOLLAR
    assert risk_settings(ControllerSettings(cb_max_daily_loss="2500")).cb_max_daily_loss == 25 * DOLLAR


@pytest.mark.parametrize("value", ["50.0", "$50", "$5000"])
def test_dollars_for_the_daily_loss_are_refused_with_a_hint(value: str) -> None:
    """C-05: a point or a dollar sign is an amount in dollars, and a hundredth of the limit meant would stop trading at once."""
    with pytest.raises(ValidationError, match="whole cents: 5000 means"):
        ControllerSettings(cb_max_daily_loss=value)


def test_floor_is_a_cent_and_a_percent_and_unverified_pairs_stay_out() -> None:
    """C-06: the strictest of one cent, 1 % of cost and MIN_ARB_SPREAD = 0; no spread admits an unverified pair live."""
    assert (RISK.min_edge, RISK.min_arbitrage_threshold_ppm, RISK.min_arb_spread) == (DOLLAR // 100, 10_000, 0)
    assert RISK.allow_unverified_live is False


def test_first_leg_concedes_nothing_and_the_limit_protects() -> None:
    """C-07: leg 1 stays at the detected price, 2 % is an outer bound only; leg 2 may lose three cents of a set."""
    assert (RISK.leg1_slippage, RISK.slippage_tolerance_ppm) == (0, 20_000)
    assert RISK.complete_max_loss == 3 * DOLLAR // 100


def test_an_execution_has_five_seconds_after_its_hold() -> None:
    """C-08: one figure for the gate's deadline and for the runner's patience."""
    assert arb_settings(DEFAULTS).execution_timeout_ns == RISK.execution_timeout_ms * 1_000_000 == 5 * SECOND


def test_the_table_decides_which_leg_goes_first_unless_told() -> None:
    """C-09: auto by default; each mode can be set, two_phase being the old word for Polymarket first."""
    told = {mode: risk_settings(ControllerSettings(execution_mode=mode)).execution_mode for mode in ("concurrent", "two_phase")}

    assert RISK.execution_mode == "auto"
    assert told == {"concurrent": "concurrent", "two_phase": "poly_first"}
