"""Polymarket's JSON as our types: market parameters and books (polymarket.md 2.2, 3, 8, 9).

Facts that cannot be read never become a guess: an unknown protocol version, tick, outcome count or fee form gives a market that
can be watched but not traded. Gamma outcome 0 is YES (design.md 6). All functions are pure.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from trading.book import Book
from trading.clock import MS, SECOND
from trading.errors import BadAnswer
from trading.fees import rate
from trading.market import POLYMARKET, FeeTerms, Market, MarketId, MarketStatus, Outcome, hash_rules
from trading.polymarket.amounts import TICKS
from trading.units import DOLLAR, ONE, Money, MonoNs, Price, Size, WallNs, complement, parse_price, parse_size

__all__ = [
    "TAKER_MIN_COST",
    "TAKER_MIN_SIZE",
    "bad",
    "book_from",
    "decode",
    "fee_terms",
    "grid_of",
    "has_v2_layout",
    "levels_from",
    "market_from",
    "parse_stamp",
    "parse_tick",
    "parse_time",
    "payout_of",
    "refreshed",
    "strings",
    "yes_levels",
]

TAKER_MIN_COST = DOLLAR
"""A marketable order needs a notional of 1 pUSD (polymarket.md 6.3)."""
TAKER_MIN_SIZE = Size(10_000)
"""Shares have two decimals. The venue's orderMinSize (5) is the minimum of resting orders and does not bind takers."""

ITODE_HOLD_NS = 150 * MS
"""Hold of markets whose taker-delay flag is set, since 2026-09-04 (polymarket.md 8)."""
_GAME_NS = 4 * 3600 * SECOND
"""A long game: Gamma's endDate of a game is its start (polymarket.md 2.2)."""
_LIVENESS_NS = 2 * 3600 * SECOND
"""Challenge time after a resolution is proposed (execution.md 3)."""

_PLACEHOLDER = re.compile(
    r"^(?:person|player|team|candidate|company|country|option|other|artist|movie|city)(?: [a-z0-9]{1,2})?$", re.I
)


def bad(code: str, detail: str) -> BadAnswer:
    """The venue broke its contract."""
    return BadAnswer(POLYMARKET, code, detail)


def decode(body: bytes) -> Any:
    """JSON of an answer, b"" as None. Raises BadAnswer."""
    if not body.strip():
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise bad("not_json", f"{exc}: {body[:120]!r}") from exc


def parse_time(value: object) -> WallNs | None:
    """Read ISO in the venue's several forms ("2026-04-05 15:10:00+00"), UTC when no zone is given; None when unreadable."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return WallNs((since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000)


def parse_stamp(value: object) -> WallNs:
    """A unix stamp as string or number, seconds or milliseconds (from 1e11 on); 0 when there is none."""
    try:
        number = int(value) if isinstance(value, int | str) else 0
    except ValueError:
        return WallNs(0)
    return WallNs(number * MS if number >= 100_000_000_000 else number * SECOND)


def strings(value: object) -> tuple[str, ...]:
    """An array of strings, real or JSON-encoded inside a string; () when it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return ()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return ()
    return tuple(item if isinstance(item, str) else str(item) for item in value)


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def parse_tick(value: object) -> Price | None:
    """A tick of the venue's rounding table, None for any other."""
    number = _decimal(value)
    if number is None:
        return None
    scaled = number * ONE
    tick = Price(int(scaled))
    return tick if scaled == tick and tick in TICKS else None


def grid_of(tick: Price) -> tuple[tuple[Price, Price, Price], ...]:
    """Prices run from one tick to one dollar less a tick."""
    return ((tick, Price(ONE - tick), tick),)


def has_v2_layout(token: str) -> bool:
    """Whether an id is laid out as a Protocol V2 position id: module byte 1 to 3, reserved bits zero (polymarket.md 5)."""
    if not (token.isascii() and token.isdecimal()):
        return False
    number = int(token)
    return number >> 248 in (1, 2, 3) and (number >> 40) & (2**64 - 1) == 0


