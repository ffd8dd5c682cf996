"""Claims about who wins a competition, an award, a nomination or an election.

Both questions are cut into subject and contest by a small grammar; the contest is the set of its words after a table of
synonyms, with league and year taken out as fields of their own. Two contests are the same when the sets are equal: a word only
one side has ("1st round", "ticket", "advance") makes them different. Placeholders never have a claim.
"""

import re
from datetime import datetime

from controller.discovery.game import Row
from controller.discovery.names import League, Names, fold, strip_club
from controller.discovery.polymarket_keys import outcomes_of
from controller.discovery.questions.claim import Claim, Claimed, Unread

__all__ = ["kalshi_contest_claim", "polymarket_contest_claim"]

_WIN = re.compile(r"Will (?:the )?(?P<who>.+?) (?:win|finish first in) (?:the )?(?P<what>.+?)\??", re.I)
_NOMINEE = re.compile(
    r"Will (?P<who>.+?) (?:be|win) the (?:(?P<y1>20\d\d) )?(?P<what>(?:Democratic|Republican) Presidential) "
    r"(?:nominee|nomination)(?: in (?P<y2>20\d\d))?\??",
    re.I,
)
_HOUSE = re.compile(
    r"Will (?:the )?(?P<who>.+?) win the (?:House race for (?P<d1>[A-Z]{2}-(?:\d+|AL))"
    r"|(?P<d2>[A-Z]{2}-(?:\d+|AL)) House seat)\??"
)
_OFFICE = re.compile(
    r"Will (?:the )?(?P<who>.+?) win the (?:(?P<o1>governorship|Senate race) in (?P<s1>[A-Za-z ]+?)"
    r"|(?P<s2>[A-Za-z ]+?) (?P<o2>governor|Senate) race)(?: in (?P<year>20\d\d))?\??",
    re.I,
)
_PARTY = {
    "democratic": "democratic", "democrat": "democratic", "democrats": "democratic", "democratic party": "democratic",
    "republican": "republican", "republicans": "republican", "republican party": "republican",
}  # fmt: skip
_PLACEHOLDER = re.compile(
    r"(?:another|any other|other|no|none|someone)\b.*|(?:player|person|candidate|chef|team|driver|club|option|party|country"
    r"|artist|individual"
    r"|contestant|actor|company) [a-z0-9]{1,3}|[a-z0-9]{1,2}|field",
    re.I,
)
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
    ("pro basketball finals", "nba basketball championship"),
    ("nba finals", "nba basketball championship"),
    ("pro football championship", "super bowl"),
    ("pro baseball championship", "world series"),
    ("championship series", "championship"),
    ("english premier league", "premier league"),
)
_SILENT = frozenset({"the", "of", "award", "trophy", "winner", "a", "an", "in", "at", "for", "title", "election", "race"})
_LEAGUE_WORDS = {
    "nba": "nba", "wnba": "wnba", "mlb": "mlb", "nfl": "nfl", "nhl": "nhl", "pro basketball": "nba", "pro baseball": "mlb",
    "pro football": "nfl", "pro hockey": "nhl", "womens pro basketball": "wnba", "mens": "",
}  # fmt: skip
_LONG_YEARS = re.compile(r"\b(20\d\d) (?:20)?(\d\d)\b")
_YEAR = re.compile(r"\b20\d\d\b")
_SERIES_LEAGUES = ("WNBA", "NBA", "MLB", "NFL", "NHL")
_NAMED_BY_START = frozenset({"nfl"})
"""Leagues in which Polymarket names a season by its first year and Kalshi by its last (2026 MVP = KXNFLMVP-27)."""
_STATES = {
    "alabama": "AL", "alaska": "AK", "arizona": "AZ", "arkansas": "AR", "california": "CA", "colorado": "CO",
    "connecticut": "CT", "delaware": "DE", "florida": "FL", "georgia": "GA", "hawaii": "HI", "idaho": "ID", "illinois": "IL",
    "indiana": "IN", "iowa": "IA", "kansas": "KS", "kentucky": "KY", "louisiana": "LA", "maine": "ME", "maryland": "MD",
    "massachusetts": "MA", "michigan": "MI", "minnesota": "MN", "mississippi": "MS", "missouri": "MO", "montana": "MT",
    "nebraska": "NE", "nevada": "NV", "new hampshire": "NH", "new jersey": "NJ", "new mexico": "NM", "new york": "NY",
    "north carolina": "NC", "north dakota": "ND", "ohio": "OH", "oklahoma": "OK", "oregon": "OR", "pennsylvania": "PA",
    "rhode island": "RI", "south carolina": "SC", "south dakota": "SD", "tennessee": "TN", "texas": "TX", "utah": "UT",
    "vermont": "VT", "virginia": "VA", "washington": "WA", "west virginia": "WV", "wisconsin": "WI", "wyoming": "WY",
}  # fmt: skip


def kalshi_contest_claim(event: Row, market: Row, names: Names) -> Claimed | Unread:
    """Read a Kalshi market "Will X win Y?". The year is the ticker's, and the title's where it states one."""
    ticker = str(event.get("event_ticker") or "")
    series, _, rest = ticker.partition("-")
    ticker_year = next((2000 + int(y) for y in re.findall(r"(?:^|-)(\d\d)(?=$|-|[A-Z])", rest) if 20 <= int(y) <= 60), None)
    title = str(market.get("title") or "").strip()
    code = next((code for code in _SERIES_LEAGUES if series.removeprefix("KX").startswith(code)), "")
    return _claim(title, str(event.get("title") or ""), ticker_year, code.lower(), names, kalshi=True)


