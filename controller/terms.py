"""What a basket's markets and pair say by themselves, worked out once for all decisions about it.

One decision asks for holds, starts, dates and type of a basket a dozen times, and none of them changes with a price. Markets and
pairs are values: a change makes another object, which is how an entry knows that it is out of date.
"""

from collections.abc import Mapping

from controller.lessons import Kind
from controller.model import Basket, Pair
from trading.market import Market, MarketId

__all__ = ["Terms"]


class Terms:
    """What follows from a basket's markets and pair alone. good() says whether it still does: a change makes new objects."""

    __slots__ = ("basket", "group", "hold_ns", "ids", "kind", "markets", "pair", "pays_at", "starts")

    def __init__(self, basket: Basket, markets: list[Market | None], pair: Pair | None, hold_unknown_ns: int) -> None:
        self.basket = basket
        self.group = basket.group
        self.ids = [market for market, _ in basket.legs]
        self.markets = markets
        self.pair = pair
        known = [market for market in markets if market is not None]
        starts = [*(market.starts_at for market in known), pair.starts_at if pair else None]
        self.starts = [start for start in starts if start is not None]
        self.kind: Kind = (basket.league, pair.kind if pair else basket.kind)
        holds = (market.hold_ns if market is not None else None for market in markets)
        self.hold_ns = max((hold_unknown_ns if hold is None else hold for hold in holds), default=0)
        dates = [market.settles_at or market.closes_at for market in known]
        self.pays_at = max((date for date in dates if date is not None), default=None)

    def good(self, basket: Basket, markets: Mapping[MarketId, Market], pairs: Mapping[str, Pair]) -> bool:
        same = basket is self.basket and pairs.get(self.group) is self.pair
        return same and list(map(markets.get, self.ids)) == self.markets  # the same objects compare at once
