"""Legs that nobody answers for end by their venue's record, or by a person's word; never by a guess (B-093, B-183)."""

import msgspec
import pytest
from reconcile_desk import NOW, A, B, Desk, Z, fill_of, leg_name, order, request

from controller.reconcile.compare import stranger_key
from trading.clock import SECOND
from trading.ids import LegId, client_order_id
from trading.market import KALSHI, POLYMARKET, MarketId, Venue
from trading.order import LegResult
from trading.units import Money, Size
from trading.venue import AccountQuery, Settlement

OLD = NOW - 3_600 * SECOND
ARB = ((KALSHI, A), (POLYMARKET, Z))


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.books = True
    return made


def unknown(desk: Desk, n: int, market: MarketId, *, at: int = OLD, number: str = "") -> LegId:
    """A leg of five contracts that went to a trader nobody has heard of since."""
    leg = request(n, market)
    name = leg_name(n, at)
    result = LegResult(leg_id=name, state="unknown", venue_order_id=number)
    desk.known[name] = msgspec.structs.replace(leg, leg_id=name), result
    desk.open.add(market)
    desk.arbs[name] = ARB
    return name


def end(desk: Desk, leg_id: LegId) -> tuple[str, int]:
    result = desk.known[leg_id][1]
    assert result is not None
    if result.final:
        desk.open.discard(desk.known[leg_id][0].want.market)
    return result.state, result.filled


async def looks(desk: Desk, count: int = 2) -> None:
    for _ in range(count):
        await desk.one.look(full=True)


async def test_a_lost_leg_ends_once_its_markets_are_settled_and_two_looks_prove_the_same(desk: Desk) -> None:
    """B-093: its trader is gone for good; both markets are paid out, the venue paid nothing and lists no fill: it did nothing."""
    leg_id = unknown(desk, 1, A)
    desk.settlements = [Settlement(market=A, payout=Money(0), revenue=Money(0), at=NOW, held=Size(0))]
    await looks(desk)
    assert end(desk, leg_id) == ("unknown", 0)  # neither market is settled

    desk.status = "settled"
    await looks(desk, 1)
    assert end(desk, leg_id) == ("unknown", 0)  # seen once
    await looks(desk, 1)

    assert end(desk, leg_id) == ("none", 0)


async def test_legs_that_cannot_end_keep_no_other_from_its_turn(desk: Desk) -> None:
    """A look takes a few legs: forty whose arb is under way stand before one that is settled, and it ends all the same."""
    for n in range(1, 41):
        del desk.arbs[unknown(desk, n, B)]
    leg_id = unknown(desk, 50, A)
    desk.settlements = [Settlement(market=A, payout=Money(0), revenue=Money(0), at=NOW, held=Size(0))]
    desk.status = "settled"

    await looks(desk, 4)

    assert end(desk, leg_id) == ("none", 0)


async def test_a_lost_leg_that_filled_ends_with_the_fills_of_its_order(desk: Desk) -> None:
    """The venue keeps our names: the order under its name, its fills, and five contracts paid."""
    leg_id = unknown(desk, 1, A)
    desk.status = "settled"
    desk.history = [order(A, client_order_id(leg_id), "order-7")]
    desk.fills = [fill_of("order-7", A, 5_000_000)]
    desk.settle(A, 5_000_000)

    await looks(desk)

    assert end(desk, leg_id) == ("filled", 5_000_000)


async def test_a_venue_that_paid_something_else_proves_nothing(desk: Desk) -> None:
    """P4: three contracts were paid that no fill explains: the leg stays in doubt."""
    leg_id = unknown(desk, 1, A)
    desk.status = "settled"
    desk.settle(A, 3_000_000)

    await looks(desk, 3)

    assert end(desk, leg_id) == ("unknown", 0)


async def test_fills_of_an_unnamed_order_are_the_only_doubtful_legs(desk: Desk) -> None:
    """Polymarket keeps no names of ours: fills of one order that is nobody else's, and the tokens they left, are the leg's; with
    two legs in doubt nobody can say whose."""
    first, second = unknown(desk, 1, Z), unknown(desk, 2, Z)
    desk.status = "settled"
    desk.fills, desk.held = [fill_of("0xorder", Z, 5_000_000)], {Z: 5_000_000}
    await looks(desk, 3)
    assert (end(desk, first), end(desk, second)) == (("unknown", 0), ("unknown", 0))

    del desk.known[second]
    await looks(desk)

    assert end(desk, first) == ("filled", 5_000_000)


