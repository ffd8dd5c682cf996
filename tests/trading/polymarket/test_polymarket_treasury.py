"""Polymarket's treasury over scripted answers: what stands where, what is missing, each step once."""

from typing import Any

import pytest
from fakes import FakeHttp, reply
from polymarket_desk import Desk, page
from polymarket_rows import ACCOUNT, KEY, WALLET

from trading.clock import ManualClock
from trading.errors import BadAnswer, Misuse, Rejected, UnknownOutcome
from trading.polymarket.contracts import CTF, EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE, PERMISSIONS, PUSD
from trading.polymarket.relayer import Relayer, RelayerKey
from trading.polymarket.treasury import PolymarketTreasury
from trading.secrets import Secret
from trading.treasury import Step, Treasury
from trading.units import Money

ONE = "0x" + "ab" * 32
ALL = 2**256 - 1
SPENDERS = (EXCHANGE, NEG_RISK_EXCHANGE, EXCHANGE_V3)


def row(index: int, size: float, price: float = 0.5, market: str = ONE, **changes: Any) -> dict[str, Any]:
    base = {"condition_id": market, "token_id": f"{market[-2:]}{index}", "opposite_token_id": f"{market[-2:]}{1 - index}"}
    base |= {"outcome_index": index, "current_size": size, "current_price": price, "negative_risk": False}
    return base | changes


