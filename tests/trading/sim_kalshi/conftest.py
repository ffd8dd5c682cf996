"""A small Kalshi on a manual clock: two games, an unfunded shard, two members, signed requests, parsed answers."""

import base64
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trading.clock import MS, SECOND, ManualClock
from trading.sim.core import Refusal, Request, Response, Session
from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_data import KalshiAccount, KalshiCatalogue, KalshiRules, write_time
from trading.units import DOLLAR, Money, Price, Size, parse_price, parse_size

GSW, UTA = "KXNBAGAME-26NOV19UTAGSW-GSW", "KXNBAGAME-26NOV19UTAGSW-UTA"
MLB, BTC = "KXMLBGAME-26AUG092020HOUSD-HOU", "KXBTC-26NOV21-T100"
TARGET = "e0729403-9c95-4ee2-b5d4-f704d8322570"
START = 1_790_000_000 * SECOND
_CENT = [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]


def market_row(ticker: str, event: str, shard: int, **more: Any) -> dict[str, Any]:
    row = {
        "ticker": ticker,
        "event_ticker": event,
        "market_type": "binary",
        "title": "Utah vs Golden State",
        "yes_sub_title": ticker.rpartition("-")[2],
        "no_sub_title": ticker.rpartition("-")[2],
        "created_time": write_time(START - 86_400 * SECOND),
        "updated_time": write_time(START - 3_600 * SECOND),
        "open_time": write_time(START - 80_000 * SECOND),
        "close_time": write_time(START + 172_800 * SECOND),
        "latest_expiration_time": write_time(START + 200_000 * SECOND),
        "expected_expiration_time": write_time(START + 10_800 * SECOND),
        "settlement_timer_seconds": 300,
        "status": "active",
        "notional_value_dollars": "1.0000",
        "result": "",
        "can_close_early": True,
        "expiration_value": "",
        "rules_primary": "If it wins, Yes.",
        "rules_secondary": "",
        "price_level_structure": "linear_cent",
        "price_ranges": _CENT,
        "settlement_bounds_type": "default",
        "strike_type": "structured",
        "custom_strike": {"basketball_team": TARGET},
        "exchange_index": shard,
    }
    return row | more


def event_row(event: str, series: str, shard: int, *markets: str, **more: Any) -> dict[str, Any]:
    row = {
        "event_ticker": event,
        "series_ticker": series,
        "title": "Utah vs Golden State",
        "sub_title": "UTA at GSW",
        "collateral_return_type": "MECNET",
        "mutually_exclusive": True,
        "product_metadata": {"competition": "Pro Basketball (M)", "competition_scope": "Game"},
        "settlement_sources": [{"name": "League", "url": "https://example.com"}],
        "exchange_index": shard,
        "last_updated_ts": write_time(START - 3_600 * SECOND),
        "markets": [market_row(ticker, event, shard) for ticker in markets],
    }
    return row | more


def series_row(ticker: str, fee_type: str, multiplier: float, category: str = "Sports") -> dict[str, Any]:
    return {
        "ticker": ticker,
        "frequency": "daily",
        "title": ticker,
        "category": category,
        "categories": [category],
        "tags": ["Basketball"],
        "settlement_sources": [],
        "contract_url": "https://example.com/c",
        "contract_terms_url": "https://example.com/t",
        "fee_type": fee_type,
        "fee_multiplier": multiplier,
        "additional_prohibitions": [],
        "exchange_index": 0,
    }


def catalogue() -> KalshiCatalogue:
    milestone = {
        "id": "11111111-1111-4111-8111-111111111111",
        "category": "Sports",
        "type": "basketball_game",
        "start_date": write_time(START + 3_600 * SECOND),
        "related_event_tickers": ["KXNBAGAME-26NOV19UTAGSW"],
        "primary_event_tickers": ["KXNBAGAME-26NOV19UTAGSW"],
        "title": "Utah vs Golden State",
        "notification_message": "",
        "details": {"competition": "Pro Basketball (M)"},
        "last_updated_ts": write_time(START - 3_600 * SECOND),
    }
    combo = market_row("KXMVE-1-A", "KXMVE-1", 1, mve_collection_ticker="KXMVE")
    return KalshiCatalogue(
        series=[
            series_row("KXNBAGAME", "quadratic", 1),
            series_row("KXMLBGAME", "quadratic_with_maker_fees", 0.5),
            series_row("KXBTC", "quadratic", 1, "Crypto"),
        ],
        events=[
            event_row("KXNBAGAME-26NOV19UTAGSW", "KXNBAGAME", 0, UTA, GSW),
            event_row("KXMLBGAME-26AUG092020HOUSD", "KXMLBGAME", 3, MLB),
            event_row("KXBTC-26NOV21", "KXBTC", 2, BTC),
            event_row("KXMVE-1", "KXMVE", 1, markets=[combo]),
        ],
        milestones=[milestone, milestone | {"id": "22222222-2222-4222-8222-222222222222"}],
    )


class Member:
    """A key pair and its requests."""

    def __init__(self, user_id: str, **more: Any) -> None:
        self.user_id = user_id
        self.key_id = f"key-{user_id}"
        self.private = Ed25519PrivateKey.from_private_bytes(user_id.ljust(32, "x").encode()[:32])
        pem = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        balances = more.pop("balances", {0: Money(1_000 * DOLLAR), 1: Money(0), 3: Money(1_000 * DOLLAR)})
        self.account = KalshiAccount(user_id, {self.key_id: pem}, balances, **more)


