"""Promises of the paper venue: fills happen later, smaller and once; money and contracts add up; nothing leaves the process."""

import asyncio

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trading.book import Book
from trading.clock import SECOND, ManualClock
from trading.errors import Misuse, Rejected
from trading.execute import execute_leg, resolve_leg
from trading.fees import KalshiOrderFees, fee_of_fill
from trading.ids import SeededIds, leg_id
from trading.journal import MemoryJournal
from trading.market import KALSHI, POLYMARKET, Action, FeeTerms, Market, MarketId, Outcome
from trading.order import LegRequest, Tif, Want
from trading.paper import PaperClient, paper_client
from trading.units import DOLLAR, ONE, Money, MonoNs, Price, Size, WallNs
from trading.venue import AccountQuery, Payout, VenueMode

START = Money(10_000_000_000)
CENTS = ((Price(0), ONE, Price(100)),)
K_MARKET = Market(
    id=MarketId("KX"),
    venue=KALSHI,
    event_id="E",
    question="?",
    grid=CENTS,
    min_size=Size(10_000),
    shard=3,
    fees=FeeTerms(schedule="kalshi", taker=70_000_000),
)
P_MARKET = Market(
    id=MarketId("0xc"),
    venue=POLYMARKET,
    event_id="E",
    question="?",
    grid=CENTS,
    min_size=Size(10_000),
    min_cost=Money(1_000_000),
    hold_ns=SECOND,
    fees=FeeTerms(schedule="polymarket", taker=50_000_000),
)


class Desk:
    """A paper client, its clock and the one book it trades on."""

    def __init__(self, market: Market, *, cash: int = START, haircut: int = 75) -> None:
        self.market = market
        self.clock = ManualClock()
        self.ids = SeededIds(self.clock, 1)
        self.book = Book(market.id)
        self.slept: list[float] = []
        self.before_fill = lambda: None
        self.paid: Money | None = None
        self.client = PaperClient(
            market.venue,
            reads=self,
            book_of=lambda _: self.book,
            clock=self.clock,
            cash={market.shard: Money(cash)},
            sizing="cash" if market.venue == POLYMARKET else "contracts",
            nets=market.venue == KALSHI,
            haircut_percent=haircut,
            sleep=self.sleep,
        )
        self.show(asks={5_000: 100, 5_200: 100}, bids={4_800: 100})

    async def payout(self, market: MarketId) -> Payout | None:
        return None if self.paid is None else Payout(self.paid, WallNs(7))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(round(seconds * SECOND))
        if len(self.slept) % 2:
            self.before_fill()
        await asyncio.sleep(0)

    def show(self, *, asks: dict[int, int], bids: dict[int, int]) -> None:
        def side(levels: dict[int, int]) -> dict[Price, Size]:
            return {Price(price): Size(size * 1_000_000) for price, size in levels.items()}

        self.book.apply_snapshot(side(bids), side(asks), self.clock.mono_ns())

    def leg(self, size: float, limit: int, *, outcome=Outcome.YES, action=Action.BUY, tif=Tif.IOC, world="paper") -> LegRequest:
        want = Want(
            market=self.market.id,
            outcome=outcome,
            action=action,
            limit=Price(limit),
            size=Size(round(size * 1_000_000)),
            tif=tif,
        )
        return LegRequest(
            leg_id=leg_id(self.ids.arb(), 0, 0),
            want=want,
            venue=self.market.venue,
            purpose="open",
            max_cost=Money(10**12),
            world=world,
            epoch=1,
            deadline=MonoNs(self.clock.mono_ns() + 5 * SECOND),
        )

    async def trade(self, *args, **kwargs):
        prepared = self.client.prepare(self.leg(*args, **kwargs), self.market, self.ids, self.clock)
        return await self.client.send(await self.client.sign(prepared), deadline=MonoNs(0))

    async def cash(self) -> int:
        return sum(row.cash for row in (await self.client.account(AccountQuery(what="balances"))).balances)

    async def positions(self) -> list[int]:
        return [row.size for row in (await self.client.account(AccountQuery(what="positions"))).positions]


async def test_fill_meets_the_book_of_then():
    """The order fills at t + latency + hold against the book of that moment, not the one it was decided on."""
    desk = Desk(P_MARKET)
    desk.before_fill = lambda: desk.show(asks={5_100: 100}, bids={})

    result = await desk.trade(10, 5_100)

    assert [fill.price for fill in result.fills] == [5_100]
    assert desk.slept == [1.1, 0.1]


