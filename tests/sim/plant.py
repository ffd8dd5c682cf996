"""The whole system in virtual time: both venue cores, the real controller with Kalshi's keys, a real trader with Polymarket's.

Processes live on disks that survive them. What they send and hear goes over wires.py and virtual.py; nothing of theirs is faked
beyond their ports.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from system_bench import Ladder, Listing, make_games, make_universe
from virtual import Disk, Network, VirtualClock, VirtualLoop
from wires import Door, Life, VirtualDialer, VirtualHttp, tag_tasks

from controller.app import App, Ports, build
from controller.demo_trader import make_identities
from controller.model import ArbClosed
from controller.progress import ProgressReport
from controller.settings import ControllerSettings
from trader import serve as trader_serve
from trader.app import Ports as TraderPorts
from trader.app import connected
from trader.dial import Dialling
from trader.settings import TraderSettings
from trader.worker import JOURNAL_ID, Worker
from trading.clock import MS, SECOND
from trading.errors import Disconnected
from trading.ids import SeededIds
from trading.journal_file import FileJournal, SentRow
from trading.link.identity import load_identity, load_peers, one_peer
from trading.link.sockets import dial_url
from trading.market import Outcome
from trading.offload import InlineOffload
from trading.settings import load
from trading.sim.credentials import Credentials, Urls, make_credentials, write_env
from trading.sim.faults import Faults
from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_data import KalshiRules
from trading.sim.polymarket import PolymarketSim
from trading.sim.server import Driver
from trading.units import MonoNs
from trading.venue import Prepared

_URLS = Urls.of(1, 2)
_ADDRESS = "127.0.0.1:9001"
_PREPARED = msgspec.msgpack.Decoder(Prepared)


class Accounts:
    """Keys of both venues and of the link, made once: they are slow to make, and no run depends on their bytes."""

    def __init__(self, directory: Path) -> None:
        self.credentials: Credentials = make_credentials(directory)
        file = directory / "sim.env"
        write_env(file, self.credentials, _URLS, chain_id=137)
        rows = (line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
        self.env = dict(rows)
        self.env["KALSHI_API_KEY_ID"] = self.credentials.kalshi_ed25519_key_id
        self.env["KALSHI_PRIVATE_KEY_PATH"] = str(self.credentials.kalshi_ed25519_key_path)
        self.env |= {"DRY_RUN": "0", "LINK_TAILNET": "off"}
        self.home, self.away = make_identities(directory)


class Promises:
    """The orders a disk holds the promise of, by the key a venue shows; read as the disk grows."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._read = 0
        self.orders: dict[str, Prepared] = {}

    def order(self, key: str) -> Prepared | None:
        for row in self._disk.rows[self._read :]:
            if isinstance(row, SentRow) and not row.remote:
                prepared = _PREPARED.decode(row.order)
                self.orders[str(prepared.fields.get("salt", prepared.client_order_id))] = prepared
        self._read = len(self._disk.rows)
        return self.orders.get(key)


class TraderHere:
    """One start of the trader. crash_at names the journal step at which it dies."""

    def __init__(self, plant: "Plant", start: int) -> None:
        self.life = Life("trader")
        self._plant = plant
        self.clock = VirtualClock(plant.loop, f"tr{start:02}".encode(), start=(7 + start) * SECOND)
        self.clock.wall_off = plant.trader_wall_off
        self.store = plant.trader_disk.store()
        self.crash_at = ""
        self.worker: Worker | None = None
        self.task = self.life.start(self._run(start))

    async def _run(self, start: int) -> None:
        plant, life = self._plant, self.life
        plant_env = plant.accounts.env | {
            "TRADER_PLATFORM": "polymarket",
            "CONTROLLER_ADDRESS": _ADDRESS,
            "LINK_DIR": str(plant.accounts.away["polymarket"]),
            "STATE_DIR": str(plant.directory / "trader"),
            "TRADER_MAX_LEGS_PER_SEC": "100",
        }
        settings = load(TraderSettings, environ=plant_env, directory=plant.directory)
        journal = FileJournal(self.store, self.clock, deliver=True)
        if not journal.number_kept(JOURNAL_ID):
            await journal.keep(JOURNAL_ID, 42)
        ids = SeededIds(self.clock, plant.seed * 1_000 + 500 + start)
        ports = TraderPorts(
            clock=self.clock,
            ids=ids,
            http=lambda venue: VirtualHttp(plant.doors[venue], life),
            dialer=lambda name: VirtualDialer(plant.door_of(name), life),
            journal=journal,
            sleep=life.sleep,
            close=_nothing,
        )
        venues = connected(settings, ports, lambda line: None)
        halt = plant.directory / "trader"
        halt.mkdir(exist_ok=True)
        worker = await trader_serve._worker(settings, ports, venues, "polymarket", journal, halt, self._passed)
        self.worker = worker
        dialling = Dialling(
            worker,
            load_identity(settings.identity_path),
            one_peer(load_peers(settings.peers_path), "controller", settings.peers_path),
            [dial_url(address) for address in settings.controller_address],
            self,
            self.clock,
            ids,
            name="trader",
            times=settings.times(),
            check=_anybody,
            sleep=life.sleep,
        )
        await asyncio.gather(dialling.run(), worker.legs.listen(), trader_serve._warm(venues.clients["polymarket"], ports))

    async def connect(self, url: str) -> Any:
        self.life.check()
        if not self._plant.link_up:
            raise Disconnected("no route")
        return await self._plant.network.connect(url)

    def _passed(self, step: str) -> None:
        self.life.check()
        if step == self.crash_at:
            self._plant.crash_trader(step)
            raise asyncio.CancelledError


