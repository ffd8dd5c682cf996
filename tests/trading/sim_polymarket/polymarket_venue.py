"""A small simulated Polymarket and a customer's hands: signing, sending, listening. Its signer is the tests' own."""

import json
import random
from typing import Any

import coincurve

from trading.clock import SECOND, ManualClock
from trading.sim.core import Refusal, Request, Response, Session
from trading.sim.polymarket import PolymarketSim
from trading.sim.polymarket_auth import (
    ORDER_TYPE,
    SignedFields,
    exchange_domain,
    keccak,
    l2_signature,
    order_digest,
    order_hash,
    wallet_digest,
)
from trading.sim.polymarket_data import PolymarketAccount, PolymarketCatalogue
from trading.sim.polymarket_faults import PolymarketFaults
from trading.units import Money, parse_price, parse_size

DEV_KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
SECRET = "AAECAwQFBgcICQoLDA0ODw=="


def address_of(private: coincurve.PrivateKey) -> str:
    return "0x" + keccak(private.public_key.format(compressed=False)[1:])[-20:].hex()


def sign(private: coincurve.PrivateKey, digest: bytes) -> bytes:
    raw = private.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes((raw[64] + 27,))


def session_wrapped(signer: coincurve.PrivateKey, signature: bytes) -> bytes:
    """A session key's signature as a deposit wallet reads it (polymarket.md 4.3)."""
    words = bytes.fromhex(address_of(signer)[2:]).rjust(32, b"\0") + bytes(32) + (96).to_bytes(32)
    padded = len(signature).to_bytes(32) + signature + bytes(-len(signature) % 32)
    return words + padded + bytes.fromhex("6492" * 16)


def gamma_market(number: int, **extra: Any) -> dict[str, Any]:
    """A raw Gamma market; tokens are number*10+1 and number*10+2."""
    return {
        "id": str(number),
        "question": f"Question {number}?",
        "conditionId": f"0x{number:064x}",
        "slug": f"market-{number}",
        "outcomes": '["Lakers", "Celtics"]',
        "outcomePrices": '["0.5", "0.5"]',
        "clobTokenIds": json.dumps([str(number * 10 + 1), str(number * 10 + 2)]),
        "enableOrderBook": True,
        "acceptingOrders": True,
        "active": True,
        "closed": False,
        "orderMinSize": 5,
        "orderPriceMinTickSize": 0.01,
        "negRisk": False,
        "feesEnabled": True,
        "feeSchedule": {"rate": 0.05, "exponent": 1, "takerOnly": True, "rebateRate": 0.15},
        "sportsMarketType": "moneyline",
        **extra,
    }


def catalogue() -> PolymarketCatalogue:
    markets = [
        gamma_market(1),
        gamma_market(2, negRisk=True),
        gamma_market(3, version="v2", positionIds=["9001", "9002"]),
        gamma_market(4, secondsDelay=3),
        gamma_market(5, itode=True),
        gamma_market(6, clearBookOnStart=True, gameStartTime="2026-09-21 14:00:00+00"),
        gamma_market(7, feesEnabled=False),
        gamma_market(8, version="v9"),
        gamma_market(9, closed=True, outcomePrices='["1", "0"]'),
        gamma_market(10, orderPriceMinTickSize=0.001),
    ]
    event = {
        "id": "77",
        "slug": "nba-lal-bos-2026-09-21",
        "title": "Lakers vs. Celtics",
        "closed": False,
        "gameId": 1234,
        "tags": [{"id": "745", "slug": "nba"}, {"id": "1", "slug": "sports"}],
        "series": [{"id": "2", "slug": "nba"}],
        "markets": markets,
    }
    other = {"id": "78", "slug": "fed-in-october", "title": "Fed?", "tags": [{"id": "9", "slug": "fed"}], "markets": []}
    return PolymarketCatalogue([event, other], [{"id": 1, "name": "Lakers", "abbreviation": "lal", "league": "nba"}])


class Customer:
    """An account and its key: signs orders and requests for one simulated venue."""

    def __init__(self, number: int, signature_type: int, balance: int) -> None:
        key = DEV_KEY if number == 0 else f"{number:064x}"
        self.private = coincurve.PrivateKey(bytes.fromhex(key))
        self.owner = address_of(self.private)
        self.funder = self.owner if signature_type == 0 else f"0x{number:040x}"
        self.type = signature_type
        self.account = PolymarketAccount(
            self.owner,
            self.funder,
            signature_type,
            f"key-{number}",
            SECRET,
            "pass",
            Money(balance),
            Money(10**12),
            relayer_key=f"relayer-{number}",
        )
        self._salt = 1000 * number


