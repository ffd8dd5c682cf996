"""Faults by name, for the control path and the script: each is one call of a core's own switch.

    both        drop_sessions · freeze · thaw · drop_after_accept · 500_after_accept · 429 (count=n)
    kalshi      the list in kalshi_faults.py; those of a market take its ticker
    polymarket  the list in polymarket_faults.py; those of a market take its condition id

A fault that fails the next order answers once; the others hold until undone. Names are stable: demos, tests and people type
them.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_faults import MARKET_FAULTS as KALSHI_MARKETS
from trading.sim.kalshi_faults import KalshiFaults
from trading.sim.polymarket import PolymarketSim
from trading.sim.polymarket_faults import MARKET_FAULTS as POLYMARKET_MARKETS
from trading.sim.polymarket_faults import PolymarketFaults

__all__ = ["Cleared", "Faults"]

_UNDO: Mapping[str, Mapping[str, str]] = {
    "kalshi": {
        "freeze": "thaw",
        "pause": "resume",
        "pause_exchange": "resume_exchange",
        "stop_transfers": "resume_transfers",
        "thursday": "thursday_over",
        "lapse_attestation": "attest",
        "stop_heartbeat": "resume_heartbeat",
        "status_503": "status_200",
    },
    "polymarket": {
        "freeze": "thaw",
        **dict.fromkeys(("restart", "post_only", "cancel_only", "disabled"), "normal"),
        "stale_cache": "fresh_cache",
        "phantom": "no_phantom",
        **dict.fromkeys(("no_allowance", "finite_allowance"), "full_allowance"),
        **dict.fromkeys(("closed_only", "banned"), "unrestricted"),
    },
}
"""Which fault ends which. Knobs are put back to what they were instead; what happened to a market stays."""

_MARKETS: Mapping[str, frozenset[str]] = {"kalshi": KALSHI_MARKETS, "polymarket": POLYMARKET_MARKETS}


class Cleared(NamedTuple):
    """What clear() threw to end faults, and the faults whose traces stay: a market that is closed or settled."""

    undone: tuple[tuple[str, str], ...]
    left: tuple[tuple[str, str], ...]


class Faults:
    """The switchboard. throw() raises ValueError naming what exists."""

    def __init__(self, kalshi: KalshiSim, polymarket: PolymarketSim) -> None:
        self._venues: Mapping[str, KalshiFaults | PolymarketFaults] = {
            "kalshi": KalshiFaults(kalshi),
            "polymarket": PolymarketFaults(polymarket),
        }
        self._sims: Mapping[str, KalshiSim | PolymarketSim] = {"kalshi": kalshi, "polymarket": polymarket}
        self._knobs: dict[str, dict[str, Any]] = {}
        """The settings of a venue as they were before its first fault."""
        self.thrown: list[tuple[str, str]] = []

    @property
    def venues(self) -> tuple[str, ...]:
        return tuple(self._venues)

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
        self._knobs.setdefault(venue, _values(self._settings(venue)))
        found.throw(fault, count, market)
        self.thrown.append((venue, fault))

    def clear(self) -> "Cleared":
        """End what holds, disarm what was to strike next, put every knob back. Markets and lost streams stay as they are."""
        undone: list[tuple[str, str]] = []
        left: list[tuple[str, str]] = []
        for venue, fault in dict.fromkeys(self.thrown):
            undo = _UNDO[venue].get(fault)
            if undo is not None and (venue, undo) not in undone:
                self._venues[venue].throw(undo)
                undone.append((venue, undo))
            elif fault in _MARKETS[venue]:
                left.append((venue, fault))
        for venue, knobs in self._knobs.items():
            self._sims[venue].disarm()
            for name, value in knobs.items():
                setattr(self._settings(venue), name, value)
        self._knobs.clear()
        self.thrown.clear()
        return Cleared(tuple(undone), tuple(left))

    def _settings(self, venue: str) -> Any:
        sim = self._sims[venue]
        return sim.rules if isinstance(sim, KalshiSim) else sim.settings


def _values(settings: Any) -> dict[str, Any]:
    return {field.name: getattr(settings, field.name) for field in fields(settings)}
