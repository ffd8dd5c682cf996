"""Lists of our own account, page after page, with every filter the venue has (kalshi.md 7.5).

account.py turns one page into the seam's words; this file is for those who want all of it: reconciliation, reports, look-ups.
Defaults differ per endpoint at the venue (positions: subaccount 0, orders and fills: all), so shard and subaccount are explicit.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Literal

import msgspec

from trading.kalshi.paging import filters, pages
from trading.kalshi.rest import KalshiRest, segment
from trading.kalshi.wire_account import FillRow, OrderRow, PositionRow, SettlementRow
from trading.kalshi.wire_market import parse_count
from trading.market import MarketId
from trading.units import Size

__all__ = ["Portfolio"]

ORDERS_PATH = "/portfolio/orders"
FILLS_PATH = "/portfolio/fills"


class OrdersPage(msgspec.Struct, frozen=True):
    orders: tuple[OrderRow, ...] | None = None
    cursor: str | None = None


class FillsPage(msgspec.Struct, frozen=True):
    fills: tuple[FillRow, ...] | None = None
    cursor: str | None = None


class PositionsPage(msgspec.Struct, frozen=True):
    market_positions: tuple[PositionRow, ...] | None = None
    cursor: str | None = None


class SettlementsPage(msgspec.Struct, frozen=True):
    settlements: tuple[SettlementRow, ...] | None = None
    cursor: str | None = None


class OneOrder(msgspec.Struct, frozen=True):
    order: OrderRow


class QueueRow(msgspec.Struct, frozen=True):
    order_id: str
    queue_position_fp: str


class QueuePage(msgspec.Struct, frozen=True):
    queue_positions: tuple[QueueRow, ...] | None = None


class Portfolio:
    """Private lists. retry False: look-ups, which never wait and raise Throttled instead."""

    def __init__(self, rest: KalshiRest) -> None:
        self._rest = rest

    async def orders(
        self,
        *,
        market: MarketId | None = None,
        event_tickers: Sequence[str] = (),
        status: Literal["resting", "canceled", "executed"] | None = None,
        min_ts: int | None = None,
        max_ts: int | None = None,
        shard: int | None = None,
        subaccount: int | None = None,
        retry: bool = True,
    ) -> AsyncIterator[tuple[OrderRow, ...]]:
        """Pages of orders, newest first; times in unix seconds; shard and subaccount None = all."""
        query = filters(
            ("ticker", market),
            ("event_ticker", tuple(event_tickers)),
            ("status", status),
            ("min_ts", min_ts),
            ("max_ts", max_ts),
            ("exchange_index", shard),
            ("subaccount", subaccount),
            ("limit", 1000),
        )
        async for page in pages(self._rest, ORDERS_PATH, query, OrdersPage, private=True, retry=retry):
            yield page.orders or ()

    async def order(self, order_id: str, *, retry: bool = True) -> OrderRow:
        """One order. Raises Rejected when there is none."""
        path = f"{ORDERS_PATH}/{segment(order_id)}"
        return (await self._rest.fetch(path, OneOrder, private=True, retry=retry)).order

    async def fills(
        self,
        *,
        order_id: str = "",
        markets: Sequence[MarketId] = (),
        min_ts: int | None = None,
        max_ts: int | None = None,
        shard: int | None = None,
        subaccount: int | None = None,
        retry: bool = True,
    ) -> AsyncIterator[tuple[FillRow, ...]]:
        """Pages of fills; at most 100 markets."""
        query = filters(
            ("order_id", order_id),
            ("ticker", tuple(markets)),
            ("min_ts", min_ts),
            ("max_ts", max_ts),
            ("exchange_index", shard),
            ("subaccount", subaccount),
            ("limit", 1000),
        )
        async for page in pages(self._rest, FILLS_PATH, query, FillsPage, private=True, retry=retry):
            yield page.fills or ()

    async def positions(
        self,
        *,
        market: MarketId | None = None,
        event_ticker: str = "",
        settlement: Literal["unsettled", "settled", "all"] = "unsettled",
        shard: int | None = None,
        subaccount: int = 0,
    ) -> AsyncIterator[tuple[PositionRow, ...]]:
        """Pages of what is held, zero positions left out by the venue."""
        query = filters(
            ("count_filter", "position"),
            ("ticker", market),
            ("event_ticker", event_ticker),
            ("settlement_status", settlement),
            ("exchange_index", shard),
            ("subaccount", subaccount),
            ("limit", 1000),
        )
        async for page in pages(self._rest, "/portfolio/positions", query, PositionsPage, private=True):
            yield page.market_positions or ()

    async def settlements(
        self,
        *,
        market: MarketId | None = None,
        event_ticker: str = "",
        min_ts: int | None = None,
        max_ts: int | None = None,
        subaccount: int | None = None,
    ) -> AsyncIterator[tuple[SettlementRow, ...]]:
        """Pages of payouts."""
        query = filters(
            ("ticker", market),
            ("event_ticker", event_ticker),
            ("min_ts", min_ts),
            ("max_ts", max_ts),
            ("subaccount", subaccount),
            ("limit", 1000),
        )
        async for page in pages(self._rest, "/portfolio/settlements", query, SettlementsPage, private=True):
            yield page.settlements or ()

    async def queue(self, markets: Sequence[MarketId], *, subaccount: int = 0) -> dict[str, Size]:
        """Contracts that have to match before each of our resting orders in these markets, by order id."""
        query = filters(("market_tickers", tuple(markets)), ("subaccount", subaccount))
        page = await self._rest.fetch("/portfolio/orders/queue_positions", QueuePage, query, private=True)
        return {row.order_id: parse_count(row.queue_position_fp) for row in page.queue_positions or ()}
