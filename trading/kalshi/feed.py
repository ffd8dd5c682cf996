"""Keeps Kalshi's books over WebSockets: KalshiBooks decides, this file dials, reads, writes and waits.

Later subscriptions of a socket merge into its first sid (kalshi.md 9.2), so markets are spread over sockets of at most
max_per_sid: a gap then costs one socket's books. A watchdog beside each reader probes quiet books often enough to keep them
proven and drops a socket that only pongs (B-428).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from trading.book import Book, Sink
from trading.clock import MS, SECOND, Clock
from trading.errors import AuthFailed, Disconnected
from trading.ids import Ids
from trading.kalshi.books import KalshiBooks
from trading.kalshi.session import Redial, dial
from trading.kalshi.sign import KalshiSigner
from trading.kalshi.stream_codes import remedy
from trading.log import get_logger
from trading.market import KALSHI, Market, MarketId
from trading.stream import TURN_NS, Dialer, Wire
from trading.venue import FeedStatistics

__all__ = ["KalshiBooks", "KalshiFeed"]

_log = get_logger(__name__)

_TICK_S = 0.25
_DEAD_NS = 5 * SECOND
"""A book subscription that answers no probe this long is dead, whatever its pongs say."""


class _Socket:
    """One socket and its books."""

    __slots__ = ("books", "connected", "markets", "reconnects", "redial")

    def __init__(self, books: KalshiBooks, redial: Redial) -> None:
        self.books = books
        self.redial = redial
        self.markets = 0
        self.connected = False
        self.reconnects = 0


class KalshiFeed:
    """The Feed of Kalshi. Every event reaches the sink inside the call that decoded its frame.

    sleep is given so that tests and virtual time need not wait.
    """

    venue = KALSHI

    def __init__(
        self,
        dialer: Dialer,
        url: str,
        signer: KalshiSigner,
        clock: Clock,
        ids: Ids,
        sink: Sink,
        *,
        max_per_sid: int = 300,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._dialer = dialer
        self._url = url
        self._signer = signer
        self._clock = clock
        self._ids = ids
        self._sink = sink
        self._max = max_per_sid
        self._sleep = sleep
        self.books: dict[MarketId, Book] = {}
        self._terms: dict[MarketId, Market] = {}
        self._home: dict[MarketId, _Socket] = {}
        self._sockets: list[_Socket] = []
        self._group: asyncio.TaskGroup | None = None

    def watch(self, markets: Sequence[Market]) -> None:
        """Add markets; running streams are not dropped (B-109). A market watched before gets its new terms."""
        placed: dict[_Socket, list[Market]] = {}
        for market in markets:
            socket = self._home.get(market.id)
            if socket is None:
                socket = self._home[market.id] = self._place()
                socket.markets += 1
            placed.setdefault(socket, []).append(market)
        for socket, some in placed.items():
            socket.books.watch(some)

    def _place(self) -> _Socket:
        for socket in self._sockets:
            if socket.markets < self._max:
                return socket
        first = not self._sockets
        books = KalshiBooks(self._sink, yes_view=True, lifecycle=first, books=self.books, terms=self._terms)
        socket = _Socket(books, Redial(self._ids, f"books-{len(self._sockets)}"))
        self._sockets.append(socket)
        if self._group is not None:
            self._group.create_task(self._run_socket(socket))
        return socket

    def _move(self, crowded: _Socket, market: MarketId) -> None:
        """Watch a market on another socket: the venue holds no more on this one (error 26), so no socket takes more than it has."""
        terms = self._terms.get(market)
        if terms is None:
            return
        crowded.books.unwatch([market])
        crowded.markets -= 1
        self._max = max(1, min(self._max, crowded.markets))
        socket = self._home[market] = self._place()
        socket.markets += 1
        socket.books.watch([terms])
        _log.warning("kalshi_subscription_full", market=market, most=self._max)

    def unwatch(self, markets: Sequence[MarketId]) -> None:
        for market in markets:
            socket = self._home.pop(market, None)
            if socket is not None:
                socket.markets -= 1
                socket.books.unwatch([market])

    def resync(self, market: MarketId, reason: str) -> None:
        """Ask for a fresh snapshot; the book is not ready until it came."""
        socket = self._home.get(market)
        if socket is not None:
            socket.books.resync(market, reason)

    async def run(self) -> None:
        """Connect, subscribe, apply, reconnect, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for socket in self._sockets:
                    group.create_task(self._run_socket(socket))
                await asyncio.Event().wait()  # sockets join the group as markets come
        finally:
            self._group = None

    async def _run_socket(self, socket: _Socket) -> None:
        while True:
            try:
                await self._run_once(socket)
            except (AuthFailed, Disconnected) as exc:
                delay = socket.redial.delay_s(exc)
                _log.info("kalshi_feed_down", reason=str(exc), markets=socket.books.size, retry_s=round(delay, 3))
                await self._sleep(delay)

    async def _run_once(self, socket: _Socket) -> None:
        """One life of a socket. Raises AuthFailed or Disconnected at its end."""
        wire = await dial(self._dialer, self._url, self._signer, self._clock)
        socket.connected = True
        lost: AuthFailed | Disconnected = Disconnected("the feed was stopped")
        try:
            socket.books.connect(self._clock.mono_ns())
            await self._flush(socket, wire)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch_over(socket, wire))
                group.create_task(self._read(socket, wire))
        except* (AuthFailed, Disconnected) as ended:
            lost = _first(ended)
        finally:
            socket.connected = False
            socket.reconnects += 1
            socket.books.disconnect(str(lost))
            await wire.close()
        raise lost

    async def _read(self, socket: _Socket, wire: Wire) -> None:
        books, clock = socket.books, self._clock
        heard = False
        turn = clock.mono_ns()
        while True:
            data = await wire.recv()
            now = clock.mono_ns()
            books.apply(data, now, clock.wall_ns())
            if now - turn > TURN_NS:  # recv does not wait while frames are queued: a backlog must not hold the loop
                await asyncio.sleep(0)
                turn = clock.mono_ns()
            if books.outbox:
                await self._flush(socket, wire)
            if not heard and books.ready:
                heard = True
                socket.redial.apply_success()

    async def _watch_over(self, socket: _Socket, wire: Wire) -> None:
        books = socket.books
        while True:
            await self._sleep(_TICK_S)
            now = self._clock.mono_ns()
            if books.refused is not None:
                raise _end_of(*books.refused)
            while books.crowded:
                self._move(socket, books.crowded.popleft())
            silent = books.silent_ns(now)
            if silent > _DEAD_NS:
                raise Disconnected(f"no data for {silent // MS} ms although the socket is open")
            books.tick(now, self._clock.wall_ns())
            await self._flush(socket, wire)
            while books.complaints:
                _log.warning("kalshi_stream_complaint", detail=books.complaints.popleft())

    async def _flush(self, socket: _Socket, wire: Wire) -> None:
        outbox = socket.books.outbox
        while outbox:
            await wire.send(outbox.popleft())

    def statistics(self) -> FeedStatistics:
        sockets = self._sockets
        latencies = [value for socket in sockets if (value := socket.books.latency_ms) is not None]
        return FeedStatistics(
            markets=len(self.books),
            ready=sum(socket.books.ready for socket in sockets),
            frames=sum(socket.books.frames for socket in sockets),
            reconnects=sum(socket.reconnects for socket in sockets),
            resyncs=sum(socket.books.resyncs for socket in sockets),
            bad_frames=sum(socket.books.bad_frames for socket in sockets),
            connected=bool(sockets) and all(socket.connected for socket in sockets),
            latency_ms=max(latencies, default=None),
        )


def _end_of(code: int, words: str) -> AuthFailed | Disconnected:
    """What a stream error that the socket cannot survive raises: a refused key halts, the rest dials again."""
    if remedy(code) == "halt":
        return AuthFailed(KALSHI, f"stream_{code}", f"{words}; check the key and its scopes")
    return Disconnected(f"error {code}: {words}")


def _first(group: BaseExceptionGroup[AuthFailed | Disconnected]) -> AuthFailed | Disconnected:
    """The first single error of a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, AuthFailed | Disconnected)
    return error
