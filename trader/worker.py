"""Commands of an authenticated controller become legs, once each (distributed.md 4.6, B-223..B-228).

A leg is judged as it is heard (J0), acknowledged when it is promised (J3), and told (J8) in the order of the journal's durable
numbers, again after every reconnect, until it is acknowledged (J9). What a leg does in between is legs.py's.
"""

import msgspec

from trader.guard import Guard, Refusal
from trader.halt import HALTED, Brake
from trader.legs import EPOCH, Legs
from trading.clock import MS, Clock
from trading.errors import Misuse, TandemError
from trading.ids import LegId
from trading.journal_file import JournalFailed
from trading.link import messages as say
from trading.link.channel import Channel
from trading.link.convert import US, leg_of, page_rows, result_fields
from trading.log import get_logger
from trading.market import MarketId, Venue
from trading.order import LegRequest, LegResult, World
from trading.units import Money, MonoNs, Size
from trading.venue import AccountPage, AccountQuery

__all__ = ["EPOCH", "JOURNAL_ID", "Worker"]

JOURNAL_ID = "journal_id"
_PAGE_ROWS = 100
"""Rows of fills with the longest names of both venues, which still fit a frame."""
_log = get_logger("trader.worker")


class Worker:
    """One platform's legs. attach() a channel when it opened; detach() when it ended; close() once."""

    def __init__(self, *, venue: Venue, legs: Legs, guard: Guard, brake: Brake, clock: Clock, world: World) -> None:
        self.venue = venue
        self.legs = legs
        self._journal = legs.journal
        self._guard = guard
        self._brake = brake
        self._clock = clock
        self._world = world
        self._channel: Channel | None = None
        self._ready = False
        self._told = 0
        legs.changed = self._tell

    # -- connection ---------------------------------------------------------------------------------------------------

    def attach(self, channel: Channel) -> None:
        """A controller is authenticated. Legs are refused until its init; an epoch below the highest one ends the link."""
        opened = channel.opened
        assert opened is not None
        if opened.epoch < self._journal.number_kept(EPOCH):
            channel.close("stale_epoch")
            return
        if self._channel is not None and self._channel is not channel:
            self._channel.close("replaced")
        self._channel, self._ready, self._told = channel, False, 0

    def detach(self, channel: Channel) -> None:
        """The link ended; legs under way go on, and what they come to is told on the next one."""
        if self._channel is channel:
            self._channel, self._ready = None, False

    @property
    def channel(self) -> Channel | None:
        """The link of now."""
        return self._channel

    def drain(self) -> None:
        """Accept no new legs; those under way end by themselves."""
        self._brake.draining = True

    def status(self, pong: say.Pong) -> say.Pong:
        """What our heartbeat answers tell."""
        state: say.TraderState = "ready" if self._ready else "not_ready"
        if self._brake.on or self._brake.draining:
            state = "halted" if self._brake.on else "draining"
        return msgspec.structs.replace(pong, open_legs=self.legs.open, state=state)

    def handle(self, channel: Channel, message: say.Message) -> None:
        """One message of the controller; never blocks and never raises for what the peer says."""
        if channel is not self._channel:
            return  # a replaced link's last frames
        if isinstance(message, say.Init):
            self.legs.spawn(self._init(channel, message))
        elif isinstance(message, say.ExecuteLeg):
            self._execute(channel, message)
        elif isinstance(message, say.QueryLeg):
            self._query(channel, message)
        elif isinstance(message, say.ResultAck):
            self.legs.spawn(self._acknowledged(message.result_no))
        elif isinstance(message, say.Prepare):
            self.legs.spawn(self.legs.prepare([MarketId(name) for name in message.markets]))
        elif isinstance(message, say.Account):
            self.legs.spawn(self._account(channel, message))
        elif isinstance(message, say.CancelLeg):
            self.legs.spawn(self._cancel(LegId(message.leg_id)))
        elif isinstance(message, say.CancelAll):
            self.legs.spawn(self._cancel_for(channel, message))
        elif isinstance(message, say.Limits):
            self._guard.wish(Size(message.max_leg_contracts), Money(message.max_leg_cost))
        elif isinstance(message, say.Halt):
            self._brake.controller = message.reason or "no reason given"
            self._brake.controller_freeze = message.freeze
            _log.warning("halted_by_controller", reason=message.reason, freeze=message.freeze)
        elif isinstance(message, say.Resume):
            self._brake.controller = ""  # the HALT file, its operator's word, stays
            self._brake.controller_freeze = False
        elif not isinstance(message, say.ErrorMessage):
            channel.send(say.ErrorMessage(code="unexpected", text=type(message).__name__))

    async def _init(self, channel: Channel, init: say.Init) -> None:
        error = ""
        if self.venue not in init.platforms:
            error = f"this trader serves {self.venue}"
        elif channel.opened is not None and init.session != channel.opened.session:
            error = "init names another session"
        elif self._journal.failed:
            error = self._journal.failed
        else:
            try:
                if init.epoch > self._journal.number_kept(EPOCH):
                    await self._journal.keep(EPOCH, init.epoch)
            except JournalFailed as exc:
                error = str(exc)
        self._guard.wish(Size(init.limits.max_leg_contracts), Money(init.limits.max_leg_cost))
        if channel is not self._channel:
            return
        self._ready = not error
        channel.send(
            say.InitAck(
                platform="kalshi" if self.venue == "kalshi" else "polymarket",
                ready=self._ready,
                dry_run=not self.legs.serves(paper=False),
                journal_tail=self._journal.tail,
                journal_id=self._journal.number_kept(JOURNAL_ID),
                boot_id=self._clock.boot_id,
                error=error[:500],
            )
        )
        self._tell()

    # -- legs ---------------------------------------------------------------------------------------------------------

    def _execute(self, channel: Channel, message: say.ExecuteLeg) -> None:
        self.legs.passed("J0")
        heard = self._clock.mono_ns()
        leg_id = LegId(message.leg_id)
        if self.legs.under_way(leg_id) or self._journal.stored(leg_id) is not None:
            self.ack(channel, leg_id, "duplicate", heard)
            self._retell(channel, leg_id)
            return
        refusal = self._refusal(channel, message, heard)
        if isinstance(refusal, tuple):
            self.ack(channel, leg_id, "refused", heard, refusal)
            return
        self.legs.start(refusal, _Told(self, heard))

    def _refusal(self, channel: Channel, message: say.ExecuteLeg, now: MonoNs) -> Refusal | LegRequest:
        """Everything that can be judged at once: the refusal, or the leg with its deadline in our clock."""
        if not self._ready or self.legs.closed:
            return "not_ready", "this trader has stopped" if self.legs.closed else "no init on this session yet"
        if message.platform != self.venue:
            return "wrong_platform", f"this trader serves {self.venue}"
        if message.epoch != (channel.opened.epoch if channel.opened else -1) or message.epoch < self._journal.number_kept(
            EPOCH
        ):
            return "stale_epoch", f"epoch {message.epoch}; a newer controller is in charge, or this one was restarted"
        if self._journal.failed:
            return "journal_unavailable", self._journal.failed
        if not self.legs.serves(paper=message.world == "paper") or message.world not in ("paper", self._world):
            return "dry_run_conflict", f"a {message.world} leg cannot go through this trader, whose world is {self._world}"
        stopped = self._brake.stops(message.purpose)
        if stopped is not None:
            return HALTED, stopped
        ttl, sent = message.ttl_ms * MS, message.sent_mono_us * US
        late = channel.offset.expired(sent, ttl, now)
        age = channel.offset.age(sent, now)
        if late is not None or age is None:
            return "expired", late or "no clock sample yet"
        try:
            return leg_of(message, MonoNs(now + ttl - max(0, age.ns) - age.uncertainty))
        except Misuse as exc:
            return "bad_message", str(exc)

    # -- answers ------------------------------------------------------------------------------------------------------

    def ack(
        self, channel: Channel | None, leg_id: LegId, status: say.AckStatus, heard: MonoNs, refusal: Refusal = ("", "")
    ) -> None:
        """Say what became of a leg that was heard; without a link it is asked about on the next one."""
        code, detail = refusal
        if channel is not None:
            channel.send(
                say.LegAck(leg_id=leg_id, status=status, code=code[:64], detail=detail[:500], recv_mono_us=heard // US)
            )
        if status == "refused":
            _log.warning("leg_refused", leg=leg_id, code=code, detail=detail)

    def _tell(self) -> None:
        """Send every result that was not sent on this link yet, in the order of their numbers."""
        channel = self._channel
        if channel is None or not self._ready:
            return
        for row in self._journal.undelivered():
            if row.number > self._told:
                self._told = row.number
                try:
                    sent = channel.send(self._result_message(row.number, row.result))
                except Misuse as exc:  # one result that no frame holds keeps no other one back
                    sent = False
                    _log.error("result_not_told", leg=row.result.leg_id, error=str(exc))
                if not sent and not channel.ended:
                    _log.error(
                        "result_not_told", leg=row.result.leg_id, next="its controller keeps it unknown: compare by hand"
                    )

    @staticmethod
    def _result_message(number: int, result: LegResult) -> say.LegResultMessage | say.LegUpdate:
        make = say.LegResultMessage if result.result_no == 1 else say.LegUpdate
        return make(result_no=number, result=result_fields(result))

    def _retell(self, channel: Channel, leg_id: LegId) -> None:
        """A known leg's newest result again; nothing while it has none."""
        result = self.legs.result(leg_id)
        if result is not None:
            channel.send(self._result_message(self._journal.number(leg_id), result))

    def _query(self, channel: Channel, query: say.QueryLeg) -> None:
        """What the journal knows, at once; an open leg is being asked about anyway, a final one is confirmed first."""
        leg_id = LegId(query.leg_id)
        known = self._journal.stored(leg_id)
        if known is None and not self.legs.under_way(leg_id):
            never = LegResult(leg_id=leg_id, state="unknown", code="never_seen", detail="this trader's journal has no such leg")
            channel.send(say.LegResultMessage(result_no=0, result=result_fields(never)))
        elif known is None or known[1] is None:
            doubt = LegResult(leg_id=leg_id, state="unknown", code="in_flight", detail="promised, no result yet")
            channel.send(say.LegResultMessage(result_no=0, result=result_fields(doubt)))
        elif query.resolve and known[1].final and not known[1].confirmed:
            self.legs.spawn(self._confirm(channel, known[0]))
        else:
            self._retell(channel, leg_id)
        if known is not None and (known[1] is None or not known[1].final):
            self.legs.recover()  # whoever asked about it may have failed: an open leg never stays without

    async def _acknowledged(self, number: int) -> None:
        try:
            await self._journal.acknowledge(number)
            self.legs.passed("J9")
        except TandemError as exc:
            _log.error("acknowledgement_refused", number=number, error=str(exc))

    async def _account(self, channel: Channel, ask: say.Account) -> None:
        """One page; a large page of the venue is handed on in parts, whose cursor is "<offset>:<the venue's cursor>"."""
        offset, _, cursor = ask.cursor.partition(":") if ask.cursor else ("0", "", "")
        query = AccountQuery(what=ask.what, market=MarketId(ask.market) if ask.market else None, cursor=cursor)
        try:
            page = await self.legs.account(query)
        except TandemError as exc:
            channel.send(say.AccountPageMessage(request=ask.request, what=ask.what, error=str(exc)[:500]))
            return
        start = int(offset) if offset.isdigit() else 0
        channel.send(self._page(ask, query, page, start, cursor))

    @staticmethod
    def _page(ask: say.Account, query: AccountQuery, page: AccountPage, start: int, cursor: str) -> say.AccountPageMessage:
        rows = page_rows(query, page)
        part = tuple(rows[start : start + _PAGE_ROWS])
        left = start + _PAGE_ROWS < len(rows)
        following = f"{start + _PAGE_ROWS}:{cursor}" if left else f"0:{page.cursor}" if page.cursor else ""
        return say.AccountPageMessage(request=ask.request, what=ask.what, rows=part, cursor=following)

    async def _confirm(self, channel: Channel, leg: LegRequest) -> None:
        try:
            await self.legs.confirm(leg)
        finally:
            self._retell(channel, leg.leg_id)

    async def _cancel(self, leg_id: LegId) -> None:
        await self.legs.cancel(leg_id)

    async def _cancel_for(self, channel: Channel, ask: say.CancelAll) -> None:
        legs = [leg.leg_id for leg in self._journal.open_legs()]
        ended = sum([await self.legs.cancel(leg_id) for leg_id in legs])
        channel.send(say.Cancelled(request=ask.request, count=ended))


class _Told:
    """Answers of one leg, on the link of now: the one it came by may have ended meanwhile."""

    def __init__(self, worker: Worker, heard: MonoNs) -> None:
        self._worker = worker
        self._heard = heard

    def accepted(self, leg_id: LegId) -> None:
        self._worker.ack(self._worker.channel, leg_id, "accepted", self._heard)

    def refused(self, leg_id: LegId, refusal: Refusal) -> None:
        self._worker.ack(self._worker.channel, leg_id, "refused", self._heard, refusal)
