"""A room for kill -9: both venues here, a controller process (Kalshi legs) and a trader process (Polymarket legs) beside them.

A shot opens one arb and waits until the process that was told to dies; then it is started again. At the end nobody is killed
any more, every doubt is given time, both processes are stopped, and what their journals say is held against the venues' own
record: no leg made two orders, none was lost, cash, fees and positions equal to the unit (distributed.md 5: P1, P2, P4, P7).
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from system_bench import Listing, Venues, make_games, make_universe, open_venues

from controller.control import ask, control_path
from controller.demo_trader import make_identities
from controller.ledger.memory import MemoryLedger
from trading.clock import SystemClock
from trading.crash import VARIABLE
from trading.errors import TandemError
from trading.ids import client_order_id
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.market import KALSHI, POLYMARKET, Market, MarketId
from trading.sim.credentials import Credentials
from trading.units import Size

__all__ = ["CONTROLLER_STEPS", "TRADER_STEPS", "Killed", "Room", "open_room"]

TRADER_STEPS = ("J0", "J1", "J2", "J3", "J4", "J5", "J6", "J7", "J8", "J9", "J10")
CONTROLLER_STEPS = (
    *("J0", "J1", "before_promise", "after_promise", "J2", "J4", "J5", "J6"),
    *("before_result", "after_result", "J7", "before_end", "after_end"),
)
_ROOT = Path(__file__).resolve().parents[2]
_READY_S = 60.0
_END_S = 120.0
_GAMES = 15
_TRIES = 15
"""Arbs in doubt keep rate tokens (B-431), so that after a few kills in a row none is begun for half a minute."""


@dataclass
class Killed:
    """What the run saw. doubled and lost are leg ids; differences compare journals with the venues' own record."""

    kills: Counter[str] = field(default_factory=Counter)
    untouched: list[str] = field(default_factory=list)
    """Steps that the process did not pass although an arb was there."""
    restarts_s: list[float] = field(default_factory=list)
    legs: int = 0
    orders: int = 0
    unknown: int = 0
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    naked: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not (self.doubled or self.lost or self.differences or self.untouched)

    def add(self, other: "Killed") -> None:
        """Take in what another room saw."""
        self.kills += other.kills
        self.legs, self.orders, self.unknown = self.legs + other.legs, self.orders + other.orders, self.unknown + other.unknown
        for name in ("untouched", "restarts_s", "doubled", "lost", "differences"):
            getattr(self, name).extend(getattr(other, name))
        self.naked |= other.naked

    def as_json(self) -> dict[str, object]:
        return {
            "schema": 1,
            "kills": sum(self.kills.values()),
            "steps": len(self.kills),
            "legs": self.legs,
            "orders": self.orders,
            "unknown": self.unknown,
            "doubled": self.doubled,
            "lost": self.lost,
            "differences": self.differences,
            "untouched": self.untouched,
            "naked": {event: str(size / 1_000_000) for event, size in self.naked.items()},
            "restart_max_s": round(max(self.restarts_s, default=0.0), 1),
        }


