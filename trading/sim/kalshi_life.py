"""The life of the simulated Kalshi's markets and its pauses (kalshi.md 4, 12).

initialized ──open_time──► active ◄──► inactive       timed steps are silent on the stream (kalshi.md 9.4)
                             └─close_time, close()──► closed ──► determined ──timer, settle()──► finalized
                                                                 └─► disputed, amended ──┘
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from trading.clock import SECOND, Clock
from trading.sim.kalshi_data import parse_grid, write_time
from trading.sim.kalshi_markets import MarketTable, SimEvent, SimMarket
from trading.sim.kalshi_money import Account
from trading.sim.kalshi_orders import OrderDesk
from trading.sim.timers import Timers, parse_time
from trading.units import ONE, Price, WallNs, format_price

__all__ = ["Lifecycle"]

_METADATA = frozenset({"floor_strike", "cap_strike", "strike_type", "custom_strike", "yes_sub_title"})
_COMBO_EVENTS = ("created", "deactivated", "activated", "close_date_updated", "determined", "settled")
_UNDECIDED = ("initialized", "active", "inactive", "closed", "disputed", "determined", "amended")


class Lifecycle:
    """Moves markets through their life. announce(type, msg) puts a frame on the lifecycle channel."""

    def __init__(
        self,
        clock: Clock,
        table: MarketTable,
        desk: OrderDesk,
        accounts: Mapping[str, Account],
        timers: Timers,
        announce: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._clock = clock
        self._table = table
        self._desk = desk
        self._accounts = accounts
        self._timers = timers
        self._announce = announce
        self._settled = 0
        self._fee_changes = 0
        for market in table.markets.values():
            if market.closes is None or market.closes > clock.wall_ns():  # an old recording keeps the status it states
                self._arm(market)

    def _arm(self, market: SimMarket) -> None:
        if market.status == "initialized" and market.opens is not None:
            self._timers.at_wall(market.opens, lambda: self._timed_open(market))
        self._arm_close(market)

    def _arm_close(self, market: SimMarket) -> None:
        closes = market.closes
        if closes is not None:
            self._timers.at_wall(closes, lambda: self._timed_close(market, closes))

    def _timed_open(self, market: SimMarket) -> None:
        if market.status == "initialized":
            market.status = "active"

    def _timed_close(self, market: SimMarket, closes: WallNs) -> None:
        if market.closes == closes and market.status in ("initialized", "active", "inactive"):
            market.status = "closed"
            self._desk.clear_book(market, "CloseCancel")

    def create(self, raw: Mapping[str, Any]) -> SimEvent:
        """List a new event with its markets and announce them."""
        event = self._table.add_event(raw)
        shard = int(raw.get("exchange_index", 0))
        if not event.combo:
            self._announce(
                "event_lifecycle",
                {
                    "event_ticker": event.ticker,
                    "exchange_index": shard,
                    "title": str(raw.get("title", "")),
                    "subtitle": str(raw.get("sub_title", "")),
                    "collateral_return_type": str(raw.get("collateral_return_type", "")),
                    "series_ticker": event.series,
                },
            )
        for market in event.markets:
            market.listed = self._clock.wall_ns()
            self._arm(market)
            self._say(market, "created", **self._created(market))
        return event

    def _created(self, market: SimMarket) -> dict[str, Any]:
        raw = market.raw
        expected = parse_time(raw.get("expected_expiration_time"))
        texts = ("title", "yes_sub_title", "no_sub_title", "rules_primary", "rules_secondary")
        fields: dict[str, Any] = {
            "exchange_index": market.shard,
            "open_ts": (market.opens or 0) // SECOND,
            "close_ts": (market.closes or 0) // SECOND,
            "price_level_structure": market.grid_label,
            "additional_metadata": {
                "name": str(raw.get("title", "")),
                **{name: str(raw.get(name, "")) for name in texts},
                "can_close_early": bool(raw.get("can_close_early")),
                "event_ticker": market.event.ticker,
                "expected_expiration_ts": (expected or 0) // SECOND,
            },
        }
        if market.grid_json is not None:
            fields["price_ranges"] = market.grid_json
        return fields

    def deactivate(self, ticker: str) -> None:
        """Pause one market: orders rest, none may be placed."""
        market = self._in(ticker, "active")
        market.status = "inactive"
        self._say(market, "deactivated", is_deactivated=True)

    def activate(self, ticker: str) -> None:
        """Open a market; one that was inactive loses its resting orders (kalshi.md 7.3)."""
        market = self._in(ticker, "initialized", "inactive", "closed")
        self._desk.clear_book(market, "HaltCancel")
        market.status = "active"
        self._say(market, "activated", is_deactivated=False)

    def close(self, ticker: str, *, reopen_until: WallNs | None = None) -> None:
        """Close a market now (a decided game). With reopen_until only the close time moves."""
        market = self._in(ticker, "initialized", "active", "inactive", "closed")
        now = self._clock.wall_ns()
        market.closes = market.updated = now if reopen_until is None else reopen_until
        market.updated = now
        if reopen_until is None:
            self._timed_close(market, now)
        else:
            self._arm_close(market)
        self._say(market, "close_date_updated", close_ts=market.closes // SECOND)

    def determine(self, ticker: str, result: Literal["yes", "no", "scalar"], value: Price | None = None) -> None:
        """Fix the result; the payout follows after the market's settlement timer. value is the YES payout of a scalar.

        A market already determined or disputed becomes amended; one with a settlement floor pays YES no less than that (5.1).
        Raises ValueError on a scalar without value.
        """
        market = self._in(ticker, *_UNDECIDED)
        if result == "scalar" and value is None:
            raise ValueError(f"{ticker}: a scalar result needs a value")
        if market.status in ("initialized", "active", "inactive"):
            self.close(ticker)
        market.status = "determined" if market.status == "closed" else "amended"
        market.result = result
        market.value = Price(max(market.floor, value if value is not None else (ONE if result == "yes" else 0)))
        at = market.determined = market.updated = self._clock.wall_ns()
        self._say(
            market,
            "determined",
            result=result,
            settlement_value=format_price(market.value),
            determination_ts=at // SECOND,
        )
        self._timers.after(market.timer_s * SECOND, lambda: self._timed_settle(market, at))

    def dispute(self, ticker: str) -> None:
        """Contest a determination: its timer no longer pays."""
        market = self._in(ticker, "determined", "amended")
        market.status = "disputed"

    def amend(self, ticker: str) -> None:
        """Turn a determination round; the timer starts again."""
        market = self._in(ticker, "determined", "disputed", "amended")
        self.determine(ticker, "no" if market.result == "yes" else "yes")

    def _timed_settle(self, market: SimMarket, determined: WallNs) -> None:
        if market.determined == determined and market.status in ("determined", "amended"):
            self.settle(market.ticker)

    def settle(self, ticker: str) -> None:
        """Pay every position and finalize."""
        market = self._in(ticker, "determined", "amended", "disputed")
        assert market.value is not None  # _in admits determined markets only
        now = self._clock.wall_ns()
        for account in self._accounts.values():
            self._settled += 1
            account.settle(ticker, market.result, market.value, number=self._settled, at=now)
        market.status = "finalized"
        market.settled = market.updated = now
        self._say(market, "settled", settled_ts=now // SECOND)

    def set_grid(self, ticker: str, ranges: Sequence[Mapping[str, str]], label: str) -> None:
        """Change the price grid; resting orders stay. ranges as price_ranges, label one of the AsyncAPI's structures."""
        market = self._table.markets[ticker]
        market.grid = parse_grid(ranges)
        market.grid_json, market.grid_label = ranges, label
        market.updated = self._clock.wall_ns()
        self._say(market, "price_level_structure_updated", price_level_structure=label, price_ranges=ranges)

    def set_event_fees(self, event_ticker: str, fee_type: str | None, multiplier: float | None) -> None:
        """Override an event's fees (None clears it); orders placed from now on are charged by it."""
        event = self._table.events[event_ticker]
        event.fee_type, event.fee_multiplier = fee_type, multiplier
        self._announce(
            "event_fee_update",
            {"event_ticker": event_ticker, "fee_type_override": fee_type, "fee_multiplier_override": multiplier},
        )

    def set_metadata(self, ticker: str, **fields: Any) -> None:
        """Change strikes or the YES name of a market (floor_strike, cap_strike, strike_type, custom_strike, yes_sub_title)."""
        strange = set(fields) - _METADATA
        if strange:
            raise ValueError(f"{ticker}: no metadata {', '.join(sorted(strange))}")
        market = self._table.markets[ticker]
        market.raw.update(fields)
        market.updated = self._clock.wall_ns()
        self._say(market, "metadata_updated", **fields)

    def schedule_series_fees(self, series: str, fee_type: str, multiplier: float, at: WallNs) -> dict[str, Any]:
        """A fee change of a whole series: listed at once, charged from its time on (kalshi.md 11)."""
        self._fee_changes += 1
        row = {
            "id": str(self._fee_changes),
            "series_ticker": series,
            "fee_type": fee_type,
            "fee_multiplier": multiplier,
            "scheduled_ts": write_time(at),
        }

        def come() -> None:
            self._table.series[series] = {
                **self._table.series[series],
                "fee_type": fee_type,
                "fee_multiplier": multiplier,
                "last_updated_ts": write_time(self._clock.wall_ns()),
            }

        self._timers.at_wall(at, come)
        return row

    def pause_trading(self, paused: bool, shard: int | None = None) -> None:
        """Trading pause of one shard or all: place and amend refused, cancel allowed, orders stay unless they asked."""
        self._pause(self._desk.admission.paused_trading, paused, shard)

    def pause_exchange(self, paused: bool, shard: int | None = None) -> None:
        """Exchange pause: no state changes at all, cancels included."""
        self._pause(self._desk.admission.paused_exchange, paused, shard)

    def _pause(self, switch: set[int], paused: bool, shard: int | None) -> None:
        shards = set(self._table.shards) if shard is None else {shard}
        if not paused:
            switch -= shards
            return
        switch |= shards
        self._desk.sweep("HaltCancel", lambda record: record.cancel_on_pause and record.shard in shards)

    def _in(self, ticker: str, *statuses: str) -> SimMarket:
        """The market, which must stand in one of the statuses. Raises KeyError, ValueError."""
        market = self._table.markets[ticker]
        if market.status not in statuses:
            raise ValueError(f"{ticker} is {market.status}, not {' or '.join(statuses)}")
        return market

    def _say(self, market: SimMarket, event_type: str, **fields: Any) -> None:
        if not market.combo:
            self._announce("market_lifecycle_v2", {"event_type": event_type, "market_ticker": market.ticker, **fields})
        elif event_type in _COMBO_EVENTS:  # combos have a channel of their own (kalshi.md 9.3)
            fields.pop("price_ranges", None)
            msg = {"event_type": event_type, "market_ticker": market.ticker, **fields}
            self._announce("multivariate_market_lifecycle", msg)
