"""What status and doctor say of the newest comparison."""

from pathlib import Path
from typing import Any

import pytest

from controller import doctor_running
from controller.control import NotRunning
from controller.halt import HaltFile
from controller.status import said_of
from trading.command import Finding

_EQUAL: dict[str, Any] = {"age_s": 12.0, "equal": True, "differences": [], "unread": {}, "lost": ""}


@pytest.mark.parametrize(
    ("compared", "says"),
    [
        (_EQUAL, "12.0 s ago: no difference"),
        (_EQUAL | {"differences": ["a", "b"]}, "2 markets differ: `controller reconcile`"),
        (_EQUAL | {"unread": {"kalshi": "no answer"}}, "kalshi: no answer"),
        (_EQUAL | {"lost": "an old copy"}, "an old copy"),
        (_EQUAL | {"age_s": None}, "not yet"),
    ],
)
def test_the_newest_comparison_is_one_line(compared: dict[str, Any], says: str) -> None:
    """B-183: when it was and what it found."""
    assert says in said_of(compared)


async def findings(directory: Path, monkeypatch: pytest.MonkeyPatch, answer: object) -> list[Finding]:
    async def ask(*_: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(doctor_running, "ask", ask)
    monkeypatch.setattr(doctor_running, "state_path", lambda _: directory)
    system: Any = type("System", (), {"settings": None})
    return await doctor_running.running(system)


async def test_the_doctor_tells_halt_drain_and_differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with the command that follows; a controller that trades in agreement passes twice."""
    status = {"trading": "on", "draining": False, "reconciliation": _EQUAL}
    fine = await findings(tmp_path, monkeypatch, status)
    differs = status | {"trading": "halted: drain", "draining": True, "reconciliation": _EQUAL | {"equal": False}}
    halted = await findings(tmp_path, monkeypatch, differs)

    assert [one.level for one in fine] == ["pass", "pass"]
    assert [(one.level, one.next.partition(" tells")[0]) for one in halted] == [
        ("warn", "controller drain"),
        ("warn", "controller reconcile"),
    ]


async def test_a_halt_is_told_while_no_controller_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start will be halted: better read now than wondered at then."""
    HaltFile(tmp_path).set("drain")

    (one,) = await findings(tmp_path, monkeypatch, NotRunning("none"))

    assert (one.level, one.detail) == ("warn", "none runs; the next start is halted: drain")
