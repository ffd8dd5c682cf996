"""How to get out of a one-sided position: a pure rule (execution.md 5).

    complete    buy the missing side         loss = max(0, held + ask + fee - payout)
    sell        sell the excess back         loss = cost - (bid - fee) + sigma x sqrt(wait)
    complement  buy the other outcome        loss = cost + ask + fee - 1 + lock      only where both can be held, from $1 on

Nothing merges sets yet (no relayer), so a complement is no cash: its two tokens are held as a set until settlement, and the lock
charges the dollar for that time. Every way is priced per contract at the limit of each level; the cheapest that the ladder of
losses allows wins and a tie completes. The caller turns the answer into an order through the gate, and asks again after each.

An arb that sold what was held (B-440) has gained the other outcome of it on a dollar owed, so the same rule decides: to complete
is to sell the other side too, to sell back is to buy again what was sold. Only the order is written from the side of what is held.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from controller.risk.limits import PPM
from trading.clock import SECOND
from trading.fees import HIGHEST_KNOWN, unit_fees
from trading.market import POLYMARKET, Action, Market, MarketId, Outcome, Venue, snap
from trading.order import Want
from trading.polymarket.amounts import exact_size
from trading.units import DOLLAR, ONE, Money, Price, Size, WallNs, complement, cost_of

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
    "lock_charge",
]

Levels = Sequence[tuple[Price, Size]]
_LossOf = Callable[[Price], int]
_Priced = tuple[Want, Money]
_CENT = Money(10_000)
_DAY_NS = 86_400 * SECOND


class ExitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of the rule; losses are Money per contract.

    hedge_dust HEDGE_DUST, max_loss UNWIND_MAX_LOSS_CENTS, hard_loss UNWIND_HARD_LOSS_CENTS, deadline_ns UNWIND_DEADLINE_SECS,
    via POLY_UNWIND_VIA. The hard limit holds when more than hard_over is naked, the event is live or the close is near.

    set_venues keep both tokens of a market side by side; cash_sized fill a buy by its cash, not by its contracts (polymarket.md
    6.4). A dollar held as a set is charged lock_ppm a year (what capital must earn, MIN_ANNUALISED_RETURN) for lock_ns at least.
    """

    hedge_dust: Size = Size(50_000)
    first_loss: Money = Money(3 * _CENT)
    first_ns: int = 2 * SECOND
    max_loss: Money = Money(10 * _CENT)
    max_ns: int = 10 * SECOND
    hard_loss: Money = Money(25 * _CENT)
    hard_over: Money = Money(20_000_000)
    deadline_ns: int = 30 * SECOND
    set_venues: frozenset[Venue] = frozenset({POLYMARKET})
    cash_sized: frozenset[Venue] = frozenset({POLYMARKET})
    lock_ns: int = 7 * _DAY_NS
    lock_ppm: int = 200_000
    via: Literal["auto", "sell", "complement"] = "auto"


class Excess(msgspec.Struct, frozen=True, kw_only=True):
    """What is held on one side only.

    size contracts of (market, outcome) stand against nothing; cost is their mean cash per contract, fee included. outcome is a
    leg of the basket, or a leg's complement of which an earlier exit delivered too much. short is the side that lacks completes
    contracts, None when no single order completes the set; others is the mean cost per contract of all sides but that one,
    together. naked is what all unmatched contracts cost.
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
    sold: tuple[tuple[MarketId, Outcome], ...] = ()
    """Outcomes that the arb gains by selling the other one: an order in them is sent as one in what is, or was, held."""


class ExitFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The world as it is now. Levels are what an order would hit, best first; None = that book cannot be trusted.

    bids of the held outcome, asks of the missing side, other_asks of the held market's other outcome. wait_ns is the time until
    a sale could be done (tokens available, hold); sigma is Money per contract per square root of a second. wall dates the
    settlement of a set; without it the shortest lock is charged.
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
    wall: WallNs | None = None


class Complete(msgspec.Struct, frozen=True):
    """Buy the missing side. loss is the mean expected loss per contract."""

    want: Want
    loss: Money


class Sell(msgspec.Struct, frozen=True):
    """Sell the excess back."""

    want: Want
    loss: Money


class Complement(msgspec.Struct, frozen=True):
    """Buy the held market's other outcome (B-436). Both tokens stay as a set that pays $1 at settlement: nothing merges it."""

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


