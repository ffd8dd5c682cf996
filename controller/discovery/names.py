"""Which team or league a venue means by a word.

A name resolves to one canonical team of one league or to nothing: a name two teams share resolves to nothing, and codes are
hints that names must confirm, because venues change them between seasons. In leagues whose table is complete an unknown name is
no team; elsewhere both venues may write the same name, which then is its own id (marked "~"). Facts live in two CSV files.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Literal

import msgspec

__all__ = ["DRAW", "League", "Names", "fold", "load", "strip_club"]

DRAW = "draw"
"""The third side of a three-way game, beside team ids."""

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss", "&": " and "})
_ALNUM = re.compile(r"[^\W_]+")
_CLUB_WORDS = frozenset(
    {"fc", "sc", "cf", "ac", "afc", "cfc", "bc", "sv", "fk", "sk", "bk", "cd", "ca", "ud", "rcd", "ec", "us", "ss", "as", "ssc"}
    | {"vfl", "vfb", "tsg", "fsv"}
)
"""Club forms that say nothing about which club it is (matching.md section 2)."""
_SAUDI = " saudi club"
"""So Polymarket ends the names of that league's clubs."""


class League(msgspec.Struct, frozen=True, kw_only=True):
    """One competition as both venues name it.

    names: closed = the table holds every team, open = unknown names stand for themselves, exact = folded names must be equal.
    labels are Polymarket's tag and series words, folded; competition is Kalshi's product_metadata word, "" where unknown.
    """

    id: str
    sport: str
    shape: Literal["two_way", "three_way"]
    series: tuple[str, ...]
    prefixes: tuple[str, ...]
    labels: tuple[str, ...]
    pools: tuple[str, ...]
    names: Literal["closed", "open", "exact"]
    competition: str


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table. Names as the venues write them; a pool is the country or league whose names are unique."""

    pool: str
    id: str
    kalshi_codes: tuple[str, ...]
    polymarket_codes: tuple[str, ...]
    names: tuple[str, ...]


@lru_cache(maxsize=65_536)
def fold(name: str) -> str:
    """Lower case without accents and punctuation: "1. FC Köln" -> "1 fc koln", "A's" -> "as", "St. Louis" -> "st louis"."""
    text = name.lower().translate(_LETTERS)
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(ch for ch in text if not unicodedata.combining(ch))
    for silent in (".", "'", "’", "`"):
        text = text.replace(silent, "")
    return " ".join(_ALNUM.findall(text))


@lru_cache(maxsize=65_536)
def strip_club(name: str) -> str:
    """fold() without club forms, a leading 1 and a founding year: "1. FC Heidenheim 1846" -> "heidenheim"."""
    words = fold(name).removesuffix(_SAUDI).split()
    if words and words[0] == "1":
        words = words[1:]
    kept = [word for word in words if word not in _CLUB_WORDS and not (len(word) == 4 and word[:2] in ("18", "19", "20"))]
    return " ".join(kept or words)


class Names:
    """The tables, indexed. All look-ups are dictionary reads."""

    def __init__(self, leagues: Iterable[League], teams: Iterable[Team]) -> None:
        self.leagues: Mapping[str, League] = {league.id: league for league in leagues}
        self._by_series = {series: league for league in self.leagues.values() for series in league.series}
        self._by_prefix = _group((prefix, league) for league in self.leagues.values() for prefix in league.prefixes)
        self._by_label = _group((label, league) for league in self.leagues.values() for label in league.labels)
        members: dict[str, list[Team]] = {}
        for team in teams:
            members.setdefault(team.pool, []).append(team)
        self._full: dict[str, dict[str, str]] = {}
        self._short: dict[str, dict[str, str]] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._shared: dict[str, frozenset[str]] = {}
        for league in self.leagues.values():
            squad = [team for pool in league.pools for team in members.get(pool, ())]
            self._full[league.id] = _unique((fold(name), team.id) for team in squad for name in team.names)
            short = league.sport == "soccer" and league.names == "open"
            self._short[league.id] = (
                _unique((strip_club(name), team.id) for team in squad for name in team.names) if short else {}
            )
            self._shared[league.id] = frozenset(
                name for table in (self._full, self._short) for name, team in table[league.id].items() if not team
            )
            self._codes[league.id] = _unique((code, team.id) for team in squad for code in team.kalshi_codes)

    def league_of_series(self, series: str) -> League | None:
        """The league whose full-game winners Kalshi lists in this series; None for every other series (spreads, halves)."""
        return self._by_series.get(series)

    def leagues_of_prefix(self, prefix: str) -> tuple[League, ...]:
        """Leagues whose Polymarket event slugs begin with this word."""
        return self._by_prefix.get(prefix, ())

    def leagues_of_label(self, label: str) -> tuple[League, ...]:
        """Leagues Polymarket may mean by a tag or series word."""
        return self._by_label.get(fold(label), ())

    def known(self, league: League, name: str) -> str | None:
        """The team of the table that bears this name, None when none or more than one does."""
        found = self._full[league.id].get(fold(name))
        if found is None:
            found = self._short[league.id].get(strip_club(name))
        return found or None

    def ambiguous(self, league: League, name: str) -> bool:
        """Two teams of the table share this name, or begin with it and nothing else tells which is meant ("Los Angeles")."""
        folded = fold(name)
        return folded in self._shared[league.id] or len(self._begins(league.id, folded)) > 1

    def _begins(self, league: str, folded: str) -> set[str]:
        return {team for known, team in self._full[league].items() if team and known.startswith(folded + " ")}

    def team(self, league: League, name: str) -> str | None:
        """The canonical id of a name; in leagues without a complete table an unknown name is its own id."""
        found = self.known(league, name)
        if found is not None or league.names == "closed":
            return found
        own = strip_club(name) if league.sport == "soccer" else fold(name)
        if league.names == "open" and league.sport != "soccer" and own.endswith(" st"):
            own = own[:-2] + "state"  # Kalshi writes "Michigan St." where Polymarket writes the whole word
        if not own or own in self._shared[league.id]:
            return None
        return "~" + own.replace(" ", "-")

    def team_of_code(self, league: League, code: str) -> str | None:
        """The team Kalshi means by a ticker code: a hint only (matching.md section 4)."""
        return self._codes[league.id].get(code)


def _group(pairs: Iterable[tuple[str, League]]) -> dict[str, tuple[League, ...]]:
    grouped: dict[str, tuple[League, ...]] = {}
    for word, league in pairs:
        grouped[word] = (*grouped.get(word, ()), league)
    return grouped


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Words to team ids; a word of two teams maps to "", which no look-up accepts."""
    table: dict[str, str] = {}
    for word, team in pairs:
        table[word] = team if table.get(word, team) == team else ""
    return table


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split("|") if word)


def _rows(file: str) -> list[dict[str, str]]:
    with (resources.files(__package__) / file).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@cache
def load() -> Names:
    """Read both tables once. Raises msgspec.ValidationError when a row does not have the form above."""
    leagues = [
        msgspec.convert(
            {
                "id": row["league"],
                "sport": row["sport"],
                "shape": row["shape"],
                "series": _words(row["kalshi_series"]),
                "prefixes": _words(row["slug_prefixes"]),
                "labels": _words(row["labels"]),
                "pools": _words(row["pools"]),
                "names": row["names"],
                "competition": row["competition"],
            },
            League,
        )
        for row in _rows("leagues.csv")
    ]
    teams = [
        Team(
            pool=row["pool"],
            id=row["team"],
            kalshi_codes=_words(row["kalshi_codes"]),
            polymarket_codes=_words(row["polymarket_codes"]),
            names=tuple(dict.fromkeys(_words(row["kalshi_names"]) + _words(row["polymarket_names"]))),
        )
        for row in _rows("teams.csv")
    ]
    return Names(leagues, teams)
