"""Read the game and the sides out of a Gamma event and one of its markets.

sportsMarketType decides the market type; where it is missing, only the plain grammar of a full-game question is accepted. The
start is gameStartTime (endDate can be a week later and is never read), the league comes from slug, series and tags, the teams
from outcomes or questions, confirmed by title and teams[]. A token's side is bound by name, never by "index 0 is home".
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from controller.discovery.game import Abstain, GameKey, Keyed, Row, conflicting_starts
from controller.discovery.names import DRAW, League, Names, fold, load
from controller.discovery.parts import foreign, numbered, of_event
from controller.discovery.texts import unusable
from controller.discovery.when import day_of, days_apart, parse_day, parse_time
from trading.units import WallNs

__all__ = ["outcomes_of", "polymarket_key"]

_VERSUS = re.compile(r"\s+(?:vs\.?|v\.?|at|@)\s+", re.IGNORECASE)
_SLUG = re.compile(r"(?P<prefix>[a-z0-9]+)-(?P<teams>.+)-(?P<day>\d{4}-\d{2}-\d{2})")
# Baseball numbers the games of a doubleheader; elsewhere a number after the day is a map or another companion.
_NUMBERED = re.compile(r"(?:mlb|kbo|npb)-.+-\d{4}-\d{2}-\d{2}-(?:game-|game|g)?[12]")
_WIN = re.compile(r"Will (?P<name>.+) win on (?P<day>\d{4}-\d{2}-\d{2})\?", re.IGNORECASE)
_ENDS_LEVEL = re.compile(r"Will (?P<pair>.+) end in a draw\?", re.IGNORECASE)
_DRAW_ITEM = re.compile(r"draw(?:\s*\(.*\))?", re.IGNORECASE)
_SEASON = re.compile(r"-?\d{4}(?:-\d{2,4})?$")
# Words of markets that share teams and day with the full game but are not it (matching.md section 1).
_SEGMENT = re.compile(
    r"\b(?:1h|2h|1st|2nd|first|second|half|halftime|quarter|period|innings?|set|map|game|round)\b.*\b(?:winner|moneyline)"
    r"|\b(?:spread|handicap|o/u|over|under|total|totals|corners|cards|score|scorer|goalscorer|both teams|btts|toss|odd/even"
    r"|completed|advance|qualify|penalties|overtime|extra time)\b|\(\s*[+-]\d",
    re.IGNORECASE,
)
# A match of an odd number of maps: its event and its winner bear one name, every other market of the event another.
_SERIES_OF_MAPS = re.compile(r"[^:]+: .+ vs\.? .+ \(BO[1357]\)(?: - .+)?")
_BRACKETED = re.compile(r"\((?:bo\d+|[^)]*(?:card|prelims)[^)]*)\)", re.IGNORECASE)


def polymarket_key(event: Row, market: Row, *, names: Names | None = None) -> Keyed | Abstain:
    """The key of one Gamma market, or why it has none. event is an object of GET /events, market one of its markets."""
    names = names or load()
    ident = str(market.get("conditionId") or market.get("id") or "")
    question = str(market.get("question") or "").strip()
    title = str(event.get("title") or "").strip()
    if not ident:
        return Abstain("no_id", question)
    if unusable((question, title, market.get("groupItemTitle"))):
        return Abstain("unreadable_text", ident)
    wrong = _not_full_game(event, market, question, title, names)
    if wrong is not None:
        return wrong
    league = _league(names, event, market, question, title)
    if isinstance(league, Abstain):
        return league
    competition, also, known_league = league
    called = (*outcomes_of(market), *_versus(title), *_versus(question))
    label = str(market.get("groupItemTitle") or "")
    if any(foreign(text, called, competition) or not of_event(text, competition) for text in {title, question, label}):
        return Abstain("not_a_game_winner", f"{title} / {question}")
    if competition.shape == "three_way":
        sides = _three_way(names, competition, market, question, title)
    else:
        sides = _two_way(names, competition, market, question, title)
    if isinstance(sides, Abstain):
        return sides
    teams, meaning, proven, fact = sides
    stated = _stated_teams(names, competition, event)
    if stated is not None and stated != teams:
        return Abstain("title_conflict", f"{question}: teams[] says {sorted(stated)}")
    moment = _day(event, market, question)
    if isinstance(moment, Abstain):
        return moment
    day, start = moment
    slug = str(event.get("slug") or "")
    if start is None and (numbered((title, question), competition) or (_SLUG.match(slug) and not _SLUG.fullmatch(slug))):
        return Abstain("game_number", f"{title} {slug}")
    key = GameKey(sport=competition.sport, league=competition.id, day_et=day, start=start, teams=teams)
    evidence = (
        f"polymarket league {competition.id}{'' if known_league else ' inferred from both teams'}",
        f"polymarket start {'from gameStartTime' if start is not None else 'unknown, day only'}",
        fact,
    )
    group = str(event.get("id") or event.get("slug") or title)
    proven = proven and known_league
    return Keyed(key=key, event=group, market=ident, sides=meaning, also=also, proven=proven, evidence=evidence)


def outcomes_of(market: Row) -> tuple[str, ...]:
    """The outcome names, from Gamma's array inside a string; empty when there are none (polymarket.md 2.2)."""
    value = market.get("outcomes")
    return _outcomes_in(value) if isinstance(value, str) else _named(value)


