"""Words around two names that make a market about less, or about others, than the full game of the two first teams.

Type and series say what a market is; these words contradict them, and a row that contradicts itself is not read. Team names are
cut out first, because a name may be made of such words (Hanwha Life Esports Academy).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from controller.discovery.names import League, fold

__all__ = ["bare", "foreign", "numbered", "of_event"]

_VERSUS = re.compile(r"\s(?:vs\.?|v\.?|at|@)\s", re.I)
_PART = re.compile(
    r"\b(?:[12]h|[1-4]q|q[1-4]|half|halves|halftime|quarters?|periods?|innings?|sets?|maps?|minutes?|regulation|overtime|extra"
    r"|penalt(?:y|ies)|shootout|corners?|cards?|bookings?|shots?|hits|fouls?|offsides?|props?|total|spread|handicap|toss"
    r"|most|least|highest|lowest|largest|longest|fastest|rebounds|assists|steals|blocks|margin|exact|mentions?|announcers?|sixes"
    r"|(?:race|first|last) to|series winner|wins? the series|loser|loses?|advances?|qualify|qualifies|neither|only|not|without"
    r"|u ?\d\d|under \d\d|youth|reserves?|academy|amateur|ii|iii|all stars|simulated|simulation|esports|ebasketball)\b"
)
_WOMEN = re.compile(r"\b(?:women|womens|woman|ladies|female|girls|w)\b")
_NUMBER = re.compile(r"\bgame (?:[12]|one|two)\b|\bdoubleheader\b")
_WOMENS_LEAGUES = frozenset({"wnba", "ncaawb", "wta", "itfw"})
_EVENT = re.compile(
    r"\b(?:game|bowl|finals?|semifinals?|quarterfinals?|playoffs?|round|week|matchday|cup|championships?|tournament|classic|series"
    r"|preseason|season|opener|madness|elite|sweet|four|wild card|play in|derby|trophy|shield)\b"
)


def foreign(text: str, names: Iterable[str], league: League) -> str:
    """The first word around the names that the full game of this league's first teams would not have, "" for none."""
    return _foreign(text, tuple(names), league.names == "exact", league.id in _WOMENS_LEAGUES)


@lru_cache(maxsize=65_536)  # the markets of an event share its title and its names
def _foreign(text: str, names: tuple[str, ...], exact: bool, women: bool) -> str:
    # Names that must be equal leave no room for another team; what follows them is a competition of any name.
    rest = f" {fold(text.partition(' - ')[0] if exact else text)} "
    for name in sorted({fold(name) for name in names if name}, key=len, reverse=True):
        rest = rest.replace(f" {name} ", " | ")
    found = _PART.search(rest) or (None if women else _WOMEN.search(rest + fold(text)))
    return found[0] if found else ""


def of_event(text: str, league: League) -> bool:
    """What stands before the colon of "CFP: A vs B" names the competition or an occasion in it, not a part of the game."""
    head, colon, tail = text.partition(": ")
    if not colon or _VERSUS.search(head) or not _VERSUS.search(tail) or league.names == "exact":
        return True
    return fold(head) in league.labels or _EVENT.search(fold(head)) is not None


def bare(text: str, league: League) -> str:
    """The pair of "LoL: A vs B (BO3)": the league's own label and the length of the series cut off, any other words kept."""
    head, colon, tail = text.partition(": ")
    if colon and fold(head) in league.labels and _VERSUS.search(tail):
        text = tail
    return re.sub(r"\s*\(BO\d\)$", "", text, flags=re.I)


def numbered(texts: Iterable[str], league: League) -> bool:
    """One of two games that these teams may play on one day: only a start tells which (B-100)."""
    return league.sport == "baseball" and any(_NUMBER.search(fold(text)) for text in texts)
