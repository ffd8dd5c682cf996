"""P2: from a Kalshi frame on the wire to both signed orders at the venues' doors, over the raw-transport floor of the same run.

What app.build wires runs as it is: feeds, books, engine, gate, runner, executor, both clients, with an Ed25519 key and a type 3
wallet. One frame makes a bargain; the plan is concurrent by setting; caps are wide and volatility is not charged for, because
the same few games open and close all the time. Product, bare libraries and floor take turns, event by event, in one loop.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from controller.app import App, build
from controller.ports import Ports, production_ports
from controller.settings import ControllerSettings
from tests.bench.desk import Game, make_games
from tests.bench.kalshi_frames import delta, recorded_shape
from tests.bench.ladder import Change, Ladder
from tests.bench.loopback import Desk, Orders, Stamp, serve, stamp
from tests.bench.measure import Measure
from tests.bench.p2_floor import Floor
from tests.bench.p2_stack import Stack
from tests.bench.venues import BARGAIN, KalshiDesk, PolymarketDesk
from trading.book import Book
from trading.clock import SystemClock
from trading.log import setup_logging
from trading.market import KALSHI, POLYMARKET
from trading.settings import load
from trading.units import Price

__all__ = ["TARGET", "PathBench", "measure"]

TARGET = 6.5
_GAMES = 40
_WAIT_S = 10.0
_REST_S = 0.003
"""Answers of one event are read before the next begins."""
_WIDE = 1_000_000_000


def _settings(directory: Path, kalshi_port: int, polymarket_port: int) -> ControllerSettings:
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    clob = f"http://127.0.0.1:{polymarket_port}"
    flags: dict[str, object] = {
        "kalshi_api_base": f"http://127.0.0.1:{kalshi_port}/trade-api/v2",
        "kalshi_ws_url": f"ws://127.0.0.1:{kalshi_port}/trade-api/ws/v2",
        "polymarket_clob_url": clob,
        "polymarket_gamma_url": f"{clob}/gamma",
        "polymarket_data_url": f"{clob}/data",
        "polymarket_ws_url": f"ws://127.0.0.1:{polymarket_port}/ws",
        "polymarket_relayer_url": f"{clob}/relayer",
        "kalshi_api_key_id": "bench",
        "kalshi_api_secret": key,
        "poly_private_key": "0x" + "5a" * 32,
        "poly_funder": "0x" + "11" * 20,
        "polymarket_signature_type": 3,
        "polymarket_api_key": "bench",
        "polymarket_api_secret": "YmVuY2g=",
        "polymarket_api_passphrase": "bench",
        "dry_run": False,
        "controller_platforms": "kalshi,polymarket",
        "execution_mode": "concurrent",
        "edge_vol_k": 0,
        "miss_backoff_ms": 0,
        "start_blackout_secs": 0,
        "restart_quarantine_secs": 0,
        "cb_enabled": False,
        "discovery_interval_mins": 0,
        "state_dir": str(directory),
        "log_file": "",
    }
    flags |= dict.fromkeys(
        (
            "max_trade_size",
            "max_position_per_market",
            "event_max_cost_usd",
            "event_max_worst_loss_usd",
            "naked_max_contracts_event",
            "naked_max_usd_total",
            "unwind_daily_budget_usd",
        ),
        _WIDE,
    )
    return load(ControllerSettings, flags=flags, environ={}, directory=directory)


class PathBench:
    """The product on its two doors. start(), event() as often as wanted, close()."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._orders = Orders()
        self._servers: list[asyncio.Server] = []
        chance = random.Random(2)
        self.games = make_games(_GAMES, SystemClock().wall_ns())
        ladders = {}
        for game in self.games:
            for market, middle in ((game.first, game.middle), (game.second, 100 - game.middle), (game.other, game.middle)):
                ladders[market.id] = Ladder(middle, chance)
        self._kalshi = KalshiDesk(ladders)
        self._kalshi.make_room(self.games)
        self._polymarket = PolymarketDesk([game.other for game in self.games], ladders)
        self.events = 0

    async def start(self) -> None:
        """Doors open, the controller running, every book ready, cash known."""
        ports = []
        for desk in (self._kalshi, self._polymarket):
            server, port = await self.open_door(desk)
            self._servers.append(server)
            ports.append(port)
        self.app: App = build(_settings(self._directory, *ports), self.make_ports())
        runtime = self.app.runtime
        self.app.connections.polymarket.remember([game.other for game in self.games])
        for game in self.games:
            for pair in game.pairs:
                runtime.on_event(pair)
        self.app.feeds[KALSHI].watch([market for game in self.games for market in (game.first, game.second)])
        self.app.feeds[POLYMARKET].watch([game.other for game in self.games])
        self._task = asyncio.create_task(runtime.run())
        if not await runtime.wait_ready(_WAIT_S):
            raise TimeoutError("books did not become ready")
        await self._until(lambda: all(self.app.state.cash.total((venue, 0)) for venue in (KALSHI, POLYMARKET)))

    async def open_door(self, desk: Desk) -> tuple[asyncio.Server, int]:
        return await serve(desk, self._orders)

    def make_ports(self) -> Ports:
        return production_ports()

    async def _until(self, true: Callable[[], bool]) -> None:
        ends = time.monotonic() + _WAIT_S
        while not true():
            if time.monotonic() > ends:
                raise TimeoutError(f"still waiting after {_WAIT_S:g} s: {self.app.runtime.summary()}")
            await asyncio.sleep(0.0005)

    async def event(self) -> Stamp:
        """One arbitrage from its frame to its end; the time until both orders were in."""
        game = self.games[self.events % len(self.games)]
        self.events += 1
        ours, theirs = self.app.state.books[game.first.id], self.app.state.books[game.other.id]
        await self._nudge(game, theirs)
        frame = self._kalshi.bargain(game, on=True)
        done = self._orders.expect(2)
        began = stamp()
        self._kalshi.stream.send(frame)
        async with asyncio.timeout(_WAIT_S):
            ended = await done
        await self._until(lambda: not self.app.runtime.running)
        before = ours.changed_at
        self._kalshi.stream.send(self._kalshi.bargain(game, on=False))
        await self._until(lambda: ours.changed_at > before)
        await self._nudge(game, theirs)
        return ended.since(began)

    async def _nudge(self, game: Game, book: Book) -> None:
        before = book.changed_at
        self._polymarket.stream.send(self._polymarket.nudge(game))
        await self._until(lambda: book.changed_at > before)

    def sample(self) -> tuple[bytes, list[bytes]]:
        """A frame of the length that opens an arbitrage, and the newest order to each venue: what the floor sends."""
        shape, _ = recorded_shape()
        change = Change("ask", Price(4_200), BARGAIN, BARGAIN)
        return delta(shape, self.games[0].first.id, 1_000, change), list(self._orders.samples.values())

    async def finish(self) -> None:
        """Wait for the last arb's end. Raises AssertionError unless every event was one full match."""
        await self._until(lambda: not self.app.runtime.running)
        counts = self.app.runtime.counts
        assert counts.executions == self.events and not counts.misses and not counts.unhedged, self.app.runtime.summary()

    async def close(self) -> None:
        self.app.runtime.stop()
        await self._task
        await self.app.close()
        for server in self._servers:
            server.close()


