"""Every request this client can make stands in the venue's published file, and every answer of the file can be read.

The file answers with samples of its own schemas: once with every field, once with the required ones alone.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kalshi_openapi import SpecHttp
from kalshi_rows import BASE, make_leg, make_market

from trading.clock import SECOND, ManualClock
from trading.ids import SeededIds
from trading.kalshi.catalogue import Catalogue, MarketTimes
from trading.kalshi.client import KalshiClient
from trading.kalshi.dealing import Dealing, Standing
from trading.kalshi.exchange import Exchange
from trading.kalshi.groups import OrderGroups
from trading.kalshi.poll import PolledFeed
from trading.kalshi.portfolio import Portfolio
from trading.kalshi.sign import KalshiSigner
from trading.kalshi.transfers import Transfers
from trading.market import MarketId
from trading.order import Tif
from trading.units import DOLLAR, Money, Size
from trading.venue import AccountQuery, Prepared

T = MarketId("KXNBAGAME-26NOV19UTAGSW-GSW")
KEY = Ed25519PrivateKey.generate()
TEN = Size(10_000_000)


class Bench:
    """A client whose venue is the file; sleeps move the clock."""

    def __init__(self, *, full: bool) -> None:
        self.http = SpecHttp(full=full)
        self.clock = ManualClock()
        self.ids = SeededIds(self.clock, 1)
        signer = KalshiSigner("key-id", "ed25519", KEY.sign)
        self.client = KalshiClient(self.http, BASE, signer, self.clock, ids=self.ids, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(round(seconds * SECOND))
        await asyncio.sleep(0)

    def order(self, tif: Tif = Tif.IOC, post_only: bool = False) -> Prepared:
        return self.client.prepare(make_leg(tif=tif, post_only=post_only), make_market(), self.ids, self.clock)

    async def send(self, order: Prepared) -> Any:
        return await self.client.send(await self.client.sign(order), deadline=order.leg.deadline)

    def want(self) -> Any:
        return make_leg(limit=5_500, tif=Tif.GTC).want


async def walk(pages: AsyncIterator[Any]) -> list[Any]:
    return [page async for page in pages]


Call = Callable[[Bench], Awaitable[Any]]
CALLS: dict[str, Call] = {
    # the life of a leg
    "find": lambda b: b.client.find(b.order()),
    "market": lambda b: b.client.market(T),
    "mode": lambda b: b.client.mode(),
    "warm": lambda b: b.client.warm(),
    "skew": lambda b: b.client.server_time_skew_ms(),
    "balances": lambda b: b.client.balances(),
    "account positions": lambda b: b.client.account(AccountQuery(what="positions", market=T, cursor="c")),
    "account orders": lambda b: b.client.account(AccountQuery(what="orders", market=T)),
    "account settlements": lambda b: b.client.account(AccountQuery(what="settlements")),
    "client events": lambda b: walk(b.client.event_pages(series_ticker="KXNBAGAME")),
    "client milestones": lambda b: b.client.milestones(minimum_start_date="2026-11-20T00:00:00Z"),
    "client series": lambda b: b.client.series(),
    # catalogue
    "Catalogue.series": lambda b: b.client.catalogue.series(
        category="Sports", tags="Basketball", min_updated_ts=1, include_volume=True
    ),
    "Catalogue.one_series": lambda b: b.client.catalogue.one_series("KXNBAGAME"),
    "Catalogue.event_pages": lambda b: walk(
        b.client.catalogue.event_pages(
            status="open",
            series_ticker="S",
            tickers=("A", "B"),
            with_milestones=True,
            min_close_ts=1,
            min_updated_ts=1,
        )
    ),
    "Catalogue.event": lambda b: b.client.catalogue.event("E"),
    "Catalogue.market_pages": lambda b: walk(
        b.client.catalogue.market_pages(
            status="settled",
            event_ticker="E",
            series_ticker="S",
            tickers=("A", "B"),
            times=MarketTimes(family="settled", at_least=1, at_most=2),
        )
    ),
    "markets by created": lambda b: walk(
        b.client.catalogue.market_pages(status="open", times=MarketTimes(family="created", at_least=1, at_most=2))
    ),
    "markets by close": lambda b: walk(
        b.client.catalogue.market_pages(times=MarketTimes(family="close", at_least=1, at_most=2))
    ),
    "markets by updated": lambda b: walk(b.client.catalogue.market_pages(times=MarketTimes(family="updated", at_least=1))),
    "Catalogue.market": lambda b: b.client.catalogue.market(T),
    "Catalogue.milestones": lambda b: b.client.catalogue.milestones(
        category="Sports",
        competition="Pro Basketball (M)",
        minimum_start_date="2026-11-20T00:00:00Z",
        kind="basketball_game",
        related_event_ticker="E",
        source_id="s",
        min_updated_ts=1,
    ),
    "Catalogue.milestone": lambda b: b.client.catalogue.milestone("m"),
    "Catalogue.structured_targets": lambda b: b.client.catalogue.structured_targets(
        ids=[f"id-{n}" for n in range(250)], kind="basketball_team", competition="NBA"
    ),
    "Catalogue.series_fee_changes": lambda b: b.client.catalogue.series_fee_changes(series_ticker="S", show_historical=True),
    "Catalogue.event_fee_changes": lambda b: b.client.catalogue.event_fee_changes(event_ticker="E"),
    # the venue and our standing
    "Exchange.status": lambda b: b.client.exchange.status(),
    "Exchange.maintenance": lambda b: b.client.exchange.maintenance(),
    "Exchange.hours": lambda b: b.client.exchange.hours(),
    "Exchange.limits": lambda b: b.client.exchange.limits(),
    "Exchange.costs": lambda b: b.client.exchange.costs(),
    "Exchange.rights": lambda b: b.client.exchange.rights(),
    # the account
    "Portfolio.orders": lambda b: walk(
        b.client.portfolio.orders(
            market=T, event_tickers=("E", "F"), status="resting", min_ts=1, max_ts=2, shard=3, subaccount=1
        )
    ),
    "Portfolio.order": lambda b: b.client.portfolio.order("o-1"),
    "Portfolio.fills": lambda b: walk(
        b.client.portfolio.fills(order_id="o-1", markets=(T, T), min_ts=1, max_ts=2, shard=3, subaccount=1)
    ),
    "Portfolio.positions": lambda b: walk(
        b.client.portfolio.positions(market=T, event_ticker="E", settlement="all", shard=3, subaccount=1)
    ),
    "Portfolio.settlements": lambda b: walk(
        b.client.portfolio.settlements(market=T, event_ticker="E", min_ts=1, max_ts=2, subaccount=1)
    ),
    "Portfolio.queue": lambda b: b.client.portfolio.queue([T, T]),
    # orders that stand
    "Dealing.amend": lambda b: b.client.dealing.amend(b.order(Tif.GTC), "o-1", b.want(), make_market()),
    "Dealing.decrease": lambda b: b.client.dealing.decrease(b.order(Tif.GTC), "o-1", by=TEN),
    "decrease to": lambda b: b.client.dealing.decrease(b.order(Tif.GTC), "o-1", to=TEN),
    "Dealing.place_many": lambda b: b.client.dealing.place_many([b.order(), b.order(Tif.GTC, post_only=True)]),
    "Dealing.cancel_many": lambda b: b.client.dealing.cancel_many([Standing("o-1", T, 3), Standing("o-2", T, 0)]),
    "Dealing.cancel_all": lambda b: b.client.dealing.cancel_all(),
    "cancel all of one": lambda b: b.client.dealing.cancel_all(subaccount=2),
    # groups
    "OrderGroups.create": lambda b: b.client.groups.create(TEN, shard=3, subaccount=1),
    "OrderGroups.listed": lambda b: b.client.groups.listed(subaccount=1),
    "OrderGroups.get": lambda b: b.client.groups.get("g-1", subaccount=1),
    "OrderGroups.reset": lambda b: b.client.groups.reset("g-1", shard=3),
    "OrderGroups.trigger": lambda b: b.client.groups.trigger("g-1", shard=3),
    "OrderGroups.set_limit": lambda b: b.client.groups.set_limit("g-1", TEN, shard=3),
    "OrderGroups.delete": lambda b: b.client.groups.delete("g-1", shard=3),
    # money
    "Transfers.move": lambda b: b.client.transfers.move(
        Money(12_345_600), source=0, target=3, client_id=b.client.transfers.new_id()
    ),
    "Transfers.one": lambda b: b.client.transfers.one("t-1"),
    "Transfers.listed": lambda b: walk(b.client.transfers.listed()),
    "Transfers.find": lambda b: b.client.transfers.find("c-1"),
    "Transfers.pending": lambda b: b.client.transfers.pending(),
    "Transfers.allocation": lambda b: b.client.transfers.allocation(),
    "Transfers.set_allocation": lambda b: b.client.transfers.set_allocation({0: 60, 3: 40}, reservation="max"),
    "allocation off": lambda b: b.client.transfers.set_allocation({}),
    "treasury assets": lambda b: b.client.treasury().assets(),
    "treasury steps": lambda b: b.client.treasury().steps({3: Money(5 * DOLLAR)}),
}


@pytest.mark.parametrize("full", [True, False], ids=["every field", "required fields"])
@pytest.mark.parametrize("name", CALLS)
async def test_every_call_fits_the_published_file(name: str, full: bool) -> None:
    """Path, method, parameters, body and signature are the file's; its answer is read, with and without optional fields."""
    await CALLS[name](Bench(full=full))


