"""Which numbers of a measured value pay: one shape with its bounds, from strike fields or from words, the same for both venues.

Above 2.5 and at least 2.5 are two bands, because they differ at the tick; a bucket never equals a threshold (matching.md 4).
Words that leave two readings give no band, and a field that says other than the words is a contradiction, which is none either.
"""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from controller.discovery.game import Row

__all__ = ["Band", "Shape", "agrees", "asked_band", "kalshi_band", "number"]

Shape = Literal["above", "at_least", "below", "at_most", "between", "exactly"]

_N = r"[-−]?\$?(?<![\d,.])\d[\d,]{0,20}(?:\.\d{1,12})?(?:[kK]\b)?(?!,?\d)"
_UNIT = r"(?: ?%| ?°[FC]?)?"
_PHRASES: tuple[tuple[Shape, re.Pattern[str]], ...] = (
    ("between", re.compile(rf"\bbetween ({_N}){_UNIT} (?:and|to) ({_N})", re.I)),
    ("between", re.compile(rf"(?<![\w-])({_N})(?:-|–| to )({_N})(?: ?%| ?°)")),
    ("at_least", re.compile(rf"(?:\bat least |≥ ?|>= ?)({_N})", re.I)),
    ("at_least", re.compile(rf"({_N}){_UNIT} or (?:higher|above|more|greater)\b", re.I)),
    ("above", re.compile(rf"(?:\b(?:above|over|more than|greater than|higher than) |> ?)({_N})(?!{_UNIT} or )", re.I)),
    ("at_most", re.compile(rf"(?:\bat most |≤ ?|<= ?)({_N})", re.I)),
    ("at_most", re.compile(rf"({_N}){_UNIT} or (?:lower|below|less|fewer)\b", re.I)),
    ("below", re.compile(rf"(?:\b(?:below|under|less than|lower than) |< ?)({_N})(?!{_UNIT} or )", re.I)),
    ("exactly", re.compile(rf"\bexactly ({_N})", re.I)),
)
_FIELDS: dict[str, tuple[Shape, tuple[str, ...]]] = {
    "greater": ("above", ("floor_strike",)),
    "greater_or_equal": ("at_least", ("floor_strike",)),
    "less": ("below", ("cap_strike",)),
    "less_or_equal": ("at_most", ("cap_strike",)),
    "between": ("between", ("floor_strike", "cap_strike")),
}
"""strike_type of kalshi.md 5.1 and the fields that it reads; custom and structured strikes are no numbers."""
_NEXT: dict[Shape, tuple[Shape, int]] = {"above": ("at_least", 1), "below": ("at_most", -1)}


class Band(msgspec.Struct, frozen=True):
    """shape and its bounds as plain decimal strings ("2.5", "-0.1"); two bounds, both included, only for between."""

    shape: Shape
    bounds: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, str]:
        """Two words for a claim."""
        return self.shape, " to ".join(self.bounds)


def number(value: object) -> str | None:
    """A venue's number as its shortest decimal string ("$79,499.90" -> "79499.9", "150k" -> "150000"); None for none."""
    text = str(value).replace(",", "").replace("$", "").replace("−", "-").strip()
    scale = 1_000 if text[-1:] in ("k", "K") else 1
    try:
        read = Decimal(text[:-1] if scale > 1 else text) * scale
    except InvalidOperation:
        return None
    if not read.is_finite() or abs(read) >= 10**15:
        return None
    plain = f"{read:f}"
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain) or "0"


def asked_band(text: str) -> Band | None:
    """The one band that the words of a title state; None where they state none or several."""
    found: list[Band] = []
    for shape, pattern in _PHRASES:
        for match in pattern.finditer(text):
            bounds = tuple(number(part) for part in match.groups())
            if None in bounds:
                return None
            found.append(Band(shape, tuple(str(bound) for bound in bounds)))
    return found[0] if len(set(found)) == 1 else None


def kalshi_band(market: Row) -> Band | None:
    """The band of the strike fields. None where they are missing or title or subtitle state another band.

    A subtitle "88 or above" beside greater than 87 says the same of whole numbers, and is then the band.
    """
    shape, names = _FIELDS.get(str(market.get("strike_type")), ("above", ()))
    bounds = tuple(number(market.get(name)) for name in names)
    if not bounds or None in bounds:
        return None
    band = Band(shape, tuple(str(bound) for bound in bounds))
    if band.shape == "between" and Decimal(band.bounds[0]) >= Decimal(band.bounds[1]):
        return None
    return _confirmed(band, (market.get("yes_sub_title"), market.get("title")))


def agrees(stated: Band | None, band: Band) -> bool:
    """Words that state no band, the same one, or the same one by the next step of the strike's own last digit."""
    return stated in (None, band) or (stated is not None and _next_step(stated) == band)


def _confirmed(band: Band, texts: Iterable[object]) -> Band | None:
    stated = {read for text in texts if isinstance(text, str) and (read := asked_band(text)) is not None}
    if stated <= {band}:
        return band
    after = _next_step(band)
    return after if after is not None and stated <= {band, after} else None


def _next_step(band: Band) -> Band | None:
    """Above 87 as at least 88, above 79499.99 as at least 79500: true of values so rounded, so it needs a text that says so."""
    if band.shape not in _NEXT:
        return None
    shape, sign = _NEXT[band.shape]
    places = len(band.bounds[0].partition(".")[2])
    return Band(shape, (number(Decimal(band.bounds[0]) + sign * Decimal(1).scaleb(-places)) or "",))
