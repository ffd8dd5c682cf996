"""Frames of the market channel as typed values, and their numbers read strictly (polymarket.md 11).

decode_frame() takes what the venue documents and nothing else. A number that cannot stand in a book raises ValueError; a stamp
that cannot be read states nothing. What a frame means for a book is decided in books.py.
"""

from collections.abc import Sequence

import msgspec

from trading.units import ONE, Price, Size, parse_price, parse_size

__all__ = [
    "GARBLED",
    "KNOWN",
    "BestBidAsk",
    "BookFrame",
    "Change",
    "Event",
    "LastTrade",
    "Level",
    "NewMarket",
    "PriceChange",
    "Resolved",
    "Sample",
    "TickSize",
    "decode_frame",
    "read_levels",
    "read_milliseconds",
    "read_size",
    "stated_ask",
    "stated_bid",
]

_SIZES: dict[str, Size] = {}
_LATEST_MS = 10**14
"""Beyond any stamp of this millennium: it says nothing of when."""


class Level(msgspec.Struct, gc=False):
    """Price and size as the venue writes them, of one token's book."""

    price: str
    size: str


class Change(msgspec.Struct, gc=False):
    """One level's new size, with the best prices after all changes of the message."""

    asset_id: str
    price: str
    size: str
    side: str
    best_bid: str | None = None
    best_ask: str | None = None


class PriceChange(msgspec.Struct, tag_field="event_type", tag="price_change"):
    market: str
    price_changes: list[Change]
    timestamp: str | int = ""


class BookFrame(msgspec.Struct, tag_field="event_type", tag="book"):
    market: str
    asset_id: str
    bids: list[Level]
    asks: list[Level]
    timestamp: str | int = ""


class BestBidAsk(msgspec.Struct, tag_field="event_type", tag="best_bid_ask"):
    market: str
    asset_id: str
    best_bid: str | None = None
    best_ask: str | None = None
    timestamp: str | int = ""


class TickSize(msgspec.Struct, tag_field="event_type", tag="tick_size_change"):
    market: str
    new_tick_size: str | float


class Resolved(msgspec.Struct, tag_field="event_type", tag="market_resolved"):
    market: str


class LastTrade(msgspec.Struct, tag_field="event_type", tag="last_trade_price"):
    """Read past: its direction is not reliable (polymarket.md 14)."""


class NewMarket(msgspec.Struct, tag_field="event_type", tag="new_market"):
    """Read past: pushed for all markets, discovery reads Gamma."""


Event = PriceChange | BookFrame | BestBidAsk | TickSize | Resolved | LastTrade | NewMarket
KNOWN = frozenset({"price_change", "book", "best_bid_ask", "tick_size_change", "market_resolved"})
"""The kinds that are acted on: an unreadable frame of another kind costs nothing."""
GARBLED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
decode_frame = msgspec.json.Decoder(Event | list[Event]).decode
"""One frame: an event or an array of them. Raises one of GARBLED."""


class Sample(msgspec.Struct):
    """One book of POST /books."""

    asset_id: str
    bids: list[Level]
    asks: list[Level]
    timestamp: str | int = ""


def stated_bid(text: str | None) -> Price | None:
    """A best bid in its token's price; 0 when the venue states that nobody bids, None when it states nothing."""
    return None if text is None else parse_price(text) if text else Price(0)


def stated_ask(text: str | None) -> Price | None:
    """A best ask likewise; an empty side is 1 dollar here, and "", "0" or "1" there."""
    return None if text is None else (parse_price(text) or ONE) if text else ONE


def read_size(text: str) -> Size:
    """A level's size. Round ones come again and again: looking one up takes a tenth of reading it."""
    size = _SIZES.get(text)
    if size is None:
        size = parse_size(text)
        if size < 0:
            raise ValueError(f"size {text!r}")
        if len(_SIZES) < 20_000:  # bounded: a feed of odd sizes cannot grow it without end
            _SIZES[text] = size
    return size


def read_levels(rows: Sequence[Level]) -> dict[Price, Size]:
    """One side of a snapshot, without the levels of size zero. Raises ValueError."""
    found: dict[Price, Size] = {}
    for row in rows:
        price, size = parse_price(row.price), read_size(row.size)
        if not 0 < price < ONE:
            raise ValueError(f"level at {row.price!r}")
        if size:
            found[price] = size
    return found


def read_milliseconds(value: str | int) -> int:
    """A venue stamp, seconds or milliseconds (from 1e11 on), as milliseconds; 0 when it states none."""
    try:
        number = int(value or 0)
    except ValueError:
        return 0
    if number > _LATEST_MS:
        return 0
    return number if number >= 100_000_000_000 else max(0, number) * 1000
