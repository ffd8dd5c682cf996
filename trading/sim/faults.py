"""Faults by name, for the control path and the script: each is one call of a core's own switch.

    both        drop_sessions · freeze · thaw · drop_after_accept · 500_after_accept · 429 (count=n)
    kalshi      gap (count=n) · repeat · reset · pause · resume · pause_exchange · resume_exchange · 503
    polymarket  restart · post_only · cancel_only · disabled · normal · 425 · ghost · retry

A fault that fails the next order answers once; the others hold until undone. Names are stable: demos, tests and people type
them.
"""

from collections.abc import Callable, Mapping
from functools import partial

from trading.sim.kalshi import KalshiSim
from trading.sim.polymarket import PolymarketSim

__all__ = ["Faults"]

Switch = Callable[[int], object]
"""Throws the fault; the argument is how often (only where that means something)."""


class Faults:
    """The switchboard. throw() raises ValueError naming what exists."""

    def __init__(self, kalshi: KalshiSim, polymarket: PolymarketSim) -> None:
        self._switches: Mapping[str, Mapping[str, Switch]] = {
            "kalshi": {
                "drop_sessions": lambda _: kalshi.drop_sessions(),
                "freeze": lambda _: kalshi.freeze_streams(True),
                "thaw": lambda _: kalshi.freeze_streams(False),
                "gap": kalshi.skip_seq,
                "repeat": kalshi.repeat_seq,
                "reset": lambda _: kalshi.reset_seq(),
                "pause": lambda _: kalshi.pause_trading(True),
                "resume": lambda _: kalshi.pause_trading(False),
                "pause_exchange": lambda _: kalshi.pause_exchange(True),
                "resume_exchange": lambda _: kalshi.pause_exchange(False),
                "429": partial(kalshi.fail_next, "429"),
                "503": partial(kalshi.fail_next, "503"),
                "drop_after_accept": partial(kalshi.fail_next, "drop_after_accept"),
                "500_after_accept": partial(kalshi.fail_next, "500_after_accept"),
            },
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

    def throw(self, venue: str, fault: str, count: int = 1) -> None:
        """Throw a fault count times. Raises ValueError on an unknown venue or fault or a count outside 1..1000."""
        switches = self._switches.get(venue)
        if switches is None:
            raise ValueError(f"venue {venue!r} is none of {', '.join(self._switches)}")
        switch = switches.get(fault)
        if switch is None:
            raise ValueError(f"{venue} has no fault {fault!r}; it has {', '.join(switches)}")
        if not 1 <= count <= 1_000:
            raise ValueError(f"count {count} is outside 1..1000")
        switch(count)
        self.thrown.append((venue, fault))


def _repeated(polymarket: PolymarketSim, kind: str) -> Switch:
    def switch(count: int) -> None:
        for _ in range(count):
            polymarket.fail_next(kind)

    return switch
