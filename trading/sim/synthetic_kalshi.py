"""Synthetic games in Kalshi's words: series, events with nested markets, and milestones, as raw JSON.

Field names and habits follow kalshi.md 5: city names, a team code as suffix, no_sub_title equal to yes_sub_title,
occurrence_datetime that means the end, a close two days late, the start in the milestone only. Of spreads, totals and futures a
few have a twin on Polymarket and most are noise; a combo always is.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from trading.clock import SECOND
from trading.sim.games import Game, iso, stable_uuid
from trading.sim.teams import LEAGUES, League, Team

__all__ = [
    "DECISIONS",
    "champion_ticker",
    "combo_event",
    "combo_series",
    "decision_event",
    "decision_series",
    "future_event",
    "game_events",
    "game_ticker",
    "milestone",
    "series_of",
    "twin_tickers",
]

Raw = dict[str, Any]

DECISIONS = "KXFEDDECISION"
_DISCLAIMER = "The venue is not affiliated with, endorsed by or connected to the governing league."
_EMPTY_TOP = {
    "yes_bid_dollars": "0.0000",
    "yes_ask_dollars": "1.0000",
    "no_bid_dollars": "0.0000",
    "no_ask_dollars": "1.0000",
    "yes_bid_size_fp": "0.00",
    "yes_ask_size_fp": "0.00",
    "last_price_dollars": "0.0000",
    "previous_yes_bid_dollars": "0.0000",
    "previous_yes_ask_dollars": "0.0000",
    "previous_price_dollars": "0.0000",
    "volume_fp": "0.00",
    "volume_24h_fp": "0.00",
    "open_interest_fp": "0.00",
}


def game_ticker(game: Game, side: Team | None) -> str:
    """The market that says side wins; None is soccer's draw."""
    return f"{game.event_ticker}-{side.code if side else 'TIE'}"


def series_of(league: League) -> list[Raw]:
    """The league's series: games, spreads, totals and the season future."""
    stem = league.series.removesuffix("GAME")
    return [
        _series(league, league.series, f"{league.competition} Game"),
        _series(league, f"{stem}SPREAD", f"{league.competition} Spread"),
        _series(league, f"{stem}TOTAL", f"{league.competition} Total"),
        _series(league, stem, f"{league.competition} Champion"),
    ]


def _series(league: League, ticker: str, title: str) -> Raw:
    name, url = league.source
    return {
        "ticker": ticker,
        "title": title,
        "category": "Sports",
        "categories": ["Sports"],
        "tags": [league.sport],
        "frequency": "custom",
        "settlement_sources": [{"name": name, "url": url}],
        "contract_url": f"https://contracts.invalid/{ticker}.pdf",
        "contract_terms_url": f"https://contracts.invalid/{ticker}-terms.pdf",
        "additional_prohibitions": [],
        "fee_type": "quadratic_with_maker_fees",
        "fee_multiplier": league.multiplier,
        "exchange_index": league.shard,
        "last_updated_ts": "2026-09-01T00:00:00Z",
    }


def game_events(game: Game) -> list[Raw]:
    """The winner event of a game and, with extras, its spread and total events."""
    events = [_winner_event(game)]
    if _has_sides(game):
        events += [_spread_event(game), _total_event(game)]
    return events


def _has_sides(game: Game) -> bool:
    return game.extras and not game.league.draws


def milestone(game: Game) -> Raw:
    """Where the scheduled start stands (kalshi.md 5.2)."""
    stem = game.league.series.removesuffix("GAME")
    tickers = [game.event_ticker]
    if _has_sides(game):
        tickers += [f"{stem}SPREAD-{game.code}", f"{stem}TOTAL-{game.code}"]
    first, second = game.order
    return {
        "id": stable_uuid(f"milestone {game.event_ticker}"),
        "category": "Sports",
        "type": game.league.milestone,
        "start_date": iso(game.starts),
        "end_date": None,
        "title": f"{first.city} vs {second.city}",
        "notification_message": f"{first.city} vs {second.city}",
        "primary_event_tickers": tickers[:1],
        "related_event_tickers": tickers,
        "source_ids": {},
        "details": {"league": game.league.competition, "status": "live" if game.role == "in_play" else "scheduled"},
        "last_updated_ts": iso(game.starts - timedelta(days=1)),
    }


