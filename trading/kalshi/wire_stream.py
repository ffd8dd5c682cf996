"""Frames of the channels beside the order book: tape, top of book, own fills, orders and positions, order groups (kalshi.md 9.3).

Fills, orders, positions and tickers carry no sequence; trades and group updates do. Stamps and legacy direction fields may be
absent and are not relied on.
"""

import msgspec

from trading.clock import MS, SECOND
from trading.kalshi.wire import Error, FillFrame, OrderFrame, Subscribed, Unsubscribed
from trading.kalshi.wire_market import parse_count
from trading.market import MarketId
from trading.units import Price, Size, WallNs, parse_price

__all__ = [
    "AnyFrame",
    "GroupFrame",
    "OkFrame",
    "PositionFrame",
    "SubscriptionRow",
    "TickerFrame",
    "TradeFrame",
    "decode_any",
]


class TickerBody(msgspec.Struct, frozen=True):
    """Top of book and totals of one market; sizes absent where a side is empty."""

    market_ticker: str
    yes_bid_dollars: str | None = None
    yes_ask_dollars: str | None = None
    yes_bid_size_fp: str | None = None
    yes_ask_size_fp: str | None = None
    price_dollars: str | None = None
    volume_fp: str | None = None
    open_interest_fp: str | None = None
    ts_ms: int | None = None


class TickerFrame(msgspec.Struct, frozen=True, tag_field="type", tag="ticker"):
    sid: int
    msg: TickerBody


class TradeBody(msgspec.Struct, frozen=True):
    """One print; a block trade was agreed off the book and says nothing about it."""

    trade_id: str
    market_ticker: str
    yes_price_dollars: str
    count_fp: str
    taker_outcome_side: str | None = None
    is_block_trade: bool = False
    ts: int | None = None
    ts_ms: int | None = None

    @property
    def price(self) -> Price:
        """YES price."""
        return parse_price(self.yes_price_dollars)

    @property
    def size(self) -> Size:
        return parse_count(self.count_fp)

    @property
    def at(self) -> WallNs:
        return WallNs(self.ts_ms * MS if self.ts_ms is not None else (self.ts or 0) * SECOND)


class TradeFrame(msgspec.Struct, frozen=True, tag_field="type", tag="trade"):
    sid: int
    msg: TradeBody
    seq: int | None = None


class PositionBody(msgspec.Struct, frozen=True):
    """What we hold of one market now: positive = YES. A hint like every frame without sequence (B-429)."""

    market_ticker: str
    position_fp: str
    fees_paid_dollars: str | None = None
    subaccount: int | None = None

    @property
    def market(self) -> MarketId:
        return MarketId(self.market_ticker)

    @property
    def size(self) -> Size:
        return parse_count(self.position_fp)


class PositionFrame(msgspec.Struct, frozen=True, tag_field="type", tag="market_position"):
    msg: PositionBody
    sid: int = 0


class GroupBody(msgspec.Struct, frozen=True):
    event_type: str
    order_group_id: str
    contracts_limit_fp: str | None = None


class GroupFrame(msgspec.Struct, frozen=True, tag_field="type", tag="order_group_updates"):
    sid: int
    msg: GroupBody
    seq: int | None = None


class OkFrame(msgspec.Struct, frozen=True, tag_field="type", tag="ok"):
    """Ack of a command. msg is left undecoded: a list of subscriptions, or the markets of one."""

    id: int | None = None
    sid: int | None = None
    seq: int | None = None
    msg: msgspec.Raw = msgspec.Raw(b"null")


class SubscriptionRow(msgspec.Struct, frozen=True):
    """One row of a list_subscriptions answer."""

    channel: str
    sid: int


AnyFrame = (
    FillFrame | OrderFrame | PositionFrame | TickerFrame | TradeFrame | GroupFrame | OkFrame | Subscribed | Unsubscribed | Error
)

decode_any = msgspec.json.Decoder(AnyFrame).decode
"""Decode a frame of these channels. Raises msgspec.MsgspecError."""
