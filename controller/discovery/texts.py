"""Which titles and names are fit to be read: a text with control characters, unfilled marks or no end names nothing."""

import re
from collections.abc import Iterable

__all__ = ["unusable"]

_MARKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\|\||\{\{|\}\}")
"""Control characters, also those that turn the direction of writing, half characters, and marks of a template nobody filled."""
_LONGEST = 2_000
"""Titles longer than this are no titles."""


def unusable(values: Iterable[object]) -> bool:
    """Whether one of these is a text that must not be read."""
    texts = [value for value in values if isinstance(value, str)]
    return any(len(text) > _LONGEST or _MARKS.search(text) is not None for text in texts)
