"""The trader's composition root: real clock, sockets and clients, handed to the commands as plain values.

Tests hand in their own Ports. Nothing here places an order.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from trader.settings import TraderSettings
from trading.clock import Clock, SystemClock
from trading.connect import Connections, connect
from trading.http import Http, PooledHttp
from trading.ids import Ids, SystemIds
from trading.journal import Journal, MemoryJournal
from trading.market import Venue
from trading.stream import Dialer, WebsocketsDialer

__all__ = ["Ports", "connected", "production_ports"]


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that touches the world outside. http and dialer are called once per venue or stream name. journal is for paper
    legs; what is really sent goes into one on the disk."""

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
