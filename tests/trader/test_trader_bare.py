"""`trader` without a command serves the controller, as `controller` without one trades."""

import pytest
import typer
from typer.testing import CliRunner, Result

from trader.cli import app
from trader.settings import TraderSettings


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


def test_a_bare_trader_is_trader_run() -> None:
    """B-073: the same flags, the same answer; here that it has no controller to dial."""
    flags = ("--controller", "127.0.0.1:1", "--link-dir", "nowhere")
    bare, run = typed(*flags), typed("run", *flags)

    assert bare.exit_code == run.exit_code == 2
    assert bare.stderr == run.stderr and bare.stderr.startswith("error: ")


def test_flags_before_a_command_are_refused() -> None:
    """`trader --live doctor` must not lose what was asked of it."""
    for flags in (["--live"], ["--state-dir", "x"]):
        answer = typed(*flags, "doctor")
        assert (answer.exit_code, answer.stdout) == (2, "")
        assert "put the flags after the command: trader doctor" in answer.stderr


@pytest.mark.parametrize("name", ["run", "halt", "resume", "accept-controller", "manual-trade", "doctor"])
def test_help_names_the_variable_a_flag_sets(name: str) -> None:
    """B-076, B-077: of every flag that mirrors one."""
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]  # a group has them
    mirrored = {"controller": "CONTROLLER_ADDRESS"} | {field: field.upper() for field in TraderSettings.model_fields}
    silent = [option.name for option in command.params if option.name in mirrored and mirrored[option.name] not in option.help]

    assert silent == []
