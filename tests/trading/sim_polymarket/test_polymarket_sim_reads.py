"""Public reads, Gamma and both streams of the simulated Polymarket (polymarket.md 2, 3, 11 and 12)."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from trading.clock import MS, ManualClock
from trading.sim.core import Refusal, Request
from trading.sim.polymarket import PolymarketSim
from trading.sim.polymarket_data import PolymarketCatalogue
from trading.units import ONE, Price, Size

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def test_book_lists_the_best_level_last_and_hashes_itself(venue: Any) -> None:
    """Section 3: bids ascending, asks descending, strings, SHA-1 over the compact snapshot with an empty hash."""
    for side, price in (("bid", "0.40"), ("bid", "0.48"), ("ask", "0.53"), ("ask", "0.60")):
        venue.rest(side, price, "10.7")
    book = venue.get("/book", token_id="11")[1]

    assert [level["price"] for level in book["bids"]] == ["0.4", "0.48"]
    assert book["asks"] == [{"price": "0.6", "size": "10.7"}, {"price": "0.53", "size": "10.7"}]
    assert list(book)[:4] == ["market", "asset_id", "timestamp", "hash"]
    text = json.dumps({**book, "hash": ""}, separators=(",", ":"))
    assert book["hash"] == hashlib.sha1(text.encode()).hexdigest()
    assert (book["timestamp"], book["tick_size"]) == (str(venue.clock.wall_ns() // MS), "0.01")


def test_book_of_the_other_token_is_the_mirror(venue: Any) -> None:
    """Section 3: a token's book includes its complement's liquidity."""
    venue.rest("ask", "0.53", "10")
    venue.rest("bid", "0.48", "7")
    books = venue.sim.handle(Request("POST", "/books", (), {}, b'[{"token_id":"12"},{"token_id":"nope"}]'))

    (mirror,) = json.loads(books.body)
    assert mirror["bids"] == [{"price": "0.47", "size": "10"}]
    assert mirror["asks"] == [{"price": "0.52", "size": "7"}]


def test_price_buy_is_the_best_bid(venue: Any) -> None:
    """Section 3: BUY returns the best bid, SELL the best ask; midpoint and spread follow."""
    venue.rest("ask", "0.53", "10")
    venue.rest("bid", "0.48", "7")

    assert venue.get("/price", token_id="11", side="BUY")[1] == {"price": "0.48"}
    assert venue.get("/price", token_id="11", side="SELL")[1] == {"price": "0.53"}
    assert venue.get("/midpoint", token_id="11")[1] == {"mid": "0.505"}
    assert venue.get("/spread", token_id="12")[1] == {"spread": "0.05"}


def test_unknown_token_has_no_book(venue: Any) -> None:
    """Section 3: 404 with the venue's text; so has a market of an unknown protocol version."""
    told = (404, {"error": "No orderbook exists for the requested token id"})

    assert venue.get("/book", token_id="5") == told
    assert venue.get("/book", token_id="81") == told


def test_small_reads(venue: Any) -> None:
    """Section 3: time in seconds, version, tick, neg risk, legacy fee rate, last trade of an untraded market."""
    assert venue.get("/time") == (200, 1_790_000_000)
    assert venue.get("/version")[1] == {"version": 2}
    assert venue.get("/tick-size", token_id="11")[1] == {"minimum_tick_size": 0.01}
    assert venue.get("/neg-risk", token_id="21")[1] == {"neg_risk": True}
    assert "base_fee" in venue.get("/fee-rate", token_id="11")[1]
    assert venue.get("/last-trade-price", token_id="11")[1] == {"price": "0.5", "side": ""}
    assert venue.get("/markets-by-token/12")[1]["condition_id"] == venue.market(1)


