"""A universe read from a file of recorded market pairs: the venues' own ids and words, none of the answers.

Only the "kalshi" and "polymarket" objects of a row are read; whether they match, why and how is never looked at. What a row
does not carry stays absent, as a venue omits it; only what no listing is without (status, grid, token ids, the wrapping event)
is filled in, the same way for every row. Recorded deadlines are dates of expiry, so nothing closes because the recording is
old.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trading.sim.games import stable_hex
from trading.sim.kalshi_data import KalshiCatalogue
from trading.sim.lines import read_lines
from trading.sim.polymarket_data import PolymarketCatalogue

__all__ = ["read"]

Raw = dict[str, Any]

_KALSHI_EVENT = {
    "series_ticker": "series_ticker",
    "event_title": "title",
    "event_sub_title": "sub_title",
    "category": "category",
    "mutually_exclusive": "mutually_exclusive",
    "product_metadata": "product_metadata",
}
_POLYMARKET_EVENT = {
    "event_title": "title",
    "event_date": "eventDate",
    "event_condition_date": "eventDate",
    "start_time": "startTime",
    "series_slug": "seriesSlug",
}
_POLYMARKET_MARKET = {
    "id": "id",
    "question": "question",
    "slug": "slug",
    "group_item_title": "groupItemTitle",
    "sports_market_type": "sportsMarketType",
    "line": "line",
    "game_start_time": "gameStartTime",
    "end_date": "endDate",
    "description": "description",
    "resolution_source": "resolutionSource",
    "neg_risk": "negRisk",
    "tick_size": "orderPriceMinTickSize",
    "min_size": "orderMinSize",
}
_OPEN = {"active": True, "closed": False, "archived": False, "enableOrderBook": True, "acceptingOrders": True}


def read(path: Path) -> tuple[KalshiCatalogue, PolymarketCatalogue]:
    """Read a JSON lines file of pairs; repeated tickers and condition ids count once.

    Raises ValueError naming file and line when a row is not an object with both venues.
    """
    rows = list(read_lines(path, _pair, "pair with a kalshi and a polymarket object"))
    return _kalshi(row["kalshi"] for row in rows), _polymarket(row["polymarket"] for row in rows)


def _pair(row: Any) -> Raw:
    if not row["kalshi"]["ticker"] or not (row["polymarket"].get("condition_id") or row["polymarket"]["id"]):
        raise KeyError("id")
    return dict(row)


def _copy(source: Raw, names: dict[str, str]) -> Raw:
    return {name: source[key] for key, name in names.items() if source.get(key) is not None}


def _kalshi(objects: Iterable[Raw]) -> KalshiCatalogue:
    events: dict[str, Raw] = {}
    series: dict[str, Raw] = {}
    seen: set[str] = set()
    for row in objects:
        ticker = row["ticker"]
        event_ticker = row.get("event_ticker") or ticker.rpartition("-")[0]
        series_ticker = row.get("series_ticker") or event_ticker.partition("-")[0]
        event = events.setdefault(event_ticker, {"event_ticker": event_ticker, "series_ticker": series_ticker, "markets": []})
        for name, value in _copy(row, _KALSHI_EVENT).items():
            event.setdefault(name, value)
        if ticker in seen:
            continue
        seen.add(ticker)
        market: Raw = {
            "ticker": ticker,
            "event_ticker": event_ticker,
            "market_type": "binary",
            "status": "active",
            "result": "",
            "price_level_structure": "linear_cent",
            "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
            "exchange_index": 0,
        }
        market |= _copy(row, {"title": "title", "yes_sub_title": "yes_sub_title"})
        if "yes_sub_title" in market:
            market["no_sub_title"] = market["yes_sub_title"]
        if row.get("deadline"):
            market["latest_expiration_time"] = f"{row['deadline']}T00:00:00Z"
        event["markets"].append(market)
        series.setdefault(
            series_ticker,
            {
                "ticker": series_ticker,
                "title": series_ticker,
                "category": row.get("category", ""),
                "fee_type": "quadratic",
                "fee_multiplier": 1,
                "settlement_sources": [],
                "exchange_index": 0,
            },
        )
    return KalshiCatalogue(series=list(series.values()), events=list(events.values()))


def _polymarket(objects: Iterable[Raw]) -> PolymarketCatalogue:
    events: dict[str, Raw] = {}
    seen: set[str] = set()
    for row in objects:
        condition = row.get("condition_id") or "0x" + stable_hex(f"recorded condition {row['id']}")
        # Rows without an event were recorded from a list of markets; each gets a wrapper, since Gamma lists no market without
        # one.
        key = row.get("event_id") or row.get("event_slug") or f"market-{row.get('id') or condition}"
        event = events.setdefault(key, {"id": str(row.get("event_id") or int(stable_hex(key)[:7], 16)), "markets": []})
        for name, value in {"title": row.get("question"), "slug": row.get("event_slug"), **_OPEN}.items():
            if value is not None and not (name == "title" and row.get("event_title")):
                event.setdefault(name, value)
        for name, value in (_copy(row, _POLYMARKET_EVENT) | _tags(row)).items():
            event.setdefault(name, value)
        if condition in seen:
            continue
        seen.add(condition)
        market: Raw = {"conditionId": condition, "clobTokenIds": json.dumps(_tokens(row, condition)), **_OPEN}
        market |= _copy(row, _POLYMARKET_MARKET)
        market["outcomes"] = json.dumps(row.get("outcomes") or _outcomes(str(row.get("question") or "")))
        if row.get("deadline"):
            market["endDate"] = f"{row['deadline']}T00:00:00Z"
        event["markets"].append(market)
    return PolymarketCatalogue(events=list(events.values()), teams=[])


def _outcomes(question: str) -> list[str]:
    """Outcome names of a row that was recorded without them, as Gamma writes them for a question of this form.

    A bare "A vs. B" lists both sides in the order of the question, an over/under lists Over first, everything else is Yes or No.
    """
    first, versus, second = question.partition(" vs. ")
    if "O/U" in question:
        return ["Over", "Under"]
    if versus and ":" not in question and not question.endswith("?"):
        return [first.strip(), second.strip()]
    return ["Yes", "No"]


def _tokens(row: Raw, condition: str) -> list[str]:
    by_team = row.get("clob_token_by_kalshi_code")  # a source's table, in outcome order; its keys are not read
    recorded = row.get("clob_token_ids") or (list(by_team.values()) if by_team else None)
    return recorded or [str(int(stable_hex(f"recorded token {condition} {index}"), 16)) for index in (0, 1)]


def _tags(row: Raw) -> Raw:
    """Tags as Gamma writes them: recorded ones, else the sport and league; what has a game day is tagged as a game."""
    names = row.get("tags") or [name for name in (row.get("sport"), row.get("league")) if name]
    if not row.get("tags") and (row.get("event_condition_date") or row.get("sports_market_type")):
        names = ["sports", "games", *names]
    if not names:
        return {}
    return {"tags": [{"label": name, "slug": str(name).lower().replace(" ", "-")} for name in names]}
