"""Claims by event and the memory of misses (B-188..B-191, B-432, B-205)."""

from controller.model import EventId
from controller.risk.claims import Claims
from controller.risk.limits import RiskSettings
from trading.clock import MS
from trading.ids import ArbId
from trading.units import MonoNs, Price

EVENT = EventId("game")
ONE, TWO = ArbId(b"1" * 14), ArbId(b"2" * 14)
LEVEL, OTHER = (Price(4_500),), (Price(4_400),)


def at(ms: float) -> MonoNs:
    return MonoNs(int(ms * MS))


def test_an_event_is_claimed_once() -> None:
    """B-188: the second claim fails until the first is released."""
    claims = Claims(RiskSettings())

    assert claims.try_claim(EVENT, ONE)
    assert not claims.try_claim(EVENT, TWO)
    claims.release(EVENT, ONE)
    assert claims.try_claim(EVENT, TWO)


def test_release_by_another_arb_changes_nothing() -> None:
    """B-189: a late release cannot free somebody else's claim."""
    claims = Claims(RiskSettings())
    claims.try_claim(EVENT, ONE)

    claims.release(EVENT, TWO)

    assert claims.holder(EVENT) == ONE


def test_claims_have_no_limit() -> None:
    """B-190, C-21: thousands of events may be claimed at once."""
    claims = Claims(RiskSettings())

    assert all(claims.try_claim(EventId(str(number)), ONE) for number in range(2_000))
    assert len(claims) == 2_000


def test_miss_backs_off_twice_as_long_each_time() -> None:
    """B-432, B-181: 2 s, 4 s, 8 s ... up to 60 s at the same price."""
    claims = Claims(RiskSettings())
    waits = []
    now = 0.0
    for _ in range(7):
        claims.record_miss("b", LEVEL, at(now))
        wait = next(ms for ms in range(1_000, 70_000, 1_000) if claims.waiting(EVENT, "b", LEVEL, at(now + ms)) is None)
        waits.append(wait)
        now += wait

    assert waits == [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]


def test_new_price_level_clears_the_first_two_misses_only() -> None:
    """B-432: the third miss in a row waits whatever price shows."""
    claims = Claims(RiskSettings())
    answers = []
    for _ in range(3):
        claims.record_miss("b", LEVEL, at(0))
        answers.append(claims.waiting(EVENT, "b", OTHER, at(1)) is None)

    assert answers == [True, True, False]


def test_match_forgets_misses() -> None:
    """A match ends the row: the next miss waits 2 s again."""
    claims = Claims(RiskSettings())
    for _ in range(5):
        claims.record_miss("b", LEVEL, at(0))

    claims.record_match(EVENT, "b", at(0))
    claims.record_miss("b", LEVEL, at(0))

    assert claims.waiting(EVENT, "b", LEVEL, at(1_999)) is not None
    assert claims.waiting(EVENT, "b", LEVEL, at(2_000)) is None


def test_misses_of_one_direction_leave_the_other_alone() -> None:
    """Memory is kept by basket, not by event."""
    claims = Claims(RiskSettings())
    claims.record_miss("b", LEVEL, at(0))

    assert claims.waiting(EVENT, "c", LEVEL, at(1)) is None


def test_one_sided_fill_pauses_the_event_five_seconds() -> None:
    """B-432: after an unwind 5 s, for every basket of the event."""
    claims = Claims(RiskSettings())
    claims.record_one_sided(EVENT, at(0))

    assert claims.waiting(EVENT, "any", LEVEL, at(4_999)) is not None
    assert claims.waiting(EVENT, "any", LEVEL, at(5_000)) is None


def test_third_one_sided_fill_blocks_five_minutes() -> None:
    """B-205: three without a full match in between shut the event for 300 s."""
    claims = Claims(RiskSettings())
    for _ in range(3):
        claims.record_one_sided(EVENT, at(0))

    assert claims.waiting(EVENT, "any", LEVEL, at(299_999)) is not None
    assert claims.waiting(EVENT, "any", LEVEL, at(300_000)) is None


def test_after_the_long_block_the_count_starts_again() -> None:
    """B-205: the fourth one-sided fill is the first of a new row: 5 s, not another 300."""
    claims = Claims(RiskSettings())
    for _ in range(3):
        claims.record_one_sided(EVENT, at(0))

    claims.record_one_sided(EVENT, at(300_000))

    assert claims.waiting(EVENT, "any", LEVEL, at(304_999)) is not None
    assert claims.waiting(EVENT, "any", LEVEL, at(305_000)) is None


def test_full_match_clears_the_count_of_one_sided_fills() -> None:
    """B-205 counts repeated ones: a match in between starts over."""
    claims = Claims(RiskSettings())
    claims.record_one_sided(EVENT, at(0))
    claims.record_one_sided(EVENT, at(0))
    claims.record_match(EVENT, "b", at(0))
    claims.record_one_sided(EVENT, at(0))

    assert claims.waiting(EVENT, "any", LEVEL, at(5_000)) is None


def test_fixed_cooldown_is_kept_when_set() -> None:
    """B-053: TRADE_COOLDOWN_SECS pauses the event after any execution that sent legs; 0 does not."""
    set_, unset = Claims(RiskSettings(trade_cooldown_ms=10_000)), Claims(RiskSettings())
    for claims in (set_, unset):
        claims.record_sent(EVENT, at(0))

    assert set_.waiting(EVENT, "b", LEVEL, at(9_999)) is not None
    assert unset.waiting(EVENT, "b", LEVEL, at(0)) is None
