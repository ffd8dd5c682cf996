"""P2's reference: a frame in, two prebuilt orders out, on raw asyncio protocols over warm sockets, and nothing in between.

The orders are the bytes of two real ones, sent to the same doors the product sends to.
"""

import asyncio
from collections.abc import Sequence

from tests.bench.loopback import Orders, Stamp, Stream, serve, stamp, text_frame

__all__ = ["Floor", "FloorDesk"]


class FloorDesk:
    """Takes both orders at one door and streams at another path of it."""

    def __init__(self) -> None:
        self.stream: Stream | None = None

    def is_order(self, method: str, path: str) -> bool:
        return method == "POST"

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        return 200, b"{}"

    def on_text(self, connection: Stream, text: bytes) -> Sequence[bytes]:
        self.stream = connection
        return [b"ready"]


class _Sender(asyncio.Protocol):
    """A warm socket for one kind of order; reads answers past."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport


class _Receiver(_Sender):
    """The stream's end: each frame of the awaited length sends both orders."""

    def __init__(self) -> None:
        self.orders: tuple[tuple[asyncio.Transport, bytes], ...] = ()
        self.frame_size = 0
        self.ready = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if len(data) == self.frame_size:
            for transport, order in self.orders:
                transport.write(order)
        elif data.endswith(b"ready"):
            self.ready.set_result(None)


class Floor:
    """start() opens everything, event() runs one event and gives its time."""

    def __init__(self) -> None:
        self._desk = FloorDesk()
        self._orders = Orders()
        self._servers: list[asyncio.Server] = []

    async def start(self, frame: bytes, posts: Sequence[bytes]) -> None:
        """Warm one stream and one socket per order; frame is the text every event sends."""
        loop = asyncio.get_running_loop()
        senders = []
        for post in posts:
            server, port = await serve(self._desk, self._orders)
            self._servers.append(server)
            _, sender = await loop.create_connection(_Sender, "127.0.0.1", port)
            senders.append((sender.transport, post))
        server, port = await serve(self._desk, self._orders)
        self._servers.append(server)
        _, self._receiver = await loop.create_connection(_Receiver, "127.0.0.1", port)
        self._receiver.transport.write(
            b"GET / HTTP/1.1\r\nHost: floor\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AA==\r\n\r\n"
        )
        self._receiver.transport.write(b"\x81\x85\0\0\0\0ready")
        await self._receiver.ready
        self._frame = frame
        self._receiver.frame_size = len(text_frame(frame))
        self._receiver.orders = tuple(senders)

    async def event(self) -> Stamp:
        """From before the frame is written until the last order is in."""
        assert self._desk.stream is not None
        done = self._orders.expect(len(self._receiver.orders))
        began = stamp()
        self._desk.stream.send(self._frame)
        return (await done).since(began)

    async def close(self) -> None:
        for sender, _ in self._receiver.orders:
            sender.close()
        self._receiver.transport.close()
        for server in self._servers:
            server.close()
