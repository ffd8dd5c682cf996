"""Whom a controller believes about a remote leg, what a late trader is told first, and how every doubt ends (4.6, B-093)."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from link_room import Room, filled, in_room
from msgspec.structs import replace
from virtual import Disk

from trading.clock import MS, SECOND
from trading.errors import UnknownOutcome, VenueError
from trading.link.convert import result_fields
from trading.link.identity import Identity, Peer
from trading.link.messages import Halt, LegResultMessage, QueryLeg, Resume
from trading.market import KALSHI
from trading.order import LegResult
from trading.units import MonoNs

OTHER = Identity(Ed25519PrivateKey.from_private_bytes(b"\x04" * 32))


def two_traders(room: Room) -> Disk:
    """A second trader of the same venue is pinned; its disk."""
    room.pins |= {OTHER.kid: Peer(name="dublin", role="trader", public=OTHER.public, platform=KALSHI)}
    room._controller()
    return Disk()


def test_a_trader_that_connects_after_a_halt_is_halted_before_its_first_leg(tmp_path) -> None:
    """A halt is said when nobody listens; who comes later hears it first, a freeze too, and after a resume the resume."""

    async def work(room: Room) -> None:
        room.traders.tell(Halt(reason="maintenance", freeze=True))
        trader = await room.start()
        await room.until(lambda: room.link.health == "halted")
        brake = trader.worker._brake
        assert "maintenance" in brake.stops("open") and "maintenance" in brake.stops("unwind")

        room.network.down = True
        room.network.pipes[-1].cut()
        await asyncio.sleep(1)
        assert room.traders.tell(Resume()) == 0
        room.network.down = False
        await room.ready()

        assert (await room.remote.execute(room.leg())).state == "filled"

    in_room(tmp_path, work)


def test_a_restarted_controller_asks_the_trader_that_got_the_leg_and_no_other(tmp_path) -> None:
    """Several traders of one venue: the journal names whose leg it is; the other's ignorance proves nothing."""

    async def work(room: Room) -> None:
        disk = two_traders(room)
        await room.start()
        second = await room.dial(identity=OTHER, journal_id=43, disk=disk, boot=b"trd2")
        await room.until(lambda: {link.health for link in room.links.values()} == {"ready"})
        leg, running = await room.under_way()
        owner = room.journal.addressee(leg.leg_id)[0]
        await room.restart_controller()
        running.cancel()
        await room.until(lambda: {link.health for link in room.links.values()} == {"ready"})
        other = next(link for name, link in room.links.items() if name != owner)
        other._channel.send(QueryLeg(leg_id=leg.leg_id))
        await asyncio.sleep(1)
        assert not room.remote._current(leg.leg_id).final
        room.venue.gate.set()
        resolved = await room.remote.resolve(leg.leg_id)

        assert (resolved.state, room.sends) == ("filled", 1)
        assert second.alive

    in_room(tmp_path, work)


def test_no_other_trader_can_end_a_leg(tmp_path) -> None:
    """A stolen trader that tells results of another one's leg is not believed."""

    async def work(room: Room) -> None:
        disk = two_traders(room)
        first = await room.start()
        await room.ready()
        leg, running = await room.under_way()
        liar = await room.dial(identity=OTHER, journal_id=43, disk=disk, boot=b"trd2")
        await room.until(lambda: room.links["dublin"].health == "ready")
        lie = LegResult(leg_id=leg.leg_id, state="none", code="not_found")
        liar.worker.channel.send(LegResultMessage(result_no=1, result=result_fields(lie)))
        await asyncio.sleep(1)
        assert not running.done()
        room.venue.gate.set()

        assert (await running).state == "filled"
        assert first.alive

    in_room(tmp_path, work)


def test_a_trader_that_forgot_proves_nothing_to_a_restarted_controller_either(tmp_path) -> None:
    """The journal keeps which journal the trader had when the leg was sent, not only the one it has now."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        leg = await room.left_unknown(trader)
        room.trader_disk.rows.clear()
        await room.dial(boot=b"trd2", journal_id=77)
        await room.ready()
        await room.restart_controller()
        await room.ready()

        assert (await room.remote.resolve(leg.leg_id)).state == "unknown"

    in_room(tmp_path, work)


def test_absence_is_proven_after_a_reboot_too(tmp_path) -> None:
    """The machine restarted: the leg's deadline is of another clock, and far ahead. One look-up lasts long enough all the same."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        trader.crash_at = "J4"
        leg = room.leg()
        room.venue.found = [None]
        assert (await room.remote.execute(leg)).state == "unknown"
        await room.dial(boot=b"trd2", clock_start=-900 * SECOND)
        await room.ready()
        resolved = await room.remote.resolve(leg.leg_id)

        assert (resolved.state, resolved.code, room.sends) == ("none", "not_found", 0)

    in_room(tmp_path, work)


def test_a_leg_whose_market_cannot_be_read_any_more_is_looked_up(tmp_path) -> None:
    """After a restart the venue no longer lists the market: the order is asked about without its terms."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        leg = room.leg()
        trader.crash_at = "J6"
        assert (await room.remote.execute(leg)).state == "unknown"
        room.venue.found = [filled(leg)]

        async def gone(market):
            raise VenueError("kalshi", "not_found", "no such market")

        room.venue.market = gone
        await room.dial(boot=b"trd2")
        await room.ready()

        assert (await room.remote.resolve(leg.leg_id)).state == "filled"

    in_room(tmp_path, work)


def test_a_refusal_that_its_link_did_not_outlive_is_told_on_the_next(tmp_path) -> None:
    """The trader read the market's terms while the link went: its no is heard all the same, and nobody has to ask."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        leg, running, terms = await room.without_terms()
        room.network.pipes[-1].cut()
        assert (await running).state == "unknown"
        await room.ready()
        terms.set()
        news = await anext(room.remote.updates())

        assert (news.leg_id, news.state, news.code) == (leg.leg_id, "refused", "not_ready")

    in_room(tmp_path, work)


