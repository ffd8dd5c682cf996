"""Which leg goes first, and how far the second may concede (execution.md 2).

    expected value of one contract; p = chance that a leg fills at its limit, e = net edge, c = concession, R = cheapest exit
    sequential X then Y    pX * (pY * (e - c) - (1 - pY) * RX)
    concurrent             pX * pY * e - pX * (1 - pY) * RX - pY * (1 - pX) * RY

A miss of the first leg is free, a miss of the second is not: that is why a held or doubtful leg goes first. The plan is a pure
function of its facts; the rows stand in one table and the first that matches decides.
"""

from bisect import bisect_right
from collections.abc import Callable

import msgspec

from controller.risk.decision import Plan, PlanRow
from controller.risk.limits import PPM, RiskSettings
from controller.risk.size import UNIT, unit_costs
from trading.clock import MS
from trading.market import KALSHI, FeeTerms, Market, Venue, snap
from trading.units import CONTRACT, ONE, Money, Price, Size

__all__ = ["LegFacts", "PlanFacts", "PlanRefusal", "concession_limit", "ev_concurrent", "ev_sequential", "held_in_play", "plan"]


class LegFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One leg as the plan sees it. fill is the recorded chance (0..1) that it fills at its limit; exit_loss is Money per
    contract lost when it is left alone and sold back now, fees in. concession is the worst price it may reach as second leg."""

    venue: Venue
    shard: int
    limit: Price
    fill: float
    exit_loss: Money
    concession: Price


class PlanFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the table reads. hold_ns is the hold in force; in_play None = unknown; samples the recorded outcomes of this
    league and type; edge Money per contract; naked_cap what may stand unhedged, in Money, at this moment."""

    legs: tuple[LegFacts, ...]
    size: Size
    edge: Money
    hold_ns: int
    in_play: bool | None
    samples: int
    naked_cap: Money
    refusal: str = ""
    """R0: the word of a refusal found before the plan, "" when there is none."""


class PlanRefusal(msgspec.Struct, frozen=True):
    """No plan: the row that refused, and the refusal code of gate.py."""

    row: PlanRow
    code: str
    detail: str


def ev_sequential(first: LegFacts, second: LegFacts, edge: Money, concession: Money) -> float:
    """Money per contract expected of first, then second."""
    return first.fill * (second.fill * (edge - concession) - (1 - second.fill) * first.exit_loss)


def ev_concurrent(one: LegFacts, two: LegFacts, edge: Money) -> float:
    """Money per contract expected of both at once."""
    return one.fill * two.fill * edge - one.fill * (1 - two.fill) * one.exit_loss - two.fill * (1 - one.fill) * two.exit_loss


def concession_limit(
    market: Market, limit: Price, *, other_cost: Money, payout: Price, sell_back_loss: Money, settings: RiskSettings
) -> Price:
    """The worst price leg 2 may pay (B-455), never better than its own limit.

    The set may lose COMPLETE_MAX_LOSS_CENTS, or half a cent less than selling leg 1 back now would, whichever is smaller.
    other_cost is leg 1's cost and fee per contract, sell_back_loss Money per contract. A market without fee terms concedes
    nothing.
    """
    if market.fees is None:
        return limit
    loss = min(settings.complete_max_loss, sell_back_loss - settings.complete_over_exit)
    budget = payout * UNIT + loss - other_cost
    price = _dearest(market.fees, budget)
    snapped = snap(market, price, up=False) if price > limit else None
    return limit if snapped is None else max(limit, snapped)


def _dearest(terms: FeeTerms, budget: int) -> Price:
    """The highest price whose contract, fee in, costs no more than budget; price plus fee grows with price."""
    return Price(max(0, bisect_right(unit_costs(terms), budget, 0, ONE) - 1))


def held_in_play(hold_ns: int, in_play: bool | None, settings: RiskSettings) -> bool:
    """Row R2: a long hold while the event is in play, or nobody knows whether it is."""
    return hold_ns >= settings.hold_long_ms * MS and in_play is not False


# --- the table --------------------------------------------------------------------------------------------------------


def _doubtful(facts: PlanFacts, settings: RiskSettings) -> int:
    """The leg that goes first unless the table says otherwise: the one on the venue that holds takers, else the doubtful
    one."""
    for index, leg in enumerate(facts.legs):
        if leg.venue == settings.doubtful_venue:
            return index
    return min(range(len(facts.legs)), key=lambda index: facts.legs[index].fill)


def _sequential(row: PlanRow, facts: PlanFacts, first: int, size: Size, reason: str) -> Plan:
    order = (first, *(index for index in range(len(facts.legs)) if index != first))
    return Plan(
        row=row,
        mode="sequential",
        order=order,
        size=size,
        limits=tuple(leg.limit for leg in facts.legs),
        concession=facts.legs[order[1]].concession,
        hold_ns=facts.hold_ns,
        reason=reason,
    )


def _at_once(row: PlanRow, facts: PlanFacts, mode: str, reason: str) -> Plan:
    return Plan(
        row=row,
        mode="batch" if mode == "batch" else "concurrent",
        order=tuple(range(len(facts.legs))),
        size=facts.size,
        limits=tuple(leg.limit for leg in facts.legs),
        concession=None,
        hold_ns=facts.hold_ns,
        reason=reason,
    )


def _refused(facts: PlanFacts, _: RiskSettings) -> Plan | PlanRefusal:
    return PlanRefusal("R0", facts.refusal, "refused before planning")


