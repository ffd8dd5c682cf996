"""Promises of bands: an operator is part of the number, fields and words must agree, and two readings are none."""

import time

import pytest

from controller.discovery.questions.bands import Band, asked_band, kalshi_band, number


@pytest.mark.parametrize(
    ("text", "shape", "bounds"),
    [
        ("Will it be above 2.40%?", "above", ("2.4",)),
        ("rise more than 0.0%", "above", ("0",)),
        ("be at least 2.4%", "at_least", ("2.4",)),
        ("≥3.0%", "at_least", ("3",)),
        ("88°F or higher", "at_least", ("88",)),
        ("88° or above", "at_least", ("88",)),
        ("be below -0.1%?", "below", ("-0.1",)),
        ("79° or below", "at_most", ("79",)),
        ("between 1.2% and 1.5%", "between", ("1.2", "1.5")),
        ("80-81°F", "between", ("80", "81")),
        ("Exactly 4.3%", "exactly", ("4.3",)),
        ("above $79,499.99 at 5pm", "above", ("79499.99",)),
        ("more than 150k jobs", "above", ("150000",)),
    ],
)
def test_words_of_a_title_give_shape_and_numbers(text, shape, bounds):
    """Each operator of either venue, with its number in one spelling."""
    assert asked_band(text) == Band(shape, bounds)


@pytest.mark.parametrize("text", ["", "May 11-17", "price on May 13, 2026", "above 2% or below 1%", "reach the top", "over it"])
def test_no_operator_or_two_are_no_band(text):
    """Days are no thresholds, and two thresholds leave two readings."""
    assert asked_band(text) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"strike_type": "greater", "floor_strike": 2.4}, Band("above", ("2.4",))),
        ({"strike_type": "greater_or_equal", "floor_strike": 2.4}, Band("at_least", ("2.4",))),
        ({"strike_type": "less", "cap_strike": 80}, Band("below", ("80",))),
        ({"strike_type": "between", "floor_strike": 80, "cap_strike": 81}, Band("between", ("80", "81"))),
        ({"strike_type": "greater", "floor_strike": 87, "yes_sub_title": "88° or above"}, Band("at_least", ("88",))),
        ({"strike_type": "less", "cap_strike": 80, "yes_sub_title": "79° or below"}, Band("at_most", ("79",))),
        (
            {"strike_type": "greater", "floor_strike": 79499.99, "yes_sub_title": "$79,500 or above"},
            Band("at_least", ("79500",)),
        ),
        ({"strike_type": "greater", "floor_strike": 87.5, "yes_sub_title": "88° or above"}, None),
        ({"strike_type": "greater", "floor_strike": 2.4, "title": "Will it be above 2.5%?"}, None),
        ({"strike_type": "greater", "floor_strike": 2.4, "title": "Will it be at least 2.4%?"}, None),
        ({"strike_type": "between", "floor_strike": 81, "cap_strike": 80}, None),
        ({"strike_type": "between", "floor_strike": 80}, None),
        ({"strike_type": "custom", "floor_strike": 80}, None),
        ({"strike_type": "greater", "floor_strike": "many"}, None),
        ({"floor_strike": 80}, None),
    ],
)
def test_strike_fields_are_the_band_unless_the_words_contradict(fields, expected):
    """kalshi.md 5.1: strike_type says how floor and cap are read; a title that says otherwise makes it unread."""
    assert kalshi_band(fields) == expected


@pytest.mark.parametrize("value", [None, "", "k", "nan", "inf", "1e400", True, [], "1" * 40])
def test_what_is_no_number_is_none(value):
    """Any JSON value may stand where a number should."""
    assert number(value) is None


def test_endless_digits_are_no_number_and_take_no_time():
    """Two thousand digits are nobody's threshold, and reading them grows with their length alone."""
    began = time.process_time()

    for text in ("above " + "1" * 20_000, "1," * 10_000 + " or higher", "between 1 " * 2_000):
        assert asked_band(text) is None
    assert time.process_time() - began < 5  # a hundred times what it takes
