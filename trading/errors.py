"""Errors named by what the caller may do next.

    TandemError
    |- SettingsError      a setting is malformed: variable, value, rule; the start stops with exit 2
    |- Misuse             we broke our own rule: a bug, never the venue's doing
    |- OutOfSync          a book or stream lost continuity: resync, trade nothing on it
    |- Disconnected       a stream ended: reconnect, its books are not ready until rebuilt
    `- VenueError         one exchange with a venue failed; carries venue, code and detail
       |- Rejected        definite: no order exists; do not repeat as it is
       |  |- Throttled    definite, rate limited: may be repeated after retry_after seconds
       |  |- AuthFailed   definite: key, clock or signature; ask the operator
       |  `- ModeClosed   definite: the venue is paused, restarting or post-only (B-426)
       |- Unreachable     nothing was sent: may be repeated
       |- UnknownOutcome  sent, not answered: look it up, never send again (B-093)
       `- BadAnswer       the venue answered something its contract does not allow

Messages carry the value and the rule, name the market, and end in the next step.
"""

__all__ = [
    "AuthFailed",
    "BadAnswer",
    "Disconnected",
    "Misuse",
    "ModeClosed",
    "OutOfSync",
    "Rejected",
    "SettingsError",
    "TandemError",
    "Throttled",
    "UnknownOutcome",
    "Unreachable",
    "VenueError",
]


class TandemError(Exception):
    """Root of every error this program raises on purpose."""


class SettingsError(TandemError):
    """A setting cannot be used (B-017)."""


class Misuse(TandemError):
    """A rule of our own was broken by our own code."""


class OutOfSync(TandemError):
    """Continuity is lost; the book must be rebuilt from a snapshot."""


class Disconnected(TandemError):
    """A WebSocket ended or could not be opened."""


class VenueError(TandemError):
    """An exchange with a venue failed. code is the venue's own word where it gives one."""

    def __init__(self, venue: str, code: str, detail: str = "") -> None:
        super().__init__(f"{venue}: {code}" + (f": {detail}" if detail else ""))
        self.venue = venue
        self.code = code
        self.detail = detail


class Rejected(VenueError):
    """The venue said no; no order exists."""


class Throttled(Rejected):
    """Rate limited (B-210). retry_after is in seconds, None when the venue does not say."""

    def __init__(self, venue: str, code: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(venue, code, detail)
        self.retry_after = retry_after


class AuthFailed(Rejected):
    """Key, clock or signature was refused."""


class ModeClosed(Rejected):
    """The venue is paused, restarting, post-only, cancel-only or disabled (B-426). retry_after as in Throttled."""

    def __init__(self, venue: str, code: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(venue, code, detail)
        self.retry_after = retry_after


class Unreachable(VenueError):
    """Nothing was sent."""


class UnknownOutcome(VenueError):
    """Sent but not answered: the order may or may not exist."""


class BadAnswer(VenueError):
    """The answer breaks the venue's contract."""
