"""Sending under limits, batches, cancels, order versions and holds, over a fake HTTP."""

import json
from typing import Any

import pytest
from fakes import reply
from polymarket_desk import ID, PARAMS, Desk, page, traded
from polymarket_rows import NO, YES, taken

from trading.clock import SECOND
from trading.errors import BadAnswer, Misuse, ModeClosed, Throttled, UnknownOutcome, Unreachable
from trading.order import Tif
from trading.polymarket.batch import MOST_ORDERS
from trading.polymarket.cancels import Cancelled
from trading.venue import SignedOrder


async def many(desk: Desk, count: int, **changes: Any) -> list[SignedOrder]:
    return [await desk.signed(attempt=number, **changes) for number in range(count)]


def posts(desk: Desk, path: str = "/order") -> int:
    return sum((call.method, call.path.removeprefix("https://clob.test")) == ("POST", path) for call in desk.http.calls)


# ---- limits ----------------------------------------------------------------------------------------------------------------


async def test_own_limit_refuses_before_the_venue_does() -> None:
    """57 orders of a Standard signer go at once; the next is a definite no with the wait, an unwind still goes (B-437)."""
    desk = Desk()
    desk.http.on("POST", "/order", (400, {"error": "no orders found to match with FAK order"}))
    order = await desk.signed()
    for _ in range(57):
        await desk.send(order)

    with pytest.raises(Throttled) as caught:
        await desk.send(order)
    assert caught.value.retry_after == pytest.approx(1 / 40)
    assert ID in caught.value.detail
    assert posts(desk) == 57
    assert (await desk.send(await desk.signed(purpose="unwind"))).code == "fak_no_match"


async def test_a_429_is_a_definite_no_and_the_next_order_asks_again() -> None:
    """The venue's own word counts: a hedge is not held back by a wait that another order was told (B-213)."""
    desk = Desk()
    desk.http.on("POST", "/order", (429, {"error": "slow"}, {"retry-after": "2", "poly-ratelimit-tier": "Gold"}))
    result = await desk.send(await desk.signed())
    again = await desk.send(await desk.signed(purpose="complete"))

    assert [(r.state, r.code) for r in (result, again)] == [("rejected", "throttled")] * 2
    assert "retry after 2 s" in result.detail
    assert desk.client.budget.statistics().tier == "gold"
    assert posts(desk) == 2


async def test_refusals_read_as_sentences() -> None:
    """Market, what was asked, rule, next step, the venue's words."""
    desk = Desk()
    desk.http.on("POST", "/order", (400, {"error": "order 0x1 is invalid. Price (0.56) breaks minimum tick size rule: 0.1"}))
    result = await desk.send(await desk.signed())

    assert result.detail == (
        "0xcc: BUY 50 YES at 0.5600 FAK: the price is off the market's tick; read the market again, its tick may have changed "
        "(venue: order 0x1 is invalid. Price (0.56) breaks minimum tick size rule: 0.1)"
    )


# ---- order version ---------------------------------------------------------------------------------------------------------


async def test_version_refusal_sends_the_same_bytes_once_more_when_nothing_changed() -> None:
    """A definite refusal placed nothing: version and routing read anew are those signed, so the same order goes once more."""
    desk = Desk()
    order = await desk.signed()
    desk.http.on("GET", "/version", {"version": 2})
    desk.http.on("POST", "/order", (400, {"error": "order_version_mismatch"}), taken(order.prepared))
    result = await desk.send(order)
    desk.http.on("POST", "/order", (400, {"error": "order_version_mismatch"}))
    stubborn = await desk.send(order)

    assert (result.state, result.venue_order_id) == ("filled", order.prepared.venue_order_id)
    assert (stubborn.state, stubborn.code) == ("rejected", "order_version_mismatch")
    assert {call.body for call in desk.http.calls if call.method == "POST"} == {order.body}
    assert posts(desk) == 4


@pytest.mark.parametrize(
    ("version", "params"),
    [({"version": 3}, {}), ({"version": 2}, {"nr": True}), ((500, b""), {}), ({"odd": 1}, {})],
)
async def test_version_refusal_sends_nothing_when_something_changed(version: Any, params: dict[str, Any]) -> None:
    """An order for another version or exchange would have another id, which no journal knows: it is left to the next leg."""
    desk = Desk()
    order = await desk.signed()
    desk.http.on("GET", "/version", version)
    desk.http.on("GET", "/clob-markets/0xcc", PARAMS | params)
    desk.http.on("POST", "/order", (400, {"error": "order_version_mismatch"}))
    result = await desk.send(order)

    assert (result.state, result.code) == ("rejected", "order_version_mismatch")
    assert posts(desk) == 1


