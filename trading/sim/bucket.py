"""A token bucket as both venues limit accounts with (kalshi.md 10, polymarket.md 10).

Tokens are counted in 1/1,000,000,000 so that refills stay integers. The caller decides what a request that does not fit means.
"""

from dataclasses import dataclass, field

from trading.clock import SECOND

__all__ = ["Bucket"]


@dataclass(slots=True)
class Bucket:
    """rate tokens a second, at most capacity of them; full when made. at is the MonoNs of the last refill."""

    rate: int
    capacity: int
    at: int
    _level: int = field(init=False)

    def __post_init__(self) -> None:
        self._level = self.capacity * SECOND

    @property
    def tokens(self) -> int:
        """Whole tokens that are left."""
        return self._level // SECOND

    def refill(self, now: int) -> None:
        self._level = min(self.capacity * SECOND, self._level + (now - self.at) * self.rate)
        self.at = now

    def fits(self, cost: int) -> bool:
        return self._level >= cost * SECOND

    def take(self, cost: int) -> None:
        self._level -= cost * SECOND

    def wait_s(self, tokens: int) -> int:
        """Whole seconds until so many tokens are there, not below 0."""
        return max(0, -(-(tokens * SECOND - self._level) // (self.rate * SECOND)))