class Venue:
    """The simulator with a manual clock, and short words for what tests do."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.wallet = Customer(0, 3, 1_000_000_000)
        self.eoa = Customer(5, 0, 1_000_000_000)
        self.proxy = Customer(6, 1, 1_000_000_000)
        self.safe = Customer(7, 2, 1_000_000_000)
        self.poor = Customer(8, 3, 20_000_000)
        people = (self.wallet, self.eoa, self.proxy, self.safe, self.poor)
        self.sim = PolymarketSim(self.clock, random.Random(7), catalogue(), [person.account for person in people])
        self.faults = PolymarketFaults(self.sim)

    def market(self, number: int = 1) -> str:
        return f"0x{number:064x}"

    def rest(self, side: str, price: str, size: str, market: int = 1) -> str:
        """Other customers' liquidity on the YES book."""
        assert side in ("bid", "ask")
        return self.sim.customer_rest(self.market(market), side, parse_price(price), parse_size(size))  # type: ignore[arg-type]  # narrowed by the assert

    def wait(self, seconds: float) -> None:
        """Let time pass, stopping at everything that falls due."""
        end = self.clock.mono_ns() + int(seconds * SECOND)
        while (due := self.sim.next_due()) is not None and due <= end:
            self.clock.advance(max(0, due - self.clock.mono_ns()))
            self.sim.advance()
        self.clock.advance(end - self.clock.mono_ns())

    # requests

    def get(self, path: str, **query: str) -> tuple[int, Any]:
        return self._answer(self.sim.handle(Request("GET", path, tuple(query.items()), {}, b"")))

    def call_signature(self, who: Customer, method: str, path: str, raw: bytes = b"") -> str:
        return l2_signature(SECRET, str(self.clock.wall_ns() // SECOND), method, path, raw)

    def request(
        self, who: Customer, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **headers: str
    ) -> Request:
        """An L2 request; headers override."""
        raw = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        signed = {
            "poly_address": who.owner,
            "poly_signature": self.call_signature(who, method, path, raw),
            "poly_timestamp": str(self.clock.wall_ns() // SECOND),
            "poly_api_key": who.account.api_key,
            "poly_passphrase": "pass",
        }
        return Request(method, path, tuple((query or {}).items()), {**signed, **headers}, raw)

    def call(
        self, who: Customer, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **headers: str
    ) -> Response:
        return self.sim.handle(self.request(who, method, path, body, query, **headers))

    def ask(self, who: Customer, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        return self._answer(self.call(who, method, path, body, query))

    def _answer(self, response: Response) -> tuple[int, Any]:
        return response.status, json.loads(response.body)

    # orders

    def body(
        self,
        who: Customer,
        side: str,
        token: str,
        maker: int,
        taker: int,
        kind: str = "GTC",
        *,
        version: str = "v1",
        neg_risk: bool = False,
        expiration: int = 0,
        post_only: bool = False,
        builder: bytes = bytes(32),
        signer: coincurve.PrivateKey | None = None,
        change: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A signed body of POST /order; signer is a session key, change edits the order after signing."""
        who._salt += 1
        named = who.funder if who.type == 3 else who.owner
        stamp = self.clock.wall_ns() // 1_000_000
        fields = SignedFields(
            who._salt, who.funder, named, int(token), maker, taker, int(side == "SELL"), who.type, stamp, bytes(32), builder
        )
        domain = exchange_domain(version, neg_risk, 137)
        if who.type == 3:
            tail = domain + order_hash(fields) + ORDER_TYPE + len(ORDER_TYPE).to_bytes(2)
            signature = sign(signer or who.private, wallet_digest(fields, domain, 137)) + tail
            if signer is not None:
                signature = session_wrapped(signer, signature)
        else:
            signature = sign(who.private, order_digest(fields, domain))
        order = {
            "salt": fields.salt,
            "maker": fields.maker,
            "signer": named,
            "tokenId": token,
            "makerAmount": str(maker),
            "takerAmount": str(taker),
            "side": side,
            "expiration": str(expiration),
            "signatureType": who.type,
            "timestamp": str(stamp),
            "metadata": "0x" + "00" * 32,
            "builder": "0x" + builder.hex(),
            "signature": "0x" + signature.hex(),
            **(change or {}),
        }
        return {"order": order, "owner": who.account.api_key, "orderType": kind, "deferExec": False, "postOnly": post_only}

    def limit(
        self, who: Customer, side: str, token: str, price: str, size: str, kind: str = "GTC", **more: Any
    ) -> dict[str, Any]:
        """A body from price and size in the token's own terms."""
        shares, cash = parse_size(size), parse_price(price) * parse_size(size) // 10_000
        maker, taker = (cash, shares) if side == "BUY" else (shares, cash)
        return self.body(who, side, token, maker, taker, kind, **more)

    def post(self, who: Customer, body: dict[str, Any]) -> tuple[int, Any]:
        return self.ask(who, "POST", "/order", body)

    def place(self, who: Customer, side: str, token: str, price: str, size: str, kind: str = "GTC", **more: Any) -> Any:
        status, answer = self.post(who, self.limit(who, side, token, price, size, kind, **more))
        assert status == 200, answer
        return answer

    def refused(self, who: Customer, body: dict[str, Any]) -> str:
        status, answer = self.post(who, body)
        assert status == 400, answer
        return str(answer["error"])

    # streams

    def stream(self, path: str, subscribe: dict[str, Any]) -> Session:
        session = self.sim.connect(Request("GET", path, (), {}, b""))
        assert not isinstance(session, Refusal)
        self.sim.on_frame(session, json.dumps(subscribe))
        return session

    def watch(self, *tokens: str, custom: bool = False) -> Session:
        return self.stream("/ws/market", {"type": "market", "assets_ids": list(tokens), "custom_feature_enabled": custom})

    def listen(self, who: Customer) -> Session:
        auth = {"apiKey": who.account.api_key, "secret": SECRET, "passphrase": "pass"}
        return self.stream("/ws/user", {"type": "user", "auth": auth})


def events_of(session: Session) -> list[dict[str, Any]]:
    """Take all events off a socket, arrays flattened."""
    found: list[dict[str, Any]] = []
    while session.outbox:
        frame = json.loads(session.outbox.popleft())
        found.extend(frame if isinstance(frame, list) else [frame])
    return found
