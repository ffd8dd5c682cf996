"""`trader run`: journal, guard, worker and link put together, until it is told to stop.

Order of the start: lock, journal, keys, venue read, recovery of legs without a result, then the link. Order of the stop: no new
legs, those under way end, resting orders cancelled, link and journal closed. A second signal does not wait.
"""

import asyncio
import contextlib
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from trader.app import Ports, connected
from trader.dial import Dialling
from trader.guard import Guard
from trader.halt import Brake, Halt
from trader.legs import Legs
from trader.markets import market_reader
from trader.settings import TraderSettings
from trader.worker import JOURNAL_ID, Worker
from trading.book import Book
from trading.connect import Connections
from trading.earlier import begin_in_place
from trading.errors import SettingsError, VenueError
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.link.identity import Peer, load_identity, load_peers, one_peer
from trading.link.sockets import LinkDialer, dial_url, proxy_address
from trading.link.tailnet import Tailnet, machine_refusal
from trading.link.wire import LinkDial
from trading.log import get_logger
from trading.market import POLYMARKET, MarketId, Venue
from trading.paper import paper_client
from trading.settings import redacted
from trading.state_dir import StateDir
from trading.units import DOLLAR, Money
from trading.venue import VenueClient

__all__ = ["serve", "state_path"]

_log = get_logger("trader")
Notice = Callable[[str], None]


def state_path(settings: TraderSettings) -> Path:
    """Where this trader keeps journal, lock and HALT."""
    return Path(settings.state_dir).expanduser() / f"trader-{settings.platform()}"


async def serve(
    settings: TraderSettings,
    ports: Ports,
    *,
    notice: Notice,
    dialer: LinkDial | None = None,
    started: Callable[[Worker, Dialling], None] = lambda worker, dialling: None,
    probe: Callable[[str], None] = lambda _: None,
) -> int:
    """Serve controllers until SIGINT, SIGTERM or cancellation; 0 = stopped in order.

    Raises SettingsError for what cannot be used, JournalFailed for a journal that cannot be trusted.
    """
    venue = settings.platform()
    urls = [dial_url(address) for address in settings.controller_address]
    if not urls:
        raise SettingsError("CONTROLLER_ADDRESS is empty; set it to the controller's host:port (bootstrap shows it)")
    socks5 = proxy_address(settings.link_socks5, urls)
    identity = load_identity(settings.identity_path)
    controller = one_peer(load_peers(settings.peers_path), "controller", settings.peers_path)
    state = StateDir(state_path(settings))
    try:
        journal = FileJournal(SqliteStore(state.path / "journal.sqlite", probe=probe), ports.clock, deliver=True)
        try:
            if not journal.number_kept(JOURNAL_ID):
                await journal.keep(JOURNAL_ID, secrets.randbits(53) | 1)
            await journal.prune()
            probe("J10")
            venues = connected(settings, ports, notice)
            try:
                worker = await _worker(settings, ports, venues, venue, journal, state.path, probe)
                dialling = Dialling(
                    worker,
                    identity,
                    controller,
                    urls,
                    dialer or LinkDialer(socks5=socks5),
                    ports.clock,
                    ports.ids,
                    name=settings.trader_name or socket.gethostname(),
                    times=settings.times(),
                    check=_machine_check(settings),
                    sleep=ports.sleep,
                )
                _log.info("settings", **{name.lower(): value for name, value in redacted(settings).items()})  # B-018
                started(worker, dialling)
                await _until_stopped(worker, dialling, venues.clients[venue], ports)
            finally:
                for client in venues.clients.values():
                    await client.close()
        finally:
            await journal.close()
    finally:
        state.close()
    return 0


def _machine_check(settings: TraderSettings) -> Callable[[Peer, str], Awaitable[str | None]]:
    tailnet = Tailnet()

    async def check(peer: Peer, address: str) -> str | None:
        tag = settings.controller_tag
        return await machine_refusal(peer, address, tailnet, settings.link_tailnet, tag)

    return check


