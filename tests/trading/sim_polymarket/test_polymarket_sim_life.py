"""Holds, settlement, modes, limits, heartbeats, resolution, faults of the simulated Polymarket (polymarket.md 7, 8, 10, 13)."""

import json
from typing import Any

import pytest

from trading.clock import SECOND
from trading.units import ONE, Money, Price, Size, WallNs


def statuses(session: Any, events: Any, kind: str) -> list[str]:
    return [event["status"] for event in events(session) if event["event_type"] == kind]


def test_seconds_delay_holds_a_marketable_order(venue: Any, events: Any) -> None:
    """Section 8: delayed, reserved, matched against the book of the end of the hold."""
    venue.rest("ask", "0.50", "10", 4)
    session = venue.listen(venue.wallet)
    answer = venue.post(venue.wallet, venue.body(venue.wallet, "BUY", "41", 5_000_000, 10_000_000, "FAK"))[1]

    assert (answer["status"], answer["makingAmount"], answer["tradeIDs"]) == ("delayed", "", [])
    assert venue.sim.account_view(venue.wallet.owner).reserved == 5_125_000
    venue.wait(2.9)
    assert venue.sim.account_view(venue.wallet.owner).tokens == {}
    venue.wait(0.1)
    assert venue.sim.account_view(venue.wallet.owner).tokens == {"41": 10_000_000}
    assert venue.ask(venue.wallet, "GET", "/data/trades", market=venue.market(4))[1]["count"] == 1
    assert {event["event_type"] for event in events(session)} == {"order", "trade"}


def test_held_order_cannot_be_cancelled(venue: Any) -> None:
    """Section 8: not cancellable during the hold."""
    venue.rest("ask", "0.50", "10", 4)
    order = venue.place(venue.wallet, "BUY", "41", "0.50", "10")["orderID"]

    answer = venue.ask(venue.wallet, "DELETE", "/order", {"orderID": order})[1]

    assert answer["canceled"] == []
    assert order in answer["not_canceled"]


def test_held_order_is_judged_again_when_the_book_has_gone(venue: Any, events: Any) -> None:
    """Section 8: the remainder of a GTC rests, a FAK is killed with its text in the status."""
    ask = venue.rest("ask", "0.50", "10", 4)
    session = venue.listen(venue.wallet)
    venue.post(venue.wallet, venue.body(venue.wallet, "BUY", "41", 5_000_000, 10_000_000, "FAK"))
    gtc = venue.place(venue.wallet, "BUY", "41", "0.50", "10")["orderID"]
    venue.sim.customer_cancel(ask)
    venue.wait(3)

    assert venue.sim.account_view(venue.wallet.owner).open_orders == (gtc,)
    told = statuses(session, events, "order")
    assert told[:2] == ["DELAYED", "DELAYED"]
    assert told[2].startswith("CANCELED_no orders found to match with FAK order")
    assert told[3] == "UNMATCHED"


def test_held_order_without_cash_at_the_end_is_invalid(venue: Any, events: Any) -> None:
    """Section 8: re-validated: failure is a rejection."""
    venue.rest("ask", "0.50", "10", 4)
    session = venue.listen(venue.wallet)
    venue.place(venue.wallet, "BUY", "41", "0.50", "10")
    venue.sim.stale_cache(venue.wallet.owner)
    venue.wait(3)

    assert statuses(session, events, "order") == ["DELAYED", "INVALID"]


def test_resting_and_post_only_orders_are_never_held(venue: Any) -> None:
    """Section 8."""
    assert venue.place(venue.wallet, "BUY", "41", "0.50", "10")["status"] == "live"


def test_itode_holds_its_configured_time(venue: Any) -> None:
    """Section 8: the flag's length is the venue's setting, 150 ms."""
    venue.rest("ask", "0.50", "10", 5)
    assert venue.place(venue.wallet, "BUY", "51", "0.50", "10")["status"] == "delayed"
    venue.wait(0.15)

    assert venue.sim.account_view(venue.wallet.owner).tokens == {"51": 10_000_000}


def test_competitors_may_be_faster(venue: Any) -> None:
    """arrival is called before an order meets the book; what it takes is gone."""
    venue.rest("ask", "0.50", "10")

    def race(market: str, order: Any) -> None:
        venue.sim.customer_take(market, order.side, order.price, Size(6_000_000))

    venue.sim.arrival = race
    answer = venue.post(venue.wallet, venue.body(venue.wallet, "BUY", "11", 5_000_000, 10_000_000, "FAK"))[1]

    assert answer["takingAmount"] == "4"


