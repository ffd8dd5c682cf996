"""The two ends of the link's WebSocket in production form: traders dial, the controller listens (B-220).

Settings of distributed.md 4.3. A bind to every interface is refused unless it was asked for by name; the path and the
subprotocol only tell a stray client that it is wrong here, the handshake decides.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from trading.errors import Disconnected, SettingsError
from trading.link.frames import MAX_FRAME
from trading.stream import Wire

__all__ = ["Accept", "LinkDialer", "LinkListener", "LinkWire", "Listener", "Serving", "dial_url", "is_loopback"]

_PROTOCOL = Subprotocol("arb.v1")
_OPEN_S = 5.0
_USER_TIMEOUT_MS = 10_000


class LinkWire(Wire, Protocol):
    """A Wire that knows the IP:port at its other end."""

    peer: str


Accept = Callable[[LinkWire], Awaitable[None]]
"""Called with each new connection, which ends when it returns."""


class Serving(Protocol):
    """A running listener. port is the one it got."""

    port: int

    async def close(self) -> None: ...


class Listener(Protocol):
    """Opens the controller's door. Raises SettingsError when the address cannot be bound."""

    async def listen(self, host: str, port: int, accept: Accept) -> Serving: ...


class _Link:
    """A websockets connection of either side as a Wire."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        address = connection.remote_address
        self.peer = f"{address[0]}:{address[1]}" if address else ""

    async def send(self, data: str | bytes) -> None:
        try:
            await self._connection.send(data)
        except websockets.ConnectionClosed as exc:
            raise Disconnected(f"link closed while sending: {exc}") from exc

    async def recv(self) -> bytes:
        try:
            data = await self._connection.recv(decode=False)
        except websockets.ConnectionClosed as exc:
            raise Disconnected(f"link closed: {exc}") from exc
        return bytes(data)

    async def close(self, code: int = 1000) -> None:
        await self._connection.close(code)


def _harden(connection: Any) -> None:
    """Let the kernel notice a peer that acknowledges nothing, where it can (Linux)."""
    raw = connection.transport.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_USER_TIMEOUT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)


class LinkDialer:
    """The trader's end. Raises Disconnected when nobody answers as a controller."""

    async def connect(self, url: str) -> LinkWire:
        try:
            connection = await connect(
                url,
                subprotocols=[_PROTOCOL],
                compression=None,
                proxy=None,
                open_timeout=_OPEN_S,
                close_timeout=2,
                ping_interval=None,
                max_size=MAX_FRAME,
                max_queue=64,
            )
        except (TimeoutError, WebSocketException, OSError, ValueError) as exc:
            raise Disconnected(f"{url}: {type(exc).__name__}: {exc}") from exc
        _harden(connection)
        return _Link(connection)


class _Serving:
    def __init__(self, server: Server) -> None:
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1] if server.sockets else 0

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()


class LinkListener:
    """The controller's end. insecure_bind allows an address that every interface serves."""

    def __init__(self, *, insecure_bind: bool = False) -> None:
        self._insecure_bind = insecure_bind

    async def listen(self, host: str, port: int, accept: Accept) -> Serving:
        if host in ("", "0.0.0.0", "::") and not self._insecure_bind:
            raise SettingsError(
                f"LINK_HOST={host or '(empty)'} would open the link on every interface; use this machine's tailnet address"
                " (tailscale ip -4) or 127.0.0.1, or say LINK_INSECURE_BIND=1"
            )

        async def one(connection: ServerConnection) -> None:
            _harden(connection)
            await accept(_Link(connection))

        try:
            server = await serve(
                one,
                host,
                port,
                subprotocols=[_PROTOCOL],
                compression=None,
                open_timeout=_OPEN_S,
                close_timeout=2,
                ping_interval=None,
                max_size=MAX_FRAME,
                max_queue=64,
            )
        except OSError as exc:
            raise SettingsError(
                f"the link cannot listen on {host}:{port}: {exc.strerror or exc}; free the port or set LINK_HOST and LINK_PORT"
            ) from exc
        return _Serving(server)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def dial_url(address: str) -> str:
    """ws:// URL of "host:port", "[v6]:port" or a bare host (port 9001, B-231). Raises SettingsError on anything else."""
    try:
        parts = urlsplit(f"ws://{address}")
        port = parts.port or 9001
    except ValueError:
        parts, port = urlsplit(""), 0
    if not parts.hostname or not port or parts.netloc != address or parts.username is not None:
        raise SettingsError(f"controller address {address!r}: write host:port, [ipv6]:port or a name")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"ws://{host}:{port}/link"
