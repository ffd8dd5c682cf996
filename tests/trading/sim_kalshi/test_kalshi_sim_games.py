"""What stands behind the simulated Kalshi's markets: candles, live data, targets, archive, calendar, fees to come (kalshi.md 5)."""

from pathlib import Path
from typing import Any

import pytest

from trading.clock import SECOND
from trading.sim import kalshi_faults
from trading.sim.kalshi_faults import MARKET_FAULTS, KalshiFaults
from trading.units import WallNs

MILESTONE = "11111111-1111-4111-8111-111111111111"
EVENT = "KXNBAGAME-26NOV19UTAGSW"
START = 1_790_000_000  # 20 seconds into a minute


def candles(bench: Any, start: int, end: int, period: int = 1, more: str = "") -> Any:
    query = f"start_ts={start}&end_ts={end}&period_interval={period}{more}"
    return bench.get(f"/series/KXNBAGAME/markets/{bench.gsw}/candlesticks", query)["candlesticks"]


def test_candles_of_a_minute(bench: Any) -> None:
    """Quotes and trades of a minute with open, low, high, close, mean and volume; the next carries the quotes on."""
    bench.flow("bid", "0.4000", "9")
    for price in ("0.5000", "0.4500"):
        bench.flow("ask", price, "1")
        bench.place("bid", price, "1")
    bench.advance(61)
    busy, quiet = candles(bench, START, START + 120)

    assert busy["end_period_ts"] == START + 40
    assert busy["yes_bid"]["close_dollars"] == quiet["yes_bid"]["open_dollars"] == "0.4000"
    assert (busy["yes_ask"]["low_dollars"], busy["yes_ask"]["close_dollars"]) == ("0.4500", "1.0000")
    assert {name: busy["price"][f"{name}_dollars"] for name in ("open", "low", "high", "close", "mean")} == {
        "open": "0.5000",
        "low": "0.4500",
        "high": "0.5000",
        "close": "0.4500",
        "mean": "0.4750",
    }
    assert (busy["volume_fp"], quiet["volume_fp"], quiet["price"]) == ("2.00", "0.00", {"previous_dollars": "0.4500"})


def test_hours_fold_minutes(bench: Any) -> None:
    """The hour of two busy minutes has the extremes of both and the sum of their volumes."""
    for price in ("0.5000", "0.6000"):
        bench.flow("ask", price, "1")
        bench.place("bid", price, "1")
        bench.advance(60)
    (hour,) = candles(bench, START, START + 3_600, 60)

    assert (hour["price"]["low_dollars"], hour["price"]["high_dollars"], hour["volume_fp"]) == ("0.5000", "0.6000", "2.00")
    assert hour["end_period_ts"] % 3_600 == 0


def test_a_long_run_keeps_hours(bench: Any) -> None:
    """Minutes go after two hours, what they held stays in their hour and day."""
    for _ in range(150):
        bench.flow("ask", "0.5000", "1")
        bench.place("bid", "0.5", "1")
        bench.advance(60)
    hours = candles(bench, START, START + 10_800, 60)

    assert len(candles(bench, START, START + 10_800)) == 121  # the running minute is carried on
    assert sum(float(row["volume_fp"]) for row in hours) == 150.0
    assert candles(bench, START, START + 86_400, 1440)[0]["volume_fp"] == "150.00"


def test_the_latest_candle_before_the_start(bench: Any) -> None:
    """include_latest_before_start prepends one row without prices that says the price before."""
    bench.flow("ask", "0.5000", "1")
    bench.place("bid", "0.5", "1")
    bench.advance(600)
    first = candles(bench, START + 590, START + 600, 1, "&include_latest_before_start=true")[0]

    assert (first["price"], first["volume_fp"]) == ({"previous_dollars": "0.5000"}, "0.00")


def test_bulk_and_event_candles(bench: Any) -> None:
    """Several markets at once, unknown ones left out; an event lists all of its markets; silence is an empty list."""
    bench.flow("ask", "0.5000", "1")
    span = f"start_ts={START}&end_ts={START + 60}&period_interval=1"
    bulk = bench.get("/markets/candlesticks", f"market_tickers={bench.gsw},NOPE,{bench.uta}&{span}")["markets"]
    event = bench.get(f"/series/KXNBAGAME/events/{EVENT}/candlesticks", span)

    assert [(row["market_ticker"], len(row["candlesticks"])) for row in bulk] == [(bench.gsw, 1), (bench.uta, 0)]
    assert event["market_tickers"] == [bench.uta, bench.gsw]
    assert [len(rows) for rows in event["market_candlesticks"]] == [0, 1]


