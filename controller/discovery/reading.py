"""The reads of discovery: both venues at once, and what a failure of either leaves behind.

Kalshi's leagues are read per series, so one league's failure leaves the others whole (B-108); questions that no game decides in
one sweep of all events; Polymarket in one sweep over its game events, or over all where more than games is wanted. The clients
bring retries and rate limits (B-110). Only failures a venue or the network can cause are caught; ours are raised.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from controller.discovery.cache import Cached
from controller.discovery.game import Row
from controller.discovery.names import League, Names
from controller.discovery.questions.games import SEGMENTS, series_roots
from controller.discovery.when import parse_time
from trading.clock import SECOND
from trading.errors import TandemError
from trading.units import WallNs

__all__ = [
    "GammaEvents",
    "KalshiCatalogue",
    "KalshiRead",
    "Progress",
    "Scope",
    "markets_of",
    "read_venues",
    "silent",
    "tickers_of",
]

T = TypeVar("T")
Progress = Callable[[int, int | None, str], None]
"""done, total (None = unknown), what is being read."""

_AT_ONCE = 4
"""Kalshi series read side by side; its client spaces the requests."""
_FEW = 20
"""An event with fewer markets is kept as it came, so that a report can say which of them are closed."""
_EVERYTHING: tuple[dict[str, Any], ...] = ({"closed": False},)
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


class Scope(msgspec.Struct, frozen=True):
    """What is read: leagues by name, and the domains no game decides (all of one sweep, or none)."""

    leagues: Mapping[str, League]
    domains: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.leagues, *self.domains)


class KalshiRead(msgspec.Struct):
    """What was read of Kalshi: events per league, those of no league, and the reason where a league or domain failed."""

    events: dict[str, list[Row]]
    failed: dict[str, str]
    milestones: dict[str, Row]
    series: dict[str, Row]
    failures: list[str]
    rest: list[Row]

    def of(self, names: Collection[str]) -> list[tuple[str, Row]]:
        """(league, event) of these leagues, and ("", event) of the rest where a domain is among them."""
        found = [(name, event) for name in names if name in self.events for event in self.events[name]]
        rest = any(name not in self.events for name in names)
        return found + ([("", event) for event in self.rest] if rest else [])


async def read_venues(
    kalshi: KalshiCatalogue,
    gamma: GammaEvents,
    stale: Scope,
    base: Cached,
    names: Names,
    force: bool,
    now: WallNs,
    say: Progress,
) -> tuple[KalshiRead, list[Row] | str | None, list[str]]:
    """Both venues at once. The sweep is a list of events, the reason it failed, or None when nothing needed one.

    With a cache the sweep waits for Kalshi: when every market it lists is paired already, there is nothing to look up (B-106).
    Markets without a partner are looked up each time, because the other venue often lists later.
    """
    tickers = {pair.first for pair in base.pairs}
    known = not force and all(base.age_ns(name, now) is not None for name in stale.names)
    everything = bool(stale.domains)
    if known:
        ours = await _read_kalshi(kalshi, stale, base, names, now, say)
        events = [event for _, event in ours.of(stale.names)]
        if {str(market.get("ticker")) for market in markets_of(events)} <= tickers:
            return ours, None, ours.failures
        sweep = await _sweep(gamma, say, everything)
    else:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(_read_kalshi(kalshi, stale, base, names, now, say))
            second = tasks.create_task(_sweep(gamma, say, everything))
        ours, sweep = first.result(), second.result()
    return ours, sweep, [*ours.failures, *([sweep] if isinstance(sweep, str) else [])]


async def _read_kalshi(
    kalshi: KalshiCatalogue, stale: Scope, base: Cached, names: Names, now: WallNs, say: Progress
) -> KalshiRead:
    """Events of every series of every league, all others, milestones and series rows; a failure of the last two is survived."""
    read = KalshiRead({name: [] for name in stale.leagues}, {}, {}, {}, [], [])
    gate, begun, done = asyncio.Semaphore(_AT_ONCE), 0, 0

    async def one(scopes: Sequence[str], series: str | None, into: list[Row]) -> None:
        nonlocal begun, done
        begun += 1
        async with gate:
            try:
                async for page in kalshi.event_pages(status="open", series_ticker=series):
                    into.extend(event for row in page if (event := _shaped(row)) is not None)
            except _FAILURES as error:
                read.failed.update(dict.fromkeys(scopes, f"kalshi {series or 'events'}: {error}"))
        done += 1
        say(done, begun, f"kalshi {series or 'events of every other kind'}")

    since = datetime.fromtimestamp(now // SECOND, UTC) - timedelta(days=1)  # games in play began before now
    async with asyncio.TaskGroup() as tasks:
        stones = tasks.create_task(
            _survive(kalshi.milestones(category="Sports", minimum_start_date=since.strftime("%Y-%m-%dT%H:%M:%SZ")))
        )
        listing = tasks.create_task(_survive(kalshi.series()))
        for name, league in stale.leagues.items():
            for series in league.series:
                tasks.create_task(one((name,), series, read.events[name]))
        if stale.domains:
            tasks.create_task(one(stale.domains, None, read.rest))
        rows = await listing
        for name, league in stale.leagues.items():
            for series in sorted(_segments(league, base, names, rows)):
                tasks.create_task(one((name,), series, read.events[name]))
    stone_rows = stones.result()
    if isinstance(stone_rows, str):
        read.failures.append(f"kalshi milestones: {stone_rows}; starts are missing, new pairs are only proposed")
    else:
        read.milestones = _by_event(stone_rows)
    if isinstance(rows, str):
        read.failures.append(f"kalshi series: {rows}; fee terms are missing, markets are watched only")
    else:
        read.series = rows
    games = {series for league in names.leagues.values() for series in league.series}
    games |= {root + end for root in series_roots(names) for end in SEGMENTS}
    read.rest = [event for event in read.rest if _series_of(event) not in games]
    read.failures.extend(dict.fromkeys(read.failed.values()))
    return read


def _segments(league: League, base: Cached, names: Names, listed: Mapping[str, Row] | str) -> set[str]:
    """Series beside the league's winners: those the venue lists, else those that known pairs are of (B-108)."""
    roots = [root for root, (owner, _) in series_roots(names).items() if owner.id == league.id]
    possible = {root + end for root in roots for end in SEGMENTS} - set(league.series)
    if isinstance(listed, str):
        return possible & {pair.first.partition("-")[0] for pair in base.pairs}
    return possible & listed.keys()


