"""Movements through the relayer: each at most once, whatever answer is lost."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from fakes import FakeHttp, reply
from polymarket_rows import ACCOUNT, KEY, WALLET

from trading.clock import ManualClock
from trading.errors import BadAnswer, Misuse, Rejected, Throttled, UnknownOutcome, Unreachable
from trading.polymarket.calls import merge
from trading.polymarket.relayer import Relayer, RelayerKey
from trading.polymarket.sign import Account, ApiCredentials
from trading.secrets import Secret

CALLS = (merge("0x" + "ab" * 32, 5, version="v1", neg_risk=False),)
PARAMS = "/v1/account/transactions/params"
STATE = "/v1/account/transactions/t1"


class Office:
    """A relayer client over scripted answers."""

    def __init__(self, kind: int = 3, key: Any = None) -> None:
        self.http = FakeHttp()
        self.clock = ManualClock()
        self.slept: list[float] = []
        account = ACCOUNT if kind == 3 else Account(Secret(KEY), "" if kind == 0 else WALLET, kind)
        chosen = key or RelayerKey(Secret("rk"), account.address)
        self.relayer = Relayer(self.http, "https://relay.test/", account, chosen, self.clock, sleep=self.sleep)
        self.nonces("7")
        self.http.on("POST", "/submit", {"transactionID": "t1", "state": "STATE_NEW"})
        self.states("STATE_NEW", "STATE_MINED", "STATE_CONFIRMED")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def nonces(self, *numbers: str) -> None:
        for path in (PARAMS, "/relay-payload"):
            self.http.on("GET", path, *({"nonce": number, "address": WALLET} for number in numbers))

    def states(self, *words: str) -> None:
        rows = ({"state": word, "transaction_hash": "0xh", "transaction_id": "t1", "error_msg": ""} for word in words)
        self.http.on("GET", STATE, *rows)

    def submitted(self) -> list[dict[str, Any]]:
        return [json.loads(call.body or b"") for call in self.http.calls if call.path == "/submit"]


@pytest.mark.parametrize(("kind", "word"), [(1, "PROXY"), (2, "SAFE"), (3, "WALLET")])
async def test_a_movement_is_signed_submitted_and_followed(kind: int, word: str) -> None:
    """The nonce asked for is the nonce signed; polls come every 2 s until CONFIRMED."""
    office = Office(kind)
    ended = await office.relayer.run("merge 5", CALLS)

    assert (ended.state, ended.transaction, ended.chain_hash) == ("done", "t1", "0xh")
    assert [(body["type"], body["nonce"], body["metadata"]) for body in office.submitted()] == [(word, "7", "merge 5")]
    assert office.slept == [2.0, 2.0]
    assert office.http.calls[0].asked("type") == word


async def test_both_kinds_of_key_prove_themselves() -> None:
    """A relayer key goes with its address, a builder key signs like L2 under its own header names."""
    plain, builder = Office(), Office(key=ApiCredentials("b", Secret("AAECAwQFBgcICQoLDA0ODw=="), Secret("p")))
    await plain.relayer.run("m", CALLS)
    await builder.relayer.run("m", CALLS)
    submit = next(call for call in builder.http.calls if call.path == "/submit")
    stamp = submit.headers["POLY_BUILDER_TIMESTAMP"]
    message = f"{stamp}POST/submit".encode() + (submit.body or b"")
    expected = hmac.new(base64.urlsafe_b64decode("AAECAwQFBgcICQoLDA0ODw=="), message, hashlib.sha256).digest()

    assert plain.http.calls[0].headers["RELAYER_API_KEY_ADDRESS"] == ACCOUNT.address
    assert submit.headers["POLY_BUILDER_SIGNATURE"] == base64.urlsafe_b64encode(expected).decode()
    assert "POLY_ADDRESS" not in submit.headers


@pytest.mark.parametrize(
    "lost",
    [UnknownOutcome("polymarket", "timeout"), reply(502, b"<html>"), reply(200, b"garbage"), reply(200, {}), reply(302, b"")],
)
async def test_lost_answer_is_unknown_and_repeated_only_under_its_nonce(lost: Any) -> None:
    """Doubt is told at once; the same name looks at the nonce, and an unused one is signed again: at most one can execute."""
    office = Office()
    office.http.on("POST", "/submit", lost, {"transactionID": "t1", "state": "STATE_NEW"})
    first = await office.relayer.run("merge 5", CALLS)
    again = await office.relayer.run("merge 5", CALLS)

    assert (first.state, again.state) == ("unknown", "done")
    assert [body["nonce"] for body in office.submitted()] == ["7", "7"]


async def test_lost_answer_whose_nonce_was_used_is_never_submitted_again() -> None:
    """The wallet has executed something under that nonce: the caller looks at the effect."""
    office = Office()
    office.nonces("7", "8")
    office.http.on("POST", "/submit", UnknownOutcome("polymarket", "timeout"))
    await office.relayer.run("merge 5", CALLS)
    again = await office.relayer.run("merge 5", CALLS)

    assert again.state == "moved"
    assert len(office.submitted()) == 1


async def test_busy_after_a_lost_answer_stays_unknown() -> None:
    """A busy wallet is the lost envelope at work: nothing more is sent."""
    office = Office()
    busy = reply(400, {"error": "wallet busy: active action"})
    office.http.on("POST", "/submit", UnknownOutcome("polymarket", "timeout"), busy)
    await office.relayer.run("merge 5", CALLS)
    again = await office.relayer.run("merge 5", CALLS)

    assert again.state == "unknown"
    assert len(office.submitted()) == 2


@pytest.mark.parametrize(
    "text",
    [
        "wallet busy: another active action",
        "wallet has in-flight action",
        "batch nonce 6 does not match on-chain nonce 7",
    ],
)
async def test_busy_wallets_and_stale_nonces_are_asked_again(text: str) -> None:
    """These are definite refusals: the nonce is read anew and the call signed again after 2 s."""
    office = Office()
    office.nonces("6", "7")
    office.http.on("POST", "/submit", (400, {"error": text}), {"transactionID": "t1", "state": "STATE_NEW"})
    ended = await office.relayer.run("merge 5", CALLS)

    assert ended.state == "done"
    assert [body["nonce"] for body in office.submitted()] == ["6", "7"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"error": "call reverts"}), Rejected),
        ((401, {"error": "unauthorized"}), Rejected),
        ((429, {"error": "slow"}, {"retry-after": "60"}), Throttled),
        (Unreachable("polymarket", "unreachable"), Unreachable),
    ],
)
async def test_definite_refusals_leave_nothing_behind(answer: Any, error: type[Exception]) -> None:
    office = Office()
    office.http.on("POST", "/submit", answer)

    office.nonces("7", "8")

    with pytest.raises(error):
        await office.relayer.run("merge 5", CALLS)
    office.http.on("POST", "/submit", {"transactionID": "t1"})
    assert (await office.relayer.run("merge 5", CALLS)).state == "done"  # "moved", were the first try still open


@pytest.mark.parametrize("word", ["STATE_FAILED", "STATE_INVALID"])
async def test_failed_movements_may_be_asked_for_again(word: str) -> None:
    """A failure is an end: the next run of the name is a new movement."""
    office = Office()
    office.states(word)
    failed = await office.relayer.run("merge 5", CALLS)
    office.states("STATE_CONFIRMED")

    assert failed.state == "failed"
    assert (await office.relayer.run("merge 5", CALLS)).state == "done"
    assert len(office.submitted()) == 2


async def test_endless_polls_are_pending_and_followed_later() -> None:
    """After 100 polls the transaction is pending; the same name polls it on and submits nothing."""
    office = Office()
    office.states("STATE_NEW", "STATE_BRAND_NEW")
    pending = await office.relayer.run("merge 5", CALLS)
    office.http.on("GET", STATE, (500, b""), (429, b""), {"state": "STATE_CONFIRMED", "transaction_hash": ""})
    ended = await office.relayer.run("merge 5", CALLS)

    assert (pending.state, pending.transaction, ended.state) == ("pending", "t1", "done")
    assert len(office.submitted()) == 1
    assert sum(office.slept[:99]) == 198


async def test_more_than_25_submits_a_minute_are_not_sent() -> None:
    """The relayer's own limit is kept by us, below it."""
    office = Office()
    office.states("STATE_CONFIRMED")
    for number in range(20):
        await office.relayer.run(f"merge {number}", CALLS)

    with pytest.raises(Throttled, match="25 submits"):
        await office.relayer.run("one more", CALLS)
    assert len(office.submitted()) == 20


async def test_wallet_is_deployed_once() -> None:
    """An existing wallet is left alone; a lost answer is found by asking whether it exists."""
    office = Office()
    office.http.on("GET", "/deployed", {"deployed": False}, {"deployed": True})
    office.http.on("POST", "/submit", UnknownOutcome("polymarket", "timeout"))
    first = await office.relayer.deploy()
    again = await office.relayer.deploy()

    assert (first.state, again.state) == ("unknown", "done")
    assert [body["type"] for body in office.submitted()] == ["WALLET-CREATE"]
    office.http.on("GET", "/deployed", {"deployed": "yes"})
    with pytest.raises(BadAnswer):
        await office.relayer.deployed()


async def test_plain_keys_are_told_to_use_their_wallet() -> None:
    with pytest.raises(Misuse, match="type 0"):
        await Office(0).relayer.run("merge 5", CALLS)
    office = Office()
    office.nonces("x")
    with pytest.raises(BadAnswer):
        await office.relayer.run("merge 5", CALLS)
