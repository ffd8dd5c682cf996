"""What the comparison needs of the rest of the controller: our side, and small numbers that outlive a start."""

from collections.abc import Collection, Mapping
from typing import Protocol

from controller.model import EventId
from controller.reconcile.compare import Legs
from trading.ids import LegId
from trading.market import MarketId, Venue
from trading.order import LegResult

__all__ = ["ADOPTED_AT", "Numbers", "Ours"]

ADOPTED_AT = "reconcile_adopted_at"
"""The journal's number for the last adoption: orders older than that are known to be unknown."""


class Numbers(Protocol):
    """Small durable numbers: the journal's."""

    def number_kept(self, key: str) -> int: ...
    def numbers_kept(self, prefix: str) -> Mapping[str, int]: ...
    async def keep(self, key: str, value: int) -> None: ...


class Ours(Protocol):
    """Our side, in memory."""

    def nets(self, venue: Venue) -> Mapping[MarketId, int]:
        """Contracts of YES less contracts of NO per market."""

    def busy(self) -> Collection[MarketId]:
        """Markets with an order that is open, or whose fills the venue may still change."""

    def legs(self) -> Legs:
        """Every leg of the journal in this world."""

    def partners(self, leg_id: LegId) -> Collection[tuple[Venue, MarketId]] | None:
        """The markets of a leg's arb, its own too; None while the arb is under way and asks by itself."""

    def siblings(self, market: MarketId) -> tuple[EventId | None, Collection[MarketId]]:
        """The event of a market and all markets of that event."""

    async def cancel(self, leg_id: LegId) -> LegResult | None:
        """Ask the venue to end one of our orders; None = this process does not do that."""

    async def book(self, result: LegResult) -> bool:
        """Take a later truth about a leg of ours; whether it said anything new. Raises JournalFailed."""
