"""What we know of our own orders between answers, and the private stream that adds to it (polymarket.md 12).

Stream events are hints that make an answer final sooner; find() is the truth (B-429), and it is asked again for every open
order after each connect, because the stream replays nothing. Trades are kept by id, so repeated and late events change nothing.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from trading.clock import Clock
from trading.errors import AuthFailed, BadAnswer, Disconnected, VenueError
from trading.ids import Ids
from trading.log import get_logger
from trading.order import LegResult
from trading.polymarket.orders import Said
from trading.polymarket.session import Redial, Session
from trading.polymarket.sign import ApiCredentials
from trading.polymarket.statuses import trade_rank
from trading.polymarket.trades import OrderState, found, makers_of
from trading.polymarket.wire import decode
from trading.stream import Dialer
from trading.units import Size
from trading.venue import Prepared

__all__ = ["OwnOrders", "UserStream"]

_log = get_logger(__name__)

_KEPT = 2_000
_CAUGHT_UP = 50


class _Own:
    """One order of ours. over: nothing more can match, so a part is final."""

    __slots__ = ("name", "order", "over", "said", "state", "told", "trades")

    def __init__(self, order: Prepared) -> None:
        self.order = order
        self.name = order.venue_order_id or ""
        self.said: Said | None = None
        self.state: OrderState | None = None
        self.over = False
        self.trades: dict[str, Mapping[str, Any]] = {}
        self.told: LegResult | None = None


class OwnOrders:
    """Memory of the orders of this process, the newest 2,000, by the venue's order id."""

    def __init__(self) -> None:
        self._by_id: dict[str, _Own] = {}

    def apply_signed(self, order: Prepared) -> None:
        """Remember an order before it is sent: its fill may be told before its answer."""
        while len(self._by_id) >= _KEPT:
            self._by_id.pop(next(iter(self._by_id)))
        self._by_id.setdefault((order.venue_order_id or "").lower(), _Own(order))

    def apply_answer(self, order: Prepared, result: LegResult) -> None:
        """Keep what the answer to the order said in sum, and the venue's own id where it differs from ours."""
        own = self._by_id.get((order.venue_order_id or "").lower())
        if own is None:
            return
        if result.venue_order_id:
            own.name = result.venue_order_id
            self._by_id[own.name.lower()] = own
        if result.filled:
            own.said = Said(result.filled, result.cost)
        own.over = own.over or result.final

    def order_id(self, order: Prepared) -> str:
        """The id under which the venue keeps the order."""
        own = self._by_id.get((order.venue_order_id or "").lower())
        return own.name if own is not None else order.venue_order_id or ""

    def said(self, order: Prepared) -> Said | None:
        """The sum of a matched answer to this order, if it came to this process."""
        own = self._by_id.get((order.venue_order_id or "").lower())
        return own.said if own is not None else None

    def heard(self, order: Prepared) -> Size:
        """What the stream said was matched of the order: a finished one is not listed (polymarket.md 7.1), and its trades may be
        listed one after another."""
        own = self._by_id.get((order.venue_order_id or "").lower())
        return own.state.matched if own is not None and own.state is not None else Size(0)

    def unsettled(self) -> list[Prepared]:
        """Orders whose last told truth is not settled, newest first."""
        seen = {id(own): own for own in self._by_id.values()}
        return [
            own.order for own in reversed(seen.values()) if own.told is None or not own.told.settled or _open_fills(own.told)
        ]

    def apply(self, data: bytes) -> list[LegResult]:
        """Apply one frame of the stream; the new truths about our orders. Frames we cannot read are no news."""
        try:
            frame = decode(data)
        except BadAnswer:
            return []
        touched: dict[int, _Own] = {}
        for event in frame if isinstance(frame, list) else (frame,):
            if isinstance(event, Mapping):
                touched |= {id(own): own for own in self._apply_event(event)}
        news = []
        for own in touched.values():
            result = _hint(own)
            if result is not None and result != own.told:
                own.told = result
                news.append(result)
        return news

    def _apply_event(self, event: Mapping[str, Any]) -> list[_Own]:
        kind = event.get("event_type")
        if kind == "order":
            own = self._by_id.get(str(event.get("id") or "").lower())
            if own is None:
                return []
            try:
                state = OrderState.of(event)
            except BadAnswer:
                return []
            if str(event.get("type", "")).upper() == "CANCELLATION" and not state.over:
                state = OrderState("CANCELED", state.matched)
            if own.state is None or not own.state.over:  # a late PLACEMENT must not revive a cancelled order
                own.state = state
            own.over = own.over or state.over or state.status == "MATCHED"
            return [own]
        if kind != "trade" or not event.get("id"):
            return []
        names = [event.get("taker_order_id"), *(entry.get("order_id") for entry in makers_of(event))]
        found_here = []
        for name in {str(name or "").lower() for name in names}:
            own = self._by_id.get(name)
            if own is not None:
                before = own.trades.get(str(event["id"]))
                if before is None or trade_rank(before.get("status")) <= trade_rank(event.get("status")):
                    own.trades[str(event["id"])] = event
                found_here.append(own)
        return found_here


