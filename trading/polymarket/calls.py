"""Contract calls as bytes: approve, split, merge, redeem, session signers, and calls packed for a proxy or a Safe.

Only the few argument shapes of polymarket.md 13 are encoded, by hand: 32-byte words, dynamic parts at the end, each named by its
offset. Amounts are 6-decimal integers. Pure; what may be called with which market is decided here, when is decided elsewhere.
"""

from collections.abc import Sequence

import msgspec

from trading.errors import Misuse
from trading.polymarket.contracts import ADAPTER, NEG_RISK_ADAPTER, PUSD, ROUTER
from trading.polymarket.sign import keccak

__all__ = [
    "MAX_UINT256",
    "Call",
    "address_word",
    "allow",
    "authorize_session",
    "merge",
    "multi_send",
    "padded",
    "proxied",
    "redeem",
    "revoke_session",
    "split",
    "word",
]

MAX_UINT256 = 2**256 - 1
_BOTH = (1, 2)
"""Index sets of the two outcomes, which are also the partition."""


class Call(msgspec.Struct, frozen=True):
    """One contract call without value."""

    target: str
    data: bytes


def word(value: int) -> bytes:
    """An unsigned integer as 32 bytes. Raises Misuse outside uint256."""
    if not 0 <= value <= MAX_UINT256:
        raise Misuse(f"{value} is no uint256")
    return value.to_bytes(32)


def address_word(address: str) -> bytes:
    """An address as 32 bytes. Raises Misuse when it is none."""
    try:
        raw = bytes.fromhex(address.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 20:
        raise Misuse(f"{address!r} is no address")
    return bytes(12) + raw


def _selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


def padded(data: bytes) -> bytes:
    """The argument type bytes: the length, then the data filled up to whole words."""
    return word(len(data)) + data + bytes(-len(data) % 32)


_APPROVE = _selector("approve(address,uint256)")
_APPROVE_ALL = _selector("setApprovalForAll(address,bool)")
_SPLIT = _selector("splitPosition(address,bytes32,bytes32,uint256[],uint256)")
_MERGE = _selector("mergePositions(address,bytes32,bytes32,uint256[],uint256)")
_REDEEM = _selector("redeemPositions(address,bytes32,bytes32,uint256[])")
_ROUTER_SPLIT = _selector("split(bytes31,uint256)")
_ROUTER_MERGE = _selector("merge(bytes31,uint256)")
_ROUTER_REDEEM = _selector("redeem(bytes31,uint256,uint256)")
_AUTHORIZE = _selector("authorizeSessionSigner(address,uint256)")
_REVOKE = _selector("revokeSessionSigner(address)")
_MULTI_SEND = _selector("multiSend(bytes)")
_PROXY = _selector("proxy((uint8,address,uint256,bytes)[])")


def allow(token: str, spender: str) -> Call:
    """Let spender move a token: without limit for pUSD, every id for the outcome tokens."""
    if token.lower() == PUSD.lower():
        return Call(token, _APPROVE + address_word(spender) + word(MAX_UINT256))
    return Call(token, _APPROVE_ALL + address_word(spender) + word(1))


def _condition(market: str, version: str) -> bytes:
    """The condition id as one word. A v2 id is 31 bytes, padded on the right (polymarket.md 2.2). Raises Misuse."""
    try:
        raw = bytes.fromhex(market.removeprefix("0x"))
    except ValueError:
        raw = b""
    if version == "v2" and len(raw) == 31:
        raw += b"\x00"
    if len(raw) != 32 or (version == "v2" and raw[31] > 1):
        raise Misuse(f"{market!r} is no condition id of a {version or 'versionless'} market")
    return raw[:31] + b"\x00" if version == "v2" else raw


def _adapter(version: str, neg_risk: bool) -> str:
    if version != "v1":
        raise Misuse(f"market version {version!r} is neither v1 nor v2; its tokens are not touched (B-423)")
    return NEG_RISK_ADAPTER if neg_risk else ADAPTER


def _sets(signature: bytes, market: str, amount: int | None) -> bytes:
    """pUSD, the root collection, the condition, both index sets, and the amount where there is one."""
    head = address_word(PUSD) + bytes(32) + _condition(market, "v1")
    tail = word(len(_BOTH)) + b"".join(word(index) for index in _BOTH)
    middle = word(4 * 32) if amount is None else word(5 * 32) + word(amount)
    return signature + head + middle + tail


def split(market: str, amount: int, *, version: str, neg_risk: bool) -> Call:
    """pUSD into as many tokens of both outcomes. Raises Misuse for an unknown version."""
    if version == "v2":
        return Call(ROUTER, _ROUTER_SPLIT + _condition(market, "v2") + word(amount))
    return Call(_adapter(version, neg_risk), _sets(_SPLIT, market, amount))


def merge(market: str, amount: int, *, version: str, neg_risk: bool) -> Call:
    """Tokens of both outcomes back into as much pUSD. Raises Misuse for an unknown version."""
    if version == "v2":
        return Call(ROUTER, _ROUTER_MERGE + _condition(market, "v2") + word(amount))
    return Call(_adapter(version, neg_risk), _sets(_MERGE, market, amount))


def redeem(market: str, held: tuple[int, int], *, version: str, neg_risk: bool) -> tuple[Call, ...]:
    """Resolved tokens into pUSD: v1 burns all that is held at once, v2 takes an amount per outcome. Raises Misuse."""
    if version == "v2":
        condition = _condition(market, "v2")
        return tuple(
            Call(ROUTER, _ROUTER_REDEEM + condition + word(index) + word(amount))
            for index, amount in enumerate(held)
            if amount > 0
        )
    return (Call(_adapter(version, neg_risk), _sets(_REDEEM, market, None)),)


def authorize_session(wallet: str, signer: str, valid_until: int) -> Call:
    """Let another key sign for a deposit wallet until valid_until (unix seconds)."""
    return Call(wallet, _AUTHORIZE + address_word(signer) + word(valid_until))


def revoke_session(wallet: str, signer: str) -> Call:
    return Call(wallet, _REVOKE + address_word(signer))


def multi_send(calls: Sequence[Call]) -> bytes:
    """Data of a Safe's multiSend: operation 0, target, value 0, length and data of each call, packed."""
    packed = b"".join(b"\x00" + address_word(c.target)[12:] + word(0) + word(len(c.data)) + c.data for c in calls)
    return _MULTI_SEND + word(32) + padded(packed)


def proxied(calls: Sequence[Call]) -> bytes:
    """Data of the proxy factory's call: an array of (type 1 = call, target, value 0, data)."""
    parts = [word(1) + address_word(c.target) + word(0) + word(4 * 32) + padded(c.data) for c in calls]
    offsets, at = b"", 32 * len(parts)
    for part in parts:
        offsets += word(at)
        at += len(part)
    return _PROXY + word(32) + word(len(parts)) + offsets + b"".join(parts)
