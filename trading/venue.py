"""The seam between a venue and the rest: what every venue folder offers (design.md 5).

Only execute.py calls sign and send. prepare fixes every byte that names the order (salt, amounts, id), so that an order whose
answer never came can be looked up.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from trading.book import Book
from trading.clock import Clock
from trading.ids import Ids
from trading.market import Market, MarketId, Venue
from trading.order import Fill, LegRequest, LegResult
from trading.units import Money, MonoNs, Size, WallNs

__all__ = [
    "AccountPage",
    "AccountQuery",
    "Balance",
    "Feed",
    "FeedStatistics",
    "ModeWord",
    "OpenOrder",
    "OrderTokens",
    "Payout",
    "Position",
    "Prepared",
    "Settlement",
    "SignedOrder",
    "VenueClient",
    "VenueFill",
    "VenueMode",
]


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """An order whose every byte is decided. venue_order_id is known beforehand on Polymarket, None on Kalshi.

    fields is the venue's own view of the order: enough to sign it, and to find it after a crash.
    """

    leg: LegRequest
    client_order_id: str
    venue_order_id: str | None
    fields: Mapping[str, Any]


class SignedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Ready to send: the exact bytes of the body and what signing fixed."""

    prepared: Prepared
    body: bytes
    headers: Mapping[str, str]


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Free cash of one shard (0 where a venue has none)."""

    shard: int
    cash: Money


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Contracts held of one market: positive = outcome YES, negative = outcome NO; on Polymarket one row per token held."""

    market: MarketId
    size: Size
    fees: Money = Money(0)


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    venue_order_id: str
    client_order_id: str
    market: MarketId
    remaining: Size


class VenueFill(msgspec.Struct, frozen=True, kw_only=True):
    """A fill as the venue lists it, with the order it belongs to."""

    venue_order_id: str
    market: MarketId
    fill: Fill


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """A market that pays. payout is the YES value in Money per contract; held what was held of it then, YES less NO, None where
    the venue does not tell; paid False while the revenue still waits to be redeemed."""

    market: MarketId
    payout: Money
    revenue: Money
    at: WallNs
    held: Size | None = None
    paid: bool = True


class Payout(msgspec.Struct, frozen=True):
    """What one YES contract of a market was paid: 0, a dollar, or between for a void or a scalar. at is the venue's own stamp of
    it, None where it gives none."""

    yes: Money
    at: WallNs | None = None


class AccountQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to read. market narrows it; cursor continues a page. orders are those that rest; history is orders in any state, newest
    first, under the names we gave them: nothing where a venue keeps no such names."""

    what: Literal["balances", "positions", "orders", "history", "fills", "settlements"]
    market: MarketId | None = None
    cursor: str = ""


class AccountPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page; cursor "" is the last. Only the tuple that was asked for is filled."""

    balances: tuple[Balance, ...] = ()
    positions: tuple[Position, ...] = ()
    orders: tuple[OpenOrder, ...] = ()
    fills: tuple[VenueFill, ...] = ()
    settlements: tuple[Settlement, ...] = ()
    cursor: str = ""


ModeWord = Literal["normal", "paused", "post_only", "cancel_only", "disabled", "restarting", "unreachable"]


class VenueMode(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue lets us do now (B-426). until is when it may clear, None = unknown."""

    venue: Venue
    mode: ModeWord
    until: MonoNs | None = None
    detail: str = ""
    closed_shards: Mapping[int, ModeWord] = {}
    """Shards that are closed while the venue as a whole is as mode says; the markets of all others trade on."""
    ours: bool = False
    """Nothing is wrong with the venue: it is our own key that may not trade, which stops no paper order."""


class OrderTokens(Protocol):
    """The order tokens of one account, where they can be kept for an arb before its first leg goes (B-431)."""

    def reserve(self, owner: bytes, orders: int, shard: int = 0) -> float:
        """Keep the tokens of that many orders for owner; seconds until there will be enough, and nothing kept, when there are
        not."""

    def release(self, owner: bytes) -> None:
        """Give back what owner did not spend."""


class VenueClient(Protocol):
    """One venue's orders, reads and private stream. Every method that talks raises only the tree of errors.py."""

    venue: Venue

    def prepare(self, leg: LegRequest, market: Market, ids: Ids, clock: Clock) -> Prepared:
        """Fix salt, amounts and ids. Raises Rejected when the want breaks the market's grid, minimum or terms."""

    async def sign(self, order: Prepared) -> SignedOrder: ...

    async def send(self, order: SignedOrder, *, deadline: MonoNs) -> LegResult:
        """Send once. A definite no is a LegResult; raises Unreachable (not sent) or UnknownOutcome (sent, not answered)."""

    async def find(self, order: Prepared) -> LegResult | None:
        """Ask orders, then fills; None = the venue knows nothing of it so far."""

    async def cancel(self, order: Prepared) -> LegResult: ...
    async def market(self, market: MarketId) -> Market: ...
    async def payout(self, market: MarketId) -> Payout | None:
        """What a market paid; None while the venue has not."""

    async def book(self, market: MarketId) -> Book: ...
    async def account(self, what: AccountQuery) -> AccountPage: ...
    async def mode(self) -> VenueMode: ...

    async def warm(self) -> None:
        """Keep a connection open with a cheap read, so that no order leaves on a cold socket."""

    def updates(self) -> AsyncIterator[LegResult]:
        """The private stream: later truths about our legs. Hints; find() is the truth (B-429)."""

    async def close(self) -> None: ...


class FeedStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since start. reconnects and resyncs count losses of continuity; latency is venue stamp to applied."""

    markets: int
    ready: int
    frames: int
    reconnects: int
    resyncs: int
    bad_frames: int
    connected: bool
    latency_ms: float | None


class Feed(Protocol):
    """Keeps the books of one venue over WebSocket and tells its Sink of every change."""

    venue: Venue

    @property
    def books(self) -> Mapping[MarketId, Book]: ...

    def watch(self, markets: Sequence[Market]) -> None:
        """Add markets; running streams are not dropped (B-109)."""

    def unwatch(self, markets: Sequence[MarketId]) -> None: ...

    async def run(self) -> None:
        """Connect, subscribe, apply, reconnect with jittered back-off, until cancelled."""

    def resync(self, market: MarketId, reason: str) -> None:
        """Ask for a fresh snapshot; the book is not ready until it came."""

    def statistics(self) -> FeedStatistics: ...
