"""Everybody else at the two venues: makers that quote around a common truth, takers, competitors, phantom levels, latency.

    truth (log odds, random walk with jumps) ──> Kalshi makers        mids of the two venues part when the truth jumps and
            └─ lag ─────────────────────────────> Polymarket makers   Polymarket has not followed yet: that is the arb

The figures are execution.md 1 and 7 and stand in FlowSettings. The same seed and the same clock give the same orders. Markets
without a link get one independent ladder at the start, so prices never tell which markets are twins.
"""

import heapq
import math
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from trading.clock import MS, SECOND, Clock
from trading.sim.core import VenueCore
from trading.sim.exchange import MatchingBook, Order, Side
from trading.sim.links import Link
from trading.units import CENT, ONE, MonoNs, Price, Size

__all__ = ["CALM", "QUIET", "Flow", "FlowSettings", "kalshi_latency", "polymarket_latency", "steady_latency"]

_CONTRACT = 1_000_000


class FlowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the other customers behave. Rates are per second, prices in cents, sizes in contracts."""

    updates: float = 30.0
    """Quote refreshes of all linked markets of both venues together; 0 = nothing moves after the start."""
    takes: float = 2.0
    """Trades of other customers in all linked markets together."""
    lag_s: float = 1.5
    """How long Polymarket needs to follow (time constant)."""
    jumps: float = 0.01
    """News per game."""
    jump_cents: float = 5.0
    kalshi_spread: int = 1
    polymarket_spread: int = 2
    wide: float = 0.1
    """Share of quotes at twice to four times the usual spread (p90 = 4c)."""
    levels: int = 4
    size: float = 60.0
    """Median of a level; sizes are log-normal."""
    size_sigma: float = 0.8
    kalshi_hazard: float = 0.46
    kalshi_hazard_small: float = 0.2
    """When we take at most kalshi_small of what is displayed."""
    kalshi_small: float = 0.10
    polymarket_hazard: float = 0.69
    polymarket_hazard_small: float = 0.38
    polymarket_small: float = 0.05
    phantom_markets: float = 11 / 51
    phantom_fills: float = 0.03
    kalshi_exposure_s: float = 0.18
    """Mean time a Kalshi order is on its way, for the hazards; Polymarket's is its hold plus the floor."""
    polymarket_exposure_s: float = 0.03
    seeded_levels: int = 2
    """Levels of a market without a link."""


CALM = FlowSettings(takes=0.5, jumps=0.0, updates=20.0, wide=0.0, phantom_markets=0.0)
"""Small moves only: the arbs of a scripted run come from the script."""
QUIET = FlowSettings(takes=0.0, jumps=0.0, updates=0.0, wide=0.0, phantom_markets=0.0)


@dataclass(slots=True)
class _Truth:
    """The common price of one event: log weights of its links, and Polymarket's lagging copy. Two-way games have one free
    weight."""

    links: list[Link]
    weights: list[float]
    lagged: list[float]
    at: int

    def price(self, index: int, *, lagged: bool) -> float:
        """Probability of outcome 0 of a link."""
        weights = self.lagged if lagged else self.weights
        if len(weights) == 1:
            return 1 / (1 + math.exp(-weights[0]))
        total = sum(math.exp(weight) for weight in weights)
        return math.exp(weights[index]) / total


@dataclass(slots=True)
class _Quoted:
    """One book that makers keep: where its truth is and which side of it."""

    core: VenueCore
    market: str
    truth: _Truth
    index: int
    outcome: int
    tick: int
    spread: int
    lagged: bool
    phantom: bool
    orders: dict[tuple[Side, int], str] = field(default_factory=dict)


def _logit(probability: float) -> float:
    p = min(max(probability, 0.02), 0.98)
    return math.log(p / (1 - p))


