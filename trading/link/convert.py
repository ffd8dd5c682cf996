"""Values of the product to messages and back: legs, results, account pages.

Deadlines cross the link as a time to live, because monotonic clocks of two processes have nothing in common.
"""

from collections.abc import Mapping, Sequence

from trading.clock import MS
from trading.errors import Misuse
from trading.ids import LegId, client_order_id
from trading.link.messages import MAX_ROWS, AccountPageMessage, ExecuteLeg, FillFields, ResultFields
from trading.market import Action, MarketId, Outcome, Venue
from trading.order import Fill, FillStatus, LegRequest, LegResult, Tif, Want
from trading.units import Money, MonoNs, Price, Size, WallNs
from trading.venue import AccountPage, AccountQuery, Balance, OpenOrder, Position, Settlement, VenueFill

__all__ = ["execute_message", "leg_of", "page_of", "page_rows", "result_fields", "result_of"]

US = 1_000
_STATUS: Mapping[str, FillStatus] = {"provisional": "provisional", "final": "final", "reversed": "reversed"}


def execute_message(leg: LegRequest, now: MonoNs) -> ExecuteLeg:
    """The order as it is sent now. Raises Misuse for a leg whose deadline has passed."""
    ttl_ms = (leg.deadline - now) // MS
    if ttl_ms <= 0:
        raise Misuse(f"leg {leg.leg_id.hex()} is past its deadline; it may not be sent")
    want = leg.want
    return ExecuteLeg(
        leg_id=leg.leg_id,
        epoch=leg.epoch,
        platform="kalshi" if leg.venue == "kalshi" else "polymarket",
        market=want.market,
        outcome=int(want.outcome),
        action="buy" if want.action is Action.BUY else "sell",
        limit=want.limit,
        size=want.size,
        max_cost=leg.max_cost,
        purpose=leg.purpose,
        tif=want.tif.value,
        post_only=want.post_only,
        client_order_id=client_order_id(leg.leg_id),
        ttl_ms=min(ttl_ms, 120_000),
        sent_mono_us=now // US,
        world=leg.world,
    )


def leg_of(message: ExecuteLeg, deadline: MonoNs) -> LegRequest:
    """The leg at its trader; deadline is in the trader's clock. Raises Misuse when the order id does not name the leg."""
    leg_id = LegId(message.leg_id)
    if message.client_order_id != client_order_id(leg_id):
        raise Misuse("the client order id does not belong to the leg id")
    want = Want(
        market=MarketId(message.market),
        outcome=Outcome(message.outcome),
        action=Action(message.action),
        limit=Price(message.limit),
        size=Size(message.size),
        tif=Tif(message.tif),
        post_only=message.post_only,
    )
    return LegRequest(
        leg_id=leg_id,
        want=want,
        venue=Venue(message.platform),
        purpose=message.purpose,
        max_cost=Money(message.max_cost),
        world=message.world,
        epoch=message.epoch,
        deadline=deadline,
    )


def result_fields(result: LegResult) -> ResultFields:
    """A result for the wire. Fills beyond what a frame holds are joined where price, maker, status and finality agree."""
    return ResultFields(
        leg_id=result.leg_id,
        state=result.state,
        filled=result.filled,
        cost=result.cost,
        fee=result.fee,
        fills=tuple(_fill_fields(fill) for fill in _fitting(result.fills)),
        client_order_id=result.client_order_id,
        venue_order_id=result.venue_order_id,
        code=result.code[:64],
        detail=result.detail[:500],
        stages=_durations(result.stages),
        version=result.result_no,
    )


