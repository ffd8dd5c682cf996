"""One platform's legs at their trader: checked, promised, executed, asked about until final (distributed.md 4.6).

    J1 checked ► J2 promised, durable ► J3 acknowledged ► J4..J7 execute_leg ► J8 told

Legs outlive the connection they came by and, through the journal, the process. Nothing here knows the link.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Protocol

from trader.guard import Guard, Refusal
from trader.halt import HALTED, Brake
from trading.clock import SECOND, Clock
from trading.errors import Rejected, TandemError, VenueError
from trading.execute import PROOF_NS, execute_leg, record, resolve_leg
from trading.ids import Ids, LegId
from trading.journal_file import FileJournal, JournalFailed
from trading.log import get_logger
from trading.market import Market, MarketId
from trading.order import LegRequest, LegResult
from trading.units import MonoNs
from trading.venue import AccountPage, AccountQuery, Prepared, VenueClient

__all__ = ["EPOCH", "Answers", "Legs"]

EPOCH = "epoch"
"""The journal's number of the highest start of a controller that was in charge."""

_MARKET_AGE_NS = 60 * SECOND
"""Terms older than this are read again before a leg trades on them."""
_RETRY_S = 5.0
_log = get_logger("trader.legs")
Probe = Callable[[str], None]


class Answers(Protocol):
    """What a leg tells whoever sent it."""

    def accepted(self, leg_id: LegId) -> None: ...
    def refused(self, leg_id: LegId, refusal: Refusal) -> None: ...


