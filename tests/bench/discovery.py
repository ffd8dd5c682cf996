"""How long finding the pairs of 5,000 games takes, and that twice the games take no more than twice the time.

The product's clients read written pages, so page following, decoding, matching and building are in it, and the network is not.
"""

import asyncio
import gc
import tempfile
import time
from pathlib import Path

from controller.discovery.cache import DiscoveryCache
from controller.discovery.catalogue import Discovery, discover
from controller.ports import production_ports
from tests.bench.catalogue import CatalogueHttp, write_pages
from tests.bench.measure import Measure, say
from trading.clock import SystemClock
from trading.kalshi.client import KalshiClient
from trading.polymarket.gamma import Gamma
from trading.sim.universe import load

__all__ = ["MOST_S", "measure"]

MOST_S = 20.0
MOST_RATIO = 2.6
MOST_LATE_MS = 20.0
"""What the soak allows the loop to stand still."""
_SEED = 11


def _timed(directory: Path) -> tuple[float, float, Discovery]:
    """Wall seconds, CPU seconds and what was found."""
    http, clock = CatalogueHttp(directory), SystemClock()
    kalshi = KalshiClient(http, "http://127.0.0.1/trade-api/v2", None, clock)
    gamma = Gamma(http, "http://127.0.0.1/gamma")
    found: list[Discovery] = []

    # asyncio.run() writes out what its task returns when it puts the signal handler back: seconds, for this many pairs.
    async def look() -> None:
        found.append(await discover(kalshi, gamma, clock=clock))

    gc.collect()
    began, cpu = time.perf_counter(), time.thread_time()
    asyncio.run(look())
    return time.perf_counter() - began, time.thread_time() - cpu, found[0]


def _beside(directory: Path) -> list[float]:
    """How late in ms a loop wakes that asked for 1 ms, while pairs are matched and written aside of it, sorted."""
    clock, late = SystemClock(), list[float]()
    matching = False

    async def ticks() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            if matching:
                late.append((time.perf_counter() - began - 0.001) * 1_000)

    def progress(_done: int, _of: int | None, what: str) -> None:
        nonlocal matching
        matching = what == "matching"

    async def look() -> None:
        ports, http = production_ports(), CatalogueHttp(directory)
        kalshi = KalshiClient(http, "http://127.0.0.1/trade-api/v2", None, clock)
        ticking = asyncio.create_task(ticks())
        cache = DiscoveryCache(directory / "cache.json")
        gamma = Gamma(http, "http://127.0.0.1/gamma")
        await discover(kalshi, gamma, clock=clock, offload=ports.offload, cache=cache, progress=progress)
        ticking.cancel()

    asyncio.run(look())
    return sorted(late)


def measure(*, quick: bool) -> list[Measure]:
    """The better of two runs each, in turns. Raises AssertionError when a venue could not be read or pairs were missed."""
    most = 100 if quick else 5_000
    walls: dict[int, float] = {}
    cpus: dict[int, float] = {}
    pairs: dict[int, int] = {}
    links: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as name:
        for events in (most // 2, most):
            say(f"writing the pages of {events} games")
            (Path(name) / str(events)).mkdir()
            universe = load(None, _SEED, SystemClock().wall_ns(), events=events)
            links[events] = sum(len(link.tickers) for link in universe.links)
            write_pages(universe, Path(name) / str(events))
            del universe
        for _ in range(2):
            for events in (most // 2, most):
                wall, cpu, found = _timed(Path(name) / str(events))
                assert not found.failures, found.failures
                pairs[events] = len(found.pairs)
                walls[events] = min(wall, walls.get(events, wall))
                cpus[events] = min(cpu, cpus.get(events, cpu))
        late = _beside(Path(name) / str(most // 2))
    assert pairs[most] == links[most], f"{pairs[most]} pairs of {links[most]}"
    more = {"events": most, "pairs": pairs[most], "cpu_s": round(cpus[most], 3), "half_s": round(walls[most // 2], 3)}
    return [
        Measure(id="discovery_5000_s", value=walls[most], target=MOST_S, more=more),
        Measure(id="discovery_linearity", value=cpus[most] / cpus[most // 2], target=MOST_RATIO, more={"events": most}),
        Measure(
            id="discovery_beside_ms",
            value=late[int(len(late) * 0.99)],
            target=MOST_LATE_MS,
            more={"events": most // 2, "p50": round(late[len(late) // 2], 3), "most": round(late[-1], 3)},
        ),
    ]
