"""Sealed frames: ver u8 | type u8 | seq u64 | ChaCha20-Poly1305 text and tag (distributed.md 4.3).

The first ten bytes are authenticated too. Each direction has its own key; seq starts at 0 and rises by exactly one, so a
repeated, lost, reordered or foreign frame ends the session. A session ends before its numbers could repeat.
"""

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

__all__ = ["DATA", "HEADER", "MAX_FRAME", "MAX_SEQUENCE", "VERSION", "FrameError", "Opener", "Sealer"]

VERSION = 1
DATA = 4
MAX_FRAME = 65_536
"""Largest WebSocket message either side accepts, in bytes."""
MAX_SEQUENCE = 2**32
"""Frames per direction before the link is made anew with fresh keys."""
HEADER = struct.Struct(">BBQ")
_NONCE_PAD = b"\0\0\0\0"
_TAG = 16


class FrameError(Exception):
    """The frame is not the next one of this session; reason is a code. The session is over."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sealer:
    """Seals one direction's frames in order."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._sequence = 0

    def seal(self, text: bytes) -> bytes:
        """The frame for this text. Raises FrameError on one that is too large, or when the numbers are used up."""
        if len(text) + HEADER.size + _TAG > MAX_FRAME:
            raise FrameError("too_large")
        if self._sequence >= MAX_SEQUENCE:
            raise FrameError("sequence_used_up")
        header = HEADER.pack(VERSION, DATA, self._sequence)
        frame = header + self._cipher.encrypt(_NONCE_PAD + header[2:], text, header)
        self._sequence += 1
        return frame


class Opener:
    """Opens the other direction's frames, each exactly once."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._sequence = 0

    def open(self, frame: bytes) -> bytes:
        """The text of the next frame. Raises FrameError on any other bytes."""
        if not HEADER.size + _TAG <= len(frame) <= MAX_FRAME:
            raise FrameError("bad_size")
        version, kind, sequence = HEADER.unpack_from(frame)
        if version != VERSION or kind != DATA:
            raise FrameError("bad_frame")
        if sequence != self._sequence or sequence >= MAX_SEQUENCE:
            raise FrameError("bad_sequence")
        header = frame[: HEADER.size]
        try:
            text = self._cipher.decrypt(_NONCE_PAD + header[2:], frame[HEADER.size :], header)
        except InvalidTag:
            raise FrameError("bad_tag") from None
        self._sequence += 1
        return text
