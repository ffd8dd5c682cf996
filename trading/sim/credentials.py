"""Throwaway accounts of the simulated venues, and the .env a controller needs to trade on them.

The first start in a directory makes keys, later ones keep them, so that a client configured before can still log in; files are
owner-only, because controllers refuse loose key files. Cash and positions start anew: cash lies where a fresh account would have
it, on Kalshi's shards 0 and 3 and in a Polymarket deposit wallet.
"""

import base64
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

import coincurve
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from trading.secrets import write_private
from trading.sim.kalshi_data import KalshiAccount
from trading.sim.polymarket_auth import keccak
from trading.sim.polymarket_contracts import MAX_UINT256
from trading.sim.polymarket_data import PolymarketAccount
from trading.sim.wallets import checksum, wallet_of
from trading.units import DOLLAR, Money

__all__ = ["FUNDED_SHARDS", "Credentials", "Urls", "address_of", "make_credentials", "write_env"]

FUNDED_SHARDS = (0, 3)
DEPOSIT_WALLET = 3
_CASH = Money(5_000 * DOLLAR)
_ACCOUNTS, _RSA, _ED25519 = "accounts.json", "kalshi_rsa.pem", "kalshi_ed25519.pem"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Both accounts as the venues know them, and what their owner holds: key files and secrets."""

    kalshi: KalshiAccount
    polymarket: PolymarketAccount
    kalshi_key_id: str
    kalshi_key_path: Path
    kalshi_ed25519_key_id: str
    kalshi_ed25519_key_path: Path
    private_key: str
    kept: bool
    """True when an earlier start had made the keys."""


class _Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What accounts.json keeps beside the two key files."""

    kalshi_user_id: str
    kalshi_key_id: str
    kalshi_ed25519_key_id: str
    private_key: str
    api_key: str
    api_secret: str
    api_passphrase: str
    relayer_key: str


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the two venues answer."""

    kalshi_rest: str
    kalshi_ws: str
    polymarket_clob: str
    polymarket_gamma: str
    polymarket_data: str
    polymarket_ws: str
    polymarket_relayer: str
    polymarket_geoblock: str

    @classmethod
    def of(cls, kalshi: int, polymarket: int) -> "Urls":
        """The addresses at two loopback ports: the CLOB at the root, Gamma and Data below it (design.md 6)."""
        clob = f"127.0.0.1:{polymarket}"
        return cls(
            kalshi_rest=f"http://127.0.0.1:{kalshi}/trade-api/v2",
            kalshi_ws=f"ws://127.0.0.1:{kalshi}/trade-api/ws/v2",
            polymarket_clob=f"http://{clob}",
            polymarket_gamma=f"http://{clob}/gamma",
            polymarket_data=f"http://{clob}/data",
            polymarket_ws=f"ws://{clob}/ws",
            polymarket_relayer=f"http://{clob}/relayer",
            polymarket_geoblock=f"http://{clob}/api/geoblock",
        )


def address_of(public_key: bytes) -> str:
    """The checksummed (EIP-55) address of an uncompressed secp256k1 public key."""
    return checksum(keccak(public_key[1:])[-20:].hex())


def _accounts_of(state: Path) -> tuple[_Accounts, bool]:
    """The accounts of this directory, and whether they were there; new ones are written after their key files."""
    file = state / _ACCOUNTS
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Accounts), True
    except FileNotFoundError:
        pass
    except msgspec.DecodeError as exc:
        raise ValueError(f"{file}: {exc}; delete it for new keys") from exc
    made = _Accounts(
        kalshi_user_id=str(uuid.uuid4()),
        kalshi_key_id=str(uuid.uuid4()),
        kalshi_ed25519_key_id=str(uuid.uuid4()),
        private_key="0x" + coincurve.PrivateKey(secrets.token_bytes(32)).to_hex(),
        api_key=str(uuid.uuid4()),
        api_secret=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        api_passphrase=secrets.token_hex(32),
        relayer_key=str(uuid.uuid4()),
    )
    for key, name in (
        (generate_private_key(public_exponent=65537, key_size=2048), _RSA),
        (Ed25519PrivateKey.generate(), _ED25519),
    ):
        write_private(state / name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_private(file, msgspec.json.encode(made))
    return made, False


def _public_half(path: Path) -> bytes:
    """The public key of a private key file, PEM. Raises ValueError when the file is missing or no key."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as exc:
        raise ValueError(f"{path} is no readable key; delete {path.parent / _ACCOUNTS} for new keys") from exc
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def make_credentials(state: Path, *, signature_type: int = DEPOSIT_WALLET) -> Credentials:
    """Make keys in the state directory, or take those that an earlier call left there; files have mode 0600.

    Each funded shard of Kalshi and the Polymarket wallet hold the same cash. signature_type is Polymarket's 0..3 (polymarket.md
    4.3); type 0 funds itself. Raises ValueError for another type and for files that are no keys, OSError when they cannot be
    written.
    """
    if signature_type not in (0, 1, 2, 3):
        raise ValueError(f"signature type {signature_type} is not 0, 1, 2 or 3")
    accounts, kept = _accounts_of(state)
    rsa_path, ed_path = state / _RSA, state / _ED25519
    keys = {accounts.kalshi_key_id: _public_half(rsa_path), accounts.kalshi_ed25519_key_id: _public_half(ed_path)}
    owner = address_of(coincurve.PrivateKey.from_hex(accounts.private_key[2:]).public_key.format(compressed=False))
    return Credentials(
        kalshi=KalshiAccount(user_id=accounts.kalshi_user_id, keys=keys, balances=dict.fromkeys(FUNDED_SHARDS, _CASH)),
        polymarket=PolymarketAccount(
            owner=owner,
            funder=wallet_of(owner, signature_type),
            signature_type=signature_type,
            api_key=accounts.api_key,
            api_secret=accounts.api_secret,
            api_passphrase=accounts.api_passphrase,
            balance=_CASH,
            allowance=Money(MAX_UINT256),
            relayer_key=accounts.relayer_key,
        ),
        kalshi_key_id=accounts.kalshi_key_id,
        kalshi_key_path=rsa_path,
        kalshi_ed25519_key_id=accounts.kalshi_ed25519_key_id,
        kalshi_ed25519_key_path=ed_path,
        private_key=accounts.private_key,
        kept=kept,
    )


