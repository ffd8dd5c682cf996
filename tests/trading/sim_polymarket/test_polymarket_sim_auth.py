"""L1, L2 and order signatures as the simulated venue checks them (polymarket.md 4 and 5)."""

import json
from typing import Any

import coincurve
import pytest

from trading.clock import SECOND
from trading.sim.core import Request
from trading.sim.polymarket_auth import (
    SignedFields,
    clob_auth_digest,
    exchange_domain,
    l2_signature,
    order_digest,
    recover,
    verify_order,
)

DEV = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def test_self_check_vector_of_an_order_verifies() -> None:
    """Section 5.2: the public order has this id and this signature."""
    order = SignedFields(12345, DEV, DEV, 1234, 50_000_000, 100_000_000, 0, 0, 1_700_000_000_000, bytes(32), bytes(32))
    domain = exchange_domain("v1", False, 137)
    signature = bytes.fromhex(
        "21286e4010f6808f4745ecaabd324bc77fbad815ae491551b94628db4eac67ae"
        "752127f8b5c1aebdc12fedf52c720a19297ee4e3f6ba2714e8789d2632f01c421b"
    )

    assert order_digest(order, domain).hex() == "28ef97b31767d3fd88448be764341ee3cf5fa765c9ad3374c221c8837b45ef02"
    assert verify_order(order, signature, domain, 137, DEV)
    assert not verify_order(order, signature, exchange_domain("v1", True, 137), 137, DEV)


@pytest.mark.parametrize(
    ("version", "neg_risk", "separator"),
    [
        ("v1", False, "3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2"),
        ("v1", True, "9b858f53327b0bd13af8ec14cfb35234fb9eb7b0504d1a4e61f433840d30e81a"),
        ("v2", False, "466c63910185bbd55e8679264200c4e0abdcbb0c6264eb3d41d13326022e095b"),
    ],
)
def test_domain_separators_are_the_published_ones(version: str, neg_risk: bool, separator: str) -> None:
    """Section 5: one domain per exchange, chosen by version and neg risk."""
    assert exchange_domain(version, neg_risk, 137).hex() == separator


def test_self_check_vector_of_level_1_recovers_the_owner() -> None:
    """Section 5.2: the L1 signature belongs to the development key."""
    signature = bytes.fromhex(
        "659ed4b28ae28e0f038fdf0023c00863c9559caacb9ebc83f44eea87059a099a"
        "36f1e1dee110e7faa1c4f65d17489b2da1333ebef78bbe2116d81207b975052d1c"
    )

    assert recover(clob_auth_digest(DEV, "1700000000", 0, 137), signature) == DEV.lower()


def test_self_check_vector_of_level_2_matches() -> None:
    """Section 5.2: the HMAC of the heartbeat request."""
    made = l2_signature("AAECAwQFBgcICQoLDA0ODw==", "1700000000", "POST", "/v1/heartbeats", b'{"heartbeat_id":""}')

    assert made == "b7Cay9GerHC_WDbrrbL_3qgSMKkS6S-DyEIPiidknXo="


@pytest.mark.parametrize("raw", [b"", bytes(65), bytes(64) + b"\x1b", b"\xff" * 64 + b"\x1c", b"\x01" * 64 + b"\x00"])
def test_garbage_signatures_prove_nothing(raw: bytes) -> None:
    """A signature that cannot be recovered is nobody's, never an exception."""
    assert recover(bytes(32), raw) is None


