"""TEST_ARB: one synthetic opportunity of the wanted type through the usual gate, small and marked (B-034, B-035, B-072)."""

import pytest
from desk import Desk, change, contracts
from test_event_basket import Cup

from controller.model import Command
from controller.risk.decision import Approved
from controller.risk.limits import RiskSettings
from controller.strategy.base import Intent
from controller.strategy.synthetic import Synthetic
from trading.market import POLYMARKET, Outcome
from trading.units import Price

NO_EDGE = RiskSettings(edge_vol_k_ppm=0, allow_live_test_arb=True)


def asked(desk: Desk, kind: str) -> list[Intent]:
    return list(Synthetic(kind).on_event(Command("test_arb"), desk.state, desk.now))  # type: ignore[arg-type]  # no cancels


@pytest.mark.parametrize(("kind", "outcome"), [("poly_yes_kalshi_no", Outcome.NO), ("kalshi_yes_poly_no", Outcome.YES)])
def test_each_direction_of_a_pair_can_be_asked_for(kind: str, outcome: Outcome) -> None:
    """B-035: at most 10 contracts whatever is shown, without any edge, and approved by the gate that asks everything else."""
    desk = Desk(NO_EDGE)
    desk.intent()
    (intent,) = asked(desk, kind)

    assert intent.is_test and intent.basket.kind == kind
    assert intent.wants[0].outcome is outcome
    assert [want.size for want in intent.wants] == [contracts(10), contracts(10)]
    assert isinstance(desk.gate.approve(intent, desk.now), Approved)


@pytest.mark.parametrize(("kind", "fields"), [("kalshi_only", {}), ("poly_only", {"venue": POLYMARKET, "shard": 0})])
def test_an_event_basket_of_either_venue_can_be_asked_for(kind: str, fields: dict[str, object]) -> None:
    """B-035, B-160: NO of every market of one event, though bids of 30 cents each earn nothing."""
    cup = Cup(NO_EDGE, **fields)
    assert cup.bids(30, 30, 30) == []
    (intent,) = asked(cup.desk, kind)

    assert intent.is_test and intent.basket.kind == kind
    assert [(want.outcome, want.limit, want.size) for want in intent.wants] == [(Outcome.NO, Price(7_000), contracts(10))] * 3
    assert isinstance(cup.desk.gate.approve(intent, cup.desk.now), Approved)


def test_nothing_is_made_up_where_no_basket_of_that_type_has_books() -> None:
    """B-072: another type is no substitute, and a book that lost its proof is none."""
    desk = Desk(NO_EDGE)
    assert asked(desk, "poly_yes_kalshi_no") == []
    desk.intent()
    assert asked(desk, "poly_only") == []


def test_real_orders_of_a_synthetic_opportunity_need_the_flag() -> None:
    """B-072: --allow-live-test-arb; without it the refusal says so."""
    desk = Desk(change(NO_EDGE, allow_live_test_arb=False))
    desk.intent()
    (intent,) = asked(desk, "poly_yes_kalshi_no")
    refused = desk.gate.approve(intent, desk.now)

    assert not isinstance(refused, Approved) and refused.code == "test_live"
