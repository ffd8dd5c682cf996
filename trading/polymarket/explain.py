"""Every refusal as one sentence: market, what was asked, the rule, the next step, and the venue's own words.

The venue's texts name an order hash and a rule; whoever reads a log at night needs the market and what to do. codes() lists what
can be said, and a test holds it against every code that orders.py can produce.
"""

import msgspec

from trading.order import LegResult
from trading.units import format_price, to_dollars
from trading.venue import Prepared

__all__ = ["codes", "explained", "sentence"]

_RULES: dict[str, tuple[str, str]] = {
    # free misses
    "fak_no_match": ("nobody offered that price when it arrived", "a free miss"),
    "fok_killed": ("the whole size was not there when it arrived", "a free miss"),
    # the order itself
    "invalid_payload": ("the venue could not read the order", "report this as a fault of ours"),
    "off_tick": ("the price is off the market's tick", "read the market again, its tick may have changed"),
    "below_minimum": ("the size is below the market's minimum", "trade more or not at all"),
    "below_one_dollar": ("a marketable BUY needs $1", "trade more or not at all"),
    "invalid_expiration": ("the expiration is too near", "give it at least 180 s"),
    "post_only_crosses": ("a post-only order may not take", "price it behind the book"),
    "too_many_orders": ("a batch holds at most 15 orders", "send fewer at once"),
    "order_version_mismatch": ("the venue wants another order version", "check for an update of this program"),
    # the account
    "wrong_owner": ("the order does not belong to the API key", "derive the API key again"),
    "wrong_signer": ("the order's signer does not belong to the API key", "check POLYMARKET_SIGNATURE_TYPE and POLY_FUNDER"),
    "banned": ("the wallet is banned", "ask the venue; nothing can be traded"),
    "closed_only": ("the wallet may only close positions", "ask the venue; nothing can be opened"),
    "wallet_not_allowed": ("this kind of wallet may not trade", "use the deposit wallet: POLYMARKET_SIGNATURE_TYPE=3"),
    "no_balance": ("cash, tokens or an allowance are missing", "run the treasury: refresh, then approve or fund"),
    "invalid_signature": ("the signature was not accepted", "check key, POLY_FUNDER and POLYMARKET_SIGNATURE_TYPE"),
    "unauthorized": ("the API key was not accepted", "derive the API key again and check the clock"),
    "forbidden": ("access was refused", "check the place this runs from, and the key"),
    "geoblocked": ("orders are refused from this place", "run the trader where the venue allows trading"),
    # the market and the venue
    "market_not_ready": ("the market does not take orders yet", "wait for it to open"),
    "not_found": ("the venue does not know this", "read the market again, it may have closed"),
    "engine_restarting": ("the matching engine restarts", "wait; two minutes of post-only follow"),
    "post_only_mode": ("only post-only orders are taken after a restart", "wait for it to end"),
    "cancel_only_mode": ("only cancels are taken", "wait for it to end"),
    "trading_disabled": ("the venue has stopped trading", "read its status page"),
    "throttled": ("too many orders", "wait, it is a definite no"),
    # orders that ended at the venue
    "invalid": ("the venue removed the order", "read the market again"),
    "reversed": ("every trade of it FAILED", "the other leg is unwound"),
    "market_resolved": ("the market was resolved first", "its tokens are redeemed, not sold"),
    "expired": ("the order had expired", "nothing is left of it"),
    "timed_out": ("the order timed out at the venue", "nothing is left of it"),
    "canceled": ("the order was cancelled", "nothing is left of it"),
    "refused": ("the venue refused for a reason new to us", "read its words"),
}


def codes() -> frozenset[str]:
    """Every code that has a sentence."""
    return frozenset(_RULES)


def sentence(order: Prepared, code: str, words: str) -> str:
    """What was refused, by which rule, and what to do. words are the venue's own; code is one of codes()."""
    want = order.leg.want
    rule, following = _RULES[code]
    asked = f"{want.action.value.upper()} {to_dollars(want.size)} {want.outcome.name} at {format_price(want.limit)}"
    kind = order.fields.get("order_type", "")
    said = f" (venue: {words.strip()})" if words.strip() else ""
    return f"{want.market}: {asked} {kind}: {rule}; {following}{said}"


def explained(order: Prepared, result: LegResult) -> LegResult:
    """A result whose refusal or miss reads as a sentence; any other result as it is."""
    if result.state not in ("rejected", "none") or result.code not in _RULES:
        return result
    return msgspec.structs.replace(result, detail=sentence(order, result.code, result.detail))
