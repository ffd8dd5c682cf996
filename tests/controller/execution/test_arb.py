"""Promises of an arb's life: what follows each outcome of each leg, and that doubt stops everything but questions."""

import asyncio

import msgspec
import pytest
from execution_fakes import ARB, KX, POLY, Bench, contracts, ends, fill, result

from controller.execution.life import NEXT, Arb, ArbState
from trading.clock import SECOND
from trading.errors import Misuse
from trading.ids import leg_id
from trading.market import KALSHI, POLYMARKET, Action
from trading.order import LegResult
from trading.units import Money, Price, Size

SEQUENCES = pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["poly_first", "kalshi_first"])


def first_of(order) -> tuple:
    return (POLY, KX) if order[0] == 0 else (KX, POLY)


@SEQUENCES
async def test_both_legs_fill_and_match(order):
    """B-176: leg 1, then leg 2 for the same size; profit is payout less costs and fees."""
    bench = Bench()

    closed = await bench.run(order=order)

    assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", contracts(10), 0)
    assert bench.venues() == [market.venue for market in first_of(order)]
    cash_out = sum(done.cost + done.fee for done in closed.results)
    assert closed.profit == 10_000_000 - cash_out
    assert bench.gate.asked == [] and bench.alarms == []


@SEQUENCES
@pytest.mark.parametrize("state", ["none", "rejected", "refused"])
async def test_missed_first_leg_is_free(order, state):
    """Nothing filled first: the other venue hears nothing, and nothing was lost."""
    bench = Bench()
    bench.executor.script[first_of(order)[0].id] = [ends(state)]

    closed = await bench.run(order=order)

    assert (closed.outcome, closed.profit, len(bench.executor.sent)) == ("miss", 0, 1)


async def test_second_leg_is_for_what_the_first_filled():
    """B-175: the second leg is for exactly the contracts that were delivered."""
    bench = Bench()
    bench.executor.script[POLY.id] = [fill(4.5)]

    closed = await bench.run()

    assert bench.executor.sent[1].want.size == contracts(4.5)
    assert (closed.outcome, closed.matched) == ("matched", contracts(4.5))


async def test_over_delivery_is_hedged_floored_to_a_hundredth():
    """A pUSD-sized buy delivered more than asked for: the hedge is for it all, floored to 0.01; the rest is dust."""
    bench = Bench()
    bench.executor.script[POLY.id] = [lambda leg: result(leg, "filled", 11.237654, price=3_737)]

    closed = await bench.run()

    assert bench.executor.sent[1].want.size == contracts(11.23)
    assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", contracts(11.23), contracts(0.007654))


async def test_surplus_beyond_the_reserved_cash_passes_the_gate():
    """What leg 2's reserved cash does not cover is completed by an order of its own through the gate."""
    bench = Bench()
    bench.executor.script[POLY.id] = [lambda leg: result(leg, "filled", 20)]

    closed = await bench.run(max_cost=5_300_000)

    assert bench.executor.sent[1].want.size < contracts(11)
    assert bench.gate.asked[0][0] == "complete"
    assert (closed.outcome, closed.matched) == ("matched", contracts(20))


async def test_second_leg_concedes_up_to_the_plan():
    """B-455: three IOCs 100 ms apart, the first at the planned price, then as far as the book asks, at most the concession."""
    bench = Bench()
    bench.executor.script[KX.id] = [fill(4), fill(4), fill()]
    bench.state.books[KX.id].apply_level("bid", Price(5_000), Size(0), bench.clock.mono_ns())
    bench.state.books[KX.id].apply_level("bid", Price(4_800), contracts(50), bench.clock.mono_ns())

    closed = await bench.run(concession=5_300)

    kalshi = [leg for leg in bench.executor.sent if leg.venue == KALSHI]
    assert [leg.want.limit for leg in kalshi] == [5_200, 5_200, 5_200]
    assert [leg.want.size for leg in kalshi] == [contracts(10), contracts(6), contracts(2)]
    assert [leg.leg_id[15] for leg in kalshi] == [0, 1, 2]
    assert bench.slept[:2] == [0.1, 0.1]
    assert closed.outcome == "matched"


