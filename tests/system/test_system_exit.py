"""The real controller sells a held pair on both simulated venues, and what is left when one of them does not buy (B-440)."""

from pathlib import Path

from system_bench import Desk, Listing, Venues, assert_hedged, assert_ledger_equals_venues, on_arrival, trading

from trading.sim.exchange import Order


def bid_for(venues: Venues, game: Listing, contracts: float) -> None:
    """Polymarket 54|58: YES there and NO on Kalshi fetch 1.04 before fees."""
    venues[game.condition].put("ask", 40, 0)
    venues[game.condition].put("bid", 54, contracts)
    venues[game.condition].put("ask", 58, 300)


async def opened(desk: Desk, venues: Venues, game: Listing) -> None:
    venues.open_arb(game)
    await desk.until_closed()
    venues.to_rest(game)
    venues.close_arb(game)
    await desk.settle()


async def test_a_held_pair_is_sold_and_its_capital_is_free(venues: Venues, tmp_path: Path) -> None:
    """Twenty sets bought and sold again: no position is left on either venue, and cash and fees equal their own records."""
    game = venues.games[0]
    async with trading(venues, tmp_path) as desk:
        await opened(desk, venues, game)
        bid_for(venues, game, 300)
        closed = (await desk.until_closed(2))[-1]
        await desk.settle()

        assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", 20_000_000, 0)
        assert closed.profit > 0
        assert [sent.venue for sent in venues.timeline] == ["polymarket", "kalshi", "polymarket", "kalshi"]
        assert desk.counts.exits == 1
        assert desk.system.state.positions.all() == {}
        assert_ledger_equals_venues(desk)


async def test_a_sale_that_kalshi_does_not_take_is_made_good(venues: Venues, tmp_path: Path) -> None:
    """Polymarket bought, Kalshi's ask fled far up: the tokens are bought back, and the pair is held as before."""
    game = venues.games[0]

    def flee(market: str, order: Order) -> None:
        for cents in (50, 60):
            venues[game.first].put("ask", cents, 0)
        venues[game.first].put("ask", 75, 300)

    async with trading(venues, tmp_path) as desk:
        await opened(desk, venues, game)
        on_arrival(venues.kalshi, flee)
        bid_for(venues, game, 300)
        closed = (await desk.until_closed(2))[1]
        venues.to_rest(game)
        await desk.settle()

        assert (closed.outcome, closed.matched, closed.unhedged) == ("unwound", 0, 0)
        assert closed.profit < 0
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)
