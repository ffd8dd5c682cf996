"""Kalshi's side of trading.treasury: cash per shard, and the transfers that bring it where it is wanted (kalshi.md 8).

A step carries the id of its transfer from the moment it is shown, so a step that is applied again, or whose answer was lost, is
found at the venue instead of being sent a second time. Cash on its way counts where it will arrive.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from trading.errors import Misuse, Rejected, UnknownOutcome, Unreachable, VenueError
from trading.kalshi.transfers import CENTICENT, Transfer, Transfers
from trading.market import KALSHI, Venue
from trading.treasury import Applied, Asset, Step
from trading.units import Money, to_dollars
from trading.venue import Balance

__all__ = ["KalshiTreasury"]

_LOOKS = 5
_LOOK_S = 1.0
"""The venue lists a transfer within a second or two (kalshi.md 4), and carries it out without clearing delay."""
_EXISTS = "transfer_already_exists"


class KalshiTreasury:
    """trading.treasury.Treasury of one account. balances reads the free cash of every shard."""

    venue: Venue = KALSHI

    def __init__(
        self,
        transfers: Transfers,
        balances: Callable[[], Awaitable[Sequence[Balance]]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._transfers = transfers
        self._balances = balances
        self._sleep = sleep

    async def assets(self) -> Sequence[Asset]:
        """Free cash of every shard; detail says what is on its way there and what the venue allocates by itself."""
        coming = _by_target(await self._transfers.pending())
        shares = (await self._transfers.allocation()).percents
        found = []
        for row in await self._balances():
            notes = []
            if coming.get(row.shard):
                notes.append(f"${to_dollars(Money(coming[row.shard]))} more is on its way")
            if shares:
                notes.append(f"the venue keeps {shares.get(row.shard, 0)} % here")
            found.append(Asset(venue=KALSHI, kind="cash", place=_name(row.shard), amount=row.cash, detail="; ".join(notes)))
        return tuple(found)

    async def steps(self, wanted: Mapping[int, Money]) -> Sequence[Step]:
        """Transfers that give every shard its wanted cash, largest giver first; a deposit for what the account lacks.

        A shard gives only what it has free beyond its own want. A standing allocation would undo transfers, so it is switched off
        first.
        """
        cash = {row.shard: int(row.cash) for row in await self._balances()}
        coming = _by_target(await self._transfers.pending())
        missing = {
            shard: _up(need - cash.get(shard, 0) - coming.get(shard, 0))
            for shard, need in sorted(wanted.items())
            if need > cash.get(shard, 0) + coming.get(shard, 0)
        }
        if not missing:
            return ()
        spare = {shard: _down(held - wanted.get(shard, Money(0))) for shard, held in cash.items() if shard not in missing}
        found: list[Step] = []
        if (await self._transfers.allocation()).percents:
            text = "Switch off the venue's own balance allocation, which would undo these transfers"
            found.append(Step(venue=KALSHI, kind="transfer", what=text, fields={"allocation": "off"}))
        for target in sorted(missing, key=lambda shard: (-missing[shard], shard)):
            for source in sorted(spare, key=lambda shard: (-spare[shard], shard)):
                amount = min(missing[target], spare[source])
                if amount > 0:
                    found.append(self._step(Money(amount), source, target))
                    missing[target] -= amount
                    spare[source] -= amount
        lacking = sum(missing.values())
        if lacking:
            text = f"Deposit ${to_dollars(Money(lacking))} at Kalshi; nothing here can do that"
            found.append(Step(venue=KALSHI, kind="transfer", what=text, amount=Money(lacking)))
        return tuple(found)

    def _step(self, amount: Money, source: int, target: int) -> Step:
        what = f"Move ${to_dollars(amount)} from {_name(source)} to {_name(target)}"
        fields: dict[str, str | int] = {"source": source, "target": target, "client_transfer_id": self._transfers.new_id()}
        return Step(venue=KALSHI, kind="transfer", what=what, amount=amount, fields=fields)

    async def apply(self, step: Step) -> Applied:
        """Do one step. Raises Rejected and its kinds when the venue refused, Unreachable when nothing was sent."""
        if step.venue != KALSHI or step.kind != "transfer":
            raise Misuse(f"{step.kind} on {step.venue} is no step of Kalshi's")
        if step.fields.get("allocation") == "off":
            return await self._switch_off(step)
        client_id = str(step.fields.get("client_transfer_id", ""))
        if not client_id:
            return Applied(step=step, done=False, detail="a deposit is made on kalshi.com; ask for the steps again afterwards")
        if step.amount is None:
            raise Misuse(f"{step.what}: a transfer needs an amount")
        known = await self._transfers.find(client_id)
        if known is not None:
            return _applied(step, known)
        try:
            source, target = int(step.fields["source"]), int(step.fields["target"])
            await self._transfers.move(step.amount, source=source, target=target, client_id=client_id)
        except UnknownOutcome:
            return await self._look(step, client_id, sent="its answer was lost")
        except Rejected as exc:
            if exc.code != _EXISTS:
                raise
            return await self._look(step, client_id, sent="it was asked for before")
        return await self._look(step, client_id, sent="the venue took it")

    async def _look(self, step: Step, client_id: str, *, sent: str) -> Applied:
        """Ask for the transfer until it is done; it is never sent again, whatever the list says."""
        found: Transfer | None = None
        why = ""
        for _ in range(_LOOKS):
            try:
                found = await self._transfers.find(client_id)
            except VenueError as exc:
                why = f"; the list could not be read: {exc}"
            if found is not None and found.done:
                return _applied(step, found)
            await self._sleep(_LOOK_S)
        if found is not None:
            return _applied(step, found)
        detail = f"{sent}, but it is not listed yet{why}; apply the same step again to look for transfer {client_id}"
        return Applied(step=step, done=False, pending=True, detail=detail)

    async def _switch_off(self, step: Step) -> Applied:
        try:
            await self._transfers.set_allocation({})
        except UnknownOutcome:
            try:
                off = not (await self._transfers.allocation()).percents
            except (Unreachable, Rejected) as exc:
                return Applied(step=step, done=False, pending=True, detail=f"its answer was lost; {exc}")
            return Applied(step=step, done=off, pending=not off, detail="its answer was lost; read it again")
        return Applied(step=step, done=True, detail="the venue moves nothing by itself now")


def _name(shard: int) -> str:
    return f"shard {shard}"


def _by_target(transfers: Sequence[Transfer]) -> dict[int, int]:
    coming: dict[int, int] = {}
    for transfer in transfers:
        coming[transfer.target] = coming.get(transfer.target, 0) + transfer.amount
    return coming


def _up(amount: int) -> int:
    return -(-amount // CENTICENT) * CENTICENT


def _down(amount: int) -> int:
    return max(0, amount // CENTICENT * CENTICENT)


def _applied(step: Step, transfer: Transfer) -> Applied:
    if transfer.done:
        return Applied(step=step, done=True, detail=f"transfer {transfer.id} is complete")
    return Applied(step=step, done=False, pending=True, detail=f"transfer {transfer.id} is under way")
