"""REST rows of orders, fills, positions, balances and settlements, and the three shapes of an error body (kalshi.md 3, 7.5).

Numbers stay strings here and become integers in the functions beside them; the same order and fill rows arrive on the private
WebSocket channels with a few other field names, so both spellings stand in one struct.
"""

from typing import Any

import msgspec

from trading.clock import MS, SECOND
from trading.errors import BadAnswer
from trading.kalshi.wire_market import parse_count, parse_time
from trading.market import KALSHI, MarketId
from trading.order import Fill
from trading.units import DOLLAR, Money, Price, Size, WallNs, complement, cost_of, parse_money, parse_price
from trading.venue import OpenOrder, Position, Settlement, VenueFill

__all__ = [
    "BalanceRow",
    "CancelAnswer",
    "CreateAnswer",
    "FillRow",
    "OrderRow",
    "PositionRow",
    "SettlementRow",
    "ShardBalance",
    "StatusRow",
    "error_of",
    "error_text",
]

_CENT_MONEY = 10_000


class CreateAnswer(msgspec.Struct, frozen=True):
    """Answer to a V2 create: no envelope, no status. The averages are there only when something filled."""

    order_id: str
    fill_count: str
    remaining_count: str
    client_order_id: str | None = None
    average_fill_price: str | None = None
    average_fee_paid: str | None = None
    ts_ms: int | None = None


class CancelAnswer(msgspec.Struct, frozen=True):
    order_id: str
    reduced_by: str
    client_order_id: str | None = None


class OrderRow(msgspec.Struct, frozen=True):
    """An order as GET /portfolio/orders and the user_order frame show it. status canceled says nothing about fills."""

    order_id: str
    status: str
    fill_count_fp: str
    remaining_count_fp: str
    client_order_id: str | None = None
    ticker: str | None = None
    initial_count_fp: str | None = None
    taker_fill_cost_dollars: str | None = None
    maker_fill_cost_dollars: str | None = None
    taker_fees_dollars: str | None = None
    maker_fees_dollars: str | None = None
    last_update_reason: str | None = None

    @property
    def filled(self) -> Size:
        return parse_count(self.fill_count_fp)

    @property
    def fees(self) -> Money | None:
        """Total fees as the order states them, None when it does not."""
        return _sum(self.taker_fees_dollars, self.maker_fees_dollars)

    @property
    def fill_cost(self) -> Money | None:
        """Total cost of the fills as the order states it, None when it does not."""
        return _sum(self.taker_fill_cost_dollars, self.maker_fill_cost_dollars)

    def to_open_order(self) -> OpenOrder:
        return OpenOrder(
            venue_order_id=self.order_id,
            client_order_id=self.client_order_id or "",
            market=MarketId(self.ticker or ""),
            remaining=parse_count(self.remaining_count_fp),
        )


def _sum(*texts: str | None) -> Money | None:
    if any(text is None for text in texts):
        return None
    return Money(sum(parse_money(text) for text in texts if text))


class FillRow(msgspec.Struct, frozen=True):
    """A fill as GET /portfolio/fills and the fill frame show it. Only the frame carries client_order_id."""

    order_id: str
    count_fp: str
    yes_price_dollars: str
    is_taker: bool
    fill_id: str | None = None
    trade_id: str | None = None
    ticker: str | None = None
    market_ticker: str | None = None
    outcome_side: str | None = None
    book_side: str | None = None
    fee_cost: str | None = None
    created_time: str | None = None
    ts: int | None = None
    ts_ms: int | None = None
    client_order_id: str | None = None

    @property
    def id(self) -> str:
        return self.fill_id or self.trade_id or ""

    @property
    def at(self) -> WallNs:
        if self.ts_ms is not None:
            return WallNs(self.ts_ms * MS)
        return parse_time(self.created_time) or WallNs((self.ts or 0) * SECOND)

    def to_fill(self, price: Price, cost: Money) -> Fill:
        """The execution with its price and cash seen from the outcome that was traded."""
        return Fill(
            id=self.id,
            price=price,
            size=parse_count(self.count_fp),
            cost=cost,
            fee=parse_money(self.fee_cost) if self.fee_cost is not None else Money(0),
            fee_is_final=self.fee_cost is not None,
            maker=not self.is_taker,
            at=self.at,
            status="final",
        )

    def to_venue_fill(self) -> VenueFill:
        """The fill for reconciliation: the venue only says which way it moved the position, so it reads as a buy."""
        yes_price = parse_price(self.yes_price_dollars)
        side = self.outcome_side or {"bid": "yes", "ask": "no"}.get(self.book_side or "")
        if side not in ("yes", "no"):
            raise BadAnswer(KALSHI, "no_direction", f"fill {self.id} names neither outcome_side nor book_side")
        price = yes_price if side == "yes" else complement(yes_price)
        fill = self.to_fill(price, cost_of(price, parse_count(self.count_fp)))
        return VenueFill(venue_order_id=self.order_id, market=MarketId(self.ticker or self.market_ticker or ""), fill=fill)


