"""Both venues as the network of a virtual loop shows them: requests and frames take time, and some are lost on the way.

A request that has left goes on without its sender: a process may die while the venue acts on it. Every order that reaches a venue
is written down here, and that record, not the processes' own, is what the promises are held against.
"""

import asyncio
import contextvars
import json
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from virtual import VirtualLoop

from trading.clock import SECOND
from trading.errors import AuthFailed, Disconnected, UnknownOutcome, Unreachable
from trading.http import Response
from trading.sim.core import Refusal, Request, Session
from trading.sim.core import Response as CoreResponse

ORDER_PATHS = {"kalshi": "/trade-api/v2/portfolio/events/orders", "polymarket": "/order"}
HTTP_FAULTS = ("unreachable", "lost_before", "lost_after", "500_after", "garbage", "429", "slow", "late")
_KEEPALIVE_S = 40.0
"""After this long without an answer to its ping an edge gives a WebSocket up (trading/stream.py: 20 + 20 s)."""
_LATE_S = 4.0
"""How far past its leg's end a request may still arrive: a second less than what a leg is given (trading/execute.py)."""
_OWNER: contextvars.ContextVar["Life | None"] = contextvars.ContextVar("owner", default=None)


def _known(key: str) -> tuple[bool, float]:
    return True, 60.0


class Life:
    """One process. end() is kill -9: its tasks stop, and nothing it still tries reaches anybody.

    die_in counts down at each call of a port; at zero dies() is told, before the call has any effect. promised tells of the
    order a venue will know by that key: whether its promise is safe, and how many seconds its leg still has.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.die_in = 0
        self.dies: Callable[[str], None] = lambda where: None
        self.promised: Callable[[str], tuple[bool, float]] = _known
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self, work: Awaitable[Any]) -> "asyncio.Task[Any]":
        """Run a coroutine as this process's; every task it makes belongs to it too."""
        context = contextvars.copy_context()
        context.run(_OWNER.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)  # type: ignore[arg-type]  # a coroutine

    def own(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.append(task)
        if len(self._tasks) > 500:
            self._tasks = [one for one in self._tasks if not one.done()]

    def end(self) -> None:
        self.alive = False
        for task in self._tasks:
            task.cancel()

    def check(self) -> None:
        if not self.alive:
            raise asyncio.CancelledError

    def passed(self, where: str) -> None:
        """A port is called, or answers."""
        self.check()
        if self.die_in:
            self.die_in -= 1
            if not self.die_in:
                self.dies(where)
                self.check()

    def sleep(self, seconds: float) -> Awaitable[None]:
        self.check()
        return asyncio.sleep(seconds)


def tag_tasks(loop: VirtualLoop) -> None:
    """Have each task know its process."""

    def make(loop: asyncio.AbstractEventLoop, work: Any, context: contextvars.Context | None = None) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context)
        owner = (context or contextvars.copy_context()).get(_OWNER)
        if owner is not None:
            owner.own(task)
            if not owner.alive:
                task.cancel()
        return task

    def unforeseen(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), asyncio.CancelledError):  # a process that died inside a callback
            loop.default_exception_handler(context)

    loop.set_exception_handler(unforeseen)
    loop.set_task_factory(make)  # type: ignore[arg-type]  # the factory's context is missing in the stubs


@dataclass(frozen=True)
class Arrived:
    """An order write at a venue: key is client order id or salt; status as answered by the venue; the sender's promise state."""

    at: float
    venue: str
    key: str
    status: int
    sender: str
    promised: bool
    expired: bool
    body: Mapping[str, Any]


