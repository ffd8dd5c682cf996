"""A scripted pair of venues for tests of an arb's life: the executor, the gate and the books are fakes, time moves when told."""

import asyncio
from collections.abc import Callable

import msgspec

from controller.execution.arb import ArbRunner, ArbSettings
from controller.model import ArbClosed, Basket, EventId
from controller.risk.decision import Approved, Plan, Refused
from controller.strategy.base import Intent
from trading.book import Book
from trading.clock import SECOND, ManualClock
from trading.fees import fee_of_fill
from trading.ids import ArbId, leg_id
from trading.market import KALSHI, POLYMARKET, Action, FeeTerms, Market, MarketId, Outcome
from trading.order import Fill, LegRequest, LegResult, Want
from trading.units import CONTRACT, ONE, Money, MonoNs, Price, Size, WallNs, cost_of

ARB = ArbId(b"arb-of-a-test!")
CENTS = ((Price(0), ONE, Price(100)),)
KX = Market(
    id=MarketId("KX"),
    venue=KALSHI,
    event_id="E",
    question="?",
    grid=CENTS,
    min_size=Size(10_000),
    fees=FeeTerms(schedule="kalshi", taker=70_000_000),
)
POLY = Market(
    id=MarketId("0xc"),
    venue=POLYMARKET,
    event_id="E",
    question="?",
    grid=CENTS,
    min_size=Size(10_000),
    min_cost=Money(1_000_000),
    fees=FeeTerms(schedule="polymarket", taker=50_000_000),
)


def contracts(count: float) -> Size:
    return Size(round(count * CONTRACT))


def book(market: Market, *, bids: dict[int, float], asks: dict[int, float]) -> Book:
    made = Book(market.id)
    made.apply_snapshot(
        {Price(p): contracts(s) for p, s in bids.items()}, {Price(p): contracts(s) for p, s in asks.items()}, MonoNs(1)
    )
    return made


def result(leg: LegRequest, state: str, size: float = 0, *, price: int | None = None, **more) -> LegResult:
    """A result as a venue would give it, with exact cost and fee."""
    market = KX if leg.venue == KALSHI else POLY
    filled = contracts(size)
    if not filled:
        return LegResult(leg_id=leg.leg_id, state=state, **more)
    at = Price(price if price is not None else leg.want.limit)
    cost = cost_of(at, filled) if leg.want.action is Action.BUY else Money(-cost_of(at, filled, up=False))
    fill = Fill(
        id=f"{leg.leg_id.hex()}-{size}",
        price=at,
        size=filled,
        cost=cost,
        fee=fee_of_fill(market.fees, at, filled),
        fee_is_final=True,
        maker=False,
        at=WallNs(0),
        status="final",
    )
    return LegResult(leg_id=leg.leg_id, state=state, filled=filled, cost=fill.cost, fee=fill.fee, fills=(fill,), **more)


def fill(size: float | None = None, price: int | None = None) -> Callable[[LegRequest], LegResult]:
    """An answer: filled, whole or in part."""

    def answer(leg: LegRequest) -> LegResult:
        asked = leg.want.size / CONTRACT
        got = asked if size is None else size
        return result(leg, "filled" if got >= asked else "partial", got, price=price)

    return answer


def ends(state: str, code: str = "") -> Callable[[LegRequest], LegResult]:
    return lambda leg: result(leg, state, code=code)


class FakeExecutor:
    """Answers by market from a script, the last answer for ever; sent holds every leg in order."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.script: dict[MarketId, list[Callable[[LegRequest], LegResult] | BaseException]] = {}
        self.resolves: dict[MarketId, list[Callable[[LegRequest], LegResult]]] = {}
        self.sent: list[LegRequest] = []
        self.started: list[str] = []
        self.cancelled: list[bytes] = []
        self.refusal: str | None = None
        self.most: dict[str, Size] = {}
        self.latency_ns = 0
        self.current: dict[bytes, LegResult] = {}
        self.on_resolve: Callable[[], None] = lambda: None

    def refuses(self, legs):
        return self.refusal

    def at_once(self, venue, want):
        most = self.most.get(venue, want.size)
        return msgspec.structs.replace(want, size=min(want.size, most)) if want.action is Action.SELL else want

    async def execute(self, leg):
        assert leg.leg_id not in {old.leg_id for old in self.sent}, "a leg id was sent twice"
        self.sent.append(leg)
        self.started.append(f"+{leg.venue}")
        await asyncio.sleep(0)
        self.clock.advance(self.latency_ns)
        self.started.append(f"-{leg.venue}")
        script = self.script[leg.want.market]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, BaseException):
            raise answer
        self.current[leg.leg_id] = answer(leg)
        return self.current[leg.leg_id]

    async def resolve(self, leg_id):
        self.on_resolve()
        leg = next(leg for leg in self.sent if leg.leg_id == leg_id)
        script = self.resolves.get(leg.want.market)
        if script:
            self.current[leg_id] = (script.pop(0) if len(script) > 1 else script[0])(leg)
        return self.current.get(leg_id, LegResult(leg_id=leg_id, state="unknown"))

    async def cancel(self, leg_id):
        self.cancelled.append(leg_id)
        return self.current[leg_id]


class FakeGate:
    """Approves every exit with a seal of its own, unless frozen."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.frozen = False
        self.asked: list[tuple[str, Want, int, int]] = []

    def genuine(self, approved):
        return approved.seal is self

    def exit(self, opened, want, purpose, now, *, leg, attempt):
        self.asked.append((purpose, want, leg, attempt))
        if self.frozen:
            return Refused(intent=opened.intent, code="frozen", detail="halt --freeze")
        market = KX if want.market == KX.id else POLY
        request = LegRequest(
            leg_id=leg_id(opened.arb_id, leg, attempt),
            want=want,
            venue=market.venue,
            purpose=purpose,
            max_cost=Money(10**12),
            world="paper",
            epoch=1,
            deadline=MonoNs(now + 5 * SECOND),
        )
        return msgspec.structs.replace(opened, purpose=purpose, legs=(request,), reserved=(Money(0),))


