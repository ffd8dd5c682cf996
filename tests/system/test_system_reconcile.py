"""The gate that both venues hold, on the simulated venues over real sockets: what a start compares before it opens anything."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from system_bench import Desk, Venues, all_ready, funded, settings_of

from controller.app import build
from controller.commands_reconcile import _alone, answer
from controller.control import control_path, serving
from controller.durable import open_journal
from controller.halt import HaltFile
from controller.model import ArbClosed
from controller.ports import production_ports
from controller.progress import ProgressReport
from controller.reconcile.gate import Reconciler
from trading.ids import LegId
from trading.market import KALSHI, POLYMARKET, Action, MarketId, Outcome, Venue
from trading.order import LegRequest, LegResult, Want
from trading.units import Money, MonoNs, Price, Size

_ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def controller(venues: Venues, directory: Path) -> AsyncIterator[tuple[Desk, Reconciler]]:
    """One start on the directory's journal, shut until its first look; the looks are the test's."""
    settings = settings_of(directory, venues.env(directory))
    async with open_journal(settings) as (journal, epoch):
        system = build(settings, production_ports(journal=journal), epoch=epoch)
        closed: list[ArbClosed] = []
        with ProgressReport("test", quiet=True) as progress:
            await system.adoption.adopt(await system.adoption.discover(progress=progress, force=True), progress=progress)
        assert system.recovery is not None and system.reconciler is not None
        await system.recovery.run()
        system.reconciler.begin()
        take = system.engine.gate.closed

        def taken(event: ArbClosed, now: MonoNs) -> None:
            take(event, now)
            closed.append(event)

        system.engine.gate.closed = taken  # type: ignore[method-assign]  # the test's ear
        running = asyncio.get_running_loop().create_task(system.runtime.run())
        desk = Desk(system, venues, {}, running, closed)
        try:
            await desk.until(lambda: all_ready(system), "books ready")
            await desk.until(lambda: funded(system), "balances read")
            yield desk, system.reconciler
        finally:
            system.runtime.stop()
            await asyncio.wait_for(running, 20)
            await system.recovery.flush()
            await system.close()


async def one_arb(venues: Venues, desk: Desk, game: int) -> None:
    """Let one arb be done and confirmed."""
    before = len(desk.closed)
    venues.open_arb(venues.games[game])
    await desk.until_closed(before + 1)
    venues.to_rest(venues.games[game])
    await desk.until(lambda: not desk.system.ledger.unconfirmed(), "confirmed")


async def test_a_start_opens_nothing_before_its_first_look_and_trades_after_it(venues: Venues, tmp_path: Path) -> None:
    """B-183 and P4 on the wire: shut, compared, equal to the unit, open; and equal again after a restart with positions."""
    async with controller(venues, tmp_path) as (desk, reconciler):
        venues.open_arb(venues.games[0])
        await desk.until(lambda: desk.refusals["no_route"], "refused")
        assert venues.orders == (0, 0)
        venues.to_rest(venues.games[0])
        assert (await reconciler.look()).equal
        await one_arb(venues, desk, 0)
        assert (await reconciler.look(full=True)).equal

    async with controller(venues, tmp_path) as (desk, reconciler):
        report = await reconciler.look()
        assert (report.equal, report.waiting) == (True, ())


async def test_a_restored_old_journal_stops_new_arbs_until_its_adoption(venues: Venues, tmp_path: Path) -> None:
    """An arb later than the copy: the venue's orders under our name tell it; the halt names the way; adopting opens."""
    state, copy = tmp_path / "state", tmp_path / "copy"
    async with controller(venues, tmp_path) as (desk, reconciler):
        await reconciler.look()
        await one_arb(venues, desk, 0)
    shutil.copytree(state, copy)
    async with controller(venues, tmp_path) as (desk, reconciler):
        await reconciler.look()
        await one_arb(venues, desk, 1)
    shutil.rmtree(state)
    shutil.copytree(copy, state)
    sent = venues.orders

    async with controller(venues, tmp_path) as (desk, reconciler):
        report = await reconciler.look()
        halt = HaltFile(state / "controller").state()[0] or ""
        venues.open_arb(venues.games[0])
        await desk.until(lambda: desk.refusals["no_route"], "refused")
        venues.to_rest(venues.games[0])
        assert venues.orders == sent

        adopted = await reconciler.adopt()
        await one_arb(venues, desk, 0)

    assert "the journal does not know" in report.lost
    assert len(report.differences) == 2
    assert "controller reconcile --adopt" in halt
    assert (adopted.equal, adopted.lost) == (True, "")


