"""Both venues' records against ours: what shuts, what opens again, what is left alone (B-183, P4)."""

import pytest
from reconcile_desk import NOW, A, B, Desk, Z, fill_of, leg_name, order

from controller.reconcile.compare import stranger_key
from trading.clock import SECOND
from trading.ids import MANUAL, LegId, client_order_id
from trading.market import KALSHI, POLYMARKET, MarketId, Outcome
from trading.order import LegResult


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_nothing_is_opened_before_both_venues_were_compared_and_all_is_when_they_agree(desk: Desk) -> None:
    """B-183: shut at the start, open after equal records; YES and NO net in one market."""
    desk.fill(1, A, 5_000_000)
    desk.fill(2, A, 2_000_000, Outcome.NO)
    desk.held = {A: 3_000_000}
    before = desk.blocked(A), desk.blocked(Z)

    report = await desk.one.look()

    assert all(before)
    assert report.equal
    assert (desk.blocked(A), desk.blocked(Z)) == (None, None)


async def test_a_foreign_position_shuts_its_event_on_both_venues_and_no_other(desk: Desk) -> None:
    """A position no order of ours made is left alone; its whole event opens nothing, hedges go on, the others trade."""
    desk.held = {A: 7_000_000}

    report = await desk.one.look()

    assert [(one.kind, one.ours, one.theirs) for one in report.differences] == [("foreign", 0, 7_000_000)]
    assert "ours 0, theirs 7" in (desk.blocked(A) or "")
    assert desk.blocked(Z)
    assert (desk.blocked(B), desk.blocked(A, "unwind"), desk.blocked(A, "complete")) == (None, None, None)
    assert desk.cancelled == []


async def test_a_fill_the_journal_missed_is_named_with_its_order(desk: Desk) -> None:
    """The venue filled more of our order than we booked: both figures and the order are in the line."""
    desk.fill(1, A, 5_000_000)
    desk.held = {A: 8_000_000}
    desk.fills = [fill_of("order-1", A, 6_000_000), fill_of("stray", A, 2_000_000)]

    (one,) = (await desk.one.look()).differences

    assert one.kind == "position"
    assert "(order order-1) filled 5 by the journal, 6 by the venue" in one.line
    assert "order stray filled 2 and belongs to no leg" in one.line


async def test_a_late_fill_of_our_leg_is_booked_and_its_event_opens(desk: Desk) -> None:
    """An order that ended with nothing filled after all, its number never told: it is booked as a late truth, not only named."""
    leg_id = desk.fill(1, A, 0)
    desk.known[leg_id] = desk.known[leg_id][0], LegResult(leg_id=leg_id, state="none")
    desk.history = [order(A, client_order_id(leg_id), "order-9")]
    desk.fills, desk.held, desk.books = [fill_of("order-9", A, 5_000_000)], {A: 5_000_000}, True

    first = await desk.one.look()
    second = await desk.one.look()

    booked = desk.known[leg_id][1]
    assert booked is not None
    assert (booked.state, booked.filled, booked.venue_order_id) == ("filled", 5_000_000, "order-9")
    assert (first.waiting, first.differences, second.waiting, second.equal) == ((A,), (), (), True)
    assert desk.blocked(A) is None


async def test_a_fill_taken_back_is_booked_and_one_merely_not_listed_is_not(desk: Desk) -> None:
    """B-424: the venue's own word reverses a fill; silence about one may be a list that lags, and stays a difference."""
    taken, lagging = desk.fill(1, A, 5_000_000), desk.fill(2, B, 5_000_000)
    desk.fills, desk.books = [fill_of("order-1", A, 5_000_000, "reversed")], True

    await desk.one.look()
    report = await desk.one.look()

    sums = [result.filled for leg in (taken, lagging) if (result := desk.known[leg][1]) is not None]
    assert sums == [0, 5_000_000]
    assert [one.market for one in report.differences] == [B]


