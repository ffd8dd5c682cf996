"""The gate: every order passes here, and only here an Approved is made (design.md 3, step 3).

approve() asks the checks of one table in order and stops at the first no, which is a value with a code of REFUSALS. Then it
sizes, plans, prices the second leg's worst case, asks for a route and rate tokens of every leg, and only then claims the event
and holds the cash: no reservation of leg 2, no leg 1 (B-431). The sale of a held pair (B-440) takes the same way with checks and
caps of its own, planned as the purchase of its reverse. exit() lets reductions of exposure through: limits and breaker
never refuse those.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from controller.model import ArbClosed
from controller.risk.breaker import Breaker
from controller.risk.checks import Checks
from controller.risk.decision import Approved, Plan, Refused
from controller.risk.facts import exposure_of, fees_of, leg_facts, most_cost, over_ppm
from controller.risk.limits import PPM, ExposureFacts, RiskSettings, cap_exit, cap_size
from controller.risk.plan import PlanFacts, PlanRefusal, plan
from controller.risk.size import UNIT
from controller.state import State
from controller.strategy.base import Intent, mirrored
from trading.clock import MS
from trading.ids import ArbId, Ids, leg_id
from trading.market import Action, Market, Venue, snap, step_at
from trading.order import LegRequest, LegResult, Purpose, Want, World
from trading.units import CONTRACT, ONE, Money, MonoNs, Price, Size, cost_of

__all__ = ["Gate", "Routes", "Tokens"]

AtOnce = Callable[[Venue, Want], Want]
"""The part of an order that one process can execute: HybridExecutor.at_once."""
Routes = Callable[[Sequence[LegRequest]], str | None]
"""Why these legs cannot go now, None when they can: HybridExecutor.refuses."""

_NOT_ERRORS = frozenset(
    {
        "throttled",
        "engine_restarting",
        "post_only_mode",
        "cancel_only_mode",
        "trading_disabled",
        "no_route",
        "frozen",
    }
)
"""Codes of a leg that never count toward the breaker (B-201, B-426); a pause is known by its word, see _is_error."""
_OVERSIZE = 3
"""A cash-sized buy delivered 2.18 times what was planned at worst."""


class _Seal:
    """Known to this module only; names the legs it was made for, so that swapping them breaks it."""

    __slots__ = ("gate", "legs")

    def __init__(self, gate: "Gate", legs: tuple[LegRequest, ...]) -> None:
        self.gate = gate
        self.legs = legs


class Tokens(Protocol):
    """The rate budgets of the accounts that execute here (B-431)."""

    def reserve(self, arb_id: ArbId, legs: Sequence[LegRequest]) -> str:
        """Keep what these legs and a way out may need, and return ""; else say what is short, keeping nothing."""

    def release(self, arb_id: ArbId) -> None:
        """Give back what the arb did not spend."""


class _NoTokens:
    """Nobody counts."""

    def reserve(self, arb_id: ArbId, legs: Sequence[LegRequest]) -> str:
        return ""

    def release(self, arb_id: ArbId) -> None:
        pass


class Gate:
    """Turns intents into Approved or Refused. One per engine; state is the engine's."""

    def __init__(
        self,
        state: State,
        settings: RiskSettings,
        routes: Routes,
        ids: Ids,
        world: World,
        *,
        breaker: Breaker | None = None,
        epoch: int = 1,
        tokens: Tokens | None = None,
        at_once: AtOnce = lambda venue, want: want,
    ) -> None:
        self.breaker = breaker or Breaker(settings)
        self._state = state
        self._settings = settings
        self._routes = routes
        self._tokens = tokens or _NoTokens()
        self._at_once = at_once
        self._ids = ids
        self._world = world
        self._epoch = epoch
        self._checks = Checks(state, settings, self.breaker, world)

    # --- opening ------------------------------------------------------------------------------------------------------

    def approve(self, intent: Intent, now: MonoNs) -> Approved | Refused:
        """Decide on an intent. An Approved holds the event's claim and its legs' cash until closed() or release()."""
        no = self._checks.first_no(intent, now)
        if no is not None:
            return Refused(intent=intent, code=no[0], detail=no[1])
        return self._arm(intent, now)

    # --- sizing, planning, reserving ----------------------------------------------------------------------------------

    def _arm(self, intent: Intent, now: MonoNs) -> Approved | Refused:
        def no(code: str, detail: str) -> Refused:
            return Refused(intent=intent, code=code, detail=detail)

        markets = [self._state.markets[want.market] for want in intent.wants]
        sells = intent.purpose == "exit"
        bought = msgspec.structs.replace(intent, wants=tuple(map(mirrored, intent.wants))) if sells else intent
        legs = leg_facts(self._state, self._settings, bought)
        exposure = exposure_of(self._state, self._settings, bought, legs)
        size, bound = (cap_exit if sells else cap_size)(intent.wants[0].size, exposure, self._settings)
        step = max(market.size_step for market in markets)
        if sells:  # what is left is sold next time
            rows = zip(intent.wants, markets, strict=True)
            most = min(self._at_once(market.venue, msgspec.structs.replace(want, size=size)).size for want, market in rows)
            size = Size(most // step * step)
        if bound == "cash":
            self._count_short(intent, markets, exposure)
        if size <= 0:
            return no(bound, "no room")
        chosen = plan(
            PlanFacts(
                legs=legs,
                size=size,
                edge=intent.edge,
                hold_ns=self._state.hold_ns(intent.basket),
                in_play=self._state.in_play(intent.basket, now),
                samples=self._state.lessons.samples(self._state.kind(intent.basket)),
                naked_cap=Money(max(0, self._settings.naked_max_total - exposure.naked_total)),
            ),
            self._settings,
        )
        if isinstance(chosen, PlanRefusal):
            return no(chosen.code, chosen.detail)
        second = markets[chosen.order[1]].venue
        slow = chosen.mode == "sequential" and self._state.trigger_ms(second) > self._settings.leg2_max_trigger_ms
        size = Size((chosen.size // 2 if slow else chosen.size) // step * step)
        if size != chosen.size:
            chosen = msgspec.structs.replace(chosen, size=size)
        if sells:
            limits = tuple(want.limit for want in intent.wants)
            chosen = msgspec.structs.replace(
                chosen, limits=limits, concession=None
            )  # lower than that is the unwind rule's to say
        else:
            chosen = self._slipped(chosen, intent, markets)
        small = _too_small(markets, chosen.limits, size)
        if small:
            limited = bound and not _too_small(markets, chosen.limits, intent.wants[0].size)
            return no(bound if limited else "below_minimum", small)
        return self._mint(intent, chosen, markets, now)

    def _count_short(self, intent: Intent, markets: Sequence[Market], exposure: ExposureFacts) -> None:
        size = intent.wants[0].size
        for market, unit, budget in zip(markets, exposure.unit_costs, exposure.budgets, strict=True):
            short = unit * size // CONTRACT - budget
            if short > 0:
                self._state.cash.note_short((market.venue, market.shard), Money(short))

    def _slipped(self, chosen: Plan, intent: Intent, markets: Sequence[Market]) -> Plan:
        """Let leg 1 pay up to LEG1_SLIPPAGE_CENTS more, never so that the arb loses money (B-180)."""
        first = chosen.order[0]
        limit = chosen.limits[first]
        tolerance = limit * self._settings.slippage_tolerance_ppm // PPM
        more = min(self._settings.leg1_slippage // UNIT, tolerance, max(0, intent.worst_edge) // UNIT)
        if more <= 0 or chosen.mode != "sequential":
            return chosen
        raised = snap(markets[first], Price(limit + more), up=False)
        limits = tuple(max(limit, raised or limit) if index == first else kept for index, kept in enumerate(chosen.limits))
        return msgspec.structs.replace(chosen, limits=limits)

    def _mint(self, intent: Intent, chosen: Plan, markets: Sequence[Market], now: MonoNs) -> Approved | Refused:
        arb = self._ids.arb()
        sells = intent.purpose == "exit"
        over = 0 if sells else over_ppm(self._state, self._settings, intent)
        deadline = self._deadline(chosen.hold_ns, now)
        legs = []
        for index, (want, market) in enumerate(zip(intent.wants, markets, strict=True)):
            limit, reach, size = chosen.limits[index], chosen.limits[index], chosen.size
            if chosen.mode == "sequential" and index != chosen.order[0] and not sells:
                reach = max(limit, chosen.concession or limit)
                if markets[chosen.order[0]].venue == self._settings.doubtful_venue:
                    size = Size(size + size * over // PPM)
            legs.append(
                LegRequest(
                    leg_id=leg_id(arb, index, 0),
                    want=_resized(want, limit, chosen.size),
                    venue=market.venue,
                    purpose=intent.purpose,
                    max_cost=most_cost(fees_of(market), want.action, reach, size),
                    world=self._world,
                    epoch=self._epoch,
                    deadline=deadline,
                )
            )
        unfunded = "" if sells else self._unfunded(legs, markets)  # a sale brings cash
        if unfunded:
            return Refused(intent=intent, code="cash", detail=unfunded)
        blocked = self._routes(legs)
        if blocked is not None:
            return Refused(intent=intent, code="no_route", detail=blocked)
        short = self._tokens.reserve(arb, legs)
        if short:
            return Refused(intent=intent, code="rate_tokens", detail=short)
        if not self._state.claims.try_claim(intent.event, arb):
            self._tokens.release(arb)
            return Refused(intent=intent, code="claimed", detail="")
        sealed, rows = tuple(legs), tuple(zip(legs, markets, strict=True))
        approved = Approved(
            arb_id=arb,
            intent=intent,
            plan=chosen,
            purpose=intent.purpose,
            legs=sealed,
            claim=intent.event,
            reserved=tuple([self._affordable(leg.max_cost, market) if sells else leg.max_cost for leg, market in rows]),
            seal=_Seal(self, sealed),
        )
        self._state.apply_approved(approved)
        return approved

    def _unfunded(self, legs: Sequence[LegRequest], markets: Sequence[Market]) -> str:
        """The shard whose free cash does not cover its legs at their worst, by name; "" when all do (B-421)."""
        needs: dict[tuple[Venue, int], int] = {}
        for leg, market in zip(legs, markets, strict=True):
            needs[(leg.venue, market.shard)] = needs.get((leg.venue, market.shard), 0) + leg.max_cost
        for leg, market in zip(legs, markets, strict=True):
            if needs[(leg.venue, market.shard)] > self._state.cash.free((leg.venue, market.shard)):
                return f"{leg.venue} shard {market.shard}"
        return ""

    def _affordable(self, fee: Money, market: Market) -> Money:
        """What can be held for the fee of a sale, which is paid out of its proceeds where there is no cash."""
        return min(fee, self._state.cash.free((market.venue, market.shard)))

    def _deadline(self, hold_ns: int, now: MonoNs) -> MonoNs:
        """EXECUTION_TIMEOUT_SECS counts from the end of the hold (B-174)."""
        return MonoNs(now + hold_ns + self._settings.execution_timeout_ms * MS)

    # --- leaving ------------------------------------------------------------------------------------------------------

    def exit(self, opened: Approved, want: Want, purpose: Purpose, now: MonoNs, leg: int, attempt: int) -> Approved | Refused:
        """Approve one order that completes, unwinds or exits an arb of this gate.

        leg and attempt name the new order and must be unused. Limits, breaker and cash never refuse it; freeze does, and a halt
        stops purpose "exit" (design.md 6). The price is the caller's duty (execution.md 5).
        """
        intent = opened.intent

        def no(code: str, detail: str = "") -> Refused:
            return Refused(intent=intent, code=code, detail=detail)

        if not self.genuine(opened):
            return no("not_genuine")
        if self.breaker.frozen:
            return no("frozen")
        if purpose == "exit" and self.breaker.reason(now) == "manual":
            return no("halted")
        market = self._state.markets.get(want.market)
        if market is None or all(want.market != mine.market for mine in intent.wants):
            return no("foreign", want.market)
        if not 0 < want.size <= _OVERSIZE * opened.plan.size:
            return no("oversize", f"{want.size / CONTRACT:g} of {opened.plan.size / CONTRACT:g}")
        if step_at(market, want.limit) is None:
            return no("off_grid", f"{want.limit} on {market.id}")
        sold = opened.purpose == "exit" and want.action is Action.SELL
        if sold and want.size > self._state.positions.held(want.market)[want.outcome]:
            return no("not_held", want.market)  # an arb that closes a pair opens nothing (B-440)
        name = leg_id(opened.arb_id, leg, attempt)
        if self._state.known_leg(name):
            return no("reused_id", f"leg {leg} attempt {attempt}")
        request = LegRequest(
            leg_id=name,
            want=want,
            venue=market.venue,
            purpose=purpose,
            max_cost=most_cost(fees_of(market), want.action, want.limit, want.size),
            world=self._world,
            epoch=self._epoch,
            deadline=self._deadline(self._state.hold_ns(intent.basket), now),
        )
        blocked = self._routes([request])
        if blocked is not None:
            return no("no_route", blocked)
        key = (market.venue, market.shard)
        held = self._state.cash.held(opened.arb_id, leg)
        approved = self._seal(
            Approved(
                arb_id=opened.arb_id,
                intent=intent,
                plan=Plan(
                    row="exit",
                    mode="single",
                    order=(0,),
                    size=want.size,
                    limits=(want.limit,),
                    concession=None,
                    hold_ns=self._state.hold_ns(intent.basket),
                    reason=purpose,
                ),
                purpose=purpose,
                legs=(request,),
                claim=opened.claim,
                reserved=(Money(min(request.max_cost, held + self._state.cash.free(key))),),
            )
        )
        self._state.apply_exit(approved)
        return approved

    @property
    def frozen(self) -> bool:
        """Nothing is sent at all, not even what was approved before (design.md 6)."""
        return self.breaker.frozen

    def release(self, arb_id: ArbId) -> None:
        """Undo an approval whose legs were never sent: claim and cash are free at once (B-189)."""
        self._tokens.release(arb_id)
        approved = self._state.release(arb_id)
        if approved is not None:
            self._state.claims.release(approved.claim, arb_id)

    def closed(self, event: ArbClosed, now: MonoNs) -> None:
        """Take an arb's end: free claim and cash, remember misses, feed the breaker.

        The event stays shut by the state while a leg is open or a rest unhedged. A correction of an earlier end books the
        difference only; it is no new try, and an error only when the arb turned out one-sided after all.
        """
        approved = self._state.apply_closed(event, now)
        claims = self._state.claims
        claims.release(event.event, event.arb_id)
        self._tokens.release(event.arb_id)
        one_sided, before = _one_sided(event), event.corrects
        self.breaker.record_pnl(
            Money(event.profit - (before.profit if before else 0)),
            unwind_loss=Money(_unwind_loss(event) - (_unwind_loss(before) if before else 0)),
        )
        if before is not None:
            if one_sided and not _one_sided(before):
                claims.record_one_sided(event.event, now)
                self.breaker.record_error(now)
            return
        sent = any(result.state != "refused" for result in event.results)
        if sent:
            claims.record_sent(event.event, now)
        if event.outcome == "matched":
            claims.record_match(event.event, event.basket, now)
            if event.unhedged <= self._settings.hedge_dust:
                self.breaker.record_ok()
        elif one_sided:
            claims.record_one_sided(event.event, now)
            self.breaker.record_error(now)
        elif event.outcome == "unknown" or any(self._is_error(result) for result in event.results):
            self.breaker.record_error(now)
        if event.outcome == "miss" and sent and approved is not None:
            claims.record_miss(event.basket, self._checks.level(approved.intent), now)

    def _is_error(self, result: LegResult) -> bool:
        """Whether a leg failed, rather than missed: throttling and venue modes are neither (B-201, B-426)."""
        if result.state not in ("rejected", "refused") or result.code in _NOT_ERRORS:
            return False
        return "paused" not in result.code.lower()  # Kalshi's exact codes in a pause are not documented (kalshi.md 16.2)

    # --- the seal -----------------------------------------------------------------------------------------------------

    def _seal(self, approved: Approved) -> Approved:
        return msgspec.structs.replace(approved, seal=_Seal(self, approved.legs))

    def restore(self, approved: Approved) -> Approved:
        """Take over an approval of an earlier start, as its journal kept it: nothing else may be handed in here."""
        return self._seal(approved)

    def genuine(self, approved: Approved) -> bool:
        """Whether this gate made it, with these very legs."""
        seal = approved.seal
        return isinstance(seal, _Seal) and seal.gate is self and seal.legs is approved.legs


def _resized(want: Want, limit: Price, size: Size) -> Want:
    """The same want as planned."""
    if want.limit == limit and want.size == size:
        return want
    return msgspec.structs.replace(want, limit=limit, size=size)


def _one_sided(event: ArbClosed) -> bool:
    return event.outcome in ("one_sided", "unwound", "exposed") or (event.outcome == "unknown" and event.unhedged > 0)


def _unwind_loss(event: ArbClosed) -> int:
    """What the way out of a one-sided position cost, as far as it is known."""
    return max(0, -event.profit) if _one_sided(event) else 0


def _too_small(markets: Sequence[Market], limits: Sequence[Price], size: Size) -> str:
    """The market whose smallest order this is below, in words; "" when every venue takes it."""
    for market, limit in zip(markets, limits, strict=True):
        if size < max(market.min_size, 1) or cost_of(limit, size, up=False) < market.min_cost:
            return f"{size / CONTRACT:g} at {limit / ONE:g} is below the smallest order of {market.id}"
    return ""
