"""What a person did at a venue and had taken over is in the tables: positions equal the venues' (B-241, B-448)."""

import pytest
import structlog
from booked import AT, DAY1, DAY2, HOUR, KX, POLY, TEN, approved, arb_id, closed, filled
from sqlalchemy.engine import URL

from controller.ledger.database import open_ledger, url_of
from controller.ledger.facts import Adjusted, Decided, Ended, Ordered, Settled
from controller.ledger.holding import Change, Paid, Trade, hold
from controller.ledger.reader import LedgerReader
from controller.ledger.store import LedgerStore
from controller.ledger.strangers import StrangerBooks
from controller.ledger.writer import LedgerWriter
from controller.reconcile.compare import stranger_key
from trading.clock import ManualClock
from trading.errors import Unreachable
from trading.journal import MemoryJournal
from trading.market import KALSHI, POLYMARKET
from trading.offload import InlineOffload
from trading.order import Fill
from trading.units import DOLLAR, Money, Price, Size, WallNs
from trading.venue import AccountPage, VenueFill

_BOTH = ((KALSHI, KX.id), (POLYMARKET, POLY.id))


def by_hand(size: int, cost: float, fee: float = 0.02, *, order: str = "by-hand", at: int = AT + HOUR) -> VenueFill:
    fill = Fill(
        id=f"{order}-{at}",
        price=Price(4_000),
        size=Size(size),
        cost=Money(round(cost * DOLLAR)),
        fee=Money(round(fee * DOLLAR)),
        fee_is_final=True,
        maker=False,
        at=WallNs(at),
        status="final",
    )
    return VenueFill(venue_order_id=order, market=KX.id, fill=fill)


class Journal(MemoryJournal):
    """The promises of one arb, told."""

    def legs(self):
        return {leg_id: self.stored(leg_id) for leg_id in self._promised}


class Books:
    """One arb of ten pairs in the tables, and a venue whose fills are set by hand."""

    def __init__(self, where: URL) -> None:
        self.clock = ManualClock(wall=AT + 2 * HOUR)
        self.store = LedgerStore(open_ledger(where, write=True), "sim")
        self.reader = LedgerReader(open_ledger(where, write=False), "sim")
        self.journal = Journal()
        self.fills: list[VenueFill] = []
        self.silent = False
        writer = LedgerWriter(self.store, self.clock, InlineOffload(), self.nap, markets={}, pairs={}, books={})
        self.strangers = StrangerBooks(
            self.journal,  # type: ignore[arg-type]  # it keeps the same promises
            self.store,
            writer,
            self.clock,
            InlineOffload(),
            venues=(KALSHI, POLYMARKET),
            read=self.read,
        )

    async def nap(self, seconds: float) -> None:
        raise AssertionError(f"nobody sleeps here: {seconds}")

    async def read(self, venue, what) -> AccountPage:
        if self.silent:
            raise Unreachable(venue, "silent", "no answer")
        half = len(self.fills) // 2
        rows = self.fills[half:] if what.cursor else self.fills[:half]
        return AccountPage(fills=tuple(row for row in rows if row.market == what.market), cursor="" if what.cursor else "rest")

    async def trade(self) -> None:
        for leg, market in zip(approved(arb_id(1)).legs, (KX, POLY), strict=True):
            await self.journal.promise([leg])
            await self.journal.settle(filled(leg))
            self.store.apply([Ordered(leg, market, filled(leg), WallNs(AT))])

    async def adopt(self, market: str, number: int, venue=KALSHI) -> int:
        await self.journal.keep(stranger_key(venue, market), number)
        return await self.strangers.book()

    def position(self, market: str = KX.id) -> tuple[int, int, int] | None:
        rows = {row["market"]: (row["net"], row["cost"], row["realised"]) for row in self.reader.positions(closed=True)}
        return rows.get(market)

    def close(self) -> None:
        self.store.close()
        self.reader.close()


@pytest.fixture
def books(where: URL):
    made = Books(where)
    with structlog.testing.capture_logs():
        yield made
    made.close()


@pytest.fixture
def light(tmp_path):
    made = Books(url_of("", tmp_path))
    with structlog.testing.capture_logs():
        yield made
    made.close()


async def test_a_position_closed_by_hand_is_closed_in_the_tables_at_what_it_fetched(books: Books) -> None:
    """Ten YES bought for 4.02 and sold by hand for 4.50 less 2 cents: nothing is held, 46 cents were made."""
    await books.trade()
    ours = next(result.venue_order_id for _, result in books.journal.legs().values())
    books.fills = [by_hand(TEN, -4.5), by_hand(TEN, 4.0, order=ours)]

    assert await books.adopt(KX.id, -TEN) == 1

    assert books.position() == (0, 0, 460_000)
    assert books.position(POLY.id) == (-TEN, 5_520_000, 0)
    assert await books.strangers.book() == 0  # once