async def test_a_ghost_is_a_difference_and_a_settled_market_is_none(desk: Desk) -> None:
    """We booked a fill the venue does not hold: shut while the market lives; paid out when it has settled."""
    desk.fill(1, A, 5_000_000)
    assert [one.theirs for one in (await desk.one.look()).differences] == [0]

    desk.status = "settled"
    desk.settle(A, 5_000_000)

    assert (await desk.one.look()).equal
    assert desk.blocked(A) is None


async def test_a_ghost_in_a_settled_market_was_not_paid(desk: Desk) -> None:
    """B-424: the venue settled fewer contracts than we believe: a difference with both counts, not a payout of ours; adopting it
    holds over a restart."""
    desk.fill(1, A, 5_000_000)
    desk.status = "settled"
    desk.settle(A, 3_000_000)

    (one,) = (await desk.one.look()).differences
    await desk.one.adopt()
    again = await desk.fresh().look()

    assert (one.kind, one.ours, one.theirs) == ("position", 5_000_000, 3_000_000)
    assert again.equal
    assert desk.journal.number_kept(stranger_key(KALSHI, A)) == -2_000_000


@pytest.mark.parametrize(("filled", "paid"), [(5_000_000, True), (0, False)])
async def test_where_no_settlement_is_listed_the_fills_tell_what_was_paid(desk: Desk, filled: int, paid: bool) -> None:
    """Polymarket lists nothing once a position was redeemed: the orders' fills decide, and one taken back was never paid."""
    desk.fill(1, Z, 5_000_000)
    desk.status = "settled"
    desk.fills = [fill_of("order-1", Z, filled)] if filled else [fill_of("order-1", Z, 5_000_000, "reversed")]

    report = await desk.one.look()

    assert report.equal is paid


async def test_an_unreadable_venue_stays_shut_until_it_answers(desk: Desk) -> None:
    """It fails closed: no answer is no agreement, and the other venue's own markets are known all the same."""
    desk.dead = {POLYMARKET}
    report = await desk.one.look()
    assert list(report.unread) == [POLYMARKET]
    assert "no answer" in (desk.blocked(Z) or "")
    assert desk.blocked(B) is None

    desk.dead.clear()

    assert (await desk.one.look()).equal
    assert desk.blocked(Z) is None


async def test_a_later_difference_counts_when_seen_twice_and_ends_by_itself(desk: Desk) -> None:
    """One look may meet a list that lags; the second, the same, shuts the event; equal records open it."""
    await desk.one.look()
    desk.held = {A: 1_000_000}
    once = (await desk.one.look()).equal, desk.blocked(A)
    await desk.one.look()
    twice = desk.blocked(A)

    desk.held = {}
    report = await desk.one.look()

    assert once == (True, None)
    assert twice
    assert report.equal
    assert desk.blocked(A) is None


async def test_who_asks_hears_of_a_difference_at_once(desk: Desk) -> None:
    """A person's question looks twice where the first look met something new: no "equal" that is only pending."""
    await desk.one.look()
    desk.held = {A: 1_000_000}

    report = await desk.one.ask()

    assert [one.theirs for one in report.differences] == [1_000_000]
    assert desk.naps == [2.0]


async def test_a_changing_difference_is_not_two_equal_ones(desk: Desk) -> None:
    """Figures that move between two looks are an index catching up."""
    await desk.one.look()
    for contracts in (1, 2, 3):
        desk.held = {A: contracts * 1_000_000}
        assert (await desk.one.look()).equal


async def test_a_market_with_an_order_under_way_waits(desk: Desk) -> None:
    """While running it is not judged; at the first look it stays shut until it could be compared."""
    desk.fill(1, A, 5_000_000)
    desk.open = {A}
    report = await desk.one.look()
    assert (report.waiting, report.differences) == ((A,), ())
    assert "not compared yet" in (desk.blocked(A) or "")

    desk.open, desk.held = set(), {A: 5_000_000}
    await desk.one.look()
    assert desk.blocked(A) is None

    desk.open, desk.held = {A}, {}
    await desk.one.look()
    await desk.one.look()
    assert desk.blocked(A) is None


