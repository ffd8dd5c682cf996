"""Exits pass what stops new arbs, and only genuine legs of this gate are exits (B-437)."""

import pytest
from desk import Desk, P, change, contracts
from gate_situations import code_of, opened

from controller.model import Command
from controller.risk.decision import Approved
from trading.ids import leg_id
from trading.market import Action
from trading.order import Want
from trading.units import DOLLAR, Money, Price


def sell(approved: Approved, **fields: object) -> Want:
    want = change(approved.legs[1].want, action=Action.SELL, limit=Price(4_400))
    return change(want, **fields)


def test_exit_passes_halt_breaker_limits_and_empty_cash() -> None:
    """B-437: nothing but freeze stops an order that reduces exposure."""
    desk, approved = opened(Desk(cash=20))
    desk.process(Command("halt"))
    desk.gate.breaker.record_pnl(Money(-500 * DOLLAR), unwind_loss=Money(500 * DOLLAR))
    desk.state.positions.set_position(P, contracts(400), Money(300 * DOLLAR))
    complete = change(approved.legs[0].want, limit=Price(9_000))

    assert isinstance(desk.gate.exit(approved, sell(approved), "unwind", desk.now, 1, 1), Approved)
    assert isinstance(desk.gate.exit(approved, complete, "complete", desk.now, 0, 1), Approved)


def test_exit_carries_its_own_leg_id_and_seal() -> None:
    """An exit holds one new order of the same arb, genuine in its own right."""
    desk, approved = opened()

    answer = desk.gate.exit(approved, sell(approved), "unwind", desk.now, 1, 1)

    assert isinstance(answer, Approved)
    assert desk.gate.genuine(answer)
    assert answer.legs[0].leg_id == leg_id(approved.arb_id, 1, 1)
    assert (answer.arb_id, answer.claim, answer.plan.row) == (approved.arb_id, approved.claim, "exit")


def test_freeze_stops_exits_and_halt_stops_early_exits_only() -> None:
    """design.md 6: halt stops open and exit; complete and unwind go on; freeze stops all."""
    desk, approved = opened()
    desk.process(Command("halt"))
    assert code_of(desk.gate.exit(approved, sell(approved), "exit", desk.now, 1, 1)) == "halted"

    desk.process(Command("freeze"))

    assert code_of(desk.gate.exit(approved, sell(approved), "unwind", desk.now, 1, 1)) == "frozen"


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"market": "other"}, "foreign"), ({"size": contracts(31)}, "oversize"), ({"limit": Price(4_410)}, "off_grid")],
)
def test_exit_that_is_none_is_refused(fields: dict[str, object], code: str) -> None:
    """Another market, three times the size or a price off the grid is no exit of this arb."""
    desk, approved = opened()

    assert code_of(desk.gate.exit(approved, sell(approved, **fields), "unwind", desk.now, 1, 1)) == code


def test_leg_ids_are_used_once() -> None:
    """B-171: the attempt of an earlier order is refused."""
    desk, approved = opened()

    assert code_of(desk.gate.exit(approved, sell(approved), "unwind", desk.now, 1, 0)) == "reused_id"


def test_only_this_gates_own_legs_are_genuine() -> None:
    """The seal breaks with other legs, another gate, or none."""
    desk, approved = opened()
    bigger = tuple(change(leg, max_cost=Money(leg.max_cost * 2)) for leg in approved.legs)

    assert desk.gate.genuine(approved)
    assert not desk.gate.genuine(change(approved, legs=bigger))
    assert not desk.gate.genuine(change(approved, seal=None))
    assert not Desk().gate.genuine(approved)
    assert code_of(desk.gate.exit(change(approved, seal=None), sell(approved), "unwind", desk.now, 1, 1)) == "not_genuine"
