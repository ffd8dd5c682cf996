"""Reads of the CLOB that need no key (polymarket.md 3)."""

import base64
import json
from typing import Any

from trading.sim.core import Request, Response
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
from trading.sim.polymarket_data import Json, SimMarket, price_text
from trading.sim.polymarket_history import points
from trading.sim.polymarket_rows import builder_trade_row
from trading.sim.polymarket_state import SimState

__all__ = ["NO_BOOK", "END_CURSOR", "PublicReads", "page", "query_one"]

NO_BOOK = "No orderbook exists for the requested token id"
END_CURSOR = "LTE="
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
            if path in ("/markets", "/simplified-markets", "/sampling-markets", "/sampling-simplified-markets"):
                rows = [long_market(market) for market in self._state.markets.values()]
                rows = [{name: row[name] for name in _SIMPLE} for row in rows] if "simplified" in path else rows
                return reply(page(rows, query_one(request, "next_cursor"), 1000))
            if path.startswith("/fees/builder-fees/"):
                maker, taker = self._state.builders.get(path.removeprefix("/fees/builder-fees/").lower(), (0, 0))
                return reply({"builder_maker_fee_rate_bps": maker, "builder_taker_fee_rate_bps": taker})
            if path == "/builder/trades":
                return self._builder_trades(request)
            if path == "/prices-history":
                return self._history(request)
            if path in _BY_TOKEN:
                return self._by_token(request, path)
            return None
        return self._batch(request) if path in _BATCHES else None

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
        if request.path == "/last-trades-prices":
            seen = [(self._state.by_token[token], token) for _, token in known]
            traded = [(market, token) for market, token in seen if market.last_side]
            return reply(
                [{"token_id": t, "price": last_price(m, m.index(t)), "side": m.last_side} for m, t in traded],
            )
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

    def _history(self, request: Request) -> Response:
        token = query_one(request, "market") or ""
        market = self._state.by_token.get(token)
        if market is None:
            return reply({"error": NO_BOOK}, 404)
        window = (query_one(request, "interval"), query_one(request, "startTs"), query_one(request, "endTs"))
        if not any(window):
            return reply({"error": "interval or startTs is required"}, 400)
        asked = query_one(request, "fidelity") or "1"
        fidelity = int(asked) if asked.isdecimal() and len(asked) < 9 else 1
        found = points(market, market.index(token), self._state.seconds(), window, fidelity)
        return reply({"history": [{"t": second, "p": float(price_text(price))} for second, price in found]})

    def _builder_trades(self, request: Request) -> Response:
        """Trades whose taker named a builder's code."""
        code = (query_one(request, "builder_code") or "").lower()
        rows = [
            builder_trade_row(trade, trade.taker)
            for trade in self._state.trades.values()
            if trade.taker is not None and code and trade.taker.builder == code
        ]
        return reply(page(rows, query_one(request, "next_cursor"), 100))


_SIMPLE = ("condition_id", "tokens", "active", "closed", "archived", "accepting_orders")
_BATCHES = frozenset({"/books", "/prices", "/midpoints", "/spreads", "/last-trades-prices"})
_BY_TOKEN = frozenset(
    {"/book", "/price", "/midpoint", "/spread", "/tick-size", "/neg-risk", "/fee-rate", "/last-trade-price"},
)
