"""Both venues' records against ours: what shuts, what opens again, what is left alone (B-183, P4)."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from controller.model import EventId
from controller.reconcile import Legs, journal_nets
from controller.reconcile_run import Reconciler, stranger_key
from trading.clock import SECOND
from trading.errors import Unreachable
from trading.ids import MANUAL, LegId, client_order_id
from trading.journal import MemoryJournal
from trading.market import KALSHI, POLYMARKET, Action, MarketId, Outcome, Venue
from trading.order import Fill, FillStatus, LegRequest, LegResult, Purpose, Want
from trading.units import DOLLAR, Money, MonoNs, Price, Size, WallNs
from trading.venue import AccountPage, AccountQuery, Balance, OpenOrder, Position, Settlement, VenueFill

_NOW = WallNs(1_800_000_000 * SECOND)
_A, _B, _Z = MarketId("KXA"), MarketId("KXB"), MarketId("0xz")
_EVENTS = {_A: "game", _Z: "game", _B: "other"}


def leg_name(n: int, at: int = _NOW - SECOND) -> LegId:
    return LegId((at // 1_000_000).to_bytes(6) + b"boot" + n.to_bytes(4) + b"\0\0")


def request(n: int, market: MarketId, outcome: Outcome = Outcome.YES, *, purpose: Purpose = "open") -> LegRequest:
    want = Want(market=market, outcome=outcome, action=Action.BUY, limit=Price(5_000), size=Size(5_000_000))
    return LegRequest(
        leg_id=leg_name(n),
        want=want,
        venue=POLYMARKET if market == _Z else KALSHI,
        purpose=purpose,
        max_cost=Money(5_000_000),
        world="live",
        epoch=1,
        deadline=MonoNs(0),
    )


class Desk:
    """One account on two venues, and our side of it, both set by hand."""

    wall = _NOW

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.known: dict[LegId, tuple[LegRequest, LegResult | None]] = {}
        self.open: set[MarketId] = set()
        self.held: dict[MarketId, int] = {}
        self.resting: list[OpenOrder] = []
        self.history: list[OpenOrder] = []
        self.fills: list[VenueFill] = []
        self.settlements: list[Settlement] = []
        self.books = False
        self.dead: set[Venue] = set()
        self.status = "open"
        self.cancelled: list[LegId] = []
        self.lost: list[str] = []
        self.reads = 0
        self.on_read: Any = lambda: None
        self.one = self.fresh()

    def fresh(self) -> Reconciler:
        """A start."""
        clock: Any = self
        one = Reconciler(
            (KALSHI, POLYMARKET),
            read=self.read,
            market=self.market,
            ours=self,
            numbers=self.journal,
            clock=clock,
            on_lost=self.lost.append,
        )
        one.begin()
        return one

    def settle(self, market: MarketId, contracts: int) -> None:
        """The venue paid out; YES won."""
        row = Settlement(market=market, payout=DOLLAR, revenue=Money(contracts), at=_NOW, held=Size(contracts))
        self.settlements.append(row)

    def wall_ns(self) -> WallNs:
        return _NOW

    def fill(self, n: int, market: MarketId, contracts: int, outcome: Outcome = Outcome.YES) -> LegId:
        """A leg of ours that filled, by the journal."""
        leg = request(n, market, outcome)
        self.known[leg.leg_id] = (
            leg,
            LegResult(leg_id=leg.leg_id, state="filled", filled=Size(contracts), venue_order_id=f"order-{n}"),
        )
        return leg.leg_id

    # --- the venue's side

    async def read(self, venue: Venue, what: AccountQuery) -> AccountPage:
        self.reads += 1
        if venue in self.dead:
            raise Unreachable(venue, "silent", "no answer")
        self.on_read()

        def here(market: MarketId) -> bool:
            return (market == _Z) is (venue == POLYMARKET) and what.market in (None, market)

        if what.what == "positions":
            return AccountPage(positions=tuple(Position(market=m, size=Size(n)) for m, n in self.held.items() if n and here(m)))
        if what.what == "balances":
            return AccountPage(balances=(Balance(shard=0, cash=Money(1_000_000)),))
        if what.what == "fills":
            return AccountPage(fills=tuple(row for row in self.fills if here(row.market)))
        if what.what == "settlements":
            return AccountPage(settlements=tuple(row for row in self.settlements if here(row.market)))
        rows = self.resting if what.what == "orders" else self.history
        return AccountPage(orders=tuple(row for row in rows if here(row.market)))

    async def market(self, venue: Venue, market: MarketId) -> Any:
        return self

    # --- ours

    def nets(self, venue: Venue) -> Mapping[MarketId, int]:
        return journal_nets(self.known, venue, "live")

    def busy(self) -> Collection[MarketId]:
        return self.open

    def legs(self) -> Legs:
        return self.known

    def siblings(self, market: MarketId) -> tuple[EventId | None, Collection[MarketId]]:
        event = _EVENTS.get(market)
        return (EventId(event) if event else None), [one for one, its in _EVENTS.items() if its == event]

    async def cancel(self, leg_id: LegId) -> LegResult | None:
        self.cancelled.append(leg_id)
        self.resting.clear()
        return LegResult(leg_id=leg_id, state="none")

    async def book(self, result: LegResult) -> bool:
        if not self.books:
            return False
        self.known[result.leg_id] = self.known[result.leg_id][0], result
        return True

    def blocked(self, market: MarketId, purpose: Purpose = "open") -> str | None:
        return self.one.blocks([request(99, market, purpose=purpose)])


@pytest.fixture
def desk() -> Desk:
    return Desk()


def fill_of(number: str, market: MarketId, size: int, status: FillStatus = "final") -> VenueFill:
    fill = Fill(
        id=number,
        price=Price(5_000),
        size=Size(size),
        cost=Money(1),
        fee=Money(0),
        fee_is_final=True,
        maker=False,
        at=_NOW,
        status=status,
    )
    return VenueFill(venue_order_id=number, market=market, fill=fill)


def order(market: MarketId, name: str = "", number: str = "x") -> OpenOrder:
    return OpenOrder(venue_order_id=number, client_order_id=name, market=market, remaining=Size(1_000_000))


async def test_nothing_is_opened_before_both_venues_were_compared_and_all_is_when_they_agree(desk: Desk) -> None:
    """B-183: shut at the start, open after equal records; YES and NO net in one market."""
    desk.fill(1, _A, 5_000_000)
    desk.fill(2, _A, 2_000_000, Outcome.NO)
    desk.held = {_A: 3_000_000}
    before = desk.blocked(_A), desk.blocked(_Z)

    report = await desk.one.look()

    assert all(before)
    assert report.equal
    assert (desk.blocked(_A), desk.blocked(_Z)) == (None, None)


async def test_a_foreign_position_shuts_its_event_on_both_venues_and_no_other(desk: Desk) -> None:
    """A position no order of ours made is left alone; its whole event opens nothing, hedges go on, the others trade."""
    desk.held = {_A: 7_000_000}

    report = await desk.one.look()

    assert [(one.kind, one.ours, one.theirs) for one in report.differences] == [("foreign", 0, 7_000_000)]
    assert "ours 0, theirs 7" in (desk.blocked(_A) or "")
    assert desk.blocked(_Z)
    assert (desk.blocked(_B), desk.blocked(_A, "unwind"), desk.blocked(_A, "complete")) == (None, None, None)
    assert desk.cancelled == []


async def test_a_fill_the_journal_missed_is_named_with_its_order(desk: Desk) -> None:
    """The venue filled more of our order than we booked: both figures and the order are in the line."""
    desk.fill(1, _A, 5_000_000)
    desk.held = {_A: 8_000_000}
    desk.fills = [fill_of("order-1", _A, 6_000_000), fill_of("stray", _A, 2_000_000)]

    (one,) = (await desk.one.look()).differences

    assert one.kind == "position"
    assert "(order order-1) filled 5 by the journal, 6 by the venue" in one.line
    assert "order stray filled 2 and belongs to no leg" in one.line


async def test_a_late_fill_of_our_leg_is_booked_and_its_event_opens(desk: Desk) -> None:
    """An order that ended with nothing filled after all, its number never told: it is booked as a late truth, not only named."""
    leg_id = desk.fill(1, _A, 0)
    desk.known[leg_id] = desk.known[leg_id][0], LegResult(leg_id=leg_id, state="none")
    desk.history = [order(_A, client_order_id(leg_id), "order-9")]
    desk.fills, desk.held, desk.books = [fill_of("order-9", _A, 5_000_000)], {_A: 5_000_000}, True

    first = await desk.one.look()
    second = await desk.one.look()

    booked = desk.known[leg_id][1]
    assert booked is not None
    assert (booked.state, booked.filled, booked.venue_order_id) == ("filled", 5_000_000, "order-9")
    assert (first.waiting, first.differences, second.waiting, second.equal) == ((_A,), (), (), True)
    assert desk.blocked(_A) is None


async def test_a_fill_taken_back_is_booked_and_one_merely_not_listed_is_not(desk: Desk) -> None:
    """B-424: the venue's own word reverses a fill; silence about one may be a list that lags, and stays a difference."""
    taken, lagging = desk.fill(1, _A, 5_000_000), desk.fill(2, _B, 5_000_000)
    desk.fills, desk.books = [fill_of("order-1", _A, 5_000_000, "reversed")], True

    await desk.one.look()
    report = await desk.one.look()

    sums = [result.filled for leg in (taken, lagging) if (result := desk.known[leg][1]) is not None]
    assert sums == [0, 5_000_000]
    assert [one.market for one in report.differences] == [_B]


