"""The simulated Polymarket: CLOB, Gamma, Data API, relayer and all streams behind one VenueCore, without I/O (design.md 4).

Built for strangers too: real signatures, real error bodies, holds, ghosts, restarts and limits, so a client that trades here
meets what it would meet there. Its knobs stand in settings; its faults are methods; account_view is the venue's own record.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from trading.clock import Clock
from trading.sim.core import Arrival, Refusal, Request, Response, Session, VenueCore
from trading.sim.exchange import Fill, LevelChange, MatchingBook, Order, Side
from trading.sim.polymarket_books import reply
from trading.sim.polymarket_chain import Chain
from trading.sim.polymarket_data import (
    Json,
    PolymarketAccount,
    PolymarketCatalogue,
    PolymarketSettings,
    SimMarket,
    parse_market,
)
from trading.sim.polymarket_gamma import Gamma
from trading.sim.polymarket_gate import FAULTS, READ_FAULTS, Gate, Mode
from trading.sim.polymarket_index import Index
from trading.sim.polymarket_keys import Keys
from trading.sim.polymarket_orders import OrderDesk
from trading.sim.polymarket_portfolio import Portfolio
from trading.sim.polymarket_relayer import RELAYER_FAULTS, Relayer
from trading.sim.polymarket_rest import Rest, is_engine_path
from trading.sim.polymarket_sports import SportsStream
from trading.sim.polymarket_state import SimState, Wallet
from trading.sim.polymarket_trades import TradeDesk, Walk
from trading.sim.polymarket_view import AccountView
from trading.sim.polymarket_ws import PATHS, Streams
from trading.units import Money, MonoNs, Price, Size, WallNs

__all__ = ["AccountView", "PolymarketSim"]

Latency = Callable[[random.Random], tuple[int, int]]


class PolymarketSim:
    """One venue. Everything it does follows from the clock, the seed in rng and the calls made."""

    name = "polymarket"

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        catalogue: PolymarketCatalogue,
        accounts: Sequence[PolymarketAccount],
        chain_id: int = 137,
        latency: Latency | None = None,
    ) -> None:
        self._state = SimState(clock, rng, accounts, chain_id)
        self.books: Mapping[str, MatchingBook] = self._state.books
        """The YES book of each market by condition id."""
        self._latency = latency
        self._catalogue = catalogue
        state = self._state
        self._sports = SportsStream(state, catalogue.events)
        self._streams = Streams(state, self._sports)
        self._index = Index(state)
        self._trades = TradeDesk(state, self._streams, self._index)
        self._desk = OrderDesk(state, self._trades, self._streams)
        self._gate = Gate(state)
        self._keys = Keys(state, self._desk)
        self._chain = Chain(state, self._index.later)
        self._relayer = Relayer(state, self._gate, self._keys, self._chain, self._desk.cover)
        portfolio = Portfolio(state, self._index)
        gamma = Gamma(state, catalogue)
        self._rest = Rest(state, self._desk, self._gate, gamma, self._keys, portfolio, self._relayer)
        self._customers = count(1)
        self._customer_orders: dict[str, str] = {}
        for event in catalogue.events:
            for raw in event.get("markets") or ():
                self._list(event, raw)

    # --- VenueCore ---------------------------------------------------------------------------------------------------------

    @property
    def arrival(self) -> Arrival | None:
        return self._desk.arrival

    @arrival.setter
    def arrival(self, call: Arrival | None) -> None:
        self._desk.arrival = call

    def latency(self, request: Request) -> tuple[int, int]:
        if not is_engine_path(request):
            return 0, 0
        before, after = (0, 0) if self._latency is None else self._latency(self._state.rng)
        if self._state.settings.hold_blocks:
            before += self._rest.held_first(request)
        return before, after

    def handle(self, request: Request) -> Response:
        self.advance()
        return self._rest.handle(request)

    def connect(self, request: Request) -> Session | Refusal:
        if request.path not in PATHS:
            return Refusal(reply({"error": "not found"}, 404))
        return self._streams.open(request.path)

    def on_frame(self, session: Session, text: str) -> None:
        self._streams.frame(session, text)

    def on_close(self, session: Session) -> None:
        self._streams.close(session)

    def advance(self) -> None:
        self._state.timers.run_due()

    def next_due(self) -> MonoNs | None:
        return self._state.timers.next_due()

    def customer_rest(self, market: str, side: Side, price: Price, size: Size, owner: str = "flow") -> str:
        """Rest an order of another customer; what crosses takes first, as on the real book. Returns its id."""
        order = self._customer(side, price, size, owner)
        left = Size(size - self._take(market, order))
        if left > 0:
            order.remaining, order.owner = left, owner
            self._state.books[market].rest(order)
            self._customer_orders[order.id] = market
        return order.id

    def customer_cancel(self, order_id: str) -> None:
        market = self._customer_orders.pop(order_id, None)
        if market is not None:
            self._state.books[market].cancel(order_id)

    def customer_take(self, market: str, side: Side, limit: Price, size: Size, owner: str = "flow") -> Size:
        return self._take(market, self._customer(side, limit, size, owner))

    def drop_sessions(self, code: int = 1006) -> int:
        return self._streams.drop(code)

    def _customer(self, side: Side, price: Price, size: Size, owner: str) -> Order:
        # "flow" stands for many people: its takers must be able to meet its makers, so a taker has an owner of its own.
        order_id = "0x" + f"{next(self._customers):064x}"
        return Order(order_id, f"{owner}#taking", side, price, size, size, self._state.clock.wall_ns())

    def _take(self, market_id: str, order: Order) -> Size:
        market = self._state.markets[market_id]
        fills: dict[Price, list[Fill]] = {}
        for fill in market.book.match(order):
            fills.setdefault(fill.price, []).append(fill)
        for price, at_price in fills.items():
            trade = self._trades.book(market, order.id, None, 0, order.side == "bid", price, at_price)
            self._desk.after_fills([part.order for part in trade.makers if part.order is not None])
        return Size(sum(fill.size for at_price in fills.values() for fill in at_price))

    # --- markets -----------------------------------------------------------------------------------------------------------

    def _list(self, event: Json, raw: Json) -> SimMarket | None:
        condition = raw.get("conditionId")
        if not isinstance(condition, str) or condition in self._state.markets:
            return None
        market = parse_market(event, raw, MatchingBook(condition, self._level_changed))
        if market is None:
            return None
        self._state.add_market(market)
        self._watch_start(market)
        return market

    def _level_changed(self, market_id: str, change: LevelChange) -> None:
        market = self._state.markets[market_id]
        self._streams.level(market, change)
        second = self._state.seconds()
        if not market.history or market.history[-1][0] // 60 != second // 60:
            bid, ask = market.book.best("bid"), market.book.best("ask")
            if bid is not None and ask is not None:
                market.record(second, Price((bid + ask) // 2), traded=False)

    def _watch_start(self, market: SimMarket) -> None:
        starts_at = market.starts_at
        if starts_at is None or not market.clear_on_start or self._state.until(starts_at) < 0:
            return

        def wipe() -> None:
            if market.starts_at == starts_at and market.payout is None:
                self._desk.wipe(market, "CANCELED")

        self._state.timers.at_wall(starts_at, wipe)

    def markets(self) -> Mapping[str, SimMarket]:
        """Every market with a book, by condition id."""
        return self._state.markets

    def add_event(self, event: Json, *, clob_after_ns: int = 0) -> None:
        """List a new event: Gamma shows it, its markets get books (perhaps later), custom-flag sockets hear new_market."""
        self._catalogue.events.append(event)
        if clob_after_ns > 0:
            self._state.timers.after(clob_after_ns, lambda: self._list_event(event))
        else:
            self._list_event(event)

    def _list_event(self, event: Json) -> None:
        for raw in event.get("markets") or ():
            market = self._list(event, raw)
            if market is not None:
                self._streams.new_market(market)

    def set_game_start(self, market: str, starts_at: WallNs) -> None:
        """Move the official start (earlier, too); a book with clearBookOnStart is wiped then."""
        found = self._state.markets[market]
        found.starts_at = starts_at
        if self._state.until(starts_at) <= 0 and found.clear_on_start:
            self._desk.wipe(found, "CANCELED")
        else:
            self._watch_start(found)

    def set_hold(self, market: str, hold_ns: int | None) -> None:
        """Change the taker hold; None means itode."""
        self._state.markets[market].hold_ns = hold_ns

    def resolve(self, market: str, yes: Price) -> None:
        """Resolve: yes is what outcome 0 pays (ONE, 0 or ONE/2). Every order ends; positions become redeemable."""
        found = self._state.markets[market]
        found.payout = yes
        found.accepting = False
        self._desk.drop_held(found)
        self._desk.wipe(found, "CANCELED_MARKET_RESOLVED")
        self._streams.resolved(found)

    def redeem(self, user: str, market: str) -> Money:
        """Burn a wallet's tokens of a resolved market for pUSD; user is owner or funder. Returns what was paid."""
        wallet, found = self._wallet(user), self._state.markets[market]
        if found.payout is None:
            return Money(0)
        return self._chain.atomically(wallet, lambda: self._chain.redeem(wallet, found))[0]

    def merge(self, user: str, market: str, size: Size) -> Money:
        """Merge size settled shares of both outcomes into pUSD; 0 when there are not enough."""
        wallet, found = self._wallet(user), self._state.markets[market]
        if size <= 0 or any(wallet.free_shares(token) < size for token in found.tokens):
            return Money(0)
        return self._chain.atomically(wallet, lambda: self._chain.merge(wallet, found, size))[0]

    def split(self, user: str, market: str, size: Size) -> None:
        """Turn pUSD into size tokens of both outcomes. Raises Reverted without the cash."""
        wallet, found = self._wallet(user), self._state.markets[market]
        self._chain.atomically(wallet, lambda: self._chain.split(wallet, found, size))

    def deposit(self, user: str, amount: Money) -> None:
        """pUSD arrives from outside (negative: leaves); the CLOB may need an update to see it."""
        wallet = self._wallet(user)
        if not self._state.settings.cache_follows_chain:
            wallet.remember()
        wallet.cash = Money(wallet.cash + amount)
        self._desk.cover(wallet)

    def set_game(self, slug: str, **changed: Any) -> None:
        """Change a game's status, live, ended, score, period, elapsed or turn. Raises KeyError for an unknown event."""
        self._sports.set_game(slug, **changed)

    def set_builder(self, code: str, *, maker_bps: int, taker_bps: int) -> None:
        """Register a builder code (0x + 64 hex) with its fees in basis points of notional (at most 50 and 100)."""
        if not (0 <= maker_bps <= 50 and 0 <= taker_bps <= 100):
            raise ValueError(f"builder fees {maker_bps} and {taker_bps} bps are outside 0..50 and 0..100")
        self._state.builders[code.lower()] = (maker_bps, taker_bps)

    def wipe_book(self, market: str) -> None:
        """Clear a book as at the official start of a game: every resting order is cancelled."""
        self._desk.wipe(self._state.markets[market], "CANCELED")

    def close_market(self, market: str) -> None:
        """Take no more orders, without a resolution."""
        self._state.markets[market].accepting = False

    def change_tick(self, market: str, tick: Price) -> None:
        """Move a market to another grid: a new epoch for every reader."""
        self._streams.change_tick(self._state.markets[market], tick)

    # --- modes and faults --------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> PolymarketSettings:
        return self._state.settings

    @property
    def limits_enabled(self) -> bool:
        return self._state.settings.limits_enabled

    @limits_enabled.setter
    def limits_enabled(self, on: bool) -> None:
        self._state.settings.limits_enabled = on

    @property
    def mode(self) -> Mode:
        return self._gate.mode

    def restart(self) -> None:
        """The matching engine restarts: 425, then two minutes of post-only mode, then normal. Held orders are lost."""
        self._desk.drop_held()
        self._gate.set_mode("restarting")

    def set_mode(self, mode: Mode, for_ns: int | None = None) -> None:
        """Set a mode by hand: cancel_only and disabled last for_ns, or until the next call."""
        if mode == "restarting":
            self._desk.drop_held()
        self._gate.set_mode(mode, for_ns)

    def freeze_streams(self, frozen: bool) -> None:
        """Silent staleness: PONG goes on, data stops."""
        self._streams.freeze(frozen)

    def fail_next(self, kind: str) -> None:
        """Fail the next POST of orders: drop_after_accept and 500_after_accept took it in, no other did. Raises ValueError."""
        if kind not in FAULTS:
            raise ValueError(f"{kind!r} is none of {sorted(FAULTS)}")
        self._gate.faults.append(kind)

    def fail_next_read(self, kind: str) -> None:
        """Fail the next GET. Raises ValueError for an unknown kind."""
        if kind not in READ_FAULTS:
            raise ValueError(f"{kind!r} is none of {sorted(READ_FAULTS)}")
        self._gate.read_faults.append(kind)

    def fail_next_submit(self, kind: str) -> None:
        """Fail the relayer's next submit. Raises ValueError for an unknown kind."""
        if kind not in RELAYER_FAULTS:
            raise ValueError(f"{kind!r} is none of {sorted(RELAYER_FAULTS)}")
        self._relayer.faults.append(kind)

    def fail_next_trade(self, walk: Walk = "ghost") -> None:
        """Script the settlement of the next trade of an account.

        ghost ends FAILED, retry is MINED late, slow later still, stuck stays MATCHED for good, ok goes as usual.
        """
        self._trades.next_walks.append(walk)

    def disarm(self) -> None:
        """Forget the faults that were to strike next."""
        for armed in (self._gate.faults, self._gate.read_faults, self._relayer.faults):
            armed.clear()
        self._trades.next_walks.clear()

    def expire_heartbeats(self) -> None:
        """Every armed dead-man switch fires now."""
        self._keys.expire_heartbeats()

    def stale_cache(self, owner: str, balance: Money = Money(0), allowance: Money = Money(0)) -> None:
        """Order checks see these, and no tokens, until /balance-allowance/update is called with the right signature type."""
        wallet = self._wallet(owner)
        wallet.cache = {token: (0, {}) for token in wallet.tokens}
        wallet.cache[""] = (balance, dict.fromkeys(wallet.allowances, int(allowance)))

    def fresh_cache(self, owner: str) -> None:
        """The CLOB sees the chain again."""
        self._wallet(owner).cache.clear()

    def set_allowance(self, owner: str, amount: int) -> None:
        """What each contract may still pull of a wallet's pUSD, base units; MAX_UINT256 is never spent down."""
        wallet = self._wallet(owner)
        wallet.allowances = dict.fromkeys(wallet.allowances, amount)

    def reserve_phantom(self, owner: str, amount: Money) -> None:
        """The CLOB believes amount is promised to orders that are gone; only the venue can reset it (0)."""
        self._wallet(owner).phantom = amount

    def owners(self) -> tuple[str, ...]:
        """Every account by its owner's address."""
        return tuple(wallet.account.owner for wallet in self._state.wallets.values())

    def busiest(self) -> str:
        """The open market with the most resting orders. Raises ValueError when none is open."""
        found = [market for market in self._state.markets.values() if market.payout is None and market.accepting]
        if not found:
            raise ValueError("no market of polymarket is open")
        return max(found, key=lambda market: (len(market.book.orders), market.id)).id

    def restrict(self, owner: str, *, banned: bool = False, closed_only: bool = False) -> None:
        wallet = self._wallet(owner)
        wallet.banned, wallet.closed_only = banned, closed_only

    def _wallet(self, user: str) -> Wallet:
        wallet = self._state.wallet_of(user)
        if wallet is None:
            raise KeyError(f"no account of {user}")
        return wallet

    def account_view(self, owner: str) -> AccountView:
        """The venue's own record of an account. Raises KeyError for a stranger."""
        return AccountView.of(self._wallet(owner))


if TYPE_CHECKING:
    _SEAM: type[VenueCore] = PolymarketSim
