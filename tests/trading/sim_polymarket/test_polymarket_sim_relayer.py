"""The relayer, the contracts behind it and session keys of the simulated venue (polymarket.md 4.3, 13)."""

import json
from dataclasses import replace
from typing import Any

import coincurve
import pytest
from polymarket_venue import Customer, address_of, sign
from relayer_hands import Hands, call, ctf

from trading.clock import SECOND
from trading.sim.core import Request
from trading.sim.polymarket_auth import clob_auth_digest
from trading.sim.polymarket_contracts import (
    ADAPTER,
    CTF,
    EXCHANGE,
    MAX_UINT256,
    NEG_RISK_ADAPTER,
    POSITION_MANAGER,
    PUSD,
    ROUTER,
)
from trading.units import ONE, Money, Price

DOLLAR = 1_000_000
CONFIRMED = ("STATE_CONFIRMED", "")


def tokens(venue: Any, who: Any) -> dict[str, int]:
    return dict(venue.sim.account_view(who.owner).tokens)


@pytest.mark.parametrize("kind", ["proxy", "safe", "wallet"])
def test_every_wallet_type_splits_merges_and_redeems(venue: Any, kind: str) -> None:
    """Types 1 to 3, one call and several in one envelope: a dollar a pair, and what the result pays."""
    who = getattr(venue, kind)
    hands = Hands(venue, who)

    assert hands.run(ctf(ADAPTER, "splitPosition", 1, 30 * DOLLAR)) == CONFIRMED
    assert tokens(venue, who) == {"11": 30 * DOLLAR, "12": 30 * DOLLAR}
    assert (
        hands.run(ctf(ADAPTER, "mergePositions", 1, 10 * DOLLAR), ctf(NEG_RISK_ADAPTER, "splitPosition", 2, DOLLAR))
        == CONFIRMED
    )
    assert venue.sim.account_view(who.owner).cash == 979 * DOLLAR
    venue.sim.resolve(venue.market(), ONE)
    assert hands.run(ctf(ADAPTER, "redeemPositions", 1, None)) == CONFIRMED
    assert tokens(venue, who) == {"21": DOLLAR, "22": DOLLAR}
    assert venue.sim.account_view(who.owner).cash == 999 * DOLLAR
    assert hands.nonce() == 3


def test_protocol_v2_goes_through_the_router_by_outcome(venue: Any) -> None:
    """Section 13: split and merge of a bytes31 id, redeem one outcome and amount at a time."""
    hands = Hands(venue, venue.wallet)
    condition = 0  # the first 31 bytes of the market's id

    assert hands.run(call(ROUTER, "split(bytes31,uint256)", condition, 9 * DOLLAR)) == CONFIRMED
    assert hands.run(call(ROUTER, "merge(bytes31,uint256)", condition, 4 * DOLLAR)) == CONFIRMED
    assert tokens(venue, venue.wallet) == {"9001": 5 * DOLLAR, "9002": 5 * DOLLAR}
    venue.sim.resolve(venue.market(3), Price(ONE // 2))
    assert hands.run(call(ROUTER, "redeem(bytes31,uint256,uint256)", condition, 1, 4 * DOLLAR)) == CONFIRMED
    assert tokens(venue, venue.wallet) == {"9001": 5 * DOLLAR, "9002": DOLLAR}
    assert venue.sim.account_view(venue.wallet.owner).cash == 997 * DOLLAR


def test_approvals_change_what_may_trade_and_show_in_the_data_api(venue: Any) -> None:
    """approve and setApprovalForAll are what orders are checked against, and /v2/approvals lists the chain."""
    venue.faults.throw("no_allowance")
    hands = Hands(venue, venue.wallet)
    assert "allowance is not enough" in venue.refused(venue.wallet, venue.limit(venue.wallet, "BUY", "11", "0.40", "10"))

    revoke = call(POSITION_MANAGER, "setApprovalForAll(address,bool)", ROUTER, 0)
    assert hands.run(call(PUSD, "approve(address,uint256)", EXCHANGE, MAX_UINT256), revoke) == CONFIRMED
    assert venue.place(venue.wallet, "BUY", "11", "0.40", "10")["status"] == "live"
    data = venue.get("/data/v2/approvals", user=venue.wallet.funder)[1]["data"]
    rows = {(row["token"], row["spender"]): (row["standard"], row["approved"], row["amount"]) for row in data["contracts"]}
    assert (data["address"], data["chain_id"], len(rows)) == (venue.wallet.funder, 137, 17)
    assert rows[PUSD, EXCHANGE] == ("ERC20", True, "max")
    assert rows[PUSD, ADAPTER] == ("ERC20", False, "0")
    assert rows[CTF, EXCHANGE] == ("ERC1155", True, None)
    assert rows[POSITION_MANAGER, ROUTER] == ("ERC1155", False, None)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (ctf(ADAPTER, "splitPosition", 1, 5_000 * DOLLAR), "exceeds balance"),
        (ctf(ADAPTER, "mergePositions", 1, 11 * DOLLAR), "insufficient balance"),
        (ctf(ADAPTER, "redeemPositions", 1, None), "not received yet"),
        (ctf(NEG_RISK_ADAPTER, "splitPosition", 1, DOLLAR), "no such function"),
        (ctf(ADAPTER, "splitPosition", 99, DOLLAR), "not prepared"),
        (call(ROUTER, "split(bytes31,uint256)", 1 << 200, DOLLAR), "not prepared"),
        (call(PUSD, "mint(uint256)", DOLLAR), "unknown function"),
        (call(PUSD, "transfer(address,uint256)", "0x11", 5_000 * DOLLAR), "exceeds balance"),
    ],
)
def test_a_reverted_transaction_fails_whole_and_leaves_the_nonce(venue: Any, wanted: Any, why: str) -> None:
    """Everything before the bad call is undone; the same nonce may be used again."""
    hands = Hands(venue, venue.wallet)
    state, error = hands.run(ctf(ADAPTER, "splitPosition", 1, 10 * DOLLAR), wanted)

    assert (state, why in error) == ("STATE_FAILED", True)
    assert (tokens(venue, venue.wallet), hands.nonce()) == ({}, 0)


