"""Candlesticks of the simulated Kalshi: minutes kept while the venue runs, hours and days folded from them (kalshi.md 2, 5).

A minute is written when the top of the book or a trade changes it; quiet minutes carry the last quotes forward when they are
asked for, as the venue does. History begins with the run: what happened before it is not invented. Minutes are kept for two
hours, hours for a week, so that a long run stays small.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from trading.clock import SECOND, Clock
from trading.sim.kalshi_data import ApiError
from trading.sim.kalshi_markets import MarketTable, SimMarket
from trading.sim.kalshi_query import Query
from trading.units import ONE, Price, Size, WallNs, format_price, format_size

__all__ = ["Candles"]

Row = dict[str, Any]

_PERIODS = (1, 60, 1440)
_MOST_ROWS = 10_000
_MOST_MARKETS = 100
_KEPT_MINUTES = 120
_KEPT_HOURS = 7 * 24


@dataclass(slots=True)
class _Span:
    """Open, low, high, close of one series within one period."""

    open: Price
    low: Price
    high: Price
    close: Price

    @classmethod
    def at(cls, price: Price) -> "_Span":
        return cls(price, price, price, price)

    def add(self, low: Price, high: Price, close: Price) -> None:
        self.low, self.high, self.close = min(self.low, low), max(self.high, high), close

    def to_json(self, suffix: str = "_dollars") -> Row:
        return {f"{name}{suffix}": format_price(getattr(self, name)) for name in ("open", "low", "high", "close")}


@dataclass(slots=True)
class _Candle:
    bid: _Span
    ask: _Span
    trade: _Span | None = None
    volume: Size = Size(0)
    weight: int = 0
    interest: Size = Size(0)

    def quiet(self) -> "_Candle":
        """The next period when nothing happens."""
        return _Candle(_Span.at(self.bid.close), _Span.at(self.ask.close), interest=self.interest)

    def copy(self) -> "_Candle":
        trade = None if self.trade is None else _Span(self.trade.open, self.trade.low, self.trade.high, self.trade.close)
        bid = _Span(self.bid.open, self.bid.low, self.bid.high, self.bid.close)
        ask = _Span(self.ask.open, self.ask.low, self.ask.high, self.ask.close)
        return _Candle(bid, ask, trade, self.volume, self.weight, self.interest)

    def fold(self, later: "_Candle") -> None:
        self.bid.add(later.bid.low, later.bid.high, later.bid.close)
        self.ask.add(later.ask.low, later.ask.high, later.ask.close)
        if later.trade is not None:
            if self.trade is None:
                self.trade = _Span.at(later.trade.open)
            self.trade.add(later.trade.low, later.trade.high, later.trade.close)
        self.volume, self.weight = Size(self.volume + later.volume), self.weight + later.weight
        self.interest = later.interest


@dataclass(slots=True)
class _Track:
    """One market: its last minutes by the minute's number, and what was before them by the hour's."""

    minutes: dict[int, _Candle] = field(default_factory=dict)
    hours: dict[int, _Candle] = field(default_factory=dict)

    def forget(self) -> None:
        """Fold the oldest minute into its hour."""
        minute = next(iter(self.minutes))
        old = self.minutes.pop(minute)
        kept = self.hours.get(minute // 60)
        if kept is not None:
            kept.fold(old)
            return
        self.hours[minute // 60] = old
        if len(self.hours) > _KEPT_HOURS:
            del self.hours[next(iter(self.hours))]

    def periods(self, length: int) -> dict[int, _Candle]:
        """Candles of so many minutes by number, oldest first; what was folded cannot be told by the minute any more."""
        found: dict[int, _Candle] = {}
        older = ((hour * 60 // length, candle) for hour, candle in self.hours.items() if length >= 60)
        for number, candle in chain(older, ((minute // length, candle) for minute, candle in self.minutes.items())):
            if number in found:
                found[number].fold(candle)
            else:
                found[number] = candle.copy()
        return found


class Candles:
    """note_top and note_trade are called as things happen; the rest answers reads."""

    def __init__(self, clock: Clock, table: MarketTable) -> None:
        self._clock = clock
        self._table = table
        self._tracks: dict[str, _Track] = {}

    def note_top(self, market: SimMarket, at: WallNs) -> None:
        bid, _, ask, _ = market.top()
        candle = self._minute(market, at, bid, ask)
        candle.bid.add(bid, bid, bid)
        candle.ask.add(ask, ask, ask)

    def note_trade(self, market: SimMarket, price: Price, size: Size, at: WallNs) -> None:
        bid, _, ask, _ = market.top()
        candle = self._minute(market, at, bid, ask)
        if candle.trade is None:
            candle.trade = _Span.at(price)
        candle.trade.add(price, price, price)
        candle.volume, candle.weight = Size(candle.volume + size), candle.weight + price * size
        candle.interest = market.interest

    def _minute(self, market: SimMarket, at: WallNs, bid: Price, ask: Price) -> _Candle:
        minute = at // (60 * SECOND)
        track = self._tracks.setdefault(market.ticker, _Track())
        candle = track.minutes.get(minute)
        if candle is None:
            last = next(reversed(track.minutes.values()), None)
            candle = last.quiet() if last else _Candle(_Span.at(bid), _Span.at(ask), interest=market.interest)
            track.minutes[minute] = candle
            if len(track.minutes) > _KEPT_MINUTES:
                track.forget()
        return candle

    # ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def of_market(self, series: str, ticker: str, query: Query) -> Row:
        market = self._table.markets.get(ticker)
        if market is None or market.event.series != series:
            raise ApiError(404, "market_not_found", "market not found", ticker)
        start, end, period = _window(query)
        latest = query.flag("include_latest_before_start")
        return {"ticker": ticker, "candlesticks": self._rows(ticker, start, end, period, latest)[:_MOST_ROWS]}

    def of_markets(self, query: Query) -> Row:
        """Up to 100 markets and 10,000 rows in all; unknown tickers are left out."""
        tickers = query.many("market_tickers")
        if not 1 <= len(tickers) <= _MOST_MARKETS:
            raise ApiError(400, "invalid_parameters", details="market_tickers: must be 1 to 100")
        start, end, period = _window(query)
        latest, left, found = query.flag("include_latest_before_start"), _MOST_ROWS, []
        for ticker in tickers:
            if ticker in self._table.markets:
                rows = self._rows(ticker, start, end, period, latest)[:left]
                left -= len(rows)
                found.append({"market_ticker": ticker, "candlesticks": rows})
        return {"markets": found}

    def of_event(self, series: str, ticker: str, query: Query) -> Row:
        event = self._table.events.get(ticker)
        if event is None or event.series != series:
            raise ApiError(404, "event_not_found", details=ticker)
        start, end, period = _window(query)
        tickers = [market.ticker for market in event.markets]
        rows = [self._rows(name, start, end, period, False) for name in tickers]
        return {"market_tickers": tickers, "market_candlesticks": rows, "adjusted_end_ts": end}

    def archived(self, market: SimMarket, query: Query) -> Row:
        """GET /historical/markets/{ticker}/candlesticks: the same rows under the older names."""
        start, end, period = _window(query)
        rows = []
        for stop, candle, before in self._periods(market.ticker, start, end, period):
            price: Row = dict.fromkeys(("open", "low", "high", "close", "mean"))
            if candle.trade is not None:
                price |= candle.trade.to_json("") | {"mean": _mean(candle)}
            price["previous"] = None if before is None else format_price(before)
            rows.append(
                {
                    "end_period_ts": stop,
                    "yes_bid": candle.bid.to_json(""),
                    "yes_ask": candle.ask.to_json(""),
                    "price": price,
                    "volume": format_size(candle.volume),
                    "open_interest": format_size(candle.interest),
                }
            )
        return {"ticker": market.ticker, "candlesticks": rows}

    def _rows(self, ticker: str, start: int, end: int, period: int, latest: bool) -> Sequence[Row]:
        found = [_row(*period_row) for period_row in self._periods(ticker, start, end, period)]
        if latest:
            first = -(-start // (60 * period)) * 60 * period
            before = list(self._periods(ticker, 0, start - 1, period))
            if before and (not found or found[0]["end_period_ts"] > first):
                _, candle, last = before[-1]
                closed = candle.trade.close if candle.trade is not None else last
                found.insert(0, _row(first, candle.quiet(), closed))
        return found

    def _periods(self, ticker: str, start: int, end: int, period: int) -> Iterator[tuple[int, _Candle, Price | None]]:
        """(inclusive end in unix seconds, candle, last trade before it) of each period between start and end."""
        track = self._tracks.get(ticker)
        if track is None:
            return
        folded = track.periods(period)
        last: Price | None = None
        current: _Candle | None = None
        running = self._clock.wall_ns() // SECOND // (60 * period)
        for number in range(next(iter(folded)), min(running, end // (60 * period)) + 1):
            found = folded.get(number)
            current = found if found is not None else current.quiet() if current is not None else None
            stop = (number + 1) * 60 * period
            if current is not None and start <= stop <= end:
                yield stop, current, last
            if current is not None and current.trade is not None:
                last = current.trade.close


def _window(query: Query) -> tuple[int, int, int]:
    """start_ts, end_ts and minutes of a period. Raises ApiError 400."""
    start, end, period = query.number("start_ts"), query.number("end_ts"), query.number("period_interval")
    if start is None or end is None or period is None:
        raise ApiError(400, "invalid_parameters", details="start_ts, end_ts and period_interval: are required")
    if period not in _PERIODS:
        raise ApiError(400, "invalid_parameters", details="period_interval: must be 1, 60 or 1440")
    if not 0 <= start <= end:
        raise ApiError(400, "invalid_parameters", details="start_ts: must not be after end_ts")
    return start, end, period


def _row(stop: int, candle: _Candle, before: Price | None) -> Row:
    price: Row = {}
    if candle.trade is not None:
        price = candle.trade.to_json() | {"mean_dollars": _mean(candle)}
    if before is not None:
        price["previous_dollars"] = format_price(before)
    return {
        "end_period_ts": stop,
        "yes_bid": candle.bid.to_json(),
        "yes_ask": candle.ask.to_json(),
        "price": price,
        "volume_fp": format_size(candle.volume),
        "open_interest_fp": format_size(candle.interest),
    }


def _mean(candle: _Candle) -> str:
    return format_price(Price(min(ONE, (2 * candle.weight + candle.volume) // (2 * candle.volume))))