def fee_terms(market: Mapping[str, Any], params: Mapping[str, Any] | None) -> FeeTerms | None:
    """Fee terms of a market (polymarket.md 9, B-132): params' fd first, then Gamma's feeSchedule; none stated = zero.

    None when terms are stated in a form we cannot charge: exponent other than 1, a broken rate, fees on without a schedule.
    """
    stated: Any = (params or {}).get("fd")
    keys = ("r", "e", "to")
    if stated is None and market.get("feesEnabled"):
        stated, keys = market.get("feeSchedule"), ("rate", "exponent", "takerOnly")
        if stated is None and params is None:
            return None
    if stated is None:
        return FeeTerms(schedule="polymarket", taker=0)
    if not isinstance(stated, Mapping):
        return None
    number, exponent = _decimal(stated.get(keys[0], 0)), _decimal(stated.get(keys[1], 1))
    if number is None or exponent is None or (exponent != 1 and number != 0) or not 0 <= number <= 1:
        return None
    try:
        taker = rate(str(number))
    except ValueError:
        return None
    # takerOnly false would charge makers as well; never observed, so it is charged in full
    return FeeTerms(schedule="polymarket", taker=taker, maker=0 if stated.get(keys[2], True) else taker)


def _hold(market: Mapping[str, Any], params: Mapping[str, Any] | None) -> int | None:
    """The declared taker hold in ns (B-425); None when only Gamma is known and cannot tell: itode stands in params alone."""
    gamma, clob = _decimal(market.get("secondsDelay") or 0), _decimal((params or {}).get("sd") or 0)
    if gamma is None or clob is None or (params is None and not _sports(market)):
        return None
    flag = ITODE_HOLD_NS if (params or {}).get("itode") else 0
    return max(int(max(gamma, clob) * SECOND), flag)


def _sports(market: Mapping[str, Any]) -> bool:
    return bool(market.get("sportsMarketType") or market.get("gameStartTime"))


def _status(event: Mapping[str, Any], market: Mapping[str, Any], params: Mapping[str, Any] | None) -> MarketStatus:
    resolved = "resolved" in (market.get("umaResolutionStatus"), market.get("resolutionStatus"))
    if market.get("closed"):
        return "settled" if resolved else "closed"
    if params is not None and not params.get("ao"):
        return "paused"
    if "active" not in market:  # the CLOB's parameters are all we have
        return "open" if params is not None else "paused"
    wanted = market.get("enableOrderBook") and market.get("acceptingOrders") and market.get("active")
    # finished games are found active for days (polymarket.md 14): the event's own word counts too
    return "open" if wanted and not market.get("archived") and not event.get("ended") else "paused"


def _pair(items: Sequence[str]) -> tuple[str, str] | None:
    return (items[0], items[1]) if len(items) == 2 and all(items) and items[0] != items[1] else None


def _clob_pairs(params: Mapping[str, Any] | None) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """(tokens, outcomes) of params' t; a Yes/No market listed No first is turned so that YES is index 0."""
    rows = (params or {}).get("t")
    if not isinstance(rows, Sequence) or len(rows) != 2 or not all(isinstance(row, Mapping) for row in rows):
        return None
    tokens, names = [str(row.get("t", "")) for row in rows], [str(row.get("o", "")) for row in rows]
    if names[0].lower() == "no" and names[1].lower() == "yes":
        tokens.reverse()
        names.reverse()
    pair = _pair(tokens)
    return (pair, (names[0], names[1])) if pair else None


def _tokens(
    market: Mapping[str, Any], params: Mapping[str, Any] | None
) -> tuple[str, tuple[str, str], tuple[str, str] | None, bool]:
    """(version, tokens, the CLOB's outcome names, whether it may be traded); the market's version decides the ids (B-423).

    Without Gamma's version the CLOB's own tokens decide by their layout: a v1 id has it with a chance of 2^-64.
    """
    clob = _clob_pairs(params)
    stated = market.get("version")
    version = stated if isinstance(stated, str) else ""
    listed = _pair(strings(market.get("positionIds") if version == "v2" else market.get("clobTokenIds")))
    names = clob[1] if clob else None
    if stated is None and clob and (listed is None or set(listed) == set(clob[0])):
        layouts = {has_v2_layout(token) for token in clob[0]}
        version = {frozenset({False}): "v1", frozenset({True}): "v2"}.get(frozenset(layouts), "")
    tokens = listed or (clob[0] if clob and not listed else None)
    if tokens is None:
        return version, ("", ""), names, False
    agrees = all(has_v2_layout(token) is (version == "v2") for token in tokens)
    known = clob is None or set(clob[0]) == set(tokens)
    return version, tokens, names, version in ("v1", "v2") and agrees and known


