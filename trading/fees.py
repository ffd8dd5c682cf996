"""Both venues' fees, exact to the unit, from the terms the market states (B-128..B-133).

    kalshi             kalshi.md 11: rate x C x P x (1-P) up to $0.000001, then the balance is aligned and the rounding is
                       given back per order once it amounts to a whole step (KalshiOrderFees)
    kalshi_whole_cent  the dated schedule before 2026-03: the order total rounded up to the cent; back-tests only
    polymarket         polymarket.md 9: rate x C x P x (1-P) per fill, half-up to $0.00001

Detection reads a table (price -> fee of one contract, rounded against us); sizing, ledger and simulator use the formulas.
"""

from decimal import Decimal, InvalidOperation
from functools import lru_cache

from trading.errors import Misuse
from trading.market import FeeTerms
from trading.units import CONTRACT, ONE, Money, Price, Size, WallNs, cost_of

__all__ = [
    "HIGHEST_KNOWN",
    "KalshiOrderFees",
    "fee_of_fill",
    "rate",
    "unit_fees",
]

_BILLION = 1_000_000_000
_SCALE = _BILLION * ONE * ONE  # rate x size x price x (1-price) carries these factors above Money
_WHOLE_CENT = 10_000

HIGHEST_KNOWN = FeeTerms(schedule="polymarket", taker=70_000_000, maker=0)
"""Shown for a market whose terms could not be read; such a market is never traded (design.md 6)."""


def rate(text: str, multiplier: str = "1") -> int:
    """Turn a decimal coefficient times a decimal multiplier into 1/1,000,000,000: rate("0.07", "0.5") -> 35_000_000.

    Raises ValueError when either is no plain decimal, is negative, or would lose digits.
    """
    try:
        value = Decimal(text) * Decimal(multiplier) * _BILLION
    except InvalidOperation as exc:
        raise ValueError(f"fee coefficient {text!r} x {multiplier!r} is not a number") from exc
    if not value.is_finite() or value < 0 or value != value.to_integral_value():
        raise ValueError(f"fee coefficient {text!r} x {multiplier!r} is not a usable rate")
    return int(value)


def _raw(terms: FeeTerms, price: Price, size: Size, maker: bool) -> int:
    coefficient = terms.maker if maker else terms.taker
    return coefficient * size * price * (ONE - price)


def _free(terms: FeeTerms, price: Price, size: Size, now: WallNs | None) -> bool:
    waived = terms.waived_until is not None and now is not None and now < terms.waived_until
    return size <= 0 or not 0 < price < ONE or waived  # B-130


def fee_of_fill(terms: FeeTerms, price: Price, size: Size, *, maker: bool = False, now: WallNs | None = None) -> Money:
    """The fee of an order that fills at once in one piece at price: the pre-trade estimate of both venues."""
    if _free(terms, price, size, now):
        return Money(0)
    raw = _raw(terms, price, size, maker)
    if terms.schedule == "polymarket":
        return Money((2 * raw + 10 * _SCALE) // (20 * _SCALE) * 10)
    if terms.schedule == "kalshi_whole_cent":
        return Money(-(-raw // (_SCALE * _WHOLE_CENT)) * _WHOLE_CENT)
    return KalshiOrderFees(terms).fill(price, size, paid=cost_of(price, size), maker=maker, now=now)


class KalshiOrderFees:
    """The fee accumulator of one Kalshi order (kalshi.md 11, steps 1 to 5); taker and maker fills share it."""

    def __init__(self, terms: FeeTerms) -> None:
        if terms.schedule != "kalshi":
            raise Misuse(f"KalshiOrderFees needs today's Kalshi schedule, not {terms.schedule!r}")
        self._terms = terms
        self._kept = 0

    def fill(self, price: Price, size: Size, *, paid: Money, maker: bool = False, now: WallNs | None = None) -> Money:
        """Fee of the next fill. paid is the cash its contracts cost (negative: received), before the fee."""
        if _free(self._terms, price, size, now):
            return Money(0)
        step = self._terms.precision
        trade_fee = -(-_raw(self._terms, price, size, maker) // _SCALE)
        net = -paid - trade_fee
        rounding = net % step  # net - floor(net, step)
        self._kept += rounding
        rebate = min(self._kept, trade_fee + rounding) // step * step  # the fee of a fill is never negative
        self._kept -= rebate
        return Money(trade_fee + rounding - rebate)


@lru_cache(maxsize=256)
def unit_fees(terms: FeeTerms) -> tuple[int, ...]:
    """Fee of one contract at each of the 10,001 prices, rounded up to Money: gates detection, never books a trade."""
    return tuple(
        0 if price in (0, ONE) else -(-_raw(terms, Price(price), CONTRACT, False) // _SCALE) for price in range(ONE + 1)
    )
