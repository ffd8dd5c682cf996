"""What the other process's monotonic clock says now, from heartbeats (distributed.md 4.5).

Four stamps per ping give offset and delay; of the last eight the one with the smallest delay counts. Its uncertainty grows
with age, and a leg whose age cannot be told well enough is refused rather than guessed.
"""

from collections import deque

import msgspec

from trading.clock import MS, SECOND
from trading.units import MonoNs

__all__ = ["Age", "ClockOffset"]

_SAMPLES = 8
_DRIFT_PPM = 50


class _Sample(msgspec.Struct, frozen=True):
    offset: int  # their clock minus ours, ns
    delay: int  # ns, both ways, without the time they took to answer
    at: MonoNs


class Age(msgspec.Struct, frozen=True):
    """How old something sent by the other side is, by our best guess, and how far that guess may be off; both in ns."""

    ns: int
    uncertainty: int


class ClockOffset:
    """Feed it every ping's answer; ask it for ages."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_SAMPLES)

    def sample(self, t0: MonoNs, t1: int, t2: int, t3: MonoNs) -> None:
        """We sent at t0 and heard at t3 (our clock); they heard at t1 and answered at t2 (theirs). Nonsense is ignored."""
        delay = (t3 - t0) - (t2 - t1)
        if t3 < t0 or t2 < t1 or delay < 0:
            return
        self._samples.append(_Sample(((t1 - t0) + (t2 - t3)) // 2, delay, t3))

    def reset(self) -> None:
        """Their clock is another one now: a new boot."""
        self._samples.clear()

    def _best(self) -> _Sample | None:
        return min(self._samples, key=lambda one: one.delay, default=None)

    @property
    def delay_ns(self) -> int | None:
        """Round trip of the best recent ping, None before the first."""
        best = self._best()
        return best.delay if best is not None else None

    def age(self, sent: int, now: MonoNs) -> Age | None:
        """Age of something they stamped sent, at our now; None before the first sample."""
        best = self._best()
        if best is None:
            return None
        drift = (now - best.at) * _DRIFT_PPM // 1_000_000
        return Age((now + best.offset) - sent, best.delay // 2 + drift)

    def expired(self, sent: int, ttl_ns: int, now: MonoNs) -> str | None:
        """Why a leg with this time to live may not go at our now; None when it may. ttl_ns counts from sent.

        Refused too while the age is not known to a quarter of the time to live.
        """
        age = self.age(sent, now)
        if age is None:
            return "no clock sample of this session yet"
        if age.uncertainty * 4 > ttl_ns:
            return f"its age is known to {age.uncertainty // MS} ms only, of {ttl_ns // MS} ms to live"
        if age.ns < -age.uncertainty:
            return f"it was sent {-age.ns / SECOND:.3f} s in the future"
        if age.ns > ttl_ns - age.uncertainty:
            return f"it is {age.ns / SECOND:.3f} s old, of {ttl_ns / SECOND:.3f} s to live"
        return None
