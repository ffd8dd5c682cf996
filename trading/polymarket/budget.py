"""Rate limits kept before the venue has to (polymarket.md 10, B-212): windows per address, token buckets per signer.

Layer 1 counts requests per endpoint in sliding windows of 10 s and 10 min; layer 2 counts orders and cancels of one signer and is
a true 429. Both start below the documented limits. Layer 2 follows the venue's own headers: the tier sets the rate, Remaining
corrects the count downwards, Retry-After holds cancels back. Nothing here waits; what does not fit is told with its wait.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import msgspec

from trading.clock import SECOND, Clock
from trading.polymarket.orders import retry_after
from trading.units import MonoNs

__all__ = ["LIMITS", "TIERS", "BudgetStatistics", "SignerBudget", "Windows", "endpoint"]

Kind = Literal["orders", "cancels"]

_TEN, _TEN_MINUTES, _MINUTE = 10 * SECOND, 600 * SECOND, 60 * SECOND
LIMITS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "clob": ((_TEN, 9_000),),
    "POST /order": ((_TEN, 5_000), (_TEN_MINUTES, 120_000)),
    "DELETE /order": ((_TEN, 5_000), (_TEN_MINUTES, 120_000)),
    "POST /orders": ((_TEN, 2_000), (_TEN_MINUTES, 21_000)),
    "DELETE /orders": ((_TEN, 2_000), (_TEN_MINUTES, 15_000)),
    "DELETE /cancel-all": ((_TEN, 250), (_TEN_MINUTES, 6_000)),
    "DELETE /cancel-market-orders": ((_TEN, 1_500), (_TEN_MINUTES, 21_000)),
    "GET /book": ((_TEN, 1_500),),
    "GET /price": ((_TEN, 1_500),),
    "GET /midpoint": ((_TEN, 1_500),),
    "POST /books": ((_TEN, 500),),
    "POST /prices": ((_TEN, 500),),
    "POST /midpoints": ((_TEN, 500),),
    "GET /prices-history": ((_TEN, 1_000),),
    "GET /tick-size": ((_TEN, 200),),
    "GET /balance-allowance": ((_TEN, 200),),
    "GET /balance-allowance/update": ((_TEN, 50),),
    "auth": ((_TEN, 100),),
    "GET /ok": ((_TEN, 100),),
    "ledger": ((_TEN, 900),),
    "GET /data/orders": ((_TEN, 500),),
    "GET /data/trades": ((_TEN, 500),),
    "gamma": ((_TEN, 4_000),),
    "gamma lists": ((_TEN, 900),),
    "gamma events": ((_TEN, 500),),
    "gamma markets": ((_TEN, 300),),
    "gamma public-search": ((_TEN, 350),),
    "gamma tags": ((_TEN, 200),),
    "data": ((_TEN, 800),),
    "data positions": ((_TEN, 150),),
    "data trades": ((_TEN, 200),),
    "relayer POST /submit": ((_MINUTE, 25),),
}
"""(span in ns, most requests) by name; the lower of two stated figures."""

TIERS: Mapping[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "standard": ((40, 60), (80, 120)),
    "copper": ((60, 90), (120, 180)),
    "bronze": ((80, 120), (160, 240)),
    "silver": ((200, 300), (400, 600)),
    "gold": ((400, 600), (800, 1200)),
    "platinum": ((450, 675), (900, 1350)),
    "diamond": ((525, 787), (1050, 1575)),
    "elite": ((600, 900), (1200, 1800)),
}
"""((orders a second, burst), (cancels a second, burst)) by tier; unknown ones count as standard."""

_SLOTS = 20
_SHARE = 0.8
"""Part of a documented limit that is used: others may share the address."""
_LEDGER = ("/data/order/", "/data/orders", "/data/trades", "/notifications")


@lru_cache(maxsize=256)
def endpoint(method: str, path: str) -> tuple[str, ...]:
    """The names of LIMITS under which a CLOB request counts."""
    names = ["clob", f"{method} {path}"]
    if path.startswith("/auth/"):
        names.append("auth")
    if path.startswith(_LEDGER):
        names.append("ledger")
    return tuple(name for name in names if name in LIMITS)


class _Window:
    """A sliding window in twentieths: a slot counts until all of it is out of the window, so it errs on the safe side."""

    __slots__ = ("_at", "_most", "_slot_ns", "_slots", "_sum")

    def __init__(self, span: int, most: int) -> None:
        self._slot_ns = span // _SLOTS
        self._most = most
        self._slots: dict[int, int] = {}
        self._sum = 0
        self._at = -1

    def wait_ns(self, now: MonoNs) -> int:
        """Nanoseconds until one more fits, 0 when it does."""
        slot = now // self._slot_ns
        if slot != self._at:  # only a new slot can let an old one go
            self._at = slot
            for old in [number for number in self._slots if number < slot - _SLOTS]:
                self._sum -= self._slots.pop(old)
        if self._sum < self._most:
            return 0
        return int((min(self._slots) + _SLOTS + 1) * self._slot_ns - now)

    def take(self) -> None:
        """Count one in the slot of the last wait_ns."""
        self._slots[self._at] = self._slots.get(self._at, 0) + 1
        self._sum += 1


class Windows:
    """Layer 1. share is the part of them that is ours, where other processes ask from the same address."""

    def __init__(self, clock: Clock, share: float = 1.0) -> None:
        self._clock = clock
        self._share = _SHARE * share
        self._windows: dict[str, tuple[_Window, ...]] = {}
        self._chosen: dict[tuple[str, ...], tuple[_Window, ...]] = {}

    def take(self, *names: str) -> float:
        """Count a request under each name; seconds to wait, and nothing counted, when one of them is full."""
        now = self._clock.mono_ns()
        windows = self._chosen.get(names)
        if windows is None:
            windows = self._chosen[names] = tuple(window for name in names for window in self._of(name))
        wait = 0
        for window in windows:
            wait = max(wait, window.wait_ns(now))
        if wait:
            return wait / SECOND
        for window in windows:
            window.take()
        return 0.0

    def _of(self, name: str) -> tuple[_Window, ...]:
        known = self._windows.get(name)
        if known is None:
            known = tuple(_Window(span, max(1, int(most * self._share))) for span, most in LIMITS.get(name, ()))
            self._windows[name] = known
        return known


class BudgetStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of layer 2. warned: the venue itself said that little is left."""

    tier: str
    orders: int
    cancels: int
    warned: bool


