"""Promises of LocalExecutor, and of the whole chain on paper: runner, router, executor, journal, paper venues, one ledger."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from execution_fakes import KX, POLY, Bench, contracts, result

from controller.execution.arb import ArbRunner, ArbSettings
from controller.execution.hybrid import HybridExecutor
from controller.execution.local import LocalExecutor
from trading.clock import SECOND, ManualClock
from trading.errors import Rejected, UnknownOutcome
from trading.ids import SeededIds, client_order_id
from trading.journal import MemoryJournal
from trading.market import KALSHI, POLYMARKET
from trading.order import LegRequest, LegResult
from trading.paper import PaperClient
from trading.units import Money, MonoNs, Price, Size
from trading.venue import AccountQuery, Prepared, SignedOrder

MARKETS = {KX.id: KX, POLY.id: POLY}


class Venue:
    """A Kalshi whose answers are set by the test."""

    venue = KALSHI

    def __init__(self) -> None:
        self.answer: Callable[[LegRequest], LegResult] = lambda leg: result(leg, "filled", 10)
        self.found: LegResult | None = None
        self.sends = self.finds = self.warmed = 0
        self.hints: list[LegResult] = []

    def prepare(self, leg, market, ids, clock):
        return Prepared(leg=leg, client_order_id=client_order_id(leg.leg_id), venue_order_id=None, fields={})

    async def sign(self, order):
        return SignedOrder(prepared=order, body=b"", headers={})

    async def send(self, order, *, deadline):
        self.sends += 1
        await asyncio.sleep(0)
        return self.answer(order.prepared.leg)

    async def find(self, order):
        self.finds += 1
        return self.found

    async def cancel(self, order):
        raise Rejected("kalshi", "not_found")

    async def warm(self):
        self.warmed += 1

    async def updates(self):
        for hint in self.hints:
            yield hint


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.venue = Venue()
        self.journal = MemoryJournal()
        self.executor = LocalExecutor(
            self.venue,
            self.journal,
            self.clock,
            SeededIds(self.clock, 1),
            name="local",
            market_of=MARKETS.get,
            sleep=self.sleep,
        )
        self.leg = msgspec.structs.replace(Bench().approved().legs[1], world="sim")

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(round(seconds * SECOND))
        await asyncio.sleep(0)


async def test_executes_once_even_when_asked_twice_at_once():
    """Two callers, one order."""
    desk = Desk()

    one, two = await asyncio.gather(desk.executor.execute(desk.leg), desk.executor.execute(desk.leg))

    assert (one.state, two.state, desk.venue.sends) == ("filled", "unknown", 1)


def test_refuses_what_cannot_go():
    """Unknown or closed market, wrong venue, late leg, live without a durable journal: named before anything is sent."""
    desk = Desk()
    other = Bench().approved().legs[0]
    stranger = msgspec.structs.replace(desk.leg, want=msgspec.structs.replace(desk.leg.want, market="KX-OTHER"))

    assert desk.executor.refuses([desk.leg]) is None
    assert "is a leg of polymarket" in desk.executor.refuses([desk.leg, other])
    assert "not known" in desk.executor.refuses([stranger])
    assert "durable" in desk.executor.refuses([msgspec.structs.replace(desk.leg, world="live")])
    assert "deadline" in desk.executor.refuses([msgspec.structs.replace(desk.leg, deadline=MonoNs(0))])


async def test_resolve_asks_only_as_much_as_needed():
    """Settled: no question. Final with estimates: one. Open: until final."""
    desk = Desk()
    await desk.executor.execute(desk.leg)
    await desk.executor.resolve(desk.leg.leg_id)
    assert desk.venue.finds == 0

    desk = Desk()
    whole = result(desk.leg, "filled", 10)
    rough = msgspec.structs.replace(whole, fills=tuple(msgspec.structs.replace(f, fee_is_final=False) for f in whole.fills))
    desk.venue.answer = lambda leg: rough
    desk.venue.found = rough
    await desk.executor.execute(desk.leg)
    assert not (await desk.executor.resolve(desk.leg.leg_id)).settled and desk.venue.finds == 1

    desk = Desk()
    desk.venue.answer = lambda leg: result(leg, "unknown")
    await desk.executor.execute(desk.leg)
    assert (await desk.executor.resolve(desk.leg.leg_id)).state == "none"
    assert desk.venue.finds > 3


async def test_fault_before_the_promise_is_a_definite_no():
    """What cannot be prepared was never sent: a doubt that nobody can clear would leave the other leg alone."""
    desk = Desk()
    desk.venue.prepare = lambda *_: 1 / 0

    answer = await desk.executor.execute(desk.leg)

    assert (answer.state, answer.code) == ("refused", "not_prepared")
    assert desk.venue.sends == 0 and desk.journal.stored(desk.leg.leg_id) is None


async def test_failed_cancel_proves_nothing():
    """A cancel the venue refuses leaves the leg as it was; a leg of nobody is unknown."""
    desk = Desk()
    desk.venue.answer = lambda leg: result(leg, "resting")
    await desk.executor.execute(desk.leg)

    assert (await desk.executor.cancel(desk.leg.leg_id)).state == "resting"
    assert await desk.executor.cancel_all("test") == 0
    assert (await desk.executor.resolve(Bench().approved().legs[0].leg_id)).code == "not_promised"


async def test_fill_of_a_rejected_order_is_taken_as_the_truth():
    """The venue said no and fills it all the same: the fill is kept and told, so that its arb is hedged."""
    desk = Desk()
    desk.venue.answer = lambda leg: result(leg, "rejected", code="throttled")
    await desk.executor.execute(desk.leg)
    desk.venue.hints = [result(desk.leg, "filled", 10)]

    assert [told.state async for told in desk.executor.updates()] == ["filled"]


async def test_fill_of_an_order_we_never_sent_is_an_error_for_a_person(events):
    """Our own refusal means that nothing left: a fill under its id is not ours to explain, so somebody must be told."""
    desk = Desk()
    await desk.journal.promise([desk.leg])
    await desk.journal.settle(result(desk.leg, "refused", code="halted"))
    desk.venue.hints = [result(desk.leg, "filled", 10)]

    assert [told async for told in desk.executor.updates()] == []

    assert [row["event"] for row in events if row["log_level"] == "error"] == ["fill_of_a_refused_order"]


async def test_updates_keep_and_tell_only_news():
    """The private stream's later truths reach the journal first; repeats and strangers are not told."""
    desk = Desk()
    desk.venue.answer = lambda leg: result(leg, "unknown")
    await desk.executor.execute(desk.leg)
    stranger = Bench().approved().legs[0]
    hint = result(desk.leg, "filled", 10)
    desk.venue.hints = [hint, hint, result(stranger, "filled", 10), result(desk.leg, "partial", 4)]

    told = [update async for update in desk.executor.updates()]

    assert [(update.state, update.result_no) for update in told] == [("filled", 2)]
    assert desk.journal.stored(desk.leg.leg_id)[1] == told[0]