def polymarket_contest_claim(event: Row, market: Row, names: Names) -> Claimed | Unread:
    """Read a Gamma market "Will X win the Y?". A question without a year takes the year of the event's stated end."""
    if market.get("negRiskOther"):
        return Unread("placeholder", str(market.get("question")))
    outcomes = [fold(name) for name in outcomes_of(market)]
    if outcomes not in ([], ["yes", "no"]) or (not outcomes and market.get("outcomes")):
        return Unread("outcomes", str(market.get("outcomes")))
    title = str(event.get("title") or "")
    end = event.get("endDate") or market.get("endDate")
    year = None
    if isinstance(end, str):
        try:
            year = datetime.fromisoformat(end).year
        except ValueError:
            return Unread("end_date", end)
    return _claim(str(market.get("question") or "").strip(), title, year, "", names, kalshi=False)


def _claim(question: str, title: str, dated: int | None, league: str, names: Names, *, kalshi: bool) -> Claimed | Unread:
    election = _election(question, title, dated)
    if election is not None:
        return election
    match = _WIN.fullmatch(question)
    if match is None:
        return Unread("question_form", question)
    who = match["who"]
    if _PLACEHOLDER.fullmatch(fold(who)) or (" and " in f" {who} " and " or " in f" {who} "):
        return Unread("placeholder", who)
    what, years = _contest(match["what"])
    context, more = _contest(title)
    years |= more
    found = {_LEAGUE_WORDS[word] for word in _LEAGUE_WORDS for text in (what, context) if f" {word} " in f" {text} "} - {""}
    if "wnba" in found:
        found -= {"nba"}
    found |= {league} if league else set()
    if len(found) > 1 or len(years) > 1:
        return Unread("contradiction", f"{question} / {title}")
    sport = found.pop() if found else ""
    if years and not kalshi and sport in _NAMED_BY_START and "mvp" in what:
        years = {year + 1 for year in years}
    if kalshi and years and dated is not None and years != {dated}:
        return Unread("year_conflict", f"{question}: {dated}")
    year = years.pop() if years else dated
    if year is None:
        return Unread("no_year", question)
    words = frozenset(_without_league(what, sport).split()) - _SILENT
    if not words:
        return Unread("no_contest", question)
    return _done(
        ("contest", str(year), sport, " ".join(sorted(words)), _entity(who, names.leagues.get(sport), names)), question
    )


def _election(question: str, title: str, dated: int | None) -> Claimed | Unread | None:
    nominee = _NOMINEE.fullmatch(question)
    if nominee is not None:
        years = {nominee["y1"], nominee["y2"]} - {None}
        who = fold(nominee["who"])
        if len(years) != 1 or _PLACEHOLDER.fullmatch(who):
            return Unread("placeholder" if years else "no_year", question)
        return _done(("nominee", "US", fold(nominee["what"]), str(years.pop()), who), question)
    house, office = _HOUSE.fullmatch(question), _OFFICE.fullmatch(question)
    if house is not None:
        state, _, number = str(house["d1"] or house["d2"]).partition("-")
        seat, stated, party = f"house {state}-{number.lstrip('0')}", None, house["who"]
    elif office is not None:
        code = _STATES.get(fold(office["s1"] or office["s2"]))
        if code is None:
            return Unread("state_unknown", question)
        kind = "governor" if "gov" in (office["o1"] or office["o2"]).lower() else "senate"
        seat, stated, party = f"{kind} {code}", office["year"], office["who"]
    else:
        return None
    known = _PARTY.get(fold(party))
    if _PLACEHOLDER.fullmatch(fold(party)):
        return Unread("placeholder", party)
    if known is None:
        return Unread("party_unknown", party)
    if "primary" in fold(title) or "special" in fold(title):
        return Unread("stage", title)
    years = set(_YEAR.findall(title)) | ({stated} if stated else set())
    if len(years) > 1:
        return Unread("year_conflict", question)
    year = years.pop() if years else dated
    if year is None:
        return Unread("no_year", question)
    return _done(("election", "US", seat, "general", str(year), known), question)


def _done(claim: Claim, question: str) -> Claimed:
    return Claimed((claim, None), False, (f"asks {question[:200]}",))


def _contest(text: str) -> tuple[str, set[int]]:
    """Folded words with synonyms replaced and years taken out; "2025-26" counts as its end."""
    words = fold(text)
    years = {int(start[:2] + end) for start, end in _LONG_YEARS.findall(words)}
    words = _LONG_YEARS.sub(" ", words)
    years |= {int(year) for year in _YEAR.findall(words)}
    words = " ".join(_YEAR.sub(" ", words).split())
    for long, short in _SYNONYMS:
        words = f" {words} ".replace(f" {long} ", f" {short} ").strip()
    return words, years


def _without_league(what: str, sport: str) -> str:
    text = f" {what} "
    for word in sorted(_LEAGUE_WORDS, key=len, reverse=True):
        if _LEAGUE_WORDS[word] in ("", sport):
            text = text.replace(f" {word} ", " ")
    return text.strip()


def _entity(who: str, league: League | None, names: Names) -> str:
    """The team's id where a league is known and knows it, else the folded name without club forms, "and" and "de"."""
    name = re.sub(r"^the ", "", who.strip(), flags=re.I)
    if league is not None:
        team = names.known(league, name)
        if team is not None:
            return f"{league.id}:{team}"
    kept = [word for word in strip_club(name).split() if word not in ("de", "and", "the")]
    return " ".join(kept)