async def test_another_order_version_closes_the_venue_for_a_while() -> None:
    """Every order would be refused after its other leg was sent: the mode says so, and clears by itself (B-426)."""
    desk = Desk()
    desk.http.on("GET", "/version", {"version": 3})
    desk.http.on("GET", "/time", 1_790_000_000)
    desk.http.on("POST", "/order", (400, {"error": "order_version_mismatch"}))
    await desk.send(await desk.signed())
    closed = await desk.client.mode()
    desk.clock.advance(301 * SECOND)

    assert (closed.mode, "version 2" in closed.detail) == ("disabled", True)
    assert (await desk.client.mode()).mode == "normal"


# ---- batches ---------------------------------------------------------------------------------------------------------------


async def test_each_order_of_a_batch_has_its_own_answer() -> None:
    """Accepted, missed, refused and doubtful legs in one answer; success true with errorMsg is a refusal."""
    desk = Desk()
    orders = await many(desk, 4)
    empty = {"success": True, "orderID": "", "status": "", "makingAmount": "", "takingAmount": ""}
    desk.http.on(
        "POST",
        "/orders",
        [
            taken(orders[0].prepared),
            empty | {"errorMsg": "no orders found to match with FAK order"},
            empty | {"errorMsg": "not enough balance / allowance"},
            {"success": True, "errorMsg": "", "orderID": orders[3].prepared.venue_order_id, "status": "brand new"},
        ],
    )
    results = await desk.client.send_batch(orders, deadline=orders[0].prepared.leg.deadline)

    assert [(r.state, r.code) for r in results] == [
        ("filled", ""),
        ("none", "fak_no_match"),
        ("rejected", "no_balance"),
        ("unknown", "unknown_status"),
    ]
    assert [r.leg_id for r in results] == [order.prepared.leg.leg_id for order in orders]
    assert json.loads(desk.http.calls[-1].body or b"") == [json.loads(order.body) for order in orders]


@pytest.mark.parametrize(
    "answer",
    [UnknownOutcome("polymarket", "timeout"), (500, b""), (200, b"garbage"), (200, []), (200, {"error": "x"}), (200, [{}] * 3)],
)
async def test_unanswered_batches_leave_every_order_unknown(answer: Any) -> None:
    """There is no key for repeating: each order is looked up by its id."""
    desk = Desk()
    orders = await many(desk, 2)
    desk.http.on("POST", "/orders", answer)
    results = await desk.client.send_batch(orders, deadline=orders[0].prepared.leg.deadline)

    assert [r.state for r in results] == ["unknown", "unknown"]
    assert posts(desk, "/orders") == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [((400, {"error": "Too many orders in payload: 16"}), "too_many_orders"), ((429, {"error": "x"}), "throttled")],
)
async def test_refused_batches_refuse_every_order(answer: Any, code: str) -> None:
    desk = Desk()
    orders = await many(desk, 2)
    desk.http.on("POST", "/orders", answer)

    assert [r.code for r in await desk.client.send_batch(orders, deadline=orders[0].prepared.leg.deadline)] == [code] * 2


async def test_post_only_mode_appears_per_leg() -> None:
    """The mode is learnt from a leg of a batch as from a single order."""
    desk = Desk()
    orders = await many(desk, 1)
    text = "post-only mode: only post-only orders and cancels are allowed"
    desk.http.on("POST", "/orders", [{"success": True, "errorMsg": text, "orderID": ""}])
    await desk.client.send_batch(orders, deadline=orders[0].prepared.leg.deadline)

    assert (await desk.client.mode()).mode == "post_only"


async def test_batches_of_no_or_too_many_orders_are_not_sent() -> None:
    desk = Desk()
    orders = await many(desk, MOST_ORDERS + 1)
    deadline = orders[0].prepared.leg.deadline
    for wrong in ([], orders, [orders[0], orders[0]]):
        with pytest.raises(Misuse):
            await desk.client.send_batch(wrong, deadline=deadline)
    desk.clock.advance(6 * SECOND)
    with pytest.raises(Unreachable):
        await desk.client.send_batch(orders[:2], deadline=deadline)
    assert posts(desk, "/orders") == 0


# ---- cancels ---------------------------------------------------------------------------------------------------------------


def cancelled(*ids: str, **kept: str) -> dict[str, Any]:
    return {"canceled": list(ids), "not_canceled": kept}


async def test_cancels_of_one_market_and_of_everything() -> None:
    """Each form has its own path and body; what stayed comes back with its reason."""
    desk = Desk()
    desk.http.on("GET", "/data/orders", page({"id": "a"}, {"id": "b"}))
    desk.http.on("DELETE", "/cancel-market-orders", cancelled("a", b="already canceled or matched"))
    desk.http.on("DELETE", "/cancel-all", cancelled("a", "b"))
    some = await desk.client.cancels.market(ID, NO)
    body = desk.http.calls[-1].body
    everything = await desk.client.cancels.all()

    assert some == Cancelled(("a",), {"b": "already canceled or matched"})
    assert json.loads(body or b"") == {"market": ID, "asset_id": NO}
    assert everything.canceled == ("a", "b")
    assert desk.http.calls[-1].body is None


