"""What a controller that watches 2,000 pairs takes: growth of the resident set of a process of its own, measured from outside.

The child wires the product, finds its pairs on written pages, watches them over streams in memory until all books are ready,
with forty levels a side, and lives through some ticks. What importing the product takes is told apart.
"""

import asyncio
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from controller.app import build
from controller.discovery.catalogue import discover
from controller.model import PairChanged
from controller.ports import Ports
from controller.settings import ControllerSettings
from tests.bench.catalogue import CatalogueHttp, write_pages
from tests.bench.ladder import Ladder
from tests.bench.measure import Measure, say
from tests.bench.venues import KalshiDesk, PolymarketDesk
from trading.clock import SystemClock
from trading.errors import Disconnected
from trading.ids import SystemIds
from trading.journal import MemoryJournal
from trading.link.sockets import LinkListener
from trading.log import setup_logging
from trading.market import KALSHI, POLYMARKET, Market, MarketId
from trading.offload import ThreadOffload
from trading.settings import load
from trading.sim.universe import load as load_universe

__all__ = ["MOST_MB", "measure"]

MOST_MB = 400.0
_TICKS_S = 1.5


def measure(*, quick: bool) -> list[Measure]:
    """Write the pages here, watch there."""
    pairs, events = (100, 60) if quick else (2_000, 1_100)
    with tempfile.TemporaryDirectory() as directory:
        say(f"writing the pages of {events} games")
        write_pages(load_universe(None, 3, SystemClock().wall_ns(), events=events), Path(directory))
        child = [sys.executable, "-m", "tests.bench.memory", directory, str(pairs)]
        answer = subprocess.run(child, stdout=subprocess.PIPE, check=True, timeout=300, text=True)
    more = json.loads(answer.stdout)
    return [Measure(id="memory_2000_pairs", value=more.pop("grown_mb"), target=MOST_MB, more=more)]


class _Wire:
    """A client's end of a stream whose other end is a desk in this process."""

    def __init__(self, desk: KalshiDesk | PolymarketDesk, path: str) -> None:
        self._desk = desk
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.path = path

    async def send(self, data: str | bytes) -> None:
        for frame in self._desk.on_text(_Answers(self._frames, self.path), data.encode() if isinstance(data, str) else data):
            self._frames.put_nowait(frame)

    async def recv(self) -> bytes:
        frame = await self._frames.get()
        if frame is None:
            raise Disconnected("closed")
        return frame

    async def close(self, code: int = 1000) -> None:
        self._frames.put_nowait(None)


class _Answers:
    def __init__(self, frames: asyncio.Queue[bytes | None], path: str) -> None:
        self._frames = frames
        self.path = path

    def send(self, text: bytes) -> None:
        self._frames.put_nowait(text)


class _Dialer:
    """Every socket gets a desk of its own, which counts its own sequence."""

    def __init__(self, markets: Mapping[MarketId, Market], ladders: Mapping[MarketId, Ladder]) -> None:
        self._markets = markets
        self._ladders = ladders

    async def connect(self, url: str, headers: Mapping[str, str]) -> _Wire:
        if "trade-api" in url:
            return _Wire(KalshiDesk(self._ladders), url)
        others = [market for market in self._markets.values() if market.venue == POLYMARKET]
        return _Wire(PolymarketDesk(others, self._ladders), url)


def _resident_mb() -> float:
    """VmRSS of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmRSS in /proc/self/status")


async def _watch(directory: Path, wanted: int) -> dict[str, object]:
    before = _resident_mb()
    clock = SystemClock()
    markets: dict[MarketId, Market] = {}
    ladders: dict[MarketId, Ladder] = {}
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    flags = {
        "kalshi_api_key_id": "bench",
        "kalshi_api_secret": key,
        "discovery_interval_mins": 0,
        "state_dir": str(directory / "state"),
        "log_file": "",
    }
    ports = Ports(
        clock=clock,
        ids=SystemIds(clock),
        http=lambda venue: CatalogueHttp(directory),
        dialer=lambda name: _Dialer(markets, ladders),
        journal=MemoryJournal(),
        offload=ThreadOffload(),
        listener=LinkListener(),
    )
    app = build(load(ControllerSettings, flags=flags, environ={}, directory=directory), ports)
    found = await discover(app.connections.kalshi, app.gamma, clock=clock)
    assert len(found.pairs) >= wanted, f"{len(found.pairs)} pairs found, {wanted} wanted"
    chance = random.Random(1)
    for pair in found.pairs[:wanted]:
        sides = (found.markets[pair.first], found.markets[pair.second])
        app.runtime.on_event(PairChanged(pair, sides))
        for market in sides:
            markets[market.id] = market
            ladders.setdefault(market.id, Ladder(chance.randrange(42, 59), chance))
    del found
    told = _resident_mb()
    for venue in (KALSHI, POLYMARKET):
        app.feeds[venue].watch([market for market in markets.values() if market.venue == venue])
    running = asyncio.create_task(app.runtime.run())
    assert await app.runtime.wait_ready(120.0), "books did not become ready"
    await asyncio.sleep(_TICKS_S)
    after = _resident_mb()
    levels = sum(len(book.bids) + len(book.asks) for book in app.state.books.values())
    app.runtime.stop()
    await running
    await app.close()
    return {
        "grown_mb": after - before,
        "resident_mb": round(after, 1),
        "imports_mb": round(before, 1),
        "before_books_mb": round(told, 1),
        "pairs": wanted,
        "books": len(app.state.books),
        "levels": levels,
    }


if __name__ == "__main__":
    setup_logging("ERROR")
    print(json.dumps(asyncio.run(_watch(Path(sys.argv[1]), int(sys.argv[2])))))
