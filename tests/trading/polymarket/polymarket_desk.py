"""A client over a fake HTTP and memory wires: every answer is given, no time passes."""

from typing import Any

from fakes import FakeHttp, reply
from polymarket_rows import ACCOUNT, NO, YES, leg, trade

from trading.clock import SECOND, ManualClock
from trading.ids import SeededIds
from trading.market import MarketId
from trading.order import LegResult
from trading.polymarket.client import PolymarketClient
from trading.polymarket.sign import ApiCredentials
from trading.secrets import Secret
from trading.venue import Prepared, SignedOrder

CREDENTIALS = ApiCredentials("uuid-1", Secret("AAECAwQFBgcICQoLDA0ODw=="), Secret("phrase"))
ID = MarketId("0xcc")
PARAMS = {"c": ID, "t": [{"t": YES, "o": "Yes"}, {"t": NO, "o": "No"}], "mts": 0.01, "mos": 5, "ao": True}
PARAMS["fd"] = {"r": 0.05, "e": 1, "to": True}


class Desk:
    """A client with its fakes; sleeps are noted."""

    def __init__(self, **changes: Any) -> None:
        self.http = FakeHttp(missing=reply(404, {"error": "not found"}))
        self.http.on("GET", "/clob-markets/0xcc", PARAMS)
        self.clock = ManualClock()
        self.slept: list[float] = []
        self.ids = SeededIds(self.clock, 1)
        given: dict[str, Any] = {"account": ACCOUNT, "credentials": CREDENTIALS, "ws": None, **changes}
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

    async def signed(self, **changes: Any) -> SignedOrder:
        """An order due in 5 s; changes are those of polymarket_rows.leg."""
        market = await self.client.market(ID)
        wanted = leg(**{"deadline": self.clock.mono_ns() + 5 * SECOND, **changes})
        return await self.client.sign(self.client.prepare(wanted, market, self.ids, self.clock))

    async def send(self, order: SignedOrder) -> LegResult:
        return await self.client.send(order, deadline=order.prepared.leg.deadline)


def traded(order: Prepared, size: str = "50", price: str = "0.56", status: str = "MATCHED") -> dict[str, Any]:
    """A trade of an order with one maker, as list and user channel show it."""
    return trade(order, [(size, price, order.fields["token"])], status=status) | {"event_type": "trade"}


def page(*rows: Any, cursor: str = "LTE=") -> dict[str, Any]:
    return {"limit": 100, "count": len(rows), "next_cursor": cursor, "data": list(rows)}
