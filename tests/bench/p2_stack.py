"""What the libraries alone take of P2: the product's own WebSocket and HTTP shells, two prebuilt orders, no decision between.

It stands between the floor and the product, and tells which of the two distances a slow figure comes from.
"""

import asyncio

from tests.bench.loopback import Orders, Stamp, Stream, serve, stamp
from tests.bench.p2_floor import FloorDesk
from trading.http import PooledHttp
from trading.stream import WebsocketsDialer

__all__ = ["Stack"]

_OWN = frozenset({"host", "content-length", "accept", "accept-encoding", "user-agent", "connection"})
"""Headers the library writes itself."""


class Stack:
    """start() opens everything, event() runs one event and gives its time."""

    def __init__(self) -> None:
        self._desk = FloorDesk()
        self._orders = Orders()
        self._servers: list[asyncio.Server] = []
        self._clients: list[PooledHttp] = []

    async def start(self, frame: bytes, posts: list[bytes]) -> None:
        """One stream, and one session per order, warm after the first event; frame is the text every event sends."""
        server, port = await serve(self._desk, self._orders)
        self._servers.append(server)
        self._wire = await WebsocketsDialer("stack").connect(f"ws://127.0.0.1:{port}/", {})
        await self._wire.send("ready")
        await self._wire.recv()
        self._frame = frame
        self._sends = [await self._sender(post) for post in posts]
        self._reader = asyncio.create_task(self._read())

    async def _sender(self, post: bytes) -> tuple[PooledHttp, str, dict[str, str], bytes]:
        server, port = await serve(self._desk, self._orders)
        self._servers.append(server)
        self._clients.append(PooledHttp("stack"))
        head, _, body = post.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        headers = {name: value for name, value in pairs if name.lower() not in _OWN}
        return self._clients[-1], f"http://127.0.0.1:{port}{first.split(' ')[1]}", headers, body

    async def _read(self) -> None:
        while True:
            await self._wire.recv()
            await asyncio.gather(
                *(client.request("POST", url, headers, body, timeout_s=5.0) for client, url, headers, body in self._sends)
            )

    @property
    def _stream(self) -> Stream:
        assert self._desk.stream is not None
        return self._desk.stream

    async def event(self) -> Stamp:
        """From before the frame is written until the last order is in."""
        done = self._orders.expect(len(self._sends))
        began = stamp()
        self._stream.send(self._frame)
        return (await done).since(began)

    async def close(self) -> None:
        self._reader.cancel()
        await self._wire.close()
        for client in self._clients:
            await client.close()
        for server in self._servers:
            server.close()
