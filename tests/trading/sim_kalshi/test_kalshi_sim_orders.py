"""Orders on the simulated Kalshi: kalshi.md 14, points 1 to 3, with the tables of section 7."""

import json
from typing import Any

import pytest

FOK, GTC = "fill_or_kill", "good_till_canceled"


def test_14_1_no_orders_are_asks_and_takers_get_maker_prices(bench: Any) -> None:
    """Buying NO at 0.45 is an ask at 0.55; it fills at the better bids first, and the average is of the YES leg."""
    bench.flow("bid", "0.5700", "10")
    bench.flow("bid", "0.5600", "10")
    status, body = bench.place("ask", "0.5500", "15.00")

    assert status == 201
    assert (body["fill_count"], body["remaining_count"]) == ("15.00", "0.00")
    assert body["average_fill_price"] == "0.566667"
    assert bench.sim.account_view("alice").positions == {bench.gsw: -15_000_000}


def test_14_1_fills_split_per_maker_order(bench: Any) -> None:
    """Each resting order that was hit is a fill of its own, fractions included."""
    bench.flow("ask", "0.5000", "1.5")
    bench.flow("ask", "0.5000", "2")
    bench.place("bid", "0.5000", "2.25")

    fills = bench.get("/portfolio/fills")["fills"]
    assert [fill["count_fp"] for fill in fills] == ["0.75", "1.50"]
    assert len({fill["fill_id"] for fill in fills}) == 2


@pytest.mark.parametrize(
    ("depth", "filled", "status"), [("10", "10.00", "executed"), ("4", "4.00", "canceled"), (None, "0.00", "canceled")]
)
def test_7_2_immediate_or_cancel(bench: Any, depth: str | None, filled: str, status: str) -> None:
    """IOC is 201 whatever fills; the remainder is cancelled; averages stand only after a fill."""
    if depth:
        bench.flow("ask", "0.5000", depth)
    code, body = bench.place("bid", "0.5000", "10.00")
    order = bench.order(body["order_id"])

    assert (code, body["fill_count"], body["remaining_count"]) == (201, filled, "0.00")
    assert ("average_fill_price" in body) == ("average_fee_paid" in body) == (filled != "0.00")
    assert (order["status"], order["fill_count_fp"], order["initial_count_fp"]) == (status, filled, "10.00")
    assert "order" not in body and "status" not in body


def test_7_2_fill_or_kill_fills_whole_or_is_409(bench: Any) -> None:
    """A killed FOK is 409 without an order, moves nothing, and burns its client id."""
    bench.flow("ask", "0.5000", "9.99")
    killed = bench.place("bid", "0.5000", "10.00", time_in_force=FOK, client_order_id="once")

    assert bench.code(killed) == (409, "fill_or_kill_insufficient_resting_volume")
    assert bench.get("/portfolio/orders")["orders"] == []
    assert bench.sim.books[bench.gsw].levels("ask") == [(5000, 9_990_000)]
    bench.flow("ask", "0.5000", "1")
    again = bench.place("bid", "0.5000", "10.00", time_in_force=FOK, client_order_id="once")
    assert bench.code(again) == (409, "order_already_exists")
    assert bench.place("bid", "0.5000", "10.00", time_in_force=FOK)[1]["fill_count"] == "10.00"


def test_7_2_good_till_canceled_rests_the_remainder(bench: Any) -> None:
    """GTC fills what it can, rests the rest, and executes when that is taken."""
    bench.flow("ask", "0.5000", "4")
    _, body = bench.place("bid", "0.5000", "10.00", time_in_force=GTC)

    assert (body["fill_count"], body["remaining_count"]) == ("4.00", "6.00")
    assert bench.order(body["order_id"])["status"] == "resting"
    assert bench.sim.customer_take(bench.gsw, "ask", bench.price("0.5000"), bench.size("9")) == 6_000_000
    assert bench.order(body["order_id"])["status"] == "executed"


