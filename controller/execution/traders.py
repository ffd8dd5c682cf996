"""The controller's door for its traders: listen, authenticate, hand each session to its trader (B-220..B-229).

Only pinned keys get in, from the pinned machine where a tailnet is in use. The pins are read again every heartbeat: who is taken
out is out, who was paired meanwhile gets in, and the first one opens the door. Five failed handshakes a minute from one address
close it to that one for that minute. Nothing a peer does raises beyond its own connection.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from controller.execution.trader_link import Health, TraderLink
from trading.clock import SECOND, Clock
from trading.errors import SettingsError
from trading.ids import Ids
from trading.link.channel import Channel
from trading.link.identity import Identity, Peer
from trading.link.messages import Halt, Init, Limits, Message, Resume
from trading.link.session import LinkSession, LinkTimes
from trading.link.wire import LinkWire, Listener, Serving
from trading.log import get_logger
from trading.market import Venue
from trading.units import MonoNs

__all__ = ["MachineCheck", "Traders"]

_FAILURES = 5
_WINDOW_NS = 60 * SECOND
_REMEMBERED = 1_000
_log = get_logger("controller.traders")
MachineCheck = Callable[[Peer, str], Awaitable[str | None]]
"""(peer, IP:port) -> why its machine is not the pinned one."""


class Traders:
    """All pinned traders. start() opens the door, close() shuts it; pinned tells who is pinned now, by key id, and join makes the
    link of somebody new."""

    def __init__(
        self,
        identity: Identity,
        listener: Listener,
        clock: Clock,
        ids: Ids,
        *,
        epoch: Callable[[], int],
        dry_run: bool,
        times: LinkTimes,
        check: MachineCheck,
        pinned: Callable[[], Mapping[bytes, Peer]],
        join: Callable[[Peer], TraderLink],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._identity = identity
        self._links: dict[str, TraderLink] = {}
        self._peers: dict[bytes, Peer] = {}
        self._where = "", 0
        self._odd: set[bytes] = set()
        self._shut = ""
        self._listener = listener
        self._clock = clock
        self._ids = ids
        self._epoch = epoch
        self._dry_run = dry_run
        self._times = times
        self._check = check
        self._pinned = pinned
        self._join = join
        self._sleep = sleep
        self._serving: Serving | None = None
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: dict[str, deque[MonoNs]] = {}
        self._word: Halt | Resume = Resume()
        self.refused: dict[str, int] = {}
        """Refused connections by reason code."""
        for peer in pinned().values():
            self._pin(peer)

    @property
    def port(self) -> int:
        return self._serving.port if self._serving is not None else 0

    def health(self) -> Mapping[str, tuple[Venue, Health]]:
        """Every pinned trader by name."""
        return {name: (link.venue, link.health) for name, link in self._links.items()}

    @property
    def open_legs(self) -> int:
        """Legs that traders have and that are not final here."""
        return sum(link.open_legs for link in self._links.values())

    async def start(self, host: str, port: int) -> None:
        """Open the door, now or with the first pin (B-086). Raises SettingsError when the address cannot be used."""
        self._where = host, port
        for link in self._links.values():
            self._keepers[link.name] = asyncio.create_task(link.run())
        if self._peers:
            await self._listen()
        self._watching = asyncio.create_task(self._watch())

    async def _listen(self) -> None:
        self._serving = await self._listener.listen(*self._where, self._accept)
        _log.info("link_listens", host=self._where[0], port=self.port, traders=sorted(self._links))

    async def _watch(self) -> None:
        """A pin that is taken out of the peers file shuts its trader out within a heartbeat (distributed.md 8); a new one lets its
        trader in as soon."""
        while True:
            await self._sleep(self._times.beat_ns / SECOND)
            now = self._pinned()
            for kid in self._peers.keys() - now.keys():
                peer = self._peers.pop(kid)
                _log.warning("trader_revoked", trader=peer.name, next="pair it again to let it back in")
                self._links[peer.name].close("revoked")
            for kid in now.keys() - self._peers.keys():
                link = self._pin(now[kid])
                if link is not None:
                    _log.info("trader_pinned", trader=link.name, venue=link.venue)
                    if link.name not in self._keepers:
                        self._keepers[link.name] = asyncio.create_task(link.run())
            if self._peers and self._serving is None:
                try:
                    await self._listen()
                except SettingsError as exc:
                    if str(exc) != self._shut:
                        self._shut = str(exc)
                        _log.error("link_cannot_listen", error=self._shut, next="tried again every heartbeat")

    def _pin(self, peer: Peer) -> TraderLink | None:
        """Let somebody in. A name that was here before keeps its link, because its legs are kept under that name; the journal it
        brings tells whether it remembers them."""
        link = self._links.get(peer.name)
        if link is not None and link.venue != peer.platform:
            if peer.kid not in self._odd:
                self._odd.add(peer.kid)
                _log.error("trader_name_taken", trader=peer.name, venue=link.venue, next="pair it under another name")
            return None
        if link is None:
            link = self._links[peer.name] = self._join(peer)
        link.peer = self._peers[peer.kid] = peer
        return link

    async def close(self, reason: str = "controller_stopping") -> None:
        for link in self._links.values():
            link.close(reason)
        if self._watching is not None:
            self._watching.cancel()
        if self._serving is not None:
            await self._serving.close()
        tasks = (*self._keepers.values(), *self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def tell(self, message: Halt | Resume | Limits) -> int:
        """Say something to every connected trader; returns how many heard it. A trader that connects later hears the newest halt or
        resume before anything else."""
        if not isinstance(message, Limits):
            self._word = message
        return sum(link.tell(message) for link in self._links.values())

    async def _accept(self, wire: LinkWire) -> None:
        host = wire.peer.rpartition(":")[0]
        if self._shut_for(host):
            self._count("too_many_failures", wire.peer)
            wire.close(1013)
            return
        session = LinkSession.controller(
            self._identity,
            self._peers,
            epoch=self._epoch(),
            ids=self._ids,
            now=self._clock.mono_ns(),
            times=self._times,
        )
        link: TraderLink | None = None

        def opened(channel: Channel) -> None:
            nonlocal link
            assert channel.opened is not None
            if channel.opened.peer.kid not in self._peers:  # taken out during the handshake
                channel.close("revoked")
                return
            link = self._links[channel.opened.peer.name]
            task = asyncio.create_task(self._admit(link, channel, wire.peer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        def handle(channel: Channel, message: Message) -> None:
            if link is not None:
                link.handle(channel, message)

        channel = Channel(wire, session, self._clock, handle, times=self._times, sleep=self._sleep)
        reason = await channel.run(opened)
        if link is None:
            self._failed(host)
            self._count(reason, wire.peer)
        else:
            link.closed(channel)
            _log.warning("trader_gone", trader=link.name, venue=link.venue, reason=reason, open_legs=link.open_legs)
            if reason == "stale_epoch":  # distributed.md 4.7: it has served a later start than this journal knows
                _log.error(
                    "trader_knows_a_newer_start",
                    trader=link.name,
                    next_step="end the other controller, or put the newest state directory back; if it is lost, compare first, then"
                    " `trader accept-controller` on that machine",
                )

    async def _admit(self, link: TraderLink, channel: Channel, address: str) -> None:
        """The process is the pinned one; is its machine too?"""
        refusal = await self._check(link.peer, address)
        opened = channel.opened
        if channel.ended:
            return  # it went while we asked; its follower may be here already
        if refusal is not None or opened is None:
            link.last_refusal = "wrong_machine"
            self._count("wrong_machine", address)
            _log.error("trader_refused", trader=link.name, reason=refusal, next="check peers.toml and the tailnet's tags")
            channel.close("wrong_machine")
            return
        init = Init(
            platforms=("kalshi" if link.venue == "kalshi" else "polymarket",),
            dry_run=self._dry_run,
            session=opened.session,
            epoch=opened.epoch,
            limits=Limits(),
        )
        link.opened(channel, init, self._word)

    def _count(self, reason: str, address: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        _log.warning("link_refused", reason=reason, address=address)

    def _failed(self, host: str) -> None:
        times = self._failures.setdefault(host, deque(maxlen=_FAILURES))
        times.append(self._clock.mono_ns())
        if len(self._failures) > _REMEMBERED:
            del self._failures[next(iter(self._failures))]

    def _shut_for(self, host: str) -> bool:
        times = self._failures.get(host)
        return times is not None and len(times) == _FAILURES and self._clock.mono_ns() - times[0] < _WINDOW_NS
