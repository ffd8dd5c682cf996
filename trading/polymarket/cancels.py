"""Cancels: one, many, a market's, all (polymarket.md 7.1).

A cancel may be repeated without harm, so a lost answer is UnknownOutcome and a throttled one waits as told. A request that costs
more than the signer's burst can never succeed: many orders go in pieces. An order in its hold cannot be cancelled; the venue
says so in not_canceled, with 200.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trading.errors import ModeClosed, Throttled, UnknownOutcome, Unreachable, VenueError
from trading.log import get_logger
from trading.market import POLYMARKET, MarketId
from trading.polymarket.account import listed
from trading.polymarket.budget import SignerBudget
from trading.polymarket.mode import ModeMemory
from trading.polymarket.paging import pages
from trading.polymarket.rest import PolymarketRest, Sleep, error_for
from trading.polymarket.wire import bad, decode

__all__ = ["Cancelled", "Cancels"]

_log = get_logger(__name__)

_TIMEOUT_S = 5.0
_PIECE_MOST = 1_000
_TRIES = 3
_LONGEST_WAIT_S = 10.0
_MOST_PAGES = 1_000


class Cancelled(msgspec.Struct, frozen=True):
    """Order ids that are gone, and those that are not with the venue's reason."""

    canceled: tuple[str, ...] = ()
    kept: Mapping[str, str] = {}


class Cancels:
    """Cancels of one API key."""

    def __init__(self, rest: PolymarketRest, budget: SignerBudget, mode: ModeMemory, *, sleep: Sleep = asyncio.sleep) -> None:
        self._rest = rest
        self._budget = budget
        self._mode = mode
        self._sleep = sleep

    async def one(self, order_id: str) -> Cancelled:
        """DELETE /order. Raises UnknownOutcome when it may or may not have been done."""
        return await self._delete("/order", {"orderID": order_id}, 1)

    async def many(self, order_ids: Sequence[str]) -> Cancelled:
        """DELETE /orders in pieces of at most half the burst. What was cancelled before a failure stays cancelled."""
        piece = max(1, min(_PIECE_MOST, self._budget.burst("cancels") // 2))
        canceled: list[str] = []
        kept: dict[str, str] = {}
        ids = list(dict.fromkeys(order_ids))
        for start in range(0, len(ids), piece):
            part = ids[start : start + piece]
            done = await self._delete("/orders", part, len(part))
            canceled += done.canceled
            kept |= done.kept
        return Cancelled(tuple(canceled), kept)

    async def market(self, market: MarketId, token: str = "") -> Cancelled:
        """DELETE /cancel-market-orders: every open order of a market, or of one of its tokens, counted or not."""
        mine = await self._counted(market, token)
        if len(mine) + 1 > self._budget.burst("cancels"):
            return await self.many(mine)
        asked = {"market": market} | ({"asset_id": token} if token else {})
        return await self._delete("/cancel-market-orders", asked, 1 + len(mine))

    async def all(self) -> Cancelled:
        """DELETE /cancel-all. When the open orders cannot be counted it is tried all the same."""
        mine = await self._counted()
        if len(mine) + 1 > self._budget.burst("cancels"):
            return await self.many(mine)
        return await self._delete("/cancel-all", None, 1 + len(mine))

    async def _counted(self, market: str = "", token: str = "") -> list[str]:
        """The open orders a cancel is to cost; [] when they cannot be listed, which must not keep a cancel back."""
        try:
            return await self._open_ids(market, token)
        except VenueError as exc:
            _log.warning("polymarket_orders_not_counted", error=str(exc))
            return []

    async def _open_ids(self, market: str, token: str) -> list[str]:
        asked = [("market", market)] if market else []
        asked += [("asset_id", token)] if token else []

        async def read(cursor: str) -> tuple[list[Mapping[str, Any]], str]:
            query = [*asked, ("next_cursor", cursor)] if cursor else asked
            return listed(await self._rest.read("/data/orders", query, signed=True, patient=False))

        listing = pages(read, "/data/orders", most=_MOST_PAGES)
        return [str(row["id"]) async for rows in listing for row in rows if row.get("id")]

    async def _delete(self, path: str, asked: Any, cost: int) -> Cancelled:
        for attempt in range(_TRIES):
            try:
                return await self._delete_once(path, asked, cost)
            except Throttled as exc:
                wait = exc.retry_after if exc.retry_after is not None else 1.0
                if attempt == _TRIES - 1 or wait > _LONGEST_WAIT_S:
                    raise
                await self._sleep(wait)
        raise AssertionError("the last attempt raises or returns")

    async def _delete_once(self, path: str, asked: Any, cost: int) -> Cancelled:
        wait = self._budget.take("cancels", min(cost, self._budget.burst("cancels")))
        if wait:
            raise Throttled(POLYMARKET, "throttled", f"DELETE {path}: our own limit of cancels", retry_after=wait)
        body = b"" if asked is None else msgspec.json.encode(asked)
        headers = self._rest.signed_headers("DELETE", path, body)
        answer = await self._rest.write("DELETE", path, body, headers, timeout_s=_TIMEOUT_S)
        self._budget.apply_answer("cancels", answer.status, answer.headers)
        error = error_for(answer)
        if isinstance(error, Unreachable):  # a 5xx: the cancel may have been done
            raise UnknownOutcome(POLYMARKET, error.code, error.detail)
        if isinstance(error, ModeClosed):
            self._mode.closed_by(error)
        if error is not None:
            raise error
        row = decode(answer.body)
        kept = row.get("not_canceled") if isinstance(row, Mapping) else None
        canceled = row.get("canceled") if isinstance(row, Mapping) else None
        if not isinstance(canceled, list | type(None)) or not isinstance(kept, Mapping | type(None)):
            raise bad("bad_cancel", f"DELETE {path} answered neither canceled nor not_canceled")
        return Cancelled(tuple(str(name) for name in canceled or ()), {str(k): str(v) for k, v in (kept or {}).items()})
