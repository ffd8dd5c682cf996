"""What the ledger is told, as values, and the rows that follow from each: pure.

Facts are made on the loop, where only a reference is kept; they become rows in the thread that writes them.
"""

from typing import Any

import msgspec

from controller.ledger.pnl import Day
from controller.model import ArbClosed, Pair
from controller.risk.decision import Approved, Decision
from controller.strategy.base import Intent
from trading.ids import arb_of, client_order_id
from trading.market import Market, MarketId, Venue
from trading.order import LegRequest, LegResult
from trading.units import Money, Price, WallNs

__all__ = [
    "Adjusted",
    "Compared",
    "DayEnded",
    "Decided",
    "Ended",
    "Fact",
    "Moved",
    "Ordered",
    "Paired",
    "Past",
    "Priced",
    "Row",
    "Settled",
    "event_row",
    "fill_rows",
    "opportunity_row",
    "order_row",
    "pair_row",
    "promised_at",
]

Row = dict[str, Any]
_MS_NS = 1_000_000
_MINUTE_NS = 60_000_000_000


class Ordered(msgspec.Struct, frozen=True):
    """A leg and the newest truth about it; no result yet = approved. market is None when its terms are not known; event is what its
    arb claimed, where that is known."""

    leg: LegRequest
    market: Market | None
    result: LegResult | None
    at: WallNs
    event: str = ""


class Decided(msgspec.Struct, frozen=True):
    """A decision as it fell; seen counts the same refusal again."""

    decision: Decision
    at: WallNs
    seen: int = 1


class Ended(msgspec.Struct, frozen=True):
    """How an arb ended, as it was last told."""

    closed: ArbClosed
    at: WallNs


class Paired(msgspec.Struct, frozen=True):
    """A pair whose basket was traded, with its markets."""

    pair: Pair
    markets: tuple[Market, ...]
    at: WallNs


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A venue paid a market out: payout per YES contract, at by its own clock where it tells, seen when we learned of it."""

    venue: Venue
    market: MarketId
    payout: Money
    at: WallNs
    seen: WallNs | None = None


class Adjusted(msgspec.Struct, frozen=True, kw_only=True):
    """A person took over a position as its venue has it: net contracts of YES less NO more than the orders say, for this cash out,
    fees in, None where nobody knows."""

    venue: Venue
    market: MarketId
    net: int
    cash: Money | None
    at: WallNs


class Priced(msgspec.Struct, frozen=True):
    """Best YES prices of a market: (bid, bid size, ask, ask size)."""

    venue: Venue
    market: MarketId
    top: tuple[int, int, int, int]
    at: WallNs


class Compared(msgspec.Struct, frozen=True):
    """A reconciliation with the venues: its differences, one line each."""

    lines: tuple[str, ...]
    at: WallNs


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The treasury moved money or tokens. id names the movement at its venue."""

    id: str
    venue: Venue
    kind: str
    what: str
    amount: Money
    at: WallNs


class DayEnded(msgspec.Struct, frozen=True):
    """A UTC day as it stood when it was over."""

    day: Day
    at: WallNs


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """An arb as the journal has it: what was approved on which terms, and how it was last told to have ended."""

    approved: Approved
    closed: ArbClosed | None
    told_at: WallNs
    pair: Pair | None
    markets: tuple[Market, ...]


Fact = Ordered | Decided | Ended | Paired | Settled | Adjusted | Priced | Compared | Moved | DayEnded


def promised_at(leg_id: bytes) -> WallNs:
    """When the arb of a leg was approved, to the millisecond: its id says so."""
    return WallNs(int.from_bytes(leg_id[:6]) * _MS_NS)


def text(value: str) -> str:
    """A text that every database takes: without NUL and lone surrogates."""
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def order_row(fact: Ordered) -> Row:
    leg, want, result = fact.leg, fact.leg.want, fact.result
    row: Row = {
        "leg": leg.leg_id.hex(),
        "arb": arb_of(leg.leg_id).hex(),
        "venue": leg.venue,
        "market": want.market,
        "outcome": want.outcome.name.lower(),
        "action": want.action.value,
        "purpose": leg.purpose,
        "tif": want.tif.value,
        "price": want.limit,
        "size": want.size,
        "client_order_id": client_order_id(leg.leg_id),
        "fee_terms": "" if fact.market is None else msgspec.json.encode(fact.market.fees).decode(),
        "rules_hash": "" if fact.market is None else fact.market.rules_hash,
        "at": promised_at(leg.leg_id),
        "updated": fact.at,
    }
    return row | result_columns(result)