def write_env(path: Path, made: Credentials, urls: Urls, *, chain_id: int) -> None:
    """Write every variable a controller or trader needs to reach the simulated venues; mode 0600."""
    account = made.polymarket
    rows = {
        "KALSHI_API_KEY_ID": made.kalshi_key_id,
        "KALSHI_PRIVATE_KEY_PATH": made.kalshi_key_path,
        "KALSHI_API_BASE": urls.kalshi_rest,
        "KALSHI_WS_URL": urls.kalshi_ws,
        "POLYMARKET_CLOB_URL": urls.polymarket_clob,
        "POLYMARKET_GAMMA_URL": urls.polymarket_gamma,
        "POLYMARKET_DATA_URL": urls.polymarket_data,
        "POLYMARKET_WS_URL": urls.polymarket_ws,
        "POLYMARKET_RELAYER_URL": urls.polymarket_relayer,
        "POLYMARKET_GEOBLOCK_URL": urls.polymarket_geoblock,
        "POLYMARKET_CHAIN_ID": chain_id,
        "POLY_PRIVATE_KEY": made.private_key,
        "POLY_FUNDER": account.funder,
        "POLYMARKET_SIGNATURE_TYPE": account.signature_type,
        "POLYMARKET_API_KEY": account.api_key,
        "POLYMARKET_API_SECRET": account.api_secret,
        "POLYMARKET_API_PASSPHRASE": account.api_passphrase,
        "POLYMARKET_RELAYER_API_KEY": account.relayer_key,
        "POLYMARKET_RELAYER_API_KEY_ADDRESS": account.owner,
    }
    lines = ["# Throwaway accounts of the simulated venues; worthless anywhere else."]
    write_private(path, ("\n".join(lines + [f"{name}={value}" for name, value in rows.items()]) + "\n").encode())
