"""Games behind the simulated Kalshi's markets: milestones, live data, structured targets, sport filters (kalshi.md 5.2).

Targets and filters are derived from what the catalogue's events already say, so a universe need not write them twice. Live
status follows the clock (scheduled, live, then final) unless a script sets it; scores come from scripts only.
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from trading.clock import SECOND, Clock
from trading.sim.kalshi_data import ApiError, write_time
from trading.sim.kalshi_markets import MarketTable, SimEvent
from trading.sim.kalshi_query import Query
from trading.sim.timers import parse_time
from trading.units import format_price

__all__ = ["LiveDesk"]

Row = dict[str, Any]

_GAME_NS = 3 * 3_600 * SECOND


def _competition(row: Mapping[str, Any]) -> str:
    details = row.get("details") or {}
    return str(row.get("competition") or details.get("competition") or details.get("league") or "")


class LiveDesk:
    """details: milestone id -> fields laid over its live data while it runs (status, score, clock)."""

    def __init__(self, clock: Clock, table: MarketTable) -> None:
        self._clock = clock
        self._table = table
        self.details: dict[str, Row] = {}

    # ── milestones and live data ─────────────────────────────────────────────────────────────────────────────────────

    def milestones(self, query: Query) -> Row:
        if not query.text("limit"):
            raise ApiError(400, "invalid_parameters", details="limit: is required")
        since, kind = parse_time(query.text("minimum_start_date")), query.text("type")
        category, competition = query.text("category"), query.text("competition")
        event, source, updated = query.text("related_event_ticker"), query.text("source_id"), query.number("min_updated_ts")

        def wanted() -> Iterator[tuple[int, Mapping[str, Any]]]:
            for number, row in enumerate(self._table.milestones):
                if (
                    (since is None or (parse_time(row.get("start_date")) or 0) >= since)
                    and (not kind or row.get("type") == kind)
                    and (not category or row.get("category") == category)
                    and (not competition or _competition(row) == competition)
                    and (not event or event in (row.get("related_event_tickers") or ()))
                    and (not source or source == row.get("source_id") or source in (row.get("source_ids") or {}).values())
                    and (updated is None or (parse_time(row.get("last_updated_ts")) or 0) > updated * SECOND)
                ):
                    yield number, row

        page, cursor = query.page(wanted(), query.limit(default=100, most=500))
        return {"milestones": page, "cursor": cursor}

    def milestone(self, milestone_id: str) -> Row:
        return {"milestone": self._milestone(milestone_id, "milestone_not_found")}

    def live(self, milestone_id: str, kind: str = "") -> Row:
        row = self._milestone(milestone_id, "live_data_not_found")
        if kind and row.get("type") != kind:
            raise ApiError(404, "live_data_not_found", details=milestone_id)
        return {"live_data": self._live_json(row)}

    def live_batch(self, query: Query) -> Row:
        """Milestones that do not exist are left out."""
        names = query.many("milestone_ids")
        known = {str(row["id"]): row for row in self._table.milestones}
        return {"live_datas": [self._live_json(known[name]) for name in names if name in known]}

    def game_stats(self, milestone_id: str) -> Row:
        """Play by play: the periods a script has told, none otherwise."""
        self._milestone(milestone_id, "game_stats_not_found")
        return {"pbp": {"periods": self.details.get(milestone_id, {}).get("periods", [])}}

    def event_live(self, ticker: str) -> Row:
        """Event-keyed live data exist for events of continuous prices; here the last prices of their markets."""
        event = self._table.events.get(ticker)
        if event is None or self._category(event) != "Crypto":
            raise ApiError(404, "live_data_not_found", details=ticker)
        prices = {market.ticker: format_price(market.last) for market in event.markets}
        return {"live_data": {"type": "crypto_chart", "details": {"last_prices": prices}, "is_historical": False}}

    def _milestone(self, milestone_id: str, code: str) -> Mapping[str, Any]:
        for row in self._table.milestones:
            if row["id"] == milestone_id:
                return row
        raise ApiError(404, code, details=milestone_id)

    def _live_json(self, row: Mapping[str, Any]) -> Row:
        starts, now = parse_time(row.get("start_date")) or 0, self._clock.wall_ns()
        status = "scheduled" if now < starts else "live" if now < starts + _GAME_NS else "final"
        told = {key: value for key, value in self.details.get(str(row["id"]), {}).items() if key != "periods"}
        details = {**(row.get("details") or {}), "status": status, **told}
        return {"type": str(row.get("type", "")), "details": details, "milestone_id": str(row["id"])}

    # ── structured targets ───────────────────────────────────────────────────────────────────────────────────────────

    def targets(self, query: Query) -> Row:
        ids, kind, competition = set(query.many("ids")), query.text("type"), query.text("competition")
        size = query.number("page_size")
        if size is not None and not 1 <= size <= 2_000:
            raise ApiError(400, "invalid_parameters", details="page_size: must be 1 to 2000")

        def wanted() -> Iterator[tuple[int, Row]]:
            for number, row in enumerate(self._all_targets().values()):
                if (
                    (not ids or row["id"] in ids)
                    and (not kind or row["type"] == kind)
                    and (not competition or row["details"].get("league") == competition)
                ):
                    yield number, row

        page, cursor = query.page(wanted(), size or 100)
        return {"structured_targets": page, "cursor": cursor}

    def target(self, target_id: str) -> Row:
        found = self._all_targets().get(target_id)
        if found is None:
            raise ApiError(404, "structured_target_not_found", details=target_id)
        return {"structured_target": found}

    def _all_targets(self) -> dict[str, Row]:
        """Every UUID of a custom_strike, named by the market that carries it."""
        found: dict[str, Row] = {}
        for market in self._table.markets.values():
            strike = market.raw.get("custom_strike")
            for kind, value in (strike if isinstance(strike, Mapping) else {}).items():
                for target_id in str(value).split(","):
                    if _is_uuid(target_id) and target_id not in found:
                        found[target_id] = {
                            "id": target_id,
                            "name": str(market.raw.get("yes_sub_title", "")),
                            "type": str(kind),
                            "details": {"league": self._scopes(market.event)[0]},
                            "source_ids": {},
                            "last_updated_ts": str(market.raw.get("created_time") or write_time(self._clock.wall_ns())),
                        }
        return found

    # ── what the catalogue is about ──────────────────────────────────────────────────────────────────────────────────

    def metadata(self, ticker: str) -> Row:
        event = self._table.events.get(ticker)
        if event is None:
            raise ApiError(404, "event_not_found", details=ticker)
        competition, scope = self._scopes(event)
        image = f"/images/{event.series}.png"
        answer: Row = {
            "image_url": image,
            "featured_image_url": image,
            "market_details": [
                {"market_ticker": market.ticker, "image_url": image, "color_code": "#0ACF83"} for market in event.markets
            ],
            "settlement_sources": event.raw.get("settlement_sources") or [],
        }
        return answer | {"competition": competition or None, "competition_scope": scope or None}

    def sports(self) -> Row:
        """Sport (a tag of its series) -> competitions -> scopes."""
        found: dict[str, Row] = {}
        for event in self._table.events.values():
            competition, scope = self._scopes(event)
            series = self._table.series.get(event.series, {})
            if not competition or "Sports" not in (series.get("categories") or [series.get("category")]):
                continue
            for sport in series.get("tags") or ():
                entry = found.setdefault(sport, {"scopes": [], "competitions": {}})
                scopes = entry["competitions"].setdefault(competition, {"scopes": []})["scopes"]
                for listed in (entry["scopes"], scopes):
                    if scope and scope not in listed:
                        listed.append(scope)
        return {"filters_by_sports": found, "sport_ordering": sorted(found)}

    def tags(self) -> Row:
        found: dict[str, list[str]] = {}
        for series in self._table.series.values():
            for category in series.get("categories") or [series.get("category")]:
                tags = found.setdefault(str(category), [])
                tags += [tag for tag in series.get("tags") or () if tag not in tags]
        return {"tags_by_categories": found}

    def _category(self, event: SimEvent) -> str:
        series = self._table.series.get(event.series, {})
        return str(series.get("category") or event.raw.get("category") or "")

    @staticmethod
    def _scopes(event: SimEvent) -> tuple[str, str]:
        told = event.raw.get("product_metadata") or {}
        return str(told.get("competition") or ""), str(told.get("competition_scope") or "")


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
