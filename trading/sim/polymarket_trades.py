"""What a match becomes: money moved, a trade walked to CONFIRMED or FAILED, positions indexed late.

    MATCHED ──► MINED ──► CONFIRMED                                                     stuck: MATCHED for good
       └──► RETRYING ──► MINED ──► CONFIRMED      or      RETRYING ──► FAILED   (a ghost fill: everything is taken back)

The fee is charged per trade (one taker, one price) to the taker: on top of a BUY, out of a SELL, builder fees likewise
(polymarket.md 9). Fractions of 1/1,000,000 dollar are rounded against each party.
"""

from collections import deque
from collections.abc import Sequence
from typing import Literal, Protocol

from trading.fees import fee_of_fill
from trading.sim.exchange import Fill
from trading.sim.polymarket_data import SimMarket, own_price
from trading.sim.polymarket_index import Index
from trading.sim.polymarket_state import ClobOrder, Effect, MakerFill, SimState, Trade
from trading.units import Money, Price, Size, cost_of

__all__ = ["TradeDesk", "TradeNews", "Walk"]

Walk = Literal["ok", "retry", "ghost", "slow", "stuck"]


class TradeNews(Protocol):
    """Who wants to hear of trades (the streams)."""

    def trade(self, trade: Trade) -> None: ...
    def matched(self, trade: Trade) -> None: ...


class TradeDesk:
    """Books trades and walks them. next_walks scripts the fate of the next trades; afterwards settings.ghost_rate decides."""

    def __init__(self, state: SimState, news: TradeNews, index: Index) -> None:
        self._state = state
        self._index = index
        self._news = news
        self._bucket = 0
        self.next_walks: deque[Walk] = deque()

    def book(
        self,
        market: SimMarket,
        taker_id: str,
        taker: ClobOrder | None,
        outcome: int,
        buy: bool,
        price: Price,
        fills: Sequence[Fill],
    ) -> Trade:
        """Make one trade of the fills at one YES price: move the money, tell the streams, schedule the walk."""
        state = self._state
        now = state.clock.wall_ns()
        self._bucket += 1
        trade = Trade(
            id=state.uuid(),
            market=market,
            taker_id=taker_id,
            taker=taker,
            outcome=outcome,
            buy=buy,
            price=self._price(taker, outcome, price),
            size=Size(sum(fill.size for fill in fills)),
            makers=[_maker_fill(fill, price) for fill in fills],
            matched_at=now,
            updated_at=now,
            bucket=self._bucket,
        )
        if taker is not None:
            self._move(trade, taker, outcome, buy, trade.price, trade.size, maker=False)
        for part in trade.makers:
            if part.order is not None:
                self._move(trade, part.order, part.outcome, part.buy, part.price, part.size, maker=True)
        market.last_price = price
        market.last_side = "BUY" if buy else "SELL"
        market.record(state.seconds(), price, traded=True)
        if not state.settings.hashless:
            trade.hash = state.chain_hash()
        self._news.matched(trade)
        if trade.effects:
            state.trades[trade.id] = trade
            self._news.trade(trade)
            self._schedule(trade)
        return trade

    def _price(self, taker: ClobOrder | None, outcome: int, price: Price) -> Price:
        """What the taker pays: the maker's price, or its own limit when price improvement is switched off."""
        improved = taker is None or self._state.settings.price_improvement
        return own_price(outcome, price) if improved or taker is None else taker.price

    def fee(self, order: ClobOrder, price: Price, size: Size, *, maker: bool) -> Money:
        """Platform fee (takers only) and builder fee of one fill, price in the order's own token."""
        platform = Money(0) if maker else fee_of_fill(order.market.fees, price, size)
        bps = self._state.builders.get(order.builder, (0, 0))[0 if maker else 1]
        return Money(platform - (-cost_of(price, size) * bps // 10_000))

    def _move(self, trade: Trade, order: ClobOrder, outcome: int, buy: bool, price: Price, size: Size, *, maker: bool) -> None:
        value = cost_of(price, size, up=buy)
        fee = self.fee(order, price, size, maker=maker)
        cash = -value - fee if buy else value - fee
        spender = self._state.exchange(trade.market).lower()
        effect = Effect(trade, trade.market.tokens[outcome], size if buy else -size, cash, fee, spender)
        order.wallet.apply(effect)
        order.wallet.effects.append(effect)
        trade.effects.append((order.wallet, effect))
        order.matched = Size(order.matched + size)
        order.paid = Money(order.paid + value)
        order.trades.append(trade.id)

    def _schedule(self, trade: Trade) -> None:
        state = self._state
        walk: Walk = "ok"
        if self.next_walks:
            walk = self.next_walks.popleft()
        elif state.settings.ghost_rate > 0 and state.rng.random() < state.settings.ghost_rate:
            walk = "ghost"
        mined, confirmed = state.settings.mined_ns, max(state.settings.mined_ns, state.settings.confirmed_ns)
        if walk == "stuck":
            return
        if walk == "slow":
            mined, confirmed = state.settings.slow_ns, state.settings.slow_ns + confirmed - mined
        if walk in ("ok", "slow"):
            state.timers.after(mined, lambda: self._mine(trade))
            state.timers.after(confirmed, lambda: self._step(trade, "CONFIRMED"))
            return
        late = mined + state.settings.retry_ns
        state.timers.after(mined, lambda: self._retry(trade))
        if walk == "ghost":
            state.timers.after(late, lambda: self._fail(trade))
        else:
            state.timers.after(late, lambda: self._mine(trade))
            state.timers.after(late + confirmed - mined, lambda: self._step(trade, "CONFIRMED"))

    def _step(self, trade: Trade, status: str) -> None:
        trade.status = status
        trade.updated_at = self._state.clock.wall_ns()
        self._news.trade(trade)

    def _retry(self, trade: Trade) -> None:
        """The transaction did not land: another one is tried, under another hash."""
        trade.hash = self._state.chain_hash()
        self._step(trade, "RETRYING")

    def _mine(self, trade: Trade) -> None:
        for wallet, effect in trade.effects:
            if effect.shares > 0:
                wallet.pending[effect.token] -= effect.shares
        if trade.status != "MATCHED" or not trade.hash:
            trade.hash = self._state.chain_hash()
        self._step(trade, "MINED")
        for wallet in trade.wallets():
            self._index.later(wallet)

    def _fail(self, trade: Trade) -> None:
        """A ghost fill: nothing ever reached the chain, so every account is put back."""
        for wallet, effect in trade.effects:
            wallet.apply(effect, sign=-1)
            wallet.effects.remove(effect)
        trade.error = "transaction reverted"
        self._step(trade, "FAILED")


def _maker_fill(fill: Fill, price: Price) -> MakerFill:
    order = fill.maker.data.get("order")
    if isinstance(order, ClobOrder):
        return MakerFill(order.id, order, order.outcome, order.buy, own_price(order.outcome, price), fill.size)
    return MakerFill(fill.maker.id, None, 0, fill.maker.side == "bid", price, fill.size)
