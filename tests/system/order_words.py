"""What must stand in every order of an arb, as the venues received it."""

from collections.abc import Sequence
from typing import Any

from trading.ids import parse_client_order_id

__all__ = ["assert_immediate"]


def assert_immediate(kalshi: Sequence[Any], polymarket: Sequence[Any]) -> None:
    """B-325 to B-327: every order that reached a venue was immediate or cancel, and had an id of ours that no other one had."""
    names = [sent.body["client_order_id"] for sent in kalshi]
    assert {sent.body["time_in_force"] for sent in kalshi} <= {"immediate_or_cancel"}
    assert {sent.body["orderType"] for sent in polymarket} <= {"FAK"}
    assert all(parse_client_order_id(name) for name in names) and len(set(names)) == len(names), names
