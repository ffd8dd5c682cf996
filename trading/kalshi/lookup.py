"""Finding an order and its fills again, when its answer was lost or only its own record may speak (kalshi.md 7.4).

The venue has no filter by client order id: an order whose id is not known is looked for in the list of its market since the arb
was named. Look-ups never wait: on a 429 they raise Throttled, and the caller's schedule decides.
"""

from trading.errors import AuthFailed, ModeClosed, Rejected, Throttled
from trading.ids import LegId
from trading.kalshi.hints import OrderHints
from trading.kalshi.orders import result_of_order
from trading.kalshi.portfolio import Portfolio
from trading.kalshi.wire_account import FillRow, OrderRow
from trading.order import LegResult
from trading.venue import Prepared

__all__ = ["Lookup"]

_LOOKBACK_S = 86_400
"""The id carries the time of the clock that named the arb, and that may be wrong by any time zone: looking too far back costs a
page, looking not far enough takes an order that filled for one that never was."""


class Lookup:
    """Reads about single orders of ours."""

    def __init__(self, portfolio: Portfolio, hints: OrderHints) -> None:
        self._portfolio = portfolio
        self._hints = hints

    async def find(self, order: Prepared) -> LegResult | None:
        """The order with its fills; None = the venue lists no order under our id so far.

        Settled when the fills add up to the order's fill_count.
        """
        row = await self.row(order)
        if row is None:
            return None
        self._hints.note_venue_id(order.client_order_id, row.order_id)
        fills = await self.fills(order, row.order_id) if _has_fills(row) else ()
        return result_of_order(order, row, fills)

    async def row(self, order: Prepared) -> OrderRow | None:
        """The order's own row, by the venue's id where it is known, else from the list."""
        known = order.venue_order_id or self._hints.venue_id(order.client_order_id)
        if known is not None:
            row = await self._by_id(known)
            if row is not None and row.client_order_id == order.client_order_id:
                return row
        since = _made_at(order.leg.leg_id) - _LOOKBACK_S
        pages = self._portfolio.orders(market=order.leg.want.market, min_ts=since, shard=_shard(order), retry=False)
        async for rows in pages:
            for row in rows:
                if row.client_order_id == order.client_order_id:
                    return row
        return None

    async def _by_id(self, order_id: str) -> OrderRow | None:
        try:
            return await self._portfolio.order(order_id, retry=False)
        except (AuthFailed, Throttled, ModeClosed):
            raise
        except Rejected:  # in whatever words it is not there: the list decides
            return None

    async def fills(self, order: Prepared, order_id: str) -> tuple[FillRow, ...]:
        """Every fill of an order, once each."""
        fills: dict[str, FillRow] = {}
        async for rows in self._portfolio.fills(order_id=order_id, shard=_shard(order), retry=False):
            fills.update((fill.id, fill) for fill in rows if fill.order_id == order_id)
        return tuple(fills.values())


def _shard(order: Prepared) -> int | None:
    """None for an order of a journal that kept no shard, which is then looked for on all of them."""
    shard = order.fields.get("exchange_index")
    return shard if isinstance(shard, int) and shard >= 0 else None


def _has_fills(row: OrderRow) -> bool:
    """False only for a plain zero: an unreadable count is looked into."""
    return row.fill_count_fp.strip("0.") != ""


def _made_at(leg: LegId) -> int:
    """Unix seconds at which the arb of a leg was named: the first six bytes of its id are milliseconds."""
    return int.from_bytes(leg[:6]) // 1_000
