"""Promises of the sums over an arb's orders and of the second leg's price and size."""

import msgspec
from execution_fakes import ARB, KX, POLY, Bench, book, contracts, result

from controller.execution.outcomes import Side, TradedOrder, classify, excess_of, tally
from controller.execution.second import affordable, meets_minimum, second_want
from trading.fees import fee_of_fill
from trading.ids import leg_id
from trading.market import Action, Outcome
from trading.order import LegRequest, LegResult, Want
from trading.units import ONE, Money, Price, Size, cost_of

LEGS = Bench().approved().legs
SIDES = tuple(Side.of(leg.want) for leg in LEGS)
DUST = Size(50_000)


def order(side: int, filled: float, *, attempt: int = 0, state: str = "filled", **want) -> TradedOrder:
    leg: LegRequest = LEGS[side]
    leg = msgspec.structs.replace(leg, leg_id=leg_id(ARB, side, attempt), want=msgspec.structs.replace(leg.want, **want))
    return TradedOrder(side, leg, result(leg, state, filled))


def count(*orders: TradedOrder):
    return tally(SIDES, orders, ONE)


def test_outcomes_have_names():
    """Each end of an arb has one word."""
    gone = order(0, 10, attempt=1, action=Action.SELL)
    half = order(0, 6, attempt=1, action=Action.SELL)
    cases = {
        "miss": [order(0, 0, state="none")],
        "matched": [order(0, 10), order(1, 9.96)],
        "unwound": [order(0, 10), order(1, 0, state="none"), gone],
        "one_sided": [order(0, 10), order(1, 4), half],
        "exposed": [order(0, 10), order(1, 4)],
        "unknown": [order(0, 10), order(1, 0, state="unknown")],
    }

    assert {name: classify(count(*orders), dust=DUST) for name, orders in cases.items()} == {name: name for name in cases}


def test_no_answer_yet_is_open():
    """An order without any result is in doubt."""
    assert count(TradedOrder(0, LEGS[0], None)).open


def test_complement_makes_held_sets_of_a_dollar():
    """Buying the other outcome takes the excess away; the sets are held, and count as the dollar each will pay."""
    bought = order(0, 10, attempt=1, outcome=Outcome.NO, limit=Price(5_800))
    counted = count(order(0, 10), bought)
    spent = counted.cost + counted.fee

    assert (counted.matched, counted.unhedged, counted.sides[0].held_sets) == (0, 0, contracts(10))
    assert counted.profit == 10_000_000 - spent


