"""One leg, from request to result: the only caller of a venue's sign and send.

    J0 asked ► J1 checked ► J2 promised ► J4 signed ► J5 handed over ► J6 answered ► J7 result kept     (distributed.md 4.6)

Whatever happens, a leg id causes at most one order: the promise is durable before the send, the send happens once, and every
doubt after the send began is the state "unknown". resolve_leg clears a doubt by asking; it never sends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, Literal, TypeVar

import msgspec

from trading.clock import MS, SECOND, Clock
from trading.errors import Misuse, Rejected, UnknownOutcome, Unreachable, VenueError
from trading.ids import Ids, LegId
from trading.journal import Journal
from trading.log import get_logger
from trading.market import Action, Market
from trading.order import FINAL, LegRequest, LegResult, LegState, Tif, advance
from trading.paper import PaperClient
from trading.units import MonoNs, cost_of
from trading.venue import Prepared, SignedOrder, VenueClient

__all__ = ["PROOF_NS", "Until", "execute_leg", "record", "resolve_leg", "supersedes"]

Until = Literal["final", "settled", "confirmed"]
T = TypeVar("T")
U = TypeVar("U")
Probe = Callable[[str], None]
Veto = Callable[[], tuple[str, str] | None]
Stages = list[tuple[str, MonoNs]]

_BUY, _GTC = Action.BUY, Tif.GTC  # looked up by name, a member of an Enum costs half a microsecond
DENIALS = 3
"""Agreeing answers "no such order" before absence is believed (distributed.md 4.6)."""
DENIAL_SPAN_NS = 15 * SECOND
DENIAL_GRACE_NS = 5 * SECOND
"""Past the leg's deadline: a request on its way may still arrive that long."""
LONGEST_FLIGHT_NS = 30 * SECOND
"""A deadline further away than this comes from an earlier boot, whose clock means nothing here."""

PROOF_NS = LONGEST_FLIGHT_NS + DENIAL_GRACE_NS + 25 * SECOND
"""How long one look-up must be allowed to last, or it could never prove an order's absence after a reboot: the denials count from
35 s on and are 4 s apart by then, so the third comes at 47 s, without the venue's own delays."""

_QUICK_NS = (0, 50 * MS, 150 * MS, 400 * MS)
"""After the end of the hold (execution.md 2, poly_first)."""
_STEADY_NS = 250 * MS
_STEADY_FOR_NS = 3 * SECOND
_SLOWEST_NS = 4 * SECOND

_log = get_logger("trading.execute")


def _silent(_: str) -> None:
    return None


def supersedes(old: LegResult | None, new: LegResult) -> bool:
    """Whether new says more than old: answers, stream and look-ups race, and a slower one must not take knowledge away."""
    if old is None:
        return True
    try:
        next_one = advance(old, new)
    except Misuse:
        return False
    if _facts(next_one) == _facts(old):
        return False
    gone, reversed_now = _reversed(old), _reversed(next_one)
    if not gone <= reversed_now:
        return False  # B-424: what the venue took back stays taken back; this read is older than the reversal
    if gone and new.filled > old.filled and not new.settled:
        return False  # nor does an estimate, under another fill's name, bring it back
    reversal = reversed_now > gone
    if new.filled < old.filled and not reversal:
        return False  # a read that lags, of an ended order as of one that goes on; only a reversal takes fills away (B-424)
    if old.state == "held" and new.state == "unknown":
        return False
    if reversal or new.filled != old.filled:
        return True
    return not (old.settled and not new.settled) and not (old.confirmed and not new.confirmed)


def _reversed(result: LegResult) -> frozenset[str]:
    return frozenset(fill.id for fill in result.fills if fill.status == "reversed")


def _facts(result: LegResult) -> tuple[object, ...]:
    return (result.state, result.filled, result.cost, result.fee, result.fills, result.venue_order_id, result.code)


async def record(journal: Journal, new: LegResult) -> LegResult:
    """Keep a newer result and return the leg's current one. Raises Misuse for a leg never promised."""
    known = journal.stored(new.leg_id)
    if known is None:
        raise Misuse(f"result for leg {new.leg_id.hex()} that was never promised")
    old = known[1]
    if old is not None:
        if not supersedes(old, new):
            return old
        new = msgspec.structs.replace(
            new,
            stages=new.stages or old.stages,
            client_order_id=new.client_order_id or old.client_order_id,
            venue_order_id=new.venue_order_id or old.venue_order_id,
        )
    try:
        return await journal.settle(new)
    except Misuse:
        again = journal.stored(new.leg_id)  # another truth was kept while this one waited for the disk
        if again is None or again[1] is None:
            raise
        return again[1]


