"""A controller's side and a trader over a virtual network, each with a disk that survives them, and a scripted venue."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from execute_fakes import MARKET, FakeVenue, filled
from link_fakes import CONTROLLER, IDS, PIN, TRADER
from virtual import Disk, Network, VirtualClock, VirtualLoop, run

from controller.execution.remote import RemoteExecutor
from controller.execution.trader_link import TraderLink
from controller.execution.traders import Traders
from trader.dial import Dialling
from trader.guard import Guard, GuardLimits
from trader.halt import Brake, Halt
from trader.legs import Legs
from trader.worker import JOURNAL_ID, Worker
from trading.clock import SECOND
from trading.errors import Disconnected, VenueError
from trading.ids import SeededIds, leg_id
from trading.journal_file import FileJournal
from trading.link.identity import Identity, Peer
from trading.link.session import LinkTimes
from trading.market import KALSHI, Action, Market, MarketId, Outcome
from trading.order import LegRequest, LegResult, Want
from trading.units import Money, MonoNs, Price, Size

LIMITS = GuardLimits(
    leg_contracts=Size(1_000_000_000),
    leg_cost=Money(500_000_000),
    open_legs=1_000,
    rate=1_000,
    day_cost=Money(10_000_000_000),
    day_loss=Money(250_000_000),
    market_contracts=Size(6_000_000_000),
)
TIMES = LinkTimes()
URL = "ws://10.0.0.1:9001/link"


async def _anybody(peer: Peer, address: str) -> str | None:
    return None


class SilentVenue(FakeVenue):
    """The scripted venue, with an account and a private stream that says nothing."""

    async def updates(self):
        await asyncio.get_running_loop().create_future()
        yield

    async def market(self, market):
        return MARKET

    async def warm(self):
        return None

    async def account(self, what):
        raise NotImplementedError

    async def cancel(self, order):
        self.calls.append("cancel")
        return LegResult(leg_id=order.leg.leg_id, state="none", code="cancelled")


class TraderProcess:
    """A trader that can crash and come back on the same disk."""

    def __init__(
        self,
        room: "Room",
        tmp,
        *,
        boot: bytes = b"trd1",
        identity: Identity = TRADER,
        journal_id: int = 42,
        disk: Disk | None = None,
        clock_start: int = 7 * SECOND,
    ) -> None:
        self._room = room
        self._journal_id = journal_id
        self.clock = VirtualClock(room.loop, boot, start=clock_start)
        self.store = (disk or room.trader_disk).store()
        self.journal = FileJournal(self.store, self.clock, deliver=True)
        self.halt = Halt(tmp)
        guard = Guard(LIMITS, self.clock.wall_ns)
        brake = Brake(self.halt)
        self.legs = Legs(
            clients={False: room.venue},  # type: ignore[dict-item]  # a scripted client
            read=room.venue.market,
            look=room.venue.market,
            journal=self.journal,
            guard=guard,
            clock=self.clock,
            ids=SeededIds(self.clock, 3),
            brake=brake,
            probe=self._passed,
        )
        self.worker = Worker(venue=KALSHI, legs=self.legs, guard=guard, brake=brake, clock=self.clock, world="sim")
        self.dialling = Dialling(
            self.worker,
            identity,
            PIN,
            [URL],
            self,
            self.clock,
            SeededIds(self.clock, 4),
            name="trader",
            times=TIMES,
            check=_anybody,
        )
        self.crash_at = ""
        self.alive = True
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        if not self.journal.number_kept(JOURNAL_ID):
            await self.journal.keep(JOURNAL_ID, self._journal_id)
        self.legs.recover()
        await self.dialling.run()

    async def connect(self, url: str) -> Any:
        if not self.alive:
            raise Disconnected("dead")
        return await self._room.network.connect(url)

    def _passed(self, name: str) -> None:
        if name == self.crash_at:
            self.crash()

    def crash(self) -> None:
        """kill -9: nothing of this process happens any more; the network notices, the disk keeps what was committed."""
        self.alive = False
        self.store.crash()
        for pipe in self._room.network.pipes:
            pipe.cut()
        self._room.venue.dead_callers.add(id(self))
        for task in [self.task, *self.legs._tasks]:
            task.cancel()
        raise asyncio.CancelledError


class Room:
    """Everything around one remote leg."""

    def __init__(self, loop: VirtualLoop, tmp) -> None:
        self.loop = loop
        self.tmp = tmp
        self.calls: list[str] = []
        self.venue = SilentVenue(self.calls)
        self.venue.dead_callers = set()
        self.network = Network()
        self.controller_disk, self.trader_disk = Disk(), Disk()
        self.clock = VirtualClock(loop, b"ctl1")
        self.ids = SeededIds(self.clock, 1)
        self.later: list[LegResult] = []
        self.machine = ""
        self.pins = {TRADER.kid: Peer(name="frankfurt", role="trader", public=TRADER.public, platform=KALSHI)}
        self.epoch = 5
        self.trader: TraderProcess | None = None
        self._controller()

    def _controller(self) -> None:
        """A controller process on its disk."""
        self.store = self.controller_disk.store()
        self.journal = FileJournal(self.store, self.clock)
        self.links: dict[str, TraderLink] = {}
        self.remote = RemoteExecutor(KALSHI, self.links, self.journal, self.clock, market_of=lambda _: MARKET)
        self.traders = Traders(
            CONTROLLER,
            self.network,
            self.clock,
            IDS,
            epoch=lambda: self.epoch,
            dry_run=False,
            times=TIMES,
            check=self.check,
            pinned=lambda: self.pins,
            join=self._join,
        )

    def _join(self, peer: Peer) -> TraderLink:
        link = self.links[peer.name] = TraderLink(peer, self.journal, self.clock, later=self.remote.later)
        return link

    @property
    def link(self) -> TraderLink:
        return self.links["frankfurt"]

    async def without_terms(self) -> tuple[LegRequest, asyncio.Future[LegResult], asyncio.Event]:
        """A leg whose trader reads the market's terms until the event is set, and then cannot."""
        terms = asyncio.Event()

        async def slow(market: MarketId) -> Market:
            await terms.wait()
            raise VenueError("kalshi", "down", "no terms")

        self.trader.legs._read = slow
        leg = self.leg()
        running = asyncio.ensure_future(self.remote.execute(leg))
        await asyncio.sleep(0.5)
        return leg, running, terms

    async def under_way(self) -> tuple[LegRequest, asyncio.Future[LegResult]]:
        """Start a leg that stands at the venue: it is being sent, and not answered before venue.gate is set."""
        self.venue.gate = asyncio.Event()
        leg = self.leg()
        running = asyncio.ensure_future(self.remote.execute(leg))
        await self.venue.sending.wait()
        return leg, running

    async def left_unknown(self, trader: TraderProcess) -> LegRequest:
        """Kill the trader while it sends a leg: the controller then knows of it as unknown."""
        leg, running = await self.under_way()
        with pytest.raises(asyncio.CancelledError):
            trader.crash()
        assert (await running).state == "unknown"
        return leg

    async def restart_controller(self) -> None:
        """kill -9 and a new start: only what the disk keeps is known, with the next epoch."""
        self.store.crash()
        await self.network.close()
        self.epoch += 1
        self._controller()
        for leg in self.journal.open_legs():
            self.remote.restore(leg)
        await self.traders.start("10.0.0.1", 9001)

    async def check(self, peer: Peer, address: str) -> str | None:
        return self.machine or None

    async def start(self) -> TraderProcess:
        await self.traders.start("10.0.0.1", 9001)
        return await self.dial()

    async def dial(self, boot: bytes = b"trd1", **more: Any) -> TraderProcess:
        self.trader = TraderProcess(self, self.tmp, boot=boot, **more)
        return self.trader

    async def until(self, what: Callable[[], object], within: float = 60) -> None:
        ends = self.loop.time() + within
        while not what():
            assert self.loop.time() < ends, "it did not come true"
            await asyncio.sleep(0.01)

    async def ready(self) -> None:
        await self.until(lambda: self.link.health == "ready")

    def leg(self, number: int = 0, ttl_s: float = 5, **changes: Any) -> LegRequest:
        want = Want(market=MARKET.id, outcome=Outcome.YES, action=Action.BUY, limit=Price(5_600), size=Size(10_000_000))
        values: dict[str, Any] = {
            "leg_id": leg_id(self.ids.arb(), number, 0),
            "want": want,
            "venue": KALSHI,
            "purpose": "open",
            "max_cost": Money(6_000_000),
            "world": "sim",
            "epoch": self.epoch,
            "deadline": MonoNs(self.clock.mono_ns() + int(ttl_s * SECOND)),
        }
        return LegRequest(**(values | changes))

    @property
    def sends(self) -> int:
        return self.calls.count("send")


def in_room(tmp_path, work: Callable[[Room], Coroutine[Any, Any, None]]) -> None:
    """Run a test in virtual time."""

    async def whole(loop: VirtualLoop) -> None:
        await work(Room(loop, tmp_path))

    run(whole)


__all__ = ["MARKET", "Room", "TraderProcess", "filled", "in_room"]