def test_over_delivered_complement_is_an_excess_at_its_own_cost():
    """25 YES stand alone and 32.5 NO were delivered: 7.5 NO, at what a NO cost, that no other side completes."""
    sides = SIDES
    counted = count(order(0, 25), order(1, 0, state="none"), order(0, 32.5, attempt=1, outcome=Outcome.NO, limit=Price(5_000)))

    seen = excess_of(counted, sides, {KX.id: KX, POLY.id: POLY}, ONE, dust=DUST)

    each = 500_000 + fee_of_fill(POLY.fees, Price(5_000), contracts(32.5)) * 10 // 325
    assert (seen.market, seen.outcome, seen.size) == (POLY, Outcome.NO, contracts(7.5))
    assert (seen.short, seen.completes, seen.cost) == (None, 0, each)
    assert counted.naked == seen.naked == -(-contracts(7.5) * each // 1_000_000)


def test_sold_complement_ends_the_over_delivery():
    """Selling the extra complement, or buying as much of the own outcome, leaves held sets and nothing alone."""
    over = [order(0, 25), order(0, 32.5, attempt=1, outcome=Outcome.NO, limit=Price(6_000))]
    sold = count(*over, order(0, 7.5, attempt=2, outcome=Outcome.NO, action=Action.SELL, limit=Price(5_900)))
    paired = count(*over, order(0, 7.5, attempt=2))

    assert (sold.unhedged, sold.sides[0].held_sets) == (0, contracts(25))
    assert (paired.unhedged, paired.sides[0].held_sets) == (0, contracts(32.5))
    assert sold.profit == 25_000_000 - sold.cost - sold.fee


def test_contracts_sold_twice_are_the_other_outcome():
    """Twelve sold of ten: two NO for a dollar less the price, and the dollars are owed, not earned."""
    counted = count(order(0, 10), order(0, 12, attempt=1, action=Action.SELL, limit=Price(4_000)))

    seen = excess_of(counted, SIDES, {KX.id: KX, POLY.id: POLY}, ONE, dust=DUST)

    assert (seen.outcome, seen.size, seen.short) == (Outcome.NO, contracts(2), None)
    assert 600_000 < seen.cost < 620_000
    assert counted.profit == -counted.cost - counted.fee - 2_000_000


def test_no_side_is_completed_while_another_is_below_zero():
    """With 7.5 extra complement on one side, what stands alone on the other is no set short of one order."""
    counted = count(order(0, 25), order(0, 32.5, attempt=1, outcome=Outcome.NO, limit=Price(6_000)), order(1, 10, attempt=1))

    seen = excess_of(counted, SIDES, {KX.id: KX, POLY.id: POLY}, ONE, dust=DUST)

    assert (seen.market, seen.size, seen.short) == (KX, contracts(10), None)


def test_closing_basket_gives_up_its_payout():
    """Selling both sides earns what it received less what the sets would have paid."""
    sells = [
        TradedOrder(o.side, o.leg, result(o.leg, "filled", 10, price=price))
        for o, price in ((order(0, 0, action=Action.SELL), 4_500), (order(1, 0, action=Action.SELL), 5_600))
    ]
    counted = tally(tuple(Side.of(o.leg.want) for o in sells), sells, ONE)

    assert counted.matched == contracts(10)
    assert counted.profit == 10_100_000 - 10_000_000 - counted.fee


def test_excess_is_the_larger_side():
    """The exit rule sees what stands alone, its cost with fees, and what would complete it."""
    counted = count(order(0, 10), order(1, 4))
    sides = SIDES

    seen = excess_of(counted, sides, {KX.id: KX, POLY.id: POLY}, ONE, dust=DUST)

    assert (seen.market, seen.size, seen.completes, seen.short) == (POLY, contracts(6), contracts(6), (KX, Outcome.NO))
    assert seen.cost == 420_000 + fee_of_fill(POLY.fees, Price(4_200), contracts(10)) // 10
    assert excess_of(count(order(0, 10), order(1, 9.95)), sides, {KX.id: KX, POLY.id: POLY}, ONE, dust=DUST) is None
    assert excess_of(counted, sides, {}, ONE, dust=DUST) is None


def test_excess_of_three_sides():
    """In a basket of three the single short side can be completed; two short ones cannot by one order."""
    third = msgspec.structs.replace(LEGS[1], want=msgspec.structs.replace(LEGS[1].want, market="KX-3"))
    markets = {KX.id: KX, POLY.id: POLY, "KX-3": msgspec.structs.replace(KX, id="KX-3")}
    sides = (*SIDES, Side.of(third.want))

    def seen(*filled: float):
        rows = [TradedOrder(n, leg, result(leg, "filled", filled[n])) for n, leg in enumerate((*LEGS, third))]
        return excess_of(tally(sides, rows, Price(20_000)), sides, markets, Price(20_000), dust=DUST)

    assert seen(10, 10, 4).completes == contracts(6)
    assert seen(10, 4, 4).completes == 0 and seen(10, 4, 4).size == contracts(6)
    rows = [TradedOrder(n, leg, result(leg, "filled", (10, 7, 4)[n])) for n, leg in enumerate((*LEGS, third))]
    counted = tally(sides, rows, Price(20_000))
    assert (counted.matched, counted.unhedged) == (contracts(4), contracts(9))  # B-176: 6 and 3 beyond the least


def want(**changes) -> Want:
    return msgspec.structs.replace(LEGS[1].want, **changes)


def test_second_leg_goes_as_far_as_the_book_asks():
    """The planned price first; then the level that holds the missing contracts, never past the concession."""
    deep = book(KX, bids={5_000: 4, 4_900: 4, 4_700: 100}, asks={})

    def limit(missing: float, furthest: int, *, first: bool = False):
        made = second_want(want(), contracts(missing), KX, deep, furthest=Price(furthest), first=first)
        return made.limit if made else None

    assert limit(4, 5_300) == 5_000
    assert limit(8, 5_300) == 5_100
    assert limit(10, 5_300) == 5_300
    assert limit(10, 5_200) == 5_200
    assert limit(10, 4_900) == 5_000


def test_second_leg_without_a_trusted_book():
    """A lost book: the planned price first, the concession afterwards; out of reach: nothing after the first try."""
    lost = book(KX, bids={5_000: 100}, asks={})
    lost.lose()
    far = book(KX, bids={3_000: 100}, asks={})

    def limit(where, first):
        made = second_want(want(), contracts(5), KX, where, furthest=Price(5_300), first=first)
        return made.limit if made else None

    assert [limit(lost, True), limit(lost, False)] == [5_000, 5_300]
    assert [limit(far, True), limit(far, False)] == [5_000, None]


def test_second_leg_respects_step_and_minimum():
    """Sizes are floored to 0.01; what is below the venue's minimum is not sent."""
    made = second_want(want(), Size(1_239_999), KX, None, furthest=None, first=True)
    small = msgspec.structs.replace(LEGS[0].want, size=contracts(2))

    assert made.size == contracts(1.23)
    assert second_want(want(), Size(9_999), KX, None, furthest=None, first=True) is None
    assert second_want(small, contracts(2), POLY, None, furthest=None, first=True) is None
    assert meets_minimum(POLY, Price(5_000), contracts(2)) and not meets_minimum(POLY, Price(5_000), contracts(1.99))


def test_affordable_pays_price_and_fee():
    """The most contracts whose cost and fee the cash covers: one step more would not be covered."""
    size = affordable(KX, Money(5_300_000), Price(5_000))

    def cost(contracts_: Size) -> int:
        return cost_of(Price(5_000), contracts_) + fee_of_fill(KX.fees, Price(5_000), contracts_)

    assert cost(size) <= 5_300_000 < cost(Size(size + 10_000))
    assert affordable(KX, Money(0), Price(5_000)) == 0


def test_result_of_another_kind_counts_nothing():
    """A miss adds nothing to its side."""
    leg = LEGS[0]

    assert count(TradedOrder(0, leg, LegResult(leg_id=leg.leg_id, state="none"))).sides[0].net == 0
