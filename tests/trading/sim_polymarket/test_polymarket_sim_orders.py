"""Orders on the simulated Polymarket: validation texts, types, amounts, minimums, money (polymarket.md 6, 7 and 9)."""

from typing import Any

import pytest

from trading.clock import SECOND
from trading.units import Money, Price, Size


def test_resting_order_is_live_and_listed(venue: Any) -> None:
    """GTC that crosses nothing rests, is read back, and reserves its cost."""
    answer = venue.place(venue.wallet, "BUY", "11", "0.62", "50")

    assert (answer["success"], answer["status"], answer["makingAmount"], answer["tradeIDs"]) == (True, "live", "", [])
    status, order = venue.ask(venue.wallet, "GET", f"/data/order/{answer['orderID']}")
    assert (status, order["price"], order["original_size"], order["size_matched"]) == (200, "0.62", "50", "0")
    assert order["status"] in ("LIVE", "ORDER_STATUS_LIVE")
    assert venue.sim.account_view(venue.wallet.owner).reserved == 31_000_000


def test_duplicate_order_is_refused(venue: Any) -> None:
    """Section 7.1: the same signed order has the same id."""
    body = venue.limit(venue.wallet, "BUY", "11", "0.40", "10")
    _, first = venue.post(venue.wallet, body)

    assert venue.refused(venue.wallet, body) == f"order {first['orderID']} is invalid. Duplicated."


@pytest.mark.parametrize(("price", "told"), [("0.565", "0.565"), ("0.005", "0.005"), ("0.999", "0.999")])
def test_price_off_the_grid_or_out_of_bounds_is_refused(venue: Any, price: str, told: str) -> None:
    """Section 6.2: a multiple of the tick within [tick, 1 - tick]."""
    text = venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", price, "100"))

    assert text.endswith(f"is invalid. Price ({told}) breaks minimum tick size rule: 0.01")


@pytest.mark.parametrize(
    ("maker", "taker", "price"),
    [(31_000_000, 50_000_000, "0.62"), (1_498_500, 5_550_000, "0.27"), (20_000_000, 42_553_100, "0.47")],
)
def test_rounding_examples_are_on_the_grid(venue: Any, maker: int, taker: int, price: str) -> None:
    """Section 6.2: the documented amounts stand for their price."""
    _, answer = venue.post(venue.wallet, venue.body(venue.wallet, "BUY", "11", maker, taker))

    assert venue.ask(venue.wallet, "GET", f"/data/order/{answer['orderID']}")[1]["price"] == price


def test_resting_order_below_the_minimum_size_is_refused(venue: Any) -> None:
    """Section 6.3: five shares here."""
    text = venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.40", "4.99"))

    assert text.endswith("is invalid. Size (4.99) lower than the minimum: 5")


def test_marketable_buy_below_a_dollar_is_refused(venue: Any) -> None:
    """Section 6.3: $1 for a FAK, and for a GTC that crosses."""
    venue.rest("ask", "0.10", "100")
    told = "invalid amount for a marketable BUY order ($0.99), min size: $1"

    assert venue.refused(venue.wallet, venue.body(venue.wallet, "BUY", "11", 990_000, 9_900_000, "FAK")) == told
    assert venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.11", "9")) == told
    assert venue.place(venue.wallet, "BUY", "11", "0.09", "9")["status"] == "live"


def test_gtd_must_live_three_minutes_and_ends_one_early(venue: Any) -> None:
    """Section 6.1: expiration >= now + 180 s, removed 60 s before it, reported as a cancellation."""
    now = venue.clock.wall_ns() // SECOND
    session = venue.listen(venue.wallet)
    soon = venue.limit(venue.wallet, "BUY", "11", "0.40", "10", "GTD", expiration=now + 179)
    assert venue.refused(venue.wallet, soon) == "invalid expiration"
    never = venue.limit(venue.wallet, "BUY", "11", "0.40", "10", "GTC", expiration=now + 500)
    assert venue.refused(venue.wallet, never) == "invalid expiration"

    order = venue.place(venue.wallet, "BUY", "11", "0.40", "10", "GTD", expiration=now + 180)["orderID"]
    venue.wait(119)
    assert venue.sim.account_view(venue.wallet.owner).open_orders == (order,)
    venue.wait(1)

    assert venue.sim.account_view(venue.wallet.owner).open_orders == ()
    assert '"CANCELED_EXPIRED_ORDER"' in session.outbox[-1]


