"""Requests of the simulated venue by path: orders, cancels, private reads; the rest goes to its own file.

CLOB at the root, Gamma under /gamma, Data API under /data/v2 (the CLOB's own /data/orders and friends stay where they are).
"""

import json
from collections.abc import Iterable
from typing import Any

from trading.sim.core import Request, Response
from trading.sim.polymarket_auth import EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE
from trading.sim.polymarket_books import reply
from trading.sim.polymarket_data import Json
from trading.sim.polymarket_gamma import Gamma
from trading.sim.polymarket_gate import Gate
from trading.sim.polymarket_keys import Keys
from trading.sim.polymarket_orders import OrderDesk
from trading.sim.polymarket_public import MAX_ALLOWANCE, PublicReads, page, query_one
from trading.sim.polymarket_rows import order_row, placed_row, trade_row
from trading.sim.polymarket_rules import OrderRefused, draft_order
from trading.sim.polymarket_state import ApiKey, ClobOrder, SimState

__all__ = ["Rest", "is_engine_path"]

_MOST_ORDERS = 15
_MOST_CANCELS = 1000
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
    """handle(request) -> Response for every path of the venue."""

    def __init__(self, state: SimState, desk: OrderDesk, gate: Gate, gamma: Gamma) -> None:
        self._state = state
        self._desk = desk
        self._gate = gate
        self._gamma = gamma
        self._keys = Keys(state, desk)
        self._public = PublicReads(state)

    def handle(self, request: Request) -> Response:
        path = request.path
        if path.startswith("/gamma/"):
            kind = path.split("/")[2]
            limited = self._gate.allow_request("gamma", f"gamma {kind}")
            return limited or self._gamma.handle(request, path.removeprefix("/gamma"))
        if path.startswith("/data/v2/"):
            limited = self._gate.allow_request("data", f"data {path.split('/')[3]}")
            return limited or self._public.data_api(request)
        names = ["overall", f"{request.method} {path}"]
        if path.startswith("/auth/"):
            names.append("auth")
        if path in ("/data/orders", "/data/trades") or path.startswith("/data/order/"):
            names.append("ledger")
        limited = self._gate.allow_request(*names)
        if limited is not None:
            return limited
        public = self._public.handle(request)
        if public is not None:
            return public
        if (request.method, path) == ("POST", "/auth/api-key"):
            return self._keys.create(request)
        if (request.method, path) == ("GET", "/auth/derive-api-key"):
            return self._keys.derive(request)
        key = self._keys.l2(request)
        if isinstance(key, Response):
            return key
        if is_engine_path(request):
            return self._place(key, request) if request.method == "POST" else self._cancel(key, request)
        return self._private(key, request)

    # --- orders ------------------------------------------------------------------------------------------------------------

    def _place(self, key: ApiKey, request: Request) -> Response:
        body = _parse(request.body)
        batch = request.path == "/orders"
        if batch and (not isinstance(body, list) or not body):
            return reply({"error": "Invalid order payload"}, 400)
        if batch and len(body) > _MOST_ORDERS:
            return reply({"error": f"Too many orders in payload: {len(body)}, max allowed: {_MOST_ORDERS}"}, 400)
        fault = self._gate.take_fault()
        if fault == "429":
            return reply({"error": "rate limit exceeded", "retry_after_seconds": 1}, 429, {"retry-after": "1"})
        if fault == "425":
            return reply({"error": "Too Early"}, 425, {"retry-after": "5"})
        away = self._gate.engine_away(cancels=False)
        if away is not None:
            return away
        limited, headers = self._gate.spend(key.wallet.account.owner.lower(), "orders", len(body) if batch else 1)
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
        self._desk.place(order)
        return placed_row(order)

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
        cost = len(ids) if request.path in ("/order", "/orders") else 1 + len(ids)
        limited, headers = self._gate.spend(key.wallet.account.owner.lower(), "cancels", cost)
        if limited is not None:
            return limited
        canceled: list[str] = []
        kept: dict[str, str] = {}
        for order_id in dict.fromkeys(ids):
            reason = self._desk.cancel(key.wallet, order_id)
            if reason is None:
                canceled.append(order_id)
            else:
                kept[order_id] = reason
        return reply({"canceled": canceled, "not_canceled": kept}, 200, headers)

    def _to_cancel(self, key: ApiKey, request: Request) -> list[str] | None:
        """The ids a cancel request means, None when its body says nothing."""
        mine = list(key.wallet.orders.values())
        if request.path == "/cancel-all":
            return [order.id for order in mine]
        body = _parse(request.body)
        if request.path == "/orders":
            good = isinstance(body, list) and 0 < len(body) <= _MOST_CANCELS and all(isinstance(item, str) for item in body)
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

    # --- private reads -----------------------------------------------------------------------------------------------------

    def _private(self, key: ApiKey, request: Request) -> Response:
        route = (request.method, request.path)
        if route == ("GET", "/auth/api-keys"):
            return self._keys.listing(key)
        if route == ("DELETE", "/auth/api-key"):
            return self._keys.delete(key)
        if route == ("GET", "/auth/ban-status/closed-only"):
            return reply({"closed_only": key.wallet.closed_only})
        if route == ("POST", "/v1/heartbeats"):
            return self._keys.heartbeat(key, request)
        if request.method == "GET" and request.path.startswith("/data/order/"):
            return self._order(key, request.path.removeprefix("/data/order/"))
        if route == ("GET", "/data/orders"):
            return self._orders(key, request)
        if route == ("GET", "/data/trades"):
            return self._trades(key, request)
        if route in (("GET", "/balance-allowance"), ("GET", "/balance-allowance/update")):
            return self._balance(key, request)
        return reply({"error": "not found"}, 404)

    def _order(self, key: ApiKey, order_id: str) -> Response:
        """Active orders only; a finished one comes back empty or as 404, as seen."""
        order = key.wallet.orders.get(order_id)
        if order is not None:
            return reply(self._order_row(order))
        finished = order_id in self._state.orders and self._state.rng.random() < 0.5
        return reply(None) if finished else reply({"error": "order not found"}, 404)

    def _order_row(self, order: ClobOrder) -> Json:
        return order_row(order, prefix="ORDER_STATUS_" if self._state.rng.random() < 0.5 else "")

    def _orders(self, key: ApiKey, request: Request) -> Response:
        filters = {"id": "id", "market": "market", "asset_id": "asset_id"}
        rows = _filtered((self._order_row(order) for order in key.wallet.orders.values()), request, filters)
        return reply(page(rows, query_one(request, "next_cursor"), self._state.settings.page))

    def _trades(self, key: ApiKey, request: Request) -> Response:
        """The account's trades, newest first. before and after are unix seconds of the match."""
        prefix = "TRADE_STATUS_" if self._state.rng.random() < 0.5 else ""
        mine = [trade for trade in self._state.trades.values() if key.wallet in trade.wallets()]
        rows: Iterable[Json] = (trade_row(trade, key.wallet, prefix=prefix) for trade in reversed(mine))
        rows = _filtered(rows, request, {"id": "id", "market": "market", "asset_id": "asset_id"})
        maker = query_one(request, "maker_address")
        if maker:
            rows = [row for row in rows if _took_part(row, maker.lower())]
        before, after = query_one(request, "before"), query_one(request, "after")
        if before and before.isdecimal():
            rows = [row for row in rows if int(row["match_time"]) < int(before)]
        if after and after.isdecimal():
            rows = [row for row in rows if int(row["match_time"]) > int(after)]
        return reply(page(list(rows), query_one(request, "next_cursor"), self._state.settings.page))

    def _balance(self, key: ApiKey, request: Request) -> Response:
        """Balances in base units. Another signature type is another (empty) wallet; update refreshes a stale cache."""
        wallet = key.wallet
        kind, token = query_one(request, "asset_type"), query_one(request, "token_id")
        own = query_one(request, "signature_type") in (None, *_type_names(wallet.account.signature_type))
        if kind not in ("COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2") or (kind != "COLLATERAL" and not token):
            return reply({"error": "invalid asset type"}, 400)
        if request.path.endswith("/update"):
            if own:
                wallet.cached = None
            return reply({})
        v3 = EXCHANGE_V3.get(self._state.chain_id, EXCHANGE_V3[137])
        spenders = (EXCHANGE, NEG_RISK_EXCHANGE, v3)
        if kind == "COLLATERAL":
            balance, allowance = wallet.visible() if own else (0, 0)
            return reply({"balance": str(balance), "allowances": {spender: str(allowance) for spender in spenders}})
        market = self._state.by_token.get(token or "")
        fits = market is not None and (market.version == "v2") == (kind == "CONDITIONAL-V2")
        shares = wallet.settled(token or "") if own and fits and wallet.cached is None else 0
        return reply({"balance": str(shares), "allowances": dict.fromkeys(spenders, MAX_ALLOWANCE)})


def _type_names(signature_type: int) -> tuple[str, str]:
    return str(signature_type), ("EOA", "POLY_PROXY", "GNOSIS_SAFE", "POLY_1271")[signature_type]


def _filtered(rows: Iterable[Json], request: Request, filters: dict[str, str]) -> list[Json]:
    wanted = [(field, value) for name, field in filters.items() if (value := query_one(request, name))]
    return [row for row in rows if all(row[field] == value for field, value in wanted)]


def _took_part(row: Json, address: str) -> bool:
    parts = [row, *row["maker_orders"]]
    return any(str(part["maker_address"]).lower() == address for part in parts)
