"""The relayer of the simulated Polymarket: signed calls in, a transaction that walks to its end (polymarket.md 13).

    submit ─► STATE_NEW ─► STATE_EXECUTED ─► STATE_MINED ─► STATE_CONFIRMED          a revert: STATE_FAILED, the nonce stays

One transaction of a wallet is under way at a time; a second is refused as busy and a used nonce by number, in the words the
venue's own client retries on. Session keys of deposit wallets are granted and fenced here too; the CLOB lists them.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from trading.sim.core import Request, Response
from trading.sim.polymarket_auth import recover
from trading.sim.polymarket_books import reply
from trading.sim.polymarket_chain import Call, Chain, Reverted, checksum, selector
from trading.sim.polymarket_contracts import DEPOSIT_FACTORY, RELAY
from trading.sim.polymarket_data import Json
from trading.sim.polymarket_gate import Gate
from trading.sim.polymarket_keys import Keys
from trading.sim.polymarket_public import query_one
from trading.sim.polymarket_state import SessionSigner, SimState, Wallet
from trading.sim.polymarket_wallets import batch_digest, proxy_calls, proxy_digest, safe_calls, safe_digest, verify_personal

__all__ = ["RELAYER_FAULTS", "Relayer"]

RELAYER_FAULTS: frozenset[str] = frozenset({"busy", "fail", "drop", "500"})
"""What may happen to the next submit: refused as busy, reverted on chain, answer lost after it was taken, 500 before it."""

_KINDS = {1: "PROXY", 2: "SAFE", 3: "WALLET"}
_SCOPES = frozenset({"ALL", "CLOB", "COMBOSRFQ"})


class _Refused(Exception):
    """A submit that was not taken; status and text are the answer's."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


@dataclass(slots=True, eq=False)
class _Transaction:
    """One relayed transaction. done is called on chain with its hash, after its calls."""

    id: str
    wallet: Wallet
    kind: str
    nonce: int
    calls: list[Call]
    metadata: str
    made_at: int
    state: str = "STATE_NEW"
    hash: str = ""
    error: str = ""
    fails: bool = False
    done: Callable[[], None] = field(default=lambda: None)

    @property
    def ended(self) -> bool:
        return self.state in ("STATE_CONFIRMED", "STATE_FAILED", "STATE_INVALID")

    def row(self) -> Json:
        return {
            "transaction_id": self.id,
            "transaction_hash": self.hash,
            "state": self.state,
            "error_msg": self.error,
            "type": self.kind,
            "from": self.wallet.account.owner,
            "proxy_address": self.wallet.account.funder,
            "nonce": str(self.nonce),
            "metadata": self.metadata,
            "created_at": self.made_at,
        }


