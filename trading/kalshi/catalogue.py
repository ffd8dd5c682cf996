"""Discovery reads: events with their markets, milestones with their starts, series with their fees (kalshi.md 5.2).

Rows are passed on as the venue wrote them, because the matcher wants fields this library has no use for. Pages stop at an empty
cursor, never at a short page; a cursor that comes twice ends the walk, so that a venue fault cannot loop us for ever.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from trading.kalshi.rest import KalshiRest, Query
from trading.log import get_logger

__all__ = ["event_pages", "milestones", "pages", "series"]

_log = get_logger(__name__)
_TIMEOUT_S = 30.0

Row = dict[str, Any]


class EventsPage(msgspec.Struct, frozen=True):
    events: list[Row]
    cursor: str | None = None


class MilestonesPage(msgspec.Struct, frozen=True):
    milestones: list[Row]
    cursor: str | None = None


class SeriesPage(msgspec.Struct, frozen=True):
    series: list[Row] | None = None


async def pages(
    rest: KalshiRest,
    path: str,
    query: Query,
    kind: type[Any],
    *,
    private: bool = False,
    retry: bool = True,
    timeout_s: float = _TIMEOUT_S,
) -> AsyncIterator[Any]:
    """Every page of a cursor-paged read, decoded as kind (which has a cursor field)."""
    seen: set[str] = set()
    cursor = ""
    while True:
        asked = [*query, ("cursor", cursor)] if cursor else query
        page = rest.decode(await rest.read(path, asked, private=private, retry=retry, timeout_s=timeout_s), kind, path)
        yield page
        cursor = page.cursor or ""
        if not cursor:
            return
        if cursor in seen:
            _log.warning("kalshi_cursor_repeats", path=path, pages=len(seen) + 1)
            return
        seen.add(cursor)


def _wanted_event(event: Row) -> bool:
    # kalshi.md 5.2: combos flood every list and are never ours
    return not str(event.get("event_ticker", "")).startswith("KXMVE") and event.get("category") != "Exotics"


def _wanted_market(market: Row) -> bool:
    return not str(market.get("ticker", "")).startswith("KXMVE") and not market.get("mve_collection_ticker")


async def event_pages(rest: KalshiRest, *, status: str, series_ticker: str | None) -> AsyncIterator[list[Row]]:
    """Pages of events with nested markets, without combos. status: unopened, open, closed or settled."""
    query = [("status", status), ("with_nested_markets", "true"), ("limit", "200")]
    if series_ticker is not None:
        query.append(("series_ticker", series_ticker))
    async for page in pages(rest, "/events", query, EventsPage):
        rows = []
        for event in page.events:
            if _wanted_event(event):
                markets = [market for market in event.get("markets") or () if _wanted_market(market)]
                rows.append({**event, "markets": markets})
        yield rows


async def milestones(rest: KalshiRest, *, category: str, minimum_start_date: str | None) -> list[Row]:
    """All milestones of a category; minimum_start_date is RFC 3339."""
    query = [("limit", "500"), ("category", category)]
    if minimum_start_date is not None:
        query.append(("minimum_start_date", minimum_start_date))
    rows: list[Row] = []
    async for page in pages(rest, "/milestones", query, MilestonesPage):
        rows.extend(page.milestones)
    return rows


async def series(rest: KalshiRest) -> dict[str, Row]:
    """Every series by ticker; one unpaged answer of about 13,500 rows."""
    body = await rest.read("/series", timeout_s=_TIMEOUT_S)
    rows = rest.decode(body, SeriesPage, "/series").series or []
    return {str(row.get("ticker", "")): row for row in rows if row.get("ticker")}