class ControllerHere:
    """One start of the controller."""

    def __init__(self, plant: "Plant", start: int) -> None:
        self.life = Life("controller")
        self.clock = VirtualClock(plant.loop, f"ct{start:02}".encode(), start=start * SECOND)
        self.store = plant.controller_disk.store()
        self.system: App | None = None
        self.ready = asyncio.Event()
        self._plant = plant
        self.task = self.life.start(self._run(start))

    async def _run(self, start: int) -> None:
        plant, life = self._plant, self.life
        flags: dict[str, object] = {
            "controller_platforms": "kalshi",
            "link_dir": str(plant.accounts.home),
            "link_port": 9001,
            "state_dir": str(plant.directory / "controller"),
            "discovery_cache_path": str(plant.directory / "cache.json"),
            "discovery_interval_mins": 0,
            "depth_fraction": 1.0,
            "log_file": "",
            "cb_max_total_position": 100_000,
            "cb_max_position_per_market": 100_000,
            "cb_max_consecutive_errors": 1_000,
        }
        hidden = ("POLY_", "POLYMARKET_API_", "POLYMARKET_PRIVATE")
        env = {name: value for name, value in plant.accounts.env.items() if not name.startswith(hidden)}
        settings = load(ControllerSettings, flags=flags, environ=env, directory=plant.directory)
        journal = FileJournal(self.store, self.clock)
        epoch = journal.number_kept("epoch") + 1
        await journal.keep("epoch", epoch)
        system = build(
            settings,
            Ports(
                clock=self.clock,
                ids=SeededIds(self.clock, plant.seed * 1_000 + start),
                http=lambda venue: VirtualHttp(plant.doors[venue], life),
                dialer=lambda name: VirtualDialer(plant.door_of(name), life),
                journal=journal,
                offload=InlineOffload(),
                listener=plant.network,
                sleep=life.sleep,
            ),
            epoch=epoch,
        )
        self.system = system
        with ProgressReport("sim", quiet=True) as progress:
            found = await system.adoption.discover(progress=progress, force=True)
            await system.adoption.adopt(found, progress=progress)
        take = system.engine.gate.closed

        def taken(event: ArbClosed, now: MonoNs) -> None:
            take(event, now)
            plant.note("closed", event.outcome, int(event.matched), int(event.unhedged))
            plant.closed.append(event)

        system.engine.gate.closed = taken  # type: ignore[method-assign]  # the simulation's ear
        self.ready.set()
        await system.runtime.run()


async def _nothing() -> None:
    return None


async def _anybody(peer: Any, address: str) -> str | None:
    return None


