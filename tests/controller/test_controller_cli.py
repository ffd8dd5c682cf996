"""`controller` from its command line, in this process: where notes go, what stops it, what each flag says."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import typer
from typer.testing import CliRunner, Result

from controller.cli import _banner, app
from controller.settings import ControllerSettings
from trading.settings import load


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; the root logger is put back afterwards."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield tmp_path
    for mine in root.handlers[:]:
        mine.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def controller(*args: str, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [*args], env={"LOG_FILE": "", **(env or {})})


def test_a_note_about_a_setting_leaves_stdout_to_the_answer(here: Path) -> None:
    """design.md 6: with --json stdout holds only JSON; the likely typo is told on stderr."""
    result = controller("pairs", "list", "--json", env={"LOG_LEVL": "DEBUG"})

    assert json.loads(result.stdout)["pairs"] == []
    assert "note: LOG_LEVL is no setting" in result.stderr


def test_a_log_file_that_cannot_be_written_is_one_line(here: Path) -> None:
    """B-017: exit 2, no trace."""
    result = controller("pairs", "list", env={"LOG_FILE": str(here)})

    assert result.exit_code == 2
    assert result.stderr.startswith("error: LOG_FILE=") and len(result.stderr.splitlines()) == 1


def commands(group: Any, path: str = "controller") -> Iterator[tuple[str, Any]]:
    """Every command with its path, the bare program among them."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{path} {name}")


def test_help_names_the_variable_a_flag_sets() -> None:
    """B-076, B-077: of every flag of every command that mirrors one; each command and flag says what it does."""
    found = dict(commands(typer.main.get_command(app)))
    mirrored = {"platforms": "CONTROLLER_PLATFORMS", "leagues": "ENABLED_LEAGUES", "force": "FORCE_DISCOVERY"}
    mirrored |= {name: name.upper() for name in ControllerSettings.model_fields}
    options = [(path, option) for path, command in found.items() for option in command.params if option.name != "help"]

    assert [path for path, command in found.items() if not command.help] == []
    assert [f"{path} {option.name}" for path, option in options if not option.help] == []
    assert [f"{path} {o.name}" for path, o in options if o.name in mirrored and mirrored[o.name] not in o.help] == []


@pytest.mark.parametrize(
    ("flags", "setting", "value"),
    [
        (["--live"], "dry_run", False),
        (["--dry-run"], "dry_run", True),
        (["--controller-platforms", "Poly"], "controller_platforms", ("poly",)),
        (["--discovery-only"], "discovery_only", True),
        (["--force-discovery"], "force_discovery", True),
        (["--leagues", "NBA"], "enabled_leagues", ("nba",)),
        (["--state-dir", "elsewhere"], "state_dir", "elsewhere"),
        (["--config", "other.toml"], "max_trade_size", 7.0),
    ],
)
@pytest.mark.parametrize("command", [[], ["run"]])
def test_a_flag_wins_over_its_variable(
    here: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], flags: list[str], setting: str, value: object
) -> None:
    """B-068, B-077: with and without the word run; the variables say otherwise (B-015)."""
    seen: list[ControllerSettings] = []

    async def started(settings: ControllerSettings, **_: object) -> int:
        seen.append(settings)
        return 0

    monkeypatch.setattr("controller.cli._trade", started)
    monkeypatch.setattr("controller.cli._discover", started)
    (here / "other.toml").write_text("[risk]\nmax_trade_size = 7\n")
    dry = "1" if "--live" in flags else "0"
    env = {"DRY_RUN": dry, "CONTROLLER_PLATFORMS": "kalshi", "ENABLED_LEAGUES": "nfl", "STATE_DIR": "here"}
    result = controller(*command, *flags, env=env)

    assert (result.exit_code, result.stdout) == (0, "")
    assert getattr(seen[0], setting) == value


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, {"world": "paper", "orders": "none leave this process", "platforms": "none"}),
        (
            {"DRY_RUN": "0", "CONTROLLER_PLATFORMS": "polymarket,kalshi", "MAX_TRADE_SIZE": "200"},
            {"world": "live", "orders": "WILL BE SENT", "platforms": "kalshi,polymarket", "max_trade_usd": 200.0},
        ),
    ],
)
def test_every_start_says_what_it_may_do(here: Path, environ: dict[str, str], said: dict[str, object]) -> None:
    """B-057: a banner with world, platforms and limits, louder than information."""
    settings = load(ControllerSettings, environ=environ, directory=here)
    system: Any = SimpleNamespace(settings=settings, connections=SimpleNamespace(signer=object()))
    with structlog.testing.capture_logs() as logs:
        _banner(system)

    assert {**logs[0], **said, "event": "starting", "log_level": "warning", "daily_loss_cents": 5000} == logs[0]
