"""Changes of watched markets as the lifecycle channel tells them (kalshi.md 6, 9.4, 12), without I/O.

A changed grid, status or fee makes another Market, told by MarketChanged: plans made on the old terms are stale (B-451).
Where a frame does not carry enough to know the new terms, the market becomes watch-only until it is read again.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from trading.book import MarketChanged, Sink
from trading.clock import SECOND
from trading.kalshi.wire import FeeUpdateBody, LifecycleBody, fee_terms, grid_from
from trading.market import Market, MarketId, MarketStatus
from trading.units import WallNs

__all__ = ["Lifecycles"]

_STATUS: dict[str, MarketStatus] = {
    "activated": "open",
    "deactivated": "paused",
    "determined": "closed",
    "settled": "settled",
}


class Lifecycles:
    """The newest known terms of the watched markets, by id. markets is shared by sockets: one of them hears for all."""

    def __init__(self, sink: Sink, markets: dict[MarketId, Market] | None = None) -> None:
        self._sink = sink
        self.markets: dict[MarketId, Market] = {} if markets is None else markets

    def apply_market(self, body: LifecycleBody, wall: WallNs) -> None:
        """Apply one market's lifecycle event; markets that are not watched are passed over."""
        market = self.markets.get(MarketId(body.market_ticker))
        if market is None:
            return
        changes: dict[str, Any] = {}
        if body.event_type in _STATUS:
            changes["status"] = _STATUS[body.event_type]
        elif body.event_type == "close_date_updated" and body.close_ts is not None:
            changes["closes_at"] = WallNs(body.close_ts * SECOND)
            if market.status == "closed" and body.close_ts * SECOND > wall:
                changes["status"] = "paused"  # kalshi.md 12: it reopens with an activated of its own
        elif body.event_type == "price_level_structure_updated":
            grid = grid_from(body.price_ranges)
            changes["grid"] = grid
            if not grid:
                changes["tradable"] = False
        elif body.event_type == "metadata_updated" and self._asks_otherwise(market, body):
            changes["tradable"] = False  # it may ask something else now: read it again
        self._replace(market, changes, wall)

    @staticmethod
    def _asks_otherwise(market: Market, body: LifecycleBody) -> bool:
        if body.yes_sub_title is not None and body.yes_sub_title != market.outcomes[0]:
            return True
        strikes = (body.strike_type, body.floor_strike, body.cap_strike, body.custom_strike)
        return any(strike is not None for strike in strikes)

    def apply_fees(self, body: FeeUpdateBody, wall: WallNs) -> None:
        """Apply an event's fee override; a cleared one leaves the series' terms, which only a read can tell."""
        for market in [market for market in self.markets.values() if market.event_id == body.event_ticker]:
            waived = market.fees.waived_until if market.fees is not None else None
            fees = fee_terms(body.fee_type_override, body.fee_multiplier_override, waived)
            changes: dict[str, Any] = {"fees": fees}
            if fees is None:
                changes["tradable"] = False
            self._replace(market, changes, wall)

    def apply_time(self, wall: WallNs, tickers: Iterable[str] | None = None) -> None:
        """Close those of these markets (all) whose time is up: the venue sends no event for it (kalshi.md 9.4)."""
        for ticker in list(self.markets if tickers is None else tickers):
            market = self.markets.get(MarketId(ticker))
            if market is None:
                continue
            if market.status == "open" and market.closes_at is not None and market.closes_at <= wall:
                self._replace(market, {"status": "closed"}, wall)

    def _replace(self, market: Market, changes: dict[str, Any], wall: WallNs) -> None:
        if all(getattr(market, name) == value for name, value in changes.items()):
            return
        new = msgspec.structs.replace(market, read_at=wall, **changes)
        self.markets[market.id] = new
        self._sink(MarketChanged(new))
