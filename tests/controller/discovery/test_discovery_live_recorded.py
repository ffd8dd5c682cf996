"""The whole live path over the recorded universe: what it pairs is labelled the same question, on the labelled outcome."""

import json
from pathlib import Path

import pytest
from test_discovery_catalogue import NOW, run
from test_discovery_domains import venues

from trading.sim.universe import load
from trading.units import WallNs

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "pairs_dev.jsonl"


@pytest.mark.skipif(not DATA.is_file(), reason="the recorded pairs are not beside this checkout")
async def test_live_discovery_of_the_recorded_universe_makes_no_wrong_pair():
    """Zero false positives, hundreds of markets that differ in one field among them; and nothing of it approves itself, because
    the recordings carry no rules."""
    universe = load(DATA, 1, WallNs(NOW))
    found = await run(*venues(universe.kalshi.events, universe.polymarket.events))
    labels: dict[tuple[str, str], set[int]] = {}
    for line in DATA.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        place = labels.setdefault((row["kalshi"]["ticker"], str(row["polymarket"].get("condition_id"))), set())
        if row["label"] == "equivalent":
            place.add(row["yes_maps_to"]["outcome_index"])
    judged = [pair for pair in found.pairs if (pair.first, pair.second) in labels]

    assert [pair.id for pair in judged if int(pair.outcome_index) not in labels[pair.first, pair.second]] == []
    assert len(judged) >= 100
    assert len({pair.league for pair in found.pairs} & {"futures", "politics"}) == 2
    assert {pair.state for pair in found.pairs} == {"proposed"}
