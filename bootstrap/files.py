"""Owner-only files, written whole or not at all: a crash leaves the old file, and nobody else ever reads the new one."""

import os
import stat
import tempfile
from pathlib import Path

__all__ = ["Problem", "private_directory", "read_private", "write_private"]


class Problem(Exception):
    """Something the operator has to put right; the text says what and how. Nothing was changed."""


def private_directory(path: Path) -> None:
    """Make the directory 0700. An existing one that others may enter is closed to them."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as exc:
        raise Problem(f"{path}: {exc.strerror}; name a directory of your own with --dir") from exc


def read_private(path: Path) -> bytes:
    """Read a file that only its owner may read. Raises Problem when it is missing or open to others."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise Problem(f"{path} has mode {mode:04o}; others can read it: chmod 600 {path}")
        return path.read_bytes()
    except OSError as exc:
        raise Problem(f"{path}: {exc.strerror}") from exc


def write_private(path: Path, data: bytes) -> None:
    """Replace a file by one of mode 0600, and have it on the disk before returning."""
    private_directory(path.parent)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made owner-only
    except OSError as exc:
        raise Problem(f"{path}: {exc.strerror}") from exc
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # the name too survives a power cut
        finally:
            os.close(directory)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
