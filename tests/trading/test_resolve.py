"""Promises of resolve_leg and record: doubt is cleared by asking, silence is believed late, knowledge is never lost."""

import msgspec
import pytest
from execute_fakes import World, filled

from trading.clock import MS, SECOND
from trading.errors import Misuse, UnknownOutcome, Unreachable
from trading.execute import record, supersedes
from trading.order import LegRequest, LegResult, Tif
from trading.units import Money, Size


async def unknown_leg(world: World) -> LegRequest:
    world.venue.fault = UnknownOutcome("kalshi", "timeout")
    leg = world.leg()
    await world.execute(leg)
    world.calls.clear()
    return leg


async def test_resolve_finds_a_late_fill_and_never_sends():
    """Unknown is cleared by asking: a fill that proves itself becomes the result."""
    world = World()
    leg = await unknown_leg(world)
    world.venue.found = [None, Unreachable("kalshi", "unreachable"), filled(leg)]

    result = await world.resolve(leg)

    assert (result.state, result.filled) == ("filled", leg.want.size)
    assert "send" not in world.calls and world.calls.count("find") == 3


async def test_silence_is_believed_late_and_only_for_iocs():
    """ "none" takes denials in a row over 15 s, past deadline and grace; an order that could rest is never assumed gone."""
    world = World()
    leg = await unknown_leg(world)
    world.venue.found = [None]
    began = world.clock.mono_ns()

    early = await world.resolve(leg, within=9 * SECOND)
    late = await world.resolve(leg)

    assert early.state == "unknown"
    assert (late.state, late.code) == ("none", "not_found")
    assert world.clock.mono_ns() - began >= 24 * SECOND  # each call counts its own denials
    resting = World()
    gtc = resting.leg()
    gtc = msgspec.structs.replace(gtc, want=msgspec.structs.replace(gtc.want, tif=Tif.GTC))
    resting.venue.fault = UnknownOutcome("kalshi", "timeout")
    await resting.execute(gtc)
    resting.venue.found = [None]
    assert (await resting.resolve(gtc)).state == "unknown"


async def test_found_order_resets_the_denials():
    """One sighting outweighs the denials before it."""
    world = World()
    leg = await unknown_leg(world)
    seen = LegResult(leg_id=leg.leg_id, state="held")
    world.venue.found = [None] * 12 + [seen] + [None]

    result = await world.resolve(leg, within=18 * SECOND)

    assert result.state == "held"


