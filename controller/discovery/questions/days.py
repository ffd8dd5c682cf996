"""Calendar days as titles, rules and tickers spell them. A day without a year takes the year it is given, or is no day."""

import re
from datetime import date, datetime

from controller.discovery.when import EASTERN, parse_time

__all__ = ["MONTHS", "days_in", "eastern_day", "month_of", "one_day", "ticker_day"]

MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_ORDER = MONTHS.split("|")
_LONG = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_WORD = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
_WORD += r"|nov(?:ember)?|dec(?:ember)?)\.?"
_DAY = re.compile(rf"\b({_WORD}) (\d{{1,2}})(?:st|nd|rd|th)?(?!\d|[-–]\d|:|%|[.,]\d)(?:,? (20\d\d))?\b", re.I)
_CODE = re.compile(r"(\d\d)([A-Z]{3})(\d\d)")


def month_of(word: str) -> int | None:
    """1..12 of "May", "Sept." or "JUN"; None for no month."""
    plain = word.strip(". ").lower()
    if plain in _LONG or plain in _ORDER or plain == "sept":
        return _ORDER.index(plain[:3]) + 1
    return None


def ticker_day(code: str) -> date | None:
    """The day of "26MAY13", None for no day."""
    found = _CODE.fullmatch(code)
    month = month_of(found[2]) if found else None
    return None if found is None or month is None else _date(2000 + int(found[1]), month, int(found[3]))


def eastern_day(stamp: object) -> date | None:
    """The US Eastern day of a time with a zone, None for anything else."""
    moment = parse_time(stamp) if isinstance(stamp, str) else None
    return None if moment is None else datetime.fromtimestamp(moment // 1_000_000_000, EASTERN).date()


def days_in(text: str) -> set[date]:
    """The days that a text states with their years."""
    return {day for month, number, year in _DAY.findall(text[:20_000]) if year and (day := _read(month, number, year))}


def one_day(text: str, year: int | None) -> date | None:
    """The one day of a text; one without a year takes year. None where there is none, several or a day that does not exist."""
    found = {_read(month, number, stated or str(year or "")) for month, number, stated in _DAY.findall(text[:20_000])}
    return found.pop() if len(found) == 1 else None


def _read(month: str, number: str, year: str) -> date | None:
    known = month_of(month)
    return None if known is None or not year else _date(int(year), known, int(number))


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
