"""Faults by name, for the control path and the script: each is one call of a core's own switch.

    both        drop_sessions · freeze · thaw · drop_after_accept · 500_after_accept · 429 (count=n)
    kalshi      the list in kalshi_faults.py; those of a market take its ticker
    polymarket  the list in polymarket_faults.py; those of a market take its condition id

A fault that fails the next order answers once; the others hold until undone. Names are stable: demos, tests and people type
them.
"""

from collections.abc import Mapping

from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_faults import KalshiFaults
from trading.sim.polymarket import PolymarketSim
from trading.sim.polymarket_faults import PolymarketFaults

__all__ = ["Faults"]


class Faults:
    """The switchboard. throw() raises ValueError naming what exists."""

    def __init__(self, kalshi: KalshiSim, polymarket: PolymarketSim) -> None:
        self._venues: Mapping[str, KalshiFaults | PolymarketFaults] = {
            "kalshi": KalshiFaults(kalshi),
            "polymarket": PolymarketFaults(polymarket),
        }
        self.thrown: list[tuple[str, str]] = []

    def names(self, venue: str) -> tuple[str, ...]:
        found = self._venues.get(venue)
        return () if found is None else found.names

    def throw(self, venue: str, fault: str, count: int = 1, market: str = "") -> None:
        """Throw a fault count times, on one market where it strikes one.

        Raises ValueError on an unknown venue, fault or market, a count outside 1..1000, or a market that cannot take it.
        """
        found = self._venues.get(venue)
        if found is None:
            raise ValueError(f"venue {venue!r} is none of {', '.join(self._venues)}")
        if fault not in found.names:
            raise ValueError(f"{venue} has no fault {fault!r}; it has {', '.join(found.names)}")
        if not 1 <= count <= 1_000:
            raise ValueError(f"count {count} is outside 1..1000")
        found.throw(fault, count, market)
        self.thrown.append((venue, fault))
