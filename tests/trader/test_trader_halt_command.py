"""`trader halt` and `trader resume` stop and free one machine, and never pretend to."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from trader.cli import app
from trading.state_dir import StateDir


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that the command is typed in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRADER_PLATFORM", "kalshi")
    return tmp_path


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


def test_a_halt_says_when_nobody_of_that_directory_runs() -> None:
    """In the wrong directory it stops nobody; beside a running trader there is no such note."""
    alone = typed("halt", "lunch")
    with closing(StateDir(Path("state/trader-kalshi"))):
        heard = typed("halt", "lunch")

    assert (alone.exit_code, heard.exit_code) == (0, 0)
    assert "no trader of that state directory runs" in alone.stderr
    assert "no trader of that" not in heard.stderr
    assert Path("state/trader-kalshi/HALT").is_file()


@pytest.mark.parametrize("command", ["halt", "resume"])
def test_a_halt_that_cannot_be_set_or_ended_is_one_line(command: str) -> None:
    """A file stands where the state directory should be: exit 2, no traceback."""
    Path("state").write_text("")
    answer = typed(command)

    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "state/trader-kalshi/HALT: Not a directory" in answer.stderr.splitlines()[-1]
