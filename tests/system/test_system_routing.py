"""The routing table of the README, held by real processes: which process places which leg for each CONTROLLER_PLATFORMS.

Traders are `trader run` processes on loopback, one platform each (B-220); the controller has no key to trade on a venue it does not
execute (B-091).
"""

import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from system_bench import Desk, Venues, assert_hedged, assert_ledger_equals_venues, trading

from controller.demo_trader import DemoTrader, make_identities

_POLYMARKET_KEYS = ("POLY_", "POLYMARKET_API_", "POLYMARKET_PRIVATE")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def desk_with(
    venues: Venues, directory: Path, platforms: str, traders: Sequence[str], **flags: object
) -> AsyncIterator[tuple[Desk, list[DemoTrader]]]:
    """A controller for these platforms, and a trader process for each of traders, ready."""
    local = {"polymarket" if name.startswith("poly") else name for name in platforms.lower().split(",") if name}
    everything = venues.env(directory)
    home, away = make_identities(directory, traders or ("polymarket",))
    here = dict(everything)
    if "polymarket" not in local:
        here = {name: value for name, value in here.items() if not name.startswith(_POLYMARKET_KEYS)}
    port = free_port()
    processes = [DemoTrader(directory, away[name], f"127.0.0.1:{port}", everything, name) for name in traders]
    async with trading(
        venues,
        directory,
        environ=here,
        ready=False,
        controller_platforms=platforms,
        link_dir=str(home if traders else directory / "nothing"),
        link_port=port,
        **flags,
    ) as desk:
        try:
            for process in processes:
                await process.start()
            door = desk.system.link.traders
            if traders:
                assert door is not None
                await desk.until(
                    lambda: all(health in ("ready", "degraded") for _, health in door.health().values()), "traders ready", 20
                )
                await desk.until(lambda: _funded(desk, {*traders, *local}), "balances read", 12)
            yield desk, processes
        finally:
            desk.system.runtime.stop()
            await desk.running  # legs end before their traders do
            for process in processes:
                await process.close()


def _funded(desk: Desk, wanted: set[str]) -> bool:
    cash = desk.system.state.cash
    return all(cash.free((venue, 0)) > 0 for venue in wanted)  # type: ignore[arg-type]  # a venue is a text in tests


@pytest.mark.parametrize(
    ("platforms", "traders", "prefer_remote", "local", "remote"),
    [
        pytest.param("", ("kalshi", "polymarket"), False, 0, 2, id="unset: both remote"),
        pytest.param("kalshi", ("polymarket",), False, 1, 1, id="kalshi here, polymarket remote"),
        pytest.param("polymarket", ("kalshi",), False, 1, 1, id="polymarket here, kalshi remote"),
        pytest.param("poly", ("kalshi",), False, 1, 1, id="the alias"),
        pytest.param("Polymarket,KALSHI", (), False, 2, 0, id="both here, any order and case"),
        pytest.param("kalshi,polymarket", ("polymarket",), True, 1, 1, id="a connected trader is preferred"),
    ],
)
async def test_each_leg_is_placed_where_the_table_says(
    venues: Venues, tmp_path: Path, platforms: str, traders: tuple[str, ...], prefer_remote: bool, local: int, remote: int
) -> None:
    """B-082..B-090, B-352: one arb, each leg in its process, and both venues' records equal ours to the unit."""
    async with desk_with(venues, tmp_path, platforms, traders, prefer_remote=prefer_remote) as (desk, _):
        venues.open_arb(venues.games[0])
        (closed,) = await desk.until_closed(within=20)
        await desk.settle()
        stats = desk.system.executor.statistics()

        assert closed.outcome == "matched"
        assert (stats.legs_local, stats.legs_remote) == (local, remote)
        assert venues.orders == (1, 1)
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)
        if not remote and not traders:
            assert desk.system.link.traders is None  # B-086: nothing listens unless asked


@pytest.mark.parametrize(("platforms", "traders"), [("", ()), ("", ("polymarket",)), ("kalshi", ())])
async def test_without_a_route_for_every_leg_nothing_is_sent(
    venues: Venues, tmp_path: Path, platforms: str, traders: tuple[str, ...]
) -> None:
    """B-083, B-088: unset places no order in any configuration; one leg without a path keeps the other at home too."""
    async with desk_with(venues, tmp_path, platforms, traders) as (desk, _):
        venues.open_arb(venues.games[0])
        await desk.until(lambda: desk.refusals["no_route"] or desk.refusals["cash"], "the arb is refused", 20)

        assert venues.orders == (0, 0)
        assert desk.closed == []


async def test_a_killed_trader_comes_back_by_itself(venues: Venues, tmp_path: Path) -> None:
    """B-352: kill -9 of a process: its venue has no route until the new one is ready; then trading goes on without a word."""
    async with desk_with(venues, tmp_path, "kalshi", ("polymarket",)) as (desk, (trader,)):
        door = desk.system.link.traders
        assert door is not None
        await trader.drop(0.0)
        venues.open_arb(venues.games[0])
        await desk.until_closed(within=25)
        await desk.settle()

        assert desk.refusals["no_route"] >= 1
        assert len(venues.polymarket.orders) == 1
        assert_hedged(desk)
        assert_ledger_equals_venues(desk)