def _event(game: Game, ticker: str, title: str, scope: str, markets: list[Raw], *, exclusive: bool) -> Raw:
    first, second = game.order
    name, url = game.league.source
    return {
        "event_ticker": ticker,
        "series_ticker": ticker.partition("-")[0],
        "title": title,
        "sub_title": f"{first.code} vs {second.code} ({game.local:%b} {game.local.day})",
        "category": "Sports",
        "collateral_return_type": "MECNET" if exclusive else "",
        "mutually_exclusive": exclusive,
        "strike_period": "",
        "settlement_sources": [{"name": name, "url": url}],
        "product_metadata": {"competition": game.league.competition, "competition_scope": scope},
        "available_on_brokers": True,
        "exchange_index": game.shard,
        "last_updated_ts": iso(game.starts - timedelta(days=1)),
        "markets": markets,
    }


def _market(game: Game, event: str, suffix: str, title: str, yes: str, rules: tuple[str, str], **more: Any) -> Raw:
    ends = game.starts + timedelta(hours=game.league.hours)
    close = ends + timedelta(days=2)
    opened = game.starts - timedelta(days=30)
    return {
        "ticker": f"{event}-{suffix}",
        "event_ticker": event,
        "market_type": "binary",
        "title": title,
        "yes_sub_title": yes,
        "no_sub_title": yes,
        "created_time": iso(opened),
        "updated_time": iso(opened),
        "open_time": iso(opened),
        "close_time": iso(close),
        "expected_expiration_time": iso(ends),
        "occurrence_datetime": iso(ends),
        "latest_expiration_time": iso(close),
        "expiration_time": iso(close),
        "expiration_value": "",
        "settlement_timer_seconds": 300,
        "settlement_bounds_type": "default",
        "status": "active",
        "result": "",
        "can_close_early": True,
        "early_close_condition": "This market will close and expire after a winner is declared.",
        "notional_value_dollars": "1.0000",
        "price_level_structure": "linear_cent",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
        "rules_primary": rules[0],
        "rules_secondary": rules[1],
        "exchange_index": game.shard,
        **_EMPTY_TOP,
        **more,
    }


def _when(game: Game) -> str:
    day = f"{game.local:%b} {game.local.day}, {game.local.year}"
    return f"{day} at {_clock(game.local)} {game.local:%Z}" if game.league.key == "mlb" else day


def _clock(at: datetime) -> str:
    return f"{at:%I:%M %p}".lstrip("0")


_TIE = {
    "nfl": "If the game ends in a tie, the market will resolve to $0.50 for each team. ",
    "epl": 'If the game ends in a tie, the market called "Tie" resolves to Yes. ',
}


def _rules(game: Game, claim: str, *, tie: str = "") -> tuple[str, str]:
    """Both texts. tie: what the game's winner says of a level score; a margin or a total needs no word for it."""
    first, second = game.order
    word = {"nba": "basketball", "nfl": "football", "mlb": "baseball", "nhl": "hockey", "epl": "EPL soccer"}[game.league.key]
    period = " after 90 minutes plus stoppage time (does not include extra time or penalties)" if game.league.draws else ""
    subject = f"the {first.city} vs {second.city} professional {word} game originally scheduled for {_when(game)}{period}"
    if game.league.key == "nfl":
        after = (
            "If the game is postponed but begins within 48 hours of its originally scheduled start time, the market stays open"
            " and resolves on the official final result; otherwise it will resolve to a fair market price."
        )
    elif game.league.draws:
        after = (
            "If the game is cancelled or rescheduled to over 48 hours away, the market will resolve to a fair price in accordance"
            " with the rules."
        )
    else:
        after = (
            "If this game is postponed or delayed, the market will remain open and close after the rescheduled game has"
            " finished (within two days). If the game is cancelled or rescheduled to over two days away, the market will"
            " resolve to a fair price in accordance with the rules."
        )
    primary = f"If {claim} {subject}, then the market resolves to Yes."
    return primary, f"This market refers to {subject}. {tie}{after}\n\n{_DISCLAIMER}"


