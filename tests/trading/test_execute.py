"""Promises of execute_leg: at most one send, never before the promise, and doubt is a state of its own."""

import asyncio

import pytest
from execute_fakes import MARKET, World, filled

from trading.clock import MS, SECOND
from trading.errors import BadAnswer, Misuse, ModeClosed, Rejected, Throttled, UnknownOutcome, Unreachable
from trading.ids import client_order_id
from trading.journal import MemoryJournal
from trading.market import POLYMARKET
from trading.units import Money, MonoNs


async def test_promise_returns_before_the_send():
    """Nothing is sent before the promise is durable, although signing runs meanwhile."""
    world = World()

    result = await world.execute(world.leg())

    assert result.state == "filled"
    assert world.calls == ["prepare", "promise", "sign", "promised", "send", "settle filled"]


async def test_both_legs_of_an_arb_are_promised_before_either_is_signed():
    """Legs that start together are one commit of the journal, and it runs while both are signed (distributed.md 4.6)."""
    world = World()

    await asyncio.gather(world.execute(world.leg()), world.execute(world.leg()))

    assert world.calls[:6] == ["prepare", "promise", "prepare", "promise", "sign", "sign"]


async def test_cancelled_between_promise_and_signature_signs_and_sends_nothing():
    """A leg cancelled in the turn in which its promise is handed over ends there."""
    world = World()
    task = asyncio.create_task(world.execute(world.leg()))
    await asyncio.sleep(0)
    assert world.calls == ["prepare", "promise"]

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert world.calls == ["prepare", "promise"]


async def test_journal_that_does_not_wait_costs_no_turn_of_the_loop():
    """With a promise kept at once and an inline signature the order leaves in the turn in which its leg began."""
    world = World()
    world.journal = MemoryJournal()
    world.venue.gate = asyncio.Event()

    task = asyncio.create_task(world.execute(world.leg()))
    await asyncio.sleep(0)

    assert world.calls == ["prepare", "sign", "send"]
    assert len(asyncio.all_tasks()) == 2
    world.venue.gate.set()
    assert (await task).state == "filled"


async def test_stages_and_ids_are_stamped():
    """The result names every stage in time and the ids the order was sent under."""
    world = World()
    world.venue.signing = lambda: world.clock.advance(MS)
    leg = world.leg()

    result = await world.execute(leg)

    names = [name for name, _ in result.stages]
    assert sorted(names) == sorted(["prepared", "promised", "signed", "sent", "answered"])
    assert names.index("sent") > max(names.index("promised"), names.index("signed"))
    assert result.client_order_id == client_order_id(leg.leg_id)


async def test_probe_hears_the_steps_in_order():
    """Crash points J0 to J7 are passed in the order of distributed.md 4.6."""
    world = World()
    heard: list[str] = []

    await world.execute(world.leg(), probe=lambda step: heard.append(f"{step}:{world.calls[-1] if world.calls else ''}"))

    assert [step.split(":")[0] for step in heard] == ["J0", "J1", "J2", "J4", "J5", "J6", "J7"]
    assert heard[2] == "J2:promised" and heard[4] == "J5:promised" and heard[5] == "J6:send"


@pytest.mark.parametrize("step", ["J0", "J1", "J2", "J4", "J5", "J6"])
async def test_crash_leaves_a_truthful_journal(step):
    """A crash at any step leaves either nothing, or a promise without a result, and no second send is possible."""
    world = World()
    leg = world.leg()

    def crash(name: str) -> None:
        if name == step:
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        await world.execute(leg, probe=crash)
    sent = world.calls.count("send")
    stored = world.journal.stored(leg.leg_id)

    assert sent == (step == "J6")
    assert (stored is None) == (step in ("J0", "J1"))
    if stored is not None:
        assert stored[1] is None
        assert (await world.execute(leg)).state == "unknown"
        assert world.calls.count("send") == sent


async def test_repeated_leg_id_returns_stored_result():
    """B-223: a repeated leg id gives the stored result and is not sent again."""
    world = World()
    leg = world.leg()
    first = await world.execute(leg)

    again = await world.execute(leg)

    assert again == first
    assert world.calls.count("send") == 1


async def test_same_leg_twice_at_once_sends_once():
    """Two concurrent calls with one leg id cause one order; the other call knows only that it is under way."""
    world = World()
    leg = world.leg()

    one, two = await asyncio.gather(world.execute(leg), world.execute(leg))

    assert sorted([one.state, two.state]) == ["filled", "unknown"]
    assert world.calls.count("send") == 1
    assert world.journal.stored(leg.leg_id)[1].state == "filled"


async def test_live_needs_a_durable_journal():
    """A live leg is refused unsent while the journal would forget it."""
    world = World()

    refused = await world.execute(world.leg(world="live"))

    assert (refused.state, refused.code) == ("refused", "not_durable")
    assert world.calls == []
    durable = World(durable=True)
    assert (await durable.execute(durable.leg(world="live"))).state == "filled"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"venue": POLYMARKET}, "wrong_venue"),
        ({"world": "paper"}, "wrong_world"),
        ({"max_cost": Money(5_599_999)}, "max_cost"),
        ({"deadline": MonoNs(0)}, "deadline"),
    ],
)
async def test_refusals_send_nothing(changes, code):
    """Wrong venue, a paper leg at a real client, too dear, too late: refused with its own word, nothing promised."""
    world = World()

    refused = await world.execute(world.leg(**changes))

    assert (refused.state, refused.code) == ("refused", code)
    assert world.calls == []


