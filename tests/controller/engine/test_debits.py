"""Promises of the own-fill debit: level by level, until the book shows our fill or the time is over (B-441)."""

from hypothesis import given
from hypothesis import strategies as st

from controller.debits import Debits
from trading.book import Book
from trading.clock import MS
from trading.market import Action, MarketId, Outcome
from trading.order import Fill, Want
from trading.units import CONTRACT, Money, MonoNs, Price, Size, WallNs

NOW = MonoNs(1_000 * MS)


def contracts(count: int) -> Size:
    return Size(count * CONTRACT)


def book(bids: dict[int, int], asks: dict[int, int]) -> Book:
    made = Book(MarketId("M"))
    made.apply_snapshot(
        {Price(p * 100): contracts(s) for p, s in bids.items()}, {Price(p * 100): contracts(s) for p, s in asks.items()}, NOW
    )
    return made


def want(limit: int, outcome: Outcome = Outcome.YES, action: Action = Action.BUY) -> Want:
    return Want(market=MarketId("M"), outcome=outcome, action=action, limit=Price(limit * 100), size=contracts(1))


def fill(price: int, size: int) -> Fill:
    return Fill(
        id=f"{price}",
        price=Price(price * 100),
        size=contracts(size),
        cost=Money(0),
        fee=Money(0),
        fee_is_final=True,
        maker=False,
        at=WallNs(0),
        status="final",
    )


def set_ask(shown: Book, price: int, size: int) -> None:
    shown.apply_level("ask", Price(price * 100), contracts(size), MonoNs(NOW + MS))


def depth(debits: Debits, shown: Book, outcome: Outcome = Outcome.YES) -> list[tuple[int, int]]:
    debits.stand(shown, MonoNs(NOW + MS))
    return [(price // 100, size // CONTRACT) for price, size in debits.depth(shown, outcome)]


def test_fills_are_taken_off_their_own_levels() -> None:
    """A better level that appeared before the answer is not ours; the level we bought at is."""
    shown = book({}, {44: 50, 45: 40})
    debits = Debits(500 * MS, 500 * MS)

    debits.add(shown, want(45), contracts(10), (fill(45, 10),), NOW)

    assert depth(debits, shown) == [(44, 50), (45, 30)]


def test_average_price_takes_the_best_levels_within_the_limit() -> None:
    """An answer that states one average for several levels debits them best first, and nothing beyond the limit."""
    shown = book({}, {44: 4, 46: 4, 48: 40})
    debits = Debits(500 * MS, 500 * MS)

    debits.add(shown, want(46), contracts(10), (fill(45, 10),), NOW)

    assert depth(debits, shown) == [(48, 40)]


def test_bought_no_is_taken_off_the_bids() -> None:
    """NO at 56c is a YES bid at 44c; the asks are untouched."""
    shown = book({44: 40}, {45: 40})
    debits = Debits(500 * MS, 500 * MS)

    debits.add(shown, want(56, Outcome.NO), contracts(10), (fill(56, 10),), NOW)

    assert depth(debits, shown, Outcome.NO) == [(56, 30)]
    assert depth(debits, shown) == [(45, 40)]


def test_levels_end_one_by_one() -> None:
    """The level that shrank by our part is free; the one that did not is still debited."""
    shown = book({}, {44: 5, 45: 40})
    debits = Debits(500 * MS, 500 * MS)
    debits.add(shown, want(45), contracts(15), (fill(44, 5), fill(45, 10)), NOW)

    set_ask(shown, 44, 0)
    first = depth(debits, shown)
    set_ask(shown, 45, 30)

    assert first == [(45, 30)]
    assert not debits.stand(shown, MonoNs(NOW + MS))


def test_two_fills_of_a_level_need_both_to_show() -> None:
    """The second fill of a level ends when the level shrank by both, not when it shows the first."""
    shown = book({}, {45: 40})
    debits = Debits(500 * MS, 500 * MS)
    for _ in range(2):
        debits.add(shown, want(45), contracts(10), (fill(45, 10),), NOW)
    both = depth(debits, shown)

    set_ask(shown, 45, 30)
    one = depth(debits, shown)
    set_ask(shown, 45, 20)

    assert (both, one, depth(debits, shown)) == ([(45, 20)], [(45, 20)], [(45, 20)])
    assert not debits.stand(shown, MonoNs(NOW + MS))


def test_book_that_shows_no_such_level_owes_nothing() -> None:
    """The frame was faster than the answer: the level is gone already."""
    shown = book({}, {46: 40})
    debits = Debits(500 * MS, 500 * MS)

    debits.add(shown, want(45), contracts(10), (fill(45, 10),), NOW)

    assert not debits.stand(shown, NOW)


levels = st.dictionaries(st.integers(40, 50), st.integers(1, 30), max_size=5)


@given(levels, st.lists(st.tuples(st.integers(40, 50), st.integers(1, 40)), max_size=4), levels, st.integers(0, 600))
def test_depth_is_never_more_than_the_book(shown, taken, later, ms) -> None:
    """For any fills and any later book: each level offers at most what it shows, and all of it once the time is over."""
    debits = Debits(500 * MS, 500 * MS)
    before = book({}, shown)
    for price, size in taken:
        debits.add(before, want(50), contracts(size), (fill(price, size),), NOW)
    after = book({}, later)

    stands = debits.stand(after, MonoNs(NOW + ms * MS))

    offered = dict(debits.depth(after, Outcome.YES))
    assert all(0 < size <= after.asks[price] for price, size in offered.items())
    assert (stands and ms < 500) or offered == after.asks


def test_on_paper_what_was_taken_stays_taken_without_a_wait():
    """No book shows a paper fill: the wait for it ends, the depth stays gone."""
    made = book({}, {50: 80})
    debits = Debits(500 * MS, 86_400_000 * MS)
    debits.add(made, want(50), contracts(20), (), NOW)

    assert not debits.stand(made, MonoNs(NOW + 501 * MS))
    assert debits.depth(made, Outcome.YES) == [(5_000, contracts(60))]


@given(
    st.dictionaries(st.integers(1, 49), st.integers(1, 50)),
    st.dictionaries(st.integers(50, 99), st.integers(1, 50)),
    st.integers(1, 99),
    st.sampled_from(Outcome),
)
def test_depth_up_to_a_price_is_the_whole_depth_cut_there(
    bids: dict[int, int], asks: dict[int, int], worst: int, outcome
) -> None:
    """What nobody could pay for is left out, and nothing else, with our own fills taken off as before."""
    shown = book(bids, asks)
    debits = Debits(500 * MS, 500 * MS)
    debits.add(shown, want(99, outcome), contracts(20), (fill(99, 20),), NOW)
    whole = debits.depth(shown, outcome)

    cut = debits.depth(shown, outcome, Price(worst * 100))

    assert cut == [level for level in whole if level[0] <= worst * 100]
