"""The benchmark runs and its stdout is JSON lines; whether it is fast enough is for the benchmark itself to say."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.system
def test_quick_run_prints_one_json_line_per_figure() -> None:
    """--only chooses, --quick shortens, and stdout holds nothing but the figures with their targets."""
    command = [sys.executable, "-m", "tests.bench", "--only", "P1,P5", "--quick"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    rows = [json.loads(line) for line in run.stdout.splitlines()]

    assert run.returncode == 0, run.stderr
    assert [row["id"] for row in rows] == ["P1", "P5"]
    assert all(row["value"] > 0 and row["ok"] is (row["value"] <= row["target"]) for row in rows)


@pytest.mark.system
def test_a_figure_without_its_reference_says_how_to_get_it() -> None:
    """P4 needs the bench extra: without it the value is null, never a number, and the line names the command."""
    command = [sys.executable, "-m", "tests.bench", "--only", "P4", "--quick"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    row = json.loads(run.stdout)

    assert run.returncode == 0, run.stderr
    if find_spec("py_clob_client_v2") is None:
        assert (row["value"], row["ok"]) == (None, None)
        assert "make bench" in row["missing"]
    else:
        assert row["identical_orders"] == 96


@pytest.mark.system
def test_unknown_name_is_refused() -> None:
    command = [sys.executable, "-m", "tests.bench", "--only", "P99"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert (run.returncode, run.stdout) == (2, "")
    assert "P99" in run.stderr
