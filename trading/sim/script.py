"""Plays a table of scenes (scenes.py) on games whose books it owns, the same for every seed.

    at rest   cheap venue   bid c-8 | ask c     the other venue   bid c | ask c+8      sum of asks = a dollar: no arb after fees
    in scene  cheap venue         ask c-a             the other venue   bid c+b        a+b = gain + both fees

c comes from the link, away from one half so that nobody takes the pair for an inverted one. Moving one side of a book by 3-4c
moves its mid by half of that, so the scene does not look like news. A far level flickers to keep every feed proven. Times are
seconds divided by speed; the play begins when start() is called, and ends with every book at rest.
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from trading.clock import SECOND, Clock
from trading.fees import fee_of_fill
from trading.market import FeeTerms
from trading.sim.core import VenueCore
from trading.sim.exchange import Order, Side
from trading.sim.links import Link
from trading.sim.scenes import DEMO, DEMO_GAMES, DEMO_SECONDS, Arb, GameSetup, Throw
from trading.units import CENT, CONTRACT, MonoNs, Price, Size

__all__ = ["SceneReport", "Script", "scripted_markets"]

_REST_HALF = 8
_FLICKER_S = 0.25
_DEPTH = (400, 300, 300, 300)
"""Contracts at the best price at rest and at each cent behind it."""
_FAR = 12
"""Cents behind the best price where the flickering level lies."""

ThrowFault = Callable[[str, str], None]


class SceneReport(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one arb scene: price per side in 1/10,000 dollar of outcome 0, net cents, and orders that arrived."""

    at: float
    role: str
    why: str
    cheap: str
    ask: Price
    bid: Price
    net_cents: float
    orders: int


class _Ladder:
    """The script's own orders on one book: at most one a level."""

    def __init__(self, core: VenueCore, market: str) -> None:
        self.core = core
        self.market = market
        self._orders: dict[tuple[Side, int], str] = {}

    def put(self, side: Side, cents: int, contracts: int) -> None:
        """Make a level hold exactly contracts of ours; 0 removes it. Prices outside 1..99 cents are left out."""
        if not 1 <= cents <= 99:
            return
        known = self._orders.pop((side, cents), None)
        if known is not None and known in self.core.books[self.market].orders:
            self.core.customer_cancel(known)
        if contracts > 0:
            price = Price(cents * CENT)
            self._orders[side, cents] = self.core.customer_rest(
                self.market, side, price, Size(contracts * CONTRACT), owner="script"
            )

    def hide(self, side: Side, *, better_than: int) -> None:
        """Remove our levels strictly better than a price in cents."""
        for level_side, cents in list(self._orders):
            if level_side == side and (cents > better_than if side == "bid" else cents < better_than):
                self.put(side, cents, 0)

    def set(self, levels: Mapping[tuple[Side, int], int]) -> None:
        """Make the book hold these levels and no others of ours."""
        for side, cents in list(self._orders):
            if (side, cents) not in levels:
                self.put(side, cents, 0)
        for (side, cents), contracts in levels.items():
            order = self.core.books[self.market].orders.get(self._orders.get((side, cents), ""))
            if order is None or order.remaining != contracts * CONTRACT:
                self.put(side, cents, contracts)


@dataclass(slots=True)
class _Stage:
    """One scripted game. low and high are the books where YES of outcome 0 is cheap and dear; sides holds its other books."""

    setup: GameSetup
    center: int
    low: _Ladder
    high: _Ladder
    sides: list[tuple[_Ladder, int]]
    scene: Arb | None = None
    hollowed: bool = False
    orders: int = 0
    touch: int = 0
    """Cents at which Kalshi shows its level in a hollow scene."""

    @property
    def kalshi(self) -> _Ladder:
        return self.low if self.setup.cheap == "kalshi" else self.high

    @property
    def polymarket(self) -> _Ladder:
        return self.high if self.setup.cheap == "kalshi" else self.low

    def rest_levels(self, *, high: bool) -> dict[tuple[Side, int], int]:
        """The book at rest: the dear venue's bid and the cheap venue's ask meet at the center."""
        bid = self.center if high else self.center - _REST_HALF
        rows: dict[tuple[Side, int], int] = {}
        for i, contracts in enumerate(_DEPTH):
            rows["bid", bid - i] = contracts
            rows["ask", bid + _REST_HALF + i] = contracts
        return rows


