"""Later truths about legs: whose arb is over, but whose venue has not spoken its last word.

Between "matched" and "confirmed" a venue may take a fill back (B-424), and an order that was never answered may have filled
after all. So every such leg is asked about again, rarer and rarer, until it is confirmed. The private streams are usually
quicker; they are hints, and asking is the truth (B-429).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from controller.ledger.memory import MemoryLedger
from trading.clock import SECOND, Clock
from trading.ids import ArbId, LegId, arb_of
from trading.log import get_logger
from trading.order import LegResult

__all__ = ["LateTruth"]

_ROUND_S = 2.0
_FIRST_NS = 2 * SECOND
_LONGEST_NS = 30 * SECOND
_AT_ONCE = 4
"""Questions under way: they share the venues' read budgets with running arbs."""

log = get_logger(__name__)


class _Resolver(Protocol):
    async def resolve(self, leg_id: LegId) -> LegResult: ...


class LateTruth:
    """Asks about unconfirmed legs. running says which arbs ask by themselves; hear gets every answer, new or not."""

    def __init__(
        self,
        ledger: MemoryLedger,
        executor: _Resolver,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        *,
        running: Callable[[ArbId], bool],
        hear: Callable[[LegResult], None],
    ) -> None:
        self._ledger = ledger
        self._executor = executor
        self._clock = clock
        self._sleep = sleep
        self._running = running
        self._hear = hear
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._asking: set[LegId] = set()
        self._next: dict[LegId, tuple[int, int]] = {}
        """When a leg is asked about next, and how long after that again: monotonic ns."""

    async def run(self) -> None:
        """Ask until cancelled; a look-up that takes long delays no other."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = self._clock.mono_ns()
                for leg_id in self._open():
                    due, pause = self._next.get(leg_id, (now, _FIRST_NS))
                    if now >= due:
                        self._next[leg_id] = (now + pause, min(2 * pause, _LONGEST_NS))
                        group.create_task(self._ask(leg_id))
                await self._sleep(_ROUND_S)

    async def ask_all(self) -> None:
        """Ask about every unconfirmed leg once, now."""
        await asyncio.gather(*(self._ask(leg_id) for leg_id in self._open()))

    def _open(self) -> list[LegId]:
        legs = [leg.leg_id for leg in self._ledger.unconfirmed()]
        for known in self._next.keys() - legs:
            del self._next[known]
        return [leg_id for leg_id in legs if leg_id not in self._asking and not self._running(arb_of(leg_id))]

    async def _ask(self, leg_id: LegId) -> None:
        self._asking.add(leg_id)
        try:
            async with self._room:
                self._hear(await self._executor.resolve(leg_id))
        except Exception:  # one question's boundary: it is asked again, and the others go on
            log.exception("late_question_failed", leg=leg_id, next_step="it is asked again")
        finally:
            self._asking.discard(leg_id)
