"""Recorded rows through the command line: one answer a row, and no label is ever looked at."""

import json

import pytest
import typer
from typer.testing import CliRunner

from controller.commands_pairs import register
from controller.settings import ControllerSettings

ROW = {
    "pair_id": "x",
    "kalshi": {
        "ticker": "KXNBAGAME-26JAN11HOUSAC-HOU",
        "event_ticker": "KXNBAGAME-26JAN11HOUSAC",
        "series_ticker": "KXNBAGAME",
        "event_title": "Houston at Sacramento",
        "title": "Houston at Sacramento Winner?",
        "yes_sub_title": "Houston",
    },
    "polymarket": {
        "id": "1",
        "question": "Rockets vs. Kings",
        "event_title": "Rockets vs. Kings",
        "event_slug": "nba-hou-sac-2026-01-11",
        "slug": "nba-hou-sac-2026-01-11",
        "series_slug": "nba-2026",
        "tags": ["sports", "nba", "games", "basketball"],
        "sports_market_type": "moneyline",
        "outcomes": ["Rockets", "Kings"],
        "game_start_time": "2026-01-12 02:00:00+00",
        "event_date": "2026-01-11",
    },
}
LABELS = {"label": "equivalent", "certainty": "certain", "category": "nba", "yes_maps_to": {"outcome_index": 0}}


@pytest.fixture
def run(tmp_path):
    app = typer.Typer()
    register(app, lambda state_dir: ControllerSettings(state_dir=str(tmp_path)))

    def call(command, rows, *words):
        file = tmp_path / "rows.jsonl"
        file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        before = ["x"] if command == "show" else []
        return CliRunner().invoke(app, ["pairs", command, *before, *(["--file"] if before else []), str(file), *words])

    return call


def test_match_prints_one_json_line_a_row_in_their_order(run):
    """{"pair_id", "match", "outcome_index", "reasons"} and nothing else."""
    lines = [json.loads(line) for line in run("match", [ROW, {"pair_id": "y"}], "--json").stdout.splitlines()]

    assert [set(line) for line in lines] == [{"pair_id", "match", "outcome_index", "reasons"}] * 2
    assert [(line["pair_id"], line["match"], line["outcome_index"]) for line in lines] == [("x", True, 0), ("y", False, None)]
    assert all(line["reasons"] for line in lines)


def test_a_label_changes_no_answer(run):
    """The matcher is given the two sides only."""
    wrong = {**ROW, **LABELS, "label": "not_equivalent", "yes_maps_to": {"outcome_index": 1}}

    assert run("match", [wrong], "--json").stdout == run("match", [ROW], "--json").stdout


def test_score_counts_and_names_false_positives(run):
    wrong = {**ROW, **LABELS, "pair_id": "w", "yes_maps_to": {"outcome_index": 1}}
    found = json.loads(run("score", [{**ROW, **LABELS}, wrong], "--json").stdout)

    assert (found["tp"], found["fp"], found["false_positives"]) == (1, 1, ["w"])


@pytest.mark.parametrize("bad", ["{", "5", '"x"', "[" * 100_000])
def test_a_line_that_is_no_object_is_named(run, bad):
    result = run("match", [ROW, bad])

    assert result.exit_code == 1
    assert ":2 " in result.stderr


def test_unlabelled_rows_cannot_be_scored(run):
    assert run("score", [ROW]).exit_code == 1


def test_show_takes_the_polarity_the_matcher_proved(run):
    assert json.loads(run("show", [ROW], "--json").stdout)["polarity_proven"] is True
    assert json.loads(run("show", [{"pair_id": "x"}], "--json").stdout)["polarity_proven"] is False
