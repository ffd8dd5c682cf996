"""Subaccounts, transfers, allocation, keys, tiers and queue places on the simulated Kalshi (kalshi.md 2, 7.5, 7.6, 8, 10)."""

import json
from typing import Any

import pytest

from trading.sim.kalshi_faults import KalshiFaults

MOVE = "/portfolio/intra_exchange_instance_transfer"
ID = "6b1f1d6e-2f5a-4a5e-9d0a-1b2c3d4e5f60"
GTC = "good_till_canceled"


def ok(bench: Any, method: str, path: str, body: Any = None, **more: Any) -> Any:
    answer = bench.call(method, path, "", body, **more)
    assert answer.status < 300, answer.body
    return json.loads(answer.body) if answer.body else None


def move(bench: Any, amount: int, source: int = 0, target: int = 3, **more: Any) -> Any:
    body = {"source": "event_contract", "destination": "event_contract", "amount": amount}
    return ok(bench, "POST", MOVE, body | {"source_exchange_shard": source, "destination_exchange_shard": target, **more})


@pytest.fixture
def split(bench: Any) -> Any:
    """A member on Advanced with subaccount 1, which has 50 dollars."""
    bench.sim.limits.tiers["alice"] = "advanced"
    assert ok(bench, "POST", "/portfolio/subaccounts", {}) == {"subaccount_number": 1}
    gift = {"client_transfer_id": ID, "from_subaccount": 0, "to_subaccount": 1, "amount_cents": 5_000}
    ok(bench, "POST", "/portfolio/subaccounts/transfer", gift)
    return bench


def test_8_a_transfer_leaves_at_once_and_arrives_later(bench: Any) -> None:
    """pending, then complete; the money is nowhere in between; centicents are 1/10,000 dollar."""
    given = move(bench, 1_000_000)["transfer_id"]
    assert (bench.cash(0), bench.cash(3)) == (900_000_000, 1_000_000_000)
    assert bench.get(f"{MOVE}s/{given}")["transfer"]["status"] == "pending"
    bench.advance(1)
    row = bench.get(f"{MOVE}s/{given}")["transfer"]

    assert (row["status"], row["amount"]) == ("complete", "100.000000")
    assert bench.cash(3) == 1_100_000_000


def test_8_a_transfer_opens_a_profile_on_a_new_shard(bench: Any) -> None:
    """A shard without a profile refuses auto-routed orders until money arrives."""
    assert bench.place("bid", "0.5", "1", ticker=bench.btc)[0] == 404
    move(bench, 100_000, target=2)
    bench.advance(1)

    assert bench.place("bid", "0.5", "1", ticker=bench.btc)[0] == 201


def test_8_what_resting_orders_hold_cannot_move(bench: Any) -> None:
    """Only free cash leaves; a stopped exchange of money says so in its status."""
    bench.rest("bid", "0.5000", "1000.00")
    answer = bench.call("POST", MOVE, "", _body(amount=5_000_001))
    assert answer.status == 400 and b"insufficient_balance" in answer.body
    KalshiFaults(bench.sim).throw("stop_transfers")

    assert bench.get("/exchange/status")["intra_exchange_transfers_active"] is False
    assert bench.call("POST", MOVE, "", _body(amount=1)).status == 400


def _body(**more: Any) -> dict[str, Any]:
    return {"source": "event_contract", "destination": "event_contract", "destination_exchange_shard": 3, **more}


def test_8_target_allocation_rebalances_every_ten_seconds(bench: Any) -> None:
    """60 to 40 of the free cash; resting margin stays where it is; an empty list ends it."""
    bench.rest("bid", "0.5000", "100.00", ticker=bench.mlb)
    held = bench.sim.account_view("alice").reserved[3]
    split = {"allocations": [{"exchange_index": 0, "percent": 60}, {"exchange_index": 3, "percent": 40}]}
    ok(bench, "POST", "/portfolio/target_balance_allocation", split)
    bench.advance(10)
    free = 2_000_000_000 - held

    assert bench.cash(0) == pytest.approx(free * 0.6, abs=200) and bench.cash(3) == pytest.approx(free * 0.4 + held, abs=200)
    assert bench.cash(0) + bench.cash(3) == 2_000_000_000
    assert bench.get("/portfolio/target_balance_allocation")["resting_margin_reservation"] == "sum"
    ok(bench, "POST", "/portfolio/target_balance_allocation", {"allocations": []})
    move(bench, 10_000)
    bench.advance(20)
    assert bench.cash(0) == pytest.approx(free * 0.6 - 1_000_000, abs=200)


