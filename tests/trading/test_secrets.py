"""Secrets are not printed by accident and live in owner-only files (B-019, B-311)."""

import logging
import pickle
import stat
from pathlib import Path

import pytest

from trading.errors import SettingsError
from trading.log import get_logger, setup_logging
from trading.secrets import Secret, loose_permissions, read_key_file, write_private


def test_secret_never_shows() -> None:
    """repr, str, format and containers show a mask; only reveal() gives the value."""
    secret = Secret("hunter2")

    assert "hunter2" not in f"{secret} {secret!r} {[secret]} { ({'k': secret}) }"
    assert secret.reveal() == "hunter2"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_secret_is_masked_in_the_log_file(tmp_path: Path) -> None:
    """A secret handed to a log event by mistake is written as ***."""
    setup_logging("INFO", tmp_path / "x.log", console=False)
    try:
        get_logger("test").info("started", key=Secret("hunter2"), leg=b"\x01\x02")
        text = (tmp_path / "x.log").read_text()
    finally:
        for handler in logging.getLogger().handlers[:]:
            handler.close()
            logging.getLogger().removeHandler(handler)

    assert "hunter2" not in text
    assert '"key": "***"' in text
    assert '"leg": "0102"' in text


def test_private_files_are_owner_only(tmp_path: Path) -> None:
    """A written key file has mode 0600 and replaces the old one whole."""
    path = tmp_path / "keys" / "a.pem"
    write_private(path, b"one")
    write_private(path, b"two")

    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert loose_permissions(path) is None
    assert [file.name for file in path.parent.iterdir()] == ["a.pem"]


def test_loose_key_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    path.write_bytes(b"key")
    path.chmod(0o644)

    assert "chmod 600" in (loose_permissions(path) or "")


@pytest.mark.parametrize("content", [None, b"", b"  \n"])
def test_missing_or_empty_key_file_names_the_path(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsError, match=r"a\.pem"):
        read_key_file(path)
