"""Reads of one account on the CLOB: orders, trades, balances, ban status (polymarket.md 7.1). A session key sees its own.

Statuses come with and without their prefixes, finished orders as nothing or 404, as on the wire.
"""

import json
from collections.abc import Iterable

from trading.sim.core import Request, Response
from trading.sim.polymarket_books import reply
from trading.sim.polymarket_contracts import MAX_UINT256, spenders
from trading.sim.polymarket_data import Json
from trading.sim.polymarket_gate import Gate
from trading.sim.polymarket_public import page, query_one
from trading.sim.polymarket_rows import order_row, trade_row
from trading.sim.polymarket_state import ApiKey, ClobOrder, SimState, Trade

__all__ = ["PrivateReads"]


class PrivateReads:
    """Answers by path; None means the path is not one of these."""

    def __init__(self, state: SimState, gate: Gate) -> None:
        self._state = state
        self._gate = gate

    def handle(self, key: ApiKey, request: Request) -> Response | None:
        route, path = (request.method, request.path), request.path
        if route == ("GET", "/auth/ban-status/closed-only"):
            return reply({"closed_only": key.wallet.closed_only})
        if request.method == "GET" and path.startswith("/data/order/"):
            return self._order(key, path.removeprefix("/data/order/"))
        if route == ("GET", "/data/orders"):
            return self._orders(key, request)
        if route == ("GET", "/data/trades"):
            return self._trades(key, request)
        if route in (("GET", "/balance-allowance"), ("GET", "/balance-allowance/update")):
            return self._balance(key, request)
        if path == "/notifications":
            return self._notifications(key, request)
        if route == ("GET", "/order-scoring"):
            return reply({"scoring": False})  # no rewards are paid here
        if route == ("POST", "/orders-scoring"):
            return self._scoring(request)
        return None

    def _notifications(self, key: ApiKey, request: Request) -> Response:
        """GET lists what was not dropped, newest first; DELETE drops the named ids, all without names."""
        notices = key.wallet.notices
        if request.method == "GET":
            return reply(list(notices.values())[::-1])
        if request.method != "DELETE":
            return reply({"error": "method not allowed"}, 405)
        named = [part for name, value in request.query if name == "ids" for part in value.split(",")]
        for number in [number for number in notices if not named or str(number) in named]:
            del notices[number]
        return reply("OK")

    def _scoring(self, request: Request) -> Response:
        try:
            named = json.loads(request.body)
        except ValueError:
            named = None
        if not isinstance(named, list):
            return reply({"error": "Invalid payload"}, 400)
        return reply({str(order_id): False for order_id in named})

    def _order(self, key: ApiKey, order_id: str) -> Response:
        """Active orders only; a finished one comes back empty or as 404, as seen."""
        order = key.wallet.orders.get(order_id)
        if order is not None and key.sees(order):
            return reply(self._order_row(order))
        finished = order_id in self._state.orders and self._state.rng.random() < 0.5
        return reply(None) if finished else reply({"error": "order not found"}, 404)

    def _order_row(self, order: ClobOrder) -> Json:
        return order_row(order, prefix="ORDER_STATUS_" if self._state.rng.random() < 0.5 else "")

    def _orders(self, key: ApiKey, request: Request) -> Response:
        filters = {"id": "id", "market": "market", "asset_id": "asset_id"}
        mine = (self._order_row(order) for order in key.wallet.orders.values() if key.sees(order))
        rows = _filtered(mine, request, filters)
        return reply(page(rows, query_one(request, "next_cursor"), self._state.settings.page))

    def _trades(self, key: ApiKey, request: Request) -> Response:
        """The account's trades, newest first. before and after are unix seconds of the match."""
        prefix = "TRADE_STATUS_" if self._state.rng.random() < 0.5 else ""
        mine = [trade for trade in self._state.trades.values() if any(key.sees(order) for order in trade.orders())]
        rows: Iterable[Json] = (self._trade_row(trade, key, prefix) for trade in reversed(mine))
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

    def _trade_row(self, trade: Trade, key: ApiKey, prefix: str) -> Json:
        """A trade as listed; before it is broadcast it has a status of its own (7.3)."""
        row = trade_row(trade, key.wallet, prefix=prefix)
        age = self._state.clock.wall_ns() - trade.matched_at
        if trade.status == "MATCHED" and age < self._state.settings.broadcast_ns:
            row["status"] = prefix + "MATCHED_NOT_BROADCASTED"
        return row

    def _balance(self, key: ApiKey, request: Request) -> Response:
        """Balances in base units as the CLOB sees them; update looks again. Another signature type is another, empty wallet."""
        wallet = key.wallet
        kind, token = query_one(request, "asset_type"), query_one(request, "token_id") or ""
        own = query_one(request, "signature_type") in (None, *_type_names(wallet.account.signature_type))
        if kind not in ("COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2") or (kind != "COLLATERAL" and not token):
            return reply({"error": "invalid asset type"}, 400)
        token = "" if kind == "COLLATERAL" else token
        if request.path.endswith("/update"):
            if own:
                wallet.cache.pop(token, None)
            return reply({})
        exchanges = spenders(self._state.chain_id)[:3]
        if kind == "COLLATERAL":
            balance, allowances = wallet.visible_cash() if own else (0, {})
            seen = {each: str(allowances.get(each.lower(), 0)) for each in exchanges}
            return reply({"balance": str(balance), "allowances": seen})
        market = self._state.by_token.get(token)
        fits = own and market is not None and (market.version == "v2") == (kind == "CONDITIONAL-V2")
        shares = wallet.visible_shares(token) if fits else 0
        allowed = {each: str(MAX_UINT256 if fits and market and wallet.may_move(market, each) else 0) for each in exchanges}
        return reply({"balance": str(shares), "allowances": allowed})


def _type_names(signature_type: int) -> tuple[str, str]:
    return str(signature_type), ("EOA", "POLY_PROXY", "GNOSIS_SAFE", "POLY_1271")[signature_type]


def _filtered(rows: Iterable[Json], request: Request, filters: dict[str, str]) -> list[Json]:
    wanted = [(field, value) for name, field in filters.items() if (value := query_one(request, name))]
    return [row for row in rows if all(row[field] == value for field, value in wanted)]


def _took_part(row: Json, address: str) -> bool:
    parts = [row, *row["maker_orders"]]
    return any(str(part["maker_address"]).lower() == address for part in parts)
