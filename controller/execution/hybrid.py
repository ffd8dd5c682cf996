"""Which process executes a leg: this one, or the trader of its venue (B-082..B-093).

    listed in CONTROLLER_PLATFORMS ──► local        (with PREFER_REMOTE a willing trader first)
    not listed ──► the venue's trader ──► none: the arb is dropped before anything is sent
    nothing listed, DRY_RUN, no willing trader ──► the paper venue of this process, labelled

The choice is made once per leg, before it is sent. Afterwards resolve and cancel go where the leg went: it never moves.
"""

from collections.abc import Mapping, Sequence

import msgspec

from controller.execution.base import LegExecutor
from trading.errors import Misuse
from trading.ids import LegId
from trading.log import get_logger
from trading.market import Venue
from trading.order import LegRequest, LegResult, Want
from trading.venue import AccountPage, AccountQuery

__all__ = ["HybridExecutor", "HybridStatistics"]

_REMEMBERED = 20_000
"""Legs whose executor is remembered; the oldest are forgotten first, days after they were settled."""

_log = get_logger("controller.execution.hybrid")


class HybridStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since start."""

    legs_local: int
    legs_remote: int
    legs_refused: int


class HybridExecutor:
    """Chooses per leg. local and remote are live mappings: a trader that comes or goes changes remote."""

    def __init__(
        self,
        local: Mapping[Venue, LegExecutor],
        remote: Mapping[Venue, LegExecutor],
        platforms: frozenset[Venue],
        prefer_remote: bool = False,
        *,
        dry_run_local: bool = False,
    ) -> None:
        self._local = local
        self._remote = remote
        self._platforms = platforms
        self._prefer_remote = prefer_remote
        self._dry_run_local = dry_run_local
        self._went: dict[LegId, LegExecutor] = {}
        self._legs_local = self._legs_remote = self._legs_refused = 0

    def route(self, leg: LegRequest) -> LegExecutor | None:
        """Where this leg goes, None when it has no path. A leg that was sent keeps its executor."""
        went = self._went.get(leg.leg_id)
        return went if went is not None else self._choose(leg)[0]

    def _choose(self, leg: LegRequest) -> tuple[LegExecutor | None, str]:
        """The executor and, when none is willing, why."""
        local, remote = self._local.get(leg.venue), self._remote.get(leg.venue)
        listed = leg.venue in self._platforms and local is not None
        if remote is None and listed and local is not None:  # the usual case, asked three times per leg
            no = local.refuses((leg,))
            return (local, "") if no is None else (None, f"{leg.venue} ({local.name}): {no}")
        candidates: list[LegExecutor] = []
        if remote is not None and (not listed or self._prefer_remote):
            candidates.append(remote)
        # B-083: nothing listed means remote only; a paper leg is no order, so DRY_RUN may show the whole path alone.
        alone = self._dry_run_local and not self._platforms and leg.world == "paper"
        if local is not None and (listed or alone):
            candidates.append(local)
        if not candidates:
            where = "it is listed but has no client here" if leg.venue in self._platforms else "no trader is connected"
            return None, f"{leg.venue}: no path for its leg: {where}"
        first = ""
        for executor in candidates:
            no = executor.refuses([leg])
            if no is None:
                return executor, ""
            first = first or f"{leg.venue} ({executor.name}): {no}"
        return None, first

    def goes_away(self, leg: LegRequest) -> bool:
        """Whether a trader takes this leg: its rate limits are its own."""
        remote = self._remote.get(leg.venue)
        return remote is not None and self.route(leg) is remote

    def refuses(self, legs: Sequence[LegRequest]) -> str | None:
        """Why these legs cannot all go now, naming venue and reason; asked before any is sent (B-088)."""
        groups: dict[int, tuple[LegExecutor, list[LegRequest]]] = {}
        for leg in legs:
            executor, reason = self._choose(leg)
            if executor is None:
                self._legs_refused += 1
                return reason
            groups.setdefault(id(executor), (executor, []))[1].append(leg)
        for executor, group in groups.values():
            no = executor.refuses(group) if len(group) > 1 else None
            if no is not None:
                self._legs_refused += 1
                return f"{executor.venue} ({executor.name}): {no}"
        return None

    def at_once(self, venue: Venue, want: Want) -> Want:
        """The part of an order that one process can execute: a venue's traders each sell what they bought (B-440)."""
        local, remote = self._local.get(venue), self._remote.get(venue)
        here = local if venue in self._platforms and local is not None else remote
        return want if here is None else here.at_once(want)

    async def execute(self, leg: LegRequest) -> LegResult:
        """Execute a leg where route() says. Without a path it is refused and nothing was sent."""
        executor, reason = self._went.get(leg.leg_id), ""
        if executor is None:
            executor, reason = self._choose(leg)
            if executor is None:
                self._legs_refused += 1
                return LegResult(leg_id=leg.leg_id, state="refused", code="no_route", detail=reason)
            self._pin(leg.leg_id, executor)
            if executor is self._remote.get(leg.venue):
                self._legs_remote += 1
            else:
                self._legs_local += 1
        return await executor.execute(leg)

    def _pin(self, leg_id: LegId, executor: LegExecutor) -> None:
        self._went[leg_id] = executor
        if len(self._went) > _REMEMBERED:
            del self._went[next(iter(self._went))]

    def restore(self, leg: LegRequest, *, remote: bool) -> None:
        """After a restart: this leg went there. Raises Misuse when it went elsewhere or there is no such executor."""
        executor = (self._remote if remote else self._local).get(leg.venue)
        if executor is None:
            raise Misuse(
                f"leg {leg.leg_id.hex()} went to the {'trader' if remote else 'local client'} of {leg.venue}: there is none"
            )
        if self._went.get(leg.leg_id, executor) is not executor:
            raise Misuse(f"leg {leg.leg_id.hex()} went to {self._went[leg.leg_id].name}; a leg never moves")
        self._pin(leg.leg_id, executor)

    async def resolve(self, leg_id: LegId) -> LegResult:
        executor = self._went.get(leg_id)
        return await executor.resolve(leg_id) if executor is not None else _nowhere(leg_id)

    async def cancel(self, leg_id: LegId) -> LegResult:
        executor = self._went.get(leg_id)
        return await executor.cancel(leg_id) if executor is not None else _nowhere(leg_id)

    def executors(self) -> tuple[LegExecutor, ...]:
        """Every executor there is, each once: for updates(), prepare() and account()."""
        return tuple({id(one): one for one in (*self._local.values(), *self._remote.values())}.values())

    async def cancel_all(self, reason: str) -> int:
        """Cancel open legs everywhere; one executor's failure does not stop the others."""
        ended = 0
        for executor in self.executors():
            try:
                ended += await executor.cancel_all(reason)
            except Exception as exc:  # the kill switch's boundary: the other venues still must be cancelled
                _log.error("cancel_all_failed", venue=executor.venue, executor=executor.name, error=repr(exc))
        return ended

    async def account(self, venue: Venue, what: AccountQuery) -> AccountPage:
        """Ask whoever would trade this venue. Raises Misuse when nobody does."""
        local, remote = self._local.get(venue), self._remote.get(venue)
        executor = local if venue in self._platforms and local is not None else (remote or local)
        if executor is None:
            raise Misuse(f"nobody executes on {venue}")
        return await executor.account(what)

    def statistics(self) -> HybridStatistics:
        return HybridStatistics(
            legs_local=self._legs_local,
            legs_remote=self._legs_remote,
            legs_refused=self._legs_refused,
        )


def _nowhere(leg_id: LegId) -> LegResult:
    """No truth about the leg: its number is below that of every result there is."""
    detail = "this process does not know where the leg went"
    return LegResult(leg_id=leg_id, state="unknown", code="no_route", detail=detail, result_no=0)