class Legs:
    """start() one leg, recover() those of an earlier run, close() once. changed is called after every newer result."""

    def __init__(
        self,
        *,
        clients: Mapping[bool, VenueClient],
        read: Callable[[MarketId], Awaitable[Market]],
        look: Callable[[MarketId], Awaitable[None]],
        journal: FileJournal,
        guard: Guard,
        clock: Clock,
        ids: Ids,
        brake: Brake,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        probe: Probe = lambda _: None,
    ) -> None:
        """clients by "is it a paper leg"; read gives a market's terms, look reads the book that a paper leg meets. The brake is
        asked just before each send."""
        self.journal = journal
        self.changed: Callable[[], None] = lambda: None
        self._clients = clients
        self._read = read
        self._look = look
        self._guard = guard
        self._clock = clock
        self._ids = ids
        self._brake = brake
        self._sleep = sleep
        self._probe = probe
        self._markets: dict[MarketId, tuple[Market, MonoNs]] = {}
        self._busy: set[LegId] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.closed = False
        """No leg begins any more."""
        guard.restore(journal.legs().values())

    def serves(self, *, paper: bool) -> bool:
        """Whether legs of this kind have a client here."""
        return paper in self._clients

    def under_way(self, leg_id: LegId) -> bool:
        return leg_id in self._busy

    @property
    def idle(self) -> bool:
        """No leg task is running."""
        return not self._busy

    @property
    def open(self) -> int:
        """Legs promised and not final."""
        return self._guard.open_legs

    def passed(self, step: str) -> None:
        """A step of distributed.md 4.6, for tests that break the process there."""
        self._probe(step)

    def start(self, leg: LegRequest, answers: Answers) -> None:
        """Execute a leg nobody has seen before, in a task of its own (B-226)."""
        self._busy.add(leg.leg_id)
        self.spawn(self._leg(leg, answers))

    async def _leg(self, leg: LegRequest, answers: Answers) -> None:
        try:
            prepared, market = await self._admit(leg, answers)
            if prepared is None or market is None:
                return
            client = self._clients[leg.world == "paper"]
            result = await execute_leg(
                leg,
                venue=client,
                market=market,
                journal=self.journal,
                clock=self._clock,
                ids=self._ids,
                prepared=prepared,
                probe=self._probe,
                veto=lambda: self._veto(leg),
            )
            self._guard.note(leg, result)
            self.changed()
            self._probe("J8")
            await self._settle(leg, market.hold_ns or 0, client)
        finally:
            self._busy.discard(leg.leg_id)

    def _veto(self, leg: LegRequest) -> Refusal | None:
        """Why a promised leg may not leave after all: a kill switch, or a later start is in charge by now (distributed.md 4.7)."""
        if (why := self._brake.stops(leg.purpose)) is not None:
            return HALTED, why
        newest = self.journal.number_kept(EPOCH)
        return ("stale_epoch", f"of start {leg.epoch}; start {newest} is in charge") if leg.epoch < newest else None

    async def _admit(self, leg: LegRequest, answers: Answers) -> tuple[Prepared | None, Market | None]:
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
                await self.journal.promise([prepared])
                self._probe("J2")
                answers.accepted(leg.leg_id)
                self._probe("J3")
                return prepared, market
            refusal = no
        except Rejected as exc:
            refusal = exc.code[:64], exc.detail
        except JournalFailed as exc:
            self._guard.note(leg, LegResult(leg_id=leg.leg_id, state="refused"))
            refusal = "journal_unavailable", str(exc)
        except TandemError as exc:  # the market's terms could not be read: nothing is known, nothing is sent
            refusal = "not_ready", f"{leg.want.market}: {exc}"
        except Exception as exc:
            if self.journal.stored(leg.leg_id) is not None:
                raise  # promised: it is asked about, not refused
            _log.exception("leg_not_prepared", leg=leg.leg_id, market=leg.want.market)
            self._guard.note(leg, LegResult(leg_id=leg.leg_id, state="refused"))
            refusal = "not_ready", f"{leg.want.market}: {exc!r}"
        answers.refused(leg.leg_id, refusal)
        return None, None

    async def _market(self, market_id: MarketId) -> Market:
        known = self._markets.get(market_id)
        now = self._clock.mono_ns()
        if known is not None and now - known[1] < _MARKET_AGE_NS:
            return known[0]
        market = await self._read(market_id)
        self._markets[market_id] = (market, now)
        return market

    async def _settle(self, leg: LegRequest, hold_ns: int, client: VenueClient) -> None:
        """Ask about an open leg until it is final; never sends (B-093)."""
        while (result := self.result(leg.leg_id)) is None or not result.final:
            try:
                found = await resolve_leg(
                    leg.leg_id,
                    venue=client,
                    journal=self.journal,
                    clock=self._clock,
                    deadline=MonoNs(self._clock.mono_ns() + PROOF_NS),
                    sleep=self._sleep,
                    hold_ns=hold_ns,
                )
            except Exception as exc:  # one look-up's boundary: whatever it was, the leg is open and asked about again
                _log.warning("leg_not_resolved", leg=leg.leg_id, error=repr(exc))
                found = None
            if found is not None:
                self._guard.note(leg, found)
                self.changed()
            if found is None or not found.final:
                await self._sleep(_RETRY_S)

    def result(self, leg_id: LegId) -> LegResult | None:
        """What is known of a leg now."""
        known = self.journal.stored(leg_id)
        return known[1] if known is not None else None

    def recover(self) -> None:
        """After a restart: every promise without a final result is asked about, never sent (4.6). Returns at once."""
        for leg in self.journal.open_legs():
            if leg.leg_id not in self._busy:
                self._busy.add(leg.leg_id)
                self.spawn(self._recover(leg))

    async def _recover(self, leg: LegRequest) -> None:
        try:
            client = self._clients.get(leg.world == "paper")
            if client is None or self.journal.prepared(leg.leg_id) is None:
                _log.error("leg_cannot_be_asked_about", leg=leg.leg_id, market=leg.want.market, next="look it up at the venue")
                return
            hold_ns = 0
            try:
                hold_ns = (await self._market(leg.want.market)).hold_ns or 0
            except VenueError as exc:  # the market may be gone for good; its order can be looked up all the same
                _log.warning("market_unreadable", market=leg.want.market, error=str(exc), next="asked without its hold")
            await self._settle(leg, hold_ns, client)
        finally:
            self._busy.discard(leg.leg_id)

    async def listen(self) -> None:
        """Later truths from the venue's private stream: kept, counted, told (B-429)."""
        client = self._clients[min(self._clients)]
        async for hint in client.updates():
            known = self.journal.stored(hint.leg_id)
            if known is None:
                continue
            kept = await record(self.journal, hint)
            if kept is not known[1]:
                self._guard.note(known[0], kept)
                self.changed()

    async def confirm(self, leg: LegRequest) -> None:
        """Ask the venue once more about a final leg with estimates or provisional fills in it."""
        try:
            found = await resolve_leg(
                leg.leg_id,
                venue=self._clients[leg.world == "paper"],
                journal=self.journal,
                clock=self._clock,
                deadline=self._clock.mono_ns(),
                sleep=self._sleep,
                until="confirmed",
            )
            self._guard.note(leg, found)
        except (TandemError, KeyError) as exc:
            _log.warning("leg_not_confirmed", leg=leg.leg_id, error=repr(exc))
        self.changed()

    async def prepare(self, markets: Sequence[MarketId]) -> None:
        for name in markets:
            try:
                self._markets[name] = (await self._read(name), self._clock.mono_ns())
            except TandemError as exc:
                _log.warning("market_unreadable", market=name, error=str(exc), next="its legs will be refused until it reads")

    async def account(self, query: AccountQuery) -> AccountPage:
        """A page of the account these legs trade on."""
        return await self._clients[min(self._clients)].account(query)

    async def cancel(self, leg_id: LegId) -> bool:
        """Ask the venue to end an order; True when the leg is final afterwards."""
        known, order = self.journal.stored(leg_id), self.journal.prepared(leg_id)
        if known is None or order is None:
            return False
        if known[1] is not None and known[1].final:
            return True
        if known[1] is None and leg_id in self._busy:
            return False  # its send is under way and answers itself; a cancel that overtakes it proves nothing
        try:
            kept = await record(self.journal, await self._clients[known[0].world == "paper"].cancel(order))
        except TandemError as exc:
            _log.warning("cancel_failed", leg=leg_id, market=known[0].want.market, error=str(exc))
            return False
        self._guard.note(known[0], kept)
        self.changed()
        return kept.final

    async def cancel_resting(self, reason: str) -> int:
        """End every order that may rest: for halt, stop and the dead man's hand. Returns how many are final afterwards."""
        legs = [leg.leg_id for leg in self.journal.open_legs() if self._rests(leg.leg_id)]
        ended = sum([await self.cancel(leg_id) for leg_id in legs])
        if legs:
            _log.info("legs_cancelled", count=ended, of=len(legs), reason=reason)
        return ended

    def _rests(self, leg_id: LegId) -> bool:
        result = self.result(leg_id)
        return result is not None and result.state == "resting"

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run something beside the legs; it ends with them."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("leg_task_failed", error=repr(error), next="the leg, if any, is asked about at the next start")

    async def close(self, grace_s: float = 10.0) -> None:
        """Let legs end within the grace, then stop asking; whatever is open is asked about at the next start."""
        ends = self._clock.mono_ns() + int(grace_s * SECOND)
        while self._busy and self._clock.mono_ns() < ends:
            await self._sleep(0.05)
        self.closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
