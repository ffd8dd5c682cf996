"""The controller's kill switch: the HALT file of its state directory (trading/halt.py), followed while it runs (B-204).

HaltWatch makes a running controller follow the file within a quarter of a second, passes a halt on to every trader, and sets the
file itself when the journal fails: without a journal nothing is traded, and a person has to look first.
"""

import asyncio
from collections.abc import Awaitable, Callable

from controller.execution.traders import Traders
from controller.model import Command
from controller.recovery import RESUMED
from trading.clock import Clock
from trading.errors import TandemError
from trading.halt import HaltFile
from trading.journal_file import FileJournal
from trading.link.messages import Halt, Resume
from trading.log import get_logger

__all__ = ["HaltFile", "HaltWatch"]

_LOOK_S = 0.25

log = get_logger(__name__)


class HaltWatch:
    """Follows the file. deliver takes the operator's words to the engine; an operator's resume is kept in the journal."""

    def __init__(
        self,
        file: HaltFile,
        *,
        deliver: Callable[[Command], None],
        traders: Traders | None,
        journal: FileJournal,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._file = file
        self._deliver = deliver
        self._traders = traders
        self._journal = journal
        self._clock = clock
        self._sleep = sleep
        self._seen: tuple[str | None, bool] = (None, False)
        self._failed = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await self._sleep(_LOOK_S)

    async def look(self) -> None:
        """Compare once and act on a change."""
        if self._journal.failed and not self._failed:
            self._failed = True
            log.error("journal_failed", error=self._journal.failed)
            self._deliver(Command("halt", self._journal.failed))
            if self._traders is not None:  # not by way of the file: the same disk may refuse that too
                self._traders.tell(Halt(reason=self._journal.failed[:200]))
            try:
                self._file.set(f"the journal failed: {self._journal.failed}")
            except OSError as exc:  # the same disk: this process stays halted all the same
                log.error("halt_not_kept", error=str(exc))
        now = self._file.state()
        if now == self._seen or (self._failed and now[0] is None):
            return
        before, self._seen = self._seen, now
        reason, freeze = now
        if reason is not None:
            log.warning("halted", reason=reason, freeze=freeze, next_step="end it with `controller resume`")
            self._deliver(Command("freeze" if freeze else "halt", reason))
            if self._traders is not None:
                self._traders.tell(Halt(reason=reason[:200], freeze=freeze))
        elif before[0] is not None:
            log.warning("resumed")
            self._deliver(Command("resume"))
            if self._traders is not None:
                self._traders.tell(Resume())
            try:
                await self._journal.keep(RESUMED, self._clock.wall_ns())
            except TandemError as exc:
                log.error("resume_not_kept", error=str(exc))
