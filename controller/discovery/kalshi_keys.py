"""Read the game and the side out of a Kalshi event and one of its markets.

The series decides league and market type: segment series share date and team letters with the full game (kalshi.md 5.3), so the
series is the only proof. The start comes from the milestone, else from the ticker's HHMM; occurrence_datetime is the expected
end and is never read. Sides come from yes_sub_title; ticker codes only confirm, or stand in where a recording kept no names.
"""

import re
from collections.abc import Sequence

import msgspec

from controller.discovery.game import Abstain, GameKey, Keyed, Row, conflicting_starts
from controller.discovery.names import DRAW, League, Names, fold, load
from controller.discovery.parts import foreign, numbered, of_event
from controller.discovery.questions.days import ticker_day
from controller.discovery.texts import unusable
from controller.discovery.when import day_of, eastern, parse_time

__all__ = ["kalshi_key", "other_competition"]

_EVENT = re.compile(r"(?P<series>[A-Z0-9]+)-(?P<day>\d{2}[A-Z]{3}\d{2})(?P<clock>\d{4})?(?P<block>[A-Z0-9]+)")
_VERSUS = re.compile(r"\s+(?:vs\.?|v\.?|at|@)\s+", re.IGNORECASE)
_TITLE_END = re.compile(r"\s+winner\??$", re.IGNORECASE)
_WINS = re.compile(r"\bwin(?:s|ner)?\b", re.IGNORECASE)
_NAMED_WINNER = re.compile(r"Will (?P<will>.+?) win the .+|.+: (?P<name>.+?) wins\??", re.IGNORECASE)
_TIE_WORDS = frozenset({"tie", "draw"})


def kalshi_key(event: Row, market: Row, milestone: Row | None = None, *, names: Names | None = None) -> Keyed | Abstain:
    """The key of one Kalshi market, or why it has none.

    event is an object of GET /events (nested markets are read when present), market one of its markets, milestone the object of
    GET /milestones that names this event. Without a milestone the start is the ticker's, without HHMM only the day is known.
    """
    names = names or load()
    ticker, event_ticker = str(market.get("ticker") or ""), str(event.get("event_ticker") or market.get("event_ticker") or "")
    if ticker.startswith("KXMVE") or market.get("mve_collection_ticker"):
        return Abstain("combo", ticker)  # kalshi.md 5.2: over 99 % of all markets
    series = str(event.get("series_ticker") or event_ticker.partition("-")[0])
    league = names.league_of_series(series)
    if league is None:
        return Abstain("not_a_game_winner", series)
    found = _key_in(league, series, event, market, milestone, names)
    return msgspec.structs.replace(found, league=league.id) if isinstance(found, Abstain) else found


