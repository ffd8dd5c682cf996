"""The other customers: the same for a seed, uncrossed, cheap, and faster than us as often as measured."""

import json
from dataclasses import replace as change
from typing import Any

import msgspec
import pytest
from sim_run import Run, shared

from trading.clock import SECOND
from trading.sim.credentials import Credentials
from trading.sim.exchange import Order
from trading.sim.flow import FlowSettings
from trading.sim.universe import load
from trading.units import CENT, Price, Size, WallNs


def books(run: Run) -> dict[str, Any]:
    cores = (run.world.kalshi, run.world.polymarket)
    return {market: (book.levels("bid"), book.levels("ask")) for core in cores for market, book in core.books.items()}


def run_for(run: Run, seconds: float) -> None:
    end = run.clock.mono_ns() + seconds * SECOND
    while run.clock.mono_ns() < end:
        run.step()


def test_the_same_seed_gives_the_same_books(credentials: Credentials) -> None:
    """Two runs agree on every level of every book; another seed does not."""
    runs = [Run(credentials, seed=seed, script=None) for seed in (5, 5, 6)]
    for run in runs:
        run_for(run, 5)
    first, again, other = (books(run) for run in runs)

    assert first == again
    assert first != other


def test_no_book_is_ever_crossed(credentials: Credentials) -> None:
    """Best bid stays below best ask in every market, through jumps."""
    wild = FlowSettings(updates=200, takes=20, jumps=0.5)
    run = Run(credentials, script=None, flow_settings=wild, events=6)
    for _ in range(1_500):
        run.step()
        for bids, asks in ((b.best("bid"), b.best("ask")) for b in run.world.polymarket.books.values()):
            assert bids is None or asks is None or bids < asks

    assert run.world.flow.statistics()["refreshes"] > 500


def test_the_default_flow_is_cheap(credentials: Credentials) -> None:
    """About thirty refreshes a second over all linked markets, not per market."""
    run = Run(credentials, script=None)
    before = run.world.flow.statistics()["refreshes"]
    run_for(run, 10)

    assert 150 < run.world.flow.statistics()["refreshes"] - before < 500


def test_polymarket_follows_kalshi(credentials: Credentials) -> None:
    """Without news both venues quote the same; after a jump Kalshi's mid moves first and Polymarket's arrives later."""
    still = FlowSettings(updates=100, takes=0, jumps=0, wide=0, phantom_markets=0, lag_s=5)
    universe = load(None, 1, WallNs(1_790_000_000 * SECOND), events=1)
    link = change(universe.links[0], volatility=0.0)
    run = Run(credentials, script=None, flow_settings=still, universe=change(universe, links=(link,)))
    run_for(run, 1)
    truth = run.world.flow._quoted[0].truth
    truth.weights[0] += 0.8
    run_for(run, 1)

    def mid(core: Any, market: str) -> float:
        book = core.books[market]
        return (book.best("bid") + book.best("ask")) / 2

    early = mid(run.world.kalshi, link.tickers[0][0]) - mid(run.world.polymarket, link.condition_id)
    run_for(run, 40)
    late = mid(run.world.kalshi, link.tickers[0][0]) - mid(run.world.polymarket, link.condition_id)
    assert early > 5 * CENT
    assert abs(late) <= 2 * CENT


@pytest.mark.parametrize(("hazard", "raced"), [(0.0, 0), (1_000.0, 1)])
def test_competitors_race_our_orders_with_the_given_hazard(credentials: Credentials, hazard: float, raced: int) -> None:
    """At no hazard nobody is faster; at a very high one the displayed level is gone."""
    settings = FlowSettings(kalshi_hazard=hazard, kalshi_hazard_small=hazard, phantom_markets=0, updates=0, takes=0)
    run = Run(credentials, script=None, flow_settings=settings, events=2)
    ticker = run.world.universe.links[0].tickers[0][0]
    book = run.world.kalshi.books[ticker]
    best = book.best("ask")
    assert best is not None
    order = Order("ours", "us", "bid", best, Size(1_000_000), Size(1_000_000), run.clock.wall_ns())
    run.world.flow.arrival(run.world.kalshi, ticker, order)

    assert run.world.flow.raced == raced
    assert (book.best("ask") == best) is (raced == 0)


def test_phantom_levels_vanish_on_arrival(credentials: Credentials) -> None:
    """In a phantom market the displayed levels are withdrawn before the order meets them."""
    settings = FlowSettings(phantom_markets=1, phantom_fills=0, updates=0, takes=0)
    run = Run(credentials, script=None, flow_settings=settings, events=2)
    market = run.world.universe.links[0].condition_id
    order = Order("ours", "us", "bid", Price(9_900), Size(5_000_000), Size(5_000_000), run.clock.wall_ns())
    run.world.flow.arrival(run.world.polymarket, market, order)

    assert run.world.polymarket.books[market].best("ask") is None
    assert run.world.flow.vanished == 1


def test_prices_of_a_recorded_universe_do_not_tell_twins(credentials: Credentials) -> None:
    """Every market has a book of its own price: twins of the file are as far apart as strangers."""
    path = shared("pairs_dev.jsonl")
    universe = load(path, 1, WallNs(0))
    run = Run(credentials, script=None, universe=universe)
    rows = [json.loads(line) for line in path.read_text().splitlines()]

    def mid(core: Any, market: str) -> float:
        book = core.books[market]
        return (book.best("bid") + book.best("ask")) / 2

    pairs = {
        (row["kalshi"]["ticker"], row["polymarket"]["condition_id"]) for row in rows if row["polymarket"].get("condition_id")
    }
    gaps = [abs(mid(run.world.kalshi, ticker) - mid(run.world.polymarket, condition)) for ticker, condition in sorted(pairs)]
    assert sum(gaps) / len(gaps) > 20 * CENT
    assert all(run.world.kalshi.books[ticker].best("bid") for ticker, _ in pairs)


def test_settings_are_one_frozen_value() -> None:
    """Figures are changed by making another value."""
    assert msgspec.structs.replace(FlowSettings(), updates=1.0).updates == 1.0
    with pytest.raises(AttributeError):
        FlowSettings().updates = 2.0  # type: ignore[misc]  # what must not work
