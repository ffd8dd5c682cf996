"""REST reads of the simulated Kalshi: discovery, books, portfolio, list lag (kalshi.md 3, 5, 7.5; 14 point 7)."""

import json
from typing import Any

import pytest

from trading.clock import MS

GTC = "good_till_canceled"


def test_events_hide_combos_and_nest_markets_on_request(bench: Any) -> None:
    """GET /events leaves out multivariate events; markets come only when asked for."""
    bare, nested = bench.get("/events"), bench.get("/events", "with_nested_markets=true")

    assert [row["series_ticker"] for row in bare["events"]] == ["KXNBAGAME", "KXMLBGAME", "KXBTC"]
    assert all("markets" not in row for row in bare["events"])
    assert [row["ticker"] for row in nested["events"][0]["markets"]] == [bench.uta, bench.gsw]
    assert bench.get("/events", "series_ticker=KXBTC")["events"][0]["event_ticker"] == "KXBTC-26NOV21"
    assert len(bench.get("/events", "with_milestones=true")["milestones"]) == 2


def test_event_status_matches_any_child(bench: Any) -> None:
    """An event with one active market is open although the other is closed; settled events come without markets."""
    bench.sim.close_market(bench.uta)
    assert "KXNBAGAME" in [row["series_ticker"] for row in bench.get("/events", "status=open")["events"]]
    assert [row["series_ticker"] for row in bench.get("/events", "status=closed")["events"]] == ["KXNBAGAME"]
    bench.sim.determine(bench.mlb, "yes")
    bench.sim.settle(bench.mlb)

    assert bench.get("/events", "status=settled&with_nested_markets=true")["events"][0]["markets"] == []
    assert bench.get("/markets", "event_ticker=KXMLBGAME-26AUG092020HOUSD")["markets"][0]["status"] == "finalized"


def test_pages_end_on_an_empty_cursor_that_is_bound_to_its_filters(bench: Any) -> None:
    """Each page continues the last; the same cursor with other filters, or garbage, is a 400."""
    seen, cursor = [], ""
    for _ in range(3):
        page = bench.get("/events", f"limit=1&cursor={cursor}")
        seen += [row["series_ticker"] for row in page["events"]]
        cursor = page["cursor"]
        if len(seen) == 1:
            first = cursor

    assert seen == ["KXNBAGAME", "KXMLBGAME", "KXBTC"] and cursor == ""
    assert bench.call("GET", "/events", f"limit=1&status=open&cursor={first}").status == 400
    assert bench.call("GET", "/markets", f"limit=1&cursor={first}").status == 400
    assert bench.call("GET", "/events", "cursor=!!").status == 400


def test_markets_filters(bench: Any) -> None:
    """tickers, event_ticker, series_ticker, status and mve_filter narrow the list; time families exclude each other."""

    def found(query: str) -> list[str]:
        return [row["ticker"] for row in bench.get("/markets", query)["markets"]]

    assert found(f"tickers={bench.mlb},{bench.gsw},X") == [bench.gsw, bench.mlb]
    assert found("mve_filter=only") == ["KXMVE-1-A"]
    assert "KXMVE-1-A" in found("") and "KXMVE-1-A" not in found("mve_filter=exclude")
    assert found("series_ticker=KXNBAGAME&status=open") == [bench.uta, bench.gsw]
    assert found("min_close_ts=1790172801") == []
    assert len(found("max_close_ts=1790172800&mve_filter=exclude")) == 4
    for bad in ("status=open&min_close_ts=1", "min_close_ts=1&min_created_ts=1", "status=nope", "limit=1001", "limit=x"):
        assert bench.call("GET", "/markets", bad).status == 400


def test_market_shows_the_live_top_and_trades(bench: Any) -> None:
    """Top of book, last price, volume and open interest follow the book; empty sides are 0 and 1."""
    empty = bench.get(f"/markets/{bench.gsw}")["market"]
    assert (empty["yes_bid_dollars"], empty["yes_ask_dollars"], empty["no_ask_dollars"]) == ("0.0000", "1.0000", "1.0000")
    bench.flow("bid", "0.4000", "3")
    bench.flow("ask", "0.4500", "5")
    bench.place("bid", "0.4500", "2.00")
    market = bench.get(f"/markets/{bench.gsw}")["market"]

    assert (market["yes_bid_dollars"], market["no_ask_dollars"], market["yes_bid_size_fp"]) == ("0.4000", "0.6000", "3.00")
    assert (market["yes_ask_dollars"], market["no_bid_dollars"], market["yes_ask_size_fp"]) == ("0.4500", "0.5500", "3.00")
    assert (market["last_price_dollars"], market["volume_fp"]) == ("0.4500", "2.00")
    assert bench.call("GET", "/markets/NOPE").status == 404


