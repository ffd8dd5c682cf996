"""What executions taught: how often legs fill, which fills were ghosts, how long takers are held.

Chances are kept per league, type and venue; ghosts and holds over the last 50, so that a venue's change shows.
"""

from collections import Counter, deque

from controller.risk.limits import PPM
from trading.ids import LegId
from trading.market import MarketId, Venue
from trading.order import LegRequest, LegResult

__all__ = ["Kind", "Lessons"]

Kind = tuple[str, str]
"""League and type."""
_LAST = 50


class Lessons:
    """Counts that the plan and the floor read."""

    def __init__(self) -> None:
        self._holds: dict[MarketId, deque[int]] = {}
        self._ghosts: dict[Venue, dict[LegId, bool]] = {}
        self._tries: Counter[tuple[str, str, Venue]] = Counter()
        self._fills: Counter[tuple[str, str, Venue]] = Counter()
        self._samples: Counter[Kind] = Counter()

    def note_hold(self, market: MarketId, hold_ns: int) -> None:
        """A hold as it was measured (B-445)."""
        self._holds.setdefault(market, deque(maxlen=_LAST)).append(hold_ns)

    def note_stages(self, market: MarketId, result: LegResult, before: LegResult | None) -> None:
        """Take the hold a result tells with its stages "held" and "released", once a leg: before is what was known of it."""
        stages = dict(result.stages)
        told = before is not None and "released" in dict(before.stages)
        if not told and "held" in stages and "released" in stages:
            self.note_hold(market, max(0, stages["released"] - stages["held"]))

    def hold_p90(self, market: MarketId) -> int:
        """Nanoseconds; 0 when none was measured."""
        held = self._holds.get(market)
        if not held:
            return 0
        measured = sorted(held)
        return measured[(len(measured) * 9 - 1) // 10]

    def note_fill(self, request: LegRequest, result: LegResult) -> None:
        """Remember whether a filled opening leg was taken back by its venue, now or later (B-424)."""
        if request.purpose != "open" or not result.fills:
            return
        last = self._ghosts.setdefault(request.venue, {})
        last[result.leg_id] = any(fill.status == "reversed" for fill in result.fills)
        if len(last) > _LAST:
            del last[next(iter(last))]

    def ghost_ppm(self, venue: Venue) -> int:
        """Share of the last 50 filled opening legs that a venue reversed; fewer legs count as clean ones."""
        known = self._ghosts.get(venue)
        return sum(known.values()) * PPM // _LAST if known else 0

    def note_outcome(self, kind: Kind, legs: list[tuple[LegRequest, LegResult]]) -> None:
        """One execution's first attempts; a leg counts as filled from half its size on."""
        known = [(request, result) for request, result in legs if result.state in ("none", "filled", "partial")]
        if known:
            self._samples[kind] += 1
        for request, result in known:
            self._tries[(*kind, request.venue)] += 1
            self._fills[(*kind, request.venue)] += 2 * result.filled >= request.want.size

    def samples(self, kind: Kind) -> int:
        return self._samples.get(kind, 0)

    def fill_chance(self, kind: Kind, venue: Venue) -> float:
        """0..1; 0 when nothing is recorded."""
        key = (*kind, venue)
        tries = self._tries.get(key)
        return self._fills[key] / tries if tries else 0.0
