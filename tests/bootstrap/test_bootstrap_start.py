"""Bootstrap names the exact command that starts what it set up, and becomes that program when it is told to (B-231)."""

import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bootstrap import start as starting
from bootstrap.cli import app
from bootstrap.start import start_command


def test_the_command_finds_the_fragment_from_here(tmp_path: Path) -> None:
    """Without an .env the fragment becomes it; another .env is left alone; one that is the fragment already needs nothing."""
    fragment = tmp_path / "link" / "controller.env"
    fragment.parent.mkdir()
    fragment.write_text("LINK_PORT=9555\n")

    assert start_command(fragment, "controller", tmp_path) == "ln -s link/controller.env .env && controller run"
    (tmp_path / ".env").write_text("DRY_RUN=1\n")
    shown = start_command(fragment, "controller", tmp_path)
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").symlink_to(fragment)
    assert start_command(fragment, "controller", tmp_path) == "controller run"

    shell = shown.replace("controller run", "echo $LINK_PORT")
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    assert done.stdout == "9555\n"


def test_init_becomes_the_program_with_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fragment's values reach the program, the environment's win; a trader that nobody paired is not started."""
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(starting.os, "execve", lambda path, words, environ: calls.append((words, environ)))
    monkeypatch.setenv("LINK_PORT", "9777")
    none = ["--tailscale", "no-such-program-here", "--socket", str(tmp_path / "none.sock")]
    runner, home, away = CliRunner(), str(tmp_path / "home"), str(tmp_path / "away")

    done = runner.invoke(app, ["init", "--role", "controller", "--dir", home, "--start", *none])
    alone = runner.invoke(app, ["init", "--role", "trader", "--platform", "kalshi", "--dir", away, "--start", *none])

    assert (done.exit_code, alone.exit_code) == (0, 1)
    assert "pair first" in alone.stderr
    ((words, environ),) = calls
    assert words[1:] == ["-m", "controller", "run"]
    assert (environ["LINK_DIR"], environ["LINK_HOST"], environ["LINK_PORT"]) == (home, "127.0.0.1", "9777")
