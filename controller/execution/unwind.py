"""How to get out of a one-sided position: a pure rule (execution.md 5).

    complete    buy the missing side           loss = max(0, held + ask + fee - payout)
    sell        sell the excess back           loss = cost - (bid - fee) + sigma x sqrt(wait)
    complement  buy the other outcome, merge   loss = cost + ask + fee - 1        only where sets can be merged, from $1 on

Every way is priced per contract against the books of now; the cheapest that the ladder of losses allows wins and a tie
completes. The caller turns the answer into a new order through the gate, and asks again after each.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from trading.clock import SECOND
from trading.fees import unit_fees
from trading.market import POLYMARKET, Action, Market, Outcome, Venue, snap
from trading.order import Want
from trading.units import ONE, Money, Price, Size, cost_of

__all__ = [
    "Alarm",
    "Complement",
    "Complete",
    "Excess",
    "Exit",
    "ExitFacts",
    "ExitSettings",
    "Hold",
    "Sell",
    "allowed_loss",
    "decide",
]

Levels = Sequence[tuple[Price, Size]]
_CENT = Money(10_000)


class ExitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of the rule; losses are Money per contract.

    hedge_dust HEDGE_DUST, max_loss UNWIND_MAX_LOSS_CENTS, hard_loss UNWIND_HARD_LOSS_CENTS, deadline_ns UNWIND_DEADLINE_SECS,
    via POLY_UNWIND_VIA. The hard limit holds when more than hard_over is naked, the event is live or the close is near.
    """

    hedge_dust: Size = Size(50_000)
    first_loss: Money = Money(3 * _CENT)
    first_ns: int = 2 * SECOND
    max_loss: Money = Money(10 * _CENT)
    max_ns: int = 10 * SECOND
    hard_loss: Money = Money(25 * _CENT)
    hard_over: Money = Money(20_000_000)
    deadline_ns: int = 30 * SECOND
    merge_venues: frozenset[Venue] = frozenset({POLYMARKET})
    via: Literal["auto", "sell", "complement"] = "auto"


class Excess(msgspec.Struct, frozen=True, kw_only=True):
    """What is held on one side only.

    size contracts of (market, outcome) stand against nothing; cost is their mean cash per contract, fee included. short is the
    side that lacks completes contracts, None when no single order completes the set; others is the mean cost per contract of
    all sides but that one, together. naked is what all unmatched contracts cost.
    """

    market: Market
    outcome: Outcome
    size: Size
    cost: Money
    short: tuple[Market, Outcome] | None
    completes: Size
    others: Money
    payout: Price
    naked: Money


class ExitFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The world as it is now. Levels are what an order would hit, best first; None = that book cannot be trusted.

    bids of the held outcome, asks of the missing side, other_asks of the held market's other outcome. wait_ns is the time until
    a sale could be done (tokens available, hold); sigma is Money per contract per square root of a second.
    """

    elapsed_ns: int
    bids: Levels | None
    asks: Levels | None
    other_asks: Levels | None
    sigma: Money = Money(0)
    wait_ns: int = 0
    live: bool = False
    near_close: bool = False
    down: frozenset[Venue] = frozenset()


class Complete(msgspec.Struct, frozen=True):
    """Buy the missing side. loss is the mean expected loss per contract."""

    want: Want
    loss: Money


class Sell(msgspec.Struct, frozen=True):
    """Sell the excess back."""

    want: Want
    loss: Money


class Complement(msgspec.Struct, frozen=True):
    """Buy the held market's other outcome; the sets are merged once both are confirmed (B-436)."""

    want: Want
    loss: Money


class Hold(msgspec.Struct, frozen=True):
    """Nothing to do now; ask again."""

    reason: Literal["dust", "no_quotes", "too_dear"]


class Alarm(msgspec.Struct, frozen=True):
    """No way out within the limits; a person must know. Ask again while time is left."""

    reason: Literal["venues_down", "deadline"]


Exit = Complete | Sell | Complement | Hold | Alarm


