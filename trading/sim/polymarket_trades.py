"""What a match becomes: money moved, a trade walked to CONFIRMED or FAILED, positions indexed late, a resolution paid.

    MATCHED ──► MINED ──► CONFIRMED
       └──► RETRYING ──► MINED ──► CONFIRMED      or      RETRYING ──► FAILED   (a ghost fill: everything is taken back)

The fee is charged per trade (one taker, one price) to the taker: on top of a BUY, out of a SELL (polymarket.md 9). Fractions of
1/1,000,000 dollar are rounded against each party.
"""

from collections import deque
from collections.abc import Sequence
from typing import Literal, Protocol

from trading.fees import fee_of_fill
from trading.sim.exchange import Fill
from trading.sim.polymarket_data import SimMarket, own_price
from trading.sim.polymarket_state import ClobOrder, Effect, MakerFill, SimState, Trade, Wallet
from trading.units import ONE, Money, Price, Size, cost_of

__all__ = ["TradeDesk", "TradeNews", "Walk"]

Walk = Literal["ok", "retry", "ghost"]


class TradeNews(Protocol):
    """Who wants to hear of trades (the streams)."""

    def trade(self, trade: Trade) -> None: ...
    def matched(self, trade: Trade) -> None: ...


class TradeDesk:
    """Books trades and walks them. next_walks scripts the fate of the next trades; afterwards settings.ghost_rate decides."""

    def __init__(self, state: SimState, news: TradeNews) -> None:
        self._state = state
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
            price=own_price(outcome, price),
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
        self._news.matched(trade)
        if trade.effects:
            state.trades[trade.id] = trade
            self._news.trade(trade)
            self._schedule(trade)
        return trade

    def _move(self, trade: Trade, order: ClobOrder, outcome: int, buy: bool, price: Price, size: Size, *, maker: bool) -> None:
        value = cost_of(price, size, up=buy)
        fee = Money(0) if maker else fee_of_fill(trade.market.fees, price, size)
        cash = -value - fee if buy else value - fee
        effect = Effect(trade, trade.market.tokens[outcome], size if buy else -size, cash, fee)
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
        if walk == "ok":
            state.timers.after(mined, lambda: self._mine(trade))
            state.timers.after(confirmed, lambda: self._step(trade, "CONFIRMED"))
            return
        late = mined + state.settings.retry_ns
        state.timers.after(mined, lambda: self._step(trade, "RETRYING"))
        if walk == "ghost":
            state.timers.after(late, lambda: self._fail(trade))
        else:
            state.timers.after(late, lambda: self._mine(trade))
            state.timers.after(late + confirmed - mined, lambda: self._step(trade, "CONFIRMED"))

    def _step(self, trade: Trade, status: str) -> None:
        trade.status = status
        trade.updated_at = self._state.clock.wall_ns()
        self._news.trade(trade)

    def _mine(self, trade: Trade) -> None:
        for wallet, effect in trade.effects:
            if effect.shares > 0:
                wallet.pending[effect.token] -= effect.shares
        trade.hash = "0x" + self._state.rng.randbytes(32).hex()
        self._step(trade, "MINED")
        for wallet in trade.wallets():
            self.index_later(wallet)

    def _fail(self, trade: Trade) -> None:
        """A ghost fill: nothing ever reached the chain, so every account is put back."""
        for wallet, effect in trade.effects:
            wallet.apply(effect, sign=-1)
            wallet.effects.remove(effect)
        trade.error = "transaction reverted"
        self._step(trade, "FAILED")

    def index_later(self, wallet: Wallet) -> None:
        """The Data API sees the chain of now settings.data_lag_ns later."""
        seen = positions(wallet)
        self._state.timers.after(self._state.settings.data_lag_ns, lambda: wallet.indexed.update(seen))

    def redeem(self, wallet: Wallet, market: SimMarket) -> Money:
        """Pay a resolved market's tokens of one wallet and burn them; pending shares stay. Returns what was paid."""
        if market.payout is None:
            return Money(0)
        paid = 0
        for outcome, token in enumerate(market.tokens):
            shares = wallet.settled(token)
            if shares <= 0:
                continue
            value = cost_of(own_price(outcome, market.payout), Size(shares), up=False)
            effect = Effect(None, token, -shares, value, 0)
            wallet.apply(effect)
            wallet.effects.append(effect)
            paid += value
        self.index_later(wallet)
        return Money(paid)

    def merge(self, wallet: Wallet, market: SimMarket, size: Size) -> Money:
        """Turn size settled shares of both outcomes into pUSD, one for one; returns what was paid (0: not enough shares)."""
        if size <= 0 or any(wallet.free_shares(token) < size for token in market.tokens):
            return Money(0)
        for outcome, token in enumerate(market.tokens):
            effect = Effect(None, token, -size, size if outcome == 0 else 0, 0)
            wallet.apply(effect)
            wallet.effects.append(effect)
        self.index_later(wallet)
        return Money(size)


def _maker_fill(fill: Fill, price: Price) -> MakerFill:
    order = fill.maker.data.get("order")
    if isinstance(order, ClobOrder):
        return MakerFill(order.id, order, order.outcome, order.buy, own_price(order.outcome, price), fill.size)
    return MakerFill(fill.maker.id, None, 0, fill.maker.side == "bid", price, fill.size)


def positions(wallet: Wallet) -> dict[str, tuple[int, int, int]]:
    """Fold what is on chain: token -> (shares, cost before fees, entry fees); a sale takes its share of cost and fees away."""
    found: dict[str, tuple[int, int, int]] = {}
    for effect in wallet.effects:
        if effect.trade is not None and effect.trade.status not in ("MINED", "CONFIRMED"):
            continue
        shares, cost, fees = found.get(effect.token, (0, 0, 0))
        if effect.shares >= 0:
            found[effect.token] = (shares + effect.shares, cost - effect.cash - effect.fee, fees + effect.fee)
        elif shares > 0:
            left = max(0, shares + effect.shares)
            found[effect.token] = (left, cost * left // shares, fees * left // shares)
    return found


def payout_of(market: SimMarket, outcome: int) -> Price | None:
    """What one share of an outcome pays, None before resolution."""
    return None if market.payout is None else Price(market.payout if outcome == 0 else ONE - market.payout)
