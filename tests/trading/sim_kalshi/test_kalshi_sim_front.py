"""The front of the simulated Kalshi: keys, clock, scopes, tokens and injected failures (kalshi.md 14 points 4, 5, 11)."""

import base64
import json
import random
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from trading.clock import MS, SECOND
from trading.sim.core import Refusal, Request
from trading.sim.kalshi import KalshiSim, order_latency
from trading.sim.kalshi_data import KalshiAccount, KalshiCatalogue
from trading.units import Money

ORDERS = "/portfolio/events/orders"


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem_of(key: Any) -> bytes:
    return bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


def test_14_4_rsa_pss_over_timestamp_method_path(bench: Any, rsa_key: rsa.RSAPrivateKey) -> None:
    """RSA-PSS with salt 32 over the bytes without query passes; another salt, PKCS#1 v1.5 or a signed query does not."""
    account = KalshiAccount("carol", {"rsa": pem_of(rsa_key.public_key())}, {0: Money(0)})
    sim = KalshiSim(bench.clock, random.Random(1), KalshiCatalogue([], []), [account])
    stamp = str(bench.clock.wall_ns() // MS)
    path = "/trade-api/v2/portfolio/balance"

    def status(message: str, pad: padding.AsymmetricPadding) -> int:
        signature = base64.b64encode(rsa_key.sign(message.encode(), pad, SHA256())).decode()
        headers = {"kalshi-access-key": "rsa", "kalshi-access-timestamp": stamp, "kalshi-access-signature": signature}
        bench.clock.advance(SECOND)
        return sim.handle(Request("GET", path, (("exchange_index", "0"),), headers, b"")).status

    def pss(salt: int) -> padding.PSS:
        return padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=salt)

    assert status(f"{stamp}GET{path}", pss(32)) == 200
    assert status(f"{stamp}GET{path}", pss(20)) == 401
    assert status(f"{stamp}GET{path}", padding.PKCS1v15()) == 401
    assert status(f"{stamp}GET{path}?exchange_index=0", pss(32)) == 401


def test_14_4_signature_covers_method_path_and_prefix(bench: Any) -> None:
    """A signature for other bytes is 401 without saying why."""
    good = bench.request("GET", "/portfolio/orders")
    assert bench.sim.handle(good).status == 200
    for wrong in (
        bench.replace(good, path="/trade-api/v2/portfolio/fills"),
        bench.replace(bench.request("POST", "/portfolio/orders"), method="GET"),
        bench.replace(good, headers={**good.headers, "kalshi-access-key": "key-bob"}),
        bench.replace(good, headers={**good.headers, "kalshi-access-key": "nobody"}),
        bench.replace(good, headers={**good.headers, "kalshi-access-signature": "!!"}),
        bench.replace(good, headers={}),
    ):
        answer = bench.sim.handle(wrong)
        assert answer.status == 401 and set(json.loads(answer.body)) == {"error"}


def test_14_4_clock_window_is_five_seconds_and_adjustable(bench: Any) -> None:
    """A stamp further off than the window answers header_timestamp_expired."""

    def status(off: int) -> int:
        request = bench.request("GET", "/portfolio/orders", at=bench.clock.wall_ns() + off * SECOND)
        return int(bench.sim.handle(request).status)

    assert [status(off) for off in (-6, -5, 5, 6)] == [401, 200, 200, 401]
    bench.sim.rules.clock_window_ns = 60 * SECOND
    assert status(-59) == 200
    late = bench.sim.handle(bench.request("GET", "/portfolio/orders", at=0))
    assert b"header_timestamp_expired" in late.body


@pytest.mark.parametrize(
    ("scopes", "read", "balance", "order", "stream"),
    [
        ({"read"}, 200, 200, 403, True),
        ({"write::trade"}, 403, 403, 201, False),
        ({"read", "write::trade"}, 200, 200, 201, True),
        ({"read::portfolio_balance"}, 403, 200, 403, False),
        ({"read", "write::transfer"}, 200, 200, 403, True),
    ],
)
def test_14_4_scopes(make_bench: Any, scopes: set[str], read: int, balance: int, order: int, stream: bool) -> None:
    """A key does what its scopes say; the rest is 403."""
    bench = make_bench(scopes={"key-alice": frozenset(scopes)})

    assert bench.call("GET", "/portfolio/orders").status == read
    assert bench.call("GET", "/portfolio/balance").status == balance
    assert bench.place("bid", "0.5", "1")[0] == order
    assert isinstance(bench.sim.connect(bench.request("GET", "/trade-api/ws/v2")), Refusal) is not stream