def lock_charge(market: Market, facts: ExitFacts, settings: ExitSettings) -> Money:
    """What it costs to hold one set of the market, a dollar, until it settles: lock_ns at least, rounded up."""
    ends = market.settles_at or market.closes_at
    held = settings.lock_ns if ends is None or facts.wall is None else max(settings.lock_ns, ends - facts.wall)
    return Money(-(-DOLLAR * settings.lock_ppm * held // (PPM * 365 * _DAY_NS)))


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

    def price(market: Market, outcome: Outcome, action: Action, levels: Levels, size: Size, loss_of: _LossOf) -> _Priced | None:
        nonlocal quoted
        quoted |= bool(levels)
        mirrored = (market.id, outcome) in excess.sold
        return _walk(market, outcome, action, levels, size, limit, loss_of, settings, mirrored=mirrored)

    if excess.short is not None and not short_down and facts.asks is not None:
        market, outcome = excess.short
        priced = price(market, outcome, Action.BUY, facts.asks, excess.completes, _completing(excess, market))
        if priced is not None:
            found.append((priced[1], 0, Complete(*priced)))
    if not held_down:
        sets = excess.market.venue in settings.set_venues
        if facts.bids is not None and not (sets and settings.via == "complement"):
            risk = round(facts.sigma * math.sqrt(facts.wait_ns / SECOND))
            priced = price(excess.market, excess.outcome, Action.SELL, facts.bids, excess.size, _selling(excess, risk))
            if priced is not None:
                found.append((priced[1], 2, Sell(*priced)))
        if facts.other_asks is not None and sets and settings.via != "sell":
            loss_of = _pairing(excess, lock_charge(excess.market, facts, settings))
            priced = price(excess.market, excess.outcome.other, Action.BUY, facts.other_asks, excess.size, loss_of)
            if priced is not None:
                found.append((priced[1], 1, Complement(*priced)))

    if found:
        return min(found, key=lambda one: one[:2])[2]
    if facts.elapsed_ns >= settings.deadline_ns:
        return Alarm("deadline")
    return Hold("too_dear" if quoted else "no_quotes")


def _fee(market: Market, price: Price) -> int:
    return unit_fees(market.fees or HIGHEST_KNOWN)[price]


def _money(price: Price) -> int:
    """Money per contract of a price."""
    return price * 100


def _completing(excess: Excess, market: Market) -> _LossOf:
    return lambda ask: max(0, excess.others + _money(ask) + _fee(market, ask) - _money(excess.payout))


def _selling(excess: Excess, risk: int) -> _LossOf:
    return lambda bid: excess.cost - _money(bid) + _fee(excess.market, bid) + risk


def _pairing(excess: Excess, lock: Money) -> _LossOf:
    return lambda ask: excess.cost + _money(ask) + _fee(excess.market, ask) - _money(ONE) + lock


def _walk(
    market: Market,
    outcome: Outcome,
    action: Action,
    levels: Levels,
    size: Size,
    limit: Money,
    loss_of: _LossOf,
    settings: ExitSettings,
    *,
    mirrored: bool,
) -> _Priced | None:
    """The order that takes up to size from levels that lose at most limit, and its mean loss; None below a minimum.

    A cash-sized buy takes one level at its exact price, so that it cannot deliver more than is shown there. It goes deeper only
    while the order, or what it would leave of size, is below the venue's minimum; its size is then what the cash of those levels
    buys at the last one, which delivers no more than size from the levels shown.

    mirrored: the order is sent in the other outcome, at what is left of the dollar; the venue's rules bind that one.

    Terms that could not be read (tradable) stop new arbs, never the way out. Without known fees nothing is bought; what is held
    can still be sold, priced at the highest rate.
    """
    buys = (action is Action.BUY) is not mirrored
    if market.status != "open" or (buys and market.fees is None):
        return None
    by_cash = buys and market.venue in settings.cash_sized
    taken = weighted = cash = 0
    last: Price | None = None
    for shown_at, shown in levels:
        paid = complement(shown_at) if mirrored else shown_at
        at = snap(market, paid, up=buys)  # an order can only be limited on the grid, and may fill as far as that
        loss = limit + 1 if at is None else loss_of(complement(at) if mirrored else at)
        if at is None or loss > limit or taken >= size:
            break
        left = Size(size - taken)
        if (
            by_cash
            and last is not None
            and _allowed(market, last, taken)
            and (left <= settings.hedge_dust or _allowed(market, last, left))
        ):
            break
        part = min(shown, left)
        taken += part
        weighted += part * loss
        cash += part * paid
        last = at
    if last is None:
        return None
    rounded = Size((cash // last if by_cash else taken) // market.size_step * market.size_step)
    if by_cash:
        # What cannot come out even is cut to the cent by the venue's rules: at most a cent's worth less is delivered.
        even = exact_size(rounded, last)
        rounded = even if rounded - even <= settings.hedge_dust and _allowed(market, last, even) else rounded
    if not _allowed(market, last, rounded):
        return None
    want = Want(
        market=market.id,
        outcome=outcome.other if mirrored else outcome,
        action=Action.BUY if buys else Action.SELL,
        limit=last,
        size=rounded,
    )
    return want, Money(-(-weighted // taken))


def _allowed(market: Market, limit: Price, size: int) -> bool:
    """Whether the venue takes an order this small. A minimum cost counts whole cents (polymarket.md 6.2)."""
    whole = size // market.size_step * market.size_step
    if whole <= 0 or whole < market.min_size:
        return False
    return cost_of(limit, Size(whole), up=False) // _CENT * _CENT >= market.min_cost
