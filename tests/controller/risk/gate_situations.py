"""Situations that bring about each of the gate's refusals, and the questions its tests ask of an answer."""

from collections.abc import Callable

from desk import HOUR, KALSHI_MARKET, POLY_MARKET, Desk, K, P, change, contracts, filled, missed

from controller.model import Balances, Command, PairChanged
from controller.risk.decision import Approved, Refused
from controller.risk.limits import RiskSettings
from controller.risk.refusals import REFUSALS
from trading.book import MarketChanged
from trading.clock import MS
from trading.ids import leg_id
from trading.market import KALSHI, POLYMARKET
from trading.units import DOLLAR, Money, MonoNs, Price, WallNs
from trading.venue import Balance, VenueMode

DAY = 24 * HOUR
CALM = RiskSettings(sigma_in_play=0.15)
"""No start known, or play begun, asks no larger edge here."""


def code_of(answer: Approved | Refused) -> str:
    assert isinstance(answer, Refused), answer
    assert answer.code in REFUSALS
    return answer.code


def opened(desk: Desk | None = None) -> tuple[Desk, Approved]:
    desk = desk or Desk()
    answer = desk.approve()
    assert isinstance(answer, Approved), answer
    return desk, answer


def wall(desk: Desk, offset: int) -> WallNs:
    return WallNs(desk.clock.wall_ns() + offset)


def settled(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "matched", *(filled(leg) for leg in approved.legs))
    return desk.gate.approve(approved.intent, desk.now)


def after_miss(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "miss", missed(approved.legs[1]))
    return desk.approve()


def with_unknown_leg(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "unknown", missed(approved.legs[1], state="unknown"))
    desk.advance(10_000)
    return desk.approve()


def exposed(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "exposed", filled(approved.legs[1]), unhedged=10)
    desk.advance(10_000)
    return desk.approve()


def in_mode(mode: str, venue: str = "kalshi") -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.process(VenueMode(venue=venue, mode=mode))
        return desk.approve()

    return bring_about


def restarted(desk: Desk) -> Refused | Approved:
    desk.process(VenueMode(venue=POLYMARKET, mode="restarting"))
    desk.process(VenueMode(venue=POLYMARKET, mode="normal"))
    desk.advance(149_999)
    return desk.approve()


def ghosts(desk: Desk) -> Refused | Approved:
    approved = desk.approve()
    assert isinstance(approved, Approved)
    for number in range(2):
        leg = change(approved.legs[1], leg_id=leg_id(approved.arb_id, 1, number))
        result = filled(leg)
        reversed_ = change(result, fills=(change(result.fills[0], status="reversed"),))
        desk.state.lessons.note_fill(leg, reversed_)
    desk.gate.release(approved.arb_id)
    return desk.approve()


def quarantined(desk: Desk) -> Refused | Approved:
    return desk.approve(edge=Money(150_001))


def mids_apart(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.books[K].apply_level("bid", Price(7_000), contracts(5), desk.now)
    desk.books[K].apply_level("ask", Price(5_300), contracts(0), desk.now)
    desk.books[K].apply_level("ask", Price(7_100), contracts(5), desk.now)
    return desk.gate.approve(intent, desk.now)


def stale(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.quote(K, {52: 40}, {53: 40}, tell=False)
    return desk.gate.approve(intent, desk.now)


def crossed(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.books[K].apply_level("bid", Price(5_300), contracts(1), desk.now)
    return desk.gate.approve(intent, desk.now)


def not_ready(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.books[P].lose()
    return desk.gate.approve(intent, desk.now)


def unproven(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.proofs[KALSHI].at = MonoNs(desk.now - 2_001 * MS)
    return desk.gate.approve(intent, desk.now)


def unknown_market(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    del desk.state.markets[K]
    return desk.gate.approve(intent, desk.now)


def with_market(**fields: object) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        intent = desk.intent()
        desk.state.markets[K] = change(KALSHI_MARKET, **fields)
        return desk.gate.approve(intent, desk.now)

    return bring_about


def disturbed(desk: Desk) -> Refused | Approved:
    desk.process(MarketChanged(change(KALSHI_MARKET, status="paused")))
    desk.process(MarketChanged(KALSHI_MARKET))
    desk.advance(19_999)
    return desk.approve()


def with_pair(**fields: object) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.process(PairChanged(change(desk.pair, **fields), desk.markets))
        return desk.approve()

    return bring_about


def retired(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.process(PairChanged(change(desk.pair, state="retired"), desk.markets))
    return desk.gate.approve(intent, desk.now)


def claimed(desk: Desk) -> Refused | Approved:
    _, approved = opened(desk)
    return desk.gate.approve(approved.intent, desk.now)


def expired(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.advance(251)
    return desk.gate.approve(intent, desk.now)


def halted(desk: Desk) -> Refused | Approved:
    desk.process(Command("halt"))
    return desk.approve()


def frozen(desk: Desk) -> Refused | Approved:
    desk.process(Command("freeze"))
    return desk.approve()


def after_errors(desk: Desk) -> Refused | Approved:
    for _ in range(5):
        desk.gate.breaker.record_error(desk.now)
    return desk.approve()


def after_loss(amount: int, *, unwound: bool = False) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.gate.breaker.record_pnl(Money(-amount * DOLLAR), unwind_loss=Money(amount * DOLLAR * unwound))
        return desk.approve()

    return bring_about


def rate_tokens(desk: Desk) -> Refused | Approved:
    desk.tokens.short = "kalshi shard 3: 2 orders"
    return desk.approve()


def no_route(desk: Desk) -> Refused | Approved:
    desk.blocked = "polymarket: no trader"
    return desk.approve()


def holding(market: str, size: float, cost: float) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.state.positions.set_position(market, contracts(size), Money(int(cost * DOLLAR)))
        return desk.approve()

    return bring_about


def matched_holding(size: float, cost: float) -> Callable[[Desk], Refused | Approved]:
    def bring_about(desk: Desk) -> Refused | Approved:
        desk.state.positions.set_position(K, -contracts(size), Money(int(cost * DOLLAR)))
        desk.state.positions.set_position(P, contracts(size), Money(int(cost * DOLLAR)))
        return desk.approve()

    return bring_about


def unconfirmed(desk: Desk) -> Refused | Approved:
    _, approved = opened(desk)
    desk.process(filled(approved.legs[1], final=False))
    desk.close(approved, "matched", filled(approved.legs[1], final=False), filled(approved.legs[0]))
    desk.advance(10_000)
    return desk.approve()


def simply(desk: Desk) -> Refused | Approved:
    return desk.approve()


def one_venue(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    desk.state.markets[P] = change(POLY_MARKET, venue=KALSHI, shard=0)
    desk.process(Balances(KALSHI, (Balance(shard=0, cash=Money(100 * DOLLAR)), Balance(shard=3, cash=Money(100 * DOLLAR)))))
    return desk.gate.approve(intent, desk.now)


def dated(desk: Desk, days: int) -> bool:
    desk.state.markets[K] = change(KALSHI_MARKET, settles_at=wall(desk, days * DAY))
    return True


def capped(desk: Desk) -> Refused | Approved:
    intent = desk.intent()
    return desk.gate.approve(change(intent, basket=change(intent.basket, max_size=contracts(0))), desk.now)


def crowd(desk: Desk) -> Refused | Approved:
    for number in range(5):
        desk.state.positions.set_position(f"other-{number}", contracts(100), Money(0))
    return desk.approve()
