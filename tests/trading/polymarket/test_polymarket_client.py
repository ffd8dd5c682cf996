"""The client over a fake HTTP: credentials, sending, looking up, cancelling, account reads, modes."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from polymarket_desk import ID, PARAMS, Desk, page, traded
from polymarket_rows import NO, WALLET, YES, leg, taken

from trading.clock import SECOND
from trading.errors import AuthFailed, BadAnswer, ModeClosed, Rejected, Throttled, UnknownOutcome, Unreachable
from trading.market import POLYMARKET
from trading.order import Tif
from trading.polymarket.sign import ApiCredentials
from trading.secrets import Secret
from trading.units import MonoNs
from trading.venue import AccountQuery, VenueClient, VenueMode


def test_client_is_a_venue_client() -> None:
    """The seam of venue.VenueClient is met, as mypy reads it."""
    client: VenueClient = Desk().client
    assert client.venue == POLYMARKET


# ---- credentials and clock --------------------------------------------------------------------------------------------------


async def test_credentials_are_derived_else_created() -> None:
    """An existing key is derived; where there is none it is created; both are asked for with L1 headers and then used."""
    for method, path, used in (("GET", "/auth/derive-api-key", 1), ("POST", "/auth/api-key", 2)):
        desk = Desk(credentials=None)
        desk.http.on(method, path, {"apiKey": "k", "secret": "c2VjcmV0", "passphrase": "p"})
        made = await desk.client.derive_credentials()

        assert made == ApiCredentials("k", Secret("c2VjcmV0"), Secret("p"))
        assert len(desk.http.calls) == used
        assert desk.http.calls[0].headers["POLY_NONCE"] == "0"
        assert (await desk.signed()).headers["POLY_API_KEY"] == "k"


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [(401, "Invalid L1 Request headers", AuthFailed), (429, "Too Many Requests", Throttled), (425, "Too Early", ModeClosed)],
)
async def test_refused_login_creates_no_key(status: int, words: str, error: type[Exception]) -> None:
    """A wrong signature, too many requests or a restart are told, not a reason to create."""
    desk = Desk(credentials=None)
    desk.http.on("GET", "/auth/derive-api-key", (status, {"error": words}))

    with pytest.raises(error):
        await desk.client.derive_credentials()
    assert len(desk.http.calls) == 1


async def test_server_clock_moves_the_signed_stamps() -> None:
    """Stamps follow the server once the skew is more than the rounding of GET /time."""
    desk = Desk()
    desk.http.on("GET", "/time", 1_790_000_030)
    skew = await desk.client.server_skew_s()
    late = (await desk.signed()).headers["POLY_TIMESTAMP"]
    desk.http.on("GET", "/time", 1_790_000_001)
    await desk.client.warm()

    assert skew == pytest.approx(30.5)
    assert late == "1790000030"
    assert (await desk.signed()).headers["POLY_TIMESTAMP"] == "1790000000"


async def test_geoblock_fails_closed() -> None:
    """Blocked or free as told; anything but a plain flag raises (B-427)."""
    desk = Desk()
    desk.http.on("GET", "/api/geoblock", {"blocked": True, "ip": "1.2.3.4", "country": "GB", "region": ""})
    assert (await desk.client.geoblock("https://polymarket.test/api/geoblock")).blocked
    for odd in ({"blocked": "no"}, [], (500, b""), (403, b"")):
        desk.http.on("GET", "/api/geoblock", odd)
        with pytest.raises((BadAnswer, Unreachable, AuthFailed)):
            await desk.client.geoblock("https://polymarket.test/api/geoblock")


# ---- orders ----------------------------------------------------------------------------------------------------------------


async def test_sent_bytes_are_the_signed_bytes() -> None:
    """The HMAC covers stamp, method, path and exactly the body that goes out; the salt is below 2^53."""
    desk = Desk()
    order = await desk.signed()
    desk.http.on("POST", "/order", taken(order.prepared))
    result = await desk.send(order)
    call = desk.http.calls[-1]
    message = (call.headers["POLY_TIMESTAMP"] + "POST" + "/order").encode() + order.body
    expected = hmac.new(base64.urlsafe_b64decode("AAECAwQFBgcICQoLDA0ODw=="), message, hashlib.sha256).digest()

    assert (call.method, call.url, call.body) == ("POST", "https://clob.test/order", order.body)
    assert call.headers["POLY_SIGNATURE"] == base64.urlsafe_b64encode(expected).decode()
    assert call.headers["POLY_ADDRESS"] == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert 0 <= json.loads(order.body)["order"]["salt"] < 2**53
    assert (result.state, result.filled, result.cost) == ("filled", 50_000_000, 28_000_000)


async def test_nothing_is_sent_past_the_deadline() -> None:
    """A deadline that passed before the send is Unreachable: nothing left the process."""
    desk = Desk()
    order = await desk.signed()
    desk.clock.advance(6 * SECOND)
    sent = len(desk.http.calls)

    with pytest.raises(Unreachable):
        await desk.send(order)
    assert len(desk.http.calls) == sent


async def test_lost_answers_stay_unknown_and_are_found_by_id() -> None:
    """A timeout raises UnknownOutcome; find() joins the listed trade to the id known before sending."""
    desk = Desk()
    order = await desk.signed()
    desk.http.on("POST", "/order", UnknownOutcome("polymarket", "timeout"))
    with pytest.raises(UnknownOutcome):
        await desk.send(order)
    desk.http.on("GET", "/data/trades", page())
    nothing = await desk.client.find(order.prepared)
    desk.http.on("GET", "/data/trades", page(traded(order.prepared, "20")))
    result = await desk.client.find(order.prepared)

    assert nothing is None
    assert result is not None
    assert (result.state, result.filled, result.fee) == ("partial", 20_000_000, 246_400)
    assert result.settled


async def test_a_clock_ahead_by_hours_hides_no_trade() -> None:
    """Trades are looked for from a day before the order's stamp: it is our clock's, the trade's is the venue's."""
    desk = Desk()
    order = await desk.signed()
    desk.http.on("GET", "/data/trades", page())
    await desk.client.find(order.prepared)

    assert desk.http.calls[-1].params == {"market": [ID], "after": [str(1_790_000_000 - 86_400)]}


async def test_find_reads_the_order_first_and_all_pages() -> None:
    """A live order rests, a delayed one is held, trades come from every page, and reads are signed without their query."""
    desk = Desk()
    order = await desk.signed(tif=Tif.GTC)
    path = f"GET /data/order/{order.prepared.venue_order_id}"
    desk.http.on(*path.split(), {"id": order.prepared.venue_order_id, "status": "LIVE", "size_matched": "20"})
    other = traded(order.prepared) | {"id": "t0", "taker_order_id": "0x0"}
    desk.http.on("GET", "/data/trades", page(other, cursor="Mg=="), page(traded(order.prepared, "20")))
    resting = await desk.client.find(order.prepared)
    desk.http.on(*path.split(), {"id": order.prepared.venue_order_id, "status": "DELAYED", "size_matched": ""})
    desk.http.on("GET", "/data/trades", page())
    held = await desk.client.find(order.prepared)

    assert resting is not None
    assert (resting.state, resting.filled) == ("resting", 20_000_000)
    assert held is not None
    assert held.state == "held"
    assert desk.http.calls[-3].params["next_cursor"] == ["Mg=="]
    assert all("POLY_SIGNATURE" in call.headers for call in desk.http.calls if "/data/" in call.url)


async def test_a_part_is_not_believed_while_the_stream_has_heard_of_more() -> None:
    """The answer was lost and a finished order is not listed: its trades come one by one, and the sum is what the stream said."""
    desk = Desk()
    desk.http.on("POST", "/order", UnknownOutcome("polymarket", "timeout", "no answer"))
    order = await desk.signed()
    with pytest.raises(UnknownOutcome):
        await desk.send(order)
    event = {"event_type": "order", "type": "UPDATE", "id": order.prepared.venue_order_id, "status": "MATCHED"}
    desk.client._orders.apply(json.dumps(event | {"size_matched": "50"}).encode())
    first, second = traded(order.prepared, "20"), traded(order.prepared, "30") | {"id": "t2"}
    desk.http.on("GET", "/data/trades", page(first), page(first, second))

    part, whole = await desk.client.find(order.prepared), await desk.client.find(order.prepared)

    assert part is not None and whole is not None
    assert (part.state, part.code) == ("unknown", "trades_pending")
    assert (whole.state, whole.filled) == ("filled", 50_000_000)


async def test_costs_of_found_fills_equal_the_answers_amount() -> None:
    """What the answer said is remembered: found fills add up to the venue's own making amount."""
    desk = Desk()
    order = await desk.signed()
    desk.http.on("POST", "/order", taken(order.prepared, "27.999999", "49.999999"))
    await desk.send(order)
    desk.http.on("GET", "/data/trades", page(traded(order.prepared, "49.999999")))
    result = await desk.client.find(order.prepared)

    assert result is not None
    assert (result.cost, result.filled) == (27_999_999, 49_999_999)


