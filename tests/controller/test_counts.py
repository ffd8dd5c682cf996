"""Counters show every arb once, by its newest end, and every alarm until it is over."""

import msgspec

from controller.counts import Counts, next_step, summary
from controller.demo import exit_code
from controller.execution.hybrid import HybridStatistics
from controller.execution.life import ArbAlarm
from controller.model import ArbClosed, EventId
from trading.ids import ArbId
from trading.market import KALSHI, MarketId
from trading.units import Money, Size

ARB = ArbId(b"a" * 14)
ROUTED = HybridStatistics(legs_local=2, legs_remote=0, legs_refused=0)


def end(outcome: str, *, matched: int = 0, unhedged: int = 0, profit: int = 0, naked: int = 0) -> ArbClosed:
    return ArbClosed(
        arb_id=ARB,
        event=EventId("game"),
        basket="b",
        outcome=outcome,
        matched=Size(matched),
        unhedged=Size(unhedged),
        profit=Money(profit),
        naked=Money(naked),
        results=(),
    )


def alarm(word: str) -> ArbAlarm:
    return ArbAlarm(arb_id=ARB, event=EventId("game"), word=word, detail="", markets=(), unhedged=Size(0), naked=Money(0))


def close(counts: Counts, closed: ArbClosed) -> None:
    counts.close(closed, dust=Size(50_000), purpose_of=lambda leg: None, markets=[MarketId("K"), MarketId("P")])


def shown(counts: Counts) -> dict[str, object]:
    return summary(counts, pairs=1, unconfirmed=0, routed=ROUTED, short={(KALSHI, 3): 2_500_000}, timings={})


def test_corrected_arb_is_counted_once() -> None:
    """Exposed, then unwound after all: one execution, nothing unhedged, the profit of the last word, no alarm left."""
    counts = Counts()
    first = end("exposed", unhedged=10_000_000, profit=0, naked=4_200_000)
    close(counts, first)
    assert (shown(counts)["unhedged_contracts"], shown(counts)["naked_dollars"], counts.profit) == ("10", "4.2", 0)

    close(counts, msgspec.structs.replace(end("unwound", profit=-300_000), corrects=first))

    assert (counts.executions, counts.unhedged, counts.naked, counts.profit) == (1, 0, 0, -300_000)
    assert (counts.one_sided, counts.alarmed) == (1, {})


def test_market_of_a_match_that_was_reversed_is_no_match() -> None:
    counts = Counts()
    first = end("matched", matched=10_000_000, profit=1)
    close(counts, first)
    assert len(counts.markets) == 2

    close(counts, msgspec.structs.replace(end("unwound"), corrects=first))

    assert (counts.markets, counts.matched) == ((), 0)


def test_alarms_stand_until_their_arb_is_over() -> None:
    """A doubt that cleared is history; exposed and unknown arbs stay open in the summary."""
    counts = Counts()
    counts.ring(alarm("leg_unknown"))
    assert shown(counts)["alarms_open"] == 1
    close(counts, end("matched", matched=1))
    assert (shown(counts)["alarms_open"], shown(counts)["alarms"]) == (0, {"leg_unknown": 1})

    close(counts, end("unknown"))

    assert shown(counts)["alarms_open"] == 1


def test_dust_is_no_unhedged_rest_and_cash_that_lacked_is_shown() -> None:
    counts = Counts()
    close(counts, end("matched", matched=1, unhedged=9_000))

    assert (shown(counts)["unhedged_contracts"], shown(counts)["dust_contracts"]) == ("0", "0.009")
    assert shown(counts)["cash_short_dollars"] == {"kalshi 3": "2.5"}


def test_demo_fails_while_something_stands_open() -> None:
    """An open alarm, a fault, an unconfirmed or unhedged leg or a difference each make it exit non-zero."""
    clean = shown(Counts()) | {"venue_differences": 0}
    assert exit_code(clean) == 0

    for name in ("alarms_open", "faults", "unconfirmed_legs", "venue_differences"):
        assert exit_code(clean | {name: 1}) == 1
    assert exit_code(clean | {"unhedged_contracts": "0.5"}) == 1


def test_every_alarm_has_a_next_step() -> None:
    """A word nobody listed, too."""
    assert all(next_step(word) for word in ("exposed", "exit_refused_oversize", "new"))
