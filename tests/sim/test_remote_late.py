"""Truths about a remote leg that come when nobody waits for them any more (B-093, B-424; distributed.md 4.6)."""

import asyncio

import pytest
from link_room import Room, in_room


async def given_up(room: Room) -> tuple:
    """A leg whose caller stopped waiting (B-174), while it stands at the venue."""
    leg, running = await room.under_way()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return leg, running


def test_a_fill_after_its_caller_gave_up_is_news_at_once(tmp_path) -> None:
    """B-174: EXECUTION_TIMEOUT_SECS ended the waiting, not the order. Its fill comes out of updates() when it is told, and does
    not wait for the next question."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        leg, _ = await given_up(room)
        room.venue.gate.set()
        async with asyncio.timeout(1):
            news = await anext(room.remote.updates())

        assert (news.leg_id, news.state, news.filled) == (leg.leg_id, "filled", leg.want.size)

    in_room(tmp_path, work)


def test_a_refusal_after_its_caller_gave_up_is_kept(tmp_path) -> None:
    """A trader's no ends the leg in the journal, although nobody waits and nobody asks."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        leg, running, terms = await room.without_terms()
        running.cancel()
        await asyncio.sleep(0.5)
        terms.set()
        await asyncio.sleep(1)

        assert room.remote._current(leg.leg_id).state == "refused"

    in_room(tmp_path, work)


def test_a_trader_that_is_paired_again_is_asked_about_its_legs(tmp_path) -> None:
    """B-093: it was taken out of the peers file when the controller started, so its leg was nobody's; a person pairs it again, and
    the leg comes to its end without another start."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        leg = await room.left_unknown(trader)
        room.trader_disk.rows[:] = [row for row in room.trader_disk.rows if not hasattr(row, "client_order_id")]
        pins, room.pins = room.pins, {}
        await room.restart_controller()
        assert (await room.remote.resolve(leg.leg_id)).state == "unknown"
        room.pins = pins
        await room.dial(boot=b"trd2")
        await room.until(lambda: "frankfurt" in room.links and room.link.health == "ready")

        assert (await room.remote.resolve(leg.leg_id)).state == "none"

    in_room(tmp_path, work)


def test_a_leg_of_an_earlier_start_is_not_sent_once_a_later_one_is_in_charge(tmp_path) -> None:
    """distributed.md 4.7, P5: the trader still read the market's terms when the next start came: the fence is asked again just
    before the send, and the new start hears that nothing was sent."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        terms, read = asyncio.Event(), trader.legs._read

        async def slow(market):
            await terms.wait()
            return await read(market)

        trader.legs._read = slow
        leg = room.leg(ttl_s=60)
        running = asyncio.ensure_future(room.remote.execute(leg))
        await asyncio.sleep(0.5)
        await room.restart_controller()
        running.cancel()
        await room.ready()
        assert trader.journal.number_kept("epoch") == 6
        terms.set()
        resolved = await room.remote.resolve(leg.leg_id)

        assert (resolved.state, resolved.code, room.sends) == ("refused", "stale_epoch", 0)

    in_room(tmp_path, work)


def test_a_trader_that_stopped_its_legs_begins_no_other(tmp_path) -> None:
    """B-226: what ends an arb is taken while a stopping trader waits for its legs, and not after that: venue and journal are about
    to be closed, and its outcome would be a doubt until the trader is back."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        await trader.legs.close(grace_s=0)
        result = await room.remote.execute(room.leg(purpose="complete"))

        assert (result.state, result.code, room.sends) == ("refused", "not_ready", 0)

    in_room(tmp_path, work)
