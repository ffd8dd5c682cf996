"""Both venues' streams in a process of their own, at a steady rate: python -m tests.bench.soak_venue GAMES RATE SECONDS.

It writes all frames first, prints its two ports, waits for a line on stdin, sends frames of the recorded kinds, prints what it
sent, and then every book as it stands. All books live all the time; no two hold an arbitrage.
"""

import asyncio
import copy
import gc
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.bench.desk import Game, make_games
from tests.bench.kalshi_frames import delta, recorded_shape, snapshot
from tests.bench.ladder import Change, Ladder
from tests.bench.loopback import Orders, Stream, serve, text_frame
from tests.bench.venues import KalshiDesk, PolymarketDesk
from trading.clock import SystemClock
from trading.market import MarketId
from trading.units import ONE, Price, Size, format_price, to_dollars

__all__ = ["make_ladders"]

_KALSHI = frozenset({"delta", "snapshot"})
_BEAT_S = 0.002
_MARK = 987_654_321_987
"""Stands for a sequence number until the frame goes out."""
_SHARES = (("delta", 0.62), ("price_change", 0.24), ("best_bid_ask", 0.12), ("snapshot", 0.01), ("book", 0.01))
"""Of a hundred frames: as recorded, 126 deltas beside the snapshots of a dozen books, four changes to two best prices."""


def make_ladders(games: Sequence[Game]) -> dict[MarketId, Ladder]:
    """Every market's book before the first frame."""
    chance = random.Random(7)
    ladders: dict[MarketId, Ladder] = {}
    for game in games:
        for market, middle in ((game.first, game.middle), (game.second, 100 - game.middle), (game.other, game.middle)):
            ladders[market.id] = Ladder(middle, chance)
    return ladders


class _Ready(NamedTuple):
    """A frame written beforehand, and the change it tells."""

    kind: str
    market: MarketId
    head: bytes
    tail: bytes
    change: Change | None


class _Kalshi:
    """Each socket is a subscription with a sequence of its own."""

    def __init__(self, ladders: dict[MarketId, Ladder]) -> None:
        self._ladders = ladders
        self._shape, _ = recorded_shape()
        self._desks: dict[Stream, KalshiDesk] = {}
        self._rest = KalshiDesk(ladders)
        self.home: dict[MarketId, Stream] = {}
        self.is_order, self.answer = self._rest.is_order, self._rest.answer

    def on_text(self, connection: Stream, text: bytes) -> Sequence[bytes]:
        desk = self._desks.setdefault(connection, KalshiDesk(self._ladders))
        for ticker in json.loads(text).get("params", {}).get("market_tickers", ()):
            self.home[ticker] = connection
        return desk.on_text(connection, text)

    def write(self, kind: str, ticker: MarketId, ladder: Ladder) -> _Ready:
        """A frame without its number, which only the socket knows."""
        change = ladder.step() if kind == "delta" else None
        data = snapshot(ticker, _MARK, ladder) if change is None else delta(self._shape, ticker, _MARK, change)
        head, _, tail = data.partition(str(_MARK).encode())
        return _Ready(kind, ticker, head, tail, change)

    def frame(self, ready: _Ready) -> bytes:
        return b"%b%d%b" % (ready.head, self._desks[self.home[ready.market]].next_seq(), ready.tail)


