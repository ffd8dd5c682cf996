"""A remote leg is one order and one result, whatever happens to the link and the trader between (B-090, B-093, 4.6)."""

import asyncio

import pytest
import structlog
from link_fakes import STRANGER
from link_room import Room, filled, in_room
from msgspec.structs import replace

from trading.errors import UnknownOutcome
from trading.link.convert import execute_message
from trading.link.messages import Halt as HaltWord
from trading.market import POLYMARKET
from trading.order import LegResult
from trading.units import Price, Size


def test_a_remote_leg_yields_what_a_local_one_would(tmp_path) -> None:
    """B-090: same result, kept in both journals, acknowledged."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        leg = room.leg()
        result = await room.remote.execute(leg)
        await asyncio.sleep(1)

        assert (result.state, result.filled, room.sends) == ("filled", leg.want.size, 1)
        assert room.journal.stored(leg.leg_id)[1].fills == filled(leg).fills
        assert trader.journal.stored(leg.leg_id)[1].fills == filled(leg).fills
        assert trader.journal.undelivered() == []
        assert [name for name, _ in result.stages][:: len(result.stages) - 1] == ["sent", "answered"]

    in_room(tmp_path, work)


def test_a_repeated_leg_trades_once(tmp_path) -> None:
    """B-223: the same id again gives the stored result at both ends."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        leg = room.leg()
        first = await room.remote.execute(leg)
        assert (await room.remote.execute(leg)).filled == first.filled
        room.link._channel.send(_message(room, leg))
        await asyncio.sleep(1)
        assert room.sends == 1

    in_room(tmp_path, work)


def _message(room: Room, leg):
    return execute_message(leg, room.clock.mono_ns())


def test_a_leg_is_unknown_while_its_link_is_gone_and_known_when_it_returns(tmp_path) -> None:
    """B-093: the drop is not a failure; the trader finishes alone and tells on the next session."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        leg, running = await room.under_way()
        room.network.down = True
        room.network.pipes[-1].cut()
        result = await running
        assert (result.state, result.code) == ("unknown", "link_lost")
        assert room.remote.refuses([room.leg()]) is not None
        room.venue.gate.set()
        await asyncio.sleep(3)
        room.network.down = False
        resolved = await room.remote.resolve(leg.leg_id)

        assert (resolved.state, room.sends) == ("filled", 1)

    in_room(tmp_path, work)


def test_a_leg_that_never_arrived_is_proven_absent_on_the_next_session(tmp_path) -> None:
    """The frame was lost with the link. The same trader's journal, on a new session, never saw it: none, no venue asked."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        pipe = room.network.pipes[-1]
        pipe.stalled[1] = True
        leg = room.leg()
        running = asyncio.ensure_future(room.remote.execute(leg))
        await asyncio.sleep(0.5)
        pipe.cut()
        assert (await running).state == "unknown"
        await room.ready()
        resolved = await room.remote.resolve(leg.leg_id)

        assert (resolved.state, resolved.code, room.sends) == ("none", "never_seen", 0)

    in_room(tmp_path, work)


def test_a_trader_with_another_journal_proves_nothing(tmp_path) -> None:
    """Its state directory was lost: "never seen" from it leaves the leg unknown."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        leg = await room.left_unknown(trader)
        room.trader_disk.rows.clear()
        await room.dial(boot=b"trd2", journal_id=77)
        await room.ready()
        resolved = await room.remote.resolve(leg.leg_id)

        assert resolved.state == "unknown"

    in_room(tmp_path, work)


@pytest.mark.parametrize("step", ["J0", "J1", "J2", "J3", "J4", "J5", "J6", "J7", "J8"])
def test_a_trader_killed_at_any_step_makes_one_order_at_most_and_loses_no_leg(tmp_path, step: str) -> None:
    """4.6: after the restart the leg ends as the venue has it, without a second order (promises P1 and P2)."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        leg = room.leg()
        trader.crash_at = step
        room.venue.found = [None]

        def took(order):
            room.venue.found = [filled(leg)]
            return filled(leg)

        room.venue.answer = took
        result = await room.remote.execute(leg)
        assert result.state == "unknown"
        assert not trader.alive
        await room.dial(boot=b"trd2")
        await room.ready()
        resolved = await room.remote.resolve(leg.leg_id)

        assert room.sends == (1 if step in ("J6", "J7", "J8") else 0)
        assert resolved.state == ("filled" if room.sends else "none"), resolved

    in_room(tmp_path, work)


