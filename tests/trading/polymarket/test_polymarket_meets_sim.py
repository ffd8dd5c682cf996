"""The client against the simulated venue, which checks signatures and keeps its books by code of its own (design.md 4)."""

import asyncio
import json
import random

import pytest
from polymarket_meeting import CASH, Meeting

from trading.clock import SECOND
from trading.market import Action, Outcome
from trading.order import Tif
from trading.polymarket.books import PolymarketBooks
from trading.sim.core import Request, Session
from trading.units import Price, Size
from trading.venue import AccountQuery


@pytest.mark.parametrize(
    ("kind", "version", "neg_risk"),
    [(0, "v1", False), (1, "v1", False), (2, "v1", True), (3, "v1", False), (3, "v1", True), (3, "v2", False)],
)
async def test_every_wallet_type_trades_on_every_exchange(kind: int, version: str, neg_risk: bool) -> None:
    """The venue accepts our signatures under each domain, and found fills equal its own cash to the unit."""
    meeting = Meeting(kind, version, neg_risk)
    market = await meeting.open()
    order, answer = await meeting.trade(Action.BUY, Outcome.YES, 5600, 20_000_000)
    result = await meeting.client.find(order)
    cash = (await meeting.client.account(AccountQuery(what="balances"))).balances[0].cash
    meeting.advance(30)
    final = await meeting.client.find(order)
    shares = (await meeting.client.account(AccountQuery(what="positions", market=market.id))).positions

    assert (market.version, market.neg_risk, market.tradable) == (version, neg_risk, True)
    assert result is not None
    assert (answer.state, result.state, result.settled) == ("filled", "filled", True)
    assert (answer.filled, answer.cost) == (result.filled, result.cost)
    assert CASH - cash == result.cost + result.fee
    assert answer.fee >= result.fee
    assert final is not None
    assert {fill.status for fill in final.fills} == {"final"}
    assert [position.size for position in shares] == [result.filled]


async def test_misses_rests_and_holds_are_told_apart() -> None:
    """A FAK without a match is none, a GTC rests until cancelled, a held order is found filled after its hold."""
    meeting = Meeting()
    market = await meeting.open()
    _, missed = await meeting.trade(Action.BUY, Outcome.YES, 5000, 10_000_000)
    rest, resting = await meeting.trade(Action.BUY, Outcome.YES, 100, 500_000_000, Tif.GTC)
    cancelled = await meeting.client.cancel(rest)
    meeting.sim.set_hold(market.id, 3 * SECOND)
    order, held = await meeting.trade(Action.BUY, Outcome.NO, 5000, 4_000_000)
    during = await meeting.client.find(order)
    meeting.advance(4)
    after = await meeting.client.find(order)

    assert (missed.state, missed.code, resting.state, cancelled.state) == ("none", "fak_no_match", "resting", "none")
    assert held.state == "held"
    assert during is not None
    assert during.state == "held"
    assert after is not None
    assert (after.state, after.filled, after.cost) == ("filled", 4_000_000, 2_000_000)


async def test_ghost_fills_are_reversed_when_found() -> None:
    """A trade that FAILS takes its fill back (B-424)."""
    meeting = Meeting()
    await meeting.open()
    meeting.sim.fail_next_trade("ghost")
    order, answer = await meeting.trade(Action.BUY, Outcome.YES, 5500, 10_000_000)
    meeting.advance(60)
    result = await meeting.client.find(order)

    assert answer.state == "filled"
    assert result is not None
    assert (result.state, result.code, result.filled) == ("none", "reversed", 0)


async def test_streamed_book_equals_the_rest_book() -> None:
    """Frames of resting, taking and a tick change leave the book that GET /book shows, without a resync of our own making."""
    meeting = Meeting()
    market = await meeting.open()
    core = PolymarketBooks(lambda event: None)
    core.add(market)
    session = meeting.sim.connect(Request("GET", "/ws/market", (), {}, b""))
    assert isinstance(session, Session)
    subscribe = {"type": "market", "assets_ids": list(market.tokens), "custom_feature_enabled": True}
    meeting.sim.on_frame(session, json.dumps(subscribe))
    chance = random.Random(5)
    for _ in range(60):
        meeting.advance(1)
        side, price = chance.choice((("bid", chance.randrange(40, 56)), ("ask", chance.randrange(54, 70))))
        act = chance.choice((meeting.sim.customer_rest, meeting.sim.customer_take))
        act(market.id, "bid" if side == "bid" else "ask", Price(price * 100), Size(chance.randrange(1, 900) * 10_000))
        while session.outbox:
            core.apply(session.outbox.popleft().encode(), meeting.clock.mono_ns(), meeting.clock.wall_ns())
        rest = await meeting.client.book(market.id)
        await asyncio.sleep(0)

        assert core.books[market.id].ready
        assert (core.books[market.id].bids, core.books[market.id].asks) == (rest.bids, rest.asks)
    assert (core.bad_frames, core.resyncs) == (0, 0)
