"""Secrets that cannot be printed by accident, and key files that only their owner reads (B-018, B-019, B-311)."""

import os
import stat
import tempfile
from pathlib import Path

from trading.errors import SettingsError

__all__ = ["Secret", "loose_permissions", "read_key_file", "write_private"]


class Secret:
    """A string whose repr, str and format are masked; reveal() is the only way out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(***)" if self._value else "Secret(empty)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is never pickled")

    __str__ = __repr__


def loose_permissions(path: Path) -> str | None:
    """One line when others than the owner may read the file, else None."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{path} has mode {mode:04o}; others can read it: chmod 600 {path}" if mode & 0o077 else None


def read_key_file(path: Path) -> bytes:
    """Read a key file. Raises SettingsError naming path and rule when it is missing, empty or unreadable."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise SettingsError(f"key file {path}: {exc.strerror}; point the setting at a readable PEM file") from exc
    if not data.strip():
        raise SettingsError(f"key file {path} is empty; write the PEM into it")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Write a file atomically with mode 0600: a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:  # mkstemp already made it owner-only
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
