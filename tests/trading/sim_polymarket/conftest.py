"""Fixtures of the simulated Polymarket's tests; the venue and its customers stand in polymarket_venue.py."""

from collections.abc import Iterator
from typing import Any

import pytest
from polymarket_venue import Venue, events_of


@pytest.fixture
def venue() -> Iterator[Venue]:
    """A venue; afterwards every book must be uncrossed."""
    made = Venue()
    yield made
    for book in made.sim.books.values():
        bid, ask = book.best("bid"), book.best("ask")
        assert bid is None or ask is None or bid < ask, f"{book.market} is crossed: {bid} {ask}"


@pytest.fixture
def events() -> Any:
    return events_of
