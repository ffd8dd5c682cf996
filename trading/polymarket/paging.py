"""Cursor-paged reads of every Polymarket service: pages end at an empty cursor, never at a short page (polymarket.md 2.1, 7.1).

A cursor that comes a second time, or pages without end, mean a list that was not read to its end. Whoever counts money, orders or
fills by it would count short, so both are errors and never a shorter list.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from trading.polymarket.wire import bad

__all__ = ["pages"]

T = TypeVar("T")


async def pages(read: Callable[[str], Awaitable[tuple[T, str]]], what: str, *, most: int) -> AsyncIterator[T]:
    """Every page; read takes a cursor ("" = the first page) and gives a page with the next cursor ("" = it was the last).

    Raises BadAnswer when a cursor repeats or more than most pages come, besides what read raises.
    """
    cursor, seen = "", set[str]()
    for _ in range(most):
        page, cursor = await read(cursor)
        yield page
        if not cursor:
            return
        if cursor in seen:
            raise bad("cursor_loop", f"{what} repeats cursor {cursor!r}: the list is incomplete; read it again later")
        seen.add(cursor)
    raise bad("too_many_pages", f"{what} has more than {most} pages; narrow the question")