class _Bucket:
    __slots__ = ("_at", "_closed_until", "_tokens", "burst", "rate")

    def __init__(self, rate: int, burst: int, now: MonoNs) -> None:
        self.rate, self.burst = rate, burst
        self._tokens = burst * SECOND  # in token-nanoseconds: integers only
        self._at = now
        self._closed_until = MonoNs(0)

    def _refill(self, now: MonoNs) -> None:
        self._tokens = min(self.burst * SECOND, self._tokens + (now - self._at) * self.rate)
        self._at = now

    def left(self, now: MonoNs) -> int:
        self._refill(now)
        return 0 if now < self._closed_until else self._tokens // SECOND

    def wait_s(self, cost: int, keep: int, now: MonoNs) -> float:
        """Seconds until cost fits with keep left over, 0 when it does."""
        self._refill(now)
        missing = (cost + keep) * SECOND - self._tokens
        return max(0.0, missing / self.rate / SECOND, (self._closed_until - now) / SECOND)

    def take(self, cost: int) -> None:
        self._tokens -= cost * SECOND

    def set_terms(self, rate: int, burst: int, now: MonoNs) -> None:
        self._refill(now)
        self.rate, self.burst = rate, burst
        self._tokens = min(self._tokens, burst * SECOND)

    def lower(self, left: int, now: MonoNs) -> None:
        """The venue counts fewer than we do: other processes share the signer."""
        self._refill(now)
        self._tokens = min(self._tokens, max(0, left) * SECOND)

    def close(self, seconds: float, now: MonoNs) -> None:
        self._closed_until = MonoNs(max(self._closed_until, now + int(seconds * SECOND)))
        self._tokens = min(self._tokens, 0)


