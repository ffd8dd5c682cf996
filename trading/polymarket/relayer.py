"""Contract calls sent through the venue's relayer, each movement at most once (polymarket.md 13).

    params (nonce) ─► envelope ─► POST /submit ─► poll every 2 s ─► done | failed | pending
                                      └ no answer ─► unknown, remembered by name

A movement has a name, and asking for a name again looks first: a known transaction is polled, a lost answer is judged by the
wallet's nonce. Where the nonce has moved on the caller must look at the effect. Where it has not, the movement is signed again
under the same nonce: of two envelopes with one nonce only one can ever be executed, so nothing happens twice.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from trading.clock import SECOND, Clock
from trading.errors import Misuse, Rejected, Throttled, UnknownOutcome, VenueError
from trading.http import Http
from trading.market import POLYMARKET
from trading.patience import patiently
from trading.polymarket.budget import Windows
from trading.polymarket.calls import Call
from trading.polymarket.rest import Sleep, error_for, read_json, segment
from trading.polymarket.sign import Account, ApiCredentials, RequestSigner
from trading.polymarket.wallets import KINDS, batch_signature, create_envelope, envelope
from trading.polymarket.wire import bad, decode
from trading.secrets import Secret

__all__ = ["Relayed", "Relayer", "RelayerKey"]

_POLL_S = 2.0
_MOST_POLLS = 100
_BUSY_TRIES = 10
_DEADLINE_S = 600
_TIMEOUT_S = 30.0
_BUSY = re.compile(r"wallet busy|in-flight action|nonce\s+(\d+)\s+does not match on-chain nonce\s+(\d+)", re.I)
_OPERATION_FAILED = frozenset({"FAILED", "SUPERSEDED", "REPAIR_REQUIRED"})
_NAME_MOST = 500
"""Longest metadata the relayer keeps."""

RelayedState = Literal["done", "failed", "pending", "unknown", "moved"]


class RelayerKey(msgspec.Struct, frozen=True):
    """A relayer API key and the address it was made for."""

    key: Secret
    address: str


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a movement stands. moved: its answer was lost and the wallet's nonce has passed it; look at the effect."""

    state: RelayedState
    transaction: str = ""
    chain_hash: str = ""
    detail: str = ""


class _Sent(msgspec.Struct):
    """A movement whose end is not known. transaction "" means that the answer to the submit never came."""

    nonce: int
    transaction: str = ""
    body: bytes = b""
    operation: str = ""
    """Of an operation: the very bytes and the key under which they may be repeated."""


