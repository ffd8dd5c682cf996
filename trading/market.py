"""What is traded: venues, outcomes, markets with their grid, minimums and fee terms.

A Market is a value read from its venue at read_at. Index 0 of every pair (outcomes, tokens) is YES: on Polymarket that is Gamma
outcome 0 (design.md 6). A change at the venue makes another Market.
"""

import hashlib
from enum import Enum, IntEnum
from typing import Literal, NewType

import msgspec

from trading.units import ONE, Money, Price, Size, WallNs

__all__ = [
    "KALSHI",
    "POLYMARKET",
    "Action",
    "FeeTerms",
    "Market",
    "MarketId",
    "MarketStatus",
    "Outcome",
    "Venue",
    "hash_rules",
    "snap",
    "step_at",
]

MarketId = NewType("MarketId", str)
"""Kalshi ticker or Polymarket condition id."""
Venue = NewType("Venue", str)
KALSHI = Venue("kalshi")
POLYMARKET = Venue("polymarket")

MarketStatus = Literal["open", "paused", "closed", "settled"]


class Outcome(IntEnum):
    """The two sides of a market; the value is the index into Market.outcomes and Market.tokens."""

    YES = 0
    NO = 1

    @property
    def other(self) -> "Outcome":
        return Outcome.NO if self is Outcome.YES else Outcome.YES


class Action(Enum):
    BUY = "buy"
    SELL = "sell"


class FeeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of a fee schedule as the venue states them for one market.

    taker and maker are the coefficient of C x P x (1 - P) in 1/1,000,000,000. precision is the balance step in Money to which
    Kalshi aligns (100 = $0.0001 direct member, 10,000 = $0.01 broker customer). Before waived_until fees are zero.
    """

    schedule: Literal["kalshi", "kalshi_whole_cent", "polymarket"]
    taker: int
    maker: int = 0
    precision: Money = Money(100)
    waived_until: WallNs | None = None


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One binary market of one venue.

    grid is ((start, end, step), ...) in Price; min_size and size_step in Size; min_cost in Money (0 = none). shard is Kalshi's
    exchange_index. version is Polymarket's protocol version, "" elsewhere; an unknown one makes tradable False. hold_ns is the
    declared taker hold, None when the venue's answer could not be read. fees None means watch only. starts_at is the scheduled
    start of the event, settles_at the expected payout.
    """

    id: MarketId
    venue: Venue
    event_id: str
    question: str
    outcomes: tuple[str, str] = ("Yes", "No")
    tokens: tuple[str, str] = ("", "")
    grid: tuple[tuple[Price, Price, Price], ...]
    min_size: Size
    min_cost: Money = Money(0)
    size_step: Size = Size(10_000)
    shard: int = 0
    version: str = ""
    neg_risk: bool = False
    hold_ns: int | None = 0
    fees: FeeTerms | None
    status: MarketStatus = "open"
    starts_at: WallNs | None = None
    closes_at: WallNs | None = None
    settles_at: WallNs | None = None
    rules: str = ""
    rules_hash: str = ""
    read_at: WallNs = WallNs(0)
    tradable: bool = True
    """False: the venue said something we do not understand (version, grid, fees); watch only."""
    mutually_exclusive: bool = False
    """At most one market of the event resolves YES."""


def hash_rules(*texts: str) -> str:
    """Fingerprint of settlement texts, white space folded: a changed one sends a pair back to review."""
    folded = "\x1f".join(" ".join(text.split()) for text in texts)
    return hashlib.sha256(folded.encode(errors="surrogatepass")).hexdigest()[:16]


def step_at(market: Market, price: Price) -> Price | None:
    """The grid step that holds at price, None when the price is off the grid or no order price at all."""
    if not 0 < price < ONE:
        return None
    for start, end, step in market.grid:
        if start <= price <= end and step > 0 and (price - start) % step == 0:
            return step
    return None


def snap(market: Market, price: Price, *, up: bool) -> Price | None:
    """The nearest valid order price at or above (up) or at or below the given one; None when there is none."""
    best: Price | None = None
    for start, end, step in market.grid:
        if step <= 0:
            continue
        if up:
            steps = max(0, -(-(price - start) // step))
            near = Price(start + steps * step)
            near = Price(start + step) if near <= 0 else near
            if near <= end and 0 < near < ONE and near >= price and (best is None or near < best):
                best = near
        else:
            limit = min(price, end)
            if limit < start:
                continue
            near = Price(start + (limit - start) // step * step)
            near = Price(near - step) if near >= ONE else near
            if near >= start and 0 < near < ONE and (best is None or near > best):
                best = near
    return best
