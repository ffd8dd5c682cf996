"""Gamma, the discovery service: raw catalogue objects with today's prices and states filled in (polymarket.md 2).

Lists page by cursor (limit silently clamped to 100, offset rejected) or, in the old form, by offset. closed defaults to false.
"""

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from trading.clock import SECOND
from trading.sim.core import Request, Response
from trading.sim.polymarket_books import best_prices, reply, tick_number
from trading.sim.polymarket_data import Json, PolymarketCatalogue, SimMarket, own_price, price_text, strings
from trading.sim.polymarket_state import SimState
from trading.sim.timers import parse_time
from trading.units import ONE

__all__ = ["Gamma"]

_MOST = 100
_DEFAULT = 20


class Gamma:
    """Answers every Gamma path from the catalogue and the markets' present state."""

    def __init__(self, state: SimState, catalogue: PolymarketCatalogue) -> None:
        self._state = state
        self._catalogue = catalogue

    def handle(self, request: Request, path: str) -> Response:
        if request.method != "GET":
            return reply({"error": "method not allowed"}, 405)
        parts = path.strip("/").split("/")
        head, tail = parts[0], parts[1:]
        if head in ("events", "markets"):
            return self._things(head, tail, request)
        if head in ("tags", "series") and tail:
            return self._named(head, tail)
        query = _Query(request)
        if path == "/public-search":
            return self._search(query)
        if path == "/sports/market-types":
            kinds = {m["sportsMarketType"] for _, m in self._raw_markets() if m.get("sportsMarketType")}
            return reply({"marketTypes": sorted(kinds)})
        rows: list[Json]
        if path == "/teams":
            rows = [team for team in self._catalogue.teams if query.match(team, "league", "abbreviation", "name")]
        elif path == "/tags":
            rows = _unique(tag for event in self._catalogue.events for tag in event.get("tags") or ())
        elif path == "/series":
            rows = _unique(series for event in self._catalogue.events for series in event.get("series") or ())
        elif path == "/sports":
            rows = self._sports()
        else:
            return reply({"type": "not found error", "error": "not found"}, 404)
        start, size = query.number("offset", 0), query.limit(50 if path == "/series" else _MOST)
        return reply(rows[start : start + size])

    # --- events and markets ------------------------------------------------------------------------------------------------

    def _things(self, head: str, tail: list[str], request: Request) -> Response:
        query = _Query(request)
        if len(tail) == 2 and tail[1] == "tags":
            return self._tags_of(head, tail[0])
        if tail and tail != ["keyset"]:
            field = "slug" if tail[0] == "slug" and len(tail) == 2 else "id"
            found = self._one(head, field, tail[-1])
            return reply({"type": "not found error", "error": "not found"}, 404) if found is None else reply(found)
        rows = self._events(query) if head == "events" else self._markets(query)
        rows = query.ordered(rows)
        size = query.limit(_MOST)
        if not tail:
            start = query.number("offset", 0)
            return reply(rows[start : start + size])
        if query.one("offset") is not None:
            return reply({"error": "offset is not supported on keyset pagination, use after_cursor"}, 422)
        try:
            start = max(0, int(base64.urlsafe_b64decode(query.one("after_cursor") or "MA==")))
        except ValueError:
            return reply({"error": "invalid after_cursor"}, 422)
        body: Json = {head: rows[start : start + size]}
        if start + size < len(rows):
            body["next_cursor"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        return reply(body)

    def _raw_markets(self) -> list[tuple[Json, Json]]:
        return [(event, raw) for event in self._catalogue.events for raw in event.get("markets") or ()]

    def _one(self, head: str, field: str, value: str) -> Json | None:
        if head == "events":
            event = next((e for e in self._catalogue.events if str(e.get(field)) == value), None)
            return None if event is None else self._event_now(event, True)
        pair = next(((e, m) for e, m in self._raw_markets() if str(m.get(field)) == value), None)
        return None if pair is None else self._market_with_event(*pair)

    def _market_now(self, raw: Json) -> Json:
        """A raw market with what moves: prices, grid, acceptance, resolution."""
        market = self._state.markets.get(str(raw.get("conditionId")))
        return dict(raw) if market is None else {**raw, **_moving(market)}

    def _market_with_event(self, event: Json, raw: Json) -> Json:
        short = {name: value for name, value in event.items() if name != "markets"}
        return {**self._market_now(raw), "events": [short]}

    def _event_now(self, event: Json, with_markets: bool) -> Json:
        now = {name: value for name, value in event.items() if name != "markets"}
        now["closed"] = self._event_closed(event)
        if with_markets:
            now["markets"] = [self._market_now(raw) for raw in event.get("markets") or ()]
        return now

    def _event_closed(self, event: Json) -> bool:
        markets = event.get("markets") or ()
        return bool(event.get("closed")) or (bool(markets) and all(self._market_now(raw).get("closed") for raw in markets))

    def _events(self, query: "_Query") -> list[Json]:
        with_markets = query.one("include_markets") != "false"
        rows = []
        for event in self._catalogue.events:
            tags = [tag for tag in event.get("tags") or () if isinstance(tag, dict)]
            series = [str(s.get("id")) for s in event.get("series") or () if isinstance(s, dict)]
            kept = (
                self._event_closed(event) == (query.one("closed") == "true")
                and query.match(
                    event, "id", "slug", "live", "ended", "game_id", "event_date", "recurrence", "version", "featured"
                )
                and query.tagged(tags)
                and query.has("series_id", series)
                and query.between(event, "start_date", "startDate")
                and query.between(event, "end_date", "endDate")
                and query.between(event, "start_time", "startTime")
                and (query.one("title_search") or "").lower() in str(event.get("title") or "").lower()
            )
            if kept:
                rows.append(self._event_now(event, with_markets))
        return rows

    def _markets(self, query: "_Query") -> list[Json]:
        rows = []
        for event, raw in self._raw_markets():
            now = self._market_now(raw)
            tags = [tag for tag in event.get("tags") or () if isinstance(tag, dict)]
            kept = (
                bool(now.get("closed")) == (query.one("closed") == "true")
                and query.match(now, "id", "slug", "game_id", "version", "uma_resolution_status", "resolution_status")
                and query.has("condition_ids", [str(now.get("conditionId"))])
                and query.has("question_ids", [str(now.get("questionID"))])
                and query.has("clob_token_ids", strings(now.get("clobTokenIds")))
                and query.has("position_ids", strings(now.get("positionIds")))
                and query.has("sports_market_types", [str(now.get("sportsMarketType"))])
                and query.tagged(tags)
                and query.between(now, "start_date", "startDate")
                and query.between(now, "end_date", "endDate")
            )
            if kept:
                rows.append(self._market_with_event(event, raw))
        return rows

    # --- the small lists ---------------------------------------------------------------------------------------------------

    def _search(self, query: "_Query") -> Response:
        wanted = (query.one("q") or "").lower()
        found = [e for e in self._catalogue.events if wanted and wanted in str(e.get("title") or "").lower()]
        rows = [self._event_now(event, True) for event in found[: query.limit(_MOST)]]
        return reply({"events": rows, "tags": [], "profiles": None, "pagination": {"hasMore": len(found) > len(rows)}})

    def _named(self, head: str, tail: list[str]) -> Response:
        """/tags/{id}, /tags/slug/{slug}, /series/{id}."""
        field = "slug" if tail[0] == "slug" and len(tail) == 2 else "id"
        rows = (row for event in self._catalogue.events for row in event.get(head) or () if isinstance(row, dict))
        found = next((row for row in rows if str(row.get(field)) == tail[-1]), None)
        return reply({"type": "not found error", "error": "not found"}, 404) if found is None else reply(found)

    def _tags_of(self, head: str, number: str) -> Response:
        """/events/{id}/tags and /markets/{id}/tags: a market has those of its event."""
        found = self._one(head, "id", number)
        if found is None:
            return reply({"type": "not found error", "error": "not found"}, 404)
        event = found if head == "events" else found["events"][0]
        return reply([tag for tag in event.get("tags") or () if isinstance(tag, dict)])

    def _sports(self) -> list[Json]:
        """One row per league that has a game in the catalogue, from the slugs' prefixes."""
        rows: dict[str, Json] = {}
        for event in self._catalogue.events:
            if not (event.get("gameId") or event.get("teams")):
                continue
            league = str(event.get("slug") or "").split("-")[0]
            tags = ",".join(str(tag.get("id")) for tag in event.get("tags") or () if isinstance(tag, dict))
            series = next((str(s.get("id")) for s in event.get("series") or () if isinstance(s, dict)), "")
            row = {"id": len(rows) + 1, "sport": league, "image": "", "resolution": "", "ordering": "away"}
            rows.setdefault(league, {**row, "tags": tags, "series": series})
        return list(rows.values())


def _moving(market: SimMarket) -> Json:
    bid, ask = best_prices(market, 0)
    closed = market.payout is not None
    if market.payout is not None:
        first = market.payout
    elif bid is not None and ask is not None:
        first = own_price(0, type(bid)((bid + ask) // 2))
    else:
        first = market.last_price if market.last_price is not None else type(ONE)(ONE // 2)
    fields: Json = {
        "version": market.version,
        "outcomePrices": json.dumps([price_text(own_price(outcome, first)) for outcome in (0, 1)]),
        "orderPriceMinTickSize": tick_number(market.tick),
        "acceptingOrders": market.accepting,
        "closed": closed or bool(market.raw.get("closed")),
        "lastTradePrice": 0 if market.last_price is None else float(price_text(market.last_price)),
        "spread": (((ONE if ask is None else ask) - (bid or 0)) / ONE),
    }
    if bid is not None:
        fields["bestBid"] = float(price_text(bid))
    if ask is not None:
        fields["bestAsk"] = float(price_text(ask))
    if closed:
        fields["resolutionStatus" if market.version == "v2" else "umaResolutionStatus"] = "resolved"
    if market.starts_at is not None and market.starts_at != parse_time(market.raw.get("gameStartTime")):
        fields["gameStartTime"] = f"{datetime.fromtimestamp(market.starts_at // SECOND, UTC):%Y-%m-%d %H:%M:%S}+00"
    return fields


def _unique(rows: Iterable[Any]) -> list[Json]:
    return list({str(row.get("id")): row for row in rows if isinstance(row, dict)}.values())


_FIELDS = {
    "game_id": "gameId",
    "event_date": "eventDate",
    "uma_resolution_status": "umaResolutionStatus",
    "resolution_status": "resolutionStatus",
}


class _Query:
    """Query parameters; a key may come several times or hold a comma-separated list."""

    def __init__(self, request: Request) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in request.query:
            self._values.setdefault(name.removesuffix("[]"), []).extend(value.split(",") if "," in value else [value])

    def one(self, name: str) -> str | None:
        values = self._values.get(name)
        return values[0] if values else None

    def number(self, name: str, default: int) -> int:
        value = self.one(name)
        return int(value) if value is not None and value.isdecimal() and len(value) < 12 else default

    def limit(self, most: int) -> int:
        return max(1, min(most, self.number("limit", min(most, _DEFAULT))))

    def has(self, name: str, values: list[str]) -> bool:
        """True without such a parameter or when one of its values is among values."""
        wanted = self._values.get(name)
        return wanted is None or any(value in wanted for value in values)

    def match(self, row: Json, *names: str) -> bool:
        return all(self.has(name, [_text(row.get(_FIELDS.get(name, name)))]) for name in names)

    def tagged(self, tags: list[Json]) -> bool:
        ids, slugs = [str(tag.get("id")) for tag in tags], [str(tag.get("slug")) for tag in tags]
        excluded = self._values.get("exclude_tag_id", [])
        if any(tag in excluded for tag in ids):
            return False
        wanted = self._values.get("tag_id", [])
        if wanted and self.one("tag_match") == "all":
            return all(tag in ids for tag in wanted) and self.has("tag_slug", slugs)
        return self.has("tag_id", ids) and self.has("tag_slug", slugs)

    def between(self, row: Json, name: str, field: str) -> bool:
        low, high = parse_time(self.one(f"{name}_min")), parse_time(self.one(f"{name}_max"))
        if low is None and high is None:
            return True
        at = parse_time(row.get(field))
        return at is not None and (low is None or at >= low) and (high is None or at <= high)

    def ordered(self, rows: list[Json]) -> list[Json]:
        """order= sorts by one field: numbers as numbers, everything else (volume, liquidity) as text."""
        field = self.one("order")
        if field is None:
            return rows
        return sorted(rows, key=lambda row: _sort_key(row.get(field)), reverse=self.one("ascending") != "true")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sort_key(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 1, float(value), ""
    return 0, 0.0, "" if value is None else str(value)
