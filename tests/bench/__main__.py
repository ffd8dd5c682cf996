"""python -m tests.bench [--only P1,P5] [--quick]: one JSON line per figure on stdout, progress on stderr; 1 = target missed.

Targets are ratios to a reference of the same run where machines differ, and plain figures where the product itself sets the
limit. --quick shortens every run to see that it works; its figures mean little and never fail.
"""

import argparse
from collections.abc import Sequence
from importlib import import_module

from tests.bench.measure import say

__all__ = ["main"]

_BENCHES = {
    "P5": "p5_book",
    "P1": "p1_frame",
    "P2": "p2_path",
    "P4": "p4_orders",
    "P6": "p6_link",
    "P9": "p9_journal",
    "legs": "link_legs",
    "memory": "memory",
    "matching": "matching",
    "discovery": "discovery",  # last: it leaves the largest heap behind
}
"""Name to the module of this package that measures it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks; 0 when every figure is within its target."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Ratios beside their reference, as JSON lines.")
    parser.add_argument("--only", default=",".join(_BENCHES), help=f"comma separated: {', '.join(_BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="short runs that only show that everything works")
    chosen = parser.parse_args(argv)
    names = [name for name in chosen.only.split(",") if name]
    unknown = [name for name in names if name not in _BENCHES]
    if unknown:
        parser.error(f"--only {','.join(unknown)}: unknown (known: {', '.join(_BENCHES)})")
    missed = []
    for name in names:
        say(f"running {name}")
        for measure in import_module(f"tests.bench.{_BENCHES[name]}").measure(quick=chosen.quick):
            print(measure.line(), flush=True)
            if measure.ok is None:
                say(f"{measure.id}: {measure.more['missing']}")
            elif not measure.ok:
                missed.append(measure.id)
                say(f"{measure.id}: {measure.value:.3g} is above {measure.target:g}")
    return 1 if missed and not chosen.quick else 0


if __name__ == "__main__":
    raise SystemExit(main())
