"""The checklist of a faithful simulator, one test per point and named after it (polymarket.md 15a)."""

import json
from typing import Any

import pytest

from trading.clock import SECOND
from trading.units import Price, WallNs

DOLLAR = 1_000_000


def test_own_exchange_clock(venue: Any) -> None:
    """The venue's time is its own, and signed requests are held to it."""
    before = venue.get("/time")[1]
    venue.wait(100)

    assert venue.get("/time") == (200, before + 100)
    assert venue.call(venue.wallet, "GET", "/data/orders", poly_timestamp=str(before - 301)).status == 401


def test_per_market_params_from_clob_markets_and_gamma_with_json_encoded_arrays(venue: Any) -> None:
    """Both services state the same grid, minimum, tokens and fee; Gamma's arrays are strings."""
    info = venue.get(f"/clob-markets/{venue.market(4)}")[1]
    raw = venue.get("/gamma/markets/4")[1]

    assert [row["t"] for row in info["t"]] == json.loads(raw["clobTokenIds"]) == ["41", "42"]
    assert (info["mts"], info["mos"], info["sd"]) == (raw["orderPriceMinTickSize"], raw["orderMinSize"], raw["secondsDelay"])
    assert info["fd"] == {"r": raw["feeSchedule"]["rate"], "e": 1, "to": True}


def test_a_new_market_is_seen_in_gamma_before_the_clob_knows_it(venue: Any) -> None:
    """Section 2.2: 404 on the CLOB for minutes, then it trades."""
    raw = {**venue.get("/gamma/markets/1")[1], "id": "50", "conditionId": venue.market(50), "clobTokenIds": '["501", "502"]'}
    venue.sim.add_event({"id": "90", "slug": "late", "title": "Late", "markets": [raw]}, clob_after_ns=120 * SECOND)

    assert venue.get("/gamma/markets/50")[0] == 200
    assert venue.get("/book", token_id="501")[0] == 404
    venue.wait(121)
    assert venue.get("/book", token_id="501")[0] == 200


def test_l1_and_l2_verification_with_wrong_path_or_query_signing(venue: Any) -> None:
    """401 for a signature over another path or over the query; the right one passes."""
    good = venue.call(venue.wallet, "GET", "/data/orders", query={"market": venue.market()})
    other = {"poly_signature": venue.call_signature(venue.wallet, "GET", "/data/trades")}
    query = {"poly_signature": venue.call_signature(venue.wallet, "GET", f"/data/orders?market={venue.market()}")}

    assert good.status == 200
    assert venue.call(venue.wallet, "GET", "/data/orders", **other).status == 401
    assert venue.call(venue.wallet, "GET", "/data/orders", query={"market": venue.market()}, **query).status == 401
    assert venue.get("/auth/derive-api-key")[0] == 401


def test_signature_signer_owner_domain_and_duplicate_id_checks(venue: Any) -> None:
    """Each of the five is refused in the venue's words."""
    eoa = venue.eoa
    good = venue.limit(eoa, "BUY", "11", "0.40", "10")
    foreign = {**venue.limit(eoa, "BUY", "11", "0.40", "10"), "owner": "key-0"}

    assert venue.refused(eoa, venue.limit(eoa, "BUY", "11", "0.40", "10", change={"salt": 1})) == "invalid signature"
    assert venue.refused(eoa, venue.limit(eoa, "BUY", "21", "0.40", "10")) == "invalid signature"
    assert venue.refused(eoa, venue.limit(eoa, "BUY", "9001", "0.40", "10")) == "invalid signature"
    assert "signer address" in venue.refused(
        eoa, venue.limit(eoa, "BUY", "11", "0.40", "10", change={"signer": venue.proxy.owner})
    )
    assert venue.refused(eoa, foreign) == "the order owner has to be the owner of the API KEY"
    assert venue.post(eoa, good)[0] == 200
    assert venue.refused(eoa, good).endswith("Duplicated.")


