"""One WebSocket: the seam, its production form on websockets, and the recorder that taps raw frames.

Frames arrive as bytes, undecoded. No compression (inflating costs more than decoding) and no proxy variables.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from trading.clock import MS, Clock
from trading.errors import AuthFailed, Disconnected

__all__ = ["TURN_NS", "Dialer", "Recorder", "RecordingDialer", "WebsocketsDialer", "Wire"]

TURN_NS = MS // 2
"""A reader that found frames waiting for this long lets the rest of the process have its turn: a dozen sockets with a backlog then
hold the loop for some milliseconds a round, not for forty."""
_OPEN_TIMEOUT_S = 10.0
_MAX_FRAME = 32 * 1024 * 1024


class Wire(Protocol):
    """One open WebSocket. recv and send raise Disconnected when it ended."""

    async def send(self, data: str | bytes) -> None: ...
    async def recv(self) -> bytes: ...
    async def close(self, code: int = 1000) -> None: ...


class Dialer(Protocol):
    """Opens WebSockets. Raises AuthFailed on 401 and 403, Disconnected on every other failure."""

    async def connect(self, url: str, headers: Mapping[str, str]) -> Wire: ...


class _WebsocketsWire:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, data: str | bytes) -> None:
        try:
            await self._connection.send(data)
        except websockets.ConnectionClosed as exc:
            raise Disconnected(f"socket closed while sending: {exc}") from exc

    async def recv(self) -> bytes:
        try:
            data = await self._connection.recv(decode=False)
        except websockets.ConnectionClosed as exc:
            raise Disconnected(f"socket closed: {exc}") from exc
        return data if isinstance(data, bytes) else bytes(data, "utf-8")

    async def close(self, code: int = 1000) -> None:
        await self._connection.close(code)


class WebsocketsDialer:
    """The websockets form. venue names the peer in errors."""

    def __init__(self, venue: str) -> None:
        self._venue = venue

    async def connect(self, url: str, headers: Mapping[str, str]) -> Wire:
        try:
            connection = await connect(
                url,
                additional_headers=dict(headers),
                compression=None,
                proxy=None,
                open_timeout=_OPEN_TIMEOUT_S,
                ping_interval=20,
                ping_timeout=20,
                close_timeout=2,
                max_size=_MAX_FRAME,
                max_queue=1024,
            )
        except InvalidStatus as exc:
            if exc.response.status_code in (401, 403):
                raise AuthFailed(self._venue, "unauthorized", f"{url} answered {exc.response.status_code}") from exc
            raise Disconnected(f"{url} answered {exc.response.status_code}") from exc
        except (TimeoutError, WebSocketException, OSError) as exc:
            raise Disconnected(f"{url}: {type(exc).__name__}: {exc}") from exc
        return _WebsocketsWire(connection)


class Recorder:
    """Appends raw frames with both clocks to DIR/<stream>.jsonl, one object a line (design.md 6, Recording)."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._clock = clock
        self._files: dict[str, IO[str]] = {}

    def write(self, stream: str, way: str, data: str | bytes) -> None:
        file = self._files.get(stream)
        if file is None:
            file = self._files[stream] = (self._directory / f"{stream}.jsonl").open("a", encoding="utf-8")
        row: dict[str, object] = {
            "schema": 1,
            "way": way,
            "wall_ns": self._clock.wall_ns(),
            "mono_ns": self._clock.mono_ns(),
        }
        try:
            row["text"] = data if isinstance(data, str) else data.decode()
        except UnicodeDecodeError:
            row["base64"] = base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()
        file.write(json.dumps(row) + "\n")

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()


class RecordingDialer:
    """A dialer whose wires are tapped. Outgoing frames are recorded only when they carry no secret (way "out")."""

    def __init__(self, inner: Dialer, recorder: Recorder, stream: str) -> None:
        self._inner = inner
        self._recorder = recorder
        self._stream = stream
        self._count = 0

    async def connect(self, url: str, headers: Mapping[str, str]) -> Wire:
        wire = await self._inner.connect(url, headers)
        self._count += 1
        return _Tapped(wire, self._recorder, f"{self._stream}-{self._count}")


class _Tapped:
    def __init__(self, inner: Wire, recorder: Recorder, stream: str) -> None:
        self._inner = inner
        self._recorder = recorder
        self._stream = stream

    async def send(self, data: str | bytes) -> None:
        if b'"auth"' not in (data.encode() if isinstance(data, str) else data):  # the user channel's first frame
            self._recorder.write(self._stream, "out", data)
        await self._inner.send(data)

    async def recv(self) -> bytes:
        data = await self._inner.recv()
        self._recorder.write(self._stream, "in", data)
        return data

    async def close(self, code: int = 1000) -> None:
        await self._inner.close(code)
