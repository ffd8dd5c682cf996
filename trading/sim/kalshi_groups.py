"""Order groups: the venue's own breaker against a runaway order loop (kalshi.md 7.6).

A group counts what its orders match over a rolling 15 seconds. More than its limit triggers it: every resting order of the group
is cancelled and new ones are refused until a reset. Triggers wait until all fills of one arrival are booked, so that no fill is
lost to a cancel in between.
"""

import random
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trading.clock import MS, SECOND, Clock
from trading.sim.kalshi_data import ApiError
from trading.sim.kalshi_money import Account, OrderRecord
from trading.sim.kalshi_ticket import read_count, read_index
from trading.units import Size, format_size

__all__ = ["Group", "OrderGroups"]

Row = dict[str, Any]

_WINDOW_NS = 15 * SECOND
_MOST_LIMIT = Size(1_000_000 * 1_000_000)
_MOST_GROUPS = 100_000


@dataclass(slots=True, eq=False)
class Group:
    """One group of one account on one shard. matched holds (MonoNs, size) inside the window."""

    id: str
    owner: str
    shard: int
    limit: Size
    triggered: bool = False
    matched: deque[tuple[int, Size]] = field(default_factory=deque)

    def inside(self, now: int) -> int:
        """Contracts matched in the window that ends now."""
        while self.matched and self.matched[0][0] <= now - _WINDOW_NS:
            self.matched.popleft()
        return sum(size for _, size in self.matched)


class OrderGroups:
    """Every group. cancel takes one resting order off; announce(owner, msg) puts a frame on order_group_updates."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        cancel: Callable[[Account, OrderRecord], object],
        announce: Callable[[Account, Row], None],
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._cancel = cancel
        self._announce = announce
        self._groups: dict[str, Group] = {}
        self._touched: dict[str, Account] = {}

    # ── what the desk asks ───────────────────────────────────────────────────────────────────────────────────────────

    def admit(self, account: Account, group_id: str, shard: int) -> None:
        """Refuse an order whose group is unknown, triggered or of another shard. Raises ApiError."""
        group = self._groups.get(group_id)
        if group is None or group.owner != account.owner:
            raise ApiError(404, "order_group_not_found", "order group not found", group_id)
        if group.shard != shard:
            raise ApiError(400, "invalid_order", details=f"order group {group_id} works on exchange index {group.shard}")
        if group.triggered:
            raise ApiError(400, "order_group_triggered", "order group triggered", f"{group_id} must be reset first")

    def note(self, account: Account, record: OrderRecord, size: Size) -> None:
        """Count one fill of an order in its group."""
        group = self._groups.get(record.group)
        if group is not None:
            group.matched.append((self._clock.mono_ns(), size))
            self._touched[group.id] = account

    def settle(self) -> None:
        """Trigger the groups whose fills since the last call went past their limit."""
        while self._touched:
            group_id, account = self._touched.popitem()
            group = self._groups.get(group_id)
            if group is not None:
                self._check(account, group)

    def triggered(self, group_id: str) -> bool:
        group = self._groups.get(group_id)
        return group is not None and group.triggered

    # ── the endpoints ────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, account: Account, body: Mapping[str, Any]) -> Row:
        limit = _limit(body)
        shard = read_index(body.get("exchange_index")) or 0
        if sum(group.owner == account.owner for group in self._groups.values()) >= _MOST_GROUPS:
            raise ApiError(400, "order_group_limit_reached")
        group = Group(str(uuid.UUID(int=self._rng.getrandbits(128), version=4)), account.owner, shard, limit)
        self._groups[group.id] = group
        self._say(account, group, "created", limit)
        return {"order_group_id": group.id, "subaccount": account.subaccount, "exchange_index": shard}

    def listed(self, accounts: Sequence[Account]) -> Row:
        owners = {account.owner for account in accounts}
        return {"order_groups": [{"id": row.id, **_facts(row)} for row in self._groups.values() if row.owner in owners]}

    def one(self, accounts: Sequence[Account], group_id: str) -> Row:
        account, group = self._find(accounts, group_id)
        orders = [record.order.id for record in account.open.values() if record.group == group_id]
        return {**_facts(group), "orders": orders}

    def delete(self, accounts: Sequence[Account], group_id: str) -> None:
        account, group = self._find(accounts, group_id)
        self._take_off(account, group)
        del self._groups[group_id]
        self._say(account, group, "deleted")

    def reset(self, accounts: Sequence[Account], group_id: str) -> None:
        account, group = self._find(accounts, group_id)
        group.triggered = False
        group.matched.clear()
        self._say(account, group, "reset")

    def trigger(self, accounts: Sequence[Account], group_id: str) -> None:
        self._trip(*self._find(accounts, group_id))

    def limit(self, accounts: Sequence[Account], group_id: str, body: Mapping[str, Any]) -> None:
        """Change the limit; one that has been passed already triggers at once."""
        account, group = self._find(accounts, group_id)
        limit = _limit(body)
        group.limit = limit
        self._say(account, group, "limit_updated", limit)
        self._check(account, group)

    # ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _find(self, accounts: Sequence[Account], group_id: str) -> tuple[Account, Group]:
        group = self._groups.get(group_id)
        for account in accounts:
            if group is not None and group.owner == account.owner:
                return account, group
        raise ApiError(404, "order_group_not_found", "order group not found", group_id)

    def _check(self, account: Account, group: Group) -> None:
        if not group.triggered and group.inside(self._clock.mono_ns()) > group.limit:
            self._trip(account, group)

    def _trip(self, account: Account, group: Group) -> None:
        group.triggered = True
        self._take_off(account, group)
        self._say(account, group, "triggered")

    def _take_off(self, account: Account, group: Group) -> None:
        for record in [record for record in account.open.values() if record.group == group.id]:
            self._cancel(account, record)

    def _say(self, account: Account, group: Group, event: str, limit: Size | None = None) -> None:
        msg: Row = {"event_type": event, "order_group_id": group.id, "ts_ms": self._clock.wall_ns() // MS}
        if limit is not None:
            msg["contracts_limit_fp"] = format_size(limit)
        self._announce(account, msg)


def _facts(group: Group) -> Row:
    return {
        "is_auto_cancel_enabled": True,
        "exchange_index": group.shard,
        "contracts_limit_fp": format_size(group.limit),
    }


def _limit(body: Mapping[str, Any]) -> Size:
    """contracts_limit or contracts_limit_fp; both must agree. Raises ApiError 400."""
    whole, fixed = body.get("contracts_limit"), body.get("contracts_limit_fp")
    found = None if fixed is None else read_count(fixed, "contracts_limit_fp")
    if whole is not None:
        if isinstance(whole, bool) or not isinstance(whole, int) or whole < 1:
            raise ApiError(400, "invalid_parameters", details="contracts_limit: must be a whole number of at least 1")
        if found is not None and found != whole * 1_000_000:
            raise ApiError(400, "invalid_parameters", details="contracts_limit and contracts_limit_fp differ")
        found = Size(whole * 1_000_000)
    if found is None:
        raise ApiError(400, "invalid_parameters", details="contracts_limit: is required")
    if found > _MOST_LIMIT:
        raise ApiError(400, "invalid_parameters", details="contracts_limit: at most 1000000")
    return found
