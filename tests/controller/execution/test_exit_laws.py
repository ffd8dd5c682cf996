"""Laws of getting out: whatever was delivered and whatever the books show, an exit's price stays on the ladder."""

import msgspec
from execution_fakes import ARB, KX, POLY, Bench, book, contracts, ends, fill, result
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.execution.outcomes import Side, TradedOrder, excess_of, tally
from controller.execution.unwind import Complement, Complete, ExitFacts, ExitSettings, Sell, allowed_loss, decide, lock_charge
from trading.clock import SECOND
from trading.fees import unit_fees
from trading.ids import leg_id
from trading.market import Action, Market, MarketId, Outcome
from trading.order import LegRequest, LegResult
from trading.units import ONE, Money, Price, Size

LEGS = Bench().approved().legs
SIDES = tuple(Side.of(leg.want) for leg in LEGS)
MARKETS: dict[MarketId, Market] = {POLY.id: POLY, KX.id: KX}
DUST = ExitSettings().hedge_dust


async def test_over_delivered_complement_is_not_bought_back_at_any_price():
    """A complement that delivered 30 % too much leaves 7.5 NO; with YES at 99c they are reported, not "completed" for free."""
    bench = Bench(exits=ExitSettings(via="complement"))
    bench.state.books[POLY.id] = book(POLY, bids={4_000: 500}, asks={9_900: 500})
    bench.state.books[KX.id] = book(KX, bids={100: 1}, asks={5_200: 500})
    bench.executor.script = {
        POLY.id: [fill(), lambda leg: result(leg, "filled", leg.want.size / 1_000_000 * 1.3), fill()],
        KX.id: [ends("none")],
    }

    closed = await bench.run(size=25)

    exits = [leg for leg in bench.executor.sent if leg.purpose == "unwind"]
    assert [(leg.want.outcome, leg.want.action, leg.want.limit) for leg in exits] == [(Outcome.NO, Action.BUY, 6_000)]
    assert (closed.outcome, closed.unhedged) == ("exposed", contracts(7.5))


async def test_over_delivered_complement_is_paired_within_the_ladder():
    """The same surplus with YES at 41c: as many are bought, at a loss the ladder allows, and only held sets remain."""
    bench = Bench(exits=ExitSettings(via="complement"))
    bench.state.books[POLY.id] = book(POLY, bids={4_000: 500}, asks={4_100: 500})
    bench.state.books[KX.id] = book(KX, bids={100: 1}, asks={5_200: 500})

    def over(leg: LegRequest) -> LegResult:
        return result(leg, "filled", leg.want.size / 1_000_000 * (1.3 if leg.want.outcome is Outcome.NO else 1))

    bench.executor.script = {POLY.id: [fill(), over], KX.id: [ends("none")]}

    closed = await bench.run(size=25)

    last = bench.executor.sent[-1].want
    assert (last.outcome, last.action, last.limit, last.size) == (Outcome.YES, Action.BUY, 4_100, contracts(7.5))
    assert (closed.outcome, closed.unhedged) == ("unwound", 0)


order = st.tuples(
    st.sampled_from([0, 1]),
    st.sampled_from(list(Outcome)),
    st.sampled_from(list(Action)),
    st.integers(1, 99),
    st.integers(1, 3_000),
)
levels = st.lists(st.tuples(st.integers(1, 9_999), st.integers(1, 3_000)), max_size=4, unique_by=lambda level: level[0])


def made(orders) -> list[TradedOrder]:
    """Filled orders: (side, outcome, action, cents, hundredths)."""
    done = []
    for attempt, (side, outcome, action, cents, hundredths) in enumerate(orders):
        leg = LEGS[side]
        want = msgspec.structs.replace(leg.want, outcome=outcome, action=action, limit=Price(cents * 100))
        leg = msgspec.structs.replace(leg, leg_id=leg_id(ARB, side, attempt), want=want)
        done.append(TradedOrder(side, leg, result(leg, "filled", hundredths / 100)))
    return done


def shown(rows, *, best_first: bool) -> list[tuple[Price, Size]]:
    return [(Price(price), contracts(size / 100)) for price, size in sorted(rows, reverse=best_first)]


def traded(orders: list[TradedOrder], market: MarketId, outcome: Outcome, action: Action) -> tuple[int, int]:
    """Contracts and cash out."""
    rows = [one.result for one in orders if (w := one.leg.want).market == market and (w.outcome, w.action) == (outcome, action)]
    return sum(row.filled for row in rows), sum(row.cost + row.fee for row in rows)


def oversold(orders: list[TradedOrder], market: MarketId, outcome: Outcome) -> int:
    return max(0, traded(orders, market, outcome, Action.SELL)[0] - traded(orders, market, outcome, Action.BUY)[0])


def cost_of_one(orders: list[TradedOrder], market: MarketId, outcome: Outcome) -> float:
    """Mean cash of one contract of an outcome: bought, or owed a dollar because the other one was sold without being held."""
    held, spent = traded(orders, market, outcome, Action.BUY)
    short = oversold(orders, market, outcome.other)
    sold, received = traded(orders, market, outcome.other, Action.SELL)
    cash = spent + (short + received * short / sold if short else 0)
    return cash * 1_000_000 / (held + short)


@settings(max_examples=150, deadline=None)
@given(
    orders=st.lists(order, min_size=1, max_size=5),
    books=st.tuples(levels, levels, levels),
    elapsed=st.integers(0, 40),
    live=st.booleans(),
    via=st.sampled_from(["auto", "sell", "complement"]),
)
def test_no_exit_loses_more_than_the_ladder_allows(orders, books, elapsed, live, via):
    """For any holdings and books: at its limit an exit loses at most the allowed loss on each contract, and a set it makes costs
    at most its payout and that loss together."""
    done = made(orders)
    assume(not any(oversold(done, market, Outcome.YES) and oversold(done, market, Outcome.NO) for market in MARKETS))
    counted = tally(SIDES, done, ONE)
    seen = excess_of(counted, SIDES, MARKETS, ONE, dust=DUST)
    if seen is None:
        return
    rule = ExitSettings(via=via)
    bids, asks, others = books
    facts = ExitFacts(
        elapsed_ns=elapsed * SECOND,
        bids=shown(bids, best_first=True),
        asks=shown(asks, best_first=False),
        other_asks=shown(others, best_first=False),
        live=live,
    )

    answer = decide(seen, facts, rule)

    if not isinstance(answer, Complete | Sell | Complement):
        return
    want = answer.want
    market = MARKETS[want.market]
    price = want.limit * 100
    fee = unit_fees(market.fees)[want.limit]
    allowed = allowed_loss(seen, facts, rule)
    if isinstance(answer, Sell):
        assert cost_of_one(done, seen.market.id, seen.outcome) - price + fee <= allowed
    else:
        partner = seen.market.id, seen.outcome
        lock = lock_charge(market, facts, rule) if isinstance(answer, Complement) else Money(0)
        assert cost_of_one(done, *partner) + price + fee + lock <= ONE * 100 + allowed
    assert 0 < want.size <= (seen.completes if isinstance(answer, Complete) else seen.size)
