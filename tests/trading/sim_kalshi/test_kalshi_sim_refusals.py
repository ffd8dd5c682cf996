"""Every refusal of the simulated Kalshi with the venue's own status and body (kalshi.md 3, 7), as one table.

A body is {"error": {"code", "message", "details"?}}, all strings, but for the 429, which is a string.
"""

import json
from typing import Any

import pytest

from trading.sim.kalshi_faults import KalshiFaults

ORDERS, GROUPS = "/portfolio/events/orders", "/portfolio/order_groups"
MOVE = "/portfolio/intra_exchange_instance_transfer"
GTC = "good_till_canceled"
Ask = tuple[str, str, str, Any]
"""Method, path, query, body."""


def order(bench: Any, **change: Any) -> Ask:
    return "POST", ORDERS, "", bench.order_body("bid", "0.5000", "1.00") | change


def on_order(bench: Any, order_id: str, act: str, **body: Any) -> Ask:
    return "POST", f"{ORDERS}/{order_id}/{act}", "", body


def amended(bench: Any, order_id: str, **change: Any) -> Ask:
    return on_order(bench, order_id, "amend", ticker=bench.gsw, side="bid", price="0.3000", count="1.00", **change)


def filled(bench: Any) -> str:
    bench.flow("ask", "0.5000", "1")
    return str(bench.place("bid", "0.5", "1.00")[1]["order_id"])


def used(bench: Any) -> Ask:
    bench.place("bid", "0.5", "1.00", client_order_id="same")
    return order(bench, client_order_id="same")


def taken(bench: Any) -> Ask:
    bench.rest("bid", "0.3", "1", client_order_id="other")
    return amended(bench, bench.rest("bid", "0.3", "1"), updated_client_order_id="other")


def thrown(bench: Any, fault: str, ask: Ask) -> Ask:
    KalshiFaults(bench.sim).throw(fault)
    return ask


def cancel(order_id: str, query: str = "exchange_index=0") -> Ask:
    return "DELETE", f"{ORDERS}/{order_id}", query, None


def tripped(bench: Any) -> Ask:
    group = json.loads(bench.call("POST", f"{GROUPS}/create", "", {"contracts_limit": 1}).body)["order_group_id"]
    bench.call("PUT", f"{GROUPS}/{group}/trigger")
    return order(bench, order_group_id=group)


def other_shard(bench: Any) -> Ask:
    group = json.loads(bench.call("POST", f"{GROUPS}/create", "", {"contracts_limit": 1}).body)["order_group_id"]
    return order(bench, order_group_id=group, ticker=bench.mlb)


def move(**change: Any) -> Ask:
    body = {"source": "event_contract", "destination": "event_contract", "amount": 100, "destination_exchange_shard": 3}
    return "POST", MOVE, "", body | change


def moved(bench: Any) -> Ask:
    again = move(client_transfer_id="6b1f1d6e-2f5a-4a5e-9d0a-1b2c3d4e5f60")
    assert bench.call(*again).status == 200
    return again


