"""Promises of the early exit: which held pairs are sold, at what prices, and how much of them (B-440)."""

import pytest
from desk import EVENT, POLY_MARKET, K, P, change, contracts, filled
from exits import held, sale, sell_books

from controller.model import PairChanged, Tick
from controller.risk.limits import RiskSettings
from controller.strategy.early_exit import EarlyExit
from controller.strategy.watch import ranked
from trading.book import BookChanged
from trading.ids import leg_id
from trading.market import Action, Outcome
from trading.order import LegRequest, Want
from trading.units import DOLLAR, Money, Price


def test_held_pair_is_sold_when_both_bids_reach_a_dollar_after_fees() -> None:
    """B-440: YES at 50 on Polymarket and NO at 54 on Kalshi fetch 1.04 less 3.1 of fees: more than is given up."""
    desk = held()
    sell_books(desk, poly_bid=50, kalshi_ask=46)

    intent = sale(desk)

    assert intent is not None
    assert (intent.purpose, intent.event, intent.strategy) == ("exit", EVENT, "early_exit")
    assert [(want.market, want.outcome, want.action, want.limit) for want in intent.wants] == [
        (K, Outcome.NO, Action.SELL, 5_400),
        (P, Outcome.YES, Action.SELL, 5_000),
    ]


@pytest.mark.parametrize(("give_up", "found"), [(5_000, True), (4_000, False)], ids=["half_a_cent", "less"])
def test_exit_min_cents_is_what_is_given_up_at_most(give_up: int, found: bool) -> None:
    """B-440: the bids fetch 99.54 cents after fees: 0.46 is given up, which 0.5 allows and 0.4 does not."""
    desk = held(settings=RiskSettings(exit_min=Money(give_up)))
    sell_books(desk, poly_bid=30, kalshi_ask=28)

    assert (sale(desk) is not None) is found


def test_nothing_is_sold_far_below_a_dollar() -> None:
    """Ordinary spreads leave a pair alone."""
    desk = held()
    sell_books(desk, poly_bid=44, kalshi_ask=53)

    assert sale(desk) is None


def test_no_more_is_sold_than_the_smaller_side_holds() -> None:
    """B-440: 6.5 against 10 are a pair of 6.5; depth of 500 does not matter."""
    desk = held(kalshi=-6.5, poly=10)
    sell_books(desk, poly_bid=50, kalshi_ask=45)

    intent = sale(desk)

    assert intent is not None
    assert {want.size for want in intent.wants} == {contracts(6.5)}


def test_share_of_depth_bounds_an_exit_as_it_does_an_arb() -> None:
    """DEPTH_FRACTION: of 20 contracts bid for, at most a quarter is asked."""
    desk = held()
    sell_books(desk, poly_bid=50, kalshi_ask=45, size=20)

    intent = sale(desk)

    assert intent is not None
    assert intent.wants[0].size < contracts(5.01)


@pytest.mark.parametrize(("kalshi", "poly"), [(10, 10), (-10, 0), (0, 10), (-10, -10)])
def test_what_is_no_pair_is_not_sold(kalshi: float, poly: float) -> None:
    """Two sides of the same outcome, or one side alone, are no held pair."""
    desk = held(kalshi=kalshi, poly=poly)
    sell_books(desk, poly_bid=60, kalshi_ask=40)

    assert sale(desk) is None


def test_reverse_holding_is_sold_on_its_own_bids() -> None:
    """YES on Kalshi and NO on Polymarket: the other direction of the same pair."""
    desk = held(kalshi=10, poly=-10)
    desk.quote(K, {55: 500}, {56: 500}, tell=False)
    desk.quote(P, {49: 500}, {50: 500}, tell=False)

    intent = sale(desk)

    assert intent is not None
    assert [(want.outcome, want.limit) for want in intent.wants] == [(Outcome.YES, 5_500), (Outcome.NO, 5_000)]