class State:
    def __init__(self) -> None:
        self.markets = {KX.id: KX, POLY.id: POLY}
        self.books = {
            KX.id: book(KX, bids={5_000: 500}, asks={5_200: 500}),
            POLY.id: book(POLY, bids={4_000: 500}, asks={4_200: 500}),
        }


class Bench:
    """One arb ready to run: buy Polymarket YES at 0.42 and Kalshi NO at 0.50 (a bid of 0.50 stands for it)."""

    def __init__(self, **settings) -> None:
        self.clock = ManualClock()
        self.executor = FakeExecutor(self.clock)
        self.gate = FakeGate(self.clock)
        self.state = State()
        self.events: list = []
        self.alarms: list[str] = []
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None
        self.executor.script = {KX.id: [fill()], POLY.id: [fill()]}
        self.down: frozenset = frozenset()
        self.runner = ArbRunner(
            self.executor,
            self.gate,
            self.state,
            self.clock,
            self.events.append,
            ArbSettings(**settings),
            self.sleep,
            alarm=lambda alarm: self.alarms.append(alarm.word),
            down=lambda market: market.venue in self.down,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(round(seconds * SECOND))
        self.on_sleep()
        await asyncio.sleep(0)

    def approved(
        self, *, order=(0, 1), mode="sequential", size: float = 10, concession: int | None = None, max_cost: int = 10**12
    ) -> Approved:
        wants = (
            Want(market=POLY.id, outcome=Outcome.YES, action=Action.BUY, limit=Price(4_200), size=contracts(size)),
            Want(market=KX.id, outcome=Outcome.NO, action=Action.BUY, limit=Price(5_000), size=contracts(size)),
        )
        basket = Basket(
            id="pair:poly_yes_kalshi_no",
            kind="poly_yes_kalshi_no",
            event=EventId("game"),
            legs=((POLY.id, Outcome.YES), (KX.id, Outcome.NO)),
            payout=ONE,
            approval="approved",
            terms="verified",
        )
        intent = Intent(
            strategy="cross_venue",
            basket=basket,
            event=EventId("game"),
            purpose="open",
            wants=wants,
            edge=Money(50_000),
            worst_edge=Money(50_000),
            quotes=(),
            expires=MonoNs(0),
            reason="",
        )
        legs = tuple(
            LegRequest(
                leg_id=leg_id(ARB, number, 0),
                want=want,
                venue=venue,
                purpose="open",
                max_cost=Money(max_cost),
                world="paper",
                epoch=1,
                deadline=MonoNs(self.clock.mono_ns() + 5 * SECOND),
            )
            for number, (want, venue) in enumerate(zip(wants, (POLYMARKET, KALSHI), strict=True))
        )
        plan = Plan(
            row="R3",
            mode=mode,
            order=order,
            size=contracts(size),
            limits=(Price(4_200), Price(5_000)),
            concession=Price(concession) if concession is not None else None,
            hold_ns=0,
            reason="test",
        )
        return Approved(
            arb_id=ARB,
            intent=intent,
            plan=plan,
            purpose="open",
            legs=legs,
            claim=EventId("game"),
            reserved=(Money(0), Money(0)),
            seal=self.gate,
        )

    async def run(self, **shape) -> ArbClosed:
        closed = await self.runner.run(self.approved(**shape))
        assert self.events[-1] == closed
        return closed

    def venues(self) -> list[str]:
        return [leg.venue for leg in self.executor.sent]
