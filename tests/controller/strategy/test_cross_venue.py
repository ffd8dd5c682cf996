"""When two venues' prices become an intent, and when they must not (B-160..B-166)."""

import pytest
from desk import EVENT, POLY_MARKET, Desk, K, P, change, contracts
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model import PairChanged, Tick
from controller.risk.limits import RiskSettings
from controller.strategy.base import Intent
from controller.strategy.cross_venue import CrossVenue
from controller.strategy.watch import best_per_event, buy_table
from trading.book import BookChanged, MarketChanged
from trading.fees import unit_fees
from trading.ids import ArbId
from trading.market import FeeTerms, Outcome
from trading.units import ONE, Money, Price


def looked_at(desk: Desk, market: str = P) -> list[Intent]:
    for book in desk.books.values():
        desk.state.apply_book(book, desk.now)
    return list(CrossVenue(desk.settings).on_event(BookChanged(desk.books[market]), desk.state, desk.now))


def set_books(desk: Desk, kalshi: tuple[dict, dict], poly: tuple[dict, dict]) -> None:
    desk.quote(K, *kalshi, tell=False)
    desk.quote(P, *poly, tell=False)


def test_gap_becomes_an_intent_with_everything_the_gate_needs() -> None:
    """YES at 45c on one venue and NO at 48c on the other: a quarter of 40 displayed, limits at the quotes, epochs kept; what both
    books showed is one reading with its times (B-118)."""
    intent = Desk().intent()

    assert [(want.market, want.outcome, want.limit, want.size) for want in intent.wants] == [
        (K, Outcome.NO, 4_800, contracts(10)),
        (P, Outcome.YES, 4_500, contracts(10)),
    ]
    assert intent.basket.kind == "poly_yes_kalshi_no"
    assert [(quote.price, quote.size) for quote in intent.quotes] == [(4_800, contracts(40)), (4_500, contracts(40))]
    assert all(0 < quote.changed_at <= quote.proved_at for quote in intent.quotes)
    assert intent.edge > intent.basket.payout  # about 4c: 7c less both fees
    assert "4.0" in intent.reason


@pytest.mark.parametrize("market", [K, P])
def test_either_venues_book_brings_it_about(market: str) -> None:
    """B-006: whichever book changed last."""
    desk = Desk()
    set_books(desk, ({52: 40}, {53: 40}), ({44: 40}, {45: 40}))

    assert len(looked_at(desk, market)) == 1


def test_the_other_direction_is_found_too() -> None:
    """NO on one venue and YES on the other, mirrored."""
    desk = Desk()
    set_books(desk, ({44: 40}, {45: 40}), ({52: 40}, {53: 40}))

    (intent,) = looked_at(desk)

    assert intent.basket.kind == "kalshi_yes_poly_no"


def test_inverse_pair_buys_the_same_outcome_twice() -> None:
    """B-099: when the second market's NO means the first's YES, the hedge of YES is YES."""
    desk = Desk()
    desk.process(PairChanged(change(desk.pair, outcome_index=Outcome.NO), desk.markets))
    set_books(desk, ({44: 40}, {45: 40}), ({47: 40}, {48: 40}))

    (intent,) = looked_at(desk)

    assert [want.outcome for want in intent.wants] == [Outcome.YES, Outcome.YES]


@pytest.mark.parametrize(("ask", "found"), [(48, 1), (49, 0)])
def test_edge_below_the_floor_is_no_intent(ask: int, found: int) -> None:
    """NO at 48c and YES at 48c leave about a cent: the volatility term decides at 49."""
    desk = Desk(RiskSettings(edge_vol_k_ppm=0, depth_fraction_ppm=1_000_000))
    set_books(desk, ({52: 40}, {53: 40}), ({44: 40}, {ask: 40}))

    assert len(looked_at(desk)) == found


@settings(max_examples=60)
@given(market=st.sampled_from([K, P]), bid=st.integers(1, 99), under=st.integers(0, 98), tops=st.booleans())
def test_crossed_book_never_yields_an_intent(market: str, bid: int, under: int, tops: bool) -> None:
    """B-434: a market whose own asks sum to less than a dollar is corrupt, whatever the other venue shows."""
    desk = Desk(RiskSettings(max_edge=RiskSettings().max_edge))
    ask = max(1, bid - under)
    good = ({1: 500}, {2: 500}) if tops else ({98: 500}, {99: 500})
    bad = ({bid: 500}, {ask: 500})
    set_books(desk, bad if market == K else good, bad if market == P else good)

    assert looked_at(desk, K) == []
    assert looked_at(desk, P) == []


