"""A way out that is refused is not asked for ever while another one is open (B-437)."""

import pytest
from execution_fakes import KX, POLY, Bench, book, contracts, ends, fill

from controller.risk.decision import Refused
from trading.market import POLYMARKET, Action
from trading.units import Money, Price


@pytest.mark.parametrize("code", ["insufficient_balance", "limit_exposure"])
async def test_a_refused_completion_is_followed_by_selling_back(code: str) -> None:
    """Completing on Kalshi would be cheapest and Kalshi says no each time: the excess is sold on Polymarket for a cent."""
    bench = Bench()
    bench.executor.script[KX.id] = [ends("rejected", code)]
    bench.state.books[POLY.id] = book(POLY, bids={4_100: 500}, asks={4_200: 500})
    closed = await bench.run()

    assert (closed.outcome, closed.unhedged) == ("unwound", 0)
    assert len(bench.executor.sent) < 10


async def test_a_sale_refused_for_want_of_tokens_is_tried_again_at_no_worse_price() -> None:
    """B-179: bought tokens cannot be sold for a while. The other venue is gone; the sale is repeated as it was, with pauses, until
    the venue has them."""
    bench = Bench()
    short = ends("rejected", "insufficient_balance")
    bench.executor.script[KX.id] = [ends("none")]
    bench.executor.script[POLY.id] = [fill(), short, short, short, fill()]
    bench.state.books[KX.id] = book(KX, bids={}, asks={})
    bench.state.books[POLY.id] = book(POLY, bids={4_100: 500}, asks={})

    closed = await bench.run()

    sales = [leg.want for leg in bench.executor.sent if leg.want.action is Action.SELL]
    assert [(want.market, want.limit, want.size) for want in sales] == [(POLY.id, 4_100, contracts(10))] * 4
    assert (closed.outcome, closed.unhedged) == ("unwound", 0)
    assert all(pause > 0 for pause in bench.slept) and len(bench.slept) >= 3


async def test_a_way_the_gate_refuses_is_followed_by_another() -> None:
    """The trader of that venue is halted or gone: the other venue's book is the way out."""
    bench = Bench()
    bench.executor.script[KX.id] = [ends("refused", "halted")]
    bench.state.books[POLY.id] = book(POLY, bids={4_100: 500}, asks={4_200: 500})
    asked = bench.gate.exit

    def halted(opened, want, purpose, now, *, leg, attempt):
        if want.market == KX.id:
            return Refused(intent=opened.intent, code="no_route", detail="the trader is halted")
        return asked(opened, want, purpose, now, leg=leg, attempt=attempt)

    bench.gate.exit = halted
    closed = await bench.run()

    assert (closed.outcome, closed.unhedged) == ("unwound", 0)


async def test_an_excess_that_two_traders_bought_is_sold_in_two_orders() -> None:
    """B-437: no trader sells more than it bought (distributed.md 4.9): what one cannot sell at once goes with the next order."""
    bench = Bench(sigma_pre_game=Money(0))
    bench.executor.script[KX.id] = [ends("none")]
    bench.state.books[KX.id].apply_snapshot({Price(2_000): contracts(500)}, {}, bench.clock.mono_ns())
    bench.executor.most = {POLYMARKET: contracts(6)}
    closed = await bench.run()

    sales = [leg.want.size for leg in bench.executor.sent if leg.want.action is Action.SELL]
    assert sales == [contracts(6), contracts(4)]
    assert (closed.outcome, closed.unhedged) == ("unwound", 0)
