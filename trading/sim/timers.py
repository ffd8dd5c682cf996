"""What a simulated venue does later: expiries, holds, settlement, restarts, frames that trail an answer; and when "later" is.

Everything that will happen is one entry of one heap, so a venue is a function of its clock and its seed.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from trading.clock import Clock
from trading.units import MonoNs, WallNs

__all__ = ["Timers", "parse_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        """Do work ns from now, at once when that is past."""
        self.at(MonoNs(self._clock.mono_ns() + max(0, ns)), work)

    def at_wall(self, wall: WallNs, work: Callable[[], None]) -> None:
        """Do work at a wall time; one that has passed is due at once."""
        self.after(wall - self._clock.wall_ns(), work)

    def next_due(self) -> MonoNs | None:
        return MonoNs(self._heap[0][0]) if self._heap else None

    def run_due(self) -> None:
        """Run everything due by now, also what that work makes due."""
        while self._heap and self._heap[0][0] <= self._clock.mono_ns():
            heapq.heappop(self._heap)[2]()


def parse_time(text: object) -> WallNs | None:
    """Read the venues' ISO forms, "2026-04-05 15:10:00+00" among them, UTC where none is said; None when there is no time."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return WallNs((moment - _EPOCH) // timedelta(microseconds=1) * 1_000)
