"""The schedule behind the synthetic catalogue: who plays whom, when, and which part a game has in the demo script.

Games are dealt per league like a round robin, so a team plays at most once a day and a schedule of thousands stays unambiguous.
The first games carry roles (ROLES); the same seed and time give the same schedule.
"""

import hashlib
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from trading.clock import SECOND
from trading.sim.teams import LEAGUES, League, Team

__all__ = ["EASTERN", "ROLES", "Game", "iso", "make_schedule", "stable_hex", "stable_uuid"]

EASTERN = ZoneInfo("America/New_York")

ROLES: tuple[tuple[str, str], ...] = (
    ("clean-1", "nba"),
    ("clean-2", "nfl"),
    ("clean-3", "mlb"),
    ("clean-4", "nhl"),
    ("clean-5", "epl"),
    ("phantom-1", "nba"),
    ("phantom-2", "nfl"),
    ("partial", "nba"),
    ("complete", "mlb"),
    ("in_play", "nba"),
    ("soon", "nhl"),
    ("unfunded", "nhl"),
    ("bad_data", "nfl"),
    ("thin", "nhl"),
)
"""Role and league of the first games, in order; script.py gives each role its scenes."""

_UNFUNDED_SHARD = 2
_IN_PLAY_HOLD_S = 3
_SLOT = 1_800 * SECOND
_DAY = 86_400 * SECOND


