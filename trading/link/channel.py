"""The session on a real WebSocket: who dials and who listens, heartbeats, and an end that both sides notice in time.

websockets with one liveness mechanism, our own: no compression, no proxy variables, small bounded messages, a time limit on
every send (distributed.md 4.3). A Channel lives as long as its session; a new connection is a new Channel.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from trading.clock import SECOND, Clock
from trading.errors import Disconnected
from trading.link.messages import ErrorMessage, Message, Ping, Pong
from trading.link.offset import ClockOffset
from trading.link.session import Closed, LinkSession, LinkTimes, Misunderstood, Opened, Received
from trading.log import get_logger
from trading.stream import Wire
from trading.units import MonoNs

__all__ = ["Channel", "Handler"]

US = 1_000
_SEND_S = 5.0
"""A peer that reads nothing for this long is gone: a half-open socket blocks every send once its buffers are full."""
Handler = Callable[["Channel", Message], None]
_log = get_logger("trading.link")


class Channel:
    """One open link. handle is called with every message but heartbeats, and must not block; status fills our pongs."""

    def __init__(
        self,
        wire: Wire,
        session: LinkSession,
        clock: Clock,
        handle: Handler,
        *,
        times: LinkTimes,
        status: Callable[[Pong], Pong] = lambda pong: pong,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.offset = ClockOffset()
        self.opened: Opened | None = None
        self.peer_status: Pong | None = None
        self.misunderstood = 0
        self._wire = wire
        self._session = session
        self._clock = clock
        self._handle = handle
        self._times = times
        self._status = status
        self._sleep = sleep
        self._reason = ""
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()

    @property
    def quiet(self) -> bool:
        """Whether no new leg may go to this peer now (B-225)."""
        return self._session.quiet(self._clock.mono_ns())

    def send(self, message: Message) -> bool:
        """Queue a message in order; False when the link is not open or the message fits no frame. Never blocks."""
        sent = self._session.send(message)
        self._flush()
        return sent

    def _flush(self) -> None:
        for frame in self._session.outgoing():
            self._outbox.put_nowait(frame)

    async def run(self, on_open: Callable[["Channel"], None] = lambda _: None) -> str:
        """Serve the link until it ends; returns the reason as a code. Never raises for what the peer does."""
        self._flush()
        work = [asyncio.ensure_future(part) for part in (self._read(on_open), self._write(), self._beat())]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for one in work:
                if one.done() and not one.cancelled() and (error := one.exception()) is not None:
                    raise error
        finally:
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            self._session.close(self._reason or "closed")
            await self._last_words()
        return self._reason or "closed"

    def close(self, reason: str) -> None:
        """End the link from our side; run() returns."""
        if not self._reason:
            self._reason = reason
        self._session.close(reason)
        self._flush()
        self._outbox.put_nowait(b"")

    async def _read(self, on_open: Callable[["Channel"], None]) -> None:
        while not self._reason:
            try:
                frame = await self._wire.recv()
            except Disconnected:
                self._reason = self._reason or "disconnected"
                return
            now = self._clock.mono_ns()
            event = self._session.receive(frame, now)
            if isinstance(event, Received):
                self._message(event.message, now)
            elif isinstance(event, Opened):
                self.opened = event
                self._ping()
                on_open(self)
            elif isinstance(event, Misunderstood):
                self.misunderstood += 1
                _log.warning("link_message_refused", reason=event.reason)
            elif isinstance(event, Closed):
                self._reason = self._reason or event.reason
            self._flush()

    def _message(self, message: Message, now: MonoNs) -> None:
        if isinstance(message, Ping):
            pong = Pong(t0=message.t0, t1=now // US, t2=self._clock.mono_ns() // US)
            self._session.send(self._status(pong))
        elif isinstance(message, Pong):
            self.offset.sample(MonoNs(message.t0 * US), message.t1 * US, message.t2 * US, now)
            self.peer_status = message
        else:
            if isinstance(message, ErrorMessage) and message.leg_id is None:
                _log.warning("link_peer_says", code=message.code, text=message.text)
            self._handle(self, message)

    def _ping(self) -> None:
        self._session.send(Ping(t0=self._clock.mono_ns() // US))

    async def _write(self) -> None:
        while True:
            frame = await self._outbox.get()
            if not frame:
                return
            if not await self._sent(frame):
                return

    async def _sent(self, frame: bytes) -> bool:
        try:
            async with asyncio.timeout(_SEND_S):
                await self._wire.send(frame)
        except TimeoutError:
            self._reason = self._reason or "send_timeout"
            return False
        except Disconnected:
            self._reason = self._reason or "disconnected"
            return False
        return True

    async def _beat(self) -> None:
        while True:
            await self._sleep(self._times.beat_ns / SECOND)
            closed = self._session.tick(self._clock.mono_ns())
            if closed is not None:
                self._reason = self._reason or closed.reason
                return
            if self._session.state == "open":
                self._ping()
                self._flush()

    async def _last_words(self) -> None:
        """Send what says why, then close; neither may keep us."""
        self._flush()
        while not self._outbox.empty():
            frame = self._outbox.get_nowait()
            if frame and not await self._sent(frame):
                break
        with contextlib.suppress(Disconnected, TimeoutError, OSError):
            async with asyncio.timeout(_SEND_S):
                await self._wire.close()
