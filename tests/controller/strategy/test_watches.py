"""Watches are built once per structure, however often they are looked at (B-132, B-166)."""

from types import SimpleNamespace
from typing import Any

import pytest

from controller.strategy.watches import Watches


class Room:
    """A state of baskets named by letters, each a leg of the market "m"; built records what was asked for."""

    def __init__(self, names: str) -> None:
        self.built: list[str] = []
        self.watches = Watches(self.build)
        self.state: Any = SimpleNamespace(structure=0, baskets={name: SimpleNamespace(id=name) for name in names})
        self.state.baskets_of = lambda market: tuple(self.state.baskets.values()) if market == "m" else ()

    def build(self, basket: Any, state: Any) -> str | None:
        self.built.append(basket.id)
        return None if basket.id == "x" else basket.id.upper()


def test_a_large_state_is_swept_over_several_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Tick looks at thousands of baskets in one call, and every basket has its turn."""
    monkeypatch.setattr("controller.strategy.watches._SWEEP", 2)
    room = Room("abcde")

    turns = [room.watches.next_part(room.state) for _ in range(4)]

    assert turns == [("A", "B"), ("C", "D"), ("E",), ("A", "B")]


def test_nothing_is_built_twice_while_the_structure_stands() -> None:
    """Ticks and changed books share the watches; a basket that gave none is not asked again either."""
    room = Room("axb")

    looked = [room.watches.next_part(room.state), room.watches.at("m", room.state), room.watches.next_part(room.state)]

    assert looked == [("A", "B")] * 3
    assert room.built == ["a", "x", "b"]
    assert room.watches.at("other", room.state) == ()


@pytest.mark.parametrize("asked", ["tick", "book"])
def test_a_changed_structure_forgets_every_watch(asked: str) -> None:
    """B-132: new terms, another book or a dropped basket are in force with the next look."""
    room = Room("ab")
    look = room.watches.next_part if asked == "tick" else lambda state: room.watches.at("m", state)
    assert look(room.state) == ("A", "B")

    del room.state.baskets["a"]
    room.state.structure += 1

    assert look(room.state) == ("B",)
    assert room.built == ["a", "b", "b"]
