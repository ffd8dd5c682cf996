"""One seed: arbs open and close while things break; after healing, both venues' own record must equal ours to the unit.

A seed fixes every choice, delay and fault, so its trace repeats exactly; outcome() is what the promises of distributed.md 5 say
about it. Nothing here decides what a process does: it only breaks what the process stands on.
"""

import asyncio
import hashlib
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
from breaks import Breaks
from edges import MemoryLoop, serve
from plant import Plant
from processes import Accounts
from virtual import VirtualLoop, run

from trading.clock import SECOND
from trading.journal_file import KeptRow
from trading.order import LegResult
from trading.units import CONTRACT

STEPS = 6
ENOUGH = 12
"""A seed goes on until so many arbs have ended: one that trades little proves little."""
_AT_MOST = 6
"""Times as many steps as planned until ENOUGH: three restarts in a row with a leg in doubt stop trading for minutes."""
EXPOSED_CAP = 25 * CONTRACT
"""NAKED_MAX_CONTRACTS_EVENT as it is set."""
READY_S = 30.0
"""P7: from a restart to trading again."""
END_S = 120.0
"""Until every leg has its end, in a world where nothing breaks any more; a venue that mines late has that on top."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed showed. problems is empty when every promise held; digest is the hash of its trace."""

    seed: int
    layout: str
    took_over: bool
    """Two traders of one venue both sent orders."""
    steps: int
    executions: int
    exits: int
    """Held pairs that were sold, in part at least (B-440)."""
    crashes: int
    unknowns: int
    faults: dict[str, int]
    lost: int
    duplicated: int
    expired: int
    exposure_breaches: int
    ledger_differences: int
    unresolved: int
    digest: str
    problems: tuple[str, ...]

    @property
    def held(self) -> bool:
        return not self.problems


def play(
    seed: int,
    accounts: Accounts,
    *,
    spoil: Callable[[Plant], None] = lambda plant: None,
    steps: int = STEPS,
    enough: int = ENOUGH,
    end_s: float = END_S,
    breaks: Callable[[Plant], Breaks] = Breaks,
    layout: str = "",
    edges: bool = False,
) -> Outcome:
    """Run one seed on a fresh loop. layout takes the place of what the seed draws. spoil may break the system itself, to show that
    it is noticed."""
    with tempfile.TemporaryDirectory(prefix="tandem-seed-") as directory, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "coroutine .* was never awaited")  # of a process that was killed before it came to it

        async def whole(loop: VirtualLoop) -> Outcome:
            plant = Plant(loop, accounts, Path(directory), seed, layout=layout, edges=edges)
            spoil(plant)
            if edges:
                await serve(plant)
            try:
                return await _Play(plant, steps, min(enough, 2 * steps), end_s, breaks).run()
            finally:
                for process in plant.running.values():
                    process.life.end()

        return run(whole, MemoryLoop if edges else VirtualLoop)