@dataclass(frozen=True)
class Game:
    """One game as both venues know it. start is wall ns; number is 1 or 2 in a doubleheader, else 0.

    on_kalshi and on_polymarket say who lists it (a rematch is listed by one venue only); hold_s is Polymarket's secondsDelay.
    extras: side markets are listed; twins: one spread and one total of them are the same on both venues.
    """

    league: League
    away: Team
    home: Team
    start: int
    role: str = ""
    number: int = 0
    shard: int = 0
    hold_s: int = 0
    probability: float = 0.5
    volatility: float = 0.003
    extras: bool = True
    twins: bool = False
    on_kalshi: bool = True
    on_polymarket: bool = True

    @cached_property
    def starts(self) -> datetime:
        return datetime.fromtimestamp(self.start // SECOND, UTC)

    @cached_property
    def local(self) -> datetime:
        """Start in US Eastern time, which dates tickers and slugs."""
        return self.starts.astimezone(EASTERN)

    @cached_property
    def order(self) -> tuple[Team, Team]:
        """Teams as both venues write them: away first in US sports, home first in soccer (matching.md 1)."""
        return (self.home, self.away) if self.league.draws else (self.away, self.home)

    @cached_property
    def slug(self) -> str:
        first, second = self.order
        tail = f"-game-{self.number}" if self.number > 1 else ""
        return f"{self.league.key}-{first.abbreviation}-{second.abbreviation}-{self.local:%Y-%m-%d}{tail}"

    @cached_property
    def code(self) -> str:
        """The date and team part of Kalshi's tickers; baseball carries the local start time (kalshi.md 5.3)."""
        first, second = self.order
        clock = f"{self.local:%H%M}" if self.league.key == "mlb" else ""
        return f"{self.local:%y%b%d}".upper() + clock + first.code + second.code

    @cached_property
    def event_ticker(self) -> str:
        return f"{self.league.series}-{self.code}"


def iso(at: datetime) -> str:
    """RFC 3339 with Z, as both venues write times in objects."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def stable_hex(text: str) -> str:
    """64 hex digits that depend on the text only: condition ids, question ids."""
    return hashlib.sha256(text.encode()).hexdigest()


def stable_uuid(text: str) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def _pairs(league: League, rng: random.Random) -> Iterator[tuple[int, Team, Team]]:
    """Deal (day, away, home) by the circle method: the first team stays, the others move round, for ever."""
    teams = list(league.teams)
    rng.shuffle(teams)
    day = 0
    while True:
        for i in range(len(teams) // 2):
            pair = teams[i], teams[-1 - i]
            yield day, *(pair if (day + i) % 2 else pair[::-1])
        teams.insert(1, teams.pop())
        day += 1


def _start(now: int, day: int, rng: random.Random) -> int:
    """A start on the half hour, day days after a window of three and a half hours of one Eastern day.

    The window opens three to four hours ahead, at Eastern midnight when it would otherwise span it: a slate has one date.
    """
    opens = now // _SLOT + 7
    if _eastern(opens * _SLOT).date() != _eastern((opens + 7) * _SLOT).date():
        midnight = _eastern((opens + 7) * _SLOT).replace(hour=0, minute=0, second=0, microsecond=0)
        opens = int(midnight.timestamp()) * SECOND // _SLOT
    return (opens + rng.randint(0, 7)) * _SLOT + day * _DAY


def _eastern(at: int) -> datetime:
    return datetime.fromtimestamp(at // SECOND, EASTERN)


def make_schedule(seed: int, now: int, events: int) -> tuple[Game, ...]:
    """Deal events games that both venues list (roles first), then the look-alikes: a doubleheader and a rematch.

    now is wall ns. Raises ValueError unless 1 <= events <= 5000.
    """
    if not 1 <= events <= 5_000:
        raise ValueError(f"{events} events are outside 1..5000")
    rng = random.Random(f"schedule {seed}")
    dealers = {key: _pairs(league, rng) for key, league in LEAGUES.items()}
    games = []
    for index in range(events):
        role, key = ROLES[index] if index < len(ROLES) else ("", list(LEAGUES)[index % len(LEAGUES)])
        league = LEAGUES[key]
        day, away, home = next(dealers[key])
        game = Game(
            league=league,
            away=away,
            home=home,
            start=_start(now, day, rng),
            role=role,
            shard=league.shard,
            probability=round(rng.uniform(0.32, 0.68), 3),
            volatility=rng.uniform(0.002, 0.004),
            # every third game of a large universe carries its side markets; the demo's games all do
            extras=index < len(ROLES) or index % 3 == 0,
            # of the demo's games one does: its script plays on winners
            twins=not league.draws and (index == 0 or (index >= len(ROLES) and index % 3 == 0)),
        )
        games.append(_cast(game, now))
    doubleheader, rematch = _look_alikes(dealers, now, rng)
    return tuple(games) + doubleheader + rematch


def _cast(game: Game, now: int) -> Game:
    """Give a role's game what its scenes need."""
    if game.role == "in_play":
        return replace(game, start=(now // SECOND - 2_400) * SECOND, hold_s=_IN_PLAY_HOLD_S, volatility=0.02)
    if game.role == "soon":
        return replace(game, start=(now // SECOND + 58) * SECOND, hold_s=_IN_PLAY_HOLD_S)
    if game.role == "unfunded":
        return replace(game, shard=_UNFUNDED_SHARD)
    return game


def _look_alikes(
    dealers: dict[str, Iterator[tuple[int, Team, Team]]], now: int, rng: random.Random
) -> tuple[tuple[Game, ...], tuple[Game, ...]]:
    """Games that invite a wrong match: two of one day, and one that each venue lists on another day (matching.md 4)."""
    day, away, home = next(dealers["mlb"])
    first = (now // _SLOT + 8) * _SLOT + day * _DAY
    twice = tuple(
        Game(
            league=LEAGUES["mlb"],
            away=away,
            home=home,
            start=first + (number - 1) * 4 * 3_600 * SECOND,
            number=number,
            shard=LEAGUES["mlb"].shard,
            probability=round(rng.uniform(0.35, 0.65), 3),
            extras=False,
        )
        for number in (1, 2)
    )
    day, away, home = next(dealers["nba"])
    tonight = _start(now, day, rng)
    common = Game(league=LEAGUES["nba"], away=away, home=home, start=tonight, shard=LEAGUES["nba"].shard, extras=False)
    rematch = (
        replace(common, on_polymarket=False),
        replace(common, start=tonight + _DAY, on_kalshi=False),
    )
    return twice, rematch