async def test_a_ghost_is_a_difference_and_a_settled_market_is_none(desk: Desk) -> None:
    """We booked a fill the venue does not hold: shut while the market lives; paid out when it has settled."""
    desk.fill(1, _A, 5_000_000)
    assert [one.theirs for one in (await desk.one.look()).differences] == [0]

    desk.status = "settled"
    desk.settle(_A, 5_000_000)

    assert (await desk.one.look()).equal
    assert desk.blocked(_A) is None


async def test_a_ghost_in_a_settled_market_was_not_paid(desk: Desk) -> None:
    """B-424: the venue settled fewer contracts than we believe: a difference with both counts, not a payout of ours; adopting it
    holds over a restart."""
    desk.fill(1, _A, 5_000_000)
    desk.status = "settled"
    desk.settle(_A, 3_000_000)

    (one,) = (await desk.one.look()).differences
    await desk.one.adopt()
    again = await desk.fresh().look()

    assert (one.kind, one.ours, one.theirs) == ("position", 5_000_000, 3_000_000)
    assert again.equal
    assert desk.journal.number_kept(stranger_key(KALSHI, _A)) == -2_000_000


@pytest.mark.parametrize(("filled", "paid"), [(5_000_000, True), (0, False)])
async def test_where_no_settlement_is_listed_the_fills_tell_what_was_paid(desk: Desk, filled: int, paid: bool) -> None:
    """Polymarket lists nothing once a position was redeemed: the orders' fills decide, and one taken back was never paid."""
    desk.fill(1, _Z, 5_000_000)
    desk.status = "settled"
    desk.fills = [fill_of("order-1", _Z, filled)] if filled else [fill_of("order-1", _Z, 5_000_000, "reversed")]

    report = await desk.one.look()

    assert report.equal is paid


