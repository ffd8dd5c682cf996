"""Files of one JSON value a line: every row in order, and an error that says where the first bad one stands."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["read_lines"]

T = TypeVar("T")


def read_lines(path: Path, take: Callable[[Any], T], what: str) -> Iterator[T]:
    """What take makes of each row; empty lines are passed over. Raises ValueError "file:line is no <what>"."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                taken = take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as exc:
                raise ValueError(f"{path}:{number} is no {what}: {exc!r}") from exc
            yield taken
