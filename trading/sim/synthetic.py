"""The synthetic universe: a seeded schedule told twice, once in each venue's words, with the noise both venues carry.

It promises that every pair in links is the same question, and that nothing else is: spreads and totals differ in line, futures
in competition, a rematch in day, a doubleheader in start time; combos, props and placeholders have no twin at all.
"""

from trading.sim import synthetic_kalshi as k
from trading.sim import synthetic_polymarket as p
from trading.sim.games import Game, make_schedule
from trading.sim.kalshi_data import KalshiCatalogue
from trading.sim.links import Link
from trading.sim.polymarket_data import PolymarketCatalogue
from trading.sim.teams import LEAGUES

__all__ = ["make"]

_FUTURE_TEAMS = 6
_DRAW = 0.26


def make(seed: int, now: int, events: int) -> tuple[KalshiCatalogue, PolymarketCatalogue, tuple[Link, ...]]:
    """Build both catalogues and the links. now is wall ns; events is the number of games both venues list."""
    games = make_schedule(seed, now, events)
    on_kalshi = [game for game in games if game.on_kalshi]
    on_polymarket = [game for game in games if game.on_polymarket]
    leagues = list(LEAGUES.values())
    kalshi_events = [event for game in on_kalshi for event in k.game_events(game)]
    kalshi_events.append(k.future_event(LEAGUES["nba"], now, _FUTURE_TEAMS))
    kalshi_events.append(k.combo_event(on_kalshi[:2]))
    polymarket_events = [p.game_event(game) for game in on_polymarket]
    polymarket_events.append(p.future_event(LEAGUES["nba"], now, _FUTURE_TEAMS))
    kalshi = KalshiCatalogue(
        series=[*(row for league in leagues for row in k.series_of(league)), k.combo_series()],
        events=kalshi_events,
        milestones=[k.milestone(game) for game in on_kalshi],
    )
    polymarket = PolymarketCatalogue(events=polymarket_events, teams=p.team_rows(leagues))
    return kalshi, polymarket, tuple(link for game in games if game.on_kalshi and game.on_polymarket for link in _links(game))


def _links(game: Game) -> list[Link]:
    first, second = game.order
    if not game.league.draws:
        tickers = ((k.game_ticker(game, first), 0), (k.game_ticker(game, second), 1))
        return [Link(game.slug, tickers, p.condition_id(game.slug), game.probability, game.volatility, game.role)]
    sides = (
        (first, first.abbreviation, (1 - _DRAW) * game.probability),
        (second, second.abbreviation, (1 - _DRAW) * (1 - game.probability)),
        (None, "draw", _DRAW),
    )
    return [
        Link(
            group=game.slug,
            tickers=((k.game_ticker(game, side), 0),),
            condition_id=p.condition_id(f"{game.slug}-{tail}"),
            probability=probability,
            volatility=game.volatility,
            role=game.role if side is first else f"{game.role}/other" if game.role else "",
        )
        for side, tail, probability in sides
    ]
