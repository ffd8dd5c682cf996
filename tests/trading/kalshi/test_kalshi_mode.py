"""Modes of the venue: from its status, its refusals and its calendar, and each one clears by itself (B-426)."""

import pytest
from kalshi_meeting import Meeting, T

from trading.clock import SECOND, ManualClock
from trading.errors import VenueError
from trading.kalshi.exchange import ApiKey, KeyRights, Window, standing_window
from trading.kalshi.mode import Modes
from trading.kalshi.wire_account import ShardStatus, StatusRow
from trading.order import Tif
from trading.sim.kalshi_faults import KalshiFaults
from trading.units import WallNs

OPEN = StatusRow(exchange_active=True, trading_active=True)
THURSDAY = 1_795_075_200 * SECOND  # 2026-11-19 03:00 Eastern


@pytest.mark.parametrize(
    ("pause", "mode", "word"),
    [("pause", "paused", "trading_is_paused"), ("pause_exchange", "disabled", "exchange_is_paused")],
)
async def test_a_pause_is_known_and_clears_by_itself(pause: str, mode: str, word: str) -> None:
    """Orders are refused with ModeClosed's code, the mode says so, and once the venue resumes all is normal again."""
    room = Meeting()
    market = await room.market()
    room.flow("ask", "0.5500", "50")
    faults = KalshiFaults(room.sim)
    faults.throw(pause)

    _, refused = await room.place(market)
    closed = await room.client.mode()
    faults.throw(pause.replace("pause", "resume"))
    await room.sleep(5)
    after = await room.client.mode()
    _, taken = await room.place(market, attempt=1)

    assert (refused.state, refused.code, closed.mode, after.mode, taken.state) == ("rejected", word, mode, "normal", "filled")


async def test_cancels_go_through_a_trading_pause() -> None:
    """Resting orders stay in it and can be taken off (kalshi.md 4)."""
    room = Meeting()
    order, resting = await room.place(await room.market(), Tif.GTC)
    KalshiFaults(room.sim).throw("pause")

    assert (resting.state, (await room.client.cancel(order)).state) == ("resting", "none")


def test_a_refusal_outweighs_a_cached_status_for_a_while() -> None:
    """The status is edge-cached: a pause met by an order is believed for three seconds, or until an order is taken."""
    clock = ManualClock()
    modes = Modes(clock)
    modes.use(3)
    modes.apply_refusal("trading_is_paused", "words", 3)

    assert modes.of_status(OPEN).closed_shards == {3: "paused"}
    clock.advance(3 * SECOND)
    assert modes.of_status(OPEN).closed_shards == {}
    modes.apply_refusal("exchange_is_paused", "words", 3)
    assert modes.of_status(OPEN).closed_shards == {3: "disabled"}
    modes.apply_accepted(3)
    assert modes.of_status(OPEN).closed_shards == {}


@pytest.mark.parametrize("code", ["insufficient_balance", "invalid_price", "intra_exchange_transfers_paused", "throttled"])
def test_other_refusals_are_no_mode(code: str) -> None:
    """An order can be refused for itself; a pause of transfers stops no trading."""
    modes = Modes(ManualClock())
    modes.apply_refusal(code, "words", 0)

    assert modes.of_status(OPEN).mode == "normal"


def test_a_closed_shard_closes_no_other() -> None:
    """Each shard has its own word; only when none is open the venue as a whole is closed."""
    modes = Modes(ManualClock())
    modes.use(3)
    rows = (ShardStatus(0, True, True), ShardStatus(2, False, False), ShardStatus(3, True, False))
    some = modes.of_status(StatusRow(exchange_active=True, trading_active=True, exchange_index_statuses=rows))
    none = modes.of_status(StatusRow(exchange_active=True, trading_active=False, exchange_index_statuses=rows[1:]))

    assert (some.mode, some.closed_shards) == ("normal", {2: "disabled", 3: "paused"})
    assert some.detail == "shard 2 is disabled, shard 3 is paused"
    assert (none.mode, none.closed_shards) == ("paused", {})


def test_a_shard_that_is_not_listed_is_as_the_top_level_says() -> None:
    """The list may leave one out: then nothing proves that it is open while the venue's first word is a pause."""
    modes = Modes(ManualClock())
    modes.use(7)
    status = StatusRow(exchange_active=True, trading_active=False, exchange_index_statuses=(ShardStatus(0, True, True),))

    assert modes.of_status(status).closed_shards == {7: "paused"}