def _durations(stages: Sequence[tuple[str, MonoNs]]) -> tuple[tuple[str, int], ...]:
    """Microseconds since the earliest stage: stamps of one clock mean nothing on another."""
    first = min((at for _, at in stages), default=MonoNs(0))
    return tuple((name[:64], (at - first) // US) for name, at in stages[:16])


def _fill_fields(fill: Fill) -> FillFields:
    return FillFields(
        id=fill.id,
        price=fill.price,
        size=fill.size,
        cost=fill.cost,
        fee=fill.fee,
        fee_is_final=fill.fee_is_final,
        maker=fill.maker,
        at=fill.at,
        status=fill.status,
    )


def _fitting(fills: Sequence[Fill]) -> Sequence[Fill]:
    if len(fills) <= MAX_ROWS:
        return fills
    joined: dict[tuple[object, ...], Fill] = {}
    for fill in fills:
        key = (fill.price, fill.maker, fill.status, fill.fee_is_final)
        known = joined.get(key)
        joined[key] = fill if known is None else _joined(known, fill)
    if len(joined) > MAX_ROWS:
        raise Misuse(f"{len(joined)} kinds of fill in one leg; a frame holds {MAX_ROWS}")
    return list(joined.values())


def _joined(one: Fill, more: Fill) -> Fill:
    return Fill(
        id=one.id,
        price=one.price,
        size=Size(one.size + more.size),
        cost=Money(one.cost + more.cost),
        fee=Money(one.fee + more.fee),
        fee_is_final=one.fee_is_final,
        maker=one.maker,
        at=max(one.at, more.at),
        status=one.status,
    )


def result_of(fields: ResultFields) -> LegResult:
    """The result at the controller; its stages count from the earliest one of the trader, not from any clock."""
    fills = tuple(
        Fill(
            id=fill.id,
            price=Price(fill.price),
            size=Size(fill.size),
            cost=Money(fill.cost),
            fee=Money(fill.fee),
            fee_is_final=fill.fee_is_final,
            maker=fill.maker,
            at=WallNs(fill.at),
            status=fill.status,
        )
        for fill in fields.fills
    )
    return LegResult(
        leg_id=LegId(fields.leg_id),
        state=fields.state,
        filled=Size(fields.filled),
        cost=Money(fields.cost),
        fee=Money(fields.fee),
        fills=fills,
        client_order_id=fields.client_order_id,
        venue_order_id=fields.venue_order_id,
        code=fields.code,
        detail=fields.detail,
        stages=tuple((name, MonoNs(at * US)) for name, at in fields.stages),
        result_no=fields.version,
    )


def page_rows(what: AccountQuery, page: AccountPage) -> list[tuple[str | int | bool, ...]]:
    """The rows of the kind that was asked for, columns in the order of the value's fields."""
    if what.what == "balances":
        return [(row.shard, row.cash) for row in page.balances]
    if what.what == "positions":
        return [(row.market, row.size, row.fees) for row in page.positions]
    if what.what in ("orders", "history"):
        return [(row.venue_order_id, row.client_order_id, row.market, row.remaining) for row in page.orders]
    if what.what == "settlements":
        return [_settled_row(row) for row in page.settlements]
    return [
        (
            row.venue_order_id,
            row.market,
            row.fill.id,
            row.fill.price,
            row.fill.size,
            row.fill.cost,
            row.fill.fee,
            row.fill.fee_is_final,
            row.fill.maker,
            row.fill.at,
            row.fill.status,
        )
        for row in page.fills
    ]


def page_of(message: AccountPageMessage) -> AccountPage:
    """The page at the controller. Raises Misuse when a row does not have its columns."""
    try:
        if message.what == "balances":
            return AccountPage(
                balances=tuple(Balance(shard=_int(r[0]), cash=Money(_int(r[1]))) for r in message.rows), cursor=message.cursor
            )
        if message.what == "positions":
            positions = tuple(
                Position(market=MarketId(_str(r[0])), size=Size(_int(r[1])), fees=Money(_int(r[2]))) for r in message.rows
            )
            return AccountPage(positions=positions, cursor=message.cursor)
        if message.what in ("orders", "history"):
            orders = tuple(
                OpenOrder(
                    venue_order_id=_str(r[0]),
                    client_order_id=_str(r[1]),
                    market=MarketId(_str(r[2])),
                    remaining=Size(_int(r[3])),
                )
                for r in message.rows
            )
            return AccountPage(orders=orders, cursor=message.cursor)
        if message.what == "settlements":
            return AccountPage(settlements=tuple(_settlement(r) for r in message.rows), cursor=message.cursor)
        return AccountPage(fills=tuple(_venue_fill(r) for r in message.rows), cursor=message.cursor)
    except (IndexError, KeyError, TypeError) as exc:
        raise Misuse(f"an account page of {message.what} has a row of another shape") from exc


def _settled_row(row: Settlement) -> tuple[str | int | bool, ...]:
    """held is "" where the venue does not tell it; an older trader leaves out the last two columns."""
    return row.market, row.payout, row.revenue, row.at, "" if row.held is None else row.held, row.paid


def _settlement(row: Sequence[str | int | bool]) -> Settlement:
    return Settlement(
        market=MarketId(_str(row[0])),
        payout=Money(_int(row[1])),
        revenue=Money(_int(row[2])),
        at=WallNs(_int(row[3])),
        held=Size(_int(row[4])) if len(row) > 4 and row[4] != "" else None,
        paid=bool(row[5]) if len(row) > 5 else True,
    )


def _venue_fill(row: Sequence[str | int | bool]) -> VenueFill:
    fill = Fill(
        id=_str(row[2]),
        price=Price(_int(row[3])),
        size=Size(_int(row[4])),
        cost=Money(_int(row[5])),
        fee=Money(_int(row[6])),
        fee_is_final=bool(row[7]),
        maker=bool(row[8]),
        at=WallNs(_int(row[9])),
        status=_STATUS[_str(row[10])],
    )
    return VenueFill(venue_order_id=_str(row[0]), market=MarketId(_str(row[1])), fill=fill)


def _int(value: str | int | bool) -> int:
    if isinstance(value, str):
        raise TypeError(value)
    return int(value)


def _str(value: str | int | bool) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
