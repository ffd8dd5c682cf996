"""Synthetic games in Polymarket's words: Gamma events with nested markets and the team list, as raw JSON.

Field names and habits follow polymarket.md 2 and the recorded Gamma objects: nicknames, JSON strings inside JSON,
gameStartTime with a space and a short zone, secondsDelay absent when there is none, three Yes/No negRisk markets for soccer.
Most lines differ from the Kalshi side on purpose, and one future asks another question: noise must not match.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from trading.clock import SECOND
from trading.sim.games import Game, iso, stable_hex
from trading.sim.teams import League, Team

__all__ = [
    "champion_event",
    "champion_slug",
    "condition_id",
    "decision_event",
    "decision_slug",
    "future_event",
    "game_event",
    "group_condition",
    "side_slugs",
    "team_rows",
]

Raw = dict[str, Any]

_TAGS = {
    "nba": [("1", "Sports", "sports"), ("745", "NBA", "nba"), ("100639", "Games", "games"), ("28", "Basketball", "basketball")],
    "nfl": [("1", "Sports", "sports"), ("450", "NFL", "nfl"), ("100639", "Games", "games"), ("10", "Football", "football")],
    "mlb": [("1", "Sports", "sports"), ("100381", "MLB", "mlb"), ("100639", "Games", "games"), ("8", "Baseball", "baseball")],
    "nhl": [("1", "Sports", "sports"), ("899", "NHL", "nhl"), ("100639", "Games", "games"), ("100088", "Hockey", "hockey")],
    "epl": [("1", "Sports", "sports"), ("306", "EPL", "epl"), ("100639", "Games", "games"), ("100350", "Soccer", "soccer")],
}


def condition_id(slug: str) -> str:
    return "0x" + stable_hex(f"condition {slug}")


def _token(slug: str, index: int) -> str:
    return str(int.from_bytes(hashlib.sha256(f"token {slug} {index}".encode()).digest()))


def _number(text: str, low: int, span: int) -> int:
    return low + int(stable_hex(text)[:8], 16) % span


def _gamma_time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00"


def game_event(game: Game) -> Raw:
    """The event of a game with its winner market(s) and, with extras, spread, total, first half and player props."""
    first, second = game.order
    slug = game.slug
    title = f"{first.name} vs. {second.name}"
    markets = _draw_markets(game, title) if game.league.draws else [_moneyline(game, title)]
    if game.extras and not game.league.draws:
        markets += _side_markets(game, title)
    tags = [{"id": tag, "label": label, "slug": name, "forceShow": False} for tag, label, name in _TAGS[game.league.key]]
    series = f"{game.league.key}-{game.local.year + (game.local.month > 6)}"
    live = game.role == "in_play"
    return {
        "id": str(_number(f"event {slug}", 100_000, 800_000)),
        "ticker": slug,
        "slug": slug,
        "title": title,
        "description": markets[0]["description"],
        "resolutionSource": game.league.source[1],
        "startDate": iso(game.starts - timedelta(days=6)),
        "creationDate": iso(game.starts - timedelta(days=6)),
        "endDate": iso(game.starts),
        "startTime": iso(game.starts),
        "eventDate": f"{game.local:%Y-%m-%d}",
        "createdAt": iso(game.starts - timedelta(days=6)),
        "updatedAt": iso(game.starts - timedelta(hours=8)),
        "active": True,
        "closed": False,
        "archived": False,
        "restricted": True,
        "enableOrderBook": True,
        "negRisk": game.league.draws,
        "enableNegRisk": game.league.draws,
        "negRiskAugmented": False,
        **({"negRiskMarketID": "0x" + stable_hex(f"negrisk {slug}")} if game.league.draws else {}),
        "live": live,
        "ended": False,
        **({"score": "48-51", "period": "Q2", "elapsed": "04:12"} if live else {}),
        "gameId": _number(f"game {slug}", 20_000_000, 900_000),
        "seriesSlug": series,
        "series": [{"id": "10345", "ticker": series, "slug": series, "title": series.upper(), "seriesType": "single"}],
        "tags": tags,
        "teams": [
            {**_team(game.league, team), "ordering": "home" if team is game.home else "away"} for team in (first, second)
        ],
        "markets": markets,
    }


def _market(game: Game, slug: str, question: str, kind: str, outcomes: tuple[str, str], text: str, **more: Any) -> Raw:
    raw: Raw = {
        "id": str(_number(f"market {slug}", 1_000_000, 8_000_000)),
        "question": question,
        "conditionId": condition_id(slug),
        "questionID": "0x" + stable_hex(f"question {slug}"),
        "slug": slug,
        "version": "v1",
        "resolutionSource": game.league.source[1],
        "description": text,
        "outcomes": json.dumps(outcomes),
        "outcomePrices": json.dumps(["0.5", "0.5"]),
        "clobTokenIds": json.dumps([_token(slug, 0), _token(slug, 1)]),
        "startDate": iso(game.starts - timedelta(days=6)),
        "endDate": iso(game.starts),
        "gameStartTime": _gamma_time(game.starts),
        "gameId": str(_number(f"game {game.slug}", 20_000_000, 900_000)),
        "active": True,
        "closed": False,
        "archived": False,
        "restricted": True,
        "enableOrderBook": True,
        "acceptingOrders": True,
        "acceptingOrdersTimestamp": iso(game.starts - timedelta(days=6)),
        "clearBookOnStart": True,
        "negRisk": False,
        "negRiskOther": False,
        "negRiskRequestID": "",
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
        "feesEnabled": True,
        "feeType": "sports_fees_v2",
        "feeSchedule": {"exponent": 1, "rate": game.league.rate, "takerOnly": True, "rebateRate": 0.15},
        "makerBaseFee": 1000,
        "takerBaseFee": 1000,
        "umaBond": "500",
        "umaReward": "2",
        "volumeNum": 0,
        "liquidityNum": 0,
        "automaticallyActive": True,
        "sportsMarketType": kind,
        "rfqEnabled": False,
    }
    if game.hold_s:
        raw["secondsDelay"] = game.hold_s  # absent when there is no hold (polymarket.md 2.2)
    return raw | more


def _intro(game: Game) -> str:
    sport = {"nba": "NBA", "nfl": "NFL", "mlb": "MLB", "nhl": "NHL", "epl": "English Premier League"}[game.league.key]
    clock = f"{game.local:%I:%M%p}".lstrip("0")
    return f"In the upcoming {sport} game, scheduled for {game.local:%B} {game.local.day} at {clock} ET:\n"


_POSTPONED = (
    "If the game is postponed, this market will remain open until the game has been completed.\n"
    "If the game is canceled entirely, with no make-up game, this market will resolve 50-50.\n"
)


def _moneyline(game: Game, title: str) -> Raw:
    first, second = game.order
    tie = "If the game ends in a tie, this market will resolve 50-50.\n" if game.league.key == "nfl" else ""
    text = (
        f'{_intro(game)}If the {first.name} win, the market will resolve to "{first.name}".\n'
        f'If the {second.name} win, the market will resolve to "{second.name}".\n{tie}{_POSTPONED}'
        "The result will be determined based on the final score including any overtime periods."
    )
    return _market(game, game.slug, title, "moneyline", (first.name, second.name), text)


def _draw_markets(game: Game, title: str) -> list[Raw]:
    """Soccer: three Yes/No markets of one negRisk event (polymarket.md 2.3)."""
    first, second = game.order
    date = f"{game.local:%Y-%m-%d}"
    markets = []
    for team in (first, second, None):
        question = f"Will {team.name} win on {date}?" if team else f"Will {title} end in a draw?"
        claim = f"{team.name} wins" if team else "the game ends in a draw"
        text = (
            f'{_intro(game)}If {claim}, this market will resolve to "Yes". Otherwise it will resolve to "No".\n'
            "This market refers only to the outcome within the first 90 minutes of regular play plus stoppage time.\n"
            "If the game is canceled or postponed with no make-up game, the draw resolves to Yes and the other markets to No."
        )
        slug = f"{game.slug}-{team.abbreviation if team else 'draw'}"
        item = team.name if team else f"Draw ({title})"
        request = {"negRiskRequestID": "0x" + stable_hex(f"request {slug}"), "groupItemTitle": item, "negRisk": True}
        market_id = {"negRiskMarketID": "0x" + stable_hex(f"negrisk {game.slug}")}
        markets.append(_market(game, slug, question, "moneyline", ("Yes", "No"), text, **request, **market_id))
    return markets


def side_slugs(game: Game) -> tuple[str, str]:
    """Slugs of the spread and of the total."""
    handicap, total = (f"{line + 1:g}".replace(".", "pt") for line in (game.league.spread, game.league.total))
    return f"{game.slug}-spread-home-{handicap}", f"{game.slug}-total-{total}"


def _side_markets(game: Game, title: str) -> list[Raw]:
    first, second = game.order
    league = game.league
    handicap, total = league.spread + 1, league.total + 1
    fine = {"orderPriceMinTickSize": 0.001}
    spread = (
        f'{_intro(game)}This market will resolve to "{second.name}" if the {second.name} win the game by'
        f' {int(handicap + 0.5)} or more {league.unit}.\nOtherwise, this market will resolve to "{first.name}".\n{_POSTPONED}'
    )
    over = (
        f'{_intro(game)}This market will resolve to "Over" if both teams combine to score {int(total + 0.5)} or more'
        f' {league.unit}.\nIf the combined total is less, this market will resolve to "Under".\n{_POSTPONED}'
    )
    half = (
        f"{_intro(game)}This market will resolve to the team that leads at halftime.\nIf the score is tied at halftime, this"
        f" market will resolve 50-50.\n{_POSTPONED}"
    )
    prop = f'{_intro(game)}This market will resolve to "Yes" if the player records more than 20.5 {league.unit}.\n{_POSTPONED}'
    spread_slug, over_slug = side_slugs(game)
    player = f"Player {first.code}: {league.unit.title()} Over 20.5"
    return [
        _market(
            game,
            spread_slug,
            f"Spread: {second.name} (-{handicap:g})",
            "spreads",
            (second.name, first.name),
            spread,
            line=-handicap,
            groupItemTitle=f"Spread -{handicap:g}",
            **fine,
        ),
        _market(
            game,
            over_slug,
            f"{title}: O/U {total:g}",
            "totals",
            ("Over", "Under"),
            over,
            line=total,
            groupItemTitle=f"O/U {total:g}",
            **fine,
        ),
        _market(
            game,
            f"{game.slug}-1h-moneyline",
            f"{title}: 1H Moneyline",
            "first_half_moneyline",
            (first.name, second.name),
            half,
            groupItemTitle="1H Moneyline",
        ),
        _market(
            game,
            f"{game.slug}-points-player-{first.abbreviation}-20pt5",
            player,
            "points",
            ("Yes", "No"),
            prop,
            line=20.5,
            groupItemTitle=f"{league.unit.title()} O/U 20.5",
            **fine,
        ),
    ]


def future_event(league: League, now: int, count: int) -> Raw:
    """A negRisk group of Yes/No markets on a conference title, with placeholders and an "Other" outcome (polymarket.md 2.2)."""
    season = _season(now)
    names = [team.name for team in league.teams[:count]] + ["Team A", "Team B", "Other"]
    asked = []
    for name in names:
        who = "another team" if name == "Other" else f"the {name}"
        text = f'This market will resolve to "Yes" if the {name} win the {season} Eastern Conference title. Otherwise "No".'
        asked.append((name, f"Will {who} win the {season} Eastern Conference?", text))
    slug = f"{league.key}-{season}-eastern-conference-champion"
    return _group(league, slug, f"{season} Eastern Conference Champion", asked, now, 180)


def champion_slug(league: League, now: int) -> str:
    return f"{league.key}-{_season(now)}-champion"


def champion_event(league: League, now: int, count: int) -> Raw:
    """The season's champion, as Kalshi asks it, for the first teams and an "Other" outcome."""
    season = _season(now)
    asked = []
    for name in [team.name for team in league.teams[:count]] + ["Other"]:
        who = "another team" if name == "Other" else f"the {name}"
        text = f'This market will resolve to "Yes" if {who} win the {season} {league.key.upper()} Finals. Otherwise "No".'
        asked.append((name, f"Will {who} win the {season} {league.key.upper()} Finals?", text))
    title = f"{season} {league.key.upper()} Champion"
    return _group(league, champion_slug(league, now), title, asked, now, 200)