async def test_vanished_level_is_a_miss():
    """What is gone when the order arrives is not filled."""
    desk = Desk(K_MARKET)
    desk.before_fill = lambda: desk.show(asks={6_000: 100}, bids={})

    result = await desk.trade(10, 5_100)

    assert (result.state, result.code, result.filled) == ("none", "no_match", 0)
    assert await desk.cash() == START


async def test_unready_book_fills_nothing():
    """A book that cannot prove itself gives no paper fill."""
    desk = Desk(K_MARKET)
    desk.before_fill = desk.book.lose

    assert (await desk.trade(10, 5_100)).state == "none"


async def test_haircut_and_each_unit_once():
    """At most three quarters of what is shown, and no unit twice until its level changes."""
    desk = Desk(K_MARKET)

    first = await desk.trade(200, 5_000)
    second = await desk.trade(200, 5_000)
    desk.show(asks={5_000: 120}, bids={})
    third = await desk.trade(200, 5_000)

    assert (first.state, first.filled) == ("partial", 75_000_000)
    assert (second.state, second.filled) == ("none", 0)
    assert third.filled == 90_000_000


async def test_mirrored_outcome_shares_the_depth():
    """B-442: buying NO takes YES bids; the same units cannot be taken again by selling YES."""
    desk = Desk(K_MARKET)
    await desk.trade(75, 5_000)

    no = await desk.trade(75, 5_200, outcome=Outcome.NO)
    sell = await desk.trade(10, 4_800, action=Action.SELL)

    assert no.filled == 75_000_000
    assert sell.state == "rejected"  # the YES went into sets with the NO, and nothing is left to sell


async def test_kalshi_costs_fees_and_netting_are_exact():
    """Fills at two levels pay the order's accumulated Kalshi fee; YES and NO cancel into a dollar at once."""
    desk = Desk(K_MARKET)

    result = await desk.trade(100, 5_200)
    fees = KalshiOrderFees(K_MARKET.fees)
    expected = [
        fees.fill(Price(5_000), Size(75_000_000), paid=Money(37_500_000)),
        fees.fill(Price(5_200), Size(25_000_000), paid=Money(13_000_000)),
    ]

    assert result.state == "filled" and result.settled
    assert [fill.fee for fill in result.fills] == expected
    assert await desk.cash() == START - 50_500_000 - sum(expected)
    assert await desk.positions() == [100_000_000]
    no = await desk.trade(75, 5_200, outcome=Outcome.NO)
    assert await desk.positions() == [25_000_000]
    assert await desk.cash() == START - 50_500_000 - sum(expected) - no.cost - no.fee + 75_000_000


async def test_cash_sized_buy_over_delivers():
    """A Polymarket buy spends its pUSD: below the limit it yields more contracts than asked for (polymarket.md 6.4)."""
    desk = Desk(P_MARKET)

    result = await desk.trade(10, 5_500)

    assert result.state == "filled"
    assert result.filled == 11_000_000 and result.cost == 5_500_000
    assert result.fee == fee_of_fill(P_MARKET.fees, Price(5_000), Size(11_000_000))


async def test_polymarket_sells_contracts_and_keeps_both_outcomes():
    """Sells are in contracts; YES and NO stay apart until they are merged."""
    desk = Desk(P_MARKET)
    await desk.trade(10, 5_000)

    sold = await desk.trade(4, 4_800, action=Action.SELL)
    await desk.trade(10, 5_200, outcome=Outcome.NO)

    assert sold.filled == 4_000_000 and sold.cost == -1_920_000
    assert await desk.positions() == [6_000_000, -10_000_000]
    before = await desk.cash()
    assert desk.client.merge(P_MARKET.id) == 6_000_000
    assert await desk.cash() == before + 6_000_000


async def test_fok_is_all_or_nothing():
    """A FOK that cannot be filled whole takes nothing and costs nothing."""
    desk = Desk(K_MARKET)

    killed = await desk.trade(100, 5_000, tif=Tif.FOK)
    whole = await desk.trade(75, 5_000, tif=Tif.FOK)

    assert (killed.state, killed.code) == ("none", "fill_or_kill")
    assert whole.state == "filled"


