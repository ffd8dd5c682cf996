"""REST rows become Markets: recorded events, grids, fees and everything that makes a market watch-only."""

import gzip
import json
from typing import Any

import pytest
from kalshi_rows import EVENT, SERIES, SHARED, make_market, market_row

from trading.errors import BadAnswer
from trading.kalshi.wire import fee_terms, grid_from, levels_from, market_from, parse_time
from trading.kalshi.wire_market import payout_of
from trading.market import KALSHI
from trading.units import DOLLAR, WallNs

NOW = WallNs(1_786_300_000 * 10**9)


def recorded(name: str) -> Any:
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    return json.loads(gzip.decompress(path.read_bytes()))


def test_recorded_sports_events_become_markets() -> None:
    """All 303 recorded markets parse into tradable markets of their event with a grid, rules and times."""
    series = {"fee_type": "quadratic", "fee_multiplier": 1}

    markets = [
        (event, market_from(event, row, series, read_at=NOW, wall=NOW))
        for event in recorded("kalshi_events_sports_2026-08.json.gz")["events"]
        for row in event["markets"]
    ]

    assert len(markets) == 303
    for event, market in markets:
        assert market.venue == KALSHI
        assert market.event_id == event["event_ticker"]
        assert market.grid == ((0, 10_000, 100),)
        assert market.tradable
        assert market.status in ("open", "closed")
        assert market.rules.startswith(event["markets"][0]["rules_primary"][:3])
        assert market.settles_at is not None
        assert market.outcomes[0] != market.outcomes[1]
    assert len({market.id for _, market in markets}) == 303


def test_recorded_settled_markets_are_settled() -> None:
    """finalized reads settled; determined ones still wait for their payout."""
    for row in recorded("kalshi_markets_settled_2026-08.json.gz")["markets"]:
        expected = "settled" if row["status"] == "finalized" else "closed"
        assert market_from({}, row, SERIES, read_at=NOW, wall=NOW).status == expected


def test_recorded_settled_markets_tell_what_yes_was_paid() -> None:
    """The settlement value of every finalized market agrees with its result; before that there is none (kalshi.md 12)."""
    for row in recorded("kalshi_markets_settled_2026-08.json.gz")["markets"]:
        paid = payout_of(row)
        if row["status"] != "finalized":
            assert paid is None
        elif row["result"] in ("yes", "no"):
            assert paid == (DOLLAR if row["result"] == "yes" else 0)
        else:
            assert paid is not None
            assert 0 <= paid <= DOLLAR


@pytest.mark.parametrize(
    ("changes", "paid"),
    [
        ({"settlement_value_dollars": "0.5000", "result": "scalar"}, 500_000),
        ({"settlement_value_dollars": "0.456789", "result": "scalar"}, 456_789),
        ({"settlement_value_dollars": None, "result": "no"}, 0),
        ({"status": "determined", "settlement_value_dollars": "1.0000"}, None),
    ],
)
def test_a_payout_is_read_only_once_it_is_final(changes: dict, paid: int | None) -> None:
    """A fair-price settlement of a binary market pays its value; a determined one may still be disputed."""
    assert payout_of(market_row() | {"status": "finalized"} | changes) == paid


@pytest.mark.parametrize("changes", [{"result": "scalar"}, {"result": ""}, {"settlement_value_dollars": "1.2"}])
def test_a_final_market_without_a_value_is_no_guess(changes: dict) -> None:
    with pytest.raises(BadAnswer):
        payout_of(market_row() | {"status": "finalized"} | changes)


def test_combos_are_never_tradable() -> None:
    """Multivariate markets are watch-only should one slip through."""
    rows = recorded("kalshi_markets_mve_2026-06.json.gz")
    for row in rows["markets"] if isinstance(rows, dict) else rows:
        assert market_from({}, row, SERIES, read_at=NOW, wall=NOW).tradable is False


def test_market_carries_shard_times_rules_and_minimums() -> None:
    """exchange_index routes; the payout is expected at expiration plus timer; sizes go in steps of 0.01."""
    market = make_market()

    assert (market.shard, market.min_size, market.size_step, market.min_cost) == (3, 10_000, 10_000, 0)
    assert market.settles_at == parse_time("2026-11-20T06:05:00Z")
    assert market.closes_at == parse_time("2026-11-22T03:00:00Z")
    assert market.outcomes == ("Golden State", "Not Golden State")
    assert market.mutually_exclusive
    assert (market.hold_ns, len(market.rules_hash)) == (0, 16)


def test_changed_rules_change_the_hash() -> None:
    """White space does not count; words do."""
    same = make_market(rules_primary="If Golden State  wins, then the market\nresolves to Yes.")

    assert same.rules_hash == make_market().rules_hash
    assert make_market(rules_secondary="Ties pay half.").rules_hash != make_market().rules_hash


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("initialized", "paused"),
        ("active", "open"),
        ("inactive", "paused"),
        ("closed", "closed"),
        ("determined", "closed"),
        ("disputed", "closed"),
        ("amended", "closed"),
        ("finalized", "settled"),
        ("brand_new", "paused"),
    ],
)
def test_status_words(status: str, expected: str) -> None:
    """Every word of the venue has one of ours; an unknown one is paused and watch-only."""
    market = make_market(status=status)

    assert market.status == expected
    assert market.tradable is (status != "brand_new")


def test_active_market_past_its_close_is_closed() -> None:
    """The row may lag the timed transition."""
    assert make_market(close_time="2026-01-01T00:00:00Z").status == "closed"