async def test_reads_of_orders_do_not_wait_on_429() -> None:
    """find() raises Throttled at once: its caller has its own schedule."""
    desk = Desk()
    order = await desk.signed()
    desk.http.on("GET", "/data/trades", (429, {"error": "slow"}, {"retry-after": "3"}))

    with pytest.raises(Throttled) as caught:
        await desk.client.find(order.prepared)
    assert caught.value.retry_after == 3
    assert desk.slept == []


async def test_cancel_tells_what_became_of_the_order() -> None:
    """Cancelled without fills is none; already matched gives the fills; refused without a trace is unknown."""
    desk = Desk()
    order = (await desk.signed(tif=Tif.GTC)).prepared
    desk.http.on("GET", "/data/trades", page())
    desk.http.on("DELETE", "/order", {"canceled": [order.venue_order_id], "not_canceled": {}})
    gone = await desk.client.cancel(order)
    body = desk.http.calls[-3].body
    desk.http.on("DELETE", "/order", {"canceled": [], "not_canceled": {order.venue_order_id: "already canceled or matched"}})
    doubtful = await desk.client.cancel(order)
    desk.http.on("GET", "/data/trades", page(traded(order)))
    filled = await desk.client.cancel(order)

    assert json.loads(body or b"") == {"orderID": order.venue_order_id}
    assert (gone.state, doubtful.state, filled.state) == ("none", "unknown", "filled")
    assert doubtful.detail == "already canceled or matched"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ((500, b""), UnknownOutcome),
        ((429, {"error": "x"}), Throttled),
        ((401, {"error": "x"}), AuthFailed),
        ((503, {"error": "Trading is currently disabled"}), ModeClosed),
        ((400, {"error": "x"}), Rejected),
    ],
)
async def test_refused_cancels_raise_what_may_be_done_next(given: Any, error: type[Exception]) -> None:
    """A 5xx leaves the cancel in doubt, everything else is definite."""
    desk = Desk()
    order = (await desk.signed()).prepared
    desk.http.on("DELETE", "/order", given)

    with pytest.raises(error):
        await desk.client.cancel(order)


