"""python -m tests.bench.soak_run: one controller under 10,000 book frames a second for a minute; one JSON line, 1 = not held.

Promises: no resync, no wrong book at the end, the loop never stalls 20 ms. The sender runs in a process of its own and must have
sent 9,900 a second, or the run is void: then nothing was measured.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.app import App, build
from controller.ports import production_ports
from tests.bench.desk import make_games
from tests.bench.p2_path import _settings
from trading.clock import SystemClock
from trading.log import setup_logging
from trading.market import KALSHI, POLYMARKET

__all__ = ["main", "soak"]

_RATE, _LEAST = 10_000, 0.99
_STALL_MS = 20.0
_READY_S = 60.0
_QUIET_S = 0.5


class _Watch:
    """The longest the loop was away, by the wall and in CPU time of this thread, which neighbours do not lengthen."""

    def __init__(self) -> None:
        self.wall_ms = self.cpu_ms = 0.0

    async def run(self) -> None:
        while True:
            wall, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            self.wall_ms = max(self.wall_ms, (time.perf_counter() - wall - 0.001) * 1e3)
            self.cpu_ms = max(self.cpu_ms, (time.thread_time() - cpu) * 1e3)


@contextmanager
def _sender(games: int, rate: int, seconds: float) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.bench.soak_venue", str(games), str(rate), str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


async def _line(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    return json.loads(await asyncio.to_thread(process.stdout.readline))


def _tell(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()


def _frames(app: App) -> int:
    return sum(feed.statistics().frames for feed in app.feeds.values())


async def _drained(app: App) -> None:
    """Wait until half a second passes without many frames: probes and their answers go on."""
    while True:
        before = _frames(app)
        await asyncio.sleep(_QUIET_S)
        if _frames(app) - before < 50:
            return


def _wrong(app: App, truth: dict[str, Any]) -> list[str]:
    """Markets whose book is not ready or not what the sender holds."""
    books = {str(market): book for market, book in app.state.books.items()}
    return [
        market
        for market, (bids, asks) in truth.items()
        if not books[market].ready
        or sorted(books[market].bids.items()) != [tuple(level) for level in bids]
        or sorted(books[market].asks.items()) != [tuple(level) for level in asks]
    ]


async def soak(directory: Path, *, pairs: int, rate: int, seconds: float) -> dict[str, Any]:
    """Run it; the figures. Raises TimeoutError when books do not become ready."""
    games = make_games(-(-pairs // 2), SystemClock().wall_ns())
    with _sender(len(games), rate, seconds) as process:
        app = build(_settings(directory, *(await _line(process))), production_ports())
        app.connections.polymarket.remember([game.other for game in games])
        for game in games:
            for pair in game.pairs:
                app.runtime.on_event(pair)
        app.feeds[KALSHI].watch([market for game in games for market in (game.first, game.second)])
        app.feeds[POLYMARKET].watch([game.other for game in games])
        running = asyncio.create_task(app.runtime.run())
        try:
            if not await app.runtime.wait_ready(_READY_S):
                raise TimeoutError(f"books not ready after {_READY_S:g} s: {app.runtime.summary()}")
            gc.collect()
            gc.freeze()  # as the controller does once it is up
            before = {venue: feed.statistics() for venue, feed in app.feeds.items()}
            watch = _Watch()
            watching = asyncio.create_task(watch.run())
            cpu = time.process_time()
            _tell(process, "go")
            sent = await _line(process)
            cpu = time.process_time() - cpu
            watching.cancel()
            truth = await _line(process)
            await _drained(app)
            after = {venue: feed.statistics() for venue, feed in app.feeds.items()}
            return {
                **sent,
                "pairs": 2 * len(games),
                "books": len(app.state.books),
                "resyncs": sum(after[venue].resyncs - before[venue].resyncs for venue in after),
                "reconnects": sum(after[venue].reconnects - before[venue].reconnects for venue in after),
                "bad_frames": sum(after[venue].bad_frames - before[venue].bad_frames for venue in after),
                "wrong_books": len(_wrong(app, truth)),
                "longest_stall_ms": round(watch.wall_ms, 1),
                "longest_stall_cpu_ms": round(watch.cpu_ms, 1),
                "cpu_share": round(cpu / sent["seconds"], 2),
            }
        finally:
            gc.unfreeze()
            app.runtime.stop()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await app.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line; 0 when every promise was kept, 2 when the run is void."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak_run", description="A controller under load.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=_RATE)
    parser.add_argument("--pairs", type=int, default=1_000)
    chosen = parser.parse_args(argv)
    setup_logging("WARNING")
    with tempfile.TemporaryDirectory() as directory:
        row = asyncio.run(soak(Path(directory), pairs=chosen.pairs, rate=chosen.rate, seconds=chosen.seconds))
    void = row["sent_per_s"] < chosen.rate * _LEAST
    broken = row["resyncs"] or row["reconnects"] or row["bad_frames"] or row["wrong_books"]
    kept = not broken and row["longest_stall_ms"] < _STALL_MS
    print(json.dumps({"id": "soak", **row, "void": void, "ok": None if void else bool(kept)}), flush=True)
    return 2 if void else 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
