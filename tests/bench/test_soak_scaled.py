"""The soak at a scale that needs no fast machine: its promises of correctness, none of speed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.system
def test_a_burst_of_frames_costs_no_resync_and_leaves_every_book_right() -> None:
    """Forty pairs, two thousand frames of the recorded kinds from another process: every book equals the sender's at the end."""
    command = [sys.executable, "-m", "tests.bench.soak_run", "--seconds", "2", "--rate", "1000", "--pairs", "40"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    row = json.loads(run.stdout)

    assert (row["resyncs"], row["reconnects"], row["bad_frames"], row["wrong_books"]) == (0, 0, 0, 0), run.stderr
    assert row["books"] == 60
    assert set(row["kinds"]) == {"delta", "price_change", "best_bid_ask", "snapshot", "book"}
