"""Which held pairs could be sold, and how much of each (B-440): pure.

    held      YES here and NO there of one question, as a basket of that pair would have bought them
    sellable  what both sides hold, and nothing where an order in a market is on its way or a fill may still be taken back
    basket    the pair's other direction: to sell a held pair is to buy its reverse, so one arithmetic serves both

A pair that was paused, rejected or retired meanwhile can be sold like any other: no approval is asked of what frees money. A market
that stands in several pairs is offered in each; the claim of the event lets one of them go at a time.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from controller.model import Basket, Pair, baskets_of
from controller.positions import Positions
from trading.market import Market, MarketId
from trading.units import Money, Size

__all__ = ["CLOSE", "closing_baskets"]

CLOSE = "close_"
"""What stands before the kind of the basket that is sold."""


def closing_baskets(
    pairs: Iterable[Pair], markets: Mapping[MarketId, Market], positions: Positions, unsure: Collection[MarketId]
) -> list[Basket]:
    """A basket per held direction of each pair: legs are the outcomes gained by selling, max_size is what can be sold."""
    found = []
    for pair in pairs:
        first, second = markets.get(pair.first), markets.get(pair.second)
        if first is None or second is None or pair.first in unsure or pair.second in unsure:
            continue
        one, two = baskets_of(pair, first.venue, second.venue)
        for held, gained in ((one, two), (two, one)):
            size = min(positions.held(market)[outcome] for market, outcome in held.legs)
            if size > 0:
                kind = CLOSE + held.kind
                found.append(
                    msgspec.structs.replace(
                        gained, id=f"{pair.id}:{kind}", kind=kind, max_size=Size(size), settlement_charge=Money(0)
                    )
                )
    return found
