"""What the state remembers: positions, cash, own fills, volatility, fills by venue (B-440.., B-449)."""

import pytest
from desk import EVENT, Desk, K, P, change, contracts, filled, missed

from controller.cash import Cash
from controller.model import Balances
from controller.moves import Moves
from controller.risk.decision import Approved
from trading.book import Book
from trading.clock import MS, SECOND
from trading.ids import ArbId, LegId
from trading.market import KALSHI, POLYMARKET, Action, MarketId, Outcome
from trading.units import DOLLAR, Money, MonoNs, Price, Size
from trading.venue import Balance

ARB = ArbId(b"a" * 14)
SHARD = (KALSHI, 3)


def opened(desk: Desk) -> Approved:
    answer = desk.approve()
    assert isinstance(answer, Approved)
    return answer


def at(ms: int) -> MonoNs:
    return MonoNs(ms * MS)


def test_own_fill_is_taken_off_the_book_until_it_shows() -> None:
    """B-441: what we took is no depth until its level shrank by our fill; any other change ends nothing."""
    desk = Desk()
    approved = opened(desk)
    desk.process(filled(approved.legs[1]))
    assert desk.state.depth(P, Outcome.YES, desk.now) == [(4_500, contracts(30))]
    assert desk.state.depth(P, Outcome.NO, desk.now) == [(5_600, contracts(40))]

    desk.advance(1)
    desk.quote(P, {44: 41}, {45: 40, 46: 7})
    elsewhere = desk.state.depth(P, Outcome.YES, desk.now)
    desk.quote(P, {44: 41}, {45: 33})
    too_little = desk.state.depth(P, Outcome.YES, desk.now)
    desk.quote(P, {44: 41}, {45: 30})
    shown = desk.state.depth(P, Outcome.YES, desk.now)

    assert elsewhere == [(4_500, contracts(30)), (4_600, contracts(7))]
    assert too_little == [(4_500, contracts(23))]
    assert shown == [(4_500, contracts(30))] and not desk.state.debited(P, desk.now)


def test_own_fill_ends_with_its_level() -> None:
    """B-441: a level that vanished owes nothing, and one that comes back later is new."""
    desk = Desk()
    desk.process(filled(opened(desk).legs[1]))
    desk.quote(P, {44: 40}, {46: 12})

    assert desk.state.depth(P, Outcome.YES, desk.now) == [(4_600, contracts(12))]
    desk.quote(P, {44: 40}, {45: 40})
    assert desk.state.depth(P, Outcome.YES, desk.now) == [(4_500, contracts(40))]


def test_own_fill_is_forgotten_after_half_a_second() -> None:
    """B-441: a book that never shows our fill is believed after 500 ms."""
    desk = Desk()
    approved = opened(desk)
    desk.process(filled(approved.legs[1]))

    desk.advance(499)
    assert desk.state.debited(P, desk.now)
    desk.advance(1)
    assert not desk.state.debited(P, desk.now)