async def test_a_deleted_state_directory_is_seen_and_adopted_without_a_running_controller(
    venues: Venues, tmp_path: Path
) -> None:
    """`controller reconcile` with none running reads both venues and changes nothing; --adopt writes what the next start uses."""
    settings = settings_of(tmp_path, venues.env(tmp_path))
    async with controller(venues, tmp_path) as (desk, reconciler):
        await reconciler.look()
        await one_arb(venues, desk, 0)
    equal = await _alone(settings, adopt=False)
    shutil.rmtree(tmp_path / "state")

    seen = await _alone(settings, adopt=False)
    untouched = not (tmp_path / "state").exists()
    adopted = await _alone(settings, adopt=True)
    async with controller(venues, tmp_path) as (_, reconciler):
        again = await reconciler.look()

    assert (equal["equal"], equal["differences"]) == (True, [])
    assert (seen["equal"], bool(seen["lost"]), untouched) == (False, True, True)
    assert (adopted["equal"], again.equal) == (True, True)


async def test_a_live_controller_is_built_shut_on_both_venues(tmp_path: Path) -> None:
    """DRY_RUN=0 on the real hosts starts, and opens nothing before it has compared them (nothing is connected here)."""
    settings = settings_of(tmp_path, {}, controller_platforms="")
    async with open_journal(settings) as (journal, epoch):
        system = build(settings, production_ports(journal=journal), epoch=epoch)
        assert system.reconciler is not None
        legs = [leg_on(venue) for venue in (KALSHI, POLYMARKET)]

        shut = [system.reconciler.blocks([leg]) for leg in legs]

        await system.close()

    assert settings.world() == "live"
    assert all("not compared" in (why or "") for why in shut)


async def test_a_manual_trade_shuts_its_event_until_it_is_closed_again(venues: Venues, tmp_path: Path) -> None:
    """B-074 and B-183 on the wire: no lost journal, no halt; only its event opens nothing, and by itself again once both agree."""
    env = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT), "HOME": str(tmp_path)} | venues.env(tmp_path)
    env |= {"DRY_RUN": "0", "STATE_DIR": str(tmp_path / "by-hand"), "LOG_FILE": ""}
    leg = ("manual-trade", "--venue", "kalshi", "--market", venues.games[0].first, "--outcome", "yes", "--contracts", "2")
    async with controller(venues, tmp_path) as (desk, reconciler):
        venues.to_rest(venues.games[0])
        await reconciler.look()
        bought = await command(*leg, "--action", "buy", "--limit", "0.60", env=env, cwd=tmp_path, program="trader")
        await reconciler.look(full=True)
        differs = await reconciler.look(full=True)
        before = venues.orders
        venues.open_arb(venues.games[0])
        await desk.until(lambda: desk.refusals["no_route"], "refused")
        venues.to_rest(venues.games[0])
        shut = venues.orders == before
        venues.close_arb(venues.games[0])
        sold = await command(*leg, "--action", "sell", "--limit", "0.30", env=env, cwd=tmp_path, program="trader")
        agrees = await reconciler.look(full=True)
        await one_arb(venues, desk, 0)

    assert (bought[0], sold[0]) == (0, 0)
    assert (differs.lost, [one.kind for one in differs.differences], shut) == ("", ["foreign"], True)
    assert HaltFile(tmp_path / "state" / "controller").state()[0] is None
    assert agrees.equal