class Relayer:
    """Answers every path of the relayer's host. moved is told of a wallet whose money changed on chain."""

    def __init__(self, state: SimState, gate: Gate, keys: Keys, chain: Chain, moved: Callable[[Wallet], None]) -> None:
        self._state = state
        self._gate = gate
        self._keys = keys
        self._chain = chain
        self._moved = moved
        self._transactions: dict[str, _Transaction] = {}
        self._answered: dict[tuple[str, str], tuple[bytes, Response]] = {}
        self.faults: deque[str] = deque()

    def handle(self, request: Request, path: str) -> Response:
        """path is that of the relayer's own host."""
        if request.method == "GET" and path == "/deployed":
            wallet = self._state.wallet_of(query_one(request, "address") or "")
            return reply({"deployed": wallet is not None and wallet.deployed})
        wallet = self._who(request, path)
        if wallet is None:
            return reply({"error": "invalid authorization"}, 401)
        try:
            if request.method == "GET":
                return self._read(wallet, request, path)
            if (request.method, path) == ("POST", "/submit"):
                return self._submit(wallet, request)
            if request.method == "POST" and path.startswith("/v1/session-signers/"):
                return self._session(wallet, request, path)
        except _Refused as refused:
            return reply({"error": refused.text}, refused.status)
        return reply({"error": "not found"}, 404)

    def _who(self, request: Request, path: str) -> Wallet | None:
        """The account behind a relayer key or a builder key."""
        given = request.headers.get("relayer_api_key", "")
        if given:
            wallet = self._state.wallets.get(request.headers.get("relayer_api_key_address", "").lower())
            return wallet if wallet is not None and wallet.account.relayer_key == given else None
        key = self._keys.builder(request, path)
        return None if key is None else key.wallet

    # --- reads -------------------------------------------------------------------------------------------------------------

    def _read(self, wallet: Wallet, request: Request, path: str) -> Response:
        if path in ("/v1/account/transactions/params", "/relay-payload"):
            kind = query_one(request, "type")
            if (query_one(request, "address") or "").lower() != wallet.account.owner.lower() or kind != self._kind(wallet):
                return reply({"error": "unknown wallet for this address and type"}, 400)
            address = RELAY if path == "/relay-payload" else wallet.account.owner
            return reply({"address": address, "nonce": str(wallet.relay_nonce)})
        found = self._transactions.get(path.removeprefix("/v1/account/transactions/"))
        if found is None or found.wallet is not wallet:
            return reply({"error": "transaction not found"}, 404)
        return reply(found.row())

    def _kind(self, wallet: Wallet) -> str:
        return _KINDS.get(wallet.account.signature_type, "EOA")

    # --- submits -----------------------------------------------------------------------------------------------------------

    def _submit(self, wallet: Wallet, request: Request) -> Response:
        limited = self._gate.allow_request("relayer submit")
        if limited is not None:
            return limited
        fault = self.faults.popleft() if self.faults else ""
        if fault == "500":
            return reply({"error": "internal server error"}, 500)
        body = _object(request.body)
        if fault == "busy":
            raise _Refused("wallet busy: it has an active action")
        if body.get("type") == "WALLET-CREATE":
            made = self._create(wallet, body)
        else:
            made = self._take(wallet, body)
        made.fails = fault == "fail"
        self._start(made)
        if fault == "drop":
            return Response(0, b"", drop=True)
        return reply({"transactionID": made.id, "state": made.state, "transactionHash": ""})

    def _create(self, wallet: Wallet, body: Json) -> _Transaction:
        to = str(body.get("to", "")).lower()
        if wallet.account.signature_type != 3 or to != DEPOSIT_FACTORY.lower() or wallet.deployed:
            raise _Refused("wallet is deployed already or of another kind")

        def deploy() -> None:
            wallet.deployed = True

        made = self._transaction(wallet, "WALLET-CREATE", [], str(body.get("metadata", "")))
        made.done = deploy
        return made

    def _take(self, wallet: Wallet, body: Json) -> _Transaction:
        """Judge an envelope: kind, parties, nonce, deadline, signature. Raises _Refused."""
        kind, account = self._kind(wallet), wallet.account
        if body.get("type") != kind or str(body.get("from", "")).lower() != account.owner.lower():
            raise _Refused("from and type do not belong to the authorized wallet")
        if not wallet.deployed:
            raise _Refused("wallet is not deployed")
        try:
            nonce = int(str(body["nonce"]))
            signature = bytes.fromhex(str(body["signature"]).removeprefix("0x"))
            if kind == "WALLET":
                terms = body["depositWalletParams"]
                mine = str(terms["depositWallet"])
                calls = [_call(row) for row in terms["calls"]]
                deadline = int(terms["deadline"])
                proven = self._signed_batch(wallet, calls, nonce, deadline, signature)
            else:
                mine, deadline = str(body["proxyWallet"]), 0
                data = bytes.fromhex(str(body["data"]).removeprefix("0x"))
                if kind == "SAFE":
                    calls = safe_calls(body, data)
                    digest = safe_digest(account.funder, body, data, nonce, self._state.chain_id)
                    proven = verify_personal(digest, signature, account.owner, raised=4)
                else:
                    calls = proxy_calls(data)
                    proven = verify_personal(proxy_digest(account.owner, body, data, nonce), signature, account.owner)
        except Reverted as reverted:
            raise _Refused(f"simulation failed: {reverted}") from reverted
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            raise _Refused("invalid request body") from exc
        if mine.lower() != account.funder.lower():
            raise _Refused("wallet does not belong to the signer")
        self._check(wallet, nonce, deadline if kind == "WALLET" else None, proven)
        if not calls:
            raise _Refused("no calls")
        return self._transaction(wallet, kind, calls, str(body.get("metadata", "")))

    def _signed_batch(self, wallet: Wallet, calls: list[Call], nonce: int, deadline: int, signature: bytes) -> bool:
        digest = batch_digest(wallet.account.funder, nonce, deadline, calls, self._state.chain_id)
        return recover(digest, signature) == wallet.account.owner.lower()

    def _check(self, wallet: Wallet, nonce: int, deadline: int | None, proven: bool) -> None:
        if any(not each.ended and each.wallet is wallet for each in self._transactions.values()):
            raise _Refused("wallet has in-flight action")
        if nonce != wallet.relay_nonce:
            raise _Refused(f"batch nonce {nonce} does not match on-chain nonce {wallet.relay_nonce}")
        if deadline is not None and deadline <= self._state.seconds():
            raise _Refused("batch deadline has expired")
        if not proven:
            raise _Refused("invalid signature")

    # --- the walk ----------------------------------------------------------------------------------------------------------

    def _transaction(self, wallet: Wallet, kind: str, calls: list[Call], metadata: str) -> _Transaction:
        seconds = self._state.seconds()
        return _Transaction(self._state.uuid(), wallet, kind, wallet.relay_nonce, calls, metadata[:500], seconds)

    def _start(self, made: _Transaction) -> None:
        self._transactions[made.id] = made
        wait = self._state.settings.relayed_ns
        self._state.timers.after(wait // 2, lambda: self._execute(made))

    def _execute(self, made: _Transaction) -> None:
        made.state = "STATE_EXECUTED"
        made.hash = self._state.chain_hash()
        self._state.timers.after(self._state.settings.relayed_ns // 2, lambda: self._mine(made))

    def _mine(self, made: _Transaction) -> None:
        try:
            if made.fails:
                raise Reverted("execution reverted")
            made.hash = self._chain.execute(made.wallet, made.calls)
        except Reverted as reverted:
            made.state, made.error = "STATE_FAILED", str(reverted)
            return
        made.wallet.relay_nonce += bool(made.calls)
        made.done()
        made.state = "STATE_MINED"
        self._moved(made.wallet)
        self._state.timers.after(self._state.settings.relayed_ns, lambda: self._confirm(made))

    def _confirm(self, made: _Transaction) -> None:
        made.state = "STATE_CONFIRMED"

    # --- session keys ------------------------------------------------------------------------------------------------------

    def _session(self, wallet: Wallet, request: Request, path: str) -> Response:
        """Grant or fence a session key. The same Idempotency-Key with the same body answers again what it answered."""
        grants = path == "/v1/session-signers/authorizations"
        if not grants and path != "/v1/session-signers/revocations":
            return reply({"error": "not found"}, 404)
        if grants and "relayer_api_key" in request.headers:
            return reply({"error": "session keys are granted with a builder API key"}, 401)
        again = request.headers.get("idempotency-key", "")
        known = self._answered.get((path, again))
        if known is not None and again:
            return known[1] if known[0] == request.body else reply({"error": "idempotency key was used for another body"}, 409)
        made, answer = self._judge_session(wallet, _object(request.body), grants=grants)
        self._start(made)
        self._answered[path, again] = request.body, answer
        return answer

    def _judge_session(self, wallet: Wallet, body: Json, *, grants: bool) -> tuple[_Transaction, Response]:
        if wallet.account.signature_type != 3 or str(body.get("walletAddress", "")).lower() != wallet.account.funder.lower():
            raise _Refused("session keys belong to a deposit wallet of its owner")
        try:
            signer = checksum(int(str(body["sessionSignerAddress"]), 16))
            nonce, deadline = int(body["nonce"]), int(body["deadline"])
            until = int(body["validUntil"]) if grants else 0
            scopes = tuple(str(scope) for scope in body["scopes"]) if grants else ()
            signature = bytes.fromhex(str(body["signature"]).removeprefix("0x"))
            word = bytes.fromhex(signer[2:]).rjust(32, b"\0")
        except (KeyError, TypeError, ValueError, Reverted) as exc:
            raise _Refused("invalid request body") from exc
        if grants and (not scopes or not set(scopes) <= _SCOPES or ("ALL" in scopes and len(scopes) > 1)):
            raise _Refused("invalid scopes")
        if grants and until <= self._state.seconds():
            raise _Refused("validUntil is in the past")
        name = "authorizeSessionSigner(address,uint256)" if grants else "revokeSessionSigner(address)"
        call = Call(wallet.account.funder, 0, selector(name) + word + (until.to_bytes(32) if grants else b""))
        self._check(wallet, nonce, deadline, self._signed_batch(wallet, [call], nonce, deadline, signature))
        made = self._transaction(wallet, "WALLET", [call], name.partition("(")[0])
        if grants:
            granted = SessionSigner(signer, scopes, until)
            made.done = lambda: wallet.sessions.update({signer.lower(): granted})
            return made, reply({"status": "SUBMITTED", "transactionId": made.id, "transactionHash": ""})
        wallet.sessions.pop(signer.lower(), None)  # fenced at once; the chain follows
        self._keys.fence(wallet, signer)
        return made, reply({"status": "FENCED", "fenced": True, "transactionId": made.id})


def _object(body: bytes) -> Json:
    try:
        value: Any = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _Refused("invalid request body")
    return value


def _call(row: Any) -> Call:
    target = str(row["target"])
    bytes.fromhex(target.removeprefix("0x"))
    return Call(target, int(row["value"]), bytes.fromhex(str(row["data"]).removeprefix("0x")))
