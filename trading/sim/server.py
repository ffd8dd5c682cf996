"""Both venue cores as loopback servers: aiohttp carries bytes, the cores decide.

The shell waits the core's latency before and after each request, pumps each session's outbox to its WebSocket, cuts readers
that stay behind, and calls advance() whenever something is due. It binds 127.0.0.1 only. /_control throws faults and shows
accounts; no venue has such a path, so no client meets it by accident.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from trading.clock import SECOND, Clock
from trading.sim.control import PATH, Control, ControlDoor
from trading.sim.core import Refusal, Request, Response, Session, VenueCore
from trading.units import MonoNs

__all__ = ["Actor", "Driver", "SimServer", "bind_loopback"]

_KEEP_ALIVE_S = 3_600.0
_OUTBOX_LIMIT = 100_000
"""Frames after which the shell itself cuts a reader; a venue with its own way of doing so has a lower bound in its core."""
_ABNORMAL = 1006


class Actor(Protocol):
    """Something that acts in time: a venue core, the order flow, a script."""

    def advance(self) -> None: ...
    def next_due(self) -> MonoNs | None: ...


class Driver:
    """Advances actors when they are due, in the order given; poke() says that something may be due earlier than thought."""

    def __init__(self, actors: Sequence[Actor], clock: Clock) -> None:
        self._actors = actors
        self._clock = clock
        self._poked = asyncio.Event()

    def poke(self) -> None:
        self._poked.set()

    def _wait_s(self) -> float | None:
        dues = [due for due in (actor.next_due() for actor in self._actors) if due is not None]
        return max(0.0, (min(dues) - self._clock.mono_ns()) / SECOND) if dues else None

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._poked.clear()
            for actor in self._actors:
                actor.advance()
            wait = self._wait_s()
            if wait == 0.0:
                await asyncio.sleep(0)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._poked.wait()


class _VenueShell:
    """One venue's port."""

    def __init__(self, core: VenueCore, driver: Driver, *, ping: bytes | None, ping_s: float) -> None:
        self._core = core
        self._driver = driver
        self._ping = ping
        self._ping_s = ping_s
        self.requests = self.frames_in = self.frames_out = self.sessions = self.dropped = 0
        self.first_frame: Callable[[], None] = lambda: None

    async def handle(self, http: web.Request) -> web.StreamResponse:
        request = _read(http, await http.read())
        if http.headers.get("Upgrade", "").lower() == "websocket":
            return await self._serve_socket(http, request)
        self.requests += 1
        before, after = self._core.latency(request)
        if before > 0:
            await asyncio.sleep(before / SECOND)
        answer = self._core.handle(request)
        self._driver.poke()
        if after > 0:
            await asyncio.sleep(after / SECOND)
        if answer.drop:
            self.dropped += 1
            _cut(http)
        return _response(answer)

    async def _serve_socket(self, http: web.Request, request: Request) -> web.StreamResponse:
        session = self._core.connect(request)
        if isinstance(session, Refusal):
            return _response(session.response)
        socket_ = web.WebSocketResponse(autoping=True, compress=False, timeout=1.0)
        woken = asyncio.Event()

        def wake() -> None:
            woken.set()
            if session.closed == _ABNORMAL or len(session.outbox) > _OUTBOX_LIMIT:
                _cut(http)

        session.wake = wake
        self.sessions += 1
        tasks: list[asyncio.Task[None]] = []
        try:
            await socket_.prepare(http)
            tasks.append(asyncio.create_task(self._pump(socket_, session, woken)))
            if self._ping is not None:
                tasks.append(asyncio.create_task(self._heartbeat(socket_, session, self._ping)))
            async for message in socket_:
                if message.type is WSMsgType.TEXT:
                    self._on_frame(session, message.data)
        finally:
            self.sessions -= 1
            self._core.on_close(session)
            self._driver.poke()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket_

    def _on_frame(self, session: Session, text: str) -> None:
        self.frames_in += 1
        self._core.on_frame(session, text)
        self._driver.poke()
        self.first_frame()

    async def _pump(self, socket_: web.WebSocketResponse, session: Session, woken: asyncio.Event) -> None:
        with contextlib.suppress(ConnectionError):  # the reader side sees the same end and cleans up
            while True:
                woken.clear()
                while session.outbox:
                    await socket_.send_str(session.outbox.popleft())
                    self.frames_out += 1
                if session.closed is not None:
                    await socket_.close(code=1001 if session.closed == _ABNORMAL else session.closed)
                    return
                await woken.wait()

    async def _heartbeat(self, socket_: web.WebSocketResponse, session: Session, body: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(self._ping_s)
                if session.pings:
                    await socket_.ping(body)


class SimServer:
    """The two ports, the driver and the control path."""

    def __init__(
        self,
        *,
        kalshi: VenueCore,
        polymarket: VenueCore,
        clock: Clock,
        actors: Sequence[Actor] = (),
        control: Control | None = None,
        ping_s: float = 10.0,
    ) -> None:
        self._driver = Driver((*actors, kalshi, polymarket), clock)
        self._door = None if control is None else ControlDoor(control, clock, served=self.statistics)
        # kalshi.md 9.1: a protocol Ping every 10 s with body "heartbeat"; Polymarket's clients send text PINGs themselves.
        self._shells = {
            "kalshi": _VenueShell(kalshi, self._driver, ping=b"heartbeat", ping_s=ping_s),
            "polymarket": _VenueShell(polymarket, self._driver, ping=None, ping_s=ping_s),
        }
        self._runners: list[web.AppRunner] = []
        self._task: asyncio.Task[None] | None = None

    def on_streaming(self, do: Callable[[], None]) -> None:
        """Call do on every frame received while both venues have a stream open."""

        def check() -> None:
            if all(shell.sessions for shell in self._shells.values()):
                do()
                self._driver.poke()

        for shell in self._shells.values():
            shell.first_frame = check

    async def start(self, kalshi: socket.socket, polymarket: socket.socket) -> None:
        """Serve on two bound sockets until close()."""
        for sock, shell in ((kalshi, self._shells["kalshi"]), (polymarket, self._shells["polymarket"])):
            app = web.Application(client_max_size=8 * 1024 * 1024)
            app.router.add_route("*", PATH, self._on_control)
            app.router.add_route("*", PATH + "/{what}", self._on_control)
            app.router.add_route("*", "/{tail:.*}", shell.handle)
            runner = web.AppRunner(app, access_log=None, keepalive_timeout=_KEEP_ALIVE_S, shutdown_timeout=1.0)
            await runner.setup()
            self._runners.append(runner)
            await web.SockSite(runner, sock).start()
        self._task = asyncio.create_task(self._driver.run())

    async def wait_failed(self) -> None:
        """Return never, or raise what broke the driver."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for runner in self._runners:
            await runner.cleanup()

    def statistics(self) -> dict[str, dict[str, int]]:
        return {
            name: {
                "requests": shell.requests,
                "sessions": shell.sessions,
                "frames_in": shell.frames_in,
                "frames_out": shell.frames_out,
                "dropped_answers": shell.dropped,
            }
            for name, shell in self._shells.items()
        }

    async def _on_control(self, http: web.Request) -> web.Response:
        if self._door is None:
            return _response(Response(404, b'{"error":"no control"}', {"content-type": "application/json"}))
        answer = self._door.handle(_read(http, await http.read()))
        self._driver.poke()
        return _response(answer)


def bind_loopback(port: int) -> socket.socket:
    """A listening TCP socket on 127.0.0.1; port 0 takes any free one. Raises OSError when the port is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def _read(http: web.Request, body: bytes) -> Request:
    """The request as it stood on the wire: the path still percent-encoded, since signatures cover those bytes."""
    path, _, query = http.raw_path.partition("?")
    return Request(
        method=http.method,
        path=path,
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in http.headers.items()},
        body=body,
    )


def _response(answer: Response) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))


def _cut(http: web.Request) -> None:
    """End the connection without a word."""
    if http.transport is not None:
        http.transport.abort()
