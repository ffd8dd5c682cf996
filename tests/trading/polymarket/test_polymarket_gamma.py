"""The catalogue over a fake HTTP: cursors, loops, waits."""

import pytest
from polymarket_desk import Desk

from trading.clock import SECOND
from trading.errors import BadAnswer, Throttled, Unreachable
from trading.polymarket.budget import Windows
from trading.polymarket.gamma import Gamma


async def test_gamma_follows_cursors_not_page_lengths() -> None:
    """Short pages go on while a cursor is given; booleans and lists are written as the venue reads them."""
    desk = Desk()
    desk.http.on(
        "GET",
        "/gamma/events/keyset",
        {"events": [{"id": 1}], "next_cursor": "a"},
        {"events": [], "next_cursor": "b"},
        {"events": [{"id": 2}]},
    )
    gamma = Gamma(desk.http, "https://x.test/gamma/", sleep=desk.sleep)
    pages = [page async for page in gamma.event_pages(closed=False, tag_id=[1, 2])]

    assert pages == [[{"id": 1}], [], [{"id": 2}]]
    assert desk.http.calls[0].params == {"closed": ["false"], "tag_id": ["1", "2"], "limit": ["100"]}
    assert desk.http.calls[2].params["after_cursor"] == ["b"]


async def test_gamma_stops_at_a_cursor_loop() -> None:
    """A cursor that comes back ends the walk with an error."""
    desk = Desk()
    desk.http.on("GET", "/events/keyset", {"events": [], "next_cursor": "a"})
    gamma = Gamma(desk.http, "https://x.test", sleep=desk.sleep)

    with pytest.raises(BadAnswer, match="repeats"):
        _ = [page async for page in gamma.pages()]


async def test_gamma_reads_wait_as_told_or_by_the_schedule() -> None:
    """429 waits 4, 8, 16, 32, 64 s or Retry-After, at most five times (B-210); other errors do not wait."""
    desk = Desk()
    gamma = Gamma(desk.http, "https://x.test", sleep=desk.sleep)
    desk.http.on("GET", "/markets/7", (429, b""), (429, b"", {"retry-after": "1.5"}), {"id": "7"})
    market = await gamma.market("7")
    waits = desk.slept[:]
    desk.http.on("GET", "/markets/7", (429, b""))
    with pytest.raises(Throttled):
        await gamma.market("7")

    assert market == {"id": "7"}
    assert waits == [4, 1.5]
    assert desk.slept[2:] == [4, 8, 16, 32, 64]
    assert await gamma.market("8") is None
    with pytest.raises(Unreachable):
        desk.http.on("GET", "/markets/7", (502, b""))
        await gamma.market("7")


async def test_one_bad_gateway_costs_no_catalogue() -> None:
    """B-214: the page that failed is asked for again, half a second later, and the walk goes on from there."""
    desk = Desk()
    gamma = Gamma(desk.http, "https://x.test", sleep=desk.sleep)
    first = {"events": [{"id": "1"}], "next_cursor": "c"}
    desk.http.on("GET", "/events/keyset", first, (502, b""), {"events": [{"id": "2"}]})

    assert [row["id"] async for page in gamma.pages() for row in page] == ["1", "2"]
    assert desk.slept == [0.5]


async def test_gamma_finds_markets_by_condition_id() -> None:
    """A condition id is looked up in the keyset list."""
    desk = Desk()
    gamma = Gamma(desk.http, "https://x.test", sleep=desk.sleep)
    desk.http.on("GET", "/markets/keyset", {"markets": [{"conditionId": "0xCC", "id": "1"}]})

    assert (await gamma.market("0xcc") or {})["id"] == "1"


async def test_gammas_limits_are_kept_by_waiting() -> None:
    """240 market reads go in 10 s; the next waits instead of meeting a 429."""
    desk = Desk()
    desk.http.on("GET", "/markets/keyset", {"markets": []})

    async def pass_time(seconds: float) -> None:
        desk.slept.append(seconds)
        desk.clock.advance(int(seconds * SECOND) + 1)

    gamma = Gamma(desk.http, "https://x.test", sleep=pass_time, windows=Windows(desk.clock))
    for _ in range(241):
        _ = [page async for page in gamma.market_pages()]

    assert len(desk.slept) == 1
    assert 10 <= desk.slept[0] <= 10.5
