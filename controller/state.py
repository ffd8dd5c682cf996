"""Everything the decision needs to know, in memory: books, markets, baskets, positions, cash, claims, what went wrong before.

Only apply_* changes it, and only the engine and the gate call those. It has no clock: monotonic time comes with each call, and
wall(now) follows from the last Tick, so that the same events give the same state again.
"""

from collections.abc import Sequence

from controller.closing import closing_baskets
from controller.legs import Legs
from controller.lessons import Kind
from controller.model import (
    Balances,
    Basket,
    EventId,
    Pair,
    PairChanged,
    baskets_of,
    event_basket_of,
)
from controller.moves import Moves
from controller.risk.claims import Claims
from controller.risk.limits import PPM, RiskSettings
from controller.risk.size import UNIT, extra_floor, fraction_of, unit_cost
from controller.terms import Terms
from trading.book import Book
from trading.clock import MS
from trading.fees import HIGHEST_KNOWN, unit_fees
from trading.market import Action, Market, MarketId, Outcome, Venue
from trading.units import DOLLAR, ONE, Money, MonoNs, Price, Size, WallNs
from trading.venue import VenueMode

__all__ = ["State"]

_BUY, _SELL = Action.BUY, Action.SELL  # looked up by name, a member of an Enum costs half a microsecond
_DAY_NS = 86_400_000_000_000
_LEFT_BASKETS = ("rejected", "retired")
_OWN_WORDS = frozenset({"paused", "post_only", "cancel_only", "disabled", "restarting"})
"""Modes in which a venue itself said that it takes no orders of ours (B-426)."""