def test_unready_book_yields_nothing() -> None:
    """A book that lost its snapshot is no price."""
    desk = Desk()
    set_books(desk, ({52: 40}, {53: 40}), ({44: 40}, {45: 40}))
    desk.books[K].lose()

    assert looked_at(desk) == []


def test_market_without_fee_terms_is_watched_only() -> None:
    """B-132: unknown fees never become an intent."""
    desk = Desk(poly=change(POLY_MARKET, fees=None))
    set_books(desk, ({52: 40}, {53: 40}), ({44: 40}, {45: 40}))

    assert looked_at(desk) == []


def test_claimed_event_is_left_alone() -> None:
    """B-191: while an arb of the event runs its books are not examined."""
    desk = Desk()
    desk.state.claims.try_claim(EVENT, ArbId(b"x" * 14))
    set_books(desk, ({52: 40}, {53: 40}), ({44: 40}, {45: 40}))

    assert looked_at(desk) == []


@pytest.mark.parametrize("turned", [False, True])
def test_best_type_of_an_event_is_chosen_by_its_net_profit(turned: bool) -> None:
    """B-164: several baskets of one event qualify; the one that earns most dollars goes, not the one with the finest edge."""
    desk = Desk()
    small = desk.intent(edge=Money(60_000))
    wants = tuple(change(want, size=contracts(20)) for want in small.wants)
    large = change(small, edge=Money(40_000), wants=wants)

    chosen = best_per_event([large, small] if turned else [small, large], desk.state, desk.now)

    assert chosen == [large]


@pytest.mark.parametrize("event", ["tick", "pair", "market"])
def test_standing_opportunity_is_found_without_a_change(event: str) -> None:
    """B-166: a sweep, a new pair and new terms look at books that stand still."""
    desk = Desk()
    set_books(desk, ({52: 40}, {53: 40}), ({44: 40}, {45: 40}))
    for book in desk.books.values():
        desk.state.apply_book(book, desk.now)
    told = {
        "tick": Tick(desk.clock.wall_ns()),
        "pair": PairChanged(desk.pair, desk.markets),
        "market": MarketChanged(POLY_MARKET),
    }

    assert len(CrossVenue(desk.settings).on_event(told[event], desk.state, desk.now)) == 1


def test_new_fee_terms_replace_the_tables() -> None:
    """B-132: a market that becomes dearer stops qualifying with its next frame."""
    desk = Desk(RiskSettings(edge_vol_k_ppm=0))
    strategy = CrossVenue(desk.settings)
    set_books(desk, ({52: 40}, {53: 40}), ({44: 40}, {47: 40}))
    for book in desk.books.values():
        desk.state.apply_book(book, desk.now)
    assert len(strategy.on_event(BookChanged(desk.books[P]), desk.state, desk.now)) == 1

    dear = change(POLY_MARKET, fees=FeeTerms(schedule="polymarket", taker=700_000_000))
    desk.state.apply_market(dear, desk.now)

    assert strategy.on_event(BookChanged(desk.books[P]), desk.state, desk.now) == ()


def test_stale_side_is_taken_at_a_quarter_when_the_other_moved() -> None:
    """execution.md 3: unchanged for over 60 s while the other venue moved 2c: size x 0.25."""
    desk = Desk()
    desk.quote(K, {52: 40}, {53: 40})
    desk.quote(P, {50: 40}, {51: 40})
    desk.advance(61_000)
    desk.quote(P, {44: 40}, {45: 40}, tell=False)

    (intent,) = looked_at(desk)

    assert intent.wants[0].size == contracts(2.5)


def test_volatile_market_asks_for_a_larger_edge() -> None:
    """Moves of the last minute raise the floor until they fade."""
    desk = Desk()
    desk.quote(P, {40: 40}, {41: 40})
    for step in range(30):
        desk.advance(1_000)
        desk.quote(P, {44 + 4 * (step % 2): 40}, {45 + 4 * (step % 2): 40})
    set_books(desk, ({52: 40}, {53: 40}), ({44: 40}, {45: 40}))
    assert looked_at(desk) == []

    desk.advance(600_000)
    desk.quote(K, {52: 40}, {53: 40}, tell=False)

    assert len(looked_at(desk)) == 1


@given(price=st.integers(1, ONE - 1), yes=st.booleans())
def test_buy_table_is_price_plus_fee_and_never_an_empty_side(price: int, yes: bool) -> None:
    """The gate's table: YES pays the ask, NO a dollar less the bid; ends of the scale cost more than any payout."""
    terms = POLY_MARKET.fees
    assert terms is not None
    table = buy_table(terms, Outcome.YES if yes else Outcome.NO)

    assert table[price] == (price if yes else ONE - price) * 100 + unit_fees(terms)[price]
    assert min(table[0], table[ONE]) > 100 * ONE * 100
    assert Price(len(table) - 1) == ONE
