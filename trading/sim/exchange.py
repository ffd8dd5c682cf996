"""Matching without I/O: price-time priority on one YES book per market, fractional sizes, fills split per resting order.

Both simulated venues stand around this core and add their own rules, money and words. A NO order is the mirror on the other
side (buy NO at q = sell YES at 1-q), so all prices here are YES-leg prices. Every change of a level is told to a listener,
synchronously and in order, which is what the venues' streams are made of.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from trading.units import Price, Size, WallNs

__all__ = ["Fill", "LevelChange", "MatchingBook", "Order", "Side"]

Side = Literal["bid", "ask"]


@dataclass(slots=True, eq=False)
class Order:
    """A resting or arriving order. owner names the account ("flow" and friends are the venue's other customers)."""

    id: str
    owner: str
    side: Side
    price: Price
    size: Size
    remaining: Size
    placed_at: WallNs
    data: dict[str, object] = field(default_factory=dict)
    """The venue's own words about the order."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One match: the taker pays or receives the maker's price."""

    maker: Order
    price: Price
    size: Size


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A level changed by change and now holds total; order is the one that caused it."""

    side: Side
    price: Price
    change: Size
    total: Size
    order: Order


class MatchingBook:
    """The book of one market. listener hears every level change as it happens."""

    def __init__(self, market: str, listener: Callable[[str, LevelChange], None]) -> None:
        self.market = market
        self._listener = listener
        self._levels: dict[Side, dict[Price, deque[Order]]] = {"bid": {}, "ask": {}}
        self._totals: dict[Side, dict[Price, Size]] = {"bid": {}, "ask": {}}
        self.orders: dict[str, Order] = {}
        """Resting orders by id."""

    def best(self, side: Side) -> Price | None:
        """Best resting price of a side, None when it is empty."""
        prices = self._totals[side]
        if not prices:
            return None
        return max(prices) if side == "bid" else min(prices)

    def levels(self, side: Side) -> list[tuple[Price, Size]]:
        """Levels of a side, ascending in price."""
        return sorted(self._totals[side].items())

    def size_at(self, side: Side, price: Price) -> Size:
        return self._totals[side].get(price, Size(0))

    def matchable(self, side: Side, limit: Price, *, skip_owner: str | None = None) -> Size:
        """How much an order of side could take up to limit, leaving out one owner's resting orders."""
        found = 0
        for _, order in self._resting_against(side, limit):
            if order.owner != skip_owner:
                found += order.remaining
        return Size(found)

    def against(self, side: Side, limit: Price) -> Iterator[Order]:
        """Resting orders that an order of side would meet up to limit, in the order of their priority."""
        for _, order in self._resting_against(side, limit):
            yield order

    def _resting_against(self, side: Side, limit: Price) -> Iterator[tuple[Price, Order]]:
        other: Side = "ask" if side == "bid" else "bid"
        prices = sorted(self._levels[other], reverse=other == "bid")
        for price in prices:
            if (price > limit) if side == "bid" else (price < limit):
                return
            for order in tuple(self._levels[other][price]):
                yield price, order

    def match(self, taker: Order, *, most: Size | None = None, on_self: Callable[[Order], bool] | None = None) -> list[Fill]:
        """Trade the taker against resting orders up to its limit; taker.remaining shrinks, nothing comes to rest.

        most caps what may trade. on_self is asked for each resting order of the taker's owner: True cancels that resting
        order and goes on, False stops matching (self-trade prevention); without it such orders are skipped.
        """
        fills: list[Fill] = []
        left = taker.remaining if most is None else Size(min(most, taker.remaining))
        for price, maker in self._resting_against(taker.side, taker.price):
            if left <= 0:
                break
            if maker.id not in self.orders:
                continue  # an on_self or a listener took it off meanwhile
            if maker.owner == taker.owner:
                if on_self is None:
                    continue
                if not on_self(maker):
                    break
                self.cancel(maker.id)
                continue
            size = Size(min(left, maker.remaining))
            left = Size(left - size)
            taker.remaining = Size(taker.remaining - size)
            self._reduce(maker, size, taker)
            fills.append(Fill(maker, price, size))
        return fills

    def rest(self, order: Order) -> None:
        """Put what remains of an order on the book, last in its level's queue."""
        level = self._levels[order.side].setdefault(order.price, deque())
        level.append(order)
        self.orders[order.id] = order
        self._change(order.side, order.price, order.remaining, order)

    def cancel(self, order_id: str) -> Size:
        """Take an order off; returns what remained (0 when it is not there). order.remaining keeps saying it."""
        order = self.orders.get(order_id)
        if order is None:
            return Size(0)
        remaining = order.remaining
        self._reduce(order, remaining, order)
        order.remaining = remaining
        return remaining

    def decrease(self, order_id: str, by: Size) -> Size:
        """Shrink a resting order in place (it keeps its queue position); returns by how much."""
        order = self.orders.get(order_id)
        if order is None:
            return Size(0)
        cut = Size(min(by, order.remaining))
        self._reduce(order, cut, order)
        return cut

    def clear(self) -> list[Order]:
        """Take every resting order off (book wipe, close); returns them with what remained."""
        gone = list(self.orders.values())
        for order in gone:
            self.cancel(order.id)
        return gone

    def _reduce(self, order: Order, by: Size, cause: Order) -> None:
        order.remaining = Size(order.remaining - by)
        if order.remaining <= 0:
            self.orders.pop(order.id, None)
            level = self._levels[order.side][order.price]
            level.remove(order)
            if not level:
                del self._levels[order.side][order.price]
        self._change(order.side, order.price, Size(-by), cause)

    def _change(self, side: Side, price: Price, change: Size, cause: Order) -> None:
        if change == 0:
            return
        total = Size(self._totals[side].get(price, 0) + change)
        if total > 0:
            self._totals[side][price] = total
        else:
            self._totals[side].pop(price, None)
        self._listener(self.market, LevelChange(side, price, change, total, cause))
