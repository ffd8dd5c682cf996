"""KalshiClient over an in-memory Http: what it sends, what it concludes, what it never does."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kalshi_fakes import (
    BASE,
    EVENT,
    SERIES,
    WS,
    Call,
    FakeDialer,
    FakeHttp,
    FakeWire,
    make_leg,
    make_market,
    market_row,
    reply,
    settle,
)

from trading.clock import SECOND, ManualClock
from trading.errors import (
    AuthFailed,
    BadAnswer,
    ModeClosed,
    Rejected,
    Throttled,
    UnknownOutcome,
    Unreachable,
)
from trading.http import Response
from trading.ids import SeededIds
from trading.kalshi.client import KalshiClient
from trading.kalshi.rest import error_for
from trading.kalshi.sign import KalshiSigner
from trading.market import MarketId
from trading.order import LegResult, Tif
from trading.units import MonoNs
from trading.venue import AccountQuery, Prepared, SignedOrder

CREATE = "/portfolio/events/orders"
KEY = Ed25519PrivateKey.generate()
TICKER = MarketId("KXNBAGAME-26NOV19UTAGSW-GSW")


class Desk:
    """A client with its fakes; sleeps are noted and move the clock."""

    def __init__(self, *, key: bool = True, dialer: FakeDialer | None = None) -> None:
        self.http = FakeHttp()
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


async def test_send_posts_the_signed_v2_body_once() -> None:
    """One POST to the V2 path with our exact fields, JSON headers and a signature over method and full path."""
    desk = Desk()
    order = desk.order()

    result = await desk.send(created(order))

    (call,) = desk.http.calls
    assert (call.method, call.path, call.query) == ("POST", CREATE, ())
    assert json.loads(call.body or b"") == dict(order.fields)
    assert call.headers["Content-Type"] == "application/json"
    stamp = call.headers["KALSHI-ACCESS-TIMESTAMP"]
    expected = desk.signer.headers("POST", urlsplit(BASE).path + CREATE, desk.clock.wall_ns())
    assert (stamp, call.headers["KALSHI-ACCESS-SIGNATURE"]) == (
        expected["KALSHI-ACCESS-TIMESTAMP"],
        expected["KALSHI-ACCESS-SIGNATURE"],
    )
    assert (result.state, result.venue_order_id, result.cost, result.fee) == ("filled", "o-1", 5_500_000, 174_000)


async def test_old_signature_is_renewed_at_the_send() -> None:
    """An order that waited for its promise is stamped again; the body stays."""
    desk = Desk()
    signed = await desk.signed()
    desk.http.on("POST", CREATE, created(signed.prepared))
    desk.clock.advance(2 * SECOND)

    await desk.client.send(signed, deadline=signed.prepared.leg.deadline)

    (call,) = desk.http.calls
    assert call.headers["KALSHI-ACCESS-TIMESTAMP"] == str(desk.clock.wall_ns() // 1_000_000)
    assert call.body == signed.body


async def test_deadline_bounds_the_wait_and_refuses_when_past() -> None:
    """The HTTP wait ends with the leg's deadline; past it nothing is sent."""
    desk = Desk()
    signed = await desk.signed()
    desk.http.on("POST", CREATE, created(signed.prepared))

    await desk.client.send(signed, deadline=MonoNs(desk.clock.mono_ns() + SECOND))
    with pytest.raises(Unreachable):
        await desk.client.send(signed, deadline=desk.clock.mono_ns())

    assert [call.timeout_s for call in desk.http.calls] == [1.0]


@pytest.mark.parametrize("error", [Unreachable("kalshi", "refused"), UnknownOutcome("kalshi", "timeout")])
async def test_transport_errors_pass_through_send(error: Exception) -> None:
    """Not sent and not answered are different things, and both reach the caller as they are."""
    with pytest.raises(type(error)):
        await Desk().send(error)


