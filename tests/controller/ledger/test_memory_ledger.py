"""Cash and positions by our arithmetic follow the venues' rules for netting and collateral."""

import msgspec
import pytest

from controller.ledger.memory import Holding, MemoryLedger, compare
from trading.ids import LegId
from trading.market import KALSHI, POLYMARKET, Action, Market, MarketId, Outcome, Venue
from trading.order import Fill, LegRequest, LegResult, Want
from trading.units import CONTRACT, DOLLAR, Money, MonoNs, Price, Size, WallNs, cost_of

N = 10 * CONTRACT


def market(venue: Venue, shard: int = 0) -> Market:
    return Market(id=MarketId("M"), venue=venue, event_id="E", question="?", grid=(), min_size=Size(1), fees=None, shard=shard)


def trade(ledger: MemoryLedger, venue: Venue, number: int, outcome: Outcome, action: Action, price: int, size: int = N) -> None:
    want = Want(market=MarketId("M"), outcome=outcome, action=action, limit=Price(price), size=Size(size))
    cost = cost_of(Price(price), Size(size)) * (1 if action is Action.BUY else -1)
    leg = LegRequest(
        leg_id=LegId(number.to_bytes(16)),
        want=want,
        venue=venue,
        purpose="open",
        max_cost=Money(0),
        world="sim",
        epoch=1,
        deadline=MonoNs(0),
    )
    fill = Fill(
        id="1",
        price=Price(price),
        size=Size(size),
        cost=Money(cost),
        fee=Money(5),
        fee_is_final=True,
        maker=False,
        at=WallNs(0),
        status="final",
    )
    result = LegResult(leg_id=leg.leg_id, state="filled", filled=Size(size), cost=Money(cost), fee=Money(5), fills=(fill,))
    ledger.apply(leg, market(venue), result)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_buying_either_side_on_kalshi_takes_its_cost(outcome: Outcome) -> None:
    """From flat, 10 contracts at 40 cents cost $4 and the fee, whichever side."""
    ledger = MemoryLedger()
    trade(ledger, KALSHI, 1, outcome, Action.BUY, 4000)
    totals = ledger.totals()

    assert totals.cash == {(KALSHI, 0): -4 * DOLLAR - 5}
    assert totals.positions == {Holding(KALSHI, MarketId("M"), outcome): N}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_opposite_buys_on_kalshi_net_and_release_a_dollar(outcome: Outcome) -> None:
    """YES at 40 and NO at 55 end flat with 5 cents a contract gained before fees (kalshi.md 7.1)."""
    ledger = MemoryLedger()
    trade(ledger, KALSHI, 1, outcome, Action.BUY, 4000)
    trade(ledger, KALSHI, 2, outcome.other, Action.BUY, 5500)
    totals = ledger.totals()

    assert totals.cash == {(KALSHI, 0): DOLLAR // 2 - 10}
    assert totals.positions == {}


def test_selling_back_on_kalshi_equals_buying_the_other_side() -> None:
    """SELL YES at 45 and BUY NO at 55 are the same order, so the same cash."""
    sold, bought = MemoryLedger(), MemoryLedger()
    for ledger in (sold, bought):
        trade(ledger, KALSHI, 1, Outcome.YES, Action.BUY, 4000)
    trade(sold, KALSHI, 2, Outcome.YES, Action.SELL, 4500)
    trade(bought, KALSHI, 2, Outcome.NO, Action.BUY, 5500)

    assert sold.totals() == bought.totals()


def test_crossing_through_zero_locks_collateral_for_the_rest() -> None:
    """Selling 20 YES out of 10 held leaves 10 NO with their collateral."""
    ledger = MemoryLedger()
    trade(ledger, KALSHI, 1, Outcome.YES, Action.BUY, 4000)
    trade(ledger, KALSHI, 2, Outcome.YES, Action.SELL, 4500, 2 * N)

    assert ledger.totals().cash == {(KALSHI, 0): -4 * DOLLAR + 9 * DOLLAR - 10 * DOLLAR - 10}
    assert ledger.totals().positions == {Holding(KALSHI, MarketId("M"), Outcome.NO): N}


def test_tokens_on_polymarket_are_held_apart() -> None:
    """Both outcomes bought are two holdings until merged; nothing is released."""
    ledger = MemoryLedger()
    trade(ledger, POLYMARKET, 1, Outcome.YES, Action.BUY, 4000)
    trade(ledger, POLYMARKET, 2, Outcome.NO, Action.BUY, 5500)

    assert ledger.totals().cash == {(POLYMARKET, 0): -9_500_000 - 10}
    assert len(ledger.totals().positions) == 2


def test_a_newer_result_replaces_the_older_one() -> None:
    """A leg counts once, by its newest version, in whatever order the versions arrive."""
    ledger = MemoryLedger()
    trade(ledger, POLYMARKET, 1, Outcome.YES, Action.BUY, 4000)
    leg, m, result = ledger._legs[LegId((1).to_bytes(16))]
    newer = msgspec.structs.replace(result, state="none", filled=Size(0), cost=Money(0), fee=Money(0), fills=(), result_no=2)
    ledger.apply(leg, m, newer)
    ledger.apply(leg, m, result)

    assert ledger.totals().positions == {}
    assert ledger.totals().cash == {(POLYMARKET, 0): 0}
    assert ledger.unconfirmed() == ()


def test_a_leg_without_final_amounts_is_unconfirmed() -> None:
    ledger = MemoryLedger()
    trade(ledger, POLYMARKET, 1, Outcome.YES, Action.BUY, 4000)
    leg, m, result = ledger._legs[LegId((1).to_bytes(16))]
    ledger.apply(leg, m, msgspec.structs.replace(result, state="unknown", result_no=2))

    assert ledger.unconfirmed() == (leg,)


def test_provisional_fill_is_unconfirmed_until_its_venue_confirms_it() -> None:
    """B-424: amounts and fee are the venue's own, yet the fill may be taken back; "none" with nothing filled needs no asking."""
    ledger = MemoryLedger()
    trade(ledger, POLYMARKET, 1, Outcome.YES, Action.BUY, 4000)
    leg, m, result = ledger._legs[LegId((1).to_bytes(16))]
    assert ledger.unconfirmed() == ()
    waiting = tuple(msgspec.structs.replace(fill, status="provisional") for fill in result.fills)
    ledger.apply(leg, m, msgspec.structs.replace(result, fills=waiting, result_no=2))
    assert ledger.unconfirmed() == (leg,)

    ledger.apply(leg, m, msgspec.structs.replace(result, result_no=3))

    assert ledger.unconfirmed() == ()


def test_compare_names_every_difference() -> None:
    """Missing on either side counts as zero there."""
    found = compare({"a": 1, "b": 2}, {"b": 3, "c": 0}, KALSHI)

    assert [(d.what, d.ours, d.theirs) for d in found] == [("a", 1, 0), ("b", 2, 3)]
