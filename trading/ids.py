"""Ids that no two runs, hosts or attempts can share (B-171).

    ArbId  14 bytes   48-bit ms | 32-bit boot | 32-bit counter
    LegId  16 bytes   ArbId | leg | attempt
    client_order_id   "arb" + lower-case base32hex(LegId), 29 characters, time-ordered

A client order id gives its arb, leg and attempt back, which is how a venue's record is joined to ours after a crash. An order that
a person placed by hand bears the leg number MANUAL: it is in another journal than the controller's, and nobody misses it there.
"""

import base64
import os
import random
from typing import NewType, Protocol

from trading.clock import MS, Clock

__all__ = [
    "MANUAL",
    "ArbId",
    "Ids",
    "LegId",
    "SeededIds",
    "SystemIds",
    "arb_of",
    "attempt_of",
    "client_order_id",
    "is_manual",
    "leg_id",
    "leg_number",
    "parse_client_order_id",
]

_LETTERS = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = tuple(one + two for one in _LETTERS for two in _LETTERS)
_SHIFTS = tuple(range(120, -1, -10))
"""Two letters at a time by table: every order is named on its way out, and base64.b32hexencode takes ten times as long."""

MANUAL = 255
"""The leg number of an order placed by hand (B-074); no basket has as many legs."""

ArbId = NewType("ArbId", bytes)
LegId = NewType("LegId", bytes)


class Ids(Protocol):
    """Source of every id, salt, nonce and jitter."""

    def arb(self) -> ArbId: ...
    def random(self, n: int) -> bytes: ...


class SystemIds:
    """Ids from the clock, this boot and a counter; randomness from the operating system."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counter = 0

    def arb(self) -> ArbId:
        self._counter += 1
        ms = self._clock.wall_ns() // MS
        return ArbId(ms.to_bytes(6) + self._clock.boot_id + self._counter.to_bytes(4))

    def random(self, n: int) -> bytes:
        return os.urandom(n)


class SeededIds(SystemIds):
    """The same ids with seeded randomness: a run repeats to the byte."""

    def __init__(self, clock: Clock, seed: int) -> None:
        super().__init__(clock)
        self._random = random.Random(seed)

    def random(self, n: int) -> bytes:
        return self._random.randbytes(n)


def leg_id(arb: ArbId, leg: int, attempt: int) -> LegId:
    """Name one order: leg and attempt are 0..255."""
    return LegId(arb + bytes((leg, attempt)))


def arb_of(leg: LegId) -> ArbId:
    return ArbId(leg[:14])


def leg_number(leg: LegId) -> int:
    """Which leg of its arb this order is for: the place of its market in the basket."""
    return leg[14]


def is_manual(leg: LegId) -> bool:
    """Whether a person placed this order with `trader manual-trade`; orders of earlier versions do not tell."""
    return leg[14] == MANUAL


def attempt_of(leg: LegId) -> int:
    """Which order for that leg this is: 0 is the approved one, the others came later."""
    return leg[15]


def client_order_id(leg: LegId) -> str:
    """The id both venues' records carry: 29 characters of [a-v0-9]."""
    number = int.from_bytes(leg) << 2  # 128 bits and the two that fill the last letter
    return "arb" + "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def parse_client_order_id(text: str) -> LegId | None:
    """The leg behind a client order id, or None when it is not one of ours."""
    if len(text) != 29 or not text.startswith("arb"):
        return None
    try:
        return LegId(base64.b32hexdecode(text[3:].upper() + "======"))
    except ValueError:
        return None
