"""Promises of the positions: both outcomes with their cash, netted only where the venue does it."""

import msgspec
import pytest
from desk import EVENT, PAIR, K, P, contracts

from controller.positions import Positions
from trading.ids import ArbId, leg_id
from trading.market import KALSHI, POLYMARKET, Action, Outcome
from trading.order import LegRequest, Want
from trading.units import DOLLAR, Money, MonoNs, Price


def leg(market=K, outcome=Outcome.YES, action=Action.BUY) -> LegRequest:
    return LegRequest(
        leg_id=leg_id(ArbId(b"a" * 14), 0, 0),
        want=Want(market=market, outcome=outcome, action=action, limit=Price(5_000), size=contracts(1)),
        venue=KALSHI if market == K else POLYMARKET,
        purpose="open",
        max_cost=Money(0),
        world="sim",
        epoch=1,
        deadline=MonoNs(0),
    )


def held(*trades: tuple[LegRequest, float, float]) -> Positions:
    """Positions after (leg, contracts, dollars out)."""
    positions = Positions()
    positions.link_pair(PAIR)
    for request, count, dollars in trades:
        positions.apply_fill(request, contracts(count), round(dollars * DOLLAR))
    return positions


def test_complement_stays_held_with_its_cash_where_nothing_merges() -> None:
    """Ten YES and ten NO on Polymarket are hedged and not gone: every cap in dollars still sees what they cost."""
    positions = held((leg(P), 10, 4.5), (leg(P, Outcome.NO), 10, 6.1))

    assert (positions.contracts(P), positions.held(P)) == (0, (contracts(10), contracts(10)))
    assert positions.cost(P) == positions.event_cost(EVENT) == 10_600_000
    assert (positions.naked(EVENT), positions.worst_loss(EVENT)) == (0, 600_000)
    assert positions.all() == {P: (0, 10_600_000)}


def test_over_delivered_complement_is_naked_the_other_way() -> None:
    """25 YES and 32.5 NO are 25 sets and 7.5 NO that stand alone."""
    positions = held((leg(P), 25, 10.5), (leg(P, Outcome.NO), 32.5, 19.5))

    assert positions.contracts(P) == -contracts(7.5)
    assert positions.naked(EVENT) == contracts(7.5)
    assert positions.worst_loss(EVENT) == 5_000_000


def test_sale_out_of_a_set_leaves_the_other_token() -> None:
    """Selling the NO of a set takes its share of the NO's cost away and leaves the YES."""
    positions = held((leg(P), 10, 4.5), (leg(P, Outcome.NO), 10, 6.0), (leg(P, Outcome.NO, Action.SELL), 5, -2.8))

    assert (positions.contracts(P), positions.cost(P)) == (contracts(5), 7_500_000)


def test_kalshi_nets_by_itself() -> None:
    """Ten YES held, fifteen NO bought on Kalshi: the dollar of each set came back, five NO remain at their own price."""
    positions = held((leg(), 10, 4.5), (leg(outcome=Outcome.NO), 15, 7.5))

    assert (positions.held(K), positions.cost(K)) == ((0, contracts(5)), 2_500_000)


def test_selling_back_takes_its_share_of_the_cost() -> None:
    """Half sold is half the cost gone, whatever the price it was sold at."""
    positions = held((leg(), 10, 4.5), (leg(action=Action.SELL), 5, -2.0))

    assert (positions.contracts(K), positions.cost(K)) == (contracts(5), 2_250_000)


def test_sold_and_not_held_is_the_other_outcome() -> None:
    """Twelve sold of ten at 40c: two NO, at the 60c each that the venue keeps as collateral."""
    positions = held((leg(), 10, 4.5), (leg(action=Action.SELL), 12, -4.8))

    assert (positions.contracts(K), positions.cost(K)) == (-contracts(2), 1_200_000)


@pytest.mark.parametrize("market", [K, P])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_reversed_buy_leaves_nothing(market, outcome) -> None:
    """B-424: contracts and cash taken back are gone to the unit."""
    positions = held((leg(market, outcome), 10, 4.5), (leg(market, outcome), -10, -4.5))

    assert positions.all() == {}


def test_fee_corrections_move_the_cost_of_what_is_held() -> None:
    """The venue's own fee replaces the estimate; without a holding there is nothing to correct."""
    positions = held((leg(P), 10, 4.5), (leg(P), 0, 0.02), (leg(K), 0, 0.02))

    assert positions.all() == {P: (contracts(10), 4_520_000)}


def test_turned_question_counts_sets_alike() -> None:
    """A pair whose YES means the other's NO: sets on the second market are hedged all the same."""
    positions = Positions()
    positions.link_pair(msgspec.structs.replace(PAIR, outcome_index=Outcome.NO))
    for outcome, dollars in ((Outcome.YES, 4), (Outcome.NO, 6)):
        positions.apply_fill(leg(P, outcome), contracts(10), dollars * DOLLAR)
    positions.apply_fill(leg(P), contracts(3), 1 * DOLLAR)

    assert positions.naked(EVENT) == contracts(3)
    assert positions.worst_loss(EVENT) == 1_000_000
