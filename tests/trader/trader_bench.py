"""What the trader's tests share: the venues' thread, the command line, and a market that needs no venue."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner, Result

from trader.cli import app
from trader.settings import TraderSettings
from trading.clock import SystemClock
from trading.market import KALSHI, FeeTerms, Market, MarketId
from trading.sim.credentials import Credentials, Urls, write_env
from trading.sim.server import SimServer, bind_loopback
from trading.sim.universe import load
from trading.sim.world import World
from trading.units import ONE, Price, Size

T = TypeVar("T")

TICKER = MarketId("KXGAME-MIL")
MARKET = Market(
    id=TICKER,
    venue=KALSHI,
    event_id="KXGAME",
    question="MIL wins",
    grid=((Price(0), ONE, Price(100)),),
    min_size=Size(10_000),
    shard=3,
    fees=FeeTerms(schedule="kalshi", taker=70_000_000),
)
NO_TRIPLE = dict.fromkeys(("POLYMARKET_API_KEY", "POLYMARKET_API_SECRET", "POLYMARKET_API_PASSPHRASE"), "")
NO_WALLET = {"POLY_PRIVATE_KEY": "", "POLY_FUNDER": "", **NO_TRIPLE}
NO_KALSHI = {"KALSHI_API_KEY_ID": "", "KALSHI_PRIVATE_KEY_PATH": ""}


class VenueThread:
    """World and SimServer on free loopback ports. Books stand still; every call into the cores goes through their loop."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._free = 0
        self._before: dict[str, int] = {}
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)

    async def _start(self) -> None:
        clock = SystemClock()
        universe = load(None, 1, clock.wall_ns())
        self.world = World(clock=clock, universe=universe, credentials=self.credentials, seed=1, script="demo", quiet=True)
        self.world.begin()
        self.world.kalshi.arrival = self.world.polymarket.arrival = None  # nobody is quicker than our orders
        self.world.kalshi.rules.limits_enabled = False  # several processes' worth of balance reads a second
        self.world.kalshi.rules.list_lag_ns = (0, 0)
        sockets = bind_loopback(0), bind_loopback(0)
        self.urls = Urls.of(sockets[0].getsockname()[1], sockets[1].getsockname()[1])
        self._server = SimServer(
            kalshi=self.world.kalshi, polymarket=self.world.polymarket, clock=clock, actors=self.world.actors
        )
        await self._server.start(*sockets)

    def do(self, work: Callable[[], T]) -> T:
        """Run work between two steps of the venues."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(20)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.close(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    def write_env(self, **changes: str) -> None:
        """The .env of the working directory: these venues, with some variables changed ("" = left out)."""
        path = Path.cwd() / ".env"
        write_env(path, self.credentials, self.urls, chain_id=137)
        rows = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
        rows |= {"LOG_LEVEL": "ERROR", **changes}
        path.write_text("".join(f"{name}={value}\n" for name, value in rows.items() if value))

    def ticker(self) -> str:
        """A Kalshi market on a funded shard, another one each time."""
        return self._next().tickers[0][0]

    def condition(self) -> str:
        """A Polymarket market without a hold, another one each time."""
        return self._next().condition_id

    def _next(self) -> Any:
        plain = [link for link in self.world.universe.links if link.role.startswith(("clean", "phantom", "complete"))]
        self._free += 1
        return plain[(self._free - 1) % len(plain)]

    def book(self, market: str, *, bid: int = 40, ask: int = 42, size: int = 100) -> str:
        """Replace a market's book by one bid and one ask in cents of YES."""

        def quote() -> None:
            core: Any = self.world.polymarket if market.startswith("0x") else self.world.kalshi
            core.books[market].clear()
            core.customer_rest(market, "bid", Price(bid * 100), Size(size * 1_000_000))
            core.customer_rest(market, "ask", Price(ask * 100), Size(size * 1_000_000))

        self.do(quote)
        self._before[market] = self.do(lambda: self._held(market))
        return market

    def held(self, market: str) -> int:
        """YES contracts in millionths that the account won since book(), by the venue's own record."""
        return self.do(lambda: self._held(market)) - self._before[market]

    def _held(self, market: str) -> int:
        if market.startswith("0x"):
            view = self.world.polymarket.account_view(self.credentials.polymarket.owner)
            token = self.world.polymarket.markets()[market].tokens[0]
            return view.tokens.get(token, 0)
        return self.world.kalshi.account_view(self.credentials.kalshi.user_id).positions.get(market, 0)


def clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*TraderSettings.model_fields, "kalshi_api_key", "polymarket_private_key"):
        monkeypatch.delenv(name.upper(), raising=False)


def trader(*arguments: str) -> Result:
    """The command line; stdout and stderr apart, no exception but an exit."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def manual(**flags: str | bool) -> Result:
    """`trader manual-trade` of 3 YES at 0.42 on Kalshi with some flags changed; True stands alone, False leaves out."""
    given: dict[str, str | bool] = {
        "venue": "kalshi",
        "market": TICKER,
        "outcome": "yes",
        "action": "buy",
        "limit": "0.42",
        "contracts": "3",
        **flags,
    }
    words = [
        word
        for name, value in given.items()
        if value is not False
        for word in ((f"--{name.replace('_', '-')}",) if value is True else (f"--{name.replace('_', '-')}", str(value)))
    ]
    return trader("manual-trade", *words)
