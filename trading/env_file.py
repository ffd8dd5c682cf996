"""The .env file in the working directory, read so that nothing of it is lost in silence (B-015, B-017).

A line that is no NAME=value would leave a default in force, a limit perhaps, while its writer believes otherwise: it stops the
start with its number. Its text is never shown, because it may be a piece of a key.
"""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from trading.errors import SettingsError

__all__ = ["read_env_file"]


def read_env_file(path: Path) -> Mapping[str, str]:
    """Every NAME=value of the file, {} where there is none; quotes and comments as everywhere, no ${} expansion.

    Raises SettingsError when it cannot be read, is not UTF-8, or holds a line that cannot be understood.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise SettingsError(f"{path}: {exc.strerror}; make it readable to this user, or move it away") from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{path} is not UTF-8 text (byte {exc.start}); save it as UTF-8") from None  # exc holds the bytes
    found: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            line = binding.original.line + len(binding.original.string) - len(binding.original.string.lstrip("\r\n"))
            raise SettingsError(f"{path} line {line} is no NAME=value, or its quote never ends; a comment begins with #")
        if binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    return found
