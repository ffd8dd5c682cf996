"""Who is busy with an event, and how long it is left alone afterwards.

A claim covers a whole event, because its markets share tokens and risk (B-191); there is no limit on their number (B-190). The
miss memory replaces fixed cooldowns (B-432): what was missed is tried again later and later, at once when a new price shows.
"""

from controller.model import EventId
from controller.risk.limits import RiskSettings
from trading.clock import MS
from trading.ids import ArbId
from trading.units import MonoNs, Price

__all__ = ["Claims"]


class _Miss:
    __slots__ = ("count", "level", "until")

    def __init__(self) -> None:
        self.count = 0
        self.level: tuple[Price, ...] = ()
        self.until = 0


class Claims:
    """Claims by event, memory of misses by basket, blocks by event."""

    def __init__(self, settings: RiskSettings) -> None:
        self._settings = settings
        self._held: dict[EventId, ArbId] = {}
        self._misses: dict[str, _Miss] = {}
        self._until: dict[EventId, tuple[MonoNs, str]] = {}
        self._one_sided: dict[EventId, int] = {}

    def try_claim(self, event: EventId, arb: ArbId) -> bool:
        """Take the event for one arb; False when another holds it (B-188)."""
        return self._held.setdefault(event, arb) == arb

    def release(self, event: EventId, arb: ArbId) -> None:
        """Give the event back; a claim of another arb stays (B-189)."""
        if self._held.get(event) == arb:
            del self._held[event]

    def claimed(self, event: EventId) -> bool:
        return event in self._held

    def holder(self, event: EventId) -> ArbId | None:
        return self._held.get(event)

    def __len__(self) -> int:
        return len(self._held)

    def waiting(self, event: EventId, basket: str, level: tuple[Price, ...], now: MonoNs) -> str | None:
        """Why the basket is left alone now, None when it is not. level: the prices that a miss was, or would be, made at."""
        until = self._until.get(event)
        if until is not None:
            if now < until[0]:
                return until[1]
            del self._until[event]
        miss = self._misses.get(basket)
        if miss is None or now >= miss.until:
            return None
        if miss.count <= self._settings.miss_forgiven and level != miss.level:
            return None
        return f"missed {miss.count} times, next try in {(miss.until - now) // MS} ms"

    def record_miss(self, basket: str, level: tuple[Price, ...], now: MonoNs) -> None:
        """A free miss: wait twice as long as after the last one."""
        miss = self._misses.setdefault(basket, _Miss())
        wait = min(self._settings.miss_backoff_ms << min(miss.count, 20), self._settings.miss_backoff_max_ms)
        miss.count += 1
        miss.level = level
        miss.until = now + wait * MS

    def record_match(self, event: EventId, basket: str, now: MonoNs) -> None:
        """A full match: misses and one-sided fills are forgotten. The wait for the books is the gate's (own-fill debits)."""
        self._misses.pop(basket, None)
        self._one_sided.pop(event, None)
        self._block(event, self._settings.cooldown_match_ms, "cooldown after a match", now)

    def record_one_sided(self, event: EventId, now: MonoNs) -> None:
        """One leg filled without the other: 5 s, and much longer when it repeats (B-205)."""
        count = self._one_sided.get(event, 0) + 1
        self._one_sided[event] = count
        self._block(event, self._settings.cooldown_unwind_ms, "cooldown after an unwind", now)
        if count >= self._settings.one_sided_max:
            self._one_sided[event] = 0
            self._block(event, self._settings.one_sided_block_ms, f"{count} one-sided fills", now)

    def record_sent(self, event: EventId, now: MonoNs) -> None:
        """Legs were sent: the operator's fixed pause, if set (B-053)."""
        self._block(event, self._settings.trade_cooldown_ms, "TRADE_COOLDOWN_SECS", now)

    def _block(self, event: EventId, ms: int, why: str, now: MonoNs) -> None:
        until = now + ms * MS
        old = self._until.get(event)
        if ms > 0 and (old is None or until > old[0]):
            self._until[event] = (MonoNs(until), why)
