"""The circuit breaker: when trading stops by itself, and what starts it again (B-196..B-202).

    errors in a row      ──► off for CB_COOLDOWN_SECS, then on again by itself
    loss of the day      ──► off until the operator resumes or the next UTC day begins
    operator's halt      ──► off until the operator resumes; freeze also stops exits

A free miss is neither an error nor a reset; a full match resets the count. Nothing here ever refuses a reduction of exposure.
"""

from typing import Literal

import msgspec

from controller.risk.limits import RiskSettings
from trading.clock import SECOND
from trading.units import Money, MonoNs, Size, WallNs

__all__ = ["Breaker", "BreakerSnapshot", "TripReason"]

TripReason = Literal["max_position_per_market", "max_total_position", "daily_loss", "errors", "manual", "connection"]
_DAY = 86_400 * SECOND


class BreakerSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What survives a restart (B-200) and what views show. day counts UTC days; pnl and unwind_loss are the day's Money."""

    day: int
    pnl: Money
    unwind_loss: Money
    errors: int
    reason: TripReason | None
    frozen: bool


class Breaker:
    """One breaker for the whole process."""

    def __init__(self, settings: RiskSettings) -> None:
        self._settings = settings
        self._day = -1
        self._pnl = 0
        self._unwind_loss = 0
        self._errors = 0
        self._manual = False
        self._frozen = False
        self._lost_limit = False
        self._off_until: MonoNs | None = None
        self._disconnected = False

    @property
    def frozen(self) -> bool:
        """Even exits stop: the operator said so."""
        return self._frozen

    def reason(self, now: MonoNs) -> TripReason | None:
        """Why new exposure is refused now, None when it is not. Halts count even with CB_ENABLED=0."""
        if self._manual or self._frozen:
            return "manual"
        if not self._settings.cb_enabled:
            return None
        if self._lost_limit:
            return "daily_loss"
        if self._off_until is not None:
            if now < self._off_until:
                return "errors"
            self._off_until = None
            self._errors = 0
        return "connection" if self._disconnected else None

    def can_execute(self, *, held: Size, total: Size, contracts: Size, now: MonoNs) -> TripReason | None:
        """Whether contracts more may be added to a market that holds held while all hold total; None = yes (B-196)."""
        reason = self.reason(now)
        if reason is not None or not self._settings.cb_enabled:
            return reason
        if held + contracts > self._settings.cb_max_position_per_market:
            return "max_position_per_market"
        if total + contracts > self._settings.cb_max_total_position:
            return "max_total_position"
        return None

    def unwind_budget_spent(self) -> bool:
        """The day's losses on exits stop new arbs, never exits."""
        return self._unwind_loss >= self._settings.unwind_daily_budget

    def record_ok(self) -> None:
        """A fully matched execution ends a row of errors (B-198)."""
        self._errors = 0

    def record_error(self, now: MonoNs) -> None:
        """A failed execution or a one-sided fill. Never for a free miss or HTTP 429 (B-201)."""
        self._errors += 1
        if self._errors >= self._settings.cb_max_consecutive_errors:
            self._off_until = MonoNs(now + self._settings.cb_cooldown_ms * 1_000_000)

    def record_pnl(self, profit: Money, *, unwound: bool = False) -> None:
        """Book what an execution earned; unwound losses also use up the day's budget for exits."""
        self._pnl += profit
        if unwound and profit < 0:
            self._unwind_loss -= profit
        if -self._pnl >= self._settings.cb_max_daily_loss:
            self._lost_limit = True

    def on_tick(self, wall: WallNs) -> None:
        """Begin a new day when its time has come; the first tick only learns which day it is."""
        day = (wall - self._settings.cb_reset_utc_secs * SECOND) // _DAY
        if self._day >= 0 and day > self._day:
            self._pnl = self._unwind_loss = 0
            self._lost_limit = False
        if day > self._day:
            self._day = day

    def halt(self, *, freeze: bool = False) -> None:
        self._manual = True
        self._frozen = self._frozen or freeze

    def resume(self) -> None:
        """The operator's word clears every trip (B-199); the day's sums stay, so a further loss trips again."""
        self._manual = self._frozen = self._lost_limit = False
        self._off_until = None
        self._errors = 0

    def set_connected(self, connected: bool) -> None:
        """A lost connection stops new exposure until it is back (B-120)."""
        self._disconnected = not connected

    def snapshot(self, now: MonoNs) -> BreakerSnapshot:
        return BreakerSnapshot(
            day=self._day,
            pnl=Money(self._pnl),
            unwind_loss=Money(self._unwind_loss),
            errors=self._errors,
            reason=self.reason(now),
            frozen=self._frozen,
        )

    def restore(self, kept: BreakerSnapshot) -> None:
        """Take up the day where the last run left it (B-200). Error trips do not survive: their cooldown was monotonic time."""
        self._day = kept.day
        self._pnl = kept.pnl
        self._unwind_loss = kept.unwind_loss
        self._manual = kept.reason == "manual"
        self._frozen = kept.frozen
        self._lost_limit = kept.reason == "daily_loss" or -self._pnl >= self._settings.cb_max_daily_loss
