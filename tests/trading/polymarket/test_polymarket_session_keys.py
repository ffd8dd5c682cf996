"""Session keys: signing for a wallet, made, listed and taken away by its owner."""

import json
from typing import Any

import pytest
from fakes import FakeHttp
from polymarket_desk import CREDENTIALS
from polymarket_rows import ACCOUNT, KEY, WALLET, leg, market

from trading.clock import SECOND, ManualClock
from trading.errors import BadAnswer, Misuse, Rejected, SettingsError, UnknownOutcome
from trading.ids import SeededIds
from trading.polymarket.orders import body_of, prepare
from trading.polymarket.relayer import Relayer, RelayerKey
from trading.polymarket.rest import PolymarketRest
from trading.polymarket.session_keys import SessionAccount, SessionKey, SessionKeys
from trading.polymarket.sign import Account, RequestSigner
from trading.polymarket.wallets import session_wrapped
from trading.secrets import Secret

OTHER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
AUTHORIZE, REVOKE = "/v1/session-signers/authorizations", "/v1/session-signers/revocations"


class Desk:
    def __init__(self, key: RelayerKey | None = None) -> None:
        self.http = FakeHttp()
        self.clock = ManualClock()
        relayer = Relayer(self.http, "https://r.test", ACCOUNT, key or CREDENTIALS, self.clock, sleep=self.sleep)
        rest = PolymarketRest(self.http, "https://c.test", self.clock, RequestSigner(CREDENTIALS, ACCOUNT.address))
        self.keys = SessionKeys(rest, relayer, ACCOUNT, self.clock, SeededIds(self.clock, 1))
        self.http.on("GET", "/v1/account/transactions/params", {"nonce": "4", "address": WALLET})
        self.http.on("GET", "/v1/account/transactions/t", {"state": "STATE_CONFIRMED", "transaction_hash": "0xh"})
        for path in (AUTHORIZE, REVOKE):
            self.http.on("POST", path, {"status": "SUBMITTED", "transactionId": "t", "fenced": True})

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(int(seconds * SECOND))

    def posted(self) -> list[tuple[str, bytes]]:
        return [(call.headers["Idempotency-Key"], call.body or b"") for call in self.http.calls if call.method == "POST"]


@pytest.mark.parametrize(("version", "neg_risk"), [("v1", False), ("v1", True), ("v2", False)])
def test_a_session_key_signs_orders_of_the_wallet(version: str, neg_risk: bool) -> None:
    """Maker and signer are the wallet, the id is the owner's, the signature is wrapped, on every exchange."""
    session, owner = SessionAccount(Secret(KEY), WALLET), Account(Secret(KEY), WALLET, 3)
    put = prepare(leg(), market(version=version, neg_risk=neg_risk), session, salt=1, timestamp_ms=2)
    body = json.loads(body_of(put, session, "key"))["order"]
    plain = json.loads(body_of(put, owner, "key"))["order"]

    assert (body["maker"], body["signer"], body["signatureType"]) == (WALLET, WALLET, 3)
    assert body["signature"] == "0x" + session_wrapped(session.address, bytes.fromhex(plain["signature"][2:])).hex()
    assert session.login_headers(timestamp=1)["POLY_ADDRESS"] == session.address


def test_a_session_key_is_not_the_wallet() -> None:
    with pytest.raises(SettingsError):
        SessionAccount(Secret(KEY), ACCOUNT.address)


