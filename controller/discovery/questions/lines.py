"""What a Kalshi market asks about a game beside its winner: the side and the line, from its title and its label.

Both are read whole: the series says the kind of market, and words that say another kind, part, count or side contradict it. The
line is floor_strike or the title's, never the ticker's suffix (matching.md section 4), whose team must not be the other one.
"""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from controller.discovery.game import Keyed, Row
from controller.discovery.names import DRAW, League, Names, fold
from controller.discovery.parts import foreign
from controller.discovery.questions.claim import Unread

__all__ = ["VERSUS", "kalshi_asks", "line_of", "side_of"]

VERSUS = re.compile(r"\s+(?:vs\.?|v\.?|at|@)\s+", re.I)
_PART = r"the (?P<half>1h|(?:1st|first) half)"
_WINS_BY = re.compile(
    rf"(?:will )?(?P<name>.+?) wins? (?:the (?:game|match) |{_PART} )?by over (?P<line>\d+\.5) (?P<unit>\w+)\??", re.I
)
_OVER = re.compile(
    rf"(?:will |(?P<head>.*): )?over (?P<line>\d+\.5) (?P<unit>\w+)(?: be)?(?: scored)?(?: in {_PART})?\??", re.I
)
_BOTH = re.compile(r"(?:(?P<head>.*): )?(?:will )?(?:both teams (?:to )?score|btts)\??", re.I)
_INNING = re.compile(r"(?P<head>.+?):? first inning run\??", re.I)
_HALF_WIN = re.compile(r"Will (?P<name>.+) win the (?:1st|first) half\?", re.I)
_MAP_WIN = re.compile(r"Will (?P<name>.+) win map (?P<map>\d) in the (?P<pair>.+) match\?", re.I)
_HALF_EVENT = re.compile(r"(?P<head>.+): first half winner\??", re.I)
_ASKED = {"total": _OVER, "spread": _WINS_BY, "btts": _BOTH, "first_inning_run": _INNING}
_DENIED = re.compile(r"\b(?:no|not|neither|only)\b", re.I)
_UNITS = {"soccer": "goals", "hockey": "goals", "baseball": "runs", "basketball": "points", "football": "points"}
"""What a total and a spread count by sport; corners, sets and maps are other markets."""
_UPWARD = (None, "", "greater", "structured", "custom")


def kalshi_asks(
    kind: str, period: str, market: Row, game: Keyed, league: League, names: Names, pair: Sequence[str]
) -> tuple[str, ...] | Unread:
    """Side and line of a market of this kind, () where it has neither. pair: both names as the event's title writes them."""
    label = str(market.get("yes_sub_title") or "")
    asked = [str(text) for text in (market.get("title"), label) if text]
    pattern = _ASKED.get(kind) or (_HALF_WIN if period == "1h" else _MAP_WIN)
    unnamed = _HALF_EVENT.fullmatch(asked[0]) if asked and period == "1h" and kind == "winner" else None
    if unnamed is not None and {fold(name) for name in VERSUS.split(unnamed["head"])} == {fold(name) for name in pair}:
        return _coded(market, label, league, names, game)
    read = [match for match in map(pattern.fullmatch, asked) if match]
    if not read or not all(_of_this_game(match, period, league, pair) for match in read):
        return Unread("title_form", " / ".join(asked))
    if kind in ("btts", "first_inning_run"):
        return Unread("side_conflict", label) if _DENIED.search(label) else ()
    stated = {side_of(names, league, match["name"], game) for match in read if "name" in match.groupdict()}
    if label and not pattern.fullmatch(label):
        if kind != "winner":
            return Unread("side_conflict", " / ".join(asked))
        stated.add(side_of(names, league, label, game))
    lines = {line_of(match["line"]) for match in read} if kind in ("total", "spread") else set()
    strike = market.get("floor_strike")
    if len(lines) > 1 or (strike is not None and lines and lines != {line_of(strike)}):
        return Unread("line_conflict", f"{strike}: {asked}")
    if lines and (market.get("strike_type") not in _UPWARD or market.get("cap_strike") is not None):
        return Unread("line_conflict", f"{market.get('strike_type')}: {asked}")
    if kind == "total":
        return ("over", *lines)
    if len(stated) != 1 or "" in stated:
        return Unread("side_unknown", str(asked))
    side = stated.pop()
    coded = names.team_of_code(league, re.sub(r"\d+$", "", str(market.get("ticker") or "").rpartition("-")[2]))
    # A code may be out of date, but one that names the opponent contradicts the text.
    return Unread("side_conflict", f"{market.get('ticker')}: {asked}") if coded in game.key.teams - {side} else (side, *lines)


def _coded(market: Row, label: str, league: League, names: Names, game: Keyed) -> tuple[str, ...] | Unread:
    """The side of a half whose title names none: its label, and the ticker's code, which stands in where there is no label."""
    code = str(market.get("ticker") or "").rpartition("-")[2]
    coded = DRAW if code == "TIE" and league.shape == "three_way" else names.team_of_code(league, code)
    side = side_of(names, league, label, game) if label else coded
    if not side or side not in (*game.key.teams, DRAW) or (coded in (*game.key.teams, DRAW) and coded != side):
        return Unread("side_unknown", f"{market.get('ticker')}: {label}")
    return (side,)


def _of_this_game(match: re.Match[str], period: str, league: League, pair: Sequence[str]) -> bool:
    """Period, unit, both names and the words before them are this series' and this event's."""
    part = match.groupdict()
    head, unit = part.get("head") or "", _UNITS.get(league.sport, "")
    own = (*pair, "1st Half", "First Half") if period == "1h" else pair
    if _DENIED.search(head) or foreign(head, own, league) or (part.get("half") and period != "1h"):
        return False
    if part.get("pair") and {fold(name) for name in VERSUS.split(part["pair"])} != {fold(name) for name in pair}:
        return False
    return (part.get("unit") or unit).lower() == unit and part.get("map") in (None, period.removeprefix("map "))


def side_of(names: Names, league: League, name: str, game: Keyed) -> str:
    """The team of this game that a name means, or the draw; "" when it is neither."""
    if fold(name) in ("tie", "draw"):
        return DRAW if league.shape == "three_way" else ""
    team = names.team(league, name.strip())
    return team if team is not None and team in game.key.teams else ""


def line_of(value: object) -> str:
    """ "1.50" and 1.5 -> "1.5"; what is no number stays unlike every number."""
    try:
        return format(Decimal(str(value)).normalize(), "f")
    except InvalidOperation:
        return f"? {value!r}"
