"""Token buckets on a virtual clock: per tier, per endpoint, per shard, per item, and who may spend the last."""

import json
from typing import Any

import pytest
from fakes import Call, reply
from kalshi_desk import CREATE, Desk, created
from kalshi_meeting import Meeting
from kalshi_rows import make_leg

from trading.clock import MS, SECOND, ManualClock
from trading.errors import Throttled
from trading.http import Response
from trading.kalshi.budget import TIERS, Budget, CostsRow, EndpointCost, LimitsRow, Rates
from trading.order import Purpose
from trading.units import MonoNs, Size


def spent(budget: Budget, cost: int = 10, shard: int | None = 0, *, reducing: bool = False) -> int:
    """How many writes go at once."""
    count = 0
    while budget.take_write(cost, shard, reducing=reducing) == 0:
        count += 1
        assert count < 10_000
    return count


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_sets_both_rates(tier: str) -> None:
    """Basic writes hold one second, its reads three, every other bucket two (kalshi.md 10); exits can spend all of it."""
    clock = ManualClock()
    budget = Budget(clock, tier=tier)
    read, write = TIERS[tier]

    assert spent(budget, reducing=True) == (1 if tier == "basic" else 2) * write // 10
    assert budget.statistics().read == (3 if tier == "basic" else 2) * read


def test_tokens_come_back_at_the_rate() -> None:
    """B-212: basic refills 100 a second: one order every 100 ms, and the wait that was told is exactly enough."""
    clock = ManualClock()
    budget = Budget(clock)
    spent(budget, reducing=True)
    clock.advance(99 * MS)
    wait = budget.take_write(10, reducing=True)
    clock.advance(round(wait * SECOND))

    assert wait == pytest.approx(0.001)
    assert budget.take_write(10, reducing=True) == 0
    assert budget.take_write(10, reducing=True) > 0


def test_a_share_of_the_account_is_a_share_of_every_bucket() -> None:
    """B-212: RATE_SHARE=0.5 halves rate and burst, of the first tier and of what the venue states later; the balance read is one a
    second at least."""
    clock = ManualClock()
    half = Budget(clock, share=0.5)
    began = half.statistics()
    half.apply_limits(LimitsRow(usage_tier="expert", read=Rates(600, 1_200), write=Rates(600, 1_200)))
    clock.advance(10 * SECOND)

    assert (began.read, began.writes[0]) == (300, 50)
    assert (half.statistics().read, half.statistics().writes[0]) == (600, 600)
    assert half.take_balance() == 0


def test_exits_go_before_arbs() -> None:
    """Three orders' tokens are left for exits when the arbs have none."""
    budget = Budget(ManualClock())

    assert (spent(budget), spent(budget, reducing=True)) == (7, 3)


def test_each_shard_pays_from_its_own_bucket() -> None:
    """An explicit shard >= 1 has its own budget; a write routed by the venue needs tokens everywhere and takes them everywhere."""
    budget = Budget(ManualClock())
    spent(budget, shard=3, reducing=True)

    assert [budget.reserve(b"arb", 1, shard) for shard in (0, 2)] == [0, 0]
    budget.release(b"arb")
    assert budget.take_write(10, None, reducing=True) > 0
    assert budget.statistics().writes == {0: 100, 2: 100, 3: 0}
    assert budget.take_write(10, 0) == 0
    assert budget.statistics().writes[0] == 90


def test_the_account_states_its_own_terms() -> None:
    """/account/limits sets rates, burst and the balance rate; a tier nobody knows still has the buckets it states."""
    clock = ManualClock()
    budget = Budget(clock)
    budget.apply_limits(LimitsRow("tomorrow", Rates(1_000, 3_000), Rates(500, 1_000)))

    assert spent(budget, reducing=True) == 100
    assert (budget.statistics().tier, budget.statistics().read) == ("tomorrow", 3_000)
    budget.apply_limits(LimitsRow("expert", Rates(600, 1_200), Rates(600, 1_200)))
    assert [budget.take_balance() > 0 for _ in range(6)] == [False] * 5 + [True]


def test_impossible_terms_are_passed_over() -> None:
    """A rate of 0 would wait for ever."""
    budget = Budget(ManualClock())
    budget.apply_limits(LimitsRow("basic", Rates(0, 0), Rates(0, 0)))

    assert spent(budget, reducing=True) == 10


def test_a_write_larger_than_the_bucket_goes_from_a_full_one() -> None:
    """The venue decides about it; waiting for tokens that can never be there would never end."""
    clock = ManualClock()
    budget = Budget(clock)

    assert budget.take_write(250) == 0
    clock.advance(2 * SECOND)
    assert budget.take_write(250) == pytest.approx(0.5)


def test_endpoints_cost_what_the_venue_lists() -> None:
    """Templates match their paths; what is not listed costs the default."""
    budget = Budget(ManualClock())
    assert budget.cost("DELETE", "/portfolio/events/orders/o-1") == 2
    assert budget.cost("POST", "/portfolio/events/orders") == 10
    rows = [
        EndpointCost("POST", "/trade-api/v2/portfolio/events/orders", 7),
        EndpointCost("DELETE", "/trade-api/v2/portfolio/events/orders/{order_id}", 3),
    ]
    budget.apply_costs(CostsRow(11, rows))

    assert budget.cost("POST", "/portfolio/events/orders") == 7
    assert budget.cost("DELETE", "/portfolio/events/orders/o-1") == 3
    assert budget.cost("DELETE", "/portfolio/events/orders/o-1/amend") == 11
    assert budget.cost("GET", "/portfolio/orders/o-1") == 11