def test_a_doubtful_send_is_resolved_by_the_trader_and_told(tmp_path) -> None:
    """The venue did not answer the trader: unknown first, then what the look-up found."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.venue.fault = UnknownOutcome("kalshi", "timeout", "no answer")
        leg = room.leg()
        room.venue.found = [None, None, filled(leg)]
        result = await room.remote.execute(leg)
        assert result.state == "unknown"
        assert (await room.remote.resolve(leg.leg_id)).state == "filled"
        assert room.sends == 1

    in_room(tmp_path, work)


def test_five_hundred_legs_at_once_all_end(tmp_path) -> None:
    """B-226: each in its own task; heartbeats go on."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        legs = [room.leg() for _ in range(500)]
        room.venue.answer = lambda order: filled(order.leg)
        results = await asyncio.gather(*(room.remote.execute(leg) for leg in legs))

        assert {result.state for result in results} == {"filled"}
        assert room.sends == 500
        assert room.link.health == "ready"

    in_room(tmp_path, work)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"epoch": 4}, "stale_epoch"),
        ({"epoch": 6}, "stale_epoch"),
        ({"world": "live"}, "dry_run_conflict"),
        ({"max_cost": 600_000_000}, "limit_order"),
    ],
)
def test_the_trader_refuses_what_it_must_not_do(tmp_path, change: dict[str, int], code: str) -> None:
    """B-227: refused with a code, nothing sent, nothing kept."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        leg = room.leg(**change)
        result = await room.remote.execute(leg)

        assert (result.state, result.code, room.sends) == ("refused", code, 0)
        assert trader.journal.stored(leg.leg_id) is None

    in_room(tmp_path, work)


def test_a_leg_of_another_platform_or_before_init_is_refused(tmp_path) -> None:
    """B-227: whatever a controller sends by mistake: nothing is kept, nothing sent, and the code says why."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        other = room.leg(venue=POLYMARKET)
        with structlog.testing.capture_logs() as told:
            room.link._channel.send(_message(room, other))
            await asyncio.sleep(1)
            trader.worker._ready = False  # a session whose init has not come
            early = room.leg()
            room.link._channel.send(_message(room, early))
            await asyncio.sleep(1)

        assert [row["code"] for row in told if row["event"] == "leg_refused"] == ["wrong_platform", "not_ready"]
        assert trader.journal.stored(other.leg_id) is trader.journal.stored(early.leg_id) is None
        assert room.sends == 0

    in_room(tmp_path, work)


def test_either_sides_paper_mode_keeps_orders_from_the_venue(tmp_path) -> None:
    """B-092: a trader on paper is no way for a leg that trades, which is known before any leg is sent; nor does one that trades
    take a paper leg."""

    async def work(room: Room) -> None:
        trader = await room.start()
        trader.legs._clients = {True: room.venue}
        await room.ready()
        leg = room.leg()

        assert room.remote.refuses([leg]) == "trader frankfurt is in paper mode (its DRY_RUN=1)"
        assert (await room.remote.execute(leg)).code == "no_route"
        room.link._channel.send(_message(room, leg))
        await asyncio.sleep(1)
        assert trader.journal.stored(leg.leg_id) is None
        trader.legs._clients = {False: room.venue}
        result = await room.remote.execute(room.leg(1, world="paper"))
        assert (result.state, result.code, room.sends) == ("refused", "dry_run_conflict", 0)

    in_room(tmp_path, work)


def test_prices_off_the_grid_are_refused(tmp_path) -> None:
    """B-227: the trader checks against the market's own grid."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        leg = room.leg()
        odd = replace(leg, want=replace(leg.want, limit=Price(5_650)))
        assert (await room.remote.execute(odd)).code == "bad_price"
        big = room.leg()
        big = replace(big, want=replace(big.want, size=Size(2_000_000_000)))
        assert (await room.remote.execute(big)).code == "limit_order"

    in_room(tmp_path, work)


def test_an_expired_leg_is_refused_by_the_traders_own_clock(tmp_path) -> None:
    """B-224: the frame was on its way for longer than the leg may live; the two monotonic clocks have nothing in common."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.network.pipes[-1].delay_s = 2.0
        result = await room.remote.execute(room.leg(ttl_s=1))

        assert (result.state, result.code, room.sends) == ("refused", "expired", 0)

    in_room(tmp_path, work)


def test_the_halt_file_stops_the_next_send(tmp_path) -> None:
    """The trader's own operator: the file is looked at before each send."""

    async def work(room: Room) -> None:
        trader = await room.start()
        await room.ready()
        trader.halt.set("by hand")
        assert (await room.remote.execute(room.leg())).code == "halted"
        done = await room.remote.execute(room.leg(purpose="complete"))
        assert done.state == "filled"
        trader.halt.set("hard", freeze=True)
        assert (await room.remote.execute(room.leg(purpose="complete"))).code in ("halted", "no_route")
        assert room.sends == 1

    in_room(tmp_path, work)


