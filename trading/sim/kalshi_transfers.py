"""Money moved inside the simulated Kalshi: between shards, between subaccounts, and by target allocation (kalshi.md 7.6, 8).

A transfer between shards leaves its source at once and arrives a while later. Several steps are not atomic at the venue; here a
transfer either has its money or is refused, which is the part a caller can see. Balances stay multiples of $0.0001.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trading.clock import SECOND, Clock
from trading.sim.kalshi_auth import Caller
from trading.sim.kalshi_data import ApiError, KalshiRules
from trading.sim.kalshi_members import Members
from trading.sim.kalshi_money import Account
from trading.sim.kalshi_query import Query
from trading.sim.timers import Timers
from trading.units import Money, WallNs, format_money

__all__ = ["Transfers"]

Row = dict[str, Any]

_CENTICENT = 100
_CENT = 10_000
_RESERVATIONS = ("none", "max", "sum")


@dataclass(slots=True, eq=False)
class _Transfer:
    number: int
    id: str
    client_id: str
    user_id: str
    source: Account
    target: Account
    from_shard: int
    to_shard: int
    amount: Money
    at: WallNs
    done: bool = False


@dataclass(frozen=True, slots=True)
class _Target:
    """Percent per shard, and what stays behind for resting orders."""

    percents: Mapping[int, int]
    reservation: str


class Transfers:
    """paused and shards are the desk's and the table's own; check_margin is told of a shard that lost cash."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        rules: KalshiRules,
        members: Members,
        timers: Timers,
        shards: list[int],
        paused: set[int],
        check_margin: Callable[[Account, int], None],
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._rules = rules
        self._members = members
        self._timers = timers
        self._shards = shards
        self._paused = paused
        self._check_margin = check_margin
        self._transfers: list[_Transfer] = []
        self._used: set[tuple[str, int, str]] = set()
        self._applied: set[tuple[str, str]] = set()
        self._targets: dict[str, _Target] = {}
        self.stopped = False
        """Fault: intra_exchange_transfers_active is false and transfers are refused."""

    # ── between shards ───────────────────────────────────────────────────────────────────────────────────────────────

    def move(self, caller: Caller, body: Mapping[str, Any]) -> Row:
        """POST /portfolio/intra_exchange_instance_transfer; amount is in centicents. Raises ApiError."""
        if body.get("source") != "event_contract" or body.get("destination") != "event_contract":
            raise ApiError(400, "invalid_parameters", details="source, destination: only event_contract has money here")
        amount = Money(_whole(body, "amount", least=1) * _CENTICENT)
        from_shard, to_shard = self._shard(body, "source_exchange_shard"), self._shard(body, "destination_exchange_shard")
        source = self._members.account(caller, _number(body, "source_subaccount"))
        target = self._members.account(caller, _number(body, "destination_subaccount"))
        client_id = _uuid(body.get("client_transfer_id"))
        if client_id and (source.subaccount or target.subaccount):
            raise ApiError(400, "invalid_parameters", details="client_transfer_id: only for primary accounts")
        if source is target and from_shard == to_shard:
            raise ApiError(400, "invalid_parameters", details="source and destination are the same")
        key = caller.user_id, from_shard, client_id
        if client_id and key in self._used:
            raise ApiError(409, "transfer_already_exists", "transfer already exists", client_id)
        if self.stopped or from_shard in self._paused or to_shard in self._paused:
            raise ApiError(self._rules.pause_status, "intra_exchange_transfers_paused")
        row = self._start(caller.user_id, client_id, source, target, from_shard, to_shard, amount)
        if client_id:
            self._used.add(key)
        return {"transfer_id": row.id}

    def _start(
        self, user_id: str, client_id: str, source: Account, target: Account, from_shard: int, to_shard: int, amount: Money
    ) -> _Transfer:
        if amount > source.free(from_shard):
            raise ApiError(400, "insufficient_balance", details=f"exchange index {from_shard}")
        now = self._clock.wall_ns()
        number, given = len(self._transfers) + 1, str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        row = _Transfer(number, given, client_id, user_id, source, target, from_shard, to_shard, amount, now)
        self._transfers.append(row)
        self._change(source, from_shard, -amount)

        def arrive() -> None:
            row.done = True
            self._change(target, to_shard, amount)

        if from_shard == to_shard:
            arrive()
        else:
            self._timers.after(self._rules.transfer_ns, arrive)
        return row

    def listed(self, caller: Caller, query: Query) -> Row:
        rows = self._rows(caller, lambda row: row.from_shard != row.to_shard)
        page, cursor = query.page(rows, query.limit(default=100, most=500), newest_first=True)
        return {"transfers": [_transfer_json(row) for row in page], "cursor": cursor}

    def one(self, caller: Caller, transfer_id: str) -> Row:
        for _, row in self._rows(caller, lambda row: row.from_shard != row.to_shard):
            if row.id == transfer_id:
                return {"transfer": _transfer_json(row)}
        raise ApiError(404, "transfer_not_found", "transfer not found", transfer_id)

    def _rows(self, caller: Caller, wanted: Callable[[_Transfer], bool]) -> Iterator[tuple[int, _Transfer]]:
        for row in reversed(self._transfers):
            own = caller.locked is None or caller.locked in (row.source.subaccount, row.target.subaccount)
            if row.user_id == caller.user_id and own and wanted(row):
                yield row.number, row

    # ── between subaccounts ──────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, caller: Caller, body: Mapping[str, Any]) -> Row:
        """POST /portfolio/subaccounts/transfer: at once, on one shard; amount_cents. Raises ApiError."""
        client_id = _uuid(body.get("client_transfer_id"))
        if not client_id:
            raise ApiError(400, "invalid_parameters", details="client_transfer_id: is required")
        if caller.locked is not None:
            raise ApiError(403, "subaccount_restricted", details="a locked key cannot move money between subaccounts")
        amount = Money(_whole(body, "amount_cents", least=1) * _CENT)
        shard = self._shard(body, "exchange_index")
        source = self._members.account(caller, _whole(body, "from_subaccount"))
        target = self._members.account(caller, _whole(body, "to_subaccount"))
        if source is target:
            raise ApiError(400, "invalid_parameters", details="from_subaccount and to_subaccount are the same")
        if (caller.user_id, client_id) in self._applied:
            raise ApiError(409, "transfer_already_exists", "transfer already exists", client_id)
        self._start(caller.user_id, client_id, source, target, shard, shard, amount)
        self._applied.add((caller.user_id, client_id))
        return {}

    def applied(self, caller: Caller, query: Query) -> Row:
        rows = self._rows(caller, lambda row: row.from_shard == row.to_shard)
        page, cursor = query.page(rows, query.limit(default=100, most=500), newest_first=True)
        found = [
            {
                "transfer_id": row.id,
                "from_subaccount": row.source.subaccount,
                "to_subaccount": row.target.subaccount,
                "amount_cents": row.amount // _CENT,
                "created_ts": row.at // SECOND,
                "exchange_index": row.from_shard,
            }
            for row in page
        ]
        return {"transfers": found, "cursor": cursor}

    def balances(self, caller: Caller) -> Row:
        """Free cash of every account and shard."""
        return {
            "subaccount_balances": [
                {
                    "subaccount_number": account.subaccount,
                    "exchange_index": shard,
                    "balance": format_money(Money(account.free(shard) // 100 * 100), 4),
                    "updated_ts": (account.balance_changed or self._clock.wall_ns()) // SECOND,
                }
                for account in self._members.scope(caller, None)
                for shard in sorted(account.cash)
            ]
        }

    def create(self, caller: Caller, body: Mapping[str, Any]) -> Row:
        if caller.locked is not None:
            raise ApiError(403, "subaccount_restricted", details="a locked key cannot open subaccounts")
        return {"subaccount_number": self._members.create(caller.user_id, self._shard(body, "exchange_index")).subaccount}

    def set_netting(self, caller: Caller, body: Mapping[str, Any]) -> None:
        """Store the switch of collateral return; it is kept and shown, positions still net per market only."""
        account = self._members.account(caller, _whole(body, "subaccount_number"))
        enabled = body.get("enabled")
        if not isinstance(enabled, bool):
            raise ApiError(400, "invalid_parameters", details="enabled: must be true or false")
        self._members.netting[account.owner] = enabled

    def netting(self, caller: Caller) -> Row:
        return {
            "netting_configs": [
                {
                    "subaccount_number": account.subaccount,
                    "enabled": self._members.netting.get(account.owner, False),
                    "exchange_index": shard,
                }
                for account in self._members.scope(caller, None)
                for shard in sorted(account.cash)
            ]
        }

    # ── target allocation ────────────────────────────────────────────────────────────────────────────────────────────

    def target(self, caller: Caller) -> Row:
        found = self._targets.get(caller.user_id, _Target({}, "sum"))
        rows = [{"exchange_index": shard, "percent": percent} for shard, percent in found.percents.items()]
        return {"allocations": rows, "resting_margin_reservation": found.reservation}

    def set_target(self, caller: Caller, body: Mapping[str, Any]) -> Row:
        """Percents of all shards total 100; an empty list switches rebalancing off. Raises ApiError 400."""
        if caller.locked is not None:
            raise ApiError(403, "subaccount_restricted")
        rows, reservation = body.get("allocations"), body.get("resting_margin_reservation") or "sum"
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ApiError(400, "invalid_parameters", details="allocations: must be a list")
        if reservation not in _RESERVATIONS:
            raise ApiError(400, "invalid_parameters", details="resting_margin_reservation: must be none, max or sum")
        percents = {self._shard(row, "exchange_index"): _whole(row, "percent") for row in rows}
        if rows and (len(percents) != len(rows) or sum(percents.values()) != 100):
            raise ApiError(400, "invalid_parameters", details="allocations: percents must total 100")
        running = caller.user_id in self._targets
        if not rows:
            self._targets.pop(caller.user_id, None)
            return self.target(caller)
        self._targets[caller.user_id] = _Target(percents, str(reservation))
        if not running:
            self._timers.after(self._rules.rebalance_ns, lambda: self._rebalance(caller.user_id))
        return self.target(caller)

    def _rebalance(self, user_id: str) -> None:
        """Move the primary account's free cash to its target, then look again later."""
        found = self._targets.get(user_id)
        if found is None:
            return
        account = self._members.accounts[user_id]
        if not self.stopped and not self._paused:
            kept = {shard: self._kept(account, shard, found.reservation) for shard in {*account.cash, *found.percents}}
            spare = {shard: max(0, account.cash.get(shard, 0) - held) for shard, held in kept.items()}
            total = sum(spare.values())
            goal = {shard: total * found.percents.get(shard, 0) // 100 // _CENTICENT * _CENTICENT for shard in spare}
            goal[next(iter(found.percents))] += total - sum(goal.values())  # what rounding leaves goes to the first named
            for shard, was in spare.items():
                if goal[shard] != was:
                    self._change(account, shard, goal[shard] - was)
        self._timers.after(self._rules.rebalance_ns, lambda: self._rebalance(user_id))

    @staticmethod
    def _kept(account: Account, shard: int, reservation: str) -> int:
        held = account.commitments(shard).values()
        return 0 if reservation == "none" else max(held, default=0) if reservation == "max" else sum(held)

    # ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _change(self, account: Account, shard: int, amount: int) -> None:
        account.cash[shard] = Money(account.cash.get(shard, 0) + amount)
        account.balance_changed = self._clock.wall_ns()
        if amount < 0:
            self._check_margin(account, shard)

    def _shard(self, body: Mapping[str, Any], field: str) -> int:
        shard = _whole(body, field) if body.get(field) is not None else 0
        if shard not in self._shards:
            raise ApiError(400, "invalid_parameters", details=f"{field}: exchange index {shard} does not exist")
        return shard


def _whole(body: Mapping[str, Any], field: str, *, least: int = 0) -> int:
    value = body.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 10**15:
        raise ApiError(400, "invalid_parameters", details=f"{field}: must be a whole number of at least {least}")
    return value


def _number(body: Mapping[str, Any], field: str) -> int | None:
    return None if body.get(field) is None else _whole(body, field)


def _uuid(value: object) -> str:
    """A client transfer id, "" when absent. Raises ApiError 400 unless it is a UUID."""
    if value is None:
        return ""
    try:
        return str(uuid.UUID(str(value)))
    except ValueError as exc:
        raise ApiError(400, "invalid_parameters", details="client_transfer_id: must be a UUID") from exc


def _transfer_json(row: _Transfer) -> Row:
    body: Row = {
        "transfer_id": row.id,
        "source": "event_contract",
        "destination": "event_contract",
        "source_exchange_shard": row.from_shard,
        "destination_exchange_shard": row.to_shard,
        "amount": format_money(row.amount),
        "status": "complete" if row.done else "pending",
        "created_ts": row.at // SECOND,
    }
    if row.client_id:
        body["client_transfer_id"] = row.client_id
    return body
