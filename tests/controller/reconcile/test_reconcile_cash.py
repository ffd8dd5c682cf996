"""What our record says a venue's cash should have done between two looks (B-243)."""

from collections.abc import Mapping

import pytest

from controller.reconcile.cash import CashLook, CashWatch, explain, look_of
from controller.reconcile.compare import Legs
from trading.ids import LegId
from trading.market import KALSHI, POLYMARKET, Action, MarketId, Outcome
from trading.order import LegRequest, LegResult, Want
from trading.units import Money, MonoNs, Price, Size, WallNs
from trading.venue import Position, Settlement

_M = MarketId("KXA")
_C = 1_000_000
"""A contract, and a dollar."""


def legs(*filled: tuple[Outcome, Action, int, int]) -> Legs:
    """Legs of one market: outcome, action, contracts, cash out with fees."""
    found = {}
    for n, (outcome, action, size, spent) in enumerate(filled):
        want = Want(market=_M, outcome=outcome, action=action, limit=Price(1), size=Size(size))
        leg_id = LegId(n.to_bytes(16))
        leg = LegRequest(
            leg_id=leg_id,
            want=want,
            venue=KALSHI,
            purpose="open",
            max_cost=Money(1),
            world="sim",
            epoch=1,
            deadline=MonoNs(0),
        )
        found[leg_id] = leg, LegResult(leg_id=leg_id, state="filled", filled=Size(size), cost=Money(spent))
    return found


def look(cash: int, known: Legs, held: int = 0, *settled: Settlement) -> CashLook:
    """held is one signed row, as Kalshi lists a position."""
    rows = (Position(market=_M, size=Size(held)),) if held else ()
    return look_of(Money(cash), KALSHI, known, rows, settled)


def paid(payout: int, *, revenue: int = 0, redeemed: bool = True) -> Settlement:
    return Settlement(market=_M, payout=Money(payout), revenue=Money(revenue), at=WallNs(0), paid=redeemed)


_BOUGHT = (Outcome.YES, Action.BUY, 5 * _C, 2 * _C)


def test_a_purchase_and_a_sale_cost_what_their_fills_say() -> None:
    """Cash out with fees, negative for a sale; a leg that grew counts with its growth only."""
    bought = legs(_BOUGHT)
    sold = legs(_BOUGHT, (Outcome.YES, Action.SELL, 5 * _C, -3 * _C))

    assert explain(look(9, legs()), look(9, bought, 5 * _C)).expected == -2 * _C
    assert explain(look(9, bought, 5 * _C), look(9, sold)).expected == 3 * _C


def test_what_nets_at_the_venue_pays_a_dollar_a_pair() -> None:
    """kalshi.md 12: NO bought on top of YES is paid, and both sides vanish for a dollar each pair."""
    before, after = legs(_BOUGHT), legs(_BOUGHT, (Outcome.NO, Action.BUY, 5 * _C, 2 * _C))

    assert explain(look(9, before, 5 * _C), look(9, after)).expected == 3 * _C


def test_a_sale_of_what_is_not_held_puts_up_the_rest_of_the_dollar() -> None:
    """The venue books it as NO: the price comes in, a dollar goes into each pair."""
    after = legs((Outcome.YES, Action.SELL, 5 * _C, -3 * _C))

    assert explain(look(9, legs()), look(9, after, -5 * _C)).expected == -2 * _C


@pytest.mark.parametrize(("held", "payout", "comes"), [(5, _C, 5 * _C), (5, 0, 0), (-5, 0, 5 * _C), (4, _C // 2, 2 * _C)])
def test_a_settled_market_pays_its_payout(held: int, payout: int, comes: int) -> None:
    """B-242: YES at the payout, NO at the rest, half and half included."""
    assert explain(look(9, {}, held * _C), look(9, {}, 0, paid(payout))).expected == comes


def test_a_claim_pays_when_it_was_redeemed_and_not_when_it_was_resolved() -> None:
    """polymarket.md 13: a resolved position leaves the open ones first; its money comes with the redemption."""
    claim = paid(_C, revenue=5 * _C, redeemed=False)
    held, resolved, redeemed = look(9, {}, 5 * _C), look(9, {}, 0, claim), look(9, {})

    assert explain(held, resolved).expected == 0
    assert explain(resolved, redeemed).expected == 5 * _C


def test_a_position_that_left_without_a_payout_gives_no_verdict() -> None:
    """What cannot be priced is no difference of cash; the comparison of positions speaks of it."""
    found = explain(look(9, {}, 5 * _C), look(9, {}))

    assert (found.expected, _M in found.why) == (None, True)


def test_a_difference_counts_at_its_second_look_and_once() -> None:
    """Balances lag: a figure that is gone at the next look was none."""
    watch = CashWatch()

    def seen(cash: int) -> int | None:
        found = watch.observe(KALSHI, look(cash, {}))
        return found[0] if found is not None else None

    assert [seen(cash * _C) for cash in (10, 9, 10)] == [None, None, None]
    assert [seen(cash * _C) for cash in (8, 8, 8)] == [None, -2 * _C, None]
    assert len(watch.told) == 1


def test_cents_of_rounding_are_no_difference() -> None:
    """A cent for the balance and one for each market that moved."""
    watch = CashWatch()
    known: Mapping[LegId, tuple[LegRequest, LegResult | None]] = legs(_BOUGHT)
    watch.observe(POLYMARKET, look(10 * _C, {}))

    assert watch.observe(POLYMARKET, look(8 * _C - 20_000, known, 5 * _C)) is None
    assert not watch.unsure(POLYMARKET)
