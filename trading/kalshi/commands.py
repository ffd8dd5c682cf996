"""Commands to one Kalshi socket, without I/O: numbered, encoded, and remembered until the venue answers (kalshi.md 9).

An answer carries the number of its command and little else; what was asked has to be known here to make sense of a refusal.
"""

from collections import deque
from collections.abc import Mapping

import msgspec

__all__ = ["Asked", "Commands"]


class Asked(msgspec.Struct, frozen=True):
    """What a command asked for: its kind, and the markets or the channel it named."""

    kind: str = ""
    names: tuple[str, ...] = ()


class Commands:
    """The commands of one socket."""

    def __init__(self) -> None:
        self.outbox: deque[str] = deque()
        """Encoded commands to send, oldest first."""
        self._open: dict[int, Asked] = {}
        self._last = 0

    def clear(self) -> None:
        """A new socket: nothing sent before is answered on it. Numbers go on."""
        self._open.clear()
        self.outbox.clear()

    def put(self, cmd: str, params: Mapping[str, object] | None = None, asked: Asked | None = None) -> int:
        """Number a command and lay it into the outbox; asked None: no answer that names its number is awaited."""
        self._last += 1
        body: dict[str, object] = {"id": self._last, "cmd": cmd}
        if params is not None:
            body["params"] = params
        self.outbox.append(msgspec.json.encode(body).decode())
        if asked is not None:
            self._open[self._last] = asked
        return self._last

    def answered(self, number: int | None) -> Asked:
        """Take the command an answer names; an empty one when it names none that is open."""
        return (self._open.pop(number, None) if number is not None else None) or Asked()

    def open(self, kind: str) -> frozenset[str]:
        """Every name in an unanswered command of this kind."""
        return frozenset(name for asked in self._open.values() if asked.kind == kind for name in asked.names)