def allowed_loss(excess: Excess, facts: ExitFacts, settings: ExitSettings) -> Money:
    """The ladder: what a contract may lose after this much time."""
    hard = excess.naked > settings.hard_over or facts.live
    if facts.near_close or (hard and facts.elapsed_ns >= settings.max_ns):
        return settings.hard_loss
    return settings.first_loss if facts.elapsed_ns < settings.first_ns else settings.max_loss


def decide(excess: Excess, facts: ExitFacts, settings: ExitSettings) -> Exit:
    """The cheapest way out that the ladder allows now."""
    if max(excess.size, excess.completes) <= settings.hedge_dust:
        return Hold("dust")
    held_down = excess.market.venue in facts.down
    short_down = excess.short is None or excess.short[0].venue in facts.down
    if held_down and short_down:
        return Alarm("venues_down")
    limit = allowed_loss(excess, facts, settings)
    found: list[tuple[Money, int, Exit]] = []
    quoted = False

    if excess.short is not None and not short_down and facts.asks is not None:
        quoted |= bool(facts.asks)
        market, outcome = excess.short
        priced = _walk(market, outcome, Action.BUY, facts.asks, excess.completes, limit, _completing(excess, market))
        if priced is not None:
            found.append((priced[1], 0, Complete(*priced)))
    if not held_down:
        merges = excess.market.venue in settings.merge_venues
        if facts.bids is not None and not (merges and settings.via == "complement"):
            quoted |= bool(facts.bids)
            risk = round(facts.sigma * math.sqrt(facts.wait_ns / SECOND))
            loss_of = _selling(excess, risk)
            priced = _walk(excess.market, excess.outcome, Action.SELL, facts.bids, excess.size, limit, loss_of)
            if priced is not None:
                found.append((priced[1], 2, Sell(*priced)))
        if facts.other_asks is not None and merges and settings.via != "sell":
            quoted |= bool(facts.other_asks)
            loss_of = _merging(excess)
            priced = _walk(excess.market, excess.outcome.other, Action.BUY, facts.other_asks, excess.size, limit, loss_of)
            if priced is not None:
                found.append((priced[1], 1, Complement(*priced)))

    if found:
        return min(found, key=lambda one: one[:2])[2]
    if facts.elapsed_ns >= settings.deadline_ns:
        return Alarm("deadline")
    return Hold("too_dear" if quoted else "no_quotes")


def _fee(market: Market, price: Price) -> int:
    return unit_fees(market.fees)[price] if market.fees is not None else 0


def _money(price: Price) -> int:
    """Money per contract of a price."""
    return price * 100


def _completing(excess: Excess, market: Market) -> Callable[[Price], int]:
    return lambda ask: max(0, excess.others + _money(ask) + _fee(market, ask) - _money(excess.payout))


def _selling(excess: Excess, risk: int) -> Callable[[Price], int]:
    return lambda bid: excess.cost - _money(bid) + _fee(excess.market, bid) + risk


def _merging(excess: Excess) -> Callable[[Price], int]:
    return lambda ask: excess.cost + _money(ask) + _fee(excess.market, ask) - _money(ONE)


def _walk(
    market: Market,
    outcome: Outcome,
    action: Action,
    levels: Levels,
    size: Size,
    limit: Money,
    loss_of: Callable[[Price], int],
) -> tuple[Want, Money] | None:
    """The order that takes up to size from levels that lose at most limit, and its mean loss; None below a minimum."""
    if market.fees is None or not market.tradable or market.status != "open":
        return None
    taken = weighted = 0
    worst: Price | None = None
    for price, shown in levels:
        loss = loss_of(price)
        if loss > limit or taken >= size:
            break
        part = min(shown, size - taken)
        taken += part
        weighted += part * loss
        worst = price
    rounded = Size(taken // market.size_step * market.size_step)
    price_limit = snap(market, worst, up=action is Action.BUY) if worst is not None else None
    if price_limit is None or rounded <= 0 or rounded < market.min_size:
        return None
    # Buys are sized in whole cents where a minimum cost exists (polymarket.md 6.2): what is below it would be refused.
    if market.min_cost and cost_of(price_limit, rounded, up=False) // _CENT * _CENT < market.min_cost:
        return None
    want = Want(market=market.id, outcome=outcome, action=action, limit=price_limit, size=rounded)
    return want, Money(-(-weighted // taken))
