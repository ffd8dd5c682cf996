"""A client order id carries arb, leg and attempt, and is never used twice (B-171, C-16)."""

import re

from hypothesis import given
from hypothesis import strategies as st

from trading.clock import ManualClock
from trading.ids import (
    MANUAL,
    LegId,
    SeededIds,
    SystemIds,
    arb_of,
    attempt_of,
    client_order_id,
    is_manual,
    leg_id,
    leg_number,
    parse_client_order_id,
)


@given(st.binary(min_size=16, max_size=16))
def test_client_order_id_gives_the_leg_back(raw: bytes) -> None:
    """Whatever the leg, its 29 characters decode to it and fit Kalshi's rule for client order ids."""
    text = client_order_id(LegId(raw))

    assert re.fullmatch(r"arb[0-9a-v]{26}", text)
    assert parse_client_order_id(text) == raw


@given(st.text(max_size=40))
def test_foreign_ids_are_not_ours(text: str) -> None:
    """Any text that we did not make gives None or decodes to the same text again."""
    found = parse_client_order_id(text)

    assert found is None or client_order_id(found).lower() == text.lower()


def test_arb_ids_differ_and_sort_by_time() -> None:
    """Later arbs sort later, and two boots never share an id."""
    clock, other = ManualClock(), ManualClock(boot_id=b"else")
    ids = SystemIds(clock)
    first, second = ids.arb(), ids.arb()
    clock.advance(5_000_000)
    third = ids.arb()

    assert len({first, second, third, SystemIds(other).arb()}) == 4
    assert first < second < third


def test_leg_id_names_arb_leg_and_attempt() -> None:
    arb = SystemIds(ManualClock()).arb()

    assert arb_of(leg_id(arb, 1, 3)) == arb
    assert leg_id(arb, 0, 1) != leg_id(arb, 1, 0)
    assert (leg_number(leg_id(arb, 1, 3)), attempt_of(leg_id(arb, 1, 3))) == (1, 3)


def test_seeded_ids_repeat() -> None:
    """The same seed gives the same salts, another seed others."""
    clock = ManualClock()

    assert SeededIds(clock, 7).random(8) == SeededIds(clock, 7).random(8) != SeededIds(clock, 8).random(8)


def test_an_order_placed_by_hand_is_told_by_its_id_alone() -> None:
    """B-074: its name comes back from the venue as that of a manual trade, without any journal."""
    arb = SystemIds(ManualClock()).arb()
    by_hand, of_an_arb = leg_id(arb, MANUAL, 0), leg_id(arb, 1, 0)

    back = [parse_client_order_id(client_order_id(one)) for one in (by_hand, of_an_arb)]

    assert [one is not None and is_manual(one) for one in back] == [True, False]
