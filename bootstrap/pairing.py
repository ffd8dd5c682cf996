"""Pairing by a one-time code, as values: no socket, no clock, no chance (style.md 1).

    trader     ► hello  {v, role, name, platform, public_key, stable_id, nonce}
    controller ► offer  {the same of its own}            th = SHA-256 over both lines, each with its length
    trader     ► proof  HMAC-SHA256(key, "tandem-pair/1 trader" || th)
    controller ► proof  HMAC-SHA256(key, "tandem-pair/1 controller" || th)      key = scrypt(code, salt = both nonces)
    controller ► done   after its operator agreed and the pin is written

The code has 50 bits and scrypt makes each guess cost a tenth of a second and 64 MiB; it is good for one attempt within five
minutes, so a listener cannot find it in time and a dialler cannot try twice. The public keys are in the transcript: nobody in
between can put a key of their own there. No secret crosses the wire.
"""

import base64
import hashlib
import hmac
import json
from typing import Literal

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from bootstrap.files import Problem
from bootstrap.identity import Peer, checked_peer

__all__ = [
    "LIFETIME_S",
    "MAX_LINE",
    "Card",
    "canonical_code",
    "make_code",
    "pairing_key",
    "proof",
    "read_card",
    "read_word",
    "same",
    "transcript",
    "word",
]

LIFETIME_S = 300
MAX_LINE = 4_096
_VERSION = 1
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: nothing to misread
_CODE_LENGTH = 10
_SCRYPT = (2**16, 8, 1)
_FIELDS = {"v", "role", "name", "platform", "public_key", "stable_id", "nonce"}


class Card:
    """What one side says of itself: the peer it will be pinned as, and its nonce. line is what was or will be sent."""

    def __init__(self, peer: Peer, nonce: bytes, line: bytes) -> None:
        self.peer = peer
        self.nonce = nonce
        self.line = line

    @classmethod
    def of(cls, peer: Peer, nonce: bytes) -> "Card":
        fields = {
            "v": _VERSION,
            "role": peer.role,
            "name": peer.name,
            "platform": peer.platform,
            "public_key": peer.public_key,
            "stable_id": peer.stable_id,
            "nonce": base64.b64encode(nonce).decode(),
        }
        return cls(peer, nonce, json.dumps(fields, separators=(",", ":")).encode())


def read_card(line: bytes, role: Literal["controller", "trader"]) -> Card:
    """The other side's card. Raises Problem for anything else than a card of that role."""
    fields = _object(line)
    said = fields.get("refused")
    if isinstance(said, str):
        raise Problem(f"the other side refused: {_plain(said)}")
    if fields.keys() != _FIELDS or fields["v"] != _VERSION:
        raise Problem("the other side speaks another version of pairing; use the same release on both machines")
    texts = {key: value for key, value in fields.items() if isinstance(value, str)}
    if texts.keys() != _FIELDS - {"v"}:
        raise Problem("the other side's card is malformed")
    try:
        nonce = base64.b64decode(texts.pop("nonce"), validate=True)
    except ValueError:
        nonce = b""
    if len(nonce) != 32:
        raise Problem("the other side's nonce is malformed")
    if texts["role"] != role:
        raise Problem(f"the other side is a {_plain(texts['role'])}; a controller pairs with a trader")
    return Card(checked_peer(**texts), nonce, line)


def word(key: str, value: str) -> bytes:
    """A line with one field: proof, done or refused."""
    return json.dumps({key: value}, separators=(",", ":")).encode()


def read_word(line: bytes, key: str) -> str:
    """The value of such a line. Raises Problem for another one, with the other side's reason when it gave one."""
    fields = _object(line)
    said = fields.get("refused")
    if isinstance(said, str):
        raise Problem(f"the other side refused: {_plain(said)}")
    value = fields.get(key)
    if len(fields) != 1 or not isinstance(value, str):
        raise Problem(f"the other side was to say {key} and said something else")
    return value


def _object(line: bytes) -> dict[str, object]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Problem("the other side does not speak pairing: is that the controller's `bootstrap pair`?")
    return fields


def _plain(text: str) -> str:
    """Words of a stranger for our screen: one short line, no control characters."""
    return "".join(char if char.isprintable() else "?" for char in text[:200])


def make_code(random: bytes) -> str:
    """A code of ten characters in two groups from at least seven random bytes: 50 bits."""
    number = int.from_bytes(random, "big")
    text = "".join(_ALPHABET[number >> (5 * at) & 31] for at in range(_CODE_LENGTH))
    return f"{text[:5]}-{text[5:]}"


def canonical_code(typed: str) -> str:
    """The code as it is hashed, whatever case, dashes and look-alikes were typed. Raises Problem when it cannot be one."""
    text = "".join(char for char in typed.upper() if char not in "- ")
    text = text.translate(str.maketrans("OIL", "011"))
    if len(text) != _CODE_LENGTH or any(char not in _ALPHABET for char in text):
        raise Problem("a pairing code has ten letters and digits, as XXXXX-XXXXX; nothing was sent")
    return text


def transcript(hello: bytes, offer: bytes) -> bytes:
    """SHA-256 over both lines exactly as they crossed the wire."""
    both = b"".join(len(line).to_bytes(4, "big") + line for line in (hello, offer))
    return hashlib.sha256(b"tandem-pair/1" + both).digest()


def pairing_key(code: str, hello: Card, offer: Card) -> bytes:
    """32 bytes from the code, salted with both nonces so that nothing can be computed beforehand."""
    n, r, p = _SCRYPT
    return Scrypt(salt=hello.nonce + offer.nonce, length=32, n=n, r=r, p=p).derive(canonical_code(code).encode())


def proof(key: bytes, role: Literal["controller", "trader"], hello: Card, offer: Card) -> str:
    """What only somebody with the code can say of these two cards; the role keeps it from being sent back."""
    label = f"tandem-pair/1 {role}".encode()
    return hmac.new(key, label + transcript(hello.line, offer.line), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare proofs in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
