"""What an account reads about itself: balance, positions, orders, fills, settlements (kalshi.md 7.5).

Orders and fills become visible some time after the write, as on the venue, where a list read trails a write by 0.2 to 1.5 s.
Each write keeps the row it produced and the moment from which it may be seen; a later write never shows before an earlier one.
"""

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from trading.clock import SECOND, Clock
from trading.sim.kalshi_data import ApiError, KalshiRules, write_time
from trading.sim.kalshi_markets import MarketTable, SimMarket
from trading.sim.kalshi_money import Account, FillRow, OrderRecord, PositionRow, SettlementRow
from trading.sim.kalshi_query import Query
from trading.sim.kalshi_shots import Shots
from trading.units import ONE, Money, Price, Size, complement, cost_of, format_money, format_price, format_size

__all__ = ["Portfolio", "order_json"]

Row = dict[str, Any]


def _sides(side: str) -> dict[str, str]:
    """Direction words; with V2 the deprecated pair says which outcome was bought."""
    outcome = "yes" if side == "bid" else "no"
    return {"outcome_side": outcome, "book_side": side, "side": outcome, "action": "buy"}


def order_json(account: Account, record: OrderRecord) -> Row:
    """An order as GET /portfolio/orders shows it now."""
    order = record.order
    row: Row = {
        "order_id": order.id,
        "user_id": account.member.user_id,
        "client_order_id": record.client_order_id,
        "ticker": record.ticker,
        **_sides(order.side),
        "type": "limit",
        "status": record.status,
        "yes_price_dollars": format_price(order.price),
        "no_price_dollars": format_price(complement(order.price)),
        **record.figures(),
        "created_time": write_time(record.created),
        "last_update_time": write_time(record.updated),
        "self_trade_prevention_type": record.stp,
        "cancel_order_on_pause": record.cancel_on_pause,
        "subaccount_number": record.subaccount,
        "exchange_index": record.shard,
    }
    if record.group:
        row["order_group_id"] = record.group
    if record.expires is not None:
        row["expiration_time"] = write_time(record.expires)
    return row


def _fill_json(fill: FillRow) -> Row:
    record = fill.record
    return {
        "fill_id": fill.id,
        "trade_id": fill.id,
        "order_id": record.order.id,
        "ticker": record.ticker,
        "market_ticker": record.ticker,
        **_sides(record.order.side),
        "count_fp": format_size(fill.size),
        "yes_price_dollars": format_price(fill.price),
        "no_price_dollars": format_price(complement(fill.price)),
        "is_taker": fill.taker,
        "fee_cost": format_money(fill.fee),
        "created_time": write_time(fill.at),
        "ts": fill.at // SECOND,
        "subaccount_number": record.subaccount,
        "exchange_index": record.shard,
    }


def _cents_floor(money: Money) -> int:
    return money // 10_000


class _Seen(NamedTuple):
    """An order with the rows its writes produced and the moment from which each may be read."""

    record: OrderRecord
    versions: deque[tuple[int, Row]]


