"""What the venues say now about markets in use, beyond what their feeds tell: resolution under way, and starts that moved.

Polymarket's feed says nothing of UMA: a market whose result is proposed or disputed still takes orders (polymarket.md 2.2). Kalshi
tells its statuses on the stream, and schedules in milestones only. Pure readings; adoption decides what follows (matching.md 3.7).
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from controller.discovery.game import Row, conflicting_starts
from controller.discovery.reading import tickers_of
from controller.discovery.when import parse_time
from controller.model import Pair
from controller.pairs.store import Decisions
from trading.market import Market, MarketId
from trading.units import WallNs

__all__ = ["GammaMarkets", "Word", "moved_starts", "starts_of", "tell_move", "words_of"]

_AT_ONCE = 100
"""Condition ids of one request (polymarket.md 2.1)."""
_UNDER_WAY = ("proposed", "disputed", "challenged")


class GammaMarkets(Protocol):
    """What is asked of Polymarket."""

    def market_pages(self, **filters: Any) -> AsyncIterator[list[Row]]: ...


class Word(msgspec.Struct, frozen=True):
    """doubt: why nothing may be opened on the market, "" = nothing said. starts_at: as stated now, None = not said."""

    doubt: str
    starts_at: WallNs | None


async def words_of(gamma: GammaMarkets, conditions: Sequence[MarketId]) -> dict[MarketId, Word]:
    """Polymarket's word on each market it knows. Raises what the client raises.

    Gamma lists the open ones alone unless it is asked for closed ones, so those it did not name are asked for once more.
    """
    found: dict[MarketId, Word] = {}
    for closed in (False, True):
        asked = [condition for condition in conditions if condition not in found]
        for begin in range(0, len(asked), _AT_ONCE):
            async for page in gamma.market_pages(condition_ids=asked[begin : begin + _AT_ONCE], closed=closed):
                for row in page:
                    found[MarketId(str(row.get("conditionId")))] = _word(row)
    return found


def _word(row: Row) -> Word:
    stated = row.get("umaResolutionStatus")
    doubt = ""
    if row.get("closed"):
        doubt = "closed"
    elif stated in _UNDER_WAY:
        doubt = f"its result is {stated}"
    elif "resolved" in (stated, row.get("resolutionStatus")):
        doubt = "resolved"
    elif row.get("archived") or row.get("active") is False or row.get("enableOrderBook") is False:
        doubt = "switched off"
    elif any(event.get("ended") is True for event in row.get("events") or () if isinstance(event, Mapping)):
        doubt = "its event has ended"  # polymarket.md 14: finished games are found taking orders for days
    elif row.get("acceptingOrders") is False:
        doubt = "it takes no orders"
    return Word(doubt, parse_time(row.get("gameStartTime")))


def starts_of(milestones: Iterable[Row], events: Collection[str]) -> dict[str, WallNs]:
    """Start by event ticker, of those events whose milestone is among these; two that differ give none."""
    found: dict[str, set[WallNs]] = {}
    for stone in milestones:
        for field in ("primary_event_tickers", "related_event_tickers"):
            for ticker in tickers_of(stone, field):
                start = parse_time(stone.get("start_date"))
                if ticker in events and start is not None:
                    found.setdefault(ticker, set()).add(start)
    return {ticker: starts.pop() for ticker, starts in found.items() if len(starts) == 1}


def moved_starts(
    pairs: Iterable[Pair],
    words: Mapping[MarketId, Word],
    starts: Mapping[str, WallNs],
    markets: Mapping[MarketId, Market],
    known: Decisions,
) -> dict[str, WallNs]:
    """Pair id to the start a venue states now, where it is not the start the pair was last in use with (B-100)."""
    found: dict[str, WallNs] = {}
    for pair in pairs:
        was = known.starts.get(pair.id, pair.starts_at)
        first, word = markets.get(pair.first), words.get(pair.second)
        stated = (word.starts_at if word else None, starts.get(first.event_id) if first else None)
        for now in stated:
            if now is not None and conflicting_starts(was, now):
                found[pair.id] = now
    return found


def tell_move(before: WallNs | None, after: WallNs) -> str:
    """In words: the reason on the pair's page."""
    return f"its start moved from {_when(before)} to {_when(after)}"


def _when(start: WallNs | None) -> str:
    return "not said" if start is None else datetime.fromtimestamp(start / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")
