"""An account's money and positions: cash per shard, signed net positions, what resting orders hold, fees and realized profit.

Everything is fully collateralised (kalshi.md 7.1): a contract that opens costs p (bid) or 1-p (ask); one that closes the
opposite position releases the $1 the pair will pay, so it brings the complement. Reservations are computed from the resting
orders, never stored, so they cannot drift. Fees of an order that splits into many fills may exceed the reserve by $0.0001 a
fill, which is the only way cash can pass below zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from trading.fees import KalshiOrderFees, fee_of_fill
from trading.market import FeeTerms
from trading.sim.exchange import Order, Side
from trading.sim.kalshi_data import KalshiAccount, KalshiAccountView
from trading.units import ONE, Money, Price, Size, WallNs, complement, cost_of, format_money, format_size

__all__ = ["Account", "FillRow", "OrderRecord", "PositionRow", "SettlementRow", "owner_name", "unit_cost"]


def owner_name(user_id: str, subaccount: int) -> str:
    return f"{user_id}/{subaccount}" if subaccount else user_id


def unit_cost(side: Side, price: Price) -> Price:
    """What one contract of an order costs to open: p for a bid, 1-p for an ask."""
    return price if side == "bid" else complement(price)


@dataclass(slots=True, eq=False)
class OrderRecord:
    """An order of an account as the venue keeps it. order is its place in the book; price and side are of the YES leg."""

    number: int
    order: Order
    ticker: str
    client_order_id: str
    initial: Size
    tif: str
    stp: str
    terms: FeeTerms
    fees: KalshiOrderFees
    shard: int
    created: WallNs
    updated: WallNs
    expires: WallNs | None = None
    cancel_on_pause: bool = False
    group: str = ""
    subaccount: int = 0
    status: str = "resting"
    reason: str | None = None
    filled: Size = Size(0)
    taker_cost: Money = Money(0)
    maker_cost: Money = Money(0)
    taker_fees: Money = Money(0)
    maker_fees: Money = Money(0)

    @property
    def remaining(self) -> Size:
        """What can still trade: nothing once the order is cancelled or executed."""
        return self.order.remaining if self.status == "resting" else Size(0)

    def figures(self) -> dict[str, str]:
        """Counts, costs and fees so far, as lists and frames both write them."""
        return {
            "initial_count_fp": format_size(self.initial),
            "fill_count_fp": format_size(self.filled),
            "remaining_count_fp": format_size(self.remaining),
            "taker_fill_cost_dollars": format_money(self.taker_cost),
            "maker_fill_cost_dollars": format_money(self.maker_cost),
            "taker_fees_dollars": format_money(self.taker_fees),
            "maker_fees_dollars": format_money(self.maker_fees),
        }


@dataclass(frozen=True, slots=True)
class FillRow:
    """One fill of one account's order. fee is net of the rebate; after is the position it left."""

    number: int
    id: str
    record: OrderRecord
    price: Price
    size: Size
    taker: bool
    fee: Money
    at: WallNs
    after: Size


@dataclass(slots=True)
class PositionRow:
    """size is signed (+ YES). basis is what the open contracts cost without fees."""

    ticker: str
    shard: int
    size: Size = Size(0)
    basis: Money = Money(0)
    traded: Money = Money(0)
    volume: Size = Size(0)
    realized: Money = Money(0)
    fees: Money = Money(0)
    updated: WallNs = WallNs(0)


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """A paid-out position. value is the YES payout per contract in Price."""

    number: int
    ticker: str
    shard: int
    result: str
    size: Size
    basis: Money
    payout: Money
    value: Price
    fees: Money
    at: WallNs


