"""P6: a command over the authenticated, encrypted link and its answer, over an unauthenticated echo of the same frames.

Both run on websockets over loopback in one loop with the link's own socket settings, turn by turn: what differs is sealing,
validation and the channel around them. The CPU of one whole handshake is printed beside it.
"""

import asyncio
import time
from statistics import median

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.bench.measure import Measure
from trading.clock import SystemClock
from trading.ids import SystemIds, client_order_id, leg_id
from trading.link.channel import Channel
from trading.link.identity import Identity, Peer
from trading.link.messages import ExecuteLeg, LegAck, Message, encode
from trading.link.session import LinkSession, LinkTimes
from trading.link.sockets import LinkDialer, LinkListener
from trading.link.wire import LinkWire
from trading.market import KALSHI
from trading.units import MonoNs

__all__ = ["TARGET", "identities", "measure"]

TARGET = 1.25
_CLOCK = SystemClock()
_IDS = SystemIds(_CLOCK)
_SEALED = 10 + 16


def identities() -> tuple[Identity, Identity, dict[bytes, Peer], Peer]:
    controller, trader = Identity(Ed25519PrivateKey.generate()), Identity(Ed25519PrivateKey.generate())
    peers = {trader.kid: Peer(name="bench", role="trader", public=trader.public, platform=KALSHI)}
    return controller, trader, peers, Peer(name="home", role="controller", public=controller.public)


def _command() -> ExecuteLeg:
    leg = leg_id(_IDS.arb(), 0, 0)
    return ExecuteLeg(
        leg_id=leg,
        epoch=3,
        platform="kalshi",
        market="KXNBAGAME-26NOV21ATLBKN-ATL",
        outcome=0,
        action="buy",
        limit=4_200,
        size=20_000_000,
        max_cost=9_000_000,
        purpose="open",
        tif="ioc",
        post_only=False,
        client_order_id=client_order_id(leg),
        ttl_ms=5_000,
        sent_mono_us=_CLOCK.mono_ns() // 1_000,
        world="sim",
    )


class _Link:
    """Both ends of one link; ask() is one command and its acknowledgement."""

    async def start(self) -> None:
        controller, trader, peers, pin = identities()
        self._answer: asyncio.Future[None] | None = None
        opened = asyncio.Event()

        def heard(channel: Channel, message: Message) -> None:
            if self._answer is not None and isinstance(message, LegAck):
                self._answer.set_result(None)

        async def accept(wire: LinkWire) -> None:
            session = LinkSession.controller(controller, peers, epoch=3, ids=_IDS, now=_CLOCK.mono_ns(), times=LinkTimes())
            self._channel = Channel(wire, session, _CLOCK, heard, times=LinkTimes())
            await self._channel.run(lambda _: opened.set())

        def executes(channel: Channel, message: Message) -> None:
            if isinstance(message, ExecuteLeg):
                channel.send(LegAck(leg_id=message.leg_id, status="accepted", recv_mono_us=_CLOCK.mono_ns() // 1_000))

        self._serving = await LinkListener().listen("127.0.0.1", 0, accept)
        wire = await LinkDialer().connect(f"ws://127.0.0.1:{self._serving.port}/link")
        session = LinkSession.trader(
            trader, pin, KALSHI, node="bench", boot_id=b"boot", ids=_IDS, now=_CLOCK.mono_ns(), times=LinkTimes()
        )
        self._far = Channel(wire, session, _CLOCK, executes, times=LinkTimes())
        self._running = asyncio.create_task(self._far.run())
        await opened.wait()

    async def ask(self, command: ExecuteLeg) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        self._channel.send(command)
        await self._answer

    async def close(self) -> None:
        self._far.close("done")
        await self._running
        await self._serving.close()


class _Echo:
    """A plain websockets server that answers every frame with one of the acknowledgement's size, nothing else."""

    async def start(self, answer: bytes) -> None:
        async def accept(connection: ServerConnection) -> None:
            async for _ in connection:
                await connection.send(answer)

        self._server = await serve(accept, "127.0.0.1", 0, compression=None, ping_interval=None)
        port = self._server.sockets[0].getsockname()[1]
        self._connection = await connect(f"ws://127.0.0.1:{port}/", compression=None, ping_interval=None, proxy=None)

    async def ask(self, frame: bytes) -> None:
        await self._connection.send(frame)
        await self._connection.recv()

    async def close(self) -> None:
        await self._connection.close()
        self._server.close()
        await self._server.wait_closed()


def _handshake_us() -> float:
    """CPU of both ends for one handshake."""
    taken = []
    for _ in range(30):
        controller, trader, peers, pin = identities()
        began = time.process_time_ns()
        now = MonoNs(0)
        far = LinkSession.trader(trader, pin, KALSHI, node="b", boot_id=b"boot", ids=_IDS, now=now, times=LinkTimes())
        near = LinkSession.controller(controller, peers, epoch=1, ids=_IDS, now=now, times=LinkTimes())
        near.receive(far.outgoing()[0], now)
        far.receive(near.outgoing()[0], now)
        near.receive(far.outgoing()[0], now)
        assert near.state == far.state == "open"
        taken.append((time.process_time_ns() - began) / 1_000)
    return median(taken)


async def _run(events: int) -> tuple[list[int], list[int]]:
    link, echo = _Link(), _Echo()
    command = _command()
    answer = LegAck(leg_id=command.leg_id, status="accepted", recv_mono_us=_CLOCK.mono_ns() // 1_000)
    plain, reply = bytes(len(encode(command)) + _SEALED), bytes(len(encode(answer)) + _SEALED)
    await link.start()
    await echo.start(reply)
    taken: tuple[list[int], list[int]] = ([], [])
    for number in range(events + 50):
        for times, one in ((taken[0], link.ask(command)), (taken[1], echo.ask(plain))):
            began = time.perf_counter_ns()
            await one
            if number >= 50:
                times.append(time.perf_counter_ns() - began)
    await link.close()
    await echo.close()
    return taken


def measure(*, quick: bool) -> list[Measure]:
    """p50 of the link's round trip over the echo's."""
    linked, echoed = asyncio.run(_run(30 if quick else 3_000))
    more: dict[str, object] = {
        "link_p50_us": round(median(linked) / 1_000),
        "echo_p50_us": round(median(echoed) / 1_000),
        "handshake_cpu_us": round(_handshake_us()),
    }
    return [Measure(id="P6", value=median(linked) / median(echoed), target=TARGET, more=more)]