def test_clob_market_states_fees_holds_and_leaves_defaults_out(venue: Any) -> None:
    """Section 3: fd absent = no fee, sd and nr omitted at their defaults."""
    plain = venue.get(f"/clob-markets/{venue.market(1)}")[1]
    assert (plain["mts"], plain["mos"], plain["fd"]) == (0.01, 5, {"r": 0.05, "e": 1, "to": True})
    assert not {"nr", "sd", "itode", "cbos"} & set(plain)
    assert plain["t"] == [{"t": "11", "o": "Lakers"}, {"t": "12", "o": "Celtics"}]

    assert venue.get(f"/clob-markets/{venue.market(2)}")[1]["nr"] is True
    assert venue.get(f"/clob-markets/{venue.market(4)}")[1]["sd"] == 3
    assert venue.get(f"/clob-markets/{venue.market(5)}")[1]["itode"] is True
    assert "fd" not in venue.get(f"/clob-markets/{venue.market(7)}")[1]


def test_long_market_names_its_winner(venue: Any) -> None:
    """Section 3: tokens with winner, closed after resolution."""
    venue.sim.resolve(venue.market(), Price(0))
    market = venue.get(f"/markets/{venue.market(1)}")[1]

    assert [token["winner"] for token in market["tokens"]] == [False, True]
    assert (market["closed"], market["accepting_orders"]) == (True, False)


def test_gamma_pages_by_cursor_and_clamps_its_limit(venue: Any) -> None:
    """Section 2.1: limit above 100 is clamped without a word, offset is rejected, the last page has no cursor."""
    first = venue.get("/gamma/markets/keyset", limit="4")[1]
    second = venue.get("/gamma/markets/keyset", limit="500", after_cursor=first["next_cursor"])[1]

    assert [row["id"] for row in first["markets"] + second["markets"]] == ["1", "2", "3", "4", "5", "6", "7", "8", "10"]
    assert "next_cursor" not in second
    assert venue.get("/gamma/markets/keyset", offset="4")[0] == 422


def test_gamma_keeps_json_strings_and_fills_in_what_moves(venue: Any) -> None:
    """Section 2.2: outcomes, prices and tokens are JSON inside strings; best prices are of now."""
    venue.rest("ask", "0.53", "10")
    venue.rest("bid", "0.49", "7")
    market = venue.get("/gamma/markets/1")[1]

    assert json.loads(market["clobTokenIds"]) == ["11", "12"]
    assert json.loads(market["outcomePrices"]) == ["0.51", "0.49"]
    assert (market["bestBid"], market["bestAsk"]) == (0.49, 0.53)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"condition_ids": "0x" + "0" * 63 + "2"}, ["2"]),
        ({"clob_token_ids": "71"}, ["7"]),
        ({"slug": "market-3"}, ["3"]),
        ({"closed": "true"}, ["9"]),
        ({"version": "v2"}, ["3"]),
        ({"sports_market_types": "totals"}, []),
    ],
)
def test_gamma_filters_markets(venue: Any, query: dict[str, str], ids: list[str]) -> None:
    """Section 2.1: closed defaults to false."""
    assert [row["id"] for row in venue.get("/gamma/markets", **query)[1]] == ids


def test_gamma_events_nest_their_markets(venue: Any) -> None:
    """Section 2.1: by tag, slug and id; include_markets=false leaves them out."""
    (event,) = venue.get("/gamma/events/keyset", tag_slug="nba")[1]["events"]

    assert len(event["markets"]) == 10
    assert venue.get("/gamma/events/slug/fed-in-october")[1]["id"] == "78"
    assert venue.get("/gamma/events/77")[1]["slug"] == "nba-lal-bos-2026-09-21"
    assert "markets" not in venue.get("/gamma/events", slug="fed-in-october", include_markets="false")[1][0]
    assert venue.get("/gamma/events/slug/nothing")[0] == 404


