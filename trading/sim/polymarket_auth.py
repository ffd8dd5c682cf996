"""The venue's side of signatures: L1 (EIP-712 ClobAuth), L2 (HMAC) and orders of types 0 to 3 (polymarket.md 4 and 5).

Written from the contract alone and shared with no client: a client's mistake meets an independent opinion here. All is pure.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

import coincurve
import sha3  # type: ignore[import-untyped]  # the package ships no types

__all__ = [
    "EXCHANGE",
    "EXCHANGE_V3",
    "NEG_RISK_EXCHANGE",
    "ORDER_TYPE",
    "SignedFields",
    "clob_auth_digest",
    "domain_separator",
    "exchange_domain",
    "keccak",
    "l2_signature",
    "order_digest",
    "order_hash",
    "recover",
    "verify_order",
    "wallet_digest",
]

EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = {137: "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa", 80002: "0x9fE6e61422AdB6F610d8597F9684b16912D50C3D"}

ORDER_TYPE = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,"
    b"uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_WALLET_TYPE = (
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_AUTH_TYPE = b"ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_AUTH_TEXT = b"This message attests that I control the given wallet"
_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_AUTH_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId)"


def keccak(data: bytes) -> bytes:
    return bytes(sha3.keccak_256(data).digest())


def _word(value: int) -> bytes:
    return value.to_bytes(32)


def _address(text: str) -> bytes:
    """An address as a 32-byte word. Raises ValueError when it is none."""
    raw = bytes.fromhex(text.removeprefix("0x"))
    if len(raw) != 20:
        raise ValueError(f"{text!r} is not an address")
    return raw.rjust(32, b"\0")


@lru_cache(maxsize=32)
def domain_separator(name: str, version: str, chain_id: int, contract: str | None = None) -> bytes:
    head = _AUTH_DOMAIN_TYPE if contract is None else _DOMAIN_TYPE
    body = keccak(head) + keccak(name.encode()) + keccak(version.encode()) + _word(chain_id)
    return keccak(body if contract is None else body + _address(contract))


def exchange_domain(version: str, neg_risk: bool, chain_id: int) -> bytes:
    """The domain an order of a market must be signed under: Gamma's version decides, then neg risk."""
    name = "Polymarket CTF Exchange"
    if version == "v2":
        return domain_separator(name, "3", chain_id, EXCHANGE_V3.get(chain_id, EXCHANGE_V3[137]))
    return domain_separator(name, "2", chain_id, NEG_RISK_EXCHANGE if neg_risk else EXCHANGE)


def clob_auth_digest(address: str, timestamp: str, nonce: int, chain_id: int) -> bytes:
    """What an L1 request signs."""
    struct = keccak(
        keccak(_AUTH_TYPE) + _address(address) + keccak(timestamp.encode()) + _word(nonce) + keccak(_AUTH_TEXT),
    )
    return keccak(b"\x19\x01" + domain_separator("ClobAuthDomain", "1", chain_id) + struct)


def l2_signature(secret: str, timestamp: str, method: str, path: str, body: bytes) -> str:
    """The HMAC of an L2 request; path has neither host nor query. Raises ValueError for a secret that is not base64url."""
    key = base64.urlsafe_b64decode(secret)
    message = timestamp.encode() + method.upper().encode() + path.encode() + body
    return base64.urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)).decode()


@dataclass(frozen=True, slots=True)
class SignedFields:
    """The eleven signed fields of an order; side is 0 BUY, 1 SELL; metadata and builder are 32 bytes."""

    salt: int
    maker: str
    signer: str
    token: int
    maker_amount: int
    taker_amount: int
    side: int
    signature_type: int
    timestamp: int
    metadata: bytes
    builder: bytes


def order_hash(order: SignedFields) -> bytes:
    """hashStruct(Order)."""
    return keccak(
        b"".join(
            (
                keccak(ORDER_TYPE),
                _word(order.salt),
                _address(order.maker),
                _address(order.signer),
                _word(order.token),
                _word(order.maker_amount),
                _word(order.taker_amount),
                _word(order.side),
                _word(order.signature_type),
                _word(order.timestamp),
                order.metadata,
                order.builder,
            )
        )
    )


def order_digest(order: SignedFields, domain: bytes) -> bytes:
    """The order id in all APIs, and what types 0 to 2 sign."""
    return keccak(b"\x19\x01" + domain + order_hash(order))


def wallet_digest(order: SignedFields, domain: bytes, chain_id: int) -> bytes:
    """What the owner of a deposit wallet signs (type 3, ERC-7739), under the exchange's domain."""
    struct = keccak(
        keccak(_WALLET_TYPE)
        + order_hash(order)
        + keccak(b"DepositWallet")
        + keccak(b"1")
        + _word(chain_id)
        + _address(order.maker)
        + _word(0)
    )
    return keccak(b"\x19\x01" + domain + struct)


def recover(digest: bytes, signature: bytes) -> str | None:
    """The lower-case address behind a 65-byte signature, None when it proves nothing."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    try:
        key = coincurve.PublicKey.from_signature_and_message(signature[:64] + bytes((signature[64] - 27,)), digest, hasher=None)
    except Exception:  # coincurve raises ValueError for bad numbers and a bare Exception for an unrecoverable point
        return None
    return "0x" + keccak(key.format(compressed=False)[1:])[-20:].hex()


def verify_order(order: SignedFields, signature: bytes, domain: bytes, chain_id: int, owner: str) -> bool:
    """Whether owner (an EOA) signed this order for this exchange, in the form its signature type asks for."""
    if order.signature_type != 3:
        return recover(order_digest(order, domain), signature) == owner.lower()
    tail = domain + order_hash(order) + ORDER_TYPE + len(ORDER_TYPE).to_bytes(2)
    if signature[65:] != tail:
        return False
    return recover(wallet_digest(order, domain, chain_id), signature[:65]) == owner.lower()