def test_7_4_duplicate_client_id_is_409_also_after_the_order_ended(bench: Any) -> None:
    """A used id is refused again; another member may use it."""
    bench.place("bid", "0.5000", "1.00", client_order_id="same")

    assert bench.code(bench.place("bid", "0.4000", "1.00", client_order_id="same")) == (409, "order_already_exists")
    assert bench.place("bid", "0.5000", "1.00", client_order_id="same", who=bench.bob)[0] == 201


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": "0.5650"}, "invalid_price"),
        ({"price": "0.0000"}, "invalid_price"),
        ({"price": "1.0000"}, "invalid_price"),
        ({"price": "1.5000"}, "invalid_price"),
        ({"price": 0.5}, "invalid_parameters"),
        ({"count": "0.00"}, "invalid_parameters"),
        ({"count": "1.005"}, "invalid_parameters"),
        ({"count": 3}, "invalid_parameters"),
        ({"side": "buy"}, "invalid_parameters"),
        ({"time_in_force": "GTT"}, "invalid_parameters"),
        ({"self_trade_prevention_type": None}, "invalid_parameters"),
        ({"client_order_id": "a" * 65}, "invalid_parameters"),
        ({"client_order_id": "a b"}, "invalid_parameters"),
        ({"expiration_time": 1_790_000_100}, "invalid_order"),
        ({"expiration_time": 1, "time_in_force": GTC}, "invalid_order"),
        ({"reduce_only": True, "time_in_force": GTC}, "invalid_order"),
        ({"reduce_only": True, "time_in_force": FOK}, "invalid_order"),
        ({"post_only": True}, "invalid_order"),
        ({"subaccount": 5}, "invalid_parameters"),
    ],
)
def test_14_2_bad_requests_are_400_and_use_no_id(bench: Any, change: dict[str, Any], code: str) -> None:
    """A malformed order is refused by name and leaves no trace: its client id is still free."""
    body = bench.order_body("bid", "0.5000", "1.00", client_order_id="kept") | change
    answer = bench.call("POST", "/portfolio/events/orders", "", body)

    assert answer.status == 400 and f'"code":"{code}"'.encode() in answer.body
    assert bench.place("bid", "0.5000", "1.00", client_order_id="kept")[0] == 201


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b'{"ticker": 5}'])
def test_14_2_unreadable_bodies_are_400(bench: Any, body: bytes) -> None:
    """Whatever bytes come, the answer is a 400 with the nested error."""
    request = bench.replace(bench.request("POST", "/portfolio/events/orders"), body=body)

    assert bench.sim.handle(request).status == 400


def test_14_2_post_only_that_crosses_is_cancelled(bench: Any) -> None:
    """post_only never takes: 201, nothing filled, reason PostOnlyCrossCancel; one that does not cross rests."""
    bench.flow("ask", "0.5000", "4")
    session = bench.connect()
    bench.subscribe(session, "user_orders")
    _, crossed = bench.place("bid", "0.5000", "1.00", time_in_force=GTC, post_only=True)
    _, rested = bench.place("bid", "0.4900", "1.00", time_in_force=GTC, post_only=True)

    assert (crossed["fill_count"], crossed["remaining_count"]) == ("0.00", "0.00")
    assert bench.frames(session)[0]["msg"]["last_update_reason"] == "PostOnlyCrossCancel"
    assert rested["remaining_count"] == "1.00"


def test_14_2_reduce_only_caps_at_the_position(bench: Any) -> None:
    """Selling 10 with 3 held sells 3; with none held it sells nothing."""
    bench.flow("ask", "0.5000", "3")
    bench.flow("bid", "0.4000", "50")
    bench.place("bid", "0.5000", "3.00")
    _, first = bench.place("ask", "0.4000", "10.00", reduce_only=True)
    _, second = bench.place("ask", "0.4000", "10.00", reduce_only=True)

    assert (first["fill_count"], second["fill_count"]) == ("3.00", "0.00")
    assert bench.sim.account_view("alice").positions == {}