class Portfolio:
    """Answers the portfolio reads; hears of writes through note_order and note_fill."""

    def __init__(self, clock: Clock, rng: random.Random, table: MarketTable, rules: KalshiRules) -> None:
        self._clock = clock
        self._rng = rng
        self._table = table
        self._rules = rules
        self._orders: dict[str, dict[str, _Seen]] = {}
        self._fills: dict[str, list[tuple[int, FillRow]]] = {}
        self._pending: deque[tuple[int, int]] = deque()
        self._floor = 0
        self.shots = Shots()

    def note_order(self, account: Account, record: OrderRecord) -> None:
        known = self._orders.setdefault(account.member.user_id, {}).setdefault(record.order.id, _Seen(record, deque()))
        visible = self._visible_at()
        known.versions.append((visible, order_json(account, record)))
        self.shots.take(account, visible)

    def note_fill(self, account: Account, fill: FillRow) -> None:
        visible = self._visible_at()
        self._fills.setdefault(account.member.user_id, []).append((visible, fill))
        self.shots.take(account, visible)

    def _visible_at(self) -> int:
        low, high = self._rules.list_lag_ns
        now = self._clock.mono_ns()
        self._floor = max(self._floor, now + (self._rng.randint(low, high) if high > 0 else 0))
        if self._floor > now:
            self._pending.append((self._floor, self._clock.wall_ns()))
        return self._floor

    def as_of(self) -> str:
        """The time up to which every write can be read: GET /exchange/user_data_timestamp."""
        while self._pending and self._pending[0][0] <= self._clock.mono_ns():
            self._pending.popleft()
        return write_time(self._pending[0][1] - 1_000 if self._pending else self._clock.wall_ns())

    def _seen(self, versions: deque[tuple[int, Row]]) -> Row | None:
        """The newest version that may be read; older ones are forgotten."""
        now = self._clock.mono_ns()
        while len(versions) > 1 and versions[1][0] <= now:
            versions.popleft()
        return versions[0][1] if versions and versions[0][0] <= now else None

    def order(self, accounts: Sequence[Account], order_id: str) -> Row | None:
        known = self._orders.get(accounts[0].member.user_id, {}).get(order_id)
        if known is None or known.record.subaccount not in {account.subaccount for account in accounts}:
            return None
        return self._seen(known.versions)

    def orders(self, accounts: Sequence[Account], query: Query, *, before: int | None = None) -> Row:
        """GET /portfolio/orders; before keeps only orders that ended before that wall time (the historical list)."""
        tickers, events = set(query.many("ticker", most=100)), set(query.many("event_ticker", most=100))
        status, index = query.word("status", ("resting", "canceled", "executed")), query.number("exchange_index")
        since, until = query.number("min_ts"), query.number("max_ts")
        numbers = {account.subaccount for account in accounts}

        def wanted() -> Iterator[tuple[int, Row]]:
            for record, versions in reversed(self._orders.get(accounts[0].member.user_id, {}).values()):
                row = self._seen(versions)
                if (
                    row is not None
                    and record.subaccount in numbers
                    and (not tickers or record.ticker in tickers)
                    and (not events or self._table.markets[record.ticker].event.ticker in events)
                    and (not status or row["status"] == status)
                    and (index is None or record.shard == index)
                    and (since is None or record.created >= since * SECOND)
                    and (until is None or record.created <= until * SECOND)
                    and (before is None or (row["status"] != "resting" and record.updated < before))
                ):
                    yield record.number, row

        page, cursor = query.page(wanted(), query.limit(default=100, most=1000), newest_first=True)
        return {"orders": page, "cursor": cursor}

    def fills(self, accounts: Sequence[Account], query: Query, *, before: int | None = None) -> Row:
        """GET /portfolio/fills; before keeps only fills before that wall time."""
        tickers, order_id, index = set(query.many("ticker", most=100)), query.text("order_id"), query.number("exchange_index")
        since, until = query.number("min_ts"), query.number("max_ts")
        numbers = {account.subaccount for account in accounts}
        now = self._clock.mono_ns()

        def wanted() -> Iterator[tuple[int, Row]]:
            for visible, fill in reversed(self._fills.get(accounts[0].member.user_id, [])):
                if (
                    visible <= now
                    and fill.record.subaccount in numbers
                    and (not tickers or fill.record.ticker in tickers)
                    and (not order_id or fill.record.order.id == order_id)
                    and (index is None or fill.record.shard == index)
                    and (since is None or fill.at >= since * SECOND)
                    and (until is None or fill.at <= until * SECOND)
                    and (before is None or fill.at < before)
                ):
                    yield fill.number, _fill_json(fill)

        page, cursor = query.page(wanted(), query.limit(default=100, most=1000), newest_first=True)
        return {"fills": page, "cursor": cursor}

    def balance(self, account: Account, query: Query) -> Row:
        """Free cash after what resting orders hold. The breakdown is dollars too: IndexedBalance is FixedPointDollars."""
        index, shot = query.number("exchange_index"), self.shots.seen(account, self._clock.mono_ns())
        shards = sorted(shot.cash) if index is None else [index]
        free = Money(sum(shot.free(shard) for shard in shards))
        worth = Money(sum(self._worth(row) for row in shot.positions.values() if index is None or row.shard == index))
        return {
            "balance": _cents_floor(free),
            "balance_dollars": _aligned(free),
            "portfolio_value": _cents_floor(worth),
            "updated_ts": (shot.balance_changed or self._clock.wall_ns()) // SECOND,
            "balance_breakdown": [
                {"exchange_index": shard, "balance": _aligned(shot.free(shard))} for shard in sorted(shot.cash)
            ],
        }

    def _worth(self, row: PositionRow) -> Money:
        """A position at the last trade, else at what it cost."""
        last = self._table.markets[row.ticker].last
        if not 0 < last < ONE:
            return row.basis
        return cost_of(last if row.size > 0 else complement(last), Size(abs(row.size)), up=False)

    def positions(self, account: Account, query: Query, *, before: int | None = None) -> Row:
        """GET /portfolio/positions; before keeps only settled ones last touched before that wall time."""
        tickers, event = set(query.many("ticker")), query.text("event_ticker")
        counts = set(query.many("count_filter"))
        if counts - {"position", "total_traded"}:
            raise ApiError(400, "invalid_parameters", details="count_filter: must be position or total_traded")
        state = query.word("settlement_status", ("unsettled", "settled", "all")) or "unsettled"
        state = state if before is None else "settled"
        index, shot = query.number("exchange_index"), self.shots.seen(account, self._clock.mono_ns())

        def wanted() -> Iterator[tuple[int, PositionRow]]:
            for number, row in enumerate(shot.positions.values()):
                market = self._table.markets[row.ticker]
                settled = market.status == "finalized"
                if (
                    (state == "all" or settled == (state == "settled"))
                    and (not tickers or row.ticker in tickers)
                    and (not event or market.event.ticker == event)
                    and (index is None or row.shard == index)
                    and ("position" not in counts or row.size)
                    and ("total_traded" not in counts or row.traded)
                    and (before is None or row.updated < before)
                ):
                    yield number, row

        page, cursor = query.page(wanted(), query.limit(default=100, most=1000))
        answer: Row = {"market_positions": [_position_json(row) for row in page], "cursor": cursor}
        return answer | {"event_positions": self._event_positions(page)}

    def _event_positions(self, rows: list[PositionRow]) -> list[Row]:
        totals: dict[str, list[int]] = {}
        for row in rows:
            sums = totals.setdefault(self._table.markets[row.ticker].event.ticker, [0, 0, 0, 0, 0])
            for place, value in enumerate((row.traded, row.volume, row.basis, row.realized, row.fees)):
                sums[place] += value
        return [
            {
                "event_ticker": event,
                "total_cost_dollars": format_money(Money(traded)),
                "total_cost_shares_fp": format_size(Size(volume)),
                "event_exposure_dollars": format_money(Money(basis)),
                "realized_pnl_dollars": format_money(Money(realized)),
                "fees_paid_dollars": format_money(Money(fees)),
            }
            for event, (traded, volume, basis, realized, fees) in totals.items()
        ]

    def settlements(self, accounts: Sequence[Account], query: Query) -> Row:
        ticker, event = query.text("ticker"), query.text("event_ticker")
        since, until = query.number("min_ts"), query.number("max_ts")
        rows = [row for account in accounts for row in account.settlements]
        rows.sort(key=lambda row: row.number, reverse=True)

        def wanted() -> Iterator[tuple[int, Row]]:
            for row in rows:
                market = self._table.markets[row.ticker]
                if (
                    (not ticker or row.ticker == ticker)
                    and (not event or market.event.ticker == event)
                    and (since is None or row.at >= since * SECOND)
                    and (until is None or row.at <= until * SECOND)
                ):
                    yield row.number, _settlement_json(row, market)

        page, cursor = query.page(wanted(), query.limit(default=100, most=1000), newest_first=True)
        return {"settlements": page, "cursor": cursor}