def test_trade_walks_to_confirmed_and_gets_its_hash_late(venue: Any, events: Any) -> None:
    """Section 7.3: MATCHED without a hash, MINED, CONFIRMED; one event each."""
    venue.rest("ask", "0.50", "10")
    session = venue.listen(venue.wallet)
    answer = venue.place(venue.wallet, "BUY", "11", "0.50", "10")
    assert answer["transactionsHashes"] == []
    venue.wait(10)

    trades = [event for event in events(session) if event["event_type"] == "trade"]
    assert [event["status"] for event in trades] == ["MATCHED", "MINED", "CONFIRMED"]
    assert trades[0]["transaction_hash"] == ""
    assert trades[2]["transaction_hash"].startswith("0x")
    assert {event["id"] for event in trades} == set(answer["tradeIDs"])


def test_ghost_fill_takes_everything_back(venue: Any, events: Any) -> None:
    """Section 7.3: RETRYING then FAILED reverses cash, shares and fee."""
    venue.rest("ask", "0.50", "10")
    session = venue.listen(venue.wallet)
    before = venue.sim.account_view(venue.wallet.owner)
    venue.sim.fail_next_trade("ghost")
    venue.place(venue.wallet, "BUY", "11", "0.50", "10")
    assert venue.sim.account_view(venue.wallet.owner) != before
    venue.wait(30)

    assert statuses(session, events, "trade") == ["MATCHED", "RETRYING", "FAILED"]
    assert venue.sim.account_view(venue.wallet.owner) == before


def test_retried_trade_is_confirmed_late(venue: Any, events: Any) -> None:
    """Section 7.3: RETRYING is not the end."""
    venue.rest("ask", "0.50", "10")
    session = venue.listen(venue.wallet)
    venue.sim.fail_next_trade("retry")
    venue.place(venue.wallet, "BUY", "11", "0.50", "10")
    venue.wait(30)

    assert statuses(session, events, "trade") == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]
    assert venue.sim.account_view(venue.wallet.owner).tokens == {"11": 10_000_000}


def test_maker_hears_of_its_fill(venue: Any, events: Any) -> None:
    """Section 12: a trade event whose maker_orders hold the own order, and an order update."""
    order = venue.place(venue.wallet, "BUY", "11", "0.50", "10")["orderID"]
    session = venue.listen(venue.wallet)
    venue.sim.customer_take(venue.market(), "ask", Price(5000), Size(4_000_000))
    found = events(session)

    trade = next(event for event in found if event["event_type"] == "trade")
    update = next(event for event in found if event["event_type"] == "order")
    assert (trade["trader_side"], trade["maker_orders"][0]["order_id"]) == ("MAKER", order)
    assert (update["type"], update["size_matched"]) == ("UPDATE", "4")


def test_data_api_lags_the_chain(venue: Any) -> None:
    """Section 13: positions appear seconds after MINED."""
    venue.rest("ask", "0.50", "10")
    venue.place(venue.wallet, "BUY", "11", "0.50", "10")
    venue.wait(4.9)
    assert venue.get("/data/v2/positions", user=venue.wallet.funder)[1]["data"] == []
    venue.wait(0.1)
    venue.sim.advance()

    (row,) = venue.get("/data/v2/positions", user=venue.wallet.funder)[1]["data"]
    assert (row["token_id"], row["current_size"], row["avg_price"]) == ("11", 10.0, 0.5)
    assert (row["entry_cost_usdc"], row["entry_fees_usdc"], row["redeemable"]) == (5.0, 0.125, False)


@pytest.mark.parametrize(("yes", "paid"), [(ONE, 10_000_000), (Price(0), 0), (Price(5000), 5_000_000)])
def test_resolution_pays_on_redemption(venue: Any, yes: Price, paid: int) -> None:
    """Section 13: 1, 0 or 0.5 per share, credited by redeem; open orders end."""
    venue.rest("ask", "0.50", "10")
    venue.place(venue.wallet, "BUY", "11", "0.50", "10")
    venue.place(venue.wallet, "BUY", "11", "0.10", "10")
    venue.wait(10)
    cash = venue.sim.account_view(venue.wallet.owner).cash
    venue.sim.resolve(venue.market(), yes)

    assert venue.sim.account_view(venue.wallet.owner).open_orders == ()
    assert venue.get("/data/v2/positions", user=venue.wallet.funder, status="REDEEMABLE")[1]["data"][0]["redeemable"]
    assert venue.sim.redeem(venue.wallet.funder, venue.market()) == paid
    view = venue.sim.account_view(venue.wallet.owner)
    assert (view.cash, view.tokens) == (cash + paid, {})
    assert venue.sim.redeem(venue.wallet.owner, venue.market()) == 0