def test_submits_are_refused_in_the_words_clients_retry_on(venue: Any) -> None:
    """In flight, a used nonce, a wrong signature, an expired deadline, a stranger's key."""
    hands = Hands(venue, venue.wallet)
    split = ctf(ADAPTER, "splitPosition", 1, DOLLAR)
    old, wrong = hands.envelope(split), {**hands.envelope(split), "signature": "0x" + "11" * 65}
    late = hands.envelope(split, nonce=1)

    assert hands.ask("POST", "/submit", wrong) == (400, {"error": "invalid signature"})
    assert hands.ask("POST", "/submit", old)[0] == 200
    assert hands.ask("POST", "/submit", old) == (400, {"error": "wallet has in-flight action"})
    venue.wait(5)
    assert hands.ask("POST", "/submit", old) == (400, {"error": "batch nonce 0 does not match on-chain nonce 1"})
    venue.wait(600)
    assert hands.ask("POST", "/submit", late) == (400, {"error": "batch deadline has expired"})
    assert hands.ask("POST", "/submit", old, {"relayer_api_key": "x", "relayer_api_key_address": hands.who.owner})[0] == 401
    assert hands.ask("GET", "/v1/account/transactions/nothing")[0] == 404


@pytest.mark.parametrize(("fault", "moved"), [("busy", 0), ("500", 0), ("fail", 0), ("drop", DOLLAR)])
def test_faults_of_the_relayer(venue: Any, fault: str, moved: int) -> None:
    """Busy and 500 take nothing, fail reverts on chain, drop loses the answer of what goes through."""
    hands = Hands(venue, venue.wallet)
    venue.faults.throw(f"relayer_{fault}")
    answer = hands.ask("POST", "/submit", hands.envelope(ctf(ADAPTER, "splitPosition", 1, DOLLAR)))
    venue.wait(5)

    if fault == "busy":
        assert answer == (400, {"error": "wallet busy: it has an active action"})
    elif fault == "500":
        assert answer[0] == 500
    elif fault == "fail":
        assert hands.ended(answer[1]["transactionID"])[0] == "STATE_FAILED"
    else:
        assert answer.drop
    assert tokens(venue, venue.wallet).get("11", 0) == moved


def test_the_relayer_takes_twenty_five_submits_a_minute(venue: Any) -> None:
    """Section 10."""
    hands = Hands(venue, venue.wallet)
    statuses = [hands.ask("POST", "/submit", {})[0] for _ in range(26)]

    assert statuses == [400] * 25 + [429]


