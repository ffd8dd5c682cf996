"""A desk that holds a pair, NO on Kalshi and YES on Polymarket, and the sale of it (B-440)."""

from desk import HOUR, Desk, K, P, contracts

from controller.model import Tick
from controller.risk.limits import RiskSettings
from controller.strategy.base import Intent
from controller.strategy.early_exit import EarlyExit
from trading.units import DOLLAR, Money

__all__ = ["held", "sale", "sell_books"]


def held(
    *,
    kalshi: float = -10,
    poly: float = 10,
    settings: RiskSettings | None = None,
    starts_in: int | None = HOUR,
    cash: int = 10_000,
) -> Desk:
    """Signed contracts of YES on each venue, bought for half a dollar each and confirmed."""
    desk = Desk(settings, starts_in=starts_in, cash=cash)
    for market, size in ((K, kalshi), (P, poly)):
        desk.state.positions.set_position(market, contracts(size), Money(int(abs(size) * DOLLAR) // 2))
    return desk


def sell_books(desk: Desk, *, poly_bid: int, kalshi_ask: int, size: float = 500) -> None:
    """The bids that the sale meets: YES on Polymarket, and NO on Kalshi, which is a dollar less the ask of YES."""
    desk.quote(P, {poly_bid: size}, {poly_bid + 1: size}, tell=False)
    desk.quote(K, {kalshi_ask - 1: size}, {kalshi_ask: size}, tell=False)
    for book in desk.books.values():
        desk.state.apply_book(book, desk.now)


def sale(desk: Desk) -> Intent | None:
    """The intent to sell, not yet shown to the gate."""
    for book in desk.books.values():
        desk.state.apply_book(book, desk.now)
    found = EarlyExit(desk.settings).on_event(Tick(desk.clock.wall_ns()), desk.state, desk.now)
    assert len(found) <= 1
    return found[0] if found else None  # type: ignore[return-value]  # this strategy cancels nothing
