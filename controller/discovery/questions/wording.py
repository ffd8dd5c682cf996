"""Words of a question about a measured value that no field of its claim holds: any such word may change what is asked.

Ethereum Classic, producer prices, the Black unemployment rate and a forecast are told from the plain value by one more word, so a
title is read only when each of its words is known. Rules are prose and are only searched for the opposite polarity.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

from controller.discovery.names import fold
from controller.discovery.questions.bands import Band, asked_band, number

__all__ = ["label_denies", "no_pays_first", "unknown_word"]

_PLAIN = frozenset(
    {
        "will",
        "the",
        "a",
        "an",
        "be",
        "is",
        "of",
        "in",
        "on",
        "at",
        "to",
        "by",
        "for",
        "and",
        "or",
        "what",
        "how",
        "et",
        "est",
        "edt",
    }
    | {"am", "pm", "above", "below", "over", "under", "between", "exactly", "least", "most", "more", "less", "fewer", "higher"}
    | {"lower", "greater", "than"}
    | {"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
    | {"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"}
)
_AMOUNT = re.compile(r"\d+(?:k|st|nd|rd|th|am|pm|f|c)?|q[1-4]|[fc]")
_RESOLVES = re.compile(r"\bresolves? (?:to |as )?\W{0,2}(yes|no)\b", re.I)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?[kK]?")


def unknown_word(text: str, known: frozenset[str], phrases: Iterable[re.Pattern[str]] = ()) -> str:
    """The first word that is neither plain, a number, known nor part of a phrase; "" when every word is read."""
    for phrase in phrases:
        text = phrase.sub(" ", text)
    return next((word for word in fold(text).split() if word not in _PLAIN | known and not _AMOUNT.fullmatch(word)), "")


def no_pays_first(rules: str) -> bool:
    """The first thing the rules say is what pays No: the opposite question under the same title."""
    found = _RESOLVES.search(rules[:20_000])
    return found is not None and found[1].lower() == "no"


def label_denies(label: object, band: Band) -> bool:
    """groupItemTitle ("2,400", "88°F or higher", "↑ 240") states another band or another number than the question."""
    text = label if isinstance(label, str) else ""
    stated = asked_band(text)
    if stated is not None:
        return stated != band
    numbers = {number(found) for found in _NUMBER.findall(text)} - {None}
    return bool({str(Decimal(str(value))) for value in numbers} - {str(abs(Decimal(bound))) for bound in band.bounds})
