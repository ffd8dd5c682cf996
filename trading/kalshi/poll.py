"""Books by polling, for a controller that holds no Kalshi key: the whole WebSocket needs one (kalshi.md 2).

These books become ready so that prices can be seen and alerted on, but their proof stays 0, so the gate never executes on them
(B-122). A failed poll loses the books it was about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from trading.book import Book, BookChanged, BookLost, Sink
from trading.clock import Clock
from trading.errors import VenueError
from trading.http import Http
from trading.kalshi.rest import KalshiRest
from trading.kalshi.wire import RestLevels, levels_from
from trading.log import get_logger
from trading.market import KALSHI, Market, MarketId
from trading.venue import FeedStatistics

__all__ = ["PolledFeed"]

_log = get_logger(__name__)

_PATH = "/markets/orderbooks"
_PER_REQUEST = 100


class BookRow(msgspec.Struct, frozen=True):
    ticker: str
    orderbook_fp: RestLevels


class BooksPage(msgspec.Struct, frozen=True):
    orderbooks: tuple[BookRow, ...]


class PolledFeed:
    """A Feed on bulk REST reads every interval_s seconds (PRICE_FETCH_INTERVAL); 100 markets a request."""

    venue = KALSHI

    def __init__(
        self,
        http: Http,
        base_url: str,
        clock: Clock,
        sink: Sink,
        *,
        interval_s: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rest = KalshiRest(http, base_url, None, clock, sleep=sleep)
        self._clock = clock
        self._sink = sink
        self._interval_s = interval_s
        self._sleep = sleep
        self.books: dict[MarketId, Book] = {}
        self._polls = self._failed = 0
        self._answering = False

    def watch(self, markets: Sequence[Market]) -> None:
        for market in markets:
            if market.id not in self.books:
                self.books[market.id] = Book(market.id)

    def unwatch(self, markets: Sequence[MarketId]) -> None:
        for market in markets:
            book = self.books.pop(market, None)
            if book is not None:
                self._lose(book, "unwatched")

    def resync(self, market: MarketId, reason: str) -> None:
        """Lose the book; the next poll rebuilds it."""
        book = self.books.get(market)
        if book is not None:
            self._lose(book, reason)

    async def run(self) -> None:
        """Poll all books, wait, again, until cancelled."""
        while True:
            await self.poll()
            await self._sleep(self._interval_s)

    async def poll(self) -> None:
        """Read every watched book once."""
        tickers = list(self.books)
        for start in range(0, len(tickers), _PER_REQUEST):
            await self._poll_some(tickers[start : start + _PER_REQUEST])

    async def _poll_some(self, tickers: Sequence[MarketId]) -> None:
        self._polls += 1
        try:
            page = await self._rest.fetch(_PATH, BooksPage, [("tickers", ticker) for ticker in tickers])
            rows = {row.ticker: row.orderbook_fp for row in page.orderbooks}
        except VenueError as exc:
            self._failed += 1
            self._answering = False
            _log.warning("kalshi_poll_failed", markets=len(tickers), detail=str(exc))
            rows = {}
        else:
            self._answering = True
        for ticker in tickers:
            book = self.books.get(ticker)
            if book is not None:
                self._apply(book, rows.get(ticker))

    def _apply(self, book: Book, levels: RestLevels | None) -> None:
        if levels is None:
            self._lose(book, "not in the answer of the poll")
            return
        try:
            bids, asks = levels_from(levels.yes_dollars, levels.no_dollars, yes_view=False)
        except ValueError as exc:
            self._lose(book, str(exc))
            return
        if bids and asks and max(bids) >= min(asks):  # B-434
            self._lose(book, f"crossed: bid {max(bids)} and ask {min(asks)}")
            return
        if book.ready and book.bids == bids and book.asks == asks:
            return
        book.apply_snapshot(bids, asks, self._clock.mono_ns())
        self._sink(BookChanged(book))

    def _lose(self, book: Book, reason: str) -> None:
        if book.ready:
            book.lose()
            self._sink(BookLost(book, reason))

    def statistics(self) -> FeedStatistics:
        """frames counts polls, bad_frames the failed ones."""
        return FeedStatistics(
            markets=len(self.books),
            ready=sum(1 for book in self.books.values() if book.ready),
            frames=self._polls,
            reconnects=0,
            resyncs=0,
            bad_frames=self._failed,
            connected=self._answering,
            latency_ms=None,
        )