def _refused(leg: LegRequest, code: str, detail: str, stages: Stages | None = None) -> LegResult:
    return LegResult(leg_id=leg.leg_id, state="refused", code=code, detail=detail, stages=tuple(stages or ()))


def _in_flight(leg: LegRequest) -> LegResult:
    return LegResult(leg_id=leg.leg_id, state="unknown", code="in_flight", detail="promised before, no result yet")


def _objection(leg: LegRequest, venue: VenueClient, market: Market, journal: Journal, now: MonoNs) -> tuple[str, str] | None:
    """Why this leg may not go at all: (code, detail)."""
    want = leg.want
    if leg.venue != venue.venue or market.venue != venue.venue or market.id != want.market:
        return "wrong_venue", f"leg for {want.market} on {leg.venue} offered to {venue.venue} with market {market.id}"
    if (leg.world == "paper") is not isinstance(venue, PaperClient):  # B-092: paper legs and real clients never meet
        return "wrong_world", f"a {leg.world} leg cannot go through this {venue.venue} client"
    if leg.world == "live" and not journal.durable:
        return "not_durable", "live legs need a durable journal; open one in STATE_DIR"
    if want.size <= 0:
        return "no_size", f"{want.market}: size {want.size} is not an order"
    if want.action is _BUY and cost_of(want.limit, want.size) > leg.max_cost:
        return "max_cost", f"{want.market}: {want.size} at {want.limit} costs more than the {leg.max_cost} approved"
    if now >= leg.deadline:
        return "deadline", f"{(now - leg.deadline) // MS} ms past the leg's deadline"
    return None


async def execute_leg(
    leg: LegRequest,
    *,
    venue: VenueClient,
    market: Market,
    journal: Journal,
    clock: Clock,
    ids: Ids,
    probe: Probe = _silent,
    prepared: Prepared | None = None,
    veto: Veto = lambda: None,
) -> LegResult:
    """Execute one leg at most once and return what is known of it.

    prepared says that the caller fixed and promised this order already (a trader acknowledges between promise and send); then
    the caller must not call twice. Otherwise a leg id seen before gives its stored result (B-223), "unknown" while it has none.
    States: refused = ours, nothing sent; rejected with code "unreachable" = nothing sent; unknown = look it up. When cancelled
    during the send, the journal keeps "unknown" and the cancellation goes on. probe hears the name of each step passed. veto is
    asked last of all, just before the send: (code, detail) of a kill switch, or None.
    """
    probe("J0")
    stages: Stages = []
    known = journal.stored(leg.leg_id)
    if known is not None and (prepared is None or known[1] is not None):
        return known[1] or _in_flight(leg)
    if known is None and prepared is not None:
        raise Misuse(f"leg {leg.leg_id.hex()} comes prepared but was never promised")
    if prepared is not None and prepared.leg != leg:
        raise Misuse(f"leg {leg.leg_id.hex()} differs from the order prepared for it")
    promised = prepared is not None
    no = _objection(leg, venue, market, journal, clock.mono_ns())
    if no is None and prepared is None:
        try:
            prepared = venue.prepare(leg, market, ids, clock)
        except Rejected as exc:
            no = (exc.code, exc.detail)
    if no is not None or prepared is None:
        code, detail = no or ("not_prepared", "")
        refused = _refused(leg, code, detail)
        return await record(journal, refused) if promised else refused
    stages.append(("prepared", clock.mono_ns()))
    probe("J1")

    signed = await _promise_and_sign(prepared, venue, journal, clock, stages, promised=promised)
    if isinstance(signed, LegResult):
        return signed
    probe("J2")
    probe("J4")
    if clock.mono_ns() >= leg.deadline:  # distributed.md 4.5: again just before the send, not only on arrival
        return await record(journal, _refused(leg, "deadline", "signing outlasted the leg's deadline", stages))
    if (vetoed := veto()) is not None:
        return await record(journal, _refused(leg, *vetoed, stages))
    probe("J5")
    answer = await _send_once(signed, venue, journal, clock, stages)
    probe("J6")
    try:
        kept = await asyncio.shield(record(journal, answer))
    except Exception as exc:  # the answer is true all the same; after a restart the venue is asked again
        _log.error("result_not_kept", leg=leg.leg_id, error=repr(exc))
        return answer
    probe("J7")
    return kept