def test_a_stale_cache_does_not_see_what_the_relayer_did(venue: Any) -> None:
    """Section 7.1: after funding or approving, /balance-allowance/update once, else the CLOB sees the past."""
    venue.faults.throw("cache_lags")
    hands = Hands(venue, venue.wallet)
    assert hands.run(ctf(ADAPTER, "splitPosition", 1, 10 * DOLLAR)) == CONFIRMED

    def balance() -> Any:
        return venue.ask(hands.who, "GET", "/balance-allowance", asset_type="COLLATERAL")[1]["balance"]

    assert balance() == str(1_000 * DOLLAR)
    venue.ask(hands.who, "GET", "/balance-allowance/update", asset_type="COLLATERAL", signature_type="3")
    assert balance() == str(990 * DOLLAR)


def test_merging_what_open_orders_promised_cancels_them(venue: Any, events: Any) -> None:
    """A SELL without its shares ends as CANCELED_NOT_ENOUGH_BALANCE."""
    hands = Hands(venue, venue.wallet)
    hands.run(ctf(ADAPTER, "splitPosition", 1, 10 * DOLLAR))
    venue.place(venue.wallet, "SELL", "11", "0.60", "10")
    stream = venue.listen(venue.wallet)
    hands.run(ctf(ADAPTER, "mergePositions", 1, 5 * DOLLAR))

    assert [row["status"] for row in events(stream)] == ["CANCELED_NOT_ENOUGH_BALANCE"]


def test_activity_lists_each_movement_once(venue: Any) -> None:
    """A split and a merge are one row each, with what moved and the transaction's hash."""
    hands = Hands(venue, venue.wallet)
    hands.run(ctf(ADAPTER, "splitPosition", 1, 10 * DOLLAR))
    hands.run(ctf(ADAPTER, "mergePositions", 1, 4 * DOLLAR))
    venue.wait(5)
    rows = venue.get("/data/v2/activity", user=venue.wallet.funder)[1]["data"]

    assert [(row["type"], row["usdc_size"], len(row["transaction_hash"])) for row in rows] == [
        ("MERGE", 4, 66),
        ("SPLIT", 10, 66),
    ]
    assert venue.get("/data/v2/value", user=venue.wallet.funder)[1]["data"]["value"] == 6


def test_a_wallet_is_deployed_once(venue: Any) -> None:
    """WALLET-CREATE makes a deposit wallet exist; until then nothing else is taken."""
    hands = Hands(venue, venue.wallet)
    wallet = venue.sim._wallet(venue.wallet.owner)
    wallet.deployed = False
    create = {"type": "WALLET-CREATE", "from": hands.who.owner, "to": "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"}

    assert hands.ask("GET", "/deployed", headers={}, address=hands.who.funder) == (200, {"deployed": False})
    refused = hands.ask("POST", "/submit", hands.envelope(ctf(ADAPTER, "splitPosition", 1, DOLLAR)))
    assert refused == (400, {"error": "wallet is not deployed"})
    assert hands.ended(hands.ask("POST", "/submit", create)[1]["transactionID"]) == CONFIRMED
    assert hands.ask("GET", "/deployed", headers={}, address=hands.who.funder) == (200, {"deployed": True})
    assert hands.ask("POST", "/submit", create)[0] == 400


# --- session keys ----------------------------------------------------------------------------------------------------------


