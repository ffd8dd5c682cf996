"""The driver of the strangers' clients, without any of them: what it passes on and what it calls a failure."""

import sys
from pathlib import Path

import pytest

from tests.contract.__main__ import _run, _tell, main
from tests.contract.clients import CLIENTS

_CHECKS = Path(__file__).resolve().parent


def _script(directory: Path, body: str) -> Path:
    path = directory / "stranger.py"
    head = f"import sys; sys.path.insert(0, {str(_CHECKS)!r})\nfrom checks import run_checks\n"
    path.write_text(f"{head}def main(checks):\n    run = checks.run\n{body}\nrun_checks(main)\n")
    return path


@pytest.mark.parametrize(
    ("body", "failed", "words"),
    [
        ("    run('one', lambda: 1, lambda x: x == 1)", 0, ["one                ok"]),
        ("    run('one', lambda: 1, lambda x: x == 2)", 1, ["FAILED  unexpected: 1"]),
        ("    run('one', lambda: 1 / 0); run('two', lambda: 2)", 1, ["FAILED  ZeroDivisionError", "two                ok"]),
        ("    run('one', lambda: None).missing", 1, ["one                ok", "the rest           FAILED  AttributeError"]),
        ("    raise SystemExit('gone')", 1, ["script             FAILED  gone"]),
    ],
)
def test_every_failure_of_a_script_is_a_line_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, failed: int, words: list[str]
) -> None:
    """A check that does not hold, an error in one, an error between two and a script that ends without a word."""
    counted = _run("stranger", Path(sys.executable), str(_script(tmp_path, body)), "{}\n")
    said = capsys.readouterr().out

    assert counted == failed
    assert all(word in said for word in words), said


def test_a_client_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "nobody"])

    assert ended.value.code == 2
    assert all(client.name in capsys.readouterr().err for client in CLIENTS[:1])


def test_a_skipped_client_is_told_apart_from_a_failed_one(capsys: pytest.CaptureFixture[str]) -> None:
    _tell("somebody", "install", None, "no such version")

    assert capsys.readouterr().out.split() == ["somebody", "install", "skipped", "no", "such", "version"]
