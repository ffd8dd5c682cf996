"""Promises of the exit rule: the cheapest allowed way, priced now, inside the ladder; minimums, dust and dead venues respected."""

import msgspec
import pytest
from execution_fakes import KX, POLY, contracts
from hypothesis import given
from hypothesis import strategies as st

from controller.execution.unwind import (
    Alarm,
    Complement,
    Complete,
    Excess,
    ExitFacts,
    ExitSettings,
    Hold,
    Sell,
    allowed_loss,
    decide,
    lock_charge,
)
from trading.clock import SECOND
from trading.fees import unit_fees
from trading.market import KALSHI, POLYMARKET, Action, Outcome
from trading.polymarket.amounts import cash_for
from trading.units import ONE, Money, Price, Size, WallNs

SETTINGS = ExitSettings()
CENT = 10_000
DAY = 86_400 * SECOND


def excess(size: float = 10, *, cents: float = 43, on=POLY) -> Excess:
    """YES bought at cents all in, on one venue; the other venue's NO is missing."""
    other = KX if on is POLY else POLY
    return Excess(
        market=on,
        outcome=Outcome.YES,
        size=contracts(size),
        cost=Money(round(cents * CENT)),
        short=(other, Outcome.NO),
        completes=contracts(size),
        others=Money(round(cents * CENT)),
        payout=ONE,
        naked=Money(round(size * cents * CENT)),
    )


def side(*levels: tuple[int, float]) -> list[tuple[Price, Size]]:
    return [(Price(price), contracts(size)) for price, size in levels]


def facts(**values) -> ExitFacts:
    return ExitFacts(**({"elapsed_ns": 0, "bids": (), "asks": (), "other_asks": ()} | values))


def test_completing_at_a_profit_costs_nothing():
    """The missing side still makes the set worth it: complete, at the price shown."""
    answer = decide(excess(), facts(asks=side((5_000, 100)), bids=side((4_000, 100))), SETTINGS)

    assert isinstance(answer, Complete)
    assert (answer.want.market, answer.want.outcome, answer.want.action) == (KX.id, Outcome.NO, Action.BUY)
    assert (answer.want.limit, answer.want.size, answer.loss) == (5_000, contracts(10), 0)


def test_cheapest_way_wins():
    """Each way wins where it is the cheapest."""
    dear, cheap = 5_800, 5_700

    complete = decide(excess(), facts(asks=side((cheap - 100, 100)), bids=side((3_800, 100))), SETTINGS)
    sell = decide(excess(), facts(asks=side((dear, 100)), bids=side((4_200, 100))), SETTINGS)
    pair = decide(excess(), facts(asks=side((dear, 100)), bids=side((4_100, 100)), other_asks=side((5_600, 100))), SETTINGS)

    assert (type(complete), type(sell), type(pair)) == (Complete, Sell, Complement)
    assert (pair.want.market, pair.want.outcome, pair.want.action) == (POLY.id, Outcome.NO, Action.BUY)


def test_tie_completes():
    """Completing and selling at the same loss: complete."""
    fee = unit_fees(KX.fees)[5_500] + unit_fees(POLY.fees)[4_500]
    held = msgspec.structs.replace(excess(), cost=Money(450_000 + 10_000 - unit_fees(POLY.fees)[4_500]))
    held = msgspec.structs.replace(held, others=Money(460_000 - fee + unit_fees(POLY.fees)[4_500]))
    tie = facts(asks=side((5_500, 100)), bids=side((4_500, 100)))

    answer = decide(held, tie, SETTINGS)

    assert isinstance(answer, Complete)
    selling = decide(msgspec.structs.replace(held, short=None), tie, SETTINGS)
    assert isinstance(selling, Sell) and selling.loss == answer.loss == CENT


def test_waiting_to_sell_is_a_cost():
    """Tokens that cannot be sold at once carry sigma x sqrt(wait)."""
    now = decide(excess(), facts(bids=side((4_200, 100))), SETTINGS)
    later = decide(excess(), facts(bids=side((4_200, 100)), sigma=Money(1_500), wait_ns=4 * SECOND), SETTINGS)

    assert later.loss - now.loss == 3_000


@pytest.mark.parametrize(
    ("elapsed", "changes", "naked", "cents"),
    [
        (0, {}, 10, 3),
        (2, {}, 10, 10),
        (10, {}, 10, 10),
        (10, {}, 21, 25),
        (10, {"live": True}, 10, 25),
        (5, {"live": True}, 10, 10),
        (0, {"near_close": True}, 10, 25),
    ],
)
def test_ladder(elapsed, changes, naked, cents):
    """3c to 2 s, 10c to 10 s, then 25c if more than $20 is naked or the event is live; near a close 25c at once."""
    held = msgspec.structs.replace(excess(), naked=Money(naked * 1_000_000))

    assert allowed_loss(held, facts(elapsed_ns=elapsed * SECOND, **changes), SETTINGS) == cents * CENT


