"""Promises of the readers of measured values: coins, temperatures and releases match when every field of the key does.

Rows are invented in the venues' shapes. Each domain has its positives and, for every field of its key, a change that parts them.
"""

import json

import pytest

from controller.discovery.claims import match_claims
from controller.discovery.match_rows import match_row
from controller.discovery.names import load


def kalshi(ticker, title, rules, **fields):
    event = ticker.rpartition("-")[0]
    row = {"ticker": ticker, "event_ticker": event, "series_ticker": event.partition("-")[0], "title": title}
    return {**row, "rules_primary": rules, **fields}


def gamma(question, description, end="2026-07-08T21:00:00Z", **fields):
    row = {"condition_id": "0x1", "question": question, "event_title": question, "outcomes": ["Yes", "No"]}
    return {**row, "description": description, "end_date": end, **fields}


INDEX = "the average of the sixty seconds of the CF Benchmarks real-time index before 5 PM {zone} on July 8, 2026"
COIN = kalshi(
    "KXETHD-26JUL0817-T2299.99", "Ethereum price at July 8, 2026 at 5pm EDT?",
    f"If {INDEX.format(zone='EDT')} is above 2299.99, then the market resolves to Yes.",
    strike_type="greater", floor_strike=2299.99, yes_sub_title="$2,300 or above",
)  # fmt: skip
G_COIN = gamma(
    "Ethereum at least 2,300 on July 8, 5PM ET?",
    f"This market will resolve to Yes if {INDEX.format(zone='ET')} is at least 2300.",
)
TOUCH_RULES = (
    "This market will resolve to Yes if any one minute candle of Binance SOL/USDT between July 1, 2026 12:00 AM ET and "
    "July 31, 2026 11:59 PM ET has a final high of the stated price."
)
TOUCH = kalshi(
    "KXSOLMAXMON-SOL-26JUL31-240", "How high will Solana get in July?", TOUCH_RULES, strike_type="greater_or_equal",
    floor_strike=240,
)  # fmt: skip
G_TOUCH = gamma("Will Solana reach $240 in July?", TOUCH_RULES, "2026-08-01T04:00:00Z")

CLIMATE = "as the National Weather Service's Climatological Report (Daily) states in degrees Fahrenheit"
HEAT = kalshi(
    "KXHIGHNY-26JUL08-T87", "Will the high temp in NYC be >87° on Jul 8, 2026?",
    f"If the highest temperature recorded in Central Park, New York for July 8, 2026, {CLIMATE}, is greater than 87°, "
    "then the market resolves to Yes.",
    strike_type="greater", floor_strike=87, yes_sub_title="88° or above",
)  # fmt: skip
G_HEAT = gamma(
    "Will the highest temperature in New York City be 88°F or higher on July 8?",
    f"This market will resolve to the range that holds the highest temperature at Central Park (KNYC) on 8 July, {CLIMATE}.",
    "2026-07-08T12:00:00Z",
)
BAND = {**HEAT, "ticker": "KXHIGHNY-26JUL08-B84.5", "strike_type": "between", "floor_strike": 84, "cap_strike": 85}
BAND |= {"title": "Will the high temp in NYC be 84-85° on Jul 8, 2026?", "yes_sub_title": "84° to 85°"}
G_BAND = {**G_HEAT, "question": "Will the highest temperature in New York City be between 84-85°F on July 8?"}

PRINT = "as first published by the Bureau of Labor Statistics. Later revisions will not be considered"
PRICES = kalshi(
    "KXCPIYOY-26JUN-T2.9", "Will the rate of CPI inflation be above 2.9% for the year ending in June 2026?",
    f"If the rate of CPI inflation for the year ending in June 2026 is above 2.9% {PRINT}, then the market resolves to Yes.",
    strike_type="greater", floor_strike=2.9,
)  # fmt: skip
G_PRICES = gamma(
    "Will annual US inflation be above 2.9% in June 2026?",
    f"This market will resolve to Yes if the 12-month change of the CPI is above 2.9% {PRINT}.", "2026-07-14T12:00:00Z",
)  # fmt: skip
JOBS = kalshi(
    "KXU3-26JUN-T4.2", "Will the unemployment rate (U-3) be above 4.2% in June?",
    f"If the unemployment rate in June 2026 is above 4.2% {PRINT}, then the market resolves to Yes.",
    strike_type="greater", floor_strike=4.2,
)  # fmt: skip
G_JOBS = gamma(
    "Will the June 2026 unemployment rate be above 4.2%?",
    f"This market will resolve to Yes if the rate is above 4.2% {PRINT}.", "2026-07-03T12:00:00Z",
)  # fmt: skip
ADVANCE = "according to the advance estimate of the Bureau of Economic Analysis"
GROWTH = kalshi(
    "KXGDP-26JUL30-T2.0", "Will real GDP increase by more than 2.0% in Q2 2026?",
    f"If real GDP increases by more than 2.0% at an annualized rate in Q2 2026 {ADVANCE}, then the market resolves to Yes.",
    strike_type="greater", floor_strike=2.0,
)  # fmt: skip
G_GROWTH = gamma(
    "Will US GDP growth in Q2 2026 be greater than 2.0%?",
    f"This market will resolve to Yes if the annualized growth is greater than 2.0% {ADVANCE}.", "2026-07-30T12:00:00Z",
)  # fmt: skip

