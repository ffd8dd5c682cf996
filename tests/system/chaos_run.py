"""python tests/system/chaos_run.py [--rounds N] [--blind N] [--rooms N] [--seed N] [--only trader|controller]: `make chaos`.

Kills the real programs at every step of a leg, --rounds times each, then --blind times at random moments, in several rooms at
once. Progress goes to stderr; the last line of stdout is one JSON object. Exit 1 when a leg was doubled or lost, books differ
from the venues' record, a step was never reached, or a restart took more than half a minute.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from chaos_room import CONTROLLER_STEPS, TRADER_STEPS, Killed, Room, open_room

from trading.log import setup_logging
from trading.sim.credentials import make_credentials

_RESTART_S = 30.0
_A_ROOM = 40
"""Shots after which a room is judged and a new one opened: a breach is found near its cause."""
Shot = tuple[str, str, float]
"""Victim, step or "" for a blind shot, seconds after the arb opened."""


def shots_of(rounds: int, blind: int, only: str, chance: random.Random) -> list[Shot]:
    """Every step as often as wanted, and the blind ones, in a seeded order."""
    steps = [("trader", step, 0.0) for step in TRADER_STEPS] + [("controller", step, 0.0) for step in CONTROLLER_STEPS]
    shots = [shot for shot in steps if only in ("", shot[0])] * rounds
    victims = [only] if only else ["controller", "trader"]
    shots += [(victims[number % len(victims)], "", chance.uniform(0.0, 0.6)) for number in range(blind)]
    chance.shuffle(shots)
    return shots


async def _one_room(shots: list[Shot], done: list[Shot], total: int, began: float) -> Killed:
    with tempfile.TemporaryDirectory(prefix="tandem-chaos-") as directory:
        async with open_room(Path(directory), make_credentials(Path(directory) / "accounts")) as room:
            for shot in shots:
                victim, step, after_s = shot
                program = room.trader if victim == "trader" else room.controller
                await (room.shoot(program, step) if step else room.shoot_blind(program, after_s))
                done.append(shot)
                if len(done) % 10 == 0:
                    print(f"chaos: {len(done)} of {total} kills, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            return await _judged(room, directory)


async def _judged(room: Room, directory: str) -> Killed:
    seen = await room.finish()
    if not seen.clean:
        print(f"chaos: a breach: {json.dumps(seen.as_json())}", file=sys.stderr, flush=True)
        print(room.controller.last_words(), room.trader.last_words(), sep="\n", file=sys.stderr, flush=True)
    return seen


async def _run(shots: list[Shot], rooms: int) -> Killed:
    batches = [shots[at : at + _A_ROOM] for at in range(0, len(shots), _A_ROOM)]
    done: list[Shot] = []
    began, places = time.monotonic(), asyncio.Semaphore(rooms)

    async def play(batch: list[Shot]) -> Killed:
        async with places:
            try:
                return await _one_room(batch, done, len(shots), began)
            except AssertionError as exc:  # a program that never came up, or never stopped, is a breach like any other
                print(f"chaos: a breach: {exc}", file=sys.stderr, flush=True)
                return Killed(lost=[str(exc).splitlines()[0]])

    together = Killed()
    for seen in await asyncio.gather(*(play(batch) for batch in batches)):
        together.add(seen)
    return together


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description="kill -9 of both real programs on the simulated venues.")
    parser.add_argument("--rounds", type=int, default=20, help="kills at each step")
    parser.add_argument("--blind", type=int, default=200, help="kills at random moments")
    parser.add_argument("--rooms", type=int, default=3, help="rooms at once")
    parser.add_argument("--seed", type=int, default=1, help="order and moments of the shots")
    parser.add_argument("--only", choices=("", "trader", "controller"), default="", help="kill only this program")
    chosen = parser.parse_args()
    setup_logging("ERROR")
    shots = shots_of(chosen.rounds, chosen.blind, chosen.only, random.Random(chosen.seed))
    began = time.monotonic()
    seen = asyncio.run(_run(shots, chosen.rooms))
    print(json.dumps({**seen.as_json(), "seed": chosen.seed, "duration_s": round(time.monotonic() - began)}))
    return 0 if seen.clean and max(seen.restarts_s, default=0.0) < _RESTART_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