async def _promise_and_sign(
    prepared: Prepared, venue: VenueClient, journal: Journal, clock: Clock, stages: Stages, *, promised: bool
) -> SignedOrder | LegResult:
    """Make the promise durable while the order is signed; a LegResult means that nothing will be sent."""
    leg = prepared.leg
    ours = promised

    async def promise() -> None:
        nonlocal ours
        if not promised:
            await journal.promise([prepared])
            ours = True
            stages.append(("promised", clock.mono_ns()))

    async def sign() -> SignedOrder:
        signed = await venue.sign(prepared)
        stages.append(("signed", clock.mono_ns()))
        return signed

    try:
        kept, signed = await _together(promise(), sign())
    except asyncio.CancelledError:
        if ours:  # so that no restart has to ask the venue about it
            await asyncio.shield(record(journal, _refused(leg, "cancelled", "cancelled before the send", stages)))
        raise
    if isinstance(kept, Misuse):  # the same leg was promised meanwhile by another call: that one sends and answers
        known = journal.stored(leg.leg_id)
        return (known[1] if known else None) or _in_flight(leg)
    if isinstance(kept, BaseException):
        # Nothing is sent. The row may exist all the same: then it is a promise without result, and is asked about at the start.
        _log.error("leg_not_promised", leg=leg.leg_id, error=repr(kept))
        return _refused(leg, "not_promised", f"{type(kept).__name__}: {kept}", stages)
    if isinstance(signed, BaseException):
        code = signed.code if isinstance(signed, VenueError) else "not_signed"
        return await record(journal, _refused(leg, code, f"{type(signed).__name__}: {signed}", stages))
    return signed


async def _together(one: Coroutine[Any, Any, T], two: Coroutine[Any, Any, U]) -> tuple[T | BaseException, U | BaseException]:
    """asyncio.gather with return_exceptions, for work that seldom waits: two tasks cost as much as both signatures do.

    When the first waits (the disk of a promise), the loop gets one turn before the second begins: the promise of an arb's other
    leg joins the same commit, which then runs while both orders are signed. Only when both really wait do they become tasks.
    """
    first = _Begun(one)
    if not first.ended:
        try:
            await asyncio.sleep(0)
        except BaseException as exc:
            two.close()
            first.interrupt(exc)
            await first
            raise
    second = _Begun(two)
    if first.ended or second.ended:
        return await first, await second
    kept, signed = await asyncio.gather(first, second, return_exceptions=True)
    return kept, signed


class _Begun(Generic[T]):
    """A coroutine that ran up to its first wait when this was made. Awaiting it gives its value, or the exception as a value;
    cancellation goes to where it waits, and through."""

    __slots__ = ("_outcome", "_waits", "_work", "ended")
    _outcome: T | Exception

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self.ended = False
        self._step(None)

    def interrupt(self, fault: BaseException) -> None:
        """Raise fault where it waits."""
        self._step(fault)

    def _step(self, fault: BaseException | None) -> None:
        try:
            self._waits = self._work.send(None) if fault is None else self._work.throw(fault)
        except StopIteration as end:
            self.ended, self._outcome = True, end.value
        except Exception as exc:  # the caller decides what it means
            self.ended, self._outcome = True, exc

    def __await__(self) -> Generator[Any, Any, T | Exception]:
        while not self.ended:
            fault: BaseException | None = None
            try:
                yield self._waits
            except BaseException as exc:
                fault = exc
            self._step(fault)
        return self._outcome


async def _send_once(signed: SignedOrder, venue: VenueClient, journal: Journal, clock: Clock, stages: Stages) -> LegResult:
    """The one send of this leg; every way it can end, as a result."""
    order = signed.prepared
    leg = order.leg

    def ended(state: LegState, code: str, detail: str) -> LegResult:
        return LegResult(leg_id=leg.leg_id, state=state, code=code, detail=detail)

    stages.append(("sent", clock.mono_ns()))
    try:
        answer = await venue.send(signed, deadline=leg.deadline)
        if answer.leg_id != leg.leg_id:
            answer = ended("unknown", "bad_answer", f"the answer names leg {answer.leg_id.hex()}")
    except asyncio.CancelledError:
        # The bytes may be on their way: "unknown", never "none" (B-093), and the shield keeps a second cancel from losing it.
        await asyncio.shield(record(journal, _named(ended("unknown", "cancelled", "cancelled while sending"), order, stages)))
        raise
    except Unreachable as exc:
        answer = ended("rejected", "unreachable", exc.detail)
    except Rejected as exc:
        answer = ended("rejected", exc.code, exc.detail)
    except UnknownOutcome as exc:
        answer = ended("unknown", exc.code, exc.detail)
    except Exception as exc:  # the leg's boundary: after the send began anything else is a doubt, not a crash
        _log.error("send_failed", leg=leg.leg_id, venue=leg.venue, error=repr(exc))
        answer = ended("unknown", exc.code if isinstance(exc, VenueError) else "unexpected", f"{type(exc).__name__}: {exc}")
    stages.append(("answered", clock.mono_ns()))
    return _named(answer, order, stages)


