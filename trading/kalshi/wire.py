"""Kalshi's WebSocket frames as typed values (kalshi.md 9), and the door to the REST rows beside them.

One tagged union is decoded in one pass: an orderbook_delta is the common frame and costs 0.4 us. Unknown fields are skipped,
absent ones have defaults. A frame the union does not know is read again as a Header, so that its sequence number still counts.
"""

from typing import Literal

import msgspec

from trading.kalshi.wire_account import (
    BalanceRow,
    CancelAnswer,
    CreateAnswer,
    FillRow,
    OrderRow,
    PositionRow,
    SettlementRow,
    StatusRow,
    error_of,
)
from trading.kalshi.wire_market import RestLevels, fee_terms, grid_from, levels_from, market_from, parse_count, parse_time

__all__ = [
    "BalanceRow",
    "CancelAnswer",
    "CreateAnswer",
    "Delta",
    "Error",
    "FeeUpdate",
    "FillFrame",
    "FillRow",
    "Frame",
    "Header",
    "Lifecycle",
    "Ok",
    "OrderFrame",
    "OrderRow",
    "PositionRow",
    "RestLevels",
    "SettlementRow",
    "Snapshot",
    "StatusRow",
    "Subscribed",
    "Unsubscribed",
    "decode_frame",
    "decode_header",
    "error_of",
    "fee_terms",
    "grid_from",
    "levels_from",
    "market_from",
    "parse_count",
    "parse_time",
]


class DeltaBody(msgspec.Struct, frozen=True, gc=False):
    """A signed change of one level; price_dollars is in the view the subscription asked for."""

    market_ticker: str
    price_dollars: str
    delta_fp: str
    side: Literal["yes", "no"]
    ts_ms: int | None = None


class Delta(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="orderbook_delta"):
    sid: int
    seq: int
    msg: DeltaBody


class SnapshotBody(msgspec.Struct, frozen=True):
    """All bids of both sides. The key of an empty side is absent."""

    market_ticker: str
    yes_dollars_fp: tuple[tuple[str, str], ...] | None = None
    no_dollars_fp: tuple[tuple[str, str], ...] | None = None


class Snapshot(msgspec.Struct, frozen=True, tag_field="type", tag="orderbook_snapshot"):
    sid: int
    seq: int
    msg: SnapshotBody


class Ok(msgspec.Struct, frozen=True, tag_field="type", tag="ok"):
    """Ack of a command. It takes a seq of its sid; list_subscriptions answers carry neither."""

    id: int | None = None
    sid: int | None = None
    seq: int | None = None


class SubscribedBody(msgspec.Struct, frozen=True):
    channel: str
    sid: int


class Subscribed(msgspec.Struct, frozen=True, tag_field="type", tag="subscribed"):
    msg: SubscribedBody
    id: int | None = None


class Unsubscribed(msgspec.Struct, frozen=True, tag_field="type", tag="unsubscribed"):
    sid: int
    seq: int | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    code: int = 0
    msg: str = ""


class Error(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    msg: ErrorBody = ErrorBody()
    id: int | None = None
    sid: int | None = None
    seq: int | None = None


class LifecycleBody(msgspec.Struct, frozen=True):
    market_ticker: str
    event_type: str
    price_ranges: list[dict[str, object]] | None = None
    close_ts: int | None = None
    yes_sub_title: str | None = None
    strike_type: str | None = None
    floor_strike: float | str | None = None
    cap_strike: float | str | None = None
    custom_strike: dict[str, object] | None = None


class Lifecycle(msgspec.Struct, frozen=True, tag_field="type", tag="market_lifecycle_v2"):
    sid: int
    msg: LifecycleBody
    seq: int | None = None


class FeeUpdateBody(msgspec.Struct, frozen=True):
    event_ticker: str
    fee_type_override: str | None = None
    fee_multiplier_override: float | str | None = None


class FeeUpdate(msgspec.Struct, frozen=True, tag_field="type", tag="event_fee_update"):
    sid: int
    msg: FeeUpdateBody
    seq: int | None = None


class FillFrame(msgspec.Struct, frozen=True, tag_field="type", tag="fill"):
    msg: FillRow


class OrderFrame(msgspec.Struct, frozen=True, tag_field="type", tag="user_order"):
    msg: OrderRow


class Header(msgspec.Struct, frozen=True):
    """What every frame may carry."""

    type: str = ""
    sid: int | None = None
    seq: int | None = None


Frame = Delta | Snapshot | Ok | Subscribed | Unsubscribed | Error | Lifecycle | FeeUpdate

decode_frame = msgspec.json.Decoder(Frame).decode
"""Decode a frame of the public channels. Raises msgspec.MsgspecError."""
decode_header = msgspec.json.Decoder(Header).decode
"""Decode type, sid and seq of any frame. Raises msgspec.MsgspecError."""
