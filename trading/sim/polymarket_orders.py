"""The life of an order: judged against book and money, held, matched, rested, cancelled (polymarket.md 6 to 8).

    draft ─► refused                               a definite error, no order
        ├──► DELAYED ─(hold over, judged again)─►  as below, or INVALID
        ├──► MATCHED                               fully matched, or FAK with the rest killed
        ├──► LIVE ─► MATCHED | CANCELED…           resting: GTC, GTD, post-only
        └──► killed                                FOK not fillable, FAK without a match

A plan (which levels would be taken) is made from the book and then executed unchanged, so money is checked for exactly what
happens. An account's order never trades with the account's own: the resting one is cancelled.
"""

from collections.abc import Callable
from typing import Protocol

from trading.clock import SECOND
from trading.sim.exchange import Order
from trading.sim.polymarket_contracts import MAX_UINT256
from trading.sim.polymarket_data import SimMarket, book_side, decimal, own_price, yes_price
from trading.sim.polymarket_rules import OrderRefused
from trading.sim.polymarket_state import ApiKey, ClobOrder, SimState, Wallet
from trading.sim.polymarket_trades import TradeDesk
from trading.units import DOLLAR, Money, Price, Size, cost_of, size_for

__all__ = ["FAK_NONE", "FOK_KILLED", "OrderDesk", "OrderNews"]

FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_NONE = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
_EXPIRY_EARLY_S = 60


class OrderNews(Protocol):
    """Who wants to hear of orders (the user stream)."""

    def order(self, order: ClobOrder, kind: str, status: str) -> None: ...