async def test_held_leg_is_asked_at_the_end_of_its_hold():
    """execution.md 2: h + 50, +150, +400 ms, then every 250 ms."""
    world = World()
    world.venue.answer = lambda order: LegResult(leg_id=order.leg.leg_id, state="held")
    leg = world.leg()
    await world.execute(leg)
    sent = world.clock.mono_ns()
    held = LegResult(leg_id=leg.leg_id, state="held")
    at: list[int] = []

    async def find(order):
        at.append((world.clock.mono_ns() - sent) // MS)
        return held if len(at) < 5 else filled(leg)

    world.venue.find = find

    result = await world.resolve(leg, hold_ns=SECOND)

    assert result.state == "filled"
    assert at == [1050, 1150, 1400, 1650, 1900]


async def test_settled_waits_for_the_venues_own_fee():
    """until="settled" goes on after the fill is final, until no amount is an estimate."""
    world = World()
    world.venue.answer = lambda order: filled(order.leg, final_fee=False)
    leg = world.leg()
    await world.execute(leg)
    world.venue.found = [filled(leg, final_fee=False), filled(leg)]

    assert not (await world.resolve(leg, within=0)).settled
    assert (await world.resolve(leg, until="settled")).settled


async def test_resolve_refuses_a_foreign_leg():
    """A leg that another process prepared must be asked of that process."""
    world = World()
    leg = world.leg()
    await world.journal.promise([leg])

    with pytest.raises(Misuse, match="not prepared here"):
        await world.resolve(leg)


def test_slow_reads_take_no_knowledge_away():
    """A lagging read neither shrinks a fill nor reopens a leg; a reversal does take away (B-424)."""
    leg = World().leg()
    full, part = filled(leg), filled(leg, 4_000_000, state="partial")
    reversed_ = msgspec.structs.replace(
        filled(leg, status="reversed"), state="none", filled=Size(0), cost=Money(0), fee=Money(0)
    )

    assert supersedes(part, full)
    assert not supersedes(full, part)
    assert not supersedes(full, full)
    assert not supersedes(full, LegResult(leg_id=leg.leg_id, state="unknown"))
    assert supersedes(full, reversed_)
    assert supersedes(LegResult(leg_id=leg.leg_id, state="none"), full)


def test_the_end_of_an_open_order_forgets_none_of_its_fills():
    """B-178, B-424: four of ten filled while the order was held; it was cancelled, and the list of its trades lagged. "None" would
    be believed for good: a leg without fills is confirmed, and nobody asks about it again."""
    leg = World().leg()
    held = filled(leg, 4_000_000, state="held")
    gone = LegResult(leg_id=leg.leg_id, state="none", code="canceled")

    assert not supersedes(held, gone)
    assert supersedes(held, filled(leg, 4_000_000, state="partial"))
    assert supersedes(held, taken_back(leg))


def taken_back(leg: LegRequest) -> LegResult:
    """The leg after its fill was reversed by the venue."""
    gone = filled(leg, status="reversed")
    return msgspec.structs.replace(gone, state="none", filled=Size(0), cost=Money(0), fee=Money(0))


def test_a_reversed_fill_never_comes_back():
    """B-424: after a reversal neither a lagging read of the same fill, nor an estimate under another name, revives it; a
    further fill that the venue itself lists does count."""
    leg = World().leg()
    ghost = taken_back(leg)
    same = filled(leg, status="provisional")
    renamed = tuple(msgspec.structs.replace(one, id="answer", fee_is_final=False) for one in same.fills)
    further = tuple(msgspec.structs.replace(one, id="another") for one in filled(leg).fills)

    assert not supersedes(ghost, same)
    assert not supersedes(ghost, msgspec.structs.replace(same, fills=ghost.fills + renamed))
    assert not supersedes(ghost, msgspec.structs.replace(same, fills=()))
    assert supersedes(ghost, msgspec.structs.replace(filled(leg), fills=further))


async def test_a_read_without_the_reversed_fill_does_not_forget_it():
    """A list that no longer holds the reversed fill, and then one from before the reversal: the fill stays taken back."""
    world = World()
    leg = world.leg()
    await world.journal.promise([leg])
    for result in (filled(leg, status="provisional"), taken_back(leg), LegResult(leg_id=leg.leg_id, state="none", code="x")):
        await record(world.journal, result)

    kept = await record(world.journal, filled(leg, status="provisional"))

    assert (kept.state, kept.filled) == ("none", 0)
    assert [one.status for one in kept.fills] == ["reversed"]


def test_a_confirmed_fill_does_not_become_provisional_again():
    """A replica that has not seen the confirmation takes nothing away; a reversal still does."""
    leg = World().leg()

    assert supersedes(filled(leg, status="provisional"), filled(leg))
    assert not supersedes(filled(leg), filled(leg, status="provisional"))
    assert supersedes(filled(leg), taken_back(leg))


async def test_record_needs_a_promise():
    """A result without a promise is a bug of ours."""
    world = World()

    with pytest.raises(Misuse):
        await record(world.journal, filled(world.leg()))


async def test_a_question_without_waiting_is_asked_even_when_the_clock_moved_past_the_deadline():
    """A caller that grants no waiting still gets one answer: real clocks tick between its deadline and the first question."""
    world = World()
    leg = await unknown_leg(world)
    world.venue.found = [filled(leg)]

    result = await world.resolve(leg, within=-1)

    assert result.state == "filled"
    assert world.calls.count("find") == 1