async def _worker(
    settings: TraderSettings,
    ports: Ports,
    venues: Connections,
    venue: Venue,
    journal: FileJournal,
    directory: Path,
    probe: Callable[[str], None],
) -> Worker:
    world = settings.world()
    real = venues.clients[venue]
    if world != "paper" and not venues.can_trade(venue):
        raise SettingsError(f"DRY_RUN=0 and no keys to trade on {venue}; set {settings.key_names(venue)}")
    if venue == POLYMARKET:
        await begin_in_place(
            settings,
            venues.polymarket,
            journal=journal,
            clock=ports.clock,
            sleep=ports.sleep,
            step="run this trader where the venue allows it",
        )
    read = market_reader(venue, settings, ports, venues)
    books: dict[MarketId, Book] = {}

    async def look(market: MarketId) -> None:
        books[market] = await real.book(market)

    await _first_read(venues, venue, settings, ports, keyed=world != "paper")
    clients: dict[bool, VenueClient] = {True: _paper(settings, ports, real, books, venue)}
    if world != "paper":
        clients[False] = real
    guard, brake = Guard(settings.limits(), ports.clock.wall_ns), Brake(Halt(directory))
    legs = Legs(
        clients=clients,
        read=read,
        look=look,
        journal=journal,
        guard=guard,
        clock=ports.clock,
        ids=ports.ids,
        brake=brake,
        sleep=ports.sleep,
        probe=probe,
    )
    worker = Worker(venue=venue, legs=legs, guard=guard, brake=brake, clock=ports.clock, world=world)
    legs.recover()
    return worker


async def _first_read(venues: Connections, venue: Venue, settings: TraderSettings, ports: Ports, *, keyed: bool) -> None:
    """Open the connection and take the venue's clock; Polymarket looks at the wallet again, for a copy from before the last deposit
    refuses every order (polymarket.md 7.1). A venue that is down now is no reason not to start."""
    try:
        await venues.clients[venue].warm()
        if keyed and venue == POLYMARKET and not settings.polymarket_api_key:
            await venues.polymarket.derive_credentials()
        if keyed and venue == POLYMARKET:
            await venues.polymarket.holdings.refresh()
    except VenueError as exc:
        _log.warning("venue_not_reached", venue=venue, error=str(exc), next="legs are refused until it answers")


def _paper(settings: TraderSettings, ports: Ports, real: VenueClient, books: dict[MarketId, Book], venue: Venue) -> VenueClient:
    cash = Money(int(settings.paper_starting_balance * DOLLAR))
    return paper_client(
        venue,
        reads=real,
        book_of=books.get,
        clock=ports.clock,
        cash=cash,
        sleep=ports.sleep,
    )


async def _until_stopped(worker: Worker, dialling: Dialling, client: VenueClient, ports: Ports) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):  # not in the main thread: tests stop by cancelling
            loop.add_signal_handler(number, stop.set)
    work = [
        asyncio.create_task(dialling.run()),
        asyncio.create_task(worker.legs.listen()),
        asyncio.create_task(_warm(client, ports)),
    ]
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([*work, waiting], return_when=asyncio.FIRST_COMPLETED)
        for one in work:
            if one.done() and (error := one.exception()) is not None:
                raise error
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, ValueError):
                loop.remove_signal_handler(number)
        _log.info("stopping", legs_under_way=not worker.legs.idle)
        worker.drain()
        await worker.legs.close()
        await worker.legs.cancel_resting("this trader stops")
        dialling.stop("trader_stopping")
        waiting.cancel()
        await asyncio.wait(work[:1], timeout=3)
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def _warm(client: VenueClient, ports: Ports) -> None:
    """No order leaves on a cold socket: venues close idle connections after 15 s."""
    while True:
        try:
            await client.warm()
        except VenueError as exc:
            _log.warning("venue_not_reached", venue=client.venue, error=str(exc))
        await ports.sleep(5.0)
