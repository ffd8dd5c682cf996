"""Order groups: the venue's own breaker against a runaway order loop (kalshi.md 7.6).

More than the limit matched inside a rolling 15 s cancels every order of the group and refuses new ones until a reset. A group
works on one shard only.
"""

import msgspec

from trading.errors import Misuse
from trading.kalshi.paging import filters
from trading.kalshi.rest import KalshiRest, segment
from trading.kalshi.wire_market import parse_count
from trading.units import CONTRACT, Size, format_size

__all__ = ["Group", "OrderGroups"]

_PATH = "/portfolio/order_groups"
_MOST = 1_000_000 * CONTRACT


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One order group. limit and shard None = the venue did not say; armed False: it was switched off or has triggered."""

    id: str
    armed: bool
    limit: Size | None = None
    shard: int | None = None
    orders: tuple[str, ...] = ()


class _Row(msgspec.Struct, frozen=True):
    is_auto_cancel_enabled: bool
    id: str = ""
    contracts_limit_fp: str | None = None
    exchange_index: int | None = None
    orders: tuple[str, ...] = ()

    def to_group(self, group_id: str) -> Group:
        limit = parse_count(self.contracts_limit_fp) if self.contracts_limit_fp is not None else None
        return Group(id=group_id, armed=self.is_auto_cancel_enabled, limit=limit, shard=self.exchange_index, orders=self.orders)


class _Page(msgspec.Struct, frozen=True):
    order_groups: tuple[_Row, ...] | None = None


class _Created(msgspec.Struct, frozen=True):
    order_group_id: str


class OrderGroups:
    """Groups of one account. Writes raise as every write does; a lost create is found again in listed()."""

    def __init__(self, rest: KalshiRest) -> None:
        self._rest = rest

    async def create(self, limit: Size, *, shard: int, subaccount: int | None = None) -> str:
        """Open a group and return its id. Raises Misuse for a limit outside 0.01..1,000,000 contracts."""
        payload: dict[str, object] = {"contracts_limit_fp": _limit(limit), "exchange_index": shard}
        if subaccount is not None:
            payload["subaccount"] = subaccount
        path = f"{_PATH}/create"
        response = await self._rest.write("POST", path, payload, shard=shard)
        return self._rest.decode_write(response.body, _Created, path).order_group_id

    async def listed(self, *, subaccount: int | None = None) -> tuple[Group, ...]:
        query = filters(("subaccount", subaccount))
        page = await self._rest.fetch(_PATH, _Page, query, private=True)
        return tuple(row.to_group(row.id) for row in page.order_groups or ())

    async def get(self, group_id: str, *, subaccount: int | None = None) -> Group:
        """One group with the ids of its orders. Raises Rejected when there is none."""
        path = f"{_PATH}/{segment(group_id)}"
        row = await self._rest.fetch(path, _Row, filters(("subaccount", subaccount)), private=True)
        return row.to_group(group_id)

    async def reset(self, group_id: str, *, shard: int, subaccount: int = 0) -> None:
        """Count from zero again and take new orders: only after somebody looked why it triggered."""
        await self._put(group_id, "reset", {}, shard, subaccount)

    async def trigger(self, group_id: str, *, shard: int, subaccount: int = 0) -> None:
        """Cancel every order of the group and refuse new ones until a reset."""
        await self._put(group_id, "trigger", {}, shard, subaccount, reducing=True)

    async def set_limit(self, group_id: str, limit: Size, *, shard: int, subaccount: int = 0) -> None:
        """Another limit; one that was passed already triggers the group at once."""
        await self._put(group_id, "limit", {"contracts_limit_fp": _limit(limit)}, shard, subaccount)

    async def delete(self, group_id: str, *, shard: int, subaccount: int = 0) -> None:
        """Remove the group and cancel its orders."""
        path = f"{_PATH}/{segment(group_id)}"
        await self._rest.write("DELETE", path, None, _place(shard, subaccount), shard=shard, reducing=True)

    async def _put(
        self, group_id: str, act: str, payload: dict[str, str], shard: int, subaccount: int, *, reducing: bool = False
    ) -> None:
        path = f"{_PATH}/{segment(group_id)}/{act}"
        await self._rest.write("PUT", path, payload, _place(shard, subaccount), shard=shard, reducing=reducing)


def _place(shard: int, subaccount: int) -> list[tuple[str, str]]:
    return filters(("subaccount", subaccount), ("exchange_index", shard))


def _limit(limit: Size) -> str:
    if not 0 < limit <= _MOST:
        raise Misuse(f"a group's limit of {limit}e-6 contracts is outside 0.01..1,000,000")
    return format_size(limit)
