"""The worst outcome of an event, term by term (B-443), and what one settlement source may decide."""

import pytest
from desk import EVENT, KALSHI_MARKET, Desk, K, P, change, contracts, filled

from controller.model import EventId, PairChanged
from controller.positions import Positions
from controller.risk.decision import Approved, Refused
from controller.risk.limits import Holding, Lot, RiskSettings, naked_loss, worst_loss
from trading.book import MarketChanged
from trading.market import KALSHI, POLYMARKET, MarketId, Outcome
from trading.units import DOLLAR, Money, Size


def dollars(amount: float) -> Money:
    return Money(round(amount * DOLLAR))


def lot(*markets: tuple[float, float], cost: float, apart: bool = True, exclusive: str = "") -> Lot:
    """(yes, no) on each venue, all of one polarity."""
    held = tuple(
        Holding(venue, contracts(yes), contracts(no), contracts(no))
        for venue, (yes, no) in zip((KALSHI, POLYMARKET), markets, strict=False)
    )
    return Lot(
        Size(sum(one.yes for one in held)),
        Size(sum(one.no for one in held)),
        dollars(cost),
        exclusive,
        held if apart else (),
    )


def test_pair_of_identical_terms_loses_nothing_on_any_side_void_or_half() -> None:
    """B-443: ten sets for 9.50 pay ten dollars whether one side wins, both are void at a half, or one venue pays later."""
    assert worst_loss([lot((10, 0), (0, 10), cost=9.5, apart=False)]) == 0


def test_void_on_one_venue_alone_leaves_half_of_a_pair_whose_terms_differ() -> None:
    """B-443: one venue voids at 50/50, the other pays the side we do not hold there: five dollars of ten come back."""
    assert worst_loss([lot((10, 0), (0, 10), cost=9.5)]) == dollars(4.5)


def test_tie_that_one_venue_splits_and_another_calls_a_loss() -> None:
    """B-443: two teams' markets may both say NO on a tie: ten YES of each, which hedge each other else, pay nothing."""
    first = Holding(KALSHI, contracts(10), Size(0), Size(0))
    other_team = Holding(POLYMARKET, Size(0), contracts(10), Size(0))  # its YES is the question's NO; on a tie it says NO, too

    assert worst_loss([Lot(contracts(10), contracts(10), dollars(9.5), apart=(first, other_team))]) == dollars(9.5)
    assert worst_loss([Lot(contracts(10), contracts(10), dollars(9.5))]) == 0


def test_one_sided_holding_loses_its_cost_whatever_the_terms() -> None:
    """B-443: the side that loses pays nothing; a half would be more."""
    assert worst_loss([lot((10, 0), cost=4.5)]) == dollars(4.5)


def test_differing_terms_are_no_naked_leg() -> None:
    """B-438: a pair whose terms differ is hedged; only its event's worst outcome knows the difference."""
    pair = lot((10, 0), (0, 10), cost=9.5)

    assert (naked_loss([pair]), worst_loss([pair])) == (0, dollars(4.5))


def test_closed_pair_neither_stakes_nor_covers_anything() -> None:
    """B-438: what a closed pair cost beyond its dollar is lost already, and what it saved pays for no leg that stands alone."""
    dear, cheap, alone = lot((10, 10), cost=10.4), lot((10, 10), cost=9), lot((10, 0), cost=4.5)

    assert naked_loss([dear]) == 0
    assert naked_loss([dear, alone]) == naked_loss([cheap, alone]) == dollars(4.5)
    assert worst_loss([dear]) == dollars(0.4)


@pytest.mark.parametrize(("terms", "charge", "loss"), [("verified", 0, 0), ("verified", 2_000, 4.5), ("unverified", 0, 4.5)])
def test_positions_know_whose_terms_differ(terms: str, charge: int, loss: float) -> None:
    """execution.md 6: identical terms (class A) settle alike; priced or unread ones may not."""
    positions = Positions()
    positions.link_pair(change(Desk().pair, terms=terms, settlement_charge=Money(charge)))
    positions.set_position(K, -contracts(10), dollars(5))
    positions.set_position(P, contracts(10), dollars(4.5))

    assert positions.worst_loss(EVENT) == dollars(loss)
    assert (positions.naked(EVENT), positions.naked_total()) == (0, 0)


