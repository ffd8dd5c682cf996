"""The client over a fake HTTP: credentials, sending, looking up, cancelling, account reads, modes, and the user stream."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from trading.clock import SECOND, ManualClock
from trading.errors import AuthFailed, BadAnswer, Disconnected, ModeClosed, Rejected, Throttled, UnknownOutcome, Unreachable
from trading.http import Response
from trading.ids import ArbId, SeededIds, leg_id
from trading.market import POLYMARKET, Action, MarketId, Outcome
from trading.order import LegRequest, LegResult, Tif, Want
from trading.polymarket.client import PolymarketClient
from trading.polymarket.gamma import Gamma
from trading.polymarket.sign import Account, ApiCredentials
from trading.secrets import Secret
from trading.stream import Wire
from trading.units import Money, MonoNs, Price, Size
from trading.venue import AccountQuery, Prepared, SignedOrder, VenueClient, VenueMode

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


def test_client_is_a_venue_client() -> None:
    """The seam of venue.VenueClient is met, as mypy reads it."""
    client: VenueClient = Bench().client
    assert client.venue == POLYMARKET


# ---- credentials and clock --------------------------------------------------------------------------------------------------


async def test_credentials_are_derived_else_created() -> None:
    """An existing key is derived; where there is none it is created; both are asked for with L1 headers and then used."""
    for routes, used in (
        ({"GET /auth/derive-api-key": {"apiKey": "k", "secret": "c2VjcmV0", "passphrase": "p"}}, 1),
        ({"POST /auth/api-key": {"apiKey": "k", "secret": "c2VjcmV0", "passphrase": "p"}}, 2),
    ):
        bench = Bench(credentials=None)
        bench.http.routes |= routes
        made = await bench.client.derive_credentials()

        assert made == ApiCredentials("k", Secret("c2VjcmV0"), Secret("p"))
        assert len(bench.http.calls) == used
        assert bench.http.calls[0][2]["POLY_NONCE"] == "0"
        assert (await bench.signed()).headers["POLY_API_KEY"] == "k"


async def test_refused_login_creates_no_key() -> None:
    """A wrong signature is AuthFailed, not a reason to create."""
    bench = Bench(credentials=None)
    bench.http.routes["GET /auth/derive-api-key"] = (401, {"error": "Invalid L1 Request headers"})

    with pytest.raises(AuthFailed):
        await bench.client.derive_credentials()
    assert len(bench.http.calls) == 1


async def test_server_clock_moves_the_signed_stamps() -> None:
    """Stamps follow the server once the skew is more than the rounding of GET /time."""
    bench = Bench()
    bench.http.routes["GET /time"] = 1_790_000_030
    skew = await bench.client.server_skew_s()
    late = (await bench.signed()).headers["POLY_TIMESTAMP"]
    bench.http.routes["GET /time"] = 1_790_000_001
    await bench.client.warm()

    assert skew == pytest.approx(30.5)
    assert late == "1790000030"
    assert (await bench.signed()).headers["POLY_TIMESTAMP"] == "1790000000"


async def test_geoblock_fails_closed() -> None:
    """Blocked or free as told; anything but a plain flag raises (B-427)."""
    bench = Bench()
    bench.http.routes["GET /api/geoblock"] = {"blocked": True, "ip": "1.2.3.4", "country": "GB", "region": ""}
    assert (await bench.client.geoblock("https://polymarket.test/api/geoblock")).blocked
    for odd in ({"blocked": "no"}, [], (500, b""), (403, b"")):
        bench.http.routes["GET /api/geoblock"] = odd
        with pytest.raises((BadAnswer, Unreachable, AuthFailed)):
            await bench.client.geoblock("https://polymarket.test/api/geoblock")


# ---- orders ----------------------------------------------------------------------------------------------------------------


async def test_sent_bytes_are_the_signed_bytes() -> None:
    """The HMAC covers stamp, method, path and exactly the body that goes out; the salt is below 2^53."""
    bench = Bench()
    order = await bench.signed()
    bench.http.routes["POST /order"] = matched(order.prepared)
    result = await bench.send(order)
    method, url, headers, body = bench.http.calls[-1]
    message = (headers["POLY_TIMESTAMP"] + "POST" + "/order").encode() + order.body
    expected = hmac.new(base64.urlsafe_b64decode("AAECAwQFBgcICQoLDA0ODw=="), message, hashlib.sha256).digest()

    assert (method, url, body) == ("POST", "https://clob.test/order", order.body)
    assert headers["POLY_SIGNATURE"] == base64.urlsafe_b64encode(expected).decode()
    assert headers["POLY_ADDRESS"] == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert 0 <= json.loads(order.body)["order"]["salt"] < 2**53
    assert (result.state, result.filled, result.cost) == ("filled", 50_000_000, 28_000_000)


async def test_nothing_is_sent_past_the_deadline() -> None:
    """A deadline that passed before the send is Unreachable: nothing left the process."""
    bench = Bench()
    order = await bench.signed()
    bench.clock.advance(6 * SECOND)
    sent = len(bench.http.calls)

    with pytest.raises(Unreachable):
        await bench.send(order)
    assert len(bench.http.calls) == sent


async def test_lost_answers_stay_unknown_and_are_found_by_id() -> None:
    """A timeout raises UnknownOutcome; find() joins the listed trade to the id known before sending."""
    bench = Bench()
    order = await bench.signed()
    bench.http.routes["POST /order"] = UnknownOutcome("polymarket", "timeout")
    with pytest.raises(UnknownOutcome):
        await bench.send(order)
    bench.http.routes["GET /data/trades"] = page()
    nothing = await bench.client.find(order.prepared)
    bench.http.routes["GET /data/trades"] = page(trade(order.prepared, "20"))
    result = await bench.client.find(order.prepared)

    assert nothing is None
    assert result is not None
    assert (result.state, result.filled, result.fee) == ("partial", 20_000_000, 246_400)
    assert result.settled
    assert bench.http.query() == {"market": [ID], "after": ["1789999880"]}


async def test_find_reads_the_order_first_and_all_pages() -> None:
    """A live order rests, a delayed one is held, trades come from every page, and reads are signed without their query."""
    bench = Bench()
    order = await bench.signed(tif=Tif.GTC)
    path = f"GET /data/order/{order.prepared.venue_order_id}"
    bench.http.routes[path] = {"id": order.prepared.venue_order_id, "status": "LIVE", "size_matched": "20"}
    other = trade(order.prepared) | {"id": "t0", "taker_order_id": "0x0"}
    bench.http.routes["GET /data/trades"] = deque([page(other, cursor="Mg=="), page(trade(order.prepared, "20"))])
    resting = await bench.client.find(order.prepared)
    bench.http.routes[path] = {"id": order.prepared.venue_order_id, "status": "DELAYED", "size_matched": ""}
    bench.http.routes["GET /data/trades"] = page()
    held = await bench.client.find(order.prepared)

    assert resting is not None
    assert (resting.state, resting.filled) == ("resting", 20_000_000)
    assert held is not None
    assert held.state == "held"
    assert bench.http.query(-3)["next_cursor"] == ["Mg=="]
    assert all("POLY_SIGNATURE" in headers for _, url, headers, _ in bench.http.calls if "/data/" in url)


async def test_costs_of_found_fills_equal_the_answers_amount() -> None:
    """What the answer said is remembered: found fills add up to the venue's own making amount."""
    bench = Bench()
    order = await bench.signed()
    bench.http.routes["POST /order"] = matched(order.prepared, "27.999999", "49.999999")
    await bench.send(order)
    bench.http.routes["GET /data/trades"] = page(trade(order.prepared, "49.999999"))
    result = await bench.client.find(order.prepared)

    assert result is not None
    assert (result.cost, result.filled) == (27_999_999, 49_999_999)


