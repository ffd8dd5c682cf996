"""Contract calls and wallet signatures against vectors made with the venue's own Python package (0.14.0)."""

import pytest
from polymarket_rows import ACCOUNT, KEY, WALLET

from trading.errors import Misuse
from trading.polymarket.calls import (
    Call,
    address_word,
    allow,
    authorize_session,
    merge,
    multi_send,
    proxied,
    redeem,
    revoke_session,
    split,
    word,
)
from trading.polymarket.contracts import (
    ADAPTER,
    CTF,
    EXCHANGE,
    NEG_RISK_ADAPTER,
    NEG_RISK_EXCHANGE,
    PERMISSIONS,
    PUSD,
    ROUTER,
)
from trading.polymarket.sign import Account, checksum, keccak
from trading.polymarket.wallets import batch_signature, create_envelope, envelope, session_wrapped
from trading.secrets import Secret

ONE = "0x" + "ab" * 32
TWO = "0x01" + "ab" * 30 + "00"
CALLS = (
    allow(PUSD, EXCHANGE),
    allow(CTF, NEG_RISK_EXCHANGE),
    split(ONE, 7_000_000, version="v1", neg_risk=False),
    merge(ONE, 5_000_000, version="v1", neg_risk=False),
)
OWNER = ACCOUNT.address
SAFE = Account(Secret(KEY), WALLET, 2)
PROXY = Account(Secret(KEY), WALLET, 1)


@pytest.mark.parametrize(
    ("call", "target", "selector", "digest"),
    [
        (CALLS[0], PUSD, "095ea7b3", "c8c060c5cb2da9d0d28541819d7fd6f610c0418afa1a9338ffc7ed9a4fabfc9a"),
        (CALLS[1], CTF, "a22cb465", "afb6823cb5e56dca683d964b74bfb2affe9c95eb43fca20cd9433eda65b1c5a4"),
        (CALLS[2], ADAPTER, "72ce4275", "3d171a5ddcbe9e985fe8fddfed6cf5407346e45236aeb0f722022bca4b7c34c4"),
        (CALLS[3], ADAPTER, "9e7212ad", "e93ee8aaec653c4c3986a7cebd9cebcbbaac40530b574e0883ea96cf90075759"),
        (
            redeem("0x" + "cd" * 32, (1, 2), version="v1", neg_risk=True)[0],
            NEG_RISK_ADAPTER,
            "01b7037c",
            "62cff8e6cbdaab04d1314bdf73aff31ca6f56eb4a0d9ff637ef96fc808b2e8b8",
        ),
        (
            split(TWO, 3, version="v2", neg_risk=False),
            ROUTER,
            "82d3b9f1",
            "376be6864aacb4f25b427d4d4ff611cc787ae078e9ada52fb48c6a69ac0cdb7e",
        ),
        (
            merge(TWO, 4, version="v2", neg_risk=True),
            ROUTER,
            "5b63685e",
            "a959106e842a2aa35c42d39dfec96f79985c278817d4f5a127a6c962e2bdd8cc",
        ),
        (
            redeem(TWO, (0, 5), version="v2", neg_risk=False)[0],
            ROUTER,
            "d217a3cc",
            "3bcb7322280f20e21e6918593fd6eaedfd9271744f4211eff21bb6c3f7bd58ba",
        ),
        (
            authorize_session(WALLET, OWNER, 1_800_000_000),
            WALLET,
            "24017fae",
            "1eb08d3edd7f995c82ac2e5799f4fe18eeb23204156b117418e4456848ecf7ad",
        ),
        (
            revoke_session(WALLET, OWNER),
            WALLET,
            "e63f952f",
            "5989177b9dea12223a1289d06770734dc46b8aa1c34b5e6411d9769b5ddfed7b",
        ),
    ],
)
def test_calls_are_the_bytes_the_contracts_read(call: Call, target: str, selector: str, digest: str) -> None:
    """Target, selector and every argument byte equal the official package's."""
    assert call.target == target
    assert call.data[:4].hex() == selector
    assert keccak(call.data).hex() == digest


def test_redeeming_names_each_held_outcome_of_a_v2_market() -> None:
    """v1 burns everything in one call; v2 takes an amount per outcome and none for what is not held."""
    assert len(redeem(ONE, (5, 5), version="v1", neg_risk=False)) == 1
    assert len(redeem(TWO, (5, 6), version="v2", neg_risk=False)) == 2
    assert redeem(TWO, (0, 0), version="v2", neg_risk=False) == ()


