"""What the two processes say to each other, field by field (distributed.md 4.4, B-222).

Typed msgpack: unknown types and fields, other value types and values out of range are refused while they are read, and a frame
bounds the whole (64 KiB). Prices, sizes and money are the integers of units.py; nothing is a float. Only what an authenticated
peer sealed gets here; the handshake reads strangers' bytes and has bounds of its own.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "AckStatus",
    "TraderState",
    "Account",
    "AccountPageMessage",
    "CancelAll",
    "CancelLeg",
    "Cancelled",
    "ErrorMessage",
    "ExecuteLeg",
    "FillFields",
    "Halt",
    "Init",
    "MAX_ROWS",
    "InitAck",
    "LegAck",
    "LegResultMessage",
    "LegUpdate",
    "Limits",
    "Message",
    "MessageError",
    "Ping",
    "Pong",
    "Prepare",
    "QueryLeg",
    "ResultAck",
    "ResultFields",
    "Resume",
    "decode",
    "encode",
]

Platform = Literal["kalshi", "polymarket"]
AckStatus = Literal["accepted", "duplicate", "refused"]
TraderState = Literal["ready", "not_ready", "halted", "draining"]
Session = Annotated[bytes, Meta(min_length=16, max_length=16)]
Leg = Annotated[bytes, Meta(min_length=16, max_length=16)]
Word = Annotated[str, Meta(max_length=64)]
Text = Annotated[str, Meta(max_length=500)]
Market = Annotated[str, Meta(min_length=1, max_length=128)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Signed = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Stamp = Annotated[int, Meta(ge=0, le=2**62)]
Amount = Annotated[int, Meta(ge=0, le=2**53)]

MAX_ROWS = 200
"""Rows in one account page and fills in one result, so that a message fits a frame."""


class MessageError(Exception):
    """The bytes are no message of ours; reason says which rule they break, without quoting values."""


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    pass


class Limits(_Message, frozen=True, kw_only=True, tag="limits"):
    """The controller's wishes; a trader takes the smaller of these and its own (distributed.md 4.9). 0 = no wish."""

    max_leg_contracts: Amount = 0
    max_leg_cost: Amount = 0


class Init(_Message, frozen=True, kw_only=True, tag="init"):
    """First of a session, from the controller: the trader trades nothing before it."""

    platforms: Annotated[tuple[Platform, ...], Meta(min_length=1, max_length=2)]
    dry_run: bool
    session: Session
    epoch: Count
    limits: Limits
    features: Annotated[tuple[Word, ...], Meta(max_length=32)] = ()


class InitAck(_Message, frozen=True, kw_only=True, tag="init_ack"):
    """The trader's readiness. journal_tail is its newest result number, journal_id names its journal: another one has
    forgotten every leg. error says why it is not ready."""

    platform: Platform
    ready: bool
    dry_run: bool
    journal_tail: Count
    journal_id: Count
    boot_id: Annotated[bytes, Meta(min_length=4, max_length=4)]
    features: Annotated[tuple[Word, ...], Meta(max_length=32)] = ()
    error: Text = ""


class Prepare(_Message, frozen=True, kw_only=True, tag="prepare"):
    """Load and keep the parameters of these markets."""

    markets: Annotated[tuple[Market, ...], Meta(min_length=1, max_length=500)]


class ExecuteLeg(_Message, frozen=True, kw_only=True, tag="execute_leg"):
    """One order. limit in Price, size in Size, max_cost in Money; the leg dies ttl_ms after sent_mono_us of the sender."""

    leg_id: Leg
    epoch: Count
    platform: Platform
    market: Market
    outcome: Annotated[int, Meta(ge=0, le=1)]
    action: Literal["buy", "sell"]
    limit: Annotated[int, Meta(gt=0, lt=10_000)]
    size: Annotated[int, Meta(gt=0, le=2**53)]
    max_cost: Amount
    purpose: Literal["open", "complete", "unwind", "exit", "manual", "test"]
    tif: Literal["ioc", "fok", "gtc"]
    post_only: bool
    client_order_id: Annotated[str, Meta(min_length=29, max_length=29)]
    ttl_ms: Annotated[int, Meta(gt=0, le=120_000)]
    sent_mono_us: Stamp
    world: Literal["paper", "sim", "live"]


class LegAck(_Message, frozen=True, kw_only=True, tag="leg_ack"):
    """The leg was promised durably, was known before, or is refused for a reason of distributed.md 4.4."""

    leg_id: Leg
    status: AckStatus
    code: Word = ""
    detail: Text = ""
    recv_mono_us: Stamp


class FillFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One execution, as Fill."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    price: Annotated[int, Meta(ge=0, le=10_000)]
    size: Amount
    cost: Signed
    fee: Signed
    fee_is_final: bool
    maker: bool
    at: Stamp
    status: Literal["provisional", "final", "reversed"]


class ResultFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LegResult. version is its result_no at the trader; stages are (name, us since the earliest of them)."""

    leg_id: Leg
    state: Literal["refused", "none", "filled", "partial", "rejected", "resting", "held", "unknown"]
    filled: Amount
    cost: Signed
    fee: Signed
    fills: Annotated[tuple[FillFields, ...], Meta(max_length=MAX_ROWS)] = ()
    client_order_id: Word = ""
    venue_order_id: Annotated[str, Meta(max_length=128)] = ""
    code: Word = ""
    detail: Text = ""
    stages: Annotated[tuple[tuple[Word, Stamp], ...], Meta(max_length=16)] = ()
    version: Count


class LegResultMessage(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="leg_result"
):
    """What came of a leg. result_no counts this trader's results, durably; it is sent again until a result_ack covers it."""

    result_no: Count
    result: ResultFields


class LegUpdate(_Message, frozen=True, kw_only=True, tag="leg_update"):
    """A later truth about a leg: late fill, confirmed, reversed, cancelled. Numbered and repeated like a result."""

    result_no: Count
    result: ResultFields


class ResultAck(_Message, frozen=True, kw_only=True, tag="result_ack"):
    """The controller has kept every result up to this number."""

    result_no: Count


class QueryLeg(_Message, frozen=True, kw_only=True, tag="query_leg"):
    """What is known of this leg? Answered by leg_result, state unknown and code never_seen when it never arrived."""

    leg_id: Leg
    resolve: bool = True


class CancelLeg(_Message, frozen=True, kw_only=True, tag="cancel_leg"):
    """End this order; answered by leg_update or leg_result."""

    leg_id: Leg


class CancelAll(_Message, frozen=True, kw_only=True, tag="cancel_all"):
    """End every open order; answered by cancelled with the same request number."""

    request: Count
    reason: Text


class Cancelled(_Message, frozen=True, kw_only=True, tag="cancelled"):
    request: Count
    count: Count


class Halt(_Message, frozen=True, kw_only=True, tag="halt"):
    """Accept no new legs until resume; freeze stops those too that complete or unwind an arb. Said again at the beginning of each
    session, before init. Needs no fresh epoch."""

    reason: Text
    freeze: bool = False


class Resume(_Message, frozen=True, kw_only=True, tag="resume"):
    """Asks the trader to go on; it does so only where its own operator did not halt it. A controller that is not halted begins
    each session with it."""


class Account(_Message, frozen=True, kw_only=True, tag="account"):
    """Read the trader's account at its venue; answered by account_page with the same request number."""

    request: Count
    what: Literal["balances", "positions", "orders", "history", "fills", "settlements"]
    market: Annotated[str, Meta(max_length=128)] = ""
    cursor: Annotated[str, Meta(max_length=1_000)] = ""


Row = Annotated[tuple[str | int | bool, ...], Meta(max_length=16)]


class AccountPageMessage(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="account_page"
):
    """Rows of one kind, columns as in convert.py; error says why there are none."""

    request: Count
    what: Literal["balances", "positions", "orders", "history", "fills", "settlements"]
    rows: Annotated[tuple[Row, ...], Meta(max_length=MAX_ROWS)] = ()
    cursor: Annotated[str, Meta(max_length=1_000)] = ""
    error: Text = ""


class Ping(_Message, frozen=True, kw_only=True, tag="ping"):
    """t0 is the sender's monotonic us."""

    t0: Stamp


class Pong(_Message, frozen=True, kw_only=True, tag="pong"):
    """t1 heard, t2 answered, both the answerer's monotonic us. venue_rtt_us 0 = not known."""

    t0: Stamp
    t1: Stamp
    t2: Stamp
    open_legs: Count = 0
    venue_rtt_us: Count = 0
    state: TraderState = "ready"


class ErrorMessage(_Message, frozen=True, kw_only=True, tag="error"):
    """Something the other side sent cannot be served. text holds no secret."""

    code: Word
    leg_id: Leg | None = None
    text: Text = ""


Message = (
    Init
    | InitAck
    | Prepare
    | ExecuteLeg
    | LegAck
    | LegResultMessage
    | LegUpdate
    | ResultAck
    | QueryLeg
    | CancelLeg
    | CancelAll
    | Cancelled
    | Halt
    | Resume
    | Limits
    | Account
    | AccountPageMessage
    | Ping
    | Pong
    | ErrorMessage
)
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_ENCODER = msgspec.msgpack.Encoder()


def decode(data: bytes) -> Message:
    """One message of the union. Raises MessageError with the rule that is broken and where, never with the value."""
    try:
        return _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise MessageError(_without_values(str(exc))) from None


def _without_values(text: str) -> str:
    """msgspec quotes what it could not use; a log should not."""
    where = text.rpartition(" - at ")[2] if " - at " in text else ""
    return f"{text.split('`')[0].split(chr(39))[0].strip()[:80]}{' at ' + where[:60] if where else ''}"


def encode(message: Message) -> bytes:
    """The bytes decode() takes back to an equal message."""
    return _ENCODER.encode(message)
