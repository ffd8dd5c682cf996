"""What is told to the ledger stands in its tables, once, whatever order it came in and however often."""

import random

import msgspec
import pytest
from booked import AT, DAY1, DAY2, HOUR, KX, PAIR, POLY, TEN, again, approved, arb_id, closed, filled, leg, refused
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL

from controller.ledger.database import open_ledger
from controller.ledger.facts import Compared, Decided, Ended, Moved, Ordered, Paired, Priced, Settled
from controller.ledger.holding import Paid, Trade, hold
from controller.ledger.pnl import Split
from controller.ledger.reader import LedgerReader
from controller.ledger.store import LedgerStore
from trading.market import KALSHI, POLYMARKET, Action, FeeTerms, Outcome
from trading.units import DOLLAR, Money, WallNs


class Books:
    """A store and a reader of one world."""

    def __init__(self, where: URL, world: str = "sim") -> None:
        self.store = LedgerStore(open_ledger(where, write=True), world)
        self.reader = LedgerReader(open_ledger(where, write=False), world)

    def positions(self) -> dict[str, tuple[int, int, int]]:
        return {row["market"]: (row["net"], row["cost"], row["realised"]) for row in self.reader.positions(closed=True)}

    def orders(self) -> dict[str, str]:
        return {row["leg"]: row["status"] for row in self.reader.orders(limit=100)}

    def close(self) -> None:
        self.store.close()
        self.reader.close()


@pytest.fixture
def books(where: URL):
    made = Books(where)
    yield made
    made.close()


def matched(number: int = 1, at: int = AT, status: str = "final") -> list:
    """A whole arb: decided, both legs filled, ended."""
    arb = arb_id(number, at)
    approval = approved(arb)
    results = tuple(filled(one, status=status) for one in approval.legs)
    return [
        Paired(PAIR, (KX, POLY), WallNs(at)),
        Decided(approval, WallNs(at)),
        *(Ordered(one, None, None, WallNs(at)) for one in approval.legs),
        *(Ordered(one, market, got, WallNs(at)) for one, market, got in zip(approval.legs, (KX, POLY), results, strict=True)),
        Ended(closed(arb, results), WallNs(at)),
    ]


def test_an_arb_stands_in_every_table(books: Books) -> None:
    """B-240, B-248 to B-252: decision, both orders with their fills, positions at cost with fees, and the day's profit."""
    books.store.apply(matched())

    assert set(books.orders().values()) == {"filled"}
    assert books.positions() == {"KX": (TEN, 4_020_000, 0), "0xc": (-TEN, 5_520_000, 0)}
    (day,) = books.reader.days(DAY1, DAY1)
    assert (day.executions, day.matched, day.fees, day.profit) == (1, TEN, 40_000, Split(locked=460_000))
    (row,) = books.reader.exposures()
    assert (row["event"], row["cost"], row["naked"]) == ("game", 9_540_000, 0)
    assert books.reader.positions()[0]["title"] in ("Do the Owls win?", "Owls vs. Bats")


def test_worst_outcome_in_the_tables_knows_whose_terms_differ(books: Books) -> None:
    """B-443: where terms are priced, a void on one venue alone takes half of ten sets that cost 9.54."""
    priced = msgspec.structs.replace(PAIR, settlement_charge=Money(2_000))
    books.store.apply([*matched(), Paired(priced, (KX, POLY), WallNs(AT))])

    (row,) = books.reader.exposures()
    assert (row["worst_loss"], row["naked"]) == (4_540_000, 0)


def test_an_order_keeps_the_terms_it_was_traded_on(books: Books) -> None:
    """Fees and rules may change later: what a trade was made on stays with it."""
    order = leg(arb_id(1), 0, KX, Outcome.YES, 4_000)
    fees = FeeTerms(schedule="kalshi", taker=70_000_000)
    then, now = (msgspec.structs.replace(KX, fees=fees, rules_hash=text) for text in ("then", "now"))
    books.store.apply([Ordered(order, then, None, WallNs(AT))])
    books.store.apply([Ordered(order, now, filled(order), WallNs(AT))])

    (row,) = books.reader.orders(limit=1)
    assert (row["rules_hash"], '"taker":70000000' in row["fee_terms"]) == ("then", True)