async def test_no_account_reads_but_does_not_sign() -> None:
    """Without a key markets and books are read; preparing and account reads are AuthFailed."""
    desk = Desk(account=None, credentials=None)
    market = await desk.client.market(ID)

    with pytest.raises(AuthFailed):
        desk.client.prepare(leg(), market, desk.ids, desk.clock)
    with pytest.raises(AuthFailed):
        await desk.client.account(AccountQuery(what="balances"))


# ---- reads -----------------------------------------------------------------------------------------------------------------


async def test_market_and_book_are_read_from_the_clob() -> None:
    """market() needs no Gamma; book() asks for outcome 0; a foreign market is a bad answer."""
    desk = Desk()
    desk.http.on(
        "GET",
        "/book",
        {
            "asset_id": YES,
            "bids": [{"price": "0.48", "size": "1"}],
            "asks": [{"price": "0.53", "size": "2"}],
        },
    )
    market = await desk.client.market(ID)
    book = await desk.client.book(ID)
    desk.http.on("GET", "/clob-markets/0xcc", PARAMS | {"c": "0xdd"})

    assert (market.tokens, market.version, market.tradable, market.hold_ns) == ((YES, NO), "v1", True, 0)
    assert (book.bid, book.ask, book.ready) == (4800, 5300, True)
    assert desk.http.calls[-1].params == {"token_id": [YES]}
    with pytest.raises(BadAnswer):
        await desk.client.market(ID)


async def test_remembered_markets_keep_gammas_outcome_order() -> None:
    """The order of the CLOB's tokens never turns a market that was read from Gamma."""
    desk = Desk()
    market = await desk.client.market(ID)
    desk.client.remember([market])
    desk.http.on("GET", "/clob-markets/0xcc", PARAMS | {"t": [{"t": NO, "o": "B"}, {"t": YES, "o": "A"}], "mts": 0.001})
    again = await desk.client.market(ID)

    assert (again.tokens, again.grid[0][2], again.tradable) == ((YES, NO), 10, True)


async def test_free_cash_is_the_balance_less_open_buys() -> None:
    """Open BUY orders hold back price x remaining; sells do not."""
    desk = Desk()
    buy = {"id": "1", "market": ID, "side": "BUY", "price": "0.5", "original_size": "30", "size_matched": "10"}
    desk.http.on("GET", "/balance-allowance", {"balance": "25000000", "allowances": {}})
    desk.http.on("GET", "/data/orders", page(buy, buy | {"side": "SELL"}))
    cash = (await desk.client.account(AccountQuery(what="balances"))).balances
    orders = (await desk.client.account(AccountQuery(what="orders"))).orders

    assert [(b.shard, b.cash) for b in cash] == [(0, 15_000_000)]
    assert [(o.venue_order_id, o.market, o.remaining) for o in orders] == [("1", ID, 20_000_000)] * 2
    assert any("signature_type=3" in call.url and "COLLATERAL" in call.url for call in desk.http.calls)


