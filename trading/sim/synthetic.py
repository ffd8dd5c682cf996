"""The synthetic universe: a seeded schedule told twice, once in each venue's words, with the noise both venues carry.

It promises that every pair in links is the same question, and that nothing else is: other spreads and totals differ in line, a
future in competition, a decision in size, a rematch in day, a doubleheader in start time; combos, props and placeholders have no
twin at all.
"""

from datetime import UTC, datetime, timedelta

from trading.clock import SECOND
from trading.sim import synthetic_kalshi as k
from trading.sim import synthetic_polymarket as p
from trading.sim.games import Game, make_schedule
from trading.sim.kalshi_data import KalshiCatalogue
from trading.sim.links import Link
from trading.sim.polymarket_data import PolymarketCatalogue
from trading.sim.teams import LEAGUES

__all__ = ["make"]

_FUTURE_TEAMS = 6
_CHAMPIONS = 3
_MEETING_DAYS = 21
_DRAW = 0.26


def make(seed: int, now: int, events: int) -> tuple[KalshiCatalogue, PolymarketCatalogue, tuple[Link, ...]]:
    """Build both catalogues and the links. now is wall ns; events is the number of games both venues list."""
    games = make_schedule(seed, now, events)
    on_kalshi = [game for game in games if game.on_kalshi]
    on_polymarket = [game for game in games if game.on_polymarket]
    leagues = list(LEAGUES.values())
    kalshi_events = [event for game in on_kalshi for event in k.game_events(game)]
    kalshi_events.append(k.future_event(LEAGUES["nba"], now, _FUTURE_TEAMS))
    meeting = datetime.fromtimestamp(now // SECOND, UTC) + timedelta(days=_MEETING_DAYS)
    kalshi_events.append(k.decision_event(meeting))
    kalshi_events.append(k.combo_event(on_kalshi[:2]))
    polymarket_events = [p.game_event(game) for game in on_polymarket]
    polymarket_events.append(p.future_event(LEAGUES["nba"], now, _FUTURE_TEAMS))
    polymarket_events.append(p.champion_event(LEAGUES["nba"], now, _CHAMPIONS))
    polymarket_events.append(p.decision_event(LEAGUES["nba"], meeting, now))
    kalshi = KalshiCatalogue(
        series=[*(row for league in leagues for row in k.series_of(league)), k.decision_series(), k.combo_series()],
        events=kalshi_events,
        milestones=[k.milestone(game) for game in on_kalshi],
    )
    polymarket = PolymarketCatalogue(events=polymarket_events, teams=p.team_rows(leagues))
    links = [link for game in games if game.on_kalshi and game.on_polymarket for link in _links(game)]
    links += [link for game in games if game.twins for link in _twins(game)]
    return kalshi, polymarket, (*links, *_champions(now), *_decisions(meeting))


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


def _twins(game: Game) -> list[Link]:
    """The spread and the total that both venues list. Beside the script's game their prices stand still."""
    volatility = 0.0 if game.role else game.volatility
    pairs = zip(k.twin_tickers(game), p.side_slugs(game), (0.38, 0.47), strict=True)
    return [Link(slug, ((ticker, 0),), p.condition_id(slug), price, volatility) for ticker, slug, price in pairs]


def _champions(now: int) -> list[Link]:
    """One link a team, each alone: the teams Polymarket lists do not exhaust the season."""
    nba = LEAGUES["nba"]
    slug = p.champion_slug(nba, now)
    return [
        Link(
            group=f"{slug}-{team.abbreviation}",
            tickers=((k.champion_ticker(nba, now, team), 0),),
            condition_id=p.group_condition(slug, team.name),
            probability=0.3 - 0.05 * place,
            volatility=0.0,
        )
        for place, team in enumerate(nba.teams[:_CHAMPIONS])
    ]


def _decisions(meeting: datetime) -> list[Link]:
    """No change and a cut by 25; the other sizes are asked in other shapes."""
    slug, event = p.decision_slug(meeting), f"{k.DECISIONS}-{meeting:%y%b}".upper()
    asked = (("H0", "No change", 0.44), ("C25", "25 bps decrease", 0.39))
    return [
        Link(f"{slug}-{code}", ((f"{event}-{code}", 0),), p.group_condition(slug, item), price, 0.0)
        for code, item, price in asked
    ]