def test_the_same_facts_again_change_nothing(books: Books) -> None:
    """B-242: a batch that was written before a crash is written again from the journal."""
    books.store.apply(matched())
    before = books.positions(), books.reader.days(DAY1, DAY2), books.reader.orders(limit=10)
    books.store.apply(matched())
    books.store.apply(list(reversed(matched())))

    assert (books.positions(), books.reader.days(DAY1, DAY2), books.reader.orders(limit=10)) == before


def test_an_older_truth_never_replaces_a_newer_one(books: Books) -> None:
    """B-424: a fill that was reversed stays reversed when its first answer is heard once more."""
    order = leg(arb_id(1), 0, KX, Outcome.YES, 4_000)
    first = filled(order, status="provisional")
    gone = again(first, state="none", filled=0, cost=0, fee=0, fills=())
    books.store.apply([Ordered(order, KX, first, WallNs(AT))])
    assert books.positions()["KX"][0] == TEN
    books.store.apply([Ordered(order, KX, gone, WallNs(AT))])
    books.store.apply([Ordered(order, KX, first, WallNs(AT))])

    assert books.orders() == {order.leg_id.hex(): "none"}
    assert books.positions() == {}


def test_what_a_venue_may_take_back_is_provisional(books: Books) -> None:
    """B-453: only what both venues confirmed is the headline."""
    books.store.apply(matched(status="provisional"))

    (day,) = books.reader.days(DAY1, DAY1)
    assert day.profit == Split(provisional=460_000)


@pytest.mark.parametrize(("kalshi", "poly"), [(DOLLAR, DOLLAR), (0, 0)])
def test_a_settlement_on_both_venues_pays_what_was_locked(books: Books, kalshi: int, poly: int) -> None:
    """B-242: whoever wins, the sum of both positions is the locked profit, and no basis is left."""
    books.store.apply(matched())
    books.store.apply(paid(kalshi, poly))
    books.store.apply(paid(kalshi, poly))

    assert sum(realised for _, _, realised in books.positions().values()) == 460_000
    assert all(net == 0 == cost for net, cost, _ in books.positions().values())
    first, second = books.reader.days(DAY1, DAY2)
    assert (first.profit, second.profit, second.settled) == (Split(locked=460_000), Split(), 2)
    assert books.store.open_markets() == []


@pytest.mark.parametrize(("over", "off"), [(0, 0), (100, 0), (101, 1)])
def test_a_day_counts_one_sided_arbs_and_orders_beyond_their_limit(books: Books, over: int, off: int) -> None:
    """B-332, B-333, C-15: misses, one-sided and matched ends apart; of the orders that filled, those that paid more than their
    limit, or fetched less."""
    books.store.apply(matched())
    for number, outcome in enumerate(("unwound", "miss", "exposed"), 2):
        arb, traded = arb_id(number), []
        if outcome != "miss":
            back = leg(arb, 0, KX, Outcome.YES, 3_900, attempt=1, action=Action.SELL)
            fetched = filled(back)
            less = msgspec.structs.replace(fetched, cost=Money(fetched.cost + (over if outcome == "unwound" else 0)))
            traded = [(one, filled(one)) for one in approved(arb).legs[:1]] + [(back, less)]
        end = closed(arb, tuple(got for _, got in traded), outcome=outcome)
        orders = [Ordered(one, KX, got, WallNs(AT)) for one, got in traded]
        books.store.apply([Decided(approved(arb), WallNs(AT)), *orders, Ended(end, WallNs(AT))])

    (day,) = books.reader.days(DAY1, DAY1)

    assert (day.executions, day.misses, day.one_sided, day.filled, day.off_limit) == (4, 1, 2, 6, off)


