"""One link session as a table of states, without I/O: bytes and time in, bytes, messages and an end out.

    state       event            next         sends       gives
    new         start (trader)   hello_sent   hello
    hello_sent  challenge        open         auth        Opened
    waiting     hello            challenged   challenge                 (controller)
    challenged  auth             open                     Opened
    open        sealed frame     open                     Received
    any         anything else, too late, or silent        closed        Closed(reason)

A closed session stays closed; the next one has fresh keys. Silence is judged by the other side's last good frame (B-225).
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from trading.clock import SECOND
from trading.ids import Ids
from trading.link.frames import VERSION, FrameError
from trading.link.handshake import Agreed, ControllerHandshake, TraderHandshake
from trading.link.identity import Identity, Peer
from trading.link.messages import ErrorMessage, Message, MessageError, decode, encode
from trading.market import Venue
from trading.units import MonoNs

__all__ = ["REFUSE", "Closed", "Event", "LinkSession", "LinkTimes", "Misunderstood", "Opened", "Received", "State"]

State = Literal["new", "hello_sent", "waiting", "challenged", "open", "closed"]
REFUSE = 5
"""Last frame of a failed handshake, in clear: a reason code for the other side's log. An open session says it sealed."""
MAX_AGE_NS = 24 * 3600 * SECOND
"""Rekey = reconnect (distributed.md 4.3)."""


class LinkTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Heartbeat every beat_ns; no new leg to a peer silent for quiet_ns; down at down_ns (B-225)."""

    beat_ns: int = SECOND
    quiet_ns: int = 3 * SECOND
    down_ns: int = 10 * SECOND
    handshake_ns: int = 3 * SECOND


TIMES = LinkTimes()


class Opened(msgspec.Struct, frozen=True):
    """The handshake is done and peer is who it says."""

    peer: Peer
    session: bytes
    epoch: int
    boot_id: bytes


class Received(msgspec.Struct, frozen=True):
    message: Message


class Misunderstood(msgspec.Struct, frozen=True):
    """A frame of the peer held no message of ours: it was told so, nothing is done, the session goes on (4.3)."""

    reason: str


class Closed(msgspec.Struct, frozen=True):
    """The session is over. reason is a code; said_by_peer marks the other side's own last word (not authenticated)."""

    reason: str
    said_by_peer: bool = False


Event = Opened | Received | Misunderstood | Closed


class LinkSession:
    """Make one with trader() or controller(); feed receive() and tick(); take what to send from outgoing()."""

    def __init__(self, state: State, now: MonoNs, times: LinkTimes) -> None:
        self.state: State = state
        self._times = times
        self._began = now
        self._heard = now
        self._out: list[bytes] = []
        self._trader: TraderHandshake | None = None
        self._controller: ControllerHandshake | None = None
        self._agreed: Agreed | None = None

    @classmethod
    def trader(
        cls,
        identity: Identity,
        controller: Peer,
        platform: Venue,
        *,
        node: str,
        boot_id: bytes,
        ids: Ids,
        now: MonoNs,
        times: LinkTimes = TIMES,
    ) -> "LinkSession":
        """The side that says hello; outgoing() holds it at once."""
        self = cls("hello_sent", now, times)
        self._trader = TraderHandshake(identity, controller, platform, node, boot_id, ids)
        self._out.append(self._trader.start())
        return self

    @classmethod
    def controller(
        cls,
        identity: Identity,
        peers: Mapping[bytes, Peer],
        *,
        epoch: int,
        ids: Ids,
        now: MonoNs,
        times: LinkTimes = TIMES,
    ) -> "LinkSession":
        """The side that waits for a hello. peers by key id."""
        self = cls("waiting", now, times)
        self._controller = ControllerHandshake(identity, peers, epoch, ids)
        return self

    def outgoing(self) -> list[bytes]:
        """Frames to send, in order; asked after every other call."""
        out, self._out = self._out, []
        return out

    def seal(self, message: Message) -> bytes | None:
        """The frame of a message, to be sent at once and in this order. None when the session is not open, or the message fits
        no frame."""
        if self.state != "open" or self._agreed is None:
            return None
        try:
            return self._agreed.sealer.seal(encode(message))
        except FrameError as exc:
            if exc.reason != "too_large":
                self.state = "closed"  # no number is left to say why
            return None

    def send(self, message: Message) -> bool:
        """Seal a message into outgoing(); False as seal() gives None."""
        frame = self.seal(message)
        if frame is not None:
            self._out.append(frame)
        return frame is not None

    def receive(self, frame: bytes, now: MonoNs) -> Event | None:
        """One frame from the peer."""
        if self.state == "closed":
            return None
        try:
            event = self._step(frame)
        except FrameError as exc:
            return self._end(exc.reason)
        if not isinstance(event, Closed):
            self._heard = now
        return event

    def _step(self, frame: bytes) -> Event | None:
        if frame[:2] == bytes((VERSION, REFUSE)) and self.state != "open":
            return self._refused(frame)
        if self.state == "hello_sent" and self._trader is not None:
            auth, self._agreed = self._trader.receive(frame)
            self._out.append(auth)
            return self._opened()
        if self.state == "waiting" and self._controller is not None:
            self._out.append(self._controller.hello(frame))
            self.state = "challenged"
            return None
        if self.state == "challenged" and self._controller is not None:
            self._agreed = self._controller.auth(frame)
            return self._opened()
        assert self._agreed is not None
        text = self._agreed.opener.open(frame)
        try:
            return Received(decode(text))
        except MessageError as exc:
            self.send(ErrorMessage(code="bad_message", text=str(exc)))
            return Misunderstood(str(exc))

    def _opened(self) -> Opened:
        assert self._agreed is not None
        self.state = "open"
        return Opened(self._agreed.peer, self._agreed.session, self._agreed.epoch, self._agreed.boot_id)

    def _refused(self, frame: bytes) -> Closed:
        code = "".join(char for char in frame[2:34].decode("ascii", "replace") if char.isalnum() or char == "_")
        self.state = "closed"
        return Closed(code or "refused", said_by_peer=True)

    def tick(self, now: MonoNs) -> Closed | None:
        """Time passed: end a handshake that takes too long, a silent peer, and a session whose keys are old."""
        if self.state == "closed":
            return None
        if self.state != "open":
            return self._end("handshake_timeout") if now - self._began > self._times.handshake_ns else None
        if now - self._heard > self._times.down_ns:
            return self._end("silent")
        return self._end("session_too_old") if now - self._began > MAX_AGE_NS else None

    def quiet(self, now: MonoNs) -> bool:
        """Whether no new leg may go to this peer: not open, or silent for longer than quiet_ns."""
        return self.state != "open" or now - self._heard > self._times.quiet_ns

    def close(self, reason: str) -> None:
        """End it from our side; the reason travels in outgoing()."""
        if self.state != "closed":
            self._end(reason)

    def _end(self, reason: str) -> Closed:
        if self.state == "open":
            self.send(ErrorMessage(code=reason))
        elif self.state != "closed":
            self._out.append(bytes((VERSION, REFUSE)) + reason.encode()[:32])
        self.state = "closed"
        return Closed(reason)
