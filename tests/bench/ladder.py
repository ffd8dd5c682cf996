"""A seeded order book that lives: the changes both book benchmarks are made of.

Of 126 changes recorded on twelve Kalshi books 85 % resized a level below the top, 12 % the top itself, 1.6 % set a new top and
1.6 % emptied it; three in four were one of a dozen round sizes. Here tops move twice as often, and the other sizes hardly ever
come twice. Nothing comes within a cent of the middle, so two ladders with one middle hold no arbitrage.
"""

import random
from dataclasses import dataclass

from trading.book import Side
from trading.units import CENT, CONTRACT, Price, Size

__all__ = ["LEVELS", "Change", "Ladder"]

LEVELS = 40
_FURTHEST = 8
"""Cents between the middle and a top at most."""
_STEP = CONTRACT // 100
_CLEAR, _NEW, _TOP = 0.03, 0.06, 0.20
_ROUND = tuple(Size(contracts * CONTRACT) for contracts in (1, 2, 3, 3, 3, 5, 10, 20, 25, 25, 100, 140, 250))
_ODD = 0.25


@dataclass(frozen=True, slots=True)
class Change:
    """One level: its YES price, its size afterwards and the signed difference."""

    side: Side
    price: Price
    size: Size
    delta: Size


class Ladder:
    """Levels in YES prices, LEVELS of them on each side where the middle leaves room. middle is in cents, 15..85."""

    def __init__(self, middle: int, chance: random.Random) -> None:
        self._chance = chance
        self._middle = middle
        self.bids = {self._price("bid", away): self._size() for away in range(2, 2 + LEVELS) if middle - away > 0}
        self.asks = {self._price("ask", away): self._size() for away in range(2, 2 + LEVELS) if middle + away < 100}

    def _price(self, side: Side, away: int) -> Price:
        return Price((self._middle - away if side == "bid" else self._middle + away) * CENT)

    def _size(self) -> Size:
        return Size(self._chance.randrange(100_000, 3_000_000) * _STEP)

    def _amount(self) -> Size:
        """What somebody adds or takes away."""
        odd = self._chance.random() < _ODD
        return Size(self._chance.randrange(1, 3_000_000) * _STEP) if odd else self._chance.choice(_ROUND)

    def _away(self, price: Price) -> int:
        return abs(price // CENT - self._middle)

    def step(self) -> Change:
        """Change one level and say what happened."""
        chance = self._chance
        side: Side = "bid" if chance.random() < 0.5 else "ask"
        levels = self.bids if side == "bid" else self.asks
        best = max(levels) if side == "bid" else min(levels)
        what = chance.random()
        away = self._away(best)
        price, delta = best, self._amount()
        if what < _NEW and away > 1 and (what >= _CLEAR or away >= _FURTHEST):
            price = self._price(side, away - 1)
        elif what < _NEW and away < _FURTHEST:
            delta = Size(-levels[best])
        else:
            price = best if what < _TOP else chance.choice(list(levels))
            if chance.random() < 0.5 and delta < levels[price]:
                delta = Size(-delta)
        size = Size(levels.get(price, Size(0)) + delta)
        if size:
            levels[price] = size
        else:
            del levels[price]
        return Change(side, price, size, delta)
