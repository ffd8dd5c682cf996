"""Signatures of Polymarket: API-key proof (L1), request HMAC (L2) and orders of wallet types 0 to 3.

An order is twelve 32-byte words under one of three exchange domains; its EIP-712 digest is the venue's order id, known before
anything is sent (polymarket.md 5). All that does not change between orders (domain, type hash, wallet words, the ERC-7739 tail)
is computed once, which leaves two or three keccaks, one ECDSA and one HMAC on the way out (performance.md 1). Signatures are
deterministic (RFC 6979): the same order gives the same bytes.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Literal

import coincurve
import msgspec
import sha3  # type: ignore[import-untyped]  # the package ships no type hints

from trading.errors import Misuse, SettingsError
from trading.polymarket.contracts import EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE
from trading.secrets import Secret

__all__ = ["Account", "ApiCredentials", "OrderSigner", "RequestSigner", "Side", "checksum", "keccak"]

Side = Literal["BUY", "SELL"]

ORDER_TYPE = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_WRAPPER_TYPE = (
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_AUTH_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId)"
_AUTH_TYPE = b"ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_ATTESTATION = b"This message attests that I control the given wallet"

_V3 = {137: EXCHANGE_V3, 80002: "0x9fE6e61422AdB6F610d8597F9684b16912D50C3D"}

_ZERO = bytes(32)
_TOKENS_KEPT = 4096


def keccak(data: bytes) -> bytes:
    """Keccak-256, the hash of Ethereum (not SHA3-256)."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def _word(value: int) -> bytes:
    return value.to_bytes(32)


def _address_bytes(address: str) -> bytes:
    try:
        raw = bytes.fromhex(address.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 20:
        raise SettingsError(f"address {address!r} is not 0x and 40 hex digits; copy it from the wallet")
    return raw


def checksum(address: str) -> str:
    """Write an address with its EIP-55 capitals. Raises SettingsError when it is none or its own capitals are wrong."""
    plain = _address_bytes(address).hex()
    marks = keccak(plain.encode()).hex()
    text = "0x" + "".join(ch.upper() if mark >= "8" else ch for ch, mark in zip(plain, marks, strict=False))
    body = address.removeprefix("0x")
    if body not in (body.lower(), body.upper()) and body != text[2:]:
        raise SettingsError(f"address {address!r} has a wrong checksum, expected {text}; copy it again")
    return text


class ApiCredentials(msgspec.Struct, frozen=True):
    """What the venue gives for an L1 proof: the key's uuid, its HMAC secret (base64url) and its passphrase."""

    key: str
    secret: Secret
    passphrase: Secret


class RequestSigner:
    """L2 headers (polymarket.md 4.2): HMAC over timestamp, method, path without query, and the exact body bytes."""

    def __init__(self, credentials: ApiCredentials, address: str) -> None:
        text = credentials.secret.reveal().translate(str.maketrans("+/", "-_"))
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as exc:
            raise SettingsError("the Polymarket API secret is not base64; derive the API key again") from exc
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)
        self._constant = {
            "POLY_ADDRESS": address,
            "POLY_API_KEY": credentials.key,
            "POLY_PASSPHRASE": credentials.passphrase.reveal(),
            "Content-Type": "application/json",
        }

    def headers(self, method: str, path: str, body: bytes, *, timestamp: int) -> dict[str, str]:
        """Headers of one request. timestamp is unix seconds on the server's clock; body b"" for none."""
        stamp = str(timestamp)
        keyed = self._keyed.copy()
        keyed.update((stamp + method + path).encode())
        keyed.update(body)
        signature = base64.urlsafe_b64encode(keyed.digest()).decode()
        return {**self._constant, "POLY_SIGNATURE": signature, "POLY_TIMESTAMP": stamp}


