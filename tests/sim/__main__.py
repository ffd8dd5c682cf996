"""python -m tests.sim --seeds N [--first n] [--edges]: seeds over all cores, the failing ones in full, last line one JSON object.

Replay one with --seeds 1 --first n --verbose. Exit code 1 when a promise broke, or a kind of fault never occurred in 100 seeds
or more.
"""

import argparse
import json
import logging
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from breaks import kinds  # noqa: E402  # the folders above hold what the next lines import
from edges import EdgeBreaks  # noqa: E402
from pool import pooled  # noqa: E402
from processes import LAYOUTS, Accounts  # noqa: E402
from seed import Outcome, play  # noqa: E402

SUMS = ("steps", "executions", "exits", "crashes", "unknowns", "lost", "duplicated", "expired", "exposure_breaches")
ENDS = ("ledger_differences", "unresolved")
ENOUGH = 100
"""Seeds after which every kind of fault must have occurred."""


def _play(accounts: Accounts, seed: int, *, layout: str) -> Outcome | tuple[int, str]:
    return _caught(seed, lambda: play(seed, accounts, layout=layout))


def _over_edges(accounts: Accounts, seed: int, *, layout: str) -> Outcome | tuple[int, str]:
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    sys.unraisablehook = lambda _: None  # killed processes leave coroutines half done: their end is of no interest
    return _caught(seed, lambda: play(seed, accounts, layout=layout, edges=True, breaks=EdgeBreaks))


def _caught(seed: int, playing: Callable[[], Outcome]) -> Outcome | tuple[int, str]:
    try:
        return playing()
    except Exception as exc:  # one seed's end is a finding, not the end of the run
        return seed, f"{type(exc).__name__}: {exc}\n{traceback.format_exc()}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim")
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 = one a core")
    parser.add_argument("--layout", choices=("", *LAYOUTS), default="", help="instead of what a seed draws")
    parser.add_argument("--edges", action="store_true", help="over the unmodified aiohttp and websockets, fewer kinds of fault")
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    total: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    bad: list[int] = []
    jobs = min(asked.seeds, asked.jobs or os.cpu_count() or 1)
    playing = partial(_over_edges if asked.edges else _play, layout=asked.layout)
    for one in pooled(playing, seeds, jobs=jobs, verbose=asked.verbose):
        if isinstance(one, tuple):
            bad.append(one[0])
            print(f"seed {one[0]} broke: {one[1]}")
            continue
        for name in (*SUMS, *ENDS):
            total[name] += getattr(one, name)
        faults.update(one.faults)
        total["two_traders"] += one.layout != "one"
        total["taken_over"] += one.took_over
        if asked.verbose:
            print(f"seed {one.seed}: {one.layout}, trace {one.digest}")
        if not one.held:
            bad.append(one.seed)
            print(f"seed {one.seed}: " + "\n    ".join(one.problems))
        if one.executions < 10:
            print(f"seed {one.seed}: {one.executions} executions only")
            total["thin"] += 1
    missing = sorted(kinds() - set(faults)) if asked.seeds >= ENOUGH and not asked.edges else []
    if missing:
        print("never occurred: " + ", ".join(missing))
    row = {"seeds": asked.seeds, **{name: total[name] for name in SUMS}, **{name: total[name] for name in ENDS}}
    row |= {"two_traders": total["two_traders"], "taken_over": total["taken_over"]}
    row |= {"faults": sum(faults.values()), "thin_seeds": total["thin"], "failed_seeds": bad, "missing_faults": missing}
    print(json.dumps(row))
    return 1 if bad or missing or total["thin"] else 0


if __name__ == "__main__":
    sys.exit(main())