class OrderDesk:
    """Takes drafts in and keeps their lives. arrival is called just before an account's order meets the book."""

    def __init__(self, state: SimState, trades: TradeDesk, news: OrderNews) -> None:
        self._state = state
        self._trades = trades
        self._news = news
        self.arrival: Callable[[str, Order], None] | None = None

    def hold(self, order: ClobOrder) -> int:
        """How long a draft would be held if it arrived now, ns: 0 unless it is marketable. A refused one is not held."""
        try:
            plan, _ = self._judge(order)
        except OrderRefused:
            return 0
        return order.market.hold(self._state.settings, self._state.clock.wall_ns()) if plan else 0

    def place(self, order: ClobOrder, *, held_already: bool = False) -> None:
        """Take a draft in: afterwards its status says LIVE, MATCHED or DELAYED. Raises OrderRefused."""
        try:
            self._place(order, held_already)
        except OrderRefused as refused:
            if refused.text in (FOK_KILLED, FAK_NONE):  # the user stream hears of a kill as a cancellation (section 12)
                self._news.order(order, "CANCELLATION", f"CANCELED_{refused.text}")
            raise

    def _place(self, order: ClobOrder, held_already: bool) -> None:
        market = order.market
        plan, need = self._judge(order)
        hold = 0 if held_already else market.hold(self._state.settings, self._state.clock.wall_ns())
        if not (plan and hold):
            self._arrive(order)
            plan, need = self._judge(order)  # competitors may have been faster
        self._state.orders[order.id] = order
        if plan and hold:
            order.status = "DELAYED"
            order.reserved = need
            order.wallet.orders[order.id] = order
            self._news.order(order, "PLACEMENT", "DELAYED")
            self._state.timers.after(hold, lambda: self._release(order))
            return
        self._execute(order, plan)
        self._settle_rest(order, "UNMATCHED" if held_already else "LIVE")

    def _release(self, order: ClobOrder) -> None:
        """The hold is over: judge again and match against the book of now."""
        if not order.held:
            return
        order.status = "NEW"
        order.wallet.orders.pop(order.id, None)
        if not order.market.accepting:
            self._end(order, "INVALID")
            return
        try:
            self._arrive(order)
            plan, _ = self._judge(order)
        except OrderRefused as refused:
            killed = refused.text in (FOK_KILLED, FAK_NONE)
            self._end(order, f"CANCELED_{refused.text}" if killed else "INVALID")
            return
        self._execute(order, plan)
        self._settle_rest(order, "UNMATCHED")

    def _arrive(self, order: ClobOrder) -> None:
        if self.arrival is not None:
            self.arrival(order.market.id, order.resting(order.shares))

    def _settle_rest(self, order: ClobOrder, resting_status: str) -> None:
        """After matching: rest what may rest, drop the remainder of a FAK, tell the user stream."""
        if order.matched and (order.budget or order.remaining <= 0 or order.type in ("FAK", "FOK")):
            order.status = "MATCHED"
            self._news.order(order, "UPDATE", "MATCHED")
            return
        for mine in self._own_crossing(order):
            self.end_resting(mine)
        order.status = "LIVE"
        order.wallet.orders[order.id] = order
        order.market.book.rest(order.resting(order.remaining))
        self._news.order(order, "PLACEMENT", resting_status if not order.matched else "LIVE")
        if order.type == "GTD":
            wait = (order.expiration - _EXPIRY_EARLY_S) * SECOND - self._state.clock.wall_ns()
            self._state.timers.after(wait, lambda: self._expire(order))

    def _expire(self, order: ClobOrder) -> None:
        if order.open:
            self.end_resting(order, "CANCELED_EXPIRED_ORDER")

    def _end(self, order: ClobOrder, status: str) -> None:
        order.status = status
        order.wallet.orders.pop(order.id, None)
        self._news.order(order, "CANCELLATION", status)

    def end_resting(self, order: ClobOrder, status: str = "CANCELED") -> None:
        """Take an open order off, a held one included, for the reason in status."""
        order.market.book.cancel(order.id)
        self._end(order, status)

    def cancel(self, key: ApiKey, order_id: str) -> str | None:
        """Cancel at the customer's wish; returns the venue's reason when it does not."""
        order = self._state.orders.get(order_id)
        if order is None or not key.sees(order):
            return "Order not found or already canceled"
        if order.held:
            return "order match delayed due to market conditions"  # a held order is not cancellable (section 8)
        if not order.open:
            return "already canceled or matched"
        self.end_resting(order)
        return None

    def cancel_key(self, wallet: Wallet, api_key: str) -> None:
        """Cancel every resting order placed under a key (heartbeat expiry, a fenced session); a held one cannot be."""
        for order in list(wallet.orders.values()):
            if order.api_key == api_key and not order.held:
                self.end_resting(order)

    def cover(self, wallet: Wallet) -> None:
        """Cancel the newest resting orders that what is left in the wallet no longer covers."""
        for order in reversed(list(wallet.orders.values())):
            short = wallet.cash < wallet.cash_reserved() if order.buy else wallet.free_shares(order.token) < 0
            if short and not order.held:
                self.end_resting(order, "CANCELED_NOT_ENOUGH_BALANCE")

    def wipe(self, market: SimMarket, status: str) -> None:
        """Clear a book (game start, resolution): every resting order goes, other customers' too."""
        for resting in market.book.clear():
            order = resting.data.get("order")
            if isinstance(order, ClobOrder):
                self._end(order, status)

    def drop_held(self, market: SimMarket | None = None) -> None:
        """End held orders (restart, resolution): all, or one market's."""
        for wallet in self._state.wallets.values():
            for order in list(wallet.orders.values()):
                if order.held and market in (None, order.market):
                    self._end(order, "INVALID")

    # --- judging -----------------------------------------------------------------------------------------------------------

    def _judge(self, order: ClobOrder) -> tuple[list[tuple[Price, Size]], Money]:
        """What the order would take now (YES prices), and the cash it needs. Raises OrderRefused when it may not go."""
        plan, complete = self._plan(order)
        if order.post_only and (plan or self._own_crossing(order)):
            raise OrderRefused("invalid post-only order: order crosses book")
        if order.type == "FAK" and not plan:
            raise OrderRefused(FAK_NONE)
        if order.type == "FOK" and not complete:
            raise OrderRefused(FOK_KILLED)
        notional = order.budget or cost_of(order.price, order.shares)
        if order.buy and plan and notional < DOLLAR:
            raise OrderRefused(f"invalid amount for a marketable BUY order (${decimal(notional)}), min size: $1")
        return plan, self._check_money(order, plan, notional)

    def _own_crossing(self, order: ClobOrder) -> list[ClobOrder]:
        """The account's own resting orders that this one crosses, on either token."""
        up = book_side(order.outcome, order.buy) == "bid"
        limit = yes_price(order.outcome, order.price)
        found = []
        for mine in order.wallet.orders.values():
            if mine.market is order.market and not mine.held and (book_side(mine.outcome, mine.buy) == "ask") == up:
                at = yes_price(mine.outcome, mine.price)
                if (at <= limit) if up else (at >= limit):
                    found.append(mine)
        return found

    def _plan(self, order: ClobOrder) -> tuple[list[tuple[Price, Size]], bool]:
        """Levels and sizes the order would take, and whether they fill it. A budget buys more when prices are better (6.4)."""
        limit = yes_price(order.outcome, order.price)
        up = book_side(order.outcome, order.buy) == "bid"
        levels = order.market.book.levels("ask" if up else "bid")
        own: dict[Price, int] = {}
        for mine in order.wallet.orders.values():
            if mine.market is order.market and not mine.held:
                at = yes_price(mine.outcome, mine.price)
                own[at] = own.get(at, 0) + mine.remaining
        left: int = order.budget or order.remaining
        plan: list[tuple[Price, Size]] = []
        for price, total in levels if up else reversed(levels):
            if (price > limit) if up else (price < limit):
                break
            size = Size(total - own.get(price, 0))
            if size <= 0:
                continue
            pays = self._pays(order, price)
            wish = size_for(Money(left), pays) if order.budget else Size(left)
            take = min(size, wish)
            if take <= 0:
                return plan, True
            plan.append((price, take))
            left -= cost_of(pays, take) if order.budget else take
            if take == wish:
                return plan, True
        return plan, left <= 0

    def _pays(self, order: ClobOrder, price: Price) -> Price:
        """What the order pays for a YES price of the book, in its own token: improvement goes to the taker, unless off."""
        return own_price(order.outcome, price) if self._state.settings.price_improvement else order.price

    def _check_money(self, order: ClobOrder, plan: list[tuple[Price, Size]], notional: Money) -> Money:
        wallet, exchange = order.wallet, self._state.exchange(order.market)
        if not order.buy:
            free = wallet.free_shares(order.token)
            if free < order.remaining:
                raise OrderRefused(_short("balance", max(0, free), order.remaining))
            if not wallet.may_move(order.market, exchange):
                raise OrderRefused(_short("allowance", 0, order.remaining, exchange))
            return Money(0)
        fees = (self._trades.fee(order, self._pays(order, price), size, maker=False) for price, size in plan)
        taken = sum(cost_of(self._pays(order, price), size) for price, size in plan)
        need = max(notional, taken) + sum(fees)  # a marketable BUY needs notional and fee free (section 9)
        balance, allowances = wallet.visible_cash()
        reserved = wallet.cash_reserved()
        if balance - reserved < need:
            raise OrderRefused(_short("balance", max(0, balance - reserved), need))
        allowance = allowances.get(exchange.lower(), 0)
        if allowance != MAX_UINT256 and allowance - reserved < need:
            raise OrderRefused(_short("allowance", max(0, allowance - reserved), need, exchange))
        return Money(need)

    def _execute(self, order: ClobOrder, plan: list[tuple[Price, Size]]) -> None:
        """Trade exactly the plan: one trade per level, price improvement to the taker."""
        taker = order.resting(Size(0))
        for price, size in plan:
            taker.price, taker.remaining = price, size
            fills = order.market.book.match(taker, on_self=self._cancel_own)
            if not fills:
                continue
            trade = self._trades.book(order.market, order.id, order, order.outcome, order.buy, price, fills)
            self.after_fills([part.order for part in trade.makers if part.order is not None])

    def _cancel_own(self, resting: Order) -> bool:
        order = resting.data.get("order")
        if isinstance(order, ClobOrder):
            self._end(order, "CANCELED")
        return True

    def after_fills(self, makers: list[ClobOrder]) -> None:
        """Tell the owners of resting orders that were hit; finished ones leave their wallet."""
        for maker in makers:
            if maker.remaining <= 0:
                maker.status = "MATCHED"
                maker.wallet.orders.pop(maker.id, None)
            self._news.order(maker, "UPDATE", maker.status)


def _short(what: str, have: int, need: int, spender: str = "") -> str:
    who = f"spender: {spender}, " if spender else ""
    return f"not enough balance / allowance: the {what} is not enough -> {who}{what}: {have}, order amount: {need}"
