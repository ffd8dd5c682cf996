"""What the simulated Kalshi's order desk asks before it touches an order: market, shard, pause, attestation, collateral.

Every check raises the ApiError the venue answers with and changes nothing (kalshi.md 2, 7).
"""

from trading.clock import MS, Clock
from trading.sim.kalshi_data import ApiError, KalshiRules
from trading.sim.kalshi_markets import MarketTable, SimMarket
from trading.sim.kalshi_members import Members
from trading.sim.kalshi_money import Account, OrderRecord
from trading.sim.kalshi_ticket import read_index
from trading.units import Size

__all__ = ["Admission", "check_cash", "fillable"]

_ATTESTED = frozenset({"Sports", "Elections", "Entertainment"})  # categories that need a location attestation (kalshi.md 2)


class Admission:
    """Doors of the desk. paused_trading and paused_exchange hold the shards in either pause; whoever pauses writes there."""

    def __init__(self, clock: Clock, table: MarketTable, members: Members, rules: KalshiRules) -> None:
        self._clock = clock
        self._table = table
        self._members = members
        self._rules = rules
        self.paused_trading: set[int] = set()
        self.paused_exchange: set[int] = set()

    def market(self, ticker: str, index: int | None) -> SimMarket:
        """The market of a ticker; index None = whichever shard it lies on."""
        market = self._table.markets.get(ticker)
        if market is None or (index is not None and index != market.shard):
            raise ApiError(404, "market_not_found", details=ticker)
        return market

    def check_open(self, market: SimMarket, account: Account) -> None:
        """Raise unless this account may place or amend an order there now."""
        self._check_exchange(market.shard)
        if market.shard in self.paused_trading:
            raise ApiError(self._rules.pause_status, "trading_is_paused")
        if market.status != "active":
            raise ApiError(400, "MARKET_INACTIVE", "market is inactive", market.ticker)
        if self._table.category(market) in _ATTESTED:
            until = self._members.attested_until[account.member.user_id]
            if until is None or until * 1_000 * MS <= self._clock.wall_ns():
                raise ApiError(403, "region_attestation_expired")

    def _check_exchange(self, shard: int) -> None:
        if shard in self.paused_exchange:
            raise ApiError(self._rules.pause_status, "exchange_is_paused")

    def route(self, account: Account, order_id: str, index: object, ticker: object) -> OrderRecord:
        """The resting order a cancel or decrease means, by its shard."""
        shard = read_index(index)
        if shard is None:
            if isinstance(ticker, str) and ticker:
                shard = self.market(ticker, None).shard
            elif index is None:
                shard = 0
            else:
                raise ApiError(400, "invalid_parameters", details="market_ticker: is required to auto-route")
        return self.find(account, order_id, shard)

    def find(self, account: Account, order_id: str, shard: int) -> OrderRecord:
        """A resting order of the account that may be changed now."""
        record = account.orders.get(order_id)
        if record is None or record.shard != shard:
            raise ApiError(404, "order_not_found", details=order_id)
        self._check_exchange(shard)
        if self._table.markets[record.ticker].status not in ("active", "inactive"):
            raise ApiError(400, "MARKET_INACTIVE", "market is inactive", record.ticker)
        if order_id not in account.open:
            raise ApiError(404, "order_not_found", details=order_id)
        return record


def check_cash(account: Account, record: OrderRecord, size: Size, *, without: OrderRecord | None = None) -> None:
    """Raise unless the shard holds the collateral of size more; without is the order it would replace."""
    needed = account.reserved(record.shard, extra=((record, size),), without=without)
    held = account.reserved(record.shard)
    if needed > max(held, account.cash.get(record.shard, 0)):
        raise ApiError(400, "insufficient_balance", details=f"exchange index {record.shard}")


def fillable(market: SimMarket, record: OrderRecord) -> bool:
    """Whether a fill-or-kill would fill completely, self-trade prevention included."""
    left = record.order.remaining
    for maker in market.book.against(record.order.side, record.order.price):
        if maker.owner == record.order.owner:
            if record.stp == "taker_at_cross":
                return False
            continue
        left = Size(left - maker.remaining)
        if left <= 0:
            return True
    return False