def _open_fills(result: LegResult) -> bool:
    return any(fill.status == "provisional" for fill in result.fills)


def _hint(own: _Own) -> LegResult | None:
    """The truth as far as the stream has told it; None while it may still be half of one."""
    try:
        result = found(own.order, own.state, own.trades.values(), own.said, order_id=own.name)
    except BadAnswer:
        return None
    if result is None or result.state == "unknown" or (result.state == "partial" and not own.over):
        return None
    if result.state == "resting" and own.order.fields["order_type"] != "GTC":
        return None  # a FAK passing through LIVE on its way
    return result


class UserStream:
    """Reads the user channel for the life of an iterator. find is asked for open orders after each connect."""

    def __init__(
        self,
        dialer: Dialer,
        url: str,
        credentials: ApiCredentials,
        clock: Clock,
        ids: Ids,
        orders: OwnOrders,
        find: Callable[[Prepared], Awaitable[LegResult | None]],
    ) -> None:
        self._dialer = dialer
        self._url = url
        self._credentials = credentials
        self._clock = clock
        self._redial = Redial(ids)
        self._orders = orders
        self._find = find

    async def results(self) -> AsyncGenerator[LegResult, None]:
        """Hints about our orders until the iterator is closed; reconnects by itself."""
        news: asyncio.Queue[LegResult] = asyncio.Queue()
        task = asyncio.create_task(self._run(news))
        try:
            while True:
                waiting = asyncio.ensure_future(news.get())
                await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
                if not waiting.done():  # the reader itself failed: say so instead of waiting for ever
                    waiting.cancel()
                    task.result()
                    return
                yield waiting.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, news: asyncio.Queue[LegResult]) -> None:
        while True:
            try:
                wire = await self._dialer.connect(self._url, {})
            except (Disconnected, AuthFailed) as exc:
                _log.warning("polymarket_user_stream_down", error=str(exc))
                await asyncio.sleep(self._redial.delay_s())
                continue

            def on_data(data: bytes) -> None:
                self._redial.apply_success()
                for result in self._orders.apply(data):
                    news.put_nowait(result)

            session = Session(wire, self._clock, on_data)
            try:
                await wire.send(self._login())
                async with asyncio.TaskGroup() as group:
                    group.create_task(session.run_receive())
                    group.create_task(session.run_ping())
                    group.create_task(self._catch_up(news))
            except* Disconnected as exc:
                _log.warning("polymarket_user_stream_lost", error=str(exc.exceptions[0]))
            finally:
                await wire.close()
            await asyncio.sleep(self._redial.delay_s())

    def _login(self) -> str:
        auth = {
            "apiKey": self._credentials.key,
            "secret": self._credentials.secret.reveal(),
            "passphrase": self._credentials.passphrase.reveal(),
        }
        return json.dumps({"type": "user", "auth": auth}, separators=(",", ":"))

    async def _catch_up(self, news: asyncio.Queue[LegResult]) -> None:
        for order in self._orders.unsettled()[:_CAUGHT_UP]:
            try:
                result = await self._find(order)
            except VenueError as exc:
                _log.warning("polymarket_catch_up_failed", leg=order.leg.leg_id, error=str(exc))
                continue
            if result is not None:
                news.put_nowait(result)
