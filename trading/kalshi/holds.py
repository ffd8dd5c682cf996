"""How long the venue held each market's takers: the order's own time to the time of its taker fills (B-445).

    create answered ─► acknowledge(ts_ms)        fills of the look-up or the stream ─► observe: fill time - order time

Both stamps are the matching engine's, so neither clock skew nor our network is in the figure. Kalshi declares no hold: nearly
every figure is 0, and one that is not is news, carried by the result as the stages "held" and "released".
"""

from collections import deque
from collections.abc import Mapping

import msgspec

from trading.clock import MS, SECOND
from trading.ids import LegId
from trading.market import MarketId
from trading.order import LegResult
from trading.units import MonoNs

__all__ = ["HoldMeter"]

_LAST = 50
_OPEN_MOST = 1_000
_LONGEST_NS = 60 * SECOND
"""A longer one tells of an order that rested, not of a hold."""
_LEAST_NS = 20 * MS
"""A shorter one is the engine at work; stamps are whole milliseconds, and REST fills may carry whole seconds."""


class _Stamp(msgspec.Struct, frozen=True):
    ts_ms: int | None = None


class HoldMeter:
    """Holds of the orders of this process."""

    def __init__(self) -> None:
        self._acknowledged: dict[LegId, tuple[MarketId, int, MonoNs]] = {}
        self._measured: dict[MarketId, deque[int]] = {}

    def acknowledge(self, leg: LegId, market: MarketId, body: bytes, now: MonoNs) -> None:
        """The create was answered; its ts_ms is when the engine took the order. An answer without one is not measured."""
        try:
            stamp = msgspec.json.decode(body, type=_Stamp).ts_ms
        except msgspec.MsgspecError:
            return
        if stamp is None or stamp <= 0:
            return
        while len(self._acknowledged) >= _OPEN_MOST:
            self._acknowledged.pop(next(iter(self._acknowledged)))
        self._acknowledged[leg] = (market, stamp * MS, now)

    def observe(self, result: LegResult) -> LegResult:
        """The result with the stages of its hold, when its fills are all there and came late; else as it is."""
        if not result.fills or not result.settled or result.leg_id not in self._acknowledged:
            return result
        market, taken_at, now = self._acknowledged.pop(result.leg_id)
        waits = [fill.at - taken_at for fill in result.fills if not fill.maker and fill.at % SECOND]
        if not waits or max(waits) > _LONGEST_NS:
            return result
        held = max(0, *waits)
        self._measured.setdefault(market, deque(maxlen=_LAST)).append(held)
        if held < _LEAST_NS:
            return result
        stages = (("held", now), ("released", MonoNs(now + held)))
        return msgspec.structs.replace(result, stages=(*result.stages, *stages))

    def longest(self, market: MarketId) -> int:
        """Nanoseconds of the longest of the last 50 holds, 0 when none was measured."""
        return max(self._measured.get(market, ()), default=0)

    def measured(self) -> Mapping[MarketId, tuple[int, ...]]:
        """The last 50 holds of each market in ns, oldest first."""
        return {market: tuple(holds) for market, holds in self._measured.items()}
