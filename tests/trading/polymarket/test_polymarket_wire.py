"""Markets and books from the venue's JSON: real rows, version routing, fees, holds, what makes a market watch-only."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from trading.clock import MS, SECOND
from trading.errors import BadAnswer
from trading.market import FeeTerms, hash_rules
from trading.polymarket.wire import (
    book_from,
    decode,
    fee_terms,
    has_v2_layout,
    market_from,
    parse_stamp,
    parse_tick,
    parse_time,
    refreshed,
    strings,
)
from trading.units import MonoNs, Price, WallNs

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
AT = WallNs(1_790_000_000 * SECOND)
T0, T1 = "71321045679252212594626385532706912750332728571942532289631379312455583992563", "5211431"
P0, P1 = str((1 << 248) | 7 << 120), str((1 << 248) | 7 << 120 | 1)  # binary module, reserved bits zero


def row(**changes: Any) -> dict[str, Any]:
    base = {
        "id": "1",
        "version": "v1",
        "conditionId": "0xcc",
        "question": "Lakers vs. Celtics",
        "description": "If the Lakers win ...",
        "outcomes": '["Lakers", "Celtics"]',
        "clobTokenIds": json.dumps([T0, T1]),
        "enableOrderBook": True,
        "acceptingOrders": True,
        "active": True,
        "closed": False,
        "archived": False,
        "orderMinSize": 5,
        "orderPriceMinTickSize": 0.01,
        "negRisk": False,
        "feesEnabled": False,
        "gameStartTime": "2026-04-05 15:10:00+00",
        "endDate": "2026-04-05T15:10:00Z",
        "sportsMarketType": "moneyline",
        "secondsDelay": 3,
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not ...}


def params(**changes: Any) -> dict[str, Any]:
    base = {
        "c": "0xcc",
        "t": [{"t": T0, "o": "Lakers"}, {"t": T1, "o": "Celtics"}],
        "mts": 0.01,
        "mos": 5,
        "ao": True,
        "sd": 3,
        "fd": {"r": 0.03, "e": 1, "to": True},
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not ...}


def test_full_row_becomes_a_market() -> None:
    """Gamma outcome 0 is YES; the taker's minimum is $1 and 0.01 share, not the resting minimum of 5."""
    market = market_from({"id": 7, "slug": "nba-lal-bos"}, row(), params(), read_at=AT)

    assert (market.id, market.event_id, market.outcomes, market.tokens) == ("0xcc", "7", ("Lakers", "Celtics"), (T0, T1))
    assert market.grid == ((100, 9_900, 100),)
    assert (market.min_size, market.size_step, market.min_cost) == (10_000, 10_000, 1_000_000)
    assert market.fees == FeeTerms(schedule="polymarket", taker=30_000_000)
    assert (market.hold_ns, market.status, market.version, market.tradable) == (3 * SECOND, "open", "v1", True)
    assert market.starts_at == parse_time("2026-04-05T15:10:00Z")
    assert market.closes_at is None
    assert market.settles_at is not None
    assert market.settles_at > (market.starts_at or 0)
    assert market.rules_hash == hash_rules("If the Lakers win ...")
    assert market.read_at == AT


def test_real_gamma_rows_parse() -> None:
    """All 457 recorded NBA markets become Markets; without version and parameters none of them is tradable."""
    path = DATA / "polymarket_gamma_nba_2026-01.json.gz"
    if not path.exists():
        pytest.skip("recorded catalogue is not beside this checkout")
    events = json.loads(gzip.decompress(path.read_bytes()))
    markets = [market_from(event, raw, None, read_at=AT) for event in events for raw in event["markets"]]

    assert len(markets) == 457
    assert all(market.tokens[0] != market.tokens[1] and market.starts_at and market.rules for market in markets)
    assert {market.hold_ns for market in markets} == {0, 3 * SECOND}
    assert {market.grid[0][2] for market in markets} == {10, 100}
    assert {market.status for market in markets} == {"open", "paused", "settled"}
    assert not any(market.tradable for market in markets)
    assert all(market.fees == FeeTerms(schedule="polymarket", taker=0) for market in markets)


