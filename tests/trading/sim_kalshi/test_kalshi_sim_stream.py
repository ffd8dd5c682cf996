"""The stream of the simulated Kalshi: kalshi.md 9 and 14, points 6 and 7."""

import json
from typing import Any

import pytest


def test_14_6_subscribed_then_snapshot_then_merged_ok(bench: Any) -> None:
    """The first subscribe makes a sid; later ones merge into it: ok with the full list, then the new snapshot, one seq."""
    session = bench.connect()
    frames = bench.subscribe(session, "orderbook_delta", bench.gsw, id=2)
    frames += bench.subscribe(session, "orderbook_delta", bench.uta, id=4)

    assert [frame["type"] for frame in frames] == ["subscribed", "orderbook_snapshot", "ok", "orderbook_snapshot"]
    assert frames[0]["msg"] == {"channel": "orderbook_delta", "sid": 1} and "seq" not in frames[0]
    assert [frame.get("seq") for frame in frames[1:]] == [1, 2, 3]
    assert frames[2]["id"] == 4 and frames[2]["msg"] == {"market_tickers": [bench.gsw, bench.uta]}
    assert all(frame["sending_ts_ms"] == bench.clock.wall_ns() // 1_000_000 for frame in frames)


def test_14_6_empty_sides_are_absent_and_best_is_last(bench: Any) -> None:
    """Snapshots list bids of both outcomes, ascending, best last; the key of an empty side is missing."""
    bench.flow("bid", "0.4000", "3")
    bench.flow("bid", "0.4100", "2.50")
    session = bench.connect()
    snapshot = bench.subscribe(session, "orderbook_delta", bench.gsw)[1]["msg"]

    assert snapshot["yes_dollars_fp"] == [["0.4000", "3.00"], ["0.4100", "2.50"]]
    assert "no_dollars_fp" not in snapshot
    assert snapshot["clock"] == 2


@pytest.mark.parametrize(("yes_view", "price"), [(False, "0.4400"), (True, "0.5600")])
def test_14_6_use_yes_price(bench: Any, yes_view: bool, price: str) -> None:
    """An ask at 0.56 is a NO bid at 0.44, or at 0.56 in the YES view, in snapshots and deltas alike."""
    bench.flow("ask", "0.5600", "1")
    session = bench.connect()
    snapshot = bench.subscribe(session, "orderbook_delta", bench.gsw, use_yes_price=yes_view)[1]["msg"]
    bench.flow("ask", "0.5600", "2")
    delta = bench.frames(session)[0]["msg"]

    assert snapshot["no_dollars_fp"] == [[price, "1.00"]]
    assert (delta["side"], delta["price_dollars"], delta["delta_fp"]) == ("no", price, "2.00")


def test_14_6_deltas_replay_to_the_book(bench: Any) -> None:
    """Snapshot plus deltas, contiguous in seq and rising in clock, give the venue's own book."""
    session = bench.connect()
    frames = bench.subscribe(session, "orderbook_delta", bench.gsw, use_yes_price=True)
    ids = [bench.flow(side, price, "5") for side, price in (("bid", "0.4"), ("bid", "0.41"), ("ask", "0.5"), ("ask", "0.52"))]
    bench.place("bid", "0.5100", "7.00", time_in_force="good_till_canceled")
    bench.sim.customer_cancel(ids[0])
    bench.sim.customer_take(bench.gsw, "ask", bench.price("0.5"), bench.size("1.25"))
    frames += bench.frames(session)
    levels: dict[tuple[str, int], int] = {}
    for frame in frames[2:]:
        key = frame["msg"]["side"], bench.price(frame["msg"]["price_dollars"])
        levels[key] = levels.get(key, 0) + bench.size(frame["msg"]["delta_fp"])

    book = bench.sim.books[bench.gsw]
    told = {key: size for key, size in levels.items() if size}
    assert told == {("yes", p): s for p, s in book.levels("bid")} | {("no", p): s for p, s in book.levels("ask")}
    assert [frame["seq"] for frame in frames[1:]] == list(range(1, len(frames)))
    clocks = [frame["msg"]["clock"] for frame in frames[1:]]
    assert clocks == sorted(clocks)


def test_14_6_client_order_id_only_to_who_caused_it(bench: Any) -> None:
    """Our own delta carries our id; the same change on another member's stream does not."""
    mine, theirs = bench.connect(), bench.connect(bench.bob)
    for session in (mine, theirs):
        bench.subscribe(session, "orderbook_delta", bench.gsw)
    bench.rest("bid", "0.4000", "1.00", client_order_id="ours")

    assert bench.frames(mine)[0]["msg"]["client_order_id"] == "ours"
    assert "client_order_id" not in bench.frames(theirs)[0]["msg"]


def test_9_2_update_subscription(bench: Any) -> None:
    """add_markets acks before its snapshot, delete_markets stops deltas, get_snapshot answers with our id in the seq stream."""
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)

    def update(action: str, *tickers: str) -> list[Any]:
        params = {"sids": [1], "action": action, "market_tickers": list(tickers)}
        return list(bench.say(session, id=9, cmd="update_subscription", params=params))

    added = update("add_markets", bench.uta, bench.gsw)
    assert [(f["type"], f["seq"]) for f in added] == [("ok", 2), ("orderbook_snapshot", 3)]
    assert "id" not in added[1] and added[1]["msg"]["market_ticker"] == bench.uta
    snap = update("get_snapshot", bench.gsw)
    assert [(f["type"], f["id"], f["seq"]) for f in snap] == [("orderbook_snapshot", 9, 4)]
    deleted = update("delete_markets", bench.gsw)
    assert deleted[0]["msg"] == {"market_tickers": [bench.uta]} and deleted[0]["seq"] == 5
    bench.flow("bid", "0.4", "1")
    assert bench.frames(session) == []


