"""37,500 mutated frames against Polymarket's books: at most a resync, never an exception, never a ready book with a wrong top.

The stream has no sequence: each change states the best prices after it. So what a mutated frame took away below the top cannot
be known from frames (REST samples and proofs age it out); what it did to the top must be known by the next true frame.
"""

import json
import random
from typing import Any

import pytest

from tests.contract.mutations import mutate
from trading.market import POLYMARKET, Market, MarketId
from trading.polymarket.books import PolymarketBooks
from trading.units import MonoNs, Price, Size, WallNs

_ROUNDS, _EACH = 750, 5
_MARKETS = {"0x" + "a" * 64: ("7" + "1" * 40, "7" + "2" * 40), "0x" + "b" * 64: ("8" + "1" * 40, "8" + "2" * 40)}
_BIDS, _ASKS = range(40, 46), range(54, 60)
_MS = 1_790_000_000_000

Sides = dict[str, dict[int, int]]
"""bids and asks of outcome 0: cents to hundredths of a share."""


def _rows(levels: dict[int, int]) -> list[dict[str, str]]:
    return [{"price": f"{cents / 100:g}", "size": f"{size / 100:g}"} for cents, size in levels.items()]


def _mirror(levels: dict[int, int]) -> dict[int, int]:
    return {100 - cents: size for cents, size in levels.items()}