async def test_reads_of_orders_do_not_wait_on_429() -> None:
    """find() raises Throttled at once: its caller has its own schedule."""
    bench = Bench()
    order = await bench.signed()
    bench.http.routes["GET /data/trades"] = (429, {"error": "slow"}, {"retry-after": "3"})

    with pytest.raises(Throttled) as caught:
        await bench.client.find(order.prepared)
    assert caught.value.retry_after == 3
    assert bench.slept == []


async def test_cancel_tells_what_became_of_the_order() -> None:
    """Cancelled without fills is none; already matched gives the fills; refused without a trace is unknown."""
    bench = Bench()
    order = (await bench.signed(tif=Tif.GTC)).prepared
    bench.http.routes["GET /data/trades"] = page()
    bench.http.routes["DELETE /order"] = {"canceled": [order.venue_order_id], "not_canceled": {}}
    gone = await bench.client.cancel(order)
    body = bench.http.calls[-3][3]
    bench.http.routes["DELETE /order"] = {"canceled": [], "not_canceled": {order.venue_order_id: "already canceled or matched"}}
    doubtful = await bench.client.cancel(order)
    bench.http.routes["GET /data/trades"] = page(trade(order))
    filled = await bench.client.cancel(order)

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
    bench = Bench()
    order = (await bench.signed()).prepared
    bench.http.routes["DELETE /order"] = given

    with pytest.raises(error):
        await bench.client.cancel(order)


