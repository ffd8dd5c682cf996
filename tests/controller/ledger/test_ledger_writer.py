"""Behind the back of trading: nothing that was told is lost, whatever the disk does and whenever the process ends."""

from pathlib import Path

import msgspec
import pytest
import structlog
from booked import AT, DAY1, DAY2, HOUR, KX, PAIR, POLY, TEN, again, approved, arb_id, closed, filled, leg, refused

from controller.ledger.database import LedgerFailed, open_ledger, url_of
from controller.ledger.facts import Past
from controller.ledger.keeper import LedgerKeeper
from controller.ledger.pnl import Split
from controller.ledger.reader import LedgerReader
from controller.ledger.store import LedgerStore
from controller.ledger.writer import LedgerWriter
from controller.reconcile.ports import ADOPTED_AT
from trading.book import Book
from trading.clock import ManualClock
from trading.errors import Unreachable
from trading.market import KALSHI, POLYMARKET, MarketId, Outcome
from trading.offload import InlineOffload
from trading.order import LegRequest
from trading.units import DOLLAR, Money, MonoNs, Price, WallNs
from trading.venue import Payout


class Venue:
    """Pays what it is told, or does not answer."""

    def __init__(self) -> None:
        self.paid: dict[str, Money] = {}
        self.at: WallNs | None = None
        self.away = False
        self.asked = 0

    async def payout(self, market: str) -> Payout | None:
        self.asked += 1
        if self.away:
            raise Unreachable(KALSHI, "away", "no answer")
        return Payout(self.paid[market], self.at) if market in self.paid else None


class Journal:
    """The legs and small numbers of a journal."""

    def __init__(self, legs: dict | None = None) -> None:
        self.kept = legs or {}
        self.numbers: dict[str, int] = {}

    def legs(self) -> dict:
        return self.kept

    def number_kept(self, key: str) -> int:
        return self.numbers.get(key, 0)

    async def keep(self, key: str, value: int) -> None:
        self.numbers[key] = value


class Desk:
    """A keeper over a file, with a manual clock and no threads."""

    def __init__(self, directory: Path) -> None:
        self.where = url_of("", directory)
        self.clock = ManualClock(wall=AT)
        self.store = LedgerStore(open_ledger(self.where, write=True), "sim")
        self.reader = LedgerReader(self.store.engine, "sim")
        self.venue = Venue()
        self.halts: list[str] = []
        self.slept = 0
        self.ready = Book(KX.id)
        self.writer = LedgerWriter(
            self.store,
            self.clock,
            InlineOffload(),
            self.sleep,
            markets={KX.id: KX, POLY.id: POLY},
            pairs={PAIR.id: PAIR},
            books={KX.id: self.ready},
        )
        venues = {KALSHI: self.venue, POLYMARKET: self.venue}
        self.keeper = LedgerKeeper(
            self.writer, self.store, venues, self.clock, InlineOffload(), self.sleep, halt=self.halts.append
        )

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        if self.slept > 3:
            raise EndOfTest
        self.clock.advance(int(seconds * 1_000_000_000))

    async def trade(self, number: int = 1) -> None:
        """One matched arb, as the runtime tells it."""
        approval = approved(arb_id(number))
        self.writer.decided(approval)
        results = tuple(filled(one) for one in approval.legs)
        for one, market, result in zip(approval.legs, (KX, POLY), results, strict=True):
            self.writer.ordered(one, market, result)
        self.writer.closed(closed(approval.arb_id, results))
        await self.writer.flush()

    def statuses(self) -> list[str]:
        return [row["status"] for row in self.reader.orders(limit=10)]


class EndOfTest(Exception):
    pass


@pytest.fixture
def desk(tmp_path: Path):
    made = Desk(tmp_path)
    with structlog.testing.capture_logs():
        yield made
    made.store.close()


async def test_an_arb_is_in_the_tables_after_one_flush(desk: Desk) -> None:
    """B-240: decision, pair, markets, both orders and the end, from the three calls the runtime makes."""
    await desk.trade()

    assert desk.reader.days(DAY1, DAY1)[0].profit == Split(locked=460_000)
    assert [row["title"] for row in desk.reader.positions()] == ["Do the Owls win?", "Owls vs. Bats"]


