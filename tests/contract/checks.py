"""What a stranger's script shares with the driver: the card it is given, and one JSON line for each thing it found true or not.

Runs inside a foreign client's environment, so it knows the standard library alone.
"""

import json
import sys
import time
import traceback
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["Checks", "fetch", "run_checks", "wait_until"]


class Checks:
    """Runs checks in order. A check that fails is told and the next one goes on; the run then fails."""

    def __init__(self) -> None:
        self.card: dict[str, Any] = json.loads(sys.stdin.readline())
        self._failed = False

    def run(self, name: str, work: Callable[[], Any], holds: Callable[[Any], object] = lambda _: True) -> Any:
        """Do work and tell whether holds(result) is true; returns the result, None after an error."""
        result, detail, ok = None, "", False
        try:
            result = work()
            ok = bool(holds(result))
            detail = "" if ok else f"unexpected: {result!r}"[:400]
        except Exception as exc:  # a stranger's client may raise anything; the line carries it
            where = traceback.extract_tb(exc.__traceback__)[-1]
            detail = f"{type(exc).__name__}: {exc} ({where.name}:{where.lineno})"[:400]
        self._failed = self._failed or not ok
        print(json.dumps({"check": name, "ok": ok, "detail": detail}), flush=True)
        return result

    def control(self, **body: Any) -> Any:
        """Tell the simulators something on their control door."""
        request = urllib.request.Request(
            self.card["control"], json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    @property
    def failed(self) -> bool:
        return self._failed


def run_checks(main: Callable[[Checks], None]) -> None:
    """Run a script's checks and exit: 1 when one failed, or when an error kept the rest from being made."""
    checks = Checks()
    try:
        main(checks)
    except Exception as exc:  # a failed check leaves nothing for those that need its result
        checks.run("the rest", partial(_raise, exc))
    raise SystemExit(1 if checks.failed else 0)


def _raise(exc: Exception) -> None:
    raise exc


def fetch(url: str) -> Any:
    """A plain GET of public JSON."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def wait_until(read: Callable[[], Any], holds: Callable[[Any], object], *, seconds: float = 10.0) -> Any:
    """Read again and again until it holds; the last reading when it never does. Venues' reads lag their writes."""
    ends = time.monotonic() + seconds
    while not holds(seen := read()) and time.monotonic() < ends:
        time.sleep(0.1)
    return seen
