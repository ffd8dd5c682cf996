"""Token buckets of an account (kalshi.md 10): reads, writes, one write bucket per nonzero shard, and the balance read's own.

A request that does not fit takes nothing and answers 429; there is no penalty and no Retry-After.
"""

from collections.abc import Iterable

from trading.clock import Clock
from trading.sim.bucket import Bucket
from trading.sim.kalshi_data import ApiError, KalshiRules

__all__ = ["DEFAULT_COST", "ENDPOINT_COSTS", "RateLimits"]

DEFAULT_COST = 10
ENDPOINT_COSTS: tuple[tuple[str, str, int], ...] = (
    ("DELETE", "/trade-api/v2/portfolio/events/orders", 2),
    ("DELETE", "/trade-api/v2/portfolio/events/orders/batched", 2),
    ("DELETE", "/trade-api/v2/portfolio/events/orders/{order_id}", 2),
    ("GET", "/trade-api/v2/portfolio/orders/{order_id}", 2),
)
"""Method, path and tokens of the endpoints that do not cost DEFAULT_COST."""


class RateLimits:
    """The buckets of every account."""

    def __init__(self, clock: Clock, rules: KalshiRules, shards: Iterable[int]) -> None:
        self._clock = clock
        self._rules = rules
        self._shards = tuple(shard for shard in shards if shard)
        self._buckets: dict[tuple[str, str], Bucket] = {}

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
            rate, capacity = self._terms(name)
            bucket = self._buckets.setdefault((user_id, name), Bucket(rate, capacity, now))
            bucket.rate, bucket.capacity = rate, capacity  # the rules may have changed since it was made
            bucket.refill(now)
            buckets.append(bucket)
        if not all(bucket.fits(cost) for bucket in buckets):
            raise ApiError(429, "too_many_requests")
        for bucket in buckets:
            bucket.take(cost)

    def _terms(self, name: str) -> tuple[int, int]:
        rules = self._rules
        if name == "read":
            return rules.read_rate, rules.read_capacity
        if name == "balance":
            return rules.balance_rate, rules.balance_rate
        return rules.write_rate, rules.write_capacity