def _series_of(event: Row) -> str:
    return str(event.get("series_ticker") or str(event.get("event_ticker") or "").partition("-")[0])


async def _survive(work: Awaitable[T]) -> T | str:
    try:
        return await work
    except _FAILURES as error:
        return str(error) or type(error).__name__


async def _sweep(gamma: GammaEvents, say: Progress, everything: bool) -> list[Row] | str:
    """All open events, or the games among them, or why not. Where nothing bears the games tag, everything open is read."""
    try:
        for filters in _EVERYTHING if everything else ({"closed": False, "tag_slug": "games"}, *_EVERYTHING):
            events: list[Row] = []
            async for page in gamma.event_pages(**filters):
                events.extend(_open_only(event) for row in page if (event := _shaped(row)) is not None)
                say(len(events), None, "polymarket events")
            if events:
                return events
    except _FAILURES as error:
        return f"polymarket events: {error}"
    return []


def _shaped(event: object) -> Row | None:
    """An event with such markets as are objects: one row of no shape is one row lost, not a catalogue."""
    if not isinstance(event, dict):
        return None
    markets = event.get("markets") or ()
    if isinstance(markets, list | tuple) and all(isinstance(market, dict) for market in markets):
        return event
    kept = [market for market in markets if isinstance(market, dict)] if isinstance(markets, list | tuple) else []
    return {**event, "markets": kept}


def _open_only(event: Row) -> Row:
    """Without the markets that ended: long seasons hold hundreds of them, and all open events are kept until they are matched."""
    markets = event.get("markets")
    if not isinstance(markets, list) or len(markets) < _FEW:
        return event
    return {**event, "markets": [market for market in markets if not market.get("closed")]}


def _by_event(milestones: Sequence[Row]) -> dict[str, Row]:
    """Event ticker to the milestone that gives its start. Primary wins over related; two starts for one event give none."""
    found: dict[str, Row] = {}
    doubted: set[str] = set()
    for field in ("related_event_tickers", "primary_event_tickers"):
        layer: dict[str, Row] = {}
        for stone in milestones:
            for ticker in tickers_of(stone, field):
                if ticker in layer and parse_time(layer[ticker].get("start_date")) != parse_time(stone.get("start_date")):
                    doubted.add(ticker)
                layer[ticker] = stone
        found.update(layer)
    return {ticker: stone for ticker, stone in found.items() if ticker not in doubted}


def tickers_of(milestone: object, field: str) -> Sequence[str]:
    """The event tickers of one field, whatever shape the milestone has."""
    listed = milestone.get(field) if isinstance(milestone, dict) else None
    return [ticker for ticker in listed if isinstance(ticker, str)] if isinstance(listed, list | tuple) else ()


def markets_of(events: Sequence[Row]) -> Sequence[Row]:
    return [market for event in events for market in event.get("markets") or ()]


def silent(done: int, total: int | None, text: str) -> None:
    """The progress of a caller that wants none."""
