"""Free cash per venue and shard: what the venue said, less what we spent since and what open arbs hold.

A reservation belongs to one leg of one arb and shrinks as the leg pays; closing the arb frees the rest. The venue's lower
figure is believed at once (B-449); a higher one only when nothing of ours moved lately, because a reading may be older than a
fill.
"""

from collections import Counter
from collections.abc import Sequence

from trading.clock import SECOND
from trading.ids import ArbId
from trading.market import Venue
from trading.units import Money, MonoNs
from trading.venue import Balance

__all__ = ["Cash", "Shard"]

Shard = tuple[Venue, int]
_QUIET_NS = 2 * SECOND


class Cash:
    """Integers of Money per (venue, shard)."""

    def __init__(self) -> None:
        self._cash: dict[Shard, int] = {}
        self._reserved: dict[Shard, int] = {}
        self._held: dict[tuple[ArbId, int], tuple[Shard, int]] = {}
        self._moved: dict[Shard, MonoNs] = {}
        self.short: Counter[Shard] = Counter()
        """Money that sized arbs down or refused them for lack of cash, per shard since the start (execution.md 3)."""

    def note_short(self, shard: Shard, amount: Money) -> None:
        self.short[shard] += amount

    def apply_reading(self, venue: Venue, rows: Sequence[Balance], now: MonoNs) -> None:
        """Take the venue's own free cash; a shard it no longer lists holds nothing."""
        for shard in [key for key in self._cash if key[0] == venue]:
            if all(row.shard != shard[1] for row in rows):
                self._cash[shard] = 0
        for row in rows:
            shard = (venue, row.shard)
            ours = self._cash.get(shard)
            busy = now - self._moved.get(shard, MonoNs(-_QUIET_NS)) < _QUIET_NS or self._reserved.get(shard, 0) > 0
            if ours is None or row.cash < ours or not busy:
                self._cash[shard] = row.cash

    def total(self, shard: Shard) -> Money:
        return Money(self._cash.get(shard, 0))

    def bankroll(self) -> Money:
        return Money(sum(self._cash.values()))

    def free(self, shard: Shard) -> Money:
        """Cash that no open leg holds; never below zero."""
        return Money(max(0, self._cash.get(shard, 0) - self._reserved.get(shard, 0)))

    def reserved(self, shard: Shard) -> Money:
        return Money(self._reserved.get(shard, 0))

    def held(self, arb: ArbId, leg: int) -> Money:
        """What a leg of an arb still holds."""
        found = self._held.get((arb, leg))
        return Money(found[1] if found else 0)

    def reserve(self, arb: ArbId, leg: int, shard: Shard, amount: Money) -> None:
        """Raise a leg's reservation to amount; a larger one stays."""
        held = self.held(arb, leg)
        if amount > held:
            self._held[(arb, leg)] = (shard, amount)
            self._reserved[shard] = self._reserved.get(shard, 0) + amount - held

    def spend(self, arb: ArbId, leg: int, shard: Shard, amount: Money, now: MonoNs) -> None:
        """Book cash that left (negative: came in); what left comes out of the leg's reservation first."""
        self._cash[shard] = self._cash.get(shard, 0) - amount
        self._moved[shard] = now
        found = self._held.get((arb, leg))
        if found and amount > 0:
            part = min(amount, found[1])
            self._held[(arb, leg)] = (found[0], found[1] - part)
            self._reserved[found[0]] -= part

    def release(self, arb: ArbId, *, keep: frozenset[int] = frozenset()) -> None:
        """Free every reservation of an arb but those of the legs whose outcome is still open."""
        for key in [key for key in self._held if key[0] == arb and key[1] not in keep]:
            shard, amount = self._held.pop(key)
            self._reserved[shard] -= amount

    def shards(self) -> dict[Shard, tuple[Money, Money]]:
        """Cash and reserved per shard, for views."""
        return {shard: (Money(cash), self.reserved(shard)) for shard, cash in self._cash.items()}
