"""Ends legs that nobody answers for, by their venue's record (B-093): the reading for doubts.py.

By itself only where all markets of the leg's arb are settled and two looks prove the same; by a person's word every leg older than
a minute whose arb is over. A market that cannot be read leaves its legs as they are.
"""

from collections.abc import Callable, Collection, Sequence

from controller.reconcile.compare import net_of, stranger_key
from controller.reconcile.doubts import MarketRecord, doubtful, end_of, taken_end
from controller.reconcile.ports import Ours
from controller.reconcile.record import VenueRecord
from trading.clock import SECOND, Clock
from trading.errors import Misuse, VenueError
from trading.ids import LegId
from trading.log import get_logger
from trading.market import MarketId, Venue
from trading.order import LegResult
from trading.units import Size, WallNs, to_dollars

__all__ = ["Endings"]

_DOUBT_NS = 60 * SECOND
"""A leg without a last word is left to its executor for so long, whatever a person says."""
_AT_ONCE = 25
"""Legs of one look: they share the venue's budget with orders."""

log = get_logger(__name__)


class Endings:
    """Remembers what one look proved, so that the next one may end it."""

    def __init__(
        self,
        ours: Ours,
        record: VenueRecord,
        *,
        number: Callable[[str], int],
        clock: Clock,
    ) -> None:
        self._ours = ours
        self._record = record
        self._number = number
        self._clock = clock
        self._proven: dict[Venue, dict[LegId, Size]] = {}
        self._turn: dict[Venue, int] = {}
        """Where the next look goes on: legs that cannot be ended must not keep the others from their turn."""

    @property
    def pending(self) -> bool:
        """Whether another look may end something."""
        return any(self._proven.values())

    async def end(self, venue: Venue, *, by_word: bool) -> int:
        """End what can be ended now; returns how many legs were. Raises JournalFailed."""
        ended = 0
        old = doubtful(self._ours.legs(), venue, before=WallNs(self._clock.wall_ns() - _DOUBT_NS))
        before = {leg_id: size for leg_id, size in self._proven.get(venue, {}).items() if leg_id in old}
        proven_now = self._proven[venue] = dict[LegId, Size]()
        for leg_id in old if by_word else self._looked_at(venue, old, before):
            try:
                proven = await self._proof(venue, leg_id, by_word=by_word)
            except (VenueError, Misuse) as exc:
                log.warning("leg_not_ended", leg=leg_id, venue=venue, error=str(exc), next_step="it is tried again")
                continue
            if proven is None:
                continue
            if not by_word and before.get(leg_id) != proven.filled:
                proven_now[leg_id] = proven.filled
            elif await self._ours.book(proven):
                ended += 1
                log.warning("leg_ended_by_record", leg=leg_id, venue=venue, filled=to_dollars(proven.filled), by_word=by_word)
        return ended

    def _looked_at(self, venue: Venue, old: Sequence[LegId], before: Collection[LegId]) -> Sequence[LegId]:
        """Those that one look proved, then the others in turn."""
        rest = [leg_id for leg_id in old if leg_id not in before]
        start = self._turn.get(venue, 0) % max(1, len(rest))
        self._turn[venue] = start + max(0, _AT_ONCE - len(before))
        return [*before, *rest[start:], *rest[:start]][: max(_AT_ONCE, len(before))]

    async def _proof(self, venue: Venue, leg_id: LegId, *, by_word: bool) -> LegResult | None:
        partners = self._ours.partners(leg_id)
        if partners is None:
            return None
        if not by_word:
            for one in partners:
                if (await self._record.market(*one)).status != "settled":
                    return None
        legs = self._ours.legs()
        market = legs[leg_id][0].want.market
        record, stranger = await self._read(venue, market), self._number(stranger_key(venue, market))
        if by_word:
            return taken_end(leg_id, legs, record, stranger, self._clock.wall_ns())
        return end_of(leg_id, legs, record, stranger)

    async def _read(self, venue: Venue, market: MarketId) -> MarketRecord:
        held: int | None = net_of(await self._record.rows(venue, "positions", market)).get(market, 0)
        if not held and (await self._record.market(venue, market)).status == "settled":
            paid = await self._record.rows(venue, "settlements", market)
            counts = [row.held for row in paid if row.market == market and row.held is not None]
            held = sum(counts) if counts else None
        fills, history = await self._record.rows(venue, "fills", market), await self._record.rows(venue, "history", market)
        return MarketRecord(held=held, fills=fills, history=history)
