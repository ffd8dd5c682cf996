"""One canonical order book per market, in YES-leg prices, for both venues.

    YES bid at p  =  NO ask at 1-p          bids and asks are dicts of price to size; the best price is cached and searched
    YES ask at p  =  NO bid at 1-p          for again only when its level empties, which does not care about the grid.

A book that cannot prove itself is not ready and nothing trades on it (B-119, B-121). proved_at is not the last change: every
contiguous frame of the stream proves all books that share its Proof.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import msgspec

from trading.errors import OutOfSync
from trading.market import Action, Market, MarketId, Outcome
from trading.units import ONE, MonoNs, Price, Size, complement

__all__ = ["Book", "BookChanged", "BookLost", "BookView", "MarketChanged", "MarketEvent", "Proof", "Side", "Sink"]

Side = Literal["bid", "ask"]
_YES, _BUY = Outcome.YES, Action.BUY  # looked up by name, a member of an Enum costs half a microsecond


class Proof:
    """When a stream last proved itself; shared by all books it proves."""

    __slots__ = ("at",)

    def __init__(self, at: MonoNs = MonoNs(0)) -> None:
        self.at = at


class BookView(Protocol):
    """The read side of a book."""

    market: MarketId
    ready: bool
    changed_at: MonoNs
    epoch: int
    bid: Price
    ask: Price

    @property
    def proved_at(self) -> MonoNs: ...
    def best(self, outcome: Outcome, action: Action) -> tuple[Price, Size] | None: ...
    def levels(self, outcome: Outcome, action: Action) -> Sequence[tuple[Price, Size]]: ...


class Book:
    """Levels of one market. Only its feed calls apply_*, prove and lose."""

    __slots__ = ("ask", "asks", "bid", "bids", "changed_at", "epoch", "market", "proof", "ready")

    def __init__(self, market: MarketId, proof: Proof | None = None) -> None:
        self.market = market
        self.proof = proof or Proof()
        self.ready = False
        self.changed_at = MonoNs(0)
        self.epoch = 0
        """Counts rebuilds: a plan made on another epoch is stale (B-451)."""
        self.bids: dict[Price, Size] = {}
        self.asks: dict[Price, Size] = {}
        self.bid = Price(0)
        """Best YES bid, 0 when there is none."""
        self.ask = ONE
        """Best YES ask, 1 dollar when there is none."""

    @property
    def proved_at(self) -> MonoNs:
        return self.proof.at

    @property
    def crossed(self) -> bool:
        """YES ask + NO ask below a dollar inside one market: the book is corrupt (execution.md B-434)."""
        return self.bid >= self.ask

    def apply_snapshot(self, bids: dict[Price, Size], asks: dict[Price, Size], now: MonoNs) -> None:
        """Replace all levels (YES prices, sizes > 0) and become ready."""
        self.bids = bids
        self.asks = asks
        self.bid = max(bids, default=Price(0))
        self.ask = min(asks, default=ONE)
        self.changed_at = now
        self.epoch += 1
        self.ready = True

    def apply_level(self, side: Side, price: Price, size: Size, now: MonoNs) -> None:
        """Set one level to an absolute size; zero removes it."""
        if side == "bid":
            bids = self.bids
            if size > 0:
                bids[price] = size
                if price > self.bid:
                    self.bid = price
            elif bids.pop(price, None) is not None and price == self.bid:
                self.bid = max(bids, default=Price(0))
        else:
            asks = self.asks
            if size > 0:
                asks[price] = size
                if price < self.ask:
                    self.ask = price
            elif asks.pop(price, None) is not None and price == self.ask:
                self.ask = min(asks, default=ONE)
        self.changed_at = now

    def apply_delta(self, side: Side, price: Price, change: Size, now: MonoNs) -> None:
        """Add a signed change to one level. Raises OutOfSync if the level would turn negative."""
        levels = self.bids if side == "bid" else self.asks
        held = levels.get(price, 0)
        size = held + change
        if held > 0 and size > 0:  # the usual change: a level stays, and so does the top
            levels[price] = size  # type: ignore[assignment]  # Size() is a call, dearer than the sum it names
            self.changed_at = now
            return
        if size < 0:
            raise OutOfSync(f"{self.market}: {side} level {price} would hold {size} after {change}")
        self.apply_level(side, price, Size(size), now)

    def lose(self) -> None:
        """Stop being ready: the levels can no longer be trusted."""
        self.ready = False

    def best(self, outcome: Outcome, action: Action) -> tuple[Price, Size] | None:
        """The level an order would hit first, in the price of its own outcome; None when that side is empty."""
        if (outcome is _YES) is (action is _BUY):
            if self.ask >= ONE:
                return None
            price = self.ask if outcome is _YES else complement(self.ask)
            return price, self.asks[self.ask]
        if self.bid <= 0:
            return None
        price = self.bid if outcome is _YES else complement(self.bid)
        return price, self.bids[self.bid]

    def levels(self, outcome: Outcome, action: Action) -> list[tuple[Price, Size]]:
        """All levels an order would hit, best first, in the price of its own outcome."""
        if (outcome is _YES) is (action is _BUY):
            levels = sorted(self.asks.items())
        else:
            levels = sorted(self.bids.items(), reverse=True)
        if outcome is _YES:
            return levels
        return [(complement(price), size) for price, size in levels]


class BookChanged(msgspec.Struct, frozen=True):
    """A book was applied to; its top may or may not differ."""

    book: Book


class BookLost(msgspec.Struct, frozen=True):
    """A book stopped being ready."""

    book: Book
    reason: str


class MarketChanged(msgspec.Struct, frozen=True):
    """The venue changed a market's terms (grid, status, fees); a plan made before is stale."""

    market: Market


MarketEvent = BookChanged | BookLost | MarketChanged
Sink = Callable[[MarketEvent], None]
"""Where a feed delivers, synchronously: the engine's process()."""
