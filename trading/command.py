"""What the command lines of both programs share: how a command ends, and how a doctor reports.

An expected failure is one line on stderr and an exit code, never a trace; stdout stays for what was asked for.
"""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from trading.errors import SettingsError, TandemError

__all__ = ["Finding", "Level", "exit_code", "report"]

Level = Literal["pass", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One line of a doctor's report. next is what to do about it, "" when there is nothing."""

    level: Level
    what: str
    detail: str = ""
    next: str = ""


def report(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print a doctor's findings. Returns the exit code: 0 when nothing failed, 1 otherwise."""
    failed = any(finding.level == "fail" for finding in findings)
    if as_json:
        rows = [msgspec.structs.asdict(finding) for finding in findings]
        print(json.dumps({"schema": 1, "ok": not failed, "findings": rows}))
    else:
        for finding in findings:
            step = f"  -> {finding.next}" if finding.next else ""
            print(f"{finding.level:4}  {finding.what}: {finding.detail}{step}")
    return 1 if failed else 0


def exit_code(command: Callable[[], int]) -> int:
    """Run a command to its exit code: 2 = a value is wrong and nothing was done, 1 = it failed, 130 = Ctrl-C."""
    try:
        return command()
    except TandemError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2 if isinstance(exc, SettingsError) else 1
    except KeyboardInterrupt:
        return 130
