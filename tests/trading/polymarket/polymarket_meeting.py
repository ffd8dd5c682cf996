"""A client and the simulated venue in one process, which checks signatures and keeps its books by code of its own."""

import hashlib
import json
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from trading.clock import SECOND, ManualClock
from trading.errors import UnknownOutcome
from trading.http import Response
from trading.ids import SeededIds, leg_id
from trading.market import POLYMARKET, Action, Market, Outcome
from trading.order import LegRequest, LegResult, Tif, Want
from trading.polymarket.client import PolymarketClient
from trading.polymarket.gamma import Gamma
from trading.polymarket.sign import Account
from trading.polymarket.wire import market_from
from trading.secrets import Secret
from trading.sim.core import Request
from trading.sim.polymarket import PolymarketSim
from trading.sim.polymarket_data import PolymarketAccount, PolymarketCatalogue
from trading.units import Money, MonoNs, Price, Size
from trading.venue import Prepared

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CASH = Money(1_000_000_000)


def gamma_row(version: str, neg_risk: bool) -> dict[str, Any]:
    tokens = [str(int.from_bytes(hashlib.sha256(bytes([i])).digest())) for i in range(2)]
    positions = [str(1 << 248 | 9 << 120 | i) for i in range(2)]
    condition = f"{1 << 240 | 9 << 112:062x}00" if version == "v2" else "ab" * 32  # a v2 id is what its position ids share
    return {
        "id": "1",
        "conditionId": "0x" + condition,
        "version": version,
        "question": "Lakers vs. Celtics",
        "description": "If the Lakers win ...",
        "slug": "nba-lal-bos-2027-04-05",
        "outcomes": '["Lakers", "Celtics"]',
        "clobTokenIds": json.dumps(tokens),
        "positionIds": positions,
        **dict.fromkeys(("enableOrderBook", "acceptingOrders", "active", "feesEnabled"), True),
        **dict.fromkeys(("closed", "archived"), False),
        "negRisk": neg_risk,
        "orderMinSize": 5,
        "orderPriceMinTickSize": 0.01,
        "feeSchedule": {"rate": 0.05, "exponent": 1, "takerOnly": True},
        "gameStartTime": "2027-04-05 15:10:00+00",
        "sportsMarketType": "moneyline",
    }


class Meeting:
    """A client and a venue in one process; time passes by advance()."""

    def __init__(self, kind: int = 3, version: str = "v1", neg_risk: bool = False, **customer_changes: Any) -> None:
        self.clock = ManualClock()
        account = Account(Secret(KEY), OWNER if kind == 0 else WALLET, kind)
        event = {"id": "5", "slug": "s", "title": "t", "negRisk": neg_risk, "markets": [gamma_row(version, neg_risk)]}
        given: dict[str, Any] = {"balance": CASH, "allowance": Money(10**12), **customer_changes}
        customer = PolymarketAccount(OWNER, account.maker, kind, "key", "c2VjcmV0", "phrase", **given)
        self.account = account
        self.sim = PolymarketSim(self.clock, random.Random(1), PolymarketCatalogue([event], []), [customer])
        self.ids = SeededIds(self.clock, 1)
        self.client = PolymarketClient(self, "http://venue", "http://venue/data", account, None, self.clock, self.ids)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        parts = urlsplit(url)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        lower = {name.lower(): value for name, value in headers.items()}
        answer = self.sim.handle(Request(method, parts.path, query, lower, body or b""))
        if answer.drop:
            raise UnknownOutcome("polymarket", "no_answer", "the answer was lost")
        return Response(answer.status, answer.headers, answer.body)

    async def open(self) -> Market:
        await self.client.derive_credentials()
        pages = [page async for page in Gamma(self, "http://venue/gamma").event_pages(closed=False)]
        event = pages[0][0]
        self.client.remember([market_from(event, event["markets"][0], None, read_at=self.clock.wall_ns())])
        self.market = await self.client.market(event["markets"][0]["conditionId"])
        for price, size in ((5500, 10_000_000), (5500, 3_330_000), (5600, 20_000_000)):
            self.sim.customer_rest(self.market.id, "ask", Price(price), Size(size))
        self.sim.customer_rest(self.market.id, "bid", Price(5000), Size(20_000_000))
        return self.market

    async def trade(
        self, action: Action, outcome: Outcome, limit: int, size: int, tif: Tif = Tif.IOC
    ) -> tuple[Prepared, LegResult]:
        want = Want(market=self.market.id, outcome=outcome, action=action, limit=Price(limit), size=Size(size), tif=tif)
        leg = LegRequest(
            leg_id=leg_id(self.ids.arb(), 0, 0),
            want=want,
            venue=POLYMARKET,
            purpose="open",
            max_cost=CASH,
            world="sim",
            epoch=1,
            deadline=MonoNs(self.clock.mono_ns() + 5 * SECOND),
        )
        prepared = self.client.prepare(leg, self.market, self.ids, self.clock)
        return prepared, await self.client.send(await self.client.sign(prepared), deadline=leg.deadline)

    def advance(self, seconds: int) -> None:
        """Second by second: what is due sets off what is due later."""
        for _ in range(seconds):
            self.clock.advance(SECOND)
            self.sim.advance()
