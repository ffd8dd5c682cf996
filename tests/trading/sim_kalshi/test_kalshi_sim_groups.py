"""Order groups of the simulated Kalshi: the venue's own breaker (kalshi.md 7.6)."""

import json
from typing import Any

GROUPS = "/portfolio/order_groups"


def create(bench: Any, limit: int = 5, **more: Any) -> str:
    answer = bench.call("POST", f"{GROUPS}/create", "", {"contracts_limit": limit, **more})
    assert answer.status == 201
    return str(json.loads(answer.body)["order_group_id"])


def test_more_than_the_limit_in_15_seconds_cancels_the_group(bench: Any) -> None:
    """The fill that passes the limit stands; what rests is cancelled; new orders wait for the reset."""
    group = create(bench)
    bench.flow("ask", "0.5000", "20")
    resting = bench.rest("bid", "0.3000", "1.00", order_group_id=group)
    alone = bench.rest("bid", "0.3000", "1.00")
    assert bench.place("bid", "0.5", "5.00", order_group_id=group)[1]["fill_count"] == "5.00"
    assert bench.order(resting)["status"] == "resting"
    _, last = bench.place("bid", "0.5", "0.01", order_group_id=group)

    assert last["fill_count"] == "0.01"
    assert [bench.order(order)["status"] for order in (resting, alone)] == ["canceled", "resting"]
    assert bench.code(bench.place("bid", "0.5", "1", order_group_id=group)) == (400, "order_group_triggered")
    assert bench.call("PUT", f"{GROUPS}/{group}/reset").status == 200
    assert bench.place("bid", "0.5", "5.00", order_group_id=group)[0] == 201


def test_the_window_rolls(bench: Any) -> None:
    """Fills older than 15 seconds no longer count."""
    group = create(bench)
    bench.flow("ask", "0.5000", "20")
    bench.place("bid", "0.5", "5.00", order_group_id=group)
    bench.advance(15)
    bench.place("bid", "0.5", "5.00", order_group_id=group)

    assert bench.place("bid", "0.5", "0.01", order_group_id=group)[0] == 201


def test_makers_of_one_arrival_keep_their_fills(bench: Any) -> None:
    """One taker fills two orders of a group and trips it: both fills are booked, the third order is cancelled."""
    group = create(bench)
    orders = [bench.rest("bid", "0.4000", "4.00", order_group_id=group) for _ in range(3)]
    bench.sim.customer_take(bench.gsw, "ask", bench.price("0.4"), bench.size("8"))

    assert [bench.order(order)["status"] for order in orders] == ["executed", "executed", "canceled"]
    assert bench.sim.account_view("alice").positions == {bench.gsw: 8_000_000}


def test_a_resting_remainder_falls_with_its_group(bench: Any) -> None:
    """A GTC order whose own fill trips the group leaves nothing on the book, and its answer says so."""
    group = create(bench, 1)
    bench.flow("ask", "0.5000", "3")
    _, body = bench.place("bid", "0.5", "9.00", time_in_force="good_till_canceled", order_group_id=group)

    assert (body["fill_count"], body["remaining_count"]) == ("3.00", "0.00")
    assert bench.sim.books[bench.gsw].levels("bid") == []


def test_limit_trigger_delete_and_frames(bench: Any) -> None:
    """A limit below what has matched triggers at once; each step is a sequenced frame to its owner only."""
    mine, theirs = bench.connect(), bench.connect(bench.bob)
    for session in (mine, theirs):
        bench.subscribe(session, "order_group_updates")
    group = create(bench)
    bench.flow("ask", "0.5000", "4")
    bench.place("bid", "0.5", "4.00", order_group_id=group)
    bench.call("PUT", f"{GROUPS}/{group}/limit", "", {"contracts_limit_fp": "3.50"})
    bench.call("PUT", f"{GROUPS}/{group}/reset")
    order = bench.rest("bid", "0.3000", "1.00", order_group_id=group)
    bench.call("DELETE", f"{GROUPS}/{group}")
    frames = bench.frames(mine)

    assert [frame["msg"]["event_type"] for frame in frames] == ["created", "limit_updated", "triggered", "reset", "deleted"]
    assert [frame["seq"] for frame in frames] == [1, 2, 3, 4, 5]
    assert [frame["msg"].get("contracts_limit_fp") for frame in frames[:3]] == ["5.00", "3.50", None]
    assert bench.order(order)["status"] == "canceled"
    assert bench.get(GROUPS)["order_groups"] == [] and bench.frames(theirs) == []


def test_groups_belong_to_their_account(bench: Any) -> None:
    """Another member sees and uses none of them."""
    group = create(bench)

    assert bench.call("GET", f"{GROUPS}/{group}", who=bench.bob).status == 404
    assert bench.place("bid", "0.5", "1", who=bench.bob, order_group_id=group)[0] == 404
    assert bench.get(f"{GROUPS}/{group}") == {
        "is_auto_cancel_enabled": True,
        "exchange_index": 0,
        "contracts_limit_fp": "5.00",
        "orders": [],
    }