async def test_an_order_that_began_during_the_reading_spoils_only_its_market(desk: Desk) -> None:
    """Ours moved between the two lists: no verdict about that market in this look."""
    await desk.one.look()
    desk.held = {A: 1_000_000}
    for n in (1, 2):
        desk.on_read = lambda n=n: desk.fill(n, A, 2_000_000)
        assert A in (await desk.one.look()).waiting
        desk.on_read = lambda: None

    assert desk.blocked(A) is None


async def test_our_resting_order_is_cancelled_and_a_strangers_is_left_alone(desk: Desk) -> None:
    """B-183: ours by our name or by the venue's number of a leg; the other is only noted, and shuts nothing."""
    leg_id = desk.fill(1, A, 0)
    desk.resting = [order(B, "their-own-name", "foreign"), order(A, client_order_id(leg_id))]

    report = await desk.one.look()

    assert desk.cancelled == [leg_id]
    assert report.equal
    assert any("foreign is not ours" in note for note in report.notes)
    assert desk.blocked(B) is None


async def test_an_order_that_was_sent_during_the_reading_is_not_cancelled(desk: Desk) -> None:
    """B-183: it waits for its venue's hold and is listed; whoever sent it is about to hear of it, and a second leg cancelled
    leaves the first one alone."""
    await desk.one.look()
    leg_id = desk.fill(1, A, 0)

    def sent() -> None:
        desk.open, desk.resting = {A}, [order(A, client_order_id(leg_id))]

    desk.on_read = sent
    await desk.one.look(full=True)

    assert desk.cancelled == []


@pytest.mark.parametrize(("epoch", "cancelled"), [(1, 0), (2, 1)], ids=["sent by this start", "left by an earlier one"])
async def test_a_first_look_that_comes_late_leaves_what_this_start_sent(desk: Desk, epoch: int, cancelled: int) -> None:
    """B-183: a venue that was silent at the start is first compared while a hedge waits for its hold; what an earlier start left
    is nobody's, and goes."""
    desk.epoch = epoch
    desk.one = desk.fresh()
    desk.dead = {KALSHI}
    await desk.one.look()
    leg_id = desk.fill(1, A, 0)
    desk.open, desk.resting = {A}, [order(A, client_order_id(leg_id))]

    desk.dead = set()
    await desk.one.look()

    assert len(desk.cancelled) == cancelled


async def test_an_order_under_our_name_that_the_journal_does_not_know_stops_everything(desk: Desk) -> None:
    """An old copy of the journal, or a deleted one: every venue's new arbs stop with the way to go on; adopting ends it."""
    desk.history = [order(A, client_order_id(leg_name(7)))]
    desk.held = {A: 4_000_000}

    await desk.one.look()
    why, hedge = desk.blocked(B), desk.blocked(B, "unwind")
    adopted = await desk.one.adopt()

    assert "controller reconcile --adopt" in (why or "")
    assert len(desk.lost) == 1
    assert hedge is None
    assert adopted.equal
    assert (desk.blocked(A), desk.blocked(B)) == (None, None)
    assert desk.journal.number_kept(stranger_key(KALSHI, A)) == 4_000_000


async def test_a_manual_trade_is_no_lost_journal_and_shuts_only_its_event(desk: Desk) -> None:
    """B-074: `trader manual-trade` keeps its own journal; the controller leaves the rest of the account open."""
    by_hand = LegId(leg_name(7)[:14] + bytes((MANUAL, 0)))
    desk.history = [order(A, client_order_id(by_hand))]
    desk.held = {A: 4_000_000}

    report = await desk.one.look()

    assert (report.lost, desk.lost) == ("", [])
    assert [one.kind for one in report.differences] == ["foreign"]
    assert desk.blocked(A)
    assert desk.blocked(B) is None


async def test_an_adopted_position_that_was_closed_hides_no_false_fill_of_ours(desk: Desk) -> None:
    """Adopted +4, closed by its owner: the number goes with it, so that a false fill of ours of minus 4 is not explained away."""
    desk.held = {A: 4_000_000}
    await desk.one.look()
    await desk.one.adopt()
    desk.held = {}
    await desk.one.look()
    await desk.one.look()

    assert desk.journal.number_kept(stranger_key(KALSHI, A)) == 0


