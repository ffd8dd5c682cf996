"""A leg without a final word is told to a person in time, and once."""

from typing import Any

import structlog

from controller.overdue import OverdueWatch
from trading.clock import SECOND, ManualClock
from trading.ids import LegId
from trading.market import KALSHI, Action, MarketId, Outcome
from trading.order import LegRequest, LegResult, LegState, Want
from trading.units import Money, MonoNs, Price, Size


class Kept:
    """A journal with one open leg."""

    def __init__(self, clock: ManualClock, state: LegState | None) -> None:
        want = Want(market=MarketId("KXA"), outcome=Outcome.YES, action=Action.BUY, limit=Price(1), size=Size(1))
        self.leg = LegRequest(
            leg_id=LegId(bytes(16)),
            want=want,
            venue=KALSHI,
            purpose="open",
            max_cost=Money(1),
            world="sim",
            epoch=1,
            deadline=MonoNs(0),
        )
        self.since = clock.wall_ns()
        self.state = state
        self.open = True

    def open_legs(self) -> list[LegRequest]:
        return [self.leg] if self.open else []

    def stored(self, leg_id: LegId) -> tuple[LegRequest, LegResult | None]:
        return self.leg, LegResult(leg_id=leg_id, state=self.state) if self.state else None

    def promised_at(self, leg_id: LegId) -> int:
        return self.since


def lines_at(state: LegState | None, *seconds: float) -> list[Any]:
    """What is logged when looking at these ages."""
    clock = ManualClock()
    kept: Any = Kept(clock, state)
    watch = OverdueWatch(kept, clock, 60 * SECOND)
    begun = clock.wall_ns()
    with structlog.testing.capture_logs() as lines:
        for age in seconds:
            clock.advance(int(age * SECOND) - (clock.wall_ns() - begun))
            watch.look()
    return lines


def test_an_unknown_leg_is_alarmed_once_with_the_next_step() -> None:
    """B-177: an error line, so it reaches ALERT_URL; not again for the same leg."""
    (line,) = lines_at("unknown", 59, 60, 120)

    assert (line["event"], line["log_level"], line["state"], line["age_s"]) == ("leg_open_too_long", "error", "unknown", 60)
    assert "never send it again" in line["next_step"]


def test_a_promise_without_any_result_counts_and_a_resting_order_does_not() -> None:
    """Promised and never answered is the same doubt; what rests is where it is meant to be."""
    assert [line["state"] for line in lines_at(None, 61)] == ["promised"]
    assert lines_at("resting", 3600) == []


def test_an_alarm_ends_when_the_leg_does() -> None:
    """The line that ends it is in the log, so that nobody looks for an order that was found."""
    clock = ManualClock()
    kept: Any = Kept(clock, "unknown")
    watch = OverdueWatch(kept, clock, 0)
    with structlog.testing.capture_logs() as lines:
        watch.look()
        kept.open = False
        watch.look()

    assert [line["event"] for line in lines] == ["leg_open_too_long", "leg_no_longer_open"]
