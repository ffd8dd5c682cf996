"""Laws of the simulated Polymarket that hold whatever customers do."""

import json
import random
from typing import Any

import pytest

from trading.sim.core import Request
from trading.sim.polymarket_data import decimal
from trading.sim.polymarket_state import ClobOrder
from trading.units import Price, Size


def check(venue: Any) -> None:
    """No money from nothing, nothing promised twice, every open order on the book exactly as its record says."""
    on_book: dict[str, Size] = {}
    for book in venue.sim.books.values():
        bid, ask = book.best("bid"), book.best("ask")
        assert bid is None or ask is None or bid < ask
        on_book |= {order.id: order.remaining for order in book.orders.values() if order.data.get("order") is not None}
    recorded: dict[str, Size] = {}
    for wallet in venue.sim._state.wallets.values():
        assert wallet.cash >= wallet.cash_reserved() >= 0
        assert all(shares >= 0 for shares in wallet.tokens.values())
        assert all(0 <= shares <= wallet.tokens[token] for token, shares in wallet.pending.items())
        assert all(wallet.free_shares(token) >= 0 for token in wallet.tokens)
        assert wallet.fees == sum(effect.fee for effect in wallet.effects)
        assert wallet.cash == wallet.account.balance + sum(effect.cash for effect in wallet.effects)
        recorded |= {order.id: order.remaining for order in wallet.orders.values() if not order.held}
    assert on_book == recorded


def step(venue: Any, rng: random.Random, people: list[Any]) -> None:
    who, number = rng.choice(people), rng.choice((1, 4, 5))
    token = f"{number}{rng.choice('12')}"
    price, size = f"0.{rng.randint(40, 60)}", str(rng.randint(500, 6000) / 100)
    match rng.randrange(8):
        case 0 | 1:
            venue.post(who, venue.limit(who, rng.choice(("BUY", "SELL")), token, price, size))
        case 2:
            venue.post(who, venue.limit(who, "SELL", token, price, size, rng.choice(("FAK", "FOK"))))
        case 3 | 4:
            cents = rng.randint(100, 3000) * 10_000
            shares = cents * 100 // int(price[2:]) // 100 * 100
            venue.post(who, venue.body(who, "BUY", token, cents, shares, rng.choice(("FAK", "FOK"))))
        case 5:
            side = rng.choice(("bid", "ask"))
            venue.rest(side, price, str(rng.randint(1, 50_000_000) / 1_000_000), number)
        case 6:
            venue.sim.customer_take(
                venue.market(number),
                rng.choice(("bid", "ask")),
                Price(rng.randint(40, 60) * 100),
                Size(rng.randint(1, 30_000_000)),
            )
        case _:
            if rng.random() < 0.2:
                venue.ask(who, "DELETE", "/cancel-all")
            venue.wait(rng.random() * 4)


@pytest.mark.parametrize("seed", range(4))
def test_books_and_wallets_agree_after_any_story(venue: Any, seed: int) -> None:
    """Random orders, holds, takes, cancels and settlements keep every law of check()."""
    rng = random.Random(seed)
    venue.sim.limits_enabled = False
    people = [venue.wallet, venue.eoa]
    for _ in range(120):
        step(venue, rng, people)
        check(venue)
    venue.wait(60)
    check(venue)

    assert len(venue.sim._state.trades) > 10
    assert {trade.status for trade in venue.sim._state.trades.values()} == {"CONFIRMED"}
    assert all(not shares for wallet in venue.sim._state.wallets.values() for shares in wallet.pending.values())


def test_ghosts_leave_no_trace_in_any_wallet(venue: Any) -> None:
    """With every trade failing, all cash and shares are back where they began."""
    rng = random.Random(11)
    venue.sim.limits_enabled = False
    venue.sim.settings.ghost_rate = 1.0
    for _ in range(80):
        step(venue, rng, [venue.wallet, venue.eoa])
    venue.wait(60)

    for person in (venue.wallet, venue.eoa):
        view = venue.sim.account_view(person.owner)
        assert (view.cash, view.fees, view.tokens, view.pending) == (person.account.balance, 0, {}, {})