async def test_cash_that_nothing_of_ours_moved_is_told_and_stops_nothing(desk: Desk) -> None:
    """B-243: seen at two full looks in a row, then named once with its figure; trading goes on."""
    await desk.one.look()
    desk.cash = 700_000
    once = await desk.one.look(full=True)
    twice = await desk.one.look()
    later = await desk.one.look(full=True)

    assert once.cash_differences == ()
    assert [line.split(":")[0] for line in twice.cash_differences] == ["kalshi", "polymarket"]
    assert "free cash moved by $-0.3, our record explains $0: $0.3 missing" in twice.cash_differences[0]
    assert later.cash_differences == twice.cash_differences
    assert twice.equal
    assert desk.blocked(A) is None


async def test_cash_is_not_judged_while_an_order_is_under_way(desk: Desk) -> None:
    """An open order holds cash: the next quiet look is compared with the last quiet one."""
    desk.fill(1, B, 0)
    await desk.one.look()
    desk.open, desk.cash = {B}, 500_000
    for _ in range(3):
        report = await desk.one.look(full=True)
    assert [line for line in report.cash_differences if line.startswith("kalshi")] == []

    desk.open, desk.cash = set(), 1_000_000
    for _ in range(2):
        report = await desk.one.look(full=True)

    assert [line for line in report.cash_differences if line.startswith("kalshi")] == []


async def test_a_second_controller_on_the_account_is_noticed_by_a_tenth_look(desk: Desk) -> None:
    """Its orders bear our name and are in no journal of ours; where they filled nothing only a look at orders tells."""
    await desk.one.look()
    desk.history = [order(A, client_order_id(leg_name(7)))]

    looks = 1
    while not desk.lost and looks < 20:
        await desk.one.look()
        looks += 1

    assert looks == 10
    assert desk.blocked(B)


async def test_names_older_than_a_journal_keeps_prove_nothing(desk: Desk) -> None:
    """Legs past their retention were forgotten on purpose."""
    desk.history = [order(A, client_order_id(leg_name(7, NOW - 31 * 86_400 * SECOND)))]

    await desk.one.look()

    assert desk.lost == []
    assert desk.blocked(A) is None


async def test_an_adopted_position_stays_out_of_the_comparison_and_ours_beside_it_does_not(desk: Desk) -> None:
    """Strangers are added to ours: what we trade in the same market is still compared to the unit."""
    desk.held = {A: 4_000_000}
    await desk.one.adopt()
    desk.fill(1, A, 1_000_000)
    desk.held = {A: 5_000_000}
    assert (await desk.one.look()).equal

    desk.held = {A: 4_000_000}
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
    desk.history = [order(A, client_order_id(leg_name(7)))]

    report = await desk.one.adopt()

    assert desk.journal.number_kept("epoch") >= NOW // SECOND
    assert (bool(report.lost), list(report.unread)) == (True, [POLYMARKET])


async def test_what_was_closed_by_hand_and_adopted_is_never_sold_again(desk: Desk) -> None:
    """B-440: our positions still count it; selling it would open the other side, and both records would then agree about that."""
    desk.fill(1, A, 10_000_000)
    desk.held[A] = 10_000_000
    await desk.one.look(full=True)
    before = desk.blocked(A, "exit")
    desk.held[A] = 0  # a person sold it on the venue's site
    await desk.one.ask()
    report = await desk.one.adopt()

    assert before is None
    assert report.equal
    assert "taken over" in (desk.blocked(A, "exit") or "")
    assert desk.blocked(A, "complete") is None


async def test_what_the_venue_no_longer_holds_is_not_asked_to_be_closed(desk: Desk) -> None:
    """B-183: nothing is there to close; the next step is to learn who took it, then to adopt."""
    desk.fill(1, A, 5_000_000)
    gone = (await desk.one.look()).differences[0].next_step
    desk.held = {A: 3_000_000}
    rest = (await desk.one.look()).differences[0].next_step

    assert "close it" not in gone and "controller reconcile --adopt" in gone
    assert "close it" in rest
