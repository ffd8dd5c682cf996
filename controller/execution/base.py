"""The seams of execution: one interface for a leg, wherever it runs (design.md 5), and what a running arb needs of the others.

Each is as narrow as its user; the gate, the state and HybridExecutor fit them without knowing them.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from controller.risk.decision import Approved, Refused
from trading.book import Book
from trading.ids import LegId
from trading.market import Market, MarketId, Venue
from trading.order import LegRequest, LegResult, Purpose, Want
from trading.units import MonoNs
from trading.venue import AccountPage, AccountQuery

__all__ = ["Books", "Executor", "ExitGate", "LegExecutor"]


class LegExecutor(Protocol):
    """Executes legs of one venue: LocalExecutor here, RemoteExecutor over the link; HybridExecutor chooses per leg."""

    venue: Venue
    name: str

    def refuses(self, legs: Sequence[LegRequest]) -> str | None:
        """Why these legs cannot go now, None when they can. Every leg is asked before any is sent (B-088)."""

    def at_once(self, want: Want) -> Want:
        """The part of an order that one process can execute: of a sale what it bought."""

    async def execute(self, leg: LegRequest) -> LegResult: ...
    async def resolve(self, leg_id: LegId) -> LegResult: ...
    async def cancel(self, leg_id: LegId) -> LegResult: ...
    async def cancel_all(self, reason: str) -> int: ...
    async def account(self, what: AccountQuery) -> AccountPage: ...
    async def prepare(self, markets: Sequence[MarketId]) -> None:
        """Warm parameters and connections of these markets."""

    def updates(self) -> AsyncIterator[LegResult]: ...


class ExitGate(Protocol):
    """What the runner needs of risk.gate."""

    @property
    def frozen(self) -> bool:
        """Nothing at all may be sent now."""

    def genuine(self, approved: Approved) -> bool: ...
    def exit(
        self, opened: Approved, want: Want, purpose: Purpose, now: MonoNs, *, leg: int, attempt: int
    ) -> Approved | Refused:
        """One more order of an arb; leg is the number in its leg ids."""


class Books(Protocol):
    """What the runner reads of the state."""

    @property
    def books(self) -> Mapping[MarketId, Book]: ...
    @property
    def markets(self) -> Mapping[MarketId, Market]: ...


class Executor(Protocol):
    """What the runner needs of HybridExecutor."""

    def refuses(self, legs: Sequence[LegRequest]) -> str | None: ...
    def at_once(self, venue: Venue, want: Want) -> Want: ...
    async def execute(self, leg: LegRequest) -> LegResult: ...
    async def resolve(self, leg_id: LegId) -> LegResult: ...
    async def cancel(self, leg_id: LegId) -> LegResult: ...