def test_unconfirmed_fill_keeps_a_pair_from_being_sold() -> None:
    """B-440, B-424: what a venue may still take back is not held for certain; confirmed, it is."""
    desk = held()
    sell_books(desk, poly_bid=50, kalshi_ask=45)
    want = Want(market=P, outcome=Outcome.YES, action=Action.BUY, limit=Price(4_500), size=contracts(5))
    leg = LegRequest(
        leg_id=leg_id(desk.gate._ids.arb(), 0, 0),
        want=want,
        venue=POLY_MARKET.venue,
        purpose="open",
        max_cost=Money(DOLLAR),
        world="sim",
        epoch=1,
        deadline=desk.now,
    )
    desk.state.apply_orders((leg,), (Money(0),))
    assert sale(desk) is None

    desk.process(filled(leg, final=False))
    assert sale(desk) is None

    desk.process(filled(leg, result_no=2))
    assert sale(desk) is not None


def test_second_pair_of_a_market_is_offered_as_well() -> None:
    """Two pairs share the Polymarket market: each is offered at what its own two sides hold, the better one first."""
    desk = held(kalshi=-6, poly=10)
    other = change(desk.markets[0], id="KX-OTHER")
    desk.process(PairChanged(change(desk.pair, id="second", first=other.id), (other, desk.markets[1])))
    desk.state.positions.set_position(other.id, -contracts(4), Money(DOLLAR))

    sizes = {basket.id: basket.max_size for basket in desk.state.closings()}

    assert sizes == {
        "mil-lal:close_poly_yes_kalshi_no": contracts(6),
        "second:close_poly_yes_kalshi_no": contracts(4),
    }


def test_retired_pair_can_still_be_sold() -> None:
    """B-440: a pair that left discovery, or was rejected, opens nothing and is closed like any other."""
    desk = held()
    desk.process(PairChanged(change(desk.pair, state="retired"), desk.markets))
    sell_books(desk, poly_bid=50, kalshi_ask=45)

    assert sale(desk) is not None


def test_in_play_the_floor_for_moves_is_asked_on_top() -> None:
    """execution.md 3: once play may have begun the second bid can be gone, so more than a dollar less half a cent is asked."""
    quiet, live, unknown = held(), held(starts_in=-1), held(starts_in=None)
    for desk in (quiet, live, unknown):
        sell_books(desk, poly_bid=50, kalshi_ask=47)

    assert [sale(desk) is not None for desk in (quiet, live, unknown)] == [True, False, False]


def test_exit_ranks_with_the_capital_it_releases() -> None:
    """B-440: of an exit and an arb that earn the same, the one that also frees its capital comes first."""
    desk = held()
    desk.state.markets[K] = change(desk.markets[0], settles_at=desk.clock.wall_ns() + 20 * 86_400 * 10**9)
    sell_books(desk, poly_bid=50, kalshi_ask=46)
    exit_ = sale(desk)
    assert exit_ is not None
    opened = change(exit_, purpose="open", released=Money(0))

    assert exit_.released > 0
    assert ranked([opened, exit_], desk.state, desk.now) == [exit_, opened]


def test_books_of_markets_that_are_not_held_cost_one_look_up() -> None:
    """Nothing is examined for a changed book until a Tick listed its market as held."""
    desk = held()
    sell_books(desk, poly_bid=50, kalshi_ask=45)
    strategy = EarlyExit(desk.settings)
    event = BookChanged(desk.books[P])

    assert not strategy.on_event(event, desk.state, desk.now)
    assert strategy.on_event(Tick(desk.clock.wall_ns()), desk.state, desk.now)
    assert strategy.on_event(event, desk.state, desk.now)


def test_a_pair_that_was_never_approved_sells_nothing() -> None:
    """Its two sides are halves of two other pairs: selling them across would leave two different questions."""
    desk = held()
    k2, p2 = change(desk.markets[0], id="KX2"), change(desk.markets[1], id="0x2")
    desk.process(PairChanged(change(desk.pair, id="two", first="KX2", second="0x2"), (k2, p2)))
    for market, size in (("KX2", -10), ("0x2", 10)):
        desk.state.positions.set_position(market, contracts(size), Money(5_000_000))
    desk.process(
        PairChanged(change(desk.pair, id="wrong", second="0x2", state="rejected", terms="conflict"), (desk.markets[0], p2))
    )

    assert "wrong" not in {basket.id.partition(":")[0] for basket in desk.state.closings()}
    assert {basket.id.partition(":")[0] for basket in desk.state.closings()} == {"mil-lal", "two"}
