"""What was adopted at a venue, as rows of the ledger: so that its positions equal the venues' (B-241, B-448).

A position that a person made, or closed by hand, is a number of the journal (`controller reconcile --adopt`). The tables are
brought to it by the difference, with the cash that the venue's fills tell where they explain it whole; else the contracts leave at
what they cost, and come at nothing. Compared each minute and after an adoption, so one made without a controller is booked by its
next start.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from controller.ledger.facts import Adjusted
from controller.ledger.store import LedgerStore
from controller.ledger.writer import LedgerWriter
from controller.reconcile.compare import journal_nets, stranger_key
from trading.clock import Clock
from trading.errors import Misuse, VenueError
from trading.journal_file import FileJournal
from trading.log import get_logger
from trading.market import MarketId, Venue
from trading.offload import Offload
from trading.units import Money, WallNs, to_dollars
from trading.venue import AccountPage, AccountQuery, VenueFill

__all__ = ["StrangerBooks"]

_PAGES = 100

log = get_logger(__name__)


class StrangerBooks:
    """Keeps the adjustments of one world in step with the journal. read asks whoever holds a venue's keys."""

    def __init__(
        self,
        journal: FileJournal,
        store: LedgerStore,
        writer: LedgerWriter,
        clock: Clock,
        offload: Offload,
        *,
        venues: Sequence[Venue],
        read: Callable[[Venue, AccountQuery], Awaitable[AccountPage]],
    ) -> None:
        self._journal = journal
        self._store = store
        self._writer = writer
        self._clock = clock
        self._offload = offload
        self._venues = venues
        self._read = read

    async def book(self) -> int:
        """Write what is new; returns how many rows that were. Raises LedgerFailed when the tables cannot be read."""
        if not await self._writer.flush():  # a row that waits would be written twice
            return 0
        booked = await self._offload.run(self._store.adjusted)
        found = 0
        for venue in self._venues:
            nets = journal_nets(self._journal.legs(), venue, self._store.world)
            for market, number in self._numbers(venue, booked).items():
                have, since, paid = booked.get((venue, market), (0, WallNs(0), False))
                change = number - have
                if not change or paid or (not number and nets.get(market)):
                    continue  # paid out, or forgotten because it was: what is left of ours went with it
                cash = await self._cash_of(venue, market, change, since)
                self._writer.tell(Adjusted(venue=venue, market=market, net=change, cash=cash, at=self._clock.wall_ns()))
                log.warning(
                    "position_adjusted",
                    venue=venue,
                    market=market,
                    contracts=to_dollars(Money(change)),
                    priced=cash is not None,
                )
                found += 1
        if found:
            await self._writer.flush()
        return found

    def _numbers(self, venue: Venue, booked: Mapping[tuple[str, str], object]) -> dict[MarketId, int]:
        prefix = stranger_key(venue, MarketId(""))
        known = {MarketId(key.removeprefix(prefix)): number for key, number in self._journal.numbers_kept(prefix).items()}
        return dict.fromkeys((MarketId(market) for at, market in booked if at == venue), 0) | known

    async def _cash_of(self, venue: Venue, market: MarketId, change: int, since: WallNs) -> Money | None:
        """The cash of fills that no order of ours made, fees in, where their sizes are the change and all go one way."""
        ours = {result.venue_order_id for _, result in self._journal.legs().values() if result is not None}
        try:
            rows = await self._fills_in(venue, market)
        except (VenueError, Misuse) as exc:
            log.warning("adjustment_not_priced", venue=venue, market=market, error=str(exc))
            return None
        fills = {row.fill.id: row.fill for row in rows if row.market == market and row.venue_order_id not in ours}
        new = [fill for fill in fills.values() if fill.status != "reversed" and fill.at > since]
        one_way = len({fill.cost > 0 for fill in new}) == 1
        if not one_way or sum(fill.size for fill in new) != abs(change):
            return None
        return Money(sum(fill.cost + fill.fee for fill in new))

    async def _fills_in(self, venue: Venue, market: MarketId) -> list[VenueFill]:
        rows: list[VenueFill] = []
        cursor = ""
        for _ in range(_PAGES):
            page = await self._read(venue, AccountQuery(what="fills", market=market, cursor=cursor))
            rows += page.fills
            cursor = page.cursor
            if not cursor:
                return rows
        raise VenueError(venue, "too_many_rows", f"fills do not end after {_PAGES} pages")
