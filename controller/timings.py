"""How long the steps of an execution take: frame in, decided, sent, known for good (B-184, B-329, B-334, B-337, B-338).

    frame ──► decided ──► first order sent ──► ... ──► last order final          by the monotonic clock of this process
        frame_to_decision   decision_to_order
                     └──────────── execution ─────────────┘    order_<venue>: one order, sent to final

A venue's hold is taken out: it is the venue's time and not ours. The newest thousand of each are kept; nothing is sorted before
somebody asks.
"""

from collections import deque
from collections.abc import Mapping

import msgspec

from controller.model import ArbClosed, Event
from controller.risk.decision import Approved
from trading.book import BookChanged
from trading.clock import MS
from trading.ids import ArbId, LegId, arb_of, leg_number
from trading.market import Venue
from trading.order import LegResult
from trading.units import MonoNs

__all__ = ["Spread", "Timings"]

_KEPT = 1_000
_US = 1_000


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in milliseconds of the newest thousand; count is how many there were since the start."""

    count: int
    mean: float
    p50: float
    p95: float


class _Kept:
    __slots__ = ("count", "newest")

    def __init__(self) -> None:
        self.count = 0
        self.newest: deque[int] = deque(maxlen=_KEPT)


class _Run:
    """One arb under way."""

    __slots__ = ("decided_at", "finals", "held", "sent", "venues")

    def __init__(self, approved: Approved, now: MonoNs) -> None:
        self.decided_at = now
        self.venues: dict[int, Venue] = {leg_number(leg.leg_id): leg.venue for leg in approved.legs}
        self.finals: dict[LegId, MonoNs] = {}
        self.sent = False
        self.held = 0


class Timings:
    """Hears decisions, results and ends from the runtime."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._runs: dict[ArbId, _Run] = {}

    def decided(self, approved: Approved, event: Event, now: MonoNs) -> int | None:
        """An approval fell at now because of event. Returns microseconds since its frame came in, None where no frame did (a sweep
        finds what stood for long)."""
        self._runs[approved.arb_id] = _Run(approved, now)
        if type(event) is not BookChanged:
            return None
        took = now - event.book.changed_at
        self._keep("frame_to_decision", took)
        return took // _US

    def heard(self, result: LegResult, now: MonoNs) -> None:
        """A result of a leg, heard at now: its first final one ends the order."""
        run = self._runs.get(arb_of(result.leg_id))
        if run is None or not result.final or result.state == "refused" or result.leg_id in run.finals:
            return  # what was refused reached no venue, whoever refused it
        stages = dict(result.stages)
        sent = stages.get("sent")
        if sent is None:
            return
        run.finals[result.leg_id] = now
        held = max(0, stages["released"] - stages["held"]) if "held" in stages and "released" in stages else 0
        run.held = max(run.held, held)
        if not run.sent:
            run.sent = True
            self._keep("decision_to_order", sent - run.decided_at)
        venue = run.venues.get(leg_number(result.leg_id))
        if venue is not None:
            self._keep(f"order_{venue}", now - sent - held)

    def stages(self, result: LegResult) -> Mapping[str, int]:
        """When each step of a leg was reached, in microseconds since the decision; empty when its arb is no longer under way."""
        run = self._runs.get(arb_of(result.leg_id))
        if run is None:
            return {}
        reached = {name: (at - run.decided_at) // _US for name, at in result.stages}
        final = run.finals.get(result.leg_id)
        return reached if final is None else reached | {"final": (final - run.decided_at) // _US}

    def ended(self, closed: ArbClosed) -> None:
        """The arb is over; what comes of it later is no part of its time."""
        run = self._runs.pop(closed.arb_id, None)
        if run is not None and run.finals:
            self._keep("execution", max(run.finals.values()) - run.decided_at - run.held)

    def _keep(self, name: str, took: int) -> None:
        kept = self._kept.setdefault(name, _Kept())
        kept.count += 1
        kept.newest.append(max(0, took))

    def statistics(self) -> Mapping[str, Spread]:
        """What was measured so far, by the names of the drawing."""
        return {name: _spread(kept) for name, kept in sorted(self._kept.items())}


def _spread(kept: _Kept) -> Spread:
    ordered = sorted(kept.newest)

    def share(percent: int) -> float:
        return _ms(ordered[-(-percent * len(ordered) // 100) - 1])

    return Spread(count=kept.count, mean=_ms(sum(ordered) / len(ordered)), p50=share(50), p95=share(95))


def _ms(ns: float) -> float:
    return round(ns / MS, 3)
