"""Legs that stay open for too long, said once each with what a person does next.

An order without a final word is looked up by itself, rarer and rarer, and shuts its event meanwhile. After UNKNOWN_ALARM_SECS
somebody should know. An order that rests is where it is meant to be.
"""

import asyncio
from collections.abc import Awaitable, Callable

from trading.clock import SECOND, Clock
from trading.ids import LegId
from trading.journal_file import FileJournal
from trading.log import get_logger

__all__ = ["OverdueWatch"]

_LOOK_S = 5.0
_STEP = (
    "`controller doctor` for its venue or trader; then look the order up on the venue's site, and never send it again by hand."
    " A leg of a trader that is gone for good ends when its markets are settled, or by `controller reconcile --adopt`"
)

log = get_logger(__name__)


class OverdueWatch:
    """Looks at the journal's open legs; alarm_ns is the age that a person hears of."""

    def __init__(
        self,
        journal: FileJournal,
        clock: Clock,
        alarm_ns: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._alarm_ns = alarm_ns
        self._sleep = sleep
        self._told: set[LegId] = set()

    async def run(self) -> None:
        """Look every five seconds until cancelled."""
        while True:
            self.look()
            await self._sleep(_LOOK_S)

    def look(self) -> None:
        """Compare once."""
        legs = {leg.leg_id: leg for leg in self._journal.open_legs()}
        for leg_id in self._told - legs.keys():
            self._told.discard(leg_id)
            log.info("leg_no_longer_open", leg=leg_id)
        for leg_id, leg in legs.items():
            known = self._journal.stored(leg_id)
            result = known[1] if known is not None else None
            age = self._clock.wall_ns() - self._journal.promised_at(leg_id)
            if leg_id in self._told or age < self._alarm_ns or (result is not None and result.state == "resting"):
                continue
            self._told.add(leg_id)
            log.error(
                "leg_open_too_long",
                leg=leg_id,
                venue=leg.venue,
                market=leg.want.market,
                purpose=leg.purpose,
                state=result.state if result is not None else "promised",
                age_s=age // SECOND,
                next_step=_STEP,
            )
