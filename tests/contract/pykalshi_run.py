"""pykalshi, unmodified, on the simulated Kalshi: markets, orders, positions and its feed, whose address alone is set here."""

import time
from decimal import Decimal
from itertools import count

from checks import Checks, run_checks, wait_until
from pykalshi import KalshiClient
from pykalshi.enums import Action, BookSide, MarketStatus, OrderStatus, Side, TimeInForce
from pykalshi.exceptions import KalshiAPIError
from pykalshi.orderbook import OrderbookManager

_NUMBERS = count(1)


def main(checks: Checks) -> None:
    card, run = checks.card, checks.run
    client = KalshiClient(card["kalshi_key_id"], card["kalshi_private_key_path"], api_base=card["kalshi_rest"], max_retries=0)
    desk = client.portfolio
    run("status", client.exchange.is_trading, lambda trading: trading is True)
    run("schedule", client.exchange.get_schedule, bool)
    run("balance", desk.get_balance, lambda row: row.balance > 0)
    run("events", lambda: client.get_events(status=MarketStatus.OPEN, limit=50), bool)
    markets = run("markets", lambda: client.get_markets(status=MarketStatus.OPEN, mve_filter="exclude", limit=200), bool)
    ticker = next(market.ticker for market in markets if _two_sided(client, market.ticker))
    market = run("market", lambda: client.get_market(ticker), lambda market: market.status is MarketStatus.ACTIVE)
    book = run("order book", market.get_orderbook, lambda book: book.best_yes_bid and book.best_yes_ask)
    run("series", lambda: client.get_series(market.resolve_series_ticker()), lambda series: series.ticker)
    run("trades", lambda: client.get_trades(ticker=ticker), lambda trades: isinstance(trades, list))

    heard: dict[str, list[object]] = {"orderbook_delta": [], "fill": [], "user_orders": [], "market_positions": []}
    mirror = OrderbookManager(ticker)

    def on_book(message: object) -> None:
        heard["orderbook_delta"].append(message)
        if hasattr(message, "yes_dollars_fp"):
            mirror.apply_snapshot(message.yes_dollars, message.no_dollars)
        else:
            mirror.apply_delta(message.side, message.price_dollars, message.delta_fp)

    feed = client.feed()
    feed._ws_url = card["kalshi_ws"]  # the client knows two addresses and takes no third
    feed.on("orderbook_delta", on_book)
    for channel in ("fill", "user_orders", "market_positions"):
        feed.on(channel, heard[channel].append)
        feed.subscribe(channel)
    feed.subscribe("orderbook_delta", market_ticker=ticker)
    feed.start()
    run("feed connects", lambda: wait_until(lambda: feed.is_connected, bool), lambda connected: connected is True)
    run("feed snapshot", lambda: wait_until(lambda: mirror.yes, bool), bool)

    low = f"{Decimal(book.best_yes_bid) / 2:.2f}"
    placed = run(
        "place",
        lambda: _order(desk, ticker, low, "5.00", TimeInForce.GTC),
        lambda order: order.status is OrderStatus.RESTING and order.remaining_count_fp == "5.00",
    )
    run("feed delta", lambda: wait_until(lambda: len(heard["orderbook_delta"]), lambda seen: seen > 1), lambda seen: seen > 1)
    run("orders", lambda: wait_until(lambda: _named(desk.get_orders(ticker=ticker), placed), bool), bool)
    amended = f"{Decimal(low) - Decimal('0.01'):.2f}"
    run(
        "amend",
        lambda: desk.amend_order(
            placed.order_id, price_dollars=amended, count_fp="4.00", ticker=ticker, book_side=BookSide.BID
        ),
        lambda order: order.remaining_count_fp == "4.00",
    )
    run("decrease", lambda: desk.decrease_order(placed.order_id, "1.00"), lambda order: order.remaining_count_fp == "3.00")
    run(
        "order",
        lambda: wait_until(lambda: desk.get_order(placed.order_id), lambda order: order.remaining_count_fp == "3.00"),
        lambda order: Decimal(order.yes_price_dollars) == Decimal(amended),
    )
    run("cancel", lambda: desk.cancel_order(placed.order_id), lambda order: order.status is OrderStatus.CANCELED)
    run("cancel again", lambda: _refused(lambda: desk.cancel_order(placed.order_id)), lambda error: error.status_code == 404)

    best = f"{Decimal(book.best_yes_ask):.4f}"
    taken = run(
        "take", lambda: _order(desk, ticker, best, "2.00", TimeInForce.IOC), lambda order: order.fill_count_fp == "2.00"
    )
    fills = run(
        "fills",
        lambda: wait_until(lambda: desk.get_fills(ticker=ticker, order_id=taken.order_id), bool),
        lambda rows: (
            sum(Decimal(row.count_fp) for row in rows) == 2 and all(Decimal(row.fee_cost_dollars) >= 0 for row in rows)
        ),
    )
    run("fill direction", lambda: fills[0].book_side, lambda side: side is BookSide.BID)
    run(
        "positions",
        lambda: wait_until(lambda: desk.get_positions(ticker=ticker), bool),
        lambda rows: [Decimal(row.position_fp) for row in rows if row.ticker == ticker] == [Decimal(2)],
    )
    run("feed fill", lambda: wait_until(lambda: heard["fill"], bool), lambda rows: rows and rows[0].market_ticker == ticker)
    run("feed orders", lambda: wait_until(lambda: heard["user_orders"], bool), bool)
    run("feed positions", lambda: wait_until(lambda: heard["market_positions"], bool), bool)
    run("feed book", lambda: wait_until(lambda: _same(market, mirror), bool), bool)

    killed = lambda: _refused(lambda: _order(desk, ticker, low, "3.00", TimeInForce.FOK))  # noqa: E731  # reads as the others do
    run("killed order", killed, lambda error: error.status_code == 409)
    run("off grid", lambda: _refused(lambda: _order(desk, ticker, "0.12345", "1.00", TimeInForce.GTC)), _is_400)
    run("sell", lambda: _sell(desk, ticker, book.best_yes_bid), lambda order: order.fill_count_fp == "2.00")
    run("settlements", lambda: desk.get_settlements(), lambda rows: isinstance(rows, list))
    feed.stop()


