"""`controller halt` and `controller resume` say what they did, and what else to do."""

import asyncio
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from controller.commands_control import register
from controller.control import control_path, serving
from controller.durable import state_path
from controller.settings import ControllerSettings
from trading.errors import Misuse
from trading.settings import load


def test_a_resume_without_a_halt_tells_how_a_tripped_breaker_ends(tmp_path: Path) -> None:
    """Nothing hears a resume that ends no halt, so it must not look as if it had cleared the breaker."""
    settings = load(ControllerSettings, flags={"state_dir": str(tmp_path)}, environ={}, directory=tmp_path)
    app = typer.Typer()
    register(app, lambda _: settings)
    idle = CliRunner().invoke(app, ["resume"])
    CliRunner().invoke(app, ["halt", "lunch"])
    ended = CliRunner().invoke(app, ["resume"])

    assert "was not halted" in idle.stdout
    assert "controller halt, then controller resume" in idle.stdout
    assert (ended.exit_code, ended.stdout) == (0, "resumed\n")


async def test_a_halt_says_when_nobody_of_that_directory_runs(tmp_path: Path) -> None:
    """B-204: typed in the wrong directory it stops nobody; a controller that runs there, hanging or not, gets no such note."""
    settings = load(ControllerSettings, flags={"state_dir": str(tmp_path)}, environ={}, directory=tmp_path)
    app = typer.Typer()
    register(app, lambda _: settings)
    (home := state_path(settings)).mkdir(mode=0o700, parents=True)

    async def status(question: object) -> dict[str, object]:
        raise Misuse("busy")

    async def typed() -> Any:
        return await asyncio.to_thread(CliRunner().invoke, app, ["halt", "lunch"])

    alone = await typed()
    async with serving(control_path(home), {"status": status}):
        heard = await typed()

    assert (alone.exit_code, heard.exit_code) == (0, 0)
    assert "no controller of that state directory runs" in alone.stderr
    assert heard.stderr == ""


def test_a_halt_that_cannot_be_set_or_ended_is_one_line(tmp_path: Path) -> None:
    """A file stands where the state directory should be: exit 1, no traceback."""
    (tmp_path / "state").write_text("")
    settings = load(ControllerSettings, flags={"state_dir": str(tmp_path / "state")}, environ={}, directory=tmp_path)
    app = typer.Typer()
    register(app, lambda _: settings)
    answers = [CliRunner().invoke(app, [command]) for command in ("halt", "resume")]

    assert [one.exit_code for one in answers] == [1, 1]
    assert all(one.stderr.startswith("error: ") and one.stderr.count("\n") == 1 for one in answers)
