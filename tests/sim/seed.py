"""One seed: arbs open and close while things break; after healing, both venues' own record must equal ours to the unit.

A seed fixes every choice, delay and fault, so its trace repeats exactly; outcome() is what the promises of distributed.md 5 say
about it. Nothing here decides what a process does: it only breaks what the process stands on.
"""

import asyncio
import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
from plant import Accounts, Plant
from virtual import Deadlock, VirtualLoop, run
from wires import HTTP_FAULTS

from trading.clock import SECOND
from trading.journal_file import KeptRow
from trading.order import LegResult
from trading.units import CONTRACT

STEPS = 16
EXPOSED_CAP = 25 * CONTRACT
"""NAKED_MAX_CONTRACTS_EVENT as it is set."""
CRASH_STEPS = ("J0", "J1", "J2", "J3", "J4", "J5", "J6", "J7", "J8")
VENUE_FAULTS = {
    "kalshi": {
        "429": "", "503": "", "500_before_accept": "", "drop_before_accept": "", "drop_after_accept": "", "500_after_accept": "",
        "pause": "resume", "gap": "", "repeat": "", "reset": "", "drop_sessions": "", "freeze": "thaw", "read_503": "",
        "frames_late": "frames_prompt", "list_lag": "list_prompt",
    },
    "polymarket": {
        "429": "", "425": "", "drop_before_accept": "", "drop_after_accept": "", "500_after_accept": "", "500_before_accept": "",
        "ghost": "", "retry": "", "slow": "", "post_only": "normal", "cancel_only": "normal", "disabled": "normal",
        "restart": "", "drop_sessions": "", "freeze": "thaw", "duplicate_books": "single_books", "read_503": "",
    },
}  # fmt: skip
"""By venue, what is thrown and what ends it; "" = it ends by itself."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed showed. problems is empty when every promise held; digest is the hash of its trace."""

    seed: int
    steps: int
    executions: int
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


def play(seed: int, accounts: Accounts, *, spoil: Callable[[Plant], None] = lambda plant: None, steps: int = STEPS) -> Outcome:
    """Run one seed on a fresh loop. spoil may break the system itself, to show that it is noticed."""
    with tempfile.TemporaryDirectory(prefix="tandem-seed-") as directory:

        async def whole(loop: VirtualLoop) -> Outcome:
            plant = Plant(loop, accounts, Path(directory), seed)
            spoil(plant)
            try:
                return await _Play(plant, steps).run()
            finally:
                for process in (plant.controller, plant.trader):
                    if process is not None:
                        process.life.end()

        return run(whole)


