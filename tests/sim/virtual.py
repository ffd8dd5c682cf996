"""Time that moves only when everybody waits: an event loop, a clock on it, a disk that forgets, a wire that can be cut.

The same controller, traders and venue cores run on it as in production; a second costs microseconds and a seed repeats exactly.
"""

import asyncio
import contextlib
import contextvars
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from trading.clock import SECOND
from trading.errors import Disconnected
from trading.journal_file import ArbRow, JournalFailed, KeptRow, MetaRow, Row, SentRow
from trading.units import MonoNs, WallNs

T = TypeVar("T")
_EPOCH = 1_790_000_000 * SECOND


class Deadlock(AssertionError):
    """Everybody waits and nothing will happen."""


class _NoWaiting(selectors.SelectSelector):
    """Instead of sleeping it moves the loop's clock. No file is ever ready: there are none but the loop's own."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock(f"at {self.loop.time():.3f} s nothing is left that could happen")
        if timeout > 0:
            self.loop.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time() is a counter."""

    def __init__(self) -> None:
        self.now = 1_000.0
        selector = _NoWaiting()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


class VirtualClock:
    """Clock on a virtual loop. drift is parts per million of its monotonic clock, wall_off how wrong its calendar is."""

    def __init__(self, loop: VirtualLoop, boot_id: bytes = b"boot", *, start: int = 0, drift: int = 0) -> None:
        self._loop = loop
        self.boot_id = boot_id
        self.start = start
        self.rate = 1 + drift / 1_000_000
        self.wall_off = 0

    def mono_ns(self) -> MonoNs:
        return MonoNs(round(self._loop.now * self.rate * SECOND) + self.start)

    def wall_ns(self) -> WallNs:
        return WallNs(_EPOCH + round(self._loop.now * SECOND) + self.wall_off)


def run(work: Callable[[Any], Coroutine[Any, Any, T]], kind: type[VirtualLoop] = VirtualLoop) -> T:
    """Run one coroutine on a fresh virtual loop; tasks left behind are cancelled."""
    loop = kind()
    asyncio.set_event_loop(None)
    try:
        return loop.run_until_complete(work(loop))
    finally:
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        for task in left:
            task.cancel()
        if left:
            with contextlib.suppress(Deadlock):  # what waits for a peer that died waits for ever
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()


class Disk:
    """A JournalStore's bytes: a commit is written, then made safe by its fsync, then acknowledged.

    rows are safe. written waits for its fsync: the end of a process leaves it to the system, which keeps it; the end of the power
    forgets it. fault: "full" refuses before the write, "fsync" after it. lies: acknowledges without an fsync, as a planted bug.
    """

    def __init__(self, *, commit_s: float = 0.0003) -> None:
        self.rows: list[Row] = []
        self.written: list[Sequence[Row]] = []
        self.commits = 0
        self.commit_s = commit_s
        self.fault: str = ""
        self.lies = False

    def store(self) -> "DiskStore":
        """A process opens it."""
        return DiskStore(self)

    def _safe(self) -> None:
        for rows in self.written:
            self.rows.extend(rows)
        self.written.clear()


class DiskStore:
    """One process's hold on a Disk; dead after crash(). passed is told each step of a commit, and may end the process there."""

    def __init__(self, disk: Disk, passed: Callable[[str], None] = lambda step: None) -> None:
        self._disk = disk
        self._dead = False
        self._passed = passed

    def load(self) -> Iterable[Row]:
        """As the newest rows stand: promises, results, arbs, numbers."""
        sent: dict[bytes, SentRow] = {}
        kept: dict[bytes, KeptRow] = {}
        meta: dict[str, MetaRow] = {}
        arbs: dict[bytes, ArbRow] = {}
        for row in self._disk.rows:
            if isinstance(row, SentRow):
                sent[row.leg_id] = row
            elif isinstance(row, KeptRow):
                kept[row.leg_id] = row
            elif isinstance(row, MetaRow):
                meta[row.key] = row
            elif isinstance(row, ArbRow):
                arbs[row.arb_id] = row
            else:
                sent.pop(row.leg_id, None)
                kept.pop(row.leg_id, None)
        return [*sent.values(), *kept.values(), *meta.values(), *arbs.values()]

    async def commit(self, rows: Sequence[Row]) -> None:
        """Durable after commit_s. A process that dies meanwhile never hears of it; the rows stay or go as Disk says."""
        disk = self._disk
        self._passed("before write")
        if disk.fault and disk.fault != "fsync":
            raise JournalFailed(disk.fault)
        await asyncio.sleep(disk.commit_s / 2)
        await self._alive()
        disk.written.append(rows)
        self._passed("written")
        await asyncio.sleep(disk.commit_s / 2)
        await self._alive()
        if disk.fault:
            raise JournalFailed(disk.fault)
        if not disk.lies:
            disk._safe()
        disk.commits += 1
        self._passed("safe")

    async def _alive(self) -> None:
        if self._dead:
            await asyncio.get_running_loop().create_future()  # this process no longer runs

    def crash(self, *, power: bool = False) -> None:
        """The process ends; power: the machine too, and with it what no fsync made safe."""
        self._dead = True
        if power:
            self._disk.written.clear()
        else:
            self._disk._safe()

    async def close(self) -> None:
        return None


