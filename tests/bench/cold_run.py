"""python -m tests.bench.cold_run: idle, then trade, against venues that close idle connections; one JSON line, 1 = not kept.

An order on a socket opened for it pays two round trips and a handshake, and arbs are rarer than any keep-alive. So the controller
reads something cheap every few seconds; this run counts whether that is enough (performance.md 0 and P8). --speed makes the
controller's own waits and the venues' patience that many times shorter.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from controller.ports import Ports, production_ports
from tests.bench.loopback import Connection, Desk, Orders
from tests.bench.p2_path import PathBench
from trading.http import Http, HttpStatistics, PooledHttp
from trading.log import setup_logging
from trading.market import Venue

__all__ = ["main", "measure_cold"]

_PATIENCE_S = 15.0
"""How long the venues keep a silent connection."""
_ROUNDS = 3
"""Arbs, each after a third of the idle time."""


class _Impatient(Connection):
    """A door that closes a connection nobody spoke on for a while, as venues and their proxies do."""

    def __init__(self, desk: Desk, orders: Orders, patience_s: float, closed: list[int]) -> None:
        super().__init__(desk, orders)
        self._patience_s = patience_s
        self._closed = closed
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._patience_s, self._close)

    def _close(self) -> None:
        if not self.path:  # a stream is not idle: the venue itself speaks on it
            self._closed.append(1)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()


class _Cold(PathBench):
    """P2's product on impatient doors, with its connections counted."""

    def __init__(self, directory: Path, speed: float) -> None:
        super().__init__(directory)
        self._speed = speed
        self.closed: list[int] = []
        self._https: list[PooledHttp] = []

    async def open_door(self, desk: Desk) -> tuple[asyncio.Server, int]:
        patience = _PATIENCE_S / self._speed
        server = await asyncio.get_running_loop().create_server(
            lambda: _Impatient(desk, self._orders, patience, self.closed), "127.0.0.1", 0
        )
        return server, server.sockets[0].getsockname()[1]

    def make_ports(self) -> Ports:
        ports = production_ports()
        make = ports.http

        def http(venue: Venue) -> Http:
            one = make(venue)
            assert isinstance(one, PooledHttp)
            self._https.append(one)
            return one

        async def sleep(seconds: float) -> None:
            await asyncio.sleep(seconds / self._speed)

        return msgspec.structs.replace(ports, http=http, sleep=sleep)

    def counts(self) -> HttpStatistics:
        seen = [one.statistics() for one in self._https]
        return HttpStatistics(
            requests=sum(one.requests for one in seen),
            opened=sum(one.opened for one in seen),
            cold_writes=sum(one.cold_writes for one in seen),
        )


async def measure_cold(directory: Path, *, idle_s: float, speed: float) -> dict[str, Any]:
    """Idle and trade by turns; how many of the orders left on a socket opened for them."""
    bench = _Cold(directory, speed)
    await bench.start()
    try:
        began, orders = time.monotonic(), 0
        before = bench.counts()
        cold = 0
        for _ in range(_ROUNDS):
            await asyncio.sleep(idle_s / _ROUNDS / speed)
            at = bench.counts().cold_writes
            await bench.event()
            await asyncio.sleep(0.05)
            cold += bench.counts().cold_writes - at
            orders += 2
        await bench.finish()
        after = bench.counts()
        return {
            "orders": orders,
            "cold_orders": cold,
            "requests": after.requests - before.requests,
            "opened": after.opened - before.opened,
            "closed_by_venue": len(bench.closed),
            "seconds": round(time.monotonic() - began, 1),
            "speed": speed,
        }
    finally:
        await bench.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line; 0 when no order went cold."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold_run", description="Orders after idling.")
    parser.add_argument("--seconds", type=float, default=300.0, help="idle time in all, before --speed")
    parser.add_argument("--speed", type=float, default=1.0)
    chosen = parser.parse_args(argv)
    setup_logging("WARNING")
    with tempfile.TemporaryDirectory() as directory:
        row = asyncio.run(measure_cold(Path(directory), idle_s=chosen.seconds, speed=chosen.speed))
    print(json.dumps({"id": "cold", **row, "ok": row["cold_orders"] == 0}), flush=True)
    return 0 if row["cold_orders"] == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
