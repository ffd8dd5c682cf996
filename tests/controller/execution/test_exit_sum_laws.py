"""Laws of the sums over an arb that sells a held pair, for any orders of any sizes (B-440)."""

from execution_fakes import KX, POLY
from hypothesis import given
from hypothesis import strategies as st

from controller.execution.outcomes import Side, TradedOrder, tally
from trading.ids import ArbId, leg_id
from trading.market import KALSHI, POLYMARKET, Action, Outcome
from trading.order import LegRequest, LegResult, Want
from trading.units import ONE, Money, MonoNs, Price, Size

SIDES = (Side(POLY.id, Outcome.YES, Action.SELL), Side(KX.id, Outcome.NO, Action.SELL))
orders = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(Action), st.integers(1, 50), st.integers(1, 99), st.integers(0, 20_000)),
    max_size=8,
)


def made(rows) -> list[TradedOrder]:
    """(side, action, contracts, cents, fee) as orders in what is held."""
    found = []
    for number, (side, action, count, cents, fee) in enumerate(rows):
        size, of = Size(count * 1_000_000), SIDES[side]
        leg = LegRequest(
            leg_id=leg_id(ArbId(b"arb-of-a-test!"), side, number),
            want=Want(market=of.market, outcome=of.outcome, action=action, limit=Price(cents * 100), size=size),
            venue=(POLYMARKET, KALSHI)[side],
            purpose="exit",
            max_cost=Money(0),
            world="paper",
            epoch=1,
            deadline=MonoNs(0),
        )
        cash = count * cents * 10_000
        cost = Money(cash if action is Action.BUY else -cash)
        found.append(
            TradedOrder(side, leg, LegResult(leg_id=leg.leg_id, state="filled", filled=size, cost=cost, fee=Money(fee)))
        )
    return found


def sold(rows, side: int) -> int:
    return sum((1 if action is Action.SELL else -1) * count for at, action, count, _, _ in rows if at == side) * 1_000_000


@given(orders)
def test_profit_of_a_sale_is_what_settlement_will_show(rows) -> None:
    """Whichever side wins: cash in less the payout given away is the told profit and what the part that stands alone makes of its
    cost, to the unit of rounding."""
    counted = tally(SIDES, made(rows), ONE)
    cash = -sum(order.result.cost + order.result.fee for order in made(rows))
    nets = [sold(rows, side) for side in (0, 1)]

    for yes_wins in (True, False):
        given_away = nets[0] if yes_wins else nets[1]
        # what stands alone: a side sold beyond the other is the other outcome, one bought back too often is the outcome itself
        alone = sum(
            (net - counted.matched) * ((side == 0) is not yes_wins) if net > 0 else -net * ((side == 0) is yes_wins)
            for side, net in enumerate(nets)
        )
        assert cash - given_away == counted.profit + alone


@given(orders)
def test_sides_of_a_sale_add_up(rows) -> None:
    """By side, matched and alone are all that was sold net of what was bought back."""
    counted = tally(SIDES, made(rows), ONE)

    assert [row.net for row in counted.sides] == [sold(rows, side) for side in (0, 1)]
    assert counted.matched == max(0, min(sold(rows, side) for side in (0, 1)))
