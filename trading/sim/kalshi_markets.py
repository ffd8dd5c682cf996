"""The simulated Kalshi's markets: one book each, what trades did to them, and the JSON that the venue would serve.

A market keeps the catalogue's raw object untouched; only the fields that move (status, grid, close, top of book, volume,
result) are laid over it when it is served.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trading.fees import rate
from trading.market import FeeTerms
from trading.sim.exchange import LevelChange, MatchingBook, Side
from trading.sim.kalshi_data import Grid, KalshiCatalogue, parse_grid, write_time
from trading.sim.timers import parse_time
from trading.units import (
    ONE,
    Money,
    Price,
    Size,
    WallNs,
    complement,
    cost_of,
    format_price,
    format_size,
    parse_price,
    parse_size,
)

__all__ = ["FILTER_STATUS", "MarketTable", "SimEvent", "SimMarket"]

FILTER_STATUS: Mapping[str, frozenset[str]] = {
    "unopened": frozenset({"initialized"}),
    "open": frozenset({"active"}),
    "paused": frozenset({"inactive"}),
    "closed": frozenset({"closed", "determined", "disputed", "amended"}),
    "settled": frozenset({"finalized"}),
}
"""Filter word -> statuses of a market (kalshi.md 5.1)."""

_REMOVED = frozenset(
    {
        *("yes_bid", "yes_ask", "no_bid", "no_ask", "last_price", "previous_yes_bid", "previous_yes_ask", "previous_price"),
        *("volume", "volume_24h", "open_interest", "notional_value", "liquidity", "liquidity_dollars", "tick_size"),
        *("response_price_units", "fractional_trading_enabled", "settlement_value", "category", "risk_limit_cents"),
    }
)
"""Fields of older recordings that today's venue no longer sends (kalshi.md 5.1)."""

_COEFFICIENTS = {
    "quadratic": ("0.07", "0"),
    "quadratic_with_maker_fees": ("0.07", "0.0175"),
    "quadratic_with_combo_maker_fees": ("0.07", "0.035"),
}


def _size(raw: object) -> Size:
    return parse_size(raw) if isinstance(raw, str) and raw else Size(0)


def _price(raw: object) -> Price:
    return parse_price(raw) if isinstance(raw, str) and raw else Price(0)


