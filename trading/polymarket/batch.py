"""Several orders in one request, and what each of them was told (polymarket.md 7.1).

The venue works on 1 to 15 orders in parallel and answers in their order. A refused one comes back as success with its reason in
errorMsg and no id. There is no key for repeating: an unanswered batch leaves every order of it unknown, to be looked up by id.
"""

from collections.abc import Mapping, Sequence

import msgspec

from trading.errors import BadAnswer, Misuse, UnknownOutcome
from trading.order import LegResult
from trading.polymarket.orders import answered, leg_result
from trading.polymarket.wire import decode
from trading.units import WallNs
from trading.venue import Prepared, SignedOrder

__all__ = ["MOST_ORDERS", "batch_body", "batch_results", "doubtful"]

MOST_ORDERS = 15


def batch_body(orders: Sequence[SignedOrder]) -> bytes:
    """The body of POST /orders from bodies that are signed already. Raises Misuse for none, too many or the same twice."""
    ids = {order.prepared.venue_order_id for order in orders}
    if not 1 <= len(orders) <= MOST_ORDERS:
        raise Misuse(f"a batch holds 1 to {MOST_ORDERS} orders, not {len(orders)}")
    if len(ids) != len(orders):
        raise Misuse("an order stands twice in one batch")
    return b"[" + b",".join(order.body for order in orders) + b"]"


def doubtful(order: Prepared, code: str, detail: str) -> LegResult:
    """An order that may exist."""
    return leg_result(order, "unknown", code, detail)


def batch_results(
    orders: Sequence[Prepared], status: int, headers: Mapping[str, str], body: bytes, *, now: WallNs
) -> tuple[LegResult, ...]:
    """One result per order, in their order; never raises: a doubt is the state "unknown"."""
    if not 200 <= status < 300:
        return tuple(_one(order, status, headers, body, now) for order in orders)
    try:
        rows = decode(body)
    except BadAnswer as exc:
        return tuple(doubtful(order, "garbage", str(exc)) for order in orders)
    if not isinstance(rows, list) or len(rows) != len(orders):
        count = f"{len(rows)} answers" if isinstance(rows, list) else "no list"
        return tuple(doubtful(order, "bad_answer", f"{count} for {len(orders)} orders") for order in orders)
    return tuple(_one(order, status, headers, msgspec.json.encode(row), now) for order, row in zip(orders, rows, strict=True))


def _one(order: Prepared, status: int, headers: Mapping[str, str], body: bytes, now: WallNs) -> LegResult:
    try:
        return answered(order, status, headers, body, now=now)
    except UnknownOutcome as exc:
        return doubtful(order, exc.code, exc.detail)
