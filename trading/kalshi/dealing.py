"""Orders that stand already, and many at once: amend, decrease, cancel, batches and the kill switch (kalshi.md 7.3).

Every call names the order's shard, because without a route the venue looks on shard 0 only. The venue's answer to a cancel or an
amend has described another order before (kalshi.md 13): one that echoes the wrong id is in doubt, though the action was right.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from trading.clock import SECOND, Clock
from trading.errors import Misuse, UnknownOutcome
from trading.http import Response
from trading.kalshi.orders import prepare_order, read_create
from trading.kalshi.paging import filters
from trading.kalshi.rest import KalshiRest, segment
from trading.kalshi.statuses import DUPLICATE
from trading.kalshi.wire_account import error_text
from trading.kalshi.wire_market import parse_count
from trading.market import KALSHI, Market, MarketId
from trading.order import LegResult, Want
from trading.units import MonoNs, Size, format_size
from trading.venue import Prepared

__all__ = ["ORDERS", "REDUCING", "Cancelled", "Changed", "Dealing", "Standing"]

ORDERS = "/portfolio/events/orders"
REDUCING = frozenset({"complete", "unwind", "exit"})
"""Purposes whose writes go before those of arbs."""
_SWEEP_NS = 60 * SECOND


class Standing(msgspec.Struct, frozen=True):
    """Where an order stands: enough to reach it."""

    order_id: str
    market: MarketId
    shard: int


class Changed(msgspec.Struct, frozen=True):
    """What an amend or a decrease did: what rests now, and what the amend itself filled. None = the venue did not say, as after an
    amend that neither filled nor changed the resting size: it rests as it did."""

    order_id: str
    remaining: Size | None
    filled: Size | None = None


class Cancelled(msgspec.Struct, frozen=True):
    """What one cancel took off the book; error "" = done."""

    order_id: str
    reduced: Size
    error: str = ""


class _Answer(msgspec.Struct, frozen=True):
    order_id: str
    remaining_count: str | None = None
    fill_count: str | None = None


class _Item(msgspec.Struct, frozen=True):
    order_id: str = ""
    client_order_id: str | None = None
    reduced_by: str = "0.00"
    error: dict[str, Any] | None = None


class _Cancels(msgspec.Struct, frozen=True):
    orders: tuple[_Item, ...]


class _Creates(msgspec.Struct, frozen=True):
    orders: tuple[msgspec.Raw, ...]


class Dealing:
    """Writes on orders. All raise Rejected and its kinds (definite), Unreachable (not sent), UnknownOutcome (in doubt)."""

    def __init__(self, rest: KalshiRest, clock: Clock) -> None:
        self._rest = rest
        self._clock = clock

    async def amend(self, order: Prepared, order_id: str, want: Want, market: Market) -> Changed:
        """Give an order another limit or size (size counts what filled already; side and market stay).

        A smaller size keeps the place in the queue, everything else loses it. Raises Misuse when want is of another side.
        """
        fields = prepare_order(msgspec.structs.replace(order.leg, want=want), market).fields
        if (fields["ticker"], fields["side"]) != (order.fields["ticker"], order.fields["side"]):
            raise Misuse(f"amend of {order.client_order_id} changes its market or side; cancel it and place another")
        payload = {name: fields[name] for name in ("ticker", "side", "price", "count", "exchange_index")}
        return await self._change(order, order_id, "amend", payload)

    async def decrease(self, order: Prepared, order_id: str, *, by: Size | None = None, to: Size | None = None) -> Changed:
        """Make what rests smaller by a size, or down to one; its place in the queue stays. Raises Misuse without exactly one."""
        if (by is None) is (to is None):
            raise Misuse("a decrease is by a size or to a size, never both")
        payload: dict[str, Any] = {"exchange_index": order.fields["exchange_index"], "market_ticker": order.fields["ticker"]}
        if by is not None:
            payload["reduce_by"] = format_size(by)
        if to is not None:
            payload["reduce_to"] = format_size(to)
        return await self._change(order, order_id, "decrease", payload)

    async def _change(self, order: Prepared, order_id: str, act: str, payload: dict[str, Any]) -> Changed:
        path = f"{ORDERS}/{segment(order_id)}/{act}"
        reducing = act == "decrease" or order.leg.purpose in REDUCING
        shard = int(order.fields["exchange_index"])
        response = await self._rest.write("POST", path, payload, shard=shard, reducing=reducing)
        answer = self._rest.decode_write(response.body, _Answer, path)
        if answer.order_id != order_id:
            raise UnknownOutcome(KALSHI, "wrong_echo", f"{act} of {order_id} was answered for {answer.order_id}; read it")
        return Changed(order_id, _count(answer.remaining_count, path), _count(answer.fill_count, path))

    async def place_many(self, orders: Sequence[Prepared]) -> tuple[LegResult, ...]:
        """Place several orders at once, one result each, in their order.

        The batch has to fit the bucket as a whole: Misuse when it never can. A leg whose item does not answer for it is
        "unknown". Raises as a single create would when the whole batch was refused or not answered: then no result exists.
        """
        path = f"{ORDERS}/batched"
        cost = self._rest.budget.cost("POST", path) * len(orders)
        if not orders or cost > self._rest.budget.burst():
            raise Misuse(f"a batch of {len(orders)} orders needs {cost} tokens, the bucket holds {self._rest.budget.burst()}")
        payload = {"orders": [dict(order.fields) for order in orders]}
        reducing = all(order.leg.purpose in REDUCING for order in orders)
        response = await self._rest.write("POST", path, payload, items=len(orders), reducing=reducing)
        rows = self._rest.decode_write(response.body, _Creates, path).orders
        return tuple(_of_item(order, row) for order, row in zip(orders, _aligned(orders, rows), strict=True))

    async def cancel_many(self, orders: Sequence[Standing]) -> tuple[Cancelled, ...]:
        """Cancel several orders at once, one answer each, in their order; an order without an answer has error "unanswered"."""
        if not orders:
            return ()
        rows = [{"order_id": one.order_id, "exchange_index": one.shard, "market_ticker": one.market} for one in orders]
        path = f"{ORDERS}/batched"
        response = await self._rest.write("DELETE", path, {"orders": rows}, items=len(orders), reducing=True)
        answers = {row.order_id: row for row in self._rest.decode_write(response.body, _Cancels, path).orders}
        found = []
        for one in orders:
            row = answers.get(one.order_id)
            if row is None:
                found.append(Cancelled(one.order_id, Size(0), "unanswered"))
            else:
                code = (error_text({"error": row.error}) or ("error", ""))[0] if row.error else ""
                found.append(Cancelled(one.order_id, _count(row.reduced_by, path) or Size(0), code))
        return tuple(found)

    async def cancel_all(self, *, subaccount: int | None = None) -> MonoNs:
        """The kill switch: every resting order on every shard.

        Returns the moment until which newly placed orders may be cancelled as well (a minute, by the venue's own word).
        """
        await self._rest.write("DELETE", ORDERS, None, filters(("subaccount", subaccount)), reducing=True)
        return MonoNs(self._clock.mono_ns() + _SWEEP_NS)


def _count(text: str | None, what: str) -> Size | None:
    try:
        return None if text is None else parse_count(text)
    except ValueError as exc:
        raise UnknownOutcome(KALSHI, "bad_answer", f"{what}: {exc}; read the order") from exc


def _aligned(orders: Sequence[Prepared], rows: Sequence[msgspec.Raw]) -> list[msgspec.Raw | None]:
    """Each order's item: by its client order id, else (a refused item names none) by its place; None = no item for it."""
    named: dict[str, msgspec.Raw] = {}
    unnamed: list[msgspec.Raw | None] = []
    for row in rows:
        try:
            name = msgspec.json.decode(row, type=_Item).client_order_id
        except msgspec.MsgspecError:
            name = None
        if name:
            named[name] = row
        unnamed.append(None if name else row)
    same_length = len(rows) == len(orders)
    return [named.get(order.client_order_id) or (unnamed[n] if same_length else None) for n, order in enumerate(orders)]


def _of_item(order: Prepared, row: msgspec.Raw | None) -> LegResult:
    code, detail = "unanswered", f"{order.client_order_id}: the batch's answer has no item for it"
    if row is not None:
        try:
            item = msgspec.json.decode(row, type=_Item)
            body = msgspec.json.encode({"error": item.error}) if item.error else bytes(row)
            result = read_create(order, Response(201, {}, body))
            if result is not None:
                return result
            code, detail = DUPLICATE, f"{order.client_order_id} was placed before; look it up"
        except msgspec.MsgspecError as exc:
            code, detail = "bad_answer", f"{order.client_order_id}: {exc}"
        except UnknownOutcome as exc:
            code, detail = exc.code, exc.detail
    return LegResult(leg_id=order.leg.leg_id, state="unknown", client_order_id=order.client_order_id, code=code, detail=detail)
