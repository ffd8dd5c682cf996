"""Watches: what a strategy keeps of each basket, so that a changed price costs it a look and not the building of tables.

A watch holds books and fee tables. It is built when its basket is first asked for and forgotten, with all others, once the
state's structure has changed: a book, market or basket it was made of may be another now (B-132).
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from controller.model import Basket
from controller.strategy.base import StateView
from trading.market import MarketId

__all__ = ["Watches"]

W = TypeVar("W")

_SWEEP = 400
"""Baskets of one turn of the sweep: thousands of watches built in one call would hold the loop for tens of milliseconds."""


class Watches(Generic[W]):
    """The watches of one strategy. build answers None for a basket the strategy does not watch, or cannot yet."""

    def __init__(self, build: Callable[[Basket, StateView], W | None]) -> None:
        self._build = build
        self._structure = -1
        self._swept = 0
        self._built: dict[str, W | None] = {}
        self._at: dict[MarketId, tuple[W, ...]] = {}

    def at(self, market: MarketId, state: StateView) -> tuple[W, ...]:
        """Watches of the baskets that this market is a leg of: asked for every changed book, so one look-up."""
        if state.structure != self._structure:
            self._forget(state)
        found = self._at.get(market)
        if found is None:
            found = self._at[market] = self._of(state.baskets_of(market), state)
        return found

    def next_part(self, state: StateView) -> tuple[W, ...]:
        """Watches of the baskets whose turn it is; asked on every Tick, it comes round to all of them (B-166)."""
        if state.structure != self._structure:
            self._forget(state)
        baskets = list(state.baskets.values())
        at = self._swept if self._swept < len(baskets) else 0
        self._swept = at + _SWEEP
        return self._of(baskets[at : self._swept], state)

    def _forget(self, state: StateView) -> None:
        self._built.clear()
        self._at.clear()
        self._structure = state.structure

    def _of(self, baskets: Iterable[Basket], state: StateView) -> tuple[W, ...]:
        found, built = [], self._built
        for basket in baskets:
            if basket.id not in built:
                built[basket.id] = self._build(basket, state)
            watch = built[basket.id]
            if watch is not None:
                found.append(watch)
        return tuple(found)
