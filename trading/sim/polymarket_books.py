"""Books and parameters of a market as the CLOB shows them to everybody (polymarket.md 3).

The one YES book is shown for either token; for outcome 1 it is mirrored. REST lists bids ascending and asks descending: the
best level is the last of each. The hash is the SHA-1 of the compact snapshot with an empty hash field.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from trading.sim.core import Response
from trading.sim.polymarket_data import Json, SimMarket, decimal, own_price, price_text
from trading.units import ONE, Price, Size, complement

__all__ = [
    "best_prices",
    "book_json",
    "clob_market",
    "dump",
    "last_price",
    "levels",
    "long_market",
    "mid",
    "quote",
    "reply",
    "tick_number",
]


def dump(value: Any) -> str:
    """Compact JSON as the venue sends it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(status, dump(value).encode(errors="replace"), {"content-type": "application/json", **(headers or {})})


def levels(market: SimMarket, outcome: int) -> tuple[list[tuple[Price, Size]], list[tuple[Price, Size]]]:
    """(bids, asks) of one token, both ascending in its own price."""
    bids, asks = market.book.levels("bid"), market.book.levels("ask")
    if outcome == 0:
        return bids, asks
    return [(complement(p), s) for p, s in reversed(asks)], [(complement(p), s) for p, s in reversed(bids)]


def best_prices(market: SimMarket, outcome: int) -> tuple[Price | None, Price | None]:
    """(best bid, best ask) of one token."""
    bid, ask = market.book.best("bid"), market.book.best("ask")
    if outcome == 0:
        return bid, ask
    return (None if ask is None else complement(ask)), (None if bid is None else complement(bid))


def tick_number(price: Price) -> float:
    return price / ONE


def last_price(market: SimMarket, outcome: int) -> str:
    """The last trade in a token's own price, "0.5" when there was none."""
    return "0.5" if market.last_price is None else price_text(own_price(outcome, market.last_price))


def quote(market: SimMarket, outcome: int, side: str) -> str:
    """/price: BUY is the best bid, SELL the best ask; "0" when the side is empty."""
    bid, ask = best_prices(market, outcome)
    price = bid if side == "BUY" else ask
    return "0" if price is None else price_text(price)


def mid(market: SimMarket, outcome: int) -> tuple[str, str] | None:
    """(midpoint, spread), None unless both sides are there."""
    bid, ask = best_prices(market, outcome)
    if bid is None or ask is None:
        return None
    return decimal((bid + ask) * 50), decimal((ask - bid) * 100)


def _rows(side: list[tuple[Price, Size]]) -> list[Json]:
    return [{"price": price_text(price), "size": decimal(size)} for price, size in side]


def book_json(market: SimMarket, outcome: int, millis: int) -> Json:
    """The snapshot of one token with its hash."""
    bids, asks = levels(market, outcome)
    book: Json = {
        "market": market.id,
        "asset_id": market.tokens[outcome],
        "timestamp": str(millis),
        "hash": "",
        "bids": _rows(bids),
        "asks": _rows(asks[::-1]),
        "min_order_size": decimal(market.min_size),
        "tick_size": price_text(market.tick),
        "neg_risk": market.neg_risk,
        "last_trade_price": last_price(market, outcome),
    }
    book["hash"] = hashlib.sha1(dump(book).encode(), usedforsecurity=False).hexdigest()
    return book


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def clob_market(market: SimMarket) -> Json:
    """/clob-markets: the compact parameters; keys at their default are left out as on the wire."""
    info: Json = {
        "c": market.id,
        "t": [{"t": token, "o": outcome} for token, outcome in zip(market.tokens, market.outcomes, strict=True)],
        "mts": tick_number(market.tick),
        "mos": _number(decimal(market.min_size)),
        "mbf": 1000,
        "tbf": 1000,
        "ao": market.accepting,
        "aot": market.raw.get("acceptingOrdersTimestamp"),
        "rfqe": bool(market.raw.get("rfqEnabled")),
        "oas": 0,
    }
    if market.neg_risk:
        info["nr"] = True
    if market.fee_schedule is not None:
        schedule = market.fee_schedule
        info["fd"] = {
            "r": schedule.get("rate", 0),
            "e": schedule.get("exponent", 1),
            "to": schedule.get("takerOnly", True),
        }
    if market.hold_ns is None:
        info["itode"] = True
    elif market.hold_ns:
        info["sd"] = _number(decimal(market.hold_ns // 1000))
    if market.raw.get("gameStartTime"):
        info["gst"] = market.raw["gameStartTime"]
    if market.clear_on_start:
        info["cbos"] = True
    return info


def long_market(market: SimMarket) -> Json:
    """/markets/{condition id}: the long form."""
    tokens = [
        {
            "token_id": token,
            "outcome": market.outcomes[outcome],
            "price": _number(last_price(market, outcome)),
            "winner": market.payout is not None and own_price(outcome, market.payout) == ONE,
        }
        for outcome, token in enumerate(market.tokens)
    ]
    return {
        "condition_id": market.id,
        "question_id": market.raw.get("questionID") or "",
        "question": market.raw.get("question") or "",
        "description": market.raw.get("description") or "",
        "market_slug": market.raw.get("slug") or "",
        "tokens": tokens,
        "minimum_order_size": _number(decimal(market.min_size)),
        "minimum_tick_size": tick_number(market.tick),
        "enable_order_book": True,
        "accepting_orders": market.accepting,
        "active": bool(market.raw.get("active", True)),
        "closed": market.payout is not None or bool(market.raw.get("closed")),
        "archived": bool(market.raw.get("archived")),
        "neg_risk": market.neg_risk,
        "seconds_delay": (market.hold_ns or 0) // 1_000_000_000,
        "game_start_time": market.raw.get("gameStartTime"),
        "end_date_iso": market.raw.get("endDate"),
        "is_50_50_outcome": market.payout == ONE // 2,
    }