async def test_a_close_that_no_fills_explain_makes_up_no_profit(light: Books) -> None:
    """The venue does not answer, or tells of another size: what left takes its cost along."""
    await light.trade()
    light.silent = True

    await light.adopt(KX.id, -TEN // 2)
    assert light.position() == (TEN // 2, 2_010_000, 0)

    light.silent, light.fills = False, [by_hand(1_000_000, -0.5)]
    light.clock.advance(HOUR)
    await light.adopt(KX.id, -TEN)
    assert light.position() == (0, 0, 0)


async def test_a_persons_own_position_is_held_in_the_tables_until_it_is_gone(light: Books) -> None:
    """Seven contracts that no order of ours made are there for what they cost, and go when the venue holds none."""
    light.fills = [by_hand(7_000_000, 2.8)]
    await light.adopt(KX.id, 7_000_000)
    assert light.position() == (7_000_000, 2_820_000, 0)

    light.clock.advance(HOUR)
    light.fills.append(by_hand(7_000_000, -3.5, order="sold", at=light.clock.wall_ns() - 1))
    await light.adopt(KX.id, 0)

    assert light.position() == (0, 0, 660_000)


async def test_a_number_forgotten_after_a_payout_changes_nothing(light: Books) -> None:
    """Closed by hand, adopted, settled: the journal forgets the number because nothing is held, and the tables stay as they are."""
    await light.trade()
    await light.adopt(KX.id, -TEN)
    before = light.position()
    light.clock.advance(HOUR)

    assert await light.adopt(KX.id, 0) == 0
    light.store.apply([Settled(venue=KALSHI, market=KX.id, payout=Money(DOLLAR), at=light.clock.wall_ns())])
    assert await light.adopt(KX.id, 5) == 0

    assert light.position() == before == (0, 0, 0)


async def test_what_a_person_closed_is_in_the_days_once_its_market_is_paid(light: Books) -> None:
    """B-453: YES sold by hand for 4.50 less 2 cents pays us nothing any more: the days add up to what was really made."""
    await light.trade()
    legs = light.journal.legs()
    results = tuple(result for _, result in legs.values())
    light.store.apply([Decided(approved(arb_id(1)), WallNs(AT)), Ended(closed(arb_id(1), results), WallNs(AT))])
    light.fills = [by_hand(TEN, -4.5)]
    await light.adopt(KX.id, -TEN)
    paid = [Settled(venue=venue, market=market, payout=Money(DOLLAR), at=light.clock.wall_ns()) for venue, market in _BOTH]
    light.store.apply(paid)

    days = light.reader.days(DAY1, DAY2)
    made = sum(row["realised"] for row in light.reader.positions(closed=True))
    assert made == 4_480_000 - 4_020_000 - 5_520_000
    assert sum(day.profit.total for day in days) == made


async def test_a_persons_own_profit_is_not_in_our_days(light: Books) -> None:
    """B-448: bought and paid out without an order of ours."""
    light.fills = [by_hand(7_000_000, 2.8)]
    await light.adopt(KX.id, 7_000_000)
    light.store.apply([Settled(venue=KALSHI, market=KX.id, payout=Money(DOLLAR), at=light.clock.wall_ns())])

    assert sum(day.profit.total for day in light.reader.days(DAY1, DAY2)) == 0


def test_a_change_is_part_of_the_sum_at_its_time() -> None:
    """A sale by hand between two purchases takes its share of the first one's cost only; a payout pays what is left."""
    trades = [Trade(0, True, 10, 4, 0, 1), Trade(0, True, 10, 6, 0, 3)]

    assert hold(trades, None, [Change(-10, -5, 2)])[:3] == (10, 6, 1)
    assert hold(trades, Paid(DOLLAR, 9), [Change(-10, -5, 2)])[:3] == (0, 0, 5)
    assert hold([], None, [Change(-10, None, 2)])[:3] == (-10, 0, 0)


def test_an_adjustment_written_twice_counts_once(light: Books) -> None:
    """B-242: a batch may be written again after a crash."""
    row = Adjusted(venue=KALSHI, market=KX.id, net=5, cash=Money(2), at=WallNs(AT))
    light.store.apply([row])
    light.store.apply([row])

    assert light.position() == (5, 2, 0)
