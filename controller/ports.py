"""The world outside, as one value: the real clock, sockets, threads and disks, or a test's virtual ones."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from controller.ledger.store import LedgerStore
from trading.clock import Clock, SystemClock
from trading.http import Http, PooledHttp
from trading.ids import Ids, SystemIds
from trading.journal import Journal, MemoryJournal
from trading.link.sockets import LinkListener
from trading.link.wire import Listener
from trading.market import Venue
from trading.offload import Offload, ThreadOffload
from trading.stream import Dialer, Recorder, RecordingDialer, WebsocketsDialer

__all__ = ["Ports", "production_ports"]

_FREEZE_S = 10.0
_SWITCH_S = 0.0005
"""How long a thread of Offload may keep the loop waiting: with Python's 5 ms every wake-up while pairs are matched is that late."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that touches the world outside. http and dialer are called once per venue or stream name."""

    clock: Clock
    ids: Ids
    http: Callable[[Venue], Http]
    dialer: Callable[[str], Dialer]
    journal: Journal
    offload: Offload
    listener: Listener
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    close: Callable[[], Awaitable[None]] | None = None
    """Ends what the ports opened."""
    probe: Callable[[str], None] = lambda _: None
    """Hears each step of a leg that is executed here, for tests that break the process there."""
    tables: LedgerStore | None = None
    """Where the ledger's rows go; None: they are not kept (commands, simulations)."""
    freeze: Callable[[], None] = lambda: None
    """Called once when the start is over: takes what stands by then out of the garbage collector's sight."""


def _freeze() -> None:
    """Take what stands out of the collector's sight, and every ten seconds what has come since: after a minute of 10,000 frames a
    second a full collection of it alone took 26 ms. Cycles that became garbage by then are never freed; there are next to none.
    """
    gc.freeze()
    asyncio.get_running_loop().call_later(_FREEZE_S, _freeze)


def production_ports(*, record: Path | None = None, journal: Journal | None = None, insecure_bind: bool = False) -> Ports:
    """The real clock, sockets and threads; record taps every raw frame into that directory. Call inside the running loop.

    Without a journal promises are kept in memory: for commands that place no orders.
    """
    sys.setswitchinterval(_SWITCH_S)
    clock = SystemClock()
    recorder = Recorder(record, clock) if record is not None else None
    opened: list[PooledHttp] = []

    def http(venue: Venue) -> Http:
        opened.append(PooledHttp(venue))
        return opened[-1]

    def dialer(name: str) -> Dialer:
        plain = WebsocketsDialer(name)
        return RecordingDialer(plain, recorder, name) if recorder is not None else plain

    async def close() -> None:
        for one in opened:
            await one.close()
        if recorder is not None:
            recorder.close()

    return Ports(
        clock=clock,
        ids=SystemIds(clock),
        http=http,
        dialer=dialer,
        journal=journal if journal is not None else MemoryJournal(),
        offload=ThreadOffload(),
        listener=LinkListener(insecure_bind=insecure_bind),
        close=close,
        freeze=_freeze,
    )