async def command(*args: str, env: Mapping[str, str], cwd: Path, program: str = "controller") -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        program,
        *args,
        cwd=cwd,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert b"Traceback" not in err, err
    assert b"disagreement" not in err, "the answer says each difference; a log line for each beside it says it twice"
    return process.returncode or 0, out.decode()


async def test_the_command_asks_the_running_controller_and_alone_reads_for_itself(venues: Venues, tmp_path: Path) -> None:
    """Exit 0 while both agree, 1 on a difference that nobody adopted, 2 when it could not look."""
    env = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT), "HOME": str(tmp_path)} | venues.env(tmp_path)
    env |= {"DRY_RUN": "0", "CONTROLLER_PLATFORMS": "kalshi,polymarket", "STATE_DIR": str(tmp_path / "state"), "LOG_FILE": ""}
    async with controller(venues, tmp_path) as (desk, reconciler):
        await reconciler.look()
        await one_arb(venues, desk, 0)
        halt = HaltFile(tmp_path / "state" / "controller")

        async def asked(_: Mapping[str, object]) -> object:
            return await answer(reconciler, halt, adopt=False)

        async with serving(control_path(halt.path.parent), {"reconcile": asked}):
            running = await command("reconcile", "--json", env=env, cwd=tmp_path)
    alone = await command("reconcile", env=env, cwd=tmp_path)
    shutil.rmtree(tmp_path / "state")
    differs = await command("reconcile", env=env, cwd=tmp_path)
    paper = await command("reconcile", env=env | {"DRY_RUN": "1"}, cwd=tmp_path)

    assert (running[0], json.loads(running[1])["equal"]) == (0, True)
    assert (alone[0], alone[1].splitlines()[-1]) == (0, "equal")
    assert (differs[0], differs[1].splitlines()[-1]) == (1, "NOT equal")
    assert paper[0] == 2


@pytest.mark.parametrize("running", [True, False], ids=["running", "alone"])
async def test_a_leg_of_a_trader_that_is_gone_ends_by_adoption_and_frees_its_event(
    venues: Venues, tmp_path: Path, running: bool
) -> None:
    """B-093: an order that nobody answers for shuts its event and holds its cash; adopted, it did what the venue holds: nothing."""
    settings = settings_of(tmp_path, venues.env(tmp_path))
    async with controller(venues, tmp_path) as (desk, reconciler):
        await reconciler.look()
        await one_arb(venues, desk, 0)
    async with open_journal(settings) as (journal, _):
        done = next(leg for leg, _ in journal.legs().values() if leg.venue == KALSHI)
        hour = int.from_bytes(done.leg_id[:6]) - 3_600_000
        lost = msgspec.structs.replace(done, leg_id=LegId(hour.to_bytes(6) + done.leg_id[6:]))
        journal.address(lost.leg_id, "gone", 7)
        await journal.promise([lost])
        await journal.settle(LegResult(leg_id=lost.leg_id, state="unknown"))
    if not running:
        found = await _alone(settings, adopt=True)
        assert (found["equal"], found["waiting"]) == (True, [])

    async with controller(venues, tmp_path) as (desk, reconciler):
        state, event = desk.system.state, desk.system.state.positions.event_of(lost.want.market)
        assert event is not None
        if running:
            before = await reconciler.look()
            assert (before.waiting, state.unresolved(event)) == ((lost.want.market,), True)
            assert state.in_flight_naked() > 0
            await reconciler.adopt()
        after = await reconciler.look()
        assert (after.equal, after.waiting) == (True, ())
        assert (state.unresolved(event), state.in_flight_naked()) == (False, 0)
        await one_arb(venues, desk, 0)


def leg_on(venue: Venue) -> LegRequest:
    """A leg that would open something."""
    want = Want(market=MarketId("any"), outcome=Outcome.YES, action=Action.BUY, limit=Price(5_000), size=Size(1_000_000))
    return LegRequest(
        leg_id=LegId(bytes(16)),
        want=want,
        venue=venue,
        purpose="open",
        max_cost=Money(1_000_000),
        world="live",
        epoch=1,
        deadline=MonoNs(0),
    )
