"""Session keys: another key that may trade for a deposit wallet until it expires (polymarket.md 4.3).

The owner's key stays where it is; a remote trader holds only this one. Its API key is its own and sees its own orders, and each
of its signatures is wrapped for the wallet's contract. Making and revoking are calls of the wallet, sent through the relayer with
an operation key, so that the same request may be repeated byte by byte until it is answered (polymarket-client 0.14.0).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trading.clock import SECOND, Clock
from trading.errors import Misuse, Rejected, SettingsError
from trading.ids import Ids
from trading.market import POLYMARKET
from trading.polymarket.calls import Call, authorize_session, revoke_session
from trading.polymarket.relayer import Relayed, Relayer
from trading.polymarket.rest import PolymarketRest
from trading.polymarket.sign import Account, OrderSigner, checksum
from trading.polymarket.wallets import session_wrapped
from trading.polymarket.wire import bad
from trading.secrets import Secret

__all__ = ["SessionAccount", "SessionKey", "SessionKeys"]

SCOPES = ("CLOB",)
"""Orders only: a trader needs no more."""
_AUTHORIZE = "/v1/session-signers/authorizations"
_REVOKE = "/v1/session-signers/revocations"
_LIST = "/v1/user/session-signers"


class SessionKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that may sign for the wallet. valid_until is unix seconds."""

    address: str
    scopes: tuple[str, ...]
    valid_until: int

    def may_trade(self, now_s: int) -> bool:
        """Whether it may place orders at this second."""
        return now_s < self.valid_until and bool({"CLOB", "ALL"} & set(self.scopes))


class _SessionSigner(OrderSigner):
    """The wallet's order signature, made by a session key and wrapped for the contract."""

    def __init__(self, account: Account, contract: str, domain_version: str) -> None:
        super().__init__(account, contract, domain_version)
        self._address = account.address

    def signature(self, struct_hash: bytes) -> str:
        inner = super().signature(struct_hash)
        return "0x" + session_wrapped(self._address, bytes.fromhex(inner[2:])).hex()


class SessionAccount(Account):
    """An Account whose key is a session key of a deposit wallet. Raises SettingsError when the wallet's own key is given."""

    def __init__(self, private_key: Secret, wallet: str, chain_id: int = 137) -> None:
        super().__init__(private_key, wallet, 3, chain_id)
        if self.maker == self.address:
            raise SettingsError("a session key needs the wallet it signs for; POLY_FUNDER is the key's own address")
        self._wrapped: dict[tuple[str, bool], OrderSigner] = {}

    def order_signer(self, version: str, neg_risk: bool) -> OrderSigner:
        """As Account.order_signer, wrapped."""
        known = self._wrapped.get((version, neg_risk))
        if known is None:
            plain = super().order_signer(version, neg_risk)
            known = self._wrapped[version, neg_risk] = _SessionSigner(self, plain.exchange, plain.domain_version)
        return known


class SessionKeys:
    """The owner's view of the session keys of one deposit wallet. Raises Misuse for another kind of wallet."""

    def __init__(self, rest: PolymarketRest, relayer: Relayer, account: Account, clock: Clock, ids: Ids) -> None:
        if account.signature_type != 3 or isinstance(account, SessionAccount):
            raise Misuse("session keys belong to a deposit wallet and are managed with its owner's key")
        self._rest = rest
        self._relayer = relayer
        self._account = account
        self._clock = clock
        self._ids = ids

    async def listed(self) -> tuple[SessionKey, ...]:
        """Every active session key of the wallet. Raises BadAnswer."""
        row = await self._rest.read(_LIST, signed=True)
        signers = row.get("signers") if isinstance(row, Mapping) else None
        if not isinstance(row, Mapping) or not isinstance(signers, list):
            raise bad("bad_session_keys", "the answer lists no signers")
        if str(row.get("wallet", "")).lower() != self._account.maker.lower():
            raise bad("bad_session_keys", f"asked for wallet {self._account.maker}, got {row.get('wallet')!r}")
        return tuple(_key_of(signer) for signer in signers)

    async def authorize(self, address: str, *, lasts_s: int, scopes: Sequence[str] = SCOPES) -> Relayed:
        """Let a key trade for lasts_s seconds. "done" once the chain has it; listed() shows it some seconds later.

        The same address asked for again while its answer is missing repeats the very same request. Raises Rejected without a
        builder key, Misuse without time or scopes, and as Relayer.run does.
        """
        signer = checksum(address)
        if lasts_s <= 0 or not scopes or ("ALL" in scopes and len(scopes) > 1):
            raise Misuse(f"a session key needs time ({lasts_s} s) and scopes, ALL only alone ({', '.join(scopes)})")
        if not self._relayer.has_builder_key:
            raise Rejected(POLYMARKET, "no_builder_key", "granting a session key needs a builder API key, not a relayer key")
        until = self._clock.wall_ns() // SECOND + lasts_s
        fields = {"scopes": list(scopes), "sessionSignerAddress": signer, "validUntil": str(until)}
        call = authorize_session(self._account.maker, signer, until)
        return await self._operate(f"session {signer}", _AUTHORIZE, call, fields)

    async def revoke(self, address: str) -> Relayed:
        """Take a key's right away. It is fenced at once and gone from the chain when this is "done"."""
        signer = checksum(address)
        call = revoke_session(self._account.maker, signer)
        return await self._operate(f"revoke {signer}", _REVOKE, call, {"sessionSignerAddress": signer})

    async def _operate(self, name: str, path: str, call: Call, fields: Mapping[str, Any]) -> Relayed:
        key = self._ids.random(16).hex()
        operation = f"{key[:8]}-{key[8:12]}-4{key[13:16]}-8{key[17:20]}-{key[20:]}"
        return await self._relayer.operate(name, path, (call,), fields, operation)


def _key_of(row: object) -> SessionKey:
    until = row.get("valid_until") if isinstance(row, Mapping) else None
    scopes = row.get("scopes") if isinstance(row, Mapping) else None
    if not isinstance(row, Mapping) or not isinstance(until, int) or isinstance(until, bool) or not isinstance(scopes, list):
        raise bad("bad_session_keys", f"{POLYMARKET}: a signer without address, scopes and valid_until")
    return SessionKey(address=str(row.get("address")), scopes=tuple(str(scope) for scope in scopes), valid_until=until)
