"""This machine's key and the pinned keys of its peers, in the files that both programs read (distributed.md 4.2).

    identity.pem   PKCS8 Ed25519, 0600, never replaced unless asked
    peers.toml     [[peer]] name, role, platform, public_key (base64 of 32 bytes), stable_id

Only public keys are ever shown or sent. A peers file that cannot be read is never written over.
"""

import base64
import binascii
import fcntl
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from bootstrap.files import Problem, private_directory, read_private, write_private

__all__ = [
    "PLATFORMS",
    "Peer",
    "Role",
    "add_peer",
    "checked_name",
    "checked_peer",
    "conflict",
    "fingerprint",
    "key_path",
    "make_key",
    "peers_path",
    "public_key",
    "read_peers",
    "remove_peer",
]

Role = Literal["controller", "trader"]
PLATFORMS = ("kalshi", "polymarket")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_STABLE_ID = re.compile(r"[A-Za-z0-9]{0,64}")
_FIELDS = {"name", "role", "platform", "public_key", "stable_id"}


@dataclass(frozen=True, slots=True)
class Peer:
    """One [[peer]]. platform "" for a controller; stable_id "" where no tailnet is in use."""

    name: str
    role: Role
    platform: str
    public_key: str
    stable_id: str = ""

    @property
    def public(self) -> bytes:
        return base64.b64decode(self.public_key)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


def fingerprint(public: bytes) -> str:
    """Twenty hex digits of the key's SHA-256 in groups of four, as both programs log them."""
    text = hashlib.sha256(public).hexdigest()[:20]
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def key_path(directory: Path) -> Path:
    return directory / "identity.pem"


def peers_path(directory: Path) -> Path:
    return directory / "peers.toml"


def make_key(directory: Path, *, rotate: bool) -> tuple[bytes, bool]:
    """The public key, and whether it was made now. An existing key stays unless rotate (B-232); then the old one is gone."""
    path = key_path(directory)
    if path.exists() and not rotate:
        return public_key(directory), False
    key = Ed25519PrivateKey.generate()
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.public_key().public_bytes_raw(), True


def public_key(directory: Path) -> bytes:
    """Our public key, 32 bytes. Raises Problem when there is no usable private key of ours."""
    path = key_path(directory)
    if not path.exists():
        raise Problem(f"{path} is not there yet: make it with: bootstrap init --role controller|trader --dir {directory}")
    try:
        key = load_pem_private_key(read_private(path), None)
    except (ValueError, TypeError) as exc:
        raise Problem(f"{path} holds no readable key; make a new one with: bootstrap init --rotate") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise Problem(f"{path} is not an Ed25519 key; make a new one with: bootstrap init --rotate")
    return key.public_key().public_bytes_raw()


def checked_name(name: str) -> str:
    """A name that can stand in a file, a log and on a screen. Raises Problem."""
    if not _NAME.fullmatch(name):
        raise Problem(f"peer name {name[:80]!r}: letters, digits, dot, dash and underscore, at most 63")
    return name


def checked_peer(*, name: str, role: str, platform: str, public_key: str, stable_id: str = "") -> Peer:
    """A peer from texts of a file, a flag or the other machine. Raises Problem naming the rule that is broken."""
    checked_name(name)
    if role == "controller":
        fixed: Role = "controller"
    elif role == "trader":
        fixed = "trader"
    else:
        raise Problem(f"role {role[:80]!r} of {name}: controller or trader")
    if (fixed == "trader") != (platform in PLATFORMS) or (fixed == "controller" and platform):
        raise Problem(f"platform {platform[:80]!r} of {name}: a trader has kalshi or polymarket, a controller has none")
    try:
        raw = base64.b64decode(public_key, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise Problem(f"public key of {name}: base64 of 32 bytes is wanted; the other machine's `bootstrap init` shows it")
    if not _STABLE_ID.fullmatch(stable_id):
        raise Problem(f"stable id {stable_id[:80]!r} of {name}: letters and digits as in `tailscale status --json`")
    return Peer(name, fixed, platform, base64.b64encode(raw).decode(), stable_id)


def read_peers(directory: Path) -> tuple[Peer, ...]:
    """Everybody pinned here. Raises Problem for a file that cannot be understood; a missing one means nobody."""
    path = peers_path(directory)
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("peer", [])
        if not isinstance(rows, list):
            raise Problem(f"{path}: write each peer as a [[peer]] table")
        return tuple(_row(path, row) for row in rows)
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise Problem(f"{path}: {exc}; mend it by hand, nothing was changed") from exc


def _row(path: Path, row: object) -> Peer:
    if not isinstance(row, dict) or row.keys() - _FIELDS or not all(isinstance(value, str) for value in row.values()):
        raise Problem(f"{path}: each [[peer]] holds texts only: {', '.join(sorted(_FIELDS))}")
    fields = {"platform": "", "stable_id": "", "name": "", "role": "", "public_key": ""} | row
    try:
        return checked_peer(**fields)
    except Problem as exc:
        raise Problem(f"{path}: {exc}") from None


def add_peer(directory: Path, peer: Peer) -> bool:
    """Pin a peer beside the others; False when exactly this peer is pinned already.

    Raises Problem for a name or key that is pinned otherwise, for our own key, and for a second controller on a trader.
    """
    with _locked(directory):
        present = read_peers(directory)
        if peer in present:
            return False
        refusal = conflict(directory, present, peer)
        if refusal is not None:
            raise Problem(refusal)
        _write(directory, [*present, peer])
        return True


def conflict(directory: Path, present: Sequence[Peer], peer: Peer) -> str | None:
    """Why this peer cannot stand beside those pinned, None when it can."""
    remedy = "; take that one out first: bootstrap peers remove {} --dir " + str(directory)
    if peer in present:
        return None
    for one in present:
        if one.name == peer.name:
            return f"a peer named {peer.name} is pinned with another key or machine" + remedy.format(one.name)
        if one.public_key == peer.public_key:
            return f"this key is pinned as {one.name}" + remedy.format(one.name)
        if peer.role == one.role == "controller":
            return f"a trader obeys one controller, and {one.name} is pinned" + remedy.format(one.name)
    if key_path(directory).exists() and public_key(directory) == peer.public:
        return "that is this machine's own key; paste the other machine's"
    return None


def remove_peer(directory: Path, name: str) -> Peer:
    """Take a pin out: that key opens nothing here any more. Raises Problem when nobody has the name."""
    with _locked(directory):
        present = read_peers(directory)
        gone = next((peer for peer in present if peer.name == name), None)
        if gone is None:
            names = ", ".join(peer.name for peer in present) or "nobody"
            raise Problem(f"no peer is named {name!r}; pinned here: {names}")
        _write(directory, [peer for peer in present if peer is not gone])
        return gone


def _write(directory: Path, peers: Sequence[Peer]) -> None:
    rows = ["[[peer]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in asdict(peer).items()) for peer in peers]
    write_private(peers_path(directory), "\n".join(rows).encode())


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One writer of the peers file at a time: two pairings at once must both stay."""
    private_directory(directory)
    handle = os.open(directory / ".peers.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
