"""What we hold, market by market and event by event.

Both outcomes of a market are kept with what they cost. Kalshi nets them by itself and pays the dollar back; elsewhere nothing
merges them yet, so a set of both stays held, with its cash, until it settles: every cap in dollars sees it. Signed contracts
(positive = YES) are what stands beyond such sets. Markets that ask the same belong to one question with a polarity, so that a
hedge on another venue counts as one (B-443). While one of two venues has not settled, the other's side stays: the money is out and
the pair is still a pair, so a late venue is no naked leg. Once all of a question is paid it is gone.

Sums over many markets are kept current with each change, because every decision asks for them and few change anything.
"""

from collections.abc import Collection, Iterable, Sequence

from controller.model import EventId, Pair
from controller.risk.limits import Holding, Lot, naked_contracts, naked_loss, worst_loss
from trading.market import KALSHI, Action, MarketId, Outcome, Venue
from trading.order import LegRequest
from trading.units import CONTRACT, Money, Size

__all__ = ["Positions"]

_LeagueDay = tuple[str, int]
_HALF_DAY_NS = 43_200_000_000_000
_SETS = 10_000
_NETTING: frozenset[Venue] = frozenset({KALSHI})
"""Venues where the two outcomes of a market cancel at once, for cash."""


class _Holding:
    """Contracts and their cash by outcome; counts are never negative once a fill is booked."""

    __slots__ = ("contracts", "costs")

    def __init__(self) -> None:
        self.contracts = [0, 0]
        self.costs = [0, 0]

    @property
    def net(self) -> int:
        return self.contracts[Outcome.YES] - self.contracts[Outcome.NO]

    @property
    def cost(self) -> int:
        return sum(self.costs)

    def take(self, outcome: Outcome, contracts: int) -> None:
        """Give contracts (at most those held) away with their share of the cost."""
        held = self.contracts[outcome]
        if contracts:
            self.costs[outcome] -= self.costs[outcome] * contracts // held
            self.contracts[outcome] = held - contracts


