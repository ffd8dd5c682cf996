"""What the state knows of legs: approved, on their way, in doubt, confirmed, and what each did to positions and cash.

A leg outlives its arb: fills come late and are taken back (B-424), so requests and results stay until the last word was spoken,
and the newest of them longer still. No clock and no I/O: State is built on it, and its engine and gate call it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from controller.cash import Cash, Shard
from controller.debits import Debits
from controller.lessons import Kind, Lessons
from controller.model import ArbClosed, Basket, EventId
from controller.positions import Positions
from controller.risk.decision import Approved
from controller.risk.limits import RiskSettings
from trading.book import Book
from trading.clock import MS
from trading.ids import ArbId, LegId, arb_of, attempt_of, leg_number
from trading.market import Action, Market, MarketId
from trading.order import LegRequest, LegResult
from trading.units import Money, MonoNs, Size, cost_of

__all__ = ["Legs"]

_REMEMBERED = 4_000


class Legs(ABC):
    """The part of the state that fills move."""

    def __init__(self, settings: RiskSettings) -> None:
        self._settings = settings
        self.books: dict[MarketId, Book] = {}
        self.markets: dict[MarketId, Market] = {}
        self.positions = Positions()
        self.cash = Cash()
        self.lessons = Lessons()
        self.arbs: dict[ArbId, Approved] = {}
        """Approved and not closed."""
        self._exposed: set[EventId] = set()
        """Events that may hold something unhedged; whether they do, the positions tell."""
        self._debits = Debits(settings.book_reflects_ms * MS, settings.debit_lasts_ms * MS)
        self._requests: dict[LegId, LegRequest] = {}
        self._results: dict[LegId, LegResult] = {}
        self._confirmed: dict[LegId, tuple[LegRequest, LegResult]] = {}
        """Legs of closed arbs on which the last word was spoken; a venue may still change it, so the newest are remembered."""

    def apply_approved(self, approved: Approved) -> None:
        """Remember the legs of a decision and hold their cash."""
        self.arbs[approved.arb_id] = approved
        self.apply_exit(approved)

    def apply_exit(self, approved: Approved) -> None:
        """Remember further legs of an arb, open or closed."""
        self.apply_orders(approved.legs, approved.reserved)

    def apply_orders(self, legs: Sequence[LegRequest], reserved: Sequence[Money]) -> None:
        """Know these orders, of this start or an earlier one, and hold their cash."""
        for leg, amount in zip(legs, reserved, strict=True):
            self._requests[leg.leg_id] = leg
            self.cash.reserve(arb_of(leg.leg_id), leg_number(leg.leg_id), self._shard(leg), amount)

    def known_leg(self, leg_id: LegId) -> bool:
        return leg_id in self._requests or leg_id in self._confirmed

    def apply_leg(self, result: LegResult, now: MonoNs) -> None:
        """Take the newest truth about a leg; what changed since the last one moves positions, cash and the book's debit.

        It may come long after the arb ended: a fill told late, or one taken back, which then shuts its event (B-424).
        """
        known = self._confirmed.get(result.leg_id)
        if known is not None:
            if result.result_no <= known[1].result_no:
                return
            del self._confirmed[result.leg_id]
            self._requests[result.leg_id], self._results[result.leg_id] = known
        request = self._requests.get(result.leg_id)
        if request is None:
            return
        old = self._results.get(result.leg_id)
        if old is not None and result.result_no < old.result_no:
            return
        self._results[result.leg_id] = result
        filled = result.filled - (old.filled if old else 0)
        cash_out = result.cost + result.fee - (old.cost + old.fee if old else 0)
        want = request.want
        if filled or cash_out:
            self.positions.apply_fill(request, filled, cash_out)
        if cash_out:
            self.cash.spend(arb_of(result.leg_id), leg_number(result.leg_id), self._shard(request), Money(cash_out), now)
        if filled > 0 and want.market in self.books:
            self._debits.add(self.books[want.market], want, Size(filled), result.fills, now)
        self.lessons.note_fill(request, result)
        self.lessons.note_stages(want.market, result, old)
        arb = arb_of(result.leg_id)
        if arb in self.arbs:
            return
        event = self.positions.event_of(want.market)
        if filled and event is not None:
            self._exposed.add(event)
        if result.final:  # a leg left open by its arb came to its end
            self.cash.release(arb, keep=self._open_legs(arb))
            self._file([result])

    def _open_legs(self, arb: ArbId) -> frozenset[int]:
        """Legs of an arb with an order that is not final; one without any result is on its way."""
        orders = [leg for leg in self._requests if arb_of(leg) == arb]
        return frozenset(leg_number(leg) for leg in orders if leg not in self._results or not self._results[leg].final)

    def unresolved(self, event: EventId) -> bool:
        """Whether a leg of the event is resting, held or unknown: until the venue says more the event stays shut (B-093)."""
        return any(
            not result.final and self.positions.event_of(self._requests[leg_id].want.market) == event
            for leg_id, result in self._results.items()
        )

    def unsure(self) -> frozenset[MarketId]:
        """Markets with an order on its way, in doubt, or filled and not confirmed: what is held there is not for sale (B-440)."""
        return frozenset(
            request.want.market
            for leg_id, request in self._requests.items()
            if not ((result := self._results.get(leg_id)) and result.confirmed)
        )

    def exposed(self, event: EventId) -> bool:
        """Whether an arb of the event left, or may have left, an unhedged rest that is still there.

        With unresolved() this is what keeps an event shut after its arb ended: positions decide, so that a rest which was hedged
        later, or closed by hand, opens it again.
        """
        if event in self._exposed and self.positions.naked(event) <= self._settings.hedge_dust:
            self._exposed.discard(event)
        return event in self._exposed

    def unconfirmed(self, event: EventId) -> Money:
        """Cost of the event's fills that the venue may still take back (B-439)."""
        return Money(
            sum(
                abs(fill.cost)
                for leg_id, result in self._results.items()
                for fill in result.fills
                if fill.status == "provisional" and self.positions.event_of(self._requests[leg_id].want.market) == event
            )
        )

    def in_flight_naked(self) -> Money:
        """Cash of orders that may stand alone until their hedge is in (B-438): the first leg of an open arb, or each when all go
        at once, and every order in doubt that outlived its arb."""
        total: int = sum(self._stake(self._requests[leg]) for leg in self._orphans())
        for approved in self.arbs.values():
            legs = approved.plan.order[:1] if approved.plan.mode == "sequential" else range(len(approved.legs))
            total += max((self._stake(approved.legs[leg]) for leg in legs), default=0)
        return Money(total)

    def _stake(self, leg: LegRequest) -> int:
        """What an order may leave alone: its cash, or when a held pair is sold, the rest of the dollar on the side that stays."""
        held: int = self.cash.held(arb_of(leg.leg_id), leg_number(leg.leg_id))
        if leg.purpose == "exit":
            held += leg.want.size - cost_of(leg.want.limit, leg.want.size, up=False)
        return held

    def in_flight(self, event: EventId) -> tuple[Size, Money]:
        """What approved orders may still add to positions: contracts anywhere, and cash in the league and day of the event."""
        contracts = cash = 0
        legs = [leg.leg_id for approved in self.arbs.values() for leg in approved.legs]
        for leg_id in (*legs, *self._orphans()):
            request, result = self._requests[leg_id], self._results.get(leg_id)
            if result is not None and result.final:
                continue
            if request.want.action is Action.BUY:
                contracts += max(0, request.want.size - (result.filled if result is not None else 0))
            other = self.positions.event_of(request.want.market)
            if other is not None and self.positions.same_day(event, other):
                cash += self.cash.held(arb_of(leg_id), leg_number(leg_id))
        return Size(contracts), Money(cash)

    def in_flight_of(self, source: str) -> Money:
        """Cash that approved orders may still put under one settlement source."""
        legs = [leg.leg_id for approved in self.arbs.values() for leg in approved.legs]
        flying = (leg for leg in (*legs, *self._orphans()) if not ((known := self._results.get(leg)) and known.final))
        return Money(
            sum(
                self.cash.held(arb_of(leg), leg_number(leg))
                for leg in flying
                if self.positions.source_of(self._requests[leg].want.market) == source
            )
        )

    def _orphans(self) -> list[LegId]:
        """Orders still in doubt whose arb is over."""
        return [leg for leg, result in self._results.items() if not result.final and arb_of(leg) not in self.arbs]

    def apply_closed(self, closed: ArbClosed, now: MonoNs) -> Approved | None:
        """Take an arb's end: its last results, what they teach about fills, and its reservations but those of open legs."""
        for result in closed.results:
            self.apply_leg(result, now)
        approved = self.arbs.pop(closed.arb_id, None)
        if approved is not None:
            self._learn(approved.intent.basket, closed)
            for leg in approved.legs:
                if leg.leg_id not in self._results:
                    self._requests.pop(leg.leg_id, None)  # planned and never sent
        self.cash.release(closed.arb_id, keep=self._open_legs(closed.arb_id))
        if closed.outcome in ("exposed", "unknown"):
            self._exposed.add(closed.event)
        self._file(closed.results)
        return approved

    def release(self, arb_id: ArbId) -> Approved | None:
        """Undo an approval whose legs were never sent."""
        approved = self.arbs.pop(arb_id, None)
        self.cash.release(arb_id)
        if approved is not None:
            for leg in approved.legs:
                if leg.leg_id not in self._results:
                    self._requests.pop(leg.leg_id, None)
        return approved

    def _learn(self, basket: Basket, closed: ArbClosed) -> None:
        firsts = [result for result in closed.results if attempt_of(result.leg_id) == 0 and result.leg_id in self._requests]
        self.lessons.note_outcome(self.kind(basket), [(self._requests[result.leg_id], result) for result in firsts])

    @abstractmethod
    def kind(self, basket: Basket) -> Kind:
        """League and type, by which outcomes are recorded."""

    def _shard(self, leg: LegRequest) -> Shard:
        market = self.markets.get(leg.want.market)
        return leg.venue, market.shard if market else 0

    def _file(self, results: Iterable[LegResult]) -> None:
        """Put confirmed legs of a closed arb away; the others stay, so that the caps see what may still be taken back."""
        for result in results:
            leg_id = result.leg_id
            if leg_id in self._results and self._results[leg_id].confirmed:
                self._confirmed[leg_id] = (self._requests.pop(leg_id), self._results.pop(leg_id))
                if len(self._confirmed) > _REMEMBERED:
                    del self._confirmed[next(iter(self._confirmed))]

    def results(self) -> Mapping[LegId, LegResult]:
        """Legs whose last word is not spoken, or whose arb is still open."""
        return self._results
