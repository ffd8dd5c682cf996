"""Every answer of the venue, and the one thing it means (kalshi.md 3, 7.2, 7.3, 9.4).

    HTTP status x error code ─► Meaning ─► reads: one error class · orders: one LegState, or "look it up"
    order status             ─► phase        last_update_reason ─► why an order ended

A meaning is definite only where the page says so. What the page does not know is in doubt for a write (UnknownOutcome: it is
looked up, never sent again) and a BadAnswer for a read. 5xx settles nothing, whatever code it carries.
"""

from typing import Literal

import msgspec

from trading.errors import AuthFailed, BadAnswer, ModeClosed, Rejected, Throttled, Unreachable, VenueError
from trading.order import LegState

__all__ = [
    "CODES",
    "DUPLICATE",
    "LEG_STATES",
    "ORDER_PHASES",
    "READ_ERRORS",
    "REASONS",
    "STATUSES",
    "UNKNOWN",
    "Kind",
    "Meaning",
    "OrderPhase",
    "meaning",
    "order_phase",
]

Kind = Literal["refused", "missing", "killed", "duplicate", "throttled", "auth", "closed", "doubt", "unknown"]
OrderPhase = Literal["resting", "over", "unknown"]

DUPLICATE = "order_already_exists"


class Meaning(msgspec.Struct, frozen=True):
    """What an answer says. rule and following are the two halves of its sentence: why, and what to do."""

    kind: Kind
    rule: str
    following: str


READ_ERRORS: dict[Kind, type[VenueError]] = {
    "refused": Rejected,
    "missing": Rejected,
    "killed": Rejected,
    "duplicate": Rejected,
    "throttled": Throttled,
    "auth": AuthFailed,
    "closed": ModeClosed,
    "doubt": Unreachable,
    "unknown": BadAnswer,
}
"""The error of a read; a write has the same but for "doubt" and "unknown", which are UnknownOutcome."""

LEG_STATES: dict[Kind, LegState | None] = {
    "refused": "rejected",
    "missing": "rejected",
    "killed": "none",
    "duplicate": None,
    "throttled": "rejected",
    "auth": "rejected",
    "closed": "rejected",
    "doubt": "unknown",
    "unknown": "unknown",
}
"""The state of a leg whose create was answered so; None: its id was placed before, only its own record may speak."""

UNKNOWN = Meaning("unknown", "the venue answered what its contract does not know", "look it up; read its words")

_KEYS = "check key id, private key and clock (run doctor)"
_THROTTLED = Meaning("throttled", "the rate limit is used up", "wait for the bucket, it is a definite no")
_PAUSED = Meaning("closed", "trading is paused", "wait for it to end; cancels still go through")
_HALTED = Meaning("closed", "the exchange is paused, cancels included", "wait for it to end")
_NOT_HERE = Meaning("missing", "the venue does not know this", "read it again, it may be archived or on another shard")
_LEGACY = Meaning("refused", "this endpoint was removed by the venue", "check for an update of this program")
_LAPSED = Meaning("auth", "the location attestation of the API keys has lapsed", "attest the location on kalshi.com")

