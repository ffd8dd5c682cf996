"""Facts into tables, a batch in one transaction; blocking, for the writer's thread.

Every row has a natural key and a later truth replaces an older one by its number, so a batch may be written again, after a crash
or from the journal, without counting anything twice (B-242). Positions are added up anew from their market's orders each time one
of them changes: they can never drift from them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from controller.ledger import schema
from controller.ledger.database import LedgerFailed, brief
from controller.ledger.facts import (
    Adjusted,
    Compared,
    DayEnded,
    Decided,
    Ended,
    Fact,
    Moved,
    Ordered,
    Paired,
    Priced,
    Row,
    Settled,
    event_row,
    fill_rows,
    opportunity_row,
    order_row,
    pair_row,
    result_columns,
)
from controller.ledger.holding import Change, hold, paid_of, trade_of
from controller.risk.decision import Approved
from trading.market import Market
from trading.order import World
from trading.units import WallNs

__all__ = ["LedgerStore"]

_PRICES_NS = 3_600_000_000_000
"""How long sampled prices are kept."""
_AS_TRADED = ("at", "fee_terms", "rules_hash")
"""Columns of an order that a later result does not change."""
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_Key = tuple[str, str]


class LedgerStore:
    """The ledger of one world."""

    def __init__(self, engine: Engine, world: World) -> None:
        self.engine = engine
        self.world = world
        self._insert = _INSERTS[engine.dialect.name]
        self._writers: Mapping[type[Fact], Callable[[Connection, Sequence[Any], set[_Key]], None]] = {
            Paired: self._paired,
            Decided: self._decided,
            Ordered: self._ordered,
            Ended: self._ended,
            Settled: self._settled,
            Adjusted: self._adjusted,
            Priced: self._priced,
            Compared: self._compared,
            Moved: self._moved,
            DayEnded: self._day_ended,
        }
        """In the order in which facts depend on each other: decisions before ends, orders before settlements."""

    def close(self) -> None:
        self.engine.dispose()

    def apply(self, facts: Sequence[Fact]) -> None:
        """Write them all, or none. Raises LedgerFailed when the database cannot, ValueError for a row that no table takes."""
        self._run(lambda connection: self._apply(connection, facts))

    def _run(self, work: Callable[[Connection], Any]) -> Any:
        try:
            with self.engine.begin() as connection:
                return work(connection)
        except (DataError, IntegrityError) as exc:
            raise ValueError(f"a row the ledger's tables do not take: {exc.orig}") from exc
        except SQLAlchemyError as exc:
            raise LedgerFailed(f"the ledger cannot be written: {brief(exc)}") from exc

    def _apply(self, connection: Connection, facts: Sequence[Fact]) -> None:
        touched: set[_Key] = set()
        rows: dict[type[Fact], list[Fact]] = {kind: [] for kind in self._writers}
        for fact in facts:
            rows[type(fact)].append(fact)
        for kind, write in self._writers.items():
            if rows[kind]:
                write(connection, rows[kind], touched)
        for venue, market in sorted(touched):
            self._position(connection, venue, market)

    # --- one writer per kind of fact --------------------------------------------------------------------------------------

    def _ordered(self, connection: Connection, facts: Iterable[Ordered], touched: set[_Key]) -> None:
        facts = tuple(facts)
        newest = self._newest(connection, facts)
        self._put(connection, schema.orders, [order_row(fact) for fact in newest], newer="result_no", keep=_AS_TRADED)
        for fact in newest:
            if fact.result is not None:  # it lists every fill there ever was, reversed ones too
                table, leg = schema.fills, fact.leg.leg_id.hex()
                connection.execute(delete(table).where(table.c.world == self.world, table.c.leg == leg))
                self._put(connection, table, fill_rows(fact.result))
            touched.add((fact.leg.venue, fact.leg.want.market))
        self._events(connection, ((fact.market, fact.event, fact.at) for fact in facts if fact.market is not None))

    def _newest(self, connection: Connection, facts: Iterable[Ordered]) -> list[Ordered]:
        """The newest truth about each leg, where the books do not know a newer one."""
        found: dict[str, Ordered] = {}
        for fact in facts:
            old = found.get(fact.leg.leg_id.hex())
            if old is None or _number(fact) >= _number(old):
                found[fact.leg.leg_id.hex()] = fact
        table = schema.orders
        query = select(table.c.leg, table.c.result_no).where(table.c.world == self.world, table.c.leg.in_(found))
        for row in connection.execute(query):
            if row.result_no > _number(found[row.leg]):
                del found[row.leg]
        return list(found.values())

    def _decided(self, connection: Connection, facts: Iterable[Decided], _: set[_Key]) -> None:
        approved: list[Row] = []
        refused: dict[str, Row] = {}
        for fact in facts:
            row = opportunity_row(fact) | {"world": self.world}
            if isinstance(fact.decision, Approved):
                approved.append(row)
            else:
                row["seen"] += refused.get(row["opportunity"], {"seen": 0})["seen"]
                refused[row["opportunity"]] = row
        insert, table = self._insert(schema.opportunities), schema.opportunities
        if approved:
            connection.execute(insert.on_conflict_do_nothing(), approved)
        if refused:
            seen = {"seen": table.c.seen + insert.excluded.seen}
            again = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=seen)
            connection.execute(again, list(refused.values()))

    def _ended(self, connection: Connection, facts: Iterable[Ended], touched: set[_Key]) -> None:
        table, orders = schema.opportunities, schema.orders
        for fact in facts:
            closed = fact.closed
            connection.execute(
                update(table)
                .where(table.c.world == self.world, table.c.opportunity == closed.arb_id.hex())
                .values(
                    finished=func.coalesce(table.c.finished, fact.at),
                    outcome=closed.outcome,
                    matched=closed.matched,
                    unhedged=closed.unhedged,
                    profit=closed.profit,
                    naked=closed.naked,
                )
            )
            pending = and_(orders.c.world == self.world, orders.c.result_no < 0)
            for result in closed.results:  # one refused before its promise is in no journal: this is the last word about it
                if result.state == "refused":
                    connection.execute(
                        update(orders)
                        .where(pending, orders.c.leg == result.leg_id.hex())
                        .values(result_columns(result) | {"updated": fact.at})
                    )
            told = [result.leg_id.hex() for result in closed.results]
            unsent = and_(pending, orders.c.arb == closed.arb_id.hex(), orders.c.leg.not_in(told))
            connection.execute(update(orders).where(unsent).values(status="unsent", updated=fact.at))

    def _paired(self, connection: Connection, facts: Iterable[Paired], _: set[_Key]) -> None:
        facts = tuple(facts)
        self._put(connection, schema.verified_pairs, [pair_row(fact) for fact in facts])
        self._events(connection, ((market, fact.pair.event, fact.at) for fact in facts for market in fact.markets))

    def _settled(self, connection: Connection, facts: Iterable[Settled], touched: set[_Key]) -> None:
        for fact in facts:
            row = {
                "venue": fact.venue,
                "market": fact.market,
                "payout": fact.payout,
                "at": fact.at,
                "booked": fact.seen or fact.at,
            }
            self._put(connection, schema.settlements, [row], keep=("booked", "at"))
            touched.add((fact.venue, fact.market))

    def _adjusted(self, connection: Connection, facts: Iterable[Adjusted], touched: set[_Key]) -> None:
        for one in facts:
            row = {"venue": one.venue, "market": one.market, "net": one.net, "cash": one.cash, "at": one.at}
            self._put(connection, schema.adjustments, [row])
            touched.add((one.venue, one.market))

    def _priced(self, connection: Connection, facts: Iterable[Priced], _: set[_Key]) -> None:
        rows: list[Row] = []
        for fact in facts:
            bid, bid_size, ask, ask_size = fact.top
            prices = {"bid": bid, "bid_size": bid_size, "ask": ask, "ask_size": ask_size}
            rows.append({"venue": fact.venue, "market": fact.market, "at": fact.at, **prices})
        self._put(connection, schema.price_cache, rows)
        table = schema.price_cache
        oldest = max(row["at"] for row in rows) - _PRICES_NS
        connection.execute(delete(table).where(table.c.world == self.world, table.c.at < oldest))

    def _compared(self, connection: Connection, facts: Iterable[Compared], _: set[_Key]) -> None:
        rows = [{"at": fact.at, "differences": len(fact.lines), "detail": "\n".join(fact.lines)} for fact in facts]
        self._put(connection, schema.reconciliations, rows)

    def _moved(self, connection: Connection, facts: Iterable[Moved], _: set[_Key]) -> None:
        rows = [
            {
                "transfer": fact.id,
                "venue": fact.venue,
                "kind": fact.kind,
                "what": fact.what,
                "amount": fact.amount,
                "at": fact.at,
            }
            for fact in facts
        ]
        self._put(connection, schema.transfers, rows)

    def _day_ended(self, connection: Connection, facts: Iterable[DayEnded], _: set[_Key]) -> None:
        for fact in facts:
            day = fact.day
            figures = {"executions": day.executions, "fees": day.fees, "differences": day.differences}
            row = {"day": day.day, "closed": fact.at, **figures, **day.profit._asdict(), "world": self.world}
            connection.execute(self._insert(schema.days).values(row).on_conflict_do_nothing())

    def _events(self, connection: Connection, rows: Iterable[tuple[Market, str, WallNs]]) -> None:
        found: dict[_Key, Row] = {}
        for market, event, at in rows:
            key = (market.venue, market.id)
            if event or key not in found:
                found[key] = event_row(market, event or found.get(key, {}).get("event", ""), at)
        table = schema.events
        if found:
            insert = self._insert(table)
            kept = ("world", "venue", "market", "first_seen")
            new = {column.name: insert.excluded[column.name] for column in table.c if column.name not in kept}
            new["event"] = func.coalesce(func.nullif(insert.excluded.event, ""), table.c.event)
            connection.execute(
                insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=new),
                [row | {"world": self.world} for row in found.values()],
            )

    # --- what follows from them -----------------------------------------------------------------------------------------

    def _position(self, connection: Connection, venue: str, market: str) -> None:
        orders, settlements, changes = schema.orders, schema.settlements, schema.adjustments
        adjusted = select(changes.c.net, changes.c.cash, changes.c.at).where(
            changes.c.world == self.world, changes.c.venue == venue, changes.c.market == market
        )
        trades = connection.execute(
            select(orders.c.outcome, orders.c.action, orders.c.filled, orders.c.cost, orders.c.fee, orders.c.at)
            .where(orders.c.world == self.world, orders.c.venue == venue, orders.c.market == market, orders.c.filled > 0)
            .order_by(orders.c.at, orders.c.leg)
        )
        paid = connection.execute(
            select(settlements).where(
                settlements.c.world == self.world, settlements.c.venue == venue, settlements.c.market == market
            )
        ).first()
        held = hold(
            map(trade_of, trades),
            paid_of(paid) if paid is not None else None,
            [Change(row.net, row.cash, row.at) for row in connection.execute(adjusted)],
        )
        table = schema.positions
        if held is None:  # a reversal took the only fill away
            here = and_(table.c.world == self.world, table.c.venue == venue, table.c.market == market)
            connection.execute(delete(table).where(here))
        else:
            self._put(connection, table, [{"venue": venue, "market": market, **held._asdict()}])

    def _put(
        self, connection: Connection, table: Table, rows: Sequence[Row], *, newer: str = "", keep: Collection[str] = ()
    ) -> None:
        """Insert or replace by key; with newer only where that column did not get smaller. keep names columns of the first."""
        if not rows:
            return
        insert = self._insert(table)
        keys = {column.name for column in table.primary_key}
        new = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys | set(keep)}
        where = table.c[newer] <= insert.excluded[newer] if newer else None
        statement = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=new, where=where)
        connection.execute(statement, [row | {"world": self.world} for row in rows])

    # --- questions of the writer ----------------------------------------------------------------------------------------

    def open_markets(self) -> list[_Key]:
        """(venue, market) of every position that no settlement paid yet."""
        table, paid = schema.positions, schema.settlements
        settled = and_(paid.c.world == table.c.world, paid.c.venue == table.c.venue, paid.c.market == table.c.market)
        query = (
            select(table.c.venue, table.c.market)
            .outerjoin(paid, settled)
            .where(table.c.world == self.world, table.c.net != 0, paid.c.market.is_(None))
            .order_by(table.c.venue, table.c.market)
        )
        return [(row.venue, row.market) for row in self._run(lambda connection: connection.execute(query).all())]

    def has_day(self, day: str) -> bool:
        """Whether a day was told to have ended."""
        query = select(schema.days.c.day).where(schema.days.c.world == self.world, schema.days.c.day == day)
        return bool(self._run(lambda connection: connection.execute(query).first()))

    def adjusted(self) -> dict[_Key, tuple[int, WallNs, bool]]:
        """By (venue, market) what adjustments add up to, the stamp of the newest, and whether the market was paid out: settled ones
        without an adjustment too."""
        table, paid = schema.adjustments, schema.settlements
        sums = (
            select(table.c.venue, table.c.market, func.sum(table.c.net).label("net"), func.max(table.c.at).label("at"))
            .where(table.c.world == self.world)
            .group_by(table.c.venue, table.c.market)
        )
        settled = select(paid.c.venue, paid.c.market).where(paid.c.world == self.world)

        def read(connection: Connection) -> dict[_Key, tuple[int, WallNs, bool]]:
            found = {(row.venue, row.market): (0, WallNs(0), True) for row in connection.execute(settled)}
            for row in connection.execute(sums):
                key = (row.venue, row.market)
                found[key] = (int(row.net), WallNs(row.at), key in found)
            return found

        return dict(self._run(read))

    def half_settled(self, before: int) -> list[tuple[str, str, str]]:
        """(venue, market, pair) of positions still open although their arb's outcome was paid elsewhere before a stamp: any market
        on another venue, or one of a basket that paid YES; a NO decides nothing about the rest. pair is "" for what is none."""
        mine, others = schema.orders, schema.orders.alias("others")
        held, paid, theirs = schema.positions, schema.settlements, schema.settlements.alias("theirs")
        arbs, pairs = schema.opportunities, schema.verified_pairs
        decided = or_(others.c.venue != mine.c.venue, theirs.c.payout > 0)
        query = (
            select(held.c.venue, held.c.market, func.max(func.coalesce(pairs.c.pair, "")).label("pair"))
            .join(mine, and_(_same_market(mine, held), mine.c.filled > 0))
            .join(others, and_(others.c.world == mine.c.world, others.c.arb == mine.c.arb, others.c.filled > 0))
            .join(theirs, and_(_same_market(theirs, others), theirs.c.at < before, decided))
            .outerjoin(paid, _same_market(paid, held))
            .outerjoin(arbs, and_(arbs.c.world == mine.c.world, arbs.c.opportunity == mine.c.arb))
            .outerjoin(pairs, and_(pairs.c.world == arbs.c.world, pairs.c.pair == arbs.c.pair))
            .where(held.c.world == self.world, held.c.net != 0, paid.c.market.is_(None))
            .group_by(held.c.venue, held.c.market)
            .order_by(held.c.market)
        )
        return [(row.venue, row.market, row.pair) for row in self._run(lambda connection: connection.execute(query).all())]

    def ends(self) -> dict[str, tuple[str, int, int, int, int]]:
        """Every arb in the books with how it ended: (outcome, matched, unhedged, profit, naked), outcome "" while it has not."""
        table = schema.opportunities
        told = (table.c.outcome, table.c.matched, table.c.unhedged, table.c.profit, table.c.naked)
        query = select(table.c.opportunity, *told).where(table.c.world == self.world, table.c.executed)
        return {row[0]: tuple(row[1:]) for row in self._run(lambda connection: connection.execute(query).all())}

    def owner(self) -> int:
        """Which journal writes here, 0 = none did yet."""
        table = schema.ledger_meta
        query = select(table.c.value).where(table.c.name == f"journal:{self.world}")
        row = self._run(lambda connection: connection.execute(query).first())
        return 0 if row is None else int(row.value)

    def own(self, journal: int) -> None:
        """From now on that journal writes here."""
        insert = self._insert(schema.ledger_meta).values(name=f"journal:{self.world}", value=journal)
        owned = insert.on_conflict_do_update(index_elements=["name"], set_={"value": journal})
        self._run(lambda connection: connection.execute(owned))

    def known(self) -> dict[str, int]:
        """Every leg in the books: its newest result number, -1 while it has none."""
        table = schema.orders
        query = select(table.c.leg, table.c.result_no).where(table.c.world == self.world)
        return {row.leg: row.result_no for row in self._run(lambda connection: connection.execute(query).all())}

    def sent_since(self, at: int) -> list[str]:
        """Legs younger than a stamp that were promised: everything but approvals that went no further."""
        table = schema.orders
        unsent = table.c.status.in_(("pending", "unsent", "refused"))
        query = select(table.c.leg).where(table.c.world == self.world, table.c.at > at, ~unsent)
        return [row.leg for row in self._run(lambda connection: connection.execute(query).all())]

    def never_sent(self, legs: Collection[str], at: int) -> None:
        """Approvals of an earlier start that its journal never promised."""
        table = schema.orders

        def write(connection: Connection) -> None:
            for leg in legs:
                mine = and_(table.c.world == self.world, table.c.leg == leg, table.c.result_no < 0)
                connection.execute(update(table).where(mine).values(status="unsent", updated=at))

        self._run(write)


def _same_market(one: Any, two: Any) -> Any:
    return and_(one.c.world == two.c.world, one.c.venue == two.c.venue, one.c.market == two.c.market)


def _number(fact: Ordered) -> int:
    return -1 if fact.result is None else fact.result.result_no