async def test_more_orders_than_the_burst_are_cancelled_in_pieces() -> None:
    """cancel-all with more than 119 open orders can never succeed for a Standard signer (polymarket.md 10)."""
    desk = Desk()
    ids = [f"o{number}" for number in range(150)]
    desk.http.on("GET", "/data/orders", page(*({"id": name} for name in ids)))

    def gone(call: Any) -> Any:
        return reply(200, cancelled(*json.loads(call.body)))

    desk.http.on("DELETE", "/orders", gone)
    desk.client.cancels._sleep = advance(desk)
    done = await desk.client.cancels.all()

    assert list(done.canceled) == ids
    assert [len(json.loads(call.body or b"")) for call in desk.http.calls if call.method == "DELETE"] == [60, 60, 30]
    assert desk.slept


def advance(desk: Desk) -> Any:
    async def sleep(seconds: float) -> None:
        desk.slept.append(seconds)
        desk.clock.advance(int(seconds * SECOND) + 1)

    return sleep


async def test_cancel_all_goes_out_though_nothing_can_be_counted() -> None:
    """In trouble the reads may fail first: the cancel is tried all the same."""
    desk = Desk()
    desk.http.on("GET", "/data/orders", (500, b""))
    desk.http.on("DELETE", "/cancel-all", cancelled("a"))

    assert (await desk.client.cancels.all()).canceled == ("a",)


async def test_throttled_cancels_wait_as_told() -> None:
    """A cancel may be repeated without harm: 429 is waited out, three times at most."""
    desk = Desk()
    desk.client.cancels._sleep = advance(desk)
    desk.http.on("DELETE", "/orders", (429, {"error": "x"}, {"retry-after": "2"}), cancelled("a"))
    done = await desk.client.cancels.many(["a", "a"])
    desk.http.on("DELETE", "/order", (429, {"error": "x"}, {"retry-after": "2"}))

    assert done.canceled == ("a",)
    assert desk.slept[0] == 2
    with pytest.raises(Throttled):
        await desk.client.cancels.one("a")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((502, b""), UnknownOutcome),
        ((425, {"error": "x"}), ModeClosed),
        ((200, {"canceled": "a"}), BadAnswer),
        ((200, {"not_canceled": []}), BadAnswer),
    ],
)
async def test_cancels_in_doubt_or_refused(answer: Any, error: type[Exception]) -> None:
    desk = Desk()
    desk.http.on("DELETE", "/order", answer)

    with pytest.raises(error):
        await desk.client.cancels.one("a")
    if error is ModeClosed:
        assert (await desk.client.mode()).mode == "restarting"


# ---- holds -----------------------------------------------------------------------------------------------------------------


async def test_hold_is_measured_from_delayed_to_matched() -> None:
    """The result that ends a hold carries both moments, and the market learns a hold it was declared without (B-445)."""
    desk = Desk()
    order = await desk.signed(tif=Tif.IOC)
    desk.http.on("POST", "/order", taken(order.prepared, "", "", status="delayed", tradeIDs=[]))
    before = (await desk.client.market(ID)).hold_ns
    held = await desk.send(order)
    began = desk.clock.mono_ns()
    desk.clock.advance(3 * SECOND)
    desk.http.on("GET", "/data/trades", page(traded(order.prepared)))
    result = await desk.client.find(order.prepared)
    again = await desk.client.find(order.prepared)

    assert (before, held.state) == (0, "held")
    assert result is not None
    assert again is not None
    assert result.stages == (("held", began), ("released", began + 3 * SECOND))
    assert again.stages == ()
    assert desk.client.holds.measured() == {ID: (3 * SECOND,)}
    assert (await desk.client.market(ID)).hold_ns == 3 * SECOND
    assert YES in (await desk.client.market(ID)).tokens


async def test_open_and_endless_holds_are_not_measured() -> None:
    """While held nothing ends; a minute tells of a sleeping process, not of the venue."""
    desk = Desk()
    order = await desk.signed()
    desk.http.on("POST", "/order", taken(order.prepared, "", "", status="delayed", tradeIDs=[]))
    await desk.send(order)
    path = f"/data/order/{order.prepared.venue_order_id}"
    desk.http.on("GET", path, {"id": order.prepared.venue_order_id, "status": "DELAYED", "size_matched": ""})
    desk.http.on("GET", "/data/trades", page())
    await desk.client.find(order.prepared)
    desk.clock.advance(61 * SECOND)
    desk.http.on("GET", path, (404, {"error": "not found"}))
    desk.http.on("GET", "/data/trades", page(traded(order.prepared)))
    await desk.client.find(order.prepared)

    assert desk.client.holds.measured() == {}
