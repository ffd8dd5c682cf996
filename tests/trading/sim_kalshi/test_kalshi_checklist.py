"""The venue contract's simulator checklist, point by point (kalshi.md 14); every fault is thrown by its public name.

Each test is one point told as a short story; the finer rules of a point stand in the test_kalshi_sim_* files.
"""

import json
from typing import Any

import pytest
from kalshi_spec import stream_spec

from trading.clock import MS
from trading.sim.core import Refusal
from trading.sim.kalshi_faults import KalshiFaults

ORDERS = "/portfolio/events/orders"
FOK, GTC = "fill_or_kill", "good_till_canceled"


def test_point_1_price_time_priority_on_one_yes_book(bench: Any) -> None:
    """NO orders are asks at 1-q; better prices first, then who came first; takers get maker prices; fractions split."""
    first = bench.rest("bid", "0.5600", "1.25", who=bench.bob)
    bench.flow("bid", "0.5600", "5")
    bench.flow("bid", "0.5700", "0.50")
    _, body = bench.place("ask", "0.5500", "2.00")  # buy NO at 0.45
    fills = bench.get("/portfolio/fills")["fills"]

    assert [(fill["yes_price_dollars"], fill["count_fp"]) for fill in fills] == [
        ("0.5600", "0.25"),
        ("0.5600", "1.25"),
        ("0.5700", "0.50"),
    ]
    assert {(fill["outcome_side"], fill["book_side"]) for fill in fills} == {("no", "ask")}
    assert body["average_fill_price"] == "0.5625"
    assert bench.order(first, who=bench.bob)["status"] == "executed"


def test_point_2_time_in_force_and_its_companions(bench: Any) -> None:
    """A killed FOK is 409 and keeps its id; reduce_only, IOC with expiry, off-grid, 0 and 1 are 400; post_only never takes."""
    bench.flow("ask", "0.5000", "1")
    assert bench.code(bench.place("bid", "0.5", "2", time_in_force=FOK, client_order_id="once")) == (
        409,
        "fill_or_kill_insufficient_resting_volume",
    )
    assert bench.code(bench.place("bid", "0.5", "1", client_order_id="once")) == (409, "order_already_exists")
    for wrong in ({"reduce_only": True, "time_in_force": GTC}, {"expiration_time": 1_790_000_100}):
        assert bench.code(bench.place("bid", "0.5", "1", **wrong)) == (400, "invalid_order")
    for price in ("0.5050", "0.0000", "1.0000"):
        assert bench.code(bench.place("bid", price, "1")) == (400, "invalid_price")
    _, crossing = bench.place("bid", "0.5", "1", time_in_force=GTC, post_only=True)

    assert (crossing["fill_count"], crossing["remaining_count"]) == ("0.00", "0.00")


def test_point_3_money_and_markets_live_on_shards(bench: Any) -> None:
    """An order pays from its shard only; the wrong shard is market_not_found; a cancel without a route looks on shard 0."""
    assert bench.code(bench.place("bid", "0.5", "1", ticker=bench.mlb, exchange_index=0)) == (404, "market_not_found")
    assert bench.code(bench.place("bid", "0.5", "1", ticker=bench.btc)) == (404, "user_not_found")
    order = bench.rest("bid", "0.4", "100", ticker=bench.mlb)
    balances = {row["exchange_index"]: row["balance"] for row in bench.get("/portfolio/balance")["balance_breakdown"]}
    path = f"{ORDERS}/{order}"

    assert balances == {0: "1000.0000", 1: "0.0000", 3: "959.7900"}  # 40 and the maker fee at half rate
    assert bench.call("DELETE", path).status == 404
    assert bench.call("DELETE", path, f"market_ticker={bench.mlb}").status == 200


