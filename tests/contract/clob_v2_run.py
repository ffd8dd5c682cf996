"""py-clob-client-v2, unmodified, on the simulated Polymarket: from deriving its key to its own trades."""

from checks import Checks, fetch, run_checks, wait_until
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    MarketOrderArgs,
    OpenOrderParams,
    OrderArgs,
    OrderMarketCancelParams,
    OrderPayload,
    OrderType,
    PostOrdersV2Args,
    PricesHistoryParams,
    TradeParams,
)


def main(checks: Checks) -> None:
    card, run = checks.card, checks.run
    wallet = card["polymarket_signature_type"]
    funder = card["polymarket_funder"] if wallet else None
    chain = card["polymarket_chain_id"]
    about = (card["polymarket_clob"], chain, card["polymarket_private_key"])
    first = ClobClient(*about, signature_type=wallet, funder=funder)
    creds = run("derive key", first.create_or_derive_api_key, lambda made: made.api_key and made.api_secret)
    client = ClobClient(*about, creds=creds, signature_type=wallet, funder=funder)
    run("time", client.get_server_time, lambda now: int(now) > 1_700_000_000)
    run("version", client.get_version, lambda version: version == 2)

    market = _market(card["polymarket_gamma"], client)
    condition, token, other = market["c"], market["t"][0]["t"], market["t"][1]["t"]
    run("market parameters", lambda: client.get_clob_market_info(condition), lambda info: info["c"] == condition)
    run(
        "market", lambda: client.get_market(condition), lambda row: row["condition_id"] == condition and len(row["tokens"]) == 2
    )
    run("tick size", lambda: client.get_tick_size(token), lambda tick: float(tick) == float(market["mts"]))
    run("neg risk", lambda: client.get_neg_risk(token), lambda flag: flag is bool(market.get("nr")))
    run("fee rate", lambda: client.get_fee_rate_bps(token), lambda rate: rate >= 0)
    book = run("book", lambda: client.get_order_book(token), lambda book: _side(book, "asks") and _side(book, "bids"))
    run(
        "book hash",
        lambda: (_field(book, "hash"), client.get_order_book_hash(client.get_order_book(token))),
        _same_hash(client, token),
    )
    run("books", lambda: client.get_order_books([BookParams(token), BookParams(other)]), lambda books: len(books) == 2)
    run("midpoint", lambda: client.get_midpoint(token), lambda mid: 0 < float(mid["mid"]) < 1)
    run("price", lambda: client.get_price(token, "BUY"), lambda price: 0 < float(price["price"]) < 1)
    run("spread", lambda: client.get_spread(token), lambda spread: float(spread["spread"]) > 0)
    run("markets", client.get_simplified_markets, lambda page: page["data"])
    run(
        "history",
        lambda: client.get_prices_history(PricesHistoryParams(market=token, interval="1d")),
        lambda page: "history" in page,
    )
    run("balance", lambda: client.get_balance_allowance(_cash()), lambda row: int(row["balance"]) > 0)
    run("refresh balance", lambda: client.update_balance_allowance(_cash()))

    tick = float(market["mts"])
    far = round(max(tick, float(_side(book, "bids")[-1]["price"]) - 10 * tick), 4)

    def resting(**more: object) -> dict[str, object]:
        args = OrderArgs(token_id=token, price=far, size=20, side="BUY")
        return client.create_and_post_order(args, order_type=OrderType.GTC, **more)

    placed = run("place", resting, lambda row: row["success"] is True and row["status"] == "live")
    run("post only", lambda: resting(post_only=True), lambda row: row["status"] == "live")
    name = placed["orderID"]
    run("order", lambda: client.get_order(name), lambda row: row["id"] == name and row["status"].endswith("LIVE"))
    run(
        "orders",
        lambda: client.get_open_orders(OpenOrderParams(market=condition)),
        lambda rows: name in {r["id"] for r in rows},
    )
    run("cancel", lambda: client.cancel_order(OrderPayload(orderID=name)), lambda row: row["canceled"] == [name])
    run("cancel again", lambda: client.cancel_order(OrderPayload(orderID=name)), lambda row: name in row["not_canceled"])

    def batch() -> object:
        orders = [client.create_order(OrderArgs(token_id=token, price=far, size=size, side="BUY")) for size in (10, 12)]
        return client.post_orders([PostOrdersV2Args(order=order, orderType=OrderType.GTC) for order in orders])

    rows = run("batch", batch, lambda rows: [row["status"] for row in rows] == ["live", "live"])
    run("cancel some", lambda: client.cancel_orders([rows[0]["orderID"]]), lambda row: len(row["canceled"]) == 1)
    run(
        "cancel market",
        lambda: client.cancel_market_orders(OrderMarketCancelParams(market=condition)),
        lambda row: row["canceled"],
    )
    run("cancel all", client.cancel_all, lambda row: row["canceled"] == [])

    def buy() -> object:
        args = MarketOrderArgs(token_id=token, amount=10, side="BUY", order_type=OrderType.FAK)
        return client.create_and_post_market_order(args, order_type=OrderType.FAK)

    bought = run("buy", buy, lambda row: row["success"] is True and row["status"] in ("matched", "delayed"))
    trades = run(
        "trades",
        lambda: wait_until(lambda: client.get_trades(TradeParams(market=condition)), bool),
        lambda trades: trades and trades[0]["taker_order_id"] == bought["orderID"],
    )
    held = float(trades[0]["size"])

    def confirmed() -> list[dict[str, object]]:
        return client.get_trades(TradeParams(market=condition))

    run("confirmed", lambda: wait_until(confirmed, lambda rows: rows[0]["status"] == "CONFIRMED", seconds=40), _confirmed)
    asset = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=token)
    run("shares", lambda: client.get_balance_allowance(asset), lambda row: abs(int(row["balance"]) / 1e6 - held) < 0.02)

    def sell() -> object:
        args = MarketOrderArgs(token_id=token, amount=int(held * 100) / 100, side="SELL", order_type=OrderType.FAK)
        return client.create_and_post_market_order(args, order_type=OrderType.FAK)

    run("sell", sell, lambda row: row["success"] is True and row["status"] in ("matched", "delayed"))
    run("keys", client.get_api_keys, lambda row: creds.api_key in row["apiKeys"])
    run("closed only", client.get_closed_only_mode, lambda row: row["closed_only"] is False)
    run("heartbeat", lambda: client.post_heartbeat(""), lambda row: row["heartbeat_id"])


