"""What venues say about a leg after it seemed over: the running arb hears it, a closed one is opened again (B-424)."""

import asyncio

import msgspec
import pytest
from execution_fakes import ARB, KX, POLY, Bench, contracts, ends, fill, result

from controller.execution import life
from controller.execution.life import ArbState
from controller.model import ArbClosed
from trading.errors import Misuse
from trading.ids import leg_id
from trading.market import KALSHI, Action
from trading.order import LegRequest, LegResult


def provisional(leg: LegRequest) -> LegResult:
    """Filled, and the venue may still take it back."""
    done = fill()(leg)
    return msgspec.structs.replace(done, fills=tuple(msgspec.structs.replace(f, status="provisional") for f in done.fills))


def ghost(leg: LegRequest) -> LegResult:
    """The fill of provisional() after the venue took it back."""
    taken = tuple(msgspec.structs.replace(f, status="reversed") for f in fill()(leg).fills)
    return LegResult(leg_id=leg.leg_id, state="none", fills=taken)


async def again(bench: Bench, told: LegResult) -> ArbClosed | None:
    """Offer a late result; when the arb must be opened again, do so and return its new end."""
    arb_id = bench.runner.offer(told)
    return await bench.runner.reopen(arb_id) if arb_id is not None else None


async def test_late_fill_told_on_the_stream_is_not_bought_again():
    """Leg 2 answered "none" and fills after all while the arb waits for its next try: nothing more is sent."""
    bench = Bench()
    bench.executor.script[KX.id] = [ends("none"), fill()]
    bench.on_sleep = lambda: bench.runner.offer(result(bench.executor.sent[1], "filled", 10))

    closed = await bench.run()

    assert len(bench.executor.sent) == 2
    assert (closed.outcome, closed.matched) == ("matched", contracts(10))


async def test_late_fill_known_to_the_journal_only_is_not_bought_again():
    """Before each further order the runner takes in what is newest, whoever recorded it."""
    bench = Bench()
    bench.executor.script[KX.id] = [ends("none"), fill()]
    late: dict[bytes, LegResult] = {}
    bench.runner._newest = late.get
    bench.on_sleep = lambda: late.setdefault(leg_id(ARB, 1, 0), result(bench.executor.sent[1], "filled", 10))

    closed = await bench.run()

    assert len(bench.executor.sent) == 2
    assert closed.matched == contracts(10)


async def test_late_fill_during_the_exit_is_heard():
    """The exit rule waits for quotes; what fills late on the missing side ends the hedging."""
    bench = Bench()
    bench.executor.script[KX.id] = [ends("rejected")]
    bench.state.books[KX.id].apply_snapshot({}, {}, bench.clock.mono_ns())
    bench.state.books[POLY.id].apply_snapshot({}, {}, bench.clock.mono_ns())
    bench.executor.script[KX.id] = [ends("none")]
    bench.on_sleep = lambda: bench.runner.offer(result(bench.executor.sent[1], "filled", 10))

    closed = await bench.run()

    assert closed.outcome == "matched" and len(bench.executor.sent) == 2


async def test_reversal_after_the_end_opens_the_arb_and_hedges():
    """A fill that failed after "matched": the other leg is sold, alarmed, and ArbClosed told again for the same arb."""
    bench = Bench()
    bench.executor.script[POLY.id] = [provisional]
    first = await bench.run()
    assert first.outcome == "matched" and not first.results[0].confirmed

    bench.executor.script[POLY.id] = [ends("none")]
    bench.state.books[POLY.id].apply_snapshot({}, {}, bench.clock.mono_ns())
    second = await again(bench, ghost(bench.executor.sent[0]))

    last = bench.executor.sent[-1]
    assert (last.venue, last.want.action, last.purpose) == (KALSHI, Action.SELL, "unwind")
    assert second is not None and second == bench.events[-1]
    assert (second.arb_id, second.outcome, second.matched) == (first.arb_id, "unwound", 0)
    assert second.corrects is not None and second.corrects.profit == first.profit
    assert "reopened" in bench.alarms