def _named_alike(tokens: Sequence[str], outcomes: Sequence[str], clob: Mapping[str, str]) -> bool:
    """Whether the CLOB calls each token as Gamma does. Names that are not the same two words say nothing of the order; the same two
    the other way round would mean that every order buys the opposite."""
    ours = {token: name.strip().lower() for token, name in zip(tokens, outcomes, strict=False)}
    theirs = {token: name.strip().lower() for token, name in clob.items()}
    return set(ours.values()) != set(theirs.values()) or ours == theirs


def market_from(
    event: Mapping[str, Any], market: Mapping[str, Any], params: Mapping[str, Any] | None, *, read_at: WallNs
) -> Market:
    """Build a Market from a Gamma event and market row and the answer of /clob-markets (None = not read).

    Without a Gamma row pass {} twice: params alone give a tradable market without question and rules. Raises BadAnswer when
    there is no condition id or not exactly two outcomes.
    """
    market_id = market.get("conditionId") or (params or {}).get("c")
    if not isinstance(market_id, str) or not market_id:
        raise bad("no_condition_id", f"market {market.get('id')!r} {market.get('slug')!r} has no conditionId")
    version, tokens, clob_names, routable = _tokens(market, params)
    outcomes = strings(market.get("outcomes")) or clob_names or ()
    if len(outcomes) != 2:
        raise bad("not_binary", f"market {market_id} has {len(outcomes)} outcomes, two are needed")
    parents = market.get("events")
    if not event and isinstance(parents, Sequence) and parents and isinstance(parents[0], Mapping):
        event = parents[0]
    clob = _clob_pairs(params)
    alike = clob is None or _named_alike(tokens, outcomes, dict(zip(*clob, strict=True)))
    tick = parse_tick((params or {}).get("mts", market.get("orderPriceMinTickSize")))
    fees = fee_terms(market, params)
    starts_at = parse_time(market.get("gameStartTime")) or parse_time(market.get("eventStartTime"))
    starts_at = starts_at or parse_time((params or {}).get("gst")) or parse_time(event.get("startTime"))
    ends_at = parse_time(market.get("endDate"))
    over_at = max((starts_at or WallNs(0)) + _GAME_NS, ends_at or WallNs(0)) if _sports(market) else ends_at
    rules = str(market.get("description") or "")
    exclusive = bool(event.get("negRisk") or event.get("enableNegRisk") or market.get("negRisk"))
    vague = bool(market.get("negRiskOther")) or (
        bool(event.get("negRiskAugmented")) and bool(_PLACEHOLDER.match(str(market.get("groupItemTitle") or "").strip()))
    )
    return Market(
        id=MarketId(market_id),
        venue=POLYMARKET,
        event_id=str(event.get("id") or event.get("slug") or ""),
        question=str(market.get("question") or ""),
        outcomes=(outcomes[0], outcomes[1]),
        tokens=tokens,
        grid=grid_of(tick) if tick else (),
        min_size=TAKER_MIN_SIZE,
        min_cost=TAKER_MIN_COST,
        size_step=TAKER_MIN_SIZE,
        version=version,
        neg_risk=bool((params or {}).get("nr") if params is not None and not market else market.get("negRisk")),
        hold_ns=_hold(market, params),
        fees=fees,
        status=_status(event, market, params),
        starts_at=starts_at,
        closes_at=None if _sports(market) else ends_at,  # a game's endDate is its start, not the end of trading
        settles_at=WallNs(over_at + _LIVENESS_NS) if over_at else None,
        rules=rules,
        rules_hash=hash_rules(rules) if rules else "",
        read_at=read_at,
        # unreadable tick, fees or ids, or a meaning that may change (polymarket.md 2.2, negRiskAugmented)
        tradable=routable and alike and tick is not None and fees is not None and not vague and _same_neg_risk(market, params),
        mutually_exclusive=exclusive,
    )


