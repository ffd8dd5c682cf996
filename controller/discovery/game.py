"""What one raw venue row says about a game, as a key both venues can produce, or the word why it says too little.

A field that is missing, contradicts another one or could mean two things makes the row abstain: a wrong pair is an unhedged
doubled position, a missed one costs nothing (matching.md). Titles, codes and slugs are read only to confirm each other.
"""

from datetime import date
from typing import Any, Literal

import msgspec

from trading.units import WallNs

__all__ = ["TOLERANCE_NS", "Abstain", "GameKey", "Keyed", "Row", "conflicting_starts"]

Row = dict[str, Any]
"""One JSON object of a venue, as decoded."""

TOLERANCE_NS = 90 * 60 * 1_000_000_000
"""Two scheduled starts of one game differ by at most this (matching.md section 2)."""


class GameKey(msgspec.Struct, frozen=True, kw_only=True):
    """One game. day_et is the US Eastern calendar day of the scheduled start; start None = only the day is known."""

    sport: str
    league: str
    day_et: date
    start: WallNs | None
    teams: frozenset[str]
    period: Literal["full"] = "full"
    market: Literal["winner"] = "winner"

    @property
    def bucket(self) -> tuple[str, str, date, frozenset[str], str, str]:
        """Everything but the start, which agrees within a tolerance and so cannot be part of a dictionary key."""
        return (self.sport, self.league, self.day_et, self.teams, self.period, self.market)

    def text(self, clock: str = "") -> str:
        """The game in one word: "mlb:2026-05-15:mia+tb@1910". clock is the ticker's HHMM, which tells doubleheaders apart."""
        return f"{self.league}:{self.day_et.isoformat()}:{'+'.join(sorted(self.teams))}{'@' + clock if clock else ''}"


class Keyed(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is about one side of one game.

    sides names what outcome 0 and outcome 1 mean: a team id, "draw", or None for "anything else" (the NO of a Yes/No market is
    not the other team). proven False: the row matches, but something a trade needs was inferred. evidence holds one fact each.
    """

    key: GameKey
    event: str
    market: str
    sides: tuple[str | None, str | None]
    clock: str = ""
    also: tuple[str, ...] = ()
    """Other leagues in which the same two teams meet, when the venue named none: the other venue's row then decides."""
    proven: bool = True
    evidence: tuple[str, ...] = ()


class Abstain(msgspec.Struct, frozen=True):
    """The row is not matched; reason is one word to count by, detail what was seen, league whom the miss is charged to."""

    reason: str
    detail: str = ""
    league: str = ""


def conflicting_starts(one: WallNs | None, other: WallNs | None) -> bool:
    """Both are known and cannot be the same scheduled start."""
    return one is not None and other is not None and abs(one - other) > TOLERANCE_NS