async def test_second_leg_never_passes_the_concession():
    """A book beyond the concession gets the planned price once, and then the exit rule."""
    bench = Bench()
    bench.executor.script[KX.id] = [ends("none")]
    bench.state.books[KX.id].apply_snapshot({Price(4_000): contracts(50)}, {}, bench.clock.mono_ns())

    closed = await bench.run(concession=5_300)

    kalshi = [leg for leg in bench.executor.sent if leg.venue == KALSHI]
    assert [leg.want.limit for leg in kalshi] == [5_000]
    assert closed.outcome == "unwound"
    assert bench.executor.sent[-1].want.market == POLY.id


@SEQUENCES
@pytest.mark.parametrize("second", ["none", "partial", "rejected"])
async def test_failed_second_leg_is_exited(order, second):
    """Whatever leg 2 leaves open is completed or given back through the gate; nothing stays one-sided."""
    bench = Bench()
    late = first_of(order)[1].id
    bench.executor.script[late] = [fill(3) if second == "partial" else ends(second), fill()]

    closed = await bench.run(order=order)

    assert closed.outcome in ("matched", "one_sided", "unwound")
    assert closed.unhedged <= 50_000
    assert all(leg.leg_id == leg_id(ARB, leg.leg_id[14], leg.leg_id[15]) for leg in bench.executor.sent)
    assert bench.gate.asked


@pytest.mark.parametrize(("sigma", "action"), [(1_500, Action.SELL), (25_000, Action.BUY)], ids=["pre_game", "in_play"])
async def test_unwind_takes_the_cheapest_way(sigma, action):
    """The missing side went far away: at equal prices the excess is sold, because a complement locks its dollar up; where the
    wait for tokens costs more than the lock, the complement is bought and the sets are held."""
    bench = Bench(sigma_pre_game=Money(sigma))
    bench.executor.script[KX.id] = [ends("none")]
    bench.state.books[KX.id].apply_snapshot({Price(2_000): contracts(500)}, {}, bench.clock.mono_ns())

    closed = await bench.run()

    last = bench.executor.sent[-1]
    assert (last.venue, last.purpose, last.want.action) == (POLYMARKET, "unwind", action)
    assert (closed.outcome, closed.matched, closed.unhedged) == ("unwound", 0, 0)
    held = 10_000_000 if action is Action.BUY else 0
    assert closed.profit == held - sum(done.cost + done.fee for done in closed.results)
    assert closed.profit < 0


def frozen_by_then(bench):
    """The first leg's answer, which a freeze overtook."""

    def answer(leg):
        bench.gate.frozen = True
        return fill()(leg)

    return answer


async def test_frozen_exit_leaves_an_alarm():
    """halt --freeze refuses even exits: the position stays, alarmed once, carried at its cost and not booked as lost."""
    bench = Bench()
    bench.executor.script[POLY.id] = [frozen_by_then(bench)]

    closed = await bench.run()

    assert (closed.outcome, closed.unhedged, closed.profit) == ("exposed", contracts(10), 0)
    assert closed.naked == closed.results[0].cost + closed.results[0].fee
    assert bench.alarms.count("exit_refused_frozen") == 1 and "exposed" in bench.alarms
    assert bench.clock.mono_ns() - 1_000 * SECOND >= 30 * SECOND
    assert len(bench.executor.sent) == 1  # the second leg was approved before, and is not sent either


async def test_frozen_before_its_first_leg_is_a_free_miss():
    """halt --freeze: nothing is sent at all, although the gate had approved it a moment before."""
    bench = Bench()
    bench.gate.frozen = True

    assert (await bench.run()).outcome == "miss"
    assert (bench.executor.sent, bench.alarms) == ([], [])


async def test_thawed_exit_goes_on():
    """The exit is asked for again until the deadline: after resume it goes through."""
    bench = Bench()
    bench.executor.script[POLY.id] = [frozen_by_then(bench)]

    def thaw() -> None:
        bench.gate.frozen = bench.clock.mono_ns() < 1_003 * SECOND

    bench.on_sleep = thaw

    assert (await bench.run()).unhedged == 0


async def test_exits_in_crumbs_are_paced():
    """An exit that fills a hundredth at a time asks the level again only when its book says something new."""
    bench = Bench()
    bench.executor.script[KX.id] = [ends("none"), fill(0.01)]

    closed = await bench.run()

    assert closed.unhedged == 0 and "attempts_used_up" not in bench.alarms  # the other venue takes the rest back
    assert len(bench.executor.sent) < 12


