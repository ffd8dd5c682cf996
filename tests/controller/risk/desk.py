"""A small trading desk for tests: one game on two venues, books set by hand, a clock that moves when told.

K   the Kalshi market, cent grid, steps of 0.01 contract, shard 3
P   the Polymarket market, cent grid, at least $1 an order; its YES means K's YES
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from controller.engine import Engine
from controller.model import ArbClosed, Balances, Basket, EventId, Pair, PairChanged, Tick
from controller.risk.decision import Approved, Refused
from controller.risk.gate import Gate
from controller.risk.limits import RiskSettings
from controller.state import State
from controller.strategy.base import Intent
from controller.strategy.cross_venue import CrossVenue
from controller.strategy.event_basket import EventBasket
from trading.book import Book, BookChanged, Proof
from trading.clock import MS, SECOND, ManualClock
from trading.ids import ArbId, SeededIds, arb_of
from trading.market import KALSHI, POLYMARKET, FeeTerms, Market, MarketId, Outcome
from trading.order import Fill, LegRequest, LegResult, World
from trading.units import CONTRACT, DOLLAR, ONE, Money, Price, Size, WallNs
from trading.venue import Balance

T = TypeVar("T", bound=msgspec.Struct)

K = MarketId("KXGAME-MIL")
P = MarketId("0xgame")
EVENT = EventId("nba-mil-lal")
KALSHI_FEES = FeeTerms(schedule="kalshi", taker=70_000_000)
POLY_FEES = FeeTerms(schedule="polymarket", taker=50_000_000)
CENTS = ((Price(0), ONE, Price(100)),)
HOUR = 3_600 * SECOND

KALSHI_MARKET = Market(
    id=K,
    venue=KALSHI,
    event_id="KXGAME",
    question="MIL wins",
    grid=CENTS,
    min_size=Size(10_000),
    shard=3,
    fees=KALSHI_FEES,
)
POLY_MARKET = Market(
    id=P,
    venue=POLYMARKET,
    event_id="game",
    question="MIL wins",
    grid=CENTS,
    min_size=Size(0),
    min_cost=Money(1 * DOLLAR),
    fees=POLY_FEES,
)
PAIR = Pair(
    id="mil-lal",
    event=EVENT,
    league="nba",
    kind="game_winner",
    description="MIL at LAL",
    first=K,
    second=P,
    outcome_index=Outcome.YES,
    state="approved",
    terms="verified",
    starts_at=None,
)


def contracts(count: float) -> Size:
    return Size(round(count * CONTRACT))


def change(value: T, **fields: object) -> T:
    return msgspec.structs.replace(value, **fields)


class Tokens:
    """Rate tokens that are there until short says otherwise; held names the arbs that have some."""

    def __init__(self) -> None:
        self.short = ""
        self.held: list[ArbId] = []

    def reserve(self, arb_id: ArbId, legs: Sequence[LegRequest]) -> str:
        if not self.short:
            self.held.append(arb_id)
        return self.short

    def release(self, arb_id: ArbId) -> None:
        self.held = [held for held in self.held if held != arb_id]


class Desk:
    """Engine, gate and state around one approved pair, fed and funded, an hour before the game."""

    def __init__(
        self,
        settings: RiskSettings | None = None,
        *,
        world: World = "sim",
        kalshi: Market = KALSHI_MARKET,
        poly: Market = POLY_MARKET,
        pair: Pair = PAIR,
        starts_in: int | None = HOUR,
        cash: int = 10_000,
        clocked: bool = True,
    ) -> None:
        self.settings = settings or RiskSettings()
        self.clock = ManualClock()
        self.blocked: str | None = None
        self.asked: list[LegRequest] = []
        self.state = State(self.settings)
        self.tokens = Tokens()
        self.gate = Gate(self.state, self.settings, self._routes, SeededIds(self.clock, 1), world, tokens=self.tokens)
        self.engine = Engine(self.state, (CrossVenue(self.settings), EventBasket(self.settings)), self.gate)
        self.proofs = {KALSHI: Proof(self.now), POLYMARKET: Proof(self.now)}
        self.books = {market.id: Book(market.id, self.proofs[market.venue]) for market in (kalshi, poly)}
        starts = None if starts_in is None else WallNs(self.clock.wall_ns() + starts_in)
        self.pair = change(pair, starts_at=starts)
        self.markets = (kalshi, poly)
        if clocked:
            self.process(Tick(self.clock.wall_ns()))
        self.process(PairChanged(self.pair, self.markets))
        self.process(Balances(KALSHI, (Balance(shard=kalshi.shard, cash=Money(cash * DOLLAR)),)))
        self.process(Balances(POLYMARKET, (Balance(shard=0, cash=Money(cash * DOLLAR)),)))

    @property
    def now(self) -> int:
        return self.clock.mono_ns()

    def _routes(self, legs: Sequence[LegRequest]) -> str | None:
        self.asked += legs
        return self.blocked

    def process(self, event: object) -> list[Approved | Refused]:
        return list(self.engine.process(event, self.now))

    def advance(self, ms: int, *, proven: bool = True) -> None:
        self.clock.advance(ms * MS)
        if proven:
            for proof in self.proofs.values():
                proof.at = self.now

    def quote(
        self, market: MarketId, bids: dict[int, float], asks: dict[int, float], *, tell: bool = True
    ) -> list[Approved | Refused]:
        """Set a book, cents to contracts in YES prices, and tell the engine."""
        book = self.books[market]
        book.apply_snapshot(
            {Price(price * 100): contracts(size) for price, size in bids.items()},
            {Price(price * 100): contracts(size) for price, size in asks.items()},
            self.now,
        )
        return self.process(BookChanged(book)) if tell else []

    def gap(self, *, size: float = 40) -> list[Approved | Refused]:
        """YES at 45c on P against NO at 48c on K: 7c before fees, about 4 after."""
        self.quote(K, {52: size}, {53: size}, tell=False)
        self.state.apply_book(self.books[K], self.now)
        return self.quote(P, {44: size}, {45: size})

    def intent(self, **fields: object) -> Intent:
        """The intent of gap(), as the strategy makes it, not yet shown to the gate."""
        self.quote(K, {52: 40}, {53: 40}, tell=False)
        self.quote(P, {44: 40}, {45: 40}, tell=False)
        for book in self.books.values():
            self.state.apply_book(book, self.now)
        found = CrossVenue(self.settings).on_event(BookChanged(self.books[P]), self.state, self.now)
        assert len(found) == 1
        return change(found[0], **fields)

    def approve(self, **fields: object) -> Approved | Refused:
        return self.gate.approve(self.intent(**fields), self.now)

    def basket(self, direction: int = 0) -> Basket:
        return list(self.state.baskets.values())[direction]

    def close(self, approved: Approved, outcome: str, *results: LegResult, profit: int = 0, unhedged: float = 0) -> None:
        self.process(
            ArbClosed(
                arb_id=approved.arb_id,
                event=approved.claim,
                basket=approved.intent.basket.id,
                outcome=outcome,
                matched=Size(0),
                unhedged=contracts(unhedged),
                profit=Money(profit),
                results=results,
            )
        )


def filled(leg: LegRequest, size: Size | None = None, *, final: bool = True, result_no: int = 1) -> LegResult:
    """A leg filled at its limit, the fee left out."""
    part = leg.want.size if size is None else size
    cost = Money(leg.want.limit * part // ONE)
    fill = Fill(
        id=leg.leg_id.hex(),
        price=leg.want.limit,
        size=part,
        cost=cost,
        fee=Money(0),
        fee_is_final=final,
        maker=False,
        at=WallNs(0),
        status="final" if final else "provisional",
    )
    state = "filled" if part >= leg.want.size else "partial"
    return LegResult(leg_id=leg.leg_id, state=state, filled=part, cost=cost, fills=(fill,), result_no=result_no)


def missed(leg: LegRequest, *, state: str = "none", code: str = "") -> LegResult:
    assert arb_of(leg.leg_id)
    return LegResult(leg_id=leg.leg_id, state=state, code=code)
