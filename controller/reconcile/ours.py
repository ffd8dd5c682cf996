"""Our side of the comparison: what a running controller holds in memory, or what a journal says by itself while none runs."""

from collections.abc import Callable, Collection, Mapping

from controller.execution.hybrid import HybridExecutor
from controller.execution.life import Arb
from controller.ledger.memory import MemoryLedger
from controller.model import EventId
from controller.reconcile.compare import Legs, journal_nets, stranger_key
from controller.reconcile.ports import ADOPTED_AT, Numbers
from controller.recovery import approved_legs
from controller.state import State
from trading.execute import record
from trading.ids import ArbId, LegId, arb_of
from trading.journal_file import FileJournal
from trading.market import MarketId, Outcome, Venue
from trading.order import LegResult, World

__all__ = ["JournalOurs", "RunningOurs", "taken_over"]

_MS_NS = 1_000_000


class RunningOurs:
    """Positions as the engine counts them, which a restart rebuilt from the journal. hear takes the result of a cancel."""

    def __init__(
        self,
        state: State,
        ledger: MemoryLedger,
        journal: FileJournal,
        executor: HybridExecutor,
        hear: Callable[[LegResult], None],
        world: World,
        *,
        running: Callable[[ArbId], bool] = lambda arb: False,
    ) -> None:
        self._state = state
        self._ledger = ledger
        self._journal = journal
        self._executor = executor
        self._hear = hear
        self._world = world
        self._running = running
        self._venues: dict[MarketId, Venue] = {}

    def nets(self, venue: Venue) -> Mapping[MarketId, int]:
        return {market: net for market, (net, _) in self._state.positions.all().items() if net and self._venue(market) == venue}

    def _venue(self, market: MarketId) -> Venue | None:
        known = self._state.markets.get(market)
        if known is not None:
            return known.venue
        if market not in self._venues:  # its terms could not be read at the start
            self._venues |= {leg.want.market: leg.venue for leg, _ in self._journal.legs().values()}
        return self._venues.get(market)

    def busy(self) -> Collection[MarketId]:
        found = {leg.want.market for leg in self._ledger.unconfirmed()} | self._state.unsure()
        for approved in self._state.arbs.values():
            found |= {leg.want.market for leg in approved.legs}
        return found

    def legs(self) -> Legs:
        return _of_world(self._journal, self._world)

    def siblings(self, market: MarketId) -> tuple[EventId | None, Collection[MarketId]]:
        event = self._state.positions.event_of(market)
        return event, tuple(self._state.positions.markets_of(event)) if event is not None else ()

    async def cancel(self, leg_id: LegId) -> LegResult | None:
        result = await self._executor.cancel(leg_id)
        if result.final:
            self._hear(result)
        return result

    def partners(self, leg_id: LegId) -> Collection[tuple[Venue, MarketId]] | None:
        arb = arb_of(leg_id)
        return None if arb in self._state.arbs or self._running(arb) else _partners(self._journal, arb)

    async def book(self, result: LegResult) -> bool:
        """Journal first, then the engine and the leg's arb, which hedges what came late."""
        known = self._journal.stored(result.leg_id)
        before = known[1].result_no if known is not None and known[1] is not None else 0
        kept = await record(self._journal, result)
        if kept.result_no == before:
            return False
        self._hear(kept)
        return True


class JournalOurs:
    """A journal while no controller runs. It cancels nothing, and takes a leg's end only where it is ours to write."""

    def __init__(self, journal: FileJournal, world: World, *, write: bool = False) -> None:
        self._journal = journal
        self._world = world
        self._write = write

    def nets(self, venue: Venue) -> Mapping[MarketId, int]:
        return {market: net for market, net in journal_nets(self._journal.legs(), venue, self._world).items() if net}

    def busy(self) -> Collection[MarketId]:
        legs = self._journal.legs().values()
        return {
            leg.want.market for leg, result in legs if leg.world == self._world and (result is None or not result.confirmed)
        }

    def legs(self) -> Legs:
        return _of_world(self._journal, self._world)

    def siblings(self, market: MarketId) -> tuple[EventId | None, Collection[MarketId]]:
        return None, ()

    async def cancel(self, leg_id: LegId) -> LegResult | None:
        return None

    def partners(self, leg_id: LegId) -> Collection[tuple[Venue, MarketId]] | None:
        return _partners(self._journal, arb_of(leg_id))

    async def book(self, result: LegResult) -> bool:
        if not self._write:
            return False
        await record(self._journal, result)
        return True


def _partners(journal: FileJournal, arb: ArbId) -> Collection[tuple[Venue, MarketId]]:
    """The markets of an arb: as it was approved, and those of every leg that was promised for it."""
    row = journal.arbs().get(arb)
    planned = approved_legs(row) if row is not None else ()
    promised = [leg for leg_id, (leg, _) in journal.legs().items() if arb_of(leg_id) == arb]
    return {(leg.venue, leg.want.market) for leg in (*planned, *promised)}


def taken_over(numbers: Numbers, arb: Arb) -> bool:
    """Whether a person closed at its venue what this arb holds, and had that taken over after the arb was made: to hedge it again
    would sell what is not there, or buy the other side of nothing (B-448)."""
    if int.from_bytes(arb.approved.arb_id[:6]) * _MS_NS > numbers.number_kept(ADOPTED_AT):
        return False
    for leg, side, net in zip(arb.approved.legs, arb.sides, arb.nets(), strict=True):
        stranger = numbers.number_kept(stranger_key(leg.venue, side.market))
        if stranger * (net if side.gains is Outcome.YES else -net) < 0:
            return True
    return False


def _of_world(journal: FileJournal, world: World) -> Legs:
    """Without the legs of another world: a paper order explains nothing at a venue."""
    return {leg_id: known for leg_id, known in journal.legs().items() if known[0].world == world}