def test_14_2_taker_at_cross_stops_at_the_own_order(bench: Any) -> None:
    """Earlier fills stand, the taker's remainder is cancelled, the own resting order stays."""
    bench.flow("ask", "0.5000", "2")
    own = bench.rest("ask", "0.5100", "5.00")
    bench.flow("ask", "0.5200", "9")
    _, body = bench.place("bid", "0.5300", "10.00", time_in_force=GTC)

    assert (body["fill_count"], body["remaining_count"]) == ("2.00", "0.00")
    assert bench.order(body["order_id"])["status"] == "canceled"
    assert bench.order(own)["status"] == "resting"


def test_14_2_maker_prevention_cancels_the_own_order_and_goes_on(bench: Any) -> None:
    """The resting own order dies with SelfTradeCancel; matching continues behind it."""
    own = bench.rest("ask", "0.5100", "5.00")
    bench.flow("ask", "0.5200", "9")
    _, body = bench.place("bid", "0.5300", "8.00", self_trade_prevention_type="maker")

    assert body["fill_count"] == "8.00"
    assert bench.order(own)["status"] == "canceled"


def test_14_2_fill_or_kill_counts_only_what_it_may_trade(bench: Any) -> None:
    """Own resting orders are no liquidity for a FOK, and with taker_at_cross neither is what stands behind them."""
    bench.rest("ask", "0.5000", "5.00")
    bench.flow("ask", "0.5100", "5")

    assert bench.place("bid", "0.5100", "5.00", time_in_force=FOK)[0] == 409
    status, body = bench.place("bid", "0.5100", "5.00", time_in_force=FOK, self_trade_prevention_type="maker")
    assert (status, body["fill_count"]) == (201, "5.00")


def test_7_1_expiring_order_leaves_at_its_second(bench: Any) -> None:
    """A GTC with expiration_time rests until then, is due by then, and dies with ExpiryCancel."""
    order = bench.rest("bid", "0.4000", "1.00", expiration_time=1_790_000_060)

    assert bench.sim.next_due() == bench.clock.mono_ns() + 60_000_000_000
    bench.advance(59)
    assert bench.order(order)["status"] == "resting"
    bench.advance(1)
    assert bench.order(order)["status"] == "canceled"
    assert bench.sim.books[bench.gsw].levels("bid") == []


def test_14_3_wrong_shard_is_market_not_found(bench: Any) -> None:
    """An explicit exchange_index must be the market's own."""
    assert bench.code(bench.place("bid", "0.5", "1", ticker=bench.mlb, exchange_index=0)) == (404, "market_not_found")
    assert bench.place("bid", "0.5", "1", ticker=bench.mlb, exchange_index=3)[0] == 201
    assert bench.place("bid", "0.5", "1", ticker=bench.mlb, exchange_index=-1)[0] == 201
    assert bench.code(bench.place("bid", "0.5", "1", ticker="NOPE")) == (404, "market_not_found")


def test_14_3_unfunded_shard(bench: Any) -> None:
    """Without a profile on the shard: auto-route says user_not_found, an explicit shard insufficient_balance."""
    assert bench.code(bench.place("bid", "0.5", "1", ticker=bench.btc)) == (404, "user_not_found")
    assert bench.code(bench.place("bid", "0.5", "1", ticker=bench.btc, exchange_index=2)) == (400, "insufficient_balance")


