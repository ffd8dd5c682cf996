"""`controller` from its command line, in this process: where notes go, what stops it, what each flag says."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from controller.cli import app


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