SAME = {
    "crypto at an instant": (COIN, G_COIN),
    "crypto touched in a window": (TOUCH, G_TOUCH),
    "weather threshold": (HEAT, G_HEAT),
    "weather band": (BAND, G_BAND),
    "economics prices": (PRICES, G_PRICES),
    "economics jobs": (JOBS, G_JOBS),
    "economics growth": (GROWTH, G_GROWTH),
}


def but(row, **texts):
    """The row with one word for another in each of its texts, which must be there."""
    changed = dict(row)
    for name, (old, new) in texts.items():
        assert old in row[name], (name, old)
        changed[name] = row[name].replace(old, new)
    return changed


Q, D = "question", "description"
OTHER = {
    "crypto: another coin": (COIN, but(G_COIN, question=("Ethereum", "Solana"))),
    "crypto: another strike": (COIN, but(G_COIN, question=("2,300", "2,301"), description=("2300", "2301"))),
    "crypto: at least is not above": (COIN, but(G_COIN, question=("at least", "above"), description=("at least", "above"))),
    "crypto: another hour": (COIN, but(G_COIN, question=("5PM", "4PM"), description=("5 PM", "4 PM"))),
    "crypto: another day": (
        COIN,
        {**but(G_COIN, question=("July 8", "July 9"), description=("July 8", "July 9")), "end_date": "2026-07-09T21:00:00Z"},
    ),
    "crypto: hours that contradict": (COIN, but(G_COIN, description=("5 PM", "4 PM"))),
    "crypto: winter time named in summer": (but(COIN, title=("EDT", "EST"), rules_primary=("EDT", "EST")), G_COIN),
    "crypto: no zone": (but(COIN, title=(" EDT", ""), rules_primary=(" EDT", "")), G_COIN),
    "crypto: another source": (COIN, but(G_COIN, description=("CF Benchmarks real-time index", "Chainlink stream"))),
    "crypto: no source": (COIN, but(G_COIN, description=("CF Benchmarks real-time index", "price"))),
    "crypto: an exchange's candle": (
        COIN,
        but(G_COIN, description=(INDEX.format(zone="ET"), "the Binance 1 minute candle's close at 5 PM ET")),
    ),
    "crypto: up or down": (COIN, but(G_COIN, question=("at least", "Up or Down above"))),
    "crypto: touching is not closing": (
        COIN,
        but(G_COIN, question=("Ethereum at least 2,300 on July 8, 5PM ET?", "Will Ethereum reach $2,299.99 July 8?")),
    ),
    "crypto: no rules": (COIN, {**G_COIN, "description": ""}),
    "crypto: window from whenever it was listed": (
        TOUCH,
        but(G_TOUCH, description=("between July 1, 2026 12:00 AM ET and", "by")),
    ),
    "crypto: another window": (TOUCH, but(G_TOUCH, description=("July 1,", "July 2,"))),
    "crypto: a dip is not a rise": (TOUCH, but(G_TOUCH, question=("reach", "dip to"))),
    "crypto: another quote": (TOUCH, but(G_TOUCH, description=("USDT", "USDC"))),
    "weather: another station of the city": (
        HEAT,
        but(G_HEAT, description=("Central Park (KNYC)", "LaGuardia Airport (KLGA)")),
    ),
    "weather: no station": (HEAT, but(G_HEAT, description=("Central Park (KNYC)", "the city"))),
    "weather: two stations": (HEAT, but(G_HEAT, description=("(KNYC)", "(KLGA)"))),
    "weather: another product": (HEAT, but(G_HEAT, description=(CLIMATE, "as Wunderground states in degrees Fahrenheit"))),
    "weather: another day": (HEAT, {**but(G_HEAT, question=("July 8", "July 9")), "end_date": "2026-07-09T12:00:00Z"}),
    "weather: lowest": (HEAT, but(G_HEAT, question=("highest", "lowest"), description=("highest", "lowest"))),
    "weather: a bucket is no threshold": (HEAT, G_BAND),
    "weather: another bucket": (BAND, but(G_BAND, question=("84-85", "86-87"))),
    "weather: above 88 is not 88 or higher": (HEAT, but(G_HEAT, question=("88°F or higher", "above 88°F"))),
    "weather: no unit": (but(HEAT, rules_primary=(" in degrees Fahrenheit", "")), G_HEAT),
    "economics: at least is not above": (
        PRICES,
        but(G_PRICES, question=("above", "at least"), description=("above", "at least")),
    ),
    "economics: another threshold": (PRICES, but(G_PRICES, question=("2.9", "3.0"), description=("2.9", "3.0"))),
    "economics: another month": (PRICES, but(G_PRICES, question=("June", "May"), event_title=("June", "May"))),
    "economics: another year": (PRICES, but(G_PRICES, question=("2026", "2027"), event_title=("2026", "2027"))),
    "economics: revised": (PRICES, but(G_PRICES, description=(PRINT, "by the BLS; revisions will be considered"))),
    "economics: print left open": (PRICES, but(G_PRICES, description=(PRINT, "by the Bureau of Labor Statistics"))),
    "economics: core": (PRICES, but(G_PRICES, question=("inflation", "core inflation"))),
    "economics: monthly": (PRICES, but(G_PRICES, question=("annual", "monthly"), description=("12-month change", "change"))),
    "economics: another country": (PRICES, but(G_PRICES, question=("US", "UK"))),
    "economics: a bucket is no threshold": (
        PRICES,
        but(G_PRICES, question=("above 2.9%", "between 2.9% and 3.2%"), description=("above 2.9%", "in it")),
    ),
    "economics: another measure": (JOBS, G_PRICES),
    "economics: no agency": (JOBS, but(G_JOBS, description=("by the Bureau of Labor Statistics", ""))),
    "economics: another quarter": (GROWTH, but(G_GROWTH, question=("Q2", "Q1"), event_title=("Q2", "Q1"))),
    "economics: a yearly growth": (GROWTH, but(G_GROWTH, description=("annualized", "year-over-year"))),
    "economics: title against strike": ({**JOBS, "floor_strike": 4.3}, G_JOBS),
    "economics: rules against title": (but(JOBS, rules_primary=("above 4.2%", "at least 4.2%")), G_JOBS),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_value_matches_as_yes_and_never_trades_by_itself(name):
    """Every field of matching.md section 2 is stated alike by both; a person still has the word (B-056)."""
    found = match_row(*SAME[name])

    assert (found.match, found.outcome_index, found.tradable) == (True, 0, False), found.reasons


@pytest.mark.parametrize("name", OTHER)
def test_a_value_with_one_field_changed_or_missing_is_no_match(name):
    """One key field that differs or is not stated: no match (matching.md 2)."""
    found = match_row(*OTHER[name])

    assert not found.match
    assert found.reasons


@pytest.mark.parametrize("name", SAME)
def test_rules_that_nobody_can_read_are_no_match(name):
    """An unfilled template, another language and hidden characters fail closed on either side."""
    ours, theirs = SAME[name]
    for bad in ("", "If || X || happens the market resolves to Yes", "Der Markt wird zu Ja", "will\x00 resolve", "a" * 100_000):
        assert not match_row({**ours, "rules_primary": bad}, theirs).match
        assert not match_row(ours, {**theirs, "description": bad}).match


@pytest.mark.parametrize("name", SAME)
def test_outcomes_of_a_value_are_yes_and_no_by_name(name):
    """B-099: reordered or missing names prove no polarity."""
    ours, theirs = SAME[name]
    for outcomes in (["No", "Yes"], ["Up", "Down"], None):
        assert not match_row(ours, {**theirs, "outcomes": outcomes}).match


@pytest.mark.parametrize("value", [5, [], {}, None, True])
@pytest.mark.parametrize("name", SAME)
def test_fields_of_any_shape_are_no_match_and_no_crash(name, value):
    """What no venue documents may still be sent."""
    ours, theirs = SAME[name]
    for field in ("title", "rules_primary", "strike_type"):
        assert not match_row({**ours, field: value}, theirs).match or field == "title"
    for field in (Q, D):
        assert not match_row(ours, {**theirs, field: value}).match


def live(name):
    """Both sides of a positive as the venues' own objects: Kalshi's event with its market, Gamma's event with its market."""
    ours, theirs = SAME[name]
    event = {"event_ticker": ours["event_ticker"], "series_ticker": ours["series_ticker"], "title": ours["title"]}
    gamma_event = {"title": theirs["event_title"], "endDate": theirs["end_date"]}
    market = {"conditionId": name, "question": theirs["question"], "description": theirs["description"]}
    return (event, {**ours, "market_type": "binary"}, None), (gamma_event, {**market, "outcomes": json.dumps(["Yes", "No"])})


def test_live_objects_pair_under_their_domain_one_to_one():
    """The readers of rows read the venues' objects too; one event holds all thresholds of one value (B-191)."""
    sides = [live(name) for name in SAME]
    found = match_claims([one for one, _ in sides], [two for _, two in sides], names=load()).pairs

    assert {pair.condition: (pair.league, int(pair.outcome_index), pair.structural) for pair in found} == {
        name: (name.split()[0], 0, False) for name in SAME
    }
    events = {pair.condition: pair.event for pair in found}
    assert events["weather threshold"] == events["weather band"]
    assert len(set(events.values())) == len(SAME) - 1
