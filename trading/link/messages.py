"""What the two processes say to each other, field by field (distributed.md 4.4, B-222).

msgpack on the wire, with every size bounded while it is read; then strict models that refuse unknown fields, other types and
values out of range. Prices, sizes and money are the integers of units.py; nothing is a float.
"""

from typing import Annotated, Literal

import msgpack
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

__all__ = [
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
    "unpack",
]

Platform = Literal["kalshi", "polymarket"]
Session = Annotated[bytes, Field(min_length=16, max_length=16)]
Leg = Annotated[bytes, Field(min_length=16, max_length=16)]
Word = Annotated[str, StringConstraints(max_length=64)]
Text = Annotated[str, StringConstraints(max_length=500)]
Market = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Signed = Annotated[int, Field(ge=-(2**62), le=2**62)]
Stamp = Annotated[int, Field(ge=0, le=2**62)]
Amount = Annotated[int, Field(ge=0, le=2**53)]

MAX_ROWS = 200
"""Rows in one account page and fills in one result, so that a message fits a frame."""


class MessageError(Exception):
    """The bytes are no message of ours; reason says which rule they break, without quoting values."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Limits(_Message):
    """The controller's wishes; a trader takes the smaller of these and its own (distributed.md 4.9). 0 = no wish."""

    type: Literal["limits"] = "limits"
    max_leg_contracts: Amount = 0
    max_leg_cost: Amount = 0


class Init(_Message):
    """First of a session, from the controller: the trader trades nothing before it."""

    type: Literal["init"] = "init"
    platforms: Annotated[tuple[Platform, ...], Field(min_length=1, max_length=2)]
    dry_run: bool
    session: Session
    epoch: Count
    limits: Limits
    features: Annotated[tuple[Word, ...], Field(max_length=32)] = ()


class InitAck(_Message):
    """The trader's readiness. journal_tail is its newest result number, journal_id names its journal: another one has
    forgotten every leg. error says why it is not ready."""

    type: Literal["init_ack"] = "init_ack"
    platform: Platform
    ready: bool
    dry_run: bool
    journal_tail: Count
    journal_id: Count
    boot_id: Annotated[bytes, Field(min_length=4, max_length=4)]
    features: Annotated[tuple[Word, ...], Field(max_length=32)] = ()
    error: Text = ""


class Prepare(_Message):
    """Load and keep the parameters of these markets."""

    type: Literal["prepare"] = "prepare"
    markets: Annotated[tuple[Market, ...], Field(min_length=1, max_length=500)]


class ExecuteLeg(_Message):
    """One order. limit in Price, size in Size, max_cost in Money; the leg dies ttl_ms after sent_mono_us of the sender."""

    type: Literal["execute_leg"] = "execute_leg"
    leg_id: Leg
    epoch: Count
    platform: Platform
    market: Market
    outcome: Annotated[int, Field(ge=0, le=1)]
    action: Literal["buy", "sell"]
    limit: Annotated[int, Field(gt=0, lt=10_000)]
    size: Annotated[int, Field(gt=0, le=2**53)]
    max_cost: Amount
    purpose: Literal["open", "complete", "unwind", "exit", "manual", "test"]
    tif: Literal["ioc", "fok", "gtc"]
    post_only: bool
    client_order_id: Annotated[str, StringConstraints(min_length=29, max_length=29)]
    ttl_ms: Annotated[int, Field(gt=0, le=120_000)]
    sent_mono_us: Stamp
    world: Literal["paper", "sim", "live"]


class LegAck(_Message):
    """The leg was promised durably, was known before, or is refused for a reason of distributed.md 4.4."""

    type: Literal["leg_ack"] = "leg_ack"
    leg_id: Leg
    status: Literal["accepted", "duplicate", "refused"]
    code: Word = ""
    detail: Text = ""
    recv_mono_us: Stamp


class FillFields(_Message):
    """One execution, as Fill."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    price: Annotated[int, Field(ge=0, le=10_000)]
    size: Amount
    cost: Signed
    fee: Signed
    fee_is_final: bool
    maker: bool
    at: Stamp
    status: Literal["provisional", "final", "reversed"]


class ResultFields(_Message):
    """A LegResult. version is its result_no at the trader; stages are (name, our monotonic us)."""

    leg_id: Leg
    state: Literal["refused", "none", "filled", "partial", "rejected", "resting", "held", "unknown"]
    filled: Amount
    cost: Signed
    fee: Signed
    fills: Annotated[tuple[FillFields, ...], Field(max_length=MAX_ROWS)] = ()
    client_order_id: Word = ""
    venue_order_id: Annotated[str, StringConstraints(max_length=128)] = ""
    code: Word = ""
    detail: Text = ""
    stages: Annotated[tuple[tuple[Word, Stamp], ...], Field(max_length=16)] = ()
    version: Count


class LegResultMessage(_Message):
    """What came of a leg. result_no counts this trader's results, durably; it is sent again until a result_ack covers it."""

    type: Literal["leg_result"] = "leg_result"
    result_no: Count
    result: ResultFields


