"""One socket of Channels that keeps coming back: this file dials, reads, writes and waits (kalshi.md 9, B-119, B-428).

Silence is normal where nobody trades, so a quiet socket is asked, and one that does not answer either is dropped: a dead one is
found within two times quiet_s, well inside 10 s.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from trading.clock import Clock
from trading.errors import AuthFailed, Disconnected
from trading.ids import Ids
from trading.kalshi.channels import Channels, Gap, Heard, Wanted
from trading.kalshi.session import Redial, dial
from trading.kalshi.sign import KalshiSigner
from trading.log import get_logger
from trading.stream import Dialer, Wire

__all__ = ["QUIET_S", "Listener"]

_log = get_logger(__name__)

QUIET_S = 4.0


class Listener:
    """Frames of the wanted channels until closed. name says which socket in the log."""

    def __init__(
        self,
        dialer: Dialer,
        url: str,
        signer: KalshiSigner,
        clock: Clock,
        ids: Ids,
        name: str,
        wanted: Sequence[Wanted],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._dialer = dialer
        self._url = url
        self._signer = signer
        self._clock = clock
        self._name = name
        self._redial = Redial(ids, name)
        self._sleep = sleep
        self._quiet_s = quiet_s
        self.channels = Channels(wanted)
        self._wire: Wire | None = None
        self._closed = asyncio.Event()
        self.reconnects = 0

    async def frames(self) -> AsyncGenerator[Heard, None]:
        """Every frame; after each loss of the socket a Gap of channel "", because what came meanwhile is not known."""
        while not self._closed.is_set():
            try:
                async with aclosing(self._once()) as life:
                    async for heard in life:
                        yield heard
            except (AuthFailed, Disconnected) as exc:
                if self._closed.is_set():
                    return
                self.reconnects += 1
                yield Gap("", str(exc))
                delay = self._redial.delay_s(exc)
                _log.info("kalshi_stream_down", socket=self._name, reason=str(exc), retry_s=round(delay, 3))
                await self._sleep(delay)

    async def _once(self) -> AsyncGenerator[Heard, None]:
        """One life of a socket. Raises AuthFailed or Disconnected at its end."""
        wire = await dial(self._dialer, self._url, self._signer, self._clock)
        self._wire = wire
        channels = self.channels
        try:
            channels.connect()
            await self._flush(wire)
            while not self._closed.is_set():
                try:
                    async with asyncio.timeout(self._quiet_s):
                        data = await wire.recv()
                except TimeoutError:
                    channels.quiet()
                    await self._flush(wire)
                    continue
                heard = channels.apply(data)
                self._redial.apply_success()
                await self._flush(wire)
                if heard is not None:
                    yield heard
        finally:
            self._wire = None
            await wire.close()

    async def _flush(self, wire: Wire) -> None:
        while self.channels.outbox:
            await wire.send(self.channels.outbox.popleft())
        while self.channels.complaints:
            _log.warning("kalshi_stream_complaint", socket=self._name, detail=self.channels.complaints.popleft())

    async def close(self) -> None:
        """End frames()."""
        self._closed.set()
        if self._wire is not None:
            await self._wire.close()
