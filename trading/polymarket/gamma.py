"""Gamma, the catalogue of events, markets and teams (polymarket.md 2): discovery reads, rate-limited ones repeated by B-210.

Rows are handed on as they are; wire.market_from makes Markets of them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from trading.errors import Rejected, Throttled
from trading.http import Http
from trading.market import POLYMARKET, Venue
from trading.polymarket.budget import Windows
from trading.polymarket.paging import pages
from trading.polymarket.rest import Sleep, patiently, read_json, segment
from trading.polymarket.wire import bad

__all__ = ["Gamma"]

_PAGE = 100
"""Larger values are silently clamped."""
_SERIES_PAGE = 50
_MOST_PAGES = 2_000


class Gamma:
    """Reads of one Gamma host."""

    venue: Venue = POLYMARKET

    def __init__(
        self,
        http: Http,
        url: str,
        *,
        sleep: Sleep = asyncio.sleep,
        filters: Mapping[str, Any] | None = None,
        windows: Windows | None = None,
    ) -> None:
        """filters narrow pages(), the venue-neutral catalogue seam; default: open events. windows keep the limits (B-212)."""
        self._windows = windows
        self._http = http
        self._base = url.rstrip("/")
        self._sleep = sleep
        self._filters = dict(filters or {"closed": False})

    async def event_pages(self, **filters: Any) -> AsyncIterator[list[dict[str, Any]]]:
        """Pages of events with their markets. Filters as in polymarket.md 2.1; a sequence repeats its key.

        Raises BadAnswer when the venue repeats a cursor or sends something else than events.
        """
        async for page in self._walk("/events/keyset", "events", filters):
            yield page

    async def market_pages(self, **filters: Any) -> AsyncIterator[list[dict[str, Any]]]:
        """Pages of markets, for instance by condition_ids (up to 100)."""
        async for page in self._walk("/markets/keyset", "markets", filters):
            yield page

    async def pages(self) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """The events of the configured filters, page by page."""
        async for page in self.event_pages(**self._filters):
            yield page

    async def market(self, market_id: str) -> dict[str, Any] | None:
        """One market by Gamma id or condition id; None when Gamma does not know it."""
        if market_id.startswith("0x"):
            async for page in self.market_pages(condition_ids=[market_id]):
                for row in page:
                    if str(row.get("conditionId", "")).lower() == market_id.lower():
                        return row
            return None
        return await self._one(f"/markets/{segment(market_id)}")

    async def event(self, slug: str) -> dict[str, Any] | None:
        """One event with its markets by slug; None when there is none."""
        return await self._one(f"/events/slug/{segment(slug)}")

    async def event_by_id(self, event_id: str) -> dict[str, Any] | None:
        """One event with its markets by Gamma id; None when there is none."""
        return await self._one(f"/events/{segment(event_id)}")

    async def market_by_slug(self, slug: str) -> dict[str, Any] | None:
        """One market by slug; None when there is none."""
        return await self._one(f"/markets/slug/{segment(slug)}")

    async def teams(self, league: str = "", **filters: Any) -> list[dict[str, Any]]:
        """Teams, of one league or by abbreviation or name."""
        return await self._offsets("/teams", _PAGE, {"league": league or None, **filters})

    async def tags(self, **filters: Any) -> list[dict[str, Any]]:
        """Every tag."""
        return await self._offsets("/tags", _PAGE, filters)

    async def series(self, **filters: Any) -> list[dict[str, Any]]:
        """Series of events, such as a league's season."""
        return await self._offsets("/series", _SERIES_PAGE, filters)

    async def sports(self) -> list[dict[str, Any]]:
        """A row per league: tags, series, and in which order its slugs name the teams."""
        return self._rows(await self._read("/sports", {}), "/sports")

    async def sports_market_types(self) -> tuple[str, ...]:
        """Every value sportsMarketType can take."""
        answer = await self._read("/sports/market-types", {})
        names = answer.get("marketTypes") if isinstance(answer, Mapping) else answer
        if not isinstance(names, list):
            raise bad("bad_page", "/sports/market-types is no list")
        return tuple(str(name) for name in names)

    async def search(self, words: str, **filters: Any) -> list[dict[str, Any]]:
        """Events that the venue's own search finds; what else it finds, profiles with nulls among it, is left out."""
        answer = await self._read("/public-search", {"q": words, **filters})
        rows = answer.get("events") if isinstance(answer, Mapping) else None
        return [row for row in rows or () if isinstance(row, dict)]

    async def _offsets(self, path: str, size: int, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Every row of a list that pages by offset. A page without a new row ends it: offsets slip while the list changes."""
        found: dict[str, dict[str, Any]] = {}
        for page in range(_MOST_PAGES):
            rows = self._rows(await self._read(path, {**filters, "limit": size, "offset": page * size}), path)
            before = len(found)
            for row in rows:
                found.setdefault(str(row.get("id")), row)
            if len(rows) < size or len(found) == before:
                return list(found.values())
        raise bad("too_many_pages", f"{path} has more than {_MOST_PAGES} pages; narrow the filters")

    @staticmethod
    def _rows(answer: object, path: str) -> list[dict[str, Any]]:
        if not isinstance(answer, list):
            raise bad("bad_page", f"{path} is no list")
        return [row for row in answer if isinstance(row, dict)]

    async def _one(self, path: str) -> dict[str, Any] | None:
        try:
            row = await self._read(path, {})
        except Rejected as exc:
            if exc.code == "not_found":
                return None
            raise
        if not isinstance(row, dict):
            raise bad("bad_row", f"{path} is no object")
        return row

    async def _walk(self, path: str, key: str, filters: Mapping[str, Any]) -> AsyncIterator[list[dict[str, Any]]]:
        async def read(cursor: str) -> tuple[list[dict[str, Any]], str]:
            query = {**filters, "limit": _PAGE} | ({"after_cursor": cursor} if cursor else {})
            answer = await self._read(path, query)
            rows = answer.get(key) if isinstance(answer, Mapping) else None
            if not isinstance(rows, list) or not isinstance(answer, Mapping):
                raise bad("bad_page", f"{path} has no list {key!r}")
            return [row for row in rows if isinstance(row, dict)], str(answer.get("next_cursor") or "")

        async for page in pages(read, path, most=_MOST_PAGES):
            yield page

    async def _read(self, path: str, query: Mapping[str, Any]) -> Any:
        pairs: list[tuple[str, str]] = []
        for name, value in query.items():
            for item in value if isinstance(value, list | tuple) else (value,):
                if item is not None:
                    pairs.append((name, str(item).lower() if isinstance(item, bool) else str(item)))
        url = f"{self._base}{path}" + (f"?{urlencode(pairs)}" if pairs else "")

        async def once() -> Any:
            self._count(path)
            return await read_json(self._http, "GET", url, {}, None)

        return await patiently(once, self._sleep)

    def _count(self, path: str) -> None:
        kind = path.split("/")[1]
        names = ("gamma", f"gamma {kind}", *(("gamma lists",) if kind in ("events", "markets") else ()))
        wait = self._windows.take(*names) if self._windows is not None else 0
        if wait:
            raise Throttled(POLYMARKET, "throttled", f"Gamma {path}: our own limit", retry_after=wait)
