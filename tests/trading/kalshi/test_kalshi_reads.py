"""KalshiClient's reads: retries, errors, markets, the account, the mode and discovery."""

from typing import Any

import pytest
from fakes import Call, reply
from kalshi_desk import TICKER, Desk, filled_row, listed
from kalshi_rows import EVENT, SERIES, market_row

from trading.clock import SECOND
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
from trading.kalshi.rest import error_for
from trading.units import Money, WallNs
from trading.venue import AccountQuery, Payout


async def test_reads_wait_4_8_16_32_64_then_fail() -> None:
    """B-210: five retries, then Throttled."""
    desk = Desk()
    desk.http.on("GET", "/series", reply(429, {"error": "too many requests"}))

    with pytest.raises(Throttled):
        await desk.client.series()

    assert desk.slept == [4, 8, 16, 32, 64]
    assert len(desk.http.calls) == 6


async def test_one_bad_gateway_costs_no_list_and_no_private_read_waits_for_it() -> None:
    """B-214: a public list's page is asked for again; what a loop reads anyway fails at once."""
    desk = Desk()
    desk.http.on("GET", "/series", reply(502, b""), reply(200, {"series": [SERIES]}))
    desk.http.on("GET", "/events", reply(503, b""), reply(200, {"events": [EVENT]}))
    desk.http.on("GET", "/portfolio/balance", reply(502, b""))

    assert await desk.client.series() == {"KXNBAGAME": SERIES}
    assert len([page async for page in desk.client.event_pages()]) == 1
    assert desk.slept == [0.5, 0.5]
    with pytest.raises(Unreachable):
        await desk.client.account(AccountQuery(what="balances"))
    assert desk.slept == [0.5, 0.5]


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
        (200, {"error": {"code": "x", "message": "m"}}, BadAnswer),
        (200, {"error": {"code": "invalid_order", "message": "m"}}, Rejected),
        (302, b"", BadAnswer),
        (400, {"error": {"code": "invalid_parameters", "message": "m"}}, Rejected),
        (400, {"error": {"code": "trading_is_paused", "message": "m"}}, ModeClosed),
        (401, {"error": {"code": "header_timestamp_expired", "message": "m"}}, AuthFailed),
        (403, b"", AuthFailed),
        (404, {"code": "not_found", "message": "m"}, Rejected),
        (409, {"error": {"code": "c", "message": "m"}}, BadAnswer),
        (409, {"error": {"code": "order_already_exists", "message": "m"}}, Rejected),
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


async def test_a_payout_has_the_venues_own_time() -> None:
    """kalshi.md 5.1: settlement_ts of a finalized market; before that nothing was paid."""
    desk = Desk()
    row = market_row() | {"status": "finalized", "result": "yes", "settlement_ts": "1970-01-02T00:00:00Z"}
    answers = [reply(200, {"market": market_row() | {"status": "determined"}}), reply(200, {"market": row})]
    desk.http.on("GET", f"/markets/{TICKER}", *answers)

    assert await desk.client.payout(TICKER) is None
    assert await desk.client.payout(TICKER) == Payout(Money(1_000_000), WallNs(86_400 * SECOND))


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
    settled |= {"yes_count_fp": "3.50", "no_count_fp": "0.00"}
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
    assert (settlement.payout, settlement.revenue, settlement.held) == (500_000, 1_750_000, 3_500_000)


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
    ("status", "body", "mode", "closed"),
    [
        (200, {"exchange_active": True, "trading_active": True}, "normal", {}),
        (200, {"exchange_active": True, "trading_active": False}, "paused", {}),
        (503, {"exchange_active": False, "trading_active": False}, "disabled", {}),
        (503, b"<html>", "unreachable", {}),
        (
            200,
            {"exchange_active": True, "trading_active": True, "exchange_index_statuses": [shard(0), shard(3, True, False)]},
            "normal",
            {3: "paused"},
        ),
        (
            200,
            {"exchange_active": True, "trading_active": True, "exchange_index_statuses": [shard(1, True, False), shard(3)]},
            "normal",
            {1: "paused"},
        ),
    ],
)
async def test_mode_names_the_shards_that_are_closed(status: int, body: Any, mode: str, closed: dict[int, str]) -> None:
    """A pause of one shard is no pause of the venue (B-426)."""
    desk = Desk()
    desk.order()  # shard 3
    desk.http.on("GET", "/exchange/status", reply(status, body))

    told = await desk.client.mode()

    assert (told.mode, told.closed_shards) == (mode, closed)


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


async def test_repeating_cursor_ends_the_walk_with_an_error() -> None:
    """A venue that hands out the same cursor for ever does not hold us, and the part it gave does not pass for the whole."""
    desk = Desk()
    desk.http.on("GET", "/milestones", reply(200, {"milestones": [{"id": "m"}], "cursor": "same"}))

    with pytest.raises(BadAnswer, match="incomplete"):
        await desk.client.milestones(minimum_start_date="2026-11-20T00:00:00Z")

    assert desk.http.calls[0].asked("minimum_start_date") == "2026-11-20T00:00:00Z"
    assert (desk.http.calls[0].asked("category"), desk.http.calls[0].asked("limit")) == ("Sports", "500")
