"""How near the watched baskets are to a trade: what a person asks who sees no opportunity (B-316).

At the top of the books: the widest is found by price alone, a few numbers a basket, and its fees are taken off then. Size, age
and claims are left to the strategies and the gate.
"""

from collections.abc import Iterable

import msgspec

from controller.model import Basket
from controller.risk.limits import RiskSettings
from controller.risk.size import UNIT, base_floor
from controller.strategy.base import StateView
from controller.strategy.watch import NEVER, buy_table
from trading.market import Outcome
from trading.units import ONE, Money, MonoNs

__all__ = ["Gap", "gap_of", "widest"]

_YES = Outcome.YES  # a member looked up by name costs more than the rest of the loop


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """One basket: Money that a set earns after fees, below zero what it would lose, and what is asked of it."""

    basket: Basket
    edge: Money
    asked: Money

    def text(self) -> str:
        """For people, in cents a set."""
        return f"{self.edge / 10_000:.2f}c of {self.asked / 10_000:.2f}c asked ({self.basket.id})"


def widest(baskets: Iterable[Basket], state: StateView, before: tuple[int, Basket] | None = None) -> tuple[int, Basket] | None:
    """The basket whose best prices leave most of its payout, in units of Price, or before when none leaves more."""
    books, found = state.books, before
    for basket in baskets:
        left: int = basket.payout
        for market_id, outcome in basket.legs:
            book = books.get(market_id)
            if book is None or not book.ready or not 0 < book.bid < book.ask < ONE:
                break
            left -= book.ask if outcome is _YES else ONE - book.bid
        else:
            if found is None or left > found[0]:
                found = left, basket
    return found


def gap_of(basket: Basket, state: StateView, settings: RiskSettings, now: MonoNs) -> Gap | None:
    """A basket's gap after fees; None when a leg has no ready book, no side to buy or no fee terms."""
    cost = 0
    for market_id, outcome in basket.legs:
        book, market = state.books.get(market_id), state.markets.get(market_id)
        if book is None or not book.ready or book.crossed or market is None or market.fees is None:
            return None
        cost += buy_table(market.fees, outcome)[book.ask if outcome is _YES else book.bid]
    if cost >= NEVER:
        return None
    asked = base_floor(Money(cost), settings) + max(0, state.extra_floor(basket, now))
    return Gap(basket=basket, edge=Money(basket.payout * UNIT - cost), asked=Money(asked))