def paid(kalshi: int, poly: int) -> list[Settled]:
    later = WallNs(AT + 24 * HOUR)
    return [
        Settled(venue=KALSHI, market=KX.id, payout=Money(kalshi), at=later),
        Settled(venue=POLYMARKET, market=POLY.id, payout=Money(poly), at=later),
    ]


def test_a_void_on_one_venue_only_is_basis_on_its_day(books: Books) -> None:
    """B-453: 50/50 on one venue and a loss on the other is what the hedge did not promise; the day it ended keeps its figure."""
    books.store.apply(matched())
    books.store.apply(paid(0, DOLLAR // 2))  # YES lost there, the void pays half for our NO here

    first, second = books.reader.days(DAY1, DAY2)
    assert first.profit == Split(locked=460_000)
    assert second.profit == Split(basis=-5 * DOLLAR)
    assert first.profit.total + second.profit.total == sum(row[2] for row in books.positions().values())


def test_what_stands_alone_counts_at_its_worst_until_it_is_paid(books: Books) -> None:
    """B-453: a naked leg is its cost lost; when it wins, the day of the settlement says so."""
    arb = arb_id(1)
    approval = approved(arb)
    got = filled(approval.legs[0])
    end = closed(arb, (got,), outcome="exposed", matched=0, unhedged=TEN, profit=Money(0), naked=Money(4_020_000))
    books.store.apply([Decided(approval, WallNs(AT)), Ordered(approval.legs[0], KX, got, WallNs(AT)), Ended(end, WallNs(AT))])
    assert books.reader.days(DAY1, DAY1)[0].profit == Split(naked=-4_020_000)
    books.store.apply(paid(DOLLAR, DOLLAR))

    first, second = books.reader.days(DAY1, DAY2)
    assert first.profit == Split(naked=-4_020_000)
    assert second.profit == Split(naked=10 * DOLLAR)
    assert (first.profit.plus(second.profit)).total == books.positions()["KX"][2]


def told(legs: tuple, results: tuple) -> list[Ordered]:
    """The newest truth about both legs of the pair."""
    return [Ordered(leg, market, got, WallNs(AT)) for leg, market, got in zip(legs, (KX, POLY), results, strict=True)]


def test_an_exposed_arb_is_locked_once_all_of_it_is_paid(books: Books) -> None:
    """B-453: half hedged, half alone: after the settlement the hedged half is the headline and the rest what it really made."""
    arb = arb_id(1)
    approval = approved(arb)
    one, two = filled(approval.legs[0]), filled(approval.legs[1], size=TEN // 2)
    end = closed(
        arb, (one, two), outcome="exposed", matched=TEN // 2, unhedged=TEN // 2, profit=Money(230_000), naked=Money(2_010_000)
    )
    orders = [
        Ordered(order, market, got, WallNs(AT))
        for order, market, got in zip(approval.legs, (KX, POLY), (one, two), strict=True)
    ]
    books.store.apply([Decided(approval, WallNs(AT)), *orders, Ended(end, WallNs(AT))])
    assert books.reader.days(DAY1, DAY1)[0].profit == Split(provisional=230_000, naked=-2_010_000)
    books.store.apply(paid(DOLLAR, DOLLAR))

    total = books.reader.days(DAY1, DAY1)[0].profit.plus(books.reader.days(DAY2, DAY2)[0].profit)
    assert (total.locked, total.provisional) == (230_000, 0)
    assert total.total == sum(row[2] for row in books.positions().values())


def test_an_open_order_keeps_the_worst_until_it_is_known(books: Books) -> None:
    """B-453: the first market paid ten dollars, but the second leg may have filled: nothing is told as won."""
    arb = arb_id(1)
    approval = approved(arb)
    one = filled(approval.legs[0])
    unsure = again(filled(approval.legs[1]), state="unknown", filled=0, cost=0, fee=0, fills=())
    end = closed(arb, (one, unsure), outcome="unknown", matched=0, unhedged=TEN, profit=Money(0), naked=Money(4_020_000))
    orders = [
        Ordered(order, market, got, WallNs(AT))
        for order, market, got in zip(approval.legs, (KX, POLY), (one, unsure), strict=True)
    ]
    books.store.apply([Decided(approval, WallNs(AT)), *orders, Ended(end, WallNs(AT)), *paid(DOLLAR, DOLLAR)])

    total = books.reader.days(DAY1, DAY1)[0].profit.plus(books.reader.days(DAY2, DAY2)[0].profit)
    assert total == Split(naked=-4_020_000)


def test_a_fill_that_became_known_after_the_settlement_is_paid_too(books: Books) -> None:
    """A late truth about a settled market changes its position as if it had always been known."""
    books.store.apply([*matched(), *paid(DOLLAR, DOLLAR)])
    late = leg(arb_id(2), 0, KX, Outcome.YES, 4_000)
    books.store.apply([Ordered(late, KX, filled(late), WallNs(AT + 48 * HOUR))])

    assert books.positions()["KX"] == (0, 0, 2 * (10 * DOLLAR - 4_020_000))


def test_worlds_never_meet(where: URL) -> None:
    """B-253: a paper position is no position of the real account."""
    paper, sim = Books(where, "paper"), Books(where, "sim")
    paper.store.apply(matched())

    assert paper.positions()
    assert sim.positions() == {}
    assert sim.reader.days(DAY1, DAY1)[0].executions == 0
    assert sim.reader.exposures() == []
    paper.close()
    sim.close()


def test_the_same_refusal_is_one_row_a_minute(books: Books) -> None:
    """B-250: refused ten thousand times a day, told in rows that people can read; the day's count stays true."""
    for seconds, seen in ((0, 3), (30, 4), (70, 2)):
        books.store.apply([Decided(refused(), WallNs(AT + seconds * 1_000_000_000), seen)])
    books.store.apply([Decided(refused("no_route"), WallNs(AT))])

    assert books.reader.days(DAY1, DAY1)[0].refused == 10


def test_an_approval_that_was_refused_before_its_promise_is_told_so(books: Books) -> None:
    """The journal knows nothing of it; the arb's end does."""
    arb = arb_id(1)
    approval = approved(arb)
    books.store.apply([Decided(approval, WallNs(AT)), *(Ordered(one, None, None, WallNs(AT)) for one in approval.legs)])
    assert set(books.orders().values()) == {"pending"}
    no = tuple(again(filled(one), state="refused", filled=0, cost=0, fee=0, fills=(), code="no_route") for one in approval.legs)
    books.store.apply([Ended(closed(arb, no, outcome="miss", matched=0, profit=Money(0)), WallNs(AT))])

    assert set(books.orders().values()) == {"refused"}
    assert books.store.sent_since(0) == []


def test_prices_mark_positions_and_are_forgotten_after_an_hour(books: Books) -> None:
    """B-241, B-253: unrealised is what the bid would pay for what is held, less its cost."""
    books.store.apply(matched())
    books.store.apply([Priced(KALSHI, KX.id, (3_000, TEN, 3_200, TEN), WallNs(AT))])
    books.store.apply([Priced(KALSHI, KX.id, (4_500, TEN, 4_700, TEN), WallNs(AT + 60_000_000_000))])
    assert {row["market"]: row["unrealised"] for row in books.reader.positions()} == {"KX": 4_500_000 - 4_020_000, "0xc": None}
    books.store.apply([Priced(POLYMARKET, POLY.id, (4_000, TEN, 4_100, TEN), WallNs(AT + 2 * HOUR))])

    assert {row["market"]: row["unrealised"] for row in books.reader.positions()} == {"KX": None, "0xc": 5_900_000 - 5_520_000}


def test_reconciliations_and_transfers_are_kept(books: Books) -> None:
    """B-243: the last comparison of a day is its figure; a merge is a movement, no profit."""
    moved = Moved(id="tx1", venue=POLYMARKET, kind="merge", what="0xc", amount=Money(DOLLAR), at=WallNs(AT))
    books.store.apply([Compared(("a", "b"), WallNs(AT)), Compared(("a",), WallNs(AT + 1)), moved, moved])

    (day,) = books.reader.days(DAY1, DAY1)
    assert (day.differences, day.profit.total) == (1, 0)


def test_texts_no_database_takes_do_not_stop_the_books(books: Books) -> None:
    """A venue's error with a NUL or half a surrogate, a name of ten thousand letters."""
    order = leg(arb_id(1), 0, KX, Outcome.YES, 4_000)
    odd = again(filled(order), detail="a\0b\ud800", code="x" * 10_000)
    books.store.apply([Ordered(order, KX, odd, WallNs(AT))])

    assert books.reader.orders(limit=1)[0]["detail"] == "ab?"


TRADES = st.lists(
    st.tuples(st.integers(0, 1), st.booleans(), st.integers(1, 50), st.integers(1, 99), st.integers(0, 3)), max_size=12
)


@given(TRADES, st.integers(0, 100))
def test_a_settled_position_is_what_was_paid_less_what_it_cost(trades: list, payout: int) -> None:
    """Whatever was bought and sold in whatever order, a set being worth its dollar: no cent appears or is lost."""
    rows = [
        Trade(outcome, buy, size * DOLLAR, size * cents * 10_000 * (1 if buy else -1), fee, n + 1)
        for n, (outcome, buy, size, cents, fee) in enumerate(trades)
    ]
    held = hold(rows, Paid(payout * 10_000, 99))
    cash = -sum(row.cost + row.fee for row in rows)
    worth = sum((row.size if row.buy else -row.size) * (payout if row.outcome == 0 else 100 - payout) // 100 for row in rows)
    assert (held.realised if held is not None else 0) == cash + worth
    open_ = hold(rows)
    if open_ is not None and not open_.net:
        assert open_.cost == 0


def test_selling_back_realises_the_loss_at_average_cost() -> None:
    """B-241: two buys at 40 and 50 average 45; five sold at 30 lose 75 cents and a fee."""
    rows = [
        Trade(0, True, 5 * DOLLAR, 2_000_000, 0, 1),
        Trade(0, True, 5 * DOLLAR, 2_500_000, 0, 2),
        Trade(0, False, 5 * DOLLAR, -1_500_000, 10_000, 3),
    ]
    held = hold(rows)
    assert held is not None
    assert (held.net, held.cost, held.realised, held.fees) == (5 * DOLLAR, 2_250_000, -760_000, 10_000)


def test_a_kalshi_payout_loses_its_fraction_of_a_cent() -> None:
    """kalshi.md 11: three contracts at a third of a dollar pay 99 cents."""
    held = hold([Trade(0, True, 3 * DOLLAR, DOLLAR, 0, 1)], Paid(333_333, 2, 10_000))
    assert held is not None
    assert held.realised == 990_000 - DOLLAR


@pytest.mark.parametrize("seed", range(3))
def test_positions_follow_any_story_of_orders(books: Books, seed: int) -> None:
    """Added up from the tables in any order of writing, a market holds what its orders did."""
    chance = random.Random(seed)
    facts, net = [], 0
    for number in range(8):
        outcome, action = chance.choice(list(Outcome)), chance.choice(list(Action))
        order = leg(arb_id(number, AT + number), 0, KX, outcome, chance.randrange(1_000, 9_000), action=action)
        facts.append(Ordered(order, KX, filled(order), WallNs(AT)))
        net += TEN * (1 if (outcome is Outcome.YES) is (action is Action.BUY) else -1)
    chance.shuffle(facts)
    for fact in facts:
        books.store.apply([fact])

    assert books.positions()["KX"][0] == net


def test_an_empty_world_names_those_that_have_orders(books: Books, where: URL) -> None:
    """Whoever asks about paper after a run on the simulators is told where its orders are, and only then."""
    books.store.apply(matched())
    paper = LedgerReader(open_ledger(where, write=False), "paper")

    assert paper.others() == ("sim",)
    assert books.reader.others() == ()
    paper.close()
