"""The simulators' control door, without I/O: what stands at /_control of a running pair of venues.

    GET  /_control           what can be thrown, what was, the clock, the modes       GET /_control/account · /_control/stats
    POST /_control           {"venue", "fault", "count"?, "market"?} · {"clear": true} · {"script": "start"} · {"advance_s": n}

It needs no secret, since the accounts behind it are worthless and the server binds loopback; but a page in a browser on this
machine is no customer of it: requests that name another host or an origin are refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from trading.clock import SECOND, Clock
from trading.sim.core import Request, Response
from trading.sim.faults import Faults
from trading.units import MonoNs, WallNs

__all__ = ["Control", "ControlDoor", "MovableClock", "PATH"]

PATH = "/_control"
_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_MOST_S = 30 * 86_400.0
_USAGE = "POST /_control, GET /_control, GET /_control/account or GET /_control/stats"


class MovableClock:
    """A clock whose monotonic time can be moved ahead: holds end, modes pass, settlements walk, waits are over.

    Wall time goes on as it is, because signatures of clients are checked against it.
    """

    def __init__(self, inner: Clock) -> None:
        self._inner = inner
        self._ahead = 0
        self.boot_id = inner.boot_id

    def wall_ns(self) -> WallNs:
        return self._inner.wall_ns()

    def mono_ns(self) -> MonoNs:
        return MonoNs(self._inner.mono_ns() + self._ahead)

    @property
    def ahead_ns(self) -> int:
        return self._ahead

    def advance(self, ns: int) -> None:
        """Move ahead; never back."""
        self._ahead += max(0, ns)


class Control(Protocol):
    """The world behind the door. command raises ValueError with a line for the caller."""

    @property
    def faults(self) -> Faults: ...
    def command(self, body: Mapping[str, Any]) -> object: ...
    def account(self) -> object: ...
    def stats(self) -> Mapping[str, object]: ...
    def modes(self) -> Mapping[str, str]: ...


class ControlDoor:
    """handle() answers one request. served adds what the shell counts; a clock that cannot be moved refuses to be."""

    def __init__(self, control: Control, clock: Clock, *, served: Callable[[], Mapping[str, object]] = dict) -> None:
        self._control = control
        self._clock = clock
        self._served = served

    def handle(self, request: Request) -> Response:
        host = request.headers.get("host", "127.0.0.1").rpartition(":")
        if "origin" in request.headers or (host[0] or host[2]) not in _HOSTS:
            return _json(403, {"error": "the control door answers programs on this machine, not web pages"})
        what = request.path.removeprefix(PATH).strip("/")
        if request.method == "POST" and not what:
            try:
                result = self._command(msgspec.json.decode(request.body, type=dict[str, Any]))
            except (ValueError, msgspec.MsgspecError) as exc:
                return _json(400, {"error": str(exc)})
            return _json(200, {"ok": True, "result": result})
        if request.method != "GET" or what not in ("", "account", "stats"):
            return _json(404, {"error": _USAGE})
        if what == "account":
            return _json(200, self._control.account())
        if what == "stats":
            return _json(200, {**self._control.stats(), "venues": self._served()})
        return _json(200, self._index())

    def _index(self) -> Mapping[str, object]:
        faults = self._control.faults
        return {
            "schema": 1,
            "faults": {venue: faults.names(venue) for venue in faults.venues},
            "thrown": [{"venue": venue, "fault": fault} for venue, fault in faults.thrown],
            "modes": self._control.modes(),
            "clock": self._read_clock(),
        }

    def _read_clock(self) -> Mapping[str, object]:
        movable = isinstance(self._clock, MovableClock)
        ahead = self._clock.ahead_ns if isinstance(self._clock, MovableClock) else 0
        return {
            "wall_ns": self._clock.wall_ns(),
            "mono_ns": self._clock.mono_ns(),
            "ahead_s": ahead / SECOND,
            "movable": movable,
        }

    def _command(self, body: Mapping[str, Any]) -> object:
        if "clear" in body:
            if body != {"clear": True}:
                raise ValueError('expected {"clear": true} and nothing beside it')
            cleared = self._control.faults.clear()
            return {"undone": [":".join(one) for one in cleared.undone], "left": [":".join(one) for one in cleared.left]}
        if "advance_s" in body:
            seconds = body["advance_s"]
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _MOST_S:
                raise ValueError(f"advance_s {seconds!r} is not a number of seconds above 0 and at most {_MOST_S:g}")
            if not isinstance(self._clock, MovableClock):
                raise ValueError("this run's clock cannot be moved")
            self._clock.advance(int(seconds * SECOND))
            return self._read_clock()
        return self._control.command(body)


def _json(status: int, value: object) -> Response:
    return Response(status, msgspec.json.encode(value), {"content-type": "application/json"})