def test_venue_answers_equal_the_wallet_to_the_unit(venue: Any) -> None:
    """What POST answers and /data/trades list, with the published fee formula, is exactly what the wallet lost and got."""
    rng = random.Random(3)
    venue.sim.limits_enabled = False
    for _ in range(60):
        venue.rest("ask", f"0.{rng.randint(50, 60)}", str(rng.randint(1_000_000, 4_000_000) / 1_000_000))
    cash = fees = shares = 0
    for _ in range(10):
        answer = venue.post(venue.wallet, venue.body(venue.wallet, "BUY", "11", 6_000_000, 10_000_000, "FAK"))[1]
        order: ClobOrder = venue.sim._state.orders[answer["orderID"]]
        assert answer["takingAmount"] == decimal(order.matched)
        for trade_id in answer["tradeIDs"]:
            (row,) = venue.ask(venue.wallet, "GET", "/data/trades", id=trade_id)[1]["data"]
            price, size = round(float(row["price"]) * 10_000), round(float(row["size"]) * 1_000_000)
            cash += -(-price * size // 10_000)
            unit = 100 * 10_000 * 10_000 * 10  # 0.00001 dollar
            fees += (2 * 5 * size * price * (10_000 - price) + unit) // (2 * unit) * 10
            shares += size

    view = venue.sim.account_view(venue.wallet.owner)
    assert (view.tokens["11"], view.fees) == (shares, fees)
    assert view.cash == 1_000_000_000 - cash - fees


_PATHS = (
    "/", "", "/book", "/books", "/prices", "/price", "/midpoint", "/markets/", "/clob-markets/", "/markets-by-token/abc", "/order",
    "/orders", "/cancel-all", "/cancel-market-orders", "/data/order/", "/data/orders", "/data/trades", "/data/v2/positions",
    "/data/v2/", "/balance-allowance", "/balance-allowance/update", "/v1/heartbeats", "/auth/api-key", "/auth/derive-api-key",
    "/gamma/events", "/gamma/events/keyset", "/gamma/markets/keyset", "/gamma/", "/gamma", "/gamma/public-search", "/nonsense",
)  # fmt: skip
_NAMES = (
    "token_id",
    "side",
    "next_cursor",
    "limit",
    "offset",
    "after_cursor",
    "user",
    "asset_type",
    "before",
    "order",
    "q",
    "cursor",
)
_VALUES = ("", "11", "-1", "\u0665", "abc", "MA==", "LTE=", "YWJj", "COLLATERAL", "CONDITIONAL", "9" * 30, "\ud800", "a,b")
_BODIES = (
    None,
    [],
    {},
    "x",
    5,
    [1],
    [{}],
    {"orderID": 5},
    {"orderID": "\ud800"},
    ["\ud800"],
    {"heartbeat_id": 5},
    {"order": {}},
)


@pytest.mark.parametrize("seed", range(3))
def test_any_request_gets_an_answer(venue: Any, seed: int) -> None:
    """Whatever method, path, query and body come, signed or not: a JSON answer with a status, never an exception."""
    rng = random.Random(seed)
    venue.sim.limits_enabled = False
    for _ in range(200):
        method, path = rng.choice(("GET", "POST", "DELETE", "PUT")), rng.choice(_PATHS)
        query = {rng.choice(_NAMES): rng.choice(_VALUES) for _ in range(rng.randrange(4))}
        if rng.random() < 0.7:
            response = venue.call(venue.wallet, method, path, rng.choice(_BODIES), query)
        else:
            headers = {"poly_address": "0x1", "poly_nonce": "-1", "poly_timestamp": "\u0665"}
            raw = rng.choice((b"", b"\xff", b"[", b"9" * 5000))
            response = venue.sim.handle(Request(method, path, tuple(query.items()), headers, raw))

        assert 200 <= response.status < 600
        json.loads(response.body)
