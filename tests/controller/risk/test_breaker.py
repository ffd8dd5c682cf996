"""When trading stops by itself and what starts it again (B-196..B-202)."""

from controller.risk.breaker import Breaker
from controller.risk.limits import RiskSettings
from trading.clock import MS, SECOND
from trading.units import DOLLAR, Money, MonoNs, WallNs

DAY = 86_400 * SECOND
NOON = WallNs(20_000 * DAY + DAY // 2)


def at(ms: int) -> MonoNs:
    return MonoNs(ms * MS)


def may(breaker: Breaker, *, now: int = 0) -> str | None:
    return breaker.reason(at(now))


def test_fifth_error_in_a_row_trips_for_the_cooldown() -> None:
    """B-198, B-199: four errors do nothing, the fifth stops trading for 60 s, then it starts by itself."""
    breaker = Breaker(RiskSettings())
    for _ in range(4):
        breaker.record_error(at(0))
    assert may(breaker) is None

    breaker.record_error(at(0))

    assert may(breaker, now=59_999) == "errors"
    assert may(breaker, now=60_000) is None


def test_after_the_cooldown_the_count_starts_again() -> None:
    """B-199: one more error after an automatic reset is the first of a new row."""
    breaker = Breaker(RiskSettings())
    for _ in range(5):
        breaker.record_error(at(0))
    assert may(breaker, now=60_000) is None

    breaker.record_error(at(60_000))

    assert may(breaker, now=60_001) is None


def test_full_match_resets_the_row_of_errors() -> None:
    """B-198: four errors, a match, four errors: still trading."""
    breaker = Breaker(RiskSettings())
    for _ in range(4):
        breaker.record_error(at(0))
    breaker.record_ok()
    for _ in range(4):
        breaker.record_error(at(0))

    assert may(breaker) is None


def test_daily_loss_stops_until_the_next_day() -> None:
    """B-197, B-199: a loss of $50 trips and time alone clears it at 00:00 UTC only."""
    breaker = Breaker(RiskSettings())
    breaker.on_tick(NOON)
    breaker.record_pnl(Money(-49_999_999))
    assert may(breaker) is None
    breaker.record_pnl(Money(-1))
    assert may(breaker, now=10_000_000) == "daily_loss"

    breaker.on_tick(WallNs(NOON + DAY // 2 - 1))
    assert may(breaker) == "daily_loss"
    breaker.on_tick(WallNs(NOON + DAY // 2))

    assert may(breaker) is None


def test_the_day_begins_when_the_operator_says() -> None:
    """B-199: CB_RESET_UTC_SECS moves the daily reset; half past twelve is no new day when it is one o'clock."""
    breaker = Breaker(RiskSettings(cb_reset_utc_secs=13 * 3_600))
    breaker.on_tick(NOON)
    breaker.record_pnl(Money(-50 * DOLLAR))

    breaker.on_tick(WallNs(NOON + 3_599 * SECOND))
    assert may(breaker) == "daily_loss"
    breaker.on_tick(WallNs(NOON + 3_600 * SECOND))

    assert may(breaker) is None


def test_trips_are_counted_once_each() -> None:
    """B-331: an error or a loss while it is off already is the same trip; the operator's halt is none."""
    breaker = Breaker(RiskSettings())
    for _ in range(7):
        breaker.record_error(at(0))
    breaker.halt()
    breaker.resume()
    assert breaker.trips == 1

    for _ in range(2):
        breaker.record_pnl(Money(-50 * DOLLAR))
    assert breaker.trips == 2
    for now in (0, 70_000):
        for _ in range(5):
            breaker.record_error(at(now))
        assert may(breaker, now=now + 60_000) == "daily_loss"

    breaker.resume()
    assert breaker.trips == 4


def test_profits_of_the_day_count_against_losses() -> None:
    """The limit is on the day's sum."""
    breaker = Breaker(RiskSettings())
    breaker.record_pnl(Money(30 * DOLLAR))
    breaker.record_pnl(Money(-79 * DOLLAR))

    assert may(breaker) is None


def test_manual_halt_ends_by_the_operator_only() -> None:
    """B-199: neither time nor a new day clears it."""
    breaker = Breaker(RiskSettings())
    breaker.on_tick(NOON)
    breaker.halt()
    breaker.on_tick(WallNs(NOON + 2 * DAY))
    assert may(breaker, now=10**9) == "manual"

    breaker.resume()

    assert may(breaker) is None


def test_switched_off_breaker_still_obeys_the_operator() -> None:
    """B-202: CB_ENABLED=0 drops errors and losses, not a manual halt."""
    breaker = Breaker(RiskSettings(cb_enabled=False))
    breaker.record_pnl(Money(-1_000 * DOLLAR))
    for _ in range(9):
        breaker.record_error(at(0))
    assert may(breaker) is None

    breaker.halt()

    assert may(breaker) == "manual"


def test_unwind_losses_use_up_their_own_budget() -> None:
    """UNWIND_DAILY_BUDGET_USD counts losses of exits only, and a new day restores it."""
    breaker = Breaker(RiskSettings())
    breaker.on_tick(NOON)
    breaker.record_pnl(Money(-30 * DOLLAR))
    assert not breaker.unwind_budget_spent()
    breaker.record_pnl(Money(-25 * DOLLAR), unwind_loss=Money(25 * DOLLAR))
    assert breaker.unwind_budget_spent()

    breaker.on_tick(WallNs(NOON + DAY))

    assert not breaker.unwind_budget_spent()