async def test_without_a_count_only_an_empty_list_proves_a_leg(desk: Desk) -> None:
    """Redeemed tokens are listed nowhere: fills that nobody's order made may be the leg's or a person's, so it stays in doubt."""
    leg_id = unknown(desk, 1, Z)
    desk.fill(2, Z, 4_000_000)
    desk.status = "settled"
    desk.fills = [fill_of("order-2", Z, 4_000_000), fill_of("0xother", Z, 5_000_000)]
    await looks(desk, 3)
    assert end(desk, leg_id) == ("unknown", 0)

    desk.fills = desk.fills[:1]
    await looks(desk)

    assert end(desk, leg_id) == ("none", 0)


async def test_an_arb_under_way_and_a_young_leg_are_left_alone(desk: Desk) -> None:
    """B-093: whoever can still answer is asked; not even a person's word ends those."""
    young, live = unknown(desk, 1, A, at=NOW - 10 * SECOND), unknown(desk, 2, B)
    desk.arbs[live] = None  # type: ignore[assignment]  # under way
    desk.status = "settled"

    await looks(desk)
    await desk.one.adopt()

    assert (end(desk, young), end(desk, live)) == (("unknown", 0), ("unknown", 0))


async def test_a_market_that_cannot_be_read_leaves_its_leg(desk: Desk) -> None:
    """One refusal is no proof, and shuts no venue."""
    leg_id = unknown(desk, 1, A)
    desk.status = "settled"
    desk.dead.add(POLYMARKET)

    async def market(venue: Venue, market: MarketId) -> Desk:
        await desk.read(venue, AccountQuery(what="balances"))
        return desk

    desk.market = market  # type: ignore[method-assign]
    desk.one = desk.fresh()
    await looks(desk, 3)

    assert end(desk, leg_id) == ("unknown", 0)
    assert desk.one.last is not None
    assert set(desk.one.last[1].unread) == {POLYMARKET}


async def test_adopting_ends_a_lost_leg_by_what_the_venue_holds(desk: Desk) -> None:
    """`controller reconcile --adopt`: five contracts are there and no other leg made them: they are the leg's, at its limit."""
    leg_id = unknown(desk, 1, A)
    desk.held = {A: 5_000_000}

    report = await desk.one.adopt()

    assert end(desk, leg_id) == ("filled", 5_000_000)
    result = desk.known[leg_id][1]
    assert result is not None
    assert (result.cost, result.confirmed) == (2_500_000, True)
    assert desk.journal.number_kept(stranger_key(KALSHI, A)) == 0
    assert report.differences == ()


async def test_adopting_ends_a_lost_leg_with_nothing_where_nothing_is_there(desk: Desk) -> None:
    """What a person closed, or what never was: the leg ends empty and the books equal the venue."""
    leg_id = unknown(desk, 1, A)

    await desk.one.adopt()
    busy = end(desk, leg_id)
    report = await desk.one.look(full=True)

    assert busy == ("none", 0)
    assert (report.equal, report.waiting) == (True, ())
    assert desk.blocked(A) is None


async def test_adopting_forgets_no_fill_that_the_trader_told(desk: Desk) -> None:
    """B-424: two of five had filled when its trader was lost, and a person closed them at the venue: the leg made them all the
    same, and that they are gone is the person's doing. A result with less would be refused as a lagging read, and never end."""
    leg_id = unknown(desk, 1, A)
    leg, told = desk.known[leg_id]
    fill = fill_of(1, A, 2_000_000).fill
    desk.known[leg_id] = (
        leg,
        msgspec.structs.replace(told, state="held", filled=Size(2_000_000), cost=fill.cost, fills=(fill,)),
    )
    original = desk.book

    async def book(result: LegResult) -> bool:
        told = await original(result)
        end(desk, leg_id)
        return told

    desk.book = book  # type: ignore[method-assign]

    await desk.one.adopt()

    assert end(desk, leg_id) == ("partial", 2_000_000)
    assert desk.journal.number_kept(stranger_key(KALSHI, A)) == -2_000_000


async def test_adopting_gives_a_leg_no_more_than_it_could_have_bought(desk: Desk) -> None:
    """Twenty contracts are there: fifteen at most are a cash-sized leg's of five, the rest is a stranger's."""
    leg_id = unknown(desk, 1, A)
    original = desk.book

    async def book(result: LegResult) -> bool:
        told = await original(result)
        end(desk, leg_id)
        return told

    desk.book = book  # type: ignore[method-assign]
    desk.held = {A: 20_000_000}

    await desk.one.adopt()

    assert end(desk, leg_id) == ("filled", 15_000_000)
    assert desk.journal.number_kept(stranger_key(KALSHI, A)) == 5_000_000
