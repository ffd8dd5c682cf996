"""The gate's answers as values: Approved (made by risk.gate only) or Refused with a reason.

Approved carries a seal that only gate.py holds; the executor checks it, so an order that skipped the gate cannot be typed or
run.
"""

from typing import Literal

import msgspec

from controller.model import EventId
from controller.strategy.base import Intent
from trading.ids import ArbId
from trading.order import LegRequest, Purpose
from trading.units import Money, Price, Size

__all__ = ["Approved", "Decision", "Plan", "PlanRow", "Refused", "RefusalCode"]

PlanRow = Literal["R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "exit"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which leg first and how far each may go (execution.md 2).

    order holds indices into Intent.wants in the order of sending; concurrent sends all at once. limits are leg prices as sent.
    concession is the worst price leg 2 may reach by B-455. reason says why this row matched. rest_leg keeps room for a later
    maker-taker plan.
    """

    row: PlanRow
    mode: Literal["concurrent", "sequential", "batch", "single"]
    order: tuple[int, ...]
    size: Size
    limits: tuple[Price, ...]
    concession: Price | None
    hold_ns: int
    reason: str
    rest_leg: None = None


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """Permission to execute. legs stand in the order of intent.wants; reserved is the cash held per leg until it is final.

    For an exit (complete, unwind) purpose says so, intent is the one that opened the arb and legs holds the single new order.
    """

    arb_id: ArbId
    intent: Intent
    plan: Plan
    purpose: Purpose
    legs: tuple[LegRequest, ...]
    claim: EventId
    reserved: tuple[Money, ...]
    seal: object = None


RefusalCode = str
"""A short constant word, the key of the refusal counters."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A no with its reason; recorded, never raised."""

    intent: Intent
    code: RefusalCode
    detail: str


Decision = Approved | Refused