def test_live_data_follow_the_clock_and_the_script(bench: Any) -> None:
    """Scheduled, live, final by the clock; a script lays its score over it; a batch leaves unknown ids out."""

    def status() -> str:
        return str(bench.get(f"/live_data/milestone/{MILESTONE}")["live_data"]["details"]["status"])

    seen = [status()]
    for hours in (1, 3):
        bench.advance(hours * 3_600)
        seen.append(status())
    assert seen == ["scheduled", "live", "final"]
    bench.sim.live.details[MILESTONE] = {"status": "delayed", "home_points": 99}
    batch = bench.get("/live_data/batch", f"milestone_ids={MILESTONE}&milestone_ids=nope")["live_datas"]

    assert [(row["type"], row["details"]["status"], row["details"]["home_points"]) for row in batch] == [
        ("basketball_game", "delayed", 99)
    ]
    assert bench.call("GET", f"/live_data/football_game/milestone/{MILESTONE}").status == 404


def test_structured_targets_and_filters_come_from_the_catalogue(bench: Any) -> None:
    """The UUID of a custom_strike resolves to its name; sports list competitions and scopes; tags stand by category."""
    row = bench.get(f"/structured_targets/{bench.target}")["structured_target"]
    sports = bench.get("/search/filters_by_sport")

    assert (row["name"], row["type"]) == ("UTA", "basketball_team")
    assert bench.get("/structured_targets", "type=nobody")["structured_targets"] == []
    assert sports["filters_by_sports"]["Basketball"]["competitions"] == {"Pro Basketball (M)": {"scopes": ["Game"]}}
    assert bench.get("/search/tags_by_categories")["tags_by_categories"]["Crypto"] == ["Basketball"]
    assert bench.get(f"/events/{EVENT}/metadata")["competition"] == "Pro Basketball (M)"


def test_combos_have_a_list_of_their_own(bench: Any) -> None:
    """GET /events/multivariate shows what GET /events hides, by collection or series but not both."""
    assert [row["event_ticker"] for row in bench.get("/events/multivariate")["events"]] == ["KXMVE-1"]
    assert bench.get("/events/multivariate", "collection_ticker=NOPE")["events"] == []
    assert bench.call("GET", "/events/multivariate", "collection_ticker=KXMVE&series_ticker=KXMVE").status == 400


def test_a_series_fee_change_comes_at_its_time(bench: Any) -> None:
    """Listed ahead, charged from its second on, history afterwards; orders placed before keep their terms."""
    bench.sim.schedule_series_fees("KXNBAGAME", "quadratic", 2, WallNs((START + 60) * SECOND))
    bench.flow("ask", "0.5000", "30")

    def fee() -> str:
        bench.place("bid", "0.5", "10")
        return str(bench.get("/portfolio/fills")["fills"][0]["fee_cost"])

    assert (fee(), len(bench.get("/series/fee_changes")["series_fee_change_arr"])) == ("0.175000", 1)
    bench.advance(60)
    assert (fee(), bench.get("/series/fee_changes")["series_fee_change_arr"]) == ("0.350000", [])
    assert bench.get("/series/KXNBAGAME")["series"]["fee_multiplier"] == 2
    assert len(bench.get("/series/fee_changes", "show_historical=true&series_ticker=KXNBAGAME")["series_fee_change_arr"]) == 1


def test_event_fee_overrides_are_listed(bench: Any) -> None:
    """Set and cleared overrides both stand in GET /events/fee_changes, in order."""
    KalshiFaults(bench.sim).throw("fee_change")
    bench.sim.set_event_fees(EVENT, None, None)
    rows = bench.get("/events/fee_changes", f"event_ticker={EVENT}")["event_fee_changes"]

    assert [row["fee_multiplier_override"] for row in rows] == [2, None]


def test_the_archive_begins_at_its_cutoff(bench: Any) -> None:
    """Fills, orders, trades and settled markets appear there once they are three months old, and not before."""
    bench.flow("ask", "0.5000", "1")
    bench.place("bid", "0.5", "1")
    bench.sim.determine(bench.gsw, "yes")
    bench.advance(400)
    lists = {"fills": "fills", "orders": "orders", "trades": "trades", "markets": "markets", "positions": "market_positions"}
    assert [bench.get(f"/historical/{path}")[key] for path, key in lists.items()] == [[]] * 5
    bench.advance(94 * 86_400)

    assert [len(bench.get(f"/historical/{path}")[key]) for path, key in lists.items()] == [1] * 5
    assert bench.get("/historical/cutoff")["market_settled_ts"].endswith("T00:00:00.000000Z")
    assert bench.get(f"/historical/markets/{bench.gsw}")["market"]["result"] == "yes"