def test_14_3_cancel_needs_a_route_beyond_shard_0(bench: Any) -> None:
    """Without market_ticker or exchange_index a cancel looks on shard 0 only."""
    order = bench.rest("bid", "0.4000", "2.00", ticker=bench.mlb)
    path = f"/portfolio/events/orders/{order}"

    assert bench.call("DELETE", path).status == 404
    assert bench.call("DELETE", path, "exchange_index=0").status == 404
    assert bench.call("DELETE", path, "exchange_index=-1").status == 400
    done = bench.call("DELETE", path, f"market_ticker={bench.mlb}")
    assert done.status == 200 and b'"reduced_by":"2.00"' in done.body
    assert bench.call("DELETE", path, "exchange_index=3").status == 404


def test_7_3_cancel_of_a_filled_or_foreign_order_is_404(bench: Any) -> None:
    """Gone, filled and not ours look the same."""
    bench.flow("ask", "0.5000", "2")
    _, body = bench.place("bid", "0.5000", "2.00")
    theirs = bench.rest("bid", "0.4000", "1.00", who=bench.bob)

    for order in (body["order_id"], theirs, "unknown"):
        assert bench.call("DELETE", f"/portfolio/events/orders/{order}").status == 404


def test_7_3_cancel_all_is_204_over_all_shards(bench: Any) -> None:
    """One call, every shard, nobody else's orders."""
    bench.rest("bid", "0.4000", "1.00")
    bench.rest("bid", "0.4000", "1.00", ticker=bench.mlb)
    bench.rest("bid", "0.4000", "1.00", who=bench.bob)
    answer = bench.call("DELETE", "/portfolio/events/orders")

    assert (answer.status, answer.body) == (204, b"")
    assert bench.sim.account_view("alice").open_orders == 0
    assert bench.sim.account_view("bob").open_orders == 1


def amend(bench: Any, order: str, price: str, count: str, **more: Any) -> tuple[int, Any]:
    body = {"ticker": bench.gsw, "side": "bid", "price": price, "count": count, **more}
    answer = bench.call("POST", f"/portfolio/events/orders/{order}/amend", "", body)
    return answer.status, json.loads(answer.body)


def test_7_3_amend_smaller_keeps_the_queue_place_bigger_loses_it(bench: Any) -> None:
    """The order of fills tells who stood first."""
    order = bench.rest("bid", "0.4000", "5.00")
    bench.flow("bid", "0.4000", "5")
    status, body = amend(bench, order, "0.4000", "3.00")
    assert (status, body["remaining_count"], body["fill_count"]) == (200, "3.00", "0.00")
    bench.sim.customer_take(bench.gsw, "ask", bench.price("0.4"), bench.size("1"))
    assert bench.order(order)["fill_count_fp"] == "1.00"

    status, body = amend(bench, order, "0.4000", "6.00")
    assert (status, body["remaining_count"]) == (200, "5.00")
    bench.sim.customer_take(bench.gsw, "ask", bench.price("0.4"), bench.size("1"))
    assert bench.order(order)["fill_count_fp"] == "1.00"


def test_7_3_amend_can_cross_and_fill(bench: Any) -> None:
    """A new price meets the book like a new order; the answer tells of this amend's fills only."""
    order = bench.rest("bid", "0.4000", "5.00")
    bench.flow("ask", "0.4500", "2")
    _, body = amend(bench, order, "0.4500", "5.00", updated_client_order_id="next")

    assert (body["fill_count"], body["remaining_count"], body["average_fill_price"]) == ("2.00", "3.00", "0.4500")
    assert body["client_order_id"] == bench.order(order)["client_order_id"] == "next"


def test_7_3_amend_expiry_only(bench: Any) -> None:
    """expiration_time sets, 0 removes, absent keeps; sizes are not told when nothing changed."""
    order = bench.rest("bid", "0.4000", "5.00")
    _, body = amend(bench, order, "0.4000", "5.00", expiration_time=1_790_000_060)
    assert "remaining_count" not in body and "expiration_time" in bench.order(order)
    amend(bench, order, "0.4000", "5.00", expiration_time=0)
    bench.advance(61)

    assert bench.order(order)["status"] == "resting"