def test_tick_bounds_min_size_dollar_minimum_and_gtd_rules(venue: Any) -> None:
    """Off the grid, outside the bounds, too small, under a dollar, too short-lived."""
    who = venue.wallet
    venue.rest("ask", "0.10", "100")
    now = venue.clock.wall_ns() // SECOND

    for price in ("0.405", "1.00"):
        assert "breaks minimum tick size rule: 0.01" in venue.refused(who, venue.limit(who, "BUY", "11", price, "10"))
    assert "lower than the minimum: 5" in venue.refused(who, venue.limit(who, "BUY", "11", "0.05", "4"))
    assert "min size: $1" in venue.refused(who, venue.limit(who, "BUY", "11", "0.10", "9"))
    short = venue.limit(who, "BUY", "11", "0.05", "10", "GTD", expiration=now + 179)
    assert venue.refused(who, short) == "invalid expiration"
    venue.place(who, "BUY", "11", "0.05", "10", "GTD", expiration=now + 180)
    venue.wait(121)
    assert venue.ask(who, "GET", "/data/orders")[1]["data"] == []


def test_balance_and_allowance_reservation(venue: Any) -> None:
    """Open orders hold cash and allowance back until they end."""
    poor = venue.poor
    venue.place(poor, "BUY", "11", "0.50", "30")

    assert "balance is not enough -> balance: 5000000" in venue.refused(poor, venue.limit(poor, "BUY", "11", "0.50", "20"))
    venue.sim.set_allowance(poor.owner, 16 * DOLLAR)
    assert "allowance: 1000000, order amount: 5000000" in venue.refused(poor, venue.limit(poor, "BUY", "11", "0.50", "10"))
    venue.ask(poor, "DELETE", "/cancel-all")
    assert venue.place(poor, "BUY", "11", "0.50", "30")["status"] == "live"


def test_stale_cache_mode_of_balance_and_allowance(venue: Any) -> None:
    """Nothing is seen until /balance-allowance/update looks again, per asset and with the right type."""
    who = venue.wallet
    venue.sim.split(who.owner, venue.market(), 10 * DOLLAR)
    venue.faults.throw("stale_cache")

    assert "not enough balance / allowance" in venue.refused(who, venue.limit(who, "BUY", "11", "0.40", "10"))
    assert "not enough balance / allowance" in venue.refused(who, venue.limit(who, "SELL", "11", "0.40", "10"))
    for kind in ("0", "3"):
        venue.ask(who, "GET", "/balance-allowance/update", asset_type="COLLATERAL", signature_type=kind)
        status, _ = venue.post(who, venue.limit(who, "BUY", "11", "0.40", "10"))
        assert status == (400 if kind == "0" else 200)
    venue.ask(who, "DELETE", "/cancel-all")
    venue.ask(who, "GET", "/balance-allowance/update", asset_type="CONDITIONAL", token_id="11", signature_type="3")
    assert venue.place(who, "SELL", "11", "0.40", "10")["status"] == "live"


def test_complementary_mint_and_merge_crossing_with_mirrored_books(venue: Any) -> None:
    """One book, two tokens: YES meets YES, buys of both outcomes mint, sells of both merge."""
    venue.rest("bid", "0.60", "10")
    book = venue.get("/book", token_id="12")[1]
    assert book["asks"] == [{"price": "0.4", "size": "10"}]
    minted = venue.place(venue.wallet, "BUY", "12", "0.40", "10")
    assert (minted["status"], minted["takingAmount"]) == ("matched", "10")

    venue.sim.split(venue.eoa.owner, venue.market(), 20 * DOLLAR)
    venue.sim.split(venue.proxy.owner, venue.market(), 20 * DOLLAR)
    venue.place(venue.eoa, "SELL", "11", "0.55", "10")
    merged = venue.place(venue.proxy, "SELL", "12", "0.45", "10")
    assert (merged["status"], merged["takingAmount"]) == ("matched", "4.5")
    venue.place(venue.eoa, "SELL", "11", "0.55", "10")
    plain = venue.place(venue.safe, "BUY", "11", "0.55", "10")
    assert (plain["status"], plain["makingAmount"]) == ("matched", "5.5")


def test_price_improvement_goes_to_the_taker_unless_switched_off(venue: Any) -> None:
    """The maker's price is paid; with the switch off, the taker's limit."""
    venue.rest("ask", "0.40", "100")

    assert venue.place(venue.wallet, "BUY", "11", "0.50", "10")["makingAmount"] == "4"
    venue.faults.throw("no_price_improvement")
    assert venue.place(venue.wallet, "BUY", "11", "0.50", "10")["makingAmount"] == "5"