def _key_in(league: League, series: str, event: Row, market: Row, milestone: Row | None, names: Names) -> Keyed | Abstain:
    """The key within a known league."""
    if unusable((event.get("title"), market.get("title"), market.get("yes_sub_title"))):
        return Abstain("unreadable_text", str(market.get("ticker"))[:80])
    ticker, event_ticker = str(market.get("ticker") or ""), str(event.get("event_ticker") or market.get("event_ticker") or "")
    other = other_competition(event, league)
    if other:
        return Abstain("other_competition", f"{ticker}: {other}")
    parsed = _EVENT.fullmatch(event_ticker)
    if parsed is None or parsed["series"] != series or not ticker.startswith(event_ticker + "-"):
        return Abstain("ticker_form", ticker)
    if (market.get("market_type") or "binary") != "binary":
        return Abstain("not_binary", ticker)
    day = ticker_day(parsed["day"])
    if day is None:
        return Abstain("ticker_day", ticker)
    clock = parsed["clock"] or ""
    from_ticker = eastern(day, clock) if clock else None
    if clock and from_ticker is None:
        return Abstain("ticker_clock", ticker)
    stated = milestone.get("start_date") if milestone else None
    start = parse_time(stated)
    if stated and start is None:
        return Abstain("milestone_time", str(stated))
    if conflicting_starts(start, from_ticker):
        return Abstain("start_conflict", f"{ticker}: milestone {stated}")
    start = start if start is not None else from_ticker
    if start is not None and day_of(start) != day:
        return Abstain("day_conflict", f"{ticker}: starts on {day_of(start)}")
    pair = _title_names(event, market)
    children = _child_names(event, event_ticker)
    if league.names == "exact":
        # Titles shorten people and sponsors ("Iordan vs Dakhane"); only the markets' own names are whole.
        whole = len(children) == 2 and (not pair or _covers(pair, children))
        if not whole and not _named_whole(event, market, pair, children):
            return Abstain("names_incomplete", ticker)
        pair = children if whole else pair
    if len(pair) != 2:
        return Abstain("title_form", str(event.get("title")))
    for text in (str(event.get("title") or ""), str(market.get("title") or "")):
        if foreign(text, (*pair, *children), league) or not of_event(text, league):
            return Abstain("not_full_game", text)
        if text and text == market.get("title") and not _WINS.search(text):
            return Abstain("not_full_game", text)
        if start is None and numbered((text,), league):
            return Abstain("game_number", text)
    found = [names.team(league, name) for name in pair]
    if found[0] is None or found[1] is None:
        return Abstain("unknown_team", " / ".join(name for name, team in zip(pair, found, strict=True) if team is None))
    teams = (found[0], found[1])
    if teams[0] == teams[1]:
        return Abstain("same_team_twice", str(event.get("title")))
    for child in children:
        if names.team(league, child) not in teams:
            return Abstain("title_conflict", f"{ticker}: {child} is not in {event.get('title')}")
    side = _side(names, league, market, ticker.removeprefix(event_ticker + "-"), parsed["block"], pair, teams)
    if isinstance(side, Abstain):
        return side
    team, proven, fact = side
    if team == DRAW and league.shape == "two_way":
        return Abstain("tie_in_two_way", ticker)
    key = GameKey(sport=league.sport, league=league.id, day_et=day, start=start, teams=frozenset(teams))
    seen = "milestone" if stated else ("ticker clock" if clock else "day only")
    proven = proven and (league.names != "exact" or len(children) == 2)
    evidence = (f"kalshi series {series}", f"kalshi start from {seen}", fact)
    return Keyed(key=key, event=event_ticker, market=ticker, sides=(team, None), clock=clock, proven=proven, evidence=evidence)


def other_competition(event: Row, league: League) -> str:
    """product_metadata's competition or scope where it is not this league's game, "" otherwise; preseason is this league's.

    Kalshi has renamed competitions ("NHL" became "Pro Hockey"): the league's own labels are it as well.
    """
    stated = event.get("product_metadata")
    stated = stated if isinstance(stated, dict) else {}
    competition, scope = str(stated.get("competition") or ""), str(stated.get("competition_scope") or "")
    own = competition.startswith(league.competition) or fold(competition) in (league.id, *league.labels)
    if league.competition and competition and not own:
        return competition
    return scope if foreign(scope, (), league) else ""


def _title_names(event: Row, market: Row) -> Sequence[str]:
    """Both names of "CFP: Oregon vs Indiana"; empty when the title is not of that form."""
    title = _TITLE_END.sub("", str(event.get("title") or market.get("title") or "")).strip()
    head, colon, tail = title.partition(": ")
    title = tail if colon and _VERSUS.search(tail) else title
    if ": " in title or " - " in title:
        return ()
    parts = _VERSUS.split(title)
    return tuple(part.strip() for part in parts) if len(parts) == 2 and head else ()


def _child_names(event: Row, event_ticker: str) -> Sequence[str]:
    """The names of the event's own team markets, where the answer nested them."""
    found = []
    for child in event.get("markets") or ():
        suffix = str(child.get("ticker") or "").removeprefix(event_ticker + "-")
        name = _stated_name(child)
        if name and suffix != "TIE" and fold(name) not in _TIE_WORDS:
            found.append(name)
    return tuple(found)


