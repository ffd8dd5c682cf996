"""An order as Kalshi's V2 endpoint wants it, and what the venue's answers mean for the leg (kalshi.md 7). Pure.

V2 quotes everything on the YES leg: bid = buy YES or sell NO, ask = sell YES or buy NO, always at the YES price. An answer is
read strictly: a definite no is a LegResult, and whatever leaves doubt about the order raises UnknownOutcome, to be looked up.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

import msgspec

from trading.errors import Misuse, Rejected, UnknownOutcome
from trading.fees import fee_of_fill, rate
from trading.http import Response
from trading.ids import client_order_id
from trading.kalshi.explain import asked, sentence
from trading.kalshi.statuses import LEG_STATES, REASONS, meaning, order_phase
from trading.kalshi.wire_account import CreateAnswer, FillRow, OrderRow, error_of
from trading.kalshi.wire_market import parse_count
from trading.market import KALSHI, Action, FeeTerms, Market, Outcome, step_at
from trading.order import Fill, LegRequest, LegResult, LegState, Tif, Want, total
from trading.units import ONE, Money, Price, Size, complement, cost_of, format_price, format_size, parse_price
from trading.venue import Prepared

__all__ = ["cash_of", "order_fields", "prepare_order", "read_create", "result_of_order", "state_of", "yes_leg"]

_YES, _BUY, _GTC = Outcome.YES, Action.BUY, Tif.GTC  # looked up by name, a member of an Enum costs half a microsecond
_TIF = {Tif.IOC: "immediate_or_cancel", Tif.FOK: "fill_or_kill", Tif.GTC: "good_till_canceled"}
_REDUCING = frozenset({"complete", "unwind", "exit"})
_USUAL_FEES = FeeTerms(schedule="kalshi", taker=rate("0.07"))


def yes_leg(want: Want) -> tuple[str, Price]:
    """Side and YES price of a want: the translation table of kalshi.md 7.1."""
    buys_yes = (want.outcome is _YES) is (want.action is _BUY)
    return ("bid" if buys_yes else "ask"), want.limit if want.outcome is _YES else complement(want.limit)


def cash_of(want: Want, yes_price: Price, size: Size) -> tuple[Price, Money]:
    """Price in the outcome that was traded, and cash out before fees (negative when selling), of a fill at a YES price."""
    price = yes_price if want.outcome is _YES else complement(yes_price)
    if want.action is _BUY:
        return price, cost_of(price, size)
    return price, Money(-cost_of(price, size, up=False))


def order_fields(leg: LegRequest, market: Market) -> dict[str, Any]:
    """The V2 body of a leg.

    exchange_index is always explicit: auto-routing is slower and bills every shard's bucket. reduce_only stays off on purpose:
    two baskets may hold YES and NO of one market, which Kalshi nets, and then selling one of them must still go through.
    """
    want = leg.want
    side, price = yes_leg(want)
    fields: dict[str, Any] = {
        "ticker": market.id,
        "client_order_id": client_order_id(leg.leg_id),
        "side": side,
        "count": format_size(want.size),
        "price": format_price(price),
        "time_in_force": _TIF[want.tif],
        "self_trade_prevention_type": "taker_at_cross",
        "exchange_index": market.shard,
    }
    if want.post_only:
        fields["post_only"] = True
    return fields


def prepare_order(leg: LegRequest, market: Market) -> Prepared:
    """Check a leg against its market and fix every byte of the order.

    Raises Rejected naming market, value and rule; Misuse when leg and market do not belong together.
    """
    want = leg.want
    if leg.venue != KALSHI or market.venue != KALSHI or want.market != market.id:
        raise Misuse(f"leg on {leg.venue} for {want.market} was offered to Kalshi with market {market.id}")
    if not market.tradable and leg.purpose not in _REDUCING:  # what reduces exposure is never refused for unknown terms
        raise Rejected(KALSHI, "not_tradable", f"{market.id}: its grid, fees or kind is not understood; watch only")
    if not market.grid:
        raise Rejected(KALSHI, "no_grid", f"{market.id} states no price_ranges; read the market again")
    _, yes_price = yes_leg(want)
    if not 0 < want.limit < ONE:
        raise Rejected(KALSHI, "invalid_price", f"price {want.limit}/10000 of {market.id} is outside 0.0001..0.9999")
    if step_at(market, yes_price) is None:
        bands = ", ".join(
            f"{format_price(step)} in {format_price(low)}..{format_price(high)}" for low, high, step in market.grid
        )
        raise Rejected(KALSHI, "off_grid", f"YES price {format_price(yes_price)} is off the grid of {market.id} ({bands})")
    if want.size < market.min_size:
        raise Rejected(KALSHI, "below_min_size", f"size {want.size}e-6 of {market.id} is below {market.min_size}e-6 contracts")
    if want.size % market.size_step:
        raise Rejected(KALSHI, "off_size_step", f"size {want.size}e-6 of {market.id} is no multiple of {market.size_step}e-6")
    if want.post_only and want.tif is not _GTC:
        raise Rejected(KALSHI, "post_only_tif", f"post_only on {market.id} needs good_till_canceled, not {want.tif.value}")
    fields = order_fields(leg, market)
    return Prepared(leg=leg, client_order_id=fields["client_order_id"], venue_order_id=None, fields=fields)


def state_of(want: Want, filled: Size) -> LegState:
    """State of an order that will not fill any further."""
    return "none" if filled == 0 else "filled" if filled >= want.size else "partial"


def _usual_fee(want: Want, size: Size) -> Money:
    return fee_of_fill(_USUAL_FEES, want.limit, size)


def _unknown(order: Prepared, code: str, why: str) -> UnknownOutcome:
    return UnknownOutcome(KALSHI, code, f"{order.client_order_id} on {order.leg.want.market}: {why}; look it up, do not resend")


def read_create(order: Prepared, response: Response) -> LegResult | None:
    """Read the answer to a create. None = the id was placed before (409): look it up.

    Amounts of a fill are provisional here: they come from averages, so fills stays empty and the result is not settled. What a
    refusal means is statuses.py's. Raises UnknownOutcome for 5xx, redirects, codes the page does not know and answers that do not
    fit the order.
    """
    status = response.status
    error = error_of(response.body)
    if status in (200, 201) and error is None:
        return _read_accepted(order, response.body)
    code, words = error or ("", "")
    said = meaning(status, code)
    state = LEG_STATES[said.kind]
    if state is None:
        return None
    want = order.leg.want
    detail = sentence(f"{want.market}: {asked(want, str(order.fields.get('time_in_force', '')))}", said, words)
    if state == "unknown":
        raise _unknown(order, f"http_{status}" if status >= 500 or not code else code, detail)
    if said.kind == "throttled":
        code = "throttled"
    return LegResult(
        leg_id=order.leg.leg_id,
        state=state,
        client_order_id=order.client_order_id,
        code=code or f"http_{status}",
        detail=detail,
    )


def _read_accepted(order: Prepared, body: bytes) -> LegResult:
    want = order.leg.want
    try:
        answer = msgspec.json.decode(body, type=CreateAnswer)
        filled, remaining = parse_count(answer.fill_count), parse_count(answer.remaining_count)
    except (msgspec.MsgspecError, ValueError) as exc:
        raise _unknown(order, "bad_answer", f"the answer is no create answer ({exc})") from exc
    # kalshi.md 13: in rare cases the body described another order while the action itself was right
    if answer.client_order_id is not None and answer.client_order_id != order.client_order_id:
        raise _unknown(order, "wrong_echo", f"the answer describes {answer.client_order_id}")
    if not answer.order_id or filled < 0 or remaining < 0 or filled + remaining > want.size:
        raise _unknown(order, "bad_answer", f"fill {filled} and remaining {remaining} do not fit {want.size}")
    if remaining and want.tif is not _GTC:
        raise _unknown(order, "bad_answer", f"{remaining} remains of an {want.tif.value} order")
    cost, fee = _provisional(want, filled, answer)
    return LegResult(
        leg_id=order.leg.leg_id,
        state="resting" if remaining else state_of(want, filled),
        filled=filled,
        cost=cost,
        fee=fee,
        client_order_id=order.client_order_id,
        venue_order_id=answer.order_id,
    )


def _provisional(want: Want, filled: Size, answer: CreateAnswer) -> tuple[Money, Money]:
    """Cost and fee from the averages, rounded against us; the limit and the usual rate where they are absent or implausible."""
    if not filled:
        return Money(0), Money(0)
    side, limit = yes_leg(want)
    average = _decimal(answer.average_fill_price)
    bound = Decimal(limit) / ONE
    # kalshi.md 16.10: the leg of the average is inferred to be YES; one that breaks the limit is not believed
    if average is None or not 0 < average < 1 or (average > bound if side == "bid" else average < bound):
        cost = cash_of(want, limit, filled)[1]
    else:
        own = average if want.outcome is _YES else 1 - average
        cash = own * filled if want.action is _BUY else -own * filled
        cost = Money(int(cash.to_integral_value(ROUND_CEILING)))
    each = _decimal(answer.average_fee_paid)
    if each is None or each < 0:
        return cost, _usual_fee(want, filled)
    return cost, Money(int((each * filled).to_integral_value(ROUND_CEILING)))


def _decimal(text: str | None) -> Decimal | None:
    try:
        value = Decimal(text) if text is not None else None
    except InvalidOperation:
        return None
    return value if value is not None and value.is_finite() else None


def result_of_order(order: Prepared, row: OrderRow, fills: Sequence[FillRow]) -> LegResult:
    """The truth about a leg from the venue's order and its fills.

    When the fills add up to the order's fill_count every amount is the venue's own and the result is settled; reads lag writes,
    so until then the missing part is booked at the limit and the result stays unsettled. The order's own totals are a
    cross-check and a difference is told in detail. Raises UnknownOutcome when a row cannot be read.
    """
    want = order.leg.want
    try:
        filled = row.filled
        exact = tuple(
            fill.to_fill(*cash_of(want, parse_price(fill.yes_price_dollars), parse_count(fill.count_fp))) for fill in fills
        )
        stated_cost, stated_fee = row.fill_cost, row.fees
    except ValueError as exc:
        raise _unknown(order, "bad_answer", f"a row of the order cannot be read ({exc})") from exc
    size, cost, fee = total(exact)
    detail = ""
    missing = Size(filled - size)
    if missing > 0:
        cost = Money(cost + cash_of(want, yes_leg(want)[1], missing)[1])
        fee = Money(max(fee + _usual_fee(want, missing), stated_fee or 0))
    elif missing < 0:  # the fill list is newer than the order row
        filled = size
    if missing == 0 and exact:
        detail = _disagreement(exact, stated_cost, stated_fee)
    state: LegState
    phase = order_phase(row.status)
    state = state_of(want, filled) if phase == "over" else phase
    if not detail and state in ("none", "partial"):
        detail = REASONS.get(row.last_update_reason or "", "")
    if missing < 0 and state == "none":
        state = state_of(want, filled)
    return LegResult(
        leg_id=order.leg.leg_id,
        state=state,
        filled=filled,
        cost=cost,
        fee=fee,
        fills=exact,
        client_order_id=order.client_order_id,
        venue_order_id=row.order_id,
        code=row.last_update_reason or "",
        detail=detail,
    )


def _disagreement(fills: tuple[Fill, ...], stated_cost: Money | None, stated_fee: Money | None) -> str:
    """One line when the order's totals differ from its fills. The leg of the stated cost is not documented: either will do."""
    size, cost, fee = total(fills)
    paid = abs(cost)
    other = size - paid  # one contract of either leg costs a dollar together
    notes = []
    if stated_cost is not None and stated_cost not in (paid, other):
        notes.append(f"order states cost {stated_cost}, fills add up to {paid}")
    if stated_fee is not None and stated_fee != fee:
        notes.append(f"order states fees {stated_fee}, fills add up to {fee}")
    return "; ".join(notes)