class Pipe:
    """Two ends of a connection with a delay; cut() loses what is under way, stalled keeps one direction back."""

    def __init__(self, delay_s: float = 0.002, names: tuple[str, str] = ("trader", "controller")) -> None:
        self.delay_s = delay_s
        self.stalled = [False, False]
        self.ends = (PipeEnd(self, 0, f"10.0.0.2:{names[0]}"), PipeEnd(self, 1, f"10.0.0.1:{names[1]}"))
        self.broken = False
        self._last = [0.0, 0.0]
        self.meddle: Callable[[int, bytes], list[bytes]] = lambda side, data: [data]

    def carry(self, side: int, data: bytes) -> None:
        if self.stalled[side]:
            return
        loop = asyncio.get_running_loop()
        for one in self.meddle(side, data):
            loop.call_at(self._due(side), self._arrive, 1 - side, one)

    def _due(self, side: int) -> float:
        """In order, as TCP delivers."""
        self._last[side] = max(asyncio.get_running_loop().time() + self.delay_s, self._last[side] + 1e-7)
        return self._last[side]

    def _arrive(self, side: int, data: bytes) -> None:
        if not self.broken:
            self.ends[side].arrive(data)

    def hang_up(self, side: int) -> None:
        """One end closes: what it sent before arrives first."""
        asyncio.get_running_loop().call_at(self._due(side), self.cut)

    def cut(self) -> None:
        """The connection ends for both."""
        if not self.broken:
            self.broken = True
            for end in self.ends:
                end.lose("cut")


class PipeEnd:
    """A LinkWire."""

    def __init__(self, pipe: Pipe, side: int, peer: str) -> None:
        self.pipe = pipe
        self._side = side
        self.peer = peer
        self._frame: Callable[[bytes], None] | None = None
        self._lost: Callable[[str], None] | None = None
        self._early: list[bytes] = []
        self._owner = contextvars.Context()

    def open(self, frame: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        self._frame, self._lost = frame, lost
        self._owner = contextvars.copy_context()
        for data in self._early:
            frame(data)
        if self.pipe.broken:
            lost("cut")

    def arrive(self, data: bytes) -> None:
        """What a frame starts belongs to the process that reads it, not to the one that sent it."""
        if self._frame is None:
            self._early.append(data)
        else:
            self._owner.copy().run(self._frame, data)

    def lose(self, why: str) -> None:
        if self._lost is not None:
            self._owner.copy().run(self._lost, why)

    def send(self, data: bytes) -> None:
        if self.pipe.broken:
            raise Disconnected("cut")
        self.pipe.carry(self._side, data)

    def close(self, code: int = 1000) -> None:
        if not self.pipe.broken:
            self.pipe.hang_up(self._side)


class Network:
    """Listener and dialer of the link: controllers listen under an address, traders dial it."""

    def __init__(self) -> None:
        self._doors: dict[str, tuple[Callable[[PipeEnd], Awaitable[None]], contextvars.Context]] = {}
        self.pipes: list[Pipe] = []
        self.down = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 9001

    async def listen(self, host: str, port: int, accept: Callable[[PipeEnd], Awaitable[None]]) -> "Network":
        self._doors[f"ws://{host}:{port}/link"] = accept, contextvars.copy_context()
        return self

    async def close(self) -> None:
        self.shut()

    def shut(self) -> None:
        """Nobody listens any more."""
        self._doors.clear()
        for pipe in self.pipes:
            pipe.cut()

    async def connect(self, url: str) -> PipeEnd:
        await asyncio.sleep(0.001)
        door = self._doors.get(url)
        if self.down or door is None:
            raise Disconnected(f"{url}: nobody answers")
        accept, owner = door
        pipe = Pipe()
        self.pipes = [one for one in self.pipes if not one.broken] + [pipe]
        work: Coroutine[Any, Any, None] = accept(pipe.ends[1])  # type: ignore[assignment]  # a coroutine
        task = asyncio.get_running_loop().create_task(work, context=owner.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return pipe.ends[0]