def test_a_429_empties_our_count() -> None:
    """Somebody else spends the same tokens: the venue's word stands against ours."""
    budget = Budget(ManualClock())
    budget.apply_throttled("write", 3)
    budget.apply_throttled("read")

    stats = budget.statistics()
    assert (stats.writes[3], stats.writes[0], stats.read, stats.throttled) == (0, 100, 0, 2)


async def test_reads_wait_for_their_tokens_and_look_ups_do_not() -> None:
    """Lists leave tokens for look-ups; a look-up without tokens is Throttled at once, with the time to wait."""
    desk = Desk()
    desk.http.on("GET", "/series/S", {"series": {}})
    desk.http.on("GET", "/portfolio/orders", {"orders": [], "cursor": ""})
    for _ in range(56):
        await desk.client.catalogue.one_series("S")
    assert desk.slept == []
    await desk.client.catalogue.one_series("S")
    assert sum(desk.slept) == pytest.approx(0.05)
    for _ in range(4):
        assert await desk.client.find(desk.order()) is None
    with pytest.raises(Throttled) as told:
        await desk.client.find(desk.order())

    assert told.value.retry_after == pytest.approx(0.05)
    assert len(desk.http.calls) == 61


async def test_an_arb_without_tokens_is_refused_unsent_and_an_exit_goes() -> None:
    """rejected(throttled) names market and shard; complete, unwind and exit are never held back by our own count."""
    desk = Desk()

    async def send(attempt: int, purpose: Purpose) -> str:
        order = desk.order(attempt=attempt, purpose=purpose)
        desk.http.on("POST", CREATE, created(order, "0.00"))
        signed = await desk.client.sign(order)
        result = await desk.client.send(signed, deadline=MonoNs(desk.clock.mono_ns() + SECOND))
        return f"{result.state} {result.code}".strip()

    arbs = [await send(number, "open") for number in range(8)]
    exits = [await send(number, purpose) for number in range(8, 11) for purpose in ("complete", "unwind", "exit")]

    assert arbs == ["none"] * 7 + ["rejected throttled"]
    assert exits == ["none"] * 9
    assert len(desk.http.calls) == 16
    assert desk.slept == []


async def test_a_batch_pays_for_each_of_its_orders() -> None:
    """Six orders cost 60 tokens, and a second such batch waits; cancels of many cost 2 each."""
    desk = Desk()
    orders = [desk.order(attempt=number) for number in range(6)]

    def answer(call: Call) -> Response:
        rows = json.loads(call.body or b"")["orders"]
        return reply(201, {"orders": [item(row["client_order_id"]) for row in rows]})

    desk.http.on("POST", f"{CREATE}/batched", answer)
    await desk.client.dealing.place_many(orders)

    assert desk.client.budget.statistics().writes[0] == 40
    with pytest.raises(Throttled, match="60 write tokens"):
        await desk.client.dealing.place_many(orders)
    assert len(desk.http.calls) == 1


def item(client_order_id: str) -> dict[str, Any]:
    return {
        "order_id": f"o-{client_order_id}",
        "client_order_id": client_order_id,
        "fill_count": "0.00",
        "remaining_count": "0.00",
        "ts_ms": 1,
    }


async def test_a_burst_of_429_is_over_within_a_minute() -> None:
    """B-213: reads recover by themselves once the venue does."""
    desk = Desk()
    limited = reply(429, {"error": "too many requests"})
    desk.http.on("GET", "/series/S", limited, limited, limited, reply(200, {"series": {"ticker": "S"}}))
    started = desk.clock.mono_ns()

    assert await desk.client.catalogue.one_series("S") == {"ticker": "S"}
    assert desk.clock.mono_ns() - started < 60 * SECOND


async def test_writes_never_wait_on_429() -> None:
    """A definite no, with one request sent and nothing slept (design.md 6)."""
    desk = Desk()
    desk.http.on("POST", "/portfolio/order_groups/create", reply(429, {"error": "too many requests"}))

    with pytest.raises(Throttled):
        await desk.client.groups.create(Size(make_leg().want.size), shard=3)

    assert (desk.slept, len(desk.http.calls)) == ([], 1)
    assert desk.client.budget.statistics().writes[3] == 0


async def test_the_venue_never_has_to_say_429() -> None:
    """A busy minute against the simulated venue's own buckets: our count stays on the safe side of them, and uses them."""
    room = Meeting(limits=True)
    market = await room.market()
    await room.client.warm()
    states = []
    for number in range(120):
        purpose: Purpose = "exit" if number % 12 == 0 else "open"
        _, result = await room.place(market, attempt=number, purpose=purpose, limit=1_000)
        states.append(result.code or result.state)
        await room.sleep(0.05)
    await room.client.balances()
    await room.client.balances()

    assert room.client.budget.statistics().throttled == 0
    assert set(states) == {"none", "throttled"}
    assert states.count("none") >= 60


async def test_the_budget_follows_the_venues_own_figures() -> None:
    """Tier, rates and prices are those of the account after the first warm()."""
    room = Meeting(limits=True)
    await room.client.warm()

    limits, costs = await room.client.exchange.limits(), await room.client.exchange.costs()
    stats = room.client.budget.statistics()
    assert (stats.tier, stats.writes[0]) == (limits.usage_tier, limits.write.bucket_capacity)
    for row in costs.endpoint_costs:
        path = row.path.removeprefix("/trade-api/v2").replace("{order_id}", "o-1")
        assert room.client.budget.cost(row.method, path) == row.cost
