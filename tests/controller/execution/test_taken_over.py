"""An arb whose holding a person closed, or whose venues have paid, is counted and never hedged again (B-448, B-093)."""

import msgspec
import pytest
from execution_fakes import ARB, KX, POLY, Bench, contracts, fill

from controller.execution.life import Arb
from controller.execution.outcomes import TradedOrder
from controller.model import ArbClosed
from controller.reconcile.compare import stranger_key
from controller.reconcile.ours import taken_over
from controller.reconcile.ports import ADOPTED_AT
from controller.risk.decision import Approved
from trading.ids import ArbId
from trading.journal import MemoryJournal
from trading.market import KALSHI, POLYMARKET
from trading.order import LegRequest, LegResult
from trading.units import Money

_MADE = 1_795_176_000_000


def provisional(leg: LegRequest) -> LegResult:
    done = fill()(leg)
    return msgspec.structs.replace(done, fills=tuple(msgspec.structs.replace(f, status="provisional") for f in done.fills))


def ghost(leg: LegRequest) -> LegResult:
    """The venue took its fill back."""
    taken = tuple(msgspec.structs.replace(f, status="reversed") for f in fill()(leg).fills)
    return LegResult(leg_id=leg.leg_id, state="none", fills=taken)


async def matched(bench: Bench) -> None:
    bench.executor.script[POLY.id] = [provisional]
    assert (await bench.run()).outcome == "matched"


def exposed(bench: Bench) -> tuple[Approved, list[TradedOrder], ArbClosed]:
    """Ten of the first leg stand alone, by an earlier start."""
    approved = bench.approved()
    told = ArbClosed(
        arb_id=ARB,
        event=approved.claim,
        basket=approved.intent.basket.id,
        outcome="exposed",
        matched=contracts(0),
        unhedged=contracts(10),
        profit=Money(0),
        results=(),
    )
    return approved, [TradedOrder(0, approved.legs[0], fill()(approved.legs[0]))], told


async def test_a_late_truth_about_an_arb_that_a_person_closed_sends_nothing() -> None:
    """B-448: the other side was sold by hand and taken over: hedging it would sell it a second time."""
    bench = Bench()
    await matched(bench)
    bench.runner._taken_over = lambda arb: True

    assert bench.runner.offer(ghost(bench.executor.sent[0])) is None

    closed = bench.events[-1]
    assert isinstance(closed, ArbClosed)
    assert (closed.outcome, closed.unhedged) == ("exposed", contracts(10))
    assert len(bench.executor.sent) == 2


async def test_a_late_truth_about_paid_markets_sends_nothing() -> None:
    """Both venues have paid: the figure changes, and no order could change anything."""
    bench = Bench()
    await matched(bench)
    bench.state.markets = {market.id: msgspec.structs.replace(market, status="settled") for market in (KX, POLY)}

    assert bench.runner.offer(ghost(bench.executor.sent[0])) is None
    assert bench.events[-1].unhedged == contracts(10)


async def test_one_paid_venue_leaves_the_other_to_be_hedged() -> None:
    """B-424: what stands alone on a venue that still trades is hedged, whatever the other one has paid."""
    bench = Bench()
    await matched(bench)
    bench.state.markets[POLY.id] = msgspec.structs.replace(POLY, status="settled")

    assert bench.runner.offer(ghost(bench.executor.sent[0])) == ARB


@pytest.mark.parametrize(("taken", "again"), [(False, True), (True, False)])
def test_a_restart_hedges_what_stands_alone_and_not_what_a_person_closed(taken: bool, again: bool) -> None:
    """B-448: an exposed arb is opened again by each start, until its rest was closed by hand and taken over."""
    bench = Bench()
    bench.runner._taken_over = lambda arb: taken

    assert bench.runner.restore(*exposed(bench)) is again


def test_an_arb_that_is_not_opened_again_still_hears_its_venue() -> None:
    """B-424: half of it was paid before this start, so nothing is hedged; a later truth is counted all the same."""
    bench = Bench()
    approved, orders, told = exposed(bench)

    assert bench.runner.restore(approved, orders, told, hedge=False) is False
    assert not bench.runner.running(ARB)
    bench.state.markets[KX.id] = msgspec.structs.replace(KX, status="settled")
    bench.runner.stop()
    bench.runner.offer(ghost(approved.legs[0]))

    closed = bench.events[-1]
    assert isinstance(closed, ArbClosed)
    assert (closed.unhedged, closed.corrects) == (0, told)


@pytest.mark.parametrize(
    ("venue", "market", "stranger", "adopted_ms", "expected"),
    [
        (POLYMARKET, POLY.id, -10, _MADE + 1, True),  # ten YES of ours, ten YES less at the venue
        (POLYMARKET, POLY.id, 10, _MADE + 1, False),  # somebody's own ten YES beside ours
        (POLYMARKET, POLY.id, -10, _MADE - 1, False),  # taken over before this arb: it is not about it
        (KALSHI, KX.id, -10, _MADE + 1, False),  # this arb holds nothing there
    ],
)
async def test_whose_holding_a_person_closed(venue, market, stranger, adopted_ms, expected) -> None:
    """B-448: a stranger against what the arb holds, taken over after the arb was made."""
    bench, journal = Bench(), MemoryJournal()
    await journal.keep(ADOPTED_AT, adopted_ms * 1_000_000)
    await journal.keep(stranger_key(venue, market), int(contracts(stranger)))
    approved = msgspec.structs.replace(bench.approved(), arb_id=ArbId(_MADE.to_bytes(6) + b"boot0001"))
    arb = Arb(approved)
    arb.orders.append(TradedOrder(0, approved.legs[0], fill()(approved.legs[0])))

    assert taken_over(journal, arb) is expected