def test_point_4_signatures_clock_scopes_and_handshake(make_bench: Any) -> None:
    """Exact bytes inside the clock window; a missing scope is 403; the stream's upgrade is 401 without a signature."""
    bench = make_bench(scopes={"key-alice": frozenset({"read"})})
    good = bench.request("GET", "/portfolio/orders")
    late = bench.request("GET", "/portfolio/orders", at=bench.clock.wall_ns() - 6_000 * MS)
    unsigned = bench.sim.connect(bench.replace(bench.request("GET", "/trade-api/ws/v2"), headers={}))

    assert bench.sim.handle(good).status == 200
    assert bench.sim.handle(bench.replace(good, path=good.path + "/")).status == 404
    assert bench.sim.handle(bench.replace(good, path="/trade-api/v2/portfolio/fills")).status == 401
    assert b"header_timestamp_expired" in bench.sim.handle(late).body
    assert bench.place("bid", "0.5", "1")[0] == 403
    assert isinstance(unsigned, Refusal) and unsigned.response.status == 401


def test_point_5_token_buckets(make_bench: Any) -> None:
    """Ten orders at once on Basic, batches by the item, the 429 is a string without Retry-After, the balance has its own 1/s."""
    bench = make_bench(limits=True)
    batch = {"orders": [bench.order_body("bid", "0.3", "1") for _ in range(10)]}
    assert bench.call("POST", f"{ORDERS}/batched", "", batch).status == 201
    refused = bench.call("POST", ORDERS, "", bench.order_body("bid", "0.3", "1"))

    assert (refused.status, json.loads(refused.body)) == (429, {"error": "too many requests"})
    assert set(refused.headers) == {"content-type"}
    assert [bench.call("GET", "/portfolio/balance").status for _ in range(2)] == [200, 429]


def test_point_6_stream(bench: Any) -> None:
    """Repeated subscribes merge; ack before snapshot; one contiguous seq over acks too; empty sides absent; clock rises."""
    bench.flow("bid", "0.4000", "3")
    session = bench.connect()
    frames = bench.subscribe(session, "orderbook_delta", bench.gsw, id=1, use_yes_price=True)
    frames += bench.subscribe(session, "orderbook_delta", bench.uta, id=2)
    bench.flow("ask", "0.6000", "1")
    frames += bench.frames(session)

    assert [frame["type"] for frame in frames] == [
        *("subscribed", "orderbook_snapshot", "ok", "orderbook_snapshot", "orderbook_delta"),
    ]
    assert [frame["seq"] for frame in frames[1:]] == [1, 2, 3, 4]
    assert "no_dollars_fp" not in frames[1]["msg"] and frames[1]["msg"]["clock"] == 1
    assert (frames[4]["msg"]["clock"], frames[4]["msg"]["price_dollars"]) == (2, "0.6000")


@pytest.mark.parametrize(("fault", "seqs"), [("gap", [3, 4]), ("repeat", [2, 2, 3, 4]), ("reset", [1, 2, 3]), ("freeze", [])])
def test_point_6_gaps_duplicates_resets_and_silence(bench: Any, fault: str, seqs: list[int]) -> None:
    """Three changes after a snapshot with seq 1, as each fault lets them through."""
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    KalshiFaults(bench.sim).throw(fault)
    for _ in range(3):
        bench.flow("bid", "0.4000", "1")

    assert [frame["seq"] for frame in bench.frames(session)] == seqs
    assert session.closed is None


@pytest.mark.parametrize(("fault", "code"), [("slow_reader", 25), ("channel_error", 10)])
def test_point_6_terminal_errors_end_the_subscription(bench: Any, fault: str, code: int) -> None:
    """The error is scoped to the sid and takes a seq; nothing follows; a new subscribe gets a new sid."""
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    KalshiFaults(bench.sim).throw(fault)
    bench.flow("bid", "0.4000", "1")
    (error,) = bench.frames(session)

    assert (error["type"], error["sid"], error["seq"], error["msg"]["code"]) == ("error", 1, 2, code)
    stream_spec().frame(error)
    assert bench.subscribe(session, "orderbook_delta", bench.gsw)[0]["msg"]["sid"] == 2


