"""The control socket: only its owner asks, nonsense is answered, and a dead controller is told from a silent one."""

import asyncio
import json
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from controller.control import NotRunning, ask, control_path, serving
from trading.errors import TandemError


async def _echo(question: Mapping[str, object]) -> object:
    return dict(question)


async def _refuse(_: Mapping[str, object]) -> object:
    raise TandemError("market KX-A: not now")


async def _break(_: Mapping[str, object]) -> object:
    raise RuntimeError("a defect")


async def test_a_question_is_answered_and_only_the_owner_can_ask(tmp_path: Path) -> None:
    """The socket is the owner's, and gone when the controller is."""
    path = tmp_path / "control.sock"
    async with serving(path, {"echo": _echo}):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await ask(path, "echo", market="KX-A") == {"schema": 1, "ask": "echo", "market": "KX-A"}

    assert not path.exists()
    with pytest.raises(NotRunning, match="STATE_DIR"):  # the likeliest cause: another state directory
        await ask(path, "echo")


async def test_the_socket_of_a_killed_controller_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.touch()
    async with serving(path, {"echo": _echo}):
        assert await ask(path, "echo")


@pytest.mark.parametrize(("question", "says"), [("refuse", "market KX-A: not now"), ("break", "a defect"), ("x", "ask one of")])
async def test_what_cannot_be_answered_is_said_in_one_line(tmp_path: Path, question: str, says: str) -> None:
    """A refusal and a defect reach whoever asked; the server lives on."""
    path = tmp_path / "control.sock"
    async with serving(path, {"echo": _echo, "refuse": _refuse, "break": _break}):
        with pytest.raises(TandemError, match=says):
            await ask(path, question)
        assert await ask(path, "echo")


@pytest.mark.parametrize(
    "line", [b"{\n", b"[]\n", b"null\n", b'{"schema": 2, "ask": "echo"}\n', b"[" * 30_000 + b"\n", b"\xff\n"]
)
async def test_nonsense_is_refused_and_harms_nothing(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "control.sock"
    async with serving(path, {"echo": _echo}):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(line)
        answer = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        assert answer["ok"] is False
        assert await ask(path, "echo")


async def test_a_line_without_end_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with serving(path, {"echo": _echo}):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"x" * 200_000)
        assert await reader.read() == b""
        writer.close()
        assert await ask(path, "echo")


async def test_a_path_that_cannot_be_bound_does_not_stop_the_controller(tmp_path: Path) -> None:
    """A state directory with a very long name has no socket, and trades all the same."""
    path = tmp_path / ("long" * 40) / "control.sock"
    async with serving(path, {"echo": _echo}):
        with pytest.raises(NotRunning):
            await ask(path, "echo")


async def test_a_state_directory_with_a_long_name_is_asked_under_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sides find the same socket from the directory, however it is spelt; it stands where only its owner reaches."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    state = tmp_path / ("long" * 40) / "controller"
    state.mkdir(parents=True)
    monkeypatch.chdir(state.parent)
    path = control_path(state)
    async with serving(path, {"echo": _echo}):
        assert len(str(path)) < 108
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert await ask(control_path(Path("controller")), "echo") == {"schema": 1, "ask": "echo"}

    assert not path.exists()
    assert control_path(tmp_path) == tmp_path / "control.sock"
    assert control_path(state.parent) != path


async def test_a_runtime_directory_that_others_enter_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else could stand behind the name there: no socket, and the controller trades all the same."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = control_path(tmp_path / ("long" * 40))
    path.parent.mkdir(mode=0o755)
    async with serving(path, {"echo": _echo}):
        with pytest.raises(NotRunning):
            await ask(path, "echo")


async def test_a_controller_that_hangs_is_told_from_none(tmp_path: Path) -> None:
    async def hang(_: Mapping[str, object]) -> object:
        await asyncio.Event().wait()
        return None

    path = tmp_path / "control.sock"
    async with serving(path, {"hang": hang}):
        with pytest.raises(TandemError, match="does not answer") as caught:
            await ask(path, "hang", timeout_s=0.05)
        assert not isinstance(caught.value, NotRunning)
