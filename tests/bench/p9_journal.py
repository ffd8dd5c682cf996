"""P9: what a durable promise adds to the path of P2, over one durable commit of the same rows, all three in one run.

Two controllers stand in one loop, one with its promises in memory, one with the SQLite journal of production, and take turns
with a bare commit of as many rows on a file of the same disk. Both legs of an arb and its plan share one commit, and signing
runs meanwhile: the path may grow by that commit and a fifth, not by two (distributed.md 4.6, J3).
"""

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median

import msgspec

from controller.ports import Ports, production_ports
from tests.bench.loopback import Stamp
from tests.bench.measure import Measure
from tests.bench.p2_path import PathBench
from trading.clock import SystemClock
from trading.ids import SystemIds, client_order_id, leg_id
from trading.journal_file import ArbRow, FileJournal, Row, SentRow
from trading.journal_sqlite import SqliteStore
from trading.log import setup_logging

__all__ = ["TARGET", "measure"]

TARGET = 1.2
_REST_S = 0.003
_ORDER_BYTES, _PLAN_BYTES = 700, 1_500
"""About what a prepared order and the plan of an arb take up in the journal."""


class _Durable(PathBench):
    """P2's path with the journal of production."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.store = SqliteStore(directory / "journal.sqlite")

    def make_ports(self) -> Ports:
        return msgspec.structs.replace(production_ports(), journal=FileJournal(self.store, SystemClock()))


class _Commits:
    """Two promises and a plan, committed with nothing around them."""

    def __init__(self, directory: Path) -> None:
        self.store = SqliteStore(directory / "commits.sqlite")
        self._ids = SystemIds(SystemClock())

    async def event(self) -> Stamp:
        arb, now = self._ids.arb(), SystemClock().wall_ns()
        rows: list[Row] = [ArbRow(arb_id=arb, body=bytes(_PLAN_BYTES), at=now)]
        for number in range(2):
            leg = leg_id(arb, number, 0)
            name = client_order_id(leg)
            rows.append(SentRow(leg_id=leg, client_order_id=name, remote=False, order=bytes(_ORDER_BYTES), at=now))
        began = time.perf_counter_ns()
        await self.store.commit(rows)
        return Stamp(time.perf_counter_ns() - began, 0)


async def _run(directory: Path, warm: int, events: int) -> tuple[dict[str, list[int]], int, int]:
    memory, durable, commits = directory / "memory", directory / "durable", directory / "commits"
    for one in (memory, durable, commits):
        one.mkdir()
    without, journalled, bare = PathBench(memory), _Durable(durable), _Commits(commits)
    await without.start()
    await journalled.start()
    times: dict[str, list[int]] = {"without": [], "with": [], "commit": []}
    try:
        for number in range(warm + events):
            for name, bench in (("without", without), ("with", journalled), ("commit", bare)):
                taken = await bench.event()
                if number >= warm:
                    times[name].append(taken.wall)
                await asyncio.sleep(_REST_S)
        await without.finish()
        await journalled.finish()
        return times, journalled.store.commits, journalled.store.slow_commits
    finally:
        await without.close()
        await journalled.close()
        await journalled.store.close()
        await bare.store.close()


def measure(*, quick: bool) -> list[Measure]:
    """(p50 with the journal - p50 without) / p50 of a bare commit, over 300 events of each after warming up."""
    setup_logging("WARNING")
    with tempfile.TemporaryDirectory() as directory:
        times, commits, slow = asyncio.run(_run(Path(directory), 5 if quick else 60, 20 if quick else 300))
    p50 = {name: median(taken) for name, taken in times.items()}
    more: dict[str, object] = {f"{name}_p50_us": round(value / 1000) for name, value in p50.items()}
    more |= {"commits": commits, "commits_over_50_ms": slow}
    return [Measure(id="P9", value=(p50["with"] - p50["without"]) / p50["commit"], target=TARGET, more=more)]