@pytest.mark.parametrize(("fault", "code"), [("command_limit", 27), ("command_timeout", 18)])
def test_point_6_refused_commands_leave_the_subscription(bench: Any, fault: str, code: int) -> None:
    """The next command of a sid is refused, the one after works."""
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    KalshiFaults(bench.sim).throw(fault)
    refused = bench.subscribe(session, "orderbook_delta", bench.uta, id=2)
    done = bench.subscribe(session, "orderbook_delta", bench.uta, id=3)

    assert [(frame["type"], frame["id"], frame["msg"]["code"]) for frame in refused] == [("error", 2, code)]
    assert [frame["type"] for frame in done] == ["ok", "orderbook_snapshot"]
    assert [frame["seq"] for frame in refused + done] == [2, 3, 4]


def test_point_6_too_many_commands_on_one_subscription(bench: Any) -> None:
    """Past the rate of one sid every command is error 27 until the second has passed; other sids go on."""
    bench.sim.rules.ws_commands_per_s = 3
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    bench.subscribe(session, "ticker", bench.gsw)
    snap = {"sid": 1, "action": "get_snapshot", "market_tickers": [bench.gsw]}

    def ask() -> str:
        return str(bench.say(session, id=5, cmd="update_subscription", params=snap)[0]["type"])

    assert [ask() for _ in range(4)] == ["orderbook_snapshot"] * 3 + ["error"]
    assert bench.subscribe(session, "ticker", bench.uta)[0]["type"] == "ok"
    bench.advance(1)
    assert ask() == "orderbook_snapshot"


def test_point_6_heartbeats_can_stop(bench: Any) -> None:
    """stop_heartbeat silences the protocol pings of open and new sessions while data goes on."""
    session, faults = bench.connect(), KalshiFaults(bench.sim)
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    assert session.pings
    faults.throw("stop_heartbeat")
    bench.flow("bid", "0.4000", "1")

    assert not session.pings and not bench.connect().pings
    assert [frame["type"] for frame in bench.frames(session)] == ["orderbook_delta"]
    faults.throw("resume_heartbeat")
    assert session.pings


def test_point_6_thursday_cuts_streams_every_minute(bench: Any) -> None:
    """The maintenance pauses trading, cuts sessions about every 61 s, and the books' clocks come back lower."""
    faults = KalshiFaults(bench.sim)
    for _ in range(6):
        bench.flow("bid", "0.4000", "1")
    first = bench.connect()
    faults.throw("thursday")
    assert first.closed == 1006 and bench.code(bench.place("bid", "0.4", "1")) == (400, "trading_is_paused")
    second = bench.connect()
    bench.advance(60)
    assert second.closed is None
    bench.advance(1)
    assert second.closed == 1006
    faults.throw("thursday_over")
    third = bench.connect()
    bench.advance(200)

    assert third.closed is None
    assert bench.subscribe(third, "orderbook_delta", bench.gsw)[1]["msg"]["clock"] == 3
    assert bench.place("bid", "0.4", "1")[0] == 201


