"""Orders and trades as rows of the wire: REST reads and user stream events share them (polymarket.md 7.1 and 12)."""

from trading.clock import SECOND
from trading.sim.polymarket_data import Json, decimal, price_text
from trading.sim.polymarket_state import ClobOrder, Trade, Wallet
from trading.units import cost_of

__all__ = ["builder_trade_row", "market_trade_row", "notice_row", "order_event", "order_row", "placed_row", "trade_row"]

OTHER_OWNER = "00000000-0000-0000-0000-000000000000"
OTHER_ADDRESS = "0x000000000000000000000000000000000000dEaD"


def placed_row(order: ClobOrder, hashes: list[str], *, waited: bool = False) -> Json:
    """The answer to POST /order: what was given and what was taken, as decimals and before fees.

    waited: its hold is over already, so an order that rests had found no match: unmatched.
    """
    if order.held:
        status = "delayed"
    else:
        status = "matched" if order.matched else "unmatched" if waited else "live"
    given, taken = (order.paid, order.matched) if order.buy else (order.matched, order.paid)
    return {
        "success": True,
        "errorMsg": "",
        "orderID": order.id,
        "status": status,
        "makingAmount": decimal(given) if order.matched else "",
        "takingAmount": decimal(taken) if order.matched else "",
        "tradeIDs": list(order.trades),
        "transactionsHashes": hashes,
    }


def order_row(order: ClobOrder, *, prefix: str = "") -> Json:
    """An open order; created_at in seconds."""
    return {
        "id": order.id,
        "status": prefix + order.status,
        "owner": order.api_key,
        "maker_address": order.wallet.account.funder,
        "market": order.market.id,
        "asset_id": order.token,
        "side": "BUY" if order.buy else "SELL",
        "original_size": decimal(order.shares),
        "size_matched": decimal(order.matched),
        "price": price_text(order.price),
        "outcome": order.market.outcomes[order.outcome],
        "order_type": order.type,
        "expiration": str(order.expiration),
        "created_at": order.created_at // SECOND,
        "associate_trades": list(order.trades),
    }


def order_event(order: ClobOrder, kind: str, status: str, timestamp: str, *, sparse: bool, bare: bool = False) -> Json:
    """A user stream event. sparse leaves created_at and outcome empty, bare also size_matched when nothing matched."""
    row = order_row(order)
    row.update(
        event_type="order",
        type=kind,
        status=status,
        order_owner=order.api_key,
        created_at=str(order.created_at // SECOND),
        associate_trades=list(order.trades) or None,
        timestamp=timestamp,
    )
    if sparse:
        row.update(created_at="", outcome="")
    if bare and not order.matched:
        row.update(size_matched="")
    return row


def notice_row(order: ClobOrder, number: int, *, cancelled: bool, second: int) -> Json:
    """A notification of the account: 1 a cancellation, 2 a fill."""
    return {
        "id": number,
        "type": 1 if cancelled else 2,
        "owner": order.api_key,
        "timestamp": second,
        "payload": {
            "asset_id": order.token,
            "market": order.market.id,
            "order_id": order.id,
            "side": "BUY" if order.buy else "SELL",
            "type": order.type,
            "price": price_text(order.price),
            "original_size": decimal(order.shares),
            "matched_size": decimal(order.matched),
            "remaining_size": decimal(max(0, order.remaining)),
            "outcome": order.market.outcomes[order.outcome],
            "outcome_index": order.outcome,
            "transaction_hash": "",
            "trade_id": "" if cancelled or not order.trades else order.trades[-1],
            "question": order.market.raw.get("question") or "",
            "market_slug": order.market.raw.get("slug") or "",
        },
    }


def trade_row(trade: Trade, wallet: Wallet, *, prefix: str = "") -> Json:
    """A trade as one of its accounts sees it: the top level is the taker's, an account's maker part stands in maker_orders."""
    market = trade.market
    taker = trade.taker
    mine = taker is not None and taker.wallet is wallet
    return {
        "id": trade.id,
        "taker_order_id": trade.taker_id,
        "market": market.id,
        "asset_id": market.tokens[trade.outcome],
        "side": "BUY" if trade.buy else "SELL",
        "size": decimal(trade.size),
        "price": price_text(trade.price),
        "fee_rate_bps": "0",
        "status": prefix + trade.status,
        "match_time": str(trade.matched_at // SECOND),
        "last_update": str(trade.updated_at // SECOND),
        "outcome": market.outcomes[trade.outcome],
        "bucket_index": trade.bucket,
        "owner": OTHER_OWNER if taker is None else taker.api_key,
        "maker_address": OTHER_ADDRESS if taker is None else taker.wallet.account.funder,
        "transaction_hash": trade.hash,
        "trader_side": "TAKER" if mine else "MAKER",
        "err_msg": trade.error,
        "maker_orders": [
            {
                "order_id": part.order_id,
                "owner": OTHER_OWNER if part.order is None else part.order.api_key,
                "maker_address": OTHER_ADDRESS if part.order is None else part.order.wallet.account.funder,
                "matched_amount": decimal(part.size),
                "price": price_text(part.price),
                "fee_rate_bps": "0",
                "asset_id": market.tokens[part.outcome],
                "outcome": market.outcomes[part.outcome],
                "side": "BUY" if part.buy else "SELL",
            }
            for part in trade.makers
        ],
    }


def builder_trade_row(trade: Trade, taker: ClobOrder) -> Json:
    """A trade as the builder of its taker sees it; fees are the taker's, in shares (none) and in pUSD."""
    fee = sum(effect.fee for wallet, effect in trade.effects if wallet is taker.wallet)
    return {
        "id": trade.id,
        "tradeType": "TAKER",
        "takerOrderHash": trade.taker_id,
        "builder": taker.builder,
        "market": trade.market.id,
        "assetId": trade.market.tokens[trade.outcome],
        "side": "BUY" if trade.buy else "SELL",
        "size": decimal(trade.size),
        "sizeUsdc": decimal(cost_of(trade.price, trade.size)),
        "price": price_text(trade.price),
        "status": trade.status,
        "outcome": trade.market.outcomes[trade.outcome],
        "outcomeIndex": trade.outcome,
        "owner": taker.api_key,
        "maker": taker.wallet.account.funder,
        "transactionHash": trade.hash,
        "matchTime": str(trade.matched_at // SECOND),
        "bucketIndex": trade.bucket,
        "fee": "0",
        "feeUsdc": decimal(fee),
        "err_msg": trade.error or None,
    }


def market_trade_row(trade: Trade, timestamp: str) -> Json:
    """last_trade_price of the market stream; its fee_rate_bps means nothing (section 9)."""
    return {
        "event_type": "last_trade_price",
        "market": trade.market.id,
        "asset_id": trade.market.tokens[trade.outcome],
        "price": price_text(trade.price),
        "size": decimal(trade.size),
        "side": "BUY" if trade.buy else "SELL",
        "fee_rate_bps": "0",
        "timestamp": timestamp,
        "transaction_hash": "",
    }
