"""Orders that nobody can answer for any more, ended by what their venue holds (B-093, B-183).

A leg without a last word is asked of the executor that got it, for ever: a trader that is gone for good would keep its event shut
and its caps taken. The venue's record ends it when nothing can happen there any more, because all markets of its arb are settled,
and when a person says so (`controller reconcile --adopt`). Pure: the reading is in ends.py.
"""

from collections.abc import Sequence

import msgspec

from controller.reconcile.compare import Legs, explain_fills, journal_nets, own_order
from trading.ids import LegId
from trading.market import Action, Outcome, Venue
from trading.order import Fill, LegRequest, LegResult, total
from trading.units import Money, Size, WallNs, cost_of
from trading.venue import OpenOrder, VenueFill

__all__ = ["MarketRecord", "doubtful", "end_of", "taken_end"]

_MOST = 3
"""A cash-sized buy delivers at most so many times what was wanted (execution.md 1): more is somebody else's."""
_MS_NS = 1_000_000


class MarketRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue tells of one market: contracts of YES less NO that it holds or has paid out, None where it tells no count any
    more; its fills; and the orders under the names we gave them."""

    held: int | None
    fills: tuple[VenueFill, ...]
    history: tuple[OpenOrder, ...]


def doubtful(legs: Legs, venue: Venue, *, before: WallNs) -> list[LegId]:
    """Legs of a venue without a last word, promised before a stamp."""
    return [
        leg_id
        for leg_id, (leg, result) in legs.items()
        if leg.venue == venue and (result is None or not result.final) and int.from_bytes(leg_id[:6]) * _MS_NS < before
    ]


def end_of(leg_id: LegId, legs: Legs, record: MarketRecord, stranger: int) -> LegResult | None:
    """What the venue's record proves that a leg did, None when it proves nothing.

    Its fills are those of its order, where the venue keeps our names; else those of one order that is no other leg's, while no
    other leg of the market is in doubt. With them the venue must hold, or have paid, exactly what all legs and the stranger add up
    to. Without a count, a leg without fills is proven by a list in which every other leg is as we have it.
    """
    leg = legs[leg_id][0]
    rows = _fills_of(leg_id, legs, record)
    if rows is None:
        return None
    fills, number = tuple(row.fill for row in rows), rows[0].venue_order_id if rows else ""
    told = legs[leg_id][1]
    if told is not None and told.filled > total(fills)[0]:
        fills, number = told.fills, told.venue_order_id  # a list may end before it
    filled = total(fills)[0]
    if record.held is None:
        if fills or explain_fills(_without(legs, leg_id), leg.want.market, record.fills):
            return None
    elif _others(leg_id, legs) + stranger + _signed(leg, filled) != record.held:
        return None
    return _result(leg_id, leg, fills, number)


def taken_end(leg_id: LegId, legs: Legs, record: MarketRecord, stranger: int, now: WallNs) -> LegResult:
    """What a leg did by a person's word: what is proven, else what is missing in the venue's holding, in the leg's direction, at
    the leg's own limit where no fills tell the price."""
    proven = end_of(leg_id, legs, record, stranger)
    if proven is not None:
        return proven
    leg = legs[leg_id][0]
    missing = 0 if record.held is None else record.held - _others(leg_id, legs) - stranger
    filled = Size(min(_MOST * leg.want.size, max(0, missing if _signed(leg, Size(1)) > 0 else -missing)))
    told = legs[leg_id][1]
    if told is not None and told.filled > filled:
        return _result(leg_id, leg, told.fills, told.venue_order_id)  # that these are gone is a person's doing, not the leg's
    rows = _fills_of(leg_id, legs, record) or ()
    fills = tuple(row.fill for row in rows)
    if filled and total(fills)[0] == filled:
        return _result(leg_id, leg, fills, rows[0].venue_order_id)
    return _result(leg_id, leg, (_at_its_limit(leg, filled, now),) if filled else (), "")


def _fills_of(leg_id: LegId, legs: Legs, record: MarketRecord) -> Sequence[VenueFill] | None:
    """Fills of a leg's order; None when it cannot be told whose some fills are."""
    market = legs[leg_id][0].want.market
    ids = {result.venue_order_id: name for name, (_, result) in legs.items() if result and result.venue_order_id}
    ids |= {row.venue_order_id: name for row in record.history if (name := own_order(row, legs, ids)) is not None}
    listed = list({(row.venue_order_id, row.fill.id): row for row in record.fills if row.market == market}.values())
    if leg_id in ids.values():
        return [row for row in listed if ids.get(row.venue_order_id) == leg_id]
    nobodys = [row for row in listed if row.venue_order_id not in ids]
    if not nobodys:
        return ()
    alone = [name for name, (leg, result) in legs.items() if leg.want.market == market and not (result and result.final)]
    one_order = len({row.venue_order_id for row in nobodys}) == 1
    buys = legs[leg_id][0].want.action is Action.BUY
    fits = all((row.fill.cost > 0) is buys for row in nobodys)
    return nobodys if alone == [leg_id] and one_order and fits else None


def _without(legs: Legs, leg_id: LegId) -> Legs:
    return {name: known for name, known in legs.items() if name != leg_id}


def _others(leg_id: LegId, legs: Legs) -> int:
    """What the other legs of its market add up to."""
    leg = legs[leg_id][0]
    return journal_nets(_without(legs, leg_id), leg.venue, leg.world).get(leg.want.market, 0)


def _signed(leg: LegRequest, size: Size) -> int:
    return size if (leg.want.outcome is Outcome.YES) is (leg.want.action is Action.BUY) else -size


def _result(leg_id: LegId, leg: LegRequest, fills: tuple[Fill, ...], venue_order_id: str) -> LegResult:
    size, cost, fee = total(fills)
    return LegResult(
        leg_id=leg_id,
        state="filled" if size >= leg.want.size else "partial" if size else "none",
        filled=size,
        cost=cost,
        fee=fee,
        fills=fills,
        venue_order_id=venue_order_id,
        code="reconciled",
        detail="nobody could answer for it; its venue's record says so",
    )


def _at_its_limit(leg: LegRequest, size: Size, now: WallNs) -> Fill:
    """A fill of which only the size is known. Its fee is not: the venue's cash tells the difference (cash.py)."""
    buys = leg.want.action is Action.BUY
    cost = cost_of(leg.want.limit, size, up=buys)
    return Fill(
        id=f"adopted-{leg.leg_id.hex()}",
        price=leg.want.limit,
        size=size,
        cost=cost if buys else Money(-cost),
        fee=Money(0),
        fee_is_final=True,
        maker=False,
        at=now,
        status="final",
    )
