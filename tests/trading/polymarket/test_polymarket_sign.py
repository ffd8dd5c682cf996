"""Signatures: the published vectors, signer recovery for every wallet type, and what is refused."""

import coincurve
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.errors import Misuse, SettingsError
from trading.polymarket.sign import ORDER_TYPE, Account, ApiCredentials, OrderSigner, RequestSigner, checksum, keccak
from trading.secrets import Secret

# The well-known development key of public test chains: worthless by design (polymarket.md 5.2).
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def account(signature_type: int = 0) -> Account:
    return Account(Secret(KEY), ADDRESS if signature_type == 0 else WALLET, signature_type, 137)


def vector_hash(signer: OrderSigner) -> bytes:
    return signer.struct_hash(12345, "1234", 50_000_000, 100_000_000, "BUY", 1_700_000_000_000)


def recovered(signature: str, digest: bytes) -> str:
    raw = bytes.fromhex(signature[2:])[:65]
    public = coincurve.PublicKey.from_signature_and_message(raw[:64] + bytes((raw[64] - 27,)), digest, hasher=None)
    return checksum(keccak(public.format(compressed=False)[1:])[12:].hex())


def test_order_vector_gives_published_id_and_signature() -> None:
    """The self-check order of polymarket.md 5.2 has the published order id and signature."""
    signer = account().order_signer("v1", False)
    order = vector_hash(signer)

    assert signer.order_id(order) == "0x28ef97b31767d3fd88448be764341ee3cf5fa765c9ad3374c221c8837b45ef02"
    assert signer.signature(order) == (
        "0x21286e4010f6808f4745ecaabd324bc77fbad815ae491551b94628db4eac67ae"
        "752127f8b5c1aebdc12fedf52c720a19297ee4e3f6ba2714e8789d2632f01c421b"
    )


def test_login_vector_gives_published_signature() -> None:
    """The L1 proof of polymarket.md 5.2 is reproduced."""
    headers = account().login_headers(timestamp=1_700_000_000)

    assert headers["POLY_ADDRESS"] == ADDRESS
    assert headers["POLY_TIMESTAMP"] == "1700000000"
    assert headers["POLY_NONCE"] == "0"
    assert headers["POLY_SIGNATURE"] == (
        "0x659ed4b28ae28e0f038fdf0023c00863c9559caacb9ebc83f44eea87059a099a"
        "36f1e1dee110e7faa1c4f65d17489b2da1333ebef78bbe2116d81207b975052d1c"
    )


def test_request_vector_gives_published_hmac() -> None:
    """The L2 HMAC of polymarket.md 5.2 is reproduced, and again from the same keyed object."""
    signer = RequestSigner(ApiCredentials("uuid", Secret("AAECAwQFBgcICQoLDA0ODw=="), Secret("pass")), ADDRESS)
    for _ in range(2):
        headers = signer.headers("POST", "/v1/heartbeats", b'{"heartbeat_id":""}', timestamp=1_700_000_000)

        assert headers["POLY_SIGNATURE"] == "b7Cay9GerHC_WDbrrbL_3qgSMKkS6S-DyEIPiidknXo="
        assert headers["POLY_API_KEY"] == "uuid"
        assert headers["POLY_PASSPHRASE"] == "pass"


@pytest.mark.parametrize(
    ("version", "neg_risk", "domain"),
    [
        ("v1", False, "3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2"),
        ("v1", True, "9b858f53327b0bd13af8ec14cfb35234fb9eb7b0504d1a4e61f433840d30e81a"),
        ("v2", False, "466c63910185bbd55e8679264200c4e0abdcbb0c6264eb3d41d13326022e095b"),
        ("v2", True, "466c63910185bbd55e8679264200c4e0abdcbb0c6264eb3d41d13326022e095b"),
    ],
)
def test_domain_separators_match_the_contracts(version: str, neg_risk: bool, domain: str) -> None:
    """Each exchange's domain separator on chain 137 is the published one (B-423)."""
    assert account().order_signer(version, neg_risk).domain.hex() == domain


def test_type_hashes_match_the_contracts() -> None:
    """The type strings hash to the published values, so no field is misspelt or out of order."""
    assert len(ORDER_TYPE) == 186
    assert keccak(ORDER_TYPE).hex() == "bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589"
    assert account(3).order_signer("v1", False)._wrapper_head.hex() == (
        "6ba028565cb324c2aa02bb714b9816d0bddd557a2f33bb36cf13272a4256bd42"
    )