class Door:
    """One venue on the network.

    armed are faults of the next order writes. burst answers that many requests of any kind with a 429 ("429") or a 5xx, of which
    one in two has placed its order. slow_s and jitter_s lengthen every way; who stands in cut is heard of by nobody.
    """

    def __init__(self, core: Any, rng: random.Random, poke: Callable[[], None]) -> None:
        self.core = core
        self.name: str = core.name
        self._rng = rng
        self._poke = poke
        self.armed: deque[str] = deque()
        self.burst = 0
        self.burst_of = "429"
        self.slow_s = 0.0
        self.jitter_s = 0.0
        self.cut: set[str] = set()
        self.wires: list[VenueWire] = []
        self.met: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.refused = 0
        """429s of the venue itself: a budget that was not kept."""
        self.arrived: list[Arrived] = []
        self.after: Callable[[], None] = lambda: None
        """Called when an order write has had its effect."""

    def is_order(self, request: Request) -> bool:
        return request.method == "POST" and request.path == ORDER_PATHS[self.name]

    def key(self, request: Request) -> str:
        """By which the venue will know this order."""
        body = json.loads(request.body)
        return str(body["client_order_id"]) if self.name == "kalshi" else str(body["order"]["salt"])

    def fault(self, request: Request) -> str:
        """What happens to this exchange; "" = nothing."""
        if self.burst:
            self.burst -= 1
            return "429" if self.burst_of == "429" else self._rng.choice(("503", "500_after"))
        return self.armed.popleft() if self.armed and self.is_order(request) else ""

    def way_s(self) -> float:
        return self._rng.uniform(0.001, 0.02) + self.slow_s + self._rng.random() * self.jitter_s

    def late_s(self, left_s: float) -> float:
        """How much later a request arrives that was forgotten somewhere."""
        return self._rng.uniform(0.5, max(0.5, left_s) + _LATE_S)

    def handle(self, request: Request, sender: str, key: str, known: tuple[bool, float]) -> CoreResponse:
        answer: CoreResponse = self.core.handle(request)
        self.requests[sender] += 1
        if answer.status == 429:
            self.refused += 1
        if key:
            now, body = asyncio.get_running_loop().time(), json.loads(request.body)
            self.arrived.append(Arrived(now, self.name, key, answer.status, sender, known[0], known[1] < 0, body))
            self.after()
        self._poke()
        return answer

    def reach(self, sender: str, there: bool) -> None:
        """Part a process from this venue, or bring them together again: what TCP still holds arrives then."""
        if there:
            self.cut.discard(sender)
        else:
            self.cut.add(sender)
        for wire in self.wires:
            if wire.owner == sender:
                wire.hold(not there)

    def half_open(self, sender: str) -> None:
        """The venue's WebSockets of a process say nothing any more, and nobody hears that they ended."""
        for wire in self.wires:
            if wire.owner == sender:
                wire.hold(True)
                asyncio.get_running_loop().call_later(_KEEPALIVE_S, wire.lose)

    def hang_up(self, sender: str) -> None:
        """A process died: its system closes its sockets."""
        for wire in self.wires:
            if wire.owner == sender:
                wire.lose()
        self.wires = [wire for wire in self.wires if wire.owner != sender]


class VirtualHttp:
    """The Http port of one process to one venue."""

    def __init__(self, door: Door, life: Life) -> None:
        self._door = door
        self._life = life

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        life, door, loop = self._life, self._door, asyncio.get_running_loop()
        life.passed("request")
        parts = urlsplit(url)
        request = Request(
            method,
            parts.path or "/",
            tuple(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc},
            body or b"",
        )
        key, known = "", (True, 60.0)
        if door.is_order(request):
            key = door.key(request)
            known = life.promised(key)
        fault = "cut" if life.name in door.cut else door.fault(request)
        if fault and fault != "cut":
            door.met[fault] += 1
        if fault == "unreachable":
            await asyncio.sleep(0.01)
            raise Unreachable(door.name, "unreachable", "the network refused")
        answered: asyncio.Future[CoreResponse | None] = loop.create_future()
        if fault in ("429", "503"):
            text = b'{"error":"too many requests"}' if fault == "429" else b'{"error":"service unavailable"}'
            loop.call_later(door.way_s(), _give, answered, CoreResponse(int(fault), text, {}))
        elif fault not in ("lost_before", "cut"):
            way = door.way_s() + door.core.latency(request)[0] / SECOND
            if fault == "late":  # the connection breaks, and what a proxy has of it arrives all the same
                loop.call_later(way, _give, answered, None)
                way += door.late_s(known[1])
            loop.call_later(way, self._arrive, request, fault, answered, key, known)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await answered
        except TimeoutError as exc:
            raise UnknownOutcome(door.name, "timeout", f"{method} {url}: no answer in {timeout_s:g} s") from exc
        life.passed("answer")
        if answer is None:
            raise UnknownOutcome(door.name, "no_answer", f"{method} {url}: cut")
        return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.body)

    def _arrive(
        self,
        request: Request,
        fault: str,
        answered: "asyncio.Future[CoreResponse | None]",
        key: str,
        known: tuple[bool, float],
    ) -> None:
        loop = asyncio.get_running_loop()
        answer: CoreResponse | None = self._door.handle(request, self._life.name, key, known)
        assert answer is not None
        way = self._door.way_s() + self._door.core.latency(request)[1] / SECOND
        if answer.drop or fault == "lost_after":
            answer = None
        elif fault == "500_after":
            answer = CoreResponse(500, b'{"error":"internal"}', {})
        elif fault == "garbage":
            answer = CoreResponse(200, b"<html>\xff", {})
        elif fault == "slow":
            way += 2.0
        if self._life.name not in self._door.cut:
            loop.call_later(way, _give, answered, answer)


