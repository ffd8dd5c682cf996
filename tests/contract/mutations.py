"""Frames made wrong in every way a wire, a proxy or a venue could: bytes flipped, cut, doubled; values of another type, missing,
nested without end, too large to hold. Seeded, so that a failure comes again."""

import json
import random
from collections.abc import Callable
from typing import Any

__all__ = ["mutate"]

_DEEP = b"[" * 3_000 + b"]" * 3_000
_HUGE = (
    b"1e999",
    b"-1e999",
    b"9" * 400,
    b"-" + b"9" * 40,
    b"1" * 5_000,
    b"0." + b"1" * 60,
    b"NaN",
    b"Infinity",
    b"18446744073709551616",
)
_ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    7.5,
    2**63,
    -(2**63) - 1,
    "",
    "0",
    "1.0",
    "-1",
    "1e5",
    "NaN",
    "0.5",
    "٣",
    "\x00",
    "x" * 300,
    [],
    {},
    [[]],
    [None],
    {"": {}},
)
_GARBAGE = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b"PONG",
    b'"',
    b"[1,2",
    b"\xef\xbb\xbf{}",
    b"{}{}",
    b"true",
    b"[{}]",
)


def mutate(frame: bytes, chance: random.Random) -> bytes:
    """One mutation, sometimes two."""
    made = chance.choice(_KINDS)(frame, chance)
    return chance.choice(_KINDS)(made, chance) if chance.random() < 0.1 else made


def _flip(frame: bytes, chance: random.Random) -> bytes:
    data = bytearray(frame)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        if data:
            at = chance.randrange(len(data))
            data[at] = chance.randrange(256) if chance.random() < 0.5 else data[at] ^ (1 << chance.randrange(8))
    return bytes(data)


def _cut(frame: bytes, chance: random.Random) -> bytes:
    return frame[: chance.randrange(len(frame) + 1)]


def _splice(frame: bytes, chance: random.Random) -> bytes:
    """Drop a piece, double it, or put another byte in."""
    at = chance.randrange(len(frame) + 1)
    end = min(len(frame), at + chance.choice((1, 1, 2, 8, 40)))
    piece = chance.choice((b"", frame[at:end] * 2, frame[at:end] + bytes((chance.randrange(256),))))
    return frame[:at] + piece + frame[end:]


def _digit(frame: bytes, chance: random.Random) -> bytes:
    """Another digit: most often still a frame, about something else."""
    places = [at for at, byte in enumerate(frame) if 48 <= byte <= 57]
    if not places:
        return frame
    at = chance.choice(places)
    return frame[:at] + bytes((chance.randrange(48, 58),)) + frame[at + 1 :]


def _garbage(_: bytes, chance: random.Random) -> bytes:
    return chance.choice(_GARBAGE)


def _value(frame: bytes, chance: random.Random) -> bytes:
    """Change one value, key or element of the frame as JSON."""
    try:
        root = json.loads(frame)
    except (ValueError, RecursionError):
        return _flip(frame, chance)
    holder: Any = root
    while True:
        keys: list[Any] = (
            list(holder) if isinstance(holder, dict) else list(range(len(holder))) if isinstance(holder, list) else []
        )
        if not keys:
            return json.dumps(chance.choice(_ODD)).encode()
        key = chance.choice(keys)
        if isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.8:
            holder = holder[key]
            continue
        break
    what = chance.random()
    if what < 0.15:
        del holder[key]
    elif what < 0.25 and isinstance(holder, dict):
        holder[key + chance.choice(("_", "s", " "))] = holder.pop(key)
    elif what < 0.35:
        holder[key] = "\ue000"  # stands for bytes that json would not write
        raw = chance.choice((_DEEP, *_HUGE))
        return json.dumps(root, ensure_ascii=False, separators=(",", ":")).encode().replace('"\ue000"'.encode(), raw)
    elif what < 0.45:
        holder[key] = [holder[key]] if chance.random() < 0.5 else {"value": holder[key]}
    else:
        holder[key] = chance.choice(_ODD)
    return json.dumps(root, separators=(",", ":")).encode()


_KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip,
    _flip,
    _digit,
    _digit,
    _cut,
    _splice,
    _value,
    _value,
    _value,
    _garbage,
)