async def test_owner_makes_a_key_for_a_time() -> None:
    """The wallet's call and its signature go under an operation key; the expiry is said in seconds."""
    desk = Desk()
    made = await desk.keys.authorize(OTHER.lower(), lasts_s=3600)
    body = json.loads(desk.posted()[0][1])

    assert made.state == "done"
    assert (body["scopes"], body["sessionSignerAddress"], body["walletAddress"]) == (["CLOB"], OTHER, WALLET)
    assert body["validUntil"] == str(desk.clock.wall_ns() // SECOND + 3600)
    assert (body["nonce"], len(body["signature"])) == ("4", 132)


async def test_lost_answer_repeats_the_very_same_request() -> None:
    """Same bytes, same operation key: done once however often it is asked for."""
    desk = Desk()
    lost = UnknownOutcome("polymarket", "timeout")
    desk.http.on("POST", AUTHORIZE, lost, (500, b""), {"status": "REGISTERED", "transactionId": "t"})
    states = []
    for _ in range(3):
        states.append((await desk.keys.authorize(OTHER, lasts_s=3600)).state)
        desk.clock.advance(SECOND)

    assert states == ["unknown", "unknown", "done"]
    assert len(set(desk.posted())) == 1


async def test_request_past_its_deadline_is_given_up() -> None:
    """What was never answered cannot happen any more: the list of keys tells."""
    desk = Desk()
    desk.http.on("POST", AUTHORIZE, UnknownOutcome("polymarket", "timeout"))
    await desk.keys.authorize(OTHER, lasts_s=3600)
    desk.clock.advance(3600 * SECOND)
    ended = await desk.keys.authorize(OTHER, lasts_s=3600)

    assert (ended.state, len(desk.posted())) == ("moved", 1)


@pytest.mark.parametrize("status", ["FAILED", "SUPERSEDED", "REPAIR_REQUIRED"])
async def test_failed_operations_are_told(status: str) -> None:
    desk = Desk()
    desk.http.on("POST", REVOKE, {"status": status, "transactionId": "t", "fenced": False})

    assert (await desk.keys.revoke(OTHER)).state == "failed"
    desk.http.on("POST", REVOKE, (400, {"error": "no such signer"}))
    with pytest.raises(Rejected):
        await desk.keys.revoke(OTHER)


async def test_keys_are_listed_and_expire() -> None:
    """Only CLOB or ALL trades, and only before its second."""
    desk = Desk()
    row: dict[str, Any] = {"address": OTHER, "scopes": ["CLOB"], "valid_until": 1_800_000_000}
    desk.http.on("GET", "/v1/user/session-signers", {"wallet": WALLET.lower(), "signers": [row]})
    (key,) = await desk.keys.listed()

    assert key == SessionKey(address=OTHER, scopes=("CLOB",), valid_until=1_800_000_000)
    assert key.may_trade(1_799_999_999)
    assert not key.may_trade(1_800_000_000)
    assert not SessionKey(address=OTHER, scopes=("COMBOSRFQ",), valid_until=2**40).may_trade(0)
    for odd in ({"wallet": OTHER, "signers": []}, {"wallet": WALLET}, {"wallet": WALLET, "signers": [row | {"scopes": 1}]}):
        desk.http.on("GET", "/v1/user/session-signers", odd)
        with pytest.raises(BadAnswer):
            await desk.keys.listed()


async def test_only_an_owner_of_a_deposit_wallet_manages_keys() -> None:
    desk = Desk()
    rest, relayer = desk.keys._rest, desk.keys._relayer
    for account in (Account(Secret(KEY), WALLET, 2), SessionAccount(Secret(KEY), WALLET)):
        with pytest.raises(Misuse):
            SessionKeys(rest, relayer, account, desk.clock, SeededIds(desk.clock, 1))
    for wrong in ({"lasts_s": 0}, {"lasts_s": 1, "scopes": ()}, {"lasts_s": 1, "scopes": ("ALL", "CLOB")}):
        with pytest.raises(Misuse):
            await desk.keys.authorize(OTHER, **wrong)


async def test_granting_needs_a_builder_key() -> None:
    """A relayer key may revoke, not grant: said before anything is sent."""
    desk = Desk(RelayerKey(Secret("k"), ACCOUNT.address))

    with pytest.raises(Rejected, match="builder API key"):
        await desk.keys.authorize(OTHER, lasts_s=60)
    assert (await desk.keys.revoke(OTHER)).state == "done"
