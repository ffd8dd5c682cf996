"""Claims about the Federal Reserve's decision at one scheduled meeting.

A claim holds the direction, the shape (exact, above, at least), the basis points and the meeting's month with its year. The
shape is a field of its own: at least 50 and above 25 may pay alike today and are still two questions (matching.md 2).
"""

import re

from controller.discovery.game import Row
from controller.discovery.names import fold
from controller.discovery.polymarket_keys import outcomes_of
from controller.discovery.questions.claim import Claimed, Unread
from controller.discovery.questions.days import month_of

__all__ = ["kalshi_economics_claim", "polymarket_economics_claim"]

_KALSHI = re.compile(
    r"Will the Federal Reserve (?P<way>cut|hike) rates by (?P<more>>|at least )?(?P<size>\d+) ?bps "
    r"at their (?P<month>[A-Z]+) (?P<year>20\d\d) meeting\?",
    re.I,
)
_TICKER = re.compile(r"KXFEDDECISION-(?P<year>\d\d)(?P<month>[A-Z]{3})")
_SAYS = {
    "cut": re.compile(r"\b(?:cut|decrease|lower)", re.I),
    "hike": re.compile(r"\b(?:hike|increase|raise)", re.I),
    "none": re.compile(r"\b(?:maintain|hold|unchanged|no change)", re.I),
}
_WAYS = {"cut": "cut", "hike": "hike", "decrease": "cut", "increase": "hike"}
_CHANGE = re.compile(
    r"(?:Will the )?Fed (?P<way>decrease|increase)s? interest rates by (?P<over>above |more than )?(?P<size>\d+)(?P<more>\+)? ?bps "
    r"after (?:the |its )?(?P<month>[A-Z]+) (?P<year>20\d\d) meeting\?",
    re.I,
)
_STILL = re.compile(
    r"(?:Will there be )?no change in Fed interest rates after (?:the )?(?P<month>[A-Z]+) (?P<year>20\d\d) meeting\?", re.I
)


def kalshi_economics_claim(event: Row, market: Row) -> Claimed | Unread:
    """Read a KXFEDDECISION market; ticker and title must name the same meeting."""
    if event.get("series_ticker") != "KXFEDDECISION":
        return Unread("series", str(event.get("series_ticker")))
    title = str(market.get("title") or "").strip()
    found, coded = _KALSHI.fullmatch(title), _TICKER.fullmatch(str(event.get("event_ticker") or ""))
    if found is None or coded is None:
        return Unread("title_form", title)
    meeting = _meeting(found)
    if meeting != f"20{coded['year']}-{coded['month'].lower()}":
        return Unread("meeting_conflict", f"{title}: {event.get('event_ticker')}")
    shape, size = _shape(found["more"]), int(found["size"])
    if _contradicts(market.get("yes_sub_title"), _direction(found["way"], shape, size), size):
        return Unread("contradiction", f"{title}: {market.get('yes_sub_title')}")
    return _done(meeting, found["way"], shape, size, title)


def polymarket_economics_claim(_event: Row, market: Row) -> Claimed | Unread:
    """Read "Fed decreases interest rates by N bps after M meeting?" and "No change ..."; anything else is unread."""
    question = str(market.get("question") or "").strip()
    still = _STILL.fullmatch(question)
    found = still or _CHANGE.fullmatch(question)
    outcomes = [fold(name) for name in outcomes_of(market)]
    if found is None or market.get("negRiskOther"):
        return Unread("question_form", question)
    if outcomes not in ([], ["yes", "no"], ["no", "yes"]) or (not outcomes and market.get("outcomes")):
        return Unread("outcomes", str(market.get("outcomes")))
    if still is not None:
        read = _done(_meeting(still), "cut", "exact", 0, question)
    elif found["over"] and found["more"]:
        return Unread("contradiction", question)
    else:
        shape = "above" if found["over"] else "at_least" if found["more"] else "exact"
        read = _done(_meeting(found), found["way"], shape, int(found["size"]), question)
    if isinstance(read, Claimed) and outcomes[:1] == ["no"]:
        return Claimed((None, read.claims[0]), read.structural, read.evidence)
    return read


def _meeting(found: re.Match[str]) -> str:
    """Year and month as 2026-jun, "" where the word is no month."""
    word = found["month"].lower()
    if month_of(word) is None:
        return ""
    return f"{found['year']}-{word[:3]}"


def _shape(more: str | None) -> str:
    return {"": "exact", ">": "above", "at least": "at_least"}[(more or "").strip().lower()]


def _direction(way: str, shape: str, size: int) -> str:
    return "none" if size == 0 and shape == "exact" else _WAYS[way.lower()]


def _contradicts(label: object, direction: str, size: int) -> bool:
    """The market's own label names another direction or other basis points than its title; "hike 0bps" is no change."""
    text = label if isinstance(label, str) else ""
    said = {way for way, pattern in _SAYS.items() if pattern.search(text)}
    sizes = set(re.findall(r"\d+", text))
    return fold(text) == "no" or bool(sizes - {str(size)}) or (bool(said) and direction not in said and size != 0)


def _done(meeting: str, way: str, shape: str, size: int, asked: str) -> Claimed | Unread:
    if not meeting:
        return Unread("meeting", asked)
    claim = ("economics", "US", "fed_decision", meeting, _direction(way, shape, size), shape, str(size))
    return Claimed((claim, None), False, (f"asks {asked[:200]}",))