def test_a_new_market_is_404_for_a_moment(bench: Any) -> None:
    """Right after `created` the single read fails; a little later it works."""
    bench.sim.create_event(bench.event_row("KXNBAGAME-26NOV22AB", "KXNBAGAME", 0, "KXNBAGAME-26NOV22AB-A"))
    assert bench.call("GET", "/markets/KXNBAGAME-26NOV22AB-A").status == 404
    bench.advance(0.25)

    assert bench.call("GET", "/markets/KXNBAGAME-26NOV22AB-A").status == 200


def test_status_may_come_with_503_and_a_body(bench: Any) -> None:
    """The body is the same, whatever its HTTP status."""
    faults = KalshiFaults(bench.sim)
    faults.throw("status_503")
    answer = bench.call("GET", "/exchange/status")
    assert answer.status == 503 and b'"exchange_active":true' in answer.body
    faults.throw("status_200")
    assert bench.call("GET", "/exchange/status").status == 200


def test_commands_may_be_answered_out_of_order(bench: Any) -> None:
    """commands_mixed delays each command by chance: twelve subscribes come back in another order, one contiguous seq."""
    KalshiFaults(bench.sim).throw("commands_mixed")
    session = bench.connect()
    for number in range(12):
        bench.subscribe(session, "orderbook_delta", (bench.gsw, bench.uta, bench.mlb)[number % 3], id=number + 1)
    bench.advance(1)
    frames = bench.frames(session)
    answered = [frame["id"] for frame in frames if "id" in frame]

    assert sorted(answered) == list(range(1, 13)) != answered
    assert [frame["seq"] for frame in frames if "seq" in frame] == list(range(1, len(frames)))


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"shard_factor": 0}, 19),
        ({"shard_key": 1}, 20),
        ({"shard_factor": 2, "shard_key": 2}, 21),
        ({"shard_factor": 101}, 22),
    ],
)
def test_shard_parameters_of_communications(bench: Any, params: dict[str, int], code: int) -> None:
    """Errors 19 to 22; a good pair is accepted."""
    session = bench.connect()
    assert bench.subscribe(session, "communications", **params)[0]["msg"]["code"] == code
    assert bench.subscribe(session, "communications", shard_factor=2, shard_key=1)[0]["type"] == "subscribed"


@pytest.mark.parametrize(
    ("channel", "noun", "code"), [("cfbenchmarks_value", "indices", 24), ("pyth_value", "underlyings", 28)]
)
def test_index_channels_want_their_names(bench: Any, channel: str, noun: str, code: int) -> None:
    """subscribe without names is 24 or 28; markets mean nothing there."""
    session = bench.connect()
    sid = bench.subscribe(session, channel)[0]["msg"]["sid"]
    for action, expected in ((f"subscribe_{noun}", code), ("add_markets", 13)):
        frames = bench.say(session, id=3, cmd="update_subscription", params={"sid": sid, "action": action})
        assert frames[0]["msg"]["code"] == expected


def test_every_fault_can_be_thrown(make_bench: Any) -> None:
    """Each name of the switchboard works on a running venue; those of a market take a ticker, the others refuse one."""
    for name in KalshiFaults(make_bench().sim).names:
        bench = make_bench()
        faults = KalshiFaults(bench.sim)
        if name in ("dispute", "amend", "settle"):
            faults.throw("determine_no", market=bench.uta)
        if name == "reactivate":
            faults.throw("deactivate", market=bench.uta)
        if name in MARKET_FAULTS:
            faults.throw(name, market=bench.uta)
            with pytest.raises(ValueError, match="NOPE"):
                faults.throw(name, market="NOPE")
        else:
            faults.throw(name)
            with pytest.raises(ValueError, match="single market"):
                faults.throw(name, market=bench.uta)


def test_every_fault_is_documented(bench: Any) -> None:
    """People type these names: docs/simulator.md lists each, and the module's own list has the same."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "simulator.md").read_text()
    listed = set((kalshi_faults.__doc__ or "").replace("·", " ").split())
    names = set(KalshiFaults(bench.sim).names)

    assert {name for name in names if f"`{name}`" not in page} == set()
    assert names - listed == set()


def test_a_fault_without_an_open_market_says_so(bench: Any) -> None:
    """Nothing is struck by guess once every market has closed."""
    for ticker in (bench.uta, bench.gsw, bench.mlb, bench.btc):
        bench.sim.close_market(ticker)

    with pytest.raises(ValueError, match="no market is open"):
        KalshiFaults(bench.sim).throw("early_close")
