"""Mutual authentication before any message: Ed25519 over the raw transcript, X25519 and HKDF for the session's keys.

    trader  ► hello {v, role, kid, node, nonce, eph, platform, boot_id}
    controller ► challenge {v, role, kid, peer_kid, nonce, eph, epoch, session} + signature over both
    trader  ► auth: signature over both and over the controller's signature                    (distributed.md 4.2, B-221)

Both sides sign the bytes as sent and received, with different labels, so versions and roles cannot be changed or reflected.
Nothing here does I/O; randomness is handed in.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import msgpack
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from trading.ids import Ids
from trading.link.frames import VERSION, FrameError, Opener, Sealer
from trading.link.identity import Identity, Peer
from trading.market import Venue

__all__ = ["AUTH", "CHALLENGE", "HELLO", "Agreed", "ControllerHandshake", "Hello", "HandshakeError", "TraderHandshake"]

HELLO, CHALLENGE, AUTH = 1, 2, 3
_SIGNATURE = 64
_LONGEST = 1_024
_LABEL_C, _LABEL_T = b"arb1/C", b"arb1/T"
Bytes32 = Annotated[bytes, Field(min_length=32, max_length=32)]


class HandshakeError(FrameError):
    """The other side is not who it must be, or speaks out of turn; reason is a code."""


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_F = TypeVar("_F", bound=_Fields)


class Hello(_Fields):
    """The trader's opening. node is a name for logs, never trusted."""

    v: Annotated[tuple[int, ...], Field(min_length=1, max_length=8)]
    role: Literal["trader"]
    kid: Bytes32
    node: Annotated[str, StringConstraints(max_length=64)]
    nonce: Bytes32
    eph: Bytes32
    platform: Literal["kalshi", "polymarket"]
    boot_id: Annotated[bytes, Field(min_length=4, max_length=4)]


class Challenge(_Fields):
    v: int
    role: Literal["controller"]
    kid: Bytes32
    peer_kid: Bytes32
    nonce: Bytes32
    eph: Bytes32
    epoch: Annotated[int, Field(ge=0, le=2**53)]
    session: Annotated[bytes, Field(min_length=16, max_length=16)]


class Agreed:
    """What a finished handshake leaves: who is there, the session, and the ciphers of both directions."""

    def __init__(self, peer: Peer, session: bytes, epoch: int, boot_id: bytes, sealer: Sealer, opener: Opener) -> None:
        self.peer = peer
        self.session = session
        self.epoch = epoch
        self.boot_id = boot_id
        self.sealer = sealer
        self.opener = opener


class TraderHandshake:
    """The trader's side: start() once, then answer the challenge."""

    def __init__(self, identity: Identity, controller: Peer, platform: Venue, node: str, boot_id: bytes, ids: Ids) -> None:
        self._identity = identity
        self._controller = controller
        self._boot_id = boot_id
        self._eph = X25519PrivateKey.from_private_bytes(ids.random(32))
        fields = {
            "v": [VERSION],
            "role": "trader",
            "kid": identity.kid,
            "node": node[:64],
            "nonce": ids.random(32),
            "eph": self._eph.public_key().public_bytes_raw(),
            "platform": str(platform),
            "boot_id": boot_id,
        }
        self._hello = _packed(HELLO, fields)

    def start(self) -> bytes:
        return self._hello

    def receive(self, frame: bytes) -> tuple[bytes, Agreed]:
        """The auth frame to send and what was agreed. Raises HandshakeError."""
        body, signature = frame[:-_SIGNATURE], frame[-_SIGNATURE:]
        challenge = _read(CHALLENGE, body, Challenge)
        if challenge.v != VERSION:
            raise HandshakeError("no_common_version")
        if challenge.kid != self._controller.kid:
            raise HandshakeError("unknown_peer")
        if challenge.peer_kid != self._identity.kid:
            raise HandshakeError("wrong_peer")
        transcript = _transcript(self._hello, body)
        _verify(self._controller.public, signature, _LABEL_C + transcript)
        to_trader, to_controller = _keys(self._eph, challenge.eph, transcript, challenge.session)
        auth = bytes((VERSION, AUTH)) + self._identity.sign(_LABEL_T + transcript + signature)
        agreed = Agreed(self._controller, challenge.session, challenge.epoch, b"", Sealer(to_controller), Opener(to_trader))
        return auth, agreed