class SimEvent:
    """An event with its markets. raw is the catalogue's object without the nested markets."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = {key: value for key, value in raw.items() if key != "markets"}
        self.ticker = str(raw["event_ticker"])
        self.series = str(raw.get("series_ticker") or self.ticker.partition("-")[0])
        self.markets: list[SimMarket] = []
        self.fee_type: str | None = raw.get("fee_type_override")
        self.fee_multiplier: float | None = raw.get("fee_multiplier_override")

    @property
    def combo(self) -> bool:
        return self.ticker.startswith("KXMVE") or any(market.combo for market in self.markets)

    def to_json(self) -> dict[str, Any]:
        body = dict(self.raw)
        if self.fee_type is not None:
            body["fee_type_override"] = self.fee_type
            body["fee_multiplier_override"] = self.fee_multiplier
        return body


class SimMarket:
    """One market: its book, grid and life. clock counts the changes of its book (kalshi.md 9.4)."""

    def __init__(self, event: SimEvent, raw: Mapping[str, Any], listener: Callable[[str, LevelChange], None]) -> None:
        self.raw = {key: value for key, value in raw.items() if key not in _REMOVED}
        self.event = event
        self.ticker = str(raw["ticker"])
        self.id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"kalshi:{self.ticker}"))
        self.book = MatchingBook(self.ticker, listener)
        self.shard = int(raw.get("exchange_index", event.raw.get("exchange_index", 0)))
        self.combo = self.ticker.startswith("KXMVE") or bool(raw.get("mve_collection_ticker"))
        self.status = str(raw.get("status", "active"))
        self.grid: Grid = parse_grid(raw.get("price_ranges"))
        self.grid_json: Sequence[Mapping[str, str]] | None = raw.get("price_ranges")
        self.grid_label = str(raw.get("price_level_structure", "linear_cent"))
        self.opens = parse_time(raw.get("open_time"))
        self.closes = parse_time(raw.get("close_time"))
        self.waived_until = parse_time(raw.get("fee_waiver_expiration_time"))
        self.timer_s = int(raw.get("settlement_timer_seconds") or 0)
        self.clock = 0
        self.last = _price(raw.get("last_price_dollars"))
        self.last_size = Size(0)
        self.traded_here = Size(0)
        self.turnover = Money(0)
        self.volume = _size(raw.get("volume_fp"))
        self.volume_24h = _size(raw.get("volume_24h_fp"))
        self.interest = _size(raw.get("open_interest_fp"))
        self.result = str(raw.get("result") or "")
        self.value: Price | None = _price(value) if (value := raw.get("settlement_value_dollars")) else None
        self.floor = _price(raw.get("settlement_floor_dollars"))
        """The least that YES is paid, 0 where the market has no settlement bounds."""
        self.determined: WallNs | None = None
        self.settled = parse_time(raw.get("settlement_ts"))
        self.updated: WallNs | None = None
        self.listed: WallNs | None = None
        """When it was announced, for one created while the venue runs."""

    def on_grid(self, price: Price) -> bool:
        """Whether an order may carry the price; 0 and 1 never (kalshi.md 6)."""
        if not 0 < price < ONE:
            return False
        return any(start <= price <= end and step > 0 and (price - start) % step == 0 for start, end, step in self.grid)

    def top(self) -> tuple[Price, Size, Price, Size]:
        """YES bid, its size, YES ask, its size; 0 and 1 stand for an empty side (kalshi.md 5.1)."""
        bid, ask = self.book.best("bid"), self.book.best("ask")
        return (
            Price(0) if bid is None else bid,
            Size(0) if bid is None else self.book.size_at("bid", bid),
            ONE if ask is None else ask,
            Size(0) if ask is None else self.book.size_at("ask", ask),
        )

    def side_json(self, side: Side, *, yes_price: bool = False, depth: int = 0) -> list[tuple[str, str]]:
        """The bids of one outcome, ascending, best last: bid = YES bids; ask = NO bids at 1-p, or at p in the YES view."""
        levels = self.book.levels(side)
        if side == "ask":
            levels = [(price if yes_price else complement(price), size) for price, size in reversed(levels)]
        if depth > 0:
            levels = levels[-depth:]
        return [(format_price(price), format_size(size)) for price, size in levels]

    def orderbook_json(self, depth: int = 0) -> dict[str, Any]:
        return {"yes_dollars": self.side_json("bid", depth=depth), "no_dollars": self.side_json("ask", depth=depth)}

    def traded(self, price: Price, size: Size) -> None:
        """Count one match."""
        self.last, self.last_size = price, size
        self.traded_here = Size(self.traded_here + size)
        self.turnover = Money(self.turnover + cost_of(price, size))
        self.volume, self.volume_24h = Size(self.volume + size), Size(self.volume_24h + size)
        self.interest = Size(self.interest + size)

    def to_json(self) -> dict[str, Any]:
        """The market as GET /markets/{ticker} shows it."""
        bid, bid_size, ask, ask_size = self.top()
        body = dict(self.raw)
        body.update(
            status=self.status,
            yes_bid_dollars=format_price(bid),
            yes_ask_dollars=format_price(ask),
            no_bid_dollars=format_price(complement(ask)),
            no_ask_dollars=format_price(complement(bid)),
            yes_bid_size_fp=format_size(bid_size),
            yes_ask_size_fp=format_size(ask_size),
            last_price_dollars=format_price(self.last),
            volume_fp=format_size(self.volume),
            volume_24h_fp=format_size(self.volume_24h),
            open_interest_fp=format_size(self.interest),
            result=self.result,
        )
        body.setdefault("settlement_bounds_type", "default")
        body.setdefault("notional_value_dollars", "1.0000")
        body.setdefault("exchange_index", self.shard)
        body.setdefault("previous_yes_bid_dollars", "0.0000")
        body.setdefault("previous_yes_ask_dollars", "1.0000")
        body.setdefault("previous_price_dollars", "0.0000")
        if self.grid_json is not None:
            body.update(price_ranges=self.grid_json, price_level_structure=self.grid_label)
        if self.closes is not None:
            body["close_time"] = write_time(self.closes)
        if self.updated is not None:
            body["updated_time"] = write_time(self.updated)
        if self.value is not None:
            body["settlement_value_dollars"] = format_price(self.value)
        if self.settled is not None:
            body["settlement_ts"] = write_time(self.settled)
        return body


class MarketTable:
    """Every series, event and market by ticker. Raises ValueError when two markets share a ticker."""

    def __init__(self, catalogue: KalshiCatalogue, listener: Callable[[str, LevelChange], None]) -> None:
        self.series: dict[str, Mapping[str, Any]] = {str(row["ticker"]): row for row in catalogue.series}
        self.milestones = list(catalogue.milestones)
        self.events: dict[str, SimEvent] = {}
        self.markets: dict[str, SimMarket] = {}
        self.by_id: dict[str, SimMarket] = {}
        self.books: dict[str, MatchingBook] = {}
        self._listener = listener
        for raw in catalogue.events:
            self.add_event(raw)
        self.shards = sorted({0, 1, 2, 3} | {market.shard for market in self.markets.values()})

    def add_event(self, raw: Mapping[str, Any]) -> SimEvent:
        event = SimEvent(raw)
        self.events[event.ticker] = event
        for row in raw.get("markets") or ():
            market = SimMarket(event, row, self._listener)
            if market.ticker in self.markets:
                raise ValueError(f"market {market.ticker} stands twice in the catalogue")
            event.markets.append(market)
            self.markets[market.ticker] = market
            self.by_id[market.id] = market
            self.books[market.ticker] = market.book
        return event

    def category(self, market: SimMarket) -> str:
        series = self.series.get(market.event.series, {})
        return str(series.get("category") or market.event.raw.get("category") or "")

    def fee_terms(self, market: SimMarket) -> FeeTerms:
        """Event override, else series (kalshi.md 11); a type without known coefficients is charged as quadratic."""
        series = self.series.get(market.event.series, {})
        if market.event.fee_type is not None:
            own = market.event.fee_multiplier
            kind, multiplier = market.event.fee_type, series.get("fee_multiplier") if own is None else own
        else:
            kind, multiplier = str(series.get("fee_type", "quadratic")), series.get("fee_multiplier")
        times = "1" if multiplier is None else str(multiplier)
        taker, maker = _COEFFICIENTS.get(kind, _COEFFICIENTS["quadratic"])
        return FeeTerms(schedule="kalshi", taker=rate(taker, times), maker=rate(maker, times), waived_until=market.waived_until)
