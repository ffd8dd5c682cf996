"""python -m tests.sim.storms: fifty storms over a venue, each over many seeds; `make storms` runs them.

A storm rages over all steps of a seed while arbs open and close. When it is over nothing may be lost, no process may have been
started again, and within a minute every leg has its end. Our own requests never exceed what the venue allows.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    HERE = Path(__file__).resolve().parent
    sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from breaks import Breaks  # the folders above hold what these lines import
from plant import Plant
from pool import pooled
from processes import Accounts
from seed import Outcome, play
from wires import HTTP_FAULTS

from trading.clock import SECOND

RECOVERY_S = 60.0
Blow = Callable[[Plant], None]


def _burst(venue: str, of: str, count: int, plant: Plant) -> None:
    plant.doors[venue].burst, plant.doors[venue].burst_of = count, of


def _orders(venue: str, fault: str, plant: Plant) -> None:
    plant.doors[venue].armed.extend([fault] * 2)


def _throw(venue: str, fault: str, count: int, plant: Plant) -> None:
    plant.venue_faults.throw(venue, fault, count)


def _late(seconds: int, plant: Plant) -> None:
    plant.polymarket.settings.slow_ns = seconds * SECOND
    plant.venue_faults.throw("polymarket", "slow", 2)


def _way(venue: str, name: str, seconds: float, plant: Plant) -> None:
    setattr(plant.doors[venue], name, seconds)


def _half_open(venue: str, plant: Plant) -> None:
    for name in plant.names:
        plant.doors[venue].half_open(name)


def _both(one: Blow, two: Blow, plant: Plant) -> None:
    one(plant)
    two(plant)


def _scenarios() -> dict[str, Blow]:
    found: dict[str, Blow] = {}
    for venue in ("kalshi", "polymarket"):
        for of in ("429", "5xx"):
            for count in (5, 20, 60):
                found[f"{venue} {count} answers {of}"] = partial(_burst, venue, of, count)
        for fault in HTTP_FAULTS:
            found[f"{venue} orders {fault}"] = partial(_orders, venue, fault)
        for fault in ("freeze", "drop_sessions"):
            found[f"{venue} {fault}"] = partial(_throw, venue, fault, 1)
        found[f"{venue} half-open"] = partial(_half_open, venue)
        found[f"{venue} slow"] = partial(_way, venue, "slow_s", 1.0)
    for fault in ("425", "restart", "post_only", "cancel_only", "disabled", "ghost", "retry"):
        found[f"polymarket {fault}"] = partial(_throw, "polymarket", fault, 2)
    for seconds in (60, 600):
        found[f"polymarket fills {seconds} s late"] = partial(_late, seconds)
    for fault in ("gap", "frames_late", "list_lag"):
        found[f"kalshi {fault}"] = partial(_throw, "kalshi", fault, 2)
    found["kalshi pause"] = partial(_throw, "kalshi", "pause", 1)
    found["both silent"] = partial(_both, found["kalshi freeze"], found["polymarket freeze"])
    return found


SCENARIOS = _scenarios()


class Storm(Breaks):
    """One scenario, blown anew in each step and ended only after the last."""

    def __init__(self, blow: Blow, plant: Plant) -> None:
        super().__init__(plant)
        self._blow = blow

    def throw(self) -> None:
        self._blow(self.plant)
        self.plant.driver.poke()

    def last(self) -> None:
        """It rages already."""

    def mend(self) -> None:
        self.plant.start_missing()

    def end(self) -> None:
        for door in self.plant.doors.values():
            door.slow_s = door.jitter_s = 0.0
        self.plant.venue_faults.clear()
        super().mend()


def storm(scenario: str, seed: int, accounts: Accounts) -> tuple[Outcome, tuple[str, ...]]:
    """Play one: (what it showed, what was wrong with it)."""
    plants: list[Plant] = []
    outcome = play(
        seed, accounts, spoil=plants.append, steps=4, enough=0, end_s=RECOVERY_S, breaks=partial(Storm, SCENARIOS[scenario])
    )
    (plant,) = plants
    wrong = list(outcome.problems)
    over = sum(door.refused for door in plant.doors.values())
    if over:
        wrong.append(f"{over} requests were over a venue's budget")
    if plant.starts > len(plant.names):
        wrong.append("a process had to be started again")
    return outcome, tuple(wrong)


def _play(accounts: Accounts, task: tuple[str, int]) -> tuple[str, int, dict[str, int], tuple[str, ...]]:
    outcome, wrong = storm(*task, accounts)
    counts = {name: getattr(outcome, name) for name in ("executions", "unknowns", "lost", "duplicated", "ledger_differences")}
    return *task, counts, wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.storms")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    names = [name for name in SCENARIOS if asked.only in name]
    tasks = [(name, seed) for name in names for seed in range(asked.first, asked.first + asked.seeds)]
    total: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    began = time.monotonic()
    for name, seed, counts, wrong in pooled(_play, tasks, jobs=asked.jobs):
        total.update(counts)
        if wrong:
            bad[name] += 1
            print(f"{name}, seed {seed}: " + "\n    ".join(wrong))
    row = {
        "scenarios": len(names),
        "runs": len(tasks),
        **total,
        "failed": dict(bad),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(row))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