class ControllerHandshake:
    """The controller's side: one hello, one auth, nothing else."""

    def __init__(self, identity: Identity, peers: Mapping[bytes, Peer], epoch: int, ids: Ids) -> None:
        self._identity = identity
        self._peers = peers
        self._epoch = epoch
        self._ids = ids
        self._session = ids.random(16)
        self._half: tuple[Peer, bytes, bytes, Agreed] | None = None

    def hello(self, frame: bytes) -> bytes:
        """The challenge for this hello. Raises HandshakeError; the key id is looked up before anything is signed."""
        hello = _read(HELLO, frame, Hello)
        if VERSION not in hello.v:
            raise HandshakeError("no_common_version")
        peer = self._peers.get(hello.kid)
        if peer is None or peer.role != "trader":
            raise HandshakeError("unknown_peer")
        if peer.platform != hello.platform:
            raise HandshakeError("wrong_platform")
        eph = X25519PrivateKey.from_private_bytes(self._ids.random(32))
        fields = {
            "v": VERSION,
            "role": "controller",
            "kid": self._identity.kid,
            "peer_kid": hello.kid,
            "nonce": self._ids.random(32),
            "eph": eph.public_key().public_bytes_raw(),
            "epoch": self._epoch,
            "session": self._session,
        }
        body = _packed(CHALLENGE, fields)
        transcript = _transcript(frame, body)
        signature = self._identity.sign(_LABEL_C + transcript)
        to_trader, to_controller = _keys(eph, hello.eph, transcript, self._session)
        agreed = Agreed(peer, self._session, self._epoch, hello.boot_id, Sealer(to_trader), Opener(to_controller))
        self._half = (peer, transcript, signature, agreed)
        return body + signature

    def auth(self, frame: bytes) -> Agreed:
        """What was agreed, once the trader proved its key. Raises HandshakeError."""
        if self._half is None:
            raise HandshakeError("out_of_turn")
        peer, transcript, signature, agreed = self._half
        if len(frame) != 2 + _SIGNATURE or frame[:2] != bytes((VERSION, AUTH)):
            raise HandshakeError("bad_handshake")
        _verify(peer.public, frame[2:], _LABEL_T + transcript + signature)
        return agreed


def _packed(kind: int, fields: Mapping[str, object]) -> bytes:
    body = msgpack.packb(fields, use_bin_type=True)
    assert isinstance(body, bytes)
    return bytes((VERSION, kind)) + body


def _read(kind: int, frame: bytes, model: type[_F]) -> _F:
    """A stranger's bytes: small, of the right kind, bounded while they are read, and exactly the fields they must be."""
    if len(frame) > _LONGEST or frame[1:2] != bytes((kind,)):
        raise HandshakeError("bad_handshake")
    if frame[0] != VERSION:
        raise HandshakeError("no_common_version")
    try:
        fields = msgpack.unpackb(
            frame[2:],
            raw=False,
            use_list=False,
            strict_map_key=True,
            max_str_len=_LONGEST,
            max_bin_len=_LONGEST,
            max_array_len=16,
            max_map_len=16,
            max_ext_len=0,
        )
        return model.model_validate(fields)
    except (ValueError, msgpack.UnpackException, RecursionError):  # ValidationError and StackError are ValueErrors
        raise HandshakeError("bad_handshake") from None


def _transcript(hello: bytes, challenge: bytes) -> bytes:
    return hashlib.sha256(len(hello).to_bytes(4, "big") + hello + len(challenge).to_bytes(4, "big") + challenge).digest()


def _verify(public: bytes, signature: bytes, data: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        raise HandshakeError("bad_signature") from None


def _keys(own: X25519PrivateKey, theirs: bytes, transcript: bytes, session: bytes) -> tuple[bytes, bytes]:
    """Keys controller to trader and back. An all-zero shared secret is refused by the library."""
    try:
        secret = own.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        raise HandshakeError("bad_key_share") from None
    both = HKDF(algorithm=SHA256(), length=64, salt=transcript, info=b"arb1/" + session).derive(secret)
    return both[:32], both[32:]