async def test_an_approved_order_stands_as_pending_before_its_answer(desk: Desk) -> None:
    """B-240: recorded before the venue call; the leg of a missed arb that was never sent says so afterwards."""
    approval = approved(arb_id(1))
    desk.writer.decided(approval)
    await desk.writer.flush()
    assert desk.statuses() == ["pending", "pending"]
    missed = again(filled(approval.legs[0]), state="none", filled=0, cost=0, fee=0, fills=())
    desk.writer.ordered(approval.legs[0], KX, missed)
    desk.writer.closed(closed(approval.arb_id, (missed,), outcome="miss", matched=0, profit=Money(0)))
    await desk.writer.flush()

    assert sorted(desk.statuses()) == ["none", "unsent"]


async def test_repeated_refusals_are_counted_not_piled_up(desk: Desk) -> None:
    """A thousand refusals of one basket in half a second are one row."""
    for _ in range(1_000):
        desk.writer.decided(refused())
    await desk.writer.flush()

    assert desk.reader.days(DAY1, DAY1)[0].refused == 1_000


async def test_a_full_disk_loses_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows wait, one line says so however often it is tried, and all are written when the disk is back."""

    def full(facts: object) -> None:
        raise LedgerFailed("the ledger cannot be written: database or disk is full")

    with structlog.testing.capture_logs() as lines:
        monkeypatch.setattr(desk.store, "apply", full)
        await desk.trade(1)
        await desk.trade(2)
        assert desk.writer.failed
        monkeypatch.undo()
        assert await desk.writer.flush()

    assert [line["event"] for line in lines] == ["ledger_behind", "ledger_caught_up"]
    assert desk.reader.days(DAY1, DAY1)[0].executions == 2


async def test_a_row_no_table_takes_keeps_no_other_out(desk: Desk) -> None:
    """One impossible number is dropped and named; the arb beside it is booked."""
    odd = leg(arb_id(9), 0, KX, Outcome.YES, 4_000)
    desk.writer.ordered(odd, KX, again(filled(odd), cost=Money(2**70)))
    with structlog.testing.capture_logs() as lines:
        await desk.trade()

    assert "ledger_row_dropped" in [line["event"] for line in lines]
    assert sorted(desk.statuses()) == ["filled", "filled"]


async def test_prices_are_sampled_once_a_minute_when_they_changed(desk: Desk) -> None:
    """B-253: a book that is not ready is no price."""
    await desk.trade()
    desk.clock.advance(10 * 1_000_000_000)
    with pytest.raises(EndOfTest):
        await desk.writer.run()
    assert desk.reader.positions()[0]["mark"] is None
    desk.clock.advance(60 * 1_000_000_000)
    desk.ready.apply_snapshot({Price(4_500): TEN}, {Price(4_700): TEN}, MonoNs(1))
    desk.slept = 0
    with pytest.raises(EndOfTest):
        await desk.writer.run()

    assert desk.reader.positions()[0]["mark"] == 4_500


def past(number: int, *, ended: bool = True) -> tuple[Past, dict]:
    approval = approved(arb_id(number))
    results = tuple(filled(one) for one in approval.legs)
    legs = {one.leg_id: (one, result) for one, result in zip(approval.legs, results, strict=True)}
    end = closed(approval.arb_id, results) if ended else None
    return Past(approved=approval, closed=end, told_at=WallNs(AT), pair=PAIR, markets=(KX, POLY)), legs


async def test_a_start_writes_what_the_journal_has_and_the_tables_do_not(desk: Desk) -> None:
    """A crash before the flush, a ledger that was deleted or restored from an old copy: the tables are as if nothing happened."""
    one, first = past(1)
    two, second = past(2)
    await desk.trade(1)
    await desk.keeper.start(Journal(first | second), (one, two))
    day = desk.reader.days(DAY1, DAY1)[0]
    await desk.keeper.start(Journal(first | second), (one, two))

    assert (day.executions, day.profit) == (2, Split(locked=920_000))
    assert desk.reader.days(DAY1, DAY1)[0] == day
    assert desk.halts == []


async def test_an_approval_that_crashed_before_its_promise_was_never_sent(desk: Desk) -> None:
    """Pending in the tables and unknown to the journal: nothing went out, and nobody has to look for it."""
    desk.writer.decided(approved(arb_id(1)))
    await desk.writer.flush()
    await desk.keeper.start(Journal(), ())

    assert desk.statuses() == ["unsent", "unsent"]
    assert desk.halts == []


async def test_a_journal_that_went_back_halts(desk: Desk) -> None:
    """An old copy of the journal has forgotten orders that the tables know: no new arb until a person compared."""
    journal = Journal()
    await desk.keeper.start(journal, ())
    await desk.trade()
    await desk.keeper.start(journal, ())
    assert len(desk.halts) == 1
    assert "2 orders that this journal does not know" in desk.halts[0]
    assert "reconcile --adopt" in desk.halts[0]
    journal.numbers[ADOPTED_AT] = AT + HOUR
    desk.halts.clear()
    await desk.keeper.start(journal, ())

    assert desk.halts == []


async def test_another_journals_ledger_is_not_written(desk: Desk) -> None:
    """Two controllers on one database, or a lost state directory: one line, a halt, and the rows of the other stay as they are."""
    first, second = Journal(), Journal()
    await desk.keeper.start(first, ())
    desk.writer.decided(approved(arb_id(1)))
    await desk.writer.flush()
    desk.clock.advance(HOUR)
    await desk.keeper.start(second, ())
    await desk.trade(2)
    assert "belongs to another journal" in desk.halts[0]
    assert desk.statuses() == ["pending", "pending"]
    second.numbers[ADOPTED_AT] = AT + 2 * HOUR
    desk.halts.clear()
    fresh = LedgerKeeper(desk.writer, desk.store, {}, desk.clock, InlineOffload(), desk.sleep, halt=desk.halts.append)
    await fresh.start(second, ())

    assert desk.halts == []  # a person compared: it is this one's now
    await desk.keeper.start(first, ())
    assert "belongs to another journal" in desk.halts[0]


async def test_an_outage_while_rows_are_written_one_by_one_loses_none(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One impossible row refuses its batch, and before the others are written singly the database goes away."""
    apply, calls = desk.store.apply, []

    def away_after_the_first(facts: list) -> None:
        calls.append(len(facts))
        if len(calls) > 1:
            raise LedgerFailed("away")
        apply(facts)

    odd = leg(arb_id(9), 0, KX, Outcome.YES, 4_000)
    desk.writer.ordered(odd, KX, again(filled(odd), cost=Money(2**70)))
    monkeypatch.setattr(desk.store, "apply", away_after_the_first)
    await desk.trade()
    assert desk.writer.failed == "away"
    monkeypatch.undo()
    await desk.writer.flush()

    assert desk.reader.days(DAY1, DAY1)[0].executions == 1
    assert sorted(desk.statuses()) == ["filled", "filled"]


