"""Query strings and pages of the simulated Kalshi: typed parameters, cursors that are bound to their filters (kalshi.md 3)."""

import base64
import binascii
import zlib
from collections.abc import Iterable
from typing import TypeVar

from trading.sim.kalshi_data import ApiError

__all__ = ["Query"]

T = TypeVar("T")


class Query:
    """The parameters of one request. Readers raise ApiError 400 invalid_parameters naming the parameter."""

    def __init__(self, scope: str, pairs: Iterable[tuple[str, str]]) -> None:
        """scope tells lists apart: path and user."""
        self._pairs = tuple(pairs)
        self._scope = scope

    def text(self, name: str) -> str:
        """The last value given, "" when absent."""
        found = ""
        for key, value in self._pairs:
            if key == name:
                found = value
        return found

    def many(self, name: str, *, most: int | None = None) -> list[str]:
        """Every value of a repeated parameter; comma lists are split too. most: how many may be named."""
        found = [part for key, value in self._pairs if key == name for part in value.split(",") if part]
        if most is not None and len(found) > most:
            raise ApiError(400, "invalid_parameters", details=f"{name}: at most {most}")
        return found

    def flag(self, name: str) -> bool:
        value = self.text(name).lower()
        if value not in ("", "true", "false", "1", "0"):
            raise ApiError(400, "invalid_parameters", details=f"{name}: must be true or false")
        return value in ("true", "1")

    def word(self, name: str, allowed: Iterable[str]) -> str:
        value = self.text(name)
        if value and value not in allowed:
            raise ApiError(400, "invalid_parameters", details=f"{name}: {value!r} is not allowed")
        return value

    def number(self, name: str) -> int | None:
        value = self.text(name)
        if not value:
            return None
        try:
            return int(value)
        except ValueError as exc:
            raise ApiError(400, "invalid_parameters", details=f"{name}: must be a whole number") from exc

    def limit(self, *, default: int, most: int, least: int = 1) -> int:
        value = self.number("limit")
        if value is None:
            return default
        if not least <= value <= most:
            raise ApiError(400, "invalid_parameters", details=f"limit: must be {least} to {most}")
        return value or default

    def page(self, rows: Iterable[tuple[int, T]], limit: int, *, newest_first: bool = False) -> tuple[list[T], str]:
        """One page of (key, row) in key order and the cursor of the next, "" when there is none."""
        after = self._cursor_key()
        page: list[T] = []
        last = 0
        for key, row in rows:
            if after is not None and (key >= after if newest_first else key <= after):
                continue
            if len(page) == limit:
                return page, self._cursor(last)
            page.append(row)
            last = key
        return page, ""

    def _mark(self) -> int:
        filters = sorted(pair for pair in self._pairs if pair[0] not in ("limit", "cursor"))
        return zlib.crc32(repr((self._scope, filters)).encode())

    def _cursor(self, key: int) -> str:
        return base64.urlsafe_b64encode(f"{key}.{self._mark()}".encode()).decode().rstrip("=")

    def _cursor_key(self) -> int | None:
        cursor = self.text("cursor")
        if not cursor:
            return None
        try:
            key, _, mark = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(".")
            if int(mark) == self._mark():
                return int(key)
        except (binascii.Error, ValueError):
            pass
        raise ApiError(400, "invalid_parameters", details="cursor: does not belong to these filters")