async def test_fill_that_was_taken_back_is_not_bought_again():
    """A ghost may settle after all, and a second purchase would double it: the other leg is sold, though buying looks cheaper."""
    bench = Bench()
    bench.executor.script[POLY.id] = [provisional, fill()]
    await bench.run()

    second = await again(bench, ghost(bench.executor.sent[0]))

    assert [(leg.venue, leg.want.action) for leg in bench.executor.sent[2:]] == [(KALSHI, Action.SELL)]
    assert second is not None and (second.outcome, second.unhedged) == ("unwound", 0)


def missed_and_frozen(bench: Bench):
    """An answer: nothing filled, and from now on every exit is refused."""

    def answer(leg: LegRequest) -> LegResult:
        bench.gate.frozen = True
        return ends("none")(leg)

    return answer


async def test_excess_that_changes_sides_is_hedged_although_its_size_is_the_same():
    """Nothing could be done about 10 on one venue; when 10 stand alone on the other instead, that is tried too."""
    bench = Bench()
    bench.executor.script[KX.id] = [missed_and_frozen(bench), fill()]
    closing: list[LegResult] = []

    def turn() -> None:
        """While amounts are waited for, the missing side turns out twice as large and the exits are allowed again."""
        bench.gate.frozen = False
        done = result(bench.executor.sent[1], "filled", 20)
        closing.append(done)
        bench.runner.offer(done)

    def estimate(leg: LegRequest) -> LegResult:
        done = fill()(leg)
        return msgspec.structs.replace(done, fills=tuple(msgspec.structs.replace(f, fee_is_final=False) for f in done.fills))

    bench.executor.script[POLY.id] = [estimate, fill()]
    bench.executor.on_resolve = lambda: None if closing or not bench.gate.asked else turn()

    closed = await bench.run()

    assert closing and closed.unhedged == 0


async def test_late_fill_after_a_free_miss_is_hedged():
    """Leg 1 was none, the arb a miss; the fill that shows up later stands alone and is completed by the exit rule."""
    bench = Bench()
    bench.executor.script[POLY.id] = [ends("none")]
    assert (await bench.run()).outcome == "miss"

    second = await again(bench, result(bench.executor.sent[0], "filled", 10))

    assert second is not None and (second.outcome, second.matched) == ("matched", contracts(10))
    assert [leg.purpose for leg in bench.executor.sent] == ["open", "complete"]


@pytest.mark.parametrize("late", ["filled", "none"])
async def test_unknown_second_leg_resolved_late_is_settled(late):
    """The doubt ends after the arb did: filled makes it matched, none opens it and the first leg is hedged."""
    bench = Bench()
    bench.executor.script[KX.id] = [ends("unknown"), fill()]
    first = await bench.run()
    assert (first.outcome, first.profit) == ("unknown", 0)
    assert first.naked > 0

    second = await again(bench, result(bench.executor.sent[1], late, 10 if late == "filled" else 0))

    if late == "filled":
        assert second is None and len(bench.executor.sent) == 2  # nothing stands alone: counted again, not opened
    else:
        assert len(bench.executor.sent) == 3
    assert bench.events[-1].outcome == "matched"
    assert (bench.events[-1].naked, bench.events[-1].unhedged) == (0, 0)
    assert bench.events[-1].profit > 0


async def test_later_fee_corrects_the_profit_once():
    """A venue's own fee replaces an estimate after the end: one more ArbClosed with the difference, none when nothing moved."""
    bench = Bench(confirm_ns=0)

    def estimate(leg):
        done = fill()(leg)
        return msgspec.structs.replace(
            done,
            fee=done.fee + 7,
            fills=tuple(msgspec.structs.replace(f, fee=f.fee + 7, fee_is_final=False) for f in done.fills),
        )

    bench.executor.script[POLY.id] = [estimate]
    first = await bench.run()

    final = fill()(bench.executor.sent[0])
    assert await again(bench, final) is None
    assert await again(bench, final) is None

    ended = [event for event in bench.events if isinstance(event, ArbClosed)]
    assert len(ended) == 2
    assert ended[1].profit == first.profit + 7
    assert len(bench.executor.sent) == 2


