"""Questions to the ledger while the controller runs or not: orders, positions with their exposure, profit per day. It only reads.

A day's profit is told on the day its arbs ended; what a settlement changed about it, on the day of that settlement, so that days
that were printed once stay as they were and all days together are the truth (B-243, B-453).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Engine, Row, and_, case, func, select
from sqlalchemy.exc import SQLAlchemyError

from controller.ledger import schema
from controller.ledger.database import LedgerFailed, brief
from controller.ledger.holding import Change, hold, paid_of, trade_of
from controller.ledger.pnl import ZERO, ArbOrder, Day, Split, split
from controller.model import EventId, Pair
from controller.positions import Positions
from trading.market import MarketId, Outcome
from trading.order import World
from trading.units import ONE, Money, WallNs

__all__ = ["LedgerReader", "day_of", "days_back", "span"]

_DAY_NS = 86_400_000_000_000
_DOUBT = ("unknown", "exposed")
_ONE_SIDED = ("one_sided", "unwound", "exposed")
_ROUNDING = 100
"""Money that the fills of one order may be rounded up by together."""
_OPEN = ("pending", "unknown", "resting", "held")


def day_of(at: int) -> str:
    """The UTC day of a stamp: 2026-11-21."""
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).strftime("%Y-%m-%d")


def span(day: str) -> tuple[int, int]:
    """First stamp of a day and of the next one. Raises ValueError for what is no day."""
    start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    first = int(start.timestamp()) * 1_000_000_000
    return first, first + _DAY_NS


def days_back(until: str, count: int) -> list[str]:
    """That many days up to and with one, oldest first."""
    last = datetime.strptime(until, "%Y-%m-%d").replace(tzinfo=UTC)
    return [(last - timedelta(days=back)).strftime("%Y-%m-%d") for back in range(count - 1, -1, -1)]


class LedgerReader:
    """Reads one world of an open ledger. Every method raises LedgerFailed when the database does not answer."""

    def __init__(self, engine: Engine, world: World) -> None:
        self._engine = engine
        self._world = world

    def close(self) -> None:
        self._engine.dispose()

    def _all(self, query: Any) -> Sequence[Row[Any]]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except SQLAlchemyError as exc:
            raise LedgerFailed(f"the ledger cannot be read: {brief(exc)}") from exc

    # --- orders ---------------------------------------------------------------------------------------------------------

    def others(self) -> Sequence[World]:
        """The other worlds that have orders, when this one has none: whoever finds it empty may have meant one of them."""
        found = {row.world for row in self._all(select(schema.orders.c.world).distinct())}
        return () if self._world in found else tuple(sorted(found))

    def orders(self, *, limit: int, market: str = "", arb: str = "", open_only: bool = False) -> list[dict[str, Any]]:
        """Newest first, with the title of their market."""
        table, events = schema.orders, schema.events
        query = (
            select(table, events.c.title)
            .outerjoin(events, _same_market(table, events))
            .where(table.c.world == self._world)
            .order_by(table.c.at.desc(), table.c.leg.desc())
            .limit(limit)
        )
        if market:
            query = query.where(table.c.market == market)
        if arb:
            query = query.where(table.c.arb == arb)
        if open_only:
            query = query.where(table.c.status.in_(_OPEN))
        return [dict(row._mapping) for row in self._all(query)]

    # --- positions ------------------------------------------------------------------------------------------------------

    def positions(self, *, closed: bool = False) -> list[dict[str, Any]]:
        """Held markets by event, with title, newest price, and what they would fetch; closed ones too when asked for."""
        table, events = schema.positions, schema.events
        query = (
            select(table, events.c.title, events.c.event)
            .outerjoin(events, _same_market(table, events))
            .where(table.c.world == self._world)
            .order_by(events.c.event, table.c.venue, table.c.market)
        )
        if not closed:
            query = query.where(table.c.net != 0)
        prices = self._prices()
        rows = []
        for row in self._all(query):
            found = dict(row._mapping)
            top = prices.get((row.venue, row.market))
            found["mark"] = found["unrealised"] = None
            if top is not None and row.net:
                mark = top[0] if row.net > 0 else ONE - top[1]  # what a sale would get
                found["mark"] = mark
                found["unrealised"] = abs(row.net) * mark // ONE - row.cost
            rows.append(found)
        return rows

    def _prices(self) -> dict[tuple[str, str], tuple[int, int]]:
        table = schema.price_cache
        newest = (
            select(table.c.venue, table.c.market, func.max(table.c.at).label("at"))
            .where(table.c.world == self._world)
            .group_by(table.c.venue, table.c.market)
            .subquery()
        )
        same = and_(table.c.venue == newest.c.venue, table.c.market == newest.c.market, table.c.at == newest.c.at)
        query = select(table).join(newest, same).where(table.c.world == self._world)
        return {(row.venue, row.market): (row.bid, row.ask) for row in self._all(query)}

    def exposures(self) -> list[dict[str, Any]]:
        """Per event: what it cost, and what its worst outcome would lose (B-443)."""
        held = Positions()
        for row in self._all(select(schema.verified_pairs).where(schema.verified_pairs.c.world == self._world)):
            held.link_pair(_pair(row))
        table, events = schema.positions, schema.events
        query = (
            select(table, events.c.event, events.c.venue_event, events.c.exclusive)
            .outerjoin(events, _same_market(table, events))
            .where(table.c.world == self._world, table.c.net != 0)
        )
        found: dict[EventId, int] = {}
        for row in self._all(query):
            market = MarketId(row.market)
            event = held.event_of(market) or EventId(row.event or f"{row.venue}:{row.market}")
            held.set_event(market, event)
            held.set_terms(market, row.venue, row.venue_event if row.exclusive else "")
            held.set_position(market, row.net, Money(row.cost))
            found[event] = found.get(event, 0) + 1
        return [
            {
                "event": event,
                "markets": count,
                "cost": held.event_cost(event),
                "worst_loss": held.worst_loss(event),
                "naked": held.naked(event),
            }
            for event, count in sorted(found.items())
        ]

    # --- profit ---------------------------------------------------------------------------------------------------------

    def days(self, first: str, last: str) -> list[Day]:
        """Every day from first to last, oldest first, those without anything too."""
        start, end = span(first)[0], span(last)[1]
        names = days_back(last, (end - start) // _DAY_NS)
        found: dict[str, dict[str, Any]] = {name: {"profit": ZERO} for name in names}
        payouts = self._payouts()
        for arb, orders in self._arbs(start, end):
            self._add(found, arb, orders, payouts)
        self._close_by_hand(found)
        self._count(found, start, end)
        return [Day(day=name, **values) for name, values in found.items()]

    def _add(
        self,
        found: Mapping[str, dict[str, Any]],
        arb: Row[Any],
        orders: Sequence[Row[Any]],
        payouts: Mapping[tuple[str, str], tuple[int, int]],
    ) -> None:
        sides = [(one["market"], one["outcome"]) for one in msgspec.json.decode(arb.quotes)]
        mine = {row.market: payouts[row.venue, row.market] for row in orders if (row.venue, row.market) in payouts}
        done = [
            ArbOrder(
                market=row.market,
                outcome=int(row.outcome == "no"),
                buy=row.action == "buy",
                filled=row.filled,
                cash=row.cost + row.fee,
                confirmed=row.confirmed,
                open=row.status in _OPEN,
            )
            for row in orders
        ]

        def divide(paid: Mapping[str, int]) -> Split:
            return split(
                sides=sides,
                matched=arb.matched,
                profit=arb.profit,
                naked=arb.naked,
                unhedged=arb.unhedged,
                in_doubt=arb.outcome in _DOUBT,
                orders=done,
                payouts=paid,
            )

        before, day = divide({}), day_of(arb.finished)
        if day in found:
            row = found[day]
            row["profit"] = row["profit"].plus(before)
            row["executions"] = row.get("executions", 0) + 1
            row["misses"] = row.get("misses", 0) + (arb.outcome == "miss")
            row["one_sided"] = row.get("one_sided", 0) + (arb.outcome in _ONE_SIDED)
            row["filled"] = row.get("filled", 0) + sum(order.filled > 0 for order in orders)
            row["off_limit"] = row.get("off_limit", 0) + sum(map(_off_limit, orders))
            row["matched"] = row.get("matched", 0) + arb.matched
            row["fees"] = row.get("fees", 0) + sum(order.fee for order in orders)
        after = divide({market: payout for market, (payout, _) in mine.items()})
        if after != before:
            day = day_of(max(at for _, at in mine.values()))
            if day in found:
                found[day]["profit"] = found[day]["profit"].plus(
                    Split(*(new - old for new, old in zip(after, before, strict=True)))
                )

    def _close_by_hand(self, found: Mapping[str, dict[str, Any]]) -> None:
        """What a person's close of ours changed about what its market made, on the day when that became known: no arb has it."""
        adjusted, paid, orders = schema.adjustments, schema.settlements, schema.orders
        rows = self._all(select(adjusted).join(paid, _same_market(adjusted, paid)).where(adjusted.c.world == self._world))
        for venue, market in sorted({(row.venue, row.market) for row in rows}):
            here = [row for row in rows if (row.venue, row.market) == (venue, market)]

            def of(table: Any, venue: str = venue, market: str = market) -> Any:
                return and_(table.c.world == self._world, table.c.venue == venue, table.c.market == market)

            (settled,) = self._all(select(paid).where(of(paid)))
            day = day_of(max(settled.booked, *(row.at for row in here)))
            if day not in found:
                continue
            filled = self._all(select(orders).where(of(orders), orders.c.filled > 0).order_by(orders.c.at, orders.c.leg))
            trades = [trade_of(row) for row in filled]
            ours = hold(trades, paid_of(settled))
            real = hold(trades, paid_of(settled), [Change(row.net, row.cash, row.at) for row in here])
            if ours is not None and real is not None:  # what is only a person's own is no profit of ours
                found[day]["profit"] = found[day]["profit"].plus(Split(basis=real.realised - ours.realised))

    def _arbs(self, start: int, end: int) -> list[tuple[Row[Any], list[Row[Any]]]]:
        """Arbs that ended in the span, or of which a market was settled in it, with their orders."""
        table, orders, paid = schema.opportunities, schema.orders, schema.settlements
        settled = (
            select(orders.c.arb)
            .join(paid, _same_market(orders, paid))
            .where(orders.c.world == self._world, orders.c.filled > 0, paid.c.booked >= start, paid.c.booked < end)
        )
        ended = and_(table.c.finished >= start, table.c.finished < end)
        chosen = and_(table.c.world == self._world, table.c.executed, table.c.finished.is_not(None))
        query = select(table).where(chosen, ended | table.c.opportunity.in_(settled)).order_by(table.c.finished)
        arbs: dict[str, tuple[Row[Any], list[Row[Any]]]] = {row.opportunity: (row, []) for row in self._all(query)}
        filled = select(table.c.opportunity).where(chosen, ended | table.c.opportunity.in_(settled))
        for row in self._all(select(orders).where(orders.c.world == self._world, orders.c.arb.in_(filled))):
            if row.arb in arbs:
                arbs[row.arb][1].append(row)
        return list(arbs.values())

    def _payouts(self) -> dict[tuple[str, str], tuple[int, int]]:
        table = schema.settlements
        rows = self._all(select(table).where(table.c.world == self._world))
        return {(row.venue, row.market): (row.payout, row.booked) for row in rows}

    def _count(self, found: Mapping[str, dict[str, Any]], start: int, end: int) -> None:
        table = schema.opportunities
        day = table.c.at - table.c.at % _DAY_NS
        refused = (
            select(day.label("day"), func.sum(case((table.c.executed, 0), else_=table.c.seen)).label("refused"))
            .where(table.c.world == self._world, table.c.at >= start, table.c.at < end)
            .group_by(day)
        )
        for row in self._all(refused):
            found[day_of(row.day)]["refused"] = int(row.refused)
        for name, table in (("settled", schema.settlements), ("differences", schema.reconciliations)):
            at = table.c.booked if name == "settled" else table.c.at
            here_only = (table.c.world == self._world, at >= start, at < end)
            for row in self._all(select(table, at.label("told")).where(*here_only).order_by(at)):
                here = found[day_of(row.told)]
                # the last comparison of a day is the one that counts; rows come in the order of their stamps
                here[name] = here.get(name, 0) + 1 if name == "settled" else row.differences


def _same_market(one: Any, two: Any) -> Any:
    return and_(one.c.world == two.c.world, one.c.venue == two.c.venue, one.c.market == two.c.market)


def _off_limit(order: Row[Any]) -> bool:
    """Whether the fills of an order cost more, or fetched less, than its limit allows; a hundredth of a cent is rounding."""
    allowed = order.price * order.filled * (1 if order.action == "buy" else -1)
    return bool(order.filled and (order.cost - _ROUNDING) * ONE > allowed)


def _pair(row: Row[Any]) -> Pair:
    return Pair(
        id=row.pair,
        event=EventId(row.event),
        league=row.league,
        kind=row.kind,
        description=row.description,
        first=MarketId(row.first),
        second=MarketId(row.second),
        outcome_index=Outcome(row.outcome_index),
        state="approved",
        terms=row.terms,
        starts_at=None if row.starts_at is None else WallNs(row.starts_at),
        settlement_charge=Money(row.settlement_charge),
    )
