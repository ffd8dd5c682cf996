"""Promise of the mutations: the matcher notices every change of meaning and no change of order."""

import json
from pathlib import Path

import pytest

from controller.discovery.mutations import KEEPING, flips

LABELLED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "pairs_dev.jsonl"


def test_every_change_of_meaning_flips_and_order_does_not():
    """On every labelled positive to which a kind applies."""
    if not LABELLED.exists():
        pytest.skip("the labelled pairs stand beside the checkout and are absent here")
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]

    for kind, counts in flips([row for row in rows if row["label"] == "equivalent"]).items():
        # No labelled positive says "at least": that kind is held by the promises of the Federal Reserve reader.
        assert counts["applicable"] > 0 or kind == "at_least_to_above", kind
        assert counts["flipped"] == (0 if kind in KEEPING else counts["applicable"]), kind
