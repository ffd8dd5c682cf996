"""Discovery reads: series, events, markets, milestones, structured targets and announced fee changes (kalshi.md 5, 11).

Rows are passed on as the venue wrote them, because the matcher wants fields this library has no use for. Combos flood every list
and are never ours, so they are left out.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import msgspec

from trading.errors import Misuse
from trading.kalshi.paging import filters, pages
from trading.kalshi.rest import KalshiRest, segment

__all__ = ["Catalogue", "MarketTimes", "Row"]

_TIMEOUT_S = 30.0
_IDS = 100

Row = dict[str, Any]
EventStatus = Literal["unopened", "open", "closed", "settled"]
ListStatus = Literal["unopened", "open", "paused", "closed", "settled"]


class MarketTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The one family of times a market list may be narrowed by (kalshi.md 5.1), in unix seconds."""

    family: Literal["created", "close", "settled", "updated"]
    at_least: int | None = None
    at_most: int | None = None


_ALLOWED: dict[str, frozenset[str]] = {
    "created": frozenset({"", "unopened", "open"}),
    "close": frozenset({"", "closed"}),
    "settled": frozenset({"", "settled"}),
    "updated": frozenset({""}),
}
"""Statuses that go with each family of times; any other pair is refused by the venue."""


class EventsPage(msgspec.Struct, frozen=True):
    events: list[Row]
    cursor: str | None = None


class MarketsPage(msgspec.Struct, frozen=True):
    markets: list[Row]
    cursor: str | None = None


class MilestonesPage(msgspec.Struct, frozen=True):
    milestones: list[Row]
    cursor: str | None = None


class TargetsPage(msgspec.Struct, frozen=True):
    structured_targets: list[Row] = []
    cursor: str | None = None


class EventFeesPage(msgspec.Struct, frozen=True):
    event_fee_changes: list[Row]
    cursor: str | None = None


class SeriesFees(msgspec.Struct, frozen=True):
    series_fee_change_arr: list[Row]


class SeriesPage(msgspec.Struct, frozen=True):
    series: list[Row] | None = None


class OneMarket(msgspec.Struct, frozen=True):
    market: Row


class OneEvent(msgspec.Struct, frozen=True):
    event: Row


class OneSeries(msgspec.Struct, frozen=True):
    series: Row


class OneMilestone(msgspec.Struct, frozen=True):
    milestone: Row


def _wanted_event(event: Row) -> bool:
    return not str(event.get("event_ticker", "")).startswith("KXMVE") and event.get("category") != "Exotics"


def _wanted_market(market: Row) -> bool:
    return not str(market.get("ticker", "")).startswith("KXMVE") and not market.get("mve_collection_ticker")