def result_columns(result: LegResult | None) -> Row:
    """The part of an order's row that a result replaces; result_no -1 is older than any."""
    if result is None:
        result = LegResult(leg_id=_NOBODY, state="unknown", result_no=-1)
        status = "pending"
    else:
        status = result.state
    return {
        "venue_order_id": text(result.venue_order_id),
        "status": status,
        "filled": result.filled,
        "cost": result.cost,
        "fee": result.fee,
        "confirmed": result.confirmed,
        "code": text(result.code),
        "detail": text(result.detail),
        "result_no": result.result_no,
    }


def fill_rows(result: LegResult) -> list[Row]:
    return [
        {
            "leg": result.leg_id.hex(),
            "fill": text(fill.id),
            "price": fill.price,
            "size": fill.size,
            "cost": fill.cost,
            "fee": fill.fee,
            "fee_is_final": fill.fee_is_final,
            "maker": fill.maker,
            "at": fill.at,
            "status": fill.status,
        }
        for fill in result.fills
    ]


def opportunity_row(fact: Decided) -> Row:
    """An approved arb under its id; a refusal under its basket, code and minute, so that repetitions share a row."""
    decision, intent = fact.decision, fact.decision.intent
    row: Row = {
        "pair": intent.basket.group,
        "basket": intent.basket.id,
        "event": intent.event,
        "strategy": intent.strategy,
        "at": fact.at,
        "edge": intent.edge,
        "payout": intent.basket.payout,
        "seen": fact.seen,
        "finished": None,
        "outcome": "",
        "matched": 0,
        "unhedged": 0,
        "profit": 0,
        "naked": 0,
    }
    if isinstance(decision, Approved):
        return row | {
            "opportunity": decision.arb_id.hex(),
            "quotes": _quotes(intent, decision.plan.limits),
            "size": decision.plan.size,
            "executed": True,
            "code": "",
            "detail": text(decision.plan.reason),
        }
    return row | {
        "opportunity": f"{fact.at // _MINUTE_NS}/{decision.code}/{intent.basket.id}",
        "quotes": _quotes(intent, tuple(want.limit for want in intent.wants)),
        "size": min((want.size for want in intent.wants), default=0),
        "executed": False,
        "code": decision.code,
        "detail": text(decision.detail),
    }


def _quotes(intent: Intent, limits: tuple[Price, ...]) -> str:
    """Each leg with its limit and what it saw, as JSON."""
    rows = [
        {"market": want.market, "outcome": int(want.outcome), "limit": limit, "price": quote.price, "size": quote.size}
        for want, limit, quote in zip(intent.wants, limits, intent.quotes, strict=False)
    ]
    return msgspec.json.encode(rows).decode()


def event_row(market: Market, event: str, at: WallNs) -> Row:
    return {
        "venue": market.venue,
        "market": market.id,
        "event": event,
        "venue_event": text(market.event_id),
        "title": text(market.question),
        "yes": text(market.outcomes[0]),
        "no": text(market.outcomes[1]),
        "shard": market.shard,
        "starts_at": market.starts_at,
        "closes_at": market.closes_at,
        "settles_at": market.settles_at,
        "active": market.status in ("open", "paused"),
        "exclusive": market.mutually_exclusive,
        "first_seen": at,
        "updated": at,
    }


def pair_row(fact: Paired) -> Row:
    pair = fact.pair
    return {
        "pair": pair.id,
        "event": pair.event,
        "league": pair.league,
        "kind": pair.kind,
        "description": text(pair.description),
        "first": pair.first,
        "second": pair.second,
        "outcome_index": int(pair.outcome_index),
        "state": pair.state,
        "terms": pair.terms,
        "starts_at": pair.starts_at,
        "settlement_charge": pair.settlement_charge,
        "notes": text("; ".join(pair.evidence)),
        "updated": fact.at,
    }


_NOBODY: Any = b""
