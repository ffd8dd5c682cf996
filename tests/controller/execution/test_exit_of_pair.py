"""Promises of an arb that sells a held pair: what it earns, and what happens when one side only is sold (B-440)."""

import msgspec
import pytest
from execution_fakes import KX, POLY, Bench, book, contracts, ends, fill

from controller.execution.outcomes import TradedOrder
from controller.risk.decision import Approved
from trading.fees import fee_of_fill
from trading.market import Action, Outcome
from trading.units import Money, Price

HELD = {POLY.id: Outcome.YES, KX.id: Outcome.NO}
"""What the pair holds: YES on Polymarket and NO on Kalshi."""


class Closing(Bench):
    """Sells Polymarket YES at 0.46 and Kalshi NO at 0.55: the bids sum to 1.01."""

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        self.quotes(kalshi={4_400: 500}, kalshi_asks={4_500: 500}, poly={4_600: 500}, poly_asks={4_700: 500})

    def quotes(self, *, kalshi, kalshi_asks, poly, poly_asks) -> None:
        self.state.books[KX.id] = book(KX, bids=kalshi, asks=kalshi_asks)
        self.state.books[POLY.id] = book(POLY, bids=poly, asks=poly_asks)

    def approved(self, **shape) -> Approved:
        opened = super().approved(**shape)
        prices = (Price(4_600), Price(5_500))
        sell = [
            msgspec.structs.replace(leg.want, action=Action.SELL, limit=price)
            for leg, price in zip(opened.legs, prices, strict=True)
        ]
        legs = tuple(
            msgspec.structs.replace(leg, want=want, purpose="exit") for leg, want in zip(opened.legs, sell, strict=True)
        )
        intent = msgspec.structs.replace(opened.intent, purpose="exit", wants=tuple(sell))
        return msgspec.structs.replace(opened, purpose="exit", legs=legs, intent=intent)


def fees(size: float, *, poly: int = 4_600, kalshi: int = 5_500) -> int:
    return fee_of_fill(POLY.fees, Price(poly), contracts(size)) + fee_of_fill(KX.fees, Price(kalshi), contracts(size))


async def test_both_sides_sold_earn_what_they_fetch_beyond_the_dollar():
    """B-440: a closed pair books its proceeds less fees and less the dollar it would have paid."""
    bench = Closing()

    closed = await bench.run()

    assert [leg.want.action for leg in bench.executor.sent] == [Action.SELL, Action.SELL]
    assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", contracts(10), 0)
    assert closed.profit == 10_100_000 - 10_000_000 - fees(10)


async def test_second_side_is_sold_for_what_the_first_really_sold():
    """B-175: four sold on Polymarket, four are sold on Kalshi; the other six stay a held pair."""
    bench = Closing()
    bench.executor.script[POLY.id] = [fill(4)]

    closed = await bench.run()

    assert [leg.want.size for leg in bench.executor.sent] == [contracts(10), contracts(4)]
    assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", contracts(4), 0)


async def test_nothing_sold_is_a_free_miss():
    """A first leg that finds no buyer costs nothing and leaves the pair as it was."""
    bench = Closing()
    bench.executor.script[POLY.id] = [ends("none", "fak_no_match")]

    closed = await bench.run()

    assert (closed.outcome, closed.profit, len(bench.executor.sent)) == ("miss", 0, 1)


async def test_side_left_over_is_sold_lower_when_that_is_cheapest():
    """execution.md 5: the other side is sold a cent lower, because buying back would cost more."""
    bench = Closing(second_attempts=1)
    bench.quotes(kalshi={4_400: 500}, kalshi_asks={4_600: 500}, poly={4_400: 500}, poly_asks={4_900: 500})
    bench.executor.script[KX.id] = [ends("none"), fill()]

    closed = await bench.run()

    last = bench.executor.sent[-1]
    assert (last.want.market, last.want.outcome, last.want.action, last.want.limit) == (KX.id, Outcome.NO, Action.SELL, 5_400)
    assert (last.purpose, last.want.size) == ("complete", contracts(10))
    assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", contracts(10), 0)
    assert closed.profit == 10_000_000 - 10_000_000 - fees(10, kalshi=5_400)


