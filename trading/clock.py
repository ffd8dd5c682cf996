"""Time is passed in: every reader of a clock receives one, so tests and virtual time replace it."""

import os
import time
from collections.abc import Callable
from typing import Protocol, cast

from trading.units import MonoNs, WallNs

__all__ = ["MS", "SECOND", "Clock", "ManualClock", "SystemClock"]

MS = 1_000_000
SECOND = 1_000_000_000


class Clock(Protocol):
    """Both clocks of a process. boot_id (4 bytes) differs between any two runs."""

    boot_id: bytes

    def wall_ns(self) -> WallNs: ...
    def mono_ns(self) -> MonoNs: ...


class SystemClock:
    """The operating system's clocks, bound as they are: every frame reads them three times, and a method with the call of its
    NewType takes ten times as long as the reading."""

    def __init__(self) -> None:
        self.boot_id = os.urandom(4)
        self.wall_ns = cast("Callable[[], WallNs]", time.time_ns)
        self.mono_ns = cast("Callable[[], MonoNs]", time.monotonic_ns)


class ManualClock:
    """A clock that moves only when told: for tests and simulations."""

    def __init__(self, wall: int = 1_790_000_000 * SECOND, mono: int = 1_000 * SECOND, boot_id: bytes = b"test") -> None:
        self.boot_id = boot_id
        self._wall = wall
        self._mono = mono

    def wall_ns(self) -> WallNs:
        return WallNs(self._wall)

    def mono_ns(self) -> MonoNs:
        return MonoNs(self._mono)

    def advance(self, ns: int) -> None:
        """Move both clocks forward."""
        self._wall += ns
        self._mono += ns