def test_a_failed_disk_refuses_legs_and_loses_none(tmp_path) -> None:
    """Without a promise nothing is sent: journal_unavailable, and so is every later leg."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.trader_disk.fault = "disk full"
        first = await room.remote.execute(room.leg())
        second = await room.remote.execute(room.leg())

        assert (first.code, second.code, room.sends) == ("journal_unavailable", "journal_unavailable", 0)

    in_room(tmp_path, work)


def test_no_leg_goes_to_a_silent_trader_and_it_is_down_after_ten_seconds(tmp_path) -> None:
    """B-225: three seconds of silence stop new legs, ten end the session; it comes back by itself."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.network.pipes[-1].stalled[:] = [True, True]
        await asyncio.sleep(4)
        assert room.link.health == "quiet"
        assert "quiet" in room.remote.refuses([room.leg()])
        await asyncio.sleep(8)
        await room.ready()
        assert (await room.remote.execute(room.leg())).state == "filled"

    in_room(tmp_path, work)


def test_a_newer_session_of_the_same_trader_replaces_the_old_one(tmp_path) -> None:
    """B-229: a half-open socket does not keep the restarted trader out."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        old = room.link._channel
        await room.dial(boot=b"trd2")
        await room.until(lambda: room.link._channel is not old and room.link.health == "ready")
        assert old.ended
        assert (await room.remote.execute(room.leg())).state == "filled"

    in_room(tmp_path, work)


def test_strangers_are_counted_and_shut_out_for_a_minute(tmp_path) -> None:
    """Five failed handshakes a minute from one address close the door to it."""

    async def work(room: Room) -> None:
        await room.traders.start("10.0.0.1", 9001)
        await room.dial(identity=STRANGER)
        await room.until(lambda: room.traders.refused.get("too_many_failures", 0) > 0, within=120)
        assert room.traders.refused["unknown_peer"] == 5

    in_room(tmp_path, work)


def test_the_wrong_machine_gets_no_init(tmp_path) -> None:
    """Layer 2: the key is right, the machine is not; fail closed."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.machine = "another machine"
        room.network.pipes[-1].cut()
        await room.until(lambda: room.traders.refused.get("wrong_machine", 0) > 0, within=120)
        assert room.remote.refuses([room.leg()]) is not None

    in_room(tmp_path, work)


def test_a_controller_with_a_lower_epoch_is_left(tmp_path) -> None:
    """Fencing: once a trader served epoch 9, one with 5 places nothing (4.7)."""

    async def work(room: Room) -> None:
        room.epoch = 9
        trader = await room.start()
        await room.ready()
        room.epoch = 5
        room.network.pipes[-1].cut()
        await asyncio.sleep(20)
        assert room.link.health == "down" or room.link.health == "connecting"
        assert trader.journal.number_kept("epoch") == 9
        assert room.remote.refuses([room.leg()]) is not None

    in_room(tmp_path, work)


def test_results_that_nobody_waits_for_come_out_of_updates(tmp_path) -> None:
    """A late truth: the fill that the look-up found after execute gave up."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.venue.fault = UnknownOutcome("kalshi", "timeout", "no answer")
        leg = room.leg()
        room.venue.found = [None, filled(leg)]
        assert (await room.remote.execute(leg)).state == "unknown"
        news = await anext(room.remote.updates())

        assert isinstance(news, LegResult)
        assert (news.leg_id, news.state) == (leg.leg_id, "filled")

    in_room(tmp_path, work)


@pytest.mark.parametrize("arrived", [True, False])
def test_a_restarted_controller_learns_what_became_of_its_leg(tmp_path, arrived: bool) -> None:
    """4.6: the promise outlived the controller; the same trader's journal tells the fill, or proves that nothing arrived."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.network.pipes[-1].stalled[1] = not arrived
        leg = room.leg()
        running = asyncio.ensure_future(room.remote.execute(leg))
        await asyncio.sleep(0.5)
        await room.restart_controller()
        running.cancel()
        await room.until(lambda: room.link.health == "ready")
        resolved = await room.remote.resolve(leg.leg_id)

        assert (resolved.state, room.sends) == (("filled", 1) if arrived else ("none", 0))
        assert room.journal.open_legs() == []
        old = room.leg(epoch=5)
        assert (await room.remote.execute(old)).code == "stale_epoch"

    in_room(tmp_path, work)


def test_a_revoked_trader_is_out_within_a_heartbeat(tmp_path) -> None:
    """The pin is taken out of the peers file: the session ends, and the next handshake meets an unknown peer."""

    async def work(room: Room) -> None:
        await room.start()
        await room.ready()
        room.pins = {}
        await asyncio.sleep(1.1)
        assert room.remote.refuses([room.leg()]) is not None
        await room.until(lambda: room.traders.refused.get("unknown_peer", 0) > 0)

    in_room(tmp_path, work)


def test_a_halted_trader_still_takes_what_ends_an_arb(tmp_path) -> None:
    """B-437: after a halt or a drain the trader's heartbeat says so; completing and unwinding go through, a new leg does not."""

    async def work(room):
        await room.start()
        await room.ready()
        room.traders.tell(HaltWord(reason="drain"))
        await room.until(lambda: room.link.health == "halted")
        assert room.remote.refuses([room.leg()]) is not None
        assert (await room.remote.execute(room.leg(purpose="unwind"))).state == "filled"

    in_room(tmp_path, work)
