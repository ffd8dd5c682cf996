"""The msg part of each stream frame of the simulated Kalshi, as the AsyncAPI names its fields (kalshi.md 9.4)."""

from typing import Any

from trading.clock import MS, SECOND
from trading.sim.exchange import LevelChange, Side
from trading.sim.kalshi_data import write_time
from trading.sim.kalshi_markets import SimMarket
from trading.sim.kalshi_money import Account, FillRow, OrderRecord, PositionRow
from trading.units import DOLLAR, Money, Price, Size, WallNs, complement, format_money, format_price, format_size

__all__ = ["delta_msg", "fill_msg", "position_msg", "snapshot_msg", "ticker_msg", "trade_msg", "user_order_msg"]

Row = dict[str, Any]


def _outcome(side: str) -> str:
    return "yes" if side == "bid" else "no"


def snapshot_msg(market: SimMarket, *, yes_price: bool) -> Row:
    """The whole book; the key of an empty side is absent."""
    msg: Row = {"market_ticker": market.ticker, "market_id": market.id, "clock": market.clock}
    if yes := market.side_json("bid"):
        msg["yes_dollars_fp"] = yes
    if no := market.side_json("ask", yes_price=yes_price):
        msg["no_dollars_fp"] = no
    return msg


def delta_msg(market: SimMarket, change: LevelChange, at: WallNs, *, yes_price: bool, user_id: str) -> Row:
    """One level change. client_order_id and subaccount stand only in frames to whoever caused it."""
    price = change.price if change.side == "bid" or yes_price else complement(change.price)
    msg: Row = {
        "market_ticker": market.ticker,
        "market_id": market.id,
        "clock": market.clock,
        "price_dollars": format_price(price),
        "delta_fp": format_size(change.change),
        "side": _outcome(change.side),
        "ts": write_time(at, digits=3),
        "ts_ms": at // MS,
    }
    owner = change.order.owner
    if owner == user_id or owner.startswith(f"{user_id}/"):
        own = change.order.data.get("client_order_id")
        if own:
            msg["client_order_id"] = own
        msg["subaccount"] = change.order.data.get("subaccount", 0)
    return msg


def ticker_msg(market: SimMarket, at: WallNs) -> Row:
    bid, bid_size, ask, ask_size = market.top()
    return {
        "market_id": market.id,
        "market_ticker": market.ticker,
        "price_dollars": format_price(market.last),
        "yes_bid_dollars": format_price(bid),
        "yes_ask_dollars": format_price(ask),
        "yes_bid_size_fp": format_size(bid_size),
        "yes_ask_size_fp": format_size(ask_size),
        "last_trade_size_fp": format_size(market.last_size),
        "volume_fp": format_size(market.volume),
        "open_interest_fp": format_size(market.interest),
        "dollar_volume": market.turnover // DOLLAR,
        "dollar_open_interest": market.interest // DOLLAR,
        "ts": at // SECOND,
        "ts_ms": at // MS,
        "time": write_time(at, digits=3),
    }


def trade_msg(market: SimMarket, trade_id: str, taker: Side, price: Price, size: Size, at: WallNs) -> Row:
    return {
        "trade_id": trade_id,
        "market_ticker": market.ticker,
        "yes_price_dollars": format_price(price),
        "no_price_dollars": format_price(complement(price)),
        "count_fp": format_size(size),
        "taker_side": _outcome(taker),
        "taker_outcome_side": _outcome(taker),
        "taker_book_side": taker,
        "is_block_trade": False,
        "ts": at // SECOND,
        "ts_ms": at // MS,
    }


def fill_msg(fill: FillRow) -> Row:
    record = fill.record
    outcome = _outcome(record.order.side)
    msg: Row = {
        "trade_id": fill.id,
        "order_id": record.order.id,
        "market_ticker": record.ticker,
        "exchange_index": record.shard,
        "is_taker": fill.taker,
        "side": outcome,
        "action": "buy",
        "outcome_side": outcome,
        "book_side": record.order.side,
        "purchased_side": outcome,
        "yes_price_dollars": format_price(fill.price),
        "count_fp": format_size(fill.size),
        "fee_cost": format_money(fill.fee),
        "post_position_fp": format_size(fill.after),
        "ts": fill.at // SECOND,
        "ts_ms": fill.at // MS,
        "subaccount": record.subaccount,
    }
    if record.client_order_id:
        msg["client_order_id"] = record.client_order_id
    return msg


def user_order_msg(account: Account, record: OrderRecord) -> Row:
    outcome = _outcome(record.order.side)
    msg: Row = {
        "order_id": record.order.id,
        "user_id": account.member.user_id,
        "ticker": record.ticker,
        "exchange_index": record.shard,
        "status": record.status,
        "side": outcome,
        "is_yes": outcome == "yes",
        "outcome_side": outcome,
        "book_side": record.order.side,
        "yes_price_dollars": format_price(record.order.price),
        **record.figures(),
        "client_order_id": record.client_order_id,
        "created_time": write_time(record.created, digits=3),
        "created_ts_ms": record.created // MS,
        "last_updated_ts_ms": record.updated // MS,
        "self_trade_prevention_type": record.stp,
        "subaccount_number": record.subaccount,
    }
    if record.group:
        msg["order_group_id"] = record.group
    if record.expires is not None:
        msg["expiration_ts_ms"] = record.expires // MS
    if record.reason is not None:
        msg["last_update_reason"] = record.reason
    return msg


def position_msg(account: Account, row: PositionRow) -> Row:
    return {
        "user_id": account.member.user_id,
        "market_ticker": row.ticker,
        "position_fp": format_size(row.size),
        "position_cost_dollars": format_money(row.basis),
        "realized_pnl_dollars": format_money(row.realized),
        "fees_paid_dollars": format_money(row.fees),
        "position_fee_cost_dollars": format_money(Money(row.fees if row.size else 0)),
        "volume_fp": format_size(row.volume),
        "subaccount": account.subaccount,
    }
