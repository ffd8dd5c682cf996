"""Hedges of what is not there any more: a person closed it at the venue, so they would open the other side (B-448). Pure.

Hedging is never refused but for this: where a venue holds less of ours than we think, selling it a second time goes short, and
completing it leaves the other side alone. What is there may be hedged, as far as it goes.
"""

from collections.abc import Iterable

from trading.market import Action, MarketId, Outcome
from trading.order import LegRequest
from trading.units import Size, to_dollars

__all__ = ["Held", "hedge_of_nothing"]

Held = tuple[MarketId, int, int]
"""A market, what we think we hold there and what its venue holds of it: contracts of YES less NO."""


def hedge_of_nothing(leg: LegRequest, own: Held, others: Iterable[Held]) -> str | None:
    """Why this order to complete or unwind an arb may not go, None when it may. others are the further markets of its event."""
    want = leg.want
    if leg.purpose == "complete" and want.action is Action.BUY:
        for market, net, real in others:
            there = real if net > 0 else -real
            if there < min(abs(net), want.size):
                return _why(market, abs(net), there)
        return None
    yes = (want.outcome is Outcome.YES) is (want.action is Action.SELL)  # the side that this order gives away
    market, net, real = own if yes else (own[0], -own[1], -own[2])
    return _why(market, net, real) if net > 0 and real < min(net, want.size) else None


def _why(market: MarketId, net: int, there: int) -> str:
    figures = f"ours {to_dollars(Size(net))}, at the venue {to_dollars(Size(there))}"
    return f"{market} holds less than our orders add up to ({figures}): what a person closed is not hedged"