def test_both_outcomes_merge_into_a_dollar(venue: Any) -> None:
    """Section 13: 1 YES + 1 NO = 1 pUSD, once both are settled."""
    venue.rest("ask", "0.50", "10")
    venue.rest("bid", "0.40", "10")
    venue.place(venue.wallet, "BUY", "11", "0.50", "10")
    venue.place(venue.wallet, "BUY", "12", "0.60", "10")
    assert venue.sim.merge(venue.wallet.owner, venue.market(), Size(10_000_000)) == 0
    venue.wait(5)

    assert venue.sim.merge(venue.wallet.owner, venue.market(), Size(10_000_000)) == Money(10_000_000)
    assert venue.sim.account_view(venue.wallet.owner).tokens == {}


def test_book_is_wiped_at_game_start_even_when_it_moves_earlier(venue: Any, events: Any) -> None:
    """Section 8: clearBookOnStart cancels all resting orders at the official start."""
    venue.rest("bid", "0.40", "10", 6)
    venue.place(venue.wallet, "BUY", "61", "0.45", "10")
    session = venue.listen(venue.wallet)
    venue.sim.set_game_start(venue.market(6), WallNs(venue.clock.wall_ns() + 60 * SECOND))
    venue.wait(59)
    assert venue.sim.books[venue.market(6)].best("bid") == 4500
    venue.wait(1)

    assert venue.sim.books[venue.market(6)].best("bid") is None
    assert statuses(session, events, "order") == ["CANCELED"]


