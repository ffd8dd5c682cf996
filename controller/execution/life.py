"""What is known about one arb, and the table of states it lives through.

    claimed ─► first_sent ─► second_sent ─► hedging ─► confirming ─► closed
       │           ▼              ▼          ▲   ▼          │           │
       │      first_open     second_open ────┘ hedge_open   │           │ a later result changed what is held:
       └──► all_sent ─► all_open ───────────►               ▼           ▼ back to confirming and hedging, then closed again

*_open: an order is resting, held or unknown. A record outlives its arb: fills come late and are taken back (B-424).
"""

from collections.abc import Mapping
from enum import Enum

import msgspec

from controller.execution.outcomes import Side, Tally, TradedOrder, excess_of, tally
from controller.execution.unwind import Excess
from controller.model import ArbClosed, EventId
from controller.risk.decision import Approved
from trading.errors import Misuse
from trading.execute import supersedes
from trading.ids import ArbId, LegId, attempt_of
from trading.market import Action, Market, MarketId, Outcome
from trading.order import LegResult
from trading.units import Money, MonoNs, Price, Size

__all__ = ["NEXT", "Arb", "ArbAlarm", "ArbState", "Arbs", "Way", "way_of"]

_KEPT = 1_000
"""Closed arbs whose legs are all confirmed and that are remembered all the same: fills have come later than that."""
_MOST = 10_000


class ArbState(Enum):
    """Where an arb is. CLOSED is an end unless a later result about one of its legs opens it again."""

    CLAIMED = "claimed"
    """Approved; nothing was sent."""
    FIRST_SENT = "first_sent"
    FIRST_OPEN = "first_open"
    SECOND_SENT = "second_sent"
    """A further leg is under way, or the pause between two orders for it."""
    SECOND_OPEN = "second_open"
    ALL_SENT = "all_sent"
    """All legs at once (concurrent, batch)."""
    ALL_OPEN = "all_open"
    HEDGING = "hedging"
    """No order is open; what stands alone, if anything does, is being closed by the exit rule."""
    HEDGE_OPEN = "hedge_open"
    CONFIRMING = "confirming"
    """Nothing more is sent unless a result moves something; the venues' own amounts are waited for, a few seconds at most."""
    CLOSED = "closed"
    """ArbClosed was told. The event stays shut while a leg is open or the rest unhedged (State.shut)."""


_S = ArbState
NEXT: dict[ArbState, frozenset[ArbState]] = {
    _S.CLAIMED: frozenset({_S.FIRST_SENT, _S.ALL_SENT, _S.CLOSED}),  # closed: refused before anything was sent (B-088)
    _S.FIRST_SENT: frozenset({_S.FIRST_OPEN, _S.SECOND_SENT, _S.CONFIRMING}),  # confirming: a free miss, or a single leg
    _S.FIRST_OPEN: frozenset({_S.SECOND_SENT, _S.HEDGING, _S.CONFIRMING}),  # second: it was held; hedging: it was in doubt
    _S.SECOND_SENT: frozenset({_S.SECOND_OPEN, _S.SECOND_SENT, _S.HEDGING}),
    _S.SECOND_OPEN: frozenset({_S.SECOND_SENT, _S.CONFIRMING}),
    _S.ALL_SENT: frozenset({_S.ALL_OPEN, _S.HEDGING}),
    _S.ALL_OPEN: frozenset({_S.HEDGING, _S.CONFIRMING}),
    _S.HEDGING: frozenset({_S.HEDGE_OPEN, _S.CONFIRMING}),
    _S.HEDGE_OPEN: frozenset({_S.HEDGING, _S.CONFIRMING}),
    _S.CONFIRMING: frozenset({_S.HEDGING, _S.CLOSED}),
    _S.CLOSED: frozenset({_S.CONFIRMING}),
}


Way = tuple[MarketId, bool]
"""One side of one book: True = the asks of YES, which whoever sells NO takes as well."""


def way_of(market: MarketId, outcome: Outcome, action: Action) -> Way:
    """The side of the book that an order meets."""
    return market, (action is Action.BUY) is (outcome is Outcome.YES)


