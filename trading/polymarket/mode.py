"""What mode Polymarket's engine is in, remembered from its refusals (polymarket.md 7.5, B-426).

After a restart (425, about 90 s) two minutes of post-only follow, in which no taker leg is possible: that is known the moment
the restart is seen, so it is said before the first order would have to find out.
"""

from collections.abc import Mapping

from trading.clock import SECOND, Clock
from trading.errors import BadAnswer, ModeClosed
from trading.market import POLYMARKET
from trading.order import LegResult
from trading.polymarket.orders import retry_after
from trading.polymarket.wire import decode
from trading.units import MonoNs
from trading.venue import VenueMode

__all__ = ["MODE_CODES", "ModeMemory"]

_RESTART_S = 90.0
_POST_ONLY_S = 120.0
_DISABLED_S = 30.0
"""How long a mode without a stated end is believed before the venue is tried again."""
_VERSION_S = 300.0
MODE_CODES = frozenset({"engine_restarting", "post_only_mode", "cancel_only_mode", "trading_disabled"})


class ModeMemory:
    """The modes still in force, soonest end first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._modes: list[VenueMode] = []

    def current(self) -> VenueMode | None:
        """The mode in force, None when nothing is known against trading."""
        now = self._clock.mono_ns()
        self._modes = [mode for mode in self._modes if mode.until is not None and mode.until > now]
        return self._modes[0] if self._modes else None

    def apply_answer(self, result: LegResult, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Learn from an order's answer; any order that was taken ends what was remembered."""
        if result.code in MODE_CODES and result.state == "rejected":
            try:
                said = decode(body)
            except BadAnswer:
                said = None
            self._apply(result.code, retry_after(headers, said), result.detail)
        elif 200 <= status < 300 and result.state in ("filled", "partial", "held", "none"):
            self._modes = []

    def closed_by(self, error: ModeClosed) -> VenueMode:
        """Learn from a read that was refused for the mode."""
        return self._apply(error.code, error.retry_after, error.detail)

    def apply_version(self, detail: str) -> None:
        """The venue wants orders of another version: each order would be refused, after its other leg was sent."""
        self._modes = [VenueMode(venue=POLYMARKET, mode="disabled", until=self._ends(_VERSION_S), detail=detail)]

    def _ends(self, seconds: float) -> MonoNs:
        return MonoNs(self._clock.mono_ns() + int(seconds * SECOND))

    def _apply(self, code: str, wait_s: float | None, detail: str) -> VenueMode:
        ends = self._ends
        if code == "engine_restarting":
            over = wait_s if wait_s is not None else _RESTART_S
            after = VenueMode(
                venue=POLYMARKET, mode="post_only", until=ends(max(over, _RESTART_S) + _POST_ONLY_S), detail="after a restart"
            )
            self._modes = [VenueMode(venue=POLYMARKET, mode="restarting", until=ends(over), detail=detail), after]
        elif code == "post_only_mode":
            over = wait_s if wait_s is not None else _POST_ONLY_S
            self._modes = [VenueMode(venue=POLYMARKET, mode="post_only", until=ends(over), detail=detail)]
        elif code == "cancel_only_mode":
            self._modes = [VenueMode(venue=POLYMARKET, mode="cancel_only", until=ends(wait_s or _DISABLED_S), detail=detail)]
        else:
            self._modes = [VenueMode(venue=POLYMARKET, mode="disabled", until=ends(wait_s or _DISABLED_S), detail=detail)]
        return self._modes[0]
