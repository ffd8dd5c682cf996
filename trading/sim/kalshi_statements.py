"""What an account may ask beyond its lists: the place of its orders in the queue, what they tie up, and its bank statements.

Queue positions follow the venue's words: contracts that must match first, by price and then time (kalshi.md 7.5).
"""

from collections.abc import Sequence
from typing import Any

from trading.sim.kalshi_data import ApiError
from trading.sim.kalshi_markets import MarketTable
from trading.sim.kalshi_money import Account, OrderRecord, unit_cost
from trading.sim.kalshi_query import Query
from trading.units import Money, Size, cost_of, format_money, format_size

__all__ = ["Statements"]

Row = dict[str, Any]


class Statements:
    """Answers from the accounts' open orders. deposits and withdrawals are rows a script may add (Deposit, Withdrawal)."""

    def __init__(self, table: MarketTable) -> None:
        self._table = table
        self.deposits: dict[str, list[Row]] = {}
        self.withdrawals: dict[str, list[Row]] = {}

    def queue_position(self, accounts: Sequence[Account], order_id: str) -> Row:
        for account in accounts:
            record = account.open.get(order_id)
            if record is not None:
                return {"queue_position_fp": format_size(self._ahead(record))}
        raise ApiError(404, "order_not_found", details=order_id)

    def queue_positions(self, account: Account, query: Query) -> Row:
        """Every resting order of the named markets or event; one of the two filters is needed. Raises ApiError 400."""
        tickers, event = set(query.many("market_tickers")), query.text("event_ticker")
        if not tickers and not event:
            raise ApiError(400, "invalid_parameters", details="market_tickers or event_ticker: is required")
        rows = [
            {
                "order_id": record.order.id,
                "market_ticker": record.ticker,
                "queue_position_fp": format_size(self._ahead(record)),
            }
            for record in account.open.values()
            if (not tickers or record.ticker in tickers)
            and (not event or self._table.markets[record.ticker].event.ticker == event)
        ]
        return {"queue_positions": rows}

    def _ahead(self, record: OrderRecord) -> Size:
        order = record.order
        ahead = 0
        for other in self._table.books[record.ticker].against("ask" if order.side == "bid" else "bid", order.price):
            if other is order:
                break
            ahead += other.remaining
        return Size(ahead)

    def resting_value(self, accounts: Sequence[Account]) -> Row:
        """What resting orders would cost, in cents and per shard in dollars."""
        shards: dict[int, int] = {shard: 0 for account in accounts for shard in account.cash}
        for account in accounts:
            for record in account.open.values():
                order = record.order
                shards[record.shard] += cost_of(unit_cost(order.side, order.price), order.remaining)
        return {
            "total_resting_order_value": sum(shards.values()) // 10_000,
            "resting_order_value_breakdown": [
                {"exchange_index": shard, "balance": format_money(Money(value))} for shard, value in sorted(shards.items())
            ],
        }

    def bank(self, kind: str, rows: Sequence[Row], query: Query) -> Row:
        page, cursor = query.page(enumerate(rows), query.limit(default=100, most=500))
        return {kind: page, "cursor": cursor}
