"""A server on loopback that says exactly what a test tells it, in the test's own loop."""

import asyncio
import ssl
from collections import deque

import msgspec

__all__ = ["BYE", "CUT", "OK", "SILENT", "Act", "Peer", "few_turns"]


class Act(msgspec.Struct, frozen=True):
    """The answer to one request: what is written, and whether the socket is closed (or reset) after it."""

    data: bytes = b""
    close: bool = False
    reset: bool = False


OK = Act(b"HTTP/1.1 200 OK\r\nX-Name: Value\r\nContent-Length: 2\r\n\r\nhi")
BYE = Act(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", close=True)
CUT = Act(close=True)
SILENT = Act()


async def few_turns() -> None:
    """Let the loop read what the kernel already has: loopback delivers within the call that writes."""
    for _ in range(5):
        await asyncio.sleep(0)


class Peer:
    """Answers each request with the next of acts. A request is whole when its announced body is."""

    def __init__(self) -> None:
        self.acts: deque[Act] = deque()
        self.requests: list[bytes] = []
        self.greeting = b""
        """Said on every new connection before anything was asked."""
        self.lines: list[Line] = []
        """Every connection that was made, in order."""
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: Line(self), "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the door and every line."""
        if self._server is not None:
            self._server.close()
            for line in self.lines:
                line.transport.abort()
                await line.gone
            await self._server.wait_closed()
            self._server = None

    async def until(self, requests: int) -> None:
        """Wait until so many requests are in."""
        while len(self.requests) < requests:
            await asyncio.sleep(0)


class Line(asyncio.Protocol):
    """One connection, at the server's end."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._data = b""
        self.served = 0
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when either end closed it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._peer.lines.append(self)
        self.transport.write(self._peer.greeting)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            _, mark, length = self._data[:end].partition(b"Content-Length: ")
            whole = end + 4 + (int(length.split(b"\r\n")[0]) if mark else 0)
            if len(self._data) < whole:
                return
            self._peer.requests.append(self._data[:whole])
            self._data = self._data[whole:]
            self.served += 1
            self._act(self._peer.acts.popleft())

    def _act(self, act: Act) -> None:
        if act.data:
            self.transport.write(act.data)
        if act.reset:
            self.transport.abort()
        elif act.close:
            self.transport.close()
