"""Log events with fields: one event per fact, no secrets, none on the tick path (B-313).

The console shows text, the file holds one JSON object a line with UTC time; both carry the same fields.
"""

import logging
import logging.handlers
import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import structlog

from trading.errors import SettingsError
from trading.secrets import Secret

__all__ = ["get_logger", "setup_logging"]


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, Secret):
            event[key] = "***"
        elif isinstance(value, bytes):
            event[key] = value.hex()
    return event


_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    _mask,
]


def setup_logging(level: str = "INFO", file: Path | None = None, *, console: bool = True) -> None:
    """Install the two outputs: text on stderr, JSON lines in file (10 MB, 5 kept). Raises SettingsError for no writable file."""
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    if console:
        shown = logging.StreamHandler(sys.stderr)
        text = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
        shown.setFormatter(_formatter(text))
        root.addHandler(shown)
    if file is not None:
        _check_writable(file)
        kept = logging.handlers.RotatingFileHandler(file, maxBytes=10_000_000, backupCount=5, delay=True)
        kept.setFormatter(_formatter(structlog.processors.JSONRenderer(default=str)))
        root.addHandler(kept)
    if not root.handlers:
        root.addHandler(logging.NullHandler())  # else Python prints what nobody takes
    root.setLevel(level)
    for noisy in ("asyncio", "websockets", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _check_writable(file: Path) -> None:
    """The handler opens it at the first event, too late to say anything but a trace per event."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise SettingsError(f"LOG_FILE={file}: {exc.strerror}; name a writable file, or none") from exc
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise SettingsError(f"LOG_FILE={file} cannot be written; name a writable file, or none")


def _formatter(renderer: Any) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose calls are events: log.info("leg_filled", leg=..., filled=...)."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
