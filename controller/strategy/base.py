"""What a strategy is: a pure function of an event and a view of the state. No asyncio, socket, clock, random or log."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from controller.model import Basket, CancelLeg, Event, EventId
from trading.book import Book
from trading.market import Action, Market, MarketId, Outcome
from trading.order import Purpose, Want
from trading.units import ONE, Money, MonoNs, Price, Size, complement

__all__ = ["Intent", "Quote", "StateView", "Strategy", "mirrored"]


def mirrored(want: Want) -> Want:
    """The same trade in the other outcome: to sell YES at p is to buy NO at 1 - p, on a dollar owed."""
    return msgspec.structs.replace(
        want,
        outcome=want.outcome.other,
        action=Action.SELL if want.action is Action.BUY else Action.BUY,
        limit=complement(want.limit),
    )


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
    released: Money = Money(0)
    """Of an exit: what it is worth, per set, that the set's dollar comes back now and not at settlement."""


class StateView(Protocol):
    """What strategies may read."""

    structure: int
    """Grows when a book, market or basket is added, replaced or dropped: what was built from them is stale."""

    @property
    def books(self) -> Mapping[MarketId, Book]: ...
    @property
    def markets(self) -> Mapping[MarketId, Market]: ...
    @property
    def baskets(self) -> Mapping[str, Basket]: ...
    def baskets_of(self, market: MarketId) -> Sequence[Basket]: ...
    def claimed(self, event: EventId) -> bool: ...

    def depth(self, market: MarketId, outcome: Outcome, now: MonoNs, worst: Price = ONE) -> Sequence[tuple[Price, Size]]:
        """What a BUY may still take at worst or better, best first: the book less what we took a moment ago (B-441)."""

    def closings(self) -> Sequence[Basket]:
        """Held pairs that can be sold, as the baskets that are bought in effect (B-440)."""

    def in_play(self, basket: Basket, now: MonoNs) -> bool | None:
        """Whether the event has begun by schedule; None when no start is known."""

    def released(self, basket: Basket, now: MonoNs) -> Money:
        """What a dollar is worth that comes back now and not when the basket settles: the least return asked of it."""

    def extra_floor(self, basket: Basket, now: MonoNs) -> Money:
        """What a set of the basket must earn beyond the base floor: volatility, ghosts, settlement (execution.md 3)."""

    def size_ppm(self, basket: Basket, now: MonoNs) -> int:
        """Share of acceptable depth to take, by hold and by the age of the books."""

    def days_locked(self, basket: Basket, now: MonoNs) -> float | None:
        """Days until the later leg pays out, None when no date is known."""


class Strategy(Protocol):
    """A strategy with hears_books = False answers commands only and is not asked about each changed book."""

    name: str

    def on_event(self, event: Event, state: StateView, now: MonoNs) -> Sequence[Intent | CancelLeg]: ...
