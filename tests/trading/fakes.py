"""In-memory Http, Wire and Dialer of trading.http and trading.stream for the tests of both venues: nothing passes but turns."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec

from trading.errors import Disconnected
from trading.http import Response


class Call(msgspec.Struct, frozen=True):
    """One request as it was sent. path stands below the base, query in the order of the URL."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes | None
    timeout_s: float
    url: str

    def asked(self, name: str) -> str | None:
        return dict(self.query).get(name)

    @property
    def params(self) -> dict[str, list[str]]:
        """Every value of every name."""
        return parse_qs(urlsplit(self.url).query)


Answer = Response | Exception | Callable[[Call], Response]


class FakeHttp:
    """Answers each path below base from a queue of its own; the last answer stays.

    An unknown path is answered with missing, and fails the test where none is given.
    """

    def __init__(self, *, base: str = "", missing: Response | None = None) -> None:
        self.calls: list[Call] = []
        self._base = base
        self._missing = missing
        self._answers: dict[tuple[str, str], deque[Answer]] = {}

    def on(self, method: str, path: str, *answers: Any) -> None:
        """Answers are Response, an exception to raise, a function of the call, the arguments of reply, or the body of a 200."""
        self._answers[(method, path)] = deque(_answer(one) for one in answers)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        parts = urlsplit(url)
        path = parts.path.removeprefix(self._base)
        call = Call(method, path, tuple(parse_qsl(parts.query)), headers, body, timeout_s, url)
        self.calls.append(call)
        if self._missing is not None and (method, path) not in self._answers:
            return self._missing
        queue = self._answers[(method, path)]
        answer = queue.popleft() if len(queue) > 1 else queue[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Response) else answer(call)


def _answer(given: Any) -> Answer:
    if isinstance(given, Response | Exception) or callable(given):
        return given
    return reply(*given) if isinstance(given, tuple) else reply(200, given)


def reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    """A response with body as it is when bytes, else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, headers or {}, data)


class FakeWire:
    """A socket whose incoming frames the test puts in; ends with Disconnected."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed = False
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(self, frame: object) -> None:
        """Hand in a frame: bytes as they are, anything else as JSON."""
        self._frames.put_nowait(frame if isinstance(frame, bytes) else json.dumps(frame).encode())

    def end(self) -> None:
        self._frames.put_nowait(None)

    def messages(self) -> list[dict[str, Any]]:
        """What was sent, but for keep-alives."""
        return [json.loads(text) for text in self.sent if text != "PING"]

    async def send(self, data: str | bytes) -> None:
        self.sent.append(data if isinstance(data, str) else data.decode())

    async def recv(self) -> bytes:
        data = await self._frames.get()
        if data is None:
            raise Disconnected("ended by the test")
        return data

    async def close(self, code: int = 1000) -> None:
        self.closed = True
        self.end()


class FakeDialer:
    """Hands out the given wires, or raises the given errors, in order; then never answers."""

    def __init__(self, *wires: FakeWire | Exception) -> None:
        self._wires = deque(wires)
        self.dialled: list[Mapping[str, str]] = []

    async def connect(self, url: str, headers: Mapping[str, str]) -> FakeWire:
        self.dialled.append(headers)
        if not self._wires:
            await asyncio.Event().wait()
        wire = self._wires.popleft()
        if isinstance(wire, Exception):
            raise wire
        return wire


async def settle(turns: int = 12) -> None:
    """Let every ready task run."""
    for _ in range(turns):
        await asyncio.sleep(0)
