"""Signatures of Kalshi requests (kalshi.md 2): RSA-PSS or Ed25519, whichever key the PEM holds (B-422).

The key and the padding are parsed once, because loading a PEM costs a thousand signatures (performance.md 2). The signed bytes
are timestamp + METHOD + path without query; the body is not covered, so the work does not depend on the order.
"""

import base64
from collections.abc import Callable
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trading.clock import MS
from trading.errors import SettingsError
from trading.secrets import Secret
from trading.units import WallNs

__all__ = ["KalshiSigner"]

KeyKind = Literal["rsa", "ed25519"]
_NONE = Secret("")


class KalshiSigner:
    """Signs requests with one API key. Made by from_pem; holds no clock, so the caller stamps just before sending."""

    __slots__ = ("_sign", "key_id", "kind")

    def __init__(self, key_id: str, kind: KeyKind, sign: Callable[[bytes], bytes]) -> None:
        self.key_id = key_id
        self.kind: KeyKind = kind
        """Type of the private key, read from its PEM."""
        self._sign = sign

    @classmethod
    def from_pem(cls, key_id: str, pem: bytes, password: Secret = _NONE) -> "KalshiSigner":
        """Load a private key (PKCS#1 or PKCS#8 RSA, or Ed25519), encrypted or not (B-311). Raises SettingsError saying what is
        wrong with it."""
        if not key_id.strip():
            raise SettingsError("the Kalshi API key id is empty; copy the id shown beside the key on kalshi.com")
        try:
            key = load_pem_private_key(pem, password.reveal().encode() if password else None)
        except TypeError as exc:
            why = "is not encrypted, so clear its password" if password else "is encrypted and needs its password"
            raise SettingsError(f"the Kalshi private key {why} (KALSHI_PRIVATE_KEY_PASSWORD)") from exc
        except (ValueError, UnsupportedAlgorithm) as exc:
            step = "KALSHI_PRIVATE_KEY_PASSWORD may be wrong" if password else "download it again"
            raise SettingsError(f"the Kalshi private key is not a readable PEM private key; {step}") from exc
        if isinstance(key, Ed25519PrivateKey):
            return cls(key_id.strip(), "ed25519", key.sign)
        if isinstance(key, RSAPrivateKey):
            rsa = key
            digest = hashes.SHA256()
            # kalshi.md 2: the salt is as long as the digest
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
            return cls(key_id.strip(), "rsa", lambda data: rsa.sign(data, pss, digest))
        kind = type(key).__name__.removeprefix("_").removesuffix("PrivateKey")
        raise SettingsError(f"the Kalshi private key is of type {kind}; Kalshi takes RSA or Ed25519 keys")

    def headers(self, method: str, path: str, now: WallNs) -> dict[str, str]:
        """The three access headers of a request.

        path runs from the root (/trade-api/v2/...) as it goes on the wire; a query in it is not signed. now is the wall clock.
        """
        stamp = str(now // MS)
        message = f"{stamp}{method.upper()}{path.partition('?')[0]}"
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(self._sign(message.encode())).decode(),
        }

    def __repr__(self) -> str:
        return f"KalshiSigner(kind={self.kind!r})"
