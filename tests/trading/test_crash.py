"""The crash hook of tests kills the process it stands in, at the step and the passing that were named, and nowhere else."""

import subprocess
import sys
from pathlib import Path

import pytest

from trading.crash import VARIABLE, crash_probe
from trading.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
PASSES = "from trading.crash import *; p = crash_probe({VARIABLE: '%s'}, 'sim'); [(print(i), p('J4')) for i in range(3)]"


@pytest.mark.parametrize(("at", "passed", "code"), [("J4", 1, -9), ("J4:2", 2, -9), ("J5", 3, 0), ("J4:4", 3, 0)])
def test_the_process_dies_at_the_named_passing(at: str, passed: int, code: int) -> None:
    """Killed, not ended: no handler, no exit code of its own."""
    run = subprocess.run(
        [sys.executable, "-uc", PASSES % at], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )

    assert (len(run.stdout.split()), run.returncode) == (passed, code), run.stderr


@pytest.mark.parametrize("world", ["live", "paper"])
def test_it_stops_the_start_where_money_could_be(world: str) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        crash_probe({VARIABLE: "J4"}, world)


def test_without_the_variable_it_is_silent_everywhere() -> None:
    crash_probe({}, "live")("J4")
