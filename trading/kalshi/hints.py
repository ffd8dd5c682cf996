"""What the private stream says about our legs, without I/O: fill and user_order frames in, LegResults out.

The frames carry no sequence (kalshi.md 9.3), so nothing here proves anything: a result is a hint that makes an answer final
sooner, and find() is the truth (B-429). A leg is reported when its end is known, again when the venue's own fills complete the
picture, and while an order rests.
"""

from collections import OrderedDict

import msgspec

from trading.errors import VenueError
from trading.kalshi.orders import result_of_order
from trading.kalshi.wire import FillFrame, FillRow, OrderFrame, OrderRow, parse_count
from trading.order import LegResult, Tif
from trading.units import Size, format_size
from trading.venue import Prepared

__all__ = ["OrderHints"]

_KEPT = 4_096


class _Known:
    __slots__ = ("fills", "order", "row", "told")

    def __init__(self, order: Prepared) -> None:
        self.order = order
        self.row: OrderRow | None = None
        self.fills: dict[str, FillRow] = {}
        self.told: LegResult | None = None


class OrderHints:
    """Legs this process prepared or asked about, by client order id; the oldest are forgotten past 4,096."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._venue_ids: dict[str, str] = {}
        self.ignored = 0
        """Frames that hold unreadable numbers or are about orders that are not ours."""

    def remember(self, order: Prepared) -> None:
        if order.client_order_id in self._known:
            return
        self._known[order.client_order_id] = _Known(order)
        if len(self._known) > _KEPT:
            gone, _ = self._known.popitem(last=False)
            self._venue_ids.pop(gone, None)

    def note_venue_id(self, client_order_id: str, order_id: str) -> None:
        """Keep the venue's id of an order, so that it can be read and cancelled directly."""
        if client_order_id in self._known and order_id:
            self._venue_ids[client_order_id] = order_id

    def venue_id(self, client_order_id: str) -> str | None:
        return self._venue_ids.get(client_order_id)

    def apply(self, frame: FillFrame | OrderFrame) -> LegResult | None:
        """Take one frame; a LegResult when it says something new about one of our legs."""
        known = self._known.get(frame.msg.client_order_id or "")
        if known is None:
            self.ignored += 1
            return None
        self.note_venue_id(known.order.client_order_id, frame.msg.order_id)
        if isinstance(frame, OrderFrame):
            known.row = frame.msg
        else:
            known.fills[frame.msg.id] = frame.msg
        return self._report(known)

    def _report(self, known: _Known) -> LegResult | None:
        try:
            row = self._row(known)
            if row is None:
                return None
            result = result_of_order(known.order, row, tuple(known.fills.values()))
        except (VenueError, ValueError):
            self.ignored += 1
            return None
        if result.state == "unknown" or (result.state == "resting" and known.order.leg.want.tif is not Tif.GTC):
            return None  # an IOC between two of its fills: the end is about to come
        if known.told is not None and (result == known.told or result.filled < known.told.filled):
            return None
        known.told = result
        return result

    def _row(self, known: _Known) -> OrderRow | None:
        """The order as last shown; when fills alone fill it to the brim, the executed order they prove."""
        seen = sum(parse_count(fill.count_fp) for fill in known.fills.values())
        size = known.order.leg.want.size
        if seen >= size:
            order_id = next(iter(known.fills.values())).order_id
            return OrderRow(order_id=order_id, status="executed", fill_count_fp=format_size(size), remaining_count_fp="0.00")
        row = known.row
        if row is not None and row.status == "resting" and seen > row.filled:
            return msgspec.structs.replace(row, fill_count_fp=format_size(Size(seen)))
        return row
