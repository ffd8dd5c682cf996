"""Orders that stand, many at once, and order groups: against the simulated venue, and where it answers oddly against a script."""

import json
from typing import Any

import msgspec
import pytest
from fakes import Call, reply
from kalshi_desk import CREATE, DUPLICATE, TICKER, Desk
from kalshi_meeting import Meeting, T
from kalshi_rows import make_leg, make_market

from trading.clock import SECOND
from trading.errors import Misuse, ModeClosed, Rejected, UnknownOutcome
from trading.http import Response
from trading.kalshi.dealing import Standing
from trading.market import Outcome
from trading.order import Tif
from trading.units import CONTRACT, Price, Size


async def test_amend_moves_price_and_size() -> None:
    """The order stands at its new limit with its new size; side and market cannot change."""
    room = Meeting()
    market = await room.market()
    order, resting = await room.place(market, Tif.GTC)
    want = make_leg(limit=5_000, size=4_000_000, tif=Tif.GTC).want

    changed = await room.client.dealing.amend(order, resting.venue_order_id, want, market)

    assert (changed.order_id, changed.remaining) == (resting.venue_order_id, 4_000_000)
    row = await room.client.portfolio.order(resting.venue_order_id)
    assert (row.status, row.remaining_count_fp) == ("resting", "4.00")
    with pytest.raises(Misuse, match="side"):
        no = make_leg(Outcome.NO, limit=4_000, tif=Tif.GTC).want
        await room.client.dealing.amend(order, resting.venue_order_id, no, market)
    with pytest.raises(Rejected, match="off the grid"):
        off = make_leg(limit=5_050, tif=Tif.GTC).want
        await room.client.dealing.amend(order, resting.venue_order_id, off, market)


async def test_an_amend_of_the_price_alone_does_not_say_what_rests() -> None:
    """Counts come only with a fill or another size: their absence never reads as an order that is gone."""
    room = Meeting()
    market = await room.market()
    order, resting = await room.place(market, Tif.GTC)
    want = msgspec.structs.replace(order.leg.want, limit=Price(5_000))

    changed = await room.client.dealing.amend(order, resting.venue_order_id, want, market)

    assert (changed.remaining, changed.filled) == (None, None)
    assert (await room.client.portfolio.order(resting.venue_order_id)).remaining_count_fp == "10.00"


async def test_decrease_by_and_to() -> None:
    """Exactly one of both."""
    room = Meeting()
    order, resting = await room.place(await room.market(), Tif.GTC)
    dealing = room.client.dealing

    assert (await dealing.decrease(order, resting.venue_order_id, by=Size(3 * CONTRACT))).remaining == 7 * CONTRACT
    assert (await dealing.decrease(order, resting.venue_order_id, to=Size(2 * CONTRACT))).remaining == 2 * CONTRACT
    for sizes in ({}, {"by": Size(CONTRACT), "to": Size(CONTRACT)}):
        with pytest.raises(Misuse):
            await dealing.decrease(order, resting.venue_order_id, **sizes)


async def test_many_orders_at_once() -> None:
    """Each leg has its own result, as if it had been sent alone; cancels of many answer one by one."""
    room = Meeting(balances={0: 1_000, 3: 10})
    market = await room.market()
    room.flow("ask", "0.5600", "5")
    orders = [
        room.client.prepare(make_leg(tif=tif, attempt=number, limit=limit), market, room.ids, room.clock)
        for number, (tif, limit) in enumerate([(Tif.IOC, 5_600), (Tif.FOK, 5_600), (Tif.GTC, 4_000), (Tif.GTC, 4_000)])
    ]

    taken, killed, rests, poor = await room.client.dealing.place_many(orders)
    standing = [Standing(rests.venue_order_id, T, 3), Standing("nothing", T, 3)]
    done, gone = await room.client.dealing.cancel_many(standing)

    assert (taken.state, taken.filled, killed.state, rests.state) == ("partial", 5 * CONTRACT, "none", "resting")
    assert (poor.state, poor.code) == ("rejected", "insufficient_balance")
    assert (done.reduced, done.error) == (10 * CONTRACT, "")
    assert (gone.reduced, gone.error) == (0, "order_not_found")


