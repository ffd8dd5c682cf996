"""One remote trader: its health, its legs in flight, and what it says about them (distributed.md 4.6, 4.8).

A leg goes to a trader once, promised in our journal first. Whatever the trader tells is kept there before it is acknowledged,
in the order of its numbers. A silent or lost trader leaves a leg "unknown"; only the same trader's journal clears that (B-093).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import msgspec

from trading.clock import SECOND, Clock
from trading.errors import Misuse, TandemError, VenueError
from trading.execute import record
from trading.ids import LegId
from trading.journal import Journal
from trading.journal_file import JournalFailed
from trading.link import messages as say
from trading.link.channel import Channel
from trading.link.convert import execute_message, page_of, result_of
from trading.link.identity import Peer
from trading.log import get_logger
from trading.market import MarketId, Venue
from trading.order import FINAL, LegRequest, LegResult
from trading.units import MonoNs
from trading.venue import AccountPage, AccountQuery

__all__ = ["Health", "TraderLink"]

Health = Literal["down", "connecting", "syncing", "ready", "degraded", "halted", "draining", "quiet"]
_K = TypeVar("_K")
_T = TypeVar("_T")
US = 1_000
_ANSWER_NS = 10 * SECOND
"""Beyond a leg's deadline and hold: after it the leg is unknown and asked about, the link's own silence limit included."""
_REQUEST_S = 15.0
_SLOW_US = 250_000
"""A round trip above this, or a relayed path, makes a trader degraded (distributed.md 4.8)."""
_VENUE_STAGE = {"sent": "venue_sent", "answered": "venue_answered"}
_log = get_logger("controller.trader")
Stages = tuple[tuple[str, MonoNs], ...]


class _Flight:
    """A leg that was sent and has no final word yet."""

    def __init__(self, leg: LegRequest, session: bytes, journal_id: int, sent: MonoNs | None = None) -> None:
        self.leg = leg
        self.session = session
        self.journal_id = journal_id
        self.sent = sent
        self.acknowledged = False
        self.answer: asyncio.Future[LegResult] = asyncio.get_running_loop().create_future()


class TraderLink:
    """Everything about one pinned trader, over all its sessions."""

    def __init__(
        self,
        peer: Peer,
        journal: Journal,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        later: Callable[[LegResult], None] = lambda _: None,
    ) -> None:
        assert peer.platform is not None
        self.peer = peer
        self.name = peer.name
        self.venue: Venue = peer.platform
        self.last_refusal = ""
        self._journal_key = f"trader {peer.name}"
        self._keeping: asyncio.Task[None] | None = None
        self._journal = journal
        self._clock = clock
        self._sleep = sleep
        self._later = later
        self._channel: Channel | None = None
        self._tail = 0
        """The newest result number the trader told us since our start."""
        self._unkept: Channel | None = None
        """The session of a result that could not be kept: the next one begins with what was not acknowledged."""
        self._ready: say.InitAck | None = None
        self._syncing: set[LegId] = set()
        self._flights: dict[LegId, _Flight] = {}
        self._asked: dict[LegId, asyncio.Future[None]] = {}
        self._pages: dict[int, asyncio.Future[say.AccountPageMessage]] = {}
        self._cancels: dict[int, asyncio.Future[int]] = {}
        self._requests = 0
        self._rtt_us = 0.0
        self._inbox: asyncio.Queue[tuple[Channel | None, int, LegResult]] = asyncio.Queue()

    # -- health -------------------------------------------------------------------------------------------------------

    @property
    def health(self) -> Health:
        """Where this trader stands now; only ready and degraded take legs."""
        channel, ready = self._channel, self._ready
        if channel is None:
            return "down"
        if ready is None:
            return "connecting"
        if channel.quiet:
            return "quiet"
        status = channel.peer_status
        if not ready.ready or status is None or channel.offset.delay_ns is None:
            return "connecting"
        if status.state == "halted" or status.state == "draining":
            return status.state
        if self._syncing or self.journal_id != ready.journal_id:
            return "syncing"
        return "degraded" if self.rtt_us > _SLOW_US else "ready"

    @property
    def rtt_us(self) -> float:
        """Smoothed round trip of the link."""
        return self._rtt_us

    @property
    def score(self) -> float:
        """Lower is better: link and venue round trips in us, with the penalties of distributed.md 4.8."""
        status = self._channel.peer_status if self._channel is not None else None
        venue = status.venue_rtt_us if status is not None else 0
        return self._rtt_us + venue + (250_000 if self.health == "degraded" else 0)

    @property
    def dry_run(self) -> bool:
        """Whether the trader places no orders, whatever it is told (B-092)."""
        return self._ready is not None and self._ready.dry_run

    def refuses(self, leg: LegRequest) -> str | None:
        """Why this leg cannot go to this trader now."""
        health = self.health
        ends = health == "halted" and leg.purpose in ("complete", "unwind")  # the trader's own brake says what a freeze stops
        if health not in ("ready", "degraded") and not ends:
            why = self._ready.error if self._ready is not None and self._ready.error else self.last_refusal
            return f"trader {self.name} is {health}" + (f" ({why})" if why else "")
        if leg.world != "paper" and self.dry_run:
            return f"trader {self.name} is in paper mode (its DRY_RUN=1)"
        if self._clock.mono_ns() >= leg.deadline:
            return f"the deadline of {leg.want.market} has passed"
        return None

    @property
    def journal_id(self) -> int:
        """Which journal the trader has, as kept here; 0 before its first session."""
        return self._journal.number_kept(self._journal_key)

    @property
    def open_legs(self) -> int:
        return len(self._flights)

    @property
    def pongs(self) -> int:
        """Heartbeat answers of the present session."""
        return self._channel.pongs if self._channel is not None else 0

    # -- sessions -----------------------------------------------------------------------------------------------------

    def opened(self, channel: Channel, init: say.Init, word: say.Halt | say.Resume) -> None:
        """A new authenticated session. It replaces an older one at once; legs in flight go on and report here (B-229).

        word says whether the controller is halted now: it goes before init, so the trader knows it before its first leg.
        """
        old, self._channel = self._channel, channel
        self._ready = None
        if old is not None and old is not channel:
            old.close("replaced")
        channel.send(word)
        channel.send(init)

    def closed(self, channel: Channel) -> None:
        """The session ended: unanswered legs are unknown now, not failed."""
        if self._channel is not channel:
            return
        self._channel = self._ready = None
        for flight in self._flights.values():
            self._answer(flight, "link_lost", f"the link to trader {self.name} ended before it answered")
        self._drop(self._pages)
        self._drop(self._cancels)
        self._drop(self._asked)
        self._syncing.clear()

    def _drop(self, waiting: "dict[_K, asyncio.Future[_T]]") -> None:
        for one in waiting.values():
            if not one.done():
                one.set_exception(VenueError(self.venue, "link_lost", f"trader {self.name}"))
                one.exception()  # who asked may have stopped waiting; that is no news for the log
        waiting.clear()

    def _answer(self, flight: _Flight, code: str, detail: str) -> None:
        if not flight.answer.done():
            flight.answer.set_result(LegResult(leg_id=flight.leg.leg_id, state="unknown", code=code, detail=detail))

    def handle(self, channel: Channel, message: say.Message) -> None:
        """One message of the trader."""
        if channel is not self._channel:
            return
        status = channel.peer_status
        delay = channel.offset.delay_ns
        if status is not None and delay is not None:
            self._rtt_us = self._rtt_us * 0.8 + delay / US * 0.2 if self._rtt_us else delay / US
        if isinstance(message, (say.LegResultMessage, say.LegUpdate)):
            self._inbox.put_nowait((channel, message.result_no, result_of(message.result)))
        elif isinstance(message, say.LegAck):
            self._acked(message)
        elif isinstance(message, say.InitAck):
            self._inited(channel, message)
        elif isinstance(message, say.AccountPageMessage):
            page = self._pages.pop(message.request, None)
            if page is not None and not page.done():
                page.set_result(message)
        elif isinstance(message, say.Cancelled):
            cancelled = self._cancels.pop(message.request, None)
            if cancelled is not None and not cancelled.done():
                cancelled.set_result(message.count)

    def _inited(self, channel: Channel, ack: say.InitAck) -> None:
        self._ready = ack
        self.last_refusal = ack.error
        if ack.journal_id == self.journal_id and ack.journal_tail < self._tail:
            _log.error(
                "trader_journal_went_back",
                trader=self.name,
                results=ack.journal_tail,
                told=self._tail,
                next="reconcile its venue",
            )
            for flight in self._flights.values():
                flight.acknowledged = True  # an old copy of a journal proves no absence
        self._tail = ack.journal_tail
        if ack.error:
            _log.error("trader_not_ready", trader=self.name, venue=self.venue, error=ack.error)
            return
        known = self.journal_id
        if known != ack.journal_id:
            if known:
                _log.error(
                    "trader_forgot", trader=self.name, next="its journal is another one: reconcile before its legs count"
                )
            self._keeping = asyncio.create_task(self._keep_journal_id(ack.journal_id))
        _log.info("trader_ready", trader=self.name, venue=self.venue, dry_run=ack.dry_run, results=ack.journal_tail)
        for leg in self._journal.open_legs():
            if leg.venue == self.venue and leg.leg_id in self._flights:
                self._syncing.add(leg.leg_id)
                channel.send(say.QueryLeg(leg_id=leg.leg_id))

    async def _keep_journal_id(self, number: int) -> None:
        """Durable before the first leg goes to that journal: only the same one can prove that a leg never arrived."""
        try:
            await self._journal.keep(self._journal_key, number)
        except TandemError as exc:
            self.last_refusal = str(exc)
            _log.error("trader_journal_not_kept", trader=self.name, error=str(exc))

    def _acked(self, ack: say.LegAck) -> None:
        flight = self._flights.get(LegId(ack.leg_id))
        if flight is None:
            return
        flight.acknowledged = ack.status != "refused"
        if ack.status != "refused":
            return
        self.last_refusal = ack.code
        refused = LegResult(
            leg_id=flight.leg.leg_id, state="refused", code=ack.code, detail=f"trader {self.name}: {ack.detail}"
        )
        if flight.answer.done():
            self._inbox.put_nowait((None, 0, refused))  # nobody waits any more, and it is the truth all the same
        else:
            flight.answer.set_result(refused)

    async def run(self) -> None:
        """Keep what the trader tells, one result after the other, then acknowledge it. Until cancelled."""
        while True:
            channel, number, told = await self._inbox.get()
            self._tail = max(self._tail, number)
            try:
                await self._keep(told)
            except Exception as exc:  # the task's boundary: the other legs' results are kept all the same
                _log.error("result_not_kept", trader=self.name, leg=told.leg_id, error=repr(exc), next="it is told again")
                self._unkept = channel
            if number and channel is not None and channel is not self._unkept:
                channel.send(say.ResultAck(result_no=number))  # covers all before it, so after a failure none goes out

    def _owns(self, leg_id: LegId) -> bool:
        """Whether the leg went to this trader: no other one's word about it counts."""
        return self._journal.addressee(leg_id)[0] in ("", self.name)

    async def _keep(self, told: LegResult) -> None:
        known = self._journal.stored(told.leg_id)
        if known is None or known[0].venue != self.venue or not self._owns(told.leg_id):
            _log.error("result_of_a_foreign_leg", trader=self.name, leg=told.leg_id, next="reconcile; the leg is not its own")
        elif told.code in ("never_seen", "in_flight") and told.state == "unknown":
            await self._not_there(told, known[0])
        else:
            await self._true(told, known[1])
        self._syncing.discard(told.leg_id)
        asked = self._asked.pop(told.leg_id, None)
        if asked is not None and not asked.done():
            asked.set_result(None)

    async def _true(self, told: LegResult, before: LegResult | None) -> None:
        flight = self._flights.get(told.leg_id)
        stages = _stages(told.stages, flight.sent if flight is not None else None, self._clock.mono_ns())
        failure: JournalFailed | None = None
        try:
            kept = await record(self._journal, msgspec.structs.replace(told, stages=stages))
        except JournalFailed as exc:  # a journal counts in memory what its disk refuses: who waits is answered, then it is said
            failure, known = exc, self._journal.stored(told.leg_id)
            kept = (known[1] if known is not None else None) or told
        flight = self._flights.get(told.leg_id)
        waiting = flight is not None and not flight.answer.done()
        if flight is not None and waiting:
            flight.answer.set_result(kept)
        if kept.state in FINAL:
            self._flights.pop(told.leg_id, None)
        if not waiting and kept is not before:
            self._later(kept)
        if failure is not None:
            raise failure

    async def _not_there(self, told: LegResult, leg: LegRequest) -> None:
        """The trader has no result. That it never saw the leg proves absence only if its journal is the one we sent to, and the
        leg can no longer arrive: its session is over or its deadline has passed."""
        flight = self._flights.get(leg.leg_id)
        absent = False
        if told.code == "never_seen" and flight is not None and self._ready is not None and self._channel is not None:
            opened = self._channel.opened
            over = (opened is not None and opened.session != flight.session) or self._clock.mono_ns() > leg.deadline
            absent = over and flight.journal_id == self._ready.journal_id and not flight.acknowledged
            if flight.journal_id != self._ready.journal_id:
                _log.error("trader_forgot", trader=self.name, leg=leg.leg_id, next="its journal is another one; reconcile")
        if absent:
            none = LegResult(leg_id=leg.leg_id, state="none", code="never_seen", detail=f"trader {self.name} never had the leg")
            await self._true(none, None)

    # -- legs ---------------------------------------------------------------------------------------------------------

    async def execute(self, leg: LegRequest, hold_ns: int) -> LegResult:
        """Send a leg, promised before by the caller, and wait for its result; "unknown" when none came in time."""
        channel, ready = self._channel, self._ready
        opened = channel.opened if channel is not None else None
        refusal = self.refuses(leg)
        if refusal is not None or channel is None or ready is None or opened is None:
            return LegResult(leg_id=leg.leg_id, state="refused", code="no_route", detail=refusal or "the trader is gone")
        sent = self._clock.mono_ns()
        try:
            message = execute_message(leg, sent)
        except Misuse as exc:
            return LegResult(leg_id=leg.leg_id, state="refused", code="deadline", detail=str(exc))
        flight = self._flights[leg.leg_id] = _Flight(leg, opened.session, ready.journal_id, sent)
        if not channel.send(message):
            del self._flights[leg.leg_id]
            return LegResult(leg_id=leg.leg_id, state="refused", code="no_route", detail=f"the link to {self.name} is closed")
        wait_ns = max(0, leg.deadline - sent) + hold_ns + _ANSWER_NS
        timer = asyncio.get_running_loop().call_later(
            wait_ns / SECOND, self._answer, flight, "no_result", f"trader {self.name} did not answer in time"
        )
        try:
            answer = await asyncio.shield(flight.answer)
        finally:
            timer.cancel()
            self._answer(flight, "cancelled", "nobody waits for it any more")  # what is told from now on is news (B-174)
        if answer.state in FINAL:
            self._flights.pop(leg.leg_id, None)
        return msgspec.structs.replace(answer, stages=answer.stages or _stages((), sent, self._clock.mono_ns()))

    def adopt(self, leg: LegRequest, journal_id: int) -> None:
        """After a restart of ours: this leg went to this trader while it had that journal (0 = the one it was last seen with), and
        nobody waits for it. It is asked about at the next session."""
        if leg.leg_id not in self._flights:
            flight = self._flights[leg.leg_id] = _Flight(leg, b"", journal_id or self.journal_id)
            self._answer(flight, "in_flight", "sent before a restart")

    async def ask(self, leg_id: LegId) -> None:
        """Have the trader say what it knows of a leg; afterwards our journal knows it too. Raises VenueError when it cannot be
        asked."""
        waiting = self._asked.get(leg_id)
        if waiting is None:
            waiting = self._asked[leg_id] = asyncio.get_running_loop().create_future()
        await self._reply(waiting, say.QueryLeg(leg_id=leg_id))

    def cancel(self, leg_id: LegId) -> bool:
        """Ask the trader to end an order."""
        return self._channel is not None and self._channel.send(say.CancelLeg(leg_id=leg_id))

    async def cancel_all(self, reason: str) -> int:
        """How many orders are final afterwards. Raises VenueError when the trader cannot be asked."""
        number = self._number()
        waiting = self._cancels[number] = asyncio.get_running_loop().create_future()
        try:
            return await self._reply(waiting, say.CancelAll(request=number, reason=reason[:500]))
        finally:
            self._cancels.pop(number, None)

    async def account(self, what: AccountQuery) -> AccountPage:
        """A page of the trader's account. Raises VenueError when it cannot be asked or its venue fails."""
        number = self._number()
        waiting = self._pages[number] = asyncio.get_running_loop().create_future()
        message = say.Account(request=number, what=what.what, market=what.market or "", cursor=what.cursor)
        try:
            page = await self._reply(waiting, message)
        finally:
            self._pages.pop(number, None)
        if page.error:
            raise VenueError(self.venue, "account", f"trader {self.name}: {page.error}")
        return page_of(page)

    async def _reply(self, waiting: asyncio.Future[_T], message: say.Message) -> _T:
        if self._channel is None or not self._channel.send(message):
            raise VenueError(self.venue, "link_lost", f"trader {self.name} is {self.health}")
        try:
            async with asyncio.timeout(_REQUEST_S):
                return await asyncio.shield(waiting)
        except TimeoutError:
            raise VenueError(self.venue, "no_answer", f"trader {self.name} did not answer in {_REQUEST_S:g} s") from None

    def _number(self) -> int:
        self._requests += 1
        return self._requests

    def prepare(self, markets: tuple[MarketId, ...]) -> None:
        """Have the trader load these markets' terms."""
        for at in range(0, len(markets), 500):
            if self._channel is not None and self._ready is not None:
                self._channel.send(say.Prepare(markets=markets[at : at + 500]))

    def tell(self, message: say.Halt | say.Resume | say.Limits) -> bool:
        """A word to the trader that no answer is expected to."""
        return self._channel is not None and self._channel.send(message)

    def close(self, reason: str) -> None:
        if self._channel is not None:
            self._channel.close(reason)


def _stages(theirs: Stages, sent: MonoNs | None, answered: MonoNs) -> Stages:
    """Latency is by our clock, from the frame to the answer. The trader's stages come as times since its first one, so only what
    lies between two of them is exact (a hold, B-445); they are placed in the middle of our interval, the way there and back
    taken as equal. Its own "sent" and "answered" are the venue's round trip."""
    took = max((at for _, at in theirs), default=0)
    first = answered - took if sent is None else max(sent, sent + (answered - sent - took) // 2)
    renamed = tuple((_VENUE_STAGE.get(name, name), MonoNs(first + at)) for name, at in theirs)
    return renamed if sent is None else (("sent", sent), *renamed, ("answered", answered))
