"""Kalshi as a VenueClient: orders on the V2 endpoints, reads, the private stream and discovery (kalshi.md 5, 7, 9).

What an answer means is decided in orders.py and statuses.py, without I/O; this file carries the requests of a leg's life. What a
leg does not need stands beside it: catalogue, exchange, portfolio, dealing, groups, transfers, each an attribute.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from trading.book import Book
from trading.clock import MS, SECOND, Clock
from trading.errors import BadAnswer, UnknownOutcome, Unreachable, VenueError
from trading.http import Http
from trading.ids import Ids, SystemIds, arb_of
from trading.kalshi import orders
from trading.kalshi.account import read_account
from trading.kalshi.budget import Budget
from trading.kalshi.catalogue import Catalogue
from trading.kalshi.channels import Heard, Wanted
from trading.kalshi.dealing import ORDERS, REDUCING, Dealing
from trading.kalshi.exchange import Exchange
from trading.kalshi.groups import OrderGroups
from trading.kalshi.hints import OrderHints
from trading.kalshi.holds import HoldMeter
from trading.kalshi.listen import Listener
from trading.kalshi.lookup import Lookup
from trading.kalshi.mode import Modes
from trading.kalshi.portfolio import Portfolio
from trading.kalshi.rest import BALANCE_PATH, KalshiRest, error_for, segment
from trading.kalshi.sign import KalshiSigner
from trading.kalshi.statuses import DUPLICATE
from trading.kalshi.terms import AccountTerms
from trading.kalshi.transfers import Transfers
from trading.kalshi.treasury import KalshiTreasury
from trading.kalshi.wire import CancelAnswer, FillFrame, OrderFrame, OrderRow, RestLevels, levels_from, market_from, parse_count
from trading.kalshi.wire_market import parse_time, payout_of
from trading.market import KALSHI, Market, MarketId
from trading.order import LegRequest, LegResult
from trading.stream import Dialer
from trading.units import MonoNs, Size, format_size
from trading.venue import AccountPage, AccountQuery, Balance, Payout, Prepared, SignedOrder, VenueMode

__all__ = ["KalshiClient"]

_RESIGN_NS = 1 * SECOND  # kalshi.md 2: sign just before sending; the body is not covered, so signing again changes no order
_LEAST_TIMEOUT_S = 0.05
_CANCEL_TIMEOUT_S = 5.0
_PRIVATE = (Wanted("fill"), Wanted("user_orders"))


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
        share: float = 1.0,
    ) -> None:
        self._rest = KalshiRest(http, base_url, signer, clock, sleep=sleep, budget=Budget(clock, share=share))
        self._signer = signer
        self._clock = clock
        self._ws = ws
        self._ids = ids or SystemIds(clock)
        self._sleep = sleep
        self._hints = OrderHints()
        self._modes = Modes(clock)
        self._groups_in_use: dict[int, str] = {}
        self._balance_lock = asyncio.Lock()
        self._listeners: list[Listener] = []
        self._closed = False
        self.budget = self._rest.budget
        self.holds = HoldMeter()
        self.catalogue = Catalogue(self._rest)
        self.exchange = Exchange(self._rest, clock)
        self.portfolio = Portfolio(self._rest)
        self.dealing = Dealing(self._rest, clock)
        self.groups = OrderGroups(self._rest)
        self.transfers = Transfers(self._rest, self._ids)
        self.terms = AccountTerms(self.exchange, self.budget, self._modes, clock, private=signer is not None)
        self._lookup = Lookup(self.portfolio, self._hints)

    # Orders

    def prepare(self, leg: LegRequest, market: Market, ids: Ids, clock: Clock) -> Prepared:
        """Build the V2 order of a leg. Raises Rejected naming market, value and rule."""
        order = orders.prepare_order(leg, market)
        group = self._groups_in_use.get(market.shard)
        if group is not None:
            order = msgspec.structs.replace(order, fields={**order.fields, "order_group_id": group})
        self._modes.use(market.shard)
        self._hints.remember(order)
        return order

    def use_group(self, shard: int, group_id: str | None) -> None:
        """Put every order of a shard into a group of that shard from now on; None: into none (kalshi.md 7.6)."""
        if group_id is None:
            self._groups_in_use.pop(shard, None)
        else:
            self._groups_in_use[shard] = group_id

    async def sign(self, order: Prepared) -> SignedOrder:
        """Fix the body and stamp it. Raises AuthFailed without a key."""
        return SignedOrder(prepared=order, body=msgspec.json.encode(dict(order.fields)), headers=self._write_headers())

    def _write_headers(self) -> dict[str, str]:
        return {**self._rest.headers("POST", ORDERS), "Content-Type": "application/json"}

    async def send(self, order: SignedOrder, *, deadline: MonoNs) -> LegResult:
        """Send once and read the answer (kalshi.md 7.2).

        A filled result is provisional: its cost and fee come from averages and fills is empty; find() brings the exact ones. An
        arb without tokens left is rejected(throttled) unsent, an exit goes in any case. Raises Unreachable (nothing sent) and
        UnknownOutcome (sent, in doubt).
        """
        prepared = order.prepared
        left = deadline - self._clock.mono_ns()
        if left <= 0:
            raise Unreachable(KALSHI, "deadline", f"{prepared.client_order_id}: the deadline passed before the send")
        shard = int(prepared.fields["exchange_index"])
        wait = self._spend(prepared, shard)
        if wait:
            return _throttled(prepared, shard, wait)
        headers = order.headers
        age = self._clock.wall_ns() // MS - int(headers.get("KALSHI-ACCESS-TIMESTAMP", "0"))
        if abs(age) * MS > _RESIGN_NS:
            headers = self._write_headers()
        self._hints.remember(prepared)
        timeout_s = max(left / SECOND, _LEAST_TIMEOUT_S)
        response = await self._rest.send("POST", ORDERS, headers, order.body, timeout_s=timeout_s)
        if response.status == 429:
            self.budget.apply_throttled("write", shard)
        result = orders.read_create(prepared, response)
        if result is None:
            return await self._look_up_duplicate(prepared)
        if result.state == "rejected":
            self._modes.apply_refusal(result.code, result.detail, shard)
            return result
        self._modes.apply_accepted(shard)
        self._hints.note_venue_id(prepared.client_order_id, result.venue_order_id)
        self.holds.acknowledge(prepared.leg.leg_id, prepared.leg.want.market, response.body, self._clock.mono_ns())
        return result

    def _spend(self, order: Prepared, shard: int) -> float:
        """Pay for a create; seconds to wait when it is an arb and the tokens are not there."""
        cost = self.budget.cost("POST", ORDERS)
        reducing = order.leg.purpose in REDUCING
        wait = self.budget.take_write(cost, shard, reducing=reducing, owner=arb_of(order.leg.leg_id))
        if wait and reducing:  # our count may be wrong, and a 429 costs nothing
            self.budget.spend_write(cost, shard)
            return 0.0
        return wait

    async def _look_up_duplicate(self, order: Prepared) -> LegResult:
        """The venue has an order under this id: only its own record may speak now (B-420)."""
        try:
            found = await self.find(order)
        except VenueError as exc:  # never a Rejected or Unreachable from here: an order does exist
            raise UnknownOutcome(KALSHI, DUPLICATE, f"{order.client_order_id} was placed before; {exc}") from exc
        if found is None:
            raise UnknownOutcome(KALSHI, DUPLICATE, f"{order.client_order_id} was placed before, not listed yet")
        return found

    async def find(self, order: Prepared) -> LegResult | None:
        """Read the order and its fills; None = the venue lists no order under our id so far.

        Settled when the fills add up to the order's fill_count. Does not wait on 429: raises Throttled, so that the caller's
        own schedule decides.
        """
        self._hints.remember(order)
        found = await self._lookup.find(order)
        return None if found is None else self.holds.observe(found)

    async def cancel(self, order: Prepared) -> LegResult:
        """End a resting order and say what it did. State unknown when the venue does not list the order yet.

        Raises UnknownOutcome when the cancel was not answered, Throttled, ModeClosed and Rejected when it was refused.
        """
        self._hints.remember(order)
        order_id = order.venue_order_id or self._hints.venue_id(order.client_order_id)
        if order_id is None:
            row = await self._lookup.row(order)
            if row is None:
                return _open_result(order, "", "not_listed", "no order under this id yet; ask again")
            order_id = row.order_id
            self._hints.note_venue_id(order.client_order_id, order_id)
        path = f"{ORDERS}/{segment(order_id)}"
        shard = int(order.fields["exchange_index"])
        # kalshi.md 7.3: without a route the cancel would go to shard 0
        query = [("exchange_index", str(shard)), ("market_ticker", order.leg.want.market)]
        self.budget.spend_write(self.budget.cost("DELETE", path), shard)
        headers = self._rest.headers("DELETE", path)
        response = await self._rest.send("DELETE", path, headers, None, timeout_s=_CANCEL_TIMEOUT_S, query=query)
        error = error_for(response, f"cancel of {order.client_order_id} on {order.leg.want.market}")
        if isinstance(error, Unreachable | BadAnswer):
            raise UnknownOutcome(KALSHI, error.code, error.detail)
        if error is not None and response.status != 404:
            if response.status == 429:
                self.budget.apply_throttled("write", shard)
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
        return orders.result_of_order(order, row, await self._lookup.fills(order, order_id) if filled else ())

    # Reads

    async def market(self, market: MarketId) -> Market:
        """Read a market with the fee terms of its event and series. Raises Rejected when there is none."""
        row = await self.catalogue.market(market)
        event = await self.catalogue.event(str(row.get("event_ticker", "")))
        series = None
        if isinstance(event.get("series_ticker"), str):
            series = await self.catalogue.one_series(event["series_ticker"])
        now = self._clock.wall_ns()
        found = market_from(event, row, series, read_at=now, wall=now)
        self._modes.use(found.shard)
        return found

    async def payout(self, market: MarketId) -> Payout | None:
        """The settlement value of a finalized market (kalshi.md 5.1, 12): a determined one may still be disputed."""
        row = await self.catalogue.market(market)
        paid = payout_of(row)
        return None if paid is None else Payout(paid, parse_time(row.get("settlement_ts")))

    async def book(self, market: MarketId) -> Book:
        """A sample of the book. Its proof stays 0: only the stream proves a book (B-122)."""
        path = f"/markets/{segment(market)}/orderbook"
        levels = (await self._rest.fetch(path, OneBook)).orderbook_fp
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

    async def balances(self) -> Sequence[Balance]:
        """Free cash of every shard."""
        return (await self.account(AccountQuery(what="balances"))).balances

    async def _read_balance(self, query: list[tuple[str, str]]) -> bytes:
        async with self._balance_lock:  # kalshi.md 7.5: a bucket of its own, 1 a second, no burst
            try:
                return await self._rest.read(BALANCE_PATH, query, private=True)
            finally:
                self.budget.end_balance()

    async def mode(self) -> VenueMode:
        """What the shards we use let us do (B-426); shard 0 until a market was seen. Never raises a VenueError."""
        try:
            return self._modes.of_status(await self.exchange.status())
        except VenueError as exc:
            return self._modes.silent(str(exc))

    async def warm(self) -> None:
        """A cheap public read that keeps a connection open; once an hour the account's terms are read as well."""
        await self._rest.try_read("/exchange/status", timeout_s=5.0)
        await self.terms.refresh_when_due()

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

    def treasury(self) -> KalshiTreasury:
        """Cash between the shards of this account. apply() needs the scope write::transfer."""
        return KalshiTreasury(self.transfers, self.balances, sleep=self._sleep)

    # Discovery

    async def event_pages(
        self, *, status: str = "open", series_ticker: str | None = None
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Pages of event rows with nested markets, combos left out."""
        async for page in self.catalogue.event_pages(status=status, series_ticker=series_ticker):
            yield page

    async def milestones(self, *, category: str = "Sports", minimum_start_date: str | None = None) -> list[dict[str, Any]]:
        """All milestones of a category; they carry the scheduled starts."""
        return await self.catalogue.milestones(category=category, minimum_start_date=minimum_start_date)

    async def series(self) -> dict[str, dict[str, Any]]:
        """Every series row by ticker; they carry the fee terms."""
        return await self.catalogue.series()

    # Streams

    async def updates(self) -> AsyncIterator[LegResult]:
        """Hints about legs this client prepared or asked for, reconnecting until closed. Ends at once without key or stream."""
        async with aclosing(self.listen("private", _PRIVATE)) as frames:
            async for heard in frames:
                hint = self._hints.apply(heard) if isinstance(heard, FillFrame | OrderFrame) else None
                if hint is not None:
                    yield self.holds.observe(hint)

    async def listen(self, name: str, wanted: Sequence[Wanted]) -> AsyncGenerator[Heard, None]:
        """Frames of any channels but the book's on a socket of their own, until closed. name is for the log."""
        if self._ws is None or self._signer is None or self._closed:
            return
        dialer, url = self._ws
        listener = Listener(dialer, url, self._signer, self._clock, self._ids, name, wanted, sleep=self._sleep)
        self._listeners.append(listener)
        try:
            async with aclosing(listener.frames()) as frames:
                async for heard in frames:
                    yield heard
        finally:
            self._listeners.remove(listener)

    async def close(self) -> None:
        """End updates() and listen(). The Http belongs to whoever made it."""
        self._closed = True
        for listener in tuple(self._listeners):
            await listener.close()


def _throttled(order: Prepared, shard: int, wait: float) -> LegResult:
    detail = f"{order.leg.want.market}: shard {shard} has no write tokens to spare for an arb; in {wait:.2f} s it will have"
    return LegResult(
        leg_id=order.leg.leg_id, state="rejected", client_order_id=order.client_order_id, code="throttled", detail=detail
    )


def _open_result(order: Prepared, order_id: str, code: str, detail: str) -> LegResult:
    return LegResult(
        leg_id=order.leg.leg_id,
        state="unknown",
        client_order_id=order.client_order_id,
        venue_order_id=order_id,
        code=code,
        detail=detail,
    )