def test_orderbooks_single_depth_and_bulk(bench: Any) -> None:
    """REST books list both sides always, best last, NO at its own price; depth keeps the best; unknown tickers are left out."""
    for price in ("0.4000", "0.4100", "0.4200"):
        bench.flow("bid", price, "1")
    bench.flow("ask", "0.5500", "2")
    book = bench.get(f"/markets/{bench.gsw}/orderbook", "depth=2")["orderbook_fp"]
    assert book == {"yes_dollars": [["0.4100", "1.00"], ["0.4200", "1.00"]], "no_dollars": [["0.4500", "2.00"]]}

    many = bench.get("/markets/orderbooks", f"tickers={bench.gsw}&tickers={bench.uta}&tickers=NOPE")["orderbooks"]
    assert [row["ticker"] for row in many] == [bench.gsw, bench.uta]
    assert many[1]["orderbook_fp"] == {"yes_dollars": [], "no_dollars": []}
    assert bench.call("GET", "/markets/orderbooks").status == 400


def test_series_and_milestones(bench: Any) -> None:
    """Categories match exactly; milestones need a limit and page."""
    assert [row["ticker"] for row in bench.get("/series", "category=Crypto")["series"]] == ["KXBTC"]
    assert bench.get("/series", "category=crypto")["series"] == []
    assert bench.get("/series/KXBTC")["series"]["fee_type"] == "quadratic"
    assert bench.call("GET", "/series/NOPE").status == 404
    assert bench.call("GET", "/milestones").status == 400
    page = bench.get("/milestones", "limit=1&category=Sports&competition=Pro Basketball (M)")
    assert len(page["milestones"]) == 1 and page["cursor"]
    assert bench.get("/milestones", "limit=5&minimum_start_date=2030-01-01T00:00:00Z")["milestones"] == []


def test_event_by_ticker(bench: Any) -> None:
    """Markets stand beside the event, inside it with nesting, or nowhere; both wishes at once are a 400."""
    path = "/events/KXNBAGAME-26NOV19UTAGSW"
    assert len(bench.get(path)["markets"]) == 2 and "markets" not in bench.get(path)["event"]
    assert len(bench.get(path, "with_nested_markets=true")["event"]["markets"]) == 2
    assert bench.get(path, "exclude_markets=true")["markets"] == []
    assert bench.call("GET", path, "exclude_markets=true&with_nested_markets=true").status == 400


def test_scheduled_fee_changes(bench: Any) -> None:
    """Future changes are listed, past ones only on request."""
    change = {"id": "1", "series_ticker": "KXNBAGAME", "fee_type": "quadratic", "fee_multiplier": 2}
    bench.sim.public.fee_changes += [
        change | {"scheduled_ts": "2027-01-01T00:00:00Z"},
        change | {"id": "2", "scheduled_ts": "2025-01-01T00:00:00Z"},
    ]

    assert [row["id"] for row in bench.get("/series/fee_changes")["series_fee_change_arr"]] == ["1"]
    assert len(bench.get("/series/fee_changes", "show_historical=true")["series_fee_change_arr"]) == 2


def test_7_5_orders_newest_first_with_filters(bench: Any) -> None:
    """Status, ticker, event, shard and time narrow the list; pages run from the newest back."""
    old = bench.rest("bid", "0.4000", "1.00")
    bench.advance(10)
    new = bench.rest("bid", "0.4000", "1.00", ticker=bench.mlb)
    bench.place("bid", "0.4000", "1.00")

    def ids(query: str) -> list[str]:
        return [row["order_id"] for row in bench.get("/portfolio/orders", query)["orders"]]

    assert ids("status=resting") == [new, old]
    assert ids(f"ticker={bench.mlb}") == ids("exchange_index=3") == [new]
    assert ids("event_ticker=KXNBAGAME-26NOV19UTAGSW&status=resting") == [old]
    assert ids("max_ts=1790000001") == [old]
    assert old not in ids("min_ts=1790000005")
    page = bench.get("/portfolio/orders", "limit=2")
    assert bench.get("/portfolio/orders", f"limit=2&cursor={page['cursor']}")["orders"][0]["order_id"] == old
    assert bench.get("/portfolio/orders", who=bench.bob)["orders"] == []


