"""Units are exact integers: what the wire says is what we hold."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.units import (
    ONE,
    Money,
    Price,
    Size,
    complement,
    cost_of,
    format_money,
    format_price,
    format_size,
    parse_money,
    parse_price,
    parse_size,
    size_for,
    to_dollars,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5600", 5600), ("0.56", 5600), ("1", 10_000), ("0", 0), (".5", 5000), ("0.0010", 10), ("0.560000", 5600)],
)
def test_price_text_becomes_ten_thousandths(text: str, value: int) -> None:
    """Every decimal form of a price gives the same integer."""
    assert parse_price(text) == value


@pytest.mark.parametrize("text", ["", ".", "1.0001", "-0.1", "0.56001", "5e-1", "nan", "0.5.6", " 0.5", "٠.٥", "0x1", "1_0"])
def test_bad_price_text_is_refused(text: str) -> None:
    """Nothing that is not a plain decimal within 0..1 and four decimals becomes a price."""
    with pytest.raises(ValueError, match=r"decimal|outside"):
        parse_price(text)


def test_signed_sizes_keep_their_sign() -> None:
    """A Kalshi delta of "-54.00" takes 54 contracts away."""
    assert parse_size("-54.00") == -54_000_000
    assert parse_size("+0.01") == 10_000


@given(st.integers(0, 10_000))
def test_price_survives_the_wire(value: int) -> None:
    """Formatting and parsing a price is the identity."""
    assert parse_price(format_price(Price(value))) == value


@given(st.integers(-(10**15), 10**15))
def test_money_survives_the_wire(value: int) -> None:
    """Formatting and parsing money is the identity, and equals Decimal's reading."""
    text = format_money(Money(value))

    assert parse_money(text) == value
    assert Decimal(text) == Decimal(value) / 1_000_000
    assert Decimal(to_dollars(Money(value))) == Decimal(text)


def test_formatting_never_cuts_digits() -> None:
    """A size that does not fit two decimals is an error, not a smaller order."""
    with pytest.raises(ValueError, match="does not fit"):
        format_size(Size(1))


@given(st.integers(1, 9_999), st.integers(1, 10**12))
def test_cost_rounds_against_us_by_less_than_one_unit(price: int, size: int) -> None:
    """What we pay is never below, what we receive never above, the exact product."""
    exact = Decimal(price) * size / 10_000
    paid, received = cost_of(Price(price), Size(size)), cost_of(Price(price), Size(size), up=False)

    assert received <= exact <= paid
    assert paid - received <= 1


@given(st.integers(1, 9_999), st.integers(0, 10**12))
def test_size_for_never_overspends(price: int, money: int) -> None:
    """The size money buys costs no more than that money."""
    size = size_for(Money(money), Price(price), Size(10_000))

    assert size % 10_000 == 0
    assert cost_of(Price(price), size) <= money or size == 0


def test_complement_is_the_other_outcome() -> None:
    assert complement(Price(3700)) == 6300
    assert complement(ONE) == 0