class _Play:
    def __init__(self, plant: Plant, steps: int, enough: int, end_s: float, breaks: Callable[[Plant], Breaks]) -> None:
        self.plant = plant
        self.steps = steps
        self._enough, self._end_s, self._make = enough, end_s, breaks
        self.problems: list[str] = []
        self.breaches = 0
        self._next = 0
        self._exits = random.Random(f"exits {plant.seed}")
        self.taken = 0
        for door in plant.doors.values():
            door.after = self._check

    async def run(self) -> Outcome:
        plant = self.plant
        for game in plant.games:
            plant.rest(game)
        before = plant.record()
        plant.start_missing()
        self._breaks = self._make(plant)
        await self._until(plant.ready, 60)
        await asyncio.sleep(3)
        for step in range(_AT_MOST * self.steps):
            if step >= self.steps and len(plant.closed) >= self._enough:
                break
            self.taken += 1
            await self._step()
        self._breaks.last()
        await self._arb(plant.rng.randint(3, 20), 1.0, 1.0)
        await self._heal()
        return self._outcome(before)

    async def _until(self, what: Callable[[], object], within: float) -> bool:
        ends = self.plant.loop.time() + within
        while not what():
            if self.plant.loop.time() > ends:
                return False
            await asyncio.sleep(0.1)
            self.plant.start_missing()
        return True

    async def _step(self) -> None:
        """An arb while something breaks, and one when all is well again: each on the next game."""
        plant, rng = self.plant, self.plant.rng
        if rng.random() < 0.8:
            self._breaks.throw()
        await self._arb(rng.randint(3, 20), rng.uniform(0.5, 3.0), rng.uniform(0.5, 1.5))
        await self._exit()
        self._breaks.mend()
        await self._until(plant.ready, 20)
        await self._arb(rng.randint(3, 20), 1.0, 0.5)

    async def _arb(self, contracts: int, there_s: float, after_s: float) -> None:
        plant = self.plant
        game = plant.games[self._next % len(plant.games)]
        self._next += 1
        plant.open_arb(game, contracts)
        await asyncio.sleep(there_s)
        plant.rest(game)
        await asyncio.sleep(after_s)

    async def _exit(self) -> None:
        """Now and then a held pair can be sold, while something is broken; chances of their own leave a seed's other ones alone."""
        chance, held = self._exits, self.plant.held()
        if held and chance.random() < 0.5:
            game = chance.choice(held)
            self.plant.open_exit(game, chance.randint(3, 20))
            await asyncio.sleep(chance.uniform(0.5, 2.0))
            self.plant.rest(game)
            await asyncio.sleep(0.5)

    # --- what must hold -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        for event, size in self.plant.naked().items():
            if abs(size) > EXPOSED_CAP:
                self.breaches += 1
                self.problems.append(f"{event}: {size / CONTRACT:g} contracts stand alone at {self.plant.loop.time():.3f}")

    async def _heal(self) -> None:
        plant = self.plant
        self._breaks.end()
        if not await self._until(plant.ready, READY_S):
            self.problems.append(f"not ready again within {READY_S:g} s")
        if not await self._until(self._ended, self._end_s + plant.polymarket.settings.slow_ns / SECOND):
            self.problems.append("legs in doubt for too long")
        await asyncio.sleep(3)

    def _ended(self) -> bool:
        system = self.plant.system
        return system is not None and not (
            system.runtime.running or system.ledger.unconfirmed() or system.ports.journal.open_legs()
        )

    def _outcome(self, before: dict[str, int]) -> Outcome:
        plant = self.plant
        self._check()
        system = plant.system
        assert system is not None
        after, ours = plant.record(), plant.ours()
        theirs = {key: after.get(key, 0) - before.get(key, 0) for key in {*after, *before}}
        differing = sorted(key for key in {*theirs, *ours} if theirs.get(key, 0) != ours.get(key, 0))
        self.problems += [f"ledger: {key}: ours {ours.get(key, 0)}, the venue's {theirs.get(key, 0)}" for key in differing]
        arrived = sorted((one for door in plant.doors.values() for one in door.arrived), key=lambda one: one.at)
        for one in arrived:
            plant.trace.append((round(one.at, 6), one.venue, one.status, one.sender))
        lost = [one for one in arrived if not one.promised]
        self.problems += [f"{one.venue} order {one.key} arrived at {one.at:.3f} without a promise" for one in lost]
        expired = [one for one in arrived if one.expired]
        self.problems += [f"{one.venue} order {one.key} arrived at {one.at:.3f} after its leg's end" for one in expired]
        seen: Counter[str] = Counter()
        twice = []
        for one in arrived:
            if seen[one.key]:
                twice.append(one)
            if not 400 <= one.status < 500:
                seen[one.key] += 1
        self.problems += [f"{one.venue} order {one.key} was sent again at {one.at:.3f}" for one in twice]
        open_legs = system.ports.journal.open_legs()
        left = len(system.ledger.unconfirmed()) + len(open_legs) + system.runtime.running
        if left:
            self.problems.append(f"{left} legs or arbs have no end: {open_legs} {system.ledger.unconfirmed()}")
        if system.runtime.counts.faults:
            plant.unforeseen.append(f"{system.runtime.counts.faults} unforeseen faults in the controller")
        self.problems += [*plant.unforeseen, *plant.crossed]
        for door in plant.doors.values():
            for name, count in door.met.items():
                plant.faults[f"{door.name} http {name}"] += count
        return Outcome(
            seed=plant.seed,
            layout=plant.layout,
            took_over=plant.layout == "twins" and len({one.sender for one in arrived if one.venue == "polymarket"}) > 1,
            steps=self.taken,
            executions=len(plant.closed),
            exits=sum(":close_" in closed.basket and closed.matched > 0 for closed in plant.closed.values()),
            crashes=plant.crashes,
            unknowns=_unknowns(plant),
            faults=dict(sorted(plant.faults.items())),
            lost=len(lost),
            duplicated=len(twice),
            expired=len(expired),
            exposure_breaches=self.breaches + len(plant.crossed),
            ledger_differences=len(differing),
            unresolved=left,
            digest=hashlib.sha256(repr(plant.trace).encode()).hexdigest()[:16],
            problems=tuple(self.problems),
        )


def _unknowns(plant: Plant) -> int:
    """Legs that were in doubt at some time, by either disk."""
    rows = [row for disk in plant.disks.values() for row in disk.rows if isinstance(row, KeptRow)]
    return len({row.leg_id for row in rows if _RESULT.decode(row.result).state == "unknown"})


_RESULT = msgspec.msgpack.Decoder(LegResult)