async def test_the_kill_switch_takes_everything_off() -> None:
    """All shards at once; for a minute new orders may go with it, which the caller is told."""
    room = Meeting()
    market = await room.market()
    for attempt in range(3):
        await room.place(market, Tif.GTC, attempt, limit=4_000)

    until = await room.client.dealing.cancel_all()

    assert until == room.clock.mono_ns() + 60 * SECOND
    assert [rows async for rows in room.client.portfolio.orders(status="resting")] == [()]


async def test_a_pause_refuses_an_amend_with_its_mode() -> None:
    """ModeClosed, not a plain refusal (B-426)."""
    room = Meeting()
    market = await room.market()
    order, resting = await room.place(market, Tif.GTC)
    room.sim.pause_trading(True)

    with pytest.raises(ModeClosed):
        await room.client.dealing.amend(order, resting.venue_order_id, order.leg.want, market)


def _coarser(room: Meeting) -> None:
    """The grid moves unseen: 0.56 is no price any more."""
    room.sim.set_grid(T, [{"start": "0.0000", "end": "1.0000", "step": "0.1000"}], "linear_cent")


@pytest.mark.parametrize(
    ("code", "spelled", "strike"),
    [
        ("trading_is_paused", "TRADING_PAUSED", lambda room: room.sim.pause_trading(True)),
        ("exchange_is_paused", "exchange_paused_for_maintenance", lambda room: room.sim.pause_exchange(True)),
        ("region_attestation_expired", "location_attestation_required", lambda room: room.sim.attest(1)),
    ],
)
async def test_a_pause_or_a_lapse_is_definite_however_its_code_is_spelled(code: str, spelled: str, strike: Any) -> None:
    """Most codes are not documented (kalshi.md 16.2): client and simulator agreeing on one would prove nothing."""
    room = Meeting()
    market = await room.market()
    strike(room)
    room.sim.rules.spelling[code] = spelled

    _, result = await room.place(market)

    assert (result.state, result.code) == ("rejected", spelled)


@pytest.mark.parametrize(
    ("code", "spelled", "strike"),
    [
        ("invalid_price", "PRICE_NOT_ON_GRID", _coarser),
        ("MARKET_INACTIVE", "market_is_closed", lambda room: room.sim.close_market(T)),
    ],
)
async def test_a_refusal_in_words_that_tell_nothing_is_looked_up(code: str, spelled: str, strike: Any) -> None:
    """A 400 whose code nobody knows may belong to an order that stands: the first leg waits rather than be hedged twice."""
    room = Meeting()
    market = await room.market()
    strike(room)
    room.sim.rules.spelling[code] = spelled

    with pytest.raises(UnknownOutcome, match=spelled):
        await room.place(market)


async def test_an_answer_for_another_order_is_in_doubt() -> None:
    """kalshi.md 13: the action was right, its description was not."""
    desk = Desk()
    order = desk.order(tif=Tif.GTC)
    desk.http.on("POST", f"{CREATE}/o-1/decrease", {"order_id": "o-9", "remaining_count": "1.00", "ts_ms": 1})

    with pytest.raises(UnknownOutcome, match="o-9"):
        await desk.client.dealing.decrease(order, "o-1", to=Size(CONTRACT))


def batch(desk: Desk, answer: Any) -> None:
    desk.http.on("POST", f"{CREATE}/batched", answer)


