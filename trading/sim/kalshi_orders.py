"""The order desk of the simulated Kalshi: create, amend, decrease, cancel, and what each fill does to both sides.

    ticket ──► market, shard, pause, duplicate, collateral ──► arrival() ──► match ──► rest | cancel | kill
                     a refusal changes nothing               rivals act        fills, in queue order, at the maker's price

Everybody who shows the outside what happened (streams, REST lists) listens through DeskEvents, synchronously and in order.
"""

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from trading.clock import MS, SECOND, Clock
from trading.fees import KalshiOrderFees
from trading.sim.core import Arrival
from trading.sim.exchange import Fill, Order, Side
from trading.sim.kalshi_admission import Admission, check_cash, fillable
from trading.sim.kalshi_customers import Customers
from trading.sim.kalshi_data import ApiError, KalshiRules, write_average
from trading.sim.kalshi_groups import OrderGroups
from trading.sim.kalshi_markets import MarketTable, SimMarket
from trading.sim.kalshi_members import Members
from trading.sim.kalshi_money import Account, FillRow, OrderRecord, PositionRow
from trading.sim.kalshi_ticket import (
    Ticket,
    read_client_id,
    read_count,
    read_expiry,
    read_index,
    read_price,
    read_side,
    read_ticket,
)
from trading.sim.timers import Timers
from trading.units import Money, Price, Size, WallNs, format_size

__all__ = ["DeskEvents", "OrderDesk"]

_MOST_CANCELLED = 10_000  # orders of one cancel-all (kalshi.md 7.3)


class DeskEvents(Protocol):
    """Hears what happened at the desk."""

    def on_trade(self, market: SimMarket, trade_id: str, taker: Side, price: Price, size: Size, at: WallNs) -> None: ...
    def on_fill(self, account: Account, fill: FillRow) -> None: ...
    def on_order(self, account: Account, record: OrderRecord) -> None: ...
    def on_position(self, account: Account, row: PositionRow) -> None: ...
    def on_group(self, account: Account, msg: dict[str, Any]) -> None: ...


