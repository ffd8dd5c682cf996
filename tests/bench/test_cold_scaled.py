"""Orders after idling, with every wait twenty times shorter: none leaves on a cold socket."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.system
@pytest.mark.alone
def test_no_order_leaves_cold_though_the_venues_close_idle_connections() -> None:
    """Three arbs, each after idling longer than the venues' patience; some connection was closed, so keeping warm mattered."""
    command = [sys.executable, "-m", "tests.bench.cold_run", "--seconds", "60", "--speed", "20"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    row = json.loads(run.stdout)

    assert (row["orders"], row["cold_orders"]) == (6, 0), run.stderr
    assert row["requests"] > row["orders"]