class Arb:
    """One arb's record; only the runner's methods change it."""

    def __init__(self, approved: Approved) -> None:
        self.approved = approved
        self.state = ArbState.CLAIMED
        self.sides = tuple(Side.of(leg.want) for leg in approved.legs)
        self.orders: list[TradedOrder] = []
        self.attempts = [attempt_of(leg.leg_id) for leg in approved.legs]
        self.doubted = False
        """The first leg was unknown for a while: its fill is old news."""
        self.alarms: set[str] = set()
        self.running = True
        """A task lives this arb now; it hears what is offered by itself."""
        self.swept: dict[Way, tuple[Price, MonoNs]] = {}
        """Where an exit order took all it could get: up to this YES price nothing is left until the book says something new."""
        self.refused: set[Way] = set()
        self.told: ArbClosed | None = None
        """The last ArbClosed, which a later one corrects."""

    def go(self, state: ArbState) -> None:
        if state not in NEXT[self.state]:
            raise Misuse(f"arb {self.approved.arb_id.hex()} cannot go from {self.state.value} to {state.value}")
        self.state = state

    def count(self) -> Tally:
        return tally(self.sides, self.orders, self.approved.intent.basket.payout)

    def excess(self, markets: Mapping[MarketId, Market], dust: Size) -> Excess | None:
        """What stands one-sided beyond dust; None while an order is open, because then nobody knows."""
        if self.open():
            return None
        return excess_of(self.count(), self.sides, markets, self.approved.intent.basket.payout, dust=dust)

    def nets(self) -> list[Size]:
        """What each side holds: another side may stand alone by the same size as the one that was given up."""
        return [side.net for side in self.count().sides]

    def estimated(self) -> list[int]:
        """Places of ended orders whose amounts are not the venue's own yet."""
        results = [order.result for order in self.orders]
        return [place for place, known in enumerate(results) if known is not None and known.final and not known.settled]

    def paid(self, markets: Mapping[MarketId, Market]) -> bool:
        """Whether every market of the arb is settled: nothing can be hedged there any more."""
        known = [markets.get(side.market) for side in self.sides]
        return all(market is not None and market.status == "settled" for market in known)

    def open(self) -> bool:
        """Whether some order may still change."""
        return any(order.result is None or not order.result.final for order in self.orders)

    def taken_back(self) -> frozenset[MarketId]:
        """Markets whose venue took a fill of this arb back. Bought again there, the size is doubled should the ghost settle
        after all: two independent reads without tokens would have to prove it gone (execution.md 5), and nobody makes them."""
        return frozenset(
            order.leg.want.market
            for order in self.orders
            if order.result is not None and any(fill.status == "reversed" for fill in order.result.fills)
        )

    def place(self, leg_id: LegId) -> int | None:
        """Where an order stands in orders, None when this arb never had it."""
        return next((place for place, order in enumerate(self.orders) if order.leg.leg_id == leg_id), None)

    def take(self, place: int, result: LegResult) -> bool:
        """Keep a result if it says more than the one known; whether it did."""
        order = self.orders[place]
        if result.leg_id != order.leg.leg_id or not supersedes(order.result, result):
            return False
        self.orders[place] = TradedOrder(order.side, order.leg, result)
        return True

    @property
    def done(self) -> bool:
        """Whether no venue can change anything about it any more, as far as the results tell."""
        return not self.running and all(order.result is not None and order.result.confirmed for order in self.orders)


class ArbAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """Something about an arb that a person must know. unhedged and naked are what stands alone, in contracts and its cost."""

    arb_id: ArbId
    event: EventId
    word: str
    """A short constant: leg_unknown, leg_unresolved, exposed, reopened, deadline, venues_down, exit_refused_<code>, ..."""
    detail: str
    markets: tuple[MarketId, ...]
    unhedged: Size
    naked: Money


class Arbs:
    """Records by arb. Running and unconfirmed ones stay, confirmed ones as long as there is room."""

    def __init__(self) -> None:
        self._known: dict[ArbId, Arb] = {}

    def add(self, arb: Arb) -> None:
        self._known[arb.approved.arb_id] = arb

    def get(self, arb_id: ArbId) -> Arb | None:
        return self._known.get(arb_id)

    def __len__(self) -> int:
        return len(self._known)

    def trim(self) -> Arb | None:
        """Forget the oldest confirmed arb beyond _KEPT. Beyond _MOST the oldest closed one goes, confirmed or not: returned."""
        if len(self._known) <= _KEPT:
            return None
        oldest = next((arb for arb in self._known.values() if arb.done), None)
        if oldest is not None:
            del self._known[oldest.approved.arb_id]
            return None
        lost = next((arb for arb in self._known.values() if not arb.running), None) if len(self._known) > _MOST else None
        if lost is not None:
            del self._known[lost.approved.arb_id]
        return lost