class PositionRow(msgspec.Struct, frozen=True):
    ticker: str
    position_fp: str
    fees_paid_dollars: str = "0"

    def to_position(self) -> Position:
        return Position(
            market=MarketId(self.ticker), size=parse_count(self.position_fp), fees=parse_money(self.fees_paid_dollars)
        )


class ShardBalance(msgspec.Struct, frozen=True):
    """A row of balance_breakdown: dollars as a string in the specification, whole cents (truncated) in the field."""

    exchange_index: int
    balance: str | int

    @property
    def cash(self) -> Money:
        return parse_money(self.balance) if isinstance(self.balance, str) else Money(self.balance * _CENT_MONEY)


class BalanceRow(msgspec.Struct, frozen=True):
    balance_dollars: str
    balance_breakdown: tuple[ShardBalance, ...] | None = None

    @property
    def cash(self) -> Money:
        return parse_money(self.balance_dollars)


class SettlementRow(msgspec.Struct, frozen=True):
    """revenue and value are whole cents; value is the payout of one YES contract."""

    ticker: str
    market_result: str
    revenue: int
    settled_time: str
    yes_count_fp: str = "0"
    no_count_fp: str = "0"
    value: int | None = None

    def to_settlement(self) -> Settlement:
        """Raises BadAnswer when the YES payout can be found neither in value, nor the result, nor the revenue."""
        return Settlement(
            market=MarketId(self.ticker),
            payout=self._payout(),
            revenue=Money(self.revenue * _CENT_MONEY),
            at=parse_time(self.settled_time) or WallNs(0),
            held=self._held(),
        )

    def _held(self) -> Size | None:
        """A row is listed for a position: without any count it does not tell."""
        yes, no = parse_count(self.yes_count_fp), parse_count(self.no_count_fp)
        return Size(yes - no) if yes or no else None

    def _payout(self) -> Money:
        if self.value is not None:
            return Money(self.value * _CENT_MONEY)
        if self.market_result in ("yes", "no"):
            return DOLLAR if self.market_result == "yes" else Money(0)
        yes, no = parse_count(self.yes_count_fp), parse_count(self.no_count_fp)
        earned = self.revenue * _CENT_MONEY * 1_000_000
        if yes and not no:
            return Money(earned // yes)
        if no and not yes:
            return Money(DOLLAR - earned // no)
        raise BadAnswer(KALSHI, "no_payout", f"{self.ticker} settled as {self.market_result!r} without a value")


class ShardStatus(msgspec.Struct, frozen=True):
    exchange_index: int
    exchange_active: bool
    trading_active: bool


class StatusRow(msgspec.Struct, frozen=True):
    """GET /exchange/status; the top level mirrors shard 0."""

    exchange_active: bool
    trading_active: bool
    exchange_estimated_resume_time: str | None = None
    exchange_index_statuses: tuple[ShardStatus, ...] | None = None


def error_text(value: Any) -> tuple[str, str] | None:
    """Code and message of a decoded body, None when it is no error."""
    if not isinstance(value, dict):
        return None
    inner = value.get("error")
    if isinstance(inner, str):  # {"error": "too many requests"}
        return inner.replace(" ", "_"), inner
    row = inner if isinstance(inner, dict) else value if "code" in value else None
    if row is None:
        return ("error", str(inner)) if "error" in value and inner is not None else None
    code, message, details = (row.get(key) for key in ("code", "message", "details"))
    text = ": ".join(str(part) for part in (message, details) if part)
    return str(code or "error"), text


def error_of(body: bytes) -> tuple[str, str] | None:
    """(code, message) of an error body in any of the three live shapes, None when the body holds no error (kalshi.md 3).

    flat {"code", "message", "details"} · nested {"error": {...}} · bare {"error": "too many requests"}
    """
    try:
        return error_text(msgspec.json.decode(body))
    except msgspec.MsgspecError:
        return None