class _Polymarket:
    """Changes name both tokens of a market and the best prices after them."""

    def __init__(self, games: Sequence[Game], ladders: dict[MarketId, Ladder]) -> None:
        self._desk = PolymarketDesk([game.other for game in games], ladders)
        self._tokens = {game.other.id: game.other.tokens for game in games}
        self._markets = {tokens[0]: market for market, tokens in self._tokens.items()}
        self.home: dict[MarketId, Stream] = {}
        self.is_order, self.answer = self._desk.is_order, self._desk.answer
        self._stamp = time.time_ns() // 1_000_000

    def on_text(self, connection: Stream, text: bytes) -> Sequence[bytes]:
        if text != b"PING" and connection.path.endswith("/market"):
            for token in json.loads(text).get("assets_ids", ()):
                if token in self._markets:
                    self.home[self._markets[token]] = connection
        return self._desk.on_text(connection, text)

    def frame(self, ready: _Ready) -> bytes:
        return ready.head

    def write(self, kind: str, market: MarketId, ladder: Ladder) -> _Ready:
        tokens, change = self._tokens[market], None
        self._stamp += 1
        body: dict[str, Any] = {"event_type": kind, "market": market, "timestamp": str(self._stamp)}
        if kind == "price_change":
            change = ladder.step()
            body["price_changes"] = [
                {
                    "asset_id": token,
                    "price": format_price(change.price if token == tokens[0] else Price(ONE - change.price)),
                    "size": to_dollars(change.size),
                    "side": "BUY" if (change.side == "bid") is (token == tokens[0]) else "SELL",
                    **self._bests(ladder, mirrored=token == tokens[1]),
                }
                for token in tokens
            ]
        elif kind == "best_bid_ask":
            body |= {"asset_id": tokens[0], **self._bests(ladder, mirrored=False), "spread": "0.04"}
        else:
            sides = {"bids": ladder.bids, "asks": ladder.asks}
            rows = {name: [_level(price, size) for price, size in side.items()] for name, side in sides.items()}
            body |= {"asset_id": tokens[0], **rows}
        return _Ready(kind, market, json.dumps(body, separators=(",", ":")).encode(), b"", change)

    @staticmethod
    def _bests(ladder: Ladder, *, mirrored: bool) -> dict[str, str]:
        bid, ask = max(ladder.bids), min(ladder.asks)
        if mirrored:
            bid, ask = Price(ONE - ask), Price(ONE - bid)
        return {"best_bid": format_price(bid), "best_ask": format_price(ask)}


def _level(price: Price, size: Size) -> dict[str, str]:
    return {"price": format_price(price), "size": to_dollars(size)}


def _prepare(kalshi: _Kalshi, polymarket: _Polymarket, ladders: dict[MarketId, Ladder], count: int) -> list[_Ready]:
    """Every frame to come, on books of their own: the served ones follow as frames go out."""
    chance, live = random.Random(11), copy.deepcopy(ladders)
    tickers = [market for market in ladders if not market.startswith("0x")]
    markets = [market for market in ladders if market.startswith("0x")]
    kinds = chance.choices([name for name, _ in _SHARES], [share for _, share in _SHARES], k=count)
    made = []
    for kind in kinds:
        venue, market = (kalshi, chance.choice(tickers)) if kind in _KALSHI else (polymarket, chance.choice(markets))
        made.append(venue.write(kind, market, live[market]))
    return made


async def _send(
    kalshi: _Kalshi, polymarket: _Polymarket, ladders: dict[MarketId, Ladder], frames: Sequence[_Ready], rate: int
) -> dict[str, object]:
    """Send them all at the rate; how much it was, by kind."""
    sent, began = 0, time.perf_counter()
    while sent < len(frames):
        due = min(len(frames), int((time.perf_counter() - began) * rate))
        out: dict[Stream, bytearray] = {}
        for ready in frames[sent:due]:
            venue = kalshi if ready.kind in _KALSHI else polymarket
            out.setdefault(venue.home[ready.market], bytearray()).extend(text_frame(venue.frame(ready)))
            if ready.change is not None:
                _apply(ladders[ready.market], ready.change)
        for stream, data in out.items():
            stream.send_raw(bytes(data))
        sent = max(sent, due)
        await asyncio.sleep(_BEAT_S)
    took = time.perf_counter() - began
    kinds = dict(Counter(ready.kind for ready in frames))
    return {"sent": sent, "seconds": round(took, 2), "sent_per_s": round(sent / took), "kinds": kinds}


def _apply(ladder: Ladder, change: Change) -> None:
    levels = ladder.bids if change.side == "bid" else ladder.asks
    if change.size:
        levels[change.price] = change.size
    else:
        levels.pop(change.price, None)


async def _main(count: int, rate: int, seconds: float) -> None:
    games = make_games(count, SystemClock().wall_ns())
    ladders = make_ladders(games)
    kalshi, polymarket = _Kalshi(ladders), _Polymarket(games, ladders)
    frames = _prepare(kalshi, polymarket, ladders, int(rate * seconds))
    gc.collect()
    gc.freeze()
    servers, ports = [], []
    for door in (kalshi, polymarket):
        server, port = await serve(door, Orders())
        servers.append(server)
        ports.append(port)
    print(json.dumps(ports), flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.readline)
    print(json.dumps(await _send(kalshi, polymarket, ladders, frames, rate)), flush=True)
    books = {market: [sorted(ladder.bids.items()), sorted(ladder.asks.items())] for market, ladder in ladders.items()}
    print(json.dumps(books), flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