async def test_side_that_was_sold_is_bought_back_when_that_is_cheapest():
    """execution.md 5: Kalshi's bid fell away, so the Polymarket side is bought again and the pair is held as before."""
    bench = Closing(second_attempts=1)
    bench.quotes(kalshi={4_400: 500}, kalshi_asks={6_000: 500}, poly={4_500: 500}, poly_asks={4_700: 500})
    bench.executor.script[KX.id] = [ends("none")]
    bench.executor.script[POLY.id] = [fill(), fill()]

    closed = await bench.run()

    last = bench.executor.sent[-1]
    assert (last.want.market, last.want.outcome, last.want.action, last.want.limit) == (POLY.id, Outcome.YES, Action.BUY, 4_700)
    assert last.purpose == "unwind"
    assert (closed.outcome, closed.matched, closed.unhedged) == ("unwound", 0, 0)
    fee = [fee_of_fill(POLY.fees, Price(price), contracts(10)) for price in (4_600, 4_700)]
    assert closed.profit == -100_000 - sum(fee)


async def test_bought_back_too_much_is_sold_again():
    """A cash-sized buy delivered fifteen for ten: five stand alone, priced at their own cost, and are sold."""
    bench = Closing(second_attempts=1)
    bench.quotes(kalshi={4_400: 500}, kalshi_asks={6_000: 500}, poly={4_600: 500}, poly_asks={4_700: 500})
    bench.executor.script[KX.id] = [ends("none")]
    bench.executor.script[POLY.id] = [fill(), fill(15), fill()]

    closed = await bench.run()

    last = bench.executor.sent[-1]
    assert (last.want.market, last.want.outcome, last.want.action) == (POLY.id, Outcome.YES, Action.SELL)
    assert (last.want.size, last.purpose) == (contracts(5), "unwind")
    assert (closed.outcome, closed.unhedged) == ("unwound", 0)


async def test_side_without_any_way_out_is_exposed_at_its_cost():
    """Neither side has a price: the rest stands alone, alarmed, at a dollar less what the sold side fetched."""
    bench = Closing(second_attempts=1)
    bench.quotes(kalshi={}, kalshi_asks={}, poly={}, poly_asks={})
    bench.executor.script[KX.id] = [ends("none")]

    closed = await bench.run()

    fee = fee_of_fill(POLY.fees, Price(4_600), contracts(10))
    assert (closed.outcome, closed.unhedged, closed.naked) == ("exposed", contracts(10), 5_400_000 + fee)
    assert closed.profit == Money(0)
    assert {"deadline", "exposed"} <= set(bench.alarms)


@pytest.mark.parametrize("bid", [9_500, 9_900])
async def test_dear_side_is_sold_although_its_other_outcome_is_worth_cents(bid: int):
    """The venue's least order binds what is sent: 10 at 0.95 is $9.50, whatever the other outcome costs."""
    bench = Closing(second_attempts=1)
    bench.quotes(kalshi={}, kalshi_asks={}, poly={bid: 500}, poly_asks={})
    bench.executor.script[POLY.id] = [ends("none"), fill()]

    await bench.run(order=(1, 0))

    last = bench.executor.sent[-1]
    assert (last.want.market, last.want.action, last.want.limit, last.purpose) == (POLY.id, Action.SELL, bid, "complete")


async def test_restart_between_the_two_sales_sells_the_rest_or_buys_back():
    """B-223: the journal says that one side was sold; the next start goes on from there by the rule, with the books of then."""
    bench = Closing()
    approved = bench.approved()
    sold = TradedOrder(0, approved.legs[0], fill()(approved.legs[0]))

    assert bench.runner.restore(approved, [sold], None)
    closed = await bench.runner.reopen(approved.arb_id)

    assert [(leg.want.market, leg.want.action, leg.purpose) for leg in bench.executor.sent] == [
        (KX.id, Action.SELL, "complete")
    ]
    assert (closed.outcome, closed.matched, closed.unhedged) == ("matched", contracts(10), 0)


async def test_sale_taken_back_by_its_venue_is_made_good():
    """B-424: Polymarket's sale turns out a ghost: Kalshi's side is bought back, and the pair is held as before."""
    bench = Closing()
    await bench.run()
    first = bench.executor.sent[0]
    known = bench.executor.current[first.leg_id]
    fills = tuple(msgspec.structs.replace(one, status="reversed") for one in known.fills)
    gone = msgspec.structs.replace(
        known, state="none", filled=contracts(0), cost=Money(0), fee=Money(0), fills=fills, result_no=known.result_no + 1
    )

    again = bench.runner.offer(gone)
    assert again is not None
    closed = await bench.runner.reopen(again)

    last = bench.executor.sent[-1]
    assert (last.want.market, last.want.outcome, last.want.action, last.purpose) == (KX.id, Outcome.NO, Action.BUY, "unwind")
    assert (closed.outcome, closed.matched, closed.unhedged) == ("unwound", 0, 0)
