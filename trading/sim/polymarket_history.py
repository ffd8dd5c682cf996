"""Past prices of a token: /prices-history of the CLOB and of the Data API (polymarket.md 3).

The venue keeps one price a minute: the minute's last trade, else the first midpoint seen in it.
"""

from trading.sim.polymarket_data import SimMarket, own_price
from trading.units import Price

__all__ = ["INTERVALS", "points"]

INTERVALS: dict[str, int | None] = {
    "1h": 3_600,
    "6h": 21_600,
    "1d": 86_400,
    "1w": 604_800,
    "1m": 2_592_000,
    "max": None,
    "all": None,
}
"""Seconds each interval looks back; None: everything."""

Window = tuple[str | None, str | None, str | None]
"""(interval, start, end) as the query names them; start and end are unix seconds."""


def points(market: SimMarket, outcome: int, now: int, window: Window, fidelity: int) -> list[tuple[int, Price]]:
    """(unix second, price of one outcome), oldest first, at most one in fidelity minutes."""
    interval, start, end = window
    back = INTERVALS.get(interval or "max")
    first = 0 if back is None else now - back
    first = int(start) if start and start.isdecimal() and len(start) < 16 else first
    last = int(end) if end and end.isdecimal() and len(end) < 16 else now
    kept: dict[int, tuple[int, Price]] = {}
    for second, price in market.history:
        if first <= second <= last:
            kept[second // (60 * max(1, fidelity))] = (second, own_price(outcome, price))
    return list(kept.values())