def scripted_markets(links: Sequence[Link]) -> frozenset[str]:
    """Every market of the games that have a role: their books belong to the script."""
    groups = {link.group for link in links if link.role}
    mine = [link for link in links if link.group in groups]
    return frozenset([link.condition_id for link in mine] + [ticker for link in mine for ticker, _ in link.tickers])


class Script:
    """The play of scenes.DEMO. terms(core name, market) gives a market's fees; throw(venue, fault) is faults.py.

    Call begin() once at the start. Raises ValueError when the universe lacks a role that the table needs.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        kalshi: VenueCore,
        polymarket: VenueCore,
        links: Sequence[Link],
        terms: Callable[[str, str], FeeTerms],
        throw: ThrowFault,
        speed: float = 1.0,
    ) -> None:
        self._clock = clock
        self._kalshi = kalshi
        self._polymarket = polymarket
        self._terms = terms
        self._throw = throw
        self._speed = speed
        self._stages: dict[str, _Stage] = {}
        self._by_market: dict[str, _Stage] = {}
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._entries = 0
        self._started: int | None = None
        self._flickers = 0
        self._far: list[tuple[_Ladder, int]] = []
        self.reports: list[SceneReport] = []
        self.done = False
        for setup in DEMO_GAMES:
            self._stage(setup, links)

    @property
    def markets(self) -> frozenset[str]:
        return frozenset(self._by_market)

    @property
    def started(self) -> bool:
        return self._started is not None

    def begin(self) -> None:
        """Put every book to rest and keep the feeds alive; the scenes wait for start()."""
        for stage in self._stages.values():
            self._to_rest(stage)
        self._after(_FLICKER_S, self._flicker)

    def start(self) -> None:
        """Start the clock of the table; later calls do nothing."""
        if self._started is not None:
            return
        self._started = self._clock.mono_ns()
        for entry in DEMO:
            if isinstance(entry, Throw):
                self._after(entry.at, partial(self._throw, entry.venue, entry.fault))
            else:
                self._after(entry.at, partial(self._open, entry))
                self._after(entry.at + entry.for_s, partial(self._close, entry))
        self._after(DEMO_SECONDS, self._finish)

    def advance(self) -> None:
        while self._due and self._due[0][0] <= self._clock.mono_ns():
            heapq.heappop(self._due)[2]()

    def next_due(self) -> MonoNs | None:
        return MonoNs(self._due[0][0]) if self._due else None

    def statistics(self) -> dict[str, object]:
        at = 0.0 if self._started is None else (self._clock.mono_ns() - self._started) / SECOND * self._speed
        return {
            "script_started": self.started,
            "script_done": self.done,
            "script_seconds": round(min(at, DEMO_SECONDS), 3),
            "scenes": list(self.reports),
        }

    def arrival(self, core: VenueCore, market: str, order: Order) -> None:
        """An account's order is about to meet a scripted book: the scene's trick happens now."""
        stage = self._by_market.get(market)
        if stage is None:
            return
        stage.orders += 1
        scene = stage.scene
        if scene is None:
            return
        first_leg = stage.polymarket
        if scene.trick == "phantom" and core is self._polymarket and market == first_leg.market:
            side: Side = "ask" if first_leg is stage.low else "bid"
            first_leg.hide(side, better_than=stage.center)
        elif scene.trick == "hollow" and core is self._kalshi and market == stage.kalshi.market and not stage.hollowed:
            self._hollow(stage, scene, order)

    # --- scenes ------------------------------------------------------------------------------------------------------

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        self._entries += 1
        heapq.heappush(self._due, (self._clock.mono_ns() + int(seconds / self._speed * SECOND), self._entries, do))

    def _stage(self, setup: GameSetup, links: Sequence[Link]) -> None:
        link = next((link for link in links if link.role == setup.role), None)
        if link is None:
            raise ValueError(f"the universe has no game for the role {setup.role!r}; use the synthetic universe at full size")
        twin, outcome = link.tickers[0]
        if outcome != 0:
            raise ValueError(f"{twin} is not outcome 0 of {link.condition_id}")
        # Away from one half, in whole cents: 30..36, or 64..70 for two-way favourites.
        offset = round(abs(link.probability - 0.5) * 100) % 7
        alone = len(link.tickers) > 1
        center = 64 + offset if alone and link.probability >= 0.5 else 36 - offset
        kalshi, polymarket = _Ladder(self._kalshi, twin), _Ladder(self._polymarket, link.condition_id)
        low, high = (kalshi, polymarket) if setup.cheap == "kalshi" else (polymarket, kalshi)
        sides = [(_Ladder(self._kalshi, ticker), 100 - center) for ticker, _ in link.tickers[1:]]
        others = [other for other in links if other.group == link.group and other is not link]
        for index, other in enumerate(others):  # soccer: the away side and the draw share what the home side leaves
            middle = 26 if index else 100 - center - 26
            sides += [(_Ladder(self._kalshi, ticker), middle) for ticker, _ in other.tickers]
            sides.append((_Ladder(self._polymarket, other.condition_id), middle))
        stage = _Stage(setup, center, low, high, sides)
        self._stages[setup.role] = stage
        for ladder in (low, high, *(ladder for ladder, _ in sides)):
            self._by_market[ladder.market] = stage
        self._far += [(ladder, center - _REST_HALF - _FAR) for ladder in (low, high)]

    def _to_rest(self, stage: _Stage) -> None:
        stage.low.set(stage.rest_levels(high=False))
        stage.high.set(stage.rest_levels(high=True))
        for ladder, middle in stage.sides:
            ladder.set(
                {("bid", middle - 10): 200, ("bid", middle - 11): 200, ("ask", middle + 10): 200, ("ask", middle + 11): 200}
            )

    def _open(self, scene: Arb) -> None:
        stage = self._stages[scene.role]
        self._to_rest(stage)  # a scene always starts from books at rest
        stage.scene, stage.hollowed, stage.orders = scene, False, 0
        ask, bid = self._quotes(stage, scene)
        if scene.trick == "shifted":
            shift = scene.gain + 15 + 3
            ask, bid = stage.center - shift, stage.center
            rows = {
                (side, cents - shift): n for (side, cents), n in stage.rest_levels(high=stage.polymarket is stage.high).items()
            }
            stage.polymarket.set(rows)
        else:
            low, high = stage.rest_levels(high=False), stage.rest_levels(high=True)
            low["ask", ask], high["bid", bid] = scene.size, scene.size
            if scene.trick == "hollow":
                self._prepare_hollow(stage, scene, low, high, ask, bid)
            stage.low.set(low)
            stage.high.set(high)
        net = self._net(stage, ask, bid)
        self.reports.append(
            SceneReport(
                at=scene.at,
                role=scene.role,
                why=scene.why,
                cheap=stage.setup.cheap,
                ask=Price(ask * CENT),
                bid=Price(bid * CENT),
                net_cents=net,
                orders=0,
            )
        )

    def _close(self, scene: Arb) -> None:
        stage = self._stages[scene.role]
        if stage.hollowed:
            # The levels that made the arb go; the exits stay as the trick left them until the tail is over.
            polymarket_side: Side = "ask" if stage.polymarket is stage.low else "bid"
            stage.polymarket.hide(polymarket_side, better_than=stage.center)
            stage.kalshi.put("bid" if stage.kalshi is stage.high else "ask", stage.touch, 0)
            self._after(scene.tail_s, lambda: self._end(stage, scene))
        else:
            self._end(stage, scene)

    def _end(self, stage: _Stage, scene: Arb) -> None:
        if stage.scene is not scene:
            return
        index = next(i for i, report in enumerate(self.reports) if report.at == scene.at and report.role == scene.role)
        self.reports[index] = msgspec.structs.replace(self.reports[index], orders=stage.orders)
        stage.scene, stage.hollowed = None, False
        self._to_rest(stage)

    def _finish(self) -> None:
        for stage in self._stages.values():
            if stage.scene is not None:
                self._end(stage, stage.scene)
            self._to_rest(stage)
        self.done = True

    # --- prices ------------------------------------------------------------------------------------------------------

    def _net(self, stage: _Stage, ask: int, bid: int) -> float:
        """Net cents per contract: buy outcome 0 at ask where it is cheap, sell it (buy outcome 1) at bid where it is dear."""
        fees = 0
        for ladder, cents in ((stage.low, ask), (stage.high, bid)):
            terms = self._terms(ladder.core.name, ladder.market)
            fees += fee_of_fill(terms, Price(cents * CENT), Size(100 * CONTRACT))
        return (bid - ask) - fees / 1_000_000

    def _quotes(self, stage: _Stage, scene: Arb) -> tuple[int, int]:
        """Ask of the cheap and bid of the dear venue, in cents, with the smallest gap that leaves the gain after fees."""
        for gap in range(1, 2 * _REST_HALF - 2):
            ask, bid = stage.center - gap // 2, stage.center + gap - gap // 2
            if self._net(stage, ask, bid) >= scene.gain:
                return ask, bid
        raise ValueError(f"a gain of {scene.gain}c does not fit between the books of {scene.role}")

    def _prepare_hollow(
        self,
        stage: _Stage,
        scene: Arb,
        low: dict[tuple[Side, int], int],
        high: dict[tuple[Side, int], int],
        ask: int,
        bid: int,
    ) -> None:
        """Lay the exits out before the scene: Kalshi's next level gap cents off, Polymarket's way back near cents off."""
        kalshi_is_high = stage.kalshi is stage.high
        if kalshi_is_high:
            high["bid", bid - scene.gap] = max(300, high.get(("bid", bid - scene.gap), 0))
            exits, exit_side, at = low, "bid", ask - scene.near
        else:
            low["ask", ask + scene.gap] = max(300, low.get(("ask", ask + scene.gap), 0))
            exits, exit_side, at = high, "ask", bid + scene.near
        for side, cents in list(exits):
            if side == exit_side and (cents > at if exit_side == "bid" else cents < at):
                del exits[side, cents]
        exits["bid" if kalshi_is_high else "ask", at] = 500
        stage.touch = bid if kalshi_is_high else ask

    def _hollow(self, stage: _Stage, scene: Arb, order: Order) -> None:
        """Kalshi's level shrinks to part of the order that comes for it, and what stood just behind is gone."""
        stage.hollowed = True
        touch = stage.touch
        side: Side = "bid" if stage.kalshi is stage.high else "ask"
        behind = touch - scene.gap if side == "bid" else touch + scene.gap
        stage.kalshi.hide(side, better_than=behind)
        left = int(order.remaining * scene.part // CONTRACT)
        if scene.part > 0:
            stage.kalshi.put(side, touch, max(1, left))

    def _flicker(self) -> None:
        """Change a far level on one book after the other: data frames that move no price."""
        per_turn = max(1, len(self._far) // 4)
        for _ in range(per_turn):
            ladder, cents = self._far[self._flickers % len(self._far)]
            turn = self._flickers // len(self._far)
            ladder.put("bid", max(cents, 2), 1 - turn % 2)
            self._flickers += 1
        self._after(_FLICKER_S * self._speed, self._flicker)