async def test_throttled_order_is_a_definite_no_without_waiting() -> None:
    """429 on a leg: rejected(throttled), no sleep, no second POST (design.md 6)."""
    desk = Desk()

    result = await desk.send(reply(429, {"error": "too many requests"}))

    assert (result.state, result.code, desk.slept, len(desk.http.calls)) == ("rejected", "throttled", [], 1)


async def test_duplicate_id_is_looked_up() -> None:
    """409 order_already_exists: the answer is the existing order with its exact fills, and nothing is sent again."""
    desk = Desk()
    order = desk.order()
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [listed(order)], "cursor": ""}))
    desk.http.on("GET", "/portfolio/fills", reply(200, {"fills": [filled_row(1)], "cursor": ""}))

    result = await desk.send(DUPLICATE)

    assert (result.state, result.settled, result.cost, result.fee) == ("filled", True, 5_500_000, 173_300)
    assert [call.method for call in desk.http.calls] == ["POST", "GET", "GET"]


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, {"orders": [], "cursor": ""}),
        reply(429, {"error": "too many requests"}),
        reply(401, {"error": {"code": "x", "message": "m"}}),
        reply(503, b""),
        Unreachable("kalshi", "refused"),
    ],
)
async def test_duplicate_that_cannot_be_looked_up_is_unknown(answer: Any) -> None:
    """An order does exist, so no failure of the look-up may read as "rejected" or "nothing sent"."""
    desk = Desk()
    desk.http.on("GET", "/portfolio/orders", answer)

    with pytest.raises(UnknownOutcome):
        await desk.send(DUPLICATE)


async def test_find_pages_orders_by_our_id_then_sums_fills() -> None:
    """No filter by client id exists: every page is read; fills are asked by order id and counted once each."""
    desk = Desk()
    order = desk.order()
    other = desk.order(attempt=1)

    def orders(call: Call) -> Response:
        rows = [listed(order)] if call.asked("cursor") == "c2" else [listed(other, order_id="o-9")]
        return reply(200, {"orders": rows, "cursor": "" if call.asked("cursor") else "c2"})

    def fills(call: Call) -> Response:
        rows = [filled_row(2, "4.00"), filled_row(1, "6.00")] if call.asked("cursor") else [filled_row(1, "6.00")]
        return reply(200, {"fills": rows, "cursor": "" if call.asked("cursor") else "c2"})

    desk.http.on("GET", "/portfolio/orders", orders)
    desk.http.on("GET", "/portfolio/fills", fills)

    result = await desk.client.find(order)

    assert result is not None
    assert (result.settled, result.filled, result.cost, result.fee) == (True, 10_000_000, 5_500_000, 346_600)
    first = desk.http.calls[0]
    assert first.asked("ticker") == TICKER
    assert int(first.asked("min_ts") or 0) == 1_790_000_000 - 600
    assert {call.asked("order_id") for call in desk.http.calls if call.path == "/portfolio/fills"} == {"o-1"}


async def test_find_knows_nothing_is_none() -> None:
    """No row under our id: None, which is not a proof of absence."""
    desk = Desk()
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [], "cursor": ""}))

    assert await desk.client.find(desk.order()) is None


async def test_find_uses_the_order_id_once_known() -> None:
    """After an answer named the order it is read directly; a 404 there falls back to the list."""
    desk = Desk()
    order = desk.order()
    await desk.send(created(order))
    desk.http.on("GET", "/portfolio/orders/o-1", reply(200, {"order": listed(order)}), NOT_FOUND)
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [listed(order)], "cursor": ""}))
    desk.http.on("GET", "/portfolio/fills", reply(200, {"fills": [filled_row(1)], "cursor": ""}))

    direct, listed_again = await desk.client.find(order), await desk.client.find(order)

    assert direct == listed_again
    assert [call.path for call in desk.http.calls].count("/portfolio/orders") == 1


