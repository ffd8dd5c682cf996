"""Changes of terms on the lifecycle channel become MarketChanged."""

from typing import Any

import pytest
from kalshi_rows import make_market
from kalshi_stream import Stream, T, assert_book, delta

from trading.book import MarketChanged
from trading.units import MonoNs, WallNs


def lifecycle(seq: int, **msg: Any) -> Any:
    return {"type": "market_lifecycle_v2", "sid": 7, "seq": seq, "msg": {"market_ticker": T, **msg}}


def test_grid_change_is_told_with_the_new_grid() -> None:
    """price_level_structure_updated makes another Market (B-451); without ranges it becomes watch-only."""
    stream = Stream(T)
    ranges = [{"start": "0.0000", "end": "1.0000", "step": "0.0010"}]

    stream.feed(lifecycle(1, event_type="price_level_structure_updated", price_ranges=ranges))
    stream.feed(lifecycle(2, event_type="price_level_structure_updated"))

    first, second = [event.market for event in stream.events if isinstance(event, MarketChanged)]
    assert (first.grid, first.tradable) == (((0, 10_000, 10),), True)
    assert (second.grid, second.tradable) == ((), False)


@pytest.mark.parametrize(
    ("event_type", "status"),
    [("deactivated", "paused"), ("determined", "closed"), ("settled", "settled")],
)
def test_status_changes_are_told(event_type: str, status: str) -> None:
    """Each lifecycle event moves the market's status once; a repetition is silent."""
    stream = Stream(T)

    stream.feed(lifecycle(1, event_type=event_type), lifecycle(2, event_type=event_type))

    assert [event.market.status for event in stream.events if isinstance(event, MarketChanged)] == [status]


def test_lifecycle_gap_costs_no_book() -> None:
    """The lifecycle sid has its own sequence."""
    stream = Stream(T)
    stream.start()

    stream.feed(lifecycle(1, event_type="created"), lifecycle(5, event_type="deactivated"), delta(T, 2))

    assert stream.lost() == []
    assert_book(stream.book(), bid=4_100, ask=4_500)


def test_fee_override_changes_terms_and_clearing_it_stops_trading() -> None:
    """A cleared override leaves terms that only a read can tell: watch-only until then."""
    stream = Stream(T)
    event = make_market().event_id

    for seq, kind, multiplier in ((1, "quadratic", 0.5), (2, None, None)):
        msg = {"event_ticker": event, "fee_type_override": kind, "fee_multiplier_override": multiplier}
        stream.feed({"type": "event_fee_update", "sid": 7, "seq": seq, "msg": msg})

    first, second = [event.market for event in stream.events if isinstance(event, MarketChanged)]
    assert first.fees is not None
    assert (first.fees.taker, first.fees.maker) == (35_000_000, 0)
    assert (second.fees, second.tradable) == (None, False)


@pytest.mark.parametrize(
    ("changes", "tradable"),
    [
        ({"strike_type": "less"}, False),
        ({"floor_strike": 7.5}, False),
        ({"custom_strike": {"basketball_team": "x"}}, False),
        ({"yes_sub_title": "Utah"}, False),
        ({"yes_sub_title": "Golden State"}, True),
    ],
)
def test_another_question_stops_trading_until_it_is_read_again(changes: dict[str, Any], tradable: bool) -> None:
    """metadata_updated with any word on the strike, its type alone included, or another YES name (kalshi.md 9.4)."""
    stream = Stream(T)

    stream.feed(lifecycle(1, event_type="metadata_updated", **changes))

    told = [event.market.tradable for event in stream.events if isinstance(event, MarketChanged)]
    assert told == ([] if tradable else [False])


def test_market_closes_by_our_own_clock() -> None:
    """The venue sends no event when close_time passes (kalshi.md 9.4)."""
    stream = Stream(T)
    closes = make_market().closes_at
    assert closes is not None

    stream.books.tick(MonoNs(stream.now), WallNs(closes - 1))
    stream.books.tick(MonoNs(stream.now), closes)

    assert [event.market.status for event in stream.events if isinstance(event, MarketChanged)] == ["closed"]
