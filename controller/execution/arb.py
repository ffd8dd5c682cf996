"""One arb's life, from approval to ArbClosed, as a table of states.

    claimed ─► first_sent ─► second_sent ─► hedging ─► confirming ─► closed
       │           ▼              ▼          ▲   ▼          │
       │      first_open     second_open ────┘ hedge_open   │ a reversed fill goes back to hedging
       └──► all_sent ─► all_open ───────────►               ▼

*_open: an order is resting, held or unknown. While one is, nothing else is sent for the arb (B-093): it is resolved by asking,
and if that fails the arb ends as "unknown", alarmed, its claim kept. A first leg that was in doubt is never followed by a plain
second leg: what it filled is an excess, priced with the books of now. Orders after the approved ones pass the gate again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Protocol

import msgspec

from controller.execution.outcomes import Side, Tally, TradedOrder, classify, excess_of, tally
from controller.execution.second import affordable, meets_minimum, second_want
from controller.execution.unwind import Alarm, Complement, Complete, Excess, ExitFacts, ExitSettings, Hold, Sell, decide
from controller.model import ArbClosed, Event
from controller.risk.decision import Approved, Refused
from trading.book import Book
from trading.clock import MS, SECOND, Clock
from trading.errors import Misuse
from trading.execute import supersedes
from trading.ids import LegId
from trading.log import get_logger
from trading.market import POLYMARKET, Action, Market, MarketId, Outcome, Venue
from trading.order import LegRequest, LegResult, Purpose, Want
from trading.units import Money, MonoNs, Price, Size

__all__ = ["ArbRunner", "ArbSettings", "ArbState", "Books", "Executor", "ExitGate"]

_log = get_logger("controller.execution.arb")
_LAST_ATTEMPT = 255
"""A leg id counts attempts in one byte."""


class ArbState(Enum):
    CLAIMED = "claimed"
    FIRST_SENT = "first_sent"
    FIRST_OPEN = "first_open"
    SECOND_SENT = "second_sent"
    SECOND_OPEN = "second_open"
    ALL_SENT = "all_sent"
    ALL_OPEN = "all_open"
    HEDGING = "hedging"
    HEDGE_OPEN = "hedge_open"
    CONFIRMING = "confirming"
    CLOSED = "closed"


_S = ArbState
_NEXT: dict[ArbState, frozenset[ArbState]] = {
    _S.CLAIMED: frozenset({_S.FIRST_SENT, _S.ALL_SENT, _S.CLOSED}),  # closed: refused before anything was sent (B-088)
    _S.FIRST_SENT: frozenset({_S.FIRST_OPEN, _S.SECOND_SENT, _S.CONFIRMING}),  # confirming: a free miss, or a single leg
    _S.FIRST_OPEN: frozenset({_S.SECOND_SENT, _S.HEDGING, _S.CONFIRMING}),  # second: it was held; hedging: it was in doubt
    _S.SECOND_SENT: frozenset({_S.SECOND_OPEN, _S.SECOND_SENT, _S.HEDGING}),
    _S.SECOND_OPEN: frozenset({_S.SECOND_SENT, _S.CONFIRMING}),
    _S.ALL_SENT: frozenset({_S.ALL_OPEN, _S.HEDGING}),
    _S.ALL_OPEN: frozenset({_S.HEDGING, _S.CONFIRMING}),
    _S.HEDGING: frozenset({_S.HEDGE_OPEN, _S.CONFIRMING}),
    _S.HEDGE_OPEN: frozenset({_S.HEDGING, _S.CONFIRMING}),
    _S.CONFIRMING: frozenset({_S.HEDGING, _S.CLOSED}),
    _S.CLOSED: frozenset(),
}


class ArbSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Times and counts of an execution; sigma is Money per contract per square root of a second (execution.md 3)."""

    exits: ExitSettings = ExitSettings()
    execution_timeout_ns: int = 5 * SECOND
    """EXECUTION_TIMEOUT_SECS, after the hold."""
    second_attempts: int = 3
    second_pause_ns: int = 100 * MS
    exit_pause_ns: int = 150 * MS
    """Between exit orders; doubled after each that filled nothing. 30 s of them fit into a leg's 255 attempts."""
    exit_pause_max_ns: int = SECOND
    resolve_ns: int = 45 * SECOND
    """How long an open order is asked about before the arb ends as unknown."""
    confirm_ns: int = 5 * SECOND
    """How long the venues' own amounts are waited for; hedged is enough to end (B-439), later truths come as updates."""
    confirm_pause_ns: int = 250 * MS
    sigma_pre_game: Money = Money(1_500)
    sigma_in_play: Money = Money(25_000)
    sale_wait_ns: Mapping[Venue, int] = msgspec.field(default_factory=lambda: {POLYMARKET: 5 * SECOND})
    """Until bought contracts can be sold again, beside the hold (2 to 10 s, B-179)."""
    no_new_before_close_ns: int = 120 * SECOND


