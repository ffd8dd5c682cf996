"""Opportunities and refusals as versioned JSON lines, with the terms that led to each decision (B-165).

A decision is written when it falls, an execution again when it closes. Rows wait in memory and go out in batches off the loop,
so recording can never delay an order; when a disk is slow the oldest rows are dropped and counted.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from controller.model import ArbClosed
from controller.risk.decision import Approved, Decision
from controller.risk.size import UNIT
from trading.clock import MS, SECOND, Clock
from trading.log import get_logger
from trading.market import Market, MarketId
from trading.offload import Offload
from trading.order import LegRequest, LegResult
from trading.units import MonoNs, WallNs, format_price, to_dollars

__all__ = ["SCHEMA", "Books", "Records"]

SCHEMA = 1
_KEEP = 10_000
_REDEEM_DAYS = 1
"""After the later settlement, as the gate reckons (execution.md 3)."""
log = get_logger(__name__)


Row = dict[str, Any]


class _Decided(NamedTuple):
    """A decision as it fell, with the terms its markets had then."""

    wall: WallNs
    mono: MonoNs
    decision: Decision
    markets: tuple[Market | None, ...]
    frame_us: int | None


class Books(Protocol):
    """The ledger's tables as seen from here: the same facts, for reports."""

    def decided(self, decision: Decision) -> None: ...
    def ordered(self, leg: LegRequest, market: Market | None, result: LegResult) -> None: ...
    def closed(self, closed: ArbClosed) -> None: ...


class Records:
    """Appends to DIR/decisions.jsonl. run() flushes until cancelled; flush() writes what waits."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        offload: Offload,
        market_of: Callable[[MarketId], Market | None],
        *,
        books: Books | None = None,
    ) -> None:
        self._path = directory / "decisions.jsonl"
        self._clock = clock
        self._offload = offload
        self._market_of = market_of
        self._books = books
        self._waiting: deque[Row | _Decided] = deque(maxlen=_KEEP)
        self._failing = False
        self.dropped = 0

    def decided(self, decision: Decision, frame_us: int | None = None) -> None:
        """Keep a decision: executed, or refused and why. It is put into words off the loop, because orders wait for this.

        frame_us: microseconds from the frame that brought it about, None where no frame did or nobody measured.
        """
        if self._books is not None:
            self._books.decided(decision)
        intent = decision.intent
        markets = tuple(self._market_of(want.market) for want in intent.wants)
        self._put(_Decided(self._clock.wall_ns(), self._clock.mono_ns(), decision, markets, frame_us))

    def ordered(self, leg: LegRequest, market: Market | None, result: LegResult) -> None:
        """Keep the newest truth about a leg: in the ledger's tables, where there are any."""
        if self._books is not None:
            self._books.ordered(leg, market, result)

    def closed(self, done: ArbClosed, stages: Callable[[LegResult], Mapping[str, int]] = lambda _: {}) -> None:
        """Keep how an execution ended; a corrected end replaces the one before it, it does not add to it. stages tells when each
        step of a leg was reached, in microseconds since the decision (B-184)."""
        if self._books is not None:
            self._books.closed(done)
        self._put(
            {
                "schema": SCHEMA,
                "wall_ns": self._clock.wall_ns(),
                "kind": "closed" if done.corrects is None else "corrected",
                "arb": done.arb_id.hex(),
                "basket": done.basket,
                "outcome": done.outcome,
                "matched": to_dollars(done.matched),
                "unhedged": to_dollars(done.unhedged),
                "profit": to_dollars(done.profit),
                "naked": to_dollars(done.naked),
                "legs": [
                    {
                        "id": result.client_order_id,
                        "state": result.state,
                        "filled": to_dollars(result.filled),
                        "cost": to_dollars(result.cost),
                        "fee": to_dollars(result.fee),
                        "code": result.code,
                        "stages_us": dict(stages(result)),
                    }
                    for result in done.results
                ],
            }
        )

    def _put(self, row: Row | _Decided) -> None:
        if len(self._waiting) == _KEEP:
            self.dropped += 1
        self._waiting.append(row)

    async def flush(self) -> None:
        """Write everything that waits. A failed write drops the rows, never the process, and is told once until one works."""
        if not self._waiting:
            return
        rows = tuple(self._waiting)
        self._waiting.clear()
        try:
            await self._offload.run(lambda: _append(self._path, rows))
        except OSError as exc:
            if not self._failing:  # four lines a second would fill what the disk has left
                log.warning("records_not_written", path=str(self._path), error=str(exc), next_step="free the disk")
            self._failing = True
        else:
            self._failing = False

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(0.25)
                await self.flush()
        finally:
            await asyncio.shield(self.flush())


def _append(path: Path, rows: Sequence[Row | _Decided]) -> None:
    data = b"".join(msgspec.json.encode(_row(row) if isinstance(row, _Decided) else row) + b"\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)


def _row(kept: _Decided) -> Row:
    decision, intent = kept.decision, kept.decision.intent
    row: Row = {
        "schema": SCHEMA,
        "wall_ns": kept.wall,
        "strategy": intent.strategy,
        "basket": intent.basket.id,
        "event": intent.event,
        "edge": to_dollars(intent.edge),
        "worst_edge": to_dollars(intent.worst_edge),
        "reason": intent.reason,
        "purpose": intent.purpose,
        **_lock(kept),
        "is_test": intent.is_test,
        "legs": [
            {
                "market": want.market,
                "outcome": want.outcome.name.lower(),
                "action": want.action.value,
                "limit": format_price(want.limit),
                "size": to_dollars(want.size),
                "shown": [format_price(quote.price), to_dollars(quote.size)],
                "change_age_ms": (kept.mono - quote.changed_at) // MS,
                "proof_age_ms": (kept.mono - quote.proved_at) // MS,
                "terms": _terms(market),
            }
            for want, quote, market in zip(intent.wants, intent.quotes, kept.markets, strict=False)
        ],
    }
    if isinstance(decision, Approved):
        return row | {
            "kind": "approved",
            "arb": decision.arb_id.hex(),
            "frame_to_decision_us": kept.frame_us,
            "plan": decision.plan.row,
            "mode": decision.plan.mode,
            "size": to_dollars(decision.plan.size),
            "limits": [format_price(price) for price in decision.plan.limits],
            "why": decision.plan.reason,
        }
    return row | {"kind": "refused", "code": decision.code, "detail": decision.detail}


def _lock(kept: _Decided) -> Row:
    """When the money is expected back, and what the edge earns on it a year; null for an exit or where no date is known."""
    dates = [market.settles_at or market.closes_at for market in kept.markets if market is not None]
    settles = max((date for date in dates if date is not None), default=None)
    if settles is None or kept.decision.intent.purpose == "exit":  # an exit locks nothing
        return {"settles_at_ns": None, "annualised_return": None}
    intent = kept.decision.intent
    days = max(0, settles - kept.wall) / (86_400 * SECOND) + _REDEEM_DAYS
    cost = intent.basket.payout * UNIT - intent.edge
    yearly = round(intent.edge * 365 / (cost * days), 4) if cost > 0 else None
    return {"settles_at_ns": settles, "annualised_return": yearly}


def _terms(market: Market | None) -> dict[str, Any] | None:
    if market is None:
        return None
    fees = market.fees
    return {
        "venue": market.venue,
        "fees": None if fees is None else {"schedule": fees.schedule, "taker": fees.taker, "maker": fees.maker},
        "hold_ms": None if market.hold_ns is None else market.hold_ns // MS,
        "shard": market.shard,
        "rules_hash": market.rules_hash,
    }
