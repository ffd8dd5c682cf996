"""What must hold before an arb is opened, as one ordered table: the first no is the answer (execution.md 4, row R0).

Each check takes an intent and answers None or a code of refusals.py with its detail. They only read, but for the quarantine
of a pair whose prices are too good to be true (B-433).
"""

from collections.abc import Callable

from controller.model import Basket
from controller.risk.breaker import Breaker
from controller.risk.limits import PPM, RiskSettings
from controller.risk.plan import held_in_play
from controller.risk.size import UNIT
from controller.state import State
from controller.strategy.base import Intent
from trading.clock import MS
from trading.market import Action, Outcome, step_at
from trading.order import World
from trading.units import CONTRACT, ONE, Money, MonoNs, Price

__all__ = ["Checks"]

_BREAKER_CODES = {"manual": "halted"}
_DAYS = 365
_YES, _SELL = Outcome.YES, Action.SELL  # looked up by name, a member of an Enum costs half a microsecond

_No = tuple[str, str] | None


class Checks:
    """The table over one state."""

    def __init__(self, state: State, settings: RiskSettings, breaker: Breaker, world: World) -> None:
        self._state = state
        self._settings = settings
        self._breaker = breaker
        self._world = world
        self._table: tuple[Callable[[Intent, MonoNs], _No], ...] = (
            self._halted,
            self._fresh,
            self._terms,
            self._claimed,
            self._cooling,
            self._tradable,
            self._proven,
            self._venues,
            self._calendar,
            self._held,
            self._believable,
            self._worthwhile,
        )
        self._of_exit: tuple[Callable[[Intent, MonoNs], _No], ...] = (
            self._stopped,
            self._fresh,
            self._claimed,
            self._owned,
            self._cooling,
            self._tradable,
            self._proven,
            self._venues,
            self._calendar,
            self._held,
            self._believable,
        )
        """What is asked before a held pair is sold (B-440). Not asked: approval and return, which are for new money, and the
        breaker's own trips, which never refuse a reduction; the operator's halt does (design.md 6)."""

    def first_no(self, intent: Intent, now: MonoNs) -> _No:
        """Code and detail of the first check that refuses, None when all pass."""
        for check in self._of_exit if intent.purpose == "exit" else self._table:
            no = check(intent, now)
            if no is not None:
                return no
        return None

    def _halted(self, intent: Intent, now: MonoNs) -> _No:
        if self._breaker.frozen:
            return "frozen", ""
        reason = self._breaker.reason(now)
        if reason is not None:
            return _BREAKER_CODES.get(reason, reason), ""
        return ("unwind_budget", "") if self._breaker.unwind_budget_spent() else None

    def _stopped(self, intent: Intent, now: MonoNs) -> _No:
        if self._breaker.frozen:
            return "frozen", ""
        if self._breaker.reason(now) == "manual":
            return "halted", ""
        return ("unwind_budget", "") if self._breaker.unwind_budget_spent() else None  # a sale may have to be unwound, too

    def _owned(self, intent: Intent, now: MonoNs) -> _No:
        """Nothing is sold that is not held for certain, on both venues."""
        unsure = self._state.unsure()
        for want in intent.wants:
            held = self._state.positions.held(want.market)[want.outcome]
            if want.market in unsure:
                return "not_held", f"a fill of {want.market} is not confirmed"
            if want.action is not _SELL or want.size > held:
                return "not_held", f"{held / CONTRACT:g} of {want.market}"
        return None

    def _fresh(self, intent: Intent, now: MonoNs) -> _No:
        if now > intent.expires:
            return "expired", f"{(now - intent.expires) // MS} ms ago"
        return None if self._state.wall(now) is not None else ("no_clock", "")

    def _terms(self, intent: Intent, now: MonoNs) -> _No:
        basket = intent.basket
        known = self._state.baskets.get(basket.id)
        if known is None:
            return "not_approved", "retired"
        open_to_all = self._settings.require_pair_approval == "none" and known.approval == "proposed"
        if known.approval != "approved" and not (open_to_all and not known.sent_back):  # B-056: no setting unsays a change
            return "not_approved", "sent back to review" if known.sent_back else known.approval
        if known.terms == "conflict":
            return "conflict", ""
        if self._world == "live" and known.terms != "verified" and not self._settings.allow_unverified_live:
            return "unverified", ""
        if self._world != "paper" and intent.is_test and not self._settings.allow_live_test_arb:
            return "test_live", ""  # B-072: DRY_RUN=0 is enough, wherever the hosts are
        return None

    def _claimed(self, intent: Intent, now: MonoNs) -> _No:
        if self._state.claims.claimed(intent.event):
            return "claimed", ""
        if self._state.unresolved(intent.event):
            return "unresolved", ""
        return ("exposed", "") if self._state.exposed(intent.event) else None

    def _cooling(self, intent: Intent, now: MonoNs) -> _No:
        why = self._state.claims.waiting(intent.event, intent.basket.id, self.level(intent), now)
        if why is not None:
            return "cooldown", why
        for want in intent.wants:
            if self._state.debited(want.market, now):
                return "settling", ""
        return None

    def _tradable(self, intent: Intent, now: MonoNs) -> _No:
        if len(intent.wants) != len(intent.basket.legs) or len(intent.wants) < 2:
            return "below_minimum", "a leg has nothing to buy"
        for want in intent.wants:
            market = self._state.markets.get(want.market)
            if market is None:
                return "unknown_market", want.market
            if market.status != "open":
                return "not_open", f"{market.id} is {market.status}"
            if market.fees is None or not market.tradable:
                return "untradable", market.id
            if step_at(market, want.limit) is None:
                return "off_grid", f"{want.limit} on {market.id}"
        return None

    def _proven(self, intent: Intent, now: MonoNs) -> _No:
        oldest = self._settings.feed_proof_max_ms * MS
        for want, quote in zip(intent.wants, intent.quotes, strict=True):
            book = self._state.books.get(want.market)
            if book is None or not book.ready:
                return "not_ready", want.market
            if now - book.proved_at > oldest:
                return "unproven", f"{want.market}: {(now - book.proved_at) // MS} ms"
            if book.epoch != quote.epoch:
                return "stale", want.market
            if book.crossed:
                return "crossed", want.market
        return None

    def _venues(self, intent: Intent, now: MonoNs) -> _No:
        state = self._state
        for want in intent.wants:
            market = state.markets[want.market]
            venue = market.venue
            mode = state.mode(venue, market.shard)
            if mode != "normal":
                return "venue_mode", f"{venue} is {mode}"
            restarted = state.restarted_at(venue)
            if restarted is not None and now - restarted < self._settings.restart_quarantine_ms * MS:
                return "quarantine_restart", f"{venue}: {(now - restarted) // MS} ms ago"
            if state.lessons.ghost_ppm(venue) > self._settings.ghost_rate_max_ppm:
                return "ghosts", venue
        return None

    def _calendar(self, intent: Intent, now: MonoNs) -> _No:
        wall = self._state.wall(now)
        assert wall is not None  # _fresh
        for start in self._state.starts_of(intent.basket):
            if abs(start - wall) <= self._settings.start_blackout_ms * MS:
                return "start_blackout", f"start in {(start - wall) // MS} ms"
        for want in intent.wants:
            closes = self._state.markets[want.market].closes_at
            if closes is not None and closes - wall < self._settings.no_new_before_close_ms * MS:
                return "closing", f"{want.market} closes in {(closes - wall) // MS} ms"
        disturbed = self._state.disturbed_at(intent.event)
        if disturbed is not None and now - disturbed < self._settings.disturbed_ms * MS:
            return "disturbed", ""
        return None

    def _held(self, intent: Intent, now: MonoNs) -> _No:
        hold = self._state.hold_ns(intent.basket)
        in_play = self._state.in_play(intent.basket, now)
        if held_in_play(hold, in_play, self._settings) and not self._settings.trade_held_in_play:
            return "held_in_play", f"hold of {hold // MS} ms"
        return None

    def _believable(self, intent: Intent, now: MonoNs) -> _No:
        """B-433: too good is wrong. The whole pair stays quarantined until the operator looked at it."""
        group = intent.basket.group
        if group not in self._state.quarantined:
            most = self._settings.max_edge
            apart = self._mids_apart(intent.basket)
            if intent.edge > most:
                self._state.quarantined[group] = f"edge of {intent.edge / 10_000:.1f}c"
            elif apart > most:
                self._state.quarantined[group] = f"mids {apart / 10_000:.1f}c apart"
        why = self._state.quarantined.get(group)
        return None if why is None else ("quarantined", why)

    def _mids_apart(self, basket: Basket) -> Money:
        """Distance of the two mids of one claim, Money per contract; 0 for event baskets and one-sided books."""
        if len(basket.legs) != 2 or basket.kind.endswith(("_only", "_exhaustive")):
            return Money(0)
        mids = []
        for place, (market, outcome) in enumerate(basket.legs):
            book = self._state.books[market]
            if book.bid <= 0 or book.ask >= ONE:
                return Money(0)
            mid = book.bid + book.ask  # half units
            same = (outcome is _YES) is (place == 0)  # the second leg buys the opposite of the first
            mids.append(mid if same else 2 * ONE - mid)
        return Money(abs(mids[0] - mids[1]) * UNIT // 2)

    def _worthwhile(self, intent: Intent, now: MonoNs) -> _No:
        """The money must come back soon enough and earn enough until then; without any date nothing can be said."""
        days = self._state.days_locked(intent.basket, now)
        if days is None or intent.is_test:
            return None
        if days > self._settings.max_lock_days + self._settings.redeem_delay_days:
            return "lock_time", f"{days:.0f} days"
        cost = intent.basket.payout * UNIT - intent.edge
        if intent.edge * PPM * _DAYS < self._settings.min_annualised_return_ppm * cost * days:
            return "low_return", f"{intent.edge / 10_000:.2f}c for {days:.0f} days"
        return None

    def level(self, intent: Intent) -> tuple[Price, ...]:
        """The displayed price a miss is remembered by: the doubtful venue's, else all."""
        doubtful = tuple(
            quote.price
            for quote in intent.quotes
            if quote.market in self._state.markets and self._state.markets[quote.market].venue == self._settings.doubtful_venue
        )
        return doubtful or tuple(quote.price for quote in intent.quotes)
