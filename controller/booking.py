"""What is written down of legs and arbs: the ledger's rows, the counters and the line in the log.

The runtime calls it guarded: a fault here is counted and halts new arbs, and keeps no result from the engine, whose claims and
cash wait for it.
"""

from controller.counts import Counts
from controller.ledger.memory import MemoryLedger
from controller.model import ArbClosed
from controller.records import Records
from controller.state import State
from controller.timings import Timings
from trading.journal import Journal
from trading.log import get_logger
from trading.order import LegResult
from trading.units import Size, to_dollars

__all__ = ["Booking"]

log = get_logger(__name__)


class Booking:
    """Books each result and each end once; dust is the remainder that counts as hedged."""

    def __init__(
        self,
        *,
        ledger: MemoryLedger,
        journal: Journal,
        state: State,
        counts: Counts,
        records: Records,
        timings: Timings,
        dust: Size,
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._state = state
        self._counts = counts
        self._records = records
        self._timings = timings
        self._dust = dust

    def book(self, result: LegResult) -> None:
        """Bring a leg's newest result to the ledger."""
        stored = self._journal.stored(result.leg_id)
        if stored is None:
            return  # refused before any promise: nothing was traded
        leg = stored[0]
        market = self._state.markets.get(leg.want.market)
        if market is not None:
            self._ledger.apply(leg, market, result)
        self._records.ordered(leg, market, result)

    def close(self, closed: ArbClosed) -> None:
        """Count, log and record the end of an arb, or the correction of one."""
        basket = self._state.baskets.get(closed.basket)
        self._counts.close(
            closed,
            dust=self._dust,
            purpose_of=lambda leg_id: stored[0].purpose if (stored := self._journal.stored(leg_id)) else None,
            markets=[market for market, _ in basket.legs] if basket is not None else (),
        )
        log.info(
            "arb_closed",
            arb=closed.arb_id,
            basket=closed.basket,
            outcome=closed.outcome,
            matched=to_dollars(closed.matched),
            unhedged=to_dollars(closed.unhedged),
            profit=to_dollars(closed.profit),
            correction=closed.corrects is not None,
        )
        self._records.closed(closed, self._timings.stages)