class Venue:
    """What is true, and the frames that say so."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.stamp = _MS
        self.books: dict[str, Sides] = {
            market: {side: {cents: self._size() for cents in where} for side, where in (("bids", _BIDS), ("asks", _ASKS))}
            for market in _MARKETS
        }

    def _size(self) -> int:
        return self.chance.randrange(100, 90_000)

    def _event(self, kind: str, market: str, **body: Any) -> dict[str, Any]:
        self.stamp += 1
        return {"event_type": kind, "market": market, **body, "timestamp": str(self.stamp)}

    def top(self, market: str) -> tuple[int, int]:
        sides = self.books[market]
        return max(sides["bids"], default=0), min(sides["asks"], default=100)

    def book(self, market: str, outcome: int = 0) -> dict[str, Any]:
        sides = self.books[market]
        bids, asks = (sides["bids"], sides["asks"]) if outcome == 0 else (_mirror(sides["asks"]), _mirror(sides["bids"]))
        return self._event("book", market, asset_id=_MARKETS[market][outcome], bids=_rows(bids), asks=_rows(asks), hash="ca73")

    def change(self, market: str) -> dict[str, Any]:
        side = self.chance.choice(("bids", "asks"))
        levels = self.books[market][side]
        cents = self.chance.choice(_BIDS if side == "bids" else _ASKS)
        size = 0 if len(levels) > 1 and self.chance.random() < 0.2 else self._size()
        if size:
            levels[cents] = size
        else:
            levels.pop(cents, None)
        bid, ask = self.top(market)
        entries = []
        for outcome, token in enumerate(_MARKETS[market]):
            at, best_bid, best_ask = (cents, bid, ask) if outcome == 0 else (100 - cents, 100 - ask, 100 - bid)
            buys = (side == "bids") is (outcome == 0)
            numbers = {"price": f"{at / 100:g}", "size": f"{size / 100:g}", "side": "BUY" if buys else "SELL", "hash": "5"}
            bests = {"best_bid": f"{best_bid / 100:g}", "best_ask": f"{best_ask / 100:g}"}
            entries.append({"asset_id": token, **numbers, **bests})
        return self._event("price_change", market, price_changes=entries)

    def any_frame(self, market: str) -> dict[str, Any]:
        what = self.chance.random()
        if what < 0.7:
            return self.change(market)
        if what < 0.85:
            return self.book(market, self.chance.randrange(2))
        bid, ask = (f"{cents / 100:g}" for cents in self.top(market))
        if what < 0.93:
            return self._event("best_bid_ask", market, asset_id=_MARKETS[market][0], best_bid=bid, best_ask=ask, spread="0.1")
        if what < 0.97:
            return self._event("last_trade_price", market, asset_id=_MARKETS[market][0], price=bid, size="1", side="BUY")
        return self._event("tick_size_change", market, asset_id=_MARKETS[market][0], old_tick_size="0.01", new_tick_size="0.01")


def _write(event: dict[str, Any], chance: random.Random) -> bytes:
    """An object, or an array of one: both are usual."""
    return json.dumps([event] if chance.random() < 0.3 else event, separators=(",", ":")).encode()


def _market(name: str) -> Market:
    return Market(
        id=MarketId(name),
        venue=POLYMARKET,
        event_id="e",
        question="?",
        tokens=_MARKETS[name],
        grid=((Price(100), Price(9_900), Price(100)),),
        min_size=Size(10_000),
        version="v1",
        fees=None,
    )


@pytest.mark.parametrize("kind", [[], {}, ["book"], {"value": "price_change"}])
def test_an_event_type_that_is_no_word_is_a_bad_frame(kind: Any) -> None:
    """It is counted and its market rebuilt, like any other frame that cannot be read."""
    books = PolymarketBooks(lambda event: None)
    name = next(iter(_MARKETS))
    books.add(_market(name))
    books.apply(json.dumps({"event_type": kind, "market": name}).encode(), MonoNs(1), WallNs(1))

    assert books.bad_frames == 1


@pytest.mark.parametrize("kind", ["change", "book"])
def test_a_stamp_beyond_any_float_is_no_exception(kind: str) -> None:
    """A stamp of 400 digits says nothing of when."""
    venue, books = Venue(1), PolymarketBooks(lambda event: None)
    name = next(iter(_MARKETS))
    books.add(_market(name))
    books.apply(_write(venue.book(name), random.Random(1)), MonoNs(1), WallNs(1))
    event = venue.change(name) if kind == "change" else venue.book(name)
    books.apply(json.dumps({**event, "timestamp": "9" * 400}).encode(), MonoNs(2), WallNs(2))


@pytest.mark.parametrize("seed", range(10))
def test_no_mutated_polymarket_frame_raises_or_leaves_a_wrong_top_ready(seed: int) -> None:
    """After five of them and one true change of every market: ready tops are right, and one fresh book heals the rest."""
    venue, chance = Venue(seed), random.Random(f"mutations {seed}")
    books = PolymarketBooks(lambda event: None)
    for name in _MARKETS:
        books.add(_market(name))
    now = 1
    wall = WallNs(_MS * 1_000_000)

    def feed(data: bytes) -> None:
        nonlocal now
        now += 1_000_000
        books.apply(data, MonoNs(now), wall)

    for name in _MARKETS:
        feed(_write(venue.book(name), chance))
    for round_ in range(_ROUNDS):
        bad = [mutate(_write(venue.any_frame(venue.chance.choice(list(_MARKETS))), chance), chance) for _ in range(_EACH)]
        for frame in bad:
            feed(frame)
        for name in _MARKETS:
            feed(_write(venue.change(name), chance))
        for name in _MARKETS:
            book, (bid, ask) = books.books[MarketId(name)], venue.top(name)
            if book.ready:
                assert (book.bid, book.ask) == (bid * 100, ask * 100), f"seed {seed} round {round_}: {bad!r} left a wrong top"
            wanted = {
                side: {cents * 100: size * 10_000 for cents, size in levels.items()}
                for side, levels in venue.books[name].items()
            }
            if not book.ready or {"bids": book.bids, "asks": book.asks} != wanted:
                books.resync(MarketId(name), "told to")
                feed(_write(venue.book(name), chance))
            assert book.ready, f"seed {seed} round {round_}: {bad!r} is not got over"
            assert {"bids": book.bids, "asks": book.asks} == wanted

    assert not books.wanted
