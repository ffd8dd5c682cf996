"""A venue's door on loopback, as thin as asyncio allows: HTTP with keep-alive and WebSocket on one raw protocol.

The floor and the product are served by this same code in the same loop, so what it costs stands on both sides of the ratio. An
order is stamped when its last byte is in, before anybody looks at it, and answered a moment later, as a venue does: no answer
competes with the second order for the processor.
"""

import asyncio
import base64
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

__all__ = ["Connection", "Desk", "Orders", "Stamp", "Stream", "serve", "stamp", "text_frame"]

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
_ANSWER_AFTER_S = 0.001
_REASONS = {101: b"Switching Protocols", 200: b"OK", 201: b"Created", 404: b"Not Found"}


class Stamp(NamedTuple):
    """A moment, or the time between two: ns by the wall, and ns of CPU of this thread, which neighbours do not change."""

    wall: int
    cpu: int

    def since(self, began: "Stamp") -> "Stamp":
        return Stamp(self.wall - began.wall, self.cpu - began.cpu)


def stamp() -> Stamp:
    return Stamp(time.perf_counter_ns(), time.thread_time_ns())


class Orders:
    """Where the orders of one event are counted. done is set with the stamp of the last one."""

    def __init__(self) -> None:
        self._expected = 0
        self._answers: list[Callable[[], None]] = []
        self.samples: dict[str, bytes] = {}
        """Path to the newest order as it came over the wire, head and body."""
        self.done: asyncio.Future[Stamp] = asyncio.get_running_loop().create_future()

    def expect(self, count: int) -> asyncio.Future[Stamp]:
        """Begin an event; the future gives when the last of count orders was in."""
        self._expected = count
        self.done = asyncio.get_running_loop().create_future()
        return self.done

    def received(self, path: str, request: bytes, answer: Callable[[], None]) -> None:
        """An order is in; answer() is called after the last one."""
        now = stamp()
        self.samples[path] = request
        self._answers.append(answer)
        self._expected -= 1
        if self._expected == 0:
            self.done.set_result(now)
            asyncio.get_running_loop().call_later(_ANSWER_AFTER_S, self._answer_all)

    def _answer_all(self) -> None:
        answers, self._answers = self._answers, []
        for answer in answers:
            answer()


class Stream(Protocol):
    """A venue's end of a WebSocket."""

    path: str

    def send(self, text: bytes) -> None: ...
    def send_raw(self, frames: bytes) -> None:
        """Write whole frames, many at once."""


class Desk(Protocol):
    """What stands behind a door. Bodies and texts are the venue's own."""

    def is_order(self, method: str, path: str) -> bool: ...
    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]: ...
    def on_text(self, connection: Stream, text: bytes) -> Sequence[bytes]:
        """A frame came in; the texts to send back."""


def text_frame(text: bytes) -> bytes:
    """A whole unmasked text message, as servers send it (RFC 6455 5.2)."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    return (bytes((0x81, 126)) + size.to_bytes(2) if size < 65_536 else bytes((0x81, 127)) + size.to_bytes(8)) + text


class Connection(asyncio.Protocol):
    """One connection to a door."""

    def __init__(self, desk: Desk, orders: Orders) -> None:
        self._desk = desk
        self._orders = orders
        self._data = b""
        self._streaming = False
        self.path = ""
        """Of a WebSocket: what was opened."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, text: bytes) -> None:
        self.transport.write(text_frame(text))

    def send_raw(self, frames: bytes) -> None:
        self.transport.write(frames)

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        while self._data and (self._read_frame() if self._streaming else self._read_request()):
            pass

    def _read_request(self) -> bool:
        """Take one request off the buffer; False when it is not whole yet."""
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._data[:end].lower()
        at = head.find(b"content-length:")
        size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        whole = end + 4 + size
        if len(self._data) < whole:
            return False
        request, self._data = self._data[:whole], self._data[whole:]
        method, target, _ = request.split(b" ", 2)
        self._serve(method.decode(), target.decode(), request, head, request[end + 4 :])
        return True

    def _serve(self, method: str, target: str, request: bytes, head: bytes, body: bytes) -> None:
        path = target.partition("?")[0]
        if b"upgrade: websocket" in head:
            self._upgrade(path, request)
        elif self._desk.is_order(method, path):
            self._orders.received(path, request, lambda: self._reply(*self._desk.answer(method, target, body)))
        else:
            self._reply(*self._desk.answer(method, target, body))

    def _reply(self, status: int, body: bytes) -> None:
        head = b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, _REASONS[status], len(body)) + body)

    def _upgrade(self, path: str, request: bytes) -> None:
        line = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(line.split(b":", 1)[1].strip() + _MAGIC, usedforsecurity=False).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
            % accept
        )
        self._streaming = True
        self.path = path

    def _read_frame(self) -> bool:
        """Take one masked client frame off the buffer; control frames are answered as far as they must be."""
        data = self._data
        if len(data) < 2:
            return False
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at])
        end = at + 4 + size
        if len(data) < end:
            return False
        mask, payload = data[at : at + 4], data[at + 4 : end]
        self._data = data[end:]
        text = (int.from_bytes(payload) ^ int.from_bytes((mask * (size // 4 + 1))[:size])).to_bytes(size)
        kind = data[0] & 0x0F
        if kind == 1:
            for answer in self._desk.on_text(self, text):
                self.send(answer)
        elif kind == 8:
            self.transport.write(bytes((0x88, len(payload))) + text)
            self.transport.close()
        elif kind == 9:
            self.transport.write(bytes((0x8A, len(payload))) + text)
        return True


async def serve(desk: Desk, orders: Orders) -> tuple[asyncio.Server, int]:
    """Open a door on a free loopback port."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(desk, orders), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]
