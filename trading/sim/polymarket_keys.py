"""Who is asking: API keys by L1, requests by L2, and the heartbeat: a dead-man switch per key (polymarket.md 4, 7.2).

A key belongs to a wallet's owner, or to a session key of a deposit wallet, which trades but manages nothing. Builder keys sign
the same way under headers of their own and are known to the relayer only; read-only keys may read.
"""

import hmac
import json
from dataclasses import dataclass

from trading.clock import SECOND
from trading.sim.core import Request, Response
from trading.sim.polymarket_auth import clob_auth_digest, l2_signature, recover
from trading.sim.polymarket_books import reply
from trading.sim.polymarket_data import Json
from trading.sim.polymarket_orders import OrderDesk
from trading.sim.polymarket_state import ApiKey, SimState, Wallet

__all__ = ["Keys"]

_HEARTBEAT_S = 10


def _unauthorized() -> Response:
    return reply({"error": "Unauthorized/Invalid api key"}, 401)


@dataclass(slots=True, eq=False)
class _Beat:
    """An armed switch: the id expected next and which beat is the newest."""

    expected: str
    number: int = 0


class Keys:
    """Checks headers and keeps heartbeats."""

    def __init__(self, state: SimState, desk: OrderDesk) -> None:
        self._state = state
        self._desk = desk
        self._beats: dict[str, _Beat] = {}
        self._readonly: set[str] = set()

    def l2(self, request: Request) -> ApiKey | Response:
        """The key behind a request, or the 401: key, passphrase, address, clock and HMAC over path (no query) and body."""
        headers = request.headers
        key = self._state.keys.get(headers.get("poly_api_key", ""))
        if key is None or headers.get("poly_address", "").lower() != key.address:
            return _unauthorized()
        if not self._proven(key, request, request.path, "poly_") or not self._allowed(key):
            return _unauthorized()
        if key.key in self._readonly and request.method != "GET":
            return _unauthorized()
        return key

    def builder(self, request: Request, path: str) -> ApiKey | None:
        """The builder key behind a request for a path of this or the relayer's host."""
        key = self._state.builder_keys.get(request.headers.get("poly_builder_api_key", ""))
        return key if key is not None and self._proven(key, request, path, "poly_builder_") else None

    def _proven(self, key: ApiKey, request: Request, path: str, prefix: str) -> bool:
        headers = request.headers
        stamp = headers.get(prefix + "timestamp", "")
        wanted = l2_signature(key.secret, stamp, request.method, path, request.body)
        same = hmac.compare_digest(wanted.encode(), headers.get(prefix + "signature", "").encode())
        return same and self._fresh(stamp) and headers.get(prefix + "passphrase") == key.passphrase

    def _allowed(self, key: ApiKey) -> bool:
        """An owner's key always; a session's while it is granted for the CLOB."""
        return not key.signer or self._session(key.wallet, key.signer)

    def _session(self, wallet: Wallet, signer: str) -> bool:
        granted = wallet.sessions.get(signer.lower())
        if granted is None or granted.valid_until <= self._state.seconds():
            return False
        return bool({"ALL", "CLOB"} & set(granted.scopes))

    def _fresh(self, stamp: str) -> bool:
        if not (len(stamp) <= 12 and stamp.isascii() and stamp.isdecimal()):
            return False
        return abs(int(stamp) - self._state.seconds()) <= self._state.settings.auth_skew_s

    def l1(self, request: Request) -> tuple[str, int] | Response:
        """(owner address, nonce) proven by an EIP-712 signature, or the 401."""
        headers = request.headers
        address, stamp = headers.get("poly_address", ""), headers.get("poly_timestamp", "")
        nonce = headers.get("poly_nonce", "0")
        try:
            signature = bytes.fromhex(headers.get("poly_signature", "").removeprefix("0x"))
            digest = clob_auth_digest(address, stamp, int(nonce), self._state.chain_id)
        except (ValueError, OverflowError):
            return reply({"error": "Invalid L1 Request headers"}, 401)
        if not self._fresh(stamp) or recover(digest, signature) != address.lower():
            return reply({"error": "Invalid L1 Request headers"}, 401)
        return address.lower(), int(nonce)

    def _find(self, signer: str, nonce: int) -> ApiKey | None:
        keys = (key for key in self._state.keys.values() if key.key not in self._readonly)
        return next((key for key in keys if key.nonce == nonce and key.address == signer), None)

    def create(self, request: Request) -> Response:
        """POST /auth/api-key: 400 when that nonce has its key already, or the address no account here."""
        proven = self.l1(request)
        if isinstance(proven, Response):
            return proven
        signer, nonce = proven
        wallet, session = self._state.wallets.get(signer), ""
        if wallet is None:
            wallet, session = next((w for w in self._state.wallets.values() if self._session(w, signer)), None), signer
        if wallet is None or self._find(signer, nonce) is not None:
            return reply({"error": "Could not create api key"}, 400)
        key = self._new(wallet, nonce, session)
        self._state.keys[key.key] = key
        return reply(_credentials(key))

    def _new(self, wallet: Wallet, nonce: int = 0, signer: str = "") -> ApiKey:
        rng, account = self._state.rng, wallet.account
        secret = l2_signature(account.api_secret, str(nonce), "NEW", account.api_key, rng.randbytes(16))
        return ApiKey(self._state.uuid(), secret, rng.randbytes(32).hex(), wallet, nonce, signer)

    def derive(self, request: Request) -> Response:
        """GET /auth/derive-api-key: the key of that nonce; an address without one is refused."""
        proven = self.l1(request)
        if isinstance(proven, Response):
            return proven
        key = self._find(*proven)
        return reply({"error": "Could not derive api key!"}, 400) if key is None else reply(_credentials(key))

    def listing(self, key: ApiKey) -> Response:
        mine = [
            each.key for each in self._state.keys.values() if each.address == key.address and each.key not in self._readonly
        ]
        return reply({"apiKeys": mine})

    def delete(self, key: ApiKey) -> Response:
        self._state.keys.pop(key.key, None)
        return reply("OK")

    def fence(self, wallet: Wallet, signer: str) -> None:
        """End a session key: its API keys are gone and its orders cancelled."""
        for key in [key for key in self._state.keys.values() if key.wallet is wallet and key.signer.lower() == signer.lower()]:
            del self._state.keys[key.key]
            self._desk.cancel_key(wallet, key.key)

    def sessions(self, key: ApiKey) -> Response:
        """GET /v1/user/session-signers of the owner."""
        if key.signer:
            return _unauthorized()
        now = self._state.seconds()
        rows = [
            {"address": each.address, "scopes": list(each.scopes), "valid_until": each.valid_until}
            for each in key.wallet.sessions.values()
            if each.valid_until > now
        ]
        return reply({"signers": rows, "wallet": key.wallet.account.funder})

    # --- other kinds of keys -----------------------------------------------------------------------------------------------

    def builder_keys(self, key: ApiKey, method: str) -> Response:
        """POST makes one, GET lists those of the wallet."""
        if method == "POST":
            made = self._new(key.wallet)
            self._state.builder_keys[made.key] = made
            return reply({"key": made.key, "secret": made.secret, "passphrase": made.passphrase})
        return reply([{"key": each.key} for each in self._state.builder_keys.values() if each.wallet is key.wallet])

    def revoke_builder(self, request: Request) -> Response:
        """DELETE /auth/builder-api-key, signed by the builder key itself."""
        key = self.builder(request, request.path)
        if key is None:
            return _unauthorized()
        del self._state.builder_keys[key.key]
        return reply("OK")

    def readonly_keys(self, key: ApiKey, method: str, body: bytes) -> Response:
        """POST makes one that may only read, GET lists them, DELETE {"key"} drops one."""
        if method == "POST":
            made = self._new(key.wallet, signer=key.signer)
            self._state.keys[made.key] = made
            self._readonly.add(made.key)
            return reply(_credentials(made))
        mine = [each for each in self._readonly if self._state.keys[each].address == key.address]
        if method == "GET":
            return reply({"readonlyApiKeys": sorted(mine)})
        try:
            named = json.loads(body)["key"]
        except (ValueError, KeyError, TypeError):
            named = ""
        if named not in mine:
            return reply({"error": "api key not found"}, 404)
        self._readonly.discard(named)
        del self._state.keys[named]
        return reply("OK")

    # --- heartbeat ---------------------------------------------------------------------------------------------------------

    def heartbeat(self, key: ApiKey, request: Request) -> Response:
        """POST /v1/heartbeats: the first arms the switch; a wrong id is answered with the right one and refreshes nothing."""
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        given = body.get("heartbeat_id") if isinstance(body, dict) else None
        beat = self._beats.get(key.key)
        expected = "" if beat is None else beat.expected
        if given != expected:
            return reply({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected}, 400)
        if beat is None:
            beat = self._beats[key.key] = _Beat("")
        beat.expected = self._state.uuid()
        beat.number += 1
        armed, number = beat, beat.number
        self._state.timers.after(_HEARTBEAT_S * SECOND, lambda: self._expire(key, armed, number))
        return reply({"heartbeat_id": beat.expected})

    def _expire(self, key: ApiKey, beat: _Beat, number: int) -> None:
        """Ten seconds without an accepted beat: every open order of this key goes and the switch disarms itself."""
        if beat.number != number or self._beats.get(key.key) is not beat:
            return
        del self._beats[key.key]
        self._desk.cancel_key(key.wallet, key.key)

    def expire_heartbeats(self) -> None:
        """Fault: every armed switch fires now."""
        for key, beat in list(self._beats.items()):
            if key in self._state.keys:
                self._expire(self._state.keys[key], beat, beat.number)


def _credentials(key: ApiKey) -> Json:
    return {"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase}