async def test_find_with_lagging_fills_is_not_settled() -> None:
    """The order says 10, the fills say 6: final, not settled; complete fills settle it."""
    desk = Desk()
    order = desk.order()
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [listed(order)], "cursor": ""}))
    desk.http.on("GET", "/portfolio/orders/o-1", reply(200, {"order": listed(order)}))
    desk.http.on(
        "GET",
        "/portfolio/fills",
        reply(200, {"fills": [filled_row(1, "6.00")], "cursor": ""}),
        reply(200, {"fills": [filled_row(1, "6.00"), filled_row(2, "4.00")], "cursor": ""}),
    )

    first, second = await desk.client.find(order), await desk.client.find(order)

    assert first is not None
    assert second is not None
    assert (first.state, first.settled, second.settled, second.cost) == ("filled", False, True, 5_500_000)


async def test_find_does_not_wait_on_429() -> None:
    """The caller's schedule decides when to ask again."""
    desk = Desk()
    desk.http.on("GET", "/portfolio/orders", reply(429, {"error": "too many requests"}))

    with pytest.raises(Throttled):
        await desk.client.find(desk.order())
    assert desk.slept == []


async def test_cancel_is_routed_to_the_shard_and_reports_what_stood() -> None:
    """DELETE names shard and ticker; while the list lags, reduced_by says what was filled before."""
    desk = Desk()
    order = desk.order(tif=Tif.GTC)
    await desk.send(created(order, "0.00", "10.00"), tif=Tif.GTC)
    desk.http.on("DELETE", f"{CREATE}/o-1", reply(200, {"order_id": "o-1", "reduced_by": "6.00", "ts_ms": 1}))
    desk.http.on("GET", "/portfolio/orders/o-1", reply(200, {"order": listed(order, "resting", "0.00")}))
    desk.http.on("GET", "/portfolio/fills", reply(200, {"fills": [filled_row(1, "4.00")], "cursor": ""}))

    result = await desk.client.cancel(order)

    call = next(call for call in desk.http.calls if call.method == "DELETE")
    assert dict(call.query) == {"exchange_index": "3", "market_ticker": TICKER}
    assert (result.state, result.filled, result.settled) == ("partial", 4_000_000, True)


async def test_cancel_too_late_tells_the_truth() -> None:
    """404: the order is gone, so its own record answers."""
    desk = Desk()
    order = desk.order(tif=Tif.GTC)
    await desk.send(created(order, "0.00", "10.00"), tif=Tif.GTC)
    desk.http.on("DELETE", f"{CREATE}/o-1", NOT_FOUND)
    desk.http.on("GET", "/portfolio/orders/o-1", reply(200, {"order": listed(order)}))
    desk.http.on("GET", "/portfolio/fills", reply(200, {"fills": [filled_row(1)], "cursor": ""}))

    assert (await desk.client.cancel(order)).state == "filled"


async def test_cancel_of_an_unlisted_order_stays_unknown() -> None:
    """No id and no row yet: nothing is concluded and nothing is deleted."""
    desk = Desk()
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [], "cursor": ""}))

    result = await desk.client.cancel(desk.order(tif=Tif.GTC))

    assert result.state == "unknown"
    assert [call.method for call in desk.http.calls] == ["GET"]


async def test_unanswered_cancel_is_unknown() -> None:
    """5xx on a write is in doubt."""
    desk = Desk()
    order = desk.order(tif=Tif.GTC)
    await desk.send(created(order, "0.00", "10.00"), tif=Tif.GTC)
    desk.http.on("DELETE", f"{CREATE}/o-1", reply(500, b""))

    with pytest.raises(UnknownOutcome):
        await desk.client.cancel(order)


async def test_reads_wait_4_8_16_32_64_then_fail() -> None:
    """B-210: five retries, then Throttled."""
    desk = Desk()
    desk.http.on("GET", "/series", reply(429, {"error": "too many requests"}))

    with pytest.raises(Throttled):
        await desk.client.series()

    assert desk.slept == [4, 8, 16, 32, 64]
    assert len(desk.http.calls) == 6


