"""Compare the settlement texts of a matched pair.

A pair is verified when both texts are there and nothing in them contradicts the other or the game's day, in conflict when
something does or when a text still holds template marks, and unverified otherwise (matching.md 3.5). What sports pairs never
agree on, postponement and cancellation, is named as a note: it bounds size elsewhere, it does not make another question.
"""

import re
from datetime import date

from controller.discovery.game import GameKey
from controller.discovery.when import days_apart
from controller.model import Terms
from trading.units import Money

__all__ = ["charge", "compare"]

# Cents of execution.md section 6 as Money (1/1,000,000 dollar) per contract; sources in near misses of matching.md section 4.
_CERTIFIER = 2_000  # exchange decision versus UMA oracle: disputes delay or flip one leg
_WINDOW = 2_000  # postponed: Kalshi waits 48 hours, Polymarket until played
_WINDOW_MLB = 3_000  # two days only, and rain is common
_SOCCER_CANCELLED = 2_000  # cancelled: No/No/Yes(draw) versus a fair price
_TEMPLATE = re.compile(r"\|\||\{\{|\}\}|<[A-Za-z_ ]+>")
_DAY = re.compile(r"scheduled (?:for|on) ([A-Z][a-z]{2,8})\.? (\d{1,2})(?:, (\d{4}))?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_REGULATION = re.compile(
    r"first 90 minutes|90 minutes plus|regulation (?:time )?only|end of regulation|(?:not include|exclud\w+) (?:any )?"
    r"(?:overtime|extra time)",
    re.IGNORECASE,
)
_BEYOND = re.compile(r"\b(?:including|includes) (?:any )?(?:potential )?(?:overtime|extra time|shoot|penalt)", re.IGNORECASE)


def compare(kalshi: str, polymarket: str, key: GameKey) -> tuple[Terms, tuple[str, ...]]:
    """The standing of a pair's terms and the facts behind it, for the two full rule texts ("" = none)."""
    for venue, text in (("kalshi", kalshi), ("polymarket", polymarket)):
        if _TEMPLATE.search(text):
            return "conflict", (f"{venue} rules hold an unfilled template",)
        for month, day, year in _DAY.findall(text):
            stated = _date(month, int(day), int(year) if year else key.day_et.year)
            # Polymarket may state the UTC day of a late game; a start that is known has been compared already.
            slack = 0 if venue == "kalshi" else 1
            if stated is not None and days_apart(stated, key.day_et) > slack and not _new_year(stated, key.day_et, year):
                return "conflict", (f"{venue} rules say {stated}, the game is on {key.day_et}",)
    missing = tuple(
        f"{venue} rules missing" for venue, text in (("kalshi", kalshi), ("polymarket", polymarket)) if not text.strip()
    )
    if missing:
        return "unverified", missing
    texts = (kalshi, polymarket)
    short = [bool(_REGULATION.search(text)) for text in texts]
    long = [bool(_BEYOND.search(text)) for text in texts]
    if (short[0] and long[1] and not short[1]) or (short[1] and long[0] and not short[0]):
        return "conflict", ("one venue counts regulation time only, the other counts extra time",)
    notes = ["rules of both venues read"]
    if "fair" in kalshi.lower() and "50-50" in polymarket:
        notes.append("cancelled: kalshi pays a fair price, polymarket 50-50")
    if "postponed" in polymarket.lower() or "rescheduled" in kalshi.lower():
        notes.append("postponed: the venues wait differently long")
    return "verified", tuple(notes)


def charge(sport: str, league: str) -> Money:
    """What the differing settlement of a sports pair costs per contract (execution.md section 6), in Money.

    The venues' certifiers and waiting windows differ in every game, whether a text mentions it or not.
    """
    waiting = _WINDOW_MLB if league == "mlb" else _WINDOW
    return Money(_CERTIFIER + waiting + (_SOCCER_CANCELLED if sport == "soccer" else 0))


def _date(month: str, day: int, year: int) -> date | None:
    if month[:3].lower() not in _MONTHS:
        return None
    try:
        return date(year, _MONTHS.index(month[:3].lower()) + 1, day)
    except ValueError:
        return None


def _new_year(stated: date, game: date, year: str) -> bool:
    """The text gave no year and the game is around New Year: our guess of the year may be one off."""
    if year:
        return False
    return any(
        days_apart(stated.replace(year=guess), game) <= 1 for guess in (game.year - 1, game.year + 1) if _exists(stated, guess)
    )


def _exists(day: date, year: int) -> bool:
    return not (day.month == 2 and day.day == 29 and (year % 4 != 0 or (year % 100 == 0 and year % 400 != 0)))