def decision_slug(meeting: datetime) -> str:
    return f"fed-decision-in-{meeting:%B}-{meeting.year}".lower()


def decision_event(league: League, meeting: datetime, now: int) -> Raw:
    """The Federal Reserve's next meeting; league lends the fee terms only."""
    when = f"{meeting:%B} {meeting.year} meeting"
    rule = f'This market will resolve to "Yes" if the Federal Reserve %s at its {when}. Otherwise "No".'
    asked = [
        ("No change", f"No change in Fed interest rates after {when}?", rule % "leaves its rates as they are"),
        ("25 bps decrease", f"Fed decreases interest rates by 25 bps after {when}?", rule % "cuts its rates by 25 bps"),
        ("50+ bps decrease", f"Fed decreases interest rates by 50+ bps after {when}?", rule % "cuts its rates by 50+ bps"),
    ]
    days = (int(meeting.timestamp()) - now // SECOND) // 86_400
    raw = _group(league, decision_slug(meeting), f"Fed decision in {meeting:%B}?", asked, now, days)
    return raw | {
        "tags": [{"id": "159", "label": "Fed", "slug": "fed"}, {"id": "100328", "label": "Economy", "slug": "economy"}]
    }


def _season(now: int) -> int:
    return datetime.fromtimestamp(now // SECOND, UTC).year + 1


def group_condition(slug: str, item: str) -> str:
    """The condition id of one outcome of a group."""
    return condition_id(f"{slug}-{item.lower().replace(' ', '-')}")


def _group(league: League, slug: str, title: str, asked: list[tuple[str, str, str]], now: int, days: int) -> Raw:
    """A negRisk group: (item, question, text) of each Yes/No market."""
    at = datetime.fromtimestamp(now // SECOND, UTC)
    base = Game(league=league, away=league.teams[0], home=league.teams[1], start=now + days * 86_400 * SECOND)
    markets = []
    for name, question, text in asked:
        item = _market(base, f"{slug}-{name.lower().replace(' ', '-')}", question, "", ("Yes", "No"), text)
        for key in ("gameStartTime", "gameId", "sportsMarketType"):
            del item[key]
        markets.append(
            item | {"negRisk": True, "negRiskOther": name == "Other", "groupItemTitle": name, "clearBookOnStart": False}
        )
    return {
        "id": str(_number(f"event {slug}", 100_000, 800_000)),
        "ticker": slug,
        "slug": slug,
        "title": title,
        "description": markets[0]["description"],
        "startDate": iso(at - timedelta(days=60)),
        "endDate": iso(at + timedelta(days=days)),
        "active": True,
        "closed": False,
        "archived": False,
        "restricted": True,
        "enableOrderBook": True,
        "negRisk": True,
        "enableNegRisk": True,
        "negRiskAugmented": True,
        "negRiskMarketID": "0x" + stable_hex(f"negrisk {slug}"),
        "tags": [{"id": tag, "label": label, "slug": name} for tag, label, name in _TAGS[league.key][:2]],
        "markets": markets,
    }


def _team(league: League, team: Team) -> Raw:
    return {
        "id": _number(f"team {league.key} {team.name}", 100_000, 100_000),
        "name": team.name,
        "league": league.key,
        "abbreviation": team.abbreviation,
        "alias": team.name.split()[-1] if not league.draws else team.city,
        "providerId": _number(f"provider {league.key} {team.name}", 1, 5_000),
    }


def team_rows(leagues: list[League]) -> list[Raw]:
    """GET /teams, every league's teams."""
    return [_team(league, team) for league in leagues for team in league.teams]
