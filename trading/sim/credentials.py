"""Throwaway accounts of the simulated venues, and the .env a controller needs to trade on them.

Every start makes new keys, so nothing here is worth keeping; files are owner-only all the same, because controllers refuse
loose key files. Cash lies where a fresh account would have it: on Kalshi's shards 0 and 3 and in a Polymarket deposit wallet.
"""

import base64
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

import coincurve
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

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


def _save(key: RSAPrivateKey | Ed25519PrivateKey, path: Path) -> bytes:
    """Write the private key and return the public one, both PEM."""
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def make_credentials(state: Path, *, signature_type: int = DEPOSIT_WALLET) -> Credentials:
    """Make fresh keys and accounts; key files go to the state directory with mode 0600.

    Each funded shard of Kalshi and the Polymarket wallet hold the same cash. signature_type is Polymarket's 0..3 (polymarket.md
    4.3); type 0 funds itself. Raises ValueError for another type.
    """
    if signature_type not in (0, 1, 2, 3):
        raise ValueError(f"signature type {signature_type} is not 0, 1, 2 or 3")
    rsa_path, ed_path = state / "kalshi_rsa.pem", state / "kalshi_ed25519.pem"
    rsa_id, ed_id = str(uuid.uuid4()), str(uuid.uuid4())
    keys = {
        rsa_id: _save(generate_private_key(public_exponent=65537, key_size=2048), rsa_path),
        ed_id: _save(Ed25519PrivateKey.generate(), ed_path),
    }
    owner_key = coincurve.PrivateKey(secrets.token_bytes(32))
    owner = address_of(owner_key.public_key.format(compressed=False))
    return Credentials(
        kalshi=KalshiAccount(user_id=str(uuid.uuid4()), keys=keys, balances=dict.fromkeys(FUNDED_SHARDS, _CASH)),
        polymarket=PolymarketAccount(
            owner=owner,
            funder=wallet_of(owner, signature_type),
            signature_type=signature_type,
            api_key=str(uuid.uuid4()),
            api_secret=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            api_passphrase=secrets.token_hex(32),
            balance=_CASH,
            allowance=Money(MAX_UINT256),
            relayer_key=str(uuid.uuid4()),
        ),
        kalshi_key_id=rsa_id,
        kalshi_key_path=rsa_path,
        kalshi_ed25519_key_id=ed_id,
        kalshi_ed25519_key_path=ed_path,
        private_key="0x" + owner_key.secret.hex(),
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
