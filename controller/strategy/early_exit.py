"""Held pairs whose two bids sum to nearly a dollar are sold: the capital comes back before settlement (B-440).

    held        both sides of one question on two venues, every fill of both markets confirmed (controller/closing.py)
    in effect   selling the pair is buying its reverse: the same walk, table of plans, second leg and unwind rule serve both
    floor       bids less fees >= $1 - EXIT_MIN_CENTS; once the event may be in play also the floor for moves and ghosts, because
                the second bid can be gone before the first sale is known
    size        what both sides hold, at most the share of depth of any arb; a rest is looked at again when the sale is confirmed
    rank        earnings plus what a dollar is worth until settlement, per capital and day, among the arbs of the same moment
    order       the wants SELL what is held; nothing is opened by it, so approval, return and position limits are not asked
    one-sided   the side left over is sold lower or the sold one bought back, whichever is cheaper (execution/unwind.py)
    refused     in a halt, in doubt about any leg of the event, near starts and closes, where a venue takes no orders
                (risk/gate.py), or where the trader that bought a side is away: no other one may sell it (execution/remote.py)

What is held changes with fills, so it is listed on each Tick; a changed book costs one look-up unless its market is held.
"""

from collections.abc import Iterable, Sequence

import msgspec

from controller.model import Basket, CancelLeg, Event, Tick
from controller.risk.limits import RiskSettings
from controller.risk.size import UNIT
from controller.strategy.base import Intent, StateView, mirrored
from controller.strategy.watch import best_per_event, examine
from trading.book import BookChanged
from trading.market import MarketId, Outcome
from trading.units import ONE, Money, MonoNs, complement

__all__ = ["EarlyExit"]

_NOTHING: tuple[Intent, ...] = ()
_YES = Outcome.YES  # looked up by name, a member of an Enum costs half a microsecond


class EarlyExit:
    """Watches every held pair."""

    name = "early_exit"

    def __init__(self, settings: RiskSettings) -> None:
        self._settings = msgspec.structs.replace(
            settings, min_edge=Money(0), min_arbitrage_threshold_ppm=0, min_arb_spread=Money(0)
        )
        self._held: dict[MarketId, tuple[Basket, ...]] = {}

    def on_event(self, event: Event, state: StateView, now: MonoNs) -> Sequence[Intent | CancelLeg]:
        if type(event) is BookChanged:
            baskets: Iterable[Basket] = self._held.get(event.book.market, ())
            return self._examine(baskets, state, now) if baskets else _NOTHING
        if isinstance(event, Tick):
            return self._examine(self._list(state), state, now)
        return _NOTHING

    def _list(self, state: StateView) -> Sequence[Basket]:
        self._held.clear()
        closings = state.closings()
        for basket in closings:
            for market, _ in basket.legs:
                self._held[market] = (*self._held.get(market, ()), basket)
        return closings

    def _examine(self, baskets: Iterable[Basket], state: StateView, now: MonoNs) -> Sequence[Intent]:
        found = []
        for basket in baskets:
            if not self._near(basket, state) or state.claimed(basket.event):
                continue
            intent = examine(self.name, basket, state, self._settings, now, extra=self._floor(basket, state, now))
            if intent is not None:
                found.append(_sale(intent, state.released(basket, now)))
        return best_per_event(found, state, now)

    def _near(self, basket: Basket, state: StateView) -> bool:
        """Whether the best bids alone reach a dollar less what may be given up: fees and floor only ask for more."""
        least = ONE - self._settings.exit_min // UNIT
        for market, gained in basket.legs:
            book = state.books.get(market)
            if book is None:
                return False
            least -= ONE - book.ask if gained is _YES else book.bid
        return least <= 0

    def _floor(self, basket: Basket, state: StateView, now: MonoNs) -> Money:
        moves = 0 if state.in_play(basket, now) is False else state.extra_floor(basket, now)
        return Money(moves - self._settings.exit_min)


def _sale(bought: Intent, released: Money) -> Intent:
    """The intent to buy the reverse, as the sale of what is held."""
    return msgspec.structs.replace(
        bought,
        purpose="exit",
        wants=tuple(mirrored(want) for want in bought.wants),
        quotes=tuple(msgspec.structs.replace(quote, price=complement(quote.price)) for quote in bought.quotes),
        released=released,
        reason=f"sells a held pair: {bought.reason}",
    )
