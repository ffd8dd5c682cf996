"""The trader's own limits, which nothing on the wire can raise (distributed.md 4.9, B-227).

Counted from the journal, so that a restart does not give a fresh day: open legs, dollars bought and lost today, contracts held
per market. The controller may ask for less than these, never for more. Selling what is held is not refused for an amount. Legs
that complete or unwind an arb may use the last tenth of a limit that new risk leaves free, go at twice the rate, and buy until
twice the day's loss: the purpose is the controller's word, so no limit ends at it.
"""

from collections.abc import Callable, Iterable

import msgspec

from trading.clock import SECOND
from trading.ids import LegId
from trading.market import Action, Market, MarketId, Outcome, step_at
from trading.order import LegRequest, LegResult
from trading.units import Money, MonoNs, Size, WallNs, cost_of

__all__ = ["Guard", "GuardLimits", "Refusal"]

_DAY_NS = 24 * 3600 * SECOND
Refusal = tuple[str, str]
"""(code of distributed.md 4.4, sentence)."""


class GuardLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in Size, money in Money, prices in Price; rate is legs a second."""

    leg_contracts: Size
    leg_cost: Money
    open_legs: int
    rate: float
    day_cost: Money
    day_loss: Money
    market_contracts: Size
    lowest: int = 100
    highest: int = 9_900


class _Held(msgspec.Struct):
    """One outcome of one market: contracts bought and not sold, and what they cost."""

    size: int = 0
    cost: int = 0


class Guard:
    """check() asks, admit() counts a promised leg, note() its results."""

    def __init__(self, limits: GuardLimits, wall_ns: Callable[[], WallNs]) -> None:
        self.limits = limits
        self._wished_contracts = limits.leg_contracts
        self._wished_cost = limits.leg_cost
        self._wall_ns = wall_ns
        self._day = -1
        self._bought = 0
        self._lost = 0
        self._tokens = limits.rate
        self._tokens_at: MonoNs | None = None
        self._open: dict[LegId, LegRequest] = {}
        self._counted: dict[LegId, LegResult] = {}
        self._held: dict[tuple[MarketId, Outcome], _Held] = {}

    def restore(self, legs: Iterable[tuple[LegRequest, LegResult | None]]) -> None:
        """Count what the journal knows, oldest first."""
        for leg, result in legs:
            self.admit(leg)
            if result is not None:
                self.note(leg, result)

    def wish(self, contracts: Size, cost: Money) -> None:
        """The controller asks for smaller legs; 0 = no wish. Larger ones than ours stay ours."""
        self._wished_contracts = min(contracts or self.limits.leg_contracts, self.limits.leg_contracts)
        self._wished_cost = min(cost or self.limits.leg_cost, self.limits.leg_cost)

    @property
    def open_legs(self) -> int:
        return len(self._open)

    def check(self, leg: LegRequest, market: Market, now: MonoNs) -> Refusal | None:
        """Why this leg may not go, None when it may; takes one token of the rate when it may."""
        want = leg.want
        if want.size <= 0 or not self.limits.lowest <= want.limit <= self.limits.highest:
            return "bad_price", f"{want.market}: {want.limit} is outside {self.limits.lowest}..{self.limits.highest}"
        if step_at(market, want.limit) is None:
            return "bad_price", f"{want.market}: {want.limit} is off the market's grid"
        ends = leg.purpose in ("complete", "unwind")
        if len(self._open) >= (self.limits.open_legs if ends else self._first_part(self.limits.open_legs)):
            return "limit_exposure", f"{len(self._open)} legs are open, TRADER_MAX_OPEN_LEGS={self.limits.open_legs}"
        selling = want.action is Action.SELL
        if selling and want.size > self._sellable(want.market, want.outcome):
            return "limit_exposure", f"{want.market}: more is to be sold than this trader bought"
        refusal = None if selling else self._too_much(leg)
        if refusal is not None:
            return refusal
        least = -self.limits.rate if ends else 0.0
        return None if self._token(now, least) else ("limit_rate", f"more than {self.limits.rate:g} legs a second")

    def _too_much(self, leg: LegRequest) -> Refusal | None:
        want, limits = leg.want, self.limits
        cost = max(cost_of(want.limit, want.size), leg.max_cost)
        if want.size > self._wished_contracts or cost > self._wished_cost:
            return "limit_order", f"{want.market}: {want.size} for {cost} is above the limit of one leg"
        self._new_day()
        waiting = sum(max(cost_of(one.want.limit, one.want.size), one.max_cost) for one in self._open.values())
        ends = leg.purpose in ("complete", "unwind")
        if self._bought + waiting + cost > (limits.day_cost if ends else self._first_part(limits.day_cost)):
            return "limit_day", f"{self._bought + waiting} were spent or promised today, TRADER_MAX_DAY_USD={limits.day_cost}"
        if self._lost >= (2 * limits.day_loss if ends else limits.day_loss):
            return "limit_day", f"{self._lost} were lost today, TRADER_MAX_DAY_LOSS_USD={limits.day_loss}"
        held = sum(self._held[key].size for key in self._keys(want.market) if key in self._held)
        coming = sum(one.want.size for one in self._open.values() if one.want.market == want.market)
        if held + coming + want.size > (limits.market_contracts if ends else self._first_part(limits.market_contracts)):
            return "limit_exposure", f"{want.market}: {held + coming} held or promised, the limit is {limits.market_contracts}"
        return None

    @staticmethod
    def _first_part(limit: int) -> int:
        """Nine tenths are for new risk; the last tenth is kept for legs that end one, so that no limit leaves a leg alone."""
        return limit - limit // 10

    @staticmethod
    def _keys(market: MarketId) -> tuple[tuple[MarketId, Outcome], ...]:
        return ((market, Outcome.YES), (market, Outcome.NO))

    def _sellable(self, market: MarketId, outcome: Outcome) -> int:
        held = self._held.get((market, outcome), _Held()).size
        leaving = sum(
            one.want.size
            for one in self._open.values()
            if (one.want.market, one.want.outcome, one.want.action) == (market, outcome, Action.SELL)
        )
        return held - leaving

    def _token(self, now: MonoNs, least: float) -> bool:
        """Take a token, down to least: legs that end a risk may run into debt by a second's worth."""
        if self._tokens_at is not None:
            passed = (now - self._tokens_at) / SECOND
            self._tokens = min(max(1.0, self.limits.rate), self._tokens + passed * self.limits.rate)
        self._tokens_at = now
        if self._tokens < least + 1:
            return False
        self._tokens -= 1
        return True

    def _new_day(self) -> None:
        day = self._wall_ns() // _DAY_NS
        if day != self._day:
            self._day, self._bought, self._lost = day, 0, 0

    def admit(self, leg: LegRequest) -> None:
        """A leg is promised: it counts as open with its whole cost until its result is final."""
        self._open[leg.leg_id] = leg

    def note(self, leg: LegRequest, result: LegResult) -> None:
        """The newest result of a leg; only what changed since the last one counts. Legs of other days count as held only."""
        self._new_day()
        before = self._counted.get(leg.leg_id)
        size = result.filled - (before.filled if before is not None else 0)
        cost = result.cost + result.fee - ((before.cost + before.fee) if before is not None else 0)
        today = int.from_bytes(leg.leg_id[:6], "big") * 1_000_000 // _DAY_NS == self._day
        held = self._held.setdefault((leg.want.market, leg.want.outcome), _Held())
        if leg.want.action is Action.BUY:
            held.size += size
            held.cost += cost
            self._bought += cost if today else 0
        else:
            basis = held.cost * size // held.size if held.size else 0
            held.size -= size
            held.cost -= basis
            self._lost += max(0, basis + cost) if today else 0
        self._counted[leg.leg_id] = result
        if result.final:
            self._open.pop(leg.leg_id, None)
        else:
            self._open.setdefault(leg.leg_id, leg)
