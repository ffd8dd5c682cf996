"""A controller dies between two steps of an arb; the next one on the same state directory ends what was begun.

Dying is played by a journal that stops reaching the disk: what the process does afterwards happened to nobody.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from system_bench import Desk, Venues, all_ready, funded, on_arrival, settings_of

from controller.app import App, build, keeping
from controller.durable import open_journal, open_tables, state_path
from controller.ledger.database import open_ledger, url_of
from controller.ledger.reader import LedgerReader
from controller.model import ArbClosed
from controller.ports import production_ports
from controller.progress import ProgressReport
from trading.market import Outcome
from trading.sim.exchange import Order
from trading.units import MonoNs


@asynccontextmanager
async def controller(venues: Venues, directory: Path, *, dies: bool = False) -> AsyncIterator[Desk]:
    """One start of the controller on the directory's journal, recovered before it runs; dies = it is killed at the end."""
    settings = settings_of(directory, venues.env(directory))
    async with open_journal(settings) as (journal, epoch):
        ports = production_ports(journal=journal)
        tables = await open_tables(settings, ports.offload)
        system = build(settings, msgspec.structs.replace(ports, tables=tables), epoch=epoch)
        closed: list[ArbClosed] = []
        with ProgressReport("test", quiet=True) as progress:
            found = await system.adoption.discover(progress=progress, force=True)
            await system.adoption.adopt(found, progress=progress)
        assert system.recovery is not None
        recovered = await system.recovery.run()
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
            for arb_id in recovered.again:
                system.runtime.reopen(arb_id)
            yield desk
        finally:
            if dies:
                for task in (*system.runtime._arbs, running):
                    task.cancel()
                await asyncio.sleep(0)
                running.cancel()
                await asyncio.gather(running, *system.runtime._arbs, return_exceptions=True)
            else:
                system.runtime.stop()
                await asyncio.wait_for(running, 20)
                await system.recovery.flush()
                assert system.keeper is not None
                await system.keeper.start(journal, system.recovery.past())
                async with keeping(system, journal):
                    pass  # what was told is written at its end
                assert_booked(system)
            await system.close()


def assert_booked(system: App) -> None:
    """The tables hold what the legs in memory add up to, whoever wrote them: this start, or it for the one that died (B-240)."""
    reader = LedgerReader(open_ledger(url_of("", state_path(system.settings)), write=False), "sim")
    nets: dict[str, int] = {}
    for holding, size in system.ledger.totals().positions.items():
        nets[holding.market] = nets.get(holding.market, 0) + (size if holding.outcome is Outcome.YES else -size)
    booked = {row["market"]: row["net"] for row in reader.positions()}
    pending = reader.orders(limit=10, open_only=True)
    reader.close()
    assert booked == {market: net for market, net in nets.items() if net}
    assert pending == []


def stop_writing(system: App) -> None:
    """From here on nothing reaches the disk, and nothing that waits for it goes on."""

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    system.ports.journal._store.commit = never  # type: ignore[attr-defined]  # the durable journal's store


async def test_a_first_leg_whose_answer_was_lost_is_asked_about_and_hedged_by_the_next_start(
    venues: Venues, tmp_path: Path
) -> None:
    """Polymarket filled, the process died before it knew, Kalshi never heard of it: the next start asks, then hedges (B-431)."""
    game = venues.games[0]
    async with controller(venues, tmp_path, dies=True) as desk:
        died = asyncio.Event()

        def die(market: str, order: Order) -> None:
            stop_writing(desk.system)
            died.set()

        on_arrival(venues.polymarket, die)
        venues.open_arb(game)
        await asyncio.wait_for(died.wait(), 10)
        await asyncio.sleep(0.2)
        venues.to_rest(game)
    assert (len(venues.polymarket.orders), len(venues.kalshi.orders)) == (1, 0)

    async with controller(venues, tmp_path) as desk:
        (closed,) = (await desk.until_closed())[:1]
        event = closed.event
        await desk.until(lambda: not desk.system.state.exposed(event), "hedged")

    assert closed.outcome == "matched" or closed.unhedged == 0, closed
    assert len(venues.polymarket.orders) + len(venues.kalshi.orders) >= 2


async def test_a_second_leg_whose_answer_was_lost_is_found_and_nothing_is_sent_again(venues: Venues, tmp_path: Path) -> None:
    """Both venues filled, only the first answer was kept: the next start finds the second and sends nothing."""
    game = venues.games[0]
    async with controller(venues, tmp_path, dies=True) as desk:
        died = asyncio.Event()

        def die(market: str, order: Order) -> None:
            stop_writing(desk.system)
            died.set()

        on_arrival(venues.kalshi, die)
        venues.open_arb(game)
        await asyncio.wait_for(died.wait(), 10)
        await asyncio.sleep(0.2)
        venues.to_rest(game)

    async with controller(venues, tmp_path) as desk:
        closed = await desk.until_closed()

    assert (closed[-1].outcome, closed[-1].unhedged) == ("matched", 0)
    assert (len(venues.polymarket.orders), len(venues.kalshi.orders)) == (1, 1)


async def test_the_days_result_and_what_is_held_outlive_a_restart(venues: Venues, tmp_path: Path) -> None:
    """B-200: after a clean end the next start counts the same profit and the same positions, and opens nothing again."""
    game = venues.games[0]
    async with controller(venues, tmp_path) as desk:
        venues.open_arb(game)
        await desk.until_closed()
        venues.to_rest(game)
        await desk.until(lambda: not desk.system.ledger.unconfirmed(), "confirmed")
        pnl, held = desk.system.engine.gate.breaker.pnl, desk.system.state.positions.all()

    async with controller(venues, tmp_path) as desk:
        assert held
        assert desk.system.engine.gate.breaker.pnl == pnl
        assert desk.system.state.positions.all() == held
        assert desk.closed == []
    assert (len(venues.polymarket.orders), len(venues.kalshi.orders)) == (1, 1)
