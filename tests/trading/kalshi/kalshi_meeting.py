"""A KalshiClient and the simulated venue in one process, which checks signatures and keeps its books by code of its own."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kalshi_rows import BASE, EVENT, SERIES, make_leg, market_row

from trading.clock import SECOND, ManualClock
from trading.errors import UnknownOutcome, Unreachable
from trading.http import Response
from trading.ids import SeededIds
from trading.kalshi.client import KalshiClient
from trading.kalshi.sign import KalshiSigner
from trading.market import Market, MarketId
from trading.order import LegResult, Tif
from trading.sim.core import Request
from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_data import KalshiAccount, KalshiCatalogue, KalshiRules, write_time
from trading.units import DOLLAR, Money, MonoNs, parse_price, parse_size
from trading.venue import Prepared

T = MarketId("KXNBAGAME-26NOV19UTAGSW-GSW")
_KEY = Ed25519PrivateKey.from_private_bytes(b"kalshi-meeting".ljust(32, b"x"))
_START = 1_790_000_000 * SECOND


class Meeting:
    """A client and a venue; time passes by sleeping. lose: paths whose next write is carried out but not answered."""

    def __init__(self, *, balances: dict[int, int] | None = None, limits: bool = False, **member: Any) -> None:
        self.clock = ManualClock(_START)
        public = _KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        cash = {shard: Money(dollars * DOLLAR) for shard, dollars in (balances or {0: 1_000, 2: 0, 3: 1_000}).items()}
        account = KalshiAccount("alice", {"key-id": public}, cash, **member)
        rules = KalshiRules(limits_enabled=limits, list_lag_ns=(0, 0), private_late=0.0, thursday=False)
        self.sim = KalshiSim(self.clock, random.Random(7), _catalogue(), [account], rules=rules)
        self.ids = SeededIds(self.clock, 1)
        self.slept: list[float] = []
        self.lose: set[str] = set()
        self.unreachable = False
        self.sent: list[tuple[str, str]] = []
        signer = KalshiSigner("key-id", "ed25519", _KEY.sign)
        self.client = KalshiClient(self, BASE, signer, self.clock, ids=self.ids, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(round(seconds * SECOND))
        self.sim.advance()
        await asyncio.sleep(0)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        parts = urlsplit(url)
        if self.unreachable:
            raise Unreachable("kalshi", "refused")
        self.sent.append((method, parts.path))
        lower = {name.lower(): value for name, value in headers.items()}
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        answer = self.sim.handle(Request(method, parts.path, query, lower, body or b""))
        if answer.drop or (method != "GET" and any(parts.path.endswith(path) for path in self.lose)):
            self.lose.clear()
            raise UnknownOutcome("kalshi", "no_answer", "the answer was lost")
        return Response(answer.status, answer.headers, answer.body)

    def writes(self, path: str) -> int:
        return sum(1 for method, sent in self.sent if method != "GET" and sent.endswith(path))

    async def market(self, ticker: MarketId = T) -> Market:
        return await self.client.market(ticker)

    def flow(self, side: Any, price: str, count: str) -> str:
        """Rest an order of another customer."""
        return self.sim.customer_rest(T, side, parse_price(price), parse_size(count))

    async def place(self, market: Market, tif: Tif = Tif.IOC, attempt: int = 0, **leg: Any) -> tuple[Prepared, LegResult]:
        order = self.client.prepare(make_leg(tif=tif, attempt=attempt, **leg), market, self.ids, self.clock)
        signed = await self.client.sign(order)
        return order, await self.client.send(signed, deadline=MonoNs(self.clock.mono_ns() + 5 * SECOND))


def _catalogue() -> KalshiCatalogue:
    day = 86_400 * SECOND
    times = {
        "created_time": write_time(_START - day),
        "updated_time": write_time(_START - day),
        "open_time": write_time(_START - day),
        "close_time": write_time(_START + 2 * day),
        "latest_expiration_time": write_time(_START + 3 * day),
        "expected_expiration_time": write_time(_START + day),
    }
    market = market_row(
        **times,
        notional_value_dollars="1.0000",
        result="",
        can_close_early=True,
        expiration_value="",
        price_level_structure="linear_cent",
        settlement_bounds_type="default",
        strike_type="structured",
        custom_strike={},
    )
    event = {
        **EVENT,
        "sub_title": "UTA at GSW",
        "collateral_return_type": "MECNET",
        "product_metadata": {},
        "settlement_sources": [],
        "exchange_index": 3,
        "last_updated_ts": write_time(_START - day),
        "markets": [market],
    }
    series = {
        **SERIES,
        "frequency": "daily",
        "title": "games",
        "category": "Sports",
        "categories": ["Sports"],
        "tags": ["Basketball"],
        "settlement_sources": [],
        "contract_url": "https://example.com/c",
        "contract_terms_url": "https://example.com/t",
        "additional_prohibitions": [],
        "exchange_index": 3,
    }
    return KalshiCatalogue(series=[series], events=[event], milestones=[])
