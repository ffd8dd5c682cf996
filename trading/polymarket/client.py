"""Polymarket as a venue: orders, look-ups, account reads and the private stream behind venue.VenueClient.

prepare, answers and joins are pure (orders.py, trades.py); here is what talks. An order is sent once; doubt about it is resolved
by its id, which is known before sending. The client remembers the venue's mode from refusals and keeps one connection warm.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import msgspec

from trading.book import Book
from trading.clock import MS, SECOND, Clock
from trading.errors import AuthFailed, Misuse, ModeClosed, Rejected, Throttled, UnknownOutcome, Unreachable, VenueError
from trading.http import Http
from trading.ids import Ids, arb_of
from trading.log import get_logger
from trading.market import POLYMARKET, Market, MarketId, Venue
from trading.order import LegRequest, LegResult
from trading.polymarket.account import held_shares, listed, open_orders, own_fills, payouts
from trading.polymarket.batch import batch_body, batch_results, doubtful
from trading.polymarket.budget import SignerBudget
from trading.polymarket.cancels import Cancels
from trading.polymarket.credentials import derive_or_create
from trading.polymarket.explain import explained
from trading.polymarket.heartbeat import Heartbeat
from trading.polymarket.holdings import Holdings
from trading.polymarket.holds import HoldMeter
from trading.polymarket.mode import ModeMemory
from trading.polymarket.orders import answered, body_of, leg_result, prepare
from trading.polymarket.paging import pages
from trading.polymarket.rest import PolymarketRest, Query, Sleep, read_json, segment
from trading.polymarket.sign import Account, ApiCredentials, RequestSigner
from trading.polymarket.trades import OrderState, found
from trading.polymarket.user import OwnOrders, UserStream
from trading.polymarket.wire import bad, book_from, market_from, payout_of, refreshed
from trading.stream import Dialer
from trading.units import MonoNs
from trading.venue import (
    AccountPage,
    AccountQuery,
    Balance,
    Payout,
    Prepared,
    SignedOrder,
    VenueMode,
)

__all__ = ["ORDER_VERSION", "Geoblock", "PolymarketClient"]

_log = get_logger(__name__)

_SALT_BITS = 53
_MOST_PAGES = 10
_LOOKBACK_S = 86_400
"""Trades are asked for from this long before the order's own stamp, which is our clock's and may be wrong by any time zone: too
near, and an order that filled would be taken for one that never was."""
_LEAST_WAIT_S = 0.05
_REDUCING = frozenset({"complete", "unwind", "exit"})
ORDER_VERSION = 2
"""Of orders on v1 markets: the exchange domain that sign.py writes (polymarket.md 0.1)."""


class Geoblock(msgspec.Struct, frozen=True):
    """Whether orders are refused from this machine's address (B-427)."""

    blocked: bool
    country: str = ""
    region: str = ""
    ip: str = ""


