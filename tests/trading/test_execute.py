"""Promises of execute_leg and resolve_leg: at most one send, never before the promise, and doubt is a state of its own."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from trading.clock import MS, SECOND, ManualClock
from trading.errors import BadAnswer, Misuse, ModeClosed, Rejected, Throttled, UnknownOutcome, Unreachable
from trading.execute import execute_leg, record, resolve_leg, supersedes
from trading.ids import SeededIds, client_order_id, leg_id
from trading.journal import MemoryJournal
from trading.market import KALSHI, POLYMARKET, Action, FeeTerms, Market, MarketId, Outcome
from trading.order import Fill, LegRequest, LegResult, Tif, Want
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


async def test_promise_returns_before_the_send():
    """Nothing is sent before the promise is durable, although signing runs meanwhile."""
    world = World()

    result = await world.execute(world.leg())

    assert result.state == "filled"
    assert world.calls == ["prepare", "promise", "sign", "promised", "send", "settle filled"]


async def test_stages_and_ids_are_stamped():
    """The result names every stage in time and the ids the order was sent under."""
    world = World()
    world.venue.signing = lambda: world.clock.advance(MS)
    leg = world.leg()

    result = await world.execute(leg)

    names = [name for name, _ in result.stages]
    assert sorted(names) == sorted(["prepared", "promised", "signed", "sent", "answered"])
    assert names.index("sent") > max(names.index("promised"), names.index("signed"))
    assert result.client_order_id == client_order_id(leg.leg_id)


async def test_probe_hears_the_steps_in_order():
    """Crash points J0 to J7 are passed in the order of distributed.md 4.6."""
    world = World()
    heard: list[str] = []

    await world.execute(world.leg(), probe=lambda step: heard.append(f"{step}:{world.calls[-1] if world.calls else ''}"))

    assert [step.split(":")[0] for step in heard] == ["J0", "J1", "J2", "J4", "J5", "J6", "J7"]
    assert heard[2] == "J2:promised" and heard[4] == "J5:promised" and heard[5] == "J6:send"


@pytest.mark.parametrize("step", ["J0", "J1", "J2", "J4", "J5", "J6"])
async def test_crash_leaves_a_truthful_journal(step):
    """A crash at any step leaves either nothing, or a promise without a result, and no second send is possible."""
    world = World()
    leg = world.leg()

    def crash(name: str) -> None:
        if name == step:
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        await world.execute(leg, probe=crash)
    sent = world.calls.count("send")
    stored = world.journal.stored(leg.leg_id)

    assert sent == (step == "J6")
    assert (stored is None) == (step in ("J0", "J1"))
    if stored is not None:
        assert stored[1] is None
        assert (await world.execute(leg)).state == "unknown"
        assert world.calls.count("send") == sent


async def test_repeated_leg_id_returns_stored_result():
    """B-223: a repeated leg id gives the stored result and is not sent again."""
    world = World()
    leg = world.leg()
    first = await world.execute(leg)

    again = await world.execute(leg)

    assert again == first
    assert world.calls.count("send") == 1


async def test_same_leg_twice_at_once_sends_once():
    """Two concurrent calls with one leg id cause one order; the other call knows only that it is under way."""
    world = World()
    leg = world.leg()

    one, two = await asyncio.gather(world.execute(leg), world.execute(leg))

    assert sorted([one.state, two.state]) == ["filled", "unknown"]
    assert world.calls.count("send") == 1
    assert world.journal.stored(leg.leg_id)[1].state == "filled"


async def test_live_needs_a_durable_journal():
    """A live leg is refused unsent while the journal would forget it."""
    world = World()

    refused = await world.execute(world.leg(world="live"))

    assert (refused.state, refused.code) == ("refused", "not_durable")
    assert world.calls == []
    durable = World(durable=True)
    assert (await durable.execute(durable.leg(world="live"))).state == "filled"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"venue": POLYMARKET}, "wrong_venue"),
        ({"world": "paper"}, "wrong_world"),
        ({"max_cost": Money(5_599_999)}, "max_cost"),
        ({"deadline": MonoNs(0)}, "deadline"),
    ],
)
async def test_refusals_send_nothing(changes, code):
    """Wrong venue, a paper leg at a real client, too dear, too late: refused with its own word, nothing promised."""
    world = World()

    refused = await world.execute(world.leg(**changes))

    assert (refused.state, refused.code) == ("refused", code)
    assert world.calls == []


async def test_prepare_rejection_is_a_refusal():
    """What the venue's rules forbid beforehand is refused with the rule's word."""
    world = World()
    world.venue.prepare_fault = Rejected("kalshi", "off_grid", "0.565")

    refused = await world.execute(world.leg())

    assert (refused.state, refused.code, world.calls) == ("refused", "off_grid", ["prepare"])


async def test_deadline_is_checked_again_just_before_the_send():
    """A leg that was signed too slowly is refused, and the journal says so."""
    world = World()
    world.venue.signing = lambda: world.clock.advance(6 * SECOND)
    leg = world.leg()

    refused = await world.execute(leg)

    assert (refused.state, refused.code) == ("refused", "deadline")
    assert "send" not in world.calls
    assert world.journal.stored(leg.leg_id)[1].state == "refused"


async def test_failed_promise_or_signature_sends_nothing():
    """Without promise or signature no order leaves."""
    for field in ("promise", "sign"):
        world = World()
        if field == "promise":
            world.journal.fault = OSError("disk full")
        else:
            world.venue.sign_fault = ValueError("key")

        refused = await world.execute(world.leg())

        assert refused.state == "refused"
        assert "send" not in world.calls


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        (Unreachable("kalshi", "unreachable"), "rejected", "unreachable"),
        (Throttled("kalshi", "throttled"), "rejected", "throttled"),
        (ModeClosed("kalshi", "trading_paused"), "rejected", "trading_paused"),
        (UnknownOutcome("kalshi", "timeout"), "unknown", "timeout"),
        (BadAnswer("kalshi", "bad_answer"), "unknown", "bad_answer"),
        (RuntimeError("bug"), "unknown", "unexpected"),
        (TimeoutError(), "unknown", "unexpected"),
    ],
)
async def test_faults_of_the_send(fault, state, code):
    """Definite noes are rejected; every other end of a begun send is unknown."""
    world = World()
    world.venue.fault = fault
    leg = world.leg()

    result = await world.execute(leg)

    assert (result.state, result.code) == (state, code)
    assert world.journal.stored(leg.leg_id)[1] == result


async def test_cancellation_mid_send_leaves_unknown():
    """A cancelled send stays in the journal as unknown, never as none, and is not sent again."""
    world = World()
    world.venue.gate = asyncio.Event()
    leg = world.leg()
    task = asyncio.create_task(world.execute(leg))
    await world.venue.sending.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert world.journal.stored(leg.leg_id)[1].state == "unknown"
    assert (await world.execute(leg)).state == "unknown"
    assert world.calls.count("send") == 1


async def test_cancellation_before_the_send_is_a_refusal():
    """Cancelled while signing, after the promise: nothing was sent and the journal knows it."""
    world = World()
    forever = asyncio.Event()

    async def sign(order):
        await forever.wait()

    world.venue.sign = sign
    leg = world.leg()
    task = asyncio.create_task(world.execute(leg))
    while "promised" not in world.calls:
        await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert world.journal.stored(leg.leg_id)[1].state == "refused"
    assert "send" not in world.calls


async def test_answer_for_another_leg_is_unknown():
    """An answer that names another leg proves nothing about ours."""
    world = World()
    world.venue.answer = lambda order: filled(world.leg())

    result = await world.execute(world.leg())

    assert (result.state, result.code) == ("unknown", "bad_answer")


async def test_answer_survives_a_broken_journal():
    """A result that cannot be kept is still the result."""
    world = World()
    leg = world.leg()

    async def broken(result):
        raise OSError("disk full")

    world.journal.settle = broken

    assert (await world.execute(leg)).state == "filled"


async def test_prepared_order_is_not_promised_again():
    """A trader promises before it acknowledges; execute_leg then sends what was promised."""
    world = World()
    leg = world.leg()
    prepared = world.venue.prepare(leg, MARKET, world.ids, world.clock)
    with pytest.raises(Misuse):
        await world.execute(leg, prepared=prepared)
    await world.journal.promise([prepared])
    world.calls.clear()

    result = await world.execute(leg, prepared=prepared)

    assert result.state == "filled"
    assert world.calls == ["sign", "send", "settle filled"]
    assert await world.execute(leg, prepared=prepared) == result
    assert world.calls.count("send") == 1


# -- resolve ------------------------------------------------------------------------------------------------------------------


async def unknown_leg(world: World) -> LegRequest:
    world.venue.fault = UnknownOutcome("kalshi", "timeout")
    leg = world.leg()
    await world.execute(leg)
    world.calls.clear()
    return leg


async def test_resolve_finds_a_late_fill_and_never_sends():
    """Unknown is cleared by asking: a fill that proves itself becomes the result."""
    world = World()
    leg = await unknown_leg(world)
    world.venue.found = [None, Unreachable("kalshi", "unreachable"), filled(leg)]

    result = await world.resolve(leg)

    assert (result.state, result.filled) == ("filled", leg.want.size)
    assert "send" not in world.calls and world.calls.count("find") == 3


async def test_silence_is_believed_late_and_only_for_iocs():
    """ "none" takes denials in a row over 15 s, past deadline and grace; an order that could rest is never assumed gone."""
    world = World()
    leg = await unknown_leg(world)
    world.venue.found = [None]
    began = world.clock.mono_ns()

    early = await world.resolve(leg, within=9 * SECOND)
    late = await world.resolve(leg)

    assert early.state == "unknown"
    assert (late.state, late.code) == ("none", "not_found")
    assert world.clock.mono_ns() - began >= 24 * SECOND  # each call counts its own denials
    resting = World()
    gtc = resting.leg()
    gtc = msgspec.structs.replace(gtc, want=msgspec.structs.replace(gtc.want, tif=Tif.GTC))
    resting.venue.fault = UnknownOutcome("kalshi", "timeout")
    await resting.execute(gtc)
    resting.venue.found = [None]
    assert (await resting.resolve(gtc)).state == "unknown"


async def test_found_order_resets_the_denials():
    """One sighting outweighs the denials before it."""
    world = World()
    leg = await unknown_leg(world)
    seen = LegResult(leg_id=leg.leg_id, state="held")
    world.venue.found = [None] * 12 + [seen] + [None]

    result = await world.resolve(leg, within=18 * SECOND)

    assert result.state == "held"


async def test_held_leg_is_asked_at_the_end_of_its_hold():
    """execution.md 2: h + 50, +150, +400 ms, then every 250 ms."""
    world = World()
    world.venue.answer = lambda order: LegResult(leg_id=order.leg.leg_id, state="held")
    leg = world.leg()
    await world.execute(leg)
    sent = world.clock.mono_ns()
    held = LegResult(leg_id=leg.leg_id, state="held")
    at: list[int] = []

    async def find(order):
        at.append((world.clock.mono_ns() - sent) // MS)
        return held if len(at) < 5 else filled(leg)

    world.venue.find = find

    result = await world.resolve(leg, hold_ns=SECOND)

    assert result.state == "filled"
    assert at == [1050, 1150, 1400, 1650, 1900]


async def test_settled_waits_for_the_venues_own_fee():
    """until="settled" goes on after the fill is final, until no amount is an estimate."""
    world = World()
    world.venue.answer = lambda order: filled(order.leg, final_fee=False)
    leg = world.leg()
    await world.execute(leg)
    world.venue.found = [filled(leg, final_fee=False), filled(leg)]

    assert not (await world.resolve(leg, within=0)).settled
    assert (await world.resolve(leg, until="settled")).settled


async def test_resolve_refuses_a_foreign_leg():
    """A leg that another process prepared must be asked of that process."""
    world = World()
    leg = world.leg()
    await world.journal.promise([leg])

    with pytest.raises(Misuse, match="not prepared here"):
        await world.resolve(leg)


def test_slow_reads_take_no_knowledge_away():
    """A lagging read neither shrinks a fill nor reopens a leg; a reversal does take away (B-424)."""
    leg = World().leg()
    full, part = filled(leg), filled(leg, 4_000_000, state="partial")
    reversed_ = msgspec.structs.replace(
        filled(leg, status="reversed"), state="none", filled=Size(0), cost=Money(0), fee=Money(0)
    )

    assert supersedes(part, full)
    assert not supersedes(full, part)
    assert not supersedes(full, full)
    assert not supersedes(full, LegResult(leg_id=leg.leg_id, state="unknown"))
    assert supersedes(full, reversed_)
    assert supersedes(LegResult(leg_id=leg.leg_id, state="none"), full)


async def test_record_needs_a_promise():
    """A result without a promise is a bug of ours."""
    world = World()

    with pytest.raises(Misuse):
        await record(world.journal, filled(world.leg()))