async def test_no_account_reads_but_does_not_sign() -> None:
    """Without a key markets and books are read; preparing and account reads are AuthFailed."""
    bench = Bench(account=None, credentials=None)
    market = await bench.client.market(ID)

    with pytest.raises(AuthFailed):
        bench.client.prepare(bench.leg(), market, bench.ids, bench.clock)
    with pytest.raises(AuthFailed):
        await bench.client.account(AccountQuery(what="balances"))


# ---- reads -----------------------------------------------------------------------------------------------------------------


async def test_market_and_book_are_read_from_the_clob() -> None:
    """market() needs no Gamma; book() asks for outcome 0; a foreign market is a bad answer."""
    bench = Bench()
    bench.http.routes["GET /book"] = {
        "asset_id": YES,
        "bids": [{"price": "0.48", "size": "1"}],
        "asks": [{"price": "0.53", "size": "2"}],
    }
    market = await bench.client.market(ID)
    book = await bench.client.book(ID)
    bench.http.routes["GET /clob-markets/0xcc"] = PARAMS | {"c": "0xdd"}

    assert (market.tokens, market.version, market.tradable, market.hold_ns) == ((YES, NO), "v1", True, 0)
    assert (book.bid, book.ask, book.ready) == (4800, 5300, True)
    assert bench.http.query() == {"token_id": [YES]}
    with pytest.raises(BadAnswer):
        await bench.client.market(ID)


async def test_remembered_markets_keep_gammas_outcome_order() -> None:
    """The order of the CLOB's tokens never turns a market that was read from Gamma."""
    bench = Bench()
    market = await bench.client.market(ID)
    bench.client.remember([market])
    bench.http.routes["GET /clob-markets/0xcc"] = PARAMS | {"t": [{"t": NO, "o": "B"}, {"t": YES, "o": "A"}], "mts": 0.001}
    again = await bench.client.market(ID)

    assert (again.tokens, again.grid[0][2], again.tradable) == ((YES, NO), 10, True)


async def test_free_cash_is_the_balance_less_open_buys() -> None:
    """Open BUY orders hold back price x remaining; sells do not."""
    bench = Bench()
    buy = {"id": "1", "market": ID, "side": "BUY", "price": "0.5", "original_size": "30", "size_matched": "10"}
    bench.http.routes["GET /balance-allowance"] = {"balance": "25000000", "allowances": {}}
    bench.http.routes["GET /data/orders"] = page(buy, buy | {"side": "SELL"})
    cash = (await bench.client.account(AccountQuery(what="balances"))).balances
    orders = await bench.client.orders()

    assert [(b.shard, b.cash) for b in cash] == [(0, 15_000_000)]
    assert [(o.venue_order_id, o.market, o.remaining) for o in orders] == [("1", ID, 20_000_000)] * 2
    assert any("signature_type=3" in url and "COLLATERAL" in url for _, url, _, _ in bench.http.calls)


