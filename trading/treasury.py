"""The seam of money plumbing: what stands where at a venue, what is missing to trade, and the steps that mend it.

Reading never moves money. Every movement is a Step that can be shown before it is applied, and is applied once.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from trading.market import MarketId, Venue
from trading.units import Money, Size

__all__ = ["Applied", "Asset", "Step", "StepKind", "Treasury"]

AssetKind = Literal["cash", "allowance", "redeemable", "mergeable"]
StepKind = Literal["transfer", "refresh", "approve", "merge", "redeem"]


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """Something of worth at a venue. place is the shard, wallet or contract; amount is dollars, None = unlimited."""

    venue: Venue
    kind: AssetKind
    place: str
    amount: Money | None
    market: MarketId | None = None
    size: Size | None = None
    detail: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One movement or permission, as the operator is asked about it. what is a whole sentence; fields are the venue's own."""

    venue: Venue
    kind: StepKind
    what: str
    amount: Money | None = None
    market: MarketId | None = None
    fields: Mapping[str, str | int] = {}


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """How a step ended. done False with pending True: asked for, not yet seen at the venue; detail says how to look."""

    step: Step
    done: bool
    pending: bool = False
    detail: str = ""


class Treasury(Protocol):
    """One venue's money. Every method raises only the tree of errors.py."""

    venue: Venue

    async def assets(self) -> Sequence[Asset]:
        """Cash per place, allowances, and what could be merged or redeemed now."""

    async def steps(self, wanted: Mapping[int, Money]) -> Sequence[Step]:
        """What is missing for this much cash per shard (0 where a venue has none) to be tradable, in the order to do it."""

    async def apply(self, step: Step) -> Applied:
        """Do one step. A lost answer is looked up at the venue; it is never sent a second time."""
