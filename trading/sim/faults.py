"""Faults by name, for the control path and the script: each is one call of a core's own switch.

    both        drop_sessions · freeze · thaw · drop_after_accept · 500_after_accept · 429 (count=n)
    kalshi      the list in kalshi_faults.py; those of a market take its ticker
    polymarket  restart · post_only · cancel_only · disabled · normal · 425 · ghost · retry

A fault that fails the next order answers once; the others hold until undone. Names are stable: demos, tests and people type
them.
"""

from collections.abc import Callable, Mapping
from functools import partial

from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_faults import KalshiFaults
from trading.sim.polymarket import PolymarketSim

__all__ = ["Faults"]

Switch = Callable[[int], object]
"""Throws the fault; the argument is how often (only where that means something)."""


class Faults:
    """The switchboard. throw() raises ValueError naming what exists."""

    def __init__(self, kalshi: KalshiSim, polymarket: PolymarketSim) -> None:
        self._kalshi = KalshiFaults(kalshi)
        self._switches: Mapping[str, Mapping[str, Switch]] = {
            "kalshi": {name: partial(self._kalshi.throw, name) for name in self._kalshi.names},
            "polymarket": {
                "drop_sessions": lambda _: polymarket.drop_sessions(),
                "freeze": lambda _: polymarket.freeze_streams(True),
                "thaw": lambda _: polymarket.freeze_streams(False),
                "restart": lambda _: polymarket.restart(),
                "post_only": lambda _: polymarket.set_mode("post_only"),
                "cancel_only": lambda _: polymarket.set_mode("cancel_only"),
                "disabled": lambda _: polymarket.set_mode("disabled"),
                "normal": lambda _: polymarket.set_mode("normal"),
                "ghost": lambda _: polymarket.fail_next_trade("ghost"),
                "retry": lambda _: polymarket.fail_next_trade("retry"),
                **{kind: _repeated(polymarket, kind) for kind in ("429", "425", "drop_after_accept", "500_after_accept")},
            },
        }
        self.thrown: list[tuple[str, str]] = []

    def names(self, venue: str) -> tuple[str, ...]:
        return tuple(self._switches.get(venue, ()))

    def throw(self, venue: str, fault: str, count: int = 1, market: str = "") -> None:
        """Throw a fault count times, on one Kalshi market where it names one.

        Raises ValueError on an unknown venue, fault or market, a count outside 1..1000, or a market that cannot take it.
        """
        switches = self._switches.get(venue)
        if switches is None:
            raise ValueError(f"venue {venue!r} is none of {', '.join(self._switches)}")
        switch = switches.get(fault)
        if switch is None:
            raise ValueError(f"{venue} has no fault {fault!r}; it has {', '.join(switches)}")
        if not 1 <= count <= 1_000:
            raise ValueError(f"count {count} is outside 1..1000")
        if market and venue != "kalshi":
            raise ValueError(f"{venue} faults strike no single market")
        if market:
            self._kalshi.throw(fault, count, market)
        else:
            switch(count)
        self.thrown.append((venue, fault))


def _repeated(polymarket: PolymarketSim, kind: str) -> Switch:
    def switch(count: int) -> None:
        for _ in range(count):
            polymarket.fail_next(kind)

    return switch
