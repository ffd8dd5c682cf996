"""What the simulated Polymarket starts from: catalogue, accounts, knobs, and one market as the venue itself knows it.

A catalogue holds raw Gamma objects, so discovery meets the same JSON strings, missing keys and odd dates as on the wire. A
market gets a book only when the venue could trade it: two token ids and a protocol version it knows (polymarket.md 0.1, 2.2).
"""

import json
from dataclasses import dataclass, field
from typing import Any

from trading.clock import MS, SECOND
from trading.fees import rate
from trading.market import FeeTerms
from trading.sim.exchange import MatchingBook, Side
from trading.sim.timers import parse_time
from trading.units import ONE, Money, Price, Size, WallNs, complement, parse_price, parse_size

__all__ = [
    "Json",
    "PolymarketAccount",
    "PolymarketCatalogue",
    "PolymarketSettings",
    "SimMarket",
    "book_side",
    "decimal",
    "own_price",
    "parse_market",
    "price_text",
    "strings",
    "yes_price",
]

Json = dict[str, Any]
"""A JSON object of the venue's wire."""

_FREE = FeeTerms(schedule="polymarket", taker=0)


@dataclass(frozen=True, slots=True)
class PolymarketCatalogue:
    """Raw Gamma events (with nested "markets") and rows of /teams. Besides Gamma's fields a market may carry "itode": true."""

    events: list[Json]
    teams: list[Json]


@dataclass(frozen=True, slots=True)
class PolymarketAccount:
    """One customer: owner is the EOA that signs, funder the wallet that holds the money (the EOA itself for type 0).

    api_secret is base64url as the venue hands it out; balance and allowance are pUSD, the latter of every spender. approved:
    the venue's contracts may move outcome tokens. relayer_key "" means that there is none.
    """

    owner: str
    funder: str
    signature_type: int
    api_key: str
    api_secret: str
    api_passphrase: str
    balance: Money
    allowance: Money
    approved: bool = True
    relayer_key: str = ""


@dataclass(slots=True)
class PolymarketSettings:
    """Knobs of a run; times in ns. Change them on PolymarketSim.settings at any moment."""

    limits_enabled: bool = True
    tier: str = "standard"
    hold_before_start: bool = True
    """Whether secondsDelay binds before kick-off too (polymarket.md 16.5: unverified)."""
    itode_ns: int = 150 * MS
    mined_ns: int = 2 * SECOND
    confirmed_ns: int = 4 * SECOND
    """From the match; a retried trade is mined retry_ns later."""
    retry_ns: int = 10 * SECOND
    ghost_rate: float = 0.0
    """Share of trades that are retried and then FAILED."""
    slow_ns: int = 50 * SECOND
    """How late a slow trade is mined."""
    broadcast_ns: int = 200 * MS
    """How long REST shows a new trade as MATCHED_NOT_BROADCASTED."""
    hashless: bool = True
    """Order answers carry trade ids but no transaction hashes, as since 2026-07-24."""
    price_improvement: bool = True
    """Off: the taker pays its own limit."""
    hold_blocks: bool = False
    """A hold keeps the answer waiting and then tells the final status, instead of "delayed" at once."""
    cache_follows_chain: bool = True
    """Off: what the relayer does is not seen by order checks before /balance-allowance/update."""
    relayed_ns: int = 2 * SECOND
    """From a submit to STATE_MINED; confirmed as long again after it."""
    duplicate_books: float = 0.1
    """Share of books after a trade that come twice."""
    array_frames: float = 0.3
    """Share of single events sent as an array of one."""
    seconds_stamps: float = 0.5
    """Share of user events stamped in seconds instead of milliseconds."""
    sparse_events: float = 0.5
    """Share of order events with empty strings."""
    most_cancels: int = 1000
    """Ids one DELETE /orders may name (3000 in older documents)."""
    blocked_region: bool = False
    """Orders are refused by place of origin, and /api/geoblock says so."""
    data_lag_ns: int = 3 * SECOND
    restart_ns: int = 90 * SECOND
    post_only_ns: int = 120 * SECOND
    auth_skew_s: int = 300
    page: int = 100
    """Rows of one /data/orders or /data/trades page."""
    snapshot_assets: int = 500
    """A socket naming more tokens than this gets no initial books (polymarket.md 11)."""
    fine_ticks: bool = True
    """A 0.01 market moves to 0.001 after a trade above 0.96 or below 0.04."""


