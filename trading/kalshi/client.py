"""Kalshi as a VenueClient: orders on the V2 endpoints, reads, the private stream and discovery (kalshi.md 5, 7, 9).

What an answer means is decided in orders.py, without I/O; this file carries requests and keeps the few things that answers
need remembered: the venue's id of each order, the shards we use, and when the balance was read (its own bucket of 1 a second).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from trading.book import Book
from trading.clock import MS, SECOND, Clock
from trading.errors import AuthFailed, BadAnswer, Disconnected, Rejected, UnknownOutcome, Unreachable, VenueError
from trading.http import Http
from trading.ids import Ids, LegId, SystemIds
from trading.kalshi import catalogue, orders
from trading.kalshi.account import read_account
from trading.kalshi.hints import OrderHints
from trading.kalshi.rest import KalshiRest, error_for, segment
from trading.kalshi.session import Redial, dial
from trading.kalshi.sign import KalshiSigner
from trading.kalshi.wire import (
    CancelAnswer,
    FillRow,
    OrderRow,
    RestLevels,
    StatusRow,
    levels_from,
    market_from,
    parse_count,
    parse_time,
)
from trading.log import get_logger
from trading.market import KALSHI, Market, MarketId
from trading.order import LegRequest, LegResult
from trading.stream import Dialer, Wire
from trading.units import MonoNs, Size, format_size
from trading.venue import AccountPage, AccountQuery, Prepared, SignedOrder, VenueMode

__all__ = ["KalshiClient"]

_log = get_logger(__name__)

_CREATE_PATH = "/portfolio/events/orders"
_ORDERS_PATH = "/portfolio/orders"
_FILLS_PATH = "/portfolio/fills"
_RESIGN_NS = 1 * SECOND  # kalshi.md 2: sign just before sending; the body is not covered, so signing again changes no order
_LEAST_TIMEOUT_S = 0.05
_CANCEL_TIMEOUT_S = 5.0
_LOOKBACK_S = 600  # clocks of the process that made the id and of the venue may differ this much

Row = dict[str, Any]


class OrdersPage(msgspec.Struct, frozen=True):
    orders: tuple[OrderRow, ...]
    cursor: str | None = None


class FillsPage(msgspec.Struct, frozen=True):
    fills: tuple[FillRow, ...]
    cursor: str | None = None


class OneOrder(msgspec.Struct, frozen=True):
    order: OrderRow


class OneMarket(msgspec.Struct, frozen=True):
    market: Row


class OneEvent(msgspec.Struct, frozen=True):
    event: Row


class OneSeries(msgspec.Struct, frozen=True):
    series: Row


class OneBook(msgspec.Struct, frozen=True):
    orderbook_fp: RestLevels


class KalshiClient:
    """One account on Kalshi. signer None: public reads only. ws: dialer and URL of the stream, needed by updates()."""

    venue = KALSHI

    def __init__(
        self,
        http: Http,
        base_url: str,
        signer: KalshiSigner | None,
        clock: Clock,
        *,
        ws: tuple[Dialer, str] | None = None,
        ids: Ids | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rest = KalshiRest(http, base_url, signer, clock, sleep=sleep)
        self._signer = signer
        self._clock = clock
        self._ws = ws
        self._ids = ids or SystemIds(clock)
        self._sleep = sleep
        self._hints = OrderHints()
        self._shards: set[int] = set()
        self._balance_at = MonoNs(-SECOND)
        self._balance_lock = asyncio.Lock()
        self._wire: Wire | None = None
        self._closed = asyncio.Event()

    # Orders

    def prepare(self, leg: LegRequest, market: Market, ids: Ids, clock: Clock) -> Prepared:
        """Build the V2 order of a leg. Raises Rejected naming market, value and rule."""
        order = orders.prepare_order(leg, market)
        self._shards.add(market.shard)
        self._hints.remember(order)
        return order

    async def sign(self, order: Prepared) -> SignedOrder:
        """Fix the body and stamp it. Raises AuthFailed without a key."""
        return SignedOrder(prepared=order, body=msgspec.json.encode(dict(order.fields)), headers=self._write_headers())

    def _write_headers(self) -> dict[str, str]:
        return {**self._rest.headers("POST", _CREATE_PATH), "Content-Type": "application/json"}

    async def send(self, order: SignedOrder, *, deadline: MonoNs) -> LegResult:
        """Send once and read the answer (kalshi.md 7.2).

        A filled result is provisional: its cost and fee come from averages and fills is empty; find() brings the exact ones.
        Raises Unreachable (nothing sent) and UnknownOutcome (sent, in doubt).
        """
        prepared = order.prepared
        left = deadline - self._clock.mono_ns()
        if left <= 0:
            raise Unreachable(KALSHI, "deadline", f"{prepared.client_order_id}: the deadline passed before the send")
        headers = order.headers
        age = self._clock.wall_ns() // MS - int(headers.get("KALSHI-ACCESS-TIMESTAMP", "0"))
        if abs(age) * MS > _RESIGN_NS:
            headers = self._write_headers()
        self._hints.remember(prepared)
        timeout_s = max(left / SECOND, _LEAST_TIMEOUT_S)
        response = await self._rest.send("POST", _CREATE_PATH, headers, order.body, timeout_s=timeout_s)
        result = orders.read_create(prepared, response)
        if result is None:
            return await self._look_up_duplicate(prepared)
        self._hints.note_venue_id(prepared.client_order_id, result.venue_order_id)
        return result

    async def _look_up_duplicate(self, order: Prepared) -> LegResult:
        """The venue has an order under this id: only its own record may speak now (B-420)."""
        try:
            found = await self.find(order)
        except VenueError as exc:  # never a Rejected or Unreachable from here: an order does exist
            raise UnknownOutcome(KALSHI, orders.DUPLICATE, f"{order.client_order_id} was placed before; {exc}") from exc
        if found is None:
            raise UnknownOutcome(KALSHI, orders.DUPLICATE, f"{order.client_order_id} was placed before, not listed yet")
        return found

    async def find(self, order: Prepared) -> LegResult | None:
        """Read the order and its fills; None = the venue lists no order under our id so far.

        Settled when the fills add up to the order's fill_count. Does not wait on 429: raises Throttled, so that the caller's
        own schedule decides.
        """
        self._hints.remember(order)
        row = await self._find_row(order)
        if row is None:
            return None
        self._hints.note_venue_id(order.client_order_id, row.order_id)
        fills = await self._fills_of(row.order_id) if _has_fills(row) else ()
        return orders.result_of_order(order, row, fills)

    async def _find_row(self, order: Prepared) -> OrderRow | None:
        known = order.venue_order_id or self._hints.venue_id(order.client_order_id)
        if known is not None:
            row = await self._order_by_id(known)
            if row is not None and row.client_order_id == order.client_order_id:
                return row
        query = [
            ("ticker", order.leg.want.market),
            ("min_ts", str(_made_at(order.leg.leg_id) - _LOOKBACK_S)),
            ("limit", "1000"),
        ]
        async for page in catalogue.pages(self._rest, _ORDERS_PATH, query, OrdersPage, private=True, retry=False):
            for row in page.orders:
                if row.client_order_id == order.client_order_id:
                    found: OrderRow = row
                    return found
        return None

    async def _order_by_id(self, order_id: str) -> OrderRow | None:
        path = f"{_ORDERS_PATH}/{segment(order_id)}"
        try:
            body = await self._rest.read(path, private=True, retry=False)
        except AuthFailed:
            raise
        except Rejected as exc:
            if exc.code in ("http_404", "order_not_found", "not_found"):
                return None
            raise
        return self._rest.decode(body, OneOrder, path).order

    async def _fills_of(self, order_id: str) -> tuple[FillRow, ...]:
        query = [("order_id", order_id), ("limit", "1000")]
        fills: dict[str, FillRow] = {}
        async for page in catalogue.pages(self._rest, _FILLS_PATH, query, FillsPage, private=True, retry=False):
            fills.update((fill.id, fill) for fill in page.fills if fill.order_id == order_id)
        return tuple(fills.values())

    async def cancel(self, order: Prepared) -> LegResult:
        """End a resting order and say what it did. State unknown when the venue does not list the order yet.

        Raises UnknownOutcome when the cancel was not answered, Throttled, ModeClosed and Rejected when it was refused.
        """
        self._hints.remember(order)
        order_id = order.venue_order_id or self._hints.venue_id(order.client_order_id)
        if order_id is None:
            row = await self._find_row(order)
            if row is None:
                return _open_result(order, "", "not_listed", "no order under this id yet; ask again")
            order_id = row.order_id
            self._hints.note_venue_id(order.client_order_id, order_id)
        path = f"{_CREATE_PATH}/{segment(order_id)}"
        # kalshi.md 7.3: without a route the cancel would go to shard 0
        query = [("exchange_index", str(order.fields["exchange_index"])), ("market_ticker", order.leg.want.market)]
        headers = self._rest.headers("DELETE", path)
        response = await self._rest.send("DELETE", path, headers, None, timeout_s=_CANCEL_TIMEOUT_S, query=query)
        error = error_for(response)
        if isinstance(error, Unreachable):
            raise UnknownOutcome(KALSHI, error.code, f"cancel of {order.client_order_id}: {error.detail}")
        if error is not None and response.status != 404:
            raise error
        reduced = None
        if error is None:
            try:
                answer = msgspec.json.decode(response.body, type=CancelAnswer)
                # kalshi.md 13: the body may describe another order
                reduced = parse_count(answer.reduced_by) if answer.order_id == order_id else None
            except (msgspec.MsgspecError, ValueError):
                reduced = None
        return await self._after_cancel(order, order_id, reduced)

    async def _after_cancel(self, order: Prepared, order_id: str, reduced: Size | None) -> LegResult:
        """The result of an order whose cancel was accepted (reduced) or came too late (None); reads may lag it by a second."""
        found = await self.find(order)
        if found is not None and found.final:
            return found
        if reduced is None:
            return found or _open_result(order, order_id, "not_listed", "gone, but not listed; ask again")
        filled = Size(max(order.leg.want.size - reduced, found.filled if found is not None else 0))
        row = OrderRow(
            order_id=order_id,
            status="canceled",
            fill_count_fp=format_size(filled),
            remaining_count_fp="0.00",
            client_order_id=order.client_order_id,
        )
        return orders.result_of_order(order, row, await self._fills_of(order_id) if filled else ())

    # Reads

    async def market(self, market: MarketId) -> Market:
        """Read a market with the fee terms of its event and series. Raises Rejected when there is none."""
        path = f"/markets/{segment(market)}"
        row = self._rest.decode(await self._rest.read(path), OneMarket, path).market
        path = f"/events/{segment(str(row.get('event_ticker', '')))}"
        event = self._rest.decode(await self._rest.read(path, [("exclude_markets", "true")]), OneEvent, path).event
        series = None
        if isinstance(event.get("series_ticker"), str):
            path = f"/series/{segment(event['series_ticker'])}"
            series = self._rest.decode(await self._rest.read(path), OneSeries, path).series
        now = self._clock.wall_ns()
        found = market_from(event, row, series, read_at=now, wall=now)
        self._shards.add(found.shard)
        return found

    async def book(self, market: MarketId) -> Book:
        """A sample of the book. Its proof stays 0: only the stream proves a book (B-122)."""
        path = f"/markets/{segment(market)}/orderbook"
        levels = self._rest.decode(await self._rest.read(path), OneBook, path).orderbook_fp
        book = Book(market)
        try:
            bids, asks = levels_from(levels.yes_dollars, levels.no_dollars, yes_view=False)
        except ValueError as exc:
            raise BadAnswer(KALSHI, "bad_book", f"GET {path}: {exc}") from exc
        book.apply_snapshot(bids, asks, self._clock.mono_ns())
        return book

    async def account(self, what: AccountQuery) -> AccountPage:
        """One page of the account. Balances are exact per shard; asked one by one they take a second each."""
        return await read_account(self._rest, what, self._read_balance)

    async def _read_balance(self, query: list[tuple[str, str]]) -> bytes:
        async with self._balance_lock:
            wait = self._balance_at + SECOND - self._clock.mono_ns()
            if wait > 0:  # kalshi.md 7.5: a bucket of its own, 1 a second, no burst
                await self._sleep(wait / SECOND)
            try:
                return await self._rest.read("/portfolio/balance", query, private=True)
            finally:  # counted from the answer: a first request that opened a connection arrived late, and the bucket saw that
                self._balance_at = self._clock.mono_ns()

    async def mode(self) -> VenueMode:
        """What the shards we use let us do (B-426); shard 0 until a market was seen. Never raises a VenueError."""
        try:
            response = await self._rest.try_read("/exchange/status", timeout_s=5.0)
        except VenueError as exc:
            return VenueMode(venue=KALSHI, mode="unreachable", detail=str(exc))
        try:
            status = msgspec.json.decode(response.body, type=StatusRow)  # 500, 503 and 504 carry it too
        except msgspec.MsgspecError:
            return VenueMode(venue=KALSHI, mode="unreachable", detail=f"exchange status answered {response.status}")
        rows = {row.exchange_index: row for row in status.exchange_index_statuses or ()}
        used = [(rows[shard].exchange_active, rows[shard].trading_active) for shard in self._shards if shard in rows]
        used = used or [(status.exchange_active, status.trading_active)]
        paused = [row.exchange_index for row in rows.values() if not (row.exchange_active and row.trading_active)]
        detail = f"paused shards: {', '.join(map(str, paused))}" if paused else ""
        resume = parse_time(status.exchange_estimated_resume_time)
        until = MonoNs(self._clock.mono_ns() + resume - self._clock.wall_ns()) if resume is not None else None
        if not all(exchange for exchange, _ in used):
            return VenueMode(venue=KALSHI, mode="disabled", until=until, detail=detail or "exchange pause: no cancels either")
        if not all(trading for _, trading in used):
            return VenueMode(venue=KALSHI, mode="paused", until=until, detail=detail or "trading pause: cancels only")
        return VenueMode(venue=KALSHI, mode="normal", detail=detail)

    async def warm(self) -> None:
        """A cheap public read that keeps a connection open."""
        await self._rest.try_read("/exchange/status", timeout_s=5.0)

    async def server_time_skew_ms(self) -> int | None:
        """Venue's clock minus ours in ms (positive: ours is behind), None without a Date header. Resolution: half a second."""
        before = self._clock.wall_ns()
        response = await self._rest.try_read("/exchange/status", timeout_s=5.0)
        middle = (before + self._clock.wall_ns()) // 2
        try:
            date = parsedate_to_datetime(response.headers.get("date", ""))
        except ValueError:
            return None
        return int(date.timestamp()) * 1_000 + 500 - middle // MS  # the header drops the fraction: its middle is the best guess

    # Discovery

    async def event_pages(
        self, *, status: str = "open", series_ticker: str | None = None
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Pages of event rows with nested markets, combos left out."""
        async for page in catalogue.event_pages(self._rest, status=status, series_ticker=series_ticker):
            yield page

    async def milestones(self, *, category: str = "Sports", minimum_start_date: str | None = None) -> list[dict[str, Any]]:
        """All milestones of a category; they carry the scheduled starts."""
        return await catalogue.milestones(self._rest, category=category, minimum_start_date=minimum_start_date)

    async def series(self) -> dict[str, dict[str, Any]]:
        """Every series row by ticker; they carry the fee terms."""
        return await catalogue.series(self._rest)

    # The private stream

    async def updates(self) -> AsyncIterator[LegResult]:
        """Hints about legs this client prepared or asked for, reconnecting until closed. Ends at once without key or stream."""
        if self._ws is None or self._signer is None:
            return
        dialer, url = self._ws
        redial = Redial(self._ids, "private")
        while not self._closed.is_set():
            try:
                wire = await dial(dialer, url, self._signer, self._clock)
                self._wire = wire
                try:
                    await wire.send(_SUBSCRIBE)
                    while not self._closed.is_set():
                        hint = self._hints.apply(await wire.recv())
                        redial.apply_success()
                        if hint is not None:
                            yield hint
                finally:
                    self._wire = None
                    await wire.close()
            except (AuthFailed, Disconnected) as exc:
                if self._closed.is_set():
                    return
                delay = redial.delay_s(exc)
                _log.info("kalshi_private_stream_down", reason=str(exc), retry_s=round(delay, 3))
                await self._sleep(delay)

    async def close(self) -> None:
        """End updates(). The Http belongs to whoever made it."""
        self._closed.set()
        if self._wire is not None:
            await self._wire.close()


_SUBSCRIBE = '{"id":1,"cmd":"subscribe","params":{"channels":["fill","user_orders"]}}'


def _has_fills(row: OrderRow) -> bool:
    """False only for a plain zero: an unreadable count is looked into."""
    return row.fill_count_fp.strip("0.") != ""


def _made_at(leg: LegId) -> int:
    """Unix seconds at which the arb of a leg was named: the first six bytes of its id are milliseconds."""
    return int.from_bytes(leg[:6]) // 1_000


def _open_result(order: Prepared, order_id: str, code: str, detail: str) -> LegResult:
    return LegResult(
        leg_id=order.leg.leg_id,
        state="unknown",
        client_order_id=order.client_order_id,
        venue_order_id=order_id,
        code=code,
        detail=detail,
    )
