"""Reads of the CLOB that need no key, and the Data API (polymarket.md 3 and 13). Books are of now; positions lag the chain."""

import base64
import json
from typing import Any

from trading.sim.core import Request, Response
from trading.sim.polymarket_auth import EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE
from trading.sim.polymarket_books import (
    book_json,
    clob_market,
    last_price,
    long_market,
    mid,
    quote,
    reply,
    tick_number,
)
from trading.sim.polymarket_data import Json, SimMarket, decimal, own_price, price_text
from trading.sim.polymarket_state import SimState
from trading.sim.polymarket_trades import payout_of
from trading.units import Price

__all__ = ["MAX_ALLOWANCE", "NO_BOOK", "END_CURSOR", "PublicReads", "page", "query_one"]

NO_BOOK = "No orderbook exists for the requested token id"
END_CURSOR = "LTE="
MAX_ALLOWANCE = str((1 << 256) - 1)
_MOST_BOOKS = 500


def query_one(request: Request, name: str) -> str | None:
    return next((value for key, value in request.query if key == name), None)


def page(rows: list[Json], cursor: str | None, size: int) -> Json:
    """One page of rows: cursors are base64 of an offset ("MA==" = 0), the end is "LTE=" (-1)."""
    try:
        start = int(base64.b64decode(cursor or "MA==", validate=True))
    except ValueError:
        start = 0
    part = rows[start : start + size] if start >= 0 else []
    following = start + size
    more = start >= 0 and following < len(rows)
    mark = base64.b64encode(str(following).encode()).decode() if more else END_CURSOR
    return {"limit": size, "count": len(part), "next_cursor": mark, "data": part}