@lru_cache(maxsize=65_536)  # asked several times of each market
def _outcomes_in(text: str) -> tuple[str, ...]:
    try:
        return _named(json.loads(text))
    except ValueError:
        return ()


def _named(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() for name in value):
        return ()
    return tuple(name.strip() for name in value)


def _not_full_game(event: Row, market: Row, question: str, title: str, names: Names) -> Abstain | None:
    """Why this market is no full-game winner, None when nothing says so."""
    if market.get("negRiskOther"):
        return Abstain("placeholder", question)  # its meaning changes when a placeholder is named
    kind = market.get("sportsMarketType")
    if kind and kind != "moneyline":
        return Abstain("not_a_game_winner", str(kind))
    if market.get("line") not in (None, 0, "", "0"):
        return Abstain("not_a_game_winner", f"line {market.get('line')}")
    if _SEGMENT.search(_BRACKETED.sub("", question)) or _SEGMENT.search(_BRACKETED.sub("", title)):
        return Abstain("not_a_game_winner", question)
    plain = _SERIES_OF_MAPS.fullmatch(question) is not None and question == title and bool(_titled(names, title))
    if not kind and not plain and (" - " in title or ": " in question or " - " in question):
        return Abstain("not_a_game_winner", question)  # companion events and prefixed questions need their type stated
    event_slug, slug = str(event.get("slug") or ""), str(market.get("slug") or "")
    base = _SLUG.fullmatch(event_slug)
    if base is None and _SLUG.match(event_slug) and not _NUMBERED.fullmatch(event_slug):
        return Abstain("companion_event", event_slug)  # "-more-markets", "-halftime-result" (polymarket.md 2.3)
    if _SLUG.match(event_slug) and slug and slug != event_slug:
        rest = slug.removeprefix(event_slug + "-")
        if rest == slug or "-" in rest:
            return Abstain("not_a_game_winner", slug)
    return None