class Session:
    """A granted session key with an API key of its own."""

    def __init__(self, venue: Any, scopes: tuple[str, ...] = ("CLOB",), seconds: int = 3_600) -> None:
        self.key = coincurve.PrivateKey(b"\x33" * 32)
        self.hands = Hands(venue, venue.wallet)
        until = venue.clock.wall_ns() // SECOND + seconds
        self.answer = self.hands.session("authorizations", self.key, until=until, scopes=scopes)
        venue.wait(5)
        stamp = str(venue.clock.wall_ns() // SECOND)
        self.address = address_of(self.key)
        headers = {
            "poly_address": self.address,
            "poly_timestamp": stamp,
            "poly_nonce": "0",
            "poly_signature": "0x" + sign(self.key, clob_auth_digest(self.address, stamp, 0, 137)).hex(),
        }
        self.made = venue.sim.handle(Request("POST", "/auth/api-key", (), headers, b""))
        self.trader = Customer(0, 3, 0)
        if self.made.status == 200:
            credentials = json.loads(self.made.body)
            venue.sim._state.keys[credentials["apiKey"]].secret = venue.wallet.account.api_secret
            venue.sim._state.keys[credentials["apiKey"]].passphrase = "pass"
            self.trader.owner = self.address
            self.trader.account = replace(venue.wallet.account, api_key=credentials["apiKey"])


def test_a_session_key_trades_for_the_wallet_and_sees_its_own_orders(venue: Any) -> None:
    """Section 4.3: its API key is its own, orders carry the wallet as maker and signer, and it sees and cancels only its own."""
    session = Session(venue)
    assert session.answer[1]["status"] == "SUBMITTED"
    body = venue.limit(session.trader, "BUY", "11", "0.40", "10", signer=session.key)
    status, placed = venue.post(session.trader, body)
    theirs = venue.place(venue.wallet, "BUY", "11", "0.41", "10")["orderID"]

    assert (status, placed["status"]) == (200, "live")
    listed = [row["id"] for row in venue.ask(session.trader, "GET", "/data/orders")[1]["data"]]
    assert listed == [placed["orderID"]]
    assert list(venue.ask(session.trader, "DELETE", "/order", {"orderID": theirs})[1]["not_canceled"]) == [theirs]
    assert venue.ask(session.trader, "DELETE", "/cancel-all")[1]["canceled"] == [placed["orderID"]]
    assert len(venue.ask(venue.wallet, "GET", "/v1/user/session-signers")[1]["signers"]) == 1
    assert venue.ask(session.trader, "GET", "/v1/user/session-signers")[0] == 401


def test_a_session_signature_must_be_wrapped_and_its_own(venue: Any) -> None:
    """The owner's plain signature under the session's key, and the session's under the owner's, are both invalid."""
    session = Session(venue)

    assert venue.refused(session.trader, venue.limit(session.trader, "BUY", "11", "0.40", "10")) == "invalid signature"
    wrapped = venue.limit(venue.wallet, "BUY", "11", "0.40", "10", signer=session.key)
    assert venue.refused(venue.wallet, wrapped) == "invalid signature"


def test_an_expired_or_revoked_session_key_is_unauthorized_and_its_orders_go(venue: Any) -> None:
    """Fenced at once, before the chain has it; an expiry ends it too."""
    session = Session(venue, seconds=120)
    venue.post(session.trader, venue.limit(session.trader, "BUY", "11", "0.40", "10", signer=session.key))
    venue.wait(120)
    assert venue.ask(session.trader, "GET", "/data/orders")[0] == 401

    answer = session.hands.session("revocations", session.key)
    assert answer[1] | {"transactionId": ""} == {"status": "FENCED", "fenced": True, "transactionId": ""}
    assert venue.sim.account_view(venue.wallet.owner).open_orders == ()
    venue.wait(5)
    assert venue.ask(venue.wallet, "GET", "/v1/user/session-signers")[1]["signers"] == []


def test_a_session_key_without_the_clob_scope_gets_no_api_key(venue: Any) -> None:
    """Scopes ALL and CLOB trade here, others do not."""
    assert Session(venue, scopes=("COMBOSRFQ",)).made.status == 400


def test_the_same_idempotency_key_answers_again(venue: Any) -> None:
    """A repeated grant starts no second transaction."""
    hands = Hands(venue, venue.wallet)
    key = coincurve.PrivateKey(b"\x44" * 32)
    until = venue.clock.wall_ns() // SECOND + 60
    first = hands.session("authorizations", key, until=until)

    assert hands.session("authorizations", key, until=until) == first


def test_read_only_keys_read_and_cannot_trade(venue: Any) -> None:
    """Section 4.1: made, listed, refused for anything but GET, deleted."""
    made = venue.ask(venue.wallet, "POST", "/auth/readonly-api-key")[1]
    venue.sim._state.keys[made["apiKey"]].secret, venue.sim._state.keys[made["apiKey"]].passphrase = (
        venue.wallet.account.api_secret,
        "pass",
    )
    own = venue.wallet.account
    venue.wallet.account = replace(own, api_key=made["apiKey"])

    assert venue.ask(venue.wallet, "GET", "/data/orders")[0] == 200
    assert venue.ask(venue.wallet, "DELETE", "/cancel-all")[0] == 401
    venue.wallet.account = own
    assert venue.ask(venue.wallet, "GET", "/auth/readonly-api-keys")[1] == {"readonlyApiKeys": [made["apiKey"]]}
    assert venue.ask(venue.wallet, "DELETE", "/auth/readonly-api-key", {"key": made["apiKey"]}) == (200, "OK")


def test_money_sent_to_another_account_arrives(venue: Any) -> None:
    """pUSD transfer: cash leaves one wallet and reaches the other."""
    amount = 3 * DOLLAR
    assert Hands(venue, venue.wallet).run(call(PUSD, "transfer(address,uint256)", venue.poor.funder, amount)) == CONFIRMED

    assert venue.sim.account_view(venue.poor.owner).cash == Money(23 * DOLLAR)