class OrderSigner:
    """Signs orders of one account on one exchange. Amounts are 6-decimal integers, timestamp unix milliseconds."""

    def __init__(self, account: "Account", contract: str, domain_version: str) -> None:
        self._account = account
        self.exchange = contract
        self.domain_version = domain_version
        self.domain = keccak(
            keccak(_DOMAIN_TYPE)
            + keccak(b"Polymarket CTF Exchange")
            + keccak(domain_version.encode())
            + _word(account.chain_id)
            + bytes(12)
            + _address_bytes(contract)
        )
        self._prefix = b"\x19\x01" + self.domain
        self._type_hash = keccak(ORDER_TYPE)
        self._parties = bytes(12) + _address_bytes(account.maker) + bytes(12) + _address_bytes(account.signer)
        self._sides: dict[Side, bytes] = {
            "BUY": _word(0) + _word(account.signature_type),
            "SELL": _word(1) + _word(account.signature_type),
        }
        self._no_extras = _ZERO + _ZERO  # metadata, and a builder of zero: no builder fee
        self._tokens: dict[str, bytes] = {}
        # ERC-7739: the wallet contract checks a signature over the order nested in its own domain (polymarket.md 5)
        self._wrapper_head = keccak(_WRAPPER_TYPE)
        self._wrapper_tail = (
            keccak(b"DepositWallet")
            + keccak(b"1")
            + _word(account.chain_id)
            + bytes(12)
            + _address_bytes(account.maker)
            + _ZERO
        )
        self._trailer = (ORDER_TYPE + len(ORDER_TYPE).to_bytes(2)).hex()

    def struct_hash(self, salt: int, token: str, maker_amount: int, taker_amount: int, side: Side, timestamp: int) -> bytes:
        """hashStruct(Order). Raises Misuse when the token id is no uint256."""
        word = self._tokens.get(token)
        if word is None:
            word = self._token_word(token)
        return keccak(
            self._type_hash
            + salt.to_bytes(32)
            + self._parties
            + word
            + maker_amount.to_bytes(32)
            + taker_amount.to_bytes(32)
            + self._sides[side]
            + timestamp.to_bytes(32)
            + self._no_extras
        )

    def _token_word(self, token: str) -> bytes:
        if not (token.isascii() and token.isdecimal()) or int(token) >> 256:
            raise Misuse(f"token id {token!r} is not a decimal uint256")
        if len(self._tokens) >= _TOKENS_KEPT:
            self._tokens.clear()
        word = self._tokens[token] = _word(int(token))
        return word

    def order_id(self, struct_hash: bytes) -> str:
        """The venue's order id: the EIP-712 digest, also for type 3 (inferred there, polymarket.md 16.12)."""
        return "0x" + keccak(self._prefix + struct_hash).hex()

    def signature(self, struct_hash: bytes) -> str:
        """0x-hex signature: 65 bytes for types 0 to 2, 317 bytes for type 3."""
        account = self._account
        if account.signature_type != 3:
            return "0x" + account.sign_digest(keccak(self._prefix + struct_hash)).hex()
        nested = keccak(self._wrapper_head + struct_hash + self._wrapper_tail)
        short = account.sign_digest(keccak(self._prefix + nested))
        return f"0x{short.hex()}{self.domain.hex()}{struct_hash.hex()}{self._trailer}"


class Account:
    """A signing key and the wallet that holds the money (polymarket.md 4.3).

    funder is the wallet: the key's own address for type 0 ("" means that), the proxy, Safe or deposit wallet for 1, 2 and 3.
    Raises SettingsError when key, wallet, type or chain cannot be used; the key never stands in the message.
    """

    def __init__(self, private_key: Secret, funder: str, signature_type: int, chain_id: int = 137) -> None:
        if signature_type not in (0, 1, 2, 3):
            raise SettingsError(f"signature type {signature_type} is none of 0, 1, 2, 3; deposit wallets are 3")
        if chain_id not in _V3:
            raise SettingsError(f"chain id {chain_id} is neither 137 (Polygon) nor 80002 (Amoy)")
        try:
            secret = bytes.fromhex(private_key.reveal().strip().removeprefix("0x"))
            if len(secret) != 32:
                raise ValueError("length")
            self._key = coincurve.PrivateKey(secret)
        except ValueError:
            # "from None": the original message could hold digits of the key
            raise SettingsError("the Polymarket private key is not 64 hex digits of a valid secp256k1 key") from None
        public = self._key.public_key.format(compressed=False)[1:]
        self.address = checksum(keccak(public)[12:].hex())
        """The key's own address, which owns the API key (POLY_ADDRESS)."""
        self.signature_type = signature_type
        self.chain_id = chain_id
        if not funder:
            if signature_type != 0:
                raise SettingsError(f"signature type {signature_type} needs the wallet's address as funder")
            funder = self.address
        self.maker = checksum(funder)
        if signature_type == 0 and self.maker != self.address:
            raise SettingsError(f"type 0 trades from the key's own address {self.address}, not from {self.maker}")
        self.signer = self.maker if signature_type == 3 else self.address
        self._signers: dict[tuple[str, bool], OrderSigner] = {}

    def __repr__(self) -> str:
        return f"Account({self.address}, wallet {self.maker}, type {self.signature_type}, chain {self.chain_id})"

    def sign_digest(self, digest: bytes) -> bytes:
        """r, s and v (27 or 28) over a 32-byte digest."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((signature[64] + 27,))

    def order_signer(self, version: str, neg_risk: bool) -> OrderSigner:
        """The signer for a market's protocol version (B-423). Raises Misuse for a version we do not know."""
        known = self._signers.get((version, neg_risk))
        if known is not None:
            return known
        if version == "v1":
            signer = OrderSigner(self, NEG_RISK_EXCHANGE if neg_risk else EXCHANGE, "2")
        elif version == "v2":
            signer = OrderSigner(self, _V3[self.chain_id], "3")
        else:
            raise Misuse(f"market version {version!r} is neither v1 nor v2; nothing can be signed for it")
        self._signers[version, neg_risk] = signer
        return signer

    def login_headers(self, *, timestamp: int, nonce: int = 0) -> dict[str, str]:
        """L1 headers: proof of the key for creating or deriving an API key. timestamp is unix seconds."""
        domain = keccak(keccak(_AUTH_DOMAIN_TYPE) + keccak(b"ClobAuthDomain") + keccak(b"1") + _word(self.chain_id))
        claim = keccak(
            keccak(_AUTH_TYPE)
            + bytes(12)
            + _address_bytes(self.address)
            + keccak(str(timestamp).encode())
            + _word(nonce)
            + keccak(_ATTESTATION)
        )
        return {
            "POLY_ADDRESS": self.address,
            "POLY_SIGNATURE": "0x" + self.sign_digest(keccak(b"\x19\x01" + domain + claim)).hex(),
            "POLY_TIMESTAMP": str(timestamp),
            "POLY_NONCE": str(nonce),
        }
