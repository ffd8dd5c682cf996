"""The session on a wire: frames in, messages out, heartbeats, and an end that both sides notice in time.

A Channel lives as long as its session; a new connection is a new Channel. Frames are handled in the call that the socket makes,
so a command costs no task of its own (P6); only the heartbeat has a loop.
"""

import asyncio
from collections.abc import Awaitable, Callable

from trading.clock import SECOND, Clock
from trading.errors import Disconnected
from trading.link.messages import ErrorMessage, Message, Ping, Pong
from trading.link.offset import ClockOffset
from trading.link.session import Closed, LinkSession, LinkTimes, Misunderstood, Opened, Received
from trading.link.wire import LinkWire
from trading.log import get_logger
from trading.units import MonoNs

__all__ = ["Channel", "Handler"]

US = 1_000
Handler = Callable[["Channel", Message], None]
_log = get_logger("trading.link")


class Channel:
    """One open link. handle is called with every message but heartbeats, and must not block; status fills our pongs."""

    def __init__(
        self,
        wire: LinkWire,
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
        self.pongs = 0
        self._wire = wire
        self._session = session
        self._clock = clock
        self._handle = handle
        self._times = times
        self._status = status
        self._sleep = sleep
        self._reason = ""
        self._over = asyncio.Event()
        self._on_open: Callable[[Channel], None] = lambda _: None

    @property
    def ended(self) -> bool:
        return bool(self._reason)

    @property
    def quiet(self) -> bool:
        """Whether no new leg may go to this peer now (B-225)."""
        return self._session.quiet(self._clock.mono_ns())

    def send(self, message: Message) -> bool:
        """Write a message; False when the link is not open or the message fits no frame. Never blocks."""
        frame = self._session.seal(message)
        if frame is None or self._reason:
            return False
        try:
            self._wire.send(frame)
        except Disconnected as exc:
            self._end("disconnected", str(exc))
            return False
        return True

    def _flush(self) -> None:
        for frame in self._session.outgoing():
            try:
                self._wire.send(frame)
            except Disconnected as exc:
                self._end(self._reason or "disconnected", str(exc))
                return

    async def run(self, on_open: Callable[["Channel"], None] = lambda _: None) -> str:
        """Serve the link until it ends; returns the reason as a code. Never raises for what the peer does."""
        self._on_open = on_open
        beat = asyncio.create_task(self._beat())
        try:
            self._flush()
            self._wire.open(self._read, self._lost)
            await self._over.wait()
        finally:
            beat.cancel()
            self.close("closed")
        return self._reason

    def close(self, reason: str) -> None:
        """End the link from our side; the reason is said to the peer, and run() returns."""
        if not self._reason:
            self._session.close(reason)
            self._flush()
            self._end(reason)
        self._wire.close()

    def _end(self, reason: str, detail: str = "") -> None:
        if not self._reason:
            self._reason = reason
            if detail:
                _log.debug("link_ended", reason=reason, detail=detail)
        self._over.set()

    def _lost(self, why: str) -> None:
        self._end("disconnected", why)

    def _read(self, frame: bytes) -> None:
        if self._reason:
            return
        now = self._clock.mono_ns()
        event = self._session.receive(frame, now)
        if isinstance(event, Received):
            self._message(event.message, now)
        elif event is None:
            self._flush()  # our part of a handshake
        elif isinstance(event, Opened):
            self.opened = event
            self._flush()
            self._ping()
            self._on_open(self)
        elif isinstance(event, Misunderstood):
            self.misunderstood += 1
            self._flush()
            _log.warning("link_message_refused", reason=event.reason)
        if isinstance(event, Closed):
            self._flush()
            self._end(event.reason)

    def _message(self, message: Message, now: MonoNs) -> None:
        if isinstance(message, Ping):
            pong = Pong(t0=message.t0, t1=now // US, t2=self._clock.mono_ns() // US)
            self.send(self._status(pong))
        elif isinstance(message, Pong):
            self.offset.sample(MonoNs(message.t0 * US), message.t1 * US, message.t2 * US, now)
            self.peer_status = message
            self.pongs += 1
        else:
            if isinstance(message, ErrorMessage) and message.leg_id is None:
                _log.info("link_peer_says", code=message.code, text=message.text)
            self._guarded(message)

    def _guarded(self, message: Message) -> None:
        """The process's boundary: no message may take the link's reader down."""
        try:
            self._handle(self, message)
        except Exception as exc:
            _log.error(
                "link_message_failed", message=type(message).__name__, error=repr(exc), next="report it; the link goes on"
            )

    def _ping(self) -> None:
        self.send(Ping(t0=self._clock.mono_ns() // US))

    async def _beat(self) -> None:
        while True:
            await self._sleep(self._times.beat_ns / SECOND)
            closed = self._session.tick(self._clock.mono_ns())
            if closed is not None:
                self._flush()
                self._end(closed.reason)
                return
            if self._session.state == "open":
                self._ping()