async def test_unknown_first_leg_stops_everything():
    """B-093: nothing is sent on the other venue, the doubt is alarmed, and an arb that cannot clear it says so."""
    bench = Bench()
    bench.executor.script[POLY.id] = [ends("unknown", "timeout")]

    closed = await bench.run()

    assert closed.outcome == "unknown"
    assert bench.venues() == [POLYMARKET]
    assert bench.alarms == ["leg_unknown", "leg_unresolved"]
    assert closed.results[0].state == "unknown"


async def test_late_fill_after_unknown_is_hedged_by_the_exit_rule():
    """A first leg that proves filled after all is an excess, priced with the books of now, never a plain second leg."""
    bench = Bench()
    bench.executor.script[POLY.id] = [ends("unknown")]
    bench.executor.resolves[POLY.id] = [ends("unknown"), ends("unknown"), fill(10)]
    bench.state.books[KX.id].apply_snapshot({Price(4_900): contracts(500)}, {}, bench.clock.mono_ns())

    closed = await bench.run()

    assert bench.executor.sent[1].purpose == "complete"
    assert bench.executor.sent[1].want.limit == 5_100
    assert (closed.outcome, closed.matched) == ("matched", contracts(10))


async def test_unknown_that_proves_none_is_a_miss():
    """Absence proven: a free miss after all."""
    bench = Bench()
    bench.executor.script[POLY.id] = [ends("unknown")]
    bench.executor.resolves[POLY.id] = [ends("none", "not_found")]

    assert (await bench.run()).outcome == "miss"


async def test_held_first_leg_is_waited_for():
    """B-425: held is in flight, not failed; leg 2 follows the plan once it filled."""
    bench = Bench()
    bench.executor.script[POLY.id] = [ends("held")]
    bench.executor.resolves[POLY.id] = [ends("held"), fill(10)]

    closed = await bench.run()

    assert closed.outcome == "matched"
    assert bench.executor.sent[1].purpose == "open" and bench.alarms == []


async def test_resting_leg_is_cancelled_first():
    """B-170: no arb leg may rest; it is cancelled and then looked up."""
    bench = Bench()
    bench.executor.script[POLY.id] = [ends("resting")]
    bench.executor.resolves[POLY.id] = [fill(2)]

    closed = await bench.run(size=2)

    assert bench.executor.cancelled == [leg_id(ARB, 0, 0)]
    assert closed.outcome == "matched"


@SEQUENCES
async def test_unknown_second_leg_is_not_hedged(order):
    """While leg 2 is in doubt nothing is completed or sold; unresolved it ends unknown."""
    bench = Bench()
    bench.executor.script[first_of(order)[1].id] = [ends("unknown")]

    closed = await bench.run(order=order)

    assert closed.outcome == "unknown"
    assert len(bench.executor.sent) == 2 and bench.gate.asked == []


async def test_executor_fault_is_a_doubt():
    """An executor that breaks, or does not answer in time, leaves unknown, not a crash and not a second order."""
    for fault in (RuntimeError("link"), TimeoutError()):
        bench = Bench()
        bench.executor.script[POLY.id] = [fault]

        assert (await bench.run()).outcome == "unknown"
        assert len(bench.executor.sent) == 1


async def test_concurrent_legs_start_together():
    """B-089: both legs are on their way before either is answered."""
    bench = Bench()

    closed = await bench.run(mode="concurrent")

    assert bench.executor.started == ["+polymarket", "+kalshi", "-polymarket", "-kalshi"]
    assert closed.outcome == "matched"


async def test_no_route_sends_nothing():
    """B-088: one leg without a path, and no leg is sent; each is reported refused so that its cash is free."""
    bench = Bench()
    bench.executor.refusal = "kalshi: no trader is connected"

    closed = await bench.run()

    assert bench.executor.sent == [] and closed.outcome == "miss"
    assert [(done.state, done.code) for done in closed.results] == [("refused", "no_route")] * 2


async def test_unapproved_arb_sends_nothing():
    """An Approved the gate did not make is not run."""
    bench = Bench()
    forged = msgspec.structs.replace(bench.approved(), seal=object())

    closed = await bench.runner.run(forged)

    assert bench.executor.sent == [] and "arb_failed" in bench.alarms
    assert closed.results == ()


