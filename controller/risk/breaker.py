"""The circuit breaker: when trading stops by itself, and what starts it again (B-196..B-202).

    errors in a row      ──► off for CB_COOLDOWN_SECS, then on again by itself
    loss of the day      ──► off until the operator resumes or the next UTC day begins
    operator's halt      ──► off until the operator resumes; freeze also stops exits

A free miss is neither an error nor a reset; a full match resets the count. Nothing here ever refuses a reduction of exposure.
"""

from typing import Literal

from controller.risk.limits import RiskSettings
from trading.clock import SECOND
from trading.units import Money, MonoNs, WallNs

__all__ = ["Breaker", "TripReason"]

TripReason = Literal["daily_loss", "errors", "manual"]
_DAY = 86_400 * SECOND


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
        self._trips = 0

    @property
    def trips(self) -> int:
        """How often it stopped trading by itself since the start (B-331)."""
        return self._trips

    @property
    def errors(self) -> int:
        """Errors in a row."""
        return self._errors

    @property
    def pnl(self) -> Money:
        """The day's result."""
        return Money(self._pnl)

    @property
    def unwind_loss(self) -> Money:
        """What the day's exits cost."""
        return Money(self._unwind_loss)

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
            self._trips += self._off_until is None or now >= self._off_until
            self._off_until = MonoNs(now + self._settings.cb_cooldown_ms * 1_000_000)

    def record_pnl(self, profit: Money, *, unwind_loss: Money = Money(0)) -> None:
        """Book what an execution earned, or by how much that changed since; unwind_loss uses up the day's budget for exits."""
        self._pnl += profit
        self._unwind_loss = max(0, self._unwind_loss + unwind_loss)
        if -self._pnl >= self._settings.cb_max_daily_loss:
            self._trips += not self._lost_limit
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
