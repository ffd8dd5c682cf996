"""Reads are repeated where that helps, and only there (B-007, B-210, B-214)."""

from collections.abc import Awaitable, Callable

import pytest

from trading.errors import AuthFailed, BadAnswer, ModeClosed, Rejected, Throttled, UnknownOutcome, Unreachable, VenueError
from trading.patience import Passing, patiently

DOWN = Unreachable("kalshi", "http_502")


class Reads:
    """Answers one after the other, the last for ever; slept is what was waited between them."""

    def __init__(self, *answers: VenueError | str) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def read(self) -> Callable[[], Awaitable[str]]:
        async def once() -> str:
            self.asked += 1
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, VenueError):
                raise answer
            return answer

        return once


async def test_a_list_outlives_two_failures_in_passing() -> None:
    """B-214: half a second, then a second; a 429 before it waits as it says."""
    reads = Reads(DOWN, DOWN, "page")
    mixed = Reads(Throttled("kalshi", "throttled", retry_after=1.5), DOWN, "page")

    assert await patiently(reads.read(), reads.sleep, Passing()) == "page"
    assert await patiently(mixed.read(), mixed.sleep, Passing()) == "page"
    assert (reads.slept, mixed.slept) == ([0.5, 1.0], [1.5, 1.0])


async def test_a_host_that_is_down_is_waited_for_once() -> None:
    """After a read that stayed without answer none waits, until one comes through: forty leagues must not cost a minute."""
    passing = Passing()
    reads = Reads(DOWN)
    for _ in range(3):
        with pytest.raises(Unreachable):
            await patiently(reads.read(), reads.sleep, passing)
    assert (reads.asked, reads.slept) == (3 + 2, [0.5, 1.0])

    await patiently(Reads("page").read(), reads.sleep, passing)
    back = Reads(DOWN, "page")

    assert await patiently(back.read(), back.sleep, passing) == "page"


async def test_reads_that_are_no_list_do_not_wait_for_a_host() -> None:
    """What a loop asks again anyway learns at once that its venue is away."""
    reads = Reads(DOWN, "row")

    with pytest.raises(Unreachable):
        await patiently(reads.read(), reads.sleep)
    assert reads.slept == []


@pytest.mark.parametrize("kind", [AuthFailed, Rejected, ModeClosed, BadAnswer, UnknownOutcome])
async def test_what_stays_wrong_is_not_repeated(kind: type[VenueError]) -> None:
    """B-214: authentication, validation and doubt go to the caller at once."""
    reads = Reads(kind("kalshi", "no"), "page")

    with pytest.raises(kind):
        await patiently(reads.read(), reads.sleep, Passing())
    assert (reads.asked, reads.slept) == (1, [])
