"""What `manual-trade` prints: a few lines for people, one JSON object for programs. Dollars and contracts are exact decimals."""

import json
from datetime import UTC, datetime

import typer

from trader.manual import Placed
from trader.ticket import dollars
from trading.clock import MS
from trading.market import Action
from trading.order import LegState
from trading.units import Money, to_dollars

__all__ = ["EXIT_CODES", "placed_json", "show_placed"]

EXIT_CODES: dict[LegState, int] = {
    "filled": 0,
    "partial": 0,
    "none": 0,
    "rejected": 1,
    "refused": 2,
    "resting": 3,
    "held": 3,
    "unknown": 3,
}
"""0 = known and in order (no match included), 1 = the venue said no, 2 = refused here and not sent, 3 = still not known."""


def placed_json(placed: Placed) -> dict[str, object]:
    """The ticket and its LegResult. cost is negative when money was received; answered_ms runs from the send."""
    want, result = placed.ticket.want, placed.result
    return {
        "schema": 1,
        "world": placed.world,
        "venue": placed.ticket.venue,
        "market": placed.market.id,
        "question": placed.market.question,
        "outcome": want.outcome.name.lower(),
        "outcome_name": placed.market.outcomes[want.outcome],
        "action": want.action.value,
        "limit": dollars(want.limit),
        "contracts": to_dollars(want.size),
        "tif": want.tif.value,
        "state": result.state,
        "known": result.final,
        "settled": result.settled,
        "confirmed": result.confirmed,
        "filled": to_dollars(result.filled),
        "cost": to_dollars(result.cost),
        "fee": to_dollars(result.fee),
        "fills": [
            {
                "id": fill.id,
                "price": dollars(fill.price),
                "contracts": to_dollars(fill.size),
                "cost": to_dollars(fill.cost),
                "fee": to_dollars(fill.fee),
                "fee_is_final": fill.fee_is_final,
                "maker": fill.maker,
                "status": fill.status,
                "at": datetime.fromtimestamp(fill.at // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            for fill in result.fills
        ],
        "leg_id": result.leg_id.hex(),
        "client_order_id": result.client_order_id,
        "venue_order_id": result.venue_order_id,
        "code": result.code,
        "detail": result.detail,
        "answered_ms": _answered_ms(placed),
    }


def show_placed(placed: Placed, *, as_json: bool) -> None:
    """Print to stdout; with as_json nothing but the object."""
    if as_json:
        typer.echo(json.dumps(placed_json(placed)))
        return
    want, result, market = placed.ticket.want, placed.result, placed.market
    name = market.outcomes[want.outcome]
    meant = want.outcome.name if name.upper() == want.outcome.name else f"{want.outcome.name} ({name})"
    paper = "paper " if placed.world == "paper" else ""
    typer.echo(
        f"{paper}{result.state}: {want.action.value} {to_dollars(result.filled)} of {to_dollars(want.size)} {meant} "
        f"at {dollars(want.limit)} or better, {placed.ticket.venue} {market.id}"
    )
    if result.code or result.detail not in ("", "paper"):
        typer.echo(f"  {' '.join(part for part in (result.code, result.detail) if part)}")
    if result.filled:
        word = "paid" if want.action is Action.BUY else "received"
        estimate = "" if result.settled else " (estimated: the venue has not listed every fill yet)"
        typer.echo(f"  {word} ${to_dollars(Money(abs(result.cost)))}, fee ${to_dollars(result.fee)}{estimate}")
    if result.filled > want.size:
        typer.echo("  more than asked for: this venue sizes buys in dollars, and a better price brings more contracts")
    for fill in result.fills:
        typer.echo(f"  {to_dollars(fill.size)} at {dollars(fill.price)}, fee ${to_dollars(fill.fee)}, {fill.status}")
    if result.client_order_id:
        took = _answered_ms(placed)
        typer.echo(f"  order {result.client_order_id}" + (f", answered in {took} ms" if took is not None else ""))
    if result.venue_order_id:
        typer.echo(f"  venue's id {result.venue_order_id}")


def _answered_ms(placed: Placed) -> int | None:
    if placed.world == "paper":  # no way was travelled
        return None
    at = dict(placed.result.stages)
    return (at["answered"] - at["sent"]) // MS if "answered" in at and "sent" in at else None
