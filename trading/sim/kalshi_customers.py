"""The simulated Kalshi's other customers: orders without money or rules of their own, which flow and scripts place.

"flow" is many people under one name: the arriving order is told apart from those that rest, so that they trade with each other.
"""

from collections.abc import Callable, Iterable, Sequence

from trading.clock import Clock
from trading.sim.exchange import Fill, Order, Side
from trading.sim.kalshi_markets import MarketTable, SimMarket
from trading.units import Price, Size

__all__ = ["Customers"]


class Customers:
    """book(market, taker, fills) books what an arriving order matched."""

    def __init__(self, clock: Clock, table: MarketTable, book: Callable[[SimMarket, Order, Sequence[Fill]], None]) -> None:
        self._clock = clock
        self._table = table
        self._book = book
        self._numbers = 0
        self._market: dict[str, str] = {}

    def rest(self, ticker: str, side: Side, price: Price, size: Size, owner: str) -> str:
        """Rest an order; what crosses trades first. Returns "" when the market is not active and nothing can rest."""
        market = self._table.markets[ticker]
        if market.status != "active":
            return ""
        order = self._order(side, price, size, owner)
        self._book(market, order, market.book.match(order))
        order.owner = owner
        if order.remaining > 0:
            market.book.rest(order)
            self._market[order.id] = ticker
        return order.id

    def cancel(self, order_id: str) -> None:
        ticker = self._market.pop(order_id, None)
        if ticker is not None:
            self._table.books[ticker].cancel(order_id)

    def take(self, ticker: str, side: Side, limit: Price, size: Size, owner: str) -> Size:
        """Take up to limit; returns what was filled."""
        market = self._table.markets[ticker]
        if market.status != "active":
            return Size(0)
        order = self._order(side, limit, size, owner)
        self._book(market, order, market.book.match(order))
        return Size(size - order.remaining)

    def note_fill(self, maker: Order) -> None:
        if maker.remaining <= 0:
            self._market.pop(maker.id, None)

    def forget(self, orders: Iterable[Order]) -> None:
        for order in orders:
            self._market.pop(order.id, None)

    def _order(self, side: Side, price: Price, size: Size, owner: str) -> Order:
        self._numbers += 1
        order_id = f"customer-{self._numbers}"
        return Order(order_id, f"{owner}/{order_id}", side, price, size, size, self._clock.wall_ns())