CODES: dict[str, Meaning] = {
    # 400: the order itself
    "invalid_order": Meaning("refused", "the fields of the order do not go together", "report this as a fault of ours"),
    "invalid_parameters": Meaning("refused", "a parameter is missing or malformed", "report this as a fault of ours"),
    "invalid_price": Meaning(
        "refused", "the price is off the market's grid", "read the market again, its grid may have changed"
    ),
    "insufficient_balance": Meaning("refused", "the market's shard has too little cash", "run the treasury, or trade less"),
    "market_inactive": Meaning(
        "refused", "the market takes no orders, cancels included", "read the market again, it has closed"
    ),
    "order_group_triggered": Meaning("refused", "the order group reached its limit", "look why, then reset the group"),
    "bad_request": Meaning("refused", "the venue could not read the request", "report this as a fault of ours"),
    # pauses: the exact spelling is not documented (kalshi.md 16.2), so words are read as well, see meaning()
    "trading_is_paused": _PAUSED,
    "exchange_is_paused": _HALTED,
    "intra_exchange_transfers_paused": Meaning("closed", "transfers between shards are paused", "wait for them to resume"),
    # 401, 403
    "authentication_error": Meaning("auth", "key, path or signature was not accepted", _KEYS),
    "header_timestamp_expired": Meaning("auth", "the signature's time is too far from the venue's", "set the clock (NTP)"),
    "missing_headers": Meaning("auth", "an access header is missing", _KEYS),
    "invalid_timestamp": Meaning("auth", "the signature's time is no number", "report this as a fault of ours"),
    "insufficient_scope": Meaning("auth", "the API key lacks the scope for this", "use a key with read and write::trade"),
    "subaccount_restricted": Meaning("auth", "the API key is locked to another subaccount", "use that subaccount's own key"),
    "region_attestation_expired": _LAPSED,
    "insufficient_usage_level": Meaning("auth", "the account's API level is too low for this", "upgrade the API level"),
    "upgrade_criteria_not_met": Meaning("auth", "no recent order came from the API", "place an order first"),
    # 404
    "market_not_found": Meaning("missing", "no such market on that shard", "read the market's exchange_index again"),
    "order_not_found": Meaning("missing", "no such order: filled, cancelled or on another shard", "ask for its record"),
    "user_not_found": Meaning("missing", "the account has no profile on that shard", "move cash to the shard first"),
    "not_found": _NOT_HERE,
    "event_not_found": _NOT_HERE,
    "series_not_found": _NOT_HERE,
    "milestone_not_found": _NOT_HERE,
    "live_data_not_found": _NOT_HERE,
    "structured_target_not_found": _NOT_HERE,
    "order_group_not_found": Meaning("missing", "no such order group on that shard", "create a group on the market's shard"),
    "transfer_not_found": Meaning("missing", "no such transfer yet", "ask again, lists lag writes by a second"),
    "api_key_not_found": Meaning("missing", "no such API key", "list the keys"),
    # 409
    DUPLICATE: Meaning("duplicate", "an order was placed under this id before", "look it up"),
    "transfer_already_exists": Meaning("duplicate", "a transfer was made under this id before", "look it up"),
    "fill_or_kill_insufficient_resting_volume": Meaning("killed", "the whole size was not there", "a free miss"),
    "immediate_or_cancel_insufficient_resting_volume": Meaning("killed", "nothing was there at that price", "a free miss"),
    # the rest
    "method_not_allowed": _LEGACY,
    "deprecated_v1_order_endpoint": _LEGACY,
    "too_many_requests": _THROTTLED,
    "internal_server_error": Meaning("doubt", "the venue failed", "look it up; a read may be repeated"),
    "service_unavailable": Meaning("doubt", "the venue is not available", "look it up; a read may be repeated"),
}
"""By error code in lower case: MARKET_INACTIVE is upper case on the wire, the others are not."""

_SERVER = Meaning("doubt", "the venue failed while answering", "look it up; a read may be repeated")
_MOVED = Meaning("unknown", "redirects are not followed", "check KALSHI_API_BASE")
STATUSES: dict[int, Meaning] = {
    301: _MOVED,
    302: _MOVED,
    307: _MOVED,
    308: _MOVED,
    401: Meaning("auth", "key, clock, path or signature was not accepted", _KEYS),
    403: Meaning("auth", "access was refused", "check the key's scopes, its subaccount and its location attestation"),
    404: _NOT_HERE,
    405: _LEGACY,
    408: _SERVER,
    410: _LEGACY,
    429: _THROTTLED,
    500: _SERVER,
    502: _SERVER,
    503: _SERVER,
    504: _SERVER,
}
"""What a status alone settles, when its code is absent or new. 400 and 409 settle nothing by themselves: a new code there may
belong to an order that stands."""

ORDER_PHASES: dict[str, OrderPhase] = {"resting": "resting", "canceled": "over", "executed": "over", "unknown": "unknown"}
"""Order status of REST and of the stream. "over" says nothing about fills: their count does (kalshi.md 7.2)."""

REASONS: dict[str, str] = {
    "Decrease": "it was made smaller",
    "Amend": "it was amended",
    "MarginCancel": "the shard's cash no longer covered it",
    "SelfTradeCancel": "it met an order of our own",
    "ExpiryCancel": "it expired",
    "CloseCancel": "its market closed",
    "HaltCancel": "trading was halted",
    "Trade": "it traded",
    "PostOnlyCrossCancel": "it was post-only and would have taken",
    "ReduceOnlyCancel": "it was reduce-only and larger than the position",
    "SettlementBoundsCancel": "its price lay outside the settlement bounds",
}
"""last_update_reason of an order."""


def meaning(status: int, code: str) -> Meaning:
    """What an error answer means. code "" = the body names none; only called for answers that are no success."""
    if status >= 500 or status == 408:
        return STATUSES.get(status, _SERVER)
    if status < 200 or 300 <= status < 400:
        return STATUSES.get(status, UNKNOWN)
    known = STATUSES[429] if status == 429 else CODES.get(code.lower())
    if known is not None and known.kind != "doubt":
        return known
    if "paused" in code.lower():  # a pause in a spelling the page does not list
        return _HALTED if "exchange" in code.lower() else _PAUSED
    if "attest" in code.lower() or "region" in code.lower():
        return _LAPSED
    return STATUSES.get(status, UNKNOWN)


def order_phase(status: str) -> OrderPhase:
    """What an order's status says of its life; a word the page does not list is "unknown", asked again and never guessed."""
    return ORDER_PHASES.get(status, "unknown")