async def test_retry_after_wins_when_present() -> None:
    """A proxy's Retry-After replaces our schedule."""
    desk = Desk()
    limited = reply(429, {"error": "too many requests"}, {"retry-after": "1.5"})
    desk.http.on("GET", "/series", limited, reply(200, {"series": [SERIES]}))

    assert await desk.client.series() == {"KXNBAGAME": SERIES}
    assert desk.slept == [1.5]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"ok": 1}, None),
        (204, b"", None),
        (200, {"error": {"code": "x", "message": "m"}}, Rejected),
        (302, b"", BadAnswer),
        (400, {"error": {"code": "invalid_parameters", "message": "m"}}, Rejected),
        (400, {"error": {"code": "trading_is_paused", "message": "m"}}, ModeClosed),
        (401, {"error": {"code": "header_timestamp_expired", "message": "m"}}, AuthFailed),
        (403, b"", AuthFailed),
        (404, {"code": "not_found", "message": "m"}, Rejected),
        (409, {"error": {"code": "c", "message": "m"}}, Rejected),
        (410, b"", Rejected),
        (429, {"error": "too many requests"}, Throttled),
        (500, b"", Unreachable),
        (503, {"error": {"code": "c", "message": "m"}}, Unreachable),
    ],
)
def test_every_status_has_its_error(status: int, body: Any, kind: type[Exception] | None) -> None:
    """Each row of kalshi.md 3 maps to what the caller may do next."""
    error = error_for(reply(status, body))

    assert (type(error) if error is not None else None) == kind


async def test_read_without_answer_may_be_repeated() -> None:
    """A GET that timed out changed nothing: Unreachable, not UnknownOutcome."""
    desk = Desk()
    desk.http.on("GET", "/series", UnknownOutcome("kalshi", "timeout"))

    with pytest.raises(Unreachable):
        await desk.client.series()


async def test_market_reads_row_event_and_series() -> None:
    """The fee terms come from the series, the shard from the row."""
    desk = Desk()
    desk.http.on("GET", f"/markets/{TICKER}", reply(200, {"market": market_row()}))
    desk.http.on("GET", f"/events/{EVENT['event_ticker']}", reply(200, {"event": EVENT, "markets": []}))
    desk.http.on("GET", "/series/KXNBAGAME", reply(200, {"series": SERIES}))

    market = await desk.client.market(TICKER)

    assert (market.id, market.shard, market.tradable) == (TICKER, 3, True)


async def test_rest_book_is_a_sample_without_proof() -> None:
    """It is ready to look at; proved_at stays 0 so nothing executes on it."""
    desk = Desk()
    levels = {"yes_dollars": [["0.4000", "10.00"]], "no_dollars": [["0.5500", "20.00"]]}
    desk.http.on("GET", f"/markets/{TICKER}/orderbook", reply(200, {"orderbook_fp": levels}))

    book = await desk.client.book(TICKER)

    assert (book.bid, book.ask, book.ready, book.proved_at) == (4_000, 4_500, True, 0)


def balances(exact: dict[int, str], breakdown: list[dict[str, Any]] | None) -> Any:
    def answer(call: Call) -> Response:
        shard = call.asked("exchange_index")
        total = f"{sum(float(text) for text in exact.values()):.4f}"
        body: dict[str, Any] = {"balance": 1, "balance_dollars": total if shard is None else exact[int(shard)]}
        if shard is None and breakdown is not None:
            body["balance_breakdown"] = breakdown
        return reply(200, body)

    return answer