def test_9_2_list_and_unsubscribe(bench: Any) -> None:
    """list_subscriptions names channels and sids without a seq; unsubscribed takes the next seq; then nothing comes."""
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    bench.subscribe(session, "fill")
    listed = bench.say(session, id=5, cmd="list_subscriptions")[0]
    gone = bench.say(session, id=6, cmd="unsubscribe", params={"sids": [1]})[0]

    assert listed["msg"] == [{"channel": "orderbook_delta", "sid": 1}, {"channel": "fill", "sid": 2}]
    assert (gone["type"], gone["sid"], gone["seq"]) == ("unsubscribed", 1, 2)
    bench.flow("bid", "0.4", "1")
    assert bench.frames(session) == []
    assert bench.subscribe(session, "orderbook_delta", bench.gsw)[0]["msg"]["sid"] == 3


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("{", 1),
        ("[]", 1),
        ({"id": 1, "cmd": "dance"}, 5),
        ({"id": 1}, 5),
        ({"id": 1, "cmd": "subscribe"}, 2),
        ({"id": 1, "cmd": "subscribe", "params": {}}, 3),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["nope"]}}, 8),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": [["nope"]]}}, 8),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"]}}, 14),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["ticker"], "market_ticker": "A", "market_tickers": ["A"]}}, 11),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["ticker"], "market_ticker": "UNKNOWN"}}, 11),
        ({"id": 1, "cmd": "unsubscribe", "params": {}}, 4),
        ({"id": 1, "cmd": "unsubscribe", "params": {"sids": [9]}}, 7),
        ({"id": 1, "cmd": "update_subscription", "params": {"action": "add_markets"}}, 12),
        ({"id": 1, "cmd": "update_subscription", "params": {"sids": [1, 2], "action": "add_markets"}}, 12),
        ({"id": 1, "cmd": "update_subscription", "params": {"sid": 9, "action": "add_markets"}}, 7),
        ({"id": 1, "cmd": "update_subscription", "params": {"sid": 1}}, 15),
        ({"id": 1, "cmd": "update_subscription", "params": {"sid": 1, "action": "juggle"}}, 13),
        ({"id": 1, "cmd": "update_subscription", "params": {"sid": 1, "action": "add_markets"}}, 14),
        ({"id": 1, "cmd": "update_subscription", "params": {"sid": 1, "action": "get_snapshot", "market_ticker": "A"}}, 14),
        ({"id": 1, "cmd": "update_subscription", "params": {"sid": 2, "action": "get_snapshot", "market_tickers": ["A"]}}, 13),
    ],
)
def test_9_4_error_codes(bench: Any, command: Any, code: int) -> None:
    """Every bad command gets its number, and the session lives on."""
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    bench.subscribe(session, "fill")
    bench.sim.on_frame(session, command if isinstance(command, str) else json.dumps(command))

    frames = bench.frames(session)
    assert [(frame["type"], frame["msg"]["code"]) for frame in frames] == [("error", code)]
    assert session.closed is None


def test_14_6_slow_reader_loses_the_subscription_with_error_25(bench: Any) -> None:
    """When too much lies unread, the sid ends with a terminal error; a new subscribe works."""
    bench.sim.rules.max_outbox = 5
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    for _ in range(9):
        bench.flow("bid", "0.4", "1")

    frames = bench.frames(session)
    assert [frame["type"] for frame in frames] == ["orderbook_delta"] * 5 + ["error"]
    assert frames[-1]["msg"]["code"] == 25 and frames[-1]["sid"] == 1
    assert bench.subscribe(session, "orderbook_delta", bench.gsw)[0]["msg"]["sid"] == 2


def test_14_6_lost_repeated_and_reset_numbers(bench: Any) -> None:
    """skip_seq loses a frame and spends its number, repeat_seq sends one twice, reset_seq starts at 1 again."""
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)

    def seqs(count: int) -> list[int]:
        for _ in range(count):
            bench.flow("bid", "0.4", "1")
        return [frame["seq"] for frame in bench.frames(session)]

    bench.sim.skip_seq()
    assert seqs(2) == [3]
    bench.sim.repeat_seq()
    assert seqs(2) == [4, 4, 5]
    bench.sim.reset_seq()
    assert seqs(1) == [1]