class PublicReads:
    """Answers by path; None means the path is not one of these."""

    def __init__(self, state: SimState) -> None:
        self._state = state

    def handle(self, request: Request) -> Response | None:
        path, method = request.path, request.method
        if method == "GET":
            fixed: dict[str, Any] = {"/time": self._state.seconds(), "/version": {"version": 2}, "/ok": "OK", "/": "OK"}
            if path in fixed:
                return reply(fixed[path])
            head, _, tail = path[1:].partition("/")
            if tail and head in ("markets-by-token", "clob-markets", "markets"):
                return self._market(head, tail)
            if path in ("/markets", "/simplified-markets", "/sampling-markets"):
                rows = [long_market(market) for market in self._state.markets.values()]
                return reply(page(rows, query_one(request, "next_cursor"), 1000))
            if path.startswith("/fees/builder-fees/"):
                return reply({"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0})
            if path in _BY_TOKEN:
                return self._by_token(request, path)
            return None
        return self._batch(request) if path in ("/books", "/prices", "/midpoints", "/spreads") else None

    def _market(self, head: str, tail: str) -> Response:
        if head == "markets-by-token":
            market = self._state.by_token.get(tail)
            if market is None:
                return reply({"error": "market not found"}, 404)
            first, second = market.tokens
            if int(first) > int(second):  # primary is not reliably YES
                first, second = second, first
            return reply({"condition_id": market.id, "primary_token_id": first, "secondary_token_id": second})
        market = self._state.markets.get(tail)
        if market is None:
            return reply({"error": "market not found"}, 404)
        return reply(clob_market(market) if head == "clob-markets" else long_market(market))

    def _by_token(self, request: Request, path: str) -> Response:
        token = query_one(request, "token_id") or ""
        market = self._state.by_token.get(token)
        if market is None:
            return reply({"error": NO_BOOK}, 404)
        outcome = market.index(token)
        if path == "/price":
            side = query_one(request, "side") or ""
            if side not in ("BUY", "SELL"):
                return reply({"error": "Invalid side"}, 400)
            return reply({"price": quote(market, outcome, side)})
        if path in ("/midpoint", "/spread"):
            middle = mid(market, outcome)
            if middle is None:
                return reply({"error": NO_BOOK}, 404)
            return reply({"mid": middle[0]} if path == "/midpoint" else {"spread": middle[1]})
        return reply(self._simple(market, outcome, path))

    def _simple(self, market: SimMarket, outcome: int, path: str) -> Json:
        if path == "/book":
            return book_json(market, outcome, self._state.millis())
        if path == "/tick-size":
            return {"minimum_tick_size": tick_number(market.tick)}
        if path == "/neg-risk":
            return {"neg_risk": market.neg_risk}
        if path == "/fee-rate":
            return {"base_fee": 1000 if market.fee_schedule else 0}
        return {"price": last_price(market, outcome), "side": market.last_side}

    def _batch(self, request: Request) -> Response:
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
            return reply({"error": "Invalid payload"}, 400)
        if len(body) > _MOST_BOOKS:
            return reply({"error": "Payload exceeds the limit"}, 400)
        known = [(item, str(item.get("token_id"))) for item in body if str(item.get("token_id")) in self._state.by_token]
        if request.path == "/books":
            millis = self._state.millis()
            return reply([book_json(m, m.index(t), millis) for m, t in ((self._state.by_token[t], t) for _, t in known)])
        found: dict[str, Any] = {}
        for item, token in known:
            market = self._state.by_token[token]
            outcome = market.index(token)
            if request.path == "/prices":
                side = str(item.get("side"))
                found.setdefault(token, {})[side] = quote(market, outcome, side)
                continue
            middle = mid(market, outcome)
            if middle is not None:
                found[token] = middle[0] if request.path == "/midpoints" else middle[1]
        return reply(found)

    # --- Data API ----------------------------------------------------------------------------------------------------------

    def data_api(self, request: Request) -> Response:
        """/data/v2/positions and /data/v2/approvals of a wallet (its funder address)."""
        user = query_one(request, "user")
        if not user:
            return reply({"error": "required query param 'user' not provided"}, 400)
        if request.path == "/data/v2/positions":
            rows = self._positions(user, (query_one(request, "status") or "OPEN").upper())
            wanted = [value for name, value in request.query if name in ("condition_id", "market")]
            rows = [row for row in rows if not wanted or row["condition_id"] in ",".join(wanted).split(",")]
            limit = query_one(request, "limit") or ""
            size = max(1, min(int(limit), 500)) if limit.isdecimal() and len(limit) < 9 else 100
            block = page(rows, query_one(request, "cursor"), size)
            more = block["next_cursor"] != END_CURSOR
            pages = {"has_more": more, "next_cursor": block["next_cursor"] if more else None}
            return reply({"data": block["data"], "pagination": pages})
        if request.path == "/data/v2/approvals":
            wallet = self._state.wallet_of(user)
            allowance = "0" if wallet is None else str(wallet.allowance)
            spenders = (EXCHANGE, NEG_RISK_EXCHANGE, EXCHANGE_V3.get(self._state.chain_id, EXCHANGE_V3[137]))
            return reply({"data": [{"spender": spender, "token": "pUSD", "allowance": allowance} for spender in spenders]})
        return reply({"error": "not found"}, 404)

    def _positions(self, user: str, status: str) -> list[Json]:
        wallet = self._state.wallet_of(user)
        rows: list[Json] = []
        for token, (shares, cost, fees) in () if wallet is None else wallet.indexed.items():
            market = self._state.by_token[token]
            outcome = market.index(token)
            pays = payout_of(market, outcome)
            both = wallet is not None and wallet.indexed.get(market.tokens[1 - outcome], (0, 0, 0))[0] > 0
            states = {
                "OPEN": shares > 0,
                "CLOSED": shares == 0,
                "REDEEMABLE": shares > 0 and pays is not None,
                "MERGEABLE": shares > 0 and both,
            }
            if not states.get(status, False):
                continue
            now = pays if pays is not None else market.last_price and own_price(outcome, market.last_price)
            rows.append(
                {
                    "proxy_wallet": user,
                    "token_id": token,
                    "condition_id": market.id,
                    "current_size": float(decimal(shares)),
                    "avg_price": cost / shares if shares else 0.0,
                    "entry_cost_usdc": float(decimal(cost)),
                    "entry_fees_usdc": float(decimal(fees)),
                    "current_price": float(price_text(Price(now))) if now is not None else 0.5,
                    "redeemable": states["REDEEMABLE"],
                    "mergeable": states["MERGEABLE"],
                    "negative_risk": market.neg_risk,
                    "outcome": market.outcomes[outcome],
                    "outcome_index": outcome,
                    "opposite_token_id": market.tokens[1 - outcome],
                    "slug": market.raw.get("slug") or "",
                    "event_slug": market.event.get("slug") or "",
                }
            )
        return rows


_BY_TOKEN = frozenset(
    {"/book", "/price", "/midpoint", "/spread", "/tick-size", "/neg-risk", "/fee-rate", "/last-trade-price"},
)
