"""Every status word of the venue, and the one thing it means (polymarket.md 7.1, 7.3).

    order   LIVE UNMATCHED ─► live      DELAYED ─► held      MATCHED ─► trades decide
            CANCELED... INVALID ─► over, with a reason       anything else ─► unknown: asked again, never guessed
    trade   MATCHED_NOT_BROADCASTED MATCHED MINED RETRYING ─► provisional    CONFIRMED ─► final    FAILED ─► reversed

Words come with or without ORDER_STATUS_ or TRADE_STATUS_ and in either case; free text follows some CANCELED_.
"""

from typing import Literal

from trading.order import FillStatus
from trading.polymarket.orders import refusal_code, word

__all__ = ["ORDER_WORDS", "TRADE_WORDS", "OrderPhase", "cancel_code", "fill_status", "order_phase", "trade_rank"]

OrderPhase = Literal["live", "held", "matched", "over", "unknown"]

ORDER_WORDS: dict[str, OrderPhase] = {
    "LIVE": "live",
    "UNMATCHED": "live",
    "DELAYED": "held",
    "MATCHED": "matched",
    "INVALID": "over",
}
"""Whole words; every other one is read by its CANCELED prefix."""

_CANCELS = {
    "MARKET_RESOLVED": "market_resolved",
    "NOT_ENOUGH_BALANCE": "no_balance",
    "MARKET_NOT_FOUND": "not_found",
    "EXPIRED_ORDER": "expired",
    "ORDER_TIMED_OUT": "timed_out",
}

TRADE_WORDS: dict[str, tuple[FillStatus, int]] = {
    "MATCHED_NOT_BROADCASTED": ("provisional", 0),
    "MATCHED": ("provisional", 1),
    "RETRYING": ("provisional", 1),
    "MINED": ("provisional", 2),
    "CONFIRMED": ("final", 3),
    "FAILED": ("reversed", 3),
}
"""What a fill is at this word, and how late in a trade's life the word comes."""


def order_phase(status: object) -> OrderPhase:
    """What an order's status says of its life."""
    text = word(status)
    if text.startswith(("CANCELED", "CANCELLED")):
        return "over"
    return ORDER_WORDS.get(text, "unknown")


def cancel_code(status: object) -> str:
    """Why an order is over: our word for the reason inside its status, "canceled" when it gives none."""
    text = word(status)
    if text == "INVALID":
        return "invalid"
    reason = text.removeprefix("CANCELED").removeprefix("CANCELLED").removeprefix("_")
    known = _CANCELS.get(reason)
    if known is not None:
        return known
    code = refusal_code(reason)
    return "canceled" if code == "refused" else code


def fill_status(status: object) -> FillStatus:
    """What a trade's status says of its fills: whatever is not an end may still be reversed (B-424)."""
    return TRADE_WORDS.get(word(status), ("provisional", 1))[0]


def trade_rank(status: object) -> int:
    """How late the word comes; a later one is never replaced by an earlier one."""
    return TRADE_WORDS.get(word(status), ("provisional", 1))[1]
