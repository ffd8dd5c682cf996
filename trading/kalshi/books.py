"""Kalshi order books kept from raw frames, without I/O: bytes and clocks in, book events to the sink, commands in the outbox.

    sid    one subscription; its seq counts every frame that carries both (snapshot, delta, ok, error, unsubscribed)
    seq    last + 1 applies and proves all books of the sid · last is dropped · anything else loses them all and asks for
           snapshots (kalshi.md 9.4)
    book   ready from a snapshot until the first doubt: a gap, a corrupt frame, a negative level, a crossed book (B-434)

A book in doubt asks for its snapshot once and again at growing intervals from tick(). Nothing here raises on any input.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from trading.book import Book, BookLost, Sink
from trading.clock import MS
from trading.errors import OutOfSync
from trading.kalshi.commands import Asked, Commands
from trading.kalshi.lifecycle import Lifecycles
from trading.kalshi.stream_codes import remedy
from trading.kalshi.subscription import Entry, Sid
from trading.kalshi.wire import (
    Delta,
    DeltaBody,
    Error,
    FeeUpdate,
    Lifecycle,
    Ok,
    Snapshot,
    SnapshotBody,
    Subscribed,
    Unsubscribed,
    decode_frame,
    decode_header,
    levels_from,
    parse_count,
)
from trading.market import Market, MarketId
from trading.units import ONE, MonoNs, WallNs, complement, parse_price

__all__ = ["KalshiBooks"]

_BOOKS = "orderbook_delta"
_LIFECYCLE = "market_lifecycle_v2"
_PROBE_AFTER_NS = 800 * MS


class KalshiBooks:
    """The books of one socket.

    yes_view True: the subscription asks for NO levels at YES prices (use_yes_price); False: at NO prices. The view is never
    guessed; a venue that answers in the other one shows crossed books, which are not ready. lifecycle True: this socket also
    follows market_lifecycle_v2, for all that share its terms; books may be shared too.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        yes_view: bool = True,
        lifecycle: bool = False,
        books: dict[MarketId, Book] | None = None,
        terms: dict[MarketId, Market] | None = None,
    ) -> None:
        self._sink = sink
        self._yes_view = yes_view
        self._lifecycle = lifecycle
        self.books: dict[MarketId, Book] = {} if books is None else books
        self._commands = Commands()
        self.outbox = self._commands.outbox
        self.lifecycles = Lifecycles(sink, terms)
        self._entries: dict[str, Entry] = {}
        self._sids: dict[int, Sid] = {}
        self._main: Sid | None = None
        self._connected = False
        self._now = self._since = MonoNs(0)
        self._turn = 0
        self._stamp_ms = 0
        self._stamp_wall = WallNs(0)
        self.frames = self.resyncs = self.bad_frames = self.ignored = 0
        self.complaints: deque[str] = deque(maxlen=32)
        """What the venue refused, for the log of whoever owns the socket."""
        self.crowded: deque[MarketId] = deque()
        """Markets this subscription has no room for: they belong on another socket."""
        self.refused: tuple[int, str] | None = None
        """Code and words of an error that only a new socket, or a mended key, can end."""

    # What the owner says

    def connect(self, now: MonoNs) -> None:
        """A new socket is open: forget the old one's subscriptions and ask for everything watched."""
        self._now = self._since = now
        self._sids.clear()
        self._commands.clear()
        self.crowded.clear()
        self._main = self.refused = None
        self._connected = True
        for entry in self._entries.values():
            entry.asked = False
            entry.sid = None
            entry.tries = 0
        self._subscribe(self._entries)
        if self._lifecycle:
            self._commands.put("subscribe", {"channels": [_LIFECYCLE]})

    def disconnect(self, reason: str) -> None:
        """The socket is gone: its books are lost at once (B-119)."""
        self._connected = False
        self.outbox.clear()
        self._lose(self._entries.values(), reason)

    def watch(self, markets: Sequence[Market]) -> None:
        """Add markets. Those known already keep their books and get their new terms."""
        added = []
        for market in markets:
            self.lifecycles.markets[market.id] = market
            if market.id not in self._entries:
                entry = self._entries[market.id] = Entry(market.id)
                self.books[market.id] = entry.book
                added.append(market.id)
        if added and self._connected and (self._main is not None or not self._commands.open("subscribe")):
            self._subscribe(added)

    def unwatch(self, markets: Sequence[MarketId]) -> None:
        """Drop markets; their books say goodbye with BookLost."""
        gone = [market for market in markets if market in self._entries]
        self._lose([self._entries[market] for market in gone], "unwatched")
        dropped = [market for market in gone if self._entries[market].asked]
        for market in gone:
            del self._entries[market]
            self.books.pop(market, None)
            self.lifecycles.markets.pop(market, None)
        if dropped and self._connected and self._main is not None:
            self._update(self._main, "delete_markets", dropped)

    def resync(self, market: MarketId, reason: str) -> None:
        """Ask for a fresh snapshot; the book is not ready until it came."""
        entry = self._entries.get(market)
        if entry is not None:
            self._doubt([entry], reason)

    def tick(self, now: MonoNs, wall: WallNs) -> None:
        """Several times a second: probe silent sids, ask again for what never came, close markets whose time is up."""
        self._now = now
        self.lifecycles.apply_time(wall, self._entries)
        if not self._connected:
            return
        if self._main is not None or not self._commands.open("subscribe"):
            self._ask_late()
        for sid in self._sids.values():
            if sid.channel == _BOOKS and now - max(sid.heard_at, sid.probed_at) >= _PROBE_AFTER_NS:
                self._probe(sid)

    def _ask_late(self) -> None:
        """Ask again for books that did not come, each at its own growing interval."""
        missing: list[str] = []
        for ticker, entry in self._entries.items():
            if not entry.take_turn(self._now):
                continue
            sid = entry.sid or self._main
            if entry.asked and sid is not None:
                self._ask(sid, [ticker])
            else:
                missing.append(ticker)
        self._subscribe(missing)

    def silent_ns(self, now: MonoNs) -> int:
        """How long the quietest book subscription, or the one still to come, has said nothing; 0 when nothing is watched."""
        ages = [now - sid.heard_at for sid in self._sids.values() if sid.channel == _BOOKS]
        return max(ages, default=now - self._since) if self._entries else 0

    @property
    def size(self) -> int:
        return len(self._entries)

    @property
    def ready(self) -> int:
        return sum(1 for entry in self._entries.values() if entry.book.ready)

    @property
    def latency_ms(self) -> float | None:
        """Venue stamp to our clock of the newest delta, None before the first."""
        return self._stamp_wall / MS - self._stamp_ms if self._stamp_ms else None

    # What the venue says

    def apply(self, data: bytes, now: MonoNs, wall: WallNs) -> None:
        """Take one frame: the tick path, one synchronous chain to the sink. Never raises on what the venue sends."""
        self._now = now
        self.frames += 1
        try:
            frame = decode_frame(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._apply_unknown(data, wall)
            return
        if type(frame) is Delta:
            sid = self._sids.get(frame.sid)
            if sid is not None and sid.seq is not None and frame.seq == sid.seq + 1:
                sid.seq = frame.seq
                sid.proof.at = sid.heard_at = now
            else:
                sid = self._count(frame.sid, frame.seq, _BOOKS)
                if sid is None:
                    return
            body = frame.msg
            entry = self._entries.get(body.market_ticker)
            if entry is not None and entry.sid is sid and entry.book.ready:
                self._apply_delta(entry, body, now, wall)
        else:
            self._apply_other(frame, wall)

    def _apply_delta(self, entry: Entry, body: DeltaBody, now: MonoNs, wall: WallNs) -> None:
        book = entry.book
        try:
            price = parse_price(body.price_dollars)
            if not 0 < price < ONE:
                raise OutOfSync(f"price {body.price_dollars} cannot stand in a book")
            if body.side == "yes":
                book.apply_delta("bid", price, parse_count(body.delta_fp), now)
            else:
                book.apply_delta("ask", price if self._yes_view else complement(price), parse_count(body.delta_fp), now)
        except (ValueError, OutOfSync) as exc:
            self._doubt([entry], str(exc))
            return
        if body.ts_ms is not None:
            self._stamp_ms = body.ts_ms
            self._stamp_wall = wall
        if book.bid >= book.ask:
            self._doubt([entry], f"crossed: bid {book.bid} and ask {book.ask}")
            return
        self._sink(entry.changed)

    def _apply_other(self, frame: Any, wall: WallNs) -> None:
        match frame:
            case Snapshot() if frame.sid in self._sids or not self._sids:  # 9.4: a stranger's would capture the book
                sid = self._count(frame.sid, frame.seq, _BOOKS, keep=frame.msg.market_ticker)
                if sid is not None:
                    self._apply_snapshot(sid, frame.msg)
            case Ok():
                self._commands.answered(frame.id)
                self._count(frame.sid, frame.seq, "")
            case Subscribed():
                self._apply_subscribed(frame)
            case Unsubscribed():
                self._count(frame.sid, frame.seq, "")
                self._end(frame.sid, "unsubscribed")
            case Error():
                self._count(frame.sid, frame.seq, "")
                self._apply_error(frame)
            case Lifecycle():
                if self._count(frame.sid, frame.seq, _LIFECYCLE, unnumbered=True) is not None:
                    self.lifecycles.apply_market(frame.msg, wall)
            case FeeUpdate():
                if self._count(frame.sid, frame.seq, _LIFECYCLE, unnumbered=True) is not None:
                    self.lifecycles.apply_fees(frame.msg, wall)

    def _apply_unknown(self, data: bytes, wall: WallNs) -> None:
        """A frame outside the union: count the sequence of an unknown type, doubt what a corrupt one may have carried."""
        try:
            header = decode_header(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.bad_frames += 1
            self._doubt_sids(self._sids.values(), "corrupt frame")
            return
        if header.type in (_BOOKS, "orderbook_snapshot", "ok", "subscribed", "unsubscribed", "error") or not header.type:
            self.bad_frames += 1
            sid = self._sids.get(header.sid) if header.sid is not None else None
            self._doubt_sids(self._sids.values() if sid is None else [sid], f"corrupt frame {header.type!r}")
            return
        self.ignored += 1
        self._count(header.sid, header.seq, "")

    def _count(
        self, number: int | None, seq: int | None, channel: str, *, keep: str = "", unnumbered: bool = False
    ) -> Sid | None:
        """Follow the sequence of a sid; None when the frame must not be used.

        After a gap or a reset only a snapshot is usable (keep names its market, which needs no asking).
        """
        if number is None:
            return None
        sid = self._sids.get(number)
        if sid is None:
            if not channel:
                return None
            sid = self._open(number, channel)  # the ack may be late; the first frame sets the sequence
        if seq is None:
            return sid if unnumbered else None
        last = sid.seq
        followed = sid.follow(seq, self._now)
        if followed != "jumped":
            return sid if followed == "next" else None
        self._doubt_sids([sid], f"sequence jumped from {last} to {seq}", keep=keep)
        sid.seq = seq
        if keep:
            sid.proof.at = self._now
        return sid if keep or channel == _LIFECYCLE else None

    def _apply_snapshot(self, sid: Sid, body: SnapshotBody) -> None:
        entry = self._entries.get(body.market_ticker)
        if entry is None:
            return
        try:
            bids, asks = levels_from(body.yes_dollars_fp, body.no_dollars_fp, yes_view=self._yes_view)
        except ValueError as exc:
            self._doubt([entry], f"snapshot: {exc}")
            return
        book = entry.book
        if book.ready and entry.sid is sid and book.bids == bids and book.asks == asks:
            return  # the answer to a probe agrees: proven, nothing changed, no new epoch
        entry.sid = sid
        book.proof = sid.proof
        # kalshi.md 9.4: in the view we asked for, the best NO level is never below the best YES bid
        if bids and asks and max(bids) >= min(asks):
            self._doubt([entry], f"snapshot crossed: bid {max(bids)} and ask {min(asks)}")
            return
        if book.ready:
            self.resyncs += 1  # a contiguous stream and its snapshot disagree
        book.apply_snapshot(bids, asks, self._now)
        entry.tries = 0
        self._sink(entry.changed)

    def _apply_subscribed(self, frame: Subscribed) -> None:
        self._commands.answered(frame.id)
        sid = self._sids.get(frame.msg.sid) or self._open(frame.msg.sid, frame.msg.channel)
        if frame.msg.channel == _BOOKS:
            self._main = sid
            self._subscribe([ticker for ticker, entry in self._entries.items() if not entry.asked])

    def _apply_error(self, frame: Error) -> None:
        code = frame.msg.code
        asked = self._commands.answered(frame.id)
        kind, tickers = asked.kind, asked.names
        self.complaints.append(f"{code} {frame.msg.msg}" + (f" for {kind} of {len(tickers)} markets" if kind else ""))
        todo = remedy(code)
        if todo == "resubscribe":
            for number in [frame.sid] if frame.sid is not None else list(self._sids):
                self._end(number, f"error {code}")
        elif todo in ("halt", "redial"):
            self.refused = (code, frame.msg.msg)
        elif todo == "spread" and kind in ("subscribe", "add_markets"):
            keep = len(tickers) // 2 if self._main is None else 0  # nothing stands yet: find out how many fit by halves
            self._subscribe([ticker for ticker in tickers[:keep] if ticker in self._entries])
            self.crowded.extend(MarketId(ticker) for ticker in tickers[keep:] if ticker in self._entries)
        elif todo == "narrow" and kind in ("subscribe", "add_markets") and len(tickers) > 1:
            half = len(tickers) // 2  # one market the venue does not know must not keep the others out
            for part in (tickers[:half], tickers[half:]):
                self._subscribe([ticker for ticker in part if ticker in self._entries])
        else:
            for ticker in tickers:
                if kind != "delete_markets" and ticker in self._entries:
                    self._entries[ticker].asked = False  # tick() asks again when its interval is over

    # Doubts and questions

    def _open(self, number: int, channel: str) -> Sid:
        sid = self._sids[number] = Sid(number, channel, self._now)
        if channel == _BOOKS:
            self._main = sid
        return sid

    def _end(self, number: int | None, reason: str) -> None:
        """A sid delivers no more: lose its books and subscribe again."""
        sid = self._sids.pop(number, None) if number is not None else None
        if sid is None:
            return
        if sid.channel == _LIFECYCLE:
            self._commands.put("subscribe", {"channels": [_LIFECYCLE]})
        if sid.channel != _BOOKS:
            return
        if self._main is sid:
            self._main = None
            self._since = self._now
        held = {ticker: entry for ticker, entry in self._entries.items() if entry.sid is sid or entry.sid is None}
        self.resyncs += 1
        self._lose(held.values(), reason)
        for entry in held.values():
            entry.sid = None
        self._subscribe(held)

    def _lose(self, entries: Iterable[Entry], reason: str) -> None:
        for entry in entries:
            if entry.book.ready:
                entry.book.lose()
                self._sink(BookLost(entry.book, reason))

    def _doubt(self, entries: Sequence[Entry], reason: str) -> None:
        """Lose books and ask once for their snapshots; a book that was in doubt already waits for its turn in tick()."""
        fresh = [entry for entry in entries if entry.book.ready]
        if fresh:
            self.resyncs += 1
        self._lose(fresh, reason)
        asked: dict[int, list[str]] = {}
        for entry in fresh:
            sid = entry.sid or self._main
            if sid is not None:
                asked.setdefault(sid.sid, []).append(entry.book.market)
        for number, tickers in asked.items():
            if number in self._sids:
                self._ask(self._sids[number], tickers)

    def _doubt_sids(self, sids: Iterable[Sid], reason: str, *, keep: str = "") -> None:
        for sid in sids:
            sid.seq = None  # the next frame sets it: one doubt is one resync
            sid.proof.at = MonoNs(0)
            if sid.channel == _BOOKS:
                held = [entry for entry in self._entries.values() if entry.sid is sid]
                if keep in self._entries and self._entries[keep].sid is sid:
                    kept = self._entries[keep]
                    self._lose([kept], reason)  # its snapshot is in the frame at hand
                self._doubt(held, reason)
            else:
                self.complaints.append(f"{sid.channel}: {reason}; changes of terms may be missed until the next read")

    def _probe(self, sid: Sid) -> None:
        """Ask one market's snapshot: its frame carries sid and seq, so it proves all books of the sid."""
        mine = [ticker for ticker, entry in self._entries.items() if entry.sid is sid]
        if mine and self._connected:
            self._turn += 1
            sid.probed_at = self._now
            self._update(sid, "get_snapshot", [mine[self._turn % len(mine)]])

    def _ask(self, sid: Sid, tickers: Sequence[str]) -> None:
        if not self._connected:
            return
        for ticker in tickers:
            self._entries[ticker].asked_at = self._now
        sid.probed_at = self._now
        self._update(sid, "get_snapshot", tickers)

    def _subscribe(self, tickers: Iterable[str]) -> None:
        """Name markets to the venue: added to the sid we have, else by a subscription of their own."""
        wanted = list(tickers)
        if not wanted or not self._connected:
            return
        for ticker in wanted:
            entry = self._entries[ticker]
            entry.asked = True
            entry.asked_at = self._now
        if self._main is not None:
            self._update(self._main, "add_markets", wanted)
        else:
            params = {"channels": [_BOOKS], "market_tickers": wanted, "use_yes_price": self._yes_view}
            self._commands.put("subscribe", params, Asked("subscribe", tuple(wanted)))

    def _update(self, sid: Sid, action: str, tickers: Sequence[str]) -> None:
        params = {"sids": [sid.sid], "action": action, "market_tickers": list(tickers)}
        # the answer to get_snapshot is a snapshot, not an ack
        self._commands.put("update_subscription", params, None if action == "get_snapshot" else Asked(action, tuple(tickers)))
