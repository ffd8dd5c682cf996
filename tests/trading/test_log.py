"""Two outputs of one event, a file that is rotated, and a file that cannot be written said before anything starts (B-313)."""

import json
import logging
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
import structlog

from trading.errors import SettingsError
from trading.log import get_logger, setup_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    for mine in root.handlers[:]:
        mine.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_console_shows_text_and_the_file_one_json_object_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """B-313: both carry the fields, the file with level, logger and UTC time; below LOG_LEVEL nothing; stdout stays empty."""
    setup_logging("WARNING", tmp_path / "logs" / "x.log")
    log = get_logger("room")
    log.info("too_quiet", leg="one")
    log.warning("leg_late", leg="two", ms=7)
    (line,) = (tmp_path / "logs" / "x.log").read_text().splitlines()
    row = json.loads(line)
    shown = capsys.readouterr()

    assert (row["event"], row["leg"], row["ms"], row["level"], row["logger"]) == ("leg_late", "two", 7, "warning", "room")
    assert row["timestamp"].endswith("Z")
    assert shown.out == ""
    assert "leg_late" in shown.err and "two" in shown.err and "too_quiet" not in shown.err


def test_the_file_is_rotated(tmp_path: Path) -> None:
    """B-313: 10 MB each, five old ones."""
    setup_logging("INFO", tmp_path / "x.log", console=False)
    (kept,) = logging.getLogger().handlers

    assert isinstance(kept, RotatingFileHandler)
    assert (kept.maxBytes, kept.backupCount) == (10_000_000, 5)


@pytest.mark.parametrize("where", [".", "file/x.log"])
def test_a_file_that_cannot_be_written_stops_the_start(tmp_path: Path, where: str) -> None:
    """B-017: one line naming LOG_FILE, where the handler would print a trace at every event."""
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match=r"LOG_FILE=.*name a writable file, or none"):
        setup_logging("INFO", tmp_path / where, console=False)