def test_balance_is_reserved_by_open_orders(venue: Any) -> None:
    """Section 7.1: available = balance less what open orders hold."""
    venue.place(venue.poor, "BUY", "11", "0.50", "30")
    text = venue.refused(venue.poor, venue.limit(venue.poor, "BUY", "11", "0.50", "11"))

    assert text.startswith("not enough balance / allowance: the balance is not enough")
    assert venue.place(venue.poor, "BUY", "11", "0.50", "10")["status"] == "live"


def test_marketable_buy_needs_cash_for_its_fee(venue: Any) -> None:
    """Section 9: notional and fee must both be free."""
    venue.rest("ask", "0.50", "100")

    assert "not enough balance" in venue.refused(venue.poor, venue.body(venue.poor, "BUY", "11", 20_000_000, 40_000_000, "FAK"))
    assert venue.post(venue.poor, venue.body(venue.poor, "BUY", "11", 19_000_000, 38_000_000, "FAK"))[0] == 200


def test_missing_allowance_is_told(venue: Any) -> None:
    """Section 7.4: the allowance is not enough."""
    venue.sim.stale_cache(venue.wallet.owner, Money(10**9), Money(0))

    assert "the allowance is not enough" in venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.40", "10"))


def test_stale_balance_cache_refuses_until_updated_with_the_right_type(venue: Any) -> None:
    """Section 7.1: /balance-allowance/update once, with the right signature_type."""
    venue.sim.stale_cache(venue.wallet.owner)
    assert "balance: 0" in venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.40", "10"))

    venue.ask(venue.wallet, "GET", "/balance-allowance/update", asset_type="COLLATERAL", signature_type="0")
    assert "balance: 0" in venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.40", "10"))
    venue.ask(venue.wallet, "GET", "/balance-allowance/update", asset_type="COLLATERAL", signature_type="3")

    assert venue.place(venue.wallet, "BUY", "11", "0.40", "10")["status"] == "live"
    status, balance = venue.ask(venue.wallet, "GET", "/balance-allowance", asset_type="COLLATERAL", signature_type="3")
    assert (status, balance["balance"]) == (200, "1000000000")
    assert (
        venue.ask(venue.wallet, "GET", "/balance-allowance", asset_type="COLLATERAL", signature_type="1")[1]["balance"] == "0"
    )


def test_fak_buy_is_sized_in_dollars_and_over_delivers(venue: Any) -> None:
    """Section 6.4: below its limit price a FAK BUY yields more shares than it named, at the same cash."""
    venue.rest("ask", "0.40", "100")
    answer = venue.post(venue.wallet, venue.body(venue.wallet, "BUY", "11", 20_000_000, 40_000_000, "FAK"))[1]

    assert (answer["status"], answer["makingAmount"], answer["takingAmount"]) == ("matched", "20", "50")
    view = venue.sim.account_view(venue.wallet.owner)
    assert view.tokens == {"11": Size(50_000_000)}
    assert view.fees == 600_000  # 0.05 x 50 x 0.4 x 0.6
    assert view.cash == 1_000_000_000 - 20_000_000 - 600_000


def test_fak_buy_walks_levels_and_kills_the_rest(venue: Any) -> None:
    """FAK takes what is there up to its limit; nothing rests; one trade and one fee per level."""
    venue.rest("ask", "0.40", "10")
    venue.rest("ask", "0.45", "10")
    venue.rest("ask", "0.51", "10")
    answer = venue.post(venue.wallet, venue.body(venue.wallet, "BUY", "11", 20_000_000, 40_000_000, "FAK"))[1]

    assert (answer["makingAmount"], answer["takingAmount"], len(answer["tradeIDs"])) == ("8.5", "20", 2)
    view = venue.sim.account_view(venue.wallet.owner)
    assert view.open_orders == ()
    assert view.fees == 120_000 + 123_750
    assert venue.sim.books[venue.market()].best("ask") == 5100


def test_fak_without_a_match_is_an_error_and_no_order(venue: Any) -> None:
    """Section 6.1: the text of a FAK miss."""
    venue.rest("ask", "0.60", "10")
    body = venue.body(venue.wallet, "BUY", "11", 20_000_000, 40_000_000, "FAK")

    assert venue.refused(venue.wallet, body).startswith("no orders found to match with FAK order.")
    assert venue.sim.account_view(venue.wallet.owner).cash == 1_000_000_000


