"""One synthetic opportunity on request, to see the whole path work (TEST_ARB, B-072).

It takes the first basket of the wanted kind whose books are ready, wants at most 10 contracts at the prices shown, and is
marked is_test. The gate decides as for any other intent; only the edge is not asked of it.
"""

from collections.abc import Sequence

from controller.model import Basket, CancelLeg, Command, Event
from controller.strategy.base import Intent, Quote, StateView
from trading.clock import SECOND
from trading.market import Action
from trading.order import Want
from trading.units import CONTRACT, Money, MonoNs, Size

__all__ = ["Synthetic"]

MOST = Size(10 * CONTRACT)


class Synthetic:
    """Answers Command("test_arb") and nothing else. kind is a basket kind of B-160 (TEST_ARB_TYPE)."""

    name = "test"
    hears_books = False

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def on_event(self, event: Event, state: StateView, now: MonoNs) -> Sequence[Intent | CancelLeg]:
        if not isinstance(event, Command) or event.name != "test_arb":
            return ()
        for basket in state.baskets.values():
            if basket.kind == self._kind and (intent := self._intent(basket, state, now)) is not None:
                return (intent,)
        return ()

    def _intent(self, basket: Basket, state: StateView, now: MonoNs) -> Intent | None:
        wants, quotes, size = [], [], MOST
        for market_id, outcome in basket.legs:
            book = state.books.get(market_id)
            best = book.best(outcome, Action.BUY) if book is not None and book.ready else None
            if book is None or best is None:
                return None
            price, shown = best
            size = Size(min(size, shown))
            wants.append((market_id, outcome, price))
            quotes.append(Quote(market_id, price, shown, book.epoch, book.changed_at, book.proved_at))
        size = Size(size // CONTRACT * CONTRACT)
        if size <= 0:
            return None
        edge = Money((basket.payout - sum(price for _, _, price in wants)) * 100)
        return Intent(
            strategy=self.name,
            basket=basket,
            event=basket.event,
            purpose="test",
            wants=tuple(
                Want(market=market_id, outcome=outcome, action=Action.BUY, limit=price, size=size)
                for market_id, outcome, price in wants
            ),
            edge=edge,
            worst_edge=edge,
            quotes=tuple(quotes),
            expires=MonoNs(now + SECOND),
            reason="synthetic opportunity on request",
            is_test=True,
        )
