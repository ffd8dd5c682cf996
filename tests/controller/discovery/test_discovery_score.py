"""Promises of the scorer: wrong index is wrong, medium is ignored, both recalls, one command."""

import io
import json

import pytest

from controller.discovery.score import main, proposals_from, score


def row(ticker, market, label="equivalent", *, index=0, certainty="certain", category="sports.nba.moneyline", **ids):
    return {
        "pair_id": ticker,
        "label": label,
        "relation": "identity" if label == "equivalent" else "other_outcome",
        "certainty": certainty,
        "category": category,
        "yes_maps_to": {"outcome_index": index} if label == "equivalent" else None,
        "kalshi": {"ticker": ticker},
        "polymarket": {"condition_id": market, **ids},
    }


ROWS = [
    row("A", "0x1", index=0),
    row("B", "0x1", index=1),
    row("C", "0x2", category="sports.x.moneyline_draw"),
    row("D", "0x3", category="futures"),
    row("E", "0x4", "not_equivalent"),
    row("F", "0x5", certainty="medium"),
]


def test_perfect_proposals_score_one():
    """All positives found, nothing wrong; medium rows count nowhere."""
    result = score(ROWS, [("A", "0x1", 0), ("B", "0x1", 1), ("C", "0x2", 0), ("D", "0x3", 0), ("F", "0x5", 1)])

    assert (result["precision"], result["recall_game_winner"], result["recall_all"]) == (1.0, 1.0, 1.0)
    assert result["wrong"] == []
    assert result["true_positives"] == 4


def test_recall_of_winners_and_of_all_positives_are_apart():
    """Futures weigh on the second only."""
    result = score(ROWS, [("A", "0x1", 0), ("B", "0x1", 1)])

    assert result["recall_game_winner"] == round(2 / 3, 4)
    assert result["recall_all"] == 0.5
    assert result["by_category"]["sports.nba.moneyline"] == {"positives": 2, "found": 2, "false_positives": 0, "recall": 1.0}


@pytest.mark.parametrize(
    ("proposal", "why"),
    [(("A", "0x1", 1), "wrong outcome index"), (("E", "0x4", 0), "other_outcome")],
)
def test_wrong_index_and_wrong_pair_are_false_positives(proposal, why):
    """A flipped pair doubles the position: as bad as another game."""
    result = score(ROWS, [proposal])

    assert [item["why"] for item in result["wrong"]] == [why]
    assert result["precision"] == 0.0


def test_both_outcomes_proposed_is_wrong_and_unlabelled_is_counted_apart():
    """Hedging the answer is no answer; what no label speaks of is not judged."""
    result = score(ROWS, [("A", "0x1", 0), ("A", "0x1", 1), ("Z", "0x9", 0)])

    assert result["false_positives"] == 1
    assert result["unlabelled"] == 1


def test_row_without_condition_id_is_found_by_gamma_id():
    """Some recordings know only the Gamma id."""
    known = {**row("A", None), "polymarket": {"id": "77"}}

    assert score([known], [("A", "77", 0)])["true_positives"] == 1


def test_no_proposals_score_without_dividing_by_zero():
    """Precision of nothing is unknown."""
    assert score([], [])["precision"] is None
    assert score(ROWS, [])["recall_all"] == 0.0


@pytest.mark.parametrize(
    "document",
    [
        [["A", "0x1", 0]],
        {"schema": 1, "pairs": [{"first": "A", "second": "0x1", "outcome_index": 0}]},
        [{"kalshi": "A", "condition_id": "0x1", "outcome_index": 0}],
    ],
)
def test_proposals_are_read_in_every_documented_form(document):
    """What controller discover prints and plain triples."""
    assert proposals_from(document) == [("A", "0x1", 0)]


@pytest.mark.parametrize("document", [5, {"pairs": 3}, [["A", "0x1"]], [{"first": "A", "second": "0x1"}]])
def test_other_forms_are_refused(document):
    """A misread file must not score as an empty one."""
    with pytest.raises(ValueError, match="proposal"):
        proposals_from(document)


def test_command_scores_standard_input(tmp_path, monkeypatch, capsys):
    """controller discover --json can be piped in; the exit code tells whether anything was wrong."""
    labels = tmp_path / "labels.jsonl"
    labels.write_text("\n".join(json.dumps(item) for item in ROWS), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"pairs": [["A", "0x1", 0]]})))
    assert main(["--proposals", "-", "--labels", str(labels), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["true_positives"] == 1
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([["A", "0x1", 1]])))
    assert main(["--proposals", "-", "--labels", str(labels)]) == 1
    assert "wrong: A 0x1 wrong outcome index" in capsys.readouterr().out

    assert main(["--proposals", str(tmp_path / "none"), "--labels", str(labels)]) == 2
    assert "cannot score" in capsys.readouterr().err
