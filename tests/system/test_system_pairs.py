"""A pair that is no game winner on its whole way: found, proposed, approved by a person, traded like any other."""

from dataclasses import replace
from pathlib import Path

import pytest
from system_bench import Desk, Listing, Venues, make_games, open_venues, trading

from controller.pairs.desk import Desk as PairDesk
from controller.pairs.desk import PairRefused
from trading.clock import SystemClock
from trading.sim import synthetic_kalshi, synthetic_polymarket, universe
from trading.sim.credentials import Credentials
from trading.sim.universe import Universe

_WIDE = 49
"""What has no start may move as a game in play does, so it must earn more (execution.md 3)."""


def rest(venues: Venues, ticker: str, condition: str) -> None:
    """No arb stands: Kalshi 40|50, Polymarket 36|40, as for a game."""
    for market, bid, ask in ((ticker, 40, 50), (condition, 36, 40)):
        venues[market].put("bid", bid, 300)
        venues[market].put("ask", ask, 300)


async def traded(desk: Desk, ticker: str, bid: int = 47) -> None:
    """A bid above Polymarket's ask is taken by an arb of 20 sets."""
    desk.venues[ticker].put("bid", bid, 20)
    (closed,) = await desk.until_closed()

    assert closed.outcome == "matched"
    assert closed.matched == 20_000_000
    await desk.settle()
    assert desk.venues.record()[f"{ticker} NO"] == 20_000_000


async def test_a_total_is_approved_by_structure_and_traded(credentials: Credentials, tmp_path: Path) -> None:
    """B-098, C-11: the same line on both venues with starts, names and agreeing texts trades under auto; the winner's event is
    its claim."""
    (game,) = make_games(SystemClock().wall_ns(), 1)
    game = Listing(replace(game.game, extras=True, twins=True))
    _, total = synthetic_kalshi.twin_tickers(game.game)
    condition = synthetic_polymarket.condition_id(synthetic_polymarket.side_slugs(game.game)[1])
    async with open_venues(credentials, (game,)) as venues:
        rest(venues, total, condition)
        async with trading(venues, tmp_path) as desk:
            pair = desk.system.state.pairs[f"{total}:{condition}"]

            assert (pair.kind, pair.state, pair.terms) == ("total", "approved", "verified")
            assert {one.event for one in desk.system.state.pairs.values()} == {pair.event}
            await traded(desk, total)


def decision(now: int) -> tuple[Universe, str, str]:
    """The synthetic universe and its decision of no change: ticker and condition id."""
    made = universe.load(None, 1, now, events=1)
    link = next(link for link in made.links if link.tickers[0][0].endswith("-H0"))
    return made, link.tickers[0][0], link.condition_id


async def test_a_decision_is_proposed_then_approved_by_a_person_then_traded(credentials: Credentials, tmp_path: Path) -> None:
    """B-056, B-294: nothing leaves while the pair is proposed; the running controller follows the approval and trades."""
    made, ticker, condition = decision(SystemClock().wall_ns())
    async with open_venues(credentials, (), universe=made) as venues:
        rest(venues, ticker, condition)
        async with trading(venues, tmp_path, enabled_leagues=("economics",), max_lock_days=60) as desk:
            pair = f"{ticker}:{condition}"
            venues[ticker].put("bid", _WIDE, 20)
            await desk.until(lambda: desk.counts.opportunities, "the opportunity was seen")

            assert desk.system.state.pairs[pair].state == "proposed"
            assert set(desk.refusals) == {"not_approved"}
            assert venues.orders == (0, 0)

            people = PairDesk.of(desk.system.settings)
            with pytest.raises(PairRefused, match="say with --why"):
                people.approve(pair, by="ann", why="", now=SystemClock().wall_ns())
            people.approve(pair, by="ann", why="both name the FOMC's announcement", now=SystemClock().wall_ns())
            desk.system.adoption.look()  # what `run` does twice a second
            assert desk.system.state.pairs[pair].state == "approved"
            venues[ticker].put("bid", _WIDE, 0)
            await traded(desk, ticker, _WIDE)
