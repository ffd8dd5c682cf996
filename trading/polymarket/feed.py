"""Polymarket's market stream: sharded sockets that keep PolymarketBooks supplied, and REST samples that prove quiet books.

Pongs prove nothing here: a socket may answer pings for hours without data (polymarket.md 11), so every book needs a frame of its
own or an agreeing sample to stay proved (B-428). Frames go through one synchronous chain to the sink.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from trading.book import Book, Sink
from trading.clock import SECOND, Clock
from trading.errors import AuthFailed, Disconnected, VenueError
from trading.http import Http
from trading.ids import Ids
from trading.log import get_logger
from trading.market import POLYMARKET, Market, MarketId, Venue
from trading.polymarket.books import PolymarketBooks
from trading.polymarket.frames import Sample
from trading.polymarket.rest import error_for
from trading.polymarket.session import Redial, Session
from trading.stream import Dialer, Wire
from trading.units import MonoNs
from trading.venue import FeedStatistics

__all__ = ["PolymarketBooks", "PolymarketFeed"]

_log = get_logger(__name__)
_SAMPLES = msgspec.json.Decoder(list[Sample])
_JSON = {"Content-Type": "application/json"}

_TURN_S = 0.5
"""How often a shard looks after its subscriptions when nobody wakes it."""
_FIRST_BOOK_NS = 5 * SECOND
_SLOWEST_BOOK_NS = 80 * SECOND
_RESYNC_GAP_NS = 1 * SECOND
_SAMPLE_MOST = 250
_SAMPLE_TIMEOUT_S = 3.0


class _Shard:
    """One socket and the markets subscribed on it."""

    def __init__(self, feed: "PolymarketFeed") -> None:
        self._feed = feed
        self._redial = Redial(feed.ids)
        self._wake = asyncio.Event()
        self.markets: dict[MarketId, tuple[str, str]] = {}
        self._subscribed: dict[MarketId, tuple[str, str]] = {}
        self._asked: dict[MarketId, tuple[MonoNs, int]] = {}
        """When a market was subscribed last and how often without a book since."""
        self._given: set[MarketId] = set()
        """Markets whose book came on this socket."""
        self._heard = False
        self._heard_at = MonoNs(0)
        self._wanted = 0
        self.connected = False

    def poke(self) -> None:
        """Look after the subscriptions now."""
        self._wake.set()

    async def run(self) -> None:
        """Connect, subscribe, read, reconnect, until cancelled."""
        feed = self._feed
        while True:
            if not self.markets:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                wire = await feed.dialer.connect(feed.url, {})
            except (Disconnected, AuthFailed) as exc:
                feed.reconnects += 1
                _log.warning("polymarket_stream_down", error=str(exc))
                await asyncio.sleep(self._redial.delay_s())
                continue
            session = Session(wire, feed.clock, self._on_data)
            self._subscribed, self._asked, self._given, self._heard = {}, {}, set(), False
            try:
                await self._subscribe(wire, self.markets, first=True)
                self.connected = True
                async with asyncio.TaskGroup() as group:
                    group.create_task(session.run_receive())
                    group.create_task(self._tend(session, wire))
            except* Disconnected as exc:
                _log.warning("polymarket_stream_lost", error=str(exc.exceptions[0]), markets=len(self.markets))
            finally:
                self.connected = False
                feed.core.lose_all(self.markets, "stream lost")
                await wire.close()
            feed.reconnects += 1
            await asyncio.sleep(self._redial.delay_s())

    def _on_data(self, data: bytes) -> None:
        feed = self._feed
        self._heard_at = feed.clock.mono_ns()
        feed.core.apply(data, self._heard_at, feed.clock.wall_ns(), self.markets)
        if not self._heard:
            self._heard = True
            self._redial.apply_success()
        if len(feed.core.wanted) != self._wanted:  # a new loss, not one that waits for its turn
            self._wanted = len(feed.core.wanted)
            self._wake.set()

    async def _tend(self, session: Session, wire: Wire) -> None:
        """Pings, new and dropped markets, resyncs, books that do not come."""
        core, clock = self._feed.core, self._feed.clock
        while True:
            self._wake.clear()
            await session.keep_alive()
            now = clock.mono_ns()
            core.check(now)
            await self._unsubscribe(wire, [name for name in self._subscribed if name not in self.markets])
            await self._subscribe(wire, [name for name in self.markets if name not in self._subscribed])
            late = self._late(now)
            if late and not self._heard:
                raise Disconnected("subscribed, but no data frame came")
            if self._silent(now):
                raise Disconnected("open and answering, but silent since a book was asked for again")
            again = [name for name in core.wanted if self._may_ask(name, now)] + late
            if again:
                await self._unsubscribe(wire, again)
                await self._subscribe(wire, again)
            self._wanted = len(core.wanted)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TURN_S):
                    await self._wake.wait()

    def _may_ask(self, name: MarketId, now: MonoNs) -> bool:
        if name not in self.markets:
            return False
        at, tries = self._asked.get(name, (MonoNs(0), 0))
        return now - at >= _RESYNC_GAP_NS * (1 + tries)

    def _late(self, now: MonoNs) -> list[MarketId]:
        """Markets whose book has not come 5 s after the subscription; each further wait is twice as long."""
        late = []
        for name, (at, tries) in list(self._asked.items()):
            if self._feed.core.synced(name):
                self._asked[name] = (at, 0)
                self._given.add(name)
            elif name not in self._feed.core.wanted and now - at >= min(_SLOWEST_BOOK_NS, _FIRST_BOOK_NS * 2 ** min(tries, 6)):
                late.append(name)
        return late

    def _silent(self, now: MonoNs) -> bool:
        """Whether the socket said nothing at all for 5 s after a book was asked for that it gave before (B-428).

        A subscription is answered at once, so such a socket is dead and asking again on it is in vain. A market that never had
        a book here proves nothing.
        """
        return any(
            name in self._given
            and name in self.markets
            and not self._feed.core.synced(name)
            and self._heard_at < at <= now - _FIRST_BOOK_NS
            for name, (at, _) in self._asked.items()
        )

    async def _subscribe(self, wire: Wire, names: Iterable[MarketId], *, first: bool = False) -> None:
        chosen = {name: self.markets[name] for name in names if name in self.markets}
        if not chosen:
            return
        now = self._feed.clock.mono_ns()
        for name, tokens in chosen.items():
            self._subscribed[name] = tokens
            self._asked[name] = (now, self._asked.get(name, (now, -1))[1] + 1)
            self._feed.core.wanted.pop(name, None)
        head: dict[str, object] = {"type": "market"} if first else {"operation": "subscribe"}
        tokens_flat = [token for tokens in chosen.values() for token in tokens]
        await wire.send(_text(head | {"assets_ids": tokens_flat, "custom_feature_enabled": True}))

    async def _unsubscribe(self, wire: Wire, names: Sequence[MarketId]) -> None:
        tokens = [token for name in names for token in self._subscribed.pop(name, ())]
        if tokens:
            await wire.send(_text({"operation": "unsubscribe", "assets_ids": tokens}))


def _text(message: Mapping[str, object]) -> str:
    return msgspec.json.encode(message).decode()


class PolymarketFeed:
    """The venue.Feed of Polymarket. per_socket counts tokens (a market has two). sink is called for every change."""

    venue: Venue = POLYMARKET

    def __init__(
        self,
        dialer: Dialer,
        url: str,
        http: Http,
        clob_url: str,
        clock: Clock,
        ids: Ids,
        sink: Sink,
        *,
        per_socket: int = 200,
        sample_interval_s: float = 1.0,
    ) -> None:
        self.dialer = dialer
        self.url = url
        self.clock = clock
        self.ids = ids
        self.core = PolymarketBooks(sink)
        self.books: Mapping[MarketId, Book] = self.core.books
        self.reconnects = 0
        self.sample_failures = 0
        self._http = http
        self._books_url = clob_url.rstrip("/") + "/books"
        self._room = max(1, per_socket // 2)
        self._interval_s = sample_interval_s
        self._shards: list[_Shard] = []
        self._home: dict[MarketId, _Shard] = {}
        self._group: asyncio.TaskGroup | None = None

    def watch(self, markets: Sequence[Market]) -> None:
        """Add markets to sockets with room, new sockets for the rest; running streams go on (B-109)."""
        for market in markets:
            if not self.core.add(market):
                continue
            shard = next((shard for shard in self._shards if len(shard.markets) < self._room), None)
            if shard is None:
                shard = _Shard(self)
                self._shards.append(shard)
                if self._group is not None:
                    self._group.create_task(shard.run())
            shard.markets[market.id] = market.tokens
            self._home[market.id] = shard
            shard.poke()

    def unwatch(self, markets: Sequence[MarketId]) -> None:
        """Drop markets; their books are lost."""
        for market in markets:
            shard = self._home.pop(market, None)
            if shard is not None:
                shard.markets.pop(market, None)
                shard.poke()
            self.core.remove(market)

    async def run(self) -> None:
        """Keep all sockets and the sampler going until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for shard in self._shards:
                    group.create_task(shard.run())
                group.create_task(self._run_samples())
        finally:
            self._group = None

    def resync(self, market: MarketId, reason: str) -> None:
        """Give a book up and subscribe its market afresh."""
        self.core.resync(market, reason)
        shard = self._home.get(market)
        if shard is not None:
            shard.poke()

    async def _run_samples(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()

    async def look(self) -> None:
        """One round of what frames do not tell: events that begin, quiet books held against REST."""
        self.core.wipe_started(self.clock.wall_ns())
        await self.sample()
        if self.core.wanted:
            for shard in self._shards:
                shard.poke()

    async def sample(self) -> None:
        """Compare the longest unproved books with POST /books; a failed request proves and disproves nothing."""
        asked_at = self.clock.mono_ns()
        tokens = self.core.unproved(asked_at, int(self._interval_s * SECOND) * 9 // 10, _SAMPLE_MOST)
        if not tokens:
            return
        body = msgspec.json.encode([{"token_id": token} for token in tokens])
        try:
            answer = await self._http.request("POST", self._books_url, _JSON, body, timeout_s=_SAMPLE_TIMEOUT_S)
            error = error_for(answer)
            if error is not None:
                raise error
            samples = _SAMPLES.decode(answer.body)
        except (VenueError, msgspec.DecodeError) as exc:
            self.sample_failures += 1
            if self.sample_failures == 1 or self.sample_failures % 60 == 0:
                _log.warning("polymarket_sample_failed", failures=self.sample_failures, error=str(exc))
            return
        for sample in samples:
            self.core.apply_sample(sample, asked_at)

    def statistics(self) -> FeedStatistics:
        """Counters since start; connected means every socket that has markets is open."""
        core = self.core
        return FeedStatistics(
            markets=len(core.books),
            ready=sum(book.ready for book in core.books.values()),
            frames=core.frames,
            reconnects=self.reconnects,
            resyncs=core.resyncs,
            bad_frames=core.bad_frames,
            connected=all(shard.connected for shard in self._shards if shard.markets),
            latency_ms=core.latency_ms,
        )
