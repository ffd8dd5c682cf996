"""REST rows of events, markets, series and order books as our types (kalshi.md 5, 6, 11).

Rows are plain mappings because discovery passes them on to the matcher. What is not understood (grid, fee type, status, kind
of market) makes the market watch-only; it never raises for a single odd field, so one row cannot spoil a page.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from trading.clock import SECOND
from trading.errors import BadAnswer
from trading.fees import rate
from trading.market import KALSHI, FeeTerms, Market, MarketId, MarketStatus, hash_rules
from trading.units import DOLLAR, ONE, Money, Price, Size, WallNs, complement, parse_money, parse_price, parse_size

__all__ = [
    "COUNT_STEP",
    "RestLevels",
    "fee_terms",
    "grid_from",
    "levels_from",
    "market_from",
    "parse_count",
    "parse_time",
    "payout_of",
]

COUNT_STEP = Size(10_000)
"""0.01 contract: the smallest order and the step of every count (kalshi.md 6)."""


class RestLevels(msgspec.Struct, frozen=True):
    """Bids of both sides at their own prices, as REST shows a book: other keys than the stream's, no sequence."""

    yes_dollars: tuple[tuple[str, str], ...] | None = None
    no_dollars: tuple[tuple[str, str], ...] | None = None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_STATUS: dict[str, MarketStatus] = {
    "initialized": "paused",  # not open yet
    "active": "open",
    "inactive": "paused",
    "closed": "closed",
    "determined": "closed",
    "disputed": "closed",
    "amended": "closed",
    "finalized": "settled",
}

# kalshi.md 11: coefficients of C x P x (1 - P) before the series' multiplier, taker then maker
_RATES = {
    "quadratic": ("0.07", "0"),
    "quadratic_with_maker_fees": ("0.07", "0.0175"),
    "quadratic_with_combo_maker_fees": ("0.07", "0.035"),
}

_COUNTS: dict[str, Size] = {}
_MOST_COUNTS = 4_096
_USUAL = re.compile(r"-?\d+\.\d\d", re.ASCII).fullmatch


def parse_count(text: str) -> Size:
    """Parse a contract count such as "-54.00". Raises ValueError when it is no multiple of 0.01.

    Remembers what it read: most changes of a stream are one of a few round numbers.
    """
    known = _COUNTS.get(text)
    if known is not None:
        return known
    size = _read_count(text)
    if len(_COUNTS) >= _MOST_COUNTS:  # bounded, and what comes often is soon back
        _COUNTS.clear()
    _COUNTS[text] = size
    return size


def _read_count(text: str) -> Size:
    if _USUAL(text) is not None:  # two decimals, as the stream writes them: no digit can be lost
        return int(text[:-3] + text[-2:]) * COUNT_STEP  # type: ignore[return-value]  # Size() is a call, as dear as int()
    size = parse_size(text)
    if size % COUNT_STEP:
        raise ValueError(f"count {text!r} is no multiple of 0.01")
    return size


