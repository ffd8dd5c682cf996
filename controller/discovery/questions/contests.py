"""Claims about who wins a competition or an award.

Both questions are cut into subject and contest by a small grammar; the contest is the set of its words after a table of
synonyms, with league and year taken out as fields of their own. Two contests are the same when the sets are equal: a word only
one side has ("1st round", "ticket", "advance") makes them different, wherever title or question says it. What names no
competition ("the final"), a meeting of two and a placeholder never have a claim.
"""

import re

from controller.discovery.game import Row
from controller.discovery.names import League, Names, fold, strip_club
from controller.discovery.polymarket_keys import outcomes_of
from controller.discovery.questions.claim import Claim, Claimed, Unread
from controller.discovery.questions.contest_words import is_meeting, names_competition, respelled, title_adds
from controller.discovery.questions.days import eastern_day
from controller.discovery.questions.elections import election_claim
from controller.discovery.questions.subjects import contradicts, placeholder
from controller.discovery.when import parse_day

__all__ = ["kalshi_contest_claim", "polymarket_contest_claim"]

_WIN = re.compile(r"Will (?:the )?(?P<who>.+?) (?P<how>win|finish first in) (?:the )?(?P<what>.+?)\??", re.I)
_COUNTED = re.compile(r"\d\s*\+|[<>≥≤=%$]")
"""A count with its operator ("2+ medals"): words would lose the operator."""
_HOW_WON = re.compile(r"(?:by|on|in|at|with|without|via|from|after|before|against|over)\b", re.I)
"""Words after "win" that say how or when: no contest is named."""
_SYNONYMS = (
    ("national league", "nl"),
    ("american league", "al"),
    ("moty", "manager of the year"),
    ("cpoty", "comeback player of the year"),
    ("dpoy", "defensive player of the year"),
    ("roty", "rookie of the year"),
    ("most valuable player", "mvp"),
    ("fifa world cup", "world cup"),
    ("mens world cup", "world cup"),
    ("stanley cup finals", "stanley cup"),
    ("womens pro basketball", "wnba"),
    ("pro basketball finals", "nba basketball championship"),
    ("nba finals", "nba basketball championship"),
    ("pro football championship", "super bowl"),
    ("pro baseball championship", "world series"),
    ("championship series", "championship"),
    ("english premier league", "premier league"),
)
_SILENT = frozenset({"the", "of", "award", "trophy", "winner", "a", "an", "in", "at", "for", "title", "election", "race"})
_LETTERED = re.compile(r"\b(group|serie|pool|division|class|category|conference|league) a\b| a$")
"""Where "a" is a name and no article: Group A, Serie A."""
_LEAGUE_WORDS = {
    "nba": "nba", "wnba": "wnba", "mlb": "mlb", "nfl": "nfl", "nhl": "nhl", "pro basketball": "nba", "pro baseball": "mlb",
    "pro football": "nfl", "pro hockey": "nhl", "mens": "",
}  # fmt: skip
_TABLES = frozenset({"group", "division", "conference", "league", "season", "standings", "table", "pool"})
"""Where first place is the win; in a primary or a first round of voting it is not."""
_SECOND = frozenset({"win", "wins", "won", "lose", "loses"})
"""A second verb: who wins what is lost among the words of several contests."""
_LONG_YEARS = re.compile(r"\b(20\d\d) (?:20)?(\d\d)\b")
_YEAR = re.compile(r"\b20\d\d\b")
_SERIES_LEAGUES = ("WNBA", "NBA", "MLB", "NFL", "NHL")
_NAMED_BY_START = frozenset({"nfl"})
"""Leagues in which Polymarket names a season by its first year and Kalshi by its last (2026 MVP = KXNFLMVP-27)."""
_NAMED_BY_DAY = frozenset({"super", "bowl"})
"""The contest of such a league that is one game: both venues name it by the year it is played in."""


def kalshi_contest_claim(event: Row, market: Row, names: Names) -> Claimed | Unread:
    """Read a Kalshi market "Will X win Y?". The year is the ticker's, and the title's where it states one."""
    ticker = str(event.get("event_ticker") or "")
    series, _, rest = ticker.partition("-")
    ticker_year = next((2000 + int(y) for y in re.findall(r"(?:^|-)(\d\d)(?=$|-|[A-Z])", rest) if 20 <= int(y) <= 60), None)
    question = str(market.get("title") or "").strip()
    code = next((code for code in _SERIES_LEAGUES if series.removeprefix("KX").startswith(code)), "").lower()
    title = str(event.get("title") or "")
    found = election_claim(question, title, ticker_year, None) or _claim(question, title, ticker_year, code, names, kalshi=True)
    side = {"D": "democratic", "R": "republican"}.get(str(market.get("ticker") or "").rpartition("-")[2])
    if not isinstance(found, Unread) and found[1][0] == "election" and side not in (None, found[1][-1]):
        return Unread("side_conflict", f"{market.get('ticker')}: {question}")
    return _done(found, market.get("yes_sub_title"), question, names)