async def test_positions_are_exact_for_a_market_and_indexed_for_all() -> None:
    """One row per token held: outcome 0 positive, outcome 1 negative; the index pages by its cursor, null data is empty."""
    bench = Bench()
    bench.http.routes["GET /balance-allowance"] = deque([{"balance": "1500000"}, {"balance": "20000"}])
    exact = (await bench.client.account(AccountQuery(what="positions", market=ID))).positions
    row = {"condition_id": "0xee", "outcome_index": 1, "current_size": 2.5, "entry_fees_usdc": "0.125"}
    bench.http.routes["GET /v2/positions"] = {"data": [row], "pagination": {"has_more": True, "next_cursor": "n 2"}}
    first = await bench.client.account(AccountQuery(what="positions"))
    bench.http.routes["GET /v2/positions"] = {"data": None, "pagination": {"has_more": False, "next_cursor": None}}
    last = await bench.client.account(AccountQuery(what="positions", cursor=first.cursor))

    assert [(p.market, p.size) for p in exact] == [(ID, 1_500_000), (ID, -20_000)]
    assert [(p.market, p.size, p.fees) for p in first.positions] == [("0xee", -2_500_000, 125_000)]
    assert (first.cursor, last.positions, last.cursor) == ("n 2", (), "")
    assert bench.http.query()["cursor"] == ["n 2"]
    assert bench.http.query()["user"] == [WALLET]


async def test_fills_are_our_part_of_each_trade() -> None:
    """Taker trades and maker entries that carry our key, each under its own order id; others' entries are left out."""
    bench = Bench()
    order = (await bench.signed()).prepared
    mine = {"order_id": "0xmine", "owner": "uuid-1", "matched_amount": "3", "price": "0.4", "asset_id": NO, "side": "BUY"}
    as_maker = trade(order, "3", "0.6") | {
        "id": "t2",
        "taker_order_id": "0xelse",
        "trader_side": "MAKER",
        "maker_orders": [mine],
    }
    bench.http.routes["GET /data/trades"] = page(trade(order), as_maker, cursor="Mg==")
    got = await bench.client.account(AccountQuery(what="fills", market=ID))

    assert [(f.venue_order_id, f.fill.size, f.fill.price, f.fill.fee, f.fill.maker) for f in got.fills] == [
        (order.venue_order_id, 50_000_000, 5600, 616_000, False),
        ("0xmine", 3_000_000, 4000, 0, True),
    ]
    assert got.cursor == "Mg=="


async def test_payouts_tell_the_yes_value() -> None:
    """A redeemable NO token worth 1 says that YES paid nothing."""
    bench = Bench()
    row = {"condition_id": "0xee", "outcome_index": 1, "current_size": "2", "current_price": 1}
    bench.http.routes["GET /v2/positions"] = {"data": [row]}
    got = (await bench.client.account(AccountQuery(what="settlements"))).settlements

    assert [(s.market, s.payout, s.revenue) for s in got] == [("0xee", 0, 2_000_000)]


# ---- modes -----------------------------------------------------------------------------------------------------------------


async def mode_words(bench: Bench) -> tuple[str, MonoNs | None]:
    mode: VenueMode = await bench.client.mode()
    return mode.mode, mode.until


async def test_restart_is_followed_by_post_only_and_then_normal() -> None:
    """A 425 closes the venue, two post-only minutes follow unasked, then the venue is tried again (B-426)."""
    bench = Bench()
    bench.http.routes["GET /time"] = 1_790_000_000
    bench.http.routes["POST /order"] = (425, {"error": "restarting"}, {"retry-after": "60"})
    normal = await mode_words(bench)
    result = await bench.send(await bench.signed())
    restarting = await mode_words(bench)
    bench.clock.advance(61 * SECOND)
    after = await mode_words(bench)
    bench.clock.advance(150 * SECOND)

    assert (result.state, result.code) == ("rejected", "engine_restarting")
    assert [normal[0], restarting[0], after[0]] == ["normal", "restarting", "post_only"]
    assert (await mode_words(bench))[0] == "normal"