class State(Legs):
    """The controller's knowledge. Implements strategy.base.StateView."""

    def __init__(self, settings: RiskSettings) -> None:
        super().__init__(settings)
        self.baskets: dict[str, Basket] = {}
        self.pairs: dict[str, Pair] = {}
        self.structure = 0
        self.claims = Claims(settings)
        self.modes: dict[Venue, VenueMode] = {}
        self.quarantined: dict[str, str] = {}
        """Basket group to why its prices cannot be believed (B-433)."""
        self._closings: tuple[tuple[int, int, frozenset[MarketId]], list[Basket]] = ((-1, -1, frozenset()), [])
        """What closings() answered last, with what it was worked out from: it is asked on every Tick."""
        self._sisters: dict[tuple[Venue, str], dict[MarketId, None]] = {}
        """Markets of one exclusive event of a venue, as they came: one of them told again must not walk all markets there are."""
        self._linked: dict[MarketId, dict[str, Pair]] = {}
        self._stood: set[str] = set()
        """Pairs that were approved at some time, or traded by an earlier start."""
        self._baskets_of: dict[MarketId, tuple[Basket, ...]] = {}
        self._moves: dict[MarketId, Moves] = {}
        self._terms: dict[str, Terms] = {}
        self._restarted: dict[Venue, MonoNs] = {}
        self._disturbed: dict[EventId, MonoNs] = {}
        self._triggers: dict[Venue, int] = {}
        self._wall: WallNs | None = None
        self._wall_at = MonoNs(0)

    # --- time ---------------------------------------------------------------------------------------------------------

    def apply_tick(self, wall: WallNs, now: MonoNs) -> None:
        self._wall = wall
        self._wall_at = now

    def wall(self, now: MonoNs) -> WallNs | None:
        """The stamp of now, None before the first Tick."""
        return None if self._wall is None else WallNs(self._wall + now - self._wall_at)

    # --- books --------------------------------------------------------------------------------------------------------

    def apply_book(self, book: Book, now: MonoNs) -> None:
        """Note a changed book, known or new. On the hot path: one look-up when the top stands."""
        moves = self._moves.get(book.market)
        if moves is None or moves.book is not book:
            self.books[book.market] = book
            if moves is None:
                moves = self._moves[book.market] = Moves(book, self._settings.sigma_window_ms)
            moves.book = book
            self.structure += 1
        if book.bid != moves.bid or book.ask != moves.ask:
            moves.apply_top(book.bid, book.ask, now)

    def depth(self, market: MarketId, outcome: Outcome, now: MonoNs, worst: Price = ONE) -> Sequence[tuple[Price, Size]]:
        """What a BUY may still take at worst or better, best first: the book less what we took a moment ago (B-441)."""
        book = self.books[market]
        self._debits.stand(book, now)
        return self._debits.depth(book, outcome, worst)

    def debited(self, market: MarketId, now: MonoNs) -> bool:
        """Whether the book may still show what we took: until the levels we took shrank by our fill, or 500 ms."""
        book = self.books.get(market)
        return book is not None and self._debits.stand(book, now)

    def sigma(self, market: MarketId, now: MonoNs) -> float:
        """Measured volatility in cents per sqrt(s), without a floor."""
        moves = self._moves.get(market)
        return moves.sigma(now) if moves else 0.0

    # --- markets, pairs, baskets --------------------------------------------------------------------------------------

    def apply_market(self, market: Market, now: MonoNs) -> None:
        """Take a market's current terms; one that stops being open disturbs its event (B-447)."""
        old = self.markets.get(market.id)
        self.markets[market.id] = market
        self.positions.set_terms(market.id, market.venue, market.event_id if market.mutually_exclusive else "")
        if market.status == "settled":
            self.positions.settle(market.id)
        event = self.positions.event_of(market.id)
        if old is not None and old.status != market.status and event is not None:
            self.apply_disturbed(event, now)
        self.structure += 1
        if market.mutually_exclusive and self._settings.enable_event_baskets:
            self._sisters.setdefault((market.venue, market.event_id), {})[market.id] = None
            self._regroup(market)

    def apply_pair(self, changed: PairChanged, now: MonoNs) -> None:
        """Take a pair in its current state: its two baskets stand, change or go."""
        pair, markets = changed.pair, changed.markets
        self.link_pair(pair)
        for market in markets:
            self.apply_market(market, now)
        self.pairs[pair.id] = pair
        for basket in baskets_of(pair, markets[0].venue, markets[1].venue):
            if pair.state in _LEFT_BASKETS:
                self.drop_basket(basket.id)
            else:
                self.apply_basket(basket)

    def link_pair(self, pair: Pair) -> None:
        """Learn that two markets ask the same, whether or not the pair is in use."""
        self.positions.link_pair(pair)
        if pair.state == "approved":
            self._stood.add(pair.id)
        for side in (pair.first, pair.second):
            self._linked.setdefault(side, {})[pair.id] = pair

    def closings(self) -> Sequence[Basket]:
        """Held pairs that can be sold, as the baskets that are bought in effect (B-440)."""
        unsure = self.unsure()
        seen = (self.positions.changes, self.structure, unsure)
        if seen != self._closings[0]:
            linked = (pair for market in self.positions.all() for pair in self._linked.get(market, {}).values())
            # what was never approved was never bought as a pair: its two sides may be halves of two others
            held = {pair.id: pair for pair in linked if pair.id in self._stood}
            self._closings = seen, closing_baskets(held.values(), self.markets, self.positions, unsure)
        return self._closings[1]

    @property
    def live_pairs(self) -> int:
        """Pairs in use."""
        return sum(pair.state not in _LEFT_BASKETS for pair in self.pairs.values())

    def apply_basket(self, basket: Basket) -> None:
        self.drop_basket(basket.id)
        self.baskets[basket.id] = basket
        for market, _ in basket.legs:
            self._baskets_of[market] = (*self._baskets_of.get(market, ()), basket)
            if self.positions.event_of(market) is None:
                self.positions.set_event(market, basket.event)
        self.structure += 1

    def drop_basket(self, basket_id: str) -> None:
        basket = self.baskets.pop(basket_id, None)
        self._terms.pop(basket_id, None)
        if basket is None:
            return
        for market, _ in basket.legs:
            self._baskets_of[market] = tuple(kept for kept in self._baskets_of.get(market, ()) if kept.id != basket_id)
        self.structure += 1

    def baskets_of(self, market: MarketId) -> Sequence[Basket]:
        return self._baskets_of.get(market, ())

    def _regroup(self, market: Market) -> None:
        """Form the event basket of a market's siblings; one that closed leaves it, which only lowers the sum of bids."""
        sisters = (self.markets[one] for one in self._sisters[market.venue, market.event_id])
        group = [
            other
            for other in sisters
            if other.event_id == market.event_id
            and other.mutually_exclusive
            and other.status == "open"
            and other.shard == market.shard
        ]
        known = (self.positions.event_of(other.id) for other in group)
        event = next((found for found in known if found is not None), EventId(f"{market.venue}:{market.event_id}"))
        basket = event_basket_of(event, group or [market])
        if len(group) > 1:
            self.apply_basket(basket)
        else:
            self.drop_basket(basket.id)

    # --- facts about a basket -----------------------------------------------------------------------------------------

    def claimed(self, event: EventId) -> bool:
        return self.claims.claimed(event)

    def kind(self, basket: Basket) -> Kind:
        return self._terms_of(basket).kind

    def _terms_of(self, basket: Basket) -> Terms:
        """Worked out once and kept for as long as basket, markets and pair are the same objects: one decision asks ten times."""
        terms = self._terms.get(basket.id)
        if terms is None or not terms.good(basket, self.markets, self.pairs):
            markets = [self.markets.get(market) for market, _ in basket.legs]
            terms = Terms(basket, markets, self.pairs.get(basket.group), self._settings.hold_unknown_ms * MS)
            self._terms[basket.id] = terms
        return terms

    def in_play(self, basket: Basket, now: MonoNs) -> bool | None:
        """Whether the event has begun by schedule; None when no start is known."""
        wall = self.wall(now)
        starts = self._terms_of(basket).starts
        if wall is None or not starts:
            return None
        return min(starts) <= wall

    def starts_of(self, basket: Basket) -> Sequence[WallNs]:
        """Every scheduled start we were told: of each market and of the pair."""
        return self._terms_of(basket).starts

    def hold_ns(self, basket: Basket) -> int:
        """The longest taker hold in force among the legs: declared or measured p90, whichever is longer."""
        return self._held_ns(self._terms_of(basket))

    def _held_ns(self, terms: Terms) -> int:
        return max(terms.hold_ns, *map(self.lessons.hold_p90, terms.ids))

    def extra_floor(self, basket: Basket, now: MonoNs) -> Money:
        """What a set of the basket must earn beyond the base floor: volatility, ghosts, settlement (execution.md 3)."""
        settings = self._settings
        terms, wall = self._terms_of(basket), self.wall(now)
        before = wall is not None and terms.starts and wall < min(terms.starts)
        sigma, ghosts = settings.sigma_pre_game if before else settings.sigma_in_play, 0
        for market, _ in basket.legs:
            sigma = max(sigma, self.sigma(market, now))
            ghosts = max(ghosts, self.lessons.ghost_ppm(self.markets[market].venue))
        exit_loss = max(self.exit_loss(market, outcome, None) for market, outcome in basket.legs) if ghosts else Money(0)
        return extra_floor(
            sigma=sigma,
            hold_ns=self._held_ns(terms),
            ghost_ppm=ghosts,
            exit_loss=exit_loss,
            charge=basket.settlement_charge,
            settings=settings,
        )

    def exit_loss(self, market: MarketId, outcome: Outcome, paid: Price | None) -> Money:
        """Lost per contract when bought at paid (None: at the best ask) and sold back at the best bid, both fees in.

        Without a bid, or without a book, everything is lost.
        """
        book = self.books.get(market)
        terms = self.markets[market].fees or HIGHEST_KNOWN
        bid = book.best(outcome, _SELL) if book else None
        price = paid
        if price is None:
            ask = book.best(outcome, _BUY) if book else None
            price = ask[0] if ask else Price(0)
        back = bid[0] * UNIT - unit_fees(terms)[bid[0]] if bid else 0
        return Money(unit_cost(terms, price) - back)

    def size_ppm(self, basket: Basket, now: MonoNs) -> int:
        """Share of acceptable depth to take, by hold and by the age of the books.

        A book unchanged for a minute while another leg's mid moved 2c is taken at a quarter.
        """
        settings = self._settings
        share = fraction_of(self.hold_ns(basket), settings)
        oldest = now - settings.change_age_max_ms * MS
        for old, _ in basket.legs:
            book = self.books.get(old)
            if book is None or book.changed_at >= oldest:
                continue
            others = [other for other, _ in basket.legs if other != old and other in self.books]
            if any(self._moves[other].moved_since(book.changed_at) * UNIT >= settings.change_move for other in others):
                return share * settings.change_age_size_ppm // PPM
        return share

    def days_locked(self, basket: Basket, now: MonoNs) -> float | None:
        """Days until the later leg pays out, redemption included; None when no date is known."""
        wall, pays_at = self.wall(now), self._terms_of(basket).pays_at
        if wall is None or pays_at is None:
            return None
        return max(0.0, (pays_at - wall) / _DAY_NS) + self._settings.redeem_delay_days

    def released(self, basket: Basket, now: MonoNs) -> Money:
        """What a dollar is worth that comes back now and not when the basket settles: MIN_ANNUALISED_RETURN on it."""
        days = self.days_locked(basket, now)
        return Money(0 if days is None else int(DOLLAR * self._settings.min_annualised_return_ppm // PPM * days / 365))

    # --- venues -------------------------------------------------------------------------------------------------------

    def apply_mode(self, mode: VenueMode, now: MonoNs) -> None:
        """Take what a venue lets us do; a restart is remembered for its quarantine."""
        if mode.mode == "restarting" or self.mode(mode.venue) == "restarting":
            self._restarted[mode.venue] = now
        self.modes[mode.venue] = mode

    def mode(self, venue: Venue, shard: int = -1) -> str:
        """A venue that never spoke is normal: its feed and its answers say otherwise soon enough. shard: as it is there."""
        known = self.modes.get(venue)
        if known is None:
            return "normal"
        return known.closed_shards.get(shard, known.mode) if known.closed_shards else known.mode

    def down(self, market: Market) -> bool:
        """Whether a market takes no exit either, by its venue's own word. One failed reading of a status stops new arbs only: an
        order may well pass where a status page did not answer."""
        return self.mode(market.venue, market.shard) in _OWN_WORDS

    def restarted_at(self, venue: Venue) -> MonoNs | None:
        """When the venue was last known to be restarting."""
        return self._restarted.get(venue)

    def apply_trigger(self, venue: Venue, p95_ms: int) -> None:
        """The p95 of the way from us to the process that sends a venue's legs; 0 where that is this one."""
        self._triggers[venue] = p95_ms

    def trigger_ms(self, venue: Venue) -> int:
        return self._triggers.get(venue, 0)

    def apply_disturbed(self, event: EventId, now: MonoNs) -> None:
        """A score, suspension or line-up changed (B-447)."""
        self._disturbed[event] = now

    def disturbed_at(self, event: EventId) -> MonoNs | None:
        return self._disturbed.get(event)

    def apply_balances(self, balances: Balances, now: MonoNs) -> None:
        self.cash.apply_reading(balances.venue, balances.rows, now)
