"""An order before and after the wire: its amounts and body, and what the answer to it means.

    prepare ─► Prepared.fields (amounts, salt, order id) ─► body_of ─► POST /order ─► answered ─► LegResult

A definite no is a LegResult; whatever leaves the order's existence in doubt raises UnknownOutcome, to be looked up by order id
(trades.py) and never sent again (B-093).
"""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from trading.errors import BadAnswer, Rejected, UnknownOutcome
from trading.fees import HIGHEST_KNOWN, fee_of_fill
from trading.ids import client_order_id
from trading.market import POLYMARKET, Action, FeeTerms, Market, step_at
from trading.order import Fill, LegRequest, LegResult, LegState, Tif, total
from trading.polymarket.amounts import Amounts, cash_for, limit_amounts, market_buy, market_sell
from trading.polymarket.sign import Account, Side
from trading.polymarket.wire import decode
from trading.units import ONE, Money, Price, Size, WallNs, cost_of, format_price, to_dollars
from trading.venue import Prepared

__all__ = [
    "DUST",
    "Said",
    "answered",
    "body_of",
    "leg_result",
    "leg_state",
    "prepare",
    "refusal_code",
    "retry_after",
    "terms_of",
    "word",
]

_BUY, _GTC = Action.BUY, Tif.GTC  # looked up by name, a member of an Enum costs half a microsecond
_TYPES = {Tif.IOC: "FAK", Tif.FOK: "FOK", Tif.GTC: "GTC"}
_ZERO32 = "0x" + "00" * 32
DUST = Size(10_000)
"""Fills differ from the request by up to 0.01 share (polymarket.md 14)."""
_REDUCING = frozenset({"complete", "unwind", "exit"})

# What a refusal's text means (polymarket.md 6, 7.4): first match wins. state none = the order was accepted and found nothing.
_TEXTS: tuple[tuple[str, str], ...] = (
    (r"no orders found to match", "fak_no_match"),
    (r"couldn't be fully filled|could not be fully filled", "fok_killed"),
    (r"duplicated", "duplicated"),
    (r"match delayed", "match_delayed"),
    (r"invalid order payload", "invalid_payload"),
    (r"order owner has to be", "wrong_owner"),
    (r"order signer address has to be", "wrong_signer"),
    (r"address banned", "banned"),
    (r"closed only mode", "closed_only"),
    (r"maker address not allowed", "wallet_not_allowed"),
    (r"minimum tick size", "off_tick"),
    (r"lower than the minimum", "below_minimum"),
    (r"invalid amount for a marketable", "below_one_dollar"),
    (r"not enough balance|allowance", "no_balance"),
    (r"invalid expiration", "invalid_expiration"),
    (r"not yet ready", "market_not_ready"),
    (r"too many orders", "too_many_orders"),
    (r"invalid signature", "invalid_signature"),
    (r"order_version_mismatch", "order_version_mismatch"),
    (r"crosses book", "post_only_crosses"),
    (r"post-only mode|post_only_mode", "post_only_mode"),
    (r"cancel-only", "cancel_only_mode"),
    (r"trading is currently disabled", "trading_disabled"),
    (r"restricted|geoblock|not available in your", "geoblocked"),
)
_MATCHERS = tuple((re.compile(text, re.I), code) for text, code in _TEXTS)
_NOTHING = frozenset({"fak_no_match", "fok_killed"})
_DOUBTFUL = frozenset({"duplicated", "match_delayed"})
"""An order of this id exists or may exist already: to be looked up, whatever the status code says."""
_ENGINE_FAILED = re.compile(r"order timed out|could not insert order|there are no matching orders|rounding issues", re.I)
"""The engine's own failures (polymarket.md 7.4): a 500 for a single order, the errorMsg of a leg of many. They settle nothing."""
_MODES = frozenset({"post_only_mode", "cancel_only_mode", "trading_disabled"})


class Said(msgspec.Struct, frozen=True):
    """What a matched answer said of an order in sum: shares, and cash out before fees (negative when received)."""

    size: Size
    cost: Money


def refusal_code(text: str) -> str:
    """The constant word for a refusal's text, "refused" when it is new to us."""
    return next((code for pattern, code in _MATCHERS if pattern.search(text)), "refused")


