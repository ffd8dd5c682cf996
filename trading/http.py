"""One HTTP exchange: the seam, and its production form on aiohttp.

Connections are kept warm far beyond the client's default of 15 s, because arbs are rarer than that and a cold socket costs two
round trips (performance.md 0). Proxy variables are ignored: orders go where the settings say.
"""

import socket
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol

import aiohttp
import msgspec

from trading.errors import UnknownOutcome, Unreachable

__all__ = ["AiohttpHttp", "Http", "HttpStatistics", "Response"]

_KEEP_ALIVE_S = 600.0
_MAX_BODY = 64 * 1024 * 1024
_SMALL = 1024 * 1024
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_method: ContextVar[str] = ContextVar("method", default="GET")
"""Of the request that this task is sending: a socket is made inside it."""


class Response(msgspec.Struct, frozen=True):
    """Status, lower-case headers and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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


class AiohttpHttp:
    """The aiohttp form. name is the venue, for error messages. Must be made inside a running loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._requests = self._opened = self._cold_writes = 0
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=64, keepalive_timeout=_KEEP_ALIVE_S, ttl_dns_cache=300, socket_factory=self._open
            ),
            trust_env=False,
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _open(self, info: tuple[Any, ...]) -> socket.socket:
        """Make the socket of a new connection, and count for whom: aiohttp's own tracing costs 70 us an exchange."""
        self._opened += 1
        if _method.get() in _WRITES:
            self._cold_writes += 1
        return socket.socket(*info[:3])

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        self._requests += 1
        _method.set(method)
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                data = await self._body(answer)
                return Response(answer.status, {k.lower(): v for k, v in answer.headers.items()}, data)
        except aiohttp.ClientConnectorError as exc:
            raise Unreachable(self._name, "unreachable", f"{method} {url}: {exc}") from exc
        except TimeoutError as exc:
            raise UnknownOutcome(self._name, "timeout", f"{method} {url}: no answer in {timeout_s:g} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise UnknownOutcome(self._name, "no_answer", f"{method} {url}: {type(exc).__name__}: {exc}") from exc

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        """The whole body, at most _MAX_BODY: a runaway answer must not take the memory."""
        if answer.content_length is not None and answer.content_length <= _SMALL:
            return await answer.read()
        data = bytearray()
        async for chunk in answer.content.iter_any():
            data += chunk
            if len(data) > _MAX_BODY:
                answer.close()
                raise UnknownOutcome(self._name, "too_large", f"{answer.url} answered more than {_MAX_BODY} bytes")
        return bytes(data)

    def statistics(self) -> HttpStatistics:
        return HttpStatistics(requests=self._requests, opened=self._opened, cold_writes=self._cold_writes)

    async def close(self) -> None:
        await self._session.close()