def _winner_event(game: Game) -> Raw:
    first, second = game.order
    title = f"{first.city} vs {second.city}"
    markets = []
    for side in (first, second, *([None] if game.league.draws else [])):
        yes = side.city if side else "Tie"
        claim = f"{side.city} wins" if side else "Tie is the result of"
        strike = {game.league.strike_key: stable_uuid(f"{game.league.key} {yes}")}
        markets.append(
            _market(
                game,
                game.event_ticker,
                side.code if side else "TIE",
                f"{title} Winner?",
                yes,
                _rules(game, claim, tie=_TIE.get(game.league.key, "")),
                strike_type="structured",
                custom_strike=strike,
            )
        )
    return _event(game, game.event_ticker, title, "Game", markets, exclusive=True)


def _spread_event(game: Game) -> Raw:
    """Kalshi's spread is a margin, and its suffix is the line plus a half (kalshi.md 5.3)."""
    league = game.league
    ticker = f"{league.series.removesuffix('GAME')}SPREAD-{game.code}"
    markets = []
    for team in game.order:
        for line in (league.spread, *((league.spread + 1,) if game.twins and team is game.order[1] else ()), league.spread + 3):
            yes = f"{team.city} wins by over {line:g} {league.unit}"
            rules = _rules(game, f"{team.city} wins by more than {line:g} {league.unit} in")
            suffix = _spread_suffix(team, line)
            more = {"strike_type": "greater", "floor_strike": line}
            markets.append(
                _market(game, ticker, suffix, f"{team.city} wins by over {line:g} {league.unit}?", yes, rules, **more)
            )
    first, second = game.order
    return _event(game, ticker, f"{first.city} vs {second.city}: Spread", "Spread", markets, exclusive=False)


def _total_event(game: Game) -> Raw:
    league = game.league
    first, second = game.order
    ticker = f"{league.series.removesuffix('GAME')}TOTAL-{game.code}"
    markets = []
    for line in (league.total, *((league.total + 1,) if game.twins else ()), league.total + 2):
        rules = _rules(game, f"{first.city} and {second.city} collectively score more than {line:g} {league.unit} in")
        yes = f"Over {line:g} {league.unit} scored"
        more = {"strike_type": "greater", "floor_strike": line}
        title = f"{first.city} vs {second.city} Total {league.unit.title()}?"
        markets.append(_market(game, ticker, f"{int(line + 0.5)}", title, yes, rules, **more))
    return _event(game, ticker, f"{first.city} vs {second.city}: Total", "Point Total", markets, exclusive=False)


def twin_tickers(game: Game) -> tuple[str, str]:
    """Spread and total that Polymarket lists too, where game.twins."""
    league = game.league
    stem = league.series.removesuffix("GAME")
    spread = f"{stem}SPREAD-{game.code}-{_spread_suffix(game.order[1], league.spread + 1)}"
    return spread, f"{stem}TOTAL-{game.code}-{int(league.total + 1.5)}"


def _spread_suffix(team: Team, line: float) -> str:
    return f"{team.code}{int(line + 0.5)}"


