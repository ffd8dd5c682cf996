"""One event in, decisions out: order, episodes, and what a quiet update costs (design.md 3, performance.md 11)."""

from desk import EVENT, PAIR, Desk, K, P, change, filled, missed
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model import ArbClosed, CancelLeg, Command, PairChanged, Tick
from controller.risk.decision import Approved, Refused
from trading.book import BookLost
from trading.ids import LegId
from trading.market import KALSHI, POLYMARKET
from trading.units import Size


def codes(decisions: list) -> list[str]:
    return [decision.code for decision in decisions if isinstance(decision, Refused)]


def unapproved() -> Desk:
    desk = Desk()
    desk.process(PairChanged(change(desk.pair, state="proposed"), desk.markets))
    return desk


def test_gap_is_approved_in_the_call_that_brought_it() -> None:
    """B-173, design.md 3: the frame's call returns the decision, claimed and reserved."""
    desk = Desk()

    (answer,) = desk.gap()

    assert isinstance(answer, Approved)
    assert desk.state.claimed(EVENT)


def test_quiet_update_decides_nothing() -> None:
    """Without an opportunity the answer is empty."""
    desk = Desk()
    desk.quote(K, {52: 40}, {53: 40})

    assert desk.quote(P, {52: 40}, {53: 40}) == []


def test_refusal_is_reported_once_per_episode() -> None:
    """The same basket and code is told once while the opportunity lasts, and again when it came back."""
    desk = unapproved()
    first, second = desk.gap(), desk.quote(P, {44: 30}, {45: 30})
    gone = desk.quote(P, {52: 40}, {53: 40})
    again = desk.gap()

    assert [codes(first), codes(second), codes(gone), codes(again)] == [["not_approved"], [], [], ["not_approved"]]


def test_another_code_in_the_same_episode_is_reported() -> None:
    """A refusal for a new reason is news."""
    desk = unapproved()
    desk.gap()
    desk.process(Command("halt"))

    assert codes(desk.quote(P, {44: 30}, {45: 30})) == ["halted"]


def test_lost_book_ends_the_episode() -> None:
    """An opportunity on a book that was rebuilt is another one."""
    desk = unapproved()
    desk.gap()
    desk.books[P].lose()
    desk.process(BookLost(desk.books[P], "gap"))

    assert codes(desk.gap()) == ["not_approved"]


def test_sweeps_that_pass_a_basket_by_do_not_end_its_episode() -> None:
    """A Tick looks at a part of the baskets: those whose turn it is not are told once all the same, until a minute says nothing."""
    desk = unapproved()
    told = [codes(desk.gap())]
    for seconds in (1, 30, 61):
        desk.advance(seconds * 1_000)
        desk.books[P].lose()  # not one strategy can want it now
        desk.process(Tick(desk.clock.wall_ns()))
        told.append(codes(desk.gap()))

    assert told == [["not_approved"], [], [], ["not_approved"]]


def test_tick_sweeps_what_stood_before_the_start() -> None:
    """B-166: books that were there before their pair are looked at."""
    desk = Desk()
    desk.process(Command("halt"))
    desk.gap()
    desk.process(Command("resume"))
    desk.advance(1)

    found = desk.process(Tick(desk.clock.wall_ns()))

    assert [type(one) for one in found] == [Approved]


def test_retired_pair_is_not_watched_any_more() -> None:
    """A pair that is gone yields neither intents nor refusals."""
    desk = Desk()
    desk.process(PairChanged(change(desk.pair, state="retired"), desk.markets))

    assert desk.gap() == []
    assert desk.state.baskets == {}


def test_halt_stops_opening_and_resume_starts_it() -> None:
    """B-204: an operator's word works with the next frame."""
    desk = Desk()
    desk.process(Command("halt"))
    assert codes(desk.gap()) == ["halted"]

    desk.process(Command("resume"))

    assert isinstance(desk.quote(P, {44: 30}, {45: 30})[0], Approved)


def test_resume_for_one_pair_leaves_a_halt_alone() -> None:
    """resume with a pair's id lifts its quarantine only."""
    desk = Desk()
    desk.state.quarantined[PAIR.id] = "edge"
    desk.process(Command("halt"))

    desk.process(Command("resume", PAIR.id))

    assert codes(desk.gap()) == ["halted"]
    assert desk.state.quarantined == {}


def test_cancels_of_a_strategy_pass_the_gate() -> None:
    """A wish to cancel needs no approval."""

    class Canceller:
        name = "canceller"

        def on_event(self, event: object, state: object, now: int) -> list[CancelLeg]:
            return [CancelLeg(LegId(b"l" * 16), "old")]

    desk = Desk()
    desk.engine._strategies = (Canceller(),)

    assert desk.process(Tick(desk.clock.wall_ns())) == [CancelLeg(LegId(b"l" * 16), "old")]


def test_new_book_object_of_a_market_is_taken_up() -> None:
    """A feed that starts over brings a new book; the old one is not traded on."""
    desk = Desk()
    desk.quote(K, {52: 40}, {53: 40})
    old = desk.books[P]
    desk.quote(P, {52: 40}, {53: 40})
    desk.books[P] = type(old)(P, old.proof)

    assert isinstance(desk.quote(P, {44: 40}, {45: 40})[0], Approved)
    assert desk.state.books[P] is desk.books[P]


STEPS = st.lists(st.sampled_from(["gap", "miss", "match", "partial", "one_sided", "wait", "unknown"]), max_size=12)


@settings(max_examples=60)
@given(steps=STEPS)
def test_reserved_cash_is_never_negative_and_ends_at_zero(steps: list[str]) -> None:
    """Whatever executions do, reservations stay between nothing and what was promised, and a closed arb holds none."""
    desk = Desk()
    running: list[Approved] = []
    shards = ((KALSHI, 3), (POLYMARKET, 0))

    for step in steps:
        if step == "wait":
            desk.advance(120_000)
        elif step == "gap":
            running += [one for one in desk.gap() if isinstance(one, Approved)]
        elif running:
            one = running.pop()
            k, p = one.legs
            half = Size(p.want.size // 2)
            results = {
                "miss": (missed(p),),
                "match": (filled(k), filled(p)),
                "partial": (filled(k, half), filled(p, half)),
                "one_sided": (missed(k), filled(p)),
                "unknown": (change(missed(p, state="unknown"), result_no=1), missed(k)),
            }[step]
            for result in results:
                desk.process(result)
            assert all(desk.state.cash.reserved(shard) >= 0 for shard in shards)
            desk.close(one, "matched" if step in ("match", "partial") else step, *results)
            if step == "unknown":
                desk.process(change(missed(p), result_no=2))
        assert all(desk.state.cash.reserved(shard) >= 0 for shard in shards)
    for one in running:
        desk.close(one, "miss", missed(one.legs[1]))

    assert [desk.state.cash.reserved(shard) for shard in shards] == [0, 0]
    assert not desk.state.claimed(EVENT)


def test_closed_arb_that_nobody_knows_is_harmless() -> None:
    """After a restart an end may arrive for an arb of the last run."""
    desk = Desk()
    desk.process(
        ArbClosed(
            arb_id=b"x" * 14,
            event=EVENT,
            basket="gone",
            outcome="miss",
            matched=Size(0),
            unhedged=Size(0),
            profit=0,
            results=(),
        )
    )

    assert desk.state.arbs == {}
    assert not desk.state.claimed(EVENT)