class Program:
    """One of the two programs as a process, started and killed as often as wanted, always on the same state."""

    def __init__(self, name: str, args: tuple[str, ...], env: Mapping[str, str], directory: Path) -> None:
        self.name = name
        self._args = args
        self._env = env
        self._directory = directory
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, crash_at: str = "") -> None:
        env = dict(self._env) | ({VARIABLE: crash_at} if crash_at else {})
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / "out").open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self._args, cwd=self._directory, env=env, stdout=out, stderr=out
            )

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> None:
        """As an operator would; its legs end first."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(self.process.wait(), 30)
            except TimeoutError:
                await self.kill()
                raise AssertionError(f"{self.name} did not stop within 30 s: {self.last_words()}") from None

    @property
    def dead(self) -> bool:
        return self.process is None or self.process.returncode is not None

    def last_words(self) -> str:
        return (self._directory / "out").read_text(errors="replace")[-1500:]


class Room:
    """Both programs and the venues. shoot() as often as wanted, finish() once."""

    def __init__(self, venues: Venues, directory: Path, home: Path, away: Path) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        keys = venues.env(directory)
        common = {"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", ""), "HOME": str(directory), "LOG_FILE": ""}
        here = {
            name: value
            for name, value in keys.items()
            if not name.startswith(("POLY_", "POLYMARKET_API_", "POLYMARKET_PRIVATE"))
        }
        self.state = directory / "controller-state"
        limits = dict.fromkeys(("CB_MAX_CONSECUTIVE_ERRORS", "CB_MAX_POSITION_PER_MARKET", "CB_MAX_TOTAL_POSITION"), "100000")
        limits |= {"CB_MAX_DAILY_LOSS": "10000000", "EVENT_MAX_COST_USD": "100000", "EVENT_MAX_WORST_LOSS_USD": "100000"}
        limits |= {"NAKED_MAX_USD_TOTAL": "100000", "NAKED_MAX_CONTRACTS_EVENT": "10000", "UNWIND_DAILY_BUDGET_USD": "100000"}
        limits |= {"MAX_UNCONFIRMED_USD": "100000", "MISS_BACKOFF_MS": "0", "RESTART_QUARANTINE_SECS": "0"}
        self.controller = Program(
            "controller",
            ("controller", "run", "--json"),
            {
                **common,
                **here,
                **limits,
                "DRY_RUN": "0",
                "CONTROLLER_PLATFORMS": "kalshi",
                "DEPTH_FRACTION": "1",
                "DISCOVERY_INTERVAL_MINS": "0",
                "DISCOVERY_CACHE_PATH": str(directory / "cache.json"),
                "STATE_DIR": str(self.state),
                "LINK_DIR": str(home),
                "LINK_PORT": str(port),
            },
            directory / "controller",
        )
        self.trader_state = directory / "trader-state"
        self.trader = Program(
            "trader",
            ("trader", "run"),
            {
                **common,
                **keys,
                "DRY_RUN": "0",
                "TRADER_PLATFORM": "polymarket",
                "CONTROLLER_ADDRESS": f"127.0.0.1:{port}",
                "LINK_DIR": str(away),
                "STATE_DIR": str(self.trader_state),
                "TRADER_MAX_LEGS_PER_SEC": "100",
            },
            directory / "trader",
        )
        self.venues = venues
        self.before = venues.record()
        self.seen = Killed()
        self._games = list(venues.games)
        self._next = 0

    async def _until(self, what: Callable[[], Any], why: str, within: float) -> None:
        """what may be a coroutine function; it may raise TandemError while nobody answers."""
        ends = time.monotonic() + within
        while True:
            with contextlib.suppress(TandemError):
                found = what()
                if await found if asyncio.iscoroutine(found) else found:
                    return
            if time.monotonic() > ends:
                words = f"controller: {self.controller.last_words()}\ntrader: {self.trader.last_words()}"
                raise AssertionError(f"not within {within:g} s: {why}\n{words}")
            await asyncio.sleep(0.05)

    async def status(self) -> Mapping[str, Any]:
        found = await ask(control_path(self.state / "controller"), "status")
        assert isinstance(found, dict)
        return found

    async def _ready(self) -> bool:
        now = await self.status()
        books = all(row["books"] and row["books_ready"] == row["books"] for row in now["venues"].values())
        return books and all(row["health"] in ("ready", "degraded") for row in now["traders"].values())

    async def start(self) -> None:
        await self.controller.start()
        await self.trader.start()
        await self._until(self._ready, "both programs are ready", _READY_S)

    def _game(self) -> Listing:
        self._next += 1
        return self._games[self._next % len(self._games)]

    def _rest(self, game: Listing) -> None:
        self.venues.close_arb(game)
        self.venues.to_rest(game)

    async def shoot(self, victim: Program, step: str) -> None:
        """Have the victim die at this step of the next arb, and bring it back. "" = at no step: killed with the arb under way."""
        await victim.kill()
        await victim.start(step)
        if step != "J10":  # passed at the start
            await self._until(lambda: victim.dead or self._ready(), f"{victim.name} came up to die at {step}", _READY_S)
        for _ in range(_TRIES):
            if victim.dead:
                break
            game = self._game()
            self.venues.open_arb(game)
            with contextlib.suppress(AssertionError):
                await self._until(lambda: victim.dead, f"{victim.name} dies at {step}", 3.0)
            self._rest(game)
        if victim.dead:
            self.seen.kills[f"{victim.name} {step}"] += 1
        else:
            self.seen.untouched.append(f"{victim.name} {step}")
        await self.back(victim)

    async def shoot_blind(self, victim: Program, after_s: float) -> None:
        """Open an arb and kill the victim some time after, wherever it is then."""
        game = self._game()
        self.venues.open_arb(game)
        await asyncio.sleep(after_s)
        await victim.kill()
        self._rest(game)
        self.seen.kills[f"{victim.name} blind"] += 1
        await self.back(victim)

    async def back(self, victim: Program) -> None:
        """Start it once more without harm; how long it took to be ready is kept (P7)."""
        await victim.kill()
        began = time.monotonic()
        await victim.start()
        await self._until(self._ready, f"{victim.name} is ready again", _READY_S)
        self.seen.restarts_s.append(time.monotonic() - began)

    async def _calm(self) -> bool:
        now = await self.status()
        return not now["open_legs_count"] and not now["summary"]["unconfirmed_legs"]

    async def finish(self) -> Killed:
        """Wait until no leg is in doubt, or two minutes; stop both; judge."""
        for game in self._games:
            self._rest(game)
        with contextlib.suppress(AssertionError):  # what stays in doubt is counted as such
            await self._until(self._calm, "no leg is open", _END_S)
        await self.controller.stop()
        await self.trader.stop()
        await self._judge()
        return self.seen

    async def _judge(self) -> None:
        home = FileJournal(SqliteStore(self.state / "controller" / "journal.sqlite"), SystemClock())
        away = FileJournal(SqliteStore(self.trader_state / "trader-polymarket" / "journal.sqlite"), SystemClock(), deliver=True)
        try:
            self._count_orders(home, away)
            self._compare(home)
        finally:
            await home.close()
            await away.close()

    def _count_orders(self, home: FileJournal, away: FileJournal) -> None:
        """P2: every order write that reached a venue's door, by the id or salt of its leg; a second one is a breach even where the
        venue refused it."""
        placed = Counter(sent.body["client_order_id"] for sent in self.venues.kalshi.orders)
        salts = Counter(int(sent.body["order"]["salt"]) for sent in self.venues.polymarket.orders)
        self.seen.orders = placed.total() + salts.total()
        for leg_id in home.legs():
            order = away.prepared(leg_id)
            count = placed.pop(client_order_id(leg_id), 0) + (salts.pop(int(order.fields["salt"]), 0) if order else 0)
            if count > 1:
                self.seen.doubled.append(leg_id.hex())
        self.seen.lost += [f"order {name} of no leg we know" for name in (*placed, *salts)]

    def _compare(self, home: FileJournal) -> None:
        """P1 and P4: every leg final or visibly in doubt, and what they add up to against the venues' record."""
        ledger = MemoryLedger()
        markets = {market.id: market for game in self._games for market in _markets(game)}
        for leg_id, (leg, result) in home.legs().items():
            self.seen.legs += 1
            if result is None or not result.final:
                self.seen.unknown += 1
                self.seen.lost += [f"{leg_id.hex()} {leg.venue} {leg.want.market}: {result.state if result else 'promised'}"]
            else:
                ledger.apply(leg, markets[leg.want.market], result)
        totals = ledger.totals()
        ours = {f"{venue} cash {shard}": int(cash) for (venue, shard), cash in totals.cash.items()}
        ours |= {f"{venue} fees": int(fee) for venue, fee in totals.fees.items()}
        ours |= {f"{one.market} {one.outcome.name}": int(size) for one, size in totals.positions.items()}
        now = self.venues.record()
        for key in sorted({*ours, *now}):
            theirs = now.get(key, 0) - self.before.get(key, 0)
            if ours.get(key, 0) != theirs:
                self.seen.differences.append(f"{key}: ours {ours.get(key, 0)}, theirs {theirs}")
        held = {game.event: now.get(f"{game.first} YES", 0) - now.get(f"{game.first} NO", 0) for game in self._games}
        for game in self._games:
            other = now.get(f"{game.second} YES", 0) - now.get(f"{game.second} NO", 0)
            away = now.get(f"{game.condition} YES", 0) - now.get(f"{game.condition} NO", 0)
            if net := held[game.event] - other + away:
                self.seen.naked[game.event] = net


def _markets(game: Listing) -> list[Market]:
    """What adding up needs of a game's markets: venue and shard."""
    rows = ((game.first, KALSHI, game.game.shard), (game.second, KALSHI, game.game.shard), (game.condition, POLYMARKET, 0))
    return [
        Market(
            id=MarketId(name), venue=venue, event_id=game.event, question="", grid=(), min_size=Size(1), fees=None, shard=shard
        )
        for name, venue, shard in rows
    ]


@contextlib.asynccontextmanager
async def open_room(directory: Path, credentials: Credentials) -> AsyncIterator[Room]:
    """Both programs up and ready on fifteen games; killed at the end whatever happens."""
    games = make_games(SystemClock().wall_ns(), _GAMES)
    home, away = make_identities(directory, ("polymarket",))
    async with open_venues(credentials, games, universe=make_universe(games)) as venues:
        room = Room(venues, directory, home, away["polymarket"])
        try:
            await room.start()
            yield room
        finally:
            await room.controller.kill()
            await room.trader.kill()