def test_real_fee_schedules_parse() -> None:
    """The recorded rows with feeSchedule state 5 %; none of these has a start, so the hold is unknown without parameters."""
    path = DATA / "polymarket_markets_2026-06.json.gz"
    if not path.exists():
        pytest.skip("recorded markets are not beside this checkout")
    markets = [market_from({}, raw, None, read_at=AT) for raw in json.loads(gzip.decompress(path.read_bytes()))]

    assert {market.fees for market in markets} == {FeeTerms(schedule="polymarket", taker=50_000_000)}
    assert {market.hold_ns for market in markets} == {None}
    assert all(market.event_id and market.closes_at for market in markets)


@pytest.mark.parametrize(
    ("gamma", "clob", "version", "tokens", "tradable"),
    [
        (row(), None, "v1", (T0, T1), True),
        (row(version="v2", positionIds=[P0, P1]), None, "v2", (P0, P1), True),
        (row(positionIds=[P0, P1]), None, "v1", (T0, T1), True),
        (row(version="v3"), None, "v3", (T0, T1), False),
        (row(version=...), None, "", (T0, T1), False),
        (row(version=...), params(), "v1", (T0, T1), True),
        (row(version="v2"), None, "v2", ("", ""), False),
        (row(version="v2", positionIds=[T0, T1]), None, "v2", (T0, T1), False),
        (row(clobTokenIds=json.dumps([P0, P1])), None, "v1", (P0, P1), False),
        (row(), params(t=[{"t": "9", "o": "Lakers"}, {"t": T1, "o": "Celtics"}]), "v1", (T0, T1), False),
        (row(clobTokenIds=""), None, "v1", ("", ""), False),
    ],
)
def test_version_chooses_ids_and_anything_odd_is_watch_only(
    gamma: dict[str, Any], clob: dict[str, Any] | None, version: str, tokens: tuple[str, str], tradable: bool
) -> None:
    """Only version decides between token and position ids; unknown versions, odd layouts and other tokens are untradable."""
    market = market_from({}, gamma, clob, read_at=AT)

    assert (market.version, market.tokens, market.tradable) == (version, tokens, tradable)


def test_parameters_alone_make_a_tradable_market() -> None:
    """/clob-markets without Gamma: the CLOB's own tokens say the version by layout, Yes/No is turned so that Yes is first."""
    market = market_from({}, {}, params(), read_at=AT)
    turned = market_from({}, {}, params(t=[{"t": T1, "o": "No"}, {"t": T0, "o": "Yes"}]), read_at=AT)
    newer = market_from({}, {}, params(t=[{"t": P0, "o": "Yes"}, {"t": P1, "o": "No"}], nr=True), read_at=AT)

    assert (market.version, market.tokens, market.tradable, market.status) == ("v1", (T0, T1), True, "open")
    assert (turned.tokens, turned.outcomes) == ((T0, T1), ("Yes", "No"))
    assert (newer.version, newer.neg_risk) == ("v2", True)
    assert has_v2_layout(P0)
    assert not has_v2_layout(T0)


@pytest.mark.parametrize(
    ("gamma", "clob", "expected"),
    [
        ({}, {}, 0),
        ({"feesEnabled": False, "feeSchedule": {"rate": 0.05, "exponent": 1}}, None, 0),
        ({"feesEnabled": True, "feeSchedule": {"rate": 0.05, "exponent": 1, "takerOnly": True}}, None, 50_000_000),
        ({"feesEnabled": True, "feeSchedule": {"rate": 0.05, "exponent": 1}}, {"fd": {"r": 0.03, "e": 1}}, 30_000_000),
        ({"feesEnabled": True}, None, None),
        ({"feesEnabled": True}, {}, 0),
        ({}, {"fd": {"r": 0.05, "e": 2}}, None),
        ({}, {"fd": {"r": -0.05, "e": 1}}, None),
        ({}, {"fd": {"r": "x", "e": 1}}, None),
        ({}, {"fd": {"r": 2, "e": 1}}, None),
        ({}, {"fd": [1]}, None),
        ({}, {"fd": {"r": 0, "e": 0}}, 0),
    ],
)
def test_fee_terms(gamma: dict[str, Any], clob: dict[str, Any] | None, expected: int | None) -> None:
    """Parameters go before Gamma, nothing stated is zero, what cannot be charged is None (B-132)."""
    terms = fee_terms(gamma, clob)

    assert (terms.taker if terms else None) == expected
    market = market_from(
        {}, row(**{"feesEnabled": ..., **gamma}), clob if clob is None else params(**{"fd": ..., **clob}), read_at=AT
    )
    assert market.tradable is (expected is not None)


