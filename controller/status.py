"""What a running controller says about itself: may it trade, with whom is it connected, what is open and at stake (B-204, B-244),
how quick it is (B-184, B-339).

A plain mapping for JSON: dollars and contracts as exact decimals, ages in seconds. It reads; nothing here changes anything.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from controller.app import App
from controller.drain import REASON as DRAIN
from controller.execution.trader_link import Health
from controller.halt import HaltFile
from trading.clock import SECOND
from trading.journal_file import FileJournal
from trading.market import Venue
from trading.units import to_dollars

__all__ = ["executed_by", "lines_of", "said_of", "status_of"]

_SHOWN = 50
"""Open legs listed one by one; more are counted."""


def status_of(system: App, halt: HaltFile, journal: FileJournal, epoch: int) -> dict[str, object]:
    """The controller as it is now."""
    state, clock, breaker = system.state, system.ports.clock, system.engine.gate.breaker
    reason, freeze = halt.state()
    trip = breaker.reason(clock.mono_ns())
    legs = []
    for leg in journal.open_legs():
        known = journal.stored(leg.leg_id)
        result = known[1] if known is not None else None
        legs.append(
            {
                "leg": leg.leg_id.hex(),
                "venue": leg.venue,
                "market": leg.want.market,
                "purpose": leg.purpose,
                "state": result.state if result is not None else "promised",
                "age_s": round((clock.wall_ns() - journal.promised_at(leg.leg_id)) / SECOND, 1),
            }
        )
    traders = system.link.traders
    return {
        "schema": 1,
        "pid": os.getpid(),
        "epoch": epoch,
        "world": system.settings.world(),
        "trading": _verdict(reason, freeze, trip, journal.failed),
        "halt": None if reason is None else {"reason": reason, "freeze": freeze},
        "draining": reason is not None and reason.startswith(DRAIN),
        "arbs_under_way": system.runtime.running,
        "reconciliation": _compared(system),
        "breaker": {
            "trip": trip,
            "day_pnl_dollars": to_dollars(breaker.pnl),
            "day_unwind_loss_dollars": to_dollars(breaker.unwind_loss),
            "errors_in_a_row": breaker.errors,
            "trips": breaker.trips,
        },
        "journal": journal.failed or "ok",
        "venues": {
            venue: {
                "mode": state.mode(venue),
                "books": (stats := feed.statistics()).markets,
                "books_ready": stats.ready,
                "feed_latency_ms": None if stats.latency_ms is None else round(stats.latency_ms, 1),
                "executed": executed_by(
                    venue,
                    listed=system.settings.platforms,
                    paper=system.settings.world() == "paper",
                    traders=traders.health() if traders is not None else {},
                ),
            }
            for venue, feed in system.feeds.items()
        },
        "traders": {
            name: {"venue": venue, "health": health}
            for name, (venue, health) in (traders.health() if traders is not None else {}).items()
        },
        "open_legs": legs[:_SHOWN],
        "open_legs_count": len(legs),
        "cash": {
            f"{venue} {shard}": {"dollars": to_dollars(cash), "reserved_dollars": to_dollars(reserved)}
            for (venue, shard), (cash, reserved) in sorted(state.cash.shards().items())
        },
        "held_dollars": to_dollars(state.positions.total_cost()),
        "naked_dollars": to_dollars(state.positions.naked_total()),
        "best_gap": None if system.runtime.gap is None else system.runtime.gap.text(),
        "summary": system.runtime.summary(),
    }


def executed_by(venue: Venue, *, listed: frozenset[Venue], paper: bool, traders: Mapping[str, tuple[Venue, Health]]) -> str:
    """Where a leg of that venue would go now. With nothing listed, paper legs stay here until a trader comes (B-083)."""
    if venue in listed:
        return "here"
    there = any(of == venue and health == "ready" for of, health in traders.values())
    return "here, on paper, until its trader comes" if paper and not listed and not there else "by its trader"


def _compared(system: App) -> dict[str, object] | None:
    """The newest comparison with both venues; None on paper, which has none."""
    if system.reconciler is None:
        return None
    if system.reconciler.last is None:
        return {"age_s": None, "equal": False, "differences": [], "unread": {}, "lost": "", "cash": []}
    at, report = system.reconciler.last
    return {
        "age_s": round((system.ports.clock.wall_ns() - at) / SECOND, 1),
        "equal": report.equal,
        "differences": [one.line for one in report.differences],
        "unread": dict(report.unread),
        "lost": report.lost,
        "cash": list(report.cash_differences),
    }


def _verdict(reason: str | None, freeze: bool, trip: str | None, failed: str) -> str:
    if failed:
        return "stopped: the journal failed; end it, mend the disk, start it again"
    if reason is not None:
        return f"{'frozen' if freeze else 'halted'}: {reason}; `controller resume` ends it"
    if trip is not None:
        return f"breaker: {trip}"
    return "on"


def lines_of(status: Mapping[str, object]) -> Sequence[str]:
    """The status for people."""
    summary = _of(status["summary"])
    lines = [f"trading    {status['trading']}   ({status['world']}, pid {status['pid']}, start {status['epoch']})"]
    breaker = _of(status["breaker"])
    lines.append(f"today      ${breaker['day_pnl_dollars']}, exits cost ${breaker['day_unwind_loss_dollars']}")
    for venue, row in _of(status["venues"]).items():
        lines.append(
            f"{venue:<10} {row['mode']}, {row['books_ready']} of {row['books']} books ready{_late(row)},"
            f" legs executed {row['executed']}"
        )
    compared = status["reconciliation"]
    if isinstance(compared, dict):
        lines += [f"compared   {said_of(compared)}", *(f"  {line}" for line in (*compared["differences"], *compared["cash"]))]
    for name, row in _of(status["traders"]).items():
        lines.append(f"trader     {name} ({row['venue']}): {row['health']}")
    lines.append(
        f"since start {summary['executions']} executions, {summary['matched_contracts']} contracts matched,"
        f" profit ${summary['net_pnl_dollars']}, alarms open {summary['alarms_open']}"
    )
    if status.get("best_gap") is not None:
        lines.append(f"best gap   {status['best_gap']}, seen within half a minute")  # B-316
    lines += [
        f"{name.replace('_', ' '):<21} p50 {spread['p50']} ms, p95 {spread['p95']} ms, {spread['count']} times"
        for name, spread in _of(summary["latency_ms"]).items()
    ]
    lines += [
        f"cash       {shard}: ${row['dollars']}, ${row['reserved_dollars']} of it reserved"
        for shard, row in _of(status["cash"]).items()
    ]
    held, naked = status["held_dollars"], status["naked_dollars"]
    lines.append(f"at stake   ${held} held, ${naked} of it unhedged, {status['open_legs_count']} legs open")
    for leg in status["open_legs"] if isinstance(status["open_legs"], list) else []:
        lines.append(f"  {leg['venue']} {leg['market']} {leg['purpose']} {leg['state']} for {leg['age_s']} s ({leg['leg']})")
    return lines


def _late(row: Mapping[str, object]) -> str:
    """How far the stream is behind the venue's own stamps (B-339), the difference of both clocks in it."""
    return "" if row["feed_latency_ms"] is None else f", {row['feed_latency_ms']} ms behind"


def said_of(compared: Mapping[str, Any]) -> str:
    """One line about the newest comparison, as status tells it."""
    if compared["age_s"] is None:
        return "not yet: nothing is opened before it"
    if compared["lost"]:
        return str(compared["lost"])
    unread = "".join(f"; {venue}: {why}" for venue, why in compared["unread"].items())
    count = len(compared["differences"])
    what = f"{count} markets differ: `controller reconcile`" if count else "no difference"
    return f"{compared['age_s']} s ago: {what}{unread}"


def _of(value: object) -> Mapping[str, dict[str, object]]:
    assert isinstance(value, dict)
    return value
