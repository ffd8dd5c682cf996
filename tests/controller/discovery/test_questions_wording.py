"""One more word, another label or the opposite polarity makes a measured value another one: all of them are refused."""

import pytest
from test_questions_values import (
    COIN,
    G_COIN,
    G_GROWTH,
    G_HEAT,
    G_JOBS,
    G_PRICES,
    G_TOUCH,
    GROWTH,
    HEAT,
    JOBS,
    PRICES,
    PRINT,
    TOUCH,
    but,
    gamma,
    kalshi,
)

from controller.discovery.match_rows import match_row

PAY = kalshi(
    "KXPAYROLLS-26JUN-T100000", "Will above 100000 jobs be added in June 2026?",
    f"If above 100000 jobs are added in June 2026 {PRINT}, then the market resolves to Yes.",
    strike_type="greater", floor_strike=100000,
)  # fmt: skip
G_PAY = gamma(
    "Will more than 100k jobs be added in June 2026 (nonfarm payrolls)?",
    f"This market will resolve to Yes if nonfarm payrolls rise by more than 100k {PRINT}.", "2026-07-03T12:00:00Z",
)  # fmt: skip
PAIRS = {
    "coin": (COIN, G_COIN),
    "touch": (TOUCH, G_TOUCH),
    "heat": (HEAT, G_HEAT),
    "prices": (PRICES, G_PRICES),
    "jobs": (JOBS, G_JOBS),
    "growth": (GROWTH, G_GROWTH),
    "payrolls": (PAY, G_PAY),
}
QUESTIONS = [
    ("coin", "Ethereum", "Ethereum Classic"),
    ("coin", "Ethereum at", "Ethereum ETF inflows at"),
    ("coin", "Ethereum at", "Ethereum market cap at"),
    ("coin", "Ethereum at", "Will Ethereum not be at"),
    ("coin", "Ethereum at", "Will Ethereum fail to be at"),
    ("touch", "$240", "$240 or a new all-time high"),
    ("touch", "Will Solana", "Will Solana not"),
    ("heat", "the highest", "the forecast highest"),
    ("heat", "be 88", "not be 88"),
    ("heat", "temperature in", "temperature at noon in"),
    ("prices", "US inflation", "US producer price inflation"),
    ("prices", "US inflation", "US PCE inflation"),
    ("prices", "US inflation", "US food inflation"),
    ("prices", "US inflation", "US inflation expectations"),
    ("prices", "inflation be", "inflation not be"),
    ("prices", "in June 2026", "in the report of June 2026"),
    ("jobs", "unemployment rate", "U-6 unemployment rate"),
    ("jobs", "unemployment rate", "Black unemployment rate"),
    ("jobs", "unemployment rate", "California unemployment rate"),
    ("jobs", "rate be", "rate increase"),
    ("jobs", "rate be above 4.2%", "rate be above 4.2% at any point"),
    ("growth", "US GDP", "US nominal GDP"),
    ("growth", "GDP growth", "GDP deflator growth"),
    ("growth", "US GDP", "Texas, US GDP"),
    ("payrolls", "nonfarm", "private"),
    ("payrolls", "jobs", "manufacturing jobs"),
    ("payrolls", "added in", "added on average in"),
]
RULES = [
    ("touch", "final high", "final low"),
    ("touch", "final high", "final high or low"),
    ("prices", "CPI", "CPI less food and energy"),
    ("prices", "the CPI", "the seasonally adjusted CPI"),
    ("prices", "the CPI", "the CPI for May 2026"),
    ("growth", "advance estimate", "third estimate"),
]
LABELS = [
    ("coin", "2,400"),
    ("coin", "below 2,300"),
    ("touch", "↑ 250"),
    ("heat", "89°F or higher"),
    ("heat", "86-87°F"),
    ("prices", "3.0%"),
    ("jobs", "4.2% or below"),
]


@pytest.mark.parametrize("name", PAIRS)
def test_the_plain_value_matches_and_so_does_one_labelled_alike(name):
    """What the other tests change is a pair before they change it."""
    ours, theirs = PAIRS[name]
    label = {"coin": "2,300", "touch": "↑ 240", "heat": "88°F or higher", "jobs": ">4.2%"}.get(name)

    assert match_row(ours, {**theirs, "group_item_title": label}).outcome_index == 0


@pytest.mark.parametrize(("name", "old", "new"), QUESTIONS)
def test_a_word_that_no_field_holds_is_another_value(name, old, new):
    """matching.md section 2: a title is read only when each of its words is known."""
    ours, theirs = PAIRS[name]

    assert not match_row(ours, but(theirs, question=(old, new))).match


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("coin", "Ethereum", "Ethereum Classic"),
        ("touch", "How high", "How low"),
        ("heat", "high temp", "forecast high temp"),
        ("prices", "CPI inflation", "PPI inflation"),
        ("jobs", "(U-3)", "(U-6)"),
        ("growth", "real GDP", "nominal GDP"),
        ("payrolls", "jobs", "private jobs"),
    ],
)
def test_a_word_in_kalshis_title_is_another_value_too(name, old, new):
    """The series names the value, and a title that names another contradicts it."""
    ours, theirs = PAIRS[name]

    assert not match_row(but(ours, title=(old, new)), theirs).match


@pytest.mark.parametrize(("name", "old", "new"), RULES)
def test_rules_of_another_value_contradict_the_question(name, old, new):
    """The title says what is asked, the rules what is measured; they must not be two things."""
    ours, theirs = PAIRS[name]

    assert not match_row(ours, but(theirs, description=(old, new))).match


@pytest.mark.parametrize(("name", "label"), LABELS)
def test_a_label_of_another_band_contradicts_the_question(name, label):
    """B-099: groupItemTitle names the band as well."""
    ours, theirs = PAIRS[name]

    assert not match_row(ours, {**theirs, "group_item_title": label}).match


@pytest.mark.parametrize("name", ["coin", "prices", "jobs", "growth", "payrolls"])
def test_rules_that_pay_no_on_the_event_are_the_opposite_question(name):
    """B-099: the same title over turned rules would double a position."""
    ours, theirs = PAIRS[name]

    assert not match_row(but(ours, rules_primary=("resolves to Yes", "resolves to No")), theirs).match
    assert not match_row(ours, but(theirs, description=("resolve to Yes", "resolve to No"))).match


@pytest.mark.parametrize("spelling", ["O'Hare International Airport", "O Hare Airport", "O’Hare"])
def test_ohare_beside_midway_is_two_stations(spelling):
    """near-miss "station": however it is spelled, a text with both airports of a city names neither."""
    text = f"{spelling}, midway through the day"

    assert not match_row(
        but(HEAT, rules_primary=("Central Park, New York", text)), but(G_HEAT, description=("Central Park (KNYC)", "Midway"))
    ).match
