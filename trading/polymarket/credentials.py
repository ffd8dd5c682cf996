"""API keys of a wallet: derived or created with an L1 proof, listed with the key itself (polymarket.md 4.1).

For a deposit wallet the key belongs to the owner's address, or to a session key's own; orders placed under one key are seen and
cancelled by that key alone.
"""

from collections.abc import Mapping

from trading.errors import AuthFailed, ModeClosed, Rejected, Throttled
from trading.polymarket.rest import PolymarketRest
from trading.polymarket.sign import Account, ApiCredentials
from trading.polymarket.wire import bad
from trading.secrets import Secret

__all__ = ["api_keys", "closed_only", "create_builder_key", "derive_or_create"]

_TIMEOUT_S = 10.0


async def derive_or_create(rest: PolymarketRest, account: Account, *, nonce: int = 0) -> ApiCredentials:
    """The API key of this wallet and nonce; made when there is none. A refused proof is AuthFailed and creates nothing."""
    try:
        row = await rest.login("GET", "/auth/derive-api-key", account, nonce=nonce)
    except (AuthFailed, Throttled, ModeClosed):
        raise  # a wrong signature or clock, too many requests or a restart are not "no key yet"
    except Rejected:
        row = await rest.login("POST", "/auth/api-key", account, nonce=nonce)
    try:
        return ApiCredentials(str(row["apiKey"]), Secret(str(row["secret"])), Secret(str(row["passphrase"])))
    except (KeyError, TypeError) as exc:
        raise bad("bad_credentials", "the answer holds no apiKey, secret and passphrase") from exc


async def api_keys(rest: PolymarketRest) -> tuple[str, ...]:
    """Ids of every key of the signer."""
    row = await rest.read("/auth/api-keys", signed=True)
    keys = row.get("apiKeys") if isinstance(row, Mapping) else None
    if not isinstance(keys, list):
        raise bad("bad_keys", "the answer lists no apiKeys")
    return tuple(str(key) for key in keys)


async def create_builder_key(rest: PolymarketRest) -> ApiCredentials:
    """A new builder key, which the relayer takes. Raises UnknownOutcome when one may have been made that nobody knows."""
    row = await rest.write_json("POST", "/auth/builder-api-key", b"", timeout_s=_TIMEOUT_S)
    try:
        return ApiCredentials(str(row["key"]), Secret(str(row["secret"])), Secret(str(row["passphrase"])))
    except (KeyError, TypeError) as exc:
        raise bad("bad_credentials", "the answer holds no key, secret and passphrase") from exc


async def closed_only(rest: PolymarketRest) -> bool:
    """Whether the wallet may only close positions. Raises BadAnswer unless the answer is a plain yes or no."""
    row = await rest.read("/auth/ban-status/closed-only", signed=True)
    flag = row.get("closed_only") if isinstance(row, Mapping) else None
    if not isinstance(flag, bool):
        raise bad("bad_ban_status", "the answer holds no closed_only flag; treat the wallet as closed")
    return flag