def test_8_reservation_none_takes_the_margin(bench: Any) -> None:
    """Without a reservation the rebalance may leave a resting order unpaid: it dies with MarginCancel."""
    session = bench.connect()
    bench.subscribe(session, "user_orders")
    bench.rest("bid", "0.5000", "1900.00", ticker=bench.mlb)
    body = {"allocations": [{"exchange_index": 0, "percent": 100}], "resting_margin_reservation": "none"}
    ok(bench, "POST", "/portfolio/target_balance_allocation", body)
    bench.frames(session)
    bench.advance(10)

    assert [frame["msg"]["last_update_reason"] for frame in bench.frames(session)] == ["MarginCancel"]
    assert bench.cash(3) == 0


def test_7_6_subaccounts_are_apart(split: Any) -> None:
    """Own cash, positions and orders; lists cover all unless told, positions and balance mean 0 unless told."""
    split.flow("ask", "0.5000", "20")
    poor = split.place("bid", "0.5", "20.00", ticker=split.mlb, subaccount=1)
    assert split.code(poor) == (404, "user_not_found")  # its profile is on shard 0 only
    _, body = split.place("bid", "0.5", "10.00", subaccount=1)
    order = split.order(body["order_id"])

    assert (order["subaccount_number"], order["status"]) == (1, "executed")
    assert split.get("/portfolio/positions")["market_positions"] == []
    assert split.get("/portfolio/positions", "subaccount=1")["market_positions"][0]["position_fp"] == "10.00"
    assert len(split.get("/portfolio/fills")["fills"]) == len(split.get("/portfolio/fills", "subaccount=1")["fills"]) == 1
    assert split.get("/portfolio/fills", "subaccount=0")["fills"] == []
    rows = {
        row["subaccount_number"]: row["balance"] for row in split.get("/portfolio/subaccounts/balances")["subaccount_balances"]
    }
    assert rows[1] == split.get("/portfolio/balance", "subaccount=1")["balance_dollars"] == "44.8250"


def test_7_6_cancel_names_the_subaccount(split: Any) -> None:
    """An order of subaccount 1 is not found by a cancel for the primary account; cancel-all without a number takes it."""
    order = split.rest("bid", "0.3", "1", subaccount=1)
    path = f"/portfolio/events/orders/{order}"
    assert split.call("DELETE", path, "exchange_index=0").status == 404
    assert split.call("DELETE", "/portfolio/events/orders", "subaccount=0").status == 204
    assert split.order(order)["status"] == "resting"
    assert split.call("DELETE", path, "exchange_index=0&subaccount=1").status == 200


def test_7_6_frames_name_the_subaccount(split: Any) -> None:
    """Deltas, fills, orders and positions of subaccount 1 say so, and only to their member."""
    mine, theirs = split.connect(), split.connect(split.bob)
    for session in (mine, theirs):
        for channel in ("orderbook_delta", "fill", "user_orders", "market_positions"):
            split.subscribe(session, channel, split.gsw)
    split.flow("ask", "0.5000", "1")
    split.rest("bid", "0.5", "2", subaccount=1)
    found = {frame["type"]: frame["msg"] for frame in split.frames(mine)}

    assert (found["fill"]["subaccount"], found["market_position"]["subaccount"]) == (1, 1)
    assert found["user_order"]["subaccount_number"] == found["orderbook_delta"]["subaccount"] == 1
    assert all("subaccount" not in frame["msg"] for frame in split.frames(theirs))


def test_7_6_a_locked_key_has_one_subaccount(split: Any) -> None:
    """Omitting the number means the locked one; its reads show nothing else."""
    made = ok(split, "POST", "/api_keys/generate", {"name": "bot", "key_type": "ed25519", "subaccount": 1})
    bot = split.key(made["api_key_id"], made["private_key"])
    split.rest("bid", "0.3", "1")
    own = split.rest("bid", "0.3", "1", who=bot)

    assert [row["order_id"] for row in split.get("/portfolio/orders", who=bot)["orders"]] == [own]
    assert split.call("GET", "/portfolio/balance", "subaccount=0", who=bot).status == 403
    assert split.call("POST", "/portfolio/subaccounts", "", {}, who=bot).status == 403
    assert [row["subaccount_number"] for row in split.get("/portfolio/subaccounts/netting", who=bot)["netting_configs"]] == [1]


