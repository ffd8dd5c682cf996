"""Commands of an authenticated controller become legs, once each (distributed.md 4.6, B-223..B-228).

    J0 heard ► J1 checked ► J2 promised, durable ► J3 acknowledged ► J4..J7 execute_leg ► J8 result told ► J9 acknowledged

Every leg runs in a task of its own, so heartbeats and other legs never wait (B-226). Results are told in the order of their
durable numbers and again after every reconnect until they are acknowledged. A leg outlives its connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping

from trader.guard import Guard, Refusal
from trader.halt import HALTED, Halt
from trading.clock import MS, SECOND, Clock
from trading.errors import Misuse, Rejected, TandemError, VenueError
from trading.execute import execute_leg, record, resolve_leg
from trading.ids import Ids, LegId
from trading.journal_file import FileJournal, JournalFailed
from trading.link import messages as say
from trading.link.channel import Channel
from trading.link.convert import US, leg_of, page_rows, result_fields
from trading.log import get_logger
from trading.market import Market, MarketId, Venue
from trading.order import LegRequest, LegResult, Purpose, World
from trading.units import Money, MonoNs, Size
from trading.venue import AccountPage, AccountQuery, Prepared, VenueClient

__all__ = ["EPOCH", "JOURNAL_ID", "Worker"]

EPOCH, JOURNAL_ID = "epoch", "journal_id"
_RESOLVE_NS = 30 * SECOND
_MARKET_AGE_NS = 60 * SECOND
"""Terms older than this are read again before a leg trades on them."""
_RETRY_S = 5.0
_log = get_logger("trader.worker")
Probe = Callable[[str], None]


class Worker:
    """One platform's legs. attach() a channel when it opened; detach() when it ended; close() once."""

    def __init__(
        self,
        *,
        venue: Venue,
        clients: Mapping[bool, VenueClient],
        read: Callable[[MarketId], Awaitable[Market]],
        look: Callable[[MarketId], Awaitable[None]],
        journal: FileJournal,
        guard: Guard,
        halt: Halt,
        clock: Clock,
        ids: Ids,
        world: World,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        probe: Probe = lambda _: None,
    ) -> None:
        """clients by "is it a paper leg"; without a real client every leg that is not paper is refused. read gives a market's
        terms, look reads the book that a paper leg meets."""
        self.venue = venue
        self._clients = clients
        self._read = read
        self._look = look
        self._journal = journal
        self._guard = guard
        self._halt = halt
        self._clock = clock
        self._ids = ids
        self._world = world
        self._sleep = sleep
        self._probe = probe
        self._markets: dict[MarketId, tuple[Market, MonoNs]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: set[LegId] = set()
        self._channel: Channel | None = None
        self._ready = False
        self._told = 0
        self._draining = False
        self._remote_halt = ""
        guard.restore(journal.legs().values())

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

    def drain(self) -> None:
        """Accept no new legs; those under way end by themselves."""
        self._draining = True

    @property
    def idle(self) -> bool:
        """No leg task is running."""
        return not self._busy

    def status(self, pong: say.Pong) -> say.Pong:
        """What our heartbeat answers tell."""
        halted = self._halt.state()[0] is not None or bool(self._remote_halt)
        state = "halted" if halted else "draining" if self._draining else "ready" if self._ready else "not_ready"
        return pong.model_copy(update={"open_legs": self._guard.open_legs, "state": state})

    def handle(self, channel: Channel, message: say.Message) -> None:
        """One message of the controller; never blocks and never raises for what the peer says."""
        if channel is not self._channel:
            return  # a replaced link's last frames
        if isinstance(message, say.Init):
            self._spawn(self._init(channel, message))
        elif isinstance(message, say.ExecuteLeg):
            self._execute(channel, message)
        elif isinstance(message, say.QueryLeg):
            self._query(channel, message)
        elif isinstance(message, say.ResultAck):
            self._spawn(self._acknowledged(message.result_no))
        elif isinstance(message, say.Prepare):
            self._spawn(self._prepare(message))
        elif isinstance(message, say.Account):
            self._spawn(self._account(channel, message))
        elif isinstance(message, say.CancelLeg):
            self._spawn(self._cancel_one(LegId(message.leg_id)))
        elif isinstance(message, say.CancelAll):
            self._spawn(self._cancel_for(channel, message))
        elif isinstance(message, say.Limits):
            self._guard.wish(Size(message.max_leg_contracts), Money(message.max_leg_cost))
        elif isinstance(message, say.Halt):
            self._remote_halt = message.reason or "by the controller"
            _log.warning("halted_by_controller", reason=message.reason)
        elif isinstance(message, say.Resume):
            self._remote_halt = ""  # the HALT file, its operator's word, stays
        elif not isinstance(message, say.ErrorMessage):
            channel.send(say.ErrorMessage(code="unexpected", text=message.type))

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
                dry_run=False not in self._clients,
                journal_tail=self._journal.tail,
                journal_id=self._journal.number_kept(JOURNAL_ID),
                boot_id=self._clock.boot_id,
                error=error[:500],
            )
        )
        self._tell()

    # -- legs ---------------------------------------------------------------------------------------------------------

    def _execute(self, channel: Channel, message: say.ExecuteLeg) -> None:
        self._probe("J0")
        heard = self._clock.mono_ns()
        leg_id = LegId(message.leg_id)
        if leg_id in self._busy or self._journal.stored(leg_id) is not None:
            self._ack(channel, leg_id, "duplicate", heard)
            self._retell(channel, leg_id)
            return
        refusal = self._refusal(channel, message, heard)
        if isinstance(refusal, tuple):
            self._ack(channel, leg_id, "refused", heard, refusal)
            return
        self._busy.add(leg_id)
        self._spawn(self._leg(channel, refusal, heard))

    def _refusal(self, channel: Channel, message: say.ExecuteLeg, now: MonoNs) -> Refusal | LegRequest:
        """Everything that can be judged at once: the refusal, or the leg with its deadline in our clock."""
        if not self._ready:
            return "not_ready", "no init on this session yet"
        if message.platform != self.venue:
            return "wrong_platform", f"this trader serves {self.venue}"
        if message.epoch != (channel.opened.epoch if channel.opened else -1) or message.epoch < self._journal.number_kept(
            EPOCH
        ):
            return "stale_epoch", f"epoch {message.epoch}; a newer controller is in charge, or this one was restarted"
        if self._journal.failed:
            return "journal_unavailable", self._journal.failed
        if (message.world == "paper") not in self._clients or message.world not in ("paper", self._world):
            return "dry_run_conflict", f"a {message.world} leg cannot go through this trader, whose world is {self._world}"
        stopped = self._stopped(message.purpose)
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

    def _stopped(self, purpose: Purpose) -> str | None:
        """Why nothing of this purpose may be sent now, by the operator of either side."""
        if self._remote_halt and purpose not in ("complete", "unwind"):
            return f"halted: {self._remote_halt}"
        if self._draining and purpose not in ("complete", "unwind"):
            return "this trader is stopping"
        return self._halt.stops(purpose)

    async def _leg(self, channel: Channel, leg: LegRequest, heard: MonoNs) -> None:
        try:
            prepared, market = await self._admit(channel, leg, heard)
            if prepared is None or market is None:
                return
            client = self._clients[leg.world == "paper"]
            result = await execute_leg(
                leg,
                venue=client,
                market=market,
                journal=self._journal,
                clock=self._clock,
                ids=self._ids,
                prepared=prepared,
                probe=self._probe,
                veto=lambda: (HALTED, why) if (why := self._stopped(leg.purpose)) is not None else None,
            )
            self._note(leg, result)
            self._tell()
            self._probe("J8")
            await self._settle(leg, market, client)
        finally:
            self._busy.discard(leg.leg_id)

    async def _admit(self, channel: Channel, leg: LegRequest, heard: MonoNs) -> tuple[Prepared | None, Market | None]:
        """Check with the market's terms, fix the order, promise it durably, acknowledge. (None, None) = refused and said so."""
        refusal: Refusal
        try:
            market = await self._market(leg.want.market)
            if leg.world == "paper":
                await self._look(leg.want.market)
            no = self._guard.check(leg, market, self._clock.mono_ns())
            if no is None:
                prepared = self._clients[leg.world == "paper"].prepare(leg, market, self._ids, self._clock)
                self._probe("J1")
                self._guard.admit(leg)  # before the wait: two legs must not both fit into the last dollar
                await self._journal.promise([prepared])
                self._probe("J2")
                self._ack(channel, leg.leg_id, "accepted", heard)
                self._probe("J3")
                return prepared, market
            refusal = no
        except Rejected as exc:
            refusal = exc.code[:64], exc.detail
        except JournalFailed as exc:
            self._note(leg, LegResult(leg_id=leg.leg_id, state="refused"))
            refusal = "journal_unavailable", str(exc)
        except TandemError as exc:  # the market's terms could not be read: nothing is known, nothing is sent
            refusal = "not_ready", f"{leg.want.market}: {exc}"
        self._ack(channel, leg.leg_id, "refused", heard, refusal)
        return None, None

    async def _market(self, market_id: MarketId) -> Market:
        known = self._markets.get(market_id)
        now = self._clock.mono_ns()
        if known is not None and now - known[1] < _MARKET_AGE_NS:
            return known[0]
        market = await self._read(market_id)
        self._markets[market_id] = (market, now)
        return market

    async def _settle(self, leg: LegRequest, market: Market, client: VenueClient) -> None:
        """Ask about an open leg until it is final; never sends (B-093)."""
        while (result := self._result(leg.leg_id)) is None or not result.final:
            try:
                found = await resolve_leg(
                    leg.leg_id,
                    venue=client,
                    journal=self._journal,
                    clock=self._clock,
                    deadline=MonoNs(self._clock.mono_ns() + _RESOLVE_NS),
                    sleep=self._sleep,
                    hold_ns=market.hold_ns or 0,
                )
            except TandemError as exc:
                _log.warning("leg_not_resolved", leg=leg.leg_id, error=str(exc))
                found = None
            if found is not None:
                self._note(leg, found)
                self._tell()
            if found is None or not found.final:
                await self._sleep(_RETRY_S)

    def _result(self, leg_id: LegId) -> LegResult | None:
        known = self._journal.stored(leg_id)
        return known[1] if known is not None else None

    def _note(self, leg: LegRequest, result: LegResult) -> None:
        self._guard.note(leg, result)

    def recover(self) -> None:
        """After a restart: every promise without a final result is asked about, never sent (4.6). Returns at once."""
        for leg in self._journal.open_legs():
            if leg.leg_id not in self._busy:
                self._busy.add(leg.leg_id)
                self._spawn(self._recover(leg))

    async def _recover(self, leg: LegRequest) -> None:
        try:
            client = self._clients.get(leg.world == "paper")
            if client is None or self._journal.prepared(leg.leg_id) is None:
                _log.error("leg_cannot_be_asked_about", leg=leg.leg_id, market=leg.want.market, next="look it up at the venue")
                return
            while True:
                try:
                    market = await self._market(leg.want.market)
                    break
                except VenueError as exc:
                    _log.warning("market_unreadable", market=leg.want.market, error=str(exc), next="asked again")
                    await self._sleep(_RETRY_S)
            await self._settle(leg, market, client)
        finally:
            self._busy.discard(leg.leg_id)

    async def listen(self) -> None:
        """Later truths from the venue's private stream: kept, counted, told (B-429)."""
        client = self._clients[min(self._clients)]
        async for hint in client.updates():
            known = self._journal.stored(hint.leg_id)
            if known is None:
                continue
            kept = await record(self._journal, hint)
            if kept is not known[1]:
                self._note(known[0], kept)
                self._tell()

    # -- answers ------------------------------------------------------------------------------------------------------

    def _ack(self, channel: Channel, leg_id: LegId, status: str, heard: MonoNs, refusal: Refusal = ("", "")) -> None:
        fields: dict[str, object] = {"leg_id": leg_id, "status": status, "recv_mono_us": heard // US}
        code, detail = refusal
        channel.send(say.LegAck.model_validate(fields | {"code": code[:64], "detail": detail[:500]}))
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
                channel.send(self._result_message(row.number, row.result))

    @staticmethod
    def _result_message(number: int, result: LegResult) -> say.LegResultMessage | say.LegUpdate:
        make = say.LegResultMessage if result.result_no == 1 else say.LegUpdate
        return make(result_no=number, result=result_fields(result))

    def _retell(self, channel: Channel, leg_id: LegId) -> None:
        """A known leg's newest result again; nothing while it has none."""
        result = self._result(leg_id)
        if result is not None:
            channel.send(self._result_message(self._journal.number(leg_id), result))

    def _query(self, channel: Channel, query: say.QueryLeg) -> None:
        """What the journal knows, at once; an open leg is being asked about anyway."""
        leg_id = LegId(query.leg_id)
        known = self._journal.stored(leg_id)
        if known is None and leg_id not in self._busy:
            never = LegResult(leg_id=leg_id, state="unknown", code="never_seen", detail="this trader's journal has no such leg")
            channel.send(say.LegResultMessage(result_no=0, result=result_fields(never)))
        elif known is None or known[1] is None:
            doubt = LegResult(leg_id=leg_id, state="unknown", code="in_flight", detail="promised, no result yet")
            channel.send(say.LegResultMessage(result_no=0, result=result_fields(doubt)))
        else:
            self._retell(channel, leg_id)

    async def _acknowledged(self, number: int) -> None:
        try:
            await self._journal.acknowledge(number)
            self._probe("J9")
        except TandemError as exc:
            _log.error("acknowledgement_refused", number=number, error=str(exc))

    async def _prepare(self, message: say.Prepare) -> None:
        for name in message.markets:
            try:
                self._markets[MarketId(name)] = (await self._read(MarketId(name)), self._clock.mono_ns())
            except TandemError as exc:
                _log.warning("market_unreadable", market=name, error=str(exc), next="its legs will be refused until it reads")

    async def _account(self, channel: Channel, ask: say.Account) -> None:
        """One page; a large page of the venue is handed on in parts, whose cursor is "<offset>:<the venue's cursor>"."""
        offset, _, cursor = ask.cursor.partition(":") if ask.cursor else ("0", "", "")
        query = AccountQuery(what=ask.what, market=MarketId(ask.market) if ask.market else None, cursor=cursor)
        try:
            page = await self._clients[min(self._clients)].account(query)
        except TandemError as exc:
            channel.send(say.AccountPageMessage(request=ask.request, what=ask.what, error=str(exc)[:500]))
            return
        start = int(offset) if offset.isdigit() else 0
        channel.send(self._page(ask, query, page, start, cursor))

    @staticmethod
    def _page(ask: say.Account, query: AccountQuery, page: AccountPage, start: int, cursor: str) -> say.AccountPageMessage:
        rows = page_rows(query, page)
        part = tuple(rows[start : start + say.MAX_ROWS])
        left = start + say.MAX_ROWS < len(rows)
        following = f"{start + say.MAX_ROWS}:{cursor}" if left else f"0:{page.cursor}" if page.cursor else ""
        return say.AccountPageMessage(request=ask.request, what=ask.what, rows=part, cursor=following)

    async def _cancel(self, leg_id: LegId) -> bool:
        """Ask the venue to end an order; True when the leg is final afterwards."""
        known, order = self._journal.stored(leg_id), self._journal.prepared(leg_id)
        if known is None or order is None:
            return False
        if known[1] is not None and known[1].final:
            return True
        try:
            kept = await record(self._journal, await self._clients[known[0].world == "paper"].cancel(order))
        except TandemError as exc:
            _log.warning("cancel_failed", leg=leg_id, market=known[0].want.market, error=str(exc))
            return False
        self._note(known[0], kept)
        self._tell()
        return kept.final

    async def _cancel_one(self, leg_id: LegId) -> None:
        await self._cancel(leg_id)

    async def cancel_resting(self, reason: str) -> int:
        """End every order that may rest: for halt, stop and the dead man's hand. Returns how many are final afterwards."""
        legs = [leg.leg_id for leg in self._journal.open_legs() if self._rests(leg.leg_id)]
        ended = sum([await self._cancel(leg_id) for leg_id in legs])
        if legs:
            _log.info("legs_cancelled", count=ended, of=len(legs), reason=reason)
        return ended

    def _rests(self, leg_id: LegId) -> bool:
        result = self._result(leg_id)
        return result is not None and result.state == "resting"

    async def _cancel_for(self, channel: Channel, ask: say.CancelAll) -> None:
        legs = [leg.leg_id for leg in self._journal.open_legs()]
        ended = sum([await self._cancel(leg_id) for leg_id in legs])
        channel.send(say.Cancelled(request=ask.request, count=ended))

    # -- tasks --------------------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("trader_task_failed", error=repr(error), next="the leg, if any, is asked about at the next start")

    async def close(self, grace_s: float = 10.0) -> None:
        """Let legs end within the grace, then stop asking; whatever is open is asked about at the next start."""
        self.drain()
        ends = self._clock.mono_ns() + int(grace_s * SECOND)
        while self._busy and self._clock.mono_ns() < ends:
            await self._sleep(0.05)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
