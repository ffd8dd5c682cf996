"""Recorded traffic through the real feeds gives the books that the venues had."""

import base64
import json
from pathlib import Path

import pytest
from sim_run import shared

from trading.sim.replay import read_frames, replay_kalshi, replay_polymarket


def test_kalshi_recording_gives_the_expected_books() -> None:
    """All twelve books equal the derived ones, level by level."""
    expected = json.loads(shared("kalshi_ws_orderbook_2026-08-07.expected_books.json").read_text())
    result = replay_kalshi(read_frames(shared("kalshi_ws_orderbook_2026-08-07.jsonl")), yes_view=False)

    assert result == expected


def test_kalshi_recording_in_the_wrong_view_gives_no_book() -> None:
    """NO levels read as YES prices would cross; such books are not shown."""
    frames = read_frames(shared("kalshi_ws_orderbook_2026-08-07.jsonl"))

    assert len(replay_kalshi(frames, yes_view=True)["books"]) < 12


def test_polymarket_recording_ends_at_the_venues_own_best_prices() -> None:
    """After the last change both tokens' tops equal what the frame states, and the two are mirrors."""
    path = shared("polymarket_ws_market_2026-09-11.jsonl")
    result = replay_polymarket(read_frames(path))
    stated = json.loads(path.read_text().splitlines()[-1])["frame"]["price_changes"]

    for change in stated:
        book = result["books"][change["asset_id"]]
        assert (book["best_bid"], book["best_ask"]) == (change["best_bid"], change["best_ask"])
        assert result["changes"][-1][change["asset_id"]] == {"best_bid": change["best_bid"], "best_ask": change["best_ask"]}


def test_rows_of_our_own_recorder_are_read(tmp_path: Path) -> None:
    """Text and base64 rows come in; frames we sent are left out."""
    path = tmp_path / "stream.jsonl"
    stamp = {"schema": 1, "wall_ns": 5, "mono_ns": 1}
    rows = [
        {**stamp, "way": "out", "text": "SUBSCRIBE"},
        {**stamp, "way": "in", "text": "PONG"},
        {**stamp, "way": "in", "base64": base64.b64encode(b"\xff").decode()},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))

    assert read_frames(path) == [(5, b"PONG"), (5, b"\xff")]


def test_a_broken_row_names_file_and_line(tmp_path: Path) -> None:
    """The message tells where to look."""
    path = tmp_path / "stream.jsonl"
    path.write_text('{"something": 1}\n')

    with pytest.raises(ValueError, match=r"stream\.jsonl:1 is no recorded frame"):
        read_frames(path)
