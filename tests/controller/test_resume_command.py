"""`controller resume` says what it did, and what else to do."""

from pathlib import Path

import typer
from typer.testing import CliRunner

from controller.commands_control import register
from controller.settings import ControllerSettings
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
