"""P1: one Kalshi orderbook_delta, from its bytes to the engine's decision, over decoding that frame into a typed value alone.

The path is the product's: KalshiBooks proves and applies, the sink asks the engine, every strategy that app.py wires looks at
the baskets of the touched book. State holds some hundred pairs and no opportunity, which is what nearly every frame meets.
"""

import random
from collections.abc import Callable
from typing import Literal

import msgspec

from controller.engine import Engine
from controller.risk.gate import Gate
from controller.risk.limits import RiskSettings
from controller.state import State
from controller.strategy.cross_venue import CrossVenue
from controller.strategy.early_exit import EarlyExit
from controller.strategy.event_basket import EventBasket
from controller.strategy.synthetic import Synthetic
from tests.bench.desk import Game, make_games
from tests.bench.kalshi_frames import delta, recorded_shape, snapshot, subscribed
from tests.bench.ladder import Ladder
from tests.bench.measure import Measure, take_turns
from trading.book import Book, BookChanged, MarketEvent
from trading.clock import SystemClock
from trading.ids import SystemIds
from trading.kalshi.books import KalshiBooks
from trading.market import MarketId
from trading.units import MonoNs

__all__ = ["TARGET", "measure"]

TARGET = 10.0
_GAMES = 150
_FRAMES = 1_000


class _Body(msgspec.Struct, gc=False):
    market_ticker: str
    price_dollars: str
    delta_fp: str
    side: Literal["yes", "no"]
    ts_ms: int


class _Frame(msgspec.Struct, gc=False):
    """The least a typed decode of the frame may read: what a book needs of it."""

    sid: int
    seq: int
    msg: _Body


class _Desk:
    """Books of both venues under one engine. decisions counts what the engine answered: none is expected."""

    def __init__(self, games: list[Game]) -> None:
        self.clock = SystemClock()
        settings = RiskSettings()
        state = State(settings)
        gate = Gate(state, settings, lambda legs: None, SystemIds(self.clock), "sim")
        strategies = (CrossVenue(settings), EventBasket(settings), EarlyExit(settings), Synthetic("poly_yes_kalshi_no"))
        self.engine = Engine(state, strategies, gate)
        self.decisions = 0
        self.books = KalshiBooks(self._on_event)
        self.ladders: dict[MarketId, Ladder] = {}
        self._chance = random.Random(1)
        self._shape, self.source = recorded_shape()
        self._seq = 0
        now = self.clock.mono_ns()
        for game in games:
            for pair in game.pairs:
                self.engine.process(pair, now)
            book = Book(game.other.id)
            ladder = Ladder(game.middle, self._chance)
            book.apply_snapshot(ladder.bids, ladder.asks, now)
            self._on_event(BookChanged(book))
        self._open([(m.id, at) for g in games for m, at in ((g.first, g.middle), (g.second, 100 - g.middle))], games, now)

    def _open(self, sides: list[tuple[MarketId, int]], games: list[Game], now: MonoNs) -> None:
        self.books.connect(now)
        self.books.watch([market for game in games for market in (game.first, game.second)])
        self.books.apply(subscribed(1), now, self.clock.wall_ns())
        for ticker, middle in sides:
            ladder = self.ladders[ticker] = Ladder(middle, self._chance)
            self._seq += 1
            self.books.apply(snapshot(ticker, self._seq, ladder), now, self.clock.wall_ns())
        self._tickers = tuple(self.ladders)

    def _on_event(self, event: MarketEvent) -> None:
        for _ in self.engine.process(event, self.clock.mono_ns()):
            self.decisions += 1

    def frames(self, count: int) -> list[bytes]:
        """The next frames of the stream, spread over all markets."""
        made = []
        for _ in range(count):
            ticker = self._chance.choice(self._tickers)
            self._seq += 1
            made.append(delta(self._shape, ticker, self._seq, self.ladders[ticker].step()))
        return made


def measure(*, quick: bool) -> list[Measure]:
    """Fresh frames each turn, the same for both. Raises AssertionError when the path lost a book or found an arbitrage."""
    desk = _Desk(make_games(20 if quick else _GAMES, SystemClock().wall_ns()))
    count = 500 if quick else _FRAMES
    decode = msgspec.json.Decoder(_Frame).decode

    def prepare() -> tuple[Callable[[], None], Callable[[], None]]:
        frames = desk.frames(count)
        apply, clock = desk.books.apply, desk.clock

        def ours() -> None:
            for frame in frames:
                apply(frame, clock.mono_ns(), clock.wall_ns())

        def theirs() -> None:
            for frame in frames:
                decode(frame)

        return ours, theirs

    turns = take_turns(5 if quick else 150, count, prepare)
    assert desk.books.ready == desk.books.size and desk.books.resyncs == 0 and desk.decisions == 0
    more = {
        "median_ratio": turns.median_ratio,
        "path_us": round(min(turns.subject) / 1000, 3),
        "decode_us": round(min(turns.reference) / 1000, 3),
        "pairs": len(desk.engine.state.pairs),
        "baskets": len(desk.engine.state.baskets),
        "frame": desk.source,
    }
    return [Measure(id="P1", value=turns.ratio, target=TARGET, more=more)]