@pytest.mark.parametrize(("fault", "shares"), [("price_improvement", "25"), ("no_price_improvement", "20")])
@pytest.mark.parametrize("kind", ["FAK", "FOK"])
def test_fak_and_fok_buys_are_sized_in_pusd(venue: Any, fault: str, shares: str, kind: str) -> None:
    """makerAmount is spent: below the limit it buys more shares than takerAmount (6.4)."""
    venue.faults.throw(fault)
    venue.rest("ask", "0.40", "100")
    answer = venue.place(venue.wallet, "BUY", "11", "0.50", "20", kind)

    assert (answer["makingAmount"], answer["takingAmount"]) == ("10", shares)


@pytest.mark.parametrize(
    ("token", "price", "size", "fee"), [("11", "0.30", "100", 1_050_000), ("11", "0.56", "44.64", 549_960)]
)
def test_taker_fee_per_fill_in_five_decimals_on_top(venue: Any, token: str, price: str, size: str, fee: int) -> None:
    """Section 9's formula, half-up to $0.00001, charged beside the notional."""
    venue.rest("ask", price, "1000")
    venue.place(venue.eoa, "BUY", token, price, size)
    view = venue.sim.account_view(venue.eoa.owner)

    assert view.fees == fee
    assert view.cash == 1_000 * DOLLAR - int(float(price) * float(size) * DOLLAR + 0.5) - fee


def test_builder_fees_come_on_top_of_notional(venue: Any) -> None:
    """Section 9: basis points of notional for maker and taker of a registered code, told by /fees/builder-fees."""
    code = bytes.fromhex("ab" * 32)
    venue.sim.set_builder("0x" + code.hex(), maker_bps=50, taker_bps=100)
    venue.rest("ask", "0.50", "100", market=7)
    venue.place(venue.eoa, "BUY", "71", "0.50", "100", builder=code)

    assert venue.sim.account_view(venue.eoa.owner).fees == 500_000
    assert venue.get("/fees/builder-fees/0x" + code.hex())[1]["builder_taker_fee_rate_bps"] == 100
    assert [row["sizeUsdc"] for row in venue.get("/builder/trades", builder_code="0x" + code.hex())[1]["data"]] == ["50"]


def test_batch_of_at_most_fifteen_with_refused_legs_in_place(venue: Any) -> None:
    """Answers stand in order; a refused leg says success, no id and why."""
    who = venue.wallet
    legs = [venue.limit(who, "BUY", "11", price, "10") for price in ("0.30", "0.305", "0.31")]
    status, answers = venue.ask(who, "POST", "/orders", legs)

    assert status == 200
    assert [bool(row["orderID"]) for row in answers] == [True, False, True]
    assert all(row["success"] for row in answers)
    assert "tick size" in answers[1]["errorMsg"]
    status, answer = venue.ask(who, "POST", "/orders", legs * 6)
    assert (status, answer["error"]) == (400, "Too many orders in payload: 18, max allowed: 15")


@pytest.mark.parametrize(("market", "token", "seconds"), [(4, "41", 3), (5, "51", 0.15)])
def test_seconds_delay_and_itode_holds_are_uncancellable_and_revalidated(
    venue: Any, market: int, token: str, seconds: float
) -> None:
    """Delayed, kept from cancels, then matched against the book of that moment, or killed when it has gone."""
    who = venue.wallet
    resting = venue.rest("ask", "0.40", "10", market=market)
    held = venue.place(who, "BUY", token, "0.40", "10", "FAK")
    refused = venue.ask(who, "DELETE", "/order", {"orderID": held["orderID"]})[1]["not_canceled"]

    assert (held["status"], held["makingAmount"], held["tradeIDs"]) == ("delayed", "", [])
    assert list(refused) == [held["orderID"]]
    venue.sim.customer_cancel(resting)
    venue.wait(seconds + 0.01)
    assert venue.sim.account_view(who.owner).cash == 1_000 * DOLLAR
    venue.rest("ask", "0.40", "10", market=market)
    venue.place(who, "BUY", token, "0.40", "10", "FAK")
    venue.wait(seconds + 0.01)
    assert venue.sim.account_view(who.owner).tokens == {token: 10 * DOLLAR}