async def _run(directory: Path, warm: int, events: int) -> tuple[dict[str, list[Stamp]], list[int]]:
    bench, stack, floor = PathBench(directory), Stack(), Floor()
    await bench.start()
    try:
        await bench.event()
        frame, orders = bench.sample()
        await stack.start(frame, orders)
        await floor.start(frame, orders)
        times: dict[str, list[Stamp]] = {"path": [], "stack": [], "floor": []}
        for number in range(warm + events):
            for name, one in (("path", bench), ("stack", stack), ("floor", floor)):
                time_taken = await one.event()
                if number >= warm:
                    times[name].append(time_taken)
                await asyncio.sleep(_REST_S)
        await bench.finish()
        await stack.close()
        await floor.close()
        return times, [len(order) for order in orders]
    finally:
        await bench.close()


def measure(*, quick: bool) -> list[Measure]:
    """p50 of at least 300 events after warming up, each beside an event of the floor."""
    setup_logging("WARNING")
    events = 20 if quick else 400
    with tempfile.TemporaryDirectory() as directory:
        times, order_bytes = asyncio.run(_run(Path(directory), 5 if quick else 60, events))
    wall = {name: median(one.wall for one in taken) for name, taken in times.items()}
    cpu = {name: median(one.cpu for one in taken) for name, taken in times.items()}
    more: dict[str, object] = {f"{name}_p50_us": round(p50 / 1000) for name, p50 in wall.items()}
    more |= {
        "path_p99_us": round(quantiles((one.wall for one in times["path"]), n=100)[98] / 1000),
        "cpu_ratio": round(cpu["path"] / cpu["floor"], 2),
        "over_stack": round(wall["path"] / wall["stack"], 2),
        "order_bytes": order_bytes,
        "events": events,
    }
    return [Measure(id="P2", value=wall["path"] / wall["floor"], target=TARGET, more=more)]