def _league(names: Names, event: Row, market: Row, question: str, title: str) -> tuple[League, tuple[str, ...], bool] | Abstain:
    """The league, other possible ones, and whether the venue names it. Several are narrowed by whose teams these are."""
    slug = _SLUG.match(str(event.get("slug") or market.get("slug") or ""))
    found: tuple[League, ...] = names.leagues_of_prefix(slug["prefix"]) if slug else ()
    if not found:
        labelled = {league.id: league for label in _labels(event) for league in names.leagues_of_label(label)}
        # A slug of another word than the league's own ("nbagl") is a sister competition under the league's tag.
        found = tuple(league for league in labelled.values() if slug is None or not league.prefixes)
    titled = _titled(names, title)
    if titled and not found and not slug and not _has_words(event):
        found = titled
    if titled and found and not set(titled) & set(found):
        return Abstain("league_conflict", title)
    if len(found) == 1:
        return found[0], (), True
    pair = _pair_of(question, title, market)
    if len(pair) != 2:
        return Abstain("league_unknown", title)
    if found:
        at_home = [league for league in found if all(names.known(league, name) for name in pair)]
        return (at_home[0], (), True) if len(at_home) == 1 else Abstain("league_ambiguous", title)
    if slug or _has_words(event):
        return Abstain("league_unknown", title)  # the venue names a league, one we do not know
    at_home = [league for league in names.leagues.values() if all(names.known(league, name) for name in pair)]
    if not at_home:
        return Abstain("league_unknown", title)
    if len({(league.shape, league.sport, *(names.known(league, name) for name in pair)) for league in at_home}) != 1:
        return Abstain("league_ambiguous", title)
    return at_home[0], tuple(league.id for league in at_home[1:]), False


def _titled(names: Names, title: str) -> tuple[League, ...]:
    """The league of players or esports teams that stands before the title's colon ("Valorant: A vs B (BO5)")."""
    head, colon, _ = title.partition(": ")
    return tuple(league for league in names.leagues_of_label(head) if league.names == "exact") if colon else ()


def _labels(event: Row) -> Iterable[str]:
    yield _SEASON.sub("", str(event.get("seriesSlug") or ""))
    for group in ("series", "tags"):
        for item in _objects(event.get(group)):
            for field in ("slug", "title", "label"):
                yield _SEASON.sub("", str(item.get(field) or "").strip()).strip()
    for team in _objects(event.get("teams")):
        yield str(team.get("league") or "")


def _has_words(event: Row) -> bool:
    return any(fold(label) not in ("", "sports", "games", "soccer", "football", "basketball") for label in _labels(event))


def _objects(value: object) -> Sequence[Row]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else ()


def _pair_of(question: str, title: str, market: Row) -> Sequence[str]:
    """Both names, wherever they stand: outcomes, else title, else question. For guessing the league only."""
    outcomes = outcomes_of(market)
    if len(outcomes) == 2 and {fold(name) for name in outcomes} != {"yes", "no"}:
        return outcomes
    for text in (title, question):
        pair = _versus(text)
        if len(pair) == 2:
            return pair
    return ()


@lru_cache(maxsize=65_536)
def _versus(text: str) -> Sequence[str]:
    """Both names of "LoL: A vs B (BO5) - LIT Playoffs"; empty when it is not of that form."""
    text = _BRACKETED.sub("", text).strip()
    head, colon, tail = text.partition(": ")
    if colon and not _VERSUS.search(head):
        text = tail
    text = text.partition(" - ")[0].strip()
    parts = tuple(part.strip() for part in _VERSUS.split(text))
    return parts if len(parts) == 2 and all(parts) else ()


_Sides = tuple[frozenset[str], tuple[str | None, str | None], bool, str]


def _two_way(names: Names, league: League, market: Row, question: str, title: str) -> _Sides | Abstain:
    """One market whose two outcomes are the teams."""
    outcomes, proven = outcomes_of(market), True
    if not outcomes and not market.get("outcomes"):
        outcomes, proven = tuple(_versus(question)), False  # a recording without outcomes: the question keeps their order
    if len(outcomes) != 2:
        return Abstain("outcomes", question)
    first, second = (names.team(league, name) for name in outcomes)
    if first is None or second is None:
        return Abstain("unknown_team", " / ".join(outcomes))
    if first == second or {fold(name) for name in outcomes} & {"yes", "no", "draw", "tie"}:
        return Abstain("outcomes", " / ".join(outcomes))
    teams = frozenset((first, second))
    if league.names != "exact":
        for text in (title, question, str(market.get("groupItemTitle") or "")):
            pair = _versus(text)
            if len(pair) == 2 and {names.team(league, name) for name in pair} != teams:
                return Abstain("title_conflict", f"{text}: outcomes {' / '.join(outcomes)}")
    fact = f"polymarket outcomes {outcomes[0]} / {outcomes[1]}" + (
        "" if proven else " in the order of the question, none given"
    )
    return teams, (first, second), proven, fact