def test_results_move_positions_and_cash_once() -> None:
    """A result told twice counts once; a later one counts by its difference; an older one not at all."""
    desk = Desk()
    leg = opened(desk).legs[1]
    half = filled(leg, Size(leg.want.size // 2))
    for result in (half, half, change(filled(leg), result_no=2), half):
        desk.process(result)

    assert desk.state.positions.contracts(P) == leg.want.size
    assert desk.state.cash.total((POLYMARKET, 0)) == 10_000 * DOLLAR - 4_500_000


def test_reversed_fill_gives_position_and_cash_back() -> None:
    """B-424: a ghost leaves nothing behind."""
    desk = Desk()
    leg = opened(desk).legs[1]
    desk.process(filled(leg, final=False))

    desk.process(change(missed(leg), result_no=2))

    assert desk.state.positions.contracts(P) == 0
    assert desk.state.cash.total((POLYMARKET, 0)) == 10_000 * DOLLAR


def test_bought_no_is_a_negative_position() -> None:
    """Signed contracts: YES positive, NO negative; the matched pair is not naked."""
    desk = Desk()
    approved = opened(desk)
    for leg in approved.legs:
        desk.process(filled(leg))

    assert desk.state.positions.contracts(K) == -contracts(10)
    assert desk.state.positions.naked(EVENT) == 0
    assert desk.state.positions.event_cost(EVENT) == 9_300_000


def test_sister_market_of_a_two_way_game_hedges_through_the_shared_question() -> None:
    """MIL on one venue pairs with the game there, LAL with its other side: one question, so YES of both is hedged."""
    desk = Desk()
    sister = MarketId("KXGAME-LAL")
    desk.state.positions.link_pair(change(desk.pair, id="lal", first=sister, outcome_index=Outcome.NO))

    desk.state.positions.set_position(K, 10_000_000, Money(4_000_000))
    desk.state.positions.set_position(sister, 10_000_000, Money(5_000_000))

    assert desk.state.positions.naked(EVENT) == 0
    assert desk.state.positions.worst_loss(EVENT) == 0


def test_lower_balance_is_believed_at_once_and_a_higher_one_when_nothing_moves() -> None:
    """B-449: a reading older than our fill must not hand its cash out again."""
    cash = Cash()
    cash.apply_reading(KALSHI, (Balance(shard=3, cash=Money(100)),), at(0))
    cash.reserve(ARB, 0, SHARD, Money(60))
    cash.spend(ARB, 0, SHARD, Money(50), at(10))
    cash.apply_reading(KALSHI, (Balance(shard=3, cash=Money(100)),), at(20))
    assert (cash.total(SHARD), cash.reserved(SHARD), cash.free(SHARD)) == (50, 10, 40)

    cash.apply_reading(KALSHI, (Balance(shard=3, cash=Money(45)),), at(30))
    assert cash.total(SHARD) == 45
    cash.release(ARB)
    cash.apply_reading(KALSHI, (Balance(shard=3, cash=Money(80)),), at(2_010))

    assert (cash.total(SHARD), cash.reserved(SHARD)) == (80, 0)


def test_shard_that_is_no_longer_listed_holds_nothing() -> None:
    """A venue's reading is complete: what it leaves out is zero."""
    desk = Desk()
    desk.process(Balances(KALSHI, ()))

    assert desk.state.cash.total(SHARD) == 0


def test_volatility_settles_at_its_true_size() -> None:
    """Moves of one cent every second for minutes are one cent per square root of a second."""
    moves = Moves(Book(K), 60_000)
    for second in range(600):
        bid = Price(5_000 + 100 * (second % 2))
        moves.apply_top(bid, Price(bid + 100), MonoNs(second * SECOND))

    assert moves.sigma(MonoNs(599 * SECOND)) == pytest.approx(1.0, rel=0.02)


def test_one_sided_book_has_no_mid() -> None:
    """An emptied side is no move."""
    moves = Moves(Book(K), 60_000)
    moves.apply_top(Price(5_000), Price(5_100), at(0))
    moves.apply_top(Price(0), Price(5_100), at(1))
    moves.apply_top(Price(5_000), Price(5_100), at(2))

    assert moves.sigma(at(2)) == 0.0


def test_fill_chances_are_learned_per_venue() -> None:
    """A miss of leg 1 and a match make one half on its venue; samples count both."""
    desk = Desk()
    first = opened(desk)
    desk.close(first, "miss", missed(first.legs[1]))
    desk.advance(120_000)
    second = opened(desk)
    desk.close(second, "matched", *(filled(leg) for leg in second.legs))
    basket, lessons = desk.basket(), desk.state.lessons
    kind = desk.state.kind(basket)

    assert kind == ("nba", "game_winner")
    assert lessons.samples(kind) == 2
    assert lessons.fill_chance(kind, POLYMARKET) == 0.5
    assert lessons.fill_chance(kind, KALSHI) == 1.0


def test_measured_hold_outgrows_the_declared_one() -> None:
    """B-445: h is the larger of declared and measured p90; an unknown one counts as HOLD_UNKNOWN_MS."""
    desk = Desk()
    assert desk.state.hold_ns(desk.basket()) == 0
    for ms in (100, 200, 300, 400, 500, 600, 700, 800, 900, 5_000):
        desk.state.lessons.note_hold(P, ms * MS)
    assert desk.state.hold_ns(desk.basket()) == 900 * MS

    desk.state.markets[P] = change(desk.state.markets[P], hold_ns=None)

    assert desk.state.hold_ns(desk.basket()) == 3_000 * MS


def test_a_result_with_a_hold_teaches_it_once() -> None:
    """B-445: released - held of a leg's result is its market's measured hold, however often the result is told."""
    desk = Desk()
    leg = opened(desk).legs[1]
    held = change(filled(leg), stages=(("held", MonoNs(5 * MS)), ("released", MonoNs(705 * MS))))
    desk.process(held)
    desk.process(change(held, result_no=held.result_no + 1))

    assert desk.state.lessons.hold_p90(leg.want.market) == 700 * MS
    desk.state.lessons.note_hold(leg.want.market, 100 * MS)
    assert desk.state.lessons.hold_p90(leg.want.market) == 700 * MS
    for _ in range(8):
        desk.state.lessons.note_hold(leg.want.market, 100 * MS)
    assert desk.state.lessons.hold_p90(leg.want.market) == 100 * MS


def test_wall_time_follows_the_last_tick() -> None:
    """The pure rooms learn the date from Ticks only."""
    desk = Desk()
    before = desk.clock.wall_ns()
    desk.advance(1_500)

    assert desk.state.wall(desk.now) == before + 1_500 * MS
    assert Desk(clocked=False).state.wall(MonoNs(0)) is None


def test_result_of_an_unknown_leg_changes_nothing() -> None:
    """A leg of another run changes nothing here."""
    desk = Desk()
    leg = change(opened(desk).legs[1], leg_id=LegId(b"q" * 16))

    desk.process(filled(leg))

    assert desk.state.positions.contracts(P) == 0


def test_exit_loss_is_what_selling_back_costs() -> None:
    """Bought at 45c and sold at 44c: a cent and both fees; without a bid, everything."""
    desk = Desk()
    desk.quote(P, {44: 10}, {45: 10}, tell=False)
    desk.state.apply_book(desk.books[P], desk.now)
    loss = desk.state.exit_loss(P, Outcome.YES, Price(4_500))
    assert 34_000 < loss < 35_000

    desk.books[P].apply_level("bid", Price(4_400), Size(0), desk.now)

    assert desk.state.exit_loss(P, Outcome.YES, Price(4_500)) > 450_000
    assert desk.books[P].best(Outcome.YES, Action.SELL) is None