async def test_balances_of_truncated_shards_are_asked_one_by_one() -> None:
    """Whole cents hide up to a cent a shard: each shard is asked, a second apart (its own bucket)."""
    desk = Desk()
    rows = [{"exchange_index": 0, "balance": 1234}, {"exchange_index": 3, "balance": 500}]
    desk.http.on("GET", "/portfolio/balance", balances({0: "12.3456", 3: "5.0001"}, rows))

    page = await desk.client.account(AccountQuery(what="balances"))

    assert [(row.shard, row.cash) for row in page.balances] == [(0, 12_345_600), (3, 5_000_100)]
    assert desk.slept == [1.0, 1.0]


@pytest.mark.parametrize("texts", [True, False])
async def test_breakdown_that_adds_up_is_exact(texts: bool) -> None:
    """When the parts sum to the exact total nothing was cut off, and one call is enough."""
    desk = Desk()
    rows = [
        {"exchange_index": 0, "balance": "12.3400" if texts else 1234},
        {"exchange_index": 3, "balance": "5.0000" if texts else 500},
    ]
    desk.http.on("GET", "/portfolio/balance", balances({0: "12.3400", 3: "5.0000"}, rows))

    page = await desk.client.account(AccountQuery(what="balances"))

    assert [(row.shard, row.cash) for row in page.balances] == [(0, 12_340_000), (3, 5_000_000)]
    assert (len(desk.http.calls), desk.slept) == (1, [])


async def test_account_pages_are_ours() -> None:
    """Positions are signed, orders carry both ids, fills their exact fee, settlements the YES payout; cursors pass."""
    desk = Desk()
    desk.http.on(
        "GET",
        "/portfolio/positions",
        reply(
            200,
            {
                "market_positions": [
                    {"ticker": "A", "position_fp": "-3.50", "fees_paid_dollars": "0.0700"},
                    {"ticker": "B", "position_fp": "0.00", "fees_paid_dollars": "0.0100"},
                ],
                "event_positions": [],
                "cursor": "next",
            },
        ),
    )
    order = desk.order()
    desk.http.on("GET", "/portfolio/orders", reply(200, {"orders": [listed(order, "resting", "0.00")], "cursor": ""}))
    no_fill = {**filled_row(1, "2.00", "0.5600"), "outcome_side": "no"}
    desk.http.on("GET", "/portfolio/fills", reply(200, {"fills": [no_fill], "cursor": None}))
    settled = {"ticker": "A", "market_result": "scalar", "revenue": 175, "settled_time": "2026-11-20T00:00:00Z", "value": 50}
    desk.http.on("GET", "/portfolio/settlements", reply(200, {"settlements": [settled], "cursor": ""}))

    positions = await desk.client.account(AccountQuery(what="positions", cursor="here"))
    orders = await desk.client.account(AccountQuery(what="orders", market=TICKER))
    fills = await desk.client.account(AccountQuery(what="fills"))
    settlements = await desk.client.account(AccountQuery(what="settlements"))

    assert [(row.market, row.size, row.fees) for row in positions.positions] == [("A", -3_500_000, 70_000)]
    assert (positions.cursor, desk.http.calls[0].asked("cursor")) == ("next", "here")
    assert [(row.client_order_id, row.remaining) for row in orders.orders] == [(order.client_order_id, 10_000_000)]
    assert (desk.http.calls[1].asked("status"), desk.http.calls[1].asked("ticker")) == ("resting", TICKER)
    (fill,) = fills.fills
    assert (fill.venue_order_id, fill.fill.price, fill.fill.cost, fill.fill.fee) == ("o-1", 4_400, 880_000, 173_300)
    (settlement,) = settlements.settlements
    assert (settlement.payout, settlement.revenue) == (500_000, 1_750_000)


