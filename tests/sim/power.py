"""python -m tests.sim.power: the power goes at each step of a leg and of a commit, on real SQLite files; `make disk` runs it.

Of the victim's files only fsynced bytes are sure to be there afterwards; other writes are gone, torn or whole (platter.py). Each
arb of a seed meets one such loss, half of them with a broken exchange too. One JSON line a step, the last line is their sum.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    HERE = Path(__file__).resolve().parent
    sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from breaks import Breaks  # the folders above hold what these lines import
from plant import Plant, layout_of
from platter import DOOR
from pool import pooled
from processes import Accounts
from seed import play
from sqlite_disk import SqliteDisk, SqliteDiskStore
from wires import HTTP_FAULTS

_COMMITS = ("before_promise", "sync_promise", "after_promise", "before_result", "sync_result", "after_result", "sync_pages")
STEPS = {
    "trader": ("J0", "J1", "J2", "J3", "J4", "J5", "J6", "J7", "J8", "J9", "J10", *_COMMITS),
    "controller": ("J0", "J1", "J2", "J4", "J5", "J6", "J7", "before_end", "sync_end", "after_end", "J10", *_COMMITS),
}
"""By victim; before, in and after its fsync for each kind of commit, and in that of the file which takes in the log (sync_pages).
J3, J8 and J9 are a trader's words to its controller."""
SUMS = ("executions", "unknowns", "lost", "duplicated", "expired", "exposure_breaches", "ledger_differences", "unresolved")


def on_sqlite(plant: Plant) -> None:
    """Put every process's journal on SQLite."""
    for name in plant.names:
        plant.disks[name] = SqliteDisk(plant.directory / f"{name}.sqlite", random.Random(f"disk {name} {plant.seed}"))


def leave(plant: Plant) -> None:
    """Close what its last processes hold."""
    for process in plant.running.values():
        assert isinstance(process.store, SqliteDiskStore)
        process.store.let_go()
    DOOR.platters.clear()


class PowerCut(Breaks):
    """The victim's machine stops at one step of every arb."""

    def __init__(self, victim: str, step: str, plant: Plant) -> None:
        super().__init__(plant)
        self._victim, self._step = victim, step
        self._thrown = self._ended = False

    def throw(self) -> None:
        plant, rng, self._thrown = self.plant, self.rng, True
        if self._step == "J10":  # passed at a start
            name = rng.choice(self._names())
            plant.crash_next[name] = "J10", True
            plant.crash(name, "power", power=True)
            return
        self._arm()
        if rng.random() < 0.5:
            plant.doors[rng.choice(tuple(plant.doors))].armed.append(rng.choice(HTTP_FAULTS))

    def _names(self) -> list[str]:
        return ["controller"] if self._victim == "controller" else list(self.plant.names[1:])

    def _arm(self) -> None:
        self._armed = [self.plant.running[name] for name in self._names()]
        for one in self._armed:
            one.crash_at, one.crash_power = self._step, True

    def last(self) -> None:
        """Nothing more than the step."""

    def mend(self) -> None:
        """What else is broken ends; the step stays deadly until it was reached."""
        waiting = self._step != "J10" and self._thrown and all(one.life.alive for one in self._armed)
        super().mend()
        if waiting and not self._ended:
            self._arm()
        elif not self._thrown:
            self.throw()

    def end(self) -> None:
        self._ended = True
        for one in self.plant.running.values():
            one.crash_at = ""
        super().end()


def cut(victim: str, step: str, seed: int, accounts: Accounts, *, arbs: int = 3) -> tuple[Counter[str], tuple[str, ...]]:
    """Play one seed: (its counts, what was wrong with it)."""
    plants: list[Plant] = []

    def ready(plant: Plant) -> None:
        plants.append(plant)
        on_sqlite(plant)

    try:
        outcome = play(seed, accounts, spoil=ready, steps=arbs, enough=0, breaks=partial(PowerCut, victim, step))
    finally:
        for plant in plants:
            leave(plant)
    found = Counter({name: getattr(outcome, name) for name in SUMS})
    found["cuts"] = sum(line[1] == "dies" and line[3] == step for line in plant.trace if len(line) == 4)
    for disk in plant.disks.values():
        assert isinstance(disk, SqliteDisk)
        found["bytes_forgotten"] += disk.platter.forgotten
        found["writes_torn"] += disk.platter.torn
    found["orders"] = sum(len(door.arrived) for door in plant.doors.values())
    return found, outcome.problems if found["cuts"] else (*outcome.problems, f"{victim} never came to {step}")


def seeds_for(victim: str, first: int, count: int) -> list[int]:
    """Seeds in whose layout the victim executes legs: the controller of some has no keys."""
    found: list[int] = []
    while len(found) < count:
        if victim == "trader" or layout_of(first) != "each":
            found.append(first)
        first += 1
    return found


Task = tuple[str, str, int]


def _play(accounts: Accounts, task: Task) -> tuple[Task, Counter[str], tuple[str, ...]]:
    return task, *cut(*task, accounts)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.power")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--only", default="", help='"trader" or "controller", or one step as "trader J5"')
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    names = [(victim, step) for victim, steps in STEPS.items() for step in steps]
    chosen = [(victim, step) for victim, step in names if f"{victim} {step} ".startswith(asked.only + " " * bool(asked.only))]
    tasks = [(*name, seed) for name in chosen for seed in seeds_for(name[0], asked.first, asked.seeds)]
    began, total, here, bad = time.monotonic(), Counter[str](), Counter[str](), 0
    for done, (task, counts, wrong) in enumerate(pooled(_play, tasks, jobs=asked.jobs), 1):
        here.update(counts)
        if wrong:
            here["failed"] += 1
            print(f"{task[0]} {task[1]}, seed {task[2]}: " + "\n    ".join(wrong), flush=True)
        if done % asked.seeds == 0:
            print(json.dumps({"victim": task[0], "step": task[1], "seeds": asked.seeds, **here}), flush=True)
            bad += here["failed"]
            total.update(here)
            here.clear()
    row = {"steps": len(chosen), "runs": len(tasks), **total, "failed": bad, "seconds": round(time.monotonic() - began)}
    print(json.dumps(row))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
