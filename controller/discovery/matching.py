"""Join both venues' rows into pairs that ask the same.

Rows become keys, keys become games, and games meet in a dictionary, so the time is linear in rows. A game pairs only with the
one game of the other venue it can mean: two candidates reject all of them, and only starts that both venues state tell a
doubleheader or a rematch apart (B-100). Polarity is bound by names (B-099); a draw meets only a draw (B-103).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from controller.discovery.game import Abstain, GameKey, Keyed, Row, conflicting_starts
from controller.discovery.kalshi_keys import kalshi_key
from controller.discovery.names import DRAW, Names, load
from controller.discovery.polymarket_keys import polymarket_key
from trading.market import Outcome
from trading.units import WallNs

__all__ = ["KalshiRow", "MatchedPair", "Matches", "PolymarketRow", "guarded", "join", "match"]

KalshiRow = tuple[Row, Row, Row | None]
"""Event, market, milestone or None."""
PolymarketRow = tuple[Row, Row]
"""Event, market."""

_MAX_CANDIDATES = 64
"""Games compared within one bucket; more is no schedule but noise, and all of it is refused."""


class MatchedPair(msgspec.Struct, frozen=True, kw_only=True):
    """A Kalshi market and the outcome of a Polymarket market that means its YES.

    event is the game in one word (the unit of claims), condition the Polymarket condition id (or Gamma id where a recording has
    no other), side a team id or "draw". structural: both venues state a start and nothing a trade needs was inferred.
    """

    event: str
    key: GameKey
    ticker: str
    condition: str
    outcome_index: Outcome
    side: str
    structural: bool
    starts_at: WallNs | None
    evidence: tuple[str, ...]


class Matches(msgspec.Struct, frozen=True):
    """abstained counts rows and games by venue and reason: "kalshi.unknown_team"; by_league the same per league where known."""

    pairs: tuple[MatchedPair, ...]
    abstained: Mapping[str, int]
    by_league: Mapping[str, Mapping[str, int]]
    read: Mapping[str, int]
    """Polymarket markets per league that were read as sides of a full game."""


class _Game(msgspec.Struct):
    """All sides of one game at one venue. rows maps a side to the row and the outcome that means it."""

    key: GameKey
    event: str
    clock: str
    rows: dict[str, tuple[Keyed, Outcome]]
    spoiled: bool = False


def match(kalshi: Iterable[KalshiRow], polymarket: Iterable[PolymarketRow], *, names: Names | None = None) -> Matches:
    """Pair raw rows of both venues. Never raises on what a venue sent: an unreadable row abstains and is counted."""
    table = names or load()
    first = (guarded(partial(kalshi_key, event, market, stone, names=table)) for event, market, stone in kalshi)
    second = (guarded(partial(polymarket_key, event, market, names=table)) for event, market in polymarket)
    return join(first, second)


def join(kalshi: Iterable[Keyed | Abstain], polymarket: Iterable[Keyed | Abstain]) -> Matches:
    """Pair rows that are already keys."""
    missed: Counter[str] = Counter()
    leagues: dict[str, Counter[str]] = {}

    def miss(venue: str, game: _Game, reason: str) -> None:
        missed[f"{venue}.{reason}"] += 1
        leagues.setdefault(game.key.league, Counter())[f"{venue}.{reason}"] += 1

    def abstain(venue: str, row: Abstain) -> None:
        missed[f"{venue}.{row.reason}"] += 1
        if row.league:
            leagues.setdefault(row.league, Counter())[f"{venue}.{row.reason}"] += 1

    ours = _games(kalshi, "kalshi", abstain, miss)
    theirs = _games((_settle_league(row, ours) for row in polymarket), "polymarket", abstain, miss)
    pairs: list[MatchedPair] = []
    for bucket, games in ours.items():
        others = theirs.get(bucket, [])
        if len(games) * len(others) > _MAX_CANDIDATES:
            for game in games:
                miss("kalshi", game, "crowded")
            continue
        alone = len(games) == 1 and len(others) == 1
        for game in games:
            near = [other for other in others if _may_be(game, other)]
            if len(near) != 1:
                miss("kalshi", game, "ambiguous" if near else ("starts_differ" if others else "no_counterpart"))
            elif sum(_may_be(candidate, near[0]) for candidate in games) != 1:
                miss("kalshi", game, "ambiguous")
            elif not alone and not _both_start(game, near[0]):
                miss("kalshi", game, "ambiguous")  # B-100: only starts tell two games of one day apart
            elif game.spoiled or near[0].spoiled:
                miss("kalshi", game, "spoiled")
            else:
                pairs.extend(_pairs(game, near[0], miss))
    for bucket, games in theirs.items():
        if bucket not in ours:
            for game in games:
                miss("polymarket", game, "no_counterpart")
    read: Counter[str] = Counter()
    for others in theirs.values():
        read[others[0].key.league] += sum(len({row.market for row, _ in game.rows.values()}) for game in others)
    by_league = {league: dict(counts) for league, counts in leagues.items()}
    return Matches(tuple(pairs), dict(missed), by_league, dict(read))


def guarded(read: Callable[[], Keyed | Abstain]) -> Keyed | Abstain:
    """A row whose fields have shapes no venue documents is one row lost, not the whole run."""
    try:
        return read()
    except (TypeError, AttributeError, ValueError, KeyError) as error:
        return Abstain("malformed", repr(error))


_Buckets = dict[tuple[object, ...], list[_Game]]


def _games(
    rows: Iterable[Keyed | Abstain],
    venue: str,
    abstain: Callable[[str, Abstain], None],
    miss: Callable[[str, _Game, str], None],
) -> _Buckets:
    """Collect rows into games. Two rows for one side, or rows of one event that disagree on the game, spoil it."""
    by_event: dict[tuple[str, frozenset[str]], _Game] = {}
    for row in rows:
        if isinstance(row, Abstain):
            abstain(venue, row)
            continue
        place = (row.event, row.key.teams)
        game = by_event.get(place)
        if game is None:
            game = by_event[place] = _Game(row.key, row.event, row.clock, {})
        if any(known.market == row.market for known, _ in game.rows.values()):
            continue  # the same row again, from a page that moved while it was read
        if row.key != game.key:
            game.spoiled = True
        for index, side in enumerate(row.sides):
            if side is None:
                continue
            if side in game.rows:
                game.spoiled = True
            game.rows[side] = (row, Outcome(index))
    buckets: _Buckets = {}
    for game in by_event.values():
        if game.spoiled:
            miss(venue, game, "duplicate_side")
        buckets.setdefault(game.key.bucket, []).append(game)
    return buckets


def _settle_league(row: Keyed | Abstain, ours: _Buckets) -> Keyed | Abstain:
    """A row whose venue named no league takes the one league in which the other venue lists these teams on this day."""
    if isinstance(row, Abstain) or not row.also:
        return row
    keys = [msgspec.structs.replace(row.key, league=league) for league in (row.key.league, *row.also)]
    listed = [key for key in keys if key.bucket in ours]
    if len(listed) != 1:
        return Abstain("league_ambiguous" if listed else "league_unknown", row.event)
    return msgspec.structs.replace(row, key=listed[0], also=())


def _may_be(one: _Game, other: _Game) -> bool:
    return not conflicting_starts(one.key.start, other.key.start)


def _both_start(one: _Game, other: _Game) -> bool:
    return one.key.start is not None and other.key.start is not None


def _pairs(game: _Game, other: _Game, miss: Callable[[str, _Game, str], None]) -> Iterable[MatchedPair]:
    teams = game.key.teams
    if DRAW in other.rows and teams <= game.rows.keys() and DRAW not in game.rows:
        miss("kalshi", game, "no_tie_market")  # two outcomes here, three there: not the same question
        return
    for side, (row, _) in sorted(game.rows.items()):
        found = other.rows.get(side)
        if found is None:
            miss("kalshi", game, "no_side")
            continue
        twin, index = found
        both = _both_start(game, other)
        fact = "starts agree within 90 minutes" if both else "only the day agrees"
        yield MatchedPair(
            event=game.key.text(game.clock),
            key=game.key,
            ticker=row.market,
            condition=twin.market,
            outcome_index=index,
            side=side,
            structural=both and row.proven and twin.proven,
            starts_at=game.key.start if game.key.start is not None else other.key.start,
            evidence=(*row.evidence, *twin.evidence, fact),
        )
