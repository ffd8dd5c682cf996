"""The durable journal: promises and results of legs in one SQLite file that survives the process and the power (B-223).

    plan    ──► what a whole arb means to do; goes into the transaction of its first promise, so it costs no wait of its own
    promise ──► one transaction for all orders of an arb ──► fsync ──► returns; only then may anything be sent
    settle  ──► the newest result, numbered; with deliver=True also a row that is handed out until it is acknowledged

Everything is in memory too, so questions never touch the disk. The first failed write is final: after a failed fsync the disk
may hold less than it says (distributed.md 6), so the journal refuses every later promise and its process starts no new leg.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from trading.clock import SECOND, Clock
from trading.errors import Misuse, TandemError
from trading.ids import ArbId, LegId, arb_of, client_order_id
from trading.market import MarketId
from trading.order import LegRequest, LegResult, advance
from trading.units import WallNs
from trading.venue import Prepared

__all__ = [
    "HOLDING_NS",
    "RETENTION_NS",
    "ArbRow",
    "Delivery",
    "FileJournal",
    "JournalFailed",
    "JournalStore",
    "KeptRow",
    "MetaRow",
    "PrunedRow",
    "Row",
    "SentRow",
]

RETENTION_NS = 30 * 24 * 3600 * SECOND
"""J10: longer than any time to live, reconnect and clock error together (distributed.md 4.6)."""
HOLDING_NS = 400 * 24 * 3600 * SECOND
"""For legs that filled: what they hold may be paid out a year later, and without them it would look like a stranger's."""


class JournalFailed(TandemError):
    """The journal could not keep something; nothing may be sent. The text says why and what to do."""


class SentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A promise. order is a msgpack Prepared, or a LegRequest for a leg that another process executes: then trader names it and
    trader_journal the journal it had, so that a restart asks the right one and believes no other's absence of knowledge."""

    leg_id: bytes
    client_order_id: str
    remote: bool
    order: bytes
    at: WallNs
    trader: str = ""
    trader_journal: int = 0


class KeptRow(msgspec.Struct, frozen=True, kw_only=True):
    """The newest result of a leg. deliver numbers it for redelivery, 0 = not delivered to anybody."""

    leg_id: bytes
    result: bytes
    final: bool
    deliver: int
    at: WallNs


class MetaRow(msgspec.Struct, frozen=True, kw_only=True):
    """A small durable number: epochs, the acknowledged delivery."""

    key: str
    value: int


class PrunedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A leg that is old and final, forgotten."""

    leg_id: bytes


class ArbRow(msgspec.Struct, frozen=True, kw_only=True):
    """A whole arb in its owner's own words: what was planned, and how it was last told to have ended, b"" while it was not.

    at and told_at are stamps of the two.
    """

    arb_id: bytes
    body: bytes
    told: bytes = b""
    at: WallNs
    told_at: WallNs = WallNs(0)


Row = SentRow | KeptRow | MetaRow | PrunedRow | ArbRow


class JournalStore(Protocol):
    """Where rows live. commit returns when they are durable, all of them or none; raises JournalFailed."""

    def load(self) -> Iterable[Row]:
        """Every row there is, promises before their results."""

    async def commit(self, rows: Sequence[Row]) -> None: ...
    async def close(self) -> None: ...


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A result that its receiver has not acknowledged."""

    number: int
    result: LegResult