def _named(result: LegResult, order: Prepared, stages: Stages) -> LegResult:
    return msgspec.structs.replace(
        result,
        stages=(*stages, *result.stages),
        client_order_id=result.client_order_id or order.client_order_id,
        venue_order_id=result.venue_order_id or order.venue_order_id or "",
    )


async def resolve_leg(
    leg_id: LegId,
    *,
    venue: VenueClient,
    journal: Journal,
    clock: Clock,
    deadline: MonoNs,
    sleep: Callable[[float], Awaitable[None]],
    until: Until = "final",
    hold_ns: int = 0,
) -> LegResult:
    """Ask the venue about a promised leg until its result is final (or settled), at most until deadline; never sends.

    hold_ns is the venue's taker hold: asking starts at its end. "none" is concluded from silence only for an order that cannot
    rest, past its deadline and a grace, after three denials in a row spread over 15 s; before that the leg stays unknown.
    Raises Misuse for a leg this journal did not prepare: its trader must be asked.
    """
    order = journal.prepared(leg_id)
    if order is None:
        raise Misuse(f"leg {leg_id.hex()} was not prepared here; ask the process that sent it")
    known = journal.stored(leg_id)
    current = (known[1] if known else None) or LegResult(leg_id=leg_id, state="unknown", code="in_flight")
    began = clock.mono_ns()
    ends = _hold_end(current, hold_ns, began)
    quick = _QUICK_NS[1:] if ends > began else _QUICK_NS
    denials: list[MonoNs] = []
    step = 0
    while not _done(current, until):
        now = clock.mono_ns()
        due = MonoNs(max(now, ends + quick[step])) if step < len(quick) else _later(now, ends)
        if due > deadline and (step or due > now):
            break  # a first question that needs no waiting is always asked: clocks move between the caller's and ours
        if due > now:
            await sleep((due - now) / SECOND)
        step += 1
        try:
            found = await venue.find(order)
        except VenueError as exc:  # not an answer: neither for nor against
            _log.warning("find_failed", leg=leg_id, venue=venue.venue, error=str(exc))
            continue
        if found is not None:
            denials.clear()
            current = await record(journal, found)
            continue
        denials.append(clock.mono_ns())
        if current.state not in FINAL and _absent(order.leg, denials, began):
            none = LegResult(leg_id=leg_id, state="none", code="not_found", detail=f"{len(denials)} denials past the deadline")
            current = await record(journal, _named(none, order, []))
            continue
        newest = journal.stored(leg_id)  # the private stream may have been quicker than the question
        current = (newest[1] if newest else None) or current
    return current


def _done(result: LegResult, until: Until) -> bool:
    if until == "confirmed":
        return result.confirmed
    return result.settled if until == "settled" else result.final


def _hold_end(result: LegResult, hold_ns: int, began: MonoNs) -> MonoNs:
    """When the venue can know the outcome: the end of the hold for an order that is held, now otherwise."""
    if result.state != "held":
        return began
    sent = next((at for name, at in result.stages if name == "sent"), began)
    return MonoNs(max(began, min(sent + hold_ns, began + hold_ns)))


def _later(now: MonoNs, ends: MonoNs) -> MonoNs:
    """After the quick questions: every 250 ms for three seconds, then ever slower to 4 s."""
    late = now - ends - _STEADY_FOR_NS
    return MonoNs(now + (_STEADY_NS if late < 0 else min(_SLOWEST_NS, 500 * MS * (1 + late // SECOND))))


def _absent(leg: LegRequest, denials: list[MonoNs], began: MonoNs) -> bool:
    """Whether silence proves that no order exists: it can no longer arrive, and the last three denials all came after that."""
    if leg.want.tif is _GTC or len(denials) < DENIALS:
        return False
    arrives_by = min(leg.deadline, began + LONGEST_FLIGHT_NS) + DENIAL_GRACE_NS
    return denials[-1] - denials[0] >= DENIAL_SPAN_NS and denials[-DENIALS] >= arrives_by
