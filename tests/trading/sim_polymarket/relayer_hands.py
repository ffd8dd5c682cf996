"""A customer's hands at the simulated relayer: calldata, envelopes of every wallet type, session keys. Written for tests only."""

import json
from typing import Any

import coincurve
from polymarket_venue import Customer, Venue, address_of, sign

from trading.clock import SECOND
from trading.sim.core import Request
from trading.sim.polymarket_auth import keccak, l2_signature
from trading.sim.polymarket_chain import Call, selector
from trading.sim.polymarket_contracts import DEPOSIT_FACTORY, PROXY_FACTORY, PUSD, RELAY, RELAY_HUB, SAFE_MULTISEND
from trading.sim.polymarket_wallets import batch_digest, proxy_digest, safe_digest

NOBODY = "0x" + "00" * 20


def word(value: int | str) -> bytes:
    return int(value, 16).to_bytes(32) if isinstance(value, str) else value.to_bytes(32)


def call(target: str, signature: str, *words: int | str) -> Call:
    return Call(target, 0, selector(signature) + b"".join(word(each) for each in words))


def ctf(target: str, verb: str, market: int, amount: int | None) -> Call:
    """splitPosition, mergePositions or redeemPositions of a v1 market."""
    amounts = [] if amount is None else [amount]
    tail = ",uint256" if amounts else ""
    words = (PUSD, 0, market, 32 * (4 + len(amounts)), *amounts, 2, 1, 2)
    return call(target, f"{verb}(address,bytes32,bytes32,uint256[]{tail})", *words)


