"""python -m tests.sim --seeds N [--first n]: seeds over all cores, the failing ones in full, last line one JSON object.

Replay one with --seeds 1 --first n --verbose. Exit code 1 when a promise broke, or a kind of fault never occurred in 100 seeds
or more.
"""

import argparse
import json
import logging
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import structlog  # noqa: E402  # the folders above hold what the next lines import
from plant import Accounts  # noqa: E402
from seed import CRASH_STEPS, VENUE_FAULTS, Outcome, play  # noqa: E402
from wires import HTTP_FAULTS  # noqa: E402

SUMS = ("steps", "executions", "crashes", "unknowns", "lost", "duplicated", "expired", "exposure_breaches")
ENDS = ("ledger_differences", "unresolved")
ENOUGH = 100
"""Seeds after which every kind of fault must have occurred."""


def kinds() -> set[str]:
    """Every kind of fault there is."""
    return (
        {f"{venue} http {fault}" for venue in VENUE_FAULTS for fault in HTTP_FAULTS}
        | {f"{venue} {fault}" for venue, faults in VENUE_FAULTS.items() for fault in faults}
        | {f"link {how}" for how in ("cut", "away", "no_way_in", "no_way_out", "lag")}
        | {f"crash {where}" for where in (*CRASH_STEPS, "any")}
        | {"disk full", "disk slow", "clock wall_jump"}
    )


_accounts: Accounts | None = None
_directory: tempfile.TemporaryDirectory[str] | None = None


def _prepare(verbose: bool) -> None:
    global _accounts, _directory
    level = logging.DEBUG if verbose else logging.CRITICAL
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    _directory = tempfile.TemporaryDirectory(prefix="tandem-accounts-")
    _accounts = Accounts(Path(_directory.name))


def _play(seed: int) -> Outcome | tuple[int, str]:
    assert _accounts is not None
    try:
        return play(seed, _accounts)
    except Exception as exc:  # one seed's end is a finding, not the end of the run
        return seed, f"{type(exc).__name__}: {exc}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim")
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    total: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    bad: list[int] = []
    jobs = 1 if asked.seeds == 1 else os.cpu_count() or 1
    _prepare(asked.verbose)  # before the fork: an error here ends the run
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for one in pool.imap(_play, seeds):
            if isinstance(one, tuple):
                bad.append(one[0])
                print(f"seed {one[0]} broke: {one[1]}")
                continue
            for name in (*SUMS, *ENDS):
                total[name] += getattr(one, name)
            faults.update(one.faults)
            if not one.held:
                bad.append(one.seed)
                print(f"seed {one.seed}: " + "\n    ".join(one.problems))
            if one.executions < 10:
                print(f"seed {one.seed}: {one.executions} executions only")
                total["thin"] += 1
    missing = sorted(kinds() - set(faults)) if asked.seeds >= ENOUGH else []
    if missing:
        print("never occurred: " + ", ".join(missing))
    row = {"seeds": asked.seeds, **{name: total[name] for name in SUMS}, **{name: total[name] for name in ENDS}}
    row |= {"faults": sum(faults.values()), "thin_seeds": total["thin"], "failed_seeds": bad, "missing_faults": missing}
    print(json.dumps(row))
    return 1 if bad or missing or total["thin"] else 0


if __name__ == "__main__":
    sys.exit(main())
