"""Short makers of Kalshi rows, legs and markets."""

from pathlib import Path
from typing import Any

from trading.clock import ManualClock
from trading.ids import SeededIds, leg_id
from trading.kalshi.wire import market_from
from trading.market import KALSHI, Action, Market, MarketId, Outcome
from trading.order import LegRequest, Purpose, Tif, Want
from trading.units import Money, MonoNs, Price, Size, WallNs

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"
PREFIX = "/trade-api/v2"
BASE = f"https://venue.test{PREFIX}"
WS = "wss://venue.test/trade-api/ws/v2"


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
