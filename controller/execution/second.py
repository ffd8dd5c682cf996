"""Price and size of a second leg, given what the first one really delivered: pure rules (execution.md 2, B-455).

The planned price is always tried, because a book may lag; from then on the order goes as far as the book asks for, at most to
the plan's concession. Sizes are what was delivered, rounded down to the venue's step (0.01): the rest is dust or an excess.
"""

import msgspec

from trading.book import BookView
from trading.fees import HIGHEST_KNOWN, fee_of_fill
from trading.market import Action, Market, snap
from trading.order import Want
from trading.units import Money, Price, Size, cost_of, size_for

__all__ = ["affordable", "meets_minimum", "second_want"]


def second_want(
    planned: Want, missing: Size, market: Market, book: BookView | None, *, furthest: Price | None, first: bool
) -> Want | None:
    """The order for the missing contracts now; None when the book asks more than furthest, or the rest is too small.

    furthest is the worst price of a BUY, None = the planned limit. first: the first try, sent whatever the book shows.
    """
    size = Size(missing // market.size_step * market.size_step)
    limit = _limit(planned, size, market, book, furthest, first)
    if limit is None or not meets_minimum(market, limit, size):
        return None
    return msgspec.structs.replace(planned, limit=limit, size=size)


def _limit(
    planned: Want, size: Size, market: Market, book: BookView | None, furthest: Price | None, first: bool
) -> Price | None:
    if planned.action is Action.SELL or furthest is None or furthest <= planned.limit:
        return planned.limit
    if book is None or not book.ready:
        return planned.limit if first else furthest
    left = size
    needed: Price | None = None
    for price, shown in book.levels(planned.outcome, planned.action):
        if price > furthest or left <= 0:
            break
        left, needed = Size(left - shown), price
    if needed is None:
        return planned.limit if first else None
    snapped = snap(market, furthest if left > 0 else max(needed, planned.limit), up=False)
    return planned.limit if snapped is None else max(snapped, planned.limit)


def meets_minimum(market: Market, limit: Price, size: Size) -> bool:
    """Whether the venue takes an order this small."""
    return size > 0 and size >= market.min_size and cost_of(limit, size, up=False) >= market.min_cost


def affordable(market: Market, cash: Money, limit: Price) -> Size:
    """The most contracts at limit, in steps of the market, that cash pays for with the fee."""

    def cost(size: Size) -> int:
        return cost_of(limit, size) + fee_of_fill(market.fees or HIGHEST_KNOWN, limit, size)

    low, high = 0, size_for(cash, limit, market.size_step) // market.size_step
    while low < high:
        middle = (low + high + 1) // 2
        if cost(Size(middle * market.size_step)) <= cash:
            low = middle
        else:
            high = middle - 1
    return Size(low * market.size_step)
