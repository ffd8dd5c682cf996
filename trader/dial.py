"""Reaching the controller and staying reached: the trader dials, nobody dials it (B-220, distributed.md 4.8).

Addresses are tried in order, with full-jitter pauses of up to ten seconds that start small again after a healthy minute. With
no authenticated controller for ten seconds the dead man's hand ends every resting order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from trader.worker import Worker
from trading.clock import SECOND, Clock
from trading.errors import Disconnected
from trading.ids import Ids
from trading.link.channel import Channel
from trading.link.identity import Identity, Peer
from trading.link.session import LinkSession, LinkTimes
from trading.link.wire import LinkDial
from trading.log import get_logger

__all__ = ["Dialling", "MachineCheck"]

_FIRST_S, _LONGEST_S = 0.25, 10.0
_HEALTHY_NS = 60 * SECOND
_log = get_logger("trader.dial")
MachineCheck = Callable[[Peer, str], Awaitable[str | None]]
"""(peer, IP:port) -> why its machine is not the pinned one."""


class Dialling:
    """run() until cancelled, or until stop()."""

    def __init__(
        self,
        worker: Worker,
        identity: Identity,
        controller: Peer,
        urls: Sequence[str],
        dialer: LinkDial,
        clock: Clock,
        ids: Ids,
        *,
        name: str,
        times: LinkTimes,
        check: MachineCheck,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._worker = worker
        self._identity = identity
        self._controller = controller
        self._urls = urls
        self._dialer = dialer
        self._clock = clock
        self._ids = ids
        self._name = name
        self._times = times
        self._check = check
        self._sleep = sleep
        self._channel: Channel | None = None
        self._stop = asyncio.Event()
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Dial, serve, dial again."""
        hand = asyncio.create_task(self._dead_man())
        failures = 0
        try:
            while not self._stop.is_set():
                url = self._urls[failures % len(self._urls)]
                began = self._clock.mono_ns()
                reason = await self._serve(url)
                healthy = self._clock.mono_ns() - began > _HEALTHY_NS
                failures = 0 if healthy else failures + 1
                if self._stop.is_set():
                    break
                pause = self._pause(failures)
                _log.warning("link_down", controller=url, reason=reason, again_in_s=round(pause, 2))
                await self._sleep(pause)
        finally:
            hand.cancel()

    def _pause(self, failures: int) -> float:
        longest = min(_LONGEST_S, _FIRST_S * 2.0 ** min(failures, 10))
        return longest * int.from_bytes(self._ids.random(4), "big") / 2**32

    async def _serve(self, url: str) -> str:
        """One connection from dial to end; the reason it ended."""
        try:
            wire = await self._dialer.connect(url)
        except Disconnected as exc:
            return str(exc)
        session = LinkSession.trader(
            self._identity,
            self._controller,
            self._worker.venue,
            node=self._name,
            boot_id=self._clock.boot_id,
            ids=self._ids,
            now=self._clock.mono_ns(),
            times=self._times,
        )
        channel = Channel(
            wire,
            session,
            self._clock,
            self._worker.handle,
            times=self._times,
            status=self._worker.status,
            sleep=self._sleep,
        )
        self._channel = channel
        refusal = await self._check(self._controller, wire.peer)
        if refusal is not None:
            channel.close("wrong_machine")
            _log.error("controller_refused", controller=url, reason=refusal, next="check peers.toml and the tailnet's tags")
        try:
            return await channel.run(self._opened)
        finally:
            self._worker.detach(channel)
            self.connected.clear()
            self._channel = None

    def _opened(self, channel: Channel) -> None:
        self._worker.attach(channel)
        self.connected.set()
        _log.info("link_up", controller=self._controller.name, epoch=channel.opened.epoch if channel.opened else None)

    async def _dead_man(self) -> None:
        """B-227: without a controller nobody watches resting orders, so they end."""
        since = self._clock.mono_ns()
        done = False
        while True:
            await self._sleep(self._times.beat_ns / SECOND)
            now = self._clock.mono_ns()
            if self.connected.is_set():
                since, done = now, False
            elif not done and now - since > self._times.down_ns:
                done = True
                await self._worker.legs.cancel_resting("no controller for too long")

    def stop(self, reason: str) -> None:
        """End the link and do not dial again."""
        self._stop.set()
        if self._channel is not None:
            self._channel.close(reason)
