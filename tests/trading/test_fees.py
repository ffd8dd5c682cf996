"""Fees of both venues against the worked examples of their pages (kalshi.md 11, polymarket.md 9, B-128..B-131)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import Misuse
from trading.fees import KalshiOrderFees, fee_of_fill, rate, unit_fees
from trading.market import FeeTerms
from trading.units import CONTRACT, ONE, Money, Price, Size, WallNs, cost_of, parse_money, parse_price, parse_size

FULL = FeeTerms(schedule="kalshi", taker=rate("0.07"), maker=rate("0.0175"))
HALF = FeeTerms(schedule="kalshi", taker=rate("0.07", "0.5"))
BROKER = FeeTerms(schedule="kalshi", taker=rate("0.07"), precision=Money(10_000))
SPORTS = FeeTerms(schedule="polymarket", taker=rate("0.05"))
CRYPTO = FeeTerms(schedule="polymarket", taker=rate("0.07"))
WHOLE_CENT = FeeTerms(schedule="kalshi_whole_cent", taker=rate("0.07"), maker=rate("0.0175"))


@pytest.mark.parametrize(
    ("terms", "size", "price", "fee"),
    [
        (FULL, "100", "0.52", "1.7472"),
        (FULL, "10", "0.40", "0.1680"),
        (FULL, "1", "0.28", "0.0142"),
        (FULL, "20", "0.15", "0.1785"),
        (HALF, "11", "0.40", "0.0924"),
        (HALF, "5", "0.47", "0.0436"),
        (HALF, "1", "0.27", "0.0069"),
        (HALF, "20", "0.13", "0.0792"),
        (FULL, "227.27", "0.0010", "0.015930"),
        (FULL, "28.32", "0.0330", "0.063340"),
        (BROKER, "1", "0.50", "0.02"),
    ],
)
def test_kalshi_taker_fee_equals_the_page(terms: FeeTerms, size: str, price: str, fee: str) -> None:
    """Each taker row of kalshi.md 11 comes out to the unit, real fills among them."""
    assert fee_of_fill(terms, parse_price(price), parse_size(size)) == parse_money(fee)


def test_kalshi_maker_fee_equals_the_page() -> None:
    """B-129: 100 at 0.50 as maker on a series with maker fees costs $0.4375."""
    assert fee_of_fill(FULL, Price(5_000), parse_size("100"), maker=True) == parse_money("0.4375")


def test_kalshi_rounding_is_given_back_per_order() -> None:
    """Three fills of 0.30 at 0.50 in one order pay 0.0053, 0.0052, 0.0053: the accumulator returns a whole step."""
    order = KalshiOrderFees(FULL)

    fees = [order.fill(Price(5_000), parse_size("0.30"), paid=parse_money("0.15")) for _ in range(3)]

    assert fees == [parse_money("0.0053"), parse_money("0.0052"), parse_money("0.0053")]


@pytest.mark.parametrize(
    ("terms", "size", "price", "fee"),
    [
        (SPORTS, "100", "0.50", "1.25000"),
        (FeeTerms(schedule="polymarket", taker=rate("0.03")), "100", "0.50", "0.75000"),
        (SPORTS, "100", "0.30", "1.05000"),
        (SPORTS, "44.6428", "0.56", "0.55000"),
        (CRYPTO, "200", "0.08", "1.03040"),
        (CRYPTO, "0.1", "0.0001", "0"),
    ],
)
def test_polymarket_fee_equals_the_page(terms: FeeTerms, size: str, price: str, fee: str) -> None:
    """Each worked row of polymarket.md 9 comes out to five decimals."""
    assert fee_of_fill(terms, parse_price(price), parse_size(size)) == parse_money(fee)


@pytest.mark.parametrize(("rate_text", "peak"), [("0.07", "1.75"), ("0.05", "1.25"), ("0.04", "1.00"), ("0", "0")])
def test_polymarket_peak_per_hundred_shares(rate_text: str, peak: str) -> None:
    """The category table's peaks are the fee of 100 shares at one half."""
    terms = FeeTerms(schedule="polymarket", taker=rate(rate_text))

    assert fee_of_fill(terms, Price(5_000), parse_size("100")) == parse_money(peak)


