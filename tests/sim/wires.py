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
HTTP_FAULTS = ("unreachable", "lost_before", "lost_after", "500_after", "garbage", "429", "slow")
_OWNER: contextvars.ContextVar["Life | None"] = contextvars.ContextVar("owner", default=None)


class Life:
    """One process. end() is kill -9: its tasks stop, and nothing it still tries reaches anybody."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
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

    async def sleep(self, seconds: float) -> None:
        self.check()
        await asyncio.sleep(seconds)


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
    """One venue on the network. armed are faults of the next order writes, share is how many other requests fail."""

    def __init__(self, core: Any, rng: random.Random, poke: Callable[[], None]) -> None:
        self.core = core
        self.name: str = core.name
        self._rng = rng
        self._poke = poke
        self.armed: deque[str] = deque()
        self.share = 0.0
        self.met: Counter[str] = Counter()
        self.arrived: list[Arrived] = []
        self.promised: Callable[[str, str], tuple[bool, bool]] = lambda sender, key: (True, False)

    def is_order(self, request: Request) -> bool:
        return request.method == "POST" and request.path == ORDER_PATHS[self.name]

    def fault(self, request: Request) -> str:
        """What happens to this exchange; "" = nothing."""
        if self.is_order(request):
            return self.armed.popleft() if self.armed else ""
        return self._rng.choice(HTTP_FAULTS) if self._rng.random() < self.share else ""

    def way_s(self) -> float:
        return self._rng.uniform(0.001, 0.02)

    def handle(self, request: Request, sender: str) -> CoreResponse:
        key, known = "", (True, False)
        if self.is_order(request):
            body = json.loads(request.body)
            key = str(body["client_order_id"]) if self.name == "kalshi" else str(body["order"]["salt"])
            known = self.promised(sender, key)
        answer: CoreResponse = self.core.handle(request)
        if key:
            now = asyncio.get_running_loop().time()
            self.arrived.append(Arrived(now, self.name, key, answer.status, sender, known[0], known[1], body))
        self._poke()
        return answer


class VirtualHttp:
    """The Http port of one process to one venue."""

    def __init__(self, door: Door, life: Life) -> None:
        self._door = door
        self._life = life

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        self._life.check()
        door, loop = self._door, asyncio.get_running_loop()
        parts = urlsplit(url)
        request = Request(
            method,
            parts.path or "/",
            tuple(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc},
            body or b"",
        )
        fault = door.fault(request)
        if fault:
            door.met[fault] += 1
        if fault == "unreachable":
            await asyncio.sleep(0.01)
            raise Unreachable(door.name, "unreachable", "the network refused")
        answered: asyncio.Future[CoreResponse | None] = loop.create_future()
        if fault == "429":
            loop.call_later(door.way_s(), _give, answered, CoreResponse(429, b'{"error":"too many requests"}', {}))
        elif fault != "lost_before":
            loop.call_later(door.way_s() + door.core.latency(request)[0] / SECOND, self._arrive, request, fault, answered)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await answered
        except TimeoutError as exc:
            raise UnknownOutcome(door.name, "timeout", f"{method} {url}: no answer in {timeout_s:g} s") from exc
        self._life.check()
        if answer is None:
            raise UnknownOutcome(door.name, "no_answer", f"{method} {url}: cut")
        return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.body)

    def _arrive(self, request: Request, fault: str, answered: "asyncio.Future[CoreResponse | None]") -> None:
        loop = asyncio.get_running_loop()
        answer: CoreResponse | None = self._door.handle(request, self._life.name)
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
        self._life.check()
        await asyncio.sleep(self._door.way_s())
        self._life.check()
        parts = urlsplit(url)
        names = {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc, "upgrade": "websocket"}
        opened = self._door.core.connect(Request("GET", parts.path, tuple(parse_qsl(parts.query)), names, b""))
        if isinstance(opened, Refusal):
            if opened.response.status in (401, 403):
                raise AuthFailed(self._door.name, "unauthorized", f"{url} answered {opened.response.status}")
            raise Disconnected(f"{url} answered {opened.response.status}")
        return VenueWire(self._door, self._life, opened)


class VenueWire:
    """One venue WebSocket: frames arrive in order, a moment later."""

    def __init__(self, door: Door, life: Life, session: Session) -> None:
        self._door = door
        self._life = life
        self._session = session
        self._frames: deque[bytes] = deque()
        self._ended = False
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
        if data is None:
            self._ended = True
        else:
            self._frames.append(data)
        self._news.set()

    async def recv(self) -> bytes:
        while not self._frames:
            self._life.check()
            if self._ended:
                raise Disconnected("the venue closed")
            self._news.clear()
            await self._news.wait()
        return self._frames.popleft()

    async def send(self, data: str | bytes) -> None:
        self._life.check()
        if self._ended or self._session.closed is not None:
            raise Disconnected("the venue closed")
        text = data if isinstance(data, str) else data.decode()
        asyncio.get_running_loop().call_at(self._due(1), self._take, text)

    def _take(self, text: str) -> None:
        if self._session.closed is None and not self._ended:
            self._door.core.on_frame(self._session, text)
            self._door._poke()

    async def close(self, code: int = 1000) -> None:
        if not self._ended:
            self._ended = True
            self._news.set()
            self._door.core.on_close(self._session)
            self._door._poke()