class FileJournal:
    """Journal over a store. deliver numbers every result for redelivery: the trader's side of the link."""

    durable = True

    def __init__(self, store: JournalStore, clock: Clock, *, deliver: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._deliver = deliver
        self._orders: dict[LegId, Prepared | LegRequest] = {}
        self._in: dict[MarketId, dict[LegId, None]] = {}
        self._since: dict[LegId, WallNs] = {}
        self._results: dict[LegId, LegResult] = {}
        self._numbers: dict[LegId, int] = {}
        self._meta: dict[str, int] = {}
        self._addressed: dict[LegId, tuple[str, int]] = {}
        self._planned: dict[ArbId, bytes] = {}
        self._arbs: dict[ArbId, ArbRow] = {}
        self._tail = 0
        self._failed = ""
        for row in store.load():
            self._read(row)

    def _read(self, row: Row) -> None:
        if isinstance(row, SentRow):
            order = _DECODE_LEG(row.order) if row.remote else _DECODE_PREPARED(row.order)
            self._enter(LegId(row.leg_id), order, row.at)
            if row.trader:
                self._addressed[LegId(row.leg_id)] = row.trader, row.trader_journal
        elif isinstance(row, KeptRow):
            self._results[LegId(row.leg_id)] = _DECODE_RESULT(row.result)
            if row.deliver:
                self._numbers[LegId(row.leg_id)] = row.deliver
                self._tail = max(self._tail, row.deliver)
        elif isinstance(row, ArbRow):
            self._arbs[ArbId(row.arb_id)] = row
        elif isinstance(row, MetaRow):
            self._meta[row.key] = row.value
            if row.key == _TAIL:
                self._tail = max(self._tail, row.value)

    def _enter(self, leg_id: LegId, order: Prepared | LegRequest, at: WallNs) -> None:
        self._orders[leg_id], self._since[leg_id] = order, at
        self._in.setdefault(_leg(order).want.market, {})[leg_id] = None

    @property
    def failed(self) -> str:
        """Why nothing may be promised any more, "" while all is well."""
        return self._failed

    def plan(self, arb_id: ArbId, body: bytes) -> None:
        """Say what an arb means to do, all its legs in one record: durable with the promise of the first order, or not at all.

        Without that promise nothing was sent, and nothing has to be known about the arb.
        """
        self._planned[arb_id] = body

    async def tell(self, arb_id: ArbId, told: bytes) -> None:
        """Keep how a planned arb ended, as it was last told. Raises JournalFailed; an arb that never sent is forgotten."""
        self._planned.pop(arb_id, None)
        row = self._arbs.get(arb_id)
        if row is not None:
            row = self._arbs[arb_id] = msgspec.structs.replace(row, told=told, told_at=self._clock.wall_ns())
            await self._commit([row])

    def arbs(self) -> Mapping[ArbId, ArbRow]:
        """Every arb of which an order was promised, oldest first."""
        return dict(self._arbs)

    def address(self, leg_id: LegId, trader: str, journal_id: int) -> None:
        """Which trader a remote leg is about to be promised for, and the journal that one has: durable with the promise."""
        self._addressed[leg_id] = trader, journal_id

    def addressee(self, leg_id: LegId) -> tuple[str, int]:
        return self._addressed.get(leg_id, ("", 0))

    async def promise(self, orders: Sequence[Prepared | LegRequest]) -> None:
        """Make these durable in one step, with the plans of their arbs. Raises Misuse on an id promised before, JournalFailed when
        nothing may be sent."""
        if self._failed:
            raise JournalFailed(self._failed)
        rows: list[Row] = []
        now = self._clock.wall_ns()
        for order in orders:
            leg = _leg(order)
            if leg.leg_id in self._orders:
                raise Misuse(f"leg {leg.leg_id.hex()} was promised before; a leg id names one order")
            name = order.client_order_id if isinstance(order, Prepared) else client_order_id(leg.leg_id)
            remote = isinstance(order, LegRequest)
            trader, trader_journal = self.addressee(leg.leg_id)
            row = SentRow(
                leg_id=leg.leg_id,
                client_order_id=name,
                remote=remote,
                order=_encode(order),
                at=now,
                trader=trader,
                trader_journal=trader_journal,
            )
            rows.append(row)
        ids = [_leg(order).leg_id for order in orders]
        if len(set(ids)) < len(ids):
            raise Misuse("a leg id stands twice in one promise; a leg id names one order")
        for leg_id, order in zip(ids, orders, strict=True):
            self._enter(leg_id, order, now)
            body = self._planned.pop(arb_of(leg_id), None)
            if body is not None:
                arb = self._arbs[arb_of(leg_id)] = ArbRow(arb_id=arb_of(leg_id), body=body, at=now)
                rows.append(arb)
        await self._commit(rows)

    async def settle(self, result: LegResult) -> LegResult:
        """Keep a newer result and return it with its number. Raises Misuse as MemoryJournal does, JournalFailed on a bad disk.

        The result counts in memory even when the disk refuses it: knowledge is never thrown away.
        """
        if result.leg_id not in self._orders:
            raise Misuse(f"result for leg {result.leg_id.hex()} that was never promised")
        old = self._results.get(result.leg_id)
        kept = result if old is None else advance(old, result)
        self._results[result.leg_id] = kept
        number = self._tail = self._tail + 1 if self._deliver else 0
        row = KeptRow(leg_id=kept.leg_id, result=_encode(kept), final=kept.final, deliver=number, at=self._clock.wall_ns())
        try:
            await self._commit([row])
        finally:
            if number:  # handed out only now: a number that the disk does not know yet could be given twice
                self._numbers[kept.leg_id] = number
        return kept

    async def _commit(self, rows: Sequence[Row]) -> None:
        try:
            await self._store.commit(rows)
        except JournalFailed as exc:
            self._failed = self._failed or str(exc)
            raise

    def stored(self, leg_id: LegId) -> tuple[LegRequest, LegResult | None] | None:
        order = self._orders.get(leg_id)
        if order is None:
            return None
        return _leg(order), self._results.get(leg_id)

    def prepared(self, leg_id: LegId) -> Prepared | None:
        order = self._orders.get(leg_id)
        return order if isinstance(order, Prepared) else None

    def open_legs(self) -> Sequence[LegRequest]:
        found = []
        for leg_id, order in self._orders.items():
            result = self._results.get(leg_id)
            if result is None or not result.final:
                found.append(_leg(order))
        return found

    def legs_in(self, market: MarketId) -> Sequence[tuple[LegRequest, LegResult | None]]:
        """Every leg of one market that is still kept, in the order of its promise."""
        return [(_leg(self._orders[leg_id]), self._results.get(leg_id)) for leg_id in self._in.get(market, ())]

    def promised_at(self, leg_id: LegId) -> WallNs:
        """When a kept leg was promised. Raises KeyError for any other."""
        return self._since[leg_id]

    def legs(self) -> Mapping[LegId, tuple[LegRequest, LegResult | None]]:
        """Every leg that is still kept, in the order of its promise: what a restart knows."""
        return {leg_id: (_leg(order), self._results.get(leg_id)) for leg_id, order in self._orders.items()}

    @property
    def tail(self) -> int:
        """Number of the newest result that is or was delivered."""
        return self._tail

    def number(self, leg_id: LegId) -> int:
        """The delivery number of a leg's newest result, 0 without one."""
        return self._numbers.get(leg_id, 0)

    def undelivered(self) -> Sequence[Delivery]:
        """Results nobody acknowledged, oldest first; of each leg only the newest."""
        acknowledged = self._meta.get(_ACKNOWLEDGED, 0)
        rows = sorted((number, leg_id) for leg_id, number in self._numbers.items() if number > acknowledged)
        return [Delivery(number=number, result=self._results[leg_id]) for number, leg_id in rows]

    async def acknowledge(self, number: int) -> None:
        """The receiver kept everything up to this number. One beyond the newest is a Misuse: that peer speaks of another
        journal."""
        if number > self._tail:
            raise Misuse(f"result {number} acknowledged, the newest is {self._tail}: the peer knows another journal")
        if number > self._meta.get(_ACKNOWLEDGED, 0):
            await self.keep(_ACKNOWLEDGED, number)

    def number_kept(self, key: str) -> int:
        """A small durable number, 0 before the first keep."""
        return self._meta.get(key, 0)

    def numbers_kept(self, prefix: str) -> Mapping[str, int]:
        """Every small durable number whose key begins so."""
        return {key: value for key, value in self._meta.items() if key.startswith(prefix)}

    async def keep(self, key: str, value: int) -> None:
        """Make a small number durable: epochs and the like. Raises JournalFailed."""
        await self._commit([MetaRow(key=key, value=value)])
        self._meta[key] = value

    async def prune(self) -> int:
        """Forget final legs past their retention that nobody waits for; returns how many. A leg that filled is kept far longer."""
        now = self._clock.wall_ns()
        acknowledged = self._meta.get(_ACKNOWLEDGED, 0)
        old = [
            leg_id
            for leg_id, since in self._since.items()
            if (result := self._results.get(leg_id)) is not None
            and result.final
            and now - since > (HOLDING_NS if result.filled else RETENTION_NS)
            and self._numbers.get(leg_id, 0) <= acknowledged
        ]
        if old:
            await self._commit([MetaRow(key=_TAIL, value=self._tail), *(PrunedRow(leg_id=leg_id) for leg_id in old)])
            for leg_id in old:
                self._in[_leg(self._orders[leg_id]).want.market].pop(leg_id)
                del self._orders[leg_id], self._since[leg_id], self._results[leg_id]
                self._numbers.pop(leg_id, None)
                self._addressed.pop(leg_id, None)
            kept = {arb_of(leg_id) for leg_id in self._orders}
            for arb_id in [arb_id for arb_id in self._arbs if arb_id not in kept]:
                del self._arbs[arb_id]
        return len(old)

    async def close(self) -> None:
        await self._store.close()


def _leg(order: Prepared | LegRequest) -> LegRequest:
    return order.leg if isinstance(order, Prepared) else order


_TAIL, _ACKNOWLEDGED = "delivery_tail", "delivery_acknowledged"
_encode = msgspec.msgpack.encode
_DECODE_LEG = msgspec.msgpack.Decoder(LegRequest).decode
_DECODE_PREPARED = msgspec.msgpack.Decoder(Prepared).decode
_DECODE_RESULT = msgspec.msgpack.Decoder(LegResult).decode
