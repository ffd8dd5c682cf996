"""Carried remainders of one event are alarmed together when they amount to a contract (execution.md 2)."""

from desk import EVENT, Desk, change, contracts, filled

from controller.alarms import DustWatch
from controller.counts import Counts
from controller.model import ArbClosed
from controller.risk.decision import Approved
from trading.ids import ArbId
from trading.market import Action
from trading.units import Money, Price, Size


def ended(approved: Approved, unhedged: Size) -> ArbClosed:
    return ArbClosed(
        arb_id=approved.arb_id,
        event=EVENT,
        basket=approved.intent.basket.id,
        outcome="matched",
        matched=Size(0),
        unhedged=unhedged,
        profit=Money(0),
        results=(),
    )


def test_dust_that_adds_up_to_a_contract_is_alarmed_until_it_is_gone() -> None:
    """Each arb leaves less than dust; the one that makes it a contract rings once, and a hedge by hand or netting ends it."""
    desk = Desk()
    counts = Counts()
    watch = DustWatch(desk.state, counts.ring, counts.silence)
    approved = desk.approve()
    assert isinstance(approved, Approved)
    leg = approved.legs[0]
    desk.close(approved, "matched")

    for _ in range(30):
        desk.state.positions.apply_fill(leg, contracts(0.04), Money(20_000))
        watch.on_closed(ended(approved, contracts(0.04)))

    assert counts.alarms == {"dust": 1}
    assert counts.alarmed == {ArbId(approved.arb_id): {"dust"}}

    back = change(leg, want=change(leg.want, action=Action.SELL, limit=Price(4_000)))
    desk.state.positions.apply_fill(back, contracts(1.2), Money(-500_000))
    watch.on_closed(ended(approved, Size(0)))

    assert counts.alarmed == {}


def test_rest_that_shuts_its_event_is_not_called_dust() -> None:
    """An exposed arb has its own alarm."""
    desk = Desk()
    counts = Counts()
    approved = desk.approve()
    assert isinstance(approved, Approved)
    desk.close(approved, "exposed", filled(approved.legs[0]), unhedged=10)

    DustWatch(desk.state, counts.ring, counts.silence).on_closed(ended(approved, contracts(10)))

    assert counts.alarms == {}