@pytest.mark.parametrize(
    ("result", "revenue", "yes", "no", "payout"),
    [
        ("yes", 300, "3.00", "0", 1_000_000),
        ("no", 0, "3.00", "0", 0),
        ("scalar", 120, "3.00", "0", 400_000),
        ("scalar", 120, "0", "3.00", 600_000),
    ],
)
async def test_payout_without_a_value(result: str, revenue: int, yes: str, no: str, payout: int) -> None:
    """value may be null: the result or the revenue per contract gives the YES payout."""
    desk = Desk()
    row = {
        "ticker": "A",
        "market_result": result,
        "revenue": revenue,
        "settled_time": "2026-11-20T00:00:00Z",
        "yes_count_fp": yes,
        "no_count_fp": no,
        "value": None,
    }
    desk.http.on("GET", "/portfolio/settlements", reply(200, {"settlements": [row], "cursor": ""}))

    page = await desk.client.account(AccountQuery(what="settlements"))

    assert page.settlements[0].payout == payout


async def test_odd_rows_are_bad_answers() -> None:
    """A row that cannot be read is BadAnswer, whether a field is missing or a number is none."""
    desk = Desk()
    for row in ({"ticker": "A"}, {"ticker": "A", "position_fp": "x"}):
        desk.http.on("GET", "/portfolio/positions", reply(200, {"market_positions": [row]}))
        with pytest.raises(BadAnswer):
            await desk.client.account(AccountQuery(what="positions"))


async def test_private_reads_need_a_key_and_public_ones_do_not() -> None:
    """Without a key the client watches; asking for the account says what to set."""
    desk = Desk(key=False)
    desk.http.on("GET", "/series", reply(200, {"series": []}))

    assert await desk.client.series() == {}
    assert desk.http.calls[0].headers == {}
    with pytest.raises(AuthFailed, match="API key"):
        await desk.client.account(AccountQuery(what="positions"))
    with pytest.raises(AuthFailed):
        await desk.signed()


def shard(index: int, exchange: bool = True, trading: bool = True) -> dict[str, Any]:
    return {"exchange_index": index, "description": "", "exchange_active": exchange, "trading_active": trading}


@pytest.mark.parametrize(
    ("status", "body", "mode"),
    [
        (200, {"exchange_active": True, "trading_active": True}, "normal"),
        (200, {"exchange_active": True, "trading_active": False}, "paused"),
        (503, {"exchange_active": False, "trading_active": False}, "disabled"),
        (503, b"<html>", "unreachable"),
        (
            200,
            {"exchange_active": True, "trading_active": True, "exchange_index_statuses": [shard(0), shard(3, True, False)]},
            "paused",
        ),
        (
            200,
            {"exchange_active": True, "trading_active": True, "exchange_index_statuses": [shard(1, True, False), shard(3)]},
            "normal",
        ),
    ],
)
async def test_mode_is_that_of_the_shards_we_use(status: int, body: Any, mode: str) -> None:
    """Pauses of our shards count, those of others are only told (B-426)."""
    desk = Desk()
    desk.order()  # shard 3
    desk.http.on("GET", "/exchange/status", reply(status, body))

    assert (await desk.client.mode()).mode == mode


async def test_mode_gives_the_expected_resumption() -> None:
    """The venue's estimate as a monotonic moment; no connection is a mode as well."""
    desk = Desk()
    row = {"exchange_active": False, "trading_active": False, "exchange_estimated_resume_time": "2026-09-21T14:23:20Z"}
    desk.http.on("GET", "/exchange/status", reply(503, row), Unreachable("kalshi", "refused"))

    paused, gone = await desk.client.mode(), await desk.client.mode()

    assert paused.until == desk.clock.mono_ns() + 600 * SECOND
    assert gone.mode == "unreachable"


async def test_clock_skew_is_read_from_the_date_header() -> None:
    """Positive when our clock is behind; None without the header."""
    desk = Desk()
    date = {"date": "Mon, 21 Sep 2026 14:13:22 GMT"}  # 1_790_000_002
    desk.http.on("GET", "/exchange/status", reply(200, {}, date), reply(200, {}))

    assert await desk.client.server_time_skew_ms() == 2_500
    assert await desk.client.server_time_skew_ms() is None


