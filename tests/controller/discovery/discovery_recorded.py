"""Turns recorded, labelled pairs back into the objects the venues send: the matcher reads what it reads live."""

import json
from pathlib import Path
from typing import Any

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def labelled() -> list[dict[str, Any]]:
    """All rows of pairs_dev.jsonl."""
    return [json.loads(line) for line in (SHARED / "pairs_dev.jsonl").read_text(encoding="utf-8").splitlines()]


def kalshi_market(row: dict[str, Any]) -> dict[str, Any]:
    """The market object of one side of a labelled row."""
    return {name: row.get(name) for name in ("ticker", "event_ticker", "title", "yes_sub_title")}


def kalshi_event(row: dict[str, Any], markets: list[dict[str, Any]]) -> dict[str, Any]:
    """Its event object with the recorded markets nested."""
    return {
        "event_ticker": row.get("event_ticker"),
        "series_ticker": row.get("series_ticker"),
        "title": row.get("event_title") or row.get("title"),
        "mutually_exclusive": True,
        "markets": markets,
    }


def polymarket_event(row: dict[str, Any]) -> dict[str, Any]:
    """The Gamma event. The recorded league is what Gamma says in tags; the May rows have no slug."""
    tags = [{"slug": tag} for tag in row.get("tags") or ()]
    if row.get("league"):
        tags.append({"label": row["league"]})
    return {
        "id": row.get("event_id"),
        "slug": row.get("event_slug"),
        "title": row.get("event_title") or row.get("question"),
        "eventDate": row.get("event_date") or row.get("event_condition_date"),
        "startTime": row.get("start_time"),
        "seriesSlug": row.get("series_slug"),
        "tags": tags,
    }


def polymarket_market(row: dict[str, Any]) -> dict[str, Any]:
    """The Gamma market, with arrays as strings inside JSON as on the wire."""
    market = {
        "conditionId": row.get("condition_id"),
        "id": row.get("id"),
        "slug": row.get("slug"),
        "question": row.get("question"),
        "groupItemTitle": row.get("group_item_title"),
        "sportsMarketType": row.get("sports_market_type"),
        "line": row.get("line"),
        "gameStartTime": row.get("game_start_time"),
        "description": row.get("description"),
    }
    if row.get("outcomes"):
        market["outcomes"] = json.dumps(row["outcomes"])
    return market


def universe(rows: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """Every distinct market of both venues that occurs in the rows, in the form match() reads."""
    events: dict[str, dict[str, Any]] = {}
    nested: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        side = row["kalshi"]
        ticker = str(side.get("event_ticker"))
        nested.setdefault(ticker, {})[side["ticker"]] = kalshi_market(side)
        events[ticker] = side
    kalshi = [
        (kalshi_event(events[ticker], list(markets.values())), market, None)
        for ticker, markets in nested.items()
        for market in markets.values()
    ]
    seen: dict[str, Any] = {}
    for row in rows:
        side = row["polymarket"]
        seen[str(side.get("condition_id") or side.get("id"))] = (polymarket_event(side), polymarket_market(side))
    return kalshi, list(seen.values())