@pytest.mark.parametrize(
    "changes",
    [
        {"price_ranges": None},
        {"price_ranges": []},
        {"price_ranges": [{"start": "0.0000", "end": "1.0000"}]},
        {"price_ranges": [{"start": "0", "end": "1", "step": "0.00005"}]},
        {"price_ranges": [{"start": "0", "end": "1", "step": "0.0000"}]},
        {"price_ranges": ["x"]},
        {"market_type": "scalar"},
        {"mve_collection_ticker": "KXMVE-R"},
        {"exchange_index": None},
        {"settlement_bounds_type": "floor", "settlement_floor_dollars": "0.0500"},
        {"settlement_bounds_type": "ceiling"},
        {"notional_value_dollars": "10.0000"},
        {"notional_value_dollars": "x"},
    ],
)
def test_what_is_not_understood_is_watch_only(changes: dict[str, Any]) -> None:
    """A missing or malformed grid, a scalar, a combo, an unknown shard, or a contract that may pay NO less than a dollar (5.1:
    settlement bounds, another notional value) cannot be traded, and nothing raises."""
    assert make_market(**changes).tradable is False


def test_tapered_grid_keeps_its_bands() -> None:
    """price_ranges are read, never the label."""
    bands = [("0.1000", "0.9000", "0.0100"), ("0.0000", "0.1000", "0.0010"), ("0.9000", "1.0000", "0.0010")]

    grid = grid_from([{"start": a, "end": b, "step": c} for a, b, c in bands])

    assert grid == ((0, 1_000, 10), (1_000, 9_000, 100), (9_000, 10_000, 10))


@pytest.mark.parametrize(
    ("kind", "multiplier", "taker", "maker"),
    [
        ("quadratic", 1, 70_000_000, 0),
        ("quadratic", 0.5, 35_000_000, 0),
        ("quadratic_with_maker_fees", 1, 70_000_000, 17_500_000),
        ("quadratic_with_maker_fees", "0.5", 35_000_000, 8_750_000),
        ("quadratic_with_combo_maker_fees", 1, 70_000_000, 35_000_000),
    ],
)
def test_fee_types(kind: str, multiplier: object, taker: int, maker: int) -> None:
    """B-129: coefficients of kalshi.md 11 times the multiplier; makers pay only where the series says so."""
    terms = fee_terms(kind, multiplier)

    assert terms is not None
    assert (terms.schedule, terms.taker, terms.maker, terms.precision) == ("kalshi", taker, maker, 100)


@pytest.mark.parametrize(
    ("kind", "multiplier"),
    [("flat", 1), ("brand_new", 1), (None, 1), ("quadratic", None), ("quadratic", -1), ("quadratic", True)],
)
def test_unknown_fees_are_none(kind: object, multiplier: object) -> None:
    """flat, unknown or unreadable terms are never guessed."""
    assert fee_terms(kind, multiplier) is None


def build(event: dict[str, Any], series: dict[str, Any] | None, **row: Any) -> Any:
    return market_from({**EVENT, **event}, market_row(**row), series, read_at=NOW, wall=NOW)


def test_event_override_beats_series() -> None:
    """The effective fee is the event's override where set."""
    override = {"fee_type_override": "quadratic", "fee_multiplier_override": 0.5}

    assert build(override, SERIES).fees == fee_terms("quadratic", 0.5)
    assert build(override, None).fees == fee_terms("quadratic", 0.5)
    assert build({"fee_multiplier_override": None}, SERIES).fees == fee_terms("quadratic_with_maker_fees", 1)


def test_unread_series_means_watch_only() -> None:
    """A failed read of the fee terms is not "no fees" (B-132)."""
    market = build({}, None)

    assert (market.fees, market.tradable) == (None, False)


def test_waiver_is_kept_while_it_runs() -> None:
    """fee_waiver_expiration_time in the future waives; in the past it is forgotten."""
    running = build({}, SERIES, fee_waiver_expiration_time="2026-12-01T00:00:00Z")
    over = build({}, SERIES, fee_waiver_expiration_time="2026-01-01T00:00:00Z")

    assert running.fees.waived_until == parse_time("2026-12-01T00:00:00Z")
    assert over.fees.waived_until is None


def test_market_without_ticker_is_a_bad_answer() -> None:
    """The one field nothing works without."""
    with pytest.raises(BadAnswer):
        market_from(EVENT, {"status": "active"}, SERIES, read_at=NOW, wall=NOW)


def test_rest_levels_are_yes_prices() -> None:
    """REST gives bids of both sides at their own prices, zero sizes are no levels, impossible ones raise."""
    assert levels_from([["0.4000", "1.00"], ["0.3", "0.00"]], [["0.5500", "2.50"]], yes_view=False) == (
        {4_000: 1_000_000},
        {4_500: 2_500_000},
    )
    assert levels_from(None, None, yes_view=False) == ({}, {})
    for bad in (["1.0000", "1.00"], ["0.0000", "1.00"], ["0.4000", "-1.00"], ["x", "1.00"]):
        with pytest.raises(ValueError, match=r"."):
            levels_from([bad], None, yes_view=False)


@pytest.mark.parametrize("text", ["", None, 5, "soon", "0001-01-01T00:00:00Z"])
def test_odd_times_are_none(text: object) -> None:
    """Absent, unreadable and zero dates are no times."""
    assert parse_time(text) is None
