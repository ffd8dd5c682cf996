"""What a person is told who sees no opportunity: the best gap, and what is asked of it (B-316)."""

from types import SimpleNamespace
from typing import Any

from desk import Desk, K, P
from test_event_basket import Cup

from controller.risk.limits import RiskSettings
from controller.runtime import Runtime
from controller.strategy.gap import Gap, gap_of, widest

CALM = RiskSettings(edge_vol_k_ppm=0)


def best(desk: Desk) -> Gap | None:
    found = widest(desk.state.baskets.values(), desk.state)
    return gap_of(found[1], desk.state, CALM, desk.now) if found is not None else None


def test_best_gap_is_after_fees_and_says_what_is_asked() -> None:
    """YES at 45c on P and NO at 48c on K: 7c less both fees, 1 % of cost or a cent asked; the other direction loses."""
    desk = Desk(CALM)
    desk.intent()
    gap = best(desk)

    assert gap is not None
    assert gap.basket.kind == "poly_yes_kalshi_no"
    assert 30_000 < gap.edge < 70_000
    assert 10_000 <= gap.asked < 15_000
    assert gap.text() == f"{gap.edge / 10_000:.2f}c of {gap.asked / 10_000:.2f}c asked ({gap.basket.id})"


def test_a_loss_is_a_gap_and_a_better_one_before_stays() -> None:
    """Part by part over a large universe gives the same as all at once."""
    desk = Desk(CALM)
    desk.quote(K, {50: 40}, {53: 40})
    desk.quote(P, {48: 40}, {51: 40})
    found = None
    for basket in desk.state.baskets.values():
        found = widest([basket], desk.state, found)
    gap = best(desk)

    assert gap is not None and found is not None
    assert (found[0], gap.basket) == (-100, found[1])
    assert gap.edge < -10_000


def test_books_that_prove_nothing_are_no_gap() -> None:
    """Without a snapshot, with an empty side, or crossed."""
    desk = Desk(CALM)
    assert best(desk) is None
    desk.quote(K, {60: 40}, {53: 40})
    desk.quote(P, {44: 40}, {45: 40})
    assert best(desk) is None
    desk.quote(K, {}, {})
    assert best(desk) is None


def test_event_baskets_count() -> None:
    """B-160: NO of three at 30c bids pays two dollars for two dollars ten."""
    cup = Cup(CALM)
    cup.bids(30, 30, 30)
    gap = best(cup.desk)

    assert gap is not None and gap.basket.kind == "kalshi_only"
    assert -200_000 < gap.edge < -100_000


async def test_gaps_of_all_pairs_are_their_better_directions() -> None:
    """B-295: one figure a pair; a pair without books has none."""
    desk = Desk(CALM)
    runtime: Any = SimpleNamespace(_state=desk.state, _numbers=CALM, _clock=desk.clock)
    assert await Runtime.gaps(runtime) == {}
    desk.intent()
    gap = best(desk)

    assert gap is not None
    assert await Runtime.gaps(runtime) == {desk.pair.id: gap.edge}
