"""The simulated Kalshi's market data over REST: series, events, markets, books, tape, fee changes (kalshi.md 5, 6, 11).

Everything here needs no key. Lists keep the catalogue's order; filters and their forbidden combinations are the venue's.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from trading.clock import SECOND, Clock
from trading.sim.exchange import Side
from trading.sim.kalshi_data import ApiError, KalshiRules, write_time
from trading.sim.kalshi_markets import FILTER_STATUS, MarketTable, SimEvent, SimMarket
from trading.sim.kalshi_query import Query
from trading.sim.timers import parse_time
from trading.units import Price, Size, WallNs, complement, format_price, format_size

__all__ = ["PublicData"]

Row = dict[str, Any]

_EVENT_STATUS = ("unopened", "open", "closed", "settled")
_TIME_FILTERS: Mapping[str, tuple[str, ...]] = {
    "created": ("unopened", "open", ""),
    "close": ("closed", ""),
    "settled": ("settled", ""),
    "updated": ("",),
}
"""Family of time filters of GET /markets -> statuses it goes with (kalshi.md 5.1)."""


class PublicData:
    """Answers public reads."""

    def __init__(self, clock: Clock, table: MarketTable, rules: KalshiRules) -> None:
        self._clock = clock
        self._table = table
        self._rules = rules
        self._tape: deque[tuple[int, str, WallNs, Row]] = deque(maxlen=10_000)
        self._trades = 0
        self.fee_changes: list[Row] = []
        """Scheduled series fee changes, as GET /series/fee_changes lists them."""
        self.event_fee_changes: list[Row] = []
        """Fee overrides of events, as GET /events/fee_changes lists them; those of the run are appended."""

    def note_trade(self, market: SimMarket, trade_id: str, taker: Side, price: Price, size: Size, at: WallNs) -> None:
        self._trades += 1
        outcome = "yes" if taker == "bid" else "no"
        row = {
            "trade_id": trade_id,
            "ticker": market.ticker,
            "count_fp": format_size(size),
            "yes_price_dollars": format_price(price),
            "no_price_dollars": format_price(complement(price)),
            "taker_side": outcome,
            "taker_outcome_side": outcome,
            "taker_book_side": taker,
            "created_time": write_time(at),
            "is_block_trade": False,
        }
        self._tape.append((self._trades, market.ticker, at, row))

    def note_event_fees(self, event: str, fee_type: str | None, multiplier: float | None) -> None:
        """Remember an override for GET /events/fee_changes; None and None clear it."""
        self.event_fee_changes.append(
            {
                "id": str(len(self.event_fee_changes) + 1),
                "event_ticker": event,
                "series_ticker": self._table.events[event].series,
                "fee_type_override": fee_type,
                "fee_multiplier_override": multiplier,
                "scheduled_ts": write_time(self._clock.wall_ns()),
            }
        )

    # ── catalogue ────────────────────────────────────────────────────────────────────────────────────────────────────

    def series_list(self, query: Query) -> Row:
        category, tags = query.text("category"), set(query.many("tags"))
        since = query.number("min_updated_ts")
        volume = query.flag("include_volume")
        found = [
            self._series_json(row, volume)
            for row in self._table.series.values()
            if (not category or category in (row.get("categories") or [row.get("category")]))
            and (not tags or tags & set(row.get("tags") or ()))
            and (since is None or (parse_time(row.get("last_updated_ts")) or 0) > since * SECOND)
        ]
        return {"series": found}

    def series_one(self, ticker: str, query: Query) -> Row:
        series = self._table.series.get(ticker)
        if series is None:
            raise ApiError(404, "series_not_found", details=ticker)
        return {"series": self._series_json(series, query.flag("include_volume"))}

    def _series_json(self, row: Mapping[str, Any], volume: bool) -> Row:
        body = {key: value for key, value in row.items() if key != "volume_fp"}
        if volume:
            events = (event for event in self._table.events.values() if event.series == row["ticker"])
            body["volume_fp"] = format_size(Size(sum(market.volume for event in events for market in event.markets)))
        return body

    def fee_change_list(self, query: Query) -> Row:
        ticker, old = query.text("series_ticker"), query.flag("show_historical")
        now = self._clock.wall_ns()
        found = [
            row
            for row in self.fee_changes
            if (not ticker or row["series_ticker"] == ticker) and (old or (parse_time(row["scheduled_ts"]) or 0) > now)
        ]
        return {"series_fee_change_arr": found}

    def event_fee_change_list(self, query: Query) -> Row:
        ticker = query.text("event_ticker")
        rows = ((n, row) for n, row in enumerate(self.event_fee_changes) if not ticker or row["event_ticker"] == ticker)
        page, cursor = query.page(rows, query.limit(default=100, most=1000))
        return {"event_fee_changes": page, "cursor": cursor}

    def combos(self, query: Query) -> Row:
        """GET /events/multivariate: the events that GET /events leaves out."""
        series, collection, tickers = query.text("series_ticker"), query.text("collection_ticker"), set(query.many("tickers"))
        if series and collection:
            raise ApiError(400, "invalid_parameters", details="collection_ticker: not with series_ticker")

        def wanted() -> Iterator[tuple[int, SimEvent]]:
            for number, event in enumerate(self._table.events.values()):
                if (
                    event.combo
                    and (not series or event.series == series)
                    and (not tickers or event.ticker in tickers)
                    and (not collection or any(row.raw.get("mve_collection_ticker") == collection for row in event.markets))
                ):
                    yield number, event

        page, cursor = query.page(wanted(), query.limit(default=100, most=200))
        nested = query.flag("with_nested_markets")
        return {"events": [_event_json(event, nested) for event in page], "cursor": cursor}

    def events(self, query: Query) -> Row:
        statuses = FILTER_STATUS.get(query.word("status", _EVENT_STATUS))
        series, tickers, nested = query.text("series_ticker"), set(query.many("tickers")), query.flag("with_nested_markets")
        closing, updated = query.number("min_close_ts"), query.number("min_updated_ts")

        def wanted() -> Iterator[tuple[int, SimEvent]]:
            for number, event in enumerate(self._table.events.values()):
                if (
                    not event.combo
                    and (statuses is None or any(market.status in statuses for market in event.markets))
                    and (not series or event.series == series)
                    and (not tickers or event.ticker in tickers)
                    and (closing is None or any((market.closes or 0) > closing * SECOND for market in event.markets))
                    and (updated is None or (parse_time(event.raw.get("last_updated_ts")) or 0) > updated * SECOND)
                ):
                    yield number, event

        page, cursor = query.page(wanted(), query.limit(default=200, most=200))
        answer: Row = {"events": [_event_json(event, nested) for event in page], "cursor": cursor}
        if query.flag("with_milestones"):
            shown = {event.ticker for event in page}
            answer["milestones"] = [
                row for row in self._table.milestones if shown & set(row.get("related_event_tickers") or ())
            ]
        return answer

    def event_one(self, ticker: str, query: Query) -> Row:
        nested, bare = query.flag("with_nested_markets"), query.flag("exclude_markets")
        if nested and bare:
            raise ApiError(400, "invalid_parameters", details="exclude_markets: not with with_nested_markets")
        event = self._table.events.get(ticker)
        if event is None:
            raise ApiError(404, "event_not_found", details=ticker)
        apart = [] if nested or bare else [market.to_json() for market in event.markets]
        return {"event": _event_json(event, nested), "markets": apart}

    def markets(self, query: Query) -> Row:
        status = query.word("status", FILTER_STATUS)
        times = {
            family: (query.number(f"min_{family}_ts"), query.number(f"max_{family}_ts"))
            for family in _TIME_FILTERS
            if query.text(f"min_{family}_ts") or query.text(f"max_{family}_ts")
        }
        if len(times) > 1 or any(status not in _TIME_FILTERS[family] for family in times):
            raise ApiError(400, "invalid_parameters", details="time filters exclude each other and some statuses")
        events, series, tickers = query.text("event_ticker"), query.text("series_ticker"), set(query.many("tickers"))
        combos = query.word("mve_filter", ("only", "exclude"))
        statuses = FILTER_STATUS.get(status)

        def wanted() -> Iterator[tuple[int, SimMarket]]:
            for number, market in enumerate(self._table.markets.values()):
                if (
                    (statuses is None or market.status in statuses)
                    and (not events or market.event.ticker == events)
                    and (not series or market.event.series == series)
                    and (not tickers or market.ticker in tickers)
                    and (not combos or market.combo == (combos == "only"))
                    and all(_within(market, family, *bounds) for family, bounds in times.items())
                ):
                    yield number, market

        page, cursor = query.page(wanted(), query.limit(default=100, most=1000, least=0))
        return {"markets": [market.to_json() for market in page], "cursor": cursor}

    def market_one(self, ticker: str) -> Row:
        """One market; a new one is not found for a moment after it was announced (kalshi.md 5.2)."""
        market = self._market(ticker)
        if market.listed is not None and self._clock.wall_ns() < market.listed + self._rules.new_market_ns:
            raise ApiError(404, "market_not_found", "market not found", ticker)
        return {"market": market.to_json()}

    def orderbook(self, ticker: str, query: Query) -> Row:
        depth = query.number("depth") or 0
        if depth > 100:
            raise ApiError(400, "invalid_parameters", details="depth: must be 0 to 100")
        return {"orderbook_fp": self._market(ticker).orderbook_json(max(0, depth))}

    def orderbooks(self, query: Query) -> Row:
        tickers = query.many("tickers")
        if not 1 <= len(tickers) <= 100:
            raise ApiError(400, "invalid_parameters", details="tickers: must be 1 to 100")
        found = [market for ticker in tickers if (market := self._table.markets.get(ticker)) is not None]
        return {"orderbooks": [{"ticker": market.ticker, "orderbook_fp": market.orderbook_json()} for market in found]}

    def trades(self, query: Query, *, before: int | None = None) -> Row:
        """The tape, newest first; before keeps only prints before that wall time."""
        ticker, since, until = query.text("ticker"), query.number("min_ts"), query.number("max_ts")
        blocks = query.word("is_block_trade", ("true", "false"))  # there are no block trades here
        rows = (
            (number, row)
            for number, name, at, row in reversed(self._tape)
            if (not ticker or name == ticker)
            and (since is None or at >= since * SECOND)
            and (until is None or at <= until * SECOND)
            and (before is None or at < before)
            and blocks != "true"
        )
        page, cursor = query.page(rows, query.limit(default=100, most=1000, least=0), newest_first=True)
        return {"trades": page, "cursor": cursor}

    def _market(self, ticker: str) -> SimMarket:
        market = self._table.markets.get(ticker)
        if market is None:
            raise ApiError(404, "market_not_found", "market not found", ticker)
        return market


def _event_json(event: SimEvent, nested: bool) -> Row:
    body = event.to_json()
    if nested:
        # settled events come without their markets (kalshi.md 5.2)
        done = all(market.status == "finalized" for market in event.markets)
        body["markets"] = [] if done else [market.to_json() for market in event.markets]
    return body


def _within(market: SimMarket, family: str, since: int | None, until: int | None) -> bool:
    at = {
        "created": parse_time(market.raw.get("created_time")),
        "close": market.closes,
        "settled": market.settled,
        "updated": market.updated or parse_time(market.raw.get("updated_time")),
    }[family]
    if at is None:
        return False
    return (since is None or at >= since * SECOND) and (until is None or at <= until * SECOND)
