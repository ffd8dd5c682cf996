"""Answers that never come, and venues that say no: an order is placed once, doubt is resolved by asking, a no is no error."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from system_bench import Venues, assert_hedged, assert_ledger_equals_venues, on_arrival, trading

from trading.clock import SECOND
from trading.market import KALSHI, POLYMARKET


async def test_an_unanswered_first_leg_is_looked_up_and_then_hedged_by_the_exit_rule(venues: Venues, tmp_path: Path) -> None:
    """B-093: the order was taken in and the answer lost. Kalshi gets nothing until the look-up proved the fill, and no second
    order is placed on Polymarket; the excess completes with the books of then."""
    venues.polymarket.core.fail_next("drop_after_accept")
    open_then: list[int] = []
    async with trading(venues, tmp_path) as desk:
        on_arrival(venues.kalshi, lambda market, order: open_then.append(desk.polymarket_legs_open()))
        for session in venues.polymarket.private:
            session.frozen = True  # its hint would be quicker than the doubt
        venues.open_arb(venues.games[0])
        (closed,) = await desk.until_closed()
        await desk.settle()

        assert [sent.status for sent in venues.polymarket.orders] == [0]
        assert open_then == [0]
        assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", 20_000_000, 0)
        assert len(venues.kalshi.orders) == 1
        legs = [desk.system.ports.journal.stored(result.leg_id) for result in closed.results]
        assert [leg[0].purpose for leg in legs if leg is not None] == ["open", "complete"]
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)


@pytest.mark.parametrize("fault", ["500_after_accept", "drop_after_accept", "400_after_accept"])
async def test_a_second_leg_in_doubt_is_resolved_by_its_client_order_id(venues: Venues, tmp_path: Path, fault: str) -> None:
    """Kalshi took the order and answered 500, a 400 in words nobody knows, or nothing: it is found under our id, never sent again,
    counted once, also while its streams are silent."""
    venues.kalshi.core.fail_next(fault)
    async with trading(venues, tmp_path) as desk:
        on_arrival(venues.kalshi, lambda market, order: venues.kalshi.core.freeze_streams(True))  # a hint would end the doubt
        venues.open_arb(venues.games[0])
        (closed,) = await desk.until_closed()
        await desk.settle()

        assert [sent.status for sent in venues.kalshi.orders] == [0 if fault.startswith("drop") else int(fault[:3])]
        assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", 20_000_000, 0)
        assert venues.orders == (1, 1)
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)


Refuse = Callable[[Venues], None]


@pytest.mark.parametrize(
    ("refuse", "code"),
    [
        pytest.param(lambda venues: venues.polymarket.core.fail_next("429"), "throttled", id="429"),
        pytest.param(lambda venues: venues.polymarket.core.fail_next("425"), "engine_restarting", id="425"),
        pytest.param(lambda venues: venues.polymarket.core.set_mode("post_only"), "post_only_mode", id="post_only"),
        pytest.param(lambda venues: venues.polymarket.core.set_mode("cancel_only"), "cancel_only_mode", id="cancel_only"),
        pytest.param(lambda venues: venues.polymarket.core.set_mode("disabled"), "trading_disabled", id="disabled"),
    ],
)
async def test_a_first_leg_the_venue_refuses_is_a_definite_no(
    venues: Venues, tmp_path: Path, refuse: Refuse, code: str
) -> None:
    """Throttling and venue modes end the arb with nothing bought, nothing on Kalshi and nothing for the breaker (B-201,
    B-426)."""
    refuse(venues)
    async with trading(venues, tmp_path, cb_max_consecutive_errors=1) as desk:
        start = venues.record()
        venues.open_arb(venues.games[0])
        (closed, *_) = await desk.until_closed()
        venues.close_arb(venues.games[0])

        assert closed.outcome == "miss"
        assert [(result.state, result.code) for result in closed.results] == [("rejected", code)]
        assert venues.kalshi.orders == []
        assert not desk.tripped
        assert venues.record() == start


async def test_a_throttled_second_leg_completes_without_a_word_to_the_breaker(venues: Venues, tmp_path: Path) -> None:
    """B-201, B-211: 429 on Kalshi is a definite no; the excess is completed with a new order, and no error is counted."""
    venues.kalshi.core.fail_next("429")
    async with trading(venues, tmp_path, cb_max_consecutive_errors=1) as desk:
        venues.open_arb(venues.games[0])
        (closed,) = await desk.until_closed()
        await desk.settle()

        assert [sent.status for sent in venues.kalshi.orders] == [429, 201]
        assert len({sent.body["client_order_id"] for sent in venues.kalshi.orders}) == 2
        assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", 20_000_000, 0)
        assert not desk.tripped
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)


async def test_a_paused_second_venue_is_noticed_and_the_excess_leaves_on_the_first(venues: Venues, tmp_path: Path) -> None:
    """Kalshi pauses between the legs: what Polymarket filled is given back there; the pause clears by itself and trading goes
    on (B-426)."""
    game = venues.games[0]
    venues[game.condition].put("bid", 39, 300)
    on_arrival(venues.polymarket, lambda market, order: venues.kalshi.core.pause_trading(True))
    async with trading(venues, tmp_path) as desk:
        venues.open_arb(game)
        (closed,) = await desk.until_closed(within=12)
        await desk.until(lambda: desk.system.state.mode(KALSHI) == "paused", "the pause is known")
        venues.close_arb(game)
        await desk.settle()

        assert closed.outcome == "unwound"
        assert closed.matched == 0
        assert closed.unhedged <= 50_000
        assert {sent.status for sent in venues.kalshi.orders} == {400}
        assert not desk.tripped
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)

        venues.kalshi.core.pause_trading(False)
        await desk.until(lambda: desk.system.state.mode(KALSHI) == "normal", "the pause is over")
        venues.open_arb(venues.games[1])
        await desk.until_closed(2)
        await desk.settle()

        assert desk.closed[1].outcome == "matched"
        assert_ledger_equals_venues(desk)


async def test_a_pause_met_by_the_first_leg_is_no_error(venues: Venues, tmp_path: Path) -> None:
    """B-426: Kalshi goes first and is paused; nothing is bought anywhere and the breaker hears nothing."""
    on_pause = venues.kalshi.core.pause_trading
    async with trading(venues, tmp_path, cb_max_consecutive_errors=1, execution_mode="kalshi_first") as desk:
        on_pause(True)
        venues.open_arb(venues.games[0])
        (closed, *_) = await desk.until_closed()

        assert closed.outcome == "miss"
        assert {(result.state, result.code) for result in closed.results} == {("rejected", "trading_is_paused")}
        assert venues.polymarket.orders == []
        assert not desk.tripped


async def test_a_restart_stops_new_orders_at_once_and_is_quarantined(venues: Venues, tmp_path: Path) -> None:
    """B-426: the first 425 tells the mode; from then on arbs are refused, on every event, and the breaker stays closed."""
    async with trading(venues, tmp_path, cb_max_consecutive_errors=1, miss_backoff_ms=50) as desk:
        venues.polymarket.core.restart()
        venues.open_arb(venues.games[0])
        await desk.until(lambda: desk.system.state.mode(POLYMARKET) == "restarting", "the restart is known", within=3)
        venues.open_arb(venues.games[1])
        await desk.until(lambda: desk.refusals["venue_mode"] == 2, "both events are refused")

        assert [sent.status for sent in venues.timeline] == [425]
        assert not desk.tripped


async def test_post_only_mode_clears_by_itself_at_the_time_the_venue_stated(venues: Venues, tmp_path: Path) -> None:
    """B-426: one refused order, quiet until the stated end, then the arb is executed without anybody's help."""
    async with trading(venues, tmp_path, cb_max_consecutive_errors=1, miss_backoff_ms=50) as desk:
        venues.polymarket.core.set_mode("post_only", 3 * SECOND)  # from now on: a slow start must not use it up
        venues.open_arb(venues.games[0])
        await desk.until(lambda: desk.refusals["venue_mode"], "the mode is known", within=3)
        await desk.until(lambda: any(closed.matched for closed in desk.closed), "the arb is executed afterwards")
        await desk.until(lambda: not desk.system.runtime.running, "the arb ended")
        await desk.settle()

        assert [closed.outcome for closed in desk.closed] == ["miss", "matched"]
        assert venues.orders == (1, 2)
        assert not desk.tripped
        assert_ledger_equals_venues(desk)


async def test_six_refusals_for_throttling_in_a_row_do_not_trip_the_breaker(venues: Venues, tmp_path: Path) -> None:
    """B-201, B-213, B-330: a burst of 429 passes; the seventh order trades."""
    game = venues.games[0]
    for _ in range(6):
        venues.polymarket.core.fail_next("429")
    async with trading(venues, tmp_path, miss_backoff_ms=20, cb_max_consecutive_errors=1) as desk:
        venues.open_arb(game)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await desk.until(lambda: any(closed.matched for closed in desk.closed), "a match after the burst", within=12)
        await desk.until(lambda: not desk.system.runtime.running, "the arb ended")
        await desk.settle()

        assert loop.time() - began < 12
        assert [closed.outcome for closed in desk.closed] == ["miss"] * 6 + ["matched"]
        assert not desk.tripped
        assert_ledger_equals_venues(desk)