def test_a_hold_may_block_and_answer_with_the_final_status(venue: Any) -> None:
    """Section 8: instead of delayed, the answer waits the hold out; unmatched when the book has gone meanwhile."""
    venue.faults.throw("hold_blocks")
    resting = venue.rest("ask", "0.40", "10", market=4)
    gone = venue.request(venue.wallet, "POST", "/order", venue.limit(venue.wallet, "BUY", "41", "0.40", "10"))

    assert venue.sim.latency(gone) == (3 * SECOND, 0)
    venue.sim.customer_cancel(resting)
    venue.wait(3)
    assert json.loads(venue.sim.handle(gone).body)["status"] == "unmatched"
    venue.ask(venue.wallet, "DELETE", "/cancel-all")
    venue.rest("ask", "0.40", "10", market=4)
    there = venue.request(venue.wallet, "POST", "/order", venue.limit(venue.wallet, "BUY", "41", "0.40", "10"))
    assert venue.sim.latency(there) == (3 * SECOND, 0)
    venue.wait(3)
    assert json.loads(venue.sim.handle(there).body)["status"] == "matched"


def test_book_wipe_at_game_start(venue: Any, events: Any) -> None:
    """clearBookOnStart cancels everybody's resting orders at the official start."""
    venue.rest("ask", "0.60", "10", market=6)
    mine = venue.place(venue.wallet, "BUY", "61", "0.40", "10")
    stream = venue.listen(venue.wallet)
    venue.sim.set_game_start(venue.market(6), WallNs(venue.clock.wall_ns() + 60 * SECOND))
    venue.wait(61)

    assert [(row["id"], row["type"]) for row in events(stream)] == [(mine["orderID"], "CANCELLATION")]
    assert venue.get("/book", token_id="61")[1]["asks"] == []


def walk(venue: Any, fault: str, seconds: float) -> tuple[list[str], Any]:
    """Statuses of one trade under a fault, and its last row."""
    venue.faults.throw(fault)
    venue.rest("ask", "0.40", "100")
    trade = venue.place(venue.wallet, "BUY", "11", "0.40", "10")["tradeIDs"][0]
    seen: list[str] = []
    row: Any = None
    for _ in range(int(seconds * 10)):
        row = venue.ask(venue.wallet, "GET", "/data/trades", id=trade)[1]["data"][0]
        status = row["status"].removeprefix("TRADE_STATUS_")
        if not seen or seen[-1] != status:
            seen.append(status)
        venue.wait(0.1)
    return seen, row


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("retry", ["MATCHED_NOT_BROADCASTED", "MATCHED", "RETRYING", "MINED", "CONFIRMED"]),
        ("ghost", ["MATCHED_NOT_BROADCASTED", "MATCHED", "RETRYING", "FAILED"]),
        ("slow", ["MATCHED_NOT_BROADCASTED", "MATCHED", "MINED", "CONFIRMED"]),
        ("stuck", ["MATCHED_NOT_BROADCASTED", "MATCHED"]),
        ("hashless", ["MATCHED_NOT_BROADCASTED", "MATCHED", "MINED", "CONFIRMED"]),
    ],
)
def test_trade_status_walk_with_configurable_delay(venue: Any, fault: str, seen: list[str]) -> None:
    """RETRYING and FAILED (a ghost fill gives everything back), late and never; the clock of the walk is a setting."""
    venue.sim.settings.mined_ns, venue.sim.settings.confirmed_ns = SECOND, 2 * SECOND
    venue.sim.settings.retry_ns, venue.sim.settings.slow_ns = 2 * SECOND, 3 * SECOND
    statuses, row = walk(venue, fault, 6)

    assert statuses == seen
    assert bool(row["transaction_hash"]) == (fault != "stuck")
    assert (venue.sim.account_view(venue.wallet.owner).cash == 1_000 * DOLLAR) == (fault == "ghost")


def test_hashless_responses_and_the_older_form_with_hashes(venue: Any) -> None:
    """Since 2026-07-24 an order answer names trades without hashes; the switch brings the older form back."""
    venue.rest("ask", "0.40", "100")
    today = venue.place(venue.wallet, "BUY", "11", "0.40", "10")
    venue.faults.throw("hashes")
    older = venue.place(venue.wallet, "BUY", "11", "0.40", "10")

    assert (len(today["tradeIDs"]), today["transactionsHashes"]) == (1, [])
    assert len(older["transactionsHashes"][0]) == 66