def test_terms_that_were_verified_meanwhile_lower_the_worst_outcome() -> None:
    """A person's word counts for what is held already."""
    desk = Desk(pair=change(Desk().pair, terms="unverified"))
    desk.state.positions.set_position(K, -contracts(10), dollars(5))
    desk.state.positions.set_position(P, contracts(10), dollars(4.5))
    assert desk.state.positions.worst_loss(EVENT) == dollars(4.5)

    desk.process(PairChanged(change(desk.pair, terms="verified"), desk.markets))

    assert desk.state.positions.worst_loss(EVENT) == 0


def test_size_is_capped_before_the_worst_outcome_exceeds_its_limit() -> None:
    """EVENT_MAX_WORST_LOSS_USD: of a pair at 96 cents with priced terms each set may lose 46: four dollars are 8.69 sets."""
    pair = change(Desk().pair, settlement_charge=Money(2_000))
    desk = Desk(RiskSettings(event_max_worst_loss=dollars(4)), pair=pair)

    answer = desk.approve()

    assert isinstance(answer, Approved)
    assert answer.plan.size == contracts(8.69)


def test_late_venue_is_money_outstanding_and_no_loss() -> None:
    """B-443: Kalshi paid and Polymarket did not: the pair stays a pair, its cost stays counted, nothing stands alone."""
    desk = Desk()
    desk.state.positions.set_position(K, -contracts(10), dollars(5))
    desk.state.positions.set_position(P, contracts(10), dollars(4.5))

    desk.process(MarketChanged(change(desk.markets[0], status="settled")))

    positions = desk.state.positions
    assert (positions.naked(EVENT), positions.worst_loss(EVENT), positions.event_cost(EVENT)) == (0, 0, dollars(9.5))


def test_position_ends_when_both_venues_have_paid() -> None:
    """B-200: exposure goes down on settlement; a fill told after that is the venue's matter."""
    desk = Desk()
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "matched", *(filled(leg) for leg in approved.legs))
    assert desk.state.positions.event_cost(EVENT) > 0

    for market in desk.markets:
        desk.process(MarketChanged(change(market, status="settled")))
    desk.state.positions.apply_fill(approved.legs[0], -contracts(1), -dollars(0.5))

    assert desk.state.positions.all() == {}
    assert (desk.state.positions.event_cost(EVENT), desk.state.positions.total_contracts()) == (0, 0)


def test_one_source_counts_over_events_and_days() -> None:
    """B-443: 25 % of the bankroll may hang on one agency's figure, whatever the events."""
    desk = Desk(pair=change(Desk().pair, source="BLS"), cash=100)
    other = change(desk.pair, id="other", event=EventId("cpi-next"), first="KX-NEXT", second="0xnext", starts_at=None)
    desk.state.positions.link_pair(other)
    desk.state.positions.set_position("KX-NEXT", contracts(10), dollars(60))

    assert desk.state.positions.source_cost("BLS") == dollars(60)
    answer = desk.approve()
    assert isinstance(answer, Approved)
    assert answer.plan.size == contracts(5.2)  # a quarter of 260 less 60, at 96 cents a set
    assert desk.state.in_flight_of("BLS") == sum(answer.reserved)

    desk.state.positions.link_pair(change(other, source=""))
    assert desk.state.positions.source_cost("BLS") == 0


def test_games_have_no_common_source() -> None:
    """Each game's result is its own: the league-day bounds them."""
    desk = Desk()
    desk.state.positions.set_position(K, -contracts(10), dollars(5))

    assert desk.basket().source == ""
    assert isinstance(desk.approve(), Approved)


def test_pairs_of_both_teams_of_one_game_add_up_where_terms_differ() -> None:
    """B-443: one game called off on one venue alone takes half of each team's pairs, though only one team can win."""
    teams = [
        lot((0, 10), (10, 0), cost=9.5, exclusive="kalshi:KXGAME"),
        lot((0, 6), (6, 0), cost=5.8, exclusive="kalshi:KXGAME"),
    ]

    assert worst_loss(teams) == dollars(4.5 + 2.8)
    assert worst_loss([change(team, apart=()) for team in teams]) == 0
    assert naked_loss(teams) == 0