def test_fok_is_all_or_nothing(venue: Any) -> None:
    """Section 6.1: a FOK that cannot fill is killed; one that can spends its whole amount."""
    venue.rest("ask", "0.50", "39")
    body = venue.body(venue.wallet, "BUY", "11", 20_000_000, 40_000_000, "FOK")
    assert venue.refused(venue.wallet, body) == "order couldn't be fully filled. FOK orders are fully filled or killed."

    venue.rest("ask", "0.50", "1")

    assert venue.post(venue.wallet, body)[1]["takingAmount"] == "40"


def test_kill_is_told_on_the_user_stream(venue: Any, events: Any) -> None:
    """Section 12: a FOK kill is a CANCELLATION whose status carries the text."""
    session = venue.listen(venue.wallet)
    venue.post(venue.wallet, venue.body(venue.wallet, "BUY", "11", 20_000_000, 40_000_000, "FOK"))

    (event,) = events(session)
    assert event["type"] == "CANCELLATION"
    assert event["status"] == "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed."


def test_fak_amounts_have_two_decimals(venue: Any) -> None:
    """Section 6.2: pUSD beyond cents in a market BUY is refused."""
    text = venue.refused(venue.wallet, venue.body(venue.wallet, "BUY", "11", 20_005_000, 40_010_000, "FAK"))

    assert text.startswith("invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals")


def test_marketable_gtc_takes_at_better_prices_and_rests_the_remainder(venue: Any) -> None:
    """Section 6.4b: sized in shares; price improvement lowers the cost and goes to the taker."""
    venue.rest("ask", "0.40", "10")
    answer = venue.place(venue.wallet, "BUY", "11", "0.50", "25")

    assert (answer["status"], answer["makingAmount"], answer["takingAmount"]) == ("matched", "4", "10")
    order = venue.ask(venue.wallet, "GET", f"/data/order/{answer['orderID']}")[1]
    assert (order["size_matched"], order["original_size"]) == ("10", "25")
    assert venue.sim.books[venue.market()].levels("bid") == [(5000, 15_000_000)]
    assert venue.sim.account_view(venue.wallet.owner).reserved == 7_500_000


def test_post_only_that_crosses_is_refused(venue: Any) -> None:
    """Section 6.1."""
    venue.rest("ask", "0.40", "10")
    crossing = venue.limit(venue.wallet, "BUY", "11", "0.40", "10", post_only=True)

    assert venue.refused(venue.wallet, crossing) == "invalid post-only order: order crosses book"
    assert venue.place(venue.wallet, "BUY", "11", "0.39", "10", post_only=True)["status"] == "live"


def test_fok_and_fak_cannot_be_post_only(venue: Any) -> None:
    """Section 5.1: postOnly only with GTC and GTD."""
    body = venue.limit(venue.wallet, "BUY", "11", "0.40", "10", "FAK", post_only=True)

    assert venue.refused(venue.wallet, body) == "Invalid order payload"


def test_buying_no_meets_yes_bids_as_a_mint(venue: Any) -> None:
    """Section 3: BUY NO at 1 - p matches a YES bid at p; the maker buys YES in its own terms."""
    bid = venue.place(venue.eoa, "BUY", "11", "0.60", "10")["orderID"]
    answer = venue.place(venue.wallet, "BUY", "12", "0.40", "10")

    assert (answer["makingAmount"], answer["takingAmount"]) == ("4", "10")
    trade = venue.ask(venue.wallet, "GET", "/data/trades", id=answer["tradeIDs"][0])[1]["data"][0]
    assert (trade["asset_id"], trade["price"], trade["trader_side"]) == ("12", "0.4", "TAKER")
    (part,) = trade["maker_orders"]
    assert (part["order_id"], part["asset_id"], part["price"], part["side"]) == (bid, "11", "0.6", "BUY")
    assert venue.sim.account_view(venue.eoa.owner).tokens == {"11": 10_000_000}
    assert venue.sim.account_view(venue.eoa.owner).cash == 994_000_000  # makers pay no fee
    assert venue.sim.account_view(venue.wallet.owner).cash == 1_000_000_000 - 4_000_000 - 120_000


def test_selling_both_outcomes_meets_as_a_merge(venue: Any) -> None:
    """Section 3: SELL NO at 1 - p matches a SELL of YES at p."""
    venue.rest("ask", "0.50", "10")
    venue.rest("bid", "0.40", "10")
    venue.place(venue.eoa, "BUY", "11", "0.50", "10")
    venue.place(venue.wallet, "BUY", "12", "0.60", "10")
    venue.wait(5)
    venue.place(venue.eoa, "SELL", "11", "0.55", "10")
    answer = venue.place(venue.wallet, "SELL", "12", "0.45", "10")

    assert (answer["status"], answer["makingAmount"], answer["takingAmount"]) == ("matched", "10", "4.5")
    assert venue.sim.account_view(venue.eoa.owner).tokens == {}
    assert venue.sim.account_view(venue.wallet.owner).tokens == {}