async def test_event_pages_follow_cursors_and_drop_combos() -> None:
    """Pages go on past short ones until the cursor is empty; KXMVE, combo markets and Exotics are left out."""
    desk = Desk()
    combo = market_row("KXMVESPORTS-1")
    event = {**EVENT, "markets": [market_row(), combo, market_row("X-1", mve_collection_ticker="R")]}
    exotic = {**EVENT, "event_ticker": "E", "category": "Exotics", "markets": []}
    desk.http.on(
        "GET",
        "/events",
        reply(200, {"events": [event, exotic, {**EVENT, "event_ticker": "KXMVE-1"}], "cursor": "c2"}),
        reply(200, {"events": [{**EVENT, "markets": None}], "cursor": ""}),
    )

    pages = [page async for page in desk.client.event_pages(series_ticker="KXNBAGAME")]

    assert [[len(row["markets"]) for row in page] for page in pages] == [[1], [0]]
    assert dict(desk.http.calls[1].query) == {
        "status": "open",
        "with_nested_markets": "true",
        "limit": "200",
        "series_ticker": "KXNBAGAME",
        "cursor": "c2",
    }


async def test_repeating_cursor_ends_the_walk() -> None:
    """A venue that hands out the same cursor for ever does not hold us."""
    desk = Desk()
    desk.http.on("GET", "/milestones", reply(200, {"milestones": [{"id": "m"}], "cursor": "same"}))

    rows = await desk.client.milestones(minimum_start_date="2026-11-20T00:00:00Z")

    assert len(rows) == 2
    assert desk.http.calls[0].asked("minimum_start_date") == "2026-11-20T00:00:00Z"
    assert (desk.http.calls[0].asked("category"), desk.http.calls[0].asked("limit")) == ("Sports", "500")


def fill_frame(order: Prepared, number: int, count: str) -> dict[str, Any]:
    msg = {**filled_row(number, count), "client_order_id": order.client_order_id, "market_ticker": TICKER, "ts_ms": 1}
    return {"type": "fill", "sid": 2, "msg": msg}


async def test_private_stream_reports_our_legs_and_reconnects() -> None:
    """Fills that complete a leg make it final and settled; a lost socket is dialled again with a fresh signature."""
    one, two = FakeWire(), FakeWire()
    dialer = FakeDialer(one, two)
    desk = Desk(dialer=dialer)
    order, later = desk.order(), desk.order(attempt=1)
    updates = desk.client.updates()

    one.put({"type": "subscribed", "id": 1, "msg": {"channel": "fill", "sid": 2}})
    one.put(fill_frame(order, 1, "4.00"))
    one.put(fill_frame(order, 2, "6.00"))
    first = await anext(updates)
    one.end()
    two.put({"type": "user_order", "sid": 3, "msg": {**listed(later, "canceled", "0.00"), "last_update_reason": "x"}})
    second = await anext(updates)
    await desk.client.close()

    assert (first.state, first.settled, first.client_order_id) == ("filled", True, order.client_order_id)
    assert (second.state, second.client_order_id) == ("none", later.client_order_id)
    assert one.sent[0]["params"] == {"channels": ["fill", "user_orders"]}
    assert len(dialer.dialled) == 2
    assert [leg async for leg in updates] == []


async def test_refused_key_is_retried_slowly() -> None:
    """A 401 on the upgrade waits a minute, not milliseconds."""
    wire = FakeWire()
    desk = Desk(dialer=FakeDialer(AuthFailed("kalshi", "unauthorized"), AuthFailed("kalshi", "unauthorized"), wire))
    task = asyncio.ensure_future(anext(desk.client.updates()))
    await settle()
    wire.put(fill_frame(desk.order(), 1, "10.00"))

    assert (await task).state == "filled"
    assert desk.slept == [60, 60]


async def test_without_stream_there_are_no_updates() -> None:
    """updates() simply ends."""
    assert [leg async for leg in Desk().client.updates()] == []
