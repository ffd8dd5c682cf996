"""How long takers are really held, market by market (B-445, polymarket.md 8).

    answer "delayed" ─► begin        first truth that is no longer "held" ─► end: acknowledged -> matched

The venue declares a hold, but does not say when it applies; a "delayed" on a market declared free is news. The end is seen when
it is asked for or streamed, so a measured hold errs on the long side. A result carries both moments as the stages "held" and
"released".
"""

from collections import deque
from collections.abc import Mapping

import msgspec

from trading.clock import SECOND
from trading.ids import LegId
from trading.market import MarketId
from trading.order import LegResult
from trading.units import MonoNs

__all__ = ["HoldMeter"]

_LAST = 50
_OPEN_MOST = 1_000
_LONGEST_NS = 60 * SECOND
"""A longer one tells of a sleeping process or a lost order, not of the venue."""


class HoldMeter:
    """Holds of the orders of this process."""

    def __init__(self) -> None:
        self._began: dict[LegId, tuple[MarketId, MonoNs]] = {}
        self._measured: dict[MarketId, deque[int]] = {}

    def begin(self, leg: LegId, market: MarketId, now: MonoNs) -> None:
        """The venue answered "delayed"."""
        while len(self._began) >= _OPEN_MOST:
            self._began.pop(next(iter(self._began)))
        self._began.setdefault(leg, (market, now))

    def end(self, result: LegResult, now: MonoNs) -> LegResult:
        """The result with the stages of its hold, if that has ended with it; else as it is."""
        if result.state in ("held", "unknown") or result.leg_id not in self._began:
            return result
        market, began = self._began.pop(result.leg_id)
        if not 0 <= now - began <= _LONGEST_NS:
            return result
        self._measured.setdefault(market, deque(maxlen=_LAST)).append(now - began)
        return msgspec.structs.replace(result, stages=(*result.stages, ("held", began), ("released", now)))

    def longest(self, market: MarketId) -> int:
        """Nanoseconds of the longest of the last 50 holds, 0 when none was measured."""
        return max(self._measured.get(market, ()), default=0)

    def measured(self) -> Mapping[MarketId, tuple[int, ...]]:
        """The last 50 holds of each market in ns, oldest first."""
        return {market: tuple(holds) for market, holds in self._measured.items()}