def parse_time(text: object) -> WallNs | None:
    """Parse an RFC 3339 time; None for anything else and for the zero date."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    ns = (moment - _EPOCH) // _MICROSECOND * 1_000
    return WallNs(ns) if ns > 0 else None


def grid_from(ranges: object) -> tuple[tuple[Price, Price, Price], ...]:
    """Turn price_ranges into a Market grid, sorted; () when a band is missing or malformed (then nothing may be ordered)."""
    if not isinstance(ranges, Sequence) or isinstance(ranges, str):
        return ()
    bands = []
    for band in ranges:
        try:
            start, end, step = (parse_price(band[key]) for key in ("start", "end", "step"))
        except (TypeError, KeyError, ValueError, AttributeError):
            return ()
        if step <= 0 or end < start:
            return ()
        bands.append((start, end, step))
    return tuple(sorted(bands))


def fee_terms(kind: object, multiplier: object, waived_until: WallNs | None = None) -> FeeTerms | None:
    """Fee terms of an effective fee type and multiplier; None for flat, unknown or unreadable ones (watch only)."""
    rates = _RATES.get(kind) if isinstance(kind, str) else None
    if rates is None or isinstance(multiplier, bool) or not isinstance(multiplier, int | float | str):
        return None
    try:
        taker, maker = (rate(coefficient, str(multiplier)) for coefficient in rates)
    except ValueError:
        return None
    return FeeTerms(schedule="kalshi", taker=taker, maker=maker, waived_until=waived_until)


def _effective_fee(event: Mapping[str, Any], series: Mapping[str, Any] | None) -> tuple[object, object]:
    # An override holds per field; without a series read, an event that overrides only one of them stays unknown.
    base = series or {}
    kind = event.get("fee_type_override") or base.get("fee_type")
    multiplier = event.get("fee_multiplier_override")
    return kind, base.get("fee_multiplier") if multiplier is None else multiplier


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _pays_a_dollar(market: Mapping[str, Any]) -> bool:
    """Whether a contract pays a whole dollar to one side and nothing to the other (kalshi.md 5.1). With a settlement floor NO never
    pays more than a dollar less the floor, so a NO beside a YES elsewhere may pay less than a dollar in all."""
    try:
        whole = parse_price(str(market.get("notional_value_dollars") or "1")) == ONE
    except ValueError:
        return False
    return whole and market.get("settlement_bounds_type") in (None, "", "default")


def market_from(
    event: Mapping[str, Any],
    market: Mapping[str, Any],
    series: Mapping[str, Any] | None,
    *,
    read_at: WallNs,
    wall: WallNs,
) -> Market:
    """Build a Market from the rows of its event, itself and its series (None = not read: no fee terms, watch only).

    read_at is when the rows were read, wall is now: a market past its close is closed whatever the row says, because the venue
    sends no event for the timed transition (kalshi.md 9.4). starts_at is not in these rows; milestones carry it. Raises
    BadAnswer when the market has no ticker.
    """
    ticker = _text(market, "ticker")
    if not ticker:
        raise BadAnswer(KALSHI, "no_ticker", f"a market of event {event.get('event_ticker')!r} has no ticker")
    grid = grid_from(market.get("price_ranges"))
    waiver = parse_time(market.get("fee_waiver_expiration_time"))
    fees = fee_terms(*_effective_fee(event, series), waived_until=waiver if waiver is not None and waiver > wall else None)
    known = _STATUS.get(_text(market, "status"))
    closes_at = parse_time(market.get("close_time"))
    status: MarketStatus = known or "paused"
    if status == "open" and closes_at is not None and closes_at <= wall:
        status = "closed"
    expected = parse_time(market.get("expected_expiration_time")) or parse_time(market.get("latest_expiration_time"))
    timer = market.get("settlement_timer_seconds")
    wait = timer * SECOND if isinstance(timer, int) and not isinstance(timer, bool) else 0
    shard = market.get("exchange_index", event.get("exchange_index"))
    yes, no = _text(market, "yes_sub_title") or "Yes", _text(market, "no_sub_title") or "No"
    primary, secondary = _text(market, "rules_primary"), _text(market, "rules_secondary")
    combo = ticker.startswith("KXMVE") or bool(market.get("mve_collection_ticker"))
    return Market(
        id=MarketId(ticker),
        venue=KALSHI,
        event_id=_text(market, "event_ticker") or _text(event, "event_ticker"),
        question=_text(market, "title") or _text(event, "title"),
        outcomes=(yes, f"Not {yes}" if no == yes else no),  # kalshi.md 5.1: no_sub_title repeats the YES side, not the opponent
        grid=grid,
        min_size=COUNT_STEP,
        size_step=COUNT_STEP,
        shard=shard if isinstance(shard, int) else 0,
        fees=fees,
        status=status,
        closes_at=closes_at,
        settles_at=WallNs(expected + wait) if expected is not None else None,
        rules="\n\n".join(text for text in (primary, secondary) if text),
        rules_hash=hash_rules(primary, secondary, yes),
        read_at=read_at,
        tradable=bool(
            grid
            and fees is not None
            and known is not None
            and isinstance(shard, int)
            and market.get("market_type", "binary") == "binary"
            and _pays_a_dollar(market)
            and not combo
        ),
        mutually_exclusive=event.get("mutually_exclusive") is True,
    )


def payout_of(row: Mapping[str, Any]) -> Money | None:
    """What one YES contract of a finalized market was paid, None before; raises BadAnswer when the row does not tell."""
    if row.get("status") != "finalized":
        return None
    value = row.get("settlement_value_dollars")
    try:
        if isinstance(value, str) and value:  # up to six decimals, as all dollars of an answer (kalshi.md 3)
            paid = parse_money(value)
            if not 0 <= paid <= DOLLAR:
                raise ValueError(f"settlement value {value!r} is outside 0..1")
            return paid
    except ValueError as exc:
        raise BadAnswer(KALSHI, "bad_payout", f"{row.get('ticker')!r}: {exc}") from exc
    if row.get("result") in ("yes", "no"):
        return DOLLAR if row["result"] == "yes" else Money(0)
    raise BadAnswer(KALSHI, "no_payout", f"{row.get('ticker')!r} is finalized as {row.get('result')!r} without a value")


def levels_from(
    yes: Sequence[Sequence[str]] | None, no: Sequence[Sequence[str]] | None, *, yes_view: bool
) -> tuple[dict[Price, Size], dict[Price, Size]]:
    """Turn both sides' bids into (bids, asks) at YES prices: a NO bid at q is a YES ask at 1 - q (B-117).

    yes_view says that the NO side already came at YES prices. Raises ValueError on a malformed level, a price outside (0, 1) or
    a negative size.
    """
    sides: list[dict[Price, Size]] = []
    for rows, flip in ((yes, False), (no, not yes_view)):
        levels: dict[Price, Size] = {}
        for text, count in rows or ():
            price, size = parse_price(text), _read_count(count)  # a level's size hardly comes twice: nothing to remember
            if not 0 < price < ONE or size < 0:
                raise ValueError(f"level {text!r} x {count!r} cannot stand in a book")
            at = complement(price) if flip else price
            if at in levels:
                raise ValueError(f"level {text!r} stands twice")
            if size:
                levels[at] = size
        sides.append(levels)
    return sides[0], sides[1]
