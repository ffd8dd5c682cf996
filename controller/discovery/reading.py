"""The reads of discovery: both venues at once, and what a failure of either leaves behind.

Kalshi is read per series, so one league's failure leaves the others whole (B-108); Polymarket in one sweep over its game
events. The clients bring retries and rate limits (B-110). Only failures a venue or the network can cause are caught; ours are
raised.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from controller.discovery.cache import Cached
from controller.discovery.game import Row
from controller.discovery.names import League
from controller.discovery.when import parse_time
from trading.clock import SECOND
from trading.errors import TandemError
from trading.units import WallNs

__all__ = ["GammaEvents", "KalshiCatalogue", "KalshiRead", "Progress", "markets_of", "read_venues", "silent"]

T = TypeVar("T")
Progress = Callable[[int, int | None, str], None]
"""done, total (None = unknown), what is being read."""

_AT_ONCE = 4
"""Kalshi series read side by side; its client spaces the requests."""
_FAILURES = (TandemError, OSError)
"""What a venue or the network may do to us; anything else is our fault and is raised."""


class KalshiCatalogue(Protocol):
    """What discovery reads of Kalshi."""

    def event_pages(self, *, status: str = "open", series_ticker: str | None = None) -> AsyncIterator[list[Row]]: ...
    async def milestones(self, *, category: str = "Sports", minimum_start_date: str | None = None) -> list[Row]: ...
    async def series(self) -> dict[str, Row]: ...


class GammaEvents(Protocol):
    """What discovery reads of Polymarket."""

    def event_pages(self, **filters: Any) -> AsyncIterator[list[Row]]: ...


class KalshiRead(msgspec.Struct):
    """What was read of Kalshi: events per league and the reason where a league failed."""

    events: dict[str, list[Row]]
    failed: dict[str, str]
    milestones: dict[str, Row]
    series: dict[str, Row]
    failures: list[str]


async def read_venues(
    kalshi: KalshiCatalogue,
    gamma: GammaEvents,
    stale: Mapping[str, League],
    base: Cached,
    force: bool,
    now: WallNs,
    say: Progress,
) -> tuple[KalshiRead, list[Row] | str | None, list[str]]:
    """Both venues at once. The sweep is a list of events, the reason it failed, or None when nothing needed one.

    With a cache the sweep waits for Kalshi: when every market it lists is paired already, there is nothing to look up (B-106).
    Markets without a partner are looked up each time, because the other venue often lists later.
    """
    tickers = {pair.first for pair in base.pairs}
    known = not force and all(base.age_ns(name, now) is not None for name in stale)
    if known:
        ours = await _read_kalshi(kalshi, stale, now, say)
        listed = {str(market.get("ticker")) for events in ours.events.values() for market in markets_of(events)}
        if listed <= tickers:
            return ours, None, ours.failures
        sweep = await _sweep(gamma, say)
    else:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(_read_kalshi(kalshi, stale, now, say))
            second = tasks.create_task(_sweep(gamma, say))
        ours, sweep = first.result(), second.result()
    return ours, sweep, [*ours.failures, *([sweep] if isinstance(sweep, str) else [])]


async def _read_kalshi(kalshi: KalshiCatalogue, stale: Mapping[str, League], now: WallNs, say: Progress) -> KalshiRead:
    """Events of every series of every league, milestones and series rows; a failure of either of the last two is survived."""
    read = KalshiRead({name: [] for name in stale}, {}, {}, {}, [])
    jobs = [(name, series) for name, league in stale.items() for series in league.series]
    gate, done = asyncio.Semaphore(_AT_ONCE), 0

    async def one(name: str, series: str) -> None:
        nonlocal done
        async with gate:
            try:
                async for page in kalshi.event_pages(status="open", series_ticker=series):
                    read.events[name].extend(page)
            except _FAILURES as error:
                read.failed[name] = f"kalshi {series}: {error}"
        done += 1
        say(done, len(jobs), f"kalshi {series}")

    since = datetime.fromtimestamp(now // SECOND, UTC) - timedelta(days=1)  # games in play began before now
    async with asyncio.TaskGroup() as tasks:
        stones = tasks.create_task(
            _survive(kalshi.milestones(category="Sports", minimum_start_date=since.strftime("%Y-%m-%dT%H:%M:%SZ")))
        )
        series_rows = tasks.create_task(_survive(kalshi.series()))
        for name, series in jobs:
            tasks.create_task(one(name, series))
    stone_rows, rows = stones.result(), series_rows.result()
    if isinstance(stone_rows, str):
        read.failures.append(f"kalshi milestones: {stone_rows}; starts are missing, new pairs are only proposed")
    else:
        read.milestones = _by_event(stone_rows)
    if isinstance(rows, str):
        read.failures.append(f"kalshi series: {rows}; fee terms are missing, markets are watched only")
    else:
        read.series = rows
    read.failures.extend(read.failed.values())
    return read


async def _survive(work: Awaitable[T]) -> T | str:
    try:
        return await work
    except _FAILURES as error:
        return str(error) or type(error).__name__


async def _sweep(gamma: GammaEvents, say: Progress) -> list[Row] | str:
    """All open game events, or why not. Where nothing bears the tag, everything open is read instead."""
    try:
        for filters in ({"closed": False, "tag_slug": "games"}, {"closed": False}):
            events: list[Row] = []
            async for page in gamma.event_pages(**filters):
                events.extend(page)
                say(len(events), None, "polymarket events")
            if events:
                return events
    except _FAILURES as error:
        return f"polymarket events: {error}"
    return []


def _by_event(milestones: Sequence[Row]) -> dict[str, Row]:
    """Event ticker to the milestone that gives its start. Primary wins over related; two starts for one event give none."""
    found: dict[str, Row] = {}
    doubted: set[str] = set()
    for field in ("related_event_tickers", "primary_event_tickers"):
        layer: dict[str, Row] = {}
        for stone in milestones:
            for ticker in stone.get(field) or ():
                if ticker in layer and parse_time(layer[ticker].get("start_date")) != parse_time(stone.get("start_date")):
                    doubted.add(ticker)
                layer[ticker] = stone
        found.update(layer)
    return {ticker: stone for ticker, stone in found.items() if ticker not in doubted}


def markets_of(events: Sequence[Row]) -> Sequence[Row]:
    return [market for event in events for market in event.get("markets") or ()]


def silent(done: int, total: int | None, text: str) -> None:
    """The progress of a caller that wants none."""
