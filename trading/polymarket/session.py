"""Keeping one Polymarket WebSocket alive: text PING, death without PONG, and the pause before the next dial.

The client sends "PING" every 10 s and the server answers "PONG"; 30 s without one is a dead socket (polymarket.md 11). A socket
that answers pings may still be frozen: that is for its user to find out (B-428).
"""

import asyncio
from collections.abc import Callable

from trading.clock import SECOND, Clock
from trading.errors import Disconnected
from trading.ids import Ids
from trading.stream import TURN_NS, Wire
from trading.units import MonoNs

__all__ = ["Redial", "Session"]

PING_S = 10.0
DEAD_NS = 30 * SECOND
_BASE_S = 0.5
_CAP_S = 30.0


class Redial:
    """Full-jitter pauses of one socket that keeps coming back."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._failures = 0

    def apply_success(self) -> None:
        """The socket delivered data: the next loss starts again with a short pause."""
        self._failures = 0

    def delay_s(self) -> float:
        """Seconds to wait before the next dial."""
        ceiling = min(_CAP_S, _BASE_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        return ceiling * int.from_bytes(self._ids.random(4)) / 2**32


class Session:
    """One open socket. on_data gets every frame that is no PONG, synchronously."""

    def __init__(self, wire: Wire, clock: Clock, on_data: Callable[[bytes], None]) -> None:
        self._wire = wire
        self._clock = clock
        self._on_data = on_data
        self._pong_at = clock.mono_ns()
        self._ping_at = MonoNs(0)

    async def run_receive(self) -> None:
        """Hand on frames until the socket ends. Raises Disconnected."""
        recv, on_data, clock = self._wire.recv, self._on_data, self._clock.mono_ns
        turn = clock()
        while True:
            data = await recv()
            if len(data) == 4 and data == b"PONG":
                self._pong_at = clock()
            else:
                on_data(data)
            if clock() - turn > TURN_NS:  # recv does not wait while frames are queued: a backlog must not hold the loop
                await asyncio.sleep(0)
                turn = clock()

    async def run_ping(self) -> None:
        """Ping until cancelled. Raises Disconnected when the pongs stay away."""
        while True:
            await self.keep_alive()
            await asyncio.sleep(PING_S)

    async def keep_alive(self) -> None:
        """Send a PING when one is due. Raises Disconnected after 30 s without PONG."""
        now = self._clock.mono_ns()
        if now - self._pong_at > DEAD_NS:
            raise Disconnected(f"no PONG for {(now - self._pong_at) / SECOND:.0f} s")
        if now - self._ping_at >= PING_S * SECOND - SECOND // 10:
            self._ping_at = now
            await self._wire.send("PING")