class Hands:
    """Requests of one customer to the relayer."""

    def __init__(self, venue: Venue, who: Customer) -> None:
        self.venue = venue
        self.who = who

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **query: str) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        key = {"relayer_api_key": self.who.account.relayer_key, "relayer_api_key_address": self.who.owner}
        request = Request(method, "/relayer" + path, tuple(query.items()), key if headers is None else headers, raw)
        answer = self.venue.sim.handle(request)
        return answer if answer.drop else (answer.status, json.loads(answer.body))

    def nonce(self) -> int:
        kind = {1: "PROXY", 2: "SAFE", 3: "WALLET"}[self.who.type]
        path = "/relay-payload" if kind == "PROXY" else "/v1/account/transactions/params"
        return int(self.ask("GET", path, address=self.who.owner, type=kind)[1]["nonce"])

    def personal(self, digest: bytes, raised: int = 0) -> str:
        raw = sign(self.who.private, keccak(b"\x19Ethereum Signed Message:\n32" + digest))
        return "0x" + (raw[:64] + bytes((raw[64] + raised,))).hex()

    def deadline(self) -> int:
        return int(self.venue.clock.wall_ns() // SECOND) + 600

    def batch(self, calls: list[Call], nonce: int, deadline: int) -> str:
        return "0x" + sign(self.who.private, batch_digest(self.who.funder, nonce, deadline, calls, 137)).hex()

    def envelope(self, *calls: Call, nonce: int | None = None) -> dict[str, Any]:
        number = self.nonce() if nonce is None else nonce
        head = {"from": self.who.owner, "nonce": str(number), "metadata": "test"}
        if self.who.type == 3:
            deadline = self.deadline()
            rows = [{"target": c.target, "value": "0", "data": "0x" + c.data.hex()} for c in calls]
            terms = {"depositWallet": self.who.funder, "deadline": str(deadline), "calls": rows}
            signature = self.batch(list(calls), number, deadline)
            return {**head, "type": "WALLET", "to": DEPOSIT_FACTORY, "signature": signature, "depositWalletParams": terms}
        head["proxyWallet"] = self.who.funder
        return self._safe(head, calls, number) if self.who.type == 2 else self._proxy(head, calls, number)

    def _safe(self, head: dict[str, Any], calls: tuple[Call, ...], nonce: int) -> dict[str, Any]:
        one = len(calls) == 1
        packed = b"".join(b"\x00" + bytes.fromhex(c.target[2:]) + word(0) + word(len(c.data)) + c.data for c in calls)
        bundle = selector("multiSend(bytes)") + word(32) + word(len(packed)) + packed + bytes(-len(packed) % 32)
        data = calls[0].data if one else bundle
        zero = {"baseGas": "0", "gasPrice": "0", "gasToken": NOBODY, "refundReceiver": NOBODY, "safeTxnGas": "0"}
        body = {
            **head,
            "type": "SAFE",
            "to": calls[0].target if one else SAFE_MULTISEND,
            "data": "0x" + data.hex(),
            "signatureParams": {**zero, "operation": "0" if one else "1"},
        }
        return {**body, "signature": self.personal(safe_digest(self.who.funder, body, data, nonce, 137), 4)}

    def _proxy(self, head: dict[str, Any], calls: tuple[Call, ...], nonce: int) -> dict[str, Any]:
        parts = [
            word(1) + word(c.target) + word(0) + word(128) + word(len(c.data)) + c.data + bytes(-len(c.data) % 32)
            for c in calls
        ]
        offsets, at = b"", 32 * len(parts)
        for part in parts:
            offsets, at = offsets + word(at), at + len(part)
        data = selector("proxy((uint8,address,uint256,bytes)[])") + word(32) + word(len(parts)) + offsets + b"".join(parts)
        terms = {"gasLimit": "200000", "gasPrice": "0", "relay": RELAY, "relayHub": RELAY_HUB, "relayerFee": "0"}
        body = {**head, "type": "PROXY", "to": PROXY_FACTORY, "data": "0x" + data.hex(), "signatureParams": terms}
        return {**body, "signature": self.personal(proxy_digest(self.who.owner, body, data, nonce))}

    def submit(self, *calls: Call) -> str:
        """Submit and return the transaction's id."""
        status, answer = self.ask("POST", "/submit", self.envelope(*calls))
        assert status == 200, answer
        return str(answer["transactionID"])

    def ended(self, transaction: str) -> tuple[str, str]:
        """(state, error) after the walk."""
        self.venue.wait(5)
        row = self.ask("GET", f"/v1/account/transactions/{transaction}")[1]
        return row["state"], row["error_msg"]

    def run(self, *calls: Call) -> tuple[str, str]:
        return self.ended(self.submit(*calls))

    # session keys

    def builder_headers(self, path: str, body: bytes) -> dict[str, str]:
        """A fresh builder key's headers."""
        made = self.venue.ask(self.who, "POST", "/auth/builder-api-key")[1]
        stamp = str(self.venue.clock.wall_ns() // SECOND)
        return {
            "poly_builder_api_key": made["key"],
            "poly_builder_passphrase": made["passphrase"],
            "poly_builder_timestamp": stamp,
            "poly_builder_signature": l2_signature(made["secret"], stamp, "POST", path, body),
        }

    def session(self, verb: str, signer: coincurve.PrivateKey, *, until: int = 0, scopes: tuple[str, ...] = ("CLOB",)) -> Any:
        """Grant (authorizations) or fence (revocations) a session key."""
        grants = verb == "authorizations"
        address, nonce, deadline = address_of(signer), self.nonce(), self.deadline()
        name = "authorizeSessionSigner(address,uint256)" if grants else "revokeSessionSigner(address)"
        wanted = call(self.who.funder, name, address, *((until,) if grants else ()))
        body: dict[str, Any] = {
            "walletAddress": self.who.funder,
            "sessionSignerAddress": address,
            "nonce": str(nonce),
            "deadline": str(deadline),
            "signature": self.batch([wanted], nonce, deadline),
        }
        if grants:
            body |= {"scopes": list(scopes), "validUntil": str(until)}
        path = f"/v1/session-signers/{verb}"
        headers = self.builder_headers(path, json.dumps(body).encode())
        return self.ask("POST", path, body, {**headers, "idempotency-key": f"{verb} {nonce}"})
