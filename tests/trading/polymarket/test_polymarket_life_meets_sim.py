"""A trader's life against the simulated venue: batches, cancels, limits, holds, modes, heartbeat, money."""

from polymarket_meeting import CASH, Meeting

from trading.clock import SECOND
from trading.ids import leg_id
from trading.market import POLYMARKET, Action, Outcome
from trading.order import LegRequest, Tif, Want
from trading.polymarket.contracts import EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE
from trading.polymarket.credentials import api_keys, closed_only
from trading.units import ONE, Money, MonoNs, Price, Size
from trading.venue import AccountQuery, Payout, SignedOrder


async def signed(meeting: Meeting, limit: int, size: int, tif: Tif = Tif.GTC) -> SignedOrder:
    want = Want(
        market=meeting.market.id,
        outcome=Outcome.YES,
        action=Action.BUY,
        limit=Price(limit),
        size=Size(size),
        tif=tif,
    )
    leg = LegRequest(
        leg_id=leg_id(meeting.ids.arb(), 0, 0),
        want=want,
        venue=POLYMARKET,
        purpose="open",
        max_cost=CASH,
        world="sim",
        epoch=1,
        deadline=MonoNs(meeting.clock.mono_ns() + 5 * SECOND),
    )
    client = meeting.client
    return await client.sign(client.prepare(leg, meeting.market, meeting.ids, meeting.clock))


async def open_ids(meeting: Meeting) -> set[str]:
    page = await meeting.client.account(AccountQuery(what="orders"))
    return {order.venue_order_id for order in page.orders}


async def test_batches_rest_fill_and_miss_leg_by_leg() -> None:
    """One request, three fates; the venue's own list of open orders agrees."""
    meeting = Meeting()
    await meeting.open()
    orders = [
        await signed(meeting, 100, 500_000_000),
        await signed(meeting, 5600, 10_000_000, Tif.IOC),
        await signed(meeting, 5000, 10_000_000, Tif.IOC),
    ]
    results = await meeting.client.send_batch(orders, deadline=orders[0].prepared.leg.deadline)

    assert [result.state for result in results] == ["resting", "filled", "none"]
    assert await open_ids(meeting) == {orders[0].prepared.venue_order_id}
    assert results[2].detail.startswith(f"{meeting.market.id}: BUY 10 YES at 0.5000 FAK: nobody offered")


async def test_every_cancel_takes_its_orders() -> None:
    """One, many, a market's, all: what each leaves behind is what the venue lists."""
    meeting = Meeting()
    await meeting.open()
    orders = [await signed(meeting, 100 * number, 500_000_000) for number in range(1, 7)]
    deadline = orders[0].prepared.leg.deadline
    results = await meeting.client.send_batch(orders, deadline=deadline)
    ids = [result.venue_order_id for result in results]
    cancels = meeting.client.cancels
    one = await cancels.one(ids[0])
    many = await cancels.many([*ids[:3], "0x00"])
    left = await open_ids(meeting)
    market = await cancels.market(meeting.market.id, meeting.market.tokens[1])
    everything = await cancels.all()

    assert one.canceled == (ids[0],)
    assert set(many.canceled) == set(ids[1:3])
    assert set(many.kept) == {ids[0], "0x00"}
    assert left == set(ids[3:])
    assert market.canceled == ()
    assert set(everything.canceled) == set(ids[3:])
    assert await open_ids(meeting) == set()


async def test_budget_follows_the_venues_own_count() -> None:
    """After each answer our count is at most the venue's, and no order of ours ever meets its 429."""
    meeting = Meeting()
    await meeting.open()
    orders = [await signed(meeting, 100, 500_000_000) for _ in range(50)]
    deadline = orders[0].prepared.leg.deadline
    codes = set()
    for start in range(0, 45, 15):
        batch = orders[start : start + 15]
        codes |= {result.state for result in await meeting.client.send_batch(batch, deadline=deadline)}

    assert codes == {"resting"}
    assert meeting.client.budget.statistics().orders == 15
    assert meeting.client.budget.statistics().tier == "standard"


