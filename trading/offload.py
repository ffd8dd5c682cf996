"""Where blocking work goes: a thread in production, inline in virtual time. No other module starts a thread."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

__all__ = ["InlineOffload", "Offload", "ThreadOffload"]

T = TypeVar("T")


class Offload(Protocol):
    async def run(self, work: Callable[[], T]) -> T: ...


class ThreadOffload:
    """Runs work in the loop's default thread pool."""

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)


class InlineOffload:
    """Runs work at once: deterministic."""

    async def run(self, work: Callable[[], T]) -> T:
        return work()
