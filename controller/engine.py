"""One event in, decisions out: synchronous and pure, so that the same events give the same decisions again (design.md 3).

A book's change touches only the baskets of that market; a Tick looks at the next few hundred. What the gate refuses is reported
once per episode: until the opportunity went away, the same basket with the same code is only counted.
"""

from collections.abc import Sequence

from controller.model import ArbClosed, Balances, CancelLeg, Command, Event, PairChanged, Tick
from controller.risk.decision import Approved, Refused
from controller.risk.gate import Gate
from controller.state import State
from controller.strategy.base import Intent, Strategy
from controller.strategy.watch import ranked
from trading.book import BookChanged, BookLost, MarketChanged
from trading.clock import SECOND
from trading.market import MarketId
from trading.order import LegResult
from trading.units import MonoNs
from trading.venue import VenueMode

__all__ = ["Decided", "Engine"]

Decided = Approved | Refused | CancelLeg
_NOTHING: tuple[Decided, ...] = ()
_EPISODE_NS = 60 * SECOND
"""An opportunity that no strategy named for so long is over: a sweep of 10,000 baskets takes about 25 Ticks."""


class _Episode:
    """What was reported of a basket while its opportunity lasts, and when it was last wanted."""

    __slots__ = ("codes", "wanted_at")

    def __init__(self) -> None:
        self.codes: set[str] = set()
        self.wanted_at = MonoNs(0)


class Engine:
    """Owns the order of things: state first, then strategies, then the gate."""

    def __init__(self, state: State, strategies: Sequence[Strategy], gate: Gate) -> None:
        self.state = state
        self.gate = gate
        self._strategies = tuple(strategies)
        self._on_book = tuple(one.on_event for one in strategies if getattr(one, "hears_books", True))
        self._episodes: dict[str, _Episode] = {}
        """By basket id."""

    def process(self, event: Event, now: MonoNs) -> Sequence[Decided]:
        """Take one event and answer with what to execute, record or cancel."""
        state = self.state
        if type(event) is BookChanged:
            state.apply_book(event.book, now)
            found: list[Intent | CancelLeg] | None = None
            for on_event in self._on_book:
                wishes = on_event(event, state, now)
                if wishes:
                    found = [*(found or ()), *wishes]
            if self._episodes:
                self._end_episodes(event.book.market, found or ())
            return self._decide(found, now) if found else _NOTHING
        self._apply(event, now)
        found = [wish for strategy in self._strategies for wish in strategy.on_event(event, state, now)]
        if isinstance(event, Tick):
            for basket_id in [key for key, one in self._episodes.items() if now - one.wanted_at > _EPISODE_NS]:
                del self._episodes[basket_id]
        return self._decide(found, now)

    def _apply(self, event: Event, now: MonoNs) -> None:
        state = self.state
        if isinstance(event, Tick):
            state.apply_tick(event.wall, now)
            self.gate.breaker.on_tick(event.wall)
        elif isinstance(event, LegResult):
            state.apply_leg(event, now)
        elif isinstance(event, BookLost):
            self._end_episodes(event.book.market, ())
        elif isinstance(event, MarketChanged):
            state.apply_market(event.market, now)
        elif isinstance(event, PairChanged):
            state.apply_pair(event, now)
        elif isinstance(event, VenueMode):
            state.apply_mode(event, now)
        elif isinstance(event, Balances):
            state.apply_balances(event, now)
        elif isinstance(event, ArbClosed):
            self.gate.closed(event, now)
        elif isinstance(event, Command):
            self._command(event)

    def _command(self, command: Command) -> None:
        """An operator's word. resume with a pair's id lifts that pair's quarantine, without one every halt."""
        breaker = self.gate.breaker
        if command.name == "halt":
            breaker.halt()
        elif command.name == "freeze":
            breaker.halt(freeze=True)
        elif command.name == "resume" and command.detail:
            self.state.quarantined.pop(command.detail, None)
        elif command.name == "resume":
            breaker.resume()

    def _decide(self, wishes: Sequence[Intent | CancelLeg], now: MonoNs) -> Sequence[Decided]:
        decided: list[Decided] = []
        if len(wishes) > 1 and any(isinstance(wish, Intent) and wish.purpose == "exit" for wish in wishes):
            wishes = self._ranked(wishes, now)
        for wish in wishes:
            if isinstance(wish, CancelLeg):
                decided.append(wish)
                continue
            answer = self.gate.approve(wish, now)
            if isinstance(answer, Approved):
                decided.append(answer)
                continue
            episode = self._episodes.setdefault(wish.basket.id, _Episode())
            episode.wanted_at = now
            if answer.code not in episode.codes:
                episode.codes.add(answer.code)
                decided.append(answer)
        return decided

    def _ranked(self, wishes: Sequence[Intent | CancelLeg], now: MonoNs) -> Sequence[Intent | CancelLeg]:
        """Exits among the arbs of the same moment: whichever does most for the capital goes first (B-440)."""
        intents = [wish for wish in wishes if isinstance(wish, Intent)]
        return [*(wish for wish in wishes if isinstance(wish, CancelLeg)), *ranked(intents, self.state, now)]

    def _end_episodes(self, market: MarketId, wishes: Sequence[Intent | CancelLeg]) -> None:
        """Forget what was reported about baskets of this market that no strategy wants any more."""
        for basket in self.state.baskets_of(market):
            if basket.id in self._episodes and not any(
                isinstance(wish, Intent) and wish.basket.id == basket.id for wish in wishes
            ):
                del self._episodes[basket.id]
