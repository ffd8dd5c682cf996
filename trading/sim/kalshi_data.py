"""What the simulated Kalshi is made of: the catalogue, the accounts, its tunable rules and its refusals.

The catalogue holds the venue's own JSON objects, so that whoever builds a universe writes what the venue would publish. Figures
the venue does not publish (clock window, list lag, buffer sizes) are named in KalshiRules with the evidence beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from trading.clock import MS, SECOND
from trading.sim.core import Response
from trading.units import Money, Price, Size, format_money, parse_price

__all__ = [
    "ALL_SCOPES",
    "ApiError",
    "FailKind",
    "Grid",
    "KalshiAccount",
    "KalshiAccountView",
    "KalshiCatalogue",
    "KalshiRules",
    "ReadFailKind",
    "error_body",
    "json_response",
    "parse_grid",
    "write_average",
    "write_time",
]

Grid = tuple[tuple[Price, Price, Price], ...]
"""((start, end, step), ...) in Price, as price_ranges state it."""

ALL_SCOPES = frozenset({"read", "write"})
"""What a key may do unless its account says otherwise (kalshi.md 2)."""

FailKind = Literal[
    "429", "503", "500_before_accept", "drop_before_accept", "200_error",
    "drop_after_accept", "500_after_accept", "400_after_accept", "wrong_echo",
]  # fmt: skip
"""How a write fails: the first five before it acts, the next three after it was accepted, the last of them with a code of no
documentation; wrong_echo names another order."""

ReadFailKind = Literal["429", "500", "503", "drop"]

_LINEAR_CENT: Grid = ((Price(0), Price(10_000), Price(100)),)


@dataclass(frozen=True, slots=True)
class KalshiCatalogue:
    """Raw venue objects: series, events (each with its "markets" nested) and milestones, shaped as the OpenAPI schemas.

    Top of book, volume, last price, status and settlement fields are filled in by the core when it serves them.
    """

    series: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    milestones: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class KalshiAccount:
    """One member. keys: key id -> PEM of the public key (RSA or Ed25519). balances: shard -> free cash.

    A shard without an entry has no profile there (an auto-routed order answers user_not_found). scopes: key id -> its scopes,
    ALL_SCOPES where absent. locked: key id -> the one subaccount it may touch. attested_until: unix seconds of the location
    attestation, None = never attested (kalshi.md 2).
    """

    user_id: str
    keys: Mapping[str, bytes]
    balances: Mapping[int, Money]
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    locked: Mapping[str, int] = field(default_factory=dict)
    attested_until: int | None = 4_102_444_800


class KalshiAccountView(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's own record of an account. cash is per shard before reservations, reserved what resting orders hold of it.

    positions are signed (+ YES, - NO) and only those not zero. fees_paid and realized are totals since the start.
    """

    user_id: str
    cash: dict[int, Money]
    reserved: dict[int, Money]
    positions: dict[str, Size]
    fees_paid: Money
    realized: Money
    open_orders: int


@dataclass(slots=True)
class KalshiRules:
    """Knobs of the simulation; plain attributes that may be changed while it runs."""

    clock_window_ns: int = 5 * SECOND
    """How far a signed timestamp may be off (undocumented at the venue, kalshi.md 2)."""
    limits_enabled: bool = True
    read_rate: int = 200
    read_capacity: int = 600
    """Basic: 600 tokens observed on 2026-08-15 (kalshi.md 10)."""
    write_rate: int = 100
    write_capacity: int = 100
    balance_rate: int = 1
    list_lag_ns: tuple[int, int] = (100 * MS, 300 * MS)
    """Orders and fills appear in REST reads this much after the write; the venue shows 0.2 to 1.5 s (kalshi.md 4)."""
    private_late: float = 0.5
    """Share of fill, order and position frames that trail the REST answer (kalshi.md 14.7)."""
    private_lag_ns: tuple[int, int] = (1 * MS, 400 * MS)
    max_outbox: int = 20_000
    """Frames a slow reader may leave unread before error 25."""
    max_markets_per_sid: int = 10_000
    ws_commands_per_s: int = 100
    """Commands one subscription may send in a second before error 27; the venue publishes no number (kalshi.md 9.1)."""
    ws_command_lag_ns: tuple[int, int] = (0, 0)
    """Delay of stream commands; with a range they are answered out of order, as recorded (kalshi.md 9.2)."""
    usage_tier: str = "basic"
    """Tier a member starts with; read_rate to write_capacity are the figures of Basic, the others are in kalshi_limits."""
    cancel_all_lingers: float = 0.25
    """Share of the orders placed in the minute after a cancel-all that fall to it too (kalshi.md 7.3)."""
    new_market_ns: int = 250 * MS
    """GET /markets/{ticker} is 404 this long after `created` (kalshi.md 5.2)."""
    transfer_ns: int = 1 * SECOND
    """How long a transfer between shards is pending (kalshi.md 8: asynchronous, without clearing delay)."""
    rebalance_ns: int = 10 * SECOND
    thursday: bool = False
    """Keep the standing maintenance by the clock; off so that a run does not depend on the day of the week."""
    max_batch: int = 50
    pause_status: int = 400
    """HTTP status of an operation refused in a pause; the venue's is not documented (kalshi.md 16.2)."""
    spelling: dict[str, str] = field(default_factory=dict)
    """Error codes by what they are called here -> another spelling of them: most are not documented (kalshi.md 16.2), so a client
    that knows ours by heart proves nothing."""


class ApiError(Exception):
    """A refusal: HTTP status and the nested body {"error": {"code", "message", "details"?}} (kalshi.md 3)."""

    def __init__(self, status: int, code: str, message: str = "", details: str = "") -> None:
        super().__init__(f"{status} {code} {details}")
        self.status = status
        self.code = code
        self.message = message or code.lower().replace("_", " ")
        self.details = details

    def response(self) -> Response:
        if self.status == 429:
            return json_response(429, {"error": "too many requests"})  # a string, no Retry-After (kalshi.md 10)
        return json_response(self.status, {"error": error_body(self)})


def error_body(exc: ApiError) -> dict[str, str]:
    """The flat part of an error, as batch items carry it."""
    body = {"code": exc.code, "message": exc.message}
    if exc.details:
        body["details"] = exc.details
    return body


def json_response(status: int, value: object) -> Response:
    return Response(status, msgspec.json.encode(value), {"content-type": "application/json"})


def write_time(at: int, *, digits: int = 6) -> str:
    """Write wall nanoseconds as RFC 3339 with Z; digits of the second are 3 or 6."""
    seconds, rest = divmod(at, SECOND)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{rest // 10 ** (9 - digits):0{digits}d}Z"


def write_average(total: int, size: Size) -> str:
    """A per-contract average in dollars: four decimals when exact, else six, half up. total is Money, size > 0."""
    value = Money((2 * total * 1_000_000 + size) // (2 * size))
    return format_money(value, 4) if value % 100 == 0 else format_money(value, 6)


def parse_grid(ranges: object) -> Grid:
    """Turn price_ranges into Price; whole cents when a market states none."""
    if not isinstance(ranges, Sequence) or not ranges:
        return _LINEAR_CENT
    return tuple((parse_price(row["start"]), parse_price(row["end"]), parse_price(row["step"])) for row in ranges)
