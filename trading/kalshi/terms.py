"""What the account may do, read again every hour: its buckets, prices per endpoint, keys, and announced maintenance.

Nothing waits for it: until it was read the account counts as Basic and its keys as unknown. A read that fails is tried again in a
minute; so is one that said the location attestation has lapsed, so that a renewed one is seen without a restart (B-426).
"""

import msgspec

from trading.clock import SECOND, Clock
from trading.errors import VenueError
from trading.kalshi.budget import Budget
from trading.kalshi.exchange import Exchange, KeyRights
from trading.kalshi.mode import Modes
from trading.log import get_logger
from trading.units import MonoNs

__all__ = ["AccountTerms", "TermsStatistics"]

_log = get_logger(__name__)

_EVERY_NS = 3_600 * SECOND
_AGAIN_NS = 60 * SECOND
_WARN_NS = 7 * 24 * 3_600 * SECOND


class TermsStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What is known; rights None = not read."""

    rights: KeyRights | None
    reads: int
    failures: int


class AccountTerms:
    """Keeps budget and modes up to date. private False: no key, so only the public part is read."""

    def __init__(self, exchange: Exchange, budget: Budget, modes: Modes, clock: Clock, *, private: bool) -> None:
        self._exchange = exchange
        self._budget = budget
        self._modes = modes
        self._clock = clock
        self._private = private
        self._due_at = MonoNs(0)
        self._rights: KeyRights | None = None
        self._warned = False
        self._reads = self._failures = 0

    async def refresh_when_due(self) -> None:
        """Read again what is old; never raises a VenueError."""
        now = self._clock.mono_ns()
        if now < self._due_at:
            return
        self._due_at = MonoNs(now + _AGAIN_NS)
        try:
            await self.refresh()
        except VenueError as exc:
            self._failures += 1
            _log.info("kalshi_terms_not_read", reason=str(exc))

    async def refresh(self) -> None:
        """Read everything now. Raises the errors of a read."""
        self._modes.apply_schedule(await self._exchange.maintenance())
        if self._private:
            self._budget.apply_limits(await self._exchange.limits())
            self._budget.apply_costs(await self._exchange.costs())
            self._rights = await self._exchange.rights()
            self._modes.apply_rights(self._rights)
            self._say(self._rights)
        self._reads += 1
        lapsed = self._rights is not None and not self._rights.attested(self._clock.wall_ns())
        self._due_at = MonoNs(self._clock.mono_ns() + (_AGAIN_NS if lapsed else _EVERY_NS))

    def _say(self, rights: KeyRights) -> None:
        """Tell once, a week ahead, that the attestation ends."""
        until = rights.attested_until
        soon = until is None or until - self._clock.wall_ns() < _WARN_NS
        if soon and not self._warned:
            word = "ends" if rights.attested(self._clock.wall_ns()) else "lapsed"
            note = "without it no live order goes to this venue; paper goes on"
            _log.warning(f"kalshi_attestation_{word}", until_ns=until, note=note, next="attest the location on kalshi.com")
        self._warned = soon

    def statistics(self) -> TermsStatistics:
        return TermsStatistics(rights=self._rights, reads=self._reads, failures=self._failures)
