"""Reading an order request: every rule that can be told from the request and the market alone (kalshi.md 7.1, 7.4).

A refusal here is HTTP 400 and leaves no trace: no order, no used client_order_id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trading.clock import SECOND
from trading.sim.exchange import Side
from trading.sim.kalshi_data import ApiError
from trading.units import Price, Size, WallNs, parse_price, parse_size

__all__ = ["Ticket", "read_client_id", "read_count", "read_expiry", "read_index", "read_price", "read_side", "read_ticket"]

_CLIENT_ID = re.compile(r"[-\w:+=/]{0,64}", re.ASCII)
_HUNDREDTH = 10_000
_LAST_SECOND = 253_402_300_799  # the end of year 9999, the last time a string can say


@dataclass(frozen=True, slots=True)
class Ticket:
    """A well-formed order request. index None = auto-route by ticker."""

    ticker: str
    side: Side
    count: Size
    price: Price
    tif: str
    stp: str
    client_order_id: str
    expires: WallNs | None
    post_only: bool
    reduce_only: bool
    cancel_on_pause: bool
    index: int | None
    group: str = ""


def _bad(field: str, why: str, code: str = "invalid_parameters") -> ApiError:
    return ApiError(400, code, details=f"{field}: {why}")


def _flag(body: Mapping[str, Any], field: str) -> bool:
    value = body.get(field)
    if value is not None and not isinstance(value, bool):
        raise _bad(field, "must be true or false")
    return bool(value)


def read_side(value: object) -> Side:
    if value == "bid":
        return "bid"
    if value == "ask":
        return "ask"
    raise _bad("side", "must be bid or ask")


def read_count(value: object, field: str = "count") -> Size:
    """Contracts in steps of 0.01, above zero."""
    try:
        count = parse_size(value) if isinstance(value, str) else Size(0)
    except ValueError as exc:
        raise _bad(field, "is no fixed-point count") from exc
    if count <= 0 or count % _HUNDREDTH:
        raise _bad(field, "must be a string of at least 0.01 with at most two decimals")
    return count


def read_price(value: object) -> Price:
    if not isinstance(value, str):
        raise _bad("price", "must be a string of dollars")
    try:
        return parse_price(value)
    except ValueError as exc:
        raise _bad("price", str(exc), "invalid_price") from exc


def read_index(value: object) -> int | None:
    """exchange_index: None and -1 mean auto-route."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < -1:
        raise _bad("exchange_index", "must be a shard number or -1")
    return None if value == -1 else value


def read_expiry(value: object, now: WallNs) -> WallNs | None:
    """Unix seconds in the future, None when the field is absent."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value > _LAST_SECOND:
        raise _bad("expiration_time", "must be unix seconds")
    if value * SECOND <= now:
        raise _bad("expiration_time", "must be in the future", "invalid_order")
    return WallNs(value * SECOND)


def read_client_id(value: object, field: str) -> str:
    """A client order id, "" when absent: at most 64 characters of the FIX rule (kalshi.md 7.4)."""
    text = "" if value is None else value
    if not isinstance(text, str) or not _CLIENT_ID.fullmatch(text):
        raise _bad(field, "at most 64 letters, digits or -_:+=/")
    return text


def read_ticket(body: Mapping[str, Any], now: WallNs) -> Ticket:
    """Check one create request. Raises ApiError 400 naming the field."""
    ticker = body.get("ticker")
    if not isinstance(ticker, str) or not ticker:
        raise _bad("ticker", "is required")
    tif, stp = body.get("time_in_force"), body.get("self_trade_prevention_type")
    if tif not in ("fill_or_kill", "good_till_canceled", "immediate_or_cancel"):
        raise _bad("time_in_force", "must be fill_or_kill, good_till_canceled or immediate_or_cancel")
    if stp not in ("taker_at_cross", "maker"):
        raise _bad("self_trade_prevention_type", "must be taker_at_cross or maker")
    client_id = read_client_id(body.get("client_order_id"), "client_order_id")
    group = body.get("order_group_id") or ""
    if not isinstance(group, str):
        raise _bad("order_group_id", "must be a string")
    expires = read_expiry(body.get("expiration_time"), now)
    post_only, reduce_only = _flag(body, "post_only"), _flag(body, "reduce_only")
    if expires is not None and tif != "good_till_canceled":
        raise _bad("expiration_time", "only with good_till_canceled", "invalid_order")
    if post_only and tif != "good_till_canceled":
        raise _bad("post_only", "only with good_till_canceled", "invalid_order")
    if reduce_only and tif != "immediate_or_cancel":
        raise _bad("reduce_only", "only with immediate_or_cancel", "invalid_order")
    return Ticket(
        ticker=ticker,
        side=read_side(body.get("side")),
        count=read_count(body.get("count")),
        price=read_price(body.get("price")),
        tif=str(tif),
        stp=str(stp),
        client_order_id=client_id,
        expires=expires,
        post_only=post_only,
        reduce_only=reduce_only,
        cancel_on_pause=_flag(body, "cancel_order_on_pause"),
        index=read_index(body.get("exchange_index")),
        group=group,
    )
