"""One figure of the benchmark, and how two ways of doing something are timed against each other.

Absolute times on a shared machine move by a factor of two, ratios taken in one run hardly do: subject and reference take turns
over the same input, and the figure is a median of the pairwise ratios (performance.md 11).
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

__all__ = ["Measure", "Turns", "say", "take_turns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure and the most it may be; value None was not measured, more says why. more explains it, named with units."""

    id: str
    value: float | None
    target: float
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def ok(self) -> bool | None:
        return None if self.value is None else round(self.value, 3) <= self.target

    def line(self) -> str:
        """The JSON line of stdout."""
        value = None if self.value is None else round(self.value, 3)
        return json.dumps({"id": self.id, "value": value, "target": self.target, "ok": self.ok, **self.more})


@dataclass(frozen=True, slots=True)
class Turns:
    """CPU ns per item of each turn."""

    subject: tuple[float, ...]
    reference: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median of the turns' own ratios in the quietest fifth of the run: neighbours take cache from the longer path."""
        ratios = [ours / theirs for ours, theirs in zip(self.subject, self.reference, strict=True)]
        part = -(-len(ratios) // 5)
        return min(median(ratios[at : at + part]) for at in range(0, len(ratios) - part + 1, part))

    @property
    def median_ratio(self) -> float:
        """Median of the turns' own ratios over the whole run."""
        return round(median(ours / theirs for ours, theirs in zip(self.subject, self.reference, strict=True)), 3)


def take_turns(
    turns: int, items: int, prepare: Callable[[], tuple[Callable[[], object], Callable[[], object]]], *, warm: int = 2
) -> Turns:
    """Time (subject, reference) of each prepare() one after the other, in changing order, in CPU time of this thread.

    Each handles items items per call. The first warm turns are not counted. The collector rests meanwhile.
    """
    ours, theirs = [], []
    gc.collect()
    gc.disable()
    try:
        for turn in range(warm + turns):
            subject, reference = prepare()
            if turn % 2:
                second, first = _cpu_ns(reference), _cpu_ns(subject)
            else:
                first, second = _cpu_ns(subject), _cpu_ns(reference)
            if turn >= warm:
                ours.append(first / items)
                theirs.append(second / items)
    finally:
        gc.enable()
    return Turns(tuple(ours), tuple(theirs))


def _cpu_ns(work: Callable[[], object]) -> int:
    began = time.thread_time_ns()
    work()
    return time.thread_time_ns() - began


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)
