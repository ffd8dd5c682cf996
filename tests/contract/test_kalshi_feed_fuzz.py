"""12,500 mutated frames against Kalshi's books: at most a resync, never an exception, never a ready book that is wrong.

    a true stream ─► one frame mutated ─► the next true frame ─► is every ready book what the frames said?

Said is judged by a reader of its own: where a mutated frame still is a sound message it means what it says now; else the venue
meant the original, and a book that missed it must know by the next frame, which is what the sequence is for.
"""

import json
import random
import re
from typing import Any

import pytest

from tests.contract.mutations import mutate
from trading.book import Book
from trading.kalshi.books import KalshiBooks
from trading.market import KALSHI, Market, MarketId
from trading.units import MonoNs, Price, Size, WallNs

_ROUNDS = 1_250
_TICKERS = ("KXFUZZ-26NOV22AAABBB-AAA", "KXFUZZ-26NOV22AAABBB-BBB")
_UNKNOWN = "KXOTHER-26NOV22EEEFFF-EEE"
_BIDS, _ASKS = range(40, 46), range(54, 60)
_MS = 1_790_000_000_000

Levels = dict[int, int]
"""Price in 1/10,000 dollar to size in 1/100 contract."""
Sides = dict[str, Levels]
"""yes: bids, no: asks, both at YES prices."""


class Venue:
    """What is true, and the frames that say so."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.seq = 0
        self.books: dict[str, Sides] = {ticker: self._fresh() for ticker in _TICKERS}

    def _fresh(self) -> Sides:
        return {
            "yes": {price * 100: self.chance.randrange(100, 90_000) for price in _BIDS},
            "no": {price * 100: self.chance.randrange(100, 90_000) for price in _ASKS},
        }

    def _frame(self, kind: str, msg: dict[str, Any]) -> bytes:
        self.seq += 1
        return json.dumps({"type": kind, "sid": 1, "seq": self.seq, "msg": msg}, separators=(",", ":")).encode()

    def snapshot(self, ticker: str) -> bytes:
        msg: dict[str, Any] = {"market_ticker": ticker, "market_id": "943fcfe7"}
        for side, levels in self.books[ticker].items():
            if levels:
                msg[f"{side}_dollars_fp"] = [[f"{price / 10_000:.4f}", f"{size / 100:.2f}"] for price, size in levels.items()]
        return self._frame("orderbook_snapshot", msg)

    def delta(self) -> bytes:
        ticker, side = self.chance.choice(_TICKERS), self.chance.choice(("yes", "no"))
        levels = self.books[ticker][side]
        price = self.chance.choice(_BIDS if side == "yes" else _ASKS) * 100
        held = levels.get(price, 0)
        change = -held if held and self.chance.random() < 0.1 else self.chance.randrange(1, 5_000)
        _change(levels, price, change)
        self.last = (ticker, side, price, change)
        msg = {
            "market_ticker": ticker,
            "price_dollars": f"{price / 10_000:.4f}",
            "delta_fp": f"{change / 100:.2f}",
            "side": side,
        }
        return self._frame("orderbook_delta", {**msg, "ts": "2026-08-07T06:46:28.97871Z", "ts_ms": _MS + self.seq})

    def any_frame(self) -> bytes:
        what = self.chance.random()
        if what < 0.75:
            return self.delta()
        if what < 0.87:
            return self.snapshot(self.chance.choice(_TICKERS))
        if what < 0.92:
            return self._frame("ok", {"market_tickers": list(_TICKERS)})
        if what < 0.96:
            return self._frame("error", {"code": 11, "msg": "invalid parameter"})
        return self._frame("trade", {"market_ticker": _TICKERS[0], "count_fp": "1.00"})


def _change(levels: Levels, price: int, change: int) -> None:
    size = levels.get(price, 0) + change
    if size:
        levels[price] = size
    else:
        levels.pop(price, None)


def _copy(books: dict[str, Sides]) -> dict[str, Sides]:
    return {ticker: {side: dict(levels) for side, levels in sides.items()} for ticker, sides in books.items()}


class Ambiguous(Exception):
    """A key or a price stands twice, or a subscription nobody made speaks: what it means is anybody's guess."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Ambiguous
    return dict(pairs)


def _not_json(_: str) -> Any:
    raise ValueError("no JSON")


_PRICE = re.compile(r"[+-]?\d*\.?\d*", re.ASCII)


def _number(text: Any, decimals: int) -> int | None:
    """A decimal string as an integer of 10**-decimals; None when it is not one."""
    if not isinstance(text, str) or not _PRICE.fullmatch(text) or not re.search(r"\d", text) or len(text) > 60:
        return None
    whole, _, part = text.lstrip("+-").partition(".")
    part = part.rstrip("0")
    if len(part) > decimals:
        return None
    value = int((whole or "0") + part.ljust(decimals, "0"))
    return -value if text.startswith("-") else value