def test_restart_goes_through_425_and_post_only_to_normal(venue: Any) -> None:
    """Section 7.5: 425 on order endpoints, then two minutes of 503 post-only, then normal."""
    resting = venue.place(venue.wallet, "BUY", "11", "0.10", "10")["orderID"]
    venue.sim.restart()
    response = venue.call(venue.wallet, "POST", "/order", venue.limit(venue.wallet, "BUY", "11", "0.10", "10"))
    assert (response.status, response.headers["retry-after"]) == (425, "5")
    assert venue.ask(venue.wallet, "DELETE", "/order", {"orderID": resting})[0] == 425

    venue.wait(90)
    venue.sim.advance()
    status, answer = venue.post(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.10", "10"))
    assert (status, answer["code"], answer["retry_after_seconds"]) == (503, "post_only_mode", 120)
    (leg,) = venue.ask(venue.wallet, "POST", "/orders", [venue.limit(venue.wallet, "BUY", "11", "0.10", "10")])[1]
    assert "post-only mode" in leg["errorMsg"]
    assert venue.place(venue.wallet, "BUY", "11", "0.10", "10", post_only=True)["status"] == "live"
    assert venue.ask(venue.wallet, "DELETE", "/order", {"orderID": resting})[1]["canceled"] == [resting]

    venue.wait(120)
    assert venue.place(venue.wallet, "BUY", "11", "0.10", "10")["status"] == "live"


def test_cancel_only_and_disabled_modes(venue: Any) -> None:
    """Section 7.5: cancels work in cancel-only mode, nothing in disabled mode."""
    one, two = (venue.place(venue.wallet, "BUY", "11", "0.10", "10")["orderID"] for _ in range(2))
    venue.sim.set_mode("cancel_only")
    status, answer = venue.post(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.10", "10"))
    assert status == 503
    assert "cancel-only" in answer["error"]
    assert venue.ask(venue.wallet, "DELETE", "/order", {"orderID": one})[1]["canceled"] == [one]

    venue.sim.set_mode("disabled")

    status, answer = venue.ask(venue.wallet, "DELETE", "/order", {"orderID": two})
    assert (status, answer["error"]) == (503, "Trading is currently disabled. Check polymarket.com for updates")


def test_signer_bucket_refuses_and_refills(venue: Any) -> None:
    """Section 10, layer 2: 60 orders in a burst, then 429 with Retry-After; 40 more a second later."""
    for _ in range(4):
        bodies = [venue.limit(venue.wallet, "BUY", "11", "0.01", "10") for _ in range(15)]
        response = venue.call(venue.wallet, "POST", "/orders", bodies)
    assert response.headers["poly-ratelimit-remaining"] == "0"
    assert response.headers["poly-ratelimit-tier"] == "Standard"
    assert response.headers["poly-ratelimit-warning"] == "true"

    response = venue.call(venue.wallet, "POST", "/order", venue.limit(venue.wallet, "BUY", "11", "0.01", "10"))
    assert (response.status, response.headers["retry-after"]) == (429, "1")
    assert venue.place(venue.eoa, "BUY", "11", "0.01", "10")["status"] == "live"

    venue.wait(1)
    assert venue.place(venue.wallet, "BUY", "11", "0.01", "10")["status"] == "live"


def test_cancel_all_beyond_the_burst_never_succeeds(venue: Any) -> None:
    """Section 10: cancel-all costs 1 + orders; more than 119 open orders never fit the Standard burst of 120."""
    venue.sim.limits_enabled = False
    for _ in range(120):
        venue.place(venue.wallet, "BUY", "11", "0.01", "5")
    venue.sim.limits_enabled = True
    venue.wait(60)

    assert venue.ask(venue.wallet, "DELETE", "/cancel-all")[0] == 429
    assert len(venue.sim.account_view(venue.wallet.owner).open_orders) == 120


def test_endpoint_window_refuses_and_slides(venue: Any) -> None:
    """Section 10, layer 1: 100 calls of /ok in 10 s."""
    assert {venue.get("/ok")[0] for _ in range(100)} == {200}
    assert venue.get("/ok")[0] == 429
    venue.wait(10)

    assert venue.get("/ok")[0] == 200


def test_heartbeat_that_stops_cancels_the_keys_orders(venue: Any) -> None:
    """Section 7.2: ten seconds after the last accepted beat, and only this key's orders."""
    venue.place(venue.wallet, "BUY", "11", "0.10", "10")
    venue.place(venue.eoa, "BUY", "11", "0.10", "10")
    _, first = venue.ask(venue.wallet, "POST", "/v1/heartbeats", {"heartbeat_id": ""})
    venue.wait(9)
    status, second = venue.ask(venue.wallet, "POST", "/v1/heartbeats", {"heartbeat_id": first["heartbeat_id"]})
    assert status == 200
    assert second["heartbeat_id"] != first["heartbeat_id"]
    venue.wait(9.9)
    assert len(venue.sim.account_view(venue.wallet.owner).open_orders) == 1
    venue.wait(0.1)

    assert venue.sim.account_view(venue.wallet.owner).open_orders == ()
    assert len(venue.sim.account_view(venue.eoa.owner).open_orders) == 1


def test_wrong_heartbeat_id_is_answered_with_the_right_one(venue: Any) -> None:
    """Section 7.2: 400 with the expected id; it refreshes nothing."""
    venue.place(venue.wallet, "BUY", "11", "0.10", "10")
    _, first = venue.ask(venue.wallet, "POST", "/v1/heartbeats", {"heartbeat_id": ""})
    venue.wait(5)
    status, answer = venue.ask(venue.wallet, "POST", "/v1/heartbeats", {"heartbeat_id": "wrong"})

    assert (status, answer) == (400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": first["heartbeat_id"]})
    venue.wait(5)
    assert venue.sim.account_view(venue.wallet.owner).open_orders == ()


def test_dropped_answer_leaves_the_order_in(venue: Any) -> None:
    """Fault drop_after_accept: an unknown outcome that the order id resolves."""
    venue.sim.fail_next("drop_after_accept")
    response = venue.call(venue.wallet, "POST", "/order", venue.limit(venue.wallet, "BUY", "11", "0.10", "10"))

    assert response.drop
    (order,) = venue.sim.account_view(venue.wallet.owner).open_orders
    assert venue.ask(venue.wallet, "GET", f"/data/order/{order}")[0] == 200


@pytest.mark.parametrize(("kind", "status", "orders"), [("500_after_accept", 500, 1), ("429", 429, 0), ("425", 425, 0)])
def test_one_off_faults(venue: Any, kind: str, status: int, orders: int) -> None:
    """fail_next answers once with an error; only the 500 took the order in."""
    venue.sim.fail_next(kind)

    assert venue.post(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.10", "10"))[0] == status
    assert len(venue.sim.account_view(venue.wallet.owner).open_orders) == orders
    assert venue.post(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.10", "10"))[0] == 200


def test_unknown_fault_is_misuse(venue: Any) -> None:
    """A typo in a fault script must not pass silently."""
    with pytest.raises(ValueError, match="none of"):
        venue.sim.fail_next("explode")


def test_same_seed_same_story(venue: Any) -> None:
    """Two runs of the same calls answer the same bytes, trade ids and oddities included."""

    def story(made: Any) -> str:
        session = made.listen(made.wallet)
        made.rest("ask", "0.50", "10")
        answer = made.place(made.wallet, "BUY", "11", "0.50", "10")
        made.wait(10)
        return json.dumps(answer) + "".join(session.outbox)

    assert story(venue) == story(type(venue)())
