"""Integers for money, prices and sizes; converted once at the wire from the exact string.

Price is 1/10,000 dollar, Size 1/1,000,000 contract (Polymarket fills have six decimals, Kalshi sizes are multiples of 10,000),
Money 1/1,000,000 dollar. Price x Size / 10,000 is Money: exact for Kalshi, rounded against us elsewhere until the venue's own
amount replaces it. Nothing here knows a venue.
"""

from typing import NewType

__all__ = [
    "CENT",
    "CONTRACT",
    "DOLLAR",
    "ONE",
    "Money",
    "MonoNs",
    "Price",
    "Size",
    "WallNs",
    "complement",
    "cost_of",
    "format_money",
    "format_price",
    "format_size",
    "parse_money",
    "parse_price",
    "parse_size",
    "size_for",
    "to_dollars",
]

Price = NewType("Price", int)
Size = NewType("Size", int)
Money = NewType("Money", int)
WallNs = NewType("WallNs", int)
"""Nanoseconds since the epoch: stamps only, never durations."""
MonoNs = NewType("MonoNs", int)
"""Monotonic nanoseconds of this process: deadlines and ages."""

ONE = Price(10_000)
"""The price of certainty, one dollar."""
CENT = Price(100)
CONTRACT = Size(1_000_000)
DOLLAR = Money(1_000_000)

_PRICES: dict[str, Price] = {}


def _fixed(text: str, decimals: int) -> int:
    """Parse a plain decimal string into an integer of 10**-decimals. Raises ValueError when digits would be lost."""
    body = text[1:] if text[:1] in "+-" else text
    whole, dot, part = body.partition(".")
    if not (whole or part) or not (whole or "0").isdecimal() or (dot and part and not part.isdecimal()):
        raise ValueError(f"{text!r} is not a decimal number")
    if not body.isascii():
        raise ValueError(f"{text!r} is not a decimal number")
    part = part.rstrip("0")
    if len(part) > decimals:
        raise ValueError(f"{text!r} has more than {decimals} decimals")
    value = int((whole or "0") + part.ljust(decimals, "0"))
    return -value if text[:1] == "-" else value


def parse_price(text: str) -> Price:
    """Parse dollars such as "0.5600" into 1/10,000 dollar. Raises ValueError outside 0..1 or past four decimals."""
    known = _PRICES.get(text)
    if known is not None:
        return known
    value = Price(_fixed(text, 4))
    if not 0 <= value <= ONE:
        raise ValueError(f"price {text!r} is outside 0..1")
    if len(_PRICES) < 50_000:  # bounded: a hostile feed cannot grow it without end
        _PRICES[text] = value
    return value


def parse_size(text: str) -> Size:
    """Parse contracts such as "-54.00" into 1/1,000,000 contract (signed). Raises ValueError past six decimals."""
    return Size(_fixed(text, 6))


def parse_money(text: str) -> Money:
    """Parse dollars such as "1.7472" into 1/1,000,000 dollar (signed). Raises ValueError past six decimals."""
    return Money(_fixed(text, 6))


def _format(value: int, scale: int, decimals: int) -> str:
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, part = divmod(value, 10**scale)
    digits = f"{part:0{scale}d}"
    if digits[decimals:].strip("0"):
        raise ValueError(f"{value} does not fit {decimals} decimals")
    return f"{sign}{whole}.{digits[:decimals]}" if decimals else f"{sign}{whole}"


def format_price(price: Price, decimals: int = 4) -> str:
    """Write a price in dollars: 5600 -> "0.5600". Raises ValueError when decimals would cut it."""
    return _format(price, 4, decimals)


def format_size(size: Size, decimals: int = 2) -> str:
    """Write contracts: 10_000_000 -> "10.00". Raises ValueError when decimals would cut it."""
    return _format(size, 6, decimals)


def format_money(money: Money, decimals: int = 6) -> str:
    """Write dollars: 1_747_200 -> "1.747200". Raises ValueError when decimals would cut it."""
    return _format(money, 6, decimals)


def to_dollars(value: Money | Size) -> str:
    """Write dollars or contracts as the shortest exact decimal: 1_747_200 -> "1.7472"."""
    text = _format(value, 6, 6).rstrip("0")
    return text.removesuffix(".")


def complement(price: Price) -> Price:
    """The same claim seen from the other outcome: 1 - price."""
    return ONE - price  # type: ignore[return-value]  # Price() is a call, dearer than the difference it names


def cost_of(price: Price, size: Size, *, up: bool = True) -> Money:
    """Price x size in money, a fraction of 1/1,000,000 dollar rounded up (what we pay) or down (what we receive)."""
    product = price * size
    return Money(-(-product // ONE) if up else product // ONE)


def size_for(money: Money, price: Price, step: Size = Size(1)) -> Size:
    """The largest multiple of step that money buys at price (price > 0)."""
    return Size(money * ONE // price // step * step)
