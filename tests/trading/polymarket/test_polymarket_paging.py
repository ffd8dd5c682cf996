"""Lists that go round in circles: an error in every walk, never a short list."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fakes import reply
from polymarket_desk import ID, Desk, page

from trading.errors import BadAnswer
from trading.polymarket.gamma import Gamma
from trading.polymarket.paging import pages

_BACK = {"data": [], "pagination": {"has_more": True, "next_cursor": "n"}}


async def _cash(desk: Desk) -> object:
    return await desk.client.holdings.free_cash()


async def _trades(desk: Desk) -> object:
    return await desk.client.find((await desk.signed()).prepared)


async def _positions(desk: Desk) -> object:
    return [row async for row in desk.client.holdings.positions("OPEN")]


async def _events(desk: Desk) -> object:
    return [rows async for rows in Gamma(desk.http, "https://gamma.test", sleep=desk.sleep).pages()]


@pytest.mark.parametrize(
    ("path", "answer", "walk"),
    [
        ("/data/orders", page(cursor="Mg=="), _cash),
        ("/data/trades", page(cursor="Mg=="), _trades),
        ("/v2/positions", _BACK, _positions),
        ("/events/keyset", {"events": [], "next_cursor": "Mg=="}, _events),
    ],
)
async def test_a_repeated_cursor_is_an_error_in_every_walk(
    path: str, answer: Any, walk: Callable[[Desk], Awaitable[object]]
) -> None:
    """What came of a list that does not end is not the whole: cash, fills and positions are never counted from it."""
    desk = Desk()
    desk.http.on("GET", path, answer)

    with pytest.raises(BadAnswer, match="incomplete"):
        await walk(desk)


async def test_a_cursor_that_comes_back_later_is_noticed_too() -> None:
    """a, b, a: the walk ends at the second a, and at most as many pages as allowed are read."""

    async def circle(cursor: str) -> tuple[str, str]:
        return cursor, {"": "a", "a": "b", "b": "a"}[cursor]

    async def endless(cursor: str) -> tuple[str, str]:
        return cursor, cursor + "x"

    seen = []
    with pytest.raises(BadAnswer, match="repeats cursor 'a'"):
        async for one in pages(circle, "/list", most=10):
            seen.append(one)
    with pytest.raises(BadAnswer, match="more than 3 pages"):
        _ = [one async for one in pages(endless, "/list", most=3)]

    assert seen == ["", "a", "b"]


async def test_more_rows_without_a_cursor_are_an_error() -> None:
    """The Data API that announces more and does not say where leaves positions out."""
    desk = Desk()
    desk.http.on("GET", "/v2/positions", {"data": [], "pagination": {"has_more": True, "next_cursor": None}})

    with pytest.raises(BadAnswer, match="more rows follow"):
        await _positions(desk)


@pytest.mark.parametrize("token", ["", "7"])
async def test_a_cancel_goes_out_though_its_orders_cannot_be_counted(token: str) -> None:
    """A market's orders are cancelled even when the list of them goes round in circles."""
    desk = Desk()
    desk.http.on("GET", "/data/orders", page({"id": "a"}, cursor="Mg=="))
    desk.http.on("DELETE", "/cancel-market-orders", reply(200, {"canceled": ["a"], "not_canceled": {}}))

    assert (await desk.client.cancels.market(ID, token)).canceled == ("a",)
