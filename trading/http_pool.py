"""Warm connections to one origin: each carries one exchange at a time and is kept while it is certain to be usable.

Writes take the connection used last, the one most surely alive; reads take the one used longest ago, so that reading keeps every
connection warm and a write that coincides with a read still finds one. What was half read, cut, cancelled or timed out is closed.
"""

import asyncio
import ssl
from collections import deque
from typing import cast

from trading.http_wire import MalformedAnswer, Response, ResponseParser, origin_lines

__all__ = ["Connection", "Origin"]

_EARLY_S = 0.001
"""A timer may run this early; without the allowance it would be set again for the same moment, over and over."""
_IDLE_S = 12.0
"""Venues close a connection idle for 15 s; an order written into that close would be in doubt."""
_HAPPY_S = 0.25  # RFC 8305 5: then the next address is tried beside the first


class Connection(asyncio.Protocol):
    """One socket. exchange() is called only by whoever took the connection from its Origin, which gets it back on its own."""

    def __init__(self, origin: "Origin") -> None:
        self._origin = origin
        self._loop = asyncio.get_running_loop()
        self._parser = ResponseParser()
        self._waiter: asyncio.Future[Response] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self.exchanges = 0
        self.idle_since = 0.0
        self.lost: asyncio.Future[None] = self._loop.create_future()
        """Done when the socket is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._origin.remember(self)

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def stale(self) -> bool:
        """True when an exchange failed on a connection that had served before, and not a byte of an answer came."""
        return self.exchanges > 1 and not self._parser.started

    async def exchange(self, method: str, request: bytes, ends_at: float) -> Response:
        """Write a request and give its answer, until ends_at of the loop's clock.

        Raises TimeoutError, MalformedAnswer, and OSError for a connection that ended first; then, and when cancelled, the
        connection is closed and the request may have been received.
        """
        assert self._transport is not None
        self.exchanges += 1
        self._parser.begin(method)
        waiter: asyncio.Future[Response] = self._loop.create_future()
        self._waiter = waiter
        self._timer = self._loop.call_at(ends_at, self._expire)
        self._transport.write(request)
        try:
            return await waiter
        finally:
            if self._waiter is waiter:  # cancelled with the answer outstanding
                self._finish()
                self.abort()

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None:  # an answer nobody waits for
            self.abort()
            return
        try:
            answer = self._parser.feed(data)
        except MalformedAnswer as exc:
            self._fail(exc)
            return
        if answer is not None:
            self._answered(waiter, answer)

    def _finish(self) -> None:
        """No exchange is under way: neither its timer nor its task may touch the next one's."""
        self._waiter = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _answered(self, waiter: asyncio.Future[Response], answer: Response) -> None:
        """Free the connection for the next exchange before the answer is looked at."""
        self._finish()
        assert self._transport is not None
        whole = self._transport.get_write_buffer_size() == 0  # an early refusal leaves the rest of a request unsent
        if self._parser.reusable and whole and self.usable:
            self._origin.put_back(self)
        else:
            self.abort()
        if not waiter.done():
            waiter.set_result(answer)

    def _expire(self) -> None:
        self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        waiter = self._waiter
        self._finish()
        self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    def eof_received(self) -> None:
        waiter = self._waiter
        if waiter is not None and self._parser.started:
            try:
                self._answered(waiter, self._parser.end())
            except MalformedAnswer as exc:
                self._fail(exc)
        else:
            self._fail(ConnectionResetError("closed by the peer before it answered"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc if isinstance(exc, OSError) else ConnectionResetError("the connection was lost before the answer"))
        self._origin.forget(self)
        self.lost.set_result(None)

    def abort(self) -> None:
        """Close at once; nothing buffered is sent any more."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()


class Origin:
    """The connections to one host and port. tls None: plain TCP. Must be made inside a running loop."""

    def __init__(self, host: str, port: int, netloc: str, tls: ssl.SSLContext | None, *, limit: int) -> None:
        self.lines = origin_lines(netloc)
        self._host = host
        self._port = port
        self._tls = tls
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._opening = 0
        self._idle: deque[Connection] = deque()
        """Used longest ago first."""
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def take(self, *, write: bool) -> Connection | None:
        """A warm connection, None when there is none."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop() if write else self._idle.popleft()
            if connection.usable and now - connection.idle_since < _IDLE_S:  # the sweep may be late on a stalled loop
                return connection
            connection.abort()
        return None

    @property
    def full(self) -> bool:
        """No connection may be opened until one is closed."""
        return len(self._connections) + self._opening >= self._limit

    async def wait_turn(self) -> None:
        """Until a connection came back or may be opened; the caller looks again, for another may have been quicker."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # woken and cancelled at once: the turn is the next one's
                self._wake()
            raise

    async def open(self) -> Connection:
        """A new connection, TLS done. Raises OSError and UnicodeError (a host that is no name); nothing of a request was sent."""
        if self._closed:
            raise ConnectionAbortedError("the client is closed")
        self._opening += 1
        try:
            _, connection = await self._loop.create_connection(
                lambda: Connection(self),
                self._host,
                self._port,
                ssl=self._tls,
                server_hostname=self._host if self._tls is not None else None,
                happy_eyeballs_delay=_HAPPY_S,
            )
        finally:
            self._opening -= 1
            if not self.full:
                self._wake()
        if not connection.usable:
            raise ConnectionResetError("closed as soon as it was open")
        return connection

    def remember(self, connection: Connection) -> None:
        """The connection is open."""
        self._connections.add(connection)
        if self._closed:  # while it was being opened
            connection.abort()

    def put_back(self, connection: Connection) -> None:
        """The connection is free and may be used again."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        self._wake()
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_IDLE_S, self._sweep)

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _sweep(self) -> None:
        """Close what the venue is about to close."""
        due = self._loop.time() - _IDLE_S + _EARLY_S
        while self._idle and self._idle[0].idle_since <= due:
            self._idle.popleft().abort()
        self._sweeper = self._loop.call_at(self._idle[0].idle_since + _IDLE_S, self._sweep) if self._idle else None

    async def close(self) -> None:
        """Close every connection; exchanges under way fail, and so does every later open()."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._connections):
            connection.abort()
            await connection.lost