async def test_hold_is_measured_as_it_was_met() -> None:
    """A market declared free holds a taker for three seconds: the market says so from now on (B-445)."""
    meeting = Meeting()
    market = await meeting.open()
    meeting.sim.set_hold(market.id, 3 * SECOND)
    order, held = await meeting.trade(Action.BUY, Outcome.YES, 5600, 10_000_000)
    meeting.advance(3)
    result = await meeting.client.find(order)
    meeting.sim.set_hold(market.id, 0)

    assert held.state == "held"
    assert result is not None
    assert dict(result.stages)["released"] - dict(result.stages)["held"] == 3 * SECOND
    assert meeting.client.holds.measured() == {market.id: (3 * SECOND,)}
    assert (await meeting.client.market(market.id)).hold_ns == 3 * SECOND


async def test_restart_closes_then_post_only_then_normal_by_itself() -> None:
    """425, then two minutes of 503, then trading: each refusal definite, the mode told before the next order (B-426)."""
    meeting = Meeting()
    await meeting.open()
    meeting.sim.restart()
    _, refused = await meeting.trade(Action.BUY, Outcome.YES, 5600, 10_000_000)
    first = (await meeting.client.mode()).mode
    meeting.advance(95)
    _, again = await meeting.trade(Action.BUY, Outcome.YES, 5600, 10_000_000)
    second = (await meeting.client.mode()).mode
    meeting.advance(125)
    third = (await meeting.client.mode()).mode
    _, done = await meeting.trade(Action.BUY, Outcome.YES, 5600, 10_000_000)

    assert (refused.code, first) == ("engine_restarting", "restarting")
    assert (again.code, second) == ("post_only_mode", "post_only")
    assert (third, done.state) == ("normal", "filled")


async def test_heartbeat_keeps_resting_orders_and_its_end_takes_them() -> None:
    """Beaten every 5 s an order stays; 10 s without a beat and the venue has cancelled it."""
    meeting = Meeting()
    await meeting.open()
    order = await signed(meeting, 100, 500_000_000)
    await meeting.client.send(order, deadline=order.prepared.leg.deadline)
    lapses: list[str] = []
    heart = meeting.client.heartbeat(on_lapse=lapses.append)
    for _ in range(6):
        assert await heart.beat()
        meeting.advance(5)
    kept = await open_ids(meeting)
    meeting.advance(11)
    gone = await open_ids(meeting)

    assert kept == {order.prepared.venue_order_id}
    assert gone == set()
    assert await heart.beat()
    assert len(lapses) == 1


async def test_wallet_is_read_as_the_venue_keeps_it() -> None:
    """Keys, ban status, balance, allowances per exchange; a stale copy is mended by one refresh."""
    meeting = Meeting()
    await meeting.open()
    client = meeting.client
    holdings = client.holdings
    meeting.sim.stale_cache("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    stale = await holdings.allowance()
    await holdings.refresh()
    fresh = await holdings.allowance()

    assert (stale.balance, fresh.balance) == (0, CASH)
    assert set(fresh.spenders) >= {spender.lower() for spender in (EXCHANGE, NEG_RISK_EXCHANGE, EXCHANGE_V3)}
    assert await holdings.free_cash() == (CASH, Money(0))
    assert len(await api_keys(client._rest)) >= 1
    assert await closed_only(client._rest) is False


async def test_the_payout_is_told_once_the_market_is_resolved() -> None:
    """Nothing while it trades, then which token won: half a dollar for a 50-50 (polymarket.md 13)."""
    for price, paid in ((ONE, 1_000_000), (Price(0), 0), (Price(ONE // 2), 500_000)):
        meeting = Meeting()
        await meeting.open()
        assert await meeting.client.payout(meeting.market.id) is None
        meeting.sim.resolve(meeting.market.id, price)
        assert await meeting.client.payout(meeting.market.id) == Payout(Money(paid))