def test_polymarket_makers_pay_nothing() -> None:
    """Fees are the taker's alone."""
    assert fee_of_fill(SPORTS, Price(5_000), parse_size("100"), maker=True) == 0


@pytest.mark.parametrize(
    ("cents", "fee"),
    [*((p, 1) for p in (1, 9, 17)), *((p, 2) for p in (18, 50, 82)), *((p, 1) for p in (83, 99)), (0, 0), (100, 0)],
)
def test_whole_cent_schedule_for_one_contract(cents: int, fee: int) -> None:
    """B-131, C-13: one contract costs 1c at the edges, 2c from 18 to 82, nothing at 0 and 100."""
    assert fee_of_fill(WHOLE_CENT, Price(cents * 100), CONTRACT) == fee * 10_000


@pytest.mark.parametrize(("size", "maker", "fee"), [(10, False, 18), (10, True, 5), (100, False, 175)])
def test_whole_cent_schedule_for_an_order(size: int, maker: bool, fee: int) -> None:
    """B-131: taker 10 at 50 pays 18c, maker 10 pays 5c, taker 100 pays 175c."""
    assert fee_of_fill(WHOLE_CENT, Price(5_000), Size(size * CONTRACT), maker=maker) == fee * 10_000


@pytest.mark.parametrize("price", [-100, 0, ONE, ONE + 100])
def test_certain_prices_cost_no_fee(price: int) -> None:
    """B-130: nothing is charged at 0, at a dollar or beyond either, and nothing is ever given."""
    assert all(fee_of_fill(terms, Price(price), CONTRACT) == 0 for terms in (FULL, SPORTS, WHOLE_CENT))


def test_fee_waiver_ends_at_its_time() -> None:
    """B-130: before waived_until nothing is charged, from then on the full fee."""
    terms = FeeTerms(schedule="kalshi", taker=rate("0.07"), waived_until=WallNs(100))

    assert fee_of_fill(terms, Price(5_000), CONTRACT, now=WallNs(99)) == 0
    assert fee_of_fill(terms, Price(5_000), CONTRACT, now=WallNs(100)) > 0


def test_accumulator_is_for_todays_schedule_only() -> None:
    """Another schedule's terms in the Kalshi accumulator are our own mistake."""
    with pytest.raises(Misuse):
        KalshiOrderFees(SPORTS)


@pytest.mark.parametrize("text", ["x", "-0.01", "NaN", "0.0000000001"])
def test_unusable_rates_are_refused(text: str) -> None:
    """A coefficient that is no plain decimal, is negative or would lose digits raises ValueError."""
    with pytest.raises(ValueError, match="coefficient"):
        rate(text)


@given(price=st.integers(1, ONE - 1), size=st.integers(1, 10_000), rate_=st.sampled_from([FULL, HALF, BROKER]))
def test_kalshi_fee_is_never_negative_and_leaves_an_aligned_balance(price: int, size: int, rate_: FeeTerms) -> None:
    """Whatever one fill is, its fee is at least zero and cash moves in whole steps of the balance."""
    contracts = Size(size * 10_000)
    paid = cost_of(Price(price), contracts)

    fee = KalshiOrderFees(rate_).fill(Price(price), contracts, paid=paid)

    assert fee >= 0
    assert (paid + fee) % rate_.precision == 0


@given(price=st.integers(0, ONE), terms=st.sampled_from([FULL, HALF, SPORTS, CRYPTO]))
def test_table_never_shows_less_than_the_formula_before_alignment(price: int, terms: FeeTerms) -> None:
    """B-133: the gate's table may be too dear by one unit, never too cheap: it equals the raw fee of one contract rounded up."""
    exact = terms.taker * price * (ONE - price) / 1e11

    assert 0 <= unit_fees(terms)[price] - exact < 1