@dataclass(slots=True, eq=False)
class Account:
    """The venue's record of one member's primary account or one of its numbered subaccounts (kalshi.md 7.6)."""

    member: KalshiAccount
    subaccount: int = 0
    cash: dict[int, Money] = field(default_factory=dict)
    positions: dict[str, PositionRow] = field(default_factory=dict)
    open: dict[str, OrderRecord] = field(default_factory=dict)
    """Resting orders by id."""
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    """Every order ever accepted, by id."""
    fills: list[FillRow] = field(default_factory=list)
    settlements: list[SettlementRow] = field(default_factory=list)
    used_ids: set[str] = field(default_factory=set)
    """Client order ids, those of killed fill-or-kill orders included (kalshi.md 7.4); a member's accounts share one set."""
    balance_changed: WallNs = WallNs(0)
    linger_until: WallNs = WallNs(0)
    """Orders placed before this may still fall to a cancel-all (kalshi.md 7.3)."""

    def __post_init__(self) -> None:
        if self.subaccount == 0:
            self.cash.update(self.member.balances)

    @property
    def owner(self) -> str:
        """The name under which the account's orders stand in a book."""
        return owner_name(self.member.user_id, self.subaccount)

    def position(self, ticker: str) -> Size:
        row = self.positions.get(ticker)
        return row.size if row else Size(0)

    def closable(self, ticker: str, side: Side) -> Size:
        """How many contracts an order of this side could close."""
        size = self.position(ticker)
        return Size(max(0, -size if side == "bid" else size))

    def commitments(
        self, shard: int, *, extra: Iterable[tuple[OrderRecord, Size]] = (), without: OrderRecord | None = None
    ) -> dict[tuple[str, Side], Money]:
        """Cash that resting orders of a shard hold by market and side, with extra orders (and sizes) about to be placed.

        In each market and side the best-priced orders close the position first; the rest opens at its limit plus worst fee.
        """
        groups: dict[tuple[str, Side], list[tuple[OrderRecord, Size, bool]]] = {}
        for record in self.open.values():
            if record.shard == shard and record is not without:
                groups.setdefault((record.ticker, record.order.side), []).append((record, record.order.remaining, True))
        for record, size in extra:
            groups.setdefault((record.ticker, record.order.side), []).append((record, size, False))
        held: dict[tuple[str, Side], Money] = {}
        for (ticker, side), rows in groups.items():
            closable = self.closable(ticker, side)
            rows.sort(key=lambda row: row[0].order.price, reverse=side == "bid")
            total = 0
            for record, size, maker in rows:
                closing = min(size, closable)
                closable = Size(closable - closing)
                opening = Size(size - closing)
                if opening > 0:
                    total += cost_of(unit_cost(side, record.order.price), opening)
                    total += fee_of_fill(record.terms, record.order.price, opening, maker=maker)
            held[ticker, side] = Money(total)
        return held

    def reserved(
        self, shard: int, *, extra: Iterable[tuple[OrderRecord, Size]] = (), without: OrderRecord | None = None
    ) -> Money:
        """The sum of commitments()."""
        return Money(sum(self.commitments(shard, extra=extra, without=without).values()))

    def free(self, shard: int) -> Money:
        return Money(self.cash.get(shard, 0) - self.reserved(shard))

    def apply_fill(
        self, record: OrderRecord, price: Price, size: Size, *, taker: bool, at: WallNs
    ) -> tuple[Money, PositionRow]:
        """Book one fill of an order: cash, fee with the order's accumulator, position. Returns (fee, position)."""
        side = record.order.side
        row = self.positions.setdefault(record.ticker, PositionRow(record.ticker, record.shard))
        unit = unit_cost(side, price)
        closing = Size(min(size, self.closable(record.ticker, side)))
        opening = Size(size - closing)
        cost, proceeds = cost_of(unit, opening), cost_of(complement(unit), closing, up=False)
        fee = record.fees.fill(price, size, paid=Money(cost - proceeds), maker=not taker, now=at)
        self.cash[record.shard] = Money(self.cash.get(record.shard, 0) - cost + proceeds - fee)
        self.balance_changed = at

        if closing:
            released = Money(row.basis * closing // abs(row.size))
            row.basis = Money(row.basis - released)
            row.realized = Money(row.realized + proceeds - released)
        row.basis = Money(row.basis + cost)
        row.size = Size(row.size + (size if side == "bid" else -size))
        gross = cost_of(unit, size)
        row.traded = Money(row.traded + gross)
        row.volume = Size(row.volume + size)
        row.fees = Money(row.fees + fee)
        row.updated = at

        record.filled = Size(record.filled + size)
        if taker:
            record.taker_cost = Money(record.taker_cost + gross)
            record.taker_fees = Money(record.taker_fees + fee)
        else:
            record.maker_cost = Money(record.maker_cost + gross)
            record.maker_fees = Money(record.maker_fees + fee)
        return fee, row

    def settle(self, ticker: str, result: str, value: Price, *, number: int, at: WallNs) -> SettlementRow | None:
        """Pay out a position at value per YES contract; a scalar payout loses its fraction of a cent (kalshi.md 11)."""
        row = self.positions.get(ticker)
        if row is None or row.size == 0:
            return None
        each = value if row.size > 0 else Price(ONE - value)
        payout = Money(cost_of(each, Size(abs(row.size)), up=False) // 10_000 * 10_000)
        self.cash[row.shard] = Money(self.cash.get(row.shard, 0) + payout)
        self.balance_changed = at
        done = SettlementRow(number, ticker, row.shard, result, row.size, row.basis, payout, value, row.fees, at)
        row.realized = Money(row.realized + payout - row.basis)
        row.size, row.basis, row.updated = Size(0), Money(0), at
        self.settlements.append(done)
        return done

    def view(self) -> KalshiAccountView:
        return KalshiAccountView(
            user_id=self.member.user_id,
            cash=dict(self.cash),
            reserved={shard: self.reserved(shard) for shard in self.cash},
            positions={ticker: row.size for ticker, row in self.positions.items() if row.size},
            fees_paid=Money(sum(row.fees for row in self.positions.values())),
            realized=Money(sum(row.realized for row in self.positions.values())),
            open_orders=len(self.open),
        )
