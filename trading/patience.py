"""How often a read is repeated, for every venue alike (B-007, B-210, B-214).

429                 waits 4, 8, 16, 32, 64 s, or what Retry-After says, five times
failed in passing   waits 0.5 and 1 s, where the caller gives a Passing: long lists, of which one page must not cost the rest
anything else       goes to the caller at once: a wrong key or value stays wrong

Writes are never repeated, and look-ups of orders have a schedule of their own: neither comes here.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt

from trading.errors import Throttled, Unreachable

__all__ = ["Passing", "patiently"]

T = TypeVar("T")
_ATTEMPTS = 6  # the first try and five retries
_PASSING_S = (0.5, 1.0)


class Passing:
    """Whether failures of one host are in passing. A read that stays without answer ends that; one that comes through begins it
    anew, so that a host that is down costs a second and a half once and not with each list."""

    def __init__(self) -> None:
        self.over = False


async def patiently(
    read: Callable[[], Awaitable[T]], sleep: Callable[[float], Awaitable[None]], passing: Passing | None = None
) -> T:
    """Await read() again as the table says; its last error goes on to the caller."""

    def again(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, Throttled):
            return True
        in_passing = passing is not None and not passing.over and isinstance(error, Unreachable)
        return in_passing and state.attempt_number <= len(_PASSING_S)

    async def once() -> T:  # tenacity awaits only what is a coroutine function itself
        return await read()

    retrying = AsyncRetrying(retry=again, wait=_wait, stop=stop_after_attempt(_ATTEMPTS), sleep=sleep, reraise=True)
    try:
        answer: T = await retrying(once)
    except Unreachable:
        if passing is not None:
            passing.over = True
        raise
    if passing is not None:
        passing.over = False
    return answer


def _wait(state: RetryCallState) -> float:
    """B-210: 2 x 2^n seconds for n = 1..5, unless the venue says otherwise."""
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, Unreachable):
        return _PASSING_S[state.attempt_number - 1]
    if isinstance(error, Throttled) and error.retry_after is not None:
        return error.retry_after
    return float(2 * 2**state.attempt_number)
