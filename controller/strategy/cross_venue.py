"""Two legs on two venues that together pay a dollar, bought for less (B-160, B-161).

Each basket has a watch: two books and two tables from price to cost. A touched book costs two look-ups and one comparison per
basket; only what passes is walked.
"""

from collections.abc import Sequence

from controller.model import Basket, CancelLeg, Event, PairChanged, Tick
from controller.risk.limits import RiskSettings
from controller.risk.size import UNIT
from controller.strategy.base import Intent, StateView
from controller.strategy.watch import best_per_event, buy_table, examine
from controller.strategy.watches import Watches
from trading.book import Book, BookChanged, MarketChanged
from trading.market import Outcome
from trading.units import MonoNs

__all__ = ["CrossVenue"]

_NOTHING: tuple[Intent, ...] = ()


class _Watch:
    """One basket on its two books. Buying YES reads the ask, buying NO the bid, both as YES prices."""

    __slots__ = ("basket", "limit", "one", "one_asks", "one_cost", "two", "two_asks", "two_cost")

    def __init__(
        self, basket: Basket, one: Book, two: Book, costs: tuple[tuple[int, ...], tuple[int, ...]], limit: int
    ) -> None:
        self.basket = basket
        self.one, self.two = one, two
        self.one_asks = basket.legs[0][1] is Outcome.YES
        self.two_asks = basket.legs[1][1] is Outcome.YES
        self.one_cost, self.two_cost = costs
        self.limit = limit


class CrossVenue:
    """Watches every two-leg basket over two venues."""

    name = "cross_venue"

    def __init__(self, settings: RiskSettings) -> None:
        self._settings = settings
        self._watches = Watches(self._watch)

    def on_event(self, event: Event, state: StateView, now: MonoNs) -> Sequence[Intent | CancelLeg]:
        watches = self._watches.at(event.book.market, state) if type(event) is BookChanged else self._asked(event, state)
        passed: list[_Watch] | None = None
        for watch in watches:  # the gate of the table stands in line: nearly every frame of a feed ends here
            one, two = watch.one, watch.two
            first = watch.one_cost[one.ask if watch.one_asks else one.bid]
            if first + watch.two_cost[two.ask if watch.two_asks else two.bid] <= watch.limit:
                passed = [*(passed or ()), watch]
        return self._examine(passed, state, now) if passed else _NOTHING

    def _asked(self, event: Event, state: StateView) -> Sequence[_Watch]:
        """What an event other than a book's asks to look at, whatever the books last did (B-166)."""
        if isinstance(event, Tick):
            return self._watches.next_part(state)
        if isinstance(event, PairChanged):
            return self._watches.at(event.pair.first, state)
        if isinstance(event, MarketChanged):
            return self._watches.at(event.market.id, state)
        return ()

    def _watch(self, basket: Basket, state: StateView) -> _Watch | None:
        if len(basket.legs) != 2 or basket.kind.endswith(("_only", "_exhaustive")):
            return None
        (first, outcome), (second, other) = basket.legs
        one, two = state.books.get(first), state.books.get(second)
        terms = [market.fees if market else None for market in (state.markets.get(first), state.markets.get(second))]
        if one is None or two is None or terms[0] is None or terms[1] is None:
            return None  # watch only, or a feed that has not begun
        limit = basket.payout * UNIT - self._settings.min_edge
        return _Watch(basket, one, two, (buy_table(terms[0], outcome), buy_table(terms[1], other)), limit)

    def _examine(self, watches: Sequence[_Watch], state: StateView, now: MonoNs) -> Sequence[Intent]:
        found = []
        for watch in watches:
            if state.claimed(watch.basket.event):
                continue
            intent = examine(self.name, watch.basket, state, self._settings, now)
            if intent is not None:
                found.append(intent)
        return best_per_event(found, state, now)