def polymarket_contest_claim(event: Row, market: Row, names: Names) -> Claimed | Unread:
    """Read a Gamma market "Will X win the Y?". A question without a year takes the year of the event's stated end."""
    question, title = str(market.get("question") or "").strip(), str(event.get("title") or "")
    if market.get("negRiskOther"):
        return Unread("placeholder", question)
    outcomes = [fold(name) for name in outcomes_of(market)]
    if outcomes not in ([], ["yes", "no"], ["no", "yes"]) or (not outcomes and market.get("outcomes")):
        return Unread("outcomes", str(market.get("outcomes")))
    end = event.get("endDate") or market.get("endDate")
    ends = (parse_day(end) or eastern_day(end)) if isinstance(end, str) else None
    if end and ends is None:
        return Unread("end_date", str(end))
    # In the first days of January either year may be meant: the old one's award, the new one's race.
    dated = None if ends is None or (ends.month == 1 and ends.day <= 7) else ends.year
    found = election_claim(question, title, dated, ends) or _claim(question, title, dated, "", names, kalshi=False)
    read = _done(found, market.get("groupItemTitle"), question, names)
    if isinstance(read, Claimed) and outcomes[:1] == ["no"]:
        return Claimed((None, read.claims[0]), read.structural, read.evidence)
    return read


def _claim(
    question: str, title: str, dated: int | None, league: str, names: Names, *, kalshi: bool
) -> tuple[str, Claim] | Unread:
    match = _WIN.fullmatch(question)
    if match is None or _COUNTED.search(match["what"]) or _HOW_WON.match(match["what"]):
        return Unread("question_form", question)
    who = match["who"]
    what, years, ranged = _contest(match["what"])
    context, more, also_ranged = _contest(title)
    years |= more
    found = {_LEAGUE_WORDS[word] for word in _LEAGUE_WORDS for text in (what, context) if f" {word} " in f" {text} "} - {""}
    if "wnba" in found:
        found -= {"nba"}
    found |= {league} if league else set()
    if len(found) > 1 or len(years) > 1:
        return Unread("contradiction", f"{question} / {title}")
    sport = found.pop() if found else ""
    words = _words(what, sport) - ({"women"} if sport == "wnba" else set())
    words |= title_adds(context, _words(context, sport), what, sport)
    entity = _entity(who, _league(sport, words, names), names)
    if isinstance(entity, Unread):
        return entity
    if is_meeting(words) or words & _SECOND or not names_competition(words, sport):
        return Unread("no_contest", question)
    if match["how"].lower() != "win" and not words & _TABLES:
        return Unread("first_place", question)
    if years and not kalshi and sport in _NAMED_BY_START and not (ranged or also_ranged or words >= _NAMED_BY_DAY):
        if words != {"mvp"}:
            return Unread("season_year", question)  # seen for this award alone; elsewhere either season may be meant
        years = {year + 1 for year in years}
    if kalshi and years and dated is not None and years != {dated}:
        return Unread("year_conflict", f"{question}: {dated}")
    year = years.pop() if years else dated
    if year is None:
        return Unread("no_year", question)
    return who, ("contest", str(year), sport, " ".join(sorted(words)), entity)


def _done(found: tuple[str, Claim] | Unread, label: object, question: str, names: Names) -> Claimed | Unread:
    if isinstance(found, Unread):
        return found
    who, claim = found
    league = _league(claim[2], set(claim[3].split()), names) if claim[0] == "contest" else None
    if contradicts(label, who, league, names):
        return Unread("side_conflict", f"{question}: {label}")
    return Claimed((claim, None), False, (f"asks {question[:200]}",))


def _contest(text: str) -> tuple[str, set[int], bool]:
    """Folded words with synonyms replaced, the years taken out, and whether a range gave them: "2025-26" counts as its end."""
    words = fold(text)
    ranges = {int(start[:2] + end) for start, end in _LONG_YEARS.findall(words) if (int(start) + 1) % 100 == int(end)}
    words = _LONG_YEARS.sub(" ", words) if ranges else words
    years = ranges | {int(year) for year in _YEAR.findall(words)}
    words = " ".join(_YEAR.sub(" ", words).split())
    for long, short in _SYNONYMS:
        words = f" {words} ".replace(f" {long} ", f" {short} ").strip()
    return respelled(words), years, bool(ranges)


def _words(text: str, sport: str) -> set[str]:
    """The telling words of a contest, without its league's."""
    padded = f" {text} "
    for word in sorted(_LEAGUE_WORDS, key=len, reverse=True):
        if _LEAGUE_WORDS[word] in ("", sport):
            padded = padded.replace(f" {word} ", " ")
    plain = " ".join(padded.split())
    return (set(plain.split()) - _SILENT) | ({"a"} if _LETTERED.search(plain) else set())


def _league(sport: str, words: set[str], names: Names) -> League | None:
    """Whose table spells the contest's teams: its league's, and the nations' for a world cup."""
    return names.leagues.get(sport or ("worldcup" if words >= {"world", "cup"} else ""))


def _entity(who: str, league: League | None, names: Names) -> str | Unread:
    """The team's id where a league is known and knows it, else the folded name without club forms, "and" and "de"."""
    name = re.sub(r"^the ", "", who.strip(), flags=re.I)
    if league is not None:
        team = names.known(league, name)
        if team is not None:
            return f"{league.id}:{team}"
        if names.ambiguous(league, name):
            return Unread("team_ambiguous", who)
    if placeholder(name):
        return Unread("placeholder", who)
    kept = [word for word in strip_club(name).split() if word not in ("de", "and", "the")]
    return " ".join(kept)