async def test_every_result_is_reported_once_as_it_changes():
    """report hears each new truth of each leg, in order, and ArbClosed last."""
    bench = Bench()
    bench.executor.script[POLY.id] = [ends("unknown")]
    bench.executor.resolves[POLY.id] = [ends("unknown"), fill(10)]

    closed = await bench.run()

    states = [event.state for event in bench.events if isinstance(event, LegResult)]
    assert states == ["unknown", "filled", "filled"]
    assert closed.results == tuple(event for event in bench.events[1:-1])


async def test_deaf_listener_does_not_stop_the_hedge():
    """A report that raises is the listener's fault: the second leg still goes out."""
    bench = Bench()

    def report(event) -> None:
        raise RuntimeError("engine")

    bench.runner._report = report

    closed = await bench.runner.run(bench.approved())

    assert closed.outcome == "matched" and len(bench.executor.sent) == 2


async def test_fault_inside_is_alarmed():
    """What nobody foresaw ends at the task's boundary: alarmed and told."""
    bench = Bench()
    bench.executor.script[KX.id] = [ends("none")]

    def broken(*args, **kwargs):
        raise RuntimeError("gate")

    bench.gate.exit = broken

    closed = await bench.run()

    assert closed.outcome in ("exposed", "unknown")
    assert "arb_failed" in bench.alarms


async def test_cancellation_is_told_and_passed_on():
    """Shutdown during a send: the arb ends as unknown and the cancellation goes on."""
    bench = Bench()
    reached, forever = asyncio.Event(), asyncio.Event()

    async def hang(leg):
        reached.set()
        await forever.wait()

    bench.executor.execute = hang
    task = asyncio.create_task(bench.runner.run(bench.approved()))
    await reached.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.events[-1].outcome == "unknown"


async def test_silent_executor_times_out_as_unknown():
    """B-174: no result within EXECUTION_TIMEOUT_SECS is unknown, and the leg is looked up."""
    bench = Bench(execution_timeout_ns=1)
    forever = asyncio.Event()

    async def hang(leg):
        bench.executor.sent.append(leg)
        await forever.wait()

    bench.executor.execute = hang
    bench.executor.resolves[POLY.id] = [ends("none")]

    assert (await bench.run()).outcome == "miss"


async def test_reversed_fill_goes_back_to_hedging():
    """B-424: a fill the venue takes back while it is confirmed leaves the other side alone, which is exited at once."""
    bench = Bench()

    def provisional(leg):
        done = fill()(leg)
        return msgspec.structs.replace(done, fills=tuple(msgspec.structs.replace(f, fee_is_final=False) for f in done.fills))

    def ghost(leg):
        done = fill()(leg)
        taken = tuple(msgspec.structs.replace(f, status="reversed") for f in done.fills)
        return LegResult(leg_id=leg.leg_id, state="none", fills=taken)

    bench.executor.script[POLY.id] = [provisional, ends("none")]
    bench.executor.resolves[POLY.id] = [ghost]
    bench.state.books[POLY.id].apply_snapshot({}, {}, bench.clock.mono_ns())

    closed = await bench.run()

    last = bench.executor.sent[-1]
    assert (last.venue, last.want.action, last.purpose) == (KALSHI, Action.SELL, "unwind")
    assert closed.outcome == "unwound"


async def test_estimates_are_replaced_before_the_end():
    """B-133: the venues' own fees are waited for, bounded; hedged is enough to end (B-439)."""
    bench = Bench()

    def estimate(leg):
        done = fill()(leg)
        return msgspec.structs.replace(done, fills=tuple(msgspec.structs.replace(f, fee_is_final=False) for f in done.fills))

    bench.executor.script[POLY.id] = [estimate]
    began = bench.clock.mono_ns()

    closed = await bench.run()

    assert closed.outcome == "matched" and not closed.results[0].settled
    assert 5 * SECOND <= bench.clock.mono_ns() - began < 6 * SECOND
    bench = Bench()
    bench.executor.script[POLY.id] = [estimate]
    bench.executor.resolves[POLY.id] = [estimate, fill()]
    assert (await bench.run()).results[0].settled


def test_refused_transition_raises_and_changes_nothing():
    """The table is the law: every state reaches closed, and a step it does not name raises."""
    arb = Arb(Bench().approved())

    with pytest.raises(Misuse):
        arb.go(ArbState.HEDGING)

    assert arb.state is ArbState.CLAIMED
    assert set(NEXT) == set(ArbState)
    reach = {ArbState.CLOSED}
    while grown := {state for state, nexts in NEXT.items() if nexts & reach} - reach:
        reach |= grown
    assert reach == set(ArbState)