def test_holds() -> None:
    """The longer of both stated delays counts; itode is 150 ms; Gamma alone cannot tell for a market that is no game (B-425)."""
    plain = {"gameStartTime": ..., "sportsMarketType": ..., "secondsDelay": ...}

    assert market_from({}, row(secondsDelay=1), params(sd=3), read_at=AT).hold_ns == 3 * SECOND
    assert market_from({}, row(secondsDelay=...), params(sd=...), read_at=AT).hold_ns == 0
    assert market_from({}, row(**plain), params(sd=..., itode=True), read_at=AT).hold_ns == 150 * MS
    assert market_from({}, row(**plain), None, read_at=AT).hold_ns is None
    assert market_from({}, row(), None, read_at=AT).hold_ns == 3 * SECOND


@pytest.mark.parametrize(
    ("event", "gamma", "clob", "status"),
    [
        ({}, row(), params(ao=...), "paused"),
        ({}, row(acceptingOrders=False), None, "paused"),
        ({}, row(enableOrderBook=False), None, "paused"),
        ({}, row(archived=True), None, "paused"),
        ({"ended": True}, row(), params(), "paused"),
        ({}, row(closed=True), None, "closed"),
        ({}, row(closed=True, umaResolutionStatus="resolved"), None, "settled"),
        ({}, row(closed=True, resolutionStatus="resolved"), None, "settled"),
        ({}, row(umaResolutionStatus="proposed"), params(), "open"),
    ],
)
def test_status(event: dict[str, Any], gamma: dict[str, Any], clob: dict[str, Any] | None, status: str) -> None:
    """Open needs every flag of Gamma, the CLOB's own word, and an event that has not ended."""
    assert market_from(event, gamma, clob, read_at=AT).status == status


def test_placeholders_and_disputed_flags_are_watch_only() -> None:
    """Augmented events' placeholders and "Other" change meaning; a neg-risk flag in dispute has no certain exchange."""
    event = {"negRiskAugmented": True, "negRisk": True}

    assert not market_from(event, row(groupItemTitle="Person A"), None, read_at=AT).tradable
    assert not market_from({}, row(negRiskOther=True), None, read_at=AT).tradable
    assert not market_from({}, row(negRisk=True), params(), read_at=AT).tradable
    named = market_from(event, row(groupItemTitle="Lakers"), None, read_at=AT)
    assert named.tradable
    assert named.mutually_exclusive


def test_broken_rows_are_bad_answers() -> None:
    """No condition id or not two outcomes cannot be a Market; an odd tick can, but not a tradable one."""
    with pytest.raises(BadAnswer, match="conditionId"):
        market_from({}, row(conditionId=...), None, read_at=AT)
    with pytest.raises(BadAnswer, match="two are needed"):
        market_from({}, row(outcomes='["A","B","C"]'), None, read_at=AT)
    assert not market_from({}, row(orderPriceMinTickSize=0.02), None, read_at=AT).tradable


def test_refreshed_keeps_what_only_gamma_knows() -> None:
    """New parameters renew grid, fees, hold and status; outcome order and texts stay; other tokens end the trading."""
    known = market_from({"id": 7}, row(), params(), read_at=AT)
    turned = params(t=[{"t": T1, "o": "Celtics"}, {"t": T0, "o": "Lakers"}], mts="0.001", fd={"r": 0.05, "e": 1})
    fresh = refreshed(known, market_from({}, {}, turned, read_at=WallNs(AT + 1)))
    other = params(t=[{"t": "8", "o": "a"}, {"t": "9", "o": "b"}])

    assert (fresh.tokens, fresh.question, fresh.grid[0][2], fresh.read_at) == (known.tokens, known.question, 10, AT + 1)
    assert fresh.fees == FeeTerms(schedule="polymarket", taker=50_000_000)
    assert fresh.tradable
    assert not refreshed(known, market_from({}, {}, other, read_at=AT)).tradable


def test_outcomes_that_the_clob_names_the_other_way_round_are_not_traded() -> None:
    """Both venues of a pair would be bought on the same side; names that differ altogether (Yes and No) say nothing."""
    turned = params(t=[{"t": T1, "o": "lakers"}, {"t": T0, "o": "Celtics"}])
    plain = params(t=[{"t": T1, "o": "Yes"}, {"t": T0, "o": "No"}])
    known = market_from({}, row(), None, read_at=AT)

    assert not market_from({}, row(), turned, read_at=AT).tradable
    assert not refreshed(known, market_from({}, {}, turned, read_at=AT)).tradable
    assert market_from({}, row(), plain, read_at=AT).tradable
    assert refreshed(known, market_from({}, {}, plain, read_at=AT)).tradable