def test_7_3_decrease_by_to_and_to_nothing(bench: Any) -> None:
    """Exactly one of reduce_by and reduce_to; 0 left is cancelled."""
    order = bench.rest("bid", "0.4000", "5.00")
    path = f"/portfolio/events/orders/{order}/decrease"

    assert b'"remaining_count":"3.00"' in bench.call("POST", path, "", {"reduce_by": "2.00"}).body
    assert b'"remaining_count":"1.50"' in bench.call("POST", path, "", {"reduce_to": "1.50"}).body
    assert bench.call("POST", path, "", {"reduce_to": "1", "reduce_by": "1"}).status == 400
    assert b'"remaining_count":"0.00"' in bench.call("POST", path, "", {"reduce_to": "0.00"}).body
    assert bench.order(order)["status"] == "canceled"


def test_7_3_batches_answer_item_by_item(bench: Any) -> None:
    """A batch is 201 though an item failed; the failed one carries its error, the others stand."""
    good, bad = bench.order_body("bid", "0.4", "1", time_in_force=GTC), bench.order_body("bid", "0.405", "1")
    answer = bench.call("POST", "/portfolio/events/orders/batched", "", {"orders": [good, bad]})
    placed = json.loads(answer.body)["orders"]
    assert answer.status == 201
    assert placed[1]["error"]["code"] == "invalid_price" and "order_id" not in placed[1]

    rows = [{"order_id": placed[0]["order_id"], "exchange_index": 0}, {"order_id": "gone"}]
    answer = bench.call("DELETE", "/portfolio/events/orders/batched", "", {"orders": rows})
    done = json.loads(answer.body)["orders"]
    assert answer.status == 200
    assert [row["reduced_by"] for row in done] == ["1.00", "0.00"] and done[1]["error"]["code"] == "order_not_found"


def test_7_7_legacy_order_writes_are_410(bench: Any) -> None:
    """The removed write family answers 410; its reads live on."""
    for method, path in (
        ("POST", "/portfolio/orders"),
        ("DELETE", "/portfolio/orders/x"),
        ("POST", "/portfolio/orders/x/amend"),
    ):
        answer = bench.call(method, path, "", {})
        assert answer.status == 410 and b"deprecated_v1_order_endpoint" in answer.body


def test_2_lapsed_attestation_refuses_sports_only(make_bench: Any) -> None:
    """Without a valid location attestation sports orders are 403, crypto goes on."""
    bench = make_bench(attested_until=1_700_000_000, balances={0: 10**9, 2: 10**9})

    assert bench.place("bid", "0.5", "1")[0] == 403
    assert bench.place("bid", "0.5", "1", ticker=bench.btc)[0] == 201


def test_arrival_runs_just_before_the_order_meets_the_book(bench: Any) -> None:
    """A rival called at arrival takes the displayed size first."""
    bench.flow("ask", "0.5000", "10")
    heard = []

    def rival(ticker: str, order: Any) -> None:
        heard.append((ticker, order.side, order.price, order.remaining))
        bench.sim.customer_take(ticker, "bid", order.price, bench.size("7"))

    bench.sim.arrival = rival
    _, body = bench.place("bid", "0.5000", "10.00")

    assert body["fill_count"] == "3.00"
    assert heard == [(bench.gsw, "bid", 5000, 10_000_000)]


def test_two_customers_of_the_same_name_trade(bench: Any) -> None:
    """ "flow" is many people: its takers and crossing orders meet what "flow" rests, and no book stands crossed."""
    bench.flow("ask", "0.5000", "4")
    crossing = bench.flow("bid", "0.5100", "6")

    assert bench.sim.books[bench.gsw].levels("ask") == []
    assert bench.sim.customer_take(bench.gsw, "ask", bench.price("0.5"), bench.size("1")) == 1_000_000
    bench.sim.customer_cancel(crossing)
    assert bench.sim.books[bench.gsw].levels("bid") == []
