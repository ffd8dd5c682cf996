"""One arb, from approval to ArbClosed and beyond: sends, asks, hedges, and hears what its venues say later.

While an order is open (resting, held, unknown) nothing else is sent for the arb (B-093): it is resolved by asking, and if that
fails the arb ends as "unknown", alarmed, its event shut. A first leg that was in doubt is never followed by a plain second leg:
what it filled is an excess, priced with the books of now. Orders after the approved ones pass the gate again. The record stays
until every leg is confirmed: a result that changes what is held opens the arb again and ArbClosed is told once more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence

import msgspec

from controller.execution.base import Books, Executor, ExitGate
from controller.execution.facts import ArbSettings, exit_facts
from controller.execution.life import Arb, ArbAlarm, Arbs, ArbState, way_of
from controller.execution.outcomes import TradedOrder, classify
from controller.execution.second import affordable, meets_minimum, second_want
from controller.execution.unwind import Alarm, Complement, Complete, Hold, Sell, decide
from controller.model import ArbClosed, Event
from controller.risk.decision import Approved, Refused
from trading.clock import SECOND, Clock
from trading.errors import Misuse
from trading.ids import ArbId, LegId, arb_of, attempt_of, leg_number
from trading.log import get_logger
from trading.market import Action, Market, Outcome
from trading.order import LegRequest, LegResult, Purpose, Want
from trading.units import ONE, Money, Price, Size, complement

__all__ = ["ArbRunner", "ArbSettings"]

_log = get_logger("controller.execution.arb")
_LAST_ATTEMPT = 255
"""A leg id counts attempts in one byte."""


class ArbRunner:
    """Runs approved arbs, each in its own call of run(); report hears every result as it comes and ArbClosed last.

    offer() takes results that others heard first. alarm is told once per word and life of an arb. down names venues that take
    no orders now. newest gives what is known elsewhere (the journal) about a leg, None when nothing is. taken_over says that a
    person closed what an arb holds.
    """

    def __init__(
        self,
        executor: Executor,
        gate: ExitGate,
        state: Books,
        clock: Clock,
        report: Callable[[Event], None],
        settings: ArbSettings,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        alarm: Callable[[ArbAlarm], None] = lambda _: None,
        down: Callable[[Market], bool] = lambda _: False,
        newest: Callable[[LegId], LegResult | None] = lambda _: None,
        plan: Callable[[Approved], None] = lambda _: None,
        taken_over: Callable[[Arb], bool] = lambda _: False,
    ) -> None:
        self._executor = executor
        self._gate = gate
        self._state = state
        self._clock = clock
        self._report = report
        self._settings = settings
        self._sleep = sleep
        self._alarm = alarm
        self._down = down
        self._newest = newest
        self._plan = plan
        self._taken_over = taken_over
        self._arbs = Arbs()
        self._stopped = False

    async def run(self, approved: Approved) -> ArbClosed:
        """Live one arb to its end. Raises nothing but cancellation; what it cannot explain ends as unknown or exposed."""
        arb = Arb(approved)
        return await self._end(arb, self._live(arb))

    async def reopen(self, arb_id: ArbId) -> ArbClosed:
        """Hedge again after offer() named this closed arb, and tell ArbClosed again with corrected figures (B-424)."""
        arb = self._arbs.get(arb_id)
        if arb is None or arb.state is not ArbState.CLOSED:
            raise Misuse(f"arb {arb_id.hex()} is not one that offer() asked to open again")
        arb.go(ArbState.CONFIRMING)
        return await self._end(arb, self._settle(arb))

    def offer(self, result: LegResult) -> ArbId | None:
        """Hear a later truth about a leg that report already knows. Returns the arb that must be given to reopen(), else None.

        A running arb sees it before its next order. A closed one is counted again, and if more than dust stands alone because
        of it, it must be hedged.
        """
        arb = self._arbs.get(arb_of(result.leg_id))
        place = arb.place(result.leg_id) if arb is not None else None
        if arb is None or place is None:
            return None
        old = arb.orders[place].result
        if not arb.take(place, result) or arb.running:
            return None
        moved = old is None or not old.final or old.filled != result.filled
        if moved and not self._stopped and self._alone(arb):
            arb.running = True
            arb.alarms.clear()
            self._ring(arb, "reopened", f"{arb.orders[place].leg.want.market} is now {result.state}, {result.filled} filled")
            return arb.approved.arb_id
        self._close(arb)
        return None

    def restore(self, approved: Approved, orders: Sequence[TradedOrder], told: ArbClosed | None, *, hedge: bool = True) -> bool:
        """Take up an arb of an earlier start, closed; True when it must be given to reopen(), never without hedge.

        One with an open order waits for offer(): nothing is sent before it is known what that order did (B-093).
        """
        arb = Arb(approved)
        arb.orders.extend(orders)
        for order in orders:
            arb.attempts[order.side] = max(arb.attempts[order.side], attempt_of(order.leg.leg_id))
        arb.state, arb.told, arb.running, arb.doubted = ArbState.CLOSED, told, False, True
        self._arbs.add(arb)
        arb.running = hedge and not arb.open() and (told is None or self._alone(arb))
        return arb.running

    def running(self, arb_id: ArbId) -> bool:
        """Whether this arb asks about its legs by itself now."""
        arb = self._arbs.get(arb_id)
        return arb is not None and arb.running

    def stop(self) -> None:
        """From now on nothing is opened again: books are no longer kept. What comes late is counted and alarmed."""
        self._stopped = True

    async def _end(self, arb: Arb, life: Coroutine[None, None, None]) -> ArbClosed:
        """The task's boundary: whatever happens inside, the arb is closed and told."""
        failed = False
        try:
            await life
        except asyncio.CancelledError:
            # Shutdown: orders under way are unknown in the journal, and the next start asks about them.
            self._close(arb, failed=True, again=True)
            raise
        except Exception as exc:  # this arb stops here, its event stays shut by what it holds, and it says so
            _log.exception("arb_failed", arb=arb.approved.arb_id, state=arb.state.value)
            self._ring(arb, "arb_failed", repr(exc))
            failed = True
        return self._close(arb, failed=failed, again=True)

    def _close(self, arb: Arb, *, failed: bool = False, again: bool = False) -> ArbClosed:
        """Tell how the arb stands; a correction only if a figure changed, unless again."""
        arb.running = False
        arb.state = ArbState.CLOSED
        told, closed = arb.told, self._closed(arb, failed=failed)
        if told is not None and not again and _figures(closed) == _figures(told):
            return told
        if told is not None:
            closed = msgspec.structs.replace(closed, corrects=msgspec.structs.replace(told, corrects=None))
        arb.told = closed
        self._tell(closed)
        lost = self._arbs.trim()
        if lost is not None:
            self._ring(lost, "record_dropped", "too many arbs wait for their venues' confirmation")
        return closed

    def _closed(self, arb: Arb, *, failed: bool) -> ArbClosed:
        counted = arb.count()
        outcome = classify(counted, dust=self._settings.exits.hedge_dust)
        if failed and outcome != "exposed" and arb.orders:
            outcome = "unknown"
        if outcome == "exposed":
            self._ring(arb, "exposed", f"{counted.unhedged} unhedged, {counted.naked} at stake")
        # What stands alone in an arb that is not over is neither lost nor won: it is carried at its cost, and shown apart.
        carried = counted.naked if outcome in ("unknown", "exposed") else Money(0)
        return ArbClosed(
            arb_id=arb.approved.arb_id,
            event=arb.approved.claim,
            basket=arb.approved.intent.basket.id,
            outcome=outcome,
            matched=counted.matched,
            unhedged=counted.unhedged,
            profit=Money(counted.profit + carried),
            naked=carried,
            results=tuple(
                order.result or LegResult(leg_id=order.leg.leg_id, state="unknown", code="in_flight") for order in arb.orders
            ),
        )

    def _tell(self, event: LegResult | ArbClosed) -> None:
        try:
            self._report(event)
        except Exception:  # the listener's fault must not leave a leg alone
            _log.exception("report_failed", report=type(event).__name__)

    def _ring(self, arb: Arb, word: str, detail: str) -> None:
        if word in arb.alarms:
            return
        arb.alarms.add(word)
        counted = arb.count()
        alarm = ArbAlarm(
            arb_id=arb.approved.arb_id,
            event=arb.approved.claim,
            word=word,
            detail=detail,
            markets=tuple(side.market for side in arb.sides),
            unhedged=counted.unhedged,
            naked=counted.naked,
        )
        try:
            self._alarm(alarm)
        except Exception:  # as in _tell
            _log.exception("alarm_failed", alarm=word)

    # -- the way through the table -----------------------------------------------------------------------------------------

    async def _live(self, arb: Arb) -> None:
        approved = arb.approved
        if not self._gate.genuine(approved):
            raise Misuse(f"arb {approved.arb_id.hex()} was not approved by the gate")
        self._arbs.add(arb)
        reason = self._executor.refuses(approved.legs)
        if reason is not None:  # B-088: one leg without a path stops all
            _log.warning("arb_refused", arb=approved.arb_id, reason=reason)
            for side, leg in enumerate(approved.legs):
                refused = LegResult(leg_id=leg.leg_id, state="refused", code="no_route", detail=reason)
                arb.orders.append(TradedOrder(side, leg, None))
                self._note(arb, len(arb.orders) - 1, refused)
            arb.go(ArbState.CLOSED)
            return
        self._plan(approved)  # both legs are promised with the first one, or nothing is sent (B-431)
        if approved.plan.mode in ("concurrent", "batch"):
            await self._all(arb)
        else:
            await self._in_turn(arb)
        await self._settle(arb)

    async def _settle(self, arb: Arb) -> None:
        """Hedge what stands alone and wait for the venues' amounts; again for as long as that moves something (B-424)."""
        given_up: list[Size] | None = None
        while True:
            if self._alone(arb) and arb.nets() != given_up:
                if arb.state is not ArbState.HEDGING:
                    arb.go(ArbState.HEDGING)
                await self._hedge(arb)
                given_up = arb.nets()
            if arb.state is not ArbState.CONFIRMING:
                arb.go(ArbState.CONFIRMING)
            await self._confirm(arb)
            if not self._alone(arb) or arb.nets() == given_up:
                break
        arb.go(ArbState.CLOSED)

    def _alone(self, arb: Arb) -> bool:
        """Whether more than dust stands alone that can still be hedged, and is still ours: not paid out, not closed by a person."""
        over = arb.paid(self._state.markets) or self._taken_over(arb)
        return not over and arb.excess(self._state.markets, self._settings.exits.hedge_dust) is not None

    async def _all(self, arb: Arb) -> None:
        """Every leg starts together (B-089): the first in this task, which is there already, each further one in its own."""
        arb.go(ArbState.ALL_SENT)
        legs = arb.approved.legs
        first, *rest = arb.approved.plan.order
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._send(arb, side, legs[side])) for side in rest]
            places = [await self._send(arb, first, legs[first])]
        places += [task.result() for task in tasks]
        if arb.open():
            arb.go(ArbState.ALL_OPEN)
            await asyncio.gather(*(self._clear(arb, place) for place in places))
        if not arb.open():
            arb.go(ArbState.HEDGING)

    async def _in_turn(self, arb: Arb) -> None:
        """The first leg as approved, each further one for what the first really filled (B-175)."""
        first, *rest = arb.approved.plan.order
        arb.go(ArbState.FIRST_SENT)
        await self._place(arb, first, arb.approved.legs[first], ArbState.FIRST_OPEN)
        if arb.open() or not rest or arb.count().sides[first].net <= 0:  # in doubt, a single leg, or a free miss
            arb.go(ArbState.CONFIRMING)
            return
        for place, side in enumerate(rest):
            if arb.doubted:
                break
            await self._follow(arb, side, (first, *rest[:place]))
            if arb.open():
                return
        arb.go(ArbState.HEDGING)

    async def _follow(self, arb: Arb, side: int, earlier: Sequence[int]) -> None:
        """A further leg: IOCs for what the earlier sides hold and it lacks, each with the book read again, conceding up to the
        plan (B-455)."""
        leg = arb.approved.legs[side]
        arb.go(ArbState.SECOND_SENT)
        for attempt in range(self._settings.second_attempts):
            if attempt:
                await self._sleep(self._settings.second_pause_ns / SECOND)
            self._refresh(arb)
            market, book = self._state.markets.get(leg.want.market), self._state.books.get(leg.want.market)
            nets = [row.net for row in arb.count().sides]
            missing = Size(min(nets[other] for other in earlier) - nets[side])
            if market is None or missing < market.size_step or market.id in arb.taken_back():
                return
            furthest = arb.approved.plan.concession
            want = second_want(leg.want, missing, market, book, furthest=furthest, first=attempt == 0)
            if want is None:
                continue
            if attempt:
                sent = await self._exit(arb, want, "complete")
            else:
                # Delivered beyond the reserved cash, the surplus waits for an order of its own through the gate.
                size = min(want.size, affordable(market, leg.max_cost, want.limit)) if want.action is Action.BUY else want.size
                want = msgspec.structs.replace(want, size=Size(size))
                if not meets_minimum(market, want.limit, want.size):
                    return
                sent = await self._place(arb, side, msgspec.structs.replace(leg, want=want), ArbState.SECOND_OPEN)
            if sent is None or arb.open() or arb.doubted or sent.state in ("refused", "rejected"):
                return

    async def _place(self, arb: Arb, side: int, leg: LegRequest, opened: ArbState) -> LegResult | None:
        """Send one order and see it final; opened is the state of the arb while it is not. None = it stays in doubt."""
        sending = arb.state
        place = await self._send(arb, side, leg)
        if arb.open():
            arb.go(opened)
            await self._clear(arb, place)
            if arb.open():
                return None
            if sending is not ArbState.FIRST_SENT:
                arb.go(sending)
        return arb.orders[place].result

    # -- one order ---------------------------------------------------------------------------------------------------------

    async def _send(self, arb: Arb, side: int, leg: LegRequest) -> int:
        """Execute one order; returns its place in arb.orders. Whatever goes wrong after the start is "unknown"."""
        place = len(arb.orders)
        arb.orders.append(TradedOrder(side, leg, None))
        if self._gate.frozen:  # an approval from before is no leave
            self._note(arb, place, LegResult(leg_id=leg.leg_id, state="refused", code="frozen", detail="halt --freeze"))
            return place
        market = self._state.markets.get(leg.want.market)
        hold = max(arb.approved.plan.hold_ns, (market.hold_ns or 0) if market is not None else 0)
        try:
            async with asyncio.timeout((hold + self._settings.execution_timeout_ns) / SECOND):  # B-174
                result = await self._executor.execute(leg)
        except TimeoutError:
            result = LegResult(
                leg_id=leg.leg_id, state="unknown", code="timeout", detail="no result within EXECUTION_TIMEOUT_SECS"
            )
        except Exception as exc:  # an executor that breaks leaves a doubt, not a crash
            _log.exception("executor_failed", leg=leg.leg_id)
            result = LegResult(leg_id=leg.leg_id, state="unknown", code="executor", detail=repr(exc))
        self._note(arb, place, result)
        return place

    def _note(self, arb: Arb, place: int, result: LegResult) -> None:
        """Keep what is new about an order and report it."""
        if arb.take(place, result):
            self._tell(result)

    def _refresh(self, arb: Arb) -> None:
        """Take in what is known elsewhere by now, so that a late fill after "none" is not bought a second time (B-424)."""
        for place, order in enumerate(arb.orders):
            newest = self._newest(order.leg.leg_id)
            if newest is not None:
                self._note(arb, place, newest)

    async def _clear(self, arb: Arb, place: int) -> None:
        """Ask about an open order until it is final or the time for asking is over; the arb waits meanwhile."""
        order = arb.orders[place]
        if order.result is not None and order.result.final:
            return
        ends = self._clock.mono_ns() + self._settings.resolve_ns
        pause = self._settings.exit_pause_ns
        while True:
            current = arb.orders[place].result
            if current is not None and current.final:
                return
            if current is None or current.state == "unknown":
                arb.doubted = True
                self._ring(arb, "leg_unknown", f"{order.leg.want.market} leg {order.leg.leg_id.hex()} is being looked up")
            try:
                if current is not None and current.state == "resting":  # B-170: no arb leg may rest; B-178: cancel, then look
                    self._note(arb, place, await self._executor.cancel(order.leg.leg_id))
                self._note(arb, place, await self._executor.resolve(order.leg.leg_id))
            except Exception:  # asking failed; the doubt stays and the asking goes on
                _log.exception("resolve_failed", leg=order.leg.leg_id)
            current = arb.orders[place].result
            if current is not None and current.final:
                return
            if self._clock.mono_ns() >= ends:
                self._ring(arb, "leg_unresolved", f"{order.leg.want.market} leg {order.leg.leg_id.hex()} stays unknown")
                return
            await self._sleep(pause / SECOND)
            pause = min(2 * pause, self._settings.exit_pause_max_ns)

    # -- excess ------------------------------------------------------------------------------------------------------------

    async def _hedge(self, arb: Arb) -> None:
        """Get rid of the excess by the rule of execution.md 5, asking it again after each order, until the deadline."""
        exits = self._settings.exits
        began = self._clock.mono_ns()
        pause = self._settings.exit_pause_ns
        while True:
            self._refresh(arb)
            excess = arb.excess(self._state.markets, exits.hedge_dust)
            if excess is None:
                return
            if arb.state is not ArbState.HEDGING:
                arb.go(ArbState.HEDGING)
            elapsed = self._clock.mono_ns() - began
            wall = self._clock.wall_ns()
            facts = exit_facts(excess, elapsed, self._state, self._settings, wall, self._down, arb.swept)
            if excess.short is not None and excess.short[0].id in arb.taken_back():
                facts = msgspec.structs.replace(facts, asks=None)
            answer = decide(excess, facts, exits)
            sent: LegResult | None = None
            match answer:
                case Complete(want=want):
                    sent = await self._exit(arb, want, "complete")
                case Sell(want=want) | Complement(want=want):
                    sent = await self._exit(arb, want, "unwind")
                case Alarm(reason=reason):
                    self._ring(arb, reason, f"no way out of {excess.size} of {excess.market.id}")
                case Hold():  # every other way was asked: those refused may be asked again
                    for way in arb.refused:
                        arb.swept.pop(way, None)
                    arb.refused.clear()
            if arb.open():
                return
            if sent is not None and sent.filled > 0:
                pause = self._settings.exit_pause_ns  # for the next one, too: the book must show this fill first (B-441)
                if arb.excess(self._state.markets, exits.hedge_dust) is None:
                    return
            if elapsed >= exits.deadline_ns + (excess.market.hold_ns or 0):
                self._ring(arb, "deadline", f"{excess.size} of {excess.market.id} still unhedged")
                return
            await self._sleep(pause / SECOND)
            pause = min(2 * pause, self._settings.exit_pause_max_ns)

    async def _exit(self, arb: Arb, want: Want, purpose: Purpose) -> LegResult | None:
        """Send one more order through the gate and remember where it took all there was; None when it was not sent."""
        sent = await self._send_exit(arb, want, purpose)
        if sent is not None and sent.state in ("none", "partial"):
            limit = want.limit if want.outcome is Outcome.YES else complement(want.limit)
            arb.swept[way_of(want.market, want.outcome, want.action)] = (limit, self._clock.mono_ns())
        elif sent is None or sent.state in ("refused", "rejected"):
            worst = ONE if want.action is Action.BUY else Price(0)
            all_of_it = worst if want.outcome is Outcome.YES else complement(worst)
            arb.refused.add(way := way_of(want.market, want.outcome, want.action))
            arb.swept[way] = (all_of_it, self._clock.mono_ns())
        return sent

    async def _send_exit(self, arb: Arb, want: Want, purpose: Purpose) -> LegResult | None:
        side = next(number for number, side in enumerate(arb.sides) if side.market == want.market)
        attempt = arb.attempts[side] + 1
        if attempt > _LAST_ATTEMPT:
            self._ring(arb, "attempts_used_up", want.market)
            return None
        number = leg_number(arb.approved.legs[side].leg_id)
        want = self._executor.at_once(arb.approved.legs[side].venue, want)  # the rest is asked for after it
        answer = self._gate.exit(arb.approved, want, purpose, self._clock.mono_ns(), leg=number, attempt=attempt)
        if isinstance(answer, Refused):
            self._ring(arb, f"exit_refused_{answer.code}", answer.detail)
            return None
        reason = self._executor.refuses(answer.legs) if self._gate.genuine(answer) else "not approved by the gate"
        arb.attempts[side] = attempt  # the gate knows the number now: the next order gets another one
        if reason is not None:
            self._ring(arb, "exit_no_route", reason)
            refused = LegResult(leg_id=answer.legs[0].leg_id, state="refused", code="no_route", detail=reason)
            arb.orders.append(TradedOrder(side, answer.legs[0], None))
            self._note(arb, len(arb.orders) - 1, refused)  # so that what the gate reserved for it is free again
            return None
        opened = ArbState.HEDGE_OPEN if arb.state is ArbState.HEDGING else ArbState.SECOND_OPEN
        return await self._place(arb, side, answer.legs[0], opened)

    # -- the venues' own amounts -------------------------------------------------------------------------------------------

    async def _confirm(self, arb: Arb) -> None:
        """Replace estimates by the venues' amounts and fees, as far as they come within confirm_ns."""
        ends = self._clock.mono_ns() + self._settings.confirm_ns
        while True:
            for place in arb.estimated():
                try:
                    self._note(arb, place, await self._executor.resolve(arb.orders[place].leg.leg_id))
                except Exception:  # estimates stay; reconciliation replaces them later
                    _log.exception("confirm_failed", leg=arb.orders[place].leg.leg_id)
            if not arb.estimated() or self._clock.mono_ns() >= ends:  # the claim is not held for a pause nobody needs
                return
            await self._sleep(self._settings.confirm_pause_ns / SECOND)


def _figures(closed: ArbClosed) -> tuple[object, ...]:
    return (closed.outcome, closed.matched, closed.unhedged, closed.profit, closed.naked)
