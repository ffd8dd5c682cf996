"""From a basket whose prices pass the table to an intent that says size, limits and edge: shared by the basket strategies.

The table gate costs a tenth of a microsecond and may say yes too often; the walk of size.py decides.
"""

from collections.abc import Sequence

import msgspec

from controller.model import Basket
from controller.risk.limits import RiskSettings
from controller.risk.size import UNIT, Depth, walk
from controller.strategy.base import Intent, Quote, StateView
from trading.clock import MS
from trading.fees import unit_fees
from trading.market import Action, FeeTerms, Outcome
from trading.order import Tif, Want
from trading.units import CONTRACT, ONE, Money, MonoNs, Price, Size

__all__ = ["NEVER", "best_per_event", "buy_table", "examine", "ranked"]

NEVER = 10**9
"""Money no set costs: stands where a side is empty."""

_YES, _BUY = Outcome.YES, Action.BUY  # looked up by name, a member of an Enum costs half a microsecond
_IOC = Tif.IOC

_TABLES: dict[tuple[FeeTerms, Outcome], tuple[int, ...]] = {}


def buy_table(terms: FeeTerms, outcome: Outcome) -> tuple[int, ...]:
    """Money of one contract of outcome with its fee, by the YES price that is bought at: the ask for YES, the bid for NO.

    Made once per schedule; an empty side (ask 1, bid 0) and prices nobody can order at cost NEVER.
    """
    key = (terms, outcome)
    table = _TABLES.get(key)
    if table is None:
        fees = unit_fees(terms)
        if outcome is _YES:
            inner = [price * UNIT + fees[price] for price in range(1, ONE)]
        else:
            inner = [(ONE - price) * UNIT + fees[price] for price in range(1, ONE)]
        table = _TABLES[key] = (NEVER, *inner, NEVER)
    return table


def examine(
    name: str,
    basket: Basket,
    state: StateView,
    settings: RiskSettings,
    now: MonoNs,
    *,
    legs: Sequence[int] | None = None,
    extra: Money | None = None,
) -> Intent | None:
    """Walk a basket, or the part of an event basket that legs names, and say what to buy; None when nothing pays.

    extra is asked of a set beyond the base floor, the state's extra_floor() when not given; below zero that much may be lost.
    A book that is not ready or crossed yields nothing: prices of a corrupt book are no prices (B-434).
    """
    if legs is not None and len(legs) < len(basket.legs):
        chosen = tuple(basket.legs[index] for index in legs)
        payout = Price(basket.payout - (len(basket.legs) - len(chosen)) * ONE)
    else:
        chosen, payout = basket.legs, basket.payout
    books, markets = state.books, state.markets
    legs_terms: list[FeeTerms] = []
    bests: list[int] = []
    step = 1
    for market_id, outcome in chosen:
        book, market = books.get(market_id), markets.get(market_id)
        if book is None or market is None or market.fees is None or not book.ready or book.bid >= book.ask:
            return None
        legs_terms.append(market.fees)
        bests.append(book.ask if outcome is _YES else ONE - book.bid)
        if market.size_step > step:
            step = market.size_step
    spare = payout - sum(bests) + (0 if extra is None or extra >= 0 else -extra // UNIT)
    if spare < 0:
        return None  # fees are never negative
    depths = [  # a level dearer than this cannot pay even with the others at their best
        Depth(state.depth(market_id, outcome, now, Price(best + spare)), terms)
        for (market_id, outcome), best, terms in zip(chosen, bests, legs_terms, strict=True)
    ]
    sized = walk(
        depths,
        payout,
        extra=state.extra_floor(basket, now) if extra is None else extra,
        fraction_ppm=state.size_ppm(basket, now),
        step=Size(step),
        settings=settings,
    )
    if sized is None:
        return None
    size = sized.size if basket.max_size is None else Size(min(sized.size, basket.max_size // step * step))
    if size <= 0:
        return None
    if len(chosen) < len(basket.legs):
        # Each leg left out takes its dollar from the payout.
        basket = msgspec.structs.replace(basket, legs=chosen, payout=payout)
    return Intent(
        strategy=name,
        basket=basket,
        event=basket.event,
        purpose="open",
        wants=tuple(
            Want(market=market, outcome=outcome, action=_BUY, limit=limit, size=size, tif=_IOC)
            for (market, outcome), limit in zip(chosen, sized.limits, strict=True)
        ),
        edge=sized.edge,
        worst_edge=sized.worst_edge,
        quotes=quotes_of(basket, state),
        expires=MonoNs(now + settings.intent_ttl_ms * MS),
        reason=f"{sized.edge / 10_000:.2f}c a set on {size / CONTRACT:.2f}, {sized.worst_edge / 10_000:.2f}c at the limit",
    )


def quotes_of(basket: Basket, state: StateView) -> tuple[Quote, ...]:
    """What each leg of a basket sees now; an empty side is a price of a dollar and size 0."""
    quotes = []
    for market, outcome in basket.legs:
        book = state.books[market]
        price, size = book.best(outcome, _BUY) or (ONE, Size(0))
        quotes.append(Quote(market, price, size, book.epoch, book.changed_at, book.proved_at))
    return tuple(quotes)


def best_per_event(intents: Sequence[Intent], state: StateView, now: MonoNs) -> list[Intent]:
    """One intent per event, the one that earns most (B-164), events by dollars per capital and day (execution.md 3)."""
    best: dict[str, Intent] = {}
    for intent in intents:
        kept = best.get(intent.event)
        if kept is None or earns(intent) > earns(kept):
            best[intent.event] = intent
    return ranked(list(best.values()), state, now)


def ranked(intents: Sequence[Intent], state: StateView, now: MonoNs) -> list[Intent]:
    """Intents by dollars per capital and day, best first; to an exit counts what its capital is worth from now on (B-440)."""
    if len(intents) < 2:
        return list(intents)

    def rank(intent: Intent) -> float:
        cost = max(1, intent.basket.payout * UNIT - intent.edge)
        days = state.days_locked(intent.basket, now)
        return (intent.edge + intent.released) / cost / max(0.1, 1.0 if days is None else days)

    return sorted(intents, key=rank, reverse=True)


def earns(intent: Intent) -> Money:
    """Net profit of the intent's size at the prices it saw."""
    return Money(intent.edge * intent.wants[0].size // CONTRACT)