def test_gamma_small_lists(venue: Any) -> None:
    """Section 2.1: teams, sports, tags, market types, search."""
    assert venue.get("/gamma/teams", league="nba")[1][0]["abbreviation"] == "lal"
    assert venue.get("/gamma/sports")[1][0]["sport"] == "nba"
    assert [tag["slug"] for tag in venue.get("/gamma/tags")[1]] == ["nba", "sports", "fed"]
    assert venue.get("/gamma/sports/market-types")[1] == {"marketTypes": ["moneyline"]}
    assert [event["id"] for event in venue.get("/gamma/public-search", q="lakers")[1]["events"]] == ["77"]


def test_gamma_shows_resolution(venue: Any) -> None:
    """Section 13: outcomePrices 0.5/0.5 and the resolution status of the protocol version."""
    venue.sim.resolve(venue.market(1), Price(ONE // 2))
    venue.sim.resolve(venue.market(3), ONE)
    one, three = venue.get("/gamma/markets/1")[1], venue.get("/gamma/markets/3")[1]

    assert (one["closed"], one["umaResolutionStatus"], json.loads(one["outcomePrices"])) == (True, "resolved", ["0.5", "0.5"])
    assert three["resolutionStatus"] == "resolved"


def test_recorded_gamma_events_are_served(venue: Any) -> None:
    """Verbatim Gamma objects of January 2026 list, page and get books."""
    file = SHARED / "polymarket_events_wnba_2026-07.json"
    if not file.exists():
        pytest.skip("the shared recordings are not beside this checkout")
    import random

    recorded = json.loads(file.read_text())
    sim = PolymarketSim(ManualClock(), random.Random(1), PolymarketCatalogue(recorded, []), [])

    answer = json.loads(sim.handle(Request("GET", "/gamma/events/keyset", (), {}, b"")).body)

    assert [event["id"] for event in answer["events"]] == [event["id"] for event in recorded]


def test_subscribe_is_answered_with_books(venue: Any, events: Any) -> None:
    """Section 11: a full book of every named token; unknown tokens are silent."""
    venue.rest("ask", "0.53", "10")
    session = venue.watch("11", "12", "nope")
    found = events(session)

    assert [(event["event_type"], event["asset_id"]) for event in found] == [("book", "11"), ("book", "12")]
    assert found[1]["bids"] == [{"price": "0.47", "size": "10"}]


def test_price_change_carries_both_tokens_and_the_best_after_it(venue: Any, events: Any) -> None:
    """Section 11: absolute size, mirrored sides, best prices after the change."""
    venue.rest("bid", "0.40", "7")
    session = venue.watch("11")
    events(session)
    order = venue.rest("ask", "0.53", "10")
    (event,) = events(session)

    yes, no = event["price_changes"]
    assert (yes["asset_id"], yes["price"], yes["size"], yes["side"]) == ("11", "0.53", "10", "SELL")
    assert (no["asset_id"], no["price"], no["size"], no["side"]) == ("12", "0.47", "10", "BUY")
    assert (yes["best_bid"], yes["best_ask"], no["best_bid"], no["best_ask"]) == ("0.4", "0.53", "0.47", "0.6")
    venue.sim.customer_cancel(order)
    assert events(session)[0]["price_changes"][0]["size"] == "0"


def test_replayed_changes_give_the_book(venue: Any, events: Any) -> None:
    """A client that starts from the first book and applies every change holds the venue's book."""
    session = venue.watch("11")
    for number in range(30):
        side, price = ("bid", f"0.{30 + number % 7}") if number % 2 else ("ask", f"0.{50 + number % 5}")
        venue.rest(side, price, str(5 + number))
    venue.sim.customer_take(venue.market(), "bid", Price(5200), Size(120_000_000))
    local: dict[str, dict[str, str]] = {"BUY": {}, "SELL": {}}
    for event in events(session):
        for row in event.get("price_changes", ()):
            if row["asset_id"] == "11":
                local[row["side"]][row["price"]] = row["size"]

    book = venue.get("/book", token_id="11")[1]
    kept = {side: {price: size for price, size in rows.items() if size != "0"} for side, rows in local.items()}
    assert kept["BUY"] == {level["price"]: level["size"] for level in book["bids"]}
    assert kept["SELL"] == {level["price"]: level["size"] for level in book["asks"]}


def test_trade_is_followed_by_its_price_and_books(venue: Any, events: Any) -> None:
    """Section 11: last_trade_price of the taker's token, then a book."""
    venue.rest("ask", "0.53", "10")
    session = venue.watch("11", "12")
    events(session)
    venue.place(venue.wallet, "BUY", "11", "0.53", "5")

    kinds = [event["event_type"] for event in events(session)]
    assert kinds[:4] == ["price_change", "last_trade_price", "book", "book"]


def test_books_come_twice_now_and_then(venue: Any, events: Any) -> None:
    """Section 11: duplicates occur; they are equal."""
    session = venue.watch("11")
    events(session)
    counts = set()
    for _ in range(60):
        venue.rest("ask", "0.53", "10")
        venue.sim.customer_take(venue.market(), "bid", Price(5300), Size(5_000_000))
        books = [json.dumps(event) for event in events(session) if event["event_type"] == "book"]
        counts.add(len(books))
        assert len(set(books)) == 1

    assert counts == {1, 2}


def test_custom_flag_adds_best_prices(venue: Any, events: Any) -> None:
    """Section 11: best_bid_ask needs custom_feature_enabled."""
    plain, custom = venue.watch("11"), venue.watch("11", custom=True)
    venue.rest("ask", "0.53", "10")

    assert "best_bid_ask" not in {event["event_type"] for event in events(plain)}
    best = next(event for event in events(custom) if event["event_type"] == "best_bid_ask")
    assert (best["best_bid"], best["best_ask"], best["spread"]) == ("0", "0.53", "0.53")


def test_tick_change_is_told_twice_and_followed_by_a_book(venue: Any, events: Any) -> None:
    """Section 11: after a trade above 0.96 the grid refines; REST follows."""
    venue.rest("ask", "0.97", "10")
    session = venue.watch("11")
    venue.place(venue.wallet, "BUY", "11", "0.97", "10")
    venue.wait(0)
    venue.sim.advance()

    assert [event["event_type"] for event in events(session)][-3:] == ["tick_size_change", "tick_size_change", "book"]
    assert venue.get("/tick-size", token_id="11")[1] == {"minimum_tick_size": 0.001}
    assert venue.place(venue.wallet, "BUY", "11", "0.965", "10")["status"] == "live"


def test_new_and_resolved_markets_reach_every_custom_socket(venue: Any, events: Any) -> None:
    """Section 11: unfiltered, and only with the flag."""
    session, plain = venue.watch("71", custom=True), venue.watch("71")
    events(session), events(plain)
    raw = {**venue.sim.markets()[venue.market(1)].raw, "conditionId": "0x" + "a" * 64, "id": "99"}
    venue.sim.add_event({"id": "90", "slug": "new", "markets": [{**raw, "clobTokenIds": '["991", "992"]'}]})
    venue.sim.resolve(venue.market(1), ONE)

    new, resolved = events(session)
    assert (new["event_type"], new["assets_ids"], new["line"]) == ("new_market", ["991", "992"], "")
    assert (resolved["winning_asset_id"], resolved["winning_outcome"]) == ("11", "Lakers")
    assert events(plain) == []


def test_later_operations_add_and_remove_assets(venue: Any, events: Any) -> None:
    """Section 11: operation frames; an asset named again gives no second book."""
    session = venue.watch("11")
    events(session)
    venue.sim.on_frame(session, json.dumps({"operation": "subscribe", "assets_ids": ["11", "71"]}))
    assert [event["asset_id"] for event in events(session)] == ["71"]
    venue.sim.on_frame(session, json.dumps({"operation": "unsubscribe", "assets_ids": ["11"]}))
    venue.rest("ask", "0.53", "10")

    assert events(session) == []


def test_too_many_assets_lose_their_snapshots(venue: Any, events: Any) -> None:
    """Section 11: above about 500 assets on one socket the initial books stop arriving."""
    assert events(venue.watch("11", *(f"x{number}" for number in range(500)))) == []


def test_ping_is_answered_even_when_frozen(venue: Any, events: Any) -> None:
    """Section 11, silent staleness: PONG goes on, data stops, for new sockets too."""
    session = venue.watch("11")
    events(session)
    venue.sim.freeze_streams(True)
    venue.sim.on_frame(session, "PING")
    venue.rest("ask", "0.53", "10")

    assert list(session.outbox) == ["PONG"]
    assert not venue.watch("11").outbox
    session.outbox.clear()
    venue.sim.freeze_streams(False)
    venue.rest("ask", "0.54", "10")
    assert len(session.outbox) == 1


def test_frames_are_objects_or_arrays(venue: Any) -> None:
    """Section 11: a client must take both."""
    session = venue.watch("11")
    for number in range(40):
        venue.rest("ask", f"0.{50 + number}", "10")

    assert {frame[0] for frame in session.outbox} == {"{", "["}


@pytest.mark.parametrize("text", ["", "hello", "[]", "5", "null", "{}", '{"assets_ids": 5}', '{"type":"user","auth":5}'])
def test_strange_frames_are_survived(venue: Any, text: str) -> None:
    """Any text a client sends leaves the venue standing, on both streams."""
    venue.sim.on_frame(venue.watch("11"), text)
    venue.sim.on_frame(venue.listen(venue.wallet), text)

    assert venue.get("/ok")[0] == 200


def test_user_stream_closes_on_wrong_credentials(venue: Any) -> None:
    """Section 12: bad credentials are not told apart, the socket just ends."""
    session = venue.stream("/ws/user", {"type": "user", "auth": {"apiKey": "key-0", "secret": "x", "passphrase": "pass"}})

    assert session.closed is not None


def test_user_stream_filters_by_market_and_account(venue: Any, events: Any) -> None:
    """Section 12: only own orders, only named markets."""
    auth = {"apiKey": "key-0", "secret": venue.wallet.account.api_secret, "passphrase": "pass"}
    session = venue.stream("/ws/user", {"type": "user", "auth": auth, "markets": [venue.market(7)]})
    venue.place(venue.eoa, "BUY", "71", "0.10", "10")
    venue.place(venue.wallet, "BUY", "11", "0.10", "10")
    assert events(session) == []
    mine = venue.place(venue.wallet, "BUY", "71", "0.10", "10")["orderID"]

    assert [(event["type"], event["id"]) for event in events(session)] == [("PLACEMENT", mine)]


def test_user_stream_mixes_stamps_and_empty_strings(venue: Any, events: Any) -> None:
    """Section 12: seconds and milliseconds, and "" for size_matched, created_at and outcome."""
    session = venue.listen(venue.wallet)
    for _ in range(20):
        venue.place(venue.wallet, "BUY", "11", "0.10", "10")
    found = events(session)

    assert {len(event["timestamp"]) for event in found} == {10, 13}
    assert {event["outcome"] for event in found} == {"", "Lakers"}
    venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.10", "20", "FOK"))
    assert events(session)[0]["size_matched"] == ""
    assert "" in {event["outcome"] for event in found}


def test_sessions_can_be_cut(venue: Any) -> None:
    """Fault drop_sessions: every socket ends with the code."""
    sessions = [venue.watch("11"), venue.listen(venue.wallet)]

    assert venue.sim.drop_sessions() == 2
    assert [session.closed for session in sessions] == [1006, 1006]


def test_unknown_stream_path_is_refused(venue: Any) -> None:
    """An upgrade elsewhere is answered with 404."""
    assert isinstance(venue.sim.connect(Request("GET", "/ws/other", (), {}, b"")), Refusal)


def test_prices_history_keeps_one_price_a_minute(venue: Any) -> None:
    """Section 3: the minute's last trade, else its first midpoint; by interval or window, thinned by fidelity."""
    venue.rest("bid", "0.40", "100")
    venue.rest("ask", "0.50", "100")
    start = venue.get("/time")[1]
    for minute in range(5):
        if minute != 2:
            venue.sim.customer_take(venue.market(), "bid", Price(5000), Size(1_000_000))
        else:
            venue.rest("bid", "0.42", "10")
        venue.wait(60)

    rows = venue.get("/prices-history", market="11", interval="1h")[1]["history"]
    assert [row["p"] for row in rows] == [0.5, 0.5, 0.46, 0.5, 0.5]
    assert [row["t"] - start for row in rows] == [0, 60, 120, 180, 240]
    assert len(venue.get("/prices-history", market="11", interval="max", fidelity="5")[1]["history"]) <= 2
    window = {"startTs": str(start + 60), "endTs": str(start + 120)}
    assert [row["p"] for row in venue.get("/prices-history", market="12", **window)[1]["history"]] == [0.5, 0.54]
    assert venue.get("/prices-history", market="11")[0] == 400
    data = venue.get("/data/v2/prices-history", token_id="11", interval="1h")[1]
    assert (len(data["data"]), data["pagination"]["has_more"]) == (5, False)


def test_sports_stream_tells_scores_and_wants_its_pongs(venue: Any) -> None:
    """Section 11: nobody subscribes, text ping every 5 s, the game's changes, and Gamma shows the same."""
    quiet = venue.sim.connect(Request("GET", "/sports/ws", (), {}, b""))
    alive = venue.sim.connect(Request("GET", "/sports/ws", (), {}, b""))
    venue.sim.set_game("nba-lal-bos-2026-09-21", status="InProgress", live=True, score="3-2", period="Q1", elapsed="05:00")
    for _ in range(3):
        venue.sim.on_frame(alive, "pong")
        venue.wait(5)

    assert [frame for frame in alive.outbox if frame == "ping"] == ["ping"] * 4
    game = json.loads(alive.outbox[1])
    assert (game["gameId"], game["leagueAbbreviation"], game["status"], game["live"]) == (1234, "nba", "InProgress", True)
    assert (quiet.closed, alive.closed) == (1008, None)
    late = venue.sim.connect(Request("GET", "/sports/ws", (), {}, b""))
    assert json.loads(late.outbox[0])["score"] == "3-2"
    event = venue.get("/gamma/events/slug/nba-lal-bos-2026-09-21")[1]
    assert (event["live"], event["score"], event["gameStatus"]) == (True, "3-2", "InProgress")


def test_notifications_are_listed_until_dropped(venue: Any) -> None:
    """A fill and a cancellation each leave one."""
    venue.rest("ask", "0.40", "10")
    venue.place(venue.wallet, "BUY", "11", "0.40", "10")
    venue.place(venue.wallet, "BUY", "11", "0.20", "10")
    venue.ask(venue.wallet, "DELETE", "/cancel-all")
    rows = venue.ask(venue.wallet, "GET", "/notifications", signature_type="3")[1]

    assert [row["type"] for row in rows] == [1, 2]
    venue.ask(venue.wallet, "DELETE", "/notifications", ids=str(rows[0]["id"]))
    assert [row["type"] for row in venue.ask(venue.wallet, "GET", "/notifications")[1]] == [2]


def test_geoblock_says_where_the_caller_is(venue: Any) -> None:
    """Section 1: {"blocked", "ip", "country", "region"}; the switch blocks."""
    assert venue.get("/api/geoblock")[1]["blocked"] is False
    venue.faults.throw("geoblock")
    assert venue.get("/api/geoblock")[1]["blocked"] is True