def champion_ticker(league: League, now: int, team: Team) -> str:
    """The market of future_event that says team wins the season."""
    season = datetime.fromtimestamp(now // SECOND, UTC).year + 1
    return f"{league.series.removesuffix('GAME')}-{season % 100}-{team.code}"


def future_event(league: League, now: int, count: int) -> Raw:
    """A season champion with one market a team. Polymarket lists it for some teams, and a future that asks something else."""
    stem = league.series.removesuffix("GAME")
    at = datetime.fromtimestamp(now // SECOND, UTC)
    season = at.year + 1
    base = Game(
        league=league, away=league.teams[0], home=league.teams[1], start=now + 200 * 86_400 * SECOND, shard=league.shard
    )
    event = f"{stem}-{season % 100}"
    markets = []
    for team in league.teams[:count]:
        finals = f"{season} {league.competition.removesuffix(' (M)')} Finals"
        rule = f"If {team.city} wins the {finals}, then the market resolves to Yes."
        title = f"Will {team.city} win the {finals}?"
        strike = {"strike_type": "structured", "custom_strike": {league.strike_key: stable_uuid(f"{league.key} {team.city}")}}
        markets.append(_market(base, event, team.code, title, team.city, (rule, _DISCLAIMER), **strike))
    raw = _event(base, event, f"{season} {league.competition} Champion", "Future", markets, exclusive=True)
    raw["sub_title"] = f"{season - 1}-{season % 100}"
    return raw


def decision_series() -> Raw:
    """The series of the Federal Reserve's decisions."""
    raw = _series(LEAGUES["nba"], DECISIONS, "Fed decision")
    sources = [{"name": "Federal Reserve", "url": "https://www.federalreserve.gov"}]
    words = {"category": "Economics", "categories": ["Economics"], "tags": ["Fed"]}
    return raw | words | {"settlement_sources": sources, "exchange_index": 0}


def decision_event(meeting: datetime) -> Raw:
    """One meeting with a market per size of the step; codes are C and H with the basis points."""
    event = f"{DECISIONS}-{meeting:%y%b}".upper()
    nba = LEAGUES["nba"]
    base = Game(league=nba, away=nba.teams[0], home=nba.teams[1], start=int(meeting.timestamp()) * SECOND)
    markets = []
    for code, step, words in (
        ("H0", "Hike", "0bps"),
        ("C25", "Cut", "25bps"),
        ("C26", "Cut", ">25bps"),
        ("H25", "Hike", "25bps"),
    ):
        asked = f"Will the Federal Reserve {step} rates by {words} at their {meeting:%B} {meeting.year} meeting?"
        rule = f"If the Federal Reserve does a {step} of {words} on {meeting:%b} {meeting.day}, {meeting.year}, then the market"
        rules = f"{rule} resolves to Yes.", "The target range that the FOMC announces is compared with the one before."
        markets.append(_market(base, event, code, asked, f"{step} {words}", rules, strike_type="custom"))
    raw = _event(base, event, f"Fed decision in {meeting:%b} {meeting.year}?", "Decision", markets, exclusive=True)
    sources = [{"name": "Federal Reserve", "url": "https://www.federalreserve.gov"}]
    words_of = {"category": "Economics", "product_metadata": {}, "sub_title": f"On {meeting:%b} {meeting.day}, {meeting.year}"}
    return raw | words_of | {"settlement_sources": sources}


def combo_event(games: list[Game]) -> Raw:
    """A multivariate combo over two games: never listed by GET /events, flooding GET /markets (kalshi.md 5.2)."""
    event = f"KXMVESPORTSMULTIGAMEEXTENDED-S{stable_uuid(games[0].slug)[:13].replace('-', '').upper()}"
    legs = [
        {"event_ticker": game.event_ticker, "market_ticker": game_ticker(game, game.order[1]), "side": "yes"} for game in games
    ]
    words = ",".join(f"yes {game.order[1].city}" for game in games)
    market = _market(
        games[0],
        event,
        "B07014EEB10",
        words,
        words,
        ("", ""),
        strike_type="custom",
        custom_strike={"Associated Markets": ",".join(leg["market_ticker"] for leg in legs)},
        mve_collection_ticker="KXMVESPORTSMULTIGAMEEXTENDED-R",
        mve_selected_legs=legs,
        is_provisional=True,
        exchange_index=1,
        price_level_structure="deci_cent",
        price_ranges=[{"start": "0.0000", "end": "1.0000", "step": "0.0010"}],
    )
    raw = _event(games[0], event, words, "Combo", [market], exclusive=False)
    return raw | {"category": "Exotics", "exchange_index": 1, "product_metadata": {}, "sub_title": ""}


def combo_series() -> Raw:
    """The series of the combos, on its own shard."""
    nba = LEAGUES["nba"]
    raw = _series(nba, "KXMVESPORTSMULTIGAMEEXTENDED", "Combo")
    return raw | {"category": "Exotics", "categories": ["Exotics"], "exchange_index": 1}
