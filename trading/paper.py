"""A venue on which no order leaves the process: DRY_RUN's place behind the same door as a real client (B-182, execution.md 7).

Reads come from the real venue, fills from the live book as it stands at t + latency + hold, at most three quarters of what is
shown, each shown unit once. Fees are the venue's formula; cash per shard and positions are kept here and answer account().
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol

from trading.book import Book, BookView
from trading.clock import MS, SECOND, Clock
from trading.errors import Misuse, Rejected
from trading.fees import KalshiOrderFees, fee_of_fill
from trading.ids import Ids, LegId, client_order_id
from trading.market import KALSHI, POLYMARKET, Action, Market, MarketId, Outcome, Venue, step_at
from trading.order import Fill, LegRequest, LegResult, LegState, Tif, total
from trading.units import CONTRACT, DOLLAR, ONE, Money, MonoNs, Price, Size, complement, cost_of, size_for
from trading.venue import (
    AccountPage,
    AccountQuery,
    Balance,
    Payout,
    Position,
    Prepared,
    Settlement,
    SignedOrder,
    VenueFill,
    VenueMode,
)

__all__ = ["PaperClient", "Reads", "Sizing", "paper_client"]

Sizing = Literal["contracts", "cash"]
"""What a buy is counted in: contracts (Kalshi), or cash spent, which may deliver more than asked for (polymarket.md 6.4)."""

HAIRCUT_PERCENT = 75
"""PAPER_FILL_HAIRCUT."""
LATENCY_NS = 100 * MS
_CENT = Money(10_000)
_LOWEST = Price(1)
_KEPT: Mapping[Venue, tuple[Sequence[int], Sizing, bool]] = {
    KALSHI: (range(8), "contracts", True),
    POLYMARKET: ((0,), "cash", False),
}
"""How a venue keeps an account: shards that hold cash, what a buy is counted in, whether opposite contracts cancel at once."""


class Reads(Protocol):
    """The public half of a real client."""

    async def market(self, market: MarketId) -> Market: ...
    async def payout(self, market: MarketId) -> Payout | None: ...
    async def book(self, market: MarketId) -> Book: ...
    async def mode(self) -> VenueMode: ...
    async def warm(self) -> None: ...
    async def close(self) -> None: ...


class _Flight:
    """An order under way; due is when it meets the book. result is set once it has."""

    __slots__ = ("due", "held", "market", "order", "result")

    def __init__(self, order: Prepared, market: Market, due: int, held: Money) -> None:
        self.order = order
        self.market = market
        self.due = due
        self.held = held
        """Cash set aside until the order is done."""
        self.result: LegResult | None = None


class PaperClient:
    """One venue in paper. cash gives each shard its starting balance; nets says that opposite contracts cancel at once into
    cash (Kalshi), else merge() does it. held is what the account owns at the start. latency_ns is the time to the matching
    engine; the way back takes as long."""

    def __init__(
        self,
        venue: Venue,
        *,
        reads: Reads,
        book_of: Callable[[MarketId], BookView | None],
        clock: Clock,
        cash: Mapping[int, Money],
        sizing: Sizing,
        nets: bool,
        held: Mapping[tuple[MarketId, Outcome], Size] | None = None,
        latency_ns: int = LATENCY_NS,
        haircut_percent: int = HAIRCUT_PERCENT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.venue = venue
        self._reads = reads
        self._book_of = book_of
        self._clock = clock
        self._cash: dict[int, Money] = dict(cash)
        self._sizing = sizing
        self._nets = nets
        self._latency_ns = latency_ns
        self._haircut = haircut_percent
        self._sleep = sleep
        self._held: dict[tuple[MarketId, Outcome], Size] = dict(held or {})
        self._markets: dict[MarketId, Market] = {}
        self._flights: dict[LegId, _Flight] = {}
        self._waiting: dict[LegId, _Flight] = {}
        self._fills: list[VenueFill] = []
        self._settlements: list[Settlement] = []
        self._taken: dict[tuple[MarketId, bool, Price], tuple[Size, Size]] = {}
        """(market, YES ask?, YES price) to (size shown then, of which we took)."""
        self._listeners: list[asyncio.Queue[LegResult]] = []

    # -- orders ------------------------------------------------------------------------------------------------------------

    def prepare(self, leg: LegRequest, market: Market, ids: Ids, clock: Clock) -> Prepared:
        """Check the want against the market's rules. Raises Rejected like the venue would, and for a leg that is not paper."""
        want = leg.want
        if leg.world != "paper":
            raise self._no("wrong_world", f"a {leg.world} leg on the paper venue")
        if market.fees is None or not market.tradable or market.status != "open":
            raise self._no("market_closed", f"{market.id} is {market.status} or its terms are unknown: watch only")
        if want.tif is Tif.GTC or want.post_only:
            raise self._no("no_resting", "paper orders are IOC or FOK: nothing rests")
        if step_at(market, want.limit) is None:
            raise self._no("off_grid", f"price {want.limit} is off the grid of {market.id}")
        if want.size < market.min_size or want.size % market.size_step:
            raise self._no("bad_size", f"size {want.size} breaks the minimum or step of {market.id}")
        notional = (
            self._budget(want.limit, want.size) if want.action is Action.BUY else cost_of(want.limit, want.size, up=False)
        )
        if notional <= 0 or notional < market.min_cost:
            raise self._no("min_cost", f"{market.id}: an order of {notional} is below {market.min_cost}")
        name = client_order_id(leg.leg_id)
        return Prepared(leg=leg, client_order_id=name, venue_order_id="paper-" + name, fields={"market": market})

    async def sign(self, order: Prepared) -> SignedOrder:
        return SignedOrder(prepared=order, body=b"", headers={})

    async def send(self, order: SignedOrder, *, deadline: MonoNs) -> LegResult:
        """Wait out the way and the hold, then fill against the book of that moment. Cancelling the send recalls nothing."""
        prepared = order.prepared
        leg = prepared.leg
        if leg.leg_id in self._flights:
            raise Misuse(f"paper order {prepared.client_order_id} sent twice")
        market: Market = prepared.fields["market"]
        self._markets[market.id] = market
        short = self._shortage(leg, market)
        if short:
            return LegResult(leg_id=leg.leg_id, state="rejected", code="insufficient_balance", detail=short)
        flight = _Flight(prepared, market, self._clock.mono_ns() + self._latency_ns + (market.hold_ns or 0), Money(0))
        self._reserve(flight)
        self._flights[leg.leg_id] = self._waiting[leg.leg_id] = flight
        await self._sleep((flight.due - self._clock.mono_ns()) / SECOND)
        flight.due = min(flight.due, self._clock.mono_ns())  # a loop that woke a hair early must not strand the order
        self._meet_books()
        await self._sleep(self._latency_ns / SECOND)
        assert flight.result is not None
        return flight.result

    async def find(self, order: Prepared) -> LegResult | None:
        """The order's result, "held" while it is under way; None when it was never sent."""
        self._meet_books()
        flight = self._flights.get(order.leg.leg_id)
        if flight is None:
            return None
        return flight.result or self._result(flight, "held", (), "in_flight")

    async def cancel(self, order: Prepared) -> LegResult:
        """Paper orders do not rest, so a cancel only tells what became of the order. Raises Rejected when it was never sent."""
        found = await self.find(order)
        if found is None:
            raise self._no("order_not_found", f"{order.client_order_id} was never sent")
        return found

    # -- matching ----------------------------------------------------------------------------------------------------------

    def _meet_books(self) -> None:
        now = self._clock.mono_ns()
        for leg_id, flight in sorted(self._waiting.items(), key=lambda item: (item[1].due, item[0])):
            if flight.due <= now:
                del self._waiting[leg_id]
                flight.result = self._match(flight)
                for queue in self._listeners:
                    queue.put_nowait(flight.result)

    def _match(self, flight: _Flight) -> LegResult:
        want, market = flight.order.leg.want, flight.market
        self._release(flight)
        book = self._book_of(market.id)
        if book is None or not book.ready:
            return self._result(flight, "none", (), "no_book")
        by_cash = self._sizing == "cash" and want.action is Action.BUY
        budget = self._budget(want.limit, want.size)
        left = want.size
        taken: list[tuple[Price, Size]] = []
        for price, shown in book.levels(want.outcome, want.action):
            if (price > want.limit) if want.action is Action.BUY else (price < want.limit):
                break
            wanted = size_for(budget, price) if by_cash else left
            size = Size(min(wanted, self._available(market, want.outcome, want.action, price, shown)))
            if size <= 0:
                if wanted <= 0:
                    break
                continue
            taken.append((price, size))
            budget = Money(budget - cost_of(price, size))
            left = Size(left - size)
            if not by_cash and left <= 0:
                break
        done = budget < cost_of(want.limit, Size(market.size_step)) if by_cash else left <= 0
        if want.tif is Tif.FOK and not done:
            return self._result(flight, "none", (), "fill_or_kill")
        if not taken:
            return self._result(flight, "none", (), "no_match")
        fills = self._book_fills(flight, taken)
        return self._result(flight, "filled" if done else "partial", fills, "")

    def _available(self, market: Market, outcome: Outcome, action: Action, price: Price, shown: Size) -> Size:
        """What is left of a level after the haircut and what we took before; a changed level starts anew."""
        key = self._level(market.id, outcome, action, price)
        seen, took = self._taken.get(key, (shown, Size(0)))
        if seen != shown:
            took = Size(0)
        step = market.size_step if self._sizing == "contracts" else Size(1)
        return Size(max(0, shown * self._haircut // 100 - took) // step * step)

    @staticmethod
    def _level(market: MarketId, outcome: Outcome, action: Action, price: Price) -> tuple[MarketId, bool, Price]:
        asks = (outcome is Outcome.YES) is (action is Action.BUY)
        return market, asks, price if outcome is Outcome.YES else complement(price)

    def _book_fills(self, flight: _Flight, taken: list[tuple[Price, Size]]) -> tuple[Fill, ...]:
        """Turn what was taken into fills, and cash and positions into what they are afterwards."""
        want, market, terms = flight.order.leg.want, flight.market, flight.market.fees
        assert terms is not None  # prepare refused it
        book = self._book_of(market.id)
        shown = dict(book.levels(want.outcome, want.action)) if book is not None else {}
        now = self._clock.wall_ns()
        rounding = KalshiOrderFees(terms) if terms.schedule == "kalshi" else None
        fills = []
        for number, (price, size) in enumerate(taken):
            key = self._level(market.id, want.outcome, want.action, price)
            seen, took = self._taken.get(key, (shown[price], Size(0)))
            self._taken[key] = (shown[price], Size(size + (took if seen == shown[price] else 0)))
            cost = cost_of(price, size) if want.action is Action.BUY else Money(-cost_of(price, size, up=False))
            fee = rounding.fill(price, size, paid=cost, now=now) if rounding else fee_of_fill(terms, price, size, now=now)
            fill = Fill(
                id=f"{flight.order.client_order_id}-{number}",
                price=price,
                size=size,
                cost=cost,
                fee=fee,
                fee_is_final=True,
                maker=False,
                at=now,
                status="final",
            )
            fills.append(fill)
            self._fills.append(VenueFill(venue_order_id=flight.order.venue_order_id or "", market=market.id, fill=fill))
            self._move(market, Money(-cost - fee))
            self._hold(market.id, want.outcome, size if want.action is Action.BUY else Size(-size))
        if self._nets:
            self.merge(market.id)
        return tuple(fills)

    def _result(self, flight: _Flight, state: LegState, fills: tuple[Fill, ...], code: str) -> LegResult:
        filled, cost, fee = total(fills)
        return LegResult(
            leg_id=flight.order.leg.leg_id,
            state=state,
            filled=filled,
            cost=cost,
            fee=fee,
            fills=fills,
            client_order_id=flight.order.client_order_id,
            venue_order_id=flight.order.venue_order_id or "",
            code=code,
            detail="paper",
        )

    # -- money -------------------------------------------------------------------------------------------------------------

    def _budget(self, limit: Price, size: Size) -> Money:
        """Cash a buy sets out to spend: whole cents where buys are sized in cash (polymarket.md 6.2)."""
        if self._sizing == "cash":
            return Money(cost_of(limit, size, up=False) // _CENT * _CENT)
        return cost_of(limit, size)

    def _shortage(self, leg: LegRequest, market: Market) -> str:
        want = leg.want
        if want.action is Action.SELL:
            held = self._held.get((market.id, want.outcome), Size(0)) - self._selling(market.id, want.outcome)
            return "" if held >= want.size else f"{market.id}: {held} contracts free to sell, {want.size} wanted"
        need = self._need(leg, market)
        free = self._cash.get(market.shard, Money(0))
        return "" if free >= need else f"{self.venue} shard {market.shard}: {free} free, {need} needed"

    def _selling(self, market: MarketId, outcome: Outcome) -> int:
        wants = [flight.order.leg.want for flight in self._waiting.values()]
        return sum(w.size for w in wants if w.action is Action.SELL and (w.market, w.outcome) == (market, outcome))

    def _need(self, leg: LegRequest, market: Market) -> Money:
        """The most a buy can cost, its fee included: contracts are dearest at the limit. The same cash buys more of them the
        cheaper they are, and fees fall on contracts, so what is sized in cash pays its highest fee at the lowest price."""
        assert market.fees is not None  # prepare refused it
        cost = self._budget(leg.want.limit, leg.want.size)
        if self._sizing == "cash":
            return Money(cost + fee_of_fill(market.fees, _LOWEST, size_for(cost, _LOWEST)))
        return Money(cost + fee_of_fill(market.fees, leg.want.limit, leg.want.size))

    def _reserve(self, flight: _Flight) -> None:
        if flight.order.leg.want.action is Action.BUY:
            flight.held = self._need(flight.order.leg, flight.market)
            self._move(flight.market, Money(-flight.held))

    def _release(self, flight: _Flight) -> None:
        self._move(flight.market, flight.held)
        flight.held = Money(0)

    def _move(self, market: Market, amount: Money) -> None:
        self._cash[market.shard] = Money(self._cash.get(market.shard, 0) + amount)

    def _hold(self, market: MarketId, outcome: Outcome, change: Size) -> None:
        key = (market, outcome)
        size = Size(self._held.get(key, 0) + change)
        if size:
            self._held[key] = size
        else:
            self._held.pop(key, None)

    def merge(self, market: MarketId) -> Size:
        """Turn every YES and NO held together into a dollar; returns how many sets."""
        sets = Size(min(self._held.get((market, outcome), Size(0)) for outcome in Outcome))
        if sets > 0:
            for outcome in Outcome:
                self._hold(market, outcome, Size(-sets))
            self._move(self._markets[market], cost_of(ONE, sets))
        return sets

    def _pay_out(self, market: MarketId, yes: Price) -> None:
        """Settle what is held of a market at the value of YES; NO is worth the rest."""
        received, paid = Money(0), False
        for outcome in Outcome:
            size = self._held.pop((market, outcome), Size(0))
            received = Money(received + cost_of(yes if outcome is Outcome.YES else complement(yes), size, up=False))
            paid = paid or size > 0
        if paid:
            self._move(self._markets[market], received)
            row = Settlement(market=market, payout=cost_of(yes, CONTRACT), revenue=received, at=self._clock.wall_ns())
            self._settlements.append(row)

    # -- reads -------------------------------------------------------------------------------------------------------------

    async def market(self, market: MarketId) -> Market:
        return await self._reads.market(market)

    async def payout(self, market: MarketId) -> Payout | None:
        """As the venue tells it; what is held here is paid out with it, or the cash of paper would only ever shrink."""
        worth = await self._reads.payout(market)
        if worth is not None and market in self._markets:
            self._pay_out(market, Price(worth.yes * ONE // DOLLAR))
        return worth

    async def book(self, market: MarketId) -> Book:
        return await self._reads.book(market)

    async def account(self, what: AccountQuery) -> AccountPage:
        """Everything on one page. Where contracts net a position is one signed row, else one row per outcome held."""
        self._meet_books()

        def asked(market: MarketId) -> bool:
            return what.market is None or what.market == market

        match what.what:
            case "balances":
                return AccountPage(
                    balances=tuple(Balance(shard=shard, cash=cash) for shard, cash in sorted(self._cash.items()))
                )
            case "positions":
                rows = [
                    Position(market=market, size=size if outcome is Outcome.YES else Size(-size))
                    for (market, outcome), size in sorted(self._held.items())
                    if asked(market)
                ]
                return AccountPage(positions=tuple(rows))
            case "fills":
                return AccountPage(fills=tuple(row for row in self._fills if asked(row.market)))
            case "settlements":
                return AccountPage(settlements=tuple(row for row in self._settlements if asked(row.market)))
            case "orders" | "history":
                return AccountPage()  # nothing rests

    async def mode(self) -> VenueMode:
        """The venue's own; what only our key may not do stops no paper order."""
        mode = await self._reads.mode()
        return VenueMode(venue=mode.venue, mode="normal", detail=mode.detail) if mode.ours else mode

    async def warm(self) -> None:
        await self._reads.warm()

    async def updates(self) -> AsyncIterator[LegResult]:
        """Each result as it happens, also of orders whose sender no longer waits."""
        queue: asyncio.Queue[LegResult] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    async def close(self) -> None:
        await self._reads.close()

    def _no(self, code: str, detail: str) -> Rejected:
        return Rejected(self.venue, code, detail)


def paper_client(
    venue: Venue,
    *,
    reads: Reads,
    book_of: Callable[[MarketId], BookView | None],
    clock: Clock,
    cash: Money,
    sleep: Callable[[float], Awaitable[None]],
    held: Mapping[tuple[MarketId, Outcome], Size] | None = None,
    latency_ns: int = LATENCY_NS,
) -> PaperClient:
    """A paper account kept as the venue keeps the real one, with this cash on each of its shards."""
    shards, sizing, nets = _KEPT[venue]
    return PaperClient(
        venue,
        reads=reads,
        book_of=book_of,
        clock=clock,
        cash=dict.fromkeys(shards, cash),
        sizing=sizing,
        nets=nets,
        held=held,
        latency_ns=latency_ns,
        sleep=sleep,
    )
