"""The real controller and the real traders as processes of a virtual world: each on a disk that survives it, each mortal.

Only their ports are made here: clocks, sockets, the journal's store. A process that ends by an error it names is started again,
as a service manager would; any other end is a finding.
"""

import asyncio
import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from virtual import Disk, VirtualClock
from wires import Life, VirtualDialer, VirtualHttp

from controller.app import App, build
from controller.discovery.reading import silent
from controller.model import ArbClosed
from controller.ports import Ports
from controller.settings import ControllerSettings
from trader import serve as trader_serve
from trader.app import Ports as TraderPorts
from trader.app import connected
from trader.dial import Dialling
from trader.settings import TraderSettings
from trader.worker import JOURNAL_ID, Worker
from trading.clock import SECOND
from trading.errors import Disconnected
from trading.http import Http, PooledHttp
from trading.ids import SeededIds, arb_of
from trading.journal_file import FileJournal, SentRow
from trading.link.identity import load_identity, load_peers, one_peer
from trading.link.sockets import LinkDialer, LinkListener, dial_url
from trading.offload import InlineOffload
from trading.secrets import write_private
from trading.settings import load
from trading.sim.credentials import Credentials, Urls, make_credentials, write_env
from trading.stream import Dialer, WebsocketsDialer
from trading.units import MonoNs
from trading.venue import Prepared

if TYPE_CHECKING:
    from plant import Plant

LAYOUTS: dict[str, tuple[str, dict[str, str]]] = {
    "one": ("kalshi", {"poly": "polymarket"}),
    "each": ("", {"kalshi": "kalshi", "poly": "polymarket"}),
    "twins": ("kalshi", {"poly": "polymarket", "twin": "polymarket"}),
}
"""By name: which venue the controller trades on itself, and its traders with their venues."""
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
        self.links = {layout: _identities(directory / layout, traders) for layout, (_, traders) in LAYOUTS.items()}
        """Of each layout the LINK_DIR of every process."""


def _identities(directory: Path, traders: dict[str, str]) -> dict[str, Path]:
    keys = {name: Ed25519PrivateKey.generate() for name in ("controller", *traders)}
    homes = {name: directory / name for name in keys}
    for name, key in keys.items():
        write_private(homes[name] / "identity.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_private(
        homes["controller"] / "peers.toml",
        "".join(_peer(name, "trader", keys[name], platform=venue) for name, venue in traders.items()).encode(),
    )
    for name in traders:
        write_private(homes[name] / "peers.toml", _peer("controller", "controller", keys["controller"]).encode())
    return homes


def _peer(name: str, role: str, key: Ed25519PrivateKey, **more: str) -> str:
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    rows = {"name": name, "role": role, "public_key": public, **more}
    return "[[peer]]\n" + "".join(f'{field} = "{value}"\n' for field, value in rows.items())


class Promises:
    """The orders a disk holds the promise of, by the key a venue shows; read as the disk grows."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._read = 0
        self._orders: dict[str, Prepared] = {}

    def order(self, key: str) -> Prepared | None:
        for row in self._disk.rows[self._read :]:
            if isinstance(row, SentRow) and not row.remote:
                prepared = _PREPARED.decode(row.order)
                self._orders[str(prepared.fields.get("salt", prepared.client_order_id))] = prepared
        self._read = len(self._disk.rows)
        return self._orders.get(key)


class Process:
    """One start of something mortal. start numbers the starts of all of them; crash_at names the step at which it dies, and
    crash_power whether its machine does too."""

    def __init__(self, plant: "Plant", name: str, start: int) -> None:
        self.plant, self.name, self.start = plant, name, start
        self.life = Life(name)
        self.life.dies = lambda where: plant.crash(name, where)
        self.life.promised = self._promised
        drift = plant.drifts.setdefault(name, plant.rng.randint(-200, 200))
        self.clock = VirtualClock(plant.loop, f"{name[:2]}{start:02}".encode(), start=start * SECOND, drift=drift)
        self.clock.wall_off = plant.wall_off.get(name, 0)
        self.disk = plant.disks[name]
        self.store = self.disk.store()
        self.store._passed = self._stored
        self.ids = SeededIds(self.clock, plant.seed * 1_000 + start)
        self.directory = plant.directory / name
        self.crash_at, self.crash_power = plant.crash_next.pop(name, ("", False))
        self.task = self.life.start(self.run())

    async def run(self) -> None:
        raise NotImplementedError

    def passed(self, step: str) -> None:
        """A step of a leg or of a commit; at the one it was told to, it dies."""
        self.life.check()
        if step == self.crash_at:
            self.plant.crash(self.name, step, power=self.crash_power)
            raise asyncio.CancelledError

    def _stored(self, step: str) -> None:
        self.life.passed(step)
        self.passed(step)

    def http(self, venue: str) -> Http:
        """The port to a venue's requests."""
        return PooledHttp(venue) if self.plant.edges else VirtualHttp(self.plant.doors[venue], self.life)

    def dialer(self, name: str) -> Dialer:
        """The port to a venue's streams."""
        if self.plant.edges:
            return WebsocketsDialer(name)
        return VirtualDialer(self.plant.doors["kalshi" if name.startswith("kalshi") else "polymarket"], self.life)

    def _promised(self, key: str) -> tuple[bool, float]:
        order = self.plant.promises(self.name).order(key)
        if order is None:
            return False, 60.0
        leg, left = order.leg, (order.leg.deadline - self.clock.mono_ns()) / SECOND
        if leg.purpose in ("open", "exit"):
            self.plant.opens(arb_of(leg.leg_id), leg.want.market)
            return True, left
        return True, max(0.0, left)


