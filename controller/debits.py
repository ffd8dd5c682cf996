"""Depth that we took and a book may still show (B-441): no time and no I/O of its own.

A debit stands level by level until the book shows that level smaller by our fill, or gone, or until its time is over. Any other
change of the book says nothing about it: a frame that was under way when we traded still shows what is ours already.
"""

from collections.abc import Sequence

from trading.book import Book
from trading.market import Action, MarketId, Outcome
from trading.order import Fill, Want
from trading.units import ONE, MonoNs, Price, Size, complement

__all__ = ["Debits"]

_YES, _BUY = Outcome.YES, Action.BUY
"""Members of an Enum cost half a microsecond each time they are looked up by name, and depth is read on every opportunity."""


class _Debit:
    """One fill: from asks or from bids, and by YES price what was taken and what the level shows once that is in the book."""

    __slots__ = ("asks", "at", "levels")

    def __init__(self, asks: bool, at: MonoNs) -> None:
        self.asks = asks
        self.at = at
        self.levels: dict[Price, tuple[int, int]] = {}

    def prune(self, book: Book) -> None:
        """Let go of the levels that show our fill."""
        side = book.asks if self.asks else book.bids
        shown = [price for price, (_, left) in self.levels.items() if side.get(price, 0) <= left]
        for price in shown:
            del self.levels[price]


class Debits:
    """Debits of all markets. reflects_ns is how long a book is waited for to show a fill, lasts_ns how long a debit counts at
    the most: longer on paper, whose fills no book will ever show."""

    def __init__(self, reflects_ns: int, lasts_ns: int) -> None:
        self._reflects_ns = reflects_ns
        self._lasts_ns = lasts_ns
        self._standing: dict[MarketId, list[_Debit]] = {}

    def add(self, book: Book, want: Want, filled: Size, fills: Sequence[Fill], now: MonoNs) -> None:
        """Debit newly filled contracts: the levels at the fills' own prices first, newest fill first, then the best within the
        limit, because an answer may state one average price for several levels."""
        self.stand(book, now)
        asks = (want.outcome is _YES) is (want.action is _BUY)
        debit = _Debit(asks, now)
        side = book.asks if asks else book.bids
        limit = _yes(want.outcome, want.limit)
        within = sorted((price for price in side if (price <= limit if asks else price >= limit)), reverse=not asks)
        own = [(_yes(want.outcome, fill.price), fill.size) for fill in reversed(fills) if fill.status != "reversed"]
        left = filled
        for price, most in (*own, *((price, filled) for price in within)):
            taken, after = debit.levels.get(price) or (0, self._room(book, asks, price))
            part = min(left, most, after)
            if part > 0:
                debit.levels[price] = (taken + part, after - part)
                left = Size(left - part)
        if debit.levels:
            self._standing.setdefault(book.market, []).append(debit)

    def _room(self, book: Book, asks: bool, price: Price) -> int:
        """What a level will show once the debits that stand are in the book."""
        shown: int = (book.asks if asks else book.bids).get(price, 0)
        standing = (debit for debit in self._standing.get(book.market, ()) if debit.asks is asks)
        return min([shown, *(debit.levels[price][1] for debit in standing if price in debit.levels)])

    def stand(self, book: Book, now: MonoNs) -> bool:
        """Whether to wait because the book may still show what we took; forgets what ended."""
        debits = self._standing.get(book.market)
        if not debits:
            return False
        for debit in debits:
            debit.prune(book)
        kept = [debit for debit in debits if debit.levels and now < debit.at + self._lasts_ns]
        if kept:
            self._standing[book.market] = kept
        else:
            del self._standing[book.market]
        return any(now < debit.at + self._reflects_ns for debit in kept)

    def depth(self, book: Book, outcome: Outcome, worst: Price = ONE) -> list[tuple[Price, Size]]:
        """What a BUY may take at worst or better, best first, in the price of its outcome: the book less the debits as stand()
        left them."""
        yes = outcome is _YES
        if yes:
            levels = [level for level in book.asks.items() if level[0] <= worst]
        else:
            levels = [(complement(price), size) for price, size in book.bids.items() if ONE - price <= worst]
        levels.sort()
        debits = self._standing.get(book.market)
        if not debits:
            return levels
        taken: dict[Price, int] = {}
        for debit in debits:
            if debit.asks is yes:
                for price, (part, _) in debit.levels.items():
                    price = price if yes else complement(price)
                    taken[price] = taken.get(price, 0) + part
        rest = [(price, Size(size - taken.get(price, 0))) for price, size in levels] if taken else levels
        return [level for level in rest if level[1] > 0]


def _yes(outcome: Outcome, price: Price) -> Price:
    return price if outcome is _YES else complement(price)