def test_set_on_one_venue_has_no_second_text_to_differ_from() -> None:
    """B-434: NO of two teams on one venue pays a dollar whoever wins, also where another venue words these games otherwise."""
    one_venue = [lot((0, 10), cost=4.5, exclusive="kalshi:KXGAME") for _ in range(2)]
    two_venues = [
        one_venue[0],
        Lot(
            Size(0), contracts(10), dollars(4.5), "kalshi:KXGAME", (Holding(POLYMARKET, Size(0), contracts(10), contracts(10)),)
        ),
    ]

    assert worst_loss(one_venue) == 0
    assert worst_loss(two_venues) == dollars(4)  # one of them pays nothing and the other a half


def test_game_and_its_first_half_do_not_exclude_each_other() -> None:
    """B-434: at most one market of each venue's event resolves YES; a team may win the half and the game."""
    positions = Positions()
    for ticker, event in (("KX-GAME-A", "KX-GAME"), ("KX-HALF-A", "KX-HALF"), ("KX-HALF-B", "KX-HALF")):
        market = MarketId(ticker)
        positions.set_event(market, EVENT)
        positions.set_terms(market, KALSHI, event)
        positions.set_position(market, -contracts(10), dollars(4.5))

    assert positions.worst_loss(EVENT) == dollars(4.5) - dollars(1)  # the game is lost; the half pays 10 for 9
    assert positions.naked(EVENT) == contracts(10)

    positions.set_terms(MarketId("KX-GAME-A"), KALSHI, "KX-HALF")
    assert positions.worst_loss(EVENT) == 0


def test_cap_of_an_event_counts_the_pairs_of_an_exclusive_game() -> None:
    """EVENT_MAX_WORST_LOSS_USD: a set of a game's winner may lose 46 cents where terms are priced; what is held leaves no room."""
    exclusive = change(KALSHI_MARKET, mutually_exclusive=True)
    pair = change(Desk().pair, settlement_charge=Money(2_000))
    desk = Desk(RiskSettings(event_max_worst_loss=dollars(4)), kalshi=exclusive, pair=pair)

    first = desk.approve()
    assert isinstance(first, Approved)
    assert first.plan.size == contracts(8.69)
    desk.close(first, "matched", *(filled(leg) for leg in first.legs))

    assert desk.state.positions.worst_loss(EVENT) == dollars(8.69 * 0.43)  # fees left out
    desk.advance(600)
    again = desk.approve()
    assert isinstance(again, Refused)
    assert again.code == "event_loss_limit"


def test_pair_that_may_pay_nothing_on_a_tie_is_capped_at_all_it_costs() -> None:
    """B-443: YES of either team on two venues is a pair with one team less on a tie: each set may lose its 96 cents."""
    pair = change(Desk().pair, settlement_charge=Money(2_000), outcome_index=Outcome.NO)
    positions = Positions()
    positions.link_pair(pair)
    yes = [(K, Outcome.YES), (P, Outcome.YES)]

    assert positions.worst_unit(yes, (dollars(0.5), dollars(0.46))) == dollars(0.96)
    assert positions.worst_unit([(K, Outcome.NO), (P, Outcome.NO)], (dollars(0.5), dollars(0.46))) == dollars(0.46)


def test_what_a_set_may_lose_follows_the_newest_terms() -> None:
    """B-443: worked out once per set, and anew once its pair's terms or a market's exclusive event change."""
    positions = Positions()
    legs, costs = [(K, Outcome.NO), (P, Outcome.YES)], (dollars(0.5), dollars(0.46))
    pair = Desk().pair
    positions.link_pair(pair)
    assert positions.worst_unit(legs, costs) == 0

    positions.link_pair(change(pair, settlement_charge=Money(2_000)))
    assert positions.worst_unit(legs, costs) == dollars(0.46)

    both = [(MarketId("KX-A"), Outcome.NO), (MarketId("KX-B"), Outcome.NO)]
    assert positions.worst_unit(both, costs) == dollars(0.96)
    for market, _ in both:
        positions.set_terms(market, KALSHI, "KX")
    assert positions.worst_unit(both, costs) == 0
