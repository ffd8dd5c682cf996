"""Things the simulated Kalshi does later: expiries, timed closes, settlement timers, frames that trail an answer."""

import heapq
from collections.abc import Callable

from trading.clock import Clock
from trading.units import MonoNs, WallNs

__all__ = ["Timers"]


class Timers:
    """A heap of (due, order of asking, work); equal times run in the order they were asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._asked = 0

    def at(self, due: MonoNs, work: Callable[[], None]) -> None:
        self._asked += 1
        heapq.heappush(self._heap, (due, self._asked, work))

    def after(self, ns: int, work: Callable[[], None]) -> None:
        self.at(MonoNs(self._clock.mono_ns() + ns), work)

    def at_wall(self, wall: WallNs, work: Callable[[], None]) -> None:
        """Do work at a wall time; one that has passed is due at once."""
        self.after(max(0, wall - self._clock.wall_ns()), work)

    def next_due(self) -> MonoNs | None:
        return MonoNs(self._heap[0][0]) if self._heap else None

    def run_due(self) -> None:
        """Run everything due by now, also what that work makes due."""
        while self._heap and self._heap[0][0] <= self._clock.mono_ns():
            heapq.heappop(self._heap)[2]()
