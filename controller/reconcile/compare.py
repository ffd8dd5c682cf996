"""What both sides say about the same positions, and what follows from it (B-183; distributed.md 5, P4).

Ours is what the journal's legs add up to, theirs what a venue lists; both as contracts of YES less contracts of NO, so that sets
that were merged, or bought outside, do not matter. A stranger is a position that a person told us to leave out. Pure: the reading
is in gate.py. Cash has no such zero (deposits, fees of a card, rewards): it is only shown to be readable.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from trading.ids import LegId, is_manual, parse_client_order_id
from trading.journal_file import RETENTION_NS
from trading.market import Action, MarketId, Outcome, Venue
from trading.order import LegRequest, LegResult, World, total
from trading.units import Size, WallNs, to_dollars
from trading.venue import OpenOrder, Position, Settlement, VenueFill

__all__ = [
    "Difference",
    "compare_nets",
    "explain_fills",
    "is_lost",
    "late_results",
    "journal_nets",
    "net_of",
    "own_order",
    "paid_net",
    "stranger_key",
    "to_json",
]

Legs = Mapping[LegId, tuple[LegRequest, LegResult | None]]
_MS_NS = 1_000_000


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One market on which we and its venue disagree. Sizes are signed contracts, YES positive; strangers counted in ours.

    kind: foreign = no order of ours ever went there; position = orders of ours did; order = one of ours still rests there.
    """

    venue: Venue
    market: MarketId
    kind: Literal["foreign", "position", "order"]
    ours: int
    theirs: int
    why: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """For people: both figures and what explains them."""
        what = {
            "foreign": "holds a position that no order of ours made",
            "position": "holds something else than our orders add up to",
            "order": "still lists an order of ours",
        }[self.kind]
        figures = f"ours {to_dollars(Size(self.ours))}, theirs {to_dollars(Size(self.theirs))} contracts of YES"
        return "; ".join((f"{self.venue} {self.market} {what}: {figures}", *self.why))

    @property
    def next_step(self) -> str:
        if self.kind == "order":
            return "cancel it on the venue's site; its event opens by itself then"
        if not self.theirs:
            return "the venue's site says who sold, moved or settled it; then take it as it is: `controller reconcile --adopt`"
        return "close it on the venue's site, or (your own trade, say) take it as it is: `controller reconcile --adopt`"


def stranger_key(venue: Venue, market: MarketId) -> str:
    """The journal's number for the contracts of a market that are not ours."""
    return f"stranger {venue} {market}"


def journal_nets(legs: Legs, venue: Venue, world: World) -> dict[MarketId, int]:
    """What the legs of one venue add up to; markets whose legs filled nothing are left out."""
    found: dict[MarketId, int] = {}
    for leg, result in legs.values():
        if result is not None and result.filled and leg.venue == venue and leg.world == world:
            yes = (leg.want.outcome is Outcome.YES) is (leg.want.action is Action.BUY)
            found[leg.want.market] = found.get(leg.want.market, 0) + (result.filled if yes else -result.filled)
    return found


def net_of(positions: Iterable[Position]) -> dict[MarketId, int]:
    """Rows of a venue, one per token or per market, as nets."""
    found: dict[MarketId, int] = {}
    for row in positions:
        found[row.market] = found.get(row.market, 0) + row.size
    return found


def compare_nets(
    venue: Venue,
    ours: Mapping[MarketId, int],
    theirs: Mapping[MarketId, int],
    strangers: Mapping[MarketId, int],
    touched: Collection[MarketId],
) -> tuple[Difference, ...]:
    """Every market where the two disagree. touched are the markets to which orders of ours went.

    A stranger that is gone, in a market where we hold nothing either, is no difference: both sides say nothing.
    """
    found = []
    for market in sorted({*ours, *theirs}):
        mine, real, extra = ours.get(market, 0), theirs.get(market, 0), strangers.get(market, 0)
        if mine + extra == real or (not mine and not real):
            continue
        kind: Literal["foreign", "position"] = "position" if mine or market in touched else "foreign"
        found.append(Difference(venue=venue, market=market, kind=kind, ours=mine + extra, theirs=real))
    return tuple(found)


