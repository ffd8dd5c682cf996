"""Small venue objects for the discovery tests: one game as Kalshi and as Gamma describe it."""

import json
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def kalshi_game(
    event_ticker: str = "KXNBAGAME-26NOV19UTAGSW",
    title: str = "Utah at Golden State",
    sides: Sequence[tuple[str, str]] = (("UTA", "Utah"), ("GSW", "Golden State")),
    **fields: Any,
) -> Row:
    """An event with one market per (code, name)."""
    markets = [
        {
            "ticker": f"{event_ticker}-{code}",
            "event_ticker": event_ticker,
            "title": f"{title} Winner?",
            "yes_sub_title": name,
            "no_sub_title": name,
            "market_type": "binary",
            "status": "active",
            "close_time": "2026-12-03T03:00:00Z",
            "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
            "price_level_structure": "linear_cent",
            "exchange_index": 0,
            "rules_primary": f"If {name} wins the game, then the market resolves to Yes.",
            "rules_secondary": "If the game is cancelled or rescheduled to over 48 hours away, it will resolve to a fair price.",
        }
        for code, name in sides
    ]
    event = {
        "event_ticker": event_ticker,
        "series_ticker": event_ticker.partition("-")[0],
        "title": title,
        "mutually_exclusive": True,
        "category": "Sports",
        "markets": markets,
    }
    return {**event, **fields}


def milestone(event_ticker: str, start: str) -> Row:
    """The milestone that carries an event's scheduled start."""
    return {
        "id": "m",
        "type": "game",
        "start_date": start,
        "primary_event_tickers": [event_ticker],
        "related_event_tickers": [],
    }


def gamma_market(
    question: str, outcomes: Sequence[str] | None, start: str | None, *, condition: str = "0x" + "11" * 32, **fields: Any
) -> Row:
    """One Gamma market; outcomes as the string inside JSON the venue sends."""
    market: Row = {
        "id": "1",
        "conditionId": condition,
        "question": question,
        "sportsMarketType": "moneyline",
        "description": "If the game is canceled entirely, this market will resolve 50-50. If postponed, it remains open.",
        "clobTokenIds": json.dumps([str(int(condition, 16) + n) for n in (1, 2)]),
        "orderPriceMinTickSize": 0.01,
        "active": True,
        "closed": False,
        "acceptingOrders": True,
        "enableOrderBook": True,
    }
    if outcomes is not None:
        market["outcomes"] = json.dumps(list(outcomes))
    if start is not None:
        market["gameStartTime"] = start
    return {**market, **fields}


def gamma_game(
    slug: str = "nba-uta-gsw-2026-11-19",
    names: tuple[str, str] = ("Jazz", "Warriors"),
    start: str | None = "2026-11-20 03:00:00+00",
    *,
    ident: str = "9001",
    condition: str = "0x" + "11" * 32,
) -> Row:
    """A two-way game event with its moneyline."""
    title = f"{names[0]} vs. {names[1]}"
    market = gamma_market(title, names, start, condition=condition, slug=slug)
    return {"id": ident, "slug": slug, "title": title, "eventDate": slug[-10:], "markets": [market]}


def gamma_soccer(
    slug: str, names: tuple[str, str], start: str | None, *, ident: str = "9100", first_condition: int = 0x20
) -> Row:
    """A three-way soccer event: two team markets and the draw."""
    day, title = slug[-10:], f"{names[0]} vs. {names[1]}"
    asked = [
        (f"Will {names[0]} win on {day}?", names[0], "one"),
        (f"Will {title} end in a draw?", f"Draw ({title})", "draw"),
        (f"Will {names[1]} win on {day}?", names[1], "two"),
    ]
    markets = [
        gamma_market(
            question,
            ("Yes", "No"),
            start,
            condition=f"0x{first_condition + n:064x}",
            groupItemTitle=item,
            slug=f"{slug}-{suffix}",
        )
        for n, (question, item, suffix) in enumerate(asked)
    ]
    return {"id": ident, "slug": slug, "title": title, "eventDate": day, "markets": markets}


def rows(events: Sequence[Row], stones: Sequence[Row] = ()) -> list[tuple[Row, Row, Row | None]]:
    """Kalshi rows as match() takes them."""
    starts = {ticker: stone for stone in stones for ticker in stone["primary_event_tickers"]}
    return [(event, market, starts.get(event["event_ticker"])) for event in events for market in event["markets"]]


def gamma_rows(events: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Gamma rows as match() takes them."""
    return [(event, market) for event in events for market in event["markets"]]