def test_sell_pays_its_fee_out_of_proceeds(venue: Any) -> None:
    """Section 9: SELL: cash in = sum of price x size less the fee."""
    venue.rest("ask", "0.50", "100")
    venue.rest("bid", "0.30", "100")
    venue.place(venue.wallet, "BUY", "11", "0.50", "100")
    venue.wait(5)
    before = venue.sim.account_view(venue.wallet.owner).cash
    venue.place(venue.wallet, "SELL", "11", "0.30", "100", "FAK")

    assert venue.sim.account_view(venue.wallet.owner).cash == before + 30_000_000 - 1_050_000


def test_market_without_fee_schedule_charges_nothing(venue: Any) -> None:
    """Section 9: feesEnabled=false is 0."""
    venue.rest("ask", "0.50", "100", 7)
    venue.place(venue.wallet, "BUY", "71", "0.50", "100")

    assert venue.sim.account_view(venue.wallet.owner).cash == 950_000_000


def test_selling_needs_mined_shares(venue: Any) -> None:
    """Section 7.1: shares of a match that is not MINED cannot be sold."""
    venue.rest("ask", "0.50", "10")
    venue.rest("bid", "0.40", "10")
    venue.place(venue.wallet, "BUY", "11", "0.50", "10")
    venue.wait(1)
    text = venue.refused(venue.wallet, venue.limit(venue.wallet, "SELL", "11", "0.40", "10", "FAK"))
    assert text == "not enough balance / allowance: the balance is not enough -> balance: 0, order amount: 10000000"

    venue.wait(1)

    assert venue.place(venue.wallet, "SELL", "11", "0.40", "10", "FAK")["status"] == "matched"


def test_own_orders_never_trade_with_each_other(venue: Any) -> None:
    """A taker cancels its own resting order in the way, mirrored tokens included (16.13: undocumented; the safe choice)."""
    venue.rest("ask", "0.50", "10")
    venue.place(venue.wallet, "BUY", "12", "0.52", "10")
    answer = venue.place(venue.wallet, "BUY", "11", "0.50", "15")

    assert (answer["status"], answer["takingAmount"]) == ("matched", "10")
    assert venue.sim.account_view(venue.wallet.owner).open_orders == (answer["orderID"],)
    other = venue.place(venue.wallet, "BUY", "12", "0.60", "10")["orderID"]
    assert venue.sim.account_view(venue.wallet.owner).open_orders == (other,)
    post_only = venue.limit(venue.wallet, "BUY", "11", "0.50", "10", post_only=True)
    assert venue.refused(venue.wallet, post_only) == "invalid post-only order: order crosses book"


def test_price_time_priority_among_customers_and_accounts(venue: Any) -> None:
    """The first at a price trades first."""
    venue.rest("bid", "0.50", "10")
    mine = venue.place(venue.wallet, "BUY", "11", "0.50", "10")["orderID"]
    taken = venue.sim.customer_take(venue.market(), "ask", Price(5000), Size(15_000_000))

    assert taken == 15_000_000
    order = venue.ask(venue.wallet, "GET", f"/data/order/{mine}")[1]
    assert order["size_matched"] == "5"


def test_batch_holds_at_most_fifteen_orders(venue: Any) -> None:
    """Section 7.1."""
    bodies = [venue.limit(venue.wallet, "BUY", "11", "0.10", "10") for _ in range(16)]

    status, answer = venue.ask(venue.wallet, "POST", "/orders", bodies)

    assert (status, answer["error"]) == (400, "Too many orders in payload: 16, max allowed: 15")
    assert len(venue.ask(venue.wallet, "POST", "/orders", bodies[:15])[1]) == 15


def test_refused_leg_of_a_batch_says_success_with_a_reason(venue: Any) -> None:
    """Section 7.1: success:true, empty orderID, errorMsg; the order of legs is kept."""
    good = venue.limit(venue.wallet, "BUY", "11", "0.40", "10")
    bad = venue.limit(venue.wallet, "BUY", "11", "0.40", "1")

    status, (first, second) = venue.ask(venue.wallet, "POST", "/orders", [bad, good])

    assert status == 200
    assert (first["success"], first["orderID"], second["status"]) == (True, "", "live")
    assert "lower than the minimum" in first["errorMsg"]