def paid_net(legs: Legs, market: MarketId, settlements: Sequence[Settlement], fills: Sequence[VenueFill], stranger: int) -> int:
    """What a venue paid out in a settled market, as contracts of YES less those of NO, strangers in it.

    By its settlement where that tells a count (Kalshi); else by its fills of our orders: a fill that it took back was never paid
    (B-424), though nothing of the market is listed any more.
    """
    counts = [row.held for row in settlements if row.market == market and row.held is not None]
    if counts:
        return sum(counts)
    wants = {result.venue_order_id: leg.want for leg, result in legs.values() if result is not None and result.venue_order_id}
    net = stranger
    for row in fills:
        want = wants.get(row.venue_order_id)
        if want is not None and row.market == market and row.fill.status != "reversed":
            yes = (want.outcome is Outcome.YES) is (want.action is Action.BUY)
            net += row.fill.size if yes else -row.fill.size
    return net


def explain_fills(legs: Legs, market: MarketId, fills: Sequence[VenueFill]) -> tuple[str, ...]:
    """Which orders make the difference: filled there and not here, or here and not there."""
    there: dict[str, int] = {}
    for row in fills:
        if row.market == market and row.fill.status != "reversed":
            there[row.venue_order_id] = there.get(row.venue_order_id, 0) + row.fill.size
    lines = []
    for leg_id, (leg, result) in legs.items():
        if leg.want.market != market or result is None:
            continue
        name = result.venue_order_id or ""
        real = there.pop(name, 0) if name else 0
        if real != result.filled:
            lines.append(
                f"leg {leg_id.hex()} (order {name or 'unknown'}) filled {to_dollars(result.filled)} by the journal,"
                f" {to_dollars(Size(real))} by the venue"
            )
    for name, size in sorted(there.items()):
        lines.append(f"order {name} filled {to_dollars(Size(size))} and belongs to no leg of the journal")
    return tuple(lines[:10])


def late_results(
    legs: Legs, market: MarketId, fills: Sequence[VenueFill], history: Sequence[OpenOrder]
) -> tuple[LegResult, ...]:
    """What the venue's fills say of ended legs in which we have less, or a fill that it took back (B-424).

    history names the orders whose answer never brought their number. A leg that we believe filled and that is merely not listed
    is no late truth: a list may lag.
    """
    ids = {result.venue_order_id: leg_id for leg_id, (_, result) in legs.items() if result and result.venue_order_id}
    ids |= {row.venue_order_id: leg_id for row in history if (leg_id := own_order(row, legs, ids)) is not None}
    listed: dict[LegId, dict[str, VenueFill]] = {}
    for row in fills:
        if row.market == market and row.venue_order_id in ids:
            listed.setdefault(ids[row.venue_order_id], {})[row.fill.id] = row
    found = []
    for leg_id, rows in listed.items():
        leg, result = legs[leg_id]
        if leg.want.market != market or result is None or not result.final:
            continue
        theirs = tuple(row.fill for row in rows.values())
        size, cost, fee = total(theirs)
        if size > result.filled or (size < result.filled and any(fill.status == "reversed" for fill in theirs)):
            found.append(
                LegResult(
                    leg_id=leg_id,
                    state="filled" if size >= leg.want.size else "partial" if size else "none",
                    filled=size,
                    cost=cost,
                    fee=fee,
                    fills=theirs,
                    venue_order_id=next(iter(rows.values())).venue_order_id,
                    code="reconciled",
                    detail="its fills were read while both records were compared",
                )
            )
    return tuple(found)


def own_order(order: OpenOrder, legs: Legs, venue_ids: Mapping[str, LegId]) -> LegId | None:
    """The leg of the journal behind a listed order, by its client order id or the venue's; None = it is not in the journal."""
    leg_id = parse_client_order_id(order.client_order_id)
    if leg_id is not None and leg_id in legs:
        return leg_id
    return venue_ids.get(order.venue_order_id)


def is_lost(order: OpenOrder, legs: Legs, *, now: WallNs, adopted_at: WallNs) -> bool:
    """Whether an order carries our name and this journal never promised it: the journal is younger than the account.

    Names older than what a journal keeps, or than the last adoption, prove nothing; nor do those of `trader manual-trade`, whose
    journal is another.
    """
    leg_id = parse_client_order_id(order.client_order_id)
    if leg_id is None or leg_id in legs or is_manual(leg_id):
        return False
    made = int.from_bytes(leg_id[:6]) * _MS_NS
    return made > max(now - RETENTION_NS, adopted_at)


def to_json(one: Difference) -> dict[str, object]:
    """A difference for programs: exact decimals."""
    return {
        "venue": one.venue,
        "market": one.market,
        "kind": one.kind,
        "ours": to_dollars(Size(one.ours)),
        "theirs": to_dollars(Size(one.theirs)),
        "line": one.line,
        "next_step": one.next_step,
    }
