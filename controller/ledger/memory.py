"""Cash, fees and positions by our own arithmetic, held against the venues' records (B-183, B-243).

Every leg counts once, by its newest result: a later version replaces the earlier one. Kalshi holds one signed position per
market and a dollar of collateral per short contract, so opposite trades net; Polymarket holds each token by itself.
"""

from collections.abc import Mapping

import msgspec

from trading.ids import LegId
from trading.market import KALSHI, Action, Market, MarketId, Outcome, Venue
from trading.order import LegRequest, LegResult
from trading.units import Money, Size

__all__ = ["Difference", "Holding", "MemoryLedger", "Totals", "compare"]


class Holding(msgspec.Struct, frozen=True):
    """Contracts of one outcome of one market."""

    venue: Venue
    market: MarketId
    outcome: Outcome


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What all legs did together: cash change per (venue, shard), fees per venue, contracts per holding."""

    cash: Mapping[tuple[Venue, int], Money]
    fees: Mapping[Venue, Money]
    positions: Mapping[Holding, Size]


class Difference(msgspec.Struct, frozen=True):
    """Our figure against the venue's, both exact decimals or raw units; what says where."""

    venue: Venue
    what: str
    ours: int
    theirs: int


class MemoryLedger:
    """The legs of this run in memory, which decisions ask. apply() may be called again for a leg with a newer result."""

    def __init__(self) -> None:
        self._legs: dict[LegId, tuple[LegRequest, Market, LegResult]] = {}
        self._unconfirmed: dict[LegId, LegRequest] = {}

    def apply(self, leg: LegRequest, market: Market, result: LegResult) -> None:
        """Book the newest truth about a leg; an older version than the booked one is ignored."""
        known = self._legs.get(leg.leg_id)
        if known is None or result.result_no >= known[2].result_no:
            self._legs[leg.leg_id] = (leg, market, result)
            if not result.final or (bool(result.filled or result.fills) and not result.confirmed):
                self._unconfirmed[leg.leg_id] = leg
            else:
                self._unconfirmed.pop(leg.leg_id, None)

    def unconfirmed(self) -> tuple[LegRequest, ...]:
        """Legs that filled or may have filled and whose amounts the venue may still change."""
        return tuple(self._unconfirmed.values())

    def result(self, leg_id: LegId) -> LegResult | None:
        """The newest booked result of a leg."""
        known = self._legs.get(leg_id)
        return known[2] if known is not None else None

    def totals(self) -> Totals:
        """Add everything up, in the order the legs were booked."""
        cash: dict[tuple[Venue, int], int] = {}
        fees: dict[Venue, int] = {}
        signed: dict[MarketId, int] = {}
        held: dict[Holding, int] = {}
        for leg, market, result in self._legs.values():
            key = (market.venue, market.shard)
            fees[market.venue] = fees.get(market.venue, 0) + result.fee
            cash[key] = cash.get(key, 0) - result.fee
            want = leg.want
            if market.venue == KALSHI:
                before = signed.get(market.id, 0)
                after = before + self._yes_change(want.outcome, want.action, result.filled)
                signed[market.id] = after
                # YES cash flow: a NO trade is its mirror, one dollar a contract short of it
                flow = -result.cost if want.outcome is Outcome.YES else _mirror(want.action, result)
                cash[key] += flow - (max(0, -after) - max(0, -before))
            else:
                holding = Holding(market.venue, market.id, want.outcome)
                held[holding] = held.get(holding, 0) + (result.filled if want.action is Action.BUY else -result.filled)
                cash[key] -= result.cost
        for market_id, size in signed.items():
            outcome = Outcome.YES if size > 0 else Outcome.NO
            held[Holding(KALSHI, market_id, outcome)] = abs(size)
        return Totals(
            cash={key: Money(value) for key, value in cash.items()},
            fees={venue: Money(value) for venue, value in fees.items()},
            positions={key: Size(value) for key, value in held.items() if value},
        )

    @staticmethod
    def _yes_change(outcome: Outcome, action: Action, size: Size) -> int:
        return size if (outcome is Outcome.YES) is (action is Action.BUY) else -size


def _mirror(action: Action, result: LegResult) -> int:
    # buying NO for c is selling YES for (contracts - c); Size and Money share the 1/1,000,000 unit at one dollar
    return result.filled - result.cost if action is Action.BUY else -(result.filled + result.cost)


def compare(ours: Mapping[str, int], theirs: Mapping[str, int], venue: Venue) -> tuple[Difference, ...]:
    """Every key where the two disagree; a key one side lacks counts as zero there."""
    keys = sorted({*ours, *theirs})
    return tuple(
        Difference(venue, key, ours.get(key, 0), theirs.get(key, 0)) for key in keys if ours.get(key, 0) != theirs.get(key, 0)
    )
