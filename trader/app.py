"""The trader's composition root: real clock, sockets and clients, handed to the commands as plain values.

Tests hand in their own Ports. Nothing here places an order.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from trader.settings import TraderSettings
from trading.clock import Clock, SystemClock
from trading.connect import Connections, connect
from trading.errors import SettingsError
from trading.http import Http, PooledHttp
from trading.ids import Ids, SystemIds
from trading.journal import Journal, MemoryJournal
from trading.market import Venue
from trading.order import World
from trading.stream import Dialer, WebsocketsDialer

__all__ = ["NOT_DURABLE", "Ports", "connected", "production_ports", "tradable_world"]

NOT_DURABLE = "DRY_RUN=0 needs a durable journal for real venues and this build keeps the trader's journal in memory"


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that touches the world outside. http and dialer are called once per venue or stream name."""

    clock: Clock
    ids: Ids
    http: Callable[[Venue], Http]
    dialer: Callable[[str], Dialer]
    journal: Journal
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    close: Callable[[], Awaitable[None]]
    """Ends what the ports opened."""


def production_ports() -> Ports:
    """The real clock and sockets. Call inside the running loop."""
    clock = SystemClock()
    opened: list[PooledHttp] = []

    def http(venue: Venue) -> Http:
        opened.append(PooledHttp(venue))
        return opened[-1]

    async def close() -> None:
        for one in opened:
            await one.close()

    return Ports(clock=clock, ids=SystemIds(clock), http=http, dialer=WebsocketsDialer, journal=MemoryJournal(), close=close)


def connected(settings: TraderSettings, ports: Ports, notice: Callable[[str], None]) -> Connections:
    """Clients of both venues; those without keys only read. Raises SettingsError for keys that cannot be used."""
    return connect(settings, http=ports.http, dialer=ports.dialer, clock=ports.clock, ids=ports.ids, notice=notice)


def tradable_world(settings: TraderSettings, journal: Journal) -> World:
    """The world a leg would be of. Raises SettingsError for mixed hosts, and for live legs on a journal that forgets."""
    world = settings.world()
    if world == "live" and not journal.durable:
        raise SettingsError(f"{NOT_DURABLE}; use --dry-run (DRY_RUN=1), or point every host at loopback")
    return world
