"""What wallets sign: contract calls in the envelopes of each wallet type, and orders by a session key.

    type 1 proxy           personal message over keccak("rlx:" + relayed call)
    type 2 Safe            SafeTx digest signed as a personal message, v raised by 4; several calls through multiSend
    type 3 deposit wallet  Batch(wallet, nonce, deadline, calls) under the wallet's own domain; orders also by session keys

Written from the contract alone (polymarket.md 4.3 and 13). All is pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from trading.sim.polymarket_auth import SignedFields, domain_separator, keccak, recover, verify_order
from trading.sim.polymarket_chain import Call, Reverted, checksum, selector, words
from trading.sim.polymarket_contracts import PROXY_FACTORY, RELAY, RELAY_HUB, SAFE_MULTISEND

__all__ = [
    "batch_digest",
    "proxy_calls",
    "proxy_digest",
    "safe_calls",
    "safe_digest",
    "verify_personal",
    "verify_session_order",
]

_CALL_TYPE = b"Call(address target,uint256 value,bytes data)"
_BATCH_TYPE = b"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + _CALL_TYPE
_SAFE_TYPE = (
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    b"address gasToken,address refundReceiver,uint256 nonce)"
)
_SAFE_DOMAIN = b"EIP712Domain(uint256 chainId,address verifyingContract)"
_SESSION_MARK = bytes.fromhex("6492" * 16)
_MULTI_SEND = selector("multiSend(bytes)")
_PROXY = selector("proxy((uint8,address,uint256,bytes)[])")


def _raw(address: str) -> bytes:
    raw = bytes.fromhex(address.removeprefix("0x"))
    if len(raw) != 20:
        raise ValueError(f"{address!r} is not an address")
    return raw


def _word(value: int) -> bytes:
    return value.to_bytes(32)


# --- what was signed -------------------------------------------------------------------------------------------------------


def batch_digest(wallet: str, nonce: int, deadline: int, calls: Sequence[Call], chain_id: int) -> bytes:
    """What the owner of a deposit wallet signs over its calls."""
    call_type = keccak(_CALL_TYPE)
    each = (keccak(call_type + _raw(c.target).rjust(32, b"\0") + _word(c.value) + keccak(c.data)) for c in calls)
    batch = _raw(wallet).rjust(32, b"\0") + _word(nonce) + _word(deadline) + keccak(b"".join(each))
    domain = domain_separator("DepositWallet", "1", chain_id, wallet)
    return keccak(b"\x19\x01" + domain + keccak(keccak(_BATCH_TYPE) + batch))


def safe_digest(safe: str, body: Mapping[str, Any], data: bytes, nonce: int, chain_id: int) -> bytes:
    """What the owner of a Safe signs: its gas terms are zero when the relayer pays. Raises ValueError."""
    terms = body["signatureParams"]
    gas = b"".join(_word(int(terms[name])) for name in ("safeTxnGas", "baseGas", "gasPrice"))
    parties = b"".join(_raw(terms[name]).rjust(32, b"\0") for name in ("gasToken", "refundReceiver"))
    head = _raw(body["to"]).rjust(32, b"\0") + _word(int(body.get("value", "0"))) + keccak(data)
    domain = keccak(keccak(_SAFE_DOMAIN) + _word(chain_id) + _raw(safe).rjust(32, b"\0"))
    struct = keccak(keccak(_SAFE_TYPE) + head + _word(int(terms["operation"])) + gas + parties + _word(nonce))
    return keccak(b"\x19\x01" + domain + struct)


def proxy_digest(owner: str, body: Mapping[str, Any], data: bytes, nonce: int) -> bytes:
    """What the owner of a proxy signs. Raises ValueError for another relay, hub or factory."""
    terms = body["signatureParams"]
    named = (body["to"], terms["relayHub"], terms["relay"])
    if [name.lower() for name in named] != [name.lower() for name in (PROXY_FACTORY, RELAY_HUB, RELAY)]:
        raise ValueError("another relay")
    limits = b"".join(_word(int(terms[name])) for name in ("relayerFee", "gasPrice", "gasLimit")) + _word(nonce)
    return keccak(b"rlx:" + _raw(owner) + _raw(PROXY_FACTORY) + data + limits + _raw(RELAY_HUB) + _raw(RELAY))


def verify_personal(digest: bytes, signature: bytes, owner: str, *, raised: int = 0) -> bool:
    """Whether owner signed 32 bytes as a personal message; raised is what was added to v (4 for a Safe)."""
    if len(signature) != 65 or signature[64] < raised:
        return False
    plain = signature[:64] + bytes((signature[64] - raised,))
    return recover(keccak(b"\x19Ethereum Signed Message:\n32" + digest), plain) == owner.lower()


def verify_session_order(order: SignedFields, signature: bytes, domain: bytes, chain_id: int, signer: str) -> bool:
    """Whether a session key signed: (signer id, 32 zero bytes, the type 3 signature) encoded, then the mark (4.3)."""
    if signature[-32:] != _SESSION_MARK or len(signature) < 5 * 32:
        return False
    body = signature[:-32]
    length = int.from_bytes(body[96:128])
    inner = body[128 : 128 + length]
    padded = inner + bytes(-len(inner) % 32)
    if body != _raw(signer).rjust(32, b"\0") + bytes(32) + _word(96) + _word(len(inner)) + padded:
        return False
    return verify_order(order, inner, domain, chain_id, signer)


# --- packed calls ----------------------------------------------------------------------------------------------------------


def safe_calls(body: Mapping[str, Any], data: bytes) -> list[Call]:
    """The calls of a Safe's envelope: one, or those packed into multiSend. Raises Reverted."""
    if str(body["signatureParams"]["operation"]) == "0":
        return [Call(str(body["to"]), int(body.get("value", "0")), data)]
    if str(body["to"]).lower() != SAFE_MULTISEND.lower() or data[:4] != _MULTI_SEND:
        raise Reverted("execution reverted: a Safe delegates to multiSend only")
    args = words(data[4:], 2)
    packed = data[4 + 64 : 4 + 64 + args[1]]
    calls, at = [], 0
    while at < len(packed):
        size = int.from_bytes(packed[at + 53 : at + 85])
        part = packed[at + 85 : at + 85 + size]
        if packed[at] or len(part) != size:
            raise Reverted("execution reverted: multiSend data is cut short")
        calls.append(Call("0x" + packed[at + 1 : at + 21].hex(), int.from_bytes(packed[at + 21 : at + 53]), part))
        at += 85 + size
    return calls


def proxy_calls(data: bytes) -> list[Call]:
    """The calls a proxy factory is asked to make. Raises Reverted."""
    if data[:4] != _PROXY:
        raise Reverted("execution reverted: the factory has no such function")
    body = data[4:]
    words(body, 2)
    base, calls = 64, []
    for number in range(min(int.from_bytes(body[32:64]), len(body) // 32)):
        at = base + int.from_bytes(body[base + 32 * number : base + 32 * number + 32])
        kind, target, value, offset = words(body[at : at + 128], 4)
        size = int.from_bytes(body[at + offset : at + offset + 32])
        part = body[at + offset + 32 : at + offset + 32 + size]
        if kind != 1 or len(part) != size:
            raise Reverted("execution reverted: a call of the proxy is cut short")
        calls.append(Call(checksum(target), value, part))
    return calls
