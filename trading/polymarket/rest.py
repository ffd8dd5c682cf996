"""Requests to Polymarket's HTTP services, with its errors as ours.

Patient reads wait on 429 as patience.py says (B-210); look-ups of orders do not, because their caller has a schedule of its own.
An unanswered read is Unreachable: repeating it harms nothing. Signed paths carry no query.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from trading.clock import SECOND, Clock
from trading.errors import AuthFailed, ModeClosed, Rejected, Throttled, UnknownOutcome, Unreachable, VenueError
from trading.http import Http, Response
from trading.market import POLYMARKET
from trading.patience import patiently
from trading.polymarket.budget import Windows, endpoint
from trading.polymarket.mode import MODE_CODES
from trading.polymarket.orders import refusal_code, retry_after
from trading.polymarket.sign import Account, RequestSigner
from trading.polymarket.wire import bad, decode

__all__ = ["LAST_CURSOR", "PolymarketRest", "Query", "Sleep", "error_for", "read_json", "segment"]

Query = Sequence[tuple[str, str]]
Sleep = Callable[[float], Awaitable[None]]

LAST_CURSOR = "LTE="
"""next_cursor of the last page of the CLOB's lists."""
_READ_TIMEOUT_S = 10.0
_SKEW_APPLIED_S = 2.0
"""GET /time has whole seconds: less than this is its rounding, not our clock."""


def segment(text: str) -> str:
    """An id as one path segment."""
    return quote(text, safe="")


def error_for(response: Response) -> VenueError | None:
    """The error an answer to a read or cancel stands for, None when it is a success."""
    status = response.status
    if 200 <= status < 300:
        return None
    try:
        said = decode(response.body)
    except VenueError:
        said = None
    row: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    text = str(row.get("error") or row.get("error_msg") or response.body[:200].decode(errors="replace"))
    code, wait = refusal_code(f"{text} {row.get('code', '')}"), retry_after(response.headers, row)
    if status == 429:
        return Throttled(POLYMARKET, "throttled", text, retry_after=wait)
    if status in (401, 403):
        name = code if code != "refused" else "unauthorized"
        return AuthFailed(POLYMARKET, name, f"{text}; check API key, wallet type, clock and place")
    if status == 425:
        return ModeClosed(POLYMARKET, "engine_restarting", text, retry_after=wait)
    if status == 503 and code in MODE_CODES:
        return ModeClosed(POLYMARKET, code, text, retry_after=wait)
    if status >= 500:
        return Unreachable(POLYMARKET, f"http_{status}", text)
    if 300 <= status < 400:
        return bad(f"http_{status}", "redirects are not followed; check the POLYMARKET_*_URL settings")
    return Rejected(POLYMARKET, "not_found" if status == 404 else code, text)


async def read_json(
    http: Http, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float = _READ_TIMEOUT_S
) -> Any:
    """One harmless request and its JSON. Raises the tree under VenueError, never UnknownOutcome."""
    try:
        response = await http.request(method, url, headers, body, timeout_s=timeout_s)
    except UnknownOutcome as exc:
        raise Unreachable(POLYMARKET, exc.code, exc.detail) from exc
    error = error_for(response)
    if error is not None:
        raise error
    return decode(response.body)


class PolymarketRest:
    """The CLOB's HTTP side. signer is None until credentials exist: public reads only."""

    def __init__(
        self,
        http: Http,
        base: str,
        clock: Clock,
        signer: RequestSigner | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
        share: float = 1.0,
    ) -> None:
        self.http = http
        self.base = base.rstrip("/")
        self.signer = signer
        self._clock = clock
        self._sleep = sleep
        self._skew_s = 0.0
        self.windows = Windows(clock, share)

    def set_skew(self, seconds: float) -> None:
        """Server clock minus ours; request stamps are moved by it when it is more than rounding."""
        self._skew_s = seconds if abs(seconds) >= _SKEW_APPLIED_S else 0.0

    def server_seconds(self) -> int:
        """Unix seconds as the server counts them."""
        return round(self._clock.wall_ns() / SECOND + self._skew_s) if self._skew_s else self._clock.wall_ns() // SECOND

    def signed_headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """L2 headers. Raises AuthFailed when there are no credentials."""
        if self.signer is None:
            raise AuthFailed(POLYMARKET, "no_credentials", "no API credentials; set them or let the client derive them")
        return self.signer.headers(method, path, body, timestamp=self.server_seconds())

    async def read(self, path: str, query: Query = (), *, signed: bool = False, patient: bool = True) -> Any:
        """GET and decode."""

        async def once() -> Any:
            self._count("GET", path)
            headers = self.signed_headers("GET", path) if signed else {}
            return await read_json(self.http, "GET", self._url(path, query), headers, None)

        return await patiently(once, self._sleep) if patient else await once()

    async def write(self, method: str, path: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Response:
        """One request that may change something: never repeated. Raises Throttled, Unreachable or UnknownOutcome."""
        self._count(method, path)
        return await self.http.request(method, self.base + path, headers, body or None, timeout_s=timeout_s)

    async def write_json(self, method: str, path: str, body: bytes, *, timeout_s: float) -> Any:
        """A signed write and its JSON. A 5xx is UnknownOutcome: it may have been done."""
        answer = await self.write(method, path, body, self.signed_headers(method, path, body), timeout_s=timeout_s)
        error = error_for(answer)
        if isinstance(error, Unreachable):
            raise UnknownOutcome(POLYMARKET, error.code, error.detail)
        if error is not None:
            raise error
        return decode(answer.body)

    async def login(self, method: str, path: str, account: Account, *, nonce: int) -> Any:
        """A request under L1 headers (polymarket.md 4.1)."""
        self._count(method, path)
        headers = account.login_headers(timestamp=self.server_seconds(), nonce=nonce)
        return await read_json(self.http, method, self.base + path, headers, None)

    def _count(self, method: str, path: str) -> None:
        """Keep the limits per address before the venue has to (B-212)."""
        wait = self.windows.take(*endpoint(method, path))
        if wait:
            raise Throttled(POLYMARKET, "throttled", f"{method} {path}: our own limit", retry_after=wait)

    def _url(self, path: str, query: Query) -> str:
        return f"{self.base}{path}?{urlencode(query)}" if query else f"{self.base}{path}"
