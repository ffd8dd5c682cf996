"""Short words for tests of orders: one market, one leg, one prepared order, the answers and trades of it."""

import json
from typing import Any

from trading.clock import SECOND
from trading.ids import ArbId, leg_id
from trading.market import POLYMARKET, Action, FeeTerms, Market, MarketId, Outcome
from trading.order import LegRequest, LegResult, Purpose, Tif, Want
from trading.polymarket.orders import answered, prepare
from trading.polymarket.sign import Account
from trading.secrets import Secret
from trading.units import Money, MonoNs, Price, Size, WallNs, parse_price, parse_size
from trading.venue import Prepared

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
ACCOUNT = Account(Secret(KEY), WALLET, 3, 137)
YES, NO = "1234", "5678"
NOW = WallNs(1_790_000_000 * SECOND)


def market(**changes: Any) -> Market:
    base: dict[str, Any] = {
        "id": MarketId("0xcc"),
        "venue": POLYMARKET,
        "event_id": "e",
        "question": "q",
        "tokens": (YES, NO),
        "grid": ((Price(100), Price(9_900), Price(100)),),
        "min_size": Size(10_000),
        "min_cost": Money(1_000_000),
        "fees": FeeTerms(schedule="polymarket", taker=50_000_000),
        "version": "v1",
    }
    return Market(**{**base, **changes})


def leg(
    *,
    action: Action = Action.BUY,
    outcome: Outcome = Outcome.YES,
    limit: str = "0.56",
    size: str = "50",
    tif: Tif = Tif.IOC,
    post_only: bool = False,
    purpose: Purpose = "open",
    attempt: int = 0,
    deadline: int = 10**15,
) -> LegRequest:
    want = Want(
        market=MarketId("0xcc"),
        outcome=outcome,
        action=action,
        limit=parse_price(limit),
        size=parse_size(size),
        tif=tif,
        post_only=post_only,
    )
    return LegRequest(
        leg_id=leg_id(ArbId(bytes(14)), 0, attempt),
        want=want,
        venue=POLYMARKET,
        purpose=purpose,
        max_cost=Money(10**9),
        world="sim",
        epoch=1,
        deadline=MonoNs(deadline),
    )


def order(given_leg: LegRequest | None = None, **changes: Any) -> Prepared:
    return prepare(given_leg or leg(), market(**changes), ACCOUNT, salt=12345, timestamp_ms=1_790_000_000_456)


def answer(put: Prepared, status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> LegResult:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answered(put, status, headers or {}, raw, now=NOW)


def taken(put: Prepared, making: str = "28", taking: str = "50", **changes: Any) -> dict[str, Any]:
    row = {"success": True, "errorMsg": "", "orderID": put.venue_order_id, "status": "matched", "tradeIDs": ["t1"]}
    return {**row, "makingAmount": making, "takingAmount": taking, "transactionsHashes": [], **changes}


def trade(put: Prepared, makers: list[tuple[str, str, str]], *, status: str = "CONFIRMED", name: str = "t1") -> dict[str, Any]:
    """makers: (matched amount, price, asset id)."""
    size = sum(parse_size(amount) for amount, _, _ in makers)
    return {
        "id": name,
        "taker_order_id": put.venue_order_id,
        "market": "0xcc",
        "asset_id": put.fields["token"],
        "side": put.fields["side"],
        "size": f"{size / 1_000_000:.6f}",
        "price": makers[0][1],
        "status": status,
        "match_time": "1790000001",
        "trader_side": "TAKER",
        "fee_rate_bps": "1000",
        "maker_orders": [
            {"order_id": f"0xm{i}", "matched_amount": amount, "price": price, "asset_id": asset, "maker_address": "0x9"}
            for i, (amount, price, asset) in enumerate(makers)
        ],
    }