async def test_positions_are_exact_for_a_market_and_indexed_for_all() -> None:
    """One row per token held: outcome 0 positive, outcome 1 negative; the index pages by its cursor, null data is empty."""
    desk = Desk()
    desk.http.on("GET", "/balance-allowance", {"balance": "1500000"}, {"balance": "20000"})
    exact = (await desk.client.account(AccountQuery(what="positions", market=ID))).positions
    row = {"condition_id": "0xee", "outcome_index": 1, "current_size": 2.5, "entry_fees_usdc": "0.125"}
    desk.http.on("GET", "/v2/positions", {"data": [row], "pagination": {"has_more": True, "next_cursor": "n 2"}})
    first = await desk.client.account(AccountQuery(what="positions"))
    desk.http.on("GET", "/v2/positions", {"data": None, "pagination": {"has_more": False, "next_cursor": None}})
    last = await desk.client.account(AccountQuery(what="positions", cursor=first.cursor))

    assert [(p.market, p.size) for p in exact] == [(ID, 1_500_000), (ID, -20_000)]
    assert [(p.market, p.size, p.fees) for p in first.positions] == [("0xee", -2_500_000, 125_000)]
    assert (first.cursor, last.positions, last.cursor) == ("n 2", (), "")
    assert desk.http.calls[-1].params["cursor"] == ["n 2"]
    assert desk.http.calls[-1].params["user"] == [WALLET]


async def test_fills_are_our_part_of_each_trade() -> None:
    """Taker trades and maker entries that carry our key, each under its own order id; others' entries are left out."""
    desk = Desk()
    order = (await desk.signed()).prepared
    mine = {"order_id": "0xmine", "owner": "uuid-1", "matched_amount": "3", "price": "0.4", "asset_id": NO, "side": "BUY"}
    as_maker = traded(order, "3", "0.6") | {
        "id": "t2",
        "taker_order_id": "0xelse",
        "trader_side": "MAKER",
        "maker_orders": [mine],
    }
    desk.http.on("GET", "/data/trades", page(traded(order), as_maker, cursor="Mg=="))
    got = await desk.client.account(AccountQuery(what="fills", market=ID))

    assert [(f.venue_order_id, f.fill.size, f.fill.price, f.fill.fee, f.fill.maker) for f in got.fills] == [
        (order.venue_order_id, 50_000_000, 5600, 616_000, False),
        ("0xmine", 3_000_000, 4000, 0, True),
    ]
    assert got.cursor == "Mg=="


async def test_payouts_tell_the_yes_value() -> None:
    """A redeemable NO token worth 1 says that YES paid nothing."""
    desk = Desk()
    row = {"condition_id": "0xee", "outcome_index": 1, "current_size": "2", "current_price": 1}
    desk.http.on("GET", "/v2/positions", {"data": [row]})
    got = (await desk.client.account(AccountQuery(what="settlements"))).settlements

    assert [(s.market, s.payout, s.revenue) for s in got] == [("0xee", 0, 2_000_000)]


# ---- modes -----------------------------------------------------------------------------------------------------------------


async def mode_words(desk: Desk) -> tuple[str, MonoNs | None]:
    mode: VenueMode = await desk.client.mode()
    return mode.mode, mode.until


async def test_restart_is_followed_by_post_only_and_then_normal() -> None:
    """A 425 closes the venue, two post-only minutes follow unasked, then the venue is tried again (B-426)."""
    desk = Desk()
    desk.http.on("GET", "/time", 1_790_000_000)
    desk.http.on("POST", "/order", (425, {"error": "restarting"}, {"retry-after": "60"}))
    normal = await mode_words(desk)
    result = await desk.send(await desk.signed())
    restarting = await mode_words(desk)
    desk.clock.advance(61 * SECOND)
    after = await mode_words(desk)
    desk.clock.advance(150 * SECOND)

    assert (result.state, result.code) == ("rejected", "engine_restarting")
    assert [normal[0], restarting[0], after[0]] == ["normal", "restarting", "post_only"]
    assert (await mode_words(desk))[0] == "normal"


async def test_modes_are_learnt_and_cleared_by_answers() -> None:
    """503 texts name the mode and its end; the next order that is taken clears it; silence is unreachable."""
    desk = Desk()
    desk.http.on("GET", "/time", (500, b""))
    for text, expected in (
        ("post-only mode", "post_only"),
        ("cancel-only", "cancel_only"),
        ("Trading is currently disabled", "disabled"),
    ):
        desk.http.on("POST", "/order", (503, {"error": text, "retry_after_seconds": 79}))
        await desk.send(await desk.signed())

        assert await mode_words(desk) == (expected, desk.clock.mono_ns() + 79 * SECOND)
    order = await desk.signed()
    desk.http.on("POST", "/order", taken(order.prepared))
    await desk.send(order)

    assert (await mode_words(desk))[0] == "unreachable"
