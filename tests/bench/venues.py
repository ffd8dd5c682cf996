"""Both venues as far as P2 needs them: streams of books that one frame opens an arbitrage in, orders that fill, their record.

Answers have the venues' shapes (kalshi.md 7 and 9, polymarket.md 7 and 11). Nothing is checked: the simulators do that, and
here every check would be time that is not the client's.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from tests.bench.desk import Game
from tests.bench.kalshi_frames import delta, recorded_shape, snapshot, subscribed
from tests.bench.ladder import Change, Ladder
from tests.bench.loopback import Stream
from trading.market import Market, MarketId
from trading.units import CENT, CONTRACT, Price, Size, format_price, to_dollars

__all__ = ["BARGAIN", "KalshiDesk", "PolymarketDesk"]

Row = dict[str, Any]

BARGAIN = Size(40 * CONTRACT)
"""What the frame that opens the arbitrage offers; a quarter of it is taken."""
_RICH = "10000000.00"


def _bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


_TERMS = {
    "/exchange/schedule": b'{"schedule":{"standard_hours":[],"maintenance_windows":[]}}',
    "/account/limits": b'{"usage_tier":"prestige","read":{"refill_rate":100000,"bucket_capacity":200000},'
    b'"write":{"refill_rate":100000,"bucket_capacity":200000}}',
    "/account/endpoint_costs": b'{"default_cost":10,"endpoint_costs":[]}',
    "/api_keys": b'{"api_keys":[{"api_key_id":"bench","name":"bench","scopes":["read","write"]}],'
    b'"api_key_region_expiration_ts":4102444800}',
}
"""An account whose budget the benchmark cannot use up: it trades more in a second than anybody in an hour."""


class KalshiDesk:
    """One member at Kalshi."""

    def __init__(self, ladders: Mapping[MarketId, Ladder]) -> None:
        self._ladders = ladders
        self._shape, _ = recorded_shape()
        self._seq = 0
        self._orders: dict[str, Row] = {}
        self._stream: Stream | None = None

    def make_room(self, games: Sequence[Game]) -> None:
        """Open a gap of 14 cents in the first market of each game, so that a bargain fits in uncrossed."""
        for game in games:
            ladder = self._ladders[game.first.id]
            ladder.bids = {price: size for price, size in ladder.bids.items() if price <= (game.middle - 12) * CENT}

    def is_order(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/portfolio/events/orders")

    def bargain(self, game: Game, *, on: bool) -> bytes:
        """The frame that offers YES 8 cents below the middle, or takes that back."""
        price, ladder = Price((game.middle - 8) * CENT), self._ladders[game.first.id]
        self._seq += 1
        if on:
            ladder.asks[price] = BARGAIN
        else:
            del ladder.asks[price]
        change = Change("ask", price, BARGAIN if on else Size(0), Size(BARGAIN if on else -BARGAIN))
        return delta(self._shape, game.first.id, self._seq, change)

    def next_seq(self) -> int:
        """Take the next number of the sequence."""
        self._seq += 1
        return self._seq

    @property
    def stream(self) -> Stream:
        assert self._stream is not None, "nobody subscribed to Kalshi's books"
        return self._stream

    def on_text(self, connection: Stream, text: bytes) -> Sequence[bytes]:
        command = json.loads(text)
        params = command.get("params")
        if params is None:
            return []  # asks for a list of its subscriptions: life enough that the socket answers
        if command["cmd"] == "subscribe" and params["channels"] == ["orderbook_delta"]:
            self._stream = connection
            return [subscribed(command["id"]), *self._snapshots(params["market_tickers"])]
        if command["cmd"] == "subscribe":
            body = [{"channel": channel, "sid": 2 + at} for at, channel in enumerate(params["channels"])]
            return [_bytes({"type": "subscribed", "id": command["id"], "msg": msg}) for msg in body]
        return self._snapshots(params["market_tickers"])

    def _snapshots(self, tickers: Sequence[MarketId]) -> list[bytes]:
        first, self._seq = self._seq + 1, self._seq + len(tickers)
        return [snapshot(ticker, first + at, self._ladders[ticker]) for at, ticker in enumerate(tickers)]

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        path, _, query = target.partition("?")
        if method == "POST":
            return 201, _bytes(self._fill(json.loads(body)))
        if path.endswith("/exchange/status"):
            return 200, _bytes({"exchange_active": True, "trading_active": True})
        if (terms := _TERMS.get(path.rpartition("/trade-api/v2")[2])) is not None:
            return 200, terms
        if path.endswith("/portfolio/balance"):
            shard = {"exchange_index": 0, "balance": _RICH}
            return 200, _bytes({"balance_dollars": _RICH, "balance_breakdown": [shard]})
        if path.endswith("/portfolio/fills"):
            order = self._orders[dict(parse_qsl(query))["order_id"]]
            return 200, _bytes({"fills": [order["fill"]], "cursor": ""})
        order = self._orders.get(path.rpartition("/")[2], {})
        return (200, _bytes({"order": order["row"]})) if order else (404, _bytes({"error": {"code": "not_found"}}))

    def _fill(self, order: Row) -> Row:
        """Fill an order whole at its limit."""
        name = f"00000000-0000-4000-8000-{len(self._orders):012d}"
        count = order["count"]
        row = {
            "order_id": name,
            "client_order_id": order["client_order_id"],
            "ticker": order["ticker"],
            "status": "executed",
            "fill_count_fp": count,
            "remaining_count_fp": "0.00",
        }
        fill = {
            "fill_id": name,
            "order_id": name,
            "ticker": order["ticker"],
            "count_fp": count,
            "yes_price_dollars": order["price"],
            "is_taker": True,
            "fee_cost": "0.1700",
        }
        self._orders[name] = {"row": row, "fill": fill}
        return {
            "order_id": name,
            "client_order_id": order["client_order_id"],
            "fill_count": count,
            "remaining_count": "0.00",
            "average_fill_price": order["price"],
            "average_fee_paid": "0.0170",
        }


class PolymarketDesk:
    """One customer at Polymarket."""

    def __init__(self, markets: Iterable[Market], ladders: Mapping[MarketId, Ladder]) -> None:
        self._ladders = ladders
        self._by_token = {token: market for market in markets for token in market.tokens}
        self._trades: dict[str, Row] = {}
        self._stream: Stream | None = None
        self._count = 0

    def is_order(self, method: str, path: str) -> bool:
        return method == "POST" and path == "/order"

    @property
    def stream(self) -> Stream:
        assert self._stream is not None, "nobody subscribed to Polymarket's books"
        return self._stream

    def nudge(self, game: Game) -> bytes:
        """A change of the deepest bid, which proves the book and ends the wait for our own fill to show (B-441)."""
        ladder = self._ladders[game.other.id]
        price = min(ladder.bids)
        ladder.bids[price] = Size(ladder.bids[price] + CONTRACT)
        change = {
            "asset_id": game.other.tokens[0],
            "price": format_price(price),
            "size": to_dollars(ladder.bids[price]),
            "side": "BUY",
            "best_bid": format_price(max(ladder.bids)),
            "best_ask": format_price(min(ladder.asks)),
        }
        return _bytes({"event_type": "price_change", "market": game.other.id, "price_changes": [change], "timestamp": ""})

    def on_text(self, connection: Stream, text: bytes) -> Sequence[bytes]:
        if text == b"PING":
            return [b"PONG"]
        if not connection.path.endswith("/market"):
            return []
        self._stream = connection
        tokens = json.loads(text).get("assets_ids", ())
        return [self._book(token) for token in tokens if self._by_token[token].tokens[0] == token]

    def _book(self, token: str) -> bytes:
        market = self._by_token[token]
        ladder = self._ladders[market.id]
        bids, asks = (
            [{"price": format_price(price), "size": to_dollars(size)} for price, size in side.items()]
            for side in (ladder.bids, ladder.asks)
        )
        frame = {"event_type": "book", "market": market.id, "asset_id": token, "bids": bids, "asks": asks, "timestamp": "1"}
        return _bytes(frame)

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        path, _, query = target.partition("?")
        if path == "/order":
            return 200, _bytes(self._match(json.loads(body)["order"]))
        if path == "/time":
            return 200, b"1790000000"
        if path == "/books":
            return 200, b"[]"  # a sample of nothing proves nothing; the frames do
        if path == "/balance-allowance":
            return 200, _bytes({"balance": "10000000000000"})
        if path == "/data/trades":
            trade = self._trades.get(dict(parse_qsl(query))["market"])
            return 200, _bytes({"data": [trade] if trade else [], "next_cursor": "LTE="})
        if path == "/data/orders":
            return 200, _bytes({"data": [], "next_cursor": "LTE="})
        return 404, _bytes({"error": "not found"})

    def _match(self, order: Row) -> Row:
        """Match a buy whole at its limit, confirmed at once."""
        self._count += 1
        name, trade = f"0x{self._count:064x}", f"trade-{self._count}"
        cash, shares = int(order["makerAmount"]), int(order["takerAmount"])
        price, size = f"{cash / shares:.2f}", to_dollars(Size(shares))
        market = self._by_token[order["tokenId"]].id
        maker = {"order_id": "0xmaker", "asset_id": order["tokenId"], "matched_amount": size, "price": price}
        self._trades[market] = {
            "id": trade,
            "market": market,
            "asset_id": order["tokenId"],
            "taker_order_id": name,
            "side": order["side"],
            "size": size,
            "price": price,
            "status": "CONFIRMED",
            "match_time": str(int(order["timestamp"]) // 1000),
            "maker_orders": [maker],
            "trader_side": "TAKER",
        }
        return {
            "success": True,
            "errorMsg": "",
            "orderID": name,
            "status": "matched",
            "makingAmount": f"{cash / 1e6:.6f}",
            "takingAmount": f"{shares / 1e6:.6f}",
            "tradeIDs": [trade],
            "transactionsHashes": [f"0x{self._count:064x}"],
        }