def test_point_6_thursday_by_the_clock(make_bench: Any) -> None:
    """With the rule on, the window of the schedule pauses by itself from 03:00 to 05:00 Eastern, week after week."""
    bench = make_bench(thursday=True)
    start = 1_790_233_200  # Thursday 2026-09-24 07:00:00 UTC

    def active_at(second: int) -> bool:
        bench.advance(second - bench.clock.wall_ns() // 10**9)
        return bool(bench.get("/exchange/status")["trading_active"])

    week = 7 * 86_400
    assert [active_at(start + offset) for offset in (-1, 0, 7_199, 7_200)] == [True, False, False, True]
    assert [active_at(start + week + offset) for offset in (-1, 0, 7_200)] == [True, False, True]


@pytest.mark.parametrize(("fault", "now", "later"), [("frames_prompt", 3, 0), ("frames_late", 0, 3)])
def test_point_7_private_frames_race_the_answer(bench: Any, fault: str, now: int, later: int) -> None:
    """fill, market_position and user_order carry no seq and come before the REST answer or after it."""
    bench.flow("ask", "0.5000", "1")
    session = bench.connect()
    for channel in ("fill", "user_orders", "market_positions"):
        bench.subscribe(session, channel)
    KalshiFaults(bench.sim).throw(fault)
    bench.place("bid", "0.5", "1")
    with_answer = bench.frames(session)
    bench.advance(1)
    after = bench.frames(session)

    assert (len(with_answer), len(after)) == (now, later)
    assert [frame["type"] for frame in with_answer + after] == ["fill", "market_position", "user_order"]
    assert all("seq" not in frame for frame in with_answer + after)


def test_point_7_lists_lag(bench: Any) -> None:
    """A placed order shows in the list after 0.2 to 1.5 s; the watermark says how far reads have come."""
    KalshiFaults(bench.sim).throw("list_lag")
    bench.rest("bid", "0.4", "1")
    bench.advance(0.19)
    assert bench.get("/portfolio/orders")["orders"] == []
    assert bench.get("/exchange/user_data_timestamp")["as_of_time"] < "2026-09-21T14:13:20.000001Z"
    bench.advance(1.32)

    assert len(bench.get("/portfolio/orders")["orders"]) == 1


def test_point_7_money_may_lag_too(bench: Any) -> None:
    """With money_lag the balance and the positions still show the account before the write, then catch up."""
    faults = KalshiFaults(bench.sim)
    bench.flow("ask", "0.5000", "10")
    faults.throw("list_lag")
    faults.throw("money_lag")

    def seen() -> tuple[str, list[str]]:
        rows = bench.get("/portfolio/positions")["market_positions"]
        return bench.get("/portfolio/balance", "exchange_index=0")["balance_dollars"], [row["position_fp"] for row in rows]

    bench.place("bid", "0.5", "4.00")
    assert seen() == ("1000.0000", [])
    bench.advance(1.5)
    assert seen() == ("997.9300", ["4.00"])
    bench.place("bid", "0.5", "1.00")
    assert seen() == ("997.9300", ["4.00"])
    faults.throw("money_prompt")
    assert seen()[1] == ["5.00"]


@pytest.mark.parametrize(
    ("side", "price", "count", "fee"),
    [("bid", "0.5200", "100.00", "1.747200"), ("bid", "0.4000", "10.00", "0.168000"), ("bid", "0.2800", "1.00", "0.014200")],
)
def test_point_8_fees_of_the_table(bench: Any, side: str, price: str, count: str, fee: str) -> None:
    """Six decimals on the fill, balances on $0.0001."""
    bench.flow("ask", price, count)
    bench.place(side, price, count)

    assert bench.get("/portfolio/fills")["fills"][0]["fee_cost"] == fee
    assert bench.cash() % 100 == 0


def test_point_8_accumulator_over_one_order(bench: Any) -> None:
    """Three fills of 0.30 at 0.50 charge 0.0053, 0.0052, 0.0053: the rounding comes back once it is a whole step."""
    for _ in range(3):
        bench.flow("ask", "0.5000", "0.30")
    bench.place("bid", "0.5", "0.90")

    assert [fill["fee_cost"] for fill in reversed(bench.get("/portfolio/fills")["fills"])] == [
        "0.005300",
        "0.005200",
        "0.005300",
    ]


def test_point_9_life_of_a_market_by_faults(bench: Any) -> None:
    """Early close refuses cancels; a scalar is disputed, amended and paid after its timer."""
    bench.flow("ask", "0.5000", "10")
    bench.place("bid", "0.5", "10.00")
    order, faults = bench.rest("bid", "0.3", "1"), KalshiFaults(bench.sim)
    cash = bench.cash()

    def status() -> str:
        return str(bench.get(f"/markets/{bench.gsw}")["market"]["status"])

    faults.throw("early_close")  # the busiest open market
    assert status() == "closed"
    assert b"MARKET_INACTIVE" in bench.call("DELETE", f"{ORDERS}/{order}", "exchange_index=0").body
    faults.throw("scalar", market=bench.gsw)
    assert status() == "determined"
    faults.throw("dispute")
    bench.advance(400)
    assert status() == "disputed" and bench.cash() == cash
    faults.throw("amend")
    assert status() == "amended"
    bench.advance(300)

    assert status() == "finalized" and bench.cash() == cash + 10_000_000
    assert bench.get("/portfolio/settlements")["settlements"][0]["market_result"] == "yes"


def test_point_10_trading_pause_and_exchange_pause(bench: Any) -> None:
    """A trading pause refuses placing and lets cancels through; an exchange pause refuses both; asked orders leave."""
    faults = KalshiFaults(bench.sim)
    keeps, leaves = bench.rest("bid", "0.3", "1"), bench.rest("bid", "0.3", "1", cancel_order_on_pause=True)
    faults.throw("pause")
    assert [bench.order(order)["status"] for order in (keeps, leaves)] == ["resting", "canceled"]
    assert bench.code(bench.place("bid", "0.3", "1")) == (400, "trading_is_paused")
    faults.throw("pause_exchange")
    assert b"exchange_is_paused" in bench.call("DELETE", f"{ORDERS}/{keeps}", "exchange_index=0").body
    faults.throw("resume_exchange")

    assert bench.call("DELETE", f"{ORDERS}/{keeps}", "exchange_index=0").status == 200
    faults.throw("resume")
    assert bench.place("bid", "0.3", "1")[0] == 201


@pytest.mark.parametrize(
    ("fault", "status", "dropped", "placed"),
    [
        ("drop_after_accept", 201, True, True),
        ("500_after_accept", 500, False, True),
        ("drop_before_accept", 503, True, False),
        ("500_before_accept", 500, False, False),
        ("200_error", 200, False, False),
        ("503", 503, False, False),
        ("429", 429, False, False),
    ],
)
def test_point_11_unknown_outcomes(bench: Any, fault: str, status: int, dropped: bool, placed: bool) -> None:
    """The same answer may hide an order or none; only the duplicate id and the list tell."""
    KalshiFaults(bench.sim).throw(fault)
    body = bench.order_body("bid", "0.4", "1", time_in_force=GTC)
    answer = bench.call("POST", ORDERS, "", body)

    assert (answer.status, answer.drop) == (status, dropped)
    assert len(bench.get("/portfolio/orders")["orders"]) == (1 if placed else 0)
    assert bench.call("POST", ORDERS, "", body).status == (409 if placed else 201)


def test_point_11_a_cancel_may_name_another_order(bench: Any) -> None:
    """wrong_echo: the cancel acts on our order, its answer names another; creates are left alone."""
    KalshiFaults(bench.sim).throw("wrong_echo")
    order = bench.rest("bid", "0.4", "1")
    answer = json.loads(bench.call("DELETE", f"{ORDERS}/{order}", "exchange_index=0").body)

    assert answer["order_id"] != order and answer["reduced_by"] == "1.00"
    assert bench.order(order)["status"] == "canceled"


@pytest.mark.parametrize(("fault", "status"), [("read_429", 429), ("read_500", 500), ("read_503", 503), ("read_drop", 503)])
def test_point_11_reads_fail_too(bench: Any, fault: str, status: int) -> None:
    """The next GETs fail as often as asked, then they work again."""
    KalshiFaults(bench.sim).throw(fault, 2)
    answers = [bench.call("GET", "/markets") for _ in range(3)]

    assert [answer.status for answer in answers] == [status, status, 200]
    assert answers[0].drop == (fault == "read_drop")
