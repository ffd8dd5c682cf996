"""Cash between shards against the simulated venue: shown first, moved once, and never twice after a lost answer."""

import pytest
from kalshi_meeting import Meeting

from trading.errors import AuthFailed, Misuse, ModeClosed, Rejected
from trading.kalshi.transfers import CENTICENT
from trading.treasury import Step
from trading.units import DOLLAR, Money

MOVE = "/portfolio/intra_exchange_instance_transfer"


def dollars(**wanted: int) -> dict[int, Money]:
    """s3=500 -> {3: $500}."""
    return {int(name[1:]): Money(amount * DOLLAR) for name, amount in wanted.items()}


async def cash(room: Meeting) -> dict[int, int]:
    await room.sleep(30)
    return {row.shard: row.cash // DOLLAR for row in await room.client.balances()}


async def test_cash_is_shown_per_shard() -> None:
    """One asset per shard, exact."""
    room = Meeting(balances={0: 700, 2: 0, 3: 300})
    shown = {asset.place: asset.amount for asset in await room.client.treasury().assets()}

    assert (shown["shard 0"], shown["shard 3"]) == (700 * DOLLAR, 300 * DOLLAR)


async def test_steps_bring_cash_where_it_is_wanted() -> None:
    """The transfers, applied, leave every shard with what was wanted; then nothing is left to do."""
    room = Meeting(balances={0: 1_000, 2: 0, 3: 100})
    treasury = room.client.treasury()
    wanted = dollars(s0=100, s2=200, s3=500)

    steps = await treasury.steps(wanted)
    ended = [await treasury.apply(step) for step in steps]

    assert [step.what for step in steps] == ["Move $400 from shard 0 to shard 3", "Move $200 from shard 0 to shard 2"]
    assert [one.done for one in ended] == [True, True]
    assert await cash(room) == {0: 400, 2: 200, 3: 500}
    assert await treasury.steps(wanted) == ()


async def test_a_shard_gives_only_what_it_does_not_want() -> None:
    """What the account lacks as a whole is a deposit, which nothing here can do."""
    room = Meeting(balances={0: 300, 2: 0, 3: 100})
    treasury = room.client.treasury()
    *moves, deposit = await treasury.steps(dollars(s0=250, s3=400))

    assert [step.amount for step in moves] == [50 * DOLLAR]
    assert deposit.amount == 250 * DOLLAR
    assert not (await treasury.apply(deposit)).done
    assert room.writes(MOVE) == 0


async def test_a_lost_answer_is_looked_up_and_never_sent_again() -> None:
    """The transfer was carried out: the look-up finds it, and applying the same step again moves nothing."""
    room = Meeting()
    treasury = room.client.treasury()
    (step,) = await treasury.steps(dollars(s3=1_500))
    room.lose = {MOVE}

    first, again = await treasury.apply(step), await treasury.apply(step)

    assert (first.done, again.done) == (True, True)
    assert room.writes(MOVE) == 1
    assert await cash(room) == {0: 500, 2: 0, 3: 1_500}


async def test_a_transfer_under_way_counts_where_it_will_arrive() -> None:
    """Steps asked for meanwhile do not move the money a second time."""
    room = Meeting()
    room.sim.rules.transfer_ns = 60 * 10**9
    treasury = room.client.treasury()
    (step,) = await treasury.steps(dollars(s3=1_500))

    applied = await treasury.apply(step)

    assert (applied.done, applied.pending) == (False, True)
    assert await treasury.steps(dollars(s3=1_500)) == ()
    assert "is on its way" in " ".join(asset.detail for asset in await treasury.assets())


async def test_a_standing_allocation_is_switched_off_first() -> None:
    """The venue's own rebalancing would undo the transfer within ten seconds (kalshi.md 8)."""
    room = Meeting()
    await room.client.transfers.set_allocation({0: 50, 3: 50})
    treasury = room.client.treasury()
    off, move = await treasury.steps(dollars(s3=1_500))

    assert off.fields == {"allocation": "off"}
    assert (await treasury.apply(off)).done
    assert (await room.client.transfers.allocation()).percents == {}
    assert (await treasury.apply(move)).done


async def test_refusals_are_told_and_move_nothing() -> None:
    """Paused transfers, a key without the scope, and steps that are not ours."""
    room = Meeting()
    treasury = room.client.treasury()
    (step,) = await treasury.steps(dollars(s3=1_500))
    room.sim.transfers.stopped = True
    with pytest.raises(ModeClosed, match="transfers between shards are paused"):
        await treasury.apply(step)
    with pytest.raises(Misuse):
        await treasury.apply(Step(venue=step.venue, kind="merge", what="x"))
    with pytest.raises(Misuse):
        await room.client.transfers.move(Money(CENTICENT + 1), source=0, target=3, client_id="c")
    with pytest.raises(Rejected):
        await room.client.transfers.one("nothing")
    reader = Meeting(scopes={"key-id": frozenset({"read", "write::trade"})})
    (step,) = await reader.client.treasury().steps(dollars(s3=1_500))
    with pytest.raises(AuthFailed):
        await reader.client.treasury().apply(step)

    assert await cash(reader) == {0: 1_000, 2: 0, 3: 1_000}


async def test_steps_are_whole_centicents() -> None:
    """A transfer's unit is $0.0001: needs are rounded up, so that what was wanted is there."""
    room = Meeting()
    (step,) = await room.client.treasury().steps({3: Money(1_000 * DOLLAR + 1)})

    assert step.amount == CENTICENT