class TraderHere(Process):
    """A trader."""

    def __init__(self, plant: "Plant", name: str, start: int) -> None:
        self.worker: Worker | None = None
        self.pipe: Any = None
        super().__init__(plant, name, start)

    async def run(self) -> None:
        plant, life, venue = self.plant, self.life, LAYOUTS[self.plant.layout][1][self.name]
        environ = plant.accounts.env | {
            "TRADER_PLATFORM": venue,
            "CONTROLLER_ADDRESS": _ADDRESS,
            "LINK_DIR": str(plant.accounts.links[plant.layout][self.name]),
            "STATE_DIR": str(self.directory),
            "TRADER_MAX_LEGS_PER_SEC": "100",
        }
        settings = load(TraderSettings, environ=environ, directory=plant.directory)
        journal = FileJournal(self.store, self.clock, deliver=True)
        if not journal.number_kept(JOURNAL_ID):
            await journal.keep(JOURNAL_ID, 42)
        await journal.prune()
        self.passed("J10")
        ports = TraderPorts(
            clock=self.clock,
            ids=self.ids,
            http=self.http,
            dialer=self.dialer,
            journal=journal,
            sleep=life.sleep,
            close=_nothing,
        )
        venues = connected(settings, ports, lambda line: None)
        self.directory.mkdir(exist_ok=True)
        place = settings.platform()
        worker = await trader_serve._worker(settings, ports, venues, place, journal, self.directory, self.passed)
        self.worker = worker
        dialling = Dialling(
            worker,
            load_identity(settings.identity_path),
            one_peer(load_peers(settings.peers_path), "controller", settings.peers_path),
            [dial_url(address) for address in settings.controller_address],
            LinkDialer() if plant.edges else self,
            self.clock,
            self.ids,
            name=self.name,
            times=settings.times(),
            check=_anybody,
            sleep=life.sleep,
        )
        await asyncio.gather(dialling.run(), worker.legs.listen(), trader_serve._warm(venues.clients[place], ports))

    async def connect(self, url: str) -> Any:
        """Dial the controller."""
        self.life.passed("dial link")
        if self.name in self.plant.away:
            raise Disconnected("no route")
        wire = await self.plant.network.connect(url)
        self.life.check()
        self.pipe = wire.pipe
        return wire


class ControllerHere(Process):
    """A controller, from the reading of its settings to the end of its loops."""

    def __init__(self, plant: "Plant", name: str, start: int) -> None:
        self.system: App | None = None
        self.ready = asyncio.Event()
        super().__init__(plant, name, start)

    async def run(self) -> None:
        plant = self.plant
        platforms, _ = LAYOUTS[plant.layout]
        flags: dict[str, object] = {
            "controller_platforms": platforms,
            "link_dir": str(plant.accounts.links[plant.layout]["controller"]),
            "link_port": 9001,
            "state_dir": str(self.directory),
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
        await journal.prune()
        self.passed("J10")
        ports = Ports(
            clock=self.clock,
            ids=self.ids,
            http=self.http,
            dialer=self.dialer,
            journal=journal,
            offload=InlineOffload(),
            listener=LinkListener() if plant.edges else plant.network,
            sleep=self.life.sleep,
            probe=self.passed,
        )
        system = build(settings, ports, epoch=epoch)
        found = await system.adoption.discover(progress=silent, force=True)
        await system.adoption.adopt(found, progress=silent)
        take = system.engine.gate.closed

        def taken(event: ArbClosed, now: MonoNs) -> None:
            take(event, now)
            plant.hear(event)

        system.engine.gate.closed = taken  # type: ignore[method-assign]  # the simulation's ear
        self.system = system
        self.ready.set()
        assert system.recovery is not None  # the journal is durable
        await system.recovery.run_with(system.runtime)


async def _nothing() -> None:
    return None


async def _anybody(peer: Any, address: str) -> str | None:
    return None
