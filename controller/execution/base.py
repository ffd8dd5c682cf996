"""The seam of execution: one interface for a leg, wherever it runs (design.md 5)."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from trading.ids import LegId
from trading.market import MarketId, Venue
from trading.order import LegRequest, LegResult
from trading.venue import AccountPage, AccountQuery

__all__ = ["LegExecutor"]


class LegExecutor(Protocol):
    """Executes legs of one venue: LocalExecutor here, RemoteExecutor over the link; HybridExecutor chooses per leg."""

    venue: Venue
    name: str

    def refuses(self, legs: Sequence[LegRequest]) -> str | None:
        """Why these legs cannot go now, None when they can. Every leg is asked before any is sent (B-088)."""

    async def execute(self, leg: LegRequest) -> LegResult: ...
    async def resolve(self, leg_id: LegId) -> LegResult: ...
    async def cancel(self, leg_id: LegId) -> LegResult: ...
    async def cancel_all(self, reason: str) -> int: ...
    async def account(self, what: AccountQuery) -> AccountPage: ...
    async def prepare(self, markets: Sequence[MarketId]) -> None:
        """Warm parameters and connections of these markets."""

    def updates(self) -> AsyncIterator[LegResult]: ...
