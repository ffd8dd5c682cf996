"""A KalshiBooks fed by a script of frames, and the frames."""

import json
from typing import Any

from kalshi_rows import make_market

from trading.book import Book, BookLost, MarketEvent
from trading.clock import MS, SECOND
from trading.kalshi.books import KalshiBooks
from trading.units import MonoNs, WallNs

T = "KXNBAGAME-26NOV19UTAGSW-GSW"
U = "KXNBAGAME-26NOV19UTAGSW-UTA"
WALL = WallNs(1_790_000_000 * SECOND)


class Stream:
    """Books of one socket with a script of frames; events and commands are collected."""

    def __init__(self, *tickers: str, yes_view: bool = True) -> None:
        self.events: list[MarketEvent] = []
        self.books = KalshiBooks(self.events.append, yes_view=yes_view, lifecycle=True)
        self.now = 1_000 * SECOND
        self.books.watch([make_market(ticker) for ticker in tickers])
        self.books.connect(MonoNs(self.now))

    def feed(self, *frames: Any) -> None:
        for frame in frames:
            self.now += MS
            data = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
            self.books.apply(data, MonoNs(self.now), WALL)

    def tick(self, ms: int) -> None:
        self.now += ms * MS
        self.books.tick(MonoNs(self.now), WALL)

    def commands(self) -> list[dict[str, Any]]:
        out = [json.loads(text) for text in self.books.outbox]
        self.books.outbox.clear()
        return out

    def start(self) -> None:
        """Subscribed, T at sequence 1 and (if watched) U at 2."""
        self.feed({"type": "subscribed", "id": 1, "msg": {"channel": "orderbook_delta", "sid": 1}}, snapshot(T, 1))
        if U in self.books.books:
            self.feed(snapshot(U, 2))
        self.commands()
        self.events.clear()

    def book(self, ticker: str = T) -> Book:
        return self.books.books[make_market(ticker).id]

    def lost(self) -> list[str]:
        return [event.book.market for event in self.events if isinstance(event, BookLost)]


def snapshot(ticker: str, seq: int, yes: Any = (("0.4000", "10.00"),), no: Any = (("0.4500", "20.00"),), sid: int = 1) -> Any:
    msg = {"market_ticker": ticker, "market_id": "x", "yes_dollars_fp": yes, "no_dollars_fp": no}
    return {"type": "orderbook_snapshot", "sid": sid, "seq": seq, "msg": {k: v for k, v in msg.items() if v is not None}}


def delta(
    ticker: str, seq: int, price: str = "0.4100", change: str = "5.00", side: str = "yes", sid: int = 1, **more: Any
) -> Any:
    msg = {"market_ticker": ticker, "market_id": "x", "price_dollars": price, "delta_fp": change, "side": side, **more}
    return {"type": "orderbook_delta", "sid": sid, "seq": seq, "msg": msg}


def assert_book(book: Book, *, bid: int, ask: int, ready: bool = True) -> None:
    assert (book.bid, book.ask, book.ready) == (bid, ask, ready)
