"""kill -9 of the real trader at each step of a leg, and of the real controller where it hurts: no order twice, no leg lost.

`make chaos` does the same twenty times a step, with every step of the controller and at random moments. Three rooms are open at
once: nearly all of their time is waiting.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chaos_room import TRADER_STEPS, Killed, open_room

from trading.sim.credentials import Credentials

_HALF = len(TRADER_STEPS) // 2


async def _shots(credentials: Credentials, victim: str, steps: Sequence[str]) -> Killed:
    with tempfile.TemporaryDirectory(prefix="chaos-") as directory:  # the name of a Unix socket ends after 107 bytes
        return await _in_room(Path(directory), credentials, victim, steps)


async def _in_room(directory: Path, credentials: Credentials, victim: str, steps: Sequence[str]) -> Killed:
    async with open_room(directory, credentials) as room:
        for step in steps:
            await room.shoot(room.trader if victim == "trader" else room.controller, step)
        return await room.finish()


async def test_no_step_at_which_a_program_dies_doubles_or_loses_a_leg(credentials: Credentials) -> None:
    """J0 to J10 of distributed.md 4.6 in the trader; in the controller a promise that never left and an answer nobody kept: every
    leg ends final, nothing stands alone, and journals equal the venues' record to the unit (P1, P2, P4, P7)."""
    rooms = await asyncio.gather(
        _shots(credentials, "trader", TRADER_STEPS[:_HALF]),
        _shots(credentials, "trader", TRADER_STEPS[_HALF:]),
        _shots(credentials, "controller", ("after_promise", "J6")),
    )

    for seen in rooms:
        assert seen.clean, seen.as_json()
        assert (seen.unknown, seen.naked) == (0, {})
    assert sum(seen.orders for seen in rooms) > 0
    killed = sorted(step for seen in rooms for step in seen.kills)
    assert killed == sorted([*(f"trader {step}" for step in TRADER_STEPS), "controller after_promise", "controller J6"])