async def test_warms_only_for_its_markets():
    """prepare() keeps the connection warm when one of the markets is ours."""
    desk = Desk()

    await desk.executor.prepare([POLY.id])
    await desk.executor.prepare([POLY.id, KX.id])

    assert desk.venue.warmed == 1


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answers_lost"])
@pytest.mark.parametrize("mode", ["sequential", "concurrent"])
async def test_paper_arb_ends_with_equal_books(mode, lost):
    """The whole chain on paper: what the arb says it earned is what both paper ledgers hold, to the unit."""
    bench = Bench()
    clock, start = bench.clock, Money(1_000_000_000)

    async def sleep(seconds: float) -> None:
        clock.advance(round(seconds * SECOND))
        await asyncio.sleep(0)

    class Forgetful(PaperClient):
        async def send(self, order, *, deadline):
            done = await super().send(order, deadline=deadline)
            if lost and self.venue == POLYMARKET:
                raise UnknownOutcome(self.venue, "timeout")
            return done

    journal = MemoryJournal()
    clients = {
        venue: Forgetful(
            venue,
            reads=None,
            book_of=bench.state.books.get,
            clock=clock,
            cash={0: start},
            sizing="cash" if venue == POLYMARKET else "contracts",
            nets=venue == KALSHI,
            sleep=sleep,
        )
        for venue in (KALSHI, POLYMARKET)
    }
    local = {
        venue: LocalExecutor(client, journal, clock, SeededIds(clock, 7), name="paper", market_of=MARKETS.get, sleep=sleep)
        for venue, client in clients.items()
    }
    bench.state.books[POLY.id].apply_level("ask", Price(4_100), contracts(4), MonoNs(2))
    hybrid = HybridExecutor(local, {}, frozenset(local))
    runner = ArbRunner(hybrid, bench.gate, bench.state, clock, bench.events.append, ArbSettings(), sleep)

    closed = await runner.run(bench.approved(mode=mode))

    assert closed.outcome == "matched" and closed.unhedged <= 50_000
    cash = 0
    held: dict[str, Size] = {}
    for venue, client in clients.items():
        cash += sum(row.cash for row in (await client.account(AccountQuery(what="balances"))).balances)
        for row in (await client.account(AccountQuery(what="positions"))).positions:
            held[venue] = row.size
    sets = min(held[POLYMARKET], -held[KALSHI])
    assert cash - 2 * start == sum(-done.cost - done.fee for done in closed.results)
    assert closed.profit == cash - 2 * start + sets
    assert held[POLYMARKET] > contracts(10)  # the pUSD-sized buy delivered more, and it is hedged
    assert held[POLYMARKET] + held[KALSHI] == closed.unhedged