async def test_an_unreadable_venue_stays_shut_until_it_answers(desk: Desk) -> None:
    """It fails closed: no answer is no agreement, and the other venue's own markets are known all the same."""
    desk.dead = {POLYMARKET}
    report = await desk.one.look()
    assert list(report.unread) == [POLYMARKET]
    assert "no answer" in (desk.blocked(_Z) or "")
    assert desk.blocked(_B) is None

    desk.dead.clear()

    assert (await desk.one.look()).equal
    assert desk.blocked(_Z) is None


async def test_a_later_difference_counts_when_seen_twice_and_ends_by_itself(desk: Desk) -> None:
    """One look may meet a list that lags; the second, the same, shuts the event; equal records open it."""
    await desk.one.look()
    desk.held = {_A: 1_000_000}
    once = (await desk.one.look()).equal, desk.blocked(_A)
    await desk.one.look()
    twice = desk.blocked(_A)

    desk.held = {}
    report = await desk.one.look()

    assert once == (True, None)
    assert twice
    assert report.equal
    assert desk.blocked(_A) is None


async def test_a_changing_difference_is_not_two_equal_ones(desk: Desk) -> None:
    """Figures that move between two looks are an index catching up."""
    await desk.one.look()
    for contracts in (1, 2, 3):
        desk.held = {_A: contracts * 1_000_000}
        assert (await desk.one.look()).equal


async def test_a_market_with_an_order_under_way_waits(desk: Desk) -> None:
    """While running it is not judged; at the first look it stays shut until it could be compared."""
    desk.fill(1, _A, 5_000_000)
    desk.open = {_A}
    report = await desk.one.look()
    assert (report.waiting, report.differences) == ((_A,), ())
    assert "not compared yet" in (desk.blocked(_A) or "")

    desk.open, desk.held = set(), {_A: 5_000_000}
    await desk.one.look()
    assert desk.blocked(_A) is None

    desk.open, desk.held = {_A}, {}
    await desk.one.look()
    await desk.one.look()
    assert desk.blocked(_A) is None


async def test_an_order_that_began_during_the_reading_spoils_only_its_market(desk: Desk) -> None:
    """Ours moved between the two lists: no verdict about that market in this look."""
    await desk.one.look()
    desk.held = {_A: 1_000_000}
    for n in (1, 2):
        desk.on_read = lambda n=n: desk.fill(n, _A, 2_000_000)
        assert _A in (await desk.one.look()).waiting
        desk.on_read = lambda: None

    assert desk.blocked(_A) is None


async def test_our_resting_order_is_cancelled_and_a_strangers_is_left_alone(desk: Desk) -> None:
    """B-183: ours by our name or by the venue's number of a leg; the other is only noted, and shuts nothing."""
    leg_id = desk.fill(1, _A, 0)
    desk.resting = [order(_B, "their-own-name", "foreign"), order(_A, client_order_id(leg_id))]

    report = await desk.one.look()

    assert desk.cancelled == [leg_id]
    assert report.equal
    assert any("foreign is not ours" in note for note in report.notes)
    assert desk.blocked(_B) is None


