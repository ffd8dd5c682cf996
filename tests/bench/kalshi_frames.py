"""Kalshi's stream frames as bytes, in the shape recorded on 2026-08-07 where the recording is at hand, else in ours.

Every key of the recorded frame stays, also those the product does not read: skipping them is part of decoding.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.ladder import Change, Ladder
from trading.market import MarketId
from trading.units import Price, Size, format_price, format_size

__all__ = ["delta", "recorded_shape", "snapshot", "subscribed"]

_RECORDING = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "kalshi_ws_orderbook_2026-08-07.jsonl"
_OURS = {
    "type": "orderbook_delta",
    "sid": 1,
    "seq": 1,
    "msg": {
        "market_ticker": "",
        "market_id": "00000000-0000-4000-8000-000000000000",
        "price_dollars": "0.5000",
        "delta_fp": "1.00",
        "side": "yes",
        "ts": "2026-08-07T06:46:28.97871Z",
        "ts_ms": 1786085188978,
    },
}


def recorded_shape() -> tuple[Mapping[str, Any], str]:
    """An orderbook_delta frame to fill in, and where it comes from."""
    if _RECORDING.exists():
        with _RECORDING.open(encoding="utf-8") as lines:
            for line in lines:
                frame = json.loads(line)["frame"]
                if frame["type"] == "orderbook_delta":
                    return frame, "recorded"
    return _OURS, "own words"


def delta(shape: Mapping[str, Any], ticker: MarketId, seq: int, change: Change) -> bytes:
    """A change as an orderbook_delta of sid 1; both sides at YES prices, as the feed subscribes."""
    body = shape["msg"] | {
        "market_ticker": ticker,
        "price_dollars": format_price(change.price),
        "delta_fp": format_size(change.delta),
        "side": "yes" if change.side == "bid" else "no",
    }
    return _compact({**shape, "sid": 1, "seq": seq, "msg": body})


def snapshot(ticker: MarketId, seq: int, ladder: Ladder) -> bytes:
    """Both sides of a book at YES prices."""
    body = {"market_ticker": ticker, "yes_dollars_fp": _levels(ladder.bids), "no_dollars_fp": _levels(ladder.asks)}
    return _compact({"type": "orderbook_snapshot", "sid": 1, "seq": seq, "msg": body})


def subscribed(command: int) -> bytes:
    return _compact({"type": "subscribed", "id": command, "msg": {"channel": "orderbook_delta", "sid": 1}})


def _levels(side: Mapping[Price, Size]) -> list[list[str]]:
    return [[format_price(price), format_size(size)] for price, size in side.items()]


def _compact(frame: Mapping[str, Any]) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()
