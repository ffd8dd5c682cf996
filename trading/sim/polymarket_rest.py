"""Requests of the simulated venue by path: orders and cancels here; everything else goes to its own file.

CLOB at the root, Gamma under /gamma, Data API under /data/v2 (the CLOB's own /data/orders and friends stay where they are), the
relayer under /relayer, the geoblock check at /api/geoblock.
"""

import json
from typing import Any

from trading.sim.core import Request, Response
from trading.sim.polymarket_books import reply
from trading.sim.polymarket_data import Json
from trading.sim.polymarket_gamma import Gamma
from trading.sim.polymarket_gate import Gate
from trading.sim.polymarket_keys import Keys
from trading.sim.polymarket_orders import OrderDesk
from trading.sim.polymarket_portfolio import Portfolio
from trading.sim.polymarket_private import PrivateReads
from trading.sim.polymarket_public import PublicReads
from trading.sim.polymarket_relayer import Relayer
from trading.sim.polymarket_rows import placed_row
from trading.sim.polymarket_rules import OrderRefused, draft_order
from trading.sim.polymarket_state import ApiKey, SimState

__all__ = ["Rest", "is_engine_path"]

_MOST_ORDERS = 15
_BLOCKED = "Trading restricted in your region, please refer to available regions"
_ENGINE = frozenset(
    {
        ("POST", "/order"),
        ("POST", "/orders"),
        ("DELETE", "/order"),
        ("DELETE", "/orders"),
        ("DELETE", "/cancel-all"),
        ("DELETE", "/cancel-market-orders"),
    }
)


def is_engine_path(request: Request) -> bool:
    """Whether a request reaches the matching engine."""
    return (request.method, request.path) in _ENGINE


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


