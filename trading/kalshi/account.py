"""Account reads: balances per shard, positions, resting orders, fills and settlements (kalshi.md 7.5, 8).

Collateral is per shard and exact to $0.0001, but the breakdown may be whole cents. It is taken as exact only when it adds up to
the exact total; otherwise every shard is asked for its own.
"""

from collections.abc import Awaitable, Callable

import msgspec

from trading.errors import BadAnswer
from trading.kalshi.rest import KalshiRest
from trading.kalshi.wire_account import BalanceRow, FillRow, OrderRow, PositionRow, SettlementRow
from trading.market import KALSHI
from trading.venue import AccountPage, AccountQuery, Balance

__all__ = ["read_account"]

ReadBalance = Callable[[list[tuple[str, str]]], Awaitable[bytes]]
"""Reads /portfolio/balance with a query, no faster than its bucket allows."""

_PATHS = {
    "positions": ("/portfolio/positions", [("count_filter", "position")]),
    "orders": ("/portfolio/orders", [("status", "resting")]),
    "history": ("/portfolio/orders", []),
    "fills": ("/portfolio/fills", []),
    "settlements": ("/portfolio/settlements", []),
}


class PositionsPage(msgspec.Struct, frozen=True):
    market_positions: tuple[PositionRow, ...] | None = None
    cursor: str | None = None


class RestingPage(msgspec.Struct, frozen=True):
    orders: tuple[OrderRow, ...] | None = None
    cursor: str | None = None


class AllFillsPage(msgspec.Struct, frozen=True):
    fills: tuple[FillRow, ...] | None = None
    cursor: str | None = None


class SettlementsPage(msgspec.Struct, frozen=True):
    settlements: tuple[SettlementRow, ...] | None = None
    cursor: str | None = None


async def read_account(rest: KalshiRest, what: AccountQuery, read_balance: ReadBalance) -> AccountPage:
    """One page of what was asked. Raises BadAnswer when a row cannot be read."""
    try:
        if what.what == "balances":
            return AccountPage(balances=await _balances(rest, read_balance))
        return await _page(rest, what)
    except ValueError as exc:
        raise BadAnswer(KALSHI, "bad_row", f"{what.what}: {exc}") from exc


async def _page(rest: KalshiRest, what: AccountQuery) -> AccountPage:
    path, fixed = _PATHS[what.what]
    query = [*fixed, ("limit", "1000")]
    if what.market is not None:
        query.append(("ticker", what.market))
    if what.cursor:
        query.append(("cursor", what.cursor))
    body = await rest.read(path, query, private=True)
    if what.what == "positions":
        positions = rest.decode(body, PositionsPage, path)
        rows = tuple(row.to_position() for row in positions.market_positions or ())
        return AccountPage(positions=tuple(row for row in rows if row.size), cursor=positions.cursor or "")
    if what.what in ("orders", "history"):
        resting = rest.decode(body, RestingPage, path)
        return AccountPage(orders=tuple(row.to_open_order() for row in resting.orders or ()), cursor=resting.cursor or "")
    if what.what == "fills":
        fills = rest.decode(body, AllFillsPage, path)
        return AccountPage(fills=tuple(row.to_venue_fill() for row in fills.fills or ()), cursor=fills.cursor or "")
    settled = rest.decode(body, SettlementsPage, path)
    return AccountPage(settlements=tuple(row.to_settlement() for row in settled.settlements or ()), cursor=settled.cursor or "")


async def _balances(rest: KalshiRest, read_balance: ReadBalance) -> tuple[Balance, ...]:
    path = "/portfolio/balance"
    overall = rest.decode(await read_balance([]), BalanceRow, path)
    rows = overall.balance_breakdown
    if not rows:  # a key locked to one subaccount sees no breakdown: its cash is not known per shard
        shard0 = rest.decode(await read_balance([("exchange_index", "0")]), BalanceRow, path)
        return (Balance(shard=0, cash=shard0.cash),)
    if sum(row.cash for row in rows) == overall.cash:  # truncated parts cannot add up to the exact total
        return tuple(Balance(shard=row.exchange_index, cash=row.cash) for row in rows)
    exact = []
    for row in rows:
        body = await read_balance([("exchange_index", str(row.exchange_index))])
        exact.append(Balance(shard=row.exchange_index, cash=rest.decode(body, BalanceRow, path).cash))
    return tuple(exact)
