"""How an arb waits for its venues: holds are no silence, and nothing is sent past an order that is not final."""

import asyncio

import msgspec
import pytest
from execution_fakes import KX, POLY, Bench, ends, fill, result

from trading.clock import SECOND
from trading.market import POLYMARKET


async def test_no_second_leg_while_the_first_may_still_fill():
    """B-093, B-425: a held order that filled in part is neither a miss nor an answer: it is asked about, nothing else is sent."""
    bench = Bench()
    bench.executor.script[POLY.id] = [lambda leg: result(leg, "held", 4)]
    bench.executor.resolves[POLY.id] = [lambda leg: result(leg, "held", 4)]

    closed = await bench.run()

    assert (closed.outcome, bench.venues()) == ("unknown", [POLYMARKET])


async def test_an_order_that_is_not_final_is_polled_with_back_off():
    """B-178: each look waits twice as long as the one before, up to a second; nothing else is sent meanwhile."""
    bench = Bench()
    bench.executor.script[POLY.id] = [ends("held")]
    bench.executor.resolves[POLY.id] = [*[ends("held")] * 5, fill(10)]
    seen: list[int] = []
    bench.on_sleep = lambda: seen.append(len(bench.executor.sent))

    await bench.run()

    assert bench.slept[:5] == [0.15, 0.3, 0.6, 1.0, 1.0]
    assert seen[:5] == [1] * 5


@pytest.mark.parametrize("where", ["plan", "market"])
async def test_the_limit_of_an_execution_counts_from_the_end_of_the_hold(where):
    """B-174: a venue's hold, planned or grown since, is no silence: an answer within it is taken as it is."""
    bench = Bench(execution_timeout_ns=1)
    approved = bench.approved()
    if where == "plan":
        approved = msgspec.structs.replace(approved, plan=msgspec.structs.replace(approved.plan, hold_ns=60 * SECOND))
    else:
        for market in (KX, POLY):
            bench.state.markets[market.id] = msgspec.structs.replace(market, hold_ns=60 * SECOND)

    async def answer(leg):
        bench.executor.sent.append(leg)
        for _ in range(50):  # turns of the loop in which a limit of a nanosecond would strike
            await asyncio.sleep(0)
        return fill()(leg)

    bench.executor.execute = answer

    assert (await bench.runner.run(approved)).outcome == "matched"
    assert bench.alarms == []
