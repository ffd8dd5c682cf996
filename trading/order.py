"""A leg: what is wanted, what was asked for, what came of it.

A leg is one order on one venue. It has one current LegResult, versioned by result_no:

    (sent) ──► refused none filled partial rejected      final
       └─────► resting held unknown ──► any final state  open
    filled, partial ──► partial, none                    only when the venue reverses a provisional fill (B-424)
    none, rejected ──► filled, partial                   a late fill proves itself after all

"unknown" is a state of its own: sent, not answered. It is resolved by asking the venue, never by sending again (B-093).
"""

from enum import Enum
from typing import Literal

import msgspec

from trading.errors import Misuse
from trading.ids import LegId
from trading.market import Action, MarketId, Outcome, Venue
from trading.units import Money, MonoNs, Price, Size, WallNs

__all__ = [
    "FINAL",
    "OPEN",
    "Fill",
    "FillStatus",
    "LegRequest",
    "LegResult",
    "LegState",
    "Purpose",
    "Tif",
    "Want",
    "World",
    "advance",
    "total",
]

World = Literal["paper", "sim", "live"]
"""paper: no order leaves the process. sim: every host is loopback. live: real venues."""
Purpose = Literal["open", "complete", "unwind", "exit", "manual", "test"]
LegState = Literal["refused", "none", "filled", "partial", "rejected", "resting", "held", "unknown"]
FillStatus = Literal["provisional", "final", "reversed"]

FINAL: frozenset[LegState] = frozenset({"refused", "none", "filled", "partial", "rejected"})
OPEN: frozenset[LegState] = frozenset({"resting", "held", "unknown"})

_NEXT: dict[LegState, frozenset[LegState]] = {
    "resting": FINAL | OPEN,
    "held": FINAL | OPEN,
    "unknown": FINAL | OPEN,
    "filled": frozenset({"filled", "partial", "none"}),  # a reversal takes fills away
    "partial": frozenset({"filled", "partial", "none"}),  # a late fill adds, a reversal takes away
    "none": frozenset({"none", "filled", "partial"}),  # a late fill proves itself after all
    "rejected": frozenset({"rejected", "filled", "partial"}),  # the venue said no and filled all the same: its fills are true
    "refused": frozenset({"refused"}),
}


class Tif(Enum):
    """Time in force. IOC is Polymarket's FAK."""

    IOC = "ioc"
    FOK = "fok"
    GTC = "gtc"


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """One order in words: limit is the worst price, in dollars of its own outcome; size in contracts."""

    market: MarketId
    outcome: Outcome
    action: Action
    limit: Price
    size: Size
    tif: Tif = Tif.IOC
    post_only: bool = False


class LegRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One order approved for one venue. deadline is monotonic: past it the leg is refused unsent (B-224).

    max_cost is the cash the leg may take, fee included. epoch fences stale controllers.
    """

    leg_id: LegId
    want: Want
    venue: Venue
    purpose: Purpose
    max_cost: Money
    world: World
    epoch: int
    deadline: MonoNs


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. price is in the outcome we traded; cost is cash out before the fee, negative when we received."""

    id: str
    price: Price
    size: Size
    cost: Money
    fee: Money
    fee_is_final: bool
    maker: bool
    at: WallNs
    status: FillStatus


class LegResult(msgspec.Struct, frozen=True, kw_only=True):
    """The current truth about one leg.

    filled may exceed the wanted size (Polymarket buys are sized in pUSD). cost is cash out before fees, negative when selling.
    code and detail are the venue's words (or ours for refused). stages are (name, monotonic ns). The average price is derived,
    never stored.
    """

    leg_id: LegId
    state: LegState
    filled: Size = Size(0)
    cost: Money = Money(0)
    fee: Money = Money(0)
    fills: tuple[Fill, ...] = ()
    client_order_id: str = ""
    venue_order_id: str = ""
    code: str = ""
    detail: str = ""
    stages: tuple[tuple[str, MonoNs], ...] = ()
    result_no: int = 1

    @property
    def final(self) -> bool:
        return self.state in FINAL

    @property
    def settled(self) -> bool:
        """Final, and the venue's own amounts and fees are in it: nothing about it is an estimate."""
        return (
            self.state in FINAL
            and all(fill.fee_is_final for fill in self.fills)
            and self.filled == sum(fill.size for fill in self.fills if fill.status != "reversed")
        )

    @property
    def confirmed(self) -> bool:
        """Settled, and no fill can be reversed any more (B-424)."""
        return self.settled and all(fill.status != "provisional" for fill in self.fills)


def total(fills: tuple[Fill, ...]) -> tuple[Size, Money, Money]:
    """Contracts, cost and fees of the fills that stand."""
    size = cost = fee = 0
    for fill in fills:
        if fill.status != "reversed":
            size += fill.size
            cost += fill.cost
            fee += fill.fee
    return Size(size), Money(cost), Money(fee)


def advance(old: LegResult, new: LegResult) -> LegResult:
    """Replace a leg's result by a newer one. Raises Misuse on another leg or a transition the table does not allow.

    Reversed fills that new no longer lists stay in it, so that no later read can bring them back (B-424).
    """
    if old.leg_id != new.leg_id:
        raise Misuse(f"result of leg {new.leg_id.hex()} offered for leg {old.leg_id.hex()}")
    if new.state not in _NEXT[old.state]:
        raise Misuse(f"leg {old.leg_id.hex()} cannot go from {old.state} to {new.state}")
    listed = {fill.id for fill in new.fills}
    gone = tuple(fill for fill in old.fills if fill.status == "reversed" and fill.id not in listed)
    return msgspec.structs.replace(new, fills=new.fills + gone, result_no=old.result_no + 1)
