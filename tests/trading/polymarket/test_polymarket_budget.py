"""Our own rate limits: windows per address, buckets per signer, the venue's headers."""

import pytest

from trading.clock import SECOND, ManualClock
from trading.polymarket.budget import LIMITS, TIERS, SignerBudget, Windows, endpoint


def test_windows_let_through_their_share_and_tell_the_wait() -> None:
    """80 of 100 requests in 10 s pass; the next one waits until the first ones are out of the window."""
    clock = ManualClock()
    windows = Windows(clock)
    passed = [windows.take("auth") for _ in range(80)]
    wait = windows.take("auth")
    clock.advance(int(wait * SECOND))

    assert passed == [0.0] * 80
    assert 10 <= wait <= 10.5
    assert windows.take("auth") == 0


def test_no_window_of_ten_seconds_ever_holds_more() -> None:
    """Whatever the rhythm, no 10 s see more than the limit."""
    clock = ManualClock()
    windows = Windows(clock)
    stamps: list[int] = []
    for step in range(4_000):
        if windows.take("auth") == 0:
            stamps.append(clock.mono_ns())
        clock.advance((step % 7 + 1) * SECOND // 50)

    assert len(stamps) > 400
    assert all(later - first >= 10 * SECOND for first, later in zip(stamps, stamps[80:], strict=False))


def test_a_request_counts_under_each_of_its_names_or_none() -> None:
    """A full window spends nothing of the others."""
    clock = ManualClock()
    windows = Windows(clock)
    for _ in range(40):
        assert windows.take("clob", "GET /balance-allowance/update") == 0
    assert windows.take("clob", "GET /balance-allowance/update") > 0
    assert [windows.take("clob") for _ in range(7_160)] == [0.0] * 7_160
    assert windows.take("clob") > 0


@pytest.mark.parametrize(
    ("method", "path", "names"),
    [
        ("POST", "/order", ("clob", "POST /order")),
        ("GET", "/data/orders", ("clob", "GET /data/orders", "ledger")),
        ("GET", "/data/order/0x1", ("clob", "ledger")),
        ("GET", "/auth/derive-api-key", ("clob", "auth")),
        ("GET", "/time", ("clob",)),
    ],
)
def test_endpoints_have_their_names(method: str, path: str, names: tuple[str, ...]) -> None:
    assert endpoint(method, path) == names
    assert set(names) <= set(LIMITS)


def test_orders_spend_the_standard_burst_then_the_rate() -> None:
    """57 of 60 go to opening legs, the last three are kept for what reduces exposure (B-437); 40 come back a second."""
    clock = ManualClock()
    budget = SignerBudget(clock)
    opened = sum(budget.take("orders") == 0 for _ in range(100))
    wait = budget.take("orders")
    reduced = sum(budget.take("orders", reducing=True) == 0 for _ in range(100))
    clock.advance(SECOND)

    assert (opened, reduced) == (57, 3)
    assert wait == pytest.approx(1 / 40)
    assert budget.take("orders", 37) == 0
    assert budget.take("orders", 1) > 0


def test_headers_set_tier_and_lower_the_count() -> None:
    """The tier decides the burst; Remaining counts what other processes sent; it never raises our count."""
    clock = ManualClock()
    budget = SignerBudget(clock)
    budget.apply_answer("orders", 200, {"poly-ratelimit-tier": "Gold", "poly-ratelimit-remaining": "5"})
    told = budget.statistics()
    clock.advance(SECOND)
    budget.apply_answer("orders", 200, {"poly-ratelimit-remaining": "9999", "poly-ratelimit-warning": "true"})

    assert (told.tier, told.orders, told.cancels, budget.burst("cancels")) == ("gold", 5, 120, 1200)
    assert (budget.statistics().orders, budget.statistics().warned) == (405, True)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [({"retry-after": "3"}, None, 3), ({}, {"retry_after_seconds": 2}, 2), ({}, None, 1), ({"retry-after": "soon"}, None, 1)],
)
def test_a_429_holds_cancels_back_as_told(headers: dict[str, str], body: object, seconds: int) -> None:
    """No cancel goes until Retry-After is over; an order still asks, because a hedge that is refused loses nothing."""
    clock = ManualClock()
    budget = SignerBudget(clock)
    budget.apply_answer("orders", 429, headers, body)
    budget.apply_answer("cancels", 429, headers, body)
    wait = budget.take("cancels")
    asked = budget.take("orders")
    clock.advance((seconds + 1) * SECOND)

    assert wait == pytest.approx(seconds, rel=0.1)
    assert asked == 0
    assert budget.take("cancels") == 0


def test_a_share_of_the_limits_is_a_share_of_windows_and_tiers() -> None:
    """B-212: RATE_SHARE=0.5 where another process asks from the same address and signs with the same key."""
    clock = ManualClock()
    whole, half = Windows(clock), Windows(clock, 0.5)

    def room(windows: Windows) -> int:
        return next(count for count in range(100_000) if windows.take("gamma events"))

    assert room(half) == room(whole) // 2
    signer = SignerBudget(clock, share=0.5)
    assert (signer.statistics().orders, signer.statistics().cancels) == (30, 60)
    signer.apply_answer("orders", 200, {"poly-ratelimit-tier": "gold"})
    assert (signer.burst("orders"), signer.burst("cancels")) == (300, 600)


def test_tiers_are_those_of_the_page() -> None:
    """Rates never exceed bursts, and cancels are twice the orders."""
    for orders, cancels in TIERS.values():
        assert orders[0] < orders[1]
        assert cancels == (orders[0] * 2, orders[1] * 2) or cancels[0] == orders[0] * 2