def test_restart_goes_425_then_two_minutes_post_only_then_normal(venue: Any) -> None:
    """Then cancel-only and disabled, each with its own answer."""
    who = venue.wallet
    resting = venue.place(who, "BUY", "11", "0.30", "10")["orderID"]
    seen = []
    venue.faults.throw("restart")
    for wait in (0, 91, 118, 2):
        venue.wait(wait)
        answer = venue.call(who, "POST", "/order", venue.limit(who, "BUY", "11", "0.20", "10"))
        seen.append((answer.status, json.loads(answer.body).get("code"), "retry-after" in answer.headers))
    assert seen == [(425, None, True), (503, "post_only_mode", True), (503, "post_only_mode", True), (200, None, False)]

    venue.faults.throw("cancel_only")
    assert "cancel-only" in venue.post(who, venue.limit(who, "BUY", "11", "0.20", "10"))[1]["error"]
    assert venue.ask(who, "DELETE", "/order", {"orderID": resting})[1]["canceled"] == [resting]
    venue.faults.throw("disabled")
    status, answer = venue.ask(who, "DELETE", "/cancel-all")
    assert (status, answer["error"]) == (503, "Trading is currently disabled. Check polymarket.com for updates")


def test_both_rate_limit_layers_with_headers(venue: Any) -> None:
    """Per signer: 60 orders at once, Retry-After and the Poly-RateLimit headers; per address: a window per endpoint."""
    who = venue.wallet
    body = venue.limit(who, "BUY", "11", "0.20", "4")
    answers = [venue.call(who, "POST", "/order", body) for _ in range(61)]

    assert (answers[0].headers["poly-ratelimit-remaining"], answers[0].headers["poly-ratelimit-tier"]) == ("59", "Standard")
    assert "poly-ratelimit-warning" not in answers[0].headers
    assert answers[59].headers["poly-ratelimit-warning"] == "true"
    assert (answers[60].status, answers[60].headers["retry-after"]) == (429, "1")
    assert int(answers[60].headers["poly-ratelimit-reset"]) > venue.get("/time")[1]
    statuses = [venue.get("/ok")[0] for _ in range(101)]
    assert statuses == [200] * 100 + [429]


def test_heartbeat_expiry_cancels_every_order_of_the_key(venue: Any) -> None:
    """Ten seconds without an accepted beat, or the switch: the key's orders go and nothing stays armed."""
    who = venue.wallet
    for fault in ("", "heartbeat_expiry"):
        assert venue.ask(who, "POST", "/v1/heartbeats", {"heartbeat_id": ""})[0] == 200
        venue.place(who, "BUY", "11", "0.20", "10")
        if fault:
            venue.faults.throw(fault)
        else:
            venue.wait(10.1)
        assert venue.ask(who, "GET", "/data/orders")[1]["data"] == []


def test_market_frames_are_objects_or_arrays(venue: Any) -> None:
    """A reader must take both forms."""
    for fault, kind in (("frames_arrays", list), ("frames_objects", dict)):
        venue.faults.throw(fault)
        stream = venue.watch("11")
        stream.outbox.clear()
        venue.rest("bid", "0.30", "10")
        assert [type(json.loads(frame)) for frame in stream.outbox] == [kind]


def test_duplicate_books(venue: Any, events: Any) -> None:
    """The same book may come twice after a trade."""
    for fault, copies in (("duplicate_books", 2), ("single_books", 1)):
        venue.faults.throw(fault)
        venue.rest("ask", "0.40", "10")
        stream = venue.watch("11")
        events(stream)
        venue.sim.customer_take(venue.market(), "bid", Price(4000), 1_000_000)
        assert len([row for row in events(stream) if row["event_type"] == "book"]) == copies


def test_mirrored_price_changes(venue: Any, events: Any) -> None:
    """One change names both tokens, with the best prices after it."""
    stream = venue.watch("11")
    events(stream)
    venue.rest("bid", "0.30", "10")

    rows = events(stream)[0]["price_changes"]
    assert [(r["asset_id"], r["side"], r["price"], r["best_bid"], r["best_ask"]) for r in rows] == [
        ("11", "BUY", "0.3", "0.3", "1"),
        ("12", "SELL", "0.7", "0", "0.7"),
    ]


def test_tick_change_is_an_epoch(venue: Any, events: Any) -> None:
    """Told twice, followed by a book; the old grid no longer binds."""
    stream = venue.watch("11")
    events(stream)
    venue.faults.throw("fine_tick", market=venue.market())

    told = [row["event_type"] for row in events(stream)]
    assert told == ["tick_size_change", "tick_size_change", "book"]
    assert venue.place(venue.wallet, "BUY", "11", "0.305", "10")["status"] == "live"