def _level(price: Any, size: Any) -> tuple[int, int] | None:
    at, many = _number(price, 4), _number(size, 2)
    return None if at is None or many is None or not 0 < at < 10_000 else (at, many)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def meaning(data: bytes, before: dict[str, Sides], original: dict[str, Sides]) -> dict[str, Sides]:
    """What is true after a mutated frame: what it says if it is sound, else what the original said. Raises Ambiguous."""
    try:
        frame = json.loads(data.decode(errors="replace"), object_pairs_hook=_pairs, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return original
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str) or not frame["type"]:
        return original
    if not (_whole(frame.get("sid")) and _whole(frame.get("seq"))):
        return original
    kind, msg = frame["type"], frame.get("msg")
    if kind not in ("orderbook_delta", "orderbook_snapshot"):
        return before  # something else, which says nothing about books
    if not isinstance(msg, dict) or not isinstance(msg.get("market_ticker"), str):
        return original
    if frame["sid"] != 1:
        raise Ambiguous
    if msg["market_ticker"] not in before:
        return before
    after = _copy(before)
    if kind == "orderbook_snapshot":
        sides = {side: _side(msg.get(f"{side}_dollars_fp")) for side in ("yes", "no")}
        if any(levels is None for levels in sides.values()):
            return original
        after[msg["market_ticker"]] = {side: levels or {} for side, levels in sides.items()}
        return after
    level = _level(msg.get("price_dollars"), msg.get("delta_fp"))
    if level is None or msg.get("side") not in ("yes", "no"):
        return original
    _change(after[msg["market_ticker"]][msg["side"]], *level)
    return after


def _side(rows: Any) -> Levels | None:
    if rows is None:
        return {}
    if not isinstance(rows, list):
        return None
    levels: Levels = {}
    for row in rows:
        level = _level(*row) if isinstance(row, list) and len(row) == 2 else None
        if level is None or level[1] < 0:
            return None
        if level[0] in levels:
            raise Ambiguous
        if level[1]:
            levels[level[0]] = level[1]
    return levels


def impossible(sides: Sides) -> bool:
    """A level below nothing, or a bid that meets an ask."""
    if any(size < 0 for levels in sides.values() for size in levels.values()):
        return True
    return bool(sides["yes"] and sides["no"]) and max(sides["yes"]) >= min(sides["no"])


def shown(book: Book) -> Sides:
    return {
        side: {int(price): size // 10_000 for price, size in levels.items()}
        for side, levels in (("yes", book.bids), ("no", book.asks))
    }


def _market(ticker: str) -> Market:
    return Market(
        id=MarketId(ticker),
        venue=KALSHI,
        event_id="E",
        question="?",
        grid=((Price(0), Price(10_000), Price(100)),),
        min_size=Size(1),
        fees=None,
    )


@pytest.mark.parametrize("seed", range(10))
def test_no_mutated_kalshi_frame_raises_or_leaves_a_wrong_book_ready(seed: int) -> None:
    """After each one: ready books hold exactly what was said, and a snapshot makes every book ready again."""
    venue, chance = Venue(seed), random.Random(f"mutations {seed}")
    books = KalshiBooks(lambda event: None, yes_view=True)
    books.watch([_market(ticker) for ticker in _TICKERS])
    books.connect(MonoNs(1))
    now = 1
    wall = WallNs(_MS * 1_000_000)

    def feed(data: bytes) -> None:
        nonlocal now
        now += 1_000_000
        books.apply(data, MonoNs(now), wall)
        books.outbox.clear()
        books.complaints.clear()

    feed(b'{"type":"subscribed","id":1,"msg":{"channel":"orderbook_delta","sid":1}}')
    for ticker in _TICKERS:
        feed(venue.snapshot(ticker))
    for round_ in range(_ROUNDS):
        before = _copy(venue.books)
        frame = venue.any_frame()
        bad = mutate(frame, chance)
        feed(bad)
        try:
            truth: dict[str, Sides] | None = meaning(bad, before, _copy(venue.books))
        except Ambiguous:
            truth = None
        told = venue.delta()
        if truth is not None:
            broken = {ticker for ticker, sides in truth.items() if impossible(sides)}
            ticker, side, price, change = venue.last
            _change(truth[ticker][side], price, change)
        feed(told)
        for ticker in _TICKERS:
            book = books.books[MarketId(ticker)]
            if book.ready and truth is not None:
                assert ticker not in broken, f"seed {seed} round {round_}: {bad!r} left {ticker} ready"
                assert shown(book) == truth[ticker], f"seed {seed} round {round_}: {frame!r} as {bad!r} left {ticker} wrong"
        for ticker in _TICKERS:
            if not books.books[MarketId(ticker)].ready or truth is None or truth[ticker] != venue.books[ticker]:
                feed(venue.snapshot(ticker))
        assert all(books.books[MarketId(ticker)].ready for ticker in _TICKERS), (
            f"seed {seed} round {round_}: {bad!r} is not got over"
        )

    assert all(shown(books.books[MarketId(ticker)]) == venue.books[ticker] for ticker in _TICKERS)