class OrderDesk:
    """Owns the accounts' orders; admission says what may be done with them."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        table: MarketTable,
        members: Members,
        timers: Timers,
        rules: KalshiRules,
        events: DeskEvents,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._table = table
        self._accounts = members.accounts
        self._timers = timers
        self._rules = rules
        self._events = events
        self._numbers = 0
        self.arrival: Arrival | None = None
        self.admission = Admission(clock, table, members, rules)
        self.customers = Customers(clock, table, lambda market, order, fills: self._book_trades(market, order, None, fills))
        self.groups = OrderGroups(clock, rng, lambda account, record: self._take_off(account, record, None), events.on_group)

    # ── an account's orders ──────────────────────────────────────────────────────────────────────────────────────────

    def create(self, account: Account, body: Mapping[str, Any]) -> dict[str, Any]:
        """Place one order and answer as POST /portfolio/events/orders does. Raises ApiError."""
        now = self._clock.wall_ns()
        ticket = read_ticket(body, now)
        market = self.admission.market(ticket.ticker, ticket.index)
        if ticket.index is None and market.shard not in account.cash:
            raise ApiError(404, "user_not_found", details=f"no profile on exchange index {market.shard}")
        self.admission.check_open(market, account)
        if not market.on_grid(ticket.price):
            raise ApiError(400, "invalid_price", details=f"price {body.get('price')} is off the grid of {market.ticker}")
        if ticket.client_order_id and ticket.client_order_id in account.used_ids:
            raise ApiError(409, "order_already_exists", details=ticket.client_order_id)
        if ticket.group:
            self.groups.admit(account, ticket.group, market.shard)
        record = self._new_record(account, ticket, market, now)
        check_cash(account, record, ticket.count)
        if ticket.client_order_id:
            account.used_ids.add(ticket.client_order_id)
        if self.arrival is not None:
            self.arrival(market.ticker, record.order)
        if ticket.tif == "fill_or_kill" and not fillable(market, record):
            raise ApiError(409, "fill_or_kill_insufficient_resting_volume")  # the client id stays used (kalshi.md 7.2)
        account.orders[record.order.id] = record
        if ticket.post_only and next(market.book.against(ticket.side, ticket.price), None) is not None:
            self._end(account, record, "canceled", "PostOnlyCrossCancel")
        else:
            most = min(ticket.count, account.closable(market.ticker, ticket.side)) if ticket.reduce_only else None
            self._enter(account, market, record, most=None if most is None else Size(most))
        self._events.on_order(account, record)
        self._finish(account, record)
        answer: dict[str, Any] = {"order_id": record.order.id, "client_order_id": record.client_order_id}
        answer.update(_fill_report(record, record.filled, record.taker_cost, record.taker_fees))
        answer["ts_ms"] = now // MS
        return answer

    def amend(self, account: Account, order_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change price, size, expiry or client id. Only a smaller size or another expiry keeps the queue place (7.3)."""
        now = self._clock.wall_ns()
        ticker, side = body.get("ticker"), read_side(body.get("side"))
        if not isinstance(ticker, str) or not ticker:
            raise ApiError(400, "invalid_parameters", details="ticker: is required")
        price, count = read_price(body.get("price")), read_count(body.get("count"))
        index = read_index(body.get("exchange_index"))
        market = self.admission.market(ticker, index)
        record = self.admission.find(account, order_id, market.shard)
        self.admission.check_open(market, account)
        if record.ticker != ticker or record.order.side != side:
            raise ApiError(400, "invalid_order", details="ticker and side are those of the order")
        if not market.on_grid(price):
            raise ApiError(400, "invalid_price", details=f"price {body.get('price')} is off the grid of {ticker}")
        left = Size(count - record.filled)
        if left <= 0:
            raise ApiError(400, "invalid_order", details="count: must exceed what is filled")
        new_id = read_client_id(body.get("updated_client_order_id"), "updated_client_order_id") or record.client_order_id
        if new_id != record.client_order_id and new_id in account.used_ids:
            raise ApiError(409, "order_already_exists", details=new_id)
        if "expiration_time" in body:
            given = body["expiration_time"]
            expires = None if given == 0 else read_expiry(given, now)
        else:
            expires = record.expires
        moved = Order(order_id, record.order.owner, side, price, left, left, now, record.order.data)
        if price != record.order.price or left > record.remaining:
            check_cash(account, replace(record, order=moved), left, without=record)

        record.client_order_id = new_id
        account.used_ids.add(record.client_order_id)
        record.order.data["client_order_id"] = record.client_order_id
        record.initial, record.expires, record.updated, record.reason = count, expires, now, "Amend"
        self._arm_expiry(account, record)
        resized = left != record.remaining
        filled, cost, fees = record.filled, record.taker_cost, record.taker_fees
        if price == record.order.price and left <= record.remaining:
            market.book.decrease(order_id, Size(record.remaining - left))
        else:
            market.book.cancel(order_id)
            account.open.pop(order_id, None)
            record.order = moved
            if moved.data.get("post_only") and next(market.book.against(side, price), None) is not None:
                self._end(account, record, "canceled", "PostOnlyCrossCancel")
            else:
                self._enter(account, market, record)
        self._events.on_order(account, record)
        self._finish(account, record)
        answer: dict[str, Any] = {"order_id": order_id, "client_order_id": record.client_order_id}
        if resized or record.filled != filled:
            got = Size(record.filled - filled)
            answer.update(_fill_report(record, got, Money(record.taker_cost - cost), record.taker_fees - fees))
        answer["ts_ms"] = now // MS
        return answer

    def decrease(self, account: Account, order_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Shrink in place by reduce_by or to reduce_to; nothing left cancels the order."""
        by, to = body.get("reduce_by"), body.get("reduce_to")
        if (by is None) == (to is None):
            raise ApiError(400, "invalid_parameters", details="exactly one of reduce_by and reduce_to")
        record = self.admission.route(account, order_id, body.get("exchange_index"), body.get("market_ticker"))
        if by is not None:
            cut = read_count(by, "reduce_by")
        else:
            keep = Size(0) if to in ("0", "0.0", "0.00") else read_count(to, "reduce_to")
            cut = Size(max(0, record.remaining - keep))
        now = self._clock.wall_ns()
        cut = Size(min(cut, record.remaining))
        if cut == record.remaining:
            self._take_off(account, record, "Decrease")
        else:
            self._table.books[record.ticker].decrease(order_id, cut)
            record.updated, record.reason = now, "Decrease"
            self._events.on_order(account, record)
        answer = {"order_id": order_id, "client_order_id": record.client_order_id}
        return answer | {"remaining_count": format_size(record.remaining), "ts_ms": now // MS}

    def cancel(self, account: Account, order_id: str, index: object, ticker: object) -> dict[str, Any]:
        """Cancel one order; without market_ticker and exchange_index the shard is 0 (kalshi.md 7.3)."""
        record = self.admission.route(account, order_id, index, ticker)
        gone = self._take_off(account, record, None)
        answer = {"order_id": order_id, "client_order_id": record.client_order_id}
        return answer | {"reduced_by": format_size(gone), "ts_ms": self._clock.wall_ns() // MS}

    def cancel_all(self, accounts: Sequence[Account]) -> None:
        """Up to 10,000 resting orders on every shard that is not in an exchange pause; it lingers for a minute."""
        gone = [(account, record) for account in accounts for record in account.open.values()]
        gone = [(account, record) for account, record in gone if record.shard not in self.admission.paused_exchange]
        for account, record in gone[:_MOST_CANCELLED]:
            self._take_off(account, record, None)
        for account in accounts:
            account.linger_until = WallNs(self._clock.wall_ns() + 60 * SECOND)

    def _linger(self, account: Account, record: OrderRecord) -> None:
        """An order placed in the minute after a cancel-all may fall to it a moment later (kalshi.md 7.3)."""
        if self._clock.wall_ns() >= account.linger_until or self._rng.random() >= self._rules.cancel_all_lingers:
            return

        def fall() -> None:
            if record.order.id in account.open:
                self._take_off(account, record, None)

        self._timers.after(self._rng.randint(50, 2_000) * MS, fall)

    def check_margin(self, account: Account, shard: int) -> None:
        """A resting order that the shard can no longer pay for dies, newest first (MarginCancel)."""
        while account.free(shard) < 0:
            held = [record for record in account.open.values() if record.shard == shard]
            if not held:
                return
            self._take_off(account, max(held, key=lambda record: record.number), "MarginCancel")

    def sweep(self, reason: str, wanted: Callable[[OrderRecord], bool]) -> None:
        """The venue takes off the accounts' resting orders that are wanted (close, pause, reactivation)."""
        for account in self._accounts.values():
            for record in [record for record in account.open.values() if wanted(record)]:
                self._take_off(account, record, reason)

    def clear_book(self, market: SimMarket, reason: str) -> None:
        """Take everything off a market's book, the accounts' orders with a reason."""
        self.sweep(reason, lambda record: record.ticker == market.ticker)
        self.customers.forget(market.book.clear())

    # ── how an order meets the book ──────────────────────────────────────────────────────────────────────────────────

    def _enter(self, account: Account, market: SimMarket, record: OrderRecord, *, most: Size | None = None) -> None:
        """Match, book the fills, then rest or cancel the remainder."""
        order = record.order
        crossed_self = False

        def on_self(maker: Order) -> bool:
            nonlocal crossed_self
            if record.stp == "taker_at_cross":
                crossed_self = True
                return False
            own = account.open[maker.id]
            self._end(account, own, "canceled", "SelfTradeCancel")
            self._events.on_order(account, own)
            return True

        fills = [] if most == 0 else market.book.match(order, most=most, on_self=on_self)
        self._book_trades(market, order, (account, record), fills)
        if order.remaining == 0:
            self._end(account, record, "executed", record.reason)
        elif crossed_self:
            self._end(account, record, "canceled", "SelfTradeCancel")
        elif most is not None and most < record.initial:
            self._end(account, record, "canceled", "ReduceOnlyCancel")
        elif record.tif != "good_till_canceled":
            self._end(account, record, "canceled", record.reason)
        else:
            market.book.rest(order)
            account.open[order.id] = record
            self._arm_expiry(account, record)
            self._linger(account, record)

    def _book_trades(
        self, market: SimMarket, taker: Order, taker_side: tuple[Account, OrderRecord] | None, fills: Sequence[Fill]
    ) -> None:
        """Book every match of one arriving order, then see whether the makers can still pay for what they rest."""
        for fill in fills:
            self.customers.note_fill(fill.maker)
            self._trade(market, taker, taker_side, fill.maker, fill.price, fill.size)
        if taker_side is None:  # an account's own arrival is finished by its desk operation
            self.groups.settle()
        for owner in {fill.maker.owner: None for fill in fills}:
            if owner in self._accounts:
                self.check_margin(self._accounts[owner], market.shard)

    def _trade(
        self,
        market: SimMarket,
        taker: Order,
        taker_side: tuple[Account, OrderRecord] | None,
        maker: Order,
        price: Price,
        size: Size,
    ) -> None:
        """Book one match for whichever sides are accounts, and print it."""
        at = self._clock.wall_ns()
        trade_id = self._uuid()
        market.traded(price, size)
        self._events.on_trade(market, trade_id, taker.side, price, size, at)
        if taker_side is not None:
            self._book_fill(*taker_side, trade_id, price, size, True, at)
        owner = self._accounts.get(maker.owner)
        record = owner.open.get(maker.id) if owner is not None else None
        if owner is not None and record is not None:
            self._book_fill(owner, record, trade_id, price, size, False, at)
            if maker.remaining <= 0:
                self._end(owner, record, "executed", "Trade")
            self._events.on_order(owner, record)

    def _book_fill(
        self, account: Account, record: OrderRecord, trade_id: str, price: Price, size: Size, taker: bool, at: WallNs
    ) -> None:
        fee, row = account.apply_fill(record, price, size, taker=taker, at=at)
        record.updated, record.reason = at, "Trade"
        self._numbers += 1
        fill = FillRow(self._numbers, trade_id, record, price, size, taker, fee, at, row.size)
        account.fills.append(fill)
        self.groups.note(account, record, size)
        self._events.on_fill(account, fill)
        self._events.on_position(account, row)

    def _finish(self, account: Account, record: OrderRecord) -> None:
        """What an order that was placed or amended brings about after its own answer is known."""
        self.groups.settle()
        self.check_margin(account, record.shard)

    def _take_off(self, account: Account, record: OrderRecord, reason: str | None) -> Size:
        gone = self._table.books[record.ticker].cancel(record.order.id)
        self._end(account, record, "canceled", reason)
        self._events.on_order(account, record)
        return gone

    def _end(self, account: Account, record: OrderRecord, status: str, reason: str | None) -> None:
        record.status, record.reason, record.updated = status, reason, self._clock.wall_ns()
        account.open.pop(record.order.id, None)

    # ── small parts ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _new_record(self, account: Account, ticket: Ticket, market: SimMarket, now: WallNs) -> OrderRecord:
        self._numbers += 1
        terms = self._table.fee_terms(market)
        data: dict[str, object] = {
            "client_order_id": ticket.client_order_id,
            "post_only": ticket.post_only,
            "subaccount": account.subaccount,
        }
        order = Order(self._uuid(), account.owner, ticket.side, ticket.price, ticket.count, ticket.count, now, data)
        return OrderRecord(
            number=self._numbers,
            order=order,
            ticker=market.ticker,
            client_order_id=ticket.client_order_id,
            initial=ticket.count,
            tif=ticket.tif,
            stp=ticket.stp,
            terms=terms,
            fees=KalshiOrderFees(terms),
            shard=market.shard,
            created=now,
            updated=now,
            expires=ticket.expires,
            cancel_on_pause=ticket.cancel_on_pause,
            group=ticket.group,
            subaccount=account.subaccount,
        )

    def _arm_expiry(self, account: Account, record: OrderRecord) -> None:
        expires = record.expires
        if expires is None:
            return

        def expire() -> None:
            if record.order.id in account.open and record.expires == expires:
                self._take_off(account, record, "ExpiryCancel")

        self._timers.at_wall(expires, expire)

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _fill_report(record: OrderRecord, filled: Size, cost: Money, fees: int) -> dict[str, str]:
    """fill_count, remaining_count and, after a fill, both averages; the price is of the YES leg (kalshi.md 7.1)."""
    report = {"fill_count": format_size(filled), "remaining_count": format_size(record.remaining)}
    if filled > 0:
        yes = cost if record.order.side == "bid" else filled - cost
        report["average_fill_price"] = write_average(yes, filled)
        report["average_fee_paid"] = write_average(fees, filled)
    return report