class SignerBudget:
    """Layer 2 of one signer. reserved orders are kept for legs that reduce exposure (B-437); share as for Windows."""

    def __init__(self, clock: Clock, *, tier: str = "standard", reserved: int = 3, share: float = 1.0) -> None:
        self._clock = clock
        self._share = share
        self._reserved = reserved
        self._tier = tier
        self._warned = False
        self._no_arb_until = MonoNs(0)
        self._kept_for: dict[bytes, int] = {}
        """Orders kept for an owner; their tokens are still in the bucket."""
        now = clock.mono_ns()
        terms = TIERS.get(tier, TIERS["standard"])
        self._buckets: dict[Kind, _Bucket] = {
            "orders": _Bucket(*self._ours(terms[0]), now),
            "cancels": _Bucket(*self._ours(terms[1]), now),
        }

    def _ours(self, terms: tuple[int, int]) -> tuple[int, int]:
        rate, burst = (max(1, int(part * self._share)) for part in terms)
        return rate, burst

    def burst(self, kind: Kind) -> int:
        """The largest cost that can ever succeed (polymarket.md 10)."""
        return self._buckets[kind].burst

    def take(self, kind: Kind, cost: int = 1, *, reducing: bool = False, owner: bytes = b"") -> float:
        """Spend cost; seconds to wait, and nothing spent, when it does not fit. owner spends what was reserved for it first."""
        now, bucket = self._clock.mono_ns(), self._buckets[kind]
        mine = self._kept_for.get(owner, 0) if kind == "orders" else 0
        keep = 0
        if kind == "orders" and not reducing and mine < cost:
            keep = self._reserved + sum(self._kept_for.values()) - mine
        wait = bucket.wait_s(cost, keep, now)
        if wait == 0:
            bucket.take(cost)
            if mine:
                self._kept_for[owner] = max(0, mine - cost)
        return wait

    def reserve(self, owner: bytes, orders: int, shard: int = 0) -> float:
        """Keep that many orders for owner until it spends or releases them (B-431); there are no shards here.

        Seconds until they will be there, and nothing kept, when they are not: what exits keep and what others reserved does not
        count. More than the burst is never there, and told as the wait a larger one would need.
        """
        now = self._clock.mono_ns()
        others = sum(kept for name, kept in self._kept_for.items() if name != owner)
        wait = self._buckets["orders"].wait_s(orders, self._reserved + others, now)
        wait = max(wait, (self._no_arb_until - now) / SECOND)
        if wait == 0:
            self._kept_for[owner] = orders
        return wait

    def release(self, owner: bytes) -> None:
        """Give back what owner did not spend."""
        self._kept_for.pop(owner, None)

    def apply_answer(self, kind: Kind, status: int, headers: Mapping[str, str], body: object = None) -> None:
        """Follow the headers of an order's or cancel's answer."""
        now, bucket = self._clock.mono_ns(), self._buckets[kind]
        tier = headers.get("poly-ratelimit-tier", "").lower()
        if tier in TIERS and tier != self._tier:
            self._tier = tier
            for known, terms in zip(self._buckets.values(), TIERS[tier], strict=True):
                known.set_terms(*self._ours(terms), now)
        left = headers.get("poly-ratelimit-remaining", "")
        if left.isascii() and left.isdecimal():
            bucket.lower(int(left), now)
        if "poly-ratelimit-remaining" in headers:
            self._warned = headers.get("poly-ratelimit-warning", "").lower() == "true"
        if status == 429:
            seconds = retry_after(headers, body) or 1.0
            if kind == "cancels":
                bucket.close(seconds, now)
            else:
                # An order is not held back for Retry-After: a hedge that is refused loses nothing, one that is not sent may lose
                # its price. But no new arb begins while its second leg would be refused like this one.
                self._no_arb_until = MonoNs(max(self._no_arb_until, now + int(seconds * SECOND)))

    def statistics(self) -> BudgetStatistics:
        now = self._clock.mono_ns()
        return BudgetStatistics(
            tier=self._tier,
            orders=self._buckets["orders"].left(now),
            cancels=self._buckets["cancels"].left(now),
            warned=self._warned,
        )
