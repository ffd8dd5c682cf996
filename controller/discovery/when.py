"""Times as the venues write them: RFC 3339 on both sides, a ticker's day and clock in US Eastern time.

A stamp without a zone is no stamp: guessing one is how a game lands on the wrong day.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from trading.units import WallNs

__all__ = ["EASTERN", "day_of", "days_apart", "eastern", "parse_day", "parse_time"]

EASTERN = ZoneInfo("America/New_York")
_SECOND = 1_000_000_000


@lru_cache(maxsize=65_536)
def parse_time(text: str | None) -> WallNs | None:
    """Read "2026-01-05T02:30:00Z" or "2026-01-05 02:30:00+00"; None for anything without a zone or not a time."""
    if not text or not isinstance(text, str):
        return None
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        return None
    if stamp.tzinfo is None:
        return None
    return WallNs(int(stamp.timestamp()) * _SECOND)


@lru_cache(maxsize=65_536)
def parse_day(text: str | None) -> date | None:
    """Read a calendar day "2026-01-05"; None for anything else."""
    if not text or not isinstance(text, str) or len(text) != 10:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def day_of(start: WallNs) -> date:
    """The US Eastern calendar day of a moment."""
    return datetime.fromtimestamp(start // _SECOND, EASTERN).date()


def eastern(day: date, clock: str) -> WallNs | None:
    """The moment of HHMM Eastern on a day; None when there is no such clock time (or it happens twice or never)."""
    hour, minute = int(clock[:2]), int(clock[2:])
    if hour > 23 or minute > 59:
        return None
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=EASTERN)
    first, second = local.timestamp(), local.replace(fold=1).timestamp()
    if first != second:  # the hour of a clock change: either reading could be meant
        return None
    return WallNs(int(first) * _SECOND)


def days_apart(one: date, other: date) -> int:
    """Whole days between two calendar days, never negative."""
    return abs((one - other) // timedelta(days=1))
