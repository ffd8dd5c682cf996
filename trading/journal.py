"""Where legs are promised before they are sent (design.md 3, step 4).

The promise of all legs of an arb is one durable step; nothing is sent before it returns. MemoryJournal keeps the same contract
without surviving a crash: it says durable = False, and execute_leg refuses live legs on it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from trading.errors import Misuse
from trading.ids import LegId
from trading.market import MarketId
from trading.order import LegRequest, LegResult, advance
from trading.venue import Prepared

__all__ = ["Journal", "MemoryJournal"]


class Journal(Protocol):
    """Promises and results of legs, by leg id."""

    durable: bool

    async def promise(self, orders: Sequence[Prepared | LegRequest]) -> None:
        """Record that these will be sent; a LegRequest is a remote leg. Raises Misuse on a leg id promised before."""

    async def settle(self, result: LegResult) -> LegResult:
        """Record a newer result and return it with its number. Raises Misuse for a leg never promised."""

    def stored(self, leg_id: LegId) -> tuple[LegRequest, LegResult | None] | None: ...
    def prepared(self, leg_id: LegId) -> Prepared | None: ...
    def open_legs(self) -> Sequence[LegRequest]: ...

    def legs_in(self, market: MarketId) -> Sequence[tuple[LegRequest, LegResult | None]]:
        """Every leg of one market that is still kept, in the order of its promise."""

    def number_kept(self, key: str) -> int:
        """A small number that lives as long as the journal, 0 before the first keep."""

    def numbers_kept(self, prefix: str) -> Mapping[str, int]:
        """Every small number whose key begins so."""

    async def keep(self, key: str, value: int) -> None:
        """Remember a small number: epochs, which journal a trader has."""

    def address(self, leg_id: LegId, trader: str, journal_id: int) -> None:
        """Say which trader, with which journal, a remote leg is about to be promised for; kept with the promise."""

    def addressee(self, leg_id: LegId) -> tuple[str, int]:
        """Who got a remote leg: (trader, its journal then), ("", 0) when that was never said."""


class MemoryJournal:
    """A journal that forgets with the process."""

    durable = False

    def __init__(self) -> None:
        self._promised: dict[LegId, Prepared | LegRequest] = {}
        self._results: dict[LegId, LegResult] = {}
        self._numbers: dict[str, int] = {}
        self._addressed: dict[LegId, tuple[str, int]] = {}

    def address(self, leg_id: LegId, trader: str, journal_id: int) -> None:
        self._addressed[leg_id] = trader, journal_id

    def addressee(self, leg_id: LegId) -> tuple[str, int]:
        return self._addressed.get(leg_id, ("", 0))

    def number_kept(self, key: str) -> int:
        return self._numbers.get(key, 0)

    def numbers_kept(self, prefix: str) -> Mapping[str, int]:
        return {key: value for key, value in self._numbers.items() if key.startswith(prefix)}

    async def keep(self, key: str, value: int) -> None:
        self._numbers[key] = value

    async def promise(self, orders: Sequence[Prepared | LegRequest]) -> None:
        legs = [order.leg.leg_id if isinstance(order, Prepared) else order.leg_id for order in orders]
        for leg in legs:
            if leg in self._promised or legs.count(leg) > 1:
                raise Misuse(f"leg {leg.hex()} was promised before; a leg id names one order")
        self._promised.update(zip(legs, orders, strict=True))

    async def settle(self, result: LegResult) -> LegResult:
        if result.leg_id not in self._promised:
            raise Misuse(f"result for leg {result.leg_id.hex()} that was never promised")
        old = self._results.get(result.leg_id)
        kept = result if old is None else advance(old, result)
        self._results[result.leg_id] = kept
        return kept

    def stored(self, leg_id: LegId) -> tuple[LegRequest, LegResult | None] | None:
        order = self._promised.get(leg_id)
        if order is None:
            return None
        return (order.leg if isinstance(order, Prepared) else order), self._results.get(leg_id)

    def prepared(self, leg_id: LegId) -> Prepared | None:
        order = self._promised.get(leg_id)
        return order if isinstance(order, Prepared) else None

    def open_legs(self) -> Sequence[LegRequest]:
        found = []
        for leg_id, order in self._promised.items():
            result = self._results.get(leg_id)
            if result is None or not result.final:
                found.append(order.leg if isinstance(order, Prepared) else order)
        return found

    def legs_in(self, market: MarketId) -> Sequence[tuple[LegRequest, LegResult | None]]:
        legs = [order.leg if isinstance(order, Prepared) else order for order in self._promised.values()]
        return [(leg, self._results.get(leg.leg_id)) for leg in legs if leg.want.market == market]
