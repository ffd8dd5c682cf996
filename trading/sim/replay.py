"""python -m trading.sim.replay: feed recorded frames through the real feed code and print the books that come out.

The one file of the simulator that imports the venues' own decoders, because it holds them to what the venues really sent; it has
no venue behaviour of its own. Rows are {"received_ms", "frame"} of a recording or the rows of --record (trading/stream.py).
"""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from trading.book import Book, BookChanged, MarketEvent
from trading.clock import MS
from trading.kalshi.books import KalshiBooks
from trading.market import KALSHI, POLYMARKET, Market, MarketId
from trading.polymarket.books import PolymarketBooks
from trading.sim.lines import read_lines
from trading.units import CENT, ONE, MonoNs, Price, Size, WallNs, complement, format_price, format_size, to_dollars

__all__ = ["main", "read_frames", "replay_kalshi", "replay_polymarket"]

Frame = tuple[int, bytes]
"""When it was received (ns) and its bytes."""


def read_frames(path: Path) -> list[Frame]:
    """Read a recording. Frames we sent ourselves are left out. Raises ValueError naming file and line on any other row."""
    return [frame for frame in read_lines(path, _frame, "recorded frame") if frame is not None]


def _frame(row: Any) -> Frame | None:
    """A frame that came in, None for one of ours."""
    if "frame" in row:
        return int(row["received_ms"]) * MS, json.dumps(row["frame"], separators=(",", ":")).encode()
    if row["way"] != "in":
        return None
    return int(row["wall_ns"]), row["text"].encode() if "text" in row else base64.b64decode(row["base64"])


def _walk(value: object) -> Iterator[dict[str, Any]]:
    """Every JSON object of a frame, outermost first."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)


def _objects(frames: list[Frame]) -> Iterator[dict[str, Any]]:
    for _, data in frames:
        try:
            yield from _walk(json.loads(data))
        except ValueError:
            continue  # PONG and other text


def _market(market_id: str, venue: str, tokens: tuple[str, str] = ("", "")) -> Market:
    kalshi = venue == "kalshi"
    step = CENT if kalshi else Price(1)
    return Market(
        id=MarketId(market_id),
        venue=KALSHI if kalshi else POLYMARKET,
        event_id="",
        question="",
        tokens=tokens,
        grid=((Price(0), ONE, step),),
        min_size=Size(10_000),
        fees=None,
    )


def replay_kalshi(frames: list[Frame], *, yes_view: bool = True) -> dict[str, Any]:
    """Final books per ticker: bids of both outcomes, each in its own price, ascending. yes_view as in the subscription."""
    tickers = {row["market_ticker"]: None for row in _objects(frames) if isinstance(row.get("market_ticker"), str)}
    books = KalshiBooks(lambda _event: None, yes_view=yes_view)
    books.watch([_market(ticker, "kalshi") for ticker in tickers])
    books.connect(MonoNs(frames[0][0] if frames else 0))
    for at, data in frames:
        books.apply(data, MonoNs(at), WallNs(at))
    return {
        "after_frames": len(frames),
        "unit": "contracts with 2 decimals",
        "books": {ticker: _both_bids(book) for ticker, book in books.books.items() if book.ready},
    }


def _both_bids(book: Book) -> dict[str, list[list[str]]]:
    bids = sorted(book.bids.items())
    no_bids = sorted((complement(price), size) for price, size in book.asks.items())
    return {
        "yes": [[format_price(price), format_size(size)] for price, size in bids],
        "no": [[format_price(price), format_size(size)] for price, size in no_bids],
    }


def replay_polymarket(frames: list[Frame]) -> dict[str, Any]:
    """Final books per token and the best prices of both tokens after every change, in the order of the frames."""
    tokens: dict[str, dict[str, None]] = {}
    owner = ""
    for row in _objects(frames):
        owner = row["market"] if isinstance(row.get("market"), str) else owner
        if isinstance(row.get("asset_id"), str):
            tokens.setdefault(owner, {})[row["asset_id"]] = None
    changes: list[dict[str, Any]] = []
    counted = 0

    def heard(event: MarketEvent) -> None:
        if isinstance(event, BookChanged):
            pair = pairs[str(event.book.market)]
            changes.append({"frame": counted, **_bests(event.book, pair)})

    books = PolymarketBooks(heard)
    pairs: dict[str, tuple[str, str]] = {}
    for market, seen in tokens.items():
        first, second = ([*seen, f"unseen twin of {next(iter(seen))}"])[:2]
        pairs[market] = (first, second)
        books.add(_market(market, "polymarket", (first, second)))
    for at, data in frames:
        counted += 1
        books.apply(data, MonoNs(at), WallNs(at))
    found: dict[str, Any] = {}
    for market, book in books.books.items():
        for index, token in enumerate(pairs[str(market)]):
            found[token] = _token_book(book, index)
    return {"after_frames": len(frames), "unit": "shares", "books": found, "changes": changes}


def _bests(book: Book, pair: tuple[str, str]) -> dict[str, Any]:
    bid, ask = _dollars(book.bid), _dollars(book.ask)
    no_bid, no_ask = _dollars(complement(book.ask)), _dollars(complement(book.bid))
    return {pair[0]: {"best_bid": bid, "best_ask": ask}, pair[1]: {"best_bid": no_bid, "best_ask": no_ask}, "ready": book.ready}


def _token_book(book: Book, index: int) -> dict[str, Any]:
    bids, asks = (book.bids, book.asks) if index == 0 else (book.asks, book.bids)
    if index:
        bids = {complement(price): size for price, size in bids.items()}
        asks = {complement(price): size for price, size in asks.items()}
    return {
        "bids": [[_dollars(price), to_dollars(size)] for price, size in sorted(bids.items())],
        "asks": [[_dollars(price), to_dollars(size)] for price, size in sorted(asks.items())],
        "best_bid": _dollars(max(bids, default=Price(0))),
        "best_ask": _dollars(min(asks, default=ONE)),
    }


def _dollars(price: Price) -> str:
    return to_dollars(Size(price * 100))


def replay(
    file: Annotated[Path, typer.Argument(help="Recorded frames, one JSON object a line.")],
    venue: Annotated[str, typer.Option(help="kalshi or polymarket.")],
    no_view: Annotated[bool, typer.Option("--no-view", help="Kalshi frames quote NO levels at NO prices.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the books as one JSON object.")] = False,
) -> None:
    """Print the books after a recording."""
    try:
        if venue not in ("kalshi", "polymarket"):
            raise ValueError(f"venue {venue!r} is neither kalshi nor polymarket")
        frames = read_frames(file)
    except (OSError, ValueError) as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(2) from exc
    result = replay_kalshi(frames, yes_view=not no_view) if venue == "kalshi" else replay_polymarket(frames)
    if as_json:
        print(json.dumps(result))
        return
    print(f"{result['after_frames']} frames, {len(result['books'])} books")
    for name, book in result["books"].items():
        print(name, {side: len(levels) for side, levels in book.items() if isinstance(levels, list)})


def main() -> None:
    """Entry point of python -m trading.sim.replay."""
    typer.run(replay)


if __name__ == "__main__":
    main()
