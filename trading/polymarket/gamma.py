"""Gamma, the catalogue of events and markets (polymarket.md 2): discovery reads, repeated as patience.py says.

Rows are handed on as they are; wire.market_from makes Markets of them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from trading.errors import Rejected, Throttled
from trading.http import Http
from trading.market import POLYMARKET, Venue
from trading.patience import Passing, patiently
from trading.polymarket.budget import Windows
from trading.polymarket.paging import pages
from trading.polymarket.rest import Sleep, read_json, segment
from trading.polymarket.wire import bad

__all__ = ["Gamma"]

_PAGE = 100
"""Larger values are silently clamped."""
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
        self._passing = Passing()
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
            answer = await self._read(path, query, listing=True)
            rows = answer.get(key) if isinstance(answer, Mapping) else None
            if not isinstance(rows, list) or not isinstance(answer, Mapping):
                raise bad("bad_page", f"{path} has no list {key!r}")
            return [row for row in rows if isinstance(row, dict)], str(answer.get("next_cursor") or "")

        async for page in pages(read, path, most=_MOST_PAGES):
            yield page

    async def _read(self, path: str, query: Mapping[str, Any], *, listing: bool = False) -> Any:
        pairs: list[tuple[str, str]] = []
        for name, value in query.items():
            for item in value if isinstance(value, list | tuple) else (value,):
                if item is not None:
                    pairs.append((name, str(item).lower() if isinstance(item, bool) else str(item)))
        url = f"{self._base}{path}" + (f"?{urlencode(pairs)}" if pairs else "")

        async def once() -> Any:
            self._count(path)
            return await read_json(self._http, "GET", url, {}, None)

        return await patiently(once, self._sleep, self._passing if listing else None)

    def _count(self, path: str) -> None:
        kind = path.split("/")[1]
        names = ("gamma", f"gamma {kind}", *(("gamma lists",) if kind in ("events", "markets") else ()))
        wait = self._windows.take(*names) if self._windows is not None else 0
        if wait:
            raise Throttled(POLYMARKET, "throttled", f"Gamma {path}: our own limit", retry_after=wait)
