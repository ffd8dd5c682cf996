"""The benchmark runs and its stdout is JSON lines; whether it is fast enough is for the benchmark itself to say."""

import json
import subprocess
import sys
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
def test_unknown_name_is_refused() -> None:
    command = [sys.executable, "-m", "tests.bench", "--only", "P99"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert (run.returncode, run.stdout) == (2, "")
    assert "P99" in run.stderr