REFUSALS: list[tuple[str, Any, int, str]] = [
    # kalshi.md 3: what the status table says
    ("off the grid", lambda b: order(b, price="0.5050"), 400, "invalid_price"),
    ("price zero", lambda b: order(b, price="0.0000"), 400, "invalid_price"),
    ("price one", lambda b: order(b, price="1.0000"), 400, "invalid_price"),
    ("no ticker", lambda b: order(b, ticker=None), 400, "invalid_parameters"),
    ("bad side", lambda b: order(b, side="yes"), 400, "invalid_parameters"),
    ("bad count", lambda b: order(b, count="0.001"), 400, "invalid_parameters"),
    ("bad tif", lambda b: order(b, time_in_force="day"), 400, "invalid_parameters"),
    ("no stp", lambda b: order(b, self_trade_prevention_type=None), 400, "invalid_parameters"),
    ("long client id", lambda b: order(b, client_order_id="x" * 65), 400, "invalid_parameters"),
    ("no such subaccount", lambda b: order(b, subaccount=7), 400, "invalid_parameters"),
    ("too poor", lambda b: order(b, count="9999.00"), 400, "insufficient_balance"),
    ("unknown path", lambda b: ("GET", "/nothing", "", None), 404, "not_found"),
    ("wrong method", lambda b: ("PUT", "/markets", "", None), 405, "method_not_allowed"),
    ("bad filter", lambda b: ("GET", "/portfolio/orders", "status=open", None), 400, "invalid_parameters"),
    ("too many filters", lambda b: ("GET", "/portfolio/fills", "ticker=" + "X," * 101, None), 400, "invalid_parameters"),
    ("bad count_filter", lambda b: ("GET", "/portfolio/positions", "count_filter=x", None), 400, "invalid_parameters"),
    # 7.1, 7.2
    ("reduce_only rests", lambda b: order(b, reduce_only=True, time_in_force=GTC), 400, "invalid_order"),
    ("IOC expires", lambda b: order(b, expiration_time=1_790_000_900), 400, "invalid_order"),
    ("expired", lambda b: order(b, expiration_time=1, time_in_force=GTC), 400, "invalid_order"),
    ("wrong shard", lambda b: order(b, exchange_index=2), 404, "market_not_found"),
    ("unknown market", lambda b: order(b, ticker="KXNONE-1"), 404, "market_not_found"),
    ("no profile on the shard", lambda b: order(b, ticker=b.btc), 404, "user_not_found"),
    ("killed", lambda b: order(b, time_in_force="fill_or_kill"), 409, "fill_or_kill_insufficient_resting_volume"),
    ("duplicate", used, 409, "order_already_exists"),
    ("closed", lambda b: thrown(b, "early_close", order(b, ticker=b.uta)), 400, "MARKET_INACTIVE"),
    ("paused", lambda b: thrown(b, "pause", order(b)), 400, "trading_is_paused"),
    ("exchange paused", lambda b: thrown(b, "pause_exchange", order(b)), 400, "exchange_is_paused"),
    ("not attested", lambda b: thrown(b, "lapse_attestation", order(b)), 403, "region_attestation_expired"),
    ("overloaded", lambda b: thrown(b, "503", order(b)), 503, "service_unavailable"),
    # 7.3
    ("cancel nothing", lambda b: cancel("unknown"), 404, "order_not_found"),
    ("cancel a filled one", lambda b: cancel(filled(b)), 404, "order_not_found"),
    ("cancel without a route", lambda b: cancel(b.rest("bid", "0.3", "1", ticker=b.mlb), ""), 404, "order_not_found"),
    ("cancel auto without ticker", lambda b: cancel("x", "exchange_index=-1"), 400, "invalid_parameters"),
    ("cancel in a pause", lambda b: thrown(b, "pause_exchange", cancel(b.rest("bid", "0.3", "1"))), 400, "exchange_is_paused"),
    ("amend nothing", lambda b: amended(b, "unknown"), 404, "order_not_found"),
    ("amend the side", lambda b: amended(b, b.rest("ask", "0.9", "1")), 400, "invalid_order"),
    ("amend into a used id", taken, 409, "order_already_exists"),
    ("amend in a pause", lambda b: thrown(b, "pause", amended(b, b.rest("bid", "0.3", "1"))), 400, "trading_is_paused"),
    ("decrease both ways", lambda b: on_order(b, "x", "decrease", reduce_by="1", reduce_to="1"), 400, "invalid_parameters"),
    ("decrease nothing", lambda b: on_order(b, "x", "decrease", reduce_by="1"), 404, "order_not_found"),
    ("empty batch", lambda b: ("POST", f"{ORDERS}/batched", "", {"orders": []}), 400, "invalid_parameters"),
    # 7.5, 7.6, 8
    ("unknown order", lambda b: ("GET", "/portfolio/orders/x", "", None), 404, "order_not_found"),
    ("queue of all", lambda b: ("GET", "/portfolio/orders/queue_positions", "", None), 400, "invalid_parameters"),
    ("group without limit", lambda b: ("POST", f"{GROUPS}/create", "", {}), 400, "invalid_parameters"),
    ("unknown group", lambda b: ("GET", f"{GROUPS}/x", "", None), 404, "order_group_not_found"),
    ("order in no group", lambda b: order(b, order_group_id="x"), 404, "order_group_not_found"),
    ("order in a triggered group", tripped, 400, "order_group_triggered"),
    ("order on another shard than its group", other_shard, 400, "invalid_order"),
    ("subaccounts on Basic", lambda b: ("POST", "/portfolio/subaccounts", "", {}), 403, "insufficient_usage_level"),
    (
        "own key on Basic",
        lambda b: ("POST", "/api_keys", "", {"name": "k", "public_key": "p"}),
        403,
        "insufficient_usage_level",
    ),
    (
        "upgrade without an order",
        lambda b: ("POST", "/account/api_usage_level/upgrade", "", None),
        403,
        "upgrade_criteria_not_met",
    ),
    ("unknown key", lambda b: ("DELETE", "/api_keys/x", "", None), 404, "api_key_not_found"),
    ("move to itself", lambda b: move(destination_exchange_shard=0), 400, "invalid_parameters"),
    ("move from perps", lambda b: move(source="margined"), 400, "invalid_parameters"),
    ("move to nowhere", lambda b: move(destination_exchange_shard=9), 400, "invalid_parameters"),
    ("move too much", lambda b: move(amount=10**9), 400, "insufficient_balance"),
    ("move again", moved, 409, "transfer_already_exists"),
    ("move while stopped", lambda b: thrown(b, "stop_transfers", move()), 400, "intra_exchange_transfers_paused"),
    ("unknown transfer", lambda b: ("GET", f"{MOVE}s/x", "", None), 404, "transfer_not_found"),
    (
        "allocation of 99",
        lambda b: ("POST", "/portfolio/target_balance_allocation", "", {"allocations": [{"exchange_index": 0, "percent": 99}]}),
        400,
        "invalid_parameters",
    ),
    # 5
    ("unknown series", lambda b: ("GET", "/series/X", "", None), 404, "series_not_found"),
    ("unknown event", lambda b: ("GET", "/events/X", "", None), 404, "event_not_found"),
    ("no metadata", lambda b: ("GET", "/events/X/metadata", "", None), 404, "event_not_found"),
    ("unknown market", lambda b: ("GET", "/markets/X", "", None), 404, "market_not_found"),
    ("unknown milestone", lambda b: ("GET", "/milestones/X", "", None), 404, "milestone_not_found"),
    ("no live data", lambda b: ("GET", "/live_data/milestone/X", "", None), 404, "live_data_not_found"),
    ("no live chart", lambda b: ("GET", f"/live_data/events/{b.gsw}", "", None), 404, "live_data_not_found"),
    ("unknown target", lambda b: ("GET", "/structured_targets/X", "", None), 404, "structured_target_not_found"),
    ("candles of nothing", lambda b: ("GET", "/series/X/markets/Y/candlesticks", "", None), 404, "market_not_found"),
    (
        "odd candles",
        lambda b: ("GET", f"/series/KXNBAGAME/markets/{b.gsw}/candlesticks", "start_ts=1&end_ts=2&period_interval=5", None),
        400,
        "invalid_parameters",
    ),
    ("not archived", lambda b: ("GET", f"/historical/markets/{b.gsw}", "", None), 404, "market_not_found"),
    # 7.7
    ("legacy create", lambda b: ("POST", "/portfolio/orders", "", {}), 410, "deprecated_v1_order_endpoint"),
    ("legacy cancel", lambda b: ("DELETE", "/portfolio/orders/x", "", None), 410, "deprecated_v1_order_endpoint"),
    ("legacy batch", lambda b: ("POST", "/portfolio/orders/batched", "", {}), 410, "deprecated_v1_order_endpoint"),
]


