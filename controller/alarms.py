"""What a person must know: an arb's alarm as one line of the log, a tripped breaker, and remainders that add up.

HEDGE_DUST keeps a remainder too small to trade out of the exit rule, so nothing else would ever speak of many of them in one
event: from a contract on they are alarmed together (execution.md 2).
"""

import asyncio
from collections.abc import Callable, Mapping

from controller.counts import next_step
from controller.execution.life import ArbAlarm
from controller.model import ArbClosed, EventId
from controller.risk.breaker import Breaker, TripReason
from controller.state import State
from trading.clock import Clock
from trading.ids import ArbId
from trading.log import get_logger
from trading.units import CONTRACT, to_dollars

__all__ = ["DustWatch", "TripWatch", "log_alarm"]

_WORD = "dust"
_TRIPPED: Mapping[TripReason, str] = {
    "daily_loss": "read the day's arbs; `controller halt` and `controller resume` allow new ones before the day ends",
    "errors": "it ends by itself after CB_COOLDOWN_SECS; look why executions fail",
    "manual": "end it with `controller resume`",
}

log = get_logger(__name__)


def log_alarm(alarm: ArbAlarm) -> None:
    """One error line: which arb, how much is at stake, what to do."""
    log.error(
        "arb_alarm",
        alarm=alarm.word,
        arb=alarm.arb_id,
        event_id=alarm.event,
        markets=", ".join(alarm.markets),
        unhedged_contracts=to_dollars(alarm.unhedged),
        at_stake_dollars=to_dollars(alarm.naked),
        detail=alarm.detail,
        next_step=next_step(alarm.word),
    )


class TripWatch:
    """Says once that the breaker tripped by itself, and once that it is over (B-197, B-199)."""

    def __init__(self, breaker: Breaker, clock: Clock) -> None:
        self._breaker = breaker
        self._clock = clock
        self._said: TripReason | None = None

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(1)

    def look(self) -> None:
        """Compare once."""
        reason = self._breaker.reason(self._clock.mono_ns())
        if reason == "manual" or reason == self._said:  # the operator knows what he did
            return
        self._said = reason
        if reason is None:
            log.warning("breaker_closed")
            return
        pnl, errors = to_dollars(self._breaker.pnl), self._breaker.errors
        log.error("breaker_tripped", reason=reason, day_pnl_dollars=pnl, errors=errors, next_step=_TRIPPED[reason])


class DustWatch:
    """Looks at an event whenever one of its arbs ends. ring tells that dust has become a contract; silence, with the arb and the
    word of that alarm, that it has not any more."""

    def __init__(self, state: State, ring: Callable[[ArbAlarm], None], silence: Callable[[ArbId, str], None]) -> None:
        self._state = state
        self._ring = ring
        self._silence = silence
        self._over: dict[EventId, ArbId] = {}

    def on_closed(self, closed: ArbClosed) -> None:
        """After the engine took the end. A rest that shuts its event has an alarm of its own."""
        event, state = closed.event, self._state
        naked = state.positions.naked(event)
        if naked < CONTRACT:
            if event in self._over:
                self._silence(self._over.pop(event), _WORD)
        elif event not in self._over and not state.unresolved(event) and not state.exposed(event):
            self._over[event] = closed.arb_id
            self._ring(
                ArbAlarm(
                    arb_id=closed.arb_id,
                    event=event,
                    word=_WORD,
                    detail="remainders of several arbs together",
                    markets=tuple(sorted(state.positions.markets_of(event))),
                    unhedged=naked,
                    naked=state.positions.worst_loss(event),
                )
            )
