"""The controller's end of the link, put together from settings: who may dial in, and which venues are executed remotely.

A door is opened only when a venue's legs may go to a trader and at least one trader of that venue is paired; otherwise nothing
listens (B-086). Where `bootstrap init` made a key, a trader that is paired later gets in without a restart. Without traders
everything else works as before.
"""

import asyncio
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
from trading.log import get_logger
from trading.market import KALSHI, POLYMARKET, Market, MarketId, Venue

__all__ = ["Link", "make_link", "remote_venues"]

_log = get_logger("controller.link")


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
    venues = sorted(remote_venues(settings))
    pinned = _pins(settings)
    if not venues or not (pinned() or settings.identity_path.exists()):
        return Link(remote={}, traders=None)
    identity = load_identity(settings.identity_path)  # before anything starts
    by_venue: dict[Venue, dict[str, TraderLink]] = {venue: {} for venue in venues}
    executors = {
        venue: RemoteExecutor(venue, by_venue[venue], journal, clock, market_of=market_of, sleep=sleep) for venue in venues
    }

    def join(peer: Peer) -> TraderLink:
        assert peer.platform is not None
        link = TraderLink(peer, journal, clock, sleep=sleep, later=executors[peer.platform].later)
        by_venue[peer.platform][peer.name] = link
        return link

    door = Traders(
        identity,
        listener,
        clock,
        ids,
        epoch=lambda: epoch,
        dry_run=settings.dry_run,
        times=settings.times(),
        check=_machine_check(settings),
        pinned=pinned,
        join=join,
        sleep=sleep,
    )
    return Link(remote=executors, traders=door)


def _pins(settings: ControllerSettings) -> Callable[[], Mapping[bytes, Peer]]:
    """Traders of remote venues in the peers file as it is now, by key id. While it cannot be read, the last ones that could, and
    the log says so: a pin that was taken out still counts then. Raises SettingsError for a file that is unreadable now."""
    venues = remote_venues(settings)
    fault = ""

    def wanted() -> Mapping[bytes, Peer]:
        peers = load_peers(settings.peers_path)
        return {peer.kid: peer for peer in peers if peer.role == "trader" and peer.platform in venues}

    last = wanted()

    def read() -> Mapping[bytes, Peer]:
        nonlocal last, fault
        try:
            last, fault = wanted(), ""
        except SettingsError as exc:
            if str(exc) != fault:
                fault = str(exc)
                _log.error("peers_unreadable", error=fault, next="the pins of before still count: mend the file")
        return last

    return read


def _machine_check(settings: ControllerSettings) -> Callable[[Peer, str], Awaitable[str | None]]:
    tailnet = Tailnet()

    async def check(peer: Peer, address: str) -> str | None:
        return await machine_refusal(peer, address, tailnet, settings.link_tailnet, settings.trader_tag)

    return check
