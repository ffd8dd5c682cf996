"""`pairs match` and `pairs score`: recorded rows through the matcher, one answer each.

A row holds pair_id, kalshi and polymarket. Matching never sees a label: it is given these three fields and nothing else.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from controller.discovery.candidates import LEAST, candidates
from controller.discovery.match_rows import match_row, score
from controller.discovery.mutations import KEEPING, flips
from controller.pairs.desk import PairRefused
from controller.pairs.sheet import Sheet, sheet_of_row

__all__ = ["match_lines", "mutation_counts", "review_counts", "row_sheet", "rows_of", "score_file"]


def rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line. Raises PairRefused with the line that is none, and OSError."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as exc:
                raise PairRefused(f"{file}:{number} is no JSON object: {exc}") from exc
            if not isinstance(row, dict):
                raise PairRefused(f"{file}:{number} is no JSON object")
            yield row


def match_lines(file: Path) -> Iterator[dict[str, Any]]:
    """{"pair_id", "match", "outcome_index", "reasons"} for each row."""
    for row in rows_of(file):
        ours, theirs = row.get("kalshi"), row.get("polymarket")
        if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
            yield {"pair_id": row.get("pair_id"), "match": False, "outcome_index": None, "reasons": ["a side is missing"]}
            continue
        found = match_row(dict(ours), dict(theirs))
        yield {
            "pair_id": row.get("pair_id"),
            "match": found.match,
            "outcome_index": found.outcome_index,
            "reasons": list(found.reasons),
        }


def row_sheet(file: Path, pair_id: str) -> Sheet:
    """The page of one row, its polarity as far as the matcher proves it. Raises PairRefused when there is no such row."""
    row = next((row for row in rows_of(file) if row.get("pair_id") == pair_id), None)
    if row is None:
        raise PairRefused(f"no row {pair_id!r} in {file}")
    ours, theirs = row.get("kalshi"), row.get("polymarket")
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return sheet_of_row(row, doubts=("no match: a side is missing",))
    found = match_row(dict(ours), dict(theirs))
    why = () if found.match else tuple(f"no match: {reason}" for reason in found.reasons)
    return sheet_of_row(row, outcome_index=found.outcome_index, doubts=why)


def mutation_counts(file: Path) -> dict[str, dict[str, int]]:
    """Per kind of mutation: to how many labelled positives it applies, how many answers changed, and how many should have."""
    found = flips(row for row in rows_of(file) if row.get("label") == "equivalent")
    return {kind: {**row, "expected": 0 if kind in KEEPING else row["applicable"]} for kind, row in found.items()}


def score_file(file: Path) -> dict[str, Any]:
    """tp, fp, fn, precision, recall, by category, false positives and proposals. Raises PairRefused where labels are missing."""
    try:
        return {"schema": 1, **msgspec.to_builtins(score(rows_of(file))), "proposals": review_counts(file)}
    except KeyError as exc:
        raise PairRefused(f"{file}: a row lacks {exc}: only labelled rows can be scored") from exc


def review_counts(file: Path, *, similarity: int = LEAST) -> dict[str, Any]:
    """What a person would be shown: matches that may not trade by themselves and look-alikes, and how many are right.

    Keys: shown, right, precision (None when nothing is shown), and by_text, the shown and right of the look-alikes alone.
    """
    shown, right = {"key": 0, "text": 0}, {"key": 0, "text": 0}
    for row in rows_of(file):
        if row.get("certainty") == "medium":
            continue
        found, same = match_row(row["kalshi"], row["polymarket"]), row["label"] == "equivalent"
        if found.match and not found.tradable:
            shown["key"] += 1
            right["key"] += same and found.outcome_index == row["yes_maps_to"]["outcome_index"]
        elif not found.match and candidates([row["kalshi"]], [row["polymarket"]], similarity=similarity):
            shown["text"] += 1
            right["text"] += same
    total = sum(shown.values())
    return {
        "shown": total,
        "right": sum(right.values()),
        "precision": sum(right.values()) / total if total else None,
        "by_text": {"shown": shown["text"], "right": right["text"]},
    }
