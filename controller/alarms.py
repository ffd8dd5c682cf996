"""What a person must know: an arb's alarm as one line of the log, and remainders that add up.

HEDGE_DUST keeps a remainder too small to trade out of the exit rule, so nothing else would ever speak of many of them in one
event: from a contract on they are alarmed together (execution.md 2).
"""

from collections.abc import Callable

from controller.counts import next_step
from controller.execution.life import ArbAlarm
from controller.model import ArbClosed, EventId
from controller.state import State
from trading.ids import ArbId
from trading.log import get_logger
from trading.units import CONTRACT, to_dollars

__all__ = ["DustWatch", "log_alarm"]

_WORD = "dust"

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