class PolymarketClient:
    """One account on the CLOB. account None: public reads only. ws is (dialer, user channel URL)."""

    venue: Venue = POLYMARKET

    def __init__(
        self,
        http: Http,
        clob_url: str,
        data_url: str,
        account: Account | None,
        credentials: ApiCredentials | None,
        clock: Clock,
        ids: Ids,
        *,
        ws: tuple[Dialer, str] | None = None,
        sleep: Sleep = asyncio.sleep,
        share: float = 1.0,
    ) -> None:
        self._http = http
        self._data_url = data_url.rstrip("/")
        self._account = account
        self._credentials = credentials
        self._clock = clock
        self._ids = ids
        self._ws = ws
        self._sleep = sleep
        self._rest = PolymarketRest(http, clob_url, clock, sleep=sleep, share=share)
        self._markets: dict[MarketId, Market] = {}
        self._orders = OwnOrders()
        self._mode = ModeMemory(clock)
        self.budget = SignerBudget(clock, share=share)
        self.holds = HoldMeter()
        self.cancels = Cancels(self._rest, self.budget, self._mode, sleep=sleep)
        if credentials is not None:
            self._use(credentials)

    def _use(self, credentials: ApiCredentials) -> None:
        self._credentials = credentials
        self._rest.signer = RequestSigner(credentials, self._owner.address)

    @property
    def holdings(self) -> Holdings:
        """What the wallet holds: balances, allowances, positions. Raises AuthFailed without an account."""
        return Holdings(self._rest, self._http, self._data_url, self._owner, self._sleep)

    @property
    def _owner(self) -> Account:
        if self._account is None:
            raise AuthFailed(POLYMARKET, "no_account", "no signing key; set the Polymarket key and wallet to trade")
        return self._account

    # ---- credentials, clock, place -------------------------------------------------------------------------------------

    async def derive_credentials(self, *, nonce: int = 0) -> ApiCredentials:
        """Read the API key of this wallet and nonce, or create it, and use it from now on (polymarket.md 4.1)."""
        made = await derive_or_create(self._rest, self._owner, nonce=nonce)
        self._use(made)
        return made

    async def server_skew_s(self) -> float:
        """Server clock minus ours in seconds, from GET /time (whole seconds); signed stamps follow it from now on."""
        before = self._clock.wall_ns()
        seconds = await self._rest.read("/time", patient=False)
        if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
            raise bad("bad_time", f"GET /time answered {seconds!r}")
        here = (before + self._clock.wall_ns()) / 2 / SECOND
        skew = seconds + 0.5 - here
        self._rest.set_skew(skew)
        return skew

    async def geoblock(self, url: str) -> Geoblock:
        """Ask whether orders are refused from here. Raises when the answer is not a plain yes or no: fail closed (B-427)."""
        row = await read_json(self._http, "GET", url, {}, None)
        if not isinstance(row, Mapping) or not isinstance(row.get("blocked"), bool):
            raise bad("bad_geoblock", f"{url} gave no blocked flag; treat this place as blocked")
        return Geoblock(row["blocked"], *(str(row.get(key) or "") for key in ("country", "region", "ip")))

    # ---- orders --------------------------------------------------------------------------------------------------------

    def prepare(self, leg: LegRequest, market: Market, ids: Ids, clock: Clock) -> Prepared:
        """Fix salt (below 2^53), amounts and order id. Raises Rejected naming market, value and rule."""
        salt = int.from_bytes(ids.random(7)) & (2**_SALT_BITS - 1)
        return prepare(leg, market, self._owner, salt=salt, timestamp_ms=clock.wall_ns() // MS)

    async def sign(self, order: Prepared) -> SignedOrder:
        """Sign order and request; the body is the exact bytes the request signature covers."""
        if self._credentials is None:
            raise AuthFailed(POLYMARKET, "no_credentials", "no API credentials; set them or let the client derive them")
        body = body_of(order, self._owner, self._credentials.key)
        return SignedOrder(prepared=order, body=body, headers=self._rest.signed_headers("POST", "/order", body))

    async def send(self, order: SignedOrder, *, deadline: MonoNs) -> LegResult:
        """POST /order once. The wait lasts to the deadline plus the market's hold, which the answer may sit out (8).

        A refusal for its version is definite: nothing was placed. The same bytes, which have the same id, go once more when the
        venue's version and the market's exchange turn out to be those that were signed; otherwise nothing is sent again, because
        an order built anew has an id that no journal knows. Raises Throttled when our own limit says no.
        """
        prepared = order.prepared
        result = await self._post(order, order.headers, deadline)
        if result.code == "order_version_mismatch" and await self._still_right(prepared):
            headers = self._rest.signed_headers("POST", "/order", order.body)
            result = await self._post(order, headers, deadline)
        return explained(prepared, result)

    async def _post(self, order: SignedOrder, headers: Mapping[str, str], deadline: MonoNs) -> LegResult:
        prepared = order.prepared
        left = (deadline - self._clock.mono_ns()) / SECOND
        if left <= 0:
            raise Unreachable(POLYMARKET, "deadline", f"{prepared.leg.want.market}: the deadline passed before the send")
        self._spend([prepared])
        self._orders.apply_signed(prepared)
        wait = max(_LEAST_WAIT_S, left) + prepared.fields["hold_ns"] / SECOND
        answer = await self._rest.write("POST", "/order", order.body, headers, timeout_s=wait)
        self.budget.apply_answer("orders", answer.status, answer.headers)
        result = answered(prepared, answer.status, answer.headers, answer.body, now=self._clock.wall_ns())
        self._mode.apply_answer(result, answer.status, answer.headers, answer.body)
        self._keep(prepared, result)
        return result

    def _spend(self, orders: Sequence[Prepared]) -> None:
        """Take tokens for orders that leave together; what reduces exposure may use the last ones (B-437)."""
        reducing = all(order.leg.purpose in _REDUCING for order in orders)
        owner = arb_of(orders[0].leg.leg_id)  # the orders of one batch are one arb's
        wait = self.budget.take("orders", len(orders), reducing=reducing, owner=owner)
        if wait:
            market = orders[0].leg.want.market
            raise Throttled(POLYMARKET, "throttled", f"{market}: our own limit of orders, {wait:.3f} s", retry_after=wait)

    def _keep(self, order: Prepared, result: LegResult) -> None:
        """Remember an answer, and when a hold began."""
        self._orders.apply_answer(order, result)
        if result.state == "held":
            self.holds.begin(result.leg_id, order.leg.want.market, self._clock.mono_ns())

    async def _still_right(self, order: Prepared) -> bool:
        """After a refusal for its version: whether version and routing, read once more, are those the order was signed for."""
        name = order.leg.want.market
        try:
            row = await self._rest.read("/version", patient=False)
            fresh = await self.market(name)
        except VenueError as exc:
            _log.warning("polymarket_version_unread", market=name, error=str(exc))
            return False
        wanted = row.get("version") if isinstance(row, Mapping) else None
        if order.fields["version"] == "v1" and wanted != ORDER_VERSION:
            self._mode.apply_version(f"the venue wants order version {wanted!r}, version {ORDER_VERSION} is signed here")
            return False
        return fresh.tradable and (fresh.version, fresh.neg_risk) == (order.fields["version"], order.fields["neg_risk"])

    async def send_batch(self, orders: Sequence[SignedOrder], *, deadline: MonoNs) -> tuple[LegResult, ...]:
        """POST /orders once: 1 to 15 orders, one result each in their order; a doubtful one is "unknown", to be found by id.

        Raises Misuse for a wrong count, Unreachable or Throttled when nothing was sent.
        """
        prepared = [order.prepared for order in orders]
        body = batch_body(orders)
        left = (deadline - self._clock.mono_ns()) / SECOND
        if left <= 0:
            raise Unreachable(POLYMARKET, "deadline", "the deadline passed before the batch was sent")
        self._spend(prepared)
        for order in prepared:
            self._orders.apply_signed(order)
        wait = max(_LEAST_WAIT_S, left) + max(order.fields["hold_ns"] for order in prepared) / SECOND
        headers = self._rest.signed_headers("POST", "/orders", body)
        try:
            answer = await self._rest.write("POST", "/orders", body, headers, timeout_s=wait)
        except UnknownOutcome as exc:
            return tuple(doubtful(order, exc.code, exc.detail) for order in prepared)
        self.budget.apply_answer("orders", answer.status, answer.headers)
        results = batch_results(prepared, answer.status, answer.headers, answer.body, now=self._clock.wall_ns())
        for order, result in zip(prepared, results, strict=True):
            self._mode.apply_answer(result, answer.status, answer.headers, answer.body)
            if result.state != "unknown":
                self._keep(order, result)
        return tuple(explained(order, result) for order, result in zip(prepared, results, strict=True))

    async def find(self, order: Prepared) -> LegResult | None:
        """The order's state, then its trades, joined; None when the venue knows nothing of it so far."""
        name = self._orders.order_id(order)
        state = await self._order_state(name)
        after = order.fields["timestamp"] // 1000 - _LOOKBACK_S
        trades = await self._trades((("market", order.leg.want.market), ("after", str(after))))
        result = found(order, state, trades, self._orders.said(order), order_id=name, least=self._orders.heard(order))
        return result if result is None else self._timed(explained(order, result))

    def _timed(self, result: LegResult) -> LegResult:
        """The result with its hold, when that ended with it (B-445)."""
        return self.holds.end(result, self._clock.mono_ns())

    async def _order_state(self, name: str) -> OrderState | None:
        try:
            row = await self._rest.read(f"/data/order/{segment(name)}", signed=True, patient=False)
        except Rejected as exc:
            if exc.code == "not_found":  # finished orders are not kept there
                return None
            raise
        if isinstance(row, Mapping) and isinstance(row.get("order"), Mapping):
            row = row["order"]
        return OrderState.of(row) if isinstance(row, Mapping) and row.get("id") else None

    async def _trades(self, query: Query) -> list[Mapping[str, Any]]:
        async def read(cursor: str) -> tuple[list[Mapping[str, Any]], str]:
            paged = (*query, ("next_cursor", cursor)) if cursor else query
            return listed(await self._rest.read("/data/trades", paged, signed=True, patient=False))

        return [row async for page in pages(read, "/data/trades", most=_MOST_PAGES) for row in page]

    async def cancel(self, order: Prepared) -> LegResult:
        """DELETE /order, then what is known of it. "unknown" while the venue will neither cancel nor explain it (7.1)."""
        name = self._orders.order_id(order)
        told = await self.cancels.one(name)
        gone = any(each.lower() == name.lower() for each in told.canceled)
        reason = next(iter(told.kept.values()), "")
        result = await self.find(order)
        if result is not None:
            return result
        if gone:
            return leg_result(order, "none", "canceled", "cancelled before any fill")
        return leg_result(order, "unknown", "not_canceled", reason or "the venue did not confirm the cancel")

    def heartbeat(self, *, on_lapse: Callable[[str], None] = lambda why: None) -> Heartbeat:
        """The dead man's switch of this key, for whoever lets orders rest; FAK and FOK need none. Raises AuthFailed."""
        if self._credentials is None:
            raise AuthFailed(POLYMARKET, "no_credentials", "no API credentials; set them or let the client derive them")
        return Heartbeat(self._rest, self._credentials.key, self._clock, on_lapse=on_lapse, sleep=self._sleep)

    # ---- reads ---------------------------------------------------------------------------------------------------------

    def remember(self, markets: Sequence[Market]) -> None:
        """Markets read from Gamma: market() keeps their outcome order and texts and renews the parameters."""
        for market in markets:
            self._markets[market.id] = market

    async def market(self, market: MarketId) -> Market:
        """GET /clob-markets: grid, holds, fees and status as the CLOB has them now; a longer measured hold wins."""
        params = await self._rest.read(f"/clob-markets/{segment(market)}")
        if not isinstance(params, Mapping) or not isinstance(params.get("t"), list):
            raise bad("bad_market", f"/clob-markets/{market} holds no tokens")
        if str(params.get("c") or market).lower() != market.lower():
            raise bad("wrong_market", f"asked for {market}, got {params.get('c')}")
        fresh = market_from({}, {}, {**params, "c": market}, read_at=self._clock.wall_ns())
        known = self._markets.get(market)
        result = refreshed(known, fresh) if known is not None else fresh
        held = self.holds.longest(market)  # a "delayed" on a market declared free is news (B-445)
        if result.hold_ns is not None and held > result.hold_ns:
            result = msgspec.structs.replace(result, hold_ns=held)
        self._markets[market] = result
        return result

    async def _market(self, market: MarketId) -> Market:
        return self._markets.get(market) or await self.market(market)

    async def payout(self, market: MarketId) -> Payout | None:
        """Which token won, by the long form of the market (polymarket.md 2.3, 13), without a time; half a dollar for a 50-50."""
        row = await self._rest.read(f"/markets/{segment(market)}")
        paid = payout_of(row, (await self._market(market)).tokens[0])
        return None if paid is None else Payout(paid)

    async def book(self, market: MarketId) -> Book:
        """GET /book of outcome 0; it carries the other token's liquidity too (polymarket.md 3)."""
        known = await self._market(market)
        asked = self._clock.mono_ns()
        row = await self._rest.read("/book", (("token_id", known.tokens[0]),))
        return book_from(row, known, asked)

    async def account(self, what: AccountQuery) -> AccountPage:
        """Balances (less what open buys hold back), positions per token, open orders, fills, payouts waiting for redemption.

        Positions of one market are exact; all positions come from an index that lags the chain by seconds.
        """
        if what.what == "balances":
            return AccountPage(balances=(Balance(shard=0, cash=(await self.holdings.free_cash())[0]),))
        if what.what == "positions" and what.market is not None:
            return AccountPage(positions=await self.holdings.exact_positions(await self._market(what.market)))
        if what.what == "history":
            return AccountPage()  # the venue keeps no name of ours
        if what.what in ("positions", "settlements"):
            status = "OPEN" if what.what == "positions" else "REDEEMABLE"
            rows, cursor = await self.holdings.position_page(status, what.cursor)
            if what.what == "positions":
                return AccountPage(positions=held_shares(rows), cursor=cursor)
            return AccountPage(settlements=payouts(rows, at=self._clock.wall_ns()), cursor=cursor)
        query = [("market", str(what.market))] if what.market is not None else []
        query += [("next_cursor", what.cursor)] if what.cursor else []
        path = "/data/orders" if what.what == "orders" else "/data/trades"
        rows, cursor = listed(await self._rest.read(path, query, signed=True))
        if what.what == "orders":
            return AccountPage(orders=open_orders(rows), cursor=cursor)
        fills = []
        for row in rows:
            terms = (await self._market(MarketId(str(row.get("market"))))).fees
            if terms is None or self._credentials is None:
                raise Misuse(f"market {row.get('market')} states no fees that could be booked")
            fills += own_fills(row, api_key=self._credentials.key, wallet=self._owner.maker, terms=terms)
        return AccountPage(fills=tuple(fills), cursor=cursor)

    async def mode(self) -> VenueMode:
        """What the venue lets us do, as its last refusals said (B-426); else whether it answers at all."""
        closed = self._mode.current()
        if closed is not None:
            return closed
        try:
            await self._rest.read("/time", patient=False)
        except ModeClosed as exc:
            return self._mode.closed_by(exc)
        except VenueError as exc:
            return VenueMode(venue=POLYMARKET, mode="unreachable", detail=str(exc))
        return VenueMode(venue=POLYMARKET, mode="normal")

    async def warm(self) -> None:
        """A cheap read that keeps the connection open and the clock offset fresh."""
        await self.server_skew_s()

    async def updates(self) -> AsyncIterator[LegResult]:
        """Hints from the user channel about orders sent by this client; ends at once without a channel or credentials."""
        if self._ws is None or self._credentials is None:
            return
        stream = UserStream(*self._ws, self._credentials, self._clock, self._ids, self._orders, self.find)
        hints = stream.results()
        try:
            async for result in hints:
                yield self._timed(result)
        finally:
            await hints.aclose()

    async def close(self) -> None:
        """Nothing of its own to close: http and dialer belong to whoever made them."""
