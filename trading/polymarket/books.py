"""The market channel without I/O: frames in, one YES book per market, proof and doubt out (polymarket.md 11).

The two tokens of a market are exact mirrors, so each change is applied once, in token 0's prices; token 1's entries stand in when
token 0's are missing. There are no sequence numbers: each change carries the best prices after it, and these are the check.

    change agrees ─► proved, ready        disagrees or crosses ─► in doubt: not ready, still applied
                                          leaves a side unstated ─► proves nothing, ends no doubt
    in doubt ─► agrees again ─► ready     (frames of one burst arrive one by one, with the bests of the burst's end)
             ─► for 1 s, or a crossed snapshot, or two REST samples against it ─► lost, resync
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from trading.book import Book, BookChanged, BookLost, MarketChanged, Sink
from trading.clock import MS, SECOND
from trading.errors import BadAnswer
from trading.market import Market, MarketId, Outcome
from trading.polymarket.frames import (
    GARBLED,
    KNOWN,
    BestBidAsk,
    BookFrame,
    Change,
    Event,
    LastTrade,
    NewMarket,
    PriceChange,
    Sample,
    TickSize,
    decode_frame,
    read_levels,
    read_milliseconds,
    read_size,
    stated_ask,
    stated_bid,
)
from trading.polymarket.wire import grid_of, parse_tick, yes_levels
from trading.units import ONE, MonoNs, Price, WallNs, complement, parse_price

__all__ = ["DOUBT_NS", "PolymarketBooks"]

DOUBT_NS = 1 * SECOND
STRIKES = 2


class _Watched:
    """A market, its book and what is known about the book's truth. stamp is the venue's ms of the last frame applied."""

    __slots__ = ("book", "closed", "doubt_since", "market", "no", "stamp", "strikes", "synced", "touched_at", "waits", "yes")

    def __init__(self, market: Market) -> None:
        self.market = market
        self.yes, self.no = market.tokens
        self.book = Book(market.id)
        self.synced = False
        """A snapshot was applied and nothing has broken it since."""
        self.closed = False
        self.doubt_since = MonoNs(0)
        self.strikes = 0
        self.stamp = 0
        self.touched_at = MonoNs(0)
        self.waits = False
        """Its start was seen to lie ahead."""


class PolymarketBooks:
    """Books of many markets. sink hears every change synchronously; wanted holds the markets that need a fresh book, and why."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._watched: dict[str, _Watched] = {}
        self._by_token: dict[str, _Watched] = {}
        self._doubtful: set[MarketId] = set()
        self.books: dict[MarketId, Book] = {}
        self.wanted: dict[MarketId, str] = {}
        self.frames = 0
        self.bad_frames = 0
        self.resyncs = 0
        self.latency_ms: float | None = None
        """Venue stamp to applied, smoothed; the clocks' offset is in it."""

    # ---- membership ----------------------------------------------------------------------------------------------------

    def add(self, market: Market) -> bool:
        """Start keeping a market's book; False when it was kept already (its terms are renewed) or has no token ids."""
        known = self._watched.get(market.id)
        if known is not None:
            known.market = market
            return False
        if not all(market.tokens):
            return False
        watched = self._watched[market.id] = _Watched(market)
        self._by_token[watched.yes] = self._by_token[watched.no] = watched
        self.books[market.id] = watched.book
        return True

    def remove(self, market: MarketId) -> None:
        """Forget a market; its book is lost to whoever still holds it."""
        watched = self._watched.pop(market, None)
        if watched is not None:
            self._by_token.pop(watched.yes, None)
            self._by_token.pop(watched.no, None)
            self._lose(watched, "unwatched")
            self.books.pop(market, None)
            self.wanted.pop(market, None)

    def synced(self, market: MarketId) -> bool:
        """Whether a snapshot stands; a resolved market counts, because no other will come."""
        watched = self._watched.get(market)
        return watched is None or watched.synced or watched.closed

    # ---- frames --------------------------------------------------------------------------------------------------------

    def apply(self, data: bytes, now: MonoNs, wall: WallNs, socket: Iterable[MarketId] | None = None) -> None:
        """Apply one frame: an object or an array of objects. Never raises on what the venue sends. socket names the markets
        subscribed where it came from (None: all), whose books are in doubt when the frame does not say what it is about."""
        self.frames += 1
        try:
            frame = decode_frame(data)
        except GARBLED:
            self._apply_odd(data, now, wall, socket)
            return
        if isinstance(frame, list):
            for event in frame:
                self._apply_event(event, now, wall)
        else:
            self._apply_event(frame, now, wall)

    def _apply_odd(self, data: bytes, now: MonoNs, wall: WallNs, socket: Iterable[MarketId] | None) -> None:
        """A frame the strict decoder refused: its readable events are applied, and every book that an unreadable one may have
        been about is rebuilt. Without sequence numbers nothing else would tell of a lost level below the top."""
        self.bad_frames += 1
        try:
            frame: Any = msgspec.json.decode(data)
        except GARBLED:
            if not data.isascii() or any(mark in data for mark in b'{["'):  # else words, which the venue may send
                self._want_all(socket, "undecodable frame")
            return
        for row in frame if isinstance(frame, list) else (frame,):
            if not isinstance(row, dict):
                if row is not frame:
                    self._want_all(socket, "unreadable frame")
                continue
            try:
                event = msgspec.convert(row, Event)
            except (msgspec.ValidationError, RecursionError):
                kind, named = row.get("event_type"), self._named(row)
                if isinstance(kind, str) and kind not in KNOWN:
                    continue  # a kind that is new, or read past anyway
                for watched in named or ():
                    self._want(watched, "unreadable frame")
                if named is None and isinstance(kind, str):
                    self._want_all(socket, "unreadable frame")
            else:
                self._apply_event(event, now, wall)

    def _named(self, row: dict[str, Any]) -> list[_Watched] | None:
        """The watched markets an event speaks of by id or token, [] when they are others; None when it names none at all."""
        entries = row.get("price_changes")
        parts = [row, *(entries if isinstance(entries, list) else ())]
        tokens = [part.get("asset_id") for part in parts if isinstance(part, dict)]
        names = [name for name in (row.get("market"), *tokens) if isinstance(name, str)]
        found = [self._watched.get(name) or self._by_token.get(name) for name in names]
        return [watched for watched in found if watched is not None and not watched.closed] if names else None

    def _want_all(self, socket: Iterable[MarketId] | None, reason: str) -> None:
        for name in tuple(self._watched if socket is None else socket):
            watched = self._watched.get(name)
            if watched is not None and not watched.closed:
                self._want(watched, reason)

    def _apply_event(self, event: Event, now: MonoNs, wall: WallNs) -> None:
        if isinstance(event, LastTrade | NewMarket):
            return
        watched = self._watched.get(event.market)
        if watched is None or watched.closed:
            return
        try:
            if isinstance(event, PriceChange):
                self._apply_changes(watched, event, now, wall)
            elif isinstance(event, BookFrame):
                self._apply_book(watched, event, now, wall)
            elif isinstance(event, BestBidAsk):
                self._apply_best(watched, event, now, wall)
            elif isinstance(event, TickSize):
                self._apply_tick(watched, event.new_tick_size)
            else:
                self._apply_resolved(watched)
        except ValueError as exc:
            self.bad_frames += 1
            self._want(watched, f"bad number: {exc}")

    def _apply_changes(self, watched: _Watched, event: PriceChange, now: MonoNs, wall: WallNs) -> None:
        if not watched.synced:
            return  # its snapshot is still to come and holds this change
        book, token = watched.book, watched.yes
        last: Change | None = None
        for change in event.price_changes:
            if change.asset_id == token:
                last = change
                _apply_level(book, change.side == "BUY", change, parse_price(change.price), now)
        mirrored = last is None
        if mirrored:
            token = watched.no
            for change in event.price_changes:
                if change.asset_id == token:
                    last = change
                    _apply_level(book, change.side != "BUY", change, complement(parse_price(change.price)), now)
        if last is None:
            return
        self._stamp(watched, event.timestamp, now, wall)
        self._judge(watched, last.best_bid, last.best_ask, mirrored, now)
        if watched.synced:
            self._sink(BookChanged(book))

    def _apply_best(self, watched: _Watched, event: BestBidAsk, now: MonoNs, wall: WallNs) -> None:
        if not watched.synced or event.asset_id not in (watched.yes, watched.no):
            return
        before = watched.book.ready
        self._stamp(watched, event.timestamp, now, wall)
        self._judge(watched, event.best_bid, event.best_ask, event.asset_id == watched.no, now)
        if watched.synced and watched.book.ready is not before:
            self._sink(BookChanged(watched.book))

    def _apply_book(self, watched: _Watched, event: BookFrame, now: MonoNs, wall: WallNs) -> None:
        if event.asset_id not in (watched.yes, watched.no):
            return
        outcome = Outcome.YES if event.asset_id == watched.yes else Outcome.NO
        stamp = read_milliseconds(event.timestamp)
        if watched.synced and stamp and (stamp < watched.stamp or (outcome is Outcome.NO and stamp == watched.stamp)):
            return  # older than what stands here, or the mirror of it
        bids, asks = yes_levels(read_levels(event.bids), read_levels(event.asks), outcome)
        if bids and asks and max(bids) >= min(asks):
            self._want(watched, "crossed snapshot")
            return
        book = watched.book
        same = watched.synced and bids == book.bids and asks == book.asks
        watched.synced, watched.doubt_since, watched.strikes = True, MonoNs(0), 0
        self._doubtful.discard(book.market)
        self.wanted.pop(book.market, None)
        watched.stamp = max(watched.stamp, stamp)
        self._stamp(watched, event.timestamp, now, wall)
        book.proof.at = now
        if same:  # duplicates are usual; the plan made on this book is still good
            told = book.ready
            book.ready = True
            if not told:
                self._sink(BookChanged(book))
            return
        book.apply_snapshot(bids, asks, now)
        self._sink(BookChanged(book))

    def _apply_tick(self, watched: _Watched, text: str | float) -> None:
        """A new grid is a new epoch: no trading until the next snapshot (polymarket.md 11). Often sent twice."""
        tick = parse_tick(text)
        grid = grid_of(tick) if tick is not None else ()
        if grid == watched.market.grid:
            return
        watched.market = msgspec.structs.replace(watched.market, grid=grid, tradable=watched.market.tradable and bool(grid))
        self._want(watched, "tick size changed")
        self._sink(MarketChanged(watched.market))

    def _apply_resolved(self, watched: _Watched) -> None:
        watched.market = msgspec.structs.replace(watched.market, status="closed")
        watched.closed = True
        self._lose(watched, "market resolved")
        self.wanted.pop(watched.market.id, None)
        self._sink(MarketChanged(watched.market))

    # ---- proof and doubt -----------------------------------------------------------------------------------------------

    def _stamp(self, watched: _Watched, text: str | int, now: MonoNs, wall: WallNs) -> None:
        watched.touched_at = now
        stamp = read_milliseconds(text)
        if stamp:
            watched.stamp = stamp if stamp > watched.stamp else watched.stamp
            late = wall / MS - stamp
            self.latency_ms = late if self.latency_ms is None else self.latency_ms + (late - self.latency_ms) * 0.1

    def _judge(self, watched: _Watched, bid_text: str | None, ask_text: str | None, mirrored: bool, now: MonoNs) -> None:
        """Hold the book's top against the one the venue states; "" and "0" state an empty side, None states nothing.

        Only both sides together prove a book or end a doubt; one side alone can still disagree.
        """
        book = watched.book
        bid, ask = stated_bid(bid_text), stated_ask(ask_text)
        if mirrored:
            bid, ask = (None if ask is None else complement(ask)), (None if bid is None else complement(bid))
        if book.bid < book.ask and (bid is None or bid == book.bid) and (ask is None or ask == book.ask):
            if bid is not None and ask is not None:
                book.proof.at = now
                watched.strikes = 0
                self._clear(watched)
        elif not watched.doubt_since:
            watched.doubt_since = now
            book.ready = False
            self._doubtful.add(book.market)
        elif now - watched.doubt_since >= DOUBT_NS:
            self._want(watched, "best prices disagree")

    def _clear(self, watched: _Watched) -> None:
        watched.book.ready = True
        if watched.doubt_since:
            watched.doubt_since = MonoNs(0)
            self._doubtful.discard(watched.book.market)

    def check(self, now: MonoNs) -> None:
        """Give up books whose doubt outlasted its second without another frame."""
        for name in list(self._doubtful):
            watched = self._watched.get(name)
            if watched is None:
                self._doubtful.discard(name)
            elif now - watched.doubt_since >= DOUBT_NS:
                self._want(watched, "best prices disagree")

    def wipe_started(self, wall: WallNs) -> None:
        """Give up the books whose event begins: all resting orders are cancelled there, and starts move (polymarket.md 8)."""
        for watched in self._watched.values():
            starts_at = watched.market.starts_at
            if starts_at is None or watched.closed:
                continue
            if starts_at > wall:
                watched.waits = True
            elif watched.waits:
                watched.waits = False
                self._want(watched, "event started")

    def unproved(self, now: MonoNs, age_ns: int, limit: int) -> list[str]:
        """Outcome 0 tokens of the standing books whose proof is at least age_ns old, oldest first."""
        old = [w for w in self._watched.values() if w.synced and not w.closed and now - w.book.proof.at >= age_ns]
        old.sort(key=lambda w: w.book.proof.at)
        return [w.yes for w in old[:limit]]

    def apply_sample(self, sample: Sample, asked_at: MonoNs) -> None:
        """Hold a book against a REST sample asked for at asked_at: agreement proves it as of then, two strikes lose it (B-428).

        A sample that crossed with a frame of its market says nothing: the frame is the newer proof.
        """
        watched = self._by_token.get(sample.asset_id)
        if watched is None or not watched.synced or watched.closed or watched.touched_at >= asked_at:
            return
        try:
            outcome = Outcome.YES if sample.asset_id == watched.yes else Outcome.NO
            bids, asks = yes_levels(read_levels(sample.bids), read_levels(sample.asks), outcome)
        except (ValueError, BadAnswer):
            self.bad_frames += 1
            return
        book = watched.book
        if max(bids, default=Price(0)) == book.bid and min(asks, default=ONE) == book.ask and book.bid < book.ask:
            watched.strikes = 0
            book.proof.at = max(book.proof.at, asked_at)
            if not book.ready:
                self._clear(watched)
                self._sink(BookChanged(book))
            return
        watched.strikes += 1
        if watched.strikes >= STRIKES:
            self._want(watched, "REST samples disagree")

    # ---- loss ----------------------------------------------------------------------------------------------------------

    def resync(self, market: MarketId, reason: str) -> None:
        """Give a book up and ask for a fresh one."""
        watched = self._watched.get(market)
        if watched is not None and not watched.closed:
            self._want(watched, reason)

    def lose_all(self, markets: Iterable[MarketId], reason: str) -> None:
        """The stream of these markets ended; they are subscribed again with the next one."""
        for market in markets:
            watched = self._watched.get(market)
            if watched is not None:
                self._lose(watched, reason)
                watched.stamp = 0
                self.wanted.pop(market, None)

    def _want(self, watched: _Watched, reason: str) -> None:
        if watched.book.market not in self.wanted:
            self.resyncs += 1
            self.wanted[watched.book.market] = reason
        self._lose(watched, reason)

    def _lose(self, watched: _Watched, reason: str) -> None:
        was = watched.synced
        watched.synced, watched.doubt_since, watched.strikes = False, MonoNs(0), 0
        self._doubtful.discard(watched.book.market)
        watched.book.lose()
        if was:
            self._sink(BookLost(watched.book, reason))


def _apply_level(book: Book, bid: bool, change: Change, price: Price, now: MonoNs) -> None:
    if change.side not in ("BUY", "SELL"):
        raise ValueError(f"side {change.side!r}")
    size = read_size(change.size)
    if 0 < price < ONE:
        book.apply_level("bid" if bid else "ask", price, size, now)
    elif size:
        raise ValueError(f"level at {change.price!r}")
