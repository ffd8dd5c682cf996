"""The matching core under both simulated venues."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.sim.exchange import LevelChange, MatchingBook, Order, Side
from trading.units import Price, Size, WallNs


def book() -> tuple[MatchingBook, list[LevelChange]]:
    heard: list[LevelChange] = []
    return MatchingBook("M", lambda _, change: heard.append(change)), heard


def order(name: str, side: Side, price: int, size: int, owner: str = "flow") -> Order:
    return Order(name, owner, side, Price(price), Size(size), Size(size), WallNs(0))


def test_price_then_time_priority_and_maker_prices() -> None:
    """The better price fills first, equal prices in order of arrival, always at the maker's price."""
    m, _ = book()
    for name, price in (("a", 5200), ("b", 5100), ("c", 5100)):
        m.rest(order(name, "ask", price, 10))
    fills = m.match(order("t", "bid", 5200, 25, "me"))

    assert [(fill.maker.id, fill.price, fill.size) for fill in fills] == [("b", 5100, 10), ("c", 5100, 10), ("a", 5200, 5)]
    assert m.levels("ask") == [(5200, 5)]


def test_limit_stops_matching() -> None:
    """Nothing trades beyond the taker's limit, and nothing of the taker comes to rest."""
    m, _ = book()
    m.rest(order("a", "bid", 4000, 10))
    taker = order("t", "ask", 4100, 5, "me")

    assert m.match(taker) == []
    assert taker.remaining == 5 and not m.levels("ask")


def test_most_caps_what_trades() -> None:
    """most is the ceiling of one match, below the taker's size."""
    m, _ = book()
    m.rest(order("a", "bid", 4000, 10))
    taker = order("t", "ask", 4000, 8, "me")

    assert [fill.size for fill in m.match(taker, most=Size(3))] == [3]
    assert taker.remaining == 5


def test_own_orders_cancel_stop_or_are_skipped() -> None:
    """on_self True cancels the resting own order and goes on, False stops, no on_self passes it by."""
    for answer, filled, left in ((True, 10, 0), (False, 0, 10), (None, 10, 10)):
        m, _ = book()
        m.rest(order("own", "ask", 5000, 10, "me"))
        m.rest(order("other", "ask", 5000, 10))
        on_self = None if answer is None else (lambda maker, answer=answer: answer)
        taker = order("t", "bid", 5000, 10, "me")

        assert sum(fill.size for fill in m.match(taker, on_self=on_self)) == filled
        assert (m.orders["own"].remaining if "own" in m.orders else 0) == left


def test_order_taken_off_by_a_listener_during_a_match_does_not_trade() -> None:
    """What on_self removes besides the order it was asked about is gone for this match too."""
    m, _ = book()
    m.rest(order("own", "ask", 5000, 10, "me"))
    m.rest(order("other", "ask", 5000, 10))

    def on_self(maker: Order) -> bool:
        m.cancel("other")
        return True

    assert m.match(order("t", "bid", 5000, 10, "me"), on_self=on_self) == []
    assert not m.orders


def test_cancel_returns_and_keeps_the_remainder() -> None:
    """cancel says what remained, and the order goes on saying it; a second cancel is 0."""
    m, _ = book()
    resting = order("a", "bid", 4000, 10)
    m.rest(resting)
    m.match(order("t", "ask", 4000, 4, "me"))

    assert m.cancel("a") == 6 and resting.remaining == 6
    assert m.cancel("a") == 0


def test_decrease_keeps_the_place_in_the_queue() -> None:
    """A smaller order still fills before the one that came after it."""
    m, _ = book()
    m.rest(order("a", "bid", 4000, 10))
    m.rest(order("b", "bid", 4000, 10))
    m.decrease("a", Size(6))

    assert [fill.maker.id for fill in m.match(order("t", "ask", 4000, 5, "me"))] == ["a", "b"]


def test_matchable_counts_to_the_limit_without_one_owner() -> None:
    """matchable sums what a taker could reach."""
    m, _ = book()
    m.rest(order("a", "ask", 5000, 10))
    m.rest(order("b", "ask", 5100, 10, "me"))
    m.rest(order("c", "ask", 5200, 10))

    assert m.matchable("bid", Price(5100)) == 20
    assert m.matchable("bid", Price(5200), skip_owner="me") == 20
    assert [resting.id for resting in m.against("bid", Price(5100))] == ["a", "b"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["bid", "ask"]), st.integers(40, 60), st.integers(1, 9), st.integers(0, 9)), max_size=40)
)
def test_levels_equal_the_replay_of_their_changes(steps: list[tuple[Side, int, int, int]]) -> None:
    """Level totals, resting orders and the sum of told changes always agree, and the book never stands crossed."""
    m, heard = book()
    for n, (side, price, size, pick) in enumerate(steps):
        if pick == 0 and m.orders:
            m.cancel(next(iter(m.orders)))
            continue
        taker = order(str(n), side, price * 100, size, f"o{n}")
        m.match(taker)
        if taker.remaining:
            m.rest(taker)

        bid, ask = m.best("bid"), m.best("ask")
        assert bid is None or ask is None or bid < ask
    for side in ("bid", "ask"):
        replay: dict[int, int] = {}
        for change in heard:
            if change.side == side:
                replay[change.price] = replay.get(change.price, 0) + change.change
        resting: dict[int, int] = {}
        for kept in m.orders.values():
            if kept.side == side:
                resting[kept.price] = resting.get(kept.price, 0) + kept.remaining
        assert dict(m.levels(side)) == {price: size for price, size in replay.items() if size} == resting
