"""Amounts: the table and examples of polymarket.md 6.2, held against a Decimal reading of the same rule."""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import Misuse
from trading.polymarket.amounts import TICKS, Amounts, cash_for, exact_size, limit_amounts, market_buy, market_sell
from trading.units import Money, Price, Size, parse_money, parse_price, parse_size

TABLE = {1000: 3, 100: 4, 50: 5, 25: 6, 10: 5, 1: 6}


def test_limit_examples() -> None:
    """BUY 50 @ 0.62 and BUY 5.559 @ 0.27 give the page's amounts; a SELL swaps them."""
    tick = Price(100)

    assert limit_amounts(buy=True, size=parse_size("50"), price=parse_price("0.62"), tick=tick) == Amounts(
        31_000_000, 50_000_000
    )
    assert limit_amounts(buy=True, size=parse_size("5.559"), price=parse_price("0.27"), tick=tick) == Amounts(
        1_498_500, 5_550_000
    )
    assert limit_amounts(buy=False, size=parse_size("5.559"), price=parse_price("0.27"), tick=tick) == Amounts(
        5_550_000, 1_498_500
    )


def test_market_examples() -> None:
    """Market BUY $20 @ 0.47 and SELL 8.765 @ 0.44 give the page's amounts."""
    tick = Price(100)

    assert market_buy(cash=parse_money("20"), price=parse_price("0.47"), tick=tick) == Amounts(20_000_000, 42_553_100)
    assert market_sell(size=parse_size("8.765"), price=parse_price("0.44"), tick=tick) == Amounts(8_760_000, 3_854_400)


def test_unknown_tick_is_misuse() -> None:
    """A tick outside the table cannot be rounded, so nothing is guessed."""
    assert frozenset(TABLE) == TICKS
    with pytest.raises(Misuse):
        limit_amounts(buy=True, size=Size(1_000_000), price=Price(5000), tick=Price(20))


@given(cash=st.integers(10_000, 10**12), tick=st.sampled_from(sorted(TABLE)), steps=st.integers(1, 9_999))
def test_market_buy_equals_the_decimal_rule(cash: int, tick: int, steps: int) -> None:
    """Integers and Decimals round alike: cash down to cents, shares up four places further and then down."""
    price = steps * tick % 10_000 or tick
    paid = (Decimal(cash) / 10**6).quantize(Decimal("0.01"), ROUND_DOWN)
    places = TABLE[tick]
    shares = (paid / (Decimal(price) / 10_000)).quantize(Decimal(1).scaleb(-places - 4), ROUND_UP)
    shares = shares.quantize(Decimal(1).scaleb(-places), ROUND_DOWN)

    assert market_buy(cash=Money(cash), price=Price(price), tick=Price(tick)) == Amounts(int(paid * 10**6), int(shares * 10**6))


@given(size=st.integers(0, 10**11), price=st.integers(1, 9_999))
def test_exact_size_costs_whole_cents(size: int, price: int) -> None:
    """At an exact size the cash is whole cents and buys that size and no more (6.4)."""
    exact = exact_size(Size(size), Price(price))

    assert exact <= size
    assert exact * price % (10_000 * 10_000) == 0
    assert cash_for(exact, Price(price)) * 10_000 == exact * price


@given(size=st.integers(0, 10**11), price=st.integers(1, 9_999))
def test_cash_never_buys_more_than_the_size_at_the_limit(size: int, price: int) -> None:
    """cash_for is floored, so at its own price a BUY cannot over-deliver."""
    assert cash_for(Size(size), Price(price)) * 10_000 <= size * price
