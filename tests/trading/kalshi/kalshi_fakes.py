"""In-memory Http, Wire and Dialer of the Kalshi tests, and short makers of legs and markets."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from trading.clock import ManualClock
from trading.errors import Disconnected
from trading.http import Response
from trading.ids import SeededIds, leg_id
from trading.kalshi.wire import market_from
from trading.market import KALSHI, Action, Market, MarketId, Outcome
from trading.order import LegRequest, Purpose, Tif, Want
from trading.units import Money, MonoNs, Price, Size, WallNs

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"
BASE = "https://venue.test/trade-api/v2"
WS = "wss://venue.test/trade-api/ws/v2"


class Call(msgspec.Struct, frozen=True):
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes | None
    timeout_s: float

    def asked(self, name: str) -> str | None:
        return dict(self.query).get(name)


Answer = Response | Exception | Callable[[Call], Response]


class FakeHttp:
    """Answers each path (below the base) from a queue of its own; the last answer stays. Unknown paths fail the test."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._answers: dict[tuple[str, str], deque[Answer]] = {}

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[(method, path)] = deque(answers)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        parts = urlsplit(url)
        path = parts.path.removeprefix("/trade-api/v2")
        call = Call(method, path, tuple(parse_qsl(parts.query)), headers, body, timeout_s)
        self.calls.append(call)
        queue = self._answers[(method, path)]
        answer = queue.popleft() if len(queue) > 1 else queue[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Response) else answer(call)


def reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, headers or {}, data)


class FakeWire:
    """A socket whose incoming frames the test puts in; ends with Disconnected."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed = False
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(self, frame: object) -> None:
        self._frames.put_nowait(frame if isinstance(frame, bytes) else json.dumps(frame).encode())

    def end(self) -> None:
        self._frames.put_nowait(None)

    async def send(self, data: str | bytes) -> None:
        self.sent.append(json.loads(data))

    async def recv(self) -> bytes:
        data = await self._frames.get()
        if data is None:
            raise Disconnected("ended by the test")
        return data

    async def close(self, code: int = 1000) -> None:
        self.closed = True
        self.end()


class FakeDialer:
    """Hands out the given wires, or raises the given errors, in order; then refuses."""

    def __init__(self, *wires: FakeWire | Exception) -> None:
        self._wires = deque(wires)
        self.dialled: list[Mapping[str, str]] = []

    async def connect(self, url: str, headers: Mapping[str, str]) -> FakeWire:
        self.dialled.append(headers)
        if not self._wires:
            await asyncio.Event().wait()
        wire = self._wires.popleft()
        if isinstance(wire, Exception):
            raise wire
        return wire


async def settle(turns: int = 12) -> None:
    """Let every ready task run."""
    for _ in range(turns):
        await asyncio.sleep(0)


def market_row(ticker: str = "KXNBAGAME-26NOV19UTAGSW-GSW", **changes: object) -> dict[str, Any]:
    row: dict[str, Any] = {
        "ticker": ticker,
        "event_ticker": ticker.rpartition("-")[0],
        "market_type": "binary",
        "title": "Utah vs Golden State Winner?",
        "yes_sub_title": "Golden State",
        "no_sub_title": "Golden State",
        "status": "active",
        "close_time": "2026-11-22T03:00:00Z",
        "expected_expiration_time": "2026-11-20T06:00:00Z",
        "settlement_timer_seconds": 300,
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
        "rules_primary": "If Golden State wins, then the market resolves to Yes.",
        "rules_secondary": "",
        "exchange_index": 3,
    }
    row.update(changes)
    return row


EVENT = {
    "event_ticker": "KXNBAGAME-26NOV19UTAGSW",
    "series_ticker": "KXNBAGAME",
    "title": "Utah vs Golden State",
    "mutually_exclusive": True,
}
SERIES = {"ticker": "KXNBAGAME", "fee_type": "quadratic_with_maker_fees", "fee_multiplier": 1}


def make_market(ticker: str = "KXNBAGAME-26NOV19UTAGSW-GSW", **changes: object) -> Market:
    now = WallNs(1_790_000_000 * 10**9)
    return market_from(EVENT, market_row(ticker, **changes), SERIES, read_at=now, wall=now)


def make_leg(
    outcome: Outcome = Outcome.YES,
    action: Action = Action.BUY,
    limit: int = 5_600,
    size: int = 10_000_000,
    tif: Tif = Tif.IOC,
    *,
    market: str = "KXNBAGAME-26NOV19UTAGSW-GSW",
    purpose: Purpose = "open",
    post_only: bool = False,
    attempt: int = 0,
) -> LegRequest:
    clock = ManualClock()
    want = Want(
        market=MarketId(market),
        outcome=outcome,
        action=action,
        limit=Price(limit),
        size=Size(size),
        tif=tif,
        post_only=post_only,
    )
    return LegRequest(
        leg_id=leg_id(SeededIds(clock, 1).arb(), 1, attempt),
        want=want,
        venue=KALSHI,
        purpose=purpose,
        max_cost=Money(100_000_000),
        world="sim",
        epoch=1,
        deadline=MonoNs(clock.mono_ns() + 5 * 10**9),
    )
