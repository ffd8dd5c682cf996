"""One process per state directory: an exclusive lock that the kernel drops with the process (design.md 6)."""

import fcntl
import os
from pathlib import Path

from trading.errors import SettingsError

__all__ = ["StateDir"]


class StateDir:
    """state/<role>[-platform], owner-only, locked. Raises SettingsError when another process holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise SettingsError(f"STATE_DIR: {path}: {exc.strerror}; name a directory this user may write") from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise SettingsError(
                f"{path} is in use by process {holder or 'unknown'}; end that one first, or set another STATE_DIR"
            ) from exc
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let the next process in."""
        os.close(self._file)
