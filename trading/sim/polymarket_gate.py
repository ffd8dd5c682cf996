"""What stands before the engine: modes after a restart, both layers of rate limits, one-off faults (polymarket.md 7.5 and 10).

    restarting (425) ──► post_only (503, two minutes) ──► normal          cancel_only and disabled (503) are set by hand

Layer 1 counts requests of one endpoint in sliding windows; layer 2 is a token bucket per signer that counts orders. A one-off
fault strikes the next POST of orders, or the next read.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Literal

from trading.clock import SECOND
from trading.sim.bucket import Bucket
from trading.sim.core import Response
from trading.sim.polymarket_books import reply
from trading.sim.polymarket_data import Json
from trading.sim.polymarket_state import SimState

__all__ = ["FAULTS", "READ_FAULTS", "REFUSALS", "TIERS", "Gate", "Mode"]

Mode = Literal["normal", "restarting", "post_only", "cancel_only", "disabled"]
REFUSALS: Mapping[str, tuple[int, str]] = {
    "order_version_mismatch": (400, "order_version_mismatch"),
    "match_delayed": (400, "order match delayed due to market conditions"),
    "not_ready": (400, "the market is not yet ready to process new orders"),
    "500_timed_out": (500, "order timed out"),
    "500_before_accept": (500, "could not insert order"),
    "500_no_matching": (500, "there are no matching orders"),
    "500_rounding": (500, "the trade contains rounding issues"),
    "425": (425, "Too Early"),
}
"""Faults that refuse a POST of orders with these words; nothing was taken in."""

FAULTS: frozenset[str] = frozenset(
    {*REFUSALS, "drop_after_accept", "drop_before_accept", "500_after_accept", "429", "429_date", "429_cloudflare"},
)
READ_FAULTS: frozenset[str] = frozenset({"429", "500", "503", "drop"})
"""What may happen to the next GET, Gamma's and the Data API's included."""

TIERS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "standard": ((40, 60), (80, 120)),
    "copper": ((60, 90), (120, 180)),
    "bronze": ((80, 120), (160, 240)),
    "silver": ((200, 300), (400, 600)),
    "gold": ((400, 600), (800, 1200)),
    "platinum": ((450, 675), (900, 1350)),
    "diamond": ((525, 787), (1050, 1575)),
    "elite": ((600, 900), (1200, 1800)),
}
"""Tier -> (orders a second, burst), (cancels a second, burst)."""

_TEN, _TEN_MIN = 10 * SECOND, 600 * SECOND
_WINDOWS: dict[str, tuple[tuple[int, int], ...]] = {
    "overall": ((_TEN, 9000),),
    "POST /order": ((_TEN, 5000), (_TEN_MIN, 120_000)),
    "DELETE /order": ((_TEN, 5000), (_TEN_MIN, 120_000)),
    "POST /orders": ((_TEN, 2000), (_TEN_MIN, 21_000)),
    "DELETE /orders": ((_TEN, 2000), (_TEN_MIN, 15_000)),
    "DELETE /cancel-all": ((_TEN, 250), (_TEN_MIN, 6_000)),
    "DELETE /cancel-market-orders": ((_TEN, 1500), (_TEN_MIN, 21_000)),
    "GET /book": ((_TEN, 1500),),
    "GET /price": ((_TEN, 1500),),
    "GET /midpoint": ((_TEN, 1500),),
    "POST /books": ((_TEN, 500),),
    "POST /prices": ((_TEN, 500),),
    "POST /midpoints": ((_TEN, 500),),
    "GET /tick-size": ((_TEN, 200),),
    "GET /balance-allowance": ((_TEN, 200),),
    "GET /balance-allowance/update": ((_TEN, 50),),
    "GET /prices-history": ((_TEN, 1000),),
    "GET /notifications": ((_TEN, 125),),
    "auth": ((_TEN, 100),),
    "GET /ok": ((_TEN, 100),),
    "ledger": ((_TEN, 900),),
    "GET /data/orders": ((_TEN, 500),),
    "GET /data/trades": ((_TEN, 500),),
    "gamma": ((_TEN, 4000),),
    "gamma events": ((_TEN, 500),),
    "gamma markets": ((_TEN, 300),),
    "gamma lists": ((_TEN, 900),),
    "gamma public-search": ((_TEN, 350),),
    "gamma tags": ((_TEN, 200),),
    "data": ((_TEN, 1000),),
    "data positions": ((_TEN, 150),),
    "data trades": ((_TEN, 200),),
    "relayer submit": ((60 * SECOND, 25),),
}


@dataclass(slots=True)
class Gate:
    """Modes, limits and faults of one venue. faults are used up one per POST of orders, read_faults one per GET."""

    state: SimState
    mode: Mode = "normal"
    mode_until: int = 0
    faults: deque[str] = field(default_factory=deque)
    read_faults: deque[str] = field(default_factory=deque)
    _epoch: int = 0
    _seen: dict[str, deque[int]] = field(default_factory=dict)
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    # --- modes -------------------------------------------------------------------------------------------------------------

    def set_mode(self, mode: Mode, for_ns: int | None = None) -> None:
        """Set a mode; restarting passes through post_only to normal by itself, others last for_ns or until the next call."""
        settings = self.state.settings
        lasting = {"restarting": settings.restart_ns, "post_only": settings.post_only_ns}.get(mode)
        lasting = lasting if for_ns is None else for_ns
        self.mode = mode
        self._epoch += 1
        if lasting is None or mode == "normal":
            return
        self.mode_until = self.state.clock.mono_ns() + lasting
        epoch, following = self._epoch, "post_only" if mode == "restarting" else "normal"

        def leave() -> None:
            if self._epoch == epoch:
                self.set_mode("post_only" if following == "post_only" else "normal")

        self.state.timers.after(lasting, leave)

    def _left_s(self) -> int:
        return max(1, -(-(self.mode_until - self.state.clock.mono_ns()) // SECOND))

    def engine_away(self, *, cancels: bool) -> Response | None:
        """The answer when the engine takes nothing of this kind at all: 425 in a restart, 503 when disabled or cancel-only."""
        if self.mode == "restarting":
            return reply({"error": "Too Early"}, 425, {"retry-after": "5"})
        if self.mode == "disabled":
            text = "Trading is currently disabled. Check polymarket.com for updates"
            return reply({"error": text}, 503)
        if self.mode == "cancel_only" and not cancels:
            text = "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
            return reply({"error": text}, 503)
        return None

    def post_only_error(self) -> Json | None:
        """The body that refuses an order which is not post-only during the two minutes after a restart."""
        if self.mode != "post_only":
            return None
        text = "post-only mode: only post-only orders and cancels are allowed"
        return {"error": text, "code": "post_only_mode", "retry_after_seconds": self._left_s()}

    # --- limits ------------------------------------------------------------------------------------------------------------

    def allow_request(self, *names: str) -> Response | None:
        """Layer 1: count a request under each of its names; a 429 when one window is full."""
        if not self.state.settings.limits_enabled:
            return None
        now = self.state.clock.mono_ns()
        for name in names:
            for span, most in _WINDOWS.get(name, ()):
                seen = self._seen.setdefault(f"{name} {span}", deque())
                while seen and seen[0] <= now - span:
                    seen.popleft()
                if len(seen) >= most:
                    wait = max(1, -(-(seen[0] + span - now) // SECOND))
                    return reply({"error": "Too Many Requests"}, 429, {"retry-after": str(wait)})
                seen.append(now)
        return None

    def spend(self, owner: str, kind: Literal["orders", "cancels"], cost: int) -> tuple[Response | None, dict[str, str]]:
        """Layer 2: (429 or None, Poly-RateLimit headers). A batch that does not fit is refused whole."""
        settings = self.state.settings
        if not settings.limits_enabled:
            return None, {}
        rate, burst = TIERS[settings.tier][0 if kind == "orders" else 1]
        now = self.state.clock.mono_ns()
        bucket = self._buckets.get((owner, kind))
        if bucket is None or bucket.capacity != burst:
            bucket = self._buckets[owner, kind] = Bucket(rate, burst, now)  # another tier begins full
        bucket.refill(now)
        fits = bucket.fits(cost)
        if fits:
            bucket.take(cost)
        headers = {
            "poly-ratelimit-remaining": str(bucket.tokens),
            "poly-ratelimit-reset": str(self.state.seconds() + bucket.wait_s(burst)),
            "poly-ratelimit-tier": settings.tier.capitalize(),
        }
        if not bucket.fits(-(-burst // 5)):
            headers["poly-ratelimit-warning"] = "true"
        if fits:
            return None, headers
        wait = max(1, bucket.wait_s(cost))
        headers["retry-after"] = str(wait)
        return reply({"error": "rate limit exceeded", "retry_after_seconds": wait}, 429, headers), headers

    # --- faults ------------------------------------------------------------------------------------------------------------

    def take_fault(self) -> str | None:
        return self.faults.popleft() if self.faults else None

    def early_fault(self, fault: str | None) -> Response | None:
        """The answer of a fault that strikes before anything is taken in."""
        if fault is not None and fault in REFUSALS:
            status, text = REFUSALS[fault]
            return reply({"error": text}, status, {"retry-after": "5"} if status == 425 else None)
        if fault == "drop_before_accept":
            return Response(0, b"", drop=True)
        if fault == "429":
            return reply({"error": "rate limit exceeded", "retry_after_seconds": 1}, 429, {"retry-after": "1"})
        if fault == "429_date":  # Retry-After may be an HTTP date
            return reply(
                {"error": "rate limit exceeded"}, 429, {"retry-after": formatdate(self.state.seconds() + 1, usegmt=True)}
            )
        if fault == "429_cloudflare":
            return Response(429, b"error code: 1015", {"content-type": "text/plain; charset=UTF-8", "retry-after": "10"})
        return None

    def read_fault(self) -> Response | None:
        """The answer of a fault of the next GET."""
        fault = self.read_faults.popleft() if self.read_faults else None
        if fault is None:
            return None
        if fault == "drop":
            return Response(0, b"", drop=True)
        if fault == "429":
            return reply({"error": "Too Many Requests"}, 429, {"retry-after": "1"})
        return reply({"error": "internal server error" if fault == "500" else "service unavailable"}, int(fault))
