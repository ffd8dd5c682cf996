"""Who is asking: API keys by L1, requests by L2, and the heartbeat: a dead-man switch per key (polymarket.md 4, 7.2)."""

import hmac
import json
from dataclasses import dataclass

from trading.clock import SECOND
from trading.sim.core import Request, Response
from trading.sim.polymarket_auth import clob_auth_digest, l2_signature, recover
from trading.sim.polymarket_books import reply
from trading.sim.polymarket_data import Json
from trading.sim.polymarket_orders import OrderDesk
from trading.sim.polymarket_state import ApiKey, SimState

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

    def l2(self, request: Request) -> ApiKey | Response:
        """The key behind a request, or the 401: key, passphrase, address, clock and HMAC over path (no query) and body."""
        headers = request.headers
        key = self._state.keys.get(headers.get("poly_api_key", ""))
        stamp = headers.get("poly_timestamp", "")
        if key is None or not self._fresh(stamp):
            return _unauthorized()
        if headers.get("poly_address", "").lower() != key.wallet.account.owner.lower():
            return _unauthorized()
        wanted = l2_signature(key.secret, stamp, request.method, request.path, request.body)
        given = headers.get("poly_signature", "")
        same = hmac.compare_digest(wanted.encode(), given.encode())
        if not same or headers.get("poly_passphrase") != key.passphrase:
            return _unauthorized()
        return key

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

    def _find(self, owner: str, nonce: int) -> ApiKey | None:
        keys = self._state.keys.values()
        return next((k for k in keys if k.nonce == nonce and k.wallet.account.owner.lower() == owner), None)

    def create(self, request: Request) -> Response:
        """POST /auth/api-key: 400 when that nonce has its key already, or the address no account here."""
        proven = self.l1(request)
        if isinstance(proven, Response):
            return proven
        owner, nonce = proven
        wallet = self._state.wallets.get(owner)
        if wallet is None or self._find(owner, nonce) is not None:
            return reply({"error": "Could not create api key"}, 400)
        rng = self._state.rng
        account = wallet.account
        secret = l2_signature(account.api_secret, str(nonce), "NEW", account.api_key, rng.randbytes(16))
        key = ApiKey(self._state.uuid(), secret, rng.randbytes(32).hex(), wallet, nonce)
        self._state.keys[key.key] = key
        return reply(_credentials(key))

    def derive(self, request: Request) -> Response:
        """GET /auth/derive-api-key: the key of that nonce."""
        proven = self.l1(request)
        if isinstance(proven, Response):
            return proven
        key = self._find(*proven)
        return reply({"error": "Could not derive api key!"}, 400) if key is None else reply(_credentials(key))

    def listing(self, key: ApiKey) -> Response:
        return reply({"apiKeys": [k.key for k in self._state.keys.values() if k.wallet is key.wallet]})

    def delete(self, key: ApiKey) -> Response:
        self._state.keys.pop(key.key, None)
        return reply("OK")

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
        for order in list(key.wallet.orders.values()):
            if order.api_key == key.key:
                self._desk.cancel(key.wallet, order.id)


def _credentials(key: ApiKey) -> Json:
    return {"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase}
