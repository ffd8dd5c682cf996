"""Coming to rest: what a drain does, what it says is still open, and how the command ends."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import controller.commands_control as commands
from controller.cli import app
from controller.control import NotRunning
from controller.drain import Drain, lines_of
from controller.halt import HaltFile


class Room:
    """A controller with arbs and open legs that a test sets, as far as a drain sees one."""

    def __init__(self, directory: Path) -> None:
        self.halt = HaltFile(directory)
        self.arbs = 1
        self.legs: list[Any] = []
        self.looks = 0
        self.cancels: list[str] = []
        here: Any = self
        self.alone = 0
        seams = {"executor": here, "journal": here, "ledger": here}
        self.drain = Drain(self.halt, look=self.look, running=lambda: self.arbs, alarms=lambda: self.alone, **seams)

    async def look(self) -> None:
        self.looks += 1

    async def cancel_all(self, reason: str) -> int:
        self.cancels.append(reason)
        self.legs.clear()
        return 1

    def open_legs(self) -> list[Any]:
        return self.legs

    def unconfirmed(self) -> tuple[Any, ...]:
        return ()


async def test_a_drain_halts_at_once_waits_for_arbs_and_then_cancels_what_rests(tmp_path: Path) -> None:
    """Orders of a running arb are its own; once none runs, what is left open is cancelled and nothing is open."""
    room = Room(tmp_path)
    room.legs = [_Leg()]

    busy = await room.drain.ask()
    during = list(room.cancels)
    room.arbs = 0
    quiet = await room.drain.ask()

    assert (busy["done"], busy["arbs_under_way"], busy["open_legs_count"], during) == (False, 1, 1, [])
    assert room.halt.state() == ("drain", False)
    assert room.looks == 2
    assert (quiet["done"], room.cancels) == (True, ["drain"])


async def test_a_leg_that_stands_alone_is_not_drained(tmp_path: Path) -> None:
    """Its arb ended and nothing is on its way, but "end it now" would be the wrong advice."""
    room = Room(tmp_path)
    room.arbs, room.alone = 0, 1
    found = await room.drain.ask()

    assert found["done"] is False
    assert "1 arbs with a leg alone" in lines_of(found)[0]


async def test_a_drain_keeps_an_operators_halt_and_its_reason(tmp_path: Path) -> None:
    """A freeze is never softened, and its reason stays readable."""
    room = Room(tmp_path)
    room.halt.set("fire", freeze=True)

    await room.drain.ask()

    assert room.halt.state() == ("fire", True)


def test_what_is_open_is_named_for_people() -> None:
    """Counts first, then each order with its market; nothing open names the two ways on."""
    leg = {"leg": "00ff", "venue": "kalshi", "market": "KXA", "purpose": "open"}
    found = {"done": False, "arbs_under_way": 2, "open_legs_count": 1, "open_legs": [leg], "unconfirmed": 3, "alarms_open": 0}

    lines = lines_of(found)

    assert lines == ("open: 2 arbs, 1 orders, 3 legs not confirmed", "  kalshi KXA open (00ff)")
    assert "controller resume" in lines_of(found | {"done": True})[0]


def told(*answers: dict[str, object] | Exception) -> Any:
    left = list(answers)

    async def ask(path: Path, question: str, **more: object) -> object:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return one

    return ask


_OPEN = {
    "schema": 1,
    "done": False,
    "arbs_under_way": 1,
    "open_legs_count": 0,
    "open_legs": [],
    "unconfirmed": 0,
    "alarms_open": 0,
}
_DONE = _OPEN | {"done": True, "arbs_under_way": 0}


@pytest.mark.parametrize(
    ("answers", "flags", "code"),
    [
        ((_OPEN, _OPEN, _DONE), (), 0),
        ((_OPEN,), ("--no-wait",), 1),
        ((_OPEN,), ("--timeout", "0"), 1),
        ((NotRunning("no controller"),), (), 2),
    ],
    ids=["waits", "no wait", "time is up", "none runs"],
)
def test_the_commands_exit_code_tells_whether_anything_is_open(
    answers: tuple[Any, ...], flags: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """0 = nothing is open, 1 = something still is, 2 = nobody answered; with --json stdout holds only JSON."""
    monkeypatch.setattr(commands, "ask", told(*answers))
    monkeypatch.setattr(commands, "_ASK_S", 0.0)
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["drain", "--json", "--state-dir", str(tmp_path), *flags])

    assert result.exit_code == code
    assert (json.loads(result.stdout)["done"] is (code == 0)) if code != 2 else result.stdout == ""


class _Leg:
    """An open leg as far as a drain shows it."""

    leg_id = bytes(16)
    venue = "kalshi"
    purpose = "open"

    want = SimpleNamespace(market="KXA")
