"""How one market's mid has moved: volatility for the floor, and where it stood when another book last changed.

Volatility is an exponentially weighted sum of squared moves: with window T it settles at sigma^2 x T, whatever the spacing of
the moves. Mids are kept as bid + ask, half units of Price, so that nothing is rounded.
"""

from collections import deque
from math import exp, sqrt

from trading.book import Book
from trading.units import ONE, MonoNs, Price

__all__ = ["Moves"]

_HALF_CENTS = 200
"""Half units of Price in a cent."""


class Moves:
    """The mid of one book over time. book is the object last heard of; bid and ask its top at that time."""

    __slots__ = ("_at", "_marks", "_mid", "_squares", "_window", "ask", "bid", "book")

    def __init__(self, book: Book, window_ms: int) -> None:
        self.book = book
        self.bid = Price(-1)
        self.ask = Price(-1)
        self._window = window_ms * 1e6
        self._mid = 0
        self._at = MonoNs(0)
        self._squares = 0.0
        self._marks: deque[tuple[MonoNs, int]] = deque(maxlen=64)  # one per move of a cent

    def apply_top(self, bid: Price, ask: Price, now: MonoNs) -> None:
        """Take note of a new top of book. A one-sided book has no mid."""
        self.bid = bid
        self.ask = ask
        if bid <= 0 or ask >= ONE:
            return
        mid = bid + ask
        if not self._marks:
            self._mid = mid
            self._at = now
            self._marks.append((now, mid))
            return
        cents = (mid - self._mid) / _HALF_CENTS
        self._squares = self._squares * exp((self._at - now) / self._window) + cents * cents
        self._mid = mid
        self._at = now
        if abs(mid - self._marks[-1][1]) >= _HALF_CENTS:
            self._marks.append((now, mid))

    def sigma(self, now: MonoNs) -> float:
        """Cents per square root of a second."""
        return sqrt(self._squares * exp((self._at - now) / self._window) / (self._window / 1e9))

    def moved_since(self, at: MonoNs) -> Price:
        """How far the mid is from where it stood at a moment, within a cent; half units are cut."""
        if not self._marks:
            return Price(0)
        then = self._marks[0][1]
        for when, mid in self._marks:
            if when > at:
                break
            then = mid
        return Price(abs(self._mid - then) // 2)