def test_a_leg_cancelled_while_it_is_promised_was_never_sent(tmp_path) -> None:
    """The caller went during the fsync: the promise stands, and with it that nothing was sent."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.controller_disk.commit_s = 1.0
        leg = room.leg()
        running = asyncio.ensure_future(room.remote.execute(leg))
        await asyncio.sleep(0.5)
        running.cancel()
        await asyncio.sleep(3)

        assert room.remote._current(leg.leg_id).state == "refused"
        assert (room.journal.open_legs(), room.sends) == ([], 0)

    in_room(tmp_path, work)


def test_a_failed_disk_here_keeps_no_answer_back(tmp_path) -> None:
    """The controller's journal dies while a leg is under way: its result is told at once, and not acknowledged."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        leg, running = await room.under_way()
        room.controller_disk.fault = "disk full"
        began = room.loop.time()
        room.venue.gate.set()
        result = await running
        await asyncio.sleep(1)

        assert (result.state, result.filled) == ("filled", leg.want.size)
        assert room.loop.time() - began < 2
        assert len(trader.journal.undelivered()) == 1

    in_room(tmp_path, work)


@pytest.mark.parametrize("disk_s", [2.0, 8.0, 30.0])
def test_a_slow_disk_at_the_trader_ends_in_a_known_state(tmp_path, disk_s: float) -> None:
    """A promise that takes longer than the leg may live sends nothing, and that is told."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.trader_disk.commit_s = disk_s
        leg = room.leg()
        result = await room.remote.execute(leg)
        if not result.final:
            result = await room.remote.resolve(leg.leg_id)

        assert (result.state, room.sends) == (("filled", 1) if disk_s < 5 else ("refused", 0))

    in_room(tmp_path, work)


def test_a_cancel_never_overtakes_a_send(tmp_path) -> None:
    """While the order is on its way, "no such order" proves nothing: the send answers itself."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        leg, running = await room.under_way()
        await room.remote.cancel(leg.leg_id)
        assert await room.remote.cancel_all("halt") == 0
        assert "cancel" not in room.calls
        room.venue.gate.set()

        assert (await running).state == "filled"
        assert trader.journal.open_legs() == []

    in_room(tmp_path, work)


def test_a_hold_is_measured_across_two_clocks(tmp_path) -> None:
    """B-445: stages cross the link as durations; the controller's own stamps frame them."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()

        def held(order):
            now = trader.clock.mono_ns()
            stages = (("held", MonoNs(now - 700 * MS)), ("released", now))
            return replace(filled(order.leg), stages=stages)

        room.venue.answer = held
        result = await room.remote.execute(room.leg())
        stages = dict(result.stages)

        assert stages["released"] - stages["held"] == 700 * MS
        assert stages["sent"] <= stages["answered"] <= room.clock.mono_ns()
        assert stages["sent"] <= stages["venue_sent"] <= stages["venue_answered"]

    in_room(tmp_path, work)


def test_a_trader_paired_while_the_controller_runs_gets_in(tmp_path) -> None:
    """`bootstrap pair` needs no restart: the first pin opens the door, a later one lets its trader in, a new key under an old
    name too."""

    async def work(room: Room) -> None:
        pins, room.pins = room.pins, {}
        room._controller()
        await room.traders.start("10.0.0.1", 9001)
        await asyncio.sleep(3)
        assert not room.network._doors
        assert "no trader is paired" in room.remote.refuses([room.leg()])
        room.pins = pins
        trader = await room.dial()
        await room.until(lambda: "frankfurt" in room.links and room.link.health == "ready")
        assert (await room.remote.execute(room.leg())).state == "filled"

        trader.dialling.stop("its key is rotated")
        room.pins = {OTHER.kid: Peer(name="frankfurt", role="trader", public=OTHER.public, platform=KALSHI)}
        await asyncio.sleep(2)
        await room.dial(identity=OTHER, boot=b"trd2")
        await room.ready()

        assert (await room.remote.execute(room.leg())).state == "filled"

    in_room(tmp_path, work)


def test_a_look_up_that_breaks_is_begun_again(tmp_path) -> None:
    """Whatever a venue's answer does to our reading of it, an open leg never stays without anybody who asks."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.venue.fault = UnknownOutcome("kalshi", "timeout", "no answer")
        leg = room.leg()
        room.venue.found = [KeyError("surprise"), filled(leg)]
        assert (await room.remote.execute(leg)).state == "unknown"

        assert (await room.remote.resolve(leg.leg_id)).state == "filled"

    in_room(tmp_path, work)


def test_an_old_copy_of_a_journal_proves_no_absence(tmp_path) -> None:
    """The trader's state directory was restored from a backup: the same journal with fewer results than it told before. The leg was
    sent and its acknowledgement lost, so "never seen" would make a filled leg none."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        backup = list(room.trader_disk.rows)
        assert (await room.remote.execute(room.leg())).state == "filled"
        room.venue.gate = asyncio.Event()
        room.venue.sending.clear()
        room.network.pipes[-1].stalled[0] = True
        leg = room.leg()
        running = asyncio.ensure_future(room.remote.execute(leg))
        await room.venue.sending.wait()
        with pytest.raises(asyncio.CancelledError):
            trader.crash()
        assert (await running).state == "unknown"
        room.trader_disk.rows[:] = backup
        await room.dial(boot=b"trd2")
        await room.ready()

        assert (await room.remote.resolve(leg.leg_id)).state == "unknown"

    in_room(tmp_path, work)
