"""The simulated Kalshi's REST front: route, authenticate, bill tokens, call, word the answer (kalshi.md 2, 3, 7, 10).

The order of checks is the order in which a caller learns of them: path, armed fault, key, scope, tokens, then the request.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from trading.sim.core import Request, Response
from trading.sim.kalshi_auth import Caller, Gatekeeper
from trading.sim.kalshi_data import ApiError, FailKind, KalshiRules, error_body, json_response
from trading.sim.kalshi_limits import DEFAULT_COST, RateLimits
from trading.sim.kalshi_money import Account
from trading.sim.kalshi_orders import OrderDesk
from trading.sim.kalshi_portfolio import Portfolio
from trading.sim.kalshi_public import PublicData
from trading.sim.kalshi_query import Query

__all__ = ["RestApi"]

Row = dict[str, Any]

_PREFIX = "/trade-api/v2"
_ORDERS = "/portfolio/events/orders"


@dataclass(frozen=True, slots=True)
class _Call:
    """One request on its way to a handler. name is what stood at {} in the path."""

    request: Request
    query: Query
    name: str = ""
    user: tuple[Caller, Account] | None = None

    @property
    def account(self) -> Account:
        assert self.user is not None  # the router authenticates every route that asks for it
        return self.user[1]

    @property
    def caller(self) -> Caller:
        assert self.user is not None  # see account
        return self.user[0]

    def body(self) -> Row:
        """The JSON object sent. Raises ApiError 400."""
        try:
            return msgspec.json.decode(self.request.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise ApiError(400, "invalid_parameters", "invalid request body", str(exc)) from exc


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    handler: Callable[[_Call], Response]
    scopes: tuple[str, ...]
    """Any of these; none = public."""
    write: bool


class RestApi:
    """handle() answers one request and never raises. Writes may be made to fail by fail_next."""

    def __init__(
        self,
        gate: Gatekeeper,
        limits: RateLimits,
        rules: KalshiRules,
        accounts: Mapping[str, Account],
        public: PublicData,
        portfolio: Portfolio,
        desk: OrderDesk,
    ) -> None:
        self._gate = gate
        self._limits = limits
        self._rules = rules
        self._accounts = accounts
        self._public = public
        self._portfolio = portfolio
        self._desk = desk
        self.faults: deque[FailKind] = deque()
        self._routes = tuple(self._table())

    def handle(self, request: Request) -> Response:
        try:
            return self._handle(request)
        except ApiError as exc:
            return exc.response()

    def _handle(self, request: Request) -> Response:
        route, name = self._find(request)
        if route.write and self.faults and self.faults[0] in ("429", "503"):
            status = int(self.faults.popleft())
            raise ApiError(status, "too_many_requests" if status == 429 else "service_unavailable")
        user: tuple[Caller, Account] | None = None
        if route.scopes:
            caller = self._gate.caller(request)
            caller.require(*route.scopes)
            user = caller, self._accounts[caller.user_id]
        scope = f"{request.path} {user[0].user_id if user else ''}"
        response = route.handler(_Call(request, Query(scope, request.query), name, user))
        if route.write and self.faults and response.status < 300:
            if self.faults.popleft() == "drop_after_accept":
                return Response(response.status, b"", drop=True)
            return ApiError(500, "internal_server_error").response()
        return response

    def _find(self, request: Request) -> tuple[_Route, str]:
        path = request.path.removeprefix(_PREFIX)
        if path != request.path:
            known = False
            for route in self._routes:
                match = route.pattern.fullmatch(path)
                if match is not None:
                    known = True
                    if route.method == request.method:
                        return route, unquote(match.group(1)) if match.groups() else ""
            if path.startswith("/portfolio/orders") and request.method != "GET":  # legacy order writes (kalshi.md 7.7)
                raise ApiError(410, "deprecated_v1_order_endpoint", "this endpoint was removed, use /portfolio/events/orders")
            if known:
                raise ApiError(405, "method_not_allowed")
        raise ApiError(404, "not_found", details=request.path)

    def _table(self) -> list[_Route]:
        public, reads = self._public, self._portfolio

        def get(path: str, answer: Callable[[_Call], Row], *scopes: str, cost: int = DEFAULT_COST) -> _Route:
            def handler(call: _Call) -> Response:
                if call.user is not None and cost:
                    self._limits.read(call.caller.user_id, cost)
                return json_response(200, answer(call))

            return _Route("GET", _compile(path), handler, scopes, False)

        def write(method: str, path: str, handler: Callable[[_Call], Response]) -> _Route:
            return _Route(method, _compile(_ORDERS + path), handler, ("write::trade",), True)

        return [
            get("/exchange/status", lambda call: public.status()),
            get("/exchange/schedule", lambda call: public.schedule()),
            get("/exchange/user_data_timestamp", lambda call: {"as_of_time": reads.as_of()}),
            get("/series/fee_changes", lambda call: public.fee_change_list(call.query)),
            get("/series", lambda call: public.series_list(call.query)),
            get("/series/{}", lambda call: public.series_one(call.name)),
            get("/events", lambda call: public.events(call.query)),
            get("/events/{}", lambda call: public.event_one(call.name, call.query)),
            get("/markets", lambda call: public.markets(call.query)),
            get("/markets/orderbooks", lambda call: public.orderbooks(call.query)),
            get("/markets/trades", lambda call: public.trades(call.query)),
            get("/markets/{}", lambda call: public.market_one(call.name)),
            get("/markets/{}/orderbook", lambda call: public.orderbook(call.name, call.query)),
            get("/milestones", lambda call: public.milestones(call.query)),
            get("/account/endpoint_costs", lambda call: public.endpoint_costs()),
            get("/account/limits", self._account_limits, "read"),
            get("/api_keys", self._api_keys, "read"),
            get("/portfolio/balance", self._balance, "read", "read::portfolio_balance", cost=0),
            get("/portfolio/positions", lambda call: reads.positions(call.account, call.query), "read"),
            get("/portfolio/orders", lambda call: reads.orders(call.account, call.query), "read"),
            get("/portfolio/orders/{}", self._order, "read", cost=2),
            get("/portfolio/fills", lambda call: reads.fills(call.account, call.query), "read"),
            get("/portfolio/settlements", lambda call: reads.settlements(call.account, call.query), "read"),
            write("POST", "", self._create),
            write("DELETE", "", self._cancel_all),
            write("POST", "/batched", self._create_batch),
            write("DELETE", "/batched", self._cancel_batch),
            write("DELETE", "/{}", self._cancel),
            write("POST", "/{}/amend", self._amend),
            write("POST", "/{}/decrease", self._decrease),
        ]

    # ── reads with a key ─────────────────────────────────────────────────────────────────────────────────────────────

    def _account_limits(self, call: _Call) -> Row:
        rules = self._rules
        return {
            "usage_tier": "basic",
            "read": {"refill_rate": rules.read_rate, "bucket_capacity": rules.read_capacity},
            "write": {"refill_rate": rules.write_rate, "bucket_capacity": rules.write_capacity},
            "grants": [],
        }

    def _api_keys(self, call: _Call) -> Row:
        keys = self._gate.keys_of(call.caller.user_id)
        rows = [{"api_key_id": key.key_id, "name": key.key_id, "scopes": sorted(key.scopes)} for key in keys]
        answer: Row = {"api_keys": rows}
        if call.account.member.attested_until is not None:
            answer["api_key_region_expiration_ts"] = call.account.member.attested_until
        return answer

    def _balance(self, call: _Call) -> Row:
        self._limits.balance(call.caller.user_id)
        return self._portfolio.balance(call.account, call.query)

    def _order(self, call: _Call) -> Row:
        order = self._portfolio.order(call.account, call.name)
        if order is None:
            raise ApiError(404, "order_not_found", details=call.name)
        return {"order": order}

    # ── order writes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _create(self, call: _Call) -> Response:
        body = call.body()
        self._limits.write(call.caller.user_id, DEFAULT_COST, shard=_billed(body.get("exchange_index")))
        return json_response(201, self._desk.create(call.account, body))

    def _amend(self, call: _Call) -> Response:
        body = call.body()
        self._limits.write(call.caller.user_id, DEFAULT_COST, shard=_billed(body.get("exchange_index")))
        return json_response(200, self._desk.amend(call.account, call.name, body))

    def _decrease(self, call: _Call) -> Response:
        body = call.body()
        shard = _billed(body.get("exchange_index")) if body.get("market_ticker") else body.get("exchange_index") or 0
        self._limits.write(call.caller.user_id, DEFAULT_COST, shard=_billed(shard))
        return json_response(200, self._desk.decrease(call.account, call.name, body))

    def _cancel(self, call: _Call) -> Response:
        index, ticker = call.query.number("exchange_index"), call.query.text("market_ticker")
        self._limits.write(call.caller.user_id, 2, shard=_billed(index if index is not None or ticker else 0))
        return json_response(200, self._desk.cancel(call.account, call.name, index, ticker))

    def _cancel_all(self, call: _Call) -> Response:
        self._limits.write(call.caller.user_id, 2)
        self._desk.cancel_all(call.account)
        return Response(204, b"")

    def _create_batch(self, call: _Call) -> Response:
        """Each order on its own; one that fails carries its error and nulls, the others stand."""
        rows = self._batch(call, DEFAULT_COST)
        done: list[Row] = []
        for row in rows:
            try:
                done.append(self._desk.create(call.account, row))
            except ApiError as exc:
                done.append({"client_order_id": row.get("client_order_id"), "error": error_body(exc)})
        return json_response(201, {"orders": done})

    def _cancel_batch(self, call: _Call) -> Response:
        rows = self._batch(call, 2)
        done: list[Row] = []
        for row in rows:
            order_id = str(row.get("order_id") or "")
            try:
                done.append(self._desk.cancel(call.account, order_id, row.get("exchange_index"), row.get("market_ticker")))
            except ApiError as exc:
                done.append({"order_id": order_id, "reduced_by": "0.00", "error": error_body(exc)})
        return json_response(200, {"orders": done})

    def _batch(self, call: _Call, cost: int) -> list[Row]:
        """The items of a batch, billed as one: all of them fit the general bucket or none is looked at."""
        rows = call.body().get("orders")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise ApiError(400, "invalid_parameters", details="orders: must be a list of orders")
        if len(rows) > self._rules.max_batch:
            raise ApiError(400, "invalid_parameters", details=f"orders: at most {self._rules.max_batch}")
        self._limits.write(call.caller.user_id, cost * len(rows))
        return rows


def _billed(index: object) -> int | None:
    """The shard whose bucket pays: None = auto-routed, which bills all of them."""
    return index if isinstance(index, int) and index >= 0 else None


def _compile(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\{\}", "([^/]+)"))