class Plant:
    """Everything. note() writes the trace, whose lines are the same for the same seed."""

    def __init__(self, loop: VirtualLoop, accounts: Accounts, directory: Path, seed: int) -> None:
        tag_tasks(loop)
        self.loop, self.accounts, self.directory, self.seed = loop, accounts, directory, seed
        self.rng = random.Random(f"plan {seed}")
        self.clock = VirtualClock(loop)
        self.trace: list[tuple[object, ...]] = []
        self.closed: list[ArbClosed] = []
        self.faults: Counter[str] = Counter()
        self.crashes = 0
        self.games: tuple[Listing, ...] = make_games(self.clock.wall_ns(), 3)
        universe = make_universe(self.games)
        rules = KalshiRules(list_lag_ns=(10 * MS, 30 * MS), private_lag_ns=(MS, 30 * MS))
        self.kalshi = KalshiSim(
            self.clock,
            random.Random(f"kalshi {seed}"),
            universe.kalshi,
            [accounts.credentials.kalshi],
            latency=lambda _: (0, 0),
            rules=rules,
        )
        self.polymarket = PolymarketSim(
            self.clock, random.Random(f"poly {seed}"), universe.polymarket, [accounts.credentials.polymarket], chain_id=137
        )
        settings = self.polymarket.settings
        settings.mined_ns, settings.confirmed_ns, settings.data_lag_ns = 400 * MS, 800 * MS, 20 * MS
        self.venue_faults = Faults(self.kalshi, self.polymarket)
        self.driver = Driver((self.kalshi, self.polymarket), self.clock)
        cores = {"kalshi": self.kalshi, "polymarket": self.polymarket}
        self.doors = {name: Door(core, random.Random(f"net {name} {seed}"), self.driver.poke) for name, core in cores.items()}
        self.controller_disk, self.trader_disk = Disk(), Disk()
        self._promises = {"controller": Promises(self.controller_disk), "trader": Promises(self.trader_disk)}
        for door in self.doors.values():
            door.promised = self._promised
        self.network = Network()
        self.link_up = True
        self.trader_wall_off = 0
        self.controller: ControllerHere | None = None
        self.trader: TraderHere | None = None
        self._starts = 0
        self.ladders: dict[str, Ladder] = {}
        self.driving = loop.create_task(self.driver.run())

    def door_of(self, name: str) -> Door:
        return self.doors["kalshi" if name.startswith("kalshi") else "polymarket"]

    def note(self, *what: object) -> None:
        self.trace.append((round(self.loop.time(), 6), *what))

    def _promised(self, sender: str, key: str) -> tuple[bool, bool]:
        """(whether the sender's disk holds the promise, whether the order came after its leg's end)."""
        order = self._promises[sender].order(key)
        if order is None:
            return False, False
        process = self.trader if sender == "trader" else self.controller
        assert process is not None
        late = process.clock.mono_ns() - order.leg.deadline
        return True, order.leg.purpose == "open" and late > 100 * MS  # the way to the venue

    # --- processes ----------------------------------------------------------------------------------------------------

    def start_trader(self) -> TraderHere:
        self._starts += 1
        self.trader = TraderHere(self, self._starts)
        return self.trader

    def start_controller(self) -> ControllerHere:
        self._starts += 1
        self.controller = ControllerHere(self, self._starts)
        return self.controller

    def crash_trader(self, why: str) -> None:
        assert self.trader is not None
        if self.trader.life.alive:
            self.note("trader dies", why)
            self.crashes += 1
            self.trader.store.crash()
            self.trader.life.end()
            self.cut_link()

    def cut_link(self) -> None:
        for pipe in self.network.pipes:
            pipe.cut()

    # --- markets ------------------------------------------------------------------------------------------------------

    def __getitem__(self, market: str) -> Ladder:
        if market not in self.ladders:
            self.ladders[market] = Ladder(self.polymarket if market.startswith("0x") else self.kalshi, market)
        return self.ladders[market]

    def rest(self, game: Listing) -> None:
        """No arb stands: Kalshi 40|50 and 45|60, Polymarket 36|40."""
        for market, bid, ask in ((game.first, 40, 50), (game.second, 45, 60), (game.condition, 36, 40)):
            self[market].put("bid", bid, 300)
            self[market].put("ask", ask, 300)
        self[game.first].put("bid", 47, 0)
        self.driver.poke()

    def open_arb(self, game: Listing, contracts: int) -> None:
        self[game.first].put("bid", 47, contracts)
        self.driver.poke()

    # --- the venues' own record ---------------------------------------------------------------------------------------

    def record(self) -> dict[str, int]:
        found: dict[str, int] = {}
        one = self.kalshi.account_view(self.accounts.credentials.kalshi.user_id)
        found |= {f"kalshi cash {shard}": cash for shard, cash in one.cash.items()}
        found["kalshi fees"] = one.fees_paid
        for ticker, size in one.positions.items():
            found[f"{ticker} {'YES' if size > 0 else 'NO'}"] = abs(size)
        two = self.polymarket.account_view(self.accounts.credentials.polymarket.owner)
        found |= {"polymarket cash 0": two.cash, "polymarket fees": two.fees}
        for market in self.polymarket.markets().values():
            for outcome, token in zip(Outcome, market.tokens, strict=True):
                found[f"{market.id} {outcome.name}"] = two.tokens.get(token, 0)
        return {key: value for key, value in found.items() if value}

    def ours(self) -> dict[str, int]:
        assert self.controller is not None and self.controller.system is not None
        totals = self.controller.system.ledger.totals()
        found = {f"{venue} cash {shard}": int(cash) for (venue, shard), cash in totals.cash.items()}
        found |= {f"{venue} fees": int(fee) for venue, fee in totals.fees.items()}
        found |= {f"{one.market} {one.outcome.name}": int(size) for one, size in totals.positions.items()}
        return {key: value for key, value in found.items() if value}

    def naked(self) -> Mapping[str, int]:
        """By event what stands on one venue alone by the venues' own record, 1/1,000,000 contract... of the first team."""
        held = self.record()

        def net(market: str) -> int:
            return held.get(f"{market} YES", 0) - held.get(f"{market} NO", 0)

        return {game.event: net(game.first) - net(game.second) + net(game.condition) for game in self.games}
