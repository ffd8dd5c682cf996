"""Token buckets of an account (kalshi.md 10): reads, writes, one write bucket per nonzero shard, and the balance read's own.

A request that does not fit takes nothing and answers 429; there is no penalty and no Retry-After.
"""

from collections.abc import Iterable, Mapping

from trading.clock import Clock
from trading.sim.bucket import Bucket
from trading.sim.kalshi_data import ApiError, KalshiRules

__all__ = ["DEFAULT_COST", "ENDPOINT_COSTS", "TIERS", "RateLimits"]

DEFAULT_COST = 10
ENDPOINT_COSTS: tuple[tuple[str, str, int], ...] = (
    ("POST", "/trade-api/v2/account/api_usage_level/upgrade", 30),
    ("DELETE", "/trade-api/v2/portfolio/events/orders", 2),
    ("DELETE", "/trade-api/v2/portfolio/events/orders/batched", 2),
    ("DELETE", "/trade-api/v2/portfolio/events/orders/{order_id}", 2),
    ("GET", "/trade-api/v2/portfolio/orders/{order_id}", 2),
)
"""Method, path and tokens of the endpoints that do not cost DEFAULT_COST."""


TIERS: Mapping[str, tuple[int, int]] = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1_000, 1_000),
    "paragon": (2_000, 2_000),
    "prime": (4_000, 4_000),
    "prestige": (10_000, 8_000),
}
"""Tier -> (read, write) tokens a second, lowest first (kalshi.md 10). Above Basic both buckets hold two seconds."""


class RateLimits:
    """The buckets of every member; subaccounts and keys share them. tiers: user id -> tier, rules.usage_tier where absent."""

    def __init__(self, clock: Clock, rules: KalshiRules, shards: Iterable[int]) -> None:
        self._clock = clock
        self._rules = rules
        self._shards = tuple(shard for shard in shards if shard)
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self.tiers: dict[str, str] = {}

    def read(self, user_id: str, cost: int = DEFAULT_COST) -> None:
        self._take(user_id, ("read",), cost)

    def balance(self, user_id: str) -> None:
        """The balance endpoint's bucket: one call a second on Basic, no burst."""
        self._take(user_id, ("balance",), 1)

    def write(self, user_id: str, cost: int, *, shard: int | None = 0) -> None:
        """Bill an order write: an explicit nonzero shard's own bucket, all when auto-routed (None), else the general."""
        if shard is None:
            self._take(user_id, ("write", *(f"write{n}" for n in self._shards)), cost)
        else:
            self._take(user_id, (f"write{shard}" if shard > 0 else "write",), cost)

    def _take(self, user_id: str, names: tuple[str, ...], cost: int) -> None:
        """Take cost from all of the buckets or from none. Raises ApiError 429."""
        if not self._rules.limits_enabled:
            return
        now = self._clock.mono_ns()
        buckets = []
        for name in names:
            rate, capacity = self._terms(user_id, name)
            bucket = self._buckets.setdefault((user_id, name), Bucket(rate, capacity, now))
            bucket.rate, bucket.capacity = rate, capacity  # the rules may have changed since it was made
            bucket.refill(now)
            buckets.append(bucket)
        if not all(bucket.fits(cost) for bucket in buckets):
            raise ApiError(429, "too_many_requests")
        for bucket in buckets:
            bucket.take(cost)

    def tier(self, user_id: str) -> str:
        return self.tiers.get(user_id, self._rules.usage_tier)

    def at_least(self, user_id: str, tier: str) -> bool:
        order = list(TIERS)
        return order.index(self.tier(user_id)) >= order.index(tier)

    def read_terms(self, user_id: str) -> tuple[int, int]:
        """(refill a second, capacity) of the read bucket."""
        if self.tier(user_id) == "basic":
            return self._rules.read_rate, self._rules.read_capacity
        rate = TIERS[self.tier(user_id)][0]
        return rate, 2 * rate

    def write_terms(self, user_id: str) -> tuple[int, int]:
        if self.tier(user_id) == "basic":
            return self._rules.write_rate, self._rules.write_capacity
        rate = TIERS[self.tier(user_id)][1]
        return rate, 2 * rate

    def _terms(self, user_id: str, name: str) -> tuple[int, int]:
        if name == "read":
            return self.read_terms(user_id)
        if name == "balance":
            rate = self._rules.balance_rate if not self.at_least(user_id, "expert") else 5
            return rate, rate
        return self.write_terms(user_id)