def test_too_dear_waits_then_alarms():
    """Beyond the ladder nothing is sent; at the deadline a person is told."""
    quotes = {"asks": side((8_000, 100)), "bids": side((2_000, 100))}

    assert decide(excess(), facts(**quotes), SETTINGS) == Hold("too_dear")
    assert decide(excess(), facts(elapsed_ns=30 * SECOND, **quotes), SETTINGS) == Alarm("deadline")


def test_no_quotes_holds():
    """Without bids and asks there is nothing to do now."""
    assert decide(excess(), facts(bids=None, asks=None, other_asks=None), SETTINGS) == Hold("no_quotes")


def test_dust_is_carried():
    """HEDGE_DUST is left where it is."""
    assert decide(excess(0.05), facts(asks=side((5_000, 100))), SETTINGS) == Hold("dust")
    assert isinstance(decide(excess(0.06), facts(asks=side((5_000, 100))), SETTINGS), Complete)


def test_walk_stops_where_the_ladder_stops():
    """Depth beyond the allowed loss is left; the limit is the last level taken and the loss is the mean."""
    fee = unit_fees(KX.fees)
    asks = side((5_500, 4), (5_600, 4), (7_000, 100))

    answer = decide(excess(), facts(asks=asks, elapsed_ns=0), SETTINGS)

    assert (answer.want.size, answer.want.limit) == (contracts(8), 5_600)
    losses = [max(0, 430_000 + price * 100 + fee[price] - 1_000_000) for price in (5_500, 5_600)]
    assert answer.loss == -(-sum(losses) // 2)


def test_completions_step_a_hundredth_and_sells_need_a_dollar():
    """Kalshi completes in 0.01; what is worth less than $1 cannot be sold or paired on Polymarket."""
    small = decide(
        excess(1.239), facts(asks=side((5_500, 100)), bids=side((4_300, 100)), other_asks=side((5_700, 100))), SETTINGS
    )
    stuck = decide(excess(1.239), facts(bids=side((4_300, 100)), other_asks=side((5_700, 100))), SETTINGS)
    enough = decide(excess(2.5), facts(bids=side((4_300, 100))), SETTINGS)

    assert small.want.size == contracts(1.23)
    assert isinstance(stuck, Hold)
    assert isinstance(enough, Sell)


def test_dead_venue_offers_nothing():
    """One venue down leaves the other's ways; both down is an alarm at once."""
    quotes = {"asks": side((5_000, 100)), "bids": side((4_200, 100)), "other_asks": side((5_800, 100))}

    assert isinstance(decide(excess(), facts(down=frozenset({KALSHI}), **quotes), SETTINGS), Sell | Complement)
    assert isinstance(decide(excess(), facts(down=frozenset({POLYMARKET}), **quotes), SETTINGS), Complete)
    assert decide(excess(), facts(down=frozenset({KALSHI, POLYMARKET}), **quotes), SETTINGS) == Alarm("venues_down")


def test_complement_is_charged_for_the_locked_dollar():
    """Nothing merges a set: the dollar in it is charged at 20 % a year until settlement, at least for 7 days."""
    week, month = (-(-1_000_000 * 200_000 * days // (365 * 1_000_000)) for days in (7, 30))
    wall = WallNs(1_000 * DAY)
    late = msgspec.structs.replace(POLY, settles_at=WallNs(wall + 30 * DAY))
    soon = msgspec.structs.replace(POLY, settles_at=WallNs(wall + DAY))

    assert lock_charge(POLY, facts(wall=wall), SETTINGS) == lock_charge(soon, facts(wall=wall), SETTINGS) == week
    assert lock_charge(late, facts(wall=wall), SETTINGS) == month
    assert lock_charge(late, facts(), SETTINGS) == week


def test_complement_wins_only_beyond_its_lock():
    """auto sells when both ways cost the same, and makes a set when that is cheaper by more than the lock."""
    fee = unit_fees(POLY.fees)
    even = facts(bids=side((4_200, 100)), other_asks=side((5_800, 100)))
    cheap = facts(bids=side((4_200, 100)), other_asks=side((5_700, 100)))

    sold, paired = decide(excess(), even, SETTINGS), decide(excess(), cheap, SETTINGS)

    assert isinstance(sold, Sell) and isinstance(paired, Complement)
    assert paired.loss == 430_000 + 570_000 + fee[5_700] - 1_000_000 + lock_charge(POLY, even, SETTINGS)


def test_over_delivered_complement_is_never_a_free_completion():
    """7.5 NO too many at 61c: at a bid of 1c and an ask of 99c nothing is sent, however long it lasts."""
    held = msgspec.structs.replace(excess(7.5, cents=61), outcome=Outcome.NO, short=None, completes=Size(0), others=Money(0))
    far = {"bids": side((100, 500)), "other_asks": side((9_900, 500)), "asks": side((9_900, 500))}

    assert decide(held, facts(**far), SETTINGS) == Hold("too_dear")
    assert decide(held, facts(elapsed_ns=40 * SECOND, live=True, **far), SETTINGS) == Alarm("deadline")


def test_cash_sized_buy_takes_one_level_at_its_price():
    """A complement is limited at the best level's price and within it: a better fill than the limit would deliver more."""
    answer = decide(excess(20), facts(other_asks=side((5_600, 12), (5_700, 100))), ExitSettings(via="complement"))

    assert (answer.want.limit, answer.want.size) == (5_600, contracts(12))
    assert cash_for(answer.want.size, answer.want.limit) * 10_000 == answer.want.limit * answer.want.size


def test_cash_sized_buy_goes_deeper_only_for_the_minimum():
    """A first level below $1, or a rest that would be, is bought together with the next, for the cash of just that."""
    first = decide(excess(20), facts(other_asks=side((5_600, 1), (5_700, 100))), ExitSettings(via="complement"))
    rest = decide(excess(20), facts(other_asks=side((5_600, 19), (5_700, 100))), ExitSettings(via="complement"))

    for answer, best in ((first, 1), (rest, 19)):
        assert answer.want.limit == 5_700
        cash = cash_for(answer.want.size, answer.want.limit)
        delivered = contracts(best) + (cash - best * 560_000) * 10_000 // 5_700
        assert contracts(19.95) <= delivered <= contracts(20)


def test_off_grid_level_is_priced_where_its_order_may_fill():
    """An ask between two steps is ordered at the next one up, and that price must be within the ladder."""
    asks = [(Price(5_451), contracts(100))]
    held = msgspec.structs.replace(excess(), others=Money(460_000 - unit_fees(KX.fees)[5_500] + 20_001))

    assert decide(held, facts(asks=asks), SETTINGS) == Hold("too_dear")
    assert decide(excess(), facts(asks=asks), SETTINGS).want.limit == 5_500


def test_complement_only_where_sets_are_held_and_as_set():
    """Kalshi nets by selling; POLY_UNWIND_VIA picks one way of Polymarket's two."""
    quotes = {"bids": side((4_200, 100)), "other_asks": side((5_700, 100))}

    assert isinstance(decide(excess(on=KX), facts(**quotes), SETTINGS), Sell)
    assert isinstance(decide(excess(), facts(**quotes), ExitSettings(via="sell")), Sell)
    assert isinstance(decide(excess(), facts(**quotes), ExitSettings(via="complement")), Complement)


def test_watch_only_market_is_no_way_out():
    """A market whose fees cannot be read is not traded, not even to get out."""
    held = msgspec.structs.replace(excess(), short=(msgspec.structs.replace(KX, fees=None), Outcome.NO))

    assert isinstance(decide(held, facts(asks=side((5_000, 100))), SETTINGS), Hold)


def test_terms_that_went_unread_leave_the_way_out_open():
    """One failed reading while a leg stands alone: it is still completed, and sold even when the fees went missing."""
    unread = msgspec.structs.replace(KX, tradable=False)
    short = msgspec.structs.replace(excess(), short=(unread, Outcome.NO))
    held = msgspec.structs.replace(excess(), market=msgspec.structs.replace(POLY, tradable=False, fees=None))

    assert isinstance(decide(short, facts(asks=side((5_000, 100))), SETTINGS), Complete)
    assert isinstance(decide(held, facts(bids=side((4_300, 100))), SETTINGS), Sell)


levels = st.lists(st.tuples(st.integers(1, 99), st.integers(1, 3_000)), max_size=4, unique_by=lambda level: level[0])


@given(
    bids=levels,
    asks=levels,
    others=levels,
    size=st.integers(1, 3_000),
    cents=st.integers(1, 99),
    elapsed=st.integers(0, 40),
    live=st.booleans(),
)
def test_no_answer_breaks_its_limits(bids, asks, others, size, cents, elapsed, live):
    """For any books: an order is within size, depth, grid and minimum, and its mean loss within the ladder."""
    held = excess(size / 100, cents=cents)

    def made(rows, *, best_first):
        return [(Price(p * 100), contracts(s / 100)) for p, s in sorted(rows, reverse=best_first)]

    seen = facts(
        elapsed_ns=elapsed * SECOND,
        bids=made(bids, best_first=True),
        asks=made(asks, best_first=False),
        other_asks=made(others, best_first=False),
        live=live,
    )

    answer = decide(held, seen, SETTINGS)

    if isinstance(answer, Complete | Sell | Complement):
        shown = {Complete: seen.asks, Sell: seen.bids, Complement: seen.other_asks}[type(answer)]
        assert 0 < answer.want.size <= min(held.size, sum(size for _, size in shown))
        assert answer.want.size % 10_000 == 0 and answer.want.limit % 100 == 0
        assert answer.loss <= allowed_loss(held, seen, SETTINGS)
        if not isinstance(answer, Complete):
            assert answer.want.limit * answer.want.size // 10_000 >= 1_000_000