async def test_batch_items_are_told_apart_by_our_ids() -> None:
    """In another order, with refusals that name no id, with unreadable items: no leg gets another's answer."""
    desk = Desk()
    orders = [desk.order(attempt=number) for number in range(4)]

    def answer(call: Call) -> Response:
        ids = [row["client_order_id"] for row in json.loads(call.body or b"")["orders"]]
        full = {"fill_count": "10.00", "remaining_count": "0.00", "ts_ms": 1}
        rows = [
            {"order_id": "o-b", "client_order_id": ids[1], **full},
            {"order_id": "o-a", "client_order_id": ids[0], **full},
            {"error": msgspec.json.decode(DUPLICATE.body)["error"]},
            {"client_order_id": ids[3], "fill_count": "x"},
        ]
        return reply(201, {"orders": rows})

    batch(desk, answer)
    results = await desk.client.dealing.place_many(orders)

    assert [(row.state, row.venue_order_id, row.code) for row in results] == [
        ("filled", "o-a", ""),
        ("filled", "o-b", ""),
        ("unknown", "", "order_already_exists"),
        ("unknown", "", "bad_answer"),
    ]


async def test_a_batch_that_answers_for_fewer_leaves_the_rest_unknown() -> None:
    """Never "none": the order may stand (B-093)."""
    desk = Desk()
    orders = [desk.order(attempt=number) for number in range(2)]
    batch(desk, {"orders": []})

    assert [row.state for row in await desk.client.dealing.place_many(orders)] == ["unknown", "unknown"]


async def test_a_batch_that_can_never_fit_is_our_own_fault() -> None:
    """Basic holds 100 tokens: eleven orders would be refused as a whole, whenever they came."""
    desk = Desk()
    with pytest.raises(Misuse, match="110 tokens"):
        await desk.client.dealing.place_many([desk.order(attempt=number) for number in range(11)])
    with pytest.raises(Misuse):
        await desk.client.dealing.place_many([])
    assert await desk.client.dealing.cancel_many([]) == ()


async def test_a_cancelled_batch_without_an_answer_says_so() -> None:
    """An order the answer does not name is "unanswered", never taken for cancelled."""
    desk = Desk()
    desk.http.on("DELETE", f"{CREATE}/batched", {"orders": []})

    (row,) = await desk.client.dealing.cancel_many([Standing("o-1", TICKER, 3)])

    assert (row.reduced, row.error) == (0, "unanswered")


async def test_a_group_lives_triggers_and_opens_again() -> None:
    """Create, use on orders, trigger, reset, another limit, delete: the venue's own breaker (kalshi.md 7.6)."""
    room = Meeting()
    market = await room.market()
    groups = room.client.groups
    group = await groups.create(Size(20 * CONTRACT), shard=3)
    room.client.use_group(3, group)
    order, resting = await room.place(market, Tif.GTC)

    listed, one = await groups.listed(), await groups.get(group)
    await groups.trigger(group, shard=3)
    ended = await room.client.find(order)
    _, refused = await room.place(market, Tif.GTC, 1)
    await groups.reset(group, shard=3)
    _, again = await room.place(market, Tif.GTC, 2)
    await groups.set_limit(group, Size(5 * CONTRACT), shard=3)
    limit = (await groups.get(group)).limit
    await groups.delete(group, shard=3)
    room.client.use_group(3, None)
    await room.sleep(1)  # tokens
    _, free = await room.place(market, Tif.GTC, 3)

    assert ([row.id for row in listed], one.orders, one.limit) == ([group], (resting.venue_order_id,), 20 * CONTRACT)
    assert ended is not None
    assert (ended.state, refused.state, refused.code) == ("none", "rejected", "order_group_triggered")
    assert (again.state, limit, free.state) == ("resting", 5 * CONTRACT, "resting")
    with pytest.raises(Rejected):
        await groups.get(group)


@pytest.mark.parametrize("limit", [0, -1, 1_000_001 * CONTRACT])
async def test_a_group_limit_has_bounds(limit: int) -> None:
    """0.01 to 1,000,000 contracts."""
    with pytest.raises(Misuse):
        await Desk().client.groups.create(Size(limit), shard=0)


async def test_an_order_names_its_group_only_on_its_shard() -> None:
    """Groups work on one shard; orders elsewhere go without."""
    desk = Desk()
    desk.client.use_group(2, "g-2")

    assert "order_group_id" not in desk.order().fields
    assert make_market().shard == 3
