"""What we hold, market by market and event by event.

Contracts are signed (positive = YES); buying the other outcome nets, as both venues' books do once sets are merged. Markets
that ask the same belong to one question with a polarity, so that a hedge on another venue counts as one (B-443).
"""

from collections.abc import Iterable

from controller.model import EventId, Pair
from controller.risk.limits import Lot, naked_contracts, worst_loss
from trading.market import MarketId, Outcome
from trading.units import Money, Size

__all__ = ["Positions"]

_HALF_DAY_NS = 43_200_000_000_000


class _Holding:
    __slots__ = ("contracts", "cost")

    def __init__(self) -> None:
        self.contracts = 0
        self.cost = 0


class Positions:
    """Holdings with their cost (cash out, fees in, for what is still held)."""

    def __init__(self) -> None:
        self._held: dict[MarketId, _Holding] = {}
        self._event: dict[MarketId, EventId] = {}
        self._markets: dict[EventId, set[MarketId]] = {}
        self._question: dict[MarketId, tuple[MarketId, int]] = {}
        self._exclusive: set[MarketId] = set()
        self._naked: dict[EventId, Money] = {}
        self._league_day: dict[EventId, tuple[str, int]] = {}

    def link_pair(self, pair: Pair) -> None:
        """Learn that two markets ask the same, and of which event."""
        sign = 1 if pair.outcome_index is Outcome.YES else -1
        if pair.first not in self._question and pair.second in self._question:
            root, polarity = self._question[pair.second]
            self._question[pair.first] = (root, polarity * sign)
        root, polarity = self._question.setdefault(pair.first, (pair.first, 1))
        self._question.setdefault(pair.second, (root, polarity * sign))
        if pair.starts_at is not None:
            self._league_day[pair.event] = (pair.league, pair.starts_at // (2 * _HALF_DAY_NS))
        for market in (pair.first, pair.second):
            self.set_event(market, pair.event)

    def set_event(self, market: MarketId, event: EventId) -> None:
        old = self._event.get(market)
        if old == event:
            return
        if old is not None:
            self._markets[old].discard(market)
            self._refresh(old)
        self._event[market] = event
        self._markets.setdefault(event, set()).add(market)
        self._refresh(event)

    def set_exclusive(self, market: MarketId, exclusive: bool) -> None:
        """The venue says that at most one market of the event resolves YES."""
        if exclusive:
            self._exclusive.add(market)
        else:
            self._exclusive.discard(market)

    def event_of(self, market: MarketId) -> EventId | None:
        return self._event.get(market)

    def markets_of(self, event: EventId) -> Iterable[MarketId]:
        return self._markets.get(event, ())

    def apply_trade(self, market: MarketId, contracts: int, cash_out: int) -> None:
        """Book signed contracts and the cash that left for them. What closes a holding takes its share of the cost away."""
        holding = self._held.setdefault(market, _Holding())
        held = holding.contracts
        if held == 0 or (held > 0) == (contracts > 0):
            holding.cost += cash_out
        else:
            closed = min(abs(held), abs(contracts))
            holding.cost -= holding.cost * closed // abs(held)
            left = abs(contracts) - closed
            if left:
                holding.cost += cash_out * left // abs(contracts)
        holding.contracts += contracts
        if holding.contracts == 0:
            del self._held[market]
        self._touch(market)

    def apply_fee(self, market: MarketId, change: int) -> None:
        """Correct the cost when the venue's own amounts replace estimates."""
        holding = self._held.get(market)
        if holding is not None:
            holding.cost += change
            self._touch(market)

    def set_position(self, market: MarketId, contracts: int, cost: Money) -> None:
        """Adopt a position as the ledger or the venue states it: at start and on settlement."""
        self._held.pop(market, None)
        if contracts:
            holding = self._held[market] = _Holding()
            holding.contracts = contracts
            holding.cost = cost
        self._touch(market)

    def contracts(self, market: MarketId) -> int:
        """Signed contracts held, YES positive."""
        holding = self._held.get(market)
        return holding.contracts if holding else 0

    def cost(self, market: MarketId) -> Money:
        holding = self._held.get(market)
        return Money(max(0, holding.cost)) if holding else Money(0)

    def all(self) -> dict[MarketId, tuple[int, Money]]:
        """Signed contracts and cost per market, for views and reconciliation."""
        return {market: (holding.contracts, Money(holding.cost)) for market, holding in self._held.items()}

    def total_contracts(self) -> Size:
        return Size(sum(abs(holding.contracts) for holding in self._held.values()))

    def event_cost(self, event: EventId) -> Money:
        return Money(sum(self.cost(market) for market in self._markets.get(event, ())))

    def league_day_cost(self, event: EventId) -> Money:
        """Cost of all events of the same league and day as this one; its own when the day is unknown."""
        day = self._league_day.get(event)
        if day is None:
            return self.event_cost(event)
        return Money(sum(self.event_cost(other) for other, known in self._league_day.items() if known == day))

    def lots(self, event: EventId) -> list[Lot]:
        """Holdings of an event by question."""
        sums: dict[MarketId, list[int]] = {}
        exclusive: set[MarketId] = set()
        for market in self._markets.get(event, ()):
            holding = self._held.get(market)
            if holding is None:
                continue
            root, polarity = self._question.get(market, (market, 1))
            entry = sums.setdefault(root, [0, 0, 0])
            net = holding.contracts * polarity
            entry[0] += max(0, net)
            entry[1] += max(0, -net)
            entry[2] += holding.cost
            if market in self._exclusive and polarity > 0:
                exclusive.add(root)
        return [Lot(Size(yes), Size(no), Money(cost), root in exclusive) for root, (yes, no, cost) in sums.items()]

    def worst_loss(self, event: EventId) -> Money:
        return worst_loss(self.lots(event))

    def naked(self, event: EventId) -> Size:
        return naked_contracts(self.lots(event))

    def naked_total(self) -> Money:
        """Dollars that the worst outcome of every event would cost, together."""
        return Money(sum(self._naked.values()))

    def _touch(self, market: MarketId) -> None:
        event = self._event.get(market)
        if event is not None:
            self._refresh(event)

    def _refresh(self, event: EventId) -> None:
        loss = worst_loss(self.lots(event))
        if loss:
            self._naked[event] = loss
        else:
            self._naked.pop(event, None)