class Bench:
    """A KalshiSim with two members ("alice" acts by default), limits, lag and late frames off unless a test wants them."""

    gsw, uta, mlb, btc, target = GSW, UTA, MLB, BTC, TARGET
    market_row, event_row = staticmethod(market_row), staticmethod(event_row)

    def __init__(
        self,
        *,
        limits: bool = False,
        lag: tuple[int, int] = (0, 0),
        late: float = 0.0,
        thursday: bool = False,
        **member: Any,
    ) -> None:
        self.clock = ManualClock(START)
        self.alice, self.bob = Member("alice", **member), Member("bob")
        rules = KalshiRules(limits_enabled=limits, list_lag_ns=lag, private_late=late, thursday=thursday)
        accounts = [self.alice.account, self.bob.account]
        self.sim = KalshiSim(self.clock, random.Random(7), catalogue(), accounts, rules=rules)
        self._ids = 0

    def key(self, key_id: str, pem: str) -> Member:
        """Whoever signs with a key the venue made."""
        member = Member("key")
        private = serialization.load_pem_private_key(pem.encode(), None)
        assert isinstance(private, Ed25519PrivateKey)
        member.key_id, member.private = key_id, private
        return member

    def request(
        self, method: str, path: str, query: str = "", body: Any = None, *, who: Member | None = None, at: int | None = None
    ) -> Request:
        """A request signed by who (alice)."""
        who = who or self.alice
        full = path if path.startswith("/trade-api") else f"/trade-api/v2{path}"
        stamp = str((self.clock.wall_ns() if at is None else at) // MS)
        signature = who.private.sign(f"{stamp}{method}{full}".encode())
        headers = {
            "kalshi-access-key": who.key_id,
            "kalshi-access-timestamp": stamp,
            "kalshi-access-signature": base64.b64encode(signature).decode(),
        }
        pairs = tuple((part.partition("=")[0], part.partition("=")[2]) for part in query.split("&") if part)
        return Request(method, full, pairs, headers, b"" if body is None else json.dumps(body).encode())

    def call(self, method: str, path: str, query: str = "", body: Any = None, *, who: Member | None = None) -> Response:
        return self.sim.handle(self.request(method, path, query, body, who=who))

    def get(self, path: str, query: str = "", *, who: Member | None = None) -> Any:
        """The body of a read that must succeed."""
        answer = self.call("GET", path, query, who=who)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def order_body(self, side: str, price: str, count: str, **more: Any) -> dict[str, Any]:
        self._ids += 1
        body = {
            "ticker": GSW,
            "side": side,
            "price": price,
            "count": count,
            "time_in_force": "immediate_or_cancel",
            "self_trade_prevention_type": "taker_at_cross",
            "client_order_id": f"id-{self._ids}",
        }
        return body | more

    def place(self, side: str, price: str, count: str, *, who: Member | None = None, **more: Any) -> tuple[int, Any]:
        """POST an order (IOC on GSW unless told otherwise): (status, body)."""
        answer = self.call("POST", "/portfolio/events/orders", "", self.order_body(side, price, count, **more), who=who)
        return answer.status, json.loads(answer.body)

    def rest(self, side: str, price: str, count: str, *, who: Member | None = None, **more: Any) -> str:
        """Rest an order of a member; returns its id."""
        status, body = self.place(side, price, count, who=who, time_in_force="good_till_canceled", **more)
        assert status == 201, body
        return str(body["order_id"])

    def flow(self, side: str, price: str, count: str, ticker: str = GSW) -> str:
        """Rest an order of another customer."""
        return self.sim.customer_rest(ticker, side, parse_price(price), parse_size(count))  # type: ignore[arg-type]  # bid or ask

    def order(self, order_id: str, *, who: Member | None = None) -> Any:
        return self.get(f"/portfolio/orders/{order_id}", who=who)["order"]

    def advance(self, seconds: float) -> None:
        self.clock.advance(int(seconds * SECOND))
        self.sim.advance()

    def connect(self, who: Member | None = None) -> Session:
        session = self.sim.connect(self.request("GET", "/trade-api/ws/v2", who=who))
        assert not isinstance(session, Refusal)
        return session

    def say(self, session: Session, **command: Any) -> list[Any]:
        """Send a command; returns the frames that came since the last look."""
        self.sim.on_frame(session, json.dumps(command))
        return self.frames(session)

    def subscribe(self, session: Session, channel: str, *tickers: str, id: int = 1, **params: Any) -> list[Any]:
        if tickers:
            params["market_tickers"] = list(tickers)
        return self.say(session, id=id, cmd="subscribe", params={"channels": [channel], **params})

    def frames(self, session: Session) -> list[Any]:
        found = [json.loads(frame) for frame in session.outbox]
        session.outbox.clear()
        return found

    def cash(self, shard: int = 0, who: str = "alice") -> int:
        return self.sim.account_view(who).cash[shard]

    def code(self, status_body: tuple[int, Any]) -> tuple[int, str]:
        status, body = status_body
        return status, body["error"]["code"]

    replace = staticmethod(replace)
    price, size = staticmethod(parse_price), staticmethod(parse_size)
    Price, Size = Price, Size


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(scope="session")
def make_bench() -> type[Bench]:
    return Bench