@pytest.mark.parametrize(("ask", "status", "code"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_each_refusal_has_its_status_and_nested_body(bench: Any, ask: Any, status: int, code: str) -> None:
    """Status and code as listed; code and message always, details where there is something to name; nothing else."""
    answer = bench.call(*ask(bench))
    body = json.loads(answer.body)

    assert (answer.status, body["error"]["code"]) == (status, code)
    assert set(body) == {"error"} and {"code", "message"} <= set(body["error"]) <= {"code", "message", "details"}
    assert all(isinstance(value, str) and value for value in body["error"].values())


def test_a_throttled_call_is_a_string(bench: Any) -> None:
    """{"error": "too many requests"}, whichever way the limit was met."""
    for fault, method, path in (("429", "POST", ORDERS), ("read_429", "GET", "/markets")):
        KalshiFaults(bench.sim).throw(fault)
        answer = bench.call(method, path, "", bench.order_body("bid", "0.3", "1") if method == "POST" else None)
        assert (answer.status, json.loads(answer.body)) == (429, {"error": "too many requests"})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kalshi-access-key": ""}, "missing_headers"),
        ({"kalshi-access-timestamp": "soon"}, "invalid_timestamp"),
        ({"kalshi-access-timestamp": "1"}, "header_timestamp_expired"),
        ({"kalshi-access-key": "nobody"}, "authentication_error"),
        ({"kalshi-access-signature": "AAAA"}, "authentication_error"),
    ],
)
def test_each_401_has_the_nested_body(bench: Any, change: dict[str, str], code: str) -> None:
    """Only clock and missing headers are told apart; key, path and signature are not."""
    good = bench.request("GET", "/portfolio/orders")
    answer = bench.sim.handle(bench.replace(good, headers={**good.headers, **change}))

    assert answer.status == 401 and json.loads(answer.body)["error"]["code"] == code


def test_a_scope_and_a_lock_are_403(make_bench: Any) -> None:
    """A key without the scope, and a key locked to a subaccount that names another."""
    bench = make_bench(scopes={"key-alice": frozenset({"read"})})
    assert bench.code(bench.place("bid", "0.5", "1")) == (403, "insufficient_scope")
    locked = make_bench(locked={"key-alice": 0})

    assert locked.code(locked.place("bid", "0.5", "1", subaccount=1)) == (403, "subaccount_restricted")
    assert locked.place("bid", "0.5", "1", subaccount=0)[0] == 201
    assert locked.call("GET", "/portfolio/orders", "subaccount=1").status == 403
    assert locked.call("POST", "/portfolio/target_balance_allocation", "", {"allocations": []}).status == 403
