"""Both simulated venues on loopback with books made by hand, and the real controller on them with production ports.

Nobody else trades: what a test does not put on a book is not there. Venues answer without latency and settle within a tenth of
a second, so that a test lasts about a second. Every order that reaches a venue is counted at its door (Tap).
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from order_words import assert_immediate

from controller.app import App, build
from controller.model import ArbClosed, Tick
from controller.ports import production_ports
from controller.progress import ProgressReport
from controller.settings import ControllerSettings
from trading.clock import MS, SECOND, Clock, SystemClock
from trading.market import KALSHI, POLYMARKET, Outcome
from trading.settings import load
from trading.sim import synthetic_kalshi as kalshi_words
from trading.sim import synthetic_polymarket as polymarket_words
from trading.sim.core import Refusal, Request, Response, Session
from trading.sim.credentials import Credentials, Urls, write_env
from trading.sim.exchange import Order, Side
from trading.sim.games import Game
from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_data import KalshiCatalogue, KalshiRules
from trading.sim.polymarket import PolymarketSim
from trading.sim.polymarket_data import PolymarketCatalogue
from trading.sim.server import SimServer, bind_loopback
from trading.sim.teams import LEAGUES
from trading.sim.universe import Universe
from trading.units import CENT, CONTRACT, MonoNs, Price, Size

_SLOT = 1_800 * SECOND
_CHAIN_ID = 137
_DUST = 50_000
_KALSHI_ORDERS = "/trade-api/v2/portfolio/events/orders"


# --- the venues -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """An order write as it arrived, the status it was answered with (0: the connection was cut), and when, in seconds."""

    venue: str
    body: Mapping[str, Any]
    status: int
    at: float


class Tap:
    """A venue core whose order writes are counted. before may answer a request itself, in the venue's place."""

    def __init__(self, core: KalshiSim | PolymarketSim, path: str, timeline: list[Sent]) -> None:
        self.core = core
        self._path = path
        self._timeline = timeline
        self.orders: list[Sent] = []
        self.before: Callable[[Request], Response | None] = lambda _: None
        self.headers: Callable[[], Mapping[str, str]] = dict
        """More headers for every answer: the venue's date."""
        self.sessions: list[Session] = []
        self.private: list[Session] = []
        """Streams opened, and Polymarket's user streams apart."""
        self.way_ns = 0
        """How long an order is on its way to the engine."""

    def is_order(self, request: Request) -> bool:
        return request.method == "POST" and request.path == self._path

    def latency(self, request: Request) -> tuple[int, int]:
        return (self.way_ns, 0) if self.is_order(request) else (0, 0)

    def connect(self, request: Request) -> Session | Refusal:
        opened = self.core.connect(request)
        if isinstance(opened, Session):
            (self.private if request.path.endswith("/user") else self.sessions).append(opened)
        return opened

    def handle(self, request: Request) -> Response:
        answer = self.before(request) or self.core.handle(request)
        answer = replace(answer, headers={**answer.headers, **self.headers()})
        if self.is_order(request):
            sent = Sent(self.core.name, json.loads(request.body), 0 if answer.drop else answer.status, time.monotonic())
            self.orders.append(sent)
            self._timeline.append(sent)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.core, name)


@dataclass
class Listing:
    """One game's three books: the two Kalshi tickers (outcome 0 and 1 of the Polymarket market) and the market."""

    game: Game
    event: str = ""
    first: str = ""
    second: str = ""
    condition: str = ""

    def __post_init__(self) -> None:
        one, two = self.game.order
        self.event = self.game.event_ticker
        self.first, self.second = kalshi_words.game_ticker(self.game, one), kalshi_words.game_ticker(self.game, two)
        self.condition = polymarket_words.condition_id(self.game.slug)


class Ladder:
    """Other customers' orders on one book, at most one a level; cents and contracts."""

    def __init__(self, core: KalshiSim | PolymarketSim, market: str) -> None:
        self.core = core
        self.market = market
        self._orders: dict[tuple[Side, int], str] = {}

    def put(self, side: Side, cents: int, contracts: float) -> None:
        """Make a level hold exactly this much of ours; 0 removes it."""
        known = self._orders.pop((side, cents), None)
        if known is not None and known in self.core.books[self.market].orders:
            self.core.customer_cancel(known)
        if contracts:
            size = Size(round(contracts * CONTRACT))
            self._orders[side, cents] = self.core.customer_rest(self.market, side, Price(cents * CENT), size, owner="maker")

    def clear(self, side: Side) -> None:
        for known, cents in list(self._orders):
            if known == side:
                self.put(side, cents, 0)


