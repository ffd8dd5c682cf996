"""A scripted venue and a loud journal: what tests of execution put in place of the world."""

import asyncio
from collections.abc import Callable

from trading.clock import SECOND, ManualClock
from trading.execute import execute_leg, resolve_leg
from trading.ids import SeededIds, client_order_id, leg_id
from trading.journal import MemoryJournal
from trading.market import KALSHI, Action, FeeTerms, Market, MarketId, Outcome
from trading.order import Fill, LegRequest, LegResult, Want
from trading.units import ONE, Money, MonoNs, Price, Size, WallNs
from trading.venue import Prepared, SignedOrder

CENTS = ((Price(0), ONE, Price(100)),)
MARKET = Market(
    id=MarketId("KXGAME-A"),
    venue=KALSHI,
    event_id="E",
    question="?",
    grid=CENTS,
    min_size=Size(10_000),
    fees=FeeTerms(schedule="kalshi", taker=70_000_000),
)


class FakeVenue:
    """A venue whose every answer is scripted; calls names what happened in which order."""

    venue = KALSHI

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.answer: Callable[[Prepared], LegResult] = lambda order: filled(order.leg)
        self.fault: BaseException | None = None
        self.found: list[LegResult | Exception | None] = []
        self.prepare_fault: Exception | None = None
        self.sign_fault: Exception | None = None
        self.signing: Callable[[], None] = lambda: None
        self.gate: asyncio.Event | None = None
        self.sending = asyncio.Event()

    def prepare(self, leg, market, ids, clock):
        self.calls.append("prepare")
        if self.prepare_fault:
            raise self.prepare_fault
        return Prepared(leg=leg, client_order_id=client_order_id(leg.leg_id), venue_order_id=None, fields={})

    async def sign(self, order):
        self.calls.append("sign")
        self.signing()
        if self.sign_fault:
            raise self.sign_fault
        return SignedOrder(prepared=order, body=b"", headers={})

    async def send(self, order, *, deadline):
        self.calls.append("send")
        self.sending.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return self.answer(order.prepared)

    async def find(self, order):
        self.calls.append("find")
        found = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(found, Exception):
            raise found
        return found


class LoudJournal(MemoryJournal):
    """A journal whose promise takes a turn of the loop, as a disk would."""

    def __init__(self, calls: list[str], *, durable: bool = False) -> None:
        super().__init__()
        self.calls = calls
        self.durable = durable
        self.fault: Exception | None = None

    async def promise(self, orders):
        self.calls.append("promise")
        for _ in range(3):
            await asyncio.sleep(0)
        if self.fault:
            raise self.fault
        await super().promise(orders)
        self.calls.append("promised")

    async def settle(self, result):
        kept = await super().settle(result)
        self.calls.append(f"settle {kept.state}")
        return kept


class World:
    def __init__(self, *, durable: bool = False) -> None:
        self.calls: list[str] = []
        self.clock = ManualClock()
        self.ids = SeededIds(self.clock, 1)
        self.venue = FakeVenue(self.calls)
        self.journal = LoudJournal(self.calls, durable=durable)
        self.slept: list[float] = []

    def leg(self, **changes) -> LegRequest:
        want = Want(market=MARKET.id, outcome=Outcome.YES, action=Action.BUY, limit=Price(5_600), size=Size(10_000_000))
        values = {
            "leg_id": leg_id(self.ids.arb(), 0, 0),
            "want": want,
            "venue": KALSHI,
            "purpose": "open",
            "max_cost": Money(6_000_000),
            "world": "sim",
            "epoch": 1,
            "deadline": MonoNs(self.clock.mono_ns() + 5 * SECOND),
        }
        return LegRequest(**(values | changes))

    async def execute(self, leg: LegRequest, **more) -> LegResult:
        return await execute_leg(
            leg, venue=self.venue, market=MARKET, journal=self.journal, clock=self.clock, ids=self.ids, **more
        )

    async def resolve(self, leg: LegRequest, *, within: int = 60 * SECOND, **more) -> LegResult:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.clock.advance(round(seconds * SECOND))

        return await resolve_leg(
            leg.leg_id,
            venue=self.venue,
            journal=self.journal,
            clock=self.clock,
            deadline=MonoNs(self.clock.mono_ns() + within),
            sleep=sleep,
            **more,
        )


def filled(leg: LegRequest, size: int | None = None, *, state="filled", status="final", final_fee=True) -> LegResult:
    size = leg.want.size if size is None else size
    fill = Fill(
        id="f",
        price=leg.want.limit,
        size=Size(size),
        cost=Money(leg.want.limit * size // ONE),
        fee=Money(100),
        fee_is_final=final_fee,
        maker=False,
        at=WallNs(0),
        status=status,
    )
    return LegResult(leg_id=leg.leg_id, state=state, filled=Size(size), cost=fill.cost, fee=fill.fee, fills=(fill,))
