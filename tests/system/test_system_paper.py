"""When no order may leave: paper, no platform, no key, unreadable terms; and the synthetic opportunity of TEST_ARB."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system_bench import Desk, Venues, make_games, make_universe, open_venues, trading

from controller.model import Command
from trading.clock import SystemClock
from trading.market import KALSHI, POLYMARKET
from trading.sim.credentials import Credentials


def walk(value: Any) -> Iterator[Any]:
    """Every object of a JSON value."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


async def flushed(desk: Desk) -> list[dict[str, Any]]:
    """Decisions on disk."""
    await desk.system.records.flush()
    return desk.records


async def test_paper_is_the_default_and_sends_no_order(venues: Venues, tmp_path: Path) -> None:
    """B-030, B-182: the whole path runs, legs are filled by the paper venues and labelled so; no venue hears of it."""
    async with trading(venues, tmp_path, dry_run=None, controller_platforms=None, depth_fraction=None) as desk:
        start = venues.record()
        venues.open_arb(venues.games[0], contracts=80)
        (closed,) = await desk.until_closed()
        venues.close_arb(venues.games[0])
        executors = {executor.name for executor in desk.system.executor.executors()}
        rows = await flushed(desk)

        assert desk.system.settings.world() == "paper"
        assert closed.matched > 0
        assert {result.detail for result in closed.results} == {"paper"}
        assert executors == {"paper"}
        assert venues.orders == (0, 0)
        assert venues.record() == start
        assert {row["kind"] for row in rows} >= {"approved", "closed"}


async def test_no_order_leaves_without_a_platform(venues: Venues, tmp_path: Path) -> None:
    """B-083: live with CONTROLLER_PLATFORMS empty and no trader connected: the opportunity is refused for want of a route."""
    async with trading(venues, tmp_path, controller_platforms="") as desk:
        venues.open_arb(venues.games[0])
        await desk.until(lambda: desk.counts.opportunities, "the opportunity was seen")

        assert dict(desk.refusals) == {"no_route": 1}
        assert desk.counts.executions == 0
        assert venues.orders == (0, 0)


async def test_without_a_kalshi_key_opportunities_are_seen_and_never_traded(venues: Venues, tmp_path: Path) -> None:
    """B-122, C-02: Kalshi's books are polled; what they show is decided against, recorded with the reason, and not executed."""
    environ = {name: value for name, value in venues.env(tmp_path).items() if not name.startswith("KALSHI_") or "://" in value}
    options = {"controller_platforms": "polymarket", "price_fetch_interval": 0.1}
    async with trading(venues, tmp_path, environ=environ, ready=False, **options) as desk:
        await desk.until(lambda: desk.book(venues.games[0].first) is not None, "a book was polled")
        venues.open_arb(venues.games[0])
        await desk.until(lambda: desk.counts.opportunities, "the opportunity was seen")
        rows = await flushed(desk)

        assert set(desk.refusals) <= {"unproven", "not_ready", "no_route", "cash"}
        assert [row["kind"] for row in rows] == ["refused"]
        assert rows[0]["basket"].startswith(venues.games[0].first)
        assert desk.counts.executions == 0
        assert venues.orders == (0, 0)


async def test_a_synthetic_opportunity_runs_through_paper_and_is_recorded_as_a_test(venues: Venues, tmp_path: Path) -> None:
    """B-072: one opportunity, at most 10 contracts, marked is_test; the engine decides on it like on any other."""
    async with trading(venues, tmp_path, dry_run=True, controller_platforms="", test_arb=True) as desk:
        desk.system.runtime.on_event(Command("test_arb"))
        (closed,) = await desk.until_closed()
        rows = await flushed(desk)
        (approved,) = [row for row in rows if row["kind"] == "approved"]

        assert approved["is_test"] is True
        assert float(approved["size"]) <= 10
        assert closed.matched > 0
        assert venues.orders == (0, 0)


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_synthetic_opportunity_places_real_orders_only_when_allowed(
    venues: Venues, tmp_path: Path, allowed: bool
) -> None:
    """B-072: with DRY_RUN=0 it is refused, unless --allow-live-test-arb was given."""
    async with trading(venues, tmp_path, test_arb=True, allow_live_test_arb=allowed) as desk:
        desk.system.runtime.on_event(Command("test_arb"))
        if allowed:
            (closed,) = await desk.until_closed()
            assert closed.matched > 0
            assert {sent.status for sent in venues.timeline} <= {200, 201}
        else:
            assert dict(desk.refusals) == {"test_live": 1}
            assert venues.orders == (0, 0)


def unknown_kalshi_fee(universe: Any) -> None:
    for series in universe.kalshi.series:
        series["fee_type"] = "a schedule of tomorrow"


def flat_kalshi_fee(universe: Any) -> None:
    for series in universe.kalshi.series:
        series["fee_type"] = "flat"


def no_kalshi_grid(universe: Any) -> None:
    for row in walk(universe.kalshi.events):
        row.pop("price_ranges", None)
        row.pop("price_level_structure", None)


def curved_polymarket_fee(universe: Any) -> None:
    for row in walk(universe.polymarket.events):
        if "feeSchedule" in row:
            row["feeSchedule"] = row["feeSchedule"] | {"exponent": 2}


@pytest.mark.parametrize("spoil", [unknown_kalshi_fee, flat_kalshi_fee, no_kalshi_grid, curved_polymarket_fee])
async def test_a_market_without_readable_terms_is_watched_and_never_traded(
    credentials: Credentials, tmp_path: Path, spoil: Any
) -> None:
    """B-130: fees or a grid that could not be read: books run, no order goes out however good the prices look."""
    games = make_games(SystemClock().wall_ns(), 1)
    universe = make_universe(games)
    spoil(universe)
    async with open_venues(credentials, games, universe=universe) as venues, trading(venues, tmp_path) as desk:
        venues.open_arb(games[0])
        await desk.until(lambda: desk.book(games[0].first).bid == 4_700, "the price was seen")
        desk.sweep()
        markets = desk.system.state.markets

        assert not all(market.tradable and market.fees for market in markets.values())
        assert all(book.ready for venue in (KALSHI, POLYMARKET) for book in desk.system.feeds[venue].books.values())
        assert desk.counts.executions == 0
        assert set(desk.refusals) <= {"untradable", "off_grid", "below_minimum"}
        assert venues.orders == (0, 0)
