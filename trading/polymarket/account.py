"""Account reads of Polymarket as our types: balances, positions, open orders, fills, payouts (polymarket.md 7.1, 13)."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from trading.errors import BadAnswer
from trading.market import FeeTerms, MarketId
from trading.polymarket.rest import LAST_CURSOR
from trading.polymarket.trades import fills_of, makers_of
from trading.polymarket.wire import bad
from trading.units import DOLLAR, Money, Size, WallNs, cost_of, parse_price, parse_size
from trading.venue import OpenOrder, Position, Settlement, VenueFill

__all__ = ["base_units", "data_rows", "held_shares", "listed", "open_orders", "own_fills", "payouts", "reserved"]


def base_units(answer: object) -> int:
    """The balance of GET /balance-allowance in 6-decimal integers: Money or Size. Raises BadAnswer."""
    text = str(answer.get("balance", "")) if isinstance(answer, Mapping) else ""
    if not (text.isascii() and text.isdecimal()):
        raise bad("bad_balance", f"balance {text!r} is no integer of base units")
    return int(text)


def listed(answer: object) -> tuple[list[Mapping[str, Any]], str]:
    """Rows and next cursor ("" = last page) of a CLOB list. Raises BadAnswer."""
    rows = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(answer, Mapping) or not isinstance(rows, list | type(None)):
        raise bad("bad_page", "the list has no data")
    cursor = str(answer.get("next_cursor") or "")
    return [row for row in rows or () if isinstance(row, Mapping)], "" if cursor == LAST_CURSOR else cursor


def data_rows(answer: object) -> tuple[list[Mapping[str, Any]], str]:
    """Rows and next cursor of a Data API page; data null is an empty page. Raises BadAnswer."""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("data"), list | type(None)):
        raise bad("bad_page", "the Data API page has no data")
    paging = answer.get("pagination")
    more = isinstance(paging, Mapping) and bool(paging.get("has_more"))
    cursor = str(paging.get("next_cursor") or "") if isinstance(paging, Mapping) and more else ""
    if more and not cursor:
        raise bad("bad_page", "the Data API says that more rows follow, but not where")
    return [row for row in answer["data"] or () if isinstance(row, Mapping)], cursor


def _units(value: object) -> int:
    """A JSON number or string in 1/1,000,000, cut: the Data API's numbers are floats."""
    try:
        return int(Decimal(str(value if value is not None else 0)) * 1_000_000)
    except (InvalidOperation, ValueError, OverflowError) as exc:
        raise bad("bad_number", f"{value!r} is no number") from exc


def held_shares(rows: Iterable[Mapping[str, Any]], market: MarketId | None = None) -> tuple[Position, ...]:
    """Positions, one row per token held: outcome 0 positive, outcome 1 negative. Raises BadAnswer."""
    found = []
    for row in rows:
        size, index = _units(row.get("current_size")), row.get("outcome_index")
        if index not in (0, 1):
            raise bad("bad_position", f"outcome_index {index!r} of {row.get('condition_id')!r}")
        name = MarketId(str(row.get("condition_id")))
        if size and (market is None or market == name):
            found.append(
                Position(market=name, size=Size(-size if index else size), fees=Money(_units(row.get("entry_fees_usdc"))))
            )
    return tuple(found)


def payouts(rows: Iterable[Mapping[str, Any]], *, at: WallNs) -> tuple[Settlement, ...]:
    """Resolved positions that wait for redemption: the YES value per contract and what ours pay. Raises BadAnswer."""
    found = []
    for row in rows:
        price, size, index = _units(row.get("current_price")), _units(row.get("current_size")), row.get("outcome_index")
        if index not in (0, 1) or not 0 <= price <= DOLLAR:
            raise bad("bad_position", f"price {row.get('current_price')!r} of {row.get('condition_id')!r}")
        found.append(
            Settlement(
                market=MarketId(str(row.get("condition_id"))),
                payout=Money(DOLLAR - price if index else price),
                revenue=Money(price * size // DOLLAR),
                at=at,
                paid=False,
            )
        )
    return tuple(found)


def open_orders(rows: Iterable[Mapping[str, Any]]) -> tuple[OpenOrder, ...]:
    """Resting orders; the venue keeps no client order id. Raises BadAnswer."""
    try:
        return tuple(
            OpenOrder(
                venue_order_id=str(row["id"]),
                client_order_id="",
                market=MarketId(str(row["market"])),
                remaining=_remaining(row),
            )
            for row in rows
        )
    except (KeyError, ValueError) as exc:
        raise bad("bad_order", repr(exc)) from exc


def _remaining(row: Mapping[str, Any]) -> Size:
    return Size(parse_size(str(row["original_size"])) - parse_size(str(row.get("size_matched") or "0")))


def reserved(rows: Iterable[Mapping[str, Any]]) -> Money:
    """Cash that open BUY orders hold back (polymarket.md 7.1). Raises BadAnswer."""
    try:
        buys = (row for row in rows if str(row.get("side")).upper() == "BUY")
        return Money(sum(cost_of(parse_price(str(row["price"])), _remaining(row)) for row in buys))
    except (KeyError, ValueError) as exc:
        raise bad("bad_order", repr(exc)) from exc


def own_fills(row: Mapping[str, Any], *, api_key: str, wallet: str, terms: FeeTerms) -> list[VenueFill]:
    """Our part of one trade row: as taker, or as the maker entries that carry our key or wallet. Raises BadAnswer."""
    market = MarketId(str(row.get("market") or ""))
    parts: list[tuple[str, str, bool]] = []
    if str(row.get("trader_side", "")).upper() == "TAKER":
        parts.append((str(row.get("taker_order_id")), str(row.get("asset_id")), str(row.get("side")).upper() == "BUY"))
    for entry in makers_of(row):
        mine = entry.get("owner") == api_key or str(entry.get("maker_address", "")).lower() == wallet.lower()
        if mine and str(entry.get("order_id")) not in {name for name, _, _ in parts}:
            parts.append((str(entry.get("order_id")), str(entry.get("asset_id")), _maker_buys(row, entry)))
    found = []
    for order_id, token, buy in parts:
        for fill in fills_of(row, order_id=order_id, token=token, buy=buy, terms=terms):
            found.append(VenueFill(venue_order_id=order_id, market=market, fill=fill))
    return found


def _maker_buys(row: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """A maker entry's own side; where it is left out, the taker's opposite on its token and the same on the complement."""
    side = str(entry.get("side") or "").upper()
    if side in ("BUY", "SELL"):
        return side == "BUY"
    taker = str(row.get("side") or "").upper()
    if taker not in ("BUY", "SELL"):
        raise BadAnswer("polymarket", "bad_trade", f"trade {row.get('id')!r} names no side")
    return (taker == "BUY") is (str(entry.get("asset_id")) != str(row.get("asset_id")))