class Flow:
    """The other customers of both venues. advance() does what is due; hazards and phantoms work through core.arrival.

    skip names markets somebody else keeps (script.py). ticks gives a market's price step, one cent where absent.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int,
        kalshi: VenueCore,
        polymarket: VenueCore,
        links: Sequence[Link],
        settings: FlowSettings | None = None,
        skip: Collection[str] = (),
        ticks: Mapping[str, Price] | None = None,
        holds_s: Mapping[str, int] | None = None,
        speed: float = 1.0,
    ) -> None:
        self._clock = clock
        self._rng = random.Random(f"flow {seed}")
        self._settings = settings or FlowSettings()
        self._speed = speed
        self._ticks = ticks or {}
        self._holds_s = holds_s or {}
        self._kalshi = kalshi
        self._polymarket = polymarket
        self._skip = frozenset(skip)
        self._quoted: list[_Quoted] = []
        self._by_market: dict[str, _Quoted] = {}
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._entries = 0
        self.refreshes = self.takes = self.raced = self.vanished = 0
        self._build(links)

    def start(self) -> None:
        """Fill every book and begin. The cores' arrival hooks are left to the caller (see arrival)."""
        for quoted in self._quoted:
            self._refresh(quoted)
        for core in (self._kalshi, self._polymarket):
            for market, book in core.books.items():
                if market not in self._by_market and market not in self._skip:
                    self._seed_unlinked(core, market, book)
        if self._quoted and self._settings.updates > 0:
            self._plan(self._settings.updates, self._on_refresh)
        if self._quoted and self._settings.takes > 0:
            self._plan(self._settings.takes, self._on_take)

    def advance(self) -> None:
        while self._due and self._due[0][0] <= self._clock.mono_ns():
            heapq.heappop(self._due)[2]()

    def next_due(self) -> MonoNs | None:
        return MonoNs(self._due[0][0]) if self._due else None

    def statistics(self) -> dict[str, int]:
        return {
            "markets": len(self._quoted),
            "refreshes": self.refreshes,
            "takes": self.takes,
            "raced": self.raced,
            "vanished": self.vanished,
        }

    def arrival(self, core: VenueCore, market: str, order: Order) -> None:
        """An account's order is about to meet the book: phantoms vanish, competitors may have been faster (execution.md 7)."""
        quoted = self._by_market.get(market)
        if quoted is None:
            return
        book = core.books[market]
        displayed = book.matchable(order.side, order.price, skip_owner=order.owner)
        if displayed <= 0:
            return
        if quoted.phantom and self._rng.random() >= self._settings.phantom_fills:
            self._vanish(quoted, order)
            return
        exposure_s = max(0, self._clock.wall_ns() - order.placed_at) / SECOND
        s = self._settings
        if core is self._kalshi:
            hazard = s.kalshi_hazard_small if order.remaining <= s.kalshi_small * displayed else s.kalshi_hazard
            exposure_s += s.kalshi_exposure_s
        else:
            hazard = s.polymarket_hazard_small if order.remaining <= s.polymarket_small * displayed else s.polymarket_hazard
            exposure_s = max(exposure_s, self._holds_s.get(market, 0)) + s.polymarket_exposure_s
        if self._rng.random() < math.exp(-hazard * exposure_s):
            return
        best = book.best("ask" if order.side == "bid" else "bid")
        if best is not None:
            self.raced += 1
            core.customer_take(market, order.side, best, book.size_at("ask" if order.side == "bid" else "bid", best))

    # --- the truth and its quotes -------------------------------------------------------------------------------------

    def _build(self, links: Sequence[Link]) -> None:
        groups: dict[str, list[Link]] = {}
        for link in links:
            groups.setdefault(link.group, []).append(link)
        for group in groups.values():
            owned = [link for link in group if link.condition_id not in self._skip]
            if not owned:
                continue
            alone = len(group) == 1
            weights = [_logit(link.probability) if alone else math.log(max(link.probability, 0.01)) for link in group]
            truth = _Truth(group, weights, list(weights), self._clock.mono_ns())
            for index, link in enumerate(group):
                for ticker, outcome in link.tickers:
                    self._quote(self._kalshi, ticker, truth, index, outcome)
                self._quote(self._polymarket, link.condition_id, truth, index, 0)

    def _quote(self, core: VenueCore, market: str, truth: _Truth, index: int, outcome: int) -> None:
        if market not in core.books or market in self._skip:
            return
        kalshi = core is self._kalshi
        spread = self._settings.kalshi_spread if kalshi else self._settings.polymarket_spread
        phantom = not kalshi and self._rng.random() < self._settings.phantom_markets
        tick = self._ticks.get(market, CENT)
        quoted = _Quoted(core, market, truth, index, outcome, tick, spread, not kalshi, phantom)
        self._quoted.append(quoted)
        self._by_market[market] = quoted

    def _move(self, truth: _Truth) -> None:
        """Bring a truth to now: diffusion, perhaps a jump, and the lagging copy."""
        now = self._clock.mono_ns()
        seconds = (now - truth.at) / SECOND * self._speed
        if seconds <= 0:
            return
        truth.at = now
        for i, link in enumerate(truth.links):
            truth.weights[i] += self._rng.gauss(0, link.volatility * math.sqrt(seconds))
            truth.weights[i] = min(max(truth.weights[i], -3.5), 3.5)
        if self._rng.random() < 1 - math.exp(-self._settings.jumps * seconds):
            i = self._rng.randrange(len(truth.weights))
            truth.weights[i] += self._rng.gauss(0, self._settings.jump_cents / 100 * 4)
        keep = math.exp(-seconds / self._settings.lag_s)
        truth.lagged = [w + (old - w) * keep for w, old in zip(truth.weights, truth.lagged, strict=True)]

    def _refresh(self, quoted: _Quoted) -> None:
        """Replace the makers' ladder around the current truth; levels that need not change stay."""
        self._move(quoted.truth)
        p = quoted.truth.price(quoted.index, lagged=quoted.lagged)
        p = p if quoted.outcome == 0 else 1 - p
        spread = quoted.spread * (self._rng.choice((2, 3, 4)) if self._rng.random() < self._settings.wide else 1)
        wanted = _ladder(p, spread * CENT, quoted.tick, self._settings.levels)
        core = quoted.core
        book = core.books[quoted.market]
        changed = self._rng.choice(wanted) if wanted else None
        for key, order_id in list(quoted.orders.items()):
            order = book.orders.get(order_id)
            if order is None:
                del quoted.orders[key]
            elif key not in wanted or key == changed or order.remaining < order.size // 3:
                core.customer_cancel(order_id)
                del quoted.orders[key]
        for side, price in wanted:
            if (side, price) in quoted.orders:
                continue
            size = self._size()
            other = book.best("ask" if side == "bid" else "bid")
            if other is not None and (price >= other if side == "bid" else price <= other):
                core.customer_take(quoted.market, side, Price(price), size)  # an account's resting order is in the way
                continue
            quoted.orders[side, price] = core.customer_rest(quoted.market, side, Price(price), size)
        self.refreshes += 1

    def _seed_unlinked(self, core: VenueCore, market: str, book: MatchingBook) -> None:
        if book.best("bid") is not None or book.best("ask") is not None:
            return
        tick = self._ticks.get(market, CENT)
        p = self._rng.uniform(0.06, 0.94)
        for side, price in _ladder(p, self._rng.choice((2, 3, 4)) * CENT, tick, self._settings.seeded_levels):
            core.customer_rest(market, side, Price(price), self._size())

    def _size(self) -> Size:
        contracts = self._settings.size * math.exp(self._rng.gauss(0, self._settings.size_sigma))
        return Size(max(1, round(contracts)) * _CONTRACT)

    # --- what happens when -------------------------------------------------------------------------------------------

    def _plan(self, rate: float, do: Callable[[], None]) -> None:
        """Enter the next event of a Poisson process."""
        self._entries += 1
        wait = self._rng.expovariate(rate * self._speed)
        heapq.heappush(self._due, (self._clock.mono_ns() + int(wait * SECOND), self._entries, do))

    def _on_refresh(self) -> None:
        self._refresh(self._rng.choice(self._quoted))
        self._plan(self._settings.updates, self._on_refresh)

    def _on_take(self) -> None:
        quoted = self._rng.choice(self._quoted)
        side: Side = self._rng.choice(("bid", "ask"))
        book = quoted.core.books[quoted.market]
        best = book.best("ask" if side == "bid" else "bid")
        if best is not None:
            quoted.core.customer_take(quoted.market, side, best, Size(min(self._size(), 20 * _CONTRACT)))
            self.takes += 1
        self._plan(self._settings.takes, self._on_take)

    def _vanish(self, quoted: _Quoted, order: Order) -> None:
        """Displayed levels the order would hit are withdrawn; a later refresh shows them again."""
        self.vanished += 1
        for (side, price), order_id in list(quoted.orders.items()):
            if side != order.side and (price <= order.price if order.side == "bid" else price >= order.price):
                quoted.core.customer_cancel(order_id)
                del quoted.orders[side, price]


