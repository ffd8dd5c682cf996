"""Lists beyond discovery's own: filters, what the venue does not combine, fee changes, look-ups on the right shard."""

import pytest
from fakes import reply
from kalshi_desk import TICKER, Desk, listed
from kalshi_rows import market_row

from trading.errors import Misuse, Rejected
from trading.kalshi.catalogue import MarketTimes
from trading.kalshi.exchange import session_hours
from trading.kalshi.paging import filters


async def test_market_lists_leave_combos_out_and_follow_cursors() -> None:
    """mve_filter=exclude always, 1,000 a page, and combos that come all the same are dropped (kalshi.md 5.2)."""
    desk = Desk()
    rows = [market_row(), market_row("KXMVE-1"), market_row("X", mve_collection_ticker="R")]
    desk.http.on("GET", "/markets", {"markets": rows, "cursor": "c"}, {"markets": [], "cursor": ""})

    pages = [page async for page in desk.client.catalogue.market_pages(status="open", series_ticker="KXNBAGAME")]

    assert [[row["ticker"] for row in page] for page in pages] == [[TICKER], []]
    assert dict(desk.http.calls[1].query) == {
        "limit": "1000",
        "mve_filter": "exclude",
        "status": "open",
        "series_ticker": "KXNBAGAME",
        "cursor": "c",
    }


@pytest.mark.parametrize(
    ("status", "family", "allowed"),
    [
        ("open", "created", True),
        ("unopened", "created", True),
        ("closed", "close", True),
        ("settled", "settled", True),
        (None, "updated", True),
        ("open", "close", False),
        ("open", "settled", False),
        ("open", "updated", False),
        ("settled", "close", False),
        ("paused", "created", False),
    ],
)
async def test_times_and_status_that_do_not_go_together_are_refused_here(status: str, family: str, allowed: bool) -> None:
    """The table of kalshi.md 5.1: the venue would answer 400."""
    desk = Desk()
    desk.http.on("GET", "/markets", {"markets": [], "cursor": ""})
    times = MarketTimes(family=family, at_least=5)  # type: ignore[arg-type]  # a text of the table above
    pages = desk.client.catalogue.market_pages(status=status, times=times)  # type: ignore[arg-type]  # as above
    if allowed:
        assert [page async for page in pages] == [[]]
        assert desk.http.calls[0].asked(f"min_{family}_ts") == "5"
    else:
        with pytest.raises(Misuse):
            [page async for page in pages]
        assert desk.http.calls == []


async def test_fee_changes_are_read_ahead() -> None:
    """Announced changes of series and events; an override that ends has nulls."""
    desk = Desk()
    row = {
        "id": "1",
        "series_ticker": "S",
        "fee_type": "quadratic",
        "fee_multiplier": 0.5,
        "scheduled_ts": "2026-12-01T00:00:00Z",
    }
    over = {"id": "2", "event_ticker": "E", "fee_type_override": None, "fee_multiplier_override": None}
    desk.http.on("GET", "/series/fee_changes", {"series_fee_change_arr": [row]})
    desk.http.on("GET", "/events/fee_changes", {"event_fee_changes": [over], "cursor": ""})

    assert await desk.client.catalogue.series_fee_changes(series_ticker="S") == [row]
    assert await desk.client.catalogue.event_fee_changes() == [over]


async def test_a_missing_row_is_one_clear_sentence() -> None:
    """The request, the rule and the next step."""
    desk = Desk()
    desk.http.on("GET", "/markets/NOPE", reply(404, {"error": {"code": "market_not_found", "message": "not found"}}))

    with pytest.raises(Rejected, match=r"GET /markets/NOPE: no such market on that shard; read .* \(venue: not found\)"):
        await desk.client.catalogue.market("NOPE")


async def test_look_ups_name_their_shard() -> None:
    """Orders and fills of a leg are asked for where its market lives."""
    desk = Desk()
    order = desk.order()
    desk.http.on("GET", "/portfolio/orders", {"orders": [listed(order)], "cursor": ""})
    desk.http.on("GET", "/portfolio/fills", {"fills": [], "cursor": ""})
    await desk.client.find(order)

    assert [call.asked("exchange_index") for call in desk.http.calls] == ["3", "3"]


def test_filters_say_what_was_given() -> None:
    """None, empty texts and empty lists are left out; booleans are lower case; lists are joined."""
    given = filters(("a", None), ("b", ""), ("c", ()), ("d", False), ("e", 0), ("f", ("x", "y")), ("g", "z"))

    assert given == [("d", "false"), ("e", "0"), ("f", "x,y"), ("g", "z")]


def test_odd_hours_are_left_out() -> None:
    """A day that cannot be read does not hide the others."""
    rows = [{"monday": [{"open_time": "08:00", "close_time": "03:00"}], "tuesday": "closed", "friday": [{}]}]

    assert [(one.weekday, one.opens, one.closes) for one in session_hours(rows)] == [(0, "08:00", "03:00")]
