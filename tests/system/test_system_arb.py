"""The real controller trades hand-made books on both simulated venues: matches, misses, completions, unwinds."""

import asyncio
from pathlib import Path

from system_bench import Venues, assert_hedged, assert_ledger_equals_venues, on_arrival, trading

from trading.clock import MS
from trading.sim.exchange import Order


async def test_a_clean_arb_is_executed_on_both_venues_polymarket_first(venues: Venues, tmp_path: Path) -> None:
    """One order a venue, Polymarket's first (R5); cash per shard, fees and positions equal both venues' own records."""
    async with trading(venues, tmp_path) as desk:
        venues.open_arb(venues.games[0])
        (closed,) = await desk.until_closed()
        await desk.settle()

        assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", 20_000_000, 0)
        assert closed.profit > 0
        assert [sent.venue for sent in venues.timeline] == ["polymarket", "kalshi"]
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)


async def test_an_execution_leaves_its_times(venues: Venues, tmp_path: Path) -> None:
    """B-184, B-329, B-334: each step of both legs in the record, and percentiles for the operator."""
    async with trading(venues, tmp_path) as desk:
        venues.open_arb(venues.games[0])
        (closed,) = await desk.until_closed()
        await desk.settle()
        latency = desk.system.runtime.summary()["latency_ms"]
        await desk.system.records.flush()
        rows = desk.records
    legs = next(row for row in rows if row["kind"] == "closed")["legs"]

    steps = {"decision_to_order", "execution", "frame_to_decision", "order_kalshi", "order_polymarket"}
    assert isinstance(latency, dict) and {name: spread["count"] for name, spread in latency.items()} == dict.fromkeys(steps, 1)
    assert 0 < latency["decision_to_order"]["p50"] < latency["execution"]["p50"]
    assert next(row for row in rows if row["kind"] == "approved")["frame_to_decision_us"] > 0
    for leg in legs:
        stages = leg["stages_us"]
        assert list(stages) == ["prepared", "promised", "signed", "sent", "answered", "final"], stages
    assert legs[0]["stages_us"]["final"] <= legs[1]["stages_us"]["sent"]
    assert closed.outcome == "matched"


async def test_gammas_limits_are_kept_by_the_running_controller(venues: Venues, tmp_path: Path) -> None:
    """B-212: what discovery asks Gamma is counted against its windows."""
    async with trading(venues, tmp_path, ready=False) as desk:
        windows = desk.system.gamma._windows

        assert windows is not None and windows._windows.keys() >= {"gamma", "gamma events"}


async def test_a_phantom_first_leg_is_a_free_miss_and_the_memory_backs_off(venues: Venues, tmp_path: Path) -> None:
    """Nothing goes to Kalshi, the claim is released, and the same level is tried again later and later (B-432)."""
    game = venues.games[0]

    def vanish(market: str, order: Order) -> None:
        venues[game.condition].put("ask", 40, 0)
        asyncio.get_running_loop().call_later(0.05, venues[game.condition].put, "ask", 40, 300)

    on_arrival(venues.polymarket, vanish, times=3)
    async with trading(venues, tmp_path, cb_max_consecutive_errors=1, miss_backoff_ms=300) as desk:
        start = venues.record()
        venues.open_arb(game)
        misses = await desk.until_closed(3)
        venues.close_arb(game)
        at = [sent.at for sent in venues.polymarket.orders]

        assert [closed.outcome for closed in misses[:3]] == ["miss"] * 3
        assert venues.kalshi.orders == []
        assert not desk.system.state.claims.claimed(misses[0].event)
        assert at[1] - at[0] >= 0.29
        assert at[2] - at[1] >= 0.59
        assert desk.refusals["cooldown"] >= 1
        assert not desk.tripped
        assert venues.record() == start


async def test_a_partial_second_leg_completes_at_the_next_level(venues: Venues, tmp_path: Path) -> None:
    """Kalshi fills 8 of 20 and shows the rest a cent or two off: completing is cheaper than selling back."""
    game = venues.games[0]
    venues[game.first].put("bid", 45, 300)
    venues[game.condition].put("ask", 39, 0)

    def shrink(market: str, order: Order) -> None:
        venues[game.first].put("bid", 47, 8)

    on_arrival(venues.kalshi, shrink)
    async with trading(venues, tmp_path, min_arb_spread=2) as desk:
        venues.open_arb(game)
        (closed,) = (await desk.until_closed())[:1]
        venues.to_rest(game)
        await desk.settle()

        assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", 20_000_000, 0)
        assert len(venues.kalshi.orders) == 2
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)


async def test_a_partial_second_leg_unwinds_where_completing_is_dearer(venues: Venues, tmp_path: Path) -> None:
    """Kalshi fills 8 of 20 and is empty behind: the excess leaves through Polymarket within the loss ladder."""
    game = venues.games[0]
    venues[game.condition].put("bid", 39, 300)

    def shrink(market: str, order: Order) -> None:
        for cents in (47, 40):
            venues[game.first].put("bid", cents, 0)
        venues[game.first].put("bid", 47, 8)

    on_arrival(venues.kalshi, shrink)
    async with trading(venues, tmp_path) as desk:
        venues.open_arb(game)
        (closed,) = await desk.until_closed()
        await desk.settle()

        assert (closed.outcome, closed.matched) == ("one_sided", 8_000_000)
        assert closed.unhedged <= 50_000
        assert desk.counts.unwinds == 1
        assert len(venues.polymarket.orders) >= 2
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)


async def test_two_events_are_executed_at_the_same_time(venues: Venues, tmp_path: Path) -> None:
    """A claim covers its own event only: while one arb is on its way to Kalshi the other one starts and ends."""
    venues.kalshi.way_ns = venues.polymarket.way_ns = 100 * MS
    under_way: list[int] = []
    async with trading(venues, tmp_path) as desk:
        on_arrival(venues.kalshi, lambda market, order: under_way.append(desk.system.runtime.running), times=2)
        for game in venues.games:
            venues.open_arb(game)
        both = await desk.until_closed(2)
        await desk.settle()

        assert [closed.outcome for closed in both] == ["matched"] * 2
        assert len({closed.event for closed in both}) == 2
        assert under_way[0] == 2
        assert venues.orders == (2, 2)
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)


async def test_two_pairs_of_one_event_are_never_executed_at_once(venues: Venues, tmp_path: Path) -> None:
    """B-191: the second pair of a game waits until the first one's execution ended, and then has its turn."""
    game = venues.games[0]
    venues.kalshi.way_ns = venues.polymarket.way_ns = 50 * MS
    under_way: list[int] = []
    async with trading(venues, tmp_path) as desk:
        on_arrival(venues.polymarket, lambda market, order: under_way.append(desk.system.runtime.running), times=9)
        venues.open_arb(game, contracts=10)
        venues[game.second].put("ask", 53, 10)  # YES of the other team is NO of this one
        both = await desk.until_closed(2)
        await desk.settle()

        assert {closed.basket.partition(":")[0] for closed in both} == {game.first, game.second}
        assert set(under_way) == {1}
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)
