"""A KalshiClient on its in-memory Http, and the rows its answers are made of."""

import asyncio
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fakes import FakeDialer, FakeHttp, reply
from kalshi_rows import BASE, PREFIX, WS, make_leg, make_market

from trading.clock import SECOND, ManualClock
from trading.http import Response
from trading.ids import SeededIds
from trading.kalshi.client import KalshiClient
from trading.kalshi.sign import KalshiSigner
from trading.market import MarketId
from trading.order import LegResult
from trading.venue import Prepared, SignedOrder

CREATE = "/portfolio/events/orders"
KEY = Ed25519PrivateKey.generate()
TICKER = MarketId("KXNBAGAME-26NOV19UTAGSW-GSW")


class Desk:
    """A client with its fakes; sleeps are noted and move the clock."""

    def __init__(self, *, key: bool = True, dialer: FakeDialer | None = None) -> None:
        self.http = FakeHttp(base=PREFIX)
        self.clock = ManualClock()
        self.slept: list[float] = []
        self.signer = KalshiSigner("key-id", "ed25519", KEY.sign)
        self.client = KalshiClient(
            self.http,
            BASE,
            self.signer if key else None,
            self.clock,
            ws=(dialer, WS) if dialer else None,
            ids=SeededIds(self.clock, 1),
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(round(seconds * SECOND))
        await asyncio.sleep(0)

    def order(self, **leg: Any) -> Prepared:
        return self.client.prepare(make_leg(**leg), make_market(), SeededIds(self.clock, 1), self.clock)

    async def signed(self, **leg: Any) -> SignedOrder:
        return await self.client.sign(self.order(**leg))

    async def send(self, *answers: Any, **leg: Any) -> LegResult:
        self.http.on("POST", CREATE, *answers)
        signed = await self.signed(**leg)
        return await self.client.send(signed, deadline=signed.prepared.leg.deadline)


def created(order: Prepared, fill: str = "10.00", remaining: str = "0.00") -> Response:
    body = {
        "order_id": "o-1",
        "client_order_id": order.client_order_id,
        "fill_count": fill,
        "remaining_count": remaining,
        "average_fill_price": "0.5500",
        "average_fee_paid": "0.0174",
        "ts_ms": 1,
    }
    return reply(201, body)


def listed(order: Prepared, status: str = "executed", filled: str = "10.00", order_id: str = "o-1") -> dict[str, Any]:
    return {
        "order_id": order_id,
        "client_order_id": order.client_order_id,
        "ticker": TICKER,
        "status": status,
        "initial_count_fp": "10.00",
        "fill_count_fp": filled,
        "remaining_count_fp": "0.00" if status != "resting" else "10.00",
    }


def filled_row(number: int, count: str = "10.00", price: str = "0.5500", order_id: str = "o-1") -> dict[str, Any]:
    return {
        "fill_id": f"f-{number}",
        "order_id": order_id,
        "ticker": TICKER,
        "count_fp": count,
        "yes_price_dollars": price,
        "outcome_side": "yes",
        "is_taker": True,
        "fee_cost": "0.173300",
        "created_time": "2026-11-20T01:02:03Z",
    }


NOT_FOUND = reply(404, {"error": {"code": "order_not_found", "message": "m"}})
DUPLICATE = reply(409, {"error": {"code": "order_already_exists", "message": "m"}})