async def test_unfunded_shard_rejects():
    """Cash of another shard does not help, and the venue's word names the shard."""
    desk = Desk(K_MARKET, cash=1_000_000)

    result = await desk.trade(10, 5_000)

    assert (result.state, result.code) == ("rejected", "insufficient_balance")
    assert "shard 3" in result.detail


async def test_orders_in_flight_hold_their_cash():
    """Two orders at once cannot spend the same dollars."""
    desk = Desk(K_MARKET, cash=6_000_000)

    one, two = await asyncio.gather(desk.trade(10, 5_000), desk.trade(10, 5_000))

    assert sorted([one.state, two.state]) == ["filled", "rejected"]
    assert await desk.cash() >= 0


@pytest.mark.parametrize(
    ("market", "size", "limit", "extra", "code"),
    [
        (K_MARKET, 10, 5_050, {}, "off_grid"),
        (K_MARKET, 0.005, 5_000, {}, "bad_size"),
        (P_MARKET, 1.5, 5_000, {}, "min_cost"),
        (K_MARKET, 10, 5_000, {"tif": Tif.GTC}, "no_resting"),
        (K_MARKET, 10, 5_000, {"world": "live"}, "wrong_world"),
        (K_MARKET, 10, 5_000, {"world": "sim"}, "wrong_world"),
    ],
)
def test_rules_of_the_market_hold(market, size, limit, extra, code):
    """Grid, step, minimum, no resting, no real leg: refused as the venue would."""
    desk = Desk(market)

    with pytest.raises(Rejected) as no:
        desk.client.prepare(desk.leg(size, limit, **extra), market, desk.ids, desk.clock)

    assert no.value.code == code


def test_watch_only_market_is_refused():
    """A market without fee terms is never traded, on paper neither."""
    desk = Desk(msgspec.structs.replace(K_MARKET, fees=None))

    with pytest.raises(Rejected):
        desk.client.prepare(desk.leg(10, 5_000), desk.market, desk.ids, desk.clock)


async def test_cancelled_sender_does_not_recall_the_order():
    """The order goes on without its sender: held while under way, then filled, and find() tells."""
    desk = Desk(P_MARKET)
    asleep, forever = asyncio.Event(), asyncio.Event()

    async def sleep(_: float) -> None:
        asleep.set()
        await forever.wait()

    desk.client._sleep = sleep
    journal = MemoryJournal()
    leg = desk.leg(10, 5_000)
    execution = execute_leg(leg, venue=desk.client, market=P_MARKET, journal=journal, clock=desk.clock, ids=desk.ids)
    task = asyncio.create_task(execution)
    await asleep.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert journal.stored(leg.leg_id)[1].state == "unknown"
    assert (await desk.client.find(journal.prepared(leg.leg_id))).state == "held"

    async def tick(seconds: float) -> None:
        desk.clock.advance(round(seconds * SECOND))

    result = await resolve_leg(
        leg.leg_id,
        venue=desk.client,
        journal=journal,
        clock=desk.clock,
        deadline=MonoNs(desk.clock.mono_ns() + 5 * SECOND),
        sleep=tick,
    )

    assert (result.state, result.filled) == ("filled", 10_000_000)


async def test_never_sent_is_not_known():
    """find() of an order that was never sent is None, and cancelling it is a definite no."""
    desk = Desk(K_MARKET)
    prepared = desk.client.prepare(desk.leg(10, 5_000), K_MARKET, desk.ids, desk.clock)

    assert await desk.client.find(prepared) is None
    with pytest.raises(Rejected):
        await desk.client.cancel(prepared)


async def test_same_order_twice_is_a_bug():
    """A leg id names one order on paper, too."""
    desk = Desk(K_MARKET)
    signed = await desk.client.sign(desk.client.prepare(desk.leg(10, 5_000), K_MARKET, desk.ids, desk.clock))
    await desk.client.send(signed, deadline=MonoNs(0))

    with pytest.raises(Misuse):
        await desk.client.send(signed, deadline=MonoNs(0))


