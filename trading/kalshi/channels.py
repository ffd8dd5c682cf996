"""Any channels but the book's on one socket, without I/O: bytes in, frames out, commands in the outbox (kalshi.md 9).

    subscribe ─► subscribed (a sid of its own) or ok (merged into the sid the channel has)
    seq       counts per sid where a channel has one: trades and group updates; a jump is told as a gap
    silence   after quiet time the subscriptions are asked for; no answer, or a missing channel, is found out (B-428)

Nothing here raises on a frame's content, but for the two ends of a socket: Disconnected = dial again, AuthFailed = halt.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from trading.errors import AuthFailed, Disconnected
from trading.kalshi.commands import Asked, Commands
from trading.kalshi.stream_codes import remedy
from trading.kalshi.wire import Error, FillFrame, OrderFrame, Subscribed, Unsubscribed, decode_header
from trading.kalshi.wire_stream import (
    GroupFrame,
    OkFrame,
    PositionFrame,
    SubscriptionRow,
    TickerFrame,
    TradeFrame,
    decode_any,
)
from trading.market import KALSHI, MarketId

__all__ = ["Channels", "Gap", "Heard", "Wanted"]

_UNNUMBERED = frozenset({"fill", "user_orders", "market_positions", "ticker"})
_MOST_REPEATS = 3
"""Subscriptions that end this often on one socket without a frame between are left to a new socket."""


class Wanted(msgspec.Struct, frozen=True):
    """One channel to follow; no markets = all of them."""

    channel: str
    markets: tuple[MarketId, ...] = ()


class Gap(msgspec.Struct, frozen=True):
    """Frames of this channel were missed: what was built from them has to be read again."""

    channel: str
    why: str


Heard = FillFrame | OrderFrame | PositionFrame | TickerFrame | TradeFrame | GroupFrame | Gap


class Channels:
    """The subscriptions of one socket."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self._wanted = {one.channel: one for one in wanted}
        self._commands = Commands()
        self.outbox = self._commands.outbox
        self._sids: dict[int, str] = {}
        self._seqs: dict[int, int] = {}
        self._refused: set[str] = set()
        self._probe: int | None = None
        self._repeats = 0
        self.subscribed: frozenset[str] = frozenset()
        """Channels the venue confirmed on this socket."""
        self.gaps = self.ignored = 0
        self.complaints: deque[str] = deque(maxlen=32)
        """What the venue refused, for the log of whoever owns the socket."""

    def connect(self) -> None:
        """A new socket is open: forget the old one and subscribe to everything wanted."""
        self._sids.clear()
        self._seqs.clear()
        self._commands.clear()
        self._probe = None
        self._repeats = 0
        self.subscribed = frozenset()
        self._refused.clear()
        for one in self._wanted.values():
            self._subscribe(one)

    def quiet(self) -> None:
        """Nothing came for a while: ask for our subscriptions. Raises Disconnected when the last question was not answered."""
        if self._probe is not None:
            raise Disconnected("no data, and no answer to a question, although the socket is open")
        self._probe = self._commands.put("list_subscriptions")

    def apply(self, data: bytes) -> Heard | None:
        """Take one frame. Raises Disconnected and AuthFailed as the error codes demand."""
        try:
            frame = decode_any(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._apply_unknown(data)
        match frame:
            case FillFrame() | OrderFrame() | PositionFrame() | TickerFrame():
                self._probe = None
                self._repeats = 0
                return frame
            case TradeFrame() | GroupFrame():
                self._probe = None
                self._repeats = 0
                return self._count(frame.sid, frame.seq, frame)
            case Error():
                self._apply_error(frame)
            case Subscribed():
                self._commands.answered(frame.id)
                self._open(frame.msg.sid, frame.msg.channel)
            case Unsubscribed():
                return self._end(frame.sid, "unsubscribed")
            case OkFrame():
                return self._apply_ok(frame)
        return None

    def _apply_unknown(self, data: bytes) -> Heard | None:
        """A type or shape that is not ours: its sequence still counts."""
        self.ignored += 1
        try:
            header = decode_header(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return self._count(header.sid, header.seq, None)

    def _apply_ok(self, frame: OkFrame) -> Heard | None:
        self._commands.answered(frame.id)
        if frame.id is not None and frame.id == self._probe:
            self._probe = None
            return self._compare(frame.msg)
        if frame.sid is not None and frame.sid in self._sids:  # a later subscribe merged into this sid
            self.subscribed |= {self._sids[frame.sid]}
        return self._count(frame.sid, frame.seq, None)

    def _compare(self, rows: msgspec.Raw) -> Heard | None:
        """The venue's own list of our subscriptions: a channel that is not on it would be silent for ever."""
        try:
            listed = {row.channel for row in msgspec.json.decode(rows, type=tuple[SubscriptionRow, ...])}
        except msgspec.MsgspecError:
            return None
        lost = set(self._wanted) - listed - self._refused - self._commands.open("subscribe")
        gap: Heard | None = None
        for sid, channel in list(self._sids.items()):
            if channel in lost:
                lost.discard(channel)
                gap = self._end(sid, "the venue no longer lists it")
        for channel in sorted(lost):
            self._subscribe(self._wanted[channel])
        return gap

    def _apply_error(self, frame: Error) -> None:
        code = frame.msg.code
        channel = next(iter(self._commands.answered(frame.id).names), "")
        self._probe = None if frame.id is not None and frame.id == self._probe else self._probe
        self.complaints.append(f"{code} {frame.msg.msg}" + (f" for {channel}" if channel else ""))
        if frame.sid is not None and frame.seq is not None:
            self._seqs[frame.sid] = frame.seq
        match remedy(code):
            case "halt":
                raise AuthFailed(KALSHI, f"stream_{code}", f"{frame.msg.msg}; check the key and its scopes")
            case "resubscribe":
                for sid in [frame.sid] if frame.sid is not None else list(self._sids):
                    self._end(sid, f"error {code}")
            case "ours" if channel:
                self._refused.add(channel)  # one command per channel: the others go on
            case other:
                raise Disconnected(f"error {code} {frame.msg.msg}: {other}")

    # subscriptions

    def _subscribe(self, wanted: Wanted) -> None:
        params: dict[str, Any] = {"channels": [wanted.channel]}
        if wanted.markets:
            params["market_tickers"] = list(wanted.markets)
        self._commands.put("subscribe", params, Asked("subscribe", (wanted.channel,)))

    def _open(self, sid: int, channel: str) -> None:
        self._sids[sid] = channel
        self.subscribed |= {channel}

    def _end(self, sid: int, why: str) -> Gap | None:
        """A subscription delivers no more: subscribe again. Raises Disconnected when that helps nothing."""
        channel = self._sids.pop(sid, None)
        self._seqs.pop(sid, None)
        if channel is None or channel not in self._wanted:
            return None
        self._repeats += 1
        if self._repeats > _MOST_REPEATS:
            raise Disconnected(f"{channel} ended {self._repeats} times: {why}")
        self.subscribed -= {channel}
        self.complaints.append(f"{channel}: {why}; subscribed again")
        self.gaps += 1
        self._subscribe(self._wanted[channel])
        return Gap(channel, why)

    def _count(self, sid: int | None, seq: int | None, frame: Heard | None) -> Heard | None:
        """Follow the sequence of a sid: a repeated frame is dropped, a jump is a Gap instead of its frame."""
        if sid is None or seq is None or self._sids.get(sid, "") in _UNNUMBERED:
            return frame
        last = self._seqs.get(sid)
        if last is not None and seq == last:
            return None
        self._seqs[sid] = seq
        if last is None or seq == last + 1:
            return frame
        self.gaps += 1
        return Gap(self._sids.get(sid, ""), f"sequence jumped from {last} to {seq}")
