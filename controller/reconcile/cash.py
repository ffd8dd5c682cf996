"""Whether the free cash of a venue moved by what our own record says (B-243).

    cash then - what our fills cost + what left both sides (merged, netted) + what was paid out = cash now

Two looks are compared between which nothing of ours was left open. What is over is a deposit, a withdrawal, interest, somebody
else's trade, or an error of the record: it is told with its figure and stops nothing, because cash has no other witness. A figure
counts when two looks in a row show it: balances lag behind fills.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from controller.reconcile.compare import Legs
from trading.ids import LegId
from trading.market import Action, MarketId, Outcome, Venue
from trading.units import DOLLAR, Money, to_dollars
from trading.venue import Position, Settlement

__all__ = ["CashLook", "CashWatch", "Explained", "explain", "look_of"]

_CENT = 10_000


class Moved(msgspec.Struct, frozen=True):
    """What one leg did so far: cash out with fees, and contracts of YES and of NO that came in."""

    market: MarketId
    spent: int
    yes: int
    no: int


class CashLook(msgspec.Struct, frozen=True):
    """One venue at a quiet moment. held is (YES, NO) per market, claims are payouts that wait to be redeemed, paid are YES values
    of markets that were paid out."""

    cash: int
    legs: Mapping[LegId, Moved]
    held: Mapping[MarketId, tuple[int, int]]
    claims: Mapping[MarketId, int]
    paid: Mapping[MarketId, int]


class Explained(msgspec.Struct, frozen=True):
    """expected is the change our record explains, None when a position left in a way it cannot price; why names that market."""

    expected: int | None
    tolerance: int
    why: str = ""


def look_of(
    cash: Money, venue: Venue, legs: Legs, positions: Iterable[Position], settlements: Sequence[Settlement]
) -> CashLook:
    """A look from what both sides say."""
    moved = {}
    for leg_id, (leg, result) in legs.items():
        if leg.venue == venue and result is not None and (result.filled or result.fee):
            size = result.filled if leg.want.action is Action.BUY else -result.filled
            yes = leg.want.outcome is Outcome.YES
            moved[leg_id] = Moved(leg.want.market, result.cost + result.fee, size if yes else 0, 0 if yes else size)
    held: dict[MarketId, tuple[int, int]] = {}
    for row in positions:
        yes_held, no_held = held.get(row.market, (0, 0))
        held[row.market] = yes_held + max(0, row.size), no_held + max(0, -row.size)
    claims: dict[MarketId, int] = {}
    for one in settlements:
        if not one.paid:
            claims[one.market] = claims.get(one.market, 0) + one.revenue
    return CashLook(cash, moved, held, claims, {one.market: one.payout for one in settlements if one.paid})


def explain(before: CashLook, after: CashLook) -> Explained:
    """The change of cash between two looks that our fills, nettings, merges and payouts make."""
    expected = 0
    came: dict[MarketId, tuple[int, int]] = {}
    for leg_id, now in after.legs.items():
        then = before.legs.get(leg_id, Moved(now.market, 0, 0, 0))
        expected -= now.spent - then.spent
        yes, no = came.get(now.market, (0, 0))
        came[now.market] = yes + now.yes - then.yes, no + now.no - then.no
    touched = 0
    for market in sorted({*came, *before.held, *after.held}):
        gone_yes, gone_no = (
            had + new - has
            for had, new, has in zip(
                before.held.get(market, (0, 0)), came.get(market, (0, 0)), after.held.get(market, (0, 0)), strict=True
            )
        )
        touched += bool(gone_yes or gone_no or market in came)
        if gone_yes == gone_no:
            expected += _worth(gone_yes, DOLLAR)  # a pair of both is worth a dollar: netted, merged or (below zero) split
        elif market in after.claims:
            continue  # waits to be redeemed
        elif market in after.paid:
            payout = after.paid[market]
            expected += _worth(gone_yes, payout) + _worth(gone_no, DOLLAR - payout)
        else:
            return Explained(None, 0, f"{market} left the positions and no payout of it is listed")
    redeemed = [market for market in before.claims if market not in after.claims]
    expected += sum(before.claims[market] for market in redeemed)
    return Explained(expected, _CENT * (1 + touched + len(redeemed)))


def _worth(size: int, each: int) -> int:
    return size * each // DOLLAR


class CashWatch:
    """The last quiet look per venue, and what two looks could not explain."""

    def __init__(self) -> None:
        self._anchor: dict[Venue, CashLook] = {}
        self._seen: dict[Venue, int] = {}
        self._told: dict[Venue, str] = {}

    @property
    def told(self) -> tuple[str, ...]:
        """The newest difference of each venue, as a line."""
        return tuple(self._told[venue] for venue in sorted(self._told))

    def unsure(self, venue: Venue) -> bool:
        """Whether a difference was seen once and waits for its second look."""
        return venue in self._seen

    def observe(self, venue: Venue, look: CashLook) -> tuple[Money, str] | None:
        """Compare with the last quiet look; a difference that was seen twice, with its line, once."""
        before = self._anchor.get(venue)
        found = explain(before, look) if before is not None else None
        if before is None or found is None or found.expected is None:
            self._anchor[venue] = look
            self._seen.pop(venue, None)
            return None
        over = look.cash - before.cash - found.expected
        if abs(over) <= found.tolerance:
            self._anchor[venue] = look
            self._seen.pop(venue, None)
            return None
        if self._seen.get(venue) != over:
            self._seen[venue] = over
            return None
        del self._seen[venue]
        self._anchor[venue] = look
        line = (
            f"{venue}: free cash moved by ${to_dollars(Money(look.cash - before.cash))}, our record explains"
            f" ${to_dollars(Money(found.expected))}: ${to_dollars(Money(abs(over)))} {'too much' if over > 0 else 'missing'}"
        )
        self._told[venue] = line
        return Money(over), line
