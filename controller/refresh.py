"""What the engine knows of the venues beside their books, kept fresh: free cash, modes, and warm connections.

Each reading becomes an event. A venue that does not answer is a trouble and, for its mode, a state of its own: unreachable.
"""

from collections.abc import Awaitable, Callable, Mapping

from controller.execution.traders import Traders
from controller.link import Link
from controller.model import Balances, Event
from controller.settings import ControllerSettings
from controller.state import State
from controller.troubles import Troubles
from trading.connect import Connections
from trading.errors import VenueError
from trading.log import get_logger
from trading.market import Venue
from trading.venue import AccountQuery, VenueClient, VenueMode

__all__ = ["Refresh"]

log = get_logger(__name__)
_LOOK_S = 0.25
_BALANCES = AccountQuery(what="balances")


class Refresh:
    """The reads that the runtime's loops repeat."""

    def __init__(
        self,
        settings: ControllerSettings,
        *,
        connections: Connections,
        clients: Mapping[Venue, VenueClient],
        link: Link,
        state: State,
        deliver: Callable[[Event], None],
        troubles: Troubles,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._clients = clients
        self._link = link
        self._state = state
        self._deliver = deliver
        self._troubles = troubles
        self._sleep = sleep

    async def balances(self) -> None:
        """Ask each venue for its own free cash, by whoever holds its keys: a leg without a route is not refused for want of
        money."""
        for venue, client in self._clients.items():
            remote = self._link.remote.get(venue)
            here = self._settings.dry_run or venue in self._settings.platforms or self._connections.can_trade(venue)
            if not here and remote is None:
                continue
            try:
                page = await (client.account(_BALANCES) if here or remote is None else remote.account(_BALANCES))
            except VenueError as exc:
                self._troubles.begin(f"balances {venue}", exc)
                continue
            self._troubles.end(f"balances {venue}")
            self._deliver(Balances(venue, page.balances))
        for venue, executor in self._link.remote.items():
            self._state.apply_trigger(venue, executor.reach_ms())

    async def follow_traders(self, traders: Traders) -> None:
        """A trader that is ready at last is asked for its cash at once: until then its venue's legs are refused for want of it."""
        seen: set[str] = set()
        while True:
            ready = {name for name, (_, health) in traders.health().items() if health in ("ready", "degraded")}
            if ready - seen:
                await self.balances()
            seen = ready
            await self._sleep(_LOOK_S)

    async def modes(self) -> None:
        """Ask each venue whether it trades; a change is logged, every reading is told."""
        for venue, client in self._clients.items():
            try:
                mode = await client.mode()
            except VenueError as exc:
                self._troubles.begin(f"mode {venue}", exc)
                mode = VenueMode(venue=venue, mode="unreachable", detail=str(exc))
            else:
                self._troubles.end(f"mode {venue}")
            known = self._state.modes.get(venue) or VenueMode(venue=venue, mode="normal")
            if (known.mode, known.closed_shards) != (mode.mode, mode.closed_shards):
                log.info("venue_mode", venue=venue, mode=mode.mode, detail=mode.detail)
            self._deliver(mode)

    async def warm(self) -> None:
        """A cheap read on each venue keeps a connection open, so that no order leaves on a cold socket."""
        for client in self._connections.clients.values():
            try:
                await client.warm()
            except VenueError:
                continue  # the mode loop says it
