"""What goes wrong beside the arbs, said once: reads a venue does not answer, and faults nobody foresaw.

A trouble is logged when it begins and when it ends, a fault once per kind with its trace: neither a venue that is down for a day
nor a fault in every frame may fill the disk or hide the other lines.
"""

from controller.counts import Counts
from trading.errors import AuthFailed, VenueError
from trading.log import get_logger

__all__ = ["Troubles"]

log = get_logger(__name__)


class Troubles:
    """Which reads fail right now, and which kinds of faults were told."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._standing: dict[str, str] = {}
        """Each failing read and its code."""
        self._told: set[tuple[str, str]] = set()

    def begin(self, what: str, exc: VenueError) -> None:
        """Log a trouble when it begins, not at each repetition."""
        if self._standing.get(what) != exc.code:
            self._standing[what] = exc.code
            step = "check key and clock with `controller doctor`" if isinstance(exc, AuthFailed) else "it is retried"
            log.warning("read_failed", what=what, error=str(exc), next_step=step)

    def end(self, what: str) -> None:
        """What failed works again, if it had failed."""
        if self._standing.pop(what, None) is not None:
            log.info("read_works_again", what=what)

    def unforeseen(self, what: str, exc: BaseException, step: str) -> None:
        """Count a fault and log the first of its kind; step says what a person does next."""
        self._counts.faults += 1
        kind = (what, repr(exc))
        if kind not in self._told:
            self._told.add(kind)
            log.error("unforeseen", what=what, error=repr(exc), next_step=step, exc_info=exc)