def test_unknown_token_is_404(venue: Any) -> None:
    """Section 7.4: 404 for anything not found; a market of an unknown version has no book."""
    assert venue.post(venue.wallet, venue.limit(venue.wallet, "BUY", "81", "0.40", "10"))[0] == 404


def test_closed_market_takes_no_orders(venue: Any) -> None:
    """Section 7.4."""
    text = venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "91", "0.40", "10"))

    assert text == "the market is not yet ready to process new orders"


def test_restricted_addresses_are_told(venue: Any) -> None:
    """Section 7.4: banned, and closed only (which may still sell)."""
    venue.sim.restrict(venue.wallet.owner, closed_only=True)
    text = venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.40", "10"))
    assert text.endswith("address in closed only mode")

    venue.sim.restrict(venue.wallet.owner, banned=True)

    text = venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.40", "10"))
    assert text.endswith("address banned")


@pytest.mark.parametrize(
    "change",
    [{"salt": "12"}, {"salt": 1 << 53}, {"side": 0}, {"makerAmount": "x"}, {"makerAmount": "-1"}, {"signature": "ab"},
     {"maker": "0x12"}, {"metadata": "0x"}, {"tokenId": None}, {"signatureType": True}, {"makerAmount": str(1 << 256)}],
)  # fmt: skip
def test_malformed_orders_are_invalid_payloads(venue: Any, change: dict[str, Any]) -> None:
    """Section 7.4: Invalid order payload, whatever the field."""
    assert (
        venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.40", "10", change=change))
        == "Invalid order payload"
    )


@pytest.mark.parametrize("body", [None, [], "x", 5, {}, {"order": 1}, {"order": {}, "orderType": "MARKET"}])
def test_malformed_bodies_are_invalid_payloads(venue: Any, body: Any) -> None:
    """A body of any other shape is a 400, never an exception."""
    assert venue.refused(venue.wallet, body) == "Invalid order payload"


def test_cancels_by_id_list_market_and_all(venue: Any) -> None:
    """Section 7.1: canceled and not_canceled with reasons, 200 always."""
    one, two, three, four = (venue.place(venue.wallet, "BUY", t, "0.10", "10")["orderID"] for t in ("11", "12", "71", "71"))
    other = venue.place(venue.eoa, "BUY", "11", "0.10", "10")["orderID"]

    assert venue.ask(venue.wallet, "DELETE", "/order", {"orderID": one}) == (200, {"canceled": [one], "not_canceled": {}})
    answer = venue.ask(venue.wallet, "DELETE", "/orders", [one, two, other])[1]
    assert answer["canceled"] == [two]
    assert answer["not_canceled"] == {one: "already canceled or matched", other: "Order not found or already canceled"}
    found = venue.ask(venue.wallet, "DELETE", "/cancel-market-orders", {"market": venue.market(7), "asset_id": "71"})[1]
    assert found["canceled"] == [three, four]
    last = venue.place(venue.wallet, "BUY", "11", "0.10", "10")["orderID"]
    assert venue.ask(venue.wallet, "DELETE", "/cancel-all")[1]["canceled"] == [last]
    assert venue.sim.account_view(venue.wallet.owner).reserved == 0


def test_finished_order_reads_as_empty_or_404(venue: Any) -> None:
    """Section 7.1: /data/order answers for active orders only."""
    order = venue.place(venue.wallet, "BUY", "11", "0.10", "10")["orderID"]
    venue.ask(venue.wallet, "DELETE", "/order", {"orderID": order})

    answers = {venue.ask(venue.wallet, "GET", f"/data/order/{order}")[0] for _ in range(20)}

    assert answers == {200, 404}


def test_orders_page_by_cursor(venue: Any) -> None:
    """Section 7.1: start MA==, end LTE=."""
    venue.sim.settings.page = 2
    placed = [venue.place(venue.wallet, "BUY", "11", "0.10", "10")["orderID"] for _ in range(3)]

    first = venue.ask(venue.wallet, "GET", "/data/orders", next_cursor="MA==")[1]
    second = venue.ask(venue.wallet, "GET", "/data/orders", next_cursor=first["next_cursor"])[1]

    assert [row["id"] for row in first["data"] + second["data"]] == placed
    assert (first["count"], second["count"], second["next_cursor"]) == (2, 1, "LTE=")
    assert venue.ask(venue.wallet, "GET", "/data/orders", next_cursor="LTE=")[1]["data"] == []
