"""polymarket-client 0.14, the official unified client, unmodified, on the simulated Polymarket.

It knows one environment; the runner makes another one of it with this machine's addresses, by the client's own types.
"""

import dataclasses

from checks import Checks, fetch, run_checks, wait_until
from polymarket import SecureClient
from polymarket.environments import PRODUCTION, Environment, _create_environment


def main(checks: Checks) -> None:
    card, run = checks.card, checks.run
    where = _environment(card)
    wallet = card["polymarket_funder"]
    made = run(
        "derive key",
        lambda: SecureClient.create(private_key=card["polymarket_private_key"], wallet=wallet, environment=where),
        lambda client: client.credentials.key == card["polymarket_api_key"],
    )
    with made as client:
        kinds = {0: "EOA", 1: "POLY_PROXY", 2: "GNOSIS_SAFE", 3: "DEPOSIT_WALLET"}
        run("wallet kind", lambda: client.wallet_type, lambda kind: kind == kinds[card["polymarket_signature_type"]])
        found = _market(card, client)
        slug, condition, token = found["slug"], found["conditionId"], found["token"]
        run("market", lambda: client.get_market(slug=slug), lambda market: market.condition_id == condition)
        run("events", lambda: client.list_events(closed=False, page_size=20).first_page(), lambda page: page.items)
        run("sports", client.get_sports_market_types, bool)
        book = run("book", lambda: client.get_order_book(token_id=token), lambda book: book.bids and book.asks)
        run("books", lambda: client.get_order_books(token_ids=[token]), lambda books: len(books) == 1)
        run("midpoint", lambda: client.get_midpoint(token_id=token), lambda mid: 0 < mid < 1)
        run("spread", lambda: client.get_spread(token_id=token), lambda spread: spread > 0)
        run("balance", lambda: client.get_balance_allowance(asset_type="COLLATERAL"), lambda row: row.balance > 0)
        run("closed only", client.get_closed_only_mode, lambda closed: closed is False)
        run("keys", client.fetch_api_keys, lambda keys: card["polymarket_api_key"] in keys)

        low = min(level.price for level in book.bids)
        placed = run(
            "place",
            lambda: client.place_limit_order(token_id=token, price=low, size=20, side="BUY"),
            lambda answer: answer.ok and answer.status == "live",
        )
        name = placed.order_id
        run("order", lambda: client.get_order(order_id=name), lambda order: order.id == name)
        run("orders", lambda: client.list_open_orders().first_page(), lambda page: name in {order.id for order in page.items})
        run("cancel", lambda: client.cancel_order(order_id=name), lambda answer: list(answer.canceled) == [name])
        run("cancel again", lambda: client.cancel_order(order_id=name), lambda answer: name in answer.not_canceled)
        bought = run(
            "buy",
            lambda: client.place_market_order(token_id=token, side="BUY", amount=10, order_type="FAK"),
            lambda answer: answer.ok and answer.status in ("matched", "delayed"),
        )
        trades = run(
            "trades",
            lambda: wait_until(lambda: client.list_account_trades(market=condition).first_page().items, bool, seconds=15),
            lambda trades: trades and trades[0].taker_order_id == bought.order_id,
        )
        run(
            "confirmed",
            lambda: wait_until(
                lambda: client.list_account_trades(market=condition).first_page().items,
                lambda rows: "CONFIRMED" in str(rows[0].status),
                seconds=40,
            ),
            lambda rows: "CONFIRMED" in str(rows[0].status),
        )
        run(
            "positions",
            lambda: wait_until(lambda: client.list_positions(user=wallet).first_page().items, bool, seconds=15),
            lambda rows: rows and rows[0].asset_id == token and abs(float(rows[0].current_size) - float(trades[0].size)) < 0.02,
        )
        run("cancel all", client.cancel_all, lambda answer: not answer.canceled)
        run("heartbeat", client.send_order_heartbeat, lambda beat: beat.heartbeat_id)


def _environment(card: dict[str, str]) -> Environment:
    here = {
        "clob_url": card["polymarket_clob"],
        "gamma_url": card["polymarket_gamma"],
        "data_url": card["polymarket_data"],
        "relayer_url": card.get("polymarket_relayer", card["polymarket_clob"] + "/relayer"),
        "clob_market_ws_url": card["polymarket_ws"] + "/market",
        "clob_user_ws_url": card["polymarket_ws"] + "/user",
        "rpc_url": "http://127.0.0.1:9",
    }
    return _create_environment(name="simulated", config=dataclasses.replace(PRODUCTION._config, **here))


def _market(card: dict[str, str], client: SecureClient) -> dict[str, str]:
    """An open market with orders on both sides, without a hold where there is one."""
    found: dict[str, str] = {}
    for event in fetch(f"{card['polymarket_gamma']}/events/keyset?limit=100")["events"]:
        for row in event["markets"]:
            if not (row.get("acceptingOrders") and row.get("enableOrderBook")) or row.get("version") == "v2":
                continue
            token = row["clobTokenIds"].split('"')[1]
            book = client.get_order_book(token_id=token)
            if book.bids and book.asks:
                candidate = {"slug": row["slug"], "conditionId": row["conditionId"], "token": token}
                if not row.get("secondsDelay"):
                    return candidate
                found = found or candidate
    return found


if __name__ == "__main__":
    run_checks(main)