class ExitGate(Protocol):
    """What the runner needs of risk.gate."""

    def genuine(self, approved: Approved) -> bool: ...
    def exit(
        self, opened: Approved, want: Want, purpose: Purpose, now: MonoNs, *, leg: int, attempt: int
    ) -> Approved | Refused:
        """One more order of an arb; leg is the number in its leg ids."""


class Books(Protocol):
    """What the runner reads of the state."""

    @property
    def books(self) -> Mapping[MarketId, Book]: ...
    @property
    def markets(self) -> Mapping[MarketId, Market]: ...


class Executor(Protocol):
    """What the runner needs of HybridExecutor."""

    def refuses(self, legs: Sequence[LegRequest]) -> str | None: ...
    async def execute(self, leg: LegRequest) -> LegResult: ...
    async def resolve(self, leg_id: LegId) -> LegResult: ...
    async def cancel(self, leg_id: LegId) -> LegResult: ...


class _Arb:
    """What one run knows; only the runner's methods change it."""

    def __init__(self, approved: Approved) -> None:
        self.approved = approved
        self.state = ArbState.CLAIMED
        self.sides = tuple(Side.of(leg.want) for leg in approved.legs)
        self.orders: list[TradedOrder] = []
        self.attempts = [leg.leg_id[15] for leg in approved.legs]
        self.doubted = False
        """The first leg was unknown for a while: its fill is old news."""
        self.alarms: set[str] = set()

    def go(self, state: ArbState) -> None:
        if state not in _NEXT[self.state]:
            raise Misuse(f"arb {self.approved.arb_id.hex()} cannot go from {self.state.value} to {state.value}")
        self.state = state

    def count(self) -> Tally:
        return tally(self.sides, self.orders, self.approved.intent.basket.payout)

    def excess(self, markets: Mapping[MarketId, Market], dust: Size) -> Excess | None:
        """What stands one-sided beyond dust; None while an order is open, because then nobody knows."""
        if self.open():
            return None
        wants = [leg.want for leg in self.approved.legs]
        return excess_of(self.count(), wants, markets, self.approved.intent.basket.payout, dust=dust)

    def open(self) -> bool:
        """Whether some order may still change."""
        return any(order.result is None or not order.result.final for order in self.orders)


