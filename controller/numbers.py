"""From settings as a person writes them (cents, dollars, seconds, fractions) to the exact units of the rules."""

from decimal import Decimal
from typing import Any, cast

from controller.execution.arb import ArbSettings
from controller.execution.unwind import ExitSettings
from controller.risk.limits import PPM, RiskSettings
from controller.settings import ControllerSettings
from trading.clock import MS, SECOND
from trading.units import CONTRACT, DOLLAR, Money, Size

__all__ = ["arb_settings", "exit_settings", "risk_settings"]

_CENT = DOLLAR // 100
_PAPER_MS = 86_400_000
"""No book ever shows a paper fill: what paper took stays taken for a day, or until the level shrinks."""


def _units(value: float, unit: int) -> int:
    """value x unit without the surprises of binary fractions."""
    return int(Decimal(str(value)) * unit)


def risk_settings(s: ControllerSettings, *, allow_live_test_arb: bool = False) -> RiskSettings:
    """The numbers of plan, size, gate, claims and breaker."""
    return RiskSettings(
        execution_mode=cast(Any, s.mode),
        plan_min_samples=s.plan_min_samples,
        hold_unknown_ms=s.hold_unknown_ms,
        trade_held_in_play=s.trade_held_in_play,
        hedge_dust=Size(_units(s.hedge_dust, CONTRACT)),
        complete_max_loss=Money(s.complete_max_loss_cents * _CENT),
        leg1_slippage=Money(s.leg1_slippage_cents * _CENT),
        slippage_tolerance_ppm=_units(s.slippage_tolerance, PPM),
        execution_timeout_ms=_units(s.execution_timeout_secs, 1000),
        leg2_max_trigger_ms=s.leg2_max_trigger_ms,
        min_arbitrage_threshold_ppm=_units(s.min_arbitrage_threshold, PPM),
        min_arb_spread=Money(s.min_arb_spread * _CENT),
        edge_vol_k_ppm=_units(s.edge_vol_k, PPM),
        depth_fraction_ppm=_units(s.depth_fraction, PPM),
        max_edge=Money(s.max_edge_cents * _CENT),
        exit_min=Money(_units(s.exit_min_cents, _CENT)),
        min_annualised_return_ppm=_units(s.min_annualised_return, PPM),
        max_lock_days=s.max_lock_days,
        require_pair_approval=s.require_pair_approval,
        allow_unverified_live=s.allow_unverified_live,
        allow_live_test_arb=allow_live_test_arb,
        enable_event_baskets=s.enable_event_baskets,
        feed_proof_max_ms=s.feed_proof_max_ms,
        restart_quarantine_ms=_units(s.restart_quarantine_secs, 1000),
        start_blackout_ms=_units(s.start_blackout_secs, 1000),
        no_new_before_close_ms=_units(s.no_new_before_close_secs, 1000),
        ghost_rate_max_ppm=_units(s.ghost_rate_max, PPM),
        max_unconfirmed=Money(_units(s.max_unconfirmed_usd, DOLLAR)),
        unwind_daily_budget=Money(_units(s.unwind_daily_budget_usd, DOLLAR)),
        max_trade_size=Money(_units(s.max_trade_size, DOLLAR)),
        max_position_per_market=Money(_units(s.max_position_per_market, DOLLAR)),
        event_max_cost=Money(_units(s.event_max_cost_usd, DOLLAR)),
        event_max_worst_loss=Money(_units(s.event_max_worst_loss_usd, DOLLAR)),
        naked_max_contracts_event=Size(_units(s.naked_max_contracts_event, CONTRACT)),
        naked_max_total=Money(_units(s.naked_max_usd_total, DOLLAR)),
        unwind_cash_reserve_ppm=_units(s.unwind_cash_reserve, PPM),
        cooldown_match_ms=s.cooldown_match_ms,
        trade_cooldown_ms=_units(s.trade_cooldown_secs, 1000),
        miss_backoff_ms=s.miss_backoff_ms,
        one_sided_max=s.one_sided_max,
        one_sided_block_ms=_units(s.one_sided_block_secs, 1000),
        debit_lasts_ms=_PAPER_MS if s.dry_run else 500,
        cb_enabled=s.cb_enabled,
        cb_max_position_per_market=Size(s.cb_max_position_per_market * CONTRACT),
        cb_max_total_position=Size(s.cb_max_total_position * CONTRACT),
        cb_max_daily_loss=Money(s.cb_max_daily_loss * _CENT),
        cb_max_consecutive_errors=s.cb_max_consecutive_errors,
        cb_cooldown_ms=_units(s.cb_cooldown_secs, 1000),
        cb_reset_utc_secs=s.cb_reset_utc_secs,
    )


def exit_settings(s: ControllerSettings) -> ExitSettings:
    """The numbers of the exit rule."""
    return ExitSettings(
        hedge_dust=Size(_units(s.hedge_dust, CONTRACT)),
        max_loss=Money(s.unwind_max_loss_cents * _CENT),
        hard_loss=Money(s.unwind_hard_loss_cents * _CENT),
        deadline_ns=_units(s.unwind_deadline_secs, SECOND),
        via=s.poly_unwind_via,
    )


def arb_settings(s: ControllerSettings) -> ArbSettings:
    """The numbers of a running arb; those it shares with the gate come from the same settings."""
    risk = risk_settings(s)
    return ArbSettings(
        exits=exit_settings(s),
        execution_timeout_ns=risk.execution_timeout_ms * MS,
        sigma_pre_game=Money(_units(risk.sigma_pre_game, _CENT)),
        sigma_in_play=Money(_units(risk.sigma_in_play, _CENT)),
        no_new_before_close_ns=risk.no_new_before_close_ms * MS,
    )