def _stated_name(market: Row) -> str:
    """The outcome's own name: yes_sub_title, else the one its title asks about."""
    return str(market.get("yes_sub_title") or "").strip() or _asked_name(market)


def _asked_name(market: Row) -> str:
    """X of "Will X win the ... match?" and of "A vs B ... game: X wins?", "" where the title names no side."""
    asked = _NAMED_WINNER.fullmatch(str(market.get("title") or ""))
    return (asked["will"] or asked["name"]) if asked else ""


def _named_whole(event: Row, market: Row, pair: Sequence[str], children: Sequence[str]) -> bool:
    """A market recorded without its twin whose question repeats the event's title, its own side spelled as in it."""
    title, question = fold(str(event.get("title") or "")), fold(str(market.get("title") or ""))
    own = {fold(name) for name in children}
    return len(pair) == 2 and len(own) == 1 and own <= {fold(name) for name in pair} and f" win the {title} " in f" {question} "


def _covers(pair: Sequence[str], children: Sequence[str]) -> bool:
    """Each title name is part of exactly one market's name, and not of the same one."""
    hits = [[i for i, child in enumerate(children) if f" {fold(name)} " in f" {fold(child)} "] for name in pair]
    return len(hits) == 2 and all(len(hit) == 1 for hit in hits) and hits[0] != hits[1]


def _side(
    names: Names, league: League, market: Row, suffix: str, block: str, pair: Sequence[str], teams: tuple[str, str]
) -> tuple[str, bool, str] | Abstain:
    """Which side YES means: (team id or draw, proven, fact)."""
    name, asked = _stated_name(market), _asked_name(market)
    if asked and names.team(league, asked) != names.team(league, name) and fold(asked) != fold(name):
        return Abstain("side_conflict", f"{asked}: {name}")
    by_code = names.team_of_code(league, suffix)
    if suffix == "TIE" or (name and fold(name) in _TIE_WORDS):
        if suffix != "TIE" or (name and fold(name) not in _TIE_WORDS):
            return Abstain("side_conflict", f"{suffix}: {name}")
        return DRAW, True, "kalshi yes is the tie"
    if name:
        team = names.team(league, name)
        if team not in teams or team is None:
            return Abstain("side_unknown", name)
        # A code may be out of date, but one that names the opponent contradicts the text.
        if by_code in teams and by_code != team:
            return Abstain("side_conflict", f"{suffix}: {name}")
        return team, True, f"kalshi yes is {name}"
    first, last = block.startswith(suffix), block.endswith(suffix)
    if by_code in teams and by_code is not None:
        # Codes change: the code beside it, where the table knows it, must be the opponent's.
        rest = names.team_of_code(league, block.removeprefix(suffix) if first else block.removesuffix(suffix))
        if not (first or last) or (rest is not None and (rest not in teams or rest == by_code)):
            return Abstain("side_conflict", f"{block}: {suffix}")
        return by_code, False, f"kalshi yes is {by_code} by its code {suffix}, no name was given"
    # No name and no known code: the code's place in the ticker and its letters must point at the same team.
    if first == last or by_code is not None:
        return Abstain("side_unknown", suffix)
    place = 0 if first else 1
    spelled = _spells(suffix, pair[place]), _spells(suffix, pair[1 - place])
    if not spelled[0] or spelled[1]:
        return Abstain("side_unknown", suffix)
    return teams[place], False, f"kalshi yes is {pair[place]} by place and letters of {suffix}, no name was given"


def _spells(code: str, name: str) -> bool:
    """The code's letters occur in the name in order, beginning with its first letter."""
    letters = fold(name).replace(" ", "")
    if not letters.startswith(code[:1].lower()):
        return False
    rest = iter(letters)
    return all(ch in rest for ch in code.lower())