@pytest.mark.parametrize("tif", list(Tif))
@pytest.mark.parametrize("grouped", [False, True])
async def test_every_order_fits_the_published_file(tif: Tif, grouped: bool) -> None:
    """Creates of every time in force, in and out of a group. The sample answers for another order: that is in doubt."""
    bench = Bench(full=False)
    if grouped:
        bench.client.use_group(3, "g-1")
    order = bench.order(tif, post_only=tif is Tif.GTC)

    result = await bench.send(order)

    assert ("POST", "/portfolio/events/orders") in bench.http.asked
    assert order.fields.get("order_group_id") == ("g-1" if grouped else None)
    assert (order.fields["exchange_index"], result.venue_order_id) == (3, "o-1")


async def test_a_cancel_fits_the_published_file() -> None:
    """It names shard and market, and reads the order's own record."""
    bench = Bench(full=False)
    order = bench.order(Tif.GTC, post_only=True)
    await bench.send(order)

    await bench.client.cancel(order)

    assert ("DELETE", "/portfolio/events/orders/{order_id}") in bench.http.asked


async def test_the_book_and_the_polled_books_fit_the_published_file() -> None:
    """The bulk read repeats its parameter."""
    bench = Bench(full=False)
    feed = PolledFeed(bench.http, BASE, bench.clock, lambda event: None, interval_s=1.0, sleep=bench.sleep)
    feed.watch([make_market(), make_market("KXNBAGAME-26NOV19UTAGSW-UTA")])

    await feed.poll()
    await bench.client.book(T)

    assert {("GET", "/markets/orderbooks"), ("GET", "/markets/{ticker}/orderbook")} <= bench.http.asked


def test_no_method_is_left_out() -> None:
    """Every public method that talks to the venue stands in the table above."""
    for kind in (Catalogue, Exchange, Portfolio, Dealing, OrderGroups, Transfers):
        for name, member in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_") and (inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member)):
                assert f"{kind.__name__}.{name}" in CALLS, f"{kind.__name__}.{name} is not held against the file"