def _two_sided(client: KalshiClient, ticker: str) -> bool:
    """Of shard 0 too: the client cannot name a shard, and elsewhere an order is not found without one (kalshi.md 7)."""
    if client.get(f"/markets/{ticker}")["market"]["exchange_index"] != 0:
        return False
    book = client.get_market(ticker).get_orderbook()
    return bool(book.best_yes_bid and book.best_yes_ask) and Decimal(book.best_yes_bid) > Decimal("0.10")


def _order(desk: object, ticker: str, price: str, size: str, tif: TimeInForce) -> object:
    name = f"contract-{time.time_ns()}-{next(_NUMBERS)}"
    return desk.place_order(
        ticker, book_side=BookSide.BID, price_dollars=price, count_fp=size, time_in_force=tif, client_order_id=name
    )


def _sell(desk: object, ticker: str, price: str) -> object:
    """In the words of before the YES book, which the client still translates."""
    return desk.place_order(
        ticker, Action.SELL, Side.YES, "2.00", yes_price_dollars=price, time_in_force=TimeInForce.IOC, reduce_only=True
    )


def _named(orders: list[object], placed: object) -> list[object]:
    return [order for order in orders if order.order_id == placed.order_id]


def _refused(work: object) -> KalshiAPIError:
    try:
        work()
    except KalshiAPIError as exc:
        return exc
    raise AssertionError("the venue took it")


def _is_400(error: KalshiAPIError) -> bool:
    return error.status_code == 400


def _same(market: object, mirror: OrderbookManager) -> bool:
    """The book kept from the feed equals the one the venue reads out."""
    book = market.get_orderbook().orderbook
    sides = ((book.yes_dollars, mirror.yes), (book.no_dollars, mirror.no))
    return all({Decimal(p): Decimal(q) for p, q in read or ()} == _decimal(kept) for read, kept in sides)


def _decimal(levels: dict[str, str]) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(size) for price, size in levels.items()}


if __name__ == "__main__":
    run_checks(main)