class _Play:
    def __init__(self, plant: Plant, steps: int) -> None:
        self.plant = plant
        self.steps = steps
        self.problems: list[str] = []
        self.breaches = 0
        self.undo: list[Callable[[], None]] = []
        self.trader_down_until = 0.0

    async def run(self) -> Outcome:
        plant = self.plant
        for game in plant.games:
            plant.rest(game)
        before = plant.record()
        controller = plant.start_controller()
        plant.start_trader()
        await self._until(controller.ready.is_set, 60)
        await asyncio.sleep(6)
        for step in range(self.steps):
            await self._step(step)
        await self._heal()
        return self._outcome(before)

    async def _until(self, what: Callable[[], object], within: float) -> bool:
        ends = self.plant.loop.time() + within
        while not what():
            controller = self.plant.controller
            if controller is not None and controller.life.alive and controller.task.done():
                controller.task.result()
                raise Deadlock("the controller ended by itself")
            if self.plant.loop.time() > ends:
                return False
            await asyncio.sleep(0.05)
        return True

    async def _step(self, step: int) -> None:
        plant, rng = self.plant, self.plant.rng
        game = plant.games[step % len(plant.games)]
        if rng.random() < 0.7:
            self._break(rng.choice(("http", "http", "venue", "venue", "link", "disk", "clock", "crash")))
        plant.open_arb(game, rng.randint(1, 20))
        await asyncio.sleep(rng.uniform(0.5, 3.0))
        plant.rest(game)
        await asyncio.sleep(rng.uniform(0.5, 1.5))
        for undo in self.undo:
            undo()
        self.undo.clear()
        for door in plant.doors.values():
            door.armed.clear()
        assert plant.trader is not None
        if not plant.trader.life.alive:
            plant.start_trader()
        plant.trader.crash_at = ""
        await self._until(self._ready, 20)
        self._check()

    def _ready(self) -> bool:
        """Links up and books ready: the next arb may be traded."""
        controller = self.plant.controller
        assert controller is not None and controller.system is not None
        system = controller.system
        assert system.link.traders is not None
        healths = [health for _, health in system.link.traders.health().values()]
        return all(one in ("ready", "degraded") for one in healths) and system.runtime._ready()

    # --- what breaks --------------------------------------------------------------------------------------------------

    def _break(self, kind: str) -> None:
        plant, rng = self.plant, self.plant.rng
        name = kind
        if kind == "http":
            venue, fault = rng.choice(("kalshi", "polymarket")), rng.choice(HTTP_FAULTS)
            plant.doors[venue].armed.append(fault)
            plant.note("armed", venue, fault)
            return  # counted when an order meets it
        if kind == "venue":
            venue = rng.choice(("kalshi", "polymarket"))
            fault = rng.choice(tuple(VENUE_FAULTS[venue]))
            name = f"{venue} {fault}"
            plant.venue_faults.throw(venue, fault, rng.randint(1, 2))
            back = VENUE_FAULTS[venue][fault]
            if back:
                self.undo.append(lambda: plant.venue_faults.throw(venue, back))
        elif kind == "link":
            name = f"link {self._link(rng.choice(('cut', 'away', 'no_way_in', 'no_way_out', 'lag')))}"
        elif kind == "disk":
            name = f"disk {self._disk(rng.choice(('full', 'slow')))}"
        elif kind == "clock":
            plant.trader_wall_off = rng.choice((-1, 1)) * 3_600 * SECOND
            assert plant.trader is not None
            plant.trader.clock.wall_off = plant.trader_wall_off
            self.undo.append(self._clock_right)
            name = "clock wall_jump"
        else:
            name = f"crash {self._crash(rng.choice((*CRASH_STEPS, 'any')))}"
        plant.faults[name] += 1
        plant.note("broken", name)
        plant.driver.poke()

    def _link(self, how: str) -> str:
        plant, after = self.plant, self.plant.rng.uniform(0, 0.3)
        pipe = plant.network.pipes[-1] if plant.network.pipes else None
        if how in ("cut", "away") or pipe is None:
            plant.loop.call_later(after, plant.cut_link)
            if how == "away":
                plant.link_up = False
                self.undo.append(self._link_back)
        elif how == "lag":
            pipe.delay_s = self.plant.rng.uniform(0.05, 1.5)
            self.undo.append(lambda: setattr(pipe, "delay_s", 0.002))
        else:
            side = 0 if how == "no_way_out" else 1
            plant.loop.call_later(after, pipe.stalled.__setitem__, side, True)
            self.undo.append(plant.cut_link)  # a frame lost is a session lost: TCP has no holes
        return how

    def _link_back(self) -> None:
        self.plant.link_up = True

    def _disk(self, how: str) -> str:
        plant = self.plant
        disk = plant.trader_disk
        if how == "full":
            disk.fault = "disk full"

            def again() -> None:
                disk.fault = ""
                plant.crash_trader("its journal failed")

            self.undo.append(again)
        else:
            disk.commit_s = 0.6
            self.undo.append(lambda: setattr(disk, "commit_s", 0.0003))
        return how

    def _clock_right(self) -> None:
        self.plant.trader_wall_off = 0
        if self.plant.trader is not None:
            self.plant.trader.clock.wall_off = 0

    def _crash(self, where: str) -> str:
        plant = self.plant
        assert plant.trader is not None
        if where == "any":
            plant.loop.call_later(plant.rng.uniform(0, 0.6), plant.crash_trader, "any")
        else:
            plant.trader.crash_at = where
        return where

    # --- what must hold -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        for event, size in self.plant.naked().items():
            if abs(size) > EXPOSED_CAP:
                self.breaches += 1
                self.problems.append(f"{event}: {size / CONTRACT:g} contracts stand alone")

    async def _heal(self) -> None:
        plant = self.plant
        plant.venue_faults.clear()
        plant.trader_disk.fault = ""
        await asyncio.sleep(3)
        await self._until(self._ready, 60)
        assert plant.controller is not None and plant.controller.system is not None
        runtime = plant.controller.system.runtime
        await runtime.settle(180)
        await asyncio.sleep(5)

    def _outcome(self, before: dict[str, int]) -> Outcome:
        plant = self.plant
        self._check()
        assert plant.controller is not None and plant.controller.system is not None
        system = plant.controller.system
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
            self.problems.append(f"{system.runtime.counts.faults} unforeseen faults in the controller")
        for door in plant.doors.values():
            for name, count in door.met.items():
                plant.faults[f"{door.name} http {name}"] += count
        return Outcome(
            seed=plant.seed,
            steps=self.steps,
            executions=len(plant.closed),
            crashes=plant.crashes,
            unknowns=_unknowns(plant),
            faults=dict(sorted(plant.faults.items())),
            lost=len(lost),
            duplicated=len(twice),
            expired=len(expired),
            exposure_breaches=self.breaches,
            ledger_differences=len(differing),
            unresolved=left,
            digest=hashlib.sha256(repr(plant.trace).encode()).hexdigest()[:16],
            problems=tuple(self.problems),
        )


def _unknowns(plant: Plant) -> int:
    """Legs that were in doubt at some time, by either disk."""
    rows = [row for disk in (plant.controller_disk, plant.trader_disk) for row in disk.rows if isinstance(row, KeptRow)]
    return len({row.leg_id for row in rows if _RESULT.decode(row.result).state == "unknown"})


_RESULT = msgspec.msgpack.Decoder(LegResult)