def test_7_5_fills_join_on_order_id_and_carry_no_client_id(bench: Any) -> None:
    """REST fills name the order, not the client id; they sum to the order's own costs and fees."""
    for size in ("1", "2", "3"):
        bench.flow("ask", "0.5000", size)
    _, body = bench.place("bid", "0.5000", "6.00")
    fills = bench.get("/portfolio/fills", f"order_id={body['order_id']}")["fills"]
    order = bench.order(body["order_id"])

    assert len(fills) == 3 and all("client_order_id" not in fill for fill in fills)
    fees = sum(round(float(fill["fee_cost"]) * 1e6) for fill in fills)
    assert fees == round(float(order["taker_fees_dollars"]) * 1e6)
    assert order["taker_fill_cost_dollars"] == "3.000000"
    assert bench.get("/portfolio/fills", "order_id=nope")["fills"] == []
    assert len(bench.get("/portfolio/fills", f"ticker={bench.gsw},{bench.mlb}&limit=2")["fills"]) == 2


def test_14_7_lists_lag_writes_and_the_watermark_says_so(make_bench: Any) -> None:
    """An order, its fill and its cancel show in REST only after the lag; as_of_time stays before the unseen write."""
    bench = make_bench(lag=(200 * MS, 1_500 * MS))
    bench.flow("ask", "0.5000", "1")
    _, body = bench.place("bid", "0.5000", "3.00", time_in_force=GTC)
    before = bench.get("/exchange/user_data_timestamp")["as_of_time"]
    assert bench.get("/portfolio/orders")["orders"] == bench.get("/portfolio/fills")["fills"] == []
    assert bench.call("GET", f"/portfolio/orders/{body['order_id']}").status == 404
    bench.advance(1.5)
    assert bench.order(body["order_id"])["status"] == "resting"
    assert len(bench.get("/portfolio/fills")["fills"]) == 1
    assert bench.get("/exchange/user_data_timestamp")["as_of_time"] > before

    assert bench.call("DELETE", f"/portfolio/events/orders/{body['order_id']}", "exchange_index=0").status == 200
    assert bench.order(body["order_id"])["status"] == "resting"
    bench.advance(1.5)
    assert bench.order(body["order_id"])["status"] == "canceled"


def test_14_7_list_lag_is_on_by_default(bench: Any) -> None:
    """A client that reads its own write at once learns that lists trail."""
    rules = type(bench.sim.rules)()

    assert 0 < rules.list_lag_ns[0] <= rules.list_lag_ns[1] <= 1_500 * MS


def test_7_5_positions_filters(bench: Any) -> None:
    """Signed, unsettled by default, with the event's totals; count_filter leaves flat ones out."""
    bench.flow("ask", "0.5000", "10")
    bench.place("bid", "0.5000", "10.00")
    bench.flow("bid", "0.3000", "5", bench.mlb)
    bench.place("ask", "0.3000", "5.00", ticker=bench.mlb)
    answer = bench.get("/portfolio/positions")

    assert {row["ticker"]: row["position_fp"] for row in answer["market_positions"]} == {bench.gsw: "10.00", bench.mlb: "-5.00"}
    assert {row["event_ticker"] for row in answer["event_positions"]} == {
        "KXNBAGAME-26NOV19UTAGSW",
        "KXMLBGAME-26AUG092020HOUSD",
    }
    assert len(bench.get("/portfolio/positions", "exchange_index=3")["market_positions"]) == 1
    bench.flow("bid", "0.5000", "10")
    bench.place("ask", "0.5000", "10.00")
    assert len(bench.get("/portfolio/positions", "count_filter=position")["market_positions"]) == 1
    assert len(bench.get("/portfolio/positions", "count_filter=total_traded")["market_positions"]) == 2


@pytest.mark.parametrize("path", ["/portfolio/orders", "/portfolio/fills", "/portfolio/positions", "/portfolio/settlements"])
def test_bad_parameters_are_400(bench: Any, path: str) -> None:
    """Every list refuses a limit that is none."""
    for bad in ("limit=0", "limit=1001", "limit=many", "cursor=zzz"):
        answer = bench.call("GET", path, bad)
        assert answer.status == 400 and json.loads(answer.body)["error"]["code"] == "invalid_parameters"