def _one_venue(facts: PlanFacts, _: RiskSettings) -> bool:
    return len({leg.venue for leg in facts.legs}) == 1


def _batch(facts: PlanFacts, settings: RiskSettings) -> Plan | PlanRefusal:
    if len({leg.shard for leg in facts.legs}) > 1:
        return PlanRefusal("R1", "no_batch", "legs of one batch lie on different shards")
    if len(facts.legs) > settings.batch_max_legs:
        return PlanRefusal("R1", "no_batch", f"{len(facts.legs)} legs are more than a batch of {settings.batch_max_legs}")
    return _at_once("R1", facts, "batch", "all legs on one venue, all at once")


def _held_in_play(facts: PlanFacts, settings: RiskSettings) -> bool:
    return held_in_play(facts.hold_ns, facts.in_play, settings)


def _hold_refused(facts: PlanFacts, settings: RiskSettings) -> Plan | PlanRefusal:
    word = "in play" if facts.in_play else "of unknown start"
    hold = f"hold of {facts.hold_ns // MS} ms while the event is {word}"
    if not settings.trade_held_in_play:
        return PlanRefusal("R2", "held_in_play", hold)
    size = Size(facts.size * settings.held_in_play_size_ppm // PPM)
    return _sequential("R2", facts, _doubtful(facts, settings), size, f"{hold}: held leg first, smaller size")


def _worst_naked(facts: PlanFacts) -> int:
    """Money at stake if the dearest leg fills alone."""
    return max(leg.limit for leg in facts.legs) * UNIT * facts.size // CONTRACT


def _unhedgeable(facts: PlanFacts, settings: RiskSettings) -> bool:
    """R4: with the exact leg first, its smallest acceptable fill might be below what the cash-sized venue accepts."""
    price = facts.legs[_doubtful(facts, settings)].limit
    smallest = facts.size * settings.acceptable_fill_ppm // PPM
    return smallest * price // ONE < settings.min_hedge_cost


def _concurrent_pays(facts: PlanFacts, settings: RiskSettings) -> bool:
    one, two = facts.legs[0], facts.legs[1]
    sequential = max(
        ev_sequential(one, two, facts.edge, settings.expected_concession),
        ev_sequential(two, one, facts.edge, settings.expected_concession),
    )
    return (
        facts.hold_ns == 0
        and min(one.fill, two.fill) * PPM >= settings.concurrent_min_fill_ppm
        and ev_concurrent(one, two, facts.edge) > sequential + settings.concurrent_min_gain
        and _worst_naked(facts) <= facts.naked_cap
    )


def _lower_chance(facts: PlanFacts, settings: RiskSettings) -> Plan | PlanRefusal:
    one, two = facts.legs[0], facts.legs[1]
    if one.fill == two.fill:
        return _sequential("R7", facts, _doubtful(facts, settings), facts.size, "equal chances: doubtful venue first")
    first = 0 if one.fill < two.fill else 1
    return _sequential("R7", facts, first, facts.size, f"{facts.legs[first].venue} fills less often and goes first")


def _forced(facts: PlanFacts, settings: RiskSettings) -> Plan | PlanRefusal:
    reason = f"EXECUTION_MODE={settings.execution_mode}"
    if settings.execution_mode == "concurrent":
        if _worst_naked(facts) > facts.naked_cap:
            return PlanRefusal("R6", "naked_limit", f"{reason}: one leg alone would be above the naked cap")
        return _at_once("R6", facts, "concurrent", reason)
    first = _doubtful(facts, settings)
    if settings.execution_mode == "kalshi_first":
        first = next((index for index, leg in enumerate(facts.legs) if leg.venue == KALSHI), first)
    return _sequential("R7", facts, first, facts.size, reason)


def _doubtful_first(row: PlanRow, reason: str) -> Callable[[PlanFacts, RiskSettings], Plan | PlanRefusal]:
    return lambda facts, settings: _sequential(row, facts, _doubtful(facts, settings), facts.size, reason)


_Condition = Callable[[PlanFacts, RiskSettings], bool]
_Outcome = Callable[[PlanFacts, RiskSettings], Plan | PlanRefusal]
_TABLE: tuple[tuple[str, _Condition, _Outcome], ...] = (
    ("R0", lambda facts, settings: facts.refusal != "", _refused),
    ("R1", _one_venue, _batch),
    ("R2", _held_in_play, _hold_refused),
    ("mode", lambda facts, settings: settings.execution_mode != "auto", _forced),  # the operator's word, after the refusals
    ("R3", lambda facts, settings: facts.hold_ns >= settings.hold_short_ms * MS, _doubtful_first("R3", "held leg first")),
    ("R4", _unhedgeable, _doubtful_first("R4", "a partial fill of the other leg could not be hedged")),
    ("R5", lambda facts, settings: facts.samples < settings.plan_min_samples, _doubtful_first("R5", "too few outcomes known")),
    ("R6", _concurrent_pays, lambda facts, settings: _at_once("R6", facts, "concurrent", "both legs fill well: at once")),
    ("R7", lambda facts, settings: True, _lower_chance),
)


def plan(facts: PlanFacts, settings: RiskSettings) -> Plan | PlanRefusal:
    """Choose the plan: the first row of the table that matches decides."""
    for _, matches, outcome in _TABLE:
        if matches(facts, settings):
            return outcome(facts, settings)
    raise AssertionError("R7 matches everything")