async def test_modes_are_learnt_and_cleared_by_answers() -> None:
    """503 texts name the mode and its end; the next order that is taken clears it; silence is unreachable."""
    bench = Bench()
    bench.http.routes["GET /time"] = (500, b"")
    for text, expected in (
        ("post-only mode", "post_only"),
        ("cancel-only", "cancel_only"),
        ("Trading is currently disabled", "disabled"),
    ):
        bench.http.routes["POST /order"] = (503, {"error": text, "retry_after_seconds": 79})
        await bench.send(await bench.signed())

        assert await mode_words(bench) == (expected, bench.clock.mono_ns() + 79 * SECOND)
    order = await bench.signed()
    bench.http.routes["POST /order"] = matched(order.prepared)
    await bench.send(order)

    assert (await mode_words(bench))[0] == "unreachable"


# ---- catalogue -------------------------------------------------------------------------------------------------------------


async def test_gamma_follows_cursors_not_page_lengths() -> None:
    """Short pages go on while a cursor is given; booleans and lists are written as the venue reads them."""
    bench = Bench()
    bench.http.routes["GET /gamma/events/keyset"] = deque(
        [{"events": [{"id": 1}], "next_cursor": "a"}, {"events": [], "next_cursor": "b"}, {"events": [{"id": 2}]}]
    )
    gamma = Gamma(bench.http, "https://x.test/gamma/", sleep=bench.sleep)
    pages = [page async for page in gamma.event_pages(closed=False, tag_id=[1, 2])]

    assert pages == [[{"id": 1}], [], [{"id": 2}]]
    assert bench.http.query(0) == {"closed": ["false"], "tag_id": ["1", "2"], "limit": ["100"]}
    assert bench.http.query(2)["after_cursor"] == ["b"]


async def test_gamma_stops_at_a_cursor_loop() -> None:
    """A cursor that comes back ends the walk with an error."""
    bench = Bench()
    bench.http.routes["GET /events/keyset"] = {"events": [], "next_cursor": "a"}
    gamma = Gamma(bench.http, "https://x.test", sleep=bench.sleep)

    with pytest.raises(BadAnswer, match="repeats"):
        _ = [page async for page in gamma.pages()]


async def test_gamma_reads_wait_as_told_or_by_the_schedule() -> None:
    """429 waits 4, 8, 16, 32, 64 s or Retry-After, at most five times (B-210); other errors do not wait."""
    bench = Bench()
    gamma = Gamma(bench.http, "https://x.test", sleep=bench.sleep)
    bench.http.routes["GET /markets/7"] = deque([(429, b""), (429, b"", {"retry-after": "1.5"}), {"id": "7"}])
    market = await gamma.market("7")
    waits = bench.slept[:]
    bench.http.routes["GET /markets/7"] = (429, b"")
    with pytest.raises(Throttled):
        await gamma.market("7")

    assert market == {"id": "7"}
    assert waits == [4, 1.5]
    assert bench.slept[2:] == [4, 8, 16, 32, 64]
    assert await gamma.market("8") is None
    with pytest.raises(Unreachable):
        bench.http.routes["GET /markets/7"] = (502, b"")
        await gamma.market("7")


async def test_gamma_finds_markets_by_condition_id_and_teams_by_league() -> None:
    """A condition id is looked up in the keyset list; teams are read page by page."""
    bench = Bench()
    gamma = Gamma(bench.http, "https://x.test", sleep=bench.sleep)
    bench.http.routes["GET /markets/keyset"] = {"markets": [{"conditionId": "0xCC", "id": "1"}]}
    full = [{"id": i} for i in range(100)]
    bench.http.routes["GET /teams"] = deque([full, [{"id": 200}]])

    assert (await gamma.market("0xcc") or {})["id"] == "1"
    assert len(await gamma.teams("nba")) == 101
    assert bench.http.query()["offset"] == ["100"]


