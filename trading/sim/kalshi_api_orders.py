"""Routes of the simulated Kalshi that write orders and order groups: who pays which bucket, which account is meant (7, 10)."""

from collections.abc import Callable, Iterable

from trading.sim.core import Response
from trading.sim.kalshi_call import Call, Route, Row, get, write
from trading.sim.kalshi_data import ApiError, KalshiRules, error_body, json_response
from trading.sim.kalshi_limits import DEFAULT_COST, RateLimits
from trading.sim.kalshi_members import Members
from trading.sim.kalshi_money import Account
from trading.sim.kalshi_orders import OrderDesk

__all__ = ["OrdersApi"]

_ORDERS = "/portfolio/events/orders"
_GROUPS = "/portfolio/order_groups"
_CANCEL_COST = 2


class OrdersApi:
    """routes() is the table; every order write may be struck by an armed fault."""

    def __init__(self, limits: RateLimits, rules: KalshiRules, members: Members, desk: OrderDesk) -> None:
        self._limits = limits
        self._rules = rules
        self._members = members
        self._desk = desk

    def routes(self) -> Iterable[Route]:
        def order(method: str, path: str, handler: Callable[[Call], Response | Row]) -> Route:
            return write(method, _ORDERS + path, handler, "write::trade", fails=True)

        def group(method: str, path: str, handler: Callable[[Call], Response | Row]) -> Route:
            return write(method, _GROUPS + path, handler, "write::trade")

        yield order("POST", "", self._create)
        yield order("DELETE", "", self._cancel_all)
        yield order("POST", "/batched", self._create_batch)
        yield order("DELETE", "/batched", self._cancel_batch)
        yield order("DELETE", "/{}", self._cancel)
        yield order("POST", "/{}/amend", self._amend)
        yield order("POST", "/{}/decrease", self._decrease)
        yield get(_GROUPS, lambda call: self._desk.groups.listed(self._scope(call)), "read")
        yield group("POST", "/create", self._create_group)
        yield get(_GROUPS + "/{}", lambda call: self._desk.groups.one(self._scope(call), call.name), "read")
        yield group("DELETE", "/{}", lambda call: self._on_group(call, lambda rows: self._desk.groups.delete(rows, call.name)))
        yield group(
            "PUT", "/{}/reset", lambda call: self._on_group(call, lambda rows: self._desk.groups.reset(rows, call.name))
        )
        yield group(
            "PUT", "/{}/trigger", lambda call: self._on_group(call, lambda rows: self._desk.groups.trigger(rows, call.name))
        )
        yield group("PUT", "/{}/limit", self._limit_group)

    def _scope(self, call: Call) -> list[Account]:
        return list(self._members.scope(call.caller, call.query.number("subaccount")))

    def _queried(self, call: Call) -> Account:
        return self._members.account(call.caller, call.query.number("subaccount"))

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _create(self, call: Call) -> Response:
        body = call.body()
        self._limits.write(call.caller.user_id, DEFAULT_COST, shard=_billed(body.get("exchange_index")))
        account = self._members.account(call.caller, body.get("subaccount"))
        return json_response(201, self._desk.create(account, body))

    def _amend(self, call: Call) -> Row:
        body = call.body()
        self._limits.write(call.caller.user_id, DEFAULT_COST, shard=_billed(body.get("exchange_index")))
        return self._desk.amend(self._queried(call), call.name, body)

    def _decrease(self, call: Call) -> Row:
        body = call.body()
        shard = _billed(body.get("exchange_index")) if body.get("market_ticker") else body.get("exchange_index") or 0
        self._limits.write(call.caller.user_id, DEFAULT_COST, shard=_billed(shard))
        return self._desk.decrease(self._queried(call), call.name, body)

    def _cancel(self, call: Call) -> Row:
        index, ticker = call.query.number("exchange_index"), call.query.text("market_ticker")
        self._limits.write(call.caller.user_id, _CANCEL_COST, shard=_billed(index if index is not None or ticker else 0))
        return self._desk.cancel(self._queried(call), call.name, index, ticker)

    def _cancel_all(self, call: Call) -> Response:
        self._limits.write(call.caller.user_id, _CANCEL_COST)
        self._desk.cancel_all(self._scope(call))
        return Response(204, b"")

    def _create_batch(self, call: Call) -> Response:
        """Each order on its own; one that fails carries its error and nulls, the others stand."""
        done: list[Row] = []
        for row in self._batch(call, DEFAULT_COST):
            try:
                done.append(self._desk.create(self._members.account(call.caller, row.get("subaccount")), row))
            except ApiError as exc:
                nulls = dict.fromkeys(("fill_count", "remaining_count", "average_fill_price", "average_fee_paid", "ts_ms"))
                done.append({"client_order_id": row.get("client_order_id"), **nulls, "error": error_body(exc)})
        return json_response(201, {"orders": done})

    def _cancel_batch(self, call: Call) -> Row:
        done: list[Row] = []
        for row in self._batch(call, _CANCEL_COST):
            order_id = str(row.get("order_id") or "")
            try:
                account = self._members.account(call.caller, row.get("subaccount"))
                done.append(self._desk.cancel(account, order_id, row.get("exchange_index"), row.get("market_ticker")))
            except ApiError as exc:
                done.append({"order_id": order_id, "reduced_by": "0.00", "ts_ms": None, "error": error_body(exc)})
        return {"orders": done}

    def _batch(self, call: Call, cost: int) -> list[Row]:
        """The items of a batch, billed as one: all of them fit the general bucket or none is looked at."""
        rows = call.body().get("orders")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise ApiError(400, "invalid_parameters", details="orders: must be a list of orders")
        if len(rows) > self._rules.max_batch:
            raise ApiError(400, "invalid_parameters", details=f"orders: at most {self._rules.max_batch}")
        self._limits.write(call.caller.user_id, cost * len(rows))
        return rows

    # ── order groups ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _create_group(self, call: Call) -> Response:
        body = call.body()
        self._limits.write(call.caller.user_id, DEFAULT_COST)
        return json_response(201, self._desk.groups.create(self._members.account(call.caller, body.get("subaccount")), body))

    def _limit_group(self, call: Call) -> Row:
        body = call.body()
        return self._on_group(call, lambda rows: self._desk.groups.limit(rows, call.name, body))

    def _on_group(self, call: Call, act: Callable[[list[Account]], None]) -> Row:
        self._limits.write(call.caller.user_id, DEFAULT_COST)
        act(self._scope(call))
        return {}


def _billed(index: object) -> int | None:
    """The shard whose bucket pays: None = auto-routed, which bills all of them."""
    return index if isinstance(index, int) and index >= 0 else None