class Catalogue:
    """Public lists. Every method raises Rejected where there is none, and the errors of a read."""

    def __init__(self, rest: KalshiRest) -> None:
        self._rest = rest

    # series

    async def series(
        self, *, category: str = "", tags: str = "", min_updated_ts: int | None = None, include_volume: bool | None = None
    ) -> dict[str, Row]:
        """Series by ticker in one unpaged answer (all: about 13,500). category is exact and case-sensitive."""
        query = filters(
            ("category", category), ("tags", tags), ("min_updated_ts", min_updated_ts), ("include_volume", include_volume)
        )
        rows = (await self._rest.fetch("/series", SeriesPage, query, listing=True, timeout_s=_TIMEOUT_S)).series or []
        return {str(row.get("ticker", "")): row for row in rows if row.get("ticker")}

    async def one_series(self, ticker: str) -> Row:
        return (await self._rest.fetch(f"/series/{segment(ticker)}", OneSeries)).series

    # events

    async def event_pages(
        self,
        *,
        status: EventStatus | str = "",
        series_ticker: str | None = None,
        tickers: Sequence[str] = (),
        with_milestones: bool | None = None,
        min_close_ts: int | None = None,
        min_updated_ts: int | None = None,
    ) -> AsyncIterator[list[Row]]:
        """Pages of events with their markets, without combos. Settled events bring no markets: list those."""
        query = filters(
            ("status", status),
            ("with_nested_markets", True),
            ("limit", 200),
            ("series_ticker", series_ticker),
            ("tickers", tuple(tickers)),
            ("with_milestones", with_milestones),
            ("min_close_ts", min_close_ts),
            ("min_updated_ts", min_updated_ts),
        )
        async for page in pages(self._rest, "/events", query, EventsPage):
            rows = []
            for event in page.events:
                if _wanted_event(event):
                    markets = [market for market in event.get("markets") or () if _wanted_market(market)]
                    rows.append({**event, "markets": markets})
            yield rows

    async def event(self, ticker: str) -> Row:
        """One event without its markets."""
        return (await self._rest.fetch(f"/events/{segment(ticker)}", OneEvent, [("exclude_markets", "true")])).event

    # markets

    async def market_pages(
        self,
        *,
        status: ListStatus | None = None,
        event_ticker: str = "",
        series_ticker: str = "",
        tickers: Sequence[str] = (),
        times: MarketTimes | None = None,
    ) -> AsyncIterator[list[Row]]:
        """Pages of markets without combos. Raises Misuse for filters the venue does not combine (kalshi.md 5.1)."""
        query = filters(
            ("limit", 1000),
            ("mve_filter", "exclude"),
            ("status", status),
            ("event_ticker", event_ticker),
            ("series_ticker", series_ticker),
            ("tickers", tuple(tickers)),
        )
        if times is not None:
            if (status or "") not in _ALLOWED[times.family]:
                raise Misuse(f"markets of status {status} cannot be narrowed by {times.family} times; filter them here")
            if times.family == "updated" and (event_ticker or tickers):
                raise Misuse("markets by updated time take no other filter than a series")
            query += filters((f"min_{times.family}_ts", times.at_least), (f"max_{times.family}_ts", times.at_most))
        async for page in pages(self._rest, "/markets", query, MarketsPage):
            yield [market for market in page.markets if _wanted_market(market)]

    async def market(self, ticker: str) -> Row:
        return (await self._rest.fetch(f"/markets/{segment(ticker)}", OneMarket)).market

    # games

    async def milestones(
        self,
        *,
        category: str = "",
        competition: str = "",
        minimum_start_date: str | None = None,
        kind: str = "",
        related_event_ticker: str = "",
        source_id: str = "",
        min_updated_ts: int | None = None,
    ) -> list[Row]:
        """All milestones that fit; they carry the scheduled starts. minimum_start_date is RFC 3339."""
        query = filters(
            ("limit", 500),
            ("category", category),
            ("competition", competition),
            ("minimum_start_date", minimum_start_date),
            ("type", kind),
            ("related_event_ticker", related_event_ticker),
            ("source_id", source_id),
            ("min_updated_ts", min_updated_ts),
        )
        rows: list[Row] = []
        async for page in pages(self._rest, "/milestones", query, MilestonesPage):
            rows.extend(page.milestones)
        return rows

    async def milestone(self, milestone_id: str) -> Row:
        return (await self._rest.fetch(f"/milestones/{segment(milestone_id)}", OneMilestone)).milestone

    async def structured_targets(self, *, ids: Sequence[str] = (), kind: str = "", competition: str = "") -> list[Row]:
        """Teams and players behind custom_strike ids. Ids are asked in hundreds, so that no URL grows too long."""
        rows: list[Row] = []
        for start in range(0, len(ids), _IDS) if ids else (0,):
            query = [("ids", one) for one in ids[start : start + _IDS]]  # the parameter is repeated, not joined
            query += filters(("type", kind), ("competition", competition), ("page_size", 2000))
            async for page in pages(self._rest, "/structured_targets", query, TargetsPage):
                rows.extend(page.structured_targets)
        return rows

    # fees that will change

    async def series_fee_changes(self, *, series_ticker: str = "", show_historical: bool | None = None) -> list[Row]:
        """Announced changes of series' fees: series_ticker, fee_type, fee_multiplier, scheduled_ts (RFC 3339)."""
        query = filters(("series_ticker", series_ticker), ("show_historical", show_historical))
        return (await self._rest.fetch("/series/fee_changes", SeriesFees, query)).series_fee_change_arr

    async def event_fee_changes(self, *, event_ticker: str = "") -> list[Row]:
        """Announced overrides of events' fees; both override fields null = the override ends."""
        query = filters(("event_ticker", event_ticker), ("limit", 1000))
        rows: list[Row] = []
        async for page in pages(self._rest, "/events/fee_changes", query, EventFeesPage):
            rows.extend(page.event_fee_changes)
        return rows