async def test_prepare_rejection_is_a_refusal():
    """What the venue's rules forbid beforehand is refused with the rule's word."""
    world = World()
    world.venue.prepare_fault = Rejected("kalshi", "off_grid", "0.565")

    refused = await world.execute(world.leg())

    assert (refused.state, refused.code, world.calls) == ("refused", "off_grid", ["prepare"])


async def test_deadline_is_checked_again_just_before_the_send():
    """A leg that was signed too slowly is refused, and the journal says so."""
    world = World()
    world.venue.signing = lambda: world.clock.advance(6 * SECOND)
    leg = world.leg()

    refused = await world.execute(leg)

    assert (refused.state, refused.code) == ("refused", "deadline")
    assert "send" not in world.calls
    assert world.journal.stored(leg.leg_id)[1].state == "refused"


async def test_a_kill_switch_thrown_while_signing_stops_the_send():
    """The veto is asked last of all: the order is promised and signed, and still does not leave."""
    world = World()
    leg = world.leg()

    refused = await world.execute(leg, veto=lambda: ("halted", "by hand") if "sign" in world.calls else None)

    assert (refused.state, refused.code, refused.detail) == ("refused", "halted", "by hand")
    assert "send" not in world.calls
    assert world.journal.stored(leg.leg_id)[1].state == "refused"


async def test_failed_promise_or_signature_sends_nothing():
    """Without promise or signature no order leaves."""
    for field in ("promise", "sign"):
        world = World()
        if field == "promise":
            world.journal.fault = OSError("disk full")
        else:
            world.venue.sign_fault = ValueError("key")

        refused = await world.execute(world.leg())

        assert refused.state == "refused"
        assert "send" not in world.calls


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        (Unreachable("kalshi", "unreachable"), "rejected", "unreachable"),
        (Throttled("kalshi", "throttled"), "rejected", "throttled"),
        (ModeClosed("kalshi", "trading_paused"), "rejected", "trading_paused"),
        (UnknownOutcome("kalshi", "timeout"), "unknown", "timeout"),
        (BadAnswer("kalshi", "bad_answer"), "unknown", "bad_answer"),
        (RuntimeError("bug"), "unknown", "unexpected"),
        (TimeoutError(), "unknown", "unexpected"),
    ],
)
async def test_faults_of_the_send(fault, state, code):
    """Definite noes are rejected; every other end of a begun send is unknown."""
    world = World()
    world.venue.fault = fault
    leg = world.leg()

    result = await world.execute(leg)

    assert (result.state, result.code) == (state, code)
    assert world.journal.stored(leg.leg_id)[1] == result


async def test_cancellation_mid_send_leaves_unknown():
    """A cancelled send stays in the journal as unknown, never as none, and is not sent again."""
    world = World()
    world.venue.gate = asyncio.Event()
    leg = world.leg()
    task = asyncio.create_task(world.execute(leg))
    await world.venue.sending.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert world.journal.stored(leg.leg_id)[1].state == "unknown"
    assert (await world.execute(leg)).state == "unknown"
    assert world.calls.count("send") == 1


async def test_cancellation_before_the_send_is_a_refusal():
    """Cancelled while signing, after the promise: nothing was sent and the journal knows it."""
    world = World()
    forever = asyncio.Event()

    async def sign(order):
        await forever.wait()

    world.venue.sign = sign
    leg = world.leg()
    task = asyncio.create_task(world.execute(leg))
    while "promised" not in world.calls:
        await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert world.journal.stored(leg.leg_id)[1].state == "refused"
    assert "send" not in world.calls


async def test_answer_for_another_leg_is_unknown():
    """An answer that names another leg proves nothing about ours."""
    world = World()
    world.venue.answer = lambda order: filled(world.leg())

    result = await world.execute(world.leg())

    assert (result.state, result.code) == ("unknown", "bad_answer")


async def test_answer_survives_a_broken_journal():
    """A result that cannot be kept is still the result."""
    world = World()
    leg = world.leg()

    async def broken(result):
        raise OSError("disk full")

    world.journal.settle = broken

    assert (await world.execute(leg)).state == "filled"


async def test_prepared_order_is_not_promised_again():
    """A trader promises before it acknowledges; execute_leg then sends what was promised."""
    world = World()
    leg = world.leg()
    prepared = world.venue.prepare(leg, MARKET, world.ids, world.clock)
    with pytest.raises(Misuse):
        await world.execute(leg, prepared=prepared)
    await world.journal.promise([prepared])
    world.calls.clear()

    result = await world.execute(leg, prepared=prepared)

    assert result.state == "filled"
    assert world.calls == ["sign", "send", "settle filled"]
    assert await world.execute(leg, prepared=prepared) == result
    assert world.calls.count("send") == 1