@dataclass(slots=True, eq=False)
class SimMarket:
    """One market with its book. Prices are YES-leg; tokens[i] pays when outcomes[i] wins; payout is YES's once resolved."""

    id: str
    event: Json
    raw: Json
    tokens: tuple[str, str]
    outcomes: tuple[str, str]
    version: str
    neg_risk: bool
    tick: Price
    min_size: Size
    fees: FeeTerms
    fee_schedule: Json | None
    hold_ns: int | None
    """None: itode, the length stands in the settings."""
    starts_at: WallNs | None
    clear_on_start: bool
    accepting: bool
    book: MatchingBook
    last_price: Price | None = None
    last_side: str = ""
    payout: Price | None = None
    told: tuple[Price | None, Price | None] | None = field(default=None)
    """Best bid and ask last sent as best_bid_ask."""
    history: list[tuple[int, Price]] = field(default_factory=list)
    """(unix second, price of outcome 0), at most one a minute."""

    def record(self, second: int, price: Price, *, traded: bool) -> None:
        """Keep a price: the last trade of a minute, else the first midpoint seen in it."""
        if self.history and self.history[-1][0] // 60 == second // 60:
            if traded:
                self.history[-1] = (second, price)
            return
        self.history.append((second, price))

    def hold(self, settings: PolymarketSettings, now: WallNs) -> int:
        """How long a marketable order waits before it matches, ns (polymarket.md 8)."""
        if self.hold_ns is None:
            return settings.itode_ns
        before = self.starts_at is not None and now < self.starts_at
        return 0 if before and not settings.hold_before_start else self.hold_ns

    def index(self, token: str) -> int:
        return self.tokens.index(token)


def yes_price(outcome: int, price: Price) -> Price:
    """A price of one outcome's token as a price of outcome 0; its own inverse."""
    return price if outcome == 0 else complement(price)


own_price = yes_price


def book_side(outcome: int, buy: bool) -> Side:
    """Buying outcome 1 is selling outcome 0: where an order stands on the YES book."""
    return "bid" if buy == (outcome == 0) else "ask"


def decimal(value: int) -> str:
    """Size or Money as the venue writes it: the shortest exact decimal."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, part = divmod(value, 1_000_000)
    return f"{sign}{whole}.{part:06d}".rstrip("0").rstrip(".")


def price_text(price: Price) -> str:
    return decimal(price * 100)


def strings(value: object) -> list[str]:
    """A JSON-encoded array inside a string, or a real one."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    return [str(item) for item in value] if isinstance(value, list) else []


def _fees(raw: Json) -> tuple[FeeTerms, Json | None, bool]:
    """Terms, the schedule as stated, and whether the formula is one this venue can charge (exponent 1)."""
    schedule = raw.get("feeSchedule")
    if not raw.get("feesEnabled") or not isinstance(schedule, dict):
        return _FREE, None, True
    terms = FeeTerms(schedule="polymarket", taker=rate(str(schedule.get("rate", 0))))
    return terms, schedule, schedule.get("exponent", 1) == 1


def parse_market(event: Json, raw: Json, book: MatchingBook) -> SimMarket | None:
    """Build the venue's own record of a Gamma market; None when the CLOB has no book for it."""
    version = str(raw.get("version") or "v1")
    tokens = strings(raw.get("positionIds") if version == "v2" else raw.get("clobTokenIds"))
    outcomes = strings(raw.get("outcomes")) or ["Yes", "No"]
    if version not in ("v1", "v2") or len(tokens) != 2 or len(outcomes) != 2 or not raw.get("enableOrderBook", True):
        return None
    fees, schedule, chargeable = _fees(raw)
    tick = parse_price(f"{raw.get('orderPriceMinTickSize') or 0.01:.4f}")
    closed = bool(raw.get("closed"))
    market = SimMarket(
        id=raw["conditionId"],
        event=event,
        raw=raw,
        tokens=(tokens[0], tokens[1]),
        outcomes=(outcomes[0], outcomes[1]),
        version=version,
        neg_risk=bool(raw.get("negRisk")),
        tick=tick,
        min_size=parse_size(str(raw.get("orderMinSize") or 5)),
        fees=fees,
        fee_schedule=schedule,
        hold_ns=None if raw.get("itode") else int(raw.get("secondsDelay") or 0) * SECOND,
        starts_at=parse_time(raw.get("gameStartTime")),
        clear_on_start=bool(raw.get("clearBookOnStart")),
        accepting=chargeable and not closed and bool(raw.get("acceptingOrders", True)),
        book=book,
    )
    if closed:
        prices = strings(raw.get("outcomePrices"))
        if prices and prices[0] in ("0", "0.5", "1"):
            market.payout = Price(int(float(prices[0]) * ONE))
    return market
