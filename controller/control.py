"""The way to ask a running controller: an owner-only Unix socket in its state directory (design.md 6).

    one line of JSON in: {"schema": 1, "ask": "status", ...}    ──►    one line of JSON out: {"schema": 1, "ok": true, "answer": …}

Whoever can open the socket owns the account the controller runs under. It reads and asks; what stops trading is the HALT file,
which works without it. The state directory's lock makes any older socket there a dead one.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from trading.errors import TandemError
from trading.log import get_logger

__all__ = ["Asked", "NotRunning", "ask", "control_path", "serving"]

Asked = Callable[[Mapping[str, object]], Awaitable[object]]
"""Answers one question with something that JSON can hold. Raises TandemError with a line for people."""
_LINE = 64 * 1024
_IDLE_S = 10.0
_LONGEST = 103
"""Bytes of a Unix socket's name that Linux (107) and macOS (103) both bind."""

log = get_logger(__name__)


class NotRunning(TandemError):
    """Nobody answers in that state directory."""


def control_path(state_dir: Path) -> Path:
    """The socket of that state directory: in it, or, where the system's limit on such names is too short for it, under a name made
    from its whole path in the user's runtime directory, which both sides find alike from the state directory."""
    real = os.path.realpath(state_dir)  # however it is spelt, relative or through a link
    path = Path(real) / "control.sock"
    if len(os.fsencode(path)) <= _LONGEST:
        return path
    name = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tandem-{os.getuid()}" / f"{name}.sock"


def _own(directory: Path) -> None:
    """Make the runtime directory, and raise OSError unless it is this user's alone: others may write beside it."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{directory} is not this user's alone")


@contextlib.asynccontextmanager
async def serving(path: Path, asked: Mapping[str, Asked]) -> AsyncIterator[None]:
    """Answer while this is open. A path that the system cannot bind is said and does not stop the controller."""

    handling: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
                async with asyncio.timeout(_IDLE_S):
                    line = await reader.readuntil(b"\n")
                writer.write(json.dumps(await _answer(line, asked)).encode() + b"\n")
                await writer.drain()
        finally:
            await _close(writer)

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(handle(reader, writer))
        handling.add(task)
        task.add_done_callback(handling.discard)

    server = None
    try:
        server = await asyncio.start_unix_server(begin, sock=_bound(path), limit=_LINE)
    except OSError as exc:
        log.warning(
            "no_control_socket", path=str(path), error=str(exc), next_step="`controller status` cannot ask this process"
        )
    try:
        yield
    finally:
        if server is not None:
            server.close()
            _remove(path)
            for task in handling:
                task.cancel()
            await asyncio.gather(*handling, return_exceptions=True)


def _bound(path: Path) -> socket.socket:
    """Bound and narrowed before anybody can connect: listening begins afterwards."""
    if path.parent.name == f"tandem-{os.getuid()}":
        _own(path.parent)
    _remove(path)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        one.bind(str(path))
        path.chmod(0o600)
    except OSError:
        one.close()
        raise
    return one


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _answer(line: bytes, asked: Mapping[str, Asked]) -> Mapping[str, object]:
    try:
        question = json.loads(line)
        if not isinstance(question, dict) or question.get("schema") != 1:
            raise ValueError("a question is a JSON object with schema 1")
        handler = asked.get(str(question.get("ask")))
        if handler is None:
            raise ValueError(f"ask one of {', '.join(sorted(asked))}")
        return {"schema": 1, "ok": True, "answer": await handler(question)}
    except (ValueError, TandemError, RecursionError) as exc:
        return {"schema": 1, "ok": False, "error": str(exc)}
    except Exception as exc:  # a question never ends the process that trades
        log.warning("question_failed", error=repr(exc))
        return {"schema": 1, "ok": False, "error": f"{type(exc).__name__}: {exc}"}


async def ask(path: Path, question: str, *, timeout_s: float = 5.0, **more: object) -> object:
    """The answer of the controller that serves this socket. Raises NotRunning, or TandemError with what it said."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 24)
            try:
                writer.write(json.dumps({"schema": 1, "ask": question, **more}).encode() + b"\n")
                line = await reader.readline()
            finally:
                await _close(writer)
    except TimeoutError:
        raise TandemError(
            f"the controller does not answer on {path} within {timeout_s:g} s; is its machine overloaded?"
        ) from None
    except FileNotFoundError as exc:
        raise NotRunning(f"no controller of the state directory {path.parent}; another one: --state-dir or STATE_DIR") from exc
    except (OSError, ValueError) as exc:
        raise NotRunning(f"no controller answers on {path} ({exc})") from exc
    if not line:
        raise NotRunning(f"the controller on {path} ended before it answered")
    answer = json.loads(line)
    if not answer["ok"]:
        raise TandemError(str(answer["error"]))
    return answer["answer"]
