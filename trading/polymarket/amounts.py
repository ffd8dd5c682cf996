"""Order amounts by the venue's rounding table, in integers (polymarket.md 6.2).

    tick    price size amount decimals        BUY   maker = pUSD,   taker = shares
    0.1       1    2     3                    SELL  maker = shares, taker = pUSD
    0.01      2    2     4
    0.005     3    2     5                    market BUY is sized in pUSD, everything else in shares
    0.0025    4    2     6                    an amount with too many decimals is rounded up four places further,
    0.001     3    2     5                    then down to its own
    0.0001    4    2     6

A pUSD-sized BUY that meets a better price receives more shares than its limit implies (6.4): size it with cash_for at the exact
price of the level that is wanted, and with exact_size when the share count must come out even.
"""

from math import gcd

import msgspec

from trading.errors import Misuse
from trading.units import ONE, Money, Price, Size

__all__ = ["TICKS", "Amounts", "cash_for", "exact_size", "limit_amounts", "market_buy", "market_sell"]

_AMOUNT_DECIMALS = {1000: 3, 100: 4, 50: 5, 25: 6, 10: 5, 1: 6}
TICKS = frozenset(Price(tick) for tick in _AMOUNT_DECIMALS)
"""Ticks the rounding table knows; a market with another one is not traded."""

_HUNDREDTH = 10_000  # two decimals of a six-decimal integer


class Amounts(msgspec.Struct, frozen=True):
    """makerAmount and takerAmount as signed: six-decimal integers."""

    maker: int
    taker: int


def _round(numerator: int, denominator: int, tick: Price) -> int:
    """numerator / denominator (six-decimal units) cut to the tick's decimals: up four places further, then down."""
    decimals = _AMOUNT_DECIMALS.get(tick)
    if decimals is None:
        raise Misuse(f"tick {tick} (1/10,000 $) is not in the rounding table")
    fine = -(-numerator * 10 ** (decimals + 4) // (denominator * 1_000_000))
    return int(fine // 10_000 * 10 ** (6 - decimals))


def limit_amounts(*, buy: bool, size: Size, price: Price, tick: Price) -> Amounts:
    """A limit order: size in shares, cut to two decimals. Raises Misuse for an unknown tick."""
    shares = size // _HUNDREDTH * _HUNDREDTH
    cash = _round(shares * price, ONE, tick)
    return Amounts(cash, shares) if buy else Amounts(shares, cash)


def market_buy(*, cash: Money, price: Price, tick: Price) -> Amounts:
    """A FAK or FOK BUY: cash in pUSD, cut to cents; price is the worst one (> 0)."""
    paid = cash // _HUNDREDTH * _HUNDREDTH
    return Amounts(paid, _round(paid * ONE, price, tick))


def market_sell(*, size: Size, price: Price, tick: Price) -> Amounts:
    """A FAK or FOK SELL: size in shares, cut to two decimals."""
    return limit_amounts(buy=False, size=size, price=price, tick=tick)


def cash_for(size: Size, price: Price) -> Money:
    """The pUSD that buys at most size at price: floor to the cent (execution.md 2)."""
    return Money(size * price // ONE // _HUNDREDTH * _HUNDREDTH)


def exact_size(size: Size, price: Price) -> Size:
    """The largest size up to the given one whose cost at price is whole cents, so that cash_for buys exactly it; 0 = none."""
    step = _HUNDREDTH * (ONE // gcd(price, ONE))  # n hundredths x price is whole cents when n is a multiple of this
    return Size(size // step * step)
