"""One HTTP exchange: the seam, and its production form, which writes HTTP/1.1 itself.

Two orders through a general client took a third of the path from a frame to both venues (docs/performance.md, P2); venues need
few of its features. So: keep-alive, TLS, one write per request and no task; no redirects, cookies, compression or proxies. An
error says whether the request may have arrived, which a general client does not tell.
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from trading.errors import Misuse, UnknownOutcome, Unreachable
from trading.http_pool import Connection, Origin
from trading.http_wire import MalformedAnswer, Response, render_request

__all__ = ["Http", "HttpStatistics", "PooledHttp", "Response", "client_tls"]

_LIMIT = 64
"""Connections to one origin; requests beyond it wait."""
_CONNECT_S = 10.0
"""For name, TCP and TLS together, inside the request's own time."""
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_PORTS = {"http": 80, "https": 443}


class HttpStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Exchanges begun, connections begun for them, and how many writes had to wait for one (performance.md 0)."""

    requests: int
    opened: int
    cold_writes: int
    """POST, PUT, PATCH and DELETE that left on a socket opened for them: a cold socket costs two round trips."""


class Http(Protocol):
    """Sends one request. Raises Unreachable when nothing was sent, UnknownOutcome when sent and not answered."""

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response: ...


def client_tls() -> ssl.SSLContext:
    """Certificates verified against the system's authorities, host names checked, TLS 1.2 at least, HTTP/1.1 and nothing else."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class PooledHttp:
    """The production form. name is the venue, for error messages. Use it inside one running loop, and close it there.

    A write is sent at most once. A GET that met a kept connection as the server closed it is sent once more, on a new one. tls
    is client_tls() unless given.
    """

    def __init__(self, name: str, *, tls: ssl.SSLContext | None = None, limit: int = _LIMIT) -> None:
        self._name = name
        self._tls = tls
        self._limit = limit
        self._origins: dict[str, Origin] = {}
        self._closed = False
        self._requests = self._opened = self._cold_writes = 0

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        """Http.request. Raises Misuse for a URL or header that does not make one request."""
        self._requests += 1
        end = url.find("/", 8)  # beyond the two of http:// and https://
        origin = self._origins.get(url[:end]) if end > 0 else None
        if origin is not None:
            target = url[end:]
        else:
            origin, target = self._route(url)
        data = render_request(method, target, origin.lines, headers, body)
        ends_at = asyncio.get_running_loop().time() + timeout_s
        connection = origin.take(write=method in _WRITES) or await self._connection(origin, method, url, ends_at)
        try:
            return await connection.exchange(method, data, ends_at)
        except TimeoutError as exc:
            raise UnknownOutcome(self._name, "timeout", f"{method} {url}: no answer in {timeout_s:g} s") from exc
        except MalformedAnswer as exc:
            raise UnknownOutcome(self._name, exc.code, f"{method} {url}: {exc}") from exc
        except OSError as exc:
            if method != "GET" or not connection.stale:
                raise UnknownOutcome(self._name, "no_answer", f"{method} {url}: {type(exc).__name__}: {exc}") from exc
        return await self._repeat(origin, method, url, data, ends_at)

    def _route(self, url: str) -> tuple[Origin, str]:
        """The origin of a URL, and its target as it stands there. Called for the first URL of each origin."""
        if self._closed:
            raise Unreachable(self._name, "closed", f"{url}: the client is closed")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError) as exc:
            raise Misuse(f"{url} is no http or https URL") from exc
        if not host or "@" in parts.netloc or parts.fragment:
            raise Misuse(f"the URL of {host!r} names no host, or a user or fragment beside host, path and query")
        key = f"{parts.scheme}://{parts.netloc}"
        origin = self._origins.get(key)
        if origin is None:
            if self._tls is None and parts.scheme == "https":
                self._tls = client_tls()  # 20 ms of reading certificates, once
            tls = self._tls if parts.scheme == "https" else None
            origin = self._origins[key] = Origin(host, port, parts.netloc, tls, limit=self._limit)
        return origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    async def _connection(self, origin: Origin, method: str, url: str, ends_at: float) -> Connection:
        """A connection when none was free at once: one that comes back where the origin is full, else a new one."""
        write = method in _WRITES
        try:
            async with asyncio.timeout_at(ends_at):
                while origin.full:
                    await origin.wait_turn()
                    connection = origin.take(write=write)
                    if connection is not None:
                        return connection
            self._opened += 1
            self._cold_writes += write
            async with asyncio.timeout_at(min(ends_at, asyncio.get_running_loop().time() + _CONNECT_S)):
                return await origin.open()
        except TimeoutError as exc:
            raise Unreachable(self._name, "timeout", f"{method} {url}: no connection in time") from exc
        except (OSError, UnicodeError) as exc:
            raise Unreachable(self._name, "unreachable", f"{method} {url}: {type(exc).__name__}: {exc}") from exc

    async def _repeat(self, origin: Origin, method: str, url: str, data: bytes, ends_at: float) -> Response:
        """Send a read once more, on a new connection. Never Unreachable: its first bytes did go out."""
        try:
            connection = await self._connection(origin, method, url, ends_at)
            return await connection.exchange(method, data, ends_at)
        except (Unreachable, MalformedAnswer, OSError) as exc:
            text = f"{method} {url}: sent again after a close: {type(exc).__name__}: {exc}"
            raise UnknownOutcome(self._name, "no_answer", text) from exc

    def statistics(self) -> HttpStatistics:
        return HttpStatistics(requests=self._requests, opened=self._opened, cold_writes=self._cold_writes)

    async def close(self) -> None:
        """Close every connection. Exchanges under way end in UnknownOutcome, later ones in Unreachable."""
        self._closed = True
        origins = tuple(self._origins.values())
        self._origins.clear()
        for origin in origins:
            await origin.close()
