"""Signed requests to Kalshi's REST interface, with its errors as ours, inside the account's budget.

Reads wait for their tokens, and on a 429 all the same as patience.py says (B-210). Writes never wait here: a 429 is a definite no
(design.md 6). A read that got no answer is Unreachable, because repeating it harms nothing; a write that got none is
UnknownOutcome.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from trading.clock import Clock
from trading.errors import AuthFailed, BadAnswer, Throttled, UnknownOutcome, Unreachable, VenueError
from trading.http import Http, Response
from trading.kalshi.budget import Budget
from trading.kalshi.explain import error_from, sentence, write_error
from trading.kalshi.sign import KalshiSigner
from trading.kalshi.statuses import meaning
from trading.kalshi.wire_account import error_of
from trading.market import KALSHI
from trading.patience import Passing, patiently

__all__ = ["BALANCE_PATH", "KalshiRest", "Query", "error_for", "retry_after", "segment"]

T = TypeVar("T")
Query = Sequence[tuple[str, str]]

BALANCE_PATH = "/portfolio/balance"
"""The one read with a bucket of its own (kalshi.md 7.5)."""
_READ_TIMEOUT_S = 10.0
_WRITE_TIMEOUT_S = 5.0


def segment(text: str) -> str:
    """A ticker or id as one path segment; what is signed is what goes on the wire."""
    return quote(text, safe="")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, None when absent or a date (Kalshi sends none; a proxy may)."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 3_600 else None


def error_for(response: Response, what: str = "") -> VenueError | None:
    """The error an answer stands for, None when it is a success; what names the request in its sentence.

    A 2xx with an error key is an error (B-420).
    """
    status = response.status
    head = response.body[:64].lstrip()
    if 200 <= status < 300 and not head.startswith(b'{"error"'):
        return None
    code, words = error_of(response.body) or ("", response.body[:200].decode(errors="replace"))
    said = meaning(status, code)
    detail = sentence(what, said, words)
    named = f"http_{status}" if said.kind == "doubt" or not code else code
    return error_from(said, named, detail, retry_after=retry_after(response.headers))


class KalshiRest:
    """One account's REST side. signer None: public reads only. sleep is given so that tests and virtual time need not wait."""

    def __init__(
        self,
        http: Http,
        base_url: str,
        signer: KalshiSigner | None,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        budget: Budget | None = None,
    ) -> None:
        self.budget = budget or Budget(clock)
        self._http = http
        self._base = base_url.rstrip("/")
        self._prefix = urlsplit(self._base).path
        self._signer = signer
        self._clock = clock
        self._sleep = sleep
        self._passing = Passing()

    def headers(self, method: str, path: str) -> dict[str, str]:
        """Access headers of a request to base + path. Raises AuthFailed when there is no key."""
        if self._signer is None:
            raise AuthFailed(KALSHI, "no_key", f"{method} {path} needs an API key; set the Kalshi key id and private key")
        return self._signer.headers(method, self._prefix + path, self._clock.wall_ns())

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float, query: Query = ()
    ) -> Response:
        """One exchange, exactly once. Raises Unreachable (not sent) and UnknownOutcome (not answered)."""
        url = f"{self._base}{path}" + (f"?{urlencode(query)}" if query else "")
        return await self._http.request(method, url, headers, body, timeout_s=timeout_s)

    async def try_read(
        self, path: str, query: Query = (), *, private: bool = False, timeout_s: float = _READ_TIMEOUT_S
    ) -> Response:
        """One GET without retries; the answer may be an error. Raises Unreachable when there was none.

        Public reads are signed too when there is a key: the unsigned limits are not documented.
        """
        headers = self.headers("GET", path) if private or self._signer is not None else {}
        try:
            return await self.send("GET", path, headers, None, timeout_s=timeout_s, query=query)
        except UnknownOutcome as exc:
            raise Unreachable(KALSHI, exc.code, exc.detail) from exc

    async def read(
        self,
        path: str,
        query: Query = (),
        *,
        private: bool = False,
        retry: bool = True,
        listing: bool = False,
        timeout_s: float = _READ_TIMEOUT_S,
    ) -> bytes:
        """GET a body. Raises Rejected and its kinds, Unreachable and BadAnswer; Throttled after the waits.

        retry False is for look-ups: nothing waits, and the tokens kept back for them may be spent. listing is for public lists:
        a page that failed in passing is read again (B-214).
        """
        if not retry:
            return await self._read_once(path, query, private, timeout_s, urgent=True)
        return await patiently(
            lambda: self._read_once(path, query, private, timeout_s), self._sleep, self._passing if listing else None
        )

    async def fetch(
        self,
        path: str,
        kind: type[T],
        query: Query = (),
        *,
        private: bool = False,
        retry: bool = True,
        listing: bool = False,
        timeout_s: float = _READ_TIMEOUT_S,
    ) -> T:
        """read() a body as kind, with the errors of both."""
        body = await self.read(path, query, private=private, retry=retry, listing=listing, timeout_s=timeout_s)
        return self.decode(body, kind, path)

    async def _read_once(self, path: str, query: Query, private: bool, timeout_s: float, *, urgent: bool = False) -> bytes:
        await self._wait_for_read(path, urgent)
        response = await self.try_read(path, query, private=private, timeout_s=timeout_s)
        if response.status == 429:
            self.budget.apply_throttled("balance" if path == BALANCE_PATH else "read")
        error = error_for(response, f"GET {path}")
        if error is not None:
            raise error
        return response.body

    async def _wait_for_read(self, path: str, urgent: bool) -> None:
        budget = self.budget
        while True:
            if path == BALANCE_PATH:
                wait = budget.take_balance()
            else:
                wait = budget.take_read(budget.cost("GET", path), urgent=urgent)
            if wait == 0:
                return
            if urgent:
                raise Throttled(KALSHI, "throttled", f"GET {path}: our own read budget is used up", retry_after=wait)
            await self._sleep(wait)

    async def write(
        self,
        method: str,
        path: str,
        payload: object = None,
        query: Query = (),
        *,
        shard: int = 0,
        items: int = 1,
        reducing: bool = False,
    ) -> Response:
        """One write, exactly once; items is the size of a batch, shard whose bucket pays, reducing whether it may spend the last.

        Raises Rejected and its kinds (definite), Unreachable (not sent), UnknownOutcome (sent, in doubt).
        """
        what = f"{method} {path}"
        cost = self.budget.cost(method, path) * items
        wait = self.budget.take_write(cost, shard, reducing=reducing)
        if wait and not reducing:
            detail = f"{what}: needs {cost} write tokens of shard {shard}; our own budget has them in {wait:.2f} s"
            raise Throttled(KALSHI, "throttled", detail, retry_after=wait)
        if wait:
            self.budget.spend_write(cost, shard)
        headers = self.headers(method, path)
        body = None
        if payload is not None:
            body = msgspec.json.encode(payload)
            headers["Content-Type"] = "application/json"
        response = await self.send(method, path, headers, body, timeout_s=_WRITE_TIMEOUT_S, query=query)
        if response.status == 429:
            self.budget.apply_throttled("write", shard)
        error = error_for(response, what)
        if error is not None:
            raise write_error(error, what)
        return response

    def decode_write(self, body: bytes, kind: type[T], what: str) -> T:
        """Read the answer to a write. Raises UnknownOutcome: it was done, but what came of it cannot be read."""
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError as exc:
            raise UnknownOutcome(KALSHI, "bad_answer", f"{what}: {exc}; look it up, do not resend") from exc

    def decode(self, body: bytes, kind: type[T], path: str) -> T:
        """Read a body as kind. Raises BadAnswer naming the path and the first field that does not fit."""
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError as exc:
            raise BadAnswer(KALSHI, "bad_answer", f"GET {path}: {exc}") from exc
