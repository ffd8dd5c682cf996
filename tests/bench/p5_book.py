"""P5: Book.apply_level and reading the top, over the least that could do it: two dicts and their cached best prices.

The reference keeps the same promise on the same stream and nothing else: no stamp, no other outcome, no doubt about the input.
"""

import random
from collections.abc import Callable

from tests.bench.ladder import Ladder
from tests.bench.measure import Measure, take_turns
from trading.book import Book, Side
from trading.market import MarketId
from trading.units import MonoNs, Price, Size

__all__ = ["TARGET", "measure"]

TARGET = 1.5
_UPDATES = 20_000


class _Bare:
    """Dict and cached best, searched for again only when the best level empties."""

    __slots__ = ("ask", "asks", "bid", "bids")

    def __init__(self, bids: dict[Price, Size], asks: dict[Price, Size]) -> None:
        self.bids, self.asks = bids, asks
        self.bid, self.ask = max(bids), min(asks)

    def apply(self, side: Side, price: Price, size: Size) -> None:
        if side == "bid":
            if size:
                self.bids[price] = size
                if price > self.bid:
                    self.bid = price
            else:
                del self.bids[price]
                if price == self.bid:
                    self.bid = max(self.bids)
        elif size:
            self.asks[price] = size
            if price < self.ask:
                self.ask = price
        else:
            del self.asks[price]
            if price == self.ask:
                self.ask = min(self.asks)


def measure(*, quick: bool) -> list[Measure]:
    """One stream of 20,000 updates, the same for both, on fresh books each turn."""
    ladder = Ladder(50, random.Random(5))
    bids, asks = dict(ladder.bids), dict(ladder.asks)
    changes = [ladder.step() for _ in range(_UPDATES)]
    updates = [(change.side, change.price, change.size) for change in changes]
    now = MonoNs(1)

    def prepare() -> tuple[Callable[[], int], Callable[[], int]]:
        book = Book(MarketId("BENCH"))
        book.apply_snapshot(dict(bids), dict(asks), now)
        bare = _Bare(dict(bids), dict(asks))

        def ours() -> int:
            seen = 0
            for side, price, size in updates:
                book.apply_level(side, price, size, now)
                seen += book.ask - book.bid
            return seen

        def theirs() -> int:
            seen = 0
            for side, price, size in updates:
                bare.apply(side, price, size)
                seen += bare.ask - bare.bid
            return seen

        return ours, theirs

    turns = take_turns(5 if quick else 30, _UPDATES, prepare)
    more = {
        "median_ratio": turns.median_ratio,
        "book_ns": round(min(turns.subject)),
        "bare_ns": round(min(turns.reference)),
        "updates": _UPDATES,
    }
    return [Measure(id="P5", value=turns.ratio, target=TARGET, more=more)]
