"""What the venue's lists say of one order: its state and its trades, joined into a LegResult.

    GET /data/order/{id} ─► OrderState ─┐
    GET /data/trades     ─► fills_of ───┴─► found ─► LegResult | None

A fill is provisional until the venue says CONFIRMED, and FAILED takes it back (B-424). One trade may name several makers:
we paid each maker's price, so cost and fee are summed per price. Lists lag: less shown than matched is "unknown", never
"partial".
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

import msgspec

from trading.fees import fee_of_fill
from trading.market import FeeTerms
from trading.order import Fill, LegResult, total
from trading.polymarket.orders import DUST, Said, leg_result, leg_state, terms_of, word
from trading.polymarket.statuses import cancel_code, fill_status, order_phase
from trading.polymarket.wire import bad, parse_stamp
from trading.units import ONE, Money, Price, Size, cost_of, parse_price, parse_size, to_dollars
from trading.venue import Prepared

__all__ = ["OrderState", "fills_of", "found", "makers_of"]


class OrderState(msgspec.Struct, frozen=True):
    """An order as GET /data/order or the user stream tells it: status word without prefix, and shares matched."""

    status: str
    matched: Size

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "OrderState":
        """Read status and size_matched ("" = 0). Raises BadAnswer."""
        try:
            return cls(word(row.get("status")), parse_size(str(row.get("size_matched") or "0")))
        except ValueError as exc:
            raise bad("bad_order", str(exc)) from exc

    @property
    def live(self) -> bool:
        return order_phase(self.status) == "live"

    @property
    def held(self) -> bool:
        return order_phase(self.status) == "held"

    @property
    def over(self) -> bool:
        return order_phase(self.status) == "over"


def _own_price(row: Mapping[str, Any], token: str, *, up: bool) -> Price:
    """Price of a maker entry in our token: entries of the complement are MINT and MERGE matches (polymarket.md 3, 7.1)."""
    text = str(row["price"])
    try:
        price = parse_price(text)
    except ValueError:
        scaled = Decimal(text) * ONE  # an average with more decimals than the grid: rounded against us
        if not 0 <= scaled <= ONE:
            raise ValueError(f"price {text!r} is outside 0..1") from None
        price = Price(int(scaled.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)))
    asset = str(row.get("asset_id") or token)
    return price if asset == token else Price(ONE - price)


def makers_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The maker entries of a trade; whatever else stands there is none."""
    entries = row.get("maker_orders")
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


def fills_of(row: Mapping[str, Any], *, order_id: str, token: str, buy: bool, terms: FeeTerms) -> list[Fill]:
    """Our fills in one trade row: one per price that was met (polymarket.md 7.1, 9); [] when the trade is not ours.

    As taker we pay the makers' prices level by level and the fee of each; as maker our entry alone counts. Raises BadAnswer.
    """
    own = order_id.lower()
    makers = makers_of(row)
    try:
        if str(row.get("taker_order_id") or "").lower() == own:
            maker, met = False, _met_by_taker(row, makers, token, buy)
        else:
            mine = [entry for entry in makers if str(entry.get("order_id") or "").lower() == own]
            maker, met = True, _by_price(mine, token, buy)
        trade = str(row["id"]) if met else ""
    except (KeyError, TypeError, ValueError, InvalidOperation) as exc:
        raise bad("bad_trade", f"trade {row.get('id')!r}: {exc!r}") from exc
    at = parse_stamp(row.get("match_time")) or parse_stamp(row.get("timestamp"))
    fills = []
    for price, size in met.items():
        cost = cost_of(price, size, up=buy)
        fills.append(
            Fill(
                id=f"{trade}/{price}",
                price=price,
                size=size,
                cost=cost if buy else Money(-cost),
                fee=fee_of_fill(terms, price, size, maker=maker),
                fee_is_final=True,
                maker=maker,
                at=at,
                status=fill_status(row.get("status")),
            )
        )
    return fills


def _by_price(entries: Iterable[Mapping[str, Any]], token: str, buy: bool) -> dict[Price, Size]:
    met: dict[Price, Size] = {}
    for entry in entries:
        price, size = _own_price(entry, token, up=buy), parse_size(str(entry["matched_amount"]))
        if size > 0:
            met[price] = Size(met.get(price, 0) + size)
    return met


def _met_by_taker(row: Mapping[str, Any], makers: Sequence[Mapping[str, Any]], token: str, buy: bool) -> dict[Price, Size]:
    """Prices and sizes met; the top-level size and price stand in when the maker entries do not add up to it."""
    met = _by_price(makers, token, buy)
    size = parse_size(str(row["size"]))
    if size > 0 and abs(sum(met.values()) - size) > DUST:
        return {_own_price(row, token, up=buy): size}
    return met


def found(
    order: Prepared,
    state: OrderState | None,
    trades: Iterable[Mapping[str, Any]],
    said: Said | None = None,
    *,
    order_id: str = "",
    least: Size = Size(0),
) -> LegResult | None:
    """Join an order's state and the listed trades. said is the sum an earlier answer gave: fills are made to add up to it.
    order_id is the venue's name for the order where it is not the one prepared, least what was heard to be matched of it.

    None when nothing is known of the order. "unknown" when the venue says that more was matched than its trades show yet.
    """
    own = order_id or order.venue_order_id or ""
    if own.lower() != (order.venue_order_id or "").lower():
        order = msgspec.structs.replace(order, venue_order_id=own)
    put = order.fields
    by_id: dict[str, Fill] = {}
    for row in trades:
        for fill in fills_of(row, order_id=own, token=put["token"], buy=put["side"] == "BUY", terms=terms_of(order)):
            by_id[fill.id] = fill
    fills = tuple(by_id.values())
    shown = sum(fill.size for fill in fills)
    expected = max(state.matched if state else 0, said.size if said else 0, least)
    if expected - shown > DUST:
        return leg_result(
            order, "unknown", "trades_pending", f"{to_dollars(Size(expected - shown))} matched shares unlisted", fills
        )
    if said is not None and shown == said.size:
        fills = _reconciled(fills, said.cost)
    size, cost, _ = total(fills)
    if state is not None and (state.live or state.held):
        return leg_result(order, "held" if state.held else "resting", state.status.lower(), "", fills)
    if not fills:
        if state is None:
            return None
        if state.status == "INVALID":
            return leg_result(order, "rejected", "invalid", "removed by the venue")
        if state.over:
            return leg_result(order, "none", cancel_code(state.status), state.status)
        return leg_result(order, "unknown", state.status.lower() or "no_status", "no trade listed yet")
    if size == 0:
        return leg_result(order, "none", "reversed", "every trade FAILED (B-424)", fills)
    reached = leg_state(order, size, cost)
    if state is not None and reached != "filled" and order_phase(state.status) == "unknown":
        return leg_result(order, "unknown", "unknown_status", f"status {state.status!r} after a part", fills)
    return leg_result(order, reached, "", "", fills)


def _reconciled(fills: tuple[Fill, ...], cost: Money) -> tuple[Fill, ...]:
    """Move the rounding of the fills' costs onto the last one, so that they add up to the venue's own sum."""
    gap = cost - sum(fill.cost for fill in fills)
    if gap == 0 or abs(gap) > 10 * len(fills):  # more than rounding is a difference to be seen, not hidden
        return fills
    last = fills[-1]
    return (*fills[:-1], msgspec.structs.replace(last, cost=Money(last.cost + gap)))