def _cash() -> BalanceAllowanceParams:
    return BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)


def _field(book: object, name: str) -> object:
    return book[name] if isinstance(book, dict) else getattr(book, name)


def _side(book: object, name: str) -> list[dict[str, str]]:
    rows = _field(book, name)
    assert isinstance(rows, list)
    return [row if isinstance(row, dict) else {"price": row.price, "size": row.size} for row in rows]


def _same_hash(client: ClobClient, token: str) -> object:
    """The client's own hash of a snapshot equals the one the venue sent with it."""

    def holds(_: object) -> bool:
        from py_clob_client_v2.utilities import generate_orderbook_summary_hash, parse_raw_orderbook_summary

        served = client.get_order_book(token)
        said = _field(served, "hash")
        return said == generate_orderbook_summary_hash(
            parse_raw_orderbook_summary(served) if isinstance(served, dict) else served
        )

    return holds


def _confirmed(trades: list[dict[str, object]]) -> bool:
    return trades[0]["status"] == "CONFIRMED" and bool(trades[0]["transaction_hash"])


def _market(gamma: str, client: ClobClient) -> dict[str, object]:
    """The parameters of an open market with a book on both sides, without a hold where there is one."""
    found = None
    for event in fetch(f"{gamma}/events/keyset?limit=100")["events"]:
        for row in event["markets"]:
            if not (row.get("acceptingOrders") and row.get("enableOrderBook")):
                continue
            info = client.get_clob_market_info(row["conditionId"])
            book = client.get_order_book(info["t"][0]["t"])
            if _side(book, "asks") and _side(book, "bids") and info.get("ao"):
                if not info.get("sd"):
                    return info
                found = found or info
    assert found is not None, "no market has a book"
    return found


if __name__ == "__main__":
    run_checks(main)
