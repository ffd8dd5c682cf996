"""Signatures of wallets over contract calls, and the envelopes the relayer takes (polymarket.md 13).

    type 1 proxy           keccak of the relayed call, signed as a personal message
    type 2 Safe            SafeTx under the Safe's domain, signed as a personal message, v + 4; several calls by multiSend
    type 3 deposit wallet  Batch(wallet, nonce, deadline, calls) under the wallet's own domain

Each carries the wallet's nonce, so that of all envelopes with one nonce at most one can ever be executed. That is what makes a
lost answer harmless (relayer.py). A plain key (type 0) pays its own gas and has no envelope.
"""

from collections.abc import Callable, Sequence
from typing import Any

from trading.errors import Misuse
from trading.polymarket.calls import Call, address_word, multi_send, padded, proxied, word
from trading.polymarket.contracts import DEPOSIT_FACTORY, PROXY_FACTORY, RELAY_HUB, SAFE_MULTISEND
from trading.polymarket.sign import Account, keccak

__all__ = ["KINDS", "batch_signature", "create_envelope", "envelope", "session_wrapped"]

KINDS = {1: "PROXY", 2: "SAFE", 3: "WALLET"}
"""The relayer's word for each signature type."""

_CALL_TYPE = b"Call(address target,uint256 value,bytes data)"
_BATCH_TYPE = b"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + _CALL_TYPE
_SAFE_TYPE = (
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    b"address gasToken,address refundReceiver,uint256 nonce)"
)
_WALLET_DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_SAFE_DOMAIN = b"EIP712Domain(uint256 chainId,address verifyingContract)"
_SESSION_MARK = bytes.fromhex("6492" * 16)
_NOBODY = "0x" + "00" * 20
_PROXY_GAS = 200_000
"""What the venue's own client asks for when it has no node to estimate with."""


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _personal(account: Account, digest: bytes) -> bytes:
    """Sign 32 bytes the way wallets sign messages (EIP-191)."""
    return account.sign_digest(keccak(b"\x19Ethereum Signed Message:\n32" + digest))


def session_wrapped(signer: str, signature: bytes) -> bytes:
    """A session key's signature as a deposit wallet reads it: signer id, 32 zero bytes, the signature, the mark (4.3)."""
    return address_word(signer) + bytes(32) + word(3 * 32) + padded(signature) + _SESSION_MARK


def batch_signature(account: Account, calls: Sequence[Call], *, nonce: int, deadline: int) -> str:
    """The owner's signature over a deposit wallet's batch. deadline is unix seconds."""
    domain = keccak(
        keccak(_WALLET_DOMAIN) + keccak(b"DepositWallet") + keccak(b"1") + word(account.chain_id) + address_word(account.maker)
    )
    call_type = keccak(_CALL_TYPE)
    hashes = b"".join(keccak(call_type + address_word(c.target) + word(0) + keccak(c.data)) for c in calls)
    batch = keccak(keccak(_BATCH_TYPE) + address_word(account.maker) + word(nonce) + word(deadline) + keccak(hashes))
    return _hex(account.sign_digest(keccak(b"\x19\x01" + domain + batch)))


def _deposit(account: Account, calls: Sequence[Call], nonce: int, deadline: int, relay: str) -> dict[str, Any]:
    return {
        "to": DEPOSIT_FACTORY,
        "nonce": str(nonce),
        "signature": batch_signature(account, calls, nonce=nonce, deadline=deadline),
        "depositWalletParams": {
            "depositWallet": account.maker,
            "deadline": str(deadline),
            "calls": [{"target": c.target, "value": "0", "data": _hex(c.data)} for c in calls],
        },
    }


def _safe(account: Account, calls: Sequence[Call], nonce: int, deadline: int, relay: str) -> dict[str, Any]:
    one = len(calls) == 1
    target, data = (calls[0].target, calls[0].data) if one else (SAFE_MULTISEND, multi_send(calls))
    operation = 0 if one else 1  # a bundle is run inside the Safe itself
    domain = keccak(keccak(_SAFE_DOMAIN) + word(account.chain_id) + address_word(account.maker))
    body = keccak(
        keccak(_SAFE_TYPE) + address_word(target) + word(0) + keccak(data) + word(operation) + bytes(5 * 32) + word(nonce)
    )
    signature = _personal(account, keccak(b"\x19\x01" + domain + body))
    return {
        "to": target,
        "proxyWallet": account.maker,
        "data": _hex(data),
        "nonce": str(nonce),
        "signature": _hex(signature[:64] + bytes((signature[64] + 4,))),
        "signatureParams": {
            "baseGas": "0",
            "gasPrice": "0",
            "gasToken": _NOBODY,
            "operation": str(operation),
            "refundReceiver": _NOBODY,
            "safeTxnGas": "0",
        },
    }


def _proxy(account: Account, calls: Sequence[Call], nonce: int, deadline: int, relay: str) -> dict[str, Any]:
    data = proxied(calls)
    parties = address_word(account.address)[12:] + address_word(PROXY_FACTORY)[12:]
    limits = word(0) + word(0) + word(_PROXY_GAS) + word(nonce)
    relayed = keccak(b"rlx:" + parties + data + limits + address_word(RELAY_HUB)[12:] + address_word(relay)[12:])
    return {
        "to": PROXY_FACTORY,
        "proxyWallet": account.maker,
        "data": _hex(data),
        "nonce": str(nonce),
        "signature": _hex(_personal(account, relayed)),
        "signatureParams": {
            "gasLimit": str(_PROXY_GAS),
            "gasPrice": "0",
            "relay": relay,
            "relayHub": RELAY_HUB,
            "relayerFee": "0",
        },
    }


_FORMS: dict[int, Callable[[Account, Sequence[Call], int, int, str], dict[str, Any]]] = {1: _proxy, 2: _safe, 3: _deposit}


def envelope(
    account: Account, calls: Sequence[Call], *, nonce: int, deadline: int, relay: str = "", metadata: str = ""
) -> dict[str, Any]:
    """The body of POST /submit. deadline (unix seconds) binds deposit wallets only, relay is needed for proxies only.

    Raises Misuse without calls or for a plain key.
    """
    if not calls or account.signature_type not in _FORMS:
        raise Misuse(f"{len(calls)} calls of a type {account.signature_type} wallet cannot be relayed")
    form = _FORMS[account.signature_type](account, calls, nonce, deadline, relay)
    return {"type": KINDS[account.signature_type], "from": account.address, "metadata": metadata, **form}


def create_envelope(account: Account) -> dict[str, Any]:
    """The body that makes an owner's deposit wallet exist on chain. Raises Misuse for another kind of wallet."""
    if account.signature_type != 3:
        raise Misuse(f"type {account.signature_type} wallets are not created here; new ones are deposit wallets (type 3)")
    return {"type": "WALLET-CREATE", "from": account.address, "to": DEPOSIT_FACTORY, "metadata": ""}
