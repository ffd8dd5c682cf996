"""Legs of closed arbs are asked about until their venue has confirmed them, few at a time, whatever one question does."""

import asyncio
from collections.abc import Callable

import msgspec

from controller.late import LateTruth
from trading.clock import SECOND, ManualClock
from trading.ids import ArbId, LegId, arb_of, leg_id
from trading.order import LegResult


class Leg(msgspec.Struct, frozen=True):
    leg_id: LegId


def leg(number: int) -> Leg:
    return Leg(leg_id(ArbId(bytes([number]) * 14), 0, 0))


class Desk:
    """A ledger with open legs, an executor that answers from a script, a clock that a sleep moves."""

    def __init__(self, *legs: Leg) -> None:
        self.clock = ManualClock()
        self.legs = list(legs)
        self.asked: list[LegId] = []
        self.heard: list[LegResult] = []
        self.busy: set[ArbId] = set()
        self.answer: Callable[[LegId], LegResult] = lambda one: LegResult(leg_id=one, state="none")
        self.under_way = self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.rounds = 0
        self.late = LateTruth(self, self, self.clock, self.sleep, running=self.busy.__contains__, hear=self.hear)

    def unconfirmed(self) -> tuple[Leg, ...]:
        return tuple(self.legs)

    async def resolve(self, one: LegId) -> LegResult:
        self.asked.append(one)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.gate.wait()
        self.under_way -= 1
        return self.answer(one)

    def hear(self, result: LegResult) -> None:
        self.heard.append(result)

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(round(seconds * SECOND))
        self.rounds += 1
        for _ in range(10):
            await asyncio.sleep(0)

    async def run(self, rounds: int) -> None:
        task = asyncio.create_task(self.late.run())
        while self.rounds < rounds and not task.done():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_leg_is_asked_about_rarer_and_rarer_until_confirmed() -> None:
    """2, 4, 8, 16 s and then every 30 s; a confirmed leg is left alone."""
    desk = Desk(leg(1))

    await desk.run(60)
    often = len(desk.asked)
    desk.legs.clear()
    desk.rounds = 0
    await desk.run(30)

    assert 5 <= often <= 8
    assert len(desk.asked) == often
    assert desk.heard[0].state == "none"


async def test_arb_that_runs_asks_by_itself() -> None:
    """A leg whose arb is open again is not asked about twice."""
    desk = Desk(leg(1), leg(2))
    desk.busy.add(arb_of(leg(1).leg_id))

    await desk.run(2)

    assert set(desk.asked) == {leg(2).leg_id}


async def test_questions_are_few_at_a_time() -> None:
    """Four share the venues' budgets with running arbs; a slow one delays no round."""
    desk = Desk(*(leg(number) for number in range(10)))
    desk.gate.clear()

    await desk.run(3)

    assert desk.most == 4


async def test_failed_question_is_asked_again_and_stops_nothing() -> None:
    """One question's fault is its own."""
    desk = Desk(leg(1), leg(2))

    def answer(one: LegId) -> LegResult:
        if one == leg(1).leg_id:
            raise RuntimeError("wire")
        return LegResult(leg_id=one, state="none")

    desk.answer = answer
    await desk.run(4)

    assert desk.asked.count(leg(1).leg_id) >= 2
    assert {result.leg_id for result in desk.heard} == {leg(2).leg_id}


async def test_ask_all_asks_each_once_now() -> None:
    desk = Desk(leg(1), leg(2))

    await desk.late.ask_all()

    assert sorted(desk.asked) == [leg(1).leg_id, leg(2).leg_id]
