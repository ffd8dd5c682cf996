"""The simulated Kalshi: one venue core without I/O, put together from its parts, with the switches for faults and scripts.

    request ─► kalshi_rest ─► kalshi_api_* ─► kalshi_orders ─► exchange.MatchingBook        kalshi_ws ─► Session
                                  └─► public, portfolio, transfers      └──── what happened ────┘
    kalshi_life moves markets, kalshi_money keeps accounts, kalshi_calendar pauses, timers holds what is due later

A shell or a virtual-time loop carries it (core.py). The same seed, clock and requests give the same answers to the byte.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from trading.clock import MS, Clock
from trading.sim.core import Arrival, Refusal, Request, Response, Session
from trading.sim.exchange import LevelChange, MatchingBook, Side
from trading.sim.kalshi_api_account import AccountApi
from trading.sim.kalshi_api_market import market_routes
from trading.sim.kalshi_api_orders import OrdersApi
from trading.sim.kalshi_auth import Gatekeeper
from trading.sim.kalshi_calendar import Calendar
from trading.sim.kalshi_call import Route
from trading.sim.kalshi_candles import Candles
from trading.sim.kalshi_data import (
    ApiError,
    FailKind,
    KalshiAccount,
    KalshiAccountView,
    KalshiCatalogue,
    KalshiRules,
    ReadFailKind,
)
from trading.sim.kalshi_frames import delta_msg, fill_msg, position_msg, ticker_msg, trade_msg, user_order_msg
from trading.sim.kalshi_history import Archive
from trading.sim.kalshi_life import Lifecycle
from trading.sim.kalshi_limits import RateLimits
from trading.sim.kalshi_live import LiveDesk
from trading.sim.kalshi_markets import MarketTable, SimEvent, SimMarket
from trading.sim.kalshi_members import Members
from trading.sim.kalshi_money import Account, FillRow, OrderRecord, PositionRow
from trading.sim.kalshi_orders import OrderDesk
from trading.sim.kalshi_portfolio import Portfolio
from trading.sim.kalshi_public import PublicData
from trading.sim.kalshi_rest import RestApi
from trading.sim.kalshi_statements import Statements
from trading.sim.kalshi_transfers import Transfers
from trading.sim.kalshi_ws import StreamHub
from trading.sim.timers import Timers
from trading.units import MonoNs, Price, Size, WallNs

__all__ = ["KalshiSim", "order_latency"]

_WS_PATH = "/trade-api/ws/v2"


def order_latency(rng: random.Random) -> tuple[int, int]:
    """(before, after) of an order write in ns: 42 % around 91 ms, 58 % around 250 ms in all (execution.md 7)."""
    total = rng.gauss(91, 3) if rng.random() < 0.42 else rng.gauss(250, 11)
    half = int(max(total, 1.0) * MS) // 2
    return half, half


class KalshiSim:
    """core.VenueCore of Kalshi. rules may be changed while it runs; every market's book is in books.

    Raises ValueError on a duplicate ticker or a key that is neither RSA nor Ed25519.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        catalogue: KalshiCatalogue,
        accounts: Sequence[KalshiAccount],
        latency: Callable[[random.Random], tuple[int, int]] | None = None,
        *,
        rules: KalshiRules | None = None,
    ) -> None:
        self.name = "kalshi"
        self.rules = rules or KalshiRules()
        self._clock = clock
        self._rng = rng
        self._latency = latency or order_latency
        self._private_floor = 0
        self._table = MarketTable(catalogue, self._on_level)
        self.books: Mapping[str, MatchingBook] = self._table.books
        self.members = Members(accounts)
        self.accounts: Mapping[str, Account] = self.members.accounts
        self._timers = Timers(clock)
        self._gate = Gatekeeper(accounts, clock, self.rules)
        self.hub = StreamHub(clock, self._table, self.rules)
        self._portfolio = Portfolio(clock, rng, self._table, self.rules)
        self._candles = Candles(clock, self._table)
        self._desk = OrderDesk(clock, rng, self._table, self.members, self._timers, self.rules, self)
        self.public = PublicData(clock, self._table, self.rules)
        self.live = LiveDesk(clock, self._table)
        self.statements = Statements(self._table)
        doors = self._desk.admission
        self.transfers = Transfers(
            clock,
            rng,
            self.rules,
            self.members,
            self._timers,
            self._table.shards,
            doors.paused_exchange,
            self._desk.check_margin,
        )
        paused, stopped = (doors.paused_trading, doors.paused_exchange), lambda: self.transfers.stopped
        self.calendar = Calendar(clock, self._table, self._timers, self.rules, *paused, stopped)
        self.limits = RateLimits(clock, self.rules, self._table.shards)
        self.rest = RestApi(self._gate, self.limits, self._routes(clock, rng), self.rules)
        self._life = Lifecycle(clock, self._table, self._desk, self.accounts, self._timers, self._announce)
        self.calendar.pause_trading = self._life.pause_trading
        self.calendar.cut_streams = self.drop_sessions

    def _routes(self, clock: Clock, rng: random.Random) -> tuple[Route, ...]:
        archive = Archive(clock, self._table, self._portfolio, self.public, self._candles)
        account = AccountApi(
            clock, rng, self._gate, self.limits, self.members, self._portfolio, self.statements, self.transfers, archive
        )
        return (
            *market_routes(self.calendar, self.public, self._candles, self.live, archive, self._portfolio),
            *account.routes(),
            *OrdersApi(self.limits, self.rules, self.members, self._desk).routes(),
        )

    # ── core.VenueCore ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def arrival(self) -> Arrival | None:
        """Called with (ticker, order) just before an account's order meets the book."""
        return self._desk.arrival

    @arrival.setter
    def arrival(self, value: Arrival | None) -> None:
        self._desk.arrival = value

    def latency(self, request: Request) -> tuple[int, int]:
        """Order writes take the venue's time, reads none."""
        return (0, 0) if request.method == "GET" else self._latency(self._rng)

    def handle(self, request: Request) -> Response:
        self.advance()
        return self.rest.handle(request)

    def connect(self, request: Request) -> Session | Refusal:
        self.advance()
        try:
            if request.path != _WS_PATH:
                raise ApiError(404, "not_found", details=request.path)
            caller = self._gate.caller(request)
            caller.require("read")
        except ApiError as exc:
            return Refusal(exc.response())
        return self.hub.open(caller.user_id)

    def on_frame(self, session: Session, text: str) -> None:
        self.advance()
        low, high = self.rules.ws_command_lag_ns
        if high > 0:
            self._timers.after(self._rng.randint(low, high), lambda: self.hub.on_frame(session, text))
        else:
            self.hub.on_frame(session, text)

    def on_close(self, session: Session) -> None:
        self.hub.close(session)

    def advance(self) -> None:
        self._timers.run_due()

    def next_due(self) -> MonoNs | None:
        return self._timers.next_due()

    def customer_rest(self, market: str, side: Side, price: Price, size: Size, owner: str = "flow") -> str:
        """Rest an order of another customer; what crosses trades first. "" when the market is not active."""
        return self._desk.customers.rest(market, side, price, size, owner)

    def customer_cancel(self, order_id: str) -> None:
        self._desk.customers.cancel(order_id)

    def customer_take(self, market: str, side: Side, limit: Price, size: Size, owner: str = "flow") -> Size:
        return self._desk.customers.take(market, side, limit, size, owner)

    def drop_sessions(self, code: int = 1006) -> int:
        return self.hub.drop(code)

    # ── switches for faults and scripts ──────────────────────────────────────────────────────────────────────────────

    def freeze_streams(self, frozen: bool) -> None:
        """Streams stay open and silent; what happened meanwhile is lost and shows as a gap afterwards."""
        self.hub.freeze(frozen)

    def skip_seq(self, frames: int = 1) -> None:
        """Lose the next data frames of every sequenced subscription: their numbers are spent, nothing is sent."""
        for sub in self.hub.sequenced():
            sub.lose += frames

    def repeat_seq(self, frames: int = 1) -> None:
        """Send the next data frames of every sequenced subscription twice, with the same number."""
        for sub in self.hub.sequenced():
            sub.repeat += frames

    def reset_seq(self) -> None:
        """Start every subscription's numbers again at 1."""
        for sub in self.hub.sequenced():
            sub.seq = 0

    def fail_next(self, kind: FailKind, times: int = 1) -> None:
        """Fail the next order writes, before they act or after they were accepted (FailKind); first armed, first to strike."""
        self.rest.faults.extend([kind] * times)

    def fail_next_read(self, kind: ReadFailKind, times: int = 1) -> None:
        """Fail the next GETs, public ones too."""
        self.rest.read_faults.extend([kind] * times)

    def disarm(self) -> None:
        """Forget the faults that were to strike next."""
        self.rest.faults.clear()
        self.rest.read_faults.clear()

    def lag_money(self, lags: bool) -> None:
        """Let balance and positions trail writes as far as the lists do (rules.list_lag_ns); off at the start."""
        if lags:
            self._portfolio.shots.start(self.accounts.values())
        else:
            self._portfolio.shots.on = False

    def attest(self, until: int | None) -> None:
        """Move every member's location attestation (unix seconds, None = never attested)."""
        self.members.attested_until.update(dict.fromkeys(self.members.attested_until, until))

    def busiest(self) -> str:
        """The open market with the most trades of this run, the first listed when none traded: where a fault strikes."""
        found = [market for market in self._table.markets.values() if market.status == "active" and not market.combo]
        if not found:
            raise ValueError("no market is open")
        return max(found, key=lambda market: market.traded_here).ticker

    @property
    def mode(self) -> str:
        """exchange_paused and trading_paused when a shard is; else normal."""
        doors = self._desk.admission
        return "exchange_paused" if doors.paused_exchange else "trading_paused" if doors.paused_trading else "normal"

    def pause_trading(self, paused: bool, shard: int | None = None) -> None:
        """Place and amend refused, cancel allowed (kalshi.md 4); one shard or all."""
        self._life.pause_trading(paused, shard)

    def pause_exchange(self, paused: bool, shard: int | None = None) -> None:
        """Cancels refused too."""
        self._life.pause_exchange(paused, shard)

    def close_market(self, ticker: str, *, reopen_until: WallNs | None = None) -> None:
        """Close now, or move the close time to reopen_until."""
        self._life.close(ticker, reopen_until=reopen_until)

    def activate(self, ticker: str) -> None:
        self._life.activate(ticker)

    def deactivate(self, ticker: str) -> None:
        self._life.deactivate(ticker)

    def determine(self, ticker: str, result: Literal["yes", "no", "scalar"], value: Price | None = None) -> None:
        """Fix the result (closing the market when it still trades); settlement follows after the market's timer."""
        self._life.determine(ticker, result, value)

    def dispute(self, ticker: str) -> None:
        self._life.dispute(ticker)

    def amend_result(self, ticker: str) -> None:
        """Determine again, the other way round: YES becomes NO and NO or a scalar becomes YES."""
        self._life.amend(ticker)

    def event_of(self, ticker: str) -> str:
        return self._table.markets[ticker].event.ticker

    def clock_back(self) -> None:
        """Set every book's clock back, as maintenance does (kalshi.md 4)."""
        for market in self._table.markets.values():
            market.clock //= 2

    def settle(self, ticker: str) -> None:
        """Pay every position now and finalize."""
        self._life.settle(ticker)

    def set_grid(self, ticker: str, ranges: Sequence[Mapping[str, str]], label: str = "") -> None:
        """Change a market's price_ranges; label is one of the AsyncAPI's price structures ("" = unknown)."""
        self._life.set_grid(ticker, ranges, label)

    def set_event_fees(self, event_ticker: str, fee_type: str | None, multiplier: float | None) -> None:
        self._life.set_event_fees(event_ticker, fee_type, multiplier)
        self.public.note_event_fees(event_ticker, fee_type, multiplier)

    def set_metadata(self, ticker: str, **fields: Any) -> None:
        """Change strikes or the YES name of a market; metadata_updated announces it."""
        self._life.set_metadata(ticker, **fields)

    def schedule_series_fees(self, series: str, fee_type: str, multiplier: float, at: WallNs) -> None:
        """A fee change of a series: listed now, charged from at on."""
        self.public.fee_changes.append(self._life.schedule_series_fees(series, fee_type, multiplier, at))

    def create_event(self, raw: Mapping[str, Any]) -> SimEvent:
        """List a new event while running; lifecycle frames announce it."""
        return self._life.create(raw)

    def account_view(self, user_id: str) -> KalshiAccountView:
        """The venue's own record of an account, without any lag."""
        return self.accounts[user_id].view()

    # ── what happened, to those who show it ──────────────────────────────────────────────────────────────────────────

    def _on_level(self, ticker: str, change: LevelChange) -> None:
        market = self._table.markets[ticker]
        market.clock += 1
        at = self._clock.wall_ns()
        for sub in self.hub.subscribers("orderbook_delta"):
            if sub.wants(ticker):
                msg = delta_msg(market, change, at, yes_price=sub.yes_price, user_id=sub.user_id)
                self.hub.publish(sub, "orderbook_delta", msg)
        best = market.book.best(change.side)
        if best is None or change.price == best or (change.price > best) == (change.side == "bid"):
            self._candles.note_top(market, at)
            self._show_ticker(market, at)

    def _show_ticker(self, market: SimMarket, at: WallNs) -> None:
        subs = [sub for sub in self.hub.subscribers("ticker") if sub.wants(market.ticker)]
        if subs:
            msg = ticker_msg(market, at)
            for sub in subs:
                self.hub.publish(sub, "ticker", msg)

    def _announce(self, kind: str, msg: dict[str, Any]) -> None:
        channel = kind if kind == "multivariate_market_lifecycle" else "market_lifecycle_v2"
        for sub in self.hub.subscribers(channel):
            self.hub.publish(sub, kind, msg)

    def on_trade(self, market: SimMarket, trade_id: str, taker: Side, price: Price, size: Size, at: WallNs) -> None:
        self.public.note_trade(market, trade_id, taker, price, size, at)
        self._candles.note_trade(market, price, size, at)
        subs = [sub for sub in self.hub.subscribers("trade") if sub.wants(market.ticker)]
        if subs:
            msg = trade_msg(market, trade_id, taker, price, size, at)
            for sub in subs:
                self.hub.publish(sub, "trade", msg)
        self._show_ticker(market, at)

    def on_fill(self, account: Account, fill: FillRow) -> None:
        self._portfolio.note_fill(account, fill)
        self._tell(account, "fill", "fill", fill.record.ticker, fill_msg(fill))

    def on_order(self, account: Account, record: OrderRecord) -> None:
        self._portfolio.note_order(account, record)
        self._tell(account, "user_orders", "user_order", record.ticker, user_order_msg(account, record))

    def on_position(self, account: Account, row: PositionRow) -> None:
        self._tell(account, "market_positions", "market_position", row.ticker, position_msg(account, row))

    def on_group(self, account: Account, msg: dict[str, Any]) -> None:
        for sub in self.hub.subscribers("order_group_updates"):
            if sub.user_id == account.member.user_id:
                self.hub.publish(sub, "order_group_updates", msg)

    def _tell(self, account: Account, channel: str, kind: str, ticker: str, msg: dict[str, Any]) -> None:
        """Send a private frame now or a while later: it races the REST answer (kalshi.md 14.7); frames keep their order."""
        now = self._clock.mono_ns()
        late = self._rng.random() < self.rules.private_late
        lag = self._rng.randint(*self.rules.private_lag_ns) if late else 0
        due = max(self._private_floor, now + lag)
        self._private_floor = due

        def send() -> None:
            for sub in self.hub.subscribers(channel):
                if sub.user_id == account.member.user_id and sub.wants(ticker):
                    self.hub.publish(sub, kind, msg)

        if due <= now:
            send()
        else:
            self._timers.at(MonoNs(due), send)
