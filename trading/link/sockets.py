"""The two ends of the link's WebSocket on real sockets: traders dial, the controller listens (B-220).

websockets speaks the protocol, without its own tasks and queues: its Sans-I/O objects sit in an asyncio protocol. No compression,
no proxy but one that was set, messages of at most 64 KiB, no pings but the link's own heartbeat. A bind to every interface is
refused unless it was asked for by name; path and subprotocol only tell a stray client that it is wrong here, the handshake
decides.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from trading.errors import Disconnected, SettingsError
from trading.link.frames import MAX_FRAME
from trading.link.socks import connect_through
from trading.link.wire import Accept, LinkWire, Serving

__all__ = ["LinkDialer", "LinkListener", "dial_url", "is_loopback", "proxy_address"]

_PROTOCOL = Subprotocol("arb.v1")
_PATH = "/link"
_OPEN_S = 5.0
_CLOSE_S = 2.0
_BEHIND = 1_048_576
"""Unsent bytes after which a peer is given up."""
_WAITING = 64
"""Frames kept for a wire that nobody opened yet."""
_USER_TIMEOUT_MS = 10_000


class _Socket(asyncio.Protocol):
    """Either end of one connection."""

    def __init__(self, protocol: ClientProtocol | ServerProtocol, ready: "Callable[[_Socket], None] | None" = None) -> None:
        self.peer = ""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self._protocol = protocol
        self._ready = ready
        self._transport: asyncio.Transport | None = None
        self._frame: Callable[[bytes], None] | None = None
        self._lost: Callable[[str], None] | None = None
        self._early: list[bytes] = []
        self._reason = ""

    # -- asyncio.Protocol ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        address = transport.get_extra_info("peername")
        self.peer = f"{address[0]}:{address[1]}" if address else ""
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_USER_TIMEOUT"):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
        if isinstance(self._protocol, ClientProtocol):
            self._protocol.send_request(self._protocol.connect())
            self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._heard(event)
            else:
                self._shaken(event)
        self._flush()
        if self._protocol.state is State.CLOSED:
            self._end("closed by the peer")

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"{type(exc).__name__}: {exc}" if exc is not None else "closed")
        self.gone.set()

    def _shaken(self, event: Request | Response) -> None:
        """The upgrade: answered by the server, judged by the client."""
        if isinstance(self._protocol, ServerProtocol) and isinstance(event, Request):
            if event.path == _PATH:
                self._protocol.send_response(self._protocol.accept(event))
            else:
                self._protocol.send_response(self._protocol.reject(404, "no link here\n"))
        error = self._protocol.handshake_exc
        if self._protocol.state is State.OPEN and not self.opened.done():
            self.opened.set_result(None)
            if self._ready is not None:
                self._ready(self)
        elif error is not None and not self.opened.done():
            status = f"answered {error.response.status_code}" if isinstance(error, InvalidStatus) else str(error)
            self.opened.set_exception(Disconnected(status))
            self.opened.exception()  # a refused stranger is nobody's news

    def _heard(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY and frame.fin:
            data = frame.data if isinstance(frame.data, bytes) else bytes(frame.data)
            if self._frame is not None:
                self._frame(data)
            elif len(self._early) < _WAITING:
                self._early.append(data)
            else:
                self._protocol.fail(1008)
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._protocol.fail(1003, "whole binary messages only")

    def _flush(self) -> None:
        transport = self._transport
        for data in self._protocol.data_to_send():
            if transport is None or transport.is_closing():
                return
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
        if self._protocol.state is not State.OPEN and transport is not None and self._protocol.close_expected():
            asyncio.get_running_loop().call_later(_CLOSE_S, transport.close)

    def _end(self, reason: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(Disconnected(reason))
            self.opened.exception()
        if not self._reason:
            self._reason = reason
            if self._lost is not None:
                self._lost(reason)
        if self._transport is not None:
            self._transport.close()

    # -- LinkWire -----------------------------------------------------------------------------------------------------

    def open(self, frame: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        self._frame, self._lost = frame, lost
        early, self._early = self._early, []
        for data in early:
            frame(data)
        if self._reason:
            lost(self._reason)

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or self._reason or self._protocol.state is not State.OPEN:
            raise Disconnected(f"link closed: {self._reason or 'going away'}")
        if transport.get_write_buffer_size() > _BEHIND:
            transport.abort()
            raise Disconnected("the peer leaves too much unread")
        self._protocol.send_binary(data)
        self._flush()

    def close(self, code: int = 1000) -> None:
        if self._transport is None or self._reason:
            return
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code)
            self._flush()
        asyncio.get_running_loop().call_later(_CLOSE_S, self._transport.abort)


class LinkDialer:
    """The trader's end. socks5 is the proxy it goes through, None = directly."""

    def __init__(self, *, socks5: tuple[str, int] | None = None) -> None:
        self._socks5 = socks5

    async def connect(self, url: str) -> LinkWire:
        """Dial a ws:// URL. Raises Disconnected when nobody answers as a controller in five seconds."""
        where = parse_uri(url)
        loop = asyncio.get_running_loop()
        protocol = ClientProtocol(where, subprotocols=[_PROTOCOL], max_size=MAX_FRAME)
        made: _Socket | None = None
        try:
            async with asyncio.timeout(_OPEN_S):
                if self._socks5 is None:
                    _, made = await loop.create_connection(lambda: _Socket(protocol), where.host, where.port)
                else:
                    tunnel = await connect_through(self._socks5, where.host, where.port)
                    _, made = await loop.create_connection(lambda: _Socket(protocol), sock=tunnel)
                    made.peer = f"{where.host}:{where.port}"  # whose machine is asked for is not the proxy's
                await made.opened
        except (TimeoutError, OSError, Disconnected) as exc:
            if made is not None:
                made.connection_lost(None)
            raise Disconnected(f"{url}: {type(exc).__name__}: {exc}") from exc
        return made


