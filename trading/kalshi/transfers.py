"""Cash between shards: single transfers, and the standing allocation that the venue keeps by itself (kalshi.md 8).

Collateral is per shard, so an order on a shard without cash fails. A transfer is asked for under an id of ours: one that was
asked for before is refused, which makes a lost answer harmless, and the list shows it.
"""

import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Literal

import msgspec

from trading.clock import SECOND
from trading.errors import BadAnswer, Misuse
from trading.ids import Ids
from trading.kalshi.paging import pages
from trading.kalshi.rest import KalshiRest, segment
from trading.market import KALSHI
from trading.units import Money, WallNs, parse_money

__all__ = ["CENTICENT", "Allocation", "Transfer", "Transfers"]

CENTICENT = Money(100)
"""$0.0001: the step of a transfer."""
_MOVE = "/portfolio/intra_exchange_instance_transfer"
_LIST = "/portfolio/intra_exchange_instance_transfers"
_ALLOCATION = "/portfolio/target_balance_allocation"

Reservation = Literal["none", "max", "sum"]


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of cash between two shards."""

    id: str
    client_id: str
    source: int
    target: int
    amount: Money
    done: bool
    at: WallNs


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """The standing targets: percent by shard, kept up about every 10 s; empty = the venue moves nothing by itself."""

    percents: Mapping[int, int]
    reservation: str


class _Row(msgspec.Struct, frozen=True):
    transfer_id: str
    source_exchange_shard: int
    destination_exchange_shard: int
    amount: str
    status: str
    client_transfer_id: str = ""
    created_ts: int = 0

    def to_transfer(self) -> Transfer:
        try:
            amount = parse_money(self.amount)
        except ValueError as exc:
            raise BadAnswer(KALSHI, "bad_row", f"transfer {self.transfer_id}: {exc}") from exc
        return Transfer(
            id=self.transfer_id,
            client_id=self.client_transfer_id,
            source=self.source_exchange_shard,
            target=self.destination_exchange_shard,
            amount=amount,
            done=self.status == "complete",
            at=WallNs(self.created_ts * SECOND),
        )


class _Page(msgspec.Struct, frozen=True):
    transfers: tuple[_Row, ...]
    cursor: str | None = None


class _One(msgspec.Struct, frozen=True):
    transfer: _Row


class _Moved(msgspec.Struct, frozen=True):
    transfer_id: str


class _Share(msgspec.Struct, frozen=True):
    exchange_index: int
    percent: int


class _AllocationRow(msgspec.Struct, frozen=True):
    allocations: tuple[_Share, ...]
    resting_margin_reservation: str = "none"


class Transfers:
    """Cash movements of the primary account. Needs the scope write::transfer."""

    def __init__(self, rest: KalshiRest, ids: Ids) -> None:
        self._rest = rest
        self._ids = ids

    def new_id(self) -> str:
        """A client transfer id: a version 4 UUID from our own source of randomness."""
        return str(uuid.UUID(bytes=self._ids.random(16), version=4))

    async def move(self, amount: Money, *, source: int, target: int, client_id: str) -> str:
        """Ask for a transfer and return its id; it is carried out a little later.

        Raises Rejected with code transfer_already_exists when client_id was used before, ModeClosed while transfers are paused,
        Misuse for an amount that is no positive multiple of $0.0001 or a move to the same shard.
        """
        if amount <= 0 or amount % CENTICENT or source == target:
            raise Misuse(f"cannot move {amount}e-6 dollars from shard {source} to shard {target}")
        payload = {
            "source": "event_contract",
            "destination": "event_contract",
            "amount": amount // CENTICENT,
            "source_exchange_shard": source,
            "destination_exchange_shard": target,
            "client_transfer_id": client_id,
        }
        response = await self._rest.write("POST", _MOVE, payload)
        return self._rest.decode_write(response.body, _Moved, _MOVE).transfer_id

    async def one(self, transfer_id: str) -> Transfer:
        """Raises Rejected when there is none (yet: lists lag writes)."""
        path = f"{_LIST}/{segment(transfer_id)}"
        return (await self._rest.fetch(path, _One, private=True)).transfer.to_transfer()

    async def listed(self) -> AsyncIterator[tuple[Transfer, ...]]:
        """Pages of transfers, newest first."""
        async for page in pages(self._rest, _LIST, [("limit", "500")], _Page, private=True):
            yield tuple(row.to_transfer() for row in page.transfers)

    async def find(self, client_id: str) -> Transfer | None:
        """The transfer asked for under this id; None = the venue lists none so far."""
        async for page in self.listed():
            for transfer in page:
                if transfer.client_id == client_id:
                    return transfer
        return None

    async def pending(self) -> tuple[Transfer, ...]:
        """Transfers under way, from the newest page: older ones are done."""
        async for page in self.listed():
            return tuple(transfer for transfer in page if not transfer.done)
        return ()

    async def allocation(self) -> Allocation:
        row = await self._rest.fetch(_ALLOCATION, _AllocationRow, private=True)
        shares = {share.exchange_index: share.percent for share in row.allocations}
        return Allocation(percents=shares, reservation=row.resting_margin_reservation)

    async def set_allocation(self, percents: Mapping[int, int], *, reservation: Reservation = "none") -> None:
        """Let the venue keep these percents per shard; {} switches it off. Raises Misuse unless they add up to 100."""
        if percents and (sum(percents.values()) != 100 or min(percents.values()) < 0 or min(percents) < 0):
            raise Misuse(f"percents {dict(percents)} do not add up to 100")
        shares = [{"exchange_index": shard, "percent": percent} for shard, percent in sorted(percents.items())]
        payload = {"allocations": shares, "resting_margin_reservation": reservation}
        await self._rest.write("POST", _ALLOCATION, payload)
