"""The words the rooms of the controller share: pairs, baskets and the events the engine is fed.

A Pair is two markets on two venues that ask the same. A Basket is legs that together pay at least payout; each pair yields two,
one per direction. No venue is named in a type.
"""

from collections.abc import Sequence
from typing import Literal, NewType

import msgspec

from trading.book import BookChanged, BookLost, MarketChanged
from trading.ids import ArbId, LegId
from trading.market import Market, MarketId, Outcome, Venue
from trading.order import LegResult
from trading.units import Money, Price, Size, WallNs
from trading.venue import Balance, VenueMode

__all__ = [
    "ArbClosed",
    "Balances",
    "Basket",
    "CancelLeg",
    "Command",
    "Event",
    "EventId",
    "Pair",
    "PairChanged",
    "PairState",
    "Terms",
    "Tick",
    "baskets_of",
    "event_basket_of",
]

EventId = NewType("EventId", str)
"""One real-world event, whatever the venues call it: the unit of claims (B-191)."""
PairState = Literal["proposed", "approved", "paused", "rejected", "retired"]
Terms = Literal["verified", "unverified", "conflict"]


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two markets that ask the same. outcome_index is the outcome of second that means first YES (B-099)."""

    id: str
    event: EventId
    league: str
    kind: str
    """game_winner, spread, total, both_teams_to_score, contest, fed_decision ...: what a template approves by."""
    description: str
    first: MarketId
    second: MarketId
    outcome_index: Outcome
    state: PairState
    terms: Terms
    starts_at: WallNs | None
    evidence: tuple[str, ...] = ()
    """Why the two are the same: one fact each."""
    settlement_charge: Money = Money(0)
    """What differing settlement terms cost per contract (execution.md 6); 0 = identical terms, class A."""
    source: str = ""
    """Whose word or figure decides where no game does (an agency, an index), "" for a game: one source can be wrong for many."""
    texts: str = ""
    """Hash of both settlement texts; a decision about the pair holds for these texts only."""
    structural: bool = False
    """Both venues state a start and nothing a trade needs was inferred: what a template may approve."""
    doubts: tuple[str, ...] = ()
    """What a person has to look at first."""
    sent_back: bool = False
    """Its text or start changed since it was last in use: a person must look, whatever REQUIRE_PAIR_APPROVAL says (B-056)."""


class Basket(msgspec.Struct, frozen=True, kw_only=True):
    """Legs to BUY together. payout is the least they pay in the price of one set; max_size caps it, None = no cap."""

    id: str
    kind: str
    """poly_yes_kalshi_no, kalshi_yes_poly_no, kalshi_only, poly_only (B-160)."""
    event: EventId
    legs: tuple[tuple[MarketId, Outcome], ...]
    payout: Price
    approval: PairState
    terms: Terms
    league: str = ""
    max_size: Size | None = None
    settlement_charge: Money = Money(0)
    source: str = ""
    sent_back: bool = False

    @property
    def group(self) -> str:
        """What both directions of one pair share: the unit of quarantine."""
        return self.id.removesuffix(f":{self.kind}")


class PairChanged(msgspec.Struct, frozen=True):
    """A pair was found, approved, paused or retired; markets are both sides' current terms."""

    pair: Pair
    markets: tuple[Market, Market]


class Balances(msgspec.Struct, frozen=True):
    """The venue's own free cash per shard, read at now."""

    venue: Venue
    rows: tuple[Balance, ...]


class Command(msgspec.Struct, frozen=True):
    """An operator's word: halt, freeze, resume, test_arb. detail as the command needs."""

    name: Literal["halt", "freeze", "resume", "test_arb"]
    detail: str = ""


class Tick(msgspec.Struct, frozen=True):
    """The backstop sweep (B-006, B-166): the next few hundred baskets are looked at, so that each has its turn. wall is the stamp
    of this moment, which is how the pure rooms learn how far scheduled starts are."""

    wall: WallNs


class ArbClosed(msgspec.Struct, frozen=True, kw_only=True):
    """An execution ended; its claim is released. Everything after fees, from the results as they stand.

    A later truth about a leg makes another one for the same arb: corrects is then the one before it, and only the difference
    is news. profit of an unknown or exposed arb leaves out what stands alone; that is carried at its cost in naked.
    """

    arb_id: ArbId
    event: EventId
    basket: str
    outcome: Literal["matched", "miss", "one_sided", "unwound", "exposed", "unknown"]
    matched: Size
    unhedged: Size
    profit: Money
    results: tuple[LegResult, ...]
    naked: Money = Money(0)
    corrects: "ArbClosed | None" = None


class CancelLeg(msgspec.Struct, frozen=True):
    """Ask for a resting leg's end."""

    leg_id: LegId
    reason: str


Event = BookChanged | BookLost | MarketChanged | LegResult | VenueMode | Balances | PairChanged | Command | ArbClosed | Tick


_SHORT = {"polymarket": "poly"}
"""How basket kinds name venues (B-160)."""


def baskets_of(pair: Pair, first_venue: str, second_venue: str) -> Sequence[Basket]:
    """The two directions of a pair: YES here with its opposite there, and the reverse."""
    same = pair.outcome_index
    one, two = (_SHORT.get(venue, venue) for venue in (first_venue, second_venue))
    shapes = (
        (f"{one}_yes_{two}_no", ((pair.first, Outcome.YES), (pair.second, same.other))),
        (f"{two}_yes_{one}_no", ((pair.first, Outcome.NO), (pair.second, same))),
    )
    return [
        Basket(
            id=f"{pair.id}:{kind}",
            kind=kind,
            event=pair.event,
            legs=legs,
            payout=Price(10_000),
            approval=pair.state,
            terms=pair.terms,
            league=pair.league,
            settlement_charge=pair.settlement_charge,
            source=pair.source,
            sent_back=pair.sent_back,
        )
        for kind, legs in shapes
    ]


def event_basket_of(event: EventId, markets: Sequence[Market]) -> Basket:
    """NO of every market of one mutually exclusive event on one venue: at most one loses (execution.md B-434).

    The venue itself says that at most one resolves YES, so nobody needs to approve the match.
    """
    first = markets[0]
    kind = f"{_SHORT.get(first.venue, first.venue)}_only"
    return Basket(
        id=f"{first.venue}:{first.event_id}:{kind}",
        kind=kind,
        event=event,
        legs=tuple((market.id, Outcome.NO) for market in markets),
        payout=Price((len(markets) - 1) * 10_000),
        approval="approved",
        terms="verified",
    )
