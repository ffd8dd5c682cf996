"""Who is asking: the venue's check of the three access headers over the exact bytes on the wire (kalshi.md 2).

The simulator verifies with its own few lines rather than with the client's signer, so that a shared mistake cannot hide. A 401
never tells which of key, path, clock or signature was wrong, except that an expired timestamp has a code of its own.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from trading.clock import MS, Clock
from trading.sim.core import Request
from trading.sim.kalshi_data import ALL_SCOPES, ApiError, KalshiAccount, KalshiRules

__all__ = ["Caller", "Gatekeeper"]

_PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)


@dataclass(frozen=True, slots=True)
class Caller:
    """A proven request: whose, with which key and what that key may do."""

    user_id: str
    key_id: str
    scopes: frozenset[str]
    locked: int | None = None
    """The one subaccount the key may touch, None = any."""
    name: str = ""

    def require(self, *scopes: str) -> None:
        """Raise 403 unless the key has one of the scopes or the parent of one ("write" covers "write::trade")."""
        for scope in scopes:
            if scope in self.scopes or scope.partition("::")[0] in self.scopes:
                return
        raise ApiError(403, "insufficient_scope", "insufficient scope", f"needs one of {', '.join(scopes)}")


class Gatekeeper:
    """Checks signatures against the public keys of the accounts. Raises ValueError on a key that is neither RSA nor Ed25519."""

    def __init__(self, accounts: Sequence[KalshiAccount], clock: Clock, rules: KalshiRules) -> None:
        self._clock = clock
        self._rules = rules
        self._keys: dict[str, tuple[Caller, RSAPublicKey | Ed25519PublicKey]] = {}
        for account in accounts:
            for key_id, pem in account.keys.items():
                scopes, locked = account.scopes.get(key_id, ALL_SCOPES), account.locked.get(key_id)
                self.add(Caller(account.user_id, key_id, scopes, locked, key_id), pem)

    def add(self, caller: Caller, pem: bytes) -> None:
        """Admit a key. Raises ValueError when it is neither RSA nor Ed25519."""
        try:
            key = load_pem_public_key(pem)
        except UnsupportedAlgorithm as exc:
            raise ValueError(f"key {caller.key_id} of {caller.user_id} is of an unknown kind") from exc
        if not isinstance(key, RSAPublicKey | Ed25519PublicKey):
            raise ValueError(f"key {caller.key_id} of {caller.user_id} is neither RSA nor Ed25519")
        self._keys[caller.key_id] = caller, key

    def remove(self, user_id: str, key_id: str) -> bool:
        """Forget a key; False when the member has none of that id."""
        if key_id not in {caller.key_id for caller in self.keys_of(user_id)}:
            return False
        del self._keys[key_id]
        return True

    def caller(self, request: Request) -> Caller:
        """The account behind a request. Raises ApiError 401."""
        headers = request.headers
        key_id = headers.get("kalshi-access-key", "")
        stamp = headers.get("kalshi-access-timestamp", "")
        signature = headers.get("kalshi-access-signature", "")
        if not (key_id and stamp and signature):
            raise ApiError(401, "missing_headers", "authentication headers are missing")
        if not (stamp.isascii() and stamp.isdecimal()) or len(stamp) > 16:
            raise ApiError(401, "invalid_timestamp", "timestamp is not milliseconds")
        if abs(int(stamp) * MS - self._clock.wall_ns()) > self._rules.clock_window_ns:
            raise ApiError(401, "header_timestamp_expired", "header timestamp expired")
        known = self._keys.get(key_id)
        if known is None:
            raise ApiError(401, "authentication_error", "authentication failed")
        caller, key = known
        try:
            raw = base64.b64decode(signature, validate=True)
            message = f"{stamp}{request.method}{request.path}".encode()
            if isinstance(key, RSAPublicKey):
                key.verify(raw, message, _PSS, SHA256())
            else:
                key.verify(raw, message)
        except (InvalidSignature, binascii.Error) as exc:
            raise ApiError(401, "authentication_error", "authentication failed") from exc
        return caller

    def keys_of(self, user_id: str) -> list[Caller]:
        return [caller for caller, _ in self._keys.values() if caller.user_id == user_id]