def _three_way(names: Names, league: League, market: Row, question: str, title: str) -> _Sides | Abstain:
    """One Yes/No market per team and one for the draw."""
    pair = _versus(title)
    if len(pair) != 2 or " - " in title:
        return Abstain("title_form", title)
    first, second = (names.team(league, name) for name in pair)
    if first is None or second is None:
        return Abstain("unknown_team", title)
    if first == second:
        return Abstain("same_team_twice", title)
    teams = frozenset((first, second))
    item = str(market.get("groupItemTitle") or "").strip()
    level, win = _ENDS_LEVEL.fullmatch(question), _WIN.fullmatch(question)
    if level is not None:
        named = _versus(level["pair"])
        if len(named) != 2 or {names.team(league, name) for name in named} != teams:
            return Abstain("title_conflict", question)
        side: str | None = DRAW
    elif win is not None:
        side = names.team(league, win["name"])
    else:
        return Abstain("question_form", question)
    by_item = DRAW if item and _DRAW_ITEM.fullmatch(item) else (names.team(league, item) if item else side)
    if side is None or by_item != side or (side != DRAW and side not in teams):
        return Abstain("side_conflict", f"{question}: {item}")
    outcomes = outcomes_of(market)
    if not outcomes and not market.get("outcomes"):
        return teams, (side, None), False, f"polymarket yes is {side}, no outcomes given"
    if [fold(name) for name in outcomes] == ["yes", "no"]:
        return teams, (side, None), True, f"polymarket yes is {side}"
    if [fold(name) for name in outcomes] == ["no", "yes"]:
        return teams, (None, side), True, f"polymarket yes (outcome 1) is {side}"
    return Abstain("outcomes", question)


def _stated_teams(names: Names, league: League, event: Row) -> frozenset[str] | None:
    """The two teams of teams[], None when the event has none or they cannot be read."""
    stated = [names.team(league, str(team.get("name") or "")) for team in _objects(event.get("teams"))]
    known = frozenset(team for team in stated if team is not None and not team.startswith("~"))
    return known if len(stated) == 2 and len(known) == 2 else None


def _day(event: Row, market: Row, question: str) -> tuple[date, WallNs | None] | Abstain:
    """The Eastern day and the start. Stated days may be the neighbouring UTC day of a late game, never further off."""
    start, of_event = parse_time(market.get("gameStartTime")), parse_time(event.get("startTime"))
    if conflicting_starts(start, of_event):
        return Abstain("start_conflict", f"{market.get('gameStartTime')} and {event.get('startTime')}")
    for stated in (market.get("gameStartTime"), event.get("startTime")):
        if stated and parse_time(stated) is None:  # without a zone it may be another day
            return Abstain("start_unreadable", str(stated)[:40])
    start = start if start is not None else of_event
    win = _WIN.fullmatch(question)
    slug = _SLUG.match(str(event.get("slug") or market.get("slug") or ""))
    texts = (event.get("eventDate"), win["day"] if win else None, slug["day"] if slug else None)
    days = {day for day in map(parse_day, texts) if day is not None}
    if start is not None:
        day = day_of(start)
        if any(days_apart(day, other) > 1 for other in days):
            return Abstain("day_conflict", f"{question}: starts on {day}")
        return day, start
    if len(days) != 1:
        return Abstain("no_day" if not days else "day_conflict", question)
    return days.pop(), None
