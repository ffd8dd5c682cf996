"""What a person closed at a venue is not hedged a second time; everything else always may be (B-448)."""

import msgspec
import pytest
from reconcile_desk import NOW, A, B, Desk, Z, leg_name, request

from controller.reconcile.hedges import hedge_of_nothing
from trading.clock import SECOND
from trading.market import Action, MarketId, Outcome
from trading.order import LegRequest, Purpose

_FIVE = 5_000_000


def hedge(
    market: MarketId, purpose: Purpose, outcome: Outcome, action: Action = Action.BUY, *, made: int = NOW - SECOND
) -> LegRequest:
    """Five contracts."""
    leg = request(9, market, outcome, purpose=purpose)
    return msgspec.structs.replace(leg, leg_id=leg_name(9, made), want=msgspec.structs.replace(leg.want, action=action))


SELL_YES = hedge(A, "unwind", Outcome.YES, Action.SELL)
SELL_NO = hedge(A, "unwind", Outcome.NO, Action.SELL)
BUY_NO = hedge(A, "unwind", Outcome.NO)
COMPLETE = hedge(Z, "complete", Outcome.NO)


@pytest.mark.parametrize(
    ("leg", "net", "real", "goes"),
    [
        (SELL_YES, _FIVE, 0, False),  # sold by hand
        (SELL_YES, _FIVE, 4_990_000, False),
        (SELL_YES, 2 * _FIVE, _FIVE, True),  # enough is left
        (SELL_YES, _FIVE, 3 * _FIVE, True),  # somebody's own beside ours
        (SELL_NO, -_FIVE, 0, False),
        (SELL_NO, -_FIVE, -_FIVE, True),
        (BUY_NO, _FIVE, 0, False),  # a set of a side that is gone
        (BUY_NO, 0, 2 * _FIVE, True),  # bought back what an exit sold: nothing of ours is given away
        (SELL_YES, -_FIVE, 0, True),  # the position of another arb: not this one's
    ],
)
def test_an_unwind_gives_away_only_what_is_there(leg: LegRequest, net: int, real: int, goes: bool) -> None:
    """B-448: sold a second time, it would open the other side."""
    assert (hedge_of_nothing(leg, (A, net, real), ()) is None) is goes


@pytest.mark.parametrize(("net", "real", "goes"), [(_FIVE, 0, False), (_FIVE, _FIVE, True), (-_FIVE, 0, False), (9, 9, True)])
def test_nothing_completes_a_side_that_is_gone(net: int, real: int, goes: bool) -> None:
    """B-448: the missing side bought for a leg that a person sold would stand alone itself."""
    assert (hedge_of_nothing(COMPLETE, (Z, 0, 0), [(A, net, real)]) is None) is goes


async def test_a_difference_stops_the_hedges_of_what_is_gone_and_no_others(desk: Desk) -> None:
    """The journal has five, the venue none: neither sold again nor completed; other events are hedged as ever."""
    desk.fill(1, A, _FIVE)
    assert desk.one.blocks([SELL_YES]) is None
    await desk.one.look()

    assert "at the venue 0" in (desk.one.blocks([SELL_YES]) or "")
    assert "at the venue 0" in (desk.one.blocks([COMPLETE]) or "")
    assert desk.one.blocks([hedge(B, "unwind", Outcome.YES, Action.SELL)]) is None
    assert desk.one.blocks([hedge(A, "complete", Outcome.NO)]) is None


async def test_what_is_bought_after_the_comparison_can_be_sold_again(desk: Desk) -> None:
    """The difference is carried along: five that came since are there."""
    desk.fill(1, A, _FIVE)
    await desk.one.look()
    desk.fill(2, A, _FIVE)

    assert desk.one.blocks([SELL_YES]) is None


async def test_an_adoption_counts_for_the_arbs_before_it_only(desk: Desk) -> None:
    """Closed by hand and taken over: the arbs of before hedge nothing there, those made since hedge what they hold."""
    desk.fill(1, A, _FIVE)
    await desk.one.adopt()

    assert desk.one.blocks([SELL_YES]) is not None
    assert desk.one.blocks([COMPLETE]) is not None
    assert desk.one.blocks([hedge(A, "unwind", Outcome.YES, Action.SELL, made=NOW + SECOND)]) is None


@pytest.fixture
def desk() -> Desk:
    return Desk()
