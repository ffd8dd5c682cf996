"""A claim: one proposition as a plain tuple that is equal at both venues exactly when they ask the same.

The first field is the domain, the rest are the fields of matching.md section 2 in a fixed order. A reader that misses a field
says why instead of leaving the field empty: an empty field equals another empty field, and that would be a guess.
"""

import msgspec

from trading.units import WallNs

__all__ = ["Claim", "Claimed", "Unread"]

Claim = tuple[str, ...]


class Claimed(msgspec.Struct, frozen=True):
    """A market that was read. claims[i] is what outcome i pays for; None = anything else (NO of a team is not the other team).

    structural: everything came from stated fields and both a start and the outcomes' names were among them.
    """

    claims: tuple[Claim | None, Claim | None]
    structural: bool = False
    evidence: tuple[str, ...] = ()
    start: WallNs | None = None


class Unread(msgspec.Struct, frozen=True):
    """A market without a claim; reason is one word to count by."""

    reason: str
    detail: str = ""
