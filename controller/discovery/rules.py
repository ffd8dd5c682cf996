"""What the settlement texts of a matched game allow: verified, unverified or in conflict (matching.md 3.5).

The clauses are compared by settlement; this adds what only the game knows: its sport, its league and its day. Unverified means
that a text is missing or silent on a point that matters, and such a pair waits for a person.
"""

import re
from datetime import date

import msgspec

from controller.discovery.game import GameKey
from controller.discovery.settlement.compare import Finding, Settlement, settle
from controller.discovery.when import days_apart
from controller.model import Terms
from trading.units import ONE, Price, format_price

__all__ = ["Standing", "compare", "compare_texts", "tells"]

_DAY = re.compile(r"scheduled (?:for|on) ([A-Z][a-z]{2,8})\.? (\d{1,2})(?:, (\d{4}))?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """notes: one line per point compared. doubts: those a person has to look at before the pair may trade."""

    terms: Terms
    settlement: Settlement
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def compare(kalshi: str, polymarket: str, key: GameKey, *, draw: bool = False) -> Standing:
    """The standing of a pair's terms for the two full rule texts ("" = none). draw: the pair's YES is the draw."""
    settlement = settle(kalshi, polymarket, sport=key.sport, league=key.league, draw=draw)
    days = _other_days(kalshi, polymarket, key)
    doubts = (*days, *(tells(one) for one in (*settlement.conflicts, *settlement.unknown)))
    terms: Terms = "conflict" if days or settlement.conflicts else "unverified" if settlement.unknown else "verified"
    notes = tuple(tells(one) for one in settlement.findings if one.verdict in ("same", "priced"))
    return Standing(terms=terms, settlement=settlement, notes=notes, doubts=doubts)


def compare_texts(kalshi: str, polymarket: str) -> Standing:
    """The standing of terms where no game decides: deadline, source and print must be stated alike to be verified."""
    settlement = settle(kalshi, polymarket)
    doubts = tuple(tells(one) for one in (*settlement.conflicts, *settlement.unknown))
    terms: Terms = "conflict" if settlement.conflicts else "unverified" if settlement.unknown else "verified"
    notes = tuple(tells(one) for one in settlement.findings if one.verdict in ("same", "priced"))
    return Standing(terms=terms, settlement=settlement, notes=notes, doubts=doubts)


def tells(finding: Finding) -> str:
    """One finding in one line, with the dollars a contract of the worse hedge may lack."""
    if finding.verdict == "same":
        return f"{finding.point}: both: {finding.first}"
    short = Price(finding.shortfall)
    lacks = f"; a hedge may lack ${format_price(short, 2)}" if 0 < short <= ONE and short % 100 == 0 else ""
    return f"{finding.point}: kalshi {finding.first}, polymarket {finding.second} ({finding.verdict}{lacks})"


def _other_days(kalshi: str, polymarket: str, key: GameKey) -> tuple[str, ...]:
    """The text of another game: a rematch's, a doubleheader's of another day."""
    for venue, text in (("kalshi", kalshi[:20_000]), ("polymarket", polymarket[:20_000])):
        for month, day, year in _DAY.findall(text):
            stated = _date(month, int(day), int(year) if year else key.day_et.year)
            # Polymarket may state the UTC day of a late game; a start that is known has been compared already.
            slack = 0 if venue == "kalshi" else 1
            if stated is not None and days_apart(stated, key.day_et) > slack and not _new_year(stated, key.day_et, year):
                return (f"{venue} rules say {stated}, the game is on {key.day_et}",)
    return ()


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