@pytest.mark.parametrize(("market", "version"), [("0x12", "v1"), ("zz", "v1"), (ONE, "v2"), (ONE, "v3"), (ONE, "")])
def test_foreign_ids_and_versions_are_not_called(market: str, version: str) -> None:
    """No call is built for an id or version that is not understood (B-423)."""
    with pytest.raises(Misuse):
        merge(market, 1, version=version, neg_risk=False)


def test_words_refuse_what_does_not_fit() -> None:
    for wrong in (-1, 2**256):
        with pytest.raises(Misuse):
            word(wrong)
    for text in ("0x12", "no hex"):
        with pytest.raises(Misuse):
            address_word(text)


def test_deposit_wallet_batch_signature() -> None:
    """The batch of four calls is signed under the wallet's own domain."""
    assert batch_signature(ACCOUNT, CALLS, nonce=7, deadline=1_790_000_600) == (
        "0x4589a22ef78557735ea015aa7efa80da016a41a8b84dbae80c29578d77e9fe43"
        "0ac8ecfb9b2b0510d0d78cca81eda065f66e9bd48ff7a7ca5d528d1fbce39f571b"
    )
    body = envelope(ACCOUNT, CALLS, nonce=7, deadline=1_790_000_600)
    assert (body["type"], body["from"], body["nonce"]) == ("WALLET", OWNER, "7")
    assert body["depositWalletParams"]["deadline"] == "1790000600"
    assert body["depositWalletParams"]["calls"][0] == {"target": PUSD, "value": "0", "data": "0x" + CALLS[0].data.hex()}


def test_safe_signatures_of_one_and_of_several_calls() -> None:
    """One call goes as it is, several as a multiSend run by the Safe itself; v is moved by four."""
    one = envelope(SAFE, CALLS[:1], nonce=7, deadline=0)
    several = envelope(SAFE, CALLS[:3], nonce=8, deadline=0)

    assert one["signature"] == (
        "0xde8ee2fea2a94c058c26147853f95a5fa71a10001e981773ebbdcfc43403291e"
        "540f3089f79085c522474a21416a28bac350c57c359e0e0896af1980cbbd317320"
    )
    assert (one["to"], one["signatureParams"]["operation"]) == (PUSD, "0")
    assert keccak(multi_send(CALLS[:3])).hex() == "1fb9e96d882f9fee4050f4a2677635b73a1a5bc48a970959a8cf9fe52a95d109"
    assert several["signature"] == (
        "0x2565922087f296b39208d83853c89d638aa30799470ddf6185f03eb78bf2005d"
        "161b16ad3e19c644093e50d465a5ad745aa4ba22fdb3f749a24fe9978e01ae7b20"
    )
    assert several["signatureParams"]["operation"] == "1"


def test_proxy_signature_covers_the_relayed_call() -> None:
    body = envelope(PROXY, CALLS[:3], nonce=9, deadline=0, relay=WALLET)

    assert keccak(proxied(CALLS[:3])).hex() == "92dce0edd6dce17424fd0d24d2622b145f402ff77f052224fe90b0d31f7f1a40"
    assert body["signature"] == (
        "0xb98e3399483b1d6964d00beed26318ed46526a1d7ed9b77639f87fae9f463bcf"
        "3126fa8003820027735bb04c8d89c9e3cec20faa4a7aa4e80f0b924819702db71c"
    )


def test_plain_keys_and_empty_batches_are_not_relayed() -> None:
    """A type 0 wallet pays its own gas; creating is for deposit wallets."""
    plain = Account(Secret(KEY), "", 0)
    for account, calls in ((plain, CALLS), (ACCOUNT, ())):
        with pytest.raises(Misuse):
            envelope(account, calls, nonce=0, deadline=0)
    with pytest.raises(Misuse):
        create_envelope(SAFE)
    assert create_envelope(ACCOUNT)["type"] == "WALLET-CREATE"


def test_session_signatures_are_wrapped_for_the_wallet() -> None:
    """Signer id, zero word, the signature with its length, the mark: also around the 317 bytes of an order."""
    short, long = session_wrapped(OWNER, b"\x11" * 65), session_wrapped(OWNER, b"\x11" * 317)

    assert short.hex().startswith("0" * 24 + OWNER[2:].lower() + "0" * 64)
    assert short.hex().endswith("6492" * 16)
    assert len(short) == 8 * 32
    assert keccak(long).hex() == "a23d77f6101b48120fbeacc4c1c719d3822b91eb5897981f8a2bc9e76d310d34"


def test_addresses_are_well_formed() -> None:
    """Every contract address carries its own checksum, and no permission stands twice."""
    for row in PERMISSIONS:
        assert checksum(row.token) == row.token
        assert checksum(row.spender) == row.spender
    assert len({(row.token, row.spender) for row in PERMISSIONS}) == len(PERMISSIONS)