class ArbRunner:
    """Runs approved arbs, each in its own call of run(); report hears every result as it comes and ArbClosed last.

    alarm is told (arb id, word, detail) once per word and arb. down names venues that take no orders now.
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
        alarm: Callable[[bytes, str, str], None] = lambda *_: None,
        down: Callable[[], frozenset[Venue]] = frozenset,
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

    async def run(self, approved: Approved) -> ArbClosed:
        """Live one arb to its end. Raises nothing but cancellation; what it cannot explain ends as unknown or exposed."""
        arb = _Arb(approved)
        try:
            await self._live(arb)
            closed = self._closed(arb)
        except asyncio.CancelledError:
            # Shutdown: orders under way are unknown in the journal, and the next start asks about them.
            self._tell(self._closed(arb, failed=True))
            raise
        except Exception as exc:  # the task's boundary: this arb stops here, its claim stays, and it says so
            _log.exception("arb_failed", arb=approved.arb_id, state=arb.state.value)
            self._ring(arb, "arb_failed", repr(exc))
            closed = self._closed(arb, failed=True)
        self._tell(closed)
        return closed

    def _closed(self, arb: _Arb, *, failed: bool = False) -> ArbClosed:
        counted = arb.count()
        outcome = classify(counted, dust=self._settings.exits.hedge_dust)
        if failed and outcome != "exposed" and arb.orders:
            outcome = "unknown"
        if outcome == "exposed":
            self._ring(arb, "exposed", f"{counted.unhedged} unhedged, {counted.naked} at stake")
        return ArbClosed(
            arb_id=arb.approved.arb_id,
            event=arb.approved.claim,
            basket=arb.approved.intent.basket.id,
            outcome=outcome,
            matched=counted.matched,
            unhedged=counted.unhedged,
            profit=counted.profit,
            results=tuple(order.result for order in arb.orders if order.result is not None),
        )

    def _tell(self, event: LegResult | ArbClosed) -> None:
        try:
            self._report(event)
        except Exception:  # the listener's fault must not leave a leg alone
            _log.exception("report_failed", report=type(event).__name__)

    def _ring(self, arb: _Arb, word: str, detail: str) -> None:
        if word not in arb.alarms:
            arb.alarms.add(word)
            _log.error("arb_alarm", arb=arb.approved.arb_id, event_id=arb.approved.claim, alarm=word, detail=detail)
            self._alarm(arb.approved.arb_id, word, detail)

    # -- the way through the table -----------------------------------------------------------------------------------------

    async def _live(self, arb: _Arb) -> None:
        approved = arb.approved
        if not self._gate.genuine(approved):
            raise Misuse(f"arb {approved.arb_id.hex()} was not approved by the gate")
        reason = self._executor.refuses(approved.legs)
        if reason is not None:  # B-088: one leg without a path stops all
            _log.warning("arb_refused", arb=approved.arb_id, reason=reason)
            for side, leg in enumerate(approved.legs):
                refused = LegResult(leg_id=leg.leg_id, state="refused", code="no_route", detail=reason)
                arb.orders.append(TradedOrder(side, leg, None))
                self._note(arb, len(arb.orders) - 1, refused)
            arb.go(ArbState.CLOSED)
            return
        if approved.plan.mode in ("concurrent", "batch"):
            await self._all(arb)
        else:
            await self._in_turn(arb)
        if arb.state is ArbState.HEDGING:
            await self._hedge(arb)
        dust = self._settings.exits.hedge_dust
        if arb.state is not ArbState.CONFIRMING:
            arb.go(ArbState.CONFIRMING)
        given_up = arb.excess(self._state.markets, dust) is not None
        await self._confirm(arb)
        if not given_up and arb.excess(self._state.markets, dust) is not None:  # B-424: a fill was reversed meanwhile
            arb.go(ArbState.HEDGING)
            await self._hedge(arb)
            arb.go(ArbState.CONFIRMING)
            await self._confirm(arb)
        arb.go(ArbState.CLOSED)

    async def _all(self, arb: _Arb) -> None:
        """Every leg starts together (B-089)."""
        arb.go(ArbState.ALL_SENT)
        sides = arb.approved.plan.order
        places = await asyncio.gather(*(self._send(arb, side, arb.approved.legs[side]) for side in sides))
        if arb.open():
            arb.go(ArbState.ALL_OPEN)
            await asyncio.gather(*(self._clear(arb, place) for place in places))
        if not arb.open():
            arb.go(ArbState.HEDGING)

    async def _in_turn(self, arb: _Arb) -> None:
        """The first leg as approved, each further one for what the first really filled (B-175)."""
        first, *rest = arb.approved.plan.order
        arb.go(ArbState.FIRST_SENT)
        await self._place(arb, first, arb.approved.legs[first], ArbState.FIRST_OPEN)
        target = arb.count().sides[first].net
        if arb.open() or not rest or target <= 0:  # in doubt, a single leg, or a free miss
            arb.go(ArbState.CONFIRMING)
            return
        for side in rest:
            if arb.doubted:
                break
            await self._follow(arb, side, target)
            if arb.open():
                return
            target = min(target, arb.count().sides[side].net)
        arb.go(ArbState.HEDGING)

    async def _follow(self, arb: _Arb, side: int, target: Size) -> None:
        """A further leg: IOCs for what is still missing, each with the book read again, conceding up to the plan (B-455)."""
        leg = arb.approved.legs[side]
        arb.go(ArbState.SECOND_SENT)
        for attempt in range(self._settings.second_attempts):
            if attempt:
                await self._sleep(self._settings.second_pause_ns / SECOND)
            market, book = self._state.markets.get(leg.want.market), self._state.books.get(leg.want.market)
            missing = Size(target - arb.count().sides[side].net)
            if market is None or missing < market.size_step:
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

    async def _place(self, arb: _Arb, side: int, leg: LegRequest, opened: ArbState) -> LegResult | None:
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

    async def _send(self, arb: _Arb, side: int, leg: LegRequest) -> int:
        """Execute one order; returns its place in arb.orders. Whatever goes wrong after the start is "unknown"."""
        place = len(arb.orders)
        arb.orders.append(TradedOrder(side, leg, None))
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

    def _note(self, arb: _Arb, place: int, result: LegResult) -> None:
        """Keep what is new about an order and report it."""
        order = arb.orders[place]
        if result.leg_id != order.leg.leg_id or not supersedes(order.result, result):
            return
        arb.orders[place] = TradedOrder(order.side, order.leg, result)
        self._tell(result)

    async def _clear(self, arb: _Arb, place: int) -> None:
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

    async def _hedge(self, arb: _Arb) -> None:
        """Get rid of the excess by the rule of execution.md 5, asking it again after each order, until the deadline."""
        exits = self._settings.exits
        if any(side.action is Action.SELL for side in arb.sides):
            return  # a closing basket reduces exposure leg by leg; what is left over is reported, not bought back
        began = self._clock.mono_ns()
        pause = self._settings.exit_pause_ns
        while (excess := arb.excess(self._state.markets, exits.hedge_dust)) is not None:
            if arb.state is not ArbState.HEDGING:
                arb.go(ArbState.HEDGING)
            elapsed = self._clock.mono_ns() - began
            answer = decide(excess, self._facts(excess, elapsed), exits)
            sent: LegResult | None = None
            match answer:
                case Complete(want=want):
                    sent = await self._exit(arb, want, "complete")
                case Sell(want=want) | Complement(want=want):
                    sent = await self._exit(arb, want, "unwind")
                case Alarm(reason=reason):
                    self._ring(arb, reason, f"no way out of {excess.size} of {excess.market.id}")
                case Hold():
                    pass
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

    def _facts(self, excess: Excess, elapsed: int) -> ExitFacts:
        wall = self._clock.wall_ns()
        live = any(m.starts_at is not None and wall >= m.starts_at for m in self._markets_of(excess))
        closes = [m.closes_at - wall for m in self._markets_of(excess) if m.closes_at is not None]
        return ExitFacts(
            elapsed_ns=elapsed,
            bids=self._levels(excess.market.id, excess.outcome, Action.SELL),
            asks=self._levels(excess.short[0].id, excess.short[1], Action.BUY) if excess.short is not None else None,
            other_asks=self._levels(excess.market.id, excess.outcome.other, Action.BUY),
            sigma=self._settings.sigma_in_play if live else self._settings.sigma_pre_game,
            wait_ns=self._settings.sale_wait_ns.get(excess.market.venue, 0) + (excess.market.hold_ns or 0),
            live=live,
            near_close=any(0 < left <= self._settings.no_new_before_close_ns for left in closes),
            down=self._down(),
        )

    @staticmethod
    def _markets_of(excess: Excess) -> tuple[Market, ...]:
        return (excess.market,) if excess.short is None else (excess.market, excess.short[0])

    def _levels(self, market: MarketId, outcome: Outcome, action: Action) -> list[tuple[Price, Size]] | None:
        book = self._state.books.get(market)
        return book.levels(outcome, action) if book is not None and book.ready else None

    async def _exit(self, arb: _Arb, want: Want, purpose: Purpose) -> LegResult | None:
        """Send one more order through the gate; None when it was not sent."""
        side = next(number for number, side in enumerate(arb.sides) if side.market == want.market)
        attempt = arb.attempts[side] + 1
        if attempt > _LAST_ATTEMPT:
            self._ring(arb, "attempts_used_up", want.market)
            return None
        number = arb.approved.legs[side].leg_id[14]
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

    async def _confirm(self, arb: _Arb) -> None:
        """Replace estimates by the venues' amounts and fees, as far as they come within confirm_ns."""
        ends = self._clock.mono_ns() + self._settings.confirm_ns
        while True:
            places = [
                place
                for place, order in enumerate(arb.orders)
                if order.result is not None and order.result.final and not order.result.settled
            ]
            for place in places:
                try:
                    self._note(arb, place, await self._executor.resolve(arb.orders[place].leg.leg_id))
                except Exception:  # estimates stay; reconciliation replaces them later
                    _log.exception("confirm_failed", leg=arb.orders[place].leg.leg_id)
            if not places or self._clock.mono_ns() >= ends:
                return
            await self._sleep(self._settings.confirm_pause_ns / SECOND)
