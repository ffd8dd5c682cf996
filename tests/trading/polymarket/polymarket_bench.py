"""A client over a fake HTTP and memory wires: every answer is given, no time passes."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from trading.clock import SECOND, ManualClock
from trading.errors import Disconnected
from trading.http import Response
from trading.ids import ArbId, SeededIds, leg_id
from trading.market import POLYMARKET, Action, MarketId, Outcome
from trading.order import LegRequest, LegResult, Tif, Want
from trading.polymarket.client import PolymarketClient
from trading.polymarket.sign import Account, ApiCredentials
from trading.secrets import Secret
from trading.stream import Wire
from trading.units import Money, MonoNs, Price, Size
from trading.venue import Prepared, SignedOrder

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CREDENTIALS = ApiCredentials("uuid-1", Secret("AAECAwQFBgcICQoLDA0ODw=="), Secret("phrase"))
ID = MarketId("0xcc")
YES, NO = "1234", "5678"
PARAMS = {"c": ID, "t": [{"t": YES, "o": "Yes"}, {"t": NO, "o": "No"}], "mts": 0.01, "mos": 5, "ao": True}
PARAMS["fd"] = {"r": 0.05, "e": 1, "to": True}

Call = tuple[str, str, Mapping[str, str], bytes | None]


class FakeHttp:
    """Answers by "METHOD path"; a deque gives its answers in turn, an exception is raised. Keeps every call."""

    def __init__(self) -> None:
        self.routes: dict[str, Any] = {"GET /clob-markets/0xcc": PARAMS}
        self.calls: list[Call] = []

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        self.calls.append((method, url, headers, body))
        given = self.routes.get(f"{method} {urlsplit(url).path}", (404, {"error": "not found"}))
        if isinstance(given, deque):
            given = given.popleft() if len(given) > 1 else given[0]
        if isinstance(given, Exception):
            raise given
        status, said, *more = given if isinstance(given, tuple) else (200, given)
        return Response(status, more[0] if more else {}, said if isinstance(said, bytes) else json.dumps(said).encode())

    def query(self, index: int = -1) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.calls[index][1]).query)


class Bench:
    def __init__(self, **changes: Any) -> None:
        self.http = FakeHttp()
        self.clock = ManualClock()
        self.slept: list[float] = []
        self.ids = SeededIds(self.clock, 1)
        given: dict[str, Any] = {"account": Account(Secret(KEY), WALLET, 3), "credentials": CREDENTIALS, "ws": None, **changes}
        self.client = PolymarketClient(
            self.http,
            "https://clob.test/",
            "https://data.test",
            given["account"],
            given["credentials"],
            self.clock,
            self.ids,
            ws=given["ws"],
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def leg(self, **changes: Any) -> LegRequest:
        want = Want(
            market=ID,
            outcome=changes.get("outcome", Outcome.YES),
            action=changes.get("action", Action.BUY),
            limit=Price(5600),
            size=Size(50_000_000),
            tif=changes.get("tif", Tif.IOC),
        )
        return LegRequest(
            leg_id=leg_id(ArbId(bytes(14)), 0, changes.get("attempt", 0)),
            want=want,
            venue=POLYMARKET,
            purpose="open",
            max_cost=Money(10**9),
            world="sim",
            epoch=1,
            deadline=MonoNs(self.clock.mono_ns() + 5 * SECOND),
        )

    async def signed(self, **changes: Any) -> SignedOrder:
        market = await self.client.market(ID)
        return await self.client.sign(self.client.prepare(self.leg(**changes), market, self.ids, self.clock))

    async def send(self, order: SignedOrder) -> LegResult:
        return await self.client.send(order, deadline=order.prepared.leg.deadline)


def matched(order: Prepared, making: str = "28", taking: str = "50") -> dict[str, Any]:
    row = {"success": True, "errorMsg": "", "orderID": order.venue_order_id, "status": "matched", "tradeIDs": ["t1"]}
    return {**row, "makingAmount": making, "takingAmount": taking}


def trade(order: Prepared, size: str = "50", price: str = "0.56", status: str = "MATCHED") -> dict[str, Any]:
    maker = {"order_id": "0xm", "matched_amount": size, "price": price, "asset_id": order.fields["token"], "owner": "other"}
    return {
        "event_type": "trade",
        "id": "t1",
        "taker_order_id": order.venue_order_id,
        "market": ID,
        "asset_id": order.fields["token"],
        "side": order.fields["side"],
        "size": size,
        "price": price,
        "status": status,
        "match_time": "1790000001",
        "trader_side": "TAKER",
        "maker_orders": [maker],
    }


def page(*rows: Any, cursor: str = "LTE=") -> dict[str, Any]:
    return {"limit": 100, "count": len(rows), "next_cursor": cursor, "data": list(rows)}


class FakeWire:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.inbox: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def send(self, data: str | bytes) -> None:
        self.sent.append(data if isinstance(data, str) else data.decode())

    async def recv(self) -> bytes:
        data = await self.inbox.get()
        if data is None:
            raise Disconnected("cut")
        return data

    async def close(self, code: int = 1000) -> None:
        return None

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.sent if text != "PING"]

    def tell(self, *events: dict[str, Any]) -> None:
        self.inbox.put_nowait(json.dumps(list(events) if len(events) > 1 else events[0]).encode())


class FakeDialer:
    def __init__(self) -> None:
        self.wire = FakeWire()

    async def connect(self, url: str, headers: Mapping[str, str]) -> Wire:
        return self.wire