async def test_an_order_under_our_name_that_the_journal_does_not_know_stops_everything(desk: Desk) -> None:
    """An old copy of the journal, or a deleted one: every venue's new arbs stop with the way to go on; adopting ends it."""
    desk.history = [order(_A, client_order_id(leg_name(7)))]
    desk.held = {_A: 4_000_000}

    await desk.one.look()
    why, hedge = desk.blocked(_B), desk.blocked(_B, "unwind")
    adopted = await desk.one.adopt()

    assert "controller reconcile --adopt" in (why or "")
    assert len(desk.lost) == 1
    assert hedge is None
    assert adopted.equal
    assert (desk.blocked(_A), desk.blocked(_B)) == (None, None)
    assert desk.journal.number_kept(stranger_key(KALSHI, _A)) == 4_000_000


async def test_a_manual_trade_is_no_lost_journal_and_shuts_only_its_event(desk: Desk) -> None:
    """B-074: `trader manual-trade` keeps its own journal; the controller leaves the rest of the account open."""
    by_hand = LegId(leg_name(7)[:14] + bytes((MANUAL, 0)))
    desk.history = [order(_A, client_order_id(by_hand))]
    desk.held = {_A: 4_000_000}

    report = await desk.one.look()

    assert (report.lost, desk.lost) == ("", [])
    assert [one.kind for one in report.differences] == ["foreign"]
    assert desk.blocked(_A)
    assert desk.blocked(_B) is None


async def test_an_adopted_position_that_was_closed_hides_no_false_fill_of_ours(desk: Desk) -> None:
    """Adopted +4, closed by its owner: the number goes with it, so that a false fill of ours of minus 4 is not explained away."""
    desk.held = {_A: 4_000_000}
    await desk.one.look()
    await desk.one.adopt()
    desk.held = {}
    await desk.one.look()
    await desk.one.look()

    assert desk.journal.number_kept(stranger_key(KALSHI, _A)) == 0


async def test_a_second_controller_on_the_account_is_noticed_by_a_tenth_look(desk: Desk) -> None:
    """Its orders bear our name and are in no journal of ours; where they filled nothing only a look at orders tells."""
    await desk.one.look()
    desk.history = [order(_A, client_order_id(leg_name(7)))]

    looks = 1
    while not desk.lost and looks < 20:
        await desk.one.look()
        looks += 1

    assert looks == 10
    assert desk.blocked(_B)


async def test_names_older_than_a_journal_keeps_prove_nothing(desk: Desk) -> None:
    """Legs past their retention were forgotten on purpose."""
    desk.history = [order(_A, client_order_id(leg_name(7, _NOW - 31 * 86_400 * SECOND)))]

    await desk.one.look()

    assert desk.lost == []
    assert desk.blocked(_A) is None


async def test_an_adopted_position_stays_out_of_the_comparison_and_ours_beside_it_does_not(desk: Desk) -> None:
    """Strangers are added to ours: what we trade in the same market is still compared to the unit."""
    desk.held = {_A: 4_000_000}
    await desk.one.adopt()
    desk.fill(1, _A, 1_000_000)
    desk.held = {_A: 5_000_000}
    assert (await desk.one.look()).equal

    desk.held = {_A: 4_000_000}
    await desk.one.look()
    (one,) = (await desk.one.look()).differences

    assert (one.kind, one.ours, one.theirs) == ("position", 5_000_000, 4_000_000)


async def test_many_differences_do_not_use_up_the_budget_and_stay_shut(desk: Desk) -> None:
    """Markets beyond a round's share wait, shut, for the next rounds."""
    for n in range(60):
        desk.fill(n, MarketId(f"KX{n}"), 1_000_000)

    report = await desk.one.look()
    assert desk.reads < 70
    assert (len(report.differences), len(report.waiting)) == (25, 35)
    assert all(desk.blocked(MarketId(f"KX{n}")) for n in range(60))

    desk.status = "settled"
    for n in range(60):
        desk.settle(MarketId(f"KX{n}"), 1_000_000)
    for _ in range(3):
        report = await desk.one.look()
    assert report.equal
    assert not any(desk.blocked(MarketId(f"KX{n}")) for n in range(60))


async def test_adopting_lets_a_trader_of_a_lost_journal_accept_the_next_start(desk: Desk) -> None:
    """Its venue cannot be read while it refuses us, so the next epoch rises without that reading; nothing else is adopted."""
    desk.dead = {POLYMARKET}
    desk.history = [order(_A, client_order_id(leg_name(7)))]

    report = await desk.one.adopt()

    assert desk.journal.number_kept("epoch") >= _NOW // SECOND
    assert (bool(report.lost), list(report.unread)) == (True, [POLYMARKET])