def test_14_4_handshake_refused_with_401_and_404(bench: Any) -> None:
    """An unsigned upgrade is a 401, another path a 404; a signed one opens."""
    request = bench.request("GET", "/trade-api/ws/v2")
    unsigned = bench.sim.connect(bench.replace(request, headers={}))
    elsewhere = bench.sim.connect(bench.request("GET", "/trade-api/ws/v1"))

    assert isinstance(unsigned, Refusal) and unsigned.response.status == 401
    assert isinstance(elsewhere, Refusal) and elsewhere.response.status == 404
    assert not isinstance(bench.sim.connect(request), Refusal)


def test_public_reads_need_no_key(bench: Any) -> None:
    """Market data, status, milestones and endpoint costs answer the unsigned; account reads do not."""
    public = ("exchange/status", "exchange/schedule", "series", "events", "markets", f"markets/{bench.gsw}/orderbook")
    for path in (*public, "account/endpoint_costs", "exchange/user_data_timestamp", "series/fee_changes", "markets/trades"):
        assert bench.sim.handle(Request("GET", f"/trade-api/v2/{path}", (), {}, b"")).status == 200
    for path in ("account/limits", "api_keys", "portfolio/balance", "portfolio/orders"):
        assert bench.sim.handle(Request("GET", f"/trade-api/v2/{path}", (), {}, b"")).status == 401


def test_unknown_paths_are_404_and_methods_405(bench: Any) -> None:
    """The nested error body stands on every refusal."""
    for method, path, status in (("GET", "/nope", 404), ("POST", "/markets", 405), ("GET", "/x", 404)):
        answer = bench.call(method, path)
        assert answer.status == status and "code" in json.loads(answer.body)["error"]
    assert bench.sim.handle(Request("GET", "/elsewhere", (), {}, b"")).status == 404


def test_an_odd_key_is_refused_at_construction(bench: Any) -> None:
    """Only RSA and Ed25519 keys exist at the venue."""
    account = KalshiAccount("dave", {"ec": pem_of(generate_private_key(SECP256R1()).public_key())}, {})
    with pytest.raises(ValueError, match="neither RSA nor Ed25519"):
        KalshiSim(bench.clock, random.Random(1), KalshiCatalogue([], []), [account])


def test_14_5_write_bucket_holds_ten_orders_and_429_is_a_string(make_bench: Any) -> None:
    """Basic: ten orders at once, then one every 100 ms; the 429 body is a string and names no wait."""
    bench = make_bench(limits=True)
    statuses = [bench.place("bid", "0.5", "1", exchange_index=0)[0] for _ in range(11)]
    refused = bench.call("POST", ORDERS, "", bench.order_body("bid", "0.5", "1", exchange_index=0))

    assert statuses == [201] * 10 + [429]
    assert json.loads(refused.body) == {"error": "too many requests"}
    assert "retry-after" not in refused.headers
    bench.advance(0.1)
    assert bench.place("bid", "0.5", "1", exchange_index=0)[0] == 201


def test_14_5_shards_have_write_buckets_of_their_own(make_bench: Any) -> None:
    """An explicit shard above 0 bills that shard; auto-routed writes bill the general bucket and every other."""
    bench = make_bench(limits=True)
    for _ in range(10):
        assert bench.place("bid", "0.5", "1", ticker=bench.mlb, exchange_index=3)[0] == 201

    assert bench.place("bid", "0.5", "1", ticker=bench.mlb, exchange_index=3)[0] == 429
    assert bench.place("bid", "0.5", "1", exchange_index=0)[0] == 201
    assert bench.place("bid", "0.5", "1")[0] == 429


