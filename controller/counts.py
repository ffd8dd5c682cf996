"""What happened since the start, as the command line shows it: counters, the money, and the alarms that still stand.

An arb is counted by its newest ArbClosed: a correction takes the one before it out first, so that nothing is counted twice.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from controller.cash import Shard
from controller.execution.hybrid import HybridStatistics
from controller.execution.life import ArbAlarm
from controller.model import ArbClosed
from controller.timings import Spread
from trading.ids import ArbId, LegId
from trading.market import MarketId
from trading.order import Purpose
from trading.units import Money, Size, to_dollars

__all__ = ["Counts", "next_step", "summary"]

_OPEN = ("unknown", "exposed")
_STEPS = {
    "leg_unknown": "it is being looked up and nothing else is sent for the arb; wait",
    "leg_unresolved": "it is asked about until the venue answers; look the order up on the venue's site",
    "exposed": "the event stays shut; close the rest by hand on the venue's site",
    "reopened": "it is being hedged now; wait",
    "deadline": "close the rest by hand on the venue's site",
    "venues_down": "it is tried again until the deadline; watch the venues' status pages",
    "attempts_used_up": "close the rest by hand on the venue's site",
    "exit_no_route": "bring the executor of that venue back; see `controller doctor`",
    "exit_refused_frozen": "resume, or close the rest by hand on the venue's site",
    "arb_failed": "look the arb's orders up on both venues, then read the log above this line",
    "dust": "close what stands alone in that event by hand, or carry it to settlement",
    "record_dropped": "look the arb's orders up on both venues",
}


def next_step(word: str) -> str:
    """What a person should do about an alarm."""
    return _STEPS.get(word, "read the detail; close the rest by hand on the venue's site if it stays")


class Counts(msgspec.Struct):
    """Sums since the start. unhedged is beyond dust; naked is what that cost, carried outside profit until it is known."""

    opportunities: int = 0
    executions: int = 0
    misses: int = 0
    one_sided: int = 0
    unwinds: int = 0
    exits: int = 0
    """Sales of held pairs that sold something (B-440)."""
    matched: Size = Size(0)
    unhedged: Size = Size(0)
    dust: Size = Size(0)
    profit: Money = Money(0)
    naked: Money = Money(0)
    refusals: Counter[str] = msgspec.field(default_factory=Counter)
    matches: Counter[MarketId] = msgspec.field(default_factory=Counter)
    """Executions that matched, per market."""
    alarms: Counter[str] = msgspec.field(default_factory=Counter)
    """Every alarm by its word, over or not."""
    alarmed: dict[ArbId, set[str]] = msgspec.field(default_factory=dict)
    """Arbs whose alarms still stand."""
    faults: int = 0
    """Errors that nobody foresaw, caught at a task's boundary."""

    @property
    def markets(self) -> tuple[MarketId, ...]:
        """Markets in which an execution matched."""
        return tuple(market for market, count in self.matches.items() if count > 0)

    def ring(self, alarm: ArbAlarm) -> None:
        self.alarms[alarm.word] += 1
        self.alarmed.setdefault(alarm.arb_id, set()).add(alarm.word)

    def silence(self, arb: ArbId, word: str) -> None:
        """One alarm is over, whatever its arb did."""
        words = self.alarmed.get(arb, set())
        words.discard(word)
        if not words:
            self.alarmed.pop(arb, None)

    def close(
        self, closed: ArbClosed, *, dust: Size, purpose_of: Callable[[LegId], Purpose | None], markets: Iterable[MarketId]
    ) -> None:
        """Count how an arb ended, or ended after all. Its alarms are over unless it is still in doubt or exposed."""
        markets = tuple(markets)
        if closed.corrects is not None:
            self._add(closed.corrects, -1, dust, purpose_of, markets)
        self._add(closed, 1, dust, purpose_of, markets)
        if closed.outcome in _OPEN:
            self.alarmed.setdefault(closed.arb_id, set()).add(closed.outcome)
        else:
            self.alarmed.pop(closed.arb_id, None)

    def _add(
        self,
        closed: ArbClosed,
        sign: int,
        dust: Size,
        purpose_of: Callable[[LegId], Purpose | None],
        markets: tuple[MarketId, ...],
    ) -> None:
        self.executions += sign
        self.matched = Size(self.matched + sign * closed.matched)
        if closed.unhedged <= dust and closed.outcome not in _OPEN:
            self.dust = Size(self.dust + sign * closed.unhedged)  # too small to trade: carried and counted apart
        else:
            self.unhedged = Size(self.unhedged + sign * closed.unhedged)
        self.profit = Money(self.profit + sign * closed.profit)
        self.naked = Money(self.naked + sign * closed.naked)
        purposes = {purpose_of(result.leg_id) for result in closed.results if result.filled}
        self.misses += sign * (closed.outcome == "miss")
        self.unwinds += sign * ("unwind" in purposes)
        self.exits += sign * ("exit" in purposes)
        self.one_sided += sign * bool(
            purposes & {"unwind", "complete"} or closed.outcome in ("one_sided", "unwound", "exposed")
        )
        if closed.matched:
            for market in markets:
                self.matches[market] += sign


def summary(
    counts: Counts,
    *,
    pairs: int,
    unconfirmed: int,
    routed: HybridStatistics,
    short: Mapping[Shard, int],
    timings: Mapping[str, Spread],
) -> dict[str, object]:
    """Counters as the command line prints them: dollars and contracts as exact decimals."""
    return {
        "schema": 1,
        "pairs": pairs,
        "opportunities": counts.opportunities,
        "executions": counts.executions,
        "matched_contracts": to_dollars(counts.matched),
        "misses": counts.misses,
        "one_sided": counts.one_sided,
        "unwinds": counts.unwinds,
        "early_exits": counts.exits,
        "unhedged_contracts": to_dollars(counts.unhedged),
        "naked_dollars": to_dollars(counts.naked),
        "dust_contracts": to_dollars(counts.dust),
        "unconfirmed_legs": unconfirmed,
        "alarms": dict(sorted(counts.alarms.items())),
        "alarms_open": len(counts.alarmed),
        "faults": counts.faults,
        "refusals": dict(sorted(counts.refusals.items())),
        "cash_short_dollars": {
            f"{venue} {shard}": to_dollars(Money(amount)) for (venue, shard), amount in sorted(short.items())
        },
        "net_pnl_dollars": to_dollars(counts.profit),
        "legs_local": routed.legs_local,
        "legs_remote": routed.legs_remote,
        "latency_ms": {name: msgspec.to_builtins(spread) for name, spread in timings.items()},
    }