class Relayer:
    """The relayer for one wallet of type 1, 2 or 3. key is a relayer key or a builder key."""

    def __init__(
        self,
        http: Http,
        url: str,
        account: Account,
        key: RelayerKey | ApiCredentials,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._http = http
        self._base = url.rstrip("/")
        self._account = account
        self._key = key
        self._signer = RequestSigner(key, account.address) if isinstance(key, ApiCredentials) else None
        self._clock = clock
        self._sleep = sleep
        self._windows = Windows(clock)
        self._open: dict[str, _Sent] = {}
        self._turn = asyncio.Lock()

    @property
    def has_builder_key(self) -> bool:
        """Whether requests are signed with a builder key; granting a session key needs one."""
        return self._signer is not None

    async def run(self, name: str, calls: Sequence[Call]) -> Relayed:
        """Do a movement, or find out what became of it when its name was used before. One at a time per wallet.

        Raises Rejected for a definite no (nothing was moved), Throttled when it may be asked again later, Misuse for a wallet
        that the relayer does not serve.
        """
        if self._account.signature_type not in KINDS:
            raise Misuse("a type 0 wallet pays its own gas; approve, merge and redeem in the wallet itself")
        async with self._turn:
            known = self._open.get(name)
            if known is not None and known.transaction:
                return await self._follow(name, known.transaction)
            nonce, relay = await self._params()
            if known is not None and nonce != known.nonce:
                del self._open[name]
                detail = f"nonce {known.nonce} was used (now {nonce}); compare balances before asking again"
                return Relayed(state="moved", detail=detail)
            return await self._submit(name, calls, nonce, relay)

    async def deployed(self) -> bool:
        """Whether the wallet's contract exists on chain."""
        row = await self._read("/deployed", {"address": self._account.maker, "type": KINDS[self._account.signature_type]})
        exists = row.get("deployed") if isinstance(row, Mapping) else None
        if not isinstance(exists, bool):
            raise bad("bad_deployed", "the relayer does not say whether the wallet exists")
        return exists

    async def deploy(self) -> Relayed:
        """Make a deposit wallet exist, unless it does. A lost answer is found by asking whether it exists now."""
        name = "deploy"
        if self._account.signature_type != 3:
            return Relayed(state="done", detail="only deposit wallets are made here")
        async with self._turn:
            known = self._open.get(name)
            if await self.deployed():
                self._open.pop(name, None)
                return Relayed(state="done", detail="the wallet exists")
            if known is not None and known.transaction:
                return await self._follow(name, known.transaction)
            return await self._post(name, create_envelope(self._account), 0)

    async def operate(self, name: str, path: str, calls: Sequence[Call], fields: Mapping[str, Any], operation: str) -> Relayed:
        """A call with a request of its own (session keys), under an operation key: repeating the same bytes does it once.

        fields join the wallet's signature in the body. Raises as run does.
        """
        async with self._turn:
            known = self._open.get(name)
            if known is not None and known.transaction:
                return await self._follow(name, known.transaction)
            if known is None:
                nonce, _ = await self._params()
                deadline = self._clock.wall_ns() // SECOND + _DEADLINE_S
                signature = batch_signature(self._account, calls, nonce=nonce, deadline=deadline)
                proof = {"deadline": str(deadline), "nonce": str(nonce), "signature": signature}
                body = msgspec.json.encode({**fields, **proof, "walletAddress": self._account.maker})
                known = _Sent(nonce, body=body, operation=operation)
            elif self._clock.wall_ns() // SECOND > int(msgspec.json.decode(known.body)["deadline"]) + _DEADLINE_S:
                del self._open[name]
                return Relayed(state="moved", detail="never answered and past its deadline; list the keys before asking again")
            answer = await self._exchange(name, path, known.body, {"Idempotency-Key": known.operation})
            if isinstance(answer, str):
                self._open[name] = known
                return Relayed(state="unknown", detail=f"{answer}; ask again under the same name")
            row, transaction = answer, str(answer.get("transactionId") or "")
            status = str(row.get("status") or "").upper()
            if status in _OPERATION_FAILED or not transaction:
                self._open.pop(name, None)
                return Relayed(state="failed", transaction=transaction, detail=status or "the answer names no transaction")
            self._open[name] = msgspec.structs.replace(known, transaction=transaction)
            return await self._follow(name, transaction)

    # ---- one movement --------------------------------------------------------------------------------------------------

    async def _submit(self, name: str, calls: Sequence[Call], nonce: int, relay: str) -> Relayed:
        for attempt in range(_BUSY_TRIES + 1):
            body = envelope(
                self._account,
                calls,
                nonce=nonce,
                deadline=self._clock.wall_ns() // SECOND + _DEADLINE_S,
                relay=relay,
                metadata=name[:_NAME_MOST],
            )
            try:
                return await self._post(name, body, nonce)
            except Rejected as exc:
                busy = _BUSY.search(exc.detail)
                if busy is None or attempt == _BUSY_TRIES:
                    raise
                if name in self._open:  # the lost envelope was executed meanwhile, or is being executed now
                    return Relayed(state="unknown", detail=f"{exc.detail}; ask again under the same name")
            await self._sleep(_POLL_S)
            nonce, relay = await self._params()
        raise AssertionError("the last attempt raises or returns")

    async def _post(self, name: str, body: Mapping[str, Any], nonce: int) -> Relayed:
        answer = await self._exchange(name, "/submit", msgspec.json.encode(body), {})
        if isinstance(answer, str):
            return self._lost(name, nonce, answer)
        transaction = str(answer.get("transactionID") or "")
        if not transaction:
            return self._lost(name, nonce, "the answer names no transaction")
        self._open[name] = _Sent(nonce, transaction)
        return await self._follow(name, transaction)

    async def _exchange(self, name: str, path: str, data: bytes, more: Mapping[str, str]) -> Mapping[str, Any] | str:
        """POST once: the answer, or why it is not known whether it was taken. Raises Rejected for a definite no."""
        wait = self._windows.take("relayer POST /submit")
        if wait:
            raise Throttled(POLYMARKET, "throttled", f"25 submits a minute; {name} waits {wait:.0f} s", retry_after=wait)
        headers = {**self._headers("POST", path, data), **more}
        try:
            answer = await self._http.request("POST", self._base + path, headers, data, timeout_s=_TIMEOUT_S)
        except UnknownOutcome as exc:
            return exc.detail
        error = error_for(answer)
        if isinstance(error, Rejected):
            raise error
        if error is not None:
            return error.detail or error.code  # a 5xx or a redirect: it may have been taken
        try:
            row = decode(answer.body)
        except VenueError as exc:
            return exc.detail
        return row if isinstance(row, Mapping) else "the answer is no object"

    def _lost(self, name: str, nonce: int, detail: str) -> Relayed:
        self._open[name] = _Sent(nonce)
        return Relayed(state="unknown", detail=f"{detail}; asked for under nonce {nonce}, ask again under the same name")

    async def _follow(self, name: str, transaction: str) -> Relayed:
        """Poll to the end. Failures of a poll are no news; an end that does not come is pending."""
        detail = ""
        for turn in range(_MOST_POLLS):
            if turn:
                await self._sleep(_POLL_S)
            try:
                row = await self._read(f"/v1/account/transactions/{segment(transaction)}", {}, patient=False)
            except VenueError as exc:
                detail = str(exc)
                continue
            state = str(row.get("state") if isinstance(row, Mapping) else "").upper().removeprefix("STATE_")
            detail = f"{state or 'no state'} {row.get('error_msg') or ''}".strip() if isinstance(row, Mapping) else "no state"
            chain_hash = str(row.get("transaction_hash") or "") if isinstance(row, Mapping) else ""
            ended: RelayedState | None = (
                "done" if state == "CONFIRMED" else "failed" if state in ("FAILED", "INVALID") else None
            )
            if ended is not None:
                self._open.pop(name, None)
                return Relayed(state=ended, transaction=transaction, chain_hash=chain_hash, detail=detail)
        return Relayed(state="pending", transaction=transaction, detail=f"{detail}; ask again under the same name")

    # ---- requests ------------------------------------------------------------------------------------------------------

    async def _params(self) -> tuple[int, str]:
        """(nonce, address of the relay): proxies are asked for by another path (polymarket-client 0.14.0)."""
        kind = KINDS[self._account.signature_type]
        path = "/relay-payload" if kind == "PROXY" else "/v1/account/transactions/params"
        row = await self._read(path, {"address": self._account.address, "type": kind})
        nonce = str(row.get("nonce", "")) if isinstance(row, Mapping) else ""
        if not isinstance(row, Mapping) or not (nonce.isascii() and nonce.isdecimal()):
            raise bad("bad_nonce", f"the relayer's nonce {nonce!r} is no number")
        return int(nonce), str(row.get("address") or "")

    async def _read(self, path: str, query: Mapping[str, str], *, patient: bool = True) -> Any:
        async def once() -> Any:
            url = self._base + path + (f"?{urlencode(query)}" if query else "")
            return await read_json(self._http, "GET", url, self._headers("GET", path, b""), None)

        return await patiently(once, self._sleep) if patient else await once()

    def _headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if isinstance(self._key, RelayerKey):
            return headers | {"RELAYER_API_KEY": self._key.key.reveal(), "RELAYER_API_KEY_ADDRESS": self._key.address}
        if self._signer is None:
            raise Misuse("a builder key without its signer")
        made = self._signer.headers(method, path, body, timestamp=self._clock.wall_ns() // SECOND)
        return headers | {
            name.replace("POLY_", "POLY_BUILDER_"): made[name]
            for name in ("POLY_API_KEY", "POLY_PASSPHRASE", "POLY_SIGNATURE", "POLY_TIMESTAMP")
        }
