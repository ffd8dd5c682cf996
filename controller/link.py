"""The controller's end of the link, put together from settings: who may dial in, and which venues are executed remotely.

A door is opened only when a venue's legs may go to a trader and at least one trader of that venue is paired; otherwise nothing
listens (B-086). Without traders everything else works as before.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from controller.execution.remote import RemoteExecutor
from controller.execution.trader_link import TraderLink
from controller.execution.traders import Traders
from controller.settings import ControllerSettings
from trading.clock import Clock
from trading.errors import SettingsError
from trading.ids import Ids
from trading.journal import Journal
from trading.link.identity import Peer, load_identity, load_peers
from trading.link.tailnet import Tailnet, machine_refusal
from trading.link.wire import Listener
from trading.market import KALSHI, POLYMARKET, Market, MarketId, Venue
from trading.order import LegResult

__all__ = ["Link", "make_link", "remote_venues"]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Executors of remote venues, and the door their traders come through. traders None = nothing listens."""

    remote: Mapping[Venue, RemoteExecutor]
    traders: Traders | None


def remote_venues(settings: ControllerSettings) -> frozenset[Venue]:
    """Venues whose legs may go to a trader."""
    everything = frozenset({KALSHI, POLYMARKET})
    return everything if settings.prefer_remote else everything - settings.platforms


def make_link(
    settings: ControllerSettings,
    *,
    journal: Journal,
    listener: Listener,
    clock: Clock,
    ids: Ids,
    epoch: int,
    market_of: Callable[[MarketId], Market | None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Link:
    """Nothing is opened yet. Raises SettingsError for key files that cannot be used."""
    peers = load_peers(settings.peers_path)
    wanted = [peer for peer in peers if peer.role == "trader" and peer.platform in remote_venues(settings)]
    if not wanted:
        return Link(remote={}, traders=None)
    executors: dict[Venue, RemoteExecutor] = {}
    links: dict[str, TraderLink] = {}
    by_venue: dict[Venue, dict[str, TraderLink]] = {}
    for peer in wanted:
        assert peer.platform is not None

        def later(result: LegResult, venue: Venue = peer.platform) -> None:
            executors[venue].later(result)

        one = TraderLink(peer, journal, clock, sleep=sleep, later=later)
        links[peer.name] = by_venue.setdefault(peer.platform, {})[peer.name] = one
    for venue, traders in by_venue.items():
        executors[venue] = RemoteExecutor(venue, traders, journal, clock, market_of=market_of, sleep=sleep)
    door = Traders(
        load_identity(settings.identity_path),
        links,
        listener,
        clock,
        ids,
        epoch=lambda: epoch,
        dry_run=settings.dry_run,
        times=settings.times(),
        check=_machine_check(settings),
        pinned=_pins(settings),
        sleep=sleep,
    )
    return Link(remote=executors, traders=door)


def _pins(settings: ControllerSettings) -> Callable[[], frozenset[bytes]]:
    """The key ids in the peers file as it is now. While it cannot be read, the last ones that could."""
    last = frozenset(peer.kid for peer in load_peers(settings.peers_path))

    def read() -> frozenset[bytes]:
        nonlocal last
        with contextlib.suppress(SettingsError):
            last = frozenset(peer.kid for peer in load_peers(settings.peers_path))
        return last

    return read


def _machine_check(settings: ControllerSettings) -> Callable[[Peer, str], Awaitable[str | None]]:
    tailnet = Tailnet()

    async def check(peer: Peer, address: str) -> str | None:
        return await machine_refusal(peer, address, tailnet, settings.link_tailnet, settings.trader_tag)

    return check