def retry_after(headers: Mapping[str, str], body: Any) -> float | None:
    """Seconds to wait as header or body say. An HTTP date is held against the answer's own Date, never against our clock."""
    told = body.get("retry_after_seconds") if isinstance(body, Mapping) else None
    for value in (headers.get("retry-after"), told):
        try:
            seconds = float(value) if isinstance(value, str | int | float) else -1.0
        except ValueError:
            seconds = _seconds_until(str(value), headers.get("date", ""))
        if 0 <= seconds < 86_400:
            return seconds
    return None


def _seconds_until(stamp: str, now: str) -> float:
    """From one HTTP date to another, -1 when either is none."""
    try:
        return max(0.0, (parsedate_to_datetime(stamp) - parsedate_to_datetime(now)).total_seconds())
    except (ValueError, TypeError):
        return -1.0


def _no(code: str, detail: str) -> Rejected:
    return Rejected(POLYMARKET, code, detail)


def prepare(leg: LegRequest, market: Market, account: Account, *, salt: int, timestamp_ms: int) -> Prepared:
    """Fix amounts and order id. FAK and FOK BUY are sized in pUSD, floor(size x limit) to the cent (execution.md 2).

    Raises Rejected naming market, value and rule; nothing was sent.
    """
    want, name = leg.want, f"{market.id}"
    if want.market != market.id:
        raise _no("wrong_market", f"leg is for {want.market}, market read is {name}")
    if market.version not in ("v1", "v2"):
        raise _no("unknown_version", f"{name}: version {market.version!r} is neither v1 nor v2 (B-423); it is not traded")
    if (not market.tradable or market.fees is None) and leg.purpose not in _REDUCING:
        raise _no("not_tradable", f"{name}: its terms were not understood; watch only")
    if market.status in ("closed", "settled"):
        raise _no("market_closed", f"{name} is {market.status}")
    step = step_at(market, want.limit)
    if step is None:
        grid = ", ".join(format_price(step) for _, _, step in market.grid) or "unknown"
        raise _no("off_tick", f"{name}: price {format_price(want.limit)} is off the grid of {grid}")
    if want.post_only and want.tif is not _GTC:
        raise _no("post_only", f"{name}: post-only needs a resting order, not {_TYPES[want.tif]}")
    size = Size(want.size // market.size_step * market.size_step)
    if size < market.min_size or size <= 0:
        raise _no("below_minimum", f"{name}: size {to_dollars(want.size)} is below {to_dollars(market.min_size)} shares")
    amounts = _amounts(leg, size, step)
    # The venue words the rule for BUY alone (polymarket.md 6.3); what a SELL meets differs from its notional at the limit,
    # and a reduction is never refused by us.
    if want.action is _BUY and want.tif is not _GTC and amounts.maker < market.min_cost:
        cost, need = to_dollars(Money(amounts.maker)), to_dollars(market.min_cost)
        raise _no("below_one_dollar", f"{name}: ${cost} is below the ${need} of a marketable BUY")
    signer = account.order_signer(market.version, market.neg_risk)
    side: Side = "BUY" if want.action is _BUY else "SELL"
    token = market.tokens[want.outcome]
    struct_hash = signer.struct_hash(salt, token, amounts.maker, amounts.taker, side, timestamp_ms)
    terms = market.fees or HIGHEST_KNOWN
    return Prepared(
        leg=leg,
        client_order_id=client_order_id(leg.leg_id),
        venue_order_id=signer.order_id(struct_hash),
        fields={
            "token": token,
            "side": side,
            "maker_amount": amounts.maker,
            "taker_amount": amounts.taker,
            "salt": salt,
            "timestamp": timestamp_ms,
            "order_type": _TYPES[want.tif],
            "post_only": want.post_only,
            "version": market.version,
            "neg_risk": market.neg_risk,
            "hold_ns": market.hold_ns or 0,
            "struct_hash": struct_hash.hex(),
            "fee_taker": terms.taker,
            "fee_maker": terms.maker,
        },
    )


def _amounts(leg: LegRequest, size: Size, tick: Price) -> Amounts:
    want = leg.want
    if want.tif is _GTC:
        return limit_amounts(buy=want.action is _BUY, size=size, price=want.limit, tick=tick)
    if want.action is _BUY:
        return market_buy(cash=cash_for(size, want.limit), price=want.limit, tick=tick)
    return market_sell(size=size, price=want.limit, tick=tick)


def terms_of(order: Prepared) -> FeeTerms:
    """The fee terms the order was prepared with."""
    return FeeTerms(schedule="polymarket", taker=order.fields["fee_taker"], maker=order.fields["fee_maker"])


def body_of(order: Prepared, account: Account, owner: str) -> bytes:
    """Sign the order and write the body of POST /order, the exact bytes that the request HMAC covers. owner: the API key."""
    put = order.fields
    signature = account.order_signer(put["version"], put["neg_risk"]).signature(bytes.fromhex(put["struct_hash"]))
    return (
        f'{{"order":{{"salt":{put["salt"]},"maker":"{account.maker}","signer":"{account.signer}","tokenId":"{put["token"]}",'
        f'"makerAmount":"{put["maker_amount"]}","takerAmount":"{put["taker_amount"]}","side":"{put["side"]}","expiration":"0",'
        f'"signatureType":{account.signature_type},"timestamp":"{put["timestamp"]}","metadata":"{_ZERO32}",'
        f'"builder":"{_ZERO32}","signature":"{signature}"}},"owner":"{owner}","orderType":"{put["order_type"]}",'
        f'"deferExec":false,"postOnly":{"true" if put["post_only"] else "false"}}}'
    ).encode()


# ---- answers of POST /order ----------------------------------------------------------------------------------------------


def _doubt(code: str, detail: str) -> UnknownOutcome:
    return UnknownOutcome(POLYMARKET, code, detail)


def leg_result(order: Prepared, state: LegState, code: str = "", detail: str = "", fills: tuple[Fill, ...] = ()) -> LegResult:
    size, cost, fee = total(fills)
    return LegResult(
        leg_id=order.leg.leg_id,
        state=state,
        filled=size,
        cost=cost,
        fee=fee,
        fills=fills,
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id or "",
        code=code,
        detail=detail,
    )


def answered(order: Prepared, status: int, headers: Mapping[str, str], body: bytes, *, now: WallNs) -> LegResult:
    """What the answer to POST /order says (polymarket.md 7.1, 7.4, 7.5). Raises UnknownOutcome where it leaves a doubt."""
    try:
        said = decode(body)
    except BadAnswer as exc:  # the status alone decides below
        said = None
        if 200 <= status < 300:
            raise _doubt("garbage", f"{order.venue_order_id}: {exc}") from exc
    row: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    if 200 <= status < 300:
        return _accepted(order, row, now)
    text = str(row.get("error") or row.get("errorMsg") or row.get("message") or body[:200].decode("utf-8", "replace"))
    code = refusal_code(f"{text} {row.get('code', '')}")
    if code in _DOUBTFUL or status == 408 or status < 400:
        raise _doubt(code if code in _DOUBTFUL else f"http_{status}", f"{order.venue_order_id}: {text}")
    if status == 425:
        return leg_result(order, "rejected", "engine_restarting", text)
    if status == 429:
        return leg_result(order, "rejected", "throttled", _waiting(text, retry_after(headers, row)))
    if status == 503 and code in _MODES:
        return leg_result(order, "rejected", code, _waiting(text, retry_after(headers, row)))
    if status >= 500:
        raise _doubt("order_timed_out" if "timed out" in text else f"http_{status}", f"{order.venue_order_id}: {text}")
    if code in _NOTHING:
        return leg_result(order, "none", code, text)
    if code == "refused":
        code = {401: "unauthorized", 403: "forbidden", 404: "not_found"}.get(status, "refused")
    return leg_result(order, "rejected", code, text)


def _waiting(text: str, seconds: float | None) -> str:
    return text if seconds is None else f"{text} (retry after {seconds:g} s)"


def _accepted(order: Prepared, row: Mapping[str, Any], now: WallNs) -> LegResult:
    """A 2xx: the official acceptance rule is success, no errorMsg, an orderID, and a known status (polymarket.md 7.1)."""
    message, named = str(row.get("errorMsg") or row.get("error") or ""), str(row.get("orderID") or "")
    if message:
        code = refusal_code(message)
        if code in _NOTHING:
            return leg_result(order, "none", code, message)
        if code in _DOUBTFUL or (named and code == "refused") or _ENGINE_FAILED.search(message):
            raise _doubt("order_timed_out" if "timed out" in message else code, f"{order.venue_order_id}: {message}")
        return leg_result(order, "rejected", code, message)
    if row.get("success") is not True or not named:
        raise _doubt("bad_answer", f"{order.venue_order_id}: neither accepted nor refused: {dict(row)!r}"[:300])
    # For type 3 that the id is the digest is inferred (polymarket.md 16.12): the venue's own name wins
    order = order if named.lower() == order.venue_order_id else msgspec.structs.replace(order, venue_order_id=named)
    status = word(row.get("status"))
    if status == "MATCHED":
        said = _said(order, row)
        trades = row.get("tradeIDs")
        first = str(trades[0]) if isinstance(trades, Sequence) and trades and not isinstance(trades, str) else named
        fill = _estimate(order, said, first, now)
        resting = order.fields["order_type"] == "GTC" and leg_state(order, said.size, said.cost) == "partial"
        return leg_result(order, "resting" if resting else leg_state(order, said.size, said.cost), "", "", (fill,))
    if status == "DELAYED":
        return leg_result(order, "held", "delayed")
    if status in ("LIVE", "UNMATCHED"):  # must not happen to a FAK; if it does the order is on the book and says so
        return leg_result(order, "resting", status.lower())
    raise _doubt("unknown_status", f"{order.venue_order_id}: status {row.get('status')!r}")


def _amount(text: str, whole: bool) -> int:
    number = Decimal(text)
    if not number.is_finite() or number < 0:
        raise ValueError(f"amount {text!r}")
    return int(number) if whole else int((number * 1_000_000).to_integral_value(ROUND_FLOOR))


def _said(order: Prepared, row: Mapping[str, Any]) -> Said:
    """makingAmount and takingAmount, in decimals or in 6-decimal integers (polymarket.md 16.3), as shares and cash.

    Both come in one form. A point means decimals; else the making amount decides: it cannot exceed what was signed.
    """
    making, taking = str(row.get("makingAmount") or ""), str(row.get("takingAmount") or "")
    limit = order.fields["maker_amount"]
    try:
        whole = "." not in making + taking and Decimal(making or "0") * 1_000_000 > limit + DUST
        made, took = _amount(making, whole), _amount(taking, whole)
    except (InvalidOperation, ValueError) as exc:
        raise _doubt("no_amounts", f"{order.venue_order_id}: matched with amounts {making!r} and {taking!r}") from exc
    buy = order.fields["side"] == "BUY"
    cash, shares = (made, took) if buy else (took, made)
    tiny = whole and made < DUST  # a misread decimal rather than a fill below a cent
    if made <= 0 or took <= 0 or tiny or made > limit + DUST or cash >= shares:
        raise _doubt("odd_amounts", f"{order.venue_order_id}: matched with amounts {making!r} and {taking!r}")
    return Said(Size(shares), Money(cash if buy else -cash))


def _estimate(order: Prepared, said: Said, trade: str, now: WallNs) -> Fill:
    """One provisional fill for the whole answer, at the average price rounded against us.

    The fee is the formula at that average, on the dearer side of its rounding: p(1-p) is concave, so the real fills' sum is never
    above it by more than the rounding of each.
    """
    cash = abs(said.cost)
    low, high = Price(cash * ONE // said.size), Price(-(-cash * ONE // said.size))
    terms = terms_of(order)
    return Fill(
        id=f"{trade}/answer",
        price=high if said.cost > 0 else low,
        size=said.size,
        cost=said.cost,
        fee=max(fee_of_fill(terms, low, said.size), fee_of_fill(terms, high, said.size)),
        fee_is_final=False,
        maker=False,
        at=now,
        status="provisional",
    )


def leg_state(order: Prepared, size: Size, cost: Money) -> LegState:
    """filled, partial or none by what the order was sized in: pUSD for a FAK or FOK BUY, shares for the rest."""
    if size <= 0:
        return "none"
    put = order.fields
    if put["side"] == "BUY" and put["order_type"] != "GTC":
        missing = put["maker_amount"] - cost - cost_of(order.leg.want.limit, DUST)
    else:
        missing = (put["taker_amount"] if put["side"] == "BUY" else put["maker_amount"]) - size - DUST
    return "filled" if missing <= 0 else "partial"


def word(value: object) -> str:
    """A status without its ORDER_STATUS_ or TRADE_STATUS_ prefix, upper case."""
    return str(value or "").upper().removeprefix("ORDER_STATUS_").removeprefix("TRADE_STATUS_")
