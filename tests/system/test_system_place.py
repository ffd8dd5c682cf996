"""Where Polymarket refuses orders, a live controller says so and looks up what it sent before; one of Kalshi alone asks nobody."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from system_bench import Desk, Venues, settings_of
from test_system_restart import controller

from controller.cli import _trade
from controller.control import control_path
from controller.durable import open_journal, state_path
from controller.settings import ControllerSettings
from trading.errors import AuthFailed, TandemError
from trading.market import POLYMARKET
from trading.sim.core import Request, Response

_BLOCKED = Response(200, b'{"blocked":true,"country":"US","region":"NY"}', {"content-type": "application/json"})


class Elsewhere:
    """A blocked place; orders and asked count what came."""

    def __init__(self, venues: Venues) -> None:
        self.asked = 0
        venues.polymarket.before = self.answer

    def answer(self, request: Request) -> Response | None:
        if request.path != "/api/geoblock":
            return None
        self.asked += 1
        return _BLOCKED


async def start(settings: ControllerSettings) -> int:
    return await asyncio.wait_for(_trade(settings, record=None, allow_live_test_arb=False, as_json=True), 60)


async def _one_arb(desk: Desk, venues: Venues) -> None:
    venues.open_arb(venues.games[0])
    await desk.until_closed()
    venues.close_arb(venues.games[0])


async def test_a_blocked_start_looks_up_what_an_earlier_one_sent(venues: Venues, tmp_path: Path) -> None:
    """The answer of a leg was lost; the start fails with its next step, and the journal knows the fill by then (B-427)."""
    async with controller(venues, tmp_path) as desk:
        await _one_arb(desk, venues)
    settings = settings_of(tmp_path, venues.env(tmp_path))
    before = venues.orders
    with sqlite3.connect(state_path(settings) / "journal.sqlite") as rows:
        rows.execute("DELETE FROM result")
    rows.close()
    Elsewhere(venues)

    with pytest.raises(AuthFailed, match=r"take polymarket out of CONTROLLER_PLATFORMS \(B-427\)$"):
        await start(settings)

    async with open_journal(settings) as (journal, _):
        states = {leg.venue: result.state if result else None for leg, result in journal.legs().values()}
    assert states[POLYMARKET] == "filled"
    assert venues.orders == before


async def test_a_controller_of_kalshi_alone_asks_nobody_about_the_place(venues: Venues, tmp_path: Path) -> None:
    """The trader that holds Polymarket's keys asks where it stands; the start goes on to what comes after."""
    elsewhere = Elsewhere(venues)
    settings = settings_of(tmp_path, venues.env(tmp_path), controller_platforms="kalshi")
    running = asyncio.get_running_loop().create_task(start(settings))
    try:
        async with asyncio.timeout(60):
            while not control_path(state_path(settings)).exists() and not running.done():
                await asyncio.sleep(0.02)
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert elsewhere.asked == 0


async def test_a_controller_of_both_venues_asks(venues: Venues, tmp_path: Path) -> None:
    """Without an earlier leg the refusal comes at once."""
    elsewhere = Elsewhere(venues)

    with pytest.raises(TandemError, match="B-427"):
        await start(settings_of(tmp_path, venues.env(tmp_path)))
    assert elsewhere.asked == 1