def test_14_5_cancels_cost_2_and_batches_cost_per_item(make_bench: Any) -> None:
    """A batch that does not fit is refused whole and takes nothing."""
    bench = make_bench(limits=True)
    orders = [bench.order_body("bid", "0.4", "1", time_in_force="good_till_canceled") for _ in range(11)]

    assert bench.call("POST", f"{ORDERS}/batched", "", {"orders": orders}).status == 429
    placed = json.loads(bench.call("POST", f"{ORDERS}/batched", "", {"orders": orders[:9]}).body)["orders"]
    for row in placed[:5]:
        assert bench.call("DELETE", f"{ORDERS}/{row['order_id']}", "exchange_index=0").status == 200
    assert bench.call("DELETE", f"{ORDERS}/{placed[5]['order_id']}", "exchange_index=0").status == 429


def test_14_5_reads_and_the_balance_bucket(make_bench: Any) -> None:
    """60 reads at once on Basic; the balance has one call a second of its own and leaves the reads alone."""
    bench = make_bench(limits=True)

    assert [bench.call("GET", "/portfolio/balance").status for _ in range(2)] == [200, 429]
    assert [bench.call("GET", "/portfolio/fills").status for _ in range(61)] == [200] * 60 + [429]
    bench.advance(1)
    assert bench.call("GET", "/portfolio/balance").status == 200
    assert [bench.call("GET", "/portfolio/fills").status for _ in range(21)] == [200] * 20 + [429]


def test_14_5_limits_and_costs_are_published(make_bench: Any) -> None:
    """GET /account/limits and /account/endpoint_costs say what is enforced."""
    bench = make_bench(limits=True)

    assert bench.get("/account/limits")["write"] == {"refill_rate": 100, "bucket_capacity": 100}
    costs = bench.get("/account/endpoint_costs")
    assert costs["default_cost"] == 10 and {row["cost"] for row in costs["endpoint_costs"]} == {2, 30}


def test_14_11_accepted_and_unanswered(bench: Any) -> None:
    """drop_after_accept and 500_after_accept leave a real order behind that a duplicate id proves."""
    for kind, status, dropped in (("drop_after_accept", 201, True), ("500_after_accept", 500, False)):
        bench.sim.fail_next(kind)
        body = bench.order_body("bid", "0.4", "1", time_in_force="good_till_canceled")
        answer = bench.call("POST", ORDERS, "", body)
        assert (answer.status, answer.drop) == (status, dropped)

        assert bench.call("POST", ORDERS, "", body).status == 409
        rows = bench.get("/portfolio/orders")["orders"]
        assert body["client_order_id"] in [row["client_order_id"] for row in rows]


def test_14_11_refused_before_acceptance(bench: Any) -> None:
    """429 and 503 leave nothing; faults wait for writes, in the order they were armed; a refused write does not use one up."""
    bench.sim.fail_next("429", times=2)
    bench.sim.fail_next("503")
    bench.sim.fail_next("drop_after_accept")
    assert bench.call("GET", "/portfolio/orders").status == 200
    assert [bench.place("bid", "0.4", "1")[0] for _ in range(3)] == [429, 429, 503]
    assert bench.place("bid", "0.405", "1")[0] == 400
    assert bench.call("POST", ORDERS, "", bench.order_body("bid", "0.4", "1")).drop

    assert len(bench.get("/portfolio/orders")["orders"]) == 1


def test_api_keys_show_scopes_and_attestation(make_bench: Any) -> None:
    """GET /api_keys lists the caller's keys only; never attested leaves the expiry out."""
    bench = make_bench(attested_until=None)
    answer = bench.get("/api_keys")

    assert answer == {"api_keys": [{"api_key_id": "key-alice", "name": "key-alice", "scopes": ["read", "write"]}]}
    assert bench.get("/api_keys", who=bench.bob)["api_key_region_expiration_ts"] == 4_102_444_800


def test_order_latency_has_two_humps() -> None:
    """Writes take about 91 or 250 ms in all; reads none; the same seed repeats."""
    draws = [sum(order_latency(random.Random(seed))) // MS for seed in range(400)]
    fast = [ms for ms in draws if ms < 150]

    assert 0.35 < len(fast) / 400 < 0.5
    assert all(75 < ms < 110 for ms in fast) and all(200 < ms < 300 for ms in draws if ms >= 150)
