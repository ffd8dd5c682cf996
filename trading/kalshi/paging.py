"""Cursor-paged reads: pages stop at an empty cursor, never at a short page (kalshi.md 3).

A cursor that comes twice means a list that was not read to its end. Whoever counts orders, fills or money by it would count
short, so it is an error and never a shorter list.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any

from trading.errors import BadAnswer
from trading.kalshi.rest import KalshiRest, Query
from trading.market import KALSHI

__all__ = ["filters", "pages"]

_TIMEOUT_S = 30.0


def filters(*pairs: tuple[str, object]) -> list[tuple[str, str]]:
    """Query parameters of what was given: None and empty are left out, true and false in lower case, lists joined by commas."""
    found = []
    for name, value in pairs:
        if value is None or value == "" or value == ():
            continue
        if isinstance(value, bool):
            found.append((name, "true" if value else "false"))
        elif isinstance(value, Iterable) and not isinstance(value, str):
            found.append((name, ",".join(str(part) for part in value)))
        else:
            found.append((name, str(value)))
    return found


async def pages(
    rest: KalshiRest,
    path: str,
    query: Query,
    kind: type[Any],
    *,
    private: bool = False,
    retry: bool = True,
) -> AsyncIterator[Any]:
    """Every page of a cursor-paged read, decoded as kind (which has a cursor field). Raises BadAnswer when a cursor repeats."""
    seen: set[str] = set()
    cursor = ""
    while True:
        asked = [*query, ("cursor", cursor)] if cursor else query
        page = await rest.fetch(path, kind, asked, private=private, retry=retry, listing=not private, timeout_s=_TIMEOUT_S)
        yield page
        cursor = page.cursor or ""
        if not cursor:
            return
        if cursor in seen:
            detail = f"GET {path} repeats cursor {cursor!r}: the list is incomplete; read it again later"
            raise BadAnswer(KALSHI, "cursor_loop", detail)
        seen.add(cursor)
