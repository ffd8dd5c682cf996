"""The life cycle of a leg, and the memory journal that keeps it."""

import msgspec
import pytest

from trading.errors import Misuse
from trading.ids import LegId
from trading.journal import MemoryJournal
from trading.market import KALSHI, Action, MarketId, Outcome
from trading.order import FINAL, OPEN, Fill, LegRequest, LegResult, LegState, Tif, Want, advance, total
from trading.units import Money, MonoNs, Price, Size, WallNs

LEG = LegId(b"0123456789abcdef")
WANT = Want(market=MarketId("M"), outcome=Outcome.YES, action=Action.BUY, limit=Price(5000), size=Size(1_000_000), tif=Tif.IOC)
REQUEST = LegRequest(
    leg_id=LEG, want=WANT, venue=KALSHI, purpose="open", max_cost=Money(1), world="sim", epoch=1, deadline=MonoNs(1)
)


def fill(size: int, *, status: str = "final", fee_is_final: bool = True) -> Fill:
    return Fill(
        id=str(size),
        price=Price(5000),
        size=Size(size),
        cost=Money(size // 2),
        fee=Money(3),
        fee_is_final=fee_is_final,
        maker=False,
        at=WallNs(0),
        status=status,  # type: ignore[arg-type]  # the parameter is one of the three words
    )


@pytest.mark.parametrize("new", sorted(FINAL | OPEN))
@pytest.mark.parametrize("old", sorted(OPEN))
def test_an_open_leg_may_become_anything(old: LegState, new: LegState) -> None:
    result = advance(LegResult(leg_id=LEG, state=old), LegResult(leg_id=LEG, state=new))

    assert (result.state, result.result_no) == (new, 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [("rejected", "none"), ("refused", "filled"), ("filled", "unknown"), ("filled", "resting"), ("none", "unknown")],
)
def test_a_final_leg_never_reopens(old: LegState, new: LegState) -> None:
    """A definite answer is never replaced by doubt, and a refusal never by a fill."""
    with pytest.raises(Misuse, match="cannot go"):
        advance(LegResult(leg_id=LEG, state=old), LegResult(leg_id=LEG, state=new))


def test_a_late_fill_and_a_reversal_are_allowed() -> None:
    """B-424: a provisional fill may be taken back; a late one may prove itself after "none"."""
    late = advance(LegResult(leg_id=LEG, state="none"), LegResult(leg_id=LEG, state="partial", filled=Size(5)))
    gone = advance(late, LegResult(leg_id=LEG, state="none"))

    assert (late.filled, gone.filled, gone.result_no) == (5, 0, 3)


def test_result_of_another_leg_is_misuse() -> None:
    with pytest.raises(Misuse, match="offered for"):
        advance(LegResult(leg_id=LEG, state="unknown"), LegResult(leg_id=LegId(bytes(16)), state="none"))


def test_total_leaves_reversed_fills_out() -> None:
    assert total((fill(10), fill(6, status="reversed"))) == (10, 5, 3)


def test_settled_needs_the_venues_own_amounts() -> None:
    """A leg is settled only when every contract is covered by a fill whose fee the venue stated."""
    done = LegResult(leg_id=LEG, state="filled", filled=Size(10), fills=(fill(10),))

    assert done.settled
    assert not msgspec.structs.replace(done, fills=(fill(10, fee_is_final=False),)).settled
    assert not msgspec.structs.replace(done, filled=Size(12)).settled
    assert not msgspec.structs.replace(done, state="unknown").settled


async def test_journal_refuses_a_second_promise() -> None:
    """A leg id names one order: promising it again is misuse, also within one promise."""
    journal = MemoryJournal()
    await journal.promise([REQUEST])

    with pytest.raises(Misuse, match="promised before"):
        await journal.promise([REQUEST])
    other = msgspec.structs.replace(REQUEST, leg_id=LegId(bytes(16)))
    with pytest.raises(Misuse, match="promised before"):
        await journal.promise([other, other])
    assert journal.stored(other.leg_id) is None


async def test_journal_keeps_the_newest_result() -> None:
    journal = MemoryJournal()
    await journal.promise([REQUEST])
    assert journal.open_legs() == [REQUEST]
    await journal.settle(LegResult(leg_id=LEG, state="unknown"))
    assert journal.open_legs() == [REQUEST]
    kept = await journal.settle(LegResult(leg_id=LEG, state="filled", filled=Size(1)))

    assert kept.result_no == 2
    assert journal.stored(LEG) == (REQUEST, kept)
    assert journal.open_legs() == []


async def test_journal_refuses_results_of_unpromised_legs() -> None:
    with pytest.raises(Misuse, match="never promised"):
        await MemoryJournal().settle(LegResult(leg_id=LEG, state="none"))
