"""A book equals the replay of its changes, and never lies about its top."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.book import Book, Proof, Side
from trading.errors import OutOfSync
from trading.market import Action, MarketId, Outcome
from trading.units import ONE, MonoNs, Price, Size

NOW = MonoNs(5)


def book(bids: dict[int, int] | None = None, asks: dict[int, int] | None = None) -> Book:
    made = Book(MarketId("M"))
    made.apply_snapshot(
        {Price(p): Size(s) for p, s in (bids or {}).items()}, {Price(p): Size(s) for p, s in (asks or {}).items()}, NOW
    )
    return made


CHANGES = st.lists(st.tuples(st.sampled_from(["bid", "ask"]), st.integers(1, 40), st.integers(0, 5)), max_size=60)


@given(CHANGES)
def test_book_equals_the_replay_of_its_levels(changes: list[tuple[Side, int, int]]) -> None:
    """After any absolute changes, levels and cached tops equal a plain dict's."""
    made = book()
    model: dict[str, dict[int, int]] = {"bid": {}, "ask": {}}
    for side, price, size in changes:
        made.apply_level(side, Price(price), Size(size), NOW)
        model[side][price] = size
    bids = {p: s for p, s in model["bid"].items() if s}
    asks = {p: s for p, s in model["ask"].items() if s}

    assert made.bids == bids
    assert made.asks == asks
    assert made.bid == max(bids, default=0)
    assert made.ask == min(asks, default=ONE)


@given(CHANGES)
def test_deltas_equal_absolute_levels(changes: list[tuple[Side, int, int]]) -> None:
    """Signed changes lead to the same book as absolute sizes."""
    absolute, signed = book(), book()
    for side, price, size in changes:
        held = (signed.bids if side == "bid" else signed.asks).get(Price(price), 0)
        absolute.apply_level(side, Price(price), Size(size), NOW)
        signed.apply_delta(side, Price(price), Size(size - held), NOW)

    assert (signed.bids, signed.asks, signed.bid, signed.ask) == (absolute.bids, absolute.asks, absolute.bid, absolute.ask)


def test_negative_level_is_out_of_sync() -> None:
    """A change that takes more than there is proves that the book is wrong."""
    with pytest.raises(OutOfSync, match="M: bid level 4000"):
        book({4000: 5}).apply_delta("bid", Price(4000), Size(-6), NOW)


def test_no_side_is_the_mirror_of_the_yes_side() -> None:
    """NO ask = 1 - YES bid with the bid's size, and the other way round (B-117)."""
    made = book({4000: 7, 3900: 1}, {4300: 9})

    assert made.best(Outcome.YES, Action.BUY) == (4300, 9)
    assert made.best(Outcome.YES, Action.SELL) == (4000, 7)
    assert made.best(Outcome.NO, Action.BUY) == (6000, 7)
    assert made.best(Outcome.NO, Action.SELL) == (5700, 9)
    assert made.levels(Outcome.NO, Action.BUY) == [(6000, 7), (6100, 1)]


def test_empty_sides_have_no_best() -> None:
    made = book()

    assert made.best(Outcome.YES, Action.BUY) is made.best(Outcome.NO, Action.BUY) is None
    assert not made.crossed
    assert made.ready


def test_crossed_book_says_so() -> None:
    """YES ask + NO ask below a dollar inside one market is corruption (execution.md B-434)."""
    assert book({5000: 1}, {5000: 1}).crossed


def test_losing_and_rebuilding_counts_an_epoch() -> None:
    """A rebuilt book is another one: plans made on the old epoch are stale (B-451)."""
    made = book({1: 1})
    before = made.epoch
    made.lose()
    lost = made.ready
    made.apply_snapshot({}, {}, MonoNs(9))

    assert not lost
    assert made.ready
    assert made.epoch == before + 1
    assert made.changed_at == 9


def test_one_frame_proves_every_book_of_its_stream() -> None:
    """Books that share a proof are proven together, so a quiet market can trade."""
    proof = Proof()
    one, two = Book(MarketId("A"), proof), Book(MarketId("B"), proof)
    proof.at = MonoNs(77)

    assert one.proved_at == two.proved_at == 77