def test_thursday_maintenance_is_a_restart_not_a_fault() -> None:
    """No answer inside the standing window, 03:00 to 05:00 Eastern, is maintenance with a known end; outside it is a fault."""
    clock = ManualClock(THURSDAY - SECOND)
    modes = Modes(clock)
    before = modes.silent("no answer")
    clock.advance(SECOND)
    inside = modes.silent("no answer")
    clock.advance(2 * 3_600 * SECOND)
    after = modes.silent("no answer")

    assert (before.mode, inside.mode, after.mode) == ("unreachable", "restarting", "unreachable")
    assert inside.until is not None
    assert inside.until == clock.mono_ns()


def test_announced_maintenance_tells_when_a_pause_ends() -> None:
    """A pause inside an announced window ends with it, unless the status gives its own estimate."""
    clock = ManualClock()
    now = clock.wall_ns()
    modes = Modes(clock)
    modes.apply_schedule([Window(WallNs(now - SECOND), WallNs(now + 600 * SECOND))])

    mode = modes.of_status(StatusRow(exchange_active=True, trading_active=False))

    assert (mode.mode, mode.until) == ("paused", clock.mono_ns() + 600 * SECOND)
    assert "maintenance" in mode.detail


def test_the_standing_window_keeps_eastern_time() -> None:
    """Summer and winter: 03:00 in New York is 07:00 or 08:00 UTC."""
    summer, winter = 1_781_766_000 * SECOND, THURSDAY  # 2026-06-18 07:00 UTC, 2026-11-19 08:00 UTC

    for start in (summer, winter):
        window = standing_window(WallNs(start))
        assert window is not None
        assert (window.starts, window.ends) == (start, start + 7_200 * SECOND)
        assert standing_window(WallNs(start - SECOND)) is None
        assert standing_window(WallNs(start + 7_200 * SECOND)) is None
        assert standing_window(WallNs(start + 86_400 * SECOND)) is None


async def test_a_lapsed_attestation_stops_trading_until_it_is_renewed() -> None:
    """Known before the first order where the key could be read, and seen again within a minute of its renewal (kalshi.md 2)."""
    room = Meeting(attested_until=None)
    market = await room.market()
    await room.client.warm()
    lapsed = await room.client.mode()
    room.sim.attest(4_102_444_800)
    await room.sleep(60)
    await room.client.warm()

    assert (lapsed.mode, lapsed.ours, (await room.client.mode()).mode) == ("disabled", True, "normal")
    assert "attest" in lapsed.detail
    room.sim.attest(1)
    _, refused = await room.place(market)
    assert refused.code == "region_attestation_expired"
    assert str(T) in refused.detail
    assert ((await room.client.mode()).mode, (await room.client.mode()).ours) == ("disabled", True)


async def test_terms_are_read_once_an_hour_and_again_after_a_failure() -> None:
    """warm() stays cheap; a failed reading is repeated in a minute and never raises."""
    room = Meeting()
    await room.client.warm()
    reads = len(room.sent)
    await room.client.warm()
    assert len(room.sent) == reads + 1
    await room.sleep(3_600)
    KalshiFaults(room.sim).throw("read_429")
    await room.client.warm()
    assert room.client.terms.statistics().reads == 2
    room.unreachable = True
    assert (await room.client.mode()).mode == "unreachable"
    with pytest.raises(VenueError):
        await room.client.warm()


def test_rights_of_a_key() -> None:
    """What a trader's key lacks; None when it is not the account's."""
    keys = (
        ApiKey("a", "n", ("read", "write::trade")),
        ApiKey("b", "n", ("read",)),
        ApiKey("c", "n", ("write",)),
    )
    rights = KeyRights(keys=keys, attested_until=WallNs(10))

    assert [rights.missing_scopes(key) for key in "abcd"] == [frozenset(), {"write::trade"}, {"read"}, None]
    assert (rights.attested(WallNs(9)), rights.attested(WallNs(10))) == (True, False)
    assert not KeyRights(keys=keys, attested_until=None).attested(WallNs(0))