@dataclass
class Venues:
    """Both venues running. kalshi and polymarket are the cores' doors; record() is what they say of the account."""

    kalshi: Tap
    polymarket: Tap
    urls: Urls
    credentials: Credentials
    games: tuple[Listing, ...]
    server: SimServer
    timeline: list[Sent]
    """Order writes of both venues in the order in which they were answered."""
    ladders: dict[str, Ladder] = field(default_factory=dict)

    def __getitem__(self, market: str) -> Ladder:
        if market not in self.ladders:
            core = self.polymarket.core if market.startswith("0x") else self.kalshi.core
            self.ladders[market] = Ladder(core, market)
        return self.ladders[market]

    @property
    def orders(self) -> tuple[int, int]:
        """Order writes that reached Kalshi and Polymarket."""
        return len(self.kalshi.orders), len(self.polymarket.orders)

    def to_rest(self, game: Listing) -> None:
        """Books on which no arb stands: Kalshi 40|50 and, its other team, 45|60; Polymarket 36|40."""
        for market, bid, ask in ((game.first, 40, 50), (game.second, 45, 60), (game.condition, 36, 40)):
            self[market].put("bid", bid, 300)
            self[market].put("ask", ask, 300)

    def open_arb(self, game: Listing, contracts: float = 20, bid: int = 47) -> None:
        """Somebody bids for YES on Kalshi above Polymarket's ask: buy YES there at 40 and NO on Kalshi at 100 - bid."""
        self[game.first].put("bid", bid, contracts)

    def close_arb(self, game: Listing, bid: int = 47) -> None:
        self[game.first].put("bid", bid, 0)

    def env(self, directory: Path) -> dict[str, str]:
        """What a process needs to trade here, Ed25519 key (a signature of microseconds)."""
        file = directory / "sim.env"
        write_env(file, self.credentials, self.urls, chain_id=_CHAIN_ID)
        lines = file.read_text(encoding="utf-8").splitlines()
        rows = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
        rows["KALSHI_API_KEY_ID"] = self.credentials.kalshi_ed25519_key_id
        rows["KALSHI_PRIVATE_KEY_PATH"] = str(self.credentials.kalshi_ed25519_key_path)
        file.unlink()
        return rows

    def record(self) -> dict[str, int]:
        """The account as the venues themselves keep it: cash per shard, fees paid, contracts per market and outcome."""
        found: dict[str, int] = {}
        one = self.kalshi.core.account_view(self.credentials.kalshi.user_id)
        found |= {f"kalshi cash {shard}": cash for shard, cash in one.cash.items()}
        found["kalshi fees"] = one.fees_paid
        for ticker, size in one.positions.items():
            found[f"{ticker} {'YES' if size > 0 else 'NO'}"] = abs(size)
        two = self.polymarket.core.account_view(self.credentials.polymarket.owner)
        found |= {"polymarket cash 0": two.cash, "polymarket fees": two.fees}
        for market in self.polymarket.core.markets().values():
            for outcome, token in zip(Outcome, market.tokens, strict=True):
                found[f"{market.id} {outcome.name}"] = two.tokens.get(token, 0)
        return found


