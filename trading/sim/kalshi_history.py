"""The simulated Kalshi's archive: what lies before a rolling cutoff of about three months (kalshi.md 5.1).

The venue moves such rows out of the live lists. Here they are served in both places, because a universe recorded months ago
would otherwise vanish from the lists it was recorded from.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from trading.clock import SECOND, Clock
from trading.sim.kalshi_candles import Candles
from trading.sim.kalshi_data import ApiError, write_time
from trading.sim.kalshi_markets import MarketTable, SimMarket
from trading.sim.kalshi_money import Account
from trading.sim.kalshi_portfolio import Portfolio
from trading.sim.kalshi_public import PublicData
from trading.sim.kalshi_query import Query

__all__ = ["Archive"]

Row = dict[str, Any]

_AGE_NS = 92 * 86_400 * SECOND


class Archive:
    """Answers /historical from the live records."""

    def __init__(self, clock: Clock, table: MarketTable, portfolio: Portfolio, public: PublicData, candles: Candles) -> None:
        self._clock = clock
        self._table = table
        self._portfolio = portfolio
        self._public = public
        self._candles = candles

    def _before(self) -> int:
        """The cutoff: midnight UTC some three months back, in wall ns."""
        return (self._clock.wall_ns() - _AGE_NS) // (86_400 * SECOND) * 86_400 * SECOND

    def cutoff(self) -> Row:
        stamp = write_time(self._before())
        names = ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts")
        return dict.fromkeys(names, stamp)

    def markets(self, query: Query) -> Row:
        tickers, event, series = set(query.many("tickers")), query.text("event_ticker"), query.text("series_ticker")
        if sum(map(bool, (tickers, event, series))) > 1:
            raise ApiError(400, "invalid_parameters", details="tickers, event_ticker, series_ticker: only one")
        plain = query.word("mve_filter", ("exclude",))

        def wanted() -> Iterator[tuple[int, SimMarket]]:
            for number, market in enumerate(self._table.markets.values()):
                if (
                    self._archived(market)
                    and (not tickers or market.ticker in tickers)
                    and (not event or market.event.ticker == event)
                    and (not series or market.event.series == series)
                    and not (plain and market.combo)
                ):
                    yield number, market

        page, cursor = query.page(wanted(), query.limit(default=100, most=1000))
        return {"markets": [market.to_json() for market in page], "cursor": cursor}

    def market(self, ticker: str) -> Row:
        return {"market": self._market(ticker).to_json()}

    def candlesticks(self, ticker: str, query: Query) -> Row:
        return self._candles.archived(self._market(ticker), query)

    def trades(self, query: Query) -> Row:
        return self._public.trades(query, before=self._before())

    def fills(self, accounts: Sequence[Account], query: Query) -> Row:
        return self._portfolio.fills(accounts, query, before=self._before())

    def orders(self, accounts: Sequence[Account], query: Query) -> Row:
        return self._portfolio.orders(accounts, query, before=self._before())

    def positions(self, account: Account, query: Query) -> Row:
        return self._portfolio.positions(account, query, before=self._before())

    def _archived(self, market: SimMarket) -> bool:
        return market.status == "finalized" and market.settled is not None and market.settled < self._before()

    def _market(self, ticker: str) -> SimMarket:
        market = self._table.markets.get(ticker)
        if market is None or not self._archived(market):
            raise ApiError(404, "market_not_found", "market not found", ticker)
        return market