async def test_what_only_counts_is_bounded_while_the_database_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours of refusals and prices wait as one row each; the count stays true, orders all wait."""

    def away(facts: object) -> None:
        raise LedgerFailed("away")

    monkeypatch.setattr(desk.store, "apply", away)
    desk.ready.apply_snapshot({Price(4_500): TEN}, {Price(4_700): TEN}, MonoNs(1))
    for cents in range(50):
        desk.writer.decided(refused())
        desk.ready.apply_snapshot({Price(4_500 + cents): TEN}, {Price(4_700): TEN}, MonoNs(1))
        desk.clock.advance(61 * 1_000_000_000)
        desk.writer._sample()
        await desk.writer.flush()
    assert (len(desk.writer._waiting), len(desk.writer._refusals), len(desk.writer._prices)) == (0, 1, 1)
    monkeypatch.undo()
    await desk.writer.flush()

    assert desk.reader.days(DAY1, DAY1)[0].refused == 50


async def test_a_job_that_dies_is_told_and_begins_again(desk: Desk) -> None:
    """A defect in reading payouts stops no writing, and settlements go on after it."""
    broken = iter([ValueError("odd answer")])

    async def work() -> None:
        for exc in broken:
            raise exc
        raise EndOfTest

    with structlog.testing.capture_logs() as lines, pytest.raises(EndOfTest):
        desk.slept = 3
        await desk.keeper._keep("settlements", work)
    assert [line["event"] for line in lines] == ["ledger_job_failed"]


async def test_a_large_past_is_written_in_its_order(desk: Desk) -> None:
    """More arbs than one batch holds: legs that were never sent are told so, none stays pending."""
    arbs, legs = [], {}
    for number in range(150):
        one, filled_legs = past(number)
        arbs.append(one)
        first, second = filled_legs.items()
        legs |= dict([first, (second[0], (second[1][0], None))])
        missed = closed(one.approved.arb_id, (first[1][1],), outcome="exposed", unhedged=TEN, naked=Money(4_020_000))
        arbs[-1] = Past(approved=one.approved, closed=missed, told_at=WallNs(AT), pair=PAIR, markets=(KX, POLY))
    await desk.keeper.start(Journal(legs), arbs)

    assert desk.reader.orders(limit=1_000, open_only=True) == []
    assert len(desk.reader.orders(limit=1_000)) == 300


async def test_a_hedged_basket_of_one_event_is_no_exposure(desk: Desk) -> None:
    """B-443: NO of three exclusive markets for less than two dollars loses nothing, whoever wins."""
    markets = {name: msgspec.structs.replace(KX, id=MarketId(name), mutually_exclusive=True) for name in ("KXA", "KXB", "KXC")}
    arb = arb_id(1)
    legs = tuple(leg(arb, n, market, Outcome.NO, 6_000) for n, market in enumerate(markets.values()))
    desk.writer._markets = markets
    desk.writer.decided(msgspec.structs.replace(approved(arb), legs=legs))
    for one in legs:
        desk.writer.ordered(one, markets[one.want.market], filled(one))
    await desk.writer.flush()

    (row,) = desk.reader.exposures()
    assert (row["markets"], row["worst_loss"], row["naked"]) == (3, 0, 0)


async def test_legs_of_another_world_are_not_caught_up(desk: Desk) -> None:
    """One state directory, paper yesterday and simulated today."""
    paper: LegRequest = leg(arb_id(5), 0, KX, Outcome.YES, 4_000, world="paper")
    await desk.keeper.start(Journal({paper.leg_id: (paper, filled(paper))}), ())

    assert desk.statuses() == []


async def test_a_settlement_is_booked_once_and_only_for_what_is_held(desk: Desk) -> None:
    """B-242: asked about while held, booked when paid, not asked about again."""
    await desk.trade()
    assert await desk.keeper.settle() == 0
    desk.venue.paid = {KX.id: DOLLAR, POLY.id: DOLLAR}
    heard: list[str] = []
    desk.keeper._settled = heard.append
    assert await desk.keeper.settle() == 2
    assert set(heard) == {KX.id, POLY.id}  # the engine's positions end too
    await desk.writer.flush()
    asked = desk.venue.asked
    assert await desk.keeper.settle() == 0

    assert desk.venue.asked == asked
    assert sum(row["realised"] for row in desk.reader.positions(closed=True)) == 460_000


async def test_a_venue_that_is_away_is_asked_again(desk: Desk) -> None:
    """One line, no exception, and the settlement is booked when it answers."""
    await desk.trade()
    desk.venue.away = True
    with structlog.testing.capture_logs() as lines:
        await desk.keeper.settle()
        await desk.keeper.settle()
    assert [line["event"] for line in lines] == ["payout_not_read", "payout_not_read"]  # once for each market
    desk.venue.away, desk.venue.paid = False, {KX.id: DOLLAR}
    assert await desk.keeper.settle() == 1


async def test_a_pair_paid_on_one_venue_only_is_an_alarm_after_six_hours(desk: Desk) -> None:
    """execution.md 6: once, with the open market and the pair."""
    await desk.trade()
    desk.venue.paid = {KX.id: DOLLAR}
    with structlog.testing.capture_logs() as lines:
        await desk.keeper.settle()
        await desk.writer.flush()
        await desk.keeper.settle()
        assert [line["event"] for line in lines if line["log_level"] == "error"] == []
        desk.clock.advance(7 * HOUR)
        await desk.keeper.settle()
        await desk.keeper.settle()

    (alarm,) = [line for line in lines if line["log_level"] == "error"]
    assert (alarm["event"], alarm["market"], alarm["pair"]) == ("settled_on_one_venue", POLY.id, PAIR.id)


async def test_a_day_is_closed_once_with_its_comparison(desk: Desk) -> None:
    """B-243, B-335: after midnight UTC one line with the four parts; differences with the venues make it an alert."""
    await desk.trade()
    desk.writer.compared(["kalshi KX holds something else"])
    await desk.writer.flush()
    desk.clock.advance(13 * HOUR)
    with structlog.testing.capture_logs() as lines:
        await desk.keeper.close_day()
        await desk.writer.flush()
        await desk.keeper.close_day()
        again_started = LedgerKeeper(
            desk.writer, desk.store, {}, desk.clock, InlineOffload(), desk.sleep, halt=desk.halts.append
        )
        await again_started.close_day()

    (line,) = lines
    assert (line["event"], line["log_level"], line["day"], line["locked"]) == ("day_closed", "error", DAY1, "0.46")


async def test_comparisons_are_kept_when_they_say_something_new(desk: Desk) -> None:
    """B-243: one row for a row of equal looks, another when a difference comes or goes, and one an hour."""
    told: list[tuple[str, ...]] = []
    desk.writer.compared = lambda lines: told.append(tuple(lines))  # type: ignore[method-assign]  # the test's ear
    looks = iter([None, (AT, ()), (AT + 60, ("a",)), (AT + 120, ("a",)), (AT + 180, ()), (AT + 2 * HOUR, ())])
    desk.keeper._last_compared = lambda: next(looks)
    for _ in range(6):
        desk.keeper.compare()

    assert told == [(), ("a",), (), ()]


async def test_running_ends_with_everything_written(desk: Desk) -> None:
    """A stop loses no row that was told before it."""
    async with desk.keeper.running(Journal(), tuple):
        approval = approved(arb_id(1))
        desk.writer.decided(approval)
    reader = LedgerReader(open_ledger(desk.where, write=False), "sim")

    assert len(reader.orders(limit=10)) == 2
    reader.close()


async def test_a_settlement_has_the_venues_own_time_and_the_day_on_which_we_learned_of_it(desk: Desk) -> None:
    """B-242, B-243: paid yesterday by the venue's clock and learned today: the row says so, and yesterday's printed day stands."""
    await desk.trade()
    desk.venue.paid, desk.venue.at = {KX.id: DOLLAR, POLY.id: Money(DOLLAR // 2)}, WallNs(AT + HOUR)
    desk.clock.advance(13 * HOUR)
    before = desk.reader.days(DAY1, DAY1)
    await desk.keeper.settle()
    await desk.writer.flush()

    assert desk.reader.days(DAY1, DAY1) == before
    (day,) = desk.reader.days(DAY2, DAY2)
    assert (day.settled, day.profit.basis) == (2, 5_000_000)
    closed = {row["market"]: row["closed"] for row in desk.reader.positions(closed=True)}
    assert closed == {KX.id: AT + HOUR, POLY.id: AT + HOUR}


async def test_a_venue_without_a_time_or_with_one_to_come_settles_when_seen(desk: Desk) -> None:
    """No stamp is made up, and none of the future is believed."""
    await desk.trade()
    desk.venue.paid, desk.venue.at = {KX.id: DOLLAR}, None
    await desk.keeper.settle()
    desk.venue.paid, desk.venue.at = {POLY.id: DOLLAR}, WallNs(AT + 9 * HOUR)
    await desk.keeper.settle()
    await desk.writer.flush()

    assert {row["closed"] for row in desk.reader.positions(closed=True)} == {desk.clock.wall_ns()}


@pytest.mark.parametrize(("payout", "late"), [(DOLLAR, ["KXB", "KXC"]), (Money(0), [])])
async def test_a_basket_of_one_venue_is_late_once_one_of_its_markets_paid_yes(
    desk: Desk, payout: Money, late: list[str]
) -> None:
    """B-434: three NOs of one event: a NO paid early decides nothing about the rest, a YES does."""
    markets = {name: msgspec.structs.replace(KX, id=MarketId(name), mutually_exclusive=True) for name in ("KXA", "KXB", "KXC")}
    arb = arb_id(1)
    legs = tuple(leg(arb, n, market, Outcome.NO, 6_000) for n, market in enumerate(markets.values()))
    desk.writer._markets = markets
    desk.writer.decided(msgspec.structs.replace(approved(arb), legs=legs))
    for one in legs:
        desk.writer.ordered(one, markets[one.want.market], filled(one))
    await desk.writer.flush()
    desk.venue.paid = {"KXA": payout}
    await desk.keeper.settle()
    await desk.writer.flush()
    desk.clock.advance(7 * HOUR)
    with structlog.testing.capture_logs() as lines:
        await desk.keeper.settle()

    assert [line["market"] for line in lines if line["event"] == "settled_on_one_venue"] == late