class LegUpdate(_Message):
    """A later truth about a leg: late fill, confirmed, reversed, cancelled. Numbered and repeated like a result."""

    type: Literal["leg_update"] = "leg_update"
    result_no: Count
    result: ResultFields


class ResultAck(_Message):
    """The controller has kept every result up to this number."""

    type: Literal["result_ack"] = "result_ack"
    result_no: Count


class QueryLeg(_Message):
    """What is known of this leg? Answered by leg_result, state unknown and code never_seen when it never arrived."""

    type: Literal["query_leg"] = "query_leg"
    leg_id: Leg
    resolve: bool = True


class CancelLeg(_Message):
    """End this order; answered by leg_update or leg_result."""

    type: Literal["cancel_leg"] = "cancel_leg"
    leg_id: Leg


class CancelAll(_Message):
    """End every open order; answered by cancelled with the same request number."""

    type: Literal["cancel_all"] = "cancel_all"
    request: Count
    reason: Text


class Cancelled(_Message):
    type: Literal["cancelled"] = "cancelled"
    request: Count
    count: Count


class Halt(_Message):
    """Accept no new legs until an operator resumes at the trader. Needs no fresh epoch."""

    type: Literal["halt"] = "halt"
    reason: Text


class Resume(_Message):
    """Asks the trader to go on; it does so only where its own operator did not halt it."""

    type: Literal["resume"] = "resume"


class Account(_Message):
    """Read the trader's account at its venue; answered by account_page with the same request number."""

    type: Literal["account"] = "account"
    request: Count
    what: Literal["balances", "positions", "orders", "fills", "settlements"]
    market: Annotated[str, StringConstraints(max_length=128)] = ""
    cursor: Annotated[str, StringConstraints(max_length=1_000)] = ""


Row = Annotated[tuple[str | int | bool, ...], Field(max_length=16)]


class AccountPageMessage(_Message):
    """Rows of one kind, columns as in convert.py; error says why there are none."""

    type: Literal["account_page"] = "account_page"
    request: Count
    what: Literal["balances", "positions", "orders", "fills", "settlements"]
    rows: Annotated[tuple[Row, ...], Field(max_length=MAX_ROWS)] = ()
    cursor: Annotated[str, StringConstraints(max_length=1_000)] = ""
    error: Text = ""


class Ping(_Message):
    """t0 is the sender's monotonic us."""

    type: Literal["ping"] = "ping"
    t0: Stamp


class Pong(_Message):
    """t1 heard, t2 answered, both the answerer's monotonic us. venue_rtt_us 0 = not known."""

    type: Literal["pong"] = "pong"
    t0: Stamp
    t1: Stamp
    t2: Stamp
    open_legs: Count = 0
    venue_rtt_us: Count = 0
    state: Literal["ready", "not_ready", "halted", "draining"] = "ready"


class ErrorMessage(_Message):
    """Something the other side sent cannot be served. text holds no secret."""

    type: Literal["error"] = "error"
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
_ANY: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def unpack(data: bytes) -> dict[str, object]:
    """Bounded msgpack: one map with text keys, no extension types, at most 64 KiB. Raises MessageError."""
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            use_list=False,
            strict_map_key=True,
            max_str_len=2_048,
            max_bin_len=2_048,
            max_array_len=1_024,
            max_map_len=64,
            max_ext_len=0,
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as exc:  # StackError and ExtraData are both of these
        raise MessageError(f"not msgpack: {type(exc).__name__}") from None
    if not isinstance(value, dict):
        raise MessageError("not a map")
    return value


def decode(data: bytes) -> Message:
    """One message of the union. Raises MessageError naming the first field that breaks its rule."""
    fields = unpack(data)
    try:
        return _ANY.validate_python(fields)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "message"
        raise MessageError(f"{where}: {first['type']}"[:120]) from None


def encode(message: Message) -> bytes:
    """The bytes decode() takes back to an equal message."""
    packed = msgpack.packb(message.model_dump(), use_bin_type=True)
    assert isinstance(packed, bytes)
    return packed