class Positions:
    """Holdings with their cost (cash out, fees in, for what is still held)."""

    def __init__(self) -> None:
        self.changes = 0
        """Grows with every change of what is held: what was worked out from it is stale."""
        self._held: dict[MarketId, _Holding] = {}
        self._event: dict[MarketId, EventId] = {}
        self._markets: dict[EventId, set[MarketId]] = {}
        self._question: dict[MarketId, tuple[MarketId, int]] = {}
        self._same: dict[MarketId, set[MarketId]] = {}
        """By question the markets that ask it."""
        self._venue: dict[MarketId, Venue] = {}
        self._exclusive: dict[MarketId, str] = {}
        self._losses: dict[EventId, Money] = {}
        """What the worst outcome of each event would cost."""
        self._alone: dict[EventId, Money] = {}
        """What stands alone in each event; their sum is _loss."""
        self._loss = 0
        self._least: dict[tuple[tuple[MarketId, Outcome], ...], int] = {}
        """What one set of legs pays at least, until a pair or a market's terms change."""
        self._apart: dict[MarketId, set[str]] = {}
        """By question the pairs whose venues may settle differently."""
        self._settled: set[MarketId] = set()
        self._gone: set[MarketId] = set()
        """Paid out on every venue: cash there, nothing here, whatever is told of their fills later."""
        self._source: dict[MarketId, str] = {}
        self._source_costs: dict[str, int] = {}
        self._naked: dict[EventId, Size] = {}
        self._league_day: dict[EventId, _LeagueDay] = {}
        self._counted: dict[MarketId, tuple[int, int]] = {}
        """Contracts and cost of a market as they stand in the two sums below."""
        self._contracts = self._cost = 0
        self._event_costs: dict[EventId, int] = {}
        self._day_costs: dict[_LeagueDay, int] = {}

    def link_pair(self, pair: Pair) -> None:
        """Learn that two markets ask the same, and of which event."""
        self._least.clear()
        sign = 1 if pair.outcome_index is Outcome.YES else -1
        if pair.first not in self._question and pair.second in self._question:
            root, polarity = self._question[pair.second]
            self._question[pair.first] = (root, polarity * sign)
        root, polarity = self._question.setdefault(pair.first, (pair.first, 1))
        self._question.setdefault(pair.second, (root, polarity * sign))
        for market in (pair.first, pair.second):
            self._same.setdefault(self._question[market][0], set()).add(market)
        alike = pair.terms == "verified" and not pair.settlement_charge
        (set.discard if alike else set.add)(self._apart.setdefault(root, set()), pair.id)
        if pair.starts_at is not None:
            self._set_day(pair.event, (pair.league, pair.starts_at // (2 * _HALF_DAY_NS)))
        for market in (pair.first, pair.second):
            self.set_event(market, pair.event)
            self._set_source(market, pair.source)
        self._refresh(pair.event)  # the question of a market that was known before may have changed

    def _set_day(self, event: EventId, day: _LeagueDay) -> None:
        old, cost = self._league_day.get(event), self._event_costs.get(event, 0)
        if old is not None:
            self._day_costs[old] -= cost
        self._league_day[event] = day
        self._day_costs[day] = self._day_costs.get(day, 0) + cost

    def _set_source(self, market: MarketId, source: str) -> None:
        cost = self._counted.get(market, (0, 0))[1]
        for name, change in ((self._source.get(market, ""), -cost), (source, cost)):
            self._source_costs[name] = self._source_costs.get(name, 0) + change
        self._source[market] = source

    def settle(self, market: MarketId) -> None:
        """A venue has paid a market out. Its contracts go when the last market of the question that is held is paid, too."""
        self._settled.add(market)
        root, _ = self._question.get(market, (market, 1))
        same = [other for other in self._held if self._question.get(other, (other, 1))[0] == root]
        if all(other in self._settled for other in same):
            self._gone.update(same, (market,))
            for other in same:
                self.set_position(other, 0, Money(0))

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

    def set_terms(self, market: MarketId, venue: Venue, exclusive: str) -> None:
        """Where a market is, and which event of that venue it belongs to of which at most one market resolves YES; "" = none."""
        named = f"{venue}:{exclusive}" if exclusive else ""
        if (self._venue.get(market), self._exclusive.get(market, "")) == (venue, named):
            return
        self._venue[market], self._exclusive[market] = venue, named
        self._least.clear()
        event = self._event.get(market)
        if event is not None:
            self._refresh(event)

    def event_of(self, market: MarketId) -> EventId | None:
        return self._event.get(market)

    def markets_of(self, event: EventId) -> Iterable[MarketId]:
        return self._markets.get(event, ())

    def apply_fill(self, leg: LegRequest, contracts: int, cash_out: int) -> None:
        """Book what changed about a leg: contracts filled and the cash that left for them, both negative when taken back.

        A sale takes its share of the cost away, whatever it fetched; a contract sold that was not held is one of the other
        outcome, bought for a dollar less what it fetched. Without contracts it is a correction of the cost (fees).
        """
        market, outcome = leg.want.market, leg.want.outcome
        if market in self._gone:
            return
        holding = self._held.get(market)
        if holding is None:
            if not contracts:
                return
            holding = self._held[market] = _Holding()
        if leg.want.action is Action.SELL and contracts > 0:
            part = min(contracts, holding.contracts[outcome])
            holding.take(outcome, part)
            rest = contracts - part
            holding.contracts[outcome] -= rest
            holding.costs[outcome] += cash_out * rest // contracts
        elif contracts or holding.contracts[outcome]:
            holding.contracts[outcome] += contracts if leg.want.action is Action.BUY else -contracts
            holding.costs[outcome] += cash_out
        self._tidy(holding, outcome, nets=leg.venue in _NETTING)
        if holding.contracts == [0, 0]:
            del self._held[market]
        self._touch(market)

    @staticmethod
    def _tidy(holding: _Holding, outcome: Outcome, *, nets: bool) -> None:
        """Turn contracts that are owed into the other outcome, and cancel sets where the venue does."""
        short = -holding.contracts[outcome]
        if short >= 0:  # none left: what its cost still says belongs to the contracts owed, a dollar each
            holding.contracts[outcome.other] += short
            holding.costs[outcome.other] += holding.costs[outcome] + short if short else 0
            holding.contracts[outcome] = holding.costs[outcome] = 0
        if nets:
            both = min(holding.contracts)
            holding.take(Outcome.YES, both)
            holding.take(Outcome.NO, both)

    def set_position(self, market: MarketId, contracts: int, cost: Money) -> None:
        """Adopt a position as the ledger or the venue states it: at start and on settlement."""
        self._held.pop(market, None)
        if contracts:
            holding = self._held[market] = _Holding()
            outcome = Outcome.YES if contracts > 0 else Outcome.NO
            holding.contracts[outcome] = abs(contracts)
            holding.costs[outcome] = cost
        self._touch(market)

    def contracts(self, market: MarketId) -> int:
        """Signed contracts held beyond sets of both outcomes, YES positive."""
        holding = self._held.get(market)
        return holding.net if holding else 0

    def held(self, market: MarketId) -> tuple[Size, Size]:
        """Contracts of YES and of NO; the smaller number is held as sets, each worth a dollar at settlement."""
        holding = self._held.get(market)
        return (Size(holding.contracts[0]), Size(holding.contracts[1])) if holding else (Size(0), Size(0))

    def cost(self, market: MarketId) -> Money:
        holding = self._held.get(market)
        return Money(max(0, holding.cost)) if holding else Money(0)

    def total_cost(self) -> Money:
        """Cost of everything held."""
        return Money(self._cost)

    def all(self) -> dict[MarketId, tuple[int, Money]]:
        """Signed contracts and cost per market, held sets with none and their cost, for views and reconciliation."""
        return {market: (holding.net, Money(holding.cost)) for market, holding in self._held.items()}

    def total_contracts(self) -> Size:
        """Contracts that can still win or lose: sets cannot."""
        return Size(self._contracts)

    def event_cost(self, event: EventId) -> Money:
        return Money(self._event_costs.get(event, 0))

    def league_day_cost(self, event: EventId) -> Money:
        """Cost of all events of the same league and day as this one; its own when the day is unknown."""
        day = self._league_day.get(event)
        if day is None:
            return self.event_cost(event)
        return Money(self._day_costs.get(day, 0))

    def source_cost(self, source: str) -> Money:
        """Cost of everything that one settlement source decides."""
        return Money(self._source_costs.get(source, 0))

    def source_of(self, market: MarketId) -> str:
        """Who decides a market where no game does; "" = a game, or nobody said."""
        return self._source.get(market, "")

    def same_day(self, one: EventId, other: EventId) -> bool:
        """Whether both count toward one league-day; an event without a day has its own."""
        day = self._league_day.get(one)
        return one == other if day is None else day == self._league_day.get(other)

    def lots(self, event: EventId) -> list[Lot]:
        """Holdings of an event by question."""
        held = ((one, self._held[one]) for one in self._markets.get(event, ()) if one in self._held)
        return self._lots([(one, (what.contracts[0], what.contracts[1]), what.cost) for one, what in held])

    def worst_unit(self, legs: Sequence[tuple[MarketId, Outcome]], costs: Sequence[int]) -> Money:
        """What one set of these legs may lose by itself (B-443), Money per contract: a set more adds at most so much to the worst
        loss of its event, because what the rest pays at least in some outcome is not less for it. Every approval asks: what the set
        pays at least depends on no price, and is worked out once."""
        least = self._least.get(legs := tuple(legs))
        if least is None:
            if len(self._least) > _SETS:
                self._least.clear()  # an event basket's legs are chosen anew each time
            rows = [(one, (0, CONTRACT) if side is Outcome.NO else (CONTRACT, 0), CONTRACT) for one, side in legs]
            least = self._least[legs] = len(legs) * CONTRACT - worst_loss(self._lots(rows))
        return Money(max(0, sum(costs) - least))

    def _lots(self, rows: Iterable[tuple[MarketId, tuple[int, int], int]]) -> list[Lot]:
        """Market, contracts of YES and of NO, cost: put together by question, and by venue where terms differ."""
        sums: dict[MarketId, list[int]] = {}
        apart: dict[MarketId, dict[Venue, list[int]]] = {}
        for market, sides, cost in rows:
            root, polarity = self._question.get(market, (market, 1))
            yes, no = sides if polarity > 0 else reversed(sides)
            _add(sums.setdefault(root, [0, 0, 0]), (yes, no, cost))
            if self._apart.get(root):
                venue = self._venue.get(market, Venue(market))  # an unknown one is nobody else's
                _add(apart.setdefault(root, {}).setdefault(venue, [0, 0, 0]), (yes, no, sides[Outcome.NO]))
        sets = self._sets_of(sums)
        return [
            Lot(
                Size(yes),
                Size(no),
                Money(cost),
                sets.get(root, ""),
                tuple(Holding(venue, *map(Size, three)) for venue, three in apart.get(root, {}).items()),
            )
            for root, (yes, no, cost) in sums.items()
        ]

    def _sets_of(self, roots: Collection[MarketId]) -> dict[MarketId, str]:
        """The exclusive set in which each of these questions is judged: one venue's event, that with most of them first. Markets of
        two such events (the winner of a game and of its first half) exclude each other within each of them only."""
        member: dict[MarketId, set[str]] = {}
        for root in roots:
            alike = (one for one in self._same.get(root, (root,)) if self._question.get(one, (one, 1))[1] > 0)
            member[root] = {named for one in alike if (named := self._exclusive.get(one))}
        found: dict[MarketId, str] = {}
        while names := sorted({name for root, names in member.items() if root not in found for name in names}):
            largest = max(names, key=lambda name: sum(name in member[root] for root in roots if root not in found))
            found |= {root: largest for root in roots if root not in found and largest in member[root]}
        return found

    def worst_loss(self, event: EventId) -> Money:
        return self._losses.get(event, Money(0))

    def naked(self, event: EventId) -> Size:
        return self._naked.get(event, Size(0))

    def naked_total(self) -> Money:
        """Dollars that what stands alone in every event would cost, together."""
        return Money(self._loss)

    def _touch(self, market: MarketId) -> None:
        self.changes += 1
        holding = self._held.get(market)
        contracts, cost = (abs(holding.net), holding.cost) if holding else (0, 0)
        before = self._counted.pop(market, (0, 0))
        self._contracts += contracts - before[0]
        self._cost += cost - before[1]
        if holding:
            self._counted[market] = (contracts, cost)
        source = self._source.get(market, "")
        self._source_costs[source] = self._source_costs.get(source, 0) + cost - before[1]
        event = self._event.get(market)
        if event is not None:
            self._refresh(event)

    def _refresh(self, event: EventId) -> None:
        cost = sum(self.cost(market) for market in self._markets.get(event, ()))
        day = self._league_day.get(event)
        if day is not None:
            self._day_costs[day] += cost - self._event_costs.get(event, 0)
        self._event_costs[event] = cost
        lots = self.lots(event)
        self._losses[event] = worst_loss(lots)
        alone = naked_loss(lots)
        self._loss += alone - self._alone.get(event, 0)
        self._alone[event] = alone
        self._naked[event] = naked_contracts(lots)


def _add(sums: list[int], more: Sequence[int]) -> None:
    for place, value in enumerate(more):
        sums[place] += value