# ---- the user stream -------------------------------------------------------------------------------------------------------


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

    def tell(self, *events: dict[str, Any]) -> None:
        self.inbox.put_nowait(json.dumps(list(events) if len(events) > 1 else events[0]).encode())


class FakeDialer:
    def __init__(self) -> None:
        self.wire = FakeWire()

    async def connect(self, url: str, headers: Mapping[str, str]) -> Wire:
        return self.wire


def hints_of(bench: Bench) -> aclosing[Any]:
    return aclosing(cast("AsyncGenerator[LegResult, None]", bench.client.updates()))


async def stream_bench() -> tuple[Bench, FakeWire, Prepared]:
    dialer = FakeDialer()
    bench = Bench(ws=(dialer, "wss://user.test"))
    order = await bench.signed()
    bench.http.routes["POST /order"] = matched(order.prepared) | {"status": "delayed", "makingAmount": "", "takingAmount": ""}
    bench.http.routes["GET /data/trades"] = page()
    assert (await bench.send(order)).state == "held"
    return bench, dialer.wire, order.prepared


async def test_stream_tells_fills_of_our_orders_once_per_truth() -> None:
    """A whole fill is told as it stands, again when CONFIRMED, not again when repeated or late; others' trades are no news."""
    bench, wire, order = await stream_bench()
    async with hints_of(bench) as hints:
        wire.tell(trade(order) | {"taker_order_id": "0xelse"}, trade(order))
        first = await anext(hints)
        for status in ("MATCHED", "MINED", "MATCHED", "CONFIRMED", "MINED"):
            wire.tell(trade(order, status=status))
        second = await anext(hints)
        wire.tell(trade(order, status="FAILED"))
        third = await anext(hints)

    login = json.loads(wire.sent[0])
    assert login == {"type": "user", "auth": {"apiKey": "uuid-1", "secret": "AAECAwQFBgcICQoLDA0ODw==", "passphrase": "phrase"}}
    assert [(r.state, r.filled) for r in (first, second, third)] == [
        ("filled", 50_000_000),
        ("filled", 50_000_000),
        ("none", 0),
    ]
    assert [r.fills[0].status for r in (first, second, third)] == ["provisional", "final", "reversed"]


async def test_stream_tells_a_part_only_when_nothing_more_can_come() -> None:
    """Half a FAK is told with its cancellation, not before: leg 2 must not start on a part."""
    bench, wire, order = await stream_bench()
    killed = {"event_type": "order", "type": "CANCELLATION", "id": order.venue_order_id, "size_matched": "20"}
    async with hints_of(bench) as hints:
        wire.tell(trade(order, "20"))
        wire.tell(killed | {"status": "CANCELED"})
        told = await anext(hints)

    assert (told.state, told.filled) == ("partial", 20_000_000)


async def test_stream_tells_kills() -> None:
    """The recorded FOK kill is a free miss; a venue-side removal is a rejection."""
    for status, expected in (("CANCELED_order couldn't be fully filled. FOK orders are ...", "none"), ("INVALID", "rejected")):
        bench, wire, order = await stream_bench()
        event = {
            "event_type": "order",
            "type": "CANCELLATION",
            "id": order.venue_order_id,
            "size_matched": "",
            "status": status,
        }
        async with hints_of(bench) as hints:
            wire.tell(event)

            assert (await anext(hints)).state == expected


async def test_stream_asks_for_open_orders_after_connecting() -> None:
    """Nothing is replayed, so find() is asked for every unsettled order of ours (B-429)."""
    bench, _, order = await stream_bench()
    bench.http.routes["GET /data/trades"] = page(trade(order, status="CONFIRMED"))
    async with hints_of(bench) as hints:
        told = await anext(hints)

    assert (told.state, told.settled) == ("filled", True)


async def test_updates_end_without_a_channel() -> None:
    """No user channel or no credentials: no hints, and no waiting."""
    assert [hint async for hint in Bench().client.updates()] == []
