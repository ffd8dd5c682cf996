"""Legs of one venue executed in this process.

A thin shell around execute_leg and resolve_leg: it knows the venue's client, the journal and the market terms, and keeps the
journal's results current from the venue's private stream. It runs paper, simulated and live legs alike; the client decides.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from trading.clock import Clock
from trading.errors import VenueError
from trading.execute import PROOF_NS, execute_leg, record, resolve_leg
from trading.ids import Ids, LegId
from trading.journal import Journal
from trading.log import get_logger
from trading.market import Market, MarketId
from trading.order import LegRequest, LegResult, Want
from trading.units import MonoNs
from trading.venue import AccountPage, AccountQuery, VenueClient

__all__ = ["LocalExecutor"]

RESOLVE_NS = PROOF_NS
"""How long resolve() keeps asking about an open leg."""

_EXITS = ("complete", "unwind", "exit")
"""Terms that could not be read stop new arbs, never the way out: the venue itself decides about an exit."""

_NEVER = ("refused",)
"""Nothing left this process, and no result follows (trading.order): a fill all the same would go under without a word."""

_log = get_logger("controller.execution.local")


class LocalExecutor:
    """LegExecutor over a VenueClient. name labels the legs in logs and views: "local", or "paper" in DRY_RUN (design.md 6)."""

    def __init__(
        self,
        venue_client: VenueClient,
        journal: Journal,
        clock: Clock,
        ids: Ids,
        *,
        name: str,
        market_of: Callable[[MarketId], Market | None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        resolve_ns: int = RESOLVE_NS,
        probe: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.venue = venue_client.venue
        self.name = name
        self._client = venue_client
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._market_of = market_of
        self._sleep = sleep
        self._resolve_ns = resolve_ns
        self._probe = probe
        self._running: set[LegId] = set()

    def refuses(self, legs: Sequence[LegRequest]) -> str | None:
        """Why these legs cannot go now: what can be known without asking anybody."""
        now = self._clock.mono_ns()
        for leg in legs:
            market = self._market_of(leg.want.market)
            if leg.venue != self.venue:
                return f"{leg.want.market} is a leg of {leg.venue}"
            if market is None:
                return f"{leg.want.market} is not known here"
            if leg.purpose not in _EXITS and (not market.tradable or market.fees is None or market.status != "open"):
                return f"{market.id} cannot be traded now ({market.status})"
            if leg.world == "live" and not self._journal.durable:
                return "live legs need a durable journal"
            if now >= leg.deadline:
                return f"the deadline of {leg.want.market} has passed"
        return None

    def at_once(self, want: Want) -> Want:
        """All of it: the account is this process's."""
        return want

    async def execute(self, leg: LegRequest) -> LegResult:
        """Execute a leg at most once; a repeat gives the stored result, "unknown" while there is none."""
        market = self._market_of(leg.want.market)
        if market is None:
            return LegResult(
                leg_id=leg.leg_id, state="refused", code="unknown_market", detail=f"{leg.want.market} is not known here"
            )
        if leg.leg_id in self._running:
            return LegResult(leg_id=leg.leg_id, state="unknown", code="in_flight", detail="this leg is being executed")
        self._running.add(leg.leg_id)
        try:
            return await execute_leg(
                leg,
                venue=self._client,
                market=market,
                journal=self._journal,
                clock=self._clock,
                ids=self._ids,
                probe=self._probe,
            )
        except Exception as exc:
            if self._journal.stored(leg.leg_id) is not None:
                raise  # it may have been sent: the caller keeps the doubt
            # Nothing is sent before its promise: as a doubt it would keep the other leg alone for ever.
            _log.exception("leg_not_prepared", leg=leg.leg_id)
            return LegResult(leg_id=leg.leg_id, state="refused", code="not_prepared", detail=repr(exc))
        finally:
            self._running.discard(leg.leg_id)

    async def resolve(self, leg_id: LegId) -> LegResult:
        """Ask until the leg is final, at most resolve_ns. A final leg with estimates or provisional fills in it is asked about
        once, a confirmed one not at all."""
        known = self._journal.stored(leg_id)
        if known is None:
            return LegResult(leg_id=leg_id, state="unknown", code="not_promised", detail="this journal never promised the leg")
        leg, result = known
        if result is not None and result.confirmed:
            return result
        market = self._market_of(leg.want.market)
        wait = 0 if result is not None and result.final else self._resolve_ns
        return await resolve_leg(
            leg_id,
            venue=self._client,
            journal=self._journal,
            clock=self._clock,
            deadline=MonoNs(self._clock.mono_ns() + wait),
            sleep=self._sleep,
            until="confirmed" if wait == 0 else "final",
            hold_ns=(market.hold_ns or 0) if market is not None else 0,
        )

    async def cancel(self, leg_id: LegId) -> LegResult:
        """Ask the venue to end an order. The answer may still be open; resolve() tells what came of it."""
        order = self._journal.prepared(leg_id)
        known = self._journal.stored(leg_id)
        current = (known[1] if known else None) or LegResult(leg_id=leg_id, state="unknown", code="in_flight")
        if order is None or current.final:
            return current
        try:
            return await record(self._journal, await self._client.cancel(order))
        except VenueError as exc:  # gone, filled or unreachable: the cancel proves nothing about the order
            _log.warning("cancel_failed", leg=leg_id, venue=self.venue, error=str(exc))
            return current

    async def cancel_all(self, reason: str) -> int:
        """Cancel every open leg of this venue; returns how many are final afterwards."""
        ended = 0
        for leg in self._journal.open_legs():
            if leg.venue == self.venue and leg.leg_id not in self._running:
                ended += (await self.cancel(leg.leg_id)).final
        if ended:
            _log.info("legs_cancelled", venue=self.venue, count=ended, reason=reason)
        return ended

    async def account(self, what: AccountQuery) -> AccountPage:
        return await self._client.account(what)

    async def prepare(self, markets: Sequence[MarketId]) -> None:
        """Warm the connection if any of these markets is ours."""
        found = (self._market_of(market) for market in markets)
        if any(market is not None and market.venue == self.venue for market in found):
            await self._client.warm()

    async def updates(self) -> AsyncIterator[LegResult]:
        """Later truths about legs promised here, kept in the journal before they are told (B-429: hints, find() decides)."""
        async for hint in self._client.updates():
            known = self._journal.stored(hint.leg_id)
            if known is None:
                continue
            kept = await record(self._journal, hint)
            if kept is not known[1]:
                yield kept
            elif hint.filled and not kept.filled and kept.state in _NEVER:
                _log.error(
                    "fill_of_a_refused_order",
                    leg=hint.leg_id,
                    market=known[0].want.market,
                    state=kept.state,
                    code=kept.code,
                    filled=hint.filled,
                    next_step="nothing hedges it: compare with the venue's site and close it by hand",
                )