def _aligned(money: Money) -> str:
    return format_money(Money(money // 100 * 100), 4)


def _position_json(row: PositionRow) -> Mapping[str, Any]:
    return {
        "ticker": row.ticker,
        "position_fp": format_size(row.size),
        "market_exposure_dollars": format_money(row.basis),
        "total_traded_dollars": format_money(row.traded),
        "realized_pnl_dollars": format_money(row.realized),
        "fees_paid_dollars": format_money(row.fees),
        "last_updated_ts": write_time(row.updated),
        "exchange_index": row.shard,
    }


def _settlement_json(row: SettlementRow, market: SimMarket) -> Row:
    yes = row.size > 0
    held, cost = format_size(Size(abs(row.size))), format_money(row.basis)
    none, free = "0.00", "0.000000"
    return {
        "ticker": row.ticker,
        "event_ticker": market.event.ticker,
        "exchange_index": row.shard,
        "market_result": row.result,
        "yes_count_fp": held if yes else none,
        "yes_total_cost_dollars": cost if yes else free,
        "no_count_fp": none if yes else held,
        "no_total_cost_dollars": free if yes else cost,
        "revenue": _cents_floor(row.payout),
        "fee_cost": format_money(row.fees),
        "value": Price(row.value) // 100,
        "settled_time": write_time(row.at),
    }