def _ladder(p: float, spread: int, tick: int, levels: int) -> list[tuple[Side, int]]:
    """Bids below and asks above a price, spread apart and a cent between levels, on the tick."""
    middle = round(p * ONE)
    bid = (middle - spread // 2) // tick * tick
    ask = max(bid + max(spread, tick), tick)
    ask = -(-ask // tick) * tick
    rows: list[tuple[Side, int]] = []
    for i in range(levels):
        if tick <= bid - i * CENT <= ONE - tick:
            rows.append(("bid", bid - i * CENT))
        if tick <= ask + i * CENT <= ONE - tick:
            rows.append(("ask", ask + i * CENT))
    return rows


def kalshi_latency(rng: random.Random) -> tuple[int, int]:
    """(before, after) the match of an order, ns: in all 42 % N(91, 3) ms, 58 % N(250, 11) ms; two thirds come before."""
    ms = rng.gauss(91, 3) if rng.random() < 0.42 else rng.gauss(250, 11)
    total = int(max(20.0, ms) * MS)
    before = total * 2 // 3
    return before, total - before


def polymarket_latency(rng: random.Random) -> tuple[int, int]:
    """(before, after) without holds, ns: a 26 ms floor, 5.5 % over half a second late, 1.8 % over one and a half."""
    ms = 26 + rng.expovariate(1 / 12)
    late = rng.random()
    if late < 0.018:
        ms += rng.uniform(1_500, 2_700)
    elif late < 0.055:
        ms += rng.uniform(500, 1_500)
    total = int(ms * MS)
    return total // 2, total - total // 2


def steady_latency(rng: random.Random) -> tuple[int, int]:
    """Polymarket without its late answers, for scripted runs whose scenes last two seconds."""
    total = int((26 + rng.expovariate(1 / 12)) * MS)
    return total // 2, total - total // 2