def test_l2_request_signed_over_the_query_is_unauthorized(venue: Any) -> None:
    """Section 4.2: the path is signed without its query; signing it with the query is a 401."""
    stamp = str(venue.clock.wall_ns() // SECOND)
    wrong = l2_signature("AAECAwQFBgcICQoLDA0ODw==", stamp, "GET", "/data/orders?market=0x1", b"")

    good = venue.call(venue.wallet, "GET", "/data/orders", query={"market": "0x1"})
    bad = venue.call(venue.wallet, "GET", "/data/orders", query={"market": "0x1"}, poly_signature=wrong)

    assert good.status == 200
    assert bad.status == 401
    assert json.loads(bad.body) == {"error": "Unauthorized/Invalid api key"}


@pytest.mark.parametrize(
    "header",
    [
        {"poly_api_key": "stranger"},
        {"poly_passphrase": "wrong"},
        {"poly_address": "0x" + "11" * 20},
        {"poly_timestamp": "1"},
        {"poly_timestamp": "soon"},
        {"poly_signature": "AAAA"},
        {"poly_signature": "\u00fc"},
    ],
)
def test_l2_request_with_one_wrong_header_is_unauthorized(venue: Any, header: dict[str, str]) -> None:
    """Key, passphrase, address, clock and signature are all checked."""
    assert venue.call(venue.wallet, "GET", "/data/orders", **header).status == 401


def test_known_owner_derives_and_cannot_create_twice(venue: Any) -> None:
    """Section 4.1: create answers 400 when the key exists, derive returns it; another nonce makes another key."""

    def level1(method: str, path: str, nonce: int) -> tuple[int, Any]:
        stamp = str(venue.clock.wall_ns() // SECOND)
        digest = clob_auth_digest(venue.wallet.owner, stamp, nonce, 137)
        raw = venue.wallet.private.sign_recoverable(digest, hasher=None)
        signature = (raw[:64] + bytes((raw[64] + 27,))).hex()
        headers = {"poly_address": venue.wallet.owner, "poly_signature": "0x" + signature}
        headers |= {"poly_timestamp": stamp, "poly_nonce": str(nonce)}
        response = venue.sim.handle(Request(method, path, (), headers, b""))
        return response.status, json.loads(response.body)

    assert level1("POST", "/auth/api-key", 0) == (400, {"error": "Could not create api key"})
    status, derived = level1("GET", "/auth/derive-api-key", 0)
    assert (status, derived["apiKey"], derived["passphrase"]) == (200, "key-0", "pass")
    status, made = level1("POST", "/auth/api-key", 1)
    assert status == 200
    assert venue.ask(venue.wallet, "GET", "/auth/api-keys")[1] == {"apiKeys": ["key-0", made["apiKey"]]}
    assert level1("GET", "/auth/derive-api-key", 1)[1] == made


def test_unsigned_l1_request_is_refused(venue: Any) -> None:
    """Section 7.4: 401 Invalid L1 Request headers."""
    status, answer = venue.get("/auth/derive-api-key")

    assert (status, answer["error"]) == (401, "Invalid L1 Request headers")


def test_closed_only_is_told(venue: Any) -> None:
    """Section 4.1: the ban status of the account behind the key."""
    venue.sim.restrict(venue.wallet.owner, closed_only=True)

    assert venue.ask(venue.wallet, "GET", "/auth/ban-status/closed-only") == (200, {"closed_only": True})


@pytest.mark.parametrize("who", ["eoa", "proxy", "safe", "wallet"])
@pytest.mark.parametrize(("token", "version", "neg_risk"), [("11", "v1", False), ("21", "v1", True), ("9001", "v2", False)])
def test_every_signature_type_trades_on_every_exchange(venue: Any, who: str, token: str, version: str, neg_risk: bool) -> None:
    """Section 5: types 0 to 3 under the standard, neg-risk and v3 domain."""
    answer = venue.place(getattr(venue, who), "BUY", token, "0.40", "10", version=version, neg_risk=neg_risk)

    assert answer["status"] == "live"


@pytest.mark.parametrize("who", ["eoa", "wallet"])
def test_order_under_the_wrong_domain_has_an_invalid_signature(venue: Any, who: str) -> None:
    """Section 5: an order of a neg-risk market signed for the standard exchange."""
    person = getattr(venue, who)

    assert venue.refused(person, venue.limit(person, "BUY", "21", "0.40", "10")) == "invalid signature"


def test_order_signed_by_another_key_has_an_invalid_signature(venue: Any) -> None:
    """The signature must be the owner's."""
    thief = venue.eoa
    thief.private = coincurve.PrivateKey(b"\x09" * 32)

    assert venue.refused(thief, venue.limit(thief, "BUY", "11", "0.40", "10")) == "invalid signature"


def test_order_changed_after_signing_has_an_invalid_signature(venue: Any) -> None:
    """Every signed field is covered."""
    for field, value in (("makerAmount", "4100000"), ("salt", 5), ("timestamp", "1"), ("builder", "0x" + "01" * 32)):
        body = venue.limit(venue.eoa, "BUY", "11", "0.40", "10", change={field: value})
        assert venue.refused(venue.eoa, body) == "invalid signature"


def test_owner_must_be_the_api_key(venue: Any) -> None:
    """Section 7.4: owner is the key's uuid, not somebody else's."""
    body = venue.limit(venue.eoa, "BUY", "11", "0.40", "10")
    body["owner"] = "key-0"

    assert venue.refused(venue.eoa, body) == "the order owner has to be the owner of the API KEY"


def test_wrong_signature_type_is_told_to_use_the_deposit_wallet(venue: Any) -> None:
    """Section 0.2: a plain EOA order of a deposit-wallet account."""
    venue.wallet.type, venue.wallet.funder = 0, venue.wallet.owner
    body = venue.limit(venue.wallet, "BUY", "11", "0.40", "10")

    assert venue.refused(venue.wallet, body) == "maker address not allowed, please use the deposit wallet flow"


def test_signer_must_follow_the_type(venue: Any) -> None:
    """Section 4.3: a proxy order is signed in the EOA's name, a deposit wallet's in the wallet's."""
    body = venue.limit(venue.proxy, "BUY", "11", "0.40", "10", change={"signer": venue.proxy.funder})
    assert venue.refused(venue.proxy, body) == "the order signer address has to be the address of the API KEY"

    body = venue.limit(venue.wallet, "BUY", "11", "0.40", "10", change={"signer": venue.wallet.owner})
    assert venue.refused(venue.wallet, body) == "the order signer address has to be the address of the API KEY"


def test_order_id_is_the_digest(venue: Any) -> None:
    """Section 5: a client computes the id before sending, for type 3 too."""
    body = venue.limit(venue.wallet, "BUY", "11", "0.40", "10")
    order = body["order"]
    fields = SignedFields(
        order["salt"],
        order["maker"],
        order["signer"],
        11,
        4_000_000,
        10_000_000,
        0,
        3,
        int(order["timestamp"]),
        bytes(32),
        bytes(32),
    )

    _, answer = venue.post(venue.wallet, body)

    assert answer["orderID"] == "0x" + order_digest(fields, exchange_domain("v1", False, 137)).hex()
