"""Every execution leaves how long its steps took (B-184, B-329, B-334, B-337, B-338)."""

from types import SimpleNamespace
from typing import Any

import pytest

from controller.model import ArbClosed, EventId, Tick
from controller.timings import Timings
from trading.book import Book, BookChanged
from trading.clock import MS
from trading.ids import ArbId, leg_id
from trading.market import KALSHI, POLYMARKET, MarketId
from trading.order import LegResult
from trading.units import Money, MonoNs, Size, WallNs

ARB = ArbId(b"a" * 14)
POLY_LEG, KALSHI_LEG = leg_id(ARB, 0, 0), leg_id(ARB, 1, 0)


def at(ms: float) -> MonoNs:
    return MonoNs(int(ms * MS))


def approved(arb: ArbId = ARB) -> Any:
    legs = tuple(
        SimpleNamespace(leg_id=leg_id(arb, number, 0), venue=venue) for number, venue in enumerate((POLYMARKET, KALSHI))
    )
    return SimpleNamespace(arb_id=arb, legs=legs)


def frame(ms: float) -> BookChanged:
    book = Book(MarketId("K"))
    book.changed_at = at(ms)
    return BookChanged(book)


def result(leg: Any, state: str, **stages: float) -> LegResult:
    return LegResult(leg_id=leg, state=state, stages=tuple((name, at(ms)) for name, ms in stages.items()))


def end(arb: ArbId = ARB) -> ArbClosed:
    return ArbClosed(
        arb_id=arb,
        event=EventId("game"),
        basket="b",
        outcome="matched",
        matched=Size(1),
        unhedged=Size(0),
        profit=Money(0),
        results=(),
    )


def test_each_step_of_an_arb_is_measured_and_holds_are_taken_out() -> None:
    """Frame at 1,000 ms, decided at 1,001, sent at 1,003; Polymarket held the first order for 400 of its 500 ms."""
    timings = Timings()

    assert timings.decided(approved(), frame(1_000), at(1_001)) == 1_000
    timings.heard(result(POLY_LEG, "held", sent=1_003), at(1_050))
    timings.heard(result(POLY_LEG, "filled", sent=1_003, answered=1_050, held=1_050, released=1_450), at(1_503))
    timings.heard(result(KALSHI_LEG, "filled", sent=1_505, answered=1_596), at(1_596))
    timings.ended(end())

    measured = {name: (spread.count, spread.p50) for name, spread in timings.statistics().items()}
    assert measured == {
        "decision_to_order": (1, 2),
        "execution": (1, 195),
        "frame_to_decision": (1, 1),
        "order_kalshi": (1, 91),
        "order_polymarket": (1, 100),
    }


def test_a_leg_shows_its_steps_since_the_decision_while_its_arb_is_known() -> None:
    """What the record keeps of each leg: microseconds since the decision, the end by our own clock."""
    timings = Timings()
    timings.decided(approved(), frame(0), at(10))
    filled = result(POLY_LEG, "filled", prepared=10.1, signed=10.3, sent=10.4, answered=50)
    timings.heard(filled, at(50.5))

    assert timings.stages(filled) == {"prepared": 100, "signed": 300, "sent": 400, "answered": 40_000, "final": 40_500}
    timings.ended(end())
    assert timings.stages(filled) == {}


def test_what_was_never_sent_or_said_before_is_not_measured() -> None:
    """A sweep has no frame, a refused leg no way, and a repeated, later or foreign result is no second order."""
    timings = Timings()

    assert timings.decided(approved(), Tick(WallNs(0)), at(10)) is None
    timings.heard(result(POLY_LEG, "refused", sent=10.5), at(11))
    timings.heard(result(KALSHI_LEG, "none"), at(11))
    timings.ended(end())
    assert timings.statistics() == {}
    timings.decided(approved(), Tick(WallNs(0)), at(10))
    for _ in range(2):
        timings.heard(result(POLY_LEG, "filled", sent=11), at(20))
    timings.ended(end())
    timings.heard(result(KALSHI_LEG, "filled", sent=11), at(20))

    assert {name: spread.count for name, spread in timings.statistics().items()} == {
        "decision_to_order": 1,
        "execution": 1,
        "order_polymarket": 1,
    }


@pytest.mark.parametrize(("count", "p50", "p95", "mean"), [(1, 1, 1, 1), (20, 10, 19, 10.5), (2_000, 1_500, 1_950, 1_500.5)])
def test_percentiles_are_of_the_newest_thousand(count: int, p50: float, p95: float, mean: float) -> None:
    """Nearest rank over what was kept, while the count goes on."""
    timings = Timings()
    for ms in range(1, count + 1):
        timings.decided(approved(), frame(0), at(ms))

    spread = timings.statistics()["frame_to_decision"]

    assert (spread.count, spread.p50, spread.p95, spread.mean) == (count, p50, p95, mean)
