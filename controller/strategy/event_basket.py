"""NO of several markets of one mutually exclusive event on one venue: at most one of them loses (B-160, B-434).

A NO leg at YES bid b earns b minus its fee and costs a dollar of payout once, so the basket pays when the bids of its
worthwhile legs sum to more than a dollar. The sum is kept and changed by the touched leg only. YES of every market is bought
only where the basket's kind says that the set is exhaustive; one market is never arbitraged against itself.
"""

from collections.abc import Sequence

from controller.model import Basket, CancelLeg, Event, Tick
from controller.risk.limits import RiskSettings
from controller.risk.size import UNIT
from controller.strategy.base import Intent, StateView
from controller.strategy.watch import best_per_event, buy_table, examine
from controller.strategy.watches import Watches
from trading.book import Book, BookChanged
from trading.market import Outcome
from trading.units import ONE, MonoNs

__all__ = ["EventBasket"]

_NOTHING: tuple[Intent, ...] = ()


class _Watch:
    """One basket: each leg's worth (Money a set earns by holding it) and their sum.

    NO of an exclusive event: worth = what is left of the leg's dollar, 0 for a leg better left out. Exhaustive YES: minus cost.
    """

    __slots__ = ("basket", "books", "costs", "exhaustive", "index", "limit", "seen", "total", "worth")

    def __init__(self, basket: Basket, books: list[Book], costs: list[tuple[int, ...]], limit: int) -> None:
        self.basket = basket
        self.books = books
        self.index = {book.market: index for index, book in enumerate(books)}
        self.costs = costs
        self.exhaustive = basket.kind.endswith("_exhaustive")
        self.limit = limit
        self.seen = [book.ask if self.exhaustive else book.bid for book in books]
        self.worth = [self._worth_of(index) for index in range(len(books))]
        self.total = sum(self.worth)

    def _worth_of(self, index: int) -> int:
        cost = self.costs[index][self.seen[index]]
        return -cost if self.exhaustive else max(0, ONE * UNIT - cost)

    def touch(self, book: Book) -> bool:
        """Take a leg's price; True when the sum passes the gate. Most changes leave the price alone, and then the sum too."""
        index = self.index.get(book.market)
        if index is None:
            return False  # a market whose leg was left out
        price = book.ask if self.exhaustive else book.bid
        if price != self.seen[index]:
            self.seen[index] = price
            worth = self._worth_of(index)
            self.total += worth - self.worth[index]
            self.worth[index] = worth
        return self.total >= self.limit

    def chosen(self, most: int) -> list[int] | None:
        """Legs worth buying, best first where there are too many; None when fewer than two."""
        if self.exhaustive:
            return list(range(len(self.books))) if len(self.books) <= most else None
        legs = sorted((index for index, worth in enumerate(self.worth) if worth > 0), key=lambda index: -self.worth[index])
        return sorted(legs[:most]) if len(legs) > 1 else None


class EventBasket:
    """Watches every event basket."""

    name = "event_basket"

    def __init__(self, settings: RiskSettings) -> None:
        self._settings = settings
        self._watches = Watches(self._watch)

    def on_event(self, event: Event, state: StateView, now: MonoNs) -> Sequence[Intent | CancelLeg]:
        if type(event) is BookChanged:
            book = event.book
            passed: list[_Watch] | None = None
            for watch in self._watches.at(book.market, state):
                if watch.touch(book):
                    passed = [*(passed or ()), watch]
            return self._examine(passed, state, now) if passed else _NOTHING
        if isinstance(event, Tick):
            passed = [watch for watch in self._watches.next_part(state) if watch.total >= watch.limit]
            return self._examine(passed, state, now) if passed else _NOTHING
        return _NOTHING

    def _watch(self, basket: Basket, state: StateView) -> _Watch | None:
        exhaustive = basket.kind.endswith("_exhaustive")
        if not (exhaustive or basket.kind.endswith("_only")) or len({market for market, _ in basket.legs}) < 2:
            return None
        side = Outcome.YES if exhaustive else Outcome.NO
        books, costs, legs = [], [], []
        for market_id, outcome in basket.legs:
            book, market = state.books.get(market_id), state.markets.get(market_id)
            terms = market.fees if market else None
            if outcome is not side:
                return None
            if book is None or terms is None:
                if exhaustive:
                    return None  # a set with a hole is not exhaustive
                continue
            books.append(book)
            costs.append(buy_table(terms, outcome))
            legs.append((market_id, outcome))
        if len(books) < 2:
            return None
        dollar = ONE * UNIT
        limit = -(dollar - self._settings.min_edge) if exhaustive else dollar + self._settings.min_edge
        return _Watch(basket, books, costs, limit)

    def _examine(self, watches: Sequence[_Watch], state: StateView, now: MonoNs) -> Sequence[Intent]:
        found = []
        for watch in watches:
            chosen = watch.chosen(self._settings.batch_max_legs)
            if chosen is None or state.claimed(watch.basket.event):
                continue
            wanted = {watch.books[index].market for index in chosen}
            legs = [index for index, (market, _) in enumerate(watch.basket.legs) if market in wanted]
            intent = examine(self.name, watch.basket, state, self._settings, now, legs=legs)
            if intent is not None:
                found.append(intent)
        return best_per_event(found, state, now)