class Rest:
    """handle(request) -> Response for every path of the venue. waited names orders whose hold is over before they arrive."""

    def __init__(
        self, state: SimState, desk: OrderDesk, gate: Gate, gamma: Gamma, keys: Keys, portfolio: Portfolio, relayer: Relayer
    ) -> None:
        self._state = state
        self._desk = desk
        self._gate = gate
        self._gamma = gamma
        self._keys = keys
        self._portfolio = portfolio
        self._relayer = relayer
        self._public = PublicReads(state)
        self._private = PrivateReads(state, gate)
        self.waited: set[str] = set()

    def handle(self, request: Request) -> Response:
        path = request.path
        if request.method == "GET":
            fault = self._gate.read_fault()
            if fault is not None:
                return fault
        if path.startswith("/gamma/"):
            kind = path.split("/")[2]
            lists = ("gamma lists",) if kind in ("events", "markets") else ()
            limited = self._gate.allow_request("gamma", f"gamma {kind}", *lists)
            return limited or self._gamma.handle(request, path.removeprefix("/gamma"))
        if path.startswith("/data/v2/"):
            limited = self._gate.allow_request("data", f"data {path.split('/')[3]}")
            return limited or self._portfolio.handle(request, path.removeprefix("/data"))
        if path.startswith("/relayer/"):
            return self._relayer.handle(request, path.removeprefix("/relayer"))
        if path == "/api/geoblock":
            blocked = self._state.settings.blocked_region
            where = {"country": "US", "region": "NY"} if blocked else {"country": "IE", "region": "L"}
            return reply({"blocked": blocked, "ip": "127.0.0.1", **where})
        names = ["overall", f"{request.method} {path}"]
        if path.startswith("/auth/"):
            names.append("auth")
        if path in ("/data/orders", "/data/trades", "/notifications") or path.startswith("/data/order/"):
            names.append("ledger")
        limited = self._gate.allow_request(*names)
        return limited or self._clob(request)

    def _clob(self, request: Request) -> Response:
        public = self._public.handle(request)
        if public is not None:
            return public
        route = (request.method, request.path)
        if route == ("POST", "/auth/api-key"):
            return self._keys.create(request)
        if route == ("GET", "/auth/derive-api-key"):
            return self._keys.derive(request)
        if route == ("DELETE", "/auth/builder-api-key"):
            return self._keys.revoke_builder(request)
        key = self._keys.l2(request)
        if isinstance(key, Response):
            return key
        if is_engine_path(request):
            return self._place(key, request) if request.method == "POST" else self._cancel(key, request)
        return self._private.handle(key, request) or self._account(key, request)

    def _account(self, key: ApiKey, request: Request) -> Response:
        """Keys and the heartbeat."""
        route, path = (request.method, request.path), request.path
        if route == ("POST", "/v1/heartbeats"):
            return self._keys.heartbeat(key, request)
        if route == ("GET", "/auth/api-keys"):
            return self._keys.listing(key)
        if route == ("DELETE", "/auth/api-key"):
            return self._keys.delete(key)
        if route == ("GET", "/v1/user/session-signers"):
            return self._keys.sessions(key)
        if path == "/auth/builder-api-key":
            return self._keys.builder_keys(key, request.method)
        if path in ("/auth/readonly-api-key", "/auth/readonly-api-keys"):
            return self._keys.readonly_keys(key, request.method, request.body)
        return reply({"error": "not found"}, 404)

    # --- orders ------------------------------------------------------------------------------------------------------------

    def _place(self, key: ApiKey, request: Request) -> Response:
        body = _parse(request.body)
        batch = request.path == "/orders"
        if batch and (not isinstance(body, list) or not body):
            return reply({"error": "Invalid order payload"}, 400)
        if batch and len(body) > _MOST_ORDERS:
            return reply({"error": f"Too many orders in payload: {len(body)}, max allowed: {_MOST_ORDERS}"}, 400)
        if self._state.settings.blocked_region:
            return reply({"error": _BLOCKED}, 403)
        fault = self._gate.take_fault()
        early = self._gate.early_fault(fault) or self._gate.engine_away(cancels=False)
        if early is not None:
            return early
        limited, headers = self._gate.spend(key.address, "orders", len(body) if batch else 1)
        if limited is not None:
            return limited
        answer = reply([self._leg(key, leg) for leg in body], 200, headers) if batch else self._single(key, body, headers)
        if fault == "drop_after_accept":
            return Response(0, b"", drop=True)
        if fault == "500_after_accept":
            return reply({"error": "could not insert order"}, 500)
        return answer

    def _accept(self, key: ApiKey, body: Any) -> Json:
        order = draft_order(self._state, key, body)
        waited = order.id in self.waited
        self.waited.discard(order.id)
        self._desk.place(order, held_already=waited)
        hashes = [self._state.trades[trade].hash for trade in order.trades]
        return placed_row(order, [each for each in hashes if each], waited=waited)

    def held_first(self, request: Request) -> int:
        """How long a blocking hold keeps the answer to one order waiting; the order then arrives with its hold behind it."""
        key = self._keys.l2(request)
        if (request.method, request.path) != ("POST", "/order") or isinstance(key, Response):
            return 0
        try:
            order = draft_order(self._state, key, _parse(request.body))
        except OrderRefused:
            return 0
        hold = self._desk.hold(order)
        if hold:
            self.waited.add(order.id)
        return hold

    def _blocked(self, body: Any) -> Json | None:
        """The post-only error for an order that is not post-only."""
        closed = self._gate.post_only_error()
        return None if closed is None or (isinstance(body, dict) and body.get("postOnly") is True) else closed

    def _single(self, key: ApiKey, body: Any, headers: dict[str, str]) -> Response:
        blocked = self._blocked(body)
        if blocked is not None:
            return reply(blocked, 503, {**headers, "retry-after": str(blocked["retry_after_seconds"])})
        try:
            return reply(self._accept(key, body), 200, headers)
        except OrderRefused as refused:
            return reply({"error": refused.text}, refused.status, headers)

    def _leg(self, key: ApiKey, body: Any) -> Json:
        """One leg of a batch: a refusal is success:true with the reason in errorMsg and no order id (7.1)."""
        blocked = self._blocked(body)
        text = blocked["error"] if blocked is not None else ""
        if not text:
            try:
                return self._accept(key, body)
            except OrderRefused as refused:
                text = refused.text
        empty: Json = {"orderID": "", "status": "", "makingAmount": "", "takingAmount": ""}
        return {"success": True, "errorMsg": text, **empty, "tradeIDs": [], "transactionsHashes": []}

    # --- cancels -----------------------------------------------------------------------------------------------------------

    def _cancel(self, key: ApiKey, request: Request) -> Response:
        away = self._gate.engine_away(cancels=True)
        if away is not None:
            return away
        ids = self._to_cancel(key, request)
        if ids is None:
            return reply({"error": "Invalid order payload"}, 400)
        most = self._state.settings.most_cancels
        if request.path == "/orders" and len(ids) > most:
            return reply({"error": f"Too many orders in payload: {len(ids)}, max allowed: {most}"}, 400)
        cost = len(ids) if request.path in ("/order", "/orders") else 1 + len(ids)
        limited, headers = self._gate.spend(key.address, "cancels", cost)
        if limited is not None:
            return limited
        canceled: list[str] = []
        kept: dict[str, str] = {}
        for order_id in dict.fromkeys(ids):
            reason = self._desk.cancel(key, order_id)
            if reason is None:
                canceled.append(order_id)
            else:
                kept[order_id] = reason
        return reply({"canceled": canceled, "not_canceled": kept}, 200, headers)

    def _to_cancel(self, key: ApiKey, request: Request) -> list[str] | None:
        """The ids a cancel request means, None when its body says nothing."""
        mine = [order for order in key.wallet.orders.values() if key.sees(order)]
        if request.path == "/cancel-all":
            return [order.id for order in mine]
        body = _parse(request.body)
        if request.path == "/orders":
            good = isinstance(body, list) and body and all(isinstance(item, str) for item in body)
            return body if good else None
        if not isinstance(body, dict):
            return None
        if request.path == "/order":
            order_id = body.get("orderID")
            return [order_id] if isinstance(order_id, str) and order_id else None
        market, asset = body.get("market"), body.get("asset_id")
        if not market and not asset:
            return None
        return [o.id for o in mine if (not market or o.market.id == market) and (not asset or o.token == asset)]
