"""What a strategy is: a pure function of an event and a view of the state. No asyncio, socket, clock, random or log."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from controller.model import Basket, CancelLeg, Event, EventId
from trading.book import Book
from trading.market import Market, MarketId
from trading.order import Purpose, Want
from trading.units import Money, MonoNs, Price, Size

__all__ = ["Intent", "Quote", "StateView", "Strategy"]


class Quote(msgspec.Struct, frozen=True):
    """What one leg saw when the intent was made: price, displayed size, book epoch and age; kept with the record."""

    market: MarketId
    price: Price
    size: Size
    epoch: int
    changed_at: MonoNs
    proved_at: MonoNs


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to trade a basket. wants stand in the order of basket.legs; worst_edge is the marginal net edge of the last
    contract in Money per contract, edge the mean one; quotes lead to the decision."""

    strategy: str
    basket: Basket
    event: EventId
    purpose: Purpose
    wants: tuple[Want, ...]
    edge: Money
    worst_edge: Money
    quotes: tuple[Quote, ...]
    expires: MonoNs
    reason: str
    is_test: bool = False


class StateView(Protocol):
    """What strategies may read."""

    books: Mapping[MarketId, Book]
    markets: Mapping[MarketId, Market]

    def baskets_of(self, market: MarketId) -> Sequence[Basket]: ...
    def claimed(self, event: EventId) -> bool: ...


class Strategy(Protocol):
    name: str

    def on_event(self, event: Event, state: StateView, now: MonoNs) -> Sequence[Intent | CancelLeg]: ...