def test_snapshots_are_lost_beyond_five_hundred_assets(venue: Any, events: Any) -> None:
    """Deltas still come; the switch makes any subscription lose them."""
    crowd = [str(number) for number in range(600, 1100)]
    stream = venue.watch("11", *crowd)

    assert events(stream) == []
    venue.rest("bid", "0.30", "10")
    assert [row["event_type"] for row in events(stream)] == ["price_change"]
    venue.faults.throw("no_snapshots")
    assert events(venue.watch("11")) == []


def test_silent_freeze_with_pong(venue: Any, events: Any) -> None:
    """Frozen sockets answer PING and say nothing else; thawed ones go on without a replay."""
    stream = venue.watch("11")
    events(stream)
    venue.faults.throw("freeze")
    venue.rest("bid", "0.30", "10")
    venue.sim.on_frame(stream, "PING")

    assert list(stream.outbox) == ["PONG"]
    stream.outbox.clear()
    venue.faults.throw("thaw")
    venue.rest("bid", "0.31", "10")
    assert [row["price_changes"][0]["price"] for row in events(stream)] == ["0.31"]


def test_user_stream_mixes_seconds_and_milliseconds_and_sends_empty_strings(venue: Any, events: Any) -> None:
    """Stamps below 1e11 are seconds; created_at, outcome and size_matched may be empty."""
    stream = venue.listen(venue.wallet)
    for fault, millis in (("stamps_seconds", False), ("stamps_millis", True)):
        venue.faults.throw(fault)
        venue.place(venue.wallet, "BUY", "11", "0.20", "10")
        assert (int(events(stream)[0]["timestamp"]) >= 10**11) == millis
    for fault, empty in (("empty_strings", True), ("full_strings", False)):
        venue.faults.throw(fault)
        venue.place(venue.wallet, "BUY", "11", "0.20", "10")
        row = events(stream)[0]
        assert [row[name] == "" for name in ("created_at", "outcome", "size_matched")] == [empty] * 3


@pytest.mark.parametrize(
    ("fault", "prices", "paid"),
    [
        ("resolve_yes", '["1", "0"]', 10 * DOLLAR),
        ("resolve_no", '["0", "1"]', 0),
        ("resolve_half", '["0.5", "0.5"]', 5 * DOLLAR),
    ],
)
def test_resolution_one_zero_and_half_half_with_redeemable_positions(venue: Any, fault: str, prices: str, paid: int) -> None:
    """Orders end as CANCELED_MARKET_RESOLVED, Gamma and the Data API say so, tokens pay what they should."""
    who = venue.wallet
    venue.rest("ask", "0.40", "10")
    venue.place(who, "BUY", "11", "0.40", "10")
    venue.wait(10)
    venue.faults.throw(fault, market=venue.market())

    raw = venue.get("/gamma/markets/1")[1]
    assert (raw["outcomePrices"], raw["umaResolutionStatus"], raw["closed"]) == (prices, "resolved", True)
    row = venue.get("/data/v2/positions", user=who.funder, status="REDEEMABLE")[1]["data"][0]
    assert (row["token_id"], row["redeemable"], row["status"], row["mergeable"]) == ("11", True, "REDEEMABLE", False)
    assert row["current_value"] == paid / DOLLAR
    lost = venue.get("/data/v2/positions", user=who.funder, status="REDEEMABLE_LOST")[1]["data"]
    assert bool(lost) == (paid == 0)
    assert venue.sim.redeem(who.owner, venue.market()) == paid


def test_data_api_lag(venue: Any) -> None:
    """A mined trade shows seconds later; the switch makes it a minute."""
    who = venue.wallet
    venue.rest("ask", "0.40", "20")
    venue.place(who, "BUY", "11", "0.40", "10")
    for wait, rows in ((2.1, 0), (3, 1)):
        venue.wait(wait)
        assert len(venue.get("/data/v2/positions", user=who.funder)[1]["data"]) == rows
    venue.faults.throw("data_lag")
    venue.place(who, "BUY", "11", "0.40", "10")
    for wait, size in ((50, 10), (13, 20)):
        venue.wait(wait)
        assert venue.get("/data/v2/positions", user=who.funder)[1]["data"][0]["current_size"] == size