def test_a_fee_that_only_gamma_states_is_still_charged() -> None:
    """feeSchedule with fees on, and no fd in the CLOB's parameters (polymarket.md 9): the dearer word stands, read after read."""
    stated = row(feesEnabled=True, feeSchedule={"rate": 0.05, "exponent": 1, "takerOnly": True})
    bare = market_from({}, {}, {k: v for k, v in params().items() if k != "fd"}, read_at=AT)

    once = refreshed(market_from({}, stated, None, read_at=AT), bare)

    assert bare.fees == FeeTerms(schedule="polymarket", taker=0)
    assert once.fees == refreshed(once, bare).fees == FeeTerms(schedule="polymarket", taker=50_000_000)


def test_what_gamma_knows_against_trading_outlives_the_clobs_parameters() -> None:
    """A placeholder of an augmented event (polymarket.md 2.2) stays watch-only; a tick Gamma lacked does not."""
    fresh = market_from({}, {}, params(), read_at=AT)
    vague = market_from({"negRiskAugmented": True}, row(groupItemTitle="Person A"), params(), read_at=AT)
    coarse = market_from({}, row(orderPriceMinTickSize=0.02), None, read_at=AT)

    assert fresh.tradable and not vague.tradable and not coarse.tradable
    assert not refreshed(vague, fresh).tradable
    assert refreshed(coarse, fresh).tradable


def test_times_ticks_and_stamps_are_read_leniently() -> None:
    """The venue's odd forms are understood, anything else is None or 0."""
    assert parse_time("2026-04-05 15:10:00+00") == parse_time("2026-04-05T15:10:00Z") == 1_775_401_800 * SECOND
    assert parse_time("2025-12-29T15:00:19.7502Z") == 1_767_020_419_750_200_000
    assert parse_time("2026-04-05") == parse_time("2026-04-05T00:00:00")
    assert [parse_time(text) for text in ("", None, "soon", 5, "2026-13-01")] == [None] * 5
    assert [parse_tick(text) for text in (0.1, "0.01", 0.005, 0.0025, "0.001", 0.0001)] == [1000, 100, 50, 25, 10, 1]
    assert [parse_tick(text) for text in (0.02, "x", None, True, 0.00001, 1e400)] == [None] * 6
    assert parse_stamp("1790000000456") == 1_790_000_000_456 * MS
    assert parse_stamp(1_790_000_000) == 1_790_000_000 * SECOND
    assert parse_stamp("") == parse_stamp(None) == parse_stamp("x") == 0
    assert strings('["a", "b"]') == strings(["a", "b"]) == ("a", "b")
    assert strings("a") == strings("5") == strings(None) == ()


def test_rest_book_is_sorted_by_us_and_mirrored_for_token_one() -> None:
    """Levels come worst first; either token gives the same YES book; a crossed or foreign book is a bad answer."""
    market = market_from({}, row(), params(), read_at=AT)
    yes = {"asset_id": T0, "bids": [{"price": "0.40", "size": "5"}, {"price": "0.48", "size": "100"}]}
    yes["asks"] = [{"price": "0.60", "size": "1"}, {"price": "0.53", "size": "10"}]
    no = {"asset_id": T1, "bids": [{"price": "0.40", "size": "1"}, {"price": "0.47", "size": "10"}]}
    no["asks"] = [{"price": "0.60", "size": "5"}, {"price": "0.52", "size": "100"}]
    first, second = book_from(yes, market, MonoNs(5)), book_from(no, market, MonoNs(5))

    assert (first.bid, first.ask, first.ready, first.proved_at) == (4800, 5300, True, 5)
    assert (first.bids, first.asks) == (second.bids, second.asks)
    for wrong in ({**yes, "asset_id": "1"}, None, {**yes, "bids": [{"price": "0.6", "size": "1"}]}, {**yes, "bids": [{}]}):
        with pytest.raises(BadAnswer):
            book_from(wrong, market, MonoNs(5))
    assert Price(5300) in first.asks


def test_bodies_that_are_no_json_are_bad_answers() -> None:
    """Empty bodies are None, garbage is a BadAnswer that shows its beginning."""
    assert decode(b" ") is None
    with pytest.raises(BadAnswer, match="html"):
        decode(b"<html>")