async def test_account_lists_fills_and_settlement():
    """Fills and settlements are listed; once the venue tells a payout no position is left, and the money arrives once."""
    desk = Desk(K_MARKET)
    result = await desk.trade(10, 5_000)
    early = await desk.client.payout(K_MARKET.id)
    held = await desk.positions()

    desk.paid = DOLLAR
    told = [await desk.client.payout(K_MARKET.id), await desk.client.payout(K_MARKET.id)]
    fills = (await desk.client.account(AccountQuery(what="fills", market=K_MARKET.id))).fills
    settled = (await desk.client.account(AccountQuery(what="settlements"))).settlements

    assert (early, len(held), told) == (None, 1, [Payout(DOLLAR, WallNs(7))] * 2)
    assert [(row.payout, row.revenue) for row in settled] == [(DOLLAR, 10_000_000)]
    assert [row.fill for row in fills] == list(result.fills)
    assert await desk.positions() == []
    assert await desk.cash() == START - result.cost - result.fee + 10_000_000


async def test_updates_tell_each_result():
    """The private stream repeats what orders came to."""
    desk = Desk(K_MARKET)
    stream = desk.client.updates()
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)

    result = await desk.trade(10, 5_000)

    assert await waiting == result
    await stream.aclose()


@given(
    orders=st.lists(
        st.tuples(
            st.sampled_from(list(Outcome)),
            st.sampled_from(list(Action)),
            st.integers(1, 99),
            st.integers(1, 20_000),
            st.sampled_from([Tif.IOC, Tif.FOK]),
        ),
        max_size=12,
    ),
    polymarket=st.booleans(),
)
@example(  # the cash left fitted the fee at the limit, 73c; it was filled at 50c and 52c, for more contracts and more fee
    orders=[(Outcome.YES, Action.BUY, 53, 1_500, Tif.IOC), (Outcome.YES, Action.BUY, 73, 2_921, Tif.IOC)], polymarket=True
)
def test_money_and_contracts_add_up(orders, polymarket):
    """Whatever is traded: cash changes by the fills alone, never below zero, and no level gives more than its haircut."""
    desk = Desk(P_MARKET if polymarket else K_MARKET, cash=30_000_000)

    async def play() -> None:
        spent = taken = 0
        for outcome, action, cents, hundredths, tif in orders:
            try:
                result = await desk.trade(hundredths / 100, cents * 100, outcome=outcome, action=action, tif=tif)
            except Rejected:
                continue
            spent += result.cost + result.fee
            taken += result.filled
            assert result.filled == sum(fill.size for fill in result.fills)
            assert all(fill.fee >= 0 for fill in result.fills)
            for fill in result.fills:
                assert fill.price <= cents * 100 if action is Action.BUY else fill.price >= cents * 100
        sets = desk.client.merge(desk.market.id) if polymarket else 0
        held = sum(abs(size) for size in await desk.positions())
        bought = sum(
            row.fill.size for row in (await desk.client.account(AccountQuery(what="fills"))).fills if row.fill.cost > 0
        )
        sold = taken - bought
        merged = (bought - sold - held) // 2
        assert await desk.cash() == 30_000_000 - spent + merged
        assert await desk.cash() >= 0
        assert taken <= 3 * 75_000_000 and sets >= 0

    asyncio.run(play())


@pytest.mark.parametrize(("ours", "told"), [(True, "normal"), (False, "disabled")])
async def test_paper_goes_on_where_only_our_own_key_may_not_trade(ours: bool, told: str) -> None:
    """A lapsed location attestation stops live orders; what the venue itself closes is closed on paper too."""

    class Lapsed:
        async def mode(self) -> VenueMode:
            return VenueMode(venue=KALSHI, mode="disabled", detail="attest the location", ours=ours)

    desk = Desk(K_MARKET)
    desk.client._reads = Lapsed()
    mode = await desk.client.mode()

    assert (mode.mode, mode.detail, mode.ours) == (told, "attest the location", False)


@pytest.mark.parametrize(("venue", "shards"), [(KALSHI, set(range(8))), (POLYMARKET, {0})])
async def test_an_account_has_cash_wherever_its_venue_may_ask_for_it(venue: str, shards: set[int]) -> None:
    """Controller, trader and a leg by hand open the same account: no leg is refused for the shard its market lies on."""
    client = paper_client(venue, reads=None, book_of=lambda _: None, clock=ManualClock(), cash=Money(5), sleep=asyncio.sleep)
    page = await client.account(AccountQuery(what="balances"))

    assert {balance.shard: balance.cash for balance in page.balances} == dict.fromkeys(shards, Money(5))
