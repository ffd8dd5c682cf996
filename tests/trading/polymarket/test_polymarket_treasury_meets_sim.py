"""The treasury and session keys against the simulated venue's relayer, chain and index."""

from typing import Any

import pytest
from polymarket_meeting import CASH, OWNER, Meeting

from trading.clock import SECOND
from trading.errors import Rejected
from trading.market import Action, Market, Outcome
from trading.order import Tif
from trading.polymarket.calls import MAX_UINT256, merge, split
from trading.polymarket.client import PolymarketClient
from trading.polymarket.credentials import create_builder_key
from trading.polymarket.relayer import Relayer, RelayerKey
from trading.polymarket.rest import PolymarketRest
from trading.polymarket.session_keys import SessionAccount, SessionKeys
from trading.polymarket.sign import RequestSigner
from trading.polymarket.treasury import PolymarketTreasury
from trading.secrets import Secret
from trading.treasury import Applied, Step
from trading.units import DOLLAR, ONE, Money, Price
from trading.venue import AccountQuery


class Bank(Meeting):
    """A meeting with a treasury; its sleeps let the venue's time pass."""

    def __init__(self, kind: int = 3, version: str = "v1", neg_risk: bool = False, **changes: Any) -> None:
        super().__init__(kind, version, neg_risk, **{"relayer_key": "rk", "allowance": Money(MAX_UINT256), **changes})
        key = RelayerKey(Secret("rk"), OWNER)
        self.relayer = Relayer(self, "http://venue/relayer", self.account, key, self.clock, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.advance(max(1, round(seconds)))

    async def open(self) -> Market:
        market = await super().open()
        self.treasury = PolymarketTreasury(self.client.holdings, self.relayer)
        return market

    async def pairs(self, size: int) -> None:
        """Buy both outcomes and let the chain and its index follow."""
        await self.trade(Action.BUY, Outcome.YES, 5500, size)
        await self.trade(Action.BUY, Outcome.NO, 5000, size)
        self.advance(30)

    async def step(self, kind: str, wanted: int = 10**13) -> Step:
        return next(step for step in await self.treasury.steps({0: Money(wanted)}) if step.kind == kind)

    async def cash(self) -> Money:
        await self.client.holdings.refresh()
        return (await self.client.holdings.free_cash())[0]


KINDS = [(1, "v1", False), (2, "v1", True), (3, "v1", False), (3, "v1", True), (3, "v2", False)]


@pytest.mark.parametrize(("kind", "version", "neg_risk"), KINDS)
async def test_pairs_are_merged_into_cash(kind: int, version: str, neg_risk: bool) -> None:
    """Every kind of wallet, on every kind of market: a pair is a dollar again, to the unit, and nothing is left to merge."""
    bank = Bank(kind, version, neg_risk)
    await bank.open()
    await bank.pairs(4_000_000)
    before = await bank.cash()
    step = await bank.step("merge")
    done = await bank.treasury.apply(step)
    again = await bank.treasury.apply(step)

    assert step.amount == 4_000_000
    assert done.done, done.detail
    assert await bank.cash() - before == 4 * DOLLAR
    assert again.done
    assert "nothing" in again.detail


@pytest.mark.parametrize(("kind", "version", "neg_risk"), KINDS)
async def test_resolved_tokens_are_redeemed(kind: int, version: str, neg_risk: bool) -> None:
    """What the winner pays comes back; the loser's tokens are worth nothing and are not waited for."""
    bank = Bank(kind, version, neg_risk)
    market = await bank.open()
    await bank.pairs(4_000_000)
    bank.sim.resolve(market.id, ONE)
    bank.advance(10)
    before = await bank.cash()
    shown = [asset.amount for asset in await bank.treasury.assets() if asset.kind == "redeemable"]
    done = await bank.treasury.apply(await bank.step("redeem"))

    assert shown == [4_000_000]
    assert done.done, done.detail
    assert await bank.cash() - before == 4 * DOLLAR


async def test_a_tie_pays_half() -> None:
    """0.5/0.5: every token is fifty cents."""
    bank = Bank()
    market = await bank.open()
    await bank.pairs(4_000_000)
    bank.sim.resolve(market.id, Price(ONE // 2))
    bank.advance(10)
    before = await bank.cash()
    await bank.treasury.apply(await bank.step("redeem"))

    assert await bank.cash() - before == 4 * DOLLAR


async def test_unapproved_wallet_is_made_ready_to_trade() -> None:
    """Refresh, then every missing permission: afterwards nothing is missing and an order fills."""
    bank = Bank(allowance=Money(0), approved=False)
    await bank.open()
    _, refused = await bank.trade(Action.BUY, Outcome.YES, 5600, 10_000_000)
    applied: list[Applied] = []
    for step in await bank.treasury.steps({0: Money(1)}):
        applied.append(await bank.treasury.apply(step))
    bank.advance(10)
    left = await bank.treasury.steps({0: Money(1)})
    _, filled = await bank.trade(Action.BUY, Outcome.YES, 5600, 10_000_000)

    assert refused.code == "no_balance"
    assert [one.step.kind for one in applied] == ["refresh", "approve", "approve", "approve"]
    assert all(one.done for one in applied), [one.detail for one in applied]
    assert left == ()
    assert filled.state == "filled"


async def test_stale_copy_is_refreshed_not_approved() -> None:
    """The chain permits, the CLOB has not looked: one refresh and orders are taken (polymarket.md 14)."""
    bank = Bank()
    await bank.open()
    bank.sim.stale_cache(OWNER)
    steps = await bank.treasury.steps({0: Money(1)})
    for step in steps:
        await bank.treasury.apply(step)

    assert [step.kind for step in steps] == ["refresh"]
    assert await bank.treasury.steps({0: Money(1)}) == ()


async def test_lost_submit_is_done_once() -> None:
    """The relayer took it and its answer was lost: asked again, nothing is merged twice."""
    bank = Bank()
    await bank.open()
    await bank.pairs(4_000_000)
    before = await bank.cash()
    step = await bank.step("merge")
    bank.sim.fail_next_submit("drop")
    lost = await bank.treasury.apply(step)
    during = await bank.treasury.apply(step)
    bank.advance(10)
    found = await bank.treasury.apply(step)

    assert (lost.done, lost.pending, during.done, during.pending) == (False, True, False, True)
    assert found.done, found.detail
    assert await bank.cash() - before == 4 * DOLLAR


@pytest.mark.parametrize(("fault", "first"), [("busy", True), ("fail", False), ("500", False)])
async def test_relayer_faults_end_in_one_merge(fault: str, first: bool) -> None:
    """Busy is waited out, a revert and a 500 are told; the next try merges, once."""
    bank = Bank()
    await bank.open()
    await bank.pairs(4_000_000)
    before = await bank.cash()
    step = await bank.step("merge")
    bank.sim.fail_next_submit(fault)
    told = await bank.treasury.apply(step)
    done = await bank.treasury.apply(step)

    assert told.done is first, told.detail
    assert done.done, done.detail
    assert await bank.cash() - before == 4 * DOLLAR


async def test_split_makes_what_merge_takes() -> None:
    """Cash into pairs and back costs nothing."""
    bank = Bank()
    market = await bank.open()
    terms = {"version": market.version, "neg_risk": market.neg_risk}
    made = await bank.relayer.run("split 5", [split(market.id, 5_000_000, **terms)])
    held = await bank.client.holdings.shares(market)
    merged = await bank.relayer.run("merge 5", [merge(market.id, 5_000_000, **terms)])

    assert (made.state, held, merged.state) == ("done", (5_000_000, 5_000_000), "done")
    assert await bank.cash() == CASH


async def test_session_key_trades_until_it_is_revoked() -> None:
    """Granted with a builder key it derives its own API key, trades for the wallet, sees its own orders, and then no more."""
    bank = Bank()
    market = await bank.open()
    derived = await bank.client.derive_credentials()
    rest = PolymarketRest(bank, "http://venue", bank.clock, RequestSigner(derived, bank.account.address), sleep=bank.sleep)
    builder = await create_builder_key(rest)
    relayer = Relayer(bank, "http://venue/relayer", bank.account, builder, bank.clock, sleep=bank.sleep)
    keys = SessionKeys(rest, relayer, bank.account, bank.clock, bank.ids)
    secret = Secret("0x" + "11" * 32)
    session = SessionAccount(secret, bank.account.maker)
    granted = await keys.authorize(session.address, lasts_s=3600)
    listed = await keys.listed()
    bank.client = PolymarketClient(bank, "http://venue", "http://venue/data", session, None, bank.clock, bank.ids)
    await bank.client.derive_credentials()
    bank.client.remember([market])
    _, resting = await bank.trade(Action.BUY, Outcome.YES, 100, 500_000_000, Tif.GTC)
    _, filled = await bank.trade(Action.BUY, Outcome.YES, 5600, 10_000_000)
    own = (await bank.client.account(AccountQuery(what="orders"))).orders
    revoked = await keys.revoke(session.address)
    _, refused = await bank.trade(Action.BUY, Outcome.YES, 5600, 10_000_000)

    assert granted.state == "done"
    assert [(key.address, key.may_trade(bank.clock.wall_ns() // SECOND)) for key in listed] == [(session.address, True)]
    assert (resting.state, filled.state) == ("resting", "filled")
    assert len(own) == 1
    assert revoked.state == "done"
    assert refused.state == "rejected"


async def test_plain_keys_are_told_what_to_do() -> None:
    """A type 0 wallet has no relayer: the sentence says so, and nothing is sent."""
    bank = Bank(0, allowance=Money(0), approved=False)
    await bank.open()
    treasury = PolymarketTreasury(bank.client.holdings, None)
    step = next(step for step in await treasury.steps({0: Money(1)}) if step.kind == "approve")

    with pytest.raises(Rejected, match="no relayer key"):
        await treasury.apply(step)
