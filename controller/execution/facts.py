"""The numbers of a running arb, and the world around an excess as the exit rule wants to see it (execution.md 5).

exit_facts only reads: the books of now, how far start and close are, and which venues take no orders.
"""

from collections.abc import Callable, Mapping

import msgspec

from controller.execution.base import Books
from controller.execution.life import Way, way_of
from controller.execution.unwind import Excess, ExitFacts, ExitSettings
from trading.clock import MS, SECOND
from trading.market import POLYMARKET, Action, Market, MarketId, Outcome, Venue
from trading.units import Money, MonoNs, Price, Size, WallNs, complement

__all__ = ["ArbSettings", "exit_facts"]


class ArbSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times and counts of an execution; sigma is Money per contract per square root of a second (execution.md 3)."""

    exits: ExitSettings = ExitSettings()
    execution_timeout_ns: int = 5 * SECOND
    """EXECUTION_TIMEOUT_SECS, after the hold."""
    second_attempts: int = 3
    second_pause_ns: int = 100 * MS
    exit_pause_ns: int = 150 * MS
    """Between exit orders; doubled after each that filled nothing. 30 s of them fit into a leg's 255 attempts."""
    exit_pause_max_ns: int = SECOND
    resolve_ns: int = 45 * SECOND
    """How long an open order is asked about before the arb ends as unknown."""
    confirm_ns: int = 5 * SECOND
    """How long the venues' own amounts are waited for; hedged is enough to end (B-439), later truths come as updates."""
    confirm_pause_ns: int = 250 * MS
    sigma_pre_game: Money = Money(1_500)
    sigma_in_play: Money = Money(25_000)
    sale_wait_ns: Mapping[Venue, int] = msgspec.field(default_factory=lambda: {POLYMARKET: 5 * SECOND})
    """Until bought contracts can be sold again, beside the hold (2 to 10 s, B-179)."""
    no_new_before_close_ns: int = 120 * SECOND


def exit_facts(
    excess: Excess,
    elapsed_ns: int,
    state: Books,
    settings: ArbSettings,
    wall: WallNs,
    down: Callable[[Market], bool],
    swept: Mapping[Way, tuple[Price, MonoNs]],
) -> ExitFacts:
    """What decide() must know now; elapsed_ns since the excess was first seen. A book that is not ready counts as none.

    swept says where an exit already took all there was: those levels are left out until the book changes, so that a level that
    is shown and not there (a phantom, or one that paper took) is asked once and not for the whole deadline.
    """

    def levels(market: MarketId, outcome: Outcome, action: Action) -> list[tuple[Price, Size]] | None:
        book = state.books.get(market)
        if book is None or not book.ready:
            return None
        shown = book.levels(outcome, action)
        taken, at = swept.get(way_of(market, outcome, action), (None, MonoNs(0)))
        if taken is None or book.changed_at > at:
            return shown
        limit = taken if outcome is Outcome.YES else complement(taken)
        return [(price, size) for price, size in shown if (price > limit if action is Action.BUY else price < limit)]

    markets = (excess.market,) if excess.short is None else (excess.market, excess.short[0])
    live = any(market.starts_at is not None and wall >= market.starts_at for market in markets)
    closes = [market.closes_at - wall for market in markets if market.closes_at is not None]
    return ExitFacts(
        elapsed_ns=elapsed_ns,
        bids=levels(excess.market.id, excess.outcome, Action.SELL),
        asks=levels(excess.short[0].id, excess.short[1], Action.BUY) if excess.short is not None else None,
        other_asks=levels(excess.market.id, excess.outcome.other, Action.BUY),
        sigma=settings.sigma_in_play if live else settings.sigma_pre_game,
        wait_ns=settings.sale_wait_ns.get(excess.market.venue, 0) + (excess.market.hold_ns or 0),
        live=live,
        near_close=any(0 < left <= settings.no_new_before_close_ns for left in closes),
        down=frozenset(market.venue for market in markets if down(market)),  # two markets of one venue share a shard
        wall=wall,
    )
