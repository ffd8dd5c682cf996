"""Who a process is on the link: an Ed25519 key of its own, and the pinned keys of its peers (distributed.md 4.2).

    identity.pem   PKCS8, owner-only, made by bootstrap
    peers.toml     [[peer]] name, role, platform, public_key (base64 of 32 bytes), stable_id ("" without a tailnet)

No secret is shared: a stolen peers.toml lets nobody in.
"""

import base64
import binascii
import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trading.errors import SettingsError
from trading.market import KALSHI, POLYMARKET, Venue
from trading.secrets import loose_permissions, read_key_file

__all__ = ["Identity", "Peer", "Role", "fingerprint", "kid_of", "load_identity", "load_peers", "one_peer"]

Role = Literal["controller", "trader"]
_PLATFORMS: Mapping[str, Venue] = {"kalshi": KALSHI, "polymarket": POLYMARKET}


def kid_of(public: bytes) -> bytes:
    """The key id: SHA-256 of the raw 32-byte public key, so that both identities stand in the transcript."""
    return hashlib.sha256(public).digest()


def fingerprint(public: bytes) -> str:
    """Twenty hex digits in groups of four: what people compare on both screens."""
    text = kid_of(public).hex()[:20]
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


class Identity:
    """This process's key. repr shows the fingerprint only."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw()
        self.kid = kid_of(self.public)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def __repr__(self) -> str:
        return f"Identity({fingerprint(self.public)})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("an Identity is never pickled")


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody we accept: the pinned key and the one role and platform it may have. platform is None for a controller."""

    name: str
    role: Role
    public: bytes
    platform: Venue | None = None
    stable_id: str = ""

    @property
    def kid(self) -> bytes:
        return kid_of(self.public)


def load_identity(path: Path) -> Identity:
    """Read our key. Raises SettingsError when it is missing, readable by others, or no Ed25519 key."""
    if not path.exists():
        raise SettingsError(f"no identity at {path}; make one with: bootstrap init, or set LINK_DIR to where it is")
    data = read_key_file(path)
    loose = loose_permissions(path)
    if loose is not None:
        raise SettingsError(loose)
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise SettingsError(f"{path} holds no readable private key; make one with: bootstrap init") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{path} is not an Ed25519 key; make one with: bootstrap init --rotate")
    return Identity(key)


def load_peers(path: Path) -> tuple[Peer, ...]:
    """Read the pinned peers. Raises SettingsError naming file, entry and rule; a missing file means nobody is accepted."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("peer", [])
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingsError(f"peers file {path}: {exc}; mend it or pair again with: bootstrap pair") from exc
    if not isinstance(rows, list):
        raise SettingsError(f"peers file {path}: write each peer as a [[peer]] table")
    peers = tuple(_peer(path, number, row) for number, row in enumerate(rows, 1))
    for what in ("name", "public"):
        seen = [getattr(peer, what) for peer in peers]
        twice = next((value for value in seen if seen.count(value) > 1), None)
        if twice is not None:
            raise SettingsError(f"peers file {path}: two peers share the {what} {twice!r}; each peer has its own")
    return peers


def _peer(path: Path, number: int, row: object) -> Peer:
    where = f"peers file {path}, peer {number}"
    if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
        raise SettingsError(f"{where}: a table of texts is wanted: name, role, platform, public_key, stable_id")
    unknown = sorted(row.keys() - {"name", "role", "platform", "public_key", "stable_id"})
    if unknown:
        raise SettingsError(f"{where}: unknown field {unknown[0]}")
    name, role = row.get("name", ""), row.get("role", "")
    try:
        public = base64.b64decode(row.get("public_key", ""), validate=True)
    except binascii.Error:
        public = b""
    if not name or len(public) != 32:
        raise SettingsError(f"{where}: name and public_key (base64 of 32 bytes) are needed")
    stable_id = row.get("stable_id", "")
    if role == "controller":
        return Peer(name=name, role="controller", public=public, stable_id=stable_id)
    platform = _PLATFORMS.get(row.get("platform", ""))
    if role != "trader" or platform is None:
        raise SettingsError(f"{where}: role is controller, or trader with platform kalshi or polymarket")
    return Peer(name=name, role="trader", public=public, platform=platform, stable_id=stable_id)


def one_peer(peers: tuple[Peer, ...], role: Role, path: Path) -> Peer:
    """The only peer of a role. Raises SettingsError when there is none or more than one."""
    found = [peer for peer in peers if peer.role == role]
    if len(found) != 1:
        raise SettingsError(f"peers file {path}: one {role} is wanted, {len(found)} found; pair with: bootstrap pair")
    return found[0]
