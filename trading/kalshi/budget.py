"""Token buckets of one account, kept before the venue has to (kalshi.md 10, B-212): reads, writes per shard, the balance read.

    read              every GET but the balance         write     order, group and transfer writes; shard 0 and batches
    write of shard n  orders that name shard n >= 1     balance   1 a second, 5 from Expert on, no burst

It starts as Basic and follows /account/limits and /account/endpoint_costs. Some tokens are kept back: writes for exits before
those for arbs, look-ups before lists. Nothing here waits; what does not fit is told with the seconds to wait, and takes nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from trading.clock import SECOND, Clock
from trading.units import MonoNs

__all__ = ["TIERS", "Budget", "BudgetStatistics", "CostsRow", "EndpointCost", "LimitsRow", "Rates"]

TIERS: Mapping[str, tuple[int, int]] = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1_000, 1_000),
    "paragon": (2_000, 2_000),
    "prime": (4_000, 4_000),
    "prestige": (6_000, 8_000),
}
"""(read, write) tokens a second; the lower of two stated figures. Unknown tiers count as Basic."""

_PREFIX = "/trade-api/v2"
_DEFAULT_COST = 10
_COSTS = {
    ("DELETE", "/portfolio/events/orders"): 2,
    ("DELETE", "/portfolio/events/orders/batched"): 2,
    ("DELETE", "/portfolio/events/orders/{order_id}"): 2,
    ("GET", "/portfolio/orders/{order_id}"): 2,
}
"""What the page knows not to cost 10, until the venue's own list was read."""
_CREATE = ("POST", "/portfolio/events/orders")
_BASIC_READS = 600
"""What a Basic account's read bucket was seen to hold (2026-08-15)."""
_KEPT_WRITES = 3
_KEPT_READS = 4
"""Default-cost requests that only exits, and only look-ups, may spend."""
_SLOW_BALANCE = frozenset({"basic", "advanced"})


class Rates(msgspec.Struct, frozen=True):
    """One bucket as /account/limits states it, tokens a second and at most."""

    refill_rate: int
    bucket_capacity: int


class LimitsRow(msgspec.Struct, frozen=True):
    """GET /account/limits."""

    usage_tier: str
    read: Rates
    write: Rates


class EndpointCost(msgspec.Struct, frozen=True):
    method: str
    path: str
    cost: int


class CostsRow(msgspec.Struct, frozen=True):
    """GET /account/endpoint_costs: what does not cost default_cost."""

    default_cost: int
    endpoint_costs: Sequence[EndpointCost]


class BudgetStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens left now; writes by shard, 0 = the general bucket."""

    tier: str
    read: int
    writes: Mapping[int, int]
    throttled: int
    """Answers of 429 since start: each one says that somebody else spends the same tokens."""


class _Bucket:
    """rate tokens a second, at most capacity; full when made. Counted in token-nanoseconds: integers only."""

    __slots__ = ("_at", "_level", "capacity", "rate")

    def __init__(self, rate: int, capacity: int, now: MonoNs) -> None:
        self.rate, self.capacity = rate, capacity
        self._level = capacity * SECOND
        self._at = now

    def left(self, now: MonoNs) -> int:
        self._level = min(self.capacity * SECOND, self._level + (now - self._at) * self.rate)
        self._at = now
        return self._level // SECOND

    def wait_s(self, cost: int, kept: int, now: MonoNs) -> float:
        """Seconds until cost fits with kept left over, 0 when it does. What is larger than the bucket goes from a full one."""
        self.left(now)
        missing = min(cost + kept, self.capacity) * SECOND - self._level
        return -(-missing // self.rate) / SECOND if missing > 0 else 0.0  # whole nanoseconds up: after it, it fits

    def take(self, cost: int) -> None:
        self._level -= cost * SECOND

    def pay(self, cost: int, kept: int, now: MonoNs) -> float:
        """wait_s and, when that is 0, take: in one piece, because every order passes here."""
        level, full = self._level + (now - self._at) * self.rate, self.capacity * SECOND
        self._level = level = min(level, full)
        self._at = now
        missing = min((cost + kept) * SECOND, full) - level
        if missing > 0:
            return -(-missing // self.rate) / SECOND
        self._level = level - cost * SECOND
        return 0.0

    def empty(self, now: MonoNs) -> None:
        """The venue says so: others share the account."""
        self.left(now)
        self._level = min(self._level, 0)

    def set_terms(self, rate: int, capacity: int, now: MonoNs) -> None:
        self.left(now)
        grown = capacity - self.capacity
        self.rate, self.capacity = rate, capacity
        self._level = min(self._level + max(0, grown) * SECOND, capacity * SECOND)


class Budget:
    """The buckets of one account. Shards share the terms of the general write bucket. share is the part of each that is ours, where
    other processes trade on the same account."""

    def __init__(self, clock: Clock, *, tier: str = "basic", share: float = 1.0) -> None:
        self._clock = clock
        self._share = share
        self._tier = tier
        self._throttled = 0
        self._default_cost = _DEFAULT_COST
        self._costs = dict(_COSTS)
        self._patterns: list[tuple[str, re.Pattern[str], int]] = []
        self._compile()
        read, write = map(self._ours, TIERS.get(tier, TIERS["basic"]))
        now = clock.mono_ns()
        burst = 1 if tier == "basic" else 2
        self._read = _Bucket(read, self._ours(_BASIC_READS) if tier == "basic" else 2 * read, now)
        self._write_terms = (write, burst * write)
        self._writes: dict[int, _Bucket] = {0: _Bucket(*self._write_terms, now)}
        rate = 1 if tier in _SLOW_BALANCE else 5
        self._balance = _Bucket(rate, rate, now)
        self._reserved: dict[tuple[bytes, int], int] = {}
        """Write tokens kept for an owner on a shard; they are still in the bucket."""

    def _ours(self, tokens: int) -> int:
        return max(1, int(tokens * self._share))

    # what the venue states

    def apply_limits(self, limits: LimitsRow) -> None:
        """Follow the account's own tier and buckets. Terms that cannot be (rate or capacity below 1) are passed over."""
        now = self._clock.mono_ns()
        self._tier = limits.usage_tier.lower()
        if min(limits.read.refill_rate, limits.read.bucket_capacity) > 0:
            self._read.set_terms(self._ours(limits.read.refill_rate), self._ours(limits.read.bucket_capacity), now)
        if min(limits.write.refill_rate, limits.write.bucket_capacity) > 0:
            self._write_terms = (self._ours(limits.write.refill_rate), self._ours(limits.write.bucket_capacity))
            for bucket in self._writes.values():
                bucket.set_terms(*self._write_terms, now)
        rate = 5 if self._tier in TIERS and self._tier not in _SLOW_BALANCE else 1
        self._balance.set_terms(rate, rate, now)

    def apply_costs(self, costs: CostsRow) -> None:
        """Follow the venue's own prices per endpoint."""
        self._default_cost = max(1, costs.default_cost)
        self._costs = {(row.method.upper(), row.path.removeprefix(_PREFIX)): max(0, row.cost) for row in costs.endpoint_costs}
        self._compile()

    def _compile(self) -> None:
        self._costs.setdefault(_CREATE, self._default_cost)  # found at once: every order asks
        self._patterns = [
            (method, re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path))), cost)
            for (method, path), cost in self._costs.items()
            if "{" in path
        ]

    def cost(self, method: str, path: str) -> int:
        """Tokens of one request; path stands below /trade-api/v2. Batches cost this per item."""
        exact = self._costs.get((method, path))
        if exact is not None:
            return exact
        for of_method, pattern, cost in self._patterns:
            if of_method == method and pattern.fullmatch(path) is not None:
                return cost
        return self._default_cost

    # what we spend

    def take_read(self, cost: int, *, urgent: bool = False) -> float:
        """Spend read tokens; seconds to wait, and nothing spent, when they are not there. urgent: a look-up of an order."""
        kept = 0 if urgent else _KEPT_READS * self._default_cost
        return self._read.pay(cost, kept, self._clock.mono_ns())

    def take_write(self, cost: int, shard: int | None = 0, *, reducing: bool = False, owner: bytes = b"") -> float:
        """Spend write tokens of a shard (None: routed by the venue, which bills the general bucket and every shard's).

        Seconds to wait, and nothing spent, when they are not there. reducing: an exit or a cancel, which may spend the last.
        owner spends what was reserved for it first.
        """
        now = self._clock.mono_ns()
        kept = 0 if reducing else _KEPT_WRITES * self._default_cost
        if shard is not None:
            bucket = self._writes.get(shard) or self._bucket(shard)
            if not self._reserved:
                return bucket.pay(cost, kept, now)
            mine = self._reserved.get((owner, shard), 0)
            wait = bucket.pay(cost, 0 if mine >= cost or reducing else kept + self._kept_for_others(owner, shard), now)
            if mine and not wait:
                self._reserved[owner, shard] = max(0, mine - cost)
            return wait
        wait = max(bucket.wait_s(cost, kept, now) for bucket in self._writes.values())
        if wait == 0:
            for bucket in self._writes.values():
                bucket.take(cost)
        return wait

    def spend_write(self, cost: int, shard: int = 0) -> None:
        """Count a write that goes whatever is left: what reduces exposure is never held back by our own count."""
        bucket = self._bucket(shard)
        bucket.take(min(cost, max(0, bucket.left(self._clock.mono_ns()))))

    def take_balance(self) -> float:
        """Spend the balance endpoint's own token; seconds to wait when it is not there."""
        return self._balance.pay(1, 0, self._clock.mono_ns())

    def end_balance(self) -> None:
        """The balance was answered. Where one read a second is allowed the second counts from here: a first request that had to
        open its connection arrived late, and the venue's bucket saw that."""
        if self._balance.capacity == 1:
            self._balance.empty(self._clock.mono_ns())

    def reserve(self, owner: bytes, orders: int, shard: int = 0) -> float:
        """Keep the tokens of that many creates for owner until it spends or releases them (B-431).

        Seconds until they will be there, and nothing kept, when they are not: what exits keep and what others reserved does not
        count. More than the bucket holds is never there, and told as the wait a larger bucket would need.
        """
        bucket, cost = self._bucket(shard), orders * self._costs[_CREATE]
        needed = cost + _KEPT_WRITES * self._default_cost + self._kept_for_others(owner, shard)
        missing = needed - bucket.left(self._clock.mono_ns())
        if missing > 0:
            return missing / bucket.rate
        self._reserved[owner, shard] = cost
        return 0.0

    def release(self, owner: bytes) -> None:
        """Give back what owner did not spend."""
        for key in [key for key in self._reserved if key[0] == owner]:
            del self._reserved[key]

    def _kept_for_others(self, owner: bytes, shard: int) -> int:
        return sum(tokens for (name, of), tokens in self._reserved.items() if of == shard and name != owner)

    def burst(self, shard: int = 0) -> int:
        """The largest cost that can ever fit at once: what a batch has to stay below."""
        return self._bucket(shard).capacity

    def apply_throttled(self, kind: Literal["read", "write", "balance"], shard: int = 0) -> None:
        """The venue answered 429: its bucket is empty, whatever we counted."""
        self._throttled += 1
        bucket = {"read": self._read, "balance": self._balance}.get(kind) or self._bucket(shard)
        bucket.empty(self._clock.mono_ns())

    def _bucket(self, shard: int) -> _Bucket:
        bucket = self._writes.get(shard)
        if bucket is None:
            bucket = self._writes[shard] = _Bucket(*self._write_terms, self._clock.mono_ns())
        return bucket

    def statistics(self) -> BudgetStatistics:
        now = self._clock.mono_ns()
        return BudgetStatistics(
            tier=self._tier,
            read=self._read.left(now),
            writes={shard: bucket.left(now) for shard, bucket in self._writes.items()},
            throttled=self._throttled,
        )