def _give(answered: "asyncio.Future[CoreResponse | None]", answer: CoreResponse | None) -> None:
    if not answered.done():
        answered.set_result(answer)


class VirtualDialer:
    """The Dialer port of one process to one venue."""

    def __init__(self, door: Door, life: Life) -> None:
        self._door = door
        self._life = life

    async def connect(self, url: str, headers: Mapping[str, str]) -> "VenueWire":
        self._life.passed("dial")
        await asyncio.sleep(self._door.way_s())
        self._life.passed("dialled")
        if self._life.name in self._door.cut:
            await asyncio.sleep(5.0)
            raise Disconnected(f"{url}: no answer")
        parts = urlsplit(url)
        names = {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc, "upgrade": "websocket"}
        opened = self._door.core.connect(Request("GET", parts.path, tuple(parse_qsl(parts.query)), names, b""))
        if isinstance(opened, Refusal):
            if opened.response.status in (401, 403):
                raise AuthFailed(self._door.name, "unauthorized", f"{url} answered {opened.response.status}")
            raise Disconnected(f"{url} answered {opened.response.status}")
        wire = VenueWire(self._door, self._life, opened)
        self._door.wires = [one for one in self._door.wires if not one.ended] + [wire]
        return wire


class VenueWire:
    """One venue WebSocket: frames arrive in order, a moment later."""

    def __init__(self, door: Door, life: Life, session: Session) -> None:
        self._door = door
        self._life = life
        self._session = session
        self.owner = life.name
        self._frames: deque[bytes] = deque()
        self._held: deque[bytes | None] | None = None
        self.ended = False
        self._news = asyncio.Event()
        self._last = [0.0, 0.0]
        session.wake = self._wake
        self._wake()

    def _due(self, way: int) -> float:
        self._last[way] = max(asyncio.get_running_loop().time() + self._door.way_s() / 4, self._last[way] + 1e-7)
        return self._last[way]

    def _wake(self) -> None:
        loop, session = asyncio.get_running_loop(), self._session
        while session.outbox:
            loop.call_at(self._due(0), self._arrive, session.outbox.popleft().encode())
        if session.closed is not None:
            loop.call_at(self._due(0), self._arrive, None)

    def _arrive(self, data: bytes | None) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        if data is None:
            self.ended = True
        else:
            self._frames.append(data)
        self._news.set()

    def hold(self, holding: bool) -> None:
        """Keep what arrives back, or let all of it through."""
        if holding:
            self._held = self._held or deque()
            return
        held, self._held = self._held or deque(), None
        for data in held:
            self._arrive(data)

    def lose(self) -> None:
        """The connection is over; the venue hears of it too."""
        self._held = None
        if not self.ended:
            self._arrive(None)
            self._door.core.on_close(self._session)

    async def recv(self) -> bytes:
        while not self._frames:
            self._life.check()
            if self.ended:
                raise Disconnected("the venue closed")
            self._news.clear()
            await self._news.wait()
        return self._frames.popleft()

    async def send(self, data: str | bytes) -> None:
        self._life.passed("frame")
        if self.ended or self._session.closed is not None:
            raise Disconnected("the venue closed")
        text = data if isinstance(data, str) else data.decode()
        asyncio.get_running_loop().call_at(self._due(1), self._take, text)

    def _take(self, text: str) -> None:
        if self._session.closed is not None or self.ended:
            return
        if self._held is not None:  # TCP sends it again until it gets through
            asyncio.get_running_loop().call_later(0.5, self._take, text)
        else:
            self._door.core.on_frame(self._session, text)
            self._door._poke()

    async def close(self, code: int = 1000) -> None:
        if not self.ended:
            self.ended = True
            self._news.set()
            self._door.core.on_close(self._session)
            self._door._poke()
