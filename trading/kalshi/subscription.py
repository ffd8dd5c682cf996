"""State of one book subscription and of one market in it: what books.py remembers between two frames (kalshi.md 9.4).

A sequence is followed here, what a jump means for the books is decided there.
"""

from typing import Literal

from trading.book import Book, BookChanged, Proof
from trading.clock import SECOND
from trading.market import MarketId
from trading.units import MonoNs

__all__ = ["Entry", "Sid"]

_ASK_AGAIN_NS = 2 * SECOND
_ASK_AT_MOST_NS = 32 * SECOND
_MOST_TRIES = 5


class Sid:
    """One subscription. seq None: the next frame sets it. probed_at is when we last asked for a sign of life."""

    __slots__ = ("channel", "heard_at", "probed_at", "proof", "seq", "sid")

    def __init__(self, sid: int, channel: str, now: MonoNs) -> None:
        self.sid = sid
        self.channel = channel
        self.seq: int | None = None
        self.proof = Proof()
        self.heard_at = now
        self.probed_at = now

    def follow(self, seq: int, now: MonoNs) -> Literal["next", "repeated", "jumped"]:
        """Take a frame's number. The next one, or the first, proves all books of the sid."""
        last = self.seq
        if last is not None and seq == last:
            return "repeated"
        self.seq = seq
        self.heard_at = now
        if last is None or seq == last + 1:
            self.proof.at = now
            return "next"
        return "jumped"


class Entry:
    """One watched market. asked says that a subscribe or add named it; asked_at and tries pace what is asked again."""

    __slots__ = ("asked", "asked_at", "book", "changed", "sid", "tries")

    def __init__(self, market: MarketId) -> None:
        self.book = Book(market)
        self.changed = BookChanged(self.book)
        self.sid: Sid | None = None
        self.asked = False
        self.asked_at = MonoNs(0)
        self.tries = 0

    def take_turn(self, now: MonoNs) -> bool:
        """Whether to ask again for a book that did not come: each time after twice the wait, up to 32 s."""
        if self.book.ready or now - self.asked_at < min(_ASK_AGAIN_NS << self.tries, _ASK_AT_MOST_NS):
            return False
        self.tries = min(self.tries + 1, _MOST_TRIES)
        return True