def _same_neg_risk(market: Mapping[str, Any], params: Mapping[str, Any] | None) -> bool:
    """Gamma and CLOB must agree on the flag that chooses the exchange."""
    return params is None or "negRisk" not in market or bool(market.get("negRisk")) is bool(params.get("nr"))


def refreshed(known: Market, fresh: Market) -> Market:
    """A market known from Gamma with the CLOB's newer parameters; outcome order, texts and times stay Gamma's.

    What only Gamma knows against trading (a placeholder, another neg-risk flag) stays; a grid or fees that it lacked are mended.
    Where the CLOB states no fee and Gamma one, the fee stays: charged in vain it costs a trade, forgotten it costs money.
    """
    mended = not known.grid or known.fees is None
    free = fresh.fees is not None and not fresh.fees.taker and known.fees is not None
    alike = _named_alike(known.tokens, known.outcomes, dict(zip(fresh.tokens, fresh.outcomes, strict=True)))
    same = (
        alike and set(known.tokens) == set(fresh.tokens) and known.version == fresh.version and known.neg_risk is fresh.neg_risk
    )
    return msgspec.structs.replace(
        known,
        grid=fresh.grid,
        fees=known.fees if free else fresh.fees,
        hold_ns=fresh.hold_ns if known.hold_ns is None or fresh.hold_ns is None else max(known.hold_ns, fresh.hold_ns),
        status=known.status if known.status in ("closed", "settled") else fresh.status,
        read_at=fresh.read_at,
        tradable=fresh.tradable and same and known.version in ("v1", "v2") and (known.tradable or mended),
    )


def payout_of(row: object, yes: str) -> Money | None:
    """What one share of the token yes was paid by the long form of its market, None before. Raises BadAnswer for another market's
    tokens or two winners."""
    tokens = row.get("tokens") if isinstance(row, Mapping) else None
    if not isinstance(row, Mapping) or not isinstance(tokens, list):
        raise bad("bad_market", "the long form of a market holds no tokens")
    won = {str(one.get("token_id")): one.get("winner") is True for one in tokens if isinstance(one, Mapping)}
    if yes not in won or len(won) != 2 or all(won.values()):
        raise bad("bad_payout", f"market {row.get('condition_id')!r}: winners {won!r} of the wrong tokens")
    if not row.get("closed"):
        return None
    if any(won.values()):
        return DOLLAR if won[yes] else Money(0)
    return Money(DOLLAR // 2) if row.get("is_50_50_outcome") is True else None


def levels_from(rows: Iterable[Mapping[str, Any]]) -> dict[Price, Size]:
    """Price levels of one side, in whatever order they came; zero sizes dropped. Raises BadAnswer."""
    found: dict[Price, Size] = {}
    try:
        for row in rows:
            price, size = parse_price(row["price"]), parse_size(row["size"])
            if not 0 < price < ONE or size < 0:
                raise ValueError(f"level {price} x {size}")
            if size:
                found[price] = size
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise bad("bad_level", str(exc)) from exc
    return found


def yes_levels(
    bids: dict[Price, Size], asks: dict[Price, Size], outcome: Outcome
) -> tuple[dict[Price, Size], dict[Price, Size]]:
    """A token's book as the YES book: token 1's bids are YES asks at one minus the price."""
    if outcome is Outcome.YES:
        return bids, asks
    return {complement(p): s for p, s in asks.items()}, {complement(p): s for p, s in bids.items()}


def book_from(row: object, market: Market, now: MonoNs) -> Book:
    """GET /book as a ready Book, proved now. Raises BadAnswer when it is another market's, crossed or malformed."""
    if not isinstance(row, Mapping) or str(row.get("asset_id")) not in market.tokens:
        raise bad("bad_book", f"answer is no book of {market.id}")
    outcome = Outcome(market.tokens.index(str(row.get("asset_id"))))
    bids, asks = yes_levels(levels_from(row.get("bids") or ()), levels_from(row.get("asks") or ()), outcome)
    book = Book(market.id)
    book.apply_snapshot(bids, asks, now)
    if book.crossed:
        raise bad("crossed_book", f"{market.id}: bid {book.bid} meets ask {book.ask} (execution.md B-434)")
    book.proof.at = now
    return book
