"""kill -9 of the real trader at each step of a leg, and of the real controller where it hurts: no order twice, no leg lost.

`make chaos` does the same twenty times a step, with every step of the controller and at random moments.
"""

from pathlib import Path

from chaos_room import TRADER_STEPS, open_room

from trading.sim.credentials import Credentials


async def test_no_step_at_which_the_trader_dies_doubles_or_loses_a_leg(credentials: Credentials, tmp_path: Path) -> None:
    """J0 to J10 of distributed.md 4.6: every leg ends final, and journals equal the venues' record to the unit (P1, P2, P4)."""
    async with open_room(tmp_path, credentials) as room:
        for step in TRADER_STEPS:
            await room.shoot(room.trader, step)
        seen = await room.finish()

    assert seen.clean, seen.as_json()
    assert sorted(seen.kills) == sorted(f"trader {step}" for step in TRADER_STEPS)
    assert seen.unknown == 0
    assert seen.orders > 0


async def test_a_controller_killed_between_promise_and_answer_trades_on_after_its_restart(
    credentials: Credentials, tmp_path: Path
) -> None:
    """A promise that never left, and an answer that nobody kept: both are looked up, and the hedge is finished (P1, P7)."""
    async with open_room(tmp_path, credentials) as room:
        for step in ("after_promise", "J6"):
            await room.shoot(room.controller, step)
        seen = await room.finish()

    assert seen.clean, seen.as_json()
    assert (seen.kills.total(), seen.unknown, seen.naked) == (2, 0, {})