def test_14_6_drop_and_freeze(bench: Any) -> None:
    """Dropped sessions close and get nothing more; frozen ones stay open, silent, and show a gap afterwards."""
    session = bench.connect()
    bench.subscribe(session, "orderbook_delta", bench.gsw)
    bench.sim.freeze_streams(True)
    bench.flow("bid", "0.4", "1")
    assert bench.frames(session) == [] and session.closed is None
    bench.sim.freeze_streams(False)
    bench.flow("bid", "0.4", "1")
    assert [frame["seq"] for frame in bench.frames(session)] == [3]

    assert bench.sim.drop_sessions() == 1
    assert session.closed == 1006
    bench.flow("bid", "0.4", "1")
    bench.sim.on_close(session)
    assert bench.frames(session) == [] and bench.sim.drop_sessions() == 0


def test_14_7_private_frames_have_no_seq_and_name_the_order(bench: Any) -> None:
    """A fill gives fill, market_position and user_order frames to its owner only, all without seq."""
    mine, theirs = bench.connect(), bench.connect(bench.bob)
    for session in (mine, theirs):
        for channel in ("fill", "user_orders", "market_positions"):
            bench.subscribe(session, channel)
    bench.flow("ask", "0.5000", "4")
    _, body = bench.place("bid", "0.5000", "10.00", client_order_id="ours")
    frames = bench.frames(mine)

    assert [frame["type"] for frame in frames] == ["fill", "market_position", "user_order"]
    assert all("seq" not in frame for frame in frames)
    fill, position, order = (frame["msg"] for frame in frames)
    assert fill["order_id"] == order["order_id"] == body["order_id"]
    assert fill["client_order_id"] == order["client_order_id"] == "ours"
    assert (fill["post_position_fp"], position["position_fp"], order["fill_count_fp"]) == ("4.00", "4.00", "4.00")
    assert (order["status"], fill["fee_cost"]) == ("canceled", "0.070000")
    assert bench.frames(theirs) == []


def test_14_7_frames_may_trail_the_answer_and_keep_their_order(make_bench: Any) -> None:
    """With late frames nothing comes before the REST answer; advance brings them in order."""
    bench = make_bench(late=1.0)
    session = bench.connect()
    bench.subscribe(session, "user_orders")
    orders = [bench.rest("bid", "0.4000", "1.00") for _ in range(5)]

    assert bench.frames(session) == []
    assert bench.sim.next_due() is not None
    bench.advance(3)
    assert [frame["msg"]["order_id"] for frame in bench.frames(session)] == orders


def test_14_7_both_orders_occur_by_default(make_bench: Any) -> None:
    """At the default rate some frames are there with the answer and some trail it."""
    bench = make_bench(late=0.5)
    session = bench.connect()
    bench.subscribe(session, "user_orders")
    came = []
    for _ in range(20):
        bench.rest("bid", "0.4000", "1.00")
        came.append(len(bench.frames(session)))
        bench.advance(1)
        came[-1] = came[-1] * 10 + len(bench.frames(session))

    assert set(came) == {1, 10}


def test_ticker_and_trade_channels(bench: Any) -> None:
    """Every print is a trade frame with a seq and a ticker frame without; filters hold; ticker may start with a snapshot."""
    session = bench.connect()
    start = bench.subscribe(session, "ticker", bench.gsw, send_initial_snapshot=True)
    bench.subscribe(session, "trade", bench.gsw)
    bench.flow("ask", "0.5000", "4", bench.uta)
    assert [frame["type"] for frame in start] == ["subscribed", "ticker"] and bench.frames(session) == []
    bench.flow("ask", "0.5000", "4")
    top = bench.frames(session)[-1]
    assert (top["type"], top["msg"]["yes_ask_dollars"], top["msg"]["yes_bid_dollars"]) == ("ticker", "0.5000", "0.0000")
    bench.place("bid", "0.5000", "1.50")

    frames = bench.frames(session)
    trade = next(frame for frame in frames if frame["type"] == "trade")
    assert trade["seq"] == 1 and trade["msg"]["taker_book_side"] == "bid" and trade["msg"]["count_fp"] == "1.50"
    assert frames[-1]["msg"]["price_dollars"] == "0.5000" and "seq" not in frames[-1]


def test_ticker_by_market_id(bench: Any) -> None:
    """The ticker channel takes the market's UUID, and its acks may leave the lists out."""
    session = bench.connect()
    first = bench.subscribe(session, "orderbook_delta", bench.gsw)[1]["msg"]["market_id"]
    bench.say(session, id=2, cmd="subscribe", params={"channels": ["ticker"], "market_ids": [first], "skip_ticker_ack": True})
    merged = bench.subscribe(session, "ticker", bench.uta, id=3)

    assert [(frame["type"], "msg" in frame) for frame in merged] == [("ok", False)]
    bench.flow("bid", "0.4", "1")
    assert [frame["type"] for frame in bench.frames(session)] == ["orderbook_delta", "ticker"]