def make_games(now: int, count: int = 2, league: str = "nba", **more: Any) -> tuple[Listing, ...]:
    """Games of one league, six hours ahead, with different teams."""
    teams = LEAGUES[league].teams
    start = (now // _SLOT + 12) * _SLOT
    shard = LEAGUES[league].shard
    return tuple(
        Listing(
            Game(
                league=LEAGUES[league],
                away=teams[2 * i],
                home=teams[2 * i + 1],
                start=start,
                shard=shard,
                extras=False,
                **more,
            )
        )
        for i in range(count)
    )


def make_universe(games: Sequence[Listing]) -> Universe:
    """Both catalogues of these games and nothing else."""
    leagues = {game.game.league.key: game.game.league for game in games}.values()
    kalshi = KalshiCatalogue(
        series=[row for league in leagues for row in kalshi_words.series_of(league)],
        events=[event for game in games for event in kalshi_words.game_events(game.game)],
        milestones=[kalshi_words.milestone(game.game) for game in games],
    )
    polymarket = PolymarketCatalogue(
        events=[polymarket_words.game_event(game.game) for game in games], teams=polymarket_words.team_rows(list(leagues))
    )
    return Universe(kalshi, polymarket, ())


@asynccontextmanager
async def open_venues(
    credentials: Credentials,
    games: Sequence[Listing] | None = None,
    *,
    universe: Universe | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Venues]:
    """Serve both venues on free loopback ports. clock is the venues' own, to let theirs and ours differ."""
    clock = clock or SystemClock()
    games = tuple(games) if games is not None else make_games(SystemClock().wall_ns())
    universe = universe or make_universe(games)
    # Reads lag writes by a moment, as in life; private frames may trail the answer.
    rules = KalshiRules(list_lag_ns=(10 * MS, 30 * MS), private_lag_ns=(MS, 30 * MS))
    kalshi = KalshiSim(clock, random.Random(1), universe.kalshi, [credentials.kalshi], latency=lambda _: (0, 0), rules=rules)
    polymarket = PolymarketSim(clock, random.Random(1), universe.polymarket, [credentials.polymarket], chain_id=_CHAIN_ID)
    settings = polymarket.settings
    settings.mined_ns, settings.confirmed_ns, settings.data_lag_ns = 40 * MS, 80 * MS, 20 * MS
    timeline: list[Sent] = []
    one, two = Tap(kalshi, _KALSHI_ORDERS, timeline), Tap(polymarket, "/order", timeline)
    server = SimServer(kalshi=one, polymarket=two, clock=clock)
    sockets = bind_loopback(0), bind_loopback(0)
    await server.start(*sockets)
    urls = Urls.of(sockets[0].getsockname()[1], sockets[1].getsockname()[1])
    venues = Venues(one, two, urls, credentials, tuple(games), server, timeline)
    for game in games:
        venues.to_rest(game)
    try:
        yield venues
    finally:
        await server.close()
        for sock in sockets:
            sock.close()


# --- the controller -------------------------------------------------------------------------------------------------------


@dataclass
class Desk:
    """A running controller and what it did."""

    system: App
    venues: Venues
    before: dict[str, int]
    running: asyncio.Task[None]
    closed: list[ArbClosed]

    @property
    def counts(self) -> Any:
        return self.system.runtime.counts

    @property
    def refusals(self) -> Mapping[str, int]:
        return self.counts.refusals

    def now(self) -> MonoNs:
        return self.system.ports.clock.mono_ns()

    def sweep(self) -> None:
        """Have every basket examined once more, now."""
        self.system.runtime.on_event(Tick(self.system.ports.clock.wall_ns()))

    @property
    def tripped(self) -> bool:
        """Whether the breaker stops new arbs; with CB_MAX_CONSECUTIVE_ERRORS=1 a single error does."""
        return self.system.engine.gate.breaker.reason(self.now()) is not None

    async def until(self, what: Callable[[], object], why: str, within: float = 8.0) -> None:
        """Wait for a condition; fails with why, or with what ended the controller."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + within
        while not what():
            if self.running.done():
                self.running.result()
                raise AssertionError(f"the controller ended before: {why}")
            assert loop.time() < ends, f"not within {within:g} s: {why}; {self.system.runtime.summary()}"
            await asyncio.sleep(0.01)

    async def until_closed(self, count: int = 1, within: float = 8.0) -> list[ArbClosed]:
        """Wait until so many executions ended and none is under way."""
        await self.until(
            lambda: len(self.closed) >= count and not self.system.runtime.running, f"{count} executions ended", within
        )
        return self.closed

    async def settle(self) -> None:
        """Wait until both venues confirmed everything."""
        left = await self.system.runtime.settle(8.0)
        assert left == (), f"still unconfirmed: {left}"

    def polymarket_legs_open(self) -> int:
        """Legs on Polymarket whose outcome is not known."""
        return sum(leg.venue == POLYMARKET for leg in self.system.ports.journal.open_legs())

    def ghosts(self) -> int:
        """Booked legs with a fill that the venue took back."""
        ledger = self.system.ledger
        results = [ledger.result(result.leg_id) for closed in self.closed for result in closed.results]
        return sum(any(fill.status == "reversed" for fill in one.fills) for one in results if one is not None)

    def book(self, market: str) -> Any:
        return self.system.state.books.get(market)  # type: ignore[call-overload]  # ids are texts in tests

    @property
    def records(self) -> list[dict[str, Any]]:
        """Decisions written so far."""
        file = Path(self.system.settings.state_dir) / "decisions.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def settings_of(directory: Path, environ: Mapping[str, str], **flags: object) -> ControllerSettings:
    """Live on the simulated venues, all acceptable depth at once, state in a directory of the test."""
    given: dict[str, object] = {
        "dry_run": False,
        "controller_platforms": "kalshi,polymarket",
        "state_dir": str(directory / "state"),
        "discovery_cache_path": str(directory / "cache.json"),
        "discovery_interval_mins": 0,
        "depth_fraction": 1.0,
        "log_file": "",
    }
    return load(ControllerSettings, flags=given | flags, environ=environ, directory=directory)


@asynccontextmanager
async def trading(
    venues: Venues,
    directory: Path,
    *,
    environ: Mapping[str, str] | None = None,
    record: Path | None = None,
    ready: bool = True,
    allow_live_test_arb: bool = False,
    **flags: object,
) -> AsyncIterator[Desk]:
    """Build the controller, let it find its pairs and run until the block ends; it is stopped the way Ctrl-C stops it."""
    settings = settings_of(directory, environ if environ is not None else venues.env(directory), **flags)
    system = build(settings, production_ports(record=record), allow_live_test_arb=allow_live_test_arb)
    closed: list[ArbClosed] = []
    try:
        with ProgressReport("test", quiet=True) as progress:
            found = await system.adoption.discover(progress=progress, force=True)
            assert not found.failures, found.failures
            await system.adoption.adopt(found, progress=progress)
        before = venues.record()
        take = system.engine.gate.closed

        def taken(event: ArbClosed, now: MonoNs) -> None:
            take(event, now)
            closed.append(event)

        system.engine.gate.closed = taken  # type: ignore[method-assign]  # the tests' ear: every ArbClosed as it is taken
        running = asyncio.get_running_loop().create_task(system.runtime.run())
        desk = Desk(system, venues, before, running, closed)
        try:
            if ready:
                await desk.until(lambda: all_ready(system), "books ready")
                await desk.until(lambda: system.settings.dry_run or funded(system), "balances read")
            yield desk
        finally:
            system.runtime.stop()
            await asyncio.wait_for(running, 20)
    finally:
        await system.close()


def same_book(desk: Desk, market: str) -> bool:
    """Whether our book of a market is ready and holds exactly the levels of the venue's."""
    book = desk.book(market)
    core = desk.venues[market].core.books[market]
    return bool(book.ready and dict(core.levels("bid")) == book.bids and dict(core.levels("ask")) == book.asks)


def all_ready(system: App) -> bool:
    stats = [feed.statistics() for feed in system.feeds.values()]
    return all(one.ready == one.markets and one.markets for one in stats)


def funded(system: App) -> bool:
    """Whether both venues' cash was read."""
    cash = system.state.cash
    return all(cash.free((venue, shard)) > 0 for venue, shard in ((KALSHI, 0), (POLYMARKET, 0)))


# --- what must hold -------------------------------------------------------------------------------------------------------


def ours(desk: Desk) -> dict[str, int]:
    """The ledger in the words of Venues.record()."""
    totals = desk.system.ledger.totals()
    found = {f"{venue} cash {shard}": int(cash) for (venue, shard), cash in totals.cash.items()}
    found |= {f"{venue} fees": int(fee) for venue, fee in totals.fees.items()}
    found |= {f"{one.market} {one.outcome.name}": int(size) for one, size in totals.positions.items()}
    return found


def assert_ledger_equals_venues(desk: Desk) -> None:
    """Cash per shard, fees and positions: our change since the start is the venues' own, to the unit."""
    now, mine = desk.venues.record(), ours(desk)
    theirs = {key: now.get(key, 0) - desk.before.get(key, 0) for key in {*now, *desk.before}}

    assert {key: value for key, value in mine.items() if value} == {key: value for key, value in theirs.items() if value}


def naked(venues: Venues) -> dict[str, int]:
    """By event what the venues themselves hold against nothing on the other one, in contracts of the first team."""
    held = venues.record()

    def net(market: str) -> int:
        return held.get(f"{market} YES", 0) - held.get(f"{market} NO", 0)

    return {game.event: net(game.first) - net(game.second) + net(game.condition) for game in venues.games}


def assert_hedged(desk: Desk) -> None:
    """What stands on one venue stands on the other, dust apart; our own positions say so, and no order could rest on the way."""
    assert_immediate(desk.venues.kalshi.orders, desk.venues.polymarket.orders)
    alone = naked(desk.venues)
    held = desk.system.state.positions
    for game in desk.venues.games:
        mine = [held.contracts(market) for market in (game.first, game.second, game.condition)]  # type: ignore[arg-type]  # ids are texts in tests

        assert abs(alone[game.event]) <= _DUST, game.event
        assert mine[0] - mine[1] + mine[2] == alone[game.event], game.event


def on_arrival(tap: Tap, do: Callable[[str, Order], None], *, times: int = 1) -> None:
    """Call do just before each of the next orders of the account meets a book of this venue."""
    left: Iterator[int] = iter(range(times))

    def arrived(market: str, order: Order) -> None:
        if next(left, None) is not None:
            do(market, order)

    tap.core.arrival = arrived


__all__ = [
    "Desk",
    "Ladder",
    "Sent",
    "Tap",
    "Listing",
    "Venues",
    "all_ready",
    "assert_hedged",
    "assert_ledger_equals_venues",
    "make_games",
    "make_universe",
    "naked",
    "on_arrival",
    "open_venues",
    "ours",
    "same_book",
    "settings_of",
    "trading",
]
