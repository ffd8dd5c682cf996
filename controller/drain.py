"""Coming to rest: no new arb, running ones end, our resting orders are cancelled, and it is said when nothing is open.

A drain is a halt with a reason of its own, so that every trader and every view shows it and `controller resume` ends it. What was
begun is hedged to its end. ask() may be repeated: each answer says what is still open.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from controller.execution.hybrid import HybridExecutor
from controller.halt import HaltFile
from controller.ledger.memory import MemoryLedger
from trading.errors import TandemError
from trading.journal_file import FileJournal
from trading.log import get_logger

__all__ = ["REASON", "Drain", "lines_of"]

REASON = "drain"
"""How the reason of the halt begins that a drain sets."""
_SHOWN = 20

log = get_logger(__name__)


class Drain:
    """Drains one running controller. look makes the halt count at once; running counts its arbs under way, alarms those
    that ended with a leg alone or in doubt."""

    def __init__(
        self,
        halt: HaltFile,
        *,
        look: Callable[[], Awaitable[None]],
        running: Callable[[], int],
        alarms: Callable[[], int],
        executor: HybridExecutor,
        journal: FileJournal,
        ledger: MemoryLedger,
    ) -> None:
        self._halt = halt
        self._look = look
        self._running = running
        self._alarms = alarms
        self._executor = executor
        self._journal = journal
        self._ledger = ledger

    async def ask(self) -> dict[str, object]:
        """Halt, cancel what rests once no arb runs, and tell what is open. Raises TandemError when the halt cannot be kept."""
        if self._halt.state()[0] is None:
            try:
                self._halt.set(REASON)
            except OSError as exc:
                raise TandemError(f"{self._halt.path}: {exc.strerror}; end the controller instead") from exc
            log.warning("draining", arbs_under_way=self._running())
        await self._look()
        if not self._running() and self._journal.open_legs():
            await self._executor.cancel_all("drain")
        legs = [
            {"leg": leg.leg_id.hex(), "venue": leg.venue, "market": leg.want.market, "purpose": leg.purpose}
            for leg in self._journal.open_legs()
        ]
        unconfirmed = len(self._ledger.unconfirmed())
        return {
            "schema": 1,
            "done": not (self._running() or legs or unconfirmed or self._alarms()),
            "alarms_open": self._alarms(),
            "arbs_under_way": self._running(),
            "open_legs_count": len(legs),
            "open_legs": legs[:_SHOWN],
            "unconfirmed": unconfirmed,
        }


def lines_of(found: Mapping[str, Any]) -> Sequence[str]:
    """A drain's answer for people."""
    if found["done"]:
        return ("nothing is open: end it now (SIGTERM), or let it trade again with `controller resume`",)
    counts = f"{found['arbs_under_way']} arbs, {found['open_legs_count']} orders, {found['unconfirmed']} legs not confirmed"
    if found["alarms_open"]:
        counts += f", {found['alarms_open']} arbs with a leg alone or in doubt: see `controller status`"
    legs = [f"  {leg['venue']} {leg['market']} {leg['purpose']} ({leg['leg']})" for leg in found["open_legs"]]
    return (f"open: {counts}", *legs)
