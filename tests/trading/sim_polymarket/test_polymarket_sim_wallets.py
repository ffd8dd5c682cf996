"""Envelopes as the venue's own client (polymarket-client 0.14.0) signs and packs them: vectors of the public development key."""

from trading.sim.polymarket_auth import recover
from trading.sim.polymarket_chain import Call, selector
from trading.sim.polymarket_contracts import CTF, EXCHANGE, NEG_RISK_EXCHANGE, PROXY_FACTORY, PUSD, RELAY, RELAY_HUB
from trading.sim.polymarket_wallets import batch_digest, proxy_calls, proxy_digest, safe_calls, safe_digest, verify_personal

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
NOBODY = "0x" + "00" * 20


def word(value: int | str) -> bytes:
    return int(value, 16).to_bytes(32) if isinstance(value, str) else value.to_bytes(32)


CALLS = [
    Call(PUSD, 0, selector("approve(address,uint256)") + word(EXCHANGE) + word(7)),
    Call(CTF, 0, selector("setApprovalForAll(address,bool)") + word(NEG_RISK_EXCHANGE) + word(1)),
]
BATCH = bytes.fromhex(
    "d927b34d049e91b9d8f198fff08fdb58b5acff42ec103e25dd6b0aa40076c37f0c1e34d0aa8a1b352266880e793b41ee653527f53fa204d9284459c6"
    "375b406a1b"
)
SAFE = bytes.fromhex(
    "a8c2c5e8b17da55c7804a8e53c822296d1ceb5cb08bf1c13d50a4776c3ae088f3e1dad4911a2128862cd1eb7bdbafb29554b3dbb0510b05c2b57f12b"
    "607afd4c20"
)
PROXY = bytes.fromhex(
    "95c45b1f181138377414e706e2b73d847299de2ea8f40dc67a7816c13d3c00ad601dfabd85b0da2c623ce711a9b440789105c3f40b6760c0cea363bc"
    "c2ecacf41c"
)
PROXIED = bytes.fromhex(
    "34ee97910000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000"
    "000000000000000200000000000000000000000000000000000000000000000000000000000000400000000000000000000000000000000000000000"
    "0000000000000000000001400000000000000000000000000000000000000000000000000000000000000001000000000000000000000000c011a7e1"
    "2a19f7b1f670d46f03b03f3342e82dfb0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000800000000000000000000000000000000000000000000000000000000000000044095ea7b300000000"
    "0000000000000000e111180000d2663c0091e4f400237545b87b996b0000000000000000000000000000000000000000000000000000000000000007"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001"
    "0000000000000000000000004d97dcd97ec945f40cf65f87097ace5ea047604500000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000080000000000000000000000000000000000000000000000000"
    "0000000000000044a22cb465000000000000000000000000e2222d279d744050d28e00520010520000310f5900000000000000000000000000000000"
    "0000000000000000000000000000000100000000000000000000000000000000000000000000000000000000"
)
MULTI_SEND = bytes.fromhex(
    "8d80ff0a0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000"
    "000000000000013200c011a7e12a19f7b1f670d46f03b03f3342e82dfb00000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000044095ea7b3000000000000000000000000e111180000d2663c0091e4"
    "f400237545b87b996b0000000000000000000000000000000000000000000000000000000000000007004d97dcd97ec945f40cf65f87097ace5ea047"
    "604500000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000044a22cb465000000000000000000000000e2222d279d744050d28e00520010520000310f59000000000000000000000000000000000000"
    "00000000000000000000000000010000000000000000000000000000"
)


def same(found: list[Call]) -> bool:
    return [(c.target.lower(), c.value, c.data) for c in found] == [(c.target.lower(), c.value, c.data) for c in CALLS]


def test_batch_of_a_deposit_wallet_is_what_the_official_client_signs() -> None:
    """Type 3: EIP-712 Batch under the wallet's own domain."""
    assert recover(batch_digest(WALLET, 7, 1_790_000_600, CALLS, 137), BATCH) == OWNER.lower()


def test_transaction_of_a_safe_is_what_the_official_client_signs() -> None:
    """Type 2: the SafeTx digest as a personal message, v raised by 4; another nonce proves nothing."""
    zero = {"baseGas": "0", "gasPrice": "0", "gasToken": NOBODY, "refundReceiver": NOBODY, "safeTxnGas": "0", "operation": "0"}
    body = {"to": PUSD, "signatureParams": zero}

    assert verify_personal(safe_digest(WALLET, body, CALLS[0].data, 7, 137), SAFE, OWNER, raised=4)
    assert not verify_personal(safe_digest(WALLET, body, CALLS[0].data, 8, 137), SAFE, OWNER, raised=4)


def test_relayed_call_of_a_proxy_is_what_the_official_client_signs() -> None:
    """Type 1: the keccak of the relayed call as a personal message."""
    terms = {"gasLimit": "200000", "gasPrice": "0", "relay": RELAY, "relayHub": RELAY_HUB, "relayerFee": "0"}
    body = {"to": PROXY_FACTORY, "signatureParams": terms}

    assert verify_personal(proxy_digest(OWNER, body, PROXIED, 9), PROXY, OWNER)


def test_packed_calls_unpack_to_what_was_packed() -> None:
    """multiSend of a Safe and the proxy factory's array, as the official client encodes them."""
    bundle = {"to": "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761", "signatureParams": {"operation": "1"}}

    assert same(proxy_calls(PROXIED))
    assert same(safe_calls(bundle, MULTI_SEND))