@pytest.mark.parametrize("signature_type", [0, 1, 2])
def test_plain_signatures_recover_the_key(signature_type: int) -> None:
    """Types 0 to 2 sign the order id itself with the owner's key, whatever wallet holds the money."""
    owner = account(signature_type)
    signer = owner.order_signer("v1", True)
    order = vector_hash(signer)
    signature = signer.signature(order)

    assert len(signature) == 2 + 130
    assert recovered(signature, bytes.fromhex(signer.order_id(order)[2:])) == ADDRESS
    assert owner.signer == ADDRESS


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_deposit_wallet_signature_is_wrapped_and_recovers_the_owner(version: str) -> None:
    """Type 3 is 317 bytes: signature, domain, order hash, type string, its length; the wallet is maker and signer."""
    owner = account(3)
    signer = owner.order_signer(version, False)
    order = vector_hash(signer)
    raw = bytes.fromhex(signer.signature(order)[2:])
    nested = keccak(
        keccak(
            b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
            + ORDER_TYPE
        )
        + order
        + keccak(b"DepositWallet")
        + keccak(b"1")
        + (137).to_bytes(32)
        + bytes(12)
        + bytes.fromhex(WALLET[2:])
        + bytes(32)
    )

    assert len(raw) == 317
    assert raw[65:97] == signer.domain
    assert raw[97:129] == order
    assert raw[129:315] == ORDER_TYPE
    assert raw[315:] == (186).to_bytes(2)
    assert recovered("0x" + raw.hex(), keccak(b"\x19\x01" + signer.domain + nested)) == ADDRESS
    assert (owner.maker, owner.signer, owner.address) == (WALLET, WALLET, ADDRESS)


@settings(max_examples=25)
@given(
    salt=st.integers(0, 2**53 - 1),
    token=st.integers(0, 2**256 - 1),
    maker=st.integers(0, 2**64 - 1),
    side=st.sampled_from(("BUY", "SELL")),
)
def test_struct_hash_equals_plain_encoding(salt: int, token: int, maker: int, side: str) -> None:
    """The precomputed path encodes the twelve words exactly as written out one by one."""
    signer = account(2).order_signer("v1", False)
    words = [salt, int(WALLET, 16), int(ADDRESS, 16), token, maker, 7, ("BUY", "SELL").index(side), 2, 1_790_000_000_456, 0, 0]
    plain = keccak(keccak(ORDER_TYPE) + b"".join(word.to_bytes(32) for word in words))

    assert signer.struct_hash(salt, str(token), maker, 7, side, 1_790_000_000_456) == plain  # type: ignore[arg-type]  # BUY or SELL


@pytest.mark.parametrize(
    "address",
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_checksum_follows_eip55(address: str) -> None:
    """Addresses get the capitals of EIP-55's own examples, from lower or upper case."""
    assert checksum(address.lower()) == address
    assert checksum("0x" + address[2:].upper()) == address
    with pytest.raises(SettingsError, match="wrong checksum"):
        checksum(address[:-1] + address[-1].swapcase() if address[-1].isalpha() else address[:2] + address[2:].swapcase())


def test_bad_accounts_are_refused_without_showing_the_key() -> None:
    """A wrong key, type, chain or wallet is a SettingsError, and the key never stands in its text."""
    for key in ("", "zz", "0x12", "0x" + "00" * 32, "0x" + "ff" * 32):
        with pytest.raises(SettingsError) as caught:
            Account(Secret(key), "", 0)
        assert not key or key not in str(caught.value)
    for funder, kind, chain in (("", 3, 137), (WALLET, 0, 137), (WALLET, 4, 137), (WALLET, 1, 1), ("0x12", 1, 137)):
        with pytest.raises(SettingsError):
            Account(Secret(KEY), funder, kind, chain)
    assert KEY[2:] not in repr(account(3))


def test_unknown_version_and_odd_tokens_cannot_be_signed() -> None:
    """A version that is neither v1 nor v2, and a token that is no uint256, raise Misuse (B-423)."""
    for version in ("", "v3", "V1"):
        with pytest.raises(Misuse):
            account().order_signer(version, False)
    for token in ("", "-1", "0x12", "1.5", str(2**256), "²"):
        with pytest.raises(Misuse):
            account().order_signer("v1", False).struct_hash(1, token, 1, 1, "BUY", 1)
