"""Legs of one venue executed by its traders: chosen per leg, promised here first, never moved (B-087..B-093).

Of several ready traders the one with the lowest score takes a leg, the present one keeping its place unless another is a fifth
better; a market with a leg in flight stays with its trader, and a sale goes to a trader that bought as much: where two have bought,
one sells after the other. An unknown leg is asked of the trader that got it, of nobody else.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import msgspec

from controller.execution.trader_link import TraderLink
from trading.clock import SECOND, Clock
from trading.errors import VenueError
from trading.execute import PROOF_NS, record
from trading.ids import LegId
from trading.journal import Journal
from trading.journal_file import JournalFailed
from trading.log import get_logger
from trading.market import Action, Market, MarketId, Venue
from trading.order import LegRequest, LegResult, Want
from trading.units import CONTRACT, Size
from trading.venue import AccountPage, AccountQuery

__all__ = ["RemoteExecutor"]

RESOLVE_NS = PROOF_NS + 5 * SECOND
"""A little longer than a trader asks its venue in one go."""
_POLL_S = 1.0
_BETTER = 0.8
_SELLING = ("ready", "degraded", "halted")
"""Health in which a trader takes what ends an arb."""
_log = get_logger("controller.execution.remote")


class RemoteExecutor:
    """LegExecutor over the traders of one venue. traders is a live mapping by name."""

    name = "remote"

    def __init__(
        self,
        venue: Venue,
        traders: Mapping[str, TraderLink],
        journal: Journal,
        clock: Clock,
        *,
        market_of: Callable[[MarketId], Market | None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        resolve_ns: int = RESOLVE_NS,
    ) -> None:
        self.venue = venue
        self._traders = traders
        self._journal = journal
        self._clock = clock
        self._market_of = market_of
        self._sleep = sleep
        self._resolve_ns = resolve_ns
        self._went: dict[LegId, TraderLink] = {}
        self._present: TraderLink | None = None
        self._uncancelled: set[str] = set()
        self._news: asyncio.Queue[LegResult] = asyncio.Queue()

    def later(self, result: LegResult) -> None:
        """A truth that nobody waits for: it comes out of updates()."""
        self._news.put_nowait(result)

    def refuses(self, legs: Sequence[LegRequest]) -> str | None:
        for leg in legs:
            if self._choose(leg) is None:
                return self._why_none(leg)
        return None

    def _why_none(self, leg: LegRequest) -> str:
        reasons = [trader.refuses(leg) or self._not_there(trader, leg) for trader in self._traders.values()]
        return "; ".join(filter(None, reasons)) or f"no trader is paired for {self.venue}; pair one with: bootstrap pair"

    def _choose(self, leg: LegRequest) -> TraderLink | None:
        traders = self._traders.values()
        willing = [trader for trader in traders if trader.refuses(leg) is None and not self._not_there(trader, leg)]
        if not willing:
            return None
        sticky = self._busy_with(leg.want.market)
        if sticky is not None:
            return sticky if sticky in willing else None
        best = min(willing, key=lambda trader: trader.score)
        if self._present in willing and best.score > self._present.score * _BETTER:
            return self._present
        return best

    def _not_there(self, trader: TraderLink, leg: LegRequest) -> str:
        """Why a sale cannot go to this trader, "" when it can. It sells no more than it bought (distributed.md 4.9), and says so
        only after the other leg has gone: so a sale follows whoever holds, by our journal of what went where (B-440)."""
        want = leg.want
        if want.action is not Action.SELL or want.size <= (held := self._held(trader, want)):
            return ""
        return (
            f"trader {trader.name} bought {held / CONTRACT:g} of {want.market} {want.outcome.name} and sells no more than that"
        )

    def at_once(self, want: Want) -> Want:
        """The part of a sale that one trader can make, where two have bought; as it is when none can, whose route says why."""
        market = self._market_of(want.market)
        if want.action is not Action.SELL or market is None:
            return want
        there = (trader for trader in self._traders.values() if trader.health in _SELLING)
        most = max((self._held(trader, want) for trader in there), default=0) // market.size_step * market.size_step
        return msgspec.structs.replace(want, size=Size(most)) if 0 < most < want.size else want

    def _held(self, trader: TraderLink, want: Want) -> int:
        """What a trader bought of an outcome and has not sold, nor is selling."""
        held = 0
        for other, result in self._journal.legs_in(want.market):
            if other.want.outcome is not want.outcome or not self._was_sent(other.leg_id, trader):
                continue
            filled = result.filled if result is not None else 0
            held += filled if other.want.action is Action.BUY else -filled
            if other.want.action is Action.SELL and not (result is not None and result.final):
                held -= other.want.size  # it is on its way
        return held

    def _was_sent(self, leg_id: LegId, trader: TraderLink) -> bool:
        name, journal_id = self._journal.addressee(leg_id)
        return name == trader.name and journal_id == trader.journal_id

    def _busy_with(self, market: MarketId) -> TraderLink | None:
        """The trader that has a leg of this market in flight: two traders in one market could cross each other."""
        for open_leg in self._journal.open_legs():
            if open_leg.want.market == market and open_leg.leg_id in self._went:
                return self._went[open_leg.leg_id]
        return None

    async def execute(self, leg: LegRequest) -> LegResult:
        """Execute a leg at most once; a repeat gives the stored result, "unknown" while there is none."""
        known = self._journal.stored(leg.leg_id)
        if known is not None:
            return known[1] or LegResult(leg_id=leg.leg_id, state="unknown", code="in_flight", detail="sent before")
        trader = self._choose(leg)
        if trader is None:
            return LegResult(leg_id=leg.leg_id, state="refused", code="no_route", detail=self._why_none(leg))
        self._present = self._went[leg.leg_id] = trader
        self._journal.address(leg.leg_id, trader.name, trader.journal_id)
        try:
            await self._journal.promise([leg])
        except asyncio.CancelledError:  # the promise may stand, and nothing was sent: no one has to be asked about it
            if self._journal.stored(leg.leg_id) is not None:
                unsent = LegResult(leg_id=leg.leg_id, state="refused", code="cancelled", detail="cancelled before the send")
                await asyncio.shield(record(self._journal, unsent))
            raise
        except Exception as exc:  # nothing was sent: whatever kept the promise from the disk, the leg may not go
            _log.error("leg_not_promised", leg=leg.leg_id, error=repr(exc))
            return LegResult(leg_id=leg.leg_id, state="refused", code="not_promised", detail=str(exc))
        market = self._market_of(leg.want.market)
        hold_ns = (market.hold_ns or 0) if market is not None else 0
        try:
            answer = await trader.execute(leg, hold_ns)
        except asyncio.CancelledError:
            doubt = LegResult(leg_id=leg.leg_id, state="unknown", code="cancelled", detail="cancelled while sending")
            await asyncio.shield(record(self._journal, doubt))
            raise
        try:
            kept = await asyncio.shield(record(self._journal, answer))
        except JournalFailed as exc:  # the answer is true all the same; after a restart its trader is asked again
            _log.error("result_not_kept", leg=leg.leg_id, error=str(exc))
            kept = self._current(leg.leg_id)
        return msgspec.structs.replace(kept, stages=kept.stages or answer.stages)

    async def resolve(self, leg_id: LegId) -> LegResult:
        """Ask the leg's trader until the leg is final, at most resolve_ns; a final one with estimates in it once."""
        current = self._current(leg_id)
        known = self._journal.stored(leg_id)
        if known is not None and leg_id not in self._went and self._journal.addressee(leg_id)[0] in self._traders:
            self.restore(known[0])  # its trader was paired again after our start
        trader = self._went.get(leg_id)
        if trader is None or current.confirmed:
            return current
        ends = self._clock.mono_ns() + (0 if current.final else self._resolve_ns)
        told = ""
        while True:
            try:
                await trader.ask(leg_id)
            except VenueError as exc:
                if exc.code != told:
                    told = exc.code
                    _log.warning("trader_not_asked", leg=leg_id, trader=trader.name, error=str(exc), next="asked every second")
            current = self._current(leg_id)
            if current.final or self._clock.mono_ns() >= ends:
                return current
            await self._sleep(_POLL_S)

    def _current(self, leg_id: LegId) -> LegResult:
        known = self._journal.stored(leg_id)
        if known is None:
            return LegResult(leg_id=leg_id, state="unknown", code="not_promised", detail="this journal never promised the leg")
        return known[1] or LegResult(leg_id=leg_id, state="unknown", code="in_flight")

    def reach_ms(self) -> int:
        """Milliseconds until a leg is in its trader's hands, by the present trader's round trips: what the plan counts with."""
        connected = [trader.rtt_us for trader in self._traders.values() if trader.health in ("ready", "degraded")]
        present = self._present.rtt_us if self._present is not None else min(connected, default=0.0)
        return -(-int(present) // 2_000)

    def restore(self, leg: LegRequest) -> None:
        """After a restart: the trader that the journal names has this leg, and nobody else is asked. One of a time when journals
        named nobody belongs to the only trader of the venue; otherwise it stays unknown."""
        name, journal_id = self._journal.addressee(leg.leg_id)
        trader = self._traders.get(name)
        if not name and len(self._traders) == 1:
            (trader,) = self._traders.values()
        if trader is None:
            _log.error(
                "leg_of_an_unknown_trader",
                leg=leg.leg_id,
                market=leg.want.market,
                trader=name,
                next="pair that trader again, or compare the venue's own record and close by hand",
            )
            return
        self._went[leg.leg_id] = trader
        if not self._current(leg.leg_id).final:
            trader.adopt(leg, journal_id)

    async def cancel(self, leg_id: LegId) -> LegResult:
        """Ask the trader to end an order; what came of it is told later."""
        trader = self._went.get(leg_id)
        if trader is not None and not self._current(leg_id).final:
            trader.cancel(leg_id)
        return self._current(leg_id)

    async def cancel_all(self, reason: str) -> int:
        """End open orders at every trader; returns how many are final afterwards."""
        ended = 0
        for trader in self._traders.values():
            try:
                ended += await trader.cancel_all(reason)
            except VenueError as exc:
                if trader.name not in self._uncancelled:  # a drain asks every second
                    self._uncancelled.add(trader.name)
                    step = "bring that trader back; one that runs cancels by itself when it hears no controller"
                    _log.error("cancel_all_failed", trader=trader.name, venue=self.venue, error=str(exc), next_step=step)
            else:
                self._uncancelled.discard(trader.name)
        return ended

    async def account(self, what: AccountQuery) -> AccountPage:
        """Ask the best trader that answers. Raises VenueError when none does."""
        failure = VenueError(self.venue, "no_trader", "no trader is connected")
        for trader in sorted(self._traders.values(), key=lambda one: one.score):
            try:
                return await trader.account(what)
            except VenueError as exc:
                failure = exc
        raise failure

    async def prepare(self, markets: Sequence[MarketId]) -> None:
        """Have every trader load our venue's markets among these."""
        ours = tuple(
            market for market in markets if (known := self._market_of(market)) is not None and known.venue == self.venue
        )
        for trader in self._traders.values():
            trader.prepare(ours)

    async def updates(self) -> AsyncIterator[LegResult]:
        """Late fills, confirmations, reversals and cancellations the traders told."""
        while True:
            yield await self._news.get()