def test_2_generated_keys_work_until_they_are_deleted(bench: Any) -> None:
    """A made key signs, does what its scopes allow, and is a 401 once it is gone."""
    made = ok(bench, "POST", "/api_keys/generate", {"name": "r", "key_type": "ed25519", "scopes": ["read"]})
    reader = bench.key(made["api_key_id"], made["private_key"])
    assert bench.call("GET", "/portfolio/orders", who=reader).status == 200
    assert bench.place("bid", "0.5", "1", who=reader)[0] == 403
    assert {"api_key_id": made["api_key_id"], "name": "r", "scopes": ["read"]} in bench.get("/api_keys")["api_keys"]
    ok(bench, "DELETE", f"/api_keys/{made['api_key_id']}")

    assert bench.call("GET", "/portfolio/orders", who=reader).status == 401
    for wrong in (
        {"name": ""},
        {"name": "x", "scopes": ["write"]},
        {"name": "x", "scopes": ["all"]},
        {"name": "x", "key_type": "ec"},
    ):
        assert bench.call("POST", "/api_keys/generate", "", wrong).status == 400


def test_2_attestation_lapses_while_running(bench: Any) -> None:
    """Sports are refused and GET /api_keys shows the past moment, until it is renewed."""
    faults = KalshiFaults(bench.sim)
    faults.throw("lapse_attestation")
    assert bench.code(bench.place("bid", "0.5", "1")) == (403, "region_attestation_expired")
    assert bench.get("/api_keys")["api_key_region_expiration_ts"] == 1
    faults.throw("attest")

    assert bench.place("bid", "0.5", "1")[0] == 201


def test_10_an_order_earns_the_advanced_tier(make_bench: Any) -> None:
    """403 before the first order, then 300 tokens a second each way, held for two seconds."""
    bench = make_bench(limits=True)
    assert bench.call("POST", "/account/api_usage_level/upgrade").status == 403
    bench.place("bid", "0.5", "1", exchange_index=0)
    assert bench.call("POST", "/account/api_usage_level/upgrade").status == 201
    limits = bench.get("/account/limits")

    assert limits["usage_tier"] == limits["grants"][0]["level"] == "advanced"
    assert limits["read"] == limits["write"] == {"refill_rate": 300, "bucket_capacity": 600}
    bench.advance(2)
    assert [bench.place("bid", "0.5", "1", exchange_index=0)[0] for _ in range(61)] == [201] * 60 + [429]


def test_7_5_queue_positions_count_what_stands_before(bench: Any) -> None:
    """Better prices and earlier orders of the same price, fractions included; later ones do not count."""
    bench.flow("bid", "0.4100", "2")
    bench.flow("bid", "0.4000", "1.50")
    order = bench.rest("bid", "0.4000", "1.00")
    bench.flow("bid", "0.4000", "9")
    sell = bench.rest("ask", "0.6000", "1.00")
    rows = bench.get("/portfolio/orders/queue_positions", "event_ticker=KXNBAGAME-26NOV19UTAGSW")["queue_positions"]

    assert {row["order_id"]: row["queue_position_fp"] for row in rows} == {order: "3.50", sell: "0.00"}
    assert bench.get(f"/portfolio/orders/{order}/queue_position") == {"queue_position_fp": "3.50"}
    assert bench.get("/portfolio/summary/total_resting_order_value")["total_resting_order_value"] == 80


def test_7_3_cancel_all_lingers_for_a_minute(bench: Any) -> None:
    """Some orders placed in the minute after a cancel-all fall to it; none after."""
    bench.call("DELETE", "/portfolio/events/orders")
    during = [bench.rest("bid", "0.3000", "1.00") for _ in range(40)]
    bench.advance(60)
    after = [bench.rest("bid", "0.3000", "1.00") for _ in range(40)]
    bench.advance(60)
    gone = [order for order in during if bench.order(order)["status"] == "canceled"]

    assert 0 < len(gone) < 40
    assert all(bench.order(order)["status"] == "resting" for order in after)