async def test_confirmation_alone_tells_nothing_new():
    """Provisional becomes final: no figure changed, so no second end is told."""
    bench = Bench()
    bench.executor.script[POLY.id] = [provisional]
    await bench.run()
    told = len(bench.events)

    assert await again(bench, fill()(bench.executor.sent[0])) is None

    assert len(bench.events) == told


async def test_exposed_arb_that_gave_up_is_not_tried_for_news_that_move_nothing():
    """A confirmed fee on the leg that stands alone is no reason to hedge again; a change of what is held is."""
    bench = Bench()
    bench.executor.script[POLY.id] = [provisional]
    bench.executor.script[KX.id] = [missed_and_frozen(bench)]
    assert (await bench.run()).outcome == "exposed"

    assert bench.runner.offer(fill()(bench.executor.sent[0])) is None

    assert not bench.runner.running(ARB)


async def test_offers_while_an_arb_is_open_again_start_it_once():
    """Two late results in a row name the arb once; the second is heard by the task that already runs."""
    bench = Bench()
    bench.executor.script[POLY.id] = [provisional]
    await bench.run()

    assert bench.runner.offer(ghost(bench.executor.sent[0])) == ARB
    assert bench.runner.offer(fill(4)(bench.executor.sent[1])) is None
    assert bench.runner.running(ARB)


async def test_after_stop_late_truth_is_told_and_alarmed_but_nothing_is_sent():
    """Without books nothing can be priced: the arb is told exposed, for a person."""
    bench = Bench()
    bench.executor.script[POLY.id] = [provisional]
    await bench.run()
    bench.runner.stop()

    assert bench.runner.offer(ghost(bench.executor.sent[0])) is None

    assert bench.events[-1].outcome == "exposed" and "exposed" in bench.alarms
    assert len(bench.executor.sent) == 2


async def test_record_of_an_unconfirmed_arb_is_kept_and_confirmed_ones_go_first(monkeypatch):
    """Bounded: confirmed arbs are forgotten beyond the limit, one whose fill may still be taken back is not."""
    monkeypatch.setattr(life, "_KEPT", 2)
    bench = Bench()
    runner = bench.runner
    bench.executor.script[POLY.id] = [provisional, fill()]

    for number in range(5):
        approved = bench.approved()
        arb_id = bytes([number]) * 14
        legs = tuple(msgspec.structs.replace(leg, leg_id=leg_id(arb_id, place, 0)) for place, leg in enumerate(approved.legs))
        await runner.run(msgspec.structs.replace(approved, arb_id=arb_id, legs=legs))

    assert len(runner._arbs) == 2
    assert runner.offer(ghost(bench.executor.sent[0])) == b"\0" * 14


async def test_only_a_named_arb_is_opened_again():
    """reopen() is for what offer() returned: a stranger, or one that runs, is misuse."""
    bench = Bench()

    with pytest.raises(Misuse):
        await bench.runner.reopen(ARB)


async def test_fault_while_open_again_is_told_and_alarmed():
    """The boundary holds for the second life, too."""
    bench = Bench()
    bench.executor.script[POLY.id] = [provisional]
    await bench.run()
    bench.gate.exit = lambda *args, **kwargs: 1 / 0

    closed = await again(bench, ghost(bench.executor.sent[0]))

    assert closed is not None and closed.outcome in ("exposed", "unknown")
    assert "arb_failed" in bench.alarms


async def test_order_in_flight_at_shutdown_is_told_as_unknown():
    """Cancelled during the send: the order without an answer is in ArbClosed as unknown, so that its event stays shut."""
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

    assert [one.state for one in bench.events[-1].results] == ["unknown"]


def test_closed_is_left_by_a_late_truth_only():
    """The table: from closed the only way leads back to confirming."""
    assert life.NEXT[ArbState.CLOSED] == {ArbState.CONFIRMING}