class Vault:
    """A treasury with a CLOB, an index and a relayer that answer as told."""

    def __init__(self, *, relayer: bool = True) -> None:
        self.desk = Desk()
        self.http = self.desk.http
        self.relay = FakeHttp()
        self.slept: list[float] = []
        chosen = Relayer(
            self.relay, "https://r.test", ACCOUNT, RelayerKey(Secret("k"), ACCOUNT.address), ManualClock(), sleep=self.sleep
        )
        self.treasury = PolymarketTreasury(self.desk.client.holdings, chosen if relayer else None)
        self.cash("100000000", dict.fromkeys(SPENDERS, str(ALL)))
        self.http.on("GET", "/data/orders", page())
        self.http.on("GET", "/balance-allowance/update", {})
        self.index({"MERGEABLE": [], "REDEEMABLE": []})
        self.permitted(*PERMISSIONS)
        self.relay.on("GET", "/v1/account/transactions/params", {"nonce": "3", "address": WALLET})
        self.relay.on("GET", "/deployed", {"deployed": True})
        self.relay.on("POST", "/submit", {"transactionID": "t", "state": "STATE_NEW"})
        self.relay.on("GET", "/v1/account/transactions/t", {"state": "STATE_CONFIRMED", "transaction_hash": "0xh"})

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def cash(self, balance: str, spenders: dict[str, str], shares: dict[str, str] | None = None) -> None:
        def answer(call: Any) -> Any:
            token = call.asked("token_id")
            body = {"balance": (shares or {}).get(token, "0") if token else balance, "allowances": spenders}
            return reply(200, body)

        self.http.on("GET", "/balance-allowance", answer)

    def index(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        self.http.on("GET", "/v2/positions", lambda call: reply(200, {"data": rows[call.asked("status") or ""]}))

    def permitted(self, *rows: Any) -> None:
        contracts = [{"token": p.token, "spender": p.spender, "approved": True, "amount": "max"} for p in rows]
        body = {"data": {"address": WALLET.lower(), "chain_id": 137, "contracts": contracts}}
        self.http.on("GET", "/v2/approvals", body)

    async def kinds(self, wanted: int) -> list[str]:
        return [step.kind for step in await self.treasury.steps({0: Money(wanted)})]

    async def first(self, kind: str, wanted: int = 10**12) -> Step:
        return next(step for step in await self.treasury.steps({0: Money(wanted)}) if step.kind == kind)

    def submits(self) -> int:
        return sum(call.path == "/submit" for call in self.relay.calls)


async def test_it_is_a_treasury_and_shows_what_stands_where() -> None:
    """Cash less what open buys hold, an allowance per exchange, pairs at a dollar, resolved tokens at what they pay."""
    vault = Vault()
    treasury: Treasury = vault.treasury
    buy = {"id": "1", "market": ONE, "side": "BUY", "price": "0.5", "original_size": "30", "size_matched": "10"}
    vault.http.on("GET", "/data/orders", page(buy))
    won = [row(0, 4, 0.0, "0xcd"), row(1, 3, 1.0, "0xcd")]
    vault.index({"MERGEABLE": [row(0, 5.5), row(1, 7)], "REDEEMABLE": won})
    shown = await treasury.assets()

    assert [(a.kind, a.amount, a.market) for a in shown] == [
        ("cash", 90_000_000, None),
        *[("allowance", None, None)] * 3,
        ("mergeable", 5_500_000, ONE),
        ("redeemable", 3_000_000, "0xcd"),
    ]
    assert shown[0].place == WALLET
    assert "$10 more" in shown[0].detail


async def test_stale_copy_of_an_allowance_is_told_from_a_missing_one() -> None:
    """Permitted on chain but unseen by the CLOB is refreshed; not permitted at all is approved (polymarket.md 14)."""
    vault = Vault()
    vault.cash("100000000", dict.fromkeys(SPENDERS, "0"))
    stale = [asset.detail for asset in await vault.treasury.assets() if asset.kind == "allowance"]
    only_refresh = await vault.kinds(1)
    vault.permitted(*(p for p in PERMISSIONS if p.token != PUSD))
    both = await vault.treasury.steps({0: Money(1)})

    assert all("stale" in detail for detail in stale)
    assert only_refresh == ["refresh"]
    assert [step.kind for step in both] == ["refresh", "approve"]
    assert both[1].fields["token"] == PUSD
    assert "without limit" in both[1].what


async def test_nothing_is_missing_when_cash_and_permissions_stand() -> None:
    assert await Vault().kinds(100_000_000) == []


async def test_permissions_that_run_out_count_as_missing() -> None:
    """An exact amount, however large, ends one day; a refused flag is none; foreign rows are read past."""
    vault = Vault()
    rows = [{"token": p.token, "spender": p.spender, "approved": True, "amount": "max"} for p in PERMISSIONS]
    rows[0]["amount"] = "1000000"
    rows[6]["approved"] = False
    vault.http.on("GET", "/v2/approvals", {"data": {"address": WALLET, "contracts": [*rows, "odd", {"token": 1}]}})
    steps = await vault.treasury.steps({})

    assert [(step.fields["token"], step.fields["spenders"]) for step in steps] == [(PUSD, EXCHANGE), (CTF, EXCHANGE)]


async def test_short_cash_is_merged_then_redeemed_then_deposited() -> None:
    """Largest first, only as much as is missing; what remains is said to be a deposit."""
    vault = Vault()
    small = [row(0, 2, market="0xee"), row(1, 2, market="0xee")]
    won = [row(1, 3, 1.0, "0xcd")]
    vault.index({"MERGEABLE": [*small, row(0, 5), row(1, 5)], "REDEEMABLE": won})
    some = await vault.treasury.steps({0: Money(104_000_000)})
    everything = await vault.treasury.steps({0: Money(120_000_000)})

    assert [(step.kind, step.market) for step in some] == [("refresh", None), ("merge", ONE)]
    assert [step.kind for step in everything] == ["refresh", "merge", "merge", "redeem", "transfer"]
    assert everything[-1].amount == 10_000_000
    assert not (await vault.treasury.apply(everything[-1])).done


async def test_shards_are_not_polymarkets() -> None:
    with pytest.raises(Misuse):
        await Vault().treasury.steps({1: Money(1)})


async def test_refresh_says_what_the_clob_sees_now() -> None:
    vault = Vault()
    step = await vault.first("refresh")
    good = await vault.treasury.apply(step)
    vault.cash("0", {EXCHANGE: str(ALL)})
    blind = await vault.treasury.apply(step)

    assert good.done
    assert "$100 and an allowance for every exchange" in good.detail
    assert "approve" in blind.detail
    assert sum(call.path == "/balance-allowance/update" for call in vault.http.calls) == 2


async def test_merging_takes_what_is_settled_now() -> None:
    """The index is late: the CLOB's settled tokens decide, and nothing left is done without a transaction."""
    vault = Vault()
    vault.index({"MERGEABLE": [row(0, 5), row(1, 5)], "REDEEMABLE": []})
    step = await vault.first("merge")
    vault.cash("0", {}, {"ab0": "4000000", "ab1": "9000000"})
    merged = await vault.treasury.apply(step)
    vault.cash("0", {}, {"ab0": "0", "ab1": "5000000"})
    again = await vault.treasury.apply(step)

    assert merged.done
    assert merged.detail == "8 tokens, transaction 0xh"
    assert again.done
    assert "nothing" in again.detail
    assert vault.submits() == 1


async def test_lost_merge_is_found_by_its_effect() -> None:
    """The answer is lost, the nonce has moved, the tokens are fewer: done, and submitted once."""
    vault = Vault()
    vault.index({"MERGEABLE": [row(0, 5), row(1, 7)], "REDEEMABLE": []})
    step = await vault.first("merge")
    vault.cash("0", {}, {"ab0": "5000000", "ab1": "7000000"})
    vault.relay.on("POST", "/submit", UnknownOutcome("polymarket", "timeout"))
    vault.relay.on("GET", "/v1/account/transactions/params", {"nonce": "3"}, {"nonce": "4"})
    lost = await vault.treasury.apply(step)
    vault.cash("0", {}, {"ab0": "1000000", "ab1": "3000000"})
    found = await vault.treasury.apply(step)

    assert (lost.done, lost.pending) == (False, True)
    assert found.done
    assert "8 tokens went" in found.detail
    assert vault.submits() == 1


async def test_lost_merge_without_effect_is_not_called_done() -> None:
    """Another envelope used the nonce: nothing of ours happened, and the operator is told."""
    vault = Vault()
    vault.index({"MERGEABLE": [row(0, 5), row(1, 5)], "REDEEMABLE": []})
    step = await vault.first("merge")
    vault.cash("0", {}, {"ab0": "5000000", "ab1": "5000000"})
    vault.relay.on("POST", "/submit", UnknownOutcome("polymarket", "timeout"))
    vault.relay.on("GET", "/v1/account/transactions/params", {"nonce": "3"}, {"nonce": "4"})
    await vault.treasury.apply(step)
    found = await vault.treasury.apply(step)

    assert (found.done, found.pending) == (False, False)


async def test_redeeming_and_failing() -> None:
    """Resolved tokens are redeemed in one call; a failed transaction is said to be one."""
    vault = Vault()
    vault.index({"MERGEABLE": [], "REDEEMABLE": [row(1, 3, 1.0)]})
    step = await vault.first("redeem")
    vault.cash("0", {}, {"ab1": "3000000"})
    done = await vault.treasury.apply(step)
    vault.relay.on("GET", "/v1/account/transactions/t", {"state": "STATE_FAILED", "error_msg": "reverted"})
    failed = await vault.treasury.apply(step)

    assert done.done
    assert (failed.done, failed.pending) == (False, False)
    assert "reverted" in failed.detail


async def test_approving_sends_only_what_is_missing() -> None:
    """All missing permissions of a token go in one transaction; none is asked for twice; strangers are refused."""
    vault = Vault()
    vault.permitted(*(p for p in PERMISSIONS if p.token != CTF))
    step = await vault.first("approve", 0)
    done = await vault.treasury.apply(step)
    vault.permitted(*PERMISSIONS)
    again = await vault.treasury.apply(step)
    foreign = Step(venue=step.venue, kind="approve", what="w", fields={"token": PUSD, "spenders": WALLET})

    assert done.done
    assert again.detail == "permitted already"
    assert vault.submits() == 1
    with pytest.raises(Misuse, match="none of the venue's contracts"):
        await vault.treasury.apply(foreign)


async def test_wallet_that_does_not_exist_is_made_before_it_permits() -> None:
    """Until the chain has the wallet nothing is permitted; asked again, the permissions follow."""
    vault = Vault()
    vault.permitted(*(p for p in PERMISSIONS if p.token != CTF))
    vault.relay.on("GET", "/deployed", {"deployed": False}, {"deployed": True})
    vault.relay.on("GET", "/v1/account/transactions/t", {"state": "STATE_FAILED"}, {"state": "STATE_CONFIRMED"})
    step = await vault.first("approve", 0)
    refused = await vault.treasury.apply(step)
    done = await vault.treasury.apply(step)

    assert (refused.done, "not made" in refused.detail) == (False, True)
    assert done.done
    assert vault.submits() == 2


async def test_without_a_relayer_key_only_reading_is_possible() -> None:
    """The sentence names the step and what to do."""
    vault = Vault(relayer=False)
    vault.permitted()
    step = await vault.first("approve")

    with pytest.raises(Rejected, match="no relayer key"):
        await vault.treasury.apply(step)


async def test_silent_index_leaves_the_clobs_word() -> None:
    """When the index of permissions cannot be read, what the CLOB sees decides."""
    vault = Vault()
    vault.http.on("GET", "/v2/approvals", (400, {"error": "odd"}))
    trusted = await vault.kinds(1)
    vault.cash("100000000", {EXCHANGE: str(ALL)})

    assert trusted == []
    assert await vault.kinds(1) == ["refresh", "approve", "approve", "approve"]


@pytest.mark.parametrize(
    "rows",
    [
        [row(2, 1)],
        [row(0, 1), row(0, 1, token_id="other")],
        [row(0, "x")],
        [row(0, -1)],
        [row(0, 1), row(1, 1, negative_risk=True)],
        [row(0, 1, token_id="")],
    ],
)
async def test_positions_that_cannot_be_read_move_nothing(rows: list[dict[str, Any]]) -> None:
    vault = Vault()
    vault.index({"MERGEABLE": rows, "REDEEMABLE": []})

    with pytest.raises(BadAnswer):
        await vault.treasury.steps({0: Money(10**12)})


async def test_approvals_of_another_wallet_are_a_bad_answer() -> None:
    vault = Vault()
    for body in ({"data": {"address": KEY[:42], "contracts": []}}, {"data": []}, []):
        vault.http.on("GET", "/v2/approvals", body)
        with pytest.raises(BadAnswer):
            await vault.desk.client.holdings.approvals()