class _Serving:
    def __init__(self, server: asyncio.Server, tasks: "set[asyncio.Task[None]]") -> None:
        self._server = server
        self._tasks = tasks
        self.port: int = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class LinkListener:
    """The controller's end. insecure_bind allows an address that every interface serves."""

    def __init__(self, *, insecure_bind: bool = False) -> None:
        self._insecure_bind = insecure_bind

    async def listen(self, host: str, port: int, accept: Accept) -> Serving:
        """Serve until the returned Serving is closed. Raises SettingsError when the address cannot be used."""
        if host in ("", "0.0.0.0", "::") and not self._insecure_bind:
            raise SettingsError(
                f"LINK_HOST={host or '(empty)'} would open the link on every interface; use this machine's tailnet address"
                " (tailscale ip -4) or 127.0.0.1, or say LINK_INSECURE_BIND=1"
            )
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()

        async def serve(wire: _Socket) -> None:
            try:
                await accept(wire)
            finally:
                wire.close()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wire.gone.wait(), _CLOSE_S + 1)

        def ready(wire: _Socket) -> None:
            task = loop.create_task(serve(wire))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        def fresh() -> _Socket:
            wire = _Socket(ServerProtocol(subprotocols=[_PROTOCOL], max_size=MAX_FRAME), ready)
            loop.call_later(_OPEN_S, _give_up, wire)
            return wire

        try:
            server = await loop.create_server(fresh, host, port)
        except OSError as exc:
            raise SettingsError(
                f"the link cannot listen on {host}:{port}: {exc.strerror or exc}; free the port or set LINK_HOST and LINK_PORT"
            ) from exc
        return _Serving(server, tasks)


def _give_up(wire: _Socket) -> None:
    """A connection that did not upgrade in time holds no socket."""
    if not wire.opened.done():
        wire.connection_lost(None)


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
    if not parts.hostname or not port or parts.netloc != address or parts.username is not None or " " in address:
        raise SettingsError(f"controller address {address!r}: write host:port, [ipv6]:port or a name")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"ws://{host}:{port}{_PATH}"


def proxy_address(text: str, controllers: Sequence[str]) -> tuple[str, int] | None:
    """(host, port) of LINK_SOCKS5, None for "". Raises SettingsError for a value that is none, and for a controller (a dial_url)
    that is a name: what the proxy makes of it is not known here, and so not whose machine it is."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536 or any(char in "/@ " for char in host):
        raise SettingsError(f"LINK_SOCKS5={text}: write host:port, as localhost:1055")
    for url in controllers:
        name = urlsplit(url).hostname or ""
        try:
            ipaddress.ip_address(name)
        except ValueError:
            raise SettingsError(
                f"CONTROLLER_ADDRESS names {name}: through LINK_SOCKS5 write the controller's tailnet IP address"
            ) from None
    return host.strip("[]"), int(port)
