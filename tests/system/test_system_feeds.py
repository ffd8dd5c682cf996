"""Streams that end, lose frames or fall silent: a book that cannot prove itself is not ready, and nothing trades on it."""

from pathlib import Path

import pytest
from system_bench import Desk, Venues, all_ready, same_book, trading

from trading.clock import SECOND
from trading.market import KALSHI, Venue


def all_same(desk: Desk, venues: Venues) -> bool:
    return all(same_book(desk, market) for game in venues.games for market in (game.first, game.second, game.condition))


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
async def test_a_dropped_socket_rebuilds_its_books_from_snapshots(venues: Venues, tmp_path: Path, venue: str) -> None:
    """B-119, B-120: the venue's books are lost with the socket and come back equal to the venue's, changes meanwhile in."""
    game = venues.games[0]
    market = game.first if venue == "kalshi" else game.condition
    async with trading(venues, tmp_path) as desk:
        feed = desk.system.feeds[Venue(venue)]
        await desk.until(lambda: all_same(desk, venues), "books equal the venues'")
        getattr(venues, venue).core.drop_sessions()
        await desk.until(lambda: not desk.book(market).ready, "the loss is noticed", within=2)
        venues[market].put("bid", 20, 77)
        await desk.until(lambda: all_ready(desk.system) and all_same(desk, venues), "books are rebuilt")

        assert feed.statistics().reconnects == 1
        assert desk.book(market).bids[2_000] == 77_000_000


async def test_a_gap_in_kalshis_sequence_costs_the_book_until_the_next_snapshot(venues: Venues, tmp_path: Path) -> None:
    """B-115: a delta was lost; the frame after it shows the gap, the books go and return as the venue has them."""
    game = venues.games[0]
    async with trading(venues, tmp_path) as desk:
        feed = desk.system.feeds[KALSHI]
        await desk.until(lambda: all_same(desk, venues), "books equal the venues'")
        epoch = desk.book(game.first).epoch
        venues.kalshi.core.skip_seq()
        venues[game.first].put("bid", 30, 50)  # this change is never sent
        venues[game.first].put("bid", 31, 60)
        await desk.until(lambda: desk.book(game.first).epoch > epoch and all_same(desk, venues), "books are rebuilt")

        assert feed.statistics().resyncs >= 1
        assert feed.statistics().reconnects == 0
        assert desk.book(game.first).bids[3_000] == 50_000_000


async def test_a_silent_polymarket_stream_stops_trading_in_time_and_recovers(venues: Venues, tmp_path: Path) -> None:
    """B-428: pongs go on, data stops and the market moves. Within FEED_PROOF_MAX_MS its book is no ground for an order any
    more; the socket is given up for a new one and the book comes back by itself, and trading with it."""
    game = venues.games[0]
    async with trading(venues, tmp_path, edge_vol_k=0) as desk:
        await desk.until(lambda: all_same(desk, venues), "books equal the venues'")
        for session in venues.polymarket.sessions:
            session.frozen = True  # these sockets never send again; new ones do
        venues[game.condition].put("ask", 40, 0)
        venues[game.condition].put("ask", 60, 300)
        await desk.until(lambda: unproven(desk, game.condition), "the silence is found", within=2.5)
        venues.open_arb(game)  # an arb on the stale book, none on the real one
        await desk.until(lambda: same_book(desk, game.first), "the bid is seen")
        desk.sweep()

        assert venues.orders == (0, 0)

        await desk.until(lambda: all_ready(desk.system) and all_same(desk, venues), "the feed recovered", within=9)
        venues[game.condition].put("ask", 60, 0)
        venues[game.condition].put("ask", 40, 300)
        (closed,) = await desk.until_closed()

        assert closed.outcome == "matched"


async def test_a_silent_kalshi_stream_stops_trading_in_time_and_recovers(venues: Venues, tmp_path: Path) -> None:
    """The same for Kalshi, whose books are probed; an arb that opens meanwhile is refused until the books are back."""
    game = venues.games[0]
    async with trading(venues, tmp_path) as desk:
        await desk.until(lambda: all_same(desk, venues), "books equal the venues'")
        venues.kalshi.core.freeze_streams(True)
        await desk.until(lambda: unproven(desk, game.first), "the silence is found", within=2.5)
        venues[game.condition].put("bid", 36, 0)
        venues[game.condition].put("ask", 33, 20)  # an arb with Kalshi's bid of 40
        await desk.until(lambda: same_book(desk, game.condition), "the ask is seen")
        desk.sweep()

        assert desk.refusals["unproven"] + desk.refusals["not_ready"] == 1
        assert venues.orders == (0, 0)

        venues.kalshi.core.freeze_streams(False)
        (closed,) = await desk.until_closed(within=12)

        assert closed.outcome == "matched"


def unproven(desk: Desk, market: str) -> bool:
    book = desk.book(market)
    return not book.ready or desk.now() - book.proved_at > 2 * SECOND


async def test_an_arb_is_refused_while_a_socket_is_down_and_taken_when_it_is_back(venues: Venues, tmp_path: Path) -> None:
    """B-120: what opens during the outage is executed after the fresh snapshot, not on the old book."""
    game = venues.games[0]
    async with trading(venues, tmp_path) as desk:
        await desk.until(lambda: all_same(desk, venues), "books equal the venues'")
        venues.kalshi.core.drop_sessions()
        venues.open_arb(game)
        (closed,) = await desk.until_closed()

        assert closed.outcome == "matched"
        assert desk.system.feeds[KALSHI].statistics().reconnects == 1
